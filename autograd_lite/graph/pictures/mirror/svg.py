"""The picture of a mirror: the forward pass runs down on the left, the rules up on the right, each next to its op.

Saved values lead across to the rules that read them, with their bytes; gradients arrive at the parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Unpack

from ....core.messages import checked
from ....ir.build import build_from
from ....ir.node_labels import amount, clip, visible
from ....ir.pure_graph import PureGraph
from ....ir.pure_program import PureProgram
from ....tensors.tensor import Tensor
from ..boxes import SMALL, Label, Line, label_of
from ..draw import STUB, Element, element, node_element, stub, text
from ..drawing import first_that_fits
from ..folding.fold import ViewOptions
from ..layout.geometry import Point
from ..scopes import path_text
from ..sheet import Sample, Scene, Sheet, heat_sample, line_sample, page, sample_of
from ..style import HEATS, LOOKS, Stylesheet
from ..view import EdgeKind, ViewNode
from ..widths import text_width
from .frames import Band
from .grid import CHIP
from .model import Mirror, mirrors_of, results_of
from .place import place_boxes
from .route import Note, Plan, Wire, plan_lines

_HEADER = 34.0
# The size of the text of a rule.
_RULE = 12.0
# Read aloud to those who do not see the picture.
_DESCRIPTION = (
    "On the left the forward pass runs down; on the right the derivative rules run up, each next to its operation. "
    "Dotted lines lead what is saved to the rules that read it; dashed lines lead gradients to the parameters."
)


class Drawing(NamedTuple):
    """A mirror; the labels of its boxes, by cell of its rules, and of its saved values; and where all that goes."""

    mirror: Mirror
    labels: list[Label]
    rules: dict[int, Label]
    words: list[str]
    plan: Plan

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        plan = self.plan
        return plan.right_end - plan.left_end, plan.low_end


def drawing_of(graph: PureGraph, **options: Unpack[ViewOptions]) -> Drawing:
    """Lay out the mirror of a graph with a backward pass; see `Graph.to_mirror`."""
    return first_that_fits(map(_lay_out, mirrors_of(graph, **options)), lambda drawing: drawing.size)


def _lay_out(mirror: Mirror) -> Drawing:
    labels = [_label(box) for box in mirror.view.nodes]
    rules = {k: _label(box) for k, box in mirror.rules.items()}
    words = [amount(saved.nbytes, "B") for saved in mirror.saved]
    where = place_boxes(mirror, [label.box for label in labels], {k: label.box for k, label in rules.items()})
    return Drawing(mirror, labels, rules, words, plan_lines(mirror, where, words))


def _label(box: ViewNode) -> Label:
    label = label_of(box)
    if box.look != "backward" or box.members:
        return label
    # What a rule does is not small print.
    head, *rules = label.lines
    return label._replace(lines=(head, *(line._replace(size=_RULE, style="") for line in rules)))


def mirror_scene(graph: PureGraph, **options: Unpack[ViewOptions]) -> Scene:
    """Return the mirror picture of a graph with a backward pass; see `Graph.to_mirror`."""
    mirror, labels, rules, words, plan = drawing_of(graph, **options)
    drawing = [
        *(_frame(*band) for band in plan.bands),
        *(_wire(mirror, wire) for wire in plan.wires),
        *(_frame_title(band, top) for band, top, _ in plan.bands),
        *(_note(mirror, words, note) for note in plan.notes),
        *(node_element(*row) for row in zip(mirror.view.nodes, labels, plan.left, strict=True)),
        *(node_element(mirror.rules[k], rules[k], plan.right[k]) for k in rules),
        *_cuts(mirror, plan, labels, rules),
        *_headers(mirror, plan),
    ]
    sheet = _sheet(graph, mirror, [*labels, *rules.values()])
    return page(sheet, drawing, plan.left_end, plan.right_end, 11 + _HEADER + _above(mirror, plan), plan.low_end + 4)


class Picture(str):
    """The text of an SVG, shown as a picture by notebooks."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"<SVG of {len(self):,} characters>"


@checked
def mirror(tensors: Tensor | Iterable[Tensor], *, measured: bool = False, **options: Unpack[ViewOptions]) -> Picture:
    """Return the mirror of a loss as SVG: its forward pass, and each derivative rule next to its op.

    Args:
        tensors: the loss, or several results.
        measured: run the backward pass, and show the norms of the gradients.
        options: `overlay`, `depth`, `expand`, `collapse`, `fold` and `limit`, as of `view_of`.

    Returns:
        The text of the picture, as `build_graph(tensors, backward=True).to_mirror()` gives it; a notebook shows it.

    Raises:
        GradError: if no result requires a gradient; with `measured`, if `backward` released the graph.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
        >>> picture = mirror((w * w).sum(), measured=True)
        >>> "∇ multiply" in picture, "grad (2,) · |g| 4.5" in picture
        (True, True)
    """
    if measured:
        return Picture(mirror_scene(PureProgram.build(tensors, backward=True).measure(), **options).to_svg())
    return Picture(mirror_scene(build_from(tensors, backward=True).graph, **options).to_svg())


def _sheet(graph: PureGraph, mirror: Mirror, labels: Sequence[Label]) -> Sheet:
    """Return what the page says around the drawing."""
    name = visible(clip(next((graph[i].name for i in results_of(graph)), ""), 60))
    looks = [look for look in LOOKS if any(label.look == look for label in labels)]
    heats = range(HEATS) if any(label.heat >= 0 for label in labels) else ()
    legend = [
        sample_of(look, "derivative rule; g is the gradient that comes in" if look == "backward" else "")
        for look in looks
    ]
    legend += [heat_sample()] if heats else []
    legend += [line_sample(EdgeKind.DATA, "value"), line_sample(EdgeKind.GRADIENT)]
    legend += [line_sample(EdgeKind.SAVED, "saved for a rule")] if mirror.saved else []
    legend += [_sum_sample()] if mirror.uses else []
    return Sheet(
        f"{name}, forward and backward" if name else "Forward and backward",
        mirror.caption,
        legend,
        Stylesheet(looks, tuple(EdgeKind), heats, mirror=True),
        separator=" · ",
        heading=True,
        description=_DESCRIPTION,
    )


def _sum_sample() -> Sample:
    line = Line("sum over uses", SMALL, "soft")
    return Sample(30 + line.width, [_sum(Point(12, 0)), text(line, 26, 0, "start")])


def _above(mirror: Mirror, plan: Plan) -> float:
    """Return the room above the first row that frames and lines out of nowhere need."""
    cut = STUB + 4 if mirror.view.cut or mirror.cut else 0.0
    return max([cut, *(-top for _, top, _ in plan.bands)])


def _cuts(mirror: Mirror, plan: Plan, labels: Sequence[Label], rules: Mapping[int, Label]) -> Iterator[Element]:
    """Draw an arrow out of nowhere into what reads something not shown, and one into nowhere out of its rules."""
    cut = set(mirror.view.cut)
    for k, (box, (x, y), label) in enumerate(zip(mirror.view.nodes, plan.left, labels, strict=True)):
        if box.id in cut:
            size = label.box
            yield from stub(Point(x - size.width / 2 + 12, y - size.height / 2))
        if k in mirror.cut and k in rules:
            x, y = plan.right[k].x - rules[k].box.width / 2 + 12, plan.right[k].y - rules[k].box.height / 2
            yield element("path", "gradient cut edge", d=(("M", x, y), ("V", y - STUB)))


def _headers(mirror: Mirror, plan: Plan) -> Iterator[Element]:
    """Write above the halves in which direction they run."""
    y = -_HEADER + 6 - _above(mirror, plan)
    headers = [("forward", "data", 1), ("saved" if mirror.saved else "", "", 0), ("backward", "gradient", -1)]
    for x, (word, kind, turn) in zip(plan.middles, headers, strict=True):
        if word:
            yield text(Line(word, SMALL, "soft"), x, y)
        if turn:
            x += text_width(word, SMALL) / 2 + 8
            yield element("path", f"{kind} tip", d=(("M", x, y + 4 * turn), ("l", -4, -8 * turn), ("h", 8), ("z",)))


# ---- lines and the marks on them ------------------------------------------------------------------------------------


def _wire(mirror: Mirror, wire: Wire) -> Element:
    kind = {"data": "data", "quiet": "data quiet", "saved": "saved"}.get(wire.kind, "gradient")
    of = str(wire.of) if kind == "saved" else mirror.view.nodes[wire.of].id
    head = [element("path", f"{kind} tip", d=wire.tip)] if wire.tip else []
    return element("g", "", element("path", f"{kind} edge", d=wire.path), *head, data_line=wire.kind, data_of=of)


def _note(mirror: Mirror, words: Sequence[str], note: Note) -> Element:
    x, y = note.at
    if note.kind == "sum":
        return _sum(note.at)
    if note.kind == "dot":
        return element("circle", "saved dot", cx=x, cy=y, r=2.4)
    if note.kind == "argument":
        return text(Line(str(note.of), 9.0, "soft"), x, y, anchor="start")
    if note.kind in ("before", "after"):
        label = visible(clip(mirror.view.edges[note.of].label, 28))
        return text(Line(label, 9.0, "soft halo"), x, y, anchor="end" if note.kind == "before" else "start")
    if note.kind == "saved":
        return _chip(mirror, words[note.of], note)
    if note.kind == "seed":
        return text(Line(mirror.seeds[note.of].label, SMALL, "grad halo"), x, y - 9)
    gradient = mirror.gradients[note.of]
    line = text(Line(gradient.label, SMALL, "grad halo"), x, y - 9)
    return element("g", "", line, tip="\n".join(gradient.tip), data_gradient=gradient.node)


def _chip(mirror: Mirror, word: str, note: Note) -> Element:
    saved, (x, y) = mirror.saved[note.of], note.at
    width = text_width(word, CHIP) + 14
    box = element("rect", "chip", x=x - width / 2, y=y - 8, width=width, height=16, rx=8)
    data = {"data_saved": " ".join(saved.ids), "data_bytes": saved.nbytes}
    return element("g", "saved", box, text(Line(word, CHIP, "soft"), x, y), tip=_saved_tip(mirror, note.of), **data)


def _saved_tip(mirror: Mirror, i: int) -> str:
    saved, nodes = mirror.saved[i], mirror.view.nodes
    ids = f"{len(saved.ids)} arrays of {nodes[saved.cell].id}" if len(saved.ids) > 1 else saved.ids[0]
    readers = ", ".join(f"{nodes[t].id} {nodes[t].lines[0]}" for t in saved.readers)
    return f"{ids}, {saved.nbytes:,} bytes, saved for the rules of {readers}"


def _sum(at: Point) -> Element:
    x, y = at
    plus = (("M", x - 3, y), ("h", 6), ("M", x, y - 3), ("v", 6))
    return element("g", "gradient", element("circle", "sum", cx=x, cy=y, r=5.5), element("path", "sum", d=plus))


def _frame(band: Band, top: float, bottom: float) -> Element:
    width = band.right - band.left
    return element("rect", "frame band", x=band.left, y=top, width=width, height=bottom - top, rx=10)


def _frame_title(band: Band, top: float) -> Element:
    """Write a module's name on top of the lines, with a halo that keeps these off the letters."""
    line = Line(visible(clip(band.scope[-1], 40)), SMALL, "soft halo")
    return element("g", "", text(line, band.left + 9, top + 11, anchor="start"), tip=visible(path_text(band.scope)))

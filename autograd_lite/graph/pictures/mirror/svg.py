"""The mirror as SVG: the forward pass runs down on the left, the rules up on the right, each in the row of its op.

Saved values lead across to the rules that read them, with their bytes; gradients arrive at the parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Unpack

from ....core.messages import checked
from ....ir.build import built
from ....ir.node_labels import clip, visible
from ....ir.pure_graph import PureGraph
from ....ir.pure_program import PureProgram
from ....tensors.tensor import Tensor
from ..boxes import SMALL, Label, Line
from ..draw import STUB, n, node_svg, stub, text, xml
from ..folding.fold import ViewOptions
from ..layout.geometry import Point
from ..sheet import Sample, Sheet, heat_sample, line_sample, page, sample_of
from ..style import HEATS, LOOKS, THEMES, stylesheet
from ..view import EdgeKind
from ..widths import text_width
from .drawing import drawing_of
from .grid import CHIP
from .model import Mirror, results_of
from .route import Note, Plan, Wire

_HEADER = 34.0
# What the page says to those who do not see it.
_WHAT = (
    "On the left the forward pass runs down; on the right the derivative rules run up, each next to its operation. "
    "Dotted lines lead what is saved to the rules that read it; dashed lines lead gradients to the parameters."
)


def _css(looks: Sequence[str], heats: Sequence[int]) -> str:
    """Return the CSS, including that of what only a mirror has, in light and dark."""
    p = ".autograd-graph.mirror"
    lines = [
        stylesheet(looks, tuple(EdgeKind), heats),
        f"{p} .gradient.edge {{ stroke-width: 1.6; stroke-dasharray: 6 3.5; stroke-linecap: butt }}",
        f"{p} .saved.edge {{ stroke-width: 1.6; stroke-dasharray: 0.1 4; stroke-linecap: round }}",
        f"{p} .gradient.cut {{ stroke-dasharray: 2 3 }}",
    ]
    for name, theme in THEMES.items():
        rules = [
            f"{p} .chip {{ fill: {theme.page}; stroke: {theme.saved} }}",
            f"{p} .dot {{ fill: {theme.saved} }}",
            f"{p} .sum {{ fill: {theme.page}; stroke: {theme.gradient}; stroke-width: 1.5 }}",
            f"{p} text.grad {{ fill: {theme.gradient} }}",
        ]
        lines += rules if name == "light" else ["@media (prefers-color-scheme: dark) {", *rules, "}"]
    return "\n".join(lines)


def mirror_svg(graph: PureGraph, **options: Unpack[ViewOptions]) -> str:
    """Return the mirror picture of a graph with a backward pass, as SVG; see `Graph.to_mirror`."""
    mirror, labels, rules, words, plan = drawing_of(graph, **options)
    drawing = [
        *_frames(plan),
        *(_wire(mirror, wire) for wire in plan.wires),
        *_frame_titles(plan),
        *(_note(mirror, words, note) for note in plan.notes),
        *(node_svg(*row) for row in zip(mirror.view.nodes, labels, plan.left, strict=True)),
        *(node_svg(mirror.rules[k], rules[k], plan.right[k]) for k in rules),
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
        options: see `Graph.to_mirror`.

    Returns:
        The text of the picture, as `build_graph(tensors, backward=True).to_mirror()` gives it; a notebook shows it.

    Raises:
        GradError: if no result requires a gradient; with `measured`, if `backward` released what it needs.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
        >>> picture = mirror((w * w).sum(), measured=True)
        >>> "∇ multiply" in picture, "grad (2,) · |g| 4.5" in picture
        (True, True)
    """
    if measured:
        return Picture(mirror_svg(PureProgram.build(tensors, backward=True).measured(), **options))
    return Picture(mirror_svg(built(tensors, backward=True).graph, **options))


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
    legend += [Sample(30 + text_width(_SUMMED, SMALL), _sum_sample)] if mirror.uses else []
    return Sheet(
        f"{name}, forward and backward" if name else "Forward and backward",
        mirror.caption,
        legend,
        _css(looks, heats),
        separator=" · ",
        heading=True,
        description=_WHAT,
        css_class="mirror",
    )


_SUMMED = "sum over uses"


def _sum_sample(x: float, y: float) -> str:
    return _sum(Point(x + 12, y)) + text(Line(_SUMMED, SMALL, "soft"), x + 26, y, "start")


def _above(mirror: Mirror, plan: Plan) -> float:
    """Return the room above the first row that frames and lines out of nowhere need."""
    cut = STUB + 4 if mirror.view.cut or mirror.cut else 0.0
    return max([cut, *(-top for _, top, _ in plan.bands)])


def _cuts(mirror: Mirror, plan: Plan, labels: Sequence[Label], rules: Mapping[int, Label]) -> Iterator[str]:
    """Draw an arrow out of nowhere into what reads something not shown, and one into nowhere out of its rules."""
    cut = set(mirror.view.cut)
    for k, (box, (x, y), label) in enumerate(zip(mirror.view.nodes, plan.left, labels, strict=True)):
        if box.id in cut:
            size = label.box
            yield stub(Point(x - size.width / 2 + 12, y - size.height / 2))
        if k in mirror.cut and k in rules:
            x, y = plan.right[k].x - rules[k].box.width / 2 + 12, plan.right[k].y - rules[k].box.height / 2
            yield f'<path class="gradient cut edge" d="M{n(x)} {n(y)}V{n(y - STUB)}"/>'


def _headers(mirror: Mirror, plan: Plan) -> Iterator[str]:
    """Write above the halves in which direction they run."""
    y = -_HEADER + 6 - _above(mirror, plan)
    words = ("forward", "saved" if mirror.saved else "", "backward")
    for middle, word, way in zip(plan.middles, words, ("l-4 -8h8z", "", "l-4 8h8z"), strict=True):
        yield text(Line(word, SMALL, "soft"), middle, y) if word else ""
        if way:
            kind = "data" if word == "forward" else "gradient"
            x = middle + text_width(word, SMALL) / 2 + 8
            yield f'<path class="{kind} tip" d="M{n(x)} {n(y + (4 if kind == "data" else -4))}{way}"/>'


# ---- lines and what is on them --------------------------------------------------------------------------------------


def _wire(mirror: Mirror, wire: Wire) -> str:
    kind = {"data": "data", "quiet": "data quiet", "saved": "saved"}.get(wire.kind, "gradient")
    of = str(wire.of) if kind == "saved" else xml(mirror.view.nodes[wire.of].id)
    head = f'<path class="{kind} tip" d="{wire.tip}"/>' if wire.tip else ""
    return f'<g data-line="{wire.kind}" data-of="{of}"><path class="{kind} edge" d="{wire.path}"/>{head}</g>'


def _note(mirror: Mirror, words: Sequence[str], note: Note) -> str:
    x, y = note.at
    if note.kind == "sum":
        return _sum(note.at)
    if note.kind == "dot":
        return f'<circle class="saved dot" cx="{n(x)}" cy="{n(y)}" r="2.4"/>'
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
    label = text(Line(gradient.label, SMALL, "grad halo"), x, y - 9)
    return f'<g data-gradient="{gradient.node}"><title>{xml(chr(10).join(gradient.tip))}</title>{label}</g>'


def _chip(mirror: Mirror, word: str, note: Note) -> str:
    saved, (x, y) = mirror.saved[note.of], note.at
    wide = text_width(word, CHIP) + 14
    return (
        f'<g class="saved" data-saved="{" ".join(saved.ids)}" data-bytes="{saved.nbytes}">'
        f"<title>{xml(_saved_tip(mirror, note.of))}</title>"
        f'<rect class="chip" x="{n(x - wide / 2)}" y="{n(y - 8)}" width="{n(wide)}" height="16" rx="8"/>'
        f"{text(Line(word, CHIP, 'soft'), x, y)}</g>"
    )


def _saved_tip(mirror: Mirror, i: int) -> str:
    saved, nodes = mirror.saved[i], mirror.view.nodes
    ids = f"{len(saved.ids)} arrays of {nodes[saved.cell].id}" if len(saved.ids) > 1 else saved.ids[0]
    readers = ", ".join(f"{nodes[t].id} {nodes[t].lines[0]}" for t in saved.readers)
    return f"{ids}, {saved.nbytes:,} bytes, saved for the rules of {readers}"


def _sum(at: Point) -> str:
    x, y = at
    return (
        f'<g class="gradient"><circle class="sum" cx="{n(x)}" cy="{n(y)}" r="5.5"/>'
        f'<path class="sum" d="M{n(x - 3)} {n(y)}h6M{n(x)} {n(y - 3)}v6"/></g>'
    )


def _frames(plan: Plan) -> Iterator[str]:
    for band, top, bottom in plan.bands:
        size = f'width="{n(band.right - band.left)}" height="{n(bottom - top)}"'
        yield f'<rect class="frame band" x="{n(band.left)}" y="{n(top)}" {size} rx="10"/>'


def _frame_titles(plan: Plan) -> Iterator[str]:
    """Write the modules' names on top of the lines, with a halo that keeps these off the letters."""
    for band, top, _ in plan.bands:
        line = Line(visible(clip(band.scope[-1], 40)), SMALL, "soft halo")
        full = xml(visible(".".join(band.scope)))
        yield f"<g><title>{full}</title>{text(line, band.left + 9, top + 11, anchor='start')}</g>"

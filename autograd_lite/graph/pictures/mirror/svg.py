"""The mirror: the forward pass runs down on the left, its derivative rules run up beside it, each in the row of its op.

What the rules read leads across, with its bytes; gradients arrive at the parameters.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Unpack

from ....ir.graph import PureGraph
from ....ir.labels import amount, clip, text_width, visible
from ..boxes import HEAD, LEADING, SHEET, SMALL, Label, Line, label_of
from ..draw import lines_text, n, pill, shape, text, tip, xml
from ..folding.fold import ViewOptions
from ..layout.geometry import TIP, Box, Point
from ..style import FONT, HEATS, LOOKS, THEMES, stylesheet
from ..view import EdgeKind, ViewNode
from .grid import CHIP
from .model import Mirror, mirror_of, results_of
from .place import placed
from .route import Note, Plan, Wire, planned

_MARGIN, _HEADER, _LEAST, _SPACE, _RULE, _CUT = 26.0, 34.0, 620.0, 16.0, 12.0, 16.0


def _css(labels: Sequence[Label]) -> str:
    """Return the CSS, with that of what only a mirror has, in light and in dark."""
    looks = [look for look in LOOKS if any(label.look == look for label in labels)]
    heats = range(HEATS) if any(label.heat >= 0 for label in labels) else ()
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
    mirror = mirror_of(graph, **options)
    labels = [_label(box) for box in mirror.view.nodes]
    rules = {k: _label(box) for k, box in mirror.rules.items()}
    boxes, sizes = [label.box for label in labels], {k: label.box for k, label in rules.items()}
    words = [amount(saved.nbytes, "B") for saved in mirror.saved]
    plan = planned(mirror, placed(mirror, boxes, sizes), words)
    drawing = [
        *_frames(plan),
        *(_wire(mirror, wire) for wire in plan.wires),
        *_frame_titles(plan),
        *(_note(mirror, words, note) for note in plan.notes),
        *(_box(*row) for row in zip(mirror.view.nodes, labels, boxes, plan.left, strict=True)),
        *(_box(mirror.rules[k], rules[k], sizes[k], plan.right[k]) for k in rules),
        *_cuts(mirror, plan, boxes, sizes),
        *_headers(mirror, plan),
    ]
    return _page(graph, mirror, plan, drawing, [*labels, *rules.values()])


# ---- the page -------------------------------------------------------------------------------------------------------


def _page(graph: PureGraph, mirror: Mirror, plan: Plan, drawing: list[str], labels: Sequence[Label]) -> str:
    left = min([0.0, *(band.left for band, _, _ in plan.bands)])
    right = max([plan.width, *(band.right for band, _, _ in plan.bands)])
    above = _above(mirror, plan)
    below = max([plan.height, *(bottom for _, _, bottom in plan.bands)])
    name = visible(clip(next((graph[i].name for i in results_of(graph)), ""), 60))
    title = f"{name}, forward and backward" if name else "Forward and backward"
    facts = [line for fact in mirror.caption for line in _wrapped_words(fact, max(right - left, _LEAST))]
    legend = _wrapped(list(_samples(mirror, labels)), max(right - left, _LEAST))
    widths = [sum(wide for _, wide in row) for row in legend]
    width = max([right - left, *(text_width(fact, SMALL) for fact in facts), *widths]) + 2 * _MARGIN
    top = _MARGIN + HEAD * LEADING + len(facts) * SMALL * LEADING + 14 + _HEADER + above
    bottom = top + below + 26
    height = bottom + len(legend) * 20 + _MARGIN - 8
    shift = (width - right - left) / 2
    # Two pictures on one page must not share ids, unless they are the same.
    key = f"ag{zlib.crc32(chr(10).join([title, *facts, *drawing]).encode('utf-8', 'replace')):08x}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="autograd-graph mirror" role="img" '
        f'aria-labelledby="{key}t {key}d" width="{n(width)}" '
        f'height="{n(height)}" viewBox="0 0 {n(width)} {n(height)}" style="max-width:100%;height:auto" '
        f'font-family="{FONT}">',
        f'<title id="{key}t">{xml(title)}</title>',
        f'<desc id="{key}d">{xml("; ".join(map(visible, mirror.caption)))}. {_WHAT}</desc>',
        f"<style>\n{_css(labels)}\n</style>",
        f'<rect class="page" width="{n(width)}" height="{n(height)}" rx="10"/>',
        text(Line(title, HEAD, "head"), width / 2, _MARGIN + 0.5 * HEAD * LEADING),
    ]
    y = _MARGIN + HEAD * LEADING + 3
    for fact in facts:
        lines.append(text(Line(visible(fact), SMALL, "soft"), width / 2, y + 0.5 * SMALL * LEADING))
        y += SMALL * LEADING
    lines += [f'<g transform="translate({n(shift)} {n(top)})">', *drawing, "</g>"]
    return "\n".join([*lines, *_legend(legend, width, bottom), "</svg>"]) + "\n"


_WHAT = (
    "On the left the forward pass runs down; on the right the derivative rules run up, each beside its operation. "
    "Dotted lines lead what is saved to the rules that read it; dashed lines lead gradients to the parameters."
)


def _wrapped(words: Sequence[tuple[str, float]], width: float) -> list[list[tuple[str, float]]]:
    """Break words of known width into lines."""
    lines: list[list[tuple[str, float]]] = []
    used = 0.0
    for word, wide in words:
        if not lines or used + wide > width:
            lines.append([])
            used = 0.0
        lines[-1].append((word, wide))
        used += wide
    return lines


def _wrapped_words(fact: str, width: float) -> list[str]:
    words = [(word, text_width(f"{word} · ", SMALL)) for word in fact.split(" · ")]
    return [" · ".join(word for word, _ in line) for line in _wrapped(words, width)]


_WORDS = {
    "~heat": "less to more",
    "~data": "value",
    "~gradient": "gradient",
    "~saved": "saved for a rule",
    "~sum": "sum over uses",
}


def _samples(mirror: Mirror, labels: Sequence[Label]) -> Iterator[tuple[str, float]]:
    """Yield what the legend shows, and how wide each is."""
    shown = [look for look in LOOKS if any(label.look == look for label in labels)]
    shown += ["~heat"] if any(label.heat >= 0 for label in labels) else []
    shown += ["~data", "~gradient"]
    shown += ["~saved"] if mirror.saved else []
    shown += ["~sum"] if mirror.uses else []
    for look in shown:
        yield look, (96 if look == "~heat" else 30) + text_width(_word(look), SMALL) + _SPACE


def _word(look: str) -> str:
    return _WORDS.get(look) or ("derivative rule" if look == "backward" else LOOKS[look].legend)


def _legend(rows: list[list[tuple[str, float]]], width: float, top: float) -> Iterator[str]:
    for r, row in enumerate(rows):
        x = (width - sum(wide for _, wide in row) + _SPACE) / 2
        y = top + 20 * r + 6
        for look, wide in row:
            if look == "~heat":
                for heat in range(HEATS):
                    cell = f'<rect class="box" x="{n(x + 9 * heat)}" y="{n(y - 6)}" width="9" height="12"/>'
                    yield f'<g class="op heat{heat}">{cell}</g>'
                x, wide = x + 66, wide - 66
            elif look == "~sum":
                yield _sum(Point(x + 12, y))
            elif look.startswith("~"):
                kind = look[1:]
                yield f'<path class="{kind} edge" d="M{n(x)} {n(y)}H{n(x + 17)}"/>'
                if kind != "saved":
                    yield f'<path class="{kind} tip" d="M{n(x + 24)} {n(y)}l-7 -3.5v7z"/>'
            else:
                drawn = shape(LOOKS[look].shape, Point(x + 11, y), Box(22, 13), LOOKS[look].border == "double")
                yield f'<g class="{look}">{drawn}</g>'
            yield text(Line(_word(look), SMALL, "soft"), x + 30, y, anchor="start")
            x += wide


def _above(mirror: Mirror, plan: Plan) -> float:
    """Return the room over the first row that frames need, and lines out of nowhere."""
    cut = _CUT + 4 if mirror.view.cut or mirror.cut else 0.0
    return max([cut, *(-top for _, top, _ in plan.bands)])


def _cuts(mirror: Mirror, plan: Plan, sizes: Sequence[Box], rules: dict[int, Box]) -> Iterator[str]:
    """Draw an arrow out of nowhere into what reads what is not shown, and one into nowhere out of its rules."""
    cut = set(mirror.view.cut)
    for k, (box, (x, y), size) in enumerate(zip(mirror.view.nodes, plan.left, sizes, strict=True)):
        if box.id in cut:
            at = Point(x - size.width / 2 + 12, y - size.height / 2)
            yield f'<path class="data cut edge" d="M{n(at.x)} {n(at.y - _CUT)}V{n(at.y - TIP)}"/>'
            yield f'<path class="data tip" d="{tip(at)}"/>'
        if k in mirror.cut and k in rules:
            x, y = plan.right[k].x - rules[k].width / 2 + 12, plan.right[k].y - rules[k].height / 2
            yield f'<path class="gradient cut edge" d="M{n(x)} {n(y)}V{n(y - _CUT)}"/>'


def _headers(mirror: Mirror, plan: Plan) -> Iterator[str]:
    """Say over the halves which way they go."""
    y = -_HEADER + 6 - _above(mirror, plan)
    words = ("forward", "saved" if mirror.saved else "", "backward")
    for middle, word, way in zip(plan.middles, words, ("l-4 -8h8z", "", "l-4 8h8z"), strict=True):
        yield text(Line(word, SMALL, "soft"), middle, y) if word else ""
        if way:
            kind = "data" if word == "forward" else "gradient"
            x = middle + text_width(word, SMALL) / 2 + 8
            yield f'<path class="{kind} tip" d="M{n(x)} {n(y + (4 if kind == "data" else -4))}{way}"/>'


# ---- boxes ----------------------------------------------------------------------------------------------------------


def _label(box: ViewNode) -> Label:
    label = label_of(box)
    if box.look != "backward" or box.members:
        return label
    # What a rule does is no small print.
    head, *rules = label.lines
    return label._replace(lines=(head, *(line._replace(size=_RULE, style="") for line in rules)))


def _box(box: ViewNode, label: Label, size: Box, center: Point) -> str:
    words, tips, sheet = label.text_size, xml("\n".join(box.tip)), SHEET if label.shape == "stacked" else 0.0
    top = center.y - sheet - words[1] / 2 + (4 if label.shape == "cylinder" else 0)
    right = center.x + size.width / 2 + 5 - 2 * sheet
    badge = pill(label.badge, right, center.y - size.height / 2 - 2) if label.badge else ""
    return (
        f'<g class="node {label.css}" data-id="{xml(box.id)}"><title>{tips}</title>'
        f"{shape(label.shape, center, size, label.double)}"
        f"{lines_text(label.lines, center.x - sheet, top, words[0])}{badge}</g>"
    )


# ---- lines and what stands on them ----------------------------------------------------------------------------------


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
    """Write the modules' names over the lines, with a halo that keeps these off the letters."""
    for band, top, _ in plan.bands:
        line = Line(visible(clip(band.scope[-1], 40)), SMALL, "soft halo")
        full = xml(visible(".".join(band.scope)))
        yield f"<g><title>{full}</title>{text(line, band.left + 9, top + 11, anchor='start')}</g>"

"""Mermaid flowcharts, which GitHub and many editors draw inside Markdown.

Mermaid refuses more than 500 edges or 50,000 characters, so a larger graph is folded until it is well below. It reads
labels as Markdown with entities of its own, and a word like `end` as a keyword: any character of a user's text that
could mean something is written as an entity, such as `#35;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Unpack

from ...ir.node_labels import clip, visible
from ...ir.pure_graph import PureGraph
from .folding.fold import ViewOptions, view_of
from .scopes import walk_modules
from .style import LOOKS, THEMES, Theme, heat_of
from .view import PICTURE_LIMIT, EdgeKind, View, ViewEdge, ViewNode

# Mermaid's own limits are 500 and 50,000; embedding the text may add to it.
MOST_EDGES, MOST_CHARACTERS = 450, 45_000
_CLIP = 40
# Mermaid breaks longer lines.
_WRAP = 22
# Sizes to try, the largest first.
_LIMITS = (300, 200, 150, 100, 60, 40, 25, 12, 6, 3, 1)

_SHAPES = {
    "rounded": ('("', '")'),
    "square": ('["', '"]'),
    "ellipse": ('(["', '"])'),
    "cylinder": ('[("', '")]'),
    "octagon": ('{{"', '"}}'),
    "stacked": ('[["', '"]]'),
}
_BORDERS = {
    "dashed": "stroke-dasharray:5 3",
    "dotted": "stroke-dasharray:2 3",
    "dashdot": "stroke-width:2px,stroke-dasharray:7 3 2 3",
    "double": "stroke-width:4px",
    "thick": "stroke-width:4px",
}
_ARROWS = {EdgeKind.DATA: "-->", EdgeKind.GRADIENT: "-.->", EdgeKind.SAVED: "-.-"}
# Letters, digits and signs without any meaning; a dot, hyphen or underscore within a word; and characters beyond
# ASCII. Everything else is written as a number.
_PLAIN = (
    r"[A-Za-z0-9 (),=/\u00a0-\U0010ffff]|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])|\.(?=[A-Za-z0-9])|(?<![-\s])-(?=[A-Za-z0-9])"
)


def mermaid_text(view: View, theme: str = "light") -> str:
    """Return a picture as a Mermaid flowchart.

    Args:
        view: what to draw.
        theme: the colors, "light" or "dark".

    Raises:
        ValueError: if there is no such theme.
    """
    if theme not in THEMES:
        raise ValueError(f"to_mermaid: expected a theme among {', '.join(THEMES)}; received {theme!r}")
    summary, *notes = view.caption or ("",)
    lines = ["flowchart TD", f"%% {visible(clip(summary, 200))}"]
    if notes:
        # Counts of folded nodes and sums must be visible, not only in a comment.
        lines.append(f'caption["{"<br/>".join(_safe(clip(line, 160)) for line in notes)}"]:::caption')
    lines += [*_boxes(view), *_edges(view), *_styles(view, THEMES[theme], bool(notes))]
    return "\n".join(lines) + "\n"


def graph_mermaid(graph: PureGraph, theme: str = "light", **options: Unpack[ViewOptions]) -> str:
    """Return the largest picture of a graph that Mermaid accepts.

    Args:
        graph: the graph.
        theme: the colors, "light" or "dark".
        options: those of `view_of`; if the picture is too large, `limit` is lowered, and it is folded even with
            `fold=False`.
    """
    most = options.pop("limit", PICTURE_LIMIT)
    for limit in (most, *(n for n in _LIMITS if n < most)):
        options["limit"] = limit
        view = view_of(graph, **options)
        options["fold"] = True
        if len(view.edges) + len(view.cut) <= MOST_EDGES:
            text = mermaid_text(view, theme)
            if len(text) <= MOST_CHARACTERS:
                break
    return text


def _safe(text: str) -> str:
    """Write a user's text so that Mermaid reads nothing into it.

    Example:
        >>> _safe('a "quoted" #1 _x_ my_name-2.5')
        'a #34;quoted#34; #35;1 #95;x#95; my_name-2.5'
    """
    shown = visible(text).replace("\u00a0", " ")
    escaped = re.sub(rf"({_PLAIN})|(.)", lambda m: m[1] or f"#{ord(m[2])};", shown)
    # Mermaid also finds this statement in the middle of a line; and it writes entities as "ﬂ°°35¶ß" until it draws.
    return escaped.replace("direction ", "#100;irection ").replace("ﬂ", "#64258;").strip() or "#160;"


# ---- boxes and lines ------------------------------------------------------------------------------------------------


def _boxes(view: View) -> Iterator[str]:
    number = 0
    for depth, item in walk_modules(view.nodes):
        pad = "  " * min(depth + 1, 10)
        if isinstance(item, ViewNode):
            yield pad + _box(item)
        elif item is None:
            yield f"{pad}end"
        else:
            yield f'{pad}subgraph s{number}["{_safe(clip(item, _CLIP))}"]'
            number += 1
    yield from (f'  cut{i}["#46;#46;#46;"]:::caption' for i in range(len(view.cut)))


def _box(node: ViewNode) -> str:
    mark = node.badge or LOOKS[node.look].glyph
    head, *rest = node.lines
    lines = [f"{node.sign} {head}" if node.sign else head, *rest]
    if mark and len(lines[0]) + len(mark) < _WRAP:
        lines[0] = f"{lines[0]} [{mark}]"
    elif mark:
        lines.insert(1, f"[{mark}]")
    text = "<br/>".join(_safe(clip(line, _CLIP + 14)) for line in lines)
    begin, end = _SHAPES[LOOKS[node.look].shape]
    return f"{node.id}{begin}{text}{end}:::{_class(node)}"


def _class(node: ViewNode) -> str:
    return node.look if node.weight is None else f"{node.look}_{heat_of(node.weight)}"


def _edges(view: View) -> Iterator[str]:
    yield from (f"cut{i} -.-> {box}" for i, box in enumerate(view.cut))
    for edge in view.edges:
        label = f"|{edge.argument}|" if edge.argument and not edge.label else ""
        if edge.label:
            label = f'|"{_safe(f"{edge.argument}: {edge.label}" if edge.argument else edge.label)}"|'
        yield f"{edge.source} {_ARROWS[edge.kind]}{label} {edge.target}"


def _styles(view: View, theme: Theme, captioned: bool) -> Iterator[str]:
    """Yield the classes that occur, and the colors of lines that are not plain data."""
    for name, node in {_class(node): node for node in view.nodes}.items():
        ink, border = theme.inks[node.look], _BORDERS.get(LOOKS[node.look].border)
        fill = ink.fill if node.weight is None else theme.heat[heat_of(node.weight)]
        style = f"fill:{fill},stroke:{ink.border},color:{theme.text}"
        yield f"classDef {name} {style},{border}" if border else f"classDef {name} {style}"
    results = [node.id for node in view.nodes if node.is_output and node.look != "output"]
    if results:
        yield "classDef result stroke-width:4px"
        yield f"class {','.join(results)} result"
    modules = sum(isinstance(item, str) for _, item in walk_modules(view.nodes))
    if modules:
        yield f"classDef frame fill:none,stroke:{theme.frame},color:{theme.soft},stroke-dasharray:5 4"
        yield f"class {','.join(f's{i}' for i in range(modules))} frame"
    if captioned or view.cut:
        yield f"classDef caption fill:none,stroke:none,color:{theme.soft}"
    colors: dict[str, list[str]] = {}
    for i, edge in enumerate(view.edges, len(view.cut)):
        if color := _color(edge, theme):
            colors.setdefault(color, []).append(str(i))
    yield from (f"linkStyle {','.join(numbers)} stroke:{color}" for color, numbers in colors.items())


def _color(edge: ViewEdge, theme: Theme) -> str:
    kinds = {EdgeKind.GRADIENT: theme.gradient, EdgeKind.SAVED: theme.saved}
    return kinds.get(edge.kind, theme.quiet if edge.quiet else "")

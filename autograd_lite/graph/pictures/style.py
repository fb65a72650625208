"""How each kind of box and line looks, in light and in dark. Every colour has a second cue: shape, border or glyph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .view import EdgeKind

# The metrics in `labels` are those of the first and the fourth font.
FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
# The number of depths of colour for weights from 0 to 1.
HEATS = 10


class Ink(NamedTuple):
    """The colours of one kind of box."""

    fill: str
    border: str


class Look(NamedTuple):
    """One kind of box.

    Attributes:
        shape: rounded, square, ellipse, cylinder, octagon or stacked.
        dot: the same for Graphviz.
        legend: its name in the legend.
        border: solid, dashed, dotted, dashdot, double or thick.
        glyph: a sign at its corner, if it has no badge.
    """

    shape: str
    dot: str
    legend: str
    border: str = "solid"
    glyph: str = ""


class EdgeLook(NamedTuple):
    """One kind of line: its dashes in SVG, whether it has an arrow, both for Graphviz, and its name in the legend."""

    dashes: str
    arrow: bool
    dot: str
    legend: str


class Theme(NamedTuple):
    """The colours of a whole picture; `heat` runs from the smallest to the largest weight."""

    page: str
    text: str
    soft: str
    edge: str
    quiet: str
    gradient: str
    saved: str
    frame: str
    inks: dict[str, Ink]
    heat: tuple[str, ...]


LOOKS = {
    "op": Look("rounded", 'shape=box, style="rounded,filled"', "operation"),
    "input": Look("ellipse", "shape=ellipse, style=filled", "input"),
    "parameter": Look("square", "shape=box, style=filled", "parameter"),
    "frozen": Look("square", 'shape=box, style="dashed,filled"', "frozen parameter", "dashed"),
    "constant": Look("square", 'shape=box, style="dotted,filled"', "constant", "dotted"),
    "state": Look("cylinder", "shape=cylinder, style=filled", "generator"),
    "output": Look("rounded", 'shape=box, style="rounded,filled", peripheries=2', "result", "double"),
    "backward": Look("rounded", 'shape=box, style="rounded,dashed,filled"', "backward pass", "dashed"),
    "group": Look("stacked", "shape=box3d, style=filled", "folded group"),
    "backward_group": Look("stacked", 'shape=box3d, style="dashed,filled"', "folded backward pass", "dashed"),
    "nan": Look("octagon", "shape=octagon, style=filled", "not finite"),
    "origin": Look("octagon", "shape=doubleoctagon, style=filled, penwidth=2.5", "first not finite", "thick", "!"),
    "added": Look("rounded", 'shape=box, style="rounded,filled", penwidth=2.5', "added", "thick", "+"),
    "removed": Look("rounded", 'shape=box, style="rounded,dashed,filled", penwidth=2', "removed", "dashed", "−"),
    "changed": Look("rounded", 'shape=box, style="rounded,filled", penwidth=2', "changed", "dashdot", "~"),
    "unreached": Look("rounded", 'shape=box, style="rounded,dotted,filled"', "unreached", "dotted", "?"),
    "vanishing": Look("rounded", 'shape=invtrapezium, style="filled"', "vanishing gradient", "dotted", "↓"),
    "exploding": Look("rounded", 'shape=trapezium, style="filled", penwidth=2.5', "exploding gradient", "thick", "↑"),
    "dead": Look("rounded", 'shape=box, style="rounded,diagonals,filled"', "dead", "dashdot", "×"),
}

EDGE_LOOKS = {
    EdgeKind.DATA: EdgeLook("", True, "style=solid", "data"),
    EdgeKind.GRADIENT: EdgeLook("6 3.5", True, "style=dashed", "gradient"),
    EdgeKind.SAVED: EdgeLook("1.5 3.5", False, "style=dotted, arrowhead=none", "saved for the backward pass"),
}

# Fill and border, in light and in dark.
_INKS = {
    "op": ("#F8FAFC", "#475569", "#1E293B", "#94A3B8"),
    "input": ("#DBEAFE", "#1D4ED8", "#172554", "#60A5FA"),
    "parameter": ("#DCFCE7", "#15803D", "#052E16", "#4ADE80"),
    "frozen": ("#F1F5F9", "#15803D", "#1E293B", "#4ADE80"),
    "constant": ("#F1F5F9", "#64748B", "#1E293B", "#94A3B8"),
    "state": ("#CFFAFE", "#0E7490", "#083344", "#22D3EE"),
    "output": ("#FEF3C7", "#B45309", "#451A03", "#FBBF24"),
    "backward": ("#F3E8FF", "#7E22CE", "#3B0764", "#C084FC"),
    "group": ("#FFFFFF", "#475569", "#0F172A", "#CBD5E1"),
    "backward_group": ("#FAF5FF", "#7E22CE", "#1E1033", "#C084FC"),
    "nan": ("#FEE2E2", "#B91C1C", "#450A0A", "#F87171"),
    "origin": ("#FECACA", "#991B1B", "#7F1D1D", "#FCA5A5"),
    "added": ("#D1FAE5", "#047857", "#022C22", "#34D399"),
    "removed": ("#FFE4E6", "#BE123C", "#4C0519", "#FB7185"),
    "changed": ("#FEF9C3", "#A16207", "#422006", "#FACC15"),
    "unreached": ("#F1F5F9", "#64748B", "#1E293B", "#94A3B8"),
    "vanishing": ("#E0F2FE", "#0369A1", "#082F49", "#38BDF8"),
    "exploding": ("#FFEDD5", "#C2410C", "#431407", "#FB923C"),
    "dead": ("#E2E8F0", "#334155", "#334155", "#E2E8F0"),
}

THEMES = {
    "light": Theme(
        page="#FFFFFF",
        text="#0F172A",
        soft="#475569",
        edge="#475569",
        quiet="#7C8AA0",
        gradient="#7E22CE",
        saved="#64748B",
        frame="#7C8AA0",
        inks={look: Ink(*row[:2]) for look, row in _INKS.items()},
        heat=(
            "#FFF7ED", "#FFF0DE", "#FFE8CF", "#FFE0BF", "#FFD6AC",
            "#FFCB98", "#FFC084", "#FFB56F", "#FFA95A", "#FF9C45",
        ),
    ),
    "dark": Theme(
        page="#0F172A",
        text="#F1F5F9",
        soft="#CBD5E1",
        edge="#B6C2D2",
        quiet="#7F8DA3",
        gradient="#C084FC",
        saved="#94A3B8",
        frame="#7F8DA3",
        inks={look: Ink(*row[2:]) for look, row in _INKS.items()},
        heat=(
            "#1F1A18", "#2E1D14", "#3D2013", "#4C2311", "#5B2610",
            "#6A290F", "#7A2D0E", "#8A310D", "#9A350C", "#AB3A0B",
        ),
    ),
}  # fmt: skip


def heat_of(weight: float) -> int:
    """Return which of the `HEATS` depths of colour a weight from 0 to 1 has."""
    return min(max(int(weight * HEATS), 0), HEATS - 1)


# ---- CSS ------------------------------------------------------------------------------------------------------------

_BORDERS = {
    "dashed": "stroke-dasharray: 5 3",
    "dotted": "stroke-dasharray: 1.5 2.5",
    "dashdot": "stroke-width: 1.8; stroke-dasharray: 7 2.5 1.5 2.5",
    "thick": "stroke-width: 2.6",
}


def stylesheet(
    looks: Iterable[str] = tuple(LOOKS),
    kinds: Iterable[EdgeKind] = tuple(EdgeKind),
    heats: Iterable[int] = range(HEATS),
) -> str:
    """Return the CSS of a picture: explicit colours, which every SVG renderer reads, and dark ones on request.

    All selectors begin with the picture's class, since the styles of an SVG inside a page apply to the whole page.

    Args:
        looks, kinds, heats: those that occur.
    """
    looks, kinds, heats = tuple(looks), tuple(kinds), tuple(heats)
    light, dark = (_colors(THEMES[theme], looks, kinds, heats) for theme in ("light", "dark"))
    lines = [f"{_P} {rule}" for rule in _LINES]
    for kind in kinds:
        if EDGE_LOOKS[kind].dashes:
            lines.append(f"{_P} .edge.{kind} {{ stroke-dasharray: {EDGE_LOOKS[kind].dashes} }}")
    for look in looks:
        if LOOKS[look].border in _BORDERS:
            lines.append(f"{_P} .{look} .box {{ {_BORDERS[LOOKS[look].border]} }}")
            if LOOKS[look].shape == "stacked":  # the sheets behind stay plain
                lines.append(f"{_P} .{look} .box:nth-of-type(-n+2) {{ stroke-dasharray: none }}")
    media = [f"  {rule}" for rule in dark]
    return "\n".join([*light, *lines, "@media (prefers-color-scheme: dark) {", *media, "}"])


_P = ".autograd-graph"


def _colors(theme: Theme, looks: tuple[str, ...], kinds: tuple[EdgeKind, ...], heats: tuple[int, ...]) -> list[str]:
    p = _P
    rules = [
        f"{p} .page {{ fill: {theme.page} }}",
        f"{p} text {{ fill: {theme.text} }}",
        f"{p} .soft, {p} .sign, {p} .name {{ fill: {theme.soft} }}",
        f"{p} .halo {{ stroke: {theme.page} }}",
        f"{p} .frame {{ fill: {theme.soft}; stroke: {theme.frame} }}",
    ]
    inks = {EdgeKind.DATA: theme.edge, EdgeKind.GRADIENT: theme.gradient, EdgeKind.SAVED: theme.saved}
    for kind in kinds:
        rules.append(f"{p} .edge.{kind} {{ stroke: {inks[kind]} }}")
        if EDGE_LOOKS[kind].arrow:
            rules.append(f"{p} .tip.{kind} {{ fill: {inks[kind]} }}")
    if EdgeKind.DATA in kinds:
        rules += [f"{p} .edge.quiet {{ stroke: {theme.quiet} }}", f"{p} .tip.quiet {{ fill: {theme.quiet} }}"]
    for look in looks:
        ink = theme.inks[look]
        rules.append(f"{p} .{look} .box {{ fill: {ink.fill}; stroke: {ink.border} }}")
        rules.append(f"{p} .{look} .pill {{ fill: {ink.border}; stroke: {theme.page} }}")
    for heat in heats:
        # Twice, to outweigh the colours of looks: those of the next picture on the page come later.
        name = f".heat{heat}.heat{heat}"
        rules.append(f"{p} {name} .box {{ fill: {theme.heat[heat]} }}")
        rules.append(f"{p} {name} .soft, {p} {name} .sign {{ fill: {theme.text} }}")
    return [*rules, f"{p} .pilled {{ fill: {theme.page} }}"]


_LINES = [
    ".edge { fill: none; stroke-width: 1.5; stroke-linecap: round }",
    ".edge.quiet { stroke-width: 1.1 }",
    ".edge.cut { stroke-dasharray: 2 3 }",
    ".frame { fill-opacity: 0.05; stroke-width: 1; stroke-dasharray: 5 4 }",
    ".halo { stroke-width: 4; stroke-linejoin: round; paint-order: stroke }",
    ".box { stroke-width: 1.2; stroke-linejoin: round }",
    ".pill { stroke-width: 1.5 }",
    ".head { font-weight: bold }",
    ".pilled { font-weight: bold }",
    ".name { font-weight: bold }",
    ".sign { font-weight: normal }",
    ".none { font-style: italic }",
    ".removed .head { text-decoration: line-through }",
]

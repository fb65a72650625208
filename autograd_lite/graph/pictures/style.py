"""How each kind of box and line looks, in light and in dark. Every color has a second cue: shape, border or glyph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

from .view import EdgeKind

# The metrics in `labels` are those of the first and the fourth font.
FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
# The number of depths of color for weights from 0 to 1.
HEATS = 10


class Ink(NamedTuple):
    """The colors of one kind of box."""

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
    """The colors of a whole picture; `heat` runs from the smallest to the largest weight."""

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

_GRADIENT = ("#7E22CE", "#C084FC")  # in light and in dark
# Fill and border, in light and in dark.
_INKS = {
    "op": ("#F8FAFC", "#475569", "#1E293B", "#94A3B8"),
    "input": ("#DBEAFE", "#1D4ED8", "#172554", "#60A5FA"),
    "parameter": ("#DCFCE7", "#15803D", "#052E16", "#4ADE80"),
    "frozen": ("#F1F5F9", "#15803D", "#1E293B", "#4ADE80"),
    "constant": ("#F1F5F9", "#64748B", "#1E293B", "#94A3B8"),
    "state": ("#CFFAFE", "#0E7490", "#083344", "#22D3EE"),
    "output": ("#FEF3C7", "#B45309", "#451A03", "#FBBF24"),
    "backward": ("#F3E8FF", _GRADIENT[0], "#3B0764", _GRADIENT[1]),
    "group": ("#FFFFFF", "#475569", "#0F172A", "#CBD5E1"),
    "backward_group": ("#FAF5FF", _GRADIENT[0], "#1E1033", _GRADIENT[1]),
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
        gradient=_GRADIENT[0],
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
        gradient=_GRADIENT[1],
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
    """Return which of the `HEATS` depths of color a weight from 0 to 1 has."""
    return min(max(int(weight * HEATS), 0), HEATS - 1)


# ---- rules ----------------------------------------------------------------------------------------------------------


class Rule(NamedTuple):
    """A rule of CSS: selectors of classes and tags below the class of the picture, and the properties that it sets."""

    selectors: str
    properties: dict[str, str]

    def selects(self, classes: Set[str], around: Set[str]) -> bool:
        """Return whether it is for an element with these classes and tag, inside of elements with others."""
        for selector in self.selectors.split(", "):
            *outer, own = (set(part.split(".")) - {""} for part in selector.split())
            if own <= classes and all(part <= around for part in outer):
                return True
        return False


def rule(selectors: str, **properties: str) -> Rule:
    """Return a rule; underscores in the names of properties stand for hyphens."""
    return Rule(selectors, {name.replace("_", "-"): value for name, value in properties.items()})


class Stylesheet(NamedTuple):
    """The rules of a picture, in an order in which later ones win, for a browser and for `export.paint`.

    Attributes:
        looks, kinds, heats: those that occur.
        mirror: with the lines and signs of a mirror.
        more: further rules.
    """

    looks: Sequence[str] = tuple(LOOKS)
    kinds: Sequence[EdgeKind] = tuple(EdgeKind)
    heats: Sequence[int] = range(HEATS)
    mirror: bool = False
    more: Sequence[Rule] = ()

    @property
    def css_class(self) -> str:
        """The classes of the picture."""
        return "autograd-graph mirror" if self.mirror else "autograd-graph"

    def css(self) -> str:
        """Return the text: explicit colors, which every SVG renderer reads, and dark ones on request.

        All selectors begin with the picture's class, since the styles of an SVG inside a page apply to the whole page.
        """
        light, dark = (list(map(self._text, self._colors(theme))) for theme in THEMES.values())
        lines = map(self._text, self._lines())
        return "\n".join(
            [*light, *lines, "@media (prefers-color-scheme: dark) {", *(f"  {line}" for line in dark), "}"]
        )

    def rules(self, theme: Theme) -> list[Rule]:
        """Return the rules in the colors of a theme."""
        return [*self._colors(theme), *self._lines()]

    def _text(self, rule: Rule) -> str:
        picture = "." + self.css_class.replace(" ", ".")
        selectors = ", ".join(f"{picture} {selector}" for selector in rule.selectors.split(", "))
        return f"{selectors} {{ {'; '.join(f'{name}: {value}' for name, value in rule.properties.items())} }}"

    def _colors(self, theme: Theme) -> Iterator[Rule]:
        yield rule(".page", fill=theme.page)
        yield rule("text", fill=theme.text)
        yield rule(".soft, .sign, .name", fill=theme.soft)
        yield rule(".halo", stroke=theme.page)
        yield rule(".frame", fill=theme.soft, stroke=theme.frame)
        inks = {EdgeKind.DATA: theme.edge, EdgeKind.GRADIENT: theme.gradient, EdgeKind.SAVED: theme.saved}
        for kind in self.kinds:
            yield rule(f".edge.{kind}", stroke=inks[kind])
            if EDGE_LOOKS[kind].arrow:
                yield rule(f".tip.{kind}", fill=inks[kind])
        if EdgeKind.DATA in self.kinds:
            yield rule(".edge.quiet", stroke=theme.quiet)
            yield rule(".tip.quiet", fill=theme.quiet)
        for look in self.looks:
            ink = theme.inks[look]
            yield rule(f".{look} .box", fill=ink.fill, stroke=ink.border)
            yield rule(f".{look} .pill", fill=ink.border, stroke=theme.page)
        for heat in self.heats:
            # Twice, to outweigh the colors of looks: those of the next picture on the page come later.
            name = f".heat{heat}.heat{heat}"
            yield rule(f"{name} .box", fill=theme.heat[heat])
            yield rule(f"{name} .soft, {name} .sign", fill=theme.text)
        yield rule(".pilled", fill=theme.page)
        if self.mirror:
            yield rule(".chip", fill=theme.page, stroke=theme.saved)
            yield rule(".dot", fill=theme.saved)
            yield rule(".sum", fill=theme.page, stroke=theme.gradient)
            yield rule("text.grad", fill=theme.gradient)

    def _lines(self) -> Iterator[Rule]:
        yield from _LINES
        for kind in self.kinds:
            if EDGE_LOOKS[kind].dashes:
                yield rule(f".edge.{kind}", stroke_dasharray=EDGE_LOOKS[kind].dashes)
        for look in self.looks:
            if LOOKS[look].border in _BORDERS:
                yield Rule(f".{look} .box", _BORDERS[LOOKS[look].border])
                if LOOKS[look].shape == "stacked":  # the sheets behind stay plain
                    yield rule(f".{look} .back", stroke_dasharray="none")
        if self.mirror:
            yield from _MIRROR_LINES
        yield from self.more


_BORDERS = {
    "dashed": {"stroke-dasharray": "5 3"},
    "dotted": {"stroke-dasharray": "1.5 2.5"},
    "dashdot": {"stroke-width": "1.8", "stroke-dasharray": "7 2.5 1.5 2.5"},
    "thick": {"stroke-width": "2.6"},
}
_LINES = (
    rule(".edge", fill="none", stroke_width="1.5", stroke_linecap="round"),
    rule(".edge.quiet", stroke_width="1.1"),
    rule(".edge.cut", stroke_dasharray="2 3"),
    rule(".frame", fill_opacity="0.05", stroke_width="1", stroke_dasharray="5 4"),
    rule(".halo", stroke_width="4", stroke_linejoin="round", paint_order="stroke"),
    rule(".box", stroke_width="1.2", stroke_linejoin="round"),
    rule(".pill", stroke_width="1.5"),
    rule(".head, .pilled, .name", font_weight="bold"),
    rule(".sign", font_weight="normal"),
    rule(".none", font_style="italic"),
    rule(".removed .head", text_decoration="line-through"),
)
_MIRROR_LINES = (
    rule(".sum", stroke_width="1.5"),
    rule(".edge.gradient", stroke_width="1.6", stroke_dasharray="6 3.5", stroke_linecap="butt"),
    rule(".edge.saved", stroke_width="1.6", stroke_dasharray="0.1 4", stroke_linecap="round"),
    rule(".edge.gradient.cut", stroke_dasharray="2 3"),
)

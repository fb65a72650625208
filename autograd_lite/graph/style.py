"""How each kind of node looks, in light and in dark. Every colour has a second cue: a shape or a border of its own."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FONT", "LOOKS", "THEMES", "Ink", "Look", "Theme", "stylesheet"]

# One font stack; the metrics in `labels` are those of its first and its fourth.
FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


class Ink(NamedTuple):
    """The colours of one kind of box."""

    fill: str
    border: str


class Look(NamedTuple):
    """The shape of one kind of box, in SVG and in Graphviz's words, and what the legend calls it."""

    shape: str
    dot: str
    legend: str


class Theme(NamedTuple):
    """The colours of a whole picture."""

    page: str
    text: str
    soft: str
    edge: str
    quiet: str
    inks: dict[str, Ink]


LOOKS = {
    "op": Look("rounded", 'shape=box, style="rounded,filled"', "operation"),
    "input": Look("ellipse", "shape=ellipse, style=filled", "input"),
    "parameter": Look("square", "shape=box, style=filled", "parameter"),
    "constant": Look("dotted", 'shape=box, style="dotted,filled"', "constant"),
    "state": Look("cylinder", "shape=cylinder, style=filled", "generator"),
    "output": Look("double", 'shape=box, style="rounded,filled", peripheries=2', "result"),
}

THEMES = {
    "light": Theme(
        page="#FFFFFF",
        text="#0F172A",
        soft="#475569",
        edge="#334155",
        quiet="#64748B",
        inks={
            "op": Ink("#F8FAFC", "#475569"),
            "input": Ink("#DBEAFE", "#1D4ED8"),
            "parameter": Ink("#DCFCE7", "#15803D"),
            "constant": Ink("#F1F5F9", "#64748B"),
            "state": Ink("#CFFAFE", "#0E7490"),
            "output": Ink("#FEF3C7", "#B45309"),
        },
    ),
    "dark": Theme(
        page="#0F172A",
        text="#F1F5F9",
        soft="#CBD5E1",
        edge="#CBD5E1",
        quiet="#94A3B8",
        inks={
            "op": Ink("#1E293B", "#94A3B8"),
            "input": Ink("#172554", "#60A5FA"),
            "parameter": Ink("#052E16", "#4ADE80"),
            "constant": Ink("#1E293B", "#94A3B8"),
            "state": Ink("#083344", "#22D3EE"),
            "output": Ink("#451A03", "#FBBF24"),
        },
    ),
}


def stylesheet() -> str:
    """Return the CSS of a picture: explicit colours, which every SVG renderer reads, and dark ones on request.

    All selectors begin with the picture's class, since the styles of an SVG inside a page hold for the whole page.
    """
    dark = "\n".join(f"  {rule}" for rule in _colours(THEMES["dark"]))
    return "\n".join([*_colours(THEMES["light"]), *_LINES, "@media (prefers-color-scheme: dark) {", dark, "}"])


def _colours(theme: Theme) -> list[str]:
    p = ".autograd-graph"
    rules = [
        f"{p} .page {{ fill: {theme.page} }}",
        f"{p} text {{ fill: {theme.text} }}",
        f"{p} .soft, {p} .sign {{ fill: {theme.soft} }}",
        f"{p} .halo {{ stroke: {theme.page} }}",
        f"{p} .edge {{ fill: none; stroke: {theme.edge} }}",
        f"{p} .tip {{ fill: {theme.edge} }}",
        f"{p} .edge.quiet {{ stroke: {theme.quiet} }}",
        f"{p} .tip.quiet {{ fill: {theme.quiet} }}",
        f"{p} .frame {{ fill: none; stroke: {theme.quiet} }}",
    ]
    return rules + [f"{p} .{k} .box {{ fill: {ink.fill}; stroke: {ink.border} }}" for k, ink in theme.inks.items()]


_LINES = [
    ".autograd-graph .edge { stroke-width: 1.5 }",
    ".autograd-graph .edge.quiet { stroke-width: 1.1 }",
    ".autograd-graph .edge.cut { stroke-dasharray: 2 3 }",
    ".autograd-graph .frame { stroke-dasharray: 5 4 }",
    ".autograd-graph .halo { stroke-width: 4; stroke-linejoin: round; paint-order: stroke }",
    ".autograd-graph .box { stroke-width: 1.2 }",
    ".autograd-graph .constant .box { stroke-dasharray: 1.5 2.5 }",
    ".autograd-graph .head { font-weight: bold }",
    ".autograd-graph .sign { font-weight: normal }",
    ".autograd-graph .none { font-style: italic }",
]

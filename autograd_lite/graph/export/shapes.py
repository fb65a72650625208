"""Our own SVG as shapes and words in the order of painting: what a painter needs, with every style looked up.

It reads the vocabulary that `pictures` writes and nothing else: rectangles, ellipses, paths of M, L, H, V, Q, C, Z and
half ellipses, groups that move or turn, windows that clip, and styles by classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..pictures.dot import ThemeName

if TYPE_CHECKING:
    from xml.etree import ElementTree

Point = tuple[float, float]
Style = Mapping[str, str]
# a, b, c, d, e, f: the point (x, y) is painted at (a x + c y + e, b x + d y + f).
Matrix = tuple[float, float, float, float, float, float]
# A letter of M, L, C and Z, and its points.
Piece = tuple[str, tuple[Point, ...]]

# How far the handles of a cubic curve reach that is a quarter of a circle.
_ROUND = 0.5522847498
_GIVEN = ("fill", "stroke", "font-family", "font-size", "text-anchor")
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{((?:[^{}]*\{[^{}]*\})*)\s*\}")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_PARTS = re.compile(r"([a-z]*)((?:\.[\w-]+)*)(?::nth-of-type\(-n\+(\d+)\))?")


class Shape(NamedTuple):
    """An outline and how it is painted."""

    path: tuple[Piece, ...]
    style: Style
    at: Matrix


class Words(NamedTuple):
    """A line of text: runs of one style each, the point on its baseline, and the rectangle outside of which it is cut.

    Attributes:
        runs: texts and their styles.
        anchor: what of the line is at the point: "start", "middle" or "end".
        window: left, top, right and bottom, or None.
    """

    runs: tuple[tuple[str, Style], ...]
    x: float
    y: float
    anchor: str
    at: Matrix
    window: tuple[float, float, float, float] | None


class Sheet(NamedTuple):
    """A picture: its size in CSS pixels, its title, and what is painted, the lowest first."""

    width: float
    height: float
    title: str
    marks: tuple[Shape | Words, ...]


def sheet_of(svg: str, theme: ThemeName = "light") -> Sheet:
    """Read a picture of ours.

    Args:
        svg: the text.
        theme: whose colors are looked up.

    Raises:
        ValueError: if there is something in it that our pictures do not use.
    """
    from xml.etree import ElementTree  # 8 ms, for those who paint alone

    root = ElementTree.fromstring(svg)
    css = "".join(part.text or "" for part in root if _tag(part) == "style")
    rules = _rules(_DARK.sub(r"\1" if theme == "dark" else "", css))
    title = next((part.text or "" for part in root if _tag(part) == "title"), "")
    marks = tuple(_Reader(rules).inside(root, (), {}, (1, 0, 0, 1, 0, 0), None))
    return Sheet(float(root.attrib["width"]), float(root.attrib["height"]), title, marks)


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


# ---- styles ---------------------------------------------------------------------------------------------------------


class _Part(NamedTuple):
    """One part of a selector, or an element that it may be for."""

    tag: str
    classes: frozenset[str]
    place: int

    def means(self, element: _Part) -> bool:
        """Return whether an element is one of those meant; `place` is the last among those of its kind, 0 for any."""
        return (
            self.tag in ("", element.tag)
            and self.classes <= element.classes
            and (not self.place or element.place <= self.place)
        )


class _Rule(NamedTuple):
    """A selector, how much it weighs, and what it sets."""

    parts: tuple[_Part, ...]
    weight: tuple[int, int]
    sets: Style


def _rules(css: str) -> list[_Rule]:
    rules: list[_Rule] = []
    for selectors, body in _RULE.findall(css):
        lines = [line.split(":", 1) for line in body.split(";") if line.strip()]
        sets = {name.strip(): value.strip() for name, value in lines}
        for selector in selectors.split(","):
            found = [_PARTS.fullmatch(part) for part in selector.split()]
            if any(match is None for match in found):
                raise ValueError(f"save: expected selectors of tags and classes; received {selector.strip()!r}")
            parts = [_Part(m[1], frozenset(m[2].split(".")[1:]), int(m[3] or 0)) for m in found if m]
            classes = sum(match[2].count(".") + (match[3] is not None) for match in found if match)
            rules.append(_Rule(tuple(parts), (classes, sum(bool(part.tag) for part in parts)), sets))
    return sorted(rules, key=lambda rule: rule.weight)


def _meant(parts: Sequence[_Part], chain: Sequence[_Part]) -> bool:
    """Return whether a selector means the last element of a chain from the root down."""
    if not parts[-1].means(chain[-1]):
        return False
    left = len(parts) - 1
    for element in reversed(chain[:-1]):
        if left and parts[left - 1].means(element):
            left -= 1
    return not left


# ---- elements -------------------------------------------------------------------------------------------------------


class _Reader:
    """Walks down the elements."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = rules
        self._known: dict[tuple[_Part, ...], Style] = {}

    def _set(self, chain: tuple[_Part, ...]) -> Style:
        if chain not in self._known:
            self._known[chain] = {
                k: v for rule in self._rules if _meant(rule.parts, chain) for k, v in rule.sets.items()
            }
        return self._known[chain]

    def inside(
        self,
        element: ElementTree.Element,
        chain: tuple[_Part, ...],
        around: Style,
        at: Matrix,
        window: tuple[float, float, float, float] | None,
        place: int = 1,
    ) -> Iterator[Shape | Words]:
        """Yield what an element paints; `chain`, `around`, `at` and `window` are those of what is around it."""
        tag, given = _tag(element), element.attrib
        if tag in ("title", "desc", "style"):
            return
        chain = (*chain, _Part(tag, frozenset(given.get("class", "").split()), place))
        style = {**around, **{k: given[k] for k in _GIVEN if k in given}, **self._set(chain)}
        if tag == "text":
            yield self._words(element, chain, style, at, window)
        elif tag in ("svg", "g"):
            at = _after(at, given.get("transform", ""))
            if "x" in given:  # a window; the picture itself has none
                x, y, wide, high = (float(given[name]) for name in ("x", "y", "width", "height"))
                at = _after(at, f"translate({x} {y})")
                window = (at[4], at[5], at[4] + wide, at[5] + high)
            counts: dict[str, int] = {}
            for child in element:
                counts[child.tag] = counts.get(child.tag, 0) + 1
                yield from self.inside(child, chain, style, at, window, counts[child.tag])
        else:
            yield Shape(tuple(_outline(tag, given)), style, at)

    def _words(
        self,
        element: ElementTree.Element,
        chain: tuple[_Part, ...],
        style: Style,
        at: Matrix,
        window: tuple[float, float, float, float] | None,
    ) -> Words:
        runs = [(element.text or "", style)]
        for child in element:
            inner = (*chain, _Part(_tag(child), frozenset(child.attrib.get("class", "").split()), 1))
            runs += [(child.text or "", {**style, **self._set(inner)}), (child.tail or "", style)]
        x, y = float(element.attrib["x"]), float(element.attrib["y"])
        return Words(tuple(run for run in runs if run[0]), x, y, style.get("text-anchor", "start"), at, window)


def _after(at: Matrix, transform: str) -> Matrix:
    """Return the matrix of what is inside an element with a transform."""
    name, _, numbers = transform.partition("(")
    if not name:
        return at
    given = [float(number) for number in numbers.rstrip(")").split()]
    a, b, c, d, e, f = given if name == "matrix" else [1, 0, 0, 1, *given]
    p, q, r, s, t, u = at
    return (p * a + r * b, q * a + s * b, p * c + r * d, q * c + s * d, p * e + r * f + t, q * e + s * f + u)


# ---- outlines -------------------------------------------------------------------------------------------------------


def _outline(tag: str, given: Style) -> Iterator[Piece]:
    def number(name: str) -> float:
        return float(given.get(name, 0))

    if tag == "path":
        yield from _pieces(given["d"])
    elif tag == "rect":
        yield from _rounded(number("x"), number("y"), number("width"), number("height"), number("rx"), number("rx"))
    elif tag in ("ellipse", "circle"):
        rx, ry = (number("rx"), number("ry")) if tag == "ellipse" else (number("r"), number("r"))
        yield from _rounded(number("cx") - rx, number("cy") - ry, 2 * rx, 2 * ry, rx, ry)
    else:
        raise ValueError(f"save: expected the elements of our own pictures; received <{tag}>")


def _rounded(x: float, y: float, wide: float, high: float, rx: float, ry: float) -> Iterator[Piece]:
    """Yield a rectangle with round corners; an ellipse is one that has nothing else."""
    right, low, i, j = x + wide, y + high, rx * (1 - _ROUND), ry * (1 - _ROUND)
    yield "M", ((x + rx, y),)
    yield "L", ((right - rx, y),)
    yield from [("C", ((right - i, y), (right, y + j), (right, y + ry)))] if rx else []
    yield "L", ((right, low - ry),)
    yield from [("C", ((right, low - j), (right - i, low), (right - rx, low)))] if rx else []
    yield "L", ((x + rx, low),)
    yield from [("C", ((x + i, low), (x, low - j), (x, low - ry)))] if rx else []
    yield "L", ((x, y + ry),)
    yield from [("C", ((x, y + j), (x + i, y), (x + rx, y)))] if rx else []
    yield "Z", ()


_NUMBERS = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "C": 6, "A": 7, "Z": 0}


def _pieces(d: str) -> Iterator[Piece]:
    """Yield the pieces of a path, with absolute points."""
    words = re.findall(r"[A-Za-z]|-?\d+(?:\.\d+)?", d)
    x = y = 0.0
    begin = (x, y)
    while words:
        letter = words.pop(0)
        kind, near = letter.upper(), letter.islower()
        if kind not in _NUMBERS or (near and kind in "QCA"):
            raise ValueError(f"save: expected paths of our own pictures; received {letter!r} in {d[:60]!r}")
        numbers = [float(words.pop(0)) for _ in range(_NUMBERS[kind])]
        if kind == "Z":
            x, y = begin
            yield "Z", ()
        elif kind == "C":
            x, y = numbers[4:]
            yield "C", ((numbers[0], numbers[1]), (numbers[2], numbers[3]), (x, y))
        elif kind == "Q":
            p, q = numbers[:2], numbers[2:]
            thirds = [((a + 2 * c) / 3, (b + 2 * d) / 3) for (a, b), (c, d) in (((x, y), p), (q, p))]
            x, y = q
            yield "C", (*thirds, (x, y))
        elif kind == "A":
            yield from _half_ellipse((x, y), numbers)
            x, y = numbers[5:]
        else:
            dx, dy = (x, y) if near else (0.0, 0.0)
            x = numbers[0] + dx if kind != "V" else x
            y = numbers[-1] + dy if kind != "H" else y
            begin = (x, y) if kind == "M" else begin
            yield ("M" if kind == "M" else "L"), ((x, y),)


def _half_ellipse(start: Point, numbers: Sequence[float]) -> Iterator[Piece]:
    """Yield the half of an ellipse that an arc is whose ends lie side by side."""
    (x, y), (_, ry, _, _, sweep, end, level) = start, numbers
    middle, bend = (x + end) / 2, ry if (sweep > 0) == (end < x) else -ry
    handle = (end - middle) * _ROUND
    yield "C", ((x, y + bend * _ROUND), (middle - handle, y + bend), (middle, y + bend))
    yield "C", ((middle + handle, level + bend), (end, level + bend * _ROUND), (end, level))

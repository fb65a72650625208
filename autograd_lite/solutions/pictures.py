"""Pictures of solves: the certificate, how the solver came to its solution, and the constraints there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ..graph.picture import DrawnPicture
from ..graph.pictures.boxes import Line
from ..graph.pictures.draw import Element, element, text
from ..graph.pictures.sheet import Sample, Sheet, box_sample, page
from ..graph.pictures.style import Stylesheet, rule
from ..graph.pictures.view import EdgeKind
from ..graph.pictures.widths import text_width
from ..ir.node_labels import clip, count_of

_WIDTH, _ROW, _BAR, _TEXT, _GAP, _HIGH = 352.0, 23.0, 13.0, 10.5, 34.0, 116.0
_DIGITS = 16  # of the scale
MAY_BE_ZERO = 1e-8  # the relative size up to which a slack or a multiplier may be zero
_MOST_SHOWN, _LONGEST = 10, 28
# The looks of bars: certain and uncertain derivatives, their parts, the condition, inactive constraints.
_CERTAIN, _UNCERTAIN, _PART, _COST, _INACTIVE = "parameter", "nan", "input", "output", "op"
_LINES = (
    rule(".bars .box, .bars .pill", stroke_width="1"),
    rule(".edge.asked", stroke_width="1.6", stroke_dasharray="5 3"),
    rule(".edge.quiet", stroke_width="0.6"),
    rule(".panel", font_weight="bold"),
)


def picture(sensitivity: Any, residuals: Sequence[float] = ()) -> DrawnPicture:
    """Return the picture of a certificate; see `Sensitivity.picture`.

    Args:
        sensitivity: a `Sensitivity`, of a derivative that was computed.
        residuals: at the points that the solver has evaluated, in order.
    """
    constraints = sensitivity.constraints
    names = [name for name, *_ in _rows(sensitivity)] + [clip(c.name, _LONGEST) for c in constraints[:_MOST_SHOWN]]
    left = max(text_width(name, _TEXT) for name in names) + 14
    parts, height = list(_bars(sensitivity)), (len(_rows(sensitivity)) + 0.6) * _ROW
    if len(residuals) > 1:
        parts += _below(height + _GAP, _residuals(residuals))
        height += _GAP + _HIGH + 28
    if constraints:
        parts += _below(height + _GAP, _margins(constraints))
        height += _GAP + (min(len(constraints), _MOST_SHOWN) + 1.4) * _ROW
    looks = (_CERTAIN, _UNCERTAIN, _PART, _COST, _INACTIVE)
    style = Stylesheet(looks, (EdgeKind.DATA, EdgeKind.GRADIENT), (), more=_LINES)
    sheet = Sheet(f"Certificate of {sensitivity.called}", (_fact(sensitivity),), list(_legend(sensitivity)), style)
    return DrawnPicture(
        page(sheet._replace(heading=True), parts, -left, _WIDTH + (96 if constraints else 74), 34.0, height)
    )


def _fact(s: Any) -> str:
    return f"{s.digits:.1f} digits of the derivative are certain, {s.asked:g} are asked for"


def _below(y: float, parts: Iterator[Element]) -> list[Element]:
    return [element("g", "", *parts, transform=(1, 0, 0, 1, 0.0, y))]


# ---- the certificate -------------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A bar: its name, where it begins and ends in digits, its look and its text."""

    name: str
    start: float
    stop: float
    look: str
    text: str
    tip: str


def _digits(error: float) -> float:
    return _DIGITS if error <= 0 else min(max(-math.log10(error), 0.0), _DIGITS) if error == error else 0.0


def _number(x: float) -> str:
    return f"{x:.1e}" if x else "0"


def _rows(s: Any) -> list[_Row]:
    digits = s.digits or 0.0
    look = _CERTAIN if digits >= s.asked else _UNCERTAIN
    rows = [_Row("derivative", 0, min(digits, _DIGITS), look, f"{digits:.1f}", "certain digits of the derivative")]
    for name, error, tip in (
        ("by the solver", s.by_solver, "the derivative, apart from rounding"),
        ("by rounding", s.by_rounding, "the derivative, apart from what the solver has left"),
        ("solution", s.solution_error, "relative error of the solution"),
        ("residual", s.scaled_residual, "largest residual, relative to its terms"),
        ("linear system", s.linear_residual, "residual of the linear system, relative"),
    ):
        if error is not None:
            rows.append(_Row(name, 0, _digits(error), _PART, _number(error), tip))
    condition = s.condition
    if condition is not None and condition == condition:
        lost = _digits(1 / condition) if condition > 1 else 0.0
        rows.append(_Row("condition", _DIGITS - lost, _DIGITS, _COST, f"{condition:.1e}", "condition of dF/dx"))
    return rows


def _bars(s: Any) -> Iterator[Element]:
    """Yield a bar for each number, on a scale of digits."""
    rows = _rows(s)
    bottom = len(rows) * _ROW + 3
    for digits in range(0, _DIGITS + 1, 4):
        x = _WIDTH * digits / _DIGITS
        yield element("path", "edge quiet", d=(("M", x, 0), ("V", bottom)))
        yield text(Line(str(digits), 9.5, "soft"), x, bottom + 9)
    for k, row in enumerate(rows):
        y = (k + 0.5) * _ROW + 2
        x, width = _WIDTH * row.start / _DIGITS, _WIDTH * (row.stop - row.start) / _DIGITS
        strong = row.look in (_CERTAIN, _UNCERTAIN)
        if width > 1:
            bar = element("rect", "pill" if strong else "box", x=x, y=y - _BAR / 2, width=width, height=_BAR, rx=3)
            yield element("g", f"{row.look} bars", bar, tip=f"{row.tip}: {row.text}")
        style = "head" if strong else "soft"
        yield text(Line(row.name, _TEXT, style), -8, y, "end")
        end = _WIDTH if row.look == _COST else x + width
        yield text(Line(f"{row.text} digits" if strong else row.text, _TEXT, f"{style} halo"), end + 7, y, "start")
    x = _WIDTH * min(max(s.asked, 0), _DIGITS) / _DIGITS
    yield element("path", "edge gradient asked", d=(("M", x, -6), ("V", bottom)))
    yield text(Line("asked for", 9.5, "soft"), x, -13)


# ---- the solver ------------------------------------------------------------------------------------------------------


def _heading(words: str) -> Element:
    return text(Line(words, _TEXT, "soft panel"), 0, 0, "start")


def _residuals(residuals: Sequence[float]) -> Iterator[Element]:
    """Yield a line of the largest residual at each evaluation, on a logarithmic scale."""
    logs = [math.log10(r) if 0 < r < math.inf else None for r in residuals]
    finite = [x for x in logs if x is not None] or [0.0]
    high = math.ceil(max(finite) + 1e-9)
    low = min(math.floor(min(finite)), high - 2)
    step = max(1, math.ceil((high - low) / 5))
    yield _heading("largest residual at each evaluation of the solver")

    def at(k: int, value: float) -> tuple[float, float]:
        return _WIDTH * k / max(len(logs) - 1, 1), 16 + _HIGH * (high - value) / (high - low)

    for value in range(low, high + 1, step):
        _, y = at(0, value)
        yield element("path", "edge quiet", d=(("M", 0, y), ("H", _WIDTH)))
        yield text(Line(f"1e{value:+03d}", 9.5, "soft"), -8, y, "end")
    points = [(at(k, value), residuals[k]) for k, value in enumerate(logs) if value is not None]
    line: list[tuple[Any, ...]] = [("L" if k else "M", *point) for k, (point, _) in enumerate(points)]
    yield element("path", "edge data", d=line)
    for k, ((x, y), r) in enumerate(points):
        if len(points) <= 60:
            dot = element("circle", "pill", cx=x, cy=y, r=3.2)
            yield element("g", f"{_PART} bars", dot, tip=f"evaluation {k + 1}: {r:.1e}")
    y = 16 + _HIGH + 12
    yield text(Line("1", 9.5, "soft"), 0, y)
    yield text(Line(f"{len(residuals):,}", 9.5, "soft"), _WIDTH, y)


# ---- constraints -----------------------------------------------------------------------------------------------------


def _margins(constraints: Sequence[Any]) -> Iterator[Element]:
    """Yield the margins of the constraints that are nearest to a change, on a scale of digits."""
    shown, active = constraints[:_MOST_SHOWN], sum(c.is_active for c in constraints)
    some = f", the nearest {len(shown)}" if len(shown) < len(constraints) else ""
    yield _heading(f"{count_of(len(constraints), 'constraint')}, {active} active{some}: how far from a change")
    place: Callable[[float], float] = lambda margin: _WIDTH * (_DIGITS - _digits(margin)) / _DIGITS  # noqa: E731
    bottom = (len(shown) + 0.5) * _ROW + 4
    for digits in range(0, _DIGITS + 1, 4):
        x = _WIDTH * (1 - digits / _DIGITS)
        yield element("path", "edge quiet", d=(("M", x, 12), ("V", bottom)))
        yield text(Line("1" if not digits else f"1e-{digits:02d}", 9.5, "soft"), x, bottom + 9)
    for k, c in enumerate(shown):
        y, x = (k + 1) * _ROW, place(c.margin)
        yield text(Line(clip(c.name, _LONGEST), _TEXT, "soft"), -8, y, "end")
        kind = "multiplier" if c.is_active else "slack"
        doubtful = c.margin <= MAY_BE_ZERO
        look = _UNCERTAIN if doubtful else _CERTAIN if c.is_active else _INACTIVE
        bar = element("rect", "pill" if c.is_active else "box", x=0, y=y - 4.5, width=max(x, 2), height=9, rx=2.5)
        yield element("g", f"{look} bars", bar, tip=f"{c.name}: {kind} {c.margin:.1e}")
        yield text(Line(f"{kind} {_number(c.margin)}", 9.5, "soft halo"), max(x, 2) + 7, y, "start")


def _legend(s: Any) -> Iterator[Sample]:
    is_certain = (s.digits or 0) >= s.asked
    names = [(_CERTAIN, "pill", "certain digits")] if is_certain else [(_UNCERTAIN, "pill", "too few digits")]
    names.append((_PART, "box", "digits by each part"))
    names.append((_COST, "box", "digits that the condition may cost"))
    if s.constraints:
        names += [(_CERTAIN, "pill", "active constraint"), (_INACTIVE, "box", "inactive")]
        names += [(_UNCERTAIN, "pill", "degenerate")] if min(c.margin for c in s.constraints) <= MAY_BE_ZERO else []
    for look, css, name in names:
        yield box_sample(f"{look} bars", [element("rect", css, x=0, y=-6, width=18, height=12, rx=3)], name)

"""Pictures of solutions: their curves, with bands of their errors, the steps, and how stiff the equations are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..graph.picture import DrawnPicture
from ..graph.pictures.boxes import Line
from ..graph.pictures.draw import Element, element, text
from ..graph.pictures.sheet import Sample, Sheet, box_sample, page
from ..graph.pictures.style import Stylesheet
from ..graph.pictures.view import EdgeKind
from ..graph.pictures.widths import text_width
from ..ir.node_labels import count_of, visible
from ..ops.operands import values
from .axes import LINES, LOOKS, SMALL, WIDTH, Scale, axes, band, crosses, curve, names_at_ends, scale_of, stairs
from .equations import BoundEquations
from .trajectories import Path, Trajectory

_HIGH, _LOW, _GAP = 190.0, 92.0, 46.0
_STEP, _REJECTED = "op", "nan"
# Components of which all values are this many times smaller than the largest are shown times a power of ten.
_SMALLER = 30
# The most components; at how many steps, and up to how many equations eigenvalues are computed.
_MOST_CURVES, _MOST_POINTS, _MOST_EQUATIONS = 8, 120, 300
# The time is on a logarithmic scale if half of the steps end within this share of it.
_EARLY = 0.02
# Explicit methods of orders 3 to 8 are stable up to about here, for equations that decay.
STABLE_UP_TO, _LIMIT = 3.3, "explicit up to 3"


def picture(
    result: Any,
    errors: Any = None,
    components: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    title: str = "Solution",
) -> DrawnPicture:
    """Return a picture of a solution, of its steps, and of how stiff the equations are along it.

    Above are the components over the time; with `errors`, a band of two standard deviations to either side. Below are
    the lengths of accepted steps on a logarithmic scale, with a cross for each attempt that was rejected, at the length
    that was too long. The third panel has the length of each step times the largest absolute value of the
    eigenvalues of df/dy. Explicit methods are held to about 3, whatever the tolerance; where a method takes steps far
    above that line, the equations are stiff. The time is on a logarithmic scale if half of the steps lie within its
    first fiftieth.

    Args:
        result: of `solve_ivp`: with `t` of shape (m,) and `y` of shape (n, m). SciPy's own are taken too, and show
            the components alone.
        errors: standard deviations of y, shape (n, m), as `optimize.delta_method` returns them.
        components: which of the n to show; by default the first eight.
        names: of all n components; by default y[0], y[1], ….
        title: above the picture.

    Returns:
        The picture, with `.save`, for `.svg`, `.png` and `.pdf`; a notebook shows it.

    Raises:
        ShapeError: if `errors` has another shape than y, or the number of names is not n.

    Example:
        >>> import numpy as np
        >>> from autograd_lite.scipy.integrate import solve_ivp
        >>> t = np.linspace(0, 5, 100)
        >>> picture(solve_ivp(lambda t, y: -y, (0, 5), [1.0], t_eval=t), errors=0.1 * np.exp(-t)[None])
        <DrawnPicture: Solution>
    """
    t, y = np.asarray(values(result.t), float), np.asarray(values(result.y))
    n = len(y)
    errors = None if errors is None else np.asarray(values(errors), float)
    if errors is not None and errors.shape != y.shape:
        raise ShapeError(f"picture: expected errors of y's shape {y.shape}; received {errors.shape}")
    if names is not None and len(names) != n:
        raise ShapeError(f"picture: expected {n} names, one for each component; received {len(names)}")
    chosen = list(range(n))[:_MOST_CURVES] if components is None else [range(n)[k] for k in components]
    labels = [visible(names[k]) if names is not None else f"y[{k}]" for k in chosen]
    steps = _trajectory_of(result)
    along = _time_scale(t, steps)
    parts = list(_solution(along, t, y, errors, chosen, labels))
    height = _HIGH + 18
    if steps is not None:
        stiffness = _stiffness(steps, getattr(result, "equations", None))
        for panel in (_steps(along, steps), stiffness):
            if panel:
                height += _GAP + _LOW
                parts.append(element("g", "", *panel, transform=(1, 0, 0, 1, 0.0, height - _HIGH - 18)))
    legend = list(_legend(steps, errors))
    style = Stylesheet((*LOOKS[: len(chosen)], _STEP, _REJECTED), (EdgeKind.DATA, EdgeKind.GRADIENT), (), more=LINES)
    sheet = Sheet(visible(title), (", ".join(_facts(result, n, chosen, steps)),), legend, style, heading=True)
    right = 28 + max([text_width(label, 10.0) for label in _scaled_names(y, chosen, labels)[1]], default=0.0)
    right = WIDTH + 6 + max(right, text_width(_LIMIT, SMALL) if steps is not None else 0.0)
    return DrawnPicture(page(sheet, parts, -44.0, right, _HIGH + 28, height - _HIGH))


def _trajectory_of(result: Any) -> Trajectory | None:
    """Return the steps of a solution; SciPy's dense output has where they end."""
    trajectory: Trajectory | None = getattr(result, "trajectory", None)
    ends = getattr(getattr(result, "sol", None), "ts", None)
    if trajectory is None and ends is not None:
        ends = np.asarray(ends, float)
        trajectory = Trajectory(Path(ends, np.diff(ends)), np.arange(len(ends)), np.asarray(result.sol(ends)).T)
    return trajectory if trajectory is not None and len(trajectory.path) else None


def _time_scale(t: Any, steps: Any) -> Scale:
    ends = t if steps is None else steps.path.t
    ends = np.asarray(ends, float)
    low, high = (float(ends[0]), float(ends[-1])) if len(ends) else (0.0, 1.0)
    if len(ends) > 2 and low >= 0 and float(np.median(ends)) < low + _EARLY * (high - low):
        return Scale(low if low > 0 else float(ends[ends > 0][0]), high, WIDTH, True)
    return Scale(low, high if high != low else low + 1, WIDTH)


def _scaled_names(y: Any, chosen: Sequence[int], names: Sequence[str]) -> tuple[list[float], list[str]]:
    """Return by which powers of ten components are multiplied to be seen, and their names with these."""
    finite = [np.abs(y[k][np.isfinite(y[k])]).max(initial=0.0) for k in chosen]
    largest = max(finite, default=0.0)
    powers = [math.floor(math.log10(largest / m)) if 0 < _SMALLER * m < largest else 0 for m in finite]
    labels = [f"{name} · 1e{power}" if power else name for name, power in zip(names, powers, strict=True)]
    return [10.0**power for power in powers], labels


def _solution(
    along: Scale, t: Any, y: Any, errors: Any, chosen: Sequence[int], names: Sequence[str]
) -> Iterator[Element]:
    factors, names = _scaled_names(y, chosen, names)
    curves = [y[k].real * factor for k, factor in zip(chosen, factors, strict=True)]
    widths = [0 * c if errors is None else 2 * errors[k] * f for k, c, f in zip(chosen, curves, factors, strict=True)]
    spread = [c + s * w for c, w in zip(curves, widths, strict=True) for s in (-1, 1)]
    up = scale_of(np.concatenate(spread) if spread else [], -_HIGH)
    x = along.at(t)
    yield from axes(along, up, "y(t)", 5)
    looks = [LOOKS[k % len(LOOKS)] for k in range(len(curves))]
    if errors is not None:
        for look, c, width, name in zip(looks, curves, widths, names, strict=True):
            yield band(look, x, up.at(c - width), up.at(c + width), f"{name}: two standard deviations")
    for look, c, name in zip(looks, curves, names, strict=True):
        yield curve(look, x, up.at(c), name)
    ends = [float(up.at(c[np.isfinite(c)][-1:].sum())) for c in curves]
    yield from names_at_ends(ends, names, looks, 0.0)


def _steps(along: Scale, trajectory: Any) -> list[Element]:
    """Return the panel of the lengths of steps."""
    t, h = np.asarray(trajectory.path.t, float), np.abs(np.asarray(trajectory.path.h, float))
    rejected = np.asarray(trajectory.rejected, float).reshape(-1, 3)
    up = scale_of(np.concatenate([h, np.abs(rejected[:, 1])]), -_LOW, True)
    tip = f"{count_of(len(h), 'step')}, from {h.min():.1e} to {h.max():.1e}"
    parts = [*axes(along, up, "length of steps"), stairs(_STEP, along.at(t), up.at(h), tip)]
    if len(rejected):
        tip = f"{count_of(len(rejected), 'attempt')} rejected"
        parts.append(crosses(_REJECTED, along.at(rejected[:, 0]), up.at(np.abs(rejected[:, 1])), tip))
    return parts


def eigenvalues(trajectory: Any, equations: Any) -> tuple[Any, Any]:
    """Return at some of the steps their numbers, and the largest absolute value of the eigenvalues of df/dy.

    Args:
        trajectory: with carries.
        equations: `BoundEquations`.
    """
    places, carries = np.asarray(trajectory.kept), np.asarray(trajectory.carries)
    states = carries if carries.ndim == 2 else carries[:, 0]
    inside = np.flatnonzero(places < len(trajectory.path))
    inside = inside[np.unique(np.linspace(0, len(inside) - 1, min(len(inside), _MOST_POINTS)).astype(int))]
    sizes = []
    for k in inside:
        jacobian = equations.jacobian(float(trajectory.path.t[places[k]]), states[k])
        jacobian = jacobian.toarray() if hasattr(jacobian, "toarray") else np.asarray(jacobian)
        is_finite = bool(np.isfinite(jacobian).all())
        sizes.append(float(np.abs(np.linalg.eigvals(jacobian)).max()) if is_finite else math.nan)
    return places[inside], np.array(sizes)


def _stiffness(trajectory: Any, equations: Any) -> list[Element]:
    """Return the panel of h |λ|; nothing if the eigenvalues are not to be had."""
    if not isinstance(equations, BoundEquations) or equations.n > _MOST_EQUATIONS or trajectory.path.mass is not None:
        return []
    numbers, sizes = eigenvalues(trajectory, equations)
    h = np.abs(np.asarray(trajectory.path.h, float))[numbers] * sizes
    if not (h > 0).any():
        return []
    along = _time_scale(trajectory.path.t, trajectory)
    up = scale_of(np.append(h, STABLE_UP_TO), -_LOW, True)
    parts = list(axes(along, up, "h |λ|, the step times the largest eigenvalue of df/dy"))
    limit = float(up.at(STABLE_UP_TO))
    parts.append(element("path", "edge gradient limit", d=(("M", 0, limit), ("H", WIDTH))))
    parts.append(text(Line(_LIMIT, SMALL, "soft"), WIDTH + 6, limit, "start"))
    tip = f"largest |λ|: from {np.nanmin(sizes):.1e} to {np.nanmax(sizes):.1e}"
    parts.append(curve(_STEP, along.at(np.asarray(trajectory.path.t, float)[numbers]), up.at(h), tip))
    return parts


def _facts(result: Any, n: int, chosen: Sequence[int], steps: Any) -> Iterator[str]:
    yield count_of(n, "equation")
    if len(chosen) < n:
        yield f"{len(chosen)} shown"
    if steps is not None:
        yield count_of(len(steps.path), "step")
        if len(steps.rejected):
            yield f"{len(steps.rejected):,} rejected"
    yield count_of(int(result.get("nfev") or 0), "slope")
    if result.get("njev"):
        yield count_of(int(result.njev), "Jacobian")
    if result.get("status", 0) < 0:
        yield "stopped early"


def _legend(steps: Any, errors: Any) -> Iterator[Sample]:
    if errors is not None:
        sample = element("rect", "pill", x=0, y=-6, width=18, height=12)
        yield box_sample(f"{LOOKS[0]} band", [sample], "two standard deviations")
    if steps is not None:
        yield box_sample(f"{_STEP} curve", [element("path", "box", d=(("M", 0, 0), ("h", 18)))], "accepted steps")
        if len(steps.rejected):
            yield box_sample("", [crosses(_REJECTED, np.array([9.0]), np.array([0.0]), "")], "rejected")

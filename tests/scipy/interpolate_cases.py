"""Calls of `scipy.interpolate`. Data only."""

from __future__ import annotations

from typing import Any

import numpy as np

from .case import Case, normal

POINTS = np.array([0.0, 0.4, 1.0, 1.9, 2.5, 3.3, 4.0])
Q = np.array([0.1, 0.9, 1.3, 2.7, 3.9])  # between the points, and not in the middle of two
Q2 = np.array([[0.13, 1.73, 3.57], [0.47, 2.31, 0.81]])
BEYOND = np.array([-0.7, 0.6, 4.9])


def curves(name: str, x: Any = POINTS, tag: str = "", **options: Any) -> list[Case]:
    """Return rows for an interpolant that is made of points and values."""

    def made(m: Any, x: Any, y: Any, **more: Any) -> Any:
        return getattr(m, name)(x, y, **options, **more)

    y = np.cos(np.arange(len(x)) * 1.7) + np.arange(len(x)) ** 2 * 0.1
    both = np.stack([y, y[::-1] * 0.4])
    return [
        Case(f"interpolate.{name}{tag}", lambda m, x, y, q: made(m, x, y)(q), (x, y, Q[x[-1] > Q])),
        Case(f"interpolate.{name}{tag} axis", lambda m, x, y, q: made(m, x, y, axis=1)(q), (x, both, Q2[:, :1])),
    ]


def _methods(name: str, *args: Any, **options: Any) -> list[Case]:
    def each(m: Any, x: Any, y: Any, q: Any) -> Any:
        f = getattr(m, name)(x, y, *args, **options)
        return f(q, 1), f(q, 2), f.derivative()(q), f.antiderivative()(q), f.integrate(0.3, q[2])

    y = np.cos(np.arange(7) * 1.7)
    return [Case(f"interpolate.{name} methods", each, (POINTS, y, Q))]


def _grid(method: str, theirs: str, shape: tuple[int, ...] = (4, 5), **options: Any) -> Case:
    def call(m: Any, x: Any, y: Any, v: Any, q: Any) -> Any:
        name = theirs if m.__name__.startswith("scipy") else method
        return m.RegularGridInterpolator((x, y), v, method=name, **options)(q)

    x, y = np.arange(float(shape[0])) ** 1.2, np.arange(float(shape[1])) * 0.7
    q = np.array([[0.3, 0.2], [2.2, 1.1], [1.4, 2.75]])
    return Case(f"interpolate.RegularGridInterpolator {method} {len(shape)}", call, (x, y, normal(*shape), q))


INTERPOLATE = [
    *[
        case
        for n in (7, 3, 2)
        for bc in ("not-a-knot", "clamped", "natural", ((1, 0.3), (2, -0.4)), ("natural", "not-a-knot"))
        for case in curves("CubicSpline", POINTS[:n], f" {bc} {n}", bc_type=bc)
        if "axis" not in case.name or isinstance(bc, str)
    ],
    *[
        Case(
            f"interpolate.CubicSpline periodic {n}",
            lambda m, x, y, q: m.CubicSpline(x, np.concatenate([y, y[:1]]), bc_type="periodic")(q),
            (POINTS[:n], normal(n - 1), BEYOND),
        )
        for n in (6, 3)
    ],
    Case(
        "interpolate.CubicSpline slope",
        lambda m, x, y, s: m.CubicSpline(x, y, bc_type=((1, s), "natural"))(Q),
        (POINTS, normal(7), np.array(0.3)),
    ),
    *[case for n in (7, 2) for case in curves("PchipInterpolator", POINTS[:n], f" {n}")[: n // 3 or 1]],
    *curves("Akima1DInterpolator"),
    *curves("Akima1DInterpolator", tag=" makima", method="makima"),
    Case(
        "interpolate.Akima1DInterpolator outside",
        lambda m, x, y: np.isnan(m.Akima1DInterpolator(x, y)(BEYOND)[0]) * m.Akima1DInterpolator(x, y)(Q),
        (POINTS, normal(7)),
    ),
    Case("interpolate.CubicSpline beyond", lambda m, x, y, q: m.CubicSpline(x, y)(q), (POINTS, normal(7), BEYOND)),
    Case(
        "interpolate.CubicHermiteSpline",
        lambda m, x, y, d, q: m.CubicHermiteSpline(x, y, d)(q),
        (POINTS, normal(7, 2), normal(7, 2)[::-1], Q2),
    ),
    Case("interpolate.PPoly", lambda m, c, x, q: m.PPoly(c, x)(q), (normal(3, 6), POINTS, Q)),
    *_methods("CubicSpline"),
    *_methods("make_interp_spline", 3),
    *[
        Case(
            f"interpolate.BSpline {k}",
            lambda m, t, c, q, k=k: m.BSpline(t, c, k)(q),
            (np.arange(11.0) * 0.9 - 2, normal(10 - k, 2), Q2),
        )
        for k in (0, 1, 2, 3)
    ],
    Case(
        "interpolate.BSpline axis",
        lambda m, c, q: m.BSpline(np.arange(10.0), c, 2, axis=1)(q, 1),
        (normal(2, 7, 3), Q2 + 2),
    ),
    *[case for k in (1, 2, 3, 5) for case in curves("make_interp_spline", tag=f" {k}", k=k)],
    *[
        Case(
            f"interpolate.make_interp_spline {bc}",
            lambda m, x, y, q, bc=bc: m.make_interp_spline(x, y, bc_type=bc)(q),
            (POINTS, normal(7), Q),
        )
        for bc in ("natural", "clamped", ([(1, 0.3)], [(2, 0.1)]))
    ],
    *[
        Case(
            f"interpolate.interp1d {kind}",
            lambda m, x, y, q, kind=kind: m.interp1d(x, y, kind)(q),
            (POINTS, normal(2, 7), Q2),
        )
        for kind in ("linear", "nearest", "nearest-up", "zero", "previous", "next", "slinear", "quadratic", "cubic", 5)
    ],
    Case(
        "interpolate.interp1d unsorted",
        lambda m, x, y, q: m.interp1d(x, y, axis=0, fill_value="extrapolate")(q),
        (POINTS[::-1], normal(7, 2), BEYOND),
    ),
    Case(
        "interpolate.interp1d fill",
        lambda m, x, y, q: m.interp1d(x, y, bounds_error=False, fill_value=(0.2, 0.9))(q),
        (POINTS, normal(2, 7), BEYOND),
    ),
    *[_grid(name, name) for name in ("linear", "nearest")],
    *[_grid(name, f"{name}_legacy") for name in ("slinear", "cubic")],
    _grid("linear", "linear", (4, 5, 2)),
    _grid("cubic", "cubic_legacy", (4, 5, 2)),
    Case(
        "interpolate.RegularGridInterpolator falling",
        lambda m, v, q: m.RegularGridInterpolator(
            (np.array([3.0, 1.0, 0.0]), np.arange(3.0)), v, bounds_error=False, fill_value=None
        )(q),
        (normal(3, 3), np.array([[0.4, 3.3], [2.2, 0.1]])),
    ),
    Case(
        "interpolate.interpn",
        lambda m, v, q: m.interpn((np.arange(3.0), np.arange(3.0)), v, q),
        (normal(3, 3), np.array([[0.4, 1.3], [1.2, 0.1]])),
    ),
]

"""Calls of SciPy's functions on small arrays. A row is a call, given a module: SciPy's, or the one of the same name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """One call.

    Attributes:
        name: module and function, "linalg.solve", and after a space what is particular.
        call: `call(module, *inputs)`.
        inputs: the arrays by which it is differentiated.
        without: laws that do not apply, each with the reason.
    """

    name: str
    call: Callable[..., Any]
    inputs: tuple[Any, ...]
    without: Mapping[str, str] = MappingProxyType({})

    def __str__(self) -> str:
        return self.name


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def normal(*shape: int) -> Any:
    return _rng().normal(size=shape)


def cnormal(*shape: int) -> Any:
    r = _rng()
    return r.normal(size=shape) + 1j * r.normal(size=shape)


def spread(n: int) -> Any:
    """Return a well-conditioned matrix with distinct real eigenvalues, all positive."""
    return np.diag(np.arange(1.0, n + 1)) + 0.2 * normal(n, n)


def definite(n: int) -> Any:
    a = normal(n, n)
    return a @ a.T + n * np.eye(n)


def bands(l: int, u: int, n: int) -> Any:  # noqa: E741
    ab = 0.3 * normal(l + u + 1, n)
    ab[u] += 2 + np.arange(n)
    return ab


LU = "the order of rows or columns needs values"
STEP = "which values are used depends on values"
POINTS = np.array([0.0, 0.4, 1.0, 1.9, 2.5, 3.3, 4.0])

LINALG = [
    *[
        Case(f"linalg.solve_triangular {trans} {low} {unit}", call, (spread(3), normal(3, 2)))
        for trans in (0, 1)
        for low in (True, False)
        for unit in (True, False)
        for call in [
            lambda m, a, b, t=trans, low=low, u=unit: m.solve_triangular(a, b, trans=t, lower=low, unit_diagonal=u)
        ]
    ],
    Case("linalg.solve_triangular vector", lambda m, a, b: m.solve_triangular(a, b), (spread(4), normal(4))),
    Case("linalg.solve_triangular C", lambda m, a, b: m.solve_triangular(a, b, "C"), (spread(3) + 0j, cnormal(3))),
    Case("linalg.cholesky", lambda m, a: m.cholesky(_sym(a)), (definite(3),)),
    Case("linalg.cholesky lower", lambda m, a: m.cholesky(_sym(a), lower=True), (definite(3),)),
    Case("linalg.cho_factor", lambda m, a: m.cho_factor(_sym(a))[0], (definite(3),)),
    *[
        Case(f"linalg.cho_solve {low}", call, (definite(3), normal(3, 2)))
        for low in (True, False)
        for call in [lambda m, a, b, low=low: m.cho_solve(m.cho_factor(_sym(a), lower=low), b)]
    ],
    *[
        Case(f"linalg.cholesky_banded {low} {k} {n}", call, (ab,))
        for low in (True, False)
        for k, n in ((2, 5), (1, 4), (0, 3), (2, 2), (3, 7))
        for ab in [bands(k, 0, n) if low else bands(0, k, n)]
        for call in [lambda m, ab, low=low: _inside(m.cholesky_banded(ab, lower=low), low)]
    ],
    *[
        Case(f"linalg.cho_solve_banded {low}", call, (bands(1, 0, 4) if low else bands(0, 1, 4), normal(4)))
        for low in (True, False)
        for call in [lambda m, c, b, low=low: m.cho_solve_banded((c, low), b)]
    ],
    Case("linalg.solve_banded", lambda m, ab, b: m.solve_banded((1, 2), ab, b), (bands(1, 2, 5), normal(5, 2))),
    Case("linalg.solve_banded wide", lambda m, ab, b: m.solve_banded((2, 2), ab, b), (bands(2, 2, 3), normal(3))),
    Case(
        "linalg.solve_banded complex", lambda m, ab, b: m.solve_banded((0, 1), ab, b), (bands(0, 1, 3) + 1j, cnormal(3))
    ),
    Case("linalg.solveh_banded", lambda m, ab, b: m.solveh_banded(ab, b), (bands(0, 2, 5), normal(5, 2))),
    Case(
        "linalg.solveh_banded lower", lambda m, ab, b: m.solveh_banded(ab, b, lower=True), (bands(2, 0, 5), normal(5))
    ),
    Case("linalg.solve", lambda m, a, b: m.solve(a, b), (spread(3), normal(3, 2))),
    Case("linalg.solve transposed", lambda m, a, b: m.solve(a, b, transposed=True), (spread(3), normal(3))),
    *[
        Case(f"linalg.solve {kind}", lambda m, a, b, kind=kind: m.solve(a, b, assume_a=kind), (definite(3), normal(3)))
        for kind in ("sym", "pos")
    ],
    Case("linalg.inv", lambda m, a: m.inv(a), (spread(3),)),
    Case("linalg.det", lambda m, a: m.det(a), (spread(3),)),
    *[
        Case(f"linalg.{name}", lambda m, a, name=name: getattr(m, name)(a), (spread(3) * 0.4,))
        for name in ("expm", "logm", "sqrtm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
    ],
    *[
        Case(f"linalg.{name} complex", lambda m, a, name=name: getattr(m, name)(a), (spread(2) + 0.5j * normal(2, 2),))
        for name in ("expm", "logm", "sqrtm")
    ],
    Case("linalg.fractional_matrix_power", lambda m, a: m.fractional_matrix_power(a, 0.3), (spread(3),)),
    Case("linalg.expm_frechet", lambda m, a, e: m.expm_frechet(a, e)[1], (spread(2) * 0.3, normal(2, 2))),
    Case("linalg.solve_sylvester", lambda m, a, b, q: m.solve_sylvester(a, b, q), (spread(3), spread(2), normal(3, 2))),
    Case(
        "linalg.solve_sylvester complex",
        lambda m, a, b, q: m.solve_sylvester(a, b, q),
        (spread(2) + 1j, spread(2) + 0j, cnormal(2, 2)),
    ),
    Case(
        "linalg.solve_continuous_lyapunov", lambda m, a, q: m.solve_continuous_lyapunov(a, q), (spread(3), normal(3, 3))
    ),
    *[
        Case(f"linalg.solve_discrete_lyapunov {kind}", call, (spread(3) * 0.2, normal(3, 3)))
        for kind in ("direct", "bilinear")
        for call in [lambda m, a, q, kind=kind: m.solve_discrete_lyapunov(a, q, method=kind)]
    ],
    Case("linalg.toeplitz", lambda m, c, r: m.toeplitz(c, r), (normal(3), normal(4))),
    Case("linalg.toeplitz one", lambda m, c: m.toeplitz(c), (cnormal(3),)),
    Case("linalg.circulant", lambda m, c: m.circulant(c), (normal(4),)),
    Case("linalg.hankel", lambda m, c, r: m.hankel(c, r), (normal(3), normal(4))),
    Case("linalg.hankel one", lambda m, c: m.hankel(c), (normal(3),)),
    Case("linalg.block_diag", lambda m, a, b, c: m.block_diag(a, b, c), (normal(2, 3), normal(2), normal())),
    Case("linalg.companion", lambda m, a: m.companion(a), (normal(4) + 2,)),
    Case("linalg.khatri_rao", lambda m, a, b: m.khatri_rao(a, b), (normal(2, 3), normal(4, 3))),
    Case(
        "linalg.matmul_toeplitz", lambda m, c, r, x: m.matmul_toeplitz((c, r), x), (normal(3), normal(4), normal(4, 2))
    ),
    Case("linalg.solve_toeplitz", lambda m, c, b: m.solve_toeplitz(c, b), (np.array([4.0, 1.0, 0.3]), normal(3))),
    *[
        Case(f"linalg.qr {mode} {shape}", lambda m, a, mode=mode: m.qr(a, mode=mode), (spread(4)[:, :shape],))
        for mode in ("economic", "r")
        for shape in (3, 4)
    ],
    Case(
        "linalg.qr pivoting",
        lambda m, a: m.qr(a, mode="economic", pivoting=True)[:2],
        (spread(4)[:, :3],),
        {"vmap": LU, "compile": LU},
    ),
    Case("linalg.lu", lambda m, a: m.lu(a), (normal(4, 4),)),
    Case("linalg.lu permute_l", lambda m, a: m.lu(a, permute_l=True), (normal(4, 4),)),
    Case("linalg.lu p_indices", lambda m, a: m.lu(a, p_indices=True)[1:], (normal(3, 3),)),
    Case("linalg.lu_factor", lambda m, a: m.lu_factor(a)[0], (normal(4, 4),), {"vmap": LU, "compile": LU}),
    *[
        Case(f"linalg.lu_solve {t}", call, (normal(4, 4), normal(4)), {"vmap": LU, "compile": LU})
        for t in (0, 1)
        for call in [lambda m, a, b, t=t: m.lu_solve(m.lu_factor(a), b, trans=t)]
    ],
    Case("linalg.eigh", lambda m, a: _unsigned(m.eigh(_sym(a))), (definite(3),)),
    *[
        Case(f"linalg.eigh generalized {kind}", call, (definite(3) @ np.diag([1, 2, 3.0]), definite(3)))
        for kind in (1, 2, 3)
        for call in [lambda m, a, b, kind=kind: _unsigned(m.eigh(_sym(a), _sym(b), type=kind, subset_by_index=[1, 2]))]
    ],
    Case(
        "linalg.eigvalsh",
        lambda m, a, b: m.eigvalsh(_sym(a), _sym(b), lower=False),
        (definite(3), definite(3) + np.diag([0, 1, 2.0])),
    ),
    Case("linalg.eig", lambda m, a: m.eig(a)[0], (spread(3),)),
    Case("linalg.eigvals", lambda m, a, b: m.eigvals(a, b), (spread(3), definite(3))),
    Case("linalg.svd", lambda m, a: _unsigned(m.svd(a, full_matrices=False)[1:]), (normal(4, 3),)),
    Case("linalg.svdvals", lambda m, a: m.svdvals(a), (normal(4, 3),)),
    Case("linalg.pinv", lambda m, a: m.pinv(a), (normal(4, 3),)),
    Case("linalg.pinvh", lambda m, a: m.pinvh(_sym(a)), (definite(3),)),
    Case("linalg.norm", lambda m, a: m.norm(a), (normal(2, 3),)),
    Case("linalg.lstsq", lambda m, a, b: m.lstsq(a, b)[:2], (normal(4, 2), normal(4))),
]


def _inside(c: Any, lower: bool) -> Any:
    """Return bands without what lies outside of the matrix, where LAPACK leaves anything."""
    k, n = c.shape
    r, j = np.arange(k)[:, None], np.arange(n)
    return np.where(r + j < n if lower else j >= k - 1 - r, c, 0)


def _sym(a: Any) -> Any:
    return (a + a.T) / 2


def _unsigned(pair: Any) -> Any:
    """Return values and vectors, the latter without the sign that is not determined."""
    w, v = pair
    return w, v * v


def _filter(order: int) -> tuple[Any, Any]:
    return 0.3 * normal(order + 1), np.array([1.4, *0.3 * _rng().normal(size=order)])


SIGNAL = [
    *[
        Case(f"signal.{name} {mode} {x} {y}", call, (normal(*x), normal(*y)[..., ::-1]))
        for name in ("convolve", "correlate")
        for mode in ("full", "same", "valid")
        for x, y in (((5,), (3,)), ((2,), (4,)), ((3, 4), (2, 2)))
        for call in [lambda m, a, b, name=name, mode=mode: getattr(m, name)(a, b, mode=mode)]
    ],
    Case("signal.correlate complex", lambda m, a, b: m.correlate(a, b), (cnormal(4), cnormal(3))),
    Case("signal.convolve fft", lambda m, a, b: m.convolve(a, b, method="fft"), (normal(6), normal(3))),
    *[
        Case(f"signal.{name} {mode}", call, (normal(3, 5), normal(1, 4)))
        for name in ("fftconvolve", "oaconvolve")
        for mode in ("full", "same", "valid")
        for call in [lambda m, a, b, name=name, mode=mode: getattr(m, name)(a, b, mode=mode, axes=-1)]
    ],
    *[
        Case(f"signal.{name} {mode} {boundary}", call, (normal(4, 5), normal(3, 2)))
        for name in ("convolve2d", "correlate2d")
        for mode in ("full", "same", "valid")
        for boundary in ("fill", "wrap", "symm")
        for call in [
            lambda m, a, b, name=name, mode=mode, e=boundary: getattr(m, name)(
                a, b, mode=mode, boundary=e, fillvalue=0.7
            )
        ]
    ],
    *[
        Case(f"signal.lfilter {axis} {shape} {order}", call, (*_filter(order), normal(*shape)))
        for axis, shape, order in ((-1, (6,), 2), (0, (5, 2), 1), (1, (2, 7, 1), 3), (-1, (3,), 4))
        for call in [lambda m, b, a, x, axis=axis: m.lfilter(b, a, x, axis=axis)]
    ],
    Case(
        "signal.lfilter complex", lambda m, b, a, x: m.lfilter(b, a, x), (cnormal(2), np.array([1.0, 0.3j]), cnormal(5))
    ),
    Case("signal.lfilter long", lambda m, b, x: m.lfilter(b, [1.0], x), (normal(40), normal(60))),
    *[
        Case(f"signal.lfilter zi {n}", call, (*_filter(2), normal(2, n), normal(2, 2)))
        for n in (5, 1)
        for call in [lambda m, b, a, x, zi: m.lfilter(b, a, x, zi=zi)]
    ],
    Case("signal.lfilter_zi", lambda m, b, a: m.lfilter_zi(b, a), _filter(3)),
    *[
        Case(
            f"signal.filtfilt {kind}",
            lambda m, b, a, x, kind=kind: m.filtfilt(b, a, x, padtype=kind),
            (*_filter(2), normal(2, 12)),
        )
        for kind in ("odd", "even", "constant", None)
    ],
    Case("signal.filtfilt axis", lambda m, b, a, x: m.filtfilt(b, a, x, axis=0, padlen=3), (*_filter(1), normal(6, 2))),
    Case("signal.detrend", lambda m, x: m.detrend(x), (normal(2, 6),)),
    Case("signal.detrend constant", lambda m, x: m.detrend(x, axis=0, type="constant"), (normal(4, 2),)),
    Case("signal.hilbert", lambda m, x: m.hilbert(x), (normal(5),)),
    Case("signal.hilbert even", lambda m, x: m.hilbert(x, axis=0), (normal(4, 2),)),
]


def _sos(upper: Any, lower: Any) -> Any:
    """Return sections with the leading 1 that SciPy asks for."""
    ones = np.ones((2, 1))
    return np.concatenate([upper, ones, lower], axis=1)


SIGNAL += [
    Case("signal.sosfilt", lambda m, u, v, x: m.sosfilt(_sos(u, v), x), (normal(2, 3), 0.3 * normal(2, 2), normal(6))),
    Case(
        "signal.sosfilt zi",
        lambda m, u, v, x, zi: m.sosfilt(_sos(u, v), x, axis=0, zi=zi),
        (normal(2, 3), 0.3 * normal(2, 2), normal(6, 2), normal(2, 2, 2)),
    ),
    Case("signal.sosfilt_zi", lambda m, u, v: m.sosfilt_zi(_sos(u, v)), (normal(2, 3), 0.3 * normal(2, 2))),
    Case(
        "signal.sosfiltfilt",
        lambda m, u, v, x: m.sosfiltfilt(_sos(u, v), x),
        (normal(2, 3), 0.3 * normal(2, 2), normal(20)),
        {"vmap": STEP, "compile": STEP},
    ),
]

NODES = np.array([0.0, 0.3, 1.0, 1.2, 2.0, 2.9, 3.1, 4.0])


def samples(name: str) -> list[Case]:
    def call(m: Any, y: Any, x: Any = None, **rest: Any) -> Any:
        return getattr(m, name)(y, x=x, **rest)

    return [
        *[Case(f"integrate.{name} {n}", call, (normal(2, n), NODES[:n])) for n in (7, 8, 2, 3)],
        Case(
            f"integrate.{name} each",
            lambda m, y, x: call(m, y, x.cumsum(0), axis=0),
            (normal(5, 2), 1 + abs(normal(5, 2))),
        ),
        Case(f"integrate.{name} dx", lambda m, y, dx: call(m, y, dx=dx, axis=0), (normal(6, 2), np.array(0.7))),
    ]


def _decay(t: Any, y: Any, rate: Any, push: Any) -> Any:
    return np.stack([y[1], -rate * y[0] - 0.1 * y[1] ** 3 + push * np.sin(t)])


# Steps that do not depend on the state, so that finite differences are those of the discrete solution.
FIXED = {"first_step": 0.1, "max_step": 0.1, "rtol": 1.0, "atol": 1.0}
TIGHT = {"rtol": 1e-9, "atol": 1e-11}
IVP = {"vmap": "steps depend on values", "compile": "steps depend on values"}
WAVY = (normal(2), np.array(1.4), np.array(0.3))

INTEGRATE = [
    *[
        case
        for name in ("trapezoid", "simpson", "cumulative_trapezoid", "cumulative_simpson")
        for case in samples(name)
    ],
    Case("integrate.cumulative_trapezoid initial", lambda m, y: m.cumulative_trapezoid(y, initial=0), (normal(4),)),
    Case(
        "integrate.cumulative_simpson initial",
        lambda m, y, x, i: m.cumulative_simpson(y, x=x, initial=i),
        (normal(6), NODES[:6], normal()),
    ),
    *[
        Case(f"integrate.romb {n}", lambda m, y, dx: m.romb(y, dx=dx, axis=0), (normal(n, 2), np.array(0.7)))
        for n in (2, 3, 9)
    ],
    Case(
        "integrate.fixed_quad",
        lambda m, a, b, k: m.fixed_quad(lambda x, k: np.sin(k * x), a, b, args=(k,), n=4)[0],
        (np.array(0.2), np.array(1.4), np.array(1.1)),
    ),
    *[
        Case(
            f"integrate.quad {end}",
            lambda m, a, k, c, end=end: m.quad(
                lambda x, k, c: np.exp(-k * x * x) * np.cos(c[0] + c[1] * x), a, end, args=(k, c)
            )[0],
            (np.array(0.2), np.array(1.1), normal(2)),
        )
        for end in (1.5, np.inf)
    ],
    Case(
        "integrate.quad singular",
        lambda m, a: m.quad(lambda x, a: x ** (a - 1) * np.exp(-x), 0, 1, args=(a,))[0],
        (np.array(0.6),),
    ),
    *[
        Case(
            f"integrate.solve_ivp {method} {'t_eval' if times is not None else 'steps'}",
            lambda m, y, a, b, method=method, times=times: (
                m.solve_ivp(_decay, (0.0, 0.4), y, method, t_eval=times, args=(a, b), **FIXED).y
            ),
            WAVY,
            IVP,
        )
        for method in ("RK23", "RK45", "DOP853")
        for times in (None, np.linspace(0, 0.4, 7))
    ],
    Case(
        "integrate.solve_ivp backward",
        lambda m, y, a, b: m.solve_ivp(_decay, (0.4, -0.1), y, "RK45", t_eval=[0.3, 0.0, -0.1], args=(a, b), **FIXED).y,
        WAVY,
        IVP,
    ),
    Case(
        "integrate.solve_ivp sol",
        lambda m, y, a, b: m.solve_ivp(_decay, (0.0, 0.5), y, "DOP853", dense_output=True, args=(a, b), **FIXED).sol(
            np.array([0.3, 0.5])
        ),
        WAVY,
        IVP,
    ),
    Case(
        "integrate.solve_ivp times",
        lambda m, y, a, b: m.solve_ivp(_decay, (0.1, 0.5), y, t_eval=[0.3, 0.5], args=(a, b), **FIXED).y,
        WAVY,
        IVP,
    ),
    Case(
        "integrate.odeint",
        lambda m, y, a, b: m.odeint(_decay, y, np.linspace(0, 1, 5), args=(a, b), tfirst=True, **TIGHT),
        WAVY,
        IVP,
    ),
]

Q = np.array([0.1, 0.9, 1.3, 2.7, 3.9])  # between the points, and not in the middle of two
Q2 = np.array([[0.13, 1.73, 3.57], [0.47, 2.31, 0.81]])
BEYOND = np.array([-0.7, 0.6, 4.9])
KNOT = "which interval a point lies in depends on values"


def curves(name: str, x: Any = POINTS, tag: str = "", **options: Any) -> list[Case]:
    """Return rows for an interpolant that is made of points and values."""

    def made(m: Any, x: Any, y: Any, **more: Any) -> Any:
        return getattr(m, name)(x, y, **options, **more)

    y = np.cos(np.arange(len(x)) * 1.7) + np.arange(len(x)) ** 2 * 0.1
    both = np.stack([y, y[::-1] * 0.4])
    return [
        Case(f"interpolate.{name}{tag}", lambda m, x, y, q: made(m, x, y)(q), (x, y, Q[Q < x[-1]])),
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
    Case("interpolate.CubicSpline slope", lambda m, x, y, s: m.CubicSpline(x, y, bc_type=((1, s), "natural"))(Q), (POINTS, normal(7), np.array(0.3))),
    *[case for n in (7, 2) for case in curves("PchipInterpolator", POINTS[:n], f" {n}")[: n // 3 or 1]],
    *curves("Akima1DInterpolator"),
    *curves("Akima1DInterpolator", tag=" makima", method="makima"),
    Case("interpolate.Akima1DInterpolator outside", lambda m, x, y: np.isnan(m.Akima1DInterpolator(x, y)(BEYOND)[0]) * m.Akima1DInterpolator(x, y)(Q), (POINTS, normal(7))),
    Case("interpolate.CubicSpline beyond", lambda m, x, y, q: m.CubicSpline(x, y)(q), (POINTS, normal(7), BEYOND)),
    Case("interpolate.CubicHermiteSpline", lambda m, x, y, d, q: m.CubicHermiteSpline(x, y, d)(q), (POINTS, normal(7, 2), normal(7, 2)[::-1], Q2)),
    Case("interpolate.PPoly", lambda m, c, x, q: m.PPoly(c, x)(q), (normal(3, 6), POINTS, Q)),
    *_methods("CubicSpline"),
    *_methods("make_interp_spline", 4),
    *[Case(f"interpolate.BSpline {k}", lambda m, t, c, q, k=k: m.BSpline(t, c, k)(q), (np.arange(11.0) * 0.9 - 2, normal(10 - k, 2), Q2)) for k in (0, 1, 2, 3)],
    Case("interpolate.BSpline axis", lambda m, c, q: m.BSpline(np.arange(10.0), c, 2, axis=1)(q, 1), (normal(2, 7, 3), Q2 + 2)),
    *[case for k in (1, 2, 3, 5) for case in curves("make_interp_spline", tag=f" {k}", k=k)],
    *[
        Case(f"interpolate.make_interp_spline {bc}", lambda m, x, y, q, bc=bc: m.make_interp_spline(x, y, bc_type=bc)(q), (POINTS, normal(7), Q))
        for bc in ("natural", "clamped", ([(1, 0.3)], [(2, 0.1)]))
    ],
    *[
        Case(f"interpolate.interp1d {kind}", lambda m, x, y, q, kind=kind: m.interp1d(x, y, kind)(q), (POINTS, normal(2, 7), Q2))
        for kind in ("linear", "nearest", "nearest-up", "zero", "previous", "next", "slinear", "quadratic", "cubic", 4)
    ],
    Case("interpolate.interp1d unsorted", lambda m, x, y, q: m.interp1d(x, y, axis=0, fill_value="extrapolate")(q), (POINTS[::-1], normal(7, 2), BEYOND)),
    Case("interpolate.interp1d fill", lambda m, x, y, q: m.interp1d(x, y, bounds_error=False, fill_value=(0.2, 0.9))(q), (POINTS, normal(2, 7), BEYOND)),
    *[_grid(name, name) for name in ("linear", "nearest")],
    *[_grid(name, f"{name}_legacy") for name in ("slinear", "cubic")],
    _grid("linear", "linear", (4, 5, 2)),
    _grid("cubic", "cubic_legacy", (4, 5, 2)),
    Case(
        "interpolate.RegularGridInterpolator falling",
        lambda m, v, q: m.RegularGridInterpolator((np.array([3.0, 1.0, 0.0]), np.arange(3.0)), v, bounds_error=False, fill_value=None)(q),
        (normal(3, 3), np.array([[0.4, 3.3], [2.2, 0.1]])),
    ),
    Case("interpolate.interpn", lambda m, v, q: m.interpn((np.arange(3.0), np.arange(3.0)), v, q), (normal(3, 3), np.array([[0.4, 1.3], [1.2, 0.1]]))),
]

MODES = ("reflect", "mirror", "nearest", "wrap", "constant")
FAR = np.array([-5.3, -1.2, -0.3, 0.6, 2.2, 3.4, 5.1, 9.6])
SIGMA = {"vmap": "the number of weights depends on sigma", "compile": "the number of weights depends on sigma"}

NDIMAGE = [
    *[
        Case(f"ndimage.{name} {mode} {size} {origin}", call, (normal(2, 4), normal(size)))
        for name in ("correlate1d", "convolve1d")
        for mode in (*MODES, "grid-mirror", "grid-wrap", "grid-constant")
        for size, origin in ((3, 0), (4, 1), (11, -2))
        for call in [
            lambda m, x, w, name=name, mode=mode, o=origin: getattr(m, name)(x, w, mode=mode, cval=0.7, origin=o)
        ]
    ],
    Case("ndimage.correlate1d axis", lambda m, x, w: m.correlate1d(x, w, axis=0), (normal(4, 2), normal(3))),
    *[
        Case(f"ndimage.{name} {mode} {shape}", call, (normal(3, 4), normal(*shape)))
        for name in ("correlate", "convolve")
        for mode in MODES
        for shape in ((3, 3), (2, 4))
        for call in [lambda m, x, w, name=name, mode=mode: getattr(m, name)(x, w, mode=mode, cval=0.7, origin=(0, -1))]
    ],
    *[
        Case(f"ndimage.gaussian_filter1d {order}", lambda m, x, k=order: m.gaussian_filter1d(x, 0.8, order=k), (normal(2, 6),))
        for order in (0, 1, 2, 3)
    ],
    Case("ndimage.gaussian_filter1d sigma", lambda m, x, s: m.gaussian_filter1d(x, s, axis=0, order=1), (normal(5, 2), np.array(0.83)), SIGMA),
    Case("ndimage.gaussian_filter", lambda m, x: m.gaussian_filter(x, (0.8, 0.5), order=(0, 1), mode="wrap"), (normal(4, 5),)),
    *[
        Case(f"ndimage.{name} {mode}", lambda m, x, name=name, mode=mode, args=args: getattr(m, name)(x, *args, mode=mode), (normal(3, 4),))
        for name, args in (("sobel", ()), ("prewitt", ()), ("laplace", ()), ("gaussian_laplace", (0.7,)), ("gaussian_gradient_magnitude", (0.7,)))
        for mode in ("reflect", "constant")
    ],
    *[
        Case(f"ndimage.{name}", lambda m, x, name=name: getattr(m, name)(x, 4, mode="mirror"), (normal(4, 5),))
        for name in ("uniform_filter", "uniform_filter1d")
    ],
    *[
        Case(f"ndimage.map_coordinates {mode} {order}", call, (normal(5), FAR[None]))
        for mode in (*MODES, "grid-wrap", "grid-constant")
        for order in (0, 1)
        for call in [lambda m, x, c, mode=mode, k=order: m.map_coordinates(x, c, order=k, mode=mode, cval=0.4)]
    ],
    Case("ndimage.map_coordinates 2", lambda m, x, c: m.map_coordinates(x, c, order=1, mode="reflect"), (normal(3, 4), normal(2, 3, 2) * 2)),
    *[
        Case(f"ndimage.shift {mode}", lambda m, x, s, mode=mode: m.shift(x, s, order=1, mode=mode, cval=0.4), (normal(3, 4), np.array([0.7, -1.3])))
        for mode in MODES
    ],
    *[
        Case(f"ndimage.zoom {factor} {grid}", call, (normal(3, 5),))
        for factor, grid in ((1.7, False), (0.6, False), ((2, 1.4), True))
        for call in [lambda m, x, f=factor, g=grid: m.zoom(x, f, order=1, grid_mode=g, mode="nearest" if g else "constant")]
    ],
    Case(
        "ndimage.affine_transform",
        lambda m, x, a, o: m.affine_transform(x, a, o, order=1, output_shape=(3, 3), mode="mirror"),
        (normal(4, 4), np.array([[0.9, 0.2], [-0.3, 1.1]]), np.array([0.33, -0.41])),
    ),
    Case("ndimage.affine_transform whole", lambda m, x, a: m.affine_transform(x, a, order=1), (normal(4, 4), np.array([[0.9, 0.2, 0.3], [-0.3, 1.1, 0.41]]))),
]

CASES = [*LINALG, *SIGNAL, *INTEGRATE, *INTERPOLATE, *NDIMAGE]

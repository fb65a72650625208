"""The derivative of a solution to 25 digits and more: Newton's method and differences, with numbers of 100 digits.

Nothing here comes from the package: what it judges shares no code with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import mpmath
import numpy as np

Array = np.ndarray
MP = mpmath.MPContext()  # a precision of its own
MP.dps = 100
_STEP, _TWICE = MP.mpf(10) ** -20, MP.mpf(10) ** -15  # of a difference, and of a difference of differences
_EXACT = MP.mpf(10) ** -22  # relative: what counts as converged, and as zero
_MOST = 7  # constraints, the nearest to their limits, that are tried as active ones


class _High:
    """NumPy's functions, for arrays of numbers with many digits."""

    def __getattr__(self, name: str) -> Any:
        return _ELEMENTWISE.get(name) or getattr(np, name)


_ELEMENTWISE = {
    numpy: np.frompyfunc(getattr(MP, name), 1, 1)
    for numpy, name in {
        **{name: name for name in ("exp", "log", "sin", "cos", "tanh", "sqrt", "expm1", "cosh", "sinh", "log1p")},
        "arctan": "atan",
    }.items()
}
HIGH = _High()
high = np.frompyfunc(MP.mpf, 1, 1)


def exact(x: Any) -> Array:
    """Return numbers with many digits, equal to those of an array."""
    return np.asarray(high(np.asarray(x, np.float64).astype(object)), object)


class Truth(NamedTuple):
    """What is true of a derivative.

    Attributes:
        gradient: by each parameter, at the places that are compared; None where no derivative exists.
        solution: that was differentiated at.
        condition: of the equations, rows and columns scaled to one.
        margin: the smallest multiplier of an active constraint, or distance of an inactive one; infinite without any.
        why: there is no derivative.
    """

    gradient: list[Array] | None
    solution: Array | None
    condition: float
    margin: float
    why: str = ""


class System(NamedTuple):
    """Equations F(z, theta) = 0 by which a solution is differentiated.

    Attributes:
        values: F, of z and theta.
        matrix: dF/dz, of z and theta.
        pairing: s·F(z, theta), a number, of z, theta and s: what is differenced by theta.
        twice: whether `values` are differences themselves, so that steps are longer.
    """

    values: Callable[[Array, list[Array]], Array]
    matrix: Callable[[Array, list[Array]], Array]
    pairing: Callable[[Array, list[Array], Array], Any]
    twice: bool = False


def equations(f: Callable[..., Any]) -> System:
    """Return the system of equations f(z, *theta) = 0."""

    def values(z: Array, theta: list[Array]) -> Array:
        return np.ravel(f(z, *theta))

    return System(
        values, lambda z, theta: _jacobian(lambda y: values(y, theta), z), lambda z, theta, s: values(z, theta) @ s
    )


def stationary(f: Callable[..., Any], active: Callable[..., Any] | None, n: int) -> System:
    """Return the conditions of Karush, Kuhn and Tucker: of n unknowns, and the multipliers of active constraints.

    Args:
        f: the objective, of the unknowns and theta.
        active: the constraints that are zero; None without any.
        n: the number of unknowns.
    """

    def limits(x: Array, theta: list[Array]) -> Array:
        return np.zeros(0, object) if active is None else np.ravel(active(x, *theta))

    def lagrangian(x: Array, theta: list[Array], multipliers: Array) -> Any:
        value = f(x, *theta)
        return value - limits(x, theta) @ multipliers if multipliers.size else value

    def values(z: Array, theta: list[Array]) -> Array:
        x, multipliers = z[:n], z[n:]
        gradient = _jacobian(lambda y: np.asarray([lagrangian(y, theta, multipliers)], object), x)[0]
        return np.concatenate([gradient, limits(x, theta)])

    def matrix(z: Array, theta: list[Array]) -> Array:
        x, multipliers = z[:n], z[n:]
        out = np.full((z.size, z.size), MP.mpf(0), object)
        out[:n, :n] = _hessian(lambda y: lagrangian(y, theta, multipliers), x)
        if multipliers.size:
            out[n:, :n] = _jacobian(lambda y: limits(y, theta), x)
            out[:n, n:] = -out[n:, :n].T
        return out

    def pairing(z: Array, theta: list[Array], s: Array) -> Any:
        x, multipliers = z[:n], z[n:]
        step = _TWICE / max([abs(a) for a in s[:n]] + [MP.mpf("1e-300")])
        ahead, behind = (lagrangian(x + sign * step * s[:n], theta, multipliers) for sign in (1, -1))
        return (ahead - behind) / (2 * step) + limits(x, theta) @ s[n:]

    return System(values, matrix, pairing, twice=True)


def derivative(
    system: System, start: Array, theta: list[Array], weight: Array, places: list[Array], at: Array | None = None
) -> Truth:
    """Return the gradient of weight·z by theta, for the solution z that Newton's method finds from a start.

    Args:
        system: the equations.
        start: the solution of a solver.
        theta: the parameters.
        weight: of each unknown in the result.
        places: for each parameter the indices, into it as a vector, at which the gradient is computed.
        at: a point to differentiate at instead, with the start's precision, whether it is a solution or not.
    """
    z, parameters = exact(start), [exact(p) for p in theta]
    if at is None:
        z, why = _newton(system, z, parameters)
        if why:
            return Truth(None, None, np.inf, np.inf, why)
    matrix = system.matrix(z, parameters)
    condition = _condition(matrix)
    s = None if condition > 1e19 else _solve(matrix.T, exact(weight))
    if s is None:
        return Truth(None, z, np.inf, np.inf, "the equations are singular at the solution")
    gradient = []
    for k, where in enumerate(places):
        g = [-_by_parameter(lambda q: system.pairing(z, q, s), parameters, k, int(i), system.twice) for i in where]
        gradient.append(np.array([float(v) for v in g]))
    return Truth(gradient, z, condition, np.inf)


def constrained(
    f: Callable[..., Any],
    equalities: Callable[..., Any] | None,
    inequalities: Callable[..., Any] | None,
    start: Array,
    theta: list[Array],
    weight: Array,
    places: list[Array],
) -> Truth:
    """Return the gradient of weight·x, for the minimizer x of f with equalities = 0 and inequalities >= 0 near a start.

    All sets of the constraints that are nearest to their limits are tried. A derivative exists where one set of them
    satisfies the conditions strictly, or all that satisfy them agree on it.
    """
    x, parameters, n = exact(start), [exact(p) for p in theta], len(start)
    none = Truth(None, None, np.inf, np.inf, "no point near the solution satisfies the conditions")
    slack = np.zeros(0) if inequalities is None else np.ravel(inequalities(x, *parameters)).astype(float)
    consistent: list[Truth] = []
    for chosen in _sets(slack):
        truth = _of_set(f, equalities, inequalities, chosen, x, parameters, weight, places, n)
        if truth is None:
            continue
        if truth.margin > 1e-25:
            return truth
        consistent.append(truth._replace(margin=0.0))
    if not consistent:
        return none
    first = consistent[0]
    agree = len(consistent) > 1 and all(_equal(first, other) for other in consistent[1:])
    return first if agree else first._replace(gradient=None, why="a constraint is degenerate")


def _equal(one: Truth, other: Truth) -> bool:
    return all(np.allclose(a, b, 1e-9, 1e-12) for a, b in zip(one.gradient or [], other.gradient or [], strict=False))


def _sets(slack: Array) -> Iterator[list[int]]:
    """Yield sets of constraints that may be active, the most likely first."""
    order = [int(i) for i in np.argsort(np.abs(slack))][:_MOST]
    likely = [i for i in order if abs(slack[i]) < 1e-6]
    sets = [list(c) for k in range(len(order), -1, -1) for c in itertools.combinations(order, k)]
    sets.sort(key=lambda c: len(set(c) ^ set(likely)))
    yield from sets


def _of_set(
    f: Any, equalities: Any, inequalities: Any, chosen: list[int], x: Array, theta: list[Array], weight: Array,
    places: list[Array], n: int,
) -> Truth | None:  # fmt: skip
    """Return what is true of a minimizer with a set of active constraints; None if it breaks the conditions."""

    def active(y: Array, *theta: Array) -> Array:
        parts = [] if equalities is None else [np.ravel(equalities(y, *theta))]
        return np.concatenate([*parts, np.ravel(inequalities(y, *theta))[chosen]] if chosen else parts)

    m = (0 if equalities is None else np.size(equalities(x, *theta))) + len(chosen)
    if m > n:
        return None
    system = stationary(f, active if m else None, n)
    start = np.concatenate([x, np.full(m, MP.mpf(0), object)])
    if m:
        normals = _jacobian(lambda y: active(y, *theta), x).astype(float)
        scale = np.linalg.norm(normals, axis=1)
        if np.linalg.matrix_rank(normals / np.where(scale == 0, 1, scale)[:, None], 1e-14) < m:
            return None
        gradient = system.values(start, theta)[:n].astype(float)
        start[n:] = exact(np.linalg.lstsq(normals.T, gradient, rcond=None)[0])
    padded = np.concatenate([weight, np.zeros(m)])
    truth = derivative(system, start, theta, padded, places)
    if truth.solution is None or truth.gradient is None:
        return None
    solution, multipliers = truth.solution[:n], truth.solution[n + m - len(chosen) :]
    if max(abs(a) for a in solution - x) > 1 + max(abs(a) for a in x):
        return None
    slack = np.zeros(0, object) if inequalities is None else np.ravel(inequalities(solution, *theta))
    rest = [slack[i] for i in range(slack.size) if i not in chosen]
    margins = [*multipliers, *rest]
    if any(margin < -(MP.mpf(10) ** -25) for margin in margins):
        return None
    return truth._replace(margin=float(min(margins, default=MP.inf)))


# ---- what the above is made of ---------------------------------------------------------------------------------------


def _newton(system: System, z: Array, theta: list[Array]) -> tuple[Array, str]:
    """Return the simple solution near a point, and why there is none, or nothing."""
    z, why, steps = _iterate(system, z, theta)
    if steps == 1 and not why:  # it started there: is the solution simple?
        size = max(abs(a) for a in z)
        _, why, _ = _iterate(system, z + MP.mpf("1e-13") * (z + size / 3), theta)
    return z, why


def _iterate(system: System, z: Array, theta: list[Array]) -> tuple[Array, str, int]:
    """Return a solution, why there is none, and how many steps led there; the last ones as at a simple solution."""
    far, before = max(abs(a) for a in z) * 1e6 + 1e6, MP.inf
    for count in range(1, 60):
        step = _solve(system.matrix(z, theta), system.values(z, theta))
        if step is None:
            return z, "the equations are singular", count
        z = z - step
        size = max(abs(a) for a in z)
        if not MP.isfinite(size) or size > far:
            return z, "no solution is near", count
        length = max(abs(a) / (abs(b) + _EXACT * size + MP.mpf("1e-300")) for a, b in zip(step, z, strict=True))
        if length <= _EXACT and length <= 1e-3 * before:
            return z, "", count
        before = length
    return z, "Newton's method does not converge as at a simple solution", count


def _steps(z: Array, base: Any) -> list[Any]:
    least = max(*(abs(a) for a in z), MP.mpf("1e-15")) * MP.mpf("1e-3" if base == _TWICE else "1e-18")
    return [base * max(abs(a), least) for a in z]


def _jacobian(f: Callable[[Array], Array], z: Array, base: Any = _STEP) -> Array:
    columns = []
    for i, step in enumerate(_steps(z, base)):
        ahead, behind = z.copy(), z.copy()
        ahead[i] += step
        behind[i] -= step
        columns.append((f(ahead) - f(behind)) / (2 * step))
    return np.array(columns, object).T


def _hessian(f: Callable[[Array], Any], z: Array) -> Array:
    """Return second derivatives, from values alone."""
    n, steps, middle = z.size, _steps(z, _TWICE), f(z)
    out = np.full((n, n), MP.mpf(0), object)

    def moved(*moves: tuple[int, int]) -> Any:
        y = z.copy()
        for i, sign in moves:
            y[i] += sign * steps[i]
        return f(y)

    plus, minus = [moved((i, 1)) for i in range(n)], [moved((i, -1)) for i in range(n)]
    for i in range(n):
        out[i, i] = (plus[i] - 2 * middle + minus[i]) / steps[i] ** 2
        for j in range(i):
            both = moved((i, 1), (j, 1)) + moved((i, -1), (j, -1))
            mixed = (both + 2 * middle - plus[i] - plus[j] - minus[i] - minus[j]) / (2 * steps[i] * steps[j])
            out[i, j] = out[j, i] = mixed
    return out


def _by_parameter(f: Callable[[list[Array]], Any], theta: list[Array], k: int, i: int, twice: bool) -> Any:
    """Return the derivative of a number by one number of one parameter."""
    value = np.ravel(theta[k])[i]
    step = (_TWICE if twice else _STEP) * (abs(value) if value else 1)

    def moved(sign: int) -> Any:
        flat = np.ravel(theta[k]).copy()
        flat[i] = value + sign * step
        return f([*theta[:k], flat.reshape(np.shape(theta[k])), *theta[k + 1 :]])

    return (moved(1) - moved(-1)) / (2 * step)


def _solve(matrix: Array, right: Array) -> Array | None:
    """Return the solution of linear equations by elimination, or None if they are singular."""
    n = right.size
    a = np.concatenate([matrix, right.reshape(-1, 1)], 1)
    for k in range(n):
        scale = [max(abs(x) for x in row[k:n]) or MP.mpf(1) for row in a[k:]]
        p = k + max(range(n - k), key=lambda i: abs(a[k + i, k]) / scale[i])
        if abs(a[p, k]) <= MP.mpf(10) ** -45 * scale[p - k] or not MP.isfinite(a[p, k]):
            return None
        a[[k, p]] = a[[p, k]]
        for i in range(k + 1, n):
            if a[i, k]:
                a[i, k:] = a[i, k:] - (a[i, k] / a[k, k]) * a[k, k:]
    x = a[:, n].copy()
    for k in reversed(range(n)):
        x[k] = (x[k] - (a[k, k + 1 : n] @ x[k + 1 :] if k + 1 < n else 0)) / a[k, k]
    return x


def _condition(matrix: Array) -> float:
    """Return the condition of a matrix whose rows and columns are scaled to about one."""
    a = matrix
    for _ in range(3):
        rows = [MP.sqrt(max(abs(x) for x in row)) or MP.mpf(1) for row in a]
        columns = [MP.sqrt(max(abs(x) for x in column)) or MP.mpf(1) for column in a.T]
        a = a / np.array(rows, object)[:, None] / np.array(columns, object)
    values = np.linalg.svd(a.astype(float), compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 0 else np.inf

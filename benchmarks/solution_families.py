"""Random problems whose solutions are differentiated: what `benchmarks.solution_problems` draws.

The functions take NumPy's functions (or JAX's, or those for numbers of many digits) as `by`, the unknowns, the
parameters that derivatives are taken by, and data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
Rng = np.random.Generator
DIGITS = (2, 4, 6)
_MOST_PLACES = 12  # of each parameter that are compared


class Problem(NamedTuple):
    """Something to solve, and to differentiate by theta.

    Attributes:
        family: its name.
        kind: what solves it: a key of `solution_problems.SOLVERS`.
        f: the equations, the objective, the residuals, or the map; of by, the unknowns, theta and data.
        theta: the parameters.
        data: what else the function takes.
        start: where a solver starts.
        weight: of each unknown in the result, the number that is differentiated.
        digits: that the derivative has to have.
        options: method, tol, maxiter, error (by which a solver lies) and others, as the kind takes them.
        equal: what is zero at the solution, of the same arguments.
        above: what is not below zero.
        places: the indices into each parameter that are compared.
        is_hard: whether it is one of those that are made to be refused: not simple, not unique, not solvable.
    """

    family: str
    kind: str
    f: Callable[..., Any]
    theta: list[Array]
    data: list[Array]
    start: Array
    weight: Array
    digits: int
    options: dict[str, Any]
    equal: Callable[..., Any] | None = None
    above: Callable[..., Any] | None = None
    places: tuple[Array, ...] = ()
    is_hard: bool = False


def draw(seed: int, number: int, families: tuple[str, ...] | None = None) -> Problem:
    """Return the problem of a number in the sequence of a seed."""
    rng = np.random.default_rng([seed, number])
    names = [name for name in FAMILIES if families is None or name in families]
    shares = np.array([FAMILIES[name][0] for name in names], float)
    name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    problem = FAMILIES[name][1](rng)
    places = tuple([np.sort(rng.permutation(p.size)[:_MOST_PLACES]) for p in problem.theta])
    digits = 4 if problem.kind == "eigsh" else int(rng.choice(DIGITS))
    return problem._replace(family=name, places=places, digits=digits)


# ---- systems of equations --------------------------------------------------------------------------------------------

_ROOT = ("hybr", "hybr", "hybr", "lm", "lm", "newton", "newton", "krylov", "broyden1", "df-sane")


def _power(rng: Rng, low: float, high: float) -> float:
    return float(10.0 ** rng.uniform(low, high))


def _stopping(rng: Rng, methods: tuple[str, ...]) -> dict[str, Any]:
    """Return a method, and when it stops: by default, early, late, or by lies."""
    out: dict[str, Any] = {"method": str(rng.choice(methods))}
    how = rng.random()
    if how < 0.15:
        out["tol"] = _power(rng, -5, -1)
    elif how < 0.45:
        out["tol"] = 1e-13
    elif how < 0.52:
        out["maxiter"] = int(rng.integers(1, 6))
    return out


def _orthogonal(rng: Rng, n: int) -> Array:
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def _matrix(rng: Rng, n: int, condition: float) -> Array:
    """Return a matrix of a condition, between orthogonal ones."""
    spread = condition ** -np.linspace(0, 1, n) if n > 1 else np.ones(1)
    return _orthogonal(rng, n) * spread @ _orthogonal(rng, n)


def _size(rng: Rng, most: int = 12) -> int:
    return int(rng.choice([k for k in (1, 2, 3, 5, 8, 12) if k <= most]))


def _root(
    f: Any, theta: list[Any], data: list[Any], start: Any, rng: Rng, is_hard: bool = False, **more: Any
) -> Problem:
    arrays = [[np.array(a, float) for a in group] for group in (theta, data)]
    start = np.array(start, float)
    kind = "root" if rng.random() < 0.7 else "implicit"
    options = _stopping(rng, _ROOT) | more
    if kind == "implicit" and rng.random() < 0.3:
        options |= {"error": _power(rng, -14, -1), "seed": int(rng.integers(1 << 30))}
    weight = rng.normal(size=start.size)
    return Problem("", kind, f, *arrays, start, weight, 0, options, is_hard=is_hard)


def bent(by: Any, z: Any, a: Any, b: Any, m: Any) -> Any:
    """Linear equations of bent unknowns."""
    return m @ (z + 0.1 * a * z * z) - b


def _bent(rng: Rng, condition: float) -> Problem:
    n = _size(rng)
    m, a, z = _matrix(rng, n, condition), rng.normal(size=n), rng.normal(size=n)
    return _root(bent, [a, bent(np, z, a, 0, m)], [m], z + 0.1 * rng.normal(size=n), rng)


def mixed(by: Any, z: Any, a: Any, b: Any, m: Any) -> Any:
    """Equations with tanh."""
    return z + by.tanh(m @ z * a) - b


def _mixed(rng: Rng) -> Problem:
    n = _size(rng)
    m, z, a = rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n), rng.normal(size=n)
    return _root(mixed, [a, mixed(np, z, a, 0, m)], [m], np.zeros(n), rng)


def polynomial(by: Any, z: Any, p: Any, q: Any, r: Any, m: Any) -> Any:
    """Combinations of cubic polynomials with given roots."""
    return m @ ((z - p) * (z - q) * (z - r))


def _multiple(rng: Rng) -> Problem:
    n = int(rng.integers(1, 4))
    p = rng.normal(size=n)
    q = p + (0 if rng.random() < 0.4 else _power(rng, -14, -1))
    r = p + (0 if rng.random() < 0.3 else rng.choice([-1, 1]) * _power(rng, -14, 0.5))
    return _root(polynomial, [p, q, r], [_matrix(rng, n, 3)], p + _power(rng, -6, 0), rng, is_hard=True)


def cubic(by: Any, z: Any, a: Any, b: Any, m: Any) -> Any:
    """Several roots."""
    return m @ (z * z * z - a * z + b)


def _several(rng: Rng) -> Problem:
    n = int(rng.integers(1, 6))
    return _root(
        cubic, [rng.uniform(1, 4, n), 0.3 * rng.normal(size=n)], [_matrix(rng, n, 10)], 2 * rng.normal(size=n), rng
    )


def scaled(by: Any, z: Any, a: Any, b: Any, m: Any, rows: Any, units: Any, scale: Any) -> Any:
    """Equations, unknowns and parameters in units of many sizes."""
    y = z / units
    return rows * (m @ (y + 0.1 * y * y) - a / scale) + 0 * b


def _scaled(rng: Rng) -> Problem:
    n = _size(rng)
    rows, units, scale = (10.0 ** rng.uniform(-size, size, n) for size in (4, 8, 8))
    m, y = _matrix(rng, n, 20), rng.normal(size=n)
    a = scale * (m @ (y + 0.1 * y * y))
    problem = _root(scaled, [a, rng.normal(size=2)[:1]], [m, rows, units, scale], units * (y + 0.1), rng)
    return problem._replace(weight=problem.weight / units)


def exponential(by: Any, z: Any, a: Any, m: Any) -> Any:
    """Balances of exponentials."""
    return m @ by.exp(z) - a


def _exponential(rng: Rng) -> Problem:
    n = _size(rng, 8)
    m, z = rng.uniform(0, 1, (n, n)) + 2 * np.eye(n), rng.normal(size=n)
    return _root(exponential, [m @ np.exp(z)], [m], z + 0.5, rng)


def square(by: Any, z: Any, a: Any) -> Any:
    """z² = a, which may have no root."""
    return z * z - a


def _square(rng: Rng) -> Problem:
    n = int(rng.integers(1, 4))
    return _root(
        square, [rng.choice([-1, 1, 0, 1]) * 10.0 ** rng.uniform(-20, 0, n)], [], np.ones(n), rng, is_hard=True
    )


def cancelling(by: Any, z: Any, a: Any, b: Any) -> Any:
    """Equations that are nearly the same."""
    return z * z * z + z - a * b


def _cancelling(rng: Rng) -> Problem:
    b = 1 + np.array([0, _power(rng, -12, -1)])
    problem = _root(cancelling, [rng.uniform(1, 3, 1)], [b], np.ones(2), rng)
    return problem._replace(weight=np.array([1.0, -1.0]))


# ---- minima ----------------------------------------------------------------------------------------------------------

_MINIMIZE = ("BFGS", "BFGS", "L-BFGS-B", "Newton-CG", "trust-exact", "CG", "TNC", "SLSQP", "Nelder-Mead", "Powell")


def _minimum(f: Any, theta: list[Any], data: list[Any], start: Any, rng: Rng, is_hard: bool = False) -> Problem:
    arrays = [[np.array(a, float) for a in group] for group in (theta, data)]
    start = np.array(start, float)
    return Problem(
        "", "minimize", f, *arrays, start, rng.normal(size=start.size), 0, _stopping(rng, _MINIMIZE), is_hard=is_hard
    )


def logistic(by: Any, z: Any, penalty: Any, shares: Any, x: Any, y: Any) -> Any:
    """Logistic regression, the penalty's logarithm and the weights of examples being parameters."""
    return (shares * by.log1p(by.exp(-y * (x @ z)))).sum() + 0.5 * by.exp(penalty[0]) * (z * z).sum()


def _logistic(rng: Rng) -> Problem:
    n = int(rng.choice([2, 3, 5]))
    x, y = rng.normal(size=(12, n)), rng.choice([-1.0, 1.0], 12)
    return _minimum(logistic, [rng.uniform(-6, 1, 1), rng.uniform(0.5, 1, 12)], [x, y], np.zeros(n), rng)


def banana(by: Any, z: Any, a: Any, b: Any) -> Any:
    """Rosenbrock's function."""
    return (a * (z[1:] - z[:-1] ** 2) ** 2 + (b - z[:-1]) ** 2).sum()


def _banana(rng: Rng) -> Problem:
    n = int(rng.choice([2, 3, 5]))
    a, b = rng.uniform(1, 100, n - 1), rng.uniform(0.5, 1.5, n - 1)
    return _minimum(banana, [a, b], [], rng.normal(size=n), rng)


def wells(by: Any, z: Any, a: Any, b: Any, m: Any) -> Any:
    """Several minima, coupled."""
    y = m @ z
    return (0.25 * (z * z - a) ** 2 + b * z).sum() + 0.05 * (y * y).sum()


def _wells(rng: Rng) -> Problem:
    n = int(rng.choice([1, 2, 3, 5]))
    return _minimum(
        wells, [rng.uniform(0.5, 3, n), 0.2 * rng.normal(size=n)], [rng.normal(size=(n, n))], rng.normal(size=n), rng
    )


def flat(by: Any, z: Any, a: Any, c: Any) -> Any:
    """Flat as a fourth power, or nearly."""
    y = z - a
    return (y**4).sum() + 0.5 * c[0] * (y * y).sum()


def _flat(rng: Rng) -> Problem:
    n = int(rng.choice([1, 2, 3]))
    c = 0.0 if rng.random() < 0.5 else _power(rng, -12, -1)
    return _minimum(flat, [rng.normal(size=n), [c]], [], rng.normal(size=n), rng, is_hard=True)


def valley(by: Any, z: Any, a: Any, b: Any, q: Any, d: Any) -> Any:
    """Convex, with curvatures of many sizes."""
    y = q @ (z - a)
    return 0.5 * (d * y * y).sum() + (0.1 * d * y**4).sum() - (b * z).sum()


def _valley(rng: Rng) -> Problem:
    n = int(rng.choice([2, 3, 5]))
    d = _power(rng, 0, 14 if rng.random() < 0.5 else 3) ** -np.linspace(0, 1, n)
    a, q = rng.normal(size=n), _orthogonal(rng, n)
    return _minimum(valley, [a, q.T @ (d * rng.normal(size=n)) * 0.1], [q, d], a + 0.3 * rng.normal(size=n), rng)


def saddle(by: Any, z: Any, a: Any, b: Any) -> Any:
    """A saddle that is reached from one side."""
    return a[0] * (z[0] - b[0]) ** 2 - a[1] * z[1] ** 2 + z[1] ** 4


def _saddle(rng: Rng) -> Problem:
    start = [rng.normal(), 0.0 if rng.random() < 0.7 else rng.normal()]
    return _minimum(saddle, [rng.uniform(0.5, 2, 2), rng.normal(size=1)], [], start, rng, is_hard=True)


def undetermined(by: Any, z: Any, a: Any) -> Any:
    """A function of a sum alone."""
    return (z.sum() - a[0]) ** 2


def _undetermined(rng: Rng) -> Problem:
    return _minimum(undetermined, [rng.normal(size=1)], [], rng.normal(size=int(rng.integers(2, 4))), rng, is_hard=True)


# ---- least squares ---------------------------------------------------------------------------------------------------


def decay(by: Any, z: Any, y: Any, t: Any) -> Any:
    """Residuals of an exponential decay."""
    return z[0] * by.exp(-z[1] * t) - y


def decays(by: Any, z: Any, y: Any, t: Any) -> Any:
    """Residuals of two exponential decays."""
    return z[0] * by.exp(-z[1] * t) + z[2] * by.exp(-z[3] * t) - y


def _fit(rng: Rng) -> Problem:
    t = np.linspace(0, 3, 10)
    noise = 0.0 if rng.random() < 0.3 else _power(rng, -6, 0)
    if rng.random() < 0.6:
        f, z = decay, np.array([2.0, 0.8]) + 0.3 * rng.normal(size=2)
    else:
        rate = 0.5 + rng.random()
        f, z = decays, np.array([1.0, rate, 1.5, rate + _power(rng, -3, 0.3)])
    y = f(np, z, 0, t) + noise * rng.normal(size=t.size)
    options = _stopping(rng, ("trf", "trf", "lm", "dogbox"))
    return Problem(
        "", "least_squares", f, [y], [t], z * (1 + 0.05 * rng.normal(size=z.size)), rng.normal(size=z.size), 0, options
    )


# ---- bounds and constraints ------------------------------------------------------------------------------------------


def distance(by: Any, z: Any, a: Any, p: Any) -> Any:
    """A weighted square of the distance from a point."""
    y = p @ (z - a)
    return 0.5 * (y * y).sum()


def distance_in(by: Any, z: Any, a: Any, h: Any, p: Any, g: Any) -> Any:
    """That, in a polyhedron."""
    return distance(by, z, a, p)


def _margins(rng: Rng, n: int) -> Array:
    """Return how far from degenerate each of n constraints is: mostly far, some nearly, some exactly."""
    how = rng.random()
    margin = rng.uniform(0.1, 1, n)
    if how < 0.35:
        margin[0] = 0.0 if how < 0.15 else _power(rng, -12, -2)
    return margin


def positive(by: Any, z: Any, *rest: Any) -> Any:
    """z >= 0."""
    return z


def _box(rng: Rng) -> Problem:
    """Bounds of zero; which are active, and by what margin, is chosen."""
    n = int(rng.choice([1, 2, 3, 5]))
    active, margin = rng.random(n) < 0.5, _margins(rng, n)
    p = np.diag(rng.uniform(0.5, 2, n)) if rng.random() < 0.5 else _matrix(rng, n, 5)
    z, multipliers = np.where(active, 0, margin), np.where(active, margin, 0)
    a = z - np.linalg.solve(p.T @ p, multipliers)
    if p[~np.eye(n, dtype=bool)].any() is np.False_:
        a = z - multipliers / np.diag(p) ** 2
    options = _stopping(rng, ("L-BFGS-B", "L-BFGS-B", "TNC", "SLSQP", "trust-constr")) | {"bounds": True}
    start = np.abs(z + 0.1 * rng.normal(size=n))
    return Problem("", "constrained", distance, [a], [p], start, rng.normal(size=n), 0, options, above=positive)


def halfspaces(by: Any, z: Any, a: Any, h: Any, p: Any, g: Any) -> Any:
    """g z <= h."""
    return h - g @ z


def ball(by: Any, z: Any, a: Any, radius: Any, p: Any) -> Any:
    """|z|² <= radius."""
    return radius - (z * z).sum(keepdims=True)


def in_ball(by: Any, z: Any, a: Any, radius: Any, p: Any) -> Any:
    """Distances for `ball`."""
    return distance(by, z, a, p)


def _polyhedron(rng: Rng) -> Problem:
    """Linear constraints, some of them active, redundant, degenerate or infeasible."""
    n = int(rng.choice([2, 3, 5]))
    m = int(rng.integers(1, n + 2))
    margin = _margins(rng, m)
    active = np.arange(m) < rng.integers(0, min(n, m) + 1)
    g, p, z = rng.normal(size=(m, n)), _matrix(rng, n, 5), rng.normal(size=n)
    h = g @ z + np.where(active, 0, margin)
    a = z + np.linalg.solve(p.T @ p, g.T @ np.where(active, margin, 0))
    how = rng.random()
    if how < 0.12:  # the same constraint twice
        g, h = np.concatenate([g, 2 * g[:1]]), np.concatenate([h, 2 * h[:1]])
    elif how < 0.18:  # nothing satisfies both
        g, h = np.concatenate([g, -g[:1]]), np.concatenate([h, -h[:1] - 1])
    kind = "qp" if rng.random() < 0.5 else "constrained"
    options = _stopping(rng, ("SLSQP", "SLSQP", "trust-constr"))
    theta, data = ([a, h], [p, g]) if rng.random() < 0.5 else ([a], [h, p, g])
    start, weight = z + 0.1 * rng.normal(size=n), rng.normal(size=n)
    return Problem("", kind, distance_in, theta, data, start, weight, 0, options, above=halfspaces, is_hard=how < 0.18)


def flat_distance(by: Any, z: Any, a: Any, h: Any, p: Any, g: Any) -> Any:
    """A square that does not depend on all unknowns, and a slope."""
    y = p @ z
    return 0.5 * (y * y).sum() + (a * z).sum()


def _semidefinite(rng: Rng) -> Problem:
    """A quadratic program that only its constraints determine, or not even they."""
    n = int(rng.choice([2, 3, 5]))
    rank = int(rng.integers(0, n))
    active = n - rank if rng.random() < 0.8 else int(rng.integers(0, n - rank))
    m = active + int(rng.integers(0, 3)) or 1
    margin = _margins(rng, m)
    g, p, z = rng.normal(size=(m, n)), rng.normal(size=(rank + 1, n)), rng.normal(size=n)
    p[rank:] = 0
    is_active = np.arange(m) < active
    h = g @ z + np.where(is_active, 0, margin)
    a = -(p.T @ (p @ z)) - g.T @ np.where(is_active, margin, 0)
    weight = rng.normal(size=n)
    return Problem(
        "", "qp", flat_distance, [a, h], [p, g], z, weight, 0, {}, above=halfspaces, is_hard=active < n - rank
    )  # fmt: skip


def slope(by: Any, z: Any, c: Any, h: Any, g: Any) -> Any:
    """A linear objective."""
    return (c * z).sum()


def corner(by: Any, z: Any, c: Any, h: Any, g: Any) -> Any:
    """g z <= h."""
    return h - g @ z


def _vertex(rng: Rng) -> Problem:
    """A linear program whose vertex is regular, nearly degenerate, degenerate, or one of many."""
    n = int(rng.choice([1, 2, 3, 5]))
    m = n + int(rng.integers(0, 3))
    margin = _margins(rng, m)[rng.permutation(m)]
    g, z = rng.normal(size=(m, n)), rng.normal(size=n)
    is_active = np.arange(m) < n
    h, c = g @ z + np.where(is_active, 0, margin), -(g.T @ np.where(is_active, margin, 0))
    weight = rng.normal(size=n)
    return Problem("", "linprog", slope, [c, h], [g], z, weight, 0, {}, above=corner, is_hard=bool(margin.min() == 0))


def _ball(rng: Rng) -> Problem:
    n = int(rng.choice([2, 3, 5]))
    z = rng.normal(size=n)
    margin = float(_margins(rng, 1)[0])
    p, radius = np.eye(n), z @ z
    a = z * (1 + 2 * margin) if rng.random() < 0.6 else z * np.sqrt(max(1 - margin, 0))
    options = _stopping(rng, ("SLSQP", "SLSQP", "trust-constr"))
    theta = [a, np.array([radius])]
    return Problem("", "constrained", in_ball, theta, [p], 0.9 * z, rng.normal(size=n), 0, options, above=ball)


def on_plane(by: Any, z: Any, a: Any, b: Any, p: Any, rows: Any) -> Any:
    """rows z = b."""
    return rows @ z - b


def entropy(by: Any, z: Any, a: Any, b: Any, p: Any, rows: Any) -> Any:
    """Convex with exponentials."""
    return by.exp(z - a).sum() + 0.5 * (z * z).sum()


def _plane(rng: Rng) -> Problem:
    n = int(rng.choice([2, 3, 5]))
    m = int(rng.integers(1, n))
    rows = rng.normal(size=(m, n))
    hard = rng.random() < 0.15
    if hard and m > 1:
        rows[1] = rows[0] + (0 if rng.random() < 0.5 else _power(rng, -12, -2) * rows[1])
    z = rng.normal(size=n)
    options = _stopping(rng, ("SLSQP", "SLSQP", "trust-constr"))
    theta, data = [rng.normal(size=n), rows @ z], [np.eye(n), rows]
    more = {"equal": on_plane, "is_hard": hard and m > 1}
    return Problem("", "constrained", entropy, theta, data, z, rng.normal(size=n), 0, options, **more)


# ---- fixed points ----------------------------------------------------------------------------------------------------


def contraction(by: Any, z: Any, a: Any, b: Any, m: Any) -> Any:
    """A map whose Lipschitz constant is at most that of m, near that at small z."""
    return m @ by.tanh(z * a) + b


def _contraction(rng: Rng) -> Problem:
    n = _size(rng, 8)
    rate = 1 - _power(rng, -10, -0.3)
    m = rate * _orthogonal(rng, n) if rng.random() < 0.5 else rate * np.eye(n)
    b = _power(rng, -4, 0) * rng.normal(size=n)
    options = _stopping(rng, ("",))
    return Problem(
        "", "fixed_point", contraction, [rng.uniform(0.9, 1, n), b], [m], np.zeros(n), rng.normal(size=n), 0, options
    )


# ---- matrices --------------------------------------------------------------------------------------------------------


def linear(by: Any, z: Any, m: Any, b: Any) -> Any:
    """Linear equations."""
    return m @ z - b


def _linear(rng: Rng) -> Problem:
    n = int(rng.choice([1, 2, 3]))
    m, z = _matrix(rng, n, _power(rng, 0, 16)) * _power(rng, -5, 5), rng.normal(size=n)
    return Problem("", "linear_solve", linear, [m, m @ z], [], z, rng.normal(size=n), 0, {})


def eigenpair(by: Any, z: Any, m: Any) -> Any:
    """An eigenvector of length one, and its eigenvalue behind it, of a symmetric matrix."""
    v, value = z[:-1], z[-1:]
    return by.concatenate([(m + m.T) @ v / 2 - value * v, (v * v).sum(keepdims=True) - 1])


def _eigenpair(rng: Rng) -> Problem:
    """The largest eigenvalue, and whether others are near it, or equal to each other."""
    n = int(rng.choice([2, 3]))
    values = rng.uniform(-1, 0, n)
    if rng.random() < 0.3:
        values[:] = values[0]
    values[0] = values.max() + (_power(rng, -15, 0) if rng.random() < 0.5 else 1)
    q = _orthogonal(rng, n)
    m = q * values @ q.T
    start = np.append(q[:, 0], values[0])
    return Problem("", "eigsh", eigenpair, [(m + m.T) / 2], [], start, rng.normal(size=n + 1), 0, {})


FAMILIES: dict[str, tuple[float, Callable[[Rng], Problem]]] = {
    "bent": (5, lambda rng: _bent(rng, _power(rng, 0, 2))),
    "conditioned": (8, lambda rng: _bent(rng, _power(rng, 0, 14))),
    "tanh": (5, _mixed),
    "multiple roots": (8, _multiple),
    "several roots": (4, _several),
    "badly scaled": (5, _scaled),
    "exponentials": (4, _exponential),
    "square": (4, _square),
    "cancelling": (3, _cancelling),
    "logistic": (4, _logistic),
    "banana": (4, _banana),
    "wells": (4, _wells),
    "flat": (3, _flat),
    "valley": (5, _valley),
    "saddle": (2, _saddle),
    "undetermined": (2, _undetermined),
    "fit": (6, _fit),
    "box": (8, _box),
    "polyhedron": (8, _polyhedron),
    "semidefinite": (3, _semidefinite),
    "vertex": (4, _vertex),
    "ball": (4, _ball),
    "plane": (4, _plane),
    "contraction": (5, _contraction),
    "linear": (3, _linear),
    "eigenpair": (3, _eigenpair),
}

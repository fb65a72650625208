"""Large problems with constraints, whose derivatives are sparse: what `benchmarks.sparse` solves.

Each is a `Large`: functions of NumPy that take an array, a Tensor or a column of CasADi's symbols.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
INF = float("inf")


class Large(NamedTuple):
    """Minimize `f(x)` subject to `low <= x <= high` and `g_low <= g(x) <= g_high`.

    Attributes:
        start: where a solver starts.
        f: the objective.
        g: the constraints, a vector.
        g_low: their limits from below.
        g_high: their limits from above.
        low: bounds from below.
        high: bounds from above.
        optimum: the value at the solution.
    """

    start: Array
    f: Callable[[Any], Any]
    g: Callable[[Any], Any]
    g_low: Array
    g_high: Array
    low: Array
    high: Array
    optimum: float


# ---- what NumPy, JAX and CasADi spell apart --------------------------------------------------------------------------


class Spelling(NamedTuple):
    """Functions of a library that other libraries do not have under the same name.

    Attributes:
        total: the sum of a vector.
        joined: arrays behind each other, or beside each other (axis=1).
        taken: elements of a vector, by a constant array of places.
        times: the product of a constant sparse matrix and a vector.
        square: a vector as n x n.
        flat: that as a vector.
    """

    total: Callable[[Any], Any]
    joined: Callable[..., Any]
    taken: Callable[[Any, Array], Any]
    times: Callable[[Any, Any], Any]
    square: Callable[[Any, int], Any]
    flat: Callable[[Any], Any]


NUMPY = Spelling(
    lambda x: x.sum(),
    lambda *parts, axis=0: np.concatenate(parts, axis),
    lambda x, places: x[places],
    lambda matrix, x: matrix @ x,
    lambda x, n: x.reshape((n, n)),
    lambda a: a.reshape(-1),
)


# ---- Luksan and Vlcek, problem 5.1 -----------------------------------------------------------------------------------


def luksan_vlcek(by: Spelling = NUMPY, n: int = 10_000) -> Large:
    """Chained Rosenbrock's function with trigonometric and exponential constraints.

    L. Luksan, J. Vlcek: Sparse and partially separable test problems for unconstrained and equality constrained
    optimization, report V-767, Institute of Computer Science, Prague 1999: problem 5.1.
    """

    def f(x: Any) -> Any:
        return by.total(100 * (x[:-1] ** 2 - x[1:]) ** 2 + (x[:-1] - 1) ** 2)

    def g(x: Any) -> Any:
        a, b, c = x[:-2], x[1:-1], x[2:]
        return 3 * b**3 + 2 * c - 5 + np.sin(b - c) * np.sin(b + c) + 4 * b - a * np.exp(a - b) - 3

    limits, bounds = np.zeros(n - 2), np.full(n, INF)
    return Large(np.tile([-1.2, 1.0], n // 2), f, g, limits, limits, -bounds, bounds, 6.2324586)


# ---- optimal control by collocation ----------------------------------------------------------------------------------


def van_der_pol(by: Spelling = NUMPY, intervals: int = 3333) -> Large:
    """Van der Pol's oscillator brought to rest by a bounded force, by Hermite-Simpson collocation.

    Minimize the integral of y^2 + v^2 + u^2 over 10 units of time, where y' = (1 - v^2) y - v + u and v' = y, from
    (0, 1), with -1 <= u <= 1 and y >= -0.25. Variables are y, v, u at the ends of the intervals.
    """
    m, h = intervals + 1, 10.0 / intervals

    def rates(y: Any, v: Any, u: Any) -> tuple[Any, Any]:
        return (1 - v**2) * y - v + u, y

    def middle(a: Any, rate: Any) -> Any:
        return 0.5 * (a[:-1] + a[1:]) + h / 8 * (rate[:-1] - rate[1:])

    def split(x: Any) -> tuple[Any, Any, Any, Any, Any, Any, Any, Any]:
        y, v, u = x[:m], x[m : 2 * m], x[2 * m :]
        dy, dv = rates(y, v, u)
        return y, v, u, dy, dv, middle(y, dy), middle(v, dv), 0.5 * (u[:-1] + u[1:])

    def f(x: Any) -> Any:
        y, v, u, _, _, y_mid, v_mid, u_mid = split(x)
        ends = y**2 + v**2 + u**2
        return h / 6 * (by.total(ends[:-1] + ends[1:]) + 4 * by.total(y_mid**2 + v_mid**2 + u_mid**2))

    def g(x: Any) -> Any:
        y, v, _, dy, dv, y_mid, v_mid, u_mid = split(x)
        dy_mid, dv_mid = rates(y_mid, v_mid, u_mid)
        return by.joined(
            y[1:] - y[:-1] - h / 6 * (dy[:-1] + 4 * dy_mid + dy[1:]),
            v[1:] - v[:-1] - h / 6 * (dv[:-1] + 4 * dv_mid + dv[1:]),
        )

    low = np.concatenate([np.full(m, -0.25), np.full(m, -INF), np.full(m, -1.0)])
    high = np.concatenate([np.full(m, INF), np.full(m, INF), np.full(m, 1.0)])
    low[[0, m]] = high[[0, m]] = 0.0, 1.0
    limits = np.zeros(2 * intervals)
    start = np.concatenate([np.zeros(m), np.ones(m), np.zeros(m)])
    return Large(start, f, g, limits, limits, low, high, 3.6151834)


# ---- optimal power flow ----------------------------------------------------------------------------------------------


class _Grid(NamedTuple):
    """A network in units of its base power: admittances of branches, what is at the buses, costs."""

    ends: tuple[Array, Array]
    own: tuple[Array, Array]  # of the from and the to end: what the end's own voltage drives
    mutual: tuple[Array, Array]
    into: tuple[Any, Any, Any]  # sparse sums by bus: over from ends, to ends, generators
    shunt: Array
    load: Array
    cost: Array
    limit: Array


def _grid(case: dict[str, Any]) -> _Grid:
    from scipy.sparse import csr_array

    bus, branch, gen, base = case["bus"], case["branch"], case["gen"], case["baseMVA"]
    place = {int(number): i for i, number in enumerate(bus[:, 0])}
    tail, head = (np.array([place[int(number)] for number in branch[:, k]]) for k in (0, 1))
    series = 1 / (branch[:, 2] + 1j * branch[:, 3])
    tap = np.where(branch[:, 8] == 0, 1, branch[:, 8]) * np.exp(1j * np.radians(branch[:, 9]))
    to_own = series + 0.5j * branch[:, 4]

    def sums(buses: Array) -> Any:
        return csr_array((np.ones(len(buses)), (buses, np.arange(len(buses)))), shape=(len(bus), len(buses)))

    at = np.array([place[int(number)] for number in gen[:, 0]])
    costs = case["gencost"][:, 4:7] * [base**2, base, 1]
    return _Grid(
        (tail, head),
        (to_own / np.abs(tap) ** 2, to_own),
        (-series / tap.conj(), -series / tap),
        (sums(tail), sums(head), sums(at)),
        (bus[:, 4] + 1j * bus[:, 5]) / base,
        (bus[:, 2] + 1j * bus[:, 3]) / base,
        costs,
        branch[:, 5] / base,
    )


def power_flow(by: Spelling = NUMPY) -> Large:
    """The cheapest generation that feeds the IEEE network of 118 buses, voltages in polar coordinates.

    Formulas of the MATPOWER manual, section 6.1, data of `pypower.case118`. Variables are the angles and magnitudes of
    the voltages, then real and reactive power of the generators.
    """
    from pypower.case118 import case118

    case = case118()
    bus, gen, base = case["bus"], case["gen"], case["baseMVA"]
    grid = _grid(case)
    n, m = len(bus), len(gen)
    c2, c1, c0 = grid.cost.T

    def f(x: Any) -> Any:
        power = x[2 * n : 2 * n + m]
        return by.total(c2 * power**2 + c1 * power + c0)

    def flows(x: Any) -> list[tuple[Any, Any]]:
        angle, size = x[:n], x[n : 2 * n]
        result = []
        for side in (0, 1):
            here, there = grid.ends[side], grid.ends[1 - side]
            own, mutual = grid.own[side], grid.mutual[side]
            own_size = by.taken(size, here)
            turn, both = by.taken(angle, here) - by.taken(angle, there), own_size * by.taken(size, there)
            cosine, sine = both * np.cos(turn), both * np.sin(turn)
            square = own_size**2
            real = own.real * square + mutual.real * cosine + mutual.imag * sine
            result.append((real, mutual.real * sine - mutual.imag * cosine - own.imag * square))
        return result

    def g(x: Any) -> Any:
        size = x[n : 2 * n]
        (p_from, q_from), (p_to, q_to) = flows(x)
        tails, heads, gens = grid.into
        square = size**2
        real = by.times(tails, p_from) + by.times(heads, p_to) + grid.shunt.real * square + grid.load.real
        reactive = by.times(tails, q_from) + by.times(heads, q_to) - grid.shunt.imag * square + grid.load.imag
        return by.joined(
            real - by.times(gens, x[2 * n : 2 * n + m]),
            reactive - by.times(gens, x[2 * n + m :]),
            p_from**2 + q_from**2,
            p_to**2 + q_to**2,
        )

    reference = bus[:, 1] == 3
    fixed = np.radians(bus[reference, 8])
    low_angle, high_angle = np.full(n, -INF), np.full(n, INF)
    low_angle[reference] = high_angle[reference] = fixed
    low = np.concatenate([low_angle, bus[:, 12], gen[:, 9] / base, gen[:, 4] / base])
    high = np.concatenate([high_angle, bus[:, 11], gen[:, 8] / base, gen[:, 3] / base])
    squares = np.tile(grid.limit**2, 2)
    start = np.concatenate([np.full(n, fixed[0]), (low[n:] + high[n:]) / 2])
    g_low = np.concatenate([np.zeros(2 * n), np.full(squares.size, -INF)])
    return Large(start, f, g, g_low, np.concatenate([np.zeros(2 * n), squares]), low, high, 129660.70)


PROBLEMS: dict[str, Callable[..., Large]] = {
    "power flow, 118 buses": power_flow,
    "Luksan-Vlcek, n = 10,000": luksan_vlcek,
    "collocation, n = 10,002": van_der_pol,
}


# ---- functions of which only derivatives are wanted; slices and arithmetic alone, so that JAX reads them, too --------


def tridiagonal(x: Any, by: Spelling) -> Any:
    """Broyden's tridiagonal equations but for the first and the last."""
    return (3 - 2 * x[1:-1]) * x[1:-1] + 1 - x[:-2] - 2 * x[2:]


def rosenbrock(x: Any, by: Spelling) -> Any:
    """Chained Rosenbrock's function."""
    return by.total(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def brusselator(z: Any, by: Spelling) -> Any:
    """The rates of two substances on a square that react and diffuse, edges meeting."""
    n = round((z.shape[0] / 2) ** 0.5)
    u, v = by.square(z[: n * n], n), by.square(z[n * n :], n)

    def spread(a: Any) -> Any:
        rows = by.joined(a[1:, :], a[:1, :]) + by.joined(a[-1:, :], a[:-1, :])
        columns = by.joined(a[:, 1:], a[:, :1], axis=1) + by.joined(a[:, -1:], a[:, :-1], axis=1)
        return 10.0 * (n - 1) ** 2 * (rows + columns - 4 * a)

    reacts = u * u * v
    return by.joined(by.flat(1 + reacts - 4.4 * u + spread(u)), by.flat(3.4 * u - reacts + spread(v)))


def heat(z: Any, by: Spelling) -> Any:
    """One implicit step of heat in a square whose conductivity grows with its temperature, no flow over the edges."""
    n = round(z.shape[0] ** 0.5)
    u = by.square(z, n)
    k = 1 + u * u
    down = (k[1:, :] + k[:-1, :]) * (u[1:, :] - u[:-1, :])
    right = (k[:, 1:] + k[:, :-1]) * (u[:, 1:] - u[:, :-1])
    rows = by.joined(down, 0 * u[:1, :]) - by.joined(0 * u[:1, :], down)
    columns = by.joined(right, 0 * u[:, :1], axis=1) - by.joined(0 * u[:, :1], right, axis=1)
    return by.flat(u - 0.1 * (rows + columns))


def stencil(z: Any, by: Spelling) -> Any:
    """Five points of a square, the edges left out."""
    n = round(z.shape[0] ** 0.5)
    u = by.square(z, n)
    c = u[1:-1, 1:-1]
    return by.flat(4 * c + c * c * c - u[:-2, 1:-1] - u[2:, 1:-1] - u[1:-1, :-2] - u[1:-1, 2:])


class Sparse(NamedTuple):
    """A matrix of derivatives that is timed.

    Attributes:
        f: a function (x, spelling).
        size: how many unknowns it has.
        hessian: whether the matrix is the Hessian.
    """

    f: Callable[[Any, Spelling], Any]
    size: int
    hessian: bool = False

    def point(self) -> Array:
        """Return where the derivatives are taken."""
        return 1 + np.random.default_rng(0).uniform(size=self.size)


SPARSE: dict[str, Sparse] = {
    "tridiagonal, Jacobian, n = 5,000": Sparse(tridiagonal, 5000),
    "Rosenbrock, Hessian, n = 5,000": Sparse(rosenbrock, 5000, True),
    "Brusselator 32 x 32": Sparse(brusselator, 2 * 32**2),
    "Brusselator 256 x 256": Sparse(brusselator, 2 * 256**2),
    "heat 200 x 200": Sparse(heat, 200**2),
    "stencil 1000 x 1000": Sparse(stencil, 1000**2),
}

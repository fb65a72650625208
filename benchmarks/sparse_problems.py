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


# ---- the same text for NumPy and CasADi ------------------------------------------------------------------------------


def symbolic(x: Any) -> bool:
    """Return whether this is an expression of CasADi."""
    return hasattr(x, "is_symbolic")


def total(x: Any) -> Any:
    """Return the sum of a vector."""
    if not symbolic(x):
        return x.sum()
    import casadi

    return casadi.sum1(x)


def joined(*parts: Any) -> Any:
    """Return vectors behind each other."""
    if not any(map(symbolic, parts)):
        return np.concatenate(parts)
    import casadi

    return casadi.vertcat(*parts)


def taken(x: Any, places: Array) -> Any:
    """Return elements of a vector."""
    return x[places.tolist()] if symbolic(x) else x[places]


def times(matrix: Any, x: Any) -> Any:
    """Return the product of a constant sparse matrix and a vector."""
    if not symbolic(x):
        return matrix @ x
    import casadi

    return casadi.mtimes(casadi.DM(matrix.tocsc()), x)


# ---- Luksan and Vlcek, problem 5.1 -----------------------------------------------------------------------------------


def luksan_vlcek(n: int = 10_000) -> Large:
    """Chained Rosenbrock's function with trigonometric and exponential constraints.

    L. Luksan, J. Vlcek: Sparse and partially separable test problems for unconstrained and equality constrained
    optimization, report V-767, Institute of Computer Science, Prague 1999: problem 5.1.
    """

    def f(x: Any) -> Any:
        return total(100 * (x[:-1] ** 2 - x[1:]) ** 2 + (x[:-1] - 1) ** 2)

    def g(x: Any) -> Any:
        a, b, c = x[:-2], x[1:-1], x[2:]
        return 3 * b**3 + 2 * c - 5 + np.sin(b - c) * np.sin(b + c) + 4 * b - a * np.exp(a - b) - 3

    limits, bounds = np.zeros(n - 2), np.full(n, INF)
    return Large(np.tile([-1.2, 1.0], n // 2), f, g, limits, limits, -bounds, bounds, 6.2324586)


# ---- optimal control by collocation ----------------------------------------------------------------------------------


def van_der_pol(intervals: int = 3333) -> Large:
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
        return h / 6 * (total(ends[:-1] + ends[1:]) + 4 * total(y_mid**2 + v_mid**2 + u_mid**2))

    def g(x: Any) -> Any:
        y, v, _, dy, dv, y_mid, v_mid, u_mid = split(x)
        dy_mid, dv_mid = rates(y_mid, v_mid, u_mid)
        return joined(
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


def power_flow() -> Large:
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
        return total(c2 * power**2 + c1 * power + c0)

    def flows(x: Any) -> list[tuple[Any, Any]]:
        angle, size = x[:n], x[n : 2 * n]
        result = []
        for side in (0, 1):
            here, there = grid.ends[side], grid.ends[1 - side]
            own, mutual = grid.own[side], grid.mutual[side]
            own_size = taken(size, here)
            turn, both = taken(angle, here) - taken(angle, there), own_size * taken(size, there)
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
        real = times(tails, p_from) + times(heads, p_to) + grid.shunt.real * square + grid.load.real
        reactive = times(tails, q_from) + times(heads, q_to) - grid.shunt.imag * square + grid.load.imag
        return joined(
            real - times(gens, x[2 * n : 2 * n + m]),
            reactive - times(gens, x[2 * n + m :]),
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


PROBLEMS: dict[str, Callable[[], Large]] = {
    "power flow, 118 buses": power_flow,
    "Luksan-Vlcek, n = 10,000": luksan_vlcek,
    "collocation, n = 10,002": van_der_pol,
}

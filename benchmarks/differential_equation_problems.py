"""Initial value problems from public test sets: 21 that are not stiff and 12 that are, with references to 11 digits.

The right-hand sides return lists of components or one array, and take NumPy arrays, Tensors, complex numbers, extended
precision, and further axes of y and theta after the first, along which `differential_equation_truth` computes all
sensitivities at once. References are in differential_equation_references.json, which that module writes.

References:
    T. E. Hull, W. H. Enright, B. M. Fellen, A. E. Sedgwick, Comparing numerical methods for ordinary differential
        equations, 1972 (DETEST, classes A to E).
    W. H. Enright, T. E. Hull, B. Lindberg, Comparing numerical methods for stiff systems of ODEs, 1975.
    F. Mazzia, C. Magherini, Test Set for Initial Value Problem Solvers, University of Bari, 2008.
    E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I, 1993, and II, 1996.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray

FILE = Path(__file__).with_name("differential_equation_references.json")


class Reference(NamedTuple):
    """What is true of a problem.

    Attributes:
        y: the state at the end.
        by_y0: derivatives by the initial state of `problem.scalar` of the state at the end.
        by_theta: and by each theta.
        second: the second derivatives by theta[0], where that is a number; None if they were not computed.
        error: by how much two computations of y differ, relative to the largest component.
        gradient_error: of the derivatives, each times the size of what it is by, relative to 1 and the largest.
    """

    y: Array
    by_y0: Array
    by_theta: list[Array]
    second: float | None
    error: float
    gradient_error: float


class Problem(NamedTuple):
    """y' = f(t, y, *theta), y(t_span[0]) = y0.

    Attributes:
        name: of the problem.
        f: the right-hand side.
        y0: the initial state.
        t_span: where it begins and ends.
        theta: numbers and arrays by which the solution is differentiated.
        stiff: methods that are explicit do not solve it.
        scale: the size of components; absolute tolerances are the relative one times it.
        source: where it is from.
        literature: the state at the end in the literature, or None; NaN where it has none.
        amplification: by how much errors of derivatives grow on the way, beyond what the state's do.
    """

    name: str
    f: Callable[..., Any]
    y0: Array
    t_span: tuple[float, float]
    theta: tuple[Any, ...]
    stiff: bool
    source: str
    scale: Any = 1.0
    literature: Sequence[float] | None = None
    amplification: float = 1.0

    def slopes(self, t: Any, y: Any, *theta: Any) -> Any:
        """Return f as an array, or a Tensor."""
        slope = self.f(t, y, *theta)
        return np.stack(slope) if isinstance(slope, list) else slope

    def weights(self) -> Array:
        """Return the weights of the components in the scalar that is differentiated, shape (n,)."""
        return np.cos(np.arange(1.0, 1.0 + self.y0.size)) / np.broadcast_to(self.scale, self.y0.shape)

    def scalar(self, y: Any) -> Any:
        """Return the number whose derivatives are in the reference, for the state at the end."""
        return (self.weights() * y).sum()

    @property
    def reference(self) -> Reference:
        """What is true of it."""
        row = dict(references()[self.name])
        row["by_theta"] = [np.array(x) for x in row["by_theta"]]
        return Reference(**{**row, "y": np.array(row["y"]), "by_y0": np.array(row["by_y0"])})


@functools.cache
def references() -> dict[str, Any]:
    """Return what is in the file of references."""
    rows: dict[str, Any] = json.loads(FILE.read_text())
    return rows


def along(x: Array, y: Any) -> Any:
    """Return values at the points of a grid, with the further axes of y."""
    return x.reshape(x.shape + (1,) * (y.ndim - 1))


# ---- not stiff -------------------------------------------------------------------------------------------------------


def decay(t: Any, y: Any, k: Any) -> list[Any]:
    """DETEST A1."""
    return [-k * y[0]]


def cubic_decay(t: Any, y: Any, k: Any) -> list[Any]:
    """DETEST A2."""
    return [-k * y[0] ** 3]


def oscillating_growth(t: Any, y: Any, a: Any) -> list[Any]:
    """DETEST A3."""
    return [y[0] * np.cos(a * t)]


def logistic(t: Any, y: Any, rate: Any, capacity: Any) -> list[Any]:
    """DETEST A4."""
    return [rate * y[0] * (1.0 - y[0] / capacity)]


def spiral(t: Any, y: Any, a: Any) -> list[Any]:
    """DETEST A5."""
    return [(y[0] - a * t) / (y[0] + a * t)]


def lotka_volterra(t: Any, y: Any, a: Any, b: Any, c: Any, d: Any) -> list[Any]:
    """Growth of two conflicting populations, DETEST B1 for other rates."""
    return [y[0] * (a - b * y[1]), y[1] * (d * y[0] - c)]


def linear_chemistry(t: Any, y: Any, k: Any) -> list[Any]:
    """DETEST B2."""
    return [-y[0] + k * y[1], y[0] - 2.0 * k * y[1] + y[2], k * y[1] - y[2]]


def nonlinear_chemistry(t: Any, y: Any, k: Any) -> list[Any]:
    """DETEST B3."""
    return [-y[0], y[0] - k * y[1] ** 2, k * y[1] ** 2]


def rigid_body(t: Any, y: Any, a: Any, b: Any, c: Any) -> list[Any]:
    """DETEST B5: Euler's equations of motion without forces."""
    return [a * y[1] * y[2], b * y[0] * y[2], c * y[0] * y[1]]


def radioactive_chain(t: Any, y: Any, k: Any) -> Any:
    """DETEST C1."""
    zero = 0.0 * y[:1]
    return np.concatenate([zero, k * y[:-1]]) - np.concatenate([k * y[:-1], zero])


def orbit(t: Any, y: Any, mass: Any) -> list[Any]:
    """DETEST D1 to D5: two bodies."""
    cube = (y[0] ** 2 + y[1] ** 2) ** 1.5
    return [y[2], y[3], -mass * y[0] / cube, -mass * y[1] / cube]


def van_der_pol(t: Any, y: Any, mu: Any) -> list[Any]:
    """DETEST E2."""
    return [y[1], mu * (1.0 - y[0] ** 2) * y[1] - y[0]]


def lorenz(t: Any, y: Any, sigma: Any, rho: Any, beta: Any) -> list[Any]:
    """Lorenz's equations."""
    return [sigma * (y[1] - y[0]), y[0] * (rho - y[2]) - y[1], y[0] * y[1] - beta * y[2]]


def arenstorf(t: Any, y: Any, mu: Any) -> list[Any]:
    """A satellite of earth and moon: three bodies, of which two move on circles."""
    rest = 1.0 - mu
    first = ((y[0] + mu) ** 2 + y[1] ** 2) ** 1.5
    second = ((y[0] - rest) ** 2 + y[1] ** 2) ** 1.5
    return [
        y[2],
        y[3],
        y[0] + 2.0 * y[3] - rest * (y[0] + mu) / first - mu * (y[0] - rest) / second,
        y[1] - 2.0 * y[2] - rest * y[1] / first - mu * y[1] / second,
    ]


def pleiades(t: Any, y: Any, mass: Any) -> Any:
    """Seven stars in a plane: 28 equations."""
    x, z = y[:7], y[7:14]
    dx, dz = x[None, :] - x[:, None], z[None, :] - z[:, None]
    pull = mass[None] / (dx**2 + dz**2 + along(np.eye(7), dx[0])) ** 1.5
    return np.concatenate([y[14:], (pull * dx).sum(1), (pull * dz).sum(1)])


def duffing(t: Any, y: Any, damping: Any, force: Any) -> list[Any]:
    """Duffing's oscillator."""
    return [y[1], y[0] - y[0] ** 3 - damping * y[1] + force * np.cos(1.2 * t)]


def epidemic(t: Any, y: Any, beta: Any, gamma: Any) -> list[Any]:
    """Susceptible, infectious and recovered."""
    new = beta * y[0] * y[1]
    return [-new, new - gamma * y[1], gamma * y[1]]


def fitzhugh_nagumo(t: Any, y: Any, a: Any, b: Any, c: Any) -> list[Any]:
    """FitzHugh and Nagumo's neuron."""
    return [c * (y[0] - y[0] ** 3 / 3.0 + y[1]), -(y[0] - a + b * y[1]) / c]


def brusselator(t: Any, y: Any, a: Any, b: Any) -> list[Any]:
    """The Brusselator without diffusion."""
    reaction = y[0] ** 2 * y[1]
    return [a + reaction - (b + 1.0) * y[0], b * y[0] - reaction]


def pendulum(t: Any, y: Any, length: Any, damping: Any) -> list[Any]:
    """A pendulum with friction."""
    return [y[1], -9.81 / length * np.sin(y[0]) - damping * y[1]]


# ---- stiff -----------------------------------------------------------------------------------------------------------


def robertson(t: Any, y: Any, k: Any) -> list[Any]:
    """Robertson's reactions, ROBER in Bari's set."""
    first, second, third = k[0] * y[0], k[1] * y[1] ** 2, k[2] * y[1] * y[2]
    return [third - first, first - third - second, second]


def fast_van_der_pol(t: Any, y: Any, epsilon: Any) -> list[Any]:
    """VDPOL in Bari's set."""
    return [y[1], ((1.0 - y[0] ** 2) * y[1] - y[0]) / epsilon]


def hires(t: Any, y: Any, k: Any) -> list[Any]:
    """HIRES: high irradiance responses of photomorphogenesis."""
    meeting = k * y[5] * y[7]
    last = meeting - 1.81 * y[6]
    return [
        -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
        1.71 * y[0] - 8.75 * y[1],
        -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
        8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
        -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6],
        -meeting + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
        last,
        -last,
    ]


def oregonator(t: Any, y: Any, s: Any, q: Any, w: Any) -> list[Any]:
    """Field and Noyes' model of the reaction of Belousov and Zhabotinskii, OREGO."""
    return [s * (y[1] + y[0] * (1.0 - q * y[0] - y[1])), (y[2] - (1.0 + y[0]) * y[1]) / s, w * (y[0] - y[2])]


def pollution(t: Any, y: Any, k: Any) -> list[Any]:
    """POLLU: 20 substances in the air, and 25 reactions."""
    pairs = (0, (1, 3), (4, 1), 6, 6, (6, 5), 8, (8, 5), (10, 1), (10, 0), 12, (9, 1), 13, (0, 5), 2, 3, 3, 15, 15)
    pairs += ((16, 5), 18, 18, (0, 3), (18, 0), 19)
    r = [0.0]
    r += [k[i] * (y[p[0]] * y[p[1]] if isinstance(p, tuple) else y[p]) for i, p in enumerate(pairs)]
    return [
        -r[1] - r[10] - r[14] - r[23] - r[24] + r[2] + r[3] + r[9] + r[11] + r[12] + r[22] + r[25],
        -r[2] - r[3] - r[9] - r[12] + r[1] + r[21],
        -r[15] + r[1] + r[17] + r[19] + r[22],
        -r[2] - r[16] - r[17] - r[23] + r[15],
        -r[3] + 2.0 * r[4] + r[6] + r[7] + r[13] + r[20],
        -r[6] - r[8] - r[14] - r[20] + r[3] + 2.0 * r[18],
        -r[4] - r[5] - r[6] + r[13],
        r[4] + r[5] + r[6] + r[7],
        -r[7] - r[8],
        -r[12] + r[7] + r[9],
        -r[9] - r[10] + r[8] + r[11],
        r[9],
        -r[11] + r[10],
        -r[13] + r[12],
        r[14],
        -r[18] - r[19] + r[16],
        -r[20],
        r[20],
        -r[21] - r[22] - r[24] + r[23] + r[25],
        -r[25] + r[24],
    ]


def pyrolysis(t: Any, y: Any, a: Any, b: Any, c: Any) -> list[Any]:
    """E5: a pyrolysis, with reactions whose rates differ by 20 orders of magnitude."""
    first, second, third, last = a * y[0], b * y[0] * y[2], 1e6 * c * y[1] * y[2], c * y[3]
    return [-first - second, first - third, first - second - third + last, second - last]


def diffusing_brusselator(t: Any, y: Any, alpha: Any, a: Any, b: Any) -> Any:
    """BRUSS in one dimension: 20 points, 40 equations; Hairer and Wanner IV.10."""
    u, v = y[:20], y[20:]
    one = 1.0 + 0.0 * u[:1]
    reaction, diffusion = u**2 * v, alpha * 21.0**2
    left, right = np.concatenate([one, u[:-1]]), np.concatenate([u[1:], one])
    du = a + reaction - (b + 1.0) * u + diffusion * (left - 2.0 * u + right)
    left, right = np.concatenate([3.0 * one, v[:-1]]), np.concatenate([v[1:], 3.0 * one])
    return np.concatenate([du, b * u - reaction + diffusion * (left - 2.0 * v + right)])


def heat(t: Any, y: Any, conductivity: Any, source: Any) -> Any:
    """The heat equation with a source, 40 points, zero at both ends."""
    zero = 0.0 * y[:1]
    left, right = np.concatenate([zero, y[:-1]]), np.concatenate([y[1:], zero])
    x = along(np.arange(1.0, 41.0) / 41.0, y)
    return conductivity * 41.0**2 * (left - 2.0 * y + right) + source * np.sin(3.0 * t) * x * (1.0 - x)


def prothero_robinson(t: Any, y: Any, stiffness: Any) -> list[Any]:
    """Prothero and Robinson, 1974: a smooth solution that others approach at once."""
    return [-stiffness * (y[0] - np.sin(0.25 * np.pi + t)) + np.cos(0.25 * np.pi + t)]


def curtiss_hirschfelder(t: Any, y: Any, stiffness: Any) -> list[Any]:
    """Curtiss and Hirschfelder, 1952: with a layer at the beginning."""
    return [-stiffness * (y[0] - np.cos(t))]


def kaps(t: Any, y: Any, stiffness: Any) -> list[Any]:
    """Kaps, 1981: y = (exp(-2t), exp(-t)) for every stiffness."""
    return [-(stiffness + 2.0) * y[0] + stiffness * y[1] ** 2, y[0] - y[1] * (1.0 + y[1])]


def reactor(t: Any, y: Any, k: Any) -> list[Any]:
    """D4 of Enright, Hull and Lindberg: chemistry."""
    first, second = k[0] * y[0] * y[2], k[1] * y[1] * y[2]
    slow = k[2] * y[0]
    return [-slow - first, -second, -slow - first - second]


# ---- the sets --------------------------------------------------------------------------------------------------------

_POLLUTION = [0.35, 26.6, 12300.0, 8.6e-4, 8.2e-4, 15000.0, 1.3e-4, 24000.0, 16500.0, 9000.0, 0.022, 12000.0, 1.88]
_POLLUTION += [16300.0, 4.8e6, 3.5e-4, 0.0175, 1e8, 4.44e11, 1240.0, 2.1, 5.78, 0.0474, 1780.0, 3.12]

_POLLUTION_END = [0.5646255480022769e-1, 0.1342484130422339, 0.4139734331099427e-8, 0.5523140207484359e-2]
_POLLUTION_END += [0.2018977262302196e-6, 0.1464541863493966e-6, 0.7784249118997964e-1, 0.3245075353396018]
_POLLUTION_END += [0.7494013383880406e-2, 0.1622293157301561e-7, 0.1135863833257075e-7, 0.2230505975721359e-2]
_POLLUTION_END += [0.2087162882798630e-3, 0.1396921016840158e-4, 0.8964884856898295e-2, 0.4352846369330103e-17]
_POLLUTION_END += [0.6899219696263405e-2, 0.1007803037365946e-3, 0.1772146513969984e-5, 0.5682943292316392e-4]

_HIRES_END = [0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2]
_HIRES_END += [0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2]

_PLEIADES_END = [0.3706139143970502, 3.237284092057233, -3.222559032418324, 0.6597091455775310, 0.3425581707156584]
_PLEIADES_END += [1.562172101400631, -0.7003092922212495, -3.943437585517392, -3.271380973972550, 5.225081843456543]
_PLEIADES_END += [-2.590612434977470, 1.198213693392275, -0.2429682344935824, 1.091449240428980] + [float("nan")] * 14

_STARS = [3.0, 3.0, -1.0, -3.0, 2.0, -2.0, 2.0, 3.0, -3.0, 2.0, 0.0, 0.0, -4.0, 4.0]
_STARS += [0.0, 0.0, 0.0, 0.0, 0.0, 1.75, -1.5, 0.0, 0.0, 0.0, -1.25, 1.0, 0.0, 0.0]

_ARENSTORF = [0.994, 0.0, 0.0, -2.00158510637908252240537862224]
_GRID = np.arange(1.0, 21.0) / 21.0
_HEAT_GRID = np.arange(1.0, 41.0) / 41.0


def _orbit(eccentricity: float) -> Array:
    return np.array([1 - eccentricity, 0.0, 0.0, np.sqrt((1 + eccentricity) / (1 - eccentricity))])


def _row(f: Any, y0: Any, end: float, theta: tuple[Any, ...], source: str, name: str = "", **more: Any) -> Problem:
    theta = tuple([np.array(x) if isinstance(x, list) else x for x in theta])
    return Problem(name or f.__name__, f, np.array(y0, float), (0.0, end), theta, False, source, **more)


NON_STIFF = (
    _row(decay, [1.0], 20.0, (1.0,), "DETEST A1", literature=[np.exp(-20.0)]),
    _row(cubic_decay, [1.0], 20.0, (0.5,), "DETEST A2", literature=[21.0**-0.5]),
    _row(oscillating_growth, [1.0], 20.0, (1.0,), "DETEST A3", literature=[np.exp(np.sin(20.0))]),
    _row(logistic, [1.0], 20.0, (0.25, 20.0), "DETEST A4", literature=[20.0 / (1 + 19 * np.exp(-5.0))]),
    _row(spiral, [4.0], 20.0, (1.0,), "DETEST A5"),
    _row(lotka_volterra, [1.0, 1.0], 10.0, (1.5, 1.0, 3.0, 1.0), "DETEST B1, other rates"),
    _row(linear_chemistry, [2.0, 0.0, 1.0], 20.0, (1.0,), "DETEST B2"),
    _row(nonlinear_chemistry, [1.0, 0.0, 0.0], 20.0, (1.0,), "DETEST B3"),
    _row(rigid_body, [0.0, 1.0, 1.0], 20.0, (1.0, -1.0, -0.51), "DETEST B5"),
    _row(radioactive_chain, [1.0] + [0.0] * 9, 20.0, (1.0,), "DETEST C1"),
    _row(orbit, _orbit(0.1), 20.0, (1.0,), "DETEST D1", "round_orbit"),
    # Errors of the phase grow with each revolution, and those of its derivatives with their square.
    _row(orbit, _orbit(0.9), 20.0, (1.0,), "DETEST D5", "long_orbit")._replace(amplification=10.0),
    _row(van_der_pol, [2.0, 0.0], 20.0, (1.0,), "DETEST E2"),
    _row(lorenz, [1.0, 1.0, 1.0], 5.0, (10.0, 28.0, 8.0 / 3.0), "Lorenz 1963"),
    _row(arenstorf, _ARENSTORF, 17.0652165601579625588917206249, (0.012277471,), "Hairer, Norsett, Wanner II.0"),
    _row(pleiades, _STARS, 3.0, ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],), "Bari, PLEI", literature=_PLEIADES_END),
    _row(duffing, [1.0, 0.0], 20.0, (0.3, 0.3), "Duffing 1918"),
    _row(epidemic, [0.99, 0.01, 0.0], 60.0, (0.5, 0.15), "Kermack, McKendrick 1927"),
    _row(fitzhugh_nagumo, [-1.0, 1.0], 20.0, (0.2, 0.2, 3.0), "FitzHugh 1961, Nagumo 1962"),
    _row(brusselator, [1.5, 3.0], 20.0, (1.0, 3.0), "Hairer, Norsett, Wanner II.4"),
    _row(pendulum, [2.5, 0.0], 10.0, (1.0, 0.1), "with friction"),
)

STIFF = tuple(
    row._replace(stiff=True)
    for row in (
        _row(
            robertson,
            [1.0, 0.0, 0.0],
            1e11,
            ([0.04, 3e7, 1e4],),
            "Bari, ROBER",
            scale=np.array([1e-6, 1e-12, 1.0]),
            literature=[0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050],
        ),
        _row(
            fast_van_der_pol,
            [2.0, 0.0],
            2.0,
            (1e-6,),
            "Bari, VDPOL",
            literature=[1.706167732170483, -0.8928097010247975],
            amplification=1e6,  # slopes are that large while it jumps
        ),
        _row(hires, [1.0] + [0.0] * 6 + [0.0057], 321.8122, (280.0,), "Bari, HIRES", scale=1e-3, literature=_HIRES_END),
        _row(
            oregonator,
            [1.0, 2.0, 3.0],
            360.0,
            (77.27, 8.375e-6, 0.161),
            "Bari, OREGO",
            literature=[1.000814870318523, 1228.178521549917, 132.0554942846706],
        ),
        _row(
            pollution,
            [0, 0.2, 0, 0.04, 0, 0, 0.1, 0.3, 0.01, 0, 0, 0, 0, 0, 0, 0, 0.007, 0, 0, 0],
            60.0,
            (_POLLUTION,),
            "Bari, POLLU",
            scale=1e-3,
            literature=_POLLUTION_END,
        ),
        _row(
            pyrolysis,
            [1.76e-3, 0.0, 0.0, 0.0],
            1e6,
            (7.89e-10, 1.1e7, 1.13e3),
            "Hairer, Wanner, E5",
            scale=np.array([1e-3, 1e-9, 1e-12, 1e-12]),
        ),
        _row(
            diffusing_brusselator,
            np.concatenate([1.0 + np.sin(2 * np.pi * _GRID), np.full(20, 3.0)]),
            10.0,
            (0.02, 1.0, 3.0),
            "Hairer, Wanner, BRUSS",
        ),
        _row(heat, np.sin(np.pi * _HEAT_GRID) + _HEAT_GRID * (1 - _HEAT_GRID) ** 2, 1.0, (0.3, 2.0), "lines"),
        _row(
            prothero_robinson,
            [np.sin(0.25 * np.pi)],
            10.0,
            (1e4,),
            "Prothero, Robinson 1974",
            literature=[np.sin(0.25 * np.pi + 10.0)],
        ),
        _row(curtiss_hirschfelder, [0.0], 1.5, (2000.0,), "Curtiss, Hirschfelder 1952"),
        _row(kaps, [1.0, 1.0], 1.0, (1e6,), "Kaps 1981", literature=[np.exp(-2.0), np.exp(-1.0)]),
        _row(
            reactor,
            [1.0, 1.0, 0.0],
            50.0,
            ([1000.0, 2500.0, 0.013],),
            "Enright, Hull, Lindberg D4",
            scale=[1.0, 1.0, 1e-5],
        ),
    )
)

PROBLEMS = NON_STIFF + STIFF
BY_NAME = {problem.name: problem for problem in PROBLEMS}

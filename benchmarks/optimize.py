"""Whole solves by `autograd_lite.optimize`, beside SciPy's with finite differences, and NIST's certified digits.

    python -m benchmarks.optimize                     # ten problems: times of whole solves, tracing included
    python -m benchmarks.optimize --rounds 30 --json results.json
    python -m benchmarks.optimize --strd              # digits of the 27 nonlinear regressions, and SciPy's

Ours and theirs take turns; each ratio is one of the fastest rounds, in time of the processor. The regressions are in
`tests/optimize/strd.py`.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize

import autograd_lite as ag
from autograd_lite import optimize
from tests.optimize.strd import datasets, digits

RNG = np.random.default_rng(0)


class Solve(NamedTuple):
    """A problem.

    Attributes:
        parameters: how many there are.
        run: solves it with the functions of a module, ours or SciPy's, and returns the parameters.
    """

    parameters: int
    run: Callable[..., Any]


def rosenbrock(x: Any) -> Any:
    """Return the sum of Rosenbrock's function over neighbors."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def _of_rosenbrock(n: int, method: str) -> Solve:
    start = np.tile([-1.2, 1.0], n // 2)
    return Solve(n, lambda by, **more: by.minimize(rosenbrock, start, method=method, **more).x)


# ---- maximum likelihood ----------------------------------------------------------------------------------------------

NORMAL = RNG.normal(2, 3, 20_000)
LIFETIMES = 4 * RNG.weibull(1.7, 10_000)
OBSERVED = LIFETIMES < 6
FEATURES = np.concatenate([np.ones((2000, 1)), RNG.normal(size=(2000, 19))], axis=1)
LABELS = (FEATURES @ RNG.normal(size=20) + RNG.logistic(size=2000) > 0).astype(float)


def normal(p: Any) -> Any:
    """Return the negative log-likelihood of a normal sample, by mean and logarithm of the standard deviation."""
    return (((NORMAL - p[0]) * np.exp(-p[1])) ** 2).sum() / 2 + NORMAL.size * p[1]


def weibull(p: Any) -> Any:
    """Return the negative log-likelihood of Weibull's distribution, from lifetimes censored at 6."""
    shape, log_scale = np.exp(p[0]), p[1]
    logs = np.log(np.minimum(LIFETIMES, 6)) - log_scale
    return (np.exp(shape * logs) - OBSERVED * (p[0] - log_scale + (shape - 1) * logs)).sum()


def logistic(w: Any) -> Any:
    """Return the negative log-likelihood of a logistic regression, with a penalty."""
    z = FEATURES @ w
    return (np.logaddexp(0, z) - LABELS * z).sum() + 0.5 * (w * w).sum()


# ---- least squares, equations, constraints ---------------------------------------------------------------------------

T = np.linspace(0, 5, 5000)
DECAY = 2.5 * np.exp(-1.3 * T) + 0.5 + 0.02 * RNG.normal(size=T.size)
PEAKS = 90 * np.exp(-0.4 * T) + 30 * np.exp(-((T - 1.5) ** 2) / 0.1) + 20 * np.exp(-((T - 3) ** 2) / 0.2)
PEAKS += RNG.normal(size=T.size)


def decay(t: Any, a: Any, k: Any, c: Any) -> Any:
    """Return an exponential above a constant."""
    return a * np.exp(-k * t) + c


def peaks(b: Any) -> Any:
    """Return the residuals of an exponential and two peaks."""
    model = b[0] * np.exp(-b[1] * T)
    model = model + b[2] * np.exp(-(((T - b[3]) / b[4]) ** 2)) + b[5] * np.exp(-(((T - b[6]) / b[7]) ** 2))
    return model - PEAKS


def tridiagonal(x: Any) -> Any:
    """Return the equations of Broyden's tridiagonal system."""
    zero = np.zeros(1)
    return (3 - 2 * x) * x + 1 - np.concatenate([zero, x[:-1]]) - 2 * np.concatenate([x[1:], zero])


RETURNS = RNG.normal(0.05, 0.1, size=(60, 10))
RISK = np.cov(RETURNS.T)
MEAN = RETURNS.mean(axis=0)
BUDGET: list[dict[str, Any]] = [
    {"type": "eq", "fun": lambda w: w.sum() - 1},
    {"type": "ineq", "fun": lambda w: 0.002 - w @ RISK @ w},
]


def _portfolio(by: Any, **more: Any) -> Any:
    found = by.minimize(lambda w: -(w @ MEAN), np.full(10, 0.1), bounds=[(0, 1)] * 10, constraints=BUDGET, **more)
    return found.x


INPUTS = RNG.normal(size=(500, 2))
TARGETS = np.sin(2 * INPUTS[:, 0]) * INPUTS[:, 1]


def network(p: Any) -> Any:
    """Return the mean squared error of a network with one hidden layer of 12, and a penalty."""
    hidden = np.tanh(INPUTS @ p[:24].reshape(2, 12) + p[24:36])
    return ((hidden @ p[36:48] + p[48] - TARGETS) ** 2).mean() + 1e-3 * (p * p).sum()


NETWORK = RNG.normal(size=49) / 2


SOLVES: dict[str, Solve] = {
    "Rosenbrock, BFGS": _of_rosenbrock(2, "BFGS"),
    "normal sample, BFGS": Solve(2, lambda by, **more: by.minimize(normal, [0.0, 0.0], method="BFGS", **more).x),
    "censored Weibull, BFGS": Solve(2, lambda by, **more: by.minimize(weibull, [0.0, 0.0], method="BFGS", **more).x),
    "exponential, curve_fit": Solve(3, lambda by, **more: by.curve_fit(decay, T, DECAY, **more)[0]),
    "two peaks, least_squares": Solve(
        8, lambda by, **more: by.least_squares(peaks, [80, 0.5, 25, 1.4, 0.4, 15, 3.1, 0.5], **more).x
    ),
    "portfolio, SLSQP": Solve(10, _portfolio),
    "tridiagonal system, root": Solve(100, lambda by, **more: by.root(tridiagonal, np.full(100, -1.0), **more).x),
    "logistic regression, BFGS": Solve(20, lambda by, **more: by.minimize(logistic, np.zeros(20), **more).x),
    "network, L-BFGS-B": Solve(
        49, lambda by, **more: by.minimize(network, NETWORK, method="L-BFGS-B", options={"maxiter": 100}, **more).x
    ),
    "Rosenbrock, L-BFGS-B": _of_rosenbrock(100, "L-BFGS-B"),
}
WAYS: dict[str, tuple[Any, dict[str, Any]]] = {
    "SciPy": (scipy.optimize, {}),
    "ours": (optimize, {}),
    "compiled": (optimize, {"compiled": True}),
    "eager": (optimize, {"compiled": False}),
}


def timed(name: str, rounds: int) -> dict[str, float]:
    """Return the milliseconds that one solve takes in each way, of the fastest of some rounds."""
    best = dict.fromkeys(WAYS, float("inf"))
    for _ in range(rounds):
        for way, (by, more) in WAYS.items():
            begin = time.process_time()
            SOLVES[name].run(by, **more)
            best[way] = min(best[way], 1e3 * (time.process_time() - begin))
    return best


def table(times: dict[str, dict[str, float]]) -> str:
    """Return the table of times and ratios, as Markdown."""
    lines = [
        "| problem | parameters | SciPy, ms | ours / SciPy | compiled at once | eager |",
        "|---|---|---|---|---|---|",
    ]
    for name, best in times.items():
        ratios = " | ".join(f"{best[way] / best['SciPy']:.2f}" for way in ("ours", "compiled", "eager"))
        lines.append(f"| {name} | {SOLVES[name].parameters} | {best['SciPy']:.1f} | {ratios} |")
    return "\n".join(lines)


def digits_table() -> str:
    """Return the digits that fits of NIST's regressions reach from both starts, ours and SciPy's, as Markdown."""
    lines = ["| data set | ours | standard deviations | SciPy |", "|---|---|---|---|"]
    strict = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "x_scale": "jac", "max_nfev": 5000}
    for name, data in datasets().items():
        cells: list[list[str]] = [[], [], []]
        for start in data.starts:

            def residuals(b: Any, data: Any = data) -> Any:
                return data.model(data.x, *b) - data.y

            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                ours = optimize.least_squares(residuals, start, refine=True, **strict)
                theirs = scipy.optimize.least_squares(residuals, start, ag.jacobian(residuals), **strict)
            deviations = np.sqrt(np.diag(ours.covariance))
            pairs = ((ours.x, data.certified), (deviations, data.deviations), (theirs.x, data.certified))
            for cell, pair in zip(cells, pairs, strict=True):
                cell.append(f"{digits(*pair):.1f}")
        lines.append(f"| {name} | {' | '.join(', '.join(cell) for cell in cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", help="write the times there, too")
    parser.add_argument("--strd", action="store_true", help="the digits of NIST's regressions")
    asked = parser.parse_args()
    if asked.strd:
        print(digits_table())
        return
    times = {name: timed(name, asked.rounds) for name in SOLVES}
    print(table(times))
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump(times, file, indent=1)


if __name__ == "__main__":
    main()

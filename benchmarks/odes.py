"""Gradients through ordinary differential equations: `solve_ivp` and `odeint` here, beside HIPS's `odeint`.

    python -m benchmarks.odes

Value and gradient of the sum of 25 states by initial state and parameters, tolerances 1.49e-8, processor time in
milliseconds, the least of rounds in which the sides take turns. The last column is the largest difference of ours from
HIPS's gradient, relative to its scale: HIPS integrates backward, and its own error is most of it.
"""

from __future__ import annotations

import functools
import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.scipy import integrate

TIMES = np.linspace(0.0, 10.0, 25)
TOLERANCE = 1.49e-8
_RNG = np.random.default_rng(0)


def predator(y: Any, t: Any, a: Any, b: Any, *, stack: Any = np.stack) -> Any:
    """Return the equations of Lotka and Volterra."""
    return stack([y[0] * (a - y[1]), y[1] * (y[0] - b)])


def network(y: Any, t: Any, w: Any, v: Any, *, np_: Any = np) -> Any:
    """Return a network of 50 units, as in HIPS's example of a neural differential equation."""
    return np_.dot(v, np_.tanh(np_.dot(w, y**3)))


CASES: dict[str, tuple[np.ndarray, tuple[Any, ...]]] = {
    "predator": (np.array([1.0, 2.0]), (1.5, 1.1)),
    "network": (np.array([2.0, 0.0]), (0.1 * _RNG.normal(size=(50, 2)), 0.1 * _RNG.normal(size=(2, 50)))),
}


def ours(f: Callable[..., Any], y0: Any, parameters: tuple[Any, ...], method: str) -> Any:
    """Return the gradients by a method here."""

    def total(y0: Any, *parameters: Any) -> Any:
        if method == "odeint":
            return integrate.odeint(f, y0, TIMES, parameters).sum()
        found = integrate.solve_ivp(
            lambda t, y: f(y, t, *parameters), (0.0, 10.0), y0, method, TIMES, rtol=TOLERANCE, atol=TOLERANCE
        )
        return found.y.sum()

    return ag.grad(total, argnums=tuple(range(1 + len(parameters))))(y0, *parameters)


def theirs(name: str, y0: Any, parameters: tuple[Any, ...]) -> Any:
    """Return the gradients by HIPS."""
    peer, pack = importlib.import_module("autograd"), importlib.import_module("autograd.builtins").tuple
    module = importlib.import_module("autograd.numpy")
    solve = importlib.import_module("autograd.scipy.integrate").odeint

    def f(y: Any, t: Any, *parameters: Any) -> Any:
        if name == "predator":
            return predator(y, t, *parameters, stack=module.array)
        return network(y, t, *parameters, np_=module)

    return peer.grad(lambda p: module.sum(solve(f, p[0], TIMES, pack(p[1:]))))(pack((y0, *parameters)))


def row(name: str, method: str, rounds: int = 4) -> str:
    """Return a line of the table."""
    y0, parameters = CASES[name]
    f = {"predator": predator, "network": network}[name]
    sides = functools.partial(ours, f, y0, parameters, method), functools.partial(theirs, name, y0, parameters)
    best, found = [np.inf, np.inf], [None, None]
    for _ in range(rounds):
        for k, side in enumerate(sides):
            start = time.process_time()
            found[k] = side()
            best[k] = min(best[k], time.process_time() - start)
    apart = max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(*found, strict=True))
    return f"{name:10} {method:8} {1e3 * best[0]:9.1f} {1e3 * best[1]:9.1f} {best[0] / best[1]:6.2f} {apart:11.1e}"


def main() -> None:
    """Print the table."""
    print(f"{'problem':10} {'by':8} {'ours, ms':>9} {'HIPS, ms':>9} {'ratio':>6} {'difference':>11}")
    for name in CASES:
        for method in ("odeint", "RK45", "DOP853", "Radau"):
            print(row(name, method))


if __name__ == "__main__":
    main()

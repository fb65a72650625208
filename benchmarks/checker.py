"""How often do gradient checkers cry wolf, and how often do they sleep?

    python -m benchmarks.checker --seeds 8

27 functions at input scales from 1e-6 to 1e6, their gradients right, and then broken in seven ways. Each checker is
asked about every one: an alarm on a right gradient is false, silence about a broken one is a miss. The rules of
PyTorch, JAX and HIPS autograd are re-implemented here in a few plain lines each (step, tolerance and directions are
theirs), so that all look at the same numbers; no peer is needed. The corpus is synthetic: it compares rules, not
libraries.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag
from autograd_lite.testing import check_grads

Array = np.ndarray
SCALES = (1e-6, 1e-3, 1e-1, 1.0, 1e1, 1e3, 1e6)


class Problem(NamedTuple):
    """A function at a point, a cotangent, and the right gradient."""

    name: str
    f: Callable[[Array], Any]
    x: Array
    c: Array
    gradient: Array


# ---- the corpus -----------------------------------------------------------------------------------------------------


def _batch_norm(x: Any) -> Any:
    rows = x.reshape(4, 3)
    centred = rows - np.mean(rows, axis=0)
    return centred / np.sqrt(np.mean(centred**2, axis=0) + 1e-5)


def _softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


_W = np.random.default_rng(7).normal(size=(12, 5))
_Y = np.random.default_rng(8).normal(size=12)
# Name: function of 12 numbers, whether they must be positive, and the largest scale at which it is finite.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], bool, float]] = {
    "sin": (np.sin, False, 1e6),
    "exp": (np.exp, False, 1e1),
    "log": (np.log, True, 1e6),
    "sqrt": (np.sqrt, True, 1e6),
    "recip": (lambda x: 1 / x, True, 1e6),
    "tanh": (np.tanh, False, 1e1),
    "square": (lambda x: x**2, False, 1e6),
    "tiny square": (lambda x: 1e-6 * x**2, False, 1e6),
    "cube": (lambda x: x**3, False, 1e6),
    "power 1.5": (lambda x: x**1.5, True, 1e6),
    "abs": (np.abs, False, 1e6),
    "relu": (lambda x: np.maximum(x, 0.0), False, 1e6),
    "norm": (lambda x: np.sqrt(np.sum(x * x)), False, 1e6),
    "sum": (lambda x: np.sum(x), False, 1e6),
    "mean square": (lambda x: np.mean((x - _Y) ** 2), False, 1e6),
    "var": (lambda x: np.mean((x - np.mean(x)) ** 2), False, 1e6),
    "batch norm": (_batch_norm, False, 1e6),
    "softmax": (_softmax, False, 1e1),
    "logsumexp": (lambda x: np.log(np.sum(np.exp(x))), False, 1e1),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), False, 1e1),
    "matmul": (lambda x: x @ _W, False, 1e6),
    "mlp": (lambda x: np.tanh(x @ _W).sum(), False, 1e0),
    "mul": (lambda x: x[:6] * x[6:], False, 1e6),
    "div": (lambda x: x[:6] / x[6:], True, 1e6),
    "max": (lambda x: np.max(x.reshape(4, 3), axis=1), False, 1e6),
    "arctan": (np.arctan, False, 1e3),
    "logaddexp": (lambda x: np.logaddexp(x[:6], x[6:]), False, 1e1),
}


def corpus(seeds: range) -> Iterator[Problem]:
    """Yield every function at every scale that it is finite at, once for each seed."""
    for n, (name, (f, positive, most)) in enumerate(FUNCTIONS.items()):
        for scale in SCALES:
            if scale > most:
                continue
            for seed in seeds:
                rng = np.random.default_rng([n, int(scale * 1e6), seed])
                x = rng.normal(size=12) * scale
                x = np.abs(x) + 1e-2 * scale if positive else x
                c = rng.uniform(0.5, 1.5, np.shape(f(x))) * rng.choice([-1.0, 1.0], np.shape(f(x)))
                gradient = ag.grad(lambda x, f=f, c=c: np.sum(c * f(x)))(x)
                yield Problem(f"{name} at {scale:g}", f, x, c, gradient)


def _one(change: float) -> Callable[[Array, np.random.Generator], Array | None]:
    def bug(g: Array, rng: np.random.Generator) -> Array | None:
        large = np.flatnonzero(np.abs(g) > 1e-2 * np.max(np.abs(g)))
        if not large.size:
            return None
        g = g.copy()
        g[rng.choice(large)] *= change
        return g

    return bug


def _all(change: float) -> Callable[[Array, np.random.Generator], Array | None]:
    return lambda g, rng: g * change if np.any(g) else None


# Each takes a right gradient and breaks it; None where there is nothing to break.
BUGS: dict[str, Callable[[Array, np.random.Generator], Array | None]] = {
    "1 elem x1.01": _one(1.01),
    "1 elem x(1+1e-4)": _one(1 + 1e-4),
    "1 elem zeroed": _one(0.0),
    "1 sign flipped": _one(-1.0),
    "all zero": _all(0.0),
    "x2": _all(2.0),
    "x(1+1e-5)": _all(1 + 1e-5),
}


# ---- the checkers: does the gradient pass? --------------------------------------------------------------------------


def _phi(p: Problem, x: Array) -> float:
    with np.errstate(all="ignore"):
        return float(np.sum(p.c * p.f(x)))


def torch_rule(p: Problem, gradient: Array) -> bool:
    """Central differences with eps=1e-6 for each element; allclose with rtol=1e-3, atol=1e-5."""
    eps, numeric = 1e-6, np.zeros_like(p.x)
    for k in range(p.x.size):
        step = np.zeros_like(p.x)
        step[k] = eps
        numeric[k] = (_phi(p, p.x + step) - _phi(p, p.x - step)) / (2 * eps)
    return bool(np.allclose(gradient, numeric, rtol=1e-3, atol=1e-5))


def jax_rule(p: Problem, gradient: Array) -> bool:
    """One random direction, always the same; central differences with eps=1e-4; rtol = atol = 1e-5."""
    u = np.random.RandomState(0).randn(*p.x.shape)
    numeric = (_phi(p, p.x + 0.5e-4 * u) - _phi(p, p.x - 0.5e-4 * u)) / 1e-4
    return bool(np.allclose(np.dot(gradient, u), numeric, rtol=1e-5, atol=1e-5))


def hips_rule(p: Problem, gradient: Array) -> bool:
    """One random direction; central differences with eps=1e-6; absolute or relative difference under 1e-6."""
    u = np.random.default_rng(p.x.view(np.uint64)).normal(size=p.x.shape)
    u /= np.sqrt(np.sum(u**2))
    numeric = (_phi(p, p.x + 0.5e-6 * u) - _phi(p, p.x - 0.5e-6 * u)) / 1e-6
    apart = abs(float(np.dot(gradient, u)) - numeric)
    size = abs(float(np.dot(gradient, u))) + abs(numeric)
    return bool(apart < 1e-6 or apart / size < 1e-6)


def our_rule(p: Problem, gradient: Array) -> bool:
    """`autograd_lite.testing`: steps that fit, Richardson, error bars, no absolute tolerance."""
    return check_grads(p.f, p.x, gradients=[gradient], cotangent=p.c, raise_=False).ok


CHECKERS: dict[str, Callable[[Problem, Array], bool]] = {
    "torch rule": torch_rule,
    "JAX rule": jax_rule,
    "HIPS rule": hips_rule,
    "autograd_lite": our_rule,
}


class Score(NamedTuple):
    """What one checker did on the corpus."""

    false_alarms: list[str]
    points: int
    missed: dict[str, list[str]]
    bugs: dict[str, int]
    seconds: float


def score(checker: Callable[[Problem, Array], bool], problems: list[Problem]) -> Score:
    """Ask a checker about every problem with its right gradient and with each bug."""
    start = time.perf_counter()
    alarms = [p.name for p in problems if not checker(p, p.gradient)]
    seconds = time.perf_counter() - start
    missed: dict[str, list[str]] = {bug: [] for bug in BUGS}
    bugs = dict.fromkeys(BUGS, 0)
    for n, p in enumerate(problems):
        for name, bug in BUGS.items():
            broken = bug(p.gradient, np.random.default_rng([n, len(name)]))
            if broken is not None and not np.array_equal(broken, p.gradient):
                bugs[name] += 1
                if checker(p, broken):
                    missed[name].append(p.name)
    return Score(alarms, len(problems), missed, bugs, seconds)


def main() -> None:
    """Print a table of false alarms and misses."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=8, help="how many points for each function and scale")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--names", action="store_true", help="list what was got wrong")
    options = parser.parse_args()
    problems = list(corpus(range(options.first, options.first + options.seeds)))
    print(f"{len(problems)} points, {len(FUNCTIONS)} functions")
    print(f"{'':15}{'false alarms':>15}" + "".join(f"{bug:>18}" for bug in BUGS) + f"{'ms/point':>10}")
    for name, checker in CHECKERS.items():
        s = score(checker, problems)
        alarms = f"{len(s.false_alarms)} ({100 * len(s.false_alarms) / s.points:.1f} %)"
        missed = "".join(f"{f'{len(s.missed[bug])} of {s.bugs[bug]}':>18}" for bug in BUGS)
        print(f"{name:15}{alarms:>15}{missed}{1e3 * s.seconds / s.points:>10.2f}")
        if options.names:
            print("    false alarms:", sorted(set(s.false_alarms)))
            for bug in BUGS:
                print(f"    missed {bug}:", sorted(set(s.missed[bug])))


if __name__ == "__main__":
    main()

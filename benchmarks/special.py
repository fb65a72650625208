"""How long special functions take with their gradients by all arguments, in units of SciPy's values.

`python -m benchmarks.special` prints a table for 1,000 elements: the least of many interleaved runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

import autograd_lite as ag

ELEMENTS, RUNS = 1000, 60


def problems() -> dict[str, tuple[Any, ...]]:
    """Return the arguments of each function."""
    rng = np.random.default_rng(0)
    a, b, x = rng.uniform(0.1, 20, (3, ELEMENTS))
    share = rng.uniform(0.01, 0.99, ELEMENTS)
    return {
        "gammainc": (a, rng.gamma(a)),
        "gammaincinv": (a, share),
        "betainc": (a, b, rng.beta(a, b)),
        "betaincinv": (a, b, share),
        "fdtr": (a, b, rng.f(a, b)),
        "stdtr": (a, rng.normal(size=ELEMENTS)),
        "jv": (a, x),
        "yv": (a, x),
        "iv": (a, x),
        "kv": (a, x),
    }


def gradient(name: str) -> Callable[..., Any]:
    """Return the function that computes the gradients of the sum by all arguments."""
    f = getattr(special, name)
    count = len(problems()[name])
    return ag.grad(lambda *xs: f(*xs).sum(), argnums=tuple(range(count)))


def least(functions: list[Callable[[], Any]], runs: int = RUNS) -> list[float]:
    """Return the least time of each function in seconds, taking turns."""
    best = [np.inf] * len(functions)
    for _ in range(runs):
        for i, f in enumerate(functions):
            start = time.perf_counter()
            f()
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def main() -> None:
    """Print the table."""
    print(f"{'function':12} {'SciPy µs':>9} {'gradient µs':>12} {'ratio':>6}")
    for name, xs in problems().items():
        f, g = getattr(special, name), gradient(name)
        value, slope = least([lambda f=f, xs=xs: f(*xs), lambda g=g, xs=xs: g(*xs)])
        print(f"{name:12} {value * 1e6:9.0f} {slope * 1e6:12.0f} {slope / value:6.1f}")


if __name__ == "__main__":
    main()

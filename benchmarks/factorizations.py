"""How long gradients through factorizations of matrices take, in units of NumPy's factorization, and their memory.

`python -m benchmarks.factorizations` prints a table: the least of many interleaved runs, and the most memory at a time
in units of the matrices.
"""

from __future__ import annotations

import functools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag

from .special import least

SHAPES = {"50 × 50": (50, 50), "100 of 8 × 8": (100, 8, 8)}


def weighed(parts: Any) -> Any:
    """Return a sum of all parts in which each element has a weight of its own."""
    return sum((a * np.linspace(1, 2, a.size).reshape(a.shape)).sum() for a in parts)


FACTORIZATIONS: dict[str, Callable[[Any], Any]] = {
    "qr": np.linalg.qr,
    "svd": lambda x: np.linalg.svd(x, full_matrices=False),
    "svd, values": lambda x: np.linalg.svd(x, full_matrices=False)[1:2],
    "eigh": np.linalg.eigh,
    "eigh, values": lambda x: np.linalg.eigh(x)[:1],
    "eig, values": lambda x: [np.abs(w) for w in np.linalg.eig(x)[:1]],
    "slogdet": lambda x: np.linalg.slogdet(x)[1:],
}


def matrices(shape: tuple[int, ...]) -> np.ndarray:
    """Return symmetric matrices whose eigenvalues and singular values lie apart."""
    a = np.random.default_rng(0).normal(size=shape)
    return a @ a.mT + np.diag(np.arange(1.0, 1 + shape[-1]))


def gradient(name: str) -> Callable[[Any], Any]:
    """Return the function that computes the gradient through a factorization."""
    f = FACTORIZATIONS[name]
    return ag.grad(lambda x: weighed(f(x)))


def peak(f: Callable[[Any], Any], x: np.ndarray) -> float:
    """Return the most memory that a call takes at a time, in units of its argument."""
    f(x)
    tracemalloc.start()
    f(x)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / x.nbytes


def main() -> None:
    """Print the table."""
    print(f"{'gradient through':16} {'of':14} {'eager':>6} {'compiled':>9} {'memory':>7} {'compiled':>9}")
    for shape_name, shape in SHAPES.items():
        x = matrices(shape)
        for name, f in FACTORIZATIONS.items():
            g = gradient(name)
            compiled = ag.compile(g)
            for _ in range(3):
                compiled(x)
            value, eager, replayed = least([functools.partial(way, x) for way in (f, g, compiled)])
            memory = peak(g, x), peak(compiled, x)
            times = f"{eager / value:6.2f} {replayed / value:9.2f}"
            print(f"{name:16} {shape_name:14} {times} {memory[0]:7.1f} {memory[1]:9.1f}")


if __name__ == "__main__":
    main()

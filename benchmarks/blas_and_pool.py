"""A product of matrices and an elementwise function in turns, on both pools of threads or on ours alone.

    python -m benchmarks.blas_and_pool

`NumPy's` has the product in np.matmul, with the threads of its BLAS, and then exp in ours; `ours` has both in ours;
`one thread` has neither. Each runs in a process of its own; the figures are
microseconds, the least of the medians of many short rounds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.native import threaded_functions as fast

WAYS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "one thread": (np.matmul, fast.exp),
    "NumPy's": (np.matmul, fast.exp),
    "ours": (fast.matmul, fast.exp),
}
SHAPES = ((128, 784, 512), (784, 128, 512), (128, 512, 10), (1024, 128, 128), (512, 512, 512))
ELEMENTS = 262144
ROUNDS, TURNS = 40, 10


def measured(way: str, m: int, k: int, n: int) -> tuple[float, float]:
    """Return the microseconds of a product (m, k) @ (k, n) and of the function after it."""
    product, function = WAYS[way]
    random = np.random.default_rng(0)
    a, b = random.random((m, k), np.float32), random.random((k, n), np.float32)
    x, c = random.random(ELEMENTS, np.float32), np.empty((m, n), np.float32)
    out = np.empty_like(x)
    best = float("inf"), 0.0, 0.0
    for _ in range(ROUNDS):
        times = []
        for _ in range(TURNS):
            start = time.perf_counter()
            product(a, b, out=c)
            middle = time.perf_counter()
            function(x, out=out)
            times.append((middle - start, time.perf_counter() - middle))
        first, second = (median(column) * 1e6 for column in zip(*times, strict=True))
        best = min(best, (first + second, first, second))
    return best[1:]


def main(arguments: list[str]) -> None:
    """Print one way's figures, or start a process for each way."""
    if arguments:
        for shape in SHAPES:
            first, second = measured(arguments[0], *shape)
            print(f"{arguments[0]:10} {shape!s:16} product {first:7.1f}   exp {second:5.1f}")
        return
    print(f"{ag.get_threads()} threads, {ELEMENTS} elements of float32")
    for way in WAYS:
        names = ("OPENBLAS_NUM_THREADS", "AUTOGRAD_LITE_NUM_THREADS") if way == "one thread" else ()
        threads = dict.fromkeys(names, "1")
        subprocess.run([sys.executable, "-m", "benchmarks.blas_and_pool", way], env=os.environ | threads, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])

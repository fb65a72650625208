"""A program for `valgrind --tool=callgrind`: the instructions of kernels and of replays.

Its argument is a library with two functions, of which the first begins to count, and the second ends it and writes the
count under a name.
"""

from __future__ import annotations

import ctypes
import gc
import math
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.native.kernels import KERNELS

from .programs import PROGRAMS

# Ten kernels: a dtype, and the shapes of the arguments.
KERNEL_CALLS: dict[str, tuple[str, tuple[tuple[int, ...], ...]]] = {
    "exp": ("d", ((4096,),)),
    "tanh": ("d", ((4096,),)),
    "sin": ("d", ((4096,),)),
    "sigmoid": ("f", ((4096,),)),
    "gelu_pullback": ("f", ((4096,), (4096,))),
    "softmax": ("f", ((64, 64),)),
    "logsumexp": ("d", ((64, 64),)),
    "sum_of_rows": ("f", ((64, 64),)),
    "lstm_cell": ("f", ((4, 1024), (4, 1024), (4, 1024), (1024,))),
    "running_mean_square": ("f", ((4096,), (4096,), ())),
}
_RUNS = 4
REPLAYS = ("dense", "convolutional", "predators")


def calls() -> dict[str, Callable[[], Any]]:
    """Return what is counted, by name."""
    found: dict[str, Callable[[], Any]] = {}
    for name, (dtype, shapes) in KERNEL_CALLS.items():
        arrays = [np.linspace(0.1, 0.9, math.prod(shape)).reshape(shape).astype(dtype) for shape in shapes]
        found[name] = partial(KERNELS[name], *arrays)
    for name in REPLAYS:
        f, arguments = PROGRAMS[name]()
        compiled = ag.compile(f)
        for _ in range(4):
            compiled(*arguments)
        found[f"{name}, replay"] = partial(compiled, *arguments)
    return found


def main(path: str) -> None:
    """Run everything a few times while instructions are counted; the fewest are those of the thing itself."""
    library = ctypes.CDLL(path)
    for name, call in calls().items():
        call()
        gc.collect()
        gc.disable()
        for _ in range(_RUNS):
            library.begin()
            call()
            library.end(name.encode())
        gc.enable()


if __name__ == "__main__":
    main(sys.argv[1])

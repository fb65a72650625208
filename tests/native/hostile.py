"""Calls that kernels must survive, in a process of their own: `python -m tests.native.hostile CALLS SEED`.

Every kernel of every set of instructions gets operands that are empty along each axis in turn; those over windows also
layouts of random numbers, small and large, that fit the shapes or not. A result or a ValueError is right. Prints each
call before it is made, and at the end how many there were; with a number of calls as the first argument,
that many random ones, for each set.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np

from autograd_lite.native.kernels import SETS, extension
from autograd_lite.ops import pooling, windowed

NUMBERS = (-(2**63), -(2**40), -1, 0, 0, 1, 1, 1, 2, 2, 3, 4, 7, 1000, 2**31, 2**40, 2**58, 2**62, 2**63 - 1)
SIZES = {"n": 2, "c": 3, "f": 4} | dict.fromkeys("dhw", 5) | dict.fromkeys("opq", 4) | dict.fromkeys("ijk", 2)
LENGTHS: Mapping[str, tuple[str, str, str]] = {  # of images, of windows, and of taps, by the number of axes
    "1": ("w", "q", "k"),
    "2": ("hw", "pq", "jk"),
    "3": ("dhw", "opq", "ijk"),
}


def operands(ufunc: np.ufunc, types: str, sizes: Mapping[str, int], loop: tuple[int, ...]) -> list[Any]:
    """Return arrays for a kernel whose dimensions have these sizes; the layout is left out."""
    found = []
    cores = re.findall(r"\(([^)]*)\)", (ufunc.signature or "").partition("->")[0]) or [""] * ufunc.nin
    for core, char in zip(cores, types, strict=False):
        shape = loop + tuple(sizes.get(name, 3) if name.isalpha() else int(name) for name in core.split(",") if name)
        found.append(np.ones(shape, char))
    return found


def name_of_dimensions(ufunc: np.ufunc) -> list[str]:
    """Return the names of a kernel's core dimensions, in the order in which they come."""
    return [name for name in dict.fromkeys(re.findall(r"[a-z]", ufunc.signature or "")) if name != "m"]


def fitting(size: int, window: int | None, random: Random) -> tuple[int, list[int]]:
    """Return how many windows there are along an axis, and the fields of a layout for them."""
    while True:
        first, stride, before, behind = (min(abs(random.choice(NUMBERS)) + k, 2**63 - 1) for k in (1, 1, 0, 0))
        if random.random() < 0.7:
            first, stride, before, behind = (1 + first % 3, 1 + stride % 3, before % 3, behind % 3)
        length, dilation = (first, 1) if window is None else (window, first)
        count = windowed.windows_along(size, length, stride, (before, behind), dilation)
        if 0 <= count < 20:
            return count, [first, stride, before, behind]


def fits(name: str, sizes: Mapping[str, int], layout: Sequence[int]) -> bool:
    """Return whether a layout says of each axis how many windows there are."""
    rank = int(name[-1])
    if len(layout) != 4 * rank:
        return False
    for k, (image, count, tap) in enumerate(zip(*LENGTHS[name[-1]], strict=True)):
        first, stride, before, behind = layout[k::rank]
        if min(first, stride) < 1 or min(before, behind) < 0:
            return False
        length, dilation = (first, 1) if "window" in name else (sizes[tap], first)
        if windowed.windows_along(sizes[image], length, stride, (before, behind), dilation) != sizes[count]:
            return False
    return True


def calls_of_windows(name: str, ufunc: np.ufunc, sizes: dict[str, int], random: Random) -> Iterator[list[Any]]:
    """Yield operands of a kernel over windows: one call whose layout fits, then one that is random."""
    images, counts, taps = LENGTHS[name[-1]]
    sizes = dict(sizes)
    fields = []
    for image, count, tap in zip(images, counts, taps, strict=True):
        sizes[count], field = fitting(sizes[image], None if "window" in name else sizes[tap], random)
        fields.append(field)
    loop = random.choice([()] * 3 + [(0,), (3,), (2, 0)])
    there = operands(ufunc, ufunc.types[random.randrange(2)].partition("->")[0], sizes, loop)[:-1]
    right = [number for field in zip(*fields, strict=True) for number in field]
    wrong = list(right)
    wrong[random.randrange(len(wrong))] = random.choice(NUMBERS)
    length = random.choice([0, 1, 3, 4, 6, 8, 9, 12, 13])
    layouts = right, wrong, [random.choice(NUMBERS) for _ in range(length)]
    for layout in layouts:
        known = fits(name, sizes, layout) or (0 in loop)  # nothing is looked at where there is no call
        yield [*there, np.array(layout, np.intp), known]


def called(kernels: str, name: str, ufunc: np.ufunc, given: Sequence[Any], known: bool = True) -> None:
    """Call a kernel, and see that it takes what it can take, and nothing else."""
    shapes = [a.tolist() if a.dtype == np.intp else (a.dtype.char, a.shape) for a in given]
    print(kernels, name, *shapes, flush=True)
    said = ""
    try:
        with np.errstate(all="ignore"):
            ufunc(*given)
    except MemoryError:
        said = "no memory"
    except ValueError as error:
        said = str(error)
    if known:
        assert said in ("", "no memory") or max(given[-1], default=0) > 2**58, said
    else:
        assert said.startswith("kernel over windows: expected a layout"), said


def empty(kernels: str, random: Random) -> int:
    """Call every kernel with operands that are empty along one axis, or one axis and a loop over several calls."""
    n = 0
    for name, ufunc in extension.ufuncs(kernels).items():
        names = name_of_dimensions(ufunc)
        for zero, types in itertools.product([*names, ""], ufunc.types):
            sizes = {**SIZES, **({zero: 0} if zero else {})}
            if "(m)" in (ufunc.signature or ""):
                for *given, known in calls_of_windows(name, ufunc, sizes, random):
                    called(kernels, name, ufunc, given, known)
                    n += 1
                continue
            for loop in ((0,), (2, 0)) if not zero else ((), (3,)):
                called(kernels, name, ufunc, operands(ufunc, types.partition("->")[0], sizes, loop))
                n += 1
    return n


def hostile(kernels: str, random: Random, calls: int) -> int:
    """Call the kernels over windows with random sizes and layouts."""
    over = [(name, ufunc) for name, ufunc in extension.ufuncs(kernels).items() if "(m)" in (ufunc.signature or "")]
    n = 0
    for long, step in ((10**12, 2**39), (2**41, 2**40)):  # windows far longer than images, and gaps between them
        before, behind = long - 2, long + step - 1000
        count = windowed.windows_along(5, long, step, (before, behind))
        given = [np.ones((1, 5, 3)), np.zeros(count, "b"), np.array([long, step, before, behind])]
        called(kernels, "window_max_1", extension.ufuncs(kernels)["window_max_1"], given)
    while n < calls:
        name, ufunc = random.choice(over)
        sizes = {letter: random.choice((0, 1, 1, 2, 5)) for letter in SIZES}
        for *given, known in calls_of_windows(name, ufunc, sizes, random):
            called(kernels, name, ufunc, given, known)
            n += 1
    return n


def compared(kernels: str) -> int:
    """Compare the ops over windows with NumPy's form, one axis empty."""
    n, found = 0, extension.ufuncs(kernels)
    for rank, stride, (before, behind), dilation in itertools.product((1, 2, 3), (1, 2), ((0, 0), (1, 0)), (1, 2)):
        for zero in range(2 * rank + 3):
            lengths = [2, *[5] * rank, 3, *[2] * rank, 4]
            lengths[zero] = 0
            size, kernel = tuple(lengths[1 : 1 + rank]), tuple(lengths[2 + rank : -1])
            for forward, arrays, params in works(lengths, size, kernel, stride, (before, behind), dilation):
                print(kernels, forward.__name__, [a.shape for a in arrays], params, flush=True)
                windowed.KERNELS = found
                ours = forward(*arrays, **params)
                windowed.KERNELS = {}
                np.testing.assert_array_equal(ours, forward(*arrays, **params), strict=True)
                n += 1
    return n


def works(
    lengths: list[int],
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: int,
    padding: tuple[int, int],
    dilation: int,
) -> Iterator[tuple[Any, list[Any], dict[str, Any]]]:
    """Yield forward functions with the arrays and the parameters that they take."""
    rank, batch, channels, filters = len(size), lengths[0], lengths[1 + len(size)], lengths[-1]
    options: dict[str, Any] = {"stride": (stride,) * rank, "padding": (padding,) * rank}

    def counts(window: tuple[int, ...], dilation: int) -> tuple[int, ...]:
        lengths = zip(size, window, strict=True)
        return tuple(windowed.windows_along(n, k, stride, padding, dilation) for n, k in lengths)

    x, w = np.ones((batch, *size, channels)), np.ones((*kernel, channels, filters))
    if min(count := counts(kernel, dilation)) >= 0:
        y = np.ones((batch, *count, filters))
        more = {**options, "dilation": (dilation,) * rank, "groups": 1}
        yield windowed._convolution, [x, w], more
        yield windowed._convolution_input, [y, w], {**more, "size": size}
        yield windowed._convolution_kernel, [x, y], {**more, "kernel": kernel}
    window = (2,) * rank
    if dilation == 1 and math.prod(kernel) and filters and min(count := counts(window, 1)) >= 0:
        z, more = np.ones((batch, *count, channels)), {**options, "window": window}
        yield pooling._window_max, [x], more
        yield pooling._window_sum, [x], more
        for dtype in (np.uint8, np.intp):
            yield pooling._window_take, [x, z.astype(dtype)], more
            yield pooling._window_put, [z, z.astype(dtype)], {**more, "size": size}
        yield pooling._window_spread, [z], {**more, "size": size}


def main(calls: int, seed: int) -> None:
    """Make all calls, for every set of instructions."""
    made = 0
    for each in SETS:
        made += empty(each, Random(seed)) + compared(each) + hostile(each, Random(seed), calls)
    print(made, "calls")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

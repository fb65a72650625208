"""Convolution and pooling, as functions: checked arguments in, recorded ops out. Channels are the last axis.

Common arguments: x of shape `(N, *S, C)` with one or more spatial axes S; `stride`, `padding` and `dilation` are one
value for all spatial axes or one for each. `padding` is "valid" (none), "same" (as many windows as there are strides in
S, with an odd element of padding at the end), an integer, or a pair (before, after) for each axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.duck_arrays import as_array
from ..core.errors import ShapeError
from ..core.messages import checked
from ..core.shape_arithmetic import Shape
from ..ops import pooling, windowed
from ..ops.windowed import Padding, windows_along
from ..tensors.tensor import Tensor

Lengths = int | Sequence[int]
PaddingArgument = str | int | Sequence[int] | Sequence[tuple[int, int]]


def _array(x: Any) -> Any:
    return x if isinstance(x, (Tensor, np.ndarray)) else as_array(x)


def _lengths(caller: str, name: str, value: Any, rank: int) -> Shape:
    """Return one positive integer for each spatial axis."""
    values = (value,) * rank if isinstance(value, (int, np.integer)) else tuple(value)
    if len(values) != rank or not all(isinstance(n, (int, np.integer)) and n > 0 for n in values):
        raise ShapeError(
            f"{caller}: expected {name} to be a positive integer, or {rank} of them, one for each spatial axis; "
            f"received {name}={value!r}"
        )
    return tuple(int(n) for n in values)


def _pairs(caller: str, padding: Any, size: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> Padding:
    """Return the padding before and after each spatial axis."""
    rank = len(size)
    if isinstance(padding, str):
        if padding.lower() == "valid":
            return ((0, 0),) * rank
        if padding.lower() == "same":
            lengths = zip(size, kernel, stride, dilation, strict=True)
            total = [max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n) for n, k, s, d in lengths]
            return tuple((t // 2, t - t // 2) for t in total)
    else:
        values = (padding,) * rank if isinstance(padding, (int, np.integer)) else tuple(padding)
        pairs = tuple((p, p) if isinstance(p, (int, np.integer)) else tuple(p) for p in values)
        if len(pairs) == rank and all(len(p) == 2 and min(p) >= 0 for p in pairs):
            return tuple((int(a), int(b)) for a, b in pairs)
    raise ShapeError(
        f"{caller}: expected padding to be 'valid', 'same', an integer, or {rank} pairs (before, after) of "
        f"non-negative integers; received padding={padding!r}"
    )


def _rank(caller: str, x: Any) -> int:
    if x.ndim < 3:
        raise ShapeError(
            f"{caller}: expected x of shape (N, *S, C) with one or more spatial axes S; received shape {x.shape}. One "
            "sample is a batch of one: x[None]; one channel is x[..., None]"
        )
    return int(x.ndim) - 2


def _check_fit(caller: str, size: Shape, window: Shape, stride: Shape, padding: Padding, dilation: Shape) -> None:
    if min(windows_along(*n) for n in zip(size, window, stride, padding, dilation, strict=True)) < 1:
        raise ShapeError(
            f"{caller}: expected spatial axes that hold a window of {window}, dilation {dilation}; received {size} "
            f"with padding {padding}. Use a smaller window, or padding='same'"
        )


def _check_kernel(caller: str, x: Any, w: Any, rank: int, groups: Any, place: int) -> None:
    """Check the rank of the kernel, and the channels of x against the kernel's axis `place`."""
    if w.ndim != rank + 2:
        raise ShapeError(
            f"{caller}: expected w to have {rank + 2} axes, the {rank} of the kernel and two of channels, since x has "
            f"shape {x.shape}; received shape {w.shape}"
        )
    if not isinstance(groups, (int, np.integer)) or groups < 1 or w.shape[-1] % groups:
        raise ShapeError(
            f"{caller}: expected groups to be a positive integer that divides w's {w.shape[-1]} channels; received "
            f"groups={groups!r}"
        )
    expected = w.shape[-2] * groups if place == -2 else w.shape[-1]
    if x.shape[-1] != expected:
        raise ShapeError(
            f"{caller}: expected x with {expected} channels, since w has shape {w.shape} and groups={groups}; received "
            f"shape {x.shape}"
        )


@checked
def convolution(
    x: Any,
    w: Any,
    stride: Lengths = 1,
    padding: PaddingArgument = "valid",
    dilation: Lengths = 1,
    groups: int = 1,
) -> Any:
    """Correlate windows of x with a kernel, as neural networks do: the kernel is not flipped.

    out[n, o, f] = sum over k, c of x[n, o s + k d - p, c] w[k, c, f], with stride s, dilation d and p zeros in front;
    c runs over the C/G channels of f's group.

    Args:
        x: float, shape `(N, *S, C)`.
        w: float, shape `(*K, C/G, F)`.
        stride: the distance between windows along each spatial axis.
        padding: "valid" for windows that lie inside, "same" for ceil(S / stride) of them, an integer for that much
            at both ends, or a pair (before, after) for each axis.
        dilation: the distance between the taps of a window.
        groups: G, the number of groups of channels in and out; with G = C, each channel has its own kernels.

    Returns:
        Shape `(N, *O, F)`, O = (S + p - d (K - 1) - 1) // s + 1.

    Raises:
        ShapeError: if shapes or arguments do not fit together.

    Example:
        >>> x = np.arange(4.0).reshape(1, 4, 1)
        >>> convolution(x, np.array([1.0, 10.0]).reshape(2, 1, 1)).reshape(-1).tolist()
        [10.0, 21.0, 32.0]

    References:
        Dumoulin, Visin: A guide to convolution arithmetic for deep learning, 2016, relationship 15.
    """
    x, w = _array(x), _array(w)
    rank = _rank("convolution", x)
    _check_kernel("convolution", x, w, rank, groups, -2)
    stride, dilation = (
        _lengths("convolution", name, v, rank) for name, v in (("stride", stride), ("dilation", dilation))
    )
    size, kernel = x.shape[1:-1], w.shape[:-2]
    pairs = _pairs("convolution", padding, size, kernel, stride, dilation)
    _check_fit("convolution", size, kernel, stride, pairs, dilation)
    if any(map(_has_idle_taps, size, kernel, stride, pairs, dilation)):
        axes = [_used_taps(*lengths) for lengths in zip(size, kernel, stride, pairs, dilation, strict=True)]
        inside, taps, pairs = zip(*axes, strict=True)
        x, w = x[(slice(None), *inside)], w[taps]
    return windowed.convolution(x, w, stride=stride, padding=pairs, dilation=dilation, groups=int(groups))


@checked
def transposed_convolution(
    x: Any,
    w: Any,
    stride: Lengths = 1,
    padding: PaddingArgument = "valid",
    dilation: Lengths = 1,
    groups: int = 1,
    size: Lengths | None = None,
) -> Any:
    """Spread x over windows of a larger array: the transpose, as a linear map of x, of `convolution` with this w.

    out[n, o s + k d - p, c] sums x[n, o, f] w[k, c, f] over all o, k and f.

    Args:
        x: float, shape `(N, *O, F)`.
        w: float, shape `(*K, C/G, F)`.
        stride: the distance between windows.
        padding: the padding of `convolution`, which is cut off here. "same" gives sizes O s.
        dilation: the distance between the taps of a window.
        groups: G, as in `convolution`.
        size: the spatial shape of the result; by default the smallest, (O - 1) s + d (K - 1) + 1 - p.

    Returns:
        Shape `(N, *S, C)`.

    Raises:
        ShapeError: if shapes or arguments do not fit together.

    Example:
        >>> x = np.array([1.0, 2.0]).reshape(1, 2, 1)
        >>> transposed_convolution(x, np.array([1.0, 10.0]).reshape(2, 1, 1), stride=2).reshape(-1).tolist()
        [1.0, 10.0, 2.0, 20.0]

    References:
        Dumoulin, Visin: A guide to convolution arithmetic for deep learning, 2016, chapter 4.
    """
    caller = "transposed_convolution"
    x, w = _array(x), _array(w)
    rank = _rank(caller, x)
    _check_kernel(caller, x, w, rank, groups, -1)
    stride, dilation = _lengths(caller, "stride", stride, rank), _lengths(caller, "dilation", dilation, rank)
    kernel, count = w.shape[:-2], x.shape[1:-1]
    same = isinstance(padding, str) and padding.lower() == "same"
    if size is None and same:
        size = tuple(n * s for n, s in zip(count, stride, strict=True))
    whole = tuple((n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(count, stride, dilation, kernel, strict=True))
    full = whole if size is None else _lengths(caller, "size", size, rank)
    pairs = _pairs(caller, padding, full, kernel, stride, dilation)
    if size is None:
        full = tuple(n - sum(p) for n, p in zip(whole, pairs, strict=True))
    fits = tuple(windows_along(*n) for n in zip(full, kernel, stride, pairs, dilation, strict=True)) == count
    if not fits or min(full) < 1:
        raise ShapeError(
            f"{caller}: expected a size that `convolution` maps to {count} windows; received size {full} with kernel "
            f"{kernel}, stride {stride}, padding {pairs} and dilation {dilation}. Leave size out for the smallest"
        )
    options: dict[str, Any] = {"stride": stride, "padding": pairs, "dilation": dilation, "groups": int(groups)}
    if not any(map(_has_idle_taps, full, kernel, stride, pairs, dilation)):
        return windowed.convolution_input(x, w, size=full, **options)
    axes = [_used_taps(*lengths) for lengths in zip(full, kernel, stride, pairs, dilation, strict=True)]
    inside, taps, options["padding"] = zip(*axes, strict=True)
    seen = windowed.convolution_input(x, w[taps], size=tuple(part.stop - part.start for part in inside), **options)
    around = [(part.start, n - part.stop) for part, n in zip(inside, full, strict=True)]
    return seen if not any(map(any, around)) else np.pad(seen, [(0, 0), *around, (0, 0)])


def _pooling(caller: str, x: Any, window: Any, stride: Any, padding: Any) -> dict[str, Any]:
    rank = _rank(caller, x)
    window = _lengths(caller, "window", window, rank)
    stride = window if stride is None else _lengths(caller, "stride", stride, rank)
    pairs = _pairs(caller, padding, x.shape[1:-1], window, stride, (1,) * rank)
    _check_fit(caller, x.shape[1:-1], window, stride, pairs, (1,) * rank)
    if any(max(p) >= n for p, n in zip(pairs, window, strict=True)):
        raise ShapeError(f"{caller}: expected less padding than the window {window}; received padding={padding!r}")
    axes = [_trim_window(*lengths) for lengths in zip(x.shape[1:-1], window, stride, pairs, strict=True)]
    return dict(zip(("window", "stride", "padding"), zip(*axes, strict=True), strict=True))


def _trim_window(size: int, window: int, stride: int, padding: tuple[int, int]) -> tuple[int, int, tuple[int, int]]:
    """Return window, stride and padding of an axis without the taps that lie in the padding in all windows.

    They count for nothing, but kernels look at each: a window of 50,000 on an axis of 5 is one of 5.
    """
    before, after = padding
    count = windows_along(size, window, stride, padding)
    first = max(0, before - (count - 1) * stride)  # the first tap that is inside in the last window
    before, last = before - first, min(window, size + before)  # the end of those that are inside in the first window
    after = after if last == window else (count - 1) * stride
    return last - first, min(stride, size + before + after + 1), (before, after)


def _has_idle_taps(size: int, window: int, stride: int, padding: tuple[int, int], dilation: int) -> bool:
    """Return whether the first or the last tap of a window lies in the padding in all windows."""
    before = padding[0]
    count = windows_along(size, window, stride, padding, dilation)
    return count > 0 < size and ((count - 1) * stride < before or (window - 1) * dilation >= size + before)


def _used_taps(
    size: int, window: int, stride: int, padding: tuple[int, int], dilation: int
) -> tuple[slice, slice, tuple[int, int]]:
    """Return the part of an axis that windows see, the taps that see some of it, and the padding for these.

    The others count for nothing, but the padding that they would need may be as long as the dilation.
    """
    before, count = padding[0], windows_along(size, window, stride, padding, dilation)
    reach = (count - 1) * stride
    first = max(0, -((reach - before) // dilation))  # the first one that is not before the axis in the last window
    last = min(window, -((-size - before) // dilation))  # the end of those that are not behind it in the first window
    if first >= last:  # no tap sees anything
        return slice(0, 0), slice(0, 1), (reach + 1, 0)
    start = first * dilation - before
    end = reach + (last - 1) * dilation - before + 1
    return slice(max(0, start), min(size, end)), slice(first, last), (max(0, -start), max(0, end - size))


@checked
def max_pooling(x: Any, window: Lengths, stride: Lengths | None = None, padding: PaddingArgument = "valid") -> Any:
    """Return the largest element of each window, separately for each channel.

    Padding is never the largest. Among ties the gradient goes to the first in C order.

    Args:
        x: shape `(N, *S, C)`.
        window: its length along each spatial axis.
        stride: the distance between windows; by default their length.
        padding: "valid" for windows that lie inside, "same" for ceil(S / stride) of them, an integer for that much
            at both ends, or a pair (before, after) for each axis.

    Returns:
        Shape `(N, *O, C)`.

    Raises:
        ShapeError: if shapes or arguments do not fit together.

    Example:
        >>> max_pooling(np.array([3.0, 1.0, 2.0, 5.0]).reshape(1, 4, 1), 2).reshape(-1).tolist()
        [3.0, 5.0]
    """
    x = _array(x)
    return pooling.window_max(x, **_pooling("max_pooling", x, window, stride, padding))[0]


@checked
def average_pooling(x: Any, window: Lengths, stride: Lengths | None = None, padding: PaddingArgument = "valid") -> Any:
    """Return the mean of each window, separately for each channel; padding does not count.

    Args:
        x: float, shape `(N, *S, C)`.
        window: its length along each spatial axis.
        stride: the distance between windows; by default their length.
        padding: "valid" for windows that lie inside, "same" for ceil(S / stride) of them, an integer for that much
            at both ends, or a pair (before, after) for each axis.

    Returns:
        Shape `(N, *O, C)`.

    Raises:
        ShapeError: if shapes or arguments do not fit together.

    Example:
        >>> average_pooling(np.array([3.0, 1.0, 2.0, 5.0]).reshape(1, 4, 1), 2).reshape(-1).tolist()
        [2.0, 3.5]
    """
    x = _array(x)
    options = _pooling("average_pooling", x, window, stride, padding)
    total = pooling.window_sum(x, **options)
    if not any(map(any, options["padding"])):
        return total * (1 / math.prod(options["window"]))
    ones = np.ones((1, *x.shape[1:-1], 1), x.dtype)
    return total / pooling.window_sum(ones, **options)

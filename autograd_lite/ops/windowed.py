"""Convolution over windows of any number of spatial axes, channels last, in the sense of neural networks.

With x of shape (N, *S, C), w of shape (*K, C/G, F), G groups of channels, strides s, dilations d and padding p,

    convolution(x, w)[n, o, f] = sum over k, c of x[n, o s + k d - p, c] w[k, c, f]        shape (N, *O, F)

which is bilinear. Paired with an array y of the result's shape it is one trilinear form in (x, w, y), whose derivative
by each of the three is an op: `convolution` by y, `convolution_input` by x (the transposed convolution, shape of x) and
`convolution_kernel` by w. So each derivative of each of the three is another of them, and every order has a fast rule.

Native kernels compute them without a matrix of windows. In NumPy's form the first and the last copy windows into a
matrix, a block at a time, and multiply that; the second multiplies y by the kernel's taps, and adds the products at
their positions.

References:
    Chellapilla, Puri, Simard: High Performance Convolutional Neural Networks for Document Processing, 2006, section 3
    (windows as rows of a matrix). Dumoulin, Visin: A guide to convolution arithmetic for deep learning, 2016.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..core.duck_arrays import array_namespace, is_duck_array
from ..core.op import Op, structural
from ..core.shape_arithmetic import Shape, ShapeDtype, require_fit
from ..native import threaded_functions as fast
from ..native.kernels import KERNELS, NATIVE

_BLOCK = 1 << 21  # bytes of the matrix of windows: small compared with the arrays, large enough for efficient products
_FEW_CHANNELS = 8  # with fewer, runs along the last spatial axis are longer than those along channels

Padding = tuple[tuple[int, int], ...]
Place = tuple[slice, ...]


def windows_along(size: int, window: int, stride: int, padding: tuple[int, int], dilation: int = 1) -> int:
    """Return how many windows fit along an axis."""
    return (size + sum(padding) - dilation * (window - 1) - 1) // stride + 1


def reach(tap: int, size: int, count: int, stride: int, before: int) -> tuple[slice, slice]:
    """Return the windows of `count` for which a tap is inside the axis, and its positions: two slices.

    Args:
        tap: the distance of the tap from the start of its window.
        size: length of the axis.
        count: number of windows.
        stride: the distance between windows.
        before: the padding before the first element.
    """
    first = max(0, -((tap - before) // stride))
    last = max(first, min(count, (size - 1 + before - tap) // stride + 1))
    start = first * stride + tap - before
    return slice(first, last), slice(start, start + (last - first - 1) * stride + 1 if last > first else start, stride)


def tap_places(
    size: Shape, counts: Shape, window: Shape, stride: Shape, padding: Padding, dilation: Shape
) -> Iterator[tuple[Place, Place]]:
    """Yield, for each tap in C order, the windows for which it is inside the array, and its positions; see `reach`."""
    for tap in itertools.product(*map(range, window)):
        axes = zip(tap, dilation, size, counts, stride, padding, strict=True)
        windows, elements = zip(*(reach(k * d, n, c, step, p[0]) for k, d, n, c, step, p in axes), strict=True)
        yield windows, elements


def _cost(y: Shape, kernel: Shape) -> float:
    """Count a multiplication and an addition for each output of each window and each element of its kernel.

    Those with padding count as well, as in the counts that other libraries make.
    """
    return 2 * math.prod(y) * math.prod(kernel[:-1])


def kernel_for(name: str, *arrays: Any) -> np.ufunc | None:
    """Return the native kernel for the number of spatial axes of the first array, if it takes arrays of such dtypes."""
    ufunc = KERNELS.get(f"{name}_{arrays[0].ndim - 2}")
    return ufunc if all(x.__class__ in NATIVE and x.dtype.char in "fd" for x in arrays) else None


@functools.cache
def standing_for(lengths: Shape) -> Any:
    """Return an operand without memory, which tells a kernel the lengths of axes that no other operand has."""
    return np.broadcast_to(np.int8(0), lengths)


@functools.cache
def layout(first: Shape, stride: Shape, padding: Padding) -> Any:
    """Return the operand that tells a kernel how windows lie; `first` are the dilations, or in pooling the lengths."""
    return np.array([*first, *stride, *(p[0] for p in padding), *(p[1] for p in padding)], np.intp)


class _Sizes(NamedTuple):
    """The lengths of the three arrays."""

    batch: int
    size: Shape
    counts: Shape
    kernel: Shape
    groups: int
    inputs: int
    outputs: int


def _sizes(x: Shape, w: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int) -> _Sizes:
    """Read the lengths off the shapes of x and w."""
    require_fit(x[-1] == w[-2] * groups, "convolution", x, w)
    axes = zip(x[1:-1], w[:-2], stride, padding, dilation, strict=True)
    count = tuple(windows_along(*lengths) for lengths in axes)
    return _Sizes(x[0], x[1:-1], count, w[:-2], groups, w[-2], w[-1] // groups)


def _pad(x: Any, padding: Padding) -> Any:
    if not any(map(any, padding)):
        return x
    padded = array_namespace(x).zeros(
        (x.shape[0], *(n + sum(p) for n, p in zip(x.shape[1:-1], padding, strict=True)), x.shape[-1]), x.dtype
    )
    padded[(slice(None), *(slice(p[0], p[0] + n) for n, p in zip(x.shape[1:-1], padding, strict=True)))] = x
    return padded


def _windows(x: Any, s: _Sizes, stride: Shape, padding: Padding, dilation: Shape) -> Any:
    """Return a view of the padded x, shape (N, *O, *K, G, C/G)."""
    x = _pad(x, padding)
    x = x.reshape(*x.shape[:-1], s.groups, s.inputs)
    if is_duck_array(x):
        return _windows_by_slices(x, s, stride, dilation)
    spatial = x.strides[1:-2]
    steps = (a * b for a, b in zip(spatial, stride, strict=True))
    taps = (a * b for a, b in zip(spatial, dilation, strict=True))
    shape = (s.batch, *s.counts, *s.kernel, s.groups, s.inputs)
    return as_strided(x, shape, (x.strides[0], *steps, *taps, *x.strides[-2:]), writeable=False)


def _windows_by_slices(x: Any, s: _Sizes, stride: Shape, dilation: Shape) -> Any:
    """As `_windows`, for arrays that NumPy has no view of."""
    taps = []
    for tap in itertools.product(*map(range, s.kernel)):
        axes = zip(tap, dilation, stride, s.counts, strict=True)
        taps.append(x[(slice(None), *(slice(k * d, k * d + (n - 1) * step + 1, step) for k, d, step, n in axes))])
    rank = len(s.size)
    stacked = np.stack(taps, axis=1 + rank)
    return stacked.reshape(*stacked.shape[: 1 + rank], *s.kernel, *stacked.shape[2 + rank :])


def _blocks(s: _Sizes, bytes_per_window: int) -> Iterator[tuple[slice, slice]]:
    """Split all windows into blocks: slices of the batch and of the first spatial axis."""
    rows = s.counts[0]
    whole = math.prod(s.counts) * bytes_per_window
    samples = max(1, _BLOCK // max(1, whole))
    step = rows if whole <= _BLOCK else max(1, rows * _BLOCK // whole)
    for n in range(0, s.batch, samples):
        for row in range(0, rows, max(1, step)):
            yield slice(n, min(n + samples, s.batch)), slice(row, min(row + step, rows))


class _Matrix:
    """Copies blocks of windows into one buffer, as matrices (G, rows, K C/G) whose rows are windows."""

    def __init__(self, s: _Sizes, dtype: np.dtype[Any], xp: Any) -> None:
        rank = len(s.size)
        self.width = math.prod(s.kernel) * s.inputs
        self.groups = s.groups
        self.across = s.inputs < _FEW_CHANNELS
        rows, taps, group = (*range(1 + rank),), (*range(1 + rank, 1 + 2 * rank),), 1 + 2 * rank
        self.order = (group, *taps, group + 1, *rows) if self.across else (group, *rows, *taps, group + 1)
        self.blocks = list(_blocks(s, self.width * s.groups * dtype.itemsize))
        self.buffer, self.xp = xp.empty(0, dtype), xp

    def of(self, windows: Any) -> Any:
        """Return the matrices of a block."""
        if self.buffer.size < windows.size:
            self.buffer = self.xp.empty(windows.size, self.buffer.dtype)
        turned = windows.transpose(self.order)
        flat = self.buffer[: windows.size]
        flat.reshape(turned.shape)[...] = turned
        if self.across:
            return flat.reshape(self.groups, self.width, -1).swapaxes(1, 2)
        return flat.reshape(self.groups, -1, self.width)


def _by_group(y: Any, s: _Sizes) -> Any:
    """Return (G, rows, F/G) of an array (n, *o, F)."""
    return y.reshape(1, -1, s.outputs) if s.groups == 1 else y.reshape(-1, s.groups, s.outputs).swapaxes(0, 1)


def _kernel_by_group(w: Any, s: _Sizes) -> Any:
    """Return (K, G, C/G, F/G) of the kernel."""
    return w.reshape(-1, s.inputs, s.groups, s.outputs).swapaxes(1, 2)


class _Taps:
    """Multiplies blocks of y by each tap of the kernel."""

    def __init__(self, w: Any, s: _Sizes) -> None:
        self.s = s
        # One matrix per tap: additions to the result then have long contiguous runs.
        self.weights = array_namespace(w).ascontiguousarray(_kernel_by_group(w, s).swapaxes(2, 3))

    def of(self, y: Any) -> Any:
        """Return the products, shape (K, n, *o, G, C/G)."""
        products = fast.matmul(_by_group(y, self.s), self.weights)
        products = products.reshape(len(self.weights), self.s.groups, *y.shape[:-1], self.s.inputs)
        return products[:, 0, ..., None, :] if self.s.groups == 1 else np.moveaxis(products, 1, -2)


class _Runs:
    """Multiplies blocks of y by the kernel, and sums over the taps of its last axis, of length k and stride 1.

    With all elements of y in one row and k - 1 zeros between the lines of its last axis, each position reads a run of k
    elements, and every k-th run is a row of a plain matrix: k matrix products, without copying any window.
    """

    def __init__(self, w: Any, s: _Sizes, dtype: np.dtype[Any]) -> None:
        self.s, self.length = s, s.kernel[-1]
        turned = w.reshape(-1, self.length, s.inputs, s.outputs)[:, ::-1]
        self.weights = turned.transpose(1, 3, 0, 2).reshape(self.length * s.outputs, -1).astype(dtype)
        self.xp = array_namespace(w)
        self.row, self.sums = self.xp.empty((0, s.outputs), dtype), self.xp.empty(0, dtype)

    def of(self, y: Any) -> Any:
        """Return the products of all but the last axis of the kernel, shape (*K, n, *o, 1, C)."""
        k, places = self.length, (*y.shape[:-2], y.shape[-2] + self.length - 1)
        runs = -(-math.prod(places) // k)
        if len(self.row) != (runs + 1) * k - 1:
            self.row = self.xp.zeros(((runs + 1) * k - 1, self.s.outputs), self.row.dtype)
            self.sums = self.xp.empty((runs, k, self.weights.shape[1]), self.row.dtype)
        self.row[k - 1 : k - 1 + math.prod(places)].reshape(*places, -1)[..., : y.shape[-2], :] = y
        for first in range(k):
            rows = self.row[first : first + runs * k].reshape(runs, -1)
            fast.matmul(rows, self.weights, out=self.sums[:, first])
        products = self.sums.reshape(runs * k, -1)[: math.prod(places)].reshape(*places, -1, 1, self.s.inputs)
        return np.moveaxis(products, -3, 0)


# ---- the three arrays of the form ------------------------------------------------------------------------------------


def _convolution(x: Any, w: Any, *, stride: Shape, padding: Padding, dilation: Shape, groups: int) -> Any:
    s = _sizes(x.shape, w.shape, stride, padding, dilation, groups)
    ufunc = kernel_for("convolution", x, w) if groups == 1 else None
    if ufunc is not None:
        return ufunc(x, w, standing_for(s.counts), layout(dilation, stride, padding))
    dtype, shape = np.result_type(x, w), (s.batch, *s.counts, w.shape[-1])
    if not x.size or not w.size:  # sums of nothing
        return array_namespace(x).zeros(shape, dtype)
    windows = _windows(x, s, stride, padding, dilation)
    matrix = _Matrix(s, dtype, array_namespace(x))
    weights = _kernel_by_group(w, s).swapaxes(0, 1).reshape(groups, matrix.width, s.outputs)
    out = array_namespace(x).empty(shape, dtype)
    for block in matrix.blocks if out.size else ():
        part = out[block]
        if groups == 1:
            fast.matmul(matrix.of(windows[block])[0], weights[0], out=part.reshape(-1, s.outputs))
        else:
            _by_group(part, s)[...] = fast.matmul(matrix.of(windows[block]), weights)
    return out


def _convolution_kernel(
    x: Any, y: Any, *, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int
) -> Any:
    w_shape = (*kernel, x.shape[-1] // groups, y.shape[-1])
    s = _sizes(x.shape, w_shape, stride, padding, dilation, groups)
    ufunc = kernel_for("convolution_kernel", x, y) if groups == 1 else None
    if ufunc is not None:
        return ufunc(x, y, standing_for(kernel), layout(dilation, stride, padding))
    dtype = np.result_type(x, y)
    if not x.size or not y.size or not math.prod(kernel):
        return array_namespace(x).zeros(w_shape, dtype)
    windows = _windows(x, s, stride, padding, dilation)
    matrix = _Matrix(s, dtype, array_namespace(x))
    total = array_namespace(x).zeros((groups, matrix.width, s.outputs), dtype)
    for block in matrix.blocks:
        total += fast.matmul(matrix.of(windows[block]).swapaxes(1, 2), _by_group(y[block], s))
    return total.reshape(groups, -1, s.inputs, s.outputs).transpose(1, 2, 0, 3).reshape(w_shape)


def _convolution_input(
    y: Any, w: Any, *, size: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int
) -> Any:
    x_shape = (y.shape[0], *size, w.shape[-2] * groups)
    ufunc = kernel_for("convolution_input", y, w) if groups == 1 else None
    if ufunc is not None:
        return ufunc(y, w, standing_for(size), layout(dilation, stride, padding))
    s = _sizes(x_shape, w.shape, stride, padding, dilation, groups)
    dtype = np.result_type(y, w)
    out = array_namespace(y).zeros((s.batch, *size, groups, s.inputs), dtype)
    if not y.size or not w.size:
        return out.reshape(x_shape)
    runs = groups == stride[-1] == dilation[-1] == 1 and 1 < s.kernel[-1] <= 1 + s.counts[-1] // 2
    if runs and len(size) == 1:  # blocks are split along the first axis, runs go along the last
        lengths: dict[str, Any] = {"size": (1, *size), "padding": ((0, 0), *padding), "groups": 1}
        flat = _convolution_input(y[:, None], w[None], stride=(1, 1), dilation=(1, 1), **lengths)
        return flat.reshape(x_shape)
    spread: Callable[[Any], Any] = _Runs(w, s, dtype).of if runs else _Taps(w, s).of
    kernel, counts = s.kernel, s.counts
    if runs:  # the last axis has been summed already
        kernel, counts = (*kernel[:-1], 1), (*counts[:-1], counts[-1] + kernel[-1] - 1)
    taps = list(tap_places(s.size, counts, kernel, stride, padding, dilation))
    numbers = len(taps) * groups * s.inputs + (s.outputs if runs else 0)
    for batch, rows in _blocks(s, numbers * dtype.itemsize):
        for (windows, elements), part in zip(taps, spread(y[batch, rows]), strict=True):
            first, last = max(windows[0].start, rows.start), min(windows[0].stop, rows.stop)
            if first >= last:
                continue
            start = elements[0].start + (first - windows[0].start) * stride[0]
            front = slice(start, start + (last - first - 1) * stride[0] + 1, stride[0])
            place = out[(batch, front, *elements[1:])]
            place += part[(slice(None), slice(first - rows.start, last - rows.start), *windows[1:])]
    return out.reshape(x_shape)


# ---- many at once ----------------------------------------------------------------------------------------------------


def _fold(a: Any) -> Any:
    """Join the examples (B, N, ...) into one batch: (B N, ...)."""
    return a.reshape(a.shape[0] * a.shape[1], *a.shape[2:])


def _beside(a: Any) -> Any:
    """Join the examples of (B, N, ..., C) as channels: (N, ..., B C)."""
    a = a.transpose(*range(1, a.ndim - 1), 0, a.ndim - 1)
    return a.reshape(*a.shape[:-2], a.shape[-2] * a.shape[-1])


def _apart(a: Any, count: int) -> Any:
    """Undo `_beside`."""
    a = a.reshape(*a.shape[:-1], count, a.shape[-1] // count)
    return a.transpose(a.ndim - 2, *range(a.ndim - 2), a.ndim - 1)


def _convolve_batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Examples that share a kernel form one larger batch; examples with different kernels form groups of channels."""
    size = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    if batched[0] and not batched[1] and op is not convolution_kernel:
        out = op(_fold(inputs[0]), inputs[1], **params)
        return out.reshape(*inputs[0].shape[:2], *out.shape[1:])
    full = [x if b else np.broadcast_to(x, (size, *x.shape)) for x, b in zip(inputs, batched, strict=True)]
    out = op(*map(_beside, full), **{**params, "groups": params["groups"] * size})
    return _apart(out, size)


def _options(params: dict[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in ("stride", "padding", "dilation", "groups")}


convolution: Op = structural(
    "convolution",
    _convolution,
    lambda g, out, x, w, **params: convolution_input(g, w, size=x.shape[1:-1], **params),
    lambda g, out, x, w, **params: convolution_kernel(x, g, kernel=w.shape[:-2], **params),
    saves=("y", "x"),
    infer=lambda x, w, **params: ShapeDtype(
        (x.shape[0], *_sizes(x.shape, w.shape, **params).counts, w.shape[-1]), np.result_type(x.dtype, w.dtype)
    ),
    multilinear=True,
    batch=_convolve_batch,
    cost=lambda shapes, out, params: _cost(out, shapes[1]),
)
convolution_input: Op = structural(
    "convolution_input",
    _convolution_input,
    lambda g, out, y, w, **params: convolution(g, w, **_options(params)),
    lambda g, out, y, w, **params: convolution_kernel(g, y, kernel=w.shape[:-2], **_options(params)),
    saves=("y", "x"),
    infer=lambda y, w, *, size, groups, **params: ShapeDtype(
        (y.shape[0], *size, w.shape[-2] * groups), np.result_type(y.dtype, w.dtype)
    ),
    multilinear=True,
    batch=_convolve_batch,
    cost=lambda shapes, out, params: _cost(shapes[0], shapes[1]),
)
convolution_kernel: Op = structural(
    "convolution_kernel",
    _convolution_kernel,
    lambda g, out, x, y, **params: convolution_input(y, g, size=x.shape[1:-1], **_options(params)),
    lambda g, out, x, y, **params: convolution(x, g, **_options(params)),
    saves=("y", "x"),
    infer=lambda x, y, *, kernel, groups, **params: ShapeDtype(
        (*kernel, x.shape[-1] // groups, y.shape[-1]), np.result_type(x.dtype, y.dtype)
    ),
    multilinear=True,
    batch=_convolve_batch,
    cost=lambda shapes, out, params: _cost(shapes[1], out),
)

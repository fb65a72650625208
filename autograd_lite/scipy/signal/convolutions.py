"""Convolution and correlation of arrays of any rank: one bilinear op, the full convolution, and slices of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal as original

from ...core.errors import ShapeError
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype, normalize_axis
from ...functions.custom_ops import structural
from ...ops.operands import operand
from ..calls import takes_tensors

Axes = tuple[int, ...]


def _full(x: Any, y: Any, *, axes: Axes, method: str) -> Any:
    if len(axes) == x.ndim:
        out = original.convolve(x, y, "full", method)
    else:
        out = original.fftconvolve(x, y, "full", axes=axes)
    dtype = np.result_type(x.dtype, y.dtype)
    return out.astype(dtype) if dtype.kind in "fc" else out


def _slice(a: Any, axes: Axes, starts: Sequence[int], lengths: Sequence[int]) -> Any:
    index: list[Any] = [slice(None)] * a.ndim
    for axis, start, length in zip(axes, starts, lengths, strict=True):
        index[axis] = slice(start, start + length)
    return a[tuple(index)]


def _by_other(g: Any, other: Any, shape: Any, axes: Axes, method: str) -> Any:
    """Correlate the cotangent with the other array: the adjoint of convolving with it."""
    if 0 in other.shape or 0 in shape:
        return np.zeros(shape, g.dtype)
    moved = full(g, np.flip(other, axes), axes=axes, method=method)
    return _slice(moved, axes, [other.shape[i] - 1 for i in axes], [shape[i] for i in axes])


def _infer(x: ShapeDtype, y: ShapeDtype, *, axes: Axes, method: str) -> ShapeDtype:
    lengths = [x.shape[i] + y.shape[i] - 1 if i in axes else max(x.shape[i], y.shape[i]) for i in range(len(x.shape))]
    return ShapeDtype(tuple(lengths), np.result_type(x.dtype, y.dtype))


def _batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    x, y = (a if b else a[None] for a, b in zip(inputs, batched, strict=True))
    return op(x, y, axes=tuple(i + 1 for i in params["axes"]), method="fft")


# x and y have one rank; the axes along which they are not convolved broadcast.
full: Op = structural(
    "full_convolution_of_arrays",
    _full,
    lambda g, out, x, y, *, axes, method: _by_other(g, y, x.shape, axes, method),
    lambda g, out, x, y, *, axes, method: _by_other(g, x, y.shape, axes, method),
    saves=("y", "x"),
    infer=_infer,
    multilinear=True,
    batch=_batch,
)


def of_mode(name: str, x: Any, y: Any, mode: str, axes: Axes, method: str) -> Any:
    """Convolve, and take the part of the full result that a mode means."""
    if x.ndim != y.ndim:
        raise ShapeError(f"scipy.signal.{name}: expected arrays of one rank; received shapes {x.shape} and {y.shape}")
    if mode == "valid" and _is_inside(name, x, y, axes):
        x, y = y, x
    out = full(x, y, axes=axes, method=method)
    if mode == "full":
        return out
    if mode == "same":
        return _slice(out, axes, [(y.shape[i] - 1) // 2 for i in axes], [x.shape[i] for i in axes])
    if mode == "valid":
        return _slice(out, axes, [y.shape[i] - 1 for i in axes], [x.shape[i] - y.shape[i] + 1 for i in axes])
    raise ValueError(f"scipy.signal.{name}: expected mode full, same or valid; received {mode!r}")


def _is_inside(name: str, x: Any, y: Any, axes: Axes) -> bool:
    """Return whether the first array is inside of the second, along every axis.

    Raises:
        ShapeError: if neither is inside of the other.
    """
    if all(x.shape[i] >= y.shape[i] for i in axes):
        return False
    if all(x.shape[i] <= y.shape[i] for i in axes):
        return True
    raise ShapeError(
        f"scipy.signal.{name}: with mode='valid', expected one array at least as long as the other along every axis; "
        f"received shapes {x.shape} and {y.shape}"
    )


def _all(x: Any) -> Axes:
    return tuple(range(x.ndim))


@takes_tensors(original.convolve, "in1, in2")
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    in1, in2 = operand(in1), operand(in2)
    if in1.ndim == in2.ndim == 0:
        return in1 * in2
    return of_mode("convolve", in1, in2, mode, _all(in1), method)


def _along(name: str, in1: Any, in2: Any, mode: str, axes: Any) -> Any:
    in1, in2 = operand(in1), operand(in2)
    numbers = range(in1.ndim) if axes is None else [axes] if isinstance(axes, int) else axes
    return of_mode(name, in1, in2, mode, tuple(normalize_axis(i, in1.ndim) for i in numbers), "fft")


@takes_tensors(original.fftconvolve, "in1, in2")
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    return _along("fftconvolve", in1, in2, mode, axes)


@takes_tensors(original.oaconvolve, "in1, in2", "computed as fftconvolve")
def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    return _along("oaconvolve", in1, in2, mode, axes)


def _reverse(a: Any) -> Any:
    return np.flip(np.conjugate(a) if a.dtype.kind == "c" else a)


@takes_tensors(original.correlate, "in1, in2")
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    in1, in2 = operand(in1), operand(in2)
    if in1.ndim == in2.ndim == 0:
        return in1 * np.conjugate(in2)
    if mode == "valid" and in1.ndim == in2.ndim and _is_inside("correlate", in1, in2, _all(in1)):
        return _reverse(of_mode("correlate", in2, _reverse(in1), mode, _all(in1), method))
    return of_mode("correlate", in1, _reverse(in2), mode, _all(in1), method)


# ---- in two dimensions, with boundaries -----------------------------------------------------------------------------

numpy: Any = np  # its annotations know of no Tensors
_BOUNDARIES = {"fill": "constant", "pad": "constant", "wrap": "wrap", "circular": "wrap", "symm": "symmetric"}
_BOUNDARIES["symmetric"] = "symmetric"


def _with_boundary(
    name: str, in1: Any, in2: Any, mode: str, boundary: str, fillvalue: Any, *, start: Sequence[int]
) -> Any:
    """Convolve beyond the edges; mode "same" begins at `start` in the full result."""
    if boundary not in _BOUNDARIES:
        raise ValueError(f"scipy.signal.{name}: expected boundary fill, wrap or symm; received {boundary!r}")
    if in1.ndim != 2 or in2.ndim != 2:
        raise ShapeError(f"scipy.signal.{name}: expected two axes each; received shapes {in1.shape} and {in2.shape}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"scipy.signal.{name}: expected mode full, same or valid; received {mode!r}")
    has_constant_boundary = _BOUNDARIES[boundary] == "constant"
    if mode == "valid":
        return of_mode(name, in1, in2, mode, (0, 1), "direct")
    if has_constant_boundary and not np.any(fillvalue):
        out = full(in1, in2, axes=(0, 1), method="direct")
        return out if mode == "full" else _slice(out, (0, 1), start, in1.shape)
    widths = [(n - 1, n - 1) for n in in2.shape]
    fill: dict[str, Any] = {"constant_values": fillvalue} if has_constant_boundary else {}
    padded = numpy.pad(in1, widths, mode=_BOUNDARIES[boundary], **fill)
    out = of_mode(name, padded, in2, "valid", (0, 1), "direct")
    return out if mode == "full" else _slice(out, (0, 1), start, in1.shape)


@takes_tensors(original.convolve2d, "in1, in2")
def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: float = 0) -> Any:
    in1, in2 = operand(in1), operand(in2)
    start = [(n - 1) // 2 for n in in2.shape]
    return _with_boundary("convolve2d", in1, in2, mode, boundary, fillvalue, start=start)


@takes_tensors(original.correlate2d, "in1, in2")
def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: float = 0) -> Any:
    in1, in2 = operand(in1), operand(in2)
    if mode == "valid" and in1.ndim == in2.ndim and _is_inside("correlate2d", in1, in2, _all(in1)):
        return _reverse(of_mode("correlate2d", in2, _reverse(in1), mode, (0, 1), "direct"))
    start = [n // 2 for n in in2.shape]
    return _with_boundary("correlate2d", in1, _reverse(in2), mode, boundary, fillvalue, start=start)


# ---- with axes that are summed over ---------------------------------------------------------------------------------


def dot_convolve(A: Any, B: Any, axes: Any = None, dot_axes: Any = ((), ()), mode: str = "full") -> Any:
    """Convolve along some axes, sum over products along others, and combine the rest as an outer product.

    out[r, s, n] = sum over k, d of A[r, d, k] B[s, d, n - k]; the axes of the result are the rest of A's, the rest of
    B's, and those that are convolved, each in A's and B's order.

    Args:
        A: float or complex, any shape.
        B: float or complex, any shape.
        axes: the axes of A and those of B that are convolved; the last of both by default, if `dot_axes` is empty.
        dot_axes: the axes of A and those of B that are summed over.
        mode: "full", or "valid", which keeps what does not depend on a border.

    Returns:
        The products, in the form above.

    Raises:
        ValueError: if a mode or the axes do not fit.

    Example:
        >>> dot_convolve(np.arange(3.0), np.array([1.0, 10.0])).tolist()
        [0.0, 1.0, 12.0, 20.0]
        >>> A, B = np.ones((5, 3, 8)), np.ones((4, 3, 2))
        >>> dot_convolve(A, B, axes=([2], [2]), dot_axes=([1], [1]), mode="valid").shape
        (5, 4, 7)
    """
    A, B = operand(A), operand(B)
    if mode not in ("full", "valid"):
        raise ValueError(f"dot_convolve: expected mode full or valid; received {mode!r}")
    if axes is None:
        if A.ndim != B.ndim:
            raise ShapeError(f"dot_convolve: expected axes=, since A has shape {A.shape} and B {B.shape}")
        axes = (list(range(A.ndim)), list(range(A.ndim)))
    along, dots = ([normalize_axis(i, x.ndim) for i in pair] for pair, x in ((axes[0], A), (dot_axes[0], A)))
    along_b, dots_b = ([normalize_axis(i, x.ndim) for i in pair] for pair, x in ((axes[1], B), (dot_axes[1], B)))
    rest = [i for i in range(A.ndim) if i not in (*along, *dots)]
    rest_b = [i for i in range(B.ndim) if i not in (*along_b, *dots_b)]
    a, b = A.transpose(*rest, *dots, *along), B.transpose(*rest_b, *dots_b, *along_b)
    lengths, widths = a.shape[a.ndim - len(along) :], b.shape[b.ndim - len(along) :]
    if mode == "valid" and any(n < m for n, m in zip(lengths, widths, strict=True)):
        if any(n > m for n, m in zip(lengths, widths, strict=True)):
            raise ShapeError(f"dot_convolve: expected one array inside of the other; received {lengths} and {widths}")
        swapped = dot_convolve(B, A, (axes[1], axes[0]), (dot_axes[1], dot_axes[0]), mode)
        first, second, last = (len(rest_b), len(rest), len(along))
        return swapped.transpose(
            *range(first, first + second), *range(first), *range(first + second, first + second + last)
        )
    # Products with every window are the faster way to sum over further axes, or to combine them all with all.
    plain = along and not dots and not (rest and rest_b)
    if plain and a.size and b.size and np.result_type(a.dtype, b.dtype).kind in "fc":
        a = a.reshape(*a.shape[: len(rest)], *[1] * len(rest_b), *lengths)
        b = b.reshape(*[1] * len(rest), *b.shape)
        return of_mode("dot_convolve", a, b, mode, tuple(range(a.ndim - len(along), a.ndim)), "auto")
    if mode == "full":
        edges = [(0, 0)] * (a.ndim - len(along)) + [(m - 1, m - 1) for m in widths]
        a = np.pad(a, edges)
    places = tuple(range(a.ndim - len(along), a.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(a, widths, axis=places) if along else a
    b = np.flip(b, tuple(range(b.ndim - len(along), b.ndim)))
    r, d, k = len(rest), len(dots), len(along)
    summed = ([*range(r, r + d), *range(r + d + k, r + d + 2 * k)], list(range(len(rest_b), b.ndim)))
    out = np.tensordot(windows, b, summed)
    n = out.ndim
    return out.transpose(*range(r), *range(r + k, n), *range(r, r + k))

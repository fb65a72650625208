"""Discrete Fourier transforms. One op for each transform of one axis; those of several axes are composed of them.

All are linear. The matrix of `fft` is symmetric, so the op is its own transpose. In the half spectrum of real values,
bins 1 to (n-1)//2 also represent their mirror images: with that weight of 2, `hfft` and `ihfft` are the transposes of
`rfft` and `irfft`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import asarray_like
from ..core.equivalents import LOOPS, Loops
from ..core.errors import ShapeError, refuse
from ..core.op import Op, composes, structural
from ..core.shape_arithmetic import Shape, ShapeDtype, normalize_axes, normalize_axis
from .operands import Bound, operand
from .shape import pad_constant

# The norm of the inverse transform.
_OPPOSITE: dict[Any, Any] = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _fit_length(g: Any, length: int, axis: int) -> Any:
    """Truncate an axis to a length, or pad it with zeros: the transpose of the same step in a transform."""
    n = g.shape[axis]
    if n > length:
        return g[(slice(None),) * axis + (slice(0, length),)]
    if n < length:
        width = tuple((0, length - n if i == axis else 0) for i in range(g.ndim))
        return pad_constant(g, width=width, value=0)
    return g


def _as_input(r: Any, x: Any) -> Any:
    """Cast a cotangent to the dtype of the input: only the real part of a complex one reaches a real input."""
    if x.dtype.kind == "c":
        return r
    r = np.real(r) if r.dtype.kind == "c" else r
    return r if r.dtype == x.dtype else r.astype(x.dtype)


@functools.lru_cache(maxsize=256)
def _mirror_weights(n: int, dtype: Any, ndim: int, axis: int, each: float) -> Any:
    """Return `each` for the bins of the half spectrum that represent two bins of the full one, 1 for the others."""
    weights = np.full(n // 2 + 1, each, dtype)
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    weights.flags.writeable = False
    return weights.reshape(tuple(-1 if i == axis else 1 for i in range(ndim)))


def _weights(g: Any, n: int, axis: int, each: float = 2) -> Any:
    """Return the mirror weights in the complex dtype of the spectrum that they multiply."""
    return asarray_like(_mirror_weights(n, np.result_type(g.dtype, np.complex64), g.ndim, axis, each), g)


def _bind(function: str, default: Callable[[int], int]) -> Callable[..., Bound]:
    """Return the binder of a transform; `default(length)` is the default of n."""

    def bind(a: Any, n: int | None = None, axis: int = -1, norm: Any = None, out: Any = None) -> Bound:
        refuse(f"np.fft.{function}", "assign the result instead", out=out)
        a = operand(a)
        axis = normalize_axis(axis, a.ndim)
        n = default(a.shape[axis]) if n is None else int(n)
        norm = "backward" if norm is None else norm
        if n < 1 or norm not in _OPPOSITE:
            raise ShapeError(
                f"{function}: expected n of at least 1 and norm of {tuple(_OPPOSITE)}; received {n} and {norm!r}"
            )
        return (a,), {"n": n, "axis": axis, "norm": norm}

    return bind


def _infer(function: Callable[..., Any], length: Callable[[int], int]) -> Callable[..., ShapeDtype]:
    def infer(x: ShapeDtype, *, n: int, axis: int, norm: str) -> ShapeDtype:
        dtype = function(np.ones(2, x.dtype)).dtype
        return ShapeDtype((*x.shape[:axis], length(n), *x.shape[axis + 1 :]), dtype)

    return infer


_LOOPS = getattr(getattr(np.fft, "_pocketfft", None), "pfu", None)  # of NumPy's functions


def _register_loops(function: Callable[..., Any], names: Sequence[str], forward: bool, chars: str) -> None:
    """Register the loops of a transform of NumPy's, for compiled code.

    Args:
        function: a function of an array, a length, an axis and a norm.
        names: the names of the generalized ufuncs for even and for odd lengths.
        forward: False for an inverse transform, which reads norms the other way around.
        chars: the characters of the dtypes that it takes without a cast.
    """

    def row(a: Any, n: Any = None, axis: Any = -1, norm: Any = "backward") -> Loops | None:
        ufunc = None if n is None else getattr(_LOOPS, names[n % 2], None)
        if not isinstance(ufunc, np.ufunc) or a.dtype.char not in chars or norm not in _OPPOSITE:
            return None
        dtype, opposite = np.finfo(a.dtype).dtype, _OPPOSITE[norm]
        scales = {"backward": 1, "ortho": np.sqrt(n, dtype=dtype), "forward": n}
        scale = np.asarray(np.reciprocal(scales[norm if forward else opposite], dtype=dtype))
        return Loops(functools.partial(function, n=n, axis=axis, norm=norm), ufunc, rest=[scale], axis=axis)

    LOOPS[function] = row


_register_loops(np.fft.fft, ("fft", "fft"), True, "FD")
_register_loops(np.fft.ifft, ("ifft", "ifft"), False, "FD")
_register_loops(np.fft.rfft, ("rfft_n_even", "rfft_n_odd"), True, "fd")
_register_loops(np.fft.irfft, ("irfft", "irfft"), False, "FD")


def _complex(x: Any) -> Any:
    """Cast doubles to complex at once: NumPy would cast them in pieces, which takes longer."""
    return x.astype(complex) if x.dtype.char == "d" else x


def _transform(
    function: Callable[..., Any],
    default: Callable[[int], int],
    length: Callable[[int], int],
    cost: float,
    forward: Callable[..., Any],
    vjp: Callable[..., Any],
    **facts: Any,
) -> Op:
    """Define the op of a transform of one axis.

    Args:
        function: NumPy's function.
        default: the default of n for an axis of a length.
        length: the length of the transformed axis, by n.
        cost: FLOPs for each element and doubling of the length.
        forward: computes the transform.
        vjp: the transposed transform, of a cotangent of the same length.
        facts: further fields of `Op`.
    """
    return structural(
        function.__name__,
        forward,
        lambda g, out, x, *, n, axis, norm: _as_input(
            _fit_length(vjp(g, n=n, axis=axis, norm=norm), x.shape[axis], axis), x
        ),
        infer=_infer(function, length),
        bind=_bind(function.__name__, default),
        numpy_functions=(function,),
        linear=True,
        batch=batching.along_axis,
        cost=_cost(cost),
        glyph="ℱ",
        **facts,
    )


def _cost(per_element: float) -> Callable[..., float]:
    def cost(shapes: Sequence[Shape], out: Shape, params: Any) -> float:
        n = max(shapes[0][params["axis"]], out[params["axis"]])
        return per_element * max(math.prod(shapes[0]), math.prod(out)) * math.log2(n) if n > 1 else 0

    return cost


def _same(n: int) -> int:
    return n


def _half(n: int) -> int:
    return n // 2 + 1


def _whole(n: int) -> int:
    return 2 * (n - 1)


# fmt: off
fft: Op   = _transform(np.fft.fft,   _same,  _same, 5,   lambda x, **p: np.fft.fft(_complex(x), **p),
                       lambda g, **p: fft(g, **p))
ifft: Op  = _transform(np.fft.ifft,  _same,  _same, 5,   lambda x, **p: np.fft.ifft(_complex(x), **p),
                       lambda g, **p: ifft(g, **p))
rfft: Op  = _transform(np.fft.rfft,  _same,  _half, 2.5, lambda x, **p: np.fft.rfft(x, **p),
                       lambda g, *, n, axis, norm: hfft(g * _weights(g, n, axis, 0.5), n=n, axis=axis, norm=norm),
                       holomorphic=False)
irfft: Op = _transform(np.fft.irfft, _whole, _same, 2.5, lambda x, **p: np.fft.irfft(_complex(x), **p),
                       lambda g, *, n, axis, norm: ihfft(g, n=n, axis=axis, norm=norm) * _weights(g, n, axis),
                       holomorphic=False)
# NumPy computes these two by the transforms above, with the opposite norm.
hfft: Op  = _transform(np.fft.hfft,  _whole, _same, 2.5,
                       lambda x, *, norm, **p: np.fft.irfft(np.conjugate(_complex(x)), norm=_OPPOSITE[norm], **p),
                       lambda g, *, n, axis, norm: rfft(g, n=n, axis=axis, norm=norm) * _weights(g, n, axis),
                       holomorphic=False)
ihfft: Op = _transform(np.fft.ihfft, _same,  _half, 2.5,
                       lambda x, *, norm, **p: np.conjugate(np.fft.rfft(x, norm=_OPPOSITE[norm], **p)),
                       lambda g, *, n, axis, norm: irfft(g * _weights(g, n, axis, 0.5), n=n, axis=axis, norm=norm),
                       holomorphic=False)
# fmt: on


# ---- several axes ---------------------------------------------------------------------------------------------------


def _axes_and_lengths(a: Any, s: Any, axes: Any, halves: bool = False) -> list[tuple[int, int | None]]:
    """Return each axis with its transform length; for a half spectrum the last one is the length of the result."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(a.ndim - len(s), a.ndim)
    axes = [normalize_axis(i, a.ndim, "axes") for i in axes]
    lengths: list[int | None] = [a.shape[i] for i in axes] if s is None else [int(n) for n in s]
    if len(lengths) != len(axes):
        raise ShapeError(f"fft: expected as many lengths as axes; received s={s} and axes={axes}")
    # NumPy's -1 means the length of the axis.
    lengths = [a.shape[i] if n == -1 else n for i, n in zip(axes, lengths, strict=True)]
    if halves and axes and s is None:
        lengths[-1] = None
    return list(zip(axes, lengths, strict=True))


def _over_axes(function: Callable[..., Any], a: Any, s: Any, axes: Any, norm: Any) -> Any:
    for axis, n in reversed(_axes_and_lengths(a, s, axes)):
        a = function(a, n, axis, norm)
    return a


def _rfftn(a: Any, s: Any, axes: Any, norm: Any) -> Any:
    *others, (last, n) = _axes_and_lengths(a, s, axes)
    a = np.fft.rfft(a, n, last, norm)
    for axis, length in reversed(others):
        a = np.fft.fft(a, length, axis, norm)
    return a


def _irfftn(a: Any, s: Any, axes: Any, norm: Any) -> Any:
    *others, (last, n) = _axes_and_lengths(a, s, axes, halves=True)
    for axis, length in others:
        a = np.fft.ifft(a, length, axis, norm)
    return np.fft.irfft(a, n, last, norm)


def _register_over_axes(of_all: Callable[..., Any], of_two: Callable[..., Any], transform: Callable[..., Any]) -> None:
    """Register a transform of all axes, and of the last two, under its two names."""

    def register(function: Callable[..., Any], usual: Any) -> None:
        @composes(function)
        def over_axes(a: Any, s: Any = None, axes: Any = usual, norm: Any = None, out: Any = None) -> Any:
            refuse(f"np.fft.{function.__name__}", "assign the result instead", out=out)
            return transform(operand(a), s, axes, norm)

    register(of_all, None)
    register(of_two, (-2, -1))


_register_over_axes(np.fft.fftn, np.fft.fft2, functools.partial(_over_axes, np.fft.fft))
_register_over_axes(np.fft.ifftn, np.fft.ifft2, functools.partial(_over_axes, np.fft.ifft))
_register_over_axes(np.fft.rfftn, np.fft.rfft2, _rfftn)
_register_over_axes(np.fft.irfftn, np.fft.irfft2, _irfftn)


def _rotate(x: Any, axes: Any, start: Callable[[int], int]) -> Any:
    """Rotate each axis so that it begins at another element."""
    x = operand(x)
    for axis in range(x.ndim) if axes is None else normalize_axes(axes, x.ndim) or ():
        k, before = start(x.shape[axis]), (slice(None),) * axis
        x = np.concatenate([x[(*before, slice(k, None))], x[(*before, slice(0, k))]], axis=axis)
    return x


@composes(np.fft.fftshift)
def _fftshift(x: Any, axes: Any = None) -> Any:
    return _rotate(x, axes, lambda n: n - n // 2)


@composes(np.fft.ifftshift)
def _ifftshift(x: Any, axes: Any = None) -> Any:
    return _rotate(x, axes, lambda n: n // 2)

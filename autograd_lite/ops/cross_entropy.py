"""Cross-entropy of logits and class indices, in one pass each way: no array of all log-probabilities is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import array_namespace, is_duck_array
from ..core.equivalents import LOOPS, Loops
from ..core.errors import ShapeError
from ..core.op import Op, structural
from ..core.shape_arithmetic import ShapeDtype
from ..native import threaded_functions as fast
from ..native.kernels import KERNELS, NATIVE
from .adjoints import total
from .elementwise_activations import floating
from .multi_result_ops import jvp_by_inputs
from .softmax import numbers_below, row_maximum, row_sum, same_float, softmax

_KERNEL = KERNELS.get("cross_entropy")
_PULLBACK_KERNEL = KERNELS.get("cross_entropy_pullback")


def _no_labels(rows: tuple[int, ...], shape: tuple[int, ...]) -> ShapeError:
    return ShapeError(f"cross_entropy: expected a label for each row, of shape {rows}; received shape {shape}")


def _of_labels(n: int) -> str:
    return f"expected labels from 0 to {n - 1}, as there are {n} classes"


def _is_native(x: Any, y: Any) -> bool:
    """Return whether a kernel takes rows of x, and labels y."""
    native = x.__class__ in NATIVE and x.dtype.char in "fd" and x.strides[-1] == x.itemsize
    return native and (y.__class__ in NATIVE or y.__class__ is np.intp) and y.dtype == np.intp


def _at_label(x: Any, y: Any) -> Any:
    """Return the element of each row at its label."""
    if is_duck_array(x):
        return np.where(_is_label(x, y), x, 0).sum(axis=-1)
    return np.take_along_axis(x, y[..., None], axis=-1)[..., 0]


def _is_label(x: Any, y: Any) -> Any:
    """Return an array like x that is True at the label of each row."""
    return np.equal(array_namespace(x).arange(x.shape[-1]), y[..., None])


def _cross_entropy(x: Any, y: Any) -> tuple[Any, ...]:
    x = floating(x)
    if y.shape != x.shape[:-1]:
        raise _no_labels(x.shape[:-1], y.shape)
    if not is_duck_array(x) and y.size and (y.min() < 0 or y.max() >= x.shape[-1]):
        raise IndexError(_of_labels(x.shape[-1]))
    if _KERNEL is not None and _is_native(x, y):
        results: tuple[Any, ...] = _KERNEL(x, y)
        return results
    if not x.size:
        return (array_namespace(x).zeros(x.shape[:-1], x.dtype),) * 3
    top = row_maximum(x, x.ndim - 1)
    below = numbers_below(x, top)
    rest = np.log(row_sum(np.exp(below), x.ndim - 1)).astype(x.dtype, copy=False)[..., 0]
    return rest - _at_label(below, y), top[..., 0], rest


def _loops(x: Any, y: Any) -> Loops | None:
    if _KERNEL is None or not x.size or not _is_native(x, y) or x.shape[:-1] != y.shape:
        return None
    return Loops(_cross_entropy, _KERNEL, IndexError(f"cross_entropy: {_of_labels(x.shape[-1])}"))


LOOPS[_cross_entropy] = _loops


def _pullback(g: Any, x: Any, y: Any, top: Any, rest: Any) -> Any:
    x, g = floating(x), floating(g)
    if not g.shape == y.shape == top.shape == rest.shape == x.shape[:-1]:
        raise _no_labels(x.shape[:-1], y.shape)
    if _PULLBACK_KERNEL is not None and _is_native(x, y) and g.dtype == top.dtype == rest.dtype == x.dtype:
        return _PULLBACK_KERNEL(g, x, y, top, rest)
    if not x.size:
        return x * 1
    share = np.exp(numbers_below(x, top[..., None]) - rest[..., None])
    return share * g[..., None] - np.where(_is_label(x, y), g[..., None], g.dtype.type(0))


def _pullback_loops(g: Any, x: Any, y: Any, top: Any, rest: Any) -> Loops | None:
    same = all(a.dtype == x.dtype and a.shape == y.shape for a in (g, top, rest))
    if _PULLBACK_KERNEL is None or not same or not x.size or not _is_native(x, y) or x.shape[:-1] != y.shape:
        return None
    return Loops(_pullback, _PULLBACK_KERNEL, in_place=True)


LOOPS[_pullback] = _pullback_loops


def _infer_pullback(g: ShapeDtype, x: ShapeDtype, *others: ShapeDtype) -> ShapeDtype:
    for other in (g, *others):
        if other.shape != x.shape[:-1]:
            raise _no_labels(x.shape[:-1], other.shape)
    return ShapeDtype(x.shape, np.result_type(same_float(x).dtype, same_float(g).dtype))


def _batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    return op(*batching.broadcast_batch(inputs, batched))


def _shares(x: Any, top: Any, rest: Any) -> Any:
    return fast.exp((x - top[..., None]) - rest[..., None])


def _pullback_by_x(t: Any, out: Any, g: Any, x: Any, y: Any, top: Any, rest: Any) -> Any:
    return t * g[..., None] * _shares(x, top, rest)


def _pullback_by_rest(t: Any, out: Any, g: Any, x: Any, y: Any, top: Any, rest: Any) -> Any:
    return -(t * _shares(x, top, rest)).sum(axis=-1) * g


def _tangent_by_rest(t: Any, out: Any, g: Any, x: Any, y: Any, top: Any, rest: Any) -> Any:
    return _shares(x, top, rest) * (-t * g)[..., None]


# g (exp(x - top - rest) - 1 at y), of the second and third result of cross_entropy.
cross_entropy_pullback: Op = structural(
    "cross_entropy_pullback",
    _pullback,
    lambda g, out, _, x, y, top, rest: (g * _shares(x, top, rest)).sum(axis=-1) - _at_label(g, y),
    _pullback_by_x,
    None,
    _pullback_by_rest,
    _pullback_by_rest,
    saves=("yzuv", "xyuv", "", "xyuv", "xyuv"),
    infer=_infer_pullback,
    jvp=jvp_by_inputs(
        lambda t, out, g, *others: cross_entropy_pullback(t, *others),
        _pullback_by_x,
        lambda *_: None,
        _tangent_by_rest,
        _tangent_by_rest,
    ),
    batch=_batch,
    cost=4,
)


def _share_of_maximum(x: Any, top: Any) -> Any:
    """Return the derivative of the maximum of a row: equal ones share it evenly."""
    highest = np.equal(x, top[..., None])
    return highest / highest.sum(axis=-1, keepdims=True).astype(x.dtype)


def _rule(g: Any, out: Any, x: Any, y: Any) -> Any:
    """Return the cotangent of x; those of the maximum and of the rest are cotangents of second derivatives."""
    by_loss, by_top, by_rest = g
    if by_top is None and by_rest is None:
        return cross_entropy_pullback(by_loss, x, y, *out[1:])
    terms = [None if by_loss is None else cross_entropy_pullback(by_loss, x, y, *out[1:])]
    if by_rest is not None:
        terms.append(softmax(x, axis=x.ndim - 1) * by_rest[..., None])
    weights = [a for a in (by_top, None if by_rest is None else -by_rest) if a is not None]
    return total(*terms, _share_of_maximum(x, out[1]) * total(*weights)[..., None])


def _jvp(tangents: Sequence[Any], out: Any, x: Any, y: Any) -> tuple[Any, ...]:
    (t, _) = tangents
    mean = (t * softmax(x, axis=x.ndim - 1)).sum(axis=-1)
    of_top = (t * _share_of_maximum(x, out[1])).sum(axis=-1)
    return mean - _at_label(t, y), of_top, mean - of_top


def _infer(x: ShapeDtype, y: ShapeDtype) -> tuple[ShapeDtype, ...]:
    if y.shape != x.shape[:-1]:
        raise _no_labels(x.shape[:-1], y.shape)
    return (ShapeDtype(y.shape, same_float(x).dtype),) * 3


# -log softmax(x) at y; then the maximum of each row, and the logarithm of the sum of exp(x - maximum).
cross_entropy: Op = structural(
    "cross_entropy",
    _cross_entropy,
    _rule,
    None,
    infer=_infer,
    saves=("oxy", ""),
    jvp=_jvp,
    batch=_batch,
    results=3,
    result_names=("loss", "maximum", "rest"),
    cost=2,
)

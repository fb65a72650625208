"""Keras's operations, `keras.ops`, on Tensors: its names and signatures, NumPy's and our functions.

One table gives each signature its function. Arguments without a default are passed to it by place, the others by
name. Python's floats become float32 unless they meet an array that decides; integers keep NumPy's dtype.
What is computed from a Tensor has a history; symbols are taken by the functions that nn.layers.Operation knows.

Example:
    >>> import autograd_lite as ag
    >>> from nn import ops
    >>> x = ag.tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> ops.sum(ops.square(x), axis=-1).backward()
    >>> x.grad
    Tensor([2., 4., 8.])
    >>> ops.sqrt([4.0, 9.0])
    Tensor([2., 3.], dtype=float32)
    >>> ops.max
    <keras.ops.max(x, axis=None, keepdims=False, initial=None)>
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from . import activations

Function = Callable[..., Any]

# Parameters that hold an array, and those that hold a list of arrays.
# fmt: off
_ARRAYS = frozenset({
    "x", "x1", "x2", "y", "a", "b", "inputs", "indices", "values", "updates", "condition", "target", "output", "array",
    "targets", "predictions", "sorted_sequence", "query", "key", "value", "bias", "mask", "kernel", "weights", "mean",
    "variance", "offset", "scale", "gamma", "beta", "data", "segment_ids", "depthwise_kernel", "pointwise_kernel",
    "abs_", "angle",
})
# fmt: on
_LISTS = frozenset({"xs", "operands", "condlist", "choicelist"})

# Signature: the names of the functions of the module which have it.
_SAME: tuple[tuple[ModuleType, str], ...] = (
    (
        np,
        """
        x: abs absolute angle arccos arccosh arcsin arcsinh arctan arctanh bitwise_invert bitwise_not cbrt ceil conj
        x: conjugate copy cos cosh deg2rad exp exp2 expm1 fabs fliplr flipud floor i0 imag isfinite isinf isnan
        x: isneginf isposinf isreal log log10 log1p log2 logical_not negative rad2deg ravel real reciprocal sign signbit
        x: sin sinc sinh sqrt square tan tanh trunc corrcoef nonzero
        x1, x2: add arctan2 divide dot equal floor_divide fmax fmin fmod gcd greater greater_equal heaviside hypot inner
        x1, x2: kron lcm ldexp less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor matmul maximum
        x1, x2: minimum mod multiply nextafter not_equal outer power subtract true_divide vdot
        x, y: bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor left_shift right_shift
        x, axis=None, keepdims=False: all amax amin any argmax argmin mean median nanargmax nanargmin nanmax nanmean
        x, axis=None, keepdims=False: nanmedian nanmin nanstd nansum nanvar nanprod ptp std sum var
        x, axis=None, keepdims=False, initial=None: max min
        x, axis=None, keepdims=False, dtype=None: prod
        x, q, axis=None, method='linear', keepdims=False: nanpercentile nanquantile percentile quantile
        x, axis=None, dtype=None: cumprod cumsum nancumprod nancumsum
        x, axis=None: count_nonzero flip squeeze
        x, axis=-1: argsort sort
        x, axis: expand_dims
        x, axis=0: stack
        xs, axis=0: concatenate
        xs: dstack hstack vstack
        x1, x2, axis=None: append
        x1, x2, axes=2: tensordot
        x1, x2, rtol=1e-05, atol=1e-08, equal_nan=False: allclose isclose
        x1, x2, assume_unique=False, invert=False: isin
        x1, x2, mode='valid': correlate
        x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None: cross
        x, axis=None, weights=None: average
        x, k=0: diag diagflat tril triu
        x, offset=0, axis1=0, axis2=1: diagonal trace
        a, n=1, axis=-1: diff
        x, bins: digitize
        x, kth, axis=-1: argpartition
        x, decimals=0: round
        x, indices_or_sections, axis=0: array_split split
        x, indices_or_sections: dsplit hsplit vsplit
        x, source, destination: moveaxis
        x, axis1, axis2: swapaxes
        x, axes=None: transpose
        x, newshape: reshape
        x, shape: broadcast_to
        x, x_min, x_max: clip
        x, repeats: tile
        x, repeats, axis=None: repeat
        x, shift, axis=None: roll
        array, k=1, axes=(0, 1): rot90
        x, indices, axis=None: take
        x, nan=0.0, posinf=None, neginf=None: nan_to_num
        x, pad_width, mode='constant', constant_values=None: pad
        x, N=None, increasing=False: vander
        y, x=None, dx=1.0, axis=-1: trapezoid
        sorted_sequence, values, side='left': searchsorted
        condlist, choicelist, default=0: select
        indices, shape: unravel_index
        x, bins=10, range=None: histogram
        x: bartlett blackman hamming hanning size ndim
        x, beta: kaiser
        x, dtype=None: empty_like ones_like zeros_like
        x, fill_value, dtype=None: full_like
        shape, dtype=None: empty ones zeros
        N, M=None, k=0, dtype=None: eye tri
        n, dtype=None: identity
        start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0: linspace
        start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0: logspace
        start, stop, num=50, endpoint=True, dtype=None, axis=0: geomspace
        start, stop=None, step=None, dtype=None: arange
        """,
    ),
    (
        np.linalg,
        """
        x: det eig eigh inv slogdet
        a, b: solve
        x, mode='reduced': qr
        x, ord=None, axis=None, keepdims=False: norm
        x, full_matrices=True, compute_uv=True: svd
        x, tol=None: matrix_rank
        """,
    ),
    (
        activations,
        """
        x: hard_sigmoid hard_silu hard_swish hard_tanh log_sigmoid relu relu6 selu sigmoid silu softplus softsign
        x: sparse_plus sparse_sigmoid swish tanh_shrink
        x, axis=-1: glu log_softmax softmax sparsemax
        x, alpha=1.0: celu elu
        x, approximate=True: gelu
        x, negative_slope=0.2: leaky_relu
        x, threshold=0.5: hard_shrink soft_shrink
        x, threshold, default_value: threshold
        x, b=4: squareplus
        """,
    ),
    (
        ag,
        """
        x: erf erfc
        x, axis=None, keepdims=False: logsumexp
        """,
    ),
)


def _last(x: Any, data_format: str | None) -> Any:
    """Return x with its channels last."""
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def _back(x: Any, data_format: str | None) -> Any:
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def _along(v: Any, x: Any, axis: int) -> Any:
    """Return a vector in a shape that broadcasts along one axis of x."""
    return np.reshape(v, [-1 if n == axis % x.ndim else 1 for n in range(x.ndim)])


def _one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    _dense(sparse)
    ids = np.asarray(x.data if isinstance(x, Tensor) else x)
    made = (ids[..., None] == np.arange(num_classes)).astype(dtype or np.float32)
    return np.moveaxis(made, -1, axis)


def _dense(*sparse: Any) -> None:
    if any(sparse):
        raise ValueError("ops: expected dense arrays; received sparse=True or ragged=True. Leave the argument out")


def _multi_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    return _one_hot(x, num_classes, axis, dtype, sparse).max(axis=1 if x.ndim > 1 else 0)


def _normalize(x: Any, axis: Any = -1, order: float = 2, epsilon: float = 1e-7) -> Any:
    return x / np.maximum(np.linalg.norm(x, ord=order, axis=axis, keepdims=True), epsilon)


def _moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
    axes = tuple(axes) if isinstance(axes, list) else axes
    return np.mean(x, axis=axes, keepdims=keepdims), np.var(x, axis=axes, keepdims=keepdims)


def _batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    out = (x - _along(mean, x, axis)) / np.sqrt(_along(variance, x, axis) + epsilon)
    out = out if scale is None else out * _along(scale, x, axis)
    return out if offset is None else out + _along(offset, x, axis)


def _layer_normalization(x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    axes = tuple(axis) if isinstance(axis, list) else axis
    centred = x - np.mean(x, axis=axes, keepdims=True)
    out = centred / np.sqrt(np.var(x, axis=axes, keepdims=True) + epsilon)
    out = out if gamma is None else out * gamma
    return out if beta is None else out + beta


def _rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    out = x / np.sqrt(np.mean(np.square(x), axis=axis, keepdims=True) + epsilon)
    return out if scale is None else out * scale


def _attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: Any = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Attend, with arrays of shape (batch, length, heads, width)."""
    repeats = query.shape[2] // key.shape[2]
    key, value = (x if repeats == 1 else np.repeat(x, repeats, axis=2) for x in (key, value))
    scores = np.einsum("bqhd,bkhd->bhqk", query, key) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if attn_logits_soft_cap is not None:
        scores = np.tanh(scores / attn_logits_soft_cap) * attn_logits_soft_cap
    scores = scores if bias is None else scores + bias
    allowed = np.tri(*scores.shape[-2:]) > 0 if is_causal else None
    if mask is not None:
        allowed = mask if allowed is None else np.logical_and(mask, allowed)
    scores = scores if allowed is None else np.where(allowed, scores, np.finfo(scores.dtype).min)
    return np.einsum("bhqk,bkhd->bqhd", activations.softmax(scores), value)


def _binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    if from_logits:
        return activations.softplus(output) - target * output
    p = np.clip(output, 1e-7, 1 - 1e-7)
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def _log_p(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return activations.log_softmax(output, axis=axis)
    return np.log(np.clip(output / np.sum(output, axis=axis, keepdims=True), 1e-7, 1 - 1e-7))


def _categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    return -np.sum(target * _log_p(output, from_logits, axis), axis=axis)


def _sparse_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = np.squeeze(target, -1)
    return _categorical_crossentropy(_one_hot(target, output.shape[axis], axis), output, from_logits, axis)


def _conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    x = _last(inputs, data_format)
    groups = x.shape[-1] // kernel.shape[-2]
    return _back(ag.convolution(x, kernel, strides, padding, dilation_rate, groups), data_format)


def _depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    *size, channels, multiplier = kernel.shape
    kernel = np.reshape(kernel, (*size, 1, channels * multiplier))
    return _conv(inputs, kernel, strides, padding, data_format, dilation_rate)


def _separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    x = _depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return _conv(x, pointwise_kernel, data_format=data_format)


def _pool(pooling: Function) -> Function:
    def pool(inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None) -> Any:
        return _back(pooling(_last(inputs, data_format), pool_size, strides, padding), data_format)

    return pool


def _written(x: Any, index: Any, updates: Any, reduction: str | None = None) -> Any:
    """Return x with updates written at an index; the history of both stays."""
    out = (x if isinstance(x, Tensor) else ag.tensor(x)).copy()
    if reduction is None:
        out[index] = updates
    elif reduction in _AT:
        _AT[reduction].at(out, index, updates)
    else:
        raise ValueError(f"ops.scatter_update: expected reduction in {[None, *_AT]}; received {reduction!r}")
    return out


_AT = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def _paths(indices: Any) -> tuple[Any, ...]:
    """Return a list of places, one a row, as an index."""
    return tuple(np.moveaxis(np.asarray(indices.data if isinstance(indices, Tensor) else indices), -1, 0))


def _box(start: Any, shape: Any) -> tuple[slice, ...]:
    return tuple(slice(int(n), int(n) + int(m)) for n, m in zip(start, shape, strict=True))


def _scatter(indices: Any, values: Any, shape: Any) -> Any:
    return _written(np.zeros(shape, values.dtype), _paths(indices), values, "add")


def _tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    _dense(sparse, ragged)
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def _saturate(x: Any, dtype: Any) -> Any:
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return x.astype(bool)
    limits = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    return np.clip(x, limits.min, limits.max).astype(kind)


def _top_k(x: Any, k: int, sorted: bool = True) -> Any:
    falling = np.flip(np.argsort(np.flip(x, axis=-1), axis=-1, kind="stable"), axis=-1)  # the first of equals first
    order = (x.shape[-1] - 1 - falling)[..., :k]
    return np.take_along_axis(x, order, axis=-1), order


def _in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    own = np.take_along_axis(predictions, np.expand_dims(targets, -1), axis=-1)
    return np.logical_and(np.sum(predictions > own, axis=-1) < k, np.isfinite(own[..., 0]))


def _segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    ids = np.asarray(segment_ids.data if isinstance(segment_ids, Tensor) else segment_ids)
    shape = (int(ids.max()) + 1 if num_segments is None else num_segments, *data.shape[1:])
    return _written(np.zeros(shape, data.dtype), (ids,), data, "add")


# Signature of what behaves in a way of its own: the function.
_OWN: Mapping[str, Function] = {
    "array(x, dtype=None)": _tensor,
    "average_pool(inputs, pool_size, strides=None, padding='valid', data_format=None)": _pool(ag.average_pooling),
    "batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=0.001)": _batch_normalization,
    "binary_crossentropy(target, output, from_logits=False)": _binary_crossentropy,
    "cast(x, dtype)": lambda x, dtype: x.astype(dtype),
    "categorical_crossentropy(target, output, from_logits=False, axis=-1)": _categorical_crossentropy,
    "cholesky(x, upper=False)": lambda x, upper: (
        np.swapaxes(np.linalg.cholesky(x), -1, -2) if upper else np.linalg.cholesky(x)
    ),
    "cholesky_inverse(x, upper=False)": lambda x, upper: np.linalg.inv(
        np.swapaxes(x, -1, -2) @ x if upper else x @ np.swapaxes(x, -1, -2)
    ),
    "conv(inputs, kernel, strides=1, padding='valid', data_format=None, dilation_rate=1)": _conv,
    "convert_to_tensor(x, dtype=None, sparse=None, ragged=None)": _tensor,
    "depthwise_conv(inputs, kernel, strides=1, padding='valid', data_format=None, dilation_rate=1)": _depthwise_conv,
    "divide_no_nan(x1, x2)": lambda x1, x2: np.where(x2 == 0, 0.0, x1 / np.where(x2 == 0, 1, x2)),
    "dot_product_attention(query, key, value, bias=None, mask=None, scale=None, is_causal=False, flash_attention=None, "
    "attn_logits_soft_cap=None)": _attention,
    "einsum(subscripts, *operands, **kwargs)": np.einsum,
    "full(shape, fill_value, dtype=None)": lambda shape, fill_value, dtype=None: np.full(
        shape, fill_value, dtype or np.float32
    ),
    "get_item(x, key)": lambda x, key: x[key],
    "in_top_k(targets, predictions, k)": _in_top_k,
    "layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs)": _layer_normalization,
    "logdet(x)": lambda x: np.linalg.slogdet(x)[1],
    "lstsq(a, b, rcond=None)": lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond)[0],
    "max_pool(inputs, pool_size, strides=None, padding='valid', data_format=None)": _pool(ag.max_pooling),
    "meshgrid(*x, indexing='xy')": np.meshgrid,
    "moments(x, axes, keepdims=False, synchronized=False)": _moments,
    "multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs)": _multi_hot,
    "normalize(x, axis=-1, order=2, epsilon=None)": _normalize,
    "one_hot(x, num_classes, axis=-1, dtype=None, sparse=False)": _one_hot,
    "pinv(x, rcond=None)": np.linalg.pinv,
    "polar(abs_, angle)": lambda radius, angle: radius * np.exp(1j * angle),
    "psnr(x1, x2, max_val)": lambda x1, x2, peak: 20 * np.log10(peak) - 10 * np.log10(np.mean(np.square(x1 - x2))),
    "rms_normalization(x, scale=None, axis=-1, epsilon=None)": _rms_normalization,
    "rsqrt(x)": lambda x: 1 / np.sqrt(x),
    "saturate_cast(x, dtype)": _saturate,
    "scatter(indices, values, shape)": _scatter,
    "scatter_update(inputs, indices, updates, reduction=None)": lambda x, indices, updates, reduction=None: _written(
        x, _paths(indices), updates, reduction
    ),
    "segment_sum(data, segment_ids, num_segments=None, sorted=False)": _segment_sum,
    "separable_conv(inputs, depthwise_kernel, pointwise_kernel, strides=1, padding='valid', data_format=None, "
    "dilation_rate=1)": _separable_conv,
    "slice(inputs, start_indices, shape)": lambda x, start, shape: x[_box(start, shape)],
    "slice_update(inputs, start_indices, updates)": lambda x, start, updates: _written(
        x, _box(start, updates.shape), updates
    ),
    "solve_triangular(a, b, lower=False)": lambda a, b, lower: np.linalg.solve(np.tril(a) if lower else np.triu(a), b),
    "sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1)": _sparse_crossentropy,
    "take_along_axis(x, indices, axis=None)": lambda x, indices, axis=None: np.take_along_axis(x, indices, axis),
    "top_k(x, k, sorted=True)": _top_k,
    "unstack(x, num=None, axis=0)": lambda x, num=None, axis=0: list(np.moveaxis(x, axis, 0)),
    "where(condition, x1=None, x2=None)": lambda condition, x1=None, x2=None: (
        np.nonzero(condition) if x1 is None else np.where(condition, x1, x2)
    ),
}


def _while(cond: Function, body: Function, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    several = isinstance(loop_vars, (tuple, list))
    state, done = tuple(loop_vars) if several else (loop_vars,), 0
    while (maximum_iterations is None or done < maximum_iterations) and bool(cond(*state)):
        new = body(*state)
        state, done = tuple(new) if isinstance(new, (tuple, list)) else (new,), done + 1
    return state if several else state[0]


def _fori(lower: int, upper: int, body_fun: Function, init_val: Any) -> Any:
    for n in range(int(lower), int(upper)):
        init_val = body_fun(n, init_val)
    return init_val


def _stacked(results: list[Any]) -> Any:
    """Return trees of arrays of one shape as a tree of arrays with one axis more."""
    return ag.tree.map(lambda *parts: np.stack([_array(p) for p in parts]), *results)


def _map(f: Function, xs: Any) -> Any:
    length = len(ag.tree.leaves(xs)[0])
    return _stacked([f(ag.tree.map(lambda x, n=n: x[n], xs)) for n in range(length)])


def _scan(f: Function, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    steps = range(int(length) if xs is None else len(ag.tree.leaves(xs)[0]))
    found = []
    for n in reversed(steps) if reverse else steps:
        init, out = f(init, None if xs is None else ag.tree.map(lambda x, n=n: x[n], xs))
        found.append(out)
    return init, None if not found or found[0] is None else _stacked(found[::-1] if reverse else found)


# What takes and returns any objects: nothing is converted.
_CORE: Mapping[str, Function] = {
    "cond(pred, true_fn, false_fn)": lambda pred, true_fn, false_fn: true_fn() if bool(pred) else false_fn(),
    "convert_to_numpy(x)": lambda x: np.array(x.data) if isinstance(x, Tensor) else np.array(_array(x)),
    "dtype(x)": lambda x: np.dtype(_array(x).dtype).name,
    "fori_loop(lower, upper, body_fun, init_val)": _fori,
    "is_tensor(x)": lambda x: isinstance(x, Tensor),
    "map(f, xs)": _map,
    "scan(f, init, xs=None, length=None, reverse=False, unroll=1)": _scan,
    "shape(x)": lambda x: tuple(_array(x).shape),
    "stop_gradient(variable)": lambda x: ag.stop_gradient(x),
    "switch(index, branches, *operands)": lambda index, branches, *operands: branches[
        min(max(int(index), 0), len(branches) - 1)
    ](*operands),
    "vectorized_map(function, elements)": _map,
    "while_loop(cond, body, loop_vars, maximum_iterations=None)": _while,
}


def _array(value: Any) -> Any:
    """Return an array for a list or a number, of float32 if of Python's floats; anything else as it is."""
    if isinstance(value, (list, tuple)):
        if any(isinstance(v, Tensor) for v in value):
            return np.stack([_array(v) for v in value])
        own = [v for v in value if isinstance(v, np.ndarray)]
        made = np.asarray(value)
        return made if own else _narrow(made)
    return _narrow(np.asarray(value)) if isinstance(value, (bool, int, float, complex)) else value


def _narrow(x: Any) -> Any:
    kinds = {"float64": np.float32, "complex128": np.complex64}
    return x.astype(kinds[x.dtype.name]) if x.dtype.name in kinds else x


def _finished(result: Any, wide: bool) -> Any:
    """Return a result with its arrays as Tensors, in float32 unless wide numbers came in or were asked for."""
    if isinstance(result, (tuple, list)):
        return (list if isinstance(result, list) else tuple)(_finished(part, wide) for part in result)
    if not isinstance(result, (np.ndarray, np.generic, Tensor)):
        return result
    result = result if wide else _narrow(result)
    return result if isinstance(result, Tensor) else ag.tensor(result)


def _is_wide(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_wide, value))
    return not isinstance(value, float) and getattr(value, "dtype", None) in (np.float64, np.complex128)


class Op:
    """An operation under Keras's name and signature, made of a row of the table.

    Example:
        >>> from nn import ops
        >>> ops.clip([-1.0, 3.0], 0, 2)
        Tensor([0., 2.], dtype=float32)
    """

    def __init__(self, signature: str, function: Function, converts: bool = True) -> None:
        name, _, rest = signature.partition("(")
        self.__name__, self.__qualname__, self.__module__ = name, name, __name__
        self.__doc__ = f"`keras.ops.{signature}` on Tensors."
        self.__signature__ = _signature(rest.removesuffix(")"))
        self.function, self.converts, self.text = function, converts, signature

    def __repr__(self) -> str:
        return f"<keras.ops.{self.text}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function behind this operation."""
        try:
            given = self.__signature__.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"ops.{self.__name__}: expected arguments ({self.text}); {error}") from None
        values = {n: self._converted(n, v, given) for n, v in given.items()} if self.converts else given
        places: list[Any] = []
        named: dict[str, Any] = {}
        for name, parameter in self.__signature__.parameters.items():
            value = values.get(name, parameter.default)
            if parameter.kind is parameter.VAR_POSITIONAL:
                places += values.get(name, ())
            elif parameter.kind is parameter.VAR_KEYWORD:
                named |= values.get(name, {})
            elif parameter.default is parameter.empty:
                places.append(value)
            elif value is not None or parameter.default is not None:  # None stands for NumPy's own default
                named[name] = value
        result = self.function(*places, **named)
        wide = given.get("dtype") is not None or any(_is_wide(v) for v in given.values())
        return _finished(result, wide) if self.converts else result

    def _converted(self, name: str, value: Any, given: Mapping[str, Any]) -> Any:
        if name in _LISTS or self.__name__ == "stack" or (name == "x" and self.__name__ == "meshgrid"):
            is_list = isinstance(value, (list, tuple)) and name != "axis"
            return [_array(v) for v in value] if is_list else value
        if name not in _ARRAYS:
            return value
        if isinstance(value, (int, float)) and any(hasattr(v, "dtype") for n, v in given.items() if n != name):
            return float(value) if isinstance(value, float) else value  # a number goes by the arrays it meets
        return _array(value)


def _signature(text: str) -> inspect.Signature:
    """Return the signature that arguments are written as."""
    parsed = ast.parse(f"lambda {text}: 0", mode="eval").body
    assert isinstance(parsed, ast.Lambda)
    arguments = parsed.args
    kinds = inspect.Parameter
    defaults = [kinds.empty] * (len(arguments.args) - len(arguments.defaults))
    defaults += [ast.literal_eval(d) for d in arguments.defaults]
    made = [kinds(a.arg, kinds.POSITIONAL_OR_KEYWORD, default=d) for a, d in zip(arguments.args, defaults, strict=True)]
    made += [kinds(arguments.vararg.arg, kinds.VAR_POSITIONAL)] if arguments.vararg else []
    for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        made.append(kinds(a.arg, kinds.KEYWORD_ONLY, default=kinds.empty if d is None else ast.literal_eval(d)))
    made += [kinds(arguments.kwarg.arg, kinds.VAR_KEYWORD)] if arguments.kwarg else []
    return inspect.Signature(made)


def _table() -> dict[str, Op]:
    found = [
        Op(f"{name}({arguments})", getattr(module, name))
        for module, text in _SAME
        for arguments, _, names in (line.strip().rpartition(":") for line in text.strip().splitlines())
        for name in names.split()
    ]
    found += [Op(signature, function) for signature, function in _OWN.items()]
    found += [Op(signature, function, converts=False) for signature, function in _CORE.items()]
    return {op.__name__: op for op in found}


TABLE = _table()


def __getattr__(name: str) -> Any:  # no globals: some would hide Python's own `max`, `map` or `slice` from this file
    if name in TABLE:
        return TABLE[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(TABLE)

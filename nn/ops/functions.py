"""The operations of Keras that no function of NumPy or of ours computes under another signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor, arrays
from autograd_lite.arrays import array_namespace
from autograd_lite.extend import is_compiling

from .. import activations
from .interpolation import transposed_cut, transposed_length

Function = Callable[..., Any]


def as_array(value: Any) -> Any:
    """Return an array for a list or a number, of float32 if of Python's floats; anything else as it is."""
    if isinstance(value, (list, tuple)):
        if any(isinstance(v, Tensor) for v in value):
            return np.stack([as_array(v) for v in value])
        array = np.asarray(value)
        return array if any(isinstance(v, np.ndarray) for v in value) else narrow(array)
    return narrow(np.asarray(value)) if isinstance(value, (bool, int, float, complex)) else value


def narrow(x: Any) -> Any:
    """Return x, of 32 bits if it has 64-bit floats."""
    kinds = {"float64": np.float32, "complex128": np.complex64}
    return x.astype(kinds[x.dtype.name]) if x.dtype.name in kinds else x


def channels_last(x: Any, data_format: str | None) -> Any:
    """Return x with its channels last."""
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def channels_back(x: Any, data_format: str | None) -> Any:
    """Return x with its channels where they were."""
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def _along(v: Any, x: Any, axis: int) -> Any:
    """Return a vector in a shape that broadcasts along one axis of x."""
    return np.reshape(v, [-1 if n == axis % x.ndim else 1 for n in range(x.ndim)])


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """Return 1 at the place of each class and 0 elsewhere."""
    refuse_sparse(sparse)
    ids = arrays.as_array(x.data if isinstance(x, Tensor) else x)
    hot = (ids[..., None] == array_namespace(ids).arange(num_classes)).astype(dtype or np.float32)
    return np.moveaxis(hot, -1, axis)


def refuse_sparse(*sparse: Any) -> None:
    """Raise if one of the flags of sparse and ragged arrays is set."""
    if any(sparse):
        raise ValueError("ops: expected dense arrays; received sparse=True or ragged=True. Leave the argument out")


def multi_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """Return 1 at the places of all classes of a sample and 0 elsewhere."""
    return one_hot(x, num_classes, axis, dtype, sparse).max(axis=1 if x.ndim > 1 else 0)


def fourier(function: Function) -> Function:
    """Return a transform of complex numbers as one of pairs (real part, imaginary part)."""
    return lambda x: parts_of(function(x[0] + 1j * x[1]))


def parts_of(z: Any) -> tuple[Any, Any]:
    """Return the real and the imaginary part."""
    return np.real(z), np.imag(z)


def rfft(x: Any, fft_length: int | None = None) -> Any:
    """Return the real and the imaginary part of the transform of real numbers along the last axis."""
    return parts_of(np.fft.rfft(x, fft_length))


def irfft(x: Any, fft_length: int | None = None) -> Any:
    """Return the real numbers whose transform is x, a pair (real part, imaginary part)."""
    return np.fft.irfft(x[0] + 1j * x[1], fft_length)


def normalize(x: Any, axis: Any = -1, order: float = 2, epsilon: float = 1e-7) -> Any:
    """Return x over its norm, which is at least epsilon."""
    return x / np.maximum(np.linalg.norm(x, ord=order, axis=axis, keepdims=True), epsilon)


def moments(x: Any, axes: Any, keepdims: Any = False, synchronized: bool = False) -> Any:
    """Return mean and variance."""
    axes = tuple(axes) if isinstance(axes, list) else axes
    return np.mean(x, axis=axes, keepdims=keepdims), np.var(x, axis=axes, keepdims=keepdims)


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """Return x shifted and scaled by these statistics, then by scale and offset."""
    out = (x - _along(mean, x, axis)) / np.sqrt(_along(variance, x, axis) + epsilon)
    out = out if scale is None else out * _along(scale, x, axis)
    return out if offset is None else out + _along(offset, x, axis)


def layer_normalization(x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    """Return x with mean 0 and variance 1 along axes, times gamma, plus beta."""
    axes = tuple(axis) if isinstance(axis, list) else axis
    centred = x - np.mean(x, axis=axes, keepdims=True)
    out = centred / np.sqrt(np.var(x, axis=axes, keepdims=True) + epsilon)
    out = out if gamma is None else out * gamma
    return out if beta is None else out + beta


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    """Return x over its root mean square, times scale."""
    out = x / np.sqrt(np.mean(np.square(x), axis=axis, keepdims=True) + epsilon)
    return out if scale is None else out * scale


def dot_product_attention(
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


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Return the cross-entropy of each element."""
    if from_logits:
        return activations.softplus(output) - target * output
    p = np.clip(output, 1e-7, 1 - 1e-7)
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def _log_p(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return activations.log_softmax(output, axis=axis)
    return np.log(np.clip(output / np.sum(output, axis=axis, keepdims=True), 1e-7, 1 - 1e-7))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Return the cross-entropy of distributions along an axis."""
    return -np.sum(target * _log_p(output, from_logits, axis), axis=axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """Return the cross-entropy of class numbers."""
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = np.squeeze(target, -1)
    return categorical_crossentropy(one_hot(target, output.shape[axis], axis), output, from_logits, axis)


def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """Convolve over one, two or three axes."""
    x = channels_last(inputs, data_format)
    groups = x.shape[-1] // kernel.shape[-2]
    return channels_back(ag.convolution(x, kernel, strides, padding, dilation_rate, groups), data_format)


def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """Convolve each channel with its own kernels."""
    *size, channels, multiplier = kernel.shape
    kernel = np.reshape(kernel, (*size, 1, channels * multiplier))
    return conv(inputs, kernel, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolve each channel, then mix the channels."""
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, data_format=data_format)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Spread inputs over windows, the transpose of `conv`; the kernel has shape (*K, channels out, channels in)."""
    x = channels_last(inputs, data_format)
    values = (strides, dilation_rate, output_padding)
    steps, gaps, more = (n if isinstance(n, (tuple, list)) else (n,) * (x.ndim - 2) for n in values)
    windows = [gap * (k - 1) + 1 for gap, k in zip(gaps, kernel.shape, strict=False)]
    axes = [(n, s, w, padding, p) for n, s, w, p in zip(x.shape[1:-1], steps, windows, more, strict=True)]
    size, cut = [transposed_length(*axis) for axis in axes], [transposed_cut(*axis) for axis in axes]
    return channels_back(ag.transposed_convolution(x, kernel, strides, cut, dilation_rate, size=size), data_format)


def adaptive(pooled: Function) -> Function:
    """Return a pooling to a given size, one axis after the other."""

    def pool(inputs: Any, output_size: Any, data_format: Any = None) -> Any:
        x = channels_last(inputs, data_format)
        sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * (x.ndim - 2)
        for axis, m in enumerate(sizes, 1):
            x = x if x.shape[axis] == m else pooled(x, axis, m)
        return channels_back(x, data_format)

    return pool


def pool(pooling: Function) -> Function:
    """Return a pooling of ours with Keras's arguments."""

    def pool(inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None) -> Any:
        return channels_back(pooling(channels_last(inputs, data_format), pool_size, strides, padding), data_format)

    return pool


def write(x: Any, index: Any, updates: Any, reduction: str | None = None) -> Any:
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


def paths(indices: Any) -> tuple[Any, ...]:
    """Return a list of places, one a row, as an index."""
    return tuple(np.moveaxis(arrays.as_array(indices.data if isinstance(indices, Tensor) else indices), -1, 0))


def box(start: Any, shape: Any) -> tuple[slice, ...]:
    """Return the index of a box that begins at a place."""
    return tuple(slice(int(n), int(n) + int(m)) for n, m in zip(start, shape, strict=True))


def part(x: Any, start: Any, shape: Any) -> Any:
    """Return the part of a shape that begins at a place."""
    out = x[box(start, shape)]
    if out.shape != tuple(shape):
        raise ag.ShapeError(f"ops.slice: expected a part of x, of shape {x.shape}; received {start=}, {shape=}")
    return out


def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Return zeros with values added at places."""
    return write(array_namespace(values).zeros(shape, values.dtype), paths(indices), values, "add")


def to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """Return x, in another dtype if one is given."""
    refuse_sparse(sparse, ragged)
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def saturate_cast(x: Any, dtype: Any) -> Any:
    """Return x in a dtype, cut off at the dtype's limits."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return x.astype(bool)
    limits = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    return np.clip(x, limits.min, limits.max).astype(kind)


def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """Return the k largest values along the last axis, and their places."""
    falling = np.flip(np.argsort(np.flip(x, axis=-1), axis=-1, kind="stable"), axis=-1)  # the first of equals first
    order = (x.shape[-1] - 1 - falling)[..., :k]
    return np.take_along_axis(x, order, axis=-1), order


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Return whether each target is among the k highest predictions."""
    scores = np.take_along_axis(predictions, np.expand_dims(targets, -1), axis=-1)
    return np.logical_and(np.sum(predictions > scores, axis=-1) < k, np.isfinite(scores[..., 0]))


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Return the sums of the rows with the same number."""
    ids = arrays.as_array(segment_ids.data if isinstance(segment_ids, Tensor) else segment_ids)
    shape = (int(ids.max()) + 1 if num_segments is None else num_segments, *data.shape[1:])
    return write(array_namespace(data).zeros(shape, data.dtype), (ids,), data, "add")


def cond(pred: Any, true_fn: Function, false_fn: Function) -> Any:
    """Return the result of one of two functions."""
    if is_compiling() and isinstance(pred, Tensor):  # its value is known only when the compiled function runs
        return ag.cond(pred, true_fn, false_fn)
    return true_fn() if bool(pred) else false_fn()


def while_loop(cond: Function, body: Function, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """Return the variables when the condition no longer holds."""
    several = isinstance(loop_vars, (tuple, list))
    state, done = tuple(loop_vars) if several else (loop_vars,), 0
    if is_compiling():

        def step(state: Any) -> Any:
            new = body(*state)
            return tuple(new) if isinstance(new, (tuple, list)) else (new,)

        state = ag.while_loop(lambda state: cond(*state), step, state, max_steps=maximum_iterations)
        return state if several else state[0]
    while (maximum_iterations is None or done < maximum_iterations) and bool(cond(*state)):
        new = body(*state)
        state, done = tuple(new) if isinstance(new, (tuple, list)) else (new,), done + 1
    return state if several else state[0]


def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Any) -> Any:
    """Return the state after a body has run for each number of a range."""
    if is_compiling() and (isinstance(lower, Tensor) or isinstance(upper, Tensor)):
        return ag.fori_loop(lower, upper, body_fun, init_val)
    for n in range(int(lower), int(upper)):
        init_val = body_fun(n, init_val)
    return init_val


def _stack(results: list[Any]) -> Any:
    """Return trees of arrays of one shape as a tree of arrays with one axis more."""
    return ag.tree.map(lambda *parts: np.stack([as_array(p) for p in parts]), *results)


def map_first_axis(f: Function, xs: Any) -> Any:
    """Return the results of a function for each entry along the first axis."""
    length = len(ag.tree.leaves(xs)[0])
    return _stack([f(ag.tree.map(lambda x, n=n: x[n], xs)) for n in range(length)])


def scan(f: Function, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    """Return the last state, and the results of all steps, of a function from one state to the next."""
    steps = range(int(length) if xs is None else len(ag.tree.leaves(xs)[0]))
    outputs = []
    for n in reversed(steps) if reverse else steps:
        init, out = f(init, None if xs is None else ag.tree.map(lambda x, n=n: x[n], xs))
        outputs.append(out)
    return init, None if not outputs or outputs[0] is None else _stack(outputs[::-1] if reverse else outputs)


def custom_gradient(f: Function) -> Function:
    """Return a function with the derivative that it states: f returns its result and its pullback."""

    @ag.custom_vjp
    def forward(*args: Any) -> Any:
        return ag.tree.map(lambda x: x.data if isinstance(x, Tensor) else x, f(*args)[0])

    @forward.def_vjp
    def backward(g: Any, out: Any, *args: Any) -> Any:
        gradients = f(*args)[1](*args, upstream=g)
        return tuple(gradients) if isinstance(gradients, (tuple, list)) else (gradients,)

    return lambda *args: forward(*map(as_array, args))


def jvp(fun: Function, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """Return a function's result, its derivative along tangents, and its auxiliary result."""
    others: list[Any] = []

    def result(*args: Any) -> Any:
        out, other = fun(*args) if has_aux else (fun(*args), None)
        others.append(other)
        return out

    pair = tuple(ag.jvp(result)(tuple(map(as_array, primals)), tuple(map(as_array, tangents))))
    return (*pair, others[-1]) if has_aux else pair

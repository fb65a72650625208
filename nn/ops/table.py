"""The table of operations: each signature of Keras's and its function.

Arguments without a default are passed to the function by place, the others by name.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.extend import FunctionObject

from .. import activations
from ..module import symbols
from ..module.abstract import result_without_values
from . import arrangements as g, functions as f, images
from .descriptions import describe
from .interpolation import average_evenly, largest_evenly

Function = Callable[..., Any]

# Parameters that hold an array, and those that hold a list of arrays.
# fmt: off
_ARRAYS = frozenset({
    "x", "x1", "x2", "y", "a", "b", "inputs", "indices", "values", "updates", "condition", "target", "output", "array",
    "targets", "predictions", "sorted_sequence", "query", "key", "value", "bias", "mask", "kernel", "weights", "mean",
    "variance", "offset", "scale", "gamma", "beta", "data", "segment_ids", "depthwise_kernel", "pointwise_kernel",
    "abs_", "angle", "tensor", "images", "volumes",
})
# fmt: on
_LISTS = frozenset({"xs", "operands", "condlist", "choicelist"})

# Signature: the names of the functions of the module which have it; "*" is the function's own.
_SAME: tuple[tuple[ModuleType, str], ...] = (
    (
        np,
        """
        x: abs absolute angle arccos arccosh arcsin arcsinh arctan arctanh bitwise_invert bitwise_not cbrt ceil conj
        x: conjugate copy cos cosh deg2rad exp exp2 expm1 fabs fliplr flipud floor i0 imag isfinite isinf isnan
        x: isneginf isposinf isreal log log10 log1p log2 logical_not negative rad2deg ravel real reciprocal sign signbit
        x: sin sinc sinh sqrt square tan tanh trunc corrcoef nonzero
        x1, x2: add arctan2 divide dot equal floor_divide fmax fmin fmod gcd greater greater_equal heaviside hypot inner
        x1, x2: kron lcm less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor matmul maximum
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
        x: bartlett blackman hamming hanning size
        x, beta: kaiser
        x, dtype=None: empty_like ones_like zeros_like
        x, fill_value, dtype=None: full_like
        shape, dtype=None: empty ones zeros
        N, M=None, k=0, dtype=None: tri
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
        *: celu elu glu hard_shrink leaky_relu log_softmax soft_shrink softmax sparsemax squareplus threshold
        x, approximate=True: gelu
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


# Signatures of operations that no single function has: the function.
_OWN: Mapping[str, Function] = {
    "adaptive_average_pool(inputs, output_size, data_format=None)": f.adaptive(average_evenly),
    "adaptive_max_pool(inputs, output_size, data_format=None)": f.adaptive(largest_evenly),
    "array(x, dtype=None)": f.to_tensor,
    "average_pool(inputs, pool_size, strides=None, padding='valid', data_format=None)": f.pool(ag.average_pooling),
    "batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=0.001)": f.batch_normalization,
    "binary_crossentropy(target, output, from_logits=False)": f.binary_crossentropy,
    "bincount(x, weights=None, minlength=0, sparse=False)": g.bincount,
    "cdist(x, y)": g.cdist,
    "cast(x, dtype)": lambda x, dtype: x.astype(dtype),
    "categorical_crossentropy(target, output, from_logits=False, axis=-1)": f.categorical_crossentropy,
    "cholesky(x, upper=False)": lambda x, upper: (
        np.swapaxes(np.linalg.cholesky(x), -1, -2) if upper else np.linalg.cholesky(x)
    ),
    "cholesky_inverse(x, upper=False)": lambda x, upper: np.linalg.inv(
        np.swapaxes(np.triu(x), -1, -2) @ np.triu(x) if upper else np.tril(x) @ np.swapaxes(np.tril(x), -1, -2)
    ),
    "conv(inputs, kernel, strides=1, padding='valid', data_format=None, dilation_rate=1)": f.conv,
    "conv_transpose(inputs, kernel, strides=1, padding='valid', output_padding=None, data_format=None, "
    "dilation_rate=1)": f.conv_transpose,
    "depth_to_space(x, block_size, data_format='channels_last')": g.depth_to_space,
    "convert_to_tensor(x, dtype=None, sparse=None, ragged=None)": f.to_tensor,
    "depthwise_conv(inputs, kernel, strides=1, padding='valid', data_format=None, dilation_rate=1)": f.depthwise_conv,
    "divide_no_nan(x1, x2)": lambda x1, x2: np.where(x2 == 0, 0.0, x1 / np.where(x2 == 0, 1, x2)),
    "dot_product_attention(query, key, value, bias=None, mask=None, scale=None, is_causal=False, flash_attention=None, "
    "attn_logits_soft_cap=None)": f.dot_product_attention,
    "einsum(subscripts, *operands, **kwargs)": np.einsum,
    "eye(N, M=None, k=0, dtype=None)": lambda n, M=None, k=0, dtype="float32": np.eye(n, M, k, dtype),
    "extract_sequences(x, sequence_length, sequence_stride)": g.extract_sequences,
    "fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1)": g.fold,
    "rearrange(tensor, pattern, **axes_lengths)": g.rearrange,
    "segment_max(data, segment_ids, num_segments=None, sorted=False)": g.segments("max", -np.inf),
    "segment_min(data, segment_ids, num_segments=None, sorted=False)": g.segments("min", np.inf),
    "segment_prod(data, segment_ids, num_segments=None, sorted=False)": g.segments("mul", 1),
    "space_to_depth(x, block_size, data_format='channels_last')": g.space_to_depth,
    "stft(x, sequence_length, sequence_stride, fft_length, window='hann', center=True)": g.stft,
    "unfold(x, kernel_size, dilation=1, padding=0, stride=1)": g.unfold,
    "unique(x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None, "
    "fill_value=None)": g.unique,
    "view(x, dtype=None)": lambda x, dtype=None: x if dtype is None else g.values_of(x).view(dtype),
    "view_as_complex(x)": g.view_as_complex,
    "view_as_real(x)": lambda x: np.stack([np.real(x), np.imag(x)], axis=-1),
    "fft(x)": f.fourier(np.fft.fft),
    "fft2(x)": f.fourier(np.fft.fft2),
    "full(shape, fill_value, dtype=None)": lambda shape, fill_value, dtype=None: np.full(
        shape, fill_value, dtype or np.float32
    ),
    "get_item(x, key)": lambda x, key: x[key],
    "ifft2(x)": f.fourier(np.fft.ifft2),
    "irfft(x, fft_length=None)": f.irfft,
    "rfft(x, fft_length=None)": f.rfft,
    "in_top_k(targets, predictions, k)": f.in_top_k,
    "layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs)": f.layer_normalization,
    "ldexp(x1, x2)": lambda x1, x2: np.ldexp(x1.astype(np.float32) if x1.dtype.kind in "biu" else x1, x2),
    "logdet(x)": lambda x: np.linalg.slogdet(x)[1],
    "lstsq(a, b, rcond=None)": lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond)[0],
    "max_pool(inputs, pool_size, strides=None, padding='valid', data_format=None)": f.pool(ag.max_pooling),
    "meshgrid(*x, indexing='xy')": np.meshgrid,
    "ndim(x)": lambda x: x.ndim,
    "moments(x, axes, keepdims=False, synchronized=False)": f.moments,
    "multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs)": f.multi_hot,
    "normalize(x, axis=-1, order=2, epsilon=None)": f.normalize,
    "one_hot(x, num_classes, axis=-1, dtype=None, sparse=False)": f.one_hot,
    "pinv(x, rcond=None)": np.linalg.pinv,
    "polar(abs_, angle)": lambda radius, angle: radius * np.exp(1j * angle),
    "psnr(x1, x2, max_val)": lambda x1, x2, peak: 20 * np.log10(peak) - 10 * np.log10(np.mean(np.square(x1 - x2))),
    "rms_normalization(x, scale=None, axis=-1, epsilon=None)": f.rms_normalization,
    "rsqrt(x)": lambda x: 1 / np.sqrt(x),
    "saturate_cast(x, dtype)": f.saturate_cast,
    "scatter(indices, values, shape)": f.scatter,
    "scatter_update(inputs, indices, updates, reduction=None)": lambda x, indices, updates, reduction=None: f.write(
        x, f.paths(indices), updates, reduction
    ),
    "segment_sum(data, segment_ids, num_segments=None, sorted=False)": f.segment_sum,
    "separable_conv(inputs, depthwise_kernel, pointwise_kernel, strides=1, padding='valid', data_format=None, "
    "dilation_rate=1)": f.separable_conv,
    "slice(inputs, start_indices, shape)": f.part,
    "slice_update(inputs, start_indices, updates)": lambda x, start, updates: f.write(
        x, f.box(start, updates.shape), updates
    ),
    "solve_triangular(a, b, lower=False)": lambda a, b, lower: np.linalg.solve(np.tril(a) if lower else np.triu(a), b),
    "sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1)": f.sparse_categorical_crossentropy,
    "take_along_axis(x, indices, axis=None)": lambda x, indices, axis=None: np.take_along_axis(x, indices, axis),
    "top_k(x, k, sorted=True)": f.top_k,
    "unstack(x, num=None, axis=0)": lambda x, num=None, axis=0: list(np.moveaxis(x, axis, 0)),
    "where(condition, x1=None, x2=None)": lambda condition, x1=None, x2=None: (
        np.nonzero(condition) if x1 is None else np.where(condition, x1, x2)
    ),
}


# The dtype of arrays where no operand has floats, as in Keras: integers and booleans before functions that give
# floats (NumPy's are float16 for int8, and integers for 1 / n), booleans before arithmetic (NumPy's are int8).
_PROMOTIONS: Mapping[str, tuple[str, str]] = {
    "float32": (
        "biu",
        """
        angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt cdist ceil celu cos cosh deg2rad elu erf erfc
        exp exp2 expm1 fabs floor gelu glu hard_shrink hard_sigmoid hard_silu hard_swish heaviside hypot
        layer_normalization leaky_relu log log10 log1p log2 log_sigmoid log_softmax logaddexp logaddexp2 logsumexp
        nextafter normalize psnr rad2deg reciprocal rms_normalization rsqrt selu sigmoid silu sin sinc sinh soft_shrink
        softmax softplus softsign sparse_plus sparse_sigmoid sparsemax sqrt squareplus swish tan tanh tanh_shrink
        trapezoid
        """,
    ),
    "int32": (
        "b",
        "bitwise_left_shift bitwise_right_shift floor_divide fmod left_shift mod power relu right_shift round square",
    ),
}
_PROMOTED = {name: (kinds, dtype) for dtype, (kinds, names) in _PROMOTIONS.items() for name in names.split()}


# Operations on any objects: nothing is converted.
_CORE: Mapping[str, Function] = {
    "associative_scan(f, elems, reverse=False, axis=0)": g.associative_scan,
    "custom_gradient(f)": f.custom_gradient,
    "jvp(fun, primals, tangents, has_aux=False)": f.jvp,
    "cond(pred, true_fn, false_fn)": f.cond,
    "convert_to_numpy(x)": lambda x: x.numpy() if isinstance(x, Tensor) else np.array(f.as_array(x)),
    "dtype(x)": lambda x: np.dtype(f.as_array(x).dtype).name,
    "fori_loop(lower, upper, body_fun, init_val)": f.fori_loop,
    "is_tensor(x)": lambda x: isinstance(x, Tensor),
    "map(f, xs)": f.map_first_axis,
    "scan(f, init, xs=None, length=None, reverse=False, unroll=1)": f.scan,
    "shape(x)": lambda x: tuple(f.as_array(x).shape),
    "stop_gradient(variable)": lambda x: ag.stop_gradient(x),
    "switch(index, branches, *operands)": lambda index, branches, *operands: branches[
        min(max(int(index), 0), len(branches) - 1)
    ](*operands),
    "vectorized_map(function, elements)": f.map_first_axis,
    "while_loop(cond, body, loop_vars, maximum_iterations=None)": f.while_loop,
}


def _finish(result: Any, is_float64: bool) -> Any:
    """Return a result with its arrays as Tensors, in float32 unless float64 came in or was asked for."""
    if isinstance(result, (tuple, list)):
        return (list if isinstance(result, list) else tuple)(_finish(part, is_float64) for part in result)
    if not isinstance(result, (np.ndarray, np.generic, Tensor)):
        return result
    result = result if is_float64 else f.narrow(result)
    return result if isinstance(result, Tensor) else ag.tensor(result)


def _promote(values: Mapping[str, Any], kinds: str, dtype: str) -> Mapping[str, Any]:
    """Return values with arrays of another dtype, if all arrays among them are of some kinds of dtypes."""
    named = {name: value for name, value in values.items() if name in _ARRAYS and hasattr(value, "dtype")}
    if not all(value.dtype.kind in kinds for value in named.values()):
        return values
    return {**values, **{name: value.astype(dtype) for name, value in named.items()}}


def _is_float64(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_float64, value))
    return not isinstance(value, float) and getattr(value, "dtype", None) in (np.float64, np.complex128)


# The names under which Keras has some of the operations again, in addition to those of NumPy.
_GROUPS = {
    "linalg": "cholesky cholesky_inverse det eig eigh inv jvp lstsq matrix_rank norm pinv qr solve "
    "solve_triangular svd",
    "nn": """
        adaptive_average_pool adaptive_max_pool conv_transpose depth_to_space fold space_to_depth unfold
        average_pool batch_normalization binary_crossentropy categorical_crossentropy celu conv depthwise_conv
        dot_product_attention elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh layer_normalization
        leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot polar psnr relu relu6
        rms_normalization selu separable_conv sigmoid silu soft_shrink softmax softplus softsign
        sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax squareplus swish tanh_shrink threshold
    """,
    "numpy": "array bincount divide_no_nan einsum eye full get_item ldexp meshgrid ndim slogdet take_along_axis unique "
    "view where",
}

# Operations that symbols answer without values.
_KNOWN_BEFOREHAND = {"shape", "ndim", "dtype", "is_tensor", "convert_to_numpy"}


class Op(FunctionObject):
    """An operation under Keras's name and signature, made of a row of the table.

    Example:
        >>> from nn import ops
        >>> ops.clip([-1.0, 3.0], 0, 2)
        Tensor([0., 2.], dtype=float32)
    """

    def __init__(self, signature: str, function: Function, converts: bool = True) -> None:
        name, _, rest = signature.partition("(")
        self.__name__, self.__qualname__, self.__module__ = name, name, __name__
        self.__signature__ = _signature(rest.removesuffix(")"))
        self.function, self.converts, self.text = function, converts, signature

    def describe(self) -> str:
        """Return the docstring: a sentence, the arguments, and an example."""
        return describe(self.__name__, self.function, self.__signature__)

    def __repr__(self) -> str:
        return f"<nn.ops.{self.text}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function behind this operation; on symbols, record the call."""
        try:
            bound = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"ops.{self.__name__}: expected arguments ({self.text}); {error}") from None
        arguments = bound.arguments
        if symbols.has_symbols(arguments):
            return self._of_symbols(bound)
        if (abstract := result_without_values(self.__name__, arguments)) is not None:
            return abstract
        values: Mapping[str, Any] = arguments
        if self.converts:
            values = {n: self._convert(n, v, arguments) for n, v in arguments.items()}
        if self.__name__ in _PROMOTED:
            values = _promote(values, *_PROMOTED[self.__name__])
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
        is_float64 = arguments.get("dtype") is not None or any(_is_float64(v) for v in arguments.values())
        return _finish(result, is_float64) if self.converts else result

    def _of_symbols(self, bound: inspect.BoundArguments) -> Any:
        if self.__name__ in _KNOWN_BEFOREHAND:
            return self.function(*bound.args)
        if self.__name__ == "get_item":
            return bound.args[0][bound.args[1]]
        plain = symbols.replace_leaves((np.dtype, type), lambda kind: np.dtype(kind).name, [bound.args, bound.kwargs])
        return symbols.operate(f"ops.{self.__name__}", *plain[0], **plain[1])

    def _convert(self, name: str, value: Any, arguments: Mapping[str, Any]) -> Any:
        if name in _LISTS or self.__name__ == "stack" or (name == "x" and self.__name__ == "meshgrid"):
            is_list = isinstance(value, (list, tuple)) and name != "axis"
            return [f.as_array(v) for v in value] if is_list else value
        if name not in _ARRAYS or (self.__name__ == "get_item" and name == "key"):
            return value
        if isinstance(value, (int, float)) and any(hasattr(v, "dtype") for n, v in arguments.items() if n != name):
            return float(value) if isinstance(value, float) else value  # a number goes by the arrays it meets
        return f.as_array(value)


def _signature(text: str) -> inspect.Signature:
    """Return the signature that arguments are written as."""
    parsed = ast.parse(f"lambda {text}: 0", mode="eval").body
    assert isinstance(parsed, ast.Lambda)
    arguments = parsed.args
    kinds = inspect.Parameter
    defaults = [kinds.empty] * (len(arguments.args) - len(arguments.defaults))
    defaults += [ast.literal_eval(d) for d in arguments.defaults]
    parameters = [
        kinds(a.arg, kinds.POSITIONAL_OR_KEYWORD, default=d) for a, d in zip(arguments.args, defaults, strict=True)
    ]
    parameters += [kinds(arguments.vararg.arg, kinds.VAR_POSITIONAL)] if arguments.vararg else []
    for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        parameters.append(kinds(a.arg, kinds.KEYWORD_ONLY, default=kinds.empty if d is None else ast.literal_eval(d)))
    parameters += [kinds(arguments.kwarg.arg, kinds.VAR_KEYWORD)] if arguments.kwarg else []
    return inspect.Signature(parameters)


def _table() -> dict[str, Op]:
    operations = [
        Op(f"{name}({_arguments_of(function) if arguments == '*' else arguments})", function)
        for module, text in _SAME
        for arguments, _, names in (line.strip().rpartition(":") for line in text.strip().splitlines())
        for name, function in ((name, getattr(module, name)) for name in names.split())
    ]
    operations += [Op(signature, function) for signature, function in _OWN.items()]
    operations += [Op(signature, function, converts=False) for signature, function in _CORE.items()]
    operations += [Op(f"image.{signature}", function) for signature, function in images.ROWS.items()]
    return {op.__name__: op for op in operations}


def _arguments_of(function: Function) -> str:
    """Return the arguments of a function as a row of the table has them: "x, axis=-1"."""
    parameters = inspect.signature(function).parameters.values()
    return ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)


def _group(name: str, rows: Iterable[str]) -> ModuleType:
    group = ModuleType(f"{__package__}.{name}", f"The operations of `keras.ops.{name}`.")
    vars(group).update({row.rpartition(".")[2]: TABLE[row] for row in rows})
    return group


TABLE = _table()
# The names under which Keras has some of the operations again.
GROUPS = {name: _group(name, rows.split()) for name, rows in _GROUPS.items()}
GROUPS["image"] = _group("image", (row for row in TABLE if row.startswith("image.")))
vars(GROUPS["numpy"]).update({name: row for name, row in TABLE.items() if row.function is getattr(np, name, None)})

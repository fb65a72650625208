"""nn.ops row by row: against Keras's functions on random input where Keras is, and against NumPy everywhere."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from tests.nn import peers

TABLE: Mapping[str, Any] = nn.ops.TABLE
GROUPS = ("image", "linalg", "nn", "numpy")
Draw = Callable[..., Any]


class Source:
    """Random arrays for one row."""

    def __init__(self, name: str) -> None:
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))

    def f(self, *shape: int, low: float = 0.1, high: float = 0.9) -> Any:
        return self.rng.uniform(low, high, shape or (3, 4)).astype(np.float32)

    def s(self, *shape: int) -> Any:
        return self.f(*shape or (3, 4), low=-2, high=2)

    def i(self, *shape: int, high: int = 9) -> Any:
        return self.rng.integers(1, high, shape or (3, 4)).astype(np.int32)

    def b(self) -> Any:
        return self.rng.random((3, 4)) < 0.5

    def square(self, n: int = 3) -> Any:
        a = self.s(n, n)
        return a @ a.T + n * np.eye(n, dtype=np.float32)


def each(names: str, draw: Draw) -> dict[str, Draw]:
    return dict.fromkeys(names.split(), draw)


# The arguments of a row that is not called on one or two float arrays of shape (3, 4).
CALLS: dict[str, Draw] = {
    **each("image.rgb_to_hsv image.hsv_to_rgb image.rgb_to_grayscale", lambda g: (g.f(2, 5, 6, 3),)),
    "image.crop_images": lambda g: (g.f(2, 5, 6, 3), 1, None, None, 2, 3, 3),
    "image.pad_images": lambda g: (g.f(2, 5, 6, 3), 1, None, None, 2, 9, 9),
    "image.extract_patches": lambda g: (g.f(2, 5, 6, 3), (3, 2), (2, 1), 1, "same"),
    "image.extract_patches_3d": lambda g: (g.f(2, 5, 6, 4, 2), 2, 1, 2),
    **each("fft fft2 ifft2", lambda g: ((g.s(2, 4, 6), g.s(2, 4, 6)),)),
    "irfft": lambda g: ((g.s(2, 4, 6), g.s(2, 4, 6)), 7),
    "rfft": lambda g: (g.s(2, 4, 6), 8),
    "image.resize": lambda g: (g.f(2, 5, 6, 3), (3, 7), "bilinear", True),
    **each("bitwise_and bitwise_or bitwise_xor gcd lcm", lambda g: (g.i(), g.i())),
    **each(
        "bitwise_left_shift bitwise_right_shift left_shift right_shift ldexp", lambda g: (g.i(high=50), g.i(high=4))
    ),
    "ldexp": lambda g: (g.f(), g.i(high=4)),
    **each("bitwise_not bitwise_invert", lambda g: (g.i(),)),
    **each("all any", lambda g: (g.b(), 1)),
    **each("arccosh", lambda g: (g.f(low=1.1, high=3),)),
    **each(
        "abs absolute fabs sign signbit negative floor ceil trunc sinc relu relu6 selu silu", lambda g: (4 * g.s(),)
    ),
    **each("celu elu leaky_relu hard_shrink soft_shrink hard_tanh hard_sigmoid hard_silu gelu", lambda g: (4 * g.s(),)),
    **each("logical_and logical_or logical_xor", lambda g: (g.b(), g.b())),
    "logical_not": lambda g: (g.b(),),
    **each("equal not_equal greater greater_equal less less_equal", lambda g: (g.i(high=4), g.i(high=4))),
    **each("matmul dot", lambda g: (g.s(3, 4), g.s(4, 2))),
    **each("inner vdot", lambda g: (g.s(5), g.s(5))),
    "outer": lambda g: (g.s(3), g.s(4)),
    "tensordot": lambda g: (g.s(2, 3, 4), g.s(3, 4, 2)),
    "cross": lambda g: (g.s(4, 3), g.s(4, 3)),
    "correlate": lambda g: (g.s(6), g.s(3)),
    **each("max min", lambda g: (g.s(), 1, True)),
    **each("mean sum std var median argmax argmin amax amin ptp", lambda g: (g.s(), -1)),
    **each("percentile nanpercentile", lambda g: (g.s(), 30.0, 1)),
    **each("quantile nanquantile", lambda g: (g.s(), 0.3, 1)),
    **each("cumsum cumprod nancumsum nancumprod", lambda g: (g.s(), 1)),
    "expand_dims": lambda g: (g.s(), 1),
    "squeeze": lambda g: (g.s(3, 1, 4),),
    "stack": lambda g: ([g.s(), g.s()], 1),
    "concatenate": lambda g: ([g.s(), g.s()], 1),
    **each("dstack hstack vstack", lambda g: ([g.s(), g.s()],)),
    "append": lambda g: (g.s(), g.s(), 0),
    "average": lambda g: (g.s(), 1, g.f(4)),
    "trapezoid": lambda g: (g.s(5), np.cumsum(g.f(5))),
    "digitize": lambda g: (g.s(), np.array([-1.0, 0.0, 1.0], np.float32)),
    "argpartition": lambda g: (g.s(5), 2),
    "round": lambda g: (g.s(), 1),
    "array_split": lambda g: (g.s(5, 2), 2),
    "split": lambda g: (g.s(4, 2), 2),
    **each("hsplit vsplit", lambda g: (g.s(4, 4), 2)),
    "dsplit": lambda g: (g.s(2, 2, 4), 2),
    "moveaxis": lambda g: (g.s(2, 3, 4), 0, 2),
    "swapaxes": lambda g: (g.s(2, 3, 4), 0, 2),
    "transpose": lambda g: (g.s(2, 3, 4), (2, 0, 1)),
    "reshape": lambda g: (g.s(), (2, -1)),
    "broadcast_to": lambda g: (g.s(4), (3, 4)),
    "clip": lambda g: (g.s(), -0.5, 0.5),
    "tile": lambda g: (g.s(), (2, 1)),
    "repeat": lambda g: (g.s(), 2, 0),
    "roll": lambda g: (g.s(), 1, 1),
    "take": lambda g: (g.s(), g.i(2, high=3), 0),
    "take_along_axis": lambda g: (g.s(), g.i(3, 2, high=4), 1),
    "pad": lambda g: (g.s(), ((1, 0), (0, 2))),
    "vander": lambda g: (g.s(4),),
    "searchsorted": lambda g: (np.sort(g.s(5)), g.s(4)),
    "select": lambda g: ([g.b(), g.b()], [g.s(), g.s()], 0.5),
    "where": lambda g: (g.b(), g.s(), g.s()),
    "unravel_index": lambda g: (g.i(4, high=12), (3, 4)),
    "histogram": lambda g: (g.s(20),),
    **each("bartlett blackman hamming hanning", lambda g: (7,)),
    "kaiser": lambda g: (7, 2.0),
    "full_like": lambda g: (g.s(), 2.0),
    "empty_like": lambda g: (g.s(),),
    **each("empty ones zeros", lambda g: ((2, 3),)),
    "full": lambda g: ((2, 3), 2),
    **each("eye tri", lambda g: (3, 4)),
    "identity": lambda g: (3,),
    **each("linspace geomspace", lambda g: (1.0, 8.0, 5)),
    "logspace": lambda g: (0.0, 2.0, 5),
    "arange": lambda g: (1.0, 4.0, 0.5),
    "diag": lambda g: (g.s(4),),
    **each("det inv eigh cholesky logdet slogdet matrix_rank", lambda g: (g.square(),)),
    "solve": lambda g: (g.square(), g.s(3, 2)),
    "cholesky_inverse": lambda g: (np.tril(g.square()),),
    "solve_triangular": lambda g: (g.square(), g.s(3, 2), True),
    "lstsq": lambda g: (g.s(5, 3), g.s(5)),
    "qr": lambda g: (g.s(4, 3),),
    "svd": lambda g: (g.s(4, 3), False),
    "norm": lambda g: (g.s(), 2, 1),
    "threshold": lambda g: (g.s(), 0.2, 5.0),
    "one_hot": lambda g: (g.i(3, 4, high=6), 6),
    "multi_hot": lambda g: (g.i(3, 4, high=6), 6),
    "moments": lambda g: (g.s(), [0]),
    "batch_normalization": lambda g: (g.s(), g.s(4), g.f(4), -1, g.s(4), g.s(4)),
    "layer_normalization": lambda g: (g.s(), g.s(4), g.s(4)),
    "rms_normalization": lambda g: (g.s(), g.s(4)),
    "dot_product_attention": lambda g: (g.s(2, 5, 2, 4), g.s(2, 5, 2, 4), g.s(2, 5, 2, 4), None, None, None, True),
    "binary_crossentropy": lambda g: (g.b().astype("f"), g.f()),
    "categorical_crossentropy": lambda g: (np.eye(4, dtype="f")[g.i(3, high=4)], g.f()),
    "sparse_categorical_crossentropy": lambda g: (g.i(3, high=4), g.f() / 4),
    "conv": lambda g: (g.s(2, 7, 6, 4), g.s(3, 2, 2, 6), 2, "same"),
    "depthwise_conv": lambda g: (g.s(2, 7, 6, 4), g.s(3, 2, 4, 2), 1, "same"),
    "separable_conv": lambda g: (g.s(2, 7, 6, 4), g.s(3, 2, 4, 2), g.s(1, 1, 8, 3)),
    **each("average_pool max_pool", lambda g: (g.s(2, 7, 6, 4), 2, None, "same")),
    "psnr": lambda g: (g.f(), g.f(), 1.0),
    "array": lambda g: ([1.0, 2.0],),
    "cast": lambda g: (g.s(), "int32"),
    "saturate_cast": lambda g: (300 * g.s(), "uint8"),
    "convert_to_tensor": lambda g: ([[1.0, 2.0]],),
    "divide_no_nan": lambda g: (g.s(), g.b().astype("f")),
    "einsum": lambda g: ("ij,jk->ik", g.s(3, 4), g.s(4, 2)),
    "get_item": lambda g: (g.s(), 1),
    "in_top_k": lambda g: (g.i(3, high=4), g.s(), 2),
    "meshgrid": lambda g: (g.s(3), g.s(4)),
    "scatter": lambda g: (np.array([[0, 1], [2, 0], [0, 1]]), g.s(3), (3, 4)),
    "scatter_update": lambda g: (g.s(), np.array([[0, 1], [2, 0]]), g.s(2)),
    "depth_to_space": lambda g: (g.s(2, 3, 2, 8), 2),
    "space_to_depth": lambda g: (g.s(2, 4, 6, 3), 2),
    "rearrange": lambda g: (g.s(2, 6, 3), "b h c -> c (b h)"),
    "unfold": lambda g: (g.s(2, 3, 6, 5), (2, 3), 1, 1, 2),
    "fold": lambda g: (g.s(2, 18, 9), (6, 5), (2, 3), 1, 1, (3, 2)),
    "extract_sequences": lambda g: (g.s(2, 11), 4, 3),
    "stft": lambda g: (g.s(2, 40), 12, 5, 16),
    "conv_transpose": lambda g: (g.s(2, 4, 5, 3), g.s(3, 2, 4, 3), 2, "same"),
    **each("adaptive_average_pool adaptive_max_pool", lambda g: (g.s(2, 7, 6, 3), (3, 4))),
    **each("segment_max segment_min segment_prod", lambda g: (g.s(5, 2), np.array([0, 0, 2, 1, 2]), 3)),
    "bincount": lambda g: (g.i(3, 7), None, 12),
    "cdist": lambda g: (g.s(2, 3, 4), g.s(2, 5, 4)),
    "unique": lambda g: (g.i(12, high=5),),
    "view": lambda g: (g.s(), "int32"),
    "view_as_complex": lambda g: (g.s(3, 2),),
    "view_as_real": lambda g: (g.s() + 1j * g.s(),),
    "associative_scan": lambda g: (lambda a, b: a * b, g.s(4, 3)),
    "jvp": lambda g: (lambda x: x * x, (2.0,), (3.0,)),
    "segment_sum": lambda g: (g.s(5, 2), np.array([0, 0, 2, 1, 2]), 4),
    "slice": lambda g: (g.s(), (1, 1), (2, 2)),
    "slice_update": lambda g: (g.s(), (1, 1), g.s(2, 2)),
    "top_k": lambda g: (g.s(), 2),
    "unstack": lambda g: (g.s(), None, 1),
    "cond": lambda g: (True, lambda: 1.0, lambda: 2.0),
    "fori_loop": lambda g: (0, 5, lambda n, v: v + n, 1),
    "map": lambda g: (lambda v: v * 2, g.s()),
    "vectorized_map": lambda g: (lambda v: v * 2, g.s()),
    "scan": lambda g: (lambda carry, v: (carry + v, carry * v), g.s(4), g.s(3, 4)),
    "switch": lambda g: (1, [lambda v: v, lambda v: v * 2], g.s()),
    "while_loop": lambda g: (lambda n, v: n < 4, lambda n, v: (n + 1, v * 2), (0, 1.5)),
    **each("imag real conj conjugate angle", lambda g: (g.s() + 1j * g.s(),)),
    "corrcoef": lambda g: (g.s(3, 6),),
    "nonzero": lambda g: (g.i() * g.b(),),
    "count_nonzero": lambda g: (g.i() * g.b(),),
    "isin": lambda g: (g.i(), g.i(3)),
    "isreal": lambda g: (g.s(),),
}
# What has no determined values.
SHAPES_ONLY = {"empty", "empty_like", "eig"}
# Vectors of a basis.
UP_TO_SIGN = {"eigh", "qr", "svd"}
# Keras's values are other than ours: the order of parts is open; what is a tensor differs; on PyTorch, sparsemax of
# positive values is all zeros in Keras 3.15, which is not a distribution.
OTHER_VALUES = {"argpartition", "is_tensor", "sparsemax"}
# What takes functions of the library's own arrays; see the test of these.
OF_FUNCTIONS = {"jvp", "custom_gradient"}


def call(name: str) -> tuple[Any, ...]:
    g = Source(name)
    if name in CALLS:
        return CALLS[name](g)
    needed = [
        p for p in TABLE[name].__signature__.parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    ]
    return tuple(g.f(4, 4) if name in ("eig", "pinv", "trace", "rot90") else g.f() for _ in needed)


def name_of_dtype(thing: Any) -> bool:
    return isinstance(thing, str) or type(thing).__name__ == "dtype"


def flat(result: Any) -> list[np.ndarray]:
    """Return the arrays of a result, whoever made it."""
    if isinstance(result, (tuple, list)):
        return [array for part in result for array in flat(part)]
    result = result.detach().cpu().numpy() if hasattr(result, "cpu") else getattr(result, "data", result)
    result = str(result).removeprefix("torch.") if name_of_dtype(result) else result
    return [np.asarray(result)]


def same(name: str, got: Any, wanted: Any, dtypes: bool = True) -> None:
    ours, theirs = flat(got), flat(wanted)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert not dtypes or a.dtype == b.dtype or "f" not in (a.dtype.kind, b.dtype.kind) or a.ndim == 0
        if name not in SHAPES_ONLY:
            assert a.dtype.kind == "U" or np.allclose(a, b, rtol=2e-5, atol=2e-5, equal_nan=True), (a, b)
            assert a.dtype.kind != "U" or a == b


@pytest.mark.ci
@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_row_is_keras(name: str) -> None:
    keras = peers.keras()
    theirs = attrgetter(name)(keras.ops)
    wanted = [(p.name, p.kind, p.default) for p in inspect.signature(theirs).parameters.values()]
    assert [(p.name, p.kind, p.default) for p in inspect.signature(TABLE[name]).parameters.values()] == wanted
    arguments = call(name)
    if name in OTHER_VALUES | OF_FUNCTIONS:
        return
    given = [keras.ops.convert_to_tensor(a) if isinstance(a, np.ndarray) else a for a in arguments]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own
        wanted_values = theirs(*given)
    got = TABLE[name](*arguments)
    if name in UP_TO_SIGN:
        got, wanted_values = ([np.abs(array) for array in flat(v)] for v in (got, wanted_values))
    if name == "nonzero":
        got = np.stack(flat(got))  # a tuple of arrays here as in NumPy, one array in Keras on PyTorch
    same(name, got, wanted_values, dtypes=name != "histogram")  # its counts are floats there


def nearest_distribution(x: np.ndarray) -> np.ndarray:
    """Return the rows' nearest points of the simplex, by bisection on what is taken from each value."""
    low, high = x.min(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        over = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.maximum(x - low, 0)


# Rows without a function of this name in NumPy, and what they return.
CLOSED: dict[str, Callable[..., Any]] = {
    "bincount": lambda x, weights, least: np.stack([np.bincount(row, minlength=least) for row in x]),
    "cdist": lambda x, y: np.sqrt(((x[:, :, None] - y[:, None]) ** 2).sum(-1)),
    "rearrange": lambda x, pattern: x.transpose(2, 0, 1).reshape(3, 12),
    "unfold": lambda x, *_: np.stack(
        [
            np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))[:, :, i : i + 2, j : j + 3].reshape(2, -1)
            for i in range(0, 7, 2)
            for j in range(0, 5, 2)
        ],
        axis=-1,
    ),
    "segment_max": lambda x, ids, n: np.stack([x[ids == i].max(0) for i in range(n)]),
    "segment_min": lambda x, ids, n: np.stack([x[ids == i].min(0) for i in range(n)]),
    "segment_prod": lambda x, ids, n: np.stack([x[ids == i].prod(0) for i in range(n)]),
    "associative_scan": lambda f, x: np.cumprod(x, axis=0),
    "max": lambda x, axis, keepdims: np.max(x, axis, keepdims=keepdims),
    "min": lambda x, axis, keepdims: np.min(x, axis, keepdims=keepdims),
    "array": np.array,
    "categorical_crossentropy": lambda t, p: -(t * np.log(p / p.sum(-1, keepdims=True))).sum(-1),
    "binary_crossentropy": lambda t, p: -(t * np.log(p) + (1 - t) * np.log(1 - p)),
    "sparse_categorical_crossentropy": lambda t, p: -np.log((p / p.sum(-1, keepdims=True))[np.arange(3), t]),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
    "logsumexp": lambda x: np.log(np.exp(x).sum()),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "threshold": lambda x, t, v: np.where(x > t, x, v),
    "sparsemax": nearest_distribution,
    "dtype": lambda x: x.dtype.name,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "one_hot": lambda x, n: np.eye(n)[x],
    "multi_hot": lambda x, n: np.eye(n)[x].max(1),
    "moments": lambda x, axes: (x.mean(0), x.var(0)),
    "normalize": lambda x: x / np.sqrt((x**2).sum(-1, keepdims=True)),
    "get_item": lambda x, k: x[k],
    "cast": lambda x, dtype: x.astype(dtype),
    "saturate_cast": lambda x, dtype: np.clip(x, 0, 255).astype(dtype),
    "convert_to_tensor": np.array,
    "slice": lambda x, start, shape: x[1:3, 1:3],
    "top_k": lambda x, k: (-np.sort(-x)[:, :k], np.argsort(-x)[:, :k]),
    "unstack": lambda x, num, axis: list(x.T),
    "divide_no_nan": lambda a, b: np.where(b == 0, 0, a / np.where(b == 0, 1, b)),
    "logdet": lambda x: np.log(np.linalg.det(x)),
    "cholesky_inverse": lambda x: np.linalg.inv(x @ x.T),
    "solve_triangular": lambda a, b, lower: np.linalg.solve(np.tril(a), b),
    "polar": lambda radius, angle: radius * (np.cos(angle) + 1j * np.sin(angle)),
    "lstsq": lambda a, b: np.linalg.lstsq(a, b)[0],
    "shape": lambda x: x.shape,
    "is_tensor": lambda x: False,
    "convert_to_numpy": lambda x: x,
    "stop_gradient": lambda x: x,
    "cond": lambda *_: 1.0,
    "fori_loop": lambda *_: 11,
    "while_loop": lambda *_: (4, 24.0),
    "map": lambda _, x: 2 * x,
    "vectorized_map": lambda _, x: 2 * x,
    "switch": lambda i, branches, x: 2 * x,
    "full": lambda shape, value: np.full(shape, float(value)),
    "psnr": lambda a, b, m: 10 * np.log10(m**2 / np.mean((a - b) ** 2)),
}


def reference(name: str) -> Callable[..., Any] | None:
    return CLOSED.get(name) or getattr(np, name, None) or getattr(np.linalg, name, None)


@pytest.mark.parametrize("name", [n for n in sorted(TABLE) if reference(n) and n not in ("nextafter", "fft")])
def test_a_row_is_numpy(name: str) -> None:
    arguments = call(name)
    wanted = reference(name)
    assert wanted is not None
    result = TABLE[name](*arguments)
    same(name, result, wanted(*arguments), dtypes=False)
    assert all(array.dtype not in (np.float64, np.complex128) or array.ndim == 0 for array in flat(result))


# fmt: off
HISTORY = (
    "sum", "mean", "max", "exp", "matmul", "softmax", "gelu", "relu", "conv", "max_pool", "one_hot", "where", "cast",
    "concatenate", "stack", "einsum", "norm", "dot_product_attention", "layer_normalization", "scatter_update",
    "slice_update", "scatter", "segment_sum", "top_k", "take", "rfft",
)
# fmt: on


@pytest.mark.parametrize("name", HISTORY)
def test_what_comes_from_tensors_has_their_history(name: str) -> None:
    def tracked(x: Any) -> Any:
        if isinstance(x, list):
            return [tracked(v) for v in x]
        is_float = isinstance(x, np.ndarray) and x.dtype == np.float32
        return ag.tensor(x, requires_grad=True) if is_float else x

    result = TABLE[name](*map(tracked, call(name)))
    first = result[0] if isinstance(result, tuple) else result
    assert isinstance(first, ag.Tensor)
    assert first.requires_grad == (name not in ("one_hot", "cast"))


def test_numbers_take_the_dtype_of_arrays_and_wide_arrays_stay_wide() -> None:
    half = np.ones(2, np.float16)
    assert nn.ops.add(half, 1.5).dtype == nn.ops.multiply(np.float64(2), half).dtype == np.float16
    assert nn.ops.sin(1.0).dtype == nn.ops.mean([1, 2]).dtype == nn.ops.ones(2).dtype == np.float32
    assert nn.ops.sin(np.ones(2)).dtype == nn.ops.ones(2, dtype="float64").dtype == np.float64


def test_scatter_update_reduces() -> None:
    at = [[0], [0], [2]]
    for reduction, wanted in {"add": [7, 1, 6], "max": [4, 1, 5], "min": [1, 1, 1], "mul": [8, 1, 5]}.items():
        made = nn.ops.scatter_update(np.ones(3), at, np.array([2.0, 4.0, 5.0]), reduction=reduction)
        assert made.tolist() == wanted, reduction
    with pytest.raises(ValueError, match="expected reduction in .* received 'mean'"):
        nn.ops.scatter_update(np.ones(3), at, np.ones(3), "mean")


def test_the_first_of_equals_is_on_top() -> None:
    assert nn.ops.top_k([1.0, 3.0, 1.0, 3.0], 3)[1].tolist() == [1, 3, 0]


def test_nothing_that_the_module_imports_hides_a_row() -> None:
    assert [name for name, op in TABLE.items() if attrgetter(name)(nn.ops) is not op] == []
    assert dir(nn.ops) == sorted([*(name for name in TABLE if "." not in name), *GROUPS])


def test_symbols_go_through() -> None:
    x = nn.Input((3,))
    model = nn.Model(x, nn.ops.maximum(nn.ops.tanh(x), 0.0))
    np.testing.assert_allclose(model.predict(np.ones((2, 3)), verbose=0), np.tanh(np.ones((2, 3))), rtol=1e-6)


def test_a_wrong_argument_is_named_with_the_signature() -> None:
    with pytest.raises(TypeError, match=r"ops\.sum: expected arguments \(sum\(x, axis=None, keepdims=False\)\).*dim"):
        nn.ops.sum([1.0], dim=0)
    with pytest.raises(AttributeError, match="no attribute 'sums'"):
        nn.ops.sums  # noqa: B018 the attribute is asked for
    with pytest.raises(ValueError, match="received sparse=True"):
        nn.ops.one_hot([1], 2, sparse=True)


def test_the_table_loads_when_asked_for() -> None:
    table = "'autograd_lite.nn.ops.table'"
    code = f"import sys, nn; assert {table} not in sys.modules; nn.ops.sum; assert {table} in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_images_are_cut_and_padded_by_two_of_three_numbers() -> None:
    x = np.arange(24.0).reshape(4, 6, 1)
    cut = nn.ops.image.crop_images(x, 1, 2, target_height=2, target_width=3)
    np.testing.assert_array_equal(cut, x[1:3, 2:5])
    assert nn.ops.image.pad_images(x, 1, 0, 2, 0).shape == (7, 6, 1)
    for name, arguments in (("crop_images", {"target_height": 2}), ("pad_images", {"top_padding": 1})):
        with pytest.raises(
            ValueError, match=rf"ops.image.{name}: expected two of top_\w+, bottom_\w+ and target_height"
        ):
            getattr(nn.ops.image, name)(x, **arguments)
    with pytest.raises(ValueError, match="that fit the images; they give 1 and -2"):
        nn.ops.image.crop_images(x, 1, 0, target_height=5, target_width=6)


def test_patches_put_side_by_side_are_the_image() -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 4, 3))
    patches = nn.ops.image.extract_patches(x, (3, 2)).data.reshape(2, 2, 2, 3, 2, 3)
    np.testing.assert_array_equal(patches.transpose(0, 1, 3, 2, 4, 5).reshape(x.shape), x)


def test_colours_there_and_back() -> None:
    x = np.random.default_rng(0).uniform(size=(2, 5, 6, 3)).astype(np.float32)
    there = nn.ops.image.rgb_to_hsv(x)
    np.testing.assert_allclose(nn.ops.image.hsv_to_rgb(there).data, x, atol=1e-6)
    first = nn.ops.image.rgb_to_hsv(np.moveaxis(x, -1, 1), data_format="channels_first")
    np.testing.assert_array_equal(np.moveaxis(first.data, 1, -1), there.data)
    with pytest.raises(TypeError, match="expected images of a floating dtype; received uint8"):
        nn.ops.image.rgb_to_hsv(np.zeros((2, 2, 3), np.uint8))


def test_functions_with_derivatives_of_their_own() -> None:
    @nn.ops.custom_gradient
    def double(x: Any) -> Any:
        return x * 2, lambda *args, upstream: upstream * 7

    x = ag.tensor([1.0, 2.0], requires_grad=True)
    out = double(x)
    nn.ops.sum(out).backward()
    assert (out.tolist(), x.grad.tolist()) == ([2, 4], [7, 7])
    assert [float(v) for v in nn.ops.jvp(lambda x: x * x, (2.0,), (3.0,))] == [4, 12]
    assert nn.ops.jvp(lambda x: (x * x, "more"), (2.0,), (3.0,), has_aux=True)[2] == "more"


def test_what_rearranges_says_what_does_not_fit() -> None:
    x = np.zeros((2, 6, 3))
    assert nn.ops.rearrange(x, "b (h w) c -> b c h w", h=2).shape == (2, 3, 2, 3)
    for pattern, lengths in [("b h -> h b", {}), ("b (h w) c -> b c h w", {}), ("b (h w) c -> b c h w", {"h": 4})]:
        with pytest.raises(ValueError, match=r"ops\.rearrange: expected .* received"):
            nn.ops.rearrange(x, pattern, **lengths)


def test_unique_values_fill_a_size() -> None:
    values, counts = nn.ops.unique([3, 1, 3], return_counts=True, size=4, fill_value=9)
    assert (values.tolist(), counts.tolist()) == ([1, 3, 9, 9], [1, 2, 0, 0])
    assert nn.ops.segment_max([1.0, 2.0], [0, 0], 2).tolist() == [2, -np.inf]
    assert nn.ops.segment_min([1, 2], [0, 0], 2)[1] == np.iinfo(np.int64).max

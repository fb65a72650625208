"""Examples for pages of the reference whose objects are made, not written: calls, whose results are computed.

They are the operations of `nn.ops`, losses as functions, short activations, and `get`, `serialize` and `deserialize`
of every registry.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType

import numpy as np

import autograd_lite as ag

# Arguments: the names of operations that they suit.
_SHARED = """
[-1.0, 0.0, 2.0]: abs absolute celu elu fabs gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
[-1.0, 0.0, 2.0]: log_sigmoid negative relu relu6 selu sigmoid sign signbit silu soft_shrink softplus softsign
[-1.0, 0.0, 2.0]: sparse_plus sparse_sigmoid square squareplus swish tanh tanh_shrink log_softmax softmax sparsemax
[-1.0, 0.0, 2.0]: isposinf isneginf isfinite isinf isnan isreal any all amax amin argmax argmin max min ptp
[0.0, 0.5, 1.0]: arcsin arccos arcsinh arctan cos cosh erf erfc exp exp2 expm1 i0 log1p sin sinc sinh tan
[1.0, 4.0, 9.0]: sqrt rsqrt cbrt log log2 log10 reciprocal arccosh
[1.0, 2.0, 4.0]: cumsum cumprod diff logsumexp mean median std sum prod var nancumsum nancumprod
[1.0, np.nan, 4.0]: nanmax nanmin nanmean nanmedian nanprod nanstd nansum nanvar nanargmax nanargmin
[-1.7, 0.5, 2.5]: ceil floor round trunc
[1.0, 2.0], [3.0, 5.0]: add subtract multiply divide true_divide power maximum minimum fmax fmin hypot arctan2 dot inner
[1.0, 2.0], [3.0, 5.0]: vdot outer logaddexp logaddexp2 floor_divide mod fmod kron nextafter correlate
[1.0, 2.0], [1.0, 3.0]: equal not_equal less less_equal greater greater_equal allclose isclose isin heaviside
[True, False], [True, True]: logical_and logical_or logical_xor
[6, 4], [4, 10]: gcd lcm bitwise_and bitwise_or bitwise_xor
[6, 4], [1, 2]: left_shift right_shift bitwise_left_shift bitwise_right_shift ldexp
[6, 4]: bitwise_not bitwise_invert
[1 + 2j, 3.0]: real imag conj conjugate angle
[[1.0, 2.0], [3.0, 4.0]]: copy diagonal flip fliplr flipud ravel rot90 transpose trace tril triu shape ndim size dtype
[[1.0, 2.0], [3.0, 4.0]]: convert_to_tensor convert_to_numpy unstack corrcoef norm normalize array rms_normalization
[[1.0, 2.0], [3.0, 4.0]]: layer_normalization is_tensor glu stop_gradient
[[4.0, 1.0], [1.0, 3.0]]: inv det logdet slogdet pinv qr cholesky cholesky_inverse eigh matrix_rank eig svd
[3.0, 1.0, 2.0]: sort argsort unique
5: bartlett blackman hamming hanning
2: identity eye tri
(2, 3): ones zeros
[[1.0, 2.0], [3.0, 4.0]], 2: hsplit vsplit
[0.0, 90.0, 180.0]: deg2rad
[0.0, 1.0, 2.0]: rad2deg zeros_like ones_like
"""

_OWN = """
adaptive_average_pool: np.arange(8.0).reshape(1, 4, 2), 2
adaptive_max_pool: np.arange(8.0).reshape(1, 4, 2), 2
append: [1.0, 2.0], [3.0]
arange: 2, 8, 2
arctanh: [0.0, 0.5]
argpartition: [3.0, 1.0, 2.0], 1
array_split: [1.0, 2.0, 3.0], 2
associative_scan: ops.add, np.array([1.0, 2.0, 3.0])
average: [1.0, 2.0, 4.0], weights=[1.0, 1.0, 2.0]
average_pool: np.arange(8.0).reshape(1, 4, 2), 2
batch_normalization: [[1.0, 2.0], [3.0, 6.0]], [2.0, 4.0], [1.0, 4.0], axis=-1
binary_crossentropy: [1.0, 0.0], [0.9, 0.2]
bincount: [0, 1, 1, 3]
broadcast_to: [1.0, 2.0], (2, 2)
cast: [1.7, 2.0], "int32"
categorical_crossentropy: [[0.0, 1.0]], [[0.2, 0.8]]
cdist: [[0.0, 0.0]], [[3.0, 4.0], [6.0, 8.0]]
clip: [-1.0, 0.5, 3.0], 0.0, 1.0
concatenate: [[1.0, 2.0], [3.0]]
cond: True, lambda: 1.0, lambda: 2.0
conv: np.arange(5.0).reshape(1, 5, 1), np.ones((2, 1, 1))
conv_transpose: np.arange(3.0).reshape(1, 3, 1), np.ones((2, 1, 1)), strides=2
count_nonzero: [0.0, 1.0, 2.0]
cross: [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]
depth_to_space: np.arange(4.0).reshape(1, 1, 1, 4), 2
depthwise_conv: np.arange(6.0).reshape(1, 3, 2), np.ones((2, 2, 1))
diag: [1.0, 2.0]
diagflat: [1.0, 2.0]
digitize: [0.5, 2.5], [1.0, 2.0]
divide_no_nan: [1.0, 2.0], [0.0, 4.0]
dot_product_attention: np.ones((1, 2, 1, 2)), np.ones((1, 3, 1, 2)), np.arange(6.0).reshape(1, 3, 1, 2)
dsplit: np.arange(4.0).reshape(1, 2, 2), 2
dstack: [[1.0, 2.0], [3.0, 4.0]]
einsum: "ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]
expand_dims: [1.0, 2.0], 0
extract_sequences: [1.0, 2.0, 3.0, 4.0], 2, 1
fft: ([1.0, 0.0, -1.0, 0.0], [0.0, 0.0, 0.0, 0.0])
fft2: ([[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]])
ifft2: ([[10.0, -2.0], [-4.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]])
fold: np.ones((1, 4, 1)), (2, 2), 2
fori_loop: 0, 3, lambda i, total: total + i, 10
full: (2, 2), 7.0
full_like: [1.0, 2.0], 7.0
geomspace: 1.0, 100.0, 3
get_item: [[1.0, 2.0], [3.0, 4.0]], (0, 1)
histogram: [1.0, 1.5, 4.0], bins=2
hstack: [[1.0, 2.0], [3.0]]
in_top_k: [1, 0], [[0.1, 0.9], [0.2, 0.8]], 1
irfft: ([0.0, 2.0, 0.0], [0.0, 0.0, 0.0])
jvp: lambda x: x**2, (ag.tensor([3.0]),), (ag.tensor([1.0]),)
kaiser: 5, 2.0
linspace: 0.0, 1.0, 5
logical_not: [True, False]
logspace: 0.0, 2.0, 3
lstsq: [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 2.0, 3.0]
map: lambda x: x * 2, np.array([1.0, 2.0])
matmul: [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]
max_pool: np.arange(8.0).reshape(1, 4, 2), 2
meshgrid: [1.0, 2.0], [3.0, 4.0]
moments: [1.0, 2.0, 3.0], axes=[0]
moveaxis: [[1.0, 2.0], [3.0, 4.0]], 0, 1
multi_hot: [0, 2], num_classes=4
nan_to_num: [1.0, np.nan]
nanpercentile: [1.0, np.nan, 3.0], 50
nanquantile: [1.0, np.nan, 3.0], 0.5
nonzero: [0.0, 1.0, 2.0]
one_hot: [0, 2], 3
pad: [1.0, 2.0], 1
percentile: [1.0, 2.0, 4.0], 50
polar: [1.0, 2.0], [0.0, np.pi]
psnr: [1.0, 2.0], [1.0, 2.5], 2.0
quantile: [1.0, 2.0, 4.0], 0.5
rearrange: np.arange(4.0).reshape(2, 2), "a b -> (b a)"
repeat: [1.0, 2.0], 2
reshape: [1.0, 2.0, 3.0, 4.0], (2, 2)
rfft: [1.0, 0.0, -1.0, 0.0]
roll: [1.0, 2.0, 3.0], 1
saturate_cast: [-5.0, 300.0], "uint8"
scan: lambda total, x: (total + x, total), ag.tensor(0.0), ag.tensor([1.0, 2.0, 3.0])
scatter: [[0], [2]], [1.0, 3.0], (4,)
scatter_update: [1.0, 2.0, 3.0], [[1]], [9.0]
searchsorted: [1.0, 2.0, 4.0], [3.0]
segment_max: [1.0, 3.0, 2.0], [0, 0, 1]
segment_min: [1.0, 3.0, 2.0], [0, 0, 1]
segment_prod: [1.0, 3.0, 2.0], [0, 0, 1]
segment_sum: [1.0, 3.0, 2.0], [0, 0, 1]
select: [[True, False, False], [False, True, False]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], 9.0
separable_conv: np.arange(6.0).reshape(1, 3, 2), np.ones((2, 2, 1)), np.ones((1, 2, 1))
slice: [1.0, 2.0, 3.0], (1,), (2,)
slice_update: [1.0, 2.0, 3.0], (1,), [9.0]
solve: [[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0]
solve_triangular: [[2.0, 0.0], [1.0, 4.0]], [2.0, 5.0], lower=True
space_to_depth: np.arange(4.0).reshape(1, 2, 2, 1), 2
sparse_categorical_crossentropy: [1], [[0.2, 0.8]]
split: [1.0, 2.0, 3.0, 4.0], 2
squeeze: [[1.0, 2.0]]
stack: [[1.0, 2.0], [3.0, 4.0]]
swapaxes: [[1.0, 2.0], [3.0, 4.0]], 0, 1
switch: 1, [lambda x: x, lambda x: x * 2], 5.0
take: [1.0, 2.0, 3.0], [2, 0]
take_along_axis: [3.0, 1.0, 2.0], [1, 2, 0]
tensordot: [[1.0, 2.0]], [[3.0], [4.0]], axes=1
threshold: [0.5, 2.0], 1.0, 0.0
tile: [1.0, 2.0], 2
top_k: [3.0, 1.0, 2.0], 2
trapezoid: [1.0, 2.0, 4.0]
unfold: np.arange(4.0).reshape(1, 1, 2, 2), 2
unravel_index: 3, (2, 2)
vander: [1.0, 2.0, 3.0]
vectorized_map: lambda x: x * 2, np.array([1.0, 2.0])
view: np.array([1.0], dtype="float32"), "int32"
view_as_complex: [[1.0, 2.0]]
view_as_real: [1 + 2j]
vstack: [[1.0, 2.0], [3.0, 4.0]]
where: [True, False], [1.0, 2.0], [3.0, 4.0]
while_loop: lambda i: i < 5, lambda i: (i + 2,), (0,)
"""

# Whole calls, where the result itself says nothing.
_CALLS = {
    "nn.ops.custom_gradient": "ag.grad(ops.custom_gradient(lambda x: (x, lambda x, upstream: 2 * upstream)))(3.0)",
    "nn.ops.empty": "ops.empty((2, 3)).shape",
    "nn.ops.empty_like": "ops.empty_like([1.0, 2.0]).shape",
    "nn.ops.stft": "ops.stft(np.ones(8), 4, 2, 4)[0].shape",
}

# Arguments: the losses that they suit.
_LOSSES = """
[[1.0], [2.0]], ag.tensor([[1.0], [4.0]]): mean_squared_error mean_absolute_error mean_absolute_percentage_error
[[1.0], [2.0]], ag.tensor([[1.0], [4.0]]): mean_squared_logarithmic_error huber log_cosh poisson
[[0.5, 0.5]], ag.tensor([[0.25, 0.75]]): kl_divergence cosine_similarity
[[1.0], [0.0]], ag.tensor([[0.9], [0.2]]): binary_crossentropy binary_focal_crossentropy
[[0.0, 1.0]], ag.tensor([[0.2, 0.8]]): categorical_crossentropy categorical_focal_crossentropy categorical_hinge
[[0.0, 1.0]], ag.tensor([[0.2, 0.8]]): dice tversky
[1], ag.tensor([[0.2, 0.8]]): sparse_categorical_crossentropy categorical_generalized_cross_entropy
[[1.0], [-1.0]], ag.tensor([[0.5], [0.5]]): hinge squared_hinge
[0, 0, 1], ag.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]): circle
[[1, 2]], ag.tensor(np.zeros((1, 4, 3))): ctc
"""
# Activations whose texts are a line.
_PLAIN = "exponential linear sigmoid softsign tanh tanh_shrink"
# A name that each registry knows, or a call.
_REGISTERED = {
    "nn.constraints": "non_neg",
    "nn.initializers": "zeros",
    "nn.losses": "mse",
    "nn.metrics": "accuracy",
    "nn.optimizers": "sgd",
    "nn.regularizers": "l2",
    "nn.optimizers.schedules": "ExponentialDecay(0.1, 10, 0.5)",
    "nn.activations": "relu",
}


def made(module: str, thing: str) -> str:
    """Return the code that makes an object of a module: by its name, or by a call of its class."""
    return f"{module}.{thing}" if "(" in thing else f'{module}.get("{thing}")'


def _calls() -> dict[str, str]:
    shared = (line.rpartition(":") for line in _SHARED.strip().split("\n"))
    rows = {name: arguments for arguments, _, names in shared for name in names.split()}
    own = (line.partition(": ") for line in _OWN.strip().split("\n"))
    rows |= {name: arguments for name, _, arguments in own}
    found = {f"nn.ops.{name}": f"ops.{name}({arguments})" for name, arguments in rows.items()} | _CALLS
    for line in _LOSSES.strip().split("\n"):
        arguments, _, names = line.rpartition(":")
        found |= {f"nn.losses.{name}": f"losses.{name}({arguments})" for name in names.split()}
    found |= {f"nn.activations.{name}": f"activations.{name}(np.array([-1.0, 0.0, 2.0]))" for name in _PLAIN.split()}
    for module, thing in _REGISTERED.items():
        short = module.rpartition(".")[2]
        found |= {
            f"{module}.get": made(short, thing),
            f"{module}.serialize": f"{short}.serialize({made(short, thing)})",
            f"{module}.deserialize": f"{short}.deserialize({short}.serialize({made(short, thing)}))",
        }
    return found


CALLS = MappingProxyType(_calls())
_MODULES = ("ops", "losses", *(module.removeprefix("nn.") for module in _REGISTERED))
_NAMES = {m.rpartition(".")[2]: importlib.import_module(f"nn.{m}") for m in _MODULES} | {"np": np, "ag": ag}


def example(name: str) -> str:
    """Return an example of an object by its full name, with what it returns; empty if there is none here.

    >>> example("nn.ops.add").split("\\n")
    ['>>> ops.add([1.0, 2.0], [3.0, 5.0])', 'Tensor([4., 7.], dtype=float32)']
    """
    return f">>> {CALLS[name]}\n{eval(CALLS[name], _NAMES)!r}" if name in CALLS else ""

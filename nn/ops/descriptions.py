"""The docstrings of operations: a sentence, the arguments, and an example; made when one is read."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from .examples import example

# Names of arguments: what they are, in every operation that has one; "operation.name" is for that operation alone.
_ARGUMENTS = """
N, M: numbers of rows and of columns; M is N by default.
a: an array; here a matrix, or a stack of matrices.
abs_, angle: absolute values and angles in radians.
alpha: the slope of the exponential part at 0.
approximate: whether to use tanh, as GPT-2 does, in place of the error function.
array: an array of at least two axes.
assume_unique: whether both have no element twice, which saves time.
attn_logits_soft_cap: a bound of the scores, reached smoothly by tanh; None for none.
axes: the axes, or their number.
axes_lengths: lengths of the axes in the pattern that cannot be seen from the array.
axis: the axis, or a tuple of axes; None for all, where that is the default.
axis1, axis2: the two axes.
axisa, axisb, axisc: the axes of the vectors in x1, in x2, and in the result; `axis` stands for all three.
b: the right-hand side: a vector or a matrix.
base: the base of the powers.
beta: the summand after the scaling, an array; None for nothing.
kaiser.beta: the shape of the window; 0 is a rectangle.
bias: a summand of the scores.
bins: the edges of the bins in ascending order, or their number.
block_size: the width of a block.
body: a function of the variables, which returns their next values.
body_fun: a function (step, value) of the next value.
branches: the functions.
center: whether frames are centered on their times, by padding.
choicelist: a list of arrays, one for each condition.
compute_uv: whether to compute the vectors too.
cond: a function of the variables: whether to go on.
condition: an array of booleans; without x1 and x2 the result is where it holds.
condlist: a list of arrays of booleans; the first that holds decides.
constant_values: the value of new elements, in the mode "constant".
crop_to_aspect_ratio: whether to cut the images to the new ratio of height to width first.
data: an array.
data_format: "channels_last" or "channels_first"; None for the setting of `nn.backend`.
decimals: the number of decimals.
default: the value where no condition holds.
default_value: the value below the threshold.
depthwise_kernel: an array of shape (*sizes, channels, multiplier).
dilation, dilation_rate: the distance of the elements under a window, in each direction.
dtype: the dtype of the result; None for the usual one.
cast.dtype: the dtype of the result.
dx: the distance of the points, if x is None.
elements: an array, or a tree of arrays, of which the first axis is mapped over.
elems: an array, or a tree of arrays, along an axis of which to go.
endpoint: whether `stop` is the last one.
epsilon: a small number that keeps divisors from 0.
equal_nan: whether NaN equals NaN.
f: a function of one argument.
associative_scan.f: an associative function of two arguments.
scan.f: a function (carry, x) of the next carry and an output.
custom_gradient.f: a function of the result and of its gradient: (x, upstream) to the cotangents.
fft_length: the length of the transform; None for that of the data.
fill_mode: how pixels outside are filled: "constant".
fill_value: the value of new elements.
flash_attention: accepted and of no effect.
from_logits: whether the predictions are logits; else they are probabilities.
full_matrices: whether to return square matrices of vectors.
fun, function: a function.
gamma: the factors after the normalization, an array; None for 1.
has_aux: whether the function returns a pair, of which the second part is passed on.
images: an array of shape (height, width, channels), or a batch of them.
increasing: whether the powers go up from left to right.
index: which function to call; it is brought into the range.
indexing: "xy", or "ij" for the order of matrices.
indices: indices of elements, integers.
indices_or_sections: the number of parts, or the indices where to split.
init: the first carry.
init_val: the first value.
initial: a value that the elements are compared with too.
inputs: an array; of a convolution or a pooling (batch, *sizes, channels).
interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
antialias: whether to smooth when the images get smaller.
invert: whether to return where x1 is not in x2.
is_causal: whether a query sees only keys that come no later.
k: which diagonal; 0 is the main one, positive ones are above it.
rot90.k: how many quarter turns, counterclockwise.
top_k.k, in_top_k.k: how many of the largest.
keepdims: whether the axes that are reduced stay, with length 1.
kernel: an array of shape (*sizes, channels, filters).
kernel_size: the height and the width of the window.
key: the keys, of shape (batch, length, heads, width).
get_item.key: an index: integers, slices, arrays, or a tuple of them.
kth: the index that the element has in sorted order.
einsum.kwargs: options of `numpy.einsum`.
kwargs: further options of Keras's, of no effect.
length: the number of steps, if xs is None.
loop_vars: the first values of the variables, a tuple.
lower: whether the matrix is a lower triangle.
fori_loop.lower, fori_loop.upper: the first step, and the one after the last.
mask: booleans of the shape of the scores: where a query may look.
max_val: the largest possible value.
maximum_iterations: the most steps; None for as many as it takes.
mean, variance: the statistics, an entry for each channel.
method: how to interpolate: "linear", "lower", "higher", "midpoint" or "nearest".
minlength: the least number of bins.
mode: how to pad: "constant", "edge", "reflect", "symmetric", …
correlate.mode: "valid", "same" or "full".
qr.mode: "reduced" or "complete".
n: how many times; of `identity` the number of rows.
nan, posinf, neginf: what takes the place of NaN and of the infinities; None for the largest numbers.
negative_slope: the slope below 0.
newshape: the new shape; one entry may be -1.
num: how many.
num_classes: the number of classes.
num_segments: the number of segments; None for as many as there are ids.
offset: which diagonal; positive ones are above the main one.
batch_normalization.offset: the summand after the scaling; None for nothing.
operands: the arrays.
switch.operands: the arguments of the function that is called.
ord, order: which norm: 2 is Euclid's.
output: the predictions.
output_padding: how much longer the result is; None for what strides and padding give.
output_size: the size of the result, an integer or one for each axis.
pad_to_aspect_ratio: whether to pad the images to the new ratio of height to width first.
pad_width: how much to add at both ends: a number, or pairs for each axis.
padding: "valid" (none) or "same" (the result has ceil(size / stride) entries).
fold.padding, unfold.padding: how much is added at both ends.
pattern: the axes before and after, such as "b h w c -> b (h w) c".
pointwise_kernel: an array of shape (1, …, channels * multiplier, filters).
pool_size: the size of the windows.
pred: a boolean.
predictions: scores, of shape (batch, classes).
primals, tangents: the arguments, and the directions; lists or tuples.
q: the quantiles, from 0 to 1; of percentiles from 0 to 100.
query: the queries, of shape (batch, length, heads, width).
ragged, sparse: for other backends; True is refused.
range: the lowest and the highest edge; None for those of the data.
rcond: singular values below this share of the largest count as 0.
reduction: how updates are combined with the values there: "add", "mul", "min" or "max"; None writes them.
repeats: how often.
return_index, return_inverse, return_counts: whether to return the indices, the inverse and the counts too.
retstep: whether to return the distance too.
reverse: whether to go from the last to the first.
rtol, atol: the relative and the absolute tolerance.
scale: the factors after the normalization; None for 1.
dot_product_attention.scale: the factor of the scores; None for 1 / sqrt(width).
segment_ids: the number of the segment of each entry along the first axis.
sequence_length, sequence_stride: the length of a frame, and the distance of their beginnings.
shape: the shape, a tuple of integers.
shift: how far, in the direction of higher indices.
side: "left" or "right": where equal elements go.
size: the number of results, filled up or cut; None for all.
extract_patches.size, extract_patches_3d.size: the size of the patches.
resize.size: the new height and width.
sorted: whether the ids are sorted, which is not needed here.
top_k.sorted, unique.sorted: whether the result is sorted.
sorted_sequence: a vector in ascending order.
source, destination: the axes, and where they go.
start, stop: the first and the last number, or arrays of them.
start_indices: where the block begins, an index for each axis.
step: the distance.
stride, strides: the distance of the windows; None for their size.
conv.strides, conv_transpose.strides, depthwise_conv.strides, separable_conv.strides: the distance of the windows.
subscripts: the axes of the operands and of the result, such as "ij,jk->ik".
synchronized: accepted and of no effect.
target: the true values.
target_height, target_width: the new size.
targets: the true classes, integers.
tensor: an array.
threshold: where the function changes.
tol: singular values below it count as 0; None for a bound by the precision.
top_cropping, left_cropping, bottom_cropping, right_cropping: how many rows and columns to cut off.
top_padding, left_padding, bottom_padding, right_padding: how many rows and columns to add.
true_fn, false_fn: functions without arguments.
unroll: accepted and of no effect.
updates: the new values.
upper: whether the factor is an upper triangle.
value: the values, of shape (batch, length, heads, width).
values: the values.
searchsorted.values: the numbers to find places for.
variable: a Tensor.
volumes: an array of shape (depth, height, width, channels), or a batch of them.
weights: an array of the shape of x.
window: "hann", "hamming", an array, or None.
x: an array, a Tensor, a list or a number; or a symbol of a model.
stack.x: a list of arrays of one shape.
where.x1, where.x2: arrays that broadcast with the condition.
bartlett.x, blackman.x, hamming.x, hanning.x, kaiser.x: the length of the window.
fft.x, fft2.x, ifft2.x, irfft.x: a pair of arrays: the real and the imaginary part.
meshgrid.x: vectors.
trapezoid.x: the points; None if they have the distance dx.
x1, x2: arrays, Tensors, lists or numbers, or symbols of a model; they broadcast.
x_min, x_max: the bounds.
xs: a list of arrays.
map.xs: an array, or a tree of arrays, over the first axis of which to map.
scan.xs: an array, or a tree of arrays, over the first axis of which to go.
y: an array, a Tensor, a list or a number.
"""

# Sentences for operations whose functions have none.
_SENTENCES: Mapping[str, str] = {
    "adaptive_average_pool": "Return averages over windows, as many as asked for.",
    "adaptive_max_pool": "Return maxima over windows, as many as asked for.",
    "average_pool": "Return averages over windows.",
    "cast": "Return an array with another dtype.",
    "cholesky": "Return the triangular root of a positive definite matrix.",
    "cholesky_inverse": "Return the inverse of a positive definite matrix from its triangular root.",
    "convert_to_numpy": "Return the values as an array of NumPy.",
    "divide_no_nan": "Divide, with 0 where the divisor is 0.",
    "dtype": "Return the dtype of an array as a string.",
    "eye": "Return a matrix with ones on a diagonal.",
    "fft": "Return the discrete Fourier transform of a pair of real and imaginary parts.",
    "fft2": "Return the Fourier transform over two axes of a pair of real and imaginary parts.",
    "full": "Return an array filled with a value.",
    "get_item": "Return x[key].",
    "ifft2": "Return the inverse of `fft2`.",
    "is_tensor": "Return whether something is a Tensor.",
    "ldexp": "Return x1 times 2 to the power x2, an integer.",
    "logdet": "Return the logarithm of the determinant of a positive definite matrix.",
    "lstsq": "Return the solution of a linear problem of least squares.",
    "max_pool": "Return maxima over windows.",
    "ndim": "Return the number of axes.",
    "polar": "Return complex numbers from absolute values and angles.",
    "psnr": "Return the ratio of the peak to the noise between two images, in decibels.",
    "rsqrt": "Return 1 / sqrt(x).",
    "scatter_update": "Return inputs with other values at some indices.",
    "segment_max": "Return the maxima of segments of an array.",
    "segment_min": "Return the minima of segments of an array.",
    "segment_prod": "Return the products of segments of an array.",
    "shape": "Return the shape of an array.",
    "slice_update": "Return inputs with a block replaced by updates.",
    "solve_triangular": "Solve linear equations with a triangular matrix.",
    "stop_gradient": "Return the values, through which no gradient flows.",
    "switch": "Call the one of several functions that an index chooses.",
    "take_along_axis": "Return elements at indices along an axis, row by row.",
    "unstack": "Return the parts of an array along an axis, as a list.",
    "view": "Return the same bytes as another dtype.",
    "view_as_real": "Return real and imaginary parts along a new last axis.",
    "where": "Return elements of one array where a condition holds, else of the other; or the indices where it does.",
}


def describe(name: str, function: Callable[..., Any], signature: inspect.Signature) -> str:
    """Return the docstring of an operation."""
    groups: dict[str, list[str]] = {}
    for p in signature.parameters.values():
        groups.setdefault(argument(name, p.name), []).append("*" * _STARS.get(p.kind, 0) + p.name)
    args = "\n".join(f"    {', '.join(names)}: {text}" for text, names in groups.items())
    lines = "\n".join(f"    {line}" for line in example(name).split("\n"))
    return f"{sentence(name, function)}\n\nArgs:\n{args}\n\nExample:\n{lines}"


_STARS: dict[Any, int] = {inspect.Parameter.VAR_POSITIONAL: 1, inspect.Parameter.VAR_KEYWORD: 2}


def argument(name: str, parameter: str) -> str:
    """Return a sentence about an argument of an operation.

    >>> argument("rot90", "k")
    'how many quarter turns, counterclockwise.'
    """
    rows = _arguments()
    own = f"{name.removeprefix('image.')}.{parameter}"
    return rows[own] if own in rows else rows[parameter]


@cache
def _arguments() -> dict[str, str]:
    rows = (line.split(": ", 1) for line in _ARGUMENTS.strip().split("\n"))
    return {name: text for names, text in rows for name in names.split(", ")}


def sentence(name: str, function: Callable[..., Any]) -> str:
    """Return the first sentence: ours, or NumPy's with its name."""
    if name in _SENTENCES:
        return _SENTENCES[name]
    module = str(getattr(function, "__module__", None) or "numpy")
    text = inspect.getdoc(function) or ""
    if module.partition(".")[0] != "numpy":
        return text.partition("\n\n")[0]
    inside = module if module in ("numpy.linalg", "numpy.fft") else "numpy"
    theirs = f"NumPy's `{inside}.{getattr(function, '__name__', name)}`, under Keras's signature."
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    first = next((part for part in parts if part and not re.match(r"\w+\(.*\)$", part)), "")
    return f"{first.rstrip('.:')}.\n\n{theirs}" if first else theirs

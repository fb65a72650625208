"""How many floating-point operations a call takes: estimates, in the usual counts of the textbooks.

An elementwise op counts one for each element, whatever it is made of inside; a reduction one for each element that it
reads; what only moves data nothing. A product of matrices counts a multiplication and an addition for each term;
factorizations and transforms their leading terms; sorting its comparisons.

References:
    G. Golub, C. Van Loan, Matrix Computations, 4th ed., 2013: sections 3.2, 4.2, 5.2, 7.5, 8.3 and table 8.6.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..core.node import Node
from ..core.op import OPS, Op
from ..core.shapes import Shape, size_of
from ..ops.contract import sizes_of, split_subscripts

Shapes = Sequence[Shape]


class Sizes(dict[Shape, int]):
    """How many elements arrays of a shape have."""

    def __missing__(self, shape: Shape) -> int:
        size = self[shape] = size_of(shape)
        return size


def flops_of(node: Node) -> int:
    """Estimate the floating-point operations of one call.

    Example:
        >>> import autograd_lite as ag
        >>> a = ag.tensor([[2.0, 0.0], [0.0, 3.0]], requires_grad=True)
        >>> flops_of((a @ a)._node), flops_of(a.sum()._node), flops_of(a.T._node)
        (16, 4, 0)
    """
    shapes = [tuple(getattr(edge, "shape", ())) for edge in node.inputs]
    return counted_flops(node.op, shapes, node.shape, node.params, Sizes())


def counted_flops(op: Op, shapes: Shapes, out: Shape, params: Any, sizes: Sizes) -> int:
    """As `flops_of`, of a call of an op with arguments of these shapes, and a result."""
    count = _COUNTS.get(op.name)
    if count is not None and OPS.defined.get(op.name) is op:  # a user's op may have the same name
        return round(count(shapes, out, params))
    if not op.cost:
        return 0
    most = sizes[out]
    for shape in shapes:
        if shape is not out:
            most = max(most, sizes[shape])
    return round(op.cost * most)


def _matmul(shapes: Shapes, out: Shape, params: Any) -> float:
    return 2 * math.prod(out) * shapes[0][-1]


def _contract(shapes: Shapes, out: Shape, params: Any) -> float:
    x, y, kept = split_subscripts(params["subscripts"])
    size = sizes_of((x, y), shapes)
    return math.prod(size.values()) * (1 if set(size) <= set(kept) else 2)


def _convolution(shapes: Shapes, out: Shape, params: Any) -> float:
    return 2 * math.prod(shapes[0]) * shapes[1][0]


# ---- windows: padding counts, as in the counts that other libraries make --------------------------------------------


def _windows(y: Shape, kernel: Shape) -> float:
    """Count a multiplication and an addition for each output of each window and each element of its kernel."""
    return 2 * math.prod(y) * math.prod(kernel[:-1])


def _pool(shapes: Shapes, out: Shape, params: Any) -> float:
    # Of the arrays the smallest has one element for each window.
    return min(map(math.prod, (*shapes, out))) * math.prod(params["window"])


def _standardize(shapes: Shapes, out: Shape, params: Any) -> float:
    # Mean, difference, square, mean, product; and of each row epsilon, the root and the division.
    return math.prod(out) * (5 if params["center"] else 3) + 3 * math.prod(out[:-1])


# ---- recurrent networks: products of matrices, and one for each elementwise op of each step -------------------------


def _recurrent(kernel: int, products: int, each: Callable[..., int]) -> Callable[..., float]:
    """Count all steps.

    Args:
        kernel: which of the inputs is the recurrent kernel, of as many rows as there are units.
        products: how many products of h with the recurrent kernel, or of that size, a step has.
        each: how many elementwise ops a step has for each unit, by the parameters.
    """

    def count(shapes: Shapes, out: Shape, params: Any) -> float:
        (steps, rows, _), (units, width) = shapes[0], shapes[kernel]
        return steps * rows * units * (each(**params) + products * 2 * width)

    return count


# ---- matrices and transforms ----------------------------------------------------------------------------------------


def _matrices(per_matrix: Callable[[int, int], float]) -> Callable[..., float]:
    """Count for each matrix of a stack, given its longer and its shorter side."""

    def count(shapes: Shapes, out: Shape, params: Any) -> float:
        *loop, m, n = shapes[0]
        return math.prod(loop) * per_matrix(max(m, n), min(m, n))

    return count


def _solve(shapes: Shapes, out: Shape, params: Any) -> float:
    a, b = shapes[:2]
    n = a[-1]
    if not n:
        return 0
    stack = max(math.prod(a[:-2]), math.prod(out) // (n * (b[-1] if len(b) > 1 else 1)))
    return stack * 2 * n**3 / 3 + 2 * n * math.prod(out)


def _fft(real: bool) -> Callable[..., float]:
    def count(shapes: Shapes, out: Shape, params: Any) -> float:
        axis = params.get("axis", -1)
        size = max(math.prod(shapes[0]), math.prod(out))
        n = max(shapes[0][axis], out[axis])
        return (2.5 if real else 5) * size * math.log2(n) if n > 1 else 0

    return count


def _sort(shapes: Shapes, out: Shape, params: Any) -> float:
    shape = shapes[0]
    axis = params.get("axis", -1)
    n = math.prod(shape) if axis is None or not shape else shape[axis]
    return math.prod(shape) * math.log2(n) if n > 1 else 0


def _search(shapes: Shapes, out: Shape, params: Any) -> float:
    n = shapes[0][0] if shapes[0] else 1
    return math.prod(out) * math.ceil(math.log2(n + 1))


_COUNTS: dict[str, Callable[..., float]] = {
    "matmul": _matmul,
    "contract": _contract,
    "full_convolution": _convolution,
    "valid_convolution": lambda shapes, out, params: 2 * math.prod(out) * shapes[1][0],
    "convolution": lambda shapes, out, params: _windows(out, shapes[1]),
    "convolution_input": lambda shapes, out, params: _windows(shapes[0], shapes[1]),
    "convolution_kernel": lambda shapes, out, params: _windows(shapes[1], out),
    "window_max": _pool,
    "window_sum": _pool,
    "window_spread": _pool,
    "window_take_equal": _pool,
    "window_put_equal": _pool,
    "standardize": _standardize,
    "log_softmax_pullback": lambda shapes, out, params: 4 * math.prod(out),  # a sum, exp, a product, a difference
    "softmax_pullback": lambda shapes, out, params: 4 * math.prod(out),  # a product, its sum, a difference, a product
    "lstm": _recurrent(1, 1, lambda: 17),
    "lstm_adjoint": _recurrent(5, 2, lambda: 30),
    "gru": _recurrent(1, 1, lambda reset_after: 15 if reset_after else 17),
    "gru_adjoint": _recurrent(3, 2, lambda reset_after: 25),
    "simple_rnn": _recurrent(1, 1, lambda activation: 3),
    "simple_rnn_adjoint": _recurrent(2, 2, lambda activation: 4 if activation == "relu" else 5),
    "cross": lambda shapes, out, params: 3 * math.prod(out),
    "recurrence": lambda shapes, out, params: 2 * math.prod(out),
    "solve": _solve,
    "inv": _matrices(lambda m, n: 2 * n**3),
    "inverse_or_limit": _matrices(lambda m, n: 2 * n**3),
    "triangle_inverse": _matrices(lambda m, n: n**3 / 3),
    "det": _matrices(lambda m, n: 2 * n**3 / 3),
    "slogdet": _matrices(lambda m, n: 2 * n**3 / 3),
    "cofactor": _matrices(lambda m, n: 21 * n**3),  # by the singular value decomposition
    "second_cofactor": _matrices(lambda m, n: 21 * n**3),
    "cholesky": _matrices(lambda m, n: n**3 / 3),
    "cholesky_pullback": _matrices(lambda m, n: 4 * n**3),  # two triangular solves and a product
    "qr": _matrices(lambda m, n: 4 * m * n**2 - 4 * n**3 / 3),
    "qr_r": _matrices(lambda m, n: 2 * m * n**2 - 2 * n**3 / 3),
    "svd": _matrices(lambda m, n: 6 * m * n**2 + 20 * n**3),
    "svdvals": _matrices(lambda m, n: 2 * m * n**2 + 2 * n**3),
    "matrix_rank": _matrices(lambda m, n: 2 * m * n**2 + 2 * n**3),
    "pinv": _matrices(lambda m, n: 8 * m * n**2 + 20 * n**3),
    "lstsq": _matrices(lambda m, n: 6 * m * n**2 + 20 * n**3),
    "eigh": _matrices(lambda m, n: 9 * n**3),
    "eigvalsh": _matrices(lambda m, n: 4 * n**3 / 3),
    "eig": _matrices(lambda m, n: 25 * n**3),
    "eigvals": _matrices(lambda m, n: 10 * n**3),
    "fft": _fft(real=False),
    "ifft": _fft(real=False),
    "rfft": _fft(real=True),
    "irfft": _fft(real=True),
    "hfft": _fft(real=True),
    "ihfft": _fft(real=True),
    "argsort": _sort,
    "searchsorted": _search,
    "random_permutation": lambda shapes, out, params: 0,
    "stop_gradient": lambda shapes, out, params: 0,
}

"""SciPy's sparse matrices and arrays as constants beside Tensors: what `A @ t`, `t @ A`, `A * t` and `A / t` mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.errors import ShapeError, UnsupportedError
from ..core.mode import MODE, TAPES
from ..core.op import Op
from .matrices import SparseTensor
from .products import layout_of_constant, original, sparse_matmul


def _multiply_dense(matrix: Any, x: Any, transposed: bool) -> Any:
    """Return the product of a constant, or of its transpose, and a vector or columns."""
    shape = matrix.shape
    if matrix.ndim != 2 or x.ndim not in (1, 2) or x.shape[0] != shape[not transposed]:
        expected = f"t @ A: expected the last of 1 or 2 axes of t to have length {shape[0]}"
        if not transposed:
            expected = f"A @ t: expected the first of 1 or 2 axes of t to have length {shape[-1]}"
        t = np.transpose(x) if transposed else x
        raise ShapeError(f"{expected}, and A two axes; received A of shape {shape} and t {describe(t)}")
    if matrix.format in ("dok", "lil"):  # which have no array of entries
        matrix = matrix.tocsr()
    layout = layout_of_constant(matrix)
    if TAPES and (tape := MODE.get().tape) is not None:
        for a in layout.arrays:
            tape.note_borrowed(a)
    return sparse_matmul(matrix.data, x, layout=layout, transposed=transposed)


def with_constant(op: Op, x: Any, y: Any) -> Any:
    """Apply an operator to a Tensor and a sparse matrix of SciPy's.

    Args:
        op: that of the operator.
        x, y: the operands, one of each.

    Raises:
        UnsupportedError: for operators that are neither products nor quotients.
    """
    name = op.name.removeprefix("numpy.")
    is_first = original.issparse(x)
    matrix, t = (x, y) if is_first else (y, x)
    if name == "matmul" or (name == "multiply" and isinstance(matrix, original.spmatrix) and t.ndim):
        if is_first:
            return _multiply_dense(matrix, t, False)
        return np.transpose(_multiply_dense(matrix, np.transpose(t), True))
    if name == "multiply":
        return SparseTensor.of(matrix) * t
    if name == "divide" and is_first:
        return SparseTensor.of(matrix) / t
    raise UnsupportedError(
        f"{name}: expected a Tensor, an array or a number beside a Tensor; received a sparse matrix of shape "
        f"{matrix.shape}. If it is small, write A.toarray() for it"
    )

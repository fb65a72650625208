"""Estimates of floating-point operations, in the usual counts of the textbooks.

An elementwise op counts one for each element, whatever it is made of inside; a reduction one for each element that it
reads; what only moves data nothing. A product of matrices counts a multiplication and an addition for each term;
factorizations and transforms their leading terms; sorting its comparisons. Each op's record has its count, `Op.cost`.

References:
    G. Golub, C. Van Loan, Matrix Computations, 4th ed., 2013: sections 3.2, 4.2, 5.2, 7.5, 8.3 and table 8.6.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.node import Node
from ..core.op import Op
from ..core.shape_arithmetic import Shape, size_of


class Sizes(dict[Shape, int]):
    """The number of elements of an array, by its shape."""

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


def counted_flops(op: Op, shapes: Sequence[Shape], out: Shape, params: Any, sizes: Sizes) -> int:
    """Estimate the floating-point operations of an op, by the shapes of its arguments and of its result."""
    cost = 1 if op.cost is None else op.cost
    if callable(cost):
        return round(cost(shapes, out, params))
    if not cost:
        return 0
    most = sizes[out]
    for shape in shapes:
        if shape is not out:
            most = max(most, sizes[shape])
    return round(cost * most)

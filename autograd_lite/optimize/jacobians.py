"""Matrices of derivatives: dense, or sparse where that pays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from ..functional import grad, hessian, jacobian
from ..sparse import derivatives as sparse_derivatives
from .evaluation import Derivatives, stack
from .methods import MOST_NONZEROS
from .vectors import Layout


class Kind(NamedTuple):
    """A kind of matrix of derivatives of a function f of the vector.

    Attributes:
        dense: of f, the function that computes it as an array.
        sparse: a function of `autograd_lite.sparse` that computes it as a sparse matrix.
        function: of f, what that is applied to.
    """

    dense: Callable[[Any], Callable[..., Any]]
    sparse: Callable[..., Any]
    function: Callable[[Any], Callable[..., Any]]


def _rows(f: Callable[..., Any]) -> Callable[[Any], Any]:
    results = _vector_of(f)
    one, forward, reverse = grad(lambda x: results(x)[0]), jacobian(results, mode="forward"), jacobian(results)
    best = reverse

    def rows(x: Any) -> Any:
        nonlocal best
        matrix = best(x).reshape(-1, x.size)
        m, n = matrix.shape  # known from the first call on
        best = one if m == 1 else forward if m > n else reverse
        return matrix

    return rows


def order_of(m: int, n: int) -> str:
    """Return in which order `_rows` computes a matrix of m by n, and why."""
    if m == 1:
        return "one row, by reverse mode"
    if m > n:
        return f"by columns, by forward mode: {n:,} parameters, {m:,} results"
    return f"by rows, by reverse mode: {m:,} results, {n:,} parameters"


def _vector_of(f: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda x: stack(f(x))


def _weighted_sum(f: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda x, v: (stack(f(x)) * v).sum()


# Of shape (numbers that f returns, parameters); of a function that returns one number; and of (x, v): that of the sum
# of f's results at x, weighted by v.
JACOBIAN = Kind(_rows, sparse_derivatives.jacobian, _vector_of)
HESSIAN = Kind(hessian, sparse_derivatives.hessian, lambda f: f)
WEIGHTED_HESSIAN = Kind(lambda f: hessian(_weighted_sum(f)), sparse_derivatives.hessian, _weighted_sum)


class Sparse(NamedTuple):
    """When matrices are sparse.

    Attributes:
        choice: True or False if the user has said so; None to choose.
        least: the number of parameters from which on it may pay.
    """

    choice: bool | None
    least: int


def matrix_of(
    kind: Kind,
    called: str,
    f: Callable[..., Any],
    layout: Layout,
    args: tuple[Any, ...],
    compiled: bool | None,
    sparse: Sparse | None = None,
) -> Derivatives:
    """Return a matrix of derivatives of a function, sparse where that pays: if few of its entries may be nonzero.

    Args:
        kind: of the matrix.
        called, f, layout, args, compiled: as of `Derivatives`.
        sparse: when it is sparse; None for never.
    """
    derivatives = Derivatives(called, f, layout, kind.dense, args, compiled, remembers=True)
    if sparse is not None:
        derivatives.choose = functools.partial(_choose, derivatives, kind, sparse)
    return derivatives


def _choose(derivatives: Derivatives, kind: Kind, sparse: Sparse, *point: Any) -> str:
    """Make derivatives sparse if that pays, and return how it is and why."""
    n = point[0].size
    if sparse.choice is False:
        return "dense: sparse=False was given"
    if sparse.choice is None and n < sparse.least:
        return f"dense: there are {n:,} parameters, fewer than {sparse.least:,}"
    function = kind.function(derivatives.of_vector)
    matrix = kind.sparse(function)
    try:
        pattern = matrix.pattern(*point)
    except Exception as error:  # the function as it is raises this again, or does what cannot be traced
        return f"dense: the pattern is not known: {error}"
    count = f"{pattern.nnz:,} of {pattern.shape[0] * n:,} entries"
    if not sparse.choice and pattern.nnz > MOST_NONZEROS * pattern.shape[0] * n:
        return f"dense: {count} may be nonzero"
    derivatives.use_sparse(kind.sparse(function, sparsity=pattern, compiled=False), matrix)
    colors = matrix.colors(*point).count
    return f"sparse: {count}, by {colors} color{'s' if colors != 1 else ''}"

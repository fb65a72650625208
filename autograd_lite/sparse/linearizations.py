"""The derivative of a function at a point as a linear operator, and its sparse matrix."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.arguments import require_function
from ..core.docstrings import arguments_from
from ..core.messages import checked
from ..core.traceback_folding import folding
from ..functional import linearize as recorded
from ..tree import leaves
from .derivatives import jacobian
from .operators import LinearOperator
from .points import as_arrays, as_tree, as_vector, of_point, point_of, size_of


@arguments_from(LinearOperator)
class Linearization(LinearOperator):
    """The derivative of a function at a point, as `linearize` makes it: a `LinearOperator` that also has a matrix.

    Args:
        matrix: computes the matrix.

    Example:
        >>> import autograd_lite as ag
        >>> out, operator = ag.sparse.linearize(np.square)(np.array([1.0, 2.0]))
        >>> isinstance(operator, Linearization), operator.matvec(np.array([1.0, 10.0]))
        (True, array([ 2., 40.]))
    """

    def __init__(
        self,
        shape: tuple[int, int],
        matvec: Callable[[Any], Any],
        rmatvec: Callable[[Any], Any],
        dtype: Any,
        matrix: Callable[[], Any],
    ) -> None:
        super().__init__(shape, matvec, rmatvec, dtype=dtype)
        self._matrix = matrix

    def matrix(self) -> Any:
        """Return the matrix of the operator as `scipy.sparse.csr_array`; see `jacobian`."""
        return self._matrix()


@arguments_from(jacobian)
@checked
def linearize(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, sparsity: Any = None
) -> Callable[..., tuple[Any, Linearization]]:
    """Return a function that computes `f(*args)` and its derivative there, as one of SciPy's linear operators.

    `matvec` is the product of forward mode, x ↦ J x, and `rmatvec` that of reverse mode, y ↦ Jᴴ y; f has been computed
    once for all of them. Elements of a container come one after the other.

    Returns:
        A function of f's arguments that returns `(out, operator)`; `operator.matrix()` is the Jacobian as a sparse
        matrix. Solvers of SciPy and of `autograd_lite.sparse` take the operator.

    Example:
        >>> out, operator = linearize(lambda x: x[1:] * x[:-1])(np.array([1.0, 2.0, 3.0]))
        >>> operator @ np.array([1.0, 0.0, 0.0]), operator.T @ np.ones(2)
        (array([2., 0.]), array([2., 4., 2.]))
        >>> operator.matrix().toarray()
        array([[2., 1., 0.],
               [0., 3., 2.]])
    """
    require_function("sparse.linearize", f)
    derivative = jacobian(f, argnums, sparsity=sparsity)
    of_parts = of_point(f, argnums)

    @functools.wraps(f)
    @folding
    def with_operator(*args: Any, **kwargs: Any) -> tuple[Any, Linearization]:
        inputs = as_arrays("sparse.linearize", f, argnums, args)
        chosen, others, keywords = point_of("sparse.linearize", f, argnums, inputs, kwargs)
        out, linear = recorded(lambda x: of_parts(x, others, keywords))(chosen)
        operator = Linearization(
            (size_of(out), size_of(chosen)),
            functools.partial(_product, linear, chosen),
            functools.partial(_product, linear.transpose, out),
            np.result_type(*[a.dtype for a in (*leaves(out), *leaves(chosen))]),
            lambda: derivative(*inputs, **kwargs),
        )
        return out, operator

    return with_operator


def _product(f: Callable[..., Any], like: Any, v: Any) -> Any:
    """Return a linear function of trees applied to a vector, which may be complex where they are real."""
    if v.dtype.kind == "c" and not any(np.iscomplexobj(a) for a in leaves(like)):
        return _product(f, like, v.real) + 1j * _product(f, like, v.imag)
    return as_vector(f(as_tree(v, like)))

"""Matrices as parameters of ops: the constant part of a matrix A(θ), whose arrays θ are inputs.

A map multiplies arrays and Tensors by A and Aᵀ, gives SciPy the matrix or the operator for bare arrays, and has the
derivatives of the product by θ. All follow the engine's convention: transposes, without conjugates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.body import Body, Runner, needed_for, run_body
from ..control.closure_conversion import Closed, align_captures, close, record_body
from ..core.errors import ShapeError, UnsupportedError
from ..functional import jvp, vjp
from ..ops.adjoints import user
from ..ops.operands import operand
from ..ops.solve import lapack_dtype
from .matrices import SparseTensor
from .operators import LinearOperator, aslinearoperator, issparse, original
from .products import Layout, layout_of, layout_of_constant, sampled_matmul, sparse_matmul


class MatrixMap:
    """A matrix whose one parameter is the array of its nonzeros.

    Args:
        layout: where these are.
        dense: whether the parameter is a dense matrix.
    """

    def __init__(self, layout: Layout, dense: bool = False) -> None:
        self.layout, self.shape, self.dense = layout, layout.shape, dense

    def __call__(self, parameters: Sequence[Any], x: Any, turned: bool = False) -> Any:
        """Return A x or Aᵀ x, for a vector or columns."""
        return sparse_matmul(parameters[0].reshape(-1), x, layout=self.layout, transposed=turned)

    def pull(self, parameters: Sequence[Any], x: Any, s: Any) -> list[Any]:
        """Return the cotangents of the parameters in A x, for the cotangent s."""
        return [sampled_matmul(s, x, layout=self.layout).reshape(parameters[0].shape)]

    def push(self, parameters: Sequence[Any], tangents: Sequence[Any], x: Any, turned: bool = False) -> Any:
        """Return the tangent of A x or Aᵀ x for tangents of the parameters, which are None where they are zero."""
        return self(tangents, x, turned)

    def native(self, parameters: Sequence[Any], turned: bool = False) -> Any:
        """Return A or Aᵀ as SciPy takes it, of bare arrays."""
        if self.dense:
            return parameters[0].T if turned else parameters[0]
        return self.layout.matrix(np.asarray(parameters[0]), turned)

    def __repr__(self) -> str:
        return f"<matrix {self.layout!r}>"


class ClosureMap:
    """A matrix given by a function, whose parameters are the Tensors that this reads from around it.

    Args:
        body: of x and the parameters, which returns A x.
        turned: of y and the parameters, which returns Aᵀ y; by default it follows from `body`.
    """

    def __init__(self, body: Body, turned: Body | None = None) -> None:
        self.body, self._given = body, turned
        self.shape = (*body.specs[0].shape, *body.examples[0].shape)

    def __repr__(self) -> str:
        return f"<matrix of shape {self.shape}, {self.body!r}>"

    def _body(self, turned: bool) -> Body:
        if not turned:
            return self.body
        return self._given or self._derive("turned", self.body.specs[0], _transpose_of)

    def _derive(self, name: str, first: Any, make: Callable[[Body], Callable[..., Any]], *more: Any) -> Body:
        derived = self.body.derived
        if name not in derived:
            examples = [np.zeros(first.shape, first.dtype), *more, *self.body.examples[1:]]
            derived[name] = record_body(self.body.name, make(self.body), examples)
        body: Body = derived[name]
        return body

    def __call__(self, parameters: Sequence[Any], x: Any, turned: bool = False) -> Any:
        """Return A x or Aᵀ x, for a vector or columns."""
        return _by_columns(lambda v: run_body(self._body(turned), v, *parameters)[0], x)

    def pull(self, parameters: Sequence[Any], x: Any, s: Any) -> list[Any]:
        """Return the cotangents of the parameters in A x, for the cotangent s; None for integers."""
        spec, chosen = self.body.specs[0], [k for k, p in enumerate(self.body.examples[1:]) if p.dtype.kind in "fc"]
        if not chosen:
            return [None] * len(parameters)
        body = self._derive("pull", self.body.examples[0], _pull_of(chosen), np.zeros(spec.shape, spec.dtype))
        total: list[Any] = [None] * len(parameters)
        for v, c in zip(_columns(x), _columns(s), strict=True):
            for k, part in zip(chosen, run_body(body, v, c, *parameters), strict=True):
                total[k] = part if total[k] is None else total[k] + part
        return total

    def push(self, parameters: Sequence[Any], tangents: Sequence[Any], x: Any, turned: bool = False) -> Any:
        """Return the tangent of A x or Aᵀ x for tangents of the parameters, which are None where they are zero."""
        body = self._body(turned)
        if "push" not in body.derived:
            examples = [*body.examples, *body.examples[1:]]
            body.derived["push"] = record_body(body.name, _push_of(body), examples)
        along = [np.zeros(p.shape, p.dtype) if t is None else t for t, p in zip(tangents, parameters, strict=True)]
        return _by_columns(lambda v: run_body(body.derived["push"], v, *parameters, *along)[0], x)

    def native(self, parameters: Sequence[Any], turned: bool = False) -> Any:
        """Return A or Aᵀ as SciPy takes it, of bare arrays."""
        functions: dict[bool, Callable[[Any], Any]] = {}

        def apply(x: Any, turned: bool) -> Any:
            if turned not in functions:
                functions[turned] = _on_arrays(self._body(turned), parameters)
            return functions[turned](x)

        return original.LinearOperator(
            self.shape[::-1] if turned else self.shape,
            lambda x: apply(x, turned),
            lambda x: user(apply(user(x), not turned)),
            dtype=self.body.specs[0].dtype,
        )


Map = MatrixMap | ClosureMap


def _columns(x: Any) -> list[Any]:
    return [x] if x.ndim == 1 else [x[:, j] for j in range(x.shape[1])]


def _by_columns(function: Callable[[Any], Any], x: Any) -> Any:
    return function(x) if x.ndim == 1 else np.stack([function(v) for v in _columns(x)], axis=1)


def _on_arrays(body: Body, parameters: Sequence[Any]) -> Callable[[Any], Any]:
    """Return a body as a function of x, for one thread."""
    runner, dtype = Runner(body, 1, 0), body.examples[0].dtype
    return lambda x: np.array(runner(x.reshape(-1).astype(dtype, copy=False), *parameters)[0])


def _transpose_of(body: Body) -> Callable[..., Any]:
    zeros = np.zeros(body.examples[0].shape, body.examples[0].dtype)

    def multiply(y: Any, *parameters: Any) -> list[Any]:
        _, back = vjp(lambda x: body(x, *parameters)[0])(zeros)
        return [user(back(user(y)))]

    return multiply


def _pull_of(chosen: Sequence[int]) -> Callable[[Body], Callable[..., Any]]:
    def make(body: Body) -> Callable[..., Any]:
        def pull(x: Any, s: Any, *parameters: Any) -> list[Any]:
            _, back = vjp(lambda *parameters: body(x, *parameters)[0], tuple(chosen))(*parameters)
            return [user(c) for c in back(user(s))]

        return pull

    return make


def _push_of(body: Body) -> Callable[..., Any]:
    def push(x: Any, *both: Any) -> list[Any]:
        half = len(both) // 2
        return [jvp(lambda *parameters: body(x, *parameters)[0])(both[:half], both[half:])[1]]

    return push


# ---- from what users write ------------------------------------------------------------------------------------------


def as_map(name: str, A: Any, n: int | None, dtype: Any) -> tuple[Map, list[Any], np.dtype[Any]]:
    """Return a matrix or an operator as a map, with its parameters and its dtype.

    Args:
        name: of the call, for messages.
        A: a matrix of ours or SciPy's, a dense one, an operator, or a function of vectors of length n.
        n: how many columns a function has.
        dtype: of the vectors that it will multiply.
    """
    if isinstance(A, LinearOperator) and A.args:
        A = A.args[0]  # the matrix that it was made of
    if isinstance(A, SparseTensor):
        return MatrixMap(A.layout), [A.data], A.dtype
    if issparse(A):
        A = A.tocsr() if A.format in ("dok", "lil") else A
        return MatrixMap(layout_of_constant(A)), [A.data], A.dtype
    if isinstance(A, original.LinearOperator):
        return _closure(name, aslinearoperator(A), dtype)
    if callable(A) and not hasattr(A, "shape"):
        if n is None:
            raise UnsupportedError(f"{name}: expected a matrix or a LinearOperator, which has a shape; received {A!r}")
        return _closure(name, LinearOperator((n, n), A, dtype=dtype), dtype)
    A = operand(A)
    if A.ndim != 2:
        raise ShapeError(f"{name}: expected a matrix of two dimensions; received shape {A.shape}")
    m, k = A.shape
    layout = layout_of(np.tile(np.arange(k, dtype=np.int32), m), np.arange(m + 1, dtype=np.int32) * k, (m, k))
    return MatrixMap(layout, dense=True), [A], A.dtype


def _closure(name: str, A: LinearOperator, dtype: Any) -> tuple[Map, list[Any], np.dtype[Any]]:
    """Return an operator as a map; its functions run once, on Tensors."""
    dtype = lapack_dtype(np.dtype(dtype), np.dtype(A.dtype))
    refused = UnsupportedError(f"{name}: expected the functions of an operator to change nothing outside")

    def part(function: Callable[[Any], Any], length: int) -> Closed:
        return close(name, function, (np.zeros(length, dtype),), refused)

    forward = part(A.matvec, A.shape[1])
    if np.result_type(forward.body.specs[0].dtype, dtype) != dtype:  # complex, or of more digits
        return _closure(name, LinearOperator(A.shape, *A.functions[:2], dtype=forward.body.specs[0].dtype), dtype)
    if A.functions[1] is None:
        _require_linear(name, ClosureMap(forward.body))
        return ClosureMap(forward.body), list(forward.captured), dtype
    back = part(lambda y: user(A.rmatvec(user(y))), A.shape[0])
    (body, turned), captured = align_captures([forward, back], 1)
    return ClosureMap(body, turned), list(captured), dtype


def _require_linear(name: str, matrix: ClosureMap) -> None:
    """Raise if a function is not linear in x: its derivative reads x, and it is not additive at random places."""
    body = matrix.body
    x = body.program.inputs[0]

    def slope(x: Any, y: Any, *parameters: Any) -> list[Any]:
        return [vjp(lambda x: body(x, *parameters)[0])(x)[1](y)]

    spec = body.specs[0]
    backward = record_body(name, slope, [body.examples[0], np.zeros(spec.shape, spec.dtype), *body.examples[1:]])
    first = backward.program.inputs[0]
    if x is None or first not in needed_for(backward.program, backward.outputs):
        return
    rng, parameters = np.random.default_rng(0), body.examples[1:]
    u, v = (rng.standard_normal(body.examples[0].shape).astype(spec.dtype) for _ in range(2))
    with np.errstate(all="ignore"):
        a, b, both = (run_body(body, y, *parameters)[0] for y in (u, v, 2 * u - v))
    size = np.abs(np.nan_to_num(both)).max(initial=0)
    if not np.allclose(both, 2 * a - b, rtol=1e-5, atol=1e-5 * size, equal_nan=True):
        raise UnsupportedError(
            f"{name}: expected matvec to be linear in x; received a function that is not. Write it as products with x, "
            "or give the operator its rmatvec"
        )

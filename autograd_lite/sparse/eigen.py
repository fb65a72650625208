"""Some eigenvalues and singular values of sparse matrices, with vectors, by SciPy: `eigsh`, `svds`, and `norm`.

With an eigenpair (w, v) of a Hermitian A and a change dA, dw = vᴴ dA v, and dv = -(A - w I)⁺ dA v is the solution of
a system that is not singular if w is simple: of A - w I with v as a border, by sparse factors, or for operators of
A - w I + v vᴴ, by `minres`. These are functions that have derivatives, and so have eigenpairs, of any order; that other
eigenvalues are equal does not matter.

The singular vectors of A, one above the other, are eigenvectors of [[0, A], [Aᴴ, 0]], of length √2.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.errors import ImplicitError, ShapeError, UnsupportedError
from ..core.frozen import Frozen
from ..core.messages import checked
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..functional.derivative_rules import KeepSame
from ..functions.custom_ops import structural
from ..ops.adjoints import adjoint, real_part, total, user
from ..ops.barrier import stop_gradient
from ..ops.solve import lapack_dtype, real_dtype
from ..tensors.tensor import Tensor
from .construction import block_array
from .iterative import may_have_tensors, minres
from .linalg import Columns, solve
from .linear_maps import ClosureMap, Map, MatrixMap, as_map
from .matrices import SparseTensor, compress
from .operators import LinearOperator, aslinearoperator, eye_array, issparse, original
from .products import Layout

_DEGENERATE = (
    "derivative of an eigenpair: expected a simple eigenvalue; received one that is equal to another one, or nearly: "
    "its vector can be any of a subspace. What is differentiable is the sum of all equal values"
)


class Search(Frozen):
    """What SciPy is asked for, as a parameter of the op.

    Attributes:
        matrix: the Hermitian matrix.
        k: the number of eigenpairs.
        options: further arguments of SciPy's function, as pairs.
        part: for singular values, where the nonzeros of A lie in [[0, A], [Aᴴ, 0]]: in front, by this layout.
        rows: the rows of A; 0 for eigenvalues.
    """

    matrix: Map
    k: int
    options: tuple[tuple[str, Any], ...]
    rows: int = 0
    part: Layout | None = None

    def __repr__(self) -> str:
        return f"<{self.k} of {self.matrix!r}, {self.options}>"

    @property
    def squared_length(self) -> int:
        """That of the vectors."""
        return 2 if self.rows else 1

    def find(self, parameters: Sequence[Any], with_vectors: bool) -> Any:
        """Return SciPy's values, or values and vectors, of bare arrays."""
        if not self.rows:
            a = self.matrix.native(parameters)
            return original.eigsh(a, self.k, return_eigenvectors=with_vectors, **dict(self.options))
        a = self._rectangle(parameters)
        results = original.svds(a, self.k, return_singular_vectors=with_vectors, **dict(self.options))
        return (results[1], np.concatenate([results[0], adjoint(results[2])])) if with_vectors else results

    def _rectangle(self, parameters: Sequence[Any]) -> Any:
        if self.part is not None:
            return self.part.matrix(np.asarray(parameters[0])[: len(self.part.indices)])
        whole, m, n = self.matrix.native(parameters), self.rows, self.matrix.shape[0] - self.rows
        left, right = np.zeros(m, whole.dtype), np.zeros(n, whole.dtype)
        return original.LinearOperator(
            (m, n),
            lambda x: whole.matvec(np.concatenate([left, x.reshape(-1)]))[:m],
            lambda y: whole.matvec(np.concatenate([y.reshape(-1), right]))[m:],
            dtype=whole.dtype,
        )


# ---- bordered systems ------------------------------------------------------------------------------------------------

_SHIFT = 1e-11  # of a matrix before it is factored, relative to its entries
_MOST_REFINEMENTS = 12


class Bordered(Columns):
    """The pattern of [[B, V], [W, 0]] for a B that is nearly singular, with few columns in the border.

    Factors of the whole would fill up, since a border is dense. So B is factored after a small shift, which leaves it
    sparse, and the solution is refined.
    """

    def __init__(self, layout: Layout, border: int) -> None:
        super().__init__(layout)
        self.border = border

    def compute(self, matrix: Any) -> Any:
        """Return an object that solves with a matrix of SciPy's."""
        return _BorderedFactors(matrix, self.border)


class _BorderedFactors:
    def __init__(self, matrix: Any, border: int) -> None:
        matrix = matrix.astype(np.result_type(matrix.dtype, np.float64), copy=False)
        n = matrix.shape[0] - border
        block = matrix[:n, :n]
        shift = _SHIFT * np.abs(block.data).max(initial=0)
        self._matrix, self._n = matrix, n
        self._factors = original.splu((block + shift * eye_array(n, dtype=block.dtype)).tocsc())
        corner = matrix[:n, n:].toarray(), matrix[n:, :n].toarray()
        self._sides = {"N": corner, "T": tuple(side.T for side in reversed(corner))}
        self._columns: dict[str, Any] = {}

    def solve(self, b: Any, trans: str) -> Any:
        """Solve with the matrix or its transpose.

        Raises:
            ImplicitError: if the solution does not converge.
        """
        matrix, dtype = self._matrix if trans == "N" else self._matrix.T, b.dtype
        b = b.astype(matrix.dtype, copy=False)
        x, before = np.zeros_like(b), np.inf
        for _ in range(_MOST_REFINEMENTS):
            step = self._solve_nearly(b - matrix @ x, trans)
            x, size = x + step, np.abs(step).max(initial=0)
            if not np.isfinite(size):
                return x.astype(dtype, copy=False)
            if not size < 0.5 * before:
                break
            before = size
        if not before <= 1e-7 * np.abs(x).max(initial=0):
            raise ImplicitError(_DEGENERATE)
        return x.astype(dtype, copy=False)

    def _solve_nearly(self, b: Any, trans: str) -> Any:
        right, below = self._sides[trans]
        if trans not in self._columns:
            self._columns[trans] = self._factors.solve(np.ascontiguousarray(right), trans)
        columns, y = self._columns[trans], self._factors.solve(b[: self._n], trans)
        rest = np.linalg.solve(below @ columns, below @ y - b[self._n :])
        return np.concatenate([y - columns @ rest, rest])


# ---- the change of vectors -------------------------------------------------------------------------------------------

_CERTAIN = 1e4  # relative to what an error must be small
_UNITS = (
    1e6  # of rounding by which two eigenvalues must differ, relative to the largest: derivatives have some 4 digits
)


def _require_gap(u: Any, r: Any, w: Any, left: Any, probe: Any) -> Any:
    eps, size = np.finfo(w.dtype).eps, np.linalg.norm(r)
    inverse = max(np.linalg.norm(u) / size if size else 0.0, probe)
    if inverse * max(u.shape[0], _UNITS) * eps * np.abs(w).max(initial=0) > 1:
        raise ImplicitError(_DEGENERATE)
    if inverse * left > 1 / _CERTAIN:
        raise ImplicitError(
            "derivative of an eigenpair: expected a residual |A v - w v| that is small beside the distance to another "
            f"eigenvalue, about {1 / inverse:.1e}; received {float(left):.1e}. Lower tol"
        )
    return u


# The identity of u, the solution for r, which raises where an eigenvalue is too close to w, or w not close enough.
_distinct: Op = structural(
    "derivative of eigenvectors",
    _require_gap,
    lambda g, out, u, r, w, left, probe: g,
    None,
    None,
    None,
    None,
    infer=lambda u, r, w, left, probe: u,
    jvp=lambda tangents, out, u, r, w, left, probe: tangents[0],
)


def _require_equal(g: Any, w: Any) -> Any:
    close = np.abs(w[:, None] - w) <= max(len(w), _CERTAIN) * np.finfo(w.dtype).eps * np.abs(w).max(initial=0)
    if (close & (np.abs(g[:, None] - g) > 1e-8 * np.abs(g).max(initial=0))).any():
        raise ImplicitError(_DEGENERATE)
    return g


# The identity of cotangents of eigenvalues, which raises where those of equal ones differ.
_symmetric: Op = structural(
    "derivative of eigenvalues",
    _require_equal,
    lambda g, out, by_w, w: g,
    None,
    infer=lambda by_w, w: by_w,
    jvp=lambda tangents, out, by_w, w: tangents[0],
)


def _change(matrix: Map, parameters: Sequence[Any], w: Any, v: Any, r: Any, squared_length: int) -> Any:
    """Return -(A - w[j] I)⁺ r[:, j] for each j: each a function of its own pair."""
    columns = []
    for j in range(w.shape[0]):
        own, c = v[:, j], r[:, j]
        if c.__class__ is np.ndarray and not c.any():  # a vector that is not used
            columns.append(c)
            continue
        c = c - own * (np.sum(user(own) * c) / squared_length)
        *constants, value, vector = [stop_gradient(x) for x in (*parameters, w[j], own)]
        probe: Any = 0.0  # a bound from below on 1 / |w[i] - w[j]|, by a direction that shows all of them
        if isinstance(matrix, MatrixMap):
            u = _by_border(matrix, parameters[0], w[j], own, c)
            direction = np.random.default_rng(0).standard_normal(own.shape)
            direction = np.where(np.abs(stop_gradient(c)).max() > 0, direction / np.linalg.norm(direction), 0)
            probe = np.linalg.norm(_by_border(matrix, constants[0], value, vector, direction))
        else:
            u = _by_minres(matrix, parameters, w[j], own, c, _start(w, v, c, j))
        left = np.linalg.norm(matrix(constants, vector) - value * vector)
        u = -_distinct(u, c, w, left, probe)
        columns.append(u - own * (np.sum(user(own) * u) / squared_length))
    return np.stack(columns, axis=1)


def _by_border(matrix: MatrixMap, data: Any, shift: Any, v: Any, r: Any) -> Any:
    """Solve [[A - shift I, v], [vᴴ, 0]] (u, 0) = (r, 0)."""
    n = v.shape[0]
    layout, diagonal, border = matrix.layout, np.arange(n), np.full(n, n)
    entries = np.concatenate([data.reshape(-1), np.broadcast_to(-shift, (n,)), v, user(v)])
    rows = np.concatenate([layout.rows, diagonal, diagonal, border])
    whole = compress(entries, rows, np.concatenate([layout.indices, diagonal, border, diagonal]), (n + 1, n + 1))
    b = np.concatenate([r, np.zeros(1, r.dtype)])
    return solve(whole.data, b, columns=Bordered(whole.layout, 1), trans="T")[:n]


def _start(w: Any, v: Any, r: Any, j: int) -> Any:
    """Return the part of the solution in the span of all vectors, to start with: minres then looks outside of it."""
    w, v, r = (stop_gradient(a) for a in (w, v, r))
    gaps = w - w[j]
    far = np.abs(gaps) > 1e-6 * np.abs(w).max()
    return np.matmul(v, np.where(far, np.matmul(adjoint(v), r) / np.where(far, gaps, 1), 0))


def _by_minres(matrix: ClosureMap, parameters: Sequence[Any], shift: Any, v: Any, r: Any, start: Any) -> Any:
    """Solve (A - shift I + c v vᴴ) u = r; complex numbers as pairs of real ones, which minres requires."""
    size = 1.0 + np.abs(shift)

    def of_vectors(x: Any) -> Any:
        return matrix(parameters, x) - shift * x + size * v * np.sum(user(v) * x)

    def of_pairs(x: Any) -> Any:
        return _pairs_of(of_vectors(x[: r.shape[0]] + 1j * x[r.shape[0] :]))

    n, is_complex = r.shape[0], r.dtype.kind == "c"
    b, start = (_pairs_of(r), _pairs_of(start)) if is_complex else (r, start)
    function = of_pairs if is_complex else of_vectors
    operator = LinearOperator((b.shape[0],) * 2, function, function, dtype=b.dtype)
    u = minres(operator, b, start, rtol=10 * float(np.finfo(b.dtype).eps), maxiter=20 * n)[0]
    return u[:n] + 1j * u[n:] if is_complex else u


def _pairs_of(x: Any) -> Any:
    return np.concatenate([np.real(x), np.imag(x)])


# ---- the ops --------------------------------------------------------------------------------------------------------


def _pull(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
    (w, v), *parameters = saved
    search: Search = params["search"]
    matrix, length = search.matrix, search.squared_length
    by_w, by_v = g
    s = None if by_w is None else v * (_symmetric(by_w, w) / length)
    if by_v is not None:
        s = total(s, _change(matrix, parameters, w, v, user(by_v), length))
    if isinstance(matrix, ClosureMap):
        cotangents = matrix.pull(parameters, v, user(s))
    else:  # spread over both triangles
        pairs = zip(matrix.pull(parameters, v, user(s)), matrix.pull(parameters, s, user(v)), strict=True)
        cotangents = [(a + b) * 0.5 for a, b in pairs]
    return [cotangents[k] for k in needs]


def _push(tangents: Sequence[Any], out: Any, *parameters: Any, search: Search) -> Any:
    w, v = out
    matrix, length = search.matrix, search.squared_length
    moved = matrix.push(parameters, tangents, v)
    if isinstance(matrix, MatrixMap):
        moved = (moved + user(matrix.push(parameters, tangents, user(v), True))) * 0.5
    dw = real_part((user(v) * moved).sum(axis=0)) / length
    return dw, _change(matrix, parameters, w, v, moved, length)


def _specs(*parameters: ShapeDtype, search: Search) -> tuple[ShapeDtype, ShapeDtype]:
    matrix = search.matrix
    dtype = parameters[0].dtype if isinstance(matrix, MatrixMap) else matrix.body.specs[0].dtype
    return ShapeDtype((search.k,), real_dtype(dtype)), ShapeDtype((matrix.shape[0], search.k), lapack_dtype(dtype))


@functools.cache
def _pairs(name: str, n: int) -> Op:
    """Return the op of n parameters that finds values and vectors."""
    return structural(
        name,
        lambda *parameters, search: tuple(search.find(parameters, True)),
        asked=_pull,
        infer=_specs,
        jvp=_push,
        keeps=KeepSame((True,) * (n + 1)),
        results=2,
        holomorphic=False,
    )


@functools.cache
def _values(name: str, n: int) -> Op:
    """Return the op of n parameters that finds values alone, of which SciPy has its own order."""

    def ranks(out: Any) -> Any:
        return np.argsort(np.argsort(out))

    def pull(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        out, *parameters = saved
        pairs = _pairs(name, n)(*parameters, search=params["search"])
        w, v = pairs
        by_w = np.take(g, np.argsort(out))
        return _pull(needs, (np.take(by_w, ranks(w)), None), ((w, v), *parameters), params)

    def push(tangents: Sequence[Any], out: Any, *parameters: Any, search: Search) -> Any:
        w, v = _pairs(name, n)(*parameters, search=search)
        matrix, length = search.matrix, search.squared_length
        dw = real_part((user(v) * matrix.push(parameters, tangents, v)).sum(axis=0)) / length
        return np.take(np.take(dw, np.argsort(w)), ranks(out))

    return structural(
        f"{name} (values)",
        lambda *parameters, search: search.find(parameters, False),
        asked=pull,
        infer=lambda *parameters, search: _specs(*parameters, search=search)[0],
        jvp=push,
        keeps=KeepSame((True,) * (n + 1)),
        holomorphic=False,
    )


# ---- SciPy's functions ----------------------------------------------------------------------------------------------


def _search(name: str, search: Search, parameters: Sequence[Any], with_vectors: bool) -> Any:
    if not parameters:  # nothing that it reads is a Tensor
        return search.find(parameters, with_vectors)
    op = (_pairs if with_vectors else _values)(name, len(parameters))
    return op(*parameters, search=search)


def _floating(A: Any) -> Any:
    return A.astype(np.float64) if isinstance(A, SparseTensor | Tensor) and A.dtype.kind in "biu" else A


def _options(arguments: dict[str, Any], n: int) -> tuple[tuple[str, Any], ...]:
    """Return arguments of SciPy's as pairs, with a start that is the same each time in place of a random one."""
    if arguments.get("v0") is None and arguments.get("rng") is None and arguments.get("random_state") is None:
        arguments["v0"] = np.random.default_rng(0).uniform(-1, 1, n)
    return tuple((key, value) for key, value in arguments.items() if value is not None)


@checked
def eigsh(
    A: Any,
    k: int = 6,
    M: Any = None,
    sigma: float | None = None,
    which: str = "LM",
    v0: Any = None,
    ncv: int | None = None,
    maxiter: int | None = None,
    tol: float = 0,
    return_eigenvectors: bool = True,
    Minv: Any = None,
    OPinv: Any = None,
    mode: str = "normal",
    rng: Any = None,
) -> Any:
    """Find k eigenvalues and eigenvectors of a symmetric (Hermitian) matrix, with derivatives of every order.

    The gradient by the nonzeros is that of a function of the symmetric matrix, spread over both triangles, as of
    `np.linalg.eigh`. Eigenvectors are determined up to a sign or a phase; results that do not depend on it have a
    gradient. One eigenvector costs a factorization of A - w I; of an operator, a solve by `minres`.

    Args:
        A: a matrix of `autograd_lite.sparse`, a dense Tensor, a `LinearOperator` that closes over Tensors, or a
            constant.
        k: how many, less than the number of rows.
        M, Minv: refused with Tensors.
        sigma: number near which eigenvalues are wanted; None for those at an end.
        which: "LM", "SM" (largest, smallest magnitude), "LA", "SA" (largest, smallest) or "BE" (both ends).
        v0, rng: start of the iteration, or its generator; for Tensors the same start each time by default.
        ncv, maxiter, tol: number of Lanczos vectors, the most restarts, and the relative accuracy; 0 for all digits.
        OPinv, mode: the inverse of A - sigma I as an operator, and the transformation, for `sigma`.
        return_eigenvectors: whether to return vectors too.

    Returns:
        Eigenvalues of shape `(k,)`, and eigenvectors as columns, of shape `(n, k)`.

    Raises:
        ImplicitError: from the derivative of a vector whose eigenvalue is equal to another one, to rounding, and of
            equal eigenvalues, except of their sum. Others than those that are used may be equal.

    Example:
        >>> import autograd_lite as ag
        >>> def largest(x):
        ...     return eigsh(ag.sparse.diags([x]), k=1, return_eigenvectors=False)[0]
        >>> ag.grad(largest)(np.array([1.0, 5.0, 2.0])).round(12)
        array([0., 1., 0.])
    """
    arguments = {"sigma": sigma, "which": which, "v0": v0, "ncv": ncv, "maxiter": maxiter, "tol": tol}
    arguments |= {"OPinv": OPinv, "mode": mode, "rng": rng}
    if not may_have_tensors(A):
        chosen = {key: value for key, value in (arguments | {"M": M, "Minv": Minv}).items() if value is not None}
        return original.eigsh(A, k, return_eigenvectors=return_eigenvectors, **chosen)
    if M is not None or Minv is not None:
        raise UnsupportedError("eigsh: the arguments M= and Minv= are not supported with Tensors; detach the matrix")
    matrix, parameters, _ = as_map("eigsh", _floating(A), None, np.float64)
    if matrix.shape[0] != matrix.shape[1]:
        raise ShapeError(f"eigsh: expected a square matrix; received shape {matrix.shape}")
    search = Search(matrix, int(k), _options(arguments, matrix.shape[0]))
    return _search("eigsh", search, parameters, return_eigenvectors)


@checked
def svds(
    A: Any,
    k: int = 6,
    ncv: int | None = None,
    tol: float = 0,
    which: str = "LM",
    v0: Any = None,
    maxiter: int | None = None,
    return_singular_vectors: bool | str = True,
    solver: str = "arpack",
    rng: Any = None,
    options: dict[str, Any] | None = None,
    *,
    random_state: Any = None,
) -> Any:
    """Find k singular values and vectors of a matrix, with derivatives of every order; see `eigsh`.

    Args:
        A: of shape `(m, n)`, as for `eigsh`.
        k: number of singular values, less than min(m, n).
        ncv, maxiter, tol: number of Lanczos vectors, the most iterations, and the accuracy; 0 for all digits.
        which: "LM" for the largest, "SM" for the smallest.
        v0, rng, random_state: start of the iteration, or its generator; for Tensors the same start each time by
            default.
        solver: "arpack", "lobpcg" or "propack".
        options: of the solver.
        return_singular_vectors: True, False for the values alone, "u" or "vh" for one side.

    Returns:
        `(u, s, vh)` of shapes `(m, k)`, `(k,)`, `(k, n)`, with values in ascending order; or `s`.

    Raises:
        ImplicitError: as from `eigsh`.

    Example:
        >>> import autograd_lite as ag
        >>> A = ag.sparse.csr(np.array([3.0, 4.0]), [0, 1], [0, 1, 2], (2, 2))
        >>> svds(A, k=1)[1]
        Tensor([4.])
    """
    arguments = {"ncv": ncv, "tol": tol, "which": which, "v0": v0, "maxiter": maxiter, "solver": solver, "rng": rng}
    arguments |= {"options": options, "random_state": random_state}
    if not may_have_tensors(A):
        chosen = {key: value for key, value in arguments.items() if value is not None}
        return original.svds(A, k, return_singular_vectors=return_singular_vectors, **chosen)
    A = _floating(A)
    if isinstance(A, SparseTensor):
        whole, part = block_array([[None, A], [A.T.conj(), None]]), A.layout
    else:
        operator, part = aslinearoperator(A), None
        m = operator.shape[0]

        def both(x: Any) -> Any:
            return np.concatenate([operator.matvec(x[m:]), operator.rmatvec(x[:m])])

        whole = LinearOperator((sum(operator.shape),) * 2, both, both, dtype=operator.dtype)
    m, n = A.shape
    matrix, parameters, _ = as_map("svds", whole, None, np.float64)
    if solver == "arpack":
        chosen_options = _options(arguments, min(m, n))
    else:
        name = "rng" if "rng" in inspect.signature(original.svds).parameters else "random_state"
        seed = {name: 0} if rng is None and random_state is None and v0 is None else {}
        chosen_options = tuple((key, value) for key, value in (arguments | seed).items() if value is not None)
    search = Search(matrix, int(k), chosen_options, m, part)
    if return_singular_vectors is False:
        return _search("svds", search, parameters, False)
    s, z = _search("svds", search, parameters, True)
    u, vh = z[:m], adjoint(z[m:])
    return (None if return_singular_vectors == "vh" else u), s, (None if return_singular_vectors == "u" else vh)


@checked
def norm(x: Any, ord: Any = None, axis: Any = None) -> Any:
    """Return a norm of a sparse matrix, or of its rows or columns, with its derivatives.

    Args:
        x: a matrix of `autograd_lite.sparse`, or a constant one of SciPy.
        ord: of a matrix None or "fro", 1, -1, 2, inf or -inf; of rows and columns None or a number p > 0.
        axis: None for the matrix, 0 for columns, 1 for rows.

    Raises:
        UnsupportedError: for other orders, where the entries are a Tensor.

    Example:
        >>> import autograd_lite as ag
        >>> A = ag.sparse.diags([[3.0, 4.0]])
        >>> norm(A), norm(A, 1), norm(A, axis=1)
        (Tensor(5.), Tensor(4.), Tensor([3., 4.]))
    """
    if not isinstance(x, SparseTensor):
        if not issparse(x):
            raise TypeError(
                f"norm: expected a sparse matrix; received {describe(x)}. Of a dense one use np.linalg.norm"
            )
        return original.norm(x, ord, axis)
    axes = (0, 1) if axis is None else tuple(a % 2 for a in (axis if isinstance(axis, tuple) else (axis,)))
    if len(axes) == 2 and ord in (None, "fro", "f"):
        return np.linalg.norm(x.data)
    sizes = x.with_data(np.abs(x.data))
    if len(axes) == 2:
        if ord == 2:
            return svds(x, 1, return_singular_vectors=False)[0]
        extreme = {1: np.max, np.inf: np.max, -1: np.min, -np.inf: np.min}.get(ord)
        if extreme is not None:
            return extreme(sizes.sum(axis=axes[0] if abs(ord) == 1 else axes[1]))
    elif ord in (None, 2):
        return np.sqrt(x.with_data(sizes.data * sizes.data).sum(axis=axes[0]))
    elif ord == 1:
        return sizes.sum(axis=axes[0])
    elif isinstance(ord, (int, float)) and 0 < ord < np.inf:
        return x.with_data(sizes.data**ord).sum(axis=axes[0]) ** (1 / ord)
    raise UnsupportedError(
        "norm: expected ord None, 'fro', 1, -1, 2, inf or -inf, or with an axis None or p > 0, since the entries are "
        f"a Tensor; received {describe(ord)} with axis={axis}. Take the norm of A.to_scipy()"
    )

"""Linear systems: solve, inverses, determinants. Square matrices on the last two axes, a batch on those before.

Rules need no factorization: they solve with the transposed matrix, or read the inverse that is the result.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import array_namespace, as_array, is_duck_array
from ..core.equivalents import LOOPS, Loops
from ..core.errors import ShapeError
from ..core.multi_result import each
from ..core.op import Op, composes, structural
from ..core.shape_arithmetic import Shape, ShapeDtype, normalize_axis
from ..native import threaded_functions as fast
from ..native.kernels import KERNELS, NATIVE, SOLVERS
from .zero_mask import zero_mask

_Bound = tuple[tuple[Any, ...], dict[str, Any]]


def per_matrix(count: Callable[[int, int], float]) -> Callable[..., float]:
    """Return the `Op.cost` of an op on stacks of matrices: a count for each, by its longer and its shorter side."""

    def cost(shapes: Sequence[Shape], out: Any, params: Any) -> float:
        *loop, m, n = shapes[0]
        return math.prod(loop) * count(max(m, n), min(m, n))

    return cost


def _cost_of_solving(shapes: Sequence[Shape], out: Shape, params: Any) -> float:
    a, b = shapes[:2]
    n = a[-1]
    if not n:
        return 0
    stack = max(math.prod(a[:-2]), math.prod(out) // (n * (b[-1] if len(b) > 1 else 1)))
    return stack * 2 * n**3 / 3 + 2 * n * math.prod(out)


def lapack_dtype(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a result: float64 unless all inputs are floating, when it is the common one."""
    return np.result_type(*dtypes) if all(d.kind in "fc" for d in dtypes) else np.result_type(np.float64, *dtypes)


def real_dtype(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a result that is real for complex inputs, too."""
    return np.finfo(lapack_dtype(*dtypes)).dtype


def in_lapack(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Let a forward function accept half precision: computed in single, the narrowest that LAPACK supports."""

    @functools.wraps(forward)
    def with_half(*arrays: Any, **params: Any) -> Any:
        dtypes = [a.dtype for a in arrays]
        if np.dtype("e") not in dtypes:
            return forward(*arrays, **params)
        wider = (a.astype(np.float32) if a.dtype.char == "e" else a for a in arrays)
        return each(lambda r: r.astype(lapack_dtype(*dtypes)) if r.dtype.char == "f" else r, forward(*wider, **params))

    return with_half


_LOOPS = getattr(np.linalg, "_umath_linalg", None)  # of NumPy's functions, which add checks and an exception
SMALL = 16  # rows of matrices, up to which kernels take them


def _small_kernel(name: str, a: Any, b: Any = None) -> Any:
    """Return the kernel of this name if it takes matrices, which need not be arrays, of this shape and dtype."""
    n, char = a.shape[-1] if len(a.shape) > 1 else 0, a.dtype.char
    if not 0 < n <= SMALL or a.shape[-2] != n or char not in "fd":
        return None
    if b is not None and (b.dtype.char != char or b.shape[-2:][:1] != (n,)):
        return None
    return KERNELS.get(name)


def by_kernel(forward: Callable[..., Any], name: Callable[..., str], message: str = "") -> Callable[..., Any]:
    """Return a forward function that takes a kernel for small matrices, and so does compiled code.

    Args:
        forward: the function of other matrices.
        name: returns the name of the kernel for the arguments.
        message: as in `register_loops`.
    """

    @functools.wraps(forward)
    def either(*arrays: Any, **params: Any) -> Any:
        plain = all(a.__class__ is np.ndarray for a in arrays)
        ufunc = _small_kernel(name(*arrays, **params), *arrays) if plain else None
        if ufunc is None:
            return forward(*arrays, **params)
        if not message:
            return ufunc(*arrays)
        try:
            with np.errstate(invalid="raise"):
                return ufunc(*arrays)
        except FloatingPointError:
            raise np.linalg.LinAlgError(message) from None

    either.of_numpy = forward  # type: ignore[attr-defined]
    register_loops(either, lambda *arrays, **params: "", message, name)
    return either


def register_loops(
    function: Callable[..., Any],
    name: Callable[..., str],
    message: str = "",
    of_small: Callable[..., str] = lambda *arrays, **params: "",
) -> None:
    """Register the loops of a function in double precision, for compiled code.

    Args:
        function: a function of matrices in `numpy.linalg`, or the forward function of an op.
        name: returns the name of the generalized ufunc for the arguments; "" if there is none.
        message: the message of its exception on invalid input; "" if it raises none.
        of_small: returns the name of the kernel that the function takes for small matrices.
    """

    def row(*arrays: Any, **params: Any) -> Loops | None:
        ufunc = _small_kernel(of_small(*arrays, **params), *arrays)
        if ufunc is None and all(a.dtype.char == arrays[0].dtype.char in "dD" for a in arrays):
            ufunc = getattr(_LOOPS, name(*arrays, **params), None)
        if not isinstance(ufunc, np.ufunc):
            return None
        whole = functools.partial(function, **params) if params else function
        return Loops(whole, ufunc, np.linalg.LinAlgError(message) if message else None)

    LOOPS[function] = row


register_loops(np.linalg.solve, lambda a, b: "solve1" if len(b.shape) == 1 else "solve", "Singular matrix")
register_loops(np.linalg.inv, lambda a: "inv", "Singular matrix")


def bind_matrix(a: Any) -> _Bound:
    """Bind a function of a single matrix."""
    return (a,), {}


def same_shape(x: ShapeDtype, **_: Any) -> ShapeDtype:
    """Infer a result that has the shape of its input."""
    return ShapeDtype(x.shape, lapack_dtype(x.dtype))


def as_matrices(scalar: Any) -> Any:
    """Append two axes of length 1 to one number per matrix, so that it multiplies matrices."""
    return scalar.reshape(*scalar.shape, 1, 1)


# ---- solve ----------------------------------------------------------------------------------------------------------


# From this size on it pays to check whether the matrix is triangular, as a Cholesky factor is: substitution then takes
# n² operations where a factorization takes n³, and NumPy's solver does not check. Our copy of its loops does.
_LARGE = 192


def solve_arrays(a: Any, b: Any) -> Any:
    """Solve as the op `solve` does: large triangles by halves, others by NumPy's loops or ours."""
    n = a.shape[-1]
    if n >= _LARGE and a.shape == (n, n) and b.ndim in (1, 2) and b.shape[0] == n:
        if not a[0, 1:].any() and not np.triu(a, 1).any():
            return _substitute(a, b, lower=True)
        if not a[1:, 0].any() and not np.tril(a, -1).any():
            return _substitute(a, b, lower=False)
    return _solve_directly(a, b)


def _solve_directly(a: Any, b: Any) -> Any:
    """Solve as np.linalg.solve, by substitution where a matrix is a triangle."""
    ufunc = SOLVERS.get("solve1" if b.ndim == 1 else "solve") if a.shape[-1] > SMALL else None
    if ufunc is None or a.__class__ not in NATIVE or b.__class__ not in NATIVE or a.dtype.char not in "fd":
        return np.linalg.solve(a, b)
    if a.dtype != b.dtype or a.ndim < 2 or a.shape[-2] != a.shape[-1]:
        return np.linalg.solve(a, b)  # which names the error
    with np.errstate(call=_raise_singular, invalid="call", over="ignore", divide="ignore", under="ignore"):
        return ufunc(a, b)


def _raise_singular(*_: Any) -> None:
    raise np.linalg.LinAlgError("Singular matrix")


def _substitute(a: Any, b: Any, *, lower: bool) -> Any:
    """Solve with a triangle recursively by halves, so that nearly all work is matrix products."""
    if a.shape[0] <= 64:
        return _solve_directly(a, b)
    k = a.shape[0] // 2
    if lower:
        first = _substitute(a[:k, :k], b[:k], lower=True)
        second = _substitute(a[k:, k:], b[k:] - fast.matmul(a[k:, :k], first), lower=True)
    else:
        second = _substitute(a[k:, k:], b[k:], lower=False)
        first = _substitute(a[:k, :k], b[:k] - fast.matmul(a[:k, k:], second), lower=False)
    return np.concatenate([first, second])


def _solve_transposed(a: Any, g: Any, vectors: bool) -> Any:
    # NumPy treats any b other than one vector as a stack of matrices, also the cotangents of several results of one
    # vector.
    if vectors and g.ndim > 1:
        return solve(a.mT, g[..., None])[..., 0]
    return solve(a.mT, g)


def _solve_by_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    s = _solve_transposed(a, g, b.ndim == 1)
    if s.ndim == 1:
        return s[:, None] * -out
    return s[..., :, None] * -out[..., None, :] if b.ndim == 1 else fast.matmul(s, -out.mT)


def _solve_jvp(tangents: Sequence[Any], out: Any, a: Any, b: Any) -> Any:
    da, db = tangents
    if da is None:
        moved = db
    else:
        moved = fast.matmul(da, out[..., None])[..., 0] if b.ndim == 1 else fast.matmul(da, out)
        moved = -moved if db is None else db - moved
    return solve(a, moved[..., None])[..., 0] if b.ndim == 1 and moved.ndim > 1 else solve(a, moved)


def _infer_solve(a: ShapeDtype, b: ShapeDtype) -> ShapeDtype:
    dtype = lapack_dtype(a.dtype, b.dtype)
    if b.ndim == 1:
        return ShapeDtype(a.shape[:-1], dtype)
    return ShapeDtype((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-1], b.shape[-1]), dtype)


def _batch_solve(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    a, b = inputs
    if b.ndim - batched[1] > 1:
        return batching.gufunc(2, 2)(op, inputs, batched, params)
    return batching.gufunc(2, 2)(op, (a, b[..., None]), batched, params)[..., 0]


def _solver_loops(of_small: Callable[..., Loops | None], a: Any, b: Any) -> Loops | None:
    if (small := of_small(a, b)) is not None:
        return small
    ufunc = SOLVERS.get("solve1" if len(b.shape) == 1 else "solve")
    if ufunc is None or not SMALL < a.shape[-1] < _LARGE or not a.dtype.char == b.dtype.char == "d":
        return None
    return Loops(_solve_directly, ufunc, np.linalg.LinAlgError("Singular matrix"))


solve = structural(
    "solve",
    by_kernel(
        in_lapack(solve_arrays), lambda a, b: "small_solve1" if len(b.shape) == 1 else "small_solve", "Singular matrix"
    ),
    _solve_by_a,
    lambda g, out, a, b: _solve_transposed(a, g, b.ndim == 1),
    saves=("ox", "x"),
    infer=_infer_solve,
    bind=lambda a, b: ((a, b), {}),
    numpy_functions=(np.linalg.solve,),
    jvp=_solve_jvp,
    batch=_batch_solve,
    cost=_cost_of_solving,
)
LOOPS[solve.forward] = functools.partial(_solver_loops, LOOPS[solve.forward])


# ---- inverses -------------------------------------------------------------------------------------------------------


def _inverse_rule(g: Any, out: Any, x: Any) -> Any:
    t = out.mT
    return fast.product(t, -g, t)


def _inverse_jvp(tangents: Sequence[Any], out: Any, x: Any) -> Any:
    return fast.product(out, -tangents[0], out)


inv = structural(
    "inv",
    by_kernel(in_lapack(np.linalg.inv), lambda x: "small_inv", "Singular matrix"),
    _inverse_rule,
    saves="o",
    infer=same_shape,
    bind=bind_matrix,
    numpy_functions=(np.linalg.inv,),
    jvp=_inverse_jvp,
    batch=batching.gufunc(2),
    cost=per_matrix(lambda m, n: 2 * n**3),
)


def _inverse_or_limit(x: Any) -> Any:
    try:
        return inv.forward(x)
    except np.linalg.LinAlgError:
        singular = as_array(np.linalg.slogdet(x)[0] == 0)
        out = np.linalg.inv(np.where(as_matrices(singular), array_namespace(x).eye(x.shape[-1], dtype=x.dtype), x))
        out[singular] = np.nan if x.dtype.kind == "c" else _limit_of_inverse(x[singular])
        return out


def _limit_of_inverse(x: Any) -> Any:
    """Return cofactors over a determinant that tends to 0, for singular matrices; 0/0 is NaN."""
    cofactors = _cofactor(x).mT
    n, largest = x.shape[-1], np.abs(x).max(axis=(-2, -1), keepdims=True)
    noise = 16 * n * np.finfo(x.dtype).eps * largest ** (n - 1)
    return np.where(np.abs(cofactors) > noise, np.copysign(np.inf, cofactors), np.nan)


# For rules, which must not raise where a derivative is infinite. For a singular matrix it is the limit of inverses with
# a small positive determinant: cofactors over 0, which is undetermined (NaN) where a cofactor is 0 as well.
inverse_or_limit = structural(
    "inverse_or_limit",
    in_lapack(_inverse_or_limit),
    _inverse_rule,
    saves="o",
    infer=same_shape,
    jvp=_inverse_jvp,
    batch=batching.gufunc(2),
    cost=per_matrix(lambda m, n: 2 * n**3),
)
register_loops(inverse_or_limit.forward, lambda x: "", "Singular matrix", lambda x: "small_inv")


def invert_triangle(x: Any) -> Any:
    """Return the inverse of upper triangular matrices, as arrays compute it: `triangle_inverse` is the op."""
    n = x.shape[-1]
    if n <= 24:
        return np.linalg.inv(x)
    k = n // 2
    a, b = invert_triangle(x[..., :k, :k]), invert_triangle(x[..., k:, k:])
    upper = np.concatenate([a, fast.product(a, -x[..., :k, k:], b)], axis=-1)
    lower = np.concatenate([array_namespace(x).zeros((*x.shape[:-2], n - k, k), x.dtype), b], axis=-1)
    return np.concatenate([upper, lower], axis=-2)


# The inverse of upper triangular matrices, by halves, since NumPy has no solver that exploits the zeros. The LU
# factorization of an upper triangle inside `inv` is the matrix itself, without rounding.
triangle_inverse = structural(
    "triangle_inverse",
    by_kernel(in_lapack(invert_triangle), lambda x: "small_inv", "Singular matrix"),
    _inverse_rule,
    saves="o",
    infer=same_shape,
    jvp=_inverse_jvp,
    batch=batching.gufunc(2),
    cost=per_matrix(lambda m, n: n**3 / 3),
)


@composes(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    if ind <= 0:
        raise ShapeError(f"tensorinv: expected a positive ind; received {ind}")
    rows = math.prod(a.shape[:ind])
    return np.linalg.inv(a.reshape(rows, -1)).reshape(*a.shape[ind:], *a.shape[:ind])


@composes(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    if axes is not None:
        last = [normalize_axis(i, a.ndim, "axes") for i in axes]
        a = np.transpose(a, [*(i for i in range(a.ndim) if i not in last), *last])
    columns = a.shape[b.ndim :]
    return np.linalg.solve(a.reshape(-1, math.prod(columns)), b.reshape(-1)).reshape(columns)


# ---- determinants ---------------------------------------------------------------------------------------------------
#
# The determinant is a polynomial, so its derivatives are finite everywhere: the first is the matrix of cofactors, the
# second a polynomial in the minors. Neither divides by the determinant. In the bases of a singular value decomposition
# x = u diag(s) vh both are products of all singular values but one, or but two.


def _products_without_one(s: Any) -> Any:
    n = s.shape[-1]
    return np.where(array_namespace(s).eye(n, dtype=bool), 1, s[..., None, :]).prod(axis=-1)


def _products_without_two(s: Any) -> Any:
    n = s.shape[-1]
    one = array_namespace(s).eye(n, dtype=bool)
    return np.where(one[:, None] | one[None, :], 1, s[..., None, None, :]).prod(axis=-1)


def _cross_products(x: Any, y: Any) -> Any:
    """Return the cross products of row i+1 of x and row i+2 of y, which are of three rows, but `_repeat_matrix`."""
    return x[..., 1:4, 1:4] * y[..., 2:5, 2:5] - x[..., 1:4, 2:5] * y[..., 2:5, 1:4]


def _repeat_matrix(a: Any) -> Any:
    """Return matrices with all of their rows and columns twice, so that no index is beyond their ends."""
    rows = np.concatenate([a, a], axis=-2)
    return np.concatenate([rows, rows], axis=-1)


def _cofactor(x: Any) -> Any:
    if x.shape[-1] == 1:
        return array_namespace(x).ones(x.shape, lapack_dtype(x.dtype))
    if x.shape[-1] == 2:
        return (x[..., ::-1, ::-1] * array_namespace(x).array([[1, -1], [-1, 1]])).astype(lapack_dtype(x.dtype))
    if x.shape[-1] == 3:
        x = _repeat_matrix(x.astype(lapack_dtype(x.dtype), copy=False))
        return _cross_products(x, x)
    if is_duck_array(x):  # which need not raise
        return _cofactor_of_any(x)
    try:
        inverse = np.linalg.inv(x)
    except np.linalg.LinAlgError:
        return _cofactor_of_any(x)
    # The condition number in the norm of the largest row sum; there may be no row.
    sizes = np.abs(x).sum(axis=-1).max(axis=-1, initial=0) * np.abs(inverse).sum(axis=-1).max(axis=-1, initial=0)
    if not np.all(sizes < 1e4):
        return _cofactor_of_any(x)
    return as_matrices(np.linalg.det(x)) * inverse.mT


def _cofactor_of_any(x: Any) -> Any:
    if not np.isfinite(x).all():
        return array_namespace(x).full(x.shape, np.nan, x.dtype)
    u, s, vh = np.linalg.svd(x)
    sign = as_matrices(np.linalg.det(u) * np.linalg.det(vh))
    return fast.matmul(sign * (u * _products_without_one(s)[..., None, :]).conj(), vh.conj()).astype(x.dtype)


def _second_cofactor(x: Any, y: Any) -> Any:
    if x.shape[-1] == 2:
        return (_cofactor(y) + 0 * x).astype(lapack_dtype(x.dtype, y.dtype), copy=False)
    if x.shape[-1] == 3:
        dtype = lapack_dtype(x.dtype, y.dtype)
        x, y = (_repeat_matrix(a.astype(dtype, copy=False)) for a in (x, y))
        return _cross_products(x, y) + _cross_products(y, x)
    # With e = uᴴ y v: row i, column j of the result in these bases is -e[j, i] times the singular values but i
    # and j; on the diagonal it is the sum of e[k, k] times those but i and k.
    if not np.isfinite(x).all():
        return array_namespace(x).full(np.broadcast_shapes(x.shape, y.shape), np.nan, lapack_dtype(x.dtype, y.dtype))
    u, s, vh = np.linalg.svd(x)
    p = _products_without_two(s) * (1 - array_namespace(s).eye(s.shape[-1], dtype=s.dtype))
    e = fast.product(u.conj().mT, y, vh.conj().mT)
    k = array_namespace(s).arange(s.shape[-1])
    w = -p * e.mT
    w[..., k, k] = fast.matmul(p, e[..., k, k][..., None])[..., 0]
    sign = as_matrices(np.linalg.det(u) * np.linalg.det(vh))
    return (sign * fast.product(u.conj(), w, vh.conj())).astype(lapack_dtype(x.dtype, y.dtype))


def _infer_pair(x: ShapeDtype, y: ShapeDtype) -> ShapeDtype:
    return ShapeDtype(np.broadcast_shapes(x.shape, y.shape), lapack_dtype(x.dtype, y.dtype))


def _third_derivative(g: Any, out: Any, x: Any, y: Any) -> Any:
    """Return the third derivative of the determinant along g and y: NaN where x is singular, unlike the first two."""
    if x.shape[-1] < 3:
        return 0 * (x + g + y)  # a polynomial of degree at most 2
    if x.shape[-1] == 3:
        return second_cofactor(g, y)  # of degree 3
    n = inverse_or_limit(x)
    a, b = fast.matmul(n, g), fast.matmul(n, y)
    ta, tb = (as_matrices(np.trace(m, axis1=-2, axis2=-1)) for m in (a, b))
    ab, ba = fast.matmul(a, b), fast.matmul(b, a)
    terms = (
        (ta * tb - as_matrices(np.trace(ab, axis1=-2, axis2=-1))) * n
        - ta * fast.matmul(b, n)
        - tb * fast.matmul(a, n)
        + fast.matmul(ab, n)
        + fast.matmul(ba, n)
    )
    return as_matrices(det(x)) * terms.mT


def _second_cofactor_jvp(tangents: Sequence[Any], out: Any, x: Any, y: Any) -> Any:
    dx, dy = tangents
    by_x = None if dx is None else _third_derivative(dx, out, x, y)
    by_y = None if dy is None else second_cofactor(x, dy)
    return by_x if by_y is None else by_y if by_x is None else by_x + by_y


cofactor: Op = structural(
    "cofactor",
    in_lapack(_cofactor),
    lambda g, out, x: second_cofactor(x, g),
    saves="x",
    infer=same_shape,
    jvp=lambda tangents, out, x: second_cofactor(x, tangents[0]),
    batch=batching.gufunc(2),
    cost=per_matrix(lambda m, n: 21 * n**3),
)
# The derivative of the cofactors of x along y. It is symmetric, so that it is its own transpose in y.
second_cofactor: Op = structural(
    "second_cofactor",
    in_lapack(_second_cofactor),
    _third_derivative,
    lambda g, out, x, y: second_cofactor(x, g),
    saves=("xy", "x"),
    infer=_infer_pair,
    jvp=_second_cofactor_jvp,
    batch=batching.gufunc(2, 2),
    cost=per_matrix(lambda m, n: 21 * n**3),
)
det: Op = structural(
    "det",
    in_lapack(lambda x: as_array(np.linalg.det(x))),
    lambda g, out, x: as_matrices(g) * cofactor(x),
    saves="x",
    infer=lambda x: ShapeDtype(x.shape[:-2], lapack_dtype(x.dtype)),
    bind=bind_matrix,
    numpy_functions=(np.linalg.det,),
    jvp=lambda tangents, out, x: (cofactor(x) * tangents[0]).sum(axis=(-2, -1)),
    batch=batching.gufunc(2),
    cost=per_matrix(lambda m, n: 2 * n**3 / 3),
)
register_loops(det.forward, lambda x: "det")


def _sign_and_logdet(x: Any) -> tuple[Any, ...]:
    return tuple(np.linalg.slogdet(x))


def _slogdet_rule(g: Any, out: Any, x: Any) -> Any:
    # d log|det| = Re z and d sign = i sign Im z, with z = trace(inverse(x) dx).
    by_sign, by_size = g
    weight = 0 if by_size is None else as_matrices(by_size)
    if by_sign is not None and x.dtype.kind == "c":
        weight = weight + 1j * np.imag(as_matrices(by_sign * out[0]))
    elif by_size is None:  # only the sign of real matrices, which is constant
        return np.zeros_like(x)
    return zero_mask(weight * inverse_or_limit(x).mT, weight)


def _slogdet_jvp(tangents: Sequence[Any], out: Any, x: Any) -> Any:
    # The trace of inverse(x) @ t, term by term: an element that does not change adds 0, even if the inverse is
    # infinite.
    t = tangents[0]
    z = zero_mask(t * inverse_or_limit(x).mT, t).sum(axis=(-2, -1))
    return (1j * out[0] * np.imag(z), np.real(z)) if x.dtype.kind == "c" else (None, z)


# The sign and the logarithm of the absolute value.
sign_and_logdet = structural(
    "slogdet",
    by_kernel(in_lapack(_sign_and_logdet), lambda x: "small_slogdet"),
    _slogdet_rule,
    saves="ox",
    infer=lambda x: (
        ShapeDtype(x.shape[:-2], lapack_dtype(x.dtype)),
        ShapeDtype(x.shape[:-2], real_dtype(x.dtype)),
    ),
    jvp=_slogdet_jvp,
    batch=batching.gufunc(2),
    kinks="singular matrices",
    holomorphic=False,
    results=2,
    result_names=("sign", "logabsdet"),
    cost=per_matrix(lambda m, n: 2 * n**3 / 3),
)
register_loops(sign_and_logdet.forward, lambda x: "slogdet", of_small=lambda x: "small_slogdet")
# NumPy's named tuple, which has no public name.
_SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))


@composes(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    return _SlogdetResult(*sign_and_logdet(a))

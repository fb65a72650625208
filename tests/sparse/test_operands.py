"""SciPy's sparse matrices as constants beside Tensors: SciPy's bits, every derivative, and nothing stale."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import check_grads
from tests.rows import for_every

scipy = pytest.importorskip("scipy")
sp = pytest.importorskip("scipy.sparse")
from autograd_lite.sparse import SparseTensor  # noqa: E402
from autograd_lite.sparse.patterns import jacobian_pattern  # noqa: E402

SINCE_1_14 = tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 14)  # before, A * t asks NumPy for other things
FORMATS = ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")
M, N = 6, 4
# Shapes that A, of shape (M, N), or its transpose takes from the left, and from the right.
PRODUCTS: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...]]] = {
    "A @ t": (lambda a, t: a @ t, (N,)),
    "A @ T": (lambda a, t: a @ t, (N, 3)),
    "t @ A": (lambda a, t: t @ a, (M,)),
    "T @ A": (lambda a, t: t @ a, (2, M)),
    "A.T @ t": (lambda a, t: a.T @ t, (M,)),
    "Aᴴ @ T": (lambda a, t: a.conj().T @ t, (M, 1)),
    "A.dot(t)": (lambda a, t: a.dot(t), (N,)),
    "A.dot(T)": (lambda a, t: a.dot(t), (N, 3)),
    "np.matmul(A, t)": (lambda a, t: np.matmul(a, t) if isinstance(t, ag.Tensor) else a @ t, (N,)),
}


class Row(NamedTuple):
    """A product of a format of SciPy's, of dtypes of both operands."""

    format: str
    matrix: str
    left: str
    right: str
    product: str

    @property
    def name(self) -> str:
        return " ".join(self)

    def constant(self) -> Any:
        return constant(self.format, self.matrix, self.left)

    def operand(self) -> Any:
        return numbers(PRODUCTS[self.product][1], self.right, 1)


def numbers(shape: tuple[int, ...], dtype: str, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype[0] == "c" else 0)
    return (3 * x).astype(dtype) if dtype[0] in "ib" else x.astype(dtype)


def constant(format: str, matrix: str = "array", dtype: str = "float64", shape: tuple[int, int] = (M, N)) -> Any:
    mask = np.random.default_rng(0).random(shape) < 0.4
    return getattr(sp, f"{format}_{matrix}")(numbers(shape, dtype, 2) * mask)


DTYPES = (("float64", "float64"), ("complex128", "float64"), ("float64", "complex128"), ("float32", "float32"))
DTYPES += (("int64", "float64"), ("float32", "float64"), ("float64", "int32"), ("bool", "float32"))
ROWS = [
    Row(format, matrix, left, right, product)
    for format in FORMATS
    for matrix in ("array", "matrix")
    for left, right in DTYPES
    for product in PRODUCTS
]


@for_every(ROWS, by=lambda row: row.format)
def test_products_have_scipys_bits_with_and_without_a_gradient(row: Row) -> None:
    a, x, (product, _) = row.constant(), row.operand(), PRODUCTS[row.product]
    expected = product(a, x)
    for needs in (False, True)[: 1 + (x.dtype.kind in "fc")]:
        out = product(a, ag.tensor(x, requires_grad=needs))
        assert isinstance(out, ag.Tensor)
        assert out.requires_grad == needs
        assert out.dtype == expected.dtype
        np.testing.assert_array_equal(out.detach().numpy(), expected)


DERIVED = [row for row in ROWS if (row.left, row.right) in DTYPES[:3] and row.matrix == "array"]


@for_every([row for row in DERIVED if row.format in ("csr", "dia", "lil")], by=lambda row: row.product, stride=3)
def test_products_have_every_derivative(row: Row) -> None:
    a, (product, _) = row.constant(), PRODUCTS[row.product]
    assert check_grads(lambda t: product(a, t * t), row.operand(), order=2, mode="directional").ok


@for_every(DERIVED, by=lambda row: row.product)
def test_transformations_give_what_each_example_gives(row: Row) -> None:
    a, (product, shape) = row.constant(), PRODUCTS[row.product]
    xs = numbers((3, *shape), row.right, 3)
    each = np.stack([product(a, x) for x in xs])
    np.testing.assert_allclose(ag.vmap(lambda t: product(a, t))(xs), each, rtol=1e-12)
    np.testing.assert_allclose(ag.jvp(lambda t: product(a, t))((xs[0],), (xs[1],))[1], each[1], rtol=1e-12)
    nested = ag.vmap(lambda t: ag.jvp(lambda s: product(a, s * s))((t,), (t,))[1])(xs)
    np.testing.assert_allclose(nested, np.stack([product(a, 2 * x * x) for x in xs]), rtol=1e-12)


@for_every(
    [row for row in DERIVED if "conj" not in row.product and row.product != "np.matmul(A, t)"], by=lambda r: r.product
)
def test_patterns_of_products_are_those_of_the_matrix(row: Row) -> None:
    a, x, (product, _) = abs(row.constant()), np.ones(PRODUCTS[row.product][1]), PRODUCTS[row.product]
    nonzero = np.abs(ag.jacobian(lambda t: product(a, t))(x)).reshape(-1, x.size) > 0
    pattern = jacobian_pattern(lambda t: product(a, t), x).toarray()
    assert (pattern >= nonzero).all()
    assert row.format in ("bsr", "dia") or (pattern == nonzero).all()  # these store zeros too


# ---- other operators -------------------------------------------------------------------------------------------------

ELEMENTWISE: dict[str, Callable[[Any, Any], Any]] = {
    "A * t": lambda a, t: a * t if SINCE_1_14 else t * a,
    "t * A": lambda a, t: t * a,
    "A / t": lambda a, t: a / t,
}


SHAPES: tuple[tuple[int, ...], ...] = ((M, N), (N,), (M, 1), ())


@for_every([(f, name, s) for f in FORMATS for name in ELEMENTWISE for s in SHAPES], by=lambda row: row[0], stride=5)
def test_arrays_times_dense_tensors_keep_their_pattern(row: Any) -> None:
    format, name, shape = row
    a, f, x = constant(format), ELEMENTWISE[name], numbers(shape, "float64", 4)
    out = f(a, ag.tensor(x, requires_grad=True))
    assert isinstance(out, SparseTensor)
    assert out.data.requires_grad
    np.testing.assert_allclose(out.to_scipy().toarray(), np.where(a.toarray() == 0, 0, f(a.toarray(), x)), rtol=1e-15)
    assert check_grads(lambda t: f(a, t).toarray(), x, order=2, mode="directional").ok


def test_matrices_of_the_old_kind_say_times_for_the_product() -> None:
    a, x = constant("csr", "matrix"), numbers((N,), "float64", 5)
    np.testing.assert_array_equal((a * ag.tensor(x)).numpy(), a * x)
    np.testing.assert_array_equal((ag.tensor(x) * a.T).numpy(), x * a.T)
    own = SparseTensor.of(a.T)
    np.testing.assert_allclose((a * own).toarray().numpy(), (a * a.T).toarray(), rtol=1e-15)
    assert (a * ag.tensor(2.0)).toarray().tolist() == (a * 2).toarray().tolist()


REFUSALS: dict[str, tuple[Callable[[Any, Any], Any], Any, str]] = {
    "too short": (lambda a, t: a @ t, (3,), r"A @ t: expected the first of 1 or 2 axes of t to have length 4.*\(3,\)"),
    "too long": (
        lambda a, t: t @ a,
        (2, 7),
        r"t @ A: expected the last of 1 or 2 axes of t to have length 6.*\(2, 7\)",
    ),
    "three axes": (lambda a, t: a @ t, (4, 1, 1), "A @ t: expected the first of 1 or 2 axes"),
    "a number": (lambda a, t: a @ t, (), "A @ t: expected the first of 1 or 2 axes"),
    "a sum": (lambda a, t: a + t, (M, N), r"add: expected .* sparse matrix of shape \(6, 4\).*A\.toarray\(\)"),
    "a difference": (lambda a, t: t - a, (M, N), "subtract: expected .* sparse matrix"),
    "a quotient": (lambda a, t: t / a, (M, N), "divide: expected .* sparse matrix"),
    "a method": (lambda a, t: a.multiply(t), (M, N), r"A\.multiply\(t\): expected an array.*A \* t|t\.view"),
}

OURS = {
    "scipy.sparse.csr_array takes arrays alone; autograd_lite.sparse.csr takes": lambda t: sp.csr_array(
        (t, np.arange(N), np.arange(N + 1)), (N, N)
    ),
    "scipy.sparse.kron takes arrays alone; autograd_lite.sparse.kron takes": lambda t: sp.kron(
        constant("csr"), t[None]
    ),
    "scipy.sparse.linalg.spsolve takes arrays alone; autograd_lite.sparse.spsolve takes": lambda t: sp.linalg.spsolve(
        sp.eye_array(N).tocsc(), t
    ),
}


@for_every(OURS)
def test_functions_of_scipy_that_take_arrays_alone_name_ours(message: str) -> None:
    with pytest.raises(ag.GradError, match=message):
        OURS[message](ag.tensor(np.ones(N), requires_grad=True))


@for_every(REFUSALS)
def test_other_uses_are_refused_with_the_reason(name: str) -> None:
    f, shape, message = REFUSALS[name]
    with pytest.raises((ag.ShapeError, ag.UnsupportedError, ag.GradError), match=message):
        f(constant("csr"), ag.tensor(np.ones(shape), requires_grad=True))


# ---- compiled --------------------------------------------------------------------------------------------------------


class Holder:
    """An object of the user's that has a matrix."""

    def __init__(self, a: Any) -> None:
        self.a = a


def _multiply(matrix: Any, t: Any) -> Any:
    return matrix @ t


def _look_and_multiply(matrix: Any, t: Any) -> Any:
    return matrix @ t if matrix.sum() > 0 else -(matrix @ t)


def programs(a: Any) -> dict[str, Callable[[Any], Any]]:
    """Return functions that read a square matrix in different ways."""
    holder = Holder(a)

    def by_another_name(t: Any) -> Any:
        b = a
        return b.T @ np.cos(t)

    return {
        "a product": lambda t: np.sin(a @ np.cos(t)),
        "from the right": lambda t: np.sin(t @ a),
        "transposed": lambda t: np.sin(a.T @ np.cos(t)),
        "by dot": lambda t: a.dot(np.cos(t)),
        "an attribute": lambda t: holder.a @ np.cos(t),
        "another name": by_another_name,
        "an argument": lambda t: _multiply(a, t),
        "looked at": lambda t: _look_and_multiply(a, t),
        "elementwise": lambda t: (t * a) @ t,
        "a number of it": lambda t: t * a.sum(),
        "a gradient": ag.grad(lambda t: np.sum((a @ np.cos(t)) ** 2)),
    }


def _scale(a: Any) -> None:
    if hasattr(a, "data") and a.format != "lil":
        a.data *= -2
    else:
        a[0, 0] = a[0, 0] * 2 + 1


def _set_entry(a: Any) -> None:
    if a.format in ("csr", "csc", "dok", "lil"):
        a[1, 2] = 4.0


def _sort(a: Any) -> None:
    if a.format in ("csr", "csc", "bsr"):
        a.indices[:2], a.data[:2] = a.indices[1::-1].copy(), a.data[1::-1].copy()
        a.has_sorted_indices = False


def _move(a: Any) -> None:
    if a.format in ("csr", "csc"):
        a.indices[:] = (a.indices + 1) % 5


def _renew(a: Any) -> None:
    if a.format in ("csr", "csc", "bsr", "coo", "dia"):
        a.data = a.data + 1.0


def _drop(a: Any) -> None:
    if a.format in ("csr", "csc"):
        a.data[3] = 0.0
        a.eliminate_zeros()


CHANGES = (_scale, _set_entry, _sort, _move, _renew, _drop)


@for_every([(f, name) for f in FORMATS for name in programs(None)], by=lambda row: row[0], stride=4)
def test_a_compiled_function_sees_every_change_of_a_matrix(row: tuple[str, str]) -> None:
    format, name = row
    a = constant(format, shape=(5, 5))
    f, x = programs(a)[name], numbers((5,), "float64", 6)
    compiled = ag.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's about what is slow, and of those that run as they are
        for change in CHANGES:
            for _ in range(2):
                np.testing.assert_allclose(compiled(x), f(x), rtol=1e-13, atol=1e-15)
            change(a)


REPLAYED = (
    "by dot",
    "a product",
    "from the right",
    "transposed",
    "an attribute",
    "another name",
    "an argument",
    "a gradient",
)


@for_every([(f, name) for f in ("csr", "csc", "coo") for name in REPLAYED], by=lambda row: row[0], stride=6)
def test_a_large_matrix_is_read_anew_and_not_compared(row: tuple[str, str]) -> None:
    format, name = row
    n = 530_000  # of which no array of the matrix is small enough to be compared
    a = sp.diags_array([np.ones(n, "f")], offsets=[0], shape=(n, n)).asformat(format)
    f, x = programs(a)[name], np.linspace(0, 1, n, dtype="f")
    compiled = ag.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that the function runs as it is
        for factor in (1, 1, 1, 2, 3):
            a.data *= factor
            np.testing.assert_allclose(compiled(x), f(x), rtol=1e-6)
    assert len(compiled.traces) == 1

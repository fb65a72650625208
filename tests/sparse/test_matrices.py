"""Sparse matrices whose entries are a Tensor: SciPy's values, the dense derivatives, and nothing dense in between."""

from __future__ import annotations

import copy
import re
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import check_grads, check_op
from tests.rows import for_every

sp = pytest.importorskip("scipy.sparse")
from autograd_lite import sparse  # noqa: E402
from autograd_lite.sparse import SparseTensor  # noqa: E402
from autograd_lite.sparse.pair_products import pairs_of, sum_pairs  # noqa: E402
from autograd_lite.sparse.patterns import jacobian_pattern  # noqa: E402
from autograd_lite.sparse.products import sampled_matmul, sparse_matmul  # noqa: E402

M, N = 5, 4


def numbers(kind: str, *shape: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + (1j * rng.normal(size=shape) if kind == "complex" else 0)


def pattern(m: int = M, n: int = N, seed: int = 0) -> Any:
    """Return a matrix of SciPy's with some entries."""
    rng = np.random.default_rng(seed)
    return sp.csr_array(rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.45))


A, B, C = pattern(), pattern(seed=1), pattern(N, 3, seed=2)


class Program(NamedTuple):
    """A function of matrices like A and B, one of shape (N, 3), and a dense array.

    Attributes:
        name: as people write it.
        f: runs on SciPy's matrices, and on ours.
        shape: of the dense array.
    """

    name: str
    f: Callable[[Any, Any, Any, Any], Any]
    shape: tuple[int, ...] = (N,)


PROGRAMS = [
    Program("A @ x", lambda a, b, c, x: a @ x),
    Program("A @ X", lambda a, b, c, x: a @ x, (N, 3)),
    Program("x @ A", lambda a, b, c, x: x @ a, (M,)),
    Program("X @ A", lambda a, b, c, x: x @ a, (2, M)),
    Program("A.T @ x", lambda a, b, c, x: a.T @ x, (M,)),
    Program("Aᴴ @ X", lambda a, b, c, x: a.conj().T @ x, (M, 2)),
    Program("A.dot(x)", lambda a, b, c, x: a.dot(x)),
    Program("AᵀA", lambda a, b, c, x: a.T @ a),
    Program("A @ C", lambda a, b, c, x: a @ c),
    Program("A + B", lambda a, b, c, x: a + b),
    Program("A - B", lambda a, b, c, x: a - b),
    Program("A + A", lambda a, b, c, x: a + 2 * a - a / 4),
    Program("-A", lambda a, b, c, x: -a),
    Program("A * B", lambda a, b, c, x: a * b),
    Program("A * A", lambda a, b, c, x: a.multiply(a)),
    Program("A * X", lambda a, b, c, x: a * x, (M, N)),
    Program("A * row", lambda a, b, c, x: x * a, (N,)),
    Program("A * column", lambda a, b, c, x: a * x, (M, 1)),
    Program("A + X", lambda a, b, c, x: a + x, (M, N)),
    Program("X - A", lambda a, b, c, x: x - a, (M, N)),
    Program("a row", lambda a, b, c, x: a[[1]]),
    Program("an entry", lambda a, b, c, x: a[0, 0] + a[1, 1]),
    Program("rows", lambda a, b, c, x: a[1:4]),
    Program("chosen rows and columns", lambda a, b, c, x: a[[2, 0, 2]][:, 1:]),
    Program("diagonals", lambda a, b, c, x: a.diagonal() * x[: a.diagonal().shape[0]] + a.diagonal(-1)),
    Program("all diagonals", lambda a, b, c, x: sum(a.diagonal(k).sum() * (k + 2) for k in range(1 - M, N))),
    Program("trace", lambda a, b, c, x: a.trace() + a.trace(1)),
    Program("sums", lambda a, b, c, x: a.sum(axis=0) * x + a.sum() * (a.sum(axis=1) @ a)),
    Program("kron", lambda a, b, c, x: by_name("kron", a)(a, c)),
    Program("block_array", lambda a, b, c, x: by_name("block_array", a)([[a, None], [b, a]])),
    Program("diags", lambda a, b, c, x: by_name("diags", a)([a @ x, a.sum(axis=0)], [0, -1])),
    Program("toarray", lambda a, b, c, x: a.toarray() @ x),
    Program("several", lambda a, b, c, x: (a @ (a.T @ a + a.T @ b)) @ (c @ (c.T @ x))),
]


def by_name(name: str, a: Any) -> Any:
    """Return our function for one of our matrices, and SciPy's for one of its."""
    return getattr(sparse if isinstance(a, SparseTensor) else sp, name)


def dense(out: Any) -> Any:
    return out.toarray() if hasattr(out, "toarray") else out


def on_entries(program: Program) -> Callable[..., Any]:
    """Return a program as a function of the entries of A, B and C, and of the dense array."""

    def f(a: Any, b: Any, c: Any, x: Any) -> Any:
        own = [sparse.csr(d, s.indices, s.indptr, s.shape) for d, s in ((a, A), (b, B), (c, C))]
        return dense(program.f(*own, x))

    return f


def arguments(program: Program, kind: str) -> tuple[Any, ...]:
    entries = [numbers(kind, s.nnz, seed=k) for k, s in enumerate((A, B, C))]
    return (*entries, numbers(kind, *program.shape, seed=4))


ROWS = [(program, kind) for program in PROGRAMS for kind in ("real", "complex")]


def row_name(row: Any) -> str:
    return f"{row[0].name} {row[1]}"


@for_every(ROWS, name=row_name)
def test_values_are_those_of_scipy(row: tuple[Program, str]) -> None:
    program, kind = row
    *entries, x = arguments(program, kind)
    theirs = [sp.csr_array((d, s.indices, s.indptr), s.shape) for d, s in zip(entries, (A, B, C), strict=True)]
    out, expected = program.f(*map(SparseTensor.of, theirs), x), program.f(*theirs, x)
    assert sp.issparse(expected) == isinstance(out, SparseTensor)
    np.testing.assert_allclose(np.asarray(dense(out)), dense(expected), rtol=1e-13, atol=1e-14)
    assert out.dtype == expected.dtype


@for_every(ROWS, by=lambda row: row[1], stride=8, name=row_name)
def test_every_derivative_by_entries_and_dense_arrays(row: tuple[Program, str]) -> None:
    program, kind = row
    assert check_grads(on_entries(program), *arguments(program, kind), order=2, mode="directional").ok


@for_every([(program, "real") for program in PROGRAMS], by=lambda row: row[1], stride=3, name=row_name)
def test_batches_tangents_and_compiled_code_give_what_each_call_gives(row: tuple[Program, str]) -> None:
    program, kind = row
    f = on_entries(program)
    points = [tuple(a * k for a in arguments(program, kind)) for k in (1, 2, 3)]
    each = [np.asarray(f(*point)) for point in points]
    batch = tuple(np.stack(column) for column in zip(*points, strict=True))
    np.testing.assert_allclose(ag.vmap(f)(*batch), np.stack(each), rtol=1e-12, atol=1e-13)
    only = ag.vmap(lambda a: f(a, *points[0][1:]))(batch[0])
    np.testing.assert_allclose(only[0], each[0], rtol=1e-12, atol=1e-13)
    tangent = ag.jvp(f)(points[0], points[1])[1]
    step = 1e-6
    ends = [f(*(a + s * step * b for a, b in zip(*points[:2], strict=True))) for s in (1, -1)]
    np.testing.assert_allclose(tangent, (np.asarray(ends[0]) - np.asarray(ends[1])) / (2 * step), rtol=1e-6, atol=1e-7)
    compiled = ag.compile(f)
    for point, expected in zip(points * 2, each * 2, strict=True):
        np.testing.assert_allclose(compiled(*point), expected, rtol=1e-12, atol=1e-13)
    assert len(compiled.traces) == 1


OWN, OTHER = SparseTensor.of(A), SparseTensor.of(C)
MEETING = pairs_of(OWN.layout, OTHER.layout)
# The ops: the shapes of their inputs, and parameters.
OPS: list[tuple[Any, list[tuple[tuple[int, ...], tuple[int, ...]]], dict[str, Any]]] = [
    (sparse_matmul, [((A.nnz,), (N,)), ((A.nnz,), (N, 3))], {"layout": OWN.layout, "transposed": False}),
    (sparse_matmul, [((A.nnz,), (M,)), ((A.nnz,), (M, 3))], {"layout": OWN.layout, "transposed": True}),
    (sampled_matmul, [((M,), (N,)), ((M, 3), (N, 3))], {"layout": OWN.layout}),
    *[
        (sum_pairs, [((MEETING.size(roles[0]),), (MEETING.size(roles[1]),))], {"pairs": MEETING, "roles": roles})
        for roles in ((0, 1, 2), (2, 1, 0), (2, 0, 1))
    ],
]


@for_every(OPS, name=lambda row: f"{row[0].name} {row[2]}")
def test_the_ops_keep_every_law(row: Any) -> None:
    op, shapes, params = row
    cases = [(tuple(numbers(k, *s, seed=len(s)) for s in pair), params) for pair in shapes for k in ("real", "complex")]
    assert check_op(op, cases).ok


@for_every(OPS, name=lambda row: f"{row[0].name} {row[2]}")
def test_the_ops_say_which_elements_depend_on_which(row: Any) -> None:
    op, shapes, params = row
    for pair in shapes:
        x, y = (np.abs(numbers("real", *shape)) for shape in pair)
        for k, f in enumerate((lambda x, y: op(x, y, **params), lambda y, x: op(x, y, **params))):
            point, other = (x, y) if k == 0 else (y, x)
            dense = ag.jacobian(lambda p, f=f, other=other: f(p, other))(point).reshape(-1, point.size) != 0
            found = jacobian_pattern(lambda p, f=f, other=other: f(p, other), point)
            np.testing.assert_array_equal(found.toarray(), dense)


# ---- making them -----------------------------------------------------------------------------------------------------


def test_coo_sums_what_is_twice_and_csr_takes_any_order() -> None:
    rng = np.random.default_rng(0)
    rows, columns, data = rng.integers(0, M, 30), rng.integers(0, N, 30), rng.normal(size=30)
    expected = sp.coo_array((data, (rows, columns)), (M, N)).toarray()
    np.testing.assert_allclose(sparse.coo(data, (rows, columns), (M, N)).toarray().numpy(), expected, rtol=1e-13)
    assert check_grads(lambda d: sparse.coo(d, (rows, columns), (M, N)).toarray() ** 2, data, order=2).ok
    order = np.argsort(rows, kind="stable")
    indptr = np.append(0, np.cumsum(np.bincount(rows, minlength=M)))
    own = sparse.csr(data[order], columns[order], indptr, (M, N))
    np.testing.assert_allclose(own.toarray().numpy(), expected, rtol=1e-13)
    assert (np.diff(own.indices)[np.diff(own.layout.rows) == 0] > 0).all()


def test_diags_are_those_of_scipy() -> None:
    x, y = numbers("real", 4), numbers("real", 3, seed=1)
    for lines, offsets, shape in (
        (x, 0, None),
        ([x, y], [0, -1], None),
        ([y, x, y], [1, 0, -1], None),
        ([x[:1], y[:1]], [0, 2], (4, 5)),
        ([x], [2], (4, 6)),
    ):
        expected = sp.diags_array(lines, offsets=offsets, shape=shape).toarray()
        np.testing.assert_array_equal(sparse.diags(lines, offsets, shape).toarray().numpy(), expected)
    assert sparse.diags([x]).toarray().numpy().tolist() == np.diag(x).tolist()
    np.testing.assert_array_equal(sparse.eye(3, 4, 1).toarray().numpy(), np.eye(3, 4, 1))


def test_integers_become_what_numpy_makes_of_them() -> None:
    own = sparse.csr([1, 2, 3], [0, 0, 1], [0, 1, 3], (2, 2))
    assert own.dtype == np.int64
    assert (own @ np.array([1, 1])).dtype == np.int64
    assert (own @ np.array([1.5, 1.0])).tolist() == [1.5, 6.0]
    assert ag.grad(lambda x: (own @ x).sum())(np.ones(2)).tolist() == [3.0, 3.0]


def test_matrices_are_containers_of_their_entries() -> None:
    own, x = sparse.csr(A.data, A.indices, A.indptr, A.shape), np.arange(1.0, N + 1)
    gradient = ag.grad(lambda a: (a @ x).sum())(own)
    assert isinstance(gradient, SparseTensor)
    np.testing.assert_array_equal(gradient.to_scipy().toarray(), np.where(A.toarray() != 0, x, 0))
    compiled = ag.compile(lambda a, x: (a * 2, a @ x))
    others = [own, own.with_data(own.data * 2), own.with_data(own.data * 3), SparseTensor.of(B), own]
    for a in others:
        twice, product = compiled(a, x)
        np.testing.assert_allclose(twice.to_scipy().toarray(), 2 * a.to_scipy().toarray())
        np.testing.assert_allclose(product, a.to_scipy() @ x)
    assert check_grads(lambda a: (a @ a.T) @ np.ones(M), own, order=2).ok
    powers = ag.scan(lambda a, _: (a * 2, a.sum()), own, None, length=3)[1]
    np.testing.assert_allclose(powers, A.sum() * np.array([1, 2, 4]))
    tangent = ag.jvp(lambda a: a @ x)((own,), (own * 2,))[1]
    np.testing.assert_allclose(tangent, 2 * (A @ x))
    np.testing.assert_array_equal(copy.deepcopy(own).toarray().numpy(), own.toarray().numpy())
    assert sparse.csr(B.data, B.indices.copy(), B.indptr.copy(), B.shape).layout is others[3].layout


def test_backward_leaves_the_gradient_at_the_entries() -> None:
    data = ag.tensor(A.data, requires_grad=True)
    own = sparse.csr(data, A.indices, A.indptr, A.shape)
    assert own.data.requires_grad
    assert not own.detach().data.requires_grad
    (own.T @ (own @ np.ones(N))).sum().backward()
    expected = np.outer(np.ones(M), A.sum(axis=0)) * 0 + (A @ np.ones(N))[:, None] + (A @ np.ones(N))[:, None]
    np.testing.assert_allclose(data.grad.numpy(), expected[own.layout.rows, A.indices], rtol=1e-13)


# ---- memory ----------------------------------------------------------------------------------------------------------


# Programs with a tridiagonal matrix, and how many nonzeros there are in a row of it, and of its product.
LARGE: dict[str, tuple[Callable[[Any, Any], Any], int]] = {
    "by vectors": (lambda own, x: own @ x + own.T @ x, 3),
    "by a matrix": (lambda own, x: own @ (own.T + 2 * own - sparse.eye(len(x))) @ x, 3 + 5),
}


@for_every(LARGE)
def test_nothing_dense_is_made(name: str) -> None:
    program, nonzeros = LARGE[name]
    n = 200_000
    a = sp.diags_array([np.ones(n)] * 3, offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    x = np.linspace(0, 1, n)

    def f(data: Any, x: Any) -> Any:
        own = sparse.csr(data, a.indices, a.indptr, a.shape)
        return np.sum(program(own, x) ** 2) + own.diagonal() @ own.sum(axis=1)

    tracemalloc.start()
    by_data, by_x = ag.grad(f, (0, 1))(a.data, x)
    tangent = ag.jvp(ag.grad(f))((a.data, x), (a.data, x))[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert by_data.shape == tangent.shape == (a.nnz,)
    assert by_x.shape == (n,)
    assert peak < 20 * 12 * nonzeros * n  # of an entry, the number has 8 bytes, and its column 4


# ---- bad input -------------------------------------------------------------------------------------------------------

MATRIX = SparseTensor.of(A)
REFUSALS: dict[str, tuple[Callable[[], Any], str]] = {
    "short data": (
        lambda: sparse.csr([1.0], [0, 1], [0, 2], (1, 2)),
        "csr: expected as many indices as entries.*2 and 1",
    ),
    "a large column": (lambda: sparse.csr([1.0], [2], [0, 1], (1, 2)), "csr: expected indices from 0 to 1; received 2"),
    "a negative one": (
        lambda: sparse.csr([1.0], [-1], [0, 1], (1, 2)),
        "csr: expected indices from 0 to 1; received -1",
    ),
    "floats": (lambda: sparse.csr([1.0], [0.0], [0, 1], (1, 2)), "csr: expected indices to be integers.*float64"),
    "indptr": (
        lambda: sparse.csr([1.0], [0], [0, 1], (2, 2)),
        "csr: expected indptr of 3 ascending numbers from 0 to 1",
    ),
    "descending": (lambda: sparse.csr([1.0], [0], [0, 1, 0, 1], (3, 2)), "csr: expected indptr of 4 ascending"),
    "a shape": (
        lambda: sparse.csr([1.0], [0], [0, 1], (1, 2, 3)),
        r"csr: expected a shape of two lengths.*\(1, 2, 3\)",
    ),
    "dense data": (
        lambda: sparse.csr([[1.0]], [0], [0, 1], (1, 1)),
        r"csr: expected entries of shape \(nnz,\).*\(1, 1\)",
    ),
    "rows": (lambda: sparse.coo([1.0], ([3], [0]), (2, 2)), "coo: expected rows from 0 to 1; received 3"),
    "coordinates": (
        lambda: sparse.coo([1.0], ([0],), (2, 2)),
        "coo: expected coords to be rows and columns; received 1",
    ),
    "too many rows": (
        lambda: sparse.coo([1.0], ([0, 1], [0]), (2, 2)),
        "coo: expected as many rows and columns as entr",
    ),
    "a vector": (lambda: MATRIX @ np.ones(3), r"A @ x: expected shape \(4,\) or \(4, k\), as A has shape \(5, 4\)"),
    "from the left": (lambda: np.ones((2, 3)) @ MATRIX, r"x @ A: expected shape \(5,\) or \(k, 5\)"),
    "sparse": (
        lambda: MATRIX @ MATRIX,
        r"A @ B: expected as many columns as rows; received shapes \(5, 4\) and \(5, 4\)",
    ),
    "a sum": (lambda: MATRIX + MATRIX.T, r"A \+ B: expected two matrices of one shape; received \(5, 4\) and \(4, 5\)"),
    "a number": (lambda: MATRIX + 1.0, r"A \+ x: expected a matrix; received a number"),
    "a product": (
        lambda: MATRIX * np.ones(3),
        r"A \* x: expected a shape that broadcasts to \(5, 4\); received \(3,\)",
    ),
    "a quotient": (lambda: MATRIX / MATRIX, "A / B: expected a number or a dense array; received a sparse matrix"),
    "entries": (
        lambda: MATRIX.with_data(np.ones(3)),
        r"with_data: expected entries of shape \(\d+,\); received \(3,\)",
    ),
    "a diagonal": (lambda: MATRIX.diagonal(4), "diagonal: expected k between -4 and 3; received 4"),
    "an axis": (lambda: MATRIX.sum(axis=2), "sum: expected axis None, 0 or 1; received 2"),
    "a function": (lambda: np.linalg.norm(MATRIX), "np.norm: expected dense arrays; received a SparseTensor"),
    "an array": (lambda: np.asarray(MATRIX), r"about to become a dense array.*A\.toarray\(\)"),
    "SciPy's": (
        lambda: sp.linalg.spsolve(MATRIX, np.ones(5)),
        "unrecognized csc_|dense array",
    ),
    "a method": (lambda: MATRIX.maximum(0), r"A\.maximum: a SparseTensor does not have.*A\.to_scipy\(\)\.maximum"),
    "a name": (lambda: MATRIX.shpae, "'SparseTensor' object has no attribute 'shpae'"),
    "len": (lambda: len(MATRIX), "the length of a sparse matrix is ambiguous"),
    "bool": (lambda: bool(MATRIX), "the truth value of a sparse matrix is ambiguous"),
    "diags": (lambda: sparse.diags([[1.0, 2.0]], [0], (3, 3)), "Diagonal length"),
    "blocks": (lambda: sparse.block_array([[MATRIX, MATRIX.T]]), "(?i)mismatching|incompatible"),
}


@for_every(REFUSALS)
def test_bad_input_gets_one_clear_error(name: str) -> None:
    call, message = REFUSALS[name]
    with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        call()
    assert re.search(message, str(caught.value)), str(caught.value)

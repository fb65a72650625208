"""Some eigenvalues and singular values, and norms: the derivatives of the dense decompositions, of both orders."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from tests.rows import for_every

sp = pytest.importorskip("scipy.sparse")
original = pytest.importorskip("scipy.sparse.linalg")
from autograd_lite import sparse  # noqa: E402

N, K = 9, 3
FORMS = ("sparse", "dense", "operator")
START = np.random.default_rng(3).random(N)


def matrix(kind: str, m: int = N, n: int = N) -> Any:
    """Return a sparse matrix, a Hermitian one if it is square, whose eigenvalues are distinct."""
    rng = np.random.default_rng(m)
    a = sp.random_array((m, n), density=0.4, rng=rng)
    if kind == "complex":
        a = a + 1j * sp.random_array((m, n), density=0.4, rng=rng)
    if m == n:
        a = a + a.conj().T + sp.diags_array(np.arange(1.0, n + 1))
    a = sp.csr_array(a)
    a.sort_indices()
    return a


def form_of(form: str, m: Any, dtype: Any) -> Any:
    if form == "operator":
        adjoint = m.T.conj()
        return sparse.LinearOperator(m.shape, lambda x: m @ x, lambda x: adjoint @ x, dtype=dtype)
    return m.toarray() if form == "dense" else m


def as_sparse(a: Any, data: Any, hermitian: bool) -> Any:
    m = sparse.csr(data, a.indices, a.indptr, a.shape)
    return 0.5 * (m + m.T.conj()) if hermitian else m


def assert_equal_derivatives(ours: Callable[[Any], Any], full: Callable[[Any], Any], data: Any, what: str) -> None:
    """Compare values, gradients of both orders, and tangents."""
    along = np.random.default_rng(1).random(data.shape)

    def slope(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda d: np.real(ag.grad(f)(d) * along).sum()

    orders = (lambda f: f(data), lambda f: ag.grad(f)(data), lambda f: ag.grad(slope(f))(data))
    for measure in (*orders, lambda f: ag.jvp(f)((data,), (along,))[1]):
        x, y = np.asarray(ag.tensor(measure(ours)).detach()), np.asarray(ag.tensor(measure(full)).detach())
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-9 * np.abs(y).max(), err_msg=what)


def of_pairs(w: Any, v: Any) -> Any:
    """Return a number that depends on all eigenvalues and vectors, whatever their order, signs and phases."""
    c = np.random.default_rng(2).random((4, N))
    parts = np.abs(np.matmul(c, v)) ** 2
    return (w * w).sum() + (parts * parts * w).sum()


@for_every(list(product(("real", "complex"), ("LA", "SA"), FORMS)), by=lambda row: row[2], stride=3)
def test_eigenpairs_have_the_derivatives_of_the_dense_decomposition(row: Any) -> None:
    kind, which, form = row
    a = matrix(kind)
    chosen = slice(N - K, N) if which == "LA" else slice(K)

    def full(d: Any) -> Any:
        w, v = np.linalg.eigh(as_sparse(a, d, True).toarray())
        return of_pairs(w[chosen], v[:, chosen])

    def ours(d: Any) -> Any:
        return of_pairs(*sparse.eigsh(form_of(form, as_sparse(a, d, True), a.dtype), K, which=which))

    def full_values(d: Any) -> Any:
        return (np.linalg.eigvalsh(as_sparse(a, d, True).toarray())[chosen] ** 2).sum()

    def values(d: Any) -> Any:
        m = form_of(form, as_sparse(a, d, True), a.dtype)
        return (sparse.eigsh(m, K, which=which, return_eigenvectors=False) ** 2).sum()

    assert_equal_derivatives(ours, full, a.data, "pairs")
    assert_equal_derivatives(values, full_values, a.data, "values")


@for_every(list(product(("real", "complex"), ((9, 6), (6, 9)), FORMS)), by=lambda row: row[2], stride=3)
def test_singular_vectors_have_the_derivatives_of_the_dense_decomposition(row: Any) -> None:
    kind, (m, n), form = row
    a = matrix(kind, m, n)
    rng = np.random.default_rng(4)
    left, right = rng.random((4, m)), rng.random((n, 4))

    def total(u: Any, s: Any, vh: Any) -> Any:
        middle = np.matmul(np.matmul(left, u) * s, np.matmul(vh, right))
        return (np.abs(middle) ** 2).sum() + (np.abs(np.matmul(left, u)) ** 4 * s).sum()

    def full(d: Any) -> Any:
        u, s, vh = np.linalg.svd(as_sparse(a, d, False).toarray(), full_matrices=False)
        return total(u[:, :K], s[:K], vh[:K])

    def ours(d: Any) -> Any:
        return total(*sparse.svds(form_of(form, as_sparse(a, d, False), a.dtype), K))

    def values(d: Any) -> Any:
        m = form_of(form, as_sparse(a, d, False), a.dtype)
        return (sparse.svds(m, K, return_singular_vectors=False) ** 3).sum()

    def full_values(d: Any) -> Any:
        return (np.linalg.svd(as_sparse(a, d, False).toarray(), compute_uv=False)[:K] ** 3).sum()

    assert_equal_derivatives(ours, full, a.data, "vectors")
    assert_equal_derivatives(values, full_values, a.data, "values")


def test_values_are_those_of_scipy() -> None:
    for kind, which in product(("real", "complex"), ("LM", "SA")):
        a = matrix(kind)
        m, options = as_sparse(a, a.data, False), {"k": K, "which": which, "v0": START.astype(a.dtype)}
        for theirs, ours in zip(original.eigsh(a, **options), sparse.eigsh(m, **options), strict=True):
            assert np.array_equal(theirs, ours.numpy())
        theirs = original.eigsh(a, return_eigenvectors=False, **options)
        assert np.array_equal(theirs, sparse.eigsh(m, return_eigenvectors=False, **options).numpy())
        shifted = {"k": K, "sigma": 0.3, "v0": START.astype(a.dtype)}
        np.testing.assert_array_equal(original.eigsh(a, **shifted)[0], sparse.eigsh(m, **shifted)[0].numpy())
    a = matrix("real", 9, 6)
    m, options = as_sparse(a, a.data, False), {"k": K, "v0": START[:6]}
    whole = original.svds(a, **options)
    for sides, parts in ((True, (0, 1, 2)), ("u", (0, 1)), ("vh", (1, 2)), (False, ())):
        results = sparse.svds(m, return_singular_vectors=sides, **options)
        if not sides:
            np.testing.assert_array_equal(results.numpy(), original.svds(a, return_singular_vectors=False, **options))
        for k in parts:
            np.testing.assert_array_equal(results[k].numpy(), whole[k])
        assert all(results[k] is None for k in {0, 1, 2}.difference(parts) if sides)


def test_compiled_functions_and_batches_are_the_same() -> None:
    a = matrix("real")

    def loss(d: Any) -> Any:
        return of_pairs(*sparse.eigsh(as_sparse(a, d, True), K)) + sparse.svds(as_sparse(a, d, False), 2)[1].sum()

    step, cases = ag.value_and_grad(loss), [a.data, a.data, 2 * a.data]
    compiled = ag.compile(step)
    batch = ag.vmap(step)(np.stack(cases))
    for k, d in enumerate(cases):
        (value, g), (expected, h) = compiled(d), step(d)
        assert value == expected == batch[0][k]
        assert np.array_equal(g, h)
        np.testing.assert_allclose(batch[1][k], h, rtol=1e-12)


EQUAL = {"none": (1, 0, 0), "a vector": (1, 1, 0), "two vectors": (2, 1, 0), "a value": (1, 0, 1), "weights": (2, 0, 1)}


@for_every(list(product(EQUAL, FORMS)))
def test_one_of_equal_eigenvalues_has_no_derivative(row: Any) -> None:
    """Except in their sum; that a value from outside of the k is equal is seen where vectors are used alone."""
    name, form = row
    k, of_vectors, of_one = EQUAL[name]
    a = as_sparse(matrix("real"), matrix("real").data, True).to_scipy().toarray()
    q = np.linalg.eigh(a)[1]
    whole = sp.csr_array((q * [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 9.0, 9.0]) @ q.T)

    def f(d: Any) -> Any:
        w, v = sparse.eigsh(form_of(form, as_sparse(whole, d, True), float), max(k, 2) if of_one else k, which="LA")
        return (v**4).sum() if of_vectors else (w[:1].sum() if of_one else w.sum())

    if name == "none":
        assert np.isfinite(ag.grad(f)(whole.data)).all()
        return
    with pytest.raises(ag.ImplicitError, match="equal to another one.* the sum of all equal values"):
        ag.grad(f)(whole.data)


@for_every(list(product(("real", "complex"), FORMS, (1, 3))), by=lambda row: row[1], stride=2)
def test_a_simple_eigenpair_beside_equal_ones(row: Any) -> None:
    """Outside of the k, second derivatives too, and inside."""
    kind, form, k = row
    q = np.linalg.eigh(as_sparse(matrix(kind), matrix(kind).data, True).to_scipy().toarray())[1]
    whole = sp.csr_array((q * [1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 5.0, 6.0]) @ q.conj().T)
    c = np.cos(np.arange(N))
    rng = np.random.default_rng(7)
    t, u = rng.normal(size=(2, N, N)) + (1j * rng.normal(size=(2, N, N)) if kind == "complex" else 0)
    t, u = ((m + m.conj().T).reshape(-1) for m in (t, u))

    def f(d: Any) -> Any:
        w, v = sparse.eigsh(form_of(form, as_sparse(whole, d, True), whole.dtype), k, which="SA", tol=1e-14)
        return np.abs((v[:, 0] * c).sum()) ** 2 * w[0]

    def slope(d: Any) -> Any:
        return np.real(np.sum(np.conj(ag.grad(f)(d)) * t))

    def numeric(f: Any, u: Any) -> Any:
        h, d = 2e-4, whole.data
        return (8 * (f(d + h * u) - f(d - h * u)) - (f(d + 2 * h * u) - f(d - 2 * h * u))) / (12 * h)

    for g, along, digits in ((f, t, 1e-8), (slope, u, 1e-7))[: 1 if k > 1 else 2]:
        d = ag.grad(g)(whole.data)
        size = np.linalg.norm(d) * np.linalg.norm(along)
        np.testing.assert_allclose(np.real(np.sum(np.conj(d) * along)), numeric(g, along), atol=digits * size)


def test_a_search_that_ended_early_has_no_derivative() -> None:
    a = sp.diags_array([np.full(99, -1.0), np.full(100, 2.0), np.full(99, -1.0)], offsets=[-1, 0, 1]).tocsr()

    def f(d: Any, tol: float) -> Any:
        return (sparse.eigsh(as_sparse(a, d, True), 1, which="LA", tol=tol, ncv=10)[1] ** 4).sum()

    assert np.isfinite(ag.grad(f)(a.data, 1e-12)).all()
    with pytest.raises(ag.ImplicitError, match="Lower tol"):
        ag.grad(f)(a.data, 1e-2)


def test_factors_stay_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    n, sizes, splu = 2000, [], original.splu

    def measured(*args: Any, **options: Any) -> Any:
        factors = splu(*args, **options)
        sizes.append(factors.nnz)
        return factors

    monkeypatch.setattr(original, "splu", measured)
    a = sp.diags_array([-1.0, np.arange(n) + 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    ag.grad(lambda d: (sparse.eigsh(as_sparse(a, d, False), 2, sigma=0.0)[1] ** 4).sum())(a.data)
    assert len(sizes) >= 2  # one for each vector
    assert max(sizes) < 4 * a.nnz


NORMS = [(None, None), ("fro", None), (1, None), (-1, None), (np.inf, None), (-np.inf, None), (2, None)]
NORMS += [(None, 0), (2, 1), (1, 0), (1, 1), (3, 0)]


@for_every(list(product(NORMS, ("real", "complex"))))
def test_norms(row: Any) -> None:
    (ord, axis), kind = row
    a = matrix(kind, 5, 7)
    m = as_sparse(a, a.data, False)
    np.testing.assert_allclose(sparse.norm(m, ord, axis).numpy(), original.norm(a, ord, axis), rtol=1e-13)
    np.testing.assert_allclose(sparse.norm(a, ord, axis), original.norm(a, ord, axis), rtol=1e-13)

    def total(norm: Callable[..., Any], form: str) -> Callable[[Any], Any]:
        return lambda d: (norm(form_of(form, as_sparse(a, d, False), a.dtype), ord, axis) ** 3).sum()

    assert_equal_derivatives(total(sparse.norm, "sparse"), total(np.linalg.norm, "dense"), a.data, str(row))


FAILURES = [
    ("mass", lambda m: sparse.eigsh(m, M=m), TypeError, "M= and Minv="),
    ("square", lambda m: sparse.eigsh(m[1:]), ValueError, "square"),
    ("function", lambda m: sparse.eigsh(lambda x: m @ x), TypeError, "which has a shape"),
    ("order", lambda m: sparse.norm(m, np.inf, 0), TypeError, "the entries are a Tensor"),
]


@for_every(FAILURES, name=lambda row: row[0])
def test_failures_say_what_to_do(row: Any) -> None:
    _, call, kind, text = row
    a = matrix("real")
    with pytest.raises(kind, match=text):
        call(as_sparse(a, ag.tensor(a.data), False))

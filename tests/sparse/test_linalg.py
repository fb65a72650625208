"""Sparse linear systems: SciPy's values, the derivatives of the dense system, and nothing dense in between."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from tests.rows import for_every

sp = pytest.importorskip("scipy.sparse")
original = pytest.importorskip("scipy.sparse.linalg")
from autograd_lite import sparse  # noqa: E402

N = 7
WAYS = ("spsolve", "N", "T", "H", "factorized")
LETTERS = {"N": "N", "T": "T", "H": "H"}
CASES = [(way, kind, k) for way in WAYS for kind in ("real", "complex") for k in (0, 3)]


def pattern(n: int = N) -> Any:
    """Return a matrix that can be inverted, of SciPy."""
    rng = np.random.default_rng(n)
    a = (sp.random_array((n, n), density=0.3, rng=rng) + 3 * sp.eye_array(n)).tocsr()
    a.sort_indices()
    return a


def with_data(a: Any, data: Any) -> Any:
    """Return the matrix with other nonzeros."""
    return sparse.csr(data, a.indices, a.indptr, a.shape)


def dense(a: Any, data: Any) -> Any:
    """Return the same matrix in full."""
    places = np.repeat(np.arange(a.shape[0]), np.diff(a.indptr)) * a.shape[1] + a.indices
    return (np.eye(a.shape[0] * a.shape[1])[places].T @ data).reshape(a.shape)


def numbers(kind: str, shape: tuple[int, ...], seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return rng.random(shape) + (1j * rng.random(shape) if kind == "complex" else 0)


def solver(way: str, a: Any) -> Any:
    """Return the solution as a function of nonzeros and right-hand side, and the same by the dense matrix."""
    if way == "spsolve":
        return lambda d, b: sparse.spsolve(with_data(a, d), b), lambda d, b: np.linalg.solve(dense(a, d), b)
    if way == "factorized":
        return lambda d, b: sparse.factorized(with_data(a, d))(b), lambda d, b: np.linalg.solve(dense(a, d), b)
    change = {"N": lambda m: m, "T": np.transpose, "H": lambda m: np.conjugate(m.T)}[way]
    return (
        lambda d, b: sparse.splu(with_data(a, d)).solve(b, way),
        lambda d, b: np.linalg.solve(change(dense(a, d)), b),
    )


def _case(way: str, kind: str, k: int) -> Any:
    a = pattern()
    a = a.astype(complex) if kind == "complex" else a
    a.data += 0.1 * numbers(kind, a.data.shape, 1)
    return a, numbers(kind, (N, k) if k else (N,), 2), *solver(way, a)


@for_every(CASES)
def test_values_are_those_of_scipy(row: Any) -> None:
    way, kind, k = row
    a, b, ours, _ = _case(way, kind, k)
    theirs = original.spsolve(a, b) if way == "spsolve" else original.splu(a.tocsc()).solve(b, LETTERS.get(way, "N"))
    assert np.array_equal(ours(ag.tensor(a.data), b).numpy(), theirs)
    if way == "spsolve":
        assert np.array_equal(sparse.spsolve(a.tocsc(), ag.tensor(b)).numpy(), original.spsolve(a.tocsc(), b))
        assert np.array_equal(sparse.spsolve(a, b), theirs)


@for_every(CASES, by=lambda row: row[0])
def test_derivatives_are_those_of_the_dense_system(row: Any) -> None:
    way, kind, k = row
    a, b, ours, full = _case(way, kind, k)
    w, along = numbers(kind, b.shape, 3), (numbers(kind, a.data.shape, 4), numbers(kind, b.shape, 5))

    def loss(f: Any) -> Any:
        return lambda d, b: (np.abs(f(d, b) * w) ** 2).sum()

    def slope(f: Any) -> Any:
        def total(d: Any, b: Any) -> Any:
            gradients = ag.grad(loss(f), (0, 1))(d, b)
            return sum(np.real(np.conjugate(g) * t).sum() for g, t in zip(gradients, along, strict=True))

        return total

    for order in (loss, slope):
        for g, h in zip(ag.grad(order(ours), (0, 1))(a.data, b), ag.grad(order(full), (0, 1))(a.data, b), strict=True):
            np.testing.assert_allclose(g, h, rtol=1e-11, atol=1e-12)
    pushed = [ag.jvp(f)((a.data, b), along)[1] for f in (ours, full)]
    np.testing.assert_allclose(*pushed, rtol=1e-11, atol=1e-12)
    compiled, step = ag.compile(ag.value_and_grad(loss(ours), (0, 1))), ag.value_and_grad(loss(ours), (0, 1))
    for d, rhs in [(a.data, b), (a.data, b), (2 * a.data, b), (a.data, b + 1)]:
        (value, gs), (expected, hs) = compiled(d, rhs), step(d, rhs)
        assert value == expected
        assert all(map(np.array_equal, gs, hs))


@pytest.mark.parametrize("axes", [(None, 0), (0, None), (0, 0)])
@pytest.mark.parametrize("k", [0, 2])
def test_batches_are_examples_one_by_one(axes: Any, k: int) -> None:
    a, b, ours, _ = _case("spsolve", "real", k)
    many = [np.stack([x, 2 * x, x + 1]) if axis == 0 else x for x, axis in zip((a.data, b), axes, strict=True)]

    def gradients(d: Any, b: Any) -> Any:
        return (ours(d, b), *ag.grad(lambda d, b: (ours(d, b) ** 2).sum(), (0, 1))(d, b))

    batch = ag.vmap(gradients, axes)(*many)
    for i in range(3):
        single = gradients(*[x[i] if axis == 0 else x for x, axis in zip(many, axes, strict=True)])
        for x, y in zip(batch, single, strict=True):
            np.testing.assert_allclose(x[i], y, rtol=1e-12, atol=1e-13)


def test_one_factorization_serves_all_orders_and_is_never_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    from autograd_lite.sparse import linalg

    calls = []

    def counted(matrix: Any, **options: Any) -> Any:
        calls.append(matrix)
        return original.splu(matrix, **options)

    monkeypatch.setattr(linalg, "original", SimpleNamespace(splu=counted, spsolve=original.spsolve))
    a, b, ours, full = _case("spsolve", "real", 0)
    d = ag.tensor(a.data, requires_grad=True)
    first = ag.grad(lambda d: (ours(d, b) ** 2).sum())
    ag.grad(lambda d: (first(d) ** 2).sum())(d)
    assert len(calls) == 1
    lu = sparse.splu(with_data(a, d))
    before = lu.solve(b).numpy()
    d.assign(2 * a.data)
    np.testing.assert_allclose(ours(d, b).numpy(), full(2 * a.data, b), rtol=1e-12)
    np.testing.assert_array_equal(before, original.splu(a.tocsc()).solve(b))


def test_graphs_of_other_patterns_differ() -> None:
    from autograd_lite.graph import Program

    patterns = [sp.csr_array(np.eye(2)), sp.csr_array(np.eye(2)[::-1].copy())]
    functions: list[Any] = [
        lambda a, x: a @ x,
        lambda a, x: sparse.spsolve(a, x),
        lambda a, x: sparse.gmres(with_data(a, ag.tensor(a.data)), x)[0],
    ]
    for f in functions:
        graphs = [Program.trace(lambda x, a=a, f=f: f(a, 2 * x), np.ones(2)).graph for a in patterns for _ in range(2)]
        assert graphs[0] == graphs[1] != graphs[2] == graphs[3]


LARGE = [
    ("spsolve", lambda m, b: sparse.spsolve(m, b).sum()),
    ("splu", lambda m, b: sparse.splu(m).solve(b).sum()),
    ("cg", lambda m, b: sparse.cg(m, b)[0].sum()),
    ("gmres", lambda m, b: sparse.gmres(m, b, restart=8)[0].sum()),
    ("eigsh", lambda m, b: (sparse.eigsh(m + sp.diags_array(np.arange(len(b)) * 1.0), 1, sigma=0.0)[1] ** 4).sum()),
    ("norm", lambda m, b: sparse.norm(m) + sparse.norm(m, 1)),
]


@for_every(LARGE, name=lambda row: row[0])
def test_nothing_dense_is_made(row: Any) -> None:
    _, function = row
    n = 20_000
    a = sp.diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    b = np.ones(n)
    tracemalloc.start()
    try:
        ag.grad(lambda d: function(with_data(a, d), b))(a.data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * a.data.nbytes  # a dense matrix has 6,667 times as many


FAILURES = [
    (
        "singular",
        lambda a, b: sparse.spsolve(with_data(a, ag.tensor(0 * a.data)), b),
        np.linalg.LinAlgError,
        "singular",
    ),
    ("factors", lambda a, b: sparse.splu(with_data(a, ag.tensor(0 * a.data))), np.linalg.LinAlgError, "singular"),
    ("rows", lambda a, b: sparse.spsolve(a, ag.tensor(b[1:])), ValueError, "has 7 rows"),
    ("square", lambda a, b: sparse.spsolve(a[1:], ag.tensor(b[1:])), ValueError, "square"),
    ("dense", lambda a, b: sparse.spsolve(a.toarray(), ag.tensor(b)), TypeError, "np.linalg.solve"),
    ("trans", lambda a, b: sparse.splu(a).solve(b, "X"), ValueError, "'N', 'T' or 'H'"),
    (
        "factor",
        lambda a, b: sparse.splu(with_data(a, ag.tensor(a.data, requires_grad=True))).L,
        Exception,
        "no derivative",
    ),
]


@for_every(FAILURES, name=lambda row: row[0])
def test_failures_say_what_to_do(row: Any) -> None:
    _, call, kind, text = row
    with pytest.raises(kind, match=text):
        call(pattern(), np.ones(N))

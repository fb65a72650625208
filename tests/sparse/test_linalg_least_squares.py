"""`lsmr` and `lsqr`: SciPy's values, the derivatives of the pseudoinverse and of normal equations, both orders."""

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

METHODS = {"lsmr": (sparse.lsmr, original.lsmr), "lsqr": (sparse.lsqr, original.lsqr)}
SHAPES = [(7, 4), (4, 7)]
ROWS = list(product(METHODS, ("real", "complex"), SHAPES, (0.0, 0.7), ("sparse", "operator")))


def case(kind: str, m: int, n: int) -> Any:
    rng = np.random.default_rng(m)
    a = sp.random_array((m, n), density=0.7, rng=rng) + 2 * sp.eye_array(m, n)
    if kind == "complex":
        a = a + 1j * sp.random_array((m, n), density=0.7, rng=rng)
    a = sp.csr_array(a)
    a.sort_indices()
    return a, rng.random(m) + (1j * rng.random(m) if kind == "complex" else 0)


def as_sparse(a: Any, data: Any) -> Any:
    return sparse.csr(data, a.indices, a.indptr, a.shape)


def functions(row: Any) -> tuple[Callable[..., Any], Callable[..., Any], Any, Any]:
    """Return the solution as a function of nonzeros and right-hand side, and the same by dense matrices."""
    name, kind, (m, n), damp, form = row
    a, b = case(kind, m, n)

    def ours(d: Any, b: Any) -> Any:
        matrix = as_sparse(a, d)
        if form == "operator":
            matrix = sparse.LinearOperator(a.shape, as_sparse(a, d).__matmul__, dtype=a.dtype)
        return METHODS[name][0](matrix, b, damp, 1e-14, 1e-14, 1e12, 50)[0]

    def full(d: Any, b: Any) -> Any:
        dense = as_sparse(a, d).toarray()
        if not damp:
            return np.linalg.pinv(dense) @ b
        adjoint = np.conjugate(dense.T)
        return np.linalg.solve(adjoint @ dense + damp**2 * np.eye(n), adjoint @ b)

    return ours, full, a.data, b


@for_every(ROWS, by=lambda row: row[-1], stride=5)
def test_derivatives_are_those_of_dense_matrices(row: Any) -> None:
    ours, full, data, b = functions(row)
    rng = np.random.default_rng(1)
    along = rng.random(data.shape), rng.random(b.shape)

    def loss(f: Any) -> Any:
        return lambda d, b: (np.abs(f(d, b)) ** 2 * np.arange(1.0, row[2][1] + 1)).sum()

    def slope(f: Any) -> Any:
        def total(d: Any, b: Any) -> Any:
            gradients = ag.grad(loss(f), (0, 1))(d, b)
            return sum(np.real(np.conjugate(g) * t).sum() for g, t in zip(gradients, along, strict=True))

        return total

    for order in (loss, slope):
        for x, y in zip(*(ag.grad(order(f), (0, 1))(data, b) for f in (ours, full)), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-9 * np.abs(y).max())
    np.testing.assert_allclose(*(ag.jvp(f)((data, b), along)[1] for f in (ours, full)), rtol=1e-8)


@for_every(list(product(METHODS, ("real", "complex"), SHAPES)))
def test_values_are_those_of_scipy(row: Any) -> None:
    name, kind, (m, n) = row
    (ours, theirs), (a, b) = METHODS[name], case(kind, m, n)
    for options in ({}, {"damp": 0.3}, {"atol": 1e-9, "btol": 1e-9}):
        for given in (as_sparse(a, ag.tensor(a.data)), a):
            x, *numbers = ours(given, b, **options)
            y, *expected = theirs(a, b, **options)
            assert np.array_equal(ag.tensor(x).numpy(), y)
            assert numbers[:7] == expected[:7]


@for_every(list(METHODS))
def test_compiled_functions_and_batches_are_the_same(name: str) -> None:
    ours, _, data, b = functions((name, "real", (7, 4), 0.0, "sparse"))
    step = ag.value_and_grad(lambda d, b: (ours(d, b) ** 2).sum(), (0, 1))
    compiled, cases = ag.compile(step), [(data, b), (data, b), (2 * data, b), (data, b + 1)]
    _, batch = ag.vmap(step)(*map(np.stack, zip(*cases, strict=True)))
    for k, (d, rhs) in enumerate(cases):
        (value, gs), (expected, hs) = compiled(d, rhs), step(d, rhs)
        assert value == expected
        assert all(map(np.array_equal, gs, hs))
        assert all(np.allclose(x[k], y, rtol=1e-12) for x, y in zip(batch, hs, strict=True))


FAILURES = [
    ("rows", lambda m, b: sparse.lsmr(m, b[1:]), ValueError, r"expected b of shape \(7,\)"),
    ("start", lambda m, b: sparse.lsmr(m, b, x0=ag.tensor(b)), TypeError, "x0="),
    ("variance", lambda m, b: sparse.lsqr(m, b, calc_var=True), TypeError, "calc_var="),
    ("limit", lambda m, b: sparse.lsmr(m, b, maxiter=1)[0].sum().backward(), ag.GradError, "has converged"),
]


@for_every(FAILURES, name=lambda row: row[0])
def test_failures_say_what_to_do(row: Any) -> None:
    _, call, kind, text = row
    a, b = case("real", 7, 4)
    with pytest.raises(kind, match=text):
        call(as_sparse(a, ag.tensor(a.data, requires_grad=True)), b)

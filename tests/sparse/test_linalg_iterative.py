"""Iterative solvers and operators: SciPy's values, the dense system's derivatives, however the matrix is given."""

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

N = 8
METHODS = {name: getattr(sparse, name) for name in ("cg", "minres", "bicgstab", "gmres")}
HERMITIAN = ("cg", "minres")
KINDS = [(name, kind) for name in METHODS for kind in ("real", "complex") if (name, kind) != ("minres", "complex")]


def matrix(name: str, kind: str) -> Any:
    """Return a matrix that the method can solve with, and a right-hand side."""
    rng = np.random.default_rng(N)
    a = sp.random_array((N, N), density=0.3, rng=rng)
    if kind == "complex":
        a = a + 1j * sp.random_array((N, N), density=0.3, rng=rng)
    a = sp.csr_array((a + a.conj().T if name in HERMITIAN else a) + 5 * sp.eye_array(N))
    a.sort_indices()
    return a, rng.random(N) + (1j * rng.random(N) if kind == "complex" else 0)


def with_data(a: Any, data: Any, hermitian: bool) -> Any:
    """Return the matrix with other nonzeros; its Hermitian part, for which it is its own adjoint."""
    m = sparse.csr(data, a.indices, a.indptr, a.shape)
    return 0.5 * (m + m.T.conj()) if hermitian else m


def ways(name: str, a: Any) -> dict[str, Callable[[Any, Any], Any]]:
    """Return the solution as a function of nonzeros and right-hand side, by the forms that a matrix may have."""
    f, dtype = METHODS[name], a.dtype

    def m(d: Any) -> Any:
        return with_data(a, d, name in HERMITIAN)

    def solve(form: Callable[[Any], Any], **options: Any) -> Callable[[Any, Any], Any]:
        return lambda d, b: f(form(m(d)), b, rtol=1e-13, **{k: make(m(d)) for k, make in options.items()})[0]

    def operator(m: Any) -> Any:
        adjoint = m.T.conj()
        return sparse.LinearOperator(a.shape, lambda x: m @ x, lambda x: adjoint @ x, dtype=dtype)

    scaling = sp.diags_array(1 / a.diagonal())
    return {
        "sparse": solve(lambda m: m),
        "dense": solve(lambda m: m.toarray()),
        "operator": solve(operator),
        "function": solve(lambda m: lambda x: m @ x),
        "sum": solve(lambda m: operator(m) + sparse.aslinearoperator(0 * a)),
        "preconditioned": solve(lambda m: m, M=lambda m: scaling),
        "diagonal": solve(lambda m: m, M=lambda m: sparse.LinearOperator(a.shape, lambda x: x / m.diagonal())),
        "scipy": solve(lambda m: operator(m), M=lambda m: original.aslinearoperator(scaling)),
    }


def slopes(f: Callable[[Any, Any], Any], d: Any, b: Any) -> list[Any]:
    """Return gradients of first and second order, and a tangent."""
    rng = np.random.default_rng(1)
    w, along = rng.random(N), (rng.random(d.shape), rng.random(N))

    def loss(d: Any, b: Any) -> Any:
        return (np.abs(f(d, b) * w) ** 2).sum()

    def slope(d: Any, b: Any) -> Any:
        gradients = ag.grad(loss, (0, 1))(d, b)
        return sum(np.real(np.conjugate(g) * t).sum() for g, t in zip(gradients, along, strict=True))

    return [*ag.grad(loss, (0, 1))(d, b), *ag.grad(slope, (0, 1))(d, b), ag.jvp(f)((d, b), along)[1]]


@for_every(KINDS, by=lambda row: row)
def test_derivatives_are_those_of_the_dense_system(row: Any) -> None:
    name, kind = row
    a, b = matrix(name, kind)
    full = slopes(lambda d, b: np.linalg.solve(with_data(a, d, name in HERMITIAN).toarray(), b), a.data, b)
    for way, f in ways(name, a).items():
        for x, y in zip(slopes(f, a.data, b), full, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11 * np.abs(y).max(), err_msg=way)


@for_every(KINDS)
def test_values_are_those_of_scipy(row: Any) -> None:
    name, kind = row
    a, b = matrix(name, kind)
    f, theirs = METHODS[name], getattr(original, name)
    tolerance = {} if name == "minres" else {"atol": 1e-3}
    for options in ({}, {"rtol": 1e-9}, {"maxiter": 1}, {"x0": b}, {"M": sp.diags_array(1 / a.diagonal())}, tolerance):
        x, info = theirs(a, b, **options)
        for given in (a, sparse.csr(a.data, a.indices, a.indptr, a.shape), sparse.aslinearoperator(a)):
            y, ours = f(given, b, **options)
            assert np.array_equal(x, ag.tensor(y).numpy()), (options, given)
            assert (ours, ours.__class__) == (info, int)


@for_every(list(product(METHODS, ("sparse", "operator", "diagonal"))))
def test_compiled_functions_and_batches_are_the_same(row: Any) -> None:
    name, way = row
    a, b = matrix(name, "real")
    f = ways(name, a)[way]
    step = ag.value_and_grad(lambda d, b: (f(d, b) ** 2).sum(), (0, 1))
    compiled = ag.compile(step)
    cases = [(a.data, b), (a.data, b), (2 * a.data, b), (a.data, b + 1)]
    for d, rhs in cases:
        (value, gs), (expected, hs) = compiled(d, rhs), step(d, rhs)
        assert value == expected
        assert all(map(np.array_equal, gs, hs))
    _, batch = ag.vmap(step)(*map(np.stack, zip(*cases, strict=True)))
    for k, (d, rhs) in enumerate(cases):
        for x, y in zip(batch, step(d, rhs)[1], strict=True):
            np.testing.assert_allclose(x[k], y, rtol=1e-12)


def test_the_tolerance_of_the_backward_pass_is_relative_to_its_right_hand_side() -> None:
    a, b = matrix("cg", "real")
    exact = ag.grad(lambda b: (original.splu(a.tocsc()).solve(np.eye(N)) @ b).sum())(b)
    for scale in (1.0, 1e-9):
        g = ag.grad(lambda b, scale=scale: scale * sparse.cg(a, b, rtol=0.0, atol=1e-8)[0].sum())(b)
        np.testing.assert_allclose(g, scale * exact, rtol=1e-6)


def test_a_derivative_of_a_solve_that_has_not_converged_raises() -> None:
    for name, f in METHODS.items():
        a, b = matrix(name, "real")
        d = ag.tensor(a.data, requires_grad=True)
        x, info = f(with_data(a, d, False), b, maxiter=1, **({"restart": 1} if name == "gmres" else {}))
        assert info > 0, name
        with pytest.raises(ag.GradError, match=f"derivative of {name}: expected a solve that has converged"):
            x.sum().backward()


def test_functions_may_have_control_flow_and_preconditioners_factors() -> None:
    a, b = matrix("gmres", "real")

    def branching(t: Any) -> Any:
        return sparse.cg(lambda x: ag.cond(t > 1, lambda x: t * x, lambda x: x, x), b)[0].sum()

    np.testing.assert_allclose(ag.grad(branching)(2.0), -b.sum() / 4)

    def by_factors(d: Any) -> Any:
        m = with_data(a, d, False)
        lu = sparse.splu(m)
        inverse = sparse.LinearOperator(a.shape, lu.solve, lambda x: lu.solve(x, "H"), dtype=float)
        return (sparse.gmres(m, b, M=inverse, rtol=1e-12)[0] ** 2).sum()

    direct = ag.grad(lambda d: (sparse.spsolve(with_data(a, d, False), b) ** 2).sum())(a.data)
    np.testing.assert_allclose(ag.grad(by_factors)(a.data), direct, rtol=1e-10, atol=1e-12)


FAILURES = [
    ("nonlinear", lambda a, b: sparse.cg(lambda x: x * x, ag.tensor(b)), TypeError, "linear in x"),
    ("shape", lambda a, b: sparse.cg(a, ag.tensor(b[1:])), ValueError, r"expected A of shape \(7, 7\)"),
    ("vectors", lambda a, b: sparse.cg(a, ag.tensor(np.ones((8, 2)))), ValueError, r"\(n,\) or \(n, 1\)"),
    ("operand", lambda a, b: sparse.aslinearoperator(a) @ b[1:], ValueError, r"expected shape \(8,\)"),
    ("number", lambda a, b: sparse.aslinearoperator(a) @ 2.0, ValueError, r"A \* x"),
    ("result", lambda a, b: sparse.LinearOperator((8, 8), lambda x: x[1:]) @ b, ValueError, r"to return \(8,\)"),
    (
        "adjoint",
        lambda a, b: ag.grad(lambda b: sparse.gmres(original.LinearOperator((8, 8), a.dot), b)[0].sum())(b),
        TypeError,
        "has rmatvec",
    ),
]


@for_every(FAILURES, name=lambda row: row[0])
def test_failures_say_what_to_do(row: Any) -> None:
    _, call, kind, text = row
    with pytest.raises(kind, match=text):
        call(*matrix("gmres", "real"))


def test_operators_compute_as_matrices_do() -> None:
    rng = np.random.default_rng(0)
    full = rng.random((4, 4)) + 1j * rng.random((4, 4))
    half = sp.random_array((4, 4), density=0.5, rng=rng).tocsr()
    x, columns = rng.random(4) + 1j, rng.random((4, 2))
    forms = [
        (sparse.aslinearoperator(ag.tensor(full)), full),
        (sparse.aslinearoperator(half), half.toarray()),
        (sparse.aslinearoperator(original.aslinearoperator(full)), full),
        (sparse.LinearOperator((4, 4), lambda v: ag.tensor(full) @ v), full),
    ]
    expressions: list[Callable[[Any, Any], Any]] = [
        lambda a, b: a + b,
        lambda a, b: a @ b,
        lambda a, b: (a - 2 * b) / 4,
        lambda a, b: (a @ b + b).T,
        lambda a, b: ag.tensor(2.0) * a,
    ]
    for (a, m), (b, n), expression in product(forms, forms, expressions):
        operator, dense = expression(a, b), expression(m, n) if expression is not expressions[-1] else 2.0 * m
        assert isinstance(operator, original.LinearOperator)
        for operand in (x, x[:, None], columns):
            np.testing.assert_allclose(operator @ operand, dense @ operand)
            np.testing.assert_allclose((operator @ ag.tensor(operand)).numpy(), dense @ operand)
            np.testing.assert_allclose(operator.H @ operand, dense.conj().T @ operand)
        np.testing.assert_allclose(x @ operator, x @ dense)
    np.testing.assert_allclose(forms[0][0] ** 3 @ x, full @ full @ full @ x)
    assert np.array_equal(original.gmres(forms[1][0] + forms[1][0], x)[0], original.gmres(2 * half, x)[0])

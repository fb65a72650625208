"""`linear_solve`: the derivatives of `np.linalg.solve` in every form, and refusals where they are not certain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..rows import for_every

sp = pytest.importorskip("scipy.sparse")
from autograd_lite import sparse  # noqa: E402

N = 6
RNG = np.random.default_rng(3)
A = 0.3 * RNG.normal(size=(N, N))
A = A @ A.T + np.eye(N) + 0.05 * (RNG.random((N, N)) < 0.3)
SYMMETRIC = (A + A.T) / 2
B, W = RNG.normal(size=(2, N))
TURN = np.array([[1, 0.1j], [0.1j, 1]])
PATTERN = sp.csr_array(np.ones((N, N)))


def as_sparse(a: Any) -> Any:
    return sparse.csr(a.reshape(-1), PATTERN.indices, PATTERN.indptr, PATTERN.shape)


def as_tree(v: Any) -> Any:
    return {"first": v[:4].reshape(2, 2), "rest": (v[4:],)}


def as_vector(tree: Any) -> Any:
    return np.concatenate([tree["first"].reshape(-1), tree["rest"][0]])


FORMS: dict[str, tuple[Callable[..., Any], str]] = {
    "dense": (lambda a, b, **o: ag.linear_solve(a, b, **o), "auto lu cholesky cg minres gmres bicgstab"),
    "sparse": (lambda a, b, **o: ag.linear_solve(as_sparse(a), b, **o), "auto lu cg"),
    "operator": (lambda a, b, **o: ag.linear_solve(sparse.LinearOperator(A.shape, lambda x: a @ x), b, **o), "auto cg"),
    "of a matrix": (lambda a, b, **o: ag.linear_solve(sparse.aslinearoperator(a), b, **o), "lu minres"),
    "function": (lambda a, b, **o: ag.linear_solve(lambda x: a @ x, b, **o), "auto minres"),
    "tree": (
        lambda a, b, **o: as_vector(ag.linear_solve(lambda t: as_tree(a @ as_vector(t)), as_tree(b), **o)),
        "auto cg",
    ),
    "columns": (lambda a, b, **o: ag.linear_solve(a, np.stack([b, 2 * b], axis=1), **o)[:, 0], "lu cholesky gmres"),
    "sparse columns": (lambda a, b, **o: ag.linear_solve(as_sparse(a), np.stack([b, b], axis=1), **o)[:, 1], "lu"),
}
KINDS = ("real", "complex")
ROWS = [(form, method, kind) for form, (_, methods) in FORMS.items() for method in methods.split() for kind in KINDS]
ROWS = [row for row in ROWS if row[1:] != ("minres", "complex")]  # SciPy's takes real numbers


def matrices(method: str, kind: str) -> tuple[Any, Any, Any]:
    """Return a matrix for a method, a change of it, and the average of a matrix and what the method takes for equal."""
    hermitian = method in ("cholesky", "cg", "minres")
    a, t = (SYMMETRIC, W[:, None] * W) if hermitian else (A, np.outer(B, W))
    if kind == "complex":
        a, t = a + 0.2j * (np.tri(N) - np.tri(N).T) * (1 if hermitian else B), t * (1 if hermitian else 1 + 1j)
    return a, t, (lambda m: (m + np.swapaxes(m, -1, -2).conj()) / 2) if hermitian else lambda m: m


@for_every(ROWS, by=lambda row: row[0], name=" ".join, stride=4)
def test_derivatives_are_those_of_a_dense_solve(row: Any) -> None:
    form, method, kind = row
    a, t, part = matrices(method, kind)

    def of(solve: Callable[..., Any]) -> Callable[..., Any]:
        return lambda a, b: (np.abs(solve(part(a), b)) ** 2 * W).sum()

    ours, theirs = of(lambda a, b: FORMS[form][0](a, b, method=method)), of(np.linalg.solve)
    orders: list[Callable[..., Any]] = [
        lambda f: f(a, B),
        lambda f: ag.grad(f)(a, B),
        lambda f: ag.grad(f, 1)(a, B),
        lambda f: ag.jvp(f)((a, B), (t, W))[1],
        lambda f: ag.grad(lambda a, b: np.real(ag.grad(f)(a, b) * t.conj()).sum())(a, B),
        lambda f: ag.compile(ag.grad(f))(a, B),
        lambda f: ag.vmap(ag.grad(f), (0, None))(np.stack([a, 2 * a]), B),
    ]
    for order in orders:
        expected = order(theirs)
        np.testing.assert_allclose(order(ours), expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())


def test_a_matrix_is_factored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from autograd_lite.solutions import linear_solve

    calls: list[str] = []
    for name in ("factor_dense", "factor_sparse"):
        original = getattr(linear_solve, name)
        monkeypatch.setattr(linear_solve, name, lambda a, f=original, name=name: (calls.append(name), f(a))[1])
    for form in ("dense", "sparse"):
        ag.grad(lambda b: ag.hvp(lambda b: (FORMS[form][0](A, b) ** 3).sum())(b, W).sum())(B)  # noqa: B023
        ag.grad(lambda a: (FORMS[form][0](a, B) ** 3).sum())(A)  # noqa: B023
    assert calls == ["factor_dense"] * 2 + ["factor_sparse"] * 2


NEARLY = [
    (form, method, k) for form, method in (("dense", "lu"), ("sparse", "lu"), ("function", "cg")) for k in (2, 5, 13)
]


@for_every(NEARLY, name=lambda row: f"{row[0]} {row[1]} 1e{row[2]}")
def test_nearly_singular_matrices_are_refused(row: Any) -> None:
    form, method, k = row
    q = np.linalg.qr(A)[0]
    a = (q * np.logspace(0, -k, N)) @ q.T
    a = (a + a.T) / 2
    loss = lambda b, **o: FORMS[form][0](a, b, method=method, **o).sum()  # noqa: E731
    if k < 8:
        np.testing.assert_allclose(ag.grad(loss)(B), np.linalg.solve(a, np.ones(N)), rtol=1e-4)
        return
    with pytest.raises(
        (ag.ImplicitError, np.linalg.LinAlgError), match="certain digits; received a condition|converge"
    ):
        ag.grad(loss)(B)
    if form != "function":
        assert np.isnan(ag.grad(lambda b: loss(b, on_uncertain="nan"))(B)).all()
        with pytest.warns(UserWarning, match="expected 4 certain digits"):
            ag.grad(lambda b: loss(b, on_uncertain="warn"))(B)
        ag.grad(lambda b: loss(b, digits=1))(B)


SINGULAR = np.diag([1.0, 2.0, 0.0])
FAILURES: list[tuple[str, Callable[[], Any], Any, str]] = [
    ("singular", lambda: ag.linear_solve(SINGULAR, np.ones(3)), np.linalg.LinAlgError, "can be inverted"),
    ("sparse", lambda: ag.linear_solve(sp.csc_array(SINGULAR), np.ones(3)), np.linalg.LinAlgError, "can be inverted"),
    ("negative", lambda: ag.linear_solve(-A, B, positive=True), np.linalg.LinAlgError, "positive definite"),
    ("early", lambda: ag.linear_solve(lambda x: A @ x, B, maxiter=1, method="cg"), np.linalg.LinAlgError, "cg to"),
    ("minres", lambda: ag.linear_solve(SINGULAR, np.ones(3), method="minres"), np.linalg.LinAlgError, "to converge"),
    ("shapes", lambda: ag.linear_solve(A, B[1:]), ag.ShapeError, "as A has 6 rows"),
    ("rectangle", lambda: ag.linear_solve(A[1:], B), ag.ShapeError, "square"),
    ("method", lambda: ag.linear_solve(lambda x: x, B, method="lu"), ValueError, "'lu' for the function"),
    ("no factors", lambda: ag.linear_solve(sp.csc_array(A), B, method="cholesky"), ValueError, "with a dense one"),
    ("option", lambda: ag.linear_solve(A, B, on_uncertain="guess"), ValueError, "on_uncertain"),
]


@for_every(FAILURES, name=lambda row: row[0])
def test_failures_say_what_to_do(row: Any) -> None:
    _, call, kind, text = row
    with pytest.raises(kind, match=text):
        call()

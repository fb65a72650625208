"""Sparse Jacobians and Hessians against dense ones."""

from __future__ import annotations

import tracemalloc
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.errors import DtypeError, GradError, ShapeError, TraceError
from autograd_lite.sparse import compressed_products
from autograd_lite.sparse.pattern import Pattern
from autograd_lite.tree import leaves

scipy_sparse = pytest.importorskip("scipy.sparse")

N = 12
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=N)
MASK = RANDOM.random(N) < 0.5
PLACES = RANDOM.integers(0, N, 20)


def banded(x: Any) -> Any:
    left, right = np.concatenate([np.zeros(1), x[:-1]]), np.concatenate([x[1:], np.zeros(1)])
    return (3 - 2 * x) * x + 1 - left - 2 * right


def stencil(u: Any) -> Any:
    u = u.reshape(3, 4)
    around = np.pad(u, 1)
    return around[1:-1, 2:] + around[1:-1, :-2] + around[2:, 1:-1] + around[:-2, 1:-1] - 4 * u + np.exp(u)


def arrow(x: Any) -> Any:
    return np.concatenate([[(x**2).sum()], x[1:] * x[0]])


def gather(x: Any) -> Any:
    return np.sin(x[PLACES]) * x[PLACES[::-1]]


def recurrence(x: Any) -> Any:
    def step(c: Any, a: Any) -> Any:
        return 0.5 * c + a * a, c

    return ag.scan(step, x[0] * 0, x)[1]


def masked(x: Any) -> Any:
    return np.where(MASK, x**2, 0.0) * x[::-1]


def blocks(x: Any) -> Any:
    a = x.reshape(-1, 3, 1)
    return (a @ a.transpose(0, 2, 1)).sum(2)


def tree(p: Any) -> Any:
    return {"u": p["a"] * p["b"][0], "v": (p["b"] ** 2)[:2], "s": p["b"].sum(), "c": np.ones(2)}


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def lagrangian(x: Any, multipliers: Any) -> Any:
    return rosenbrock(x) + multipliers @ (x[1:] * x[:-1] - 1)


def arrow_sum(x: Any) -> Any:
    return x[0] * np.sum(x**2) + np.sum(np.sin(x[1:] * x[:-1]))


JACOBIANS: list[tuple[Callable[..., Any], Any]] = [
    (banded, X),
    (banded, X.astype(np.float32)),
    (stencil, X),
    (arrow, X),
    (gather, X),
    (recurrence, X),
    (masked, X),
    (blocks, X),
    (lambda x: x[:3, None] * x[None, 3:7], X),
    (tree, {"a": X[:4].reshape(2, 2), "b": X[4:9]}),
    (lambda x: np.cumsum(x) * x, X),
    (lambda x: (x**2).sum(), X),
    (lambda x: np.ones(3), X),
    (lambda x: np.concatenate([x[:4] ** 2, np.zeros(3)]), X),
    (lambda x: x[:0], X),
    (lambda x: x * 2, np.zeros(0)),
    (lambda x: x * x, 3.0),
    (lambda x: x * np.ones(3), np.float32(2)),
    (lambda x: 1j * x[1:] * x[:-1], X + 1j * X[::-1]),
    (lambda x: np.sin(x) * x[0], ag.tensor(X, requires_grad=True)),
    (lambda x: (x[0] * x[1], x[1] ** 2), (X[:3], X[3:6])),
    (np.sin, [0.5, 1.5]),
]


def dense(blocks_of: Any, out: Any, x: Any) -> Any:
    """Return the blocks of a dense Jacobian as one matrix."""
    parts, outs, ins = [np.asarray(a) for a in leaves(blocks_of)], leaves(out), leaves(x)
    each = iter(parts)
    return np.block([[next(each).reshape(np.size(o), np.size(i)) for i in ins] for o in outs])


# The seeds of small matrices are constants, those of large ones are made in a loop.
BLOCKS = [compressed_products._BLOCK, 2 * N + 5]


@pytest.mark.parametrize(("mode", "seeds"), [("auto", 0), ("forward", 1), ("reverse", 0), ("both", 1), ("reverse", 1)])
@pytest.mark.parametrize("case", range(len(JACOBIANS)))
def test_a_jacobian_is_the_dense_one(case: int, mode: str, seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_products, "_BLOCK", BLOCKS[seeds])
    f, x = JACOBIANS[case]
    x = np.asarray(x) if isinstance(x, list) else x
    jacobian = ag.sparse.jacobian(f, verify=True, mode=mode)
    point = x.numpy() if isinstance(x, ag.Tensor) else x
    expected = dense(ag.jacobian(f)(point), f(point), point)
    for _ in range(3):
        matrix = jacobian(x)
        assert isinstance(matrix, scipy_sparse.csr_array)
        matrix.check_format()
        np.testing.assert_allclose(matrix.toarray(), expected, rtol=1e-6 if matrix.dtype == "f" else 1e-12, atol=1e-14)
        assert matrix.dtype in [np.result_type(a) for a in (*leaves(f(x)), *leaves(x))]


HESSIANS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (rosenbrock, (X,)),
    (lagrangian, (X, X[1:])),
    (arrow_sum, (X,)),
    (lambda p: p["a"].sum() ** 2 * p["b"][0] + (p["b"] ** 3).sum(), ({"a": X[:3], "b": X[3:5]},)),
    (lambda x: np.logaddexp(x[1:], x[:-1]).sum(), (X,)),
    (lambda x: np.where(MASK, x**4, x).sum(), (X,)),
    (lambda x: recurrence(x)[-1] ** 2, (X,)),
    (lambda x: 0.0 * x.sum(), (X,)),
    (lambda x: x**3, (2.0,)),
]


@pytest.mark.parametrize("seeds", [0, 1])
@pytest.mark.parametrize("case", range(len(HESSIANS)))
def test_a_hessian_is_the_dense_one_and_symmetric(case: int, seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed_products, "_BLOCK", BLOCKS[seeds])
    f, args = HESSIANS[case]
    hessian = ag.sparse.hessian(f, of=0, verify=True)
    expected = dense(ag.hessian(f)(*args), args[0], args[0])
    for _ in range(3):
        matrix = hessian(*args).toarray()
        np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max(initial=0))
        np.testing.assert_array_equal(matrix, matrix.T)


@pytest.mark.parametrize("case", range(len(JACOBIANS)))
def test_a_linearization_multiplies_as_its_matrix(case: int) -> None:
    f, x = JACOBIANS[case]
    out, operator = ag.sparse.linearize(f)(x)
    for a, b in zip(leaves(out), leaves(f(np.asarray(x) if isinstance(x, list) else x)), strict=True):
        np.testing.assert_allclose(a, ag.tensor(b).numpy(), rtol=1e-15)
    matrix = operator.matrix()
    v, w = (RANDOM.normal(size=n) + 1j * RANDOM.normal(size=n) for n in operator.shape[::-1])
    if matrix.dtype.kind != "c":
        v = v.real
    close = 1e-5 if any(np.result_type(a) == "f" for a in leaves(x)) else 1e-12
    np.testing.assert_allclose(operator @ v, matrix @ v, rtol=close, atol=close)
    np.testing.assert_allclose(operator.H @ w, matrix.conj().T @ w, rtol=close, atol=close)


@pytest.mark.parametrize("transform", [ag.sparse.jacobian, ag.sparse.hessian])
def test_memory_grows_with_the_nonzeros(transform: Any) -> None:
    n = 200_000
    f = rosenbrock if transform is ag.sparse.hessian else lambda x: np.sin(x[1:]) * x[:-1]
    x = np.linspace(0, 1, n)
    derivative = transform(f)
    tracemalloc.start()
    for _ in range(3):
        matrix = derivative(x)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert matrix.shape[1] == n
    assert most <= 20 * matrix.data.nbytes
    v = np.cos(x)
    f = ag.grad(f) if transform is ag.sparse.hessian else f
    np.testing.assert_allclose(matrix @ v, ag.jvp(f)((x,), (v,))[1], rtol=1e-10, atol=1e-9)


# ---- nothing stale ---------------------------------------------------------------------------------------------------

SETTINGS = types.SimpleNamespace(rate=2.0)
TABLE = {"scale": 1.0}
SHIFTS = [1]
WEIGHTS = np.ones(N)
CHOSEN = np.zeros(N, bool)
PARAMETER = ag.tensor(np.ones(N), requires_grad=True)


def depends_on_all(x: Any) -> Any:
    y = x * TABLE["scale"] + SETTINGS.rate * x**2
    for shift in SHIFTS:
        y = y + x * np.roll(x, shift)
    return np.where(CHOSEN, y, x) * WEIGHTS + PARAMETER * x[::-1]


def _change(what: str) -> None:
    if what == "an entry":
        TABLE["scale"] += 1
    elif what == "an attribute":
        SETTINGS.rate += 1
    elif what == "the length of a list":
        SHIFTS.append(len(SHIFTS) + 1)
    elif what == "a mask":
        CHOSEN[::3] ^= True
    elif what == "weights that were 0":
        WEIGHTS[:] = np.where(WEIGHTS == 0, 3.0, 0.0)
    else:
        PARAMETER.assign(np.where(PARAMETER.numpy() == 0, 2.0, 0.0))


@pytest.mark.parametrize(
    "what", ["an entry", "an attribute", "the length of a list", "a mask", "weights that were 0", ""]
)
def test_what_the_function_reads_may_change(what: str) -> None:
    jacobian = ag.sparse.jacobian(depends_on_all)
    for _ in range(3):
        for _ in range(4):
            np.testing.assert_allclose(jacobian(X).toarray(), ag.jacobian(depends_on_all)(X).numpy(), rtol=1e-12)
        _change(what)


def test_a_replay_stays_where_changed_constants_leave_the_pattern_as_it_is() -> None:
    weights, chosen = np.ones(N), np.arange(N) % 2 == 0
    jacobian = ag.sparse.jacobian(lambda x: weights * np.where(chosen, x, 0.0) * x)
    for k in range(4):
        weights[:] = k + 1
        np.testing.assert_array_equal(jacobian(X).diagonal(), 2 * weights * np.where(chosen, X, 0))
    traces = jacobian.traces
    weights[:] = 0.5
    np.testing.assert_array_equal(jacobian(X).diagonal(), np.where(chosen, X, 0))
    assert jacobian.traces == traces
    chosen[:] = ~chosen
    np.testing.assert_array_equal(jacobian(X).diagonal(), np.where(chosen, X, 0))
    assert jacobian.traces != traces


def test_the_pattern_of_a_constant_matrix_may_change() -> None:
    matrix = scipy_sparse.diags_array([1.0, 2.0, 3.0], offsets=[0, 2, 5], shape=(N, N)).tocsr()
    jacobian = ag.sparse.jacobian(lambda x: matrix @ x**2)
    for step in range(4):
        if step == 1:
            matrix.data *= 2
        if step == 2:
            matrix.indices[matrix.indptr[1]] = 8
        for _ in range(3):
            np.testing.assert_allclose(jacobian(X).toarray(), matrix.toarray() * 2 * X, rtol=1e-14)


def test_other_shapes_dtypes_and_numbers_are_other_matrices() -> None:
    jacobian = ag.sparse.jacobian(lambda x, power=2, scale=1.0: scale * x[1:] ** power * x[:-1])
    for x in (X, X[:5], X.astype("f"), X[:5], np.stack([X, X])):
        assert jacobian(x).shape == (x[1:].size, x.size)
        assert jacobian(x).dtype == x.dtype
    for scale in (0.0, 1.0, 2.0, 0.0, 5.0):
        for power in (1, 2) if scale == 1.0 else (2,):
            expected = ag.jacobian(lambda x, n=power, c=scale: c * x[1:] ** n * x[:-1])(X)
            np.testing.assert_allclose(jacobian(X, power, scale=scale).toarray(), expected, rtol=1e-12)


def test_a_matrix_is_the_callers_own() -> None:
    jacobian = ag.sparse.jacobian(lambda x: x[1:] * x[:-1])
    x = np.arange(4.0)
    for _ in range(4):
        a, b = jacobian(x), jacobian(x)
        a.eliminate_zeros()
        a.data[:], a.indices[:] = -1, 0
        np.testing.assert_array_equal(b.toarray(), ag.jacobian(lambda x: x[1:] * x[:-1])(x))


# ---- patterns that are given, and errors -----------------------------------------------------------------------------

BIDIAGONAL = ag.sparse.jacobian(lambda x: x[1:] * x[:-1]).pattern(X)


@pytest.mark.parametrize(
    "form", [lambda p: p, lambda p: p.toarray(), lambda p: p.to_scipy().tocoo(), lambda p: p.to_scipy().tocsc()]
)
def test_a_pattern_may_be_given_in_any_form(form: Any) -> None:
    f = lambda x: x[1:] * x[:-1]  # noqa: E731
    jacobian = ag.sparse.jacobian(f, sparsity=form(BIDIAGONAL))
    np.testing.assert_array_equal(jacobian(X).toarray(), ag.jacobian(f)(X))
    lower = np.tri(N, dtype=int) - np.tri(N, k=-2, dtype=int)
    hessian = ag.sparse.hessian(rosenbrock, sparsity=lower)
    np.testing.assert_allclose(hessian(X).toarray(), ag.hessian(rosenbrock)(X), rtol=1e-12)


def test_a_pattern_that_is_too_small_is_an_error_that_names_the_entry() -> None:
    for sparsity in (np.eye(N - 1, N), np.eye(N - 1, N) + np.eye(N - 1, N, k=2)):
        jacobian = ag.sparse.jacobian(lambda x: x[1:] * x[:-1], sparsity=sparsity)
        with pytest.raises(GradError, match=r"at row 0, column 1, which the pattern leaves out, the function has"):
            jacobian(X)
    with pytest.raises(GradError, match="row 0, column 1"):
        ag.sparse.hessian(rosenbrock, sparsity=np.eye(N))(X)


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: ag.sparse.jacobian(3), TypeError, "sparse.jacobian: expected a function"),  # type: ignore[arg-type]
    (lambda: ag.sparse.jacobian(np.sin, mode="up"), ValueError, "received 'up'"),
    (lambda: ag.sparse.jacobian(np.sin, sparsity=np.eye(3))(X), ShapeError, f"expected sparsity= to have {N} columns"),
    (lambda: ag.sparse.jacobian(np.sin, sparsity=np.eye(3, N))(X), ShapeError, f"expected sparsity= to have {N} rows"),
    (lambda: ag.sparse.jacobian(np.sin, sparsity=np.ones(3)), ShapeError, "expected sparsity= to be a matrix"),
    (lambda: ag.sparse.hessian(rosenbrock, sparsity=np.ones((2, 3))), ShapeError, "expected a square sparsity="),
    (
        lambda: ag.sparse.jacobian(np.sin, sparsity=Pattern(np.array([0, 2]), np.array([1, 0]), (1, 2))),
        ValueError,
        "received row 0, where they do not",
    ),
    (
        lambda: ag.sparse.jacobian(np.sin, sparsity=Pattern(np.array([0, 1, 3]), np.array([1, 1, 1]), (2, 2))),
        ValueError,
        "received row 1, where they do not",
    ),
    (
        lambda: ag.sparse.jacobian(np.sin, sparsity=Pattern(np.array([0, 1]), np.array([2]), (1, 2))),
        ValueError,
        "its indices to be below 2",
    ),
    (lambda: ag.sparse.jacobian(np.sin)(np.arange(3)), DtypeError, "expected a floating argument 0"),
    (lambda: ag.sparse.jacobian(np.sin, argnums=2)(X), GradError, "argnums=2 names no positional argument"),
    (lambda: ag.sparse.jacobian(lambda x: x if x[0] > 0 else -x)(X), TraceError, "test_derivatives.py"),
    (lambda: ag.sparse.hessian(np.sin)(X), GradError, "expected the function to return a scalar"),
    (lambda: ag.sparse.hessian(lambda x: (x * x).real.sum())(X + 0j), DtypeError, "expected real arguments"),
    (lambda: ag.compile(ag.sparse.jacobian(np.sin))(X), GradError, "inside of another transformation or a compiled"),
    (lambda: ag.grad(lambda x: ag.sparse.jacobian(np.sin)(x).sum())(X), GradError, "inside of another transformation"),
    (lambda: ag.vmap(ag.sparse.jacobian(np.sin))(np.stack([X, X])), GradError, "inside of another transformation"),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors_say_what_was_expected(case: int) -> None:
    call, kind, message = ERRORS[case]
    with pytest.raises(kind) as error:
        call()
    assert message in str(error.value)
    assert str(error.value).startswith(("sparse.", "grad"))


def test_values_that_python_reads_need_a_pattern_and_no_compiling() -> None:
    f = lambda x: x[1:] * x[:-1] if x[0] > 0 else -x[1:]  # noqa: E731
    jacobian = ag.sparse.jacobian(f, sparsity=BIDIAGONAL, compiled=False)
    for x in (np.abs(X), -np.abs(X)):
        np.testing.assert_array_equal(jacobian(x).toarray(), ag.jacobian(f)(x))

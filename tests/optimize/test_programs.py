"""`qp` and `linprog`: solutions, and derivatives by all parameters, against differences of tight solves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp

import autograd_lite as ag
from autograd_lite.optimize import linprog, qp

QP_NAMES = ("P", "q", "G", "h", "A", "b", "lb", "ub")
LP_NAMES = ("c", "A_ub", "b_ub", "A_eq", "b_eq", "bounds")


def random_qp(n: int, k: int, p: int, seed: int, bounds: bool, rank: int | None = None) -> list[Any]:
    """Return a feasible program whose solution is bounded if P has full rank or there are bounds."""
    r = np.random.default_rng(seed)
    half = r.normal(size=(n, rank or n))
    matrix = half @ half.T / n + (0.01 * np.eye(n) if rank is None else 0)
    x, G, A = r.normal(size=n), r.normal(size=(k, n)), r.normal(size=(p, n))
    lower, upper = (x - r.random(n), x + r.random(n)) if bounds else (np.full(n, -np.inf), np.full(n, np.inf))
    return [matrix, r.normal(size=n), G, G @ x + np.abs(r.normal(size=k)) + 0.05, A, A @ x, lower, upper]


def random_lp(n: int, k: int, p: int, seed: int) -> list[Any]:
    """Return a feasible program with bounds."""
    r = np.random.default_rng(seed)
    x, G, A = r.random(n) + 0.5, r.normal(size=(k, n)), r.normal(size=(p, n))
    return [r.normal(size=n), G, G @ x + r.random(k), A, A @ x, np.stack([np.zeros(n), np.full(n, 4.0)], 1)]


def of_qp(weights: Any) -> Callable[..., Any]:
    """Return a number that all results with derivatives are part of."""

    def loss(*parameters: Any) -> Any:
        r = qp(*parameters)
        (rows, equalities), lower, upper = r.multipliers
        parts = (r.x, r.slack, rows, equalities, lower, upper)
        return sum((np.sin(part) * weights[: part.shape[0]]).sum() for part in parts) + r.fun

    return loss


def of_lp(weights: Any) -> Callable[..., Any]:
    def loss(*parameters: Any) -> Any:
        r = linprog(*parameters)
        parts = [r.x, r.slack, r.con] + [r[k][e] for k in ("ineqlin", "eqlin", "lower", "upper") for e in r[k]]
        return sum((np.sin(part) * weights[: part.shape[0]]).sum() for part in parts) + r.fun

    return loss


WEIGHTS = np.random.default_rng(7).normal(size=60)
PROGRAMS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "qp": (of_qp(WEIGHTS), random_qp(7, 9, 2, 1, True)),
    "qp, no bounds": (of_qp(WEIGHTS), random_qp(7, 9, 2, 2, False)),
    "qp, P of low rank": (of_qp(WEIGHTS), random_qp(7, 9, 2, 6, True, 3)),
    "qp, equalities alone": (of_qp(WEIGHTS), random_qp(5, 0, 2, 4, False)),
    "linprog": (of_lp(WEIGHTS), random_lp(6, 8, 2, 5)),
    "linprog, inequalities alone": (of_lp(WEIGHTS), random_lp(6, 8, 0, 6)),
}


def difference(f: Callable[..., Any], parameters: list[Any], i: int, direction: Any, step: float = 2e-4) -> Any:
    """Return a difference of the sixth order along a direction."""
    total = 0.0
    for k, c in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
        for sign in (1, -1):
            new = [*parameters]
            new[i] = parameters[i] + sign * k * step * direction
            total = total + sign * c * f(*new) / step
    return total


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_by_all_parameters(name: str) -> None:
    loss, parameters = PROGRAMS[name]
    r = np.random.default_rng(0)
    every = tuple(range(len(parameters)))
    gradients = ag.grad(loss, argnums=every)(*parameters)
    for i, g in enumerate(gradients):
        if not np.isfinite(parameters[i]).all() or not parameters[i].size:
            assert not np.any(g)
            continue
        direction = r.normal(size=parameters[i].shape)
        np.testing.assert_allclose(
            (g * direction).sum(), difference(loss, parameters, i, direction), rtol=2e-7, atol=1e-8
        )
        forward = ag.jvp(lambda x, i=i: loss(*parameters[:i], x, *parameters[i + 1 :]))((parameters[i],), (direction,))
        np.testing.assert_allclose(forward[1], (g * direction).sum(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_derivatives_replays_and_batches(name: str) -> None:
    loss, parameters = PROGRAMS[name]
    r = np.random.default_rng(1)
    k = 1 if name.startswith("qp") else 2
    direction = r.normal(size=parameters[k].shape)

    def slope(x: Any) -> Any:
        return ag.grad(loss, argnums=k)(*parameters[:k], x, *parameters[k + 1 :])

    second = ag.grad(lambda x: (slope(x) * direction).sum())(parameters[k])
    np.testing.assert_allclose(second, difference(slope, [parameters[k]], 0, direction), rtol=2e-6, atol=1e-7)
    compiled = ag.compile(slope)
    points = parameters[k] + 1e-3 * r.normal(size=(3, *parameters[k].shape))
    eager = [slope(x) for x in points]
    for _ in range(2):
        np.testing.assert_allclose([compiled(x) for x in points], eager, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(ag.vmap(slope)(points), eager, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_solutions_fulfil_the_conditions(sparse: bool) -> None:
    for seed in range(60):
        r = np.random.default_rng(seed)
        n, k = int(r.integers(2, 30)), int(r.integers(0, 40))
        P, q, G, h, A, b, lower, upper = random_qp(n, k, int(r.integers(0, n)), seed, seed % 2 == 0)
        matrices = [sp.csr_array(m) if sparse else m for m in (P, G, A)]
        result = qp(matrices[0], q, matrices[1], h, matrices[2], b, lower, upper)
        (rows, equalities), low, high = result.multipliers
        assert (result.success, result.status) == (True, 0)
        x, scale = result.x, 1e-9 * (1 + np.abs(np.concatenate([rows, equalities, q])).max())
        np.testing.assert_allclose(P @ x + q + G.T @ rows + A.T @ equalities - low + high, 0, atol=scale)
        np.testing.assert_allclose(A @ x, b, atol=1e-10)
        assert min((h - G @ x).min(initial=0), (x - lower).min(), (upper - x).min()) > -1e-9
        assert min(rows.min(initial=0), low.min(), high.min()) > -scale
        products = [rows * (h - G @ x), low[low > 0] * (x - lower)[low > 0], high[high > 0] * (upper - x)[high > 0]]
        np.testing.assert_allclose(np.concatenate(products), 0, atol=scale)


def test_sparse_parameters() -> None:
    P, q, G, h, A, b, lower, upper = random_qp(8, 6, 2, 3, True)
    P = P * (np.abs(np.subtract.outer(range(8), range(8))) < 2) + 5 * np.eye(8)
    sparse = sp.csr_array(P)
    dense = ag.grad(lambda P: (qp(P, q, G, h, A, b, lower, upper).x * WEIGHTS[:8]).sum())(P)

    def of_entries(data: Any) -> Any:
        matrix = ag.sparse.csr(data, sparse.indices, sparse.indptr, sparse.shape)
        return (qp(matrix, q, sp.csr_array(G), h, sp.csr_array(A), b, lower, upper).x * WEIGHTS[:8]).sum()

    np.testing.assert_allclose(ag.grad(of_entries)(sparse.data), dense[sparse.nonzero()], rtol=1e-9, atol=1e-12)


CLOSED: dict[str, tuple[Callable[..., Any], Any, Any]] = {  # a solution as a function of t, t, and its Jacobian
    "onto a box": (lambda t: qp(np.eye(3), -t, lb=0, ub=1).x, [-0.5, 0.4, 2.0], np.diag([0.0, 1.0, 0.0])),
    "onto a simplex": (
        lambda t: qp(np.eye(4), -t, A=np.ones((1, 4)), b=np.ones(1), lb=0).x,
        [0.7, 0.5, 0.2, -1.0],
        np.block([[np.eye(3) - 1 / 3, np.zeros((3, 1))], [np.zeros((1, 4))]]),
    ),
    "onto a half-space": (
        lambda t: qp(np.eye(2), -t, np.array([[3.0, 4.0]]), np.zeros(1)).x,
        [1.0, 1.0],
        np.eye(2) - np.outer([3.0, 4.0], [3.0, 4.0]) / 25,
    ),
    "limits of a box": (
        lambda t: qp(np.eye(3), np.array([2.0, 0.0, -2.0]), lb=-t, ub=t).x,
        [0.5] * 3,
        np.diag([-1, 0, 1]),
    ),
    "a vertex": (
        lambda t: linprog(np.array([-1.0, -2.0]), np.array([[1.0, 1.0], [1.0, 3.0]]), t).x,
        [4.0, 6.0],
        np.linalg.inv([[1.0, 1.0], [1.0, 3.0]]),
    ),
    "an upper bound": (lambda t: linprog(np.array([-1.0]), bounds=[(0, t[0])]).x, [3.0], [[1.0]]),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name: str) -> None:
    solution, t, jacobian = CLOSED[name]
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(ag.jacobian(solution, mode=mode)(np.array(t)), jacobian, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"G": [[1.0, 0.0], [-1.0, 0.0]], "h": [0.0, -1.0]}, 2),
        ({"A": [[1.0, 1.0], [1.0, 1.0]], "b": [0.0, 1.0]}, 2),
        ({"P": np.diag([1.0, 0.0]), "q": [0.0, 1.0]}, 3),
        ({"P": np.diag([1.0, 0.0]), "q": [0.0, 1.0], "G": [[0.0, 1.0]], "h": [5.0]}, 3),
    ],
)
def test_programs_without_a_solution(arguments: dict[str, Any], status: int) -> None:
    result = qp(**({"P": np.eye(2), "q": np.zeros(2)} | {k: np.array(v) for k, v in arguments.items()}))
    assert not result.success
    assert result.status == status

    def loss(q: Any) -> Any:
        return qp(**({"P": np.eye(2)} | {k: np.array(v) for k, v in arguments.items()} | {"q": q})).x.sum()

    with pytest.raises(ag.ImplicitError, match="succeeded"):
        ag.grad(loss)(np.array(arguments.get("q", [0.0, 0.0])))


BOX = {"lb": 0.0, "ub": 1.0}
SUM = np.ones((1, 2))
TWICE = np.array([[1.0, 1.0], [2.0, 2.0]])
CORNER = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
# What is degenerate: a number of t, t, and what the error says.
DEGENERATE: dict[str, tuple[Callable[..., Any], list[float], str]] = {
    "a bound": (
        lambda t: qp(np.eye(2), -t, **BOX).x.sum(),
        [0.0, 0.5],
        r"lower bound of x\[0\] is degenerate.*active is \[ ?-?0. *-?1.\]; without it, \[-?1. *-?1.\]",
    ),
    "nearly a bound": (lambda t: qp(np.eye(2), -t, **BOX).x.sum(), [0.5, 1 - 1e-10], r"upper bound of x\[1\]"),
    "a row": (lambda t: qp(np.eye(2), -t, SUM, [1.0]).x[0], [0.5, 0.5], r"upper limit h\[0\].*degenerate"),
    "rows that depend": (
        lambda t: qp(np.eye(2), -t, TWICE, [1.0, 2.0]).x[0],
        [1.5, 1.5],
        r"limit h\[0\], limit h\[1\]",
    ),
    "equations that depend": (lambda t: qp(np.eye(2), -t, A=TWICE, b=[1.0, 2.0]).x[0], [1.5, 1.5], "row 0 of A, row 1"),
    "more rows than unknowns": (lambda t: qp(np.eye(2), -t, CORNER, [1.0, 1.0, 2.0]).x[0], [3.0, 3.0], "limit h"),
    "no curvature": (lambda t: qp(np.diag([1.0, 0.0]), -t, lb=-1, ub=1).x.sum(), [0.5, 0.0], "several|singular"),
    "a vertex of too many rows": (
        lambda t: linprog([-1.0, -1.0], CORNER, t).x[0],
        [1.0, 1.0, 2.0],
        r"b_ub.* active is not defined; without it, \[ *1",
    ),
    "several vertices": (
        lambda t: linprog(t, SUM, [1.0]).x[0],
        [-1.0, -1.0],
        r"lower bound of x\[[01]\].*without it, not defined",
    ),
    "without end": (lambda t: linprog(t).x[0], [-1.0, 1.0], "succeeded"),
    "no point": (lambda t: linprog([1.0, 1.0], SUM, t).x[0], [-1.0], "succeeded"),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_programs_are_refused(name: str) -> None:
    f, t, text = DEGENERATE[name]
    for gradient in (ag.grad(f), ag.compile(ag.grad(f)), lambda t: ag.jvp(f)((t,), (np.ones_like(t),))):
        with pytest.raises(ag.ImplicitError, match=text):
            gradient(np.array(t))


def test_a_kink_of_x_is_none_of_the_minimum() -> None:
    assert ag.grad(lambda t: qp(np.eye(2), -t, **BOX).fun)(np.array([0.0, 0.5])).tolist() == [0.0, -0.5]
    near = np.array([1e-6, 0.5])
    assert ag.grad(lambda t: qp(np.eye(2), -t, **BOX).x.sum())(near).tolist() == [1.0, 1.0]


def test_lists_of_numbers_and_tensors() -> None:
    slope = ag.grad(lambda c: linprog([c, -1.0], [[1.0, 1.0]], [4.0], bounds=[(0, 1.0), (0, c)]).fun)
    assert slope(3.0) == -1.0
    assert ag.jacobian(lambda a: qp([[a, 0.0], [0.0, 2.0]], [a, 1.0], lb=[-3.0, -a]).x)(0.25).tolist() == [0.0, -1.0]


@pytest.mark.parametrize("solve", [lambda t: qp(np.eye(2), -t, ub=1.0), lambda t: linprog(t)])
def test_reports(solve: Callable[[Any], Any]) -> None:
    result = solve(ag.tensor([0.5, 2.0], requires_grad=True))
    assert (result.success, result.status, result.message[:12]) == (True, 0, "Optimization")

    def in_a_batch(t: Any) -> Any:
        with pytest.raises(ag.GradError, match="known only when the solve runs"):
            solve(t).nit  # noqa: B018
        return solve(t).success

    assert ag.vmap(in_a_batch)(np.ones((3, 2))).tolist() == [True] * 3


def test_linprog_without_tensors_is_scipy() -> None:
    parameters = random_lp(6, 8, 2, 5)
    ours, original = linprog(*parameters), scipy.optimize.linprog(*parameters)
    assert str(ours) == str(original)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: qp(np.eye(2), np.zeros(3)), ag.ShapeError, r"expected P of shape \(3, 3\)"),
        (
            lambda: qp(np.eye(2), np.zeros(2), np.ones((1, 3)), np.ones(1)),
            ag.ShapeError,
            r"expected G of shape \(1, 2\)",
        ),
        (lambda: qp(np.eye(2), np.zeros(2), np.ones((1, 2))), ValueError, "expected G and h together"),
        (lambda: qp(-np.eye(2), np.zeros(2)), ValueError, "positive semidefinite"),
        (lambda: qp(np.eye(2), np.array([0.0, np.nan])), ValueError, "NaN"),
        (lambda: linprog(np.ones(2), bounds=[(0, 1)] * 3), ValueError, "for each of 2 numbers"),
        (
            lambda: ag.grad(lambda q: qp(-np.eye(2), q).fun)(np.zeros(2)),
            ValueError,
            "^qp: expected .* that are not convex$",
        ),
        (
            lambda: ag.grad(lambda c: linprog(c, bounds=(0, 1), integrality=1).fun)(np.ones(2)),
            ag.GradError,
            "integrality=None",
        ),
    ],
)
def test_errors(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()

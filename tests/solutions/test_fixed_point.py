"""`fixed_point`: known fixed points and their derivatives, of every order, in every transformation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag

RNG = np.random.default_rng(0)
HALF = RNG.standard_normal((6, 6)) / 8
TURN = 3 * np.array([[0.0, -1.0], [1.0, 0.0]])  # of the spectral radius 3
LOGITS = RNG.standard_normal((5, 5))
LINEAR = ("dense", "anderson", "gmres")


def softmax(h: Any) -> Any:
    e = np.exp(h - 1)
    return e / e.sum()


class Problem(NamedTuple):
    """A fixed point of f(x, t).

    Attributes:
        f: of x and a vector t.
        x0, t: where to begin, and the parameters.
    """

    f: Callable[[Any, Any], Any]
    x0: Any
    t: Any


PROBLEMS = {
    "linear contraction": Problem(lambda x, t: HALF @ x + t, np.zeros(6), np.arange(6.0)),
    "rotation": Problem(lambda x, t: TURN @ x + t, np.ones(2), np.array([1.0, -2.0])),
    "Babylonian root": Problem(lambda x, t: (x + t / x) / 2, np.ones(3), np.array([2.0, 3.0, 7.0])),
    "Kepler": Problem(lambda x, t: t[0] + t[1] * np.sin(x), np.ones(1), np.array([1.0, 0.5])),
    "softmax": Problem(lambda x, t: softmax(LOGITS @ x + t), np.full(5, 0.2), np.arange(5) / 5),
}


def newton(problem: Problem, t: Any) -> Any:
    """Return the fixed point by two of Newton's steps from it, whose derivatives up to the third are its own."""
    x = ag.fixed_point(problem.f, problem.x0, problem.t, tol=1e-14).x
    for _ in range(2):
        j = ag.jacobian(lambda x: problem.f(x, t))(x)
        x = x + np.linalg.solve(np.eye(problem.x0.size) - j, problem.f(x, t) - x)
    return x


def solver(problem: Problem, linear: str = "auto", **more: Any) -> Callable[[Any], Any]:
    return lambda t: ag.fixed_point(problem.f, problem.x0, t, linear=linear, **more).x


@pytest.mark.parametrize("linear", LINEAR)
@pytest.mark.parametrize("name", PROBLEMS)
def test_first_and_second_derivatives(name: str, linear: str) -> None:
    problem = PROBLEMS[name]
    solve, exact = solver(problem, linear, tol=1e-13, digits=8), lambda t: newton(problem, t)
    for f in (lambda g: g, ag.jacobian, lambda g: ag.jacobian(ag.jacobian(g))):
        np.testing.assert_allclose(f(solve)(problem.t), f(exact)(problem.t), rtol=1e-8, atol=1e-9)
    along = (problem.t,), (np.cos(problem.t),)
    np.testing.assert_allclose(ag.jvp(solve)(*along)[1], ag.jvp(exact)(*along)[1], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("linear", LINEAR)
def test_third_derivative(linear: str) -> None:
    problem = PROBLEMS["Kepler"]

    def third(f: Any) -> Any:
        def of_eccentricity(e: Any) -> Any:
            return f(np.stack([np.float64(1.0), e])).sum()

        return ag.grad(ag.grad(ag.grad(of_eccentricity)))(0.5)

    expected = third(lambda t: newton(problem, t))
    np.testing.assert_allclose(third(solver(problem, linear, tol=1e-13, digits=8)), expected, rtol=1e-7)


@pytest.mark.parametrize("linear", LINEAR)
def test_batches_and_replays_solve_anew(linear: str) -> None:
    problem = PROBLEMS["softmax"]
    batch = RNG.standard_normal((4, 5))
    gradient = ag.jacobian(solver(problem, linear))
    expected = np.stack([gradient(t) for t in batch])
    np.testing.assert_allclose(ag.vmap(gradient)(batch), expected, rtol=1e-6, atol=1e-9)
    compiled = ag.compile(gradient)
    for t, row in zip(batch, expected, strict=True):
        np.testing.assert_array_equal(compiled(t), row)
    starts = np.stack([np.full(5, 0.2), np.eye(5)[0]])
    xs = ag.vmap(lambda x0: ag.fixed_point(problem.f, x0, problem.t).x)(starts)
    np.testing.assert_allclose(xs[0], xs[1], rtol=1e-8)


def test_trees_keep_their_dtypes() -> None:
    def solve(t: Any) -> Any:
        x0 = {"a": np.zeros(2, np.float32), "b": [1.0, np.zeros((), complex)]}

        def f(x: Any) -> Any:
            return {"a": TURN @ x["a"] + t, "b": [np.cos(x["b"][0]) * t[0], x["b"][1] * 0.5j + t.sum()]}

        return ag.fixed_point(f, x0).x

    t = np.ones(2)
    x = solve(t)
    assert x["a"].dtype == np.float32
    assert x["b"][1].dtype == complex
    np.testing.assert_allclose(x["a"], np.linalg.solve(np.eye(2) - TURN, t), rtol=1e-5)
    np.testing.assert_allclose([x["b"][0], x["b"][1]], [0.7390851332, 2 / (1 - 0.5j)], rtol=1e-5)
    np.testing.assert_allclose(ag.jacobian(lambda t: solve(t)["a"])(t), np.linalg.inv(np.eye(2) - TURN), rtol=1e-5)
    row = ag.grad(lambda t: np.imag(solve(t)["b"][1]))(t)
    np.testing.assert_allclose(row, np.full(2, (1 / (1 - 0.5j)).imag), rtol=1e-5)


def test_what_is_closed_over_has_a_gradient() -> None:
    w = ag.tensor(0.5, requires_grad=True)
    found = ag.fixed_point(lambda x: 1.0 + w * np.sin(x), 1.0)
    assert found.success
    assert found.nit == len(found.residuals)
    assert found.residuals[-1] < 1e-9
    assert "unknown" in repr(found.sensitivity)
    found.x.backward()
    x = found.x.item()
    np.testing.assert_allclose(w.grad, np.sin(x) / (1 - 0.5 * np.cos(x)), rtol=1e-9)
    assert "unknown" not in repr(found.sensitivity)
    with ag.no_grad():
        assert not getattr(ag.fixed_point(lambda x: 1.0 + w * np.sin(x), 1.0).x, "requires_grad", False)


def test_anderson_converges_where_picard_does_not() -> None:
    for name in ("rotation", "Babylonian root"):
        f, x0, t = PROBLEMS[name]
        assert ag.fixed_point(f, x0, t).success
    f, x0, t = PROBLEMS["rotation"]
    picard = ag.fixed_point(f, x0, t, method="picard")
    assert not picard.success
    assert ag.fixed_point(f, x0, t, method="picard", damping=0.15, maxiter=900).success
    overflow = ag.fixed_point(lambda x: -1e4 * x + 3, np.ones(1))  # begins anew with shorter steps
    np.testing.assert_allclose(overflow.x, 3 / 10001, rtol=1e-9)
    for runaway in (lambda x: x + 1, lambda x: 2 * np.abs(x) + 1):
        assert not ag.fixed_point(runaway, np.zeros(1)).success


def test_what_is_not_certain_has_no_derivative() -> None:
    def loss(t: Any, **more: Any) -> Any:
        return ag.fixed_point(lambda x: 0.9 * np.cos(x) * t, np.ones(3), **more).x.sum()

    with pytest.raises(ag.ImplicitError, match="succeeded"):
        ag.grad(lambda t: loss(t, maxiter=3))(1.0)
    about = ag.grad(lambda t: loss(t, maxiter=3, on_failure="differentiate", digits=0))(1.0)
    np.testing.assert_allclose(about, ag.grad(loss)(1.0), rtol=0.3)
    for linear in LINEAR:  # a line of fixed points: x + 1 of the sum is kept
        with pytest.raises(ag.ImplicitError):
            ag.grad(lambda t: ag.fixed_point(lambda x: x * t, np.ones(2), linear=linear).x.sum())(1.0)  # noqa: B023


@pytest.mark.parametrize(
    ("f", "x0", "error", "words"),
    [
        (lambda x: x[:1], np.ones(2), ag.ShapeError, "shapes in x0"),
        (lambda x: (x, x), np.ones(2), TypeError, "what it takes"),
        (lambda x: x * 1j, np.ones(2), TypeError, "complex"),
        (lambda x: x, {"a": "text"}, TypeError, "arrays of numbers"),
        (lambda x: x, {}, ValueError, "at least one"),
    ],
)
def test_wrong_arguments_are_named(f: Any, x0: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        ag.fixed_point(f, x0)
    with pytest.raises(ValueError, match="anderson"):
        ag.fixed_point(np.cos, 1.0, method="newton")


def test_a_list_of_numbers_is_a_vector() -> None:
    assert ag.fixed_point(lambda x: np.cos(x[::-1]), [1, 0.5]).x.shape == (2,)


def test_the_certificate_of_products_sees_what_x_itself_changes() -> None:
    b = RNG.standard_normal(6)
    for linear in ("anderson", "gmres"):  # dF/dx is a constant, but the derivative by t is a multiple of x

        def loss(t: Any, tol: float, linear: str = linear) -> Any:
            return ag.fixed_point(lambda x: t * (HALF @ x) + b, np.zeros(6), tol=tol, linear=linear).x.sum()

        with pytest.raises(ag.ImplicitError, match="certain digits"):
            ag.grad(lambda t: loss(t, 0.1))(1.0)
        ag.grad(lambda t: loss(t, 1e-9))(1.0)


@pytest.mark.ci
@pytest.mark.parametrize("linear", ["anderson", "gmres"])
def test_derivatives_by_products_are_right_or_refused(linear: str) -> None:
    rng, wrong, refused, well_posed = np.random.default_rng(7), [], 0, 0
    for trial in range(120):
        n = int(rng.integers(2, 30))
        q = np.linalg.qr(rng.standard_normal((n, n)))[0]
        near = np.concatenate([[1 - 10 ** rng.uniform(-12, -2)], rng.uniform(-0.9, 0.9, n - 1)])
        w = (rng.standard_normal((n, n)) / n**0.5, q @ np.diag(near) @ q.T, np.triu(q, 1))[trial % 3]
        w = w * (1.0 if trial % 3 == 1 else 10 ** rng.uniform(-1, 0.3))
        act = (np.tanh, np.sin, lambda h: h, lambda h: h + 1e-3 * h * h)[trial % 4]
        problem = Problem(
            lambda x, t, w=w, act=act: act(w @ x) * t[0] + t[1:],  # type: ignore[misc]
            np.zeros(n),
            np.concatenate([[1.0], rng.standard_normal(n)]),
        )
        tol, t = 10 ** rng.uniform(-12, -1), ag.tensor(problem.t, requires_grad=True)
        g = rng.standard_normal(n)
        with np.errstate(all="ignore"):
            found = ag.fixed_point(problem.f, problem.x0, t, tol=tol, linear=linear, on_failure="differentiate")
            x = found.x.detach().numpy()
            for _ in range(30):
                j = ag.jacobian(lambda x: problem.f(x, problem.t))(x)  # noqa: B023
                x = x + np.linalg.solve(np.eye(n) - j, problem.f(x, problem.t) - x)
            s = np.linalg.solve(np.eye(n) - j.T, g)
            expected = ag.vjp(lambda t: problem.f(x, t))(problem.t)[1](s)  # noqa: B023
            condition = np.linalg.cond(np.eye(n) - j)
        is_well_posed = bool(found.success) and tol < 1e-7 and condition < 1e4
        well_posed += is_well_posed
        try:
            (found.x @ g).backward()
        except ag.ImplicitError:
            refused += is_well_posed
            continue
        error = np.linalg.norm(t.grad.numpy() - expected) / np.linalg.norm(expected)
        if condition < 1e11 and not error <= 1e-4:
            wrong.append((trial, error, condition))
    assert wrong == []
    assert well_posed > 20
    assert refused <= 0.05 * well_posed

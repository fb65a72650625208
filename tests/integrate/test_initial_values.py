"""`solve_ivp` at the door: SciPy's values, options that are refused, failures, and events with derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.integrate as original

import autograd_lite as ag
from autograd_lite.integrate import odeint, solve_ivp
from autograd_lite.integrate.trajectory_store import Solver

from ..rows import for_every

METHODS = ("RK45", "DOP853", "BDF", "Radau", "Tsit5", "Rodas5P")


def decay(t: Any, y: Any, k: Any = 1.0) -> Any:
    return -k * y


def predator(t: Any, y: Any, a: Any, b: Any) -> Any:
    return np.stack([y[0] * (a - y[1]), y[1] * (y[0] - b)])


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853"])
@pytest.mark.parametrize("times", [None, np.linspace(0, 4, 9), []], ids=["steps", "times", "none"])
def test_values_are_scipys_to_the_last_bit(method: str, times: Any) -> None:
    theirs = original.solve_ivp(predator, (0, 4), [1.0, 2.0], method, times, args=(1.5, 1.1))
    ours = solve_ivp(predator, (0, 4), ag.tensor([1.0, 2.0], requires_grad=True), method, times, args=(1.5, 1.1))
    assert ours.y.requires_grad
    np.testing.assert_array_equal(ours.t, theirs.t)
    np.testing.assert_array_equal(ours.y.detach().numpy(), np.reshape(theirs.y, (2, -1)))
    assert ours.message == theirs.message


# What is refused: the options of y' = -y over (0, 1) with two unknowns, the error, and a part of its message.
REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"rtl": 1e-3}, TypeError, "there is no option 'rtl'. Did you mean 'rtol'"),
    ({"atol": -1.0}, ValueError, "expected atol >= 0"),
    ({"atol": [1.0, 1.0, 1.0]}, ag.ShapeError, r"expected atol as a number, or of y's shape \(2,\)"),
    ({"rtol": 0, "atol": 0}, ValueError, "expected rtol or atol above 0"),
    ({"max_step": 0}, ValueError, "expected max_step > 0"),
    ({"first_step": -1}, ValueError, "expected first_step > 0"),
    ({"max_steps": 0}, ValueError, "expected max_steps as a positive integer"),
    ({"t_eval": [2.0]}, ValueError, "expected t_eval within t_span"),
    ({"t_eval": [0.5, 0.2]}, ValueError, "expected t_eval in the order"),
    ({"t_eval": 0.5}, ag.ShapeError, r"expected t_eval of shape \(m,\)"),
]


@for_every(REFUSED, name=lambda row: str(row[0]))
def test_impossible_options_are_refused_for_all_methods_alike(row: Any) -> None:
    options, error, message = row
    for method in ("RK45", "Rodas5P"):
        with pytest.raises(error, match=message):
            solve_ivp(decay, (0, 1), ag.tensor([1.0, 2.0]), method, **options)


@pytest.mark.parametrize("method", METHODS)
def test_spans_without_length_and_those_that_run_backward(method: str) -> None:
    found = solve_ivp(decay, (1, 1), ag.tensor(np.ones(2)), method)
    assert (found.t.tolist(), found.y.shape, found.status) == ([1.0, 1.0], (2, 2), 0)
    back = ag.grad(lambda y: solve_ivp(decay, (1, 0), y, method, rtol=1e-9, atol=1e-9).y[0, -1])
    assert back(np.ones(1))[0] == pytest.approx(np.e, rel=1e-6)


def test_a_solve_that_fails_has_no_derivative_and_says_where_it_ended() -> None:
    with pytest.raises(ag.GradError, match="stopped at t = 1: Required step size is less than spacing"):
        ag.grad(lambda p: solve_ivp(lambda t, y: p * y * y, (0, 2), [1.0], "DOP853").y[0, -1])(1.0)


def test_shapes_that_a_solve_decides_are_refused_in_compiled_functions() -> None:
    compiled = ag.compile(lambda y: solve_ivp(decay, (0, 1), y).y.sum())
    with pytest.raises(ag.TraceError, match="expected t_eval= alone inside compile.*Write t_eval="):
        compiled(np.ones(2))


def test_forward_and_backward_find_one_trajectory(monkeypatch: pytest.MonkeyPatch) -> None:
    solves: list[int] = []
    search = Solver._search
    monkeypatch.setattr(Solver, "_search", lambda self, *args: solves.append(1) or search(self, *args))

    def loss(y0: Any, k: Any) -> Any:
        return (solve_ivp(decay, (0, 1), y0, "RK45", [0.5, 1.0], args=(k,)).y ** 2).sum()

    both = ag.value_and_grad(loss, argnums=(0, 1))
    compiled, y0 = ag.compile(both), np.array([1.0, 0.3])
    for count in range(1, 4):
        for value, expected in zip(*(ag.tree.leaves(f(y0 * count, 0.7)) for f in (compiled, both)), strict=True):
            np.testing.assert_array_equal(value, expected)
        assert len(solves) == count
    forward = ag.jacobian(lambda k: loss(y0, k) * np.ones(2), mode="forward")(0.7)
    np.testing.assert_allclose(forward, both(y0, 0.7)[1][1], rtol=1e-12)


def test_odeint_compiles_and_works_in_batches() -> None:
    f = lambda k: odeint(lambda y, t: -k * y, [1.0], [0.0, 0.5, 1.0])[-1, 0]  # noqa: E731
    for g in (ag.compile(ag.grad(f)), lambda k: ag.vmap(ag.grad(f))(np.stack([k, k]))[1]):
        assert float(g(np.float64(1.3))) == pytest.approx(-np.exp(-1.3), rel=1e-7)

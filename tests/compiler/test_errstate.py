"""What NumPy is told to do about floating-point errors holds for compiled functions as for eager ones."""

from __future__ import annotations

import contextvars
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core import errstate

Function = Callable[..., Any]
FORMS: dict[str, tuple[Function, Any]] = {
    "divide": (lambda x: 1.0 / x, [0.0, 1.0]),
    "invalid": (lambda x: np.log(x) * 2.0, [-1.0, 1.0]),
    "over": (lambda x: np.exp(x) + 1.0, [1000.0, 1.0]),
    "under": (lambda x: np.exp(x) * x, [-730.0, 1.0]),
    "a product": (lambda x: (x * x) @ x, [1e200, 1.0]),
    "a reduction": (lambda x: np.prod(x), [1e200, 1e200]),
    "what is discarded": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), [-1.0, 1.0]),
    "a gradient": (ag.grad(lambda x: (np.sqrt(x) * 2.0).sum()), [-1.0, 1.0]),
    "nothing": (lambda x: x + 1.0, [1.0, 2.0]),
}
STATES: dict[str, dict[str, Any]] = {
    "raise": {"all": "raise"},
    "raise one": {"all": "ignore", "invalid": "raise"},
    "warn": {"all": "warn"},
    "call": {"all": "call"},
    "ignore": {"all": "ignore"},
    "raise what does not happen": {"all": "ignore", "under": "raise"},
}


def outcome(f: Function, x: Any, state: dict[str, Any]) -> Any:
    """Return what a call gives, or raises, warns of, and tells."""
    told: list[Any] = []
    with warnings.catch_warnings(record=True) as warned, np.errstate(**state, call=lambda *what: told.append(what)):
        warnings.simplefilter("always")
        try:
            found = np.asarray(f(x)).tobytes()
        except FloatingPointError as error:
            found = str(error)
    return found, [str(one.message) for one in warned], told


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("form", FORMS)
def test_as_eager(form: str, state: str) -> None:
    f, values = FORMS[form]
    x = np.array(values)
    compiled = ag.compile(f)
    with np.errstate(all="ignore"):
        for _ in range(3):
            compiled(np.ones(2))
    assert compiled.traces[0].replay is not None
    expected = outcome(f, ag.tensor(x), STATES[state])
    assert outcome(compiled, x, STATES[state]) == expected
    assert outcome(ag.compile(f), x, STATES[state]) == expected  # at a first call, too
    assert compiled.traces[0].replay is not None
    assert outcome(compiled, x, {"all": "ignore"}) == outcome(f, ag.tensor(x), {"all": "ignore"})


def test_a_step_that_fails_changes_nothing() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True)

    @ag.compile
    def step(x: Any) -> Any:
        (w * np.log(x)).sum().backward()
        with ag.no_grad():
            w.assign(w - w.grad)
        w.grad = None

    for _ in range(3):
        step(np.ones(2))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        step(-np.ones(2))
    assert w.tolist() == [1.0, 2.0]
    assert w.grad is None


def test_by_default_replays_are_silent() -> None:
    compiled = ag.compile(lambda x: np.log(x))
    for _ in range(2):
        compiled(np.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(-np.ones(2))
        with np.errstate(divide="ignore"):
            compiled(-np.ones(2))


def test_states_belong_to_threads_and_contexts() -> None:
    seen: list[bool] = []
    with np.errstate(all="raise"):
        assert errstate.shows_errors()
        thread = threading.Thread(target=lambda: seen.append(errstate.shows_errors()))
        thread.start()
        thread.join()
        contextvars.Context().run(lambda: seen.append(errstate.shows_errors()))
        assert errstate.shows_errors()
        with np.errstate(all="ignore"):
            assert not errstate.shows_errors()
    assert seen == [False, False]
    assert not errstate.shows_errors()


def test_the_default_is_known_by_its_object() -> None:
    assert errstate._variable is not None, "NumPy keeps its state elsewhere: see core/errstate.py"


def test_inside_of_a_backward_pass_it_is_replayed() -> None:
    runs = []
    inner = ag.compile(lambda g: (runs.append(0), g * 2.0)[1])
    f = ag.custom_vjp(lambda x: x * 2.0)
    f.def_vjp(lambda g, out, x: (inner(g),))
    for _ in range(4):
        ag.grad(lambda x: f(x).sum())(np.ones(3))
    assert len(runs) == 2

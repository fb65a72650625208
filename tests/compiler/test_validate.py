"""With `validate=True` a replay that gives something else is found, and the operation that is to blame is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.lowering import Lowering
from autograd_lite.compiler.numpy_calls import How
from autograd_lite.core.errors import AssumptionFailed

from .test_compile import IMPURE, X, Y, assert_same, normal


class Broken:
    """A function whose result is off by a little."""

    def __init__(self, f: Any) -> None:
        self._f = f

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._f(*args, **kwargs)
        into = kwargs.get("out") if len(args) <= getattr(self._f, "nin", len(args)) else args[-1]
        return spoiled(result if result is into else np.array(result))[()]

    def reduce(self, *args: Any, **kwargs: Any) -> Any:
        result = self._f.reduce(*args, **kwargs)
        return spoiled(result if result is kwargs.get("out") else np.array(result))[()]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._f, name)


def spoiled(a: np.ndarray) -> np.ndarray:
    """Change an array in place by a little."""
    if a.dtype.kind == "b":
        a[...] = ~a
    else:
        a[...] = a * 1.01 + 0.01 if a.dtype.kind == "f" else a + 1
    return a


def step_of(w: ag.Tensor) -> Callable[..., Any]:
    def step(x: Any, y: Any) -> Any:
        h = np.tanh(x @ w)
        loss = ((h - y) ** 2).mean() + np.log1p(np.exp(h)).max()
        loss.backward()
        with ag.no_grad():
            w.assign(w - 0.1 * w.grad)
        w.grad = None
        return loss

    return step


FUNCTIONS: dict[str, tuple[Callable[[], Callable[..., Any]], Callable[[], tuple[Any, ...]]]] = {
    "a step": (lambda: step_of(ag.tensor(X, requires_grad=True, name="w")), lambda: (normal(4, 3), normal(4))),
    "linear algebra": (lambda: lambda a: np.linalg.inv(a @ a.T + 3.0).sum(axis=0), lambda: (normal(3, 3),)),
    "indices": (lambda: lambda t, i: np.cumsum(t[i], axis=0) * 2, lambda: (normal(4, 2), np.array([0, 3, 3]))),
    "a hessian": (lambda: ag.hessian(lambda x: (np.sin(x) * x[::-1]).sum()), lambda: (normal(3),)),
}


def calls_of(make: Any, args: Any) -> int:
    compiled = ag.compile(make())
    for _ in range(2):
        compiled(*args)
    return len(compiled.traces[0].replay.plan.calls)  # type: ignore[union-attr]


def error_of(call: Callable[[], Any]) -> str:
    try:
        call()
    except ag.ReplayError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.ci] * (n == "a hessian")) for n in FUNCTIONS])
def test_every_call_that_is_broken_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, draw = FUNCTIONS[name]
    args, add, found = draw(), Lowering._add, 0
    for k in range(calls_of(make, args)):

        def added(self: Lowering, how: How, f: Any, *rest: Any, k: int = k) -> None:
            add(self, how, f, *rest)
            if len(self.calls) == k + 1 and how not in (How.VIEW, How.EFFECT):
                self.calls[k] = self.calls[k]._replace(function=Broken(f), derived={})

        compiled = ag.compile(make(), validate=True)
        compiled(*args)
        with monkeypatch.context() as patch:
            patch.setattr(Lowering, "_add", added)
            compiled(*args)
        (trace,) = compiled.traces
        assert trace.replay is not None
        nodes = [call.node for call in trace.replay.plan.calls if isinstance(call.function, Broken)]
        if not nodes:
            continue  # nothing needs this call, or its op is computed in one call after all
        node = trace.replay.passes[-1].program.graph[nodes[0]]
        text = error_of(lambda compiled=compiled: compiled(*args))
        if text:
            assert f"the first operation that differs is '{node.op}' at {node.source}" in text
            found += 1
        else:  # the replay has noticed by itself that it must not go on
            with pytest.raises(AssumptionFailed):
                trace.replay(list(args), {}, trace.replay.guards.check())
    assert found >= 3


def test_without_a_fault_all_is_as_without_validation() -> None:
    calls = [(normal(4, 3), normal(4)) for _ in range(5)]
    trained = []
    for validate in (False, True):
        w = ag.tensor(X, requires_grad=True)
        step = ag.compile(step_of(w), validate=validate)
        trained.append([[step(*args) for args in calls], w])
    assert_same(*trained)


def test_effects_are_made_once() -> None:
    generator, seen = ag.Generator(0), []
    w = ag.tensor(np.zeros(3), requires_grad=True)

    def step(x: Any) -> Any:
        ag.observe(lambda a: seen.append(float(a.sum())), x)
        (w * x).sum().backward()
        noise = ag.random.normal((3,), generator=generator)
        w.assign_add(noise)
        return w * 1.0

    outcomes = []
    for validate in (False, True):
        generator.seed(3)
        seen.clear()
        w.assign(np.zeros(3))
        w.grad = None
        compiled = ag.compile(step, validate=validate)
        for i in range(5):
            compiled(np.full(3, float(i)))
        outcomes.append([w.numpy(), w.grad.numpy(), generator.state["state"]["state"] % 1000, list(seen)])
    assert_same(outcomes[0][:-1], outcomes[1][:-1])
    assert outcomes[0][-1] == outcomes[1][-1] == [0.0, 3.0, 6.0, 9.0, 12.0]


def test_a_function_that_changes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    factor = [2.0]
    monkeypatch.setattr("autograd_lite.compiler.trace.GuardCollector.rows", [])
    compiled = ag.compile(lambda x: x * factor[0], validate=True)
    for _ in range(3):
        assert_same(compiled(X), X * 2)
    factor[0] = 3.0
    with pytest.raises(
        ag.ReplayError,
        match=r"something else now: multiply at .*test_validate.py:\d+ in <lambda> .* 3.0, and 2.0 before",
    ):
        compiled(X)


def test_errors_of_the_function_are_the_errors_of_the_replay() -> None:
    compiled = ag.compile(lambda a: np.linalg.inv(a), validate=True)
    for _ in range(3):
        compiled(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError):
        compiled(np.zeros((2, 2)))
    assert_same(compiled(2 * np.eye(2)), np.eye(2) / 2)


def test_impure_functions_run_as_they_are() -> None:
    compiled = ag.compile(IMPURE["a counter"], validate=True)
    with pytest.warns(ag.CompileWarning, match="it changes itself what it reads"):
        assert len({float(compiled(Y)[0]) for _ in range(4)}) == 4

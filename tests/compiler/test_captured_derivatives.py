"""Derivatives of and by what a compiled function has captured: all of it is read again at every replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

ONE, ROWS = np.ones(2), np.ones((2, 2))


def total(t: Any) -> Any:
    return np.exp(t).sum()


# What is computed of a captured value `a`: derivatives at it, along it, and of functions that read it.
DERIVED: dict[str, Callable[[Any], Any]] = {
    "grad": lambda a: ag.grad(total)(a),
    "grad of grad": lambda a: ag.grad(lambda t: (ag.grad(total)(t) * a).sum())(a),
    "value_and_grad": lambda a: ag.value_and_grad(total)(a),
    "jvp": lambda a: ag.jvp(total)((a,), (a,)),
    "vmap": lambda a: ag.vmap(np.exp)(a),
    "vmap of grad": lambda a: ag.vmap(ag.grad(np.exp))(a),
    "hessian": lambda a: ag.hessian(total)(a),
    "hvp": lambda a: ag.hvp(total)(a, a),
    "jacobian": lambda a: ag.jacobian(np.exp)(a),
    "jacobian, forward": lambda a: ag.jacobian(np.exp, mode="forward")(a),
    "vjp": lambda a: ag.vjp(np.exp)(a)[1](a),
    "linearize": lambda a: (lambda out, linear: (out, linear(a), linear.transpose(a)))(*ag.linearize(np.exp)(a)),
    "grad of a reader": lambda a: ag.grad(lambda t: total(t * a))(ONE),
    "jvp of a reader": lambda a: ag.jvp(lambda t: total(t * a))((ONE,), (ONE,)),
    "vmap of a reader": lambda a: ag.vmap(lambda t: total(t * a))(ROWS),
    "vmap of grad of a reader": lambda a: ag.vmap(ag.grad(lambda t: total(t * a)))(ROWS),
    "hessian of a reader": lambda a: ag.hessian(lambda t: total(t * a))(ONE),
    "vmap of one for all": lambda a: ag.vmap(lambda t, s: total(t * s), in_axes=(0, None))(ROWS, a),
}
KINDS: dict[str, Callable[[], Any]] = {
    "an array": lambda: np.array([1.0, 2.0]),
    "a tensor": lambda: ag.tensor([1.0, 2.0]),
    "a parameter": lambda: ag.tensor([1.0, 2.0], requires_grad=True),
}


def arrays_of(tree: Any) -> list[np.ndarray]:
    return [np.asarray(x._data if isinstance(x, ag.Tensor) else x) for x in ag.tree.leaves(tree)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("record", [True, False])
def test_what_is_captured_is_read_again(kind: str, record: bool) -> None:
    for name, derived in DERIVED.items():
        captured = KINDS[kind]()

        def f(captured: Any = captured, derived: Any = derived) -> Any:
            with ag.enable_grad() if record else ag.no_grad():
                found = derived(captured)
            return ag.tree.map(lambda t: t.detach() if isinstance(t, ag.Tensor) else t, found)

        compiled = ag.compile(f)
        for _ in range(3):
            for a, b in zip(arrays_of(compiled()), arrays_of(f()), strict=True):
                np.testing.assert_array_equal(a, b, name)
            if isinstance(captured, ag.Tensor):
                captured.assign(captured.numpy() * 0.5)
            else:
                captured *= 0.5
        assert compiled.traces[-1].replay is not None, name


def test_what_is_computed_without_recording_has_no_history() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True)

    def f(x: Any) -> Any:
        with ag.no_grad():
            g = ag.grad(lambda t: total(t * w))(x)
        (g * w).sum().backward()
        found, w.grad = w.grad, None
        return found

    compiled = ag.compile(f)
    for x in (ONE, 2 * ONE, 3 * ONE):
        np.testing.assert_array_equal(compiled(x), f(ag.tensor(x)).numpy())


def test_derivatives_of_constants_have_no_history() -> None:
    v = ag.tensor([1.0, 2.0])

    def f(x: Any) -> Any:
        found = [DERIVED[name](a) for name in ("grad", "hvp", "jacobian", "vjp") for a in (x, v)]
        return x * float(any(t.requires_grad for t in found))

    compiled = ag.compile(f)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(ONE), [0.0, 0.0])

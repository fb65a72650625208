"""A value that leaves is refused by `trace` too, and the error says what works."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn

from .test_compile import LEAVES, X

# By what leaves: what to write in its place.
CURES = {
    "item": "np.sqrt(t) for math.sqrt(t)",
    "format": "ag.debug_print('{}', t) prints it",
    "math": "np.sqrt(t) for math.sqrt(t)",
    "range": "can be an argument: a Python int",
    "numpy": "convert what the function returns outside of it",
    "asarray": "convert what the function returns outside of it",
    "if": "Write np.where(t > 0, a, b) in place of `if t > 0`",
    "while": "ag.while_loop(lambda t: t > 0, f, t) in place of `while t > 0`",
    "mask": "Write np.where(mask, t, 0), which keeps the shape",
}


@pytest.mark.parametrize("name", LEAVES)
def test_trace_refuses_what_compile_refuses(name: str) -> None:
    with pytest.raises(ag.TraceError) as caught:
        ag.trace(LEAVES[name], np.abs(X))
    text = str(caught.value)
    assert text.startswith("trace: expected ")
    assert "tests/compiler/test_" in text
    assert "which asks for a value: later calls would use the one of this call" in text
    assert CURES.get(name, "") in text


class Rectified(nn.layers.Layer):
    """A layer with a branch on a value."""

    def call(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


def test_calls_on_the_way_add_nothing_to_the_text() -> None:
    model = nn.Sequential([nn.layers.Dense(2), Rectified()])
    loss = nn.losses.MeanSquaredError()
    for run in (ag.trace, lambda f, x: ag.compile(f)(x)):
        with pytest.raises(ag.TraceError) as caught:
            run(lambda x: loss(np.ones((4, 2)), model(x)), np.ones((4, 3)))
        assert str(caught.value).partition(":")[0] in ("trace", "compile")
        assert "test_trace_errors.py" in str(caught.value)
        assert "in call, which asks" in str(caught.value)
        assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "refuse_exit"


def test_a_trace_follows_assignments_and_leaves_gradients_without_a_history() -> None:
    scale = ag.tensor(2.0, name="scale")

    def doubled(x: Any) -> Any:
        scale.assign(scale * 2)
        y = x * scale
        scale.assign(scale + 1)
        return y

    program = ag.Program.trace(doubled, X)
    assert scale.item() == 5.0
    scale.assign(10.0)
    assert np.array_equal(program(X), X * 20)
    v = ag.tensor(X, requires_grad=True)

    def slope(x: Any) -> Any:
        (v * x * x).sum().backward()
        return v.grad

    graph = ag.trace(slope, X)
    assert [node.op for node in graph if node.op].count("multiply") >= 2
    assert v.grad is not None
    assert not v.grad.requires_grad
    assert np.array_equal(v.grad.numpy(), X * X)

"""Why a tensor has no gradient: every state, and the edge where the path was cut."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag


def leaf(name: str = "x") -> Any:
    return ag.tensor([1.0, 2.0], requires_grad=True, name=name)


def test_the_states() -> None:
    x, constant = leaf(), ag.tensor([1.0, 2.0], name="c")
    loss = (x * x).sum()
    assert ag.why_no_grad(x).startswith("none yet: no backward() has reached 'x'.")
    assert ag.why_no_grad(x, loss).startswith("none yet: the loss depends on 'x'; call loss.backward()")
    assert ag.why_no_grad(constant).startswith("not required: 'c' was made without requires_grad=True")
    assert ag.why_no_grad(ag.tensor([1, 2])).startswith("not required: the tensor of shape (2,) is int64, and only")
    assert ag.why_no_grad(x * 2).startswith("not kept: the tensor of shape (2,) is the 'multiply' result")
    assert ag.why_no_grad(constant * 2, loss).startswith("not required")
    loss.backward()
    assert ag.why_no_grad(x, loss) == "has one: 'x' has a gradient; see .grad."


@pytest.mark.parametrize(
    ("f", "cut"),
    [
        (lambda x: np.argmax(x) * 1.0, "'argmax', which has no derivative"),
        (lambda x: x.astype(int).astype(float).sum(), "'astype', whose result is int64"),
        (lambda x: (np.sin(x) > 0.5).astype(float).sum(), "'greater', which has no derivative"),
        (lambda x: ag.stop_gradient(np.sin(x)).sum(), "'stop_gradient', which cuts the gradient on purpose"),
        (lambda x: np.ldexp(np.ones(2), np.argmax(x)).sum(), "'ldexp', which has no derivative by its input 1"),
        (lambda x: np.where(x, np.ones(2), 0.0).sum(), "'where', which has no derivative by its input 0"),
    ],
)
def test_the_cut_edge_is_named(f: Any, cut: str) -> None:
    x, other = leaf(), leaf("other")
    loss = f(x) * other.sum()
    assert ag.why_no_grad(x, loss).startswith(f"not reached: 'x' leads to the loss only through {cut}")
    assert ag.why_no_grad(other, loss).startswith("none yet")
    with ag.record_source():
        loss = f(x) * other.sum()
    assert f"{__file__}:" in ag.why_no_grad(x, loss)
    assert cut in ag.why_no_grad(x, loss)


def test_the_users_line_is_named() -> None:
    x = leaf()
    with ag.record_source():
        y = np.sin(x)
        gate = y > 0.5
        line = inspect.currentframe().f_lineno - 1
        loss = gate.astype(float).sum()
    assert f"{__file__}:{line} in test_the_users_line_is_named" in ag.why_no_grad(x, loss)


def test_a_path_that_was_never_recorded() -> None:
    x, other = leaf(), leaf("other")
    for f in (lambda x: x.detach(), lambda x: x.numpy(), lambda x: float(x.sum()), lambda x: 1.0):
        loss = (f(x) * other).sum()
        assert ag.why_no_grad(x, loss).startswith("not reached: the loss was not computed from 'x', or only through")
    with ag.no_grad():
        loss = (x * x).sum()
    assert ag.why_no_grad(x, loss) == (
        "not reached: the loss has no record: it was detached, made from numbers, or computed in no_grad()."
    )


def test_detach_is_named_while_sources_are_recorded() -> None:
    x, other = leaf(), leaf("other")
    with ag.record_source():
        loss = (x.detach() * other).sum()
    assert "'stop_gradient', which cuts the gradient on purpose (detach() or stop_gradient), at " in ag.why_no_grad(
        x, loss
    )


def test_a_detached_tensor_is_a_leaf_with_and_without_sources() -> None:
    for recording in (False, True):
        x = leaf()
        if recording:
            with ag.record_source():
                twin = (x * 1).detach()
        else:
            twin = (x * 1).detach()
        assert twin.is_leaf
        assert not twin.requires_grad
        twin.assign([5.0, 6.0])
        assert twin.op is None or not recording
        twin.requires_grad = True
        (twin * twin).sum().backward()
        np.testing.assert_array_equal(twin.grad, [10.0, 12.0])
        np.testing.assert_array_equal(x.numpy() if not x.requires_grad else x.detach().numpy(), [1.0, 2.0])


def test_what_depends_only_through_a_cut_says_so() -> None:
    x = leaf()
    assert ag.why_no_grad(x > 1).startswith(
        "not required: the tensor of shape (2,) depends on its inputs only through 'greater', which has no derivative"
    )
    assert ag.why_no_grad((x > 1).astype(float) * 2).startswith("not required")


def test_deep_graphs_are_no_trouble() -> None:
    x, other = leaf(), leaf("other")
    y = x
    for _ in range(3000):
        y = y + 1
    loss = ((y > 0) * other).sum()
    assert "'greater'" in ag.why_no_grad(x, loss)

"""Leaves that are frozen, thawed and assigned to between an op and backward: the op's gradient, or an error."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

CHANGES = {
    "freeze": lambda v: setattr(v, "requires_grad", False),
    "thaw": lambda v: setattr(v, "requires_grad", True),
    "assign": lambda v: v.assign([0.0, 0.0]),
    "assign_sub": lambda v: v.assign_sub([1.0, 1.0]),
}
ORDERS = [order for n in range(4) for order in itertools.product(CHANGES, repeat=n)]
FUNCTIONS: dict[str, Any] = {
    "w * v": lambda w, v: (w * v).sum(),
    "v @ w": lambda w, v: v @ w,
    "w / v": lambda w, v: (w / v).sum(),
    "sin(w v) + v": lambda w, v: (np.sin(w * v) + v).sum(),
    "solve": lambda w, v: np.linalg.solve(np.outer(v, v) + np.diag(v), w).sum(),
    "scan": lambda w, v: ag.scan(lambda c, x: (c * x, c + x), v[0], w)[1].sum() + (w * v).sum(),
    "convolve": lambda w, v: np.convolve(w, v).sum(),
    "simple_rnn": lambda w, v: ag.simple_rnn(w.reshape(1, 1, 2), np.outer(v, v), v).sum(),
    "w where v": lambda w, v: np.where(v > 0, w * v, v).sum(),
}


COPIED = ("solve", "convolve", "simple_rnn")  # an op of which v's copy was read: `assign` leaves that alone


@pytest.mark.parametrize("frozen", [False, True], ids=["a parameter", "a constant"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_order_of_changes(function: str, frozen: bool) -> None:
    refused = 0
    for order, create_graph in itertools.product(ORDERS, (False, True)):
        w = ag.tensor([1.0, 2.0], requires_grad=True)
        v = ag.tensor([3.0, 4.0], requires_grad=not frozen)
        y = FUNCTIONS[function](w, v)
        expected = [ag.grad(FUNCTIONS[function], i)(np.array([1.0, 2.0]), np.array([3.0, 4.0])) for i in (0, 1)]
        for change in order:
            CHANGES[change](v)
        try:
            y.backward(create_graph=create_graph)
        except ag.GradError:  # freezing and thawing change no value
            assert any(change.startswith("assign") for change in order), order
            assert w.grad is None
            refused += 1
            continue
        assert w.grad is not None
        np.testing.assert_allclose(w.grad.detach().numpy(), expected[0], rtol=1e-15, err_msg=str(order))
        if v.grad is not None:
            assert not frozen
            np.testing.assert_allclose(v.grad.detach().numpy(), expected[1], rtol=1e-15)
        assert (v.grad is not None) == (not frozen and v.requires_grad)
    assert refused or function in COPIED


def test_a_graph_of_which_all_is_frozen() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    y = (w * 2.0).sum()
    w.requires_grad = False
    with pytest.raises(ag.GradError, match="all of whose leaves were frozen"):
        y.backward()


def test_what_no_rule_reads_may_change() -> None:
    for change in CHANGES.values():
        w, v = ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor([3.0, 4.0], requires_grad=True)
        y = (w + v).sum()
        change(v)
        y.backward()
        assert w.grad is not None
        assert w.grad.tolist() == [1, 1]

"""Changes that are made together or not at all, and transactions that undo what was assigned."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag


def test_a_transaction_undoes_what_was_assigned_in_it() -> None:
    a, b = ag.tensor([1.0, 2.0]), ag.tensor(3.0)
    view = a.data

    def interrupted() -> None:
        with ag.transaction():
            a.assign([5.0, 6.0])
            with ag.transaction():
                a.assign_sub([1.0, 1.0])
            b.assign_add(1.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (a.tolist(), b.item(), view.tolist()) == ([1.0, 2.0], 3.0, [1.0, 2.0])
    with ag.transaction():
        a.assign(0.0)
    assert a.tolist() == [0.0, 0.0]


def test_changes_that_were_made_stay_and_so_does_what_was_before_them() -> None:
    a, b = ag.tensor([1.0, 2.0]), ag.tensor(3.0)

    def interrupted() -> None:
        with ag.transaction():
            b.assign(4.0)
            changes = ag.Changes()
            changes.assign(a, b)
            changes.make()
            b.assign(5.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (a.tolist(), b.item()) == ([4.0, 4.0], 4.0)


def test_changes_refuse_what_does_not_fit_and_change_nothing() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True, dtype="float32")
    changes = ag.Changes()
    changes.subtract(w, 1.0 * np.ones(2))
    with pytest.raises(ag.ShapeError, match=r"assign: expected shape \(2,\); received \(3,\)"):
        changes.assign(w, np.zeros(3))
    with pytest.raises(ag.ShapeError, match=r"subtract: expected shape \(2,\); received \(\)"):
        changes.subtract(w, 1.0)
    with pytest.raises(TypeError, match="subtract: expected values that can be cast to float32; received complex128"):
        changes.subtract(w, np.zeros(2, complex))
    with pytest.raises(ag.GradError, match="buffer: expected a leaf"):
        changes.buffer(w * 2)
    assert w.tolist() == [1.0, 2.0]
    changes.make()
    assert w.tolist() == [0.0, 1.0]


def test_two_leaves_change_places() -> None:
    a, b = ag.tensor([1.0]), ag.tensor([2.0])
    changes = ag.Changes()
    changes.assign(a, b)
    changes.assign(b, a.data)
    changes.make()
    assert (a.item(), b.item()) == (2.0, 1.0)

"""`tensor(a, copy=False)` borrows an array: it reads the owner's memory and never writes to it."""

import numpy as np

import autograd_lite as ag


def test_borrowing_reads_the_owners_memory() -> None:
    a = np.ones(3)
    assert np.shares_memory(ag.tensor(a, copy=False).data, a)
    assert not np.shares_memory(ag.tensor(a).data, a)


def test_another_dtype_is_a_copy() -> None:
    a = np.ones(3)
    assert not np.shares_memory(ag.tensor(a, dtype="float32", copy=False).data, a)


def test_assigning_to_a_borrower_leaves_the_owner_alone() -> None:
    for change in (lambda t: t.assign(7.0), lambda t: t.assign_sub(np.ones(3))):
        a = np.ones(3)
        t = ag.tensor(a, requires_grad=True, copy=False)
        change(t)
        assert a.tolist() == [1, 1, 1]
        assert t.tolist() != [1, 1, 1]

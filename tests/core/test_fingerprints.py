"""Arrays beside Tensors are the caller's, who may write into them: what a record does about it.

That every op does so is held by `tests/laws/test_operands.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.fingerprints import MAX_COPIED_BYTES, SAMPLE_SIZE, digest, sample_bytes

LARGE = 4 * MAX_COPIED_BYTES // 8


def leaf(n: int = LARGE) -> ag.Tensor:
    return ag.tensor(np.ones(n), requires_grad=True)


# ---- small arrays are copied ----------------------------------------------------------------------------------------


def test_a_buffer_that_is_filled_anew_for_each_step() -> None:
    w, obs, loss = leaf(2), np.zeros(2), ag.tensor(0.0)
    for k in (1, 2, 3):
        obs[:] = k
        loss = loss + (w * obs).sum()
    loss.backward()
    np.testing.assert_array_equal(w.grad.numpy(), [6, 6])


@pytest.mark.parametrize("make", [lambda t: t.data, lambda t: np.asarray(t), lambda t: t.data[::-1][::-1]])
def test_a_live_view_of_a_tensors_values(make: Callable[[ag.Tensor], Any]) -> None:
    for n, outcome in ((1, [2.0]), (LARGE, None)):
        w, target = leaf(n), ag.tensor(np.full(n, 2.0))
        y = (w * make(target)).sum()
        target.assign(np.full(n, 100.0))
        if outcome:
            y.backward()
            np.testing.assert_array_equal(w.grad.numpy(), outcome)
        else:
            with pytest.raises(ag.GradError, match="was changed after the op read it"):
                y.backward()


def test_the_limit_of_what_is_copied() -> None:
    for n, is_copied in ((MAX_COPIED_BYTES // 8, True), (MAX_COPIED_BYTES // 8 + 1, False)):
        w, x = leaf(n), np.ones(n)
        kept = (w * x).inputs[1]
        assert (kept is not x) is is_copied
        assert x.flags.writeable


def test_the_copy_has_the_layout_of_the_array() -> None:
    x = np.asfortranarray(np.random.default_rng(0).normal(size=(3, 4)))
    w = ag.tensor(np.ones((3, 4)), requires_grad=True)
    kept = (w * x).inputs[1]
    assert kept.strides == x.strides
    np.testing.assert_array_equal(kept, x)


def test_what_no_rule_reads_is_not_copied() -> None:
    w, x = leaf(2), np.ones(2)
    assert (w + x).inputs[1] is x
    assert (w.detach() * x).op is None
    with ag.no_grad():
        assert (w * x).op is None


# ---- larger ones are told by a sample of their elements -------------------------------------------------------------


def test_the_error_names_the_op_the_array_and_the_line() -> None:
    w, x = leaf(), np.ones(LARGE, np.float32)
    y = (w * x).sum()
    x *= 2
    with pytest.raises(ag.GradError) as told:
        y.backward()
    assert f"input 1 of the 'multiply' result of shape ({LARGE},) float64" in str(told.value)
    assert f"an array of shape ({LARGE},) float32, was changed after the op read it" in str(told.value)
    assert "use a copy: x.copy(), or tensor(x); record_source() names the line" in str(told.value)
    assert w.grad is None
    x /= 2
    with ag.record_source():
        y = np.where(x > 0, w * 2.0, x).sum()
        z = (x * w).sum()
    line = sys._getframe().f_lineno - 1
    x *= 2
    y.backward()  # np.where read the mask, which is an array of its own
    with pytest.raises(ag.GradError, match=rf"made at {__file__}:{line} in test_the_error"):
        z.backward()


def test_an_array_that_is_changed_back_is_as_it_was() -> None:
    w, x = leaf(), np.linspace(0, 1, LARGE)
    y = (w * x).sum()
    x += 1.0
    x[...] = np.linspace(0, 1, LARGE)
    y.backward()
    np.testing.assert_array_equal(w.grad.numpy(), x)


@pytest.mark.parametrize("shape", [(64 * 64,), (64, 64), (16, 16, 16), (4096, 1), (7, 585)])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_a_run_of_a_fortieth_of_the_elements_is_seen(shape: tuple[int, ...], order: str) -> None:
    n = int(np.prod(shape))
    x = np.arange(2.0 * n).reshape(*shape, 2)[..., 0] if order == "strided" else np.zeros(shape, order=order)  # type: ignore[call-overload]
    before, run = sample_bytes(x), n // 40 + 1
    assert len(before) == 8 * SAMPLE_SIZE
    for start in range(0, n - run, run // 3):
        other = x.copy("K") if order != "strided" else x
        flat = np.unravel_index(np.arange(start, start + run), shape)
        other[flat] += 1
        assert sample_bytes(other) != before
        other[flat] -= 1
    assert sample_bytes(x) == before


def test_nan_is_equal_to_itself() -> None:
    w, x = leaf(), np.full(LARGE, np.nan)
    (w * x).sum().backward()
    assert np.isnan(w.grad.numpy()).all()


@pytest.mark.parametrize("walk", [lambda y: y.backward(retain_graph=True), lambda y: y.backward(create_graph=True)])
def test_every_pass_over_a_graph_looks_again(walk: Callable[[ag.Tensor], None]) -> None:
    w, x = leaf(), np.ones(LARGE)
    y = (w * w * x).sum()
    walk(y)
    w.grad = None
    x += 1
    with pytest.raises(ag.GradError, match="was changed after the op read it"):
        walk(y)
    w.grad = None


@pytest.mark.parametrize("n", [3, LARGE])
def test_transformations_that_are_applied_later(n: int) -> None:
    given, x = np.ones(n), np.full(n, 3.0)
    _, pull = ag.vjp(lambda w: (w * x).sum())(given)
    _, linear = ag.linearize(lambda w: (w * x).sum())(given)
    np.testing.assert_array_equal(pull(1.0), x)
    assert linear(given) == 3 * n
    x += 1
    for call in (lambda: pull(1.0)[0], lambda: linear(given) / n, lambda: linear.transpose(1.0)[0]):
        if n == 3:
            assert call() == 3.0
        else:
            with pytest.raises(ag.GradError, match="was changed after the op read it"):
                call()


def test_recorded_again_all_is_well() -> None:
    w, x = leaf(), np.ones(LARGE)
    for k in (1.0, 2.0):
        x[...] = k
        w.grad = None
        (w * x).sum().backward()
        np.testing.assert_array_equal(w.grad.numpy(), x)


# ---- every element, on request --------------------------------------------------------------------------------------


def past_the_library(t: ag.Tensor) -> np.ndarray:
    """Return the array behind a tensor."""
    base: Any = t.data.base
    return base


WRITES: dict[str, Callable[[], tuple[ag.Tensor, Callable[[], None]]]] = {}


def write(f: Any) -> Any:
    WRITES[f.__name__.replace("_", " ")] = f
    return f


@write
def one_element_of_an_array() -> Any:
    w, x = leaf(), np.ones(LARGE)
    return (w * x).sum(), lambda: x.__setitem__(1234, 2.0)


@write
def a_leaf_past_the_library() -> Any:
    w = leaf(3)
    return (w * w).sum(), lambda: past_the_library(w).fill(100.0)


@write
def a_leaf_that_was_made_writeable() -> Any:
    w = leaf(3)
    values = w.data.base
    return np.exp(w * w * w).sum(), lambda: values.__setitem__(0, 100.0)


@write
def a_result_past_the_library() -> Any:
    out = np.exp(leaf(3))
    return out.sum(), lambda: past_the_library(out).fill(100.0)


@write
def an_input_past_the_library() -> Any:
    inner = leaf(3) * 2.0
    return (inner * inner)[1:].sum(), lambda: past_the_library(inner).fill(100.0)


@write
def an_array_that_a_tensor_borrowed() -> Any:
    a = np.ones(3)
    return (leaf(3) * ag.tensor(a, copy=False)).sum(), lambda: a.fill(100.0)


@pytest.mark.parametrize("name", WRITES)
def test_raise_on_change_sees_every_element_of_everything(name: str) -> None:
    with ag.raise_on_change():
        y, _ = WRITES[name]()
    y.backward()
    with ag.raise_on_change():
        y, change = WRITES[name]()
    change()
    with pytest.raises(ag.GradError, match=r"was changed after the op read it.*") as told:
        y.backward()
    assert "made at" in str(told.value)
    assert "record_source" not in str(told.value)


def test_raise_on_change_changes_no_gradient() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))

    def f(w: Any) -> Any:
        h = np.tanh(x @ w)
        h += 1.0
        return np.concatenate([h[1:], h * x.sum()]).sum() + np.where(x @ w > 0, h, 0).sum()

    w = ag.tensor(np.ones((3, 2)), requires_grad=True)
    f(w).backward()
    expected, w.grad = w.grad.numpy(), None
    with ag.raise_on_change():
        f(w).backward()
        np.testing.assert_array_equal(w.grad.numpy(), expected)
        np.testing.assert_array_equal(ag.grad(f)(np.ones((3, 2))), expected)
        assert ag.hvp(f)(np.ones((3, 2)), np.ones((3, 2))).shape == (3, 2)


def test_the_digest_is_of_values_whatever_the_layout() -> None:
    a = np.arange(12.0).reshape(3, 4)
    assert digest(a) == digest(np.asfortranarray(a))
    b = a.copy()
    b[2, 3] = np.nextafter(b[2, 3], 99)
    assert digest(a) != digest(b)

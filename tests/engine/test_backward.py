"""`backward`: what it adds where, the states of a gradient, and its errors, each tested by what it says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag


def leaf(*values: float, name: str | None = None) -> ag.Tensor:
    return ag.tensor(list(values), float, requires_grad=True, name=name)


def grad_of(t: ag.Tensor) -> np.ndarray:
    assert t.grad is not None
    return t.grad.numpy()


# ---- what it adds ---------------------------------------------------------------------------------------------------


def test_a_scalar_needs_no_cotangent_and_any_array_of_its_shape_will_do() -> None:
    for cotangent, factor in ((None, 1), (2.0, 2), (np.float32(2), 2), (ag.tensor(3.0), 3), (2, 2), (np.array(4), 4)):
        x = leaf(1, 2)
        (x * x).sum().backward(cotangent)
        np.testing.assert_array_equal(grad_of(x), factor * np.array([2, 4]))


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_one_element_counts_as_a_scalar(shape: tuple[int, ...]) -> None:
    x = ag.tensor(np.full(shape, 3.0), requires_grad=True)
    (x * x).backward()
    np.testing.assert_array_equal(grad_of(x), np.full(shape, 6.0))


def test_a_cotangent_makes_a_vector_jacobian_product() -> None:
    x = leaf(1, 2)
    for cotangent in ([1.0, 10.0], np.array([1, 10]), ag.tensor([1.0, 10.0]), (1.0, 10.0)):
        x.grad = None
        (x * x).backward(cotangent)
        np.testing.assert_array_equal(grad_of(x), [2, 40])


def test_a_cotangent_is_cast_to_the_dtype_of_the_tensor_and_not_changed() -> None:
    x = ag.tensor([1.0, 2.0], np.float32, requires_grad=True)
    cotangent = np.array([1.0, 2.0])
    for y in (x + 0, +x, x.reshape(2), x * 1):
        x.grad = None
        y.backward(cotangent)
        assert x.grad.dtype == np.float32
        y = x + 0
        x.grad = None
        y.backward(cotangent.astype(np.float32))
    np.testing.assert_array_equal(cotangent, [1, 2])


def test_gradients_add_up_until_they_are_cleared() -> None:
    x = leaf(1, 2)
    for k in range(1, 4):
        (x * x).sum().backward()
        np.testing.assert_array_equal(grad_of(x), k * np.array([2, 4]))
    x.grad = None
    (x * x).sum().backward()
    np.testing.assert_array_equal(grad_of(x), [2, 4])


def test_backward_of_a_leaf_itself() -> None:
    x = leaf(1, 2)
    x.backward([3.0, 4.0])
    x.backward([3.0, 4.0])
    np.testing.assert_array_equal(grad_of(x), [6, 8])


SHARED: list[tuple[str, Callable[[Any], Any], Any]] = [
    ("x * x", lambda x: x * x, [2, 4]),
    ("x + x", lambda x: x + x, [2, 2]),
    ("x - x", lambda x: x - x, [0, 0]),
    ("x / x", lambda x: x / x, [0, 0]),
    ("x ** x", lambda x: x**x, [1, 4 * (1 + np.log(2))]),
    ("concatenate", lambda x: np.concatenate([x, x, x]), [3, 3]),
    ("stack", lambda x: np.stack([x, 2 * x]), [3, 3]),
    ("three consumers", lambda x: np.sin(x) * 0 + x * 2 + x.sum() * 3, [8, 8]),
    ("one input in two shapes", lambda x: x.reshape(2, 1) * x, [6, 6]),
    ("matmul by itself", lambda x: x.reshape(2, 1) @ x.reshape(1, 2), [6, 6]),
    ("clip by itself", lambda x: np.clip(x, x, x), [1, 1]),
    ("where of itself", lambda x: np.where(x > 1, x, x), [1, 1]),
    ("diamond", lambda x: (lambda y: np.sin(y) ** 2 + np.cos(y) ** 2 + y)(x * 3), [3, 3]),
]


@pytest.mark.parametrize(("f", "expected"), [s[1:] for s in SHARED], ids=[s[0] for s in SHARED])
def test_all_uses_of_a_tensor_count(f: Any, expected: Any) -> None:
    x = leaf(1, 2)
    f(x).sum().backward()
    np.testing.assert_allclose(grad_of(x), expected, rtol=1e-14, atol=1e-14)
    inner = leaf(1, 2)
    f(inner * 1).sum().backward()
    np.testing.assert_allclose(grad_of(inner), expected, rtol=1e-14, atol=1e-14)


def test_the_order_of_recording_is_the_order_of_the_walk() -> None:
    """A result that is used late and early must wait for both cotangents before it passes its own on."""
    x = leaf(2)
    early = x * 3
    middle = early * 1
    late = middle * early
    (late * early).sum().backward()
    np.testing.assert_allclose(grad_of(x), [81 * 2**2])  # of (3x)³


def test_gradients_own_their_memory() -> None:
    """`add` gives both its inputs the same cotangent, `sum` a read-only view: leaves must not see that."""
    x, y = leaf(1, 2), leaf(3, 4)
    cotangent = np.array([1.0, 1.0])
    (x + y).backward(cotangent)
    z = leaf(5, 6)
    z.sum().backward()
    w = leaf(1, 2)
    w.reshape(2, 1).backward(cotangent.reshape(2, 1))
    arrays = [t.grad._data for t in (x, y, z, w)] + [cotangent]
    for i, a in enumerate(arrays):
        assert a.flags.writeable
        assert not any(np.shares_memory(a, b) for b in arrays[:i])


def test_the_cotangent_is_not_changed_even_when_leaves_accumulate() -> None:
    x = leaf(1, 2)
    cotangent = np.array([1.0, 2.0])
    y = x + x
    y.backward(cotangent, retain_graph=True)
    y.backward(cotangent)
    np.testing.assert_array_equal(cotangent, [1, 2])
    np.testing.assert_array_equal(grad_of(x), [4, 8])


def test_large_cotangents_are_added_in_place_and_nothing_else_is_written() -> None:
    """Large sums reuse their memory; what others hold, the cotangent and each other's arrays, stays as it is."""
    n = 50_000
    a, b = ag.tensor(np.ones(n), requires_grad=True), ag.tensor(np.ones(n), requires_grad=True)
    inner = a + b
    inner.retain_grad()
    cotangent = np.ones(n)
    (inner + a + b + a + inner * 2 + inner).backward(cotangent)
    for t, expected in ((inner, 4), (a, 6), (b, 5)):
        np.testing.assert_array_equal(grad_of(t), np.full(n, expected))
    np.testing.assert_array_equal(cotangent, 1)
    arrays = [a.grad.data, b.grad.data, inner.grad.data, cotangent]
    assert not any(np.shares_memory(x, y) for i, x in enumerate(arrays) for y in arrays[:i])
    found = ag.grad(lambda x, y: ((x + y) * 3 + x + x + x + y).sum(), (0, 1))(np.ones(n), np.ones(n))
    np.testing.assert_array_equal(found, [np.full(n, 6.0), np.full(n, 4.0)])


def test_backward_as_a_function_is_the_method() -> None:
    x = leaf(1, 2)
    y = x * x
    ag.backward(y, [1.0, 1.0], retain_graph=True)
    y.backward([1.0, 1.0])
    np.testing.assert_array_equal(grad_of(x), [4, 8])


# ---- four states of a gradient --------------------------------------------------------------------------------------


def test_no_gradient_yet_not_required_not_reached_not_kept() -> None:
    x, constant, unreached = leaf(1, 2), ag.tensor([1.0, 2.0]), leaf(1, 2)
    inner = x * constant
    assert x.grad is None
    inner.sum().backward()
    assert x.grad is not None
    assert constant.grad is None
    assert unreached.grad is None
    assert inner.grad is None


def test_a_zero_gradient_is_not_none() -> None:
    x = leaf(1, 2)
    (x * 0).sum().backward()
    np.testing.assert_array_equal(grad_of(x), [0, 0])
    y = leaf(1.5)
    np.floor(y).backward([1.0])
    np.testing.assert_array_equal(grad_of(y), [0])


def test_retain_grad_keeps_the_gradient_of_an_inner_tensor() -> None:
    x = leaf(1, 2)
    y = x * 3
    y.retain_grad()
    z = y * y
    z.sum().backward(retain_graph=True)
    np.testing.assert_array_equal(grad_of(y), [6, 12])
    np.testing.assert_array_equal(grad_of(x), [18, 36])
    z.sum().backward()
    np.testing.assert_array_equal(grad_of(y), [12, 24])
    y.grad = None
    assert y.grad is None


def test_retain_grad_sees_the_complete_cotangent() -> None:
    x = leaf(1, 2)
    y = x * 3
    y.retain_grad()
    (y * 2 + np.sin(y) * 0 + y.sum() * 5).sum().backward()
    np.testing.assert_array_equal(grad_of(y), [12, 12])


def test_retain_grad_on_the_root_on_a_leaf_and_without_gradient() -> None:
    x = leaf(1, 2)
    y = (x * x).sum()
    y.retain_grad()
    x.retain_grad()
    y.backward(5.0)
    np.testing.assert_array_equal(grad_of(y), 5)
    np.testing.assert_array_equal(grad_of(x), [10, 20])
    with pytest.raises(ag.GradError, match=r"retain_grad: this tensor does not require a gradient; make its inputs"):
        ag.tensor(1.0).retain_grad()


def test_a_retained_gradient_is_shared_with_nobody() -> None:
    x, cotangent = leaf(1, 2), np.array([1.0, 2.0])
    y = +x
    y.retain_grad()
    z = y * 1.0
    z.retain_grad()
    z.backward(cotangent)
    arrays = [x.grad.data, y.grad.data, z.grad.data, cotangent]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


def test_backward_stops_where_no_gradient_is_asked() -> None:
    x, frozen = leaf(1, 2), ag.tensor([3.0, 4.0])
    y = (x * frozen.exp().detach() * (x * 2).detach()).sum()
    y.backward()
    np.testing.assert_allclose(grad_of(x), np.exp([3, 4]) * [2, 4])
    assert frozen.grad is None


def test_integers_and_comparisons_end_the_gradient_without_an_error() -> None:
    x = leaf(1.5, -2.5)
    mask = x > 0
    n = np.sign(x).astype(int)
    assert not mask.requires_grad
    assert not n.requires_grad
    assert not np.argmax(x).requires_grad
    (x * mask * n).sum().backward()
    np.testing.assert_array_equal(grad_of(x), [1, 0])


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_a_tensor_without_history_has_no_backward() -> None:
    with ag.no_grad():
        made = leaf(1, 2) * 2
    for t in (ag.tensor([1.0], name="c"), made, (leaf(1) * 2).detach()):
        with pytest.raises(ag.GradError) as error:
            t.backward()
        text = str(error.value)
        assert text.startswith("backward: expected a tensor that requires a gradient; received a tensor ")
        assert f"of shape {t.shape} float64" in text
        assert "Make an input with tensor(a, requires_grad=True), and compute outside no_grad()" in text
        assert ("'c'" in text) == (t.name == "c")


def test_a_tensor_of_many_elements_needs_a_cotangent() -> None:
    x = leaf(1, 2, 3)
    message = (
        r"backward: expected a cotangent, since the tensor has 3 elements; received none\. .*t\.sum\(\)\.backward\(\)"
    )
    with pytest.raises(ag.GradError, match=message):
        (x * x).backward()
    with pytest.raises(ag.GradError, match=r"has 0 elements"):
        ag.tensor([], requires_grad=True).exp().backward()
    assert x.grad is None


@pytest.mark.parametrize("cotangent", [1.0, np.ones(2), np.ones((3, 1)), np.ones((1, 3)), ag.tensor([1.0])])
def test_a_cotangent_of_another_shape_is_not_broadcast(cotangent: Any) -> None:
    x = leaf(1, 2, 3)
    message = r"backward: expected a cotangent of shape \(3,\), as the tensor has; received \("
    with pytest.raises(ag.ShapeError, match=message):
        (x * x).backward(cotangent)
    assert x.grad is None


@pytest.mark.parametrize("cotangent", [1j, np.array(1 + 0j), "text"])
def test_a_cotangent_must_be_real_numbers(cotangent: Any) -> None:
    with pytest.raises(ag.DtypeError, match="backward: expected a real cotangent; received"):
        leaf(1).sum().backward(cotangent)


def test_a_second_backward_names_what_was_freed() -> None:
    x = leaf(1, 2)
    y = np.sin(x).sum()
    y.backward()
    with pytest.raises(ag.GradError) as error:
        y.backward()
    assert str(error.value).startswith("backward: the saved values of the 'sum' result of shape () float64")
    assert "freed by an earlier backward. Compute the result again, or call backward(retain_graph=True)" in str(
        error.value
    )
    np.testing.assert_array_equal(grad_of(x), np.cos([1, 2]))


def test_a_second_backward_through_a_shared_part_raises_and_changes_no_gradient() -> None:
    x, y = leaf(1, 2), leaf(3, 4)
    shared = x * x
    one, other = shared.sum(), (shared * y).sum()
    one.backward()
    with pytest.raises(ag.GradError, match=r"'multiply' result of shape \(2,\) float64"):
        other.backward()
    assert y.grad is None
    np.testing.assert_array_equal(grad_of(x), [2, 4])


def test_retain_graph_lets_it_run_again() -> None:
    x = leaf(1, 2)
    y = np.exp(x * x).sum()
    for _ in range(3):
        y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(grad_of(x), 4 * 2 * np.array([1, 2]) * np.exp([1, 4]))
    with pytest.raises(ag.GradError, match="freed"):
        y.backward()


def test_the_message_names_the_users_line_when_it_was_recorded() -> None:
    x = leaf(1, 2)
    with ag.record_source():
        y = np.sin(x)
    y.backward([1.0, 1.0])
    with pytest.raises(
        ag.GradError, match=r"'sin' result .*, made at .*test_backward\.py:\d+ in test_the_message_names"
    ):
        y.backward([1.0, 1.0])


def test_freed_values_are_really_freed() -> None:
    x = leaf(*np.linspace(0, 1, 1000))
    y = np.exp(x)
    z = y.sum()
    node = y._node
    assert node.saved[0] is y._data
    z.backward()
    assert node.saved is None
    assert node.inputs == (x,)


@pytest.mark.parametrize("join", [np.concatenate, np.stack, np.hstack])
def test_backward_through_a_join_is_linear_in_its_parts(join: Any) -> None:
    """Counted in calls of functions, Python's and C's."""

    def calls(n: int) -> int:
        x = leaf(1, 2)
        y = join([x * float(k) for k in range(n)]).sum()
        made = []
        sys.setprofile(lambda frame, event, arg: made.append(1) if event.endswith("call") else None)
        try:
            y.backward()
        finally:
            sys.setprofile(None)
        np.testing.assert_array_equal(x.grad.numpy(), [n * (n - 1) / 2] * 2)
        return len(made)

    assert calls(400) < 2.1 * calls(200)


def test_an_error_in_the_middle_leaves_the_gradients_as_they_were() -> None:
    x = leaf(1, 2)
    (x * x).sum().backward()
    before = x.grad
    y = x * x
    z = np.sin(x).sum() + y.sum()
    y.sum().backward(retain_graph=True)
    after_first = grad_of(x)
    y.sum().backward()
    x.grad = before
    kept = x.grad
    with pytest.raises(ag.GradError, match="freed"):
        z.backward()
    assert x.grad is kept
    np.testing.assert_array_equal(kept.numpy(), before.numpy())
    np.testing.assert_array_equal(after_first, [4, 8])


def test_two_leaves_of_a_sum_do_not_share_a_gradient() -> None:
    a, b = (ag.tensor(np.ones((2, 2)), requires_grad=True) for _ in range(2))
    np.sin(a + b).sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    before = b.grad.numpy()
    a.grad.assign(np.zeros((2, 2)))
    np.testing.assert_array_equal(b.grad.numpy(), before)


def test_a_cotangent_may_be_an_array_whose_dtype_numpy_does_not_know() -> None:
    class Strict:
        """An array as the array API standard has it, without NumPy's attributes."""

        dtype, shape = object(), (2,)

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.array([1.0, 2.0], dtype)

    x = ag.tensor([3.0, 4.0], requires_grad=True)
    (x * 1.0).backward(Strict())
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [1.0, 2.0])

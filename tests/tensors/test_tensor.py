"""What a Tensor is: how it is made, what it shows, and what it hands out."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag


@pytest.mark.parametrize(
    "a", [2.0, 3, True, [1.0, 2.0], [[1, 2], [3, 4]], np.arange(3), np.float32(2.5), (1.0, 2.0), np.zeros((0, 2))]
)
def test_a_tensor_is_what_numpy_makes_of_it(a: Any) -> None:
    t, expected = ag.tensor(a), np.array(a)
    assert (t.shape, t.ndim, t.size, t.nbytes) == (expected.shape, expected.ndim, expected.size, expected.nbytes)
    assert t.dtype == expected.dtype
    np.testing.assert_array_equal(t.numpy(), expected)
    assert t.tolist() == expected.tolist()
    assert not t.requires_grad
    assert t.is_leaf
    assert t.grad is None
    assert t.op is None
    assert t.inputs == ()
    assert t.params == {}
    assert t.name is None
    assert t.source is None


def test_dtype_name_and_requires_grad_are_taken() -> None:
    t = ag.tensor([1, 2], np.float32, True, "w")
    assert (t.dtype, t.requires_grad, t.name) == (np.float32, True, "w")
    t.name = "v"
    assert t.name == "v"
    assert ag.tensor(t).dtype == np.float32
    assert not ag.tensor(t).requires_grad


def test_a_tensor_copies_what_it_is_made_of() -> None:
    a = np.array([1.0, 2.0])
    t = ag.tensor(a)
    u = ag.tensor(t)
    a[0] = 9
    t.assign([5.0, 5.0])
    np.testing.assert_array_equal(u.numpy(), [1, 2])
    np.testing.assert_array_equal(a, [9, 2])


@pytest.mark.parametrize("a", ["text", [None], [{}], np.array(["2020-01-01"], "M8[D]")])
def test_what_is_no_number_is_refused(a: Any) -> None:
    with pytest.raises(ag.DtypeError, match=r"tensor: expected numbers; received dtype"):
        ag.tensor(a)


@pytest.mark.parametrize("dtype", [int, bool, np.uint8])
def test_an_integer_tensor_cannot_require_a_gradient(dtype: Any) -> None:
    message = r"requires_grad=True: expected a floating dtype; received \w+\. Fix: make it floating: tensor\(a, dtype"
    with pytest.raises(ag.DtypeError, match=message):
        ag.tensor([1, 0], dtype, requires_grad=True)
    t = ag.tensor([1, 0], dtype)
    with pytest.raises(ag.DtypeError, match=message):
        t.requires_grad = True
    assert not t.requires_grad


def test_requires_grad_can_be_switched_on_a_leaf_only() -> None:
    t = ag.tensor(1.0)
    t.requires_grad = True
    assert t.requires_grad
    t.requires_grad = False
    assert not t.requires_grad
    t.requires_grad = True
    y = t * 2
    with pytest.raises(ag.GradError, match=r"on a leaf only; .* 'multiply' result of shape \(\) float64.*detach\(\)"):
        y.requires_grad = False
    assert y.requires_grad


def test_data_is_live_and_read_only() -> None:
    for t in (ag.tensor([1.0, 2.0]), ag.tensor([1.0, 2.0], requires_grad=True)):
        view = t.data
        assert not view.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 3
        t.assign([5.0, 6.0])
        np.testing.assert_array_equal(view, [5, 6])


def test_what_numpy_and_grad_hand_out_does_not_change() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    values, grad = w.numpy(), w.grad
    assert grad is not None
    given, seen = grad.numpy(), grad.data
    w.assign([7.0, 7.0])
    (w * w).sum().backward()
    np.testing.assert_array_equal(values, [1, 2])
    for kept in (grad.numpy(), given, seen):
        np.testing.assert_array_equal(kept, [2, 4])
    np.testing.assert_array_equal(w.grad.numpy(), [16, 18])
    values[0] = 99
    given[0] = 99
    np.testing.assert_array_equal(w.numpy(), [7, 7])
    np.testing.assert_array_equal(grad.numpy(), [2, 4])


def test_numbers_leave_by_item_float_int_complex_index_and_bool() -> None:
    assert ag.tensor(2.5).item() == 2.5
    assert isinstance(ag.tensor(2.5).item(), float)
    assert float(ag.tensor([[2.5]])) == 2.5
    assert int(ag.tensor(2.5)) == 2
    assert complex(ag.tensor(2.5)) == 2.5 + 0j
    assert [10, 20, 30][ag.tensor(1)] == 20
    assert bool(ag.tensor([0.0])) is False
    assert bool(ag.tensor(2)) is True
    with pytest.raises(ValueError, match="size 1|one element|scalar"):
        ag.tensor([1.0, 2.0]).item()
    with pytest.raises(TypeError, match="only an integer tensor with one element can be an index; received Tensor"):
        [1][ag.tensor(0.0)]
    with pytest.raises(ValueError, match=r"truth value of a tensor of shape \(2,\) is ambiguous; use .any\(\)"):
        bool(ag.tensor([1.0, 2.0]))


def test_numbers_leave_from_tensors_with_history_too() -> None:
    y = ag.tensor([2.0], requires_grad=True) * 3
    assert (float(y), y.item(), int(y), bool(y), y.tolist()) == (6.0, 6.0, 6, True, [6.0])
    assert f"{y.sum():.2f}" == "6.00"


LOSSES_OF_GRADIENT = {
    "np.asarray(x)": np.asarray,
    "np.asarray([[x]])": lambda x: np.asarray([[x]]),
    "np.array([x, 1.0])": lambda x: np.array([x, 1.0]),
    "buffer[:] = x": lambda x: np.zeros(2).__setitem__(slice(None), x),
    "np.full(2, x)": lambda x: np.full(2, x),
    "tensor([x, x])": lambda x: ag.tensor([x, x]),
    "x * [x, x]": lambda x: x * [x, x],
    "np.multiply([x], 2)": lambda x: np.multiply([x], 2.0),
    "a[x]": lambda x: np.ones(2)[x],
}


@pytest.mark.parametrize("lose", LOSSES_OF_GRADIENT.values(), ids=LOSSES_OF_GRADIENT)
@pytest.mark.parametrize("shape", [(), (2,)])
def test_an_array_made_by_the_way_would_lose_the_gradient_and_is_refused(lose: Any, shape: Any) -> None:
    leaf = ag.tensor(np.ones(shape), requires_grad=True)
    for x in (leaf, leaf * 2.0):
        with pytest.raises(ag.GradError, match=r"was about to become a bare array.*t\.detach\(\)\.numpy\(\)"):
            lose(x)
    np.testing.assert_array_equal(np.asarray(leaf.detach()), np.ones(shape))


def test_a_tensor_without_gradient_becomes_an_array() -> None:
    np.testing.assert_array_equal(np.asarray(ag.tensor([1, 2]), dtype=float), [1.0, 2.0])
    np.testing.assert_array_equal(np.array([ag.tensor(1), ag.tensor(2)]), [1, 2])
    buffer = np.zeros(2)
    buffer[:] = ag.tensor([3.0, 4.0])
    np.testing.assert_array_equal(buffer, [3, 4])


def test_an_array_made_of_a_tensor_cannot_change_it() -> None:
    t = ag.tensor([1.0, 2.0])
    shared = np.asarray(t)
    assert not shared.flags.writeable
    own = np.array(t)
    own[0] = 9
    np.testing.assert_array_equal(t.numpy(), [1, 2])


def test_the_record_can_be_read() -> None:
    x, y = ag.tensor([1.0, 2.0], requires_grad=True, name="x"), ag.tensor(3.0)
    z = (x * y).sum(axis=0)
    assert z.op is not None
    assert z.op.name == "sum"
    assert z.params["axis"] == (0,)
    (product,) = z.inputs
    assert product.op.name == "multiply"
    left, right = product.inputs
    assert left is x
    assert right is y
    assert (product.shape, product.dtype, product.requires_grad) == ((2,), np.float64, True)
    z.params["axis"] = "changed"
    assert z.params["axis"] == (0,)


def test_an_input_that_was_not_saved_says_so() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True, name="x")
    total = (x * 2 + x).sum()
    assert repr(total.inputs) == "(Tensor(values not saved, shape=(2,), op=add),)"
    assert str(total.inputs[0].inputs[1]) == "Tensor([1., 2.], requires_grad=True, name='x')"
    with pytest.raises(ag.GradError, match="were not saved by the op that read it"):
        total.inputs[0].tolist()


def test_values_that_were_not_saved_say_so() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    (inner,) = (x * 2).sum().inputs
    assert inner.shape == (2,)
    with pytest.raises(ag.GradError, match=r"values of this \(2,\) float64 tensor were not saved"):
        inner.numpy()


def test_the_structure_outlives_the_values() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    y = np.tanh(np.sin(x) * np.ones((3, 2))).sum()
    y.backward()
    names, t = [], y
    while isinstance(t, ag.Tensor) and t.op is not None:
        names.append((t.op.name, t.shape, t.dtype.char))
        t = t.inputs[0]
    assert names == [("sum", (), "d"), ("tanh", (3, 2), "d"), ("multiply", (3, 2), "d"), ("sin", (2,), "d")]
    assert t is x


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (ag.tensor([1.0, 2.0]), "Tensor([1., 2.])"),
        (ag.tensor(3), "Tensor(3)"),
        (ag.tensor([True]), "Tensor([ True])"),
        (ag.tensor([1, 2], np.float32), "Tensor([1., 2.], dtype=float32)"),
        (ag.tensor(1.0, requires_grad=True, name="w"), "Tensor(1., requires_grad=True, name='w')"),
        (ag.tensor(1.0, requires_grad=True) * 2, "Tensor(2., op=multiply)"),
        (ag.tensor([[1.0], [2.0]]), "Tensor([[1.],\n        [2.]])"),
    ],
)
def test_a_tensor_shows_itself(t: ag.Tensor, text: str) -> None:
    assert repr(t) == text
    assert str(t) == text


def test_grad_can_be_set_and_is_checked() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    w.grad = [3.0, 4.0]
    assert isinstance(w.grad, ag.Tensor)
    w.grad = ag.tensor([5.0, 6.0])
    (w * 1).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [6, 7])
    with pytest.raises(
        ag.ShapeError, match=r"\.grad: expected shape \(2,\) float64, as the tensor has; received \(3,\)"
    ):
        w.grad = np.ones(3)
    with pytest.raises((ag.ShapeError, ag.DtypeError), match=r"received \(2,\) float32"):
        w.grad = np.ones(2, np.float32)
    w.grad = None
    assert w.grad is None


# ---- copies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "twin_of", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["deepcopy", "pickle"]
)
def test_a_leaf_can_be_copied_whole(twin_of: Any) -> None:
    w = ag.tensor([1.0, 2.0], np.float32, requires_grad=True, name="w")
    w.grad = np.array([3.0, 4.0], np.float32)
    twin = twin_of(w)
    w.assign([9.0, 9.0])
    w.grad = None
    np.testing.assert_array_equal(twin.numpy(), [1, 2])
    np.testing.assert_array_equal(twin.grad.numpy(), [3, 4])
    assert (twin.dtype, twin.requires_grad, twin.name) == (np.float32, True, "w")
    (twin * 2).sum().backward()
    np.testing.assert_array_equal(twin.grad.numpy(), [5, 6])


@pytest.mark.parametrize("copied", [copy.deepcopy, pickle.dumps], ids=["deepcopy", "pickle"])
def test_a_tensor_with_history_cannot_be_copied(copied: Any) -> None:
    y = ag.tensor(1.0, requires_grad=True) * 2
    with pytest.raises(ag.GradError, match=r"with history cannot be copied or pickled; use t\.detach\(\)"):
        copied(y)
    assert float(copy.deepcopy(y.detach())) == 2.0


def test_a_deep_copy_keeps_shared_tensors_shared() -> None:
    w = ag.tensor(1.0, requires_grad=True)
    one, other = copy.deepcopy([w, w])
    assert one is other
    assert one is not w


def test_copy_is_an_operation() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    y = x.copy()
    (y * 3).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3, 3])
    x.assign([0.0, 0.0])
    np.testing.assert_array_equal(y.detach().numpy(), [1, 2])


def test_tensors_are_told_apart_by_identity_and_compared_by_value() -> None:
    a, b = ag.tensor([1.0, 2.0]), ag.tensor([1.0, 5.0])
    assert len({a, b, a}) == 2
    assert (a == b).tolist() == [True, False]
    assert (a != b).tolist() == [False, True]
    assert isinstance(a == b, ag.Tensor)

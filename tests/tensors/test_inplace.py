"""Values, not aliases: assignment to leaves, the in-place forms, and that no tensor's value changes behind its back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag


def leaf(*values: float) -> ag.Tensor:
    return ag.tensor(list(values), float, requires_grad=True)


# ---- assign ---------------------------------------------------------------------------------------------------------


def test_assign_replaces_the_values_and_nothing_else() -> None:
    w = ag.tensor([1.0, 2.0], np.float32, requires_grad=True, name="w")
    w.grad = np.ones(2, np.float32)
    for value, expected in (
        ([3.0, 4.0], [3, 4]),
        (5.0, [5, 5]),
        (ag.tensor([6.0, 7.0]), [6, 7]),
        (np.array([8]), [8, 8]),
    ):
        w.assign(value)
        np.testing.assert_array_equal(w.numpy(), expected)
        assert (w.dtype, w.shape, w.name, w.is_leaf, w.requires_grad) == (np.float32, (2,), "w", True, True)
    np.testing.assert_array_equal(w.grad.numpy(), [1, 1])


def test_assign_copies() -> None:
    value = np.array([3.0, 4.0])
    w = leaf(1, 2)
    w.assign(value)
    value[0] = 9
    np.testing.assert_array_equal(w.numpy(), [3, 4])
    w.assign_sub(np.array([1.0, 1.0]))
    np.testing.assert_array_equal(w.numpy(), [2, 3])


@pytest.mark.parametrize("value", [np.ones(3), np.ones((2, 2)), np.ones((1, 2)), []])
def test_assign_refuses_what_does_not_fit_and_changes_nothing(value: Any) -> None:
    w = leaf(1, 2)
    with pytest.raises(ag.ShapeError, match=r"assign: expected shape \(2,\); received \("):
        w.assign(value)
    with pytest.raises(ag.ShapeError, match=r"assign_sub: expected shape \(2,\); received \("):
        w.assign_sub(value)
    np.testing.assert_array_equal(w.numpy(), [1, 2])


def test_assign_refuses_a_cast_that_would_lose_the_kind() -> None:
    t = ag.tensor([1, 2])
    with pytest.raises(TypeError, match=r"[Cc]annot cast|expected"):
        t.assign([0.5, 0.5])
    np.testing.assert_array_equal(t.numpy(), [1, 2])


def test_assign_is_for_leaves() -> None:
    y = leaf(1, 2) * 2
    with pytest.raises(ag.GradError, match=r"assign: expected a leaf; received the 'multiply' result of shape \(2,\)"):
        y.assign([0.0, 0.0])
    with pytest.raises(ag.GradError, match=r"assign_sub: expected a leaf; received the 'multiply' result"):
        y.assign_sub([0.0, 0.0])
    np.testing.assert_array_equal(y.detach().numpy(), [2, 4])


def test_assign_a_tensor_to_itself() -> None:
    w = leaf(1, 2)
    w.assign(w)
    w.assign(w[::-1])
    np.testing.assert_array_equal(w.numpy(), [2, 1])


# ---- in-place forms -------------------------------------------------------------------------------------------------

FORMS: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = [
    ("t += v", lambda t: t.__iadd__(3.0), lambda t: t + 3),
    ("t -= v", lambda t: t.__isub__(3.0), lambda t: t - 3),
    ("t *= v", lambda t: t.__imul__(3.0), lambda t: t * 3),
    ("t /= v", lambda t: t.__itruediv__(4.0), lambda t: t / 4),
    ("t **= v", lambda t: t.__ipow__(2.0), lambda t: t**2),
    ("t[i] = v", lambda t: t.__setitem__(0, 5.0) or t, lambda t: np.where(np.arange(2) == 0, 5.0, t)),
]
every_form = pytest.mark.parametrize(("name", "change", "same"), FORMS, ids=[f[0] for f in FORMS])


@every_form
def test_on_a_recorded_tensor_the_object_stays_and_the_history_grows(name: str, change: Any, same: Any) -> None:
    found = []
    for f in (change, same):
        x = leaf(1.5, 2.5)
        t = x * x
        object_before, inner = t, np.sin(t)
        t = f(t)
        assert f is same or t is object_before
        ((t * 7).sum() + inner.sum()).backward()
        found.append((t.detach().numpy(), inner.detach().numpy(), x.grad.numpy()))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


@every_form
def test_on_a_leaf_that_requires_a_gradient_they_raise_and_show_the_right_program(
    name: str, change: Any, same: Any
) -> None:
    w = leaf(1, 2)
    with pytest.raises(ag.GradError) as error:
        change(w)
    assert str(error.value).startswith(f"{name}: this tensor is a leaf that requires a gradient")
    assert "with ag.no_grad():\n        w -= learning_rate * w.grad" in str(error.value)
    np.testing.assert_array_equal(w.numpy(), [1, 2])
    assert w.is_leaf


@every_form
def test_under_no_grad_they_assign_and_a_leaf_stays_a_leaf(name: str, change: Any, same: Any) -> None:
    w = leaf(1, 2)
    view = w.data
    with ag.no_grad():
        expected = same(w).numpy()
        assert change(w) is w
    assert w.is_leaf
    assert w.requires_grad
    np.testing.assert_array_equal(w.numpy(), expected)
    np.testing.assert_array_equal(view, expected)


@every_form
def test_on_a_tensor_without_gradient_they_just_work(name: str, change: Any, same: Any) -> None:
    t = ag.tensor([1.0, 2.0])
    before = t
    t = change(t)
    assert t is before
    assert not t.requires_grad
    np.testing.assert_array_equal(t.numpy(), same(ag.tensor([1.0, 2.0])).numpy())


def test_the_program_in_the_message_works() -> None:
    w, learning_rate = leaf(1, 2), 0.5
    (w * w).sum().backward()
    with ag.no_grad():
        w -= learning_rate * w.grad
    np.testing.assert_array_equal(w.numpy(), [0, 0])
    assert w.is_leaf
    assert w.requires_grad


def test_a_tensor_without_gradient_takes_in_one_with() -> None:
    x, total = leaf(1, 2), ag.tensor([0.0, 0.0])
    for k in range(3):
        total += x * float(k)
    buffer = ag.tensor(np.zeros((2, 2)))
    buffer[0] = x
    buffer[1, 1] = x[0] * 10
    (total.sum() + buffer.sum()).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [14, 4])
    np.testing.assert_array_equal(buffer.detach().numpy(), [[1, 2], [0, 10]])


def test_the_past_is_not_falsified() -> None:
    """What was computed from a tensor before it was changed in place keeps its value and its gradient."""
    x = leaf(2)
    t = x * 1.0
    square = t * t
    t += 10.0
    t[0] = 0.0
    t *= 5.0
    square.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4])
    np.testing.assert_array_equal(square.detach().numpy(), [4])


def test_an_in_place_form_keeps_the_shape_and_the_dtype() -> None:
    t = ag.tensor([1.0, 2.0], np.float32, requires_grad=True) * 1
    t += np.float64(0.5)
    assert t.dtype == np.float32
    with pytest.raises(
        ag.ShapeError, match=r"t \+= v: expected a value that broadcasts to \(2,\); the result is \(3, 2\)"
    ):
        t += np.ones((3, 1))
    n = ag.tensor([1, 2])
    with pytest.raises(ag.DtypeError, match=r"t /= v: a float64 result does not fit a int64 tensor; use t = "):
        n /= 2
    np.testing.assert_array_equal(n.numpy(), [1, 2])


# ---- aliases --------------------------------------------------------------------------------------------------------

VIEWS: list[tuple[str, Callable[[Any], Any]]] = [
    ("detach", lambda t: t.detach()),
    ("reshape", lambda t: t.reshape(2, 1)),
    ("ravel", lambda t: t.ravel()),
    ("transpose", lambda t: t.T),
    ("slice", lambda t: t[:]),
    ("backwards", lambda t: t[::-1]),
    ("new axis", lambda t: t[None]),
    ("broadcast_to", lambda t: np.broadcast_to(t, (2, 2))),
    ("expand_dims", lambda t: np.expand_dims(t, 0)),
    ("view of a view", lambda t: t.reshape(2, 1)[:, 0][::-1]),
    ("astype without copy", lambda t: t.astype(t.dtype, copy=False) * 1),
    ("positive", lambda t: +t),
    ("clip", lambda t: t.clip(-99, 99)),
    ("concatenate of one", lambda t: np.concatenate([t])),
    ("sum over nothing", lambda t: t.sum(axis=())),
    ("real", lambda t: np.conj(t)),
    ("pad by nothing", lambda t: np.pad(t, 0)),
    ("copy", lambda t: t.copy()),
    ("borrowed", lambda t: ag.tensor(t, copy=False)),
    ("atleast matmul", lambda t: t.reshape(1, 2) @ np.eye(2)),
]
every_view = pytest.mark.parametrize("view", [v for _, v in VIEWS], ids=[n for n, _ in VIEWS])


# Which of these NumPy makes in the memory of the array, and which of them can only be read there.
SHARING = ("reshape", "ravel", "transpose", "slice", "backwards", "new axis", "expand_dims", "view of a view")
READ_ONLY = ("broadcast_to",)


@every_view
@pytest.mark.parametrize("requires_grad", [False, True])
def test_assigning_to_a_leaf_changes_no_other_tensor(view: Callable[[Any], Any], requires_grad: bool) -> None:
    for write in (lambda t: t.assign([7.0, 8.0]), lambda t: t.assign_sub([1.0, 1.0]), _set_under_no_grad):
        t = ag.tensor([1.0, 2.0], requires_grad=requires_grad)
        other = view(t)
        before = other.detach().numpy()
        live = t.data
        write(t)
        follows = write is _set_under_no_grad and not requires_grad and view in dict(VIEWS_IN_MEMORY).values()
        np.testing.assert_array_equal(other.detach().numpy(), view(t).detach().numpy() if follows else before)
        assert not np.array_equal(t.numpy(), [1, 2])
        np.testing.assert_array_equal(t.data, t.numpy())
        del live


VIEWS_IN_MEMORY = [(name, view) for name, view in VIEWS if name in SHARING + READ_ONLY]


def _set_under_no_grad(t: ag.Tensor) -> None:
    with ag.no_grad():
        t[0] = 50.0
        t += 1.0


@pytest.mark.parametrize(("name", "view"), VIEWS, ids=[n for n, _ in VIEWS])
def test_assigning_to_a_view_changes_not_its_origin_but_writing_does(name: str, view: Callable[[Any], Any]) -> None:
    t = ag.tensor([1.0, 2.0])
    other = view(t)
    other.assign(np.full(other.shape, 9.0))
    np.testing.assert_array_equal(t.numpy(), [1, 2])
    other += 5.0
    np.testing.assert_array_equal(t.numpy(), [1, 2])
    other = view(t)
    if name in READ_ONLY:
        with pytest.raises(ValueError, match=r"write into; received one that repeats .* Write t = "):
            other += 5.0
        return
    other += 5.0
    np.testing.assert_array_equal(t.numpy(), [6, 7] if name in SHARING else [1, 2])
    other[...] = 3.0
    np.testing.assert_array_equal(t.numpy(), [3, 3] if name in SHARING else [1, 2])


def test_data_follows_assign_however_often_and_whatever_was_shared() -> None:
    w = leaf(1, 2)
    for k in range(3):
        views = [w.detach(), w.reshape(2, 1), w[:1]]
        w.assign([float(k), float(k)])
        np.testing.assert_array_equal(w.data, [k, k])
        np.testing.assert_array_equal(views[0].numpy(), [1, 2] if k == 0 else [k - 1, k - 1])


def test_an_array_used_as_an_operand_is_borrowed_not_changed() -> None:
    a = np.array([1.0, 2.0])
    x = leaf(3, 4)
    t = x + a
    t += a
    t[0] = 0.0
    (x * a).sum().backward()
    np.testing.assert_array_equal(a, [1, 2])


def test_a_borrowed_array_is_shared_until_the_tensor_is_assigned_to() -> None:
    a = np.array([1.0, 2.0])
    for write in (lambda t: t.assign([7.0, 8.0]), lambda t: t.assign_sub([1.0, 1.0]), _set_under_no_grad):
        t = ag.tensor(a, requires_grad=True, copy=False)
        assert np.shares_memory(t.data, a)
        write(t)
        np.testing.assert_array_equal(a, [1, 2])
        assert not np.array_equal(t.numpy(), a)
    assert not np.shares_memory(ag.tensor(a, np.float32, copy=False).data, a)
    assert ag.tensor([1.0, 2.0], copy=False).tolist() == [1, 2]
    a.flags.writeable = False
    t = ag.tensor(a, copy=False)
    t += 1.0
    t.assign([0.0, 0.0])
    np.testing.assert_array_equal(a, [1, 2])


# ---- a leaf changed between forward and backward --------------------------------------------------------------------

CHANGES: list[tuple[str, Callable[[ag.Tensor], Any]]] = [
    ("assign", lambda w: w.assign([5.0, 5.0])),
    ("assign_add", lambda w: w.assign_add([1.0, 1.0])),
    ("assign_sub", lambda w: w.assign_sub([1.0, 1.0])),
    ("no_grad", _set_under_no_grad),
]
USES: list[tuple[str, Callable[[Any], Any], bool]] = [
    ("saves the input", lambda w: w * w, True),
    ("saves the input by power", lambda w: w**3, True),
    ("saves a view, which assign leaves alone", lambda w: w.reshape(2, 1) @ w.reshape(1, 2), False),
    ("saves the output", np.exp, False),
    ("saves nothing", lambda w: w + 1, False),
]


@pytest.mark.parametrize("change", [c for _, c in CHANGES], ids=[n for n, _ in CHANGES])
@pytest.mark.parametrize(("use", "saves"), [u[1:] for u in USES], ids=[u[0] for u in USES])
def test_a_changed_leaf_raises_or_the_gradient_is_of_the_old_values(change: Any, use: Any, saves: bool) -> None:
    right = leaf(1, 2)
    use(right).sum().backward()
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = use(w).sum()
    change(w)
    if saves:
        message = r"the leaf 'w' of shape \(2,\) was assigned a new value after the op .* before you change"
        with pytest.raises(ag.GradError, match=message):
            loss.backward()
        assert w.grad is None
    else:
        loss.backward()
        np.testing.assert_array_equal(w.grad.numpy(), right.grad.numpy())


def test_a_changed_constant_raises_too() -> None:
    w, scale = leaf(1, 2), ag.tensor([3.0, 4.0], name="scale")
    loss = (w * scale).sum()
    scale.assign([0.0, 0.0])
    with pytest.raises(ag.GradError, match=r"the leaf 'scale' of shape \(2,\) was assigned"):
        loss.backward()


def test_a_leaf_changed_before_the_forward_pass_is_no_matter() -> None:
    w = leaf(1, 2)
    for _ in range(3):
        w.assign([2.0, 3.0])
        w.grad = None
        (w * w).sum().backward()
        np.testing.assert_array_equal(w.grad.numpy(), [4, 6])


HALVES = np.array([[-1.0, 2.0, 0.5], [3.0, -4.0, -0.25]])
FILLED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "eager": (lambda f: f(ag.tensor(HALVES)).data, np.where(HALVES > 0, 0.5, HALVES)),
    "compile": (lambda f: [(g := ag.compile(f))(-HALVES), g(HALVES)][1], np.where(HALVES > 0, 0.5, HALVES)),
    "vmap": (lambda f: ag.vmap(f)(np.stack([HALVES, -HALVES]))[0], np.where(HALVES > 0, 0.5, HALVES)),
    "jvp": (lambda f: ag.jvp(f)((HALVES,), (HALVES,))[1], np.where(HALVES > 0, 0, HALVES)),
    "grad": (lambda f: ag.grad(lambda x: (f(x) * HALVES).sum())(HALVES), np.where(HALVES > 0, 0, HALVES)),
    "vmap of grad": (lambda f: ag.vmap(ag.grad(lambda x: f(x).sum()))(HALVES[None])[0], (HALVES < 0) * 1.0),
    "compile of grad": (lambda f: ag.compile(ag.grad(lambda x: f(x).sum()))(HALVES), (HALVES < 0) * 1.0),
}


@pytest.mark.parametrize("how", FILLED)
def test_one_number_is_written_where_a_mask_says_in_every_transformation(how: str) -> None:
    transform, expected = FILLED[how]

    def f(x: Any) -> Any:
        y = x * 1
        y[y > 0] = 0.5
        return y

    assert np.array_equal(transform(f), expected)


def test_a_mask_of_rows_a_value_with_a_gradient_and_what_is_not_one_number() -> None:
    def rows(x: Any, v: Any) -> Any:
        y = x * 1
        y[x[:, 0] > 0] = v
        return y

    both = ag.vmap(ag.grad(lambda x, v: rows(x, v).sum(), (0, 1)))(np.stack([HALVES, -HALVES]), np.ones(2))
    assert np.array_equal(both[0], [[[1, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 1]]])
    assert np.array_equal(both[1], [3, 3])
    single = ag.compile(lambda x: rows(x, 1.0))(HALVES.astype(np.float32))
    assert single.dtype == np.float32
    with pytest.raises(TypeError, match="vmap"):
        ag.vmap(lambda x: rows(x, x[0]))(HALVES[None])
    with pytest.raises(TypeError, match="vmap"):
        ag.vmap(lambda x: x[x > 0])(HALVES)

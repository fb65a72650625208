"""Results that take the place of a temporary: never one that anybody can still see."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core import ownership
from autograd_lite.core.ownership import SMALL, is_unshared

# With warnings turned into errors, as they are in other tests, no result takes the place of a temporary.
pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.usefixtures("no_test_runner_threads"),
]
ROWS = SMALL // 8
RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(ROWS, 32)), RNG.normal(size=(32, 64)), RNG.normal(size=64)


def leaves() -> tuple[ag.Tensor, ag.Tensor, ag.Tensor]:
    return tuple(ag.tensor(a, requires_grad=True) for a in (X, W, B))  # type: ignore[return-value]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The answers that were given while a test runs, but for those about gradients of leaves."""
    answers: list[bool] = []

    def asked(*args: Any, **kwargs: Any) -> bool:
        answer = is_unshared(*args, **kwargs)
        if not isinstance(args[1], ag.Tensor):
            answers.append(answer)
        return answer

    monkeypatch.setattr("autograd_lite.tensors.record.is_unshared", asked)
    monkeypatch.setattr("autograd_lite.engine.walk.is_unshared", asked)
    return answers


def test_the_counts_tell_one_holder_from_two() -> None:
    assert ownership._ALONE > 0
    assert ownership._BASE_ALONE > 0


def test_a_free_threaded_python_is_told_that_all_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread's references are counted elsewhere, so a count of one does not mean one holder."""
    monkeypatch.setattr(sys, "version", "3.13.0 experimental free-threading build (main)")
    assert ownership._measure_counts() == (-1, -1)
    monkeypatch.setattr(ownership, "_ALONE", -1)
    monkeypatch.setattr(ownership, "_BASE_ALONE", -1)
    assert not is_unshared({0: np.ones(3)}, 0)
    x, w, b = leaves()
    product = x @ w
    added(product, b)
    ag.relu(product, out=product)
    np.testing.assert_array_equal(product.data, np.maximum(X @ W + B, 0))
    np.testing.assert_array_equal(gradients(product.sum(), (b,))[0], (product.data > 0).sum(axis=0))


KEPT: dict[str, Callable[[np.ndarray], Any]] = {
    "itself": lambda a: a,
    "a view": lambda a: a[1:],
    "a view of a view": lambda a: a[1:][::2],
    "another shape": lambda a: a.reshape(-1),
    "its memory": memoryview,
    "a read-only view": lambda a: np.lib.stride_tricks.as_strided(a, writeable=False),
}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("view", [False, True])
def test_whoever_can_see_an_array_counts(name: str, view: bool) -> None:
    made = np.ones(12).reshape(3, 4) if view else np.ones((3, 4))
    held = {"a": made}
    del made
    assert is_unshared(held, "a")
    kept = KEPT[name](held["a"])
    assert not is_unshared(held, "a")
    del kept
    assert is_unshared(held, "a")
    if view:
        kept = KEPT[name](held["a"].base)
        assert not is_unshared(held, "a")
        del kept


def test_memory_that_is_not_an_arrays_own() -> None:
    assert not is_unshared({0: np.frombuffer(bytearray(16))}, 0)
    constant = np.ones(3)
    constant.flags.writeable = False
    held = {0: constant}
    del constant
    assert not is_unshared(held, 0)


# ---- t += v ---------------------------------------------------------------------------------------------------------


def added(t: ag.Tensor, b: Any) -> ag.Tensor:
    t += b
    return t


def gradients(loss: ag.Tensor, wrt: Any) -> list[np.ndarray]:
    loss.backward()
    return [t.grad.numpy() for t in wrt]


@pytest.mark.parametrize("shape", [(ROWS, 32), (4, ROWS // 4, 32)])
def test_a_product_takes_a_bias_in_its_own_memory(shape: Any, counted: list[bool]) -> None:
    both = []
    for form in (lambda t, b: t + b, added):
        x, w, b = leaves()
        product = x.reshape(shape) @ w
        address = product.data.__array_interface__["data"][0]
        out = form(product, b)
        assert (out.data.__array_interface__["data"][0] == address) is (form is added)
        assert out.op is not None
        assert out.op.name == "add"
        both.append([out.numpy(), *gradients((out * out).sum(), (x, w, b))])
    assert counted == [True]
    for one, two in zip(*both, strict=True):
        np.testing.assert_array_equal(one, two)


SEEN: dict[str, Callable[[ag.Tensor], Any]] = {
    "its values": lambda t: t.data,
    "a tensor of its values": lambda t: t.detach(),
    "a view": lambda t: t[1:],
    "a transpose": lambda t: t.T,
    "an op that saved it": lambda t: t * t,
    "an op that saved its result": np.tanh,
}


# They follow what is written; the values that were recorded do not.
VIEWS = {name: SEEN[name] for name in ("a view", "a transpose")}


@pytest.mark.parametrize("name", SEEN)
def test_what_somebody_can_see_is_not_added_to(name: str, counted: list[bool]) -> None:
    x, w, b = leaves()
    product = np.tanh(x @ w) if name == "an op that saved its result" else x @ w
    seen = SEEN[name](product) if name != "an op that saved its result" else product
    values = np.array(seen.data if isinstance(seen, ag.Tensor) else seen)
    old = None if product is seen else seen
    product += b
    assert counted == [False]
    if isinstance(old, ag.Tensor):
        np.testing.assert_array_equal(old.data, VIEWS[name](product).data if name in VIEWS else values)
        if old.requires_grad:
            gradients(old.sum() + product.sum(), (x, w, b))
    elif old is not None:
        np.testing.assert_array_equal(old, values)
    np.testing.assert_array_equal(product.data, (np.tanh(ag.tensor(X @ W)).numpy() if old is None else X @ W) + B)


def test_a_saved_value_is_kept_for_the_backward_pass() -> None:
    x, w, b = leaves()
    plain = gradients(((x @ w) * (x @ w)).sum() + (x @ w + b).sum(), (x, w))
    x, w, b = leaves()
    product = x @ w
    square = product * product
    product += b
    for one, two in zip(gradients(square.sum() + product.sum(), (x, w)), plain, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)


def test_what_does_not_fit_is_what_it_was() -> None:
    x, w, _ = leaves()
    product = x @ w
    before = product.numpy()
    with pytest.raises(ag.ShapeError, match="do not broadcast"):
        product += np.ones(63)
    with pytest.raises(ag.ShapeError, match=r"expected a value that broadcasts to"):
        product += np.ones((2, ROWS, 64))
    np.testing.assert_array_equal(product.data, before)
    product += 1.0
    np.testing.assert_array_equal(product.data, before + 1)
    product += np.float32(1)
    assert product.dtype == np.float64


def test_without_a_record_constants_change_in_place_and_histories_end(counted: list[bool]) -> None:
    x, w, b = leaves()
    with ag.no_grad():
        product = x @ w
        product += b
        assert counted == [True]
        np.testing.assert_array_equal(product.data, X @ W + B)
        assert product.op is None
    constant = ag.tensor(X) @ W
    constant += b  # which needs a gradient
    assert constant.requires_grad
    gradients(constant.sum(), (b,))
    np.testing.assert_allclose(b.grad.data, np.full(64, ROWS))
    recorded = x @ w
    with ag.no_grad():
        recorded += b
    assert not recorded.requires_grad


def test_a_tensor_plus_itself() -> None:
    x, w, _ = leaves()
    product = x @ w
    product += product
    np.testing.assert_array_equal(product.data, 2 * (X @ W))
    np.testing.assert_allclose(gradients(product.sum(), (w,))[0], 2 * X.sum(axis=0)[:, None] * np.ones((1, 64)))


def test_every_derivative_of_it() -> None:
    def f(w: Any, b: Any) -> Any:
        out = X[:, :3] @ w
        out += b
        return (np.tanh(out) ** 2).sum()

    def plain(w: Any, b: Any) -> Any:
        return (np.tanh(X[:, :3] @ w + b) ** 2).sum()

    w, b = W[:3], B
    for form in (f, plain):
        assert form(w, b).shape == ()
    for one, two in (
        (ag.grad(f, argnums=(0, 1))(w, b), ag.grad(plain, argnums=(0, 1))(w, b)),
        (ag.jvp(f)((w, b), (w, b)), ag.jvp(plain)((w, b), (w, b))),
        (
            ag.grad(lambda w: (ag.grad(f)(w, b) ** 2).sum())(w),
            ag.grad(lambda w: (ag.grad(plain)(w, b) ** 2).sum())(w),
        ),
        (ag.vmap(lambda w: f(w, b))(np.stack([w, 2 * w])), ag.vmap(lambda w: plain(w, b))(np.stack([w, 2 * w]))),
    ):
        for p, q in zip(one, two, strict=True):
            np.testing.assert_allclose(np.asarray(p), np.asarray(q), rtol=1e-9)


def test_the_origin_of_nan_is_not_hidden(counted: list[bool]) -> None:
    x, w, _ = leaves()
    with ag.raise_on_nan():
        infinite = added(x @ w, np.full(64, np.inf))
        with pytest.raises(FloatingPointError, match="add"):
            added(infinite, np.full(64, -np.inf))
    assert counted == []


# ---- relu(x, out=x) ------------------------------------------------------------------------------------------------


def test_relu_of_a_product_takes_its_memory(counted: list[bool]) -> None:
    both = []
    for over in (False, True):
        x, w, _ = leaves()
        product = x @ w
        address = product.data.__array_interface__["data"][0]
        out = ag.relu(product, out=product if over else None)
        assert (out is product) is over
        assert (out.data.__array_interface__["data"][0] == address) is over
        assert out.op is not None
        assert out.op.name == "relu"
        both.append([out.numpy(), *gradients((out * out).sum(), (x, w))])
    assert counted[0]
    for one, two in zip(*both, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", SEEN)
def test_relu_does_not_overwrite_what_somebody_can_see(name: str, counted: list[bool]) -> None:
    x, w, _ = leaves()
    product = np.tanh(x @ w) if name == "an op that saved its result" else x @ w
    seen = SEEN[name](product) if name != "an op that saved its result" else None
    values = np.array(seen.data if isinstance(seen, ag.Tensor) else 0 if seen is None else seen)
    before = product.numpy()
    assert ag.relu(product, out=product) is product
    assert counted == [False]
    if name in VIEWS:
        np.testing.assert_array_equal(seen.data, VIEWS[name](product).data)
    elif seen is not None:
        np.testing.assert_array_equal(seen.data if isinstance(seen, ag.Tensor) else seen, values)
    np.testing.assert_array_equal(product.data, np.maximum(before, 0))
    total = product.sum() if not isinstance(seen, ag.Tensor) else product.sum() + seen.sum()
    assert np.isfinite(gradients(total, (w,))[0]).all()


def test_relu_into_another_tensor_and_into_a_leaf() -> None:
    x, w, _ = leaves()
    other = ag.tensor(np.ones((ROWS, 64)))
    assert ag.relu(x @ w, out=other) is other
    np.testing.assert_array_equal(other.data, np.maximum(X @ W, 0))
    assert other.requires_grad
    with pytest.raises(ag.GradError, match=r"relu\(x, out=t\): this tensor is a leaf that requires a gradient"):
        ag.relu(x, out=x)
    with pytest.raises(ag.ShapeError, match=r"relu\(x, out=t\): expected a value that broadcasts to"):
        ag.relu(x @ w, out=ag.tensor(np.ones(3)))
    whole = ag.tensor(np.arange(2 * SMALL) - SMALL)
    assert ag.relu(whole, out=whole).dtype == np.int64
    np.testing.assert_array_equal(whole.data, np.maximum(np.arange(2 * SMALL) - SMALL, 0))


# ---- gates ----------------------------------------------------------------------------------------------------------


def test_a_gate_is_applied_in_the_place_of_a_cotangent_with_no_other_use(counted: list[bool]) -> None:
    x = ag.tensor(X, requires_grad=True)
    (ag.relu(x) * 3.0).sum().backward()
    assert counted == [True]
    np.testing.assert_array_equal(x.grad.data, 3.0 * (X > 0))


def test_cotangents_with_another_use_stay() -> None:
    x = ag.tensor(X, requires_grad=True)
    y = ag.relu(x)
    z = y + x  # passes one cotangent to both
    (z * X).sum().backward()
    np.testing.assert_array_equal(x.grad.data, X * (X > 0) + X)

    x = ag.tensor(X, requires_grad=True)
    y = ag.relu(x)
    y.retain_grad()
    seen = []
    y.register_hook(lambda g: seen.append(g))
    (y * X).sum().backward()
    np.testing.assert_array_equal(y.grad.data, X)
    np.testing.assert_array_equal(seen[0].data, X)
    np.testing.assert_array_equal(x.grad.data, X * (X > 0))


def test_the_gradient_that_backward_is_given_stays(counted: list[bool]) -> None:
    x, g = ag.tensor(X, requires_grad=True), np.array(X)
    y = ag.relu(x)
    y.backward(g, retain_graph=True)
    y.backward(ag.tensor(g))
    np.testing.assert_array_equal(g, X)
    np.testing.assert_array_equal(x.grad.data, 2 * X * (X > 0))
    assert counted == [False, False]


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_closed_gate_lets_no_infinity_through(value: float, counted: list[bool]) -> None:
    x = ag.tensor(X, requires_grad=True)
    g = np.where(X > 0, 1.0, value)
    (ag.relu(x) * 1.0).backward(g)
    np.testing.assert_array_equal(x.grad.data, X > 0)
    assert counted == [True]

"""Tensors of arrays that are not NumPy's keep them through everything that a Tensor can do; the ops are in `laws`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.duck_arrays import ArrayKind, add_at, array_namespace, is_duck_array, register_array, to_numpy
from autograd_lite.functional import dense_jacobians as derived

from ..array_kinds import DOUBLE, KINDS, Kind
from ..device_double import Device, DeviceArray, asarray, syncs

A = np.arange(1.0, 7.0).reshape(2, 3)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    found.skip_unless_there()
    return found


def leaf(kind: Kind, values: Any = A) -> Any:
    return ag.tensor(kind.to_kind(values), requires_grad=True)


def backward(t: Any) -> Any:
    t.backward()


# What gives a Tensor or an array, and what it is with NumPy's arrays.
GIVES: dict[str, Callable[[Any], Any]] = {
    "another dtype": lambda x: ag.tensor(x.detach(), dtype="float32"),
    "detach": lambda x: x.detach(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "data": lambda x: x.data,
    "elements": lambda x: next(iter(x)),
    "an index of integers": lambda x: x[np.array([0, 1, 1]), [2, 0, -1]],
    "an index that is a tensor": lambda x: x[ag.tensor(x.detach() > 2)],
    "a mask of NumPy": lambda x: x[A > 2],
    "array": lambda x: ag.array([x[0], x[1] * 2]),
    "a constant of NumPy": lambda x: np.where(A > 2, x * A, 0.0) + A.tolist(),
    "a tensor without a gradient": lambda x: x * ag.tensor(A),
    "random numbers": lambda x: x * 0 + ag.random.normal(x.shape, generator=ag.Generator(3)),
    "like": lambda x: np.zeros_like(x) + np.ones_like(x) + np.full_like(x, 2.0),
    "softmax": lambda x: ag.softmax(x, axis=-1),
    "while_loop": lambda x: ag.while_loop(lambda v: v.sum() < 100, lambda v: v * 2, x.detach()),
    "fori_loop": lambda x: ag.fori_loop(0, 3, lambda i, v: v * i + 1, x),
    "scan": lambda x: ag.scan(lambda c, row: (c + row, c * row), np.zeros(3), x)[1],
    "cond": lambda x: ag.cond(x.sum() > 0, np.sin, np.cos, x),
    "checkpoint": lambda x: ag.checkpoint(lambda v: np.sin(v) * v)(x),
    "compile": lambda x: ag.compile(lambda v: np.sin(v) * 2)(x),
    "vmap": lambda x: ag.vmap(lambda row: row * row.sum() + A[0])(x),
}
# What gives derivatives of a function of bare arrays.
DERIVATIVES: dict[str, Callable[[Any], Any]] = {
    "grad": ag.grad(lambda x: np.sum(np.sin(x) * x)),
    "of containers": lambda x: ag.grad(lambda d: (d["x"] ** 2).sum())({"x": x})["x"],
    "value": lambda x: ag.value_and_grad(lambda v: (v * v).sum())(x)[0],
    "independent": ag.grad(lambda x: np.sum(np.ones(2)) * 1.0),
    "hessian": ag.hessian(lambda x: (x**3).sum()),
    "jacobian": ag.jacobian(lambda x: x * x.sum()),
    "hvp": lambda x: ag.hvp(lambda v: (v**3).sum())(x, x),
    "jvp": lambda x: ag.jvp(lambda v: v * A)((x,), (x,))[1],
    "of a batch": ag.vmap(ag.grad(lambda row: (row**3).sum())),
    "of scan": ag.grad(lambda x: ag.scan(lambda c, row: (c * row, c), np.ones(3), x)[0].sum()),
    "of cond": ag.grad(lambda x: ag.cond(x.sum() > 0, np.sin, np.cos, x).sum()),
    "of checkpoint": ag.grad(lambda x: ag.checkpoint(lambda v: np.sin(v) * v)(x).sum()),
    "compiled": ag.compile(ag.grad(lambda x: (x**3).sum())),
    "zero times infinity": ag.grad(lambda x: (np.sqrt(x - 1) * (A - 1)).sum()),  # NumPy would raise an alarm
    "infinities": ag.grad(lambda x: np.where(x > 2, np.log(x - 2), 0.0).sum()),
}


@pytest.mark.parametrize("name", GIVES)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
def test_what_a_tensor_gives_is_of_its_kind(name: str, kind: Kind) -> None:
    expected, found = (GIVES[name](ag.tensor(a, requires_grad=True)) for a in (A, kind.to_kind(A)))
    data = found.data if isinstance(found, ag.Tensor) else found
    assert kind.is_kind(data)
    np.testing.assert_allclose(kind.to_numpy(data), to_numpy(getattr(expected, "data", expected)), rtol=1e-12)


@pytest.mark.parametrize("name", DERIVATIVES)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
def test_derivatives_are_of_the_kind_of_the_argument(name: str, kind: Kind) -> None:
    found = DERIVATIVES[name](kind.to_kind(A))
    assert kind.is_kind(found)
    np.testing.assert_allclose(kind.to_numpy(found), DERIVATIVES[name](A), rtol=1e-12)


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_jacobians_in_blocks(mode: Any, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "_BLOCK", 12)

    def f(x: Any) -> Any:
        return (x[0] * x.sum())[::2]

    found = ag.jacobian(f, mode=mode)(kind.to_kind(A))
    assert kind.is_kind(found)
    np.testing.assert_allclose(kind.to_numpy(found), ag.jacobian(f, mode=mode)(A))


def test_a_tensor_shares_no_memory_unless_it_borrows(kind: Kind) -> None:
    a = kind.to_kind(A)
    copied, borrowed = ag.tensor(a), ag.tensor(a, copy=False)
    a[0] = 9.0
    assert copied[0, 0].item() == 1.0
    assert borrowed[0, 0].item() == 9.0


def test_a_leaf_is_assigned_to_in_place_and_keeps_its_kind(kind: Kind) -> None:
    x = leaf(kind)
    buffer = x.data
    x.assign(A * 2)  # of NumPy: assigning converts
    x.assign_sub(kind.to_kind(A))
    x.assign_add(ag.tensor(A))
    assert x.data is buffer
    np.testing.assert_array_equal(x.numpy(), 2 * A)
    host = ag.tensor(np.zeros((2, 3)))
    host.assign(x)
    assert type(host.data) is np.ndarray
    np.testing.assert_array_equal(host.numpy(), 2 * A)


def test_a_step_of_gradient_descent(kind: Kind) -> None:
    x = leaf(kind)
    for _ in range(2):
        x.grad = None
        (x * x).sum().backward()
        with ag.no_grad():
            x -= 0.25 * x.grad
    np.testing.assert_allclose(x.numpy(), A / 4)
    assert kind.is_kind(x.data)
    assert kind.is_kind(x.grad.data)


def test_gradients_accumulate_pass_hooks_and_are_kept(kind: Kind) -> None:
    x = leaf(kind)
    x.register_hook(lambda g: g * 10)
    y = x * 2
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    y.backward(A.tolist())
    np.testing.assert_allclose(x.grad.numpy(), 20 + 20 * A)
    np.testing.assert_allclose(y.grad.numpy(), 1 + A)
    assert kind.is_kind(x.grad.data)
    assert kind.is_kind(y.grad.data)


def test_an_operand_that_changes_later_does_not_change_the_gradient(kind: Kind) -> None:
    x, factor = leaf(kind), kind.to_kind(A)
    loss = (x * factor).sum()
    factor[...] = 0.0
    loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), A)


def test_items_are_set_and_the_last_of_several_values_stays(kind: Kind) -> None:
    expected, found = ag.tensor(A), ag.tensor(kind.to_kind(A))
    for t in (expected, found):
        t[0] = 5.0
        t[[0, 1, 0], [1, 2, 1]] = [7.0, 8.0, 9.0]
        t += 1
        t *= A
    assert kind.is_kind(found.data)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_values_are_shown_and_leave_when_asked(kind: Kind) -> None:
    x, host = leaf(kind), ag.tensor(A, requires_grad=True)
    assert repr(x) == repr(host)
    assert f"{x.sum():.2f}" == "21.00"
    assert x.tolist() == A.tolist()
    assert type(x.numpy()) is np.ndarray
    assert (float(x.sum()), bool(x.sum() > 3)) == (21.0, True)
    assert str(ag.explain((x * 2).sum())) == str(ag.explain((host * 2).sum()))
    assert str(ag.build_graph((x * 2).sum())) == str(ag.build_graph((host * 2).sum()))
    assert "text/html" in (x * 2).sum()._repr_mimebundle_()


def test_where_nan_begins_is_found(kind: Kind) -> None:
    told = []
    for to_kind in (np.array, kind.to_kind):
        for f in (np.log, np.sqrt):  # in the value, and in the gradient
            x = ag.tensor(to_kind(A - 1), requires_grad=True)
            with pytest.raises(ag.NonFiniteError) as raised, ag.raise_on_nan(), np.errstate(all="ignore"):
                f(x).sum().backward()
            told.append(str(raised.value))
    assert told[:2] == told[2:]


def test_nothing_leaves_without_being_asked(kind: Kind) -> None:
    with pytest.raises(TypeError, match="(?i)implicit conversion"):
        np.asarray(leaf(kind).detach())


def test_what_needs_a_gradient_is_never_moved(kind: Kind) -> None:
    with pytest.raises(TypeError, match=r"multiply: expected arrays of one kind; received numpy\.ndarray and"):
        ag.tensor(A, requires_grad=True) * leaf(kind)


def test_a_parameter_that_is_one_number_may_stay_on_the_host(kind: Kind) -> None:
    x, scale = leaf(kind), ag.tensor(2.0, requires_grad=True)
    (scale * x * x + np.exp(scale)).sum().backward()
    assert kind.is_kind(x.grad.data)
    assert type(scale.grad.data) is np.ndarray
    np.testing.assert_allclose(x.grad.numpy(), 4 * A)
    np.testing.assert_allclose(scale.grad.numpy(), (A * A).sum() + 6 * np.exp(2.0))

    def loss(s: Any) -> Any:
        return (np.sin(s * kind.to_kind(A)) * s).sum()

    def on_host(s: Any) -> Any:
        return (np.sin(s * A) * s).sum()

    for way in (ag.grad, lambda f: ag.grad(ag.grad(f)), lambda f: lambda s: to_numpy(ag.jvp(f)((s,), (1.0,))[1])):
        found = way(loss)(2.0)
        np.testing.assert_allclose(found, way(on_host)(2.0))
        assert isinstance(found, np.ndarray | np.generic)


def test_what_a_library_lacks_is_named() -> None:
    special = pytest.importorskip("scipy.special")
    with pytest.raises(TypeError, match=r"dawsn: tests\.device_double\.DeviceArray has no such function"):
        special.dawsn(leaf(DOUBLE))


def test_devices_are_not_mixed() -> None:
    with Device(0):
        other = ag.tensor(asarray(A))
    with pytest.raises(ValueError, match="arrays of the devices"):
        leaf(DOUBLE) + other


def test_a_gradient_waits_for_no_device() -> None:
    """Nothing asks for a value before the end, so the work of a device is queued as fast as Python runs."""
    x, w, b = (ag.tensor(DOUBLE.to_kind(a), requires_grad=True) for a in (A, A.T, np.ones(2)))
    before = syncs.count
    loss = -np.log(ag.softmax(ag.relu(x @ w + b) @ w.T, axis=-1)).mean()
    loss.backward()
    assert DOUBLE.is_kind(w.grad.data)
    assert syncs.count == before


# ---- classes without a module, and those that register ---------------------------------------------------------------


class Plain(np.lib.mixins.NDArrayOperatorsMixin):
    """A class of its own, which implements the protocols and nothing else."""

    def __init__(self, a: Any) -> None:
        self.a = np.asarray(a)

    shape, dtype = (property(lambda self, name=name: getattr(self.a, name)) for name in ("shape", "dtype"))
    ndim, size = (property(lambda self, name=name: getattr(self.a, name)) for name in ("ndim", "size"))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        kwargs = {name: tuple(map(bare, x)) if name == "out" else x for name, x in kwargs.items()}
        return type(self)(getattr(ufunc, method)(*map(bare, inputs), **kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return type(self)(function(*map(bare, args), **{name: bare(x) for name, x in kwargs.items()}))

    def __getattr__(self, name: str) -> Any:
        if name not in ("astype", "copy", "reshape", "sum", "transpose"):
            raise AttributeError(name)
        return lambda *args, **kwargs: type(self)(getattr(self.a, name)(*map(bare, args), **kwargs))


def bare(x: Any) -> Any:
    return x.a if isinstance(x, Plain) else tuple(map(bare, x)) if isinstance(x, tuple) else x


def test_a_class_of_the_protocols_alone_makes_arrays_by_like() -> None:
    x = Plain(A)
    assert is_duck_array(x)
    for name, args in (("zeros", (2,)), ("ones", (2,)), ("full", (2, 3.0)), ("eye", (2,)), ("arange", (3,))):
        made = getattr(array_namespace(x), name)(*args, dtype=np.float32)
        assert isinstance(made, Plain)
        np.testing.assert_array_equal(made.a, getattr(np, name)(*args, dtype=np.float32), strict=True)
    assert isinstance(array_namespace(x).asarray(A), Plain)


def test_a_registered_kind_says_how_it_becomes_numpys_and_adds() -> None:
    class Own(Plain):
        pass

    Own.__qualname__ = "Own"
    x = Own(A)
    with pytest.raises(TypeError, match="to_numpy: expected an array that can become NumPy's; received Own"):
        to_numpy(x)
    register_array(
        Own, ArrayKind(to_numpy=lambda x: x.a, add_at=lambda out, i, values: out.a[i] + values, module="numpy")
    )
    np.testing.assert_array_equal(to_numpy(x), A)
    assert repr(ag.tensor(x)) == repr(ag.tensor(A))
    np.testing.assert_array_equal(add_at(x, (0,), 7.0), A[0] + 7)
    assert type(array_namespace(x).zeros(2)) is np.ndarray


@pytest.mark.parametrize(
    "x", [A, 2.0, np.float32(1), [1.0], "text", None, ag.tensor(A)], ids=lambda x: type(x).__name__
)
def test_what_is_not_foreign(x: Any) -> None:
    assert not is_duck_array(x)
    assert array_namespace(x) is np


def test_the_double_is_strict() -> None:
    """What real devices refuse, it refuses; what they leave undefined, it poisons."""
    with Device(1):
        a = asarray(A)
    for refused in (lambda: np.asarray(a), lambda: a + A, lambda: np.add(A, a), lambda: np.spacing(a)):
        with pytest.raises(TypeError):
            refused()
    with pytest.raises(ValueError, match="devices"):
        a + asarray(A)
    with pytest.raises(ValueError, match="dtype"):
        asarray(np.array([None]))
    assert isinstance(a.sum(), DeviceArray)
    assert a.sum().shape == ()
    assert not hasattr(a.flags, "writeable")
    with Device(1):
        twice, beyond = asarray(np.array([0, 0])), asarray(np.array([3]))
    np.testing.assert_array_equal(a[beyond].get(), A[[1]])
    a[twice] = 1.0
    assert np.isnan(a.get()[0]).all()

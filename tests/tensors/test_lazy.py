"""Arrays that are computed on demand, by a double that counts who asks for values; with Dask: `test_dask.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.duck_arrays import ArrayKind, register_array

X = np.random.default_rng(0).normal(size=(6, 2))
Y = np.random.default_rng(1).normal(size=6)
W = np.array([0.5, -1.0])


def bare(x: Any) -> Any:
    return x.values if isinstance(x, Plan) else [bare(a) for a in x] if isinstance(x, list | tuple) else x


class Plan(np.lib.mixins.NDArrayOperatorsMixin):
    """Knows its values, and counts whenever they are asked for."""

    asked = 0

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    shape = property(lambda self: self.values.shape)
    dtype = property(lambda self: self.values.dtype)
    ndim = property(lambda self: self.values.ndim)
    size = property(lambda self: self.values.size)
    chunks = property(lambda self: tuple((n,) for n in self.values.shape))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or any(isinstance(x, ag.Tensor) for x in inputs):
            return NotImplemented
        return Plan(ufunc(*map(bare, inputs), **kwargs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return Plan(function(*map(bare, args), **kwargs)) if issubclass(Plan, tuple(types)) else NotImplemented

    def __getattr__(self, name: str) -> Any:
        if name not in ("sum", "mean", "reshape", "astype", "copy", "T", "swapaxes", "transpose"):
            raise AttributeError(name)
        found = getattr(self.values, name)
        return (lambda *args, **kwargs: Plan(found(*args, **kwargs))) if callable(found) else Plan(found)

    def __getitem__(self, index: Any) -> Any:
        return Plan(self.values[index])

    def compute(self) -> Any:
        Plan.asked += 1
        return self.values

    __array__ = __bool__ = __float__ = compute


def computed(*arrays: Any) -> tuple[Any, ...]:
    Plan.asked += 1
    return tuple(map(bare, arrays))


register_array(
    Plan,
    ArrayKind(
        compute=computed,
        broadcast_like=lambda g, x: Plan(np.broadcast_to(bare(g), x.shape)),
        elementwise=lambda f, *inputs: Plan(f(*map(bare, inputs))),
    ),
)


def loss(w: Any, x: Any, y: Any) -> Any:
    return ((np.tanh(x @ w) - y) ** 2).mean()


def leaf(w: Any, x: Any, y: Any) -> Any:
    t = ag.tensor(w, requires_grad=True)
    loss(t, x, y).backward()
    assert t.grad is not None
    return t.grad.data


WAYS: dict[str, Callable[..., Any]] = {
    "backward": leaf,
    "grad": ag.grad(loss),
    "by the data": ag.grad(lambda x, w, y: loss(w, x, y), 1),
    "vjp": lambda *args: ag.vjp(loss)(*args)[1](1.0),
    "jvp": lambda w, x, y: ag.jvp(lambda w: loss(w, x, y))((w,), (w,))[1],
    "hvp": lambda w, x, y: ag.hvp(lambda w: loss(w, x, y))(w, w),
    "compile": lambda w, x, y: ag.compile(ag.grad(lambda w: loss(w, x, y)))(w),
    "checkpoint": lambda w, x, y: ag.grad(ag.checkpoint(lambda w: loss(w, x, y)))(w),
}


@pytest.mark.parametrize("way", WAYS)
def test_derivatives_stay_lazy_by_parameters_of_numpy_too(way: str) -> None:
    before = Plan.asked
    if way == "by the data":
        found, expected = (WAYS[way](x, W, y) for x, y in ((Plan(X), Plan(Y)), (X, Y)))
    else:
        found, expected = (WAYS[way](W, x, y) for x, y in ((Plan(X), Plan(Y)), (X, Y)))
    assert isinstance(found, Plan)
    assert Plan.asked == before
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)


def test_a_solve_asks_once_for_each_evaluation() -> None:
    before = Plan.asked
    found = ag.optimize.minimize(loss, W, args=(Plan(X), Plan(Y)))
    assert Plan.asked - before == found.nfev
    np.testing.assert_allclose(found.x, ag.optimize.minimize(loss, W, args=(X, Y)).x, rtol=1e-6)


def test_printing_shows_no_values() -> None:
    before = Plan.asked
    assert repr(ag.tensor(Plan(X))) == "Tensor(shape=(6, 2), chunks=((6,), (2,)))"
    assert Plan.asked == before

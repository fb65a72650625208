"""`reshape`, `ravel` and `flatten` in every order, for arrays that lie in memory in every way: as in NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..rows import for_every

X = np.random.default_rng(3).normal(size=(2, 3, 4))
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C": lambda x: x,
    "F": lambda x: x.T,
    "middle": lambda x: x.transpose(1, 0, 2),
    "backwards": lambda x: x[::-1, :, ::-1],
    "backwards F": lambda x: x.T[::-1],
    "strided": lambda x: x[:, ::2, 1:3],
    "one": lambda x: x[:, :1].transpose(2, 1, 0),
    "vector": lambda x: x[0, 0],
    "number": lambda x: x[0, 0, 0],
    "none": lambda x: x[:, :0],
}
FORMS: dict[str, Callable[[Any, str], Any]] = {
    "x.ravel": lambda x, o: x.ravel(o),
    "x.flatten": lambda x, o: x.flatten(order=o),
    "np.ravel": lambda x, o: np.ravel(x, order=o),
    "x.reshape": lambda x, o: x.reshape(-1, 2, order=o) if x.size > 1 else x.reshape((x.size,), order=o),
    "np.reshape": lambda x, o: np.reshape(x, (2, -1), o) if x.size > 1 else np.reshape(x, (x.size, 1), o),
}
ROWS = [
    (layout, form, order)
    for layout, form, order in itertools.product(LAYOUTS, FORMS, "CFAK")
    if order != "K" or "reshape" not in form
]


@for_every(ROWS[::7], name=" ".join)
def test_each_order_reads_as_in_numpy(row: tuple[str, str, str]) -> None:
    _check(row)


@pytest.mark.ci
@for_every(ROWS, name=" ".join)
def test_each_order_reads_as_in_numpy_by_every_name(row: tuple[str, str, str]) -> None:
    _check(row)


def _check(row: tuple[str, str, str]) -> None:
    layout, form, order = LAYOUTS[row[0]], FORMS[row[1]], row[2]
    f = lambda x: form(layout(x), order)  # noqa: E731
    value = f(X)
    weights = np.random.default_rng(4).normal(size=value.shape)
    assert np.array_equal(f(ag.tensor(X)).numpy(), value)
    laid = ag.tensor(layout(X), copy=False) if layout(X).ndim else ag.tensor(layout(X))
    assert np.array_equal(form(laid, order).numpy(), value)
    places = f(np.arange(X.size).reshape(X.shape))
    slope = np.zeros(X.size)
    slope[places] = weights
    loss = lambda x: (f(x) * weights).sum()  # noqa: E731
    assert np.array_equal(ag.grad(loss)(X), slope.reshape(X.shape))
    assert np.array_equal(ag.jvp(f)((X,), (X + 1,))[1], f(X + 1))
    assert np.array_equal(ag.hvp(lambda x: (f(x) ** 2 * weights).sum() / 2)(X, X), ag.grad(loss)(X) * X)
    many = np.stack([X, X + 1, X - 1])
    assert np.array_equal(ag.vmap(f)(many), np.stack([f(x) for x in many]))
    assert np.array_equal(ag.vmap(ag.grad(loss))(many), np.stack([slope.reshape(X.shape)] * 3))
    if order in "CF":
        compiled = ag.compile(ag.value_and_grad(loss))
        for shift in range(4):
            value, gradient = compiled(X + shift)
            assert np.isclose(value, (f(X + shift) * weights).sum())
            assert np.array_equal(gradient, slope.reshape(X.shape))


@pytest.mark.parametrize("order", ["A", "K"])
def test_a_replay_does_not_ask_how_values_lie(order: str) -> None:
    """Its arguments may lie otherwise, which nothing in it would see."""
    f = ag.compile(lambda x: x.ravel(order) * 1.0)
    with pytest.raises(ag.TraceError, match=rf"order='{order}'.*order='C' or order='F'"):
        f(X)


def test_an_order_that_there_is_not_is_refused() -> None:
    t = ag.tensor(X)
    for call in (lambda: t.ravel("Z"), lambda: np.reshape(t, -1, "K"), lambda: t.flatten(order=3)):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"expected order to be 'C', 'F'"):
            call()

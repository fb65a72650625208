"""What shares memory in NumPy and what does not, and what cannot be written."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np
import pytest

import autograd_lite as ag
import autograd_lite.numpy as xnp
from autograd_lite.tensors import record
from autograd_lite.tensors.views import NEW, _new_view, introduce, new_view

# ---- views and copies ------------------------------------------------------------------------------------------------

CALLS = (
    "z.flatten()",
    "z.copy()",
    "np.copy(z)",
    "z.ravel()",
    "np.ravel(z)",
    "z.T.ravel()",
    "z.reshape(3, 2)",
    "z.T.reshape(-1)",
    "z.T.reshape(2, 3)",
    "z.T.reshape(3, 2)",
    "np.reshape(z, (6,))",
    "np.take(z, 0, axis=0)",
    "np.take(z, [0, 1], axis=0)",
    "z.take(0, axis=0)",
    "np.roll(z, 0)",
    "np.roll(z, 0, axis=0)",
    "np.roll(z, 1)",
    "np.rot90(z, 0)",
    "np.rot90(z)",
    "np.rot90(z, 2)",
    "np.flip(z)",
    "np.fliplr(z)",
    "np.flipud(z)",
    "np.swapaxes(z, 0, 1)",
    "np.swapaxes(z, 0, 0)",
    "z.swapaxes(0, 1)",
    "np.moveaxis(z, 0, 0)",
    "np.rollaxis(z, 1)",
    "np.transpose(z)",
    "z.transpose(0, 1)",
    "z.mT",
    "np.matrix_transpose(z)",
    "np.squeeze(z)",
    "np.squeeze(z[:1])",
    "z.squeeze()",
    "np.expand_dims(z, 0)",
    "np.atleast_1d(z)",
    "np.atleast_2d(z)",
    "np.atleast_3d(z)",
    "np.atleast_2d(z[0])",
    "np.diff(z, n=0)",
    "np.real(z)",
    "z.real",
    "np.imag(z)",
    "np.conj(z)",
    "z.conj()",
    "z.conjugate()",
    "np.real_if_close(z)",
    "np.broadcast_to(z, (2, 3))",
    "np.broadcast_to(z, (4, 2, 3))",
    "np.broadcast_arrays(z, np.ones((2, 3)))[0]",
    "np.diagonal(z)",
    "z.diagonal()",
    "np.diag(z)",
    "np.diagonal(z, 1)",
    "np.split(z, 3, axis=1)[0]",
    "np.array_split(z, 2)[0]",
    "np.hsplit(z, 3)[0]",
    "np.vsplit(z, 2)[0]",
    *(["np.unstack(z)[0]"] if hasattr(np, "unstack") else []),  # NumPy 2.1
    "np.concatenate([z])",
    "np.concatenate([z], axis=None)",
    "np.vstack([z])",
    "np.hstack([z])",
    "np.stack([z])",
    "np.block([z])",
    "np.append(z, [])",
    "np.append(z, np.zeros((0, 3)), axis=0)",
    "np.repeat(z, 1)",
    "np.repeat(z, 1, axis=0)",
    "np.tile(z, 1)",
    "np.tile(z, (1, 1))",
    "np.resize(z, (2, 3))",
    "np.delete(z, [], axis=0)",
    "np.delete(z, 0, axis=0)",
    "np.delete(z, 1, axis=1)",
    "np.delete(z, slice(0, 1), axis=0)",
    "np.insert(z, [], 0, axis=0)",
    "np.trim_zeros(z[0])",
    "np.pad(z, 0)",
    "np.nan_to_num(z)",
    "np.compress([True, True], z, axis=0)",
    "np.extract(np.ones((2, 3), bool), z)",
    "np.clip(z, None, 100)",
    "z.clip(-1, 100)",
    "np.sum(z, axis=())",
    "np.where(True, z, 0)",
    "np.positive(z)",
    "z.astype(float)",
    "z.astype(float, copy=False)",
    "np.astype(z, float)",
    "np.astype(z, float, copy=False)",
    "np.sort(z)",
    "np.partition(z, 0)",
    "np.tril(z, 9)",
    "np.triu(z, -9)",
    "np.select([np.ones((2, 3), bool)], [z])",
    "np.choose(0, [z])",
    "np.piecewise(z, [z > 100], [0, lambda t: t])",
    "np.cumsum(z, axis=0)",
    "np.cumsum(z[:1], axis=0)",
    "np.sum(z[:1], axis=0)",
    "np.sum(z, axis=0, keepdims=True)[0]",
    "np.max(z[:1], axis=0)",
    "np.trapezoid(z[:1], axis=0)",
    "np.ediff1d(z)",
    "np.fix(z)",
    "np.round(z)",
    "z.round()",
    "np.lib.stride_tricks.sliding_window_view(z, 2, axis=1)",
    "np.take_along_axis(z, np.array([[0, 1, 2]]), axis=1)",
    "np.permute_dims(z, (1, 0))",
    "z[0:2]",
    "z[[0, 1]]",
    "z[np.array([True, True])]",
    "z[0, [0, 1]]",
    "z[..., np.newaxis]",
    "z[:, 0]",
    "z[z > -100]",
    "z[np.array(0)]",
    "z[np.int64(1)]",
    "z[()]",
    "z[...]",
    "np.apply_along_axis(lambda r: r, 1, z)",
    "np.einsum('ij->ji', z)",
    "np.einsum('ij->ij', z)",
    "np.einsum('ii->i', z[:, :2])",
    "np.tensordot(z, 1., 0)",
    "np.dot(z, 1.)",
    "np.outer(z[0], 1.)[:, 0]",
    "np.meshgrid(z[0], [1.])[0]",
    "np.meshgrid(z[0], [1.], copy=False)[0]",
    "np.meshgrid(z[0], copy=False)[0]",
    "np.ix_(z[0])[0]",
    "np.linalg.matrix_power(z[:, :2], 1)",
    "np.linalg.multi_dot([z[:, :2], np.eye(2)])",
    "np.linalg.diagonal(z[:, :2])",
    "np.cross(z, z)",
    "np.vander(z[0], 1)",
    "np.polyval([1.], z)",
    "np.array_split(z, 1)[0]",
    "np.nanmax(z[:1], axis=0)",
    "np.average(z[:1], axis=0)",
    "np.median(z[:1], axis=0)",
    "np.convolve(z[0], [1.])",
    "np.interp(z, [0., 100.], [0., 100.])",
    "np.unwrap(z[:, :1])",
    "np.gradient(z)[0]",
    "np.sinc(z)",
    "np.fft.fftshift(z)",
    "np.maximum(z, z)",
    "np.add.reduce(z[:1])",
    "np.lexsort((z[0],))",
    "np.unique(z)",
    "np.column_stack([z])",
    "np.dstack([z])[..., 0]",
)


@pytest.mark.parametrize("dtype", [float, complex])
def test_what_numpy_makes_a_view_follows_writes_and_nothing_else_does(dtype: Any) -> None:
    """Over NumPy's functions that move elements, and some that may return what they are given."""
    for text in CALLS:
        code, seen = compile(text, text, "eval"), []
        if dtype is complex and "float" in text:
            continue
        for z in (np.arange(1.0, 7).reshape(2, 3).astype(dtype), ag.tensor(np.arange(1.0, 7).reshape(2, 3), dtype)):
            try:
                y = eval(code, {"np": np, "z": z})
            except (TypeError, ag.UnsupportedError):
                seen.append(None)  # some functions are of real numbers alone, and a few not for Tensors
                continue
            before = np.array(y.tolist())
            z += 1.0
            seen.append((before, np.array(y.tolist())))
        if None in seen:
            continue
        for expected, found in zip(*seen, strict=True):
            np.testing.assert_allclose(found, expected, err_msg=text)


# ---- what is refused, with both lines --------------------------------------------------------------------------------


def test_a_view_of_a_parameter_is_written_under_no_grad_alone() -> None:
    w = ag.tensor(np.ones((2, 3)), requires_grad=True)
    with ag.record_source():
        row = w[0]
    with pytest.raises(
        ag.GradError, match=r"t \+= v at .*test_sharing.py:\d+ .*a view that was made at .*test_sharing.py"
    ):
        row += 1
    kept = w.T
    with ag.no_grad():
        rows = list(w)
        rows[0] -= 3
        rows[1][1:] *= rows[0][1:]
    np.testing.assert_array_equal(w.numpy(), [[-2, -2, -2], [1, -2, -2]])
    np.testing.assert_array_equal(kept.detach().numpy(), np.ones((3, 2)))  # what was recorded stays true
    assert w.is_leaf
    assert w.requires_grad


def test_what_is_made_of_one_value_can_be_written() -> None:
    s = ag.tensor(2.0, requires_grad=True)
    for made in (xnp.full((2, 3), s), np.full_like(ag.tensor(np.ones((2, 3))), s)):
        made[0] = 5.0
        s.grad = None
        made.sum().backward()
        assert s.grad is not None
        assert s.grad.item() == 3.0
        np.testing.assert_array_equal(made.detach().numpy(), [[5, 5, 5], [2, 2, 2]])


def test_what_can_only_be_read_is_refused() -> None:
    z = ag.tensor(np.ones((3, 3)))
    for view in (np.broadcast_to(z, (2, 3, 3)), np.diagonal(z), np.lib.stride_tricks.sliding_window_view(z, 2, axis=0)):
        with pytest.raises(ValueError, match=r"expected a Tensor .* received"):
            view[...] = 3.0
    np.testing.assert_array_equal(z.numpy(), np.ones((3, 3)))


def test_a_compiled_function_refuses_views_from_outside() -> None:
    z = ag.tensor(np.ones((2, 3)))
    views = [z[0]]

    @ag.compile
    def through(x: Any) -> Any:
        views[0][...] = x
        return z * 1

    @ag.compile
    def beside(x: Any) -> Any:
        z[1] = x
        return z * 1

    for f in (through, beside):
        with pytest.raises(ag.TraceError, match=r"t\[i\] = v at .*test_sharing.py.* Make the view inside, or a copy"):
            f(np.zeros(3))
    views.clear()
    np.testing.assert_array_equal(beside(np.zeros(3)), [[1, 1, 1], [0, 0, 0]])


def test_views_cost_no_cycles_and_are_freed() -> None:
    gc.collect()
    gc.disable()
    try:
        z = ag.tensor(np.ones((2, 3)), requires_grad=True) * 1
        y = z.T
        z += 1
        row = y[0]
        row *= 2
        dead = [ref(t) for t in (z, y, row)]
        del z, y, row
        assert [t() for t in dead] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize("make", [new_view, _new_view])
def test_many_views_follow_and_those_that_live_no_more_are_forgotten(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "new_view", make)  # in C, and the same in Python
    introduce()
    z = ag.tensor(np.arange(6.0).reshape(2, 3))
    rows = [z[k % 2] for k in range(1000)]
    for _ in range(3000):
        z[:, 1:].T  # noqa: B018
    assert len(NEW) < 3500
    z *= 2
    assert [row.tolist() for row in rows] == [[0, 2, 4], [6, 8, 10]] * 500
    y = z
    for _ in range(200):
        y = y.T
    y += 1
    assert z.tolist() == [[1, 3, 5], [7, 9, 11]]
    flat = z.T.reshape(-1)  # a copy, which must not keep what it is of
    dead = ref(z)
    del z, y, rows
    assert dead() is None
    assert flat.tolist() == [1, 7, 3, 9, 5, 11]


def _fill_an_array(x: Any) -> Any:
    out = np.zeros(3)
    for i in range(3):
        out[i] = x[i] ** 2
    return out.sum()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ag.grad(_fill_an_array)(x),
        lambda x: ag.jvp(_fill_an_array)((x,), (x,)),
        lambda x: ag.vmap(_fill_an_array)(x[None]),
        lambda x: ag.compile(_fill_an_array)(x),
    ],
)
def test_an_element_of_an_array_is_refused_in_our_words(call: Callable[[Any], Any]) -> None:
    with pytest.raises(
        Exception, match=r"lose its gradient|differ from example to example|with Tensors alone"
    ) as raised:
        call(np.ones(3))
    lines = [entry.line for entry in traceback.extract_tb(raised.value.__traceback__)]
    assert "out[i] = x[i] ** 2" in lines

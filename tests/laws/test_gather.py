"""Indices that differ from example to example: `y[i]` inside `vmap`, with what every example would give by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.ops.gather import gather_at

from ..rows import for_every

_RNG = np.random.default_rng(5)
Y = _RNG.normal(size=(4, 5, 3))
NUMBER, LIST, TABLE = (_RNG.integers(-3, 3, size=shape) for shape in ((6,), (6, 2), (6, 2, 1)))


class Form(NamedTuple):
    """A way to write an index: a function of an array and of the integers of one example."""

    name: str
    read: Callable[[Any, Any], Any]
    integers: np.ndarray


FORMS = [
    Form(f"{name} by {integers.shape[1:]}", read, integers)
    for integers in (NUMBER, LIST, TABLE)
    for name, read in {
        "y[i]": lambda y, i: y[i],
        "y[:, i]": lambda y, i: y[:, i],
        "y[..., i]": lambda y, i: y[..., i],
        "y[1:, i]": lambda y, i: y[1:, i],
        "y[i, :, 0]": lambda y, i: y[i, :, 0],
        "y[:, i, i]": lambda y, i: y[:, i, i],
        "y[i, i, i]": lambda y, i: y[i, i, i],
        "y[::-1, i, [0]]": lambda y, i: y[::-1, i, [0]],
        "y[None, i, None, 1]": lambda y, i: y[None, i, None, 1],
        "y[i, ..., None]": lambda y, i: y[i, ..., None],
        "y[i + 0 * i]": lambda y, i: y[i + 0 * i],
        "y[i.astype('uint8') % 3]": lambda y, i: y[i.astype("uint8") % 3],
        "take": lambda y, i: np.take(y, i),
        "take by an axis": lambda y, i: np.take(y, i, axis=1),
        "take, clipped": lambda y, i: np.take(y, i + 9, axis=-1, mode="clip"),
        "take, wrapped": lambda y, i: np.take(y, i + 9, axis=0, mode="wrap"),
    }.items()
]
MASKED = Form("beside a mask", lambda y, i: y[np.array([True, False, True, False]), i], NUMBER)


def _loop(form: Form, ys: Any) -> np.ndarray:
    return np.stack([form.read(y, i) for y, i in zip(ys, form.integers, strict=True)])


@for_every([*FORMS, MASKED])
def test_each_example_has_its_own_index(form: Form) -> None:
    """With an array that all share, or one for each; values, gradients by either way, tangents, and compiled."""
    integers, many = form.integers, _RNG.normal(size=(6, *Y.shape))
    expected = _loop(form, [Y] * 6)
    weights = _RNG.normal(size=expected.shape)
    shared = lambda y, i: ag.vmap(lambda k: form.read(y, k))(i)  # noqa: E731
    loss = lambda y, i: (shared(y, i) ** 2 * weights).sum()  # noqa: E731
    assert np.array_equal(ag.vmap(form.read)(many, integers), _loop(form, many))
    value, slope = ag.value_and_grad(lambda y: loss(y, integers))(Y)
    assert np.isclose(value, (expected**2 * weights).sum())
    one = lambda k, w: ag.grad(lambda y: (form.read(y, k) ** 2 * w).sum())(Y)  # noqa: E731
    rows = [one(k, w) for k, w in zip(integers, weights, strict=True)]
    assert np.allclose(slope, sum(rows))
    assert np.allclose(ag.vmap(one)(integers, weights), rows)
    assert np.array_equal(ag.jvp(lambda y: shared(y, integers))((Y,), (many[0],))[1], _loop(form, [many[0]] * 6))
    assert np.allclose(ag.hvp(lambda y: loss(y, integers))(Y, many[0]), ag.grad(lambda y: loss(y, integers))(many[0]))


@for_every(FORMS[::5])
def test_replays_read_the_indices_anew(form: Form) -> None:
    step = ag.compile(ag.value_and_grad(lambda y, i: (ag.vmap(lambda k: form.read(y, k))(i) ** 2).sum()))
    for shift in range(4):
        other = form._replace(integers=(form.integers + 3 + shift) % 3)
        value, slope = step(Y + shift, other.integers)
        assert np.isclose(value, (_loop(other, [Y + shift] * 6) ** 2).sum())
        expected = [ag.grad(lambda y, i=i: (form.read(y, i) ** 2).sum())(Y + shift) for i in other.integers]
        assert np.allclose(slope, sum(expected))


@for_every(FORMS)
def test_the_index_means_what_it_means_in_numpy(form: Form) -> None:
    class Recorder:
        def __getitem__(self, key: Any) -> Any:
            return gather_at(Y, key)

    if "take" not in form.name:
        for i in form.integers[:3]:
            assert np.array_equal(form.read(Recorder(), np.asarray(i)), form.read(Y, i))


def test_a_shared_array_is_not_repeated() -> None:
    """One row each of a large table: the rows alone are read and held."""
    table = np.zeros((1000, 50))
    graph = []

    def rows(y: Any) -> Any:
        out = ag.vmap(lambda i: y[i] + np.take(y, i, axis=0))(np.arange(40))
        graph.extend(ag.graph.build_graph(out))
        return out.sum()

    ag.grad(rows)(table)
    assert max(node.size for node in graph) <= table.size


def test_what_has_no_one_meaning_is_refused() -> None:
    with pytest.raises(IndexError, match="index 9 is out of bounds for axis 0 of length 4"):
        ag.vmap(lambda i: ag.tensor(Y)[i])(np.array([1, 9]))
    with pytest.raises(IndexError, match="expected at most 3 indices, one an axis; received 4"):
        ag.vmap(lambda i: ag.tensor(Y)[i, 0, 0, 0])(NUMBER)
    with pytest.raises(TypeError, match=r"index a Tensor, as in ag\.tensor\(y\)\[i\]"):
        ag.vmap(lambda i: ag.tensor(Y)[0][0][i > 0])(TABLE)
    with pytest.raises(TypeError, match=r"an index of an array y, write ag\.tensor\(y\)\[i\]"):
        ag.vmap(lambda i: Y[i])(NUMBER)


# ---- writing --------------------------------------------------------------------------------------------------------


def _through(read: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Any], None]:
    def write(y: Any, i: Any, x: Any) -> None:
        row = read(y, i)
        row *= x
        row[..., 0] = 7.0

    return write


def _add(y: Any, i: Any, x: Any) -> None:
    y[i, :, 1] += x


def _two_rows(y: Any, i: Any, x: Any) -> None:
    row, other = y[i], y[i]
    row += x
    other *= row[::-1]


def _swap(y: Any, i: Any, x: Any) -> None:
    y[0], y[i] = y[i].copy() * x, y[0].copy()


def _later(y: Any, i: Any, x: Any) -> None:
    row = y[i]
    y *= x
    y[..., 0] = row[:, 0]


WRITES: dict[str, Callable[[Any, Any, Any], None]] = {
    "y[i] = v": lambda y, i, x: y.__setitem__(i, x),
    "y[..., i] = v": lambda y, i, x: y.__setitem__((..., i), np.arange(5.0) * x),
    "y[1:, i, ::2] = v": lambda y, i, x: y.__setitem__((slice(1, None), i, slice(None, None, 2)), x),
    "y[i, 0, i] = v": lambda y, i, x: y.__setitem__((i, 0, i), x),
    "y[i, :, 1] += v": _add,
    "y[i]": _through(lambda y, i: y[i]),
    "y[:, i]": _through(lambda y, i: y[:, i]),
    "y[1:, None, i]": _through(lambda y, i: y[1:, None, i]),
    "a view of a view": _through(lambda y, i: y[i].T[::-1]),
    "two views": _two_rows,
    "a swap": _swap,
    "a view, then all": _later,
}
X = _RNG.normal(size=6)


@pytest.mark.parametrize("write", WRITES)
def test_each_example_writes_at_its_own_index(write: str) -> None:
    def f(y: Any, i: Any, x: Any, make: Any = lambda y, x: y * (x * 0 + 1)) -> Any:
        y = make(y, x)
        WRITES[write](y, i, x)
        return y

    def loss(y: Any, i: Any, x: Any) -> Any:
        return (f(y, i, x) ** 2 * y).sum()

    expected = np.stack([f(Y, i, x) for i, x in zip(NUMBER, X, strict=True)])
    assert np.array_equal(ag.vmap(f, (None, 0, 0))(Y, NUMBER, X), expected)
    assert np.array_equal(ag.vmap(lambda i, x: f(Y, i, x, lambda y, x: ag.tensor(y)))(NUMBER, X), expected)  # shared
    slopes = [ag.grad(loss, (0, 2))(Y, int(i), x) for i, x in zip(NUMBER, X, strict=True)]
    gradients = ag.vmap(ag.grad(loss, (0, 2)), (None, 0, 0))
    compiled = ag.compile(gradients)
    for gradient in (gradients, compiled, compiled, compiled):
        for g, slope in zip(gradient(Y, NUMBER, X), zip(*slopes, strict=True), strict=True):
            assert np.allclose(g, slope)


def test_a_list_of_places_may_name_one_twice_and_is_refused() -> None:
    with pytest.raises(TypeError, match="differ from example to example"):
        ag.vmap(lambda i: (ag.tensor(Y) * 1).__setitem__(i, 0.0))(LIST)

"""`array`: NumPy's, for what holds Tensors at any depth."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag

DTYPES = [np.dtype(c) for c in "?bhlfdF"]


@st.composite
def nests(draw: Any) -> tuple[Any, Any]:
    """Draw nested containers of numbers and arrays of one shape, some of them as Tensors, and the same without them."""
    shape = draw(st.lists(st.integers(1, 3), max_size=3).map(tuple))

    def part(shape: tuple[int, ...]) -> tuple[Any, Any]:
        kind = draw(st.sampled_from(["nest", "array", "tensor"] if shape else ["number", "array", "tensor", "tensor"]))
        if kind == "nest":
            children = [part(shape[1:]) for _ in range(shape[0])]
            container = draw(st.sampled_from([list, tuple, deque, iter, _view]))
            return container([ours for ours, _ in children]), [theirs for _, theirs in children]
        if kind == "number":
            number = draw(st.sampled_from([True, 2, 0.5, 1j]))
            return number, number
        a = np.full(shape, draw(st.integers(0, 3))).astype(draw(st.sampled_from(DTYPES)))
        return (ag.tensor(a) if kind == "tensor" else a), a

    children = [part(shape) for _ in range(draw(st.integers(1, 3)))]
    return [ours for ours, _ in children], [theirs for _, theirs in children]


def _view(children: list[Any]) -> Any:
    return dict(enumerate(children)).values()


@given(nests())
@settings(max_examples=150, deadline=None)
def test_it_makes_what_numpy_makes_of_bare_arrays(drawn: tuple[Any, Any]) -> None:
    ours, theirs = drawn
    expected = np.array(theirs)
    made = ag.array(ours)
    assert made.shape == expected.shape
    assert made.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(made), expected)


def rotation(x: Any) -> Any:
    rows = [[np.cos(x[0]), -np.sin(x[0]) * x[1]], ag.array([np.sin(x[0]), 1.0])]
    return ag.array(row for row in rows)


def plain(x: Any) -> Any:
    c, s = np.cos(x[0]), np.sin(x[0])
    one = np.ones(())
    return np.stack([np.stack([c, -s * x[1]]), np.stack([s, one])])


X, V = np.array([0.3, -1.2]), np.array([1.0, 0.5])
MODES = {
    "value": lambda f: f(X),
    "grad": lambda f: ag.grad(lambda x: (f(x) ** 2).sum())(X),
    "hessian": lambda f: ag.hessian(lambda x: (f(x) ** 3).sum())(X),
    "third": lambda f: ag.jacobian(ag.hessian(lambda x: (f(x) ** 3).sum()))(X),
    "jvp": lambda f: ag.jvp(f)((X,), (V,))[1],
    "jacobian": lambda f: (ag.jacobian(f, mode="forward")(X), ag.jacobian(f, mode="reverse")(X)),
    "vmap": lambda f: ag.vmap(f)(np.stack([X, V])),
    "vmap grad": lambda f: ag.vmap(ag.grad(lambda x: (f(x) ** 2).sum()))(np.stack([X, V])),
    "grad vmap": lambda f: ag.grad(lambda x: (ag.vmap(f)(x) ** 2).sum())(np.stack([X, V])),
    "compile": lambda f: [ag.compile(lambda x: f(x) * 2)(x) for x in (X, V)],
    "compiled grad": lambda f: [ag.compile(ag.grad(lambda x: (f(x) ** 2).sum()))(x) for x in (X, V)],
    "scan": lambda f: ag.scan(lambda c, e: (f(ag.array([c, e])).sum(), c), X[0], V),
}


@pytest.mark.parametrize("mode", MODES)
def test_derivatives_are_those_of_stacks(mode: str) -> None:
    pairs = zip(ag.tree.leaves(MODES[mode](rotation)), ag.tree.leaves(MODES[mode](plain)), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-14)


def test_a_flat_list_is_one_op_and_constants_are_not_pulled_back_to() -> None:
    t = ag.tensor(2.0, requires_grad=True)
    made = ag.array([t, 1.0, t * 3, np.float32(2)])
    assert (made.op.name, len(made.inputs)) == ("array", 4)
    graph = ag.build_graph((made**2).sum(), backward=True)
    assert sum(node.op == "getitem" for node in graph) == 2
    (made**2).sum().backward()
    assert t.grad.item() == 2 * 2 + 2 * 6 * 3


def test_what_is_not_nested_and_what_holds_objects() -> None:
    t = ag.tensor([1.0, 2.0], requires_grad=True)
    twin = ag.array(t, dtype=np.float32)
    assert (twin.dtype, twin.requires_grad) == (np.float32, True)
    objects = np.empty((1, 2), object)
    objects[0, 0], objects[0, 1] = t[0], 3.0
    assert ag.array(objects).tolist() == [[1.0, 3.0]]
    a = np.ones(2)
    made = ag.array(a)
    assert type(made) is np.ndarray
    assert made is not a
    assert ag.array(range(3)).tolist() == [0, 1, 2]
    assert ag.array([]).shape == (0,)
    assert ag.array([t, t], dtype=complex).dtype == complex


def test_the_callers_arrays_are_copied_and_read_again_at_replays() -> None:
    t, a = ag.tensor(1.0, requires_grad=True), np.ones(())
    made = ag.array([t, a])
    compiled = ag.compile(lambda t: ag.array([t, a]) * 1.0)
    assert compiled(1.0).tolist() == [1.0, 1.0]
    a[...] = 5
    assert made.tolist() == [1.0, 1.0]
    assert compiled(1.0).tolist() == [1.0, 5.0]


RAGGED = [lambda t: [t, [t]], lambda t: [[t], [t, t]], lambda t: [t, np.ones(2)], lambda t: [[], [t]]]


@pytest.mark.parametrize("bad", RAGGED)
def test_ragged_nests_are_refused(bad: Any) -> None:
    with pytest.raises(ag.ShapeError, match="array: expected parts of one shape at each depth; received "):
        ag.array(bad(ag.tensor(1.0)))


def test_what_is_not_a_number_is_refused_beside_tensors() -> None:
    with pytest.raises(ag.DtypeError, match="array: expected numbers; received 'a' beside Tensors"):
        ag.array([ag.tensor(1.0), "a"])

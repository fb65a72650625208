"""Indexing of every kind that NumPy has: value, gradient, second derivative, and assignment at the same positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import autograd_lite as ag

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FULL_SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


@st.composite
def mixtures(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """An index with integers, slices, new axes, integer arrays that repeat positions, and masks side by side."""
    count = draw(st.integers(0, 3))
    parts: list[Any] = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        parts.append(
            draw(st.one_of(st.integers(-n, n - 1), st.slices(n), arrays_of_positions(n, count), masks(n, count)))
        )
        if draw(st.integers(0, 5)) == 0:
            parts.append(None)
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))) if len(parts) == len(shape) else len(parts), Ellipsis)
    return tuple(parts)


def arrays_of_positions(n: int, count: int) -> st.SearchStrategy[Any]:
    shapes = st.sampled_from([(count,), (1,), (2, count), (2, 1)])
    return shapes.flatmap(lambda shape: hnp.arrays(np.intp, shape, elements=st.integers(-n, n - 1)))


def masks(n: int, count: int) -> st.SearchStrategy[Any]:
    """Masks of one axis with `count` true, so that they broadcast with the arrays of positions."""
    picks = st.permutations(range(n)).map(lambda order: np.isin(np.arange(n), order[:count]))
    return picks if n >= count else st.integers(-n, n - 1)


def indices(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """Any index of an array of this shape."""
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    kinds = [basic, hnp.arrays(bool, shape)]
    if shape and min(shape) > 0:
        kinds += [hnp.integer_array_indices(shape), mixtures(shape)]
    return st.one_of(kinds)


indexed = SHAPES.flatmap(lambda shape: st.tuples(st.just(shape), indices(shape)))


def values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(size=shape))


def scattered(shape: tuple[int, ...], index: Any, v: Any) -> np.ndarray:
    """Return zeros with `v` added at the positions of `index`."""
    out = np.zeros(shape)
    np.add.at(out, index, v)
    return out


@given(indexed)
def test_the_value_is_numpys(case: Any) -> None:
    shape, index = case
    a = values(shape)
    for t in (ag.tensor(a), ag.tensor(a, requires_grad=True), ag.tensor(a, requires_grad=True) * 1.0):
        got = t[index]
        assert isinstance(got, ag.Tensor)
        assert got.shape == a[index].shape
        np.testing.assert_array_equal(got.detach().numpy(), a[index])


@given(indexed)
def test_the_gradient_is_added_at_the_same_positions(case: Any) -> None:
    shape, index = case
    x = ag.tensor(values(shape), requires_grad=True)
    v = values(x[index].shape, 1)
    (x[index] * v).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), scattered(shape, index, v), rtol=1e-13)
    assert x.grad.shape == shape


@given(indexed)
def test_the_second_derivative(case: Any) -> None:
    """Of sum(v x[i]³) along u: 6 v x[i] u[i], added at the same positions."""
    shape, index = case
    a, u = values(shape), values(shape, 2)
    v = values(a[index].shape, 1)
    gradient = ag.grad(lambda x: (x[index] ** 3 * v).sum())
    second = ag.grad(lambda x: (gradient(x) * u).sum())(a)
    np.testing.assert_allclose(gradient(a), scattered(shape, index, 3 * v * a[index] ** 2), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(second, scattered(shape, index, 6 * v * a[index] * u[index]), rtol=1e-12, atol=1e-14)


@given(indexed, st.booleans())
def test_assignment_is_numpys_and_its_gradients_follow_the_values(case: Any, one_value: bool) -> None:
    shape, index = case
    a = values(shape)
    b = values(() if one_value else a[index].shape, 1)
    x, y = ag.tensor(a, requires_grad=True), ag.tensor(b, requires_grad=True)
    t = x * 1.0
    t[index] = y
    expected = a.copy()
    expected[index] = b
    np.testing.assert_array_equal(t.detach().numpy(), expected)
    g = values(shape, 3)
    (t * g).sum().backward()
    # NumPy itself says which element of which array ended up where: assign their numbers.
    origin = np.full(shape, -1)
    origin[index] = np.arange(a[index].size).reshape(a[index].shape)
    np.testing.assert_array_equal(x.grad.numpy(), np.where(origin == -1, g, 0))
    kept = np.bincount(origin[origin >= 0], weights=g[origin >= 0], minlength=a[index].size)
    np.testing.assert_allclose(y.grad.numpy(), kept.sum() if one_value else kept.reshape(b.shape), rtol=1e-12)


@given(indexed)
def test_assignment_is_twice_differentiable(case: Any) -> None:
    shape, index = case
    a, b = values(shape), values(values(shape)[index].shape, 1)

    def f(x: Any, y: Any) -> Any:
        t = x * x
        t[index] = y * y
        return (t * t).sum()

    def directional(x: Any, y: Any) -> Any:
        gx, gy = ag.grad(f, (0, 1))(x, y)
        return gx.sum() + gy.sum()

    hx, hy = ag.grad(directional, (0, 1))(a, b)
    origin = np.full(shape, -1)
    origin[index] = np.arange(b.size).reshape(b.shape)
    np.testing.assert_allclose(hx, np.where(origin == -1, 12 * a**2, 0), rtol=1e-12)
    survives = np.isin(np.arange(b.size), origin).reshape(b.shape)
    np.testing.assert_allclose(hy, np.where(survives, 12 * b**2, 0), rtol=1e-12)


@given(FULL_SHAPES.flatmap(lambda s: st.tuples(st.just(s), hnp.integer_array_indices(s, dtype=np.int32))))
def test_an_index_may_be_a_tensor_or_a_list(case: Any) -> None:
    shape, index = case
    a = values(shape)
    x = ag.tensor(a)
    as_tensors = tuple(ag.tensor(i) for i in index)
    np.testing.assert_array_equal(x[as_tensors].numpy(), a[index])
    as_lists = tuple(i.tolist() for i in index)
    np.testing.assert_array_equal(x[as_lists].numpy(), a[as_lists])
    mask = ag.tensor(a > 0)
    np.testing.assert_array_equal(x[mask].numpy(), a[a > 0])


def test_an_index_is_remembered_as_it_was() -> None:
    """Changing the caller's index array between forward and backward changes nothing."""
    index, mask = np.array([0, 2]), np.array([True, False, False])
    x = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y, z = x[index], x[mask]
    index[:] = 1
    mask[:] = True
    (y.sum() + 10 * z.sum()).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [11, 0, 1])


def test_a_scalar_index_of_a_scalar_tensor_counts_as_one() -> None:
    x = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[ag.tensor(1)].backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0, 1, 0])


@pytest.mark.parametrize("index", [1.0, "a", np.array([0.5]), [1.5], (0, 1.0)])
def test_an_index_that_is_no_index_is_named(index: Any) -> None:
    with pytest.raises(IndexError, match="integers, slices, masks, None or"):
        ag.tensor([[1.0, 2.0], [3.0, 4.0]])[index]


@pytest.mark.parametrize("index", [3, (0, 0, 0), np.array([0, 5]), np.ones(7, bool)])
def test_an_index_outside_raises_as_in_numpy_and_says_of_what(index: Any) -> None:
    a = np.ones((2, 2))
    with pytest.raises(IndexError):
        a[index]
    with pytest.raises(IndexError, match=r"t\[.*\]: .*; received 'w' \(2, 2\)"):
        ag.tensor(a, name="w")[index]


def test_a_value_that_does_not_fit_its_place_is_refused_and_nothing_changes() -> None:
    t = ag.tensor([1.0, 2.0, 3.0], requires_grad=True) * 1.0
    before = t.op
    with pytest.raises(ValueError, match="shape"):
        t[:2] = np.ones(3)
    assert t.op is before
    np.testing.assert_array_equal(t.detach().numpy(), [1, 2, 3])


def test_iteration_and_unpacking_keep_the_history() -> None:
    x = ag.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    (first * 2 + second * 3).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[2, 2], [3, 3]])
    assert [float(t) for t in ag.tensor([1.0, 2.0])] == [1.0, 2.0]
    assert len(x) == 2
    for use in (len, iter):
        with pytest.raises(TypeError, match="0-d tensor"):
            use(ag.tensor(1.0))

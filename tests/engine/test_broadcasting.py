"""Broadcasting, reductions and moves of axes on any shapes: gradients have the shape and the values of their inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import autograd_lite as ag

PAIRS = hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=3, min_side=0, max_side=3)
TRIPLES = hnp.mutually_broadcastable_shapes(num_shapes=3, min_dims=0, max_dims=3, min_side=0, max_side=3)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
WITH_AXES = SHAPES.flatmap(
    lambda shape: st.tuples(
        st.just(shape), st.one_of(st.none(), hnp.valid_tuple_axes(len(shape)) if shape else st.just(()))
    )
)
DTYPES = st.sampled_from(["e", "f", "d"])


def values(shape: tuple[int, ...], seed: int = 0, dtype: str = "d") -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(size=shape)).astype(dtype)


def summed_down(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo broadcasting by counting which element of the small array each element of the large one came from."""
    size = int(np.prod(shape))
    origin = np.broadcast_to(np.arange(size).reshape(shape), a.shape)
    return np.bincount(origin.ravel(), weights=a.ravel().astype(float), minlength=size).reshape(shape)


@given(PAIRS, DTYPES, DTYPES)
def test_a_gradient_has_the_shape_and_the_dtype_of_its_tensor(pair: Any, one: str, other: str) -> None:
    a, b = values(pair.input_shapes[0], 0, one), values(pair.input_shapes[1], 1, other)
    x, y = ag.tensor(a, requires_grad=True), ag.tensor(b, requires_grad=True)
    out = x * y - y
    assert out.shape == pair.result_shape
    assert out.dtype == np.result_type(one, other)
    g = values(out.shape, 2, out.dtype.char)
    out.backward(g)
    for t, expected in ((x, g * b), (y, g * a - g)):
        assert (t.grad.shape, t.grad.dtype) == (t.shape, t.dtype)
        tolerance = 2e-2 if "e" in (one, other) else 1e-4 if "f" in (one, other) else 1e-13
        np.testing.assert_allclose(t.grad.numpy().astype(float), summed_down(expected, t.shape), tolerance, tolerance)


@given(TRIPLES)
def test_three_operands(triple: Any) -> None:
    a, b, c = (values(shape, k) for k, shape in enumerate(triple.input_shapes))
    x, y = ag.tensor(b, requires_grad=True), ag.tensor(c, requires_grad=True)
    out = np.where(a > 0, x, y)
    g = values(out.shape, 5)
    out.backward(g)
    np.testing.assert_allclose(x.grad.numpy(), summed_down(np.where(a > 0, g, 0), b.shape), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(y.grad.numpy(), summed_down(np.where(a > 0, 0, g), c.shape), rtol=1e-12, atol=1e-14)


@given(PAIRS)
def test_one_tensor_on_both_sides(pair: Any) -> None:
    """x + broadcast x: the contributions of both uses are added."""
    x = ag.tensor(values(pair.input_shapes[0]), requires_grad=True)
    wide = np.broadcast_to(x, pair.result_shape)
    (wide + x).sum().backward()
    repeats = int(np.prod(pair.result_shape)) // max(x.size, 1)
    np.testing.assert_allclose(x.grad.numpy(), np.full(x.shape, 2.0 * repeats))


@given(WITH_AXES, st.sampled_from(["sum", "mean", "max", "min", "prod", "var", "std"]))
def test_keepdims_changes_the_shape_and_nothing_else(case: Any, name: str) -> None:
    shape, axis = case
    a = values(shape)
    if a.size == 0 and name != "sum":
        return
    found = []
    for keepdims in (False, True):
        x = ag.tensor(a, requires_grad=True)
        out = getattr(x, name)(axis=axis, keepdims=keepdims)
        assert out.shape == getattr(a, name)(axis=axis, keepdims=keepdims).shape
        out.backward(values(getattr(a, name)(axis=axis, keepdims=True).shape, 4).reshape(out.shape))
        found.append((out.detach().numpy().ravel(), x.grad.numpy()))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@given(WITH_AXES)
def test_a_sum_is_the_transpose_of_broadcasting(case: Any) -> None:
    shape, axis = case
    x = ag.tensor(values(shape), requires_grad=True)
    out = x.sum(axis=axis, keepdims=True)
    g = values(out.shape, 1)
    out.backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), np.broadcast_to(g, shape))


@given(SHAPES.flatmap(lambda s: st.tuples(st.just(s), st.permutations(range(len(s))))))
def test_moves_of_axes_are_undone(case: Any) -> None:
    shape, order = case
    x = ag.tensor(values(shape), requires_grad=True)
    out = x.transpose(tuple(order)) if order else x.transpose()
    g = values(out.shape, 1)
    out.backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), g.transpose(np.argsort(order)) if order else g)


@given(SHAPES)
def test_reshape_is_undone(shape: tuple[int, ...]) -> None:
    x = ag.tensor(values(shape), requires_grad=True)
    g = values((x.size,), 1)
    x.reshape(x.size).backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), g.reshape(shape))


@given(hnp.mutually_broadcastable_shapes(signature="(n?,k),(k,m?)->(n?,m?)", max_dims=2, min_side=0, max_side=3))
def test_matmul_on_any_shapes(pair: Any) -> None:
    a, b = values(pair.input_shapes[0]), values(pair.input_shapes[1], 1)
    x, y = ag.tensor(a, requires_grad=True), ag.tensor(b, requires_grad=True)
    out = x @ y
    np.testing.assert_allclose(out.detach().numpy(), a @ b, rtol=1e-13, atol=1e-14)
    g = values(out.shape, 2)
    out.backward(g)
    # As one sum of products over the batch and the axes written out.
    left = a[None, :] if a.ndim == 1 else a
    right = b[:, None] if b.ndim == 1 else b
    wide = g.reshape(np.matmul(left, right).shape)
    gx = summed_down(np.einsum("...nm,...km->...nk", wide, right), left.shape)
    gy = summed_down(np.einsum("...nk,...nm->...km", left, wide), right.shape)
    np.testing.assert_allclose(x.grad.numpy(), gx.reshape(a.shape), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(y.grad.numpy(), gy.reshape(b.shape), rtol=1e-12, atol=1e-13)

"""Shape arithmetic: axes, reshapes, reductions, and the undoing of broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import autograd_lite as ag
from autograd_lite.core.shape_arithmetic import (
    ShapeDtype,
    expand_reduced,
    normalize_axes,
    normalize_axis,
    reduced_shape,
    resolve_reshape,
    sum_to_shape,
)

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@given(SHAPES)
def test_a_spec_has_the_sizes_of_an_array(shape: tuple[int, ...]) -> None:
    a, spec = np.zeros(shape, "f"), ShapeDtype(shape, np.dtype("f"))
    assert (spec.shape, spec.dtype, spec.ndim, spec.size) == (a.shape, a.dtype, a.ndim, a.size)


@given(st.integers(-6, 6), st.integers(0, 4))
def test_an_axis_is_counted_from_the_front_or_refused(axis: int, ndim: int) -> None:
    if -ndim <= axis < ndim:
        assert list(range(ndim))[axis] == normalize_axis(axis, ndim)
    else:
        with pytest.raises(ag.ShapeError, match=rf"what={axis} is out of bounds for a {ndim}-dimensional array"):
            normalize_axis(axis, ndim, "what")


@pytest.mark.parametrize("axis", [1.0, "0", None, [0]])
def test_an_axis_is_an_integer(axis: Any) -> None:
    with pytest.raises(TypeError):
        normalize_axis(axis, 2)


def test_axes_are_sorted_and_each_named_once() -> None:
    assert normalize_axes(None, 3) is None
    assert normalize_axes((), 3) == ()
    assert normalize_axes([2, -3], 3) == (0, 2)
    assert normalize_axes(np.int64(-1), 3) == (2,)
    with pytest.raises(ag.ShapeError, match="names the same axis twice"):
        normalize_axes((0, -3), 3)


@given(
    SHAPES.flatmap(lambda s: st.tuples(st.just(s), hnp.valid_tuple_axes(len(s)) if s else st.just(()))), st.booleans()
)
def test_a_reduction_has_numpys_shape_and_gets_its_axes_back(case: Any, keepdims: bool) -> None:
    shape, axis = case
    axes = normalize_axes(axis, len(shape))
    reduced = np.zeros(shape).sum(axis=axis, keepdims=keepdims)
    assert reduced_shape(shape, axes, keepdims) == reduced.shape
    assert expand_reduced(reduced, shape, axes, keepdims).shape == reduced_shape(shape, axes, True)
    assert reduced_shape(shape, None, keepdims) == np.zeros(shape).sum(keepdims=keepdims).shape


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3))
def test_broadcasting_is_undone_by_the_sum_that_is_its_transpose(pair: Any) -> None:
    """<a, broadcast b> = <sum a, b>."""
    shape, wide = pair.input_shapes[0], pair.result_shape
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=wide), rng.normal(size=shape)
    down = sum_to_shape(a, shape)
    assert down.shape == shape
    np.testing.assert_allclose((a * b).sum(), (down * b).sum(), rtol=1e-10, atol=1e-12)
    recorded = sum_to_shape(ag.tensor(a), shape)
    np.testing.assert_array_equal(recorded.numpy(), down)


def test_nothing_is_summed_where_nothing_was_broadcast() -> None:
    a = np.ones((2, 1, 0))
    assert sum_to_shape(a, (2, 1, 0)) is a


@given(SHAPES, st.data())
def test_one_length_of_a_reshape_may_be_left_open(shape: tuple[int, ...], data: Any) -> None:
    a = np.zeros(shape)
    if not shape:
        assert resolve_reshape(1, ()) == ()
        return
    k = data.draw(st.integers(0, len(shape) - 1))
    asked = (*shape[:k], -1, *shape[k + 1 :])
    try:
        expected = a.reshape(asked).shape
    except ValueError:
        with pytest.raises(ag.ShapeError, match=r"reshape: \d+ elements do not fit shape"):
            resolve_reshape(a.size, asked)
    else:
        assert resolve_reshape(a.size, asked) == expected


@pytest.mark.parametrize(
    ("size", "shape"), [(6, (4,)), (6, (-1, 4)), (6, (-1, -1)), (0, (0, -1)), (6, (-2, -3)), (1, (2,))]
)
def test_a_reshape_that_does_not_fit_is_refused(size: int, shape: tuple[int, ...]) -> None:
    with pytest.raises(ag.ShapeError, match=f"reshape: {size} elements do not fit shape"):
        resolve_reshape(size, shape)


@pytest.mark.parametrize("dtype", ["f", "d", "e", "D"])
@pytest.mark.parametrize(("rows", "shape"), [((700,), (3,)), ((50, 40), (1,)), ((9, 8, 7), (2, 5)), ((4000,), ())])
def test_long_rows_are_summed_as_by_numpy_bit_for_bit(
    rows: tuple[int, ...], shape: tuple[int, ...], dtype: str
) -> None:
    a = np.random.default_rng(0).normal(size=rows + shape).astype(dtype)
    for values in (a, np.asfortranarray(a), a[::-1]):
        wanted = values.sum(axis=tuple(range(len(rows))))
        found = sum_to_shape(values, shape)
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)

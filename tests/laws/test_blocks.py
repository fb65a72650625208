"""Ops that compute block by block: large arrays give what their rows give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS
from autograd_lite.ops import pooling, windowed
from autograd_lite.testing import check_grads


def by_rows(name: str, *arrays: np.ndarray, **params: Any) -> np.ndarray:
    """Apply an op to one row at a time."""
    rows = [OPS[name](*(a[k : k + 1] for a in arrays), **params) for k in range(len(arrays[0]))]
    return np.concatenate(rows)


@pytest.mark.parametrize(
    ("name", "count", "params"),
    [
        ("gelu", 1, {}),
        ("gelu_pullback", 2, {}),
        ("standardize", 1, {"epsilon": 1e-5, "center": False}),
        ("standardize_pullback", 2, {"epsilon": 1e-5, "center": False}),
    ],
)
def test_many_blocks_give_what_rows_give(name: str, count: int, params: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(3 * 256 + 5, 128)).astype(np.float32) for _ in range(count)]
    np.testing.assert_array_equal(OPS[name](*arrays, **params), by_rows(name, *arrays, **params))


@pytest.mark.parametrize(("name", "count"), [("standardize", 1), ("standardize_pullback", 2)])
def test_many_blocks_with_means_give_what_rows_give(name: str, count: int) -> None:
    """To the last places: BLAS takes the means, and rounds them otherwise when it has fewer rows."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(3 * 256 + 5, 128)) for _ in range(count)]
    params = {"epsilon": 1e-5, "center": True}
    np.testing.assert_allclose(OPS[name](*arrays, **params), by_rows(name, *arrays, **params), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "count"), [("softmax", 1), ("softmax_pullback", 2)])
def test_softmax_of_many_rows_gives_what_rows_give(name: str, count: int, dtype: Any) -> None:
    """To the last places: single rows are summed in another order."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(3 * 256 + 5, 128)).astype(dtype) for _ in range(count)]
    got, expected = OPS[name](*arrays, axis=1), by_rows(name, *arrays, axis=1)
    assert got.dtype == dtype
    np.testing.assert_allclose(
        got, expected, rtol=20 * np.finfo(dtype).eps, atol=100 * np.finfo(dtype).eps * (count - 1)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("window", "stride", "padding"),
    [((2, 2), (2, 2), ((0, 0), (0, 0))), ((3, 2), (1, 2), ((1, 1), (0, 0))), ((2, 2), (3, 2), ((0, 0), (0, 0)))],
    ids=["tiles", "overlapping", "apart"],
)
def test_places_of_many_samples_are_those_of_samples(window: Any, stride: Any, padding: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    lengths: dict[str, Any] = {"window": window, "stride": stride, "padding": padding}
    y = np.round(rng.normal(size=(50, 24, 22, 16))).astype(dtype)  # many are equal
    z, index = OPS["window_max"](y, **lengths)
    g, t = rng.normal(size=z.shape).astype(dtype), rng.normal(size=y.shape).astype(dtype)
    assert y.nbytes > 2 * pooling._BYTES
    put, taken = OPS["window_put"](g, index, size=y.shape[1:-1], **lengths), OPS["window_take"](t, index, **lengths)
    np.testing.assert_array_equal(put, by_rows("window_put", g, index, size=y.shape[1:-1], **lengths))
    np.testing.assert_array_equal(taken, by_rows("window_take", t, index, **lengths))
    np.testing.assert_allclose((put * t).sum(), (taken * g).sum(), rtol=1e-3)  # they are adjoint
    np.testing.assert_allclose(put.sum(), g.sum(), rtol=1e-3)  # and each window has one place


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [
        ((700,), (5,), (1,), ((2, 1),)),
        ((300, 40), (3, 3), (1, 1), ((1, 1), (0, 0))),
        ((300, 40), (3, 5), (2, 1), ((0, 1), (3, 4))),
        ((40, 9, 11), (2, 3, 2), (1, 2, 1), ((0, 0), (1, 1), (1, 0))),
        ((300, 40), (3, 3), (1, 2), ((1, 1), (0, 0))),
    ],
)
@pytest.mark.parametrize("samples", [1, 7])
def test_a_transposed_convolution_in_many_blocks_is_the_transpose(
    samples: int, size: Any, kernel: Any, stride: Any, padding: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": (1,) * len(size), "groups": 1}
    x, w = rng.normal(size=(samples, *size, 3)), rng.normal(size=(*kernel, 3, 4))
    out = OPS["convolution"](x, w, **options)
    y = rng.normal(size=out.shape)
    whole = OPS["convolution_input"](y, w, size=size, **options)
    np.testing.assert_allclose((whole * x).sum(), (out * y).sum(), rtol=1e-10)
    for most in (1 << 13, 1 << 16):
        monkeypatch.setattr(windowed, "_BLOCK", most)
        np.testing.assert_allclose(OPS["convolution_input"](y, w, size=size, **options), whole, rtol=1e-9, atol=1e-12)


PRODUCTS = [
    ((6, 50, 8), (8, 7)),
    ((2, 3, 4, 8), (8, 5)),
    ((40, 4, 32, 16), (40, 4, 16, 32)),
    ((300, 24, 16), (300, 16, 24)),
    ((2, 3, 4), (2, 4, 5)),
    ((3, 0, 4), (4, 5)),
    ((3, 2, 0), (0, 5)),
]


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned"])
@pytest.mark.parametrize(("x_shape", "y_shape"), PRODUCTS)
def test_products_of_stacks_are_numpys(x_shape: tuple[int, ...], y_shape: tuple[int, ...], turned: bool) -> None:
    rng = np.random.default_rng(1)
    x, y = (rng.integers(-9, 9, shape).astype(np.float32) for shape in (x_shape, y_shape))
    if turned:
        x, y = x.mT.copy().mT, y.mT.copy().mT
    out, g = np.matmul(x, y), np.ones((*x_shape[:-1], y_shape[-1]), np.float32)
    a, b = ag.tensor(x, requires_grad=True), ag.tensor(y, requires_grad=True)
    product = a @ b
    np.testing.assert_array_equal(product.numpy(), out)
    product.backward(g)
    np.testing.assert_array_equal(a.grad.numpy(), g @ y.mT)
    by_y = x.mT @ g
    np.testing.assert_array_equal(b.grad.numpy(), by_y.sum(axis=tuple(range(by_y.ndim - y.ndim))))


def test_products_of_shapes_that_do_not_fit_say_so() -> None:
    with pytest.raises(ag.ShapeError, match="the last axis of x has length 4 and must equal the 5 rows of y"):
        ag.tensor(np.ones((2, 3, 4))) @ np.ones((5, 6))


# ---- the accuracy of GELU in single precision -----------------------------------------------------------------------


def test_gelu_in_single_precision_is_accurate_far_to_the_left() -> None:
    x = np.linspace(-13, 13, 20001).astype(np.float32)
    exact = [0.5 * math.erfc(-v * math.sqrt(0.5)) for v in x.tolist()]
    value = np.array([v * p for v, p in zip(x.tolist(), exact, strict=True)])
    off = np.abs(ag.gelu(x) - value) / np.maximum(np.abs(value), 1e-37)
    assert off[np.abs(x) < 3].max() < 1e-6
    assert off.max() < 1e-5


def test_the_slope_of_gelu_in_single_precision() -> None:
    x = np.linspace(-13, 13, 20001).astype(np.float32)
    wide = x.astype(float)
    phi = np.exp(-wide * wide / 2) / math.sqrt(2 * math.pi)
    slope = np.array([0.5 * math.erfc(-v * math.sqrt(0.5)) for v in wide.tolist()]) + wide * phi
    found = ag.grad(lambda t: ag.gelu(t).sum())(x)
    assert np.abs(found - slope).max() < 4e-7
    left = wide < -1.5
    assert (np.abs(found - slope)[left] / np.abs(slope)[left]).max() < 1e-5
    assert ag.grad(ag.gelu)(np.float32(0.0)) == 0.5


# ---- standardize ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, 0, (0, 2), (1, 2), None, (-1, 0)])
@pytest.mark.parametrize("center", [True, False])
def test_standardize_over_any_axes(axis: Any, center: bool) -> None:
    x = np.random.default_rng(2).normal(2.0, 3.0, (3, 4, 5))
    shifted = x - x.mean(axis=axis, keepdims=True) * center
    expected = shifted / np.sqrt((shifted**2).mean(axis=axis, keepdims=True) + 0.01)
    np.testing.assert_allclose(ag.standardize(x, axis, 0.01, center), expected, rtol=1e-12)
    check_grads(lambda t: ag.standardize(t, axis, 0.01, center), x)


def test_standardize_says_what_is_wrong() -> None:
    with pytest.raises(ag.ShapeError, match="standardize: expected at least one axis; received shape"):
        ag.standardize(np.ones((2, 3)), ())
    with pytest.raises(ag.ShapeError, match="out of bounds"):
        ag.standardize(np.ones((2, 3)), 2)
    with pytest.raises(ValueError, match=r"standardize: expected epsilon >= 0; received epsilon=-1"):
        ag.standardize(np.ones((2, 3)), epsilon=-1)
    half = ag.standardize(np.array([[300.0, -300.0]], np.float16))  # whose squares half precision does not hold
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, [[1, -1]], rtol=1e-3)


def test_standardizing_equal_elements_gives_zero() -> None:
    for n in (1, 3, 7, 64):
        np.testing.assert_array_equal(ag.standardize(np.full((2, n), 3.0, np.float32)), 0)

"""Convolution by its definition, over every small axis; and dilations far larger than the array cost no more than it.

The definition: window i has the taps k < K, at i s + k d - p, and those that are outside of the array count as zeros.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nn import layers

# Length of the axis, of the windows, their distance, the distance between taps, and the padding.
AXES = [
    (size, window, stride, dilation, padding)
    for size, window, stride, dilation in itertools.product((1, 2, 5), (1, 2, 3, 4), (1, 2, 7), (1, 2, 3, 11))
    for padding in ((0, 0), (1, 0), (0, 2), (3, 3), (7, 4), (12, 1), (30, 30), (3, 40), (40, 3))
    if dilation * (window - 1) < size + sum(padding)
]


def expected(x: Any, w: Any, stride: int, dilation: int, padding: tuple[int, int]) -> Any:
    padded = np.pad(x, padding)
    reach = dilation * (len(w) - 1) + 1
    return [padded[i : i + reach : dilation] @ w for i in range(0, len(padded) - reach + 1, stride)]


def test_convolution_and_its_derivatives_are_what_they_are_defined_as() -> None:
    draw = np.random.default_rng(0)
    for size, window, *how in AXES[:: 1 + len(AXES) // 300]:
        x, w = draw.normal(size=size), draw.normal(size=window)
        stride, dilation, padding = how

        options: Any = {"stride": stride, "padding": [padding], "dilation": dilation}

        def result(x: Any, w: Any, options: Any = options) -> Any:
            return ag.convolution(x[None, :, None], w[:, None, None], **options).reshape(-1)

        truth = expected(x, w, stride, dilation, padding)
        np.testing.assert_allclose(result(x, w), truth, rtol=1e-12, atol=1e-12, err_msg=f"{size} {window} {how}")
        g = draw.normal(size=len(truth))
        spread = ag.transposed_convolution(g[None, :, None], w[:, None, None], size=size, **options).reshape(-1)
        _, pull = ag.vjp(result, argnums=(0, 1))(x, w)
        by_x = [g @ expected(one, w, stride, dilation, padding) for one in np.eye(size)]
        by_w = [g @ expected(x, one, stride, dilation, padding) for one in np.eye(window)]
        for one, other in zip((*pull(g), spread), (by_x, by_w, by_x), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, err_msg=f"{size} {window} {how}")


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("rank", [1, 2])
def test_large_dilations_take_no_more_time_and_memory_than_the_array(window: int, rank: int) -> None:
    x = np.ones((1, *[5] * rank, 1), "float32")
    w = np.ones((*[window] * rank, 1, 1), "float32")
    start = time.process_time()
    out = ag.convolution(x, w, dilation=50_000, padding="same")
    ag.grad(lambda w: ag.convolution(x, w, dilation=50_000, padding="same").sum())(w)
    ag.transposed_convolution(x, w, dilation=50_000, padding="same")
    assert time.process_time() - start < 0.1
    np.testing.assert_array_equal(out, x * (window % 2))


def test_layers_with_large_dilations() -> None:
    x = np.ones((1, 5, 5, 1), "float32")
    kinds: list[Any] = [layers.Conv2D, layers.SeparableConv2D]
    made = [kind(1, 3, dilation_rate=50_000, padding="same") for kind in kinds]
    for layer in [*made, layers.DepthwiseConv2D(3, dilation_rate=50_000, padding="same")]:
        assert layer(x).shape == x.shape
    assert layers.Conv1D(1, 3, dilation_rate=50_000_000, padding="causal")(x[0]).shape == x[0].shape

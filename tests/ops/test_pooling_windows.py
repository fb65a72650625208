"""Pooling by its definition, over every small axis; and windows far larger than the array cost no more than the array.

The definition: window i has the taps k < K, at i s + k - p, and those that are outside of the array do not count.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import check_grads
from nn import layers

POOLINGS: dict[str, tuple[Callable[..., Any], Callable[[Any], Any]]] = {
    "max": (ag.max_pooling, np.max),
    "average": (ag.average_pooling, np.mean),
}
# Length of the axis, of the windows, their distance, and the padding.
AXES = [
    (size, window, stride, (before, after))
    for size, window, stride in itertools.product((1, 2, 5), (1, 2, 3, 7, 12), (1, 2, 5, 9))
    for before, after in itertools.product((0, 1, 2, 6, 11), repeat=2)
    if max(before, after) < window <= size + before + after
]


def expected(x: Any, window: int, stride: int, padding: tuple[int, int], of: Callable[[Any], Any]) -> Any:
    """Return the pooling of a vector, window by window; one that lies in the padding is left out as None."""
    count = (len(x) + sum(padding) - window) // stride + 1
    starts = [i * stride - padding[0] for i in range(count)]
    return [of(part) if len(part := x[max(0, start) : max(0, start + window)]) else None for start in starts]


@pytest.mark.parametrize("name", POOLINGS)
def test_pooling_is_what_it_is_defined_as(name: str) -> None:
    pooling, of = POOLINGS[name]
    draw = np.random.default_rng(0)
    for size, window, stride, padding in AXES:
        x = draw.normal(size=size)
        truth = expected(x, window, stride, padding, of)
        with np.errstate(all="ignore"):
            result = pooling(x[None, :, None], (window,), (stride,), (padding,)).reshape(-1)
        assert len(result) == len(truth), (size, window, stride, padding)
        for one, other in zip(result, truth, strict=True):
            assert other is None or np.isclose(one, other, rtol=1e-12), (size, window, stride, padding)


@pytest.mark.parametrize("name", POOLINGS)
def test_derivatives_of_pooling_with_windows_that_reach_over_the_array(name: str) -> None:
    x = np.random.default_rng(1).normal(size=(2, 4, 3, 2))
    for window, stride, padding in [((9, 7), (1, 2), "same"), ((6, 6), (2, 1), ((4, 3), (2, 5))), (40, 40, "same")]:
        check_grads(lambda x, w=window, s=stride, p=padding: POOLINGS[name][0](x, w, s, p), x)


HUGE: list[tuple[int, int, int | None, str]] = [
    (1, 10**9, None, "same"),
    (2, 20_000, None, "same"),
    (3, 700, None, "same"),
    (2, 20_000, 1, "same"),
    (2, 20_000, 3, "same"),
    (2, 10**25, None, "same"),
    (2, 2, 10**25, "same"),
    (3, 5, 10**9, "valid"),
]


@pytest.mark.parametrize(("rank", "window", "stride", "padding"), HUGE)
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_huge_windows_and_strides_cost_no_more_than_the_array(
    kind: str, rank: int, window: int, stride: int | None, padding: str
) -> None:
    x = ag.tensor(np.random.default_rng(2).normal(size=(2, *(5,) * rank, 2)), requires_grad=True)
    layer = getattr(layers, f"{kind}Pooling{rank}D")(window, stride, padding=padding, dtype="float64")
    begin = time.process_time()
    result = layer(x)
    result.sum().backward()
    assert time.process_time() - begin < 0.1
    assert result.shape == layer.compute_output_shape(x.shape)
    if result.size == 4 and padding == "same" and window > 5:  # one window for each sample and channel
        whole = getattr(layers, f"Global{kind}Pooling{rank}D")(dtype="float64")(x)
        assert np.allclose(result.numpy().reshape(2, 2), whole.numpy(), rtol=1e-14)

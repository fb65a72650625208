"""What is a softmax, or has one as its gradient, at equal arguments of any size: the shares are even, and sum to 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.scipy import special
from nn import losses

Call = Callable[[Any], Any]
SIZES = (0.0, 1.0, 100.0, 1e3, 3e4, 3e6, 1e30)


def tall(x: Any) -> Any:
    """Return a vector as a matrix of two columns and a batch of one, of which the halves are rows."""
    return x.reshape(1, 2, -1)


def both(f: Callable[[Any, Any], Any]) -> Call:
    return lambda x: f(x[:1], x[1:2]).sum()


def attended(x: Any) -> Any:
    """Return what attention takes from values 1, 0, 0, … with scores that are the elements."""
    n = x.shape[0]
    value = np.eye(n, 1, dtype=x.dtype).reshape(1, n, 1, 1)
    out = nn.ops.dot_product_attention(np.ones((1, 1, 1, 1), x.dtype), x.reshape(1, n, 1, 1), value, scale=1.0)
    return out.sum()


def indices(x: Any) -> Any:
    return np.zeros(1, int)


def first(x: Any) -> Any:
    return np.eye(1, x.shape[0], dtype=x.dtype)


# Functions of a vector whose gradient is softmax(x).
SHARES: dict[str, Call] = {
    "logsumexp": ag.logsumexp,
    "logsumexp along an axis": lambda x: ag.logsumexp(x[:, None], axis=0, keepdims=True).sum(),
    "logsumexp along two axes": lambda x: ag.logsumexp(tall(x), axis=(1, 2)).sum(),
    "logsumexp along axes apart": lambda x: ag.logsumexp(tall(x).swapaxes(0, 1), axis=(0, 2)).sum(),
    "scipy logsumexp": special.logsumexp,
    "scipy logsumexp with weights": lambda x: special.logsumexp(x, b=np.full(x.shape, 3, x.dtype)),
    "ops.logsumexp": lambda x: nn.ops.logsumexp(x),
}
SHARES_OF_TWO: dict[str, Call] = {
    "logaddexp": both(np.logaddexp),
    "logaddexp2": both(np.logaddexp2),
    "logaddexp.reduce": lambda x: np.logaddexp.reduce(x),
    "logaddexp.accumulate": lambda x: np.logaddexp.accumulate(x)[-1],
}
# Functions whose gradient is softmax(x) minus 1 at the first element, or a multiple c of that: the value and c.
DIFFERENCES: dict[str, tuple[Call, Callable[[int], tuple[float, float]]]] = {
    **dict.fromkeys(("softmax",), (lambda x: ag.softmax(x)[0], lambda n: (1 / n, -1 / n))),
    "softmax along two axes": (lambda x: ag.softmax(tall(x), axis=(1, 2))[0, 0, 0], lambda n: (1 / n, -1 / n)),
    "scipy softmax": (lambda x: special.softmax(x)[0], lambda n: (1 / n, -1 / n)),
    "activation softmax": (
        lambda x: nn.activations.softmax(tall(x), axis=[1, 2])[0, 0, 0],
        lambda n: (1 / n, -1 / n),
    ),
    "layer": (lambda x: nn.layers.Softmax(dtype=x.dtype.name)(x[None])[0, 0], lambda n: (1 / n, -1 / n)),
    "attention": (attended, lambda n: (1 / n, -1 / n)),
    "log_softmax": (lambda x: ag.log_softmax(x)[0], lambda n: (-np.log(n), -1)),
    "log_softmax along two axes": (
        lambda x: ag.log_softmax(tall(x), axis=(1, 2))[0, 0, 0],
        lambda n: (-np.log(n), -1),
    ),
    "scipy log_softmax": (lambda x: special.log_softmax(x)[0], lambda n: (-np.log(n), -1)),
    "activation log_softmax": (
        lambda x: nn.activations.log_softmax(tall(x), axis=[1, 2])[0, 0, 0],
        lambda n: (-np.log(n), -1),
    ),
    "cross-entropy": (
        lambda x: losses.CategoricalCrossentropy(from_logits=True)(first(x), x[None]),
        lambda n: (np.log(n), 1),
    ),
    "cross-entropy of classes": (
        lambda x: losses.SparseCategoricalCrossentropy(from_logits=True)(indices(x), x[None]),
        lambda n: (np.log(n), 1),
    ),
    "cross-entropy behind a softmax": (
        lambda x: losses.SparseCategoricalCrossentropy()(indices(x), nn.activations.softmax(x[None])),
        lambda n: (np.log(n), 1),
    ),
}


def arguments(dtype: str, n: int) -> list[Any]:
    """Return vectors of equal elements, positive and negative, as large as the dtype holds."""
    sizes = [s for s in SIZES if s < float(np.finfo(dtype).max)]
    return [np.full(n, sign * s, dtype) for s in sizes for sign in (1, -1)]


@pytest.mark.parametrize("dtype", "efd")
@pytest.mark.parametrize("name", [*SHARES, *SHARES_OF_TWO])
def test_equal_elements_share_the_gradient_evenly(name: str, dtype: str) -> None:
    for n in (2, 6, 600) if name in SHARES else (2,):
        for x in arguments(dtype, n):
            g = ag.grad((SHARES | SHARES_OF_TWO)[name])(x)
            np.testing.assert_allclose(g, np.full(n, 1 / n), rtol=20 * np.finfo(dtype).eps, err_msg=f"{n} × {x[0]}")
            assert g.dtype == x.dtype


@pytest.mark.parametrize("dtype", "efd")
@pytest.mark.parametrize("name", DIFFERENCES)
def test_equal_logits_have_equal_probabilities(name: str, dtype: str) -> None:
    f, expected = DIFFERENCES[name]
    for n in (2, 6, 600):
        for x in arguments(dtype, n):
            value, factor = expected(n)
            v, g = ag.value_and_grad(f)(x)
            tolerance = 20 * float(np.finfo(dtype).eps)
            assert v == pytest.approx(value, rel=tolerance), (n, x[0])
            gradient = factor * (np.full(n, 1 / n) - np.eye(1, n)[0])
            least = np.finfo(dtype).smallest_subnormal
            np.testing.assert_allclose(g, gradient, rtol=tolerance, atol=4 * least, err_msg=f"{n} × {x[0]}")


def test_a_sum_of_many_exponentials_of_half_precision_is_finite() -> None:
    x = np.zeros(70000, np.float16)
    assert ag.logsumexp(x) == pytest.approx(np.log(x.size), rel=1e-3)
    assert ag.log_softmax(x)[0] == pytest.approx(-np.log(x.size), rel=1e-3)
    assert ag.softmax(x).sum(dtype=np.float32) == pytest.approx(1, rel=0.2)  # the elements are multiples of 6e-8

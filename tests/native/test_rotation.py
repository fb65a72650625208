"""The kernel that turns pairs has the bits of NumPy's operations, wherever the numbers of a pair lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native import kernels
from autograd_lite.native.kernels import KERNELS, SETS

from .test_rows import SPECIAL

pytestmark = pytest.mark.skipif(not SETS, reason=f"native kernels are {kernels.REASON}")


def numbers(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return numbers, special ones among them."""
    rng = np.random.default_rng(len(shape))
    return np.where(rng.random(shape) < 0.1, rng.choice(np.ravel(SPECIAL), shape), rng.normal(size=shape)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["halves", "interleaved", "apart"])
def test_bits_are_those_of_numpys_operations(layout: str, dtype: Any) -> None:
    for n in (1, 3, 16, 33, 64):
        x, cos, sin = numbers((3, 5, 2 * n), dtype), numbers((5, n), dtype), numbers((5, n), dtype)
        first, second = slice(None, n), slice(n, None)
        if layout != "halves":
            first, second = slice(None, None, 2), slice(1, None, 2)
        if layout == "apart":
            x = np.repeat(x, 3, axis=-1)[..., ::3]
        a, b = x[..., first], x[..., second]
        with np.errstate(all="ignore"):
            expected = a * cos - b * sin, b * cos + a * sin
            for name in SETS:
                kernel = kernels.extension.ufuncs(name)["rotate"]
                np.testing.assert_array_equal(kernel(a, b, cos, sin), expected)
                over = x.copy() if layout != "apart" else np.repeat(x, 2, axis=-1)[..., ::2]
                parts = over[..., first], over[..., second]
                kernel(*parts, cos, sin, out=parts)
                np.testing.assert_array_equal(parts, expected)


@pytest.mark.parametrize("interleaved", [False, True])
def test_compiled_code_has_the_bits_of_eager_code(interleaved: bool) -> None:
    x, cos, sin = numbers((3, 4, 2, 8), "f"), numbers((4, 1, 4), "f"), numbers((4, 1, 4), "f")

    def f(x: Any, cos: Any, sin: Any) -> Any:
        return (ag.rotate_pairs(x, cos, sin, interleaved) ** 2).sum()

    eager = ag.value_and_grad(f, (0, 1, 2))
    compiled = ag.compile(eager)
    with np.errstate(all="ignore"):
        for _ in range(4):
            (loss, slopes), (expected, wanted) = compiled(x, cos, sin), eager(x, cos, sin)
            np.testing.assert_array_equal(loss, expected)
            for slope, other in zip(slopes, wanted, strict=True):
                np.testing.assert_array_equal(slope, other)
    assert not KERNELS or "= _turn(" in compiled.source()

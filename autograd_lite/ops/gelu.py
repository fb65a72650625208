"""GELU, x Phi(x) with Phi the distribution function of the standard normal, and its slope times another array.

In single precision, which networks use, both are computed block by block from Mills' ratio M(z) = Phi(-z) / phi(z) at
z = |x|, where phi(z) = exp(-z²/2) / sqrt(2 pi): a quotient of polynomials, so that the tail keeps its relative
accuracy. Then gelu(x) = max(x, 0) - z Phi(-z), and the slope is w = Phi(-z) - z phi(z) for x < 0, else 1 - w.

References:
    Hendrycks, Gimpel: Gaussian Error Linear Units (GELUs), 2016, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.blocks import blocks
from ..core.duck_arrays import is_duck_array
from ..core.op import Op, applied, elementwise
from ..native import threaded_functions as fast
from ..native.kernels import kernel
from .erf import erfc

_NORMAL = 1 / math.sqrt(2 * math.pi)
_FAR = 40.0  # Phi(-40) is 0; an infinity times 0 would be NaN


def _single(*values: float) -> list[Any]:
    """Return 0-d arrays, which NumPy handles faster than Python numbers."""
    return [np.array(v, np.float32) for v in values]


# Mills' ratio over sqrt(2 pi): numerator and monic denominator, by rising powers. Fitted in double precision on
# 0 <= z <= 14.5, where the relative error is at most 1e-7 (1 + z²/5), as is that of exp(-z²/2) in single precision.
_TOP = _single(13.29004392693334, 9.220099038285648, 2.947182824920419, 0.398840222586959)
_BOTTOM = _single(26.58008786386668, 39.64788632523685, 24.240215967795624, 7.378558712864137)
_END, _MINUS_HALF, _PHI, _ZERO, _ONE, _MINUS_TWO = _single(15, -0.5, _NORMAL, 0, 1, -2)  # Phi(-15) is 0


def _tail(x: Any) -> tuple[Any, Any, Any]:
    """Return z = |x|, exp(-z²/2), and Mills' ratio over sqrt(2 pi); z is clipped where none of this has an effect."""
    z = np.abs(x)
    np.minimum(z, _END, out=z)
    gauss = z * z
    gauss *= _MINUS_HALF
    fast.exp(gauss, out=gauss)
    ratio = z * _TOP[3]
    ratio += _TOP[2]
    below = z + _BOTTOM[3]
    for top, bottom in zip(_TOP[1::-1], _BOTTOM[2:0:-1], strict=True):
        ratio *= z
        ratio += top
        below *= z
        below += bottom
    below *= z
    below += _BOTTOM[0]
    ratio /= below
    return z, gauss, ratio


def _gelu_block(x: Any, out: Any) -> None:
    z, gauss, ratio = _tail(x)
    ratio *= gauss
    ratio *= z
    np.maximum(x, _ZERO, out=out)
    out -= ratio


def _pullback_block(x: Any, y: Any, out: Any) -> None:
    z, gauss, ratio = _tail(x)
    z *= _PHI
    ratio -= z
    ratio *= gauss
    # w + (1 - 2 w) where x > 0; selecting by a mask takes far longer.
    np.greater(x, _ZERO, out=z)
    np.multiply(ratio, _MINUS_TWO, out=gauss)
    gauss += _ONE
    gauss *= z
    ratio += gauss
    np.multiply(ratio, y, out=out)


def _blockwise(work: Callable[..., None], *arrays: Any) -> Any:
    """Run `work` block by block on arrays of one shape in single precision; it writes into its last argument."""
    flat = [np.ascontiguousarray(a).reshape(-1) for a in arrays]
    out = np.empty_like(flat[0])
    with np.errstate(under="ignore"):
        for s in blocks(out.size):
            work(*(a[s] for a in flat), out[s])
    return out.reshape(np.shape(arrays[0]))


def _gelu(x: Any) -> Any:
    if not is_duck_array(x) and np.asarray(x).dtype == np.float32:
        return _blockwise(_gelu_block, x)
    return 0.5 * np.maximum(x, -_FAR) * erfc(x * -math.sqrt(0.5))


def _gelu_pullback(x: Any, y: Any) -> Any:
    plain = not is_duck_array(x) and np.asarray(x).dtype == np.asarray(y).dtype == np.float32
    if plain and np.shape(x) == np.shape(y):
        return _blockwise(_pullback_block, x, y)
    x = np.minimum(np.maximum(x, -_FAR), _FAR)
    return y * (0.5 * erfc(x * -math.sqrt(0.5)) + _NORMAL * x * fast.exp(-0.5 * x * x))


gelu_pullback: Op = elementwise(
    kernel("gelu_pullback", _gelu_pullback),
    lambda out, x, y: y * (_NORMAL * (2 - x * x) * fast.exp(-0.5 * x * x)),
    applied(lambda g, out, x, y: gelu_pullback(x, g)),
    name="gelu_pullback",
    saves=("xy", "x"),
)
gelu = elementwise(kernel("gelu", _gelu), applied(lambda g, out, x: gelu_pullback(x, g)), name="gelu", saves="x")

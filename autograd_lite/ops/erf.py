"""The error function and its complement, which NumPy lacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.duck_arrays import as_array, is_duck_array
from ..core.op import elementwise
from ..native import threaded_functions as fast
from ..native.kernels import kernel

# Chebyshev coefficients computed to 40 digits from the definitions: of erf(x)/x in 2x² - 1 on |x| <= 1, and of
# (1 + x) exp(x²) erfc(x) in (x - 3)/(x + 3) on x >= 0. Truncated where they fall below half a unit in the last place.
_ERF = (
    0.9754769393826541, -0.14226120510371365, 0.010035582187599796, -0.0005768764699767485, 2.741993125219606e-05,
    -1.1043175507344507e-06, 3.8488755420345036e-08, -1.1808582533875466e-09, 3.2334215826050907e-11,
    -7.991015947004549e-13, 1.7990725113961456e-14, -3.718635487818693e-16, 7.103599003714253e-18,
)  # fmt: skip
_ERFC = (
    0.7537126744747984, -0.2241538079990932, 0.03331141869936043, 0.004729202203160197, -0.004667584028574755,
    0.001505458991859158, -0.00026627940185075776, 1.4873372028813446e-05, 4.608056130651457e-06,
    -9.676802292406137e-07, -4.580496022125077e-08, 3.403835840664566e-08, -2.5183402321363816e-10,
    -1.1966477481246863e-09, 3.164433134105921e-11, 4.632116431522396e-11, -8.079023772848018e-13,
    -1.9623983381128617e-12, -3.400898553151644e-14, 8.654949127711561e-14, 6.547147159021365e-15,
    -3.6838636129756236e-15, -6.061318725319586e-16, 1.3273122009813715e-16, 4.393955273943723e-17,
    -2.4306309531444216e-18, -2.6443846953051216e-18,
)  # fmt: skip


def _chebyshev(coefficients: tuple[float, ...], s: Any) -> Any:
    """Sum a Chebyshev series by Clenshaw's recurrence."""
    b0, b1, twice = coefficients[-1], 0.0, 2 * s
    for c in coefficients[-2:0:-1]:
        b0, b1 = twice * b0 - b1 + c, b0
    return s * b0 - b1 + coefficients[0]


def _erfc_of_magnitude(z: Any) -> Any:
    """Return erfc(z) for z >= 0; exp(-z²) is split so that the rounding of z² does not spoil the last digits."""
    coarse = np.floor(z * 16) / 16
    with np.errstate(under="ignore"):
        gauss = fast.exp(-coarse * coarse) * fast.exp((coarse - z) * (coarse + z))
        return gauss * _chebyshev(_ERFC, (z - 3) / (z + 3)) / (z + 1)


def _as_float(x: Any) -> tuple[Any, np.dtype[Any]]:
    x = as_array(x)
    dtype = np.result_type(x.dtype, np.float16) if x.dtype.kind != "f" else x.dtype
    return x.astype(np.float64), dtype


def _erf(x: Any) -> Any:
    x, dtype = _as_float(x)
    z = np.minimum(np.abs(x), 30.0)
    small = x * _chebyshev(_ERF, 2 * np.minimum(z, 1.0) ** 2 - 1)
    return np.where(z < 1, small, np.copysign(1 - _erfc_of_magnitude(z), x)).astype(dtype)


# The terms that matter in single precision; blocks of this many elements stay in the cache.
_ERFC_SINGLE, _BLOCK = _ERFC[:12], 8192


def _erfc_single(x: Any) -> Any:
    """Return erfc(x) in single precision, ten times as fast as in double: block by block, in place."""
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty_like(flat)
    with np.errstate(under="ignore"):
        for start in range(0, flat.size, _BLOCK):
            part, result = flat[start : start + _BLOCK], out[start : start + _BLOCK]
            z = np.minimum(np.abs(part), np.float32(30))
            coarse = np.floor(z * np.float32(16))
            coarse *= np.float32(1 / 16)
            np.multiply(coarse, -coarse, out=result)
            fast.exp(result, out=result)
            result *= fast.exp((coarse - z) * (coarse + z))
            twice_s = (z - np.float32(3)) / (z + np.float32(3))
            twice_s *= 2
            b0, b1, new = np.zeros_like(z), np.zeros_like(z), np.empty_like(z)
            for c in _ERFC_SINGLE[:0:-1]:
                np.multiply(twice_s, b0, out=new)
                new -= b1
                new += np.float32(c)
                b0, b1, new = new, b0, b1
            twice_s *= 0.5
            twice_s *= b0
            twice_s -= b1
            twice_s += np.float32(_ERFC_SINGLE[0])
            result *= twice_s
            result /= z + 1
            np.subtract(2, result, out=result, where=part < 0)
    return out.reshape(np.shape(x))


def _erfc(x: Any) -> Any:
    if not is_duck_array(x) and np.asarray(x).dtype == np.float32:
        return _erfc_single(x)
    x, dtype = _as_float(x)
    tail = _erfc_of_magnitude(np.minimum(np.abs(x), 30.0))
    middle = 1 - x * _chebyshev(_ERF, 2 * np.minimum(np.abs(x), 1.0) ** 2 - 1)
    return np.where(np.abs(x) < 0.5, middle, np.where(x > 0, tail, 2 - tail)).astype(dtype)


_SLOPE = 2 / math.sqrt(math.pi)
erf = elementwise(kernel("erf", _erf), lambda out, x: _SLOPE * fast.exp(-(x * x)), name="erf", saves="x", onnx="Erf")
erfc = elementwise(kernel("erfc", _erfc), lambda out, x: -_SLOPE * fast.exp(-(x * x)), name="erfc", saves="x")

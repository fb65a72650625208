"""Exponentials and logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.op import applied, elementwise
from .elementwise_activations import sigmoid

_LN2, _LN10 = math.log(2), math.log(10)


def _share(x: Any, y: Any, scale: float) -> Any:
    # exp(x - out), with the weights of two equal infinities set to 1/2 so that they still sum to 1.
    both_infinite = (x == y) & np.isinf(x)
    return np.where(both_infinite, 0.5, sigmoid((x - y) * scale))


# fmt: off
# ---- exponentials ---------------------------------------------------------------------------------------------------
exp   = elementwise(np.exp,   lambda out, x: out,                         saves="o", onnx="Exp")
exp2  = elementwise(np.exp2,  lambda out, x: out * _LN2,                  saves="o")
expm1 = elementwise(np.expm1, lambda out, x: out + 1,                     saves="o")

# ---- logarithms -----------------------------------------------------------------------------------------------------
log   = elementwise(np.log,   applied(lambda g, out, x: g / x),           saves="x", domain=("positive",), onnx="Log")
log2  = elementwise(np.log2,  applied(lambda g, out, x: g / (x * _LN2)),  saves="x", domain=("positive",))
log10 = elementwise(np.log10, applied(lambda g, out, x: g / (x * _LN10)), saves="x", domain=("positive",))
log1p = elementwise(np.log1p, applied(lambda g, out, x: g / (x + 1)),     saves="x", domain=("positive",))

# ---- of sums of exponentials ----------------------------------------------------------------------------------------
logaddexp  = elementwise(np.logaddexp,  lambda out, x, y: _share(x, y, 1),
                                        lambda out, x, y: _share(y, x, 1),    saves="xy", commutes=True)
logaddexp2 = elementwise(np.logaddexp2, lambda out, x, y: _share(x, y, _LN2),
                                        lambda out, x, y: _share(y, x, _LN2), saves="xy", commutes=True)
# fmt: on

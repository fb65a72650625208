"""Comparisons, logic and tests of floats: none has a derivative."""

from __future__ import annotations

import numpy as np

from ..core.op import nondifferentiable

# In C; of floats the comparisons are those that raise no flag for NaN.
_GREATER = {"f": "al_less_{t}({1}, {0})", "iub": "{0} > {1}"}
_GREATER_EQUAL = {"f": "al_less_equal_{t}({1}, {0})", "iub": "{0} >= {1}"}
_LESS = {"f": "al_less_{t}({0}, {1})", "iub": "{0} < {1}"}
_LESS_EQUAL = {"f": "al_less_equal_{t}({0}, {1})", "iub": "{0} <= {1}"}


# fmt: off
# ---- comparisons ----------------------------------------------------------------------------------------------------
greater       = nondifferentiable(np.greater,       glyph=">", onnx="Greater", c=_GREATER)
greater_equal = nondifferentiable(np.greater_equal, glyph="≥", onnx="GreaterOrEqual", c=_GREATER_EQUAL)
less          = nondifferentiable(np.less,          glyph="<", onnx="Less", c=_LESS)
less_equal    = nondifferentiable(np.less_equal,    glyph="≤", onnx="LessOrEqual", c=_LESS_EQUAL)
equal         = nondifferentiable(np.equal,         glyph="=", onnx="Equal", commutes=True, c="{0} == {1}")
not_equal     = nondifferentiable(np.not_equal,     glyph="≠", commutes=True, c="{0} != {1}")

# ---- logic ----------------------------------------------------------------------------------------------------------
logical_and   = nondifferentiable(np.logical_and,   glyph="and", onnx="And", commutes=True,
                              c={"fiubc": "({0} != 0) & ({1} != 0)"})
logical_or    = nondifferentiable(np.logical_or,    glyph="or", onnx="Or", commutes=True,
                              c={"fiubc": "({0} != 0) | ({1} != 0)"})
logical_xor   = nondifferentiable(np.logical_xor,   glyph="xor", onnx="Xor", commutes=True,
                              c={"fiubc": "({0} != 0) ^ ({1} != 0)"})
logical_not   = nondifferentiable(np.logical_not,   glyph="not", onnx="Not", c={"fiubc": "{0} == 0"})

# ---- tests of floats ------------------------------------------------------------------------------------------------
isfinite      = nondifferentiable(np.isfinite,      c={"f": "al_isfinite_{t}({0})"})
isinf         = nondifferentiable(np.isinf,         onnx="IsInf", c={"f": "al_isinf_{t}({0})"})
isnan         = nondifferentiable(np.isnan,         onnx="IsNaN", c={"fc": "{0} != {0}"})
signbit       = nondifferentiable(np.signbit,       c={"f": "al_signbit_{t}({0})"})
# fmt: on

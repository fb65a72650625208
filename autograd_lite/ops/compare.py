"""Comparisons, logic and tests of floats: none has a derivative."""

from __future__ import annotations

import numpy as np

from ..core.op import nondifferentiable

# fmt: off
# ---- comparisons ----------------------------------------------------------------------------------------------------
greater       = nondifferentiable(np.greater,       glyph=">", onnx="Greater")
greater_equal = nondifferentiable(np.greater_equal, glyph="≥", onnx="GreaterOrEqual")
less          = nondifferentiable(np.less,          glyph="<", onnx="Less")
less_equal    = nondifferentiable(np.less_equal,    glyph="≤", onnx="LessOrEqual")
equal         = nondifferentiable(np.equal,         glyph="=", onnx="Equal", commutes=True)
not_equal     = nondifferentiable(np.not_equal,     glyph="≠", commutes=True)

# ---- logic ----------------------------------------------------------------------------------------------------------
logical_and   = nondifferentiable(np.logical_and,   glyph="and", onnx="And", commutes=True)
logical_or    = nondifferentiable(np.logical_or,    glyph="or", onnx="Or", commutes=True)
logical_xor   = nondifferentiable(np.logical_xor,   glyph="xor", onnx="Xor", commutes=True)
logical_not   = nondifferentiable(np.logical_not,   glyph="not", onnx="Not")

# ---- tests of floats ------------------------------------------------------------------------------------------------
isfinite      = nondifferentiable(np.isfinite)
isinf         = nondifferentiable(np.isinf,         onnx="IsInf")
isnan         = nondifferentiable(np.isnan,         onnx="IsNaN")
signbit       = nondifferentiable(np.signbit)
# fmt: on

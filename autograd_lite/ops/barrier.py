"""`stop_gradient`, where gradients stop on purpose."""

from __future__ import annotations

from typing import Any

from ..core.duck_arrays import as_array
from ..core.equivalents import Fill, Part, filled_by
from ..core.op import Op, nondifferentiable
from ..core.rewrites import Rewrite


def _stop(x: Any) -> Any:
    return as_array(x)[...]


@filled_by(_stop)
def _stop_fill(x: Any) -> Any:
    return None if x.shape else (Fill((), x.dtype, [Part(..., 0)]), [x])  # of a scalar there is no view


# A view, so nothing is copied; the resulting Tensor knows that it shares memory.
stop_gradient: Op = nondifferentiable(
    _stop,
    name="stop_gradient",
    glyph="⊣",
    view=True,
    onnx="Identity",
    rewrites=(Rewrite(lambda x: stop_gradient(x), lambda x: x),),
    cost=0,
)

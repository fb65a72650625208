"""The ufuncs of `scipy.special`: their derivatives, for where SciPy is installed and used.

A module of this folder has a table for each topic; `records` makes op records of their rows. What no formula gives is
computed: `panel` (quadrature), `gamma_tails`, `beta_tails`. Equation numbers are those of the NIST Digital
Library of Mathematical Functions.

The tables load late, since a program may have no use for them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ...core.late import attach as _attach, load as _load
from ...core.op import Op as _Op

if TYPE_CHECKING:
    import numpy as np

    from .special_tables import REFUSED as REFUSED, TABLE as TABLE, sp as sp
else:
    __getattr__, __dir__, __all__ = _attach(__name__)


def scipy_op(ufunc: np.ufunc, inputs: tuple[Any, ...]) -> _Op | None:
    """Return the op of a SciPy ufunc, or None if it is not in the tables; see `records`."""
    if "scipy.special" not in sys.modules:
        return None
    op: _Op | None = _load(".special_tables", __name__).scipy_op(ufunc, inputs)
    return op

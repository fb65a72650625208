"""SciPy's functions on Tensors, under SciPy's names and with its signatures; modules load when they are asked for.

A call without Tensors is SciPy's own call. `python -m autograd_lite help scipy` says which functions there
are, and what has a gradient.

Example:
    >>> import numpy as np
    >>> import autograd_lite as ag
    >>> from autograd_lite.scipy import linalg
    >>> ag.grad(lambda a: np.trace(linalg.expm(a)))(np.zeros((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
"""

from typing import TYPE_CHECKING

from ..core.late import attach as _attach

if TYPE_CHECKING:
    from . import (
        integrate as integrate,
        interpolate as interpolate,
        linalg as linalg,
        ndimage as ndimage,
        signal as signal,
        special as special,
        stats as stats,
    )
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

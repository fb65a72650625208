"""Who asked for the values of a Tensor: for error messages that name what works."""

from __future__ import annotations

import sys
from types import FrameType

# SciPy's modules for which there are ones that take Tensors.
_OURS = {name: f"autograd_lite.scipy.{name}" for name in ("integrate", "interpolate", "linalg", "ndimage", "signal")}
_OURS |= {"stats": "autograd_lite.scipy.stats", "optimize": "autograd_lite.optimize"}


def instead_of_scipy() -> str:
    """Return a sentence that names our module if SciPy's code is asking for an array, otherwise nothing."""
    frame: FrameType | None = sys._getframe(1)
    module, owner = "", ""
    while frame is not None:
        root, _, rest = frame.f_globals.get("__name__", "").partition(".")
        if root == "scipy" and rest.partition(".")[0] in _OURS:
            module, name = rest.partition(".")[0], getattr(frame.f_locals.get("self"), "name", None)
            owner = owner or (f".{name}" if isinstance(name, str) else "")
        elif root not in ("scipy", "numpy", "autograd_lite"):
            break
        frame = frame.f_back
    return f". scipy.{module}{owner} takes arrays alone; {_OURS[module]}{owner} takes Tensors" if module else ""

"""What a compiled function of arrays is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.tensors.record import wrap


def eager(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of arrays that runs f on Tensors, as a compiled function does.

    On bare arrays NumPy's own exp, log, sin, cos and tanh would run, whose last bits differ where ours are in use.
    """

    def run(*args: Any) -> Any:
        found = f(*(wrap(np.asarray(a), None) if _is_float(a) else a for a in args))
        return ag.tree.map(lambda t: t._data if isinstance(t, ag.Tensor) and not t.requires_grad else t, found)

    return run


def _is_float(a: Any) -> bool:
    return isinstance(a, np.ndarray | np.generic) and a.dtype.kind in "fc"

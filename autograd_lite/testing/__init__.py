"""Check gradients: against finite differences with error bars, against their own algebra, and as property tests.

Example:
    >>> import numpy as np
    >>> from autograd_lite.testing import check_grads
    >>> check_grads(lambda x, w: np.tanh(x @ w), np.ones((2, 3)) / 4, np.eye(3)).ok
    True
"""

from __future__ import annotations

import importlib
from typing import Any

from .check import check_gradients as check_gradients, check_grads as check_grads
from .module import check_module as check_module
from .numeric import numeric_grad as numeric_grad
from .report import GradientMismatch as GradientMismatch, GradReport as GradReport, InputReport as InputReport
from .transpose import check_hessian as check_hessian, check_transpose as check_transpose

# What needs hypothesis is imported when it is first asked for.
_LAZY = {
    "AuditReport": ".auditing",
    "LawBroken": ".rows",
    "OpReport": ".ops",
    "Row": ".rows",
    "audit": ".auditing",
    "check_op": ".ops",
    "grad_property": ".properties",
    "module_test": ".properties",
    "property_test": ".properties",
    "strategies": ".strategies",
    "strict_mode": ".strict",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    module = importlib.import_module(_LAZY[name], __name__)
    return module if name == "strategies" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})

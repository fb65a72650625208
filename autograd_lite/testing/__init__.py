"""Check gradients: against finite differences with error bars, against their own algebra, and as property tests.

Example:
    >>> import numpy as np
    >>> from autograd_lite.testing import check_grads
    >>> check_grads(lambda x, w: np.tanh(x @ w), np.ones((2, 3)) / 4, np.eye(3)).ok
    True
"""

from typing import TYPE_CHECKING

from ..core.late import attach as _attach
from .check import check_grads as check_grads
from .module import check_module as check_module
from .numeric import numeric_grad as numeric_grad
from .report import GradientMismatch as GradientMismatch, GradReport as GradReport, InputReport as InputReport
from .transpose import check_hessian as check_hessian, check_transpose as check_transpose

# What needs hypothesis is imported when it is first asked for.
if TYPE_CHECKING:
    from . import strategies as strategies
    from .ops import OpReport as OpReport, check_op as check_op
    from .properties import grad_property as grad_property, module_test as module_test, property_test as property_test
    from .rows import PropertyError as PropertyError, Row as Row
    from .strict import strict_mode as strict_mode
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

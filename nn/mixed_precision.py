"""Keras's mixed precision, of which there is one policy here: "float32".

Example:
    >>> from nn import mixed_precision
    >>> mixed_precision.set_global_policy("float32")
    >>> mixed_precision.global_policy()
    <DTypePolicy "float32">
"""

from .config.settings import (
    DTypePolicy as DTypePolicy,
    dtype_policy as dtype_policy,
    set_dtype_policy as set_dtype_policy,
)
from .optimizers import LossScaleOptimizer as LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
__dir__ = __all__.copy

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

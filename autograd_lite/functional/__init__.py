"""Transformations of functions: every derivative, in every mode, of any order."""

from typing import TYPE_CHECKING

from ..core.late import attach as _attach

if TYPE_CHECKING:
    from .custom_derivatives import (
        custom_jvp as custom_jvp,
        custom_vjp as custom_vjp,
        primitive as primitive,
        stop_gradient as stop_gradient,
    )
    from .dense_jacobians import hessian as hessian, hvp as hvp, jacobian as jacobian
    from .forward_mode import jvp as jvp, linearize as linearize
    from .missing_gradients import why_no_grad as why_no_grad
    from .rematerialization import checkpoint as checkpoint
    from .reverse_mode import grad as grad, value_and_grad as value_and_grad, vjp as vjp
    from .shape_evaluation import eval_shape as eval_shape
    from .vmap_transform import vmap as vmap
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

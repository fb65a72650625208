"""Transformations of functions: every derivative, in every mode, of any order."""

from typing import TYPE_CHECKING

from ..core.late import attach as _attach

if TYPE_CHECKING:
    from .abstract import eval_shape as eval_shape
    from .batched import vmap as vmap
    from .custom import (
        checkpoint as checkpoint,
        custom_jvp as custom_jvp,
        custom_vjp as custom_vjp,
        primitive as primitive,
        stop_gradient as stop_gradient,
    )
    from .derived import hessian as hessian, hvp as hvp, jacobian as jacobian
    from .forward import jvp as jvp, linearize as linearize
    from .gradient import grad as grad, value_and_grad as value_and_grad, vjp as vjp
    from .why import why_no_grad as why_no_grad
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

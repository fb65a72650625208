"""Transformations of functions: every derivative, in every mode, of any order."""

from .batched import vmap as vmap
from .derived import hessian as hessian, hvp as hvp, jacobian as jacobian
from .forward import jvp as jvp, linearize as linearize
from .gradient import grad as grad, value_and_grad as value_and_grad, vjp as vjp

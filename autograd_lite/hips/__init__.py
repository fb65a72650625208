"""HIPS autograd's names over this engine: `import autograd_lite.hips as autograd`.

For programs that are to stay as they are: `install()`, `python -m autograd_lite.hips script.py`, and pytest's option
`--autograd-lite-hips`. `python -m autograd_lite help hips` says what differs.

Example:
    >>> import autograd_lite.hips.numpy as np
    >>> from autograd_lite.hips import grad
    >>> grad(lambda x: np.sum(np.sin(x)))(np.array([0.0, np.pi]))
    array([ 1., -1.])
"""

from ..core.late import names_in as _names_in
from . import extend as extend, misc as misc, numpy as numpy, test_util as test_util, util as util
from .builtins import dict as dict, isinstance as isinstance, list as list, tuple as tuple, type as type
from .core import primitive as primitive
from .differential_operators import (
    checkpoint as checkpoint,
    deriv as deriv,
    elementwise_grad as elementwise_grad,
    grad as grad,
    grad_and_aux as grad_and_aux,
    grad_named as grad_named,
    hessian as hessian,
    hessian_tensor_product as hessian_tensor_product,
    hessian_vector_product as hessian_vector_product,
    holomorphic_grad as holomorphic_grad,
    jacobian as jacobian,
    make_ggnvp as make_ggnvp,
    make_hvp as make_hvp,
    make_jvp as make_jvp,
    make_vjp as make_vjp,
    multigrad_dict as multigrad_dict,
    tensor_jacobian_product as tensor_jacobian_product,
    value_and_grad as value_and_grad,
    vector_jacobian_product as vector_jacobian_product,
)
from .install import install as install, installed as installed, missing as missing, uninstall as uninstall

__all__ = _names_in(__name__, "extend", "misc", "numpy", "test_util", "util")
__dir__ = __all__.copy

"""autograd_lite: write NumPy, get gradients, see the graph.

Example:
    >>> import numpy as np
    >>> import autograd_lite as ag
    >>> x = ag.tensor([0.5, 1.0], requires_grad=True)
    >>> np.sin(x).sum().backward()
    >>> bool(np.allclose(x.grad, np.cos([0.5, 1.0])))
    True
"""

from . import random as random
from ._define import (
    applied as applied,
    elementwise as elementwise,
    reduction as reduction,
    structural as structural,
)
from ._functions import (
    elu as elu,
    erf as erf,
    erfc as erfc,
    gelu as gelu,
    leaky_relu as leaky_relu,
    log_softmax as log_softmax,
    logsumexp as logsumexp,
    relu as relu,
    sigmoid as sigmoid,
    silu as silu,
    softmax as softmax,
    softplus as softplus,
)
from ._tensor import Tensor as Tensor, tensor as tensor
from .core.errors import (
    DtypeError as DtypeError,
    GradError as GradError,
    ShapeError as ShapeError,
    UnsupportedError as UnsupportedError,
)
from .core.memory import keep_freed_memory as keep_freed_memory, keeps_freed_memory as keeps_freed_memory
from .core.mode import (
    enable_grad as enable_grad,
    is_grad_enabled as is_grad_enabled,
    module_scope as module_scope,
    no_grad as no_grad,
    record_source as record_source,
)
from .engine import backward as backward
from .functional import (
    checkpoint as checkpoint,
    custom_jvp as custom_jvp,
    custom_vjp as custom_vjp,
    grad as grad,
    hessian as hessian,
    hvp as hvp,
    jacobian as jacobian,
    jvp as jvp,
    linearize as linearize,
    stop_gradient as stop_gradient,
    value_and_grad as value_and_grad,
    vjp as vjp,
    vmap as vmap,
    why_no_grad as why_no_grad,
)
from .random import Generator as Generator, set_seed as set_seed

__version__ = "0.1.0"

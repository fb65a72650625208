"""autograd_lite: write NumPy, get gradients, see the graph.

Example:
    >>> import numpy as np
    >>> import autograd_lite as ag
    >>> x = ag.tensor([0.5, 1.0], requires_grad=True)
    >>> np.sin(x).sum().backward()
    >>> bool(np.allclose(x.grad, np.cos([0.5, 1.0])))
    True
"""

from functools import cache as _cache
from typing import TYPE_CHECKING

from .core import VERSION as _VERSION
from .core.errors import (
    CompileWarning as CompileWarning,
    DtypeError as DtypeError,
    GradError as GradError,
    ImplicitError as ImplicitError,
    NonFiniteError as NonFiniteError,
    ReplayError as ReplayError,
    ShapeError as ShapeError,
    TraceError as TraceError,
    UnsupportedError as UnsupportedError,
)
from .core.hooks import HOOKS as _HOOKS
from .core.late import attach as _attach, load as _load
from .core.malloc import keep_freed_memory as keep_freed_memory
from .core.mode import (
    enable_grad as enable_grad,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    raise_on_change as raise_on_change,
    record_source as record_source,
)
from .engine.walk import backward as backward
from .native.threads import get_threads as get_threads, set_threads as set_threads
from .tensors.migration_hints import give_hints as _give_hints, in_module as _in_module
from .tensors.tensor import Tensor as Tensor, tensor as tensor

__version__ = _VERSION
_give_hints(Tensor)

# What a first gradient does not need is loaded when it is asked for.
if TYPE_CHECKING:
    from . import (
        arrays as arrays,
        extend as extend,
        graph as graph,
        hips as hips,
        integrate as integrate,
        numpy as numpy,
        optimize as optimize,
        random as random,
        scipy as scipy,
        sparse as sparse,
        testing as testing,
        tree as tree,
    )
    from .compiler.compiled_function import compile as compile
    from .control.cond import cond as cond
    from .control.scan import scan as scan
    from .control.while_loop import fori_loop as fori_loop, while_loop as while_loop
    from .core.configuration import show_config as show_config
    from .core.host_state import dynamic as dynamic, static as static
    from .core.traceback_folding import fold_tracebacks as fold_tracebacks
    from .engine.watch import raise_on_nan as raise_on_nan
    from .functional import (
        checkpoint as checkpoint,
        custom_jvp as custom_jvp,
        custom_vjp as custom_vjp,
        eval_shape as eval_shape,
        grad as grad,
        hessian as hessian,
        hvp as hvp,
        jacobian as jacobian,
        jvp as jvp,
        linearize as linearize,
        primitive as primitive,
        stop_gradient as stop_gradient,
        value_and_grad as value_and_grad,
        vjp as vjp,
        vmap as vmap,
        why_no_grad as why_no_grad,
    )
    from .functions.activation_functions import (
        cross_entropy as cross_entropy,
        elu as elu,
        erf as erf,
        erfc as erfc,
        gelu as gelu,
        hard_tanh as hard_tanh,
        leaky_relu as leaky_relu,
        log_softmax as log_softmax,
        logsumexp as logsumexp,
        mish as mish,
        relu as relu,
        rotate_pairs as rotate_pairs,
        sigmoid as sigmoid,
        silu as silu,
        softmax as softmax,
        softplus as softplus,
        softsign as softsign,
        standardize as standardize,
        tanh_shrink as tanh_shrink,
    )
    from .functions.custom_ops import (
        applied as applied,
        elementwise as elementwise,
        reduction as reduction,
        structural as structural,
    )
    from .functions.recurrences import gru as gru, lstm as lstm, simple_rnn as simple_rnn
    from .functions.windows import (
        average_pooling as average_pooling,
        convolution as convolution,
        max_pooling as max_pooling,
        transposed_convolution as transposed_convolution,
    )
    from .graph import (
        Graph as Graph,
        Program as Program,
        build_graph as build_graph,
        explain as explain,
        find_nan as find_nan,
        trace as trace,
    )
    from .graph.compiled import load_compiled as load_compiled
    from .ir.observing import (
        debug_print as debug_print,
        observe as observe,
    )
    from .random import Generator as Generator, set_seed as set_seed
    from .solutions.fixed_point import FixedPoint as FixedPoint, fixed_point as fixed_point
    from .solutions.implicit import implicit as implicit
    from .solutions.linear_solve import linear_solve as linear_solve
    from .solutions.solution import certificates as certificates
    from .tensors.changes import Changes as Changes, transaction as transaction
    from .tensors.nested_arrays import array as array
else:
    __getattr__, __dir__, __all__ = _attach(__name__, _in_module, ["nn"])  # whose typing imports would be a circle


def _picture(tensor: Tensor) -> str:
    """Draw the history of a tensor."""
    drawn: str = _load(".graph.graph", __name__).tensor_picture(tensor)
    return drawn


_HOOKS.svg = _picture
_HOOKS.compiled = lambda: _load(".graph.compiled", __name__)
_HOOKS.histories = lambda: _load(".control.histories", __name__)
_HOOKS.namespace = lambda: _load(".numpy", __name__)
_HOOKS.scipy_advice = lambda: str(_load(".scipy.advice", __name__).advice())
_HOOKS.sparse = _cache(lambda: _load(".sparse.constants", __name__).with_constant)
_HOOKS.transposing = lambda: _load(".functional.transposition", __name__)

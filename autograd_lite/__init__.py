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
from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from . import arrays as arrays, random as random, tree as tree
from .core import VERSION as _VERSION
from .core.errors import (
    CompileWarning as CompileWarning,
    DtypeError as DtypeError,
    GradError as GradError,
    NonFiniteError as NonFiniteError,
    ReplayError as ReplayError,
    ShapeError as ShapeError,
    TraceError as TraceError,
    UnsupportedError as UnsupportedError,
)
from .core.files import write_file as write_file
from .core.hooks import HOOKS as _HOOKS
from .core.memory import keep_freed_memory as keep_freed_memory, keeps_freed_memory as keeps_freed_memory
from .core.messages import missing_name as _missing
from .core.mode import (
    enable_grad as enable_grad,
    is_grad_enabled as is_grad_enabled,
    module_scope as module_scope,
    no_grad as no_grad,
    raise_on_change as raise_on_change,
    record_source as record_source,
)
from .core.tracebacks import fold_tracebacks as fold_tracebacks
from .custom_ops import applied as applied, elementwise as elementwise, reduction as reduction, structural as structural
from .engine import backward as backward
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
from .native.threads import get_threads as get_threads, set_threads as set_threads
from .networks.activations import (
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
    sigmoid as sigmoid,
    silu as silu,
    softmax as softmax,
    softplus as softplus,
    softsign as softsign,
    standardize as standardize,
    tanh_shrink as tanh_shrink,
)
from .networks.recurrences import gru as gru, lstm as lstm, simple_rnn as simple_rnn
from .networks.windows import (
    average_pooling as average_pooling,
    convolution as convolution,
    max_pooling as max_pooling,
    transposed_convolution as transposed_convolution,
)
from .random import Generator as Generator, set_seed as set_seed
from .tensors.arrays import array as array
from .tensors.changes import Changes as Changes, transaction as transaction
from .tensors.elsewhere import give_hints as _give_hints, in_module as _in_module
from .tensors.tensor import Tensor as Tensor, tensor as tensor

__version__ = _VERSION
_give_hints(Tensor)

# What a training run does not need is loaded on first use.
_LATE = dict.fromkeys(("Graph", "Program", "build_graph", "explain", "find_nan", "trace"), ".graph")
_LATE["raise_on_nan"] = ".nonfinite.watch"
_LATE["load_compiled"] = ".graph.compiled"
_LATE["blockwise"] = ".native.blockwise"
_LATE["compile"] = ".compiler.compiled"
_LATE |= {"cond": ".control.cond", "scan": ".control.scan"}
_LATE |= dict.fromkeys(("fori_loop", "while_loop"), ".control.while_loop")
_LATE |= dict.fromkeys(("over_root", "running_mean", "running_mean_square"), ".networks.running")
_LATE |= dict.fromkeys(("assume", "debug_print", "is_compiling", "observe"), ".observing")
_LATE |= dict.fromkeys(("host_call", "live", "pinned", "same_objects"), ".outside")
_LATE["show_config"] = ".configuration"
_PACKAGES = ("graph", "hips", "nn", "numpy", "optimize", "scipy", "testing")

if TYPE_CHECKING:
    from . import (
        graph as graph,
        hips as hips,
        nn as nn,
        numpy as numpy,
        optimize as optimize,
        scipy as scipy,
        testing as testing,
    )
    from .compiler.compiled import compile as compile
    from .configuration import show_config as show_config
    from .control.cond import cond as cond
    from .control.scan import scan as scan
    from .control.while_loop import fori_loop as fori_loop, while_loop as while_loop
    from .graph import (
        Graph as Graph,
        Program as Program,
        build_graph as build_graph,
        explain as explain,
        find_nan as find_nan,
        trace as trace,
    )
    from .graph.compiled import load_compiled as load_compiled
    from .native.blockwise import blockwise as blockwise
    from .networks.running import (
        over_root as over_root,
        running_mean as running_mean,
        running_mean_square as running_mean_square,
    )
    from .nonfinite.watch import raise_on_nan as raise_on_nan
    from .observing import (
        assume as assume,
        debug_print as debug_print,
        is_compiling as is_compiling,
        observe as observe,
    )
    from .outside import (
        host_call as host_call,
        live as live,
        pinned as pinned,
        same_objects as same_objects,
    )
else:

    @_cache  # a training step asks for some of them again and again
    def _late(name: str) -> object:
        return getattr(_import_module(_LATE[name], __name__), name)

    def __getattr__(name: str) -> object:
        if name in _PACKAGES:
            return _import_module(f".{name}", __name__)
        if name in _LATE:
            return _late(name)
        raise _missing(__name__, name, _in_module(name), __dir__())

    def __dir__() -> list[str]:
        return sorted({*globals(), *_PACKAGES, *_LATE})


def _picture(tensor: Tensor) -> str:
    """Draw the history of a tensor."""
    drawn: str = _import_module(".graph.graph", __name__).tensor_picture(tensor)
    return drawn


_HOOKS.svg = _picture
_HOOKS.compiled = lambda: _import_module(".graph.compiled", __name__)
_HOOKS.namespace = lambda: _import_module(".numpy", __name__)

"""Users' rules, read by arrays and by Tensors to the same last bit.

On Tensors np.exp and its like run our loops where these are faster (`native/threaded_functions.py`), and so do small
matrices, on plain arrays NumPy's. A rule of a table calls `fast.exp`. A user's calls np.exp, so where it may do so it
gets arrays as Tensors.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from functools import partial, wraps
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from ..core.bytecode import codes_in, names_in
from ..core.hooks import HOOKS
from ..core.node import Node
from ..native.kernels import FASTEST
from ..tree import leaves, map as map_leaves
from .record import wrap
from .tracers import TracedTensor, Tracer, wrap_any

_BARE = frozenset({np.ndarray, float, int, bool, complex, np.float64, np.float32, np.int64, np.bool_, type(None), Node})
_INT = frozenset({int})
_OURS = {theirs.__name__ for theirs, ours in FASTEST.items() if ours is not theirs}
if _OURS:  # what multiplies and factors small matrices
    _OURS |= {"linalg", "solve", "inv", "cholesky", "slogdet", "dot", "vdot", "inner", "tensordot", "einsum", "cov"}


def alike(rule: Callable[..., Any], arrays_stay: bool = False) -> Callable[..., Any]:
    """Wrap a user's rule so that arrays and Tensors get the same bits, and it sees nothing but these.

    Args:
        rule: the user's function.
        arrays_stay: pass arrays as arrays, whatever it calls, since it may read their `flags` and memory.
    """
    calls_ours: bool | None = False if arrays_stay else None

    @wraps(rule, updated=())
    def read(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls_ours
        if calls_ours is None:  # at the first reading: all it calls is there
            calls_ours = bool(_OURS) and _may_call_ours(rule)
        numbered = args[0].__class__ is tuple and _INT.issuperset(map(type, args[0]))  # argnums come first
        plain = _BARE.issuperset(map(type, args[1:] if numbered else args))
        if not calls_ours:
            if plain or not _holds_lifted(args):
                return rule(*args, **kwargs)
            return map_leaves(_unwrap_result, rule(*map_leaves(_wrap_argument, args), **kwargs))
        if plain:
            out = rule(*[_as_tensor(x) for x in args], **kwargs)
            return out._data if out.__class__ is HOOKS.tensor and out._node is None else map_leaves(_bare, out)
        out = rule(*map_leaves(_as_tensor, args), **kwargs)
        recorded = any(isinstance(x, HOOKS.tensor) for x in leaves(args))
        return map_leaves(_unwrap_result if recorded else _bare, out)

    return read


def _holds_lifted(args: tuple[Any, ...]) -> bool:
    others = [x for x in args if x.__class__ not in _BARE and x.__class__ is not HOOKS.tensor]
    return any(isinstance(y, Tracer) for x in others for y in leaves(x))


def _as_tensor(x: Any) -> Any:
    return wrap(x, None) if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fc" else _wrap_argument(x)


def _bare(x: Any) -> Any:
    return x._data if isinstance(x, HOOKS.tensor) and x._node is None else x


def _wrap_argument(x: Any) -> Any:
    return wrap_any(x, None) if isinstance(x, Tracer) else x


def _unwrap_result(x: Any) -> Any:
    return x._data if isinstance(x, TracedTensor) and x._node is None else x


def _has_products(code: CodeType) -> bool:
    """Return whether a code object, or one in it, has the operator of products of matrices."""
    return any(
        i.argrepr in ("@", "@=") for one in codes_in(code) for i in dis.get_instructions(one) if "BINARY" in i.opname
    )


def _may_call_ours(f: Any) -> bool:
    """Return whether a function's names, or those of a function that it calls, include one of ours, or are unknown."""
    seen: set[Any] = set()
    waiting = [f]
    while waiting:
        g = waiting.pop()
        code = getattr(g, "__code__", None)
        if code is None:
            return True
        if g in seen:
            continue
        seen.add(g)
        names = names_in(code)
        if not _OURS.isdisjoint(names) or _has_products(code):
            return True
        held = [*(cell.cell_contents for cell in g.__closure__ or ()), *map(g.__globals__.get, names)]
        if any(isinstance(v, partial) or (isinstance(v, np.ufunc) and v in FASTEST) for v in held):
            return True
        waiting += [v for v in held if isinstance(v, FunctionType)]
    return False

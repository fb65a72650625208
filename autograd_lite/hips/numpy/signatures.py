"""Signatures of NumPy's functions, which NumPy itself states from 2.4 on, and HIPS for whatever is in its namespace."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import Parameter
from types import FunctionType
from typing import Any

import numpy as np

_ANY = inspect.Signature([Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)])
_PARTS = """
    accumulate at identity nargs nin nout ntypes outer reduce reduceat resolve_dtypes signature types
"""


def with_signature(f: Any) -> Any:
    """Return a function of NumPy's namespace, or one that calls it where that has no signature.

    Example:
        >>> inspect.signature(with_signature(np.exp)).parameters["x"].kind.name
        'POSITIONAL_ONLY'
    """
    if isinstance(f, type) or not callable(f):
        return f
    try:
        inspect.signature(f)
    except ValueError:
        return stating(f)
    return f


def stating(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls `f` and has a signature, and the methods of a ufunc if `f` is one."""
    if isinstance(f, FunctionType):
        call: Any = f
    else:

        @wraps(f)
        def call(*args: Any, **kwargs: Any) -> Any:
            return f(*args, **kwargs)

    if isinstance(f, np.ufunc):
        vars(call).update((name, getattr(f, name)) for name in _PARTS.split())
    call.__signature__ = signature_of(f) if isinstance(f, np.ufunc) else _ANY
    return call


def signature_of(ufunc: np.ufunc) -> inspect.Signature:
    """Return the signature of a ufunc."""
    names = ["x"] if ufunc.nin == 1 else [f"x{i + 1}" for i in range(ufunc.nin)]
    loops: dict[str, Any] = {"where": True} if ufunc.signature is None else {"axes": None, "axis": None}
    loops |= {} if ufunc.signature is None else {"keepdims": False}
    loops |= {"casting": "same_kind", "order": "K", "dtype": None, "subok": True, "signature": None}
    out = Parameter("out", Parameter.POSITIONAL_OR_KEYWORD, default=None if ufunc.nout == 1 else (None,) * ufunc.nout)
    return inspect.Signature(
        [
            *(Parameter(name, Parameter.POSITIONAL_ONLY) for name in names),
            out,
            *(Parameter(name, Parameter.KEYWORD_ONLY, default=value) for name, value in loops.items()),
        ]
    )

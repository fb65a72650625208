"""`autograd.misc.tracers`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...compiler.compiled_function import compile


def const_graph(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """Return a function that is recorded at its first call and replayed later: `autograd_lite.compile`.

    Args:
        fun: the function.
        args: its first arguments, which stay as they are.
        kwargs: its keyword arguments, which stay as they are.
    """
    return compile(functools.partial(fun, *args, **kwargs))

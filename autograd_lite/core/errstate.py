"""NumPy's handling of floating-point errors: kernels that raise no flags must not run where the user asks to see them.

NumPy keeps this in a context variable, whose default is one object; comparing with that takes a hundredth of the time
of `np.geterr()`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

import numpy as np

_SEEN = frozenset(("raise", "call", "print", "log"))
_variable: ContextVar[Any] | None = getattr(getattr(np, "_core").umath, "_extobj_contextvar", None)  # noqa: B009
# The state of this context, and the default one.
error_state: Callable[[], Any] = object if _variable is None else _variable.get
DEFAULT = Context().run(error_state)
_last: tuple[Any, bool] = (DEFAULT, False)  # the last state that was examined, and whether errors are seen there


def shows_errors() -> bool:
    """Return whether `np.errstate` or `np.seterr` asks for more than the default warnings."""
    global _last
    state = error_state()
    if state is DEFAULT:
        return False
    last, shows = _last
    if state is not last:
        kinds, listener = np.geterr(), getattr(np.geterrcall(), "__module__", None) or ""
        is_ours = listener.partition(".")[0] == __name__.partition(".")[0]  # of a backward pass, which looks by itself
        shows = not is_ours and (not _SEEN.isdisjoint(kinds.values()) or kinds["under"] == "warn")
        _last = state, shows
    return shows

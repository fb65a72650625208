"""Interrupts during the destruction of an object, which Python swallows: training must stop nevertheless."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..config.ambient import CALL, during

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Collect the interrupts that destructors swallow inside, for `raise_deferred`.

    Python reports them to `sys.unraisablehook` and goes on. Signals are handled in the main thread only, so there is
    nothing to do in others.
    """
    before, ignored = sys.unraisablehook, list[BaseException]()

    def hook(unraisable: Any) -> None:
        if _is_interrupt(unraisable):
            ignored.append(unraisable.exc_value or unraisable.exc_type())
        else:
            before(unraisable)

    try:
        if threading.current_thread() is threading.main_thread():
            sys.unraisablehook = hook
        with during(interrupts=ignored):
            yield
    finally:
        if sys.unraisablehook is hook:
            sys.unraisablehook = before


def raise_deferred() -> None:
    """Raise the interrupt that a destructor swallowed, if there was one."""
    ignored = CALL.get().interrupts
    if ignored:
        raise ignored.pop(0)


def _is_interrupt(unraisable: Any) -> bool:
    """Return whether an exception is an interrupt: not an error, or raised by the handler of a signal."""
    if not issubclass(unraisable.exc_type, (Exception, GeneratorExit)):
        return True
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in _SIGNALS} - {None}
    trace = unraisable.exc_traceback
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            return True
        trace = trace.tb_next
    return False

"""Interrupts during the destruction of an object, which Python swallows: training must stop nevertheless."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

from ..config.ambient import INTERRUPTS

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class heard_interrupts:
    """Context manager: collects interrupts that destructors swallow, for `raise_ignored`.

    Python reports them to `sys.unraisablehook` and goes on. Signals are handled in the main thread only, so there is
    nothing to do in others.
    """

    def __enter__(self) -> None:
        self._before = None
        self._token = INTERRUPTS.set(ignored := list[BaseException]())
        if threading.current_thread() is not threading.main_thread():
            return
        before = self._before = sys.unraisablehook

        def hook(unraisable: Any) -> None:
            if _is_interrupt(unraisable):
                ignored.append(unraisable.exc_value or unraisable.exc_type())
            else:
                before(unraisable)

        self._hook = sys.unraisablehook = hook

    def __exit__(self, *error: object) -> None:
        if self._before is not None and sys.unraisablehook is self._hook:
            sys.unraisablehook = self._before
        INTERRUPTS.reset(self._token)


def raise_ignored() -> None:
    """Raise the interrupt that a destructor swallowed, if there was one."""
    ignored = INTERRUPTS.get()
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

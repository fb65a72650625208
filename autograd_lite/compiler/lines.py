"""Which lines of some code run: asked only where code that cannot be replayed may not have run at all."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

Line = tuple[CodeType, int]


@contextmanager
def lines_run(lines: Collection[Line]) -> Iterator[set[Line]]:
    """Collect which of some lines run inside, in this thread; all of them where that cannot be seen.

    Before Python 3.12 it cannot be seen beside a debugger or a coverage tool, which have the one hook that there is.

    Args:
        lines: code objects and lines in them.
    """
    ran: set[Line] = set()
    if not lines:
        yield ran
    elif sys.version_info >= (3, 12):
        with _monitored(lines, ran):
            yield ran
    elif sys.gettrace() is not None:
        ran.update(lines)
        yield ran
    else:
        with _traced(lines, ran):
            yield ran


@contextmanager
def _traced(lines: Collection[Line], ran: set[Line]) -> Iterator[None]:
    codes = {code for code, _ in lines}

    def of_line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and (line := (frame.f_code, frame.f_lineno)) in lines:
            ran.add(line)
        return of_line

    def of_call(frame: FrameType, event: str, _: Any) -> Any:
        return of_line if frame.f_code in codes else None

    try:
        sys.settrace(of_call)
        yield
    finally:
        sys.settrace(None)


@contextmanager
def _monitored(lines: Collection[Line], ran: set[Line]) -> Iterator[None]:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    tool = next((k for k in (4, 3, 5) if monitoring.get_tool(k) is None), None)
    if tool is None:
        ran.update(lines)
        yield
        return
    this, event = threading.get_ident(), monitoring.events.LINE
    codes = {code for code, _ in lines}

    def of_line(code: CodeType, line: int) -> None:
        if (code, line) in lines and threading.get_ident() == this:
            ran.add((code, line))

    try:
        monitoring.use_tool_id(tool, "autograd_lite")
        monitoring.register_callback(tool, event, of_line)
        for code in codes:
            monitoring.set_local_events(tool, code, event)
        yield
    finally:
        for code in codes:
            monitoring.set_local_events(tool, code, 0)
        monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)

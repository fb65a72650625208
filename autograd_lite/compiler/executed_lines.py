"""The code and lines that run, watched where a read matters only if its line has run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

Line = tuple[CodeType, int]


class Ran:
    """The code and lines that have run.

    Attributes:
        codes: those watched that have run.
        lines: likewise.
    """

    def __init__(self) -> None:
        self.codes: set[CodeType] = set()
        self.lines: set[Line] = set()


@contextmanager
def watch_lines(codes: Collection[CodeType], lines: Collection[Line]) -> Iterator[Ran]:
    """Collect which code, and which lines, run inside, in this thread; all of them where that cannot be seen.

    Before Python 3.12 it cannot be seen beside a debugger or a coverage tool, which have the one hook that there is.

    Args:
        codes: code objects.
        lines: code objects and lines in them.
    """
    executed = Ran()
    codes = {*codes, *(code for code, _ in lines)}
    if not codes:
        yield executed
    elif sys.version_info >= (3, 12):
        with _monitor_lines(codes, lines, executed):
            yield executed
    elif sys.gettrace() is not None and not isinstance(sys.gettrace(), _Tracer):
        executed.codes.update(codes)
        executed.lines.update(lines)
        yield executed
    else:
        around = sys.gettrace()
        try:
            sys.settrace(_Tracer(codes, lines, executed, around))
            yield executed
        finally:
            sys.settrace(around)


class _Tracer:
    """The hook for `sys.settrace`; a tracer that was there before gets every event too."""

    def __init__(self, codes: Collection[CodeType], lines: Collection[Line], ran: Ran, around: Any) -> None:
        self.codes, self.lines, self.ran, self.around = codes, lines, ran, around

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        outer = None if self.around is None else self.around(frame, event, arg)
        if frame.f_code not in self.codes:
            return outer
        self.ran.codes.add(frame.f_code)

        def of_line(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "line" and (line := (frame.f_code, frame.f_lineno)) in self.lines:
                self.ran.lines.add(line)
            if outer is not None:
                outer(frame, event, arg)
            return of_line

        return of_line


@contextmanager
def _monitor_lines(codes: Collection[CodeType], lines: Collection[Line], executed: Ran) -> Iterator[None]:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    tool = next((k for k in (4, 3, 5) if monitoring.get_tool(k) is None), None)
    if tool is None:
        executed.codes.update(codes)
        executed.lines.update(lines)
        yield
        return
    this, events = threading.get_ident(), (monitoring.events.LINE, monitoring.events.PY_START)

    def of_line(code: CodeType, line: int) -> None:
        if threading.get_ident() == this:
            executed.codes.add(code)
            if (code, line) in lines:
                executed.lines.add((code, line))

    def of_start(code: CodeType, _: int) -> None:  # a function in one line has no event of a line
        of_line(code, code.co_firstlineno)

    try:
        monitoring.use_tool_id(tool, "autograd_lite")
        for event, callback in zip(events, (of_line, of_start), strict=True):
            monitoring.register_callback(tool, event, callback)
        for code in codes:
            monitoring.set_local_events(tool, code, events[0] | events[1])
        yield
    finally:
        for code in codes:
            monitoring.set_local_events(tool, code, 0)
        for event in events:
            monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)

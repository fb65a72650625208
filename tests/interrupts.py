"""Interrupts wherever Python handles a signal during a call, and whether they leave a context variable changed.

Python runs the handlers of signals where a function begins and after a call of one that is written in C, which is where
`sys.setprofile` reports. (It does so at a loop's jump back, too.) A line is not such a place: a trace function that
raises at the line of a `finally` keeps it from running, which no signal can.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any
from weakref import ref

from autograd_lite.core.mode import Mode
from autograd_lite.core.undo import Undo

__all__ = ["context_variables", "interrupted_at", "places_of", "points_of", "variables_set"]


class Interrupt(BaseException):
    """What is raised; nothing else raises it."""


def points_of(call: Callable[[], Any], ours: Callable[[str], bool] = lambda file: True) -> int:
    """Return how often Python would handle a signal during a call, in the files that are meant.

    Args:
        call: what to run.
        ours: whether a file is meant, by its name.
    """
    return _run(call, -1, ours)


def places_of(call: Callable[[], Any], ours: Callable[[str], bool] = lambda file: True) -> list[int]:
    """Return the points at which each place of the code is met for the first time."""
    met: list[Any] = []
    _run(call, -1, ours, lambda frame, event, _: met.append((frame.f_code, frame.f_lasti, event)))
    return sorted({place: point for point, place in reversed(list(enumerate(met)))}.values())


def variables_set(call: Callable[[], Any]) -> set[str]:
    """Return the names of the context variables of ours that a call sets."""
    found = set()

    def note(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_return" and called.__name__ == "set" and called.__self__ in variables:
            found.add(called.__self__.name)

    variables = context_variables()
    _run(call, -1, lambda file: True, note)
    return found


def interrupted_at(call: Callable[[], Any], point: int, ours: Callable[[str], bool] = lambda file: True) -> None:
    """Run a call in a copied context, interrupt it at a point, and forget the interrupt.

    Args:
        call: what to run.
        point: how many are passed before.
        ours: whether a file is meant, by its name.

    Raises:
        AssertionError: if the call left a context variable of ours changed.
    """
    left = contextvars.copy_context().run(_left, call, point, ours)
    assert not left, f"an interrupt at point {point} leaves {left} changed"


def context_variables() -> list[contextvars.ContextVar[Any]]:
    """Return those of `autograd_lite` and of `nn`, as far as these are imported."""
    return _context_variables(len(sys.modules))


@functools.lru_cache(maxsize=1)
def _context_variables(modules_imported: int) -> list[contextvars.ContextVar[Any]]:
    ours = ("autograd_lite", "nn")
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] in ours]
    held = [getattr(value, "open", value) for module in modules for value in list(vars(module).values())]
    own = [v for v in held if isinstance(v, contextvars.ContextVar) and not v.name.startswith("numpy.")]
    return list({id(v): v for v in own}.values())


def _left(call: Callable[[], Any], point: int, ours: Callable[[str], bool]) -> list[str]:
    variables = context_variables()
    before = [_in_force(variable.get()) for variable in variables]
    with contextlib.suppress(Interrupt):  # it goes with the frames that it holds, so that generators in them end
        _run(call, point, ours)
    return [v.name for v, value in zip(variables, before, strict=True) if _in_force(v.get()) != value]


def _in_force(value: Any) -> Any:
    """Return what a variable's value amounts to: blocks that hold nothing, or what has gone, do not count."""
    if isinstance(value, Mode):
        return {name: getattr(value, name) for name in Mode.__slots__[1:]}
    if isinstance(value, Undo):
        return value if value.blocks else None
    if isinstance(value, tuple):
        return [part for part in value if _holds(getattr(part, "value", part))]
    return value


def _holds(value: Any) -> bool:
    return value() is not None if isinstance(value, ref) else value != {}


def _run(
    call: Callable[[], Any],
    stop: int,
    ours: Callable[[str], bool],
    note: Callable[[FrameType, str, Any], Any] = lambda frame, event, called: None,
) -> int:
    """Run a call, interrupted at a point, and return how many points it met."""
    met = 0
    meant: dict[CodeType, bool] = {}

    def profile(frame: FrameType, event: str, called: Any) -> None:
        nonlocal met
        if event == "return" or event == "c_call":
            return
        code = frame.f_code
        if (is_meant := meant.get(code)) is None:
            is_meant = meant[code] = ours(code.co_filename)
        if is_meant:
            note(frame, event, called)
            met += 1
            if met == stop + 1:
                raise Interrupt

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before)
    return met

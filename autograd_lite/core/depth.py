"""The number of transformations that run around a piece of code. One count per thread and per asyncio task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, NamedTuple

from .mode import MODE, TAPES, Mode


class Depth(NamedTuple):
    """The number of transformations around a piece of code, and of those among them that record: gradients."""

    all: int = 0
    tapes: int = 0


_OUTSIDE = Depth()
DEPTH: ContextVar[Depth] = ContextVar("autograd_lite_depth", default=_OUTSIDE)


@contextmanager
def inside(*, tape: bool) -> Iterator[Depth]:
    """Run a transformation's function; yields the depth outside."""
    depth = DEPTH.get()
    try:
        DEPTH.set(Depth(depth.all + 1, depth.tapes + tape))
        yield depth
    finally:
        DEPTH.set(depth)


def inside_tracers() -> bool:
    """Return whether this code runs inside `jvp` or `vmap`."""
    depth = DEPTH.get()
    return depth.all > depth.tapes


@contextmanager
def inside_as(depth: Depth) -> Iterator[None]:
    """Run a function again, inside the same transformations as before."""
    around = DEPTH.get()
    try:
        DEPTH.set(depth)
        yield
    finally:
        DEPTH.set(around)


def isolate() -> AbstractContextManager[None]:
    """Run a function on plain arrays as if outside all transformations, since none can reach into it."""
    return inside_as(_OUTSIDE)


def outside(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function as in `isolate`, and also as if no function were being compiled."""
    if not DEPTH.get().all and not (TAPES and MODE.get().tape is not None):
        return f(*args, **kwargs)
    return copy_context().run(_outside, f, args, kwargs)  # a context ends wherever an interrupt comes


def _outside(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    DEPTH.set(_OUTSIDE)
    if MODE.get().tape is not None:
        MODE.set(Mode())
    return f(*args, **kwargs)

"""How many transformations run around a piece of code. One count per thread and per asyncio task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Depth(NamedTuple):
    """How many transformations run around this, and how many of them are gradients, which record."""

    all: int = 0
    tapes: int = 0


_OUTSIDE = Depth()
DEPTH: ContextVar[Depth] = ContextVar("autograd_lite_depth", default=_OUTSIDE)


@contextmanager
def inside(*, tape: bool) -> Iterator[Depth]:
    """Run a transformation's function; yields what was around it."""
    depth = DEPTH.get()
    token = DEPTH.set(Depth(depth.all + 1, depth.tapes + tape))
    try:
        yield depth
    finally:
        DEPTH.reset(token)


def inside_lifted() -> bool:
    """Return whether `jvp` or `vmap` runs around this."""
    depth = DEPTH.get()
    return depth.all > depth.tapes


@contextmanager
def inside_as(depth: Depth) -> Iterator[None]:
    """Run a function once more with the transformations around it that were there before."""
    token = DEPTH.set(depth)
    try:
        yield
    finally:
        DEPTH.reset(token)


def isolated() -> AbstractContextManager[None]:
    """Run a function on bare arrays as if no transformation ran around it, since none can reach into it."""
    return inside_as(_OUTSIDE)

"""Where to keep states of a long chain of steps, so that going back through it repeats as few steps as possible.

With c states kept at a time, of which the first one is one, l steps need t(l, c) = r l - C(c + r, r - 1) steps forward,
where r is the number of times for which C(c + r - 1, c) < l <= C(c + r, c). The first pass, l - 1 steps, is among them.

References:
    Griewank, Walther: Algorithm 799: Revolve, an implementation of checkpointing for the reverse or adjoint mode of
    computational differentiation, 2000, equations 4 to 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import comb
from typing import NamedTuple


def repetitions(steps: int, kept: int) -> int:
    """Return how often the step is run that is run most often.

    Example:
        >>> [repetitions(steps, 3) for steps in (1, 4, 5, 10, 11)]
        [0, 1, 2, 2, 3]
    """
    r = 0
    while comb(kept + r, kept) < steps:
        r += 1
    return r


def forward_steps(steps: int, kept: int) -> int:
    """Return the fewest steps forward that are needed to go back through some steps.

    Example:
        >>> forward_steps(10, 1), forward_steps(10, 3), forward_steps(10, 10)
        (45, 15, 9)
    """
    r = repetitions(steps, kept)
    return r * steps - (comb(kept + r, r - 1) if r else 0)


@cache
def next_kept(steps: int, kept: int) -> int:
    """Return the number of steps after which a state is kept, if only the one before them is so far.

    Example:
        >>> next_kept(10, 3)
        4
    """
    r = repetitions(steps, kept)
    return max(comb(kept + r - 2, kept), steps - comb(kept - 1 + r, kept - 1), 1)


class Advance(NamedTuple):
    """Run steps forward, from the state before step `start`, which is kept, and keep the one before step `stop`."""

    start: int
    stop: int


class Back(NamedTuple):
    """Go back through one step, from the state before step `start`, which is kept; run those between forward first."""

    start: int
    step: int


class Forget(NamedTuple):
    """Forget the state before a step."""

    step: int


def way_back(steps: int, kept: int) -> Iterator[Advance | Back | Forget]:
    """Yield what to do to go back through all steps, from the state before the first one, which is kept all the time.

    Example:
        >>> print(*way_back(3, 2))
        Advance(start=0, stop=1) Back(start=1, step=2) Back(start=1, step=1) Forget(step=1) Back(start=0, step=0)
    """
    stack: list[tuple[int, int, int] | Forget] = [(0, steps, kept)]
    while stack:
        now = stack.pop()
        if isinstance(now, Forget):
            yield now
            continue
        start, stop, c = now
        if c == 1 or stop - start == 1:
            for step in range(stop - 1, start - 1, -1):
                yield Back(start, step)
            continue
        middle = start + next_kept(stop - start, c)
        yield Advance(start, middle)
        stack += [(start, middle, c), Forget(middle), (middle, stop, c - 1)]


def first_kept(steps: int, kept: int) -> list[int]:
    """Return the steps before which states are kept in the first pass, without the very first one.

    Example:
        >>> first_kept(10, 3)
        [4, 7]
    """
    found = []
    for action in way_back(steps, kept) if steps else ():
        if not isinstance(action, Advance):
            break
        found.append(action.stop)
    return found

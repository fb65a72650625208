"""Repetitions in a sequence: stretches of at least three periods, found in about n log n steps."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from typing import NamedTuple

# Two of a kind are drawn; three or more become one box.
LEAST = 3


class Run(NamedTuple):
    """A stretch `tokens[start:stop]` in which every token equals the one `period` before it."""

    start: int
    stop: int
    period: int

    @property
    def times(self) -> int:
        """The number of whole periods."""
        return (self.stop - self.start) // self.period


def runs_in(tokens: Sequence[int]) -> list[Run]:
    """Return disjoint stretches that repeat at least three times; the longest are chosen first.

    Where the same k tokens occur at i, i - p and i - 2p, with p the distance to their last occurrence, a period p is
    likely; it is then extended to both sides as far as it goes. k is doubled up to a third of the length, so that every
    period is looked for with stretches about as long as itself.

    Example:
        >>> runs_in([9, 1, 2, 1, 2, 1, 2, 8])
        [Run(start=1, stop=7, period=2)]
    """
    n = len(tokens)
    runs_of_period: dict[int, list[Run]] = {}
    level, width, budget = list(tokens), 1, 16 * n
    while 3 * width <= n and budget > 0:
        last: dict[int, int] = {}
        before = [0] * len(level)
        for i, token in enumerate(level):
            seen = last.get(token)
            last[token] = i
            if seen is None:
                continue
            period = before[i] = i - seen
            if before[seen] == period and not _is_known(runs_of_period, i, period):
                run = _extend(tokens, i, period)
                insort(runs_of_period.setdefault(period, []), run)
                # A run that covers nearly everything leaves nothing to look for; and no input may cost more than this.
                budget = 0 if run.times >= LEAST and run.stop - run.start > 0.9 * n else budget - run.stop + run.start
                if budget <= 0:
                    break
        pairs: dict[tuple[int, int], int] = {}
        level = [pairs.setdefault((level[i], level[i + width]), len(pairs)) for i in range(len(level) - width)]
        width *= 2
    all_runs = [run for runs in runs_of_period.values() for run in runs if run.times >= LEAST]
    return _choose_longest(all_runs, n)


def _is_known(runs_of_period: dict[int, list[Run]], i: int, period: int) -> bool:
    runs = runs_of_period.get(period, [])
    k = bisect_right(runs, i, key=lambda run: run.start) - 1
    return k >= 0 and runs[k].start <= i < runs[k].stop


def _extend(tokens: Sequence[int], i: int, period: int) -> Run:
    start, stop = i - period, i
    while start > 0 and tokens[start - 1] == tokens[start - 1 + period]:
        start -= 1
    while stop < len(tokens) and tokens[stop] == tokens[stop - period]:
        stop += 1
    return Run(start, stop, period)


def _choose_longest(candidates: list[Run], n: int) -> list[Run]:
    """Choose the runs that cover most; among equals, the one with the shortest period."""
    covered = bytearray(n)
    chosen = []
    for run in sorted(candidates, key=lambda r: (-r.times * r.period, r.period, r.start)):
        if not any(covered[run.start : run.stop]):
            covered[run.start : run.stop] = b"\1" * (run.stop - run.start)
            chosen.append(run)
    return sorted(chosen)

"""`Progbar`: the bar of `fit`, for custom loops."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from ..config.arguments import checked_here
from ..training.progress import open_progress


@checked_here
class Progbar:
    """Shows how far a loop is, and means of values: a bar in a terminal or notebook, a line at the end elsewhere.

    Args:
        target: the number of steps, None if unknown.
        width: characters of the bar.
        verbose: 0 for nothing, 1 for a bar, 2 for a line at the end.
        interval: seconds between two pictures of the bar.
        stateful_metrics: names of values to show as they are; all others are averaged over the steps.
        stateless_metrics: names of the only values to average; not together with `stateful_metrics`.
        unit_name: the name of a step.

    Raises:
        ValueError: if both lists are given, or for another verbose.

    Example:
        >>> bar = Progbar(4, verbose=0)
        >>> for step in range(4):
        ...     bar.update(step + 1, values=[("loss", 1 / (step + 1))])
        >>> bar.seen
        4
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar: expected stateful_metrics or stateless_metrics, which say the same from two sides; received "
                "both. Leave one out"
            )
        self.target, self.seen = target, 0
        self._kept = None if stateless_metrics is not None else set(stateful_metrics or ())
        self._averaged = set(stateless_metrics or ())
        self._sums: dict[str, tuple[float, float]] = {}
        self._progress = open_progress(verbose, "", target)
        self._progress.width, self._progress.every, self._progress.unit = width, interval, unit_name

    @property
    def values(self) -> dict[str, float]:
        """The values to show, by name."""
        return {name: total / max(weight, 1) for name, (total, weight) in self._sums.items()}

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Show that `current` steps are done.

        Args:
            current: the number of steps so far.
            values: pairs of a name and the value of the last step.
            finalize: whether this is the end, where the values are shown as they are; by default at the target.
        """
        ends = (self.target is not None and current >= self.target) if finalize is None else finalize
        steps = max(current - self.seen, 1)
        for name, value in values or ():
            averages = not ends and (name in self._averaged if self._kept is None else name not in self._kept)
            total, weight = self._sums.get(name, (0.0, 0.0)) if averages else (0.0, 0.0)
            self._sums[name] = (total + float(value) * steps, weight + steps) if averages else (float(value), 1.0)
        self.seen = current
        if ends:
            self._progress.steps = current if self.target is None else self.target
            self._progress.close(self.values)
        elif time.perf_counter() >= self._progress.due:
            self._progress.show(current, self.values)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are done.

        Args:
            n: number of steps.
            values: pairs of a name and the value of these steps.
        """
        self.update(self.seen + n, values)

"""The value of the logs that a callback watches, and the best one so far."""

from __future__ import annotations

import math

from ..config.arguments import did_you_mean
from .base import Logs

# Parts of the names of values that are better when larger.
_LARGER = ("acc", "auc", "precision", "recall", "f1", "fbeta", "r2", "iou", "similarity", "specificity", "sensitivity")


class Monitor:
    """Reads one value of the logs, and compares it with the best one so far.

    Args:
        owner: the callback, for error messages.
        monitor: the name in the logs.
        mode: "min" if smaller is better, "max" if larger is better, "auto" to infer it from the name.
        min_delta: the smallest change that counts as an improvement.
    """

    def __init__(self, owner: str, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        self.owner, self.monitor, self.min_delta = owner, monitor, min_delta
        larger = mode == "max" or (mode == "auto" and any(part in monitor for part in _LARGER))
        self.sign = -1.0 if larger else 1.0
        self.best = math.inf  # times sign

    def read(self, logs: Logs | None) -> float:
        """Return the value, times -1 if larger is better.

        Raises:
            ValueError: if it is not in the logs.
        """
        logs = logs or {}
        if self.monitor not in logs:
            meant = did_you_mean(self.monitor, logs)
            fix = meant or f". Name it among the metrics: compile(..., metrics=[{self.monitor!r}])"
            if self.monitor.startswith("val_") and not any(name.startswith("val_") for name in logs):
                fix = ". Values that begin with 'val_' need validation_data or validation_split"
            raise ValueError(
                f"{self.owner}: expected monitor to be one of {sorted(logs)}; received {self.monitor!r}{fix}"
            )
        return self.sign * logs[self.monitor]

    def improves(self, value: float) -> bool:
        """True if a value that `read` returned is the best so far, which is remembered."""
        if value < self.best - self.min_delta:
            self.best = value
            return True
        return False

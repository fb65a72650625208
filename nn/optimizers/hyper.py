"""Hyperparameters: numbers that the user may change between any two steps, checked whenever they are set."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Protocol

from .schedules import LearningRateSchedule


class _Owner(Protocol):
    _hyper: dict[str, float]


class _Ranged:
    """A descriptor that keeps its value, a Python float, in the dict `_hyper` of its owner.

    Python floats, because NumPy lets an array decide the dtype of `array * float`: a NumPy float64 would promote
    float32 parameters.

    Args:
        low: the smallest value allowed.
        high: a bound that every value stays under.
        open_low: whether `low` itself is refused.
        closed_high: whether `high` itself is allowed.
    """

    def __init__(
        self, low: float, high: float = math.inf, *, open_low: bool = False, closed_high: bool = False
    ) -> None:
        self.low, self.high, self.open_low, self.closed_high = low, high, open_low, closed_high
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def check(self, value: Any, owner: str) -> float:
        """Return `value` as a Python float, or say what is wrong with it.

        Raises:
            TypeError: if it is not a number.
            ValueError: if it is out of range, infinite or NaN.
        """
        is_number = isinstance(value, Real) or getattr(value, "shape", None) == ()
        if isinstance(value, bool) or not is_number:
            raise TypeError(f"{owner}: expected {self.name} to be a number {self._range()}; received {value!r:.80}")
        number = float(value)
        above = number > self.low if self.open_low else number >= self.low
        under = number <= self.high if self.closed_high else number < self.high
        if not (above and under):  # NaN is neither
            raise ValueError(f"{owner}: expected {self.name} {self._range()}; received {value!r}")
        return number

    def _range(self) -> str:
        lower = f"{'above' if self.open_low else 'of at least'} {self.low:g}"
        if self.high == math.inf:
            return f"{lower} and finite"
        return f"{lower} and {'at most' if self.closed_high else 'below'} {self.high:g}"


class Number(_Ranged):
    """A hyperparameter that always has a value."""

    def __get__(self, obj: _Owner, objtype: type | None = None) -> float:
        return obj._hyper[self.name]

    def __set__(self, obj: _Owner, value: float) -> None:
        obj._hyper[self.name] = self.check(value, type(obj).__name__)


class Rate(Number):
    """A learning rate: a number, or a schedule, which then gives the number for the present step."""

    def __get__(self, obj: Any, objtype: type | None = None) -> float:
        schedule = obj._schedule
        if schedule is None:
            return float(obj._hyper[self.name])
        step = (obj._iterations,) if isinstance(schedule, LearningRateSchedule) else ()
        return self.check(schedule(*step), type(obj).__name__)

    def __set__(self, obj: Any, value: Any) -> None:
        owner = type(obj).__name__
        if isinstance(value, (list, tuple)):
            raise TypeError(
                f"{owner}: expected {self.name} first, a number or a schedule; received a {type(value).__name__}. "
                f"Write {owner}(learning_rate=0.001, parameters=model.parameters())"
            )
        if isinstance(value, type) or not callable(value):
            obj._hyper[self.name], obj._schedule = self.check(value, owner), None
            return
        step = (obj._iterations,) if isinstance(value, LearningRateSchedule) else ()
        obj._hyper[self.name], obj._schedule = self.check(value(*step), owner), value


class OptionalNumber(_Ranged):
    """A hyperparameter that may be None, which switches off what it controls."""

    def __get__(self, obj: _Owner, objtype: type | None = None) -> float | None:
        return obj._hyper.get(self.name)

    def __set__(self, obj: _Owner, value: float | None) -> None:
        if value is None:
            obj._hyper.pop(self.name, None)
        else:
            obj._hyper[self.name] = self.check(value, type(obj).__name__)

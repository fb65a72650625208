"""Schedules: learning rates that depend on the number of steps taken, with Keras 3's formulas, names and defaults.

An optimizer takes one instead of a number; t in the formulas counts its steps, from 0:

    >>> from nn import optimizers
    >>> optimizer = optimizers.SGD(ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5))
    >>> optimizer.learning_rate
    0.1

A schedule is a function of t, so it can be plotted: `[schedule(t) for t in range(1000)]`.

References:
    Keras 3, `keras.optimizers.schedules`, 2023.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from numbers import Real
from typing import Any

from ..config.arguments import checked
from ..config.config import Configurable, made, plain

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(Configurable):
    """Base class of all schedules; a subclass writes `__call__`.

    Example:
        >>> class Halving(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 * 0.5**step
        >>> Halving()(2)
        0.025
    """

    def __call__(self, step: int) -> float:
        """Return the learning rate after `step` steps."""
        raise NotImplementedError(f"{type(self).__name__}: write __call__(self, step)")

    def __repr__(self) -> str:
        given = {k: v for k, v in vars(self).items() if not k.startswith("_") and k != "name"}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items())})"


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ** (t / decay_steps).

    Args:
        initial_learning_rate: at t = 0, at least 0.
        decay_steps: above 0.
        decay_rate: the factor per decay_steps steps, above 0.
        staircase: whether t / decay_steps is rounded down.
        name: kept for the configuration.

    Example:
        >>> ExponentialDecay(1.0, 10, 0.5)(20)
        0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        own = type(self).__name__
        self.initial_learning_rate = _number(own, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number(own, "decay_steps", decay_steps, positive=True)
        self.decay_rate = _number(own, "decay_rate", decay_rate, positive=own == "ExponentialDecay")
        self.staircase = bool(staircase)
        self.name = name

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate * self.decay_rate ** self._periods(step)

    def _periods(self, step: int) -> float:
        periods = step / self.decay_steps
        return math.floor(periods) if self.staircase else periods


class InverseTimeDecay(ExponentialDecay):
    """initial_learning_rate / (1 + decay_rate * t / decay_steps).

    Args:
        initial_learning_rate: at t = 0, at least 0.
        decay_steps: above 0.
        decay_rate: at least 0.
        staircase: whether t / decay_steps is rounded down.
        name: kept for the configuration.

    Example:
        >>> InverseTimeDecay(1.0, 10, 0.5)(20)
        0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate / (1 + self.decay_rate * self._periods(step))


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i], with i the number of boundaries below t.

    Args:
        boundaries: rising values of t; at a boundary itself the value before it still holds.
        values: one more than there are boundaries, each at least 0.
        name: kept for the configuration.

    Example:
        >>> steps = PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1])
        >>> steps(10), steps(11), steps(21)
        (1.0, 0.5, 0.1)
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        own = "PiecewiseConstantDecay"
        self.boundaries = [_number(own, "every boundary", b) for b in boundaries]
        self.values = [_number(own, "every value", v) for v in values]
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"{own}: expected one more value than boundaries; received {len(self.values)} values and "
                f"{len(self.boundaries)} boundaries"
            )
        if self.boundaries != sorted(set(self.boundaries)):
            raise ValueError(f"{own}: expected boundaries that rise; received {list(boundaries)}")
        self.name = name

    def __call__(self, step: int) -> float:
        return self.values[bisect_left(self.boundaries, step)]


class PolynomialDecay(LearningRateSchedule):
    """(initial - end) * (1 - t / decay_steps) ** power + end, and end from decay_steps on.

    With `cycle`, decay_steps is replaced by the first multiple of it that is not below t.

    Args:
        initial_learning_rate: at t = 0, at least 0.
        decay_steps: above 0.
        end_learning_rate: at least 0.
        power: above 0; 1 is a line.
        cycle: whether to start again, lower each time.
        name: kept for the configuration.

    Example:
        >>> PolynomialDecay(1.0, 10, end_learning_rate=0.0)(5)
        0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        own = "PolynomialDecay"
        self.initial_learning_rate = _number(own, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number(own, "decay_steps", decay_steps, positive=True)
        self.end_learning_rate = _number(own, "end_learning_rate", end_learning_rate)
        self.power = _number(own, "power", power, positive=True)
        self.cycle = bool(cycle)
        self.name = name

    def __call__(self, step: int) -> float:
        end, length = self.end_learning_rate, self.decay_steps
        if self.cycle:
            length *= max(math.ceil(step / length), 1)
        left = 1 - min(step, length) / length
        return (self.initial_learning_rate - end) * left**self.power + end


class CosineDecay(LearningRateSchedule):
    """Half a cosine wave, from the initial rate to alpha times it, after a linear warm-up if asked.

    Without warm-up: initial * ((1 - alpha) * (1 + cos(pi * t / decay_steps)) / 2 + alpha), constant after decay_steps.
    With a `warmup_target`: a line from initial to it in warmup_steps, then the same from it, with t counted from there.

    Args:
        initial_learning_rate: at t = 0, at least 0.
        decay_steps: the number of steps after the warm-up, above 0.
        alpha: the last rate as a fraction, at least 0.
        name: kept for the configuration.
        warmup_target: None, or the rate at the end of the warm-up.
        warmup_steps: the number of steps of the warm-up, at least 0.

    References:
        Ilya Loshchilov, Frank Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation 5.

    Example:
        >>> CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=4)(2)
        0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        own = "CosineDecay"
        self.initial_learning_rate = _number(own, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number(own, "decay_steps", decay_steps, positive=True)
        self.alpha = _number(own, "alpha", alpha)
        self.name = name
        self.warmup_target = None if warmup_target is None else _number(own, "warmup_target", warmup_target)
        self.warmup_steps = _number(own, "warmup_steps", warmup_steps)

    def __call__(self, step: int) -> float:
        start, passed = self.initial_learning_rate, float(step)
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return start + (self.warmup_target - start) * step / self.warmup_steps
            start, passed = self.warmup_target, step - self.warmup_steps
        return start * _half_wave(min(passed / self.decay_steps, 1), 1.0, self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosine waves, one after another: the i-th is t_mul**i times as long and m_mul**i times as high as the first.

    initial * ((1 - alpha) * m_mul**i * (1 + cos(pi * f)) / 2 + alpha), with f the fraction of the i-th that has passed.

    Args:
        initial_learning_rate: at t = 0, at least 0.
        first_decay_steps: the length of the first, above 0.
        t_mul: at least 1.
        m_mul: above 0.
        alpha: the lowest rate as a fraction, at least 0.
        name: kept for the configuration.

    References:
        Ilya Loshchilov, Frank Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation 5.

    Example:
        >>> restarts = CosineDecayRestarts(1.0, 10)
        >>> restarts(5), restarts(10), restarts(20)
        (0.5, 1.0, 0.5)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        own = "CosineDecayRestarts"
        self.initial_learning_rate = _number(own, "initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _number(own, "first_decay_steps", first_decay_steps, positive=True)
        self.t_mul = _number(own, "t_mul", t_mul, positive=True)
        self.m_mul = _number(own, "m_mul", m_mul, positive=True)
        self.alpha = _number(own, "alpha", alpha)
        if self.t_mul < 1:
            raise ValueError(f"{own}: expected t_mul of at least 1; received {t_mul!r}")
        self.name = name

    def __call__(self, step: int) -> float:
        passed, ratio = step / self.first_decay_steps, self.t_mul
        if ratio == 1:
            restarts = math.floor(passed)
            fraction = passed - restarts
        else:
            restarts = math.floor(math.log(1 + passed * (ratio - 1), ratio))
            # Rounding may put the logarithm of a whole power just below it.
            restarts += (ratio ** (restarts + 1) - 1) / (ratio - 1) <= passed
            fraction = (passed - (ratio**restarts - 1) / (ratio - 1)) / ratio**restarts
        return self.initial_learning_rate * _half_wave(fraction, self.m_mul**restarts, self.alpha)


class OneCycle(LearningRateSchedule):
    """Up to the highest rate and down again, once; Keras does not have it, PyTorch calls it OneCycleLR.

    From max / div_factor up to max in the first `pct_start` of the steps, then down to max / div_factor /
    final_div_factor in the rest; both are half a cosine wave.

    Args:
        max_learning_rate: the highest rate, above 0.
        total_steps: at least 2; after them the rate stays constant.
        pct_start: the fraction of the steps that go up, in (0, 1).
        div_factor: above 0.
        final_div_factor: above 0.

    References:
        Leslie Smith, Nicholay Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
        Rates", 2018, section 2.

    Example:
        >>> cycle = OneCycle(1.0, total_steps=101, pct_start=0.3)
        >>> round(cycle(0), 6), round(cycle(29.3), 6)
        (0.04, 1.0)
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        own = "OneCycle"
        self.max_learning_rate = _number(own, "max_learning_rate", max_learning_rate, positive=True)
        self.total_steps = _number(own, "total_steps", total_steps, positive=True)
        self.pct_start = _number(own, "pct_start", pct_start, positive=True)
        self.div_factor = _number(own, "div_factor", div_factor, positive=True)
        self.final_div_factor = _number(own, "final_div_factor", final_div_factor, positive=True)
        if self.pct_start >= 1 or self.pct_start * self.total_steps <= 1:
            raise ValueError(
                f"{own}: expected pct_start below 1 and more than one step up; received pct_start={pct_start}, "
                f"total_steps={total_steps}"
            )

    def __call__(self, step: float) -> float:
        top, turn, last = self.max_learning_rate, self.pct_start * self.total_steps - 1, self.total_steps - 1
        low = top / self.div_factor
        if step <= turn:
            return top + (low - top) * _half_wave(step / turn, 1.0, 0.0)
        end = low / self.final_div_factor
        return end + (top - end) * _half_wave(min((step - turn) / (last - turn), 1), 1.0, 0.0)


@checked
def serialize(schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return a schedule as plain values, {"class_name": …, "config": …}; see `deserialize`."""
    config: dict[str, Any] = plain(schedule)
    return config


@checked
def deserialize(config: Any) -> LearningRateSchedule:
    """Return a schedule like the one that was serialized.

    Raises:
        ValueError: if the configuration stands for something else.

    Example:
        >>> deserialize(serialize(ExponentialDecay(0.5, 10.0, 0.5)))(10)
        0.25
    """
    return made("a schedule", config, LearningRateSchedule)


def _half_wave(fraction: float, height: float, alpha: float) -> float:
    """Return (1 - alpha) * height * (1 + cos(pi * fraction)) / 2 + alpha."""
    return (1 - alpha) * 0.5 * height * (1 + math.cos(math.pi * fraction)) + alpha


def _number(owner: str, name: str, value: Any, positive: bool = False) -> float:
    kind = "above 0" if positive else "of at least 0"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{owner}: expected {name} to be a number {kind}; received {value!r}")
    number = float(value)
    if not (number > 0 if positive else number >= 0) or number == math.inf:  # NaN is neither
        raise ValueError(f"{owner}: expected {name} {kind} and finite; received {value!r}")
    return number

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
from collections.abc import Iterable, Sequence
from typing import Any

from ..config.arguments import argument_error, flag, number, optional, text
from ..config.config import Configurable
from ..config.fields import Converted, field
from ..config.registry import Registry

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
__dir__ = __all__.copy


def _numbers(owner: Any, name: str, value: Any) -> list[float]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise argument_error(TypeError, owner, name, "a list of numbers", value)
    return [number(0)(owner, f"every one of {name}", one) for one in value]


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

    initial_learning_rate: float = field(number(0))
    decay_steps: float = field(number(above=0))
    decay_rate: float = field(number(above=0))
    staircase: bool = field(flag, default=False)
    name: str = field(text, default="ExponentialDecay")

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

    decay_rate: float = field(number(0))
    name: str = field(text, default="InverseTimeDecay")

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

    boundaries: Converted[Sequence[float], list[float]] = field(_numbers)
    values: Converted[Sequence[float], list[float]] = field(_numbers)
    name: str = field(text, default="PiecewiseConstant")

    def __post_init__(self) -> None:
        name = "PiecewiseConstantDecay"
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"{name}: expected one more value than boundaries; received {len(self.values)} values and "
                f"{len(self.boundaries)} boundaries"
            )
        if self.boundaries != sorted(set(self.boundaries)):
            raise ValueError(f"{name}: expected boundaries that rise; received {self.boundaries}")

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

    initial_learning_rate: float = field(number(0))
    decay_steps: float = field(number(above=0))
    end_learning_rate: float = field(number(0), default=0.0001)
    power: float = field(number(above=0), default=1.0)
    cycle: bool = field(flag, default=False)
    name: str = field(text, default="PolynomialDecay")

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

    initial_learning_rate: float = field(number(0))
    decay_steps: float = field(number(above=0))
    alpha: float = field(number(0), default=0.0)
    name: str = field(text, default="CosineDecay")
    warmup_target: float | None = field(optional(number(0)), default=None)
    warmup_steps: float = field(number(0), default=0)

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

    initial_learning_rate: float = field(number(0))
    first_decay_steps: float = field(number(above=0))
    t_mul: float = field(number(1), default=2.0)
    m_mul: float = field(number(above=0), default=1.0)
    alpha: float = field(number(0), default=0.0)
    name: str = field(text, default="SGDRDecay")

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

    max_learning_rate: float = field(number(above=0))
    total_steps: float = field(number(above=0))
    pct_start: float = field(number(above=0, below=1), default=0.3)
    div_factor: float = field(number(above=0), default=25.0)
    final_div_factor: float = field(number(above=0), default=1e4)

    def __post_init__(self) -> None:
        if self.pct_start * self.total_steps <= 1:
            received = f"pct_start={self.pct_start}, total_steps={self.total_steps:g}"
            raise ValueError(f"OneCycle: expected more than one step up; received {received}")

    def __call__(self, step: float) -> float:
        top, turn, last = self.max_learning_rate, self.pct_start * self.total_steps - 1, self.total_steps - 1
        low = top / self.div_factor
        if step <= turn:
            return top + (low - top) * _half_wave(step / turn, 1.0, 0.0)
        end = low / self.final_div_factor
        return end + (top - end) * _half_wave(min((step - turn) / (last - turn), 1), 1.0, 0.0)


def _half_wave(fraction: float, height: float, alpha: float) -> float:
    """Return (1 - alpha) * height * (1 + cos(pi * fraction)) / 2 + alpha."""
    return (1 - alpha) * 0.5 * height * (1 + math.cos(math.pi * fraction)) + alpha


_REGISTRY: Registry[LearningRateSchedule] = Registry("a schedule", LearningRateSchedule)
_, serialize, deserialize = _REGISTRY.functions(__name__)

"""Hyperparameters: numbers that may be changed between any two steps, and are checked whenever they are set.

    class Momentum(Optimizer):
        learning_rate: LearningRate = ScalarOrSchedule(0, default=0.01)
        momentum: float = Number(0, 1, default=0.9)

Each is an argument of the constructor, as `nn.config.fields` makes it, and an entry of `hyper` for the rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NoReturn, Self

import numpy as np

from autograd_lite import Changes, Tensor, dynamic
from autograd_lite.extend import callback, is_compiling

from ..config.arguments import checked, number, optional
from ..config.fields import REQUIRED, Converted, Field
from .schedules import LearningRateSchedule

Schedule = LearningRateSchedule | Callable[[], float]


class Now:
    """What a number of an optimizer has in addition, as it is a variable in Keras: `assign`, `numpy` and `value`.

    It is the number that it was when it was read, so that a list of rates is what they were; `value` and `numpy()` read
    it again, and so do `float`, `int` and NumPy once it has been assigned to.
    """

    _owner: Any
    _of: str
    _assigned: bool = False

    @classmethod
    def read(cls, owner: Any, name: str, value: Any) -> Self:
        """Return the number that an attribute of an optimizer is now."""
        number: Self = cls(value)  # type: ignore[call-arg]
        number._owner, number._of = owner, name
        return number

    @property
    def value(self) -> Any:
        """What the optimizer has by now."""
        return getattr(self._owner, self._of)

    def numpy(self) -> Any:
        """Return what the optimizer has by now as an array without axes, of Keras's dtype."""
        return np.array(self.value, np.int32 if isinstance(self, int) else np.float32)

    def assign(self, value: Any) -> None:
        """Set the attribute of the optimizer."""
        setattr(self._owner, self._of, value.item() if isinstance(value, Tensor | np.ndarray) else value)
        self._assigned = True

    def _plain(self) -> Any:
        """Return it as a Python number."""
        number: Any = self.value if self._assigned else self
        return number.__pos__()

    def assign_add(self, value: Any) -> None:
        """Add to the attribute of the optimizer."""
        self.assign(self.value + value)

    def assign_sub(self, value: Any) -> None:
        """Subtract from the attribute of the optimizer."""
        self.assign(self.value - value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._plain(), dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of a number, ()."""
        return ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        # NumPy makes float64 of subclasses of float, which would promote float32; a Python float does not.
        return getattr(ufunc, method)(*[+x if isinstance(x, (RateNow, CountNow)) else x for x in inputs], **kwargs)

    def __reduce__(self) -> tuple[type, tuple[Any]]:
        plain = self._plain()
        return type(plain), (plain,)


class RateNow(Now, float):
    """A learning rate, as an optimizer has it now; see `Now`."""

    def __float__(self) -> float:
        plain: float = self._plain()
        return plain


class CountNow(Now, int):
    """The number of steps that an optimizer has taken by now; see `Now`."""

    def __int__(self) -> int:
        plain: int = self._plain()
        return plain


LearningRate = Converted[float | Schedule, RateNow]


class Quantity:
    """A descriptor that keeps its value, a Python float, in the dict `_hyper` of its owner.

    Python floats, because NumPy lets an array decide the dtype of `array * float`: a NumPy float64 would promote
    float32 parameters.

    Args:
        low: the smallest value allowed.
        high: a bound that every value stays below.
        open_low: whether `low` itself is refused.
        closed_high: whether `high` itself is allowed.
        none: whether None is allowed; it removes the number from `hyper`.
    """

    def __init__(
        self, low: float, high: float = math.inf, open_low: bool = False, closed_high: bool = False, none: bool = False
    ) -> None:
        above = {"above": low} if open_low else {"low": low}
        below = {"high": high} if closed_high or high == math.inf else {"below": high}
        self.none = none
        self.checked = optional(number(**above, **below)) if none else number(**above, **below)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, obj: Any, kind: type | None = None) -> Any:
        if obj is None:
            return self
        return (dynamic(vars(obj), "_hyper") if is_compiling() else obj._hyper).get(self.name)

    def __set__(self, obj: Any, value: Any) -> None:
        if is_compiling():
            return self._store(obj, value)
        number = self.checked(obj, self.name, value)
        if number is None:
            obj._hyper.pop(self.name, None)
        else:
            obj._hyper[self.name] = number

    def _store(self, obj: Any, value: Any) -> None:
        """Set it in a function that is compiled, where the value may be a number that is read anew at every call."""
        number = self.checked(obj, self.name, value) if value is None else callback(self.checked, obj, self.name, value)
        numbers = {**dynamic(vars(obj), "_hyper"), self.name: number}
        changes = Changes()
        changes.put(vars(obj), "_hyper", {name: x for name, x in numbers.items() if x is not None})
        changes.make()


class _Argument(Quantity, Field):
    """A number that is an argument of the constructor."""

    live = True

    def __init__(self, default: Any, kw_only: bool, *of_quantity: Any) -> None:
        Field.__init__(self, default=default, kw_only=kw_only)
        Quantity.__init__(self, *of_quantity)


class _Rate(_Argument):
    """A learning rate; a schedule is kept in `_schedule`, and gives the number for the current step."""

    def __get__(self, obj: Any, kind: type | None = None) -> Any:
        if obj is None:
            return self
        rate = super().__get__(obj, kind) if obj._schedule is None else self.current_rate(obj, obj._schedule)
        return rate if is_compiling() else RateNow.read(obj, self.name, rate)

    def __set__(self, obj: Any, value: Any) -> None:
        owner = type(obj).__name__
        if isinstance(value, (list, tuple)):
            raise TypeError(
                f"{owner}: expected {self.name} first, a number or a schedule; received a {type(value).__name__}. "
                f"Write {owner}(learning_rate=0.001, parameters=model.parameters())"
            )
        schedule = value if callable(value) and not isinstance(value, type) else None
        super().__set__(obj, value if schedule is None else self.current_rate(obj, schedule))
        obj._schedule = schedule

    def current_rate(self, obj: Any, schedule: Any) -> float:
        """Return the rate of a schedule at the current step."""
        step = (dynamic(vars(obj), "_iterations"),) if isinstance(schedule, LearningRateSchedule) else ()
        rate: float = callback(self._rate, obj, schedule, *step)
        return rate

    def _rate(self, obj: Any, schedule: Any, *step: int) -> float:
        return float(self.checked(obj, self.name, schedule(*step)))


class Inner(Quantity):
    """A number that belongs to the inner optimizers: None here, and not to be set."""

    def __init__(self) -> None:
        super().__init__(0, none=True)

    def __set__(self, obj: Any, value: Any) -> NoReturn:
        raise AttributeError(
            f"{type(obj).__name__}: {self.name} belongs to the optimizers inside. Set it on {obj.inside}.{self.name}"
        )


class _Bound(Field):
    """The argument `parameters`: to set it is to bind them, unless it is None."""

    live = True

    def __get__(self, obj: Any, kind: type | None = None) -> Any:
        return self if obj is None else list(obj._parameters)

    def __set__(self, obj: Any, value: Any) -> None:
        if value is not None:
            obj.bind(value)


# Functions, so that `beta: float = Number(0, 1)` has the right type, as with the fields of `dataclasses`.
@checked
def Number(
    low: float,
    high: float = math.inf,
    *,
    default: Any = REQUIRED,
    kw_only: bool = False,
    open_low: bool = False,
    closed_high: bool = False,
) -> Any:
    """Declare a hyperparameter that always has a value.

    Args:
        low: the smallest value allowed.
        high: a bound that every value stays below.
        default: left out, the argument must be given.
        kw_only: whether it must be given by name.
        open_low: whether `low` itself is refused.
        closed_high: whether `high` itself is allowed.

    Example:
        >>> from nn import optimizers
        >>> class Halved(optimizers.SGD):
        ...     share: float = Number(0, 1, default=0.5)
        >>> Halved().share
        0.5
    """
    return _Argument(default, kw_only, low, high, open_low, closed_high)


@checked
def OptionalNumber(
    low: float,
    high: float = math.inf,
    *,
    default: Any = REQUIRED,
    kw_only: bool = False,
    open_low: bool = False,
    closed_high: bool = False,
) -> Any:
    """Declare a hyperparameter that may be None, for off.

    Args:
        low: the smallest value allowed.
        high: a bound that every value stays below.
        default: left out, the argument must be given.
        kw_only: whether it must be given by name.
        open_low: whether `low` itself is refused.
        closed_high: whether `high` itself is allowed.

    Example:
        >>> from nn import optimizers
        >>> class Capped(optimizers.SGD):
        ...     cap: float = OptionalNumber(0, default=None)
        >>> Capped().cap is None
        True
    """
    return _Argument(default, kw_only, low, high, open_low, closed_high, True)


@checked
def ScalarOrSchedule(low: float, *, default: Any = REQUIRED, open_low: bool = False) -> Any:
    """Declare a learning rate: a number, or a schedule.

    Args:
        low: the smallest value allowed.
        default: left out, the argument must be given.
        open_low: whether `low` itself is refused.

    Example:
        >>> from nn import optimizers
        >>> class Slow(optimizers.SGD):
        ...     learning_rate: float = ScalarOrSchedule(0, default=0.001)
        >>> Slow().learning_rate
        0.001
    """
    return _Rate(default, False, low, math.inf, open_low, False)


def bindable(*, default: Any = None, kw_only: Literal[True] = True) -> Any:
    """Declare the argument `parameters`."""
    return _Bound(default=default, kw_only=kw_only)

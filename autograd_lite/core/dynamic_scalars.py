"""Dynamic scalars: Python numbers that a compiled function reads anew at every replay, such as a learning rate."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

_PLAIN = (int, float, complex, np.generic)


class Numbers(Protocol):
    """Records the dynamic scalars of a function that is being compiled, and how they are computed."""

    def call(self, f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Return the result of a function of numbers, as a number that is computed anew at every replay."""

    def fix(self, number: DynamicScalar) -> Any:
        """Return the value that a number has now; the compiled code is for this value alone."""

    def leave(self, number: DynamicScalar, plain: Callable[[], Any], how: str, instead: str) -> Any:
        """Return an ordinary number or array made of a number, or raise, see `Tape.refuse_exit`."""


class DynamicScalar:
    """A number that is read anew at every replay, or computed from such numbers.

    Python's operators on it are recorded, and repeated with Python's numbers at every replay. A branch on one is taken
    as it is taken now: the compiled code is for this branch alone.

    Attributes:
        f: what computed it.
        args: numbers, of which some are live.
        value: its current value.
        name: the same in every run that does the same.
    """

    __slots__ = ("args", "f", "name", "numbers", "value")
    ndim, shape = 0, ()  # which NumPy asks for without reading the number

    def __init__(self, numbers: Numbers, f: Callable[..., Any], args: tuple[Any, ...], value: Any, name: str) -> None:
        self.numbers, self.f, self.args, self.value, self.name = numbers, f, args, value, name

    def fix_value(self) -> Any:
        """Return the ordinary number that it is now, for which alone the code is compiled."""
        return self.numbers.fix(self)

    def __bool__(self) -> bool:
        return bool(self.numbers.call(bool, (self,)).fix_value())

    def __pos__(self) -> DynamicScalar:
        return self

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(hasattr(x, "__apply_op__") for x in inputs):
            return NotImplemented
        if method == "__call__" and not kwargs and all(isinstance(x, (DynamicScalar, *_PLAIN)) for x in inputs):
            return self.numbers.call(ufunc, inputs)
        how = f"np.{ufunc.__name__} of an array and a number that is read anew at every call"
        f = getattr(ufunc, method)
        plain = lambda: f(*map(plain_number, inputs), **kwargs)  # noqa: E731
        return self.numbers.leave(self, plain, how, "Make the array a Tensor, ag.tensor(a)")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        how = "an array of a number that is read anew at every call"
        return self.numbers.leave(self, lambda: np.array(self.value, dtype), how, "Make it a Tensor, ag.tensor(x)")

    def __repr__(self) -> str:
        return self.name

    __hash__ = object.__hash__


def plain_number(x: Any) -> Any:
    """Return the ordinary number that a live one is now; everything else as it is."""
    return x.value if x.__class__ is DynamicScalar else x


def _add_operator(name: str, f: Callable[..., Any]) -> None:
    def forward(self: DynamicScalar, *others: Any) -> Any:
        supported = all(isinstance(x, (DynamicScalar, *_PLAIN)) for x in others)
        return self.numbers.call(f, (self, *others)) if supported else NotImplemented

    def backward(self: DynamicScalar, other: Any) -> Any:
        return self.numbers.call(f, (other, self)) if isinstance(other, _PLAIN) else NotImplemented

    setattr(DynamicScalar, f"__{name}__", forward)
    if name in _ARITHMETIC:
        setattr(DynamicScalar, f"__r{name}__", backward)


_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
for _name in (*_ARITHMETIC, "neg", "abs", "lt", "le", "gt", "ge", "eq", "ne"):
    _add_operator(_name, getattr(operator, _name))
_ROUNDINGS: dict[str, Callable[..., Any]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": round,
}
for _name, _f in _ROUNDINGS.items():
    _add_operator(_name, _f)


def _add_exit(name: str) -> None:
    def refuse(self: DynamicScalar, *_: Any) -> Any:
        how = f"{name}(x) of a number that is read anew at every call"
        plain = lambda: _EXITS[name](self.value, *_)  # noqa: E731
        return self.numbers.leave(self, plain, how, "Compute with Python's operators on it, or extend.callback(f, x)")

    setattr(DynamicScalar, f"__{name}__", refuse)


_EXITS: dict[str, Callable[..., Any]] = {
    "float": float,
    "int": int,
    "complex": complex,
    "index": operator.index,
    "format": format,
}
for _name in _EXITS:
    _add_exit(_name)

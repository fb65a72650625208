"""Generated Python that reads host state at every replay, and computes dynamic scalars from it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dynamic_scalars import DynamicScalar
from ..ir.host_record import ARGUMENTS, Argument, Fixed, HostState, Read, key_of, values_in
from ..tensors.tensor import Tensor

_INFIX = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.pow: "**",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}
_PURE = {bool, abs, round, operator.neg, operator.abs}

# What functions gave during one call, by themselves and their arguments, so that none runs twice.
Memo = dict[Any, Any]


class HostStateChanged(Exception):
    """Raised in a replay, before it has any effect, where something outside is not as it was when it was traced."""


class Reader:
    """The code of what one trace reads and computes outside of Tensors.

    Args:
        host_state: what the trace noted.
        slots: the Tensors and `DynamicScalar` numbers that the program takes, in order.

    Attributes:
        text: a function `read` of what functions gave in this call before. It returns the values of the slots, and
            the numbers that are put back.
    """

    def __init__(self, host_state: HostState, slots: Sequence[Any]) -> None:
        self._arrays = host_state.arrays
        self._names: dict[str, Any] = {
            "HostStateChanged": HostStateChanged,
            "ndarray": np.ndarray,
            "called": _call_once,
        }
        self._names["ARGUMENTS"] = ARGUMENTS
        self._texts: dict[int, str] = {}  # what slots and numbers are called
        numbers = [x for put in host_state.puts.values() for x in values_in(put.value) if x.__class__ is DynamicScalar]
        self._wanted = _needed_for([*slots, *numbers], host_state)
        self._rows: list[str] = []
        for step in host_state.steps:
            if isinstance(step, Read):
                where = f"{self._name(step.container)}[{self._text(step.key)}]"
                self._check(step.value, where, f"{step.key!r}")
            elif isinstance(step, Argument):
                if step.number in self._wanted:
                    self._texts[id(step.number)] = self._new(f"memo[ARGUMENTS][{step.place}]")
            elif isinstance(step, Fixed):
                self._rows.append(f"if {self._text(step.number)} != {self._text(step.value)}:")
                self._rows.append(f'    raise HostStateChanged("{_quote(step.number)} is {step.value!r}")')
            elif step.__class__ is DynamicScalar and step in self._wanted:
                self._texts[id(step)] = new = f"n{len(self._texts)}"
                self._rows.append(f"{new} = {self._expression(step)}")
        values = "".join(f"{self._text(x)}, " for x in slots)
        put = "".join(f"{self._text(x)}, " for x in numbers)
        self.text = "\n    ".join(["def read(memo):", *self._rows, f"return ({values}), ({put})"]) + "\n"
        exec(compile(self.text, "<read>", "exec"), self._names)
        self.read: Callable[[Memo], tuple[tuple[Any, ...], tuple[Any, ...]]] = self._names.pop("read")

    def _check(self, value: Any, where: str, path: str) -> None:
        """Write the lines that read a value and check that it is like the one of the trace."""
        if value.__class__ in (dict, list, tuple):
            here = self._new(where)
            self._demand(f"{here}.__class__ is {value.__class__.__name__} and len({here}) == {len(value)}", path)
            for key, x in value.items() if value.__class__ is dict else enumerate(value):
                self._check(x, f"{here}[{self._text(key)}]", f"{path}[{key!r}]")
        elif value.__class__ is DynamicScalar:
            if value in self._wanted:
                self._texts[id(value)] = here = self._new(where)
                self._demand(f"{here}.__class__ is {value.value.__class__.__name__}", path)
            else:
                self._rows.append(where)  # it must be there
        elif id(value) in self._arrays:
            self._check_array(value, where, path)
        else:
            self._compare(value, where, path)

    def _compare(self, value: Any, where: str, path: str) -> None:
        """Write the lines that check that a value is the one of the trace."""
        is_number = isinstance(value, (int, float, str)) and value.__class__ is not bool
        same = f"{where} == {self._text(value)}" if is_number else f"{where} is {self._text(value)}"
        kind = f" and {where}.__class__ is {self._name(value.__class__)}" if is_number else ""
        self._demand(same + kind, path)

    def _check_array(self, value: Tensor, where: str, path: str) -> None:
        a = value._data
        self._texts[id(value)] = here = self._new(where)
        kind = "ndarray" if a.__class__ is np.ndarray else self._name(a.__class__)
        shape = f" and {here}.strides == {a.strides} and {here}.shape == {a.shape}" if a.ndim else ""
        self._demand(f"{here}.__class__ is {kind} and {here}.dtype == {self._name(a.dtype)}{shape}", path)

    def _demand(self, condition: str, path: str) -> None:
        self._rows += [f"if not ({condition}):", f'    raise HostStateChanged("{_quote(path)} is as it was")']

    def _expression(self, number: DynamicScalar) -> str:
        args = [self._text(x) for x in number.args]
        if number.f in _INFIX:
            return f" {_INFIX[number.f]} ".join(args)
        f = self._name(number.f)
        if number.f in _PURE or isinstance(number.f, np.ufunc) or getattr(number.f, "__module__", "") == "math":
            return f"{f}({', '.join(args)})"
        if any(x.__class__ is DynamicScalar for x in number.args):
            return f"called(memo, {', '.join([f, *args])})"
        key = self._name(key_of(number.f, number.args))
        return f"memo[{key}] if {key} in memo else memo.setdefault({key}, {f}({', '.join(args)}))"

    def _new(self, value: str) -> str:
        name = f"x{len(self._rows)}"
        self._rows.append(f"{name} = {value}")
        return name

    def _text(self, x: Any) -> str:
        name = self._texts.get(id(x)) if isinstance(x, (DynamicScalar, Tensor)) else None
        if name is not None:
            return name
        return repr(x) if x.__class__ in (bool, int, str) or x is None else self._name(x)

    def _name(self, value: Any) -> str:
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name


def names_read(host_state: HostState) -> list[str]:
    """Return the names of the host state that is read at every call."""
    return list(dict.fromkeys(str(step.key).lstrip("_") for step in host_state.steps if isinstance(step, Read)))


def _call_once(memo: Memo, f: Callable[..., Any], *args: Any) -> Any:
    """Call a function, unless this was done before."""
    key = key_of(f, args)
    if key in memo:
        return memo[key]
    value = memo[key] = f(*args)
    return value


def _needed_for(values: Sequence[Any], host_state: HostState) -> set[DynamicScalar]:
    """Return the numbers that these, and branches, are computed from."""
    stack = [x for x in values if x.__class__ is DynamicScalar]
    stack += [step.number for step in host_state.steps if isinstance(step, Fixed)]
    numbers = set(stack)
    while stack:
        for x in stack.pop().args:
            if x.__class__ is DynamicScalar and x not in numbers:
                numbers.add(x)
                stack.append(x)
    return numbers


def _quote(x: Any) -> str:
    return str(x).replace("\\", "").replace('"', "'")[:80]

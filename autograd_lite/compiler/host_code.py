"""Python code that reads, at every replay, what is outside of Tensors, and computes numbers from it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dynamic_scalars import DynamicScalar
from ..ir.host_record import ARGUMENTS, Argument, Fixed, Hosts, Read, key_of, leaves_of
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


class Changed(Exception):
    """Raised in a replay, before it has any effect, where something outside is not as it was when it was traced."""


class Reader:
    """The code of what one trace reads and computes outside of Tensors.

    Args:
        hosts: what the trace noted.
        slots: the Tensors and `DynamicScalar` numbers that the program takes, in order.

    Attributes:
        text: a function `read` of what functions gave in this call before. It returns the values of the slots, and
            the numbers that are put back.
    """

    def __init__(self, hosts: Hosts, slots: Sequence[Any]) -> None:
        self._arrays = hosts.arrays
        self._names: dict[str, Any] = {"Changed": Changed, "ndarray": np.ndarray, "called": _called}
        self._names["ARGUMENTS"] = ARGUMENTS
        self._texts: dict[int, str] = {}  # what slots and numbers are called
        numbers = [x for put in hosts.puts.values() for x in leaves_of(put.value) if x.__class__ is DynamicScalar]
        self._wanted = _needed([*slots, *numbers], hosts)
        self._rows: list[str] = []
        for step in hosts.steps:
            if isinstance(step, Read):
                where = f"{self._name(step.container)}[{self._text(step.key)}]"
                self._check(step.found, where, f"{step.key!r}")
            elif isinstance(step, Argument):
                if step.number in self._wanted:
                    self._texts[id(step.number)] = self._new(f"memo[ARGUMENTS][{step.place}]")
            elif isinstance(step, Fixed):
                self._rows.append(f"if {self._text(step.number)} != {self._text(step.value)}:")
                self._rows.append(f'    raise Changed("{_quoted(step.number)} is {step.value!r}")')
            elif step.__class__ is DynamicScalar and step in self._wanted:
                self._texts[id(step)] = new = f"n{len(self._texts)}"
                self._rows.append(f"{new} = {self._expression(step)}")
        taken = "".join(f"{self._text(x)}, " for x in slots)
        put = "".join(f"{self._text(x)}, " for x in numbers)
        self.text = "\n    ".join(["def read(memo):", *self._rows, f"return ({taken}), ({put})"]) + "\n"
        exec(compile(self.text, "<read>", "exec"), self._names)
        self.read: Callable[[Memo], tuple[tuple[Any, ...], tuple[Any, ...]]] = self._names.pop("read")

    def _check(self, found: Any, where: str, path: str) -> None:
        """Write the lines that read something and check that it is like what was found."""
        if found.__class__ in (dict, list, tuple):
            here = self._new(where)
            self._demand(f"{here}.__class__ is {found.__class__.__name__} and len({here}) == {len(found)}", path)
            for key, x in found.items() if found.__class__ is dict else enumerate(found):
                self._check(x, f"{here}[{self._text(key)}]", f"{path}[{key!r}]")
        elif found.__class__ is DynamicScalar:
            if found in self._wanted:
                self._texts[id(found)] = here = self._new(where)
                self._demand(f"{here}.__class__ is {found.value.__class__.__name__}", path)
            else:
                self._rows.append(where)  # it must be there
        elif id(found) in self._arrays:
            self._check_array(found, where, path)
        else:
            self._compare(found, where, path)

    def _compare(self, found: Any, where: str, path: str) -> None:
        """Write the lines that check that something is what it was."""
        is_number = isinstance(found, (int, float, str)) and found.__class__ is not bool
        same = f"{where} == {self._text(found)}" if is_number else f"{where} is {self._text(found)}"
        kind = f" and {where}.__class__ is {self._name(found.__class__)}" if is_number else ""
        self._demand(same + kind, path)

    def _check_array(self, found: Tensor, where: str, path: str) -> None:
        a = found._data
        self._texts[id(found)] = here = self._new(where)
        kind = "ndarray" if a.__class__ is np.ndarray else self._name(a.__class__)
        shape = f" and {here}.strides == {a.strides} and {here}.shape == {a.shape}" if a.ndim else ""
        self._demand(f"{here}.__class__ is {kind} and {here}.dtype == {self._name(a.dtype)}{shape}", path)

    def _demand(self, condition: str, path: str) -> None:
        self._rows += [f"if not ({condition}):", f'    raise Changed("{_quoted(path)} is as it was")']

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
        known = self._texts.get(id(x)) if isinstance(x, (DynamicScalar, Tensor)) else None
        if known is not None:
            return known
        return repr(x) if x.__class__ in (bool, int, str) or x is None else self._name(x)

    def _name(self, thing: Any) -> str:
        name = f"c{len(self._names)}"
        self._names[name] = thing
        return name


def read_by(hosts: Hosts) -> list[str]:
    """Return the names of what is read from Python objects at every call."""
    return list(dict.fromkeys(str(step.key).lstrip("_") for step in hosts.steps if isinstance(step, Read)))


def _called(memo: Memo, f: Callable[..., Any], *args: Any) -> Any:
    """Call a function, unless this was done before."""
    key = key_of(f, args)
    if key in memo:
        return memo[key]
    value = memo[key] = f(*args)
    return value


def _needed(wanted: Sequence[Any], hosts: Hosts) -> set[DynamicScalar]:
    """Return the numbers that these, and branches, are computed from."""
    stack = [x for x in wanted if x.__class__ is DynamicScalar]
    stack += [step.number for step in hosts.steps if isinstance(step, Fixed)]
    found = set(stack)
    while stack:
        for x in stack.pop().args:
            if x.__class__ is DynamicScalar and x not in found:
                found.add(x)
                stack.append(x)
    return found


def _quoted(x: Any) -> str:
    return str(x).replace("\\", "").replace('"', "'")[:80]

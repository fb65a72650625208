"""The host state of a compiled function as JSON: values outside of Tensors that it reads and puts back."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...core.dynamic_scalars import DynamicScalar
from ...files import Form, nth, of_kind, one_entry, refuse
from ...ir.host_record import Argument, Fixed, HostState, Put, Read, values_in
from ...tensors.record import wrap
from ...tensors.tensor import Tensor
from .codec import UnwritableError, ValueCodec, example, like

_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "neg", "abs")
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
_CALLS: dict[str, Callable[..., Any]] = {
    **{f"operator.{name}": getattr(operator, name) for name in (*_ARITHMETIC, *_COMPARISONS)},
    **{f"math.{name}": f for name, f in vars(math).items() if callable(f)},
    **{f"builtins.{name}": getattr(builtins, name) for name in ("bool", "abs", "round", "min", "max")},
}


class HostStateWriter(ValueCodec):
    """Writes the host state of several traces, which share containers.

    Args:
        values: the codec of the file.

    Attributes:
        containers: the entries of each that are read.
    """

    def __init__(self, values: ValueCodec) -> None:
        forms = {
            "live": Form(DynamicScalar, HostStateWriter._known_number),
            "host": Form(Tensor, HostStateWriter._array),
        }
        super().__init__(values.held, values.generators, forms, np.generic)
        self._values = values
        self._numbers: dict[int, int] = {}
        self._held: list[Any] = []
        self._keys: list[set[Any]] = []
        self._scalars: dict[DynamicScalar, int] = {}
        self._arrays: dict[int, int] = {}

    def containers(self) -> list[Any]:
        """Return the current values of the containers."""
        return [
            [[key, self._values.write(held[key], f"state {n}")] for key in sorted(keys) if key in held]
            for n, (held, keys) in enumerate(zip(self._held, self._keys, strict=True))
        ]

    def host_state(self, host_state: HostState) -> dict[str, Any]:
        """Return the description of the host state of one trace."""
        self._scalars = {}
        self._arrays = {i: n for n, i in enumerate(host_state.arrays)}
        steps = []
        for step in host_state.steps:
            if isinstance(step, Read):
                for x in values_in(step.value):
                    if x.__class__ is DynamicScalar:
                        self._scalar(x)
                value = self.write(step.value)
                steps.append({"read": [self._container(step.container, step.key), step.key, value, step.owned]})
            elif isinstance(step, Argument):
                steps.append({"argument": [step.place, self._scalar(step.number)]})
            elif isinstance(step, Fixed) and step.number in self._scalars:
                steps.append({"fixed": [self.write(step.number), self.write(step.value)]})
            elif isinstance(step, DynamicScalar) and self._is_writable(step):
                args = [self.write(x) for x in step.args]
                steps.append({"call": [_name_of(step.f), args, self._scalar(step)]})
            # Static values, and results of other functions, are in no file: nothing could change them there.
        puts = [
            [self._container(put.container, put.key), put.key, None, self.write(put.before)]
            for put in host_state.puts.values()
        ]
        arrays, self._arrays = self._arrays, {}  # values that are put are new
        for about, put in zip(puts, host_state.puts.values(), strict=True):
            about[2] = self.write(put.value)
        self._arrays = arrays
        return {"steps": steps, "puts": puts}

    def _is_writable(self, x: DynamicScalar) -> bool:
        return _name_of(x.f) != "" and all(arg in self._scalars for arg in x.args if arg.__class__ is DynamicScalar)

    def slot(self, x: Any) -> dict[str, Any]:
        """Return the description of a value that fills a slot of the program."""
        tree: dict[str, Any] = self.write(x)
        return tree

    def _container(self, container: Any, key: Any) -> int:
        if not isinstance(container, dict) or not isinstance(key, str):
            raise UnwritableError(f"what is at {key!r:.40} of a {type(container).__name__}")
        number = self._numbers.get(id(container))
        if number is None:
            number = self._numbers[id(container)] = len(self._held)
            self._held.append(container)
            self._keys.append(set())
        self._keys[number].add(key)
        return number

    def _scalar(self, x: DynamicScalar) -> dict[str, Any]:
        number = self._scalars.setdefault(x, len(self._scalars))
        return {"live": number, "name": x.name, "value": self._values.write(x.value, x.name)}

    def _known_number(self: Any, x: DynamicScalar, where: str) -> dict[str, Any]:
        if x not in self._scalars:
            raise UnwritableError(f"a number that {_first_unknown(x)} computes anew at every call")
        return self._scalar(x)

    def _array(self: Any, x: Tensor, where: str) -> dict[str, Any]:
        return {"host": self._arrays[id(x)]} if id(x) in self._arrays else {"new": like(x._data)}


def _first_unknown(x: DynamicScalar) -> str:
    """Return the name of the function for which a number cannot be written."""
    if not _name_of(x.f):
        return f"{getattr(x.f, '__qualname__', x.f)!s:.60}"
    return next((_first_unknown(y) for y in x.args if y.__class__ is DynamicScalar), "a function")


def _name_of(f: Callable[..., Any]) -> str:
    """Return the name of a function of numbers, or ""."""
    if isinstance(f, np.ufunc) and getattr(np, f.__name__, None) is f:
        return f"numpy.{f.__name__}"
    return next((name for name, function in _CALLS.items() if function is f), "")


class HostStateReader(ValueCodec):
    """Reads what a `HostStateWriter` wrote.

    Args:
        values: the codec of the file.
        containers: as in the file.

    Attributes:
        containers: dictionaries with the values read.
    """

    def __init__(self, values: ValueCodec, containers: Any) -> None:
        forms = {
            "live": Form(read=HostStateReader._scalar),
            "host": one_entry("host", read=HostStateReader._array),
            "new": one_entry("new", read=lambda codec, about: wrap(example(about), None)),
        }
        super().__init__(values.held, values.generators, forms)
        self._scalars: dict[int, DynamicScalar] = {}
        self._arrays: list[Tensor] = []
        self._host_state = HostState(_never)
        self.containers: list[dict[str, Any]] = [self.read({"dict": part}) for part in containers]
        if not all(isinstance(key, str) for container in self.containers for key in container):
            refuse("names in a state", containers)

    def host_state(self, about: Mapping[str, Any]) -> HostState:
        """Return the host state of one trace."""
        self._scalars, self._arrays, self._host_state = {}, [], HostState(_never)
        host_state = self._host_state
        for step in about["steps"]:
            ((kind, content),) = step.items()
            if kind == "read":
                number, key, content_read, owned = content
                container = self._container(number, key)
                self._arrays_of(content_read, container[key])
                host_state.steps.append(Read(container, key, self.read(content_read), owned is True))
            elif kind == "argument":
                place, live = content
                if place != sum(isinstance(step, Argument) for step in host_state.steps):
                    refuse("the numbers among the arguments in order", place)
                number = host_state.argument(place, self.read(live["value"]))
                self._scalars[live["live"]] = number
            elif kind == "fixed":
                number, value = map(self.read, content)
                is_number = isinstance(number, DynamicScalar)
                host_state.steps.append(Fixed(number if is_number else refuse("a number", content), value))
            elif kind == "call":
                name, args, live = content
                host_state.steps.append(self._scalar(live, _function_named(name), tuple(map(self.read, args))))
            else:
                refuse("a step", kind)
        for number, key, value, before in about["puts"]:
            container = self._container(number, key)
            put = Put(container, key, self.read(value), self.read(before), None)
            host_state.puts[id(container), key] = put
        return host_state

    def slot(self, about: Any) -> Any:
        """Return the value that fills a slot: a Tensor or a number."""
        value = self.read(about)
        return value if isinstance(value, (Tensor, DynamicScalar)) else refuse("an array or a number", about)

    def _container(self, number: Any, key: Any) -> dict[str, Any]:
        container = nth(self.containers, number)
        container.setdefault(of_kind(str, key), None)
        return container

    def _arrays_of(self, about: Any, value: Any) -> None:
        """Make a Tensor for each array of a value, in order; raise if the description has others."""
        numbers = _array_numbers(about)
        arrays = [x for x in values_in(value) if isinstance(x, (np.ndarray, np.generic))]
        if numbers != list(range(len(self._arrays), len(self._arrays) + len(arrays))):
            refuse("the arrays of a state in order", numbers)
        for a in arrays:
            t = wrap(a, None)
            self._arrays.append(t)
            self._host_state.arrays[id(t)] = t

    def _array(self: Any, n: Any) -> Tensor:
        array: Tensor = nth(self._arrays, n)
        return array

    def _scalar(
        self: Any, about: Any, f: Callable[..., Any] | None = None, args: tuple[Any, ...] = ()
    ) -> DynamicScalar:
        number, value = about["live"], self.read(about["value"])
        if type(number) is not int or not isinstance(value, (int, float, np.generic)):
            refuse("a number", about)
        if f is not None or number not in self._scalars:
            name = of_kind(str, about["name"])
            self._scalars[number] = DynamicScalar(self._host_state, _placeholder if f is None else f, args, value, name)
        live: DynamicScalar = self._scalars[number]
        return live


def _array_numbers(about: Any) -> list[Any]:
    """Return the numbers of the arrays in a description, in order."""
    if isinstance(about, dict):
        if "host" in about:
            return [about["host"]]
        about = list(about.values())
    return [n for part in about for n in _array_numbers(part)] if isinstance(about, list) else []


def _function_named(name: Any) -> Callable[..., Any]:
    if isinstance(name, str) and name.startswith("numpy."):
        function = getattr(np, name.removeprefix("numpy."), None)
        if isinstance(function, np.ufunc):
            return function
    return _CALLS[name] if isinstance(name, str) and name in _CALLS else refuse("a function of numbers", name)


def _placeholder() -> None:
    """Take the place of a function that reads a number."""


def _never(how: str, instead: str = "") -> None:
    raise AssertionError(how)

"""The functions and the data of a problem as functions of all that they read, theta."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..control.function_call import zeros_of
from ..solutions.closures import PureFunction
from ..tree import leaves, map as map_leaves, rebuild, structure
from .evaluation import FunctionAt
from .vectors import Layout

# Functions of the vector of unknowns, by name.
Functions = Mapping[str, Callable[[Any], Any]]


class Binding(NamedTuple):
    """The pure functions of a problem, and its data, as functions of theta.

    Attributes:
        pure: the functions, by name.
        layout: of the parameters.
        data: starts and limits, a tree of arrays and Tensors, the last of theta.
        num_read: how many of theta the functions take.
    """

    pure: Mapping[str, PureFunction]
    layout: Layout
    data: Any
    num_read: int

    def at(self, theta: Sequence[Any]) -> tuple[dict[str, FunctionAt], Any]:
        """Return the functions of the parameters, and the data, at theta."""
        functions = {name: FunctionAt(f, theta[: self.num_read]) for name, f in self.pure.items()}
        return functions, rebuild(self.data, iter(theta[self.num_read :]))

    def of_vector(self, theta: Sequence[Any]) -> tuple[Functions, Any]:
        """Return the functions of the vector of parameters, and the data, at theta."""
        functions, data = self.at(theta)
        unflatten = self.layout.unflatten
        return {name: lambda x, f=f: f(unflatten(x)) for name, f in functions.items()}, data

    def without_values(self) -> Binding:
        """Return the same for data of these shapes, without their values, for programs that are kept."""
        return self._replace(data=map_leaves(zeros_of, self.data))

    def cache(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return what belongs to these functions and data of these shapes, made once."""
        shapes = [(np.shape(x), x.dtype) for x in leaves(self.data)]
        programs = next(iter(self.pure.values())).derived
        key = *key, structure(self.data), *shapes, *map(id, self.pure.values())
        if key not in programs:
            programs[key] = make()
        return programs[key]

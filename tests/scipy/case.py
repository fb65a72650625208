"""A call of one of SciPy's functions on small arrays, given a module: SciPy's, or the one of ours of its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """One call.

    Attributes:
        name: module and function, "linalg.solve", and after a space what is particular.
        call: `call(module, *inputs)`.
        inputs: the arrays by which it is differentiated.
        without: laws that do not apply, each with the reason.
    """

    name: str
    call: Callable[..., Any]
    inputs: tuple[Any, ...]
    without: Mapping[str, str] = MappingProxyType({})

    def __str__(self) -> str:
        return self.name


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def normal(*shape: int) -> Any:
    return rng().normal(size=shape)


def cnormal(*shape: int) -> Any:
    r = rng()
    return r.normal(size=shape) + 1j * r.normal(size=shape)

"""What a program is written with: NumPy's namespace and the transformations, of one library or another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Function = Callable[..., Any]


class Space(NamedTuple):
    """A namespace.

    Attributes:
        np: NumPy's functions.
        grad, jacobian, hessian, jvp, vmap, scan: as JAX has them; `jvp` returns the value and the tangent.
        logsumexp, gammaln: of SciPy.
    """

    np: Any
    grad: Function
    jacobian: Function
    hessian: Function
    jvp: Function
    vmap: Function
    scan: Function
    logsumexp: Function
    gammaln: Function


class Program(NamedTuple):
    """One program.

    Attributes:
        make: returns the function, written with a `Space`; constants are arrays of NumPy.
        arguments: what it is called with.
        kind: one of the kinds of the literature.
    """

    make: Callable[[Space], Function]
    arguments: tuple[Any, ...]
    kind: str


PROGRAMS: dict[str, Program] = {}


def program(kind: str, *arguments: Any) -> Callable[[Callable[[Space], Function]], Callable[[Space], Function]]:
    """Add a program to the table, under the name of what makes it."""

    def add(make: Callable[[Space], Function]) -> Callable[[Space], Function]:
        PROGRAMS[make.__name__] = Program(make, arguments, kind)
        return make

    return add


def rng(seed: int) -> np.random.Generator:
    """Return the generator of a program's data."""
    return np.random.default_rng(seed)

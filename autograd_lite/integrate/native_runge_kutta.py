"""Explicit Runge-Kutta steps in C, where the right-hand side is nothing but instructions of the executor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..control.body import Body
from ..functional import vjp
from ..native.kernels import library
from ..ops.adjoints import user
from .equations import BoundEquations, Equations
from .native_calls import NativeCall, native_call
from .tableaus import Tableau


class NativeMethod:
    """A method for some equations, in C.

    Args:
        tableau: the method.
        f: the right-hand side.
    """

    def __init__(self, tableau: Tableau, f: NativeCall) -> None:
        n = f.results[0].size
        self._work = np.zeros(n)
        self._tableau = tableau
        self._first = f.description, tableau.numbers, (f.output, np.zeros((tableau.rows, n)), self._work)

    def try_steps(self, numbers: Any, atol: Any, y: Any, rows: tuple[Any, ...]) -> int:
        """Try steps until there is no more room, as `explicit_methods.try_steps` does."""
        return library.runge_kutta_steps(*self._first, numbers, atol, y, rows)

    def follow(self, path: tuple[Any, ...]) -> int:
        """Take given steps, and return how many slopes were computed.

        Args:
            path: times, lengths, times of the first slopes, and carries, of which the first one is given.
        """
        return library.runge_kutta_follow(*self._first, path)

    def read(self, path: tuple[Any, ...], numbers: Any, weights: Any) -> Any:
        """Return the solution at points, whose steps have these numbers, shape (m, n)."""
        out = np.zeros((len(numbers), len(self._work)))
        library.runge_kutta_read(*self._first, path, (numbers, self._tableau.read_rows, weights, out))
        return out

    def pull(
        self,
        pull: NativeCall,
        path: tuple[Any, ...],
        points: tuple[Any, ...],
        sums: tuple[Any, ...],
        g: Any,
    ) -> Any:
        """Pull back through steps, and return the cotangent of the first carry.

        Args:
            pull: the pullback of the right-hand side.
            path: as in `follow`.
            points: numbers of steps, weights and cotangents.
            sums: the cotangents of theta, to which parts are added.
            g: the cotangent of the last carry.
        """
        n = len(self._work)
        states, of_slopes = np.zeros((2, self._tableau.rows, n))
        memory = pull.output, states, of_slopes, np.zeros(n), np.zeros(n)
        numbers, weights, gs = points
        read, g = (numbers, self._tableau.read_rows, weights, gs), np.array(g, float)
        library.runge_kutta_pull(*self._first, path, read, pull.description, sums, memory, g)
        return g


@contextmanager
def native_method(tableau: Tableau, equations: BoundEquations) -> Iterator[NativeMethod | None]:
    """Give a method in C within the block; None where Python must run the right-hand side."""
    if equations.n == 0 or equations.dtype != np.float64:
        yield None
        return
    with native_call(equations.equations.body, equations.theta) as f:
        yield None if f is None else NativeMethod(tableau, f)


@contextmanager
def native_pullback(native: NativeMethod | None, equations: BoundEquations) -> Iterator[NativeCall | None]:
    """Give the pullback of a right-hand side for C within the block; None if it is not for C, or the method is not."""
    if native is None:
        yield None
        return
    with native_call(pullback(equations.equations), equations.theta) as pull:
        yield pull


def pullback(equations: Equations) -> Body:
    """Return the program of g, t, y and theta for the products of g with the derivatives by y and floating theta."""
    places = (1, *[2 + k for k in equations.floating])

    def compute(g: Any, *point: Any) -> list[Any]:
        _, back = vjp(equations.slopes, places)(*point)
        return [user(c) for c in back(user(g))]

    return equations.derive("pull by state and theta", compute, np.zeros(equations.n, equations.dtype))

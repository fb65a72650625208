"""Steps of Rodas5P in C, for few unknowns, where the right-hand side is nothing but instructions of the executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ..control.body import Body
from ..control.closure_conversion import record_body
from ..native.kernels import library
from .equations import BoundEquations
from .native_calls import NativeCall, native_call

_MOST = 32  # unknowns; the matrices are factored by plain loops
GOES_ON, ENDED, TOO_SHORT, NOT_FINITE = range(4)  # what becomes of a solve
T, LENGTH, ACCEPTED, REJECTED, EVALUATIONS, NUMBERS = 0, 1, 12, 13, 14, 17  # the places of numbers, as in C


class NativeSteps:
    """Steps for some equations in C.

    Args:
        tableau: its numbers, as C has them.
        calls: of the right-hand side, its derivatives by y and t, its pullback and that of the Jacobian, or None.
        mass: the mass matrix, an array, or None.
    """

    def __init__(self, tableau: Any, calls: list[NativeCall | None], mass: Any) -> None:
        first = calls[0]
        assert first is not None
        self.n, self._f = first.results[0].size, first
        parts = [None if c is None else (c.description, c.output + (k > 2)) for k, c in enumerate(calls)]
        self._description = tuple(parts), tableau, self.n, mass

    def f(self, t: Any, y: Any) -> Any:
        """Return the slope."""
        return self._f(t, y)[0]

    def attempt(self, numbers: Any, atol: Any, y: Any, rows: tuple[Any, ...]) -> int:
        """Take steps until there is no more room in rows: arrays of times, lengths, states and rejected attempts."""
        state: int = library.rosenbrock_steps(self._description, numbers, atol, y, rows)
        return state

    def follow(self, times: Any, lengths: Any, carries: Any) -> None:
        """Take steps again, from carries[0]; write the other carries."""
        none = np.zeros(0, np.intp), np.zeros((0, 8)), np.zeros((0, self.n))
        library.rosenbrock_follow(self._description, (times, lengths, carries, *none))

    def read(self, times: Any, lengths: Any, carries: Any, steps: Any, weights: Any) -> Any:
        """Return the solution at points in steps of these numbers, with these weights of stages, shape (m, n)."""
        values = np.empty((len(steps), self.n))
        library.rosenbrock_read(self._description, (times, lengths, carries, steps, weights, values))
        return values

    def pull(self, path: tuple[Any, ...], points: tuple[Any, ...], sums: tuple[Any, ...], g: Any) -> None:
        """Pull g back through steps, in its place.

        Args:
            path: times, lengths and carries.
            points: numbers of steps, weights and cotangents.
            sums: the cotangents of theta, to which parts are added.
            g: the cotangent of the last carry, which becomes that of the first.
        """
        library.rosenbrock_pull(self._description, (*path, *points), sums, g)


@contextmanager
def native_steps(equations: BoundEquations, tableau: Any, mass: Any, pulls: int = 0) -> Iterator[NativeSteps | None]:
    """Give steps in C within the block; None where Python must take them.

    Args:
        equations: whose programs are called.
        tableau: as in `NativeSteps`.
        mass: an array, a sparse matrix or None.
        pulls: how many stages are pulled back through, 0 for none.
    """
    whole = equations.equations
    if library is None or equations.dtype != np.float64 or not 0 < equations.n <= _MOST:
        yield None
        return
    bodies = [whole.body, whole.dense_jacobian(), None if whole.is_autonomous else whole.time_derivative(), None, None]
    if pulls:
        bodies[3:] = [whole.pullback(), whole.pullback_of_jacobian(pulls)]
    with ExitStack() as stack:
        calls = [None if body is None else _call_of(stack, body, equations.theta) for body in bodies]
        if any(call is None and body is not None for call, body in zip(calls, bodies, strict=True)):
            yield None
            return
        dense = mass.toarray() if hasattr(mass, "toarray") else mass
        yield NativeSteps(tableau, calls, None if dense is None else np.ascontiguousarray(dense, float))


def _call_of(stack: ExitStack, body: Body, theta: Sequence[Any]) -> NativeCall | None:
    call = stack.enter_context(native_call(body, theta))
    return stack.enter_context(native_call(_with_sums(body), [*theta, np.zeros(())])) if call is None else call


def _with_sums(body: Body) -> Body:
    """Return a program of one more argument, zero, that computes all results, constants and arguments among them."""
    if "computed" not in body.derived:

        def compute(*arguments: Any) -> list[Any]:
            return [x + arguments[-1] for x in body(*arguments[:-1])]

        body.derived["computed"] = record_body(body.name, compute, [*body.examples, np.zeros(())])
    computed: Body = body.derived["computed"]
    return computed

"""Functions of the user as pure functions: what they close over becomes an argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ..control.body import Body, run_body
from ..control.closure_conversion import BodyCache, align_captures, close
from ..core.dynamic_scalars import DynamicScalar
from ..core.errors import UnsupportedError
from ..core.forks import fork_safe_lock
from ..core.mode import MODE, TAPES
from ..ir.graph_node import is_plain
from ..tensors.record import wrap
from ..tensors.tensor import Tensor, tensor
from ..tree import leaves, map as map_leaves, rebuild, structure

# The points at which functions are evaluated, as vectors, as long as they are asked for them.
EVALUATED: ContextVar[list[Any] | None] = ContextVar("evaluated", default=None)


class PureFunction:
    """A function of x and of all else that it reads, as data: `f(x, *theta)`.

    It runs fast on arrays, without a history, and by its operations on Tensors.

    Args:
        body: of the leaves of x and theta.
        out: the structure of the result.

    Attributes:
        derived: programs that follow from this function, by their purpose; they live as long as it does.
    """

    _unguarded = ("derived",)  # by compiled functions that read an attribute of this

    def __init__(self, body: Body, out: Any) -> None:
        self.body, self.out = body, out
        self.derived: dict[Any, Any] = {}

    def __call__(self, x: Any, *theta: Any) -> Any:
        """Return the function's result at x, a tree of arrays or Tensors."""
        if (points := EVALUATED.get()) is not None:
            points.append(np.concatenate([np.ravel(a) for a in leaves(x)]))
        return rebuild(self.out, iter(run_body(self.body, *leaves(x), *theta)))

    def __repr__(self) -> str:
        return f"<pure function, {self.body!r}>"

    @property
    def nbytes(self) -> int:
        """The size of all constants."""
        return sum(int(getattr(x, "nbytes", 0)) for x in self._constants().values())

    def _constants(self) -> dict[str, Any]:
        program = self.body.program
        return {i: x for i, x in program.bindings.items() if i not in program.inputs}

    def is_same(self, other: PureFunction) -> bool:
        """Return whether another function certainly computes the same."""
        a, b = self.body.program, other.body.program
        if (a.graph, a.inputs, self.body.outputs) != (b.graph, b.inputs, other.body.outputs):
            return False
        if structure(self.out) != structure(other.out):
            return False
        for (op, inputs, params), call in zip(a.calls.values(), b.calls.values(), strict=True):
            if op is not call[0] or inputs != call[1] or not all(map(is_plain, params.values())):
                return False
        pairs = zip(self._constants().items(), other._constants().items(), strict=True)
        return all(i == k and _is_same_constant(x, y) for (i, x), (k, y) in pairs)

    def with_own_constants(self) -> PureFunction:
        """Return the function with copies of all constants, which nothing changes."""
        own = {i: wrap(np.array(x._data), None) if isinstance(x, Tensor) else x for i, x in self._constants().items()}
        own = {i: np.array(x) if isinstance(x, np.ndarray) else x for i, x in own.items()}
        program, body = self.body.program, self.body
        program = replace(program, bindings=MappingProxyType({**program.bindings, **own}))
        return PureFunction(Body(body.name, program, body.outputs, body.effects, body.examples), self.out)


def pure_functions(
    called: str,
    functions: Sequence[Callable[..., Any]],
    x: Any,
    operands: tuple[Any, ...] = (),
    keywords: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[list[PureFunction], list[Any]]:
    """Return functions `f(x, *operands, **keywords)` as pure functions of x and theta, and theta.

    Theta are the variables among the operands, and then the keywords (see `is_variable`), and the Tensors that the
    functions close over: one list for all functions.

    Args:
        called: the caller, for messages.
        functions: each runs once or twice, on examples, so that nothing outside notices, and not again as long as it
            would do the same.
        x: an example of the first argument, an array or a tree.
        operands, keywords: further arguments, trees. Leaves that are not variables are constants.

    Raises:
        TraceError: if a function asks for a value, as `if x > 0` does.
        UnsupportedError: if it changes something outside.
    """
    further = map_leaves(as_operand, (operands, dict(keywords)))
    flat = leaves(further)
    slots = [is_variable(a) for a in flat]
    arrays = tuple([a for a, slot in zip(flat, slots, strict=True) if slot])
    constants = [a for a, slot in zip(flat, slots, strict=True) if not slot]

    def of_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
        def call(x: Any, *arrays: Any) -> Any:
            each = {True: iter(arrays), False: iter(constants)}
            operands, keywords = rebuild(further, iter([next(each[slot]) for slot in slots]))
            return f(x, *operands, **keywords)

        call.__name__ = getattr(f, "__name__", type(f).__name__)
        return call

    def record() -> tuple[list[PureFunction], list[Tensor]]:
        parts = [close(called, of_arrays(f), (x, *arrays), refusal) for f in functions]
        if any(part.body.effects for part in parts):
            raise UnsupportedError(f"{called}: expected functions that draw no random numbers and observe nothing")
        bodies, captured = align_captures(parts, len(leaves(x)) + len(arrays))
        pure = [PureFunction(b, part.out) for b, part in zip(bodies, parts, strict=True)]
        return _PROGRAMS.share(kinds, pure), captured

    refusal = UnsupportedError(f"{called}: expected functions that change nothing outside")
    kinds = (
        called,
        len(functions),
        structure(x),
        structure(further),
        *slots,
        *[(a.shape, a.dtype) for a in (*leaves(x), *arrays)],
    )
    # While a function around is traced they run, so that its guards hold what they read.
    tracing = bool(TAPES) and MODE.get().tape is not None
    parts = None if tracing else _CACHE.recall((*functions, constants), kinds, record)
    if parts is None:  # or they read attributes of objects, or large arrays
        parts = record()
    return parts[0], [*arrays, *parts[1]]


# Functions that have run before, by what they read.
_CACHE = BodyCache()


def _is_same_constant(x: Any, y: Any) -> bool:
    x, y = (a._data if isinstance(a, Tensor) else a for a in (x, y))
    if not isinstance(x, (np.ndarray, np.generic)) or not isinstance(y, (np.ndarray, np.generic)):
        return type(x) is type(y) and isinstance(x, (bool, int, float, complex)) and repr(x) == repr(y)
    return x.dtype == y.dtype and x.shape == y.shape and not x.dtype.hasobject and x.tobytes() == y.tobytes()


class _Programs:
    """Functions that do not tell what they read, by what they have computed: the same operations and constants."""

    def __init__(self) -> None:
        self._entries: list[tuple[Any, list[PureFunction]]] = []
        self._lock = fork_safe_lock()

    def share(self, kinds: Any, functions: list[PureFunction]) -> list[PureFunction]:
        """Return functions from before that compute the same, or these, which are then kept."""
        for key, entry in self._entries:
            if key == kinds and all(f.is_same(g) for f, g in zip(entry, functions, strict=True)):
                return entry
        if sum(f.nbytes for f in functions) <= _MOST_BYTES:
            functions = [f.with_own_constants() for f in functions]
            with self._lock:
                self._entries = [*self._entries[1 - _MOST :], (kinds, functions)]
        return functions


_MOST, _MOST_BYTES = 16, 1 << 25
_PROGRAMS = _Programs()


def as_operand(a: Any) -> Any:
    """Return a leaf of the arguments, and numbers that may vary as Tensors or NumPy's numbers."""
    if a.__class__ is DynamicScalar:
        return tensor(a) if isinstance(a.value, (float, complex)) else a.fix_value()
    return np.asarray(a)[()] if a.__class__ in (float, complex) else a


def is_variable(a: Any) -> bool:
    """Return whether an operand is a part of theta: a Tensor, an array, or a number other than an integer."""
    return isinstance(a, (Tensor, np.ndarray, np.inexact))

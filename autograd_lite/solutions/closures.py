"""Functions of the user as pure functions: what they close over becomes an argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.body import Body, run_body
from ..control.closure_conversion import align_captures, close
from ..core.errors import UnsupportedError
from ..tensors.tensor import Tensor
from ..tree import leaves, rebuild


class PureFunction:
    """A function of x and of all else that it reads, as data: `f(x, *theta)`.

    It runs fast on arrays, without a history, and by its operations on Tensors.

    Args:
        body: of the leaves of x and theta.
        out: the structure of the result.

    Attributes:
        derived: programs that follow from this function, by their purpose; they live as long as it does.
    """

    def __init__(self, body: Body, out: Any) -> None:
        self.body, self.out = body, out
        self.derived: dict[Any, Any] = {}

    def __call__(self, x: Any, *theta: Any) -> Any:
        """Return the function's result at x, a tree of arrays or Tensors."""
        return rebuild(self.out, iter(run_body(self.body, *leaves(x), *theta)))

    def __repr__(self) -> str:
        return f"<pure function, {self.body!r}>"


def pure_functions(
    called: str, functions: Sequence[Callable[..., Any]], x: Any, operands: tuple[Any, ...] = ()
) -> tuple[list[PureFunction], list[Any]]:
    """Return functions `f(x, *operands)` as pure functions of x and theta, and theta.

    Theta are the arrays and Tensors among the operands, and the Tensors that the functions close over: one list for all
    functions.

    Args:
        called: the caller, for messages.
        functions: each runs once, on examples, so that nothing outside notices.
        x: an example of the first argument, an array or a tree.
        operands: further arguments, trees. Leaves that are neither Tensors nor arrays are constants.

    Raises:
        TraceError: if a function asks for a value, as `if x > 0` does.
        UnsupportedError: if it changes something outside.
    """
    flat = leaves(operands)
    places = [k for k, a in enumerate(flat) if isinstance(a, (Tensor, np.ndarray))]
    arrays = tuple([flat[k] for k in places])

    def of_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
        def call(x: Any, *arrays: Any) -> Any:
            by_place = dict(zip(places, arrays, strict=True))
            return f(x, *rebuild(operands, iter([by_place.get(k, a) for k, a in enumerate(flat)])))

        call.__name__ = getattr(f, "__name__", type(f).__name__)
        return call

    refusal = UnsupportedError(f"{called}: expected functions that change nothing outside")
    parts = [close(called, of_arrays(f), (x, *arrays), refusal) for f in functions]
    bodies, captured = align_captures(parts, len(leaves(x)) + len(arrays))
    return [PureFunction(b, part.out) for b, part in zip(bodies, parts, strict=True)], [*arrays, *captured]

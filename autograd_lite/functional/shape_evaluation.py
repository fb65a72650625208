"""A function run on shapes and dtypes alone: `eval_shape`. Nothing is computed, and no array is made."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, NoReturn

import numpy as np

from ..core.arguments import require_function
from ..core.depth import inside
from ..core.errors import more_on
from ..core.messages import checked
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..tensors.record import NUMBERS
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, Tracer, wrap_tracer
from ..tree import map as map_leaves


class Abstract(Tracer):
    """A value of which the shape and the dtype are known."""

    __slots__ = ("spec",)
    transformation = "eval_shape"
    refusal = TypeError

    def __init__(self, spec: ShapeDtype, level: Level) -> None:
        self.spec, self.level = spec, level

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.spec.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype."""
        return self.spec.dtype

    @property
    def is_differentiated(self) -> bool:
        """False: it carries no derivative."""
        return False

    @property
    def inner(self) -> Any:
        """Something that has no NaN."""
        return np.zeros((), self.dtype)

    @property
    def example(self) -> NoReturn:
        """Refuse: there are no values."""
        raise TypeError(
            f"eval_shape: the values of a tensor of shape {self.shape} were asked for, as by `if`, float() or an "
            "index; only its shape and dtype are known. Choose with np.where, index with np.take_along_axis"
            + more_on("value-of-a-batch")
        )

    def apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply the op's shape rule."""
        kinds = [x.dtype for x in inputs if x.__class__ not in NUMBERS]
        out = op.infer(*[_spec(x, kinds) for x in inputs], **params)
        return Abstract(out, self.level) if op.results is None else tuple([Abstract(spec, self.level) for spec in out])


def _spec(x: Any, others: list[np.dtype[Any]]) -> ShapeDtype:
    """Return shape and dtype of an operand; a Python number has the dtype that it takes on beside the others."""
    if x.__class__ in NUMBERS:
        number: Any = x
        return ShapeDtype((), np.result_type(number, *others))
    return ShapeDtype(tuple(x.shape), x.dtype)


@checked
def eval_shape(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the shapes and dtypes of what `f` returns, without computing it.

    `f` runs once, on Tensors without values, and every operation applies its shape rule; so neither the time nor the
    memory depends on the size of the arrays.

    Args:
        f: a function written with NumPy or Tensor operations that reads no values.
        args: its arguments: arrays, Tensors, or whatever has a `shape` and a `dtype`, also in containers; others go to
            f as they are.
        kwargs: the same.

    Returns:
        f's result with a named tuple (shape, dtype) in the place of each array.

    Raises:
        TypeError: if f asks for values, as in `if x > 0`.
        ShapeError: if shapes do not fit together.

    Example:
        >>> eval_shape(lambda x, w: np.tanh(x @ w), np.ones((4, 3), "f"), np.ones((3, 5), "f"))
        ShapeDtype(shape=(4, 5), dtype=dtype('float32'))
    """
    require_function("eval_shape", f)
    level = Level()

    def wrap_spec(x: Any) -> Any:
        if not (hasattr(x, "shape") and hasattr(x, "dtype")):
            return x
        return wrap_tracer(Abstract(ShapeDtype(tuple(x.shape), np.dtype(x.dtype)), level), None)

    args, kwargs = map_leaves(wrap_spec, (args, kwargs), leaf=_is_spec)

    def run() -> Any:
        with inside(tape=False):
            return f(*args, **kwargs)

    out = copy_context().run(run)  # which ends wherever an interrupt comes
    return map_leaves(lambda x: ShapeDtype(x.shape, x.dtype) if isinstance(x, (Tensor, np.ndarray)) else x, out)


def _is_spec(x: Any) -> bool:
    return isinstance(x, ShapeDtype)

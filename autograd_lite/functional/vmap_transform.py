"""A function of one example made a function of a batch: `vmap`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..core.arguments import require_function
from ..core.batching import BatchRule, one_by_one
from ..core.depth import inside
from ..core.duck_arrays import as_array
from ..core.errors import ShapeError, more_on
from ..core.indices import indices_in
from ..core.messages import checked
from ..core.mode import TAPES
from ..core.multi_result import each, results_of
from ..core.node import user_source
from ..core.op import Op
from ..core.shape_arithmetic import normalize_axis
from ..core.traceback_folding import folding
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, Tracer, wrap_any
from ..tree import items, map as map_leaves, rebuild
from .argument_selection import (
    array_like,
    arrays_returned,
    has_history,
    leave,
    name_of,
    plain_value,
    tensors_in,
    to_tape,
)


class Batched(Tracer):
    """Many examples of one value, along axis 0 of `array`."""

    __slots__ = ("array",)
    transformation = "vmap"
    per_example: bool = True
    refusal = TypeError  # no gradient would be lost, but there is no single array

    def __init__(self, array: Any, level: Level) -> None:
        self.array, self.level = array, level

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.array.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype."""
        return self.array.dtype

    @property
    def inner(self) -> Any:
        """All examples."""
        return self.array

    @property
    def parts(self) -> tuple[Any, ...]:
        """All examples."""
        return (self.array,)

    @property
    def example(self) -> NoReturn:
        """Refuse: no example represents all of them."""
        place = user_source()
        where = f" at {place}" if place else ""
        raise TypeError(
            f"vmap: the values of a batched tensor of shape {self.shape} were asked for{where}, as by `if`, float() "
            "or an index of an array; they differ from example to example. Choose with np.where; index a Tensor, as in "
            "ag.tensor(y)[i]" + more_on("value-of-a-batch")
        )

    def apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply the op to all examples at once, by its batching rule, or one by one where it states none."""
        level = self.level
        is_batched = tuple(isinstance(x, Batched) and x.level is level for x in inputs)
        arrays = tuple(x.array if own else x for x, own in zip(inputs, is_batched, strict=True))
        if TAPES and next(indices_in(params), None) is not None:  # a replay reads them again, in arrays on the tape
            arrays = tuple(map(to_tape, arrays))
        rule = op.batch or one_by_one
        try:
            out = rule(op, arrays, is_batched, params)
        except Exception:
            if self.array.shape[0]:
                raise
            out = _of_no_examples(rule, op, arrays, is_batched, params)
        if op.results is not None:
            return each(lambda array: Batched(array, level), results_of(op, out, params))
        return Batched(out, level)


def _of_no_examples(rule: BatchRule, op: Op, inputs: tuple[Any, ...], is_batched: tuple[bool, ...], params: Any) -> Any:
    """Apply a rule that needs an example: to one of zeros, which is then left out."""

    def with_one(x: Any) -> Any:
        return np.concatenate([x, np.zeros((1, *x.shape[1:]), x.dtype)])

    out = rule(
        op, tuple([with_one(x) if own else x for x, own in zip(inputs, is_batched, strict=True)]), is_batched, params
    )
    return each(lambda array: array[:0], out)


@checked
def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: int = 0) -> Callable[..., Any]:
    """Return a function that applies `f` to every example of a batch, at the speed of array operations.

    Args:
        f: a function of one example, written with NumPy or Tensor operations.
        in_axes: the axis of each argument that numbers the examples: one int for all, or a tuple with an entry for each
            positional argument; None for an argument that all examples share; 0 by default. It applies to all arrays of
            a container.
        out_axes: the place of the batch axis in the results; 0 by default.

    Returns:
        A function of f's arguments that returns f's results with the batch axis. Random draws inside are the same for
        all examples. Arrays or Tensors as from `value_and_grad`.

    Raises:
        ShapeError: if the batch sizes differ.
        TypeError: if f asks for a batched value, as in `if x > 0`.

    Example:
        >>> rows = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> vmap(lambda x, w: (x * w).sum(), in_axes=(0, None))(rows, np.array([1.0, 10.0]))
        array([21., 43.])
    """
    require_function("vmap", f)

    @functools.wraps(f)
    @folding
    def of_batch(*args: Any, **kwargs: Any) -> Any:
        axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ShapeError(f"vmap: expected in_axes with {len(args)} entries, one an argument; received {in_axes}")
        level = Level()
        sizes: dict[str, int] = {}
        pairs = enumerate(zip(args, axes, strict=True))
        inputs = [_batch(a, axis, f"argument {i}", level, sizes) for i, (a, axis) in pairs]
        if len(set(sizes.values())) != 1:
            received = ", ".join(f"{n} examples in {where}" for where, n in sizes.items()) or "no batched argument"
            raise ShapeError(f"vmap: expected one batch size for all arguments of {name_of(f)}; received {received}")
        size = next(iter(sizes.values()))
        with inside(tape=False) as depth:
            out = arrays_returned("vmap", f(*inputs, **kwargs))
        result = map_leaves(lambda x: _collect(x, size, out_axes, level), out)
        as_tensors = depth.all > 0 or bool(tensors_in(args, kwargs)) or has_history(result)
        return result if as_tensors else leave(result)

    return of_batch


def _batch(tree: Any, axis: int | None, where: str, level: Level, sizes: dict[str, int]) -> Any:
    if axis is None:
        return tree
    tree = array_like(tree)

    def one(path: str, a: Any) -> Tensor:
        value = plain_value(a)
        if not value.ndim:
            raise ShapeError(f"vmap: expected {where}{path} to have a batch axis; received a number. Use in_axes=None")
        k = normalize_axis(axis, value.ndim, f"vmap: in_axes of {where}{path}")
        sizes[where + path] = value.shape[k]
        return wrap_any(Batched(np.moveaxis(value, k, 0) if k else value, level), None)

    return rebuild(tree, iter([one(path, a) for path, a in items(tree)]))


def unbatch(x: Any, size: int, level: Level) -> Any:
    """Return all examples of a result along axis 0; a result that is the same for all is repeated."""
    array: Any = x._data if isinstance(x, Tensor) else x
    if isinstance(array, Batched) and array.level is level:
        return array.array
    array = x if isinstance(x, (Tensor, Tracer)) else as_array(x)
    return np.broadcast_to(array, (size, *array.shape))


def _collect(x: Any, size: int, axis: int, level: Level) -> Any:
    array = unbatch(x, size, level)
    k = normalize_axis(axis, array.ndim, "vmap: out_axes")
    return wrap_any(np.moveaxis(array, 0, k) if k else array, None)

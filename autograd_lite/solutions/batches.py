"""Batches of what runs outside of NumPy: the examples one after the other, the rules for all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.op import Op, by_need
from ..core.shape_arithmetic import ShapeDtype
from ..functional import vmap
from ..tensors.tensor import Tensor
from ..tensors.tracers import Tracer, wrap_any
from ..tree import leaves, map as map_leaves


def one_after_another(op: Op, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Apply an op to each example in turn, within one op: a batching rule; see `core.batching`."""
    return Batch(op, tuple(batched)).as_op()(*inputs, **params)


class Batch:
    """An op for all examples of a batch.

    Args:
        op: of one example, with `by_need` rules.
        flags: for each input whether it has the batch as its first axis.
    """

    def __init__(self, op: Op, flags: tuple[bool, ...]) -> None:
        self.op, self.flags = op, flags
        self.axes = tuple([0 if flag else None for flag in flags])

    def as_op(self) -> Op:
        """Return the operation, which holds this."""
        return Op(
            self.op.name,
            self.forward,
            by_need(self.pull),
            self.infer,
            jvp=self.push,
            batch=one_after_another,
            keeps=self.op.keeps,
            results=self.op.results,
            result_names=self.op.result_names,
        )

    def infer(self, *specs: ShapeDtype, **params: Any) -> Any:
        """Return the shapes and dtypes of the results."""
        size = next(s.shape[0] for s, flag in zip(specs, self.flags, strict=True) if flag)
        one = [ShapeDtype(s.shape[1:], s.dtype) if flag else s for s, flag in zip(specs, self.flags, strict=True)]
        out = self.op.infer(*one, **params)
        parts = [out] if isinstance(out, ShapeDtype) else out
        every = [ShapeDtype((size, *s.shape), s.dtype) for s in parts]
        return every[0] if isinstance(out, ShapeDtype) else tuple(every)

    def forward(self, *inputs: Any, **params: Any) -> Any:
        """Compute the results of all examples, which are arrays."""
        pairs = list(zip(inputs, self.flags, strict=True))
        size = next(len(x) for x, flag in pairs if flag)
        if not size:
            specs = self.infer(*[ShapeDtype(x.shape, x.dtype) for x in inputs], **params)
            return np.zeros(*specs) if self.op.results is None else tuple([np.zeros(*s) for s in specs])
        out = [self.op(*[x[k] if flag else x for x, flag in pairs], **params) for k in range(size)]
        return np.stack(out) if self.op.results is None else tuple(map(np.stack, zip(*out, strict=True)))

    def pull(self, needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        """Return the cotangents of some inputs, which for those without a batch are sums."""

        def one(g: Any, *saved: Any) -> Sequence[Any]:
            cotangents: Sequence[Any] = self.op.rules.asked(needs, g, saved, params)  # type: ignore[union-attr, misc]
            return list(cotangents)

        out, *inputs = [x if keep else None for x, keep in zip(saved, self.op.keeps[0], strict=True)]
        every = _vmap(one, (0, 0, *self.axes), _plain(g), _plain(out), *inputs)
        return [
            c if c is None or self.flags[k] else c.sum(axis=0).reshape(np.shape(saved[1 + k]))
            for k, c in zip(needs, every, strict=True)
        ]

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **params: Any) -> Any:
        """Return the tangents of the results."""

        def one(out: Any, *both: Any) -> Any:
            return self.op.jvp(both[: len(inputs)], out, *both[len(inputs) :], **params)  # type: ignore[misc]

        return _vmap(one, (0, *self.axes, *self.axes), _plain(out), *tangents, *inputs)


def _vmap(f: Callable[..., Any], axes: tuple[int | None, ...], *args: Any) -> Any:
    """Apply a function to all examples at once, of arrays, Tensors, or tracers, which stand for arrays in rules."""
    is_of_tensors = any(isinstance(a, Tensor) for a in leaves(args))
    out = vmap(f, axes)(*map_leaves(lambda a: wrap_any(a, None) if isinstance(a, Tracer) else a, args))
    return out if is_of_tensors else map_leaves(lambda a: a._data if isinstance(a, Tensor) else a, out)


def _plain(g: Any) -> Any:
    return tuple(g) if isinstance(g, tuple) else g

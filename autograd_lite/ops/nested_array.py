"""Arrays of many parts: what `array` makes of nested lists, in one op."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.duck_arrays import array_namespace, is_duck_array, is_lazy
from ..core.equivalents import Fill, Part, filled_by
from ..core.op import Op, structural
from ..core.shape_arithmetic import ShapeDtype, require_fit


def _stack_parts(*parts: Any, shape: tuple[int, ...]) -> Any:
    there = next(filter(is_duck_array, parts), None)
    stacked = np.stack(parts) if is_lazy(there) else array_namespace(there).array(parts)
    return stacked.reshape(*shape, *np.shape(parts[0]))


@filled_by(_stack_parts)
def _stack_fill(*parts: Any, shape: tuple[int, ...]) -> Any:
    if not all(hasattr(part, "dtype") for part in parts):
        return None
    places = np.ndindex(shape)
    copies = [Part((*place, ...), k) for k, place in enumerate(places)]
    return Fill((*shape, *parts[0].shape), np.result_type(*(part.dtype for part in parts)), copies), parts


def _pieces(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
    shape = params["shape"]
    pieces = g if len(shape) == 1 else g.reshape(math.prod(shape), *g.shape[len(shape) :])
    return [pieces[i] for i in needs]


def _infer(*parts: ShapeDtype, shape: tuple[int, ...]) -> ShapeDtype:
    require_fit(len({part.shape for part in parts}) == 1, "array", *(part.shape for part in parts))
    return ShapeDtype((*shape, *parts[0].shape), np.result_type(*(part.dtype for part in parts)))


def _stack_batch(op: Op, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    rows = op(*batching.broadcast_batch(inputs, batched), shape=(len(inputs),))
    return np.moveaxis(rows, 0, 1).reshape(rows.shape[1], *params["shape"], *rows.shape[2:])


array: Op = structural(
    "array",
    _stack_parts,
    asked=_pieces,
    infer=_infer,
    linear=True,
    batch=_stack_batch,
    cost=0,
)

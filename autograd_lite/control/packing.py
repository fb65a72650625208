"""Several arrays as one and back, since an op has one result.

A `Layout` is a row of numbers of one dtype. Arrays that a gradient may flow to are cast to it, which is exact; of all
others the row has the bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from ..core.op import OPS, Op, structural
from ..core.shapes import ShapeDtype


def _same_batch(op: Op, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    return op(*inputs, **params)


def _flat(x: Any, *, row: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    x = np.asarray(x)
    lead, spec = x.shape[: x.ndim - len(shape)], ShapeDtype(shape, x.dtype)
    if x.dtype.kind in "fc":
        return x.reshape((*lead, spec.size)).astype(row, copy=False)
    flat = np.zeros((*lead, _length(spec, row)), row)
    flat.view(np.uint8)[..., : x.dtype.itemsize * spec.size] = (
        np.ascontiguousarray(x).reshape((*lead, spec.size)).view(np.uint8)
    )
    return flat


def _part(packed: Any, *, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    spec = ShapeDtype(shape, dtype)
    lead = packed.shape[:-1]
    flat = packed[..., start : start + _length(spec, packed.dtype)]
    if dtype.kind not in "fc":
        flat = np.ascontiguousarray(flat).view(np.uint8)[..., : spec.size * dtype.itemsize].view(dtype)
    elif dtype.kind == "f" and packed.dtype.kind == "c":
        flat = flat.real
    part = flat.reshape((*lead, *shape)).astype(dtype, copy=False)
    return part if part.ndim else part[()]


def _length(spec: ShapeDtype, row: np.dtype[Any]) -> int:
    return spec.size if spec.dtype.kind in "fc" else -(-spec.size * spec.dtype.itemsize // row.itemsize)


def _flat_vjp(g: Any, out: Any, x: Any, *, row: Any, shape: Any) -> Any:
    return PART(g, start=0, shape=shape, dtype=x.dtype)


def _part_vjp(g: Any, out: Any, packed: Any, *, start: int, shape: Any, dtype: Any) -> Any:
    flat = FLAT(g, row=packed.dtype, shape=shape)
    ends = start, packed.shape[-1] - start - flat.shape[-1]
    zeros = [np.zeros((*flat.shape[:-1], n), packed.dtype) for n in ends]
    return np.concatenate([zeros[0], flat, zeros[1]], axis=-1) if any(ends) else flat


FLAT = structural(
    "flat",
    _flat,
    _flat_vjp,
    infer=lambda x, *, row, shape: ShapeDtype((_length(ShapeDtype(shape, x.dtype), row),), row),
    linear=True,
    batch=_same_batch,
    cost=0,
)
PART = structural(
    "part",
    _part,
    _part_vjp,
    infer=lambda packed, *, start, shape, dtype: ShapeDtype(shape, dtype),
    linear=True,
    batch=_same_batch,
    cost=0,
)
del OPS["flat"], OPS["part"]  # they are of use to this package alone


class Layout:
    """Where each of some arrays lies in a row.

    Args:
        specs: the arrays.

    Attributes:
        dtype: of the row.
        starts: of the arrays.
        size: of the row.
    """

    def __init__(self, specs: Sequence[ShapeDtype]) -> None:
        self.specs = tuple(specs)
        dtypes = [spec.dtype for spec in specs if spec.dtype.kind in "fc"]
        self.dtype = np.result_type(*dtypes) if dtypes else np.dtype(np.float64)
        self.starts = tuple(accumulate((_length(spec, self.dtype) for spec in specs), initial=0))
        self.size = self.starts[-1]
        self._places = [(slice(*ends), spec) for ends, spec in zip(pairwise(self.starts), specs, strict=True)]

    def parts(self, packed: Any, start: int = 0, stop: int | None = None) -> list[Any]:
        """Return some of the arrays."""
        return [
            PART(packed, start=begin, shape=shape, dtype=dtype)
            for begin, (shape, dtype) in list(zip(self.starts, self.specs, strict=False))[start:stop]
        ]

    def head(self, packed: Any, n: int) -> Any:
        """Return the part of a row in which the first n arrays lie."""
        return PART(packed, start=0, shape=(self.starts[n],), dtype=self.dtype)  # a row may grow later

    def packed(self, arrays: Sequence[Any]) -> Any:
        """Return all arrays as a row; they may have further axes in front, all the same."""
        flat = [FLAT(a, row=self.dtype, shape=shape) for a, (shape, _) in zip(arrays, self.specs, strict=True)]
        return np.concatenate(flat, axis=-1)

    def room(self) -> tuple[Any, list[Any]]:
        """Return memory for a row, and for each array a view to write to, which casts what is written."""
        row = np.empty(self.size, self.dtype)
        return row, [
            (row[place] if spec.dtype.kind in "fc" else _bits(row[place], spec)).reshape(spec.shape)
            for place, spec in self._places
        ]


def _bits(flat: Any, spec: ShapeDtype) -> Any:
    """Return the numbers whose bits a part of a row has."""
    return flat.view(np.uint8)[: spec.size * spec.dtype.itemsize].view(spec.dtype)

"""Differences of Dask's arrays from NumPy's: they are lazy, and their values are in chunks that may exceed memory.

Nothing here computes. Dask is imported when one of its arrays is seen, whose creation has imported it already.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import UnsupportedError


def _module(name: str) -> Any:
    return importlib.import_module(name)


def elementwise(function: Callable[..., Any], *inputs: Any, **params: Any) -> Any:
    """Apply a function of arrays that broadcasts, chunk by chunk."""
    # Dask finds the dtype by a call on empty arrays; a broken one would show there, not when values are asked for.
    return _module("dask.array.core").elemwise(function, *inputs, **params)


def check_index(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an index with at most one array and no integers next to it, for which Dask orders axes unlike NumPy."""
    arrays = [i for i in index if hasattr(i, "shape")]
    if any(hasattr(i, "chunks") for i in arrays):
        raise UnsupportedError(
            "expected an index whose values are known; received a Dask array. In place of t[mask] choose with "
            "np.where(mask, t, 0), or compute the index first"
        )
    if arrays and (len(arrays) > 1 or any(isinstance(i, int) for i in index)):
        raise UnsupportedError(
            f"a Dask array takes an array of indices along one axis at a time; received the index {index}. Index twice"
        )
    return index


def check_sizes(x: Any) -> None:
    """Refuse an array whose shape is known only once it is computed."""
    if any(n != n for n in x.shape):
        raise ValueError(
            f"expected a Dask array whose shape is known; received {x.shape}, as x[mask] has. Call "
            "x.compute_chunk_sizes() first, which computes it once"
        )


def compute(*arrays: Any) -> tuple[Any, ...]:
    """Return arrays with those of Dask computed, in one run that computes each chunk once."""
    results: tuple[Any, ...] = _module("dask").compute(*arrays)
    return results


def recompute_after(x: Any, after: Any) -> Any:
    """Return the same plan under new names, so that its chunks are computed again, once `after` is known."""
    manipulation = _module("dask.graph_manipulation")
    return manipulation.bind(x, after) if hasattr(after, "dask") else manipulation.clone(x)


def broadcast_like(g: Any, x: Any) -> Any:
    """Broadcast `g` to the shape of `x`, in the chunks of `x`: as one chunk it would not fit in memory."""
    return _module("dask.array").broadcast_to(g, x.shape, chunks=x.chunks)


def add_at(out: Any, index: tuple[Any, ...], values: Any) -> Any:
    """Add values at integers along one axis: each chunk of values is added to zeros, and these are summed.

    So one array as large as the result is in memory for each thread, which suits tables of parameters.
    """
    axis = next(k for k, i in enumerate(index) if not isinstance(i, slice))
    where, others = np.asarray(index[axis]), [i for k, i in enumerate(index) if k != axis]
    if where.ndim != 1 or where.dtype.kind not in "iu" or any(i != slice(None) for i in others):
        raise UnsupportedError(f"a Dask array can be added to at integers along one axis; received the index {index}")
    shape, total, start = out.shape, None, 0
    values = values.rechunk({k: -1 for k in range(values.ndim) if k != axis})
    for k, n in enumerate(values.chunks[axis]):
        part = values.blocks[(slice(None),) * axis + (k,)]
        added = part.map_blocks(
            _add_block, where[start : start + n], axis, shape, dtype=out.dtype, chunks=tuple((m,) for m in shape)
        )
        total, start = added if total is None else total + added, start + n
    return out if total is None else out + total


def _add_block(values: Any, where: Any, axis: int, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, values.dtype)
    np.add.at(out, (slice(None),) * axis + (where,), values)
    return out

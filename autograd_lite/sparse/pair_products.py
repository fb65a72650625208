"""Products of two sparse matrices: sums of the products of all pairs of entries that meet.

One op has all their derivatives: with the entries of the first matrix, of the second and of the product in other
roles, the sums over the same pairs are the gradients by the entries of either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..core import batching
from ..core.op import OPS, Op, structural
from ..core.shape_arithmetic import ShapeDtype
from .products import Layout, index_dtype, layout_of, original

_BLOCK = 1 << 16  # pairs that are multiplied at a time
_PAIRS: WeakValueDictionary[Any, Pairs] = WeakValueDictionary()


def _sort(indices: Any, size: int) -> Any:
    """Return the order that sorts indices below a size, those that are equal by their places: in linear time."""
    count = len(indices)
    one_a_row = original.csr_array((np.zeros(count, np.int8), indices, np.arange(count + 1)), (count, size))
    return one_a_row.tocsc().indices


def arrange(rows: Any, columns: Any, shape: tuple[int, int]) -> tuple[Layout, Any]:
    """Return the layout of entries in any order, and the place of each in it; None if they are in order."""
    key = rows.astype(np.int64) * shape[1] + columns
    places: Any = None
    if (key[1:] <= key[:-1]).any():
        order = _sort(columns, shape[1])
        order = order[_sort(rows[order], shape[0])]
        key = key[order]
        is_first = np.append(True, key[1:] != key[:-1])
        places = np.empty_like(order)
        places[order] = np.cumsum(is_first, dtype=order.dtype) - 1
        chosen = order[is_first]
        rows, columns = rows[chosen], columns[chosen]
    dtype = index_dtype(max(*shape, len(key)))
    indptr = np.append(0, np.cumsum(np.bincount(rows, minlength=shape[0]))).astype(dtype)
    return layout_of(columns.astype(dtype, copy=False), indptr, shape), places


class Pairs:
    """The pairs of entries that meet in the product of two matrices.

    Attributes:
        layouts: of both matrices and of the product.
        places: of each pair, in the entries of each of the three.
    """

    __slots__ = ("__weakref__", "layouts", "places")

    def __init__(self, left: Layout, right: Layout) -> None:
        counts = np.diff(right.indptr)[left.indices]
        ends = np.cumsum(counts, dtype=np.int64)
        total = int(ends[-1]) if len(ends) else 0
        dtype = index_dtype(total)
        first = np.repeat(np.arange(len(left.indices), dtype=dtype), counts)
        second = np.repeat((right.indptr[left.indices] - ends + counts).astype(dtype), counts)
        second += np.arange(total, dtype=dtype)
        shape = left.shape[0], right.shape[1]
        out, third = arrange(left.rows[first], right.indices[second], shape)
        self.layouts = left, right, out
        self.places = first, second, np.arange(total, dtype=dtype) if third is None else third

    def __repr__(self) -> str:
        return f"<{len(self.places[0])} pairs>"

    def size(self, k: int) -> int:
        """Return the number of entries of one of the three matrices."""
        return len(self.layouts[k].indices)


def pairs_of(left: Layout, right: Layout) -> Pairs:
    """Return the pairs of a product, the same object each time."""
    key = id(left), id(right)
    pairs = _PAIRS.get(key)
    if pairs is None:
        pairs = _PAIRS[key] = Pairs(left, right)
    left.pairs = pairs  # so that the next product need not look for them
    return pairs


def _sum_pairs(x: Any, y: Any, *, pairs: Pairs, roles: tuple[int, int, int]) -> Any:
    x, y = np.asarray(x), np.asarray(y)
    p, q, r = (pairs.places[k] for k in roles)
    shape = np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    x, y = (np.broadcast_to(a, (*shape, a.shape[-1])) for a in (x, y))
    out = np.zeros((*shape, pairs.size(roles[2])), np.result_type(x, y))
    for example in np.ndindex(shape):
        a, b, total = x[example], y[example], out[example]
        for k in range(0, len(r), _BLOCK):
            part = slice(k, k + _BLOCK)
            np.add.at(total, r[part], a[p[part]] * b[q[part]])
    return out


def _depends(i: int, inputs: Sequence[ShapeDtype], out: ShapeDtype, *, pairs: Pairs, roles: Any) -> tuple[Any, Any]:
    own, examples, count = pairs.places[roles[i]], math.prod(out.shape[:-1]), out.shape[-1]
    order = np.argsort(pairs.places[roles[2]], kind="stable")
    members = own[order] + (np.arange(examples) % math.prod(inputs[i].shape[:-1]))[:, None] * inputs[i].shape[-1]
    counts = np.tile(np.bincount(pairs.places[roles[2]], minlength=count), examples)
    return np.append(0, np.cumsum(counts)), members.reshape(-1)


# The sums of the products of the first role's and the second role's entries, over all pairs of each of the third's.
sum_pairs: Op = structural(
    "sum_pairs",
    _sum_pairs,
    lambda g, out, x, y, *, pairs, roles: sum_pairs(g, y, pairs=pairs, roles=(roles[2], roles[1], roles[0])),
    lambda g, out, x, y, *, pairs, roles: sum_pairs(g, x, pairs=pairs, roles=(roles[2], roles[0], roles[1])),
    infer=lambda x, y, *, pairs, roles: ShapeDtype(
        (*np.broadcast_shapes(x.shape[:-1], y.shape[:-1]), pairs.size(roles[2])), np.result_type(x.dtype, y.dtype)
    ),
    saves=("y", "x"),
    multilinear=True,
    batch=batching.gufunc(1, 1),
    depends=_depends,
    cost=lambda shapes, out, params: 2 * math.prod(out[:-1]) * len(params["pairs"].places[0]),
)
del OPS["sum_pairs"]

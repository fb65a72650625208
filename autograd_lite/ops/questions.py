"""Questions about arrays: shapes, dtypes, positions, comparisons. Answers have no gradient."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.duck_arrays import array_namespace, move_constants
from ..core.op import composes
from .operands import composed_of_values, operand, values


@composes(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return tuple(a.shape)


@composes(np.ndim)
def ndim(a: Any) -> int:
    return len(a.shape)


@composes(np.size)
def size(a: Any, axis: Any = None) -> int:
    if axis is None:
        return int(a.size)
    return math.prod(int(a.shape[i]) for i in (axis if isinstance(axis, tuple) else (axis,)))


# ---- kinds of numbers -----------------------------------------------------------------------------------------------


def _dtypes(items: Any) -> list[Any]:
    """Return stand-ins that promote as the items do: 0-d arrays promote like any array, Python numbers are weak."""
    return [item.dtype if hasattr(item, "__apply_op__") else item for item in items]


@composes(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    return np.result_type(*_dtypes(arrays_and_dtypes))


@composes(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(_dtypes([from_])[0], to, casting)


@composes(np.common_type)
def common_type(*arrays: Any) -> Any:
    return np.common_type(*(np.empty(0, a.dtype) if hasattr(a, "__apply_op__") else a for a in arrays))


@composes(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> np.dtype[Any]:
    return np.min_scalar_type(values(a))


@composes(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return bool(x.dtype.kind == "c")


@composes(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return bool(x.dtype.kind != "c")


@composes(np.isreal)
def isreal(x: Any) -> Any:
    return np.imag(x) == 0


@composes(np.iscomplex)
def iscomplex(x: Any) -> Any:
    return np.imag(x) != 0


@composes(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    return np.equal(x, np.inf)


@composes(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    return np.equal(x, -np.inf)


# ---- memory and texts -----------------------------------------------------------------------------------------------


@composes(np.shares_memory)
def shares_memory(a: Any, b: Any, /, max_work: Any = -1) -> bool:
    return np.shares_memory(values(a), values(b), max_work)


@composes(np.may_share_memory)
def may_share_memory(a: Any, b: Any, /, max_work: Any = 0) -> bool:
    return np.may_share_memory(values(a), values(b), max_work)


for _shown_as in (np.array2string, np.array_repr, np.array_str):
    composed_of_values(_shown_as)


# ---- positions ------------------------------------------------------------------------------------------------------


for _places in (np.nonzero, np.flatnonzero, np.argwhere):
    composed_of_values(_places)


@composes(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    return np.tril_indices_from(array_namespace(arr).empty(arr.shape, bool), k)


@composes(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    return np.triu_indices_from(array_namespace(arr).empty(arr.shape, bool), k)


@composes(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    return np.diag_indices_from(array_namespace(arr).empty(arr.shape, bool))


@composes(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: Any = "C") -> Any:
    return np.unravel_index(values(indices), shape, order)


@composes(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: Any = "C") -> Any:
    rows = values(multi_index) if hasattr(multi_index, "shape") else [values(row) for row in multi_index]
    return np.ravel_multi_index(move_constants(rows) or tuple(rows), dims, mode, order)


@composes(np.packbits)
def packbits(a: Any, /, axis: Any = None, bitorder: Any = "big") -> Any:
    return np.packbits(values(a), axis, bitorder)


@composes(np.unpackbits)
def unpackbits(a: Any, /, axis: Any = None, count: Any = None, bitorder: Any = "big") -> Any:
    return np.unpackbits(values(a), axis, bitorder=bitorder, **({} if count is None else {"count": count}))


# ---- comparisons of whole arrays ------------------------------------------------------------------------------------


@composes(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    with np.errstate(invalid="ignore"):
        close = np.isfinite(a) & np.isfinite(b) & (np.abs(a - b) <= atol + rtol * np.abs(b)) | (a == b)
    return close | (np.isnan(a) & np.isnan(b)) if equal_nan else close


@composes(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> bool:
    return bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


@composes(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    if np.shape(a1) != np.shape(a2):
        return False
    same = np.equal(a1, a2)
    return bool(np.all(same | (np.isnan(a1) & np.isnan(a2)) if equal_nan else same))


@composes(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> bool:
    try:
        np.broadcast_shapes(np.shape(a1), np.shape(a2))
    except ValueError:
        return False
    return bool(np.all(np.equal(operand(a1), operand(a2))))

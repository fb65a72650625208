"""Reading rules directly, with none of the engine's repairs: what `Kind` says, and nothing more."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.op import Op, Rule, read_rule
from ..core.shapes import ShapeDtype, sum_to_shape


class PoisonError(AssertionError):
    """A rule used the values of an array that it does not declare in `reads`."""


class Poison:
    """Stands for an array whose values were not saved: it has a shape and a dtype, and raises on any other use."""

    __slots__ = ("_spec",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, spec: ShapeDtype | None) -> None:
        self._spec = spec

    def __getattr__(self, name: str) -> Any:
        spec = self._spec
        if spec is not None and name in ("shape", "dtype", "ndim", "size"):
            return getattr(spec, name)
        if name.startswith("__array_") and name not in ("__array_ufunc__", "__array_function__"):
            raise AttributeError(name)
        raise PoisonError(f"the rule reads .{name} of an array that it does not declare")

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise PoisonError("the rule reads the values of an array that it does not declare")

    __array__ = __array_ufunc__ = __array_function__ = __bool__ = __float__ = __int__ = __index__ = _refuse
    __iter__ = __len__ = __getitem__ = __neg__ = __pos__ = __abs__ = __invert__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __and__ = __rand__ = __or__ = __ror__ = _refuse


def forward(op: Op, arrays: Sequence[Any], params: Any) -> Any:
    """Apply an op to bare arrays, silently."""
    with np.errstate(all="ignore"):
        return op.forward(*arrays, **params)


def saved_for(rule: Rule, out: Any, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Return `(out, *inputs)` as the rule gets them, with poison in place of the arrays that it does not declare."""
    opened = [out if 0 in rule.reads else Poison(None)]
    for k, array in enumerate(arrays, start=1):
        opened.append(array if k in rule.reads else Poison(ShapeDtype(array.shape, array.dtype)))
    return tuple(opened)


def raw_rule(op: Op, i: int, g: Any, saved: tuple[Any, ...], params: Any) -> Any:
    """Return what the rule for input `i` says, on whatever kind of arrays it is given."""
    rule = op.rule(i)
    assert rule is not None
    if isinstance(saved[0], Poison):  # handed on untouched, so that nobody but the rule itself can read it
        rule = dataclasses.replace(rule, reads=rule.reads - {0})
    with np.errstate(all="ignore"):
        return read_rule(rule, g, saved, params)


def repaired(raw: Any, like: np.ndarray) -> np.ndarray:
    """Return a raw result as the engine leaves it: summed down to the input's shape, the real part for a real input."""
    raw = np.asarray(raw)
    summed = np.asarray(sum_to_shape(raw, like.shape))
    return summed.real if like.dtype.kind != "c" else summed


def same_bits(a: Any, b: Any) -> bool:
    """Say whether two arrays have the same shape, dtype and bytes (NaN equals NaN, 0 differs from -0)."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def same_reading(a: Any, b: Any) -> bool:
    """As `same_bits`; of complex numbers the last bits are let go.

    NumPy multiplies complex arrays, complex scalars and complex arrays of one element by different loops.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind != "c" or b.dtype != a.dtype or a.shape != b.shape:
        return same_bits(a, b)
    eps = float(np.finfo(a.dtype).eps)
    return bool(np.allclose(a, b, rtol=8 * eps, atol=8 * eps * np.max(np.abs(b), initial=0), equal_nan=True))

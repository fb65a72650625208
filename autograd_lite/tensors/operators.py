"""Tensor's operators. Each applies one op record."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .. import ops
from ..core.dynamic_scalars import DynamicScalar
from ..core.mode import TAPES
from ..core.op import Op
from ..ops import arith, compare
from .protocols import of_numpy, on_arrays
from .record import binary, unary

# Exponents for which NumPy's own operator takes a shortcut; their derivatives are simpler, too.
_SHORT_POWERS: dict[float, Op] = {1: arith.positive, 2: arith.square, 0.5: arith.sqrt, -1: arith.reciprocal}


def _power(x: Any, y: Any) -> Op:
    if not TAPES:
        return arith.power
    is_array = any(getattr(z, "ndim", 0) for z in (x, y))
    return on_arrays(arith.power, np.power if is_array else operator.pow, (x, y))  # of scalars they round otherwise


class Operators:
    """The arithmetic, comparison and bitwise operators."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def dtype(self) -> np.dtype[Any]: ...

    def __add__(self, other: Any) -> Self:
        return binary(arith.add, self, other)

    def __radd__(self, other: Any) -> Self:
        return binary(arith.add, other, self)

    def __sub__(self, other: Any) -> Self:
        return binary(arith.subtract, self, other)

    def __rsub__(self, other: Any) -> Self:
        return binary(arith.subtract, other, self)

    def __mul__(self, other: Any) -> Self:
        return binary(arith.multiply, self, other)

    def __rmul__(self, other: Any) -> Self:
        return binary(arith.multiply, other, self)

    def __truediv__(self, other: Any) -> Self:
        return binary(arith.divide, self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return binary(arith.divide, other, self)

    def __floordiv__(self, other: Any) -> Self:
        return binary(arith.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Self:
        return binary(arith.floor_divide, other, self)

    def __mod__(self, other: Any) -> Self:
        return binary(arith.remainder, self, other)

    def __rmod__(self, other: Any) -> Self:
        return binary(arith.remainder, other, self)

    def __divmod__(self, other: Any) -> tuple[Self, Self]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Self, Self]:
        return other // self, other % self

    def __pow__(self, other: Any) -> Self:
        if other.__class__ is DynamicScalar:
            other = other.fix_value()  # how powers are computed depends on the exponent
        if other.__class__ is int or other.__class__ is float:
            short = _SHORT_POWERS.get(other)
            if short is not None and self.dtype.kind in "fc":
                return unary(short, self)
        return binary(_power(self, other), self, other)

    def __rpow__(self, other: Any) -> Self:
        return binary(_power(other, self), other, self)

    def __matmul__(self, other: Any) -> Self:
        op = ops.matrix_products.matmul
        return binary(op if not TAPES else of_numpy(op, (self, other)), self, other)

    def __rmatmul__(self, other: Any) -> Self:
        op = ops.matrix_products.matmul
        return binary(op if not TAPES else of_numpy(op, (other, self)), other, self)

    def __neg__(self) -> Self:
        return unary(arith.negative, self)

    def __pos__(self) -> Self:
        return unary(arith.positive, self)

    def __abs__(self) -> Self:
        return unary(arith.absolute, self)

    def __invert__(self) -> Self:
        return unary(arith.invert, self)

    def __and__(self, other: Any) -> Self:
        return binary(arith.bitwise_and, self, other)

    def __rand__(self, other: Any) -> Self:
        return binary(arith.bitwise_and, other, self)

    def __or__(self, other: Any) -> Self:
        return binary(arith.bitwise_or, self, other)

    def __ror__(self, other: Any) -> Self:
        return binary(arith.bitwise_or, other, self)

    def __xor__(self, other: Any) -> Self:
        return binary(arith.bitwise_xor, self, other)

    def __rxor__(self, other: Any) -> Self:
        return binary(arith.bitwise_xor, other, self)

    def __lshift__(self, other: Any) -> Self:
        return binary(arith.left_shift, self, other)

    def __rlshift__(self, other: Any) -> Self:
        return binary(arith.left_shift, other, self)

    def __rshift__(self, other: Any) -> Self:
        return binary(arith.right_shift, self, other)

    def __rrshift__(self, other: Any) -> Self:
        return binary(arith.right_shift, other, self)

    def __lt__(self, other: Any) -> Self:
        return binary(compare.less, self, other)

    def __le__(self, other: Any) -> Self:
        return binary(compare.less_equal, self, other)

    def __gt__(self, other: Any) -> Self:
        return binary(compare.greater, self, other)

    def __ge__(self, other: Any) -> Self:
        return binary(compare.greater_equal, self, other)

    def __eq__(self, other: object) -> Any:
        return binary(compare.equal, self, other)

    def __ne__(self, other: object) -> Any:
        return binary(compare.not_equal, self, other)

    __hash__ = object.__hash__

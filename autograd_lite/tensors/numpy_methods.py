"""Tensor's methods that are NumPy functions by another spelling: parts of complex numbers, scans, picking, order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arguments import is_sequence, refusal
from ..core.errors import GradError

if TYPE_CHECKING:
    import numpy.typing as npt

    from .tensor import Tensor

_np: Any = np  # NumPy's type stubs speak of arrays alone


class NumPyMethods:
    """The methods; each calls the NumPy function of its name, which leads back to an op or to a composition of ops."""

    __slots__ = ()

    # ---- complex numbers --------------------------------------------------------------------------------------------

    @property
    def real(self) -> Tensor:
        """The real part; see `numpy.real`."""
        return _np.real(self)

    @property
    def imag(self) -> Tensor:
        """The imaginary part; see `numpy.imag`."""
        return _np.imag(self)

    def conjugate(self) -> Tensor:
        """Return the complex conjugate; see `numpy.conjugate`."""
        return _np.conjugate(self)

    # ---- along an axis ----------------------------------------------------------------------------------------------

    def cumsum(self, axis: int | None = None, dtype: npt.DTypeLike | None = None) -> Tensor:
        """Return the running sum; see `numpy.cumsum`."""
        return _np.cumsum(self, axis=axis, dtype=dtype)

    def cumprod(self, axis: int | None = None, dtype: npt.DTypeLike | None = None) -> Tensor:
        """Return the running product; see `numpy.cumprod`."""
        return _np.cumprod(self, axis=axis, dtype=dtype)

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        """Repeat elements; see `numpy.repeat`."""
        return _np.repeat(self, repeats, axis=axis)

    # ---- picking ----------------------------------------------------------------------------------------------------

    def take(self, indices: Any, axis: int | None = None, *, mode: Any = "raise") -> Tensor:
        """Pick elements by index; see `numpy.take`."""
        return _np.take(self, indices, axis=axis, mode=mode)

    def compress(self, condition: Any, axis: int | None = None) -> Tensor:
        """Pick slices by a mask; see `numpy.compress`."""
        return _np.compress(condition, self, axis=axis)

    def choose(self, choices: Any, *, mode: Any = "raise") -> Tensor:
        """Pick from several arrays; see `numpy.choose`."""
        if not is_sequence(choices):
            raise TypeError(refusal("choose", "choices", "a sequence of arrays", choices))
        return _np.choose(self, choices, mode=mode)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Return a diagonal; see `numpy.diagonal`."""
        return _np.diagonal(self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Return the sum along a diagonal; see `numpy.trace`."""
        return _np.trace(self, offset, axis1, axis2)

    # ---- order, which has no gradient -------------------------------------------------------------------------------

    def argsort(self, axis: int | None = -1, kind: Any = None, *, stable: bool | None = None) -> Any:
        """Return the indices that sort; see `numpy.argsort`."""
        return _np.argsort(self, axis, kind, stable=stable)

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """Return where to insert; see `numpy.searchsorted`."""
        return _np.searchsorted(self, v, side, sorter)

    def nonzero(self) -> Any:
        """Return the indices of what is not zero; see `numpy.nonzero`."""
        return _np.nonzero(self)

    def sort(self, axis: int = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None) -> None:
        """Refuse: an array sorts itself in place, which would falsify the record; `numpy.sort` returns a new one.

        Raises:
            GradError: always.
        """
        raise GradError("t.sort(): a tensor is not sorted in place; write t = np.sort(t)")

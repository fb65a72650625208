"""An array that records the calls made on it: run on such arrays, a forward function shows its steps."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..core.equivalents import Fill, Part
from ..core.gathers import BASIC, Gather, as_slice, places_of, prepare_indices
from ..native.kernels import NATIVE, library
from ..native.threaded_functions import matmul
from .inner_loops import CASTS, cast
from .numpy_calls import How, Ref


class Unrecordable(Exception):
    """Raised where an array is about to become something that cannot be watched."""


def recording_arrays_in(args: Any) -> list[RecordingArray]:
    """Return the watched arrays among arguments, also in tuples and lists."""
    arrays = []
    for x in args:
        if isinstance(x, RecordingArray):
            arrays.append(x)
        elif isinstance(x, (tuple, list)):
            arrays += recording_arrays_in(x)
    return arrays


def concrete(x: Any) -> Any:
    """Return the array behind a watched one, also in tuples and lists."""
    if isinstance(x, (tuple, list)):
        return type(x)(map(concrete, x))
    return x.array if isinstance(x, RecordingArray) else x


def reference(x: Any) -> Any:
    """Return the reference to the value of a recording array, also in tuples and lists; anything else unchanged."""
    if isinstance(x, (tuple, list)):
        return type(x)(map(reference, x))
    return Ref(x.number) if isinstance(x, RecordingArray) else x


def _refuse(*_: Any, **__: Any) -> Any:
    raise Unrecordable


_POWERS: dict[float, np.ufunc] = {0.5: np.sqrt, 1: np.positive, 2: np.square, -1: np.reciprocal}


class RecordingArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that records the calls made on it."""

    __slots__ = ("lowering", "number")
    __array_priority__ = 1e6

    def __init__(self, lowering: Any, number: int) -> None:
        self.lowering, self.number = lowering, number

    array = property(lambda self: self.lowering.array(self.number), doc="An example of its values.")
    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.lowering.specs[self.number].dtype)  # of one of Python's numbers, too
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    strides = property(lambda self: self.array.strides)
    flags = property(lambda self: self.array.flags)
    itemsize = property(lambda self: self.array.itemsize)

    def __getattr__(self, name: str) -> Any:
        raise Unrecordable

    __array__ = __bool__ = __float__ = __int__ = __complex__ = __index__ = __iter__ = __setitem__ = _refuse

    def __pow__(self, other: Any) -> RecordingArray:
        # NumPy's ** is not np.power: for scalars it rounds otherwise, for arrays it has these shortcuts.
        shortcut = (
            _POWERS.get(other) if other.__class__ in (int, float) and isinstance(self.array, np.ndarray) else None
        )
        if shortcut is not None and self.dtype.kind in "fc":
            return self.lowering.record(How.UFUNC, shortcut, (self,), {})
        return self.lowering.record(How.CALL, operator.pow, (self, other), {})

    def __rpow__(self, other: Any) -> RecordingArray:
        return self.lowering.record(How.CALL, operator.pow, (other, self), {})

    __ipow__ = _refuse

    def __len__(self) -> int:
        return len(self.array)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is not None and not (len(out) == 1 and isinstance(out[0], RecordingArray)):
            raise Unrecordable
        ufunc = matmul if ufunc is np.matmul else ufunc  # whose products our threads share, as those of eager rules
        if method == "__call__" and not kwargs and ufunc.nout == 1:
            result = self.lowering.record(How.UFUNC, ufunc, inputs, {})
        elif method == "reduce" and out is None:
            result = self.lowering.record(How.REDUCE, ufunc, inputs, kwargs)
        else:
            raise Unrecordable
        return result if out is None else out[0]._take_over(result)

    def _take_over(self, result: RecordingArray) -> RecordingArray:
        """Become the result of a call that was given `out=` this array."""
        specs = self.lowering.specs
        before, after = specs[self.number], specs[result.number]
        if (
            before.owner != self.number
            or before[:3] != after[:3]
            or any(spec.owner == self.number for spec in specs[self.number + 1 :])
        ):
            raise Unrecordable
        self.number = result.number
        return self

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if (
            func is np.broadcast_to
            and args[0].__class__ is RecordingArray
            and not isinstance(args[0].array, np.ndarray)
        ):
            args = (args[0].as_array(), *args[1:])  # of which there are views
        if (result := self.lowering.as_equivalent(func, tuple(args), kwargs)) is not None:
            return result
        return self.lowering.record(How.CALL, func, tuple(args), kwargs)

    def __getitem__(self, key: Any) -> RecordingArray:
        parts = key if isinstance(key, tuple) else (key,)
        if library and (result := self._gather(parts)) is not None:
            return result
        if recording_arrays_in(parts):
            raise Unrecordable
        return self.lowering.record(How.CALL, operator.getitem, (self, key), {})

    def _gather(self, index: tuple[Any, ...]) -> RecordingArray | None:
        """Return what an index with arrays reads, or a single element; None if NumPy is called for it."""
        if all(isinstance(i, BASIC) for i in index):
            if not isinstance(self.array, np.ndarray):
                return self.as_array()[index] if isinstance(self.array[index], np.ndarray) else self
            copy = CASTS.get("?") if self.dtype == np.bool_ else np.positive if self.dtype.kind in "fiuc" else None
            if copy is None or len(index) < self.ndim or not all(isinstance(i, int) for i in index):
                return None
            view = self.lowering.record(How.CALL, operator.getitem, (self, (*index, ...)), {})
            return self.lowering.record(How.UFUNC, copy, (view,), {})
        split = places_of(index, self.ndim)
        indices = None if split is None else prepare_indices(split[1])
        if split is None or indices is None:
            return None
        places = split[0]
        sliced = as_slice(indices[0], self.shape[places.axis]) if places.arrays == 1 else None
        if sliced is None:
            return self.lowering.record(How.FILL, Gather(places), (self, *indices), {})
        view, expected = (
            self[tuple([i if isinstance(i, BASIC) else sliced for i in index])],
            self.array[concrete(index)],
        )
        if view.strides == expected.strides:
            return view
        return view._copy(self.dtype) if expected.flags.c_contiguous else None

    def _method(self, name: str, *args: Any, **kwargs: Any) -> RecordingArray:
        return self.lowering.record(How.CALL, operator.methodcaller(name, *args, **kwargs), (self,), {})

    def reshape(self, *shape: Any) -> RecordingArray:
        """As of an array; likewise the methods below."""
        shaped = self.array.reshape(*shape)
        if not isinstance(self.array, np.ndarray):
            return self.as_array(shaped.shape) if shaped.shape else self
        if not np.may_share_memory(shaped, self.array):
            return self._copy(self.dtype)._method("reshape", *shape)
        return self._method("reshape", *shape)

    def as_array(self, shape: tuple[int, ...] = ()) -> RecordingArray:
        """Return a new array of a scalar."""
        return self.lowering.record(How.FILL, Fill(shape, self.dtype, [Part(..., 0)]), (self,), {})

    def transpose(self, *axes: Any) -> RecordingArray:
        """Permute the axes."""
        return self._method("transpose", *axes)

    def swapaxes(self, a: int, b: int) -> RecordingArray:
        """Exchange two axes."""
        return self._method("swapaxes", a, b)

    def astype(self, dtype: Any, copy: bool = True) -> RecordingArray:
        """Cast."""
        if not copy and self.dtype == dtype:
            return self
        if self._may_fill(dtype, self.array.astype(dtype)):
            return self._copy(np.dtype(dtype))
        if not isinstance(self.array, np.ndarray) and cast(self.dtype, np.dtype(dtype)) is not None:
            return self.lowering.record(How.UFUNC, CASTS[np.dtype(dtype).char], (self,), {})
        return self._method("astype", dtype)

    def copy(self, order: str = "C") -> RecordingArray:
        """Copy; values of a plan never change, so this is only about the order of the elements in memory."""
        spec = self.lowering.specs[self.number]
        same = not spec.is_scalar and (spec.is_dense if order == "K" else self.flags.c_contiguous)
        if same:
            return RecordingArray(self.lowering, self.number)
        fills = self._may_fill(self.dtype, self.array.copy(order))
        return self._copy(self.dtype) if fills else self._method("copy", order)

    def _may_fill(self, dtype: Any, result: Any) -> bool:
        """Return whether a copy is in C order, and NumPy would issue no warning about lost digits."""
        is_array = isinstance(self.array, np.ndarray)
        return is_array and result.flags.c_contiguous and np.can_cast(self.dtype, dtype, "same_kind")

    def _copy(self, dtype: np.dtype[Any]) -> RecordingArray:
        return self.lowering.record(How.FILL, Fill(self.shape, dtype, [Part(..., 0)]), (self,), {})

    T = property(lambda self: self._method("transpose"))
    mT = property(lambda self: self._method("swapaxes", -1, -2))

    def _reduce(self, ufunc: np.ufunc, axis: Any, dtype: Any, keepdims: bool) -> RecordingArray:
        kwargs = {"axis": axis, "keepdims": keepdims} | ({} if dtype is None else {"dtype": dtype})
        return self.lowering.record(How.REDUCE, ufunc, (self,), kwargs)

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> RecordingArray:
        """Sum."""
        return self._reduce(np.add, axis, dtype, keepdims)

    def prod(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> RecordingArray:
        """Product."""
        return self._reduce(np.multiply, axis, dtype, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> RecordingArray:
        """Mean; NumPy divides in double precision and rounds, which gives the same bits."""
        exact = {"f": 1 << 24, "d": 1 << 53}.get(self.dtype.char, 0)  # up to which counts are numbers of the dtype
        total = self._reduce(np.add, axis, None, keepdims)
        count = self.size // total.size if total.size else 0
        if dtype not in (None, self.dtype) or not 0 < count <= exact:
            raise Unrecordable
        return self.lowering.record(How.UFUNC, np.true_divide, (total, float(count)), {})

    def var(self, axis: Any = None, keepdims: bool = False, ddof: float = 0) -> RecordingArray:
        """Variance, by NumPy's steps."""
        count = self.size // max(math.prod(self._reduce(np.add, axis, None, keepdims).shape), 1)
        if self.dtype.kind != "f" or count <= ddof or float(count - ddof) != count - ddof:
            raise Unrecordable
        gap = self.lowering.record(How.UFUNC, np.subtract, (self, self.mean(axis, None, True)), {})
        squares = self.lowering.record(How.UFUNC, np.square, (gap,), {})
        total = squares._reduce(np.add, axis, None, keepdims)
        return self.lowering.record(How.UFUNC, np.true_divide, (total, float(count - ddof)), {})

    def std(self, axis: Any = None, keepdims: bool = False, ddof: float = 0) -> RecordingArray:
        """Standard deviation, by NumPy's steps."""
        return self.lowering.record(How.UFUNC, np.sqrt, (self.var(axis, keepdims, ddof),), {})

    def max(self, axis: Any = None, keepdims: bool = False) -> RecordingArray:
        """Maximum."""
        return self._reduce(np.maximum, axis, None, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> RecordingArray:
        """Minimum."""
        return self._reduce(np.minimum, axis, None, keepdims)


NATIVE.add(RecordingArray)

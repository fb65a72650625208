"""From operations to calls of NumPy: the forward function of each op runs once, on arrays that note what is done.

An op's record says how to compute it, in plain NumPy. So its steps are found by watching: a `Watched` stands for an
array, computes with it, and notes every ufunc, reduction, view and other NumPy function that it meets. What cannot be
watched (a branch on a value, a write into a part of an array, a function for arrays alone) stays one call of the op.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from ..core.equivalents import CHECKED, FILLS, UFUNCS, Checked, Fill, Part
from ..core.errors import REFUSALS
from ..native.functions import matmul
from ..native.kernels import NATIVE


class How(StrEnum):
    """What kind of call computes a value, and so where the value may lie."""

    UFUNC = "ufunc"  # one array, which `out` may be given for
    REDUCE = "reduce"  # likewise
    FILL = "fill"  # likewise, of a function that only copies
    CHECKED = "checked"  # likewise, of a ufunc that may raise
    CALL = "call"  # of a NumPy function, which makes an array
    VIEW = "view"  # of a NumPy function, which makes a view: of the same memory for all values
    EFFECT = "effect"  # of an op that does more than to compute: it is called even if nothing reads its result
    OPAQUE = "op"  # of an op's forward function, which may return an array of its own or one of its arguments


class Ref(NamedTuple):
    """A reference to a value of the plan, by its number, in place of an argument."""

    value: int


class Spec(NamedTuple):
    """What is known of a value before it is computed.

    Attributes:
        shape, dtype, strides: of the array.
        owner: the number of the value in whose memory it lies: its own, unless it is a view.
        is_scalar: whether it is one of NumPy's scalars, of which methods return copies where an array gives views.
        offset: of a view's first element, in bytes from its owner's; None if that is not the same for all values.
        weak: the class of one of Python's numbers, which gives way to the dtypes of arrays.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...]
    owner: int
    is_scalar: bool = False
    offset: int | None = 0
    weak: type | None = None

    @property
    def nbytes(self) -> int:
        """The memory that the elements take."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_dense(self) -> bool:
        """Whether there are elements, and they fill their memory without gaps, in whatever order of axes."""
        expected = self.dtype.itemsize
        for stride, n in sorted(zip(self.strides, self.shape, strict=True)):
            if n != 1 and stride != expected:
                return False
            expected *= n
        return 0 not in self.shape

    @property
    def repeats(self) -> bool:
        """Whether several elements lie in the same memory."""
        return any(n > 1 and stride == 0 for n, stride in zip(self.shape, self.strides, strict=True))

    def alike(self, other: Spec) -> bool:
        """Return whether two arrays have the same shape, dtype and strides."""
        return self[:3] == other[:3]


class Call(NamedTuple):
    """One call that computes one value.

    Attributes:
        how: what kind of call it is.
        function: a ufunc (of which a reduction calls `reduce`), or a function of arrays.
        args, kwargs: with a `Ref` in place of each value.
        value: the number of the result.
        node: the id of the operation that it belongs to.
    """

    how: How
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    value: int
    node: str

    @property
    def reads(self) -> list[int]:
        """The numbers of the values that it reads, in order."""
        found = []
        for x in (*self.args, *self.kwargs.values()) if self.kwargs else self.args:
            if x.__class__ is Ref:
                found.append(x.value)
            elif x.__class__ is tuple or x.__class__ is list:
                found += refs_in(x)
        return found

    @property
    def name(self) -> str:
        """What it calls, for people."""
        name = getattr(self.function, "__name__", None) or str(self.function).removeprefix("operator.methodcaller")
        return f"{name}.reduce" if self.how is How.REDUCE else name


def refs_in(x: Any) -> Iterator[int]:
    """Yield the numbers of the values that are referred to, in order."""
    if isinstance(x, Ref):
        yield x.value
    elif x.__class__ is tuple or x.__class__ is list:
        for part in x:
            yield from refs_in(part)
    elif x.__class__ is dict:
        yield from refs_in(tuple(x.values()))


class Unwatchable(Exception):
    """Raised where an array is about to become something that cannot be watched."""


class Lowering:
    """Collects calls.

    Attributes:
        calls: in the order in which they ran.
        specs: of every value, by its number.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.specs: list[Spec] = []
        self.node = ""

    def value(self, a: Any, owner: int | None = None, offset: int | None = 0) -> int:
        """Return the number of a new value."""
        number = len(self.specs)
        scalar = not isinstance(a, np.ndarray)
        weak = a.__class__ if scalar and a.__class__ in _NUMBERS else None
        a = np.asarray(a) if weak else a
        owner = number if owner is None else owner
        self.specs.append(Spec(a.shape, a.dtype, a.strides, owner, scalar, offset, weak))
        return number

    def lower(
        self, node: str, forward: Callable[..., Any], inputs: Sequence[Any], params: Mapping[str, Any]
    ) -> Watched:
        """Run a forward function and return its result.

        Args:
            node: the id of the operation.
            forward: a ufunc or a function of arrays.
            inputs: a `Watched` for each value; constants as they are.
            params: the keywords of the call.
        """
        self.node = node
        if isinstance(forward, np.ufunc) and not params:
            return self.noted(How.UFUNC, forward, tuple(inputs), {})
        if (filled := self._filled(forward, tuple(inputs), params)) is not None:
            return filled
        values, calls = len(self.specs), len(self.calls)
        expected = forward(*map(bare, inputs), **{name: bare(v) for name, v in params.items()})
        try:
            found = forward(
                *(Watched(self, x.array, x.number) if isinstance(x, Watched) else x for x in inputs), **params
            )
            if isinstance(found, Watched) and _same(found.array, expected):
                return found
        except (Unwatchable, *REFUSALS):
            pass
        del self.specs[values:], self.calls[calls:]
        return self._note(How.OPAQUE, forward, tuple(inputs), params, expected)

    def _filled(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Note the copies that a function makes, if it does nothing else and the result lies in memory as its does."""
        row = FILLS.get(function)
        found = None if row is None else row(*args, **kwargs)
        if found is None or not all(isinstance(x, (Watched, np.ndarray)) for x in found[1]):
            return None
        fill, given = found
        same = _same(fill(*map(bare, given)), function(*map(bare, args), **kwargs))
        return self.noted(How.FILL, fill, tuple(given), {}) if same else None

    def effect(
        self,
        node: str,
        forward: Callable[..., Any],
        inputs: Sequence[Any],
        params: Mapping[str, Any],
        result: Any,
    ) -> Watched:
        """Note a call that is not made now, with something like what it would give."""
        self.node = node
        return self._note(How.EFFECT, forward, tuple(inputs), params, result)

    def noted(self, how: How, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Watched:
        """Run a function, and note the call."""
        call = function.reduce if how is How.REDUCE else function  # type: ignore[attr-defined]
        result = call(*map(bare, args), **{name: bare(v) for name, v in kwargs.items()})
        return self._note(how, function, args, kwargs, result)

    def _note(
        self, how: How, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
    ) -> Watched:
        if not isinstance(result, (np.ndarray, np.generic)):
            raise Unwatchable
        owner: int | None = None
        offset: int | None = 0
        if how in (How.CALL, How.OPAQUE) and isinstance(result, np.ndarray):
            inputs = _watched((*args, *kwargs.values()))
            for x in inputs:
                if np.may_share_memory(result, x.array):
                    spec = self.specs[x.number]
                    how, owner = How.VIEW if how is How.CALL and len(inputs) == 1 else How.OPAQUE, spec.owner
                    offset = None  # another input may be an index
                    if how is How.VIEW and spec.offset is not None:
                        offset = spec.offset + _address(result) - _address(x.array)
        number = self.value(result, owner, offset)
        refs = tuple(_ref(x) for x in args)
        self.calls.append(Call(how, function, refs, {name: _ref(v) for name, v in kwargs.items()}, number, self.node))
        return Watched(self, result, number)


def _address(a: Any) -> int:
    address: int = a.__array_interface__["data"][0]
    return address


def _same(a: Any, b: Any) -> bool:
    """Return whether two results agree in every bit, and in how they lie in memory."""
    a, b = np.asarray(a), np.asarray(b)
    return (a.shape, a.dtype, a.strides) == (b.shape, b.dtype, b.strides) and a.tobytes() == b.tobytes()


def _watched(args: Any) -> list[Watched]:
    found = []
    for x in args:
        if isinstance(x, Watched):
            found.append(x)
        elif isinstance(x, (tuple, list)):
            found += _watched(x)
    return found


def bare(x: Any) -> Any:
    """Return the array behind a watched one, also in tuples and lists."""
    if isinstance(x, (tuple, list)):
        return type(x)(map(bare, x))
    return x.array if isinstance(x, Watched) else x


def _ref(x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return type(x)(map(_ref, x))
    return Ref(x.number) if isinstance(x, Watched) else x


def _refused(*_: Any, **__: Any) -> Any:
    raise Unwatchable


_NUMBERS = (float, int, bool, complex)
_POWERS: dict[float, np.ufunc] = {0.5: np.sqrt, 1: np.positive, 2: np.square, -1: np.reciprocal}


class Watched(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that notes what is computed from it."""

    __slots__ = ("array", "lowering", "number")
    __array_priority__ = 1e6

    def __init__(self, lowering: Lowering, array: Any, number: int) -> None:
        self.lowering, self.array, self.number = lowering, array, number

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.lowering.specs[self.number].dtype)  # of one of Python's numbers, too
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    strides = property(lambda self: self.array.strides)
    flags = property(lambda self: self.array.flags)
    itemsize = property(lambda self: self.array.itemsize)

    def __getattr__(self, name: str) -> Any:
        raise Unwatchable

    __array__ = __bool__ = __float__ = __int__ = __complex__ = __index__ = __iter__ = __setitem__ = _refused

    def __pow__(self, other: Any) -> Watched:
        # NumPy's ** is not np.power: for scalars it rounds otherwise, for arrays it has these shortcuts.
        shortcut = (
            _POWERS.get(other) if other.__class__ in (int, float) and isinstance(self.array, np.ndarray) else None
        )
        if shortcut is not None and self.dtype.kind == "f":
            return self.lowering.noted(How.UFUNC, shortcut, (self,), {})
        return self.lowering.noted(How.CALL, operator.pow, (self, other), {})

    def __rpow__(self, other: Any) -> Watched:
        return self.lowering.noted(How.CALL, operator.pow, (other, self), {})

    __ipow__ = _refused

    def __len__(self) -> int:
        return len(self.array)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is not None and not (len(out) == 1 and isinstance(out[0], Watched)):
            raise Unwatchable
        ufunc = matmul if ufunc is np.matmul else ufunc  # whose products our threads share, as those of eager rules
        if method == "__call__" and not kwargs and ufunc.nout == 1:
            made = self.lowering.noted(How.UFUNC, ufunc, inputs, {})
        elif method == "reduce" and out is None:
            made = self.lowering.noted(How.REDUCE, ufunc, inputs, kwargs)
        else:
            raise Unwatchable
        return made if out is None else out[0]._replaced(made)

    def _replaced(self, made: Watched) -> Watched:
        """Take over the result of a call that was told to write here."""
        specs = self.lowering.specs
        before, after = specs[self.number], specs[made.number]
        if (
            before.owner != self.number
            or before[:3] != after[:3]
            or any(spec.owner == self.number for spec in specs[self.number + 1 :])
        ):
            raise Unwatchable
        self.array, self.number = made.array, made.number
        return self

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if (filled := self.lowering._filled(func, tuple(args), kwargs)) is not None:
            return filled
        if (ufunc := UFUNCS.get(func)) is not None and not kwargs:
            given = [bare(x) for x in args]
            expected = func(*given)
            try:
                if np.ndim(expected) and _same(ufunc(*given), expected):
                    return self.lowering.noted(How.UFUNC, ufunc, tuple(args), {})
            except TypeError:  # no loop for these dtypes
                pass
        row = CHECKED.get(func) if all(isinstance(x, Watched) for x in args) else None
        found = None if row is None else row(*args, **kwargs)
        if found is not None and _same(found[0](*map(bare, args)), func(*map(bare, args), **kwargs)):
            function = functools.partial(func, **kwargs) if kwargs else func
            return self.lowering.noted(How.CHECKED, Checked(function, *found), tuple(args), {})
        return self.lowering.noted(How.CALL, func, tuple(args), kwargs)

    def __getitem__(self, key: Any) -> Watched:
        if _watched(key if isinstance(key, tuple) else (key,)):
            raise Unwatchable
        return self.lowering.noted(How.CALL, operator.getitem, (self, key), {})

    def _method(self, name: str, *args: Any, **kwargs: Any) -> Watched:
        return self.lowering.noted(How.CALL, operator.methodcaller(name, *args, **kwargs), (self,), {})

    def reshape(self, *shape: Any) -> Watched:
        """As of an array; likewise the methods below."""
        if isinstance(self.array, np.ndarray) and not np.may_share_memory(self.array.reshape(*shape), self.array):
            return self._copied(self.dtype)._method("reshape", *shape)
        return self._method("reshape", *shape)

    def transpose(self, *axes: Any) -> Watched:
        """Permute the axes."""
        return self._method("transpose", *axes)

    def swapaxes(self, a: int, b: int) -> Watched:
        """Exchange two axes."""
        return self._method("swapaxes", a, b)

    def astype(self, dtype: Any, copy: bool = True) -> Watched:
        """Cast."""
        if not copy and self.dtype == dtype:
            return self
        if self._may_fill(dtype, self.array.astype(dtype)):
            return self._copied(np.dtype(dtype))
        return self._method("astype", dtype)

    def copy(self, order: str = "C") -> Watched:
        """Copy; values of a plan never change, so this is only about the order of the elements in memory."""
        spec = self.lowering.specs[self.number]
        same = not spec.is_scalar and (spec.is_dense if order == "K" else self.flags.c_contiguous)
        if same:
            return Watched(self.lowering, self.array, self.number)
        fills = self._may_fill(self.dtype, self.array.copy(order))
        return self._copied(self.dtype) if fills else self._method("copy", order)

    def _may_fill(self, dtype: Any, result: Any) -> bool:
        """Return whether a copy is in C order, and no warning tells of what it loses."""
        is_array = isinstance(self.array, np.ndarray)
        return is_array and result.flags.c_contiguous and np.can_cast(self.dtype, dtype, "same_kind")

    def _copied(self, dtype: np.dtype[Any]) -> Watched:
        return self.lowering.noted(How.FILL, Fill(self.shape, dtype, [Part(..., 0)]), (self,), {})

    T = property(lambda self: self._method("transpose"))
    mT = property(lambda self: self._method("swapaxes", -1, -2))

    def _reduce(self, ufunc: np.ufunc, axis: Any, dtype: Any, keepdims: bool) -> Watched:
        kwargs = {"axis": axis, "keepdims": keepdims} | ({} if dtype is None else {"dtype": dtype})
        return self.lowering.noted(How.REDUCE, ufunc, (self,), kwargs)

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Watched:
        """Sum."""
        return self._reduce(np.add, axis, dtype, keepdims)

    def prod(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Watched:
        """Product."""
        return self._reduce(np.multiply, axis, dtype, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Watched:
        """Mean; NumPy divides in double precision and rounds, which gives the same bits."""
        exact = {"f": 1 << 24, "d": 1 << 53}.get(self.dtype.char, 0)  # up to which counts are numbers of the dtype
        total = self._reduce(np.add, axis, None, keepdims)
        count = self.size // total.size if total.size else 0
        if dtype not in (None, self.dtype) or not 0 < count <= exact:
            raise Unwatchable
        return self.lowering.noted(How.UFUNC, np.true_divide, (total, float(count)), {})

    def max(self, axis: Any = None, keepdims: bool = False) -> Watched:
        """Maximum."""
        return self._reduce(np.maximum, axis, None, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Watched:
        """Minimum."""
        return self._reduce(np.minimum, axis, None, keepdims)


NATIVE.add(Watched)

"""Calls of NumPy and the values that they compute, as data: what a plan consists of."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")


class How(StrEnum):
    """The kinds of calls, which decide where a result may lie."""

    UFUNC = "ufunc"  # one array, which `out` may be given for
    REDUCE = "reduce"  # likewise
    FILL = "fill"  # likewise, of a function that only copies
    LOOPS = "loops"  # likewise, of a function that equals a generalized ufunc
    CALL = "call"  # of a NumPy function, which makes an array
    VIEW = "view"  # of a NumPy function, which makes a view: of the same memory for all values
    EFFECT = "effect"  # of an op that does more than to compute: it is called even if nothing reads its result
    OPAQUE = "op"  # of an op's forward function, which may return a new array or one of its arguments


class Ref(NamedTuple):
    """A reference to a value of the plan, by its number, in place of an argument."""

    value: int


class Format:
    """The layout of an array, apart from its place in memory; equal ones of a plan are one object.

    Args:
        shape, dtype, strides: of the array.
        is_scalar: whether it is one of NumPy's scalars, of which methods return copies where an array gives views.
        weak: the class of one of Python's numbers, which gives way to the dtypes of arrays.

    Attributes:
        nbytes: the memory that the elements take.
        is_dense: whether there are elements, and they fill their memory without gaps, in whatever order of axes.
        reach: where the bytes of the elements begin and end, from the first element.
    """

    __slots__ = ("dtype", "is_dense", "is_scalar", "nbytes", "reach", "shape", "strides", "weak")

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        strides: tuple[int, ...],
        is_scalar: bool = False,
        weak: type | None = None,
    ) -> None:
        self.shape, self.dtype, self.strides, self.is_scalar, self.weak = shape, dtype, strides, is_scalar, weak
        self.nbytes = math.prod(shape) * dtype.itemsize
        expected, dense = dtype.itemsize, 0 not in shape
        for stride, n in sorted(zip(strides, shape, strict=True)):
            dense = dense and (n == 1 or stride == expected)
            expected *= n
        self.is_dense = dense
        steps = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
        self.reach = sum(s for s in steps if s < 0), sum(s for s in steps if s > 0) + dtype.itemsize


class Spec(NamedTuple):
    """The abstract value of one value of a plan: layout and place.

    Attributes:
        shape, dtype, strides: of the array.
        owner: the number of the value in whose memory it lies: its own, unless it is a view.
        is_scalar, weak: see `Format`.
        offset: of a view's first element, in bytes from its owner's; None if that is not the same for all values.
        format: all of these but where it lies.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...]
    owner: int
    is_scalar: bool
    offset: int | None
    weak: type | None
    format: Format

    @property
    def nbytes(self) -> int:
        """The memory that the elements take."""
        return self.format.nbytes

    @property
    def is_dense(self) -> bool:
        """Whether there are elements, and they fill their memory without gaps, in whatever order of axes."""
        return self.format.is_dense

    @property
    def repeats(self) -> bool:
        """Whether several elements lie in the same memory."""
        return any(n > 1 and stride == 0 for n, stride in zip(self.shape, self.strides, strict=True))

    def alike(self, other: Spec) -> bool:
        """Return whether two arrays have the same shape, dtype and strides."""
        return self.format is other.format or self[:3] == other[:3]


class Call(NamedTuple):
    """One call that computes one value.

    Attributes:
        how: what kind of call it is.
        function: a ufunc (of which a reduction calls `reduce`), or a function of arrays.
        args, kwargs: with a `Ref` in place of each value.
        value: the number of the result.
        node: the id of the operation that it belongs to.
        reads: the numbers of the values that it reads, in order.
        derived: results of functions of the call that do not depend on places in memory, by function; see
            `once_per_kind`. All calls of a plan that differ in nothing but places share it.
    """

    how: How
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    value: int
    node: str
    reads: tuple[int, ...]
    derived: dict[Any, Any]

    @property
    def name(self) -> str:
        """The name of the function, for people."""
        name = getattr(self.function, "__name__", None) or str(self.function).removeprefix("operator.methodcaller")
        return f"{name}.reduce" if self.how is How.REDUCE else name


def once_per_kind(f: Callable[[Call, Sequence[Spec]], T]) -> Callable[[Call, Sequence[Spec]], T]:
    """Let a function run once for all calls of a plan that differ in places in memory alone."""

    @functools.wraps(f)
    def wrapper(call: Call, specs: Sequence[Spec]) -> T:
        derived = call.derived
        if f not in derived:
            derived[f] = f(call, specs)
        value: T = derived[f]
        return value

    return wrapper


def refs_in(x: Any) -> Iterator[int]:
    """Yield the numbers of the values that are referred to, in order."""
    if isinstance(x, Ref):
        yield x.value
    elif x.__class__ is tuple or x.__class__ is list:
        for part in x:
            yield from refs_in(part)
    elif x.__class__ is dict:
        yield from refs_in(tuple(x.values()))


def substitute(x: Any, value_of: Callable[[int], Any]) -> Any:
    """Replace each reference by `value_of` its number, also in containers."""
    if x.__class__ is Ref:
        return value_of(x.value)
    if isinstance(x, Mapping):
        return {k: substitute(v, value_of) for k, v in x.items()}
    return x.__class__([substitute(part, value_of) for part in x]) if x.__class__ in (tuple, list) else x


def address_of(a: Any) -> int:
    """Return where an array's first element lies."""
    address: int = a.__array_interface__["data"][0]
    return address


def equal_bits(a: Any, b: Any) -> bool:
    """Return whether two results agree in every bit, and in how they lie in memory."""
    a, b = np.asarray(a), np.asarray(b)
    return (a.shape, a.dtype, a.strides) == (b.shape, b.dtype, b.strides) and a.tobytes() == b.tobytes()

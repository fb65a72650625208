"""Arrays that are not NumPy's but implement its protocols, as CuPy's and Dask's do: what NumPy cannot hand over.

A call with an array among its arguments NumPy hands over by itself. The rest is here: making arrays, which `home` asks
an array for, adding at indices that name an element twice, copies, and the one way to NumPy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from . import dask_arrays
from .errors import UnsupportedError

_ndarray = np.ndarray
_OURS = frozenset({"autograd_lite", "nn"})
# Which classes are foreign, of those that were met.
FOREIGN: dict[type, bool] = dict.fromkeys((np.ndarray, np.float64, np.float32, float, int, bool, complex), False)


class ArrayKind(NamedTuple):
    """What the arrays of a class, or of a library, do in their own way.

    Attributes:
        to_numpy: returns the values as an array of NumPy.
        add_at: `(out, index, values) -> sum`, where an index may name an element more than once; see `add_at`.
        module: the name of the module that makes such arrays; by default the one around the class that can.
        elementwise: `(function, *inputs)` returns what NumPy computes, for functions that the library lacks.
        check_sizes: `(x)` raises where the shape is not known.
        check_index: `(index)` returns an index, or raises where the library would not do what NumPy does.
        again: `(x, after)` returns an array like x, whose values are computed anew, once `after` is known.
        compute: `(*arrays)` returns them with the lazy ones computed, in one run.
        spread: `(g, x)` broadcasts to the shape of x, for arrays that are lazy and in chunks.

    Example:
        >>> ArrayKind(module="cupy").module
        'cupy'
    """

    to_numpy: Callable[[Any], Any] | None = None
    add_at: Callable[[Any, Any, Any], Any] | None = None
    module: str | None = None
    elementwise: Callable[..., Any] | None = None
    check_sizes: Callable[[Any], None] | None = None
    check_index: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None
    again: Callable[[Any, Any], Any] | None = None
    compute: Callable[..., tuple[Any, ...]] | None = None
    spread: Callable[[Any, Any], Any] | None = None


_KINDS: dict[type, ArrayKind] = {}
# By the name of the library, which need not be there.
_LIBRARIES = {
    "dask": ArrayKind(
        add_at=dask_arrays.add_at,
        elementwise=dask_arrays.elementwise,
        check_sizes=dask_arrays.check_sizes,
        check_index=dask_arrays.check_index,
        again=dask_arrays.again,
        compute=dask_arrays.compute,
        spread=dask_arrays.spread,
    ),
}
_DEFAULT = ArrayKind()
# The classes of arrays that were met whose values are computed on demand.
LAZY: set[type] = set()


def is_foreign(x: Any) -> bool:
    """Return whether something is an array of another library, which implements NumPy's protocols.

    Example:
        >>> is_foreign(np.ones(2)), is_foreign(2.0), is_foreign([1.0])
        (False, False, False)
    """
    known = FOREIGN.get(x.__class__)
    if known is None:
        refuse_masked(x)  # before its class is noted, so that every masked array comes here
        known = _judged(x.__class__)
    return known


def refuse_masked(*values: Any, what: str = "") -> None:
    """Raise for NumPy's masked arrays, which are refused wherever arrays come in; `is_foreign` raises too."""
    if any(hasattr(cls, "harden_mask") for cls in {*map(type, values)}):
        raise UnsupportedError(
            f"{what and f'{what}: '}expected an array without a mask; received a masked array, whose mask would be "
            "lost. Use its values, a.filled(0.0), and choose with np.where(np.ma.getmaskarray(a), …)"
        )


def _judged(cls: type) -> bool:
    FOREIGN[cls] = found = (
        not issubclass(cls, (np.ndarray, np.generic))
        and hasattr(cls, "__array_function__")
        and hasattr(cls, "__array_ufunc__")
        and not hasattr(cls, "__apply_op__")
        and cls.__module__.partition(".")[0] not in _OURS  # they stand for NumPy's
    )
    if found and _kind_of_class(cls).spread is not None:
        LAZY.add(cls)
    return found


def _kind_of_class(cls: type) -> ArrayKind:
    known = next((_KINDS[c] for c in cls.__mro__ if c in _KINDS), None)
    return known or _LIBRARIES.get(cls.__module__.partition(".")[0], _DEFAULT)


def kind_of(x: Any) -> ArrayKind:
    """Return what the class of a foreign array does in its own way."""
    return _kind_of_class(x.__class__)


def is_lazy(*arrays: Any) -> bool:
    """Return whether the values of one of some arrays are computed on demand, so that none may be asked for.

    Example:
        >>> is_lazy(np.ones(2))
        False
    """
    return any(is_foreign(x) and x.__class__ in LAZY for x in arrays)


def register_array(cls: type, kind: ArrayKind) -> None:
    """Say what a class of arrays, and those derived from it, do in their own way.

    Args:
        cls: a class that implements NumPy's protocols.
        kind: what it does; see `ArrayKind`.

    Example:
        >>> class Own:
        ...     __module__ = "mine"
        ...     __array_ufunc__ = __array_function__ = None
        >>> register_array(Own, ArrayKind(to_numpy=lambda x: np.ones(2)))
        >>> to_numpy(Own())
        array([1., 1.])
    """
    _KINDS[cls] = kind
    FOREIGN.pop(cls, None)  # it may have been met, and judged without knowing this
    _module_of.cache_clear()


# ---- making arrays --------------------------------------------------------------------------------------------------


# What a module that makes arrays has, beside its class.
_MAKES = ("asarray", "zeros", "ones", "full", "arange", "eye")
# Those that are given the values.
_TAKES = frozenset({"array", "asarray", "ascontiguousarray"})


class _Home:
    """The functions that make arrays of the kind, and on the device, of a foreign array."""

    __slots__ = ("_like",)

    def __init__(self, like: Any) -> None:
        self._like = like

    def __getattr__(self, name: str) -> Any:
        return partial(_made, name, self._like)


def _made(name: str, like: Any, /, *args: Any, **kwargs: Any) -> Any:
    kind: Any = type(like)
    module = _module_of(kind)
    with _device_of(like):
        if module is not None and hasattr(module, name):
            return getattr(module, name)(*args, **kwargs)
        given = args[0] if name in _TAKES else getattr(np, name)(*args, **kwargs)
        made = given if is_foreign(given) else np.asarray(given, like=like)
        dtype = kwargs.get("dtype", args[1] if name in _TAKES and len(args) > 1 else None)
        return made if dtype is None or made.dtype == dtype else made.astype(dtype)


@lru_cache(64)
def _module_of(cls: type) -> Any:
    """Return the module with NumPy's functions that a class of arrays belongs to: its own, or one around that."""
    own = next((_KINDS[base].module for base in cls.__mro__ if base in _KINDS), None)
    path = (own or cls.__module__).split(".")
    for n in range(len(path), 0, -1):
        module = sys.modules.get(".".join(path[:n]))
        if all(hasattr(module, name) for name in _MAKES):
            return module
    return None


def _device_of(a: Any) -> AbstractContextManager[Any]:
    device: Any = getattr(a, "device", None)
    return device if hasattr(device, "__enter__") else nullcontext()


def home(x: Any) -> Any:
    """Return where arrays that are to meet `x` are made: `numpy`, or what stands for it beside a foreign array.

    Args:
        x: an array, a Tensor, or what else rules are read with.

    Example:
        >>> home(np.ones(2)).zeros(3)
        array([0., 0., 0.])
    """
    if x.__class__ is _ndarray:
        return np
    x = innermost(x)
    return _Home(x) if is_foreign(x) else np


def innermost(x: Any) -> Any:
    """Return the array that a Tensor holds, also where its values stand for several, or anything else itself."""
    while hasattr(type(x), "__inside__"):  # of the class: what stands for an array in a test allows no look at it
        x = x.__inside__
    return x


def placed(constant: Any, like: Any) -> Any:
    """Return an array of NumPy where it can meet another: itself, or a copy on the device of a foreign array.

    Args:
        constant: of NumPy; anything else is returned as it is.
        like: as for `home`.

    Example:
        >>> placed(np.ones(2), np.zeros(3))
        array([1., 1.])
    """
    xp = home(like)
    return constant if xp is np or not isinstance(constant, _ndarray | np.generic) else xp.asarray(constant)


def together(inputs: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return operands with the constants of NumPy placed beside a foreign array; None if no two such meet.

    So masks, draws, labels and data go to where parameters are. What needs a gradient is never moved.
    """
    like = next(filter(is_foreign, map(innermost, inputs)), None)
    constants = [None if like is None else _constant(x) for x in inputs]
    if all(a is None for a in constants):
        return None
    return tuple([x if a is None else placed(a, like) for x, a in zip(inputs, constants, strict=True)])


def as_numbers(values: Sequence[Any]) -> list[Any] | None:
    """Return values with NumPy's arrays without axes as its numbers, which any array takes; None beside no foreign one.

    So a parameter that is one number may stay on the host.
    """
    if not any(map(is_foreign, values)):
        return None
    numbers = [x[()] if x.__class__ is _ndarray and not x.ndim else x for x in values]
    return None if all(x is y for x, y in zip(numbers, values, strict=True)) else numbers


def _constant(x: Any) -> Any:
    """Return the array of NumPy that an operand is, if no gradient flows to it; otherwise None."""
    if isinstance(x, (_ndarray, list, tuple)):
        return np.asarray(x)
    held = getattr(x, "__inside__", None)
    return held if isinstance(held, _ndarray) and not x.requires_grad else None


def as_array(x: Any, dtype: Any = None) -> Any:
    """Return an array as it is, of NumPy or foreign, and NumPy's array of anything else.

    Args:
        x: array-like.
        dtype: of the result; by default the one it has.

    Example:
        >>> as_array([1, 2], float)
        array([1., 2.])
    """
    known = FOREIGN.get(x.__class__)  # as `is_foreign`, without a call
    if known is False or not is_foreign(x):
        return np.asarray(x, dtype)
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def copied(x: Any) -> Any:
    """Return a new array with the same values, of the same kind."""
    known = FOREIGN.get(x.__class__)
    return np.array(x) if known is False or not is_foreign(x) else _twin(x)


def _twin(x: Any) -> Any:
    if is_lazy(x) and (check := kind_of(x).check_sizes) is not None:
        check(x)
    return x.copy()


def to_numpy(x: Any) -> Any:
    """Return the values of an array of any kind as an array of NumPy.

    Args:
        x: array-like; a copy is made only if it has to be.

    Example:
        >>> to_numpy([1.0, 2.0])
        array([1., 2.])
    """
    if not is_foreign(x):
        return np.asarray(x)
    convert = kind_of(x).to_numpy
    if convert is None:
        convert = next((way for name, way in _WAYS.items() if hasattr(x, name)), np.asarray)
    values = np.asarray(convert(x))
    if values.dtype == object:
        name = type(x).__qualname__
        raise TypeError(
            f"to_numpy: expected an array that can become NumPy's; received {name}, which has none of "
            f"{', '.join(_WAYS)} and __array__. Say how, with register_array({name}, ArrayKind(to_numpy=…))"
        )
    return values


_WAYS: dict[str, Callable[[Any], Any]] = {"get": lambda x: x.get(), "compute": lambda x: x.compute()}


def by_numpy(function: Callable[..., Any], *inputs: Any) -> Any:
    """Return what NumPy computes, element by element and with broadcasting, of arrays of which one is foreign."""
    there = next(filter(is_foreign, inputs))
    by_chunks = kind_of(there).elementwise
    return placed(function(*map(to_numpy, inputs)), there) if by_chunks is None else by_chunks(function, *inputs)


def spread(g: Any, x: Any) -> Any:
    """Broadcast an array, or a Tensor, to the shape of x, in its chunks if it is lazy; None if it is not."""
    whole = innermost(x)
    if not is_lazy(whole) or whole.shape != x.shape:
        return None
    lay_out = kind_of(whole).spread
    assert lay_out is not None
    return lay_out(g, whole) if is_foreign(g) else g * np.ones_like(whole, dtype=g.dtype)


def refuse_lazy(*arrays: Any) -> None:
    """Refuse arrays that are computed on demand where parts of an array are written into, which are copies of theirs.

    Raises:
        UnsupportedError: if one of the arrays is lazy.
    """
    if LAZY and is_lazy(*arrays):
        raise UnsupportedError("arrays that are computed on demand are not supported here; compute them: t.numpy()")


def computed(found: Any) -> Any:
    """Return arrays with the lazy ones among them computed, together, so that they share what they need.

    Args:
        found: an array, or a tuple of arrays.
    """
    arrays = found if isinstance(found, tuple) else (found,)
    lazy = next(filter(is_lazy, arrays), None)
    compute = None if lazy is None else kind_of(lazy).compute
    if compute is None:
        return found
    arrays = compute(*arrays)
    return arrays if isinstance(found, tuple) else arrays[0]


def again(x: Any, after: Any) -> Any:
    """Return a lazy array that shares nothing with x, so that x need not be kept until `after` is known."""
    anew = kind_of(x).again
    return x if anew is None else anew(x, innermost(after))


def taken(x: Any, dtype: Any, copy: bool) -> Any:
    """Return a foreign array of a dtype; new, unless it may be the array itself."""
    if dtype is not None and x.dtype != dtype:
        return x.astype(dtype)
    return _twin(x) if copy else x


def may_write(data: Any) -> bool:
    """Return whether the values of a Tensor are an array that can be written into."""
    return bool(data.flags.writeable) if data.__class__ is _ndarray else is_foreign(data)


# ---- indices --------------------------------------------------------------------------------------------------------


def here(index: tuple[Any, ...], x: Any) -> tuple[Any, ...]:
    """Return an index for `x`: NumPy's arrays in it go to where a foreign array is."""
    if not is_foreign(x):
        return index
    if is_lazy(x):
        check = kind_of(x).check_index
        return index if check is None else check(index)
    return tuple([placed(i, x) if isinstance(i, _ndarray) else i for i in index])


def add_at(out: Any, index: tuple[Any, ...], values: Any) -> Any:
    """Return `out` with values added at an index that may name an element more than once; it may be written into."""
    add = kind_of(out).add_at if is_foreign(out) else None
    if add is not None:
        return add(out, index, values)
    np.add.at(out, index, values)
    return out


def handed_back(g: Any, like: Any) -> Any:
    """Return a gradient as an array of the kind of what it belongs to; a lazy one stays, to be computed with others."""
    return g if is_lazy(g) else converted(g, like)


def converted(x: Any, like: Any) -> Any:
    """Return an array as one of the kind of another one, which asks for it: the explicit way between kinds."""
    if is_foreign(like):
        return placed(x, like)
    return to_numpy(x) if is_foreign(x) else x


def is_per_example(x: Any) -> bool:
    """Return whether a value is one of many examples, as in `vmap`, so that no single value is known."""
    inner = x._data if hasattr(type(x), "_data") else x  # arrays of others are not asked: they may refuse
    return hasattr(type(inner), "per_example") and bool(inner.per_example)

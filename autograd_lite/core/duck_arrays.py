"""Duck arrays: arrays of other libraries that implement NumPy's protocols, as CuPy's and Dask's do.

NumPy dispatches calls that have such an array among their arguments. This module has the rest: the namespace that
creates arrays (`array_namespace`), adding at repeated indices, copies, and the conversion to NumPy.
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
_OUR_PACKAGES = frozenset({"autograd_lite"})
# Whether a class is one of duck arrays, for all classes seen so far.
IS_DUCK: dict[type, bool] = dict.fromkeys((np.ndarray, np.float64, np.float32, float, int, bool, complex), False)


class ArrayKind(NamedTuple):
    """The functions in which a class of arrays, or a library, differs from NumPy.

    Attributes:
        to_numpy: returns the values as a NumPy array.
        add_at: `(out, index, values) -> sum`, where an index may name an element more than once; see `add_at`.
        module: the name of the module that creates such arrays; by default the innermost package of the class that can.
        elementwise: `(function, *inputs)` returns NumPy's result, for functions that the library lacks.
        check_sizes: `(x)` raises if the shape is unknown.
        check_index: `(index)` returns an index, or raises if the library would give another result than NumPy.
        recompute_after: `(x, after)` returns an array like x whose values are computed again, once `after` is known.
        compute: `(*arrays)` returns them with the lazy ones computed, in one run.
        broadcast_like: `(g, x)` broadcasts g to the shape of x, for arrays that are lazy and in chunks.

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
    recompute_after: Callable[[Any, Any], Any] | None = None
    compute: Callable[..., tuple[Any, ...]] | None = None
    broadcast_like: Callable[[Any, Any], Any] | None = None


_KINDS: dict[type, ArrayKind] = {}
# By the name of the library, which need not be installed.
_LIBRARIES = {
    "dask": ArrayKind(
        add_at=dask_arrays.add_at,
        elementwise=dask_arrays.elementwise,
        check_sizes=dask_arrays.check_sizes,
        check_index=dask_arrays.check_index,
        recompute_after=dask_arrays.recompute_after,
        compute=dask_arrays.compute,
        broadcast_like=dask_arrays.broadcast_like,
    ),
}
_DEFAULT = ArrayKind()
# Classes of lazy arrays seen so far, whose values are computed on demand.
LAZY: set[type] = set()


def is_sparse(x: Any) -> bool:
    """Return whether a value is one of SciPy's sparse matrices or arrays."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and issubclass(type(x), (sparse.sparray, sparse.spmatrix))


def is_duck_array(x: Any) -> bool:
    """Return whether an object is an array of another library that implements NumPy's protocols.

    Example:
        >>> is_duck_array(np.ones(2)), is_duck_array(2.0), is_duck_array([1.0])
        (False, False, False)
    """
    is_duck = IS_DUCK.get(x.__class__)
    if is_duck is None:
        refuse_masked(x)  # before its class is cached, so that every masked array comes here
        is_duck = _classify(x.__class__)
    return is_duck


def refuse_masked(*values: Any, caller: str = "") -> None:
    """Raise for NumPy's masked arrays, which are refused wherever arrays come in; `is_duck_array` raises too."""
    if any(hasattr(cls, "harden_mask") for cls in {*map(type, values)}):
        raise UnsupportedError(
            f"{caller and f'{caller}: '}expected an array without a mask; received a masked array, whose mask would be "
            "lost. Use its values, a.filled(0.0), and choose with np.where(np.ma.getmaskarray(a), …)"
        )


def _classify(cls: type) -> bool:
    IS_DUCK[cls] = is_duck = (
        not issubclass(cls, (np.ndarray, np.generic))
        and hasattr(cls, "__array_function__")
        and hasattr(cls, "__array_ufunc__")
        and not hasattr(cls, "__apply_op__")
        and cls.__module__.partition(".")[0] not in _OUR_PACKAGES  # those stand for NumPy's
    )
    if is_duck and _kind_of_class(cls).broadcast_like is not None:
        LAZY.add(cls)
    return is_duck


def _kind_of_class(cls: type) -> ArrayKind:
    kind = next((_KINDS[c] for c in cls.__mro__ if c in _KINDS), None)
    return kind or _LIBRARIES.get(cls.__module__.partition(".")[0], _DEFAULT)


def kind_of(x: Any) -> ArrayKind:
    """Return the `ArrayKind` of a duck array."""
    return _kind_of_class(x.__class__)


def is_lazy(*arrays: Any) -> bool:
    """Return whether any of these arrays is lazy: its values are computed on demand, and must not be read.

    Args:
        arrays: arrays, Tensors or other objects, which count as not lazy.

    Example:
        >>> is_lazy(np.ones(2))
        False
    """
    return any(is_duck_array(x) and x.__class__ in LAZY for x in arrays)


def register_array(cls: type, kind: ArrayKind) -> None:
    """Register the functions in which a class of arrays, and its subclasses, differ from NumPy.

    Args:
        cls: a class that implements NumPy's protocols.
        kind: those functions; see `ArrayKind`.

    Example:
        >>> class Custom:
        ...     __module__ = "mine"
        ...     __array_ufunc__ = __array_function__ = None
        >>> register_array(Custom, ArrayKind(to_numpy=lambda x: np.ones(2)))
        >>> to_numpy(Custom())
        array([1., 1.])
    """
    _KINDS[cls] = kind
    IS_DUCK.pop(cls, None)  # it may have been classified before
    _module_of.cache_clear()


# ---- creating arrays ------------------------------------------------------------------------------------------------


# The functions by which a module that creates arrays is recognized.
_CREATORS = ("asarray", "zeros", "ones", "full", "arange", "eye")
# The functions whose first argument holds the values.
_CONVERTERS = frozenset({"array", "asarray", "ascontiguousarray"})


class _Namespace:
    """NumPy's functions that create arrays, for the kind and the device of a duck array."""

    __slots__ = ("_like",)

    def __init__(self, like: Any) -> None:
        self._like = like

    def __getattr__(self, name: str) -> Any:
        return partial(_make, name, self._like)


def _make(name: str, like: Any, /, *args: Any, **kwargs: Any) -> Any:
    kind: Any = type(like)
    module = _module_of(kind)
    with _device_of(like):
        if module is not None and hasattr(module, name):
            return getattr(module, name)(*args, **kwargs)
        values = args[0] if name in _CONVERTERS else getattr(np, name)(*args, **kwargs)
        out = values if is_duck_array(values) else np.asarray(values, like=like)
        dtype = kwargs.get("dtype", args[1] if name in _CONVERTERS and len(args) > 1 else None)
        return out if dtype is None or out.dtype == dtype else out.astype(dtype)


@lru_cache(64)
def _module_of(cls: type) -> Any:
    """Return the innermost package around a class of arrays that has NumPy's functions to create arrays, or None."""
    registered = next((_KINDS[base].module for base in cls.__mro__ if base in _KINDS), None)
    path = (registered or cls.__module__).split(".")
    for n in range(len(path), 0, -1):
        module = sys.modules.get(".".join(path[:n]))
        if all(hasattr(module, name) for name in _CREATORS):
            return module
    return None


def _device_of(a: Any) -> AbstractContextManager[Any]:
    device: Any = getattr(a, "device", None)
    return device if hasattr(device, "__enter__") else nullcontext()


def array_namespace(x: Any) -> Any:
    """Return the namespace whose functions create arrays of the kind and on the device of `x`: `numpy`, or the like.

    Args:
        x: an array, a Tensor, or a tracer.

    Example:
        >>> array_namespace(np.ones(2)).zeros(3)
        array([0., 0., 0.])
    """
    if x.__class__ is _ndarray:
        return np
    x = innermost(x)
    return _Namespace(x) if is_duck_array(x) else np


def innermost(x: Any) -> Any:
    """Return the array inside a Tensor or a tracer, through all levels; anything else is returned unchanged."""
    while hasattr(type(x), "__inside__"):  # asks the class, since strict doubles in tests refuse attribute access
        x = x.__inside__
    return x


def asarray_like(constant: Any, like: Any) -> Any:
    """Return a NumPy array in the namespace of `like`: itself, or a copy on the device of a duck array.

    Args:
        constant: a NumPy array; anything else is returned unchanged.
        like: an array, a Tensor, or a tracer.

    Example:
        >>> asarray_like(np.ones(2), np.zeros(3))
        array([1., 1.])
    """
    xp = array_namespace(like)
    return constant if xp is np or not isinstance(constant, _ndarray | np.generic) else xp.asarray(constant)


def move_constants(inputs: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return operands with NumPy constants copied to the device of the duck array among them; None if nothing moves.

    So masks, random draws, labels and data follow the parameters. What requires a gradient is never moved.
    """
    like = next(filter(is_duck_array, map(innermost, inputs)), None)
    constants = [None if like is None else _constant(x) for x in inputs]
    if all(a is None for a in constants):
        return None
    return tuple([x if a is None else asarray_like(a, like) for x, a in zip(inputs, constants, strict=True)])


def as_scalars(values: Sequence[Any]) -> list[Any] | None:
    """Return values with NumPy's 0-d arrays as scalars, which every library accepts; None if nothing changes.

    So a parameter that is a single number may stay on the host.
    """
    if not any(map(is_duck_array, values)):
        return None
    numbers = [x[()] if x.__class__ is _ndarray and not x.ndim else x for x in values]
    return None if all(x is y for x, y in zip(numbers, values, strict=True)) else numbers


def _constant(x: Any) -> Any:
    """Return the operand as a NumPy array if it is one, or holds one, without a gradient; otherwise None."""
    if isinstance(x, (_ndarray, list, tuple)):
        return np.asarray(x)
    data = getattr(x, "__inside__", None)
    return data if isinstance(data, _ndarray) and not x.requires_grad else None


def as_array(x: Any, dtype: Any = None) -> Any:
    """Return an array unchanged, NumPy's or a duck array, and anything else as a NumPy array.

    Args:
        x: array-like.
        dtype: dtype of the result; by default that of x.

    Example:
        >>> as_array([1, 2], float)
        array([1., 2.])
    """
    is_duck = IS_DUCK.get(x.__class__)  # saves the call of `is_duck_array`
    if is_duck is False or not is_duck_array(x):
        return np.asarray(x, dtype)
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def copy_array(x: Any) -> Any:
    """Return a copy of an array, of the same kind."""
    is_duck = IS_DUCK.get(x.__class__)
    return np.array(x) if is_duck is False or not is_duck_array(x) else _copy(x)


def _copy(x: Any) -> Any:
    if is_lazy(x) and (check := kind_of(x).check_sizes) is not None:
        check(x)
    return x.copy()


def to_numpy(x: Any) -> Any:
    """Return the values of an array of any kind as a NumPy array.

    Args:
        x: array-like; copied only if necessary.

    Example:
        >>> to_numpy([1.0, 2.0])
        array([1., 2.])
    """
    if not is_duck_array(x):
        return np.asarray(x)
    convert = kind_of(x).to_numpy
    if convert is None:
        convert = next((method for name, method in _CONVERSIONS.items() if hasattr(x, name)), np.asarray)
    values = np.asarray(convert(x))
    if values.dtype == object:
        name = type(x).__qualname__
        raise TypeError(
            f"to_numpy: expected an array that can become NumPy's; received {name}, which has none of "
            f"{', '.join(_CONVERSIONS)} and __array__. Say how, with register_array({name}, ArrayKind(to_numpy=…))"
        )
    return values


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"get": lambda x: x.get(), "compute": lambda x: x.compute()}


def compute_by_numpy(function: Callable[..., Any], *inputs: Any) -> Any:
    """Return an elementwise NumPy function of arrays of which one is a duck array: on the host, or chunk by chunk."""
    duck = next(filter(is_duck_array, inputs))
    by_chunks = kind_of(duck).elementwise
    return asarray_like(function(*map(to_numpy, inputs)), duck) if by_chunks is None else by_chunks(function, *inputs)


def broadcast_like(g: Any, x: Any) -> Any:
    """Broadcast an array, or a Tensor, to the shape of a lazy x, in the chunks of x; None if x is not lazy."""
    lazy = innermost(x)
    if not is_lazy(lazy) or lazy.shape != x.shape:
        return None
    broadcast = kind_of(lazy).broadcast_like
    assert broadcast is not None
    return broadcast(g, lazy) if is_duck_array(g) else g * np.ones_like(lazy, dtype=g.dtype)


def refuse_lazy(*arrays: Any) -> None:
    """Refuse lazy arrays where a function writes into parts of an array, since their parts are copies.

    Raises:
        UnsupportedError: if one of the arrays is lazy.
    """
    if LAZY and is_lazy(*arrays):
        raise UnsupportedError("arrays that are computed on demand are not supported here; compute them: t.numpy()")


def compute_lazy(out: Any) -> Any:
    """Return arrays with the lazy ones computed, all in one run, so that they share intermediate results.

    Args:
        out: an array, or a tuple of arrays.
    """
    arrays = out if isinstance(out, tuple) else (out,)
    lazy = next(filter(is_lazy, arrays), None)
    compute = None if lazy is None else kind_of(lazy).compute
    if compute is None:
        return out
    arrays = compute(*arrays)
    return arrays if isinstance(out, tuple) else arrays[0]


def recompute_after(x: Any, after: Any) -> Any:
    """Return a lazy array that shares nothing with x, so that x need not be kept until `after` is known."""
    recompute = kind_of(x).recompute_after
    return x if recompute is None else recompute(x, innermost(after))


def astype(x: Any, dtype: Any, copy: bool) -> Any:
    """Return a duck array with another dtype; the array itself if nothing changes and no copy is asked for."""
    if dtype is not None and x.dtype != dtype:
        return x.astype(dtype)
    return _copy(x) if copy else x


def is_writeable(data: Any) -> bool:
    """Return whether the array of a Tensor can be written into."""
    return bool(data.flags.writeable) if data.__class__ is _ndarray else is_duck_array(data)


# ---- indices --------------------------------------------------------------------------------------------------------


def index_like(index: tuple[Any, ...], x: Any) -> tuple[Any, ...]:
    """Return an index for `x`, with NumPy arrays in it copied to the device of a duck array."""
    if not is_duck_array(x):
        return index
    if is_lazy(x):
        check = kind_of(x).check_index
        return index if check is None else check(index)
    return tuple([asarray_like(i, x) if isinstance(i, _ndarray) else i for i in index])


def add_at(out: Any, index: tuple[Any, ...], values: Any) -> Any:
    """Return `out` with values added at an index that may name an element more than once; it may be written into."""
    add = kind_of(out).add_at if is_duck_array(out) else None
    if add is not None:
        return add(out, index, values)
    np.add.at(out, index, values)
    return out


def gradient_like(g: Any, like: Any) -> Any:
    """Return a gradient as an array of the kind of `like`; a lazy one stays lazy, to be computed with others."""
    return g if is_lazy(g) else convert_like(g, like)


def convert_like(x: Any, like: Any) -> Any:
    """Convert an array to the kind of another: the explicit conversion between kinds."""
    if is_duck_array(like):
        return asarray_like(x, like)
    return to_numpy(x) if is_duck_array(x) else x


def is_per_example(x: Any) -> bool:
    """Return whether a value holds a batch of examples, as in `vmap`, so that no single value is known."""
    inner = x._data if hasattr(type(x), "_data") else x  # asks only Tensors: other classes may refuse attribute access
    return hasattr(type(inner), "per_example") and bool(inner.per_example)

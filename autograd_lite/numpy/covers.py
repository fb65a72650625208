"""NumPy's functions, and what NumPy decides without asking a Tensor: lists that hold Tensors, iterators, constructors.

NumPy hands over calls on Tensors by its protocols, so its ufuncs are used as they are, and a function is used first and
covered only where it refuses: then each list among its arguments that holds Tensors becomes one Tensor, and it is
called again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..tensors.nested_arrays import array as array_of
from ..tensors.sharing import separate
from ..tensors.tensor import Tensor

# Functions of a sequence of arrays.
_OF_SEQUENCES = frozenset(["block", "column_stack", "concat", "concatenate", "dstack", "hstack", "stack", "vstack"])


def holds(x: Any) -> bool:
    """Return whether `x` is a Tensor or holds one, in lists and tuples at any depth.

    Example:
        >>> holds([1.0, (Tensor(2.0),)]), holds([1.0, np.ones(2)])
        (True, False)
    """
    if isinstance(x, Tensor):
        return True
    if isinstance(x, np.ndarray):
        return x.dtype.kind == "O" and holds(x.ravel().tolist())
    if not isinstance(x, (list, tuple)):
        return False
    kinds = set(map(type, x))  # without a line of Python for each number
    if any(issubclass(kind, Tensor) for kind in kinds):
        return True
    nested = any(issubclass(kind, (list, tuple, np.ndarray)) for kind in kinds)
    return nested and any(holds(entry) for entry in x)


def pack(x: Any) -> Any:
    """Return one Tensor in the place of a list that holds Tensors; anything else as it is."""
    return array_of(x) if not isinstance(x, Tensor) and holds(x) else x


def cover(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a NumPy function that also takes lists that hold Tensors.

    Example:
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> cover(np.sum)([x[0], x[1]])
        Tensor(3., op=sum)
    """

    @functools.wraps(function)
    def with_pack(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError, RuntimeError):  # among them what Tensors raise that do not become arrays
            new = [pack(a) for a in args]
            named = {name: pack(a) for name, a in kwargs.items()}
            if all(map(_same, new, args)) and all(map(_same, named.values(), kwargs.values())):
                raise
        return function(*new, **named)

    return with_pack


def _same(x: Any, y: Any) -> bool:
    return x is y


def _of_sequence(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a sequence of arrays that takes any iterable of them, and entries that hold Tensors."""

    @functools.wraps(function)
    def with_list(arrays: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        entries = arrays if isinstance(arrays, (list, tuple, np.ndarray, Tensor)) else list(arrays)
        try:
            return function(entries, *args, **kwargs)
        except (TypeError, ValueError, RuntimeError):
            new = [pack(a) for a in entries]
            if all(map(_same, new, entries)):
                raise
        return function(new, *args, **kwargs)

    return with_list


def covered_names(module: ModuleType) -> dict[str, Any]:
    """Return what a NumPy module holds, its functions covered."""
    names: dict[str, Any] = {}
    for name, value in list(vars(module).items()):  # without those that NumPy would load now, or another thread
        if not name.startswith("_") and not isinstance(value, ModuleType):
            names[name] = _cover(value) if isinstance(value, _FUNCTIONS) else value
    return names


_FUNCTIONS = (FunctionType, type(np.sum))


@functools.cache  # two names of one function stay one function
def _cover(function: Callable[..., Any]) -> Callable[..., Any]:
    return _of_sequence(function) if function.__name__ in _OF_SEQUENCES else cover(function)


# ---- constructors ---------------------------------------------------------------------------------------------------


def array(object: Any, dtype: Any = None, *args: Any, ndmin: int = 0, **kwargs: Any) -> Any:
    """Make an array as `numpy.array`; of Tensors, at any depth of lists, it is a Tensor with their history.

    Example:
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> array([[x[0], 0.0], [0.0, x[1]]])
        Tensor([[1., 0.],
                [0., 2.]], op=array)
    """
    if not holds(object):
        return np.array(object, dtype, *args, ndmin=ndmin, **kwargs)
    return convert(array_of(object), dtype, ndmin)


def asarray(a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: bool | None = None) -> Any:
    """Make an array as `numpy.asarray`; a Tensor stays itself, unless `copy`, and lists of Tensors become one.

    Raises:
        ValueError: if `copy` is False and the values have to be copied, or for a device that they are not on.
    """
    if not holds(a):
        asked = {"order": order, "device": device, "copy": copy}  # NumPy 2.0 lacks none of them, but has other defaults
        return np.asarray(a, dtype, **{name: value for name, value in asked.items() if value is not None})
    t = pack(a)
    result = convert(t if device is None else t.to_device(device), dtype)
    if result is not a and copy is False:
        raise ValueError(
            f"asarray: copy=False, but the values have to be copied; received a {type(a).__name__} of shape {t.shape}"
        )
    return result.copy() if result is a and copy else result


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """Make an array as `numpy.from_dlpack`; a Tensor stays itself, with its history."""
    if isinstance(x, Tensor):
        return asarray(x, device=device, copy=copy)
    asked = {"device": device, "copy": copy}
    return np.from_dlpack(x, **{name: value for name, value in asked.items() if value is not None})


def convert(t: Any, dtype: Any = None, ndmin: int = 0) -> Any:
    """Return a Tensor with another dtype, and with at least `ndmin` axes."""
    if dtype is not None and t.dtype != np.dtype(dtype):
        t = t.astype(dtype)
    return t.reshape((1,) * (ndmin - t.ndim) + t.shape) if t.ndim < ndmin else t


def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", *, device: Any = None) -> Any:
    """Make an array of one value as `numpy.full`; a Tensor's gradient is the sum over all places."""
    if not holds(fill_value):
        return np.full(shape, fill_value, dtype, order, device=device)
    return convert(separate(np.broadcast_to(pack(fill_value), shape)), dtype)


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Append values as `numpy.append`."""
    if axis is None:
        return np.concatenate((asarray(arr).ravel(), asarray(values).ravel()))
    return np.concatenate((asarray(arr), asarray(values)), axis)


class Along:
    """`numpy.r_` and `numpy.c_`, where one of the entries holds Tensors.

    Args:
        plain: what does it for arrays.
        columns: a vector is a column, and columns are put side by side.
    """

    def __init__(self, plain: Any, columns: bool) -> None:
        self._plain, self._columns = plain, columns

    def __getitem__(self, entries: Any) -> Any:
        parts = entries if isinstance(entries, tuple) else (entries,)
        if not any(map(holds, parts)):
            return self._plain[entries]
        arrays = [np.r_[part] if isinstance(part, slice) else np.atleast_1d(asarray(part)) for part in parts]
        if self._columns:
            arrays = [a[:, None] if a.ndim == 1 else a for a in arrays]
        return np.concatenate(arrays, -1 if self._columns else 0)


CONSTRUCTORS: dict[str, Any] = {
    "array": array,
    "asarray": asarray,
    "asanyarray": asarray,
    "append": append,
    "from_dlpack": from_dlpack,
    "full": full,
    # Garbage would be another constant in each trace.
    "empty": functools.wraps(np.empty)(lambda *args, **kwargs: np.zeros(*args, **kwargs)),
    "empty_like": functools.wraps(np.empty_like)(lambda *args, **kwargs: np.zeros_like(*args, **kwargs)),
    "r_": Along(np.r_, columns=False),
    "c_": Along(np.c_, columns=True),
}


def making_tensors(constructor: Callable[..., Any]) -> Callable[..., Any]:
    """Return a constructor whose result is a Tensor, if it holds numbers: one that may be written into.

    Example:
        >>> buffer = making_tensors(np.zeros)(2)
        >>> buffer[0] = Tensor(3.0, requires_grad=True)
        >>> buffer
        Tensor([3., 0.], op=index_update)
    """

    @functools.wraps(constructor)
    def tensor_made(*args: Any, **kwargs: Any) -> Any:
        return _as_tensors(constructor(*args, **kwargs))

    return tensor_made


def beside(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of which all results are Tensors if one of its arguments is: indices and masks, too.

    Example:
        >>> beside(np.isin)(Tensor([1, 2]), [2, 3])
        Tensor([False,  True])
    """

    @functools.wraps(function)
    def tensors_beside(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return _as_tensors(result) if any(map(holds, (*args, *kwargs.values()))) else result

    return tensors_beside


def _as_tensors(result: Any) -> Any:
    """Return a result with Tensors in the place of its arrays of numbers."""
    if isinstance(result, (tuple, list)):
        parts = [_as_tensors(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return Tensor(result, copy=False) if isinstance(result, np.ndarray) and result.dtype.kind in "biufc" else result


class _Arrays(type):
    """The class of `ndarray`: arrays and Tensors are its instances, and its other attributes are NumPy's."""

    def __call__(cls, shape: Any, dtype: Any = float, buffer: Any = None, *args: Any, **kwargs: Any) -> Any:
        array = np.ndarray(shape, dtype, buffer, *args, **kwargs)
        if buffer is None:
            array.fill(0)  # so that two calls of a function do the same
        return _as_tensors(array)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, (np.ndarray, Tensor))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, (np.ndarray, Tensor)) or type.__subclasscheck__(cls, subclass)

    def __getattr__(cls, name: str) -> Any:
        return getattr(np.ndarray, name)


class ndarray(metaclass=_Arrays):
    """NumPy's class, a call of which makes a Tensor that may be written into, as `zeros` does.

    Example:
        >>> buffer = ndarray(2)
        >>> buffer[0] = Tensor(3.0, requires_grad=True)
        >>> buffer, isinstance(buffer, ndarray), isinstance(np.ones(2), ndarray)
        (Tensor([3., 0.], op=index_update), True, True)
    """

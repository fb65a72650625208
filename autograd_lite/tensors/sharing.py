"""NumPy functions whose results share memory there and not here, or the other way; and those that make buffers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np

from ..core.hooks import HOOKS
from ..ops.gather import replace_at
from .record import own_value
from .views import Apart, link


def separate(result: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
    """Return a result that NumPy copies as a Tensor that is not a view, and not an argument itself."""
    if kwargs and not kwargs.get("copy", True):
        return result
    if isinstance(result, (tuple, list)):
        return type(result)([separate(part, args) for part in result])
    if not isinstance(result, HOOKS.tensor):
        return result
    if kwargs and result is kwargs.get("out"):
        return result
    if any(result is x for x in args):
        return own_value(result) if result is args[0] or kwargs is None else result
    result._view = None
    return result


def at_a_place(result: Any, x: Any, key: Any) -> Any:
    """Return `x[key]`, for integers that differ from example to example, as a view, as in NumPy."""
    if result.ndim and is_one_place(key):
        link(result, x, Apart(lambda t: t[key], lambda t, y: replace_at(t, key, y)), {}, x._data)
    return result


def is_one_place(key: Any) -> bool:
    """Return whether an index has slices and single integers alone."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(part is None or part is Ellipsis or isinstance(part, slice) or not np.ndim(part) for part in parts)


def one_axis(x: Any) -> Any:
    """Return the elements of a Tensor along one axis, as a view whatever its layout is."""
    flat = x.reshape(-1)
    link(flat, x, Apart(lambda t: t.reshape(-1), lambda t, y: y.reshape(t.shape)), {}, x._data)
    return flat


def _real(x: Any, y: Any) -> Any:
    return y + 1j * np.imag(x) if x.dtype.kind == "c" else y


def _imaginary(x: Any, y: Any) -> Any:
    return np.real(x) + 1j * y


def _refuse_windows(x: Any, y: Any) -> NoReturn:
    raise ValueError(
        "np.lib.stride_tricks.sliding_window_view: expected a Tensor that can be written into; received windows, in "
        f"which elements of one of shape {x.shape} occur more than once. Write into that, or into a copy of these"
    )


def _part(result: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, take: Any, put: Any) -> Any:
    x = args[0] if args else next(iter(kwargs.values()))
    whole = take is np.imag and x.dtype.kind != "c"  # zeros, which stay zeros
    if isinstance(x, HOOKS.tensor) and isinstance(result, HOOKS.tensor) and result.ndim and not whole:
        link(result, x, Apart(take, put), {}, x._data)
    return result


def _windows(result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    take = partial(_windows_of, args=args[1:], kwargs={k: v for k, v in kwargs.items() if k != "x"})
    return _part(result, args or (kwargs["x"],), {}, take=take, put=_refuse_windows)


def _windows_of(x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, *args, **kwargs)


def _made_like(result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return an array that was created like a Tensor as a Tensor, into which Tensors can be written."""
    return result if isinstance(result, HOOKS.tensor) or result.dtype.kind not in "biufc" else HOOKS.tensor(result)


# Called with a result, and the arguments that it was made from.
SHARING: dict[Callable[..., Any], Callable[..., Any]] = {
    **dict.fromkeys((np.take, np.roll, np.repeat, np.tile, np.meshgrid, np.average), separate),
    **dict.fromkeys((np.zeros_like, np.ones_like, np.full_like, np.empty_like), _made_like),
    np.real: partial(_part, take=np.real, put=_real),
    np.imag: partial(_part, take=np.imag, put=_imaginary),
    np.lib.stride_tricks.sliding_window_view: _windows,
}

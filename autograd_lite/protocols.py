"""NumPy's dispatch protocols: which op, or which composition of ops, a NumPy call on Tensors stands for.

Knows no Tensor. `resolve_function` and `resolve_ufunc` find the record and bind the arguments; the Tensor class
applies it. What is not in the tables is refused, with the nearest thing that is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .core.errors import UnsupportedError
from .core.op import BY_FUNCTION, BY_UFUNC, COMPOSED, Op

__all__ = ["Call", "resolve_function", "resolve_ufunc"]


class Call(NamedTuple):
    """One op call, arguments bound."""

    op: Op
    inputs: tuple[Any, ...]
    params: dict[str, Any]


# What a ufunc's reduce method is called when it has a name of its own.
_REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
# For what is not in the tables: the way to write it that is.
_INSTEAD = {
    "accumulate": "x @ np.triu(np.ones((n, n))) for a running sum",
    "cumsum": "x @ np.triu(np.ones((n, n)))",
    "cumulative_sum": "x @ np.triu(np.ones((n, n)))",
    "diff": "x[1:] - x[:-1]",
    "diagonal": "x[i, i] with i = np.arange(n)",
    "diag": "x[i, i] with i = np.arange(n), or x[:, None] * np.eye(n)",
    "trace": "x[i, i].sum() with i = np.arange(n)",
    "tril": "x * np.tril(np.ones(x.shape))",
    "triu": "x * np.triu(np.ones(x.shape))",
    "take": "x[indices]",
    "take_along_axis": "x[np.arange(n)[:, None], indices]",
    "repeat": "x[np.repeat(np.arange(n), repeats)]",
    "tile": "np.concatenate([x] * reps)",
    "roll": "np.concatenate([x[-shift:], x[:-shift]])",
    "sort": "x[np.argsort(x.numpy())]",
    "partition": "x[np.argpartition(x.numpy(), k)]",
    "argsort": "np.argsort(x.numpy()): indices have no gradient",
    "nonzero": "np.nonzero(x.numpy()): indices have no gradient",
    "inner": "x @ y.T",
    "outer": "np.multiply.outer(x, y)",
    "vdot": "(x * y).sum()",
    "vecdot": "(x * y).sum(axis=-1)",
    "matvec": "(x @ y[..., None])[..., 0]",
    "vecmat": "(x[..., None, :] @ y)[..., 0, :]",
    "einsum": "np.matmul, np.transpose and .sum()",
    "tensordot": "reshape and np.matmul",
    "nansum": "np.where(np.isnan(x), 0, x).sum()",
    "nanmean": "np.where(np.isnan(x), 0, x).sum() / (~np.isnan(x)).sum()",
    "ptp": "x.max() - x.min()",
    "average": "(x * weights).sum() / weights.sum()",
    "nan_to_num": "np.where(np.isfinite(x), x, 0)",
    "frexp": "np.log2 and np.floor",
    "norm": "np.sqrt((x * x).sum())",
    "put": "x[index] = value",
    "copyto": "x[...] = value, or x.assign(value) on a leaf",
    "save": "np.save(path, x.numpy())",
}


def _qualified(function: Callable[..., Any]) -> str:
    module = (getattr(function, "__module__", None) or "numpy").replace("numpy", "np", 1)
    return f"{module}.{function.__name__}"


def _refuse_call(name: str, bare: str) -> NoReturn:
    way = _INSTEAD.get(bare)
    outside = "leave the graph with x.detach().numpy()"
    raise UnsupportedError(
        f"{name} is not supported on Tensors. Write {way}, or {outside}."
        if way
        else f"{name} is not supported on Tensors. To compute it without a gradient, {outside}."
    )


def resolve_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | Any:
    """Return the op call that `function(*args, **kwargs)` is, or, for a composed function, its result.

    Raises:
        UnsupportedError: if Tensors do not support the function or one of its arguments.
    """
    op = BY_FUNCTION.get(function)
    if op is not None and op.bind is not None:
        return Call(op, *_bound(op.bind, function, args, kwargs))
    composed = COMPOSED.get(function)
    if composed is None:
        _refuse_call(_qualified(function), function.__name__)
    return _bound(composed, function, args, kwargs)


def _bound(
    bind: Callable[..., Any], function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call `bind`, turning an argument that it does not know into an error that names it."""
    try:
        return bind(*args, **kwargs)
    except TypeError as error:
        if isinstance(error, UnsupportedError) or "unexpected keyword" not in str(error):
            raise
        name = str(error).rsplit("'", 2)[-2]
        message = f"{_qualified(function)}: the argument {name}= is not supported on Tensors"
        raise UnsupportedError(message) from None


def resolve_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | Any:
    """Return the op call that a ufunc call is, or the result of one that is composed of others.

    Raises:
        UnsupportedError: for a ufunc, method or argument that Tensors do not support.
    """
    name = f"np.{ufunc.__name__}" if method == "__call__" else f"np.{ufunc.__name__}.{method}"
    for argument, instead in _UFUNC_ARGUMENTS.items():
        if kwargs.get(argument) is not None and not (argument == "where" and kwargs[argument] is True):
            raise UnsupportedError(f"{name}: the argument {argument}= is not supported on Tensors; {instead}")
    if method == "reduce" and ufunc in _REDUCE:
        return resolve_function(_REDUCE[ufunc], (inputs[0],), {"axis": 0, **_without(kwargs, _UFUNC_ARGUMENTS)})
    if method == "outer" and ufunc in BY_UFUNC and ufunc.nin == 2 and not kwargs:
        x, y = inputs
        return Call(BY_UFUNC[ufunc], (np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y), {})
    if method != "__call__":
        _refuse_call(name, method)
    rest = _without(kwargs, _UFUNC_ARGUMENTS)
    if rest:
        raise UnsupportedError(f"{name}: the arguments {sorted(rest)} are not supported on Tensors")
    op = BY_UFUNC.get(ufunc)
    if op is not None:
        return Call(op, inputs, {})
    if ufunc in COMPOSED:
        return COMPOSED[ufunc](*inputs)
    _refuse_call(name, ufunc.__name__)


_UFUNC_ARGUMENTS = {
    "out": "assign the result instead (t = np.f(...)), or use t[...] = value",
    "where": "choose with np.where(condition, np.f(x), other)",
    "dtype": "cast the operands with .astype first",
}


def _without(kwargs: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {k: v for k, v in kwargs.items() if k not in names}

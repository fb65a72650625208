"""The public names of `keras.backend` in Keras 3: dtypes, symbols, and the settings of `nn.config`.

Example:
    >>> from nn import backend
    >>> backend.backend(), backend.result_type("int32", "float16"), backend.result_type("int8", float)
    ('numpy', 'float16', 'float32')
"""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

import numpy as np

from .config.arguments import checked
from .config.settings import (
    backend as backend,
    epsilon as epsilon,
    floatx as floatx,
    image_data_format as image_data_format,
    set_epsilon as set_epsilon,
    set_floatx as set_floatx,
    set_image_data_format as set_image_data_format,
)
from .module.symbols import Symbol

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
__dir__ = __all__.copy

_UIDS: Counter[str] = Counter()
_PYTHON: dict[Any, str] = {bool: "bool", int: "int32", float: "float32", str: "string"}
# Keras promotes to no more than 32 bits, on all backends but TensorFlow.
_NARROW = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}


@checked
def clear_session(free_memory: bool = True) -> None:
    """Start the numbers of `get_uid` again, and collect garbage; names of layers are counted within a model here.

    Args:
        free_memory: whether to collect garbage too; True by default.

    Example:
        >>> clear_session()
    """
    _UIDS.clear()
    if free_memory:
        gc.collect()


def get_uid(prefix: str = "") -> int:
    """Return 1, 2, … at the calls with a prefix.

    Args:
        prefix: any text; each has a count of its own, "" too.

    Example:
        >>> get_uid("example"), get_uid("example"), get_uid("other example")
        (1, 2, 1)
    """
    _UIDS[prefix] += 1
    return _UIDS[prefix]


def is_keras_tensor(x: Any) -> bool:
    """Return whether x is a symbol, such as `nn.Input` returns.

    Args:
        x: anything.

    Example:
        >>> import nn
        >>> is_keras_tensor(nn.Input((3,))), is_keras_tensor([1.0])
        (True, False)
    """
    return isinstance(x, Symbol)


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype; that of None is "float32", and so is that of Python's float.

    Args:
        dtype: a name, a NumPy dtype or type, one of Python's bool, int, float and str, or None.

    Raises:
        ValueError: if it is not a dtype of numbers or strings.

    Example:
        >>> standardize_dtype(np.int64), standardize_dtype(int), standardize_dtype(None)
        ('int64', 'int32', 'float32')
    """
    if dtype is None:
        return floatx()
    if isinstance(dtype, type) and dtype in _PYTHON:
        return _PYTHON[dtype]
    try:
        name = "string" if isinstance(dtype, str) and dtype == "string" else np.dtype(dtype).name
    except TypeError:
        name = ""
    if name != "string" and (not name or np.dtype(name).kind not in "biufc" or np.dtype(name).itemsize > 16):
        raise ValueError(f"standardize_dtype: expected a dtype such as 'float32'; received {dtype!r:.80}")
    return name


def is_float_dtype(dtype: Any) -> bool:
    """Return whether a dtype is one of real floats.

    Args:
        dtype: a name such as "float32", a NumPy dtype or type, or Python's float; None is "float32".

    Example:
        >>> is_float_dtype("float32"), is_float_dtype("int32")
        (True, False)
    """
    return standardize_dtype(dtype).startswith("float")


def is_int_dtype(dtype: Any) -> bool:
    """Return whether a dtype is one of integers, with a sign or without.

    Args:
        dtype: a name such as "int32", a NumPy dtype or type, or Python's int.

    Example:
        >>> is_int_dtype("int32"), is_int_dtype("float32")
        (True, False)
    """
    return standardize_dtype(dtype).startswith(("int", "uint"))


def result_type(*dtypes: Any) -> str:
    """Return the dtype to which Keras promotes these, of at most 32 bits; None means "float32".

    Python's `int` and `float` give way to any dtype of their kind. An integer with a float has the float's dtype.

    Args:
        dtypes: names, NumPy dtypes or types, Python's bool, int and float, and None, in any number.

    Example:
        >>> result_type("uint8", "int8"), result_type("int64", "float16"), result_type("bool", int)
        ('int16', 'float16', 'int32')
    """
    python = [dtype for dtype in dtypes if dtype is int or dtype is float]
    arrays = [np.dtype(standardize_dtype(dtype)) for dtype in dtypes if not (dtype is int or dtype is float)]
    if inexact := [dtype for dtype in arrays if dtype.kind in "fc"]:
        name = np.result_type(*inexact).name
    elif float in python or not dtypes:
        name = floatx()
    elif any(dtype.kind in "iu" for dtype in arrays):
        name = np.result_type(*arrays).name
    else:
        name = "int32" if python else "bool"
    return _NARROW.get(name, name)

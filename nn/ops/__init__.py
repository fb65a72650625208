"""Keras's operations, `keras.ops`, on Tensors and on symbols: its names and signatures, NumPy's and our functions.

Python's floats become float32 unless they meet an array that decides; integers keep NumPy's dtype, and become float32
where a function gives floats, as in Keras. The result of a Tensor has a history; called on symbols, an
operation becomes a layer of the model, an `nn.layers.Operation`.
The groups `nn.ops.numpy`, `nn`, `linalg` and `image` hold the operations that Keras has under these names.

Example:
    >>> import autograd_lite as ag
    >>> import nn
    >>> from nn import ops
    >>> x = ag.tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> ops.sum(ops.square(x), axis=-1).backward()
    >>> x.grad
    Tensor([2., 4., 8.])
    >>> ops.sqrt([4.0, 9.0])
    Tensor([2., 3.], dtype=float32)
    >>> ops.max
    <nn.ops.max(x, axis=None, keepdims=False, initial=None)>
    >>> ops.argmax(nn.Input((5, 3)), axis=-1)
    Symbol(shape=(None, 5), dtype=int64)
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import table as table


# Loaded when it is asked for. Its rows are not among the globals here, where some would hide Python's `max` or `map`.
_LATE = ".table"


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return __dir__()
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    rows = _import_module(_LATE, __name__)
    if name in rows.TABLE:
        return rows.TABLE[name]
    if name in rows.GROUPS:
        return rows.GROUPS[name]
    if name == "TABLE":
        return rows.TABLE
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    rows = _import_module(_LATE, __name__)
    return sorted([*(row for row in rows.TABLE if "." not in row), *rows.GROUPS])

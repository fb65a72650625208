"""`Variable`: Keras's way of making a tensor that is changed by `assign`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor, tensor

from .. import initializers
from ..config.limits import spend
from ..config.settings import floatx


class _Leaves(type):
    """Lets `isinstance(w, Variable)` hold for each leaf, such as the weights of layers."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and value.is_leaf


class Variable(Tensor, metaclass=_Leaves):
    """Makes a Tensor from values or by an initializer: a weight of the layer, model or metric that it is assigned to.

    What comes back is a plain `autograd_lite.Tensor`, like the weights that `add_weight` makes. Its `assign`,
    `assign_add` and `assign_sub` change it in place, `numpy()` copies its values, and `trainable` may be set.

    Args:
        initializer: values of any shape; or the name of an initializer, an Initializer, or a function of (shape,
            dtype), which need `shape`.
        shape: of what the initializer makes; left out with values.
        dtype: by default that of an array, "int32" for Python integers, else `nn.config.floatx()`.
        trainable: whether it requires a gradient; integers and booleans never do.
        autocast, aggregation, synchronization: Keras's arguments for other devices, which change nothing here.
        name: what messages call it, until it is an attribute of a module, whose path it then has.

    Raises:
        ValueError: for an initializer without a shape, or values of another shape.

    Example:
        >>> count = Variable(0, trainable=False)
        >>> count.assign_add(2)
        >>> count, isinstance(count, Variable)
        (Tensor(2, dtype=int32), True)
        >>> scale = Variable("ones", shape=(2,))
        >>> (scale * scale).sum().backward()
        >>> scale.value.grad.tolist()
        [2.0, 2.0]
    """

    def __new__(
        cls,
        initializer: npt.ArrayLike | Tensor | str | Callable[..., Any],
        shape: Sequence[int] | None = None,
        dtype: npt.DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
    ) -> Self:
        """Return a leaf; see the class."""
        values: Any = initializer
        if isinstance(initializer, str) or callable(initializer):
            if shape is None:
                raise ValueError(
                    f"Variable: expected a shape with an initializer; received {initializer!r:.80} and shape=None. "
                    "Write Variable(initializer, shape=(...))"
                )
            spend(tuple(shape))
            kind = np.dtype(floatx() if dtype is None else dtype)
            values = initializers.get(initializer)(tuple(shape), kind)
        else:
            kind = np.dtype(_dtype_of(initializer) if dtype is None else dtype)
            if shape is not None and np.shape(values) != tuple(shape):
                raise ValueError(
                    f"Variable: expected values of shape {tuple(shape)}; received shape {np.shape(values)}. "
                    "Leave shape out, which the values have"
                )
        leaf: Any = tensor(values, dtype=kind, requires_grad=bool(trainable) and kind.kind in "fc", name=name)
        return leaf


def _dtype_of(values: Any) -> Any:
    """Return the dtype that Keras gives to values."""
    if hasattr(values, "dtype"):
        return values.dtype
    return {"b": np.bool_, "i": np.int32, "u": np.int32}.get(np.asarray(values).dtype.kind, floatx())

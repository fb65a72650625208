"""Operation: a NumPy function as a layer; operators on the symbols of a functional model make them."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite import Tensor, tensor

from .. import activations, ops
from ..config.arguments import text
from ..config.fields import field
from ..module import symbols
from ..module.masks import either, mask_of
from .layer import Layer

_FUNCTIONS = """
absolute add arccos arcsin arcsinh arctan arctan2 arctanh cos cosh divide equal exp exp2 expm1 greater
greater_equal hypot less less_equal log log10 log1p log2 matmul maximum minimum multiply negative not_equal
power reciprocal sign sin sinh sqrt square subtract tan tanh clip concatenate einsum expand_dims flip max mean
min moveaxis prod repeat reshape roll squeeze stack std sum swapaxes tensordot tile transpose var where
"""
_KNOWN: dict[str, Any] = {name: getattr(np, name) for name in _FUNCTIONS.split()}
_OTHERS = {"get", "serialize", "deserialize", *_KNOWN}
_ACTIVATIONS = {name: getattr(activations, name) for name in activations.__all__ if name not in _OTHERS}
_KNOWN |= _ACTIVATIONS
# Functions of single elements: their results have the mask of their inputs.
_ELEMENTWISE = {name for name, function in list(vars(np).items()) if isinstance(function, np.ufunc)} - {"matmul"}
_ELEMENTWISE |= {"cast", "clip"}
_ELEMENTWISE |= set(_ACTIVATIONS) - {"glu"}
_ALIASES = {"abs": "absolute", "amax": "max", "amin": "min", "true_divide": "divide"}
_OF_KERAS = "ops."


def operation_of_keras(name: str) -> Any:
    """Return the operation of `nn.ops` with this name, None if there is none."""
    return ops.TABLE.get(name)  # type: ignore[attr-defined]  # loads late, and is not public


def _function_named(name: str) -> Any:
    """Return the function of this name, of nn.ops if it begins with "ops.", else of NumPy; None if there is none."""
    if name in _KNOWN:
        return _KNOWN[name]
    row = operation_of_keras(name.removeprefix(_OF_KERAS))
    if row is None or name.startswith(_OF_KERAS):
        return row
    return row.function if row.function is getattr(np, name, None) else None


def _known_function(owner: Any, name: str, value: Any) -> str:
    function = _ALIASES.get(text(owner, name, value), value)
    if function != "getitem" and _function_named(function) is None:
        raise ValueError(
            f"Operation: expected one of the functions of NumPy, nn.activations or nn.ops that symbols take; received "
            f"{value!r}. Write a layer for others"
        )
    return function


class Operation(Layer):
    """Applies one function of NumPy, `nn.activations` or `nn.ops`, by name.

    Operators and functions on symbols make this layer: `x + y`, `np.tanh(x)`, `np.concatenate([x, y], axis=1)`,
    `x[:, 0]`, `nn.activations.gelu(x)`, `nn.ops.top_k(x, 3)`.

    Args:
        function: name of the function, with "ops." before it if it is one of `nn.ops`; or "getitem".

    Raises:
        ValueError: for a function that is not known.

    Example:
        >>> Operation("maximum")([1.0, -1.0], 0.0).tolist()
        [1.0, 0.0]
    """

    function: str = field(_known_function)

    def __post_init__(self) -> None:
        self._keeps_batch = self._is_elementwise()

    def _is_elementwise(self) -> bool:
        return self.function.removeprefix(_OF_KERAS) in _ELEMENTWISE

    @property
    def _call_name(self) -> str:
        """The name of the layer in errors of a call."""
        return f"layer {self.function!r} (Operation)"

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function returns for these arguments.

        Args:
            args, kwargs: arguments of the function.
        """
        if self.function == "getitem":
            return args[0][_index(args[1])]
        result = _function_named(self.function)(*args, **kwargs)
        return tensor(result) if isinstance(result, (bool, int, float, np.generic)) else result

    def _cast(self, x: Any) -> Any:
        return super()._cast(x) if isinstance(x, (Tensor, np.ndarray)) else x  # shapes, axes and indices stay lists

    def _output_mask(self, args: tuple[Any, ...], previous_mask: Any, out: Any) -> Any:
        if self._is_elementwise():
            return either([mask_of(x) for x in args if isinstance(x, Tensor)])
        return super()._output_mask(args, previous_mask, out)

    def extra_repr(self) -> str:
        return self.function


def _index(plain: Any) -> Any:
    """Return the index that plain values stand for; see `Symbol.__getitem__`."""
    if isinstance(plain, list):
        return tuple(_index(part) for part in plain)
    if isinstance(plain, dict):
        return slice(*plain["slice"])
    return Ellipsis if isinstance(plain, str) else plain


def operate(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the symbols that a function of symbols returns: those of a layer that is made for it."""
    arguments = symbols.instances(symbols.Symbol, [args, kwargs])
    kinds = [symbol.dtype for symbol in arguments if symbol.dtype.kind == "f"]
    return Operation(name, dtype=np.result_type(*kinds) if kinds else None)(*args, **kwargs)

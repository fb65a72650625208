"""Lambda: a function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..config.arguments import argument_error
from ..config.config import reference
from ..config.fields import Converted, field
from ..module.module import Shape
from .layer import Layer

Function = Callable[..., Any]


def _function(owner: Any, name: str, value: Any) -> Function:
    if not callable(value):
        raise argument_error(TypeError, owner, name, "a function", value)
    function: Function = value
    return function


def _shape(owner: Any, name: str, value: Any) -> Any:
    if value is None or callable(value):
        return value
    if not isinstance(value, (tuple, list)):
        raise argument_error(TypeError, owner, name, "the shape of a sample, a function of shapes, or None", value)
    return tuple(value)


def _arguments(owner: Any, name: str, value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise argument_error(TypeError, owner, name, "a dict of keyword arguments, or None", value)
    return dict(value or {})


class Lambda(Layer):
    """Applies a function of Tensors, or of arrays of strings, which has no weights.

    The function may use operators, NumPy's functions, `nn.ops` and `autograd_lite`. It is given `training` and `mask`
    if it has arguments of these names. A model with the layer can be saved if the function has got a name from
    `nn.saving.register_keras_serializable`; its code is never written to a file.

    Args:
        function: of the input, a tensor or several.
        output_shape: that of a sample, without the batch axis, or a function of the input's; by default the function
            runs on zeros to find it.
        mask: of the result: an array, or a function of (inputs, mask); None if the result has none.
        arguments: more keyword arguments for the function.

    Example:
        >>> Lambda(lambda x, power: x**power, arguments={"power": 2})([[1.0, 3.0]]).tolist()
        [[1.0, 9.0]]
    """

    _takes_text = True
    function: Function = field(_function)
    output_shape: Converted[Any, Any] = field(_shape, default=None, settable=False)
    mask: Any = field(default=None)
    arguments: Converted[Mapping[str, Any] | None, dict[str, Any]] = field(_arguments, default=None)

    def __post_init__(self) -> None:
        self._shape_of = vars(self).pop("output_shape", None)  # the attribute is what calls find
        self.supports_masking = self.mask is not None

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """Return the function's result."""
        arguments = dict(self.arguments)
        takes = _parameters(self.function)
        arguments |= {"mask": mask} if "mask" in takes else {}
        arguments |= {"training": training} if "training" in takes else {}
        return self.function(inputs, **arguments)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the result."""
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape that was given, or that of the function's result on zeros."""
        if self._shape_of is None:
            return super().compute_output_shape(input_shape)
        if callable(self._shape_of):
            return tuple(self._shape_of(input_shape))
        return (input_shape[0], *self._shape_of)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; a function that is not registered stays a function."""
        function = reference(self.function)
        return super().get_config() | {"function": self.function if isinstance(function, str) else function}

    def extra_repr(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)


def _parameters(function: Function) -> Sequence[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # NumPy's ufuncs have none
        return []

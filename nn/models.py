"""Models: `Sequential`, and `Model` to write subclasses of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy.typing as npt

from autograd_lite import ShapeError, Tensor

from ._summary import summary_text
from .layers import InputLayer
from .module import Module, Shape, snake_case
from .training import Trainer

__all__ = ["Model", "Sequential"]


class Model(Trainer):
    """A module with `compile`, `fit`, `evaluate`, `predict` and `summary`; a subclass writes `call`.

    Example:
        >>> from nn import layers
        >>> class Residual(Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.inner = layers.Dense(2)
        ...     def call(self, x):
        ...         return x + self.inner(x)
        >>> Residual().predict([[1.0, 2.0]]).shape
        (1, 2)
    """

    @property
    def layers(self) -> list[Module]:
        """The modules directly below this one, in order."""
        return [member for _, member in self._members() if isinstance(member, Module)]

    def summary(self) -> None:
        """Print a table of the layers with their output shapes and numbers of parameters.

        Raises:
            ValueError: if the input shape is not known yet.
        """
        self._ready(f"{self.name}.summary()")
        print(summary_text(self))


class Sequential(Model):
    """Layers applied one after another.

    Args:
        layers: the layers; more come with `add`.
        name: what summaries and error messages call it.
        dtype: floating dtype that inputs are cast to; float32 by default.

    If the first entry is a layer with an `input_shape`, or `layers.Input(shape)`, every layer is built when it is
    added; otherwise all of them at the first call. Layers are named as in Keras, `dense`, `dense_1`, …, but counted
    within the model.

    Example:
        >>> from nn import layers
        >>> model = Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(2)])
        >>> [(path, p.shape) for path, p in model.named_parameters()]
        [('dense.kernel', (3, 4)), ('dense.bias', (4,)), ('dense_1.kernel', (4, 2)), ('dense_1.bias', (2,))]
    """

    def __init__(
        self, layers: Iterable[Module] | None = None, *, name: str | None = None, dtype: npt.DTypeLike | None = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self._layers: dict[str, Module] = {}
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Module) -> None:
        """Append a layer.

        Raises:
            TypeError: if it is not a layer.
            ValueError: if it is there already, has the name of another, or does not fit what is before it; the model
                is then as it was.
        """
        if not isinstance(layer, Module):
            what = f"the class {layer.__name__}" if isinstance(layer, type) else repr(layer)
            fix = "Make an instance of it: layers.Dense(10)" if isinstance(layer, type) else ""
            if callable(layer) and not fix:
                fix = "Wrap a function: layers.Activation(f)"
            raise TypeError(f"{self.name}.add: expected a layer; received {what}. {fix}".rstrip(". ") + ".")
        if isinstance(layer, InputLayer):
            self._add_input(layer)
            return
        key = self._key(layer)
        before = dict(vars(self))
        self._layers = {**self._layers, key: layer}
        try:
            shape = self.output_shape if self.built else None
            if not before["_layers"]:
                self.input_shape = self.input_shape or layer.input_shape
                shape = None if self.input_shape is None else (None, *self.input_shape)
            self.built = False
            if shape is not None:
                self._name_tree()
                self._append_built(layer, shape)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _append_built(self, layer: Module, shape: Shape) -> None:
        if layer.input_shape is not None and layer.input_shape != shape[1:]:
            raise ShapeError(
                f"{self.name}.add: expected a layer for inputs of shape {shape[1:]}, which is what comes before it; "
                f"received {layer.name!r} with input_shape={layer.input_shape}. Leave input_shape out after the first"
            )
        if not layer.built:
            layer.build(shape)
        layer.output_shape = self.output_shape = layer.compute_output_shape(shape)
        self.built = True
        self._name_tree()

    def _add_input(self, layer: InputLayer) -> None:
        if self._layers or self.input_shape is not None:
            raise ValueError(f"{self.name}.add: expected Input to be the first entry; the model has others already")
        self.input_shape = layer.input_shape

    def _key(self, layer: Module) -> str:
        """Return the layer's name, or for one without a name the first free `dense`, `dense_1`, …."""
        if any(layer is other for other in self._layers.values()):
            raise ValueError(
                f"{self.name}.add: expected a new layer; {layer.name!r} is in the model already. To share its weights, "
                "write a Model whose call uses it twice"
            )
        if layer._name is not None:
            if layer._name in self._layers:
                raise ValueError(f"{self.name}.add: expected layers of different names; {layer._name!r} is taken")
            return layer._name
        base = snake_case(type(layer).__name__)
        names = (f"{base}_{i}" if i else base for i in range(len(self._layers) + 1))
        return next(name for name in names if name not in self._layers)

    def _members(self) -> Iterator[tuple[str, Module | Tensor]]:
        for name, member in super()._members():
            yield name.removeprefix("_layers."), member

    def build(self, input_shape: Shape) -> None:
        """Build the layers one after another.

        Args:
            input_shape: shape of the input; the batch axis is None.
        """
        shape = tuple(input_shape)
        for layer in self._layers.values():
            if not layer.built:
                layer.build(shape)
            shape = layer.output_shape = layer.compute_output_shape(shape)
        self.output_shape = shape

    def call(self, x: Tensor) -> Tensor:
        """Return the last layer's output."""
        if not self._layers:
            raise ValueError(f"{self.name}: expected at least one layer; found none. Call add first")
        for layer in self._layers.values():
            x = layer(x)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the last layer's output."""
        for layer in self._layers.values():
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

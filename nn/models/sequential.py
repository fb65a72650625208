"""`Sequential`: layers applied one after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

from autograd_lite import ShapeError, Tensor

from .. import saving
from ..config.arguments import is_text
from ..config.fields import attribute
from ..config.limits import reading
from ..config.nesting import room_for, with_room
from ..config.registry import snake_case
from ..layers import Input, InputLayer
from ..layers.reshaping import fit_shape
from ..module.building import build_once
from ..module.layer_configs import layer_config, layer_from_config
from ..module.modes import adopt
from ..module.module import Module
from ..module.symbols import Call, Spec, Symbol
from ..module.tree import Shape, levels_of
from .model import Model
from .plan import Plan, is_input, make_plan


class Sequential(Model):
    """Layers applied one after another.

    Args:
        layers: the layers; more come with `add`.
        name: what summaries and error messages call it.
        dtype: floating dtype that inputs are cast to; float32 by default.
        trainable: whether its parameters require gradients; see the attribute.
        more: nothing: layers come in one list, and a second argument is an error that says so.

    If the first entry is a layer with an `input_shape`, or `layers.Input(shape)`, every layer is built when it is
    added; otherwise all of them at the first call. Layers are named as in Keras, `dense`, `dense_1`, …, but counted
    within the model.

    Example:
        >>> from nn import layers
        >>> model = Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(2)])
        >>> [(path, p.shape) for path, p in model.named_parameters()]
        [('dense.kernel', (3, 4)), ('dense.bias', (4,)), ('dense_1.kernel', (4, 2)), ('dense_1.bias', (2,))]
    """

    _unnamed = frozenset({"_functional", "_layers"})
    _sample: Shape | None = attribute(None)  # of one sample, with None for unknown lengths
    _sample_dtype: str | None = attribute(None)
    _chain: Plan | None = attribute(None)  # the calls of the layers on symbols
    _kind = "float32"  # the dtype of what the next layer gets
    # How many of the names `dense`, `dense_1`, … are known to be taken.
    _taken: Mapping[str, int] = attribute(MappingProxyType({}))

    def __init__(
        self,
        layers: Iterable[Module | Symbol] | None = None,
        *more: Any,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
    ) -> None:
        if type(self) is Sequential:
            self._arguments = ((), {})
        super().__init__(name=name, dtype=dtype)
        self._kind = self.dtype.name
        self._layers: dict[str, Module] = {}
        if more or isinstance(layers, (Module, Symbol)):
            received = ", ".join(repr(layer)[:80] for layer in (layers, *more))
            raise TypeError(
                f"Sequential: expected one list of layers; received {received}. "
                + ("Write Sequential([...])" if isinstance(layers, (Module, Symbol)) else "Write name=... by its name")
            )
        for layer in layers or ():
            self.add(layer)
        self._begin_trainable(trainable)

    def add(self, layer: Any) -> None:
        """Append a layer.

        Args:
            layer: built or not.

        Raises:
            TypeError: if it is not a layer.
            ValueError: if it is already there, has another's name, or does not fit what comes before it; the model is
                then unchanged.
        """
        if isinstance(layer, Symbol) and is_input(layer):
            layer = layer.call.module
        if not isinstance(layer, Module):
            received = f"the class {layer.__name__}" if isinstance(layer, type) else repr(layer)
            fix = "Make an instance of it: layers.Dense(10)" if isinstance(layer, type) else ""
            if callable(layer) and not fix:
                fix = "Wrap a function: layers.Activation(f)"
            raise TypeError(f"{self.name}.add: expected a layer; received {received}. {fix}".rstrip(". ") + ".")
        if isinstance(layer, InputLayer):
            self._add_input(layer)
            return
        with room_for(levels_of(layer)):
            self._append(layer)

    def _append(self, layer: Module) -> None:
        before = dict(vars(self))
        key = self._key(layer)
        self._layers = {**self._layers, key: layer}
        dtype_takers = self._give_dtype(layer)
        try:
            shape = self.output_shape if self.built else None
            if not before["_layers"]:
                if self._sample is None:
                    self._sample_shape = layer._sample_shape
                    self._sample = layer._open_shape or layer._sample_shape
                shape = None if self._sample is None else (None, *self._sample)
            self.built = False
            if shape is not None:
                shares = self._name_added(key, layer)
                self._append_built(layer, shape)
                if shares:
                    self._name_tree()
            adopt(self, layer)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            for module in dtype_takers:
                del module._dtype
            raise

    def pop(self, rebuild: bool = True) -> Module:
        """Remove the last layer, and return it; the others keep their weights.

        Compile the model again afterward: its optimizer still has state for the parameters that are gone.

        Args:
            rebuild: True, as in Keras; the model always knows its new output shape.

        Raises:
            ValueError: if there is no layer.

        Example:
            >>> from nn import Input, layers
            >>> model = Sequential([Input((3,)), layers.Dense(4), layers.Dense(2)])
            >>> model.pop(), model.output_shape
            (Dense(4 -> 2), (None, 4))
        """
        if not self._layers:
            raise ValueError(f"{self.name}.pop: expected at least one layer; found none")
        rest = dict(self._layers)
        layer = rest.popitem()[1]
        self._layers, self._taken = rest, {}
        self._kind = self._sample_dtype or self.dtype.name
        if not rest:
            self.built, self.output_shape, self._example = False, None, None
            if self._sample_dtype is None:  # the known input shape was the layer's
                self._sample = self._sample_shape = None
        elif self._sample is None:
            self.output_shape = self.layers[-1].output_shape
        else:
            self.build((None, *self._sample))
        return layer

    def _input_shape(self) -> Any:
        return super()._input_shape() if self._sample is None else (None, *self._sample)

    def _give_dtype(self, layer: Module) -> list[Module]:
        """Give the model's dtype, if it has its own, to unbuilt parts of a layer without one; return those parts."""
        if "_dtype" not in vars(self):
            return []
        parts = [part for _, part in layer._walk() if "_dtype" not in vars(part) and not part.built]
        for part in parts:
            part._dtype = self._dtype
        return parts

    def _append_built(self, layer: Module, shape: Shape) -> None:
        if layer._sample_shape is not None and layer._sample_shape != shape[1:]:
            raise ShapeError(
                f"{self.name}.add: expected a layer for inputs of shape {shape[1:]}, which is what comes before it; "
                f"received {layer.name!r} with input_shape={layer._sample_shape}. Leave input_shape out after the first"
            )
        self.output_shape = self._grow(layer, shape)
        self.built = True

    def _name_added(self, key: str, layer: Module) -> bool:
        """Name the parts of the last layer; return whether it may share parts with layers that are named already."""
        names = [module._path for _, module in layer._walk()] + [tensor.name for _, tensor in layer._tensors()]
        self._path = self._path or ""
        before = f"{self._path}." if self._path else ""
        layer._path = before + key
        layer._name_tree()
        firsts = {name[len(before) :].partition(".")[0] for name in names if name and name.startswith(before)}
        return any(first != key and first in self._layers for first in firsts)

    def _grow(self, layer: Module, shape: Shape) -> Shape:
        """Build a layer for this shape, and return the shape of its output."""
        if None in shape[1:] or self._kind == "str":  # found by running the layer on two lengths
            out = layer(Symbol(shape, self._kind, Call(InputLayer(shape[1:]), (), {}), 0))
            if not isinstance(out, Symbol):
                raise TypeError(f"{self.name}: expected layers that return one Tensor; {layer.name!r} returns more")
            self._kind = out.dtype.name
            return out.shape
        build_once(layer, shape)
        layer.output_shape = layer.compute_output_shape(shape)
        return layer.output_shape

    def _add_input(self, layer: InputLayer) -> None:
        if self._layers or self._sample is not None:
            raise ValueError(f"{self.name}.add: expected Input to be the first entry; the model has others already")
        self._sample, self._sample_shape = layer.sample_shape, layer._sample_shape
        self._kind = self._sample_dtype = layer.sample_dtype.name

    def _key(self, layer: Module) -> str:
        """Return the layer's name, or, if it has none, the first free one of `dense`, `dense_1`, …."""
        if id(layer) in map(id, self._layers.values()):
            raise ValueError(
                f"{self.name}.add: expected a new layer; {layer.name!r} is in the model already. To share its weights, "
                "write a Model whose call uses it twice"
            )
        if layer._name is not None:
            if layer._name in self._layers:
                raise ValueError(f"{self.name}.add: expected layers of different names; {layer._name!r} is taken")
            return layer._name
        base = snake_case(type(layer).__name__)
        i = next(i for i in itertools.count(self._taken.get(base, 0)) if _number_name(base, i) not in self._layers)
        self._taken = {**self._taken, base: i + 1}
        return _number_name(base, i)

    def _symbol_plan(self) -> Plan | None:
        """Return the plan of the layers' calls one after another, once the shape of a sample is known."""
        layers = list(self._layers.values())
        sample, kind = self._sample, self._sample_dtype or self.dtype.name
        if sample is None and isinstance(self._example, tuple) and isinstance(self._example[0], Spec):
            sample, kind = self._example[0]
        if sample is None or not layers:
            return None
        if self._chain is None or self._chain.modules()[1:] != layers:
            x = first = Input(sample, dtype=kind)
            for layer in layers:
                x = layer(x)
            self._chain = make_plan("Sequential", first, x)
        return self._chain

    def _first_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        before = self._kind
        self._kind = "str" if args and is_text(args[0]) else before
        try:
            return super()._first_call(args, kwargs)
        except BaseException:
            self._kind = before
            raise

    def build(self, input_shape: Shape) -> None:
        """Build the layers one after another.

        Args:
            input_shape: shape of the input; the batch axis is None.
        """
        shape = tuple(input_shape)
        for layer in self._layers.values():
            shape = self._grow(layer, shape)
        self.output_shape = shape

    def call(self, x: Tensor) -> Tensor:
        """Return the last layer's output."""
        if not self._layers:
            raise ValueError(f"{self.name}: expected at least one layer; found none. Call add first")
        if (
            self._sample is not None
            and (x.__class__ is Tensor or is_text(x))
            and (fitting := fit_shape(x, self._sample)) is not None
        ):
            x = fitting  # else the layer that it does not fit has the better message
        for layer in self._layers.values():
            x = layer(x)
        return x

    @with_room(levels_of)
    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the last layer's output."""
        for layer in self._layers.values():
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    @with_room(levels_of)
    def get_config(self) -> dict[str, Any]:
        """Return the layers, and the shape of a sample if known, as plain values."""
        if type(self) is not Sequential:
            return super().get_config()
        return {
            "name": self._name,
            "dtype": self.dtype.name,
            "sample": None if self._sample is None else [list(self._sample), self._sample_dtype],
            "layers": [layer_config(layer) for layer in self._layers.values()],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Return a new model from what `get_config` returned, with new initial weights.

        Args:
            config: as `get_config` returned it.
            custom_objects: custom classes and functions that it names, by name, besides the registered ones.
        """
        if custom_objects is not None:
            with saving.CustomObjectScope(custom_objects):
                return cls.from_config(config)
        if cls is not Sequential:
            return super().from_config(config)
        with reading(config):
            if "sample" not in config and saving.keras.reading.is_keras(config):
                config = saving.keras.reading.sequential(config)
            if "layers" not in config or not isinstance(config["layers"], list):
                raise ValueError(
                    "Sequential.from_config: expected a dict with a list of layers, as get_config() returns it; "
                    f"received {config!r:.80}"
                )
            model = cls(name=config.get("name"), dtype=config.get("dtype"))
            if config.get("sample") is not None:
                shape, kind = config["sample"]
                model._add_input(InputLayer(shape, dtype=kind))
            for layer in config["layers"]:
                model.add(layer_from_config(layer))
            model._begin_trainable(config.get("trainable", True))
            return model


def _number_name(base: str, i: int) -> str:
    return f"{base}_{i}" if i else base

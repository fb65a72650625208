"""`Model`: made of symbols, `Model(inputs, outputs)`, or a base to write subclasses of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor

from .. import saving
from ..config.arguments import flag
from ..config.config import Configurable
from ..config.docstrings import arguments_from
from ..config.fields import attribute
from ..config.limits import reading
from ..layers.layer import Layer
from ..layers.operation import Operation
from ..module.module import Module
from ..module.symbols import Symbol, replace_leaves
from ..saving import descriptions
from ..training.trainer import Trainer
from .config import functional_config, functional_from_config
from .places import note_places
from .plan import Plan, layer_names, make_plan
from .slots import Slot
from .summary import printable, summary_html, summary_text


class Model(Configurable, Trainer):
    """A module with `compile`, `fit`, `predict`, `summary`, …: made of symbols, or a subclass that writes `call`.

    Args:
        inputs: a symbol made by `nn.Input`, or a list or dict of them; the model is called with tensors nested alike.
        outputs: symbols computed from them by layers, operators and NumPy functions; nested as the model returns them.
        name: what summaries and error messages call it.
        dtype: floating dtype that inputs are cast to; by default that of the first floating input, else float32.
        trainable: whether its parameters require gradients; see the attribute.

    A layer that is called several times shares its weights between the calls. A model is a layer too.

    Raises:
        TypeError: if anything other than symbols is given.
        ValueError: if an output needs an input that is not given, or two layers have the same name.

    Example:
        >>> from nn import Input, layers
        >>> a, b = Input((2,), name="a"), Input((2,), name="b")
        >>> inner = layers.Dense(3, activation="tanh")
        >>> model = Model([a, b], layers.Dense(1)(inner(a) - inner(b)))
        >>> [path for path, _ in model.named_parameters()]
        ['dense.kernel', 'dense.bias', 'dense_1.kernel', 'dense_1.bias']
        >>> class Residual(Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.inner = layers.Dense(2)
        ...     def call(self, x):
        ...         return x + self.inner(x)
        >>> Residual().predict([[1.0, 2.0]]).shape
        (1, 2)
    """

    _unnamed = frozenset({"_functional"})
    _plan: Plan | None = attribute(None)
    _functional: dict[str, Module] = attribute()

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        *,
        name: str | None = None,
        dtype: npt.DTypeLike | None = None,
        trainable: bool = True,
    ) -> None:
        if type(self) is Model:
            self._arguments = ((), {})  # its symbols would keep all layers alive
        if (inputs is None) != (outputs is None):
            raise TypeError("Model: expected inputs and outputs, both or none; received one of them")
        if inputs is None:
            super().__init__(name=name, dtype=dtype)
        else:
            self._make(make_plan("Model", inputs, outputs), name, dtype)
        self._begin_trainable(trainable)

    def _begin_trainable(self, trainable: bool) -> None:
        """Freeze a new model if it is not to be trained: the parts that it has, and those that it will get."""
        if not flag(self, "trainable", trainable):
            self.trainable = False
            self._made_frozen = not self.built

    def _make(self, plan: Plan, name: str | None, dtype: npt.DTypeLike | None) -> None:
        """Become the functional model of a plan."""
        if dtype is None:
            floats = [kind for kind in (np.dtype(plan.specs[i][1]) for i in plan.input_slots) if kind.kind == "f"]
            dtype = floats[0] if floats else None
        Trainer.__init__(self, name=name, dtype=dtype)
        self._functional = layer_names("Model", plan.modules())
        self._plan = plan
        self.built = True
        if isinstance(plan.inputs, Slot):
            shape = plan.specs[plan.inputs.i][0][1:]
            self._sample_shape = None if None in shape else cast(tuple[int, ...], shape)
        self.output_shape = self._shapes(plan, plan.outputs)
        self._name_tree()
        note_places(self, plan.modules(), again=False)

    # ---- a functional model's call ----------------------------------------------------------------------------------

    def _cast(self, x: Any) -> Any:
        plan = self._plan
        if plan is not None and x.__class__ is not Tensor and not isinstance(plan.inputs, Slot):
            if isinstance(x, (list, tuple)):
                return [super(Model, self)._cast(part) for part in x]
            if isinstance(x, Mapping):
                return {key: super(Model, self)._cast(part) for key, part in x.items()}
        return super()._cast(x)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs, nested as they were given to the constructor; a subclass writes its own.

        Args:
            args: the inputs, nested as in the constructor; those in a dict are found by name.
            kwargs: none.
        """
        plan = self._plan
        if plan is None:
            return super().call(*args, **kwargs)
        if len(args) != 1 or kwargs:
            raise TypeError(
                f"{self.name}: expected one argument, the input, or a list or dict of all inputs; received "
                f"{len(args)} arguments{''.join(f', {key}=' for key in kwargs)}"
            )
        return plan.run(self._arrange(plan, args[0]))

    def _has_call(self) -> bool:
        return self._plan is not None or type(self).call is not Model.call

    def _arrange(self, plan: Plan, inputs: Any) -> list[Any]:
        """Return the tensors in the order of the plan's inputs."""
        if isinstance(plan.inputs, Slot) and isinstance(inputs, Tensor):
            return [inputs]
        names = self.input_names
        if isinstance(inputs, Mapping):
            if missing := [name for name in names if name not in inputs]:
                raise ValueError(
                    f"{self.name}: expected inputs called {', '.join(map(repr, names))}; received "
                    f"{', '.join(map(repr, inputs))}, without {missing[0]!r}"
                )
            return [inputs[name] for name in names]
        parts = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if len(parts) != len(names) or any(isinstance(part, (list, tuple, dict)) for part in parts):
            raise ValueError(
                f"{self.name}: expected {len(names)} inputs, {', '.join(map(repr, names))}; received {len(parts)}. "
                "Give them as a list in this order, or as a dict by name"
            )
        return parts

    @property
    def input_names(self) -> list[str]:
        """The names of a functional model's inputs: the sorted keys of its dict, else those of the input layers."""
        plan = self._require_plan("input_names")
        if isinstance(plan.inputs, dict):
            return sorted(plan.inputs)
        by_id = {id(module): name for name, module in self._functional.items()}
        return [
            by_id[id(plan.sources[slot])] if slot in plan.sources else f"input_{i}"
            for i, slot in enumerate(plan.input_slots)
        ]

    @property
    def output_names(self) -> list[str]:
        """The names of a functional model's outputs: the sorted keys of its dict, else the layers that compute them."""
        plan = self._require_plan("output_names")
        if isinstance(plan.outputs, dict):
            return sorted(plan.outputs)
        by_id = {id(module): name for name, module in self._functional.items()}
        maker = {slot: by_id[id(module)] for module, _, outs in plan.calls() for slot in outs}
        names: list[str] = []
        for slot in plan.output_slots:
            base = maker.get(slot, "output")
            names.append(next(n for n in (f"{base}_{i}" if i else base for i in range(99)) if n not in names))
        return names

    @property
    def inputs(self) -> list[Symbol]:
        """The symbols of a functional model's inputs."""
        plan = self._symbol_plan() or self._require_plan("inputs")
        return [plan.symbols()[slot] for slot in plan.input_slots]

    @property
    def outputs(self) -> list[Symbol]:
        """The symbols of a functional model's outputs."""
        plan = self._symbol_plan() or self._require_plan("outputs")
        return [plan.symbols()[slot] for slot in plan.output_slots]

    def _input_shape(self) -> Any:
        plan = self._plan
        return super()._input_shape() if plan is None else self._shapes(plan, plan.inputs)

    @staticmethod
    def _shapes(plan: Plan, slots: Any) -> Any:
        """Return the shapes of slots, nested as they are."""
        return replace_leaves(Slot, lambda slot: plan.specs[slot.i][0], slots)

    def _symbol_plan(self) -> Plan | None:
        """Return the plan whose symbols are those of the layers, if there is one."""
        return self._plan

    def _require_plan(self, caller: str) -> Plan:
        if self._plan is None:
            raise TypeError(
                f"{self.name}.{caller}: expected a functional model, nn.Model(inputs, outputs); received a "
                f"{type(self).__name__} whose call is written in Python"
            )
        return self._plan

    def __getattr__(self, attribute: str) -> Any:
        if attribute in ("input", "output") and (plan := self._symbol_plan()) is not None:
            return replace_leaves(Slot, lambda slot: plan.symbols()[slot.i], getattr(plan, f"{attribute}s"))
        if attribute == "loss" and self._compiled is not None:  # no property: a subclass may have its own of this name
            return self._compiled.loss
        return super().__getattr__(attribute)

    def _output_mask(self, args: tuple[Any, ...], previous_mask: Any, out: Any) -> None:
        """Return None: the layers inside have given the results their masks."""

    # ---- layers -----------------------------------------------------------------------------------------------------

    def _in_keras_order(self) -> list[tuple[str, Module | Tensor]]:
        members = super()._in_keras_order()
        if self._plan is None:
            return members
        names = {id(module): name for name, module in self._functional.items()}
        ordered = [(names[id(module)], module) for module in self._plan.by_depth]
        return [*ordered, *((name, member) for name, member in members if id(member) not in names)]

    @property
    def layers(self) -> list[Module]:
        """The layers directly below this one, in Keras's order; see `nn.models.plan.Plan.by_depth`.

        Operators and functions that were applied to symbols are not among them, but `summary` shows them.
        """
        layers = [member for _, member in self._named_layers()]
        note_places(self, layers)
        return layers

    def _named_layers(self) -> list[tuple[str, Module]]:
        members = self._in_keras_order()
        return [(name, m) for name, m in members if isinstance(m, Module) and not isinstance(m, Operation)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Module:
        """Return the layer of this name, or at this place in `layers`.

        Args:
            name: of the layer.
            index: its place; negative ones count from the end.

        Raises:
            ValueError: if there is none, or not exactly one of the two is given.
        """
        if (name is None) == (index is None):
            raise ValueError(f"{self.name}.get_layer: expected a name or an index; received {name=}, {index=}")
        if index is not None:
            layers = self._named_layers()
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"{self.name}.get_layer: expected an index below {len(layers)}; received {index}")
            note_places(self, [layers[index][1]])
            return layers[index][1]
        layers = [(key, member) for key, member in self._members() if isinstance(member, Module)]
        for key, member in layers:
            if name in (key, member.name):
                note_places(self, [member])
                return member
        raise ValueError(f"{self.name}.get_layer: expected one of {[key for key, _ in layers]}; received {name!r}")

    def summary(
        self,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        *,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
    ) -> None:
        """Print a table of the layers: output shapes, numbers of parameters, and what each is connected to.

        Args:
            print_fn: called with the whole text instead of `print`.
            expand_nested: whether to list the layers of models in the model.
            show_trainable: whether to add a column that shows which layers are trained.
            line_length, positions: Keras's, which change nothing: columns are as wide as their contents.

        Layers whose input shape is not known yet are listed as "0 (unbuilt)".
        """
        text = summary_text(self, expand_nested, show_trainable)
        if print_fn is None:
            print(printable(text))
        else:
            print_fn(text)

    _rules = None

    def add_weight(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return a new parameter, or a buffer if not trainable, to be assigned to an attribute.

        Example:
            >>> Model().add_weight((2, 3), "zeros").shape
            (2, 3)
        """
        return Layer.add_weight(cast(Layer, self), *args, **kwargs)

    __repr__ = Trainer.__repr__  # the tree of layers rather than the arguments

    def _repr_html_(self) -> str:
        """Return the summary as a table for a notebook; before the model is built, its `repr`."""
        return summary_html(self)

    def reset_states(self) -> None:
        """Make every stateful recurrent layer start from zeros with the next batch."""
        for _, module in self._walk():
            if module is not self and not isinstance(module, Model) and hasattr(type(module), "reset_states"):
                module.reset_states()

    # ---- configuration ----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the layers and calls as plain values; for a subclass, its constructor's arguments."""
        return super().get_config() if self._plan is None else functional_config(self, self._plan, self._functional)

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
        if "input_layers" in config:  # Keras's
            with reading(config):
                model = cls.__new__(cls)
                model._make(make_plan("Model", *saving.keras.reading.functional(config)), config.get("name"), None)
                return model
        if "calls" not in config:
            return super().from_config(config)
        with reading(config):
            plan, dtype = functional_from_config(config)
            model = cls.__new__(cls)
            model._make(plan, config.get("name"), dtype)
            return model

    def to_json(self, **kwargs: Any) -> str:
        """Return the architecture as JSON, without weights; see `nn.models.model_from_json`.

        Args:
            kwargs: of `json.dumps`, such as indent=2.

        Raises:
            TypeError: if something in it has no plain form, such as a custom function that is not registered.
        """
        return descriptions.to_json(self, **kwargs)

    # ---- saving -----------------------------------------------------------------------------------------------------

    def save_weights(self, path: Any, overwrite: bool = True) -> None:
        """Write all parameters and buffers to a file; see `nn.saving.save_weights`.

        Args:
            overwrite: whether an old file is replaced; an error otherwise.
        """
        saving.save_weights(self, path, overwrite)

    def load_weights(self, path: Any, skip_mismatch: bool = False) -> None:
        """Assign all parameters and buffers from a file; see `nn.saving.load_weights`.

        Args:
            skip_mismatch: whether to assign what fits and leave the rest, with a warning.
        """
        saving.load_weights(self, path, skip_mismatch)

    def save(self, path: Any, include_optimizer: bool = True, *, overwrite: bool = True) -> None:
        """Write the whole model, and how it is trained, to one file; see `nn.saving.save_model`.

        Args:
            include_optimizer: whether training can continue from the file.
            overwrite: whether an old file is replaced; an error otherwise.
        """
        saving.save_model(self, path, include_optimizer, overwrite=overwrite)


Model.add_weight.__signature__ = inspect.signature(Layer.add_weight)  # type: ignore[attr-defined]
arguments_from(Layer.add_weight)(Model.add_weight)

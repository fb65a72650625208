"""The base of all layers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar, TypedDict, cast

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor, tensor
from autograd_lite.arrays import move

from .. import constraints, initializers, regularizers
from ..config.arguments import Check, flag, is_integer, positive
from ..config.config import Configurable
from ..config.fields import Accessor, Converted, attribute, fields_of, option
from ..config.limits import spend
from ..config.settings import DTypeLike
from ..module.elsewhere import PYTORCH_ARGUMENTS
from ..module.module import Module, Shape
from ..module.penalties import (
    Added,
    Rules,
    add_penalty,
    clear_added,
    inside_model,
    note_constraint,
    penalties,
    weight_and_kind,
)
from .input_spec import check_inputs

Function = Callable[..., Any]
Rule = str | Function | None
_GETTERS = {"regularizer": regularizers.get, "constraint": constraints.get}
_CHECKS: dict[str, Check] = {
    "regularizer": lambda owner, name, value: regularizers.get(value),
    "constraint": lambda owner, name, value: constraints.get(value),
}


class PlainOptions(TypedDict, total=False):
    """Those of `LayerOptions` that no constructor has among its own arguments."""

    input_shape: Sequence[int | None] | None
    input_dim: int | None
    name: str | None
    dtype: DTypeLike
    trainable: bool


class LayerOptions(PlainOptions, total=False):
    """The keyword arguments that every layer takes, for a constructor that is written; see `Layer`."""

    activity_regularizer: Rule


class Layer(Configurable, Module):
    """A module that may know the shape of its input beforehand, and makes weights with initializers.

    Args:
        input_shape: shape of one sample, without the batch axis; None to learn it from the first call. As the first
            layer of a `Sequential` it may have None for lengths that are not known.
        input_dim: D, which means input_shape=(D,).
        name: used in summaries, paths and error messages.
        dtype: floating dtype of inputs and weights, or a DTypePolicy of one; float32 by default.
        trainable: whether its parameters, and those of its parts, require gradients; see the attribute.
        activity_regularizer: penalty on the output, divided by the number of samples: a name, a Regularizer or a
            function; None for none.
        rules: `<weight>_regularizer` and `<weight>_constraint` for each weight that the class annotates, such as
            `kernel_regularizer="l2"` and `bias_constraint="non_neg"`; see `nn.regularizers` and `nn.constraints`.

    Raises:
        TypeError: for an argument that the layer does not have.

    Example:
        >>> class Bias(Layer):
        ...     def build(self, input_shape):
        ...         self.bias = self.add_weight(input_shape[1:], initializer="ones")
        ...     def call(self, x):
        ...         return x + self.bias
        >>> Bias()([[1.0, 2.0]]).tolist()
        [[2.0, 3.0]]
    """

    input_shape: Converted[Sequence[int | None] | None, tuple[int, ...] | None] = option(default=None, kw_only=True)
    input_dim: int | None = option(default=None, kw_only=True)
    name: Converted[str | None, str] = option(default=None, kw_only=True)
    dtype: Converted[DTypeLike, np.dtype[Any]] = option(default=None, kw_only=True)
    trainable: bool = option(default=True, kw_only=True)
    activity_regularizer: Converted[Rule, Function | None] = option(default=None, kw_only=True)
    #: arguments of Keras's layer that choose between implementations, or say what is known anyway
    without_effect: ClassVar[frozenset[str]] = frozenset()
    _other_words = PYTORCH_ARGUMENTS
    #: an InputSpec, or a list of them, that the inputs of each call must fit
    input_spec: Any = attribute(None)
    _rules: Rules | None = attribute(None)
    _added: Added | None = attribute(None)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, argument in fields_of(cls, Layer).items():
            kind = name.rpartition("_")[2]
            if argument.handed_on and argument.check is None and kind in _GETTERS:
                argument.check = _CHECKS[kind]
                setattr(cls, name, _RuleAccessor(name))

    def __init__(
        self,
        *,
        input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
        trainable: bool = True,
        activity_regularizer: str | Callable[..., Any] | None = None,
        **rules: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if activity_regularizer is not None:
            self.activity_regularizer = regularizers.get(activity_regularizer)
        if not flag(self, "trainable", trainable):
            self._trainable, self._made_frozen = False, True
        if rules and (effective := {k: rule for k, rule in rules.items() if k not in self.without_effect}):
            self._rules = Rules(self, effective, _GETTERS)
        if input_shape is None and input_dim is not None:
            input_shape = (positive(self, "input_dim", input_dim),)
        if input_shape is not None:
            shape = _check_shape(type(self).__name__, input_shape)
            if None in shape:
                self._open_shape = shape
            else:
                self._sample_shape = cast(tuple[int, ...], shape)

    __repr__ = Module.__repr__

    @property
    def _speaker(self) -> str:
        """The layer as the errors of a call name it: "layer 'dense' (Dense)"."""
        return f"layer '{self._path or self.name}' ({type(self).__name__})"

    def add_weight(
        self,
        shape: Sequence[int | None] | None = (),
        initializer: str | Callable[..., Any] | None = "glorot_uniform",
        dtype: npt.DTypeLike | None = None,
        trainable: bool = True,
        regularizer: str | Callable[..., Any] | None = None,
        constraint: str | Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Tensor:
        """Return a new parameter, or a buffer if not trainable, to be assigned to an attribute.

        Args:
            shape: of the weight; () for a single number.
            initializer: name, Initializer or function of (shape, dtype).
            dtype: by default the layer's.
            trainable: whether it requires a gradient; integers never do.
            regularizer: penalty on it: a name, a Regularizer or a function of a tensor; None for none.
            constraint: the set to which each step brings it back: a name, a Constraint or a function of an array.
            name: as Keras has it; here the attribute that it is assigned to names the weight.
        """
        if isinstance(shape, str):
            raise TypeError(
                f"{self.name}.add_weight: expected the shape of a weight first; received {shape!r}. Write "
                f"add_weight(shape=..., name={shape!r})"
            )
        shape = () if shape is None else shape
        initializer = "glorot_uniform" if initializer is None else initializer
        penalty, bound = regularizers.get(regularizer), constraints.get(constraint)
        if None in shape:
            raise ValueError(
                f"{self.name}.add_weight: expected a shape without unknown lengths; received {tuple(shape)}"
            )
        spend(tuple(shape))
        kind = self.dtype if dtype is None else np.dtype(dtype)
        values = initializers.get(initializer)(tuple(shape), kind)
        weight = tensor(values, dtype=kind, requires_grad=kind.kind == "f")  # a leaf, in a function that is traced too
        weight.requires_grad = trainable and kind.kind == "f"
        if self._device_array is not None:
            move(weight, self._device_array)
        if penalty is not None or bound is not None:
            rules = copy.copy(self._rules or Rules(self, {}, _GETTERS))  # a failed build gets the old ones back
            rules.weights = [*rules.weights, (weight, penalty, bound)]
            self._rules = rules
        return weight

    @property
    def losses(self) -> list[Tensor]:
        """The penalties on the weights, and those that the last call has added, here and in all parts below."""
        return penalties(self)

    def add_loss(self, loss: Tensor | float) -> None:
        """Add a penalty, a scalar, from within `call`; `fit` adds it to the loss.

        Raises:
            ShapeError: if it is not a scalar.
        """
        add_penalty(self, loss)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the layer's own weights, without those of its parts, into a store for a file of Keras: "0", "1", ….

        Args:
            store: what the file has for this layer; a class that overrides both methods may use other keys.
        """
        weights = [member for _, member in self._in_keras_order() if isinstance(member, Tensor) and member.is_leaf]
        store.update({str(i): weight.numpy() for i, weight in enumerate(weights)})

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Assign the weights that `save_own_variables` has stored.

        Args:
            store: arrays by their keys.
        """
        weights = [member for _, member in self._in_keras_order() if isinstance(member, Tensor) and member.is_leaf]
        for i, weight in enumerate(weights):
            weight.assign(store[str(i)])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module; the penalty on its output, if there is one, is then among `losses`."""
        if self._added is not None and not inside_model():
            clear_added(self)
        if self.input_spec is not None and args:
            check_inputs(self._speaker, self.input_spec, args[0])
        out = super().__call__(*args, **kwargs)
        if self.activity_regularizer is not None:
            for part in out if isinstance(out, (list, tuple)) else [out]:
                if isinstance(part, Tensor):
                    penalty = self.activity_regularizer(part)
                    self.add_loss(penalty / part.shape[0] if part.shape else penalty)
        return out


class _RuleAccessor(Accessor):
    """The attribute `<weight>_regularizer` or `<weight>_constraint`, which the layer's `Rules` have by the weight."""

    def get(self, owner: Layer) -> Any:
        """Return the rule, or None."""
        weight, kind = weight_and_kind(type(owner), self.name)
        return None if owner._rules is None else owner._rules.by_name(kind).get(str(weight))

    def put(self, owner: Layer, value: Any) -> None:
        """Give the weight this rule; a regularizer counts at once, a constraint when an optimizer is next bound."""
        weight, kind = weight_and_kind(type(owner), self.name)
        rules = Rules(owner, {}, _GETTERS) if owner._rules is None else owner._rules
        owner._rules = rules.with_rule(kind, str(weight), value)
        if kind == "constraint" and isinstance(tensor := vars(owner).get(str(weight)), Tensor):
            note_constraint(tensor, value)


Layer.activity_regularizer = None  # type: ignore[assignment]  # for a subclass that forgets super().__init__()


class SameShape(Layer):
    """A layer whose result has the shape of its input, and its mask."""

    supports_masking = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def _check_shape(layer: str, shape: Any) -> tuple[int | None, ...]:
    typed = isinstance(shape, (tuple, list)) and all(n is None or is_integer(n) for n in shape)
    if not typed or any(n is not None and n < 1 for n in shape):
        hint = f"({shape},)" if isinstance(shape, int) else "(784,) or (28, 28)"
        raise (ValueError if typed else TypeError)(
            f"{layer}: expected input_shape to be a tuple of positive integers, without the batch axis; "
            f"received input_shape={shape!r}. Write input_shape={hint}"
        )
    return tuple(None if n is None else int(n) for n in shape)

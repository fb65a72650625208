"""Regularizers and constraints of a layer's weights, and the penalties that a forward pass leaves behind."""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from autograd_lite import ShapeError, Tensor, tensor

from ..config.ambient import CALL, Call
from ..config.arguments import unknown_argument
from ..config.config import cached_by_class
from ..config.fields import fields_of
from .tags import Tags
from .tree import Tree

# Keras's prefixes of arguments for weights of other names.
_ALSO = {"depthwise": "kernel"}
_CONSTRAINTS: Tags[Callable[..., Any]] = Tags()
Rule = Callable[..., Any]


@cached_by_class
def _weights(owner: type) -> frozenset[str]:
    """Return the names of a class's weights: its annotations without its arguments."""
    annotated = {name for base in owner.__mro__ for name in vars(base).get("__annotations__", ())}
    return frozenset(annotated - fields_of(owner).keys())


def weight_and_kind(owner: type, argument: str) -> tuple[str | None, str]:
    """Return the weight and the kind that `<weight>_regularizer` or `<weight>_constraint` stands for, None for none."""
    prefix, _, kind = argument.rpartition("_")
    names, weights = (prefix, f"{prefix}_kernel", _ALSO.get(prefix, "")), _weights(owner)
    return next((name for name in names if prefix and name in weights), None), kind


class Rules:
    """The regularizers and constraints of a layer's weights, by the names of attributes.

    Args:
        layer: the layer; its class's annotations name its weights.
        arguments: `<weight>_regularizer` and `<weight>_constraint` by name.
        getters: for "regularizer" and "constraint" the function that makes a rule of a value.

    Raises:
        TypeError: for an argument that belongs to no weight of the layer.
    """

    def __init__(self, layer: Tree[Any], arguments: Mapping[str, Any], getters: Mapping[str, Rule]) -> None:
        self.regularizers: dict[str, Callable[..., Any]] = {}
        self.constraints: dict[str, Callable[..., Any]] = {}
        #: weights with a regularizer or a constraint from `add_weight`
        self.weights: list[tuple[Tensor, Callable[..., Any] | None, Callable[..., Any] | None]] = []
        owner = type(layer)
        for argument, value in arguments.items():
            weight, kind = weight_and_kind(owner, argument)
            if weight is None or kind not in getters:
                others = [name for name in inspect.signature(owner).parameters if name not in arguments]
                raise unknown_argument(owner.__name__, [argument], others, getattr(owner, "_other_words", None))
            rule = getters[kind](value)
            if rule is not None:
                self.by_name(kind)[weight] = rule

    def by_name(self, kind: str) -> dict[str, Callable[..., Any]]:
        """Return the regularizers, or the constraints, by the names of weights."""
        return self.regularizers if kind == "regularizer" else self.constraints

    def with_rule(self, kind: str, weight: str, rule: Rule | None) -> Rules:
        """Return a copy in which a weight has this regularizer, or constraint, and no other."""
        twin, others = copy.copy(self), {k: r for k, r in self.by_name(kind).items() if k != weight}
        setattr(twin, f"{kind}s", others if rule is None else {**others, weight: rule})
        return twin

    def of(self, layer: Tree[Any], kind: str) -> Iterator[tuple[Tensor, Callable[..., Any]]]:
        """Yield the existing weights that have a regularizer, or a constraint, together with it."""
        for name, rule in self.by_name(kind).items():
            weight = vars(layer).get(name)
            if isinstance(weight, Tensor):
                yield weight, rule
        for weight, regularizer, constraint in self.weights:
            function = regularizer if kind == "regularizer" else constraint
            if function is not None:
                yield weight, function


class Added(threading.local):
    """The penalties that a layer's calls have added, per thread; a copy of a layer starts without any."""

    #: whether any layer of this process has added one; if not, no tree need be walked
    ever = False

    def __init__(self) -> None:
        Added.ever = True
        self.terms: list[Tensor] = []

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return Added, ()


def penalties(module: Tree[Any]) -> list[Tensor]:
    """Return the penalties that the last call of a tree added, and then those on its trainable weights."""
    terms: list[Tensor] = []
    on_weights: list[Tensor] = []
    for _, part in module._walk():
        rules, added = vars(part).get("_rules"), vars(part).get("_added")
        if rules is not None:
            on_weights += [regularizer(w) for w, regularizer in rules.of(part, "regularizer") if w.requires_grad]
        if added is not None:
            terms += added.terms
    return terms + on_weights


def has_penalties(modules: Iterable[Tree[Any]]) -> bool:
    """Return whether a call of these modules may leave penalties."""
    for part in modules:
        own = vars(part)
        rules = own.get("_rules")
        if own.get("_added") is not None or getattr(part, "activity_regularizer", None) is not None:
            return True
        if rules is not None and (rules.regularizers or any(r for _, r, _ in rules.weights)):
            return True
    return False


def add_penalty(module: Any, loss: Tensor | float) -> None:
    """Add a penalty to those of the running call of a module.

    Raises:
        ShapeError: if it is not a scalar.
    """
    shape = np.shape(loss)
    if shape != ():
        raise ShapeError(f"{module.name}.add_loss: expected a scalar; received shape {shape}. Take its sum or mean")
    added = vars(module).get("_added")
    if added is None:
        added = vars(module).setdefault("_added", Added())
    added.terms.append(loss if isinstance(loss, Tensor) else tensor(loss, dtype=module.dtype))


def added_by(module: Tree[Any]) -> list[Added]:
    """Return the holders of the penalties that the calls of a tree add."""
    return [added for _, part in module._walk() if (added := vars(part).get("_added")) is not None]


def clear_added(module: Tree[Any]) -> None:
    """Forget the penalties that the calls of a tree have added."""
    for added in added_by(module):
        added.terms = []


def inside_model() -> bool:
    """Return whether a model's call is running in this thread."""
    return CALL.get().in_model


def model_call(model: Tree[Any], call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Run a model's call; the outermost one starts without the penalties of the previous call."""
    around = CALL.get()
    if around.in_model:
        return call(*args, **kwargs)
    try:
        # `around._replace(in_model=True)`, without two Python calls for each call of a model.
        CALL.set(tuple.__new__(Call, (True, *around[1:])))
        if Added.ever:
            clear_added(model)
        return call(*args, **kwargs)
    finally:
        CALL.set(around)


def note_constraint(weight: Any, constraint: Rule | None) -> None:
    """Make the constraint of a weight known, or that it has none."""
    if constraint is not None:
        _CONSTRAINTS.give(weight, constraint)
    else:
        _CONSTRAINTS.pop(id(weight), None)


def note_constraints(module: Tree[Any]) -> None:
    """Make the constraints of a tree known to `constraint_of`."""
    for _, part in module._walk():
        rules = vars(part).get("_rules")
        if rules is not None:
            for weight, constraint in rules.of(part, "constraint"):
                note_constraint(weight, constraint)


def constraint_of(weight: Tensor) -> Callable[..., Any] | None:
    """Return the constraint of a weight, or None; known once its module was asked for its parameters."""
    return _CONSTRAINTS.of(weight)

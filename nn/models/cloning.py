"""Copies of models with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd_lite as ag

from ..config.arguments import checked
from ..config.config import CustomObjectScope, class_called, name_in_configurations
from ..config.nesting import with_room
from ..layers import Input
from ..module.module import Module
from ..module.symbols import Symbol, instances
from ..module.tree import levels_of
from ..saving.descriptions import describe, remake
from .plan import Plan, is_input


@with_room(levels_of)
@checked
def clone_model(
    model: Module, input_tensors: Any = None, clone_function: Callable[[Module], Module] | None = None
) -> Any:
    """Return a copy of a model with new layers and new initial weights, compiled as the model is.

    Its optimizer and its metrics are new ones that begin anew.

    Args:
        model: made of plain values and objects of nn, or a subclass whose constructor's arguments are. The copy of a
            built model is built.
        input_tensors: symbols made by `nn.Input` from which the new model starts, if its inputs are to have other
            shapes; for a Sequential or functional model.
        clone_function: called with each layer, returns its replacement; for a Sequential or functional model. The
            default is `type(layer).from_config(layer.get_config())`.

    Returns:
        The new model, of the same class.

    Raises:
        TypeError: if a layer has no configuration, or the last two arguments are given for another model.
        ValueError: if there are more or fewer input tensors than inputs.

    Example:
        >>> from nn import Input, Sequential, layers
        >>> model = Sequential([Input((3,)), layers.Dense(2), layers.Dropout(0.5)])
        >>> target = clone_model(model)
        >>> target.set_weights(model.get_weights())
        >>> def without_dropout(layer):
        ...     return layers.Identity() if isinstance(layer, layers.Dropout) else clone_layer(layer)
        >>> def clone_layer(layer):
        ...     return type(layer).from_config(layer.get_config())
        >>> clone_model(model, clone_function=without_dropout).layers
        [Dense(3 -> 2), Identity()]
    """
    new = _clone(model, input_tensors, clone_function)
    if getattr(model, "compiled", False) is True:
        _compile_as(model, new)
    return new


def _compile_as(model: Any, new: Any) -> None:
    """Compile a copy as its model is compiled, with new objects."""
    config = model.get_compile_config()
    kinds: set[Any] = {type(part) for part in ag.tree.leaves(model._compiled.arguments())}
    with CustomObjectScope(_own_names(kinds)):
        new.compile_from_config(config)


def _own_names(kinds: set[Any]) -> dict[str, Any]:
    """Return the classes that another one of the same name would be taken for.

    A name means the class that was defined last; a copy must be made of the original's own classes.
    """
    names = {name_in_configurations(kind): kind for kind in kinds if hasattr(kind, "get_config")}
    return {name: kind for name, kind in names.items() if class_called(name) is not kind}


def _clone(model: Module, input_tensors: Any, clone_function: Callable[[Module], Module] | None) -> Any:
    if input_tensors is None and clone_function is None:
        return _copy_of(model)
    make = _copy_of if clone_function is None else clone_function
    starts = None if input_tensors is None else _starts(input_tensors)
    plan = getattr(model, "_plan", None)
    if plan is not None:
        new = _functional(model, plan, make, starts)
    elif hasattr(model, "pop"):
        new = _sequential(model, make, starts)
    else:
        raise TypeError(
            f"clone_model: expected a Sequential or a functional model with input_tensors or clone_function; received "
            f"a {type(model).__name__}, whose layers its own code makes"
        )
    frozen = {path for path, part in model.named_modules() if not part.trainable}
    for path, part in new.named_modules():
        if path in frozen:
            part.trainable = False
    return new


def _copy_of(layer: Module) -> Any:
    kinds: set[Any] = {type(part) for _, part in layer.named_modules()}
    with CustomObjectScope(_own_names(kinds)):
        return remake(describe(layer))


def _starts(input_tensors: Any) -> list[Symbol]:
    symbols = instances(Symbol, input_tensors)
    if not symbols or not all(is_input(symbol) for symbol in symbols):
        raise TypeError(
            f"clone_model: expected input_tensors to be symbols made by nn.Input, one or a list; received "
            f"{input_tensors!r:.80}"
        )
    return symbols


def _replace(make: Callable[[Module], Any], layer: Module) -> Module:
    new = make(layer)
    if not isinstance(new, Module) or new is layer:
        received = "the layer itself, which shares its weights" if new is layer else repr(new)[:80]
        raise TypeError(
            f"clone_model: expected clone_function to return a new layer for {layer.name!r}; received {received}. "
            "Return type(layer).from_config(layer.get_config()) for those to keep as they are"
        )
    return new


def _sequential(model: Any, make: Callable[[Module], Module], starts: list[Symbol] | None) -> Any:
    if starts is not None and len(starts) != 1:
        raise ValueError(f"clone_model: expected one input tensor for a Sequential; received {len(starts)}")
    if starts is None and model._sample is not None:
        starts = [Input(model._sample, dtype=model._sample_dtype)]
    return type(model)(
        [*(starts or []), *(_replace(make, layer) for layer in model.layers)], name=model._name, dtype=model.dtype
    )


def _functional(model: Any, plan: Plan, make: Callable[[Module], Module], starts: list[Symbol] | None) -> Any:
    if starts is not None and len(starts) != len(plan.input_slots):
        raise ValueError(f"clone_model: expected {len(plan.input_slots)} input tensors; received {len(starts)}")
    new = {id(step.module): step.module for step in plan.steps}
    new = {key: _replace(make, layer) for key, layer in new.items()}
    symbols: list[Any] = [None] * len(plan.specs)
    for i, slot in enumerate(plan.input_slots):
        shape, dtype = plan.specs[slot]
        source = plan.sources.get(slot)
        name = f"input_{i}" if source is None else source._name
        symbols[slot] = Input(shape[1:], dtype=dtype, name=name) if starts is None else starts[i]
    for step in plan.steps:
        result = new[id(step.module)](*plan.fill(step.args, symbols), **plan.fill(step.kwargs, symbols))
        for slot, symbol in zip(step.outs, instances(Symbol, result), strict=True):
            symbols[slot] = symbol
    return type(model)(
        plan.fill(plan.inputs, symbols), plan.fill(plan.outputs, symbols), name=model._name, dtype=model.dtype
    )

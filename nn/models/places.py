"""Which model a layer was last taken from: `layer.input` and `layer.output` are symbols of that model."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary, ref

from ..module.module import Module
from ..module.symbols import NO_PLACE, Symbol
from .plan import Plan

# Weak on both sides: a layer must not keep the other layers of a model alive.
_MODELS: WeakKeyDictionary[Module, ref[Any]] = WeakKeyDictionary()


def note_places(model: Any, layers: list[Module], again: bool = True) -> None:
    """Let the symbols of these layers be those of a model.

    Args:
        model: a functional model, or a Sequential.
        layers: some of its layers.
        again: whether layers of another model count too. Not when a model is made: one that is made of another's first
            layers leaves them where they were.
    """
    this = ref(model)
    for layer in layers:
        if again or (holder := _MODELS.get(layer)) is None or holder() is None:
            _MODELS[layer] = this


def symbols_of(layer: Module, which: str) -> Any:
    """Return the symbols that go into a layer, or come out of it, at its first call in the model that it is in.

    Args:
        layer: any module.
        which: "input" or "output".

    Returns:
        A symbol, or a list of them; `NO_PLACE` for a layer that is in no model.
    """
    model_ref = _MODELS.get(layer)
    plan: Plan | None = None if model_ref is None or (model := model_ref()) is None else model._symbol_plan()
    if plan is None:
        return NO_PLACE
    for module, ins, outs in plan.calls():
        if module is layer:
            return _one(plan, ins if which == "input" else outs)
    for slot, source in plan.sources.items():
        if source is layer:
            return plan.symbols()[slot]
    return NO_PLACE


def _one(plan: Plan, slots: list[int]) -> Symbol | list[Symbol]:
    symbols = [plan.symbols()[slot] for slot in slots]
    return symbols[0] if len(symbols) == 1 else symbols

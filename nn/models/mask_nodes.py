"""Masks as separate calls: Keras computes them on symbols, and counts them where it orders layers by depth."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from .slots import Slot, Step, sorted_slots

#: (a module, slots in, slots out)
Call = tuple[Any, list[int], list[int]]

# Layers after which there is no mask: Keras's layers of these names drop it, or Keras has none of them.
_WITHOUT_MASK = frozenset(("Operation", "Lambda", "Dot", "GlobalAveragePooling1D", "Normalization", "RMSNormalization"))


def with_masks(calls: Sequence[Call], steps: Sequence[Step], free: int) -> list[Call]:
    """Return the calls and, between them, those that compute masks in Keras, which go to layers that take one.

    Args:
        calls: of the inputs.
        steps: of the layers.
        free: the first slot number that neither uses.
    """
    calls_and_masks: list[Call] = list(calls)
    numbers = itertools.count(free)
    masks: dict[int, int] = {}

    def add(*slots: int) -> int:
        out = next(numbers)
        calls_and_masks.append((object(), list(slots), [out]))
        return out

    for step in steps:
        tensors = [part for part in (*step.args, *step.kwargs.values()) if sorted_slots(part)]
        ins = sorted_slots([step.args, step.kwargs])
        alone = tensors[0] if len(tensors) == 1 else None
        if isinstance(alone, Slot) and alone.i in masks and _takes_mask(step.module):
            ins.append(masks[alone.i])
        calls_and_masks.append((step.module, ins, step.outs))
        if step.outs and (mask := _mask_of(step.module, sorted_slots(step.args[:1]), masks, add)) is not None:
            masks[step.outs[0]] = mask
    return calls_and_masks


def _kinds(module: Any) -> set[str]:
    return {kind.__name__ for kind in type(module).__mro__}


def _takes_mask(module: Any) -> bool:
    return "Model" in _kinds(module) or "mask" in inspect.signature(type(module).call).parameters


def _mask_of(module: Any, slots: list[int], masks: dict[int, int], add: Callable[..., int]) -> int | None:
    """Return the slot of the mask of a layer's result, after the calls that make it; None if it has none."""
    kinds, given_masks = _kinds(module), [masks.get(slot) for slot in slots]
    if "Embedding" in kinds:
        return add(slots[0]) if module.mask_zero else None
    if "Masking" in kinds:
        return add(add(slots[0]))
    if (
        not any(mask is not None for mask in given_masks)
        or not module.supports_masking
        or kinds & {*_WITHOUT_MASK, "Model"}
    ):
        return None
    if "Concatenate" in kinds:
        pairs = zip(slots, given_masks, strict=True)
        return add(add(*[add(slot) if mask is None else add(add(mask), add(slot)) for slot, mask in pairs]))
    if "Attention" in kinds:
        return None if given_masks[0] is None else add(given_masks[0])
    if "Merge" in kinds:
        return (
            None if None in given_masks else functools.reduce(add, [mask for mask in given_masks if mask is not None])
        )
    if kinds & {"RNN", "Bidirectional"}:
        return given_masks[0] if getattr(module, "forward_layer", module).return_sequences else None
    return given_masks[0]

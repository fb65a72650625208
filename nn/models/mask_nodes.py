"""Masks as calls of their own: Keras computes them on symbols, and counts them where it orders layers by depth."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from .slots import Slot, Step, sorted_slots

#: (what is called, slots in, slots out)
Called = tuple[Any, list[int], list[int]]

# Layers of which Keras's counterpart, or no counterpart, passes a mask on.
_LOSING = frozenset(("Operation", "Lambda", "Dot", "GlobalAveragePooling1D", "Normalization", "RMSNormalization"))


def with_masks(calls: Sequence[Called], steps: Sequence[Step], free: int) -> list[Called]:
    """Return calls, those that would compute masks on symbols among them, and masks among what layers are given.

    Args:
        calls: of the inputs.
        steps: of the layers.
        free: the first slot that neither has.
    """
    found: list[Called] = list(calls)
    numbers = itertools.count(free)
    masks: dict[int, int] = {}

    def made(*slots: int) -> int:
        out = next(numbers)
        found.append((object(), list(slots), [out]))
        return out

    for step in steps:
        tensors = [part for part in (*step.args, *step.kwargs.values()) if sorted_slots(part)]
        ins = sorted_slots([step.args, step.kwargs])
        alone = tensors[0] if len(tensors) == 1 else None
        if isinstance(alone, Slot) and alone.i in masks and _takes_mask(step.module):
            ins.append(masks[alone.i])
        found.append((step.module, ins, step.outs))
        if step.outs and (mask := _mask_of(step.module, sorted_slots(step.args[:1]), masks, made)) is not None:
            masks[step.outs[0]] = mask
    return found


def _kinds(module: Any) -> set[str]:
    return {kind.__name__ for kind in type(module).__mro__}


def _takes_mask(module: Any) -> bool:
    return "Model" in _kinds(module) or "mask" in inspect.signature(type(module).call).parameters


def _mask_of(module: Any, given: list[int], masks: dict[int, int], made: Callable[..., int]) -> int | None:
    """Return the slot of the mask of a layer's result, after the calls that make it; None if it has none."""
    kinds, known = _kinds(module), [masks.get(slot) for slot in given]
    if "Embedding" in kinds:
        return made(given[0]) if module.mask_zero else None
    if "Masking" in kinds:
        return made(made(given[0]))
    if not any(mask is not None for mask in known) or not module.supports_masking or kinds & {*_LOSING, "Model"}:
        return None
    if "Concatenate" in kinds:
        pairs = zip(given, known, strict=True)
        return made(made(*[made(slot) if mask is None else made(made(mask), made(slot)) for slot, mask in pairs]))
    if "Attention" in kinds:
        return None if known[0] is None else made(known[0])
    if "Merge" in kinds:
        return None if None in known else functools.reduce(made, [mask for mask in known if mask is not None])
    if kinds & {"RNN", "Bidirectional"}:
        return known[0] if getattr(module, "forward_layer", module).return_sequences else None
    return known[0]

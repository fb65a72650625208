"""Masks that travel with tensors through a model: which time steps are there, and which are padding.

A layer with `compute_mask`, such as an Embedding with `mask_zero`, makes one, of shape (N, T). It reaches every later
layer whose `call` has a parameter `mask` (recurrent layers, transformer blocks) or `query_mask`, `value_mask` and
`key_mask` (attention), where the caller gives none. It goes on as long as tensors have three or more axes that begin
with (N, T). Inside a model that is a layer, masks begin anew.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd_lite import Tensor

from .module import Module

__all__ = ["makes_masks", "masked_call", "together"]


def makes_masks(modules: Iterable[Module]) -> bool:
    """Return whether a mask can come up among these layers."""
    return any(hasattr(type(module), "compute_mask") for module in modules)


@functools.cache
def _parameters(kind: Any) -> tuple[str, ...]:
    """Return the parameters of `call` that masks of the first, second and third argument go to."""
    names = inspect.signature(kind.call).parameters
    if "mask" in names:
        return ("mask",)
    return tuple(name for name in ("query_mask", "value_mask", "key_mask") if name in names)


def masked_call(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], masks: list[Any]) -> tuple[Any, Any]:
    """Return what a layer returns, and the mask of its result, or None.

    Args:
        module: the layer.
        args: its arguments.
        kwargs: its keyword arguments; a mask among them stays.
        masks: of the arguments in order, None where there is none; of a list the mask that its tensors have in common.
    """
    kind: Any = type(module)
    given = {name: m for name, m in zip(_parameters(kind), masks, strict=False) if m is not None}
    out = module(*args, **{**given, **kwargs})
    known = masks[0] if masks else None
    compute = getattr(kind, "compute_mask", None)
    if compute is not None and args:
        known = compute(module, args[0], known)
    first = out[0] if isinstance(out, (list, tuple)) and out else out
    fits = known is not None and isinstance(first, Tensor) and first.ndim > 2 and first.shape[:2] == np.shape(known)
    return out, known if fits else None


def together(masks: Iterable[Any]) -> Any:
    """Return where all masks are True; None where there are none."""
    found = [m for m in masks if m is not None]
    return functools.reduce(np.logical_and, found) if found else None

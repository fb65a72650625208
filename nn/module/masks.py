"""Masks: which time steps of a tensor are real and which are padding; they travel with tensors from layer to layer.

A mask has booleans, True where a step counts, along the tensor's first axes: (N, T) for a tensor (N, T, D). It is a
Tensor where it was computed from one, so that a traced model computes it anew, else an array.
`Embedding` with `mask_zero` and `Masking` make one, and so may every layer with a `compute_mask` of its own. It belongs
to the tensor that the layer returned: inside models and outside, in nested models and shared layers.

- A layer whose `call` has a parameter `mask` is given the mask of its first argument, and one with a parameter
  `<argument>_mask`, such as `query_mask`, the mask of that argument, where the caller gives none.
- `compute_mask(inputs, previous_mask)` says what mask the result has; a layer with `supports_masking` alone passes on
  the mask of its first argument. Any other layer drops the mask, with a warning.
- A loss counts the steps of predictions where their mask is True, and so do the metrics of a compiled model.

This is how Keras 3 does it, without losing masks where Keras does: a recurrent layer with an `initial_state` reads the
mask too; `Softmax`, `RMSNormalization` and operators on symbols pass it on; metrics that are not means, such as
`Precision`, respect it; and in an epoch's loss a batch weighs as much as the steps that count in it, so the batch size
does not matter.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor, tree
from autograd_lite.arrays import as_array, asarray_like

from ..config.config import cached_by_class
from .tags import Tags

# Where it is empty, as in every model without masks, layers need not ask.
MASKS: Tags[Any] = Tags()


class Maskable(Protocol):
    """The parts of a module that `masked_call` uses."""

    _path: str | None
    _takes_masks: ClassVar[bool]

    @property
    def name(self) -> str:
        """The name in messages."""

    def _cast(self, x: Any) -> Any: ...

    def _cast_and_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

    def _output_mask(self, args: tuple[Any, ...], previous_mask: Any, out: Any) -> Any: ...


def mask_of(tensor: Any) -> Any:
    """Return a tensor's mask, or None."""
    return MASKS.of(tensor)


def set_mask(tensor: Tensor, mask: Any) -> None:
    """Give a tensor a mask, for as long as the tensor lives."""
    MASKS.give(tensor, as_flags(mask))


def as_flags(mask: Any) -> Any:
    """Return a mask as booleans, a Tensor or an array."""
    flags = mask if isinstance(mask, Tensor) else as_array(mask)
    return flags if flags.dtype.kind == "b" else flags != 0


def masks_in(structure: Any) -> Any:
    """Return the masks of tensors, nested like them; None where no tensor has one."""
    masks = tree.map(mask_of, structure)
    return masks if any_mask(masks) else None


def any_mask(masks: Any) -> bool:
    """Return whether there is a mask in a structure of masks and None."""
    return bool(tree.leaves(masks))


def either(masks: Any) -> Any:
    """Return where at least one of several masks is True; None if one of them is missing."""
    if not masks or any(m is None for m in masks):
        return None
    masks = [as_flags(m) for m in masks]
    ndim = max(m.ndim for m in masks)
    return functools.reduce(np.logical_or, [_with_axes(m, ndim) for m in masks])


def join_masks(weights: Any, mask: Any) -> Any:
    """Return weights of samples or steps times a mask, in the shape of whichever has more axes."""
    if mask is None:
        return weights
    mask = as_array(mask.data if isinstance(mask, Tensor) else mask)
    if weights is None:
        return mask
    weights = asarray_like(as_array(weights), mask)
    ndim = max(weights.ndim, mask.ndim)
    return _with_axes(weights, ndim) * _with_axes(mask, ndim)


def _with_axes(x: Any, ndim: int) -> Any:
    return x.reshape(x.shape + (1,) * (ndim - x.ndim))


# ---- calls ----------------------------------------------------------------------------------------------------------


@cached_by_class
def _signature(kind: Any) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the names of the arguments of `call`, and pairs (argument, parameter that its mask goes to)."""
    parameters = list(inspect.signature(kind.call).parameters.values())[1:]
    names = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
    keywords = {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    pairs = [(name, f"{name}_mask") for name in names if f"{name}_mask" in keywords]
    if "mask" in keywords and names and kind._takes_masks:
        pairs.insert(0, (names[0], "mask"))
    return names, tuple(pairs)


def by_place(kind: Any, kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Return the first argument of `call`, taken from those given by name, as a tuple; () if it is not among them.

    Keras's layers call it `inputs`, ours mostly `x`.
    """
    names = _signature(kind)[0]
    names_given = [name for name in (*names[:1], *(() if "inputs" in names else ("inputs",))) if name in kwargs]
    return (kwargs.pop(names_given[0]),) if names and names_given else ()


def masked_call(module: Maskable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a module with the masks of its arguments, give the result its own mask, and return it."""
    kind: Any = type(module)
    names, pairs = _signature(kind)
    arguments = {**dict(zip(names, args, strict=False)), **kwargs}
    for argument, parameter in pairs:
        mask = masks_in(arguments.get(argument))
        if mask is not None and arguments.get(parameter) is None:
            arguments[parameter] = mask
            if parameter in (positional := names[: len(args)]):
                at = positional.index(parameter)
                args = (*args[:at], mask, *args[at + 1 :])
            else:
                kwargs[parameter] = mask
    first = args[0] if args else arguments.get(names[0]) if names else None
    previous = arguments.get("mask") if kind._takes_masks else None
    if previous is None:
        previous = masks_in(first)
    elif not isinstance(first, (list, tuple, Mapping)):
        previous = as_flags(previous)  # the caller may have written a list
    args = tuple([_cast(module, x) for x in args])
    out = module._cast_and_call(args, kwargs)
    masks = module._output_mask(args or tuple(arguments.values()), previous, out)
    if masks is not None:
        _give(module, out, masks)
    return out


def _cast(module: Maskable, x: Any) -> Any:
    """Return an argument cast for the module, with the masks that it had."""
    y = module._cast(x)
    if y is not x:
        _copy(x, y)
    return y


def _copy(x: Any, y: Any) -> None:
    if isinstance(x, (list, tuple)) and isinstance(y, (list, tuple)):
        for a, b in zip(x, y, strict=True):
            _copy(a, b)
    elif isinstance(x, Mapping) and isinstance(y, Mapping):
        for key in x:
            _copy(x[key], y[key])
    elif (mask := mask_of(x)) is not None and y is not x:
        set_mask(y, mask)


def _give(module: Maskable, out: Any, masks: Any) -> None:
    """Give the tensors of a result their masks, those of a list in order, unless they have one already."""
    if isinstance(out, (list, tuple)):
        for part, mask in zip(out, masks if isinstance(masks, (list, tuple)) else [masks], strict=False):
            _give(module, part, mask)
        return
    if isinstance(masks, (list, tuple)):
        masks = masks[0] if masks else None
    if masks is None or not isinstance(out, Tensor) or mask_of(out) is not None:
        return
    shape = np.shape(masks)
    if not shape or shape != out.shape[: len(shape)]:
        raise ag.ShapeError(
            f"layer '{module._path or module.name}' ({type(module).__name__}): expected a mask of the first axes of "
            f"its result, which has shape {out.shape}; received a mask of shape {shape}. Write compute_mask(self, "
            "inputs, previous_mask), which returns the mask of the result, or None"
        )
    set_mask(out, masks)


def warn_lost(module: Maskable) -> None:
    """Warn that a mask ends at a layer."""
    name = type(module).__name__
    warnings.warn(
        f"layer '{module._path or module.name}' ({name}) was given an input with a mask, which it does not pass on: "
        "layers and losses after it count padded steps like any other. If its result has its input's time steps, "
        f"set supports_masking = True in the class {name}, or write compute_mask",
        stacklevel=2,
    )

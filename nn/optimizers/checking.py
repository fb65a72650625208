"""What optimizers are given, checked: parameters, gradients, saved states; and gradients of a loss that was scaled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import DtypeError, GradError, ShapeError, Tensor

Array = npt.NDArray[Any]
Parameters = Iterable[Tensor] | Iterable[tuple[str, Tensor]]


def named(owner: str, parameters: Parameters) -> tuple[list[Tensor], list[str]]:
    """Return the tensors and what to call each in an error message, once all of them are known to be trainable."""
    if isinstance(parameters, Tensor | Mapping) or not isinstance(parameters, Iterable):
        raise TypeError(
            f"{owner}: expected parameters to be a list of Tensors, such as model.parameters(); "
            f"received {type(parameters).__name__}"
        )
    found: list[Tensor] = []
    names: list[str] = []
    for i, item in enumerate(parameters):
        label: str | None
        p: object
        label, p = item if isinstance(item, tuple) and len(item) == 2 else (None, item)
        if not isinstance(p, Tensor):
            raise TypeError(f"{owner}: expected every parameter to be a Tensor; received {type(p).__name__} at {i}")
        name = described(i, p, label)
        if not p.requires_grad or not p.is_leaf:
            what = "computed from other tensors" if not p.is_leaf else "one that requires no gradient"
            raise GradError(
                f"{owner}: expected parameters that are leaves and require a gradient; number {name} is {what}. "
                "Leave it out, or make it with tensor(a, requires_grad=True)"
            )
        found.append(p)
        names.append(name)
    if not found:
        raise ValueError(f"{owner}: expected at least one parameter; received none. Build the model first")
    if len({id(p) for p in found}) < len(found):
        twice = next(name for i, name in enumerate(names) if any(found[i] is p for p in found[:i]))
        raise ValueError(f"{owner}: expected every parameter once; number {twice} is there twice")
    return found, names


def same_keys(called: str, expected: Any, received: Any) -> None:
    """Raise unless a state has the entries that it must have, and no others."""
    if missing := sorted(expected - received):
        raise ValueError(f"{called}: expected an entry {missing[0]!r} ({len(missing)} missing); received none")
    if unknown := sorted(received - expected):
        raise ValueError(
            f"{called}: received {unknown[0]!r}, which this optimizer does not have ({len(unknown)} unknown). "
            "Load into an optimizer of the same class, options and number of parameters"
        )


def same_kinds(called: str, expected: Mapping[str, Array], received: Mapping[str, Array]) -> None:
    """Raise unless the arrays of a state have the shapes and dtypes that they must have."""
    for key, a in received.items():
        if a.shape != expected[key].shape:
            raise ShapeError(f"{called}: expected {key!r} of shape {expected[key].shape}; received {a.shape}")
        if a.dtype != expected[key].dtype:
            raise DtypeError(f"{called}: expected {key!r} of dtype {expected[key].dtype}; received {a.dtype}")


def described(i: int, p: Tensor, label: str | None = None) -> str:
    """Return what error messages call the i-th parameter."""
    label = label or p.name
    return f"{i} ({label!r}, shape {p.shape})" if label else f"{i} (shape {p.shape})"


def matched(
    called: str, gradients: Sequence[Any], parameters: Sequence[Any], bound: Sequence[Tensor]
) -> list[Array | None]:
    """Return the gradient of each bound parameter in its dtype, None where none is given.

    Args:
        called: what error messages name.
        gradients: Tensors, arrays or None.
        parameters: those that they belong to, in the same order.
        bound: all parameters of the optimizer.

    Raises:
        ValueError: if there are not as many of the ones as of the others, or a parameter is unknown or comes twice.
        ShapeError: if a gradient has another shape than its parameter.
        DtypeError: if it has another kind of dtype.
    """
    if len(gradients) != len(parameters):
        raise ValueError(
            f"{called}: expected one gradient for each of {len(parameters)} parameters; received {len(gradients)}. "
            "Give None for a parameter without one"
        )
    places = {id(p): i for i, p in enumerate(bound)}
    found: list[Array | None] = [None] * len(bound)
    for i, (g, p) in enumerate(zip(gradients, parameters, strict=True)):
        if (place := places.pop(id(p), None)) is None:
            if any(p is q for q in parameters[:i]):
                raise ValueError(f"{called}: expected every parameter once; number {described(i, p)} is there twice")
            what = described(i, p) if isinstance(p, Tensor) else f"{i}, of type {type(p).__name__},"
            raise ValueError(
                f"{called}: expected parameters among the {len(bound)} that are bound; number {what} is none of "
                "them. Make a new optimizer for other parameters"
            )
        found[place] = None if g is None else _array_for(called, g, p, i)
    return found


def _array_for(called: str, gradient: Any, p: Tensor, i: int) -> Array:
    a = gradient.data if isinstance(gradient, Tensor) else np.asarray(gradient)
    if a.shape != p.shape:
        raise ShapeError(
            f"{called}: expected a gradient of shape {p.shape} for the parameter {described(i, p)}; received shape "
            f"{a.shape}. Give the gradients in the order of the parameters"
        )
    if a.dtype.kind not in ("fiuc" if p.dtype.kind == "c" else "fiu"):
        raise DtypeError(
            f"{called}: expected a gradient of real numbers for the parameter {described(i, p)}; received {a.dtype}"
        )
    with np.errstate(over="ignore"):
        return a.astype(p.dtype, copy=False)


def scaled(loss: Tensor, factor: float | None) -> Tensor:
    """Return a loss times a factor; one of half precision becomes single, which has room for the product."""
    if factor is None:
        return loss
    return (loss.astype(np.float32) if loss.dtype == np.float16 else loss) * factor


def unscaled(gradients: Sequence[Array | None], factor: float) -> list[Array | None]:
    """Return gradients divided by a factor, in their dtypes."""
    with np.errstate(all="ignore"):
        return [None if g is None else _divided(g, factor) for g in gradients]


def _divided(g: Array, factor: float) -> Array:
    if g.dtype == np.float16:  # whose largest number, 65504, may be below the factor
        return (g.astype(np.float32) / factor).astype(np.float16)
    return g / factor

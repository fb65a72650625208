"""The gradients that a step is made of: matched with parameters, accumulated, clipped, and freed of a loss's scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

import numpy as np

from autograd_lite import DtypeError, GradError, ShapeError, Tensor
from autograd_lite.arrays import as_array, asarray_like, is_duck_array, same_device, to_device
from autograd_lite.extend import assume, is_compiling, more_on

from .parameters import describe
from .rules import Array, clip_to_norm

Gradients = list[Array | None]  # one for each parameter; None leaves it alone


def match_parameters(
    caller: str, gradients: Sequence[Any], parameters: Sequence[Any], bound: Sequence[Tensor]
) -> Gradients:
    """Return the gradient of each bound parameter in its dtype, None if none is given.

    Args:
        caller: what error messages name.
        gradients: Tensors, arrays or None.
        parameters: those that they belong to, in the same order.
        bound: all parameters of the optimizer.

    Raises:
        ValueError: if the numbers of gradients and parameters differ, or a parameter is unknown or comes twice.
        ShapeError: if a gradient has another shape than its parameter.
        DtypeError: if it has another kind of dtype.
    """
    if len(gradients) != len(parameters):
        raise ValueError(
            f"{caller}: expected one gradient for each of {len(parameters)} parameters; received {len(gradients)}. "
            "Give None for a parameter without one"
        )
    places = {id(p): i for i, p in enumerate(bound)}
    gradient_of: Gradients = [None] * len(bound)
    for i, (g, p) in enumerate(zip(gradients, parameters, strict=True)):
        if (place := places.pop(id(p), None)) is None:
            if any(p is q for q in parameters[:i]):
                raise ValueError(f"{caller}: expected every parameter once; number {describe(i, p)} is there twice")
            parameter = describe(i, p) if isinstance(p, Tensor) else f"{i}, of type {type(p).__name__},"
            raise ValueError(
                f"{caller}: expected parameters among the {len(bound)} that are bound; number {parameter} is none of "
                "them. Make a new optimizer for other parameters"
            )
        gradient_of[place] = None if g is None else _array_for(caller, g, p, i)
    return gradient_of


def _array_for(caller: str, gradient: Any, p: Tensor, i: int) -> Array:
    a = values_of(gradient) if isinstance(gradient, Tensor) else as_array(gradient)
    if a.shape != p.shape:
        raise ShapeError(
            f"{caller}: expected a gradient of shape {p.shape} for the parameter {describe(i, p)}; received shape "
            f"{a.shape}. Give the gradients in the order of the parameters"
        )
    if a.dtype.kind not in ("fiuc" if p.dtype.kind == "c" else "fiu"):
        raise DtypeError(
            f"{caller}: expected a gradient of real numbers for the parameter {describe(i, p)}; received {a.dtype}"
        )
    with np.errstate(over="ignore"):
        return asarray_like(a, p).astype(p.dtype, copy=False)


def usable(owner: str, method: str, candidates: Gradients, bound: list[Tensor], names: list[str]) -> Gradients:
    """Return the gradients without those of frozen parameters, once it is certain that the step can be made."""
    gradients: Gradients = []
    some = False
    for i, (g, p) in enumerate(zip(candidates, bound, strict=True)):
        if g is None or not p.requires_grad:
            gradients.append(None)
            continue
        if not p.is_leaf:
            name = names[i] if names else describe(i, p)
            raise GradError(
                f"{owner}.{method}: the parameter {name} is no longer a leaf: an operation was "
                "recorded into it. Change parameters inside no_grad(), or with assign()"
            )
        gradients.append(g)
        some = True
    if not some:
        frozen = sum(not p.requires_grad for p in bound)
        others = f" ({frozen} of them require none: set requires_grad, or trainable, to True)" if frozen else ""
        fix = "Call loss.backward() before step(), and zero_grad() after it" if method == "step" else "Give one"
        raise GradError(
            f"{owner}.{method}: none of the {len(bound)} parameters has a gradient{others}. {fix}"
            + more_on("nothing-to-step-with")
        )
    return gradients


def values_of(t: Tensor) -> Any:
    """Return the values of a Tensor; in a function that is compiled, which reads them anew, the Tensor itself."""
    return t if is_compiling() else t.data


def accumulate(before: Gradients, gradients: Gradients) -> Gradients:
    """Return the gradients added to those of the calls before; arrays that no one else holds."""
    both = zip(before or [None] * len(gradients), gradients, strict=True)
    return [a if g is None else +g if a is None else (a if same_device(a, g) else to_device(a, g)) + g for a, g in both]


def clip(gradients: Gradients, each: float | None, value: float | None, everything: float | None) -> Gradients:
    """Return the gradients, clipped in one of three ways or not at all; None stays None.

    Args:
        gradients: of all parameters.
        each: the largest norm of each gradient.
        value: the largest absolute value of each element.
        everything: the largest norm of all gradients together.
    """
    if each is not None:
        return [None if g is None else clip_to_norm(g, each) for g in gradients]
    if value is not None:
        return [None if g is None else np.clip(g, -value, value) for g in gradients]
    if everything is not None:
        squares = [(g * g).sum() for g in gradients if g is not None]
        # As in Keras, one infinity makes every gradient NaN; a factor of 0 would hide it in all the others.
        if is_compiling() or any(map(is_duck_array, squares)):  # without waiting for a value
            length = np.sqrt(sum(s.astype(np.float64) for s in squares))
            share = np.where(np.isfinite(length), everything / np.maximum(length, everything), np.nan)
            return [None if g is None else g * share.astype(g.dtype) for g in gradients]
        norm = math.sqrt(sum(map(float, squares)))
        factor = everything / max(norm, everything) if math.isfinite(norm) else math.nan
        return [None if g is None else g * factor for g in gradients]
    return gradients


def are_finite(gradients: Gradients) -> bool:
    """True if all elements of all gradients are finite; a compiled function assumes this and checks it."""
    present = [g for g in gradients if g is not None]
    if is_compiling():
        assume(lambda *arrays: all(map(is_finite, arrays)), *present)
        return True
    if any(map(is_duck_array, present)):  # one value to wait for
        return bool(reduce(and_, (np.isfinite(g).all() for g in present)))
    return all(map(is_finite, present))


def is_finite(g: Array) -> bool:
    """True if all elements are finite; the sum shows it, unless it overflows."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(g.sum()) or np.isfinite(g).all())


def scale(loss: Tensor, factor: float | None) -> Tensor:
    """Return a loss times a factor; half precision becomes single, which has room for the product."""
    if factor is None:
        return loss
    return (loss.astype(np.float32) if loss.dtype == np.float16 else loss) * factor


def unscale(gradients: Gradients, factor: float) -> Gradients:
    """Return gradients divided by a factor, in their dtypes."""
    with np.errstate(all="ignore"):
        return [None if g is None else _divide(g, factor) for g in gradients]


def _divide(g: Array, factor: float) -> Array:
    if g.dtype == np.float16:  # whose largest number, 65504, may be below the factor
        return (g.astype(np.float32) / factor).astype(np.float16)
    return g / factor

"""Known values, element by element: constants beside unknown numbers, and zeros whatever those are.

`0 * x` is 0 for every x, so `x * np.pad(y, 1)` does not depend on all of x. An elementwise op is tried on many numbers
in place of those that are unknown: special ones, large and small ones of both signs, and those near the constants
beside them, since a function of pieces has its edges there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.op import OPS, Kind, read_rule
from ..core.shape_arithmetic import ShapeDtype
from .steps import Call, Group, Partly, Steps, Take, is_known, operands

_NUMBERS = (0.3, 0.6, 1.3, -0.7, 0.0, 1e-3, -1e-3, 7.0, -50.0, 1e3, -1e3, 1e5, -1e5)
_MOST = 2**17


def nonzero_partial(call: Call, i: int) -> Any:
    """Return where an element of the result of an elementwise op or a reduction may depend on one of input i.

    Returns:
        An array that broadcasts to the result, or of the shape of the input of a reduction; None for everywhere.
    """
    rule: Any = call.op.rule(i)
    if rule.kind in (Kind.UNIT, Kind.CONSTANT):
        return None
    if is_known(call, rule.reads):
        with np.errstate(all="ignore"):
            g = np.ones(call.out[0].shape, call.out[0].dtype)
            nonzero = np.asarray(read_rule(rule, g, operands(call), dict(call.params)) != 0)
        return None if nonzero.all() else nonzero
    if rule.kind is Kind.REDUCED or not _can_be_tried(call):
        return None
    numbers = tuple(_as_number(v) for v in call.values)
    if not any(call.parts) and all(v is None or n is not None for v, n in zip(call.values, numbers, strict=True)):
        try:
            vanishes = _vanishes(
                call.op.name, i, numbers, tuple(call.params.items()), tuple(s.dtype for s in call.inputs)
            )
        except TypeError:  # a parameter that is not hashable
            return None
        return np.False_ if vanishes else None
    if math.prod(call.out[0].shape) > _MOST and not _has_zeros(call):
        return None
    zero = _is_zero(lambda *inputs: _partial(call, i, inputs), call)
    return ~zero if zero.any() else None


def _can_be_tried(call: Call) -> bool:
    """Return whether an op is defined for enough numbers to be tried; SciPy's functions are 0 where they are not."""
    return "." not in call.op.name and call.op.name in OPS


def _as_number(value: Any) -> Any:
    return None if value is None or np.ndim(value) else np.asarray(value).item()


@lru_cache(maxsize=4096)
def _vanishes(name: str, i: int, numbers: Any, params: Any, dtypes: Any) -> bool:
    """Return whether the partial of an op is 0 for all numbers, some of which are known."""
    specs = tuple(ShapeDtype((), dtype) for dtype in dtypes)
    values = tuple(None if n is None else np.asarray(n, d) for n, d in zip(numbers, dtypes, strict=True))
    with np.errstate(all="ignore"):
        out = np.asarray(OPS[name].forward(*(np.ones((), d) for d in dtypes), **dict(params)))
    call = Call(OPS[name], dict(params), specs, (ShapeDtype((), out.dtype),), values, parts=(None,) * len(values))
    return bool(_is_zero(lambda *inputs: _partial(call, i, inputs), call).all())


def _partial(call: Call, i: int, inputs: Any) -> Any:
    out = np.asarray(call.op.forward(*inputs, **call.params))
    return read_rule(call.op.rule(i), np.ones(out.shape, out.dtype), (out, *inputs), dict(call.params))  # type: ignore[arg-type]


def _has_zeros(call: Call) -> bool:
    whole = any(v is not None and np.ndim(v) and not np.all(v) for v in call.values)
    return whole or any(p is not None and bool((p.mask & (p.value == 0)).any()) for p in call.parts)


def _is_zero(evaluate: Callable[..., Any], call: Call) -> Any:
    """Return where something is 0 whatever the unknown elements are; where it is not defined it does not count."""
    zero: Any = np.True_
    count: Any = 0
    with np.errstate(all="ignore"):
        for sample in _samples(call):
            values = np.asarray(evaluate(*sample))
            undefined = np.isnan(values) if values.dtype.kind in "fc" else np.False_
            zero = zero & ((values == 0) | undefined)
            count = count + ~undefined
            if not zero.any():
                break
    return zero & (count > 2)


def _samples(call: Call) -> Iterator[list[Any]]:
    near = [v for v in call.values if v is not None] + [p.value for p in call.parts if p is not None]
    near += [v for v in call.params.values() if v.__class__ in (int, float)]
    near = [np.asarray(v) for v in near if np.asarray(v).dtype.kind in "fiu"]
    around = [x for v in near for x in (v, v + 0.5, v - 0.5, 0.5 * v)] + [
        0.5 * (a + b)
        for k, a in enumerate(near)
        for b in near[:k]
        if np.shape(a) == np.shape(b) or not a.ndim or not b.ndim
    ]
    numbers: list[Any] = [*_NUMBERS, *around]
    unknown = [k for k, v in enumerate(call.values) if v is None]
    for shift in (0, 1, 4, 7) if len(unknown) > 1 else (0,):
        for k in range(len(numbers)):
            sample = list(call.values)
            for j, position in enumerate(unknown):
                number = np.asarray(numbers[(k * (j + 1) + shift * j) % len(numbers)])
                dtype, part = call.inputs[position].dtype, call.parts[position]
                number = (number * (0.6 + 0.8j) if dtype.kind == "c" else number).astype(dtype)
                sample[position] = number if part is None else np.where(part.mask, part.value, number)
            yield sample


# ---- results --------------------------------------------------------------------------------------------------------


def known_part(call: Call, steps: dict[int, Steps], is_elementwise: bool, is_product: bool) -> Partly | None:
    """Return which elements of the result are known although some of the inputs are not.

    Args:
        call: of one result.
        steps: those from each input that is followed.
        is_elementwise, is_product: whether the op is one of these.
    """
    if call.out[0].dtype.kind not in "fc" or call.op.results is not None:
        return None
    if is_product:
        return _known_product(call)
    operands_here = [_fill(v, p, s) for v, p, s in zip(call.values, call.parts, call.inputs, strict=True)]
    if is_elementwise:
        if not any(call.parts) and not _has_zeros(call):
            return None
        mask = _broadcast_masks(call)
        rules: Any = call.op.rules or ()
        adds = all(rule.kind in (Kind.UNIT, Kind.CONSTANT) for rule in rules if rule is not None)
        if not adds and _has_zeros(call) and not mask.all() and _can_be_tried(call):
            mask = mask | _is_zero(lambda *inputs: call.op.forward(*inputs, **call.params), call)
    else:
        mask = _moved_masks(call, steps)
    if not np.any(mask):
        return None
    with np.errstate(all="ignore"):
        value = np.asarray(call.op.forward(*operands_here, **call.params))
    shape = call.out[0].shape
    return Partly(
        np.where(np.isfinite(value), value, 0), np.broadcast_to(np.reshape(mask, np.shape(mask) or ()), shape)
    )


def _fill(value: Any, part: Partly | None, spec: ShapeDtype) -> Any:
    if value is not None:
        return value
    if part is None:
        return np.broadcast_to(np.zeros((), spec.dtype), spec.shape)
    return np.where(part.mask, part.value, 0)


def _broadcast_masks(call: Call) -> Any:
    mask: Any = np.True_
    for value, part in zip(call.values, call.parts, strict=True):
        if value is None:
            mask = mask & (np.False_ if part is None else part.mask)
    return mask


def _moved_masks(call: Call, steps: dict[int, Steps]) -> Any:
    mask: Any = np.True_
    for i, (value, part) in enumerate(zip(call.values, call.parts, strict=True)):
        if value is not None or not call.inputs[i].size:
            continue
        if i not in steps or steps[i] is None or len(steps[i]) > 1:  # type: ignore[arg-type]
            return np.False_
        own = np.zeros(call.inputs[i].size, bool) if part is None else part.mask.ravel()
        step = (*steps[i], None)[0]  # type: ignore[misc]
        if isinstance(step, Take):
            own = own[step.positions] | (step.positions < 0)
        elif isinstance(step, Group):
            inside = step.groups >= 0
            own = np.bincount(step.groups[inside], ~own[inside], step.number) == 0
        elif step is not None:
            return np.False_
        if not own.any():
            return np.False_
        mask = mask & own.reshape(call.out[0].shape)
    return mask


def _known_product(call: Call) -> Partly | None:
    """Return the zeros of a sum of products, all of whose terms have a factor that is 0."""
    if not call.op.multilinear or not _has_zeros(call):
        return None
    if not call.op.multilinear:  # solve: where a right-hand side is 0
        right = may_be_nonzero(call, 1)
        zero = np.broadcast_to(~right.any(axis=-1 if right.ndim == 1 else -2, keepdims=True), call.out[0].shape)
        return Partly(np.zeros(call.out[0].shape), zero) if zero.any() else None
    nonzero = [may_be_nonzero(call, i).astype(float) for i in range(2)]
    zero = np.asarray(call.op.forward(*nonzero, **call.params)) == 0
    return Partly(np.zeros(call.out[0].shape), zero) if zero.any() else None


def may_be_nonzero(call: Call, i: int) -> Any:
    """Return where an input may be other than 0."""
    value, part = call.values[i], call.parts[i]
    if value is not None:
        return np.asarray(value != 0)
    return np.ones(call.inputs[i].shape, bool) if part is None else ~(part.mask & (part.value == 0))

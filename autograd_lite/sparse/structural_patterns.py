"""Local patterns of ops that move elements and add them up: such an op is run on the positions of elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np

from ..core.op import EachInput, read_rule
from .steps import Call, Group, Shape, Steps, Take, is_known, operands, unite_pairs

_MOST_RUNS = 1024


def structural(call: Call, i: int) -> Steps | Literal[False]:
    """Return the steps of an op that moves or adds up elements, by running it; False for other ops.

    What its derivative reads must be known, as of a product with a constant.
    """
    op, rules = call.op, call.op.rules
    rule: Any = op.rule(i)
    reads = rules.reads if isinstance(rules, EachInput) else rule.reads
    size, out_size = call.inputs[i].size, math.prod(call.out[0].shape)
    if call.out[0].dtype.kind not in "fc" or not size or not out_size:
        return None
    if op.multilinear and len(call.inputs) == 2:
        return _product(call, i)
    if not is_known(call, reads) or not (op.linear or op.jvp is not None):
        return False
    text = "" if reads or call.memory is None else repr(call.params)
    key = (op.name, i, text, tuple([s.shape for s in call.inputs])) if text and "rray(" not in text else None
    if key is None or call.memory is None:
        return _moves(call, i)
    if key not in call.memory:
        call.memory[key] = _moves(call, i)
    steps: Steps | Literal[False] = call.memory[key]
    return steps


def _moves(call: Call, i: int) -> Steps | Literal[False]:
    rule: Any = call.op.rule(i)
    size, out_size = call.inputs[i].size, math.prod(call.out[0].shape)
    if (positions := sources(_tangent(call, i), call.inputs[i].shape)) is not None:
        return () if _is_identity(positions, size) else (Take(positions),)
    saved, params = operands(call), dict(call.params)
    if (groups := sources(lambda g: read_rule(rule, g, saved, params), call.out[0].shape)) is not None:
        return (Group(groups, out_size),)
    return False


def _is_identity(positions: Any, size: int) -> bool:
    return len(positions) == size and positions[-1] == size - 1 and bool((positions == np.arange(size)).all())


def _tangent(call: Call, i: int) -> Callable[[Any], Any]:
    """Return the tangent of the result as a function of that of input i."""
    op, params = call.op, call.params
    if op.linear:
        zeros = [np.broadcast_to(np.zeros(()), s.shape) for s in call.inputs]
        return lambda t: op.forward(*zeros[:i], t, *zeros[i + 1 :], **params)
    saved = operands(call)
    none = [None] * len(call.inputs)
    return lambda t: op.jvp((*none[:i], t, *none[i + 1 :]), *saved, **params)  # type: ignore[misc]


def sources(linear: Callable[[Any], Any], shape: Shape) -> Any:
    """Return which element each element of `linear(x)` is a multiple of, -1 for none; None if it is not that simple."""
    n = math.prod(shape)
    random = np.concatenate([[0.0], np.random.default_rng(0).uniform(0.5, 1.0, n)])
    with np.errstate(all="ignore"):
        numbers = np.asarray(linear(np.arange(1, n + 1, dtype=float).reshape(shape))).ravel()
        chosen = np.asarray(linear(random[1:].reshape(shape))).ravel()
        whole = numbers.real.astype(np.int32)
        if _are_places(whole, n) and np.array_equal(whole, numbers) and np.array_equal(random[whole], chosen):
            return whole - np.int32(1)
        factors = np.asarray(linear(np.ones(shape))).ravel()
        nothing = factors == 0
        positions = np.where(nothing, 0, numbers / np.where(nothing, 1, factors))
        whole = np.rint(positions.real).astype(np.int32)
    close = np.abs(positions - whole) < 1e-6 * np.maximum(1, whole)
    if not _are_places(whole, n) or not close.all():
        return None
    expected = factors * random[whole]
    return whole - np.int32(1) if (np.abs(chosen - expected) <= 1e-6 * np.abs(expected)).all() else None


def _are_places(whole: Any, n: int) -> bool:
    return bool(whole.min() >= 0 and whole.max() <= n)


def _product(call: Call, i: int) -> Steps | Literal[False]:
    """Return the steps of a product with a small array, such as a kernel: it moves elements by each of its own.

    Of a small array beside a large one, each element is followed by itself.
    """
    op, params, spec, other = call.op, call.params, call.inputs[i], call.inputs[1 - i]
    value = call.values[1 - i]
    out_size = math.prod(call.out[0].shape)
    if min(spec.size, other.size) > _MOST_RUNS or min(spec.size, other.size) * out_size > 2**25:
        return False

    def multiply(x: Any, y: Any) -> Any:
        return np.asarray(op.forward(*((x, y) if i == 0 else (y, x)), **params)).ravel()

    members, rows = [], []
    if other.size <= spec.size:
        for k in range(other.size) if value is None else np.flatnonzero(value):
            one = np.zeros(other.size)
            one[k] = 1
            positions = sources(partial(multiply, y=one.reshape(other.shape)), spec.shape)
            if positions is None:
                return False
            rows.append(np.flatnonzero(positions >= 0))
            members.append(positions[rows[-1]])
    else:
        y = np.random.default_rng(0).uniform(0.5, 1.0, other.shape) if value is None else value
        for k in range(spec.size):
            one = np.zeros(spec.size)
            one[k] = 1
            rows.append(np.flatnonzero(multiply(one.reshape(spec.shape), y)))
            members.append(np.full(len(rows[-1]), k))
    return (unite_pairs(rows, members, out_size),)

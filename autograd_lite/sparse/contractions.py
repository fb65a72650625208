"""Products by their axes: which elements of the factors meet in an element of the result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .partial_values import may_be_nonzero
from .steps import Call, Group, Shape, Steps, Take, Unite, spread, unite_pairs


def _letters_of_contract(call: Call) -> tuple[str, str, str]:
    x, _, rest = call.params["subscripts"].partition(",")
    y, _, out = rest.partition("->")
    return x, y, out


def _letters_of_matmul(call: Call) -> tuple[str, str, str]:
    x, y = (len(s.shape) for s in call.inputs)
    batch = "abcdefghijklmnopqrstuvwxyz"[: max(x - 2, y - 2, 0)]
    x_letters = (batch[len(batch) - max(x - 2, 0) :] + "RK")[-max(x, 1) :] if x > 1 else "K"
    y_letters = batch[len(batch) - max(y - 2, 0) :] + "KC" if y > 1 else "K"
    return x_letters, y_letters, batch + "R" * (x > 1) + "C" * (y > 1)


def _letters_of_solve(call: Call) -> tuple[str, str, str]:
    """Return letters by which each column of the result depends on all matrices, and on the column beside it."""
    x, y = (len(s.shape) for s in call.inputs)
    batch = "abcdefghijklmnopqrstuvwxyz"[: max(x - 2, (y - 2 if y > 1 else 0), 0)]
    columns = "C" * (y > 1)
    right = batch[len(batch) - max(y - 2, 0) :] + "K" + columns
    return batch[len(batch) - (x - 2) :] + "MK", right, batch + "R" + columns


LETTERS: dict[str, Callable[[Call], tuple[str, str, str]]] = {
    "contract": _letters_of_contract,
    "matmul": _letters_of_matmul,
    "solve": _letters_of_solve,
}


def contraction(call: Call, i: int) -> Steps:
    """Return the steps of a sum of products; zeros of the other factor that are known make none."""
    if call.out[0].dtype.kind not in "fc" or not math.prod(call.out[0].shape) or not call.inputs[i].size:
        return None
    x, y, out = LETTERS[call.op.name](call)
    own, other = (x, y) if i == 0 else (y, x)
    spec, second = call.inputs[i], call.inputs[1 - i]
    size: dict[str, int] = {}
    for letters, shape in ((own, spec.shape), (other, second.shape), (out, call.out[0].shape)):
        for c, n in zip(letters, shape, strict=True):
            size[c] = max(size.get(c, 1), n)
    nonzero = None if call.op.name == "solve" else may_be_nonzero(call, 1 - i)
    if nonzero is not None and not nonzero.any():
        return None
    if nonzero is not None and not nonzero.all():
        return (_pairs(nonzero, other, spec.shape, own, call.out[0].shape, out, size),)
    shared = "".join(c for c in own if c in out)
    core = tuple(n if c in out else 1 for c, n in zip(own, spec.shape, strict=True))
    places = np.arange(math.prod(core)).reshape([n for c, n in zip(own, core, strict=True) if c in out])
    order = np.transpose(places, [shared.index(c) for c in out if c in shared])
    lengths = iter(order.shape)
    aligned = order.reshape([next(lengths) if c in shared else 1 for c in out])
    return Group(spread(core, spec.shape), math.prod(core)), Take(np.broadcast_to(aligned, call.out[0].shape).ravel())


def _pairs(
    nonzero: Any, other: str, shape: Shape, own: str, out_shape: Shape, out: str, size: Mapping[str, int]
) -> Unite:
    """Return which elements meet a nonzero of the other factor."""
    pool = dict(zip(other, np.nonzero(nonzero), strict=True))
    for c, n in zip(other, nonzero.shape, strict=True):  # one that is repeated along a longer axis
        if n == 1 and size[c] > 1:
            count = size[c]
            pool = {k: np.repeat(v, count) for k, v in pool.items()}
            pool[c] = np.tile(np.arange(count), len(pool[c]) // count)
    for c in dict.fromkeys(own + out):
        if c not in pool:
            count, m = size[c], len(next(iter(pool.values()))) if pool else 1
            pool = {k: np.repeat(v, count) for k, v in pool.items()}
            pool[c] = np.tile(np.arange(count), m)
    places = []
    for letters, lengths in ((own, shape), (out, out_shape)):
        index = [pool[c] if n > 1 else np.zeros_like(pool[c]) for c, n in zip(letters, lengths, strict=True)]
        places.append(np.ravel_multi_index(tuple(index), lengths) if index else np.zeros(1, int))
    members, rows = np.broadcast_arrays(*places)
    return unite_pairs([rows], [members], math.prod(out_shape))

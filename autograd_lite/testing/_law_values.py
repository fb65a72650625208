"""Laws of the forward pass: its value, what its shape rule foretells, and how it takes memory of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.batching import one_by_one
from ..core.op import Kind, Op
from ..core.shapes import ShapeDtype
from ._arrays import LAYOUTS, has_layout, in_layout
from ._reading import forward, raw_rule, same_bits
from ._setting import Setting, nonuniform, refuse_unless


def value(s: Setting) -> None:
    """`forward` returns one array, the same in every run."""
    result = forward(s.op, [np.array(a) for a in s.inputs], s.params)
    if not isinstance(result, (np.ndarray, np.generic)):
        refuse_unless(False, f"forward returns {type(result).__name__}; an op has one output, an array")
    refuse_unless(same_bits(result, s.out), "forward returns another value each time; a random op needs a generator")


def infer(s: Setting) -> None:
    """The shape rule foretells shape and dtype."""
    for dtype in (np.float16, np.float32, np.float64):
        row = s.cast(dtype)
        if row is None:
            continue
        told = s.op.infer(*(ShapeDtype(a.shape, a.dtype) for a in row.inputs), **row.params)
        found = (row.out.shape, row.out.dtype)
        refuse_unless(tuple(told) == found, f"infer tells {tuple(told)}, forward returns {found}")


def layout(s: Setting) -> None:
    """The layout of memory changes nothing."""
    for i, array in enumerate(s.inputs):
        for name in LAYOUTS[1:]:
            if not has_layout(array, name):
                continue
            inputs = [in_layout(array, name) if k == i else a for k, a in enumerate(s.inputs)]
            found = np.asarray(forward(s.op, inputs, s.params))
            same = found.dtype == s.out.dtype and found.shape == s.out.shape and _close(found, s.out)
            refuse_unless(same, f"input {i} in {name!r} memory gives another result")


def _close(a: Any, b: Any, rtol: float = 1e-10) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if b.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    scale = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b)))
    return bool(np.allclose(a, b, rtol=rtol, atol=rtol * scale, equal_nan=True))


# ---- batching -------------------------------------------------------------------------------------------------------


def batch(s: Setting) -> None:
    """The batching rule gives what the op gives one by one, whichever inputs carry the batch."""
    if s.op.batch is None or s.op.batch is one_by_one or not s.inputs:
        return
    n, free = len(s.inputs), _pointwise(s.op, s.wanted)
    for batched in {tuple([True] * n), *(tuple(k == i for k in range(n)) for i in range(n))}:
        inputs = tuple(_examples(a, free) if b else a for a, b in zip(s.inputs, batched, strict=True))
        with np.errstate(all="ignore"):
            expected = one_by_one(s.op, inputs, batched, dict(s.params))
            found = s.op.batch(s.op, inputs, batched, dict(s.params))
        what = f"the batching rule, with a batch in inputs {[i for i, b in enumerate(batched) if b]},"
        refuse_unless(found.shape == expected.shape, f"{what} gives shape {found.shape}, one by one {expected.shape}")
        refuse_unless(found.dtype == expected.dtype, f"{what} gives {found.dtype}, one by one {expected.dtype}")
        refuse_unless(_close(found, expected), f"{what} gives {found!r}, one by one {expected!r}")


def _examples(a: np.ndarray, free: bool) -> np.ndarray:
    """Return `a` and another example in whatever domain it is of; if `free`, so turned around, and zeros as well."""
    other = a * a.dtype.type(0.75) if a.dtype.kind in "fc" else np.flip(a)
    return np.stack([a, np.flip(other), np.zeros_like(a)] if free else [a, other])


# ---- flags ----------------------------------------------------------------------------------------------------------


def linear(s: Setting) -> None:
    """What is called linear is linear in all inputs together; what is called multilinear, in each."""
    if not (s.op.linear or s.op.multilinear):
        return
    floating = [i for i, a in enumerate(s.inputs) if a.dtype.kind in "fc"]
    for group in [floating] if s.op.linear else [[i] for i in floating]:
        one = list(s.inputs)
        other = [_replaced(s, k) if k in group else a for k, a in enumerate(s.inputs)]
        both = [2 * a + b if k in group else a for k, (a, b) in enumerate(zip(one, other, strict=True))]
        of_both, of_other = (forward(s.op, inputs, s.params) for inputs in (both, other))
        word = "linear" if s.op.linear else f"multilinear, and is not linear in input {group[0]}"
        with np.errstate(all="ignore"):
            kept = _close(of_both, 2 * s.out + of_other, 1e-6)
        refuse_unless(kept, f"it is called {word}: f(2a + b) is not 2 f(a) + f(b)")


def _replaced(s: Setting, k: int) -> np.ndarray:
    return nonuniform(s.inputs[k].shape, s.inputs[k].dtype, f"other {k}")


def selects(s: Setting) -> None:
    """An elementwise op or reduction that can hide a NaN says so: `selects` makes the engine look for one."""
    op = s.op
    if op.selects or not s.wanted or not _pointwise(op, s.wanted):
        return
    for i in s.wanted:
        for other in (0.0, 1.0, -1.0, np.inf, -np.inf):
            refuse_unless(
                not _hides_a_nan(s, i, other),
                f"a NaN in input {i} beside {other} gets a zero cotangent from a finite result; say selects=True",
            )


def _pointwise(op: Op, wanted: Sequence[int]) -> bool:
    """Say whether no input has a rule that only a structure gives a sense: elements may be anywhere."""
    return all((rule := op.rule(i)) is not None and rule.kind is not Kind.VJP for i in wanted)


def _hides_a_nan(s: Setting, i: int, other: float) -> bool:
    """Say whether a NaN in input `i`, beside other inputs of one value, gets a zero cotangent from a finite result."""
    arrays = [np.full((1,), other, a.dtype) if a.dtype.kind in "fc" else a.reshape(-1)[:1] for a in s.inputs]
    if not all(a.size for a in arrays):
        return False
    arrays[i] = np.array([np.nan], s.inputs[i].dtype)
    params = {**s.params, "axis": (0,)} if "axis" in s.params else s.params
    out = np.asarray(forward(s.op, arrays, params))
    raw = raw_rule(s.op, i, np.ones(out.shape, out.dtype), (out, *arrays), params)
    return bool(np.all(np.isfinite(out)) and np.all(raw == 0))

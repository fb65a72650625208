"""Laws of the bare rules: what they may touch, what they give back before any repair, and that every reader agrees."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import Kind, Rule
from ..core.shapes import ShapeDtype, sum_to_shape
from ..tensors.tensor import Tensor
from ._reading import Poison, PoisonError, forward, raw_rule, same_reading, saved_for
from ._setting import Setting, refuse_unless
from ._strict import Strict, unwrap

_EPS32 = float(np.finfo(np.float32).eps)
FLOATS = (np.float16, np.float32, np.float64)


def _rule(s: Setting, i: int) -> Rule:
    rule = s.op.rule(i)
    assert rule is not None
    return rule


def _plain(s: Setting, i: int) -> Any:
    return raw_rule(s.op, i, s.g, saved_for(_rule(s, i), s.out, s.inputs), s.params)


def writes(s: Setting) -> None:
    """Neither `forward` nor a rule writes into what it is given, nor needs to: it may be read-only."""
    names = ["the cotangent", "the result", *(f"input {i}" for i in range(len(s.inputs)))]
    before = [a.tobytes() for a in (s.g, s.out, *s.inputs)]
    for writeable in (True, False):
        g, out, *inputs = everything = [np.array(a) for a in (s.g, s.out, *s.inputs)]
        for a in everything:
            a.flags.writeable = writeable
        forward(s.op, inputs, s.params)
        _refuse_changed("forward", names, everything, before)
        for i in s.wanted:
            raw_rule(s.op, i, g, saved_for(_rule(s, i), out, inputs), s.params)
            _refuse_changed(f"the rule for input {i}", names, everything, before)


def _refuse_changed(who: str, names: list[str], arrays: list[np.ndarray], before: list[bytes]) -> None:
    changed = [name for name, a, bits in zip(names, arrays, before, strict=True) if a.tobytes() != bits]
    refuse_unless(not changed, f"{who} writes into {' and '.join(changed)}")


def reads(s: Setting) -> None:
    """A rule reads the arrays that it declares, and no others."""
    for i in s.wanted:
        _plain(s, i)


def idle(s: Setting) -> set[tuple[int, int]]:
    """Return the pairs (input, array) where the rule for the input declares the array (0 is the result) for nothing."""
    found = set()
    for i in s.wanted:
        rule = _rule(s, i)
        saved = saved_for(rule, s.out, s.inputs)
        for k in rule.reads:
            spec = ShapeDtype(saved[k].shape, saved[k].dtype)
            try:
                raw_rule(s.op, i, s.g, (*saved[:k], Poison(spec), *saved[k + 1 :]), s.params)
            except PoisonError:
                continue
            found.add((i, k))
    return found


def raw(s: Setting) -> None:
    """A rule returns the dtype of its input, and a shape that sums down to the input's, in every width of floats."""
    for dtype in FLOATS:
        row = s.cast(dtype)
        if row is None:
            continue
        for i in row.wanted:
            result, kind = _plain(row, i), _rule(row, i).kind
            shape = getattr(result, "shape", None)
            refuse_unless(shape is not None, f"the rule for input {i} returns {type(result).__name__}, no array")
            if _width(row.out.dtype) == dtype == _width(row.inputs[i].dtype):
                refuse_unless(
                    result.dtype.kind in "fc" and _width(result.dtype) == dtype,
                    f"the rule for input {i} returns {result.dtype} where all is {np.dtype(dtype)}; a constant that is "
                    "a NumPy scalar, or an array made without dtype=, does that",
                )
            if kind is Kind.VJP:
                refuse_unless(_sums_to(shape, row.inputs[i].shape), _shapes(i, shape, row.inputs[i].shape))
            else:
                expected = row.inputs[i].shape if kind is Kind.REDUCED else row.out.shape
                refuse_unless(shape == expected, _shapes(i, shape, expected))


def _width(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the parts of a complex number, or of a real one itself."""
    return np.finfo(dtype).dtype


def _sums_to(shape: Any, wanted: tuple[int, ...]) -> bool:
    try:
        return bool(sum_to_shape(np.zeros(shape), wanted).shape == wanted)
    except (ValueError, IndexError):
        return False


def _shapes(i: int, shape: Any, wanted: tuple[int, ...]) -> str:
    return f"the rule for input {i} returns shape {shape} where {wanted} is expected"


def scalars(s: Setting) -> None:
    """NumPy's functions return `np.float64` in place of arrays without axes, so op and rules meet both."""
    if not any(a.ndim == 0 for a in s.inputs):
        return
    loose = [a[()] for a in s.inputs]
    result = forward(s.op, loose, s.params)
    refuse_unless(same_reading(result, s.out), "NumPy scalars give another result than arrays without axes")
    out = result[()] if isinstance(result, np.ndarray) else result
    for i in s.wanted:
        found = raw_rule(s.op, i, s.g[()], saved_for(_rule(s, i), out, loose), s.params)
        refuse_unless(same_reading(found, _plain(s, i)), f"the rule for input {i} reads NumPy scalars differently")


def strict(s: Setting) -> None:
    """A rule uses nothing but NumPy's protocols, so that Tensors, batches and printers can read it."""
    for i in s.wanted:
        saved = saved_for(_rule(s, i), Strict(s.out), [Strict(a) for a in s.inputs])
        found = raw_rule(s.op, i, Strict(s.g), saved, s.params)
        refuse_unless(isinstance(found, Strict), f"the rule for input {i} leaves the protocols: it makes a bare array")
        refuse_unless(
            same_reading(unwrap(found), _plain(s, i)), f"the strict double reads the rule for input {i} otherwise"
        )


def tensors(s: Setting) -> None:
    """Tensors read the same bit for bit, whether the history is the cotangent's or the inputs'."""
    for i in s.wanted:
        plain = _plain(s, i)
        for of_g in (True, False):
            inputs = [Tensor(a, requires_grad=a.dtype.kind in "fc" and not of_g) for a in s.inputs]
            saved = saved_for(_rule(s, i), Tensor(s.out, requires_grad=not of_g), inputs)
            found = raw_rule(s.op, i, Tensor(s.g, requires_grad=of_g), saved, s.params)
            refuse_unless(isinstance(found, Tensor), f"the rule for input {i} makes a bare array of Tensors")
            same = same_reading(found.detach().numpy(), plain)
            refuse_unless(same, f"Tensors read the rule for input {i} otherwise than arrays do")
            refuse_unless(not of_g or found.requires_grad, f"the rule for input {i} cuts the cotangent's history")


def float32(s: Setting) -> None:
    """In float32 a rule is as right as float32 can be."""
    narrow = s.cast(np.float32)
    if narrow is None:
        return
    # The same values in double precision: what `forward` rounds is not the rule's fault.
    g, out, *inputs = (
        a.astype(np.result_type(a, np.float64)) if a.dtype.kind in "fc" else a
        for a in (narrow.g, narrow.out, *narrow.inputs)
    )
    # How much the rule makes of roundings that are not its own.
    blurred = [a * (1 + _EPS32) if a.dtype.kind in "fc" else a for a in (out, *inputs)]
    for i in narrow.wanted:
        found = np.asarray(raw_rule(s.op, i, narrow.g, (narrow.out, *narrow.inputs), s.params))
        best, other = (np.asarray(raw_rule(s.op, i, g, saved, s.params)) for saved in ((out, *inputs), tuple(blurred)))
        refuse_unless(found.shape == best.shape, f"the rule for input {i} has another shape in float32")
        with np.errstate(all="ignore"):
            scale = float(np.max(np.abs(best), initial=0.0, where=np.isfinite(best)))
            off, allowed = np.abs(found - best), 2e-5 * np.abs(best) + 2e-6 * scale + 4 * np.abs(other - best)
            wrong = (off > allowed) & ~(np.isnan(found) & np.isnan(best)) & (found != best)
        refuse_unless(not wrong.any(), f"the rule for input {i} is inexact in float32: {found!r}, in float64 {best!r}")


def linear_in_g(s: Setting) -> None:
    """A rule is linear in its cotangent."""
    other = np.roll(s.g.reshape(-1), 1).reshape(s.g.shape) - s.g / 2
    with np.errstate(all="ignore"):
        for i in s.wanted:
            saved = saved_for(_rule(s, i), s.out, s.inputs)
            one, two, both = (np.asarray(raw_rule(s.op, i, g, saved, s.params)) for g in (s.g, other, 2 * s.g + other))
            scale = float(np.max(np.abs(one) + np.abs(two), initial=0.0, where=np.isfinite(one) & np.isfinite(two)))
            close = np.allclose(both, 2 * one + two, rtol=1e-9, atol=1e-12 * scale, equal_nan=True)
            refuse_unless(close, f"the rule for input {i} is not linear in its cotangent")

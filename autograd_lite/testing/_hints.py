"""What a wrong gradient looks like: the patterns that common mistakes leave in the numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

_CONSTANTS = {math.pi: "pi", math.log(2): "log(2)", math.log(10): "log(10)", math.sqrt(2): "sqrt(2)"}

Array = np.ndarray


def hint_for(
    analytic: Array,
    numeric: Array,
    error: Array,
    *,
    rtol: float,
    lengths: Sequence[int] = (),
    reached: bool = True,
    name: str = "x",
) -> str:
    """Return one sentence or two about how the analytic gradient differs from the numeric one, or "".

    Args:
        analytic: the gradient that the rules give.
        numeric: the gradient that finite differences give, of the same shape.
        error: its error bars.
        rtol: what counts as equal.
        lengths: lengths of axes of the inputs and results, to recognise a sum that was left out.
        reached: whether the gradient arrived at all.
        name: the input.
    """
    if not reached or not np.any(analytic):
        return _nothing_arrives(name, reached)
    if not np.all(np.isfinite(analytic)):
        return ""  # where it was born says more; see the op to blame
    for look in (_conjugate, _symmetrised, _ratio, _transposed, _rearranged, _signs, _scattered):
        text = look(analytic, numeric, 3 * error + 30 * rtol * np.abs(numeric), lengths)
        if text:
            return text
    return ""


def _nothing_arrives(name: str, reached: bool) -> str:
    if reached:
        return f"the gradient by '{name}' is zero everywhere: a factor of zero, or a rule that returns zeros"
    return (
        f"no gradient reaches '{name}' at all: on the way its history is cut, by .detach(), .data, .numpy(), float() "
        "or no_grad()"
    )


def _conjugate(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    if np.iscomplexobj(analytic) and _close(analytic, np.conj(numeric), bar):
        return "it is the complex conjugate of the right one: for x = a + ib a gradient is dL/da + i dL/db"
    return ""


def _symmetrised(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    if analytic.ndim < 2 or analytic.shape[-1] != analytic.shape[-2]:
        return ""
    flipped = np.swapaxes(numeric, -1, -2)
    if _close(analytic, (numeric + np.conj(flipped)) / 2, bar + np.swapaxes(bar, -1, -2)):
        return (
            "it is the symmetric part of the right one: a function of a symmetric matrix, as cholesky or eigh, which "
            "read one triangle only. Check it as such: lambda a: f((a + a.T) / 2)"
        )
    return ""


def _ratio(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    """Recognise one factor in all entries."""
    sure = (np.abs(numeric) > 100 * bar) & (np.abs(numeric) > 1e-6 * np.max(np.abs(numeric)))
    if not np.any(sure):
        return ""
    ratios = analytic[sure] / numeric[sure]
    ratio = complex(np.median(ratios.real), np.median(ratios.imag)) if np.iscomplexobj(ratios) else np.median(ratios)
    ratio = ratio.real if abs(ratio.imag) < 1e-6 * abs(ratio) else ratio
    if not np.all(np.abs(analytic - ratio * numeric) <= bar * max(1.0, abs(ratio)) + 1e-9 * np.abs(analytic)):
        return ""
    alone = "" if analytic.size > 1 else " (there is one entry, so this may be chance)"
    if isinstance(ratio, complex):
        return f"every entry is {ratio:.6g} times the right one"
    if abs(ratio + 1) < 1e-6:
        return f"the sign is wrong: every entry is -1 times the right one{alone}"
    axis = next((n for n in lengths if n > 2 and (abs(ratio * n - 1) < 1e-6 or abs(ratio / n - 1) < 1e-6)), None)
    text = f"a constant factor: every entry is {_fraction(ratio)} times the right one{alone}"
    if axis is None:
        return text
    word = "a mean where a sum belongs, or a broadcast axis not summed" if ratio < 1 else "a sum where a mean belongs"
    return f"{text}; an axis here has length {axis}: {word}?"


def _fraction(ratio: float) -> str:
    fraction = Fraction(ratio).limit_denominator(12)
    if abs(float(fraction) - ratio) < 1e-6 * abs(ratio):
        return str(fraction)
    for value, symbol in _CONSTANTS.items():
        if abs(ratio / value - 1) < 1e-6:
            return f"{symbol} (= {ratio:.6g})"
        if abs(ratio * value - 1) < 1e-6:
            return f"1 / {symbol} (= {ratio:.6g})"
    return f"{ratio:.6g}"


def _close(a: Array, b: Array, bar: Array) -> bool:
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= bar))


def _transposed(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    for a, b in itertools.combinations(range(analytic.ndim), 2):
        if _close(np.swapaxes(analytic, a, b), numeric, bar):
            axes = "" if analytic.ndim == 2 else f", axes {a} and {b} swapped"
            return f"it looks transposed: its transpose is the right gradient{axes}"
    return ""


def _rearranged(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    """Recognise the right entries in other places."""
    for axis in range(analytic.ndim):
        if _close(np.flip(analytic, axis), numeric, bar):
            return f"it is reversed along axis {axis}"
        for shift in (1, -1):
            if _close(np.roll(analytic, shift, axis), numeric, bar):
                return f"it is shifted by one along axis {axis}: an index is off by one"
    if analytic.size > 1 and not np.iscomplexobj(analytic):
        order = np.argsort(numeric, axis=None)
        left, right = np.sort(analytic, axis=None), numeric.reshape(-1)[order]
        if _close(left, right, bar.reshape(-1)[order]):
            return "its entries are right but stand in other places: an index or an axis order is wrong"
    return ""


def _signs(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    if _close(np.abs(analytic), np.abs(numeric), bar) and not np.iscomplexobj(analytic):
        wrong = int(np.sum(np.abs(analytic - numeric) > bar))
        return f"the sign is wrong in {wrong} of {analytic.size} entries; all magnitudes are right"
    return ""


def _scattered(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    """Recognise entries that are zero where they should not be, and slices that are wrong as a whole."""
    wrong = np.abs(analytic - numeric) > bar
    if np.all(analytic[wrong] == 0):
        return f"{int(wrong.sum())} of {analytic.size} entries are zero and should not be; the others are right"
    if not np.all(wrong):
        for axis in range(analytic.ndim):
            others = tuple(n for n in range(analytic.ndim) if n != axis)
            whole, any_ = np.all(wrong, axis=others), np.any(wrong, axis=others)
            if np.array_equal(whole, any_):
                at = [int(n) for n in np.flatnonzero(any_)]
                return f"wrong at index {', '.join(map(str, at))} of axis {axis} only; the rest is right"
        return ""
    difference = analytic - numeric
    if analytic.size > 1 and np.all(np.abs(difference - difference.flat[0]) <= 2 * bar):
        return f"every entry is off by the same {float(np.real(difference.flat[0])):.6g}: a constant added or left out"
    return ""

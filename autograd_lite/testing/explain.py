"""From a finding to an error that a reader can act on: numbers, hint, the op to blame, the line, a snippet."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..core.node import Source
from .blame import Trace, blamed_op, born_nan, trace
from .comparison import Comparison, Finding, Tolerance
from .report import GradientMismatch, GradReport, literal, number
from .subject import element_name, name_of
from .tracebacks import line_at, place_of

# ---- what a wrong gradient looks like -------------------------------------------------------------------------------


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
        lengths: lengths of axes of the inputs and results, to recognize a sum that was left out.
        reached: whether the gradient arrived at all.
        name: the input.
    """
    if not reached or not np.any(analytic):
        return _nothing_arrives(name, reached)
    if not np.all(np.isfinite(analytic)):
        return ""  # where it was born says more; see the op to blame
    for look in (_conjugate, _of_symmetric_part, _ratio, _of_transpose, _of_permutation, _signs, _of_slices):
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


def _of_symmetric_part(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
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
    """Recognize one factor in all entries."""
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


def _of_transpose(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    for a, b in itertools.combinations(range(analytic.ndim), 2):
        if _close(np.swapaxes(analytic, a, b), numeric, bar):
            axes = "" if analytic.ndim == 2 else f", axes {a} and {b} swapped"
            return f"it looks transposed: its transpose is the right gradient{axes}"
    return ""


def _of_permutation(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    """Recognize the right entries in other places."""
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
            return "its entries are right but in other places: an index or an axis order is wrong"
    return ""


def _signs(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    if _close(np.abs(analytic), np.abs(numeric), bar) and not np.iscomplexobj(analytic):
        wrong = int(np.sum(np.abs(analytic - numeric) > bar))
        return f"the sign is wrong in {wrong} of {analytic.size} entries; all magnitudes are right"
    return ""


def _of_slices(analytic: Array, numeric: Array, bar: Array, lengths: Sequence[int]) -> str:
    """Recognize entries that are zero where they should not be, and slices that are wrong as a whole."""
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


# ---- the error ------------------------------------------------------------------------------------------------------


_LITERAL_SIZE = 200
_MOST_ENTRIES = 6


def mismatch_of(
    comparison: Comparison, finding: Finding, findings: Sequence[Finding], weights: Sequence[np.ndarray], single: bool
) -> GradientMismatch:
    """Return the error for one finding among those of its input.

    Args:
        comparison: where the numbers come from.
        finding: the element or direction to report.
        findings: all findings about the same input.
        weights: the cotangent.
        single: whether the function returns one number, so that no cotangent need be mentioned.
    """
    subject, verdict = comparison.subject, finding.verdict
    name = None if finding.i is None else subject.names[finding.i]
    error = GradientMismatch(
        _title(subject.title, finding, name, findings),
        verdict=verdict.kind,
        name=name,
        index=finding.k,
        analytic=verdict.analytic,
        numeric=verdict.estimate.value,
        error_bar=verdict.estimate.error,
    )
    error.facts += [*_numbers(finding, comparison.method), ("entries", _entries(findings))]
    if not single:
        error.facts.append(("cotangent", "random: these are gradients of sum(c * result), c fixed random numbers"))
    if finding.i is None:
        error.hint = "each element passes by itself, so this is a tie: the shares of tied elements must add up to 1"
    elif verdict.kind == "inconclusive":
        error.hint = (
            "the function is noisy, or changes too fast for any step; try method='longdouble', or another point"
            if math.isfinite(verdict.estimate.value)
            else "the function is NaN or infinite there or right next to it: check a point inside its domain"
        )
    elif verdict.kind != "inconclusive" and not _is_refused(finding):
        _find_out(error, comparison, finding, findings, weights)
    return error


def _title(title: str, finding: Finding, name: str | None, findings: Sequence[Finding]) -> str:
    kind = finding.verdict.kind
    if name is None:
        subject = f"the derivative of {title} along a direction ({finding.along})"
    else:
        part = "the imaginary part of " if finding.imaginary else ""
        along = f" along {finding.along}" if finding.k is None else ""
        subject = f"{part}the gradient of {title} by {element_name(name, finding.k)}{along}"
    same = sum(1 for f in findings if f.verdict.kind == kind and not f.verdict.passed)
    count = f" ({same} of {len(findings)} entries)" if finding.k is not None and len(findings) > 1 else ""
    refused, refusal = _is_refused(finding), "which kinks='fail' refuses"
    ends = {
        "wrong": f"is wrong{count}",
        "kink": f"is taken at a kink{count}, {refusal if refused else 'and lies outside the slopes there'}",
        "jump": f"is taken at a jump{count}, {refusal if refused else 'and is not the slope next to it'}",
        "inconclusive": f"can be neither confirmed nor refuted{count}: finite differences are too blurred there",
    }
    return f"{subject} {ends[kind]}"


def _is_refused(finding: Finding) -> bool:
    """Return whether a slope is right, and refused only because it is one of several."""
    a, sides = finding.verdict.analytic, finding.verdict.sides
    return sides is not None and sides[0] <= a <= sides[1]


def _entries(findings: Sequence[Finding]) -> str:
    """Return a table of the numbers side by side: of all entries if they are few, else of the first that are wrong."""
    entries = [f for f in findings if f.k is not None]
    if len(entries) < 2:
        return ""
    bad = [f for f in entries if not f.verdict.passed]
    shown = entries if len(entries) <= _MOST_ENTRIES else bad[:_MOST_ENTRIES]
    rows = [("", " analytic", " numeric", "ratio")]
    for f in shown:
        a, b = f.verdict.analytic, f.verdict.estimate.value
        if f.verdict.sides is not None:
            numeric, ratio = " … ".join(f"{s: .10g}" for s in dict.fromkeys(f.verdict.sides)), ""
        else:
            numeric, ratio = f"{b: .10g}", f"{a / b + 0.0:.6g}" if b and math.isfinite(a) and math.isfinite(b) else ""
        part = " imaginary" if f.imaginary else ""
        rows.append((f"{list(f.k or ())}{part}", f"{a: .10g}", numeric, "right" if f.verdict.passed else ratio))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    if len(bad) > len(shown):
        lines.append(f"… and {len(bad) - len(shown)} more")
    return "\n".join(lines)


def _numbers(finding: Finding, method: str) -> list[tuple[str, str]]:
    verdict = finding.verdict
    a, e = verdict.analytic, verdict.estimate
    facts = [("analytic", number(a))]
    if verdict.sides is not None:
        low, high = verdict.sides
        slopes = number(low) if low == high else f"{number(low)} and {number(high)}, which it must lie between"
        facts.append(("one-sided", f"slopes {slopes}" if low != high else f"slope {slopes}"))
        return facts
    name = {"central": "central differences", "complex": "complex step"}.get(method, "Richardson")
    if not math.isfinite(e.value):
        facts.append(("numeric", "none: the function is not finite on both sides of the point at any step"))
        return facts
    facts.append(("numeric", f"{number(e.value)} ± {e.error:.1e}   ({name}, h = {e.h:.2g})"))
    if e.value and math.isfinite(a) and abs(e.value) > e.error:
        facts.append(("ratio", f"analytic / numeric = {a / e.value + 0.0:.6g}"))
    return facts


def _find_out(
    error: GradientMismatch,
    comparison: Comparison,
    finding: Finding,
    findings: Sequence[Finding],
    weights: Sequence[np.ndarray],
) -> None:
    """Add a hint, the op to blame and the user's line."""
    subject, tolerance = comparison.subject, comparison.tolerance
    grad = None if finding.i is None else comparison.grads[finding.i]
    if finding.i is not None:
        error.hint = _hint(comparison, finding.i, findings)
    record = trace(subject) if getattr(subject, "recorded", True) else None
    if record is None:
        return
    if finding.i is not None and grad is None:
        _name_cut(error, record, f"no gradient reaches '{error.name}' at all: its history is cut on the way:")
        return
    if not math.isfinite(error.analytic) or (grad is not None and bool(np.isnan(grad).any())):
        node, text = born_nan(record, weights)
        if node is not None:
            error.hint, error.op, error.source = text, node.op, node.source
            error.places = [node.source] if node.source else []
            return
    _name_op(error, record, finding.i, tolerance)


def _name_cut(error: GradientMismatch, record: Trace, lead: str) -> None:
    if record.cuts:
        error.source = record.cuts[0].source
        error.places = [error.source]
        error.hint = "\n".join([lead, *(f"{cut}{_quote(cut.source)}" for cut in record.cuts[:3])])


def _quote(place: Source | None) -> str:
    """Return the line at a place, to be shown below it."""
    line = line_at(place) if place else ""
    return f"\n    {line}" if line else ""


def _name_op(error: GradientMismatch, record: Trace, i: int | None, tolerance: Tolerance) -> None:
    blame, complete = blamed_op(record, i, tolerance)
    if blame is not None:
        error.op, error.source = blame.op, blame.source
        error.places = [place for place in (blame.source, blame.rule) if place]
        where = f", at {blame.source}{_quote(blame.source)}" if blame.source else ""
        rule = f"\nthe rule is {blame.rule}" if blame.rule else ""
        error.facts.append(("op", f"{blame.op.name}{where}\n{blame.text}{rule}"))
        return
    if not complete:
        return
    if record.cuts:
        error.facts.append(("op", "none: each recorded op is right by itself, so something is missing from the record"))
        lead = "" if "zero everywhere" in error.hint else f"{error.hint}\n"  # the cut is why
        _name_cut(error, record, f"{lead}part of the dependence is lost where history is cut:".lstrip())
    else:
        why = "Does the function compute something else on Tensors than on plain arrays?"
        error.facts.append(("op", f"none: each recorded op is right by itself. {why}"))


def _hint(comparison: Comparison, i: int, findings: Sequence[Finding]) -> str:
    if any(f.k is None for f in findings):
        return ""
    x = comparison.subject.leaves[i]
    kind = np.complex128 if x.dtype.kind == "c" else np.float64
    analytic, numeric, bars = np.zeros(x.shape, kind), np.zeros(x.shape, kind), np.zeros(x.shape)
    for f in findings:
        unit = 1j if f.imaginary else 1
        analytic[f.k] += unit * f.verdict.analytic
        numeric[f.k] += unit * f.verdict.estimate.value
        bars[f.k] = max(bars[f.k], f.verdict.estimate.error)
    shapes = [*(a.shape for a in comparison.subject.leaves), *(a.shape for a in comparison.weights)]
    return hint_for(
        analytic,
        numeric,
        bars,
        rtol=comparison.tolerance.rtol,
        lengths=sorted({n for shape in shapes for n in shape} | {math.prod(s) for s in shapes}),
        reached=comparison.grads[i] is not None,
        name=comparison.subject.names[i],
    )


def snippet(f: Callable[..., Any], inputs: Sequence[Any], options: dict[str, Any], call: str = "check_grads") -> str:
    """Return code that runs the check again."""
    name, *more = _code_name(f, "f")
    lines = ["import numpy as np", f"from autograd_lite.testing import {call}", *more]
    rest = ""
    for key, value in options.items():
        if callable(value):
            value_name, *more = _code_name(value, key)
            lines += more
            rest += f", {key}={value_name}"
        else:
            rest += f", {key}={value!r}"
    size = sum(np.size(a) for a in inputs if isinstance(a, np.ndarray) or hasattr(a, "requires_grad"))
    if size > _LITERAL_SIZE:
        lines.append("# inputs: the .args of this error, as in `except GradientMismatch as error: inputs = error.args`")
        arguments = "*inputs"
    else:
        arguments = ", ".join(map(literal, inputs))
    return "\n".join([*lines, f"{call}({name}, {arguments}{rest})"])


def _code_name(f: Callable[..., Any], otherwise: str) -> list[str]:
    """Return what code calls a function, and the line that gives it this name, if it needs one."""
    qualified = getattr(f, "__qualname__", "")
    module = getattr(f, "__module__", None)
    code = getattr(f, "__code__", None)
    name = name_of(f) if name_of(f).isidentifier() and name_of(f) != "f" else otherwise
    if isinstance(f, np.ufunc):
        return [f"np.{name}"]
    if qualified.isidentifier() and module not in (None, "__main__"):
        return [name, f"from {module} import {name}"]
    if code is not None and not (qualified.isidentifier() and module == "__main__"):
        return [name, f"# {name} is the function at {code.co_filename}:{code.co_firstlineno}"]
    return [name] if code is not None else [name, f"# {name} is an object of {type(f).__module__}.{type(f).__name__}"]


def conclude(report: GradReport, f: Any, inputs: Sequence[Any], again: str, *, raise_: bool) -> GradReport:
    """Give the failures of a report what all have: the inputs, the code to repeat them, a line to look at.

    Raises:
        GradientMismatch: the first failure, if `raise_`.
    """
    for failure in report.failures:
        failure.args, failure.snippet = tuple(inputs), failure.snippet or again
        if not failure.places and (place := place_of(f)):
            failure.places = [place]
    if raise_ and report.failures:
        raise report.failures[0]
    return report

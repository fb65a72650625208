"""`check_grads`: gradients against finite differences, contracts included."""

from __future__ import annotations

import functools
import inspect
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.messages import checked
from .blame import blamed_op, trace
from .comparison import Comparison, Finding, Tolerance
from .explain import conclude, mismatch_of, snippet
from .lines import flatten
from .numeric import METHODS
from .pairs import PlainSubject, subject_of_pair
from .report import GradientMismatch, GradReport, InputReport
from .subject import Arguments, Broken, GradientOf, Run, Subject, broken_contracts, cotangents_like, differentiate
from .tracebacks import plainly

# Up to this many elements each is checked by itself.
_FULL = 400
_FEW = 6  # elements take no longer than directions
_MODES = ("auto", "full", "directional")
_KINKS = ("subgradient", "skip", "fail")
# What share of an input's elements may be inconclusive.
_INCONCLUSIVE = 0.1
_MOST_CONDITION = 100.0
_MOST_APART = 1e6


@plainly
@checked
def check_grads(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    wrt: str | int | Sequence[str | int] | None = None,
    names: Sequence[str] | None = None,
    kwargs: dict[str, Any] | None = None,
    mode: str = "auto",
    method: str = "auto",
    kinks: str = "subgradient",
    rtol: float | None = None,
    seed: int = 0,
    nondet_tol: float = 0.0,
    invariants: bool = True,
    raise_: bool = True,
    gradients: Callable[..., Any] | Sequence[np.ndarray | None] | None = None,
    cotangent: Any = None,
) -> GradReport:
    """Check the gradient of a function against finite differences, at one point.

    The function runs on Tensors, and a fixed random cotangent c is pulled back: the gradient of
    `sum(c * f(*inputs))`.
    The same sum is differentiated numerically, in double precision, with an error bar for every number. The two must
    agree within rtol and the error bar; there is no absolute tolerance. A function of any result will do: arrays are
    not to be summed beforehand, since a sum hides mistakes.

    Args:
        f: the function: NumPy on arrays or Tensors; it must do the same on both.
        inputs: its arguments: floating or complex arrays, Tensors, Python floats, nested lists of numbers, and dicts,
            lists, tuples and dataclasses of them. Integers and everything else are passed on and not checked.
        order: 2 checks the gradient of the gradient too, and so on.
        wrt: names or positions of the arguments to differentiate by; all by default.
        names: what the arguments are called in reports; by default the names of f's parameters.
        kwargs: keyword arguments for f.
        mode: "full" checks each element; "directional" checks random directions, and looks for the element where one
            fails; "auto" is full up to 400 elements, and at the second order where directions leave a doubt.
        method: of the numeric side: "richardson"; "central"; "complex", the complex step, for analytic code;
            "longdouble"; "auto", which is Richardson, and in extended precision where that is in doubt.
        kinks: at a kink, a tie or the edge of a domain: "subgradient" wants a value between the slopes of both sides;
            "skip" counts and accepts; "fail" makes every kink an error.
        rtol: relative tolerance; by default 1e-6, in single precision 1e-4 times the condition of the function.
        seed: of the random cotangent and directions.
        nondet_tol: how far two runs may differ.
        invariants: check the contracts too: the same values on arrays and on Tensors and in two runs, inputs and
            cotangents not changed, gradients with the dtype and shape of their input and memory of their own, linear
            in the cotangent, graphs let go.
        raise_: raise; if False, the errors are in `.failures` of the report.
        gradients: where the gradients come from, if not from this package: the derivative of f, written by hand; or
            the gradients themselves, computed by another library. f is then a function of NumPy's arrays. A derivative
            is a function of the same arguments. It returns the Jacobian, of f's shape and then the input's, which for
            a single number is the gradient, or the derivative element by element; of several inputs, a tuple with one
            for each. Gradients are those of `sum(cotangent * f(*inputs))` by each floating input, in a list; None for
            one that is not to be checked.
        cotangent: of gradients in a list: like f's result; ones if None.

    Returns:
        A `GradReport`; print it for a table.

    Raises:
        GradientMismatch: if a gradient is wrong or a contract broken. It says which element, by how much, which op
            and line are to blame, and how to reproduce it.

    Example:
        >>> import numpy as np
        >>> def affine(x, w): return np.tanh(x @ w)
        >>> report = check_grads(affine, np.eye(2, 3), np.ones((3, 2)))
        >>> report.ok, report.inputs["w"].n_checked
        (True, 6)
        >>> check_grads(np.sin, np.array([1.0, 2.0]), gradients=np.cos).ok
        True
        >>> check_grads(np.log, np.array([1.0, 2.0]), gradients=[np.array([1.0, 0.5])]).ok
        True
        >>> check_grads(np.cos, 1.0, gradients=np.sin, raise_=False).failures[0].hint
        'the sign is wrong: every entry is -1 times the right one (there is one entry, so this may be chance)'
    """
    for option, value, choices in (("mode", mode, _MODES), ("method", method, METHODS), ("kinks", kinks, _KINKS)):
        if value not in choices:
            raise ValueError(f"check_grads: expected {option} among {', '.join(choices)}; received {value!r}")
    if order < 1:
        raise ValueError(f"check_grads: expected an order of 1 or more; received {order}")
    if gradients is not None and not callable(gradients):
        subject = Subject(f, Arguments(f, inputs, wrt, names), kwargs)
        report = _check_values(subject, gradients, cotangent, order, (mode, method, kinks, rtol, seed))
        return conclude(report, f, inputs, "", raise_=raise_)
    if cotangent is not None:
        raise ValueError("check_grads: expected cotangent= along with gradients=[...]; others are drawn from the seed")
    subject = _subject(f, inputs, wrt, names, kwargs, gradients)
    options: dict[str, Any] = {"order": order, "wrt": wrt, "kwargs": kwargs, "method": method, "kinks": kinks}
    options |= {"rtol": rtol, "seed": seed, "gradients": gradients}
    defaults = inspect.signature(check_grads).parameters
    again = snippet(f, inputs, {key: value for key, value in options.items() if value != defaults[key].default})
    report = check_subject(
        subject,
        order=order,
        mode=mode,
        method=method,
        kinks=kinks,
        rtol=rtol,
        seed=seed,
        nondet_tol=nondet_tol,
        invariants=invariants,
    )
    return conclude(report, f, inputs, again, raise_=raise_)


def _subject(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    wrt: Any,
    names: Sequence[str] | None,
    kwargs: dict[str, Any] | None,
    derivative: Callable[..., Any] | None,
) -> Any:
    """Return the subject to check: a function on Tensors, or one on arrays with its derivative."""
    if derivative is not None:
        return subject_of_pair(f, derivative, inputs, wrt, names, kwargs)
    subject = Subject(f, Arguments(f, inputs, wrt, names), kwargs)
    subject.settle()
    return subject


def _check_values(
    subject: Subject,
    gradients: Sequence[np.ndarray | None],
    cotangent: Any,
    order: int,
    options: tuple[str, str, str, float | None, int],
) -> GradReport:
    """Check gradients that were computed elsewhere."""
    if len(gradients) != len(subject.leaves):
        raise ValueError(
            f"check_grads: expected {len(subject.leaves)} gradients, for {', '.join(subject.names)}; "
            f"received {len(gradients)}"
        )
    if order > 1:
        raise ValueError("check_grads: expected order=1, since arrays of gradients= cannot be differentiated")
    subject.recorded = False  # there is no graph to find the op in
    subject.argnums = [i for i in subject.argnums if gradients[i] is not None]
    start = time.perf_counter()
    with np.errstate(all="ignore"):
        outputs = subject.on_arrays(*(np.array(a) for a in subject.leaves))
        weights = [np.ones(out.shape) for out in outputs] if cotangent is None else flatten(cotangent)
        grads = [None if g is None else np.asarray(g) for g in gradients]
        report = _compare_run(subject, Run(outputs, grads, [], [], []), weights, *options)
    report.seconds = time.perf_counter() - start
    return report


def check_subject(
    subject: Any,
    *,
    order: int = 1,
    mode: str = "auto",
    method: str = "auto",
    kinks: str = "subgradient",
    rtol: float | None = None,
    seed: int = 0,
    nondet_tol: float = 0.0,
    invariants: bool = True,
) -> GradReport:
    """Check a subject to the given order; the arguments are those of `check_grads`."""
    start = time.perf_counter()
    report = GradReport(subject.title)
    with np.errstate(all="ignore"):
        _check_orders(report, subject, order, (mode, method, kinks, rtol, seed), nondet_tol if invariants else None)
    report.seconds = time.perf_counter() - start
    return report


def _check_orders(
    report: GradReport,
    subject: Any,
    order: int,
    options: tuple[str, str, str, float | None, int],
    nondet_tol: float | None,
) -> None:
    """Check the first derivative and its contracts (unless `nondet_tol` is None), then the derivative of that, …"""
    seed = options[-1]
    for level in range(1, order + 1):
        theirs = isinstance(subject, PlainSubject)
        run = subject.differentiate(None, seed) if theirs else differentiate(subject, None, seed)
        weights = cotangents_like(run.outputs, seed)
        if level == 1 and nondet_tol is not None:
            look = subject.broken_contracts if theirs else functools.partial(broken_contracts, subject)
            broken = look(run, weights, nondet_tol)
            report.failures += [_contract(subject, item) for item in broken]
            if any(item.fatal for item in broken):
                break
        inner = _compare_run(subject, run, weights, *options, level == 1)
        if level > 1:
            inner.inputs = {f"{name} (order {level})": entry for name, entry in inner.inputs.items()}
        report.merge(inner)
        if theirs and inner.ok and nondet_tol is not None and not any(e.n_kink for e in inner.inputs.values()):
            report.failures += [_contract(subject, item) for item in subject.forward_mode(run, weights, seed)]
        if report.failures:
            break
        if level < order:
            subject = subject.gradient(weights) if theirs else GradientOf(subject, weights)


def _contract(subject: Any, item: Broken) -> GradientMismatch:
    title = f"{subject.title}: {item.verdict}: {item.message}"
    return GradientMismatch(title, verdict=item.verdict, name=item.name)


def _compare_run(
    subject: Any,
    run: Run,
    weights: Sequence[np.ndarray],
    mode: str,
    method: str,
    kinks: str,
    rtol: float | None,
    seed: int,
    whole: bool = True,
) -> GradReport:
    """Compare one run with finite differences.

    Unless `whole`, what passes along random directions beyond doubt is not looked at element by element: a wrong
    element shows along almost every direction, and higher derivatives take long to evaluate.
    """
    report = GradReport(subject.title)
    tolerance = Tolerance(1e-6 if rtol is None else rtol, kinks=kinks)
    comparison = Comparison(subject, weights, run.grads, tolerance, method)
    comparison.tolerance = _tolerance(comparison, run, rtol, kinks, report)
    size = sum(subject.leaves[i].size for i in subject.argnums)
    whole = whole or mode == "full"
    full = mode == "full" or (mode == "auto" and size <= _FULL)
    single = sum(w.size for w in weights) == 1
    unknown: list[Finding] = []
    for i in subject.argnums:
        rng = np.random.default_rng([seed, i])
        along = [] if full and (whole or subject.leaves[i].size <= _FEW) else comparison.by_directions(i, rng)
        by_element = full and not (along and all(f.verdict.kind == "right" for f in along))
        findings = _excuse_kinks(comparison, i, comparison.by_elements(i) if by_element else along)
        _count(report, comparison, i, findings, by_element)
        unknown += [f for f in findings if f.verdict.kind == "inconclusive"]
        bad = _worst(findings, subject.leaves)
        if bad is not None:
            report.failures.append(mismatch_of(comparison, bad, findings, weights, single))
    if not report.failures and size and _alike(subject):
        ones = comparison.all_ones(unknown)
        if _contradicts(ones):
            report.failures.append(mismatch_of(comparison, ones, [ones], weights, single))
    report.evals += comparison.evals
    return report


def _excuse_kinks(comparison: Comparison, i: int, findings: list[Finding]) -> list[Finding]:
    """Let a derivative at a kink pass that lies outside the slopes there, if each op by itself is right.

    Where several kinks meet, as in relu(x @ w) at x = 0, each op may take another of its slopes, and what the chain
    rule makes of them need not be a slope of the whole.
    """
    refused = [f for f in findings if f.verdict.kind == "kink" and not f.verdict.passed]
    subject, tolerance = comparison.subject, comparison.tolerance
    if not refused or tolerance.kinks != "subgradient" or not getattr(subject, "recorded", True):
        return findings
    record = trace(subject)
    if record is None or record.cuts or not all(math.isfinite(f.verdict.analytic) for f in refused):
        return findings
    blame, complete = blamed_op(record, i, tolerance)
    if blame is not None or not complete:
        return findings
    return [f._replace(verdict=f.verdict._replace(passed=True)) if f in refused else f for f in findings]


def _alike(subject: Any) -> bool:
    """Return whether a step that is small for the smallest inputs is not lost in the last digits of the largest."""
    largest = [
        float(np.max(np.abs(x), initial=0, where=np.isfinite(x)))
        for x in map(subject.leaves.__getitem__, subject.argnums)
    ]
    sizes = [size for size in largest if size]
    return not sizes or max(sizes) < _MOST_APART * min(sizes)


def _contradicts(ones: Finding) -> bool:
    """Return whether the direction of all ones shows a mistake that no element does; only sharp estimates count.

    At a kink it does not count: of several kinks each may take another of its slopes, so their sum may be anything.
    """
    estimate = ones.verdict.estimate
    return ones.verdict.kind == "wrong" and 3 * estimate.error <= 1e-2 * abs(estimate.value)


def _tolerance(comparison: Comparison, run: Run, rtol: float | None, kinks: str, report: GradReport) -> Tolerance:
    """Return what agreement means, given the precision that the gradients were computed in."""
    subject = comparison.subject
    dtypes = [subject.leaves[i].dtype for i in subject.argnums] + [out.dtype for out in run.outputs]
    eps = max(float(np.finfo(dtype).eps) for dtype in dtypes)
    if comparison.point.single and eps < 1e-4:
        eps = max(eps, float(np.finfo(np.float32).eps))
        report.note(f"{subject.title} computes in single precision even on double inputs, so both sides are blurred")
    if eps < 1e-10:
        return Tolerance(1e-6 if rtol is None else rtol, kinks=kinks)
    base = 1e-4 if eps < 1e-4 else 3e-2
    return Tolerance(base * _condition(comparison) if rtol is None else rtol, 1e-2, kinks, eps)


def _condition(comparison: Comparison) -> float:
    """Return how much the function magnifies relative errors: |x| |g| / |f|, at least 1."""
    subject, point = comparison.subject, comparison.point
    size = float(np.nansum(np.abs(point.weights * point.base)))
    largest = 0.0
    for i in subject.argnums:
        g = comparison.grads[i]
        if g is not None and g.size:
            largest = max(largest, float(np.nanmax(np.abs(g) * np.abs(subject.leaves[i]), initial=0)))
    return min(max(1.0, largest / size), _MOST_CONDITION) if size and math.isfinite(largest) else 1.0


def _count(report: GradReport, comparison: Comparison, i: int, findings: Sequence[Finding], full: bool) -> None:
    name = comparison.subject.names[i]
    entry = report.inputs[name] = InputReport()
    if not full:
        entry.n_checked = comparison.subject.leaves[i].size
    largest = max(
        (abs(f.verdict.estimate.value) for f in findings if f.verdict.kind in ("right", "wrong")), default=0.0
    )
    for finding in findings:
        verdict = finding.verdict
        entry.n_checked += full and verdict.kind != "inconclusive"
        entry.n_kink += verdict.kind in ("kink", "jump")
        entry.n_inconclusive += verdict.kind == "inconclusive"
        if verdict.kind in ("right", "wrong"):
            scale = max(abs(verdict.analytic), abs(verdict.estimate.value), 1e-3 * largest)
            error = abs(verdict.analytic - verdict.estimate.value) / scale if scale else 0.0
            report.note_error(name, finding.k, math.inf if math.isnan(error) else error)


def _worst(findings: Sequence[Finding], leaves: Sequence[np.ndarray]) -> Finding | None:
    """Return the finding to report: the largest difference; inconclusive ones only if they are many."""
    bad = [f for f in findings if not f.verdict.passed and f.verdict.kind != "inconclusive"]
    if bad:
        return max(bad, key=lambda f: _apart(f))
    blurred = [f for f in findings if f.verdict.kind == "inconclusive"]
    # At an infinite input, which masks have, there is nothing to difference; that is not a fault of the function.
    blurred = [f for f in blurred if f.i is None or f.k is None or np.isfinite(leaves[f.i][f.k])]
    return blurred[0] if len(blurred) > _INCONCLUSIVE * len(findings) else None


def _apart(finding: Finding) -> float:
    verdict = finding.verdict
    apart = abs(verdict.analytic - verdict.estimate.value)
    return math.inf if math.isnan(apart) else apart

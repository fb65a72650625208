"""Run the checker over all functions of a module, of ours or of another library, and say what it finds."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import importlib.metadata
import time
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.testing import GradientMismatch, check_grads
from autograd_lite.testing.check import check_subject
from autograd_lite.testing.report import literal

from .backends import BACKENDS, Backend, backend_of
from .calling import SYMMETRIC, UNWANTED, Plan, called, plan_of, planned, simplest
from .elsewhere import subject_elsewhere
from .reproducing import in_their_syntax

# In the order of the report's first line.
VERDICTS = ("wrong", "raises", "right", "no derivative", "not tried")
# After this many failures of a function the rest is not looked at.
_ENOUGH = 6
# Where a value is as large as this, there is a pole that rounding has made finite; where a function is 0 all around, a
# derivative as small as this may be right, since its value may have been rounded away.
_POLE = 1e12
_UNDERFLOW = 1e-15
# A jump as low as this may be the rounding of terms that have canceled.
_CANCELLED = 1e-9
# Contracts, and forward against reverse mode, are looked at on one point of four.
_CONTRACTS = 4


class Outcome(NamedTuple):
    """What was found about one function.

    Attributes:
        name: as its module has it.
        verdict: "right", "wrong", "raises" (where it has a finite value, its gradient raises an error), "no derivative"
            (it raises everywhere), or "not tried" (no way was found to call it).
        points: how many arguments were checked.
        failures: an error for each that failed, the simplest first.
        note: how it was called, or why not.
    """

    name: str
    verdict: str
    points: int = 0
    failures: tuple[GradientMismatch, ...] = ()
    note: str = ""


@dataclasses.dataclass(frozen=True)
class AuditReport:
    """What was found about all functions of a module; prints as a table with a reproducer for each failure.

    Attributes:
        module: its name.
        version: of the package, or "".
        outcomes: one for each function.
        seconds: how long it took.

    Example:
        >>> AuditReport("mine", "1.0", (), 0.5).ok
        True
    """

    module: str
    version: str
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not any(outcome.failures for outcome in self.outcomes)

    def __repr__(self) -> str:
        return "\n".join([self.headline(), *(line for outcome in self.outcomes for line in lines_of(outcome))])

    def headline(self) -> str:
        """Return the first line: how many functions got which verdict."""
        counts = {verdict: sum(o.verdict == verdict for o in self.outcomes) for verdict in VERDICTS}
        found = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n)
        return (
            f"{self.module} {self.version}".strip()
            + f": {len(self.outcomes)} functions: {found} ({self.seconds:.0f} s)"
        )


def lines_of(outcome: Outcome) -> list[str]:
    """Return what a report says about one function."""
    verdict = outcome.verdict.upper() if outcome.failures else outcome.verdict
    failed = f"{len(outcome.failures)} of " if outcome.failures else ""
    points = f"{failed}{outcome.points} points, " if outcome.points else ""
    lines = [f"  {outcome.name:<28} {verdict:<14} {points}{outcome.note}".rstrip()]
    for failure in outcome.failures[:1]:
        text = str(failure).splitlines()
        lines += [f"      {line}" for line in text]
    others = [_at(failure) for failure in outcome.failures[1:6]]
    if others:
        lines.append(f"      also at {'; '.join(others)}{'; …' if len(outcome.failures) > 6 else ''}")
    return lines


def _at(failure: GradientMismatch) -> str:
    return ", ".join(literal(x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x) for x in failure.args)


def audit(
    module: types.ModuleType | str,
    *,
    backend: str | None = None,
    only: Sequence[str] | None = None,
    inputs: Mapping[str, str] | None = None,
    examples: int = 60,
    kinks: str = "subgradient",
    show: Callable[[Outcome], Any] | None = None,
) -> AuditReport:
    """Check the gradients of every function of a module at arguments that are found by trying.

    A function that works element by element is checked at single numbers: round ones, and those where formulas lose
    their digits. Others are called with arrays that Hypothesis draws and shrinks. Only arguments at which the function
    is finite count. All public functions are called; those that are named as if they changed the process are not.

    Args:
        module: a module or its name. Besides functions it may have pairs (f, grad), a function of NumPy's arrays and
            its derivative; and `signatures`, a dict from names to signatures as of a generalized ufunc, "(n,k),(k)".
        backend: whose gradients they are: "torch", "jax", "autograd" or "mygrad"; by default that of the module's
            package, or its attribute `backend`; otherwise ours.
        only: names of functions; all if None.
        inputs: signatures, in addition to the module's.
        examples: how many arguments to draw.
        kinks: as for `check_grads`.
        show: called with each outcome as soon as it is known.

    Returns:
        A report; print it.

    Example:
        >>> import types
        >>> pairs = types.SimpleNamespace(__name__="pairs", sine=(np.sin, np.cos), cosine=(np.cos, np.sin))
        >>> report = audit(pairs)
        >>> [(outcome.name, outcome.verdict) for outcome in report.outcomes]
        [('cosine', 'wrong'), ('sine', 'right')]
        >>> report.outcomes[0].failures[0].args
        (array(1.),)
    """
    start = time.perf_counter()
    found = importlib.import_module(module) if isinstance(module, str) else module
    package = found.__name__.partition(".")[0]
    name = backend or getattr(found, "backend", None) or (package if package in BACKENDS else None)
    row = None if name is None else backend_of(name)
    signatures = {**getattr(found, "signatures", {}), **(inputs or {})}
    outcomes = []
    for title, f, derivative in functions_of(found, only):
        outcome = _judged(found.__name__, title, f, derivative, row, signatures.get(title), examples, kinks)
        outcomes.append(outcome)
        if show is not None:
            show(outcome)
    version = getattr(found, "__version__", "")
    if package in BACKENDS:
        version = importlib.metadata.version(package)
    return AuditReport(found.__name__, str(version), tuple(outcomes), time.perf_counter() - start)


def attribute(path: str) -> Any:
    """Return what a dotted path names: "torch.special.i0"."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def functions_of(module: Any, only: Sequence[str] | None = None) -> Iterator[tuple[str, Callable[..., Any], Any]]:
    """Yield (name, function, derivative or None) for what a module offers."""
    for name in sorted(only or getattr(module, "__all__", None) or dir(module)):
        value = getattr(module, name, None)
        if name.startswith("_") or (only is None and UNWANTED.fullmatch(name)):
            continue
        if isinstance(value, tuple) and len(value) == 2 and all(map(callable, value)):
            yield name, *value
        elif callable(value) and (not isinstance(value, type) or hasattr(value, "nin")):  # MyGrad's ufuncs are classes
            yield name, value, None


def _judged(
    module: str,
    name: str,
    f: Callable[..., Any],
    derivative: Any,
    backend: Backend | None,
    signature: str | None,
    examples: int,
    kinks: str,
) -> Outcome:
    plan = plan_of(f, name, None if derivative else backend) if signature is None else planned(signature)
    if plan is None:
        return Outcome(name, "not tried", note="no arguments were found that it takes")
    check = functools.partial(_checked, f, derivative, backend, f"{module}.{name}", kinks)
    seen = _Seen()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _look(plan, f, None if derivative else backend, check, seen, examples)
    text = plan.text if seen.by is None else f"{plan.text}, by number {', '.join(str(i + 1) for i in seen.by)} alone"
    if seen.failures and all(map(_unreached, seen.failures)):
        by = ", ".join(sorted({str(failure.name) for failure in seen.failures}))
        return Outcome(name, "no derivative", note=f"by {by}: the result has no history, and nothing says so")
    if any(failure.verdict == "non-deterministic" for failure in seen.failures):
        return Outcome(name, "not tried", note="it draws random numbers")
    if seen.failures:
        return Outcome(name, "wrong", seen.points, tuple(seen.failures), text)
    if seen.raised:
        verdict = "raises" if seen.points else "no derivative"
        where, error = seen.raised[0]
        note = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:90]
        return Outcome(name, verdict, seen.points, (), f"{note}, at {where}" if seen.points else note)
    if not seen.points:
        return Outcome(name, "not tried", note=f"{plan.text}: it is finite at none of those tried")
    return Outcome(name, "right", seen.points, (), text)


def _size(inputs: Sequence[np.ndarray]) -> float:
    return max((float(np.max(np.abs(x), initial=1.0)) for x in inputs), default=1.0)


def _lost(failure: GradientMismatch) -> bool:
    if "was changed: " in failure.title:  # what was taken for an argument is where results go
        return True
    if failure.verdict == "jump":
        return abs(failure.analytic) * _size(failure.args) < _CANCELLED
    return bool(failure.numeric == 0 and abs(failure.analytic) < _UNDERFLOW)


def _unreached(failure: GradientMismatch) -> bool:
    return failure.hint.startswith("no gradient reaches")


@dataclasses.dataclass
class _Seen:
    points: int = 0
    failures: list[GradientMismatch] = dataclasses.field(default_factory=list)
    raised: list[tuple[str, Exception]] = dataclasses.field(default_factory=list)
    by: list[int] | None = None


def _look(plan: Plan, f: Any, backend: Backend | None, check: Any, seen: _Seen, examples: int) -> None:
    """Check a function at all arguments of a plan."""

    def fails(row: tuple[Sequence[np.ndarray], dict[str, Any]]) -> GradientMismatch | None:
        inputs, kwargs = row
        try:
            values = called(f, inputs, kwargs, backend)
            finite = all(np.isfinite(a).all() and np.all(np.abs(a) < _POLE * _size(inputs)) for a in values)
        except Exception:  # whatever a function raises outside its domain
            return None
        if not finite:
            return None
        try:
            failure = _by_what_it_can(check, inputs, kwargs, seen, not plan.kinds or seen.points % _CONTRACTS == 0)
        except Exception as error:  # whatever a rule raises
            seen.raised.append((", ".join(literal(x) for x in inputs), error))
            return None
        seen.points += 1
        if failure and failure.analytic == 0 and all(np.array_equal(a, np.rint(a)) for a in values) and plan.kinds:
            return None  # it may be a staircase, whose steps are narrower than those of a finite difference
        return failure

    if plan.kinds:
        for point in plan.points(examples):
            failure = fails((point, {}))
            seen.failures += [failure] if failure else []
            if len(seen.failures) >= _ENOUGH or (len(seen.raised) >= _ENOUGH and not seen.points):
                return
        return
    row = simplest(plan.rows, lambda row: fails(row) is not None, examples)
    failure = None if row is None else fails(row)
    seen.failures += [failure] if failure else []


def _by_what_it_can(
    check: Callable[..., GradientMismatch | None],
    inputs: Sequence[np.ndarray],
    kwargs: dict[str, Any],
    seen: _Seen,
    invariants: bool,
) -> GradientMismatch | None:
    """Check the gradients by all inputs, or by those that have one where some raise because they have none."""
    if seen.by is None:
        try:
            return check(inputs, kwargs, None, invariants)
        except NotImplementedError:
            seen.by = []
            for i, x in enumerate(inputs):
                with contextlib.suppress(NotImplementedError, ValueError):
                    if x.dtype.kind == "f" and len(inputs) > 1:
                        check(inputs, kwargs, i, False)
                        seen.by.append(i)
            if not seen.by:
                seen.by = None
                raise
    return check(inputs, kwargs, seen.by, invariants)


def _of_symmetric_part(f: Callable[..., Any], a: Any, **kwargs: Any) -> Any:
    return f((a + a.swapaxes(-1, -2)) / 2, **kwargs)


def _checked(
    f: Callable[..., Any],
    derivative: Any,
    backend: Backend | None,
    named: str,
    kinks: str,
    inputs: Sequence[np.ndarray],
    kwargs: dict[str, Any],
    by: Any,
    invariants: bool,
) -> GradientMismatch | None:
    """Return what is wrong with the gradient at one point; what is inconclusive there is not wrong."""
    given = [int(x) if x.ndim == 0 and x.dtype.kind == "i" else x for x in inputs]
    if backend is None or derivative is not None:
        report = check_grads(f, *given, kwargs=kwargs or None, gradients=derivative, wrt=by, kinks=kinks, raise_=False)
    else:
        name = named.rpartition(".")[2]
        if name in SYMMETRIC:
            f = functools.partial(_of_symmetric_part, f)
            named = f"(lambda a: {named}((a + a.swapaxes(-1, -2)) / 2))"
        subject = subject_elsewhere(f, given, by, None, kwargs, backend.name)
        subject.path = named
        subject.title = named
        report = check_subject(subject, kinks=kinks, invariants=invariants)
        in_their_syntax(report, subject, f, given, kwargs)
    for failure in report.failures:
        failure.args = tuple(inputs)
    failures = [failure for failure in report.failures if failure.verdict != "inconclusive" and not _lost(failure)]
    return failures[0] if failures else None

"""What a check says: a report when all is well, an error that names the element, the op and the line when it is not."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.node import Source
from .subject import element_name


def number(value: float) -> str:
    """Return a number with as many digits as a reader compares.

    Example:
        >>> number(0.1), number(1 / 3), number(2.0)
        ('0.1', '0.3333333333', '2')
    """
    return f"{value:.10g}"


@dataclasses.dataclass
class InputReport:
    """The findings for one input.

    Attributes:
        max_rel_err: the largest relative difference between analytic and numeric derivative.
        n_checked: how many elements were compared; along directions, all that those cover.
        n_kink: how many lay on a kink or a jump, where only the slopes of both sides can be compared.
        n_inconclusive: how many finite differences say nothing about.

    Example:
        >>> InputReport(n_checked=3).n_checked
        3
    """

    max_rel_err: float = 0.0
    n_checked: int = 0
    n_kink: int = 0
    n_inconclusive: int = 0


@dataclasses.dataclass(repr=False)
class GradReport:
    """The result of a check.

    Attributes:
        function: what the function is called.
        inputs: an `InputReport` for each input by its name; those of the second derivative under "name (order 2)".
        worst: name, index and relative difference of the element that agreed least; None if none was compared.
        evals: how often the function was evaluated for the numeric side.
        seconds: how long it took.
        notes: what a reader should know, as that the function computes in single precision.
        failures: the errors, filled when `raise_=False`.

    Example:
        >>> from autograd_lite.testing import check_grads
        >>> report = check_grads(lambda x: x * x, 2.0)
        >>> report.failures, list(report.inputs)
        ([], ['x'])
    """

    function: str
    inputs: dict[str, InputReport] = dataclasses.field(default_factory=dict)
    worst: tuple[str, tuple[int, ...] | None, float] | None = None
    evals: int = 0
    seconds: float = 0.0
    notes: list[str] = dataclasses.field(default_factory=list)
    failures: list[GradientMismatch] = dataclasses.field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.failures

    def __bool__(self) -> bool:
        return self.ok

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)

    def note_error(self, name: str, index: tuple[int, ...] | None, error: float) -> None:
        """Note how far an element agreed."""
        entry = self.inputs[name]
        entry.max_rel_err = max(entry.max_rel_err, error)
        if self.worst is None or error > self.worst[2]:
            self.worst = (name, index, error)

    def merge(self, other: GradReport, prefix: str = "") -> None:
        """Add what another check found."""
        self.inputs.update({f"{prefix}{name}": entry for name, entry in other.inputs.items()})
        if other.worst is not None and (self.worst is None or other.worst[2] > self.worst[2]):
            self.worst = (f"{prefix}{other.worst[0]}", *other.worst[1:])
        self.evals += other.evals
        self.seconds += other.seconds
        for note in other.notes:
            self.note(note)
        self.failures += other.failures

    def __repr__(self) -> str:
        verdict = "ok" if self.ok else f"{len(self.failures)} FAILED"
        head = f"check_grads({self.function}): {verdict}, {self.evals} evaluations, {1e3 * self.seconds:.0f} ms"
        width = max((len(name) for name in self.inputs), default=5)
        rows = [f"  {'input':<{width}}  max rel. err  checked  kinks  inconclusive"] if self.inputs else []
        rows += [
            f"  {name:<{width}}  {e.max_rel_err:12.1e}  {e.n_checked:7d}  {e.n_kink:5d}  {e.n_inconclusive:12d}"
            for name, e in self.inputs.items()
        ]
        if self.worst is not None:
            rows.append(f"  worst: {element_name(self.worst[0], self.worst[1])}, {self.worst[2]:.1e}")
        rows += [f"  note: {note}" for note in self.notes]
        rows += ["  " + str(failure).split("\n")[0] for failure in self.failures]
        return "\n".join([head, *rows])


class GradientMismatch(AssertionError):
    """A gradient that finite differences contradict, or a contract that a function breaks.

    Args:
        title: the first line of the message.
        inputs: those of the function.
        facts: further lines of the message, as pairs of a name and a text.

    Attributes:
        verdict: "wrong", "kink", "jump", "inconclusive", "non-deterministic" or "contract broken".
        name: the argument, or None where no one argument is to blame.
        index: the element, or None where none is named.
        analytic: the derivative that the rules give.
        numeric: the derivative that finite differences give.
        error_bar: how far that can be trusted.
        args: the inputs of the function, to look into with a debugger.
        hint: what pattern the numbers follow, as text, or "".
        op: the recorded op to blame, or None.
        source: the user's line, or None.
        places: the lines that a traceback leads to: where the op to blame is called, and the rule that is wrong.
        snippet: Python code that reproduces the failure.

    Example:
        >>> issubclass(GradientMismatch, AssertionError)
        True
    """

    def __init__(
        self,
        title: str,
        *,
        verdict: str,
        name: str | None = None,
        index: tuple[int, ...] | None = None,
        analytic: Any = math.nan,
        numeric: Any = math.nan,
        error_bar: float = math.nan,
        inputs: Sequence[Any] = (),
        facts: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.title = title
        self.verdict = verdict
        self.name = name
        self.index = index
        self.analytic = analytic
        self.numeric = numeric
        self.error_bar = error_bar
        self.hint = ""
        self.op: Any = None
        self.source: Source | None = None
        self.places: list[Source] = []
        self.snippet = ""
        self.facts = list(facts)
        super().__init__(*inputs)

    def __str__(self) -> str:
        rows = [self.title]
        rows += [f"  {label:<10} {_hanging(text)}" for label, text in self.facts if text]
        if self.hint:
            rows.append(f"  {'hint':<10} {_hanging(self.hint)}")
        if self.snippet:
            rows += ["  reproduce:", *("    " + line for line in self.snippet.splitlines())]
        return "\n".join(rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.title, self.args, dict(self.__dict__, op=getattr(self.op, "name", self.op)))


class PropertyError(AssertionError):
    """An op does not keep one of the laws; `check_op` adds which op, which law and on which row.

    Attributes:
        places: the lines that a traceback leads to: the rule, if it is the user's.

    Example:
        >>> issubclass(PropertyError, AssertionError)
        True
    """

    places: Sequence[Source] = ()


# Where users find them; and short, since it begins the first line that they read.
GradientMismatch.__module__ = PropertyError.__module__ = __package__


def _restore(title: str, inputs: tuple[Any, ...], state: dict[str, Any]) -> GradientMismatch:
    error = GradientMismatch(title, verdict=state["verdict"], inputs=inputs)
    error.__dict__.update(state)
    return error


def _hanging(text: str) -> str:
    return text.replace("\n", "\n" + " " * 13)


def literal(value: Any) -> str:
    """Return Python code for an input, exact to the last digit.

    Example:
        >>> literal(np.array([0.1, 2.0])), literal(2.5), literal(np.float32([1]))
        ('np.array([0.1, 2.0])', '2.5', "np.array([1.0], 'float32')")
    """
    if isinstance(value, np.ndarray):
        plain = {"f": np.float64, "c": np.complex128, "i": np.int_, "b": np.bool_}
        implied = value.dtype == plain.get(value.dtype.kind)
        if not value.size:
            return f"np.zeros({value.shape}, '{value.dtype}')"
        double = value.astype(plain[value.dtype.kind]) if value.dtype.kind in "fc" else value
        text = repr(double.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
        return f"np.array({text})" if implied else f"np.array({text}, '{value.dtype}')"
    if isinstance(value, np.generic):
        return literal(np.asarray(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if type(value) is tuple:
        return "(" + "".join(literal(part) + ", " for part in value).rstrip() + ")"
    if hasattr(value, "numpy") and hasattr(value, "requires_grad"):
        return literal(value.numpy())
    return repr(value)

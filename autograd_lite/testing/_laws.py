"""`check_op`: all the laws that our own ops are held to, for an op of yours."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..core.messages import checked
from ..core.op import Op
from . import _law_derivatives as derivatives, _law_rules as rules, _law_values as values
from ._hypothesis import hypothesis
from ._op_arguments import arguments
from ._rows import Row, as_row
from ._setting import Inconclusive, LawBroken as LawBroken, Setting

# The one law about all rows together: an array that is declared must be read on some row.
IDLE = "reads no more"
LAWS: dict[str, Callable[[Setting], Any]] = {
    "value": values.value,
    "infer": values.infer,
    "reads": rules.reads,
    "writes": rules.writes,
    "raw": rules.raw,
    "scalars": rules.scalars,
    "strict": rules.strict,
    "first": derivatives.first,
    "linear in g": rules.linear_in_g,
    "float32": rules.float32,
    "tensors": rules.tensors,
    "engine": derivatives.engine,
    "layout": values.layout,
    "linear": values.linear,
    "tangent": derivatives.tangent,
    "batch": values.batch,
    "selects": values.selects,
    "second": derivatives.second,
    IDLE: rules.idle,
}
# Enough to see that a rule is wrong, and fast: nothing is recorded.
FIRST_ORDER = ("value", "infer", "reads", "writes", "raw", "strict", "first", IDLE)
# The names of exemptions in a row that stand for several laws.
_EXEMPTIONS = {"difference": ("first", "second", "linear", "tangent", "linear in g")}


@dataclasses.dataclass(frozen=True)
class OpReport:
    """What `check_op` found.

    Attributes:
        op: the op's name.
        laws: how often each law was looked at.
        faults: what is wrong, one text each; empty if nothing is.
        seconds: how long it took.
    """

    op: str
    laws: Mapping[str, int]
    faults: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the op keeps every law."""
        return not self.faults

    def __repr__(self) -> str:
        rows = max(self.laws.values(), default=0)
        verdict = "\n".join(self.faults) or f"keeps all {len(self.laws)} laws"
        return f"{self.op}: {verdict} ({rows} rows, {self.seconds:.2g} s)"


@checked
def check_op(
    op: Op,
    cases: Iterable[Any] | None = None,
    *,
    laws: Sequence[str] | None = None,
    examples: int = 20,
    shapes: Any = None,
    domain: Any = None,
    params: Mapping[str, Any] | None = None,
    raise_: bool = True,
) -> OpReport:
    """Hold an op record to the laws of our own tables: values, shape rule, raw rules, derivatives, modes, flags.

    The rules are looked at raw, before the engine repairs shapes and dtypes. The laws, in the order they are tried:

    - value, infer: one array, the same each time; the shape rule foretells its shape and dtype
    - reads, reads no more, writes: a rule reads what it declares in `saves`, and nothing else; nothing is written
    - raw, scalars, float32: shape and dtype of a rule's result; NumPy scalars; precision in float32
    - strict, tensors, engine: a rule uses the protocols alone, and every reader gets the same bits
    - first, second, linear in g: derivatives against finite differences with error bars; linear in the cotangent
    - tangent, batch, layout: forward mode, batching rule and layouts of memory agree with the plain reading
    - linear, selects: the flags are true

    Args:
        op: the record.
        cases: rows: each a `Row`, an array, inputs in a tuple or list, or `(inputs, params)` with the parameters as
            `forward` takes them. Without them Hypothesis draws `strategies.arguments(op, …)`, away from kinks.
        laws: names of laws; all if None.
        examples: how many rows to draw where no cases are given.
        shapes: see `strategies.arguments`.
        domain: see `strategies.arguments`.
        params: see `strategies.arguments`.
        raise_: raise at the first fault; if False, collect one fault a law.

    Returns:
        A report.

    Raises:
        LawBroken: (an AssertionError) saying which law is broken, how, and on which row.

    Example:
        >>> import numpy as np
        >>> import autograd_lite as ag
        >>> gaussian = ag.elementwise(
        ...     lambda x: np.exp(-(x**2)), lambda out, x: -2 * x * out, name="gaussian", saves="ox"
        ... )
        >>> check_op(gaussian, [np.array([0.5, -1.0])]).ok
        True
    """
    names = tuple(LAWS) if laws is None else tuple(laws)
    unknown = [name for name in names if name not in LAWS]
    if unknown:
        raise ValueError(f"check_op: expected laws among {', '.join(LAWS)}; received {', '.join(map(repr, unknown))}")
    start = time.perf_counter()
    session = _Session(op, names, raise_, drawn=cases is None)
    if cases is not None:
        for case in cases:
            session.check(as_row(case, op))
    else:
        # Numbers of a moderate size: where a tanh is flat, its derivative is all rounding.
        rows = arguments(op, shapes=shapes, domain=domain, params=params, extent=2)
        _search(op, session.check, examples, rows)
    session.conclude()
    return OpReport(op.name, session.counts, tuple(session.faults.values()), time.perf_counter() - start)


class _Session:
    """One run of `check_op`: what was looked at, and what was found."""

    def __init__(self, op: Op, names: Sequence[str], raise_: bool, drawn: bool) -> None:
        self.op, self.names, self.raise_, self.drawn = op, names, raise_, drawn
        self.counts = dict.fromkeys(names, 0)
        self.faults: dict[str, str] = {}
        self._idle: set[tuple[int, int]] | None = None

    def check(self, row: Row) -> None:
        """Look at every law on one row."""
        try:
            setting = Setting(self.op, row)
        except Exception as error:  # forward itself fails
            self._blame(self.names[0], error, row)
            return
        for name in self.names:
            exempt = name in row.exempt or any(name in _EXEMPTIONS.get(other, ()) for other in row.exempt)
            if exempt or name in self.faults:
                continue
            self.counts[name] += 1
            try:
                found = LAWS[name](setting)
            except Exception as error:
                if isinstance(error, Inconclusive) and self.drawn:
                    hypothesis.reject()
                self._blame(name, error, row)
                continue
            if name == IDLE and setting.wanted:
                self._idle = found if self._idle is None else self._idle & found

    def conclude(self) -> None:
        """Say what only all rows together show."""
        for i, k in sorted(self._idle or ()):
            what = "the result" if k == 0 else f"input {k - 1}"
            message = f"the rule for input {i} declares that it reads {what}, and does so on no row"
            self._blame(IDLE, LawBroken(message), None)

    def _blame(self, name: str, error: Exception, row: Row | None) -> None:
        what = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        text = f"op '{self.op.name}' breaks the law '{name}': {what}"
        if row is not None:
            text += f"\n  on        {row.label + ': ' if row.label else ''}{row!r}"
        if self.raise_:
            raise LawBroken(text) from error
        self.faults[name] = text


def _search(op: Op, check: Callable[[Row], None], examples: int, rows: Any) -> None:
    """Try drawn rows, the same in every run; the first that breaks a law is shrunk before it is shown."""

    def keeps_the_laws(row: Row) -> None:
        check(row)

    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=[phase for phase in hypothesis.Phase if phase.name != "explain"],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        settings(hypothesis.given(row=rows)(keeps_the_laws))()
    except hypothesis.errors.Unsatisfiable:
        raise ValueError(
            f"check_op({op.name}): expected arguments that fit to be found; none of those drawn did. Pass cases=, or "
            'say what fits: shapes="(n,n),(n)", domain=["spd", "real"], params={…}'
        ) from None

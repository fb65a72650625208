"""The story of an explanation: its sentences, in order. A pen writes it down as text or as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from .parts import Amount, ForwardValue, Gap, Step, Story, Target
from .words.printer import number_text


class Fact(NamedTuple):
    """Something that is said about a step.

    Attributes:
        label: "comes in", "locally", "why", "then", "gives" or "adds up".
        words: a sentence, or a formula as text.
        latex: the formula as LaTeX.
        value: its numbers.
        seen: the step that already showed these numbers, or 0.
    """

    label: str
    words: str
    latex: str = ""
    value: Amount | None = None
    seen: int = 0


class Pen(Protocol):
    """Writes the parts of an explanation; every method yields lines."""

    # fmt: off
    def title(self, words: str) -> Iterator[str]: ...
    def output(self, value: ForwardValue, several: bool) -> Iterator[str]: ...
    def target(self, target: Target, kind: str) -> Iterator[str]: ...
    def forward(self, values: Sequence[ForwardValue], gap: bool) -> Iterator[str]: ...
    def backward(self, words: str) -> Iterator[str]: ...
    def step(self, step: Step, last: int, facts: Sequence[Fact]) -> Iterator[str]: ...
    def gap(self, words: str) -> Iterator[str]: ...
    def result(self, target: Target, words: str) -> Iterator[str]: ...
    def note(self, words: str) -> Iterator[str]: ...
    # fmt: on


def narrate(e: Story, pen: Pen) -> Iterator[str]:
    """Yield the lines of an explanation."""
    yield from pen.title(f"How L changes with {join_names([target.name for target in e.targets])}")
    for value in e.outputs:
        yield from pen.output(value, len(e.outputs) > 1)
    for target in e.targets:
        yield from pen.target(target, f"{_kind(target)}, {target.shape} {target.dtype}")
    if e.forward:
        yield from pen.forward(e.forward, bool(e.gaps))
        yield from pen.backward(
            f"It starts with {_start(e)}. Into each step comes g, the derivative of L with respect to the result of an "
            "op; the op's rule turns it into the derivative with respect to one of the op's arguments."
        )
    gaps = {gap.after: gap for gap in e.gaps}
    last = e.steps[-1].number if e.steps else 0
    shown: dict[str, int] = {}
    for step in e.steps:
        yield from pen.step(step, last, list(_facts(step, shown)))
        shown[step.total.id] = step.number
        if step.number in gaps:
            yield from pen.gap(_gap(gaps[step.number]))
    for target in e.targets:
        turned = ", the conjugate of what the steps add up to" if target.dtype.startswith("complex") else ""
        yield from pen.result(target, turned)
    for note in e.notes:
        yield from pen.note(note)


# ---- the sentences --------------------------------------------------------------------------------------------------


def _facts(step: Step, shown: Mapping[str, int]) -> Iterator[Fact]:
    """Yield the facts about a step; `shown` are the numbers of the steps whose results were shown, by their ids."""
    for g in step.incoming:
        seen = shown.get(g.value.id, 0) if "\n" in array_text(g.value) else 0
        yield Fact("comes in", f"{g.name} = {derivative(g.result)}", g.latex, g.value, seen)
    if step.local:
        slope = f"{differential(step.incoming[0].result)}/{differential(step.target)} = {step.local}"
        yield Fact("locally", slope, step.local_latex, step.slope)
    if step.reason:
        yield Fact("why", step.reason)
    remarks = [remark for remark in step.remarks if not remark.startswith("+ ")]
    yield from (Fact("then", remark) for remark in remarks)
    formula = ", ".join([step.rule, *remarks])
    one = step.uses == 1
    yield Fact("gives", f"{derivative(step.target)} = {formula}" if one else formula, value=step.contribution)
    if not one:
        yield Fact("adds up", _use(step), value=step.total if step.use > 1 else None)


def _start(e: Story) -> str:
    """Return what the backward pass starts with."""
    if len(e.outputs) > 1:
        return "a derivative of 1 with respect to each of the results"
    if len(e.seeds) == 1 and not e.seeds[0].shape and array_text(e.seeds[0]) in ("1", ""):
        return f"{derivative(e.outputs[0].name)} = 1, since {e.outputs[0].name} is L itself"
    return "the cotangent that was given"


def _use(step: Step) -> str:
    """Return which of several uses of its argument a step is."""
    if step.use == 1:
        return f"{step.target} is used {step.uses} times; this is the first part of {derivative(step.target)}"
    end = "that is all of" if step.use == step.uses else "so far of"
    added = next((r[2:] for r in step.remarks if r.startswith("+ ")), "what came before")
    return f"with {added}: part {step.use} of {step.uses}, {end} {derivative(step.target)}"


def _kind(target: Target) -> str:
    """Return what kind of tensor a target is."""
    kind = {"parameter": "a parameter", "op": "the result of an operation"}.get(target.kind, "an input")
    return kind if target.name == target.id else f"{target.id}, {kind}"


def _gap(gap: Gap) -> str:
    return f"… {gap.count:,} more steps: {gap.words} …"


def join_names(names: Sequence[str], most: int = 6) -> str:
    """Return "a", "a and b" or "a, b and c"; only the first of many."""
    names = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"


# ---- small words for both pens --------------------------------------------------------------------------------------


def where_text(part: ForwardValue | Step, begin: str) -> str:
    """Return, after `begin`, where the user's program calls an op; empty if that was not recorded."""
    place = ", ".join(filter(None, (part.scope, part.source)))
    return begin + place if place else ""


def derivative(name: str) -> str:
    """Return "dL/dw"."""
    return f"dL/{differential(name)}"


def differential(name: str) -> str:
    """Return "dw", and for longer names "d(dense.weight)"."""
    return f"d{name}" if len(name) <= 3 or name[1:].isdigit() else f"d({name})"


def array_text(a: Amount | None) -> str:
    """Return the numbers of an array as NumPy prints them, with four digits; empty if they are not shown."""
    if a is None or a.numbers is None:
        return ""
    array = np.array(a.numbers, dtype=a.dtype or None).reshape(a.shape)
    texts = [str(v) if isinstance(v, bool) else number_text(v + 0) for v in array.reshape(-1).tolist()]
    if not a.shape:
        return texts[0]
    if not texts:
        return "[]"
    width = max(map(len, texts)) if len(a.shape) > 1 else 0
    padded = iter(texts)
    spelled = np.array([next(padded).rjust(width) for _ in range(array.size)], dtype=object).reshape(a.shape)
    lines = np.array2string(spelled, separator=", ", threshold=1 << 30, formatter={"all": str}, max_line_width=76)
    return "\n".join(line for line in lines.splitlines() if line.strip())


def size_text(a: Amount | None) -> str:
    """Return the shape, and the norm if it is known; nothing of a call, whose results say it."""
    if a is None:
        return ""
    shape = str(a.shape) if a.shape else "one number"
    return shape if a.norm is None else f"{shape}, norm {a.norm:.4g}"

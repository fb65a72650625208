"""An explanation as Markdown with LaTeX, as notebooks and GitHub show it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .parts import Amount, Explained, Made, Step, Target
from .text import (
    array_text,
    gap_text,
    headline,
    is_seeded_with_one,
    result_kind,
    size_text,
    use_text,
    where_text,
)


def markdown(e: Explained) -> str:
    """Return the Markdown of an explanation."""
    return re.sub("\n{3,}", "\n\n", "\n".join(_lines(e))) + "\n"


def _lines(e: Explained) -> Iterator[str]:
    yield from (f"## {_names(headline(e))}", "")
    for made in e.outputs:
        begin = "$L$ is" if len(e.outputs) == 1 else "$L$ is a sum, of"
        yield f"- {begin} ${made.latex}$: {_size(made.value)}"
    for target in e.targets:
        yield f"- `{target.name}` is {result_kind(target)}, {target.shape} {target.dtype}"
    if e.forward:
        yield from ("", "### Forward", "", "What was computed on the way:", "")
        yield from map(_made, e.forward)
        yield from ("", "### Backward", "", _start(e))
    gaps = {gap.after: gap for gap in e.gaps}
    last = e.steps[-1].number if e.steps else 0
    said: dict[str, int] = {}
    for step in e.steps:
        yield from _step(step, last, said.get(step.incoming.id, 0))
        said[step.total.id] = step.number
        if step.number in gaps:
            yield from ("", f"*{gap_text(gaps[step.number])}*")
    for target in e.targets:
        yield from _result(target)
    for note in e.notes:
        yield from ("", f"> {note}")


def _made(made: Made) -> str:
    where = _where(made)
    return f"- ${made.latex}$ · {_size(made.value)}{where}"


def _start(e: Explained) -> str:
    start = "$\\frac{\\partial L}{\\partial L} = 1$" if is_seeded_with_one(e) else "the cotangents of the results"
    return (
        f"The chain rule, one step after the other. It starts with {start}; every step multiplies what comes in by a "
        "local derivative, or does what that amounts to for whole arrays."
    )


def _step(step: Step, last: int, said: int) -> Iterator[str]:
    where = _where(step)
    head = f"**Step {step.number} of {last}:** `{step.result} = {step.forward}`, back to `{step.target}`"
    yield from ("", head + where, "", f"$${step.latex}$$", "")
    incoming = rf"$\frac{{\partial L}}{{\partial {step.result_latex}}}$"
    shown = f" (see step {said})" if said and "\n" in array_text(step.incoming) else _told(step.incoming)
    yield f"- comes in: {incoming}, {_size(step.incoming)}{shown}"
    if step.local_latex:
        yield f"- local derivative: ${step.local_latex}${_told(step.slope)}"
    if step.reason:
        yield f"- why: {step.reason}"
    for remark in step.remarks:
        if not remark.startswith("+ "):
            yield f"- then: {remark}"
    yield f"- gives: {_size(step.contribution)}{_told(step.contribution)}"
    if step.uses > 1:
        yield f"- adds up: {use_text(step)}{_told(step.total) if step.use > 1 else ''}"


def _result(target: Target) -> Iterator[str]:
    kept = f", which `backward()` puts into `{target.name}.grad`" if target.kind == "parameter" else ""
    yield from ("", f"**The gradient by `{target.name}`**{kept}: {_size(target.gradient)}{_told(target.gradient)}")
    if target.count == 0:
        yield from ("", f"`{target.name}` is $L$ itself, or a part of it, so there is no step to take.")
    if target.count > 1:
        yield from ("", f"It is the sum of what {target.count} uses contribute:", "")
        for use in target.uses:
            yield f"- step {use.step}, `{use.op} = {use.forward}`: {_size(use.contribution)}{_told(use.contribution)}"
        if target.count > len(target.uses):
            yield f"- … and {target.count - len(target.uses)} more between them"


# ---- small words ----------------------------------------------------------------------------------------------------


def _names(title: str) -> str:
    return title.replace("_", r"\_")


def _where(part: Made | Step) -> str:
    told = where_text(part, "").replace("`", "'")
    return f" · `{told}`" if told else ""


def _size(a: Amount) -> str:
    numbers = array_text(a)
    return f"`{numbers}`" if numbers and not a.shape else size_text(a)


def _told(a: Amount | None) -> str:
    """Return the numbers of an array as a block of code, indented into a list's item."""
    numbers = array_text(a)
    if not numbers or (a is not None and not a.shape):
        return ""
    if "\n" not in numbers:
        return f" `{numbers}`"
    lines = "\n".join(f"  {line}" for line in numbers.splitlines())
    return f"\n\n  ```text\n{lines}\n  ```\n"

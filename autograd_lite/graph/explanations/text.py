"""An explanation as text, to be read from top to bottom."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import numpy as np

from .parts import Amount, Explained, Gap, Made, Step, Target
from .words.printer import number_text

_INDENT = "    "
# Where the formulas of a step begin.
_LABEL = 11


def text(explanation: Explained, width: int) -> str:
    """Return the text of an explanation."""
    return "\n".join(_lines(explanation, max(width, 40)))


def _lines(e: Explained, width: int) -> Iterator[str]:
    title = headline(e)
    yield from (title, "=" * len(title), "")
    if len(e.outputs) > 1:
        yield "L is the sum of several results:"
    for made in e.outputs:
        yield from _output(made, _INDENT if len(e.outputs) > 1 else "L is ", width)
    for target in e.targets:
        yield f"{target.name} is {result_kind(target)}, {target.shape} {target.dtype}"
    if e.forward:
        yield from ("", "Forward: what was computed on the way", "")
        yield from _forward(e.forward, bool(e.gaps))
        yield from ("", "Backward: the chain rule, one step after the other", "")
        yield from textwrap.wrap(_start(e), width)
    gaps = {gap.after: gap for gap in e.gaps}
    last = e.steps[-1].number if e.steps else 0
    said: dict[str, int] = {}
    for step in e.steps:
        yield ""
        yield from _step(step, last, width, said.get(step.incoming.id, 0))
        said[step.total.id] = step.number
        if step.number in gaps:
            yield from ("", gap_text(gaps[step.number]))
    for target in e.targets:
        yield ""
        yield from _result(target, width)
    for note in e.notes:
        yield ""
        yield from textwrap.wrap(f"Note: {note}", width)


# ---- the parts ------------------------------------------------------------------------------------------------------


def headline(e: Explained) -> str:
    """Return the title of an explanation."""
    return f"How L changes with {listed([target.name for target in e.targets])}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """Return "a", "a and b" or "a, b and c"; of many the first."""
    names = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"


def _output(made: Made, begin: str, width: int) -> Iterator[str]:
    named = f"{made.name} = {made.words}" if made.words else made.name
    yield from _equation(f"{begin}{named}", made.value, "", width)


def result_kind(target: Target) -> str:
    """Say what a target is."""
    what = (
        "a parameter"
        if target.kind == "parameter"
        else "the result of an operation"
        if target.kind == "op"
        else "an input"
    )
    return what if target.name == target.id else f"{target.id}, {what}"


def _forward(forward: Sequence[Made], gap: bool) -> Iterator[str]:
    formulas = [f"{made.name} = {made.words}" if made.words else f"{made.name}, {made.kind}" for made in forward]
    values = [(array_text(made.value) or size_text(made.value)).splitlines() for made in forward]
    wide = min(max(map(len, formulas)), 60)
    wider = min(max(len(line) for lines in values for line in lines), 40)
    for made, formula, (first, *rest) in zip(forward, formulas, values, strict=True):
        where = where_text(made, "# ")
        yield f"{_INDENT}{formula:<{wide}}   {first:<{wider}}   {where}".rstrip()
        yield from (f"{_INDENT}{'':<{max(wide, len(formula))}}   {line}" for line in rest)
    if gap:
        yield f"{_INDENT}…   (and what the steps left out below go through)"


def is_seeded_with_one(e: Explained) -> bool:
    """Return whether the chain starts with the derivative of one number by itself."""
    return len(e.outputs) == len(e.seeds) == 1 and not e.seeds[0].shape and array_text(e.seeds[0]) in ("1", "")


def _start(e: Explained) -> str:
    if is_seeded_with_one(e):
        start = f"{derivative(e.outputs[0].name)} = 1, for {e.outputs[0].name} is L itself"
    elif len(e.outputs) > 1:
        start = "a derivative of 1 by each of the results"
    else:
        start = "the cotangent that was given"
    return (
        f"It starts with {start}. In every step g is what comes in: the derivative of L by the result of an op. "
        "The op's rule makes of it the derivative by one of the op's arguments."
    )


def _step(step: Step, last: int, width: int, said: int) -> Iterator[str]:
    where = where_text(step, "   # ")
    yield f"Step {step.number} of {last}: {step.result} = {step.forward}, back to {step.target}{where}"
    incoming = f"g = {derivative(step.result)}"
    if said and "\n" in array_text(step.incoming):
        yield f"{_INDENT}{'comes in':<{_LABEL}}{incoming}, {size_text(step.incoming)}: see step {said}"
    else:
        yield from _labelled("comes in", incoming, step.incoming, width)
    if step.local:
        slope = step.slope if step.slope is not None and step.slope.numbers is not None else None
        yield from _labelled("locally", f"{_d(step.result)}/{_d(step.target)} = {step.local}", slope, width)
    if step.reason:
        wrapped = textwrap.wrap(step.reason, width - len(_INDENT) - _LABEL)
        yield from (f"{_INDENT}{'why' if k == 0 else '':<{_LABEL}}{line}" for k, line in enumerate(wrapped))
    remarks = [remark for remark in step.remarks if not remark.startswith("+ ")]
    formula = ", ".join([step.rule, *remarks])
    if step.uses == 1:
        yield from _labelled("gives", f"{derivative(step.target)} = {formula}", step.contribution, width)
        return
    yield from _labelled("gives", formula, step.contribution, width)
    yield from _labelled("adds up", use_text(step), step.total if step.use > 1 else None, width)


def use_text(step: Step) -> str:
    """Say which of several uses of its argument a step is."""
    if step.use == 1:
        return f"{step.target} is used {step.uses} times; this is the first part of {derivative(step.target)}"
    end = "that is all of" if step.use == step.uses else "so far of"
    added = next((r[2:] for r in step.remarks if r.startswith("+ ")), "what came before")
    return f"with {added}: part {step.use} of {step.uses}, {end} {derivative(step.target)}"


def _result(target: Target, width: int) -> Iterator[str]:
    if target.count == 0:
        yield f"{target.name} is L itself, or a part of it, so there is no step to take:"
    kept = f", which backward() puts into {target.name}.grad" if target.kind == "parameter" else ""
    turned = ", the conjugate of what the steps add up to" if target.dtype.startswith("complex") else ""
    yield f"The gradient by {target.name}{turned}{kept}"
    yield from _equation(f"{_INDENT}{derivative(target.name)}", target.gradient, "", width)
    if target.count > 1:
        yield f"{_INDENT}is the sum of what its {target.count} uses contribute:"
        for k, use in enumerate(target.uses):
            if (
                k
                and use.step > target.uses[k - 1].step + 1
                and target.count > len(target.uses)
                and k == len(target.uses) // 2
            ):
                yield f"{_INDENT}{'':<{_LABEL}}… {target.count - len(target.uses)} more"
            yield from _labelled(f"step {use.step}", f"{use.op} = {use.forward}", use.contribution, width, sign=":")


def gap_text(gap: Gap) -> str:
    """Say what is left out."""
    return f"… {gap.count:,} more steps: {gap.words} …"


# ---- small words ----------------------------------------------------------------------------------------------------


def where_text(part: Made | Step, begin: str) -> str:
    """Return where an op stands in the user's program, after a sign; empty if it was not recorded."""
    told = ", ".join(filter(None, (part.scope, part.source)))
    return begin + told if told else ""


def derivative(name: str) -> str:
    """Return "dL/dw"."""
    return f"dL/{_d(name)}"


def _d(name: str) -> str:
    """Return "dw", and of longer names "d(dense.weight)"."""
    return f"d{name}" if len(name) <= 3 or name[1:].isdigit() else f"d({name})"


def array_text(a: Amount | None) -> str:
    """Return the numbers of an array as NumPy writes them, with four digits; empty if they are not told."""
    if a is None or a.numbers is None:
        return ""
    array = np.array(a.numbers, dtype=a.dtype or None).reshape(a.shape)
    texts = [str(v) if isinstance(v, bool) else number_text(v + 0) for v in array.reshape(-1).tolist()]
    if not a.shape:
        return texts[0]
    if not texts:
        return "[]"
    wide = max(map(len, texts)) if len(a.shape) > 1 else 0
    told = iter(texts)
    spelled = np.array([next(told).rjust(wide) for _ in range(array.size)], dtype=object).reshape(a.shape)
    lines = np.array2string(spelled, separator=", ", threshold=1 << 30, formatter={"all": str}, max_line_width=76)
    return "\n".join(line for line in lines.splitlines() if line.strip())


def size_text(a: Amount) -> str:
    """Return the shape, and the norm if it is known."""
    shape = str(a.shape) if a.shape else "one number"
    return shape if a.norm is None else f"{shape}, norm {a.norm:.4g}"


def _labelled(label: str, formula: str, a: Amount | None, width: int, *, sign: str = " =") -> Iterator[str]:
    yield from _equation(f"{_INDENT}{label:<{_LABEL}}{formula}", a, _INDENT + " " * _LABEL, width, sign)


def _equation(formula: str, a: Amount | None, indent: str, width: int, sign: str = " =") -> Iterator[str]:
    """Write a formula and its numbers: behind it where they fit, else below it."""
    numbers = array_text(a)
    short = sign == " =" and formula == formula.rstrip() and indent == ""
    if a is None or not (numbers or a.shape or a.norm is not None):
        yield formula
    elif not numbers:
        yield f"{formula}   {size_text(a)}"
    elif "\n" not in numbers and len(formula) + len(numbers) + 3 <= width:
        yield f"{formula}{sign} {numbers}"
    else:
        if formula.strip() and not short:
            yield formula
        head = f"{formula} = " if short else f"{indent}= "
        lines = numbers.splitlines()
        yield f"{head}{lines[0]}"
        yield from (" " * len(head) + line for line in lines[1:])

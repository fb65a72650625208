"""An explanation as text, to be read from top to bottom."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from .narrator import Fact, array_text, derivative, narrate, size_text, where_text
from .parts import Amount, ForwardValue, Step, Story, Target

_INDENT = "    "
# Where the formulas of a step begin.
_LABEL = 11


def text(explanation: Story, width: int) -> str:
    """Return the text of an explanation."""
    return "\n".join(narrate(explanation, _TextPen(max(width, 40))))


class _TextPen:
    """Writes text with formulas aligned, in lines of `width` where words can be broken."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._outputs = 0

    def title(self, words: str) -> Iterator[str]:
        yield from (words, "=" * len(words), "")

    def output(self, value: ForwardValue, several: bool) -> Iterator[str]:
        self._outputs += 1
        if several and self._outputs == 1:
            yield "L is the sum of several results:"
        named = f"{value.name} = {value.words}" if value.words else value.name
        yield from self._equation(f"{_INDENT if several else 'L is '}{named}", value.value, "")

    def target(self, target: Target, kind: str) -> Iterator[str]:
        yield f"{target.name} is {kind}"

    def forward(self, values: Sequence[ForwardValue], gap: bool) -> Iterator[str]:
        yield from ("", "Forward: what was computed on the way", "")
        formulas = [f"{m.name} = {m.words}" if m.words else f"{m.name}, {m.kind}" for m in values]
        texts = [(array_text(m.value) or size_text(m.value)).splitlines() or [""] for m in values]
        width = min(max(map(len, formulas)), 60)
        wider = min(max(len(line) for lines in texts for line in lines), 40)
        for m, formula, (first, *rest) in zip(values, formulas, texts, strict=True):
            yield f"{_INDENT}{formula:<{width}}   {first:<{wider}}   {where_text(m, '# ')}".rstrip()
            yield from (f"{_INDENT}{'':<{max(width, len(formula))}}   {line}" for line in rest)
        if gap:
            yield f"{_INDENT}…   (and what the steps left out below go through)"

    def backward(self, words: str) -> Iterator[str]:
        yield from ("", "Backward: the chain rule, one step after the other", "")
        yield from textwrap.wrap(words, self._width)

    def step(self, step: Step, last: int, facts: Sequence[Fact]) -> Iterator[str]:
        where = where_text(step, "   # ")
        yield from ("", f"Step {step.number} of {last}: {step.result} = {step.forward}, back to {step.target}{where}")
        for fact in facts:
            if fact.seen and fact.value:
                yield self._label(fact.label, f"{fact.words}, {size_text(fact.value)}: see step {fact.seen}")
            elif fact.label == "why":
                wrapped = textwrap.wrap(fact.words, self._width - len(_INDENT) - _LABEL)
                yield from (self._label("" if k else "why", line) for k, line in enumerate(wrapped))
            elif fact.label != "then":  # that is part of the formula
                has_numbers = fact.label != "locally" or array_text(fact.value)
                yield from self._fact(fact.label, fact.words, fact.value if has_numbers else None)

    def gap(self, words: str) -> Iterator[str]:
        yield from ("", words)

    def result(self, target: Target, words: str) -> Iterator[str]:
        yield ""
        if target.count == 0:
            yield f"{target.name} is L itself, or a part of it, so there is no step to take:"
        destination = f", which backward() puts into {target.name}.grad" if target.kind == "parameter" else ""
        yield f"The gradient with respect to {target.name}{words}{destination}"
        yield from self._equation(f"{_INDENT}{derivative(target.name)}", target.gradient, "")
        if target.count > 1:
            yield f"{_INDENT}is the sum of what its {target.count} uses contribute:"
            left_out = target.count - len(target.uses)
            for k, use in enumerate(target.uses):
                if left_out and k == len(target.uses) // 2:
                    yield f"{_INDENT}{'':<{_LABEL}}… {left_out} more"
                yield from self._fact(f"step {use.step}", f"{use.op} = {use.forward}", use.contribution, sign=":")

    def note(self, words: str) -> Iterator[str]:
        yield ""
        yield from textwrap.wrap(f"Note: {words}", self._width)

    # ---- lines ------------------------------------------------------------------------------------------------------

    def _label(self, label: str, words: str) -> str:
        return f"{_INDENT}{label:<{_LABEL}}{words}"

    def _fact(self, label: str, formula: str, a: Amount | None, *, sign: str = " =") -> Iterator[str]:
        yield from self._equation(self._label(label, formula), a, _INDENT + " " * _LABEL, sign)

    def _equation(self, formula: str, a: Amount | None, indent: str, sign: str = " =") -> Iterator[str]:
        """Write a formula and its numbers: after it where they fit, otherwise below it."""
        numbers = array_text(a)
        short = sign == " =" and not indent
        if a is None or not (numbers or a.shape or a.norm is not None):
            yield formula
        elif not numbers:
            yield f"{formula}   {size_text(a)}"
        elif "\n" not in numbers and len(formula) + len(numbers) + 3 <= self._width:
            yield f"{formula}{sign} {numbers}"
        else:
            if not short:
                yield formula
            head = f"{formula} = " if short else f"{indent}= "
            first, *rest = numbers.splitlines()
            yield f"{head}{first}"
            yield from (" " * len(head) + line for line in rest)

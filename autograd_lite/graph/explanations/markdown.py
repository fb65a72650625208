"""An explanation as Markdown with LaTeX, as notebooks and GitHub show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .narrator import Fact, array_text, narrate, size_text, where_text
from .parts import Amount, ForwardValue, Step, Story, Target


def markdown(e: Story) -> str:
    """Return the Markdown of an explanation."""
    return re.sub("\n{3,}", "\n\n", "\n".join(narrate(e, _MarkdownPen()))) + "\n"


class _MarkdownPen:
    """Writes lists, with formulas in LaTeX and names as code."""

    def title(self, words: str) -> Iterator[str]:
        yield from ("## " + words.replace("_", r"\_"), "")

    def output(self, value: ForwardValue, several: bool) -> Iterator[str]:
        yield f"- {'$L$ is a sum, of' if several else '$L$ is'} ${value.latex}$: {_size(value.value)}"

    def target(self, target: Target, kind: str) -> Iterator[str]:
        yield f"- `{target.name}` is {kind}"

    def forward(self, values: Sequence[ForwardValue], gap: bool) -> Iterator[str]:
        yield from ("", "### Forward", "", "What was computed on the way:", "")
        yield from (f"- ${m.latex}$" + (f" · {_size(m.value)}" if m.value else "") + _where(m) for m in values)

    def backward(self, words: str) -> Iterator[str]:
        yield from ("", "### Backward", "", f"The chain rule, one step after the other. {words}")

    def step(self, step: Step, last: int, facts: Sequence[Fact]) -> Iterator[str]:
        head = f"**Step {step.number} of {last}:** `{step.result} = {step.forward}`, back to `{step.target}`"
        yield from ("", head + _where(step), "", f"$${step.latex}$$", "")
        for fact in facts:
            formula, size = f"${fact.latex}$", _size(fact.value) if fact.value else ""
            numbers = f" (see step {fact.seen})" if fact.seen else _numbers(fact.value)
            if fact.label == "comes in":
                yield f"- comes in: {formula}, {size}{numbers}"
            elif fact.label == "locally":
                yield f"- local derivative: {formula}{numbers}"
            elif fact.label == "gives":  # the formula is above
                yield f"- gives: {size}{numbers}"
            else:
                yield f"- {fact.label}: {fact.words}{numbers}"

    def gap(self, words: str) -> Iterator[str]:
        yield from ("", f"*{words}*")

    def result(self, target: Target, words: str) -> Iterator[str]:
        destination = f", which `backward()` puts into `{target.name}.grad`" if target.kind == "parameter" else ""
        value = f"{_size(target.gradient)}{_numbers(target.gradient)}"
        yield from ("", f"**The gradient with respect to `{target.name}`**{words}{destination}: {value}")
        if target.count == 0:
            yield from ("", f"`{target.name}` is $L$ itself, or a part of it, so there is no step to take.")
        if target.count > 1:
            yield from ("", f"It is the sum of what {target.count} uses contribute:", "")
            for use in target.uses:
                value = f"{_size(use.contribution)}{_numbers(use.contribution)}"
                yield f"- step {use.step}, `{use.op} = {use.forward}`: {value}"
            if target.count > len(target.uses):
                yield f"- … and {target.count - len(target.uses)} more between them"

    def note(self, words: str) -> Iterator[str]:
        yield from ("", f"> {words}")


def _where(part: ForwardValue | Step) -> str:
    place = where_text(part, "").replace("`", "'")
    return f" · `{place}`" if place else ""


def _size(a: Amount | None) -> str:
    numbers = array_text(a)
    return f"`{numbers}`" if numbers and a is not None and not a.shape else size_text(a)


def _numbers(a: Amount | None) -> str:
    """Return the numbers of an array as code; several lines as a block, indented into a list's item."""
    numbers = array_text(a)
    if not numbers or (a is not None and not a.shape):
        return ""
    if "\n" not in numbers:
        return f" `{numbers}`"
    lines = "\n".join(f"  {line}" for line in numbers.splitlines())
    return f"\n\n  ```text\n{lines}\n  ```\n"

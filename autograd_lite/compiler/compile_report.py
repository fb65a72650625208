"""The page of text that `explain` returns: traces, the guards that they depend on, passes and plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from textwrap import wrap
from typing import Any

from ..ir.node_labels import amount, count_of
from ..ir.tape import OBSERVE
from ..tree import items
from .buffer_assignment import Place
from .host_code import names_read
from .passes.rematerialization import peak_of
from .replay import Replay

_WIDTH, _LABEL = 100, 14
_GUARDS = 6  # that are listed of one trace


def argument_kinds(arguments: Any, f: Callable[..., Any] | None = None) -> str:
    """Return the kinds of arguments as text.

    Args:
        arguments: positional ones and keywords, with an `ArrayKind` in place of each array.
        f: the function, for the names of positional ones.
    """
    named = named_arguments(arguments, f)
    return ", ".join([f"{name} {x.__name__ if isinstance(x, type) else repr(x):.40}" for name, x in named])


def named_arguments(arguments: Any, f: Callable[..., Any] | None = None) -> list[tuple[str, Any]]:
    """Return what there is in some arguments, each with its path, which begins with the name of a parameter."""
    names = _names(f) if f is not None else []
    named = []
    for path, x in items(arguments):
        positional, path = path.startswith("[0]"), path[3:]
        number, _, rest = path[1:].partition("]")
        if positional and number.isdecimal() and int(number) < len(names):
            path = names[int(number)] + rest
        elif not positional:
            path = number.strip("'") + rest
        named.append((path, x))
    return named


def _names(f: Callable[..., Any]) -> list[str]:
    """Return what a function calls its positional arguments; those of a module are those of its `call`."""
    try:
        parameters = signature(getattr(f, "call", f)).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def rows(label: str, texts: Sequence[str]) -> Iterator[str]:
    """Yield lines with a label before the first, broken where they are too long."""
    for text in texts or ["none"]:
        for line in wrap(text, _WIDTH - _LABEL - 2, break_long_words=False):
            yield f"  {label:<{_LABEL}}{line}"
            label = ""


def describe_replay(replay: Replay) -> Iterator[str]:
    """Yield the lines on a trace that is replayed: its guards, its effects, its passes, and its plan."""
    conditions = replay.conditions()
    more = [f"and {len(conditions) - _GUARDS} more"] if len(conditions) > _GUARDS + 1 else []
    yield from rows("holds while", [*conditions[: _GUARDS if more else None], *more])
    if read := names_read(replay.traced.host_state):
        yield from rows("read anew", [", ".join(read)])
    yield from rows("effects", [", ".join(_effects(replay)) or "none"])
    yield from rows("replay", list(_replay(replay)))
    yield ""
    yield f"    {'pass':<30}{'operations':>12}{'bytes made':>14}{'most at once':>16}"
    before = None
    for stage in replay.passes:
        now = (f"{stage.operations:,}", amount(stage.nbytes, "B"), amount(peak_of(stage.program), "B"))
        cells = ("", "", "the same") if now == before else now
        yield f"    {stage.name:<30}{cells[0]:>12}{cells[1]:>14}{cells[2]:>16}"
        before = now


def _effects(replay: Replay) -> Iterator[str]:
    traced = replay.traced
    seen = sum(traced.program.calls[i][0] is OBSERVE for i in traced.effects)
    counts = [
        (len(traced.assigned), "assignment"),
        (len(traced.gradients), "gradient"),
        (len(traced.host_state.puts), "attribute"),
        (len(traced.effects) - seen, "draw"),
        (seen, "observation"),
    ]
    return (count_of(n, word) for n, word in counts if n)


def _replay(replay: Replay) -> Iterator[str]:
    plan = replay.plan
    views = sum(plan.where[call.value].place is Place.VIEW for call in plan.calls)
    sizes = [plan.specs[call.value].nbytes for call in plan.calls if plan.where[call.value].span is not None]
    calls = f"{count_of(len(plan.calls) - views, 'call')} of NumPy"
    yield calls + (f", and {count_of(views, 'view')} that stay" if views else "")
    if sizes:
        yield f"{count_of(len(sizes), 'value')} of {amount(sum(sizes), 'B')} in an arena of {amount(plan.nbytes, 'B')}"
    for fused in replay.source.fused:
        yield from fused.summary()

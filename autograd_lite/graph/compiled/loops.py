"""`scan`, `cond` and `while_loop` in files: their bodies are programs, and what else they know are numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...control.bodies import Body
from ...control.cond import Choice
from ...control.scan_op import Scan
from ...control.while_loop import While
from ...core.op import Op
from ...files import of_kind, refuse
from ...ir.recording import OBSERVE

# Ops of autograd_lite that are not in the tables.
PRIVATE = {op.name: op for op in (OBSERVE,)}
Loop = Scan | Choice | While


class _Kind(NamedTuple):
    """What one of them is made of: the names of its attributes that are bodies, and of those that are numbers."""

    cls: type[Any]
    bodies: tuple[str, ...]
    numbers: tuple[str, ...]


_KINDS = {
    "scan": _Kind(Scan, ("body",), ("carried", "scanned", "length", "reverse", "guarded", "until", "limit")),
    "cond": _Kind(Choice, ("bodies",), ("guarded",)),
    "while_loop": _Kind(While, ("test", "body"), ("carried",)),
}


def loop_of(op: Op) -> Loop | None:
    """Return what an op does, if it is one of these."""
    owner = getattr(op.forward, "__self__", None)
    return owner if isinstance(owner, Scan | Choice | While) else None


def described(loop: Loop, body: Callable[[Body], Any]) -> dict[str, Any]:
    """Return the description of a loop.

    Args:
        loop: what.
        body: describes a body.
    """
    name, kind = next((name, kind) for name, kind in _KINDS.items() if isinstance(loop, kind.cls))
    numbers = {number: getattr(loop, number) for number in kind.numbers}
    bodies = loop.bodies if isinstance(loop, Choice) else [getattr(loop, part) for part in kind.bodies]
    return {"loop": name, "bodies": list(map(body, bodies)), "numbers": numbers}


def read_loop(about: Mapping[str, Any], body: Callable[[Any], Body], inputs: int) -> Loop:
    """Return the loop of a description.

    Args:
        about: the description.
        body: reads a body.
        inputs: how many the op takes.
    """
    name, numbers = about["loop"], about["numbers"]
    if name not in _KINDS or not isinstance(about["bodies"], list):
        refuse(f"one of {', '.join(_KINDS)}", name)
    kind = _KINDS[name]
    if not isinstance(numbers, dict) or set(numbers) != set(kind.numbers):
        refuse(f"the numbers of a {name}", numbers)
    for number, value in numbers.items():
        if not 0 <= of_kind(bool if number in ("reverse", "guarded") else int, value) < 2**31:
            refuse(f"{number} of a {name}", value)
    bodies = list(map(body, about["bodies"]))
    if len(bodies) != (1 if name == "scan" else 2) or any(len(part.examples) != inputs for part in bodies):
        refuse(f"the bodies of a {name} of {inputs} inputs", len(bodies))
    carried = numbers.get("carried", 0) + numbers.get("scanned", 0)
    results = min(len(part.specs) for part in bodies[-1:])
    most, (until, limit) = numbers.get("carried", 0), (numbers.get(end, 0) for end in ("until", "limit"))
    if carried > inputs or most > results or limit >= inputs or until > most - bool(until):
        refuse(f"the numbers of a {name}", numbers)
    made: Loop = kind.cls(*([tuple(bodies)] if kind.cls is Choice else bodies), **numbers)
    return made

"""`scan`, `cond` and `while_loop` in files: their bodies are programs, and the rest of them are numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...control.body import Body
from ...control.cond import Choice
from ...control.scan_op import UNBOUNDED, Scan
from ...core.op import Op
from ...files import of_kind, refuse
from ...ir.tape import OBSERVE

# Ops of autograd_lite that are not in the tables.
PRIVATE = {op.name: op for op in (OBSERVE,)}
Loop = Scan | Choice


# Of each kind its class, how many bodies it has, and the names of its numbers.
_KINDS = {
    "scan": (Scan, 1, ("num_carry", "num_xs", "length", "reverse", "guarded", "until", "limit")),
    "cond": (Choice, 2, ("guarded",)),
}


def loop_of(op: Op) -> Loop | None:
    """Return the loop that an op runs, or None."""
    owner = getattr(op.forward, "__self__", None)
    return owner if isinstance(owner, Scan | Choice) else None


def describe_loop(loop: Loop, body: Callable[[Body], Any]) -> dict[str, Any]:
    """Return the description of a loop.

    Args:
        loop: the loop.
        body: describes a body.
    """
    name = "scan" if isinstance(loop, Scan) else "cond"
    numbers = {number: getattr(loop, number) for number in _KINDS[name][-1]}
    return {"loop": name, "bodies": list(map(body, loop.bodies)), "numbers": numbers}


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
    cls, count, names = _KINDS[name]
    if not isinstance(numbers, dict) or set(numbers) != set(names):
        refuse(f"the numbers of a {name}", numbers)
    for number, value in numbers.items():
        of_kind(bool if number in ("reverse", "guarded") else int, value)
        if not 0 <= value < 2**31 and (number, value) != ("length", UNBOUNDED):
            refuse(f"{number} of a {name}", value)
    bodies = list(map(body, about["bodies"]))
    if len(bodies) != count or any(len(part.examples) != inputs for part in bodies):
        refuse(f"the bodies of a {name} of {inputs} inputs", len(bodies))
    if cls is Choice:
        return Choice((bodies[0], bodies[1]), **numbers)
    num_carry, results, until = numbers["num_carry"], len(bodies[0].specs), numbers["until"]
    fits = (
        num_carry + numbers["num_xs"] <= inputs > numbers["limit"]
        and until < max(num_carry, 1)
        and num_carry <= results
    )
    if not fits or (numbers["length"] == UNBOUNDED and (not until or num_carry < results)):
        refuse(f"the numbers of a {name}", numbers)
    return Scan(bodies[0], **numbers)

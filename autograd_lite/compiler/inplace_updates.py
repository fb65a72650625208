"""The end of a plan that only leads to new values of parameters and the like: it runs last, and in place.

Nothing that could fail runs after it has begun, so it may write over its inputs, and it is made by one call in C,
together with all other effects: after an interrupt everything has changed, or nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from typing import NamedTuple

from .numpy_calls import Call, How, Spec


class Update(NamedTuple):
    """The end of a plan.

    Attributes:
        calls: all calls of the plan, those of its end last.
        start: the position of the first of these.
        over: the values that are written over others, by their numbers.
        entering: the numbers of the values that these read and others have computed.
    """

    calls: tuple[Call, ...]
    start: int
    over: Mapping[int, int]
    entering: tuple[int, ...]


class PlanValues(NamedTuple):
    """The values of a plan, by their numbers.

    Attributes:
        specs: of all values.
        shared: values that someone else may hold, such as a caller's arrays.
        late: the ids of the operations after the last backward pass. Those before check for invalid operations.
    """

    specs: Sequence[Spec]
    shared: Container[int]
    late: Container[str]


def find_update(
    calls: Sequence[Call], values: PlanValues, outputs: Sequence[int], into: Sequence[int | None]
) -> Update:
    """Find the end of a plan.

    Args:
        calls: in order, each of which something reads.
        values: the values.
        outputs: the numbers of the wanted values.
        into: for each of these the number of the value that it replaces, or None.
    """
    specs, counts = values.specs, Counter(values.specs[n].owner for n in outputs)
    viewed = {spec.owner for n, spec in enumerate(specs) if spec.owner != n}
    over = {
        n: old
        for n, old in zip(outputs, into, strict=True)
        if old is not None and counts[n] == 1 and n not in viewed and specs[n].alike(specs[old])
    }
    while over:
        tail = _tail(calls, values, [n for n in outputs if n not in over])
        safe = _overwritable(calls, tail, specs, over)
        if len(safe) == len(over):
            break
        over = safe
    if not over:
        return Update(tuple(calls), len(calls), {}, ())
    first = [call for i, call in enumerate(calls) if i not in tail]
    last = [call for i, call in enumerate(calls) if i in tail]
    computed = {call.value for call in first}
    entering = dict.fromkeys(n for call in last for n in call.reads if specs[n].owner in computed)
    return Update((*first, *last), len(first), over, tuple(entering))


def _tail(calls: Sequence[Call], values: PlanValues, outputs: Sequence[int]) -> set[int]:
    """Return the positions of the calls that may run last: what they compute is read by one another alone."""
    specs = values.specs
    needed = {specs[n].owner for n in outputs}
    computed = {call.value for call in calls if specs[call.value].owner == call.value}
    opaque = {call.value for call in calls if call.how is How.OPAQUE}  # which may return one of their arguments
    tail = set()
    for i in reversed(range(len(calls))):
        call = calls[i]
        spec, refs = specs[call.value], call.reads
        is_view = spec.owner != call.value
        if is_view:
            last = spec.owner in computed
        else:
            plain = call.how is How.UFUNC and getattr(call.function, "signature", None) is None
            last = plain and spec.is_dense and not spec.is_scalar and call.node in values.late
            owners = [(n, specs[n].owner) for n in refs]
            last = last and not any(o in values.shared or (o != n and o in opaque) for n, o in owners)
        if last and spec.owner not in needed:
            tail.add(i)
        else:
            needed.update(specs[n].owner for n in refs)
    # A view of a value computed before is made before, too: the end consists of calls that write.
    ends = {calls[i].value for i in tail}
    return {i for i in tail if specs[calls[i].value].owner in ends}


def _overwritable(
    calls: Sequence[Call], tail: Collection[int], specs: Sequence[Spec], over: Mapping[int, int]
) -> dict[int, int]:
    """Return the values that are computed in the tail, and of which those that they replace are not read afterward."""
    positions = {calls[i].value: i for i in tail}
    read: dict[int, int] = {}  # the last position, by the owner
    for i in sorted(tail):
        read |= dict.fromkeys([specs[n].owner for n in calls[i].reads], i)
    return {n: old for n, old in over.items() if n in positions and read.get(old, -1) <= positions[n]}

"""The end of a plan that only leads to new values of parameters and the like: it runs last, in place, and in blocks.

Nothing that could fail runs after it has begun, so it may write over what it reads, and it is made by one call in C,
together with all other effects: after an interrupt everything has changed, or nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .lowering import Call, How, Spec, refs_in

# Bytes of each array that are updated at a time: a few arrays of these stay in a core's cache.
BLOCK = 1 << 16


class Block(NamedTuple):
    """Calls that are made for some rows after the other.

    Attributes:
        start, stop: the positions of the calls in the plan.
        rows: along the first axis.
        length: of that axis.
        scratch: the numbers of values that are only needed inside, of which memory has room for these rows alone.
    """

    start: int
    stop: int
    rows: int
    length: int
    scratch: frozenset[int]


class Update(NamedTuple):
    """How a plan ends.

    Attributes:
        calls: all calls of the plan, those of its end last.
        start: the position of the first of these.
        over: the values that are written over others, by their numbers.
        blocks: of the calls at the end.
        entering: the numbers of the values that these read and others have computed.
    """

    calls: tuple[Call, ...]
    start: int
    over: Mapping[int, int]
    blocks: tuple[Block, ...]
    entering: tuple[int, ...]


class Given(NamedTuple):
    """What is known of the values of a plan, by their numbers.

    Attributes:
        specs: of all values.
        shared: values that someone else may hold, such as a caller's arrays.
        late: the ids of the operations after the last backward pass. Those before look for what is invalid.
    """

    specs: Sequence[Spec]
    shared: Container[int]
    late: Container[str]


def update_of(calls: Sequence[Call], given: Given, outputs: Sequence[int], into: Sequence[int | None]) -> Update:
    """Find the end of a plan.

    Args:
        calls: in order, each of which something reads.
        given: the values.
        outputs: the numbers of the wanted values.
        into: for each of these the number of the value that it replaces, or None.
    """
    specs, counts = given.specs, Counter(given.specs[n].owner for n in outputs)
    viewed = {spec.owner for n, spec in enumerate(specs) if spec.owner != n}
    over = {
        n: old
        for n, old in zip(outputs, into, strict=True)
        if old is not None and counts[n] == 1 and n not in viewed and specs[n].alike(specs[old])
    }
    while True:
        tail = _tail(calls, given, [n for n in outputs if n not in over])
        kept = {n: old for n, old in over.items() if _may_overwrite(calls, tail, specs, n, old)}
        if len(kept) == len(over):
            break
        over = kept
    first = [call for i, call in enumerate(calls) if i not in tail]
    last = [call for i, call in enumerate(calls) if i in tail]
    computed = {call.value for call in first}
    entering = dict.fromkeys(n for call in last for n in refs_in(call.args) if specs[n].owner in computed)
    return Update((*first, *last), len(first), over, _blocks(last, len(first), specs, over), tuple(entering))


def _tail(calls: Sequence[Call], given: Given, outputs: Sequence[int]) -> set[int]:
    """Return the positions of the calls that may run last: what they compute is read by one another alone."""
    specs = given.specs
    needed = {specs[n].owner for n in outputs}
    made = {specs[call.value].owner for call in calls}
    opaque = {call.value for call in calls if call.how is How.OPAQUE}  # which may return one of their arguments
    tail = set()
    for i in reversed(range(len(calls))):
        call = calls[i]
        spec, refs = specs[call.value], list(refs_in((call.args, call.kwargs)))
        is_view = spec.owner != call.value
        if is_view:
            last = spec.owner in made
        else:
            plain = call.how is How.UFUNC and getattr(call.function, "signature", None) is None
            last = plain and spec.is_dense and not spec.is_scalar and call.node in given.late
            owners = [(n, specs[n].owner) for n in refs]
            last = last and not any(o in given.shared or (o != n and o in opaque) for n, o in owners)
        if last and spec.owner not in needed:
            tail.add(i)
        else:
            needed.update(specs[n].owner for n in refs)
    return tail


def _may_overwrite(calls: Sequence[Call], tail: Collection[int], specs: Sequence[Spec], new: int, old: int) -> bool:
    """Return whether a value is computed in the tail, and the one that it replaces is not read afterwards."""
    written = next((i for i in tail if calls[i].value == new), None)
    if written is None:
        return False
    return not any(i > written and specs[n].owner == old for i in tail for n in refs_in(calls[i].args))


def _blocks(calls: Sequence[Call], offset: int, specs: Sequence[Spec], over: Container[int]) -> tuple[Block, ...]:
    """Return the runs of calls on large arrays of one shape."""
    found = []
    start = 0
    while start < len(calls):
        shape = specs[calls[start].value].shape
        stop = start
        while stop < len(calls) and _is_alike(calls[stop], specs, shape):
            stop += 1
        nbytes = specs[calls[start].value].nbytes
        rows = max(1, BLOCK * shape[0] // nbytes) if shape and nbytes else 0
        if stop > start and nbytes >= 2 * BLOCK and rows < shape[0]:
            made = {call.value for call in calls[start:stop]}
            outside = {specs[n].owner for call in calls[stop:] for n in refs_in(call.args)}
            scratch = frozenset(n for n in made if n not in over and n not in outside)
            found.append(Block(offset + start, offset + stop, rows, shape[0], scratch))
        start = max(stop, start + 1)
    return tuple(found)


def _is_alike(call: Call, specs: Sequence[Spec], shape: tuple[int, ...]) -> bool:
    """Return whether a call is of arrays of one shape, and of numbers."""
    if specs[call.value].owner != call.value:
        return False
    shapes = {specs[n].shape for n in refs_in(call.args)} | {np.shape(x) for x in call.args if np.ndim(x) == 0}
    constants = [x for x in call.args if isinstance(x, np.ndarray) and x.ndim]
    return specs[call.value].shape == shape and shapes <= {shape, ()} and not constants

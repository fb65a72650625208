"""What results of loops, branches and calls depend on: the sets of bodies, step by step or at a fixed point."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..control.body import Body
from ..control.checkpointed_scan import CheckpointedBackward, CheckpointedScan
from ..control.cond import Choice
from ..control.function_call import Call
from ..control.scan_op import UNBOUNDED, Scan
from ..core.op import Op
from .index_sets import IndexSets, compact, empty, group, identity, pointers, same, stack, take, union, unite

Sets = Sequence[IndexSets | None]
Values = Sequence[Any]
Results = tuple[list[IndexSets | None], list[Any]]
# How many operations of bodies are gone through one by one, how many places the carries of all steps may have, if they
# are kept or not, and for how many elements of a carry it is found out what depends on what after any number of steps.
MOST_CALLS, MOST_STATES, MOST_PLACES, MOST_CLOSED = 20_000, 30_000_000, 300_000_000, 4096


class Flow(NamedTuple):
    """How to go through bodies.

    Attributes:
        propagate: adds the sets and the values of the nodes of a program.
        width: the number of inputs.
    """

    propagate: Callable[[Any, dict[str, IndexSets], dict[str, Any], int], None]
    width: int

    def through(self, op: Op, inputs: Sets, values: Values) -> Results | None:
        """Return the sets and the known values of the results of an op with bodies; None for another op."""
        flow = getattr(op.forward, "__self__", None)
        if isinstance(flow, Scan):
            return _Loop(flow, self).results(inputs, values)
        if isinstance(flow, Choice):
            return self._choice(flow, inputs, values)
        if isinstance(flow, Call):
            return self.body(flow.body, inputs, values, flow.places)
        if isinstance(flow, CheckpointedScan):
            sets, constants = _Loop(flow.scan, self).results(inputs, values)
            states = [None] * flow.scan.num_carry  # nothing is differentiated by them
            return [*sets, *states], [*constants, *states]
        if isinstance(flow, CheckpointedBackward):
            return self._back_from_checkpoints(flow, inputs, values)
        return None

    def body(self, body: Body, inputs: Sets, values: Values, places: Mapping[str, int] | None = None) -> Results:
        """Return the sets and the known values of the results of a body."""
        places = places or {i: k for k, i in enumerate(body.program.inputs) if i is not None}
        sets = {i: s for i, k in places.items() if (s := inputs[k]) is not None}
        constants = {i: v for i, v in body.constants.items() if i not in places}
        constants |= {i: v for i, k in places.items() if (v := values[k]) is not None}
        self.propagate(body.program, sets, constants, self.width)
        return [sets.get(i) for i in body.outputs], [constants.get(i) for i in body.outputs]

    def _choice(self, flow: Choice, inputs: Sets, values: Values) -> Results:
        if values[0] is not None:
            return self.body(flow.bodies[bool(values[0])], inputs, values)
        no, yes = (self.body(body, inputs, values)[0] for body in flow.bodies)
        return [_either(a, b) for a, b in zip(no, yes, strict=True)], [None] * len(flow.specs)

    def _back_from_checkpoints(self, flow: CheckpointedBackward, inputs: Sets, values: Values) -> Results:
        """Go through a backward pass as if all steps were in memory."""
        split, (f, b, n) = flow.split, flow.places
        residuals = [own[split.num_outputs :] for own in _Loop(split, self).results(inputs[n:], values[n:])]
        sets, constants = (
            split.back_inputs(own[:f], own[f:b], rest, own[n:])
            for own, rest in zip((inputs, values), residuals, strict=True)
        )
        back = _Loop(split.back_scan(residuals[0]), self).results(sets, constants)[0]
        by_input = dict(zip(split.back_order, back, strict=True))
        return [by_input[i] for i in split.wrt], [None] * len(split.wrt)


class _Loop:
    """The steps of a scan.

    Args:
        scan: the loop.
        flow: how to go through its body.

    Attributes:
        sizes, out_sizes: of the arguments of the body, and of its results.
        carried: how many elements the carry has.
        may_stop: whether it may end before the last step.
    """

    def __init__(self, scan: Scan, flow: Flow) -> None:
        self.scan, self.flow, self.n, self.m = scan, flow, scan.num_carry, scan.num_carry + scan.num_xs
        self.sizes = [int(np.size(a)) for a in scan.body.examples]
        self.out_sizes = [math.prod(s.shape) for s in scan.body.specs]
        self.carried = sum(self.sizes[: self.n])
        self.may_stop = bool(scan.until or scan.limit)
        self.steps = range(scan.length)[:: -1 if scan.reverse else 1]

    def results(self, inputs: Sets, values: Values) -> Results:
        """Return the sets and the known values of the results.

        Where the values at a step make a difference, as the number of an entry does, the body is gone through at each
        step. Otherwise once, for the pattern of a step.
        """
        n, m = self.n, self.m
        if all(s is None for s in inputs):
            return [None] * len(self.scan.specs), [None] * len(self.scan.specs)
        affordable = self.scan.length * max(len(self.scan.body.order), 1) <= MOST_CALLS
        if affordable and all(v is not None for v in values):
            return self._one_by_one(inputs, values)
        rows = self._rows([*[None] * m, *values[m:]])
        if affordable and len(self.steps) and any(v is not None for v in values[:m]):
            entries = [None if v is None else v[self.steps[0]] for v in values[n:m]]
            if not same(rows, self._rows([*values[:n], *entries, *values[m:]])):
                return self._one_by_one(inputs, values)
        return self._by_rows(rows, inputs), [None] * len(self.scan.specs)

    # ---- step by step -----------------------------------------------------------------------------------------------

    def _one_by_one(self, inputs: Sets, values: Values) -> Results:
        n, m, scan = self.n, self.m, self.scan
        limit = values[scan.limit] if scan.limit else None
        carry, constants = list(inputs[:n]), list(values[:n])
        ys: dict[int, Results] = {}
        for t in self.steps if limit is None else range(int(limit))[:: -1 if scan.reverse else 1]:
            is_certain = constants[scan.until] is not None if scan.until else limit is not None or not scan.limit
            if scan.until and is_certain and not constants[scan.until]:
                break
            entries = [_entry(s, t, k) for s, k in zip(inputs[n:m], self.sizes[n:m], strict=True)]
            rows = [None if v is None else v[t] for v in values[n:m]]
            sets, out = self.flow.body(scan.body, [*carry, *entries, *inputs[m:]], [*constants, *rows, *values[m:]])
            ys[t] = sets[n:], out[n:]
            carry = sets[:n] if is_certain else [_either(a, b) for a, b in zip(carry, sets, strict=False)]
            constants = out[:n] if is_certain else [None] * n
        nothing: Results = ([None] * len(self.out_sizes), [None] * len(self.out_sizes))
        all_ys = [ys.get(t, nothing) for t in range(scan.length if self.out_sizes[n:] else 0)]
        for k, size in enumerate(self.out_sizes[n:]):
            parts = [own[0][k] for own in all_ys]
            some = any(s is not None for s in parts)
            carry.append(stack([_smaller(s or empty(size, self.flow.width)) for s in parts]) if some else None)
            arrays = [own[1][k] for own in all_ys]
            constants.append(None if not arrays or any(a is None for a in arrays) else np.stack(arrays))
        return carry, constants

    # ---- by the pattern of a step -----------------------------------------------------------------------------------

    def _rows(self, values: Values) -> IndexSets:
        """Return what each element of the results of the body depends on, of the elements of its arguments."""
        begins, width = np.cumsum([0, *self.sizes]).tolist(), sum(self.sizes)
        variables = [
            identity(k, begin, width) if np.asarray(a).dtype.kind in "fc" else None
            for a, k, begin in zip(self.scan.body.examples, self.sizes, begins, strict=False)
        ]
        sets, _ = Flow(self.flow.propagate, width).body(self.scan.body, variables, values)
        return compact(stack([s or empty(k, width) for s, k in zip(sets, self.out_sizes, strict=True)]))

    def _by_rows(self, rows: IndexSets, inputs: Sets) -> list[IndexSets | None]:
        n, m, width, length = self.n, self.m, self.flow.width, self.scan.length
        count = 1 if length == UNBOUNDED else length  # without a bound it has no entries
        sizes = [k * (count if n <= i < m else 1) for i, k in enumerate(self.sizes)]
        full = [s or empty(k, width) for s, k in zip(inputs, sizes, strict=True)]
        bounds = np.cumsum([0, self.carried, sum(self.sizes[n:m]), sum(self.sizes[m:])]).tolist()
        by_carry, by_entry, by_rest = (_columns(rows, a, b) for a, b in pairwise(bounds))
        rest = _product(by_rest, stack(full[m:])) if m < len(full) else empty(rows.size, width)
        new = rest  # the same at all steps without entries
        if n < m:
            begins = np.cumsum([0, *sizes[n:m]])
            first = np.concatenate([a + np.arange(k) for a, k in zip(begins, self.sizes[n:m], strict=False)])
            strides = np.repeat(self.sizes[n:m], self.sizes[n:m])
            new = _over(by_entry, first, strides, count, stack(full[n:m]))
            new = union([new, take(rest, np.tile(np.arange(rows.size), count))])
        states, last = self._states(_slice(by_carry, 0, self.carried), stack(full[:n]) if n else rest, new, rows.size)
        results = _split(last, self.sizes[:n])
        if len(self.out_sizes) > n:
            per_step = rows.size - self.carried
            later = _slice(by_carry, self.carried, rows.size)
            places = np.arange(self.carried)
            at = np.arange(self.carried, rows.size) + rows.size * np.arange(count)[:, None]
            ys = union(
                [
                    _over(later, places, np.full_like(places, self.carried), count, states),
                    take(new, at.ravel() % new.size),
                ]
            )
            begins = np.cumsum([0, *self.out_sizes[n:]])
            for begin, k in zip(begins, self.out_sizes[n:], strict=False):
                at = np.arange(begin, begin + k) + per_step * np.arange(count)[:, None]
                results.append(_or_none(take(ys, at.ravel())))
        return results

    def _states(self, step: IndexSets, first: IndexSets, new: IndexSets, total: int) -> tuple[IndexSets, IndexSets]:
        """Return the sets of the carry before each step, one after the other by the number of the step, and the last.

        Args:
            step: what an element of the next carry depends on, of the carry.
            first: the carry before the first step.
            new: what the results depend on besides, step by step.
            total: how many elements the results of one step have.
        """
        count, own, keeps = self.scan.length, np.arange(self.carried), len(self.out_sizes) > self.n
        if count <= MOST_CALLS:
            states: list[IndexSets] = []
            now, places = first, 0
            for t in self.steps:
                if places > (MOST_STATES if keeps else MOST_PLACES):
                    break
                if not keeps:
                    states.clear()
                states.append(now)
                later = _smaller(union([_product(step, now), take(new, (own + total * t) % new.size)]))
                now = union([now, later]) if self.may_stop else later
                now = states[-1] if same(now, states[-1]) else now
                places += 0 if now is states[-1] else len(now.indices)
            else:
                return stack(states[:: -1 if self.scan.reverse else 1] or [first]), now
        of_steps = (own + total * np.arange(new.size // total)[:, None]).ravel()
        entries = group(take(new, of_steps), np.tile(own, new.size // total), len(own))
        fixed = _closure(step, union([first, entries]))
        return take(fixed, np.tile(own, count if keeps else 1)), fixed


def _closure(step: IndexSets, sets: IndexSets) -> IndexSets:
    """Return the sets after any number of steps, or more than those where that would take long."""
    for _ in range(3):
        after = union([sets, _product(step, sets)])
        if same(after, sets):
            return sets
        sets = after
    if step.size > MOST_CLOSED:
        return take(group(sets, np.zeros(sets.size, np.int32), 1), np.zeros(sets.size, np.int32))
    reached = np.eye(step.size, dtype=bool)
    reached[np.repeat(np.arange(step.size), step.stops - step.starts), step.indices] = True
    bits = np.packbits(reached, axis=1)
    for k in range(step.size):
        bits[(bits[:, k // 8] >> (7 - k % 8) & 1).astype(bool)] |= bits[k]
    rows, columns = np.nonzero(np.unpackbits(bits, axis=1, count=step.size))
    return unite(pointers(np.bincount(rows, minlength=step.size)), columns, sets)


# ---- sets as matrices -----------------------------------------------------------------------------------------------


def _columns(rows: IndexSets, begin: int, end: int) -> IndexSets:
    """Return the columns from `begin` to `end` of a matrix; its rows lie in memory one after the other."""
    inside = (rows.indices >= begin) & (rows.indices < end)
    counts = np.concatenate([[0], np.cumsum(inside)]).astype(np.int32)
    return IndexSets(counts[rows.starts], counts[rows.stops], rows.indices[inside] - np.int32(begin), end - begin)


def _slice(rows: IndexSets, begin: int, end: int) -> IndexSets:
    return compact(take(rows, np.arange(begin, end)))


def _smaller(sets: IndexSets) -> IndexSets:
    """Return the sets without what none of them reads, if that takes less memory."""
    return compact(sets) if (sets.stops - sets.starts).sum(dtype=np.int64) < len(sets.indices) else sets


def _product(rows: IndexSets, sets: IndexSets) -> IndexSets:
    """Return for each row the union of the sets that it names."""
    return unite(pointers(rows.stops - rows.starts), rows.indices, sets)


def _over(rows: IndexSets, first: Any, strides: Any, count: int, sets: IndexSets) -> IndexSets:
    """Return for each of some steps and each row the union of the sets that it names at that step.

    Args:
        rows: a matrix.
        first: the places of its columns in `sets` at step 0.
        strides: how far from there they are at step 1.
        count: of steps.
        sets: of all steps.
    """
    rows = compact(rows)
    members = first[rows.indices] + strides[rows.indices] * np.arange(count)[:, None]
    return unite(pointers(np.tile(rows.stops - rows.starts, count)), members.ravel(), sets)


def _split(sets: IndexSets, sizes: Sequence[int]) -> list[IndexSets | None]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [_or_none(take(sets, np.arange(a, b))) for a, b in pairwise(ends)]


def _entry(sets: IndexSets | None, t: int, size: int) -> IndexSets | None:
    return None if sets is None else take(sets, np.arange(t * size, (t + 1) * size))


def _either(a: IndexSets | None, b: IndexSets | None) -> IndexSets | None:
    return union([a, b]) if a is not None and b is not None else a if b is None else b


def _or_none(sets: IndexSets) -> IndexSets | None:
    return None if np.array_equal(sets.starts, sets.stops) else sets

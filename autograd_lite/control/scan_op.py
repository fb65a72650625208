"""`scan` as an operation: one body, run once for each entry of some arrays, and what its derivatives are: scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core.errors import AssumptionFailed, GradError, more_on
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..functional.vectorization import Batched, unbatched
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, wrap_any
from .bodies import PLANNED_AFTER, Body, Runner, rearranged, widened
from .closure import recorded
from .derivatives import Linear, batched as batched_body, is_floating, linearized, pushed
from .fission import Fission
from .flow import (
    Flow,
    begun,
    filled,
    masked_by_the_engine,
    negative_zeros,
    noticing,
    room,
    states_of,
    tangent_or_zeros,
    without_effects,
)
from .native_loop import repetition

UNBOUNDED = 1 << 62  # the length of a scan that ends when a carry says so
NO_WAY_BACK = (
    "while_loop: expected no gradient to flow back through it, since the number of steps whose values would be kept is "
    "unknown; received a cotangent. State the most steps that it takes, max_steps=…, use scan for a number of steps "
    "that is known, or jvp for forward mode" + more_on("loop-without-a-bound")
)


@dataclass(frozen=True, eq=False)
class Scan(Flow):
    """One way to repeat a body.

    Attributes:
        body: takes the carry, a slice of every array that is scanned, and what is the same at all steps; it returns the
            new carry, and what is collected.
        carried, scanned: how many arrays these are.
        length: the number of steps.
        reverse: whether the last slice comes first.
        linear, wanted, states, first: see `Flow`.
        guarded: whether it is a backward pass, which must notice where the engine would mask NaN.
        until: the number of a carry that is true as long as another step is run; the one before counts them. 0 if all
            are run.
        limit: the number of an input that says how many steps are run: those of the first entries. 0 if all are.
    """

    body: Body
    carried: int
    scanned: int
    length: int
    reverse: bool
    linear: tuple[Linear, ...] = ()
    wanted: tuple[int, ...] = ()
    guarded: bool = False
    states: dict[Any, Any] = field(default_factory=dict)
    first: Scan | None = None
    until: int = 0
    limit: int = 0

    @property
    def bodies(self) -> tuple[Body]:  # type: ignore[override]
        """The body."""
        return (self.body,)

    @cached_property
    def specs(self) -> list[ShapeDtype]:  # type: ignore[override]
        """Of the results: the last carry, and what was collected."""
        carry, collected = self.body.specs[: self.carried], self.body.specs[self.carried :]
        return [*carry, *(ShapeDtype((self.length, *shape), dtype) for shape, dtype in collected)]

    @property
    def params(self) -> dict[str, Any]:  # type: ignore[override]
        """What graphs show of it."""
        if self.length == UNBOUNDED:
            return {"body": self.body}
        return {"body": self.body, "length": self.length, "reverse": self.reverse}

    @property
    def cost(self) -> float:  # type: ignore[override]
        """Of the op."""
        return 1 if self.length == UNBOUNDED else self.length

    # ---- on arrays --------------------------------------------------------------------------------------------------

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Run all steps."""
        rows = room(self.specs)
        for row in rows[self.carried :] if self.until or self.limit else ():
            row[...] = 0  # of steps that are not run
        self.states.update(states_of(self.body))
        with noticing(self.guarded, rows):
            self.run(arrays, rows)
        return filled(rows)

    def run(self, arrays: Sequence[Any], views: Sequence[Any]) -> None:
        """Run all steps; what need not run step by step runs before or after them, see `Fission`."""
        if (parts := self._fission) is not None:
            parts.run(self._core.steps, arrays, views, self.reverse)
        else:
            self.steps(arrays, views)

    @cached_property
    def _core(self) -> Scan:
        """The loop that is left."""
        parts = self._fission
        assert parts is not None
        return Scan(parts.core, parts.carried, parts.scanned, self.length, self.reverse)

    @cached_property
    def _fission(self) -> Fission | None:
        """The body in parts; None if it is better as it is."""
        body, n, m = self.body, self.carried, self.carried + self.scanned
        if self.until or self.limit:
            return None
        if (key := ("fission", n, m, self.length, self.guarded)) not in body.made:
            alone = self.length < 2 or body.effects or body.generators
            parts = None if alone else Fission(body, n, m, self.length, self.guarded)
            body.made[key] = parts if parts is not None and parts.worthwhile else None
        return body.made[key]

    def steps(
        self, arrays: Sequence[Any], views: Sequence[Any], states: Mapping[int, Sequence[Any]] = MappingProxyType({})
    ) -> None:
        """Run the whole body step by step.

        Args:
            arrays: the inputs.
            views: where the results go.
            states: for the number of a step, counted as they run, where the carry before it goes.
        """
        n, m = self.carried, self.carried + self.scanned
        count, until = int(arrays[self.limit]) if self.limit else self.length, self.until
        order = range(count)[:: -1 if self.reverse else 1]
        runner = Runner(self.body, n, n)

        def by_python(carry: Sequence[Any], first: int, stop: int) -> Sequence[Any]:
            for step in range(first, stop):
                if until and not carry[until]:
                    break
                t = order[step]
                for view, a in zip(states.get(step, ()), carry, strict=False):
                    view[...] = a
                carry = runner.into(views[n:], t, *carry, *[x[t] for x in arrays[n:m]], *arrays[m:])[:n]
            return carry

        first = min(count, max(0, PLANNED_AFTER - self.body.runs))  # a plan may not be worth its time before
        carry = by_python(arrays[:n], 0, first)
        if first < count and (not until or carry[until]):
            carry = [np.array(a, order="C") for a in carry]
            scanned, rest = arrays[n:m], [np.asarray(a) for a in arrays[m:]]
            native = repetition(self.body, n, carry, scanned, rest)
            if native is None:
                carry = by_python(carry, first, count)
            else:
                later = {step - first: kept for step, kept in states.items() if step >= first}
                native.run(carry, scanned, rest, views[n:], order[first:], later, until)
        runner.end()
        for view, a in zip(views, carry, strict=False):
            view[...] = a

    # ---- derivatives ------------------------------------------------------------------------------------------------

    def pull(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the cotangents of all inputs; see `Flow`."""
        if self.length == UNBOUNDED:
            raise GradError(NO_WAY_BACK)
        return super().pull(*args, **kwargs)

    def silent(self) -> Scan:
        """Return the same without observations."""
        return replace(self, body=without_effects(self.body), states={})

    @property
    def back_order(self) -> list[int]:
        """The positions of the arguments that gradients are for, in the order in which the backward body returns them.

        Those of the carry come first, then those that are the same at all steps, whose cotangents add up.
        """
        n, m, wanted = self.carried, self.carried + self.scanned, self.wanted
        return [i for i in wanted if i < n] + [i for i in wanted if i >= m] + [i for i in wanted if n <= i < m]

    def pulled(
        self,
        gs: Sequence[Any],
        out: Sequence[Any],
        kept: Sequence[Any],
        inputs: Sequence[Any],
        so_far: dict[int, Any] | None,
    ) -> list[Any]:
        """Return the cotangents of all inputs, by what was kept; see `Flow`."""
        given = self.back_inputs(self.arriving(gs), begun(so_far, self.summed, inputs), kept, inputs)
        scan = self.back_scan(kept)
        if self.until or self.limit:
            scan = replace(scan, body=_with_one_more(scan.body), limit=len(given))
            given.append(out[self.until - 1] if self.until else inputs[self.limit])
        try:
            found = scan.apply(given)
        except AssumptionFailed:
            if so_far is not None:
                so_far.clear()
            return masked_by_the_engine(self.looped, inputs, self.wanted, gs, self.states)
        by_input = dict(zip(self.back_order, found, strict=True))
        return [by_input.get(i) for i in range(len(inputs))]

    @property
    def collected_carries(self) -> dict[int, int]:
        """For every collected result that is a carry, which one.

        The next step reads it, too, and in a loop the cotangent of what was collected is there before those of what the
        next step has made of it.
        """
        outputs, n = self.body.outputs, self.carried
        found: dict[int, int] = {}
        if self.until or self.limit:
            return found  # the last step is not the one of the last entries
        for k in range(n, self.shown):
            i = outputs.index(outputs[k])
            if i < n and i not in found.values() and outputs[i] not in self.body.program.inputs and k in self.floating:
                found[k] = i
        return found

    def arriving(self, gs: Sequence[Any]) -> list[Any]:
        """Return the cotangents of the floating results as the steps receive them.

        That of a collected carry is received one step later. Where there is none it is zero, in memory of one step.
        """
        carries = self.collected_carries if self.length else {}
        found: dict[int, Any] = {k: gs[k] for k in self.floating}
        for k in [k for k, g in found.items() if g is None]:
            zeros = np.zeros(self.body.specs[k].shape, self.body.specs[k].dtype)
            found[k] = np.broadcast_to(negative_zeros(zeros) if k in carries else zeros, self.specs[k].shape)
        for k, i in carries.items():
            if gs[k] is not None:
                last, others = (gs[k][0], gs[k][1:]) if self.reverse else (gs[k][-1], gs[k][:-1])
                none = negative_zeros(last)[None]
                found[i] = last if gs[i] is None else gs[i] + last
                found[k] = np.concatenate([others, none] if self.reverse else [none, others])
        return list(found.values())

    def looped(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the results that are for the user, by a loop in Python."""
        n, m = self.carried, self.carried + self.scanned
        carry, rows = [wrap_any(x, None) for x in inputs[:n]], []
        for t in range(self.length - 1, -1, -1) if self.reverse else range(self.length):
            out: list[Any] = self.body(*carry, *(x[t] for x in inputs[n:m]), *inputs[m:])[: self.shown]
            if self.until or self.limit:
                goes_on = carry[self.until] if self.until else t < inputs[self.limit]
                before: list[Any] = [*carry, *(np.zeros(y.shape, y.dtype) for y in out[n:])]
                out = [np.where(goes_on, a, b) for a, b in zip(out, before, strict=True)]
            carry = out[:n]
            rows.append(out[n:])
        return [*carry, *(np.stack(ys) for ys in zip(*(rows[::-1] if self.reverse else rows), strict=True))]

    @property
    def summed(self) -> list[int]:
        """The positions of the arguments that gradients are for and that are the same at all steps."""
        return [i for i in self.wanted if i >= self.carried + self.scanned]

    def back_scan(self, kept: Sequence[Any]) -> Scan:
        """Return the scan that is the backward pass."""
        n, m = self.carried, self.carried + self.scanned
        carries = sum(k < n for k in self.floating) + len(self.summed)
        scanned = sum(k >= n for k in self.floating) + len(kept) + sum(n <= i < m for i in self.linear[0].reads)
        return Scan(self.back_body(), carries, scanned, self.length, not self.reverse, guarded=True)

    def back_inputs(
        self, gs: Sequence[Any], sums: Sequence[Any], kept: Sequence[Any], inputs: Sequence[Any]
    ) -> list[Any]:
        """Return the inputs of the scan that is the backward pass."""
        n, m = self.carried, self.carried + self.scanned
        carries = sum(k < n for k in self.floating)
        reads = self.linear[0].reads
        slices, rest = [inputs[i] for i in reads if n <= i < m], [inputs[i] for i in reads if i >= m]
        return [*gs[:carries], *sums, *gs[carries:], *kept, *slices, *rest]

    def back_body(self) -> Body:
        """Return the backward body with its arguments and results in the order in which a scan has them."""
        back, n, m = self.linear[0].back, self.carried, self.carried + self.scanned
        if "arranged" not in back.made:
            floating, carries = len(self.floating), sum(k < n for k in self.floating)
            sums = range(floating, floating + sum(i >= m for i in self.wanted))
            kept = range(sums.stop, sums.stop + self.linear[0].kept)
            reads = range(kept.stop, len(back.examples))
            scanned = [k for k, i in zip(reads, self.linear[0].reads, strict=True) if i < m]
            rest = [k for k, i in zip(reads, self.linear[0].reads, strict=True) if i >= m]
            inputs = [*range(carries), *sums, *range(carries, floating), *kept, *scanned, *rest]
            places = {i: k for k, i in enumerate(self.wanted)}
            back.made["arranged"] = rearranged(back, inputs, [places[i] for i in self.back_order])
        made: Body = back.made["arranged"]
        return made

    def in_parts(self, wanted: tuple[int, ...]) -> Scan:
        """Return the scan that keeps what its backward pass reads."""
        if self.linear or self.length == UNBOUNDED:
            return self
        n, m = self.carried, self.carried + self.scanned
        carries = tuple(i for i in range(n) if is_floating(self.body.specs[i]))
        wanted = (*carries, *(i for i in wanted if i >= n))
        linear = linearized(self.body, wanted, tuple(i for i in wanted if i >= m), m, n, self.collected_carries)
        return replace(self, body=linear.steps, linear=(linear,), wanted=wanted)

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> list[Any]:
        """Return the tangents of the results."""
        n, m, body = self.carried, self.carried + self.scanned, self.body
        carries = [i for i in range(n) if is_floating(body.specs[i])]
        active = (*carries, *(i for i in range(n, len(inputs)) if tangents[i] is not None and is_floating(inputs[i])))
        both = pushed(body, active)
        total, place = len(inputs), {i: len(inputs) + k for k, i in enumerate(active)}
        parts = [[*r, *(place[i] for i in r if i in place)] for r in (range(n), range(n, m), range(m, total))]
        floating = [k for k, spec in enumerate(body.specs) if is_floating(spec)]
        at = {k: len(body.specs) + j for j, k in enumerate(floating)}
        results = [[*r, *(at[k] for k in r if k in at)] for r in (range(n), range(n, len(body.specs)))]
        made = rearranged(both, [i for part in parts for i in part], [k for part in results for k in part])
        order = [i for part in parts for i in part]
        limit = order.index(self.limit) if self.limit else 0
        scan = Scan(made, len(parts[0]), len(parts[1]), self.length, self.reverse, until=self.until, limit=limit)
        given = [*inputs, *(tangent_or_zeros(tangents[i], inputs[i]) for i in active)]
        found = dict(zip([k for part in results for k in part], scan.apply([given[i] for i in order]), strict=True))
        return [found[at[k]] if k in at else None for k in range(len(body.specs))]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> tuple[Any, ...]:
        """Run the steps of all examples at once."""
        n, m = self.carried, self.carried + self.scanned
        size = next(x.shape[0] for x, flag in zip(inputs, flags, strict=True) if flag)
        now = list(flags)
        while True:  # a carry is batched from the start if it will be
            body, out = batched_body(self.body, tuple(now), size, frozenset(i for i in range(n) if now[i]))
            if list(out[:n]) == now[:n]:
                break
            now[:n] = out[:n]
        differs = now[self.until] if self.until else self.limit and now[self.limit]
        if differs:
            now[:n] = [True] * n
        given = [
            np.copy(np.broadcast_to(x, (size, *x.shape)))
            if new and not old
            else np.moveaxis(x, 0, 1)
            if old and n <= i < m
            else x
            for i, (x, old, new) in enumerate(zip(inputs, flags, now, strict=True))
        ]
        scan = replace(self, body=body, linear=(), wanted=(), first=None, states={})
        if differs:
            scan, given = self._masked(tuple(now), size, given)
            out = (True,) * len(self.specs)
        found = scan.apply(given)
        found = [*found[:n], *found[scan.carried :]]
        results = []
        for k, (x, flag, spec) in enumerate(zip(found, out, self.specs, strict=True)):
            if not flag:
                results.append(np.broadcast_to(x, (size, *spec.shape)))
            else:
                results.append(x if k < n else np.moveaxis(x, 0, 1))
        return tuple(results)

    def _masked(self, flags: tuple[bool, ...], size: int, given: Sequence[Any]) -> tuple[Scan, list[Any]]:
        """Return the scan of a batch of which each example runs another number of steps, and its inputs.

        All run as long as one of them goes on. With `until` that takes two more carries: the number of these steps, and
        whether one goes on. With `limit` it takes the number of a step as an entry, and how many there are at most.
        """
        n, m, until, limit = self.carried, self.carried + self.scanned, self.until, self.limit
        cut = n if until else m  # where there are more arguments
        more = [np.int64(0), given[until].any()] if until else [np.arange(self.length)]

        def masked(*values: Tensor) -> list[Any]:
            level, own = Level(), [*values[:cut], *values[cut + len(more) :]]
            lifted = [wrap_any(Batched(t, level), None) if flag else t for t, flag in zip(own, flags, strict=True)]
            goes_on = lifted[until] if until else values[cut] < lifted[limit]
            out = self.body(*lifted)
            # What a finished example collects is that of its last carry, which has all values, and is not read.
            rows = [np.where(goes_on, y, np.zeros(y.shape, y.dtype)) for y in out[n:]] if limit else out[n:]
            chosen = [*(np.where(goes_on, a, b) for a, b in zip(out, lifted[:n], strict=False)), *rows]
            new = [wrap_any(unbatched(t, size, level), None) for t in chosen]
            return [*new[:n], *([values[n] + 1, new[until].any()] if until else ()), *new[n:]]

        last = [] if until else [given[limit].max()]
        inputs = [*given[:cut], *more, *given[cut:], *last]
        key = "masked", n, m, until, limit, self.length, flags, size
        if key not in self.body.made:
            pairs = zip(self.body.examples, flags, strict=True)
            examples = [np.repeat(np.asarray(a)[None], size, axis=0) if flag else a for a, flag in pairs]
            extra = [np.int64(0), np.bool_(True)] if until else [np.int64(0)]
            examples = [*examples[:cut], *extra, *examples[cut:], *([] if until else [np.int64(0)])]
            function = masked if until else lambda *values: masked(*values[:-1])
            self.body.made[key] = recorded(self.body.name, function, examples)
        body, carried, scanned = self.body.made[key], n + 2 * bool(until), self.scanned + bool(limit)
        most = len(inputs) - 1 if limit else 0
        scan = Scan(body, carried, scanned, self.length, self.reverse, guarded=self.guarded, limit=most)
        return (replace(scan, until=n + 1) if until else scan), inputs


def _with_one_more(body: Body) -> Body:
    """Return a body that takes a number besides, which it does not read."""
    if "one more" not in body.made:
        n = len(body.examples)
        body.made["one more"] = widened(body, range(n), [*body.examples, np.int64(0)])
    made: Body = body.made["one more"]
    return made

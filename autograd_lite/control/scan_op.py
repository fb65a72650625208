"""`scan` as an operation: one body, run once for each entry of some arrays. Its derivatives are scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from ..compiler.recording_array import Unrecordable
from ..core.errors import AssumptionFailed, GradError, more_on
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..functional.vmap_transform import Batched, unbatch
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, wrap_any
from .body import PLANNED_AFTER, Body, Runner, rearrange, widen
from .closure_conversion import record_body
from .control_op import (
    ControlOp,
    allocate,
    as_results,
    initial_sums,
    negative_zeros,
    pull_with_engine,
    states_of,
    tangent_or_zeros,
    watch_nan,
    without_effects,
)
from .derivatives import LinearizedBody, batch_body, is_floating, linearize_body, push_body
from .fission import Fission
from .loops_in_c import write_scan
from .native_loop import native_loop_of
from .steps_in_plan import is_recorded, record_constants, record_steps, record_without_nan

UNBOUNDED = 1 << 62  # the length of a scan that ends when a carry says so
NO_WAY_BACK = (
    "while_loop: expected no gradient to flow back through it, since the number of steps whose values would be kept is "
    "unknown; received a cotangent. State the most steps that it takes, max_steps=…, use scan for a number of steps "
    "that is known, or jvp for forward mode" + more_on("loop-without-a-bound")
)


@dataclass(frozen=True, eq=False)
class Scan(ControlOp):
    """One way to repeat a body.

    Attributes:
        body: takes the carry, an entry of each of the xs, and the inputs that are the same at all steps; it returns
                the new carry, and the y of the step.
        num_carry, num_xs: the numbers of arrays in the carry, and of arrays whose entries the steps take.
        length: the number of steps.
        reverse: whether the last slice comes first.
        linear, wrt, states, first: see `ControlOp`.
        guarded: whether it is a backward pass, which must notice where the engine would mask NaN.
        until: the number of a carry that is true as long as another step is run; the one before counts them. 0 if all
            are run.
        limit: the number of an input that says how many steps are run: those of the first entries. 0 if all are.
    """

    body: Body
    num_carry: int
    num_xs: int
    length: int
    reverse: bool
    linear: tuple[LinearizedBody, ...] = ()
    wrt: tuple[int, ...] = ()
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
        """Of the results: the last carry, and the ys."""
        carry, collected = self.body.specs[: self.num_carry], self.body.specs[self.num_carry :]
        return [*carry, *(ShapeDtype((self.length, *shape), dtype) for shape, dtype in collected)]

    @property
    def params(self) -> dict[str, Any]:  # type: ignore[override]
        """The parameters that graphs show."""
        params = {"body": self.body, "num_carry": self.num_carry}
        return params if self.length == UNBOUNDED else {**params, "length": self.length, "reverse": self.reverse}

    @property
    def cost(self) -> float:  # type: ignore[override]
        """Of the op."""
        return 1 if self.length == UNBOUNDED else self.length

    # ---- on arrays --------------------------------------------------------------------------------------------------

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Run all steps."""
        if is_recorded(arrays):
            return self._record(arrays)
        rows = allocate(self.specs)
        for row in rows[self.num_carry :] if self.until or self.limit else ():
            row[...] = 0  # of steps that are not run
        self.states.update(states_of(self.body))
        with watch_nan(self.guarded, rows):
            self.run(arrays, rows)
        return as_results(rows)

    def run(self, arrays: Sequence[Any], views: Sequence[Any]) -> None:
        """Run all steps; what need not run step by step runs before or after them, see `Fission`."""
        if (parts := self._fission) is not None:
            parts.run(self._core.steps, arrays, views, self.reverse)
        else:
            self.steps(arrays, views)

    def _record(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """Record calls that run all steps."""
        if self.until or self.limit or self.body.generators:
            raise Unrecordable
        parts = self._fission
        results = (
            self._record_steps(arrays)
            if parts is None
            else parts.record(self._core._record_steps, arrays, self.reverse)
        )
        results = [record_without_nan(x) for x in results] if self.guarded else results
        return tuple(record_constants(results, arrays))

    def _record_steps(self, arrays: Sequence[Any]) -> list[Any]:
        n, m = self.num_carry, self.num_carry + self.num_xs

        def run(*values: Any) -> tuple[Any, ...]:
            rows = allocate(self.specs)
            self.steps(values, rows)
            return as_results(rows)

        return record_steps(run, self.body, n, m, self.length, self.reverse, arrays)

    @cached_property
    def _core(self) -> Scan:
        """The loop that is left."""
        parts = self._fission
        assert parts is not None
        return Scan(parts.core, parts.num_carry, parts.num_xs, self.length, self.reverse)

    @cached_property
    def _fission(self) -> Fission | None:
        """The body in parts; None if it is better as it is."""
        body, n, m = self.body, self.num_carry, self.num_carry + self.num_xs
        if self.until or self.limit:
            return None
        if (key := ("fission", n, m, self.length, self.guarded)) not in body.derived:
            alone = self.length < 2 or body.effects or body.generators
            parts = None if alone else Fission(body, n, m, self.length, self.guarded)
            body.derived[key] = parts if parts is not None and parts.worthwhile else None
        return body.derived[key]

    write_c = write_scan

    def steps(
        self, arrays: Sequence[Any], views: Sequence[Any], states: Mapping[int, Sequence[Any]] = MappingProxyType({})
    ) -> None:
        """Run the whole body step by step.

        Args:
            arrays: the inputs.
            views: where the results go.
            states: for the number of a step, counted as they run, where the carry before it goes.
        """
        n, m = self.num_carry, self.num_carry + self.num_xs
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

        if not until and count > self.body.planned_after:
            self.body.runs = PLANNED_AFTER  # it is worth a plan from the first step on
        first = min(count, max(0, self.body.planned_after - self.body.runs))  # a plan may not be worth its time before
        carry = by_python(arrays[:n], 0, first)
        if first < count and (not until or carry[until]):
            carry = [np.array(a, order="C") for a in carry]
            xs, rest = arrays[n:m], [np.asarray(a) for a in arrays[m:]]
            native = native_loop_of(self.body, n, carry, xs, rest)
            if native is None:
                carry = by_python(carry, first, count)
            else:
                later = {step - first: views_of for step, views_of in states.items() if step >= first}
                native.run(carry, xs, rest, views[n:], order[first:], later, until)
        runner.end()
        for view, a in zip(views, carry, strict=False):
            view[...] = a

    # ---- derivatives ------------------------------------------------------------------------------------------------

    def pull(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the cotangents of all inputs; see `ControlOp`."""
        if self.length == UNBOUNDED:
            raise GradError(NO_WAY_BACK)
        return super().pull(*args, **kwargs)

    def without_observations(self) -> Scan:
        """Return the same without observations."""
        return replace(self, body=without_effects(self.body), states={})

    @property
    def back_order(self) -> list[int]:
        """The positions of the arguments that gradients are for, in the order in which the backward body returns them.

        Those of the carry come first, then those that are the same at all steps, whose cotangents add up.
        """
        n, m, wrt = self.num_carry, self.num_carry + self.num_xs, self.wrt
        return [i for i in wrt if i < n] + [i for i in wrt if i >= m] + [i for i in wrt if n <= i < m]

    def pull_residuals(
        self,
        gs: Sequence[Any],
        out: Sequence[Any],
        residuals: Sequence[Any],
        inputs: Sequence[Any],
        so_far: dict[int, Any] | None,
    ) -> list[Any]:
        """Return the cotangents of all inputs from the residuals; see `ControlOp`."""
        scan_inputs = self.back_inputs(
            self.step_cotangents(gs), initial_sums(so_far, self.consts_wrt, inputs), residuals, inputs
        )
        scan = self.back_scan(residuals)
        if self.until or self.limit:
            scan = replace(scan, body=_with_limit_argument(scan.body), limit=len(scan_inputs))
            scan_inputs.append(out[self.until - 1] if self.until else inputs[self.limit])
        try:
            results = scan.apply(scan_inputs)
        except AssumptionFailed:
            if so_far is not None:
                so_far.clear()
            return pull_with_engine(self.in_python, inputs, self.wrt, gs, self.states)
        by_input = dict(zip(self.back_order, results, strict=True))
        return [by_input.get(i) for i in range(len(inputs))]

    @property
    def collected_carries(self) -> dict[int, int]:
        """The position of the carry for each of the ys that is one.

        The next step reads it, too, and in a loop the cotangent of the collected value comes before those from the next
        step: sums must be made in this order.
        """
        outputs, n = self.body.outputs, self.num_carry
        results: dict[int, int] = {}
        if self.until or self.limit:
            return results  # the last step is not the one of the last entries
        for k in range(n, self.num_outputs):
            i = outputs.index(outputs[k])
            if (
                i < n
                and i not in results.values()
                and outputs[i] not in self.body.program.inputs
                and k in self.floating
            ):
                results[k] = i
        return results

    def step_cotangents(self, gs: Sequence[Any]) -> list[Any]:
        """Return the cotangents of the floating results as the steps receive them.

        That of a collected carry is received one step later. Where there is none it is zero, in memory of one step.
        """
        carries = self.collected_carries if self.length else {}
        results: dict[int, Any] = {k: gs[k] for k in self.floating}
        for k in [k for k, g in results.items() if g is None]:
            zeros = np.zeros(self.body.specs[k].shape, self.body.specs[k].dtype)
            results[k] = np.broadcast_to(negative_zeros(zeros) if k in carries else zeros, self.specs[k].shape)
        for k, i in carries.items():
            if gs[k] is not None:
                last, others = (gs[k][0], gs[k][1:]) if self.reverse else (gs[k][-1], gs[k][:-1])
                none = negative_zeros(last)[None]
                results[i] = last if gs[i] is None else gs[i] + last
                results[k] = np.concatenate([others, none] if self.reverse else [none, others])
        return list(results.values())

    def in_python(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the results that are for the user, by a loop in Python."""
        n, m = self.num_carry, self.num_carry + self.num_xs
        carry, rows = [wrap_any(x, None) for x in inputs[:n]], []
        for t in range(self.length - 1, -1, -1) if self.reverse else range(self.length):
            out: list[Any] = self.body(*carry, *(x[t] for x in inputs[n:m]), *inputs[m:])[: self.num_outputs]
            if self.until or self.limit:
                goes_on = carry[self.until] if self.until else t < inputs[self.limit]
                before: list[Any] = [*carry, *(np.zeros(y.shape, y.dtype) for y in out[n:])]
                out = [np.where(goes_on, a, b) for a, b in zip(out, before, strict=True)]
            carry = out[:n]
            rows.append(out[n:])
        return [*carry, *(np.stack(ys) for ys in zip(*(rows[::-1] if self.reverse else rows), strict=True))]

    @property
    def consts_wrt(self) -> list[int]:
        """The positions of the arguments that gradients are for and that are the same at all steps."""
        return [i for i in self.wrt if i >= self.num_carry + self.num_xs]

    def back_scan(self, residuals: Sequence[Any]) -> Scan:
        """Return the scan that is the backward pass."""
        n, m = self.num_carry, self.num_carry + self.num_xs
        carries = sum(k < n for k in self.floating) + len(self.consts_wrt)
        count_xs = sum(k >= n for k in self.floating) + len(residuals) + sum(n <= i < m for i in self.linear[0].reads)
        return Scan(self.back_body(), carries, count_xs, self.length, not self.reverse, guarded=True)

    def back_inputs(
        self, gs: Sequence[Any], sums: Sequence[Any], residuals: Sequence[Any], inputs: Sequence[Any]
    ) -> list[Any]:
        """Return the inputs of the scan that is the backward pass."""
        n, m = self.num_carry, self.num_carry + self.num_xs
        carries = sum(k < n for k in self.floating)
        reads = self.linear[0].reads
        slices, rest = [inputs[i] for i in reads if n <= i < m], [inputs[i] for i in reads if i >= m]
        return [*gs[:carries], *sums, *gs[carries:], *residuals, *slices, *rest]

    def back_body(self) -> Body:
        """Return the backward body with its arguments and results in the order in which a scan has them."""
        back, n, m = self.linear[0].back, self.num_carry, self.num_carry + self.num_xs
        if "arranged" not in back.derived:
            floating, carries = len(self.floating), sum(k < n for k in self.floating)
            sums = range(floating, floating + sum(i >= m for i in self.wrt))
            residuals = range(sums.stop, sums.stop + self.linear[0].num_residuals)
            reads = range(residuals.stop, len(back.examples))
            xs = [k for k, i in zip(reads, self.linear[0].reads, strict=True) if i < m]
            rest = [k for k, i in zip(reads, self.linear[0].reads, strict=True) if i >= m]
            inputs = [*range(carries), *sums, *range(carries, floating), *residuals, *xs, *rest]
            places = {i: k for k, i in enumerate(self.wrt)}
            back.derived["arranged"] = rearrange(back, inputs, [places[i] for i in self.back_order])
        body: Body = back.derived["arranged"]
        return body

    def with_residuals(self, wrt: tuple[int, ...]) -> Scan:
        """Return the scan that keeps what its backward pass reads."""
        if self.linear or self.length == UNBOUNDED:
            return self
        n, m = self.num_carry, self.num_carry + self.num_xs
        carries = tuple(i for i in range(n) if is_floating(self.body.specs[i]))
        wrt = (*carries, *(i for i in wrt if i >= n))
        linear = linearize_body(self.body, wrt, tuple(i for i in wrt if i >= m), m, n, self.collected_carries)
        return replace(self, body=linear.steps, linear=(linear,), wrt=wrt)

    def value_and_push(self, tangents: Sequence[Any], *inputs: Any) -> tuple[list[Any], list[Any]]:
        """Return the results and their tangents."""
        n, m, body = self.num_carry, self.num_carry + self.num_xs, self.body
        carries = [i for i in range(n) if is_floating(body.specs[i])]
        active = (*carries, *(i for i in range(n, len(inputs)) if tangents[i] is not None and is_floating(inputs[i])))
        both = push_body(body, active)
        total, place = len(inputs), {i: len(inputs) + k for k, i in enumerate(active)}
        parts = [[*r, *(place[i] for i in r if i in place)] for r in (range(n), range(n, m), range(m, total))]
        floating = [k for k, spec in enumerate(body.specs) if is_floating(spec)]
        at = {k: len(body.specs) + j for j, k in enumerate(floating)}
        results = [[*r, *(at[k] for k in r if k in at)] for r in (range(n), range(n, len(body.specs)))]
        rearranged = rearrange(both, [i for part in parts for i in part], [k for part in results for k in part])
        order = [i for part in parts for i in part]
        limit = order.index(self.limit) if self.limit else 0
        scan = Scan(rearranged, len(parts[0]), len(parts[1]), self.length, self.reverse, until=self.until, limit=limit)
        scan_inputs = [*inputs, *(tangent_or_zeros(tangents[i], inputs[i]) for i in active)]
        by_position = dict(
            zip([k for part in results for k in part], scan.apply([scan_inputs[i] for i in order]), strict=True)
        )
        every = range(len(body.specs))
        return [by_position[k] for k in every], [by_position[at[k]] if k in at else None for k in every]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> tuple[Any, ...]:
        """Run the steps of all examples at once."""
        n, m = self.num_carry, self.num_carry + self.num_xs
        size = next(x.shape[0] for x, flag in zip(inputs, flags, strict=True) if flag)
        now = list(flags)
        while True:  # a carry is batched from the start if it will be
            body, out = batch_body(self.body, tuple(now), size, frozenset(i for i in range(n) if now[i]))
            if list(out[:n]) == now[:n]:
                break
            now[:n] = out[:n]
        differs = now[self.until] if self.until else self.limit and now[self.limit]
        if differs:
            now[:n] = [True] * n
        scan_inputs = [
            np.copy(np.broadcast_to(x, (size, *x.shape)))
            if new and not old
            else np.moveaxis(x, 0, 1)
            if old and n <= i < m
            else x
            for i, (x, old, new) in enumerate(zip(inputs, flags, now, strict=True))
        ]
        scan = replace(self, body=body, linear=(), wrt=(), first=None, states={})
        if differs:
            scan, scan_inputs = self._with_mask(tuple(now), size, scan_inputs)
            out = (True,) * len(self.specs)
        values = scan.apply(scan_inputs)
        values = [*values[:n], *values[scan.num_carry :]]
        results = []
        for k, (x, flag, spec) in enumerate(zip(values, out, self.specs, strict=True)):
            if not flag:
                results.append(np.broadcast_to(x, (size, *spec.shape)))
            else:
                results.append(x if k < n else np.moveaxis(x, 0, 1))
        return tuple(results)

    def _with_mask(self, flags: tuple[bool, ...], size: int, scan_inputs: Sequence[Any]) -> tuple[Scan, list[Any]]:
        """Return the scan of a batch of which each example runs another number of steps, and its inputs.

        All run as long as one of them goes on. With `until` that takes two more carries: the number of these steps, and
        whether one goes on. With `limit` it takes the number of a step as an entry, and how many there are at most.
        """
        n, m, until, limit = self.num_carry, self.num_carry + self.num_xs, self.until, self.limit
        cut = n if until else m  # where there are more arguments
        more = [np.int64(0), scan_inputs[until].any()] if until else [np.arange(self.length)]

        def with_mask(*values: Tensor) -> list[Any]:
            level, plain_values = Level(), [*values[:cut], *values[cut + len(more) :]]
            lifted = [
                wrap_any(Batched(t, level), None) if flag else t for t, flag in zip(plain_values, flags, strict=True)
            ]
            goes_on = lifted[until] if until else values[cut] < lifted[limit]
            out = self.body(*lifted)
            # What a finished example collects is that of its last carry, which has all values, and is not read.
            rows = [np.where(goes_on, y, np.zeros(y.shape, y.dtype)) for y in out[n:]] if limit else out[n:]
            chosen = [*(np.where(goes_on, a, b) for a, b in zip(out, lifted[:n], strict=False)), *rows]
            new = [wrap_any(unbatch(t, size, level), None) for t in chosen]
            return [*new[:n], *([values[n] + 1, new[until].any()] if until else ()), *new[n:]]

        last = [] if until else [scan_inputs[limit].max()]
        inputs = [*scan_inputs[:cut], *more, *scan_inputs[cut:], *last]
        key = "masked", n, m, until, limit, self.length, flags, size
        if key not in self.body.derived:
            pairs = zip(self.body.examples, flags, strict=True)
            examples = [np.repeat(np.asarray(a)[None], size, axis=0) if flag else a for a, flag in pairs]
            extra = [np.int64(0), np.bool_(True)] if until else [np.int64(0)]
            examples = [*examples[:cut], *extra, *examples[cut:], *([] if until else [np.int64(0)])]
            function = with_mask if until else lambda *values: with_mask(*values[:-1])
            self.body.derived[key] = record_body(self.body.name, function, examples)
        body, count_carry, count_xs = self.body.derived[key], n + 2 * bool(until), self.num_xs + bool(limit)
        most = len(inputs) - 1 if limit else 0
        scan = Scan(body, count_carry, count_xs, self.length, self.reverse, guarded=self.guarded, limit=most)
        return (replace(scan, until=n + 1) if until else scan), inputs


def _with_limit_argument(body: Body) -> Body:
    """Return a body with one more argument, the number of steps, which it does not read."""
    if "one more" not in body.derived:
        n = len(body.examples)
        body.derived["one more"] = widen(body, range(n), [*body.examples, np.int64(0)])
    with_limit: Body = body.derived["one more"]
    return with_limit

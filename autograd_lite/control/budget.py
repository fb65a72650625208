"""`scan` within a budget of memory: the op keeps some states, and its backward pass runs steps again from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core.errors import AssumptionFailed
from ..core.mode import MODE, TAPES, is_grad_enabled
from ..core.op import Op, jointly
from ..core.shapes import ShapeDtype
from ..ops.barrier import stop_gradient
from .bodies import Body, Runner, rearranged
from .derivatives import batched as batched_body, is_floating
from .packing import Layout
from .passing import (
    KeepAll,
    begun,
    derived_by_the_engine,
    is_wanted,
    masked_by_the_engine,
    needs_of,
    noticing,
)
from .revolve import Advance, Back, first_kept, way_back
from .scan_op import Scan


class States:
    """The states that are kept between steps.

    Attributes:
        nbytes, most: how much memory they take now, and took at most.
    """

    def __init__(self) -> None:
        self.nbytes = self.most = 0
        self._kept: dict[int, Sequence[Any]] = {}

    def keep(self, step: int, carry: Sequence[Any]) -> None:
        """Keep the state before a step."""
        self._kept[step] = carry
        self.nbytes += sum(a.nbytes for a in carry)
        self.most = max(self.most, self.nbytes)

    def __contains__(self, step: int) -> bool:
        return step in self._kept

    def __getitem__(self, step: int) -> Sequence[Any]:
        return self._kept[step]

    def forget(self, step: int) -> None:
        """Forget it."""
        self.nbytes -= sum(a.nbytes for a in self._kept.pop(step))


@dataclass(frozen=True, eq=False)
class Kept:
    """A scan that returns some of its states, too.

    Attributes:
        scan: whose results are all for the user.
        states: how many may be kept at a time, with the first one.
        wanted: the positions of the arguments that gradients are for, if that is known.
    """

    scan: Scan
    states: int
    wanted: tuple[int, ...] | None = None

    @cached_property
    def kept(self) -> list[int]:
        """The numbers of the steps before which the states are kept."""
        return first_kept(self.scan.length, self.states)

    @cached_property
    def layout(self) -> Layout:
        """Where the results lie, and then the states."""
        carry = self.scan.body.specs[: self.scan.carried]
        states = [ShapeDtype((len(self.kept), *shape), dtype) for shape, dtype in carry]
        return Layout([*self.scan.layout.specs, *states])

    @cached_property
    def op(self) -> Op:
        """The operation."""
        return Op(
            self.scan.body.name,
            self.forward,
            jointly(self.pull, totals=True),
            lambda *_, **__: ShapeDtype((self.layout.size,), self.layout.dtype),
            jvp=self.push,
            batch=self.batch,
            keeps=KeepAll(len(self.scan.body.examples)),  # type: ignore[arg-type]
        )

    def forward(self, *arrays: Any, **_: Any) -> Any:
        """Run all steps, and keep states on the way."""
        row, views = self.layout.room()
        n = len(self.scan.layout.specs)
        states = {step: [view[k, ...] for view in views[n:]] for k, step in enumerate(self.kept)}
        self.scan.run(arrays, views[:n], states)
        return row

    def pull(self, g: Any, out: Any, *inputs: Any, so_far: dict[int, Any] | None = None, **_: Any) -> list[Any]:
        """Return the cotangents of all inputs; see `EachInput.at_once`."""
        n, needs = len(self.scan.layout.specs), needs_of(out, self.op)
        among = needs if self.wanted is None else self.wanted
        split = self.scan.in_parts(tuple(i for i, x in enumerate(inputs) if is_floating(x) and i in among))
        gs_given = self.layout.parts(g, 0, n)
        gs, sums = split.arriving(gs_given), begun(so_far, split.summed, inputs)
        states = [stop_gradient(x) for x in self.layout.parts(out, n)]
        back = WayBack(self, split)
        try:
            found = back.layout.parts(
                back.op(*(gs[k] for k in split.floating), *sums, *states, *inputs, **self.scan.params)
            )
        except AssumptionFailed:
            if so_far is not None:
                so_far.clear()
            given = [gs_given[k] for k in split.floating]
            return masked_by_the_engine(split.looped, inputs, split.wanted, split.floating, given, {})
        by_input = dict(zip(split.wanted, found, strict=True))
        return [by_input.get(i) for i in range(len(inputs))]

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> Any:
        """Return the tangent of the result; nothing depends on that of the states."""
        row = self.scan.push(tangents, out, *inputs)
        zeros = [np.zeros(shape, dtype) for shape, dtype in self.layout.specs[len(self.scan.layout.specs) :]]
        return self.layout.packed([*self.scan.layout.parts(row), *zeros])

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> Any:
        """Run the steps of all examples at once."""
        kept, given = self.batched(inputs, flags)
        n, m = self.scan.carried, len(self.scan.layout.specs)
        parts = kept.layout.parts(kept.op(*given, **params))
        return self.layout.packed(
            [x if k < n else np.moveaxis(x, 0, 1) for k, x in enumerate(parts[:m])]
            + [np.moveaxis(x, 0, 1) for x in parts[m:]]
        )

    def batched(self, inputs: Sequence[Any], flags: Sequence[bool]) -> tuple[Kept, list[Any]]:
        """Return the scan of a batch, and its inputs, each of which has all examples."""
        scan, n, m = self.scan, self.scan.carried, self.scan.carried + self.scan.scanned
        size, full = _full(inputs, flags)
        every = frozenset(range(len(scan.body.specs)))
        body, _ = batched_body(scan.body, (True,) * len(inputs), size, every)
        given = [np.moveaxis(x, 0, 1) if n <= i < m else x for i, x in enumerate(full)]
        return Kept(Scan(body, n, scan.scanned, scan.length, scan.reverse, len(body.specs)), self.states), given

    def apply(self, inputs: Sequence[Any]) -> list[Any]:
        """Run the op, or the scan where there can be no backward pass, and return its results one by one."""
        on_tape = TAPES and MODE.get().tape is not None
        wanted = tuple(i for i, x in enumerate(inputs) if is_wanted(x)) if is_grad_enabled() else ()
        if not on_tape and not wanted:
            return self.scan.apply(inputs)
        n = len(self.scan.layout.specs)
        row = (self if on_tape else replace(self, wanted=wanted)).op(*inputs, **self.scan.params)
        return self.layout.parts(self.layout.head(row, n), 0, n)

    def again(self, *inputs: Any) -> Any:
        """Run the op on what stands for arrays."""
        return self.op(*inputs, **self.scan.params)


@dataclass(frozen=True, eq=False)
class WayBack:
    """The backward pass of a scan, which runs steps again.

    Attributes:
        kept: the scan.
        split: the same in parts.
    """

    kept: Kept
    split: Scan

    @cached_property
    def layout(self) -> Layout:
        """Where the cotangents lie, in the order of the arguments that they are for."""
        body, n, m = self.split.body, self.split.carried, self.split.carried + self.split.scanned
        examples = body.examples
        return Layout(
            [
                ShapeDtype((self.split.length, *shape) if n <= i < m else tuple(shape), dtype)
                for i in self.split.wanted
                for shape, dtype in [(np.shape(examples[i]), np.asarray(examples[i]).dtype)]
            ]
        )

    @property
    def places(self) -> tuple[int, int, int]:
        """Where among the inputs the cotangents so far begin, where the states, and where the inputs of the scan."""
        f = len(self.split.floating)
        b = f + len(self.split.summed)
        return f, b, b + self.split.carried

    @cached_property
    def op(self) -> Op:
        """The operation: of cotangents of the results, cotangents so far, states, and the inputs of the scan."""
        n = self.places[2] + len(self.split.body.examples)
        return Op(
            f"{self.split.body.name} backward",
            self.forward,
            jointly(self.pull),
            lambda *_, **__: ShapeDtype((self.layout.size,), self.layout.dtype),
            batch=self.batch,
            keeps=KeepAll(n),  # type: ignore[arg-type]
        )

    def forward(self, *arrays: Any, **_: Any) -> Any:
        """Go back through all steps."""
        split = self.split
        f, b, n = self.places
        gs, sums, kept, inputs = arrays[:f], arrays[f:b], arrays[b:n], arrays[n:]
        row, views = self.layout.room()
        with noticing(True, row):
            states = States()
            for k, step in enumerate(self.kept.kept):
                states.keep(step, [np.array(a[k])[()] for a in kept])
            walk = _Walk(split, states, inputs, gs, sums, dict(zip(split.wanted, views, strict=True)))
            for action in way_back(split.length, self.kept.states):
                walk.do(action)
            walk.end()
        return row

    def pull(self, g: Any, out: Any, *given: Any, **_: Any) -> list[Any]:
        """Return cotangents by those of the scan without a budget."""
        b, first = self.places[1:]
        wanted = [i for i, x in enumerate(given) if is_floating(x) and not b <= i < first]
        found = derived_by_the_engine(
            self._unbounded, given, wanted, range(len(self.split.wanted)), self.layout.parts(g)
        )
        return [np.zeros(given[i].shape, given[i].dtype) if b <= i < first else x for i, x in enumerate(found)]

    def _unbounded(self, given: Sequence[Any]) -> list[Any]:
        split, (f, b, n) = self.split, self.places
        inputs = given[n:]
        kept = split.whole().apply(inputs)[split.shown :]
        found = split.back_scan(kept).apply(split.back_inputs(given[:f], given[f:b], kept, inputs))
        by_input = dict(zip(split.back_order, found, strict=True))
        return [by_input[i] for i in split.wanted]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> Any:
        """Go back through the steps of all examples at once."""
        split, (f, b, first) = self.split, self.places
        n, m = split.carried, split.carried + split.scanned
        _, full = _full(inputs, flags)
        kept, given = self.kept.batched(full[first:], (True,) * (len(inputs) - first))
        gs = [g if k < n else np.moveaxis(g, 0, 1) for k, g in zip(split.floating, full, strict=False)]
        back = WayBack(kept, kept.scan.in_parts(split.wanted))
        states = [np.moveaxis(x, 0, 1) for x in full[b:first]]
        parts = back.layout.parts(back.op(*gs, *full[f:b], *states, *given, **params))
        pairs = zip(split.wanted, parts, strict=True)
        return self.layout.packed([np.moveaxis(x, 0, 1) if n <= i < m else x for i, x in pairs])


class _Walk:
    """One way back: runs steps forward from states that are kept, and goes back through them one by one."""

    def __init__(
        self,
        split: Scan,
        states: States,
        inputs: Sequence[Any],
        gs: Sequence[Any],
        sums: Sequence[Any],
        results: dict[int, Any],
    ) -> None:
        assert split.linear is not None
        self._split, self._states, self._results = split, states, results
        self._inputs, self._n, self._m = inputs, split.carried, split.carried + split.scanned
        body = split.linear.steps
        self._forward = Runner(_without_results(body, self._n), self._n, self._n)
        self._last = Runner(body, self._n, 0)
        carries = sum(k < self._n for k in split.floating)
        self._sums = len(sums)
        self._gs = gs[carries:]
        self._back = Runner(split.back_body(), carries + self._sums, carries + self._sums)
        self._carry: Sequence[Any] = [*gs[:carries], *sums]
        self._carries = carries

    def do(self, action: Any) -> None:
        """Do one thing."""
        if isinstance(action, Advance):
            if action.stop not in self._states:
                self._states.keep(action.stop, self._state(action.start, action.stop))
        elif isinstance(action, Back):
            self._go_back(action.step, self._state(action.start, action.step))
        else:
            self._states.forget(action.step)

    def end(self) -> None:
        """Write the cotangents that are complete only now."""
        for runner in (self._forward, self._last, self._back):
            runner.end()
        order = [i for i in self._split.back_order if not self._n <= i < self._m]
        for i, a in zip(order, self._carry, strict=True):
            self._results[i][...] = a

    def _state(self, start: int, stop: int) -> Sequence[Any]:
        """Return the state before step `stop`, from the one before step `start`."""
        carry = self._states[start] if start else self._inputs[: self._n]
        for step in range(start, stop):
            carry = self._forward(*carry, *self._slices(step))
        return carry

    def _slices(self, step: int) -> list[Any]:
        place = self._split.length - 1 - step if self._split.reverse else step
        return [*(x[place] for x in self._inputs[self._n : self._m]), *self._inputs[self._m :]]

    def _go_back(self, step: int, state: Sequence[Any]) -> None:
        split, linear = self._split, self._split.linear
        assert linear is not None
        place = split.length - 1 - step if split.reverse else step
        slices = self._slices(step)
        kept = self._last(*state, *slices)[split.shown :]
        reads = [slices[i - self._n] for i in linear.reads]
        found = self._back(*self._carry, *(g[place] for g in self._gs), *kept, *reads)
        k = self._carries + self._sums
        self._carry = found[:k]
        for i, a in zip([i for i in split.back_order if self._n <= i < self._m], found[k:], strict=True):
            self._results[i][place] = a


def _without_results(body: Body, n: int) -> Body:
    """Return a body that computes the next carry alone."""
    if "carry" not in body.made:
        body.made["carry"] = rearranged(body, range(len(body.examples)), range(n))
    made: Body = body.made["carry"]
    return made


def _full(inputs: Sequence[Any], flags: Sequence[bool]) -> tuple[int, list[Any]]:
    """Return the number of examples of a batch, and its inputs, each of which has all of them."""
    size = next(x.shape[0] for x, flag in zip(inputs, flags, strict=True) if flag)
    pairs = zip(inputs, flags, strict=True)
    return size, [x if flag else np.copy(np.broadcast_to(x, (size, *np.shape(x)))) for x, flag in pairs]


def states_within(max_bytes: int, carry: Iterable[Any]) -> int:
    """Return how many states may be kept at a time; the first one is an input, which lies in memory anyway."""
    nbytes = sum(int(np.prod(x.shape, dtype=np.int64)) * x.dtype.itemsize for x in carry)
    return 1 + max_bytes // max(nbytes, 1)

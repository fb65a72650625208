"""`scan` within a budget of memory: the op keeps some states, and its backward pass runs steps again from them.

States are kept so that going back repeats as few steps as possible. With c of them at a time, of which the first one is
one, l steps need t(l, c) = r l - C(c + r, r - 1) steps forward, where r is the number of times for which
C(c + r - 1, c) < l <= C(c + r, c). The first pass, l - 1 steps, is among them.

References:
    Griewank, Walther: Algorithm 799: Revolve, an implementation of checkpointing for the reverse or adjoint mode of
    computational differentiation, 2000, equations 4 to 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import comb
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..core.errors import AssumptionFailed
from ..core.mode import MODE, TAPES, is_grad_enabled
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..ops.barrier import stop_gradient
from .bodies import Body, Runner, rearranged
from .derivatives import batched as batched_body, is_floating
from .flow import (
    Flow,
    begun,
    call_of,
    derived_by_the_engine,
    filled,
    is_wanted,
    masked_by_the_engine,
    noticing,
    room,
    wanted_of,
)
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
class Kept(Flow):
    """A scan that returns some of its states, too.

    Attributes:
        scan: whose results are all for the user.
        states_kept: how many may be kept at a time, with the first one.
        wanted: the positions of the arguments that gradients are for, if that is known.
    """

    scan: Scan
    states_kept: int
    wanted: tuple[int, ...] = ()

    @cached_property
    def kept(self) -> list[int]:
        """The numbers of the steps before which the states are kept."""
        return first_kept(self.scan.length, self.states_kept)

    @property
    def bodies(self) -> tuple[Body]:  # type: ignore[override]
        """The body."""
        return self.scan.bodies

    @cached_property
    def specs(self) -> list[ShapeDtype]:  # type: ignore[override]
        """Of the results, and then the states."""
        carry = self.scan.body.specs[: self.scan.carried]
        return [*self.scan.specs, *(ShapeDtype((len(self.kept), *shape), dtype) for shape, dtype in carry)]

    @property
    def params(self) -> dict[str, Any]:  # type: ignore[override]
        """What graphs show of it."""
        return self.scan.params

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Run all steps, and keep states on the way."""
        rows, n = room(self.specs), len(self.scan.specs)
        states = {step: [row[k, ...] for row in rows[n:]] for k, step in enumerate(self.kept)}
        self.scan.steps(arrays, rows[:n], states)
        return filled(rows)

    def pull(
        self, g: Sequence[Any], out: Sequence[Any], *inputs: Any, so_far: dict[int, Any] | None = None, **_: Any
    ) -> list[Any]:
        """Return the cotangents of all inputs; see `EachInput.at_once`."""
        n, wanted = len(self.scan.specs), wanted_of(call_of(out), inputs)
        split = self.scan.in_parts(tuple(i for i in wanted if i in self.wanted or not self.wanted))
        sums = begun(so_far, split.summed, inputs)
        states = [stop_gradient(x) for x in out[n:]]
        try:
            found = WayBack(self, split).apply([*split.arriving(g[:n]), *sums, *states, *inputs])
        except AssumptionFailed:
            if so_far is not None:
                so_far.clear()
            return masked_by_the_engine(split.looped, inputs, split.wanted, g[:n], {})
        by_input = dict(zip(split.wanted, found, strict=True))
        return [by_input.get(i) for i in range(len(inputs))]

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> list[Any]:
        """Return the tangents of the results; nothing depends on those of the states."""
        return [*self.scan.push(tangents, out, *inputs), *[None] * self.scan.carried]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> tuple[Any, ...]:
        """Run the steps of all examples at once."""
        kept, given = self.batched(inputs, flags)
        n = self.scan.carried
        return tuple([x if k < n else np.moveaxis(x, 0, 1) for k, x in enumerate(kept.op(*given, **params))])

    def batched(self, inputs: Sequence[Any], flags: Sequence[bool]) -> tuple[Kept, list[Any]]:
        """Return the scan of a batch, and its inputs, each of which has all examples."""
        scan, n, m = self.scan, self.scan.carried, self.scan.carried + self.scan.scanned
        size, full = _full(inputs, flags)
        every = frozenset(range(len(scan.body.specs)))
        body, _ = batched_body(scan.body, (True,) * len(inputs), size, every)
        given = [np.moveaxis(x, 0, 1) if n <= i < m else x for i, x in enumerate(full)]
        return Kept(Scan(body, n, scan.scanned, scan.length, scan.reverse), self.states_kept), given

    def apply(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """Run the op, or the scan where there can be no backward pass, and return its results one by one."""
        on_tape = TAPES and MODE.get().tape is not None
        wanted = tuple(i for i, x in enumerate(inputs) if is_wanted(x)) if is_grad_enabled() else ()
        if not on_tape and not wanted:
            return self.scan.apply(inputs)
        flow = self if on_tape else replace(self, wanted=wanted)
        return flow.op(*inputs, **self.params)[: len(self.scan.specs)]

    def again(self, *inputs: Any) -> Sequence[Any]:
        """Run the op on what stands for arrays."""
        return self.op(*inputs, **self.params)


@dataclass(frozen=True, eq=False)
class WayBack(Flow):
    """The backward pass of a scan, which runs steps again.

    Its arguments are cotangents of the floating results, cotangents so far, states, and the inputs of the scan.

    Attributes:
        kept: the scan.
        split: the same in parts.
    """

    kept: Kept
    split: Scan
    totals: ClassVar[bool] = False

    @property
    def bodies(self) -> tuple[Body]:  # type: ignore[override]
        """What takes a step back."""
        return (self.split.linear[0].back,)

    @property
    def params(self) -> dict[str, Any]:  # type: ignore[override]
        """What graphs show of it."""
        return self.split.params

    @cached_property
    def specs(self) -> list[ShapeDtype]:  # type: ignore[override]
        """Of the cotangents, in the order of the arguments that they are for."""
        n, m, length = self.split.carried, self.split.carried + self.split.scanned, self.split.length
        examples = [(i, np.asarray(self.split.body.examples[i])) for i in self.split.wanted]
        return [ShapeDtype((length, *a.shape) if n <= i < m else a.shape, a.dtype) for i, a in examples]

    @property
    def taken(self) -> int:
        """How many arguments it takes."""
        return self.places[2] + len(self.split.body.examples)

    @property
    def places(self) -> tuple[int, int, int]:
        """Where among the inputs the cotangents so far begin, where the states, and where the inputs of the scan."""
        f = len(self.split.floating)
        b = f + len(self.split.summed)
        return f, b, b + self.split.carried

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Go back through all steps."""
        split = self.split
        f, b, n = self.places
        gs, sums, kept, inputs = arrays[:f], arrays[f:b], arrays[b:n], arrays[n:]
        rows = room(self.specs)
        with noticing(True, rows):
            states = States()
            for k, step in enumerate(self.kept.kept):
                states.keep(step, [np.array(a[k])[()] for a in kept])
            walk = _Walk(split, states, inputs, gs, sums, dict(zip(split.wanted, rows, strict=True)))
            for action in way_back(split.length, self.kept.states_kept):
                walk.do(action)
            walk.end()
        return filled(rows)

    def pull(self, g: Sequence[Any], out: Any, *given: Any, **_: Any) -> list[Any]:
        """Return cotangents by those of the scan without a budget."""
        b, first = self.places[1:]
        wanted = [i for i, x in enumerate(given) if is_floating(x) and not b <= i < first]
        found = derived_by_the_engine(self._unbounded, given, wanted, g)
        return [np.zeros(given[i].shape, given[i].dtype) if b <= i < first else x for i, x in enumerate(found)]

    def _unbounded(self, given: Sequence[Any]) -> list[Any]:
        split, (f, b, n) = self.split, self.places
        inputs = given[n:]
        kept = split.again(*inputs)[split.shown :]
        found = split.back_scan(kept).apply(split.back_inputs(given[:f], given[f:b], kept, inputs))
        by_input = dict(zip(split.back_order, found, strict=True))
        return [by_input[i] for i in split.wanted]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> tuple[Any, ...]:
        """Go back through the steps of all examples at once."""
        split, (f, b, first) = self.split, self.places
        n, m = split.carried, split.carried + split.scanned
        _, full = _full(inputs, flags)
        kept, given = self.kept.batched(full[first:], (True,) * (len(inputs) - first))
        gs = [g if k < n else np.moveaxis(g, 0, 1) for k, g in zip(split.floating, full, strict=False)]
        back = WayBack(kept, kept.scan.in_parts(split.wanted))
        states = [np.moveaxis(x, 0, 1) for x in full[b:first]]
        pairs = zip(split.wanted, back.op(*gs, *full[f:b], *states, *given, **params), strict=True)
        return tuple([np.moveaxis(x, 0, 1) if n <= i < m else x for i, x in pairs])


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
        self._split, self._states, self._results = split, states, results
        self._inputs, self._n, self._m = inputs, split.carried, split.carried + split.scanned
        body = split.linear[0].steps
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
        split, linear = self._split, self._split.linear[0]
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


# ---- where states are kept -------------------------------------------------------------------------------------------


def repetitions(steps: int, kept: int) -> int:
    """Return how often the step is run that is run most often.

    Example:
        >>> [repetitions(steps, 3) for steps in (1, 4, 5, 10, 11)]
        [0, 1, 2, 2, 3]
    """
    r = 0
    while comb(kept + r, kept) < steps:
        r += 1
    return r


def forward_steps(steps: int, kept: int) -> int:
    """Return the fewest steps forward that are needed to go back through some steps.

    Example:
        >>> forward_steps(10, 1), forward_steps(10, 3), forward_steps(10, 10)
        (45, 15, 9)
    """
    r = repetitions(steps, kept)
    return r * steps - (comb(kept + r, r - 1) if r else 0)


@cache
def next_kept(steps: int, kept: int) -> int:
    """Return the number of steps after which a state is kept, if only the one before them is so far.

    Example:
        >>> next_kept(10, 3)
        4
    """
    r = repetitions(steps, kept)
    return max(comb(kept + r - 2, kept), steps - comb(kept - 1 + r, kept - 1), 1)


class Advance(NamedTuple):
    """Run steps forward, from the state before step `start`, which is kept, and keep the one before step `stop`."""

    start: int
    stop: int


class Back(NamedTuple):
    """Go back through one step, from the state before step `start`, which is kept; run those between forward first."""

    start: int
    step: int


class Forget(NamedTuple):
    """Forget the state before a step."""

    step: int


def way_back(steps: int, kept: int) -> Iterator[Advance | Back | Forget]:
    """Yield what to do to go back through all steps, from the state before the first one, which is kept all the time.

    Example:
        >>> print(*way_back(3, 2))
        Advance(start=0, stop=1) Back(start=1, step=2) Back(start=1, step=1) Forget(step=1) Back(start=0, step=0)
    """
    stack: list[tuple[int, int, int] | Forget] = [(0, steps, kept)]
    while stack:
        now = stack.pop()
        if isinstance(now, Forget):
            yield now
            continue
        start, stop, c = now
        if c == 1 or stop - start == 1:
            for step in range(stop - 1, start - 1, -1):
                yield Back(start, step)
            continue
        middle = start + next_kept(stop - start, c)
        yield Advance(start, middle)
        stack += [(start, middle, c), Forget(middle), (middle, stop, c - 1)]


def first_kept(steps: int, kept: int) -> list[int]:
    """Return the steps before which states are kept in the first pass, without the very first one.

    Example:
        >>> first_kept(10, 3)
        [4, 7]
    """
    found = []
    for action in way_back(steps, kept) if steps else ():
        if not isinstance(action, Advance):
            break
        found.append(action.stop)
    return found

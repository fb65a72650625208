"""Checkpointed `scan`, within a budget of memory: its backward pass runs steps again from states that were kept.

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
from .body import Body, Runner, rearrange
from .control_op import (
    ControlOp,
    allocate,
    as_results,
    call_of,
    engine_cotangents,
    initial_sums,
    needs_gradient,
    pull_with_engine,
    watch_nan,
    wrt_of,
)
from .derivatives import batch_body, is_floating
from .scan_op import Scan


class Checkpoints:
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
class CheckpointedScan(ControlOp):
    """A scan that returns some of its states, too.

    Attributes:
        scan: all its results are for the caller.
        num_states: how many may be kept at a time, with the first one.
        wrt: the positions of the arguments that gradients are for, if that is known.
    """

    scan: Scan
    num_states: int
    wrt: tuple[int, ...] = ()

    @cached_property
    def kept_steps(self) -> list[int]:
        """The numbers of the steps before which the states are kept."""
        return first_checkpoints(self.scan.length, self.num_states)

    @property
    def bodies(self) -> tuple[Body]:  # type: ignore[override]
        """The body."""
        return self.scan.bodies

    @cached_property
    def specs(self) -> list[ShapeDtype]:  # type: ignore[override]
        """Of the results, and then the states."""
        carry = self.scan.body.specs[: self.scan.num_carry]
        return [*self.scan.specs, *(ShapeDtype((len(self.kept_steps), *shape), dtype) for shape, dtype in carry)]

    @property
    def params(self) -> dict[str, Any]:  # type: ignore[override]
        """The parameters that graphs show."""
        return self.scan.params

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Run all steps, and keep states on the way."""
        rows, n = allocate(self.specs), len(self.scan.specs)
        states = {step: [row[k, ...] for row in rows[n:]] for k, step in enumerate(self.kept_steps)}
        self.scan.steps(arrays, rows[:n], states)
        return as_results(rows)

    def pull(
        self, g: Sequence[Any], out: Sequence[Any], *inputs: Any, so_far: dict[int, Any] | None = None, **_: Any
    ) -> list[Any]:
        """Return the cotangents of all inputs; see `EachInput.at_once`."""
        n, wrt = len(self.scan.specs), wrt_of(call_of(out), inputs)
        split = self.scan.with_residuals(tuple(i for i in wrt if i in self.wrt or not self.wrt))
        sums = initial_sums(so_far, split.consts_wrt, inputs)
        states = [stop_gradient(x) for x in out[n:]]
        try:
            results = CheckpointedBackward(self, split).apply([*split.step_cotangents(g[:n]), *sums, *states, *inputs])
        except AssumptionFailed:
            if so_far is not None:
                so_far.clear()
            return pull_with_engine(split.in_python, inputs, split.wrt, g[:n], {})
        by_input = dict(zip(split.wrt, results, strict=True))
        return [by_input.get(i) for i in range(len(inputs))]

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> list[Any]:
        """Return the tangents of the results; nothing depends on those of the states."""
        return [*self.scan.push(tangents, out, *inputs), *[None] * self.scan.num_carry]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> tuple[Any, ...]:
        """Run the steps of all examples at once."""
        flow, batched = self.batch_inputs(inputs, flags)
        n = self.scan.num_carry
        return tuple([x if k < n else np.moveaxis(x, 0, 1) for k, x in enumerate(flow.op(*batched, **params))])

    def batch_inputs(self, inputs: Sequence[Any], flags: Sequence[bool]) -> tuple[CheckpointedScan, list[Any]]:
        """Return the scan of a batch, and its inputs, each of which has all examples."""
        scan, n, m = self.scan, self.scan.num_carry, self.scan.num_carry + self.scan.num_xs
        size, full = _full(inputs, flags)
        every = frozenset(range(len(scan.body.specs)))
        body, _ = batch_body(scan.body, (True,) * len(inputs), size, every)
        batched = [np.moveaxis(x, 0, 1) if n <= i < m else x for i, x in enumerate(full)]
        return CheckpointedScan(Scan(body, n, scan.num_xs, scan.length, scan.reverse), self.num_states), batched

    def apply(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """Run the op, or the scan where there can be no backward pass, and return its results one by one."""
        on_tape = TAPES and MODE.get().tape is not None
        wrt = tuple(i for i, x in enumerate(inputs) if needs_gradient(x)) if is_grad_enabled() else ()
        if not on_tape and not wrt:
            return self.scan.apply(inputs)
        flow = self if on_tape else replace(self, wrt=wrt)
        return flow.op(*inputs, **self.params)[: len(self.scan.specs)]

    def again(self, *inputs: Any) -> Sequence[Any]:
        """Run the op on Tensors or tracers."""
        return self.op(*inputs, **self.params)


@dataclass(frozen=True, eq=False)
class CheckpointedBackward(ControlOp):
    """The backward pass of a scan, which runs steps again.

    Its arguments are cotangents of the floating results, cotangents so far, states, and the inputs of the scan.

    Attributes:
        checkpointed: the forward op.
        split: the same in parts.
    """

    checkpointed: CheckpointedScan
    split: Scan
    totals: ClassVar[bool] = False
    push: ClassVar[Any] = None  # forward mode is made of `pull`

    @property
    def bodies(self) -> tuple[Body]:  # type: ignore[override]
        """The body of one step back."""
        return (self.split.linear[0].back,)

    @property
    def params(self) -> dict[str, Any]:  # type: ignore[override]
        """The parameters that graphs show."""
        return self.split.params

    @cached_property
    def specs(self) -> list[ShapeDtype]:  # type: ignore[override]
        """Of the cotangents, in the order of the arguments that they are for."""
        n, m, length = self.split.num_carry, self.split.num_carry + self.split.num_xs, self.split.length
        examples = [(i, np.asarray(self.split.body.examples[i])) for i in self.split.wrt]
        return [ShapeDtype((length, *a.shape) if n <= i < m else a.shape, a.dtype) for i, a in examples]

    @property
    def num_inputs(self) -> int:
        """The number of arguments."""
        return self.places[2] + len(self.split.body.examples)

    @property
    def places(self) -> tuple[int, int, int]:
        """The positions of the inputs where cotangents so far begin, where the states, and where the scan's inputs."""
        f = len(self.split.floating)
        b = f + len(self.split.consts_wrt)
        return f, b, b + self.split.num_carry

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Go back through all steps."""
        split = self.split
        f, b, n = self.places
        gs, sums, kept_states, inputs = arrays[:f], arrays[f:b], arrays[b:n], arrays[n:]
        rows = allocate(self.specs)
        with watch_nan(True, rows):
            states = Checkpoints()
            for k, step in enumerate(self.checkpointed.kept_steps):
                states.keep(step, [np.array(a[k])[()] for a in kept_states])
            walk = _Walk(split, states, inputs, gs, sums, dict(zip(split.wrt, rows, strict=True)))
            for action in schedule(split.length, self.checkpointed.num_states):
                walk.do(action)
            walk.end()
        return as_results(rows)

    def pull(self, g: Sequence[Any], out: Any, *arguments: Any, **_: Any) -> list[Any]:
        """Return cotangents by those of the scan without a budget."""
        b, first = self.places[1:]
        wrt = [i for i, x in enumerate(arguments) if is_floating(x) and not b <= i < first]
        results = engine_cotangents(self._without_budget, arguments, wrt, g)
        return [
            np.zeros(arguments[i].shape, arguments[i].dtype) if b <= i < first else x for i, x in enumerate(results)
        ]

    def _without_budget(self, arguments: Sequence[Any]) -> list[Any]:
        split, (f, b, n) = self.split, self.places
        inputs = arguments[n:]
        residuals = split.again(*inputs)[split.num_outputs :]
        results = split.back_scan(residuals).apply(split.back_inputs(arguments[:f], arguments[f:b], residuals, inputs))
        by_input = dict(zip(split.back_order, results, strict=True))
        return [by_input[i] for i in split.wrt]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> tuple[Any, ...]:
        """Go back through the steps of all examples at once."""
        split, (f, b, first) = self.split, self.places
        n, m = split.num_carry, split.num_carry + split.num_xs
        _, full = _full(inputs, flags)
        flow, batched = self.checkpointed.batch_inputs(full[first:], (True,) * (len(inputs) - first))
        gs = [g if k < n else np.moveaxis(g, 0, 1) for k, g in zip(split.floating, full, strict=False)]
        back = CheckpointedBackward(flow, flow.scan.with_residuals(split.wrt))
        states = [np.moveaxis(x, 0, 1) for x in full[b:first]]
        pairs = zip(split.wrt, back.op(*gs, *full[f:b], *states, *batched, **params), strict=True)
        return tuple([np.moveaxis(x, 0, 1) if n <= i < m else x for i, x in pairs])


class _Walk:
    """One way back: runs steps forward from states that are kept, and goes back through them one by one."""

    def __init__(
        self,
        split: Scan,
        states: Checkpoints,
        inputs: Sequence[Any],
        gs: Sequence[Any],
        sums: Sequence[Any],
        results: dict[int, Any],
    ) -> None:
        self._split, self._states, self._results = split, states, results
        self._inputs, self._n, self._m = inputs, split.num_carry, split.num_carry + split.num_xs
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
        residuals = self._last(*state, *slices)[split.num_outputs :]
        reads = [slices[i - self._n] for i in linear.reads]
        results = self._back(*self._carry, *(g[place] for g in self._gs), *residuals, *reads)
        k = self._carries + self._sums
        self._carry = results[:k]
        for i, a in zip([i for i in split.back_order if self._n <= i < self._m], results[k:], strict=True):
            self._results[i][place] = a


def _without_results(body: Body, n: int) -> Body:
    """Return a body that computes the next carry alone."""
    if "carry" not in body.derived:
        body.derived["carry"] = rearrange(body, range(len(body.examples)), range(n))
    carry_body: Body = body.derived["carry"]
    return carry_body


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


def repetitions(steps: int, num_states: int) -> int:
    """Return how often the step is run that is run most often.

    Example:
        >>> [repetitions(steps, 3) for steps in (1, 4, 5, 10, 11)]
        [0, 1, 2, 2, 3]
    """
    r = 0
    while comb(num_states + r, num_states) < steps:
        r += 1
    return r


def forward_steps(steps: int, num_states: int) -> int:
    """Return the fewest steps forward that are needed to go back through some steps.

    Example:
        >>> forward_steps(10, 1), forward_steps(10, 3), forward_steps(10, 10)
        (45, 15, 9)
    """
    r = repetitions(steps, num_states)
    return r * steps - (comb(num_states + r, r - 1) if r else 0)


@cache
def next_checkpoint(steps: int, num_states: int) -> int:
    """Return the number of steps after which a state is kept, if only the one before them is so far.

    Example:
        >>> next_checkpoint(10, 3)
        4
    """
    r = repetitions(steps, num_states)
    return max(comb(num_states + r - 2, num_states), steps - comb(num_states - 1 + r, num_states - 1), 1)


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


def schedule(steps: int, num_states: int) -> Iterator[Advance | Back | Forget]:
    """Yield what to do to go back through all steps, from the state before the first one, which is kept all the time.

    Example:
        >>> print(*schedule(3, 2))
        Advance(start=0, stop=1) Back(start=1, step=2) Back(start=1, step=1) Forget(step=1) Back(start=0, step=0)
    """
    stack: list[tuple[int, int, int] | Forget] = [(0, steps, num_states)]
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
        middle = start + next_checkpoint(stop - start, c)
        yield Advance(start, middle)
        stack += [(start, middle, c), Forget(middle), (middle, stop, c - 1)]


def first_checkpoints(steps: int, num_states: int) -> list[int]:
    """Return the steps before which states are kept in the first pass, without the very first one.

    Example:
        >>> first_checkpoints(10, 3)
        [4, 7]
    """
    results = []
    for action in schedule(steps, num_states) if steps else ():
        if not isinstance(action, Advance):
            break
        results.append(action.stop)
    return results

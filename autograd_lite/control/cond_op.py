"""`cond` as an operation: one of two bodies runs, and what its derivatives are: such choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core.errors import AssumptionFailed
from ..core.op import Op, jointly
from ..core.shapes import ShapeDtype
from ..functional.batched import Batched, unbatched
from ..tensors.lifted import Level, face
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .bodies import Body, widened
from .closure import recorded
from .derivatives import Linear, batched as batched_body, is_floating, linearized, pushed
from .packing import Layout
from .passing import (
    KeepAll,
    begun,
    is_wanted,
    masked_by_the_engine,
    needs_of,
    note_effects,
    noticing,
    refuse_effects,
    row_kept,
    states_of,
    tangent_or_zeros,
    wanted_among,
    without_effects,
)


@dataclass(frozen=True, eq=False)
class Choice:
    """Two bodies with the same arguments and results, one of which runs.

    Attributes:
        bodies: the one for False, and the one for True.
        shown: how many results are for the user. Further ones are kept for the backward pass.
        linear: the parts of the bodies for that, if there are any.
        wanted: the positions of the arguments that gradients are for.
        guarded: whether it is a backward pass, which must notice where the engine would mask NaN.
        states: of the generators before it ran.
        first: the choice that this one has taken the place of in a record.
    """

    bodies: tuple[Body, Body]
    shown: int
    linear: tuple[Linear, Linear] | None = None
    wanted: tuple[int, ...] = ()
    guarded: bool = False
    states: dict[Any, Any] = field(default_factory=dict)
    first: Choice | None = None

    @cached_property
    def layout(self) -> Layout:
        """Where the results lie in the one that the op has."""
        return Layout(self.bodies[0].specs)

    @cached_property
    def op(self) -> Op:
        """The operation, whose first argument is the condition."""
        return Op(
            self.bodies[0].name,
            self.forward,
            jointly(self.pull, totals=True),
            lambda *_, **__: ShapeDtype((self.layout.size,), self.layout.dtype),
            jvp=self.push,
            batch=self.batch,
            keeps=KeepAll(1 + len(self.bodies[0].examples)),  # type: ignore[arg-type]
        )

    @property
    def params(self) -> dict[str, Any]:
        """What graphs show of it."""
        return {"true": self.bodies[1], "false": self.bodies[0]}

    def forward(self, chosen: Any, *arrays: Any, **_: Any) -> Any:
        """Run one of the bodies."""
        row, views = self.layout.room()
        self.states.update(states_of(*self.bodies))
        body = self.bodies[bool(chosen)]
        with noticing(self.guarded, row):
            key, step = body.step(arrays, 0)
            for view, a in zip(views, step(*arrays)[0], strict=True):
                view[...] = a
            body.done(key, step)
        return row

    # ---- derivatives ------------------------------------------------------------------------------------------------

    def pull(
        self, g: Any, out: Any, chosen: Any, *inputs: Any, so_far: dict[int, Any] | None = None, **_: Any
    ) -> list[Any]:
        """Return the cotangents of all inputs; see `EachInput.at_once`."""
        if self.first is not None and isinstance(g, np.ndarray) and not g[self.layout.starts[self.first.shown] :].any():
            return self.first.pull(g, out, chosen, *inputs, so_far=so_far)
        needs = needs_of(out, self.op)
        split = self._in_parts(tuple(i for i, x in enumerate(inputs) if is_floating(x) and i + 1 in needs))
        whole = split._whole()
        keeps = self.linear is not None and not is_wanted(out)
        row = out if keeps else row_kept(self, whole, out, (chosen, *inputs))
        if row is None:
            refuse_effects(*self.bodies)
            kept = whole.apply(chosen, inputs)[self.shown :]
        else:
            kept = split.layout.parts(row, self.shown)
        return split._pulled(g, kept, chosen, inputs, so_far)

    def _whole(self) -> Choice:
        """Return the same, of which all results are for the user."""
        first = None if self.linear is None else self
        return replace(self, linear=None, wanted=(), shown=len(self.layout.specs), first=first)

    def silent(self) -> Choice:
        """Return the same without observations."""
        no, yes = map(without_effects, self.bodies)
        return replace(self, bodies=(no, yes), states={})

    def _pulled(
        self, g: Any, kept: Sequence[Any], chosen: Any, inputs: Sequence[Any], so_far: dict[int, Any] | None
    ) -> list[Any]:
        """Return the cotangents of all inputs, by what was kept."""
        assert self.linear is not None
        layout, (first, second) = self.layout, self.linear
        floating = [k for k in range(self.shown) if is_floating(layout.specs[k])]
        gs = [part for k, part in enumerate(layout.parts(g, 0, self.shown)) if k in floating]
        sums = begun(so_far, self.wanted, inputs, 1)
        fixed = len(gs) + len(sums)
        places = fixed, fixed + first.kept, fixed + len(kept)
        examples = [*first.back.examples[:fixed], *(np.zeros(s.shape, s.dtype) for s in layout.specs[self.shown :])]
        examples += self.bodies[0].examples
        backs = [
            widened(
                linear.back,
                [*range(fixed), *range(begin, begin + linear.kept), *(places[2] + i for i in linear.reads)],
                examples,
            )
            for linear, begin in ((first, places[0]), (second, places[1]))
        ]
        back = Choice((backs[0], backs[1]), len(self.wanted), guarded=True)
        try:
            found = back.apply(chosen, [*gs, *sums, *kept, *inputs])
        except AssumptionFailed:
            if so_far is not None:
                so_far.clear()
            body, wanted = self.bodies[bool(chosen)], tuple(1 + i for i in self.wanted)
            return masked_by_the_engine(lambda x: body(*x[1:]), [chosen, *inputs], wanted, floating, gs, self.states)
        by_input = dict(zip(self.wanted, found, strict=True))
        return [None, *(by_input.get(i) for i in range(len(inputs)))]

    def _in_parts(self, wanted: tuple[int, ...]) -> Choice:
        """Return the choice that keeps what its backward pass reads."""
        if self.linear is not None:
            return self
        n, m = len(self.bodies[0].examples), len(self.bodies[0].specs)
        first, second = (linearized(body, wanted, wanted, n, 0) for body in self.bodies)
        kept = [linear.steps.specs[m:] for linear in (first, second)]
        bodies = (_padded(first.steps, m, [], kept[1]), _padded(second.steps, m, kept[0], []))
        return Choice(bodies, self.shown, (first, second), wanted, self.guarded, self.states)

    def push(self, tangents: Sequence[Any], out: Any, chosen: Any, *inputs: Any, **_: Any) -> Any:
        """Return the tangent of the result."""
        given = tangents[1:]
        active = tuple(i for i, x in enumerate(inputs) if given[i] is not None and is_floating(x))
        first, second = (pushed(body, active) for body in self.bodies)
        along = [tangent_or_zeros(given[i], inputs[i]) for i in active]
        both = Choice((first, second), len(first.specs)).apply(chosen, [*inputs, *along])
        found = iter(both[len(self.layout.specs) :])
        specs = self.layout.specs
        return self.layout.packed([next(found) if is_floating(s) else np.zeros(s.shape, s.dtype) for s in specs])

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> Any:
        """Run the body for all examples at once; both, if the condition differs from example to example."""
        (chosen, *given), (differs, *now) = inputs, flags
        size = next(x.shape[0] for x, flag in zip(inputs, flags, strict=True) if flag)
        if differs:
            level = Level()
            values = [face(Batched(x, level), None) if flag else x for x, flag in zip(given, now, strict=True)]
            values = [x if isinstance(x, Tensor) else wrap(x, None) for x in values]
            condition = face(Batched(chosen, level), None)
            no, yes = (body(*values) for body in self.bodies)
            found = [np.where(condition, y, n) for y, n in zip(yes, no, strict=True)]
            return self.layout.packed([unbatched(t, size, level) for t in found])
        every = frozenset(range(len(self.layout.specs)))
        bodies = [batched_body(body, tuple(now), size, every)[0] for body in self.bodies]
        choice = Choice((bodies[0], bodies[1]), len(self.layout.specs), guarded=self.guarded)
        return self.layout.packed(choice.apply(chosen, given))

    def apply(self, chosen: Any, inputs: Sequence[Any]) -> list[Any]:
        """Run the op on arrays, or on what stands for them, and return its results one by one."""
        choice, packed = self._applied(chosen, inputs)
        return choice.layout.parts(packed, 0, self.shown)

    def again(self, chosen: Any, *inputs: Any) -> Any:
        """Run the op on what stands for arrays, and return its result as it was."""
        whole = self._whole()
        choice, packed = whole._applied(chosen, inputs)
        same = choice.layout.dtype == self.layout.dtype
        return packed if same else self.layout.packed(choice.layout.parts(packed, 0, whole.shown))

    def _applied(self, chosen: Any, inputs: Sequence[Any]) -> tuple[Choice, Any]:
        """Return the choice that ran, and the row of the results that are for the user."""
        wanted = wanted_among(inputs)
        choice = self._in_parts(wanted) if wanted else self
        packed = choice.op(chosen, *inputs, **choice.params)
        note_effects(packed, *choice.bodies)
        return choice, choice.layout.head(packed, self.shown)


def _padded(body: Body, n: int, before: Sequence[ShapeDtype], after: Sequence[ShapeDtype]) -> Body:
    """Return a body with zeros before and after what it keeps, in the place of what another one does."""

    def padded(*values: Tensor) -> list[Tensor]:
        out = body(*values)
        zeros = [[wrap(np.zeros(s.shape, s.dtype), None) for s in specs] for specs in (before, after)]
        return [*out[:n], *zeros[0], *out[n:], *zeros[1]]

    return recorded(body.name, padded, body.examples)

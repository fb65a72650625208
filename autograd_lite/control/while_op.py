"""`while_loop` as an operation: a body that runs as long as another one says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from ..core.errors import GradError, more_on
from ..core.op import Op, jointly
from ..core.shapes import ShapeDtype
from ..functional.batched import Batched, unbatched
from ..tensors.lifted import Level, face
from ..tensors.tensor import Tensor
from .bodies import Body, Runner, rearranged, widened
from .closure import recorded
from .derivatives import batched as batched_body, is_floating, pushed
from .packing import Layout
from .passing import KeepAll, note_effects, tangent_or_zeros

NO_WAY_BACK = (
    "while_loop: expected no gradient to flow back through it, since the number of steps whose values would be kept is "
    "unknown; received a cotangent. State the most steps that it takes, max_steps=…, use scan for a number of steps "
    "that is known, or jvp for forward mode" + more_on("loop-without-a-bound")
)


@dataclass(frozen=True, eq=False)
class While:
    """A body and the condition under which it runs again, of the same arguments.

    Attributes:
        test: returns the condition.
        body: returns the new carry.
        carried: how many arrays that is; further arguments are the same at all steps.
    """

    test: Body
    body: Body
    carried: int

    @cached_property
    def layout(self) -> Layout:
        """Where the results lie in the one that the op has."""
        return Layout(self.body.specs)

    @cached_property
    def op(self) -> Op:
        """The operation."""
        return Op(
            self.body.name,
            self.forward,
            jointly(self.pull),
            lambda *_, **__: ShapeDtype((self.layout.size,), self.layout.dtype),
            jvp=self.push,
            batch=self.batch,
            keeps=KeepAll(len(self.body.examples)),  # type: ignore[arg-type]
        )

    @property
    def params(self) -> dict[str, Any]:
        """What graphs show of it."""
        return {"test": self.test, "body": self.body}

    def forward(self, *arrays: Any, **_: Any) -> Any:
        """Run the body until the condition is false."""
        row, views = self.layout.room()
        carry, rest = arrays[: self.carried], arrays[self.carried :]
        n = self.carried
        test, body = Runner(self.test, n, 0), Runner(self.body, n, n)
        while test(*carry, *rest)[0]:
            carry = body(*carry, *rest)
        test.end()
        body.end()
        for view, a in zip(views, carry, strict=True):
            view[...] = a
        return row

    def pull(self, g: Any, out: Any, *inputs: Any, **_: Any) -> NoReturn:
        """Refuse reverse mode."""
        raise GradError(NO_WAY_BACK)

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> Any:
        """Return the tangent of the result."""
        n, total = self.carried, len(inputs)
        carries = [i for i in range(n) if is_floating(self.body.specs[i])]
        rest = [i for i in range(n, total) if tangents[i] is not None and is_floating(inputs[i])]
        active = (*carries, *rest)
        place = {i: total + k for k, i in enumerate(active)}
        order = [*range(n), *(place[i] for i in carries), *range(n, total), *(place[i] for i in rest)]
        body = rearranged(pushed(self.body, active), order, range(n + len(carries)))
        where = [*range(n), *range(n + len(carries), total + len(carries))]
        test = widened(self.test, where, body.examples)
        given = [*inputs, *(tangent_or_zeros(tangents[i], inputs[i]) for i in active)]
        found = iter(While(test, body, n + len(carries)).apply([given[i] for i in order])[n:])
        specs = self.layout.specs
        return self.layout.packed([next(found) if is_floating(s) else np.zeros(s.shape, s.dtype) for s in specs])

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> Any:
        """Run all examples as long as one of them goes on; what is finished stays as it is."""
        n, size = self.carried, next(x.shape[0] for x, flag in zip(inputs, flags, strict=True) if flag)
        now = list(flags)
        while True:
            (_, differs) = batched_body(self.test, tuple(now), size, frozenset())
            every = frozenset(i for i in range(n) if now[i] or differs[0])
            body, out = batched_body(self.body, tuple(now), size, every)
            if list(out) == now[:n]:
                break
            now[:n] = out
        test = batched_body(self.test, tuple(now), size, frozenset())[0]
        if differs[0]:
            test, body = _masked(self, tuple(now), size)
        pairs = zip(inputs, flags, now, strict=True)
        given = [np.copy(np.broadcast_to(x, (size, *x.shape))) if new and not old else x for x, old, new in pairs]
        found = While(test, body, n).apply(given)
        pairs_of_results = zip(found, out, self.layout.specs, strict=True)
        return self.layout.packed(
            [x if flag else np.broadcast_to(x, (size, *s.shape)) for x, flag, s in pairs_of_results]
        )

    def apply(self, inputs: Sequence[Any]) -> list[Any]:
        """Run the op on arrays, or on what stands for them, and return its results one by one."""
        packed = self.op(*inputs, **self.params)
        note_effects(packed, self.test, self.body)
        return self.layout.parts(packed)


def _masked(loop: While, flags: tuple[bool, ...], size: int) -> tuple[Body, Body]:
    """Return the condition that any example goes on, and a body that leaves those alone that do not."""
    key = "masked", id(loop.test), flags, size
    if key not in loop.body.made:

        def lifted(values: Sequence[Tensor], level: Level) -> list[Tensor]:
            return [face(Batched(t, level), None) if flag else t for t, flag in zip(values, flags, strict=True)]

        def test(*values: Tensor) -> list[Tensor]:
            level = Level()
            (goes_on,) = loop.test(*lifted(values, level))
            return [face(unbatched(goes_on, size, level), None).any()]

        def body(*values: Tensor) -> list[Tensor]:
            level = Level()
            inputs = lifted(values, level)
            (goes_on,) = loop.test(*inputs)
            new = [np.where(goes_on, t, x) for t, x in zip(loop.body(*inputs), inputs, strict=False)]
            return [face(unbatched(t, size, level), None) for t in new]

        pairs = zip(loop.body.examples, flags, strict=True)
        examples = [np.repeat(np.asarray(a)[None], size, axis=0) if flag else a for a, flag in pairs]
        loop.body.made[key] = (
            recorded(loop.test.name, test, examples),
            recorded(loop.body.name, body, examples),
            loop.test,  # whose id must not be given to another one
        )
    found: tuple[Body, Body, Body] = loop.body.made[key]
    return found[:2]

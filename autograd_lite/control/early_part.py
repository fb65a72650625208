"""A body in two: what does not depend on its first argument, computed once, and the rest, computed again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .body import Body, Runner, needed_for, run_body, values_of
from .derivatives import only_inside


class Divided:
    """A body, divided by whether values depend on its first argument: the first result does, and others do not.

    Args:
        body: without effects.
    """

    def __init__(self, body: Body) -> None:
        program, (first, *others) = body.program, [i or "" for i in body.program.inputs]
        varying = {first}
        for node in program.graph:
            if varying.intersection(node.inputs):
                varying.add(node.id)
        result, *self._fixed = body.outputs
        needed = needed_for(program, [result])
        within = [i for i in body.order if i in needed and i in varying]
        inside = {*within, *(k for i in within for k in program.graph[i].inputs), result}
        passed = [i for i in body.order if i in inside and i not in varying]
        self._reads = [k for k, i in enumerate(others) if i in inside]
        values = values_of(body, passed)
        inputs = (first, *[others[k] for k in self._reads], *passed)
        rest = only_inside(replace(program, inputs=inputs), {*inside, *inputs}, values, [result])
        examples = [body.examples[0], *[body.examples[1 + k] for k in self._reads], *values.values()]
        self._rest = Body(body.name, rest, [result], (), examples)
        both = [*self._fixed, *passed]
        self._early = Body(body.name, program, both, (), body.examples) if both else None

    def compute_early(self, *others: Any) -> tuple[list[Any], list[Any]]:
        """Return what a `Rest` takes, and the further results, for all arguments but the first, which are arrays."""
        out = [] if self._early is None else run_body(self._early, self._early.examples[0], *others)
        n = len(self._fixed)
        return [*[others[k] for k in self._reads], *out[n:]], out[:n]

    def start(self, early: Sequence[Any]) -> Rest:
        """Return the function of the first argument, for one thread."""
        return Rest(Runner(self._rest, 1, 0), early)


class Rest:
    """A function of the first argument of a body, whose next call overwrites its result."""

    def __init__(self, runner: Runner, early: Sequence[Any]) -> None:
        self._runner, self._early = runner, early

    def __call__(self, x: Any) -> Any:
        """Return the result."""
        return self._runner(x, *self._early)[0]

    def __enter__(self) -> Rest:
        return self

    def __exit__(self, *_: Any) -> None:
        self._runner.end()

"""The second program of a function whose results have a history: its backward pass, traced when it first runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import REFUSALS, AssumptionFailed, TraceError
from ..core.node import LEAF
from ..core.seals import Seal, lent
from ..core.shapes import ShapeDtype
from ..engine import backward, cotangents, edge_of, may_have_nan
from ..ir.slots import slot_node
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .aliases import Spans
from .history import Argument, Cut, Ends, Kind, Outer, Output, Region
from .replay import Replay
from .trace import Recording, difference, let_go, settled, slot_of, trace

# What one trace keeps: kinds of backward pass.
_MOST_KINDS = 16
# How often a kind is traced before it is left to the engine.
_TRIES = 8


def _pass() -> None:
    """Stands for a backward pass."""


class Program:
    """One kind of backward pass.

    Attributes:
        replay: what runs, once two traces have done the same.
        first: the first of them, until then.
        reached: what it computes cotangents of, by position.
        tries: how often it was traced.
    """

    def __init__(self) -> None:
        self.replay: Replay | None = None
        self.first: Recording | None = None
        self.reached: tuple[int, ...] = ()
        self.tries = 0


class Backward:
    """The backward passes through the results of one trace.

    Args:
        f: the function, for its name.
        exact, max_bytes: as of `compile`.

    Attributes:
        programs: by kind.
    """

    def __init__(self, f: Callable[..., Any], exact: bool, max_bytes: int | None) -> None:
        self._f, self._exact, self._max_bytes = f, exact, max_bytes
        self.programs: dict[Kind, Program] = {}

    def __call__(
        self, cut: Cut, kind: Kind, outer: Sequence[Any], arrays: Sequence[Any], masks: bool
    ) -> dict[int, Any] | None:
        """Compute cotangents.

        Args:
            cut: what the gradients flow through.
            kind: the kind of pass.
            outer: the edges of what is outside.
            arrays: the cotangents of the results, those that are there before, and what the rules read.
            masks: whether NaN is masked where a cotangent is 0.

        Returns:
            The cotangents of what is outside, by position; None if the engine must find them.
        """
        known = self.programs.get(kind)
        if known is None:
            if len(self.programs) >= _MOST_KINDS:
                return None
            known = self.programs[kind] = Program()
        if known.replay is None:
            if known.tries >= _TRIES or any(map(may_have_nan, arrays)):
                return None  # the engine might mask NaN, which would be part of the program
            known.tries += 1
            try:
                self._traced(cut, kind, outer, arrays, known)
            except (TraceError, AssumptionFailed, *REFUSALS):  # a rule that cannot be traced
                known.tries = _TRIES
            if known.replay is None:
                return None
        try:
            if (captured := known.replay.facts.found()) is None:
                return None
            values = known.replay(arrays, {}, captured)
        except (AssumptionFailed, *REFUSALS):  # the engine will raise the same
            return None
        if masks and any(map(may_have_nan, values)):
            return None
        return dict(zip(known.reached, values, strict=True))

    def _traced(self, cut: Cut, kind: Kind, outer: Sequence[Any], arrays: Sequence[Any], known: Program) -> None:
        """Trace a pass, and make its program if it does the same as when it was traced before."""
        slots, tensors = zip(*map(slot_of, arrays), strict=True)
        n, m = len(kind.given), len(kind.given) + len(kind.before)
        ends = [slot_node(ShapeDtype(tuple(edge.shape), edge.dtype)) for edge in outer]

        def walk(_: Sequence[Any]) -> list[Any]:
            nodes = cut.nodes(ends, tensors[m:])
            roots: dict[Any, Any] = {nodes[k]: g for k, g in zip(kind.given, tensors[:n], strict=True)}
            roots.update((ends[k], g) for k, g in zip(kind.before, tensors[n:m], strict=True))
            targets = {ends[k] for k in kind.to}
            found = cotangents(roots, targets, retain_graph=True, create_graph=True)
            known.reached = tuple([k for k in kind.to if ends[k] in found])
            return [found[ends[k]] for k in known.reached]

        done = trace(_pass, slots, walk)._replace(masks=False, out=None)
        first, known.first = known.first, done
        if done.obstacle:
            known.tries = _TRIES
        elif first is not None:
            if difference(first, done):
                known.tries = _TRIES
            else:
                known.replay = Replay(settled(first, done), self._exact, self._max_bytes)
            known.first = None
        let_go(slots)


class History:
    """Makes the results of one trace that have a history.

    Args:
        f: the function, for its name.
        cut: what gradients flow through.
        exact, max_bytes: as of `compile`.
    """

    def __init__(self, f: Callable[..., Any], cut: Cut, exact: bool = True, max_bytes: int | None = None) -> None:
        self._cut = cut._replace(outputs=())
        self._backward = Backward(f, exact, max_bytes)

    def facts(self) -> list[str]:
        """Return what `explain` says of it."""
        programs = [known.replay for known in self._backward.programs.values() if known.replay is not None]
        return [
            f"gradients flow to {len(self._cut.outer)} tensors, through {len(self._cut.operations)} operations",
            *(f"a backward pass from outside, of {len(p.plan.calls)} calls of NumPy" for p in programs),
        ]

    def of_trace(self, done: Recording, results: Sequence[Tensor], given: Sequence[Any], as_tensors: bool) -> list[Any]:
        """Return the results of the run that was traced, in memory that is not the caller's."""
        theirs = Spans([x for x in (*given, *done.program.bindings.values()) if isinstance(x, np.ndarray)])
        saved = () if done.cut is None else done.cut.outputs
        arrays = [t._data for t in (*results, *saved)]
        values = [np.array(a) if theirs.meet(a) else a for a in arrays]
        return self.results(values, given, as_tensors)

    def results(self, values: Sequence[Any], given: Sequence[Any], as_tensors: bool) -> list[Any]:
        """Return the results of a call.

        Args:
            values: the results' values, and what the program computes beside them.
            given: the arguments that are arrays and Tensors.
            as_tensors: whether results without a history are Tensors.
        """
        cut = self._cut
        n = len(cut.results)
        region = self.region(values[n:], given)
        ends = Ends.of([edge_of(given[x.position]) if x.__class__ is Argument else x for x in cut.outer])
        made: dict[int, Tensor] = {}
        found: list[Any] = []
        for way, value in zip(cut.results, values, strict=False):
            if way is None:
                found.append(wrap(value, None) if as_tensors else np.array(value)[()])
            elif isinstance(way, Outer):
                x: Any = cut.outer[way.position]
                found.append(given[x.position] if isinstance(x, Argument) else x)
            else:
                if way.position not in made:
                    t = wrap(value, region.node(way.position, ends))
                    t._shared = True
                    made[way.position] = t
                found.append(made[way.position])
        return found

    def region(self, saved: Sequence[Any], given: Sequence[Any]) -> Region:
        """Return what a call has computed; the arguments are those of `results`, `saved` what is beside the results."""
        values: list[Any] = []
        watched: dict[int, Tensor] = {}
        seals: dict[int, Seal] = {}
        for k, origin in enumerate(self._cut.origins):
            thing = given[origin.position] if origin.__class__ is Argument else origin
            if thing.__class__ is Output:
                thing = saved[thing.position]
            elif isinstance(thing, Tensor):
                watched[k] = thing
                thing = thing._data
            elif isinstance(thing, np.ndarray) and origin.__class__ is Argument:
                thing, seal = lent(k, thing)
                if seal:
                    seals[k] = seal[0]
            values.append(thing)
        return Region(self._cut, values, watched, seals, self._backward)


def hand_over(done: Recording, slots: Sequence[Tensor], given: Sequence[Any]) -> None:
    """Do to the arguments what a traced function did to the leaves that stood for them."""
    assigned = {id(leaf) for leaf, _ in done.assigned}
    changed = {id(leaf) for leaf, _ in done.gradients}
    for slot, x in zip(slots, given, strict=True):
        if id(slot) in assigned:
            x.assign(wrap(slot._data, None))
        if id(slot) in changed:
            if x._node is LEAF:
                x._grad = slot._grad
            elif slot._grad is not None:
                backward(x, slot._grad)

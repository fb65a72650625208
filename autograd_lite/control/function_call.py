"""A function as an op: its results, then the residuals of its backward pass, which is another such call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextvars import Context
from copy import copy
from dataclasses import replace
from functools import partial
from operator import itemgetter
from types import FunctionType, MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..core.dynamic_scalars import DynamicScalar
from ..core.errors import REFUSALS, AssumptionFailed, TraceError
from ..core.mode import is_grad_enabled
from ..core.multi_result import Dtypes
from ..core.node import Node
from ..core.op import Op, by_need
from ..core.shape_arithmetic import ShapeDtype
from ..engine.walk import cotangents, may_have_nan
from ..functional.derivative_rules import KeepSame
from ..ir.reverse import Reverse
from ..ir.slot_nodes import slot_node
from ..ir.tape import HasEffects
from ..tensors.gradient_hooks import GradKeeper
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .body import PLANNED_AFTER, Body, needed_for
from .closure_conversion import example_of, record_body
from .derivatives import batch_body, is_floating, push_body
from .loops_in_c import write_call

# How many kinds of backward pass one call keeps; the engine makes the others.
_MOST_KINDS = 16
_PLAIN = frozenset((np.ndarray, *np.sctypeDict.values()))


class Back(NamedTuple):
    """A backward pass.

    Attributes:
        call: the pass as an op; None if it is left to the engine.
        reached: for each input the position of its cotangent among the results, or None; None if these are in order.
    """

    call: Call | None
    reached: tuple[int | None, ...] | None


class Call:
    """A function as an op.

    Args:
        body: the function. It returns the results and, after them, what the rules read of the way to them.
        num_outputs: how many results are not for the backward pass alone.
        reverse: what gradients flow through, if they do.
        places: for ids of the body's slots the positions among the inputs of the op, if these are not the body's.
        guarded: whether it is a backward pass, which must notice where the engine would mask NaN.
        in_plan: whether the plan of a larger function computes it, which may read more than these inputs. They and what
            is kept lie in memory as at other calls.
        varying: how many inputs, the first ones, may lie otherwise in memory from call to call; by default all.

    Attributes:
        backs: its backward passes, by kind: the results that have cotangents, the inputs that have one already, and
            those that are to have one.
        inputs_read: the positions of the inputs that rules read.
    """

    def __init__(
        self,
        body: Body,
        num_outputs: int,
        reverse: Reverse | None = None,
        places: Mapping[str, int] | None = None,
        guarded: bool = False,
        in_plan: bool = False,
        varying: int | None = None,
    ) -> None:
        self.body, self.num_outputs, self.reverse, self.guarded = body, num_outputs, reverse, guarded
        self.in_plan, self.varying = in_plan, varying
        inputs = body.program.inputs
        self.places = places or {i: k for k, i in enumerate(inputs) if i is not None}
        self.backs: dict[Any, Back] = {}
        self._idle: dict[Any, list[tuple[partial[Any], list[Any]]]] = {}
        self.shape, self.dtype = tuple([s.shape for s in body.specs]), Dtypes([s.dtype for s in body.specs])
        places_of = {i: k for k, i in reversed(list(enumerate(body.outputs)))}
        reads = () if reverse is None else reverse.reads
        # Where in what a node saves, which begins with all results, the things lie that the rules read.
        self.inputs_read = sorted({self.places[i] for i in reads if i in self.places})
        places_read = [len(body.outputs) + self.places[i] if i in self.places else places_of[i] for i in reads]
        self._reads: Any = (
            itemgetter(*places_read) if len(places_read) > 1 else lambda saved: [saved[k] for k in places_read]
        )

    def as_op(self) -> Op:
        """Return the operation, which holds this."""
        return Op(
            self.body.name,
            self.forward,
            by_need(self.pull, totals=True),
            lambda *_, **__: self.body.specs,
            jvp=self.push,
            batch=self.batch,
            keeps=KeepSame((True, *(k in self.inputs_read for k in range(len(self.body.program.inputs))))),  # type: ignore[arg-type]
            selects=any(op.selects for op, _, _ in self.body.program.calls.values()),
            results=len(self.body.outputs),
        )

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Compute the results, and what the backward pass reads.

        Raises:
            AssumptionFailed: if it is a backward pass, and an operation was invalid.
            ValueError: if the function reads something else than the inputs.
        """
        if self.in_plan:
            self._require_all()
        key = tuple([a.strides if a.__class__ is np.ndarray else a.__class__ for a in arrays[: self.varying]])
        idle = self._idle.setdefault(key, [])
        try:
            run, alarm = idle.pop()
        except IndexError:
            run, alarm = self._runner(arrays)
        results: tuple[Any, ...] = run(*arrays)[0]
        invalid = bool(alarm)
        if run.args[0].__class__ is FunctionType:  # a plan
            alarm.clear()
            idle.append((run, alarm))
        if invalid:
            raise AssumptionFailed
        return results

    write_c = write_call

    @property
    def specs(self) -> tuple[ShapeDtype, ...]:
        """Of the results, and of what the rules read."""
        return self.body.specs

    def _require_all(self) -> None:
        program, inside = self.body.program, {*self.places, *self.body.program.fixed}
        for i in needed_for(program, self.body.outputs):
            if i not in inside and isinstance(program.bindings.get(i), (Tensor, np.ndarray, DynamicScalar)):
                raise ValueError(
                    f"{self.body.name}: expected a compiled function of what gradients flow to; received one that "
                    "reads more, of which it keeps no history. Record the function itself, without compile"
                )

    def _runner(self, arrays: Sequence[Any]) -> tuple[partial[Any], list[Any]]:
        """Return what runs the body without warnings, and what has something in it after an invalid operation."""
        context, alarm = Context(), list[Any]()
        context.run(np.seterr, all="ignore", **({"invalid": "call"} if self.guarded else {}))  # type: ignore[arg-type]
        context.run(np.seterrcall, lambda *kind: alarm.append(kind))
        return partial(context.run, self.body.step(arrays, len(self.body.outputs))[1]), alarm

    # ---- derivatives ------------------------------------------------------------------------------------------------

    def pull(
        self,
        needs: Sequence[int],
        g: Sequence[Any],
        saved: tuple[Any, ...],
        params: dict[str, Any],
        so_far: dict[int, Any] | None = None,
        masks: bool = True,
    ) -> Sequence[Any]:
        """Return the cotangents of some inputs; see `EachInput.at_once`."""
        positions = [k for k, x in enumerate(g) if x is not None]
        sums = so_far or {}
        kind = *positions, None, *sums, None, *needs
        arrays = [*[g[k] for k in positions], *sums.values(), *self._reads((*saved[0], *saved[1:]))]
        hooks = {k: hooks for k, hooks in params.hooks.items() if hooks} if params.__class__ is Params else None
        gradients = None if hooks else self._by_program(kind, arrays, masks)
        if gradients is None:
            totals = self._engine_pass(kind, arrays, masks, any(isinstance(x, Tensor) for x in arrays), hooks or {})
            gradients = [totals.get(k) for k in needs]
        for k in [k for k, r in zip(needs, gradients, strict=True) if r is None and k in sums] if sums else ():
            del sums[k]
        return gradients

    def _by_program(self, kind: Any, arrays: Sequence[Any], masks: bool) -> Sequence[Any] | None:
        """Return cotangents that a program computes; None if the engine must find them."""
        backward = self.backs.get(kind)
        if backward is None:
            if len(self.backs) >= _MOST_KINDS or any(map(may_have_nan, arrays)):
                return None  # the engine might mask NaN, which would be part of the program
            try:
                backward = self.backs[kind] = self._back(kind, [example_of(a) for a in arrays])
            except (AssumptionFailed, HasEffects, TraceError, *REFUSALS):  # a rule that cannot be recorded
                backward = self.backs[kind] = Back(None, None)
        back, reached = backward
        if back is None:
            return None
        try:
            totals = back.apply(arrays)
        except AssumptionFailed:
            np.subtract(np.inf, np.inf)  # sounds the alarm of the engine
            return None
        if masks and any(map(may_have_nan, totals)):
            return None
        return totals if reached is None else [None if k is None else totals[k] for k in reached]

    def _back(self, kind: Any, examples: Sequence[Any]) -> Back:
        """Return a kind of backward pass."""
        totals: dict[int, Tensor] = {}

        def both(*values: Tensor) -> list[Tensor]:
            totals.update(self._engine_pass(kind, values, False, True))
            return list(totals.values())

        body = _light(record_body(f"{self.body.name} backward", both, examples))
        body.options, body.runs = self.body.options, PLANNED_AFTER - 1
        places = {k: position for position, k in enumerate(totals)}
        needs = kind[kind.index(None, kind.index(None) + 1) + 1 :]
        reached = None if needs == tuple(totals) else tuple(map(places.get, needs))
        varying = len(kind) - 2 - len(needs) if self.in_plan else None
        return Back(Call(body, len(totals), guarded=True, varying=varying), reached)

    def _engine_pass(
        self,
        kind: Any,
        arrays: Sequence[Any],
        masks: bool,
        record: bool,
        hooks: Mapping[int, InnerHooks] = MappingProxyType({}),
    ) -> dict[int, Any]:
        """Return the cotangents of inputs by position, as the engine finds them.

        Args:
            kind: of the pass.
            arrays: the cotangents of results, those that inputs have already, and what the rules read.
            masks: whether NaN is masked where a cotangent is 0.
            record: whether the pass is recorded.
            hooks: of results, by position.
        """
        assert self.reverse is not None
        at = kind.index(None)
        positions, (*rest,) = kind[:at], kind[at + 1 :]
        at = rest.index(None)
        before, to = rest[:at], rest[at + 1 :]
        n, m = len(positions), len(positions) + len(before)
        values = dict(zip(self.reverse.reads, arrays[m:], strict=True))
        graph = self.reverse.program.graph
        ends: dict[int, Node] = {}
        for i in self.reverse.wrt:
            if self.places[i] not in ends:
                ends[self.places[i]] = slot_node(ShapeDtype(graph[i].shape, graph[i].dtype))
        edges = self.reverse.nodes({i: ends[self.places[i]] for i in self.reverse.wrt}, values)
        for k, inner in hooks.items():
            edges[self.body.outputs[k]].hooks = inner.in_order()
        roots: dict[Any, Any] = {ends[k]: total for k, total in zip(before, arrays[n:m], strict=True)}
        for k, g in zip(positions, arrays[:n], strict=True):
            if (edge := edges.get(self.body.outputs[k])) is not None:
                roots[edge] = roots[edge] + g if edge in roots else g
        targets = {ends[k] for k in to if k in ends}
        totals = cotangents(roots, targets, retain_graph=record, create_graph=record, masks=masks) if roots else {}
        return {k: totals[ends[k]] for k in to if k in ends and ends[k] in totals}

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> list[Any]:
        """Return the tangents of the results, None where there is none."""
        active = tuple([k for k, t in enumerate(tangents) if t is not None and is_floating(inputs[k])])
        both = push_body(_with_values(self.body, inputs), active)
        results = Call(_light(both), len(both.outputs)).apply([*inputs, *(tangents[k] for k in active)])
        rest = iter(results[len(self.body.specs) :])
        return [next(rest) if is_floating(spec) else None for spec in self.body.specs]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> tuple[Any, ...]:
        """Compute the results of all examples at once."""
        size = next(x.shape[0] for x, flag in zip(inputs, flags, strict=True) if flag)
        examples = [x[0] if flag else x for x, flag in zip(inputs, flags, strict=True)]
        every = frozenset(range(len(self.body.specs)))
        body, _ = batch_body(_with_values(self.body, examples), tuple(flags), size, every)
        return tuple(Call(_light(body), len(body.outputs), guarded=self.guarded).apply(inputs))

    def apply(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """Run the op on arrays or Tensors, and return its results without the residuals."""
        if _PLAIN.issuperset(map(type, inputs)):
            return self.forward(*inputs)
        needs = [k for k, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad and is_floating(x)]
        call = self._keeping(tuple(needs)) if needs and is_grad_enabled() else self
        results: Sequence[Any] = call.as_op()(*inputs)
        return results[: self.num_outputs]

    def _keeping(self, needs: tuple[int, ...]) -> Call:
        """Return the call that keeps what the backward pass to some inputs reads."""
        body = self.body
        if (key := ("keeping", needs)) not in body.derived:
            program, results = body.program, body.outputs[: self.num_outputs]
            slots = [i for k in needs if (i := program.inputs[k]) is not None]
            reverse = Reverse(program, results, slots, as_recorded=False)
            body.derived[key] = with_kept_residuals(body, results, reverse, guarded=self.guarded)
        call: Call = body.derived[key]
        return call


def with_kept_residuals(body: Body, results: Sequence[str], reverse: Reverse, **how: Any) -> Call:
    """Return the call of a body that returns results, and keeps what the backward pass reads."""
    ids = {*results, *body.program.inputs}
    residuals = [i for i in reverse.reads if i not in ids]
    whole = Body(body.name, reverse.program, [*results, *residuals], body.effects, body.examples)
    whole.options, whole.runs = body.options, body.runs
    return Call(whole, len(results), reverse, **how)


class InnerHooks(list[Any]):
    """The hooks of a result that other results of the call are computed from: the pass through the call runs them."""

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def in_order(self) -> list[Any]:
        """Return them as they are to run, what keeps the gradient after the others."""
        return sorted(self[:], key=lambda hook: isinstance(hook, GradKeeper))


class Params(dict[str, Any]):
    """The parameters of a call, of which there are none, with the hooks of results, by position."""

    def __init__(self, hooks: Mapping[int, InnerHooks]) -> None:
        super().__init__()
        self.hooks = hooks


def _light(body: Body) -> Body:
    """Return a body without the values that its arguments had when it was made."""
    body.examples = [zeros_of(a) for a in body.examples]
    slots = {i: wrap(a, None) for i, a in zip(body.program.inputs, body.examples, strict=True) if i is not None}
    body.program = replace(body.program, bindings=MappingProxyType({**body.program.bindings, **slots}))
    return body


def zeros_of(spec: Any) -> Any:
    """Return an array of this shape and dtype that takes no memory."""
    return np.broadcast_to(np.zeros((), spec.dtype), spec.shape)


def _with_values(body: Body, inputs: Sequence[Any]) -> Body:
    """Return a body that can be run by itself, with values for its arguments; bodies derived from it are kept."""
    body = copy(body)
    body.examples = [example_of(x) for x in inputs]
    return body

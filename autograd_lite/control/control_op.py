"""The base of control flow ops: how bodies become an op, its residuals for gradients, and where NaN is masked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..core.errors import AssumptionFailed, GradError
from ..core.mode import MODE, TAPES, enable_grad, is_grad_enabled, no_grad
from ..core.multi_result import Several, get_tuple_element, result_nodes
from ..core.node import Node
from ..core.op import Op, jointly
from ..core.shape_arithmetic import ShapeDtype
from ..engine.walk import cotangents, edge_of, may_have_nan
from ..functional.argument_selection import variable
from ..functional.derivative_rules import KeepSame
from ..random import Generator, rehearse_draws
from ..tensors.record import apply as record, wrap
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor, Tracer
from .body import Body
from .derivatives import LinearizedBody, is_floating


class ControlOp:
    """Bodies that run in some order: an op with several results. Each kind is a frozen dataclass.

    An op returns results to the caller (`num_outputs` of them) and, where gradients are wanted, residuals after them.

    Attributes:
        bodies: the functions that it runs.
        specs: of the results.
        params: what graphs show of it.
        linear: the parts of the bodies for reverse mode, if it returns what that keeps, after the other results.
        wrt: the positions of the arguments that gradients are for, if it does.
        states: of the generators before it ran.
        first: the one that returns the first of the results, of which this one takes the place in a record.
        cost: of the op.
        value_and_push: returns the results and their tangents, of `(tangents, *inputs)`.
        push: returns the tangents alone; None where forward mode is made of `pull`.
    """

    bodies: Sequence[Body]
    specs: Sequence[ShapeDtype]
    params: dict[str, Any]
    linear: Sequence[LinearizedBody] = ()
    wrt: tuple[int, ...] = ()
    states: dict[Any, Any]
    first: Any = None
    cost: float = 1
    value_and_push: Any = None
    batch: Any = None
    totals: ClassVar[bool] = True

    @cached_property
    def op(self) -> Op:
        """The operation."""
        return Op(
            self.bodies[0].name,
            self.forward,
            jointly(self.pull, totals=self.totals),
            lambda *_, **__: tuple(self.specs),
            jvp=self.push,
            value_and_jvp=self.value_and_push if self.has_effects else None,
            batch=self.batch,
            keeps=KeepSame.first(self.num_inputs),
            cost=self.cost,
            results=len(self.specs),
        )

    @property
    def has_effects(self) -> bool:
        """Whether it draws random numbers or observes values, and must not run again."""
        return any(body.effects for body in self.bodies)

    @property
    def num_inputs(self) -> int:
        """The number of arguments."""
        return len(self.bodies[0].examples)

    @property
    def num_outputs(self) -> int:
        """The number of results returned to the caller; the rest are residuals for the backward pass."""
        return len(self.specs) - sum(part.num_residuals for part in self.linear)

    @property
    def floating(self) -> list[int]:
        """The positions of the results for the user that have cotangents."""
        return [k for k in range(self.num_outputs) if is_floating(self.specs[k])]

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Compute the results from arrays."""
        raise NotImplementedError

    def with_residuals(self, wrt: tuple[int, ...]) -> Any:
        """Return the op that returns residuals too, for gradients by some arguments."""
        return self

    def without_observations(self) -> Any:
        """Return the same without observations."""
        raise NotImplementedError

    def pull_residuals(
        self,
        gs: Sequence[Any],
        out: Sequence[Any],
        residuals: Sequence[Any],
        inputs: Sequence[Any],
        so_far: dict[int, Any] | None,
    ) -> list[Any]:
        """Return the cotangents of all inputs from the residuals.

        Args:
            gs: the cotangents of the results for the user.
            out: these results.
            residuals: what the further results are.
            inputs: of the op.
            so_far: the cotangents of some inputs so far; see `EachInput.at_once`.
        """
        raise NotImplementedError

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> Any:
        """Return the tangents of the results."""
        return self.value_and_push(tangents, *inputs)[1]

    def pull(
        self, g: Sequence[Any], out: Sequence[Any], *inputs: Any, so_far: dict[int, Any] | None = None, **_: Any
    ) -> list[Any]:
        """Return the cotangents of all inputs; see `EachInput.at_once`."""
        first = self.first
        if first is not None and all(x is None for x in g[first.num_outputs :]):
            n = len(first.specs)
            return first.pull(g[:n], out[:n], *inputs, so_far=so_far)
        if not self.linear:
            call = call_of(out)
            split = self.with_residuals(wrt_of(call, inputs))
            residuals = self._residuals(split, call, out, inputs)
        elif all(x is None for x in g[self.num_outputs :]):
            split, residuals = self, out[self.num_outputs :]
        else:  # the residuals have derivatives, too
            whole: ControlOp = replace(self, linear=(), wrt=(), first=self)  # type: ignore[type-var]
            return whole.pull(g, out, *inputs, so_far=so_far)
        return split.pull_residuals(g[: split.num_outputs], out[: split.num_outputs], residuals, inputs, so_far)

    def _residuals(self, split: Any, call: Any, out: Sequence[Any], inputs: Sequence[Any]) -> Sequence[Any]:
        """Return what a backward pass reads of the way to the results; in a record, with a history.

        In a record the call becomes one that has these as further results, so that it has their derivatives.

        Args:
            split: the one that keeps it.
            call: the node in the record, if the backward pass is recorded.
            out: the results.
            inputs: of the op.
        """
        n = self.num_outputs
        record_body = call is not None and out[0].__class__ is Tensor
        if not record_body and not all(map(_is_plain, inputs)):
            refuse_effects(*self.bodies)
            return split.again(*inputs)[n:]
        if not record_body and TAPES and MODE.get().tape is not None:
            with no_grad():  # a backward pass that is compiled by itself, the repeated steps included
                return split.op(*inputs, **split.params)[n:]
        with rehearse_draws(self.states):
            results = split.without_observations().forward(*(x._data if isinstance(x, Tensor) else x for x in inputs))[
                n:
            ]
        if not record_body:
            return results
        whole = Several.of([*(t._data for t in out), *results])
        call.op, call.params, call.shape, call.dtype = split.op, split.params, whole.shape, whole.dtype
        call.saved = (whole, *call.saved[1:])
        return [wrap(a, node) for a, node in zip(results, result_nodes(call)[n:], strict=True)]

    def apply(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """Run the op on arrays or Tensors, and return the results for the caller."""
        if TAPES and MODE.get().tape is not None and self.has_effects and all(map(_is_array, inputs)):
            inputs = [*(wrap(np.asarray(x), None) for x in inputs[:1]), *inputs[1:]]  # so that the draws are recorded
        wrt = wrt_among(inputs)
        flow = self.with_residuals(wrt) if wrt else self
        results: Sequence[Any] = flow.op(*inputs, **flow.params) if inputs else record(flow.op, (), flow.params)
        note_effects(results, *flow.bodies)
        return results[: self.num_outputs]

    def again(self, *inputs: Any) -> Sequence[Any]:
        """Run the op on Tensors or tracers, and return all of its results with their derivatives."""
        whole: ControlOp = replace(self, linear=(), wrt=(), first=None) if self.linear else self  # type: ignore[type-var]
        return whole.apply(inputs)


def allocate(specs: Sequence[ShapeDtype]) -> list[Any]:
    """Return memory for results."""
    return [np.empty(shape, dtype) for shape, dtype in specs]


def as_results(rows: Sequence[Any]) -> tuple[Any, ...]:
    """Return results as they are handed out, numbers among them, once their memory is filled."""
    return tuple([a if a.ndim else a[()] for a in rows])


def note_effects(results: Sequence[Any], *bodies: Body) -> None:
    """Tell a function that is being compiled that an op does more than to compute."""
    tape = MODE.get().tape if TAPES else None
    if tape is None or not results or not any(body.effects for body in bodies):
        return
    if (call := call_of(results)) is not None:  # otherwise a transformation has applied an op, which has been noted
        tape.does_more(wrap(None, call))


def refuse_effects(*bodies: Body) -> None:
    """Raise if a body would draw again."""
    for body in bodies:
        if body.effects:
            raise GradError(
                f"{body.name}: its second derivatives, and reverse over forward mode, run the function again, which "
                "draws random numbers or observes values. Draw them outside, and pass them as arguments"
            )


def states_of(*bodies: Body) -> dict[Generator, Any]:
    """Return the states of the generators that bodies draw from."""
    return {g: g.state for body in bodies if body.effects for g in body.generators}


def needs_gradient(x: Any) -> bool:
    """Return whether a gradient flows to an input."""
    return isinstance(x, Tensor) and x.requires_grad and is_floating(x)


def wrt_among(inputs: Sequence[Any]) -> tuple[int, ...]:
    """Return the positions of the inputs that a later backward pass may be for, so that values are kept for it.

    On a tape nothing is: if there is a backward pass, the call gets further results then.
    """
    on_tape = TAPES and MODE.get().tape is not None
    if not is_grad_enabled() or (on_tape and not any(isinstance(x, TracedTensor | Tracer) for x in inputs)):
        return ()
    return tuple(i for i, x in enumerate(inputs) if needs_gradient(x))


def call_of(out: Sequence[Any]) -> Node | None:
    """Return the node of the call that has made results, if it is recorded."""
    node = getattr(out[0], "_node", None)
    return node.inputs[0] if node.__class__ is Node and node.op is get_tuple_element else None


def wrt_of(call: Node | None, inputs: Sequence[Any]) -> tuple[int, ...]:
    """Return the positions of the inputs of an op that gradients flow to, as far as that is known."""
    return tuple(i for i, x in enumerate(inputs) if is_floating(x) and (call is None or i in call.needs))


def _is_array(x: Any) -> bool:
    return not isinstance(x, Tensor | Tracer)


def _is_plain(x: Any) -> bool:
    return not isinstance(x, Tensor | Tracer) or (x.__class__ is Tensor and not needs_gradient(x))


def without_effects(body: Body) -> Body:
    """Return a body that observes nothing."""
    return Body(body.name, body.program, body.outputs, (), body.examples) if body.effects else body


def negative_zeros(like: Any) -> Any:
    """Return what changes nothing when something is added to it, not even the sign of a zero."""
    return np.full(like.shape, complex(-0.0, -0.0) if like.dtype.kind == "c" else -0.0, like.dtype)


def initial_sums(so_far: dict[int, Any] | None, summed: Sequence[int], inputs: Sequence[Any]) -> list[Any]:
    """Return what the cotangents of some inputs begin with, and leave only those in `so_far`.

    Args:
        so_far: the cotangents so far, by the positions of the op's inputs.
        summed: the positions of some inputs.
        inputs: of the op.
    """
    totals = {} if so_far is None else dict(so_far)
    if so_far is not None:
        for i in totals.keys() - set(summed):
            del so_far[i]
    return [totals.get(i, negative_zeros(inputs[i])) for i in summed]


def tangent_or_zeros(t: Any, x: Any) -> Any:
    """Return the tangent of an input."""
    return np.zeros(x.shape, x.dtype) if t is None else t


@contextmanager
def watch_nan(guarded: bool, rows: Sequence[Any]) -> Iterator[None]:
    """Raise after a backward pass that fills rows if the engine might have masked a NaN in it.

    Raises:
        AssumptionFailed: if an operation was invalid, or there is a NaN in a row.
    """
    if not guarded:
        yield
        return
    alarm: list[Any] = []
    with np.errstate(all="ignore", invalid="call", call=lambda *kind: alarm.append(kind)):
        yield
        if alarm or any(map(may_have_nan, rows)):
            raise AssumptionFailed


def pull_with_engine(
    run: Callable[[Sequence[Any]], list[Any]],
    inputs: Sequence[Any],
    wrt: Sequence[int],
    gs: Sequence[Any],
    states: Mapping[Generator, Any],
) -> list[Any]:
    """Return the cotangents of all inputs, None where they are not wanted, by the engine's own backward pass.

    Args:
        run: computes the results from the inputs.
        inputs: of the op.
        wrt: the positions of those that cotangents are for.
        gs: the cotangents of the results.
        states: of generators before the results were computed.

    Raises:
        AssumptionFailed: in a function that is being compiled, which is to run as it is then.
    """
    if TAPES and MODE.get().tape is not None:
        raise AssumptionFailed
    with rehearse_draws(states):
        return engine_cotangents(run, inputs, wrt, gs)


def engine_cotangents(
    run: Callable[[Sequence[Any]], list[Any]], inputs: Sequence[Any], wrt: Sequence[int], gs: Sequence[Any]
) -> list[Any]:
    """Return the cotangents of all inputs, None where they are not wanted, of what a function computes; see above."""
    record = any(isinstance(x, Tensor) for x in (*gs, *inputs))
    values = list(inputs)
    with enable_grad():
        for i in wrt:
            values[i] = variable(inputs[i], None)
        targets = {i: values[i]._node for i in wrt}
        out = run(values)
    roots: dict[Any, Any] = {}
    for t, g in zip(out, gs, strict=True):
        if g is not None and t.requires_grad:
            edge = edge_of(t)
            roots[edge] = roots[edge] + g if edge in roots else g
    totals = cotangents(roots, set(targets.values()), retain_graph=record, create_graph=record) if roots else {}
    zeros: dict[int, Any] = {i: np.zeros(inputs[i].shape, inputs[i].dtype) for i in wrt}
    return [totals.get(targets[i], zeros[i]) if i in zeros else None for i in range(len(inputs))]

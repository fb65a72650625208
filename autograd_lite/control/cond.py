"""`cond`: one of two functions, by a value; as an operation, whose derivatives are such choices again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..core.arguments import describe, require_function
from ..core.errors import AssumptionFailed, DtypeError, ShapeError, TraceError
from ..core.mode import MODE, TAPES
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..core.traceback_folding import folding
from ..functional.vmap_transform import Batched, unbatch
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, Tracer, wrap_any
from ..tree import leaves, map as map_leaves, rebuild
from .body import Body, widen
from .closure_conversion import align_captures, close, example_of, record_body
from .control_op import (
    ControlOp,
    allocate,
    as_results,
    initial_sums,
    pull_with_engine,
    states_of,
    watch_nan,
    without_effects,
)
from .derivatives import LinearizedBody, batch_body, is_floating, linearize_body, push_body
from .loops_in_c import write_choice
from .scan import as_tensor, copy_result, operands, outline


@folding
def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands_: Any) -> Any:
    """Return `true_fun(*operands)` if pred is true, else `false_fun(*operands)`.

    Only one of the functions runs, in a function that is compiled too. If the condition differs from example to example
    of a `vmap`, both do, and np.where chooses.

    Args:
        pred: a bool, or an array of one.
        true_fun, false_fun: functions of the operands that return alike: the same containers, shapes and dtypes. What
            they capture gets gradients, too.
        operands_: arrays and containers of arrays.

    Returns:
        What the function returns, as Tensors.

    Raises:
        ShapeError, DtypeError, TypeError: if pred is not one bool, or, where it is not known before, if the functions
            do not return alike.
        TraceError: if a function asks for the value of a Tensor, or changes one, where pred is not known before.

    Example:
        >>> import autograd_lite as ag
        >>> def root(x):
        ...     return ag.cond(x > 0, np.sqrt, lambda x: 0 * x, x)
        >>> slope = ag.compile(ag.grad(root))
        >>> [float(slope(np.float64(x))) for x in (4.0, 1.0, -1.0)]
        [0.25, 0.5, 0.0]
    """
    require_function("cond", true_fun)
    require_function("cond", false_fun)
    pred = _condition(pred)
    inputs = operands("cond", "operands", operands_)
    if not isinstance(pred, Tensor):
        return map_leaves(copy_result, (true_fun if pred else false_fun)(*map_leaves(as_tensor, inputs)))
    refused = TraceError(
        "cond: expected functions that compute and change nothing, since the condition is known only when the "
        "compiled function runs; received one that assigns to a Tensor from outside. Return the new values instead"
    )
    parts = [close("cond", f, inputs, refused) for f in (false_fun, true_fun)]
    _alike(*parts)
    arrays = leaves(inputs)
    bodies, captured = align_captures(parts, len(arrays))
    no, yes = (widen(b, range(1, 1 + len(b.examples)), [example_of(pred), *b.examples]) for b in bodies)
    results = Choice((no, yes)).apply([pred, *arrays, *captured])
    return rebuild(parts[1].out, iter(results))


def _condition(pred: Any) -> Any:
    """Return a Tensor if the condition is not known now, else a bool."""
    if isinstance(pred, (bool, np.bool_, int, float)):
        return bool(pred)
    if not isinstance(pred, (Tensor, np.ndarray, np.generic)):
        raise TypeError(f"cond: expected pred to be a bool, or an array of one; received {describe(pred)}")
    if pred.shape != ():
        raise ShapeError(
            f"cond: expected pred to be one bool; received shape {pred.shape}. Reduce it with .any() or .all(), choose "
            "elements with np.where, or use vmap to choose for each example"
        )
    return known_now(pred)


def known_now(pred: Any) -> Any:
    """Return a condition as a bool, or as it is if it is not known now: in a batch, or on a tape."""
    if not isinstance(pred, Tensor):
        return bool(pred)
    if TAPES and MODE.get().tape is not None:
        return pred
    value = pred._data
    while isinstance(value, (Tracer, Tensor)):
        if isinstance(value, Batched):
            return pred
        value = value._data if isinstance(value, Tensor) else value.example
    return bool(value)


def _alike(no: Any, yes: Any) -> None:
    """Check that both functions return the same kind of thing."""
    if outline(no.out) != outline(yes.out):
        raise TypeError(
            f"cond: expected both functions to return the same structure; received {outline(yes.out)} from true_fun "
            f"and {outline(no.out)} from false_fun"
        )
    for y, n in zip(yes.body.specs, no.body.specs, strict=True):
        if y != n:
            wrong: Any = ShapeError if y.shape != n.shape else DtypeError
            cure = "Broadcast one of them" if wrong is ShapeError else f"Cast one of them, .astype(np.{y.dtype})"
            raise wrong(
                f"cond: expected both functions to return arrays of the same shapes and dtypes; received {y.shape} "
                f"{y.dtype} from true_fun and {n.shape} {n.dtype} from false_fun. {cure}"
            )


# ---- as an operation ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Choice(ControlOp):
    """Two bodies with the same arguments and results, one of which runs.

    Attributes:
        bodies: the one for False, and the one for True. Their first argument is the condition, which they do not read.
        linear, wrt, states, first: see `ControlOp`.
        guarded: whether it is a backward pass, which must notice where the engine would mask NaN.
    """

    bodies: tuple[Body, Body]
    linear: tuple[LinearizedBody, ...] = ()
    wrt: tuple[int, ...] = ()
    guarded: bool = False
    states: dict[Any, Any] = field(default_factory=dict)
    first: Choice | None = None

    @property
    def specs(self) -> tuple[ShapeDtype, ...]:  # type: ignore[override]
        """Of the results."""
        return self.bodies[0].specs

    @property
    def params(self) -> dict[str, Any]:  # type: ignore[override]
        """The parameters that graphs show."""
        return {"true": self.bodies[1], "false": self.bodies[0]}

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Run one of the bodies."""
        rows, body = allocate(self.specs), self.bodies[bool(arrays[0])]
        self.states.update(states_of(*self.bodies))
        with watch_nan(self.guarded, rows):
            key, step = body.step(arrays, 0)
            for row, a in zip(rows, step(*arrays)[0], strict=True):
                row[...] = a
            body.give_back(key, step)
        return as_results(rows)

    write_c = write_choice

    def without_observations(self) -> Choice:
        """Return the same without observations."""
        no, yes = map(without_effects, self.bodies)
        return replace(self, bodies=(no, yes), states={})

    def pull_residuals(
        self,
        gs: Sequence[Any],
        out: Sequence[Any],
        residuals: Sequence[Any],
        inputs: Sequence[Any],
        so_far: dict[int, Any] | None,
    ) -> list[Any]:
        """Return the cotangents of all inputs from the residuals; see `ControlOp`."""
        specs, (first, second), floating = self.specs, self.linear, self.floating
        cotangents = [np.zeros(specs[k].shape, specs[k].dtype) if gs[k] is None else gs[k] for k in floating]
        cotangents += initial_sums(so_far, self.wrt, inputs)
        fixed, last = len(cotangents), 1 + len(cotangents) + len(residuals)
        examples = [self.bodies[0].examples[0], *first.back.examples[:fixed]]
        examples += [np.zeros(s.shape, s.dtype) for s in specs[self.num_outputs :]]
        examples += self.bodies[0].examples[1:]

        def back(part: LinearizedBody, begin: int) -> Body:
            places = [
                *range(1, 1 + fixed),
                *range(begin, begin + part.num_residuals),
                *(last + i - 1 for i in part.reads),
            ]
            return widen(part.back, places, examples)

        no, yes = back(first, 1 + fixed), back(second, 1 + fixed + first.num_residuals)
        try:
            results = Choice((no, yes), guarded=True).apply([inputs[0], *cotangents, *residuals, *inputs[1:]])
        except AssumptionFailed:
            if so_far is not None:
                so_far.clear()
            body = self.bodies[bool(inputs[0])]
            return pull_with_engine(lambda x: body(*x)[: self.num_outputs], inputs, self.wrt, gs, self.states)
        by_input = dict(zip(self.wrt, results, strict=True))
        return [by_input.get(i) for i in range(len(inputs))]

    def with_residuals(self, wrt: tuple[int, ...]) -> Choice:
        """Return the choice that keeps what its backward pass reads."""
        if self.linear:
            return self
        n, m = len(self.bodies[0].examples), len(self.specs)
        first, second = (linearize_body(body, wrt, wrt, n, 0) for body in self.bodies)
        residual_specs = [part.steps.specs[m:] for part in (first, second)]
        bodies = (_pad(first.steps, m, [], residual_specs[1]), _pad(second.steps, m, residual_specs[0], []))
        return replace(self, bodies=bodies, linear=(first, second), wrt=wrt)

    def value_and_push(self, tangents: Sequence[Any], *inputs: Any) -> tuple[Sequence[Any], list[Any]]:
        """Return the results and their tangents."""
        active = tuple(i for i, x in enumerate(inputs) if tangents[i] is not None and is_floating(x))
        no, yes = (push_body(body, active) for body in self.bodies)
        both = Choice((no, yes)).apply([*inputs, *(tangents[i] for i in active)])
        tangents_out = iter(both[len(self.specs) :])
        return both[: len(self.specs)], [next(tangents_out) if is_floating(s) else None for s in self.specs]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> tuple[Any, ...]:
        """Run the body for all examples at once; both, if the condition differs from example to example."""
        size = next(x.shape[0] for x, flag in zip(inputs, flags, strict=True) if flag)
        if flags[0]:
            level = Level()
            values = [wrap_any(Batched(x, level), None) if flag else x for x, flag in zip(inputs, flags, strict=True)]
            values = [x if isinstance(x, Tensor) else wrap(x, None) for x in values]
            no, yes = (body(*values) for body in self.bodies)
            chosen = [np.where(values[0], y, n) for y, n in zip(yes, no, strict=True)]
            return tuple([unbatch(t, size, level) for t in chosen])
        every = frozenset(range(len(self.specs)))
        bodies = [batch_body(body, tuple(flags), size, every)[0] for body in self.bodies]
        return tuple(Choice((bodies[0], bodies[1]), guarded=self.guarded).apply(inputs))


def _pad(body: Body, n: int, before: Sequence[ShapeDtype], after: Sequence[ShapeDtype]) -> Body:
    """Return a body with zeros around its residuals, in the places of those of the other branch."""

    def run_padded(*values: Tensor) -> list[Tensor]:
        out = body(*values)
        zeros = [[wrap(np.zeros(s.shape, s.dtype), None) for s in specs] for specs in (before, after)]
        return [*out[:n], *zeros[0], *out[n:], *zeros[1]]

    return record_body(body.name, run_padded, body.examples)

"""What the ops of this package share: which inputs get gradients, and where the engine must mask NaN itself."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.errors import AssumptionFailed, GradError
from ..core.mode import MODE, TAPES, enable_grad, is_grad_enabled, no_grad
from ..core.node import Node
from ..core.op import Op
from ..engine import cotangents, edge_of
from ..functional.arguments import variable
from ..random import Generator, rehearse_draws
from ..tensors.lifted import Lifted, LiftedTensor
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from .bodies import Body
from .derivatives import is_floating


class KeepAll:
    """An `Op.keeps` that saves the result and every input."""

    def __init__(self, n: int) -> None:
        self._all = (True,) * (n + 1)

    def __getitem__(self, mask: int) -> tuple[bool, ...]:
        return self._all


def note_effects(result: Any, *bodies: Body) -> None:
    """Tell a function that is being compiled that an op does more than to compute."""
    tape = MODE.get().tape if TAPES else None
    if tape is not None and any(body.effects for body in bodies):
        tape.does_more(result)


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


def is_wanted(x: Any) -> bool:
    """Return whether a gradient flows to an input."""
    return isinstance(x, Tensor) and x.requires_grad and is_floating(x)


def wanted_among(inputs: Sequence[Any]) -> tuple[int, ...]:
    """Return the positions of the inputs that a later backward pass may be for, so that values are kept for it.

    On a tape nothing is: if there is a backward pass, `take_over` is called.
    """
    on_tape = TAPES and MODE.get().tape is not None
    if not is_grad_enabled() or (on_tape and not any(isinstance(x, LiftedTensor | Lifted) for x in inputs)):
        return ()
    return tuple(i for i, x in enumerate(inputs) if is_wanted(x))


def needs_of(out: Any, op: Op) -> Container[int]:
    """Return the positions of the inputs of an op that gradients flow to, as far as that is known."""
    node = getattr(out, "_node", None)
    return node.needs if node.__class__ is Node and node.op is op else range(1 << 30)


def row_kept(this: Any, whole: Any, out: Any, inputs: Sequence[Any]) -> Any:
    """Return the results of an op and what a backward pass reads of the way to them; in a record, with a history.

    In a record the op is replaced by the one that returns both, so that it also has the derivatives of what it keeps.

    Args:
        this: the `Scan` or `Choice` that ran.
        whole: the one that returns both, of which the results of `this` are the beginning.
        out: the result, with its node if the backward pass is recorded.
        inputs: of the op.

    Returns:
        A row, or None if all has to be computed again.
    """
    node: Any = out._node if out.__class__ is Tensor else None
    recorded = node.__class__ is Node and node.op is this.op
    if this.layout.dtype != whole.layout.dtype or not (recorded or all(map(_is_plain, inputs))):
        return None
    if not recorded and TAPES and MODE.get().tape is not None:
        with no_grad():  # a backward pass that is compiled by itself: what it computes again is part of it
            return whole.op(*inputs, **whole.params)
    if this.layout.size == whole.layout.size and (recorded or not isinstance(out, Tensor)):
        row = out._data if recorded else out
    else:
        with rehearse_draws(this.states):
            row = whole.silent().forward(*(x._data if isinstance(x, Tensor) else x for x in inputs))
    if not recorded:
        return row
    node.op, node.params, node.shape, node.saved = whole.op, whole.params, row.shape, (row, *node.saved[1:])
    return wrap(row, node)


def _is_plain(x: Any) -> bool:
    return not isinstance(x, Tensor | Lifted) or (x.__class__ is Tensor and not is_wanted(x))


def without_effects(body: Body) -> Body:
    """Return a body that observes nothing."""
    return Body(body.name, body.program, body.outputs, (), body.examples) if body.effects else body


def negative_zeros(like: Any) -> Any:
    """Return what changes nothing when something is added to it, not even the sign of a zero."""
    return np.full(like.shape, complex(-0.0, -0.0) if like.dtype.kind == "c" else -0.0, like.dtype)


def begun(so_far: dict[int, Any] | None, summed: Sequence[int], inputs: Sequence[Any], first: int = 0) -> list[Any]:
    """Return what the cotangents of some inputs begin with, and leave only those in `so_far`.

    Args:
        so_far: the cotangents so far, by the positions of the op's inputs.
        summed: the positions of some inputs, which are counted from `first`.
        inputs: these.
        first: the position of the first one among the op's inputs.
    """
    known = {} if so_far is None else dict(so_far)
    if so_far is not None:
        for i in known.keys() - {first + i for i in summed}:
            del so_far[i]
    return [known.get(first + i, negative_zeros(inputs[i])) for i in summed]


def tangent_or_zeros(t: Any, x: Any) -> Any:
    """Return the tangent of an input."""
    return np.zeros(x.shape, x.dtype) if t is None else t


@contextmanager
def noticing(guarded: bool, row: Any) -> Iterator[None]:
    """Raise after a backward pass that fills a row if the engine might have masked a NaN in it.

    Raises:
        AssumptionFailed: if an operation was invalid, or there is a NaN in the row.
    """
    if not guarded:
        yield
        return
    alarm: list[Any] = []
    with np.errstate(all="ignore", invalid="call", call=lambda *kind: alarm.append(kind)):
        yield
        if not alarm and np.isnan(row.dot(row)):
            alarm.append("a NaN")
    if alarm:
        raise AssumptionFailed


def masked_by_the_engine(
    run: Callable[[Sequence[Any]], list[Any]],
    inputs: Sequence[Any],
    wanted: Sequence[int],
    floating: Sequence[int],
    gs: Sequence[Any],
    states: Mapping[Generator, Any],
) -> list[Any]:
    """Return the cotangents of all inputs, None where they are not wanted, by the engine's own backward pass.

    Args:
        run: computes the results from the inputs.
        inputs: of the op.
        wanted: the positions of those that cotangents are for.
        floating: the positions of the results that have cotangents.
        gs: these cotangents.
        states: of generators before the results were computed.

    Raises:
        AssumptionFailed: in a function that is being compiled, which is to run as it is then.
    """
    if TAPES and MODE.get().tape is not None:
        raise AssumptionFailed
    with rehearse_draws(states):
        return derived_by_the_engine(run, inputs, wanted, floating, gs)


def derived_by_the_engine(
    run: Callable[[Sequence[Any]], list[Any]],
    inputs: Sequence[Any],
    wanted: Sequence[int],
    floating: Sequence[int],
    gs: Sequence[Any],
) -> list[Any]:
    """Return the cotangents of all inputs, None where they are not wanted, of what a function computes; see above."""
    record = any(isinstance(x, Tensor) for x in (*gs, *inputs))
    given = list(inputs)
    with enable_grad():
        for i in wanted:
            given[i] = variable(inputs[i], None)
        targets = {i: given[i]._node for i in wanted}
        out = run(given)
    roots: dict[Any, Any] = {}
    for k, g in zip(floating, gs, strict=True):
        if (t := out[k]).requires_grad:
            edge = edge_of(t)
            roots[edge] = roots[edge] + g if edge in roots else g
    found = cotangents(roots, set(targets.values()), retain_graph=record, create_graph=record) if roots else {}
    zeros: dict[int, Any] = {i: np.zeros(inputs[i].shape, inputs[i].dtype) for i in wanted}
    return [found.get(targets[i], zeros[i]) if i in zeros else None for i in range(len(inputs))]

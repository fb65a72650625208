"""`validate=True`: the function runs at every call too, and the first operation that differs is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ReplayError, more_on
from ..core.node import next_stamp
from ..ir.graph_node import Kind
from ..ir.host_record import values_in
from ..ir.observing import quiet
from ..ir.pure_program import PureProgram
from ..ir.tape import OBSERVE
from ..random import remember_draws
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tree import leaves
from .buffer_assignment import Place
from .execution_plan import Plan
from .guards import Arrays
from .host_code import Memo
from .numpy_calls import How, substitute
from .replay import Replay
from .trace import Recording, difference

# With `exact=False`: how far apart results may be, in units of the last place of their largest element; if they have
# axes, this times the root of the length of the last one, as the values of a matrix are by two of LAPACK's functions.
_ULPS = 8
_REPORT = "This is a fault of autograd_lite's; please report it with f.explain(), and leave out ag.compile meanwhile"


class Outcome(NamedTuple):
    """The results and effects of a call.

    Attributes:
        results: the arrays that it returned.
        assigned: what the leaves hold that were assigned to.
        gradients: the gradients of those whose `.grad` changed, or None.
        put: the arrays and numbers that were put into Python objects.
    """

    results: list[Any]
    assigned: list[Any]
    gradients: list[Any]
    put: list[Any]

    @classmethod
    def of(cls, results: Sequence[Any], traced: Recording) -> Outcome:
        """Copy what there is now."""
        return cls(
            [np.array(a)[()] for a in results],
            [np.array(leaf._data)[()] for leaf, _ in traced.assigned],
            [
                None if (g := getattr(leaf, "_grad", None)) is None else np.array(g._data)
                for leaf, _ in traced.gradients
            ],
            [np.array(x) for put in traced.host_state.puts.values() for x in values_in(put.container[put.key])],
        )

    def is_like(self, other: Outcome, exact: bool) -> bool:
        """Return whether all is the same."""
        pairs = [(len(a), len(b)) for a, b in zip(self, other, strict=True)]
        return all(n == m for n, m in pairs) and all(
            _alike(a, b, exact) for part, twin in zip(self, other, strict=True) for a, b in zip(part, twin, strict=True)
        )


def validate_replay(
    name: str,
    replay: Replay,
    arrays: Sequence[Any],
    memo: Memo,
    captured: Arrays,
    run: Callable[[], tuple[Recording, Any, Any]],
    exact: bool,
) -> Sequence[Any]:
    """Run a function and its replay, both from the state before, and return what the replay gave.

    Args:
        name: of the function.
        replay: is run second; its effects stay.
        arrays, memo, captured: as of `Replay.__call__`.
        run: runs and records the function.
        exact: whether all results must be the same bit for bit.

    Raises:
        ReplayError: if they differ; the effects are then those of the function.
    """
    inputs = replay.inputs(arrays, memo)
    before = _copy_state(replay.traced)
    puts = [(put.container, put.key, put.container.get(put.key)) for put in replay.traced.host_state.puts.values()]
    error: Exception | None = None
    with remember_draws() as draws:
        try:
            with quiet():
                recording, _, _ = run()
        except Exception as raised:  # after undoing its effects
            error = raised
    if error is not None:
        values = replay(arrays, memo, captured)
        raise ReplayError(
            f"{name}: expected the replay to raise what the function raises; it raises nothing"
        ) from error
    expected = Outcome.of([t._data for t in leaves(recording.out) if isinstance(t, Tensor)], recording)
    after = {generator: generator.state for generator in draws}
    _undo(recording, puts)
    for generator, states in draws.items():
        generator.state = states[0]
    # The function may have given leaves other arrays, into which the replay must write.
    values = replay(arrays, memo, replay.guards.check() or captured)
    outcome = Outcome.of(values[: len(replay.traced.results)], replay.traced)
    if expected.is_like(outcome, exact):
        return values
    for generator, states in draws.items():
        generator.state = states[0]
    reason = _reason(name, replay, recording, inputs, before, exact)
    for generator, state in after.items():
        generator.state = state
    _settle(recording, expected)
    raise ReplayError(reason + more_on("replay-differs"))


def _alike(a: Any, b: Any, exact: bool) -> bool:
    if a is None or b is None:
        return a is b
    a, b = np.asarray(a), np.asarray(b)
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return False
    if a.tobytes() == b.tobytes():
        return True
    if a.dtype.kind not in "fc":
        return not exact and bool(np.array_equal(a, b))
    if np.array_equal(a, b, equal_nan=True):  # NaN has many bits, and they may differ
        return bool((np.signbit(a.real) == np.signbit(b.real))[~np.isnan(a)].all())
    finite = np.isfinite(a)
    largest = float(np.abs(a[finite]).max(initial=0))
    near = _ULPS * float(np.finfo(a.dtype).eps) * largest * math.sqrt(a.shape[-1] if a.ndim else 1)
    return not exact and bool(np.allclose(a, b, rtol=0, atol=near, equal_nan=True))


# ---- before and after -----------------------------------------------------------------------------------------------


def _copy_state(traced: Recording) -> dict[int, Any]:
    """Return copies of what captured Tensors and gradients hold, by the ids of the Tensors of the program."""
    tensors = [*traced.captured, *(leaf for leaf, _ in traced.assigned)]
    copies = {id(t): t._data.copy("K") if t.ndim else t._data for t in tensors}
    for leaf, g in traced.before:
        if g is not None and (now := getattr(leaf, "_grad", None)) is not None:
            copies[id(g)] = now._data.copy("K") if now.ndim else now._data
    return copies


def _undo(recording: Recording, puts: Sequence[tuple[Any, Any, Any]]) -> None:
    """Take back the effects of a run, other than draws; `puts` are what containers held before, each with its key."""
    for leaf, _ in recording.assigned:
        _write(leaf, recording.overwritten[id(leaf)])
    for leaf, g in recording.before:
        leaf._grad = g
    for container, key, old in puts:
        container[key] = old


def _write(leaf: Tensor, a: Any) -> None:
    leaf._writable()[...] = a  # not by `assign`, which a transaction would undo
    leaf._stamp = next_stamp()


def _settle(recording: Recording, expected: Outcome) -> None:
    """Make the effects that the function had."""
    for (leaf, _), a in zip(recording.assigned, expected.assigned, strict=True):
        _write(leaf, a)
    for (leaf, _), g in zip(recording.gradients, expected.gradients, strict=True):
        leaf._grad = None if g is None else wrap(g[()], None)


# ---- what differs ---------------------------------------------------------------------------------------------------


def _reason(
    name: str, replay: Replay, recording: Recording, inputs: Sequence[Any], before: Mapping[int, Any], exact: bool
) -> str:
    """Return what made the difference, as text."""
    if changed := difference(replay.traced, recording):
        return (
            f"{name}: expected a function that does the same at every call; received one that does something else now: "
            f"{changed}. What changes must be an argument, or a Tensor or array that it reads"
        )
    message = "expected the replay to give what the function gives; received something else"
    first = replay.passes[0]
    slots = first.program.bindings.items()
    states = [(x, x.state) for i, x in slots if first.program.graph[i].kind is Kind.STATE]

    def rewind() -> None:
        for generator, state in states:
            generator.state = state

    values = values_of(first.program, inputs, before)
    expected = [values[i] for i in first.program.graph.outputs]
    for stage in replay.passes[1:]:
        rewind()
        values = values_of(stage.program, inputs, before)
        for i, a in zip(stage.program.graph.outputs, expected, strict=True):
            if not _alike(a, values[i], exact):
                return f"{name}: {message} since the pass '{stage.name}', for {_where(stage.program, i)}. {_REPORT}"
    program = replay.passes[-1].program
    rewind()
    for i, a in _values_of_calls(replay.plan, inputs, before):
        if not _alike(values[i], a, exact):
            return f"{name}: {message}, and the first operation that differs is {_where(program, i)}. {_REPORT}"
    return f"{name}: {message}, although each operation by itself gives the same: the memory is used wrongly. {_REPORT}"


def _where(program: PureProgram, i: str) -> str:
    node = program.graph[i]
    return f"'{node.op or node.kind}'" + (f" at {node.source}" if node.source else "")


def values_of(program: PureProgram, inputs: Sequence[Any], before: Mapping[int, Any]) -> dict[str, Any]:
    """Compute a program node by node.

    Args:
        program: what.
        inputs: for each slot of an argument its array or number.
        before: what captured Tensors hold, by id, if it is not what they hold now.
    """
    by_slot = dict(zip(program.inputs, inputs, strict=True))
    values: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        for node in program.graph.nodes:
            if node.kind is not Kind.OP:
                value = program.bindings[node.id]
                values[node.id] = by_slot[node.id] if node.id in by_slot else _array_of(value, before)
            else:
                is_seen = program.calls[node.id][0] is OBSERVE
                values[node.id] = np.False_ if is_seen else program.compute(node.id, values)
    return values


def _values_of_calls(plan: Plan, inputs: Sequence[Any], before: Mapping[int, Any]) -> list[tuple[str, Any]]:
    """Make the calls of a plan, each in memory of its own; return what they give for each node, in order."""
    values: dict[int, Any] = {}
    for number, (place, value, _) in enumerate(plan.where):
        if place is Place.ARGUMENT:
            values[number] = inputs[value]
        elif place in (Place.CAPTURED, Place.ARRAY, Place.CONSTANT):
            values[number] = _array_of(value, before)
    by_node: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        for call in plan.calls:
            f: Any = call.function.reduce if call.how is How.REDUCE else call.function  # type: ignore[attr-defined]
            if call.how is How.EFFECT and f is OBSERVE.forward:
                values[call.value] = np.False_
            else:
                values[call.value] = f(*substitute(call.args, values.get), **substitute(call.kwargs, values.get))
            by_node.pop(call.node, None)
            by_node[call.node] = values[call.value]
    return list(by_node.items())


def _array_of(value: Any, before: Mapping[int, Any]) -> Any:
    return before.get(id(value), value._data) if isinstance(value, Tensor) else value

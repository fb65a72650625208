"""The plan: which call computes what, and where each value lies. It is data, which can be printed, checked and run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from ..core.indices import IndexArray, indices_in
from ..core.op import Op
from ..ir.node import GraphNode, Kind, Role
from ..ir.program import PureProgram
from ..random import Generator
from ..tensors.tensor import Tensor
from .arena import Arena, Span
from .lowering import Call, How, Lowering, Ref, Spec, Watched


class Place(StrEnum):
    """Where a value lies."""

    ARGUMENT = "argument"
    CAPTURED = "captured"  # a Tensor that the function found elsewhere: it is read at every replay
    CONSTANT = "constant"  # known now
    ARENA = "arena"
    FIXED = "fixed view"  # of the arena or of a constant, made once
    MADE = "made"  # by the call that computes it, at every replay


class Where(NamedTuple):
    """Where a value lies, and what is there.

    Attributes:
        place: the kind of place.
        thing: the position among the arguments, the Tensor, or the constant.
        span: in the arena.
    """

    place: Place
    thing: Any = None
    span: Span | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a replay does.

    Attributes:
        calls: in order.
        specs: of every value.
        where: each value lies.
        last: for every value, the position of the last call that needs it.
        arguments: how many there are.
        outputs: the numbers of the results.
        lines: for the id of an operation, the user's line.
        nbytes: of the arena.
    """

    calls: tuple[Call, ...]
    specs: tuple[Spec, ...]
    where: tuple[Where, ...]
    last: Mapping[int, int]
    arguments: int
    outputs: tuple[int, ...]
    lines: Mapping[str, str]
    nbytes: int

    def check(self) -> None:
        """Prove that no value is overwritten before its last reader has run.

        Raises:
            AssertionError: naming the call that reads what is gone.
        """
        holds: dict[int, tuple[Span, int]] = {}  # by owner: its span
        for position, call in enumerate(self.calls):
            for number in refs_of(call):
                owner = self.specs[number].owner
                if self.where[owner].place is Place.ARENA and owner not in holds:
                    raise AssertionError(f"plan: call {position} ({call.node}) reads value {number}, which is gone")
            mine = self.where[call.value]
            if mine.place is Place.ARENA:
                span = mine.span
                assert span is not None
                for owner, (other, _) in list(holds.items()):
                    if other.start < span.stop and span.start < other.stop:
                        del holds[owner]
                holds[call.value] = span, position

    def __str__(self) -> str:
        rows = [f"arena of {self.nbytes:,} bytes, {len(self.calls)} calls"]
        for call in self.calls:
            where = self.where[call.value]
            span = "" if where.span is None else f" [{where.span.start}:{where.span.stop}]"
            name = getattr(call.function, "__name__", str(call.function))
            inputs = ", ".join(f"v{n}" for n in refs_of(call))
            rows.append(f"v{call.value} = {call.how} {name}({inputs})  # {where.place}{span} {call.node}")
        return "\n".join(rows)


def refs_of(call: Call) -> Iterator[int]:
    """Yield the numbers of the values that a call reads."""
    yield from _refs((call.args, tuple(call.kwargs.values())))


def _refs(x: Any) -> Iterator[int]:
    if isinstance(x, Ref):
        yield x.value
    elif isinstance(x, (tuple, list)):
        for part in x:
            yield from _refs(part)


def plan_of(program: PureProgram, outputs: Sequence[str], effects: Sequence[str] = ()) -> Plan:
    """Plan how to compute some nodes of a program.

    Args:
        program: with the arrays that it was made with, on which its operations run once.
        outputs: the ids of the wanted nodes.
        effects: the ids of nodes that are computed although nobody wants them: draws.
    """
    lowering = Lowering()
    found: dict[str, Any] = {}
    where: dict[int, Where] = {}
    wanted = _needed(program, (*outputs, *effects))
    arguments = {i: k for k, i in enumerate(program.inputs) if i is not None}
    with np.errstate(all="ignore"):
        for node in program.graph.nodes:
            if node.id not in wanted:
                continue
            if node.kind is Kind.OP:
                op, inputs, params = program.calls[node.id]
                params = _with_indices(params, iter([found[i] for i in node.inputs[len(inputs) :]]))
                found[node.id] = _computed(lowering, where, node, op, [found[i] for i in inputs], params)
            else:
                found[node.id] = _slot(lowering, where, node, program.bindings[node.id], arguments.get(node.id))
    numbers = tuple(_numbered(lowering, where, found[i]) for i in outputs)
    lines = {node.id: str(node.source.brief) for node in program.graph if node.source is not None}
    return _placed(lowering, where, len(program.inputs), numbers, lines)


def _with_indices(params: Mapping[str, Any], found: Iterator[Any]) -> Mapping[str, Any]:
    """Return the parameters of an op with watched values in place of indices; `found` yields generators first."""
    if not params or not any(True for _ in indices_in(params)):
        return params
    values = [x for x in found if isinstance(x, Watched)]
    each = iter(values)

    def part_of(x: Any) -> Any:
        return next(each) if x.__class__ is IndexArray else x

    return {
        name: tuple(map(part_of, value)) if value.__class__ is tuple else part_of(value)
        for name, value in params.items()
    }


def _needed(program: PureProgram, outputs: Sequence[str]) -> set[str]:
    wanted = set(outputs)
    for node in reversed(program.graph.nodes):
        if node.id in wanted:
            wanted.update(node.inputs)
    return wanted


def _slot(lowering: Lowering, where: dict[int, Where], node: GraphNode, thing: Any, argument: int | None) -> Any:
    """Return what fills a slot: a number or a generator as it is, an array or a Tensor watched."""
    if isinstance(thing, Generator) or node.weak:
        return thing
    array = thing._data if isinstance(thing, Tensor) else np.asarray(thing)
    number = lowering.value(array)
    if argument is not None:
        where[number] = Where(Place.ARGUMENT, argument)
    elif isinstance(thing, Tensor):
        where[number] = Where(Place.CAPTURED, thing)
    else:
        where[number] = Where(Place.CONSTANT, array)
    return Watched(lowering, array, number)


def _computed(
    lowering: Lowering,
    where: dict[int, Where],
    node: GraphNode,
    op: Op,
    inputs: Sequence[Any],
    params: Mapping[str, Any],
) -> Any:
    known = [where.get(x.number) for x in inputs if isinstance(x, Watched)]
    if node.role is not Role.FORWARD and all(w is not None and w.place is Place.CONSTANT for w in known) and known:
        array = op.forward(*(x.array if isinstance(x, Watched) else x for x in inputs), **params)
        number = lowering.value(array)
        where[number] = Where(Place.CONSTANT, array)
        return Watched(lowering, array, number)
    if any(isinstance(v, Generator) for v in params.values()):  # a draw now would be missing at the first replay
        return lowering.call(node.id, op.forward, dict(params), np.zeros(node.shape, node.dtype))
    return lowering.lower(node.id, op.forward, inputs, dict(params))


def _numbered(lowering: Lowering, where: dict[int, Where], x: Any) -> int:
    if isinstance(x, Watched):
        return x.number
    number = lowering.value(x)
    where[number] = Where(Place.CONSTANT, np.asarray(x))
    return number


# ---- where values lie -----------------------------------------------------------------------------------------------


_STILL = (Place.ARENA, Place.CONSTANT, Place.FIXED)


def _placed(
    lowering: Lowering, where: dict[int, Where], arguments: int, outputs: tuple[int, ...], lines: Mapping[str, str]
) -> Plan:
    calls, specs = _without_dead(lowering.calls, outputs), lowering.specs
    last = dict.fromkeys(range(len(specs)), -1)
    for position, call in enumerate(calls):
        for number in refs_of(call):
            last[number] = position
            last[specs[number].owner] = position
    for number in outputs:
        last[number] = last[specs[number].owner] = len(calls)
    escaping = {specs[number].owner for number in outputs}
    arena, spans, shares = Arena(), {}, {}
    ending: dict[int, list[int]] = {}
    for position, call in enumerate(calls):
        number, spec = call.value, specs[call.value]
        if spec.owner != number:
            fixed = all(where[n].place in _STILL for n in refs_of(call))
            where[number] = Where(Place.FIXED if fixed else Place.MADE)
        elif call.how in (How.UFUNC, How.REDUCE) and number not in escaping and not spec.is_scalar and _is_dense(spec):
            over = _overwritable(call, specs, where, last, position)
            if over is not None:
                spans[number] = spans[over]
                shares[over] = number
            else:
                spans[number] = arena.take(_nbytes(spec))
            where[number] = Where(Place.ARENA, None, spans[number])
            ending.setdefault(last[number], []).append(number)
        else:
            where[number] = Where(Place.MADE)
        for done in ending.pop(position, ()):
            if done not in shares:
                arena.give(spans[done])
    return Plan(
        tuple(calls),
        tuple(specs),
        tuple(where.get(number, Where(Place.MADE)) for number in range(len(specs))),
        last,
        arguments,
        outputs,
        lines,
        arena.nbytes,
    )


def _without_dead(calls: Sequence[Call], outputs: Sequence[int]) -> list[Call]:
    """Leave out what nothing reads; a draw is kept, since it changes its generator."""
    wanted = set(outputs)
    kept = []
    for call in reversed(calls):
        draws = any(isinstance(x, Generator) for x in call.kwargs.values())
        if call.value in wanted or draws:
            kept.append(call)
            wanted.update(refs_of(call))
    return kept[::-1]


def _nbytes(spec: Spec) -> int:
    return int(np.prod(spec.shape, dtype=np.int64)) * spec.dtype.itemsize


def _is_dense(spec: Spec) -> bool:
    """Return whether the elements fill their memory without gaps, in whatever order of axes."""
    expected = spec.dtype.itemsize
    for n, stride in sorted(zip(spec.shape, spec.strides, strict=True), key=lambda pair: (pair[1], pair[0])):
        if n == 0:
            return False
        if n > 1:
            if stride != expected:
                return False
            expected *= n
    return True


def _overwritable(
    call: Call, specs: Sequence[Spec], where: Mapping[int, Where], last: Mapping[int, int], position: int
) -> int | None:
    """Return an input in whose memory an elementwise result may be written, since nothing reads it later."""
    if call.how is not How.UFUNC or getattr(call.function, "signature", None) is not None:
        return None
    spec = specs[call.value]
    inputs = list(refs_of(call))
    for number in inputs:
        other = specs[number]
        alone = all(specs[n].owner != number or n == number for n in inputs)
        if where[number].place is Place.ARENA and last[number] == position and other[:3] == spec[:3] and alone:
            return number
    return None

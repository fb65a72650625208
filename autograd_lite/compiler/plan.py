"""The plan: which call computes what, and where each value lies. It is data, which can be printed, checked and run."""

from __future__ import annotations

import math
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..core.hooks import HOOKS
from ..core.indices import IndexArray, indices_in
from ..core.live import Live
from ..ir.node import GraphNode, Kind
from ..ir.program import PureProgram
from ..random import Generator
from ..tensors.tensor import Tensor
from .arena import Arena, Span
from .lowering import Call, How, Lowering, Spec, Watched, refs_in
from .updates import Block, Given, Update, update_of


class Place(StrEnum):
    """Where a value lies."""

    ARGUMENT = "an argument"
    CAPTURED = "captured"  # a Tensor from outside, which is read at every replay
    ARRAY = "an array from outside"  # which is read where it is
    KNOWN = "known"
    ARENA = "in the arena"
    VIEW = "a view that stays"  # of the arena, or of what is known, so that one will do for all replays
    MADE = "made"  # by the call that computes it, at every replay
    OVER = "written over another"  # that it replaces, at the end of the plan


# Places that are the same at every replay.
_STILL = frozenset((Place.ARRAY, Place.KNOWN, Place.ARENA, Place.VIEW))


class Where(NamedTuple):
    """Where a value lies, and what is there.

    Attributes:
        place: the kind of place.
        thing: the position among the arguments, the Tensor, the array, or the number of the value that is replaced.
        span: in the arena.
    """

    place: Place
    thing: Any = None
    span: Span | None = None


_MADE = Where(Place.MADE)
_WIDEST = 48  # column of the text of a plan that is aligned


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a replay does.

    Attributes:
        calls: in order.
        specs: what is known of every value.
        where: every value lies.
        last: for every value, the position of the last call that needs it; that after all calls for a result.
        outputs: the numbers of the results.
        arguments: how many a replay takes.
        nbytes: of the arena.
        lines: for the id of an operation, the user's line.
        end: of the calls that write new values over old ones, and of what only these read.
        written: for each wanted value whether it is one of these new values, and not among the results.
        scopes: for the id of an operation, the module that it belongs to.
    """

    calls: tuple[Call, ...]
    specs: tuple[Spec, ...]
    where: tuple[Where, ...]
    last: tuple[int, ...]
    outputs: tuple[int, ...]
    arguments: int
    nbytes: int
    lines: Mapping[str, str]
    end: Update
    written: tuple[bool, ...]
    scopes: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Prove that no value in the arena is overwritten before it has been read for the last time.

        Raises:
            ValueError: naming the call that would read what is gone.
        """
        alive: dict[int, Span] = {}
        for position, call in enumerate(self.calls):
            for number in refs_in((call.args, call.kwargs)):
                owner = self.specs[number].owner
                if self.where[owner].place is Place.ARENA and owner not in alive:
                    raise ValueError(f"Plan: call {position}, of {call.node}, reads value {number}, which is gone")
            span = self.where[call.value].span
            if span is not None:
                alive = {i: s for i, s in alive.items() if s.stop <= span.start or span.stop <= s.start}
                alive[call.value] = span
        for block in self.end.blocks:
            self._check_block(block)

    def _check_block(self, block: Block) -> None:
        """Prove that what is computed for some rows leaves alone what is still to be read for the others."""
        calls = self.calls[block.start : block.stop]
        used = {self.specs[n].owner for call in calls for n in (*refs_in(call.args), call.value)} - block.scratch
        whole = [span for n in used if (span := self.where[n].span) is not None]
        for n in block.scratch:
            span = self.where[n].span
            if span is None or any(s.start < span.stop and span.start < s.stop for s in whole):
                raise ValueError(f"Plan: value {n}, of some rows, lies over one of all rows")

    def to_svg(self) -> str:
        """Return a map of the arena: from left to right the calls, from top to bottom the bytes of values."""
        drawn: str = HOOKS.compiled().arena_svg(self)
        return drawn

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __str__(self) -> str:
        table = [("call", "", "value", "where it lies", "your line")]
        for position, call in enumerate(self.calls):
            (place, _, span), spec = self.where[call.value], self.specs[call.value]
            at = "" if span is None else f" {span.start}:{span.stop}"
            inputs = ", ".join(f"v{n}" for n in refs_in((call.args, call.kwargs)))
            what = f"v{call.value} = {call.name}({inputs})"
            table.append(
                (str(position), what, f"{spec.shape} {spec.dtype}", f"{place}{at}", self.lines.get(call.node, ""))
            )
        wide = [min(max(map(len, column)), _WIDEST) for column in zip(*table, strict=True)]
        rows = ("  ".join(f"{cell:<{n}}" for cell, n in zip(row, wide, strict=True)).rstrip() for row in table)
        return "\n".join([f"{len(self.calls):,} calls, an arena of {self.nbytes:,} bytes", *rows])


def plan_of(
    program: PureProgram,
    outputs: Sequence[str],
    effects: Sequence[str] = (),
    overwritten: Mapping[int, Any] = MappingProxyType({}),
    into: Sequence[Tensor | None] = (),
    owned: Container[int] = (),
) -> Plan:
    """Plan how to compute some nodes of a program.

    Args:
        program: with the arrays that it was made with, on which its operations run once.
        outputs: the ids of the wanted nodes.
        effects: the ids of nodes that are computed although nothing reads them: draws.
        overwritten: by the ids of Tensors that have changed since, what they held.
        into: for each wanted node the Tensor that is to have its values in the end, or None.
        owned: the ids of Tensors among the arguments that no one else can see.
    """
    values = _Values(program, frozenset(effects), overwritten)
    wanted = _needed(program, (*outputs, *effects))
    with np.errstate(all="ignore"):
        for node in program.graph.nodes:
            if node.id in wanted:
                values.add(node)
    numbers = tuple(values.number_of(i) for i in outputs)
    lines = {node.id: node.source.brief for node in program.graph if node.source is not None}
    slots = {id(thing): values.number_of(i) for i, thing in program.bindings.items() if i in values}
    targets = [None if t is None else slots.get(id(t)) for t in into] or [None] * len(numbers)
    calls = _without_dead(values.lowering.calls, numbers)
    end = update_of(calls, Given(values.lowering.specs, values.shared(owned), program.late), numbers, targets)
    scopes = {node.id: node.scope for node in program.graph if node.scope}
    return replace(_placed(values, end, numbers, len(program.inputs), lines), scopes=scopes)


def _needed(program: PureProgram, outputs: Sequence[str]) -> set[str]:
    wanted = set(outputs)
    for node in reversed(program.graph.nodes):
        if node.id in wanted:
            wanted.update(node.inputs)
    return wanted


class _Values:
    """The values of a program, as its nodes are lowered one by one."""

    def __init__(
        self,
        program: PureProgram,
        effects: Collection[str],
        overwritten: Mapping[int, Any],
    ) -> None:
        self.lowering = Lowering()
        self.where: dict[int, Where] = {}
        self._program, self._effects = program, effects
        self._overwritten = overwritten
        self._positions = {i: k for k, i in enumerate(program.inputs) if i is not None}
        self._found: dict[str, Any] = {}  # for every node a `Watched`, or a number or a generator

    def add(self, node: GraphNode) -> None:
        """Lower a node, or note what fills a slot."""
        self._found[node.id] = self._op(node) if node.kind is Kind.OP else self._slot(node)

    def __contains__(self, i: str) -> bool:
        return isinstance(self._found.get(i), Watched)

    def shared(self, owned: Container[int]) -> set[int]:
        """Return the numbers of the values that someone else may hold and change, or see change."""
        found = set()
        for i, thing in self._program.bindings.items():
            if i in self and id(thing) not in owned:
                number = self.number_of(i)
                place, spec = self.where[number].place, self.lowering.specs[number]
                if place is Place.ARRAY or (place is Place.ARGUMENT and not spec.is_scalar):
                    found.add(number)
        return found

    def number_of(self, i: str) -> int:
        """Return the number of a node's value."""
        x = self._found[i]
        return x.number if isinstance(x, Watched) else self._new(np.asarray(x), Place.KNOWN, x).number

    def _new(self, array: Any, place: Place, thing: Any) -> Watched:
        number = self.lowering.value(array)
        self.where[number] = Where(place, thing)
        return Watched(self.lowering, array, number)

    def _slot(self, node: GraphNode) -> Any:
        thing = self._program.bindings[node.id]
        if thing.__class__ is Live:
            return self._new(thing.value, Place.ARGUMENT, self._positions[node.id])
        if isinstance(thing, Generator) or node.weak:
            return thing
        array = thing._data if isinstance(thing, Tensor) else thing
        array = self._overwritten.get(id(thing), array)
        if node.id in self._program.fixed:
            return self._new(array, Place.KNOWN, array)
        if node.id in self._positions:
            return self._new(array, Place.ARGUMENT, self._positions[node.id])
        return self._new(array, Place.CAPTURED if isinstance(thing, Tensor) else Place.ARRAY, thing)

    def _op(self, node: GraphNode) -> Any:
        op, ids, params = self._program.calls[node.id]
        inputs = [self._found[i] for i in ids]
        if node.id in self._effects:  # which must not happen now: a draw would be missing at the first replay
            return self.lowering.effect(node.id, op.forward, inputs, params, np.zeros(node.shape, node.dtype)[()])
        indices = [self._found[i] for i in node.inputs[len(ids) :]]
        params = with_indices(params, iter(indices))
        return self.lowering.lower(node.id, op.forward, inputs, params)


def with_indices(params: Mapping[str, Any], found: Iterator[Any]) -> Mapping[str, Any]:
    """Return the parameters of an op with the values of indices in place of the arrays that name them."""
    if next(indices_in(params), None) is None:
        return params

    def part_of(x: Any) -> Any:
        return next(found) if x.__class__ is IndexArray else x

    return {k: tuple(map(part_of, v)) if v.__class__ is tuple else part_of(v) for k, v in params.items()}


# ---- where values lie -----------------------------------------------------------------------------------------------


def _placed(values: _Values, end: Update, wanted: tuple[int, ...], arguments: int, lines: Mapping[str, str]) -> Plan:
    specs, where, calls = values.lowering.specs, values.where, end.calls
    outputs = tuple(n for n in wanted if n not in end.over)
    scratch = {n: block for block in end.blocks for n in block.scratch}
    # Rows of a block are computed one after the other, so that all that it reads or makes is needed until its end.
    ends = {i: block.stop - 1 for block in end.blocks for i in range(block.start, block.stop)}
    last = _last_reads(calls, specs, outputs)
    escaping = {specs[number].owner for number in outputs}
    arena = Arena()
    ending: dict[int, list[Span]] = {}  # by position: what is free after that call
    for position, call in enumerate(calls):
        number, spec = call.value, specs[call.value]
        if spec.owner != number:
            still = all(where[n].place in _STILL for n in refs_in((call.args, call.kwargs)))
            where[number] = Where(Place.VIEW) if still else _MADE
        elif number in end.over:
            where[number] = Where(Place.OVER, end.over[number])
        elif (
            call.how in (How.CALL, How.OPAQUE, How.EFFECT) or number in escaping or spec.is_scalar or not spec.is_dense
        ):
            where[number] = _MADE
        else:
            span = _overwritten(call, specs, where, last, position, scratch)
            if span is None:
                block = scratch.get(number)
                span = arena.take(spec.nbytes if block is None else spec.nbytes // block.length * block.rows)
            else:
                ending[ends.get(position, position)].remove(span)
            where[number] = Where(Place.ARENA, None, span)
            until = max(last[number], position)
            ending.setdefault(ends.get(until, until), []).append(span)
        for span in ending.pop(position, ()):
            arena.give(span)
    found = tuple(where.get(number, _MADE) for number in range(len(specs)))
    written = tuple(n in end.over for n in wanted)
    return Plan(calls, tuple(specs), found, tuple(last), outputs, arguments, arena.nbytes, lines, end, written)


def _without_dead(calls: Sequence[Call], outputs: Sequence[int]) -> list[Call]:
    """Leave out what nothing reads and has no effect."""
    wanted = set(outputs)
    kept = []
    for call in reversed(calls):
        if call.value in wanted or call.how is How.EFFECT:
            kept.append(call)
            wanted.update(refs_in((call.args, call.kwargs)))
    return kept[::-1]


def _last_reads(calls: Sequence[Call], specs: Sequence[Spec], outputs: Sequence[int]) -> list[int]:
    """Return for every value the position of the call that reads it, or a view of it, last; -1 if none does."""
    last = [-1] * len(specs)
    for position, call in enumerate(calls):
        for number in refs_in((call.args, call.kwargs)):
            last[number] = last[specs[number].owner] = position
    for number in outputs:
        last[number] = last[specs[number].owner] = len(calls)
    for call in reversed(calls):
        if call.how is How.OPAQUE:  # the result may be one of its arguments
            for number in refs_in((call.args, call.kwargs)):
                owner = specs[number].owner
                last[owner] = max(last[owner], last[call.value])
    return last


def _overwritten(
    call: Call,
    specs: Sequence[Spec],
    where: Mapping[int, Where],
    last: Sequence[int],
    position: int,
    scratch: Mapping[int, Any],
) -> Span | None:
    """Return the memory of an input that an elementwise result may be written over, since nothing reads it later."""
    if call.how is not How.UFUNC or getattr(call.function, "signature", None) is not None:
        return None
    if math.prod(specs[call.value].shape) == 1:
        return None  # where the output is an input of one element, NumPy takes three times as long
    inputs = set(refs_in(call.args))
    for number in inputs:
        lies_alone = all(specs[n].owner != number or n == number for n in inputs)
        ends = last[number] == position and where[number].place is Place.ARENA
        ends = ends and scratch.get(number) is scratch.get(call.value)  # of one size
        if ends and lies_alone and specs[number].alike(specs[call.value]):
            return where[number].span
    return None

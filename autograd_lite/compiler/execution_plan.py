"""The plan: which call computes what, and where each value lies. It is data, which can be printed, checked and run."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from ..core.dynamic_scalars import DynamicScalar
from ..core.hooks import HOOKS
from ..core.indices import with_indices
from ..core.multi_result import get_tuple_element
from ..core.node import Source as Origin
from ..core.op import OPS
from ..ir.graph_node import GraphNode, Kind
from ..ir.pure_program import PureProgram
from ..native.instructions import LINE
from ..random import Generator
from ..tensors.tensor import Tensor
from .buffer_assignment import Place, Where, assign_buffers
from .inplace_updates import PlanValues, Update, find_update
from .lowering import Lowering
from .numpy_calls import Call, How, Ref, Spec, refs_in
from .recording_array import RecordingArray
from .tiling import Block, defer_scalars, is_in_order

_WIDEST = 48  # column of the text of a plan that is aligned


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plan:
    """The calls of a replay, and the places of their values.

    Attributes:
        calls: in order.
        specs: the layout and place of every value.
        where: every value lies.
        last: for every value, the position of the last call that needs it; that after all calls for a result.
        blocks: the runs of calls that are carried out on one part of their arrays after the other.
        outputs: the numbers of the results.
        borrowed: the positions of results that are read before the next replay, and so may lie in the arena.
        num_checks: how many results, the last ones, are only checked before the end.
        arguments: how many a replay takes.
        nbytes: of the arena.
        sources: for the id of an operation, the user's line.
        end: of the calls that write new values over old ones, and of what only these read.
        written: for each wanted value whether it is one of these new values, and not among the results.
        scopes: for the id of an operation, the module that it belongs to.
    """

    calls: tuple[Call, ...]
    specs: tuple[Spec, ...]
    where: tuple[Where, ...]
    last: tuple[int, ...]
    blocks: tuple[Block, ...]
    outputs: tuple[int, ...]
    borrowed: frozenset[int]
    num_checks: int
    arguments: int
    nbytes: int
    sources: Mapping[str, Origin]
    end: Update
    written: tuple[bool, ...]
    scopes: Mapping[str, str] = field(default_factory=dict)

    def line_of(self, call: Call) -> str:
        """Return the user's line that a call belongs to, or ""."""
        source = self.sources.get(call.node)
        return "" if source is None else source.brief

    def check(self) -> None:
        """Prove that no value is overwritten before it has been read for the last time.

        Raises:
            ValueError: naming the call that would read a value that was overwritten.
        """
        lines = _Lines(self)
        blocks = iter(self.blocks)
        block = next(blocks, None)
        for position, call in enumerate(self.calls):
            if position == self.end.start:  # results that lie where the end writes are copied before
                for number in self.outputs:
                    lines.read(number, "the caller")
            if block is None or position < block.first:
                lines.run(position, call)
            elif position == block.stop - 1:
                for start in block.starts:
                    for k in range(block.first, block.stop):
                        lines.run(k, self.calls[k], block, start)
                block = next(blocks, None)
        for number in self.outputs if self.end.start == len(self.calls) else ():
            lines.read(number, "the caller")

    def captured_tensors(self) -> list[tuple[Tensor, bool]]:
        """Return the Tensors whose values a replay takes after its arguments, and whether it writes into them."""
        replaced = set(self.end.over.values())
        return [(w.content, number in replaced) for number, w in enumerate(self.where) if w.place is Place.CAPTURED]

    def to_svg(self) -> str:
        """Return a map of the arena: from left to right the calls, from top to bottom the bytes of values."""
        svg: str = HOOKS.compiled().arena_picture(self).to_svg()
        return svg

    def save(self, path: str | Path, *, dpi: float = 144.0, theme: Literal["light", "dark"] = "light") -> Path:
        """Write the map of the arena, or the table that `print` shows, to a file, whole or not at all.

        Args:
            path: of the file, which ends in .svg, .txt, .png or .pdf. matplotlib paints the last two.
            dpi: dots per inch of a PNG, above 0; 96 gives the size of the SVG.
            theme: the colors, "light" or "dark", of a PNG or a PDF.

        Returns:
            The path.

        Raises:
            ValueError: if there is no such ending or theme, or the dots per inch are not above 0.
            RenderError: if there is no matplotlib for a PNG or a PDF.
        """
        file: Path = HOOKS.compiled().arena_picture(self).save(path, dpi=dpi, theme=theme)
        return file

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        return f"<Plan of {self._headline()}>"

    def __str__(self) -> str:
        table = [("call", "", "value", "where it lies", "your line")]
        for position, call in enumerate(self.calls):
            (place, _, span), spec = self.where[call.value], self.specs[call.value]
            at = "" if span is None else f" {span.start}:{span.stop}"
            text = f"v{call.value} = {call.name}({', '.join(map(argument_text, call.args))})"
            table.append((str(position), text, f"{spec.shape} {spec.dtype}", f"{place}{at}", self.line_of(call)))
        widths = [min(max(map(len, column)), _WIDEST) for column in zip(*table, strict=True)]
        rows = ("  ".join(f"{cell:<{n}}" for cell, n in zip(row, widths, strict=True)).rstrip() for row in table)
        return "\n".join([self._headline(), *map(str, self.blocks), *rows])

    def _headline(self) -> str:
        return f"{len(self.calls):,} calls, an arena of {self.nbytes:,} bytes"


def argument_text(x: Any) -> str:
    """Return an argument as the text of a plan has it."""
    if isinstance(x, Ref):
        return f"v{x.value}"
    if x.__class__ in (tuple, list) and next(refs_in(x), None) is not None:
        return f"({', '.join(map(argument_text, x))})"
    return repr(x) if isinstance(x, (int, float)) else "…"


class _Lines:
    """The value that each cache line of a replay's memory holds: in the arena, in arrays of calls, in replaced ones."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        end, replaced = plan.nbytes // LINE, {w.content for w in plan.where if w.place is Place.REPLACES}
        self._first: dict[int, int] = {}  # where the lines of a value begin
        for number, (place, _, span) in enumerate(plan.where):
            if span is not None:
                self._first[number] = span.start // LINE
            elif number in replaced or (place is Place.ALLOCATED and plan.specs[number].owner == number):
                self._first[number] = end
                end += -(-plan.specs[number].nbytes // LINE)
        for number, (place, content, _) in enumerate(plan.where):
            if place in (Place.OVER, Place.REPLACES):
                self._first[number] = self._first[content]
        self._held = np.full(end, -1)
        for number in replaced:
            self._held[self._lines(number, None, 0)] = number

    def run(self, position: int, call: Call, block: Block | None = None, start: int = 0) -> None:
        """Read what a call reads, in a part of a block that begins at a row, and write its result."""
        for number in call.reads:
            self.read(number, f"call {position}, of {call.node},", block, start)
        if call.value in self._first:
            self._held[self._lines(call.value, block, start)] = call.value

    def read(self, number: int, reader: str, block: Block | None = None, start: int = 0) -> None:
        """Check that a value is there."""
        owner = self._plan.specs[number].owner
        if owner not in self._first:
            return
        lines = self._lines(number, block, start)
        if (self._held[lines] != owner).any():
            raise ValueError(f"Plan: {reader} reads value {number}, which is gone")

    def _lines(self, number: int, block: Block | None, start: int) -> slice:
        """Return the lines of a value: those of a part of it, if the block splits it, or all of its owner's."""
        spec = self._plan.specs[number]
        first = self._first[spec.owner]
        if block is None or spec.offset is None or spec.shape != block.shape or not is_in_order(spec):
            return slice(first, first + -(-self._plan.specs[spec.owner].nbytes // LINE))
        nbytes = block.row * spec.dtype.itemsize
        begin = spec.offset + (0 if self._plan.where[number].place is Place.PART else start * nbytes)
        stop = begin + min(block.step, block.rows - start) * nbytes
        return slice(first + begin // LINE, first + -(-stop // LINE))


def make_plan(
    program: PureProgram,
    outputs: Sequence[str],
    effects: Sequence[str] = (),
    overwritten: Mapping[int, Any] = MappingProxyType({}),
    into: Sequence[Tensor | None] = (),
    owned: Container[int] = (),
    kept_positions: Container[int] | None = None,
    num_checks: int = 0,
) -> Plan:
    """Plan how to compute some nodes of a program.

    Args:
        program: with the arrays that it was made with, on which its operations run once.
        outputs: the ids of the wanted nodes.
        effects: the ids of nodes that are computed although nothing reads them: draws.
        overwritten: the earlier values of Tensors that have changed since, by their ids.
        into: for each wanted node the Tensor that is to have its values in the end, or None.
        owned: the ids of Tensors among the arguments that no one else can see.
        kept_positions: of wanted nodes that outlive the next replay, in memory of their own; all if None.
        num_checks: how many of the wanted nodes, the last ones, are only checked before anything changes.
    """
    values = _Values(program, frozenset(effects), overwritten)
    needed = _needed_nodes(program, (*outputs, *effects))
    with np.errstate(all="ignore"):
        for node in program.graph.nodes:
            if node.id in needed:
                values.add(node)
    numbers = tuple(values.number_of(i) for i in outputs)
    slots = {id(content): values.number_of(i) for i, content in program.bindings.items() if i in values}
    targets = [None if t is None else slots.get(id(t)) for t in into] or [None] * len(numbers)
    specs = values.lowering.specs
    calls = defer_scalars(_without_dead(values.lowering.calls, numbers), specs)
    end = find_update(calls, PlanValues(specs, values.shared_values(owned), program.late), numbers, targets)
    left = [(k, n) for k, n in enumerate(numbers) if n not in end.over]
    borrowed = frozenset(i for i, (k, _) in enumerate(left) if kept_positions is not None and k not in kept_positions)
    results = tuple(n for _, n in left)
    where, last, blocks, nbytes = assign_buffers(
        end, specs, values.where, {n for i, n in enumerate(results) if i not in borrowed}, results
    )
    sources = {node.id: node.source for node in program.graph if node.source is not None}
    scopes = {node.id: node.scope for node in program.graph if node.scope}
    written, arguments = tuple(n in end.over for n in numbers), len(program.inputs)
    rest = (sources, end, written, scopes)
    return Plan(end.calls, tuple(specs), where, last, blocks, results, borrowed, num_checks, arguments, nbytes, *rest)


def _needed_nodes(program: PureProgram, outputs: Sequence[str]) -> set[str]:
    needed = set(outputs)
    for node in reversed(program.graph.nodes):
        if node.id in needed:
            needed.update(node.inputs)
    return needed


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
        # For each node a `RecordingArray`, several of them, or a number or a generator.
        self._found: dict[str, Any] = {}

    def add(self, node: GraphNode) -> None:
        """Lower a node, or note what fills a slot."""
        self._found[node.id] = self._op(node) if node.kind is Kind.OP else self._slot(node)

    def __contains__(self, i: str) -> bool:
        return isinstance(self._found.get(i), RecordingArray)

    def shared_values(self, owned: Container[int]) -> set[int]:
        """Return the numbers of the values that someone else may hold and change, or see change."""
        numbers = set()
        for i, content in self._program.bindings.items():
            if i in self and id(content) not in owned:
                number = self.number_of(i)
                place, spec = self.where[number].place, self.lowering.specs[number]
                if place is Place.ARRAY or (place is Place.ARGUMENT and not spec.is_scalar):
                    numbers.add(number)
        return numbers

    def number_of(self, i: str) -> int:
        """Return the number of a node's value."""
        x = self._found[i]
        return x.number if isinstance(x, RecordingArray) else self._new(np.asarray(x), Place.CONSTANT, x).number

    def _new(self, array: Any, place: Place, content: Any) -> RecordingArray:
        value = self.lowering.placeholder(array)
        self.where[value.number] = Where(place, content)
        return value

    def _slot(self, node: GraphNode) -> Any:
        content = self._program.bindings[node.id]
        if content.__class__ is DynamicScalar:
            return self._new(content.value, Place.ARGUMENT, self._positions[node.id])
        if isinstance(content, Generator) or node.weak:
            return content
        array = content._data if isinstance(content, Tensor) else content
        array = self._overwritten.get(id(content), array)
        if node.id in self._program.fixed:
            return self._new(array, Place.CONSTANT, array)
        if node.id in self._positions:
            return self._new(array, Place.ARGUMENT, self._positions[node.id])
        return self._new(array, Place.CAPTURED if isinstance(content, Tensor) else Place.ARRAY, content)

    def _op(self, node: GraphNode) -> Any:
        op, ids, params = self._program.calls[node.id]
        inputs = [self._found[i] for i in ids]
        if op is get_tuple_element:
            return inputs[0][params["index"]]
        if node.id in self._effects:  # which must not happen now: a draw would be missing at the first replay
            return self.lowering.effect(node.id, op.forward, inputs, params, _zeros_like(node))
        indices = [self._found[i] for i in node.inputs[len(ids) :]]
        again = not indices and OPS.defined.get(op.name) is op
        params = with_indices(params, iter(indices)) if indices else params
        return self.lowering.lower(node.id, op.forward, inputs, params, again)


def _zeros_like(node: GraphNode) -> Any:
    if node.has_several:
        return tuple([np.zeros(*kind)[()] for kind in node.kinds])
    return np.zeros(node.shape, node.dtype)[()]


def _without_dead(calls: Sequence[Call], outputs: Sequence[int]) -> list[Call]:
    """Leave out what nothing reads and has no effect."""
    needed = set(outputs)
    live_calls = []
    for call in reversed(calls):
        if call.value in needed or call.how is How.EFFECT:
            live_calls.append(call)
            needed.update(call.reads)
    return live_calls[::-1]

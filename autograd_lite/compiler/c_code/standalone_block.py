"""A plan as statements in C, of which elementwise ones with the same loop become one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from ...core.node import Source
from ...core.op import Op
from ...ir.pure_program import PureProgram
from ...tensors.tensor import Tensor
from ..buffer_assignment import Place
from ..execution_plan import Plan, make_plan
from ..numpy_calls import Call, How, Ref
from ..recording_array import RecordingArray, Unrecordable
from .standalone_names import TYPES, assigned_names, atom, comment
from .standalone_writer import Memory, View, Writer, dense


class Whole:
    """The forward function of an op that C has as a whole, such as a loop: it is one call of the plan.

    Attributes:
        owner: whose function it is; its method `write_c` writes it.
    """

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def __call__(self, *arrays: Any, **params: Any) -> Any:
        """Do what the function does.

        Raises:
            Unrecordable: if its steps are to be recorded.
        """
        if any(a.__class__ is RecordingArray for a in arrays):
            raise Unrecordable
        return self.owner.forward(*arrays, **params)


def plan_in_c(program: PureProgram, outputs: Sequence[str]) -> Plan:
    """Return a plan in which loops and choices are single calls."""
    calls = dict(program.calls)
    for i, (op, ids, params) in program.calls.items():
        owner = getattr(op.forward, "__self__", None)
        if hasattr(owner, "write_c"):
            calls[i] = Op(op.name, Whole(owner), None, op.infer), ids, params
    return make_plan(replace(program, calls=calls), outputs)


@dataclass(eq=False, slots=True)
class Statement:
    """What computes one value, or a part of it.

    Attributes:
        call: that it belongs to.
        reads: the elements that it reads.
        write: the elements that it writes, of the shape of its loop; None if it writes its lines by itself.
        into: the arrays that it writes.
        expression: of the texts of operands, which are numbers or are at these places among `reads`.
        lines: writes the lines of a statement without an expression.
        work: arrays that it needs meanwhile.
    """

    call: Call
    reads: Sequence[View]
    into: Sequence[Memory]
    write: View | None = None
    expression: Callable[[Sequence[str]], str] | None = None
    lines: Callable[[], None] | None = None
    work: Sequence[Memory] = ()

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of its loop, without dimensions of one element; None if it cannot share a loop."""
        return None if self.write is None else self.write.shape


@dataclass(eq=False, slots=True)
class _Group:
    """Statements in one loop."""

    shape: tuple[int, ...] | None
    statements: list[Statement] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Uses:
    """Where an array is written and read: the numbers of groups, and the statements."""

    writers: list[Statement] = field(default_factory=list)
    readers: list[tuple[Statement, View]] = field(default_factory=list)
    written: int = -1
    last: int = -1


class Block:
    """The statements of a plan.

    Args:
        writer: takes the text.
        program: that the plan is of.
        plan: with arguments that lie in C order.
        inputs: the elements of the arguments.
        statements_of: turns a call into statements, and notes where its value lies.
    """

    def __init__(
        self,
        writer: Writer,
        program: PureProgram,
        plan: Plan,
        inputs: Sequence[View],
        statements_of: Callable[[Block, Call], Iterable[Statement]],
    ) -> None:
        self.writer, self.program, self.plan, self._inputs = writer, program, plan, inputs
        self._views: dict[int, View] = {}
        self.parts: dict[int, Sequence[View]] = {}  # of values that are several
        self._names = assigned_names(self._forward(plan.calls), plan.sources)
        self._alive: list[Memory] = []
        self._uses: dict[Memory, _Uses] = {}
        self.statements_of = statements_of

    def _forward(self, calls: Sequence[Call]) -> list[Call]:
        graph = self.program.graph
        return [call for call in calls if call.node in graph and not graph[call.node].backward]

    # ---- values -----------------------------------------------------------------------------------------------------

    def refusal(self, call: Call, why: str = "") -> UnsupportedError:
        """Return the error for a call that has no counterpart in C."""
        op = self.program.graph[call.node].op if call.node in self.program.graph else call.name
        line = self.plan.line_of(call)
        return UnsupportedError(
            f"to_c: expected operations that a few lines of C can do without a library; received {op or call.name}"
            f"{f' at {line}' if line else ''}{f', {why}' if why else ''}. Compute it before, and pass it as an argument"
        )

    def new(self, call: Call) -> View:
        """Return the elements of a new array for the value of a call."""
        spec = self.plan.specs[call.value]
        if spec.dtype.char not in TYPES:
            raise self.refusal(call, f"whose dtype {spec.dtype} C has no type for")
        memory = Memory(spec.dtype, int(np.prod(spec.shape)))
        memory.wish = self._names.get(call.value, "")
        view = dense(memory, spec.shape)
        if spec.is_dense and not spec.is_scalar:
            view = view._replace(strides=tuple([s // spec.dtype.itemsize for s in spec.strides]))
        self._views[call.value] = view
        return view

    def place(self, number: int, view: View) -> None:
        """Note where a value lies."""
        self._views[number] = view

    def view(self, x: Any, call: Call, dtype: np.dtype[Any] | None = None) -> View:
        """Return the elements of a value or of a constant.

        Args:
            x: a `Ref`, or an array or a number.
            call: that reads it.
            dtype: of a number.
        """
        if x.__class__ is not Ref:
            is_number = x.__class__ in (int, float, bool)
            return self._table(np.asarray(x, dtype if is_number else None), "", call)
        number = x.value
        if number not in self._views:
            spec = self.plan.specs[number]
            if spec.owner == number:
                self._views[number] = self._outside(number, call)
            else:
                base, size = self.view(Ref(spec.owner), call), spec.dtype.itemsize
                if spec.offset is None or base.dtype != spec.dtype:
                    raise self.refusal(call, "which reads a part of an array that depends on values")
                strides = tuple([s // size for s in spec.strides])
                self._views[number] = View(base.memory, base.offset + spec.offset // size, spec.shape, strides)
        return self._views[number]

    def _outside(self, number: int, call: Call) -> View:
        place, content, _ = self.plan.where[number]
        if place is Place.ARGUMENT:
            return self._inputs[content]
        if place not in (Place.CAPTURED, Place.ARRAY, Place.CONSTANT):
            raise self.refusal(call)
        name = getattr(content, "name", None) or ""
        return self._table(np.asarray(content._data if isinstance(content, Tensor) else content), name, call)

    def _table(self, array: Any, name: str, call: Call) -> View:
        if array.dtype.char not in TYPES:
            raise self.refusal(call, f"which reads a constant of dtype {array.dtype}")
        if array.size and (array.size == 1 or _is_uniform(array)):
            text = atom(array.reshape(-1)[0], array.dtype)
            return dense(Memory(array.dtype, 1, text, True), array.shape)
        if 0 in array.shape:
            return dense(Memory(array.dtype, 0), array.shape)
        size = array.dtype.itemsize
        strides = tuple([s // size for s in array.strides])
        first = array[
            tuple([slice(None, None, -1 if s < 0 else None) for s in strides])
        ]  # which lies before all others
        count = 1 + sum((n - 1) * abs(s) for n, s in zip(array.shape, strides, strict=True))
        memory = self.writer.table(np.lib.stride_tricks.as_strided(first, (count,), (size,)), name)
        offset = -sum((n - 1) * s for n, s in zip(array.shape, strides, strict=True) if s < 0)
        return View(memory, offset, array.shape, strides)

    # ---- text -------------------------------------------------------------------------------------------------------

    def write(self, direct: Sequence[View | None] = ()) -> list[View]:
        """Write all statements, and return where the results lie; `close` gives their memory back.

        Args:
            direct: for each result the array that it should be written to, where that can be done at once.
        """
        plan = self.plan
        statements = list[Statement]()
        for call in plan.calls:
            if call.how is not How.VIEW:
                statements += self.statements_of(self, call)
        results = [self.view(Ref(n), plan.calls[-1] if plan.calls else None) for n in plan.outputs]  # type: ignore[arg-type]
        for s in statements:
            for memory in s.into:
                self._uses.setdefault(memory, _Uses()).writers.append(s)
        self._redirect(results, direct)
        groups = self._schedule(statements)
        for view in results:
            if (uses := self._uses.get(view.memory)) is not None:
                uses.last = len(groups)
        last = None
        for k, group in enumerate(groups):
            last = self._write_group(k, group, last)
        return results

    def close(self) -> None:
        """Let other arrays lie where those of the results were."""
        for memory in self._alive:
            self.writer.release(memory)
        self._alive = []

    def _redirect(self, results: Sequence[View], direct: Sequence[View | None]) -> None:
        """Let results be computed where they should be, as far as no copy is needed."""
        for view, end in zip(results, direct, strict=False):
            memory = view.memory
            if end is None or memory.name or memory not in self._uses or memory.size == 1:
                continue
            if end.is_dense and view.is_dense and (end.offset, view.offset, view.size) == (0, 0, memory.size):
                memory.name = end.memory.name

    def _schedule(self, statements: Sequence[Statement]) -> list[_Group]:
        """Put each statement into the first loop like its own after those that it waits for."""
        groups: list[_Group] = []
        by_shape: dict[Any, list[int]] = {}
        for s in statements:
            first = 0
            for view in s.reads:
                uses = self._uses.get(view.memory)
                if uses is not None and uses.written >= 0:
                    joins = groups[uses.written].shape == s.shape and s.shape is not None
                    joins = joins and len(uses.writers) == 1 and uses.writers[0].write == view
                    first = max(first, uses.written + (not joins))
            for memory in s.into:
                first = max(first, self._uses[memory].written + 1)
            at = next((k for k in by_shape.get(s.shape, ()) if k >= first), len(groups)) if s.shape is not None else -1
            if at in (-1, len(groups)):
                at = len(groups)
                groups.append(_Group(s.shape))
                by_shape.setdefault(s.shape, []).append(at)
            groups[at].statements.append(s)
            for memory in s.into:
                self._uses[memory].written = self._uses[memory].last = at
            for view in s.reads:
                if (uses := self._uses.get(view.memory)) is not None:
                    uses.readers.append((s, view))
                    uses.last = max(uses.last, at)
        return groups

    def _write_group(self, k: int, group: _Group, last: Any) -> Any:
        writer = self.writer
        for s in group.statements:
            place = self._line(s.call.node)
            if place is not None and place != last:
                writer.line(comment(*place))
                last = place
        inner = {memory for s in group.statements for memory in s.into if self._stays_inside(memory, group)}
        for memory in dict.fromkeys([m for s in group.statements for m in (*s.into, *s.work)]):
            if not memory.name and memory not in inner:
                writer.declare(memory)
                self._alive.append(memory)
        if group.shape is None:
            (statement,) = group.statements
            assert statement.lines is not None
            statement.lines()
        else:
            self._write_loop(group, inner)
        ended = {m for s in group.statements for m in s.work}
        for memory in self._alive:
            if memory in ended or (memory in self._uses and self._uses[memory].last <= k):
                writer.release(memory)
        self._alive = [memory for memory in self._alive if memory.place >= 0]
        return last

    def _line(self, node: str) -> tuple[Source, bool] | None:
        """Return a line of the user's for an operation, and whether this is a derivative of it."""
        graph, sources = self.program.graph, self.plan.sources
        of = graph[node].of if node in graph else ""
        source = sources.get(of or node)
        return None if source is None or source[:2] == self.writer.caller else (source, bool(of))

    def _stays_inside(self, memory: Memory, group: _Group) -> bool:
        """Return whether the elements of an array are variables of one loop."""
        uses = self._uses[memory]
        if memory.name or group.shape is None or len(uses.writers) != 1 or uses.writers[0].write is None:
            return False
        write = uses.writers[0].write
        if group.shape == ():  # where there is no loop, variables stay
            return memory.size == 1
        members = set(map(id, group.statements))
        inside = all(id(s) in members and view == write for s, view in uses.readers)
        return inside and write.size == memory.size and self._is_temporary(memory)

    def is_read(self, memory: Memory) -> bool:
        """Return whether anything in this block reads an array, or it is a result."""
        return bool(self._uses[memory].readers) or not self._is_temporary(memory)

    def _is_temporary(self, memory: Memory) -> bool:
        return not any(view.memory is memory for view in map(self._views.get, self.plan.outputs) if view is not None)

    def _write_loop(self, group: _Group, inner: set[Memory]) -> None:
        writer, shape = self.writer, group.shape
        assert shape is not None
        views = [v for s in group.statements for v in (*s.reads, s.write) if v is not None and v.memory not in inner]
        shape, cut = _join(shape, views)
        with writer.loops(shape) as indices:
            for s in group.statements:
                assert s.write is not None
                assert s.expression is not None
                memory = s.write.memory
                text = s.expression(
                    [cut(v).element(indices) if v.memory not in inner else v.memory.name for v in s.reads]
                )
                if memory in inner:
                    memory.name, memory.is_variable = writer.names.new(memory.wish or "v"), True
                    writer.line(f"const {memory.type} {memory.name} = {text};")
                    continue
                writer.line(f"{cut(s.write).element(indices)} = {text};")

    def copy(self, start: View, end: View) -> None:
        """Write a copy of some elements."""
        start, end = start.broadcast(end.shape).squeeze(), end.squeeze()
        shape, cut = _join(end.shape, [start, end])
        with self.writer.loops(shape) as indices:
            self.writer.line(f"{cut(end).element(indices)} = {cut(start).element(indices)};")


def _is_uniform(array: Any) -> bool:
    """Return whether all elements are the same bits."""
    return array.tobytes() == np.broadcast_to(array.reshape(-1)[0], array.shape).tobytes()


def _join(shape: tuple[int, ...], views: Sequence[View]) -> tuple[tuple[int, ...], Callable[[View], View]]:
    """Return a shape with dimensions joined where all views allow that, and what changes views like it."""
    joined = [[k] for k in range(len(shape))]
    k = 0
    while k + 1 < len(joined):
        a, b = joined[k][-1], joined[k + 1][0]
        if all(v.memory.is_variable or v.strides[a] == v.strides[b] * shape[b] for v in views):
            joined[k] += joined.pop(k + 1)
        else:
            k += 1

    def cut(view: View) -> View:
        if view.memory.is_variable:
            return view
        return view._replace(shape=new, strides=tuple([view.strides[part[-1]] for part in joined]))

    new = tuple([int(np.prod([shape[k] for k in part])) for part in joined])
    return new, cut

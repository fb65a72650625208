"""Loops, choices and calls of functions in C that stands alone; see `compiler.c_code.standalone`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compiler.buffer_assignment import Place
from ..compiler.c_code.standalone_block import Block, plan_in_c
from ..compiler.c_code.standalone_writer import Memory, View, dense
from ..compiler.execution_plan import Plan
from ..compiler.numpy_calls import Call
from ..ir.pure_program import PureProgram
from .body import Body

_LONGEST = 1 << 30  # steps that an int counts
_NEXT = "next"  # a carry that another one is copied from


def write_scan(scan: Any, block: Block, call: Call, inputs: Sequence[View], results: Sequence[View]) -> None:
    """Write a loop, whose carries lie where its results do.

    Args:
        scan: the operation.
        block: that it is part of.
        call: of the operation.
        inputs: its arguments.
        results: arrays for its results, of which those that nothing reads are left out.
    """
    writer, n, m = block.writer, scan.num_carry, scan.num_carry + scan.num_xs
    rest, temporaries = _dense(block, inputs[n:])
    collected = [k for k in range(n, len(results)) if block.is_read(results[k].memory)]
    ys = [results[k] for k in collected]
    for x, carry in zip(inputs, results[:n], strict=False):
        block.copy(x, carry)
    for y in ys if scan.until or scan.limit else ():
        block.copy(dense(Memory(y.dtype, 1, "0", True), ()), y)
    program, plan = _plan_of(block, call, scan.body, [*range(n), *collected])
    t = writer.names.new("t")
    with writer.braces(_head(scan, t, inputs, results)):
        read = _arguments_read(plan)
        entries = [_entry(block, x, t, True) if n + k in read else x for k, x in enumerate(rest[: m - n])]
        rows = [_entry(block, y, t, False) for y in ys]
        inner = Block(writer, program, plan, [*results[:n], *entries, *rest[m - n :]], block.statements_of)
        new = inner.write([*[None] * n, *rows])
        for y, row in zip(new[n:], rows, strict=True):
            _copy(block, y, row)
        _carry_on(block, new[:n], results[:n])
        inner.close()
    for memory in temporaries:
        writer.release(memory)


def _head(scan: Any, t: str, inputs: Sequence[View], results: Sequence[View]) -> str:
    length = f"(int){inputs[scan.limit].element()}" if scan.limit else str(scan.length)
    if scan.until:
        go_on = results[scan.until].element()
        return f"for (int {t} = 0; {t} < {length} && {go_on}; {t}++)" if scan.length < _LONGEST else f"while ({go_on})"
    if scan.reverse:
        return f"for (int {t} = {length} - 1; {t} >= 0; {t}--)"
    return f"for (int {t} = 0; {t} < {length}; {t}++)"


def write_choice(choice: Any, block: Block, call: Call, inputs: Sequence[View], results: Sequence[View]) -> None:
    """Write two branches; see `write_scan`."""
    no, yes = choice.bodies
    _write_functions(block, call, {f"if ({inputs[0].element()})": yes, "else": no}, inputs, results)


def write_call(called: Any, block: Block, call: Call, inputs: Sequence[View], results: Sequence[View]) -> None:
    """Write a function where it is called; see `write_scan`."""
    _write_functions(block, call, {"/* a function that is called here */": called.body}, inputs, results)


def _write_functions(
    block: Block, call: Call, bodies: dict[str, Body], inputs: Sequence[View], results: Sequence[View]
) -> None:
    """Write functions of the same arguments and results, each in braces after a head."""
    rest, temporaries = _dense(block, inputs)
    positions = [k for k, result in enumerate(results) if block.is_read(result.memory)]
    ends = [results[k] for k in positions]
    for head, body in bodies.items():
        with block.writer.braces(head):
            inner = Block(block.writer, *_plan_of(block, call, body, positions), rest, block.statements_of)
            for value, end in zip(inner.write(ends), ends, strict=True):
                _copy(block, value, end)
            inner.close()
    for memory in temporaries:
        block.writer.release(memory)


def _plan_of(block: Block, call: Call, body: Body, positions: Sequence[int]) -> tuple[PureProgram, Plan]:
    """Return a body's program and the plan of some of its results."""
    if body.effects or body.generators:
        raise block.refusal(call, "whose function draws numbers or shows values")
    program = body.program_for([np.array(np.asarray(a), order="C") for a in body.examples])
    outputs = program.graph.outputs
    return program, plan_in_c(program, [outputs[k] for k in positions])


def _arguments_read(plan: Plan) -> set[int]:
    """Return the positions of the arguments that a plan reads."""
    numbers = {plan.specs[n].owner for n in (*plan.outputs, *(n for call in plan.calls for n in call.reads))}
    return {plan.where[n].content for n in numbers if plan.where[n].place is Place.ARGUMENT}


def _dense(block: Block, views: Sequence[View]) -> tuple[list[View], list[Memory]]:
    """Return views whose elements lie in C order, and the arrays that were made for that."""
    results, temporaries = [], []
    for view in views:
        if view.size > 1 and (not view.is_dense or view.memory.is_variable):
            memory = Memory(view.dtype, view.size)
            block.writer.declare(memory)
            temporaries.append(memory)
            block.copy(view, dense(memory, view.shape))
            view = dense(memory, view.shape)
        results.append(view)
    return results, temporaries


def _entry(block: Block, whole: View, t: str, is_read: bool) -> View:
    """Return the entry of an array that belongs to a step."""
    writer, shape = block.writer, whole.shape[1:]
    size, type = int(np.prod(shape)), whole.memory.type
    if whole.memory.is_variable:
        return dense(whole.memory, shape)
    row = View(whole.memory, whole.offset, whole.shape[:1], whole.strides[:1])
    if not is_read and size == 1:
        return dense(Memory(whole.dtype, 1, row.element([t]), True), shape)
    name = writer.names.new(f"{whole.memory.name}_{t}")
    const = "const " if is_read else ""
    star, value = ("", row.element([t])) if size == 1 else ("*const ", row.pointer([t]))
    writer.line(f"{const}{type} {star}{name} = {value};")
    return dense(Memory(whole.dtype, size, name, size == 1), shape)


def _copy(block: Block, start: View, end: View) -> None:
    if start.memory.name != end.memory.name or start.offset != end.offset or not start.is_dense:
        block.copy(start, end)


def _carry_on(block: Block, new: Sequence[View], carries: Sequence[View]) -> None:
    """Write the new carries over the old ones, which some of the new ones may be."""
    own, last = {carry.memory for carry in carries}, []
    for start, end in zip(new, carries, strict=True):
        if start.squeeze() == end.squeeze():
            continue
        if start.memory in own:
            memory = Memory(start.dtype, start.size)
            memory.wish = _NEXT
            block.writer.declare(memory)
            block.copy(start, dense(memory, end.shape))
            start = dense(memory, end.shape)
        last.append((start, end))
    for start, end in last:
        block.copy(start, end)
        if start.memory.wish == _NEXT:
            block.writer.release(start.memory)

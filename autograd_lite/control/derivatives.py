"""Bodies derived from bodies: one that returns residuals, its backward pass, forward mode, and batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..core.mode import enable_grad
from ..core.multi_result import get_tuple_element
from ..engine.walk import cotangents, edge_of
from ..functional.argument_selection import variable
from ..functional.dual import Dual, ForwardLevel, primal_of, tangent_of
from ..functional.vmap_transform import Batched, unbatch
from ..ir.graph_node import Kind
from ..ir.pure_graph import PureGraph
from ..ir.pure_program import PureProgram
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, wrap_any
from .body import Body, needed_for, values_of
from .closure_conversion import record_body


def is_floating(spec: Any) -> bool:
    """Return whether gradients flow through arrays of this dtype."""
    return spec.dtype.kind in "fc"


# ---- reverse mode ---------------------------------------------------------------------------------------------------


class LinearizedBody(NamedTuple):
    """A body in two parts, for reverse mode.

    Attributes:
        steps: returns the results of the body, and then what `back` reads of the way to them.
        back: takes the cotangents of the floating results, those of some arguments so far, what `steps` has kept, and
            the arguments of the body named by `reads`; it returns the cotangents of the wanted arguments.
        reads: the positions of the arguments that `back` reads.
        num_residuals: how many arrays `steps` keeps.
    """

    steps: Body
    back: Body
    reads: tuple[int, ...]
    num_residuals: int


def linearize_body(
    body: Body,
    wrt: tuple[int, ...],
    summed: tuple[int, ...],
    changing: int,
    gone: int,
    arriving: Mapping[int, int] = MappingProxyType({}),
) -> LinearizedBody:
    """Return the two parts of a body.

    Args:
        body: the body.
        wrt: the positions of the arguments that gradients are for.
        summed: those among them whose cotangents begin with what other steps have contributed. The engine would add
            the contributions of all steps one by one, in this order, so that the sums are the same to the last bit.
        changing: how many arguments, the first ones, differ from step to step. What depends on none of them is not
            kept, but computed again.
        gone: how many of those `back` will not be given, so that those it reads are residuals.
        arriving: for some results an argument, whose cotangent begins with that of the result.
    """
    key = "linear", wrt, summed, changing, gone, tuple(arriving.items())
    if key not in body.derived:
        body.derived[key] = _cut_in_two(body, _joint(body, wrt, summed, arriving), changing, gone)
    parts: LinearizedBody = body.derived[key]
    return parts


def _joint(body: Body, wrt: tuple[int, ...], summed: tuple[int, ...], arriving: Mapping[int, int]) -> Body:
    """Return a body and its backward pass in one."""
    n = len(body.examples)
    floating = [k for k, spec in enumerate(body.specs) if is_floating(spec)]
    stands_for: dict[Any, Any] = {}

    def both(*values: Tensor) -> list[Tensor]:
        inputs, gs = list(values[:n]), values[n : n + len(floating)]
        so_far = dict(zip(summed, values[n + len(floating) :], strict=True))
        with enable_grad():
            for i in wrt:
                inputs[i] = v = variable(values[i], None)
                stands_for[v._node] = values[i]._node
            targets = {i: inputs[i]._node for i in wrt}
            out = body(*inputs)
            roots: dict[Any, Any] = {targets[i]: g for i, g in so_far.items()}
            for k, g in zip(floating, gs, strict=True):
                if k in arriving or (t := out[k]).requires_grad:
                    edge = targets[arriving[k]] if k in arriving else edge_of(t)
                    roots[edge] = roots[edge] + g if edge in roots else g
            totals = cotangents(roots, set(targets.values()), retain_graph=True, create_graph=True) if roots else {}
        zeros = (wrap(np.zeros(values[i].shape, values[i].dtype), None) for i in wrt)
        return [*out, *(totals.get(targets[i], zero) for i, zero in zip(wrt, zeros, strict=True))]

    gs = [np.ones(body.specs[k].shape, body.specs[k].dtype) for k in floating]
    return record_body(body.name, both, [*body.examples, *gs, *(body.examples[i] for i in summed)], stands_for)


def _cut_in_two(body: Body, whole: Body, changing: int, gone: int) -> LinearizedBody:
    """Cut a body with its backward pass in two."""
    program, n, m = whole.program, len(body.examples), len(body.outputs)
    position = {i: k for k, i in enumerate(program.inputs[:n]) if i is not None}
    early = needed_for(program, (*whole.outputs[:m], *whole.effects)) | set(position)
    early |= {i for i, (op, calls, _) in program.calls.items() if op is get_tuple_element and calls[0] in early}
    varying = _varying_nodes(program, {i for i, k in position.items() if k < changing})
    residuals, reads, inside = set[str](), set[int](), set[str]()
    stack = list(whole.outputs[m:])
    while stack:
        i = stack.pop()
        if i in inside:
            continue
        inside.add(i)
        if i in position and position[i] >= gone:
            reads.add(position[i])
        elif i in varying and i in early:
            residuals.add(i)
        else:
            stack += program.graph[i].inputs
    order = sorted(residuals, key=lambda i: int(i[1:]))
    first = replace(program, inputs=program.inputs[:n])
    steps = Body(body.name, first, [*whole.outputs[:m], *order], whole.effects, whole.examples[:n])
    examples = values_of(whole, order)
    arguments = [*program.inputs[n:], *order, *(program.inputs[k] for k in sorted(reads))]
    second = only_inside(replace(program, inputs=tuple(arguments)), inside, examples, whole.outputs[m:])
    examples_of_back = [*whole.examples[n:], *(examples[i] for i in order), *(whole.examples[k] for k in sorted(reads))]
    back = Body(f"{body.name} backward", second, whole.outputs[m:], (), examples_of_back)
    return LinearizedBody(steps, back, tuple(sorted(reads)), len(order))


def _varying_nodes(program: PureProgram, changing: set[str]) -> set[str]:
    """Return what depends on some slots or on draws."""
    ids = set(changing)
    for node in program.graph:
        if node.kind is Kind.STATE or ids.intersection(node.inputs):
            ids.add(node.id)
    return ids


def only_inside(
    program: PureProgram, inside: set[str], residuals: Mapping[str, Any], outputs: Sequence[str]
) -> PureProgram:
    """Return the part of a program that is inside, in which the residuals fill slots."""
    nodes = [
        replace(node, kind=Kind.INPUT, op="", glyph="", inputs=(), params=(), needs=(), flops=0)
        if node.id in residuals
        else node
        for node in program.graph
        if node.id in inside
    ]
    bindings = {i: value for i, value in program.bindings.items() if i in inside}
    bindings |= {i: wrap(a, None) for i, a in residuals.items()}
    calls = {i: call for i, call in program.calls.items() if i in inside and i not in residuals}
    inputs = tuple(i if i in inside else None for i in program.inputs)
    return replace(
        program,
        graph=PureGraph(tuple(nodes), tuple(outputs)),
        inputs=inputs,
        bindings=MappingProxyType(bindings),
        calls=MappingProxyType(calls),
    )


# ---- forward mode and batches ---------------------------------------------------------------------------------------


def push_body(body: Body, active: tuple[int, ...]) -> Body:
    """Return a body that also takes tangents of some arguments, and returns those of its floating results."""
    if (key := ("pushed", active)) in body.derived:
        return body.derived[key]
    n = len(body.examples)

    def forward(*values: Tensor) -> list[Tensor]:
        level, inputs = ForwardLevel(), list(values[:n])
        for i, t in zip(active, values[n:], strict=True):
            inputs[i] = wrap_any(Dual(values[i], t, level), None)
        out = body(*inputs)
        tangents = [tangent_of(t, level) for t, spec in zip(out, body.specs, strict=True) if is_floating(spec)]
        return [*(primal_of(t, level) for t in out), *tangents]

    body.derived[key] = record_body(body.name, forward, [*body.examples, *(body.examples[i] for i in active)])
    return body.derived[key]


def batch_body(body: Body, flags: tuple[bool, ...], size: int, always: frozenset[int]) -> tuple[Body, tuple[bool, ...]]:
    """Return a body for a batch of examples, and which of its results are one for each of them.

    Args:
        body: the body.
        flags: which arguments are batched, along their first axis.
        size: the number of examples.
        always: the positions of results that are made to be batched.
    """
    if (key := ("batched", flags, size, always)) in body.derived:
        return body.derived[key]
    is_batched: list[bool] = []

    def forward(*values: Tensor) -> list[Tensor]:
        level = Level()
        pairs = zip(values, flags, strict=True)
        out = body(*(wrap_any(Batched(t, level), None) if flag else t for t, flag in pairs))
        have_axis = [isinstance(t._data, Batched) and t._data.level is level for t in out]
        is_batched[:] = [flag or k in always for k, flag in enumerate(have_axis)]
        return [wrap_any(unbatch(t, size, level), None) if flag else t for t, flag in zip(out, is_batched, strict=True)]

    examples = [
        np.repeat(np.asarray(a)[None], size, axis=0) if flag else a
        for a, flag in zip(body.examples, flags, strict=True)
    ]
    batched = record_body(body.name, forward, examples)
    body.derived[key] = batched, tuple(is_batched)
    return body.derived[key]

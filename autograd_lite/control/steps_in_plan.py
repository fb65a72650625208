"""Loops in plans: what a scan computes as calls of NumPy around one call of all steps, which is one record in C."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ..compiler.inner_loops import CASTS
from ..compiler.native_segments import needs_no_python
from ..compiler.numpy_calls import How
from ..compiler.passes.pass_pipeline import optimize
from ..compiler.recording_array import RecordingArray, Unrecordable, concrete
from ..compiler.steps import Steps
from ..core.equivalents import Loops
from ..core.errors import AssumptionFailed
from ..core.multi_result import get_tuple_element
from ..core.op import OPS
from ..engine.walk import may_have_nan
from ..ir.pure_graph import PureGraph
from ..native.kernels import library
from ..tensors.record import wrap
from .body import Body

_WITHOUT_NAN: Any = library.choices()["without_nan"] if library else None
# Elements that all steps together go through, and bytes of what they return: beyond these Python's share is small.
_MOST_WORK, _MOST_BYTES = 1 << 22, 1 << 22


def is_recorded(arrays: Sequence[Any]) -> bool:
    """Return whether arrays record the calls on them."""
    return any(a.__class__ is RecordingArray for a in arrays)


def record_steps(
    run: Callable[..., Sequence[Any]], body: Body, n: int, m: int, length: int, reverse: bool, arrays: Sequence[Any]
) -> list[Any]:
    """Record a call that runs a body step by step.

    Args:
        run: does so on arrays, and returns the results.
        body: without effects.
        n, m: the numbers of arrays in the carry, and of those and the xs.
        length: the number of steps.
        reverse: whether the last entry comes first.
        arrays: the inputs.

    Raises:
        Unrecordable: if it is better called by itself.
    """
    values = [np.asarray(concrete(a)) for a in arrays]
    work = length * sum([math.prod(shape) for i in body.order for shape, _ in body.program.graph[i].kinds])
    nbytes = sum([math.prod(s.shape) * s.dtype.itemsize * (1 if k < n else length) for k, s in enumerate(body.specs)])
    fits = all((a.shape, a.dtype) == _kind(x) for a, x in zip(values[:n], body.examples, strict=False))
    recorded = [a for a in arrays if a.__class__ is RecordingArray]
    odd = not recorded or any(a.lowering.specs[a.number].weak for a in recorded)
    if library is None or length < 1 or body.effects or work > _MOST_WORK or nbytes > _MOST_BYTES or odd or not fits:
        raise Unrecordable
    one = [*[np.array(a, order="C") for a in values[:n]], *[a[0, ...] for a in values[n:m]], *values[m:]]
    plan = body.plan(one, ())
    if not needs_no_python(plan):
        raise Unrecordable
    results = run(*values)
    if any(
        (plan.specs[k].shape, plan.specs[k].dtype) != _kind(s) for k, s in zip(plan.outputs, body.specs, strict=True)
    ):
        raise Unrecordable
    steps = Steps(body.name, run, results, plan, n, m, length, reverse)
    lowering = recorded[0].lowering
    whole = lowering.record(How.LOOPS, steps, tuple(arrays), {})
    parts = [lowering.record(How.CALL, part, (whole,), {}) for part in steps.parts]
    return [
        part if isinstance(a, np.ndarray) else lowering.record(How.UFUNC, np.positive, (part,), {})
        for part, a in zip(parts, results, strict=True)
    ]


def record_body_calls(body: Body | None, arrays: Sequence[Any]) -> list[Any]:
    """Record the calls of a body that runs once."""
    if body is None or not is_recorded(arrays):
        return []
    lowering = next(a.lowering for a in arrays if a.__class__ is RecordingArray)
    inputs = {i: a for i, a in zip(body.program.inputs, arrays, strict=True) if i is not None}
    slots = {i: wrap(np.asarray(concrete(a)), None) for i, a in inputs.items()}
    graph = PureGraph(body.program.graph.nodes, body.outputs)
    bindings: Mapping[str, Any] = MappingProxyType({**body.program.bindings, **slots})
    program = optimize(replace(body.program, graph=graph, bindings=bindings), **body.options)[-1].program
    values: dict[str, Any] = {**{i: _data(x) for i, x in program.bindings.items()}, **inputs}
    for i, (op, ids, params) in program.calls.items():
        if len(ids) < len(program.graph[i].inputs):
            raise Unrecordable
        if op is get_tuple_element:
            values[i] = values[ids[0]][params["index"]]
        else:
            again = OPS.defined.get(op.name) is op
            values[i] = lowering.lower(lowering.node, op.forward, [values[k] for k in ids], params, again)
    return [values[i] for i in program.graph.outputs]


def record_constants(arrays: Sequence[Any], like: Sequence[Any]) -> list[Any]:
    """Record copies of the arrays among others that do not record."""
    lowering = next(a.lowering for a in like if a.__class__ is RecordingArray)
    if any(a.__class__ is not RecordingArray and a.dtype.char not in CASTS for a in arrays):
        raise Unrecordable
    return [
        a if a.__class__ is RecordingArray else lowering.record(How.UFUNC, CASTS[a.dtype.char], (a,), {})
        for a in arrays
    ]


def record_without_nan(x: Any) -> Any:
    """Record a call that returns an array as it is, and raises `AssumptionFailed` if there may be a NaN in it."""
    if x.__class__ is not RecordingArray or x.dtype.kind not in "fc":
        return x
    is_array = isinstance(x.array, np.ndarray)
    whole = x.lowering.record(How.LOOPS, Loops(_without_nan, _WITHOUT_NAN, AssumptionFailed()), (x,), {})
    return whole if is_array else x.lowering.record(How.UFUNC, np.positive, (whole,), {})


def _without_nan(x: Any) -> Any:
    if may_have_nan(x):
        raise AssumptionFailed
    return np.array(x, order="C")


def _data(x: Any) -> Any:
    return getattr(x, "_data", x)


def _kind(x: Any) -> tuple[Any, Any]:
    return x.shape, x.dtype

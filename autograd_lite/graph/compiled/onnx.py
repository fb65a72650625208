"""A compiled function as an ONNX model: the operations of its results, after the passes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ...compiler.abstract_values import ArrayKind
from ...compiler.passes.dead import without_dead
from ...compiler.trace_cache import Trace
from ...core.dynamic_scalars import plain_number
from ...core.errors import UnsupportedError
from ...core.shape_arithmetic import ShapeDtype
from ...files.atomic_writes import write_file
from ...ir.pure_program import PureProgram
from ...tree import items
from ..export.onnx import OnnxOptions, onnx_model


def onnx_of(
    trace: Trace, arguments: Sequence[tuple[str, Any]], path: str | os.PathLike[str] | None, options: OnnxOptions
) -> bytes:
    """Return the ONNX model of a trace, and write it to a file if there is a path."""
    assert trace.replay is not None
    if numbers := [name for name, x in arguments if x in (int, float)]:
        raise UnsupportedError(
            f"to_onnx: expected numbers among the arguments to be constants; received a function that takes others at "
            f"every call as {', '.join(numbers)}. Pass them as arrays, such as np.float64(0.5)"
        )
    names = [name for name, x in arguments if isinstance(x, ArrayKind)]
    after, before = (_forward(trace, trace.replay.passes[k].program, names) for k in (-1, 0))
    try:
        model = onnx_model(after, **options)
    except UnsupportedError:  # a pass may have put in an operation that ONNX lacks
        model = onnx_model(before, **options)
    if path is not None:
        write_file(path, model, caller="to_onnx")
    return model


def _forward(trace: Trace, program: PureProgram, names: list[str]) -> PureProgram:
    """Return the program of the results alone, whose arguments are those of the function that are arrays."""
    assert trace.replay is not None
    kinds = [x for _, x in items(trace.arguments) if isinstance(x, ArrayKind)]
    results = program.graph.outputs[: len(trace.replay.traced.results)]
    bindings = {i: plain_number(value) for i, value in program.bindings.items()}
    forward = replace(
        program,
        graph=replace(program.graph, outputs=results),
        inputs=program.inputs[: len(kinds)],
        names=tuple(names),
        bindings=MappingProxyType(bindings),
        _specs=tuple([ShapeDtype(kind.shape, kind.dtype) for kind in kinds]),
    )
    return without_dead(forward)

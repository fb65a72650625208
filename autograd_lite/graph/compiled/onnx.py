"""A compiled function as an ONNX model: what its results are made of, after the passes."""

from __future__ import annotations

import os
from dataclasses import replace
from types import MappingProxyType

from ...compiler.compiled import Trace
from ...compiler.kinds import ArrayKind
from ...core.errors import UnsupportedError
from ...core.files import write_file
from ...core.live import bare_number
from ...core.shapes import ShapeDtype
from ...ir.program import PureProgram
from ...passes.dead import without_dead
from ...tree import items
from ..export.onnx import OnnxOptions, onnx_model


def onnx_of(trace: Trace, names: list[str], path: str | os.PathLike[str] | None, options: OnnxOptions) -> bytes:
    """Return the ONNX model of a trace, and write it to a file if there is a path."""
    assert trace.replay is not None
    after, before = (_forward(trace, trace.replay.passes[k].program, names) for k in (-1, 0))
    try:
        model = onnx_model(after, **options)
    except UnsupportedError:  # a pass may have put in an operation that ONNX lacks
        model = onnx_model(before, **options)
    if path is not None:
        write_file(path, model, what="to_onnx")
    return model


def _forward(trace: Trace, program: PureProgram, names: list[str]) -> PureProgram:
    """Return the program of the results alone, whose arguments are those of the function that are arrays."""
    assert trace.replay is not None
    kinds = [x for _, x in items(trace.given) if isinstance(x, ArrayKind)]
    results = program.graph.outputs[: len(trace.replay.traced.results)]
    bindings = {i: bare_number(thing) for i, thing in program.bindings.items()}
    forward = replace(
        program,
        graph=replace(program.graph, outputs=results),
        inputs=program.inputs[: len(kinds)],
        names=tuple(names),
        bindings=MappingProxyType(bindings),
        _specs=tuple([ShapeDtype(kind.shape, kind.dtype) for kind in kinds]),
    )
    return without_dead(forward)

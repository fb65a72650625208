"""Compiled functions into files: their operations and the values that these read, but no code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...compiler.compiled_function import Compiled
from ...control.body import Body
from ...core.op import OPS, Op
from ...files import free_name, write_arrays
from ...ir.observing import Check
from ...ir.pure_graph import PureGraph
from ...ir.pure_program import PureProgram
from ...ir.tape import OBSERVE
from ...random import Generator
from ...tensors.tensor import Tensor
from ..export.json_format import document_of
from .codec import UnwritableError, ValueCodec, like
from .loaded import Loaded, Saved
from .loops import PRIVATE, describe_loop, loop_of
from .saved_host_state import HostStateWriter

ENTRY = "autograd_lite"  # of the metadata
FORMAT = "autograd_lite.compiled"
VERSION = 3
_NO_CODE = ": a file holds no code"


def save_compiled(compiled: Compiled[Any, Any], path: str | os.PathLike[str]) -> None:
    """Write a compiled function; see `Compiled.save_compiled`."""
    name = getattr(compiled, "__name__", "function")
    saved = [Saved(t.arguments, t.out, t.replay.traced) for t in compiled.traces if t.replay is not None]
    if isinstance(compiled, Loaded):
        saved = list(compiled.saved)
    if not saved:
        raise ValueError(
            f"save_compiled: expected a function that is replayed; received {name}, of which there is no replay. Call "
            "it twice with arguments of each kind that it will be called with, and see explain()"
        )
    writing = _Writing()
    about = writing.describe(name, compiled.exact, compiled.max_bytes, saved)
    write_arrays("save_compiled", path, writing.arrays, about, ENTRY)


class _Writing:
    """Writes functions that share Tensors and generators.

    Attributes:
        arrays: of the file, by name.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self._tensors: dict[int, tuple[int, str]] = {}  # the number and name of each, by its id
        self._described: dict[str, dict[str, Any]] = {}  # by their names
        self._generators: list[Generator] = []
        self._values = ValueCodec(self.arrays, self._generators)
        self._host_state = HostStateWriter(self._values)

    def describe(self, name: str, exact: bool, max_bytes: int | None, saved_traces: Sequence[Saved]) -> dict[str, Any]:
        """Return the description of a function."""
        traces = [self._trace(saved) for saved in saved_traces]
        # After all traces, which add generators as they meet them.
        generators = [{"name": g.name, "state": _plain(g.state)} for g in self._generators]
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": name,
            "exact": exact,
            "max_bytes": max_bytes,
            "traces": traces,
            "tensors": list(self._described.values()),
            "states": self._host_state.containers(),
            "generators": generators,
        }

    def _trace(self, saved: Saved) -> dict[str, Any]:
        traced, program = saved.traced, saved.traced.program
        checks = {i for i in traced.effects if _is_check(program.calls.get(i))}
        effects = [i for i in traced.effects if i not in checks]
        n, m, outputs = len(traced.results), len(traced.effects), program.graph.outputs
        outputs_kept = (*outputs[:n], *outputs[n + len(traced.saved) : len(outputs) - m], *effects)  # without a history
        graph = _part_needed(program.graph, outputs_kept)
        before = {id(g): leaf for leaf, g in traced.before if g is not None}
        about = self._program(program, graph, before)
        inputs = about["inputs"]
        advice = f"{_NO_CODE}. Compute it before the call, and pass it as an argument"
        with _expecting("Python values outside of Tensors that can be written", advice):
            host_state = self._host_state.host_state(traced.host_state)
            last = inputs[len(inputs) - len(traced.slots) :]
            slots = [[self._host_state.slot(x), i] for x, i in zip(traced.slots, last, strict=True)]
        return {
            **about,
            "given": self._outer(saved.arguments, "arguments"),
            "out": self._outer(saved.out, "results"),
            "inputs": inputs[: len(inputs) - len(traced.slots)],
            "slots": slots,
            "hosts": host_state,
            "put": list(traced.put),
            "results": list(traced.results),
            "assigned": [[self._tensor(leaf), i] for leaf, i in traced.assigned],
            "written": [[self._tensor(t), only] for t, only in traced.written],
            "gradients": [[self._tensor(leaf), i] for leaf, i in traced.gradients],
            "before": [[self._tensor(leaf, grad=True), g is not None] for leaf, g in traced.before],
            "captured": [self._tensor(t) for t in traced.captured if id(t) not in before],
            "effects": effects,
            "backward": traced.backward,
            "masks": traced.masks,
        }

    def _program(self, program: PureProgram, graph: PureGraph, before: Mapping[int, Tensor]) -> dict[str, Any]:
        """Return the description of a program, as far as it is in a graph.

        Args:
            program: the program.
            graph: the part of its graph to describe.
            before: the leaves whose gradients fill slots, by the ids of these.
        """
        for i, value in program.bindings.items():
            if i in graph and isinstance(value, Generator) and value not in self._generators:
                self._generators.append(value)
        inputs = [i if i is not None and i in graph else None for i in program.inputs]
        bindings = {
            i: self._binding(i, value, before, i in program.fixed)
            for i, value in program.bindings.items()
            if i in graph and i not in inputs
        }
        return {
            "graph": document_of(graph),
            "inputs": inputs,
            "bindings": bindings,
            "params": {i: self._params(graph, i, program.calls[i]) for i in program.calls if i in graph},
            "fixed": sorted(i for i in program.fixed if i in bindings),
        }

    def _body(self, body: Body) -> dict[str, Any]:
        """Return the description of the body of a loop."""
        effects = [i for i in body.effects if not _is_check(body.program.calls.get(i))]
        graph = _part_needed(body.program.graph, (*body.outputs, *effects))
        about = self._program(body.program, graph, {})
        return {**about, "name": body.name, "results": len(body.outputs), "examples": list(map(like, body.examples))}

    def _outer(self, tree: Any, contents: str) -> Any:
        with _expecting(f"{contents} that are arrays, numbers, texts, or dicts, lists and tuples of these"):
            return self._values.write(tree, contents)

    def _tensor(self, t: Tensor, grad: bool = False) -> int:
        """Return the number of a captured Tensor."""
        if id(t) not in self._tensors:
            name = free_name(str(t.name or "captured"), self._described)
            data = self._values.write(t._data, name)
            self._tensors[id(t)] = len(self._described), name
            self._described[name] = {"name": name, "requires_grad": t.requires_grad, "data": data}
        number, name = self._tensors[id(t)]
        about = self._described[name]
        held = getattr(t, "_grad", None)
        if grad and held is not None and "grad" not in about:
            about["grad"] = self._values.write(held._data, f"{name}.grad")
        return number

    def _binding(self, i: str, value: Any, before: Mapping[int, Tensor], fixed: bool) -> dict[str, Any]:
        """Return the description of the value that fills a slot."""
        if id(value) in before:
            return {"gradient": self._tensor(before[id(value)], grad=True)}
        if isinstance(value, Tensor) and not fixed:
            return {"tensor": self._tensor(value)}
        with _expecting("captured values that can be written"):
            return {"value": self._values.write(value._data if isinstance(value, Tensor) else value, f"constant {i}")}

    def _params(self, graph: PureGraph, i: str, call: tuple[Op, Any, Mapping[str, Any]]) -> dict[str, Any]:
        op, _, params = call
        source = graph[i].source
        where = f" at {source}" if source else ""
        if (loop := loop_of(op)) is not None:
            return describe_loop(loop, self._body)
        if op not in (OPS.get(op.name), PRIVATE.get(op.name)):
            raise TypeError(
                f"save_compiled: expected operations of autograd_lite's tables; received '{op.name}'{where}, which is "
                "a custom one: a file holds no code. Write it with NumPy's functions, or save the model instead"
            )
        values = {}
        for name, value in params.items():
            expected, advice, received = f"{name} of '{op.name}'{where} to be plain", "", ""
            if op is OBSERVE:
                expected, advice = (
                    "effects that can be written",
                    f"{_NO_CODE}. Compile a function without it, and save that",
                )
                received = f"a function of yours{where}, which observe or debug_print calls"
            with _expecting(expected, advice, received):
                values[name] = self._values.write(value, f"{name} of {i}")
        return values


@contextmanager
def _expecting(expected: str, advice: str = "", received: str = "") -> Iterator[None]:
    """Raise TypeError with an expectation, where a value cannot be written."""
    try:
        yield
    except UnwritableError as error:
        raise TypeError(f"save_compiled: expected {expected}; received {received or error}{advice}") from None


def _is_check(call: Any) -> bool:
    return call is not None and call[0] is OBSERVE and isinstance(call[2]["function"], Check)


def _part_needed(graph: PureGraph, outputs: tuple[str, ...]) -> PureGraph:
    """Return the part of a graph that some of its nodes need."""
    needed = set(outputs)
    for node in reversed(graph.nodes):
        if node.id in needed:
            needed.update(node.inputs)
    return replace(graph, nodes=tuple([node for node in graph.nodes if node.id in needed]), outputs=outputs)


def _plain(state: Any) -> Any:
    """Return the state of a bit generator as JSON has it."""
    if isinstance(state, dict):
        return {key: _plain(part) for key, part in state.items()}
    return state.tolist() if hasattr(state, "tolist") else state

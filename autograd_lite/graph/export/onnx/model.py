"""The model around the nodes: inputs, outputs, initializers, names, and what the file says of itself."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np

from ....core import VERSION
from ....core.errors import GradError, UnsupportedError
from ....core.shape_arithmetic import Shape
from ....ir.graph_node import GraphNode, Kind
from ....ir.pure_program import PureProgram
from . import wire
from .batch import Sized, axes_of, merge, resize
from .emit import Emitter, Value
from .names import Names
from .translate import DOMAIN, Translation, translate
from .wire import NodeRecord, ValueSpec

IR_VERSION = 8
OPSETS = (17, 18)
LARGEST = 2**31 - 1  # bytes: a Protocol Buffers message cannot be larger

_Axes = tuple[int | str | None, ...]


class OnnxOptions(TypedDict, total=False):
    """The keywords of `Program.to_onnx`."""

    opset: int
    gradients: bool
    dynamic_batch: bool
    custom_domain: bool
    name: str


class _Output(NamedTuple):
    """A result of the model: the id of its node, and its name."""

    id: str
    name: str


class _Version(NamedTuple):
    """A program, written: its nodes, and the Values of its inputs."""

    translation: Translation
    inputs: list[Value]

    def shapes(self) -> dict[str, Shape]:
        """Return the shapes of inputs and results of nodes by name."""
        return {v.name: v.shape for v in (*self.inputs, *self.translation.emitter.values.values())}


def onnx_model(
    program: PureProgram,
    *,
    opset: int = 17,
    gradients: bool = False,
    dynamic_batch: bool = False,
    custom_domain: bool = False,
    name: str = "autograd_lite",
) -> bytes:
    """Return a program as an ONNX model; see `Program.to_onnx`."""
    if opset not in OPSETS:
        raise ValueError(f"to_onnx: expected opset to be one of {OPSETS}; received {opset!r}")
    outputs = _outputs(program, gradients)
    ids = [output.id for output in outputs]
    graph = Sized(_nodes_of(program, ids), program.calls, program._bind_slots(()))
    _check_size(graph, program.inputs)
    # For any batch size it is written for three of them, which say what depends on it.
    sizes = _batch_sizes(program) if dynamic_batch else [0]
    versions = [_write(program, graph, sizes[0], size, ids, opset, custom_domain) for size in sizes]
    done, inputs = versions[0]
    axes: dict[str, _Axes] = dict(versions[0].shapes())
    if dynamic_batch:
        merge([version.translation.emitter for version in versions], sizes, next(v for v in inputs if v.shape))
        shapes = [version.shapes() for version in versions]
        axes |= {i: axes_of([of[i] for of in shapes], sizes) for i in axes if all(i in of for of in shapes)}
        axes |= {v.name: v.shape for v in done.emitter.values.values() if v.name not in axes}
    if done.custom:
        _warn_of_custom(done)
    draws = [node.id for node in graph.nodes if node.op.startswith("random_")]
    if draws:
        warnings.warn(
            f"to_onnx: the graph draws random numbers ({', '.join(draws[:5])}{', …' if len(draws) > 5 else ''}), as "
            "dropout does in training, and the ONNX model will too. Call model.eval() before tracing it",
            UserWarning,
            stacklevel=3,
        )
    return _Assembly(program, done, inputs, axes, outputs).encode(name)


def _batch_sizes(program: PureProgram) -> list[int]:
    """Return the batch size of the example inputs, and two others."""
    lengths = {spec.shape[0]: None for spec in program._specs if spec.shape}
    if len(lengths) != 1 or 1 in lengths:
        raise UnsupportedError(
            f"to_onnx(dynamic_batch=True): expected inputs whose axis 0 is the batch, of one length of at least 2; "
            f"received lengths {', '.join(map(str, lengths)) or 'of none'}. Trace with other example arguments"
        )
    (old,) = lengths
    return [old, old + 1, 4 * old + 3]  # the last so that what takes log2 of it steps takes more of them


def _write(
    program: PureProgram, graph: Sized, old: int, size: int, outputs: list[str], opset: int, custom_domain: bool
) -> _Version:
    """Write a graph at a batch size; 0 stands for its own shapes."""
    emitter, inputs, slots, batched = Emitter(opset), [], {}, []
    for k, (i, spec) in enumerate(zip(program.inputs, program._specs, strict=True)):
        shape = (size, *spec.shape[1:]) if size and spec.shape else spec.shape
        inputs.append(Value(emitter, f"\0i{k}", np.dtype(spec.dtype), shape))
        if i is not None:
            slots[i] = inputs[-1]
            batched += [i] if spec.shape else []
    graph = resize(graph, batched, old, size) if size else graph
    return _Version(translate(*graph, slots, emitter, outputs=outputs, custom_domain=custom_domain), inputs)


def _outputs(program: PureProgram, gradients: bool) -> list[_Output]:
    graph = program.graph
    several = len(graph.outputs) > 1
    outputs = [
        _Output(i, graph[i].name or (f"output_{k}" if several else "output")) for k, i in enumerate(graph.outputs)
    ]
    if not gradients:
        return outputs
    if not graph.flows:
        raise GradError(
            "to_onnx(gradients=True): expected a backward pass; received a forward graph. Make the program with "
            "backward=True"
        )
    return outputs + [_Output(c, f"{graph[i].name or i}.grad") for i, c in graph.gradients.items()]


def _nodes_of(program: PureProgram, outputs: Sequence[str]) -> list[GraphNode]:
    """Return the nodes that some results are made of, in recorded order."""
    ids = set(outputs)
    for node in reversed(program.graph.nodes):
        if node.id in ids:
            ids.update(node.inputs, filter(None, (node.of, node.toward)) if node.backward else ())
    return [node for node in program.graph if node.id in ids]


def _check_size(graph: Sized, inputs: Sequence[str | None]) -> None:
    slots = [node for node in graph.nodes if node.kind is not Kind.OP and node.id in graph.bound]
    total = sum(node.nbytes for node in slots if node.id not in inputs)
    if total > LARGEST - 2**20:  # the rest takes some bytes too
        raise ValueError(
            f"to_onnx: expected parameters and constants of less than 2 GB, the most that a Protocol Buffers file can "
            f"hold; received {total / 1e9:.2f} GB. Make large constants inputs, or export the parts one by one"
        )


def _warn_of_custom(done: Translation) -> None:
    names = sorted({r.node.op for r in done.custom})
    warnings.warn(
        f"to_onnx: {', '.join(names)} were written as operators of the domain {DOMAIN!r}; whoever runs the file must "
        "supply them",
        UserWarning,
        stacklevel=4,
    )


class _Assembly:
    """Puts the pieces together under their final names."""

    def __init__(
        self,
        program: PureProgram,
        done: Translation,
        inputs: list[Value],
        axes: dict[str, _Axes],
        outputs: Sequence[_Output],
    ) -> None:
        self.program, self.done, self.inputs, self.axes, self.outputs = program, done, inputs, axes, outputs
        self.emitter = done.emitter
        self.names = Names()
        self.final: dict[str, str] = {"": ""}  # an input left out
        self.shared: dict[Any, str] = {}

    def encode(self, name: str) -> bytes:
        """Return the file."""
        emitter = self.emitter
        inputs = [self._name(v, wish, "input") for v, wish in zip(self.inputs, self.program.names, strict=True)]
        for internal, i in self.done.named.items():
            self.final[internal] = self.names.new(self.program.graph[i].name, i)
        outputs = self._results()
        for internal in emitter.values:
            if internal not in self.final:
                self.final[internal] = self.names.new(emitter.titles.get(internal, internal))
        initializers = self._initializers()
        stated = {spec.name for spec in outputs}
        values = [self._spec(v) for v in emitter.values.values() if self.final[v.name] not in stated]
        return self._model(wire.graph(name, map(self._rename, emitter.nodes), initializers, inputs, outputs, values))

    def _model(self, body: wire.Message) -> bytes:
        opsets = {"": self.emitter.opset}
        metadata = {"autograd_lite.graph": self.program.graph.summary()}
        if self.done.custom:
            opsets[DOMAIN] = 1
            metadata["autograd_lite.operators"] = ", ".join(sorted({r.node.op for r in self.done.custom}))
        encoded = wire.model(
            body, ir_version=IR_VERSION, opsets=opsets, producer=("autograd_lite", VERSION), metadata=metadata
        )
        if len(encoded) > LARGEST:
            raise ValueError(
                f"to_onnx: expected a file of at most 2 GB, the limit of Protocol Buffers; received {len(encoded)} "
                "bytes. Export the parts one by one"
            )
        return encoded

    def _name(self, value: Value, *wishes: str) -> ValueSpec:
        self.final[value.name] = self.names.new(*wishes)
        return self._spec(value)

    def _spec(self, value: Value) -> ValueSpec:
        return ValueSpec(self.final[value.name], value.dtype, self.axes[value.name])

    def _results(self) -> list[ValueSpec]:
        """Name the outputs; one that is not the result of a node, or occurs twice, goes through an Identity."""
        specs = []
        for output in self.outputs:
            value = self.done.values[output.id]
            assert isinstance(value, Value)
            if value.name in self.final or value.name not in self.emitter.values:
                axes = self.axes.get(value.name, value.shape)
                self.emitter.at(None)
                value = self.emitter.call("Identity", value)
                self.axes[value.name] = axes
            specs.append(self._name(value, output.name, "output"))
        return specs

    def _initializers(self) -> dict[str, np.ndarray]:
        """Return the constants that some node reads; equal ones without a name of their own are one."""
        used = {x for record in self.emitter.nodes for x in record.inputs}
        initializers: dict[str, np.ndarray] = {}
        for internal, array in self.emitter.constants.items():
            if internal not in used:
                continue
            if internal not in self.final:
                key = (array.dtype.str, array.shape, array.tobytes())
                if key not in self.shared:
                    self.shared[key] = self.names.new(f"c{len(self.shared)}")
                self.final[internal] = self.shared[key]
            initializers.setdefault(self.final[internal], array)
        return initializers

    def _rename(self, record: NodeRecord) -> NodeRecord:
        inputs, outputs = (tuple(self.final[x] for x in xs) for xs in (record.inputs, record.outputs))
        return record._replace(inputs=inputs, outputs=outputs)

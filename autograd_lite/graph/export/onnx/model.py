"""The model around the nodes: inputs, outputs, initializers, names, and what the file says of itself."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np

from ....core import VERSION
from ....core.errors import GradError, UnsupportedError
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


class _Written(NamedTuple):
    """The nodes of a model, the Values of its inputs, and the axes of every Value."""

    done: Translation
    inputs: list[Value]
    axes: dict[str, _Axes]


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
    nodes = _nodes_of(program, [o.id for o in outputs])
    bound = program._bound(())
    _check_size(nodes, program.inputs, bound)
    write = _Writer(program, nodes, [o.id for o in outputs], bound, opset, custom_domain)
    written = write.dynamic() if dynamic_batch else write.static()
    if written.done.custom:
        _report(written.done)
    draws = [node.id for node in nodes if node.op.startswith("random_")]
    if draws:
        warnings.warn(
            f"to_onnx: the graph draws random numbers ({', '.join(draws[:5])}{', …' if len(draws) > 5 else ''}), as "
            "dropout does in training, and the ONNX model will too. Call model.eval() before tracing it",
            UserWarning,
            stacklevel=3,
        )
    return _Assembly(program, written, outputs).encode(name)


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


def _check_size(nodes: Sequence[GraphNode], inputs: Sequence[str | None], bound: Mapping[str, Any]) -> None:
    total = sum(n.nbytes for n in nodes if n.kind is not Kind.OP and n.id in bound and n.id not in inputs)
    if total > LARGEST - 2**20:  # the rest takes some bytes too
        raise ValueError(
            f"to_onnx: expected parameters and constants of less than 2 GB, the most that a Protocol Buffers file can "
            f"hold; received {total / 1e9:.2f} GB. Make large constants inputs, or export the parts one by one"
        )


def _report(done: Translation) -> None:
    names = sorted({r.node.op for r in done.custom})
    warnings.warn(
        f"to_onnx: {', '.join(names)} were written as operators of the domain {DOMAIN!r}; whoever runs the file must "
        "supply them",
        UserWarning,
        stacklevel=4,
    )


class _Writer(NamedTuple):
    """Writes the nodes of a program, at its own shapes or for any batch size."""

    program: PureProgram
    nodes: list[GraphNode]
    outputs: list[str]
    bound: Mapping[str, Any]
    opset: int
    custom_domain: bool

    def static(self) -> _Written:
        """Write for the shapes that the program was made with."""
        done, inputs = self._at(Sized(self.nodes, self.program.calls, self.bound))
        return _Written(done, inputs, {v.name: v.shape for v in (*inputs, *done.emitter.values.values())})

    def dynamic(self) -> _Written:
        """Write for any batch size: for three of them, which say what depends on it."""
        program = self.program
        lengths = {spec.shape[0]: None for spec in program._specs if spec.shape}
        if len(lengths) != 1 or 1 in lengths:
            raise UnsupportedError(
                f"to_onnx(dynamic_batch=True): expected inputs whose axis 0 is the batch, of one length of at least 2; "
                f"received lengths {', '.join(map(str, lengths)) or 'of none'}. Trace with other example arguments"
            )
        (old,) = lengths
        sizes = [old, old + 1, 4 * old + 3]  # the last so that what takes log2 of it steps takes more of them
        batched = [i for i, spec in zip(program.inputs, program._specs, strict=True) if i is not None and spec.shape]
        versions = [self._at(resize(self.nodes, program.calls, self.bound, batched, old, size), size) for size in sizes]
        emitters = [done.emitter for done, _ in versions]
        done, inputs = versions[0]
        merge(emitters, sizes, next(v for v in inputs if v.shape))
        axes = {v.name: axes_of([values[k].shape for _, values in versions], sizes) for k, v in enumerate(inputs)}
        for name, value in done.emitter.values.items():
            in_all = all(name in e.values for e in emitters)
            axes[name] = axes_of([e.values[name].shape for e in emitters], sizes) if in_all else value.shape
        return _Written(done, inputs, axes)

    def _at(self, at: Sized, size: int = 0) -> tuple[Translation, list[Value]]:
        emitter, specs = Emitter(self.opset), self.program._specs
        shapes = [(size, *spec.shape[1:]) if size and spec.shape else spec.shape for spec in specs]
        pairs = enumerate(zip(specs, shapes, strict=True))
        inputs = [Value(emitter, f"\0i{k}", np.dtype(spec.dtype), shape) for k, (spec, shape) in pairs]
        slots = {i: value for i, value in zip(self.program.inputs, inputs, strict=True) if i is not None}
        done = translate(
            at.nodes, at.calls, at.bound, slots, emitter, outputs=self.outputs, custom_domain=self.custom_domain
        )
        return done, inputs


class _Assembly:
    """Puts the pieces together under their final names."""

    def __init__(self, program: PureProgram, written: _Written, outputs: Sequence[_Output]) -> None:
        self.program, self.outputs = program, outputs
        self.done, self.inputs, self.axes = written
        self.emitter = self.done.emitter
        self.names = Names()
        self.final: dict[str, str] = {"": ""}  # an input left out
        self.shared: dict[Any, str] = {}

    def encode(self, name: str) -> bytes:
        """Return the file."""
        emitter = self.emitter
        inputs = [self._input(value, wish) for value, wish in zip(self.inputs, self.program.names, strict=True)]
        for internal, i in self.done.named.items():
            self.final[internal] = self.names.new(self.program.graph[i].name, i)
        outputs = self._results()
        for internal in emitter.values:
            if internal not in self.final:
                self.final[internal] = self.names.new(emitter.titles.get(internal, internal))
        initializers = self._initializers()
        claimed = {spec.name for spec in outputs}
        specs = [ValueSpec(self.final[v.name], v.dtype, self.axes[v.name]) for v in emitter.values.values()]
        body = wire.graph(
            name,
            map(self._rename, emitter.nodes),
            initializers,
            inputs,
            outputs,
            [spec for spec in specs if spec.name not in claimed],
        )
        return self._model(body)

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

    def _input(self, value: Value, wish: str) -> ValueSpec:
        self.final[value.name] = self.names.new(wish, "input")
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
            self.final[value.name] = self.names.new(output.name, "output")
            specs.append(ValueSpec(self.final[value.name], value.dtype, self.axes[value.name]))
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

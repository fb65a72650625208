"""A graph with what fills its slots: what runs again on new arrays, and is measured."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from ..core.duck_arrays import to_numpy
from ..core.errors import AssumptionFailed, GradError, ShapeError
from ..core.indices import indices_in, with_indices
from ..core.mode import record_source
from ..core.node import LEAF, Node
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..engine.walk import conjugate, edge_of
from ..random import Generator
from ..tensors.tensor import Tensor, tensor
from ..tree import items, leaves, map as map_leaves
from .build import BuiltGraph, build_from
from .graph_node import Kind, Role, number_of
from .pure_graph import PureGraph
from .slot_nodes import slot_tensor
from .stats import NOT_MEASURED, Measurement, Stats
from .tape import Recorder


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PureProgram:
    """A graph and its bindings: what runs again on other arrays. `autograd_lite.graph.Program` adds files to it.

    Attributes:
        graph: the structure.
        inputs: for each argument of `__call__` the id of its slot, or None for one that the graph does not read.
        names: of the arguments.
        bindings: for every slot its tensor, array, number or generator. Tensors are read when the program runs, so it
            follows `assign` and `optimizer.step()`.
        recorded_values: of operations, as far as the record held them when the program was made, such as draws.
        calls: for every operation its op, the ids of its array arguments, and its parameters.
        fixed: the ids of slots that will always hold what they hold.
        late: the ids of operations that were recorded after the last backward pass.

    Example:
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import Program
        >>> program = Program.trace(lambda x: np.sin(x) * 2, np.ones(2))
        >>> isinstance(program, PureProgram), len(program.inputs)
        (True, 1)
    """

    _kind: ClassVar[type[PureGraph]] = PureGraph

    graph: PureGraph
    inputs: tuple[str | None, ...]
    names: tuple[str, ...]
    bindings: Mapping[str, Any]
    recorded_values: Mapping[str, Any]
    calls: Mapping[str, tuple[Op, tuple[str, ...], Mapping[str, Any]]]
    _specs: tuple[ShapeDtype, ...]
    fixed: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        size, _, results = repr(self.graph).partition(" of ")[2].partition("; ")
        takes = f"; takes {', '.join(self.names)}" if self.names else ""
        return f"<{type(self).__name__} of {size}{takes}; {results}"

    @classmethod
    def build(cls, tensors: Tensor | Iterable[Tensor], *, backward: bool = False) -> Self:
        """Make the program of the operations that made some tensors; see `build_graph`.

        Its arguments are the graph's inputs, in the order of their first use.
        """
        graph_of = build_from(tensors, backward=backward)
        ids = [node.id for node in graph_of.graph if node.kind is Kind.INPUT and node.role is Role.FORWARD]
        specs = [ShapeDtype(graph_of.graph[i].shape, graph_of.graph[i].dtype) for i in ids]
        return cls._of(graph_of, ids, [graph_of.graph[i].name or i for i in ids], specs)

    @classmethod
    def trace(cls, f: Callable[..., Any], *args: Any, backward: bool = False) -> Self:
        """Run a function once on example arguments, and make its program; see `trace`."""
        arguments, slots, names = _arguments(f, args)
        result = _run(f, arguments)
        graph_of = build_from(result, backward=backward and any(t.requires_grad for t in result))
        if backward and not graph_of.graph.gradients:
            arguments, slots, names = _arguments(f, args, with_gradients=True)
            graph_of = build_from(_run(f, arguments), backward=True)
        ids = {id(value): i for i, value in graph_of.bindings.items() if isinstance(value, Tensor)}
        specs = [ShapeDtype(t.shape, t.dtype) for t in slots]
        return cls._of(graph_of, [ids.get(id(t)) for t in slots], names, specs)

    @classmethod
    def _of(
        cls,
        graph_of: BuiltGraph,
        ids: Sequence[str | None],
        names: Sequence[str] = (),
        specs: Sequence[ShapeDtype] = (),
        fixed: Iterable[str] = (),
        late: Iterable[str] = (),
    ) -> Self:
        bindings = {
            i: np.ones(value.shape, value.dtype) if value.__class__ is Node else value  # a seed
            for i, value in graph_of.bindings.items()
            if i not in graph_of.calls
        }
        return cls(
            cls._kind.of(graph_of.graph),
            tuple(ids),
            tuple(names),
            MappingProxyType(bindings),
            MappingProxyType(graph_of.recorded_values),
            MappingProxyType(graph_of.calls),
            tuple(specs),
            frozenset(fixed),
            frozenset(late),
        )

    def __call__(self, *inputs: Any) -> Any:
        """Compute the outputs for new inputs; without any, for those that it was made with.

        Args:
            inputs: arrays of the shapes and dtypes that it was made with.

        Returns:
            An array, or a tuple of them if there are several outputs.

        Raises:
            TypeError: if the number of inputs is another.
            ShapeError: if a shape is another.
        """
        values = self.values(*inputs, redraw=True, backward=False)
        outputs = tuple(values[i] for i in self.graph.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def gradients(self, *inputs: Any) -> dict[str, Any]:
        """Return the gradient of the sum of the outputs for each parameter, by its name, or its id if it has none.

        Raises:
            GradError: if the program was made without a backward pass.
        """
        if not self.graph.flows:
            raise GradError("Program.gradients: expected a backward pass; received a forward graph. Pass backward=True")
        values = self.values(*inputs)
        # In the graph a complex cotangent is the conjugate of the gradient that users see, see `engine.walk`.
        return {self.graph[leaf].name or leaf: conjugate(values[i]) for leaf, i in self.graph.gradients.items()}

    def values(self, *inputs: Any, redraw: bool = False, backward: bool = True) -> dict[str, Any]:
        """Compute everything, and return the value of every node by its id; for a generator, the generator itself.

        Args:
            inputs: as of `__call__`.
            redraw: draw random numbers again, even where the numbers of the record are known.
            backward: run the backward pass too, if the graph has one.
        """
        values = self._bind_slots(inputs)
        draws = {} if redraw else self.recorded_values
        with np.errstate(all="ignore"):
            for node in self.graph.nodes:
                if node.id in values or (node.backward and not backward):
                    continue
                if node.id in draws and node.op.startswith("random_"):
                    values[node.id] = draws[node.id]
                else:
                    values[node.id] = self.compute(node.id, values)
        return values

    def first_changed(self, values: Mapping[str, Any]) -> str | None:
        """Return the first node whose value differs from the record, which means that inputs have changed since."""
        recorded = sorted((i for i in self.recorded_values if i in values), key=number_of)
        return next((i for i in recorded if not _same(values[i], self.recorded_values[i])), None)

    def measure(self, *inputs: Any, values: bool = True, seconds: bool = False, repeats: int = 3) -> PureGraph:
        """Return the graph with numbers at its nodes.

        Args:
            inputs: as of `__call__`.
            values: measure how large the elements of every array are, and of every cotangent, if there is a backward
                pass.
            seconds: run each operation alone and measure how long it takes, the shortest of `repeats` times.
        """
        results = self.values(*inputs)
        times = self._time_calls(results, repeats) if seconds else {}
        arrays = {i: v for i, v in results.items() if not isinstance(v, (Generator, tuple))} if values else {}
        stats = {i: Stats.of(v) for i, v in arrays.items()}
        cotangents = self.graph.cotangents
        found_at = {
            node.id: Measurement(stats.get(node.id), stats.get(cotangents.get(node.id, "")), times.get(node.id))
            for node in self.graph
        }
        measured = {i: m for i, m in found_at.items() if m != NOT_MEASURED}
        return replace(self.graph, measurements=measured)

    def _time_calls(self, values: Mapping[str, Any], repeats: int) -> dict[str, float]:
        times: dict[str, float] = {}
        with np.errstate(all="ignore"):
            for _ in range(repeats):
                for i in self.calls:
                    if self.graph[i].op.startswith("random_"):
                        continue  # a draw would advance the generator
                    begin = time.perf_counter()
                    self.compute(i, values)
                    took = time.perf_counter() - begin
                    times[i] = min(took, times.get(i, took))
        return times

    def compute(self, i: str, values: Mapping[str, Any]) -> Any:
        """Return what an operation gives for the values of the nodes that it reads, those of indices included."""
        op, arguments, params = self.calls[i]
        if params and next(indices_in(params), None) is not None:
            params = with_indices(params, iter([values[k] for k in self.graph[i].inputs[len(arguments) :]]))
        return op.forward(*[values[a] for a in arguments], **params)

    def _bind_slots(self, inputs: Sequence[Any]) -> dict[str, Any]:
        """Return the values of all slots."""
        values = {i: value._data if isinstance(value, Tensor) else value for i, value in self.bindings.items()}
        if inputs and len(inputs) != len(self.inputs):
            raise TypeError(
                f"Program: expected {len(self.inputs)} inputs ({', '.join(self.names)}), or none for those that it was "
                f"made with; received {len(inputs)}"
            )
        for value, i, name, spec in zip(inputs, self.inputs, self.names, self._specs, strict=False):
            array = value.data if isinstance(value, Tensor) else np.asarray(value)
            if array.shape != spec.shape:
                raise ShapeError(
                    f"Program: expected {name} of shape {spec.shape}, as it was made with; received {array.shape}. "
                    "Trace the function anew for other shapes"
                )
            if i is not None:
                values[i] = array.astype(spec.dtype, copy=False)
        freed = next((i for i, v in values.items() if isinstance(v, ShapeDtype)), None)
        if freed is not None:
            raise GradError(
                f"Program: the constant {freed} of shape {values[freed].shape} was let go by backward. Make the "
                "program before, or call backward(retain_graph=True)."
            )
        return values


def _same(a: Any, b: Any) -> bool:
    """Return whether two values are the same up to rounding: BLAS may add in another order."""
    a, b = to_numpy(a), to_numpy(b)
    if a.shape != b.shape or a.dtype.kind not in "fc":
        return a.shape == b.shape and bool(np.array_equal(a, b))
    with np.errstate(all="ignore"):
        return bool(np.allclose(a, b, rtol=1e-3, equal_nan=True))


# ---- how a program is made ------------------------------------------------------------------------------------------


def _run(f: Callable[..., Any], arguments: Sequence[Any]) -> list[Tensor]:
    if not callable(f):
        raise TypeError(
            f"trace: expected a function, and then its arguments, trace(f, *args); received {type(f).__name__} as the "
            "function. For what has been computed already there is build_graph(tensor)"
        )
    recording = Recorder(f, "trace")
    try:
        with recording.running():
            result = f(*arguments)
    except AssumptionFailed:  # then the branch that it does take is part of the graph
        recording.undo()
        with record_source():
            result = f(*arguments)
    recording.release_values()
    results = leaves(result)
    if not results or not all(isinstance(t, Tensor) for t in results):
        wrong = next((type(t).__name__ for t in results if not isinstance(t, Tensor)), "nothing")
        name = getattr(f, "__name__", "the function")
        cure = "Return what the operations on the arguments give, without .numpy(), .item() or float()"
        if not any(isinstance(leaf, Tensor) for argument in arguments for leaf in leaves(argument)):
            cure = "None of the arguments is an array, and numbers are passed as they are: pass np.array(3.0), say"
        raise TypeError(
            f"trace: expected {name} to return a Tensor, or a container of Tensors; received {wrong}. {cure}"
        )
    return recording.settle(results)


def _arguments(
    f: Callable[..., Any], args: Sequence[Any], *, with_gradients: bool = False
) -> tuple[list[Any], list[Tensor], list[str]]:
    """Return the arguments with Tensors in place of arrays, those Tensors in order, and their names."""
    slots: list[Tensor] = []
    names: list[str] = []
    arguments = []
    for name, arg in zip(_names(f, len(args)), args, strict=True):
        paths = iter([name + path for path, _ in items(arg)])

        def as_argument(leaf: Any, paths: Any = paths) -> Any:
            path = next(paths)
            if not isinstance(leaf, (Tensor, np.ndarray, np.generic)):
                return leaf
            t = leaf if isinstance(leaf, Tensor) else tensor(leaf, name=path)
            if with_gradients and not t.requires_grad and t.dtype.kind in "fc":
                t = tensor(t, requires_grad=True, name=t.name)
            slots.append(t)
            names.append(t.name or path)
            is_input = edge_of(t) is t and t._node is not LEAF
            return slot_tensor(t, t._data) if is_input else t

        arguments.append(map_leaves(as_argument, arg))
    return arguments, slots, names


def _names(f: Callable[..., Any], n: int) -> list[str]:
    """Return what the function calls its positional arguments; a module's are those of its `call`."""
    try:
        parameters = list(inspect.signature(getattr(f, "call", f)).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}[{i}]" for i in range(n - len(names))]
        elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
    return (names + [f"x{i}" for i in range(len(names), n)])[:n]

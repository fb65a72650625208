"""Compiled functions from files, which are not trusted: reading gives a function or one error."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ...compiler.abstract_values import ArrayKind
from ...compiler.trace import Recording
from ...control.body import Body
from ...core.errors import UnsupportedError
from ...core.indices import indices_in
from ...core.multi_result import Dtypes
from ...core.op import OPS, Op
from ...files import SavedFileError, Unreadable, nth, of_kind, read_arrays, refuse, refused_as
from ...ir.graph_node import GraphNode, Kind, make_param
from ...ir.pure_graph import PureGraph
from ...ir.pure_program import PureProgram
from ...random import Generator
from ...tensors.record import wrap
from ...tensors.tensor import Tensor, tensor
from ...tensors.views import knows_views
from ...tree import leaves
from ..export.json_format import graph_of
from .codec import ValueCodec, example
from .loaded import Loaded, Saved
from .loops import PRIVATE, read_loop
from .saved_host_state import HostStateReader
from .writing import ENTRY, FORMAT, VERSION

_MOST_ELEMENTS = 2**31  # of one value that is computed


def load_compiled(path: str | os.PathLike[str]) -> Loaded:
    """Read a compiled function that `Compiled.save_compiled` wrote.

    It runs without the code that it was made from, on arguments of the kinds that it had been called with, and its
    results are the same bit for bit. Its effects go on where they were: parameters, states and random generators are
    those of the file. A file names operations of autograd_lite's tables and nothing else that runs.

    Args:
        path: of the file.

    Returns:
        A `Loaded`: call it like the function. `captured` has the Tensors that it reads and changes, by name.

    Raises:
        ValueError: if the file is damaged, or another one.
        UnsupportedError: if it has operations that this version does not have.
        OSError: if it cannot be read.

    Example:
        >>> import os, tempfile
        >>> import numpy as np, autograd_lite as ag
        >>> double = ag.compile(lambda x: 2 * x)
        >>> for _ in range(2):
        ...     _ = double(np.ones(2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     double.save_compiled(os.path.join(folder, "double"))
        ...     again = ag.load_compiled(os.path.join(folder, "double"))
        >>> again(np.array([1.0, 5.0]))
        array([ 2., 10.])
    """
    caller = "load_compiled"
    arrays, about = read_arrays(caller, path, ENTRY)

    def refusal(error: BaseException) -> Exception:
        other = f"expected the description of a compiled function; received another one ({error!r:.100})"
        problem = str(error) if isinstance(error, Unreadable) else other
        return SavedFileError(f"{caller}: {problem}. The file is damaged, or was not written by save_compiled")

    with refused_as(caller, refusal, UnsupportedError):
        about = about or {}
        if about.get("format") != FORMAT:
            refuse(f"a file of the format {FORMAT!r}", about.get("format"))
        if about.get("version") != VERSION:
            refuse(f"version {VERSION} of the format, which this version reads", about.get("version"))
        return _Reading(arrays, about).read_function()


class _Reading:
    """Reads the description in a file."""

    def __init__(self, arrays: dict[str, Any], about: Mapping[str, Any]) -> None:
        self._about = about
        self._values = ValueCodec(arrays, [_generator(part) for part in about["generators"]])
        self._host_state = HostStateReader(self._values, about["states"])
        self._tensors = [self._tensor(part) for part in about["tensors"]]

    def read_function(self) -> Loaded:
        """Return the function."""
        captured = {t.name or "": t for t in self._tensors}
        if len(captured) != len(self._tensors):
            refuse("Tensors of different names", [t.name for t in self._tensors])
        if not (traces := [self._trace(part) for part in self._about["traces"]]):
            refuse("at least one trace", traces)
        name, exact = of_kind(str, self._about["name"]), of_kind(bool, self._about["exact"])
        max_bytes = self._about["max_bytes"]
        if max_bytes is not None and of_kind(int, max_bytes) < 0:
            refuse("a number of bytes", max_bytes)
        return Loaded(name, traces, captured, self._host_state.containers, exact, max_bytes)

    def _tensor(self, about: Mapping[str, Any]) -> Tensor:
        data, requires_grad = self._array(about["data"]), of_kind(bool, about["requires_grad"])
        if requires_grad and data.dtype.kind not in "fc":
            refuse("a Tensor of floating numbers where a gradient is required", str(data.dtype))
        t = tensor(data, requires_grad=requires_grad, name=of_kind(str, about["name"]))
        if "grad" in about:
            g = self._array(about["grad"])
            if (g.shape, g.dtype) != (t.shape, t.dtype):
                refuse(f"a gradient of shape {t.shape}", about)
            t._grad = wrap(g, None)
        return t

    def _array(self, text: Any) -> Any:
        a = self._values.read(text)
        return a if isinstance(a, (np.ndarray, np.generic)) else refuse("an array", text)

    def _written_tensors(self, about: Any, assigned: Sequence[tuple[Tensor, str]]) -> tuple[tuple[Tensor, bool], ...]:
        written = tuple((nth(self._tensors, n), of_kind(bool, only)) for n, only in about)
        leaves = {id(leaf) for leaf, _ in assigned}
        for t, _ in written:
            if id(t) not in leaves:
                refuse("Tensors that are written in place", about)
            knows_views(t)
        return written

    def _trace(self, about: Mapping[str, Any]) -> Saved:
        graph = graph_of(about["graph"])
        before = tuple((nth(self._tensors, n), had) for n, had in about["before"])
        grads = {id(leaf): _gradient_of(leaf) if had is True else None for leaf, had in before}
        host_state = self._host_state.host_state(about["hosts"])
        slots = [(self._host_state.slot(part), i) for part, i in about["slots"]]
        program = self._program(graph, about, grads, slots)
        assigned = tuple((nth(self._tensors, n), _id(graph, i)) for n, i in about["assigned"])
        gradients = tuple((nth(self._tensors, n), None if i is None else _id(graph, i)) for n, i in about["gradients"])
        results, put, effects = ([_id(graph, i) for i in about[name]] for name in ("results", "put", "effects"))
        outputs = [*results, *(i for _, i in assigned), *(i for _, i in gradients if i is not None), *put, *effects]
        if outputs != list(graph.outputs):
            refuse("the outputs of the graph", outputs)
        for leaf, i in (*assigned, *gradients):
            if i is not None and (graph[i].shape, graph[i].dtype) != (leaf.shape, leaf.dtype):
                refuse(f"a value of shape {leaf.shape} for {leaf.name!r}", graph[i].shape)
        arguments, out = (self._values.read(about[name]) for name in ("given", "out"))
        if not (isinstance(arguments, tuple) and [type(part) for part in arguments] == [tuple, dict]):
            refuse("positional arguments and keywords", arguments)
        _check_arguments(graph, arguments, about["inputs"])
        traced = Recording(
            program=program,
            out=None,
            results=tuple(results),
            assigned=assigned,
            written=self._written_tensors(about["written"], assigned),
            gradients=gradients,
            before=tuple((leaf, grads[id(leaf)]) for leaf, _ in before),
            captured=tuple(nth(self._tensors, n) for n in about["captured"]),
            host_state=host_state,
            slots=tuple([x for x, _ in slots]),
            put=tuple(put),
            effects=tuple(effects),
            backward=of_kind(bool, about["backward"]),
            masks=of_kind(bool, about["masks"]),
        )
        return Saved(arguments, out, traced)

    def _program(
        self,
        graph: PureGraph,
        about: Mapping[str, Any],
        grads: Mapping[int, Tensor | None],
        slots: Sequence[tuple[Any, Any]],
    ) -> PureProgram:
        ids = [*about["inputs"], *(i for _, i in slots)]
        inputs = tuple([None if i is None else self._slot(graph, i) for i in ids])
        bindings = {
            i: self._binding(graph[self._slot(graph, i)], binding, grads) for i, binding in about["bindings"].items()
        }
        for node in graph:
            if node.kind is not Kind.OP and (node.id in inputs) is (node.id in bindings):
                refuse(f"one thing that fills {node.id}", "none" if node.id not in inputs else "two")
        bindings |= {i: _fitting(graph[i], x) for x, i in slots if i is not None}
        fixed = frozenset(i if i in bindings else refuse("the id of a constant", i) for i in about["fixed"])
        calls = {node.id: self._call(node, about["params"]) for node in graph if node.kind is Kind.OP}
        return PureProgram(
            graph, inputs, (), MappingProxyType(bindings), MappingProxyType({}), MappingProxyType(calls), (), fixed
        )

    def _body(self, about: Any) -> Body:
        """Return the body of a loop."""
        graph = graph_of(about["graph"])
        program = self._program(graph, about, {}, [])
        n, name, examples = about["results"], about["name"], list(map(example, about["examples"]))
        if not 0 <= of_kind(int, n) <= len(graph.outputs):
            refuse("the results of a body", n)
        for i, x in zip(program.inputs, examples, strict=True):
            if i is not None and (graph[i].shape, graph[i].dtype) != (x.shape, x.dtype):
                refuse(f"an argument of a body of shape {graph[i].shape}", x.shape)
        return Body(of_kind(str, name), program, graph.outputs[:n], graph.outputs[n:], examples)

    def _slot(self, graph: PureGraph, i: Any) -> str:
        return i if graph[_id(graph, i)].kind is not Kind.OP else refuse("the id of a slot", i)

    def _binding(self, node: GraphNode, about: Mapping[str, Any], grads: Mapping[int, Tensor | None]) -> Any:
        ((kind, content),) = about.items()
        value: Any = None
        if kind == "tensor":
            value = nth(self._tensors, content)
        elif kind == "gradient":
            value = grads.get(id(nth(self._tensors, content)))
        elif kind == "value":
            value = self._values.read(content)
        if node.kind is Kind.STATE or isinstance(value, Generator):
            return value if node.kind is Kind.STATE and isinstance(value, Generator) else refuse("a generator", about)
        if node.weak:
            return value if type(value) in (bool, int, float, complex) else refuse("a number", about)
        if not isinstance(value, (Tensor, np.ndarray, np.generic)) or (value.shape, value.dtype) != (
            node.shape,
            node.dtype,
        ):
            refuse(f"what fills {node.id}, {node.shape} {node.dtype}", about)
        return value

    def _call(self, node: GraphNode, params: Mapping[str, Any]) -> tuple[Op, tuple[str, ...], Mapping[str, Any]]:
        if node.size > _MOST_ELEMENTS:
            refuse(f"values of at most {_MOST_ELEMENTS:,} elements", node.shape)
        if "loop" in params[node.id]:
            loop = read_loop(params[node.id], self._body, len(node.inputs))
            shapes, dtypes = tuple([tuple(s.shape) for s in loop.specs]), Dtypes([s.dtype for s in loop.specs])
            about: Any = node.op, node.shape, node.dtype
            if about != (loop.op.name, shapes, dtypes):
                refuse(f"'{loop.op.name}' of results {shapes} {dtypes} as {node.id}", f"{node.op} {node.shape}")
            return loop.op, node.inputs, loop.params
        op = op_named(node.op)
        values = {name: self._values.read(text) for name, text in params[node.id].items()}
        plain = {name: values[name] for name in sorted(values) if not isinstance(values[name], Generator)}
        if tuple([make_param(name, value) for name, value in plain.items()]) != node.params:
            refuse(f"the parameters of {node.id} as its graph has them", sorted(values))
        rest = len(values) - len(plain) + sum(1 for _ in indices_in(values))
        if rest > len(node.inputs):
            refuse(f"inputs of {node.id}", node.inputs)
        return op, node.inputs[: len(node.inputs) - rest], values


def _check_arguments(graph: PureGraph, arguments: Any, inputs: Sequence[Any]) -> None:
    """Refuse arguments that the graph does not take, before a call would fail on them."""
    kinds = [x for x in leaves(arguments) if isinstance(x, ArrayKind)]
    if len(kinds) != len(inputs):
        refuse(f"{len(inputs)} arrays among the arguments", len(kinds))
    for kind, i in zip(kinds, inputs, strict=True):
        if i is not None and (graph[i].shape, graph[i].dtype) != (kind.shape, kind.dtype):
            refuse(f"an argument of {graph[i].shape} {graph[i].dtype}", f"{kind.shape} {kind.dtype}")


def _fitting(node: GraphNode, x: Any) -> Any:
    """Return a value for a slot, or refuse one that does not fit."""
    if isinstance(x, Tensor) and (node.weak or (x.shape, x.dtype) != (node.shape, node.dtype)):
        refuse(f"an array for {node.id}, {node.shape} {node.dtype}", f"{x.shape} {x.dtype}")
    return x


def _id(graph: PureGraph, i: Any) -> str:
    return i if isinstance(i, str) and i in graph else refuse("the id of a node", i)


def op_named(name: str) -> Op:
    """Return the op with a name.

    Raises:
        UnsupportedError: if there is none.
    """
    op = PRIVATE.get(name) or OPS.get(name)
    if op is None:
        raise UnsupportedError(
            f"load_compiled: expected operations that this version has; received {name!r:.60}. Load the file with the "
            "version that wrote it, or with what was imported there"
        )
    return op


def _generator(about: Mapping[str, Any]) -> Generator:
    generator = Generator(0, of_kind(str, about["name"]))
    generator.state = about["state"]
    return generator


def _gradient_of(leaf: Tensor) -> Tensor:
    """Return the gradient of a leaf, or a Tensor of its shape that stands for one that it will have."""
    held: Tensor | None = getattr(leaf, "_grad", None)
    return wrap(np.zeros(leaf.shape, leaf.dtype)[()], None) if held is None else held

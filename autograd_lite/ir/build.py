"""Builds the graph of tensors: one iterative walk over the record, in time linear in its length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.collector import collector_at_rest
from ..core.duck_arrays import is_duck_array
from ..core.dynamic_scalars import DynamicScalar
from ..core.indices import indices_in
from ..core.module_scopes import display_names, model_around, path_of, scopes_at
from ..core.node import NAMES, Node
from ..core.shape_arithmetic import ShapeDtype
from ..engine.walk import edge_of
from ..random import Generator
from ..tensors.tensor import Tensor
from .graph_node import PLAIN, Flow, GraphNode, Kind, Role, number_of
from .joint import FORWARD, Joint, Purpose, Step, joint_of
from .outline import Call, Outline, given_params
from .pure_graph import PureGraph
from .slot_nodes import SEED, is_slot, stands_for

_GENERATOR = np.dtype(object)
_DTYPES = {number: np.dtype(number) for number in (bool, int, float, complex)}


class BuiltGraph(NamedTuple):
    """A graph, and what its nodes represent.

    Attributes:
        graph: the graph.
        bindings: for each slot the Tensor, array, number or Generator that filled it (a `ShapeDtype` for an array that
            backward released); for each operation its `Node`.
        recorded_values: the values of operations that the record still holds.
        calls: for every operation its op, the ids of its array arguments, and its parameters.
    """

    graph: PureGraph
    bindings: dict[str, Any]
    recorded_values: dict[str, Any]
    calls: dict[str, Call]


# The graph of no results.
NOTHING = BuiltGraph(PureGraph((), ()), {}, {}, {})


def build_from(tensors: Tensor | Iterable[Tensor], *, backward: bool = False, values: bool = True) -> BuiltGraph:
    """Build the graph of some results, and keep what its nodes represent.

    Args:
        tensors: the results.
        backward: whether to run their backward pass, and to add it.
        values: whether `recorded_values` is asked for.
    """
    with collector_at_rest():
        return _build(_check_tensors(tensors), backward, values)


def _build(outputs: tuple[Tensor, ...], backward: bool, values: bool) -> BuiltGraph:
    joint = joint_of(outputs, backward=backward)
    scopes = _scopes_of(joint)
    names = display_names(scopes.values())
    builder = _Builder(outputs, joint, {node: names[scope] for node, scope in scopes.items()})
    for node in joint.forward:
        builder.add_op(node)
    results = tuple([builder.id_of(edge) for edge in joint.outputs])
    for node, purpose in joint.backward.items():
        builder.add_op(node, purpose)
    builder.add_gradients()
    _name_after_models(builder.outline, names)
    values_by_id = {}
    for edge, value in _known_values(outputs, joint.recorded) if values else ():
        i = builder.ids.get(id(joint.twins.get(edge, edge)))
        if i is not None:
            values_by_id[i] = value
    graph = PureGraph.of_outline(builder.outline, results, builder.flows())
    return BuiltGraph(graph, builder.bindings, values_by_id, builder.outline.calls)


def _scopes_of(joint: Joint) -> dict[Node, str]:
    """Return the recorded scopes of operations: of their notes, or of the calls of modules around them."""
    twins, scopes = joint.twins, dict[Node, str]()
    rows = [(node.stamp, getattr(node, "calls", None)) for node in joint.recorded]
    if any(calls for _, calls in rows):
        scopes = {twins.get(n, n): scope for n, scope in zip(joint.recorded, scopes_at(rows), strict=True)}
    scopes.update((node, node.note[2]) for node in (*joint.forward, *joint.backward) if node.note)
    if not any(scopes.values()):
        for node in [node for node in joint.forward if not node.note]:
            # Without modules, parameters may still have names such as "dense.kernel".
            paths = {str(leaf.name).rpartition(".")[0] for leaf in map(_leaf_of, node.inputs) if leaf is not None}
            if len(paths) == 1:
                scopes[node] = paths.pop()
    return scopes


def _name_after_models(outline: Outline, names: Mapping[str, str]) -> None:
    """Put the model's name before those of its parameters and other tensors, if several models have parameters.

    Args:
        outline: the rows, in which slots are renamed.
        names: display names by recorded scopes.
    """
    rows: list[Any] = outline.rows
    homes = {name: (model, path_of(scope)) for scope, name in names.items() if (model := model_around(scope, name))}
    slots = {f"n{k}": row for k, row in enumerate(rows) if row.__class__ is GraphNode and row.name}
    paths = {i: slot.name.rpartition(".")[0] for i, slot in slots.items()} if homes else {}
    owners: dict[str, str] = {}
    for row in rows if paths else ():
        if row.__class__ is not GraphNode and row[6] in homes:
            model, path = homes[row[6]]
            for i in row[1]:
                if i in paths and i not in owners and paths[i] == path:
                    owners[i] = model
    parameters = {i: slots[i].name for i in owners if slots[i].kind is Kind.PARAMETER}
    if len({owners[i] for i in parameters}) > 1:
        count = Counter(parameters.values())
        for i, model in owners.items():
            # A name without a path may be that of an argument, unless several models have it.
            if paths[i] or count[slots[i].name] > 1:
                rows[number_of(i)] = slots[i].replace(name=f"{model}.{slots[i].name}")


def _leaf_of(edge: Any) -> Tensor | None:
    """Return the parameter with a name that an input is, or stands for."""
    leaf = stands_for(edge) if is_slot(edge) and edge.op is not SEED else edge
    return leaf if isinstance(leaf, Tensor) and leaf.requires_grad and leaf.name else None


def _check_tensors(tensors: Any) -> tuple[Tensor, ...]:
    if hasattr(tensors, "named_parameters"):
        name = type(tensors).__name__
        raise TypeError(
            f"build_graph: expected a Tensor or a sequence of Tensors; received the module {name}, which has computed "
            "nothing yet. Call it, build_graph(model(x)), or write trace(model, x)"
        )
    if isinstance(tensors, Mapping):
        raise TypeError(
            f"build_graph: expected a Tensor or a sequence of Tensors; received {type(tensors).__name__}. Pass its "
            "values, build_graph(list(d.values()))"
        )
    if isinstance(tensors, (np.ndarray, np.generic)):
        raise TypeError(
            f"build_graph: expected a Tensor or a sequence of Tensors; received {type(tensors).__name__}, which has no "
            "record. Make the inputs Tensors, ag.tensor(a, requires_grad=True), so that the operations are recorded"
        )
    outputs = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors) if isinstance(tensors, Iterable) else None
    if outputs is None or not all(isinstance(t, Tensor) for t in outputs):
        wrong = tensors if outputs is None else next(t for t in outputs if not isinstance(t, Tensor))
        raise TypeError(
            f"build_graph: expected a Tensor or a sequence of Tensors; received {type(wrong).__name__}. "
            "Make the inputs Tensors, ag.tensor(a, requires_grad=True), so that the operations are recorded"
        )
    if not outputs:
        raise ValueError("build_graph: expected at least one Tensor; received none. Name the outputs to draw")
    return outputs


def _known_values(outputs: Sequence[Tensor], nodes: Sequence[Node]) -> Iterator[tuple[Any, Any]]:
    """Yield the edges whose values the record still holds: the outputs, and what rules saved."""
    yield from ((edge_of(t), t.data) for t in outputs)
    for node in nodes:
        out, *values = node.saved or (None, *node.inputs)
        if out is not None and node.op.results is None:
            yield node, _plain_value(out)
        for edge, value in zip(node.inputs, values, strict=True):
            if edge.__class__ is Node and value is not edge:
                yield edge, _plain_value(value)


def _plain_value(value: Any) -> Any:
    return value._data if isinstance(value, Tensor) else value


class _Builder:
    """Numbers nodes in the order in which they arrive; a leaf gets its number at its first use."""

    def __init__(self, outputs: tuple[Tensor, ...], joint: Joint, scopes: Mapping[Node, str]) -> None:
        self.outline = Outline()
        self.bindings: dict[str, Any] = {}
        # Keyed by identity: tensors compare element by element, and all of these are alive while the graph is built.
        self.ids: dict[int, str] = {}
        self._joint, self._scopes = joint, scopes
        named = reversed(list(zip(joint.outputs, outputs, strict=True)))
        self._names = {id(edge): str(t.name) for edge, t in named if t.name}
        for node in joint.recorded if NAMES else ():
            if name := NAMES.get(node):
                self._names.setdefault(id(joint.twins.get(node, node)), str(name))
        self._step: Step | None = None

    def id_of(self, edge: Any) -> str:
        """Return the id of an edge's node; a leaf or a constant that has none yet gets one."""
        known_id = self.ids.get(id(edge))
        if known_id is not None:
            return known_id
        if is_slot(edge):
            if edge.op is SEED:
                return self._seed(edge)
            edge = stands_for(edge)
            if (known_id := self.ids.get(id(edge))) is not None:
                return known_id
        # Constants are not shared between uses: backward replaces a large array by its shape, which loses the identity.
        # A tensor without history that turns up in the backward pass was made by a rule.
        new, keep = f"n{len(self.bindings)}", isinstance(edge, (Tensor, Generator)) and not self._is_made(edge)
        node = _leaf(new, edge) if keep else _constant(new, edge._data if isinstance(edge, Tensor) else edge)
        if isinstance(edge, (Tensor, Generator, DynamicScalar)):
            self.ids[id(edge)] = new
        return self._add(node, edge)

    def add_op(self, node: Node, purpose: Purpose = FORWARD) -> None:
        """Add an operation after whatever it reads that is not there yet."""
        op, params, ids, outline = node.op, node.params, self.ids, self.outline
        self._step, role = purpose
        arguments: tuple[str, ...] = tuple([ids.get(id(edge)) or self.id_of(edge) for edge in node.inputs])
        inputs, outline_params = arguments, ()
        if params:
            for value in params.values():
                if value.__class__ not in PLAIN and isinstance(value, Generator):
                    # A generator is a slot, not a value: the draw reads and changes its state.
                    inputs += (self.id_of(value),)
            for index in indices_in(params):
                inputs += (self.id_of(index.edge),)
            outline_params = given_params(params)
        note, new = node.note, f"n{len(self.bindings)}"
        ids[id(node)] = new
        scope = self._scopes.get(node, "")
        name = self._names.get(id(node), "") if self._names else ""
        outline.rows.append((op, inputs, outline_params, node.shape, node.dtype, node.needs, scope, name))
        outline.calls[new], outline.notes[new] = (op, arguments, params), note
        self.bindings[new] = node
        if self._step is not None:
            self._place(new, role)

    def add_gradients(self) -> None:
        """Add the gradients that no operation made: the seed of a leaf, or the zeros of a rule without slope."""
        last = {step.into: step for step in self._joint.steps}
        for leaf, edge in self._joint.gradients.items():
            if id(edge) not in self.ids:
                step = last.get(leaf)
                self._step = step if step and step.total is edge else None
                self.id_of(edge)

    def flows(self) -> tuple[Flow, ...]:
        """Return the steps of the chain rule by ids, without those whose results nothing reads."""
        flows = []
        for step in self._joint.steps:
            parts = (step.node, step.into, step.contribution, step.total)
            ids = [self.ids.get(id(stands_for(e) if is_slot(e) and e.op is not SEED else e)) for e in parts]
            if None not in ids:
                op, into, contribution, total = map(str, ids)
                flows.append(Flow(op, step.argument, into, contribution, total))
        return tuple(flows)

    def _add(self, node: GraphNode, filler: Any) -> str:
        self.outline.rows.append(node)
        self.bindings[node.id] = filler
        if self._step is not None and node.role is not Role.SEED:
            self._place(node.id)
        return node.id

    def _is_made(self, edge: Any) -> bool:
        return self._step is not None and isinstance(edge, Tensor) and edge._node is None

    def _place(self, new: str, role: Role = Role.RULE) -> None:
        """Attach a node of the backward pass to the op whose rule it belongs to."""
        assert self._step is not None
        self.outline.places[new] = role, self.ids[id(self._step.node)], self.id_of(self._step.into)

    def _seed(self, seed: Node) -> str:
        if id(seed) not in self.ids:
            of = self.id_of(stands_for(seed))
            new = f"n{len(self.bindings)}"
            kind, value = (Kind.INPUT, "") if seed.shape else (Kind.CONSTANT, "1.0")
            name = "" if value else "cotangent"
            node = GraphNode(
                new, kind, "", "", (), (), seed.shape, seed.dtype, name, value, role=Role.SEED, of=of, toward=of
            )
            self.ids[id(seed)] = new
            self._add(node, seed)
        return self.ids[id(seed)]


def _leaf(new: str, leaf: Tensor | Generator) -> GraphNode:
    if isinstance(leaf, Generator):
        return GraphNode(new, Kind.STATE, "", "", (), (), (), _GENERATOR, str(leaf.name))
    kind = Kind.PARAMETER if leaf.requires_grad else Kind.INPUT
    return GraphNode(new, kind, "", "", (), (), leaf.shape, leaf.dtype, str(leaf.name or ""))


def _constant(new: str, value: Any) -> GraphNode:
    if value.__class__ is DynamicScalar:
        dtype = np.asarray(value.value).dtype
        weak = not isinstance(value.value, np.generic)
        return GraphNode(new, Kind.CONSTANT, "", "", (), (), (), dtype, value=repr(value), weak=weak)
    if isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic):
        dtype = _DTYPES.get(value.__class__) or np.dtype(type(value))
        return GraphNode(new, Kind.CONSTANT, "", "", (), (), (), dtype, "", repr(value), True)
    spec = value if isinstance(value, ShapeDtype) or is_duck_array(value) else np.asarray(value)
    text = str(spec[()]) if isinstance(spec, np.ndarray) and not spec.ndim else ""
    return GraphNode(new, Kind.CONSTANT, "", "", (), (), spec.shape, spec.dtype, value=text)

"""The chain rule as a graph: the backward pass of some results, run once on the record and recorded itself.

The pass runs on a copy of the recorded nodes, so it calls no user hooks and frees nothing. If `backward` has freed the
saved values, they are computed again from the current leaves; a large constant that is gone too is replaced by some
array of its shape, which is enough because the structure of rules does not depend on values.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..core.errors import GradError
from ..core.indices import edges_of
from ..core.mode import Mode, enter_mode, leave_mode
from ..core.multi_result import Dtypes, Several, get_tuple_element, results_of
from ..core.node import LEAF, Node, next_stamp
from ..core.op import EachInput, Kind as RuleKind
from ..core.shape_arithmetic import ShapeDtype
from ..engine.walk import cotangents, edge_of
from ..tensors.tensor import Tensor
from .graph_node import Role
from .slot_nodes import SEED, is_slot, slot_node, slot_tensor

# Rules of these kinds are elementwise, so a sum after them undoes a broadcast.
_ELEMENTWISE = frozenset((RuleKind.UNIT, RuleKind.CONSTANT, RuleKind.PARTIAL, RuleKind.GATE, RuleKind.APPLIED))
_stamp = attrgetter("stamp")
_SUMS, _CASTS = frozenset(("sum", "reshape", "squeeze")), frozenset(("astype", "real"))


class Step(NamedTuple):
    """One use of the chain rule: an op's rule for one argument, and the cotangent that it adds to.

    Attributes:
        node: the forward op.
        argument: the position among its inputs.
        into: the edge of that input.
        contribution: the edge of what the rule gave, summed and cast to the input's shape and dtype.
        total: the edge of the input's cotangent so far.
        ends: a stamp: nodes recorded for this step are older, and younger than the end of the step before it.
    """

    node: Node
    argument: int
    into: Any
    contribution: Any
    total: Any
    ends: int


class Purpose(NamedTuple):
    """Why a node of the backward pass exists: the step during which it was recorded, if any, and its role there."""

    step: Step | None
    role: Role


FORWARD = Purpose(None, Role.FORWARD)


class Joint(NamedTuple):
    """The forward pass of some results, and their backward pass if it was asked for, in one record.

    Attributes:
        recorded: the nodes of the user's record, in recorded order.
        outputs: the edges of the results; like all that follows, of a copy of the record if there is a backward pass.
        forward: the operations of the forward pass, in recorded order.
        backward: those of the backward pass, in recorded order, each with its purpose.
        steps: in the order in which they ran.
        gradients: for each leaf the edge of its gradient.
        twins: for each edge of the user's record its copy.
    """

    recorded: Sequence[Node]
    outputs: tuple[Any, ...]
    forward: Sequence[Node]
    backward: Mapping[Node, Purpose]
    steps: tuple[Step, ...]
    gradients: dict[Any, Any]
    twins: dict[Any, Node]


class _Steps:
    """An observer that notes every use of the chain rule."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def begin(self, node: Node, g: Any) -> None:
        """See a node, whose rules are noted one by one."""

    def see_contribution(self, node: Node, argument: int, edge: Any, r: Any, total: Any) -> None:
        """Note a step, with the edges of its results in the record of the pass; a call has none, its results have."""
        if isinstance(r, Several):
            return
        result = edge_of(total)
        # A sum is recorded as `previous + r`, unless both are constants: the zeros of two rules without slope.
        contribution = result.inputs[1] if total is not r and result.__class__ is Node else result
        self.steps.append(Step(node, argument, edge, contribution, result, next_stamp()))


def joint_of(outputs: Sequence[Tensor], *, backward: bool) -> Joint:
    """Read the record of some results, and with `backward` run their backward pass and record that too.

    Raises:
        GradError: with `backward`, if no output requires a gradient.
    """
    edges = tuple([edge_of(t) for t in outputs])
    nodes = _recorded_nodes(edges)
    if backward:
        return _build_backward(outputs, nodes)
    return Joint(nodes, edges, [node for node in nodes if not is_slot(node)], {}, (), {}, {})


def _build_backward(outputs: Sequence[Tensor], nodes: Sequence[Node]) -> Joint:
    twins = _twins(nodes)
    roots: dict[Any, Any] = {}
    for t in outputs:
        edge = edge_of(t)
        result = twins.get(edge, edge)
        if t.requires_grad and result not in roots:
            roots[result] = slot_tensor(result, np.ones(t.shape, t.dtype), SEED)
    if not roots:
        raise GradError(
            "build_graph(backward=True): expected an output that requires a gradient; received none. Make an input "
            "with ag.tensor(a, requires_grad=True), and compute outside no_grad()"
        )
    begins, observer = next_stamp(), _Steps()
    unseen = enter_mode(_leave_unseen)
    try:
        totals = cotangents(roots, None, retain_graph=True, create_graph=True, observer=observer)
        gradients = {leaf: edge_of(total) for leaf, total in totals.items() if isinstance(leaf, Tensor)}
    finally:
        leave_mode(unseen)
    seeds = [edge_of(seed) for seed in roots.values()]
    results = tuple(twins.get(edge_of(t), edge_of(t)) for t in outputs)
    both = [node for node in _recorded_nodes([*results, *seeds, *gradients.values()]) if not is_slot(node)]
    border = bisect_left(both, begins, key=_stamp)
    purposes = _purposes(both[border:], observer.steps, begins)
    return Joint(nodes, results, both[:border], purposes, tuple(observer.steps), gradients, twins)


def _recorded_nodes(edges: Iterable[Any]) -> list[Node]:
    """Return every node that the edges depend on, in recorded order: inputs before results."""
    nodes = {edge for edge in edges if edge.__class__ is Node}
    stack = list(nodes)
    while stack:
        node = stack.pop()
        for edge in edges_of(node) if node.params else node.inputs:
            if edge.__class__ is Node and edge not in nodes:
                nodes.add(edge)
                stack.append(edge)
    return sorted(nodes, key=_stamp)


def _purposes(nodes: Sequence[Node], steps: Sequence[Step], begins: int) -> dict[Node, Purpose]:
    """Return the purposes of the nodes of the backward pass.

    Args:
        nodes: in recorded order.
        steps: in the order in which they ran.
        begins: the stamp before the first of them.
    """
    homes: dict[Node, Step | None] = {**_homes(steps, begins)}
    coming = iter(steps)
    step = next(coming, None)
    for node in nodes:
        while step is not None and step.ends < node.stamp:
            step = next(coming, None)
        homes.setdefault(node, step)
    roles: dict[Node, Role] = {}
    for step in steps:
        if step.total is not step.contribution:
            roles[step.total] = Role.ACCUMULATE
        elementwise = step.node.op.rules[step.argument].kind in _ELEMENTWISE  # type: ignore[index, union-attr]
        # What undoes a promotion or a broadcast is recorded after the rule itself, so the walk starts at the end.
        edge = step.contribution
        while edge.__class__ is Node and homes.get(edge) is step:
            if edge.op.name in _CASTS:
                roles[edge] = Role.CAST
            elif edge.op.name in _SUMS and elementwise:
                roles[edge] = Role.UNBROADCAST
            else:
                break
            edge = edge.inputs[0]
    return {node: Purpose(homes[node], roles.get(node, Role.RULE)) for node in nodes}


def _homes(steps: Sequence[Step], begins: int) -> dict[Node, Step]:
    """Return the steps of nodes that rules for all inputs at once recorded; the arguments are those of `_purposes`.

    All of these nodes are older than the first of the op's steps, so stamps cannot tell them apart. A node belongs to
    the step whose contribution it leads to, and if several share it, to the first of them.
    """
    homes: dict[Node, Step] = {}
    for node, group in groupby(steps, key=lambda step: step.node):
        first, *others = group
        if node.op.rules.__class__ is EachInput:
            for step in (first, *others):
                stack = [step.contribution]
                while stack:
                    edge = stack.pop()
                    if edge.__class__ is Node and edge.stamp > begins and edge not in homes:
                        if edge.stamp < first.ends:
                            homes[edge] = step
                        stack += edge.inputs
        begins = (first, *others)[-1].ends
    return homes


# ---- the copy -------------------------------------------------------------------------------------------------------


def _leave_unseen(mode: Mode) -> None:
    mode.source, mode.scope, mode.watch = False, "", None


def _twins(nodes: Sequence[Node]) -> dict[Any, Node]:
    """Copy recorded nodes, without hooks, and with slots in place of inputs and arrays."""
    again = _recompute(nodes) if any(node.needs and node.saved is None for node in nodes) else {}
    twins: dict[Any, Node] = {}

    def twin(edge: Any) -> Any:
        known_twin = twins.get(edge) if isinstance(edge, (Node, Tensor)) else None
        if known_twin is not None:
            return known_twin
        if isinstance(edge, Tensor) and edge._node is not LEAF:
            twins[edge] = new = slot_node(edge)
            return new
        if isinstance(edge, (np.ndarray, np.generic, ShapeDtype)):
            return slot_node(edge)  # one for each use, as in `build`
        return edge

    for node in nodes:
        if is_slot(node):  # of a trace
            twins[node] = node
            continue
        inputs = tuple([twin(edge) for edge in node.inputs])
        saved = None
        if node.needs:
            out, *values = node.saved or (again[node], *node.inputs)
            saved_values = [
                new if value is edge and node.saved and edge.__class__ is Node else _value(value, edge, again)
                for value, edge, new in zip(values, node.inputs, inputs, strict=True)
            ]
            saved = (out, *saved_values)
        twins[node] = Node(node.op, inputs, node.params, saved, node.needs, node.shape, node.dtype, node.note)
        if node.op is get_tuple_element:
            _put_result(inputs[0], node.params["index"], twins[node])
    return twins


def _put_result(call: Node, index: int, node: Node) -> None:
    """Let a call know the node that takes one of its results out, so that rules read this result and not another."""
    refs = list(getattr(call, "results", (_nothing,) * len(call.shape)))
    refs[index] = ref(node)
    call.results = refs


def _nothing() -> None:
    """Be the reference to a node that is not there."""


def _recompute(nodes: Sequence[Node]) -> dict[Node, Any]:
    """Compute values for all nodes from the current leaves: some were freed, and the rules need arrays to run on."""
    values: dict[Node, Any] = {}
    for node in nodes:
        inputs = [_value(edge, edge, values) for edge in node.inputs]
        inputs = [x._data if isinstance(x, Tensor) else x for x in inputs]
        try:
            with np.errstate(all="ignore"):
                # An op without inputs is a random draw; do not consume randomness just to draw a graph.
                out = node.op.forward(*inputs, **node.params) if inputs else _make_example(node)
                values[node] = out if node.op.results is None else results_of(node.op, out, node.params)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):  # caused by what replaces a freed array
            values[node] = _make_example(node)
    return values


def _value(value: Any, edge: Any, again: dict[Node, Any]) -> Any:
    """Return the value of an input as its rules may read it."""
    if value is not edge:
        return value
    if edge.__class__ is Node:
        return again[edge]
    if isinstance(edge, Tensor):
        return edge if edge._node is LEAF else edge._data
    return _make_example(edge) if isinstance(edge, ShapeDtype) else edge


def _make_example(spec: Any) -> Any:
    """Make an array to run rules on: it can be inverted and factored, and its integers are valid indices."""
    shape = tuple(spec.shape)
    if isinstance(spec.dtype, Dtypes):
        return Several.of([_make_example(ShapeDtype(*pair)) for pair in zip(shape, spec.dtype, strict=True)])
    if spec.dtype.kind not in "fc":
        return np.zeros(shape, spec.dtype)
    if len(shape) < 2:
        return np.ones(shape, spec.dtype)
    diagonal = np.zeros(shape[-2:], spec.dtype)
    np.fill_diagonal(diagonal, np.arange(1, min(diagonal.shape) + 1))  # distinct eigenvalues and singular values
    return np.broadcast_to(diagonal, shape)

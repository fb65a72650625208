"""Lifetimes of the arrays of a graph when the engine runs it, and the owners of their memory.

An array of the forward pass lives until it is read for the last time, or, if a derivative rule saved it, until the
rules of the last op that saved it have run. A cotangent lives until the rules that read it have run, a gradient and a
result to the end. Views own no memory. Of a call with several results each is an array of its own, which is there from
the call on: a node that takes a result out of it owns that one, and the call those that no node takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from ..core.op import OPS
from ..core.shape_arithmetic import ShapeDtype
from .graph_node import GraphNode, Kind, Role
from .pure_graph import PureGraph

# NumPy computes `g * (1 - y * y)` in the memory of its temporaries, if they have at least this many bytes.
_ELIDED_BYTES = 1 << 18
# For each of these ufuncs, how many operands may be the temporary.
_ELIDABLE = {
    np.add: 2,
    np.multiply: 2,
    np.subtract: 1,
    np.divide: 1,
    np.negative: 1,
    np.absolute: 1,
    np.square: 1,
}


class Why(StrEnum):
    """Reasons that keep an array alive."""

    MADE = "just made"
    READ = "read by"
    GIVEN = "given by the rule of"  # the engine holds what the last rule gave until the next rule has given something
    SAVED = "saved for the derivative of"
    COTANGENT = "the cotangent of"
    GRADIENT = "the gradient of"
    RESULT = "a result"


class Lifetimes(NamedTuple):
    """The lifetimes of the arrays of a graph. A *position* is the place of a node in `graph.nodes`.

    Attributes:
        owner: for every node, the id of the node whose memory its value lies in: its own, unless it is a view.
        nbytes: the bytes that each node allocates; 0 for views, and for values that exist before the pass begins.
        born: for every node its position; for a result of a call, that of the call.
        ends: for every owner, the position of the last node that needs it.
        why: for every owner, what keeps it until then, and the id of the node that this is about.
        reuses: for nodes whose result NumPy puts into the memory of a temporary, the id of the temporary.
    """

    owner: Mapping[str, str]
    nbytes: Mapping[str, int]
    born: Mapping[str, int]
    ends: Mapping[str, int]
    why: Mapping[str, tuple[Why, str]]
    reuses: Mapping[str, str]


def lifetimes(graph: PureGraph) -> Lifetimes:
    """Return from where to where each array of a graph lives.

    Example:
        >>> import numpy as np
        >>> import autograd_lite as ag
        >>> x = ag.tensor(np.ones(3), requires_grad=True)
        >>> found = lifetimes(ag.build_graph(np.exp(np.sin(x))))
        >>> found.born["n1"], found.ends["n1"], found.why["n1"]
        (1, 2, (<Why.READ: 'read by'>, 'n2'))
    """
    owner = owners(graph)
    born = {node.id: k for k, node in enumerate(graph)}
    ends, why = _ends(graph, owner, born)
    reuses = {node.id: i for node in graph if (i := _reused_temporary(graph, node, owner)) and ends[i] == born[node.id]}
    born.update({node.id: born[node.inputs[0]] for node in graph if node.result is not None})
    return Lifetimes(owner, own_bytes(graph, owner), born, ends, why, reuses)


def owners(graph: PureGraph) -> dict[str, str]:
    """Return, for every node, the id of the node whose memory its value lies in: its own, unless it is a view."""
    owner: dict[str, str] = {}
    results: dict[tuple[str, int], str] = {}
    for node in graph:
        if node.result is not None:
            owner[node.id] = results.setdefault((node.inputs[0], node.result), node.id)
        else:
            owner[node.id] = owner[node.inputs[0]] if _is_view(node, graph) else node.id
    return owner


def own_bytes(graph: PureGraph, owner: Mapping[str, str]) -> dict[str, int]:
    """Return the bytes that each node allocates; `owner` is that of `owners`."""
    sizes: dict[str, int] = {}
    for node in graph:
        allocates = node.kind is Kind.OP or node.role is Role.SEED
        sizes[node.id] = node.nbytes if allocates and owner[node.id] == node.id else 0
        if node.result is not None:
            sizes[node.inputs[0]] -= sizes[node.id]
    return sizes


def savers_of(graph: PureGraph) -> dict[str, tuple[str, ...]]:
    """Return, for every forward value that is saved for a backward pass, the ops that save it: as their records say.

    That is what a rule reads, and what an op keeps for another purpose. What an op that is not in the tables saves is
    known only as far as the backward pass in the graph reads it.
    """
    savers: dict[str, dict[str, None]] = {i: dict.fromkeys(ops) for i, ops in graph.savers.items()}
    results = graph.results_of_calls
    for node in graph:
        op = OPS.get(node.op)
        if node.backward or not node.needs or op is None or not op.keeps:
            continue
        arity = len(op.keeps).bit_length() - 1
        keeps = op.keeps[1 if arity == 1 else sum(1 << i for i in node.needs)]
        for is_kept, i in zip(keeps, (node.id, *node.inputs[:arity]), strict=True):
            if is_kept:
                for part in (i, *(result.id for result in results.get(i, ()))):
                    savers.setdefault(part, {})[node.id] = None
    return {i: tuple(ops) for i, ops in savers.items()}


def saved_bytes(graph: PureGraph) -> dict[str, int]:
    """Return the bytes of each result that is saved for the backward pass: each array once, inputs not counted."""
    owner = owners(graph)
    nbytes = own_bytes(graph, owner)
    return {i: nbytes[i] for i in dict.fromkeys(owner[i] for i in savers_of(graph)) if graph[i].kind is Kind.OP}


def _is_view(node: GraphNode, graph: PureGraph) -> bool:
    op = OPS.get(node.op)
    if op is None or not op.view or not node.inputs:
        return False
    x = graph[node.inputs[0]]
    return op.views(ShapeDtype(x.shape, x.dtype), {p.name: p.value for p in node.params})


def _ends(
    graph: PureGraph, owner: Mapping[str, str], born: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, tuple[Why, str]]]:
    """Return, for each owner, the position where it ends, and why it lives until then."""
    ends, why = dict(born), {i: (Why.MADE, i) for i in born}
    rules_end = {node.of: born[node.id] for node in graph if node.backward and node.of}  # by forward op: the last node

    def extend(i: str, until: int, reason: Why, by: str) -> None:
        owner_id = owner[i]
        if until >= ends[owner_id]:
            ends[owner_id], why[owner_id] = until, (reason, by)

    for flow, after in zip(graph.flows, graph.flows[1:], strict=False):
        if graph[after.contribution].kind is Kind.OP:
            extend(flow.contribution, born[after.contribution], Why.GIVEN, flow.op)
    for node in graph:
        for i in node.inputs if node.result is None else ():  # what takes a result out of a call does not need the rest
            if not (node.backward and node.of and not graph[i].backward):
                extend(i, born[node.id], Why.READ, node.id)
    for i, savers in savers_of(graph).items():
        for saver in savers:
            if saver in rules_end:
                extend(i, rules_end[saver], Why.SAVED, saver)
    for forward, cotangent in graph.cotangents.items():
        op = graph.call_of(graph[forward]).id
        if op in rules_end:
            extend(cotangent, rules_end[op], Why.COTANGENT, forward)
    last = len(graph) - 1
    for parameter, gradient in graph.gradients.items():
        extend(gradient, last, Why.GRADIENT, parameter)
    for i in graph.outputs:
        extend(i, last, Why.RESULT, i)
    return ends, why


def _reused_temporary(graph: PureGraph, node: GraphNode, owner: Mapping[str, str]) -> str:
    """Return the id of the temporary of a derivative rule whose memory NumPy takes for the result of the next step."""
    if node.role is not Role.RULE or node.nbytes < _ELIDED_BYTES:
        return ""
    op = OPS.get(node.op)
    for i in node.inputs[: 0 if op is None or op.ufunc is None else _ELIDABLE.get(op.ufunc, 0)]:
        other = graph[i]
        temporary = other.role is Role.RULE and other.kind is Kind.OP and other.of == node.of and owner[i] == i
        alike = other.shape == node.shape and other.dtype == node.dtype and other.toward == node.toward
        if temporary and alike:
            return i
    return ""

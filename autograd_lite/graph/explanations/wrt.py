"""What an explanation is about: the graph, the requested nodes, and the values, if available."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from ...core.errors import GradError, more_on
from ...core.op import Op
from ...engine.walk import conjugate, edge_of
from ...ir.build import build_from
from ...ir.graph_node import GraphNode, Kind, Role
from ...ir.node_labels import clip, op_text, visible
from ...ir.pure_graph import PureGraph
from ...ir.pure_program import PureProgram
from ...tensors.tensor import Tensor

Wrt = Tensor | str | Iterable[Tensor | str] | None
Values = bool | Literal["auto"]

# "auto" runs a graph again if it has at most this many nodes, and its arrays this many bytes.
_NODES, _BYTES = 2000, 64 << 20
_NOW = " All numbers are of the inputs as they are now; an earlier backward() had others."


class Question(NamedTuple):
    """A question.

    Attributes:
        graph: with its backward pass.
        targets: the ids of the requested nodes.
        values: of every node, by its id; empty if they are not known.
        calls: for each operation the op, the ids of its arguments and its parameters; empty for a Graph alone.
        notes: why there are no values, or why they may surprise.
    """

    graph: PureGraph
    targets: tuple[str, ...]
    values: Mapping[str, Any]
    calls: Mapping[str, tuple[Op, tuple[str, ...], Mapping[str, Any]]]
    notes: tuple[str, ...]


def find_question(loss: Any, wrt: Wrt, values: Values, cotangent: Any) -> Question:
    """Check what `explain` was called with, and find the nodes and values."""
    program, outputs = _program(loss, cotangent)
    graph = program.graph if isinstance(program, PureProgram) else program
    targets = _Finder(graph, program, outputs).targets(wrt)
    graph = _name_targets(graph, targets, wrt)
    notes = _note_unreached(graph) if wrt is None else ()
    if not isinstance(program, PureProgram):
        return Question(graph, targets, {}, {}, notes)
    numbers, note = _values(program, values, outputs)
    changed = program.first_changed(numbers) if numbers else None
    if changed is not None:
        notes = (f"The inputs have changed since: {changed} is not what it was when it was recorded.{_NOW}", *notes)
    return Question(graph, targets, numbers, program.calls, (note, *notes) if note else notes)


def _note_unreached(graph: PureGraph) -> tuple[str, ...]:
    """Return which parameters of the graph no gradient reaches."""
    reached = graph.cotangents
    idle = [node for node in graph if node.kind is Kind.PARAMETER and node.id not in reached]
    names = [clip(visible(node.name), 40) or node.id for node in idle[:8]] + ["…"] * (len(idle) > 8)
    return (f"Not reached by a gradient: {', '.join(names)}. explain(loss, wrt=...) says why.",) if idle else ()


# ---- the loss -------------------------------------------------------------------------------------------------------


def _program(loss: Any, cotangent: Any) -> tuple[PureProgram | PureGraph, tuple[Tensor, ...]]:
    if isinstance(loss, (PureProgram, PureGraph)):
        graph = loss.graph if isinstance(loss, PureProgram) else loss
        if not graph.flows:
            raise GradError(
                "explain: expected a backward pass; received a forward graph. Pass backward=True when making it"
            )
        if cotangent is not None:
            raise TypeError(
                "explain: expected no cotangent with a Program or Graph; bind the seed of the Program instead"
            )
        return loss, ()
    outputs = (loss,) if isinstance(loss, Tensor) else tuple(loss) if isinstance(loss, Iterable) else (loss,)
    for t in outputs:
        _check(t, len(outputs), cotangent)
    program = PureProgram.build(outputs, backward=True)
    if cotangent is not None:
        program = _seed(program, outputs[0], cotangent)
    return program, outputs


def _name_targets(graph: PureGraph, targets: tuple[str, ...], wrt: Wrt) -> PureGraph:
    """Give requested results of operations the names of their tensors; graphs know the names of leaves only."""
    requested = [wrt] if isinstance(wrt, (Tensor, str)) else list(wrt or ())
    if len(requested) != len(targets):
        return graph
    named = {i: t.name for i, t in zip(targets, requested, strict=True) if isinstance(t, Tensor) and t.name}
    nodes = tuple(replace(node, name=node.name or str(named.get(node.id, ""))) for node in graph)
    return replace(graph, nodes=nodes) if any(not graph[i].name for i in named) else graph


def _check(t: Any, count: int, cotangent: Any) -> None:
    if not isinstance(t, Tensor):
        raise TypeError(f"explain: expected a Tensor as the loss, or several; received {type(t).__name__}")
    if not t.requires_grad:
        raise GradError(
            f"explain: expected a loss that requires a gradient; received {_short(t)}, which has no history. "
            "Make an input with ag.tensor(a, requires_grad=True), and compute outside no_grad(), without .detach()"
            + more_on("no-history")
        )
    if cotangent is not None:
        shape = np.shape(cotangent.data if isinstance(cotangent, Tensor) else cotangent)
        if count != 1 or shape != t.shape:
            raise GradError(
                f"explain: expected one loss and a cotangent of its shape {t.shape}; received shape {shape}"
            )
    elif t.size != 1:
        raise GradError(
            f"explain: expected a loss of one number; received {_short(t)}. Reduce it first, explain(t.sum(), ...), or "
            f"pass what the backward pass starts with: explain(t, ..., cotangent=c), c of shape {t.shape}"
        )
    elif t.dtype.kind == "c":
        raise GradError(
            "explain: expected a real loss; received a complex one. Take its .real or abs(), or pass a cotangent"
        )


def _short(t: Tensor) -> str:
    name = f"'{clip(visible(t.name), 40)}' " if t.name else ""
    return f"a tensor {name}of shape {t.shape} {t.dtype}"


def _seed(program: PureProgram, t: Tensor, cotangent: Any) -> PureProgram:
    seed = np.asarray(cotangent.data if isinstance(cotangent, Tensor) else cotangent, t.dtype)
    seeds = {node.id: conjugate(seed) for node in program.graph if node.role is Role.SEED}
    return replace(program, bindings=MappingProxyType({**program.bindings, **seeds}))


# ---- values ---------------------------------------------------------------------------------------------------------


def _values(program: PureProgram, values: Values, outputs: tuple[Tensor, ...]) -> tuple[Mapping[str, Any], str]:
    graph = program.graph
    if values is False:
        return {}, ""
    if values == "auto" and (len(graph) > _NODES or sum(node.nbytes for node in graph) > _BYTES):
        size = f"{len(graph):,} nodes, {sum(node.nbytes for node in graph) >> 20:,} MiB"
        return {}, f"The numbers are left out because the graph is large ({size}). Pass values=True to get them."
    drawn = next((n for n in graph if n.op.startswith("random_") and n.id not in program.recorded_values), None)
    if drawn is not None:
        return {}, (
            f"The numbers are no longer known: the random draw {drawn.id} was released by backward(). Explain before "
            "backward(), or call backward(retain_graph=True)."
        )
    try:
        numbers = program.values()
    except GradError as error:
        reason = str(error).partition(": ")[2]
        return {}, f"The numbers are no longer known: {reason}."
    # The graph follows tensors that were assigned since, for example by an optimizer's step.
    for i, t in zip(graph.outputs, outputs, strict=False):
        if not np.allclose(numbers[i], t.data, rtol=1e-4, equal_nan=True):
            return numbers, (
                "A tensor was assigned a new value after the loss was computed; the numbers are of the new values."
            )
    return numbers, ""


# ---- the tensors asked for ------------------------------------------------------------------------------------------


class _Finder:
    """Finds the nodes of tensors, names and ids, and why a gradient does not reach one."""

    def __init__(self, graph: PureGraph, program: PureProgram | PureGraph, outputs: tuple[Tensor, ...]) -> None:
        self._graph = graph
        self._bindings = program.bindings if isinstance(program, PureProgram) else {}
        self._outputs = outputs
        self._reached = graph.cotangents

    def targets(self, wrt: Wrt) -> tuple[str, ...]:
        """Return the ids of the requested nodes, each once."""
        if wrt is None:
            return tuple(self._graph.gradients)
        requested = [wrt] if isinstance(wrt, (Tensor, str)) or not isinstance(wrt, Iterable) else list(wrt)
        if not requested:
            raise ValueError("explain: expected a tensor or a name in wrt; received an empty list")
        return tuple(dict.fromkeys(self._find(t) for t in requested))

    def _find(self, t: Any) -> str:
        if isinstance(t, Tensor):
            node_id = self._of_tensor(t)
            name = f"'{clip(visible(t.name), 40)}'" if t.name else f"the tensor of shape {t.shape}"
            if node_id is None:
                raise GradError(
                    f"explain: not reached: the loss was not computed from {name}, or only through its bare values "
                    "(.data, .numpy(), float()), detach() or no_grad(). ag.why_no_grad(t, loss) may tell more"
                )
        elif isinstance(t, str):
            node_id = self._of_name(t)
            name = f"'{clip(visible(t), 40)}'"
        else:
            raise TypeError(f"explain: expected a Tensor, a name or None as wrt; received {type(t).__name__}")
        if node_id not in self._reached:
            raise GradError(f"explain: {self._why(node_id, name)}")
        return node_id

    def _of_tensor(self, t: Tensor) -> str | None:
        edge = edge_of(t)
        node_id = next((i for i, bound in self._bindings.items() if bound is edge), None)
        if node_id is not None or edge is t or not self._outputs:
            return node_id
        # The graph with a backward pass was made from a copy of the record; its forward nodes are in the same order.
        alone = next((i for i, bound in build_from(self._outputs).bindings.items() if bound is edge), None)
        nodes = [node.id for node in self._graph if not node.backward]
        return None if alone is None else nodes[int(alone[1:])]

    def _of_name(self, name: str) -> str:
        forward = [node for node in self._graph if not node.backward]
        named = [node.id for node in forward if node.name == name] or [node.id for node in forward if node.id == name]
        if len(named) > 1:
            reached = [i for i in named if i in self._reached]
            named = reached if len(reached) == 1 else named
        if len(named) == 1:
            return named[0]
        if named:
            raise KeyError(
                f"explain: expected the name of one tensor; received {clip(visible(name), 80)!r}, the name of "
                f"{len(named)} tensors: {', '.join(named[:8])}. Pass one of these ids"
            )
        names = sorted({node.name for node in forward if node.name and node.kind is Kind.PARAMETER})
        parameters = ", ".join(clip(visible(n), 40) for n in names[:8]) + (", …" if len(names) > 8 else "")
        raise KeyError(
            f"explain: expected the name or the id of a tensor of the graph; received {clip(visible(name), 80)!r}. "
            + (
                f"Its parameters are {parameters}"
                if parameters
                else "None of its parameters has a name; pass the tensor itself"
            )
        )

    # ---- why not ----------------------------------------------------------------------------------------------------

    def _why(self, node_id: str, name: str) -> str:
        """Return why no gradient reaches a node of the graph."""
        node = self._graph[node_id]
        if node.kind in (Kind.INPUT, Kind.CONSTANT, Kind.STATE):
            return (
                f"not required: {name} was made without requires_grad=True, so no gradient is computed for it. Make it "
                "with ag.tensor(a, requires_grad=True)"
            )
        cut = self._first_cut(node_id)
        if cut is None:
            return f"not required: nothing that {name} was computed from requires a gradient"
        reader, argument = cut
        why = self._fault(reader, argument)
        op = op_text(reader, self._graph)
        return f"not reached: {name} leads to the loss only through '{op}' ({reader.id}), {why}"

    def _first_cut(self, node_id: str) -> tuple[GraphNode, int] | None:
        """Return the first op after a node through which no gradient comes back, and the argument."""
        behind = {node_id}
        reached = {self._graph.call_of(self._graph[i]).id for i in self._reached} | self._reached.keys()
        for node in self._graph:
            if not node.backward and any(i in behind for i in node.inputs):
                if node.id in reached or not node.needs:
                    return node, next(k for k, i in enumerate(node.inputs) if i in behind)
                behind.add(node.id)
        return None

    def _fault(self, node: GraphNode, argument: int) -> str:
        if node.op == "stop_gradient":
            return "which cuts the gradient on purpose"
        if node.dtype.kind not in "fc":
            return f"which has no derivative: its result is {node.dtype}"
        return (
            "which has no derivative"
            if not node.needs
            else f"which has no derivative with respect to its argument {argument + 1}"
        )

"""Where NaN began: the first operation, forward or backward, that made finite values non-finite, and why.

Everything is computed again from the inputs, node by node, so the record need not hold any values.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ...core.duck_arrays import to_numpy
from ...core.errors import GradError
from ...core.messages import checked
from ...core.node import Source
from ...core.op import OPS
from ...engine.nonfinite import Fault, advice, fault_in, fault_in_rule, is_finite
from ...ir.graph_node import GraphNode, Kind, Role, number_of
from ...ir.node_labels import op_text, visible
from ...random import Generator
from ...tensors.tensor import Tensor
from ..export.save import SaveOptions
from ..graph import Graph
from ..marks import Mark, Overlay
from ..program import Program
from .report import Report

_SHOWN = 6
_BADGE = 24  # characters: pictures cut longer ones


class Operand(NamedTuple):
    """What an operation read: the id and name of the node, and its value there, or the range of its values."""

    id: str
    name: str
    value: str


class NonFinite(NamedTuple):
    """The number of elements of a node that are NaN, and that are infinite."""

    id: str
    nans: int
    infs: int


@dataclass(frozen=True, slots=True, repr=False)
class NanReport(Report):
    """Where NaN, or an infinity, began.

    Attributes:
        graph: the computation, with its backward pass if there is one.
        origin: the id of the node where it began: an operation whose inputs were finite, or an input.
        reason: in a few words, such as "log(0)".
        sentence: the reason as a sentence.
        index: of the first such element.
        count, size: the number of such elements, and of all.
        operands: what the operation read there; in the backward pass, what the forward operation had read.
        path: the ids of the nodes that it went through to a result or a gradient, in order, the origin first.
        reached: the results and gradients that are not finite, as text.
        others: every node that is not finite, with the number of such elements.
        notes: what else one should know, such as that an input has changed since.
        hint: a possible fix; may be empty.

    Example:
        >>> import autograd_lite as ag
        >>> import numpy as np
        >>> with np.errstate(all="ignore"):
        ...     report = ag.find_nan(np.log(ag.tensor([-1.0], requires_grad=True)))
        >>> report.reason, report.index
        ('log of a negative number', (0,))
    """

    graph: Graph
    origin: str
    reason: str
    sentence: str
    index: tuple[int, ...]
    count: int
    size: int
    operands: tuple[Operand, ...]
    path: tuple[str, ...]
    reached: tuple[str, ...]
    others: tuple[NonFinite, ...]
    notes: tuple[str, ...] = ()
    hint: str = ""

    @property
    def node(self) -> GraphNode:
        """The node where it began."""
        return self.graph[self.origin]

    @property
    def op(self) -> str:
        """The name of its operation; in the backward pass, of the operation whose derivative it computes."""
        return self._home.op

    @property
    def backward(self) -> bool:
        """True if it began in the backward pass."""
        return self.node.backward

    @property
    def source(self) -> Source | None:
        """The user's line, if it was recorded."""
        return self._home.source

    @property
    def scope(self) -> str:
        """The path of the `nn` module."""
        return self._home.scope

    @property
    def _home(self) -> GraphNode:
        node = self.node
        return self.graph[node.of] if node.backward and node.of else self.graph.call_of(node)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as dicts, lists, strings and numbers, without the graph."""
        where = {"op": self.op, "module": self.scope, "line": str(self.source or "")}
        return {**where, "backward": self.backward, **super(NanReport, self).as_dict()}

    def overlay(self) -> Overlay:
        """Return the marks for pictures: the origin with its reason, and everything that is not finite."""
        on_path = set(self.path)
        marks = {}
        for entry in self.others:
            lines: tuple[str, ...] = (f"{_counts(entry)} of {self.graph[entry.id].size:,} elements",)
            lines += () if entry.id in on_path else ("nothing shown as wrong comes from these",)
            marks[entry.id] = Mark("nan", "NaN" if entry.nans else "inf", tip=lines)
        tip = (self.sentence, *(f"{_label(o)} = {o.value}" for o in self.operands), *self.notes)
        badge = f"first non-finite: {self.reason}"
        marks[self.origin] = Mark("origin", badge if len(badge) <= _BADGE else self.reason, self.sentence, tip)
        if self._home.id not in marks:
            marks[self._home.id] = Mark(note="its derivative is not finite", tip=tip)
        return Overlay("where NaN began", (f"{self.origin}: {self.sentence}",), marks, of=self.graph)

    def to_svg(self) -> str:
        """Return the picture of the graph with the origin and all nodes that it reached."""
        return self.graph.to_svg(overlay=self.overlay())

    def _picture(self, ending: str) -> tuple[Graph, SaveOptions]:
        return self.graph, {"overlay": self.overlay()}

    def __str__(self) -> str:
        node, home = self.node, self._home
        where = f"element {list(self.index)} of shape {node.shape}" if self.index else "a single number"
        where += f", the first of {self.count:,}" if self.count > 1 else ""
        if node.kind is not Kind.OP:
            head = (
                f"{self.origin}, the {node.kind} {visible(node.name or 'without a name')}, was not finite to begin with"
            )
        elif node.backward:
            head = (
                f"{home.id} = {visible(home.op)}: its derivative, {self.origin}, is the first value that is not finite"
            )
        else:
            head = f"{self.origin} = {visible(op_text(node, self.graph))} is the first value that is not finite"
        rows = [("reason", self.sentence), ("where", where)]
        rows += [("read", f"{_label(o)} = {o.value}") for o in self.operands]
        rows += [("line", str(self.source) if self.source else _UNRECORDED)] if node.kind is Kind.OP else []
        rows += [("module", visible(self.scope))] if self.scope else []
        rows += [("then", self._then())] if len(self.path) > 1 else []
        rows += [("reached", _list(self.reached))]
        rows += [("note", note) for note in self.notes]
        rows += [("try", self.hint)] if self.hint else []
        return "\n".join([head, *(f"  {name:<7}  {text}" for name, text in rows)])

    def __repr__(self) -> str:
        where = "backward" if self.backward else "forward"
        return f"<NanReport {self.origin} {visible(self.op or self.node.kind)}, {where}: {visible(self.reason)}>"

    def _then(self) -> str:
        steps = [f"{i} {visible(op_text(self.graph[i], self.graph) or self.graph[i].kind)}" for i in self.path[1:]]
        if len(steps) > _SHOWN:
            steps = [*steps[: _SHOWN // 2], f"… {len(steps) - _SHOWN:,} more …", *steps[-(_SHOWN // 2) :]]
        return ", ".join(steps)


_CHECK = {
    Kind.INPUT: "Look for it in the data: (~np.isfinite(x)).any()",
    Kind.PARAMETER: "An earlier step made it: train inside `with ag.raise_on_nan():`, and try a smaller learning rate",
}
_UNRECORDED = "not recorded; compute inside `with ag.record_source():`, or trace(f, x), to see it"


@checked
def find_nan(
    source: Tensor | Iterable[Tensor] | Program, *inputs: Any, backward: bool = True, hidden: bool = False
) -> NanReport | None:
    """Find the first operation, forward or backward, that turned finite values into NaN or an infinity.

    Values that no result and no gradient depends on do not count: `np.where(x > 0, np.log(x), 0)` computes log(0), but
    neither the result nor the gradient is affected.

    Args:
        source: a tensor, such as a loss, or several, with a record; or a program.
        inputs: for a program, new inputs.
        backward: check the backward pass too, if there is one.
        hidden: also report values that no result and no gradient depends on.

    Returns:
        The report, or None if everything is finite.

    Raises:
        TypeError: if it is something else.
        GradError: if `backward` has released a constant that the computation needs.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor([4.0, 0.0], requires_grad=True, name="x")
        >>> with ag.record_source():
        ...     loss = np.sqrt(x).sum()
        >>> report = find_nan(loss)
        >>> report.op, report.backward, report.sentence
        ('sqrt', True, 'the derivative of sqrt at 0 is inf')
    """
    program = source if isinstance(source, Program) else _program_of(source, backward)
    values, notes = _replay(program, inputs, backward)
    graph = program.graph
    bad = {i: value for i, value in values.items() if not isinstance(value, Generator) and not is_finite(value)}
    results = [i for i in dict.fromkeys((*graph.outputs, *_gradients(graph, backward).values())) if i in bad]
    tainted = _ancestors(graph, results, bad)
    searched = set(bad) if hidden and not tainted else tainted
    first = _first(program, values, searched)
    if first is None:
        return None
    origin, fault, note = first
    path = _descendants(graph, origin, searched)
    return _report(program, values, origin, fault, path, (*notes, *note), backward)


# ---- the nodes to look at -------------------------------------------------------------------------------------------


def _program_of(tensors: Any, backward: bool) -> Program:
    if not isinstance(tensors, Tensor):
        tensors = list(tensors) if isinstance(tensors, Iterable) else tensors
    listed = tensors if isinstance(tensors, list) else [tensors]
    wrong = next((t for t in listed if not isinstance(t, Tensor)), None)
    if wrong is not None:
        cure = "Pass what was computed, before .item(), .numpy() or float()"
        if hasattr(wrong, "named_parameters"):
            cure = "A module has computed nothing yet: find_nan(model(x)), or find_nan(Program.trace(model, x))"
        raise TypeError(f"find_nan: expected a Tensor, several, or a Program; received {type(wrong).__name__}. {cure}")
    with_backward = backward and any(isinstance(t, Tensor) and t.requires_grad for t in listed)
    return Program.build(tensors, backward=with_backward)


def _replay(program: Program, inputs: Sequence[Any], backward: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Compute every value again, without advancing the user's generators."""
    try:
        values = _with_generators_of_its_own(program).values(*inputs, backward=backward)
    except GradError as error:
        raise GradError(
            f"find_nan: expected a record with its constants; {str(error).partition(': ')[2]} Or compute inside "
            "`with ag.raise_on_nan():`, which stops where NaN begins"
        ) from None
    notes = []
    draws = [
        n.id
        for n in program.graph
        if n.op.startswith("random_") and n.id in values and n.id not in program.recorded_values
    ]
    if draws:
        notes.append(f"the random numbers of {_list(draws)} were drawn anew: those of the record are gone")
    if not inputs:
        first = program.first_changed(values)
        if first is not None:
            notes.append(f"inputs have changed since: {first} is not what it was when it was recorded")
    return values, tuple(notes)


def _with_generators_of_its_own(program: Program) -> Program:
    copies = {i: copy.deepcopy(x) for i, x in program.bindings.items() if isinstance(x, Generator)}
    if not copies:
        return program
    calls = dict(program.calls)
    for i, (op, arguments, params) in program.calls.items():
        drawn = [k for k, v in params.items() if isinstance(v, Generator)]
        if drawn:
            generator = copies[program.graph[i].inputs[len(arguments)]]
            calls[i] = op, arguments, {**params, drawn[0]: generator}
    return replace(program, bindings={**program.bindings, **copies}, calls=calls)


def _gradients(graph: Graph, backward: bool) -> Mapping[str, str]:
    return graph.gradients if backward and graph.flows else {}


def _ancestors(graph: Graph, results: Sequence[str], bad: Mapping[str, Any]) -> set[str]:
    """Return the non-finite nodes that lead to a result through non-finite nodes alone."""
    ancestors, stack = set(results), list(results)
    while stack:
        for i in graph[stack.pop()].inputs:
            if i in bad and i not in ancestors:
                ancestors.add(i)
                stack.append(i)
    return ancestors


def _descendants(graph: Graph, origin: str, within: set[str]) -> tuple[str, ...]:
    reached = {origin}
    for node in graph:
        if node.id in within and not reached.isdisjoint(node.inputs):
            reached.add(node.id)
    return tuple(sorted(reached, key=number_of))


def _first(
    program: Program, values: Mapping[str, Any], searched: set[str]
) -> tuple[str, Fault, tuple[str, ...]] | None:
    """Return the first node where it began, why, and what to note.

    An infinity that the user wrote is the origin only if nothing else is: it may be intended, as in a mask.
    """
    written: list[GraphNode] = []
    for node in program.graph:
        if node.id not in searched or node.has_several:  # of a call, the results are looked at
            continue
        if node.kind is not Kind.OP:
            if np.isnan(values[node.id]).any():
                return node.id, _fault_of_input(node, values[node.id]), ()
            if node.kind is Kind.PARAMETER:  # never intended
                return node.id, _fault_of_input(node, values[node.id]), ()
            written.append(node)
            continue
        op, arguments, params = program.calls[program.graph.call_of(node).id]
        fault = fault_in(op, [values[a] for a in arguments], values[node.id], dict(params))
        if fault is not None:
            if fault.from_infinity and node.backward and written and not searched.isdisjoint(program.graph.outputs):
                break  # the results are infinite without it
            infinite = [n for n in written if fault.from_infinity and n.id in searched]
            note = tuple(f"the infinity came with the {n.kind} {n.id} {n.name!r}".rstrip(" '") for n in infinite[:1])
            return node.id, fault, note
    return (written[0].id, _fault_of_input(written[0], values[written[0].id]), ()) if written else None


def _fault_of_input(node: GraphNode, value: Any) -> Fault:
    a = to_numpy(value)
    nans, infs = int(np.isnan(a).sum()), int(np.isinf(a).sum())
    bad = np.isnan(a) if nans else np.isinf(a)
    counts = _counts(NonFinite(node.id, nans, infs))
    name = f"{node.kind} {node.name!r}" if node.name else f"{node.kind} {node.id}"
    return Fault.at(bad, a, f"came with {counts}", f"the {name} came with {counts}")


# ---- the report -----------------------------------------------------------------------------------------------------


def _report(
    program: Program,
    values: Mapping[str, Any],
    origin: str,
    fault: Fault,
    path: tuple[str, ...],
    notes: tuple[str, ...],
    backward: bool,
) -> NanReport:
    graph, node = program.graph, program.graph[origin]
    home = graph.call_of(node)
    readers = home.inputs
    if node.backward and node.role is Role.RULE and node.of:
        better = _fault_of_rule(program, values, node)
        if better is not None:
            fault, home = better, graph[node.of]
            readers = home.inputs
    operands = tuple(
        Operand(i, graph[i].name or op_text(graph[i], graph), text)
        for i, text in zip(readers, fault.operands, strict=False)
        if text
    )
    reached = [f"the result {i}" for i in graph.outputs if i in path]
    reached += [f"the gradient of {_name(graph[leaf])}" for leaf, i in _gradients(graph, backward).items() if i in path]
    return NanReport(
        graph,
        origin,
        fault.reason,
        fault.sentence,
        fault.index,
        fault.count,
        fault.size,
        operands,
        path,
        tuple(dict.fromkeys(reached)) or ("no result and no gradient: it stays hidden",),
        tuple(_non_finite(graph, values)),
        notes,
        _hint(graph, values, node, home, fault),
    )


def _hint(graph: Graph, values: Mapping[str, Any], node: GraphNode, home: GraphNode, fault: Fault) -> str:
    if node.kind is Kind.OP:
        parameters = ((_name(n), values[n.id]) for n in graph if n.kind is Kind.PARAMETER and n.id in values)
        return advice(OPS.get(home.op), fault, backward=node.backward, parameters=parameters)
    if node.kind is Kind.INPUT and node.id in graph.outputs:
        return (
            "It has no record: compute it from tensors that require a gradient, outside no_grad() and without detach()"
        )
    return _CHECK.get(node.kind, "")


def _fault_of_rule(program: Program, values: Mapping[str, Any], node: GraphNode) -> Fault | None:
    """Return what the derivative rule that a node belongs to did as a whole."""
    graph = program.graph
    flow = next((f for f in graph.flows if f.op == node.of and f.into == node.toward), None)
    g = _cotangent(graph, values, node.of)
    if g is None or flow is None or node.of not in program.calls:
        return None
    op, arguments, params = program.calls[node.of]
    inputs = [values[a] for a in arguments]
    try:
        return fault_in_rule(op, flow.argument, g, values[node.of], inputs, dict(params))
    except (TypeError, ValueError, ArithmeticError):  # the rule cannot be evaluated alone; the node's own fault will do
        return None


def _cotangent(graph: Graph, values: Mapping[str, Any], op: str) -> Any:
    """Return the cotangent of an op's result, or a tuple of those of a call's results; None if there is none."""
    totals = graph.cotangents
    if not graph[op].has_several:
        return values[totals[op]] if op in totals else None
    gs: list[Any] = [None] * len(graph[op].shape)
    for node in graph.results_of_calls.get(op, ()):
        if node.result is not None and node.id in totals:
            gs[node.result] = values[totals[node.id]]
    return None if all(g is None for g in gs) else tuple(gs)


def _non_finite(graph: Graph, values: Mapping[str, Any]) -> Iterable[NonFinite]:
    for node in graph:
        value = values.get(node.id)
        if value is not None and not isinstance(value, (Generator, tuple)) and not is_finite(value):
            yield NonFinite(node.id, int(np.isnan(value).sum()), int(np.isinf(value).sum()))


def _counts(entry: NonFinite) -> str:
    parts = [f"{entry.nans:,} NaN"] if entry.nans else []
    return " and ".join(parts + ([f"{entry.infs:,} inf"] if entry.infs else []))


def _name(node: GraphNode) -> str:
    return visible(repr(node.name)) if node.name else node.id


def _label(operand: Operand) -> str:
    return f"{operand.id} {visible(operand.name)}".rstrip()


def _list(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - _SHOWN:,} more" if len(parts) > _SHOWN else ""
    return ", ".join(parts[:_SHOWN]) + more

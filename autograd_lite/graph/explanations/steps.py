"""The steps of an explanation, one by one, from a graph and its values."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...core.op import OPS, Kind as RuleKind, Op, read_rule
from ...engine.walk import conjugate
from ...ir.graph_node import Flow, Kind, Role
from ...ir.listing import place
from ...ir.node_labels import visible
from ...ir.pure_graph import PureGraph
from .parts import Amount, ForwardValue, Gap, Incoming, Step, Target, Use, amount
from .words.reasons import reason, sentence_of
from .words.rules import Words
from .wrt import Question

# At most this many uses of a tensor are listed at the end.
_USES = 8
# Formulas may be longer than next to a box.
_LIMIT = 120


class Teller:
    """Tells the steps of one explanation.

    Args:
        question: the graph, the requested nodes, and the values.
        limit: arrays of at most this many elements are written out.
        most: with more steps than this, the middle is left out.
    """

    def __init__(self, question: Question, limit: int, most: int) -> None:
        self._graph = question.graph
        self._question = question
        self._values = question.values
        self._limit = limit
        self._words = Words(question.graph, ids=True)
        self._flows = _towards(question.graph, question.targets)
        self._most = most
        self._shown = _ends(self._flows, most)
        self._uses = Counter(flow.into for flow in self._flows)

    def outputs(self) -> tuple[ForwardValue, ...]:
        """Return the results that are explained."""
        return tuple(self._forward_value(i) for i in dict.fromkeys(self._graph.outputs))

    def forward(self) -> tuple[ForwardValue, ...]:
        """Return the values of the forward pass: all, or in a large graph only those on the path of the steps."""
        nodes = [node for node in self._graph if not (node.backward or node.value or node.kind is Kind.STATE)]
        path = {flow.op for _, flow in self._shown}
        if len(nodes) > self._most:
            nodes = [node for node in nodes if node.id in path]
        return tuple(self._forward_value(node.id) for node in nodes) if path else ()

    def seeds(self) -> tuple[Amount, ...]:
        """Return what the backward pass starts with, for every output that it starts from."""
        seeds = {node.of: node.id for node in self._graph if node.role is Role.SEED}
        return tuple(self._amount(seeds[i]) for i in dict.fromkeys(self._graph.outputs) if i in seeds)

    def steps(self) -> tuple[Step, ...]:
        """Return the steps that are shown."""
        uses_in_text = dict(self._shown)
        seen: Counter[str] = Counter()
        steps = []
        for number, flow in enumerate(self._flows, start=1):
            seen[flow.into] += 1
            if number in uses_in_text:
                steps.append(self._step(number, flow, seen[flow.into]))
        return tuple(steps)

    def gaps(self) -> tuple[Gap, ...]:
        """Return the steps that are left out between them."""
        if len(self._shown) == len(self._flows):
            return ()
        numbers = [number for number, _ in self._shown]
        after = next(n for n, following in itertools.pairwise(numbers) if following != n + 1)
        count = len(self._flows) - len(numbers)
        ops = Counter(self._graph[flow.op].op for flow in self._flows[after : after + count])
        words = ", ".join(f"{op} ×{n}" for op, n in ops.most_common(4)) + (", …" if len(ops) > 4 else "")
        return (Gap(after, count, words),)

    def targets(self) -> tuple[Target, ...]:
        """Return the requested tensors, with their gradients."""
        return tuple(self._target(i) for i in self._question.targets)

    def notes(self) -> tuple[str, ...]:
        """Return what else a reader should know."""
        notes = list(self._question.notes)
        if any(self._graph[flow.into].dtype.kind == "c" for flow in self._flows):
            notes.append(_COMPLEX)
        return tuple(notes)

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _amount(self, node_id: str) -> Amount:
        node = self._graph[node_id] if node_id else None
        return amount(node, self._values.get(node_id), self._limit, node_id)

    def _as_users_see(self, node_id: str) -> Amount:
        value = self._values.get(node_id)
        return amount(self._graph[node_id], None if value is None else conjugate(value), self._limit, node_id)

    def _forward_value(self, node_id: str) -> ForwardValue:
        node, words = self._graph[node_id], self._words
        name = words.name(node)
        forward = words.forward(node_id) if node.op else ""
        latex = words.latex_name(node) + (f" = {words.forward_latex(node_id)}" if node.op else "")
        value = None if node.has_several else self._amount(node_id)
        return ForwardValue(node_id, name, str(node.kind), forward, latex, visible(node.scope), place(node), value)

    def _step(self, number: int, flow: Flow, use: int) -> Step:
        graph, words = self._graph, self._words
        node = graph[flow.op]
        rule = words.rule(flow, limit=_LIMIT)
        local = words.local(flow, limit=_LIMIT) if self._has_slope(flow) else ""
        return Step(
            number,
            node.id,
            node.op,
            flow.argument,
            flow.into,
            words.name(node),
            words.name(graph[flow.into]),
            words.forward(node.id),
            visible(node.scope),
            place(node),
            rule.formula,
            local,
            self._reason(flow),
            rule.remarks,
            *self._equations(flow),
            self._incoming(flow),
            self._slope(flow) if local and not _is_number(local) else None,
            self._amount(flow.contribution),
            self._amount(flow.total),
            use,
            self._uses[flow.into],
            words.nodes(flow),
        )

    def _incoming(self, flow: Flow) -> tuple[Incoming, ...]:
        words = self._words
        gs = words.cotangents(flow) or {"": self._graph[flow.op]}
        return tuple(
            [
                Incoming(words.part("g", out), words.name(out), words.derivative_latex(out), self._amount(g))
                for g, out in gs.items()
            ]
        )

    def _reason(self, flow: Flow) -> str:
        node, op = self._graph[flow.op], self._record(flow)
        call = self._question.calls.get(flow.op)
        values = [self._values[i] for i in call[1]] if call and self._values else ()
        return reason(
            node,
            flow.argument,
            [self._graph[i] for i in node.inputs],
            self._words.text_of,
            sentence=sentence_of(op, values, call[2] if call else {}),
            flat=self._words.is_flat(flow),
        )

    def _equations(self, flow: Flow) -> tuple[str, str]:
        """Return the rule and the local derivative as equations in LaTeX."""
        outs = [*self._words.cotangents(flow).values(), self._graph[flow.op]]
        into, result = (self._words.latex_name(node) for node in (self._graph[flow.into], outs[0]))
        left = self._words.derivative_latex(self._graph[flow.into])
        sign = "=" if flow.total == flow.contribution else "{+}{=}"
        local = self._words.local_latex(flow) if self._has_slope(flow) else ""
        slope = rf"\frac{{\partial {result}}}{{\partial {into}}} = {local}" if local else ""
        return f"{left} {sign} {self._words.rule_latex(flow, full=True)}", slope

    def _record(self, flow: Flow) -> Op | None:
        """Return the op's record; only the program knows those of custom ops."""
        call = self._question.calls.get(flow.op)
        return call[0] if call else OPS.get(self._graph[flow.op].op)

    def _has_slope(self, flow: Flow) -> bool:
        """Return whether a rule may be a product; complex rules that are not holomorphic use the conjugate too."""
        node, op = self._graph[flow.op], self._record(flow)
        return op is None or op.holomorphic or "c" not in (node.dtype.kind, self._graph[flow.into].dtype.kind)

    def _slope(self, flow: Flow) -> Amount | None:
        """Evaluate the rule with ones as the cotangent, which leaves the local derivative."""
        node, question = self._graph[flow.op], self._question
        call = question.calls.get(flow.op)
        rule = call[0].rule(flow.argument) if call else None
        if call is None or rule is None or rule.kind is RuleKind.VJP or not self._values:
            return None
        saved = (self._values[node.id], *(self._values[i] for i in call[1]))
        with np.errstate(all="ignore"):
            slope = read_rule(rule, np.ones(node.shape, node.dtype), saved, dict(call[2]))
        return amount(None, slope, self._limit)

    def _target(self, node_id: str) -> Target:
        node, cotangents = self._graph[node_id], self._graph.cotangents
        total = cotangents.get(node_id, "")
        uses = [(n, flow) for n, flow in enumerate(self._flows, start=1) if flow.into == node_id]
        uses_in_text = uses if len(uses) <= _USES else [*uses[: _USES // 2], *uses[-_USES // 2 :]]
        return Target(
            node_id,
            self._words.name(node),
            str(node.kind),
            node.shape,
            str(node.dtype),
            self._as_users_see(total),
            tuple(Use(n, f.op, self._words.forward(f.op), self._as_users_see(f.contribution)) for n, f in uses_in_text),
            len(uses),
        )


_COMPLEX = (
    "For a complex x = a + ib, cotangents on the way are dL/da - i dL/db, so that the rules are those of real numbers. "
    "The gradient at the end is the conjugate, dL/da + i dL/db, as backward() gives it."
)


def _is_number(text: str) -> bool:
    """Return whether a formula is a number such as "-1" or "1 / 6", which need not be repeated as a value."""
    return re.fullmatch(r"[-+*/(). 0-9ej]+", text) is not None


def _towards(graph: PureGraph, targets: Sequence[str]) -> list[Flow]:
    """Return the steps on the paths from the outputs to the targets."""
    useful, flows = set(targets), []
    results = graph.results_of_calls
    for flow in reversed(graph.flows):
        if flow.into in useful:
            useful.update([flow.op, *(node.id for node in results.get(flow.op, ()))])
            flows.append(flow)
    return flows[::-1]


def _ends(flows: Sequence[Flow], most: int) -> list[tuple[int, Flow]]:
    """Number the steps, and leave out the middle if there are too many."""
    numbered = list(enumerate(flows, start=1))
    first = most // 2
    return numbered if len(numbered) <= most else [*numbered[:first], *numbered[len(numbered) - (most - first) :]]

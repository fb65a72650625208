"""Derivative rules as text: what an op's rule does for one argument, read off the recorded backward pass.

In the formulas `g` is the incoming cotangent, the derivative of the loss with respect to the op's result. Everything
else is a value of the forward pass: under the user's name for it, otherwise `out` for the op's result and `x`, `y`, `z`
for its arguments in order, or the id of its node. Of a call with several results, `g.Q` or `g[0]` is the cotangent of
one of them, and `out.Q` or `out[0]` the result.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ....core.messages import checked
from ....core.op import OPS, Kind as RuleKind
from ....ir.graph_node import Flow, GraphNode, Kind, Role, number_of
from ....ir.node_labels import result_text
from ....ir.pure_graph import PureGraph
from ....ops.reduce import prod
from .printer import index_text, number_text
from .signs import latex, latex_name, plain, spread, unbroadcast
from .terms import Term, as_it_is, by_name, gate, leaf, number, term_of

# Formulas are cut to this many characters, which fit next to a box.
LIMIT = 72
# A term with more nested ops is freed in a loop.
_DEEP = 500
# Words in place of a formula that is too long, by op.
_SUMMARIES = by_name({prod: "g * the product of the other elements"})
_LETTERS = ("xyz", "uvw", "abc", "pqr")
_NAME_LENGTH = 24


class RuleText(NamedTuple):
    """A rule as text.

    Attributes:
        formula: what the rule computes, such as "x.T @ g".
        remarks: what the engine did with it afterward, in order: "sum over axis 0 (b (2,) was broadcast to (3, 2))",
            "cast to float32", "+ what n7 contributes".
    """

    formula: str
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join((self.formula, *self.remarks))


@checked
def rule_words(graph: PureGraph, flow: Flow, *, limit: int = LIMIT) -> str:
    """Return as text what an op's rule for one argument gives, and what the engine did with it.

    For many flows of one graph, make `Words(graph)` once.

    Args:
        graph: with a backward pass.
        flow: one of `graph.flows`.
        limit: the most characters of the formula: the innermost parts of a longer one give way to "…".

    Example:
        >>> import numpy as np
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import build_graph
        >>> x = ag.tensor(np.ones((3, 2)), name="x")
        >>> w = ag.tensor(np.ones((2, 4)), requires_grad=True, name="w")
        >>> graph = build_graph(np.tanh(x @ w).mean(), backward=True)
        >>> for flow in graph.flows:
        ...     print(graph[flow.op].op, "->", rule_words(graph, flow))
        mean -> g / 12 (spread over (3, 4))
        tanh -> g * (1 - out²)
        matmul -> x.T @ g
    """
    words = Words(graph)  # which outlives the term: see `Words.__del__`
    return str(words.rule(flow, limit=limit))


@checked
def forward_words(graph: PureGraph, node_id: str, *, limit: int = LIMIT) -> str:
    """Return what an op computes, from its arguments' names or ids, such as "x @ w + n3" or "sum(n4, axis=0)".

    Args:
        graph: the graph of the record, from `build_graph`.
        node_id: the id of an operation in it, such as "n3".
        limit: the longest result, in characters; beyond it, middle parts become an ellipsis.

    Example:
        >>> import autograd_lite as ag
        >>> import numpy as np
        >>> graph = ag.build_graph(np.sin(ag.tensor(2.0, requires_grad=True, name="w")))
        >>> forward_words(graph, graph.nodes[-1].id)
        'sin(w)'
    """
    return Words(graph).forward(node_id, limit=limit)


@checked
def rule_latex(graph: PureGraph, flow: Flow, *, limit: int = LIMIT) -> str:
    r"""Return as LaTeX what an op's rule for one argument gives, summed where the argument was broadcast.

    Args:
        graph: with a backward pass.
        flow: one of `graph.flows`.
        limit: about how many letters are shown; see `rule_words`.

    Example:
        >>> import numpy as np
        >>> import autograd_lite as ag
        >>> from autograd_lite.graph import build_graph
        >>> graph = build_graph(np.tanh(ag.tensor([1.0, 2.0], requires_grad=True)).sum(), backward=True)
        >>> print(rule_latex(graph, graph.flows[-1]))
        g \odot \left( 1 - \mathrm{out}^{2} \right)
    """
    words = Words(graph)
    return words.rule_latex(flow, limit=limit)


@checked
def forward_latex(graph: PureGraph, node_id: str, *, limit: int = LIMIT) -> str:
    r"""Return as LaTeX what an op computes, from its arguments' names or ids.

    Args:
        graph: the graph of the record, from `build_graph`.
        node_id: the id of an operation in it, such as "n3".
        limit: the longest result, in characters; beyond it, middle parts become an ellipsis.

    Example:
        >>> import autograd_lite as ag
        >>> import numpy as np
        >>> graph = ag.build_graph(np.sin(ag.tensor(2.0, requires_grad=True, name="w")))
        >>> print(forward_latex(graph, graph.nodes[-1].id))
        \sin\left( w \right)
    """
    return Words(graph).forward_latex(node_id, limit=limit)


class Words:
    """The formulas of one graph; what all its flows need is looked up once.

    Args:
        graph: with a backward pass, if rules are asked for.
        ids: call unnamed values by their ids rather than by their places `out`, `x`, `y`, `z`.
    """

    def __init__(self, graph: PureGraph, *, ids: bool = False) -> None:
        self._deep: list[Term] = []
        self.ids = ids
        self._nodes = {node.id: node for node in graph}
        self._cotangents = graph.cotangents
        names = {node.id: user_name(node) for node in graph if node.name and not node.backward}
        counts = Counter(names.values())
        self._own = {i: name for i, name in names.items() if name and counts[name] == 1}
        # Unnamed arguments of an op are x, y and z in its rule, unless the user has given one of these names.
        taken = set(self._own.values())
        self._letters = next((letters for letters in _LETTERS if taken.isdisjoint(letters)), "")
        self._results = graph.results_of_calls
        self._earlier: dict[Flow, tuple[str, ...]] = {}
        sources: dict[str, tuple[str, ...]] = {}
        for flow in graph.flows:
            if flow.total != flow.contribution:
                self._earlier[flow] = sources.get(flow.into, ())
            sources[flow.into] = (*sources.get(flow.into, ())[-3:], flow.op)

    def cotangents(self, flow: Flow) -> dict[str, GraphNode]:
        """Return the ids of the cotangents that a rule starts from, and what each is the cotangent of.

        That is the op, or some of the results of a call; nothing if no rule reads it.
        """
        outs = self._results.get(flow.op) or [self._nodes[flow.op]]
        return {self._cotangents[out.id]: out for out in outs if out.id in self._cotangents}

    def part(self, whose: str, out: GraphNode) -> str:
        """Return the name of an op's result as a part of `whose`: "g", or "g.Q" of a call."""
        return whose if out.result is None else result_text(self._nodes[out.inputs[0]].op, out.result, whose)

    def rule(self, flow: Flow, *, limit: int = LIMIT) -> RuleText:
        """Return a rule as text; see `rule_words`."""
        t = self.term(flow)
        text = self._formula(t, self.names(flow, t), limit)
        if "…" in text:
            text = _SUMMARIES.get(self._nodes[flow.op].op, text)
        cut = (f"{self.operations(flow)} operations in all",) if "…" in text else ()
        repairs = filter(None, (self._repair(flow, node) for node in self.repairs(flow)))
        return RuleText(text, (*cut, *repairs, *self._sum(flow)))

    def forward(self, node_id: str, *, limit: int = LIMIT) -> str:
        """Return what an op computes; see `forward_words`."""
        node = self._nodes[node_id]
        if node.result is not None:
            return self.part(self.name(self._nodes[node.inputs[0]]), node)
        t = self.forward_term(node_id)
        if t.op == "multiply" and len(leaves(t)) == 1 and t.args[0].leaf == t.args[1].leaf:
            return f"{self.name(self._nodes[t.args[0].leaf])} * {self.name(self._nodes[t.args[0].leaf])}"
        return plain(t, self._names_of(leaves(t)), limit=limit)

    def forward_term(self, node_id: str) -> Term:
        """Return an op, applied to its arguments, as a term."""
        node = self._nodes[node_id]
        if node.result is not None:
            return leaf(node)
        return as_it_is(node, tuple(leaf(self._nodes[i]) for i in node.inputs)) if node.op else leaf(node)

    def rule_latex(self, flow: Flow, *, limit: int = LIMIT, full: bool = False) -> str:
        """Return the LaTeX of a rule; with `full` the cotangent is written as a derivative of L."""
        t = self.term(flow)
        names = self.latex_names(flow, t)
        if full:
            names |= {g: self.derivative_latex(out) for g, out in self.cotangents(flow).items() if g in names}
        text = latex(t, names, limit=limit, free=True)
        if t.thin != t.shape:
            text = spread(text, t.shape)
        for node in self.repairs(flow):
            if node.op == "sum":
                text = unbroadcast(text, next((p.value for p in node.params if p.name == "axis"), None))
        return text

    def latex_names(self, flow: Flow, t: Term) -> dict[str, str]:
        """Return the LaTeX of the name of every leaf of a rule's term."""
        return {i: _tex(i, name) for i, name in self.names(flow, t).items()}

    def derivative_latex(self, node: GraphNode) -> str:
        """Return the LaTeX of the derivative of L with respect to a node."""
        return rf"\frac{{\partial L}}{{\partial {self.latex_name(node)}}}"

    def latex_name(self, node: GraphNode) -> str:
        """Return the LaTeX of what a node is called."""
        return _tex(node.id, self.name(node))

    def forward_latex(self, node_id: str, *, limit: int = LIMIT) -> str:
        """Return an op as LaTeX; see `forward_latex`."""
        if self._nodes[node_id].result is not None:
            return latex_name(self.forward(node_id))
        t = self.forward_term(node_id)
        names = self._names_of(leaves(t))
        return latex(t, {i: _tex(i, name) for i, name in names.items()}, limit=limit)

    # ---- what the engine did ----------------------------------------------------------------------------------------

    def repairs(self, flow: Flow) -> list[GraphNode]:
        """Return the nodes that undo a broadcast or a promotion, in the order in which they run."""
        repairs, here, gs = [], self._nodes[flow.contribution], self.cotangents(flow)
        while here.id not in gs and here.role in (Role.CAST, Role.UNBROADCAST):
            repairs.append(here)
            here = self._nodes[here.inputs[0]]
        return repairs[::-1]

    def _repair(self, flow: Flow, node: GraphNode) -> str:
        if node.role is Role.CAST:
            return "real part" if node.op == "real" else f"cast to {node.dtype}"
        before = self._nodes[node.inputs[0]]
        if node.op != "sum":
            # The sum before it already tells the shapes.
            return "" if before.role is Role.UNBROADCAST else f"reshaped to {node.shape}"
        axes = next((p.value for p in node.params if p.name == "axis"), None)
        into = self._nodes[flow.into]
        name = " ".join(filter(None, (self.name(into), str(into.shape))))
        return f"sum over {axes_text(axes)} ({name} was broadcast to {before.shape})"

    def _sum(self, flow: Flow) -> tuple[str, ...]:
        if flow.total == flow.contribution:
            return ()
        ops = list(dict.fromkeys(self._earlier[flow]))
        if len(ops) > 3:
            return ("+ what earlier uses contribute",)
        names = " and ".join(ops) if len(ops) < 3 else f"{ops[0]}, {ops[1]} and {ops[2]}"
        return (
            (f"+ what {names} contribute{'s' if len(ops) == 1 else ''}",) if ops else ("+ the cotangent of the result",)
        )

    # ---- terms and names --------------------------------------------------------------------------------------------

    def term(self, flow: Flow) -> Term:
        """Return what the rule itself computes, before the engine's repairs, as a term."""
        root, gs = self.root(flow), self.cotangents(flow)
        if root not in gs and self.is_flat(flow):
            return number(0)
        terms: dict[str, Term] = {}
        for node in self._inside(flow):
            if self._is_inner(node, gs):
                terms[node.id] = term_of(node, tuple(terms[a] for a in node.inputs))
            else:
                terms[node.id] = self._leaf(flow, node, node.id in gs)
        if terms[root].depth > _DEEP:
            self._deep += terms.values()
        return terms[root]

    def __del__(self) -> None:
        # The outermost first, one by one: Python 3.13 frees nested ones recursively, and the stack may be short.
        while self._deep:
            self._deep.pop()

    def root(self, flow: Flow) -> str:
        """Return the id of what the rule itself gave, before the engine's repairs."""
        repairs = self.repairs(flow)
        return repairs[0].inputs[0] if repairs else flow.contribution

    def operations(self, flow: Flow) -> int:
        """Return the number of operations in the rule."""
        gs = self.cotangents(flow)
        return sum(self._is_inner(node, gs) for node in self._inside(flow))

    def nodes(self, flow: Flow) -> tuple[str, ...]:
        """Return the ids of the backward nodes that do this step: the rule, the repairs, the sum with earlier uses."""
        gs = self.cotangents(flow)
        # A result that only rules take out of a call belongs to the first of them.
        mine = [node for node in self._inside(flow) if node.result is None or node.toward == flow.into]
        rule = [node.id for node in mine if node.op and node.backward and node.id not in gs]
        total = [] if flow.total == flow.contribution else [flow.total]
        return tuple(dict.fromkeys([*rule, *(node.id for node in self.repairs(flow)), *total]))

    def local(self, flow: Flow, *, limit: int = LIMIT) -> str:
        """Return what the cotangent is multiplied with, element by element; empty if the rule is not such a product."""
        t, factor = self._local(flow)
        return plain(factor, self.names(flow, t), limit=limit, free=True) if factor else ""

    def local_latex(self, flow: Flow, *, limit: int = LIMIT) -> str:
        """Return as LaTeX what the cotangent is multiplied with; see `local`."""
        t, factor = self._local(flow)
        return latex(factor, self.latex_names(flow, t), limit=limit, free=True) if factor else ""

    def _local(self, flow: Flow) -> tuple[Term, Term | None]:
        t = self.term(flow)
        if not t.has_g:
            return t, t if t.value == 0 else None
        factor, carrier = gate(t), t.carrier if t.op != "where" else None
        while carrier is not None and carrier.op in ("broadcast_to", "reshape"):
            carrier = carrier.args[0]
        return t, None if carrier is not None and carrier.op else factor

    def _is_inner(self, node: GraphNode, gs: Collection[str]) -> bool:
        return self._is_made(node) and bool(node.op) and node.id not in gs

    def _is_made(self, node: GraphNode) -> bool:
        """Return whether a rule makes a value, so that it is not one of the forward pass."""
        return node.backward and (node.result is None or self._nodes[node.inputs[0]].backward)

    def _inside(self, flow: Flow) -> list[GraphNode]:
        """Return the nodes of a rule, down to the cotangent and the saved values, in recorded order."""
        root, gs = self.root(flow), self.cotangents(flow)
        inside, stack = {root}, [root]
        while stack:
            node = self._nodes[stack.pop()]
            if node.id not in gs and self._is_made(node):
                new = [i for i in node.inputs if i not in inside]
                inside.update(new)
                stack += new
        return [self._nodes[i] for i in sorted(inside, key=number_of)]

    def _leaf(self, flow: Flow, node: GraphNode, is_g: bool) -> Term:
        if not is_g and node.backward and node.shape:
            same = [
                a
                for a in map(self._nodes.__getitem__, self._nodes[flow.op].inputs)
                if (a.kind, a.shape, a.dtype) == (Kind.CONSTANT, node.shape, node.dtype)
            ]
            # An array operand of the forward pass has another node in the backward pass.
            node = same[0] if len(same) == 1 and node.kind is Kind.CONSTANT else node
        return leaf(node, is_g)

    def is_flat(self, flow: Flow) -> bool:
        """Return whether the rule is 0 whatever the values are."""
        op = OPS.get(self._nodes[flow.op].op)
        rule = op.rule(flow.argument) if op else None
        return rule is not None and rule.kind is RuleKind.CONSTANT and rule.value == 0

    def names(self, flow: Flow, t: Term) -> dict[str, str]:
        """Return the name of every leaf of a rule's term, no two the same."""
        op = self._nodes[flow.op]
        places: dict[str, str] = {}
        if not self.ids:
            places = dict(reversed(list(zip(op.inputs, self._letters, strict=False))))
            if "out" not in self._own.values():
                places |= {out.id: self.part("out", out) for out in (op, *self._results.get(op.id, ()))}
        names = self._names_of(leaves(t), places)
        gs = self.cotangents(flow)
        return {i: self.part("g", gs[i]) if i in gs else name for i, name in names.items()}

    def _names_of(self, ids: Iterable[str], places: Mapping[str, str] | None = None) -> dict[str, str]:
        """Name nodes by the user's name, which no two share, else by their place, else by their id."""
        return {i: self._own.get(i) or (places or {}).get(i) or self.name(self._nodes[i]) for i in ids}

    def name(self, node: GraphNode) -> str:
        """Return the user's name for a node if it is unique and fits in a formula, else its id.

        What only a rule takes out of a call is called as a part of the call.
        """
        if node.result is not None and node.backward:
            return self.part(self.name(self._nodes[node.inputs[0]]), node)
        return self._own.get(node.id, node.id)

    def text_of(self, node: GraphNode) -> str:
        """Return the value of a constant number, and the name of any other node."""
        t = leaf(node)
        return self.name(node) if t.value is None else number_text(t.value)

    def _formula(self, t: Term, names: dict[str, str], limit: int) -> str:
        if t.op == "scatter_add" and not t.args[0].op:
            return f"zeros {t.shape} with {plain(t.args[0], names, limit=limit)} added at [{index_text(t)}]"
        if t.op == "index_update" and not t.args[0].op and not t.args[1].op:
            before, new = (plain(a, names, limit=limit) for a in t.args)
            return f"{before} with {new} at [{index_text(t)}]"
        text = plain(t, names, limit=limit, free=True)
        return f"{text} (spread over {t.shape})" if t.thin != t.shape else text


# ---- names ----------------------------------------------------------------------------------------------------------


def user_name(node: GraphNode) -> str:
    """Return the user's name for a node if it fits in a formula; for a long dotted name, its last parts."""
    name = node.name
    if len(name) > 400 or not re.fullmatch(r"[^\W\d]\w*(\.\w+)*", name):
        return ""
    while "." in name and (len(name) > _NAME_LENGTH or name[0].isdigit()):
        name = name.partition(".")[2]
    return name if len(name) <= _NAME_LENGTH and not re.fullmatch(r"n?\d+|g|L", name) else ""


def _tex(node_id: str, name: str) -> str:
    return latex_name(name if name.isascii() else node_id)


def leaves(t: Term) -> list[str]:
    """Return the ids of the leaves of a term, each once, in order of appearance."""
    ids: dict[str, None] = {}
    seen, stack = {id(t)}, [t]
    while stack:
        here = stack.pop()
        if here.leaf:
            ids[here.leaf] = None
        for a in (*here.args, *filter(None, (here._carrier, here._local)))[::-1]:
            if id(a) not in seen:
                seen.add(id(a))
                stack.append(a)
    return list(ids)


def axes_text(axes: Sequence[int] | None) -> str:
    """Return "axis 0", "axes 0 and 1" or "all axes"."""
    if axes is None:
        return "all axes"
    words = [str(a) for a in axes]
    return f"axis {words[0]}" if len(words) == 1 else f"axes {', '.join(words[:-1])} and {words[-1]}"

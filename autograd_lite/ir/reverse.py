"""Reverse mode of a program: what gradients flow through, what the rules there read, and the nodes that it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core.indices import IndexArray, indices_in, with_indices
from ..core.multi_result import Several, get_tuple_element
from ..core.node import Node
from ..core.op import EachInput, Op
from ..core.shape_arithmetic import ShapeDtype
from ..engine.walk import edge_of
from ..tensors.record import keep_of
from ..tensors.tensor import Tensor
from .graph_node import GraphNode, Kind, make_param, number_of
from .pure_program import PureProgram


class Reverse:
    """The operations between some results of a program and some of its slots that gradients flow through.

    Args:
        program: the program.
        results: the ids of the results.
        wrt: the ids of the slots.
        as_recorded: whether gradients flow only where they did when the program was recorded.

    Attributes:
        program: the program, in which all results are taken out of calls of which rules read them.
        needs: for each operation on the way, in order, the positions of the inputs that gradients flow to.
        wrt: those of the slots that gradients reach.
        reads: the ids of what the rules read and is not the same for all calls.
    """

    def __init__(self, program: PureProgram, results: Sequence[str], wrt: Collection[str], as_recorded: bool) -> None:
        self.program = program
        self._result_ids: dict[tuple[str, int], str] = {}  # what takes a result out of a call
        active, needs = set(wrt), dict[str, tuple[int, ...]]()
        for i, (op, ids, params) in program.calls.items():
            node = program.graph[i]
            if op is get_tuple_element:
                self._result_ids[ids[0], params["index"]] = i
            if op.rules is None or node.dtype.kind not in "fc":
                continue
            flows = node.needs if as_recorded else [k for k in range(len(ids)) if _has_rule(op, k)]
            positions = tuple([k for k in flows if ids[k] in active])
            if positions:
                needs[i] = positions
                active.add(i)
        reached = set(results)
        for i in reversed(needs):
            if i in reached:
                reached.update([program.calls[i][1][k] for k in needs[i]])
        self.needs = {i: positions for i, positions in needs.items() if i in reached}
        self._take_results()
        self._reads = {i: tuple(self._read(i)) for i in self.needs}
        self._starts = frozenset(wrt)
        self._limit(self.needs)

    def _limit(self, needs: dict[str, tuple[int, ...]]) -> None:
        """Leave out other operations."""
        self.needs = needs
        self.reads = tuple(dict.fromkeys([x for i in needs for x in self._reads[i]]))
        self.wrt = self._starts.intersection([self.program.calls[i][1][k] for i in needs for k in needs[i]])

    def parts(self, results: Sequence[str]) -> list[tuple[Reverse, list[str]]]:
        """Return the ways to groups of results that share no operation: a pass through one leaves the others."""
        above = {i: i for i in self.needs}

        def top(i: str) -> str:
            while above[i] != i:
                above[i] = i = above[above[i]]
            return i

        for i, needs in self.needs.items():
            for x in [self.program.calls[i][1][k] for k in needs]:
                if x in above:
                    above[top(x)] = top(i)
        groups: dict[str, list[str]] = {}
        for i in dict.fromkeys(results):
            if i in above:
                groups.setdefault(top(i), []).append(i)
        groups_needs: dict[str, dict[str, tuple[int, ...]]] = {i: {} for i in groups}
        for i, needs in self.needs.items():
            groups_needs[top(i)][i] = needs
        parts = []
        for i, group in groups.items():
            part = copy(self)
            part._limit(groups_needs[i])
            parts.append((part, group))
        return parts

    def _take_results(self) -> None:
        """Take all results out of calls of which the rules read them."""
        program, result_ids = self.program, self._result_ids
        nodes, calls = list(program.graph.nodes), dict(program.calls)
        for i, needs in self.needs.items():
            op, ids, _ = calls[i]
            if op.results is None or not keep_of(op, len(ids), needs)[0]:
                continue
            call: Any = program.graph[i]
            take = get_tuple_element
            for k in range(len(call.shape)):
                if (i, k) not in result_ids:
                    result_ids[i, k] = new = f"n{number_of(nodes[-1].id) + 1}"
                    params = (make_param("index", k),)
                    nodes.append(
                        GraphNode(new, Kind.OP, take.name, take.glyph, (i,), params, call.shape[k], call.dtype[k])
                    )
                    calls[new] = take, (i,), {"index": k}
        if len(calls) > len(program.calls):
            graph = program.graph.of_part(tuple(nodes), program.graph.outputs)
            self.program = replace(program, graph=graph, calls=MappingProxyType(calls))

    def _read(self, i: str) -> Iterator[str]:
        """Yield what the rules of an operation read."""
        op, ids, params = self.program.calls[i]
        keep = keep_of(op, len(ids), self.needs[i])
        if keep[0]:
            yield from self._results(i)
        yield from (x for x, is_kept in zip(ids, keep[1:], strict=True) if is_kept and not self._is_constant(x))
        if next(indices_in(params), None) is not None:
            yield from self._indices(i)

    def _indices(self, i: str) -> list[str]:
        """Return the ids of the indices among the parameters of an operation."""
        graph, ids = self.program.graph, self.program.calls[i][1]
        return [x for x in graph[i].inputs[len(ids) :] if graph[x].kind is not Kind.STATE]

    def _results(self, i: str) -> list[str]:
        """Return the ids of the results of an operation."""
        node = self.program.graph[i]
        return [self._result_ids[i, k] for k in range(len(node.shape))] if node.has_several else [i]

    def _is_constant(self, i: str) -> bool:
        value = self.program.bindings.get(i)
        return i in self.program.fixed or (value is not None and not isinstance(value, (Tensor, np.ndarray)))

    def nodes(self, edges: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Make the nodes of the operations, and return all edges.

        Args:
            edges: to the slots that gradients flow to.
            values: of `reads`: arrays, or Tensors that stand for them.
        """
        edges_by_id = dict(edges)
        for i, needs in self.needs.items():
            op, ids, params = self.program.calls[i]
            keep = keep_of(op, len(ids), needs)
            shape, dtype = self._spec(i)
            out = [values[x] for x in self._results(i)] if keep[0] else [None]
            inputs, saved = [], [out[0] if op.results is None or not keep[0] else Several.of(out, shape, dtype)]
            for k, x in enumerate(ids):
                value = self._value(x, values) if keep[k + 1] or self._is_constant(x) else None
                if k in needs:
                    inputs.append(edges_by_id[x])
                elif value is None or isinstance(value, Tensor):
                    inputs.append(self._spec(x))
                else:
                    inputs.append(value)
                saved.append(value if keep[k + 1] else inputs[-1])
            if next(indices_in(params), None) is not None:
                params = with_indices(params, iter([_index(values[x]) for x in self._indices(i)]))
            edges_by_id[i] = Node(op, tuple(inputs), dict(params), tuple(saved), needs, shape, dtype, None)
        return edges_by_id

    def _spec(self, i: str) -> Any:
        node = self.program.graph[i]
        return ShapeDtype(node.shape, node.dtype)

    def _value(self, i: str, values: Mapping[str, Any]) -> Any:
        if i in values:
            return values[i]
        value = self.program.bindings[i]
        return value._data if isinstance(value, Tensor) else value


def _has_rule(op: Op, k: int) -> bool:
    return op.rules.__class__ is EachInput or op.rule(k) is not None


def _index(value: Any) -> Any:
    """Return the values of an index, which know their Tensor if there is one."""
    return IndexArray.of(np.array(value._data), edge_of(value)) if isinstance(value, Tensor) else value

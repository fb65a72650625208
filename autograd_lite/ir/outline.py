"""Graphs before their nodes are made: rows that are quickly made and compared.

A function that is compiled is recorded twice, and only what the second run did becomes a program: of the first run the
rows are enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.node import Note, source_of
from ..core.op import Op
from ..core.shape_arithmetic import Shape
from ..random import Generator
from .flops import Sizes, counted_flops
from .graph_node import GraphNode, Kind, Param, Role, is_plain, make_param

Call = tuple[Op, tuple[str, ...], Mapping[str, Any]]
# Of an operation: its op, its inputs, its parameters, the shape and the dtype of its result, the inputs that a
# gradient flows to, its scope, and its name. Two of them are equal if their nodes are; not always the other way round.
Row = tuple[Op, tuple[str, ...], tuple[Any, ...], Shape, np.dtype[Any], tuple[int, ...], str, str]

# Classes of which equal values have equal texts.
_ALIKE = frozenset((type(None), bool, int, str))
# A plain call, which costs half of what calling the class does.
_make = GraphNode.__new__


class Outline:
    """The rows of a graph whose nodes are not made yet.

    Attributes:
        rows: for each node in order its row, or, of a slot, the node itself.
        calls: for every operation its op, the ids of its array arguments, and its parameters.
        notes: of the operations, by their ids.
        places: of the nodes of a backward pass, by their ids: the role, the op whose rule a node belongs to, and the
            node toward whose cotangent it leads.
    """

    __slots__ = ("calls", "notes", "places", "rows")

    def __init__(self) -> None:
        self.rows: list[Row | GraphNode] = []
        self.calls: dict[str, Call] = {}
        self.notes: dict[str, Note | None] = {}
        self.places: dict[str, tuple[Role, str, str]] = {}

    def __eq__(self, other: object) -> bool:
        """Return whether the graphs are known to be equal; if not, their nodes may be all the same."""
        if not isinstance(other, Outline):
            return NotImplemented
        return self.rows == other.rows and self.places == other.places

    __hash__ = None  # type: ignore[assignment]

    def nodes(self) -> tuple[GraphNode, ...]:
        """Make the nodes."""
        nodes: list[GraphNode] = []
        sizes, shapes = Sizes(), dict[str, Shape]()
        params_cache: dict[Any, Param] = {}
        sources: dict[tuple[int, int], Any] = {}
        for k, row in enumerate(self.rows):
            if row.__class__ is GraphNode:
                node = row
            else:
                op, inputs, row_params, shape, dtype, needs, scope, name = row  # type: ignore[misc]
                new = f"n{k}"
                note, source = self.notes[new], None
                if note is not None:
                    code, instruction, _ = note
                    place = id(code), instruction
                    if place not in sources:
                        sources[place] = source_of(note)
                    source = sources[place]
                _, arguments, params = self.calls[new]
                flops = counted_flops(op, [shapes[i] for i in arguments], shape, params, sizes)
                texts = _params(row_params, params_cache) if row_params else ()
                # Of the last attributes all have a place, since a call with keywords takes longer.
                node = _make(
                    GraphNode, new, Kind.OP, op.name, op.glyph, inputs, texts, shape, dtype, name, "", False, needs,
                    flops, scope, Role.FORWARD, "", "", source,
                )  # fmt: skip
            shapes[node.id] = node.shape
            nodes.append(node)
        return tuple(self._in_place(nodes) if self.places else nodes)

    def _in_place(self, nodes: list[GraphNode]) -> list[GraphNode]:
        """Attach the nodes of a backward pass to the ops whose rules they belong to, with their modules and lines."""
        for k, node in enumerate(nodes):
            if node.id in self.places:
                role, of, toward = self.places[node.id]
                home = nodes[int(of[1:])]
                nodes[k] = node.replace(role=role, of=of, toward=toward, scope=home.scope, source=home.source)
        return nodes


def given_params(params: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the parameters of a call, without generators, as what compares quickly."""
    row_params: list[Any] = []
    for name, value in params.items():
        kind = value.__class__
        if kind in _ALIKE:
            row_params.append((name, kind, value))
        elif kind is tuple and float not in (kinds := tuple(map(type, value))) and is_plain(value):
            row_params.append((name, kinds, value))
        elif not isinstance(value, Generator):
            row_params.append(make_param(name, value))
    return tuple(row_params)


def _params(row_params: tuple[Any, ...], params_cache: dict[Any, Param]) -> tuple[Param, ...]:
    """Return parameters, sorted by name."""
    params: list[Param] = []
    for part in row_params:
        if part.__class__ is Param:
            params.append(part)
        elif part[1].__class__ is tuple:
            params.append(make_param(part[0], part[2]))
        else:
            param = params_cache.get(part)
            if param is None:
                param = params_cache[part] = make_param(part[0], part[2])
            params.append(param)
    if len(params) > 1:
        params.sort(key=_name)
    return tuple(params)


def _name(param: Param) -> str:
    return param.name

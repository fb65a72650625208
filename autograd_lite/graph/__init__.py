"""Seeing the graph: what was computed, as an immutable record, and its faces: text, DOT and SVG.

Example:
    >>> import autograd_lite as ag
    >>> x = ag.tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> graph = build_graph((x * x).sum())
    >>> print(graph)
    # 2 operations, 1 parameter (2 values), 4 FLOP
    n0 : (2,) float64 = parameter 'x'
    n1 : (2,) float64 = multiply n0 n0
    n2 : ()   float64 = sum[axis=None, dtype=None, keepdims=False] n1
    return n2
    >>> graph.to_svg().startswith("<svg")
    True
"""

from ..core.hooks import HOOKS
from .build import build_graph as build_graph
from .ir import Graph as Graph
from .parts import (
    ArrayDigest as ArrayDigest,
    Flow as Flow,
    GraphNode as GraphNode,
    Kind as Kind,
    Param as Param,
    Role as Role,
)
from .program import Program as Program, trace as trace
from .stats import Stats as Stats

__all__ = [
    "ArrayDigest",
    "Flow",
    "Graph",
    "GraphNode",
    "Kind",
    "Param",
    "Program",
    "Role",
    "Stats",
    "build_graph",
    "trace",
]

HOOKS.svg = lambda tensor: build_graph(tensor).to_svg()

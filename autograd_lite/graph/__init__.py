"""Seeing the graph: an immutable record of a computation, and its faces: text, DOT and SVG.

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

from typing import TYPE_CHECKING

from ..core.late import attach as _attach

if TYPE_CHECKING:
    from ..ir.graph_node import (
        ArrayDigest as ArrayDigest,
        Flow as Flow,
        GraphNode as GraphNode,
        Kind as Kind,
        Param as Param,
        Role as Role,
    )
    from ..ir.pure_graph import PureGraph as PureGraph
    from ..ir.pure_program import PureProgram as PureProgram
    from ..ir.stats import Measurement as Measurement, Stats as Stats
    from .analysis.differences import Change as Change, Difference as Difference, GraphDiff as GraphDiff, diff as diff
    from .analysis.health import Health as Health, gradient_health as gradient_health
    from .analysis.health_record import GradientHealth as GradientHealth, HealthHistory as HealthHistory
    from .analysis.nan import NanReport as NanReport, find_nan as find_nan
    from .cost import Cost as Cost, ModuleCost as ModuleCost
    from .explanations.explanation import Explanation as Explanation, explain as explain
    from .explanations.words.rules import (
        forward_latex as forward_latex,
        forward_words as forward_words,
        rule_latex as rule_latex,
        rule_words as rule_words,
    )
    from .export.json_format import graph_schema as graph_schema
    from .export.render import RenderError as RenderError
    from .graph import Graph as Graph, build_graph as build_graph
    from .marks import Mark as Mark, Overlay as Overlay
    from .memory import Memory as Memory, high_water as high_water
    from .picture import DrawnPicture as DrawnPicture, Picture as Picture
    from .pictures.folding.fold import view_of as view_of
    from .pictures.mirror.svg import mirror as mirror
    from .pictures.view import EdgeKind as EdgeKind, View as View, ViewEdge as ViewEdge, ViewNode as ViewNode
    from .program import Program as Program, trace as trace
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

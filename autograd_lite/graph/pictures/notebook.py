"""The output of notebooks: the picture, and text for those who do not trust the notebook or cannot see pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ...ir.pure_graph import PureGraph
from .mirror.svg import mirror_scene
from .svg import graph_scene
from .tree_text import graph_text
from .view import PICTURE_LIMIT

# A notebook keeps every output: larger pictures make it slow to open.
MOST_BYTES = 1_000_000
# Someone who looks at a tensor did not ask for a large picture.
TENSOR_LIMIT = 150
_LIMITS = (PICTURE_LIMIT, 800, 400, TENSOR_LIMIT, 60, 20)


def picture(graph: PureGraph, limit: int = PICTURE_LIMIT) -> str:
    """Return the SVG of at most `limit` boxes, or of as many as `MOST_BYTES` hold."""
    svg = ""
    for boxes in (limit, *(fewer for fewer in _LIMITS if fewer < limit)):
        # A graph with a backward pass is shown as a mirror.
        scene = mirror_scene(graph, limit=boxes) if graph.flows else graph_scene(graph, max_nodes=boxes)
        svg = scene.to_svg()
        if len(svg.encode("utf-8")) <= MOST_BYTES:
            break
    return svg


def graph_bundle(graph: PureGraph, include: Collection[str] | None, exclude: Collection[str] | None) -> dict[str, str]:
    """Return the requested ones of picture and text, by MIME type; the others are never made."""
    faces: dict[str, Callable[[], str]] = {
        "text/plain": lambda: graph_text(graph, max_nodes=PICTURE_LIMIT),
        "image/svg+xml": lambda: picture(graph),
    }
    return {
        kind: make() for kind, make in faces.items() if (not include or kind in include) and kind not in (exclude or ())
    }

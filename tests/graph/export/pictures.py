"""Pictures that together have all that a painter must know: every look, line, sign, badge, frame, window and turn."""

from __future__ import annotations

from itertools import pairwise

from autograd_lite.graph import EdgeKind, View, ViewEdge, ViewNode, build_graph
from autograd_lite.graph.pictures.mirror.svg import mirror_scene
from autograd_lite.graph.pictures.sheet import Scene
from autograd_lite.graph.pictures.style import LOOKS
from autograd_lite.graph.pictures.svg import graph_scene, view_scene

from ..large import transformer
from ..samples import HOSTILE, perceptron
from ..test_faces import hostile_graph


def every_look() -> View:
    """A box of each look, with all that a box can have, and lines of all kinds between them."""
    boxes = [
        ViewNode(
            look,
            look,
            (f"{look} 2", "(2, 3) float32", "|g| 0.5 → ∇x ≤ 1"),
            "Σ",
            i % 3 == 0,
            ("model", f"part {i // 4}"),
        )
        for i, look in enumerate(LOOKS)
    ]
    heated = [ViewNode(f"h{i}", "op", ("sum", "warm"), "", False, (), (), "12 %", (), i / 9) for i in range(10)]
    ids = [box.id for box in (*boxes, *heated)]
    lines = [
        ViewEdge(a, b, kind, str(kind)) for kind in EdgeKind for a, b in pairwise(ids[kind == EdgeKind.SAVED :: 2])
    ]
    quiet = [ViewEdge(ids[0], ids[-1], quiet=True, argument=2)]
    return View((*boxes, *heated), (*lines, *quiet), "Every look", ("all there is", "on two lines"), (ids[0], ids[5]))


def pictures() -> dict[str, Scene]:
    """The pictures, by what they have."""
    both = build_graph(perceptron(), backward=True)
    return {
        "looks": view_scene(every_look()),
        "turned": view_scene(every_look(), "RL"),
        "forward": graph_scene(build_graph(perceptron())),
        "mirror": mirror_scene(both, overlay="flops"),
        "folded": mirror_scene(build_graph(transformer(3), backward=True)),
        "names": graph_scene(hostile_graph(HOSTILE[0][:60], "<&\"'>", "a $b$ _c_")),
        "window": graph_scene(hostile_graph("Ünï \u4e16\u754c" * 5)),
    }

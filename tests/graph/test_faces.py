"""What all faces share: the same bytes everywhere, imports that cost nothing, names that cannot break them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite.graph import Graph, GraphNode, Kind, build_graph
from autograd_lite.graph.pictures.style import HEATS, THEMES, Ink, Theme
from autograd_lite.ir.node_labels import visible

from ..running import lines_for_every_hash_seed
from .pictures.mirrors import ALL
from .samples import HOSTILE, SAMPLES, parameter, perceptron

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).resolve().parents[2]

names = st.one_of(st.text(max_size=20), st.text(st.characters(exclude_categories=()), max_size=20))
names = st.one_of(names, st.sampled_from(HOSTILE))

# A theme whose colors are the names of their roles, so that golden files say which color is where, and none by itself.
ROLES = Theme(
    **{role: f"{{{role}}}" for role in Theme._fields if role not in ("inks", "heat")},
    inks={look: Ink(f"{{{look}.fill}}", f"{{{look}.border}}") for look in THEMES["light"].inks},
    heat=tuple(f"{{heat.{i}}}" for i in range(HEATS)),
)


_PRINT_DIGESTS = """
import hashlib
from autograd_lite.graph import build_graph, explain
from tests.graph.pictures.mirrors import ALL
from tests.graph.samples import SAMPLES, diamond, indexing, perceptron, recurrent

def show(name, *faces):
    for face in faces:
        print(name, hashlib.sha256(face.encode()).hexdigest())

for name, sample in SAMPLES.items():
    for backward in (False, True):
        graph = build_graph(sample(), backward=backward)
        show(name, graph.to_text(sources=True), graph.to_dot(), graph.to_svg(), graph.to_mermaid(), graph.to_json())
    show(name, *[graph.to_text(style=style, color=True, sources=True) for style in ("listing", "tree")])
for name, sample in ALL.items():
    show(name, build_graph(sample(), backward=True).to_mirror())
for t in (diamond(), indexing().sum(), recurrent()):
    told = explain(t)
    show(told, told.to_markdown(), str(told.as_dict()))
show("page", build_graph(perceptron(), backward=True).to_html())
"""


@pytest.mark.ci
def test_the_same_bytes_for_every_hash_seed_and_without_programs() -> None:
    """The search path is empty, so no `dot` or other program can have helped."""
    lines = lines_for_every_hash_seed(_PRINT_DIGESTS)
    assert len([line for line in lines if line.partition(" ")[0] in SAMPLES]) >= 12 * len(SAMPLES)
    assert len(lines) > 12 * len(SAMPLES) + len(ALL)
    assert any("Step 1 of" in line for line in lines)
    html = build_graph(perceptron(), backward=True).to_html()
    assert lines[-1] == f"page {hashlib.sha256(html.encode()).hexdigest()}"


def test_imports_are_light() -> None:
    code = (
        "import sys, numpy; before = set(sys.modules); import autograd_lite.graph; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, check=True, text=True)
    assert set(done.stdout.split()) <= {"autograd_lite", "numpy"}


# ---- names ---------------------------------------------------------------------------------------------------------


def hostile_graph(name: str, op: str = "sin", scope: str = "") -> Graph:
    """A graph in which everything that a user can name has that name."""
    dtype = np.dtype(float)
    x = GraphNode("n0", Kind.INPUT, "", "", (), (), (2,), dtype, name)
    p = GraphNode("n1", Kind.PARAMETER, "", "", (), (), (2,), dtype, name)
    y = GraphNode("n2", Kind.OP, op, op[:1], ("n0", "n1"), (), (2,), dtype, name, scope=scope)
    return Graph((x, p, y), ("n2",))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï 漢 🙂 \u200d", "plain ünï 漢 🙂 \u200d"),
        ("a\nb\r\tc\x0b\x0c\x1c\x85\u2028\u2029d", "a b  c      d"),
        ("\x00\x08\x0e\x7f\x9f", "\ufffd" * 5),
        ("\u202a\u202e\u2066\u2069\u200e\u200f\ufeff", "\ufffd" * 7),
        ("\ud800\udfff\ufffe\uffff", "\ufffd" * 4),
    ],
)
def test_what_cannot_be_shown_is_replaced(text: str, shown: str) -> None:
    assert visible(text) == shown


# ---- large graphs ---------------------------------------------------------------------------------------------------


def chain(n: int) -> ag.Tensor:
    y = parameter("x")
    for _ in range(n):
        y = y + 1.0
    return y


def test_a_picture_shows_what_is_nearest_to_the_results() -> None:
    graph = build_graph(chain(2000))
    picture = graph.to_svg(fold=False)
    assert picture.count('<g class="node') == 1500
    assert "2,501 of 4,001 nodes are not shown" in picture
    assert 'data-id="n4000"' in picture
    assert 'data-id="n0"' not in picture
    assert 'class="edge data cut"' in picture
    assert " cut" not in build_graph(chain(700)).to_svg(fold=False).partition("</style>")[2]
    assert 1 < graph.to_svg().count('<g class="node') < 20
    for wrong in (0, 1501, -1):
        with pytest.raises(ValueError, match=f"from 1 to 1,500; received {wrong}"):
            graph.to_svg(max_nodes=wrong)

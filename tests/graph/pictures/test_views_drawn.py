"""Pictures of any boxes and lines: forms, files, and text that means nothing to Graphviz."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from autograd_lite.graph import Picture, RenderError, View, ViewEdge, ViewNode
from autograd_lite.graph.pictures.dot import dot_text

HOSTILE = ('<b>"&amp;\\N', "a > b & c\\l", "</font>]>}")


def two(*lines: str, badge: str = "") -> View:
    boxes = (ViewNode("a", "op", lines, badge=badge, scope=("in",)), ViewNode("b", "output", ("end",), is_output=True))
    return View(boxes, (ViewEdge("a", "b"),), "two", ("two boxes",), words={"op": "thing"})


def test_the_legend_uses_the_words_of_the_view() -> None:
    svg = Picture(two("first")).to_svg()
    assert ">thing</text>" in svg
    assert ">operation</text>" not in svg


def test_down_is_the_picture_without_a_direction() -> None:
    view = two("first", "second")
    assert 'transform="matrix' not in Picture(view).to_svg()
    assert 'transform="matrix' in Picture(view, "BT").to_svg()
    with pytest.raises(ValueError, match="Picture: expected direction to be one of TB, BT, LR, RL; received 'down'"):
        Picture(view, "down")  # type: ignore[arg-type]


@pytest.mark.ci
@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's dot is not on this machine")
def test_rich_labels_hold_any_text() -> None:
    dot = dot_text(two(*HOSTILE, badge="<1/2>"), rich=True)
    done = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", done.stdout)
    for line in (*HOSTILE, "<1/2>"):
        shown = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        assert any(shown in text.replace("&#45;", "-") for text in texts), (line, texts)


def test_a_program_that_cannot_draw_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(RenderError, match="PNG needs Graphviz, and dot was not found"):
        Picture(two("first")).save(tmp_path / "p.png", renderer="dot")
    with pytest.raises(ValueError, match="expected renderer"):
        Picture(two("first")).save(tmp_path / "p.png", renderer="none")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_notebooks_get_what_they_ask_for() -> None:
    picture = Picture(two("first"))
    assert set(picture._repr_mimebundle_()) == {"text/plain", "image/svg+xml"}
    assert set(picture._repr_mimebundle_(exclude=["image/svg+xml"])) == {"text/plain"}
    assert repr(picture) == "<Picture of 2 boxes: two>"

"""Files of every form, and pictures by Graphviz where there is no matplotlib: without it too, and with a broken one."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from autograd_lite.graph import Graph, Program, RenderError, build_graph
from autograd_lite.graph.export.save import ENDINGS
from autograd_lite.graph.marks import Mark, Overlay

from ..samples import HOSTILE, diamond, perceptron
from ..test_faces import hostile_graph

GRAPH = build_graph(diamond())
PNG = b"\x89PNG\r\n\x1a\n"
HAS_DOT = shutil.which("dot") is not None
PURE = shutil.which("graphviz-pure") or shutil.which("graphviz-pure", path=os.path.dirname(sys.executable))
posix = pytest.mark.skipif(os.name != "posix", reason="the fake programs are shell scripts")
real_dot = pytest.mark.skipif(not HAS_DOT, reason="needs Graphviz")
real_pure = pytest.mark.skipif(PURE is None, reason="needs graphviz-pure")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Take matplotlib away; return a function that leaves the search path with given programs alone, as scripts."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "executable", str(folder / "python"))

    def put(**scripts: str) -> Path:
        for name, script in scripts.items():
            file = folder / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{script}\n")
            file.chmod(0o755)
        return folder

    return put


def no_stray_files(folder: Path, *expected: str) -> None:
    assert sorted(f.name for f in folder.iterdir() if f.name != "programs") == sorted(expected)


BROKEN = {
    "fails": "cat >/dev/null; echo 'There is no layout engine support for dot' >&2; exit 1",
    "prints nothing": "cat >/dev/null",
    "prints garbage": "cat >/dev/null; echo garbage",
    "prints half a picture": "cat >/dev/null; printf '\\211PNG\\r\\n\\032\\n%%PDF-<svg>'",
    "crashes": "kill -SEGV $$",
    "does not read": "exec <&-; exit 3",
    "hangs": "sleep 60",
    "hangs in a child": "sleep 60 & wait",
}


# ---- every form -----------------------------------------------------------------------------------------------------


def test_every_text_form_is_what_its_method_gives(tmp_path: Path, alone: Callable[..., Path]) -> None:
    forms = {
        ".svg": GRAPH.to_svg(),
        ".dot": GRAPH.to_dot(),
        ".txt": GRAPH.to_text() + "\n",
        ".json": GRAPH.to_json(indent=1) + "\n",
        ".html": GRAPH.to_html(),
        ".mmd": GRAPH.to_mermaid(),
    }
    assert ENDINGS.keys() - forms.keys() == {".png", ".pdf", ".md"}
    for ending, text in forms.items():
        for name in (f"a{ending}", f"b{ending.upper()}"):
            path = GRAPH.save(tmp_path / name)
            assert path == tmp_path / name
            assert path.read_bytes().decode("utf-8") == text
    assert Graph.from_json((tmp_path / "a.json").read_text()) == GRAPH
    assert GRAPH.save(str(tmp_path / "a.svg")) == tmp_path / "a.svg"


def test_markdown_holds_a_diagram_and_the_listing(tmp_path: Path) -> None:
    text = GRAPH.save(tmp_path / "a.md").read_text(encoding="utf-8")
    fences = re.findall(r"^(`{3,})(\w+)\n(.*?)\n\1$", text, re.MULTILINE | re.DOTALL)
    assert [(kind, body) for _, kind, body in fences] == [
        ("mermaid", GRAPH.to_mermaid().rstrip("\n")),
        ("text", GRAPH.to_text()),
    ]


def test_options_reach_the_picture(tmp_path: Path) -> None:
    overlay = Overlay("what it costs", (), {"n3": Mark(badge="97 %", note="a note")})
    for ending in (".svg", ".dot", ".mmd", ".md", ".html", ".txt"):
        assert "a note" in GRAPH.save(tmp_path / f"a{ending}", overlay=overlay).read_text(encoding="utf-8"), ending
    graph = build_graph(perceptron())
    assert graph.save(tmp_path / "a.svg", depth=0).read_text() == graph.to_svg(depth=0) != graph.to_svg()
    joint = build_graph(perceptron(), backward=True)
    for limit in (20, 40):
        assert graph.save(tmp_path / "a.svg", limit=limit).read_text() == graph.to_svg(max_nodes=limit)
        assert joint.save(tmp_path / "a.svg", limit=limit).read_text() == joint.to_mirror(limit=limit)
    for ending in (".txt", ".html", ".json"):
        with pytest.raises(ValueError, match=rf"^save: expected options of \{ending} \(.*\); received depth$"):
            graph.save(tmp_path / f"b{ending}", depth=1)
        assert graph.save(tmp_path / f"a{ending}", depth=None, overlay=None).exists()
    with pytest.raises(ValueError, match=r"expected renderer auto, dot, graphviz-pure, builtin; received 'cairo'"):
        graph.save(tmp_path / "b.png", renderer="cairo")
    no_stray_files(tmp_path, "a.svg", "a.dot", "a.mmd", "a.md", "a.html", "a.txt", "a.json")


@pytest.mark.parametrize("name", ["a.jpg", "a", ".svg", "a.svg.gz"])
def test_other_endings_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a path ending in \.svg, \.png, .*\.json; received "):
        GRAPH.save(tmp_path / name)
    with pytest.raises(ValueError, match=r"expected a path ending in \.svg, \.png, .*\.json, \.onnx; received "):
        Program.build(diamond()).save(tmp_path / name)
    no_stray_files(tmp_path)


def test_a_graph_is_no_onnx(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'^save: a Graph holds no values.*Program\.build\(loss\)\.save\("x\.onnx"\)$'):
        GRAPH.save(tmp_path / "a.onnx")


def test_a_program_is_saved_in_every_form(tmp_path: Path) -> None:
    program = Program.build(diamond())
    for ending in (".svg", ".dot", ".txt", ".json", ".html", ".mmd", ".md"):
        mine, its = program.save(tmp_path / f"a{ending}"), GRAPH.save(tmp_path / f"b{ending}")
        assert mine.read_bytes() == its.read_bytes()
    onnx = program.save(tmp_path / "a.onnx")
    assert onnx.read_bytes() == program.to_onnx()
    with pytest.raises(ValueError, match=r"expected options of \.onnx .*; received depth"):
        program.save(onnx, depth=1)


# ---- the file -------------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_whole_or_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = GRAPH.save(tmp_path / "a.txt")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        build_graph(perceptron()).save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    no_stray_files(tmp_path, "a.txt")
    build_graph(perceptron()).save(path)
    assert path.read_bytes() != before


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"save: expected a folder that exists; received .*a\.svg.*Make .*nowhere' first"
    ):
        GRAPH.save(tmp_path / "nowhere" / "a.svg")


@posix
def test_links_pipes_and_permissions(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    GRAPH.save(link)
    assert link.is_symlink()
    assert real.read_text().startswith("# ")
    assert stat.S_IMODE(GRAPH.save(tmp_path / "new.txt").stat().st_mode) & 0o077 == 0o077 & ~_umask() & 0o666


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# ---- without Graphviz -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".png", ".pdf"])
def test_with_nothing_to_draw_one_error_says_what_to_install(
    ending: str, tmp_path: Path, alone: Callable[..., Path]
) -> None:
    advice = {
        "auto": r'matplotlib, .*: pip install "autograd-lite\[plot\]"\..* neither dot nor graphviz-pure was found',
        "builtin": r'matplotlib, which is not there: pip install "autograd-lite\[plot\]"',
        "dot": r"Graphviz, and dot was not found\. Install it \(apt install graphviz",
        "graphviz-pure": r'graphviz-pure, and graphviz-pure was not found: pip install "autograd-lite\[viz\]"',
    }
    for renderer, said in advice.items():
        with pytest.raises(
            RenderError, match=rf"^{ending[1:].upper()} needs {said}.*; \.svg, .* need nothing$"
        ) as caught:
            GRAPH.save(tmp_path / f"a{ending}", renderer=renderer)
        assert len(str(caught.value)) < 350
    no_stray_files(tmp_path)


def test_without_graphviz_svg_needs_nothing(tmp_path: Path, alone: Callable[..., Path]) -> None:
    for renderer in ("auto", "builtin"):
        assert GRAPH.save(tmp_path / "a.svg", renderer=renderer).read_text() == GRAPH.to_svg()
    with pytest.warns(RuntimeWarning, match="save: dot was not found; the built-in renderer drew") as caught:
        GRAPH.save(tmp_path / "a.svg", renderer="dot")
    assert caught[0].filename == __file__
    assert (tmp_path / "a.svg").read_text() == GRAPH.to_svg()
    no_stray_files(tmp_path, "a.svg")


# ---- with one that does not work ------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_dot_is_told_of(how: str, tmp_path: Path, alone: Callable[..., Path]) -> None:
    folder = alone(dot=f"PATH=/usr/bin:/bin\n{BROKEN[how]}")
    # Whatever does not hang has all the time that a busy machine may need.
    patience = 0.3 if how.startswith("hangs") else 30.0
    begin = time.perf_counter()
    for ending in (".png", ".pdf"):
        with pytest.raises(RenderError, match=r"Graphviz does not help: dot (failed|gave|took).*; \.svg") as caught:
            GRAPH.save(tmp_path / f"a{ending}", timeout=patience)
        assert len(str(caught.value)) < 500
    if how == "fails":
        assert "dot failed with code 1 (There is no layout engine support for dot); .svg" in str(caught.value)
    with pytest.warns(RuntimeWarning, match="save: dot .*; the built-in renderer drew the picture"):
        GRAPH.save(tmp_path / "a.svg", renderer="dot", timeout=patience)
    assert (tmp_path / "a.svg").read_text() == GRAPH.to_svg()
    assert time.perf_counter() - begin < 30
    no_stray_files(tmp_path, "a.svg")
    assert list(folder.iterdir()) == [folder / "dot"]


@posix
def test_what_cannot_start_is_told_of(tmp_path: Path, alone: Callable[..., Path]) -> None:
    (alone(dot="") / "dot").write_text("#!/nowhere/interpreter\n")
    with pytest.raises(RenderError, match=r"dot does not start \(No such file or directory\)"):
        GRAPH.save(tmp_path / "a.png")


@posix
def test_a_hanging_program_is_ended_with_its_children(tmp_path: Path, alone: Callable[..., Path]) -> None:
    note = tmp_path / "programs" / "child"
    alone(dot=f"PATH=/usr/bin:/bin\nsleep 60 & echo $! >{note}\nwait")
    with pytest.raises(RenderError, match=r"dot took longer than 2 s"):
        GRAPH.save(tmp_path / "a.png", timeout=2.0)
    child, end = int(note.read_text()), time.monotonic() + 10
    while _runs(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        # A dead child that no one has waited for yet is a zombie.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@posix
@pytest.mark.parametrize("how", [how for how in BROKEN if how != "hangs in a child"])
def test_after_a_broken_dot_comes_graphviz_pure(how: str, tmp_path: Path, alone: Callable[..., Path]) -> None:
    good = "PATH=/usr/bin:/bin\ncat >/dev/null; printf '\\211PNG\\r\\n\\032\\n....IEND....'"
    alone(dot=f"PATH=/usr/bin:/bin\n{BROKEN[how]}", graphviz_pure=good)
    patience = 2.0 if how == "hangs" else 30.0
    assert GRAPH.save(tmp_path / "a.png", timeout=patience).read_bytes().startswith(PNG)
    patience = 0.3 if how == "hangs" else 30.0  # nothing else has to start from here on
    with pytest.raises(RenderError, match=r"does not help: dot .*; graphviz-pure writes no PDF"):
        GRAPH.save(tmp_path / "a.pdf", timeout=patience)
    with pytest.raises(RenderError, match="needs Graphviz, and dot"):
        GRAPH.save(tmp_path / "b.png", timeout=patience, renderer="dot")
    no_stray_files(tmp_path, "a.png")


@posix
def test_what_the_program_is_told(tmp_path: Path, alone: Callable[..., Path]) -> None:
    good = "PATH=/usr/bin:/bin\necho \"$@\" >%s\ncat >%s\nprintf '\\211PNG\\r\\n\\032\\n....IEND....'"
    said, read = tmp_path / "programs" / "said", tmp_path / "programs" / "read"
    alone(dot=good % (said, read))
    GRAPH.save(tmp_path / "a.png", dpi=300)
    assert said.read_text() == "-Tpng -Gdpi=300\n"
    assert read.read_text(encoding="utf-8") == GRAPH.to_dot()
    joint = build_graph(diamond(), backward=True)
    joint.save(tmp_path / "a.png", limit=50)
    assert read.read_text(encoding="utf-8") == joint.to_dot(limit=50)


# ---- with one that works --------------------------------------------------------------------------------------------


def _dark(png: Path) -> float:
    """Return which part of a picture's pixels is nearly black, as text is and boxes are not."""
    image = pytest.importorskip("matplotlib.image")
    pixels = image.imread(png)
    assert pixels.ndim == 3
    return float((pixels[..., :3].max(axis=2) < 0.25).mean())


@pytest.mark.parametrize(
    "renderer", [pytest.param("dot", marks=real_dot), pytest.param("graphviz-pure", marks=real_pure)]
)
def test_a_real_program_draws_text(renderer: str, tmp_path: Path) -> None:
    graph = build_graph(perceptron())
    dark = _dark(graph.save(tmp_path / "a.png", renderer=renderer))
    assert dark > 0.003
    # Pixels of text, not of lines: without labels there are far fewer.
    bare = re.sub(r'label="(?:[^"\\]|\\.)*"', 'label=""', graph.to_dot())
    assert _dark(_drawn(bare, renderer, tmp_path)) < dark / 2
    small, large = (graph.save(tmp_path / f"{dpi}.png", renderer=renderer, dpi=dpi) for dpi in (72, 216))
    image = pytest.importorskip("matplotlib.image")
    ratio = np.divide(image.imread(large).shape[:2], image.imread(small).shape[:2])
    assert np.allclose(ratio, 3, rtol=0.02)


def _drawn(dot: str, renderer: str, folder: Path) -> Path:
    from autograd_lite.graph.export.render import RenderOptions, render_dot

    path = folder / "bare.png"
    path.write_bytes(render_dot(dot, "png", RenderOptions(renderer)))
    return path


@pytest.mark.parametrize(
    "renderer", [pytest.param("dot", marks=real_dot), pytest.param("graphviz-pure", marks=real_pure)]
)
def test_no_name_breaks_a_real_program(renderer: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as it is when our own renderer has to help out
        for name in HOSTILE:
            hostile_graph(name, name[:100], name.replace(".", "") or "x").save(tmp_path / "a.svg", renderer=renderer)


@real_dot
def test_a_real_dot_draws_pdf_and_svg(tmp_path: Path) -> None:
    assert GRAPH.save(tmp_path / "a.pdf", renderer="dot").read_bytes().startswith(b"%PDF-")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = GRAPH.save(tmp_path / "a.svg", renderer="dot").read_text(encoding="utf-8")
    assert "Generated by graphviz" in svg
    assert "multiply" in svg
    assert "Generated by graphviz" not in GRAPH.save(tmp_path / "a.svg").read_text(encoding="utf-8")

"""The command line, in this process and as one: what it draws, what it says when it cannot, its exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import onnx
import pytest

import autograd_lite as ag
from autograd_lite.__main__ import main
from autograd_lite.graph import Graph, trace
from autograd_lite.graph.pictures.style import THEMES

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import numpy as np
import autograd_lite as ag
import beside_it

def make_loss():
    x = ag.tensor([[1.0, 2.0], [3.0, 4.0]], name="x")
    w = ag.tensor([0.5, -0.5], requires_grad=True, name="w")
    with ag.extend.module_scope("layer"):
        y = np.tanh(x @ w)
    return (y ** 2).mean()

def make_nan():
    return np.log(ag.tensor([0.0, -1.0], requires_grad=True, name="w")).sum()

def make_float():
    return make_loss().item()

def make_array():
    return np.ones(3)

def make_nothing():
    make_loss()

def several():
    loss = make_loss()
    return {"loss": loss, "twice": loss * 2.0}

def traced():
    return square_sum, np.ones(3)

def square_sum(v):
    return (v * v).sum()

def program():
    return ag.Program.build(make_loss(), backward=True)

def graph():
    return ag.build_graph(make_loss())

def needs(x, y=1):
    return x

def broken():
    return inner()

def inner():
    raise RuntimeError("the user's own mistake")

three = 3
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in an empty folder, in which the command line runs."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "beside_it.py").write_text("")
    (tmp_path / "wrong.py").write_text("def f(:\n")
    (tmp_path / "needs_more.py").write_text("import a_module_that_nobody_has\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("script", "beside_it", "wrong", "needs_more"):
        sys.modules.pop(name, None)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-m", "autograd_lite", *arguments], env=env, capture_output=True)


# ---- draw -----------------------------------------------------------------------------------------------------------


def test_as_a_process(script: Path) -> None:
    done = run("draw", "script.py:make_loss", "-o", "graph.html", "--backward")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (script / "graph.html").read_text(encoding="utf-8").startswith("<!")
    done = run("draw", "script.py:make_loss", "-o", "-", "--format", "svg")
    assert done.returncode == 0
    assert ElementTree.fromstring(done.stdout.decode()).tag.endswith("svg")
    done = run("draw", "script.py:make_loss")
    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[-1].startswith("return n")
    assert b"\x1b" not in done.stdout
    done = run("nan", "script.py:make_nan")
    assert done.returncode == 1
    assert b"log(0)" in done.stdout
    assert done.stderr == b""
    done = run("draw", "script.py:nowhere")
    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 1


def test_a_terminal_that_knows_no_unicode(script: Path) -> None:
    done = run("draw", "script.py:make_loss", "--format", "tree", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert b"`- n" in done.stdout
    assert run("explain", "script.py:make_loss", PYTHONIOENCODING="ascii", PYTHONUTF8="0").returncode == 0


@pytest.mark.parametrize("ending", ["svg", "html", "dot", "mmd", "md", "txt", "json", "onnx"])
def test_every_form_is_written(ending: str, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "script.py:make_loss", "-o", f"graph.{ending}"]) == 0
    assert (script / f"graph.{ending}").stat().st_size > 100
    assert main(["draw", "script.py:make_loss", "-o", "other", "--format", ending]) == 0
    assert (script / "other").read_bytes() == (script / f"graph.{ending}").read_bytes()
    assert capsys.readouterr() == ("", "")
    assert not [f for f in script.iterdir() if f.name.endswith(".part")]


@pytest.mark.parametrize("target", ["script.py:make_loss", "script:make_loss", "{}/script.py:make_loss", "graph.json"])
def test_what_can_be_drawn(target: str, script: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["draw", "script.py:make_loss", "-o", "graph.json"]) == 0
    assert main(["draw", target.format(script), "--format", "json"]) == 0
    drawn = Graph.from_json(capsysbinary.readouterr().out)
    assert drawn == Graph.from_json((script / "graph.json").read_bytes())
    assert [node.op for node in drawn][-1] == "mean"
    assert all(node.source for node in drawn if node.op)


@pytest.mark.parametrize("name", ["several", "traced", "program", "graph"])
def test_what_a_function_may_return(name: str, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", f"script.py:{name}"]) == 0
    results = capsys.readouterr().out.rpartition("return ")[2].splitlines()[0].split(", ")
    assert len(results) == (2 if name == "several" else 1)


def test_a_function_with_arguments_is_traced(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "script.py:traced", "--backward"]) == 0
    said = capsys.readouterr().out
    sys.modules.pop("script")
    import script as user

    assert said == trace(user.square_sum, *user.traced()[1:], backward=True).to_text(sources=True) + "\n"
    assert said.splitlines()[-1].startswith("gradients v: ")


def test_overlays_depth_and_measurements(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for overlay in ("flops", "bytes", "saved", "time"):
        assert main(["draw", "script.py:make_loss", "--backward", "--overlay", overlay]) == 0
        assert " %]" in capsys.readouterr().out
    assert main(["draw", "script.py:make_loss", "--overlay", "values", "--format", "svg"]) == 0
    assert re.search(r">-?[\d.]+ to -?[\d.]+</text>", capsys.readouterr().out)
    assert main(["draw", "script.py:make_loss", "--theme", "dark", "--format", "dot"]) == 0
    assert THEMES["dark"].page in capsys.readouterr().out
    assert main(["draw", "script.py:make_loss", "--theme", "dark", "--format", "svg"]) == 2
    assert "received theme" in capsys.readouterr().err
    assert main(["draw", "script.py:make_loss", "--measure", "--backward"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["#", "#", "low", "high", "|d|", "time"]
    assert main(["draw", "script.py:make_loss", "--format", "dot", "--depth", "0"]) == 0
    folded = capsys.readouterr().out
    assert main(["draw", "script.py:make_loss", "--format", "dot"]) == 0
    assert len(capsys.readouterr().out) > len(folded)


def test_a_warning_is_said_in_one_line(script: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["draw", "script.py:make_loss", "-o", "a.svg", "--renderer", "dot"]) == 0
    assert capsys.readouterr().err == "autograd_lite: save: dot was not found; the built-in renderer drew the picture\n"


# ---- explain and nan ------------------------------------------------------------------------------------------------


def test_explain(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "script.py:make_loss", "--wrt", "w"]) == 0
    said = capsys.readouterr().out
    x, w = ag.tensor([[1.0, 2.0], [3.0, 4.0]]), ag.tensor([0.5, -0.5], requires_grad=True)
    ((x @ w).tanh() ** 2).mean().backward()
    assert f"[{w.grad.data[0]:.4g}, {w.grad.data[1]:.4g}]" in said
    assert main(["explain", "script.py:make_loss"]) == 0
    assert capsys.readouterr().out == said
    assert main(["explain", "script.py:program", "--wrt", "w"]) == 0
    assert main(["explain", "script.py:make_loss", "--format", "md"]) == 0
    assert "$" in capsys.readouterr().out
    for name in ("a.md", "a.html", "a.txt"):
        assert main(["explain", "script.py:make_loss", "-o", name]) == 0
    assert (script / "a.txt").read_text(encoding="utf-8") == said
    assert "<html" in (script / "a.html").read_text(encoding="utf-8")
    assert main(["explain", "script.py:make_loss", "--wrt", "missing"]) == 2
    assert "'missing'" in capsys.readouterr().err


def test_nan(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nan", "script.py:make_nan", "-o", "a.svg"]) == 1
    said = capsys.readouterr()
    assert "log(0)" in said.out
    assert "script.py:14" in said.out
    assert said.err == ""
    assert "log(0)" in (script / "a.svg").read_text(encoding="utf-8")
    assert main(["nan", "script.py:make_loss"]) == 0
    assert "finite" in capsys.readouterr().out
    assert main(["nan", "script.py:graph"]) == 2
    assert "a graph without values" in capsys.readouterr().err


def test_a_script_may_be_called_as_a_module_is(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import random

    (script / "random.py").write_text(
        f"from dataclasses import dataclass\n{SCRIPT}\n@dataclass\nclass C:\n    x: 'int'\n"
    )
    for _ in range(2):
        assert main(["draw", "random.py:make_loss"]) == 0
    assert sys.modules["random"] is random


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("script.py", "expected script.py:function, module:function or graph.json; received 'script.py'"),
        ("script.py:", "expected script.py:function"),
        ("script.py:f()", "expected script.py:function"),
        ("scrpt.py:make_loss", "there is no file 'scrpt.py'. Did you mean script.py?"),
        ("nowhere/script.py:make_loss", "there is no file 'nowhere/script.py': there is no folder 'nowhere'"),
        ("script.py:make_los", "script.py has no function 'make_los'. Did you mean make_loss or"),
        ("script.py:zzz", "script.py has no function 'zzz'; it has make_loss, make_nan, make_float"),
        ("beside_it.py:f", "beside_it.py has no function 'f'; it defines none"),
        ("scrip:make_loss", "there is no module 'scrip'"),
        ("script.py.x:make_loss", "there is no module"),
        ("script.py:make_float", "returned float; return the Tensor itself without .item(), .numpy() or float()"),
        ("script.py:make_array", "returned ndarray; return the Tensor itself without"),
        ("script.py:make_nothing", "returned NoneType (does it lack a return?); return the Tensor itself"),
        ("script.py:needs", "script.py:needs needs the argument x; expected a function without arguments"),
        ("script.py:three", "script.py:three is of type int; expected a function"),
        ("nowhere.json", "cannot read 'nowhere.json': No such file or directory"),
        ("garbage.json", "garbage.json holds no graph: Graph.from_json: expected JSON"),
    ],
)
def test_a_wrong_target_is_explained(
    target: str, complaint: str, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (script / "garbage.json").write_text("what is this")
    for command in ("draw", "explain", "nan"):
        assert main([command, target]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("autograd_lite: ")
        assert complaint in said.err
        assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-o", "a.gif"], "expected a path ending in .svg, .png"),
        (["-o", "a"], "expected a path ending in .svg, .png, .pdf"),
        (["-o", "a"], "or --format; received a path without an ending: a"),
        (["-o", "a.png", "--format", "svg"], "--format svg and the ending of a.png name two forms"),
        (["-o", "a.onnx", "--overlay", "flops"], "an ONNX model has no --overlay"),
        (["-o", "a.onnx", "--depth", "1"], "an ONNX model has no --overlay and no --depth"),
        (["-o", "a.svg", "--dynamic-batch"], "--dynamic-batch is for onnx, not svg"),
        (["-o", "no/a.svg"], "expected a folder that exists"),
        (["--depth", "1"], "a txt has no --depth"),
        (["-o", "a.json", "--depth", "1"], "expected options of .json (none); received depth"),
    ],
)
def test_a_wrong_option_is_explained(
    arguments: list[str], complaint: str, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", "script.py:make_loss", *arguments]) == 2
    assert complaint in capsys.readouterr().err
    assert not list(script.glob("a.*"))


@pytest.mark.parametrize("ending", ["svg", "json", "png", "log", ""])
def test_an_explanation_is_written_only_as_what_it_is(
    ending: str, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "script.py:make_loss", "-o", f"a.{ending}"]) == 2
    assert "expected a path ending in .txt, .md, .html, or --format; received" in capsys.readouterr().err
    assert main(["explain", "script.py:make_loss", "-o", "a.html", "--format", "md"]) == 2
    assert "--format md and the ending of a.html name two forms" in capsys.readouterr().err
    assert not list(script.glob("a.*"))
    assert main(["explain", "script.py:make_loss", "-o", "a.log", "--format", "md"]) == 0
    assert "$" in (script / "a.log").read_text(encoding="utf-8")


def test_numpy_says_nothing_first(script: Path) -> None:
    for command in ("draw", "explain", "nan"):
        assert run(command, "script.py:make_nan").stderr == b""


def test_a_script_without_a_function_lists_those_that_can_be_called(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", "script.py"]) == 2
    said = capsys.readouterr().err
    assert "received 'script.py'. It has script.py:make_loss, script.py:make_nan, script.py:make_float" in said
    assert "needs" not in said
    assert "square_sum" not in said


def test_a_model_for_any_batch_size(script: Path) -> None:
    assert main(["draw", "script.py:traced", "-o", "a.onnx"]) == 0
    assert main(["draw", "script.py:traced", "-o", "b.onnx", "--dynamic-batch"]) == 0
    axes = [onnx.load(script / f"{name}.onnx").graph.input[0].type.tensor_type.shape.dim[0] for name in "ab"]
    assert [axis.dim_value for axis in axes] == [3, 0]
    assert axes[1].dim_param


@pytest.mark.parametrize("name", ["graph", "program"])
def test_a_backward_pass_cannot_be_added(name: str, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["draw", f"script.py:{name}", "--backward"])
    assert code == (2 if name == "graph" else 0)  # that program has one
    if code:
        assert "gives a Graph without a backward pass; make it with backward=True" in capsys.readouterr().err


def test_the_users_own_mistake_is_shown_as_python_shows_it(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "script.py:broken"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback (most recent call last):\n")
    assert said.count("File ") == 2
    assert "in broken" in said
    assert "in inner" in said
    assert said.endswith(
        "RuntimeError: the user's own mistake\nautograd_lite: script.py:broken raised RuntimeError, see above\n"
    )
    for target, complaint in [("wrong.py:f", "SyntaxError"), ("needs_more:f", "a_module_that_nobody_has")]:
        assert main(["draw", target]) == 2
        said = capsys.readouterr().err
        assert complaint in said
        assert "target.py" not in said
        assert "importlib" not in said


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code, stream in [
        (["--version"], 0, "out"),
        (["--help"], 0, "out"),
        (["draw", "--help"], 0, "out"),
        (["paint", "x.py:f"], 2, "err"),
        (["draw", "x.py:f", "--overlay", "beauty"], 2, "err"),
    ]:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == code
        said = getattr(capsys.readouterr(), stream)
        assert said.startswith("usage: python -m" if arguments == ["draw", "--help"] else "autograd_lite")
        assert code == 0 or (said.count("\n") == 1 and re.search(r"; see `python -m autograd_lite( draw)? -h`\n", said))
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"autograd_lite {ag.__version__}\n"
    assert all(len(line) < 100 for line in textwrap.dedent(SCRIPT).splitlines())


def test_an_interrupt_ends_it_in_a_line(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (script / "slow.py").write_text("def make_loss():\n    raise KeyboardInterrupt\n", encoding="utf-8")
    assert main(["draw", "slow.py:make_loss"]) == 130
    assert capsys.readouterr() == ("", "\nautograd_lite: interrupted\n")


def test_without_a_command_a_screen_says_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fits a terminal, and what it shows works as it is printed."""
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    screen = capsys.readouterr().out
    assert ag.__version__ in screen
    assert max(map(len, screen.splitlines())) <= 80
    assert screen.count("\n") <= 36
    with pytest.raises(SystemExit):
        main(["-h"])
    assert capsys.readouterr().out == screen
    code = re.search(r"With this in script.py,\n\n(.*?)\nthese are", screen, re.DOTALL)
    assert code is not None
    Path("script.py").write_text(textwrap.dedent(code[1]), encoding="utf-8")
    examples = re.findall(r"^ {6}python -m autograd_lite (.*)$", screen, re.MULTILINE)
    assert [example.split()[0] for example in examples] == ["draw", "explain", "nan", "help"]
    for example in [*examples, "help start", "help"]:
        assert main(example.split()) == 0, example
        assert capsys.readouterr().err == ""
    assert Path("graph.html").exists()


def test_the_console_script_calls_itself_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"autograd-lite": f"{main.__module__}:{main.__name__}"}
    monkeypatch.setattr(sys, "argv", ["/usr/bin/autograd-lite"])
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "usage: autograd-lite COMMAND" in said
    assert "autograd-lite nan script.py:make_loss" in said
    assert "python -m" not in said


def test_a_graph_in_a_file_keeps_its_measurements(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "script.py:make_loss", "--measure", "--backward", "-o", "a.json"]) == 0
    assert any(
        "seconds" in node["metadata"] for node in json.loads((script / "a.json").read_text())["graph"]["nodes"].values()
    )
    assert main(["draw", "a.json", "--overlay", "time"]) == 0
    assert " %]" in capsys.readouterr().out

"""The ways in: `install`, the runner, and pytest's option."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess, run
from types import ModuleType

import pytest

import autograd_lite.hips as hips
from autograd_lite.hips.__main__ import main
from autograd_lite.hips.install import missing, report

pytestmark = pytest.mark.usefixtures("no_autograd")


def test_modules_have_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "autograd_lite.hips.misc.fixed_points", raising=False)  # one that loads late
    with hips.installed():
        for name in ("", ".numpy", ".numpy.linalg", ".misc.flatten", ".differential_operators", ".misc.fixed_points"):
            theirs = importlib.import_module(f"autograd{name}")
            assert theirs is importlib.import_module(f"autograd_lite.hips{name}")
            assert theirs.__name__ == f"autograd_lite.hips{name}" == theirs.__spec__.name
        from autograd.misc import flatten
        from autograd.misc.optimizers import adam  # noqa: F401

        assert callable(flatten)
    assert not [name for name in sys.modules if name.partition(".")[0] == "autograd"]


def test_blocks_nest_and_install_is_repeatable() -> None:
    hips.install()
    hips.install()
    with hips.installed():
        pass
    assert importlib.import_module("autograd") is hips
    hips.uninstall()
    hips.uninstall()
    assert "autograd" not in sys.modules


def test_hips_that_is_imported_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "autograd", ModuleType("autograd"))
    with pytest.raises(ImportError, match=r"expected autograd not to be imported yet"):
        hips.install()
    assert sys.modules["autograd"] is not hips


def test_what_is_missing_is_noted() -> None:
    with hips.installed():
        with pytest.raises(ImportError, match="nothing_like_it"):
            from autograd.core import nothing_like_it  # noqa: F401
        with pytest.raises(ModuleNotFoundError, match=r"autograd\.nowhere"):
            importlib.import_module("autograd.nowhere")
        assert not hasattr(hips.numpy, "__wrapped__")
    found = missing()
    assert found["autograd.core.nothing_like_it"] >= 1
    assert found["autograd.nowhere"] == 1
    assert "autograd.numpy.__wrapped__" not in found
    assert report().startswith("autograd_lite.hips: used, and missing here: autograd.")
    with pytest.raises(AttributeError):
        hips.core.nothing_like_it  # noqa: B018
    assert missing() == found  # outside, it is an error like any other


PROGRAM = """
import sys
import autograd.numpy as np
from autograd import grad
print(sys.argv[1:], float(grad(lambda x: np.sum(np.array([x, x**2])))(3.0)), __name__)
getattr(np, "not_there", None)
"""


def test_programs_run_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [])
    for how in (["program.py"], ["-m", "program"]):
        monkeypatch.setattr(sys, "path", ["", *sys.path])
        main([*how, "--flag"])
        out, err = capsys.readouterr()
        assert out == "['--flag'] 7.0 __main__\n"
        assert "autograd.numpy.not_there" in err
    with pytest.raises(SystemExit, match=r"usage: python -m autograd_lite\.hips"):
        main([])
    with pytest.raises(SystemExit, match="there is no file 'none.py'"):
        main(["none.py"])
    main(["-h"])
    assert "example: python -m autograd_lite.hips train.py" in capsys.readouterr().out


@pytest.mark.ci
def test_programs_run_unchanged_in_a_process(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = started("autograd_lite.hips", "program.py", "--flag", at=tmp_path)
    assert done.stdout == "['--flag'] 7.0 __main__\n", done.stderr
    assert done.stderr == "autograd_lite.hips: used, and missing here: autograd.numpy.not_there\n"


@pytest.mark.ci
def test_pytest_runs_unchanged_tests(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import autograd.numpy as np\n")
    (tmp_path / "test_it.py").write_text(
        "import autograd\ndef test():\n    assert autograd.grad(lambda x: x * x)(3.0) == 6.0\n    autograd.lacking\n"
    )
    done = started("pytest", "-p", "autograd_lite_pytest", "--autograd-lite-hips", str(tmp_path), at=tmp_path)
    assert "'autograd' has no attribute 'lacking'" in done.stdout
    assert "autograd_lite.hips: used, and missing here: autograd.lacking" in done.stdout


def started(module: str, *arguments: str, at: Path) -> CompletedProcess[str]:
    """Run a module of Python in a process of its own, and without other plugins of pytest."""
    root = Path(hips.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", module, *arguments]
    return run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)

"""The API reference names everything public, and builds without a warning."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "reference.md").read_text()
# Modules whose whole contents one directive brings in.
WHOLE = re.findall(r"automodule:: (\S+)", TEXT)


@pytest.mark.parametrize("package", ["autograd_lite", "autograd_lite.graph", "autograd_lite.testing", "nn"])
def test_every_public_name_is_in_the_reference(package: str) -> None:
    listed = {name.rpartition(".")[2] for name in re.findall(r"auto(?:function|class|exception):: (\S+)", TEXT)}
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    public = {n for n in names if not isinstance(getattr(module, n), ModuleType) and _ours(getattr(module, n))}
    assert len(public) > 4
    assert sorted(public - listed) == []


def _ours(thing: object) -> bool:
    module = inspect.getmodule(thing)
    return module is not None and module.__name__.partition(".")[0] in ("autograd_lite", "nn")


@pytest.mark.parametrize("name", WHOLE)
def test_a_module_brought_in_whole_exists(name: str) -> None:
    assert importlib.import_module(name).__doc__


@pytest.mark.ci
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "reference.html").read_text()
    assert "autograd_lite.vmap" in page
    assert "Dense" in page

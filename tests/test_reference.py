"""The API reference names everything public, and builds without a warning."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest

import autograd_lite
import nn

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "reference" / "index.md").read_text()
# Modules whose whole contents one directive brings in.
WHOLE = re.findall(r"automodule:: (\S+)", TEXT)


@pytest.mark.parametrize(
    "package", ["autograd_lite", "autograd_lite.graph", "autograd_lite.optimize", "autograd_lite.testing", "nn"]
)
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


def _modules() -> Iterator[ModuleType]:
    for package in (autograd_lite, nn):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def undescribed(cls: type) -> list[str]:
    """Return the public methods of a class that no class in its order of bases describes."""
    bare = []
    for name, method in vars(cls).items():
        function = getattr(method, "fget", getattr(method, "__func__", method))
        if name.startswith("_") or not isinstance(function, FunctionType) or function.__module__ != cls.__module__:
            continue
        texts = [vars(base)[name].__doc__ for base in cls.__mro__ if name in vars(base)]
        if not any(texts) and not hasattr(np.ndarray, name):  # methods of arrays are NumPy's, and so are their texts
            bare.append(f"{cls.__module__}.{cls.__name__}.{name}")
    return bare


def test_every_public_method_is_described_there_or_at_a_base() -> None:
    classes = {c for module in _modules() for c in vars(module).values() if inspect.isclass(c) and _ours(c)}
    public = [c for c in classes if not c.__name__.startswith("_") and not getattr(c, "_is_protocol", False)]
    assert len(public) > 400
    assert sorted(name for c in public for name in undescribed(c)) == []


def test_a_method_that_nobody_describes_is_found() -> None:
    class Bare:
        def f(self) -> None: ...

    class Described:
        def f(self) -> None:
            """Do nothing."""

    class Override(Described):
        def f(self) -> None: ...

    assert undescribed(Bare) == [f"{__name__}.Bare.f"]
    assert undescribed(Override) == []


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

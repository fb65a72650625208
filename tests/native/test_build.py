"""The source distribution builds in a clean environment with every Python that is here, and without a compiler too."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from ..test_dev import ROOT, interpreters

LEAST_PYTHON, MOST_BYTES = (3, 11), 1_000_000
TRAINS = """
import autograd_lite as ag, numpy as np
from autograd_lite import nn
from autograd_lite.native import kernels

model = nn.Sequential([nn.Input((3,)), nn.layers.Dense(8, "gelu"), nn.layers.Dense(1)])
model.compile(nn.optimizers.RMSprop(0.02), "mse")
x = np.random.default_rng(0).normal(size=(64, 3))
losses = model.fit(x, x.sum(1, keepdims=True), epochs=30, verbose=0).history["loss"]
assert losses[-1] < losses[0] / 2, losses
ag.show_config()
"""


@cache
def tools(python: str) -> str:
    """Install what builds a wheel, and what it needs, for a Python, and return the folder."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    version = subprocess.check_output([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True)
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", folder, "--only-binary=:all:"]
    subprocess.run([*command, "--python-version", version.strip(), "setuptools>=77", "numpy>=2.0"], check=True)
    return folder


def build(what: str, python: str, source: Path, out: Path, **environment: str) -> Path:
    """Build a wheel or a source distribution in an environment that has nothing but what is named."""
    out.mkdir()
    program = f"from setuptools.build_meta import *; build_{what}({str(out)!r})"
    run = subprocess.run([python, "-c", program], cwd=source, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    (built,) = out.iterdir()
    return built


def libraries(wheel: Path, folder: Path) -> list[Path]:
    """Unpack a wheel, and return its extension modules."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    assert not list(folder.rglob("*.c"))
    assert list(folder.rglob("fused.h"))  # which code that is compiled later includes
    return list(folder.rglob("*.so"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, made from a copy of the checkout and unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    leave = shutil.ignore_patterns(".*", "build", "*.so", "*.egg-info", "__pycache__", "_build", "demo_output")
    shutil.copytree(ROOT, folder / "checkout", ignore=leave)
    built = build("sdist", sys.executable, folder / "checkout", folder / "out", PYTHONPATH=tools(sys.executable))
    with tarfile.open(built) as archive:
        archive.extractall(folder, filter="data")
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.py", "docs/index.md", "tests/op_cases.py"} <= names
    assert not [name for name in names if name.startswith((".ci", "notebooks", "benchmarks", "tests/graph"))]
    (unpacked,) = folder.glob("autograd_lite-*")
    return unpacked


def check(source: Path, folder: Path, python: str, found: dict[str, str]) -> None:
    """Build a wheel with what is found of a compiler, and train with it."""
    folder.mkdir()
    own = shutil.copytree(source, folder / "source")  # setuptools writes beside it
    wheel = build("wheel", python, own, folder / "out", PYTHONPATH=tools(python), **found)
    built = libraries(wheel, folder / "unpacked")
    assert len(built) == ("PATH" in found and found["PATH"] != ""), wheel
    assert sum(library.stat().st_size for library in built) < MOST_BYTES
    environment = {"PYTHONPATH": f"{folder / 'unpacked'}{os.pathsep}{tools(python)}"}
    run = subprocess.run([python, "-c", TRAINS], env=environment, capture_output=True, text=True, cwd=folder)
    assert run.returncode == 0, run.stderr[-3000:]
    assert ("native kernels: none, not built" in run.stdout) == (not built), run.stdout


@pytest.mark.ci
def test_sdist_builds_with_a_compiler_and_without(source: Path, tmp_path: Path) -> None:
    pythons = interpreters()
    with ThreadPoolExecutor(2) as pool:  # a build and pip wait for other programs
        list(pool.map(tools, pythons))
        compiler = {"PATH": os.environ["PATH"]} if shutil.which("cc") else {}
        ways = [*itertools.product([compiler], pythons), ({"PATH": ""}, pythons[-1]), ({"CC": "false"}, pythons[0])]
        runs = [
            pool.submit(check, source, tmp_path / str(number), python, found)
            for number, (found, python) in enumerate(ways)
        ]
        for run in runs:
            run.result()

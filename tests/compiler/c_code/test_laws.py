"""Fused code does what the executor does: bits, exceptions, alarms, and writes to nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from autograd_lite.compiler.c_build import library_cache
from autograd_lite.compiler.c_build.fusing import OFF, VARIABLE
from autograd_lite.compiler.c_build.toolchain import BuildError, find_compiler
from autograd_lite.native import threads
from autograd_lite.native.kernels import library

from .fused_programs import LAWS, Programs
from .side_by_side import run_all

pytestmark = [
    pytest.mark.skipif(library is None, reason="without the extension there are no segments"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(autouse=True)
def _compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile nothing but all programs of a test, at once."""
    try:
        find_compiler()
    except BuildError as error:
        pytest.skip(str(error))
    monkeypatch.setenv(VARIABLE, OFF)
    monkeypatch.setenv(library_cache.VARIABLE, "off")


def test_some_programs_of_every_law(tmp_path: Path) -> None:
    table: Programs = {f"{law}: {name}": row for law, make in LAWS.items() for name, row in make(False).items()}
    fused = run_all(table, tmp_path)
    assert fused.runs > len(table)
    assert len(fused.errors) < len(table) / 20
    fused.check()


@pytest.mark.ci
@pytest.mark.parametrize("law", LAWS)
def test_all_programs(law: str, tmp_path: Path) -> None:
    fused = run_all(LAWS[law](True), tmp_path)
    assert fused.runs or law == "loops"
    fused.check()


@pytest.mark.ci
@pytest.mark.parametrize("n", [1, 2])
def test_with_threads(n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = threads.get_threads() if hasattr(threads, "get_threads") else library.get_threads()
    library.set_threads(n)
    try:
        run_all(LAWS["threads"](True), tmp_path).check()
    finally:
        library.set_threads(before)

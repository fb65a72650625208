"""`show_config` says what is in use, and why nothing better is."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core import configuration as config

ROOT = Path(__file__).resolve().parents[1]


def test_four_lines_say_what_computes(capsys: pytest.CaptureFixture[str]) -> None:
    ag.show_config()
    package, numpy, kernels, threads = capsys.readouterr().out.splitlines()
    assert package.startswith(f"autograd_lite {ag.__version__}, Python 3.")
    assert re.match(rf"NumPy {re.escape(np.__version__)} for \w+(, \w+)*; BLAS: \S+ \S+$", numpy)
    assert kernels.startswith(f"native kernels: {len(config.KERNELS) or 'none'}")
    assert threads.startswith(f"threads: {ag.get_threads()}, ")


def test_the_version_is_that_of_the_project() -> None:
    dynamic = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["dynamic"]
    module, _, name = dynamic["version"]["attr"].rpartition(".")
    assert getattr(importlib.import_module(module), name) == ag.__version__


BUILT = {"SETS": ("avx2", "baseline"), "INSTRUCTIONS": "avx2", "KERNELS": {"exp": np.exp}, "REASON": "", "CHOICE": ""}
NOT_BUILT = {"SETS": (), "INSTRUCTIONS": "", "KERNELS": {}, "REASON": "not built", "CHOICE": ""}


@pytest.mark.parametrize(
    ("state", "system", "compiler", "headers", "line"),
    [
        (BUILT, "Linux", "cc", True, "1 for avx2, the best that this processor has; others: baseline"),
        (
            {**BUILT, "CHOICE": "avx2"},
            "Linux",
            "cc",
            True,
            "1 for avx2, as AUTOGRAD_LITE_NATIVE says; others: baseline",
        ),
        ({**BUILT, "INSTRUCTIONS": "", "REASON": "switched off"}, "Linux", "cc", True, "none, switched off"),
        (NOT_BUILT, "Linux", None, True, "none, not built: there is no C compiler, "),
        (NOT_BUILT, "Linux", "cc", False, "none, not built: there is no "),
        (NOT_BUILT, "Linux", "cc", True, "none, not built: install this again with pip's -v"),
        (NOT_BUILT, "Windows", None, False, "none, not built: they are not built on Windows"),
    ],
)
def test_kernels_or_why_there_are_none(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    state: dict[str, Any],
    system: str,
    compiler: str | None,
    headers: bool,
    line: str,
) -> None:
    for name, value in state.items():
        monkeypatch.setattr(config, name, value)
    monkeypatch.setattr(config.platform, "system", lambda: system)
    monkeypatch.setattr(config.shutil, "which", lambda _: compiler)
    monkeypatch.setattr(config.sysconfig, "get_path", lambda _: str(tmp_path))
    if headers:
        (tmp_path / "Python.h").touch()
    ag.show_config()
    assert f"\nnative kernels: {line}" in capsys.readouterr().out


def test_the_page_lists_the_environment_variables() -> None:
    named = re.compile(r"\bAUTOGRAD_LITE_[A-Z_]+\b")
    sources = [*(ROOT / "autograd_lite").rglob("*.py"), *(ROOT / "nn").rglob("*.py"), ROOT / "autograd_lite_pytest.py"]
    page = (ROOT / "docs/reference/environment.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(AUTOGRAD_LITE_[A-Z_]+)` \|", page, re.MULTILINE)
    assert rows == sorted({name for path in sources for name in named.findall(path.read_text(encoding="utf-8"))})

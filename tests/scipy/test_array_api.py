"""docs/reference/scipy_array_api.md: what SciPy's functions that support the array API make of Tensors.

SciPy reads SCIPY_ARRAY_API as it is imported, so all of it runs in processes of their own. Write the page anew with
AUTOGRAD_LITE_WRITE_GOLDEN=1.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import scipy.stats

import autograd_lite as ag
from autograd_lite.scipy.advice import STANDARD
from autograd_lite.scipy.calls import ROWS

from .array_api.rows import NOTES, calls

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "scipy_array_api.md"
GUIDE = ROOT / "docs" / "guides" / "array_api.md"
ci = pytest.mark.ci
recent = pytest.mark.skipif(
    np.lib.NumpyVersion(scipy.__version__) < "1.17.0", reason="the functions and their support are those of SciPy 1.17"
)
KINDS = {
    "checked": "Gradients of first and second order checked",
    "flat": "Tensors in, and results that have no derivative to carry",
    "alone": "Values alone: a Tensor that requires a gradient is refused",
    "not": "Not for Tensors",
}
INTRODUCTION = """\
# SciPy's array API on Tensors

Many of SciPy's functions compute with any array that has the names of the [array API
standard](../guides/array_api.md), if `SCIPY_ARRAY_API=1` is in the environment before SciPy is imported. Then they take
Tensors, and what they compute has a gradient. A test computes this page: it calls each function that supports the
standard on arrays and on Tensors, compares the values, compares derivatives of first and second order with finite
differences, and forward mode with reverse mode. Arrays and Tensors do not mix in one call: pass Tensors throughout.

Where a function turns its arguments into arrays, a Tensor that requires a gradient is refused with an error, and
[`autograd_lite.scipy`](scipy.md) may have the function; such names are marked with \\*.
"""


def run(*arguments: str) -> str:
    """Run Python with SCIPY_ARRAY_API=1."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@functools.cache
def found() -> dict[str, Any]:
    return json.loads(run("-m", "tests.scipy.array_api"))  # type: ignore[no-any-return]


def kind_of(row: dict[str, str]) -> str:
    if row["value"] in ("raises", "differs"):
        return "not"
    if row.get("first", "none") == "none":
        return "flat"
    return "alone" if row["first"] == "raises" else "checked"


def by_module() -> dict[str, dict[str, list[str]]]:
    """Return the names of each kind, by modules."""
    modules: dict[str, dict[str, list[str]]] = {}
    for name, row in found()["rows"].items():
        module, _, function = name.partition(".")
        modules.setdefault(module, {kind: [] for kind in KINDS})[kind_of(row)].append(function)
    return {module: modules[module] for module in sorted(modules)}


def page() -> Iterator[str]:
    yield INTRODUCTION.rstrip()
    modules = by_module()
    yield from ("", "| SciPy 1.17 | checked | no derivative | values alone | not |", "|---|---|---|---|---|")
    for module, kinds in modules.items():
        yield f"| [{module}](#{module}) | {' | '.join(str(len(names)) for names in kinds.values())} |"
    totals = [sum(len(kinds[kind]) for kinds in modules.values()) for kind in KINDS]
    yield f"| **together** | {' | '.join(map(str, totals))} |"
    for module, kinds in modules.items():
        yield from ("", f"## {module}", "")
        for kind, names in kinds.items():
            if not names:
                continue
            if kind == "not":
                yield from (
                    f"- Not for Tensors: `{name}`{star(module, name)}, {NOTES[f'{module}.{name}']}." for name in names
                )
            else:
                listed = ", ".join(f"`{name}`{star(module, name)}" for name in sorted(names))
                yield from ("- " + "\n  ".join(textwrap.wrap(f"{KINDS[kind]}: {listed}.", 116))).split("\n")


def star(module: str, name: str) -> str:
    """Mark what `autograd_lite.scipy` has."""
    return "\\*" if f"{module}.{name}" in ROWS else ""


@ci
@recent
def test_the_page_is_what_the_calls_give() -> None:
    text = "\n".join(page()) + "\n"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "scipy_array_api.md is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"


@ci
@recent
def test_every_function_that_supports_the_standard_is_tried() -> None:
    assert found()["scope"] == sorted(calls())


@ci
@recent
def test_no_value_and_no_gradient_is_wrong() -> None:
    rows = found()["rows"]
    assert len(rows) > 500
    assert [name for name, row in rows.items() if "differs" in (row.get("first"), row.get("second"))] == []
    assert [name for name, row in rows.items() if row.get("forward") == "differs"] == []
    assert sum(row.get("forward") == "right" for row in rows.values()) > 250
    assert [name for name, row in rows.items() if row["value"] == "differs"] == []
    assert {name for name, row in rows.items() if kind_of(row) == "not"} == set(NOTES)
    for name, row in rows.items():
        if kind_of(row) == "alone":
            assert row["why"].startswith(("GradError", "UnsupportedError")) or name == "signal.deconvolve", (name, row)


@ci
@recent
def test_errors_name_what_carries_gradients() -> None:
    for module, kinds in by_module().items():
        ours = [row.name.partition(".")[2] for row in ROWS.values() if row.name.startswith(f"{module}.")]
        carries = [] if module in ("special", "transform") else [n for n in kinds["checked"] if n not in ours]
        assert STANDARD.get(module, "").split() == sorted(carries), module


@ci
@recent
@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="the guide calls scikit-learn")
def test_the_code_of_the_guide_that_wants_the_variable_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```pycon\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    script = tmp_path / "blocks.txt"
    script.write_text("\n".join(blocks), encoding="utf-8")
    assert run("-m", "doctest", str(script)) == ""


@recent
@pytest.mark.skipif(bool(os.environ.get("SCIPY_ARRAY_API")), reason="SciPy takes Tensors in this run")
def test_where_scipy_refuses_a_tensor_the_error_names_the_variable() -> None:
    x = ag.tensor([1.0, 2.0, 4.0], requires_grad=True)
    for call in (lambda: scipy.stats.skew(x), lambda: scipy.signal.resample(x, 7)):
        with pytest.raises(ag.GradError, match=r"scipy\.(stats\.skew|signal\.resample) takes .* SCIPY_ARRAY_API=1"):
            call()

"""Fused code does what the executor does: bits, exceptions, alarms, and writes to nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograd_lite.compiler.c_build import library_cache, toolchain
from autograd_lite.compiler.c_build.fusing import OFF, VARIABLE
from autograd_lite.compiler.c_build.toolchain import BuildError, find_compiler
from autograd_lite.native.kernels import library

from .fused_programs import LAWS, Programs, of_kind
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
    monkeypatch.setattr(toolchain, "SECONDS", 600.0)


def test_some_programs_of_every_law(tmp_path: Path) -> None:
    table: Programs = {f"{law}: {name}": row for law, make in LAWS.items() for name, row in [*make(False).items()][::3]}
    fused = run_all(table, tmp_path)
    assert fused.runs > len(table)
    assert len(fused.errors) < len(table) / 20
    fused.check()


@pytest.mark.parametrize(
    "every", [pytest.param(3, id="a third", marks=pytest.mark.ci), pytest.param(1, id="all", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("law", LAWS)
def test_all_programs(law: str, every: int, tmp_path: Path) -> None:
    fused = run_all(dict([*LAWS[law](True).items()][::every]), tmp_path)
    assert fused.runs or law == "loops"
    fused.check()


# What may be wrong in C, as a regular expression and what takes the place of its matches.
NAIVE = "static double naive(const double *t, intptr_t n) { double s = 0; while (n--) s += *t++; return s; }"
BREAKS = {
    "operands are swapped": (r"= (\w+) - (\w+);", r"= \2 - \1;", 0),
    "a store is dropped": (r"\*\(double \*\)\(m\d+[^;=]*\) = v\w+;", "", 1),
    "additions have another order": (r"fused_sum_d\(", "naive(", 0),
    "the last strip is too short": (r"(\w+) - s < (\w+) \? \1 - s :", r"\1 - s < \2 ? \1 - s - 1 :", 0),
    "a loop is too short": (r"last = (\d+) \}", r"last = \1 - 1 }", 0),
    "a cast is forgotten": (r"const float (v\w+) =", r"const double \1 =", 0),
}


@pytest.mark.ci
@pytest.mark.parametrize("what", BREAKS)
def test_the_laws_see_what_is_wrong(what: str, tmp_path: Path) -> None:
    pattern, other, count = BREAKS[what]
    kinds = [((1000,), (1000,), "dd"), ((40, 33), (33,), "dd"), ((37,), (37,), "fd")]
    table: Programs = {str(kind): of_kind(*kind, "C") for kind in kinds}
    replaced = []

    def change(text: str) -> str:
        text, n = re.subn(pattern, other, text, count=count)
        replaced.append(n)
        return text.replace('#include "expressions.h"', f'#include "expressions.h"\n{NAIVE}')

    assert run_all(table, tmp_path, change).differences
    assert sum(replaced)


@pytest.mark.ci
@pytest.mark.parametrize("n", [1, 2])
def test_with_threads(n: int, tmp_path: Path) -> None:
    before = library.get_threads()
    library.set_threads(n)
    try:
        run_all(LAWS["threads"](True), tmp_path).check()
    finally:
        library.set_threads(before)

"""The rules of conftest.py hold: a missing peer is a failure where peers are promised, and a skip elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from .samples import SAMPLES, SAMPLES_OF_CI, mark_samples

CONFTEST = Path(__file__).with_name("conftest.py")
FILES = {
    "needs_peer_in_test": """
import pytest

def test_peer():
    pytest.importorskip("no_such_peer")
""",
    "needs_peer_at_import": """
import pytest

pytest.importorskip("no_such_peer")

def test_peer():
    pass
""",
    "skips_for_another_reason": """
import pytest

def test_data():
    pytest.skip("the full data set is not here")
""",
}


@pytest.mark.parametrize(
    ("promised", "expected"), [("1", ["FAILED", "ERROR", "SKIPPED"]), ("0", ["SKIPPED", "SKIPPED", "SKIPPED"])]
)
def test_missing_peer_fails_only_where_peers_are_promised(tmp_path: Path, promised: str, expected: list[str]) -> None:
    """In a process of its own, under a copy of our conftest; what is skipped for another reason stays skipped."""
    for name in ("conftest.py", "browser.py", "samples.py", "__init__.py"):
        shutil.copy(CONFTEST.with_name(name), tmp_path)
    for name, source in FILES.items():
        (tmp_path / f"test_{name}.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-rfEs", "-p", "no:cacheprovider", "-c", os.devnull]
    command += ["--rootdir", ".", "--continue-on-collection-errors"]
    environment = {**os.environ, "AUTOGRAD_LITE_REQUIRE_PEERS": promised}
    printed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout
    summary = printed.partition("short test summary info")[2]
    found = [re.findall(rf"^(\w+).* test_{name}\.py", summary, re.MULTILINE) for name in FILES]
    assert found == [[outcome] for outcome in expected], printed
    assert ("every peer is installed" in printed) == (promised == "1")


def test_samples_are_of_tests_that_exist_and_leave_the_others_to_ci(pytestconfig: pytest.Config) -> None:
    for test in {**SAMPLES, **SAMPLES_OF_CI}:
        path, name = test.split("::")
        assert f"\ndef {name}(" in (pytestconfig.rootpath / path).read_text(encoding="utf-8")
    test, every = max(SAMPLES.items(), key=lambda pair: pair[1])
    cases = [
        Mock(nodeid=f"{name}[{k}]", get_closest_marker=lambda _: None)
        for name in (test, "tests/test_others.py::test_all")
        for k in range(11)
    ]
    mark_samples(cases)
    assert [k for k, case in enumerate(cases) if not case.add_marker.called] == [*range(0, 11, every), *range(11, 22)]


@pytest.mark.ci
def test_a_case_is_of_ci_or_long(pytestconfig: pytest.Config) -> None:
    test, every = next(iter(SAMPLES_OF_CI.items()))
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", test.partition("::")[0], "-m"]
    root, selected = pytestconfig.rootpath, []
    for marks in ("ci", "long", "ci or long"):
        printed = subprocess.run([*command, marks], capture_output=True, text=True, cwd=root).stdout
        selected.append({line for line in printed.splitlines() if line.startswith(test)})
    ci, long, both = selected
    assert ci | long == both
    assert not ci & long
    assert len(ci) == -(-len(both) // every)


def test_rng_starts_from_the_same_state(rng: np.random.Generator) -> None:
    assert rng.random() == np.random.default_rng(20260101).random()

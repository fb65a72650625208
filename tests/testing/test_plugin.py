"""The pytest plugin, run in a separate process on small test files; and strict mode."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing.strict import strict_mode

ROOT = Path(__file__).resolve().parents[2]
NAME = "autograd_lite"


def run(tmp_path: Path, source: str, *options: str) -> str:
    """Run pytest on one file and return what it prints."""
    (tmp_path / "test_it.py").write_text(source)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    # What an installation leaves: the metadata that pytest finds plugins by.
    metadata = tmp_path / "site" / "as_installed-1.0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: as-installed\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[pytest11]\n{NAME} = {entry_points()[NAME]}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *options, "test_it.py"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(metadata.parent)])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def entry_points() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return dict(project["entry-points"]["pytest11"])


def test_it_is_found_by_its_entry_point(tmp_path: Path) -> None:
    printed = run(tmp_path, "def test_it(request): request.getfixturevalue('ag_seed')", "--trace-config")
    assert "1 passed" in printed
    assert "autograd_lite_pytest.py" in printed.replace(os.sep, "/")


def test_it_brings_nothing_along(tmp_path: Path) -> None:
    """Every start of pytest, in whatever project, loads it: so it must cost nothing."""
    source = "import sys\ndef test_it(): assert not {'hypothesis', 'numpy', 'autograd_lite'} & set(sys.modules)"
    assert "1 passed" in run(tmp_path, source, "-p", "no:hypothesispytest")


SEEDS = """
import autograd_lite as ag
seen = []

def draw(ag_seed):
    seen.append((float(ag_seed.normal()), float(ag.random.normal(()))))

def test_one(ag_seed):
    draw(ag_seed)

def test_two(ag_seed):
    draw(ag_seed)
    assert seen[0] != seen[1]

def test_fails(ag_seed):
    print("DRAWN", ag_seed.normal())
    assert False

def test_fails_too():
    assert False
"""


def test_the_seed_is_the_tests_own_and_shown_on_failure(tmp_path: Path) -> None:
    printed = run(tmp_path, SEEDS)
    assert "2 failed, 2 passed" in printed
    assert printed.count("ag_seed ---") == 1
    seed = int(printed.split("--ag-seed=")[1].split()[0])
    again = run(tmp_path, SEEDS, "-k", "test_fails", f"--ag-seed={seed}")
    assert [line for line in again.splitlines() if "DRAWN" in line] == [
        line for line in printed.splitlines() if "DRAWN" in line
    ]
    other = run(tmp_path, SEEDS, "-k", "test_fails", f"--ag-seed={seed + 1}")
    assert [line for line in other.splitlines() if line.startswith("DRAWN")] != [
        line for line in printed.splitlines() if line.startswith("DRAWN")
    ]


STRICT = """
import numpy as np
import pytest
import autograd_lite as ag

def change_an_input():
    a = np.ones(2)
    y = (ag.tensor([1.0, 2.0], requires_grad=True) * a).sum()
    a += 1

def test_plain():
    change_an_input()

@pytest.mark.ag_strict
def test_marked():
    change_an_input()

def test_fixture(ag_strict):
    change_an_input()

@pytest.mark.ag_strict
def test_mixture():
    ag.tensor(np.ones(2, "f")) * np.ones(2)
"""


def test_strict_mode_by_marker_fixture_and_option(tmp_path: Path) -> None:
    printed = run(tmp_path, STRICT)
    assert "3 failed, 1 passed" in printed
    assert "test_marked - ValueError: output array is read-only" in printed
    assert "DtypeError: multiply: strict mode expects the dtype float32 to be kept" in printed
    assert "4 failed" in run(tmp_path, STRICT, "--ag-strict")


def test_what_was_locked_is_opened_again() -> None:
    a = np.ones(3)
    b = np.ones(3)
    b.flags.writeable = False
    with strict_mode():
        (ag.tensor([1.0, 2.0, 3.0], requires_grad=True) * a * b).sum().backward()
        assert not a.flags.writeable
    assert a.flags.writeable
    assert not b.flags.writeable
    assert ag.tensor(2.0) * 3.0 == 6.0


def test_an_error_inside_ends_strict_mode() -> None:
    forward = np.add, ag.tensor([1.0]) + 1
    with pytest.raises(ZeroDivisionError), strict_mode():
        _ = 1 / 0
    assert forward[1].item() == 2.0
    a = np.ones(2)
    _ = ag.tensor([1.0, 2.0]) + a
    a += 1


@pytest.mark.parametrize(
    ("x", "y", "fits"),
    [
        (np.ones(2, "f"), np.ones(2, "f"), True),
        (np.ones(2, "f"), 2.0, True),
        (np.ones(2, "f"), np.ones(2), False),
        (np.ones(2, "f"), np.float64(2), False),
        (np.ones(2, "e"), np.ones(2, "f"), False),
        (np.ones(2, "f"), np.ones(2, np.int64), False),
        (np.ones(2), np.ones(2, np.int64), True),
        (np.ones(2, "f"), np.ones(2, bool), True),
        (np.ones(2, "F"), np.ones(2), False),
    ],
)
def test_what_widens(x: np.ndarray, y: object, fits: bool) -> None:
    with strict_mode():
        if fits:
            assert (ag.tensor(x) * y).dtype == x.dtype
            return
        with pytest.raises(ag.DtypeError, match=r"^multiply: strict mode expects .* received .*float"):
            ag.tensor(x) * y


def test_asked_for_is_not_silent() -> None:
    x = ag.tensor(np.ones(2, "f"))
    with strict_mode():
        assert x.astype("d").dtype == np.float64
        assert x.sum(dtype="d").dtype == np.float64


def test_a_training_step_keeps_strict_mode() -> None:
    w = ag.tensor(np.ones((2, 3), "f"), requires_grad=True)
    x = np.ones((4, 2), "f")
    losses = []
    with strict_mode():
        for _ in range(3):
            loss = ((ag.tensor(x) @ w - 1.0) ** 2).mean()
            loss.backward()
            losses.append(loss.item())
            with ag.no_grad():
                w.assign_sub(0.1 * w.grad)
            w.grad = None
    assert losses[2] < losses[1] < losses[0]

"""The rules of conftest.py hold: a missing peer is a failure where peers are promised, and a skip elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
NEEDS_PEER_IN_TEST = """
import pytest

def test_peer():
    pytest.importorskip("no_such_peer")
"""
NEEDS_PEER_AT_IMPORT = """
import pytest

pytest.importorskip("no_such_peer")

def test_peer():
    pass
"""
SKIPS_FOR_ANOTHER_REASON = """
import pytest

def test_data():
    pytest.skip("the full data set is not here")
"""


def run_pytest(folder: Path, source: str, require_peers: bool) -> subprocess.CompletedProcess[str]:
    """Run one test file under a copy of our conftest, in a process of its own."""
    shutil.copy(CONFTEST, folder)
    (folder / "test_it.py").write_text(source)
    environment = {**os.environ, "AUTOGRAD_LITE_REQUIRE_PEERS": "1" if require_peers else "0"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", "."]
    return subprocess.run([*command, "test_it.py"], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("source", [NEEDS_PEER_IN_TEST, NEEDS_PEER_AT_IMPORT], ids=["in test", "at import"])
def test_missing_peer_fails_only_where_peers_are_promised(tmp_path: Path, source: str) -> None:
    promised = run_pytest(tmp_path, source, require_peers=True)
    assert promised.returncode in (1, 2), promised.stdout
    assert "every peer is installed" in promised.stdout
    assert "no_such_peer" in promised.stdout

    elsewhere = run_pytest(tmp_path, source, require_peers=False)
    assert elsewhere.returncode in (0, 5), elsewhere.stdout
    assert "1 skipped" in elsewhere.stdout


def test_other_skips_stay_skips(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, SKIPS_FOR_ANOTHER_REASON, require_peers=True)
    assert result.returncode == 0, result.stdout
    assert "1 skipped" in result.stdout


def test_rng_starts_from_the_same_state(rng: np.random.Generator) -> None:
    assert rng.random() == np.random.default_rng(20260101).random()

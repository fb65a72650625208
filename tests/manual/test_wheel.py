"""An installation opens the same words as a checkout: a wheel has the pages."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from autograd_lite.manual.pages import pages

from .test_lookup import ROOT, words_in_sources

OPENS = """
import sys
from autograd_lite.manual.lookup import entries_of
from autograd_lite.manual.pages import pages
assert not [word for word in sys.argv[1:] if not entries_of(word)]
print(*sorted(pages()))
"""


@pytest.mark.ci
def test_a_wheel_has_the_page_of_every_message(tmp_path: Path) -> None:
    program = "from setuptools.build_meta import *; build_wheel('.')"
    with tempfile.TemporaryDirectory() as folder:  # a copy, as setuptools writes beside the sources
        files = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
        for name in files:
            if name.startswith(("autograd_lite", "nn/", "docs/", "setup.py", "pyproject.toml", "README", "LICENSE")):
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((ROOT / name).read_bytes())
        environment = {**os.environ, "AUTOGRAD_LITE_NATIVE": "off"}
        run = subprocess.run(
            [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr[-3000:]
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path)
    words = sorted({word for _, word in words_in_sources()})
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-P", "-c", OPENS, *words]
    shown = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.split() == sorted(pages())
    help_page = [sys.executable, "-m", "autograd_lite", "help", "freed-values"]
    text = subprocess.check_output(help_page, cwd=tmp_path, env=environment, text=True)
    assert text.startswith("Freed values")

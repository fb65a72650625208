"""The commit that this one is compared with, in a folder of its own, with its own extension."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from .turns import ROOT

VARIABLE = "AUTOGRAD_LITE_PAIRS_BASE"
BACK = 20  # commits, on the branch that others come from
BRANCHES = ("origin/main", "main")


class NoBase(Exception):
    """Why there is nothing to compare with."""


def git(*arguments: str) -> str:
    """Return what git says."""
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        raise NoBase(f"git {' '.join(arguments)}: {run.stderr.strip().splitlines()[-1:]}")
    return run.stdout.strip()


def commit() -> str:
    """Return the commit: the named one, that from which this branch comes, or on that branch one of some time ago.

    Raises:
        NoBase: if there is no history.
    """
    if not (ROOT / ".git").exists():
        raise NoBase("this is not a clone")
    if named := os.environ.get(VARIABLE):
        return git("rev-parse", f"{named}^{{commit}}")
    head = git("rev-parse", "HEAD")
    for branch in BRANCHES:
        try:
            found = git("merge-base", "HEAD", branch)
        except NoBase:
            continue
        if found != head:
            return found
    if git("rev-parse", "--is-shallow-repository") == "true":
        raise NoBase(f"this is a shallow clone; {VARIABLE} may name a commit that it has")
    return git("rev-parse", f"HEAD~{BACK}")


def checkout(base: str, folder: Path) -> Path:
    """Return a folder with the packages of a commit, in which the extension is built, unless that was done before.

    Args:
        base: the commit.
        folder: of what is kept between runs; other commits are removed.
    """
    place = folder / base
    if (place / "built").exists():
        return place
    for older in folder.glob("*"):
        shutil.rmtree(older)
    place.mkdir()
    names = ["autograd_lite", "nn", "setup.py", "pyproject.toml", "README.md", "LICENSE", "autograd_lite_pytest.py"]
    archive = subprocess.run(["git", "archive", base, *names], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(place, filter="data")
    native = "autograd_lite/native"
    libraries = list((ROOT / native).glob("library*.so"))
    if libraries and not git("diff", "--name-only", base, "--", f"{native}/c", f"{native}/kernels.py", "setup.py"):
        shutil.copy(libraries[0], place / native)
    elif libraries:
        command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
        run = subprocess.run(command, cwd=place, capture_output=True, text=True)
        if not list((place / native).glob("library*.so")):
            raise NoBase(f"the extension of {base[:8]} could not be built: {run.stderr.strip()[-300:]}")
    (place / "built").touch()
    return place

"""Build what is published, and try it as a user does: `python3 dev.py build`, `dev.py wheels`, `dev.py release v0.1.0`.

`build` writes the source distribution, the wheel without C and the digits to dist/, and asks the tools of the index
about them. `wheels` goes on: for each Python that is on the machine it builds the wheel with the kernels, installs it
where nothing else is, and runs the tests of the engine that the source distribution brings. `release` refuses to
publish what is not ready.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autograd_lite.core import VERSION
from autograd_lite.core.addresses import REPOSITORY, SITE

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
MINORS = (11, 12, 13, 14)
CORE = [f"tests/{folder}" for folder in ("core", "tensors", "engine", "functional")]


def run(*command: object, folder: Path = ROOT, **environment: str) -> None:
    """Run a command and show it; SystemExit with its exit code if it fails."""
    print("$", *command, flush=True)
    code = subprocess.call([str(part) for part in command], cwd=folder, env={**os.environ, **environment})
    if code:
        sys.exit(code)


def build() -> Path:
    """Write dist/ anew, check it, and return the source distribution."""
    shutil.rmtree(DIST, ignore_errors=True)
    quiet = (sys.executable, "-m", "build", "-Cquiet=yes", "-o", DIST)  # without thousands of names of files
    run(*quiet, ROOT, AUTOGRAD_LITE_NATIVE="off")
    run(*quiet, ROOT / "packages" / "digits")
    run(sys.executable, "-m", "twine", "check", "--strict", *DIST.iterdir())
    run(sys.executable, "-m", "check_wheel_contents", *DIST.glob("autograd_lite-*.whl"))
    for path in sorted(DIST.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB", flush=True)
    return next(DIST.glob("autograd_lite-*.tar.gz"))


def pythons() -> Iterator[str]:
    """Yield the Pythons on the machine that are supported and have venv."""
    for minor in MINORS:
        path = shutil.which(f"python3.{minor}")
        if path and not subprocess.call([path, "-c", "import ensurepip"], stderr=subprocess.DEVNULL):
            yield path


def wheels() -> None:
    """Build all that can be built here, and test what it installs, with every Python even if one fails."""
    source, failures = build(), []
    for python in pythons():
        with tempfile.TemporaryDirectory() as name:
            try:
                try_wheel(python, source, Path(name))
            except SystemExit as failure:
                failures.append(f"{python}: exit code {failure.code}")
    if failures:
        sys.exit("\n".join(failures))


def try_wheel(python: str, source: Path, folder: Path) -> None:
    """Build a Python's wheel from the source distribution, install it in an empty environment, and run the tests."""
    run(python, "-m", "venv", folder / "venv")
    own = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(own, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source)
    (wheel,) = folder.glob("*.whl")
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB", flush=True)
    if wheel.name.endswith(("linux_x86_64.whl", "linux_aarch64.whl")):
        run(sys.executable, "-m", "auditwheel", "show", wheel)
    run(own, "-m", "pip", "install", "-q", f"{wheel}[testing,scipy]", "pytest-xdist")
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    tests = folder / source.name.removesuffix(".tar.gz")
    for package in ("autograd_lite", "nn"):  # the tests are to meet what is installed
        shutil.rmtree(tests / package)
    run(own, "-c", "import autograd_lite as ag; ag.show_config()", folder=tests)
    run(own, "-m", "pytest", "-q", "-n", "2", *CORE, folder=tests, OPENBLAS_NUM_THREADS="1")


def missing(tag: str, version: str = VERSION, site: str = SITE, repository: str = REPOSITORY) -> list[str]:
    """Return what must be done before a version is published, a sentence for each thing.

    Args:
        tag: the name of the version in the repository.
        version: what the package says of itself.
        site, repository: the addresses that messages and the page on the index lead to.
    """
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    wrong = [] if tag == f"v{version}" else [f"the tag is {tag!r}, and the package's version is {version}"]
    for name, address in (("SITE", site), ("REPOSITORY", repository)):
        if not re.fullmatch(r"https://\S*[^/\s]", address):
            wrong.append(f"{name} in autograd_lite/core/addresses.py is {address!r}: write the project's address there")
    if not re.search(rf"^## \[?{re.escape(version)}\b", changes, re.M):
        wrong.append(f"CHANGELOG.md has no section {version}")
    return wrong


def release(tag: str = "") -> None:
    """End with exit code 1 and a list, unless the version can be published."""
    if wrong := missing(tag):
        sys.exit("not to be published yet:\n" + "\n".join(f"- {sentence}" for sentence in wrong))
    print(f"{tag} can be published")


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    {"build": build, "wheels": wheels, "release": release}[task](*arguments)

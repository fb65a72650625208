"""Set up and run this project with nothing but Python: `python3 dev.py TASK [arguments for its last step]`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent
KIND = sys.argv[1] if sys.argv[1:2] in (["oldest"], ["newest"]) else "lock"  # of the versions that are installed
VENV, VERSIONS = ROOT / (".venv" if KIND == "lock" else f".venv-{KIND}"), f"requirements/{KIND}.txt"  # for pip's -c
READ = ("pyproject.toml", "setup.py", VERSIONS, "autograd_lite/native/c/**/*.[ch]")  # if one changes, install again
FOR_C = {"gcc": shutil.which("cc"), "python3-dev": Path(sysconfig.get_path("include"), "Python.h").exists()}  # Debian's
MISSING = "".join(f"; no native kernels without {name}" for name in FOR_C if not FOR_C[name] and os.name == "posix")
PYTHON = str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
LINT, CORE = ["ruff check .", "ruff format --check .", "mypy"], "tests/core tests/tensors tests/engine tests/functional"
ONE = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")  # more threads spin where cores are shared
FULL = ONE | {"AUTOGRAD_LITE_REQUIRE_PEERS": "1", "AUTOGRAD_LITE_FULL_NOTEBOOKS": "1"}
TASKS: dict[str, tuple[str, list[str], dict[str, str]]] = {  # group of dependencies, steps as modules, environment
    "demo": ("demo", ["nn.utils.demo"], ONE if getattr(os, "getloadavg", lambda: [0])()[0] > 0.5 else {}),  # busy
    "lint": ("test", LINT, {}),
    "test": ("test", [*LINT, "pytest -n 2"], ONE),
    **{on: ("ci", [f"pytest -n 2 --dist loadfile --no-loadscope-reorder -m {on}"], FULL) for on in ("ci", "long")},
    "bench": ("bench", ["benchmarks"], {}),
    "docs": ("docs", ["sphinx -E -W --keep-going -j auto -b html docs docs/_build/html"], {}),
    **dict.fromkeys(["oldest", "newest"], ("versions", [f"pytest -n 2 {CORE}"], ONE)),
    **{task: ("wheels", [f"tests.packages {task}"], ONE) for task in ("build", "wheels", "release")},
}


def succeeds(*command: str) -> bool:
    """Return whether a command exists and exits with 0; its output is dropped, since there is another way to try."""
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def find_pip() -> list[str]:
    """Return a pip that can install into .venv: its own, else one (22.3 or later) from outside, else []."""
    outside = ([*pip, "--python", PYTHON] for pip in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]))
    return next((pip for pip in ([PYTHON, "-m", "pip"], *outside) if succeeds(*pip, "--version")), [])


def make_venv() -> list[str]:
    """Make .venv by the first way that works on this machine, and return the pip for it."""
    new = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    bare = [*new, "--without-pip"]  # Debian may lack ensurepip; any pip on the machine can then install from outside
    other, own = ["virtualenv", "--clear", "-p", sys.executable, str(VENV)], f"python3.{sys.version_info[1]}-venv"
    ways = [[new], [bare], [other], [[sys.executable, "-m", *other]]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        update, get = ["apt-get", "update"], ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y"]
        ways += [[update, [*get, own], new], [[*get, "python3-venv", "python3-pip"], bare]]
    found = filter(None, (find_pip() for way in ways if all(succeeds(*command) for command in way)))
    mend = "sudo sh -c 'apt-get update && apt-get install -y python3-venv python3-pip'"
    return next(found, []) or sys.exit(f"dev.py: {sys.executable} has no pip. On Debian, mend it with\n{mend}")


def set_up(group: str) -> None:
    """Make the environment and install this group, unless that was done for the files in READ as they are."""
    stamp = VENV / "dev-stamp"  # the digest of what was installed, then its groups
    content = b"".join(path.read_bytes() for name in READ for path in sorted(ROOT.glob(name)))
    digest = hashlib.sha256(content + f"{ROOT} {MISSING}".encode()).hexdigest()
    works = succeeds(PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))")
    done, *installed = stamp.read_text().split() if works and stamp.exists() else [""]
    if done == digest and group in installed:
        return
    pip, wanted = (works and find_pip()) or make_venv(), sorted({group, *installed})
    print(f"dev.py: installing for {', '.join(wanted)}; the first time takes a few minutes{MISSING}", flush=True)
    options = ["--no-compile", *(f"-c{path}" for path in ROOT.glob(VERSIONS)), *["-q"] * (not sys.stdout.isatty())]
    what = subprocess.check_output([sys.executable, "-m", "requirements.groups", *wanted], text=True, cwd=ROOT)
    if code := subprocess.call([*pip, "install", "--disable-pip-version-check", *options, *what.splitlines()]):
        sys.exit(code)
    succeeds(PYTHON, "-m", "compileall", "-qq", "-j0", str(VENV))  # on all cores; pip would take one
    stamp.write_text(" ".join([digest, *wanted]))


def main() -> int:
    """Run the task that the command line names, and return its exit code."""
    if sys.version_info < (3, 11) or len(sys.argv) < 2 or sys.argv[1] not in TASKS:
        print(f"usage: python3 dev.py {'|'.join(TASKS)}, with Python 3.11 or later (this is {sys.version.split()[0]})")
        return 2
    (group, steps, environment), more = TASKS[sys.argv[1]], sys.argv[2:]
    set_up(group)
    codes, settings = {}, {**environment, **os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # the tests start hundreds
    for step in steps:
        command = [PYTHON, "-m", *step.split(), *(more if step == steps[-1] else [])]
        print(f"\ndev.py: {' '.join(command[1:])}", flush=True)
        codes[step] = subprocess.call(command, cwd=ROOT, env=settings)
    print(f"\ndev.py {sys.argv[1]}:", "; ".join(f"{step}: exit code {codes[step]}" for step in codes), flush=True)
    return next(filter(None, codes.values()), 0)


if __name__ == "__main__":
    sys.exit(main())

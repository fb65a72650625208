"""Write the versions that `dev.py` installs: `python3 -m requirements.renew`, with pip 23 or later and a network.

`lock.txt` holds what pip chooses today for the tests and the documentation, for each Python that is supported. What
peers in benchmarks need is left out, for a machine may have builds of those of its own; setuptools too, which they cap.
`oldest.txt` holds the lower bounds that pyproject.toml states. Both are constraints, for pip's `-c`: a package that is
not asked for is not installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib

from .groups import PROJECT, requirements

PYTHONS = ("3.11", "3.12", "3.13")
LOCKED = [*requirements(["test", "docs", "viewers", "dependents"]), "autograd-lite[tensorboard,mpi,dask]"]


def expanded(lines: list[str]) -> list[str]:
    """Return what the package and these requirements ask for; extras of the package stand for what is in them."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    found, waiting = list(project["dependencies"]), list(lines)
    for line in waiting:
        if own := re.fullmatch(r"autograd-lite\[(.*)\]", line):
            waiting += [part for extra in own[1].split(",") for part in project["optional-dependencies"][extra]]
        else:
            found.append(line)
    return list(dict.fromkeys(found))


def oldest() -> list[str]:
    """Return the lower bounds as pins. For Python 3.13 the oldest that have wheels are younger, so it takes any."""
    bounds = (re.fullmatch(r"([\w-]+)>=([\w.]+).*", line) for line in expanded(requirements(["versions", "test"])))
    return sorted(f'{bound[1]}=={bound[2]} ; python_version < "3.13"' for bound in bounds if bound)


def chosen(python: str) -> dict[str, str]:
    """Return what pip would install for a Python: versions by names."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command += ["--python-version", python, "--only-binary=:all:", *expanded(LOCKED)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    facts = [entry["metadata"] for entry in report["install"]]
    return {re.sub(r"[-_.]+", "-", fact["name"]).lower(): fact["version"] for fact in facts}


def lock() -> list[str]:
    """Return a pin for each package and version, with the Pythons that it is for where they differ."""
    pythons: dict[tuple[str, str], list[str]] = {}
    for python in PYTHONS:
        for name, version in chosen(python).items():
            if name != "setuptools":
                pythons.setdefault((name, version), []).append(python)
    lines = []
    for (name, version), of in sorted(pythons.items()):
        names = " or ".join(f'python_version == "{python}"' for python in of)
        lines.append(f"{name}=={version}" + ("" if len(of) == len(PYTHONS) else f" ; {names}"))
    return lines


def main() -> None:
    """Write both files."""
    for name, lines in (("oldest", oldest()), ("lock", lock())):
        about = "# Written by requirements/renew.py; CONTRIBUTING.md tells which task uses it.\n"
        (PROJECT.parent / "requirements" / f"{name}.txt").write_text(about + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Print what groups of dependencies in pyproject.toml ask for: `python3 -m requirements.groups test docs`.

pip reads the groups itself (PEP 735) from 25.1 on; `dev.py` works with older ones.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "pyproject.toml"
OWN = "autograd-lite["  # extras of this project


def requirements(groups: Iterable[str]) -> list[str]:
    """Return the requirements of groups and of those that they include, in order."""
    tables = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["dependency-groups"]
    parts = [
        [line] if isinstance(line, str) else requirements([line["include-group"]])
        for group in groups
        for line in tables[group]
    ]
    return list(dict.fromkeys(line for part in parts for line in part))


def arguments(groups: Iterable[str]) -> list[str]:
    """Return what pip is to install: this folder, editable and with the extras that groups name, and the others.

    Up to 23.2, as Debian 12 has it, pip looks for `autograd-lite[plot]` elsewhere, even beside `-e FOLDER`.
    """
    lines = [line.replace(" ", "") for line in requirements(groups)]
    extras = [line.removeprefix(OWN).removesuffix("]") for line in lines if line.startswith(OWN)]
    own = f"-e{ROOT}[{','.join(extras)}]" if extras else f"-e{ROOT}"
    return [own, *(line for line in lines if not line.startswith(OWN))]


if __name__ == "__main__":
    print("\n".join(arguments(sys.argv[1:])))

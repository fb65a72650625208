"""Print what groups of dependencies in pyproject.toml ask for: `python3 -m requirements.groups test docs`.

pip reads the groups itself (PEP 735) from 25.1 on; `dev.py` works with older ones.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def requirements(groups: Iterable[str]) -> list[str]:
    """Return the requirements of groups and of those that they include, in order."""
    tables = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["dependency-groups"]
    parts = [
        [line] if isinstance(line, str) else requirements([line["include-group"]])
        for group in groups
        for line in tables[group]
    ]
    return list(dict.fromkeys(line for part in parts for line in part))


if __name__ == "__main__":
    print("\n".join(line.replace(" ", "") for line in requirements(sys.argv[1:])))

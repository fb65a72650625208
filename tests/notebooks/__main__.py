"""Run notebooks at full size and store what they show: `python -m tests.notebooks [01 course/02 …]`, all by default.

Times and scores stay as they are where the words around them do.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import nbformat

from .books import NOTEBOOKS, ROOT, blemishes, differences, execute, keep_times, read


def main() -> int:
    """Run those whose names begin with an argument, and say what has changed; 1 if one is not fit to be seen."""
    names = {path: path.relative_to(ROOT / "notebooks").as_posix() for path in NOTEBOOKS}
    chosen = [path for path in NOTEBOOKS if not sys.argv[1:] or names[path].startswith(tuple(sys.argv[1:]))]
    unfit = False
    for path in chosen:
        start, before = time.perf_counter(), read(path)
        with tempfile.TemporaryDirectory() as folder:
            fresh = execute(before, Path(folder), {}, timeout=3600)
        changed, faults = differences(before, fresh), blemishes(fresh)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s, {len(changed)} lines differ", *faults, sep="\n  ")
        unfit = unfit or bool(faults)
        keep_times(before, fresh)
        fresh.metadata = before.metadata
        fresh.metadata["language_info"] = {"name": "python"}  # without the version that ran it
        nbformat.write(fresh, path)
    return int(unfit or not chosen)


if __name__ == "__main__":
    sys.exit(main())

"""Derivatives of special functions to all digits, by mpmath, over grids that are written down here.

`python -m tests.ops.special.exact` writes them to values.npz, beside this file, for what is not there yet; with names
as arguments it writes those anew. mpmath is needed for that alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from .classical import CLASSICAL
from .distributions import DISTRIBUTIONS
from .truth import FILE, Exact, solve

EXACT: list[Exact] = [*DISTRIBUTIONS, *CLASSICAL]


def main(names: Sequence[str]) -> None:
    """Compute what is missing, or the functions that are named, and write the file."""
    known = dict(np.load(FILE)) if FILE.exists() else {}
    for row in EXACT:
        if row.name in known and row.name not in names:
            continue
        points = row.points()
        flat = points.reshape(-1, points.shape[-1])
        found = np.array([solve(row, at) for at in flat])
        known[row.name] = np.concatenate([flat, found], axis=1).reshape(*points.shape[:-1], -1)
        print(row.name, len(flat), "points,", int(np.isnan(found).any(axis=1).sum()), "left out", flush=True)
        np.savez_compressed(FILE, **known)
    np.savez_compressed(FILE, **{row.name: known[row.name] for row in EXACT})


if __name__ == "__main__":
    main(sys.argv[1:])

"""Measures kernels of one operand over float32 values, all of them or one in a given number, and writes a table.

    python -m tests.native.accuracy           all 2^32 values: half an hour of a processor
    python -m tests.native.accuracy 257       one in 257: seconds
    python -m tests.native.accuracy 1 exp log these kernels; the rows of others stay, so that processes can share them

What is compared with is the same kernel in double precision, which the tests compare with extended precision.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np

from autograd_lite.native.kernels import SETS, extension

from .elementwise_cases import KERNELS

TABLE = Path(__file__).with_name("accuracy.md")
HEAD = f"""\
The largest error of each kernel over values of float32, all of them or one in a number, in units in the last place (of
1/4, where the result of a slope is smaller), and where it was met. `python -m tests.native.accuracy` writes this table.

| kernel | values | {" | ".join(SETS)} | stated |
{"|---" * (len(SETS) + 3)}|
"""
PART = 1 << 16  # values that are measured at once: they stay in the cache
FLOAT = np.finfo(np.float32)


def units(exact: np.ndarray, scale: float) -> np.ndarray:
    """Return the unit in the last place of float32 at each number, or at `scale` where that is larger."""
    near = np.clip(np.abs(exact), max(scale, float(FLOAT.tiny)), float(FLOAT.max)).astype(np.float32)
    exponents = (near.view(np.int32) & 0x7F800000).view(np.float32)
    return exponents * np.float64(FLOAT.eps)


def errors(value: np.ndarray, exact: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return errors in units; infinite ones where just one of two results is finite or a number."""
    found: np.ndarray = np.abs(value - exact) / unit
    # Infinities and what is not a number must agree; a result beyond the largest number is infinite.
    if not found.max() < np.inf:
        same = (value == exact.astype(np.float32)) | (np.isnan(value) & np.isnan(exact))
        found[~np.isfinite(value)] = np.inf
        found[same & ~np.isfinite(value)] = 0
    return found


def worst(name: str, step: int) -> list[tuple[float, float]]:
    """Return for each set of instructions the largest error of a kernel, and the argument where it was met."""
    assert extension is not None, "the extension is not built"
    kernels = [extension.ufuncs(chosen)[name] for chosen in SETS]
    found = [(0.0, 0.0)] * len(SETS)
    for start in range(0, 1 << 32, PART * step):
        patterns = np.arange(start, min(start + PART * step, 1 << 32), step, dtype=np.uint64)
        x = patterns.astype(np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            exact = kernels[0](x.astype(np.float64))
            unit = units(exact, KERNELS[name].scale)
            for k, kernel in enumerate(kernels):
                here = errors(kernel(x), exact, unit)
                i = here.argmax()
                found[k] = max(found[k], (float(here[i]), float(x[i])), key=itemgetter(0))
    return found


def write(name: str, row: str) -> None:
    """Put a row in the table, in the place of the kernel's former one."""
    lines = TABLE.read_text().splitlines() if TABLE.exists() else []
    rows = {line.split("`")[1]: line for line in lines if line.startswith("| `")} | {name: row}
    TABLE.write_text(HEAD + "".join(f"{rows[kernel]}\n" for kernel in KERNELS if kernel in rows))


def main(step: int, names: Sequence[str]) -> None:
    """Measure kernels, and write a row of the table for each."""
    assert extension is not None, "the extension is not built"
    single = [name for name in KERNELS if "f->f" in extension.ufuncs(SETS[0])[name].types]
    for name in names or single:
        cells = " | ".join(f"{error:.2f} at {x:.9g}" for error, x in worst(name, step))
        row = f"| `{name}` | {'all' if step == 1 else f'1 in {step}'} | {cells} | {KERNELS[name].ulps[0]} |"
        print(row, flush=True)
        write(name, row)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, sys.argv[2:])

"""Measures every kernel of one operand over float32 values, all of them or one in a given number, and writes a table.

    python -m tests.native.accuracy      all 2^32 values: hours
    python -m tests.native.accuracy 257  one in 257: minutes

What is compared with is the same kernel in double precision, which the tests compare with extended precision.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from autograd_lite.native.kernels import SETS, extension

from .elementwise_cases import KERNELS, ulps

TABLE = Path(__file__).with_name("accuracy.md")
PART = 1 << 20


def worst(ufunc: np.ufunc, scale: float, step: int) -> tuple[float, float]:
    """Return the largest error in units in the last place, and the argument where it was met."""
    found = (0.0, 0.0)
    for start in range(0, 1 << 32, PART * step):
        patterns = np.arange(start, min(start + PART * step, 1 << 32), step, dtype=np.uint64)
        x = patterns.astype(np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            exact, value = ufunc(x.astype(np.float64)), ufunc(x)
            errors = ulps(value, exact, scale)
            # Infinities and what is not a number must agree; a result beyond the largest number is infinite.
            same = (value == exact.astype(np.float32)) | (np.isnan(value) & np.isnan(exact))
            errors = np.where(same & ~np.isfinite(value), 0, np.where(np.isfinite(value), errors, np.inf))
        i = int(errors.argmax())
        found = max(found, (float(errors[i]), float(x[i])))
    return found


def main(step: int) -> None:
    """Write the table."""
    assert extension is not None, "the extension is not built"
    values = "all values" if step == 1 else f"one value in {step}"
    lines = [
        f"The largest error of each kernel over {values} of float32, in units in the last place (of 1/4, where the",
        "result of a slope is smaller), and where it was met. `python -m tests.native.accuracy` writes this table.",
        "",
        "| kernel | " + " | ".join(SETS) + " | stated |",
        "|---" * (len(SETS) + 2) + "|",
    ]
    tables = [extension.ufuncs(name) for name in SETS]
    for name, case in KERNELS.items():
        if "f->f" in tables[0][name].types:
            row = [worst(kernels[name], case.scale, step) for kernels in tables]
            cells = " | ".join(f"{error:.2f} at {x:.9g}" for error, x in row)
            lines.append(f"| `{name}` | {cells} | {case.ulps[0]} |")
            print(lines[-1], flush=True)
    TABLE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)

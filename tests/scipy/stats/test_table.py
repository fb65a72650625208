"""docs/reference/stats.md lists every distribution, what has a gradient, and how exact it is.

AUTOGRAD_LITE_WRITE_GOLDEN=1 measures all figures again, which takes minutes, and writes the tables.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.scipy import stats

from .cases import DISCRETE, KNOWN
from .reference import derivative
from .test_values_and_gradients import calls, gradient, room

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "stats.md"
COLUMNS = ("", "gradient by", "distribution function", "moments", "value", "derivative", "of them known to")
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"
LEFT_OUT = "## Left out\n\n| | why |\n|---|---|"
MULTIVARIATE = """## Distributions of several variables

| | methods | gradient by | left out |
|---|---|---|---|
| `multivariate_normal` | `logpdf pdf entropy` | `x`, `mean`, `cov` (of one rank) | `cdf`, an integral |
| `multivariate_t` | `logpdf pdf entropy` | `x`, `loc`, `shape`, `df` | `cdf`, an integral |
| `dirichlet` | `logpdf pdf entropy` | `x`, `alpha` | |
| `wishart`, `invwishart` | `logpdf pdf` | `x`, `df`, `scale` | |
| `matrix_normal` | `logpdf pdf` | `X`, `mean`, `rowcov`, `colcov` | |
| `multinomial` | `logpmf pmf` | `p` | |

The gradient by a matrix that must be symmetric is spread evenly over both triangles."""


def described(name: str) -> list[str]:
    """Return what a line of the table says without being measured."""
    distribution = getattr(stats, name)
    row = distribution.row
    by = [] if name in DISCRETE else ["x"]
    by += [shape for shape in distribution.shapes if shape not in row.integers]
    by += [] if name in DISCRETE else ["loc", "scale"]
    stated = row.cdf or row.sf or row.logcdf or row.logsf
    way = "formula" if stated else "sum" if name in DISCRETE else "integral"
    moments = [
        moment for moment in ("mean", "var", "entropy") if not distribution.shapes or row.moment(moment) is not None
    ]
    return [f"`{name}`", ", ".join(f"`{b}`" for b in by), way, " ".join(moments)]


def power_of_ten(x: float) -> str:
    return "0" if x == 0 else f"1e{math.ceil(math.log10(x))}"


def measured(name: str) -> list[str]:
    """Return the worst errors of values and derivatives, and how exact the reference was at the latter."""
    worst, off, exact = 0.0, 0.0, 0.0
    for call in calls(name, "logpdf pdf cdf sf logcdf logsf"):
        with np.errstate(all="ignore"):
            found, expected = (
                call.ours(ag.tensor(call.arguments[0]), *call.arguments[1:]).numpy(),
                call.theirs(*call.arguments),
            )
            error = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-2)
        worst = max(worst, np.max(np.where(found == expected, 0, error)))
    for call in calls(name, "logpdf cdf logsf"):
        for i in call.by:

            def f(v: Any, i: int = i, call: Any = call) -> Any:
                return call.theirs(*(v if j == i else a for j, a in enumerate(call.arguments)))

            expected, known = derivative(f, call.arguments[i], room(call, i))
            fine = np.isfinite(expected)
            found, expected, known = gradient(call, i)[fine], expected[fine], known[fine]
            size = np.max(np.abs(expected)) + 1e-2
            error = np.max(np.abs(found - expected)) / size
            if error > off:
                off, exact = error, np.max(known) / size
    return [power_of_ten(float(v)) for v in (worst, off, exact)]


def test_the_page_lists_every_distribution() -> None:
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        lines = ["| " + " | ".join([*described(name), *measured(name)]) + " |" for name in sorted(KNOWN)]
        reasons = [f"| `{name}` | {why} |" for name, why in sorted(stats.LEFT_OUT.items())]
        start = text.index("powers of ten.\n") + len("powers of ten.\n")
        tables = "\n".join(["", HEAD, *lines, "", MULTIVARIATE, "", LEFT_OUT, *reasons, ""])
        PAGE.write_text(text[:start] + tables, encoding="utf-8")
        text = PAGE.read_text(encoding="utf-8")
    found = dict(re.findall(r"^\| (`\w+`) \| (.*) \|$", text, re.MULTILINE))
    for name in KNOWN:
        first, *rest = described(name)
        line = [cell.strip() for cell in found[first].split(" | ")]
        assert line[: len(rest)] == rest, f"write {PAGE.name} anew with AUTOGRAD_LITE_WRITE_GOLDEN=1"
    for name, why in stats.LEFT_OUT.items():
        assert found[f"`{name}`"] == why

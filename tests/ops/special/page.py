"""docs/reference/special.md: which ufuncs of `scipy.special` have derivatives by what, and how exact they are.

`python -m tests.ops.special.page` writes its table anew.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import special

from autograd_lite.ops.special import REFUSED, TABLE
from autograd_lite.ops.special.records import NOT_CLOSED, WHOLE

from .accuracy import errors
from .exact import EXACT

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "special.md"
HEAD = (
    "| function | derivatives by | SciPy's value | first | second |",
    "|---|---|---|---|---|",
)
OTHERS = {NOT_CLOSED: "are not known in closed form", WHOLE: "are whole numbers"}
WORDS = ("first", "second", "third", "fourth", "fifth")


def names() -> list[str]:
    """Return the names of the ufuncs of this SciPy, without aliases, and of `zeta`, which calls one."""
    found = {name: getattr(special, name) for name in dir(special)}
    ufuncs = {name for name, f in found.items() if isinstance(f, np.ufunc)} | {"zeta"}
    return sorted(ufuncs - {"digamma", "jn"})


def by(name: str) -> str:
    """Return the text that lists the arguments with derivatives, or why there are none."""
    if name in REFUSED:
        return f"none: {REFUSED[name]}"
    row = TABLE[name]
    known = [not isinstance(p, str) for p in row.partials]
    if all(known):
        return "all"
    words = [WORDS[i] for i, is_known in enumerate(known) if is_known]
    reasons = sorted({OTHERS[p] for p in row.partials if isinstance(p, str)})
    return f"the {' and '.join(words)} (others {' or '.join(reasons)})"


def power(error: float) -> str:
    """Return an error as the power of ten above it.

    >>> power(3e-14), power(0.0)
    ('1e-13', '1e-16')
    """
    return f"1e{max(-16, math.ceil(math.log10(error))) if error else -16}"


def rows() -> Iterator[str]:
    """Yield the rows of the table; one with several results has the worst figures of theirs."""
    exact = {row.name: row for row in EXACT}
    for name in names():
        found = [errors(exact[key]) for key in (name, *(f"{name}_{i}" for i in range(4))) if key in exact]
        worst = [max(each) for each in zip(*((e.value, e.first, e.second) for e in found), strict=True)]
        yield f"| `{name}` | {by(name)} | {' | '.join(map(power, worst) if worst else [''] * 3)} |"


def written() -> list[str]:
    """Return the rows that the page has."""
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]


def without_errors(row: str) -> str:
    """Return a row without its figures."""
    return "|".join(row.split("|")[:3])


def figures(row: str) -> list[float]:
    """Return the figures of a row."""
    return [float(cell) for cell in row.split("|")[3:] if re.fullmatch(r" 1e-\d+ ", cell)]


def main() -> None:
    """Write the table between the first row of its head and the next empty line."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(HEAD[0])
    after = rest.partition("\n\n")[2]
    PAGE.write_text("\n".join([before + HEAD[0], HEAD[1], *rows(), "", after]), encoding="utf-8")


if __name__ == "__main__":
    main()

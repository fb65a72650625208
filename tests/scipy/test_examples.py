"""Every function of `autograd_lite.scipy.linalg` has an example, which runs."""

from __future__ import annotations

import inspect
import re

from autograd_lite.scipy import linalg
from autograd_lite.scipy.examples import EXAMPLES

from ..examples import run
from ..rows import for_every


def test_every_function_has_one() -> None:
    assert {name.partition(".")[2] for name in EXAMPLES} == set(linalg.__all__)
    assert len(EXAMPLES) >= 47


@for_every(linalg.__all__)
def test_it_runs(name: str) -> None:
    text = inspect.getdoc(getattr(linalg, name)) or ""
    assert re.search(rf"linalg\.{name}\b", text.partition("Example:")[2])
    assert "derivatives" in text.partition("Example:")[0]
    run(text, name)

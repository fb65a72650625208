"""Examples of docstrings run here, with numbers compared up to rounding: libraries differ in the last digits."""

from __future__ import annotations

import doctest
import re
from typing import Any

import numpy as np

NUMBER = re.compile(r"(?<!\w)[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


class Rounded(doctest.OutputChecker):
    """Compares numbers up to a tolerance, and all else as it is but for blanks.

    >>> Rounded().check_output("array([0.1666667, 1.])", "array([0.16666667, 1.        ])", 0)
    True
    >>> Rounded().check_output("array([0.17, 1.])", "array([0.16666667, 1.        ])", 0)
    False
    """

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        words, numbers = zip(*((NUMBER.sub("#", text), NUMBER.findall(text)) for text in (want, got)), strict=True)
        if "".join(words[0].split()) != "".join(words[1].split()) or len(numbers[0]) != len(numbers[1]):
            return False
        values = [np.array([float(n) for n in part]) for part in numbers]
        return np.allclose(values[0], values[1], rtol=1e-5, atol=1e-6)


def run(text: str, name: str) -> dict[str, Any]:
    """Run the example of a docstring, and return the variables that it leaves."""
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    report: list[str] = []
    assert test.examples, f"{name} has no example"
    runner = doctest.DocTestRunner(Rounded(), verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)
    return test.globs

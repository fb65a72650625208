"""Frozen hand-written NumPy, the plain way: a chain of one element with `out` naming an operand.

Most people would write it so. The better baseline, `numpy`, knows that it costs three times as much.
"""

from __future__ import annotations

from benchmarks.contenders import numpy
from benchmarks.problems import Chain, Job


def chain(problem: Chain) -> Job:
    """The baseline's chain, in place whatever the size."""
    return numpy.chain(problem, in_place=True)

"""The 115 problems of W. Hock and K. Schittkowski, solved by `minimize(method="ipopt")`, here and by CasADi with Ipopt.

    python -m benchmarks.hock_schittkowski            # all: values, evaluations, how many agree with the book
    python -m benchmarks.hock_schittkowski 13 25      # some

Formulas, starting points and optima are those of *Test Examples for Nonlinear Programming Codes*, Lecture Notes in
Economics and Mathematical Systems 187, Springer 1981: numbers 1 to 119 without 58, 82, 94 and 115. Variables of a
formula are numbers, Tensors or symbols of CasADi.
"""

from __future__ import annotations

from . import numbers_1_to_40, numbers_41_to_66, numbers_67_to_87, numbers_88_to_104, numbers_105_to_119
from .problem import Problem

PARTS = (numbers_1_to_40, numbers_41_to_66, numbers_67_to_87, numbers_88_to_104, numbers_105_to_119)
PROBLEMS: dict[int, Problem] = {problem.number: problem for part in PARTS for problem in part.PROBLEMS}

"""How a solution is differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.docstrings import arguments_from
from ..core.frozen import Frozen

CHOICES = {"on_uncertain": ("raise", "warn", "nan"), "on_failure": ("raise", "differentiate")}

# What all solvers have; it decorates them.
certainty_arguments = arguments_from("""
    compiled: whether to compile the derivatives at once (True) or never (False); by default once it pays.
    digits: how many digits of a derivative of the solution must be certain.
    on_uncertain: what to do if fewer are: "raise", "warn", or "nan" for a derivative of NaN.
    on_failure: "differentiate" for derivatives of solutions that the solver calls failures, in place of an error.
    refine: whether to take Newton's steps from the solver's result as long as they improve it.
""")


def check_choices(called: str, on_uncertain: str, on_failure: str) -> None:
    """Check two of the settings.

    Raises:
        ValueError: if one of them is none of its choices.
    """
    for (name, choices), value in zip(CHOICES.items(), (on_uncertain, on_failure), strict=True):
        if value not in choices:
            raise ValueError(f"{called}: expected {name} to be one of {', '.join(choices)}; received {value!r}")


class Settings(Frozen):
    """How a solution is differentiated.

    Attributes:
        digits: how many digits of a derivative must be certain.
        on_uncertain: what to do if fewer are: "raise", "warn" or "nan".
        on_failure: what to do with the derivative of a solve that has failed: "raise" or "differentiate".
        refine: whether Newton's steps are taken from the solver's solution.
        linear: how to solve with dF/dz: "auto", "dense", "cholesky", "sparse", "gmres", "cg", or "anderson".
        tol: the relative tolerance of linear systems that are solved by products.
        conditions: with inequalities, which of them are active, and how certain that is; see
            `optimize.active_set.Conditions`.
        failure: returns what the solver says of its last solve if that has failed, otherwise "".
    """

    digits: float = 4
    on_uncertain: str = "raise"
    on_failure: str = "raise"
    refine: bool = False
    linear: str = "auto"
    tol: float = 1e-10
    conditions: Any = None
    failure: Callable[[], str] = str

    def check(self, called: str) -> Settings:
        """Return the settings.

        Raises:
            TypeError: if `digits` is not a number.
            ValueError: if one of them is something else than it may be.
        """
        for name, choices in _CHOICES.items():
            if (choice := getattr(self, name)) not in choices:
                *others, last = map(repr, choices)
                raise ValueError(f"{called}: expected {name}={', '.join(others)} or {last}; received {choice!r}")
        if isinstance(self.digits, bool) or not isinstance(self.digits, (int, float, np.number)):
            raise TypeError(f"{called}: expected digits to be a number; received {describe(self.digits)}")
        if not 0 <= self.digits <= _MOST_DIGITS:
            raise ValueError(f"{called}: expected digits from 0 to {_MOST_DIGITS}; received {self.digits}")
        return self


_MOST_DIGITS = 15
_CHOICES = {
    "on_uncertain": ("raise", "warn", "nan"),
    "on_failure": ("raise", "differentiate"),
    "linear": ("auto", "dense", "cholesky", "sparse", "gmres", "cg", "anderson"),
}

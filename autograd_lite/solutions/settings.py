"""How a solution is differentiated."""

from __future__ import annotations

from typing import Any

from ..core.frozen import Frozen

CHOICES = {"on_uncertain": ("raise", "warn", "nan"), "on_failure": ("raise", "differentiate")}


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
        linear: how to solve with dF/dz: "auto", "dense", "cholesky", "sparse", "gmres" or "cg".
        conditions: with inequalities, which of them are active, and how certain that is; see
            `optimize.active_set.Conditions`.
    """

    digits: float = 4
    on_uncertain: str = "raise"
    on_failure: str = "raise"
    refine: bool = False
    linear: str = "auto"
    tol: float = 1e-10
    conditions: Any = None

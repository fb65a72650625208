"""SciPy's names, those of ours in their places that take Tensors."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...numpy.covers import covered_names

_METHODS = (
    "pdf",
    "logpdf",
    "pmf",
    "logpmf",
    "cdf",
    "logcdf",
    "sf",
    "logsf",
    "ppf",
    "isf",
    "entropy",
    "mean",
    "var",
    "rvs",
)
_OURS = __name__.rsplit(".", 3)[0] + ".scipy"


def names_of(room: str) -> dict[str, Any]:
    """Return the names of a module of SciPy, such as "linalg": ours where we have them, SciPy's for the others."""
    names = covered_names(import_module(f"scipy.{room}"))
    ours = import_module(f"{_OURS}.{room}")
    return {name: getattr(ours, name, theirs) for name, theirs in names.items()}


def methods_of(distribution: str) -> dict[str, Any]:
    """Return the functions of a distribution, such as "norm", which HIPS has as a module."""
    value = names_of("stats")[distribution]
    return {name: getattr(value, name) for name in _METHODS if hasattr(value, name)}

"""The 27 problems of nonlinear regression in NIST's Statistical Reference Datasets: data, models, certified results.

The data and the certified values, in strd.json, are a work of the US government and in the public domain. Where NIST's
description gives 9 degrees of freedom, for Rat43, it has 11: so say its own sum of squares and standard deviation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Model = Callable[..., Any]


class Dataset(NamedTuple):
    """One of the problems.

    Attributes:
        model: f(x, b1, b2, …).
        x, y: the data; x has two rows for Nelson.
        starts: two points to start from, far and near.
        certified: the parameters, to 11 digits.
        deviations: their standard deviations.
        sum_of_squares: of the residuals.
    """

    model: Model
    x: Any
    y: Any
    starts: Any
    certified: Any
    deviations: Any
    sum_of_squares: float


def cubic_ratio(x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, b6: Any, b7: Any) -> Any:
    """Return a ratio of two polynomials of degree 3."""
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def gauss(x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, b6: Any, b7: Any, b8: Any) -> Any:
    """Return an exponential and two peaks."""
    return b1 * np.exp(-b2 * x) + b3 * np.exp(-((x - b4) ** 2) / b5**2) + b6 * np.exp(-((x - b7) ** 2) / b8**2)


def enso(x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, b6: Any, b7: Any, b8: Any, b9: Any) -> Any:
    """Return three waves, one of 12 months and two of unknown lengths."""
    u, v, w = (2 * np.pi * x / period for period in (12, b4, b7))
    waves = b2 * np.cos(u) + b3 * np.sin(u) + b5 * np.cos(v) + b6 * np.sin(v) + b8 * np.cos(w) + b9 * np.sin(w)
    return b1 + waves


def lanczos(x: Any, b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, b6: Any) -> Any:
    """Return three exponentials."""
    return b1 * np.exp(-b2 * x) + b3 * np.exp(-b4 * x) + b5 * np.exp(-b6 * x)


def chwirut(x: Any, b1: Any, b2: Any, b3: Any) -> Any:
    """Return an exponential over a line."""
    return np.exp(-b1 * x) / (b2 + b3 * x)


MODELS: dict[str, Model] = {
    "Bennett5": lambda x, b1, b2, b3: b1 * (b2 + x) ** (-1 / b3),
    "BoxBOD": lambda x, b1, b2: b1 * (1 - np.exp(-b2 * x)),
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "DanWood": lambda x, b1, b2: b1 * x**b2,
    "ENSO": enso,
    "Eckerle4": lambda x, b1, b2, b3: b1 / b2 * np.exp(-0.5 * ((x - b3) / b2) ** 2),
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Gauss3": gauss,
    "Hahn1": cubic_ratio,
    "Kirby2": lambda x, b1, b2, b3, b4, b5: (b1 + b2 * x + b3 * x**2) / (1 + b4 * x + b5 * x**2),
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "MGH09": lambda x, b1, b2, b3, b4: b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4),
    "MGH10": lambda x, b1, b2, b3: b1 * np.exp(b2 / (x + b3)),
    "MGH17": lambda x, b1, b2, b3, b4, b5: b1 + b2 * np.exp(-x * b4) + b3 * np.exp(-x * b5),
    "Misra1a": lambda x, b1, b2: b1 * (1 - np.exp(-b2 * x)),
    "Misra1b": lambda x, b1, b2: b1 * (1 - (1 + b2 * x / 2) ** -2),
    "Misra1c": lambda x, b1, b2: b1 * (1 - (1 + 2 * b2 * x) ** -0.5),
    "Misra1d": lambda x, b1, b2: b1 * b2 * x / (1 + b2 * x),
    "Nelson": lambda x, b1, b2, b3: b1 - b2 * x[0] * np.exp(-b3 * x[1]),
    "Rat42": lambda x, b1, b2, b3: b1 / (1 + np.exp(b2 - b3 * x)),
    "Rat43": lambda x, b1, b2, b3, b4: b1 / (1 + np.exp(b2 - b3 * x)) ** (1 / b4),
    "Roszman1": lambda x, b1, b2, b3, b4: b1 - b2 * x - np.arctan(b3 / (x - b4)) / np.pi,
    "Thurber": cubic_ratio,
}


def datasets() -> dict[str, Dataset]:
    """Return the problems by name."""
    stored = json.loads(Path(__file__).with_name("strd.json").read_text())
    return {name: _dataset(model, stored[name]) for name, model in MODELS.items()}


def _dataset(model: Model, stored: dict[str, Any]) -> Dataset:
    y, *x = map(np.array, stored["data"])
    named = {name: np.array(stored[name]) for name in ("starts", "certified", "deviations")}
    several = len(x) > 1  # Nelson, which fits the logarithm of y
    return Dataset(
        model,
        np.stack(x) if several else x[0],
        np.log(y) if several else y,
        **named,
        sum_of_squares=stored["sum_of_squares"],
    )


def digits(found: Any, certified: Any) -> float:
    """Return to how many digits the worst of some numbers is right: the logarithm of its relative error, at most 11."""
    error = np.abs((np.asarray(found) - certified) / certified).max()
    return float(np.clip(-np.log10(max(error, 1e-11)), 0, 11)) if np.isfinite(error) else 0.0

"""NIST's nonlinear regressions: every data set from both starts, to at least 10 digits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy.optimize")

from autograd_lite import optimize

from .strd import Dataset, datasets, digits

DATASETS = datasets()
# The plain suite runs every fourth one.
CASES = [
    pytest.param(data, start, marks=[] if i % 4 == 0 else [pytest.mark.ci], id=f"{name}-{start + 1}")
    for i, (name, data) in enumerate(DATASETS.items())
    for start in (0, 1)
]


def test_there_are_27() -> None:
    assert len(DATASETS) == 27


@pytest.mark.parametrize("name", DATASETS)
def test_the_certified_values_are_those_of_the_data(name: str) -> None:
    data = DATASETS[name]
    assert data.starts.shape == (2, len(data.certified)) == (2, len(data.deviations))
    squares = ((data.model(data.x, *data.certified) - data.y) ** 2).sum()
    if name == "Lanczos1":  # whose data are the model's, rounded to 14 digits: 11 digits of parameters give less
        assert squares < 1e-19
    else:
        assert digits(squares, data.sum_of_squares) > 9.9


def fitted(data: Dataset, start: int, **more: Any) -> Any:
    """Return our fit."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # steps too far, where exp overflows: they are taken back
        return optimize.least_squares(
            lambda b: data.model(data.x, *b) - data.y, data.starts[start], x_scale="jac", max_nfev=5000, **more
        )


@pytest.mark.parametrize(("data", "start"), CASES)
def test_fits_reach_the_certified_digits(data: Dataset, start: int) -> None:
    found = fitted(data, start, ftol=1e-15, xtol=1e-15, gtol=1e-15, refine=True)
    assert digits(found.x, data.certified) > 10
    if data.sum_of_squares > 1e-20:  # less is rounding
        assert digits(2 * found.cost, data.sum_of_squares) > 9.9
        assert digits(np.sqrt(np.diag(found.covariance)), data.deviations) > 10


def test_refining_is_what_finds_the_last_digits() -> None:
    data = DATASETS["ENSO"]
    assert digits(fitted(data, 0, ftol=1e-15, xtol=1e-15, gtol=1e-15).x, data.certified) < 8
    refined = fitted(data, 0, refine=True)
    assert digits(refined.x, data.certified) > 10
    assert refined.nfev < fitted(data, 0).nfev + 8


@pytest.mark.parametrize(
    "lowest", [239.5, 245]
)  # the one near enough for Newton's steps, the other active in SciPy's eyes
@pytest.mark.parametrize("form", [tuple, lambda ends: optimize.Bounds(*ends)])
def test_refining_leaves_a_solution_at_a_bound(form: Any, lowest: float) -> None:
    data = DATASETS["Misra1a"]
    bounds = form(([lowest, 0], [300, 1]))
    found, plain = (fitted(data, 1, bounds=bounds, refine=refine) for refine in (True, False))
    np.testing.assert_array_equal(found.x, plain.x)
    assert found.x[0] == pytest.approx(lowest, rel=1e-5)


def test_refining_takes_jacobians_by_hand() -> None:
    data = DATASETS["DanWood"]

    def jacobian(b: Any) -> Any:
        return np.stack([data.x ** b[1], b[0] * data.x ** b[1] * np.log(data.x)], axis=1)

    for given in (jacobian, lambda b: jacobian(b).tolist()):
        assert digits(fitted(data, 0, jac=given, refine=True).x, data.certified) > 10


def test_refining_needs_an_exact_jacobian() -> None:
    with pytest.raises(ValueError, match="expected refine=True with an exact Jacobian; received jac='2-point'"):
        fitted(DATASETS["DanWood"], 0, refine=True, jac="2-point")

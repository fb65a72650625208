"""Pictures of solves: a golden file, bars as long as there are digits, and the way of the solver."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.optimize import qp
from autograd_lite.solutions.certificates import Sensitivity
from autograd_lite.solutions.pictures import picture

GOLDEN = Path(__file__).parent / "golden" / "certificate.svg"


def report(**values: Any) -> Sensitivity:
    """Return a certificate with these numbers."""
    sensitivity = Sensitivity("root", 4)
    for name, value in values.items():
        setattr(sensitivity, name, value)
    return sensitivity


def bars(svg: str) -> dict[str, tuple[str, float]]:
    """Return the look and the length of each bar, in digits, by what its tooltip says."""
    shown = re.findall(r'<g class="(\w+) bars"><title>([^:<]*): [^<]*</title><rect[^>]* width="([\d.]+)"', svg)
    return {name: (look, float(width) / 22) for look, name, width in shown}


def test_golden() -> None:
    """To write the file anew, set AUTOGRAD_LITE_WRITE_GOLDEN=1, and look at what changed."""
    numbers = {"scaled_residual": 1e-9, "linear_residual": 0.0, "solution_error": 1e-8}
    svg = picture(report(digits=7.0, by_solver=1e-7, by_rounding=1e-12, **numbers), [1.0, 0.1, 1e-3, 1e-9]).to_svg()
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(svg, encoding="utf-8")
    assert svg == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(("digits", "look"), [(12.0, "parameter"), (3.0, "nan")])
def test_bars_are_as_long_as_there_are_digits(digits: float, look: str) -> None:
    drawn = bars(picture(report(digits=digits, by_solver=10.0**-digits, by_rounding=0.0)).to_svg())
    assert drawn["certain digits of the derivative"] == (look, pytest.approx(digits, abs=0.01))
    assert drawn["the derivative, apart from rounding"] == ("input", pytest.approx(digits, abs=0.01))
    assert drawn["the derivative, apart from what the solver has left"] == ("input", pytest.approx(16, abs=0.01))


def test_the_way_of_the_solver_ends_at_the_solution(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    a = ag.tensor([2.0, 3.0], requires_grad=True)
    for solved in (
        ag.optimize.root(lambda x: np.stack([x[0] ** 2 - a[0], x[0] * x[1] - a[1]]), [4.0, 4.0]),
        ag.optimize.minimize(lambda x: ((x - a) ** 4).sum() + ((x - a) ** 2).sum(), [4.0, 4.0]),
    ):
        solved.x.sum().backward()
        sensitivity = solved.sensitivity
        way = sensitivity.retrace(*sensitivity._point)
        assert way[0] > 1 > 1e-3 > way[-1]
        drawn = sensitivity.picture()
        assert drawn.to_svg().count("<title>evaluation") == len(way)
        assert drawn.save(tmp_path / "solve.png").read_bytes().startswith(b"\x89PNG")


def test_constraints_are_shown_the_nearest_first() -> None:
    c = ag.tensor([1.0, -1.0, 1e-11], requires_grad=True)
    solved = qp(np.eye(3), c, lb=np.zeros(3))
    with pytest.raises(ag.ImplicitError):
        solved.x.sum().backward()
    drawn = bars(solved.sensitivity.picture().to_svg())
    names = [name for name in drawn if "bound" in name]
    assert names == ["lower bound of x[2]", "lower bound of x[0]", "lower bound of x[1]"]
    assert [drawn[name][0] for name in names] == ["nan", "parameter", "op"]
    assert drawn["lower bound of x[2]"][1] == pytest.approx(16 - 11, abs=0.1)


def test_without_a_derivative_there_is_one_error() -> None:
    with pytest.raises(ValueError, match=r"^root: expected a certificate of a derivative; .* Call backward\(\) first"):
        report().picture()

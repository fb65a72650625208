"""Pictures of solutions: a golden file, curves where the numbers are, steps and eigenvalues as they were."""

from __future__ import annotations

import os
import re
from pathlib import Path as File
from typing import Any

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

from autograd_lite.core.errors import ShapeError
from autograd_lite.integrate.axes import Scale, scale_of
from autograd_lite.integrate.equations import equations_of
from autograd_lite.integrate.pictures import eigenvalues, picture
from autograd_lite.integrate.trajectories import Path, Trajectory

GOLDEN = File(__file__).parent / "golden" / "solution.svg"


def drawn(svg: str) -> dict[str, list[tuple[float, float]]]:
    """Return the points of each path that has a tooltip, by that."""
    paths = re.findall(r'<g class="[\w ]+"><title>([^<]*)</title><path class="\w+" d="([^"]*)"', svg)
    return {
        name: [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)] for name, path in paths
    }


def decay(rate: float = 50.0, rejected: Any = ((0.1, 0.5, 3.0),)) -> OptimizeResult:
    """Return the solution of y' = -rate y, z' = -z by five steps."""
    t = np.array([0.0, 0.1, 0.2, 0.4, 0.7, 1.0])
    y = np.stack([np.exp(-rate * t), np.exp(-t)])
    equations, theta = equations_of("solve_ivp", lambda t, y: y * np.array([-rate, -1.0]), 0.0, np.ones(2))
    rows = np.array(rejected).reshape(-1, 3)
    trajectory = Trajectory(Path(t, np.diff(t)), np.arange(6), y.T, rows, nfev=35)
    return OptimizeResult(t=t, y=y, nfev=35, njev=0, status=0, trajectory=trajectory, equations=equations.at(theta))


def test_golden() -> None:
    """To write the file anew, set AUTOGRAD_LITE_WRITE_GOLDEN=1, and look at what changed."""
    result = decay()
    svg = picture(result, errors=0.1 * result.y, names=["fast", "slow"]).to_svg()
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(svg, encoding="utf-8")
    assert svg == GOLDEN.read_text(encoding="utf-8")


def test_curves_and_steps_are_where_the_numbers_are() -> None:
    result = decay()
    shown = drawn(picture(result).to_svg())
    for k in range(2):
        x, y = np.array(shown[f"y[{k}]"]).T
        np.testing.assert_allclose(x, 452 * result.t, atol=0.06)
        slope, start = np.polyfit(result.y[k], y, 1)
        assert slope == pytest.approx(-190 / 1.08, rel=1e-3)  # with the margins above and below
        np.testing.assert_allclose(y, slope * result.y[k] + start, atol=0.2)
    (steps,) = (np.array(points) for name, points in shown.items() if name.startswith("5 steps"))
    np.testing.assert_allclose(steps[:, 0], 452 * np.repeat(result.t, 2)[1:-1], atol=0.06)
    np.testing.assert_allclose(steps[::2, 1], -92 * (np.log10(np.diff(result.t)) + 1), atol=0.06)
    (cross,) = (np.mean(points, 0) for name, points in shown.items() if name == "1 attempt rejected")
    assert cross[0] == pytest.approx(45.2 - 3, abs=0.1)


def test_eigenvalues_are_those_of_the_equations() -> None:
    result = decay(rate=1e4)
    numbers, sizes = eigenvalues(result.trajectory, result.equations)
    assert numbers.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(sizes, 1e4)
    svg = picture(result).to_svg()
    assert "largest |λ|: from 1.0e+04 to 1.0e+04" in svg
    assert "explicit up to 3" in svg


def test_bands_are_two_standard_deviations_wide() -> None:
    result = decay(rate=1.0)
    shown = drawn(picture(result, errors=np.full((2, 6), 0.05)).to_svg())
    y = np.array(shown["y[0]"])[:, 1]
    high, low = np.array(shown["y[0]: two standard deviations"])[:, 1].reshape(2, 6)
    unit = abs(y[0] - y[-1]) / (result.y[0, 0] - result.y[0, -1])
    np.testing.assert_allclose(y - high, 0.1 * unit, atol=0.15)
    np.testing.assert_allclose(low[::-1] - y, 0.1 * unit, atol=0.15)


def test_small_components_and_short_times_are_seen() -> None:
    t = np.concatenate([[0.0], np.logspace(-6, 2, 50)])
    trajectory = Trajectory(Path(t, np.diff(t)), np.arange(51), np.ones((51, 2)))
    y = np.stack([np.exp(-t), 1e-5 * np.exp(-t)])
    shown = drawn(picture(OptimizeResult(t=t, y=y, trajectory=trajectory)).to_svg())
    assert list(shown)[:2] == ["y[0]", "y[1] · 1e5"]
    assert shown["y[0]"] == shown["y[1] · 1e5"]
    assert shown["y[0]"][26][0] == pytest.approx(452 / 2, abs=6)  # the middle of the decades


def test_what_is_not_finite_leaves_a_gap() -> None:
    result = OptimizeResult(t=np.arange(5.0), y=np.array([[1.0, 2.0, np.nan, 4.0, 5.0]]))
    svg = picture(result).to_svg()
    (path,) = re.findall(r'<title>y\[0\]</title><path class="box" d="([^"]*)"', svg)
    assert path.count("M") == 2
    assert re.search(r'd="[^"]*(nan|inf)', svg) is None


def test_scales_have_round_numbers() -> None:
    assert [word for _, word in Scale(0, 10, 100).ticks(5)] == ["0", "2", "4", "6", "8", "10"]
    assert [word for _, word in Scale(3, -1, 100).ticks(4)] == ["-1", "0", "1", "2", "3"]
    assert [word for _, word in scale_of([2e-6, 30.0], 1.0, True).ticks(9)] == [
        *("1e-6", "1e-5", "1e-4", "0.001", "0.01", "0.1", "1", "10", "100"),
    ]
    for values in ([], [np.nan], [0.0], [-3.0, -3.0]):
        for is_log in (False, True):
            scale = scale_of(values, 10.0, is_log)
            assert scale.high > scale.low
            assert scale.ticks(4)


def test_files(tmp_path: File) -> None:
    pytest.importorskip("matplotlib")
    result = decay()
    assert picture(result).save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert picture(result).save(tmp_path / "a.pdf", theme="dark").read_bytes().startswith(b"%PDF")


def test_wrong_arguments() -> None:
    result = decay()
    with pytest.raises(ShapeError, match=r"^picture: expected errors of y's shape \(2, 6\); received \(6,\)"):
        picture(result, errors=np.ones(6))
    with pytest.raises(ShapeError, match="expected 2 names, one for each component; received 1"):
        picture(result, names=["a"])

"""Descent in pictures: what is drawn is what the optimizers do, in closed form where there is one."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import autograd_lite as ag
from nn import optimizers, plots

A = np.array([1.0, 4.0])


def quadratic(w: Any) -> Any:
    return (A * w * w).sum() / 2


def line(ax: Any, label: str) -> np.ndarray:
    found = [drawn for drawn in ax.lines if drawn.get_label() == label]
    assert len(found) == 1
    return np.asarray(found[0].get_xydata())


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3, 0.6])
def test_the_path_of_gradient_descent_is_the_closed_form(rate: float) -> None:
    path = plots.descend(quadratic, [3.0, -2.0], optimizers.SGD(rate), steps=20)
    k = np.arange(21)[:, None]
    expected = (1 - rate * A) ** k * [3.0, -2.0]
    np.testing.assert_allclose(path.points, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(path.gradients, A * expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(path.values, (A * expected**2).sum(axis=1) / 2, rtol=1e-9, atol=1e-12)


def test_momentum_is_its_linear_recurrence() -> None:
    path = plots.descend(quadratic, [3.0, -2.0], optimizers.SGD(0.1, momentum=0.9), steps=30).points
    differences = np.diff(path, axis=0)
    np.testing.assert_allclose(differences[1:], 0.9 * differences[:-1] - 0.1 * A * path[1:-1], rtol=1e-9, atol=1e-12)


def test_the_given_optimizer_is_left_as_it_was() -> None:
    adam = optimizers.Adam(0.1)
    one, other = (plots.descend(quadratic, [1.0, 1.0], adam, steps=5).points for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert adam.iterations == 0
    assert adam.parameters == []


def test_steps_on_the_curve_are_the_path() -> None:
    figure = plots.gradient_descent(lambda x: x * x, 2.0, learning_rate=0.25, steps=4)
    (ax,) = figure.axes
    x = 2.0 * 0.5 ** np.arange(5)
    np.testing.assert_allclose(line(ax, "steps"), np.stack([x, x * x], axis=1))
    curve = line(ax, "f(x)")
    np.testing.assert_allclose(curve[:, 1], curve[:, 0] ** 2, atol=1e-12)
    assert ax.get_xlim() == (curve[0, 0], curve[-1, 0])
    tangents = [drawn.get_xydata() for drawn in ax.lines if "tangent" in drawn.get_label()]
    falls = [drawn.get_xydata() for drawn in ax.lines if drawn.get_label() == "_fall"]
    assert len(tangents) == len(falls) == 4
    for k, (tangent, fall) in enumerate(zip(tangents, falls, strict=True)):
        np.testing.assert_allclose(tangent[0], [x[k], x[k] ** 2])
        slope = (tangent[1, 1] - tangent[0, 1]) / (tangent[1, 0] - tangent[0, 0])
        np.testing.assert_allclose(slope, 2 * x[k])
        np.testing.assert_allclose(fall, [tangent[1], [x[k + 1], x[k + 1] ** 2]])


def test_numbers_stop_where_there_is_no_room() -> None:
    labels = [
        t.get_text() for t in plots.gradient_descent(lambda x: x * x, 2.0, learning_rate=0.25, steps=9).axes[0].texts
    ]
    assert labels == ["0", "1", "2", "3", "4"]


def test_paths_on_the_surface_are_those_of_the_optimizers() -> None:
    figure = plots.loss_surface(quadratic, [3.0, -2.0], learning_rate=0.1, steps=7, resolution=21)
    (ax,) = figure.axes
    expected = {
        "SGD": optimizers.SGD(0.1),
        "momentum": optimizers.SGD(0.1, momentum=0.9),
        "RMSprop": optimizers.RMSprop(0.1),
        "Adam": optimizers.Adam(0.1),
    }
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(expected)
    for name, optimizer in expected.items():
        points = plots.descend(quadratic, [3.0, -2.0], optimizer, steps=7).points
        np.testing.assert_array_equal(line(ax, name), points)
        assert (points > [ax.get_xlim()[0], ax.get_ylim()[0]]).all()
        assert (points < [ax.get_xlim()[1], ax.get_ylim()[1]]).all()
    marks = {(drawn.get_color(), drawn.get_marker(), str(drawn.get_linestyle())) for drawn in ax.lines[:-1]}
    assert len({mark for _, mark, _ in marks}) == 4  # color is not the only sign


def test_rings_of_the_surface_have_one_height_each() -> None:
    figure = plots.loss_surface(quadratic, x=(-2, 2), y=(-1, 1), resolution=81)
    rings = figure.axes[0].collections[1]
    heights = rings.levels
    assert (np.diff(heights, 2) > 0).all()  # closer where the loss is low
    for height, path in zip(heights, rings.get_paths(), strict=True):
        if len(path.vertices):
            values = (A * path.vertices**2).sum(axis=1) / 2
            np.testing.assert_allclose(values, height, rtol=0.02, atol=2e-3)


def test_a_path_that_leaves_all_bounds_is_drawn() -> None:
    with np.errstate(all="ignore"):
        figure = plots.loss_surface(lambda w: (w**4).sum(), [3.0, 3.0], learning_rate=1.0, steps=12, resolution=9)
    assert np.isfinite(figure.axes[0].get_xlim()).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plots.descend(quadratic, [[1.0]]), ag.ShapeError, r"of shape \(D,\); received shape \(1, 1\)"),
        (lambda: plots.descend(lambda w: w * 2, [1.0, 2.0]), ag.ShapeError, r"one number .*received shape \(2,\)"),
        (lambda: plots.descend(lambda w: 3.0, [1.0]), ag.ShapeError, "one number .*received float"),
        (lambda: plots.descend(quadratic, [1.0, 2.0], steps=-1), ValueError, "steps to be a non-negative integer"),
        (lambda: plots.gradient_descent(abs, 1.0, learning_rate=0), ValueError, "learning_rate to be a finite number"),
        (lambda: plots.gradient_descent(abs, 1.0, reach=(1, 0)), ValueError, "the smaller one first"),
        (lambda: plots.loss_surface(quadratic, [1.0]), ag.ShapeError, r"start of shape \(2,\); received shape \(1,\)"),
        (lambda: plots.loss_surface(quadratic), ValueError, "expected x as the ends of an axis"),
        (lambda: plots.loss_surface(quadratic, x=(0, 1), y=(1, 1)), ValueError, "expected y as two numbers"),
        (lambda: plots.loss_surface(quadratic, [1.0, 1.0], resolution=1), ValueError, "at least 2"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
    assert not plt.get_fignums()

"""Decision surfaces: the numbers are the model's, the picture says what it shows, and bad input is refused."""

from __future__ import annotations

import sys
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, models
from nn.datasets.shapes import sphere_in_sphere, spirals, two_moons
from nn.plots import plot_decision_surface
from nn.plots.decision import COLORS, decision_surface


def network(features: int, *last: Any) -> models.Sequential:
    hidden = layers.Dense(7, activation="tanh", kernel_initializer="glorot_normal", input_shape=(features,))
    return models.Sequential([hidden, layers.Dropout(0.5), *last])


def points_of(surface: Any) -> np.ndarray:
    """The grid's points in the order of the flattened probabilities."""
    return np.array([(a, b) for b in surface.vertical for a in surface.horizontal])


def rgb(color: Any) -> list[float]:
    return [round(float(c), 4) for c in plt.matplotlib.colors.to_rgb(color)]


# ---- the numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_what_the_model_predicts(classes: int) -> None:
    x, _ = spirals(90, arms=classes, seed=0)
    model = network(2, layers.Dense(classes, activation="softmax"))
    surface = decision_surface(model, x, resolution=13)
    assert surface.probabilities.shape == (13, 13, classes)
    expected = model.predict(points_of(surface))
    np.testing.assert_allclose(surface.probabilities.reshape(-1, classes), expected, rtol=1e-6)
    assert model.training  # predicted in evaluation mode, and put back


def test_one_output_is_the_probability_of_the_second_class() -> None:
    x, _ = two_moons(60, seed=0)
    model = network(2, layers.Dense(1, activation="sigmoid"))
    surface = decision_surface(model, x, resolution=9)
    expected = model.predict(points_of(surface))
    np.testing.assert_allclose(surface.probabilities[:, :, 1].reshape(-1, 1), expected, rtol=1e-6)
    np.testing.assert_allclose(surface.probabilities.sum(axis=2), 1, rtol=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
def test_logits_become_probabilities(outputs: int) -> None:
    x, _ = spirals(60, seed=0)
    model = network(2, layers.Dense(outputs))
    got = decision_surface(model, x, resolution=5, from_logits=True).probabilities.reshape(25, -1)
    activated = models.Sequential([model, layers.Activation("sigmoid" if outputs == 1 else "softmax")])
    expected = activated.predict(points_of(decision_surface(model, x, resolution=5, from_logits=True)))
    np.testing.assert_allclose(got[:, 1:] if outputs == 1 else got, expected, rtol=1e-5)


def test_a_module_is_read_in_evaluation_and_without_a_record() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = layers.Dropout(0.5)
            self.last = layers.Dense(2, activation="softmax")

        def call(self, x: ag.Tensor) -> ag.Tensor:
            out = self.last(self.drop(x))
            assert not out.requires_grad
            return out

    x, _ = two_moons(20, seed=0)
    module = Noisy()
    first, second = (decision_surface(module, x, resolution=6).probabilities for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert module.training


def test_an_estimator_with_predict_proba_and_a_function() -> None:
    class Estimator:
        def predict(self, x: np.ndarray) -> np.ndarray:
            raise AssertionError("predict_proba says more")

        def predict_proba(self, x: np.ndarray) -> np.ndarray:
            p = 1 / (1 + np.exp(-x[:, 0]))
            return np.stack([1 - p, p], axis=1)

    x, _ = two_moons(20, seed=0)
    one, other = (decision_surface(m, x, resolution=4) for m in (Estimator(), Estimator().predict_proba))
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    np.testing.assert_allclose(one.probabilities[0, :, 1], 1 / (1 + np.exp(-one.horizontal)))


def test_the_grid_reaches_beyond_the_samples() -> None:
    surface = decision_surface(lambda p: p[:, 0] > 0, [[-1.0, 5.0], [3.0, 5.0]], margin=0.25, resolution=7)
    assert (surface.horizontal[0], surface.horizontal[-1]) == (-2.0, 4.0)
    assert (surface.vertical[0], surface.vertical[-1]) == (4.0, 6.0)  # no range: one to each side
    np.testing.assert_allclose(np.diff(surface.horizontal), 1.0)


def test_a_slice_has_the_other_features_fixed() -> None:
    seen: list[np.ndarray] = []

    def model(points: np.ndarray) -> np.ndarray:
        seen.append(points)
        return points[:, 0] > 0

    x = np.arange(12.0).reshape(3, 4) ** 2
    for at, others in ((None, x.mean(axis=0)[[0, 2]]), (0.5, [0.5, 0.5]), ([7.0, 0.0, 9.0, 0.0], [7.0, 9.0])):
        surface = decision_surface(model, x, features=(3, 1), at=at, resolution=5)
        np.testing.assert_array_equal(seen[-1][:, [3, 1]], points_of(surface))
        np.testing.assert_array_equal(seen[-1][:, [0, 2]], np.tile(others, (25, 1)))
    assert surface.horizontal[0] < x[:, 3].min() < x[:, 3].max() < surface.horizontal[-1]


# ---- the picture -----------------------------------------------------------------------------------------------------


def by_first(points: np.ndarray) -> np.ndarray:
    """Class 0 left of 0, class 1 right of it; surer with the distance."""
    return 1 / (1 + np.exp(-4 * points[:, 0]))


def test_tints_lines_and_samples() -> None:
    x = np.array([[-1.0, 0.0], [1.0, 1.0], [0.5, -1.0]])
    ax = plot_decision_surface(by_first, x, [0, 1, 1], resolution=50)
    pixels = ax.images[0].get_array()
    assert pixels.shape == (50, 50, 3)
    for column, color in ((0, COLORS[0]), (-1, COLORS[1])):
        tint = 1 - np.asarray(rgb(color))  # what the class takes from white
        part = (1 - pixels[10, column]) / np.where(tint > 0, tint, 1)
        np.testing.assert_allclose(part[tint > 0], part[tint > 0][0], atol=1e-3)
        assert 0.3 < part[tint > 0][0] < 0.4
    assert (pixels[:, 24:26] > 0.88).all()  # pale where nothing is sure
    line = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    np.testing.assert_allclose(line[:, 0], 0, atol=1e-6)
    drawn = [c.get_offsets().tolist() for c in ax.collections[1:]]
    assert drawn == [[[-1.0, 0.0]], [[1.0, 1.0], [0.5, -1.0]]]
    assert [rgb(c.get_facecolor()[0]) for c in ax.collections[1:]] == [rgb(c) for c in COLORS[:2]]
    paths = [c.get_paths()[0].vertices.shape for c in ax.collections[1:]]
    assert paths[0] != paths[1]  # a marker of its own: color is not the only sign


def test_every_boundary_of_three_classes_is_drawn() -> None:
    def thirds(points: np.ndarray) -> np.ndarray:
        p = np.exp(-((points[:, :1] - [[-1.0, 0.0, 1.0]]) ** 2))
        return p / p.sum(axis=1, keepdims=True)

    ax = plot_decision_surface(thirds, [[-1.5, 0], [1.5, 1]], resolution=61)
    columns = np.concatenate([path.vertices[:, 0] for c in ax.collections[:2] for path in c.get_paths()])
    np.testing.assert_allclose(np.unique(columns.round(2)), [-0.5, 0.5], atol=0.02)
    pixels = ax.images[0].get_array()[30, [0, 30, -1]]
    strongest = [(1 - np.asarray(rgb(color))).argmax() for color in COLORS[:3]]  # blue takes red away, and so on
    assert (1 - pixels).argmax(axis=1).tolist() == strongest


def test_labels_and_legend() -> None:
    x, y = two_moons(30, seed=0)
    ax = plot_decision_surface(
        by_first, x, np.eye(2)[y], class_names=["left", "right"], feature_names=["width", "height"], resolution=9
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "height")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["left", "right"]
    for k in (0, 1):
        np.testing.assert_array_equal(ax.collections[1 + k].get_offsets(), x[y == k])
    bare = plot_decision_surface(by_first, x, resolution=9)
    assert (bare.get_xlabel(), bare.get_ylabel()) == ("x[:, 0]", "x[:, 1]")
    assert [text.get_text() for text in bare.get_legend().get_texts()] == ["class 0", "class 1"]
    assert sum(len(c.get_offsets()) for c in bare.collections[1:]) == 0
    bare.figure.canvas.draw()


def test_the_given_axes_are_drawn_in_and_keep_their_aspect() -> None:
    _, axes = plt.subplots(1, 2)
    axes[1].set_aspect("equal")
    x, y = two_moons(30, seed=0)
    assert plot_decision_surface(by_first, x, y, ax=axes[1], resolution=9) is axes[1]
    assert axes[1].get_aspect() == 1.0
    assert not axes[0].images


def test_a_model_that_never_changes_its_mind_has_no_line() -> None:
    ax = plot_decision_surface(lambda p: np.ones(len(p)), [[0, 0], [1, 1]], [1, 1], resolution=5)
    assert len(ax.collections) == 2  # the samples of the two classes


def test_only_samples_near_the_slice_are_drawn() -> None:
    x, y = sphere_in_sphere(300, seed=0)
    x = x * [9.0, 9.0, 1.0]

    def drawn(**options: Any) -> int:
        ax = plot_decision_surface(lambda p: abs(p).max(axis=1) > 0.6, x, y, at=0.2, resolution=9, **options)
        return sum(len(c.get_offsets()) for c in ax.collections[-2:])

    assert drawn(thickness=0.05) == np.count_nonzero(abs(x[:, 2] - 0.2) <= 0.05)
    assert drawn() == np.count_nonzero(abs(x[:, 2] - 0.2) <= 0.1 * np.ptp(x[:, 2]))


# ---- bad input -------------------------------------------------------------------------------------------------------

GOOD = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])


@pytest.mark.parametrize(
    ("model", "x", "options", "message"),
    [
        (by_first, [1.0, 2.0], {}, r"shape \(N, D\) with D of at least 2; received dtype float64, shape \(2,\)"),
        (by_first, [["a", "b"]], {}, "expected x of numbers"),
        (by_first, [[0.0, np.nan]], {}, "received NaN or infinity"),
        (by_first, GOOD, {"features": (0, 2)}, r"from 0 to 1; received \(0, 2\)"),
        (by_first, GOOD, {"features": (1, 1)}, "two different columns"),
        (by_first, GOOD, {"features": 3}, "two different columns"),
        (by_first, GOOD, {"at": [1.0, 2.0, 3.0]}, r"one for each of 2 features; received shape \(3,\)"),
        (by_first, GOOD, {"resolution": 1}, "resolution to be an integer of at least 2"),
        (by_first, GOOD, {"margin": -0.1}, "margin of at least 0; received -0.1"),
        (by_first, GOOD, {"y": [0, 1]}, r"classes y of 3 samples.*received shape \(2,\)"),
        (by_first, GOOD, {"y": [0, 1, 2]}, "classes from 0 to 1, as the model has; received 2"),
        (by_first, GOOD, {"y": ["a", "b", "a"]}, "return_inverse=True"),
        (by_first, GOOD, {"class_names": ["one"]}, "expected 2 class_names; received 1"),
        (by_first, GOOD, {"feature_names": "abc"}, "expected 2 feature_names; received 3"),
        (by_first, GOOD, {"colors": ["red"]}, "expected 2 colors, one a class; received 1"),
        (by_first, GOOD, {"thickness": -1}, "thickness of at least 0; received -1"),
        (lambda p: p[:, 0] * 9, GOOD, {}, "from -1.8 to 19.8. Pass from_logits=True"),
        (lambda p: p * 0 + 0.8, GOOD, {}, "with a sum of 1"),
        (lambda p: np.tile([-0.5, 0.8, 0.7], (len(p), 1)), GOOD, {}, "from -0.5 to 0.8"),
        (lambda p: p[:, 0] * np.nan, GOOD, {}, "from nan to nan"),
        (lambda p: p[:5, 0], GOOD, {}, r"numbers of shape \(40000, K\).*shape \(5,\)"),
        (lambda p: np.ones((len(p), 9)) / 9, GOOD, {}, "expected 9 colors, one a class; received none"),
    ],
)
def test_bad_input(model: Any, x: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_decision_surface(model, x, **options)
    assert not plt.get_fignums()  # nothing half-drawn


def test_what_is_no_model() -> None:
    with pytest.raises(TypeError, match="expected a model, or a function of an array; received int"):
        decision_surface(3, GOOD)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"expected the package matplotlib.*pip install 'autograd-lite\[plot\]'"):
        plot_decision_surface(by_first, GOOD)
    assert decision_surface(by_first, GOOD, resolution=3).probabilities.shape == (3, 3, 2)

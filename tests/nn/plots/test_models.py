"""Pictures of training runs, weights and mistakes: the numbers in them are the model's."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import autograd_lite as ag
import nn
from nn import layers, models, plots
from nn.datasets import mnist
from nn.plots.confusion import worst_mistakes
from nn.plots.look import LIGHT

from .drawn import LOSSES

RATES = {3.0: [2.0, 90.0, np.inf], 0.01: [2.0, 1.8, 1.7], 0.3: [1.5, 0.5, 0.2], 1.0: [2.0, 2.5, 3.0]}


def shown(ax: Any) -> dict[str, np.ndarray]:
    return {line.get_label(): np.asarray(line.get_xydata(), float) for line in ax.lines}


# ---- curves ----------------------------------------------------------------------------------------------------------


def test_learning_rates_are_the_curves_in_order_and_their_ends() -> None:
    over_time, by_rate = plots.learning_rates(RATES).axes
    lines = shown(over_time)
    assert list(lines) == ["0.01", "0.3", "1, fails", "3, fails"]
    for label, rate in zip(lines, sorted(RATES), strict=True):
        np.testing.assert_array_equal(lines[label], np.stack([[1, 2, 3], RATES[rate]], axis=1))
    ends = shown(by_rate)
    np.testing.assert_allclose(ends["_line"], [[0.01, 1.7], [0.3, 0.2]])
    assert by_rate.get_title(loc="left") == "Best: 0.3"
    low, high = by_rate.get_ylim()
    assert all(low <= ends[label][0, 1] <= high for label in ("0.01", "0.3", "1", "3"))
    colors = {line.get_label().partition(",")[0]: line.get_color() for line in over_time.lines}
    assert colors == {line.get_label(): line.get_color() for line in by_rate.lines if line.get_label() != "_line"}
    assert plots.learning_rates({9.0: [1.0, np.nan]}).axes[1].get_title(loc="left") == "All fail"


def test_learning_rates_of_training_runs() -> None:
    x = np.linspace(-1, 1, 32)[:, None]
    histories = {}
    for rate in (0.01, 0.1):
        nn.set_seed(0)
        model = models.Sequential([layers.Dense(1, input_shape=(1,))])
        model.compile(nn.optimizers.SGD(rate), "mse")
        histories[rate] = model.fit(x, 2 * x, epochs=3, verbose=0)
    over_time, _ = plots.learning_rates(histories).axes
    for rate, history in histories.items():
        np.testing.assert_array_equal(shown(over_time)[f"{rate:g}"][:, 1], history.history["loss"])


def test_overfitting_marks_the_best_epoch_and_fills_the_gap() -> None:
    (ax,) = plots.overfitting(LOSSES).axes
    lines = shown(ax)
    for name, key in (("training data", "loss"), ("validation data", "val_loss")):
        np.testing.assert_array_equal(lines[name], np.stack([[1, 2, 3, 4], LOSSES[key]], axis=1))
    assert lines["_best"].tolist() == [[3, 0.6]]
    corners = {tuple(vertex) for vertex in ax.collections[0].get_paths()[0].vertices}
    assert corners >= {(k + 1, LOSSES[key][k]) for key in LOSSES for k in range(4)}


def test_a_value_that_rises_is_best_where_it_is_largest() -> None:
    history = {"accuracy": [0.5, 0.8, 0.95], "val_accuracy": [0.5, 0.7, 0.6]}
    figure = plots.overfitting(history, name="accuracy")
    assert figure.axes[0].get_title(loc="left") == "Best on validation data after epoch 2 of 3"
    assert shown(figure.axes[0])["_best"].tolist() == [[2, 0.7]]


# ---- weights ---------------------------------------------------------------------------------------------------------


def test_images_are_the_columns_of_the_kernel() -> None:
    nn.set_seed(0)
    layer = layers.Dense(7, input_shape=(12,))
    layer.build((None, 12))
    figure = plots.weights(layer, (3, 4), units=[5, 0, 2], columns=2)
    kernel, most = layer.kernel.numpy(), abs(layer.kernel.numpy()[:, [5, 0, 2]]).max()
    assert [ax.get_title() for ax in figure.axes] == ["5", "0", "2", ""]
    blue, orange = (np.round(to_rgb(LIGHT.series[k]), 6) for k in (0, 1))
    for ax, unit in zip(figure.axes, (5, 0, 2), strict=False):
        pixels = np.asarray(ax.images[0].get_array())
        column = kernel[:, unit].reshape(3, 4)
        np.testing.assert_allclose(pixels[..., 3], abs(column) / most, rtol=1e-6)
        for sign, color in ((column > 0, blue), (column < 0, orange)):
            assert (np.round(pixels[sign, :3], 6) == color).all()
    scale = figure.axes[-1]
    assert scale.get_ylim() == pytest.approx((-most, most))


def test_no_more_images_than_units() -> None:
    assert len(plots.weights(np.eye(4), units=20).axes) == 4 + 1
    assert len(plots.weights(np.zeros((4, 9)), units=3).axes) == 3 + 1


# ---- confusion -------------------------------------------------------------------------------------------------------


def counts_in(ax: Any) -> dict[tuple[int, int], int]:
    """Return the counts that are written in the squares, by row and column, each within its square."""
    found = {}
    for text in (text for text in ax.texts if text.get_gid()):
        column, row = text.get_position()
        assert text.get_gid() == f"{row} {column}"
        found[row, column] = int(text.get_text().replace(",", ""))
    return found


@pytest.mark.parametrize("form", ["indices", "one-hot", "probabilities"])
def test_counts_are_those_of_the_samples(form: str) -> None:
    rng = np.random.default_rng(0)
    truth, answers = rng.integers(5, size=(2, 300))
    scores = np.eye(5)[answers] * 0.5 + rng.uniform(0, 0.1, (300, 5))
    given = {"indices": answers, "one-hot": np.eye(5)[answers], "probabilities": scores}[form]
    (ax,) = plots.confusion(truth, given).axes
    counts = np.zeros((5, 5), int)
    np.add.at(counts, (truth, answers), 1)
    assert counts_in(ax) == {(i, j): n for (i, j), n in np.ndenumerate(counts) if n}
    right = int((truth == answers).sum())
    assert ax.get_title(loc="left") == f"{right} of 300 right, {right / 3:.1f} %"


@pytest.mark.ci
def test_counts_are_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    truth, answers = np.random.default_rng(1).integers(7, size=(2, 500))
    (ax,) = plots.confusion(truth, answers).axes
    peer = sklearn.confusion_matrix(truth, answers)
    assert counts_in(ax) == {(i, j): n for (i, j), n in np.ndenumerate(peer) if n}


def test_tints_grow_with_the_share_of_a_class() -> None:
    (ax,) = plots.confusion([0] * 8 + [1] * 2, [0] * 6 + [1] * 2 + [1, 0]).axes
    tints = {tuple(int(v + 0.5) for v in patch.get_xy()[::-1]): patch for patch in ax.patches}
    assert tints[0, 0].get_alpha() > tints[1, 1].get_alpha() > 0
    assert tints[1, 0].get_alpha() > tints[0, 1].get_alpha() > 0
    right, wrong = (to_rgb(tints[place].get_facecolor()) for place in ((0, 0), (0, 1)))
    assert (right, wrong) == (to_rgb(LIGHT.series[0]), to_rgb(LIGHT.series[1]))


def test_the_worst_mistakes_are_the_surest_ones() -> None:
    truth = np.array([0, 0, 1, 1, 2])
    scores = np.array([[0.6, 0.4, 0], [0.3, 0.7, 0], [0.95, 0.05, 0], [0.1, 0.9, 0], [0.8, 0.1, 0.1]])
    assert worst_mistakes(truth, scores, scores.argmax(1)).tolist() == [2, 4, 1]
    images = np.arange(5 * 4).reshape(5, 2, 2) ** 2
    figure = plots.confusion(truth, scores, images, worst=2, class_names=["cat", "dog", "owl"])
    drawn = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == ["is dog, not cat\n95 % sure", "is owl, not cat\n80 % sure"]
    for ax, sample in zip(drawn, (2, 4), strict=True):
        image = images[sample]
        ink = np.asarray(ax.images[0].get_array())[..., 3]
        np.testing.assert_allclose(ink, (image - image.min()) / np.ptp(image))


def test_images_of_any_form_and_no_mistakes() -> None:
    _, (x, y) = mnist.load_sample()
    for images in (x[:20].reshape(20, 784), ag.tensor(x[:20, :, :, None] / 255.0)):
        figure = plots.confusion(y[:20], np.zeros(20, int), images, worst=1)
        (first, *_) = [ax for ax in figure.axes if ax.images]
        sample = np.flatnonzero(y[:20])[0]
        np.testing.assert_allclose(np.asarray(first.images[0].get_array())[..., 3], x[sample] / x[sample].max())
    figure = plots.confusion(y[:20], y[:20], x[:20])
    assert [text.get_text() for text in figure.findobj(plt.Text) if "istakes" in text.get_text()] == ["No mistakes"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plots.learning_rates({}), ValueError, "at least one epoch"),
        (lambda: plots.learning_rates({0.1: []}), ValueError, "at least one epoch"),
        (lambda: plots.learning_rates({0.1: {"loss": [1]}}, name="mae"), ValueError, r"with 'mae'.*\['loss'\]"),
        (lambda: plots.overfitting({"loss": [1.0]}), ValueError, "with 'val_loss'"),
        (lambda: plots.overfitting({"loss": [1.0, 2.0], "val_loss": [1.0]}), ValueError, "received 2 and 1"),
        (lambda: plots.weights(layers.Dense(3)), ag.ShapeError, "Build a layer with data"),
        (lambda: plots.weights(np.ones(9)), ag.ShapeError, r"shape \(D, U\)"),
        (lambda: plots.weights(np.ones((10, 2))), ag.ShapeError, "D is not a square; received D = 10"),
        (lambda: plots.weights(np.ones((10, 2)), (3, 3)), ag.ShapeError, "shape of D = 10 pixels"),
        (lambda: plots.weights(np.ones((4, 2)), units=[2]), ValueError, "from 0 to 1"),
        (lambda: plots.weights(np.ones((4, 2)), names=["one"]), ValueError, "expected 2 names"),
        (lambda: plots.confusion([0, 1], [0]), ag.ShapeError, "received 2 and 1"),
        (lambda: plots.confusion([0, 1], [0.5, 0.2]), ag.ShapeError, "Round the probabilities"),
        (lambda: plots.confusion([0, -1], [0, 0]), ValueError, "expected 2 classes"),
        (lambda: plots.confusion([0, 2], [0, 0], class_names=["a", "b"]), ValueError, "received 2"),
        (lambda: plots.confusion([0, 1], [0, 0], np.ones((3, 2, 2))), ag.ShapeError, "expected 2 images"),
        (lambda: plots.confusion(["a"], ["b"]), TypeError, "numbers in y_true"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
    assert not plt.get_fignums()

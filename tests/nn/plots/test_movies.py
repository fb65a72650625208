"""Pictures that move: a frame for each step and epoch, and in each frame what the optimizer or the model did there."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, models, optimizers, plots
from nn.datasets.shapes import sphere_in_sphere
from nn.plots.look import DARK, LIGHT

from .drawn import MOVIES, bowl, trained


def data_of(page: str) -> dict[str, Any]:
    """Return what the script of a page moves."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)
    assert found is not None
    data = json.loads(found[1])
    data["places"] = [
        np.frombuffer(base64.b64decode(text), "<i2").reshape(len(data["captions"]), part["count"], 2)
        for text, part in zip(data["places"], data["parts"], strict=True)
    ]
    return dict(data)


def marks_of(page: str, count: int) -> list[np.ndarray]:
    """Return where matplotlib has drawn the marks of each moving part, in the last frame."""
    svg = ElementTree.fromstring(re.search(r"<svg.*?</svg>", page.partition("<form")[0], re.S)[0])  # type: ignore[index]
    groups = {found.get("id"): found for found in svg.iter()}
    uses = [groups[f"moving-{k}"].iter("{http://www.w3.org/2000/svg}use") for k in range(count)]
    return [np.array([(float(use.get("x", 0)), float(use.get("y", 0))) for use in part]) for part in uses]


def bowl_of_one(x: Any) -> Any:
    return x * x


# ---- frames ----------------------------------------------------------------------------------------------------------


def test_frames_of_gradient_descent_are_its_steps() -> None:
    movie = plots.gradient_descent_movie(lambda x: x * x, 2.0, learning_rate=0.25, steps=6)
    assert len(movie) == 7
    x = 2.0 * 0.5 ** np.arange(7)
    trail, tangent, dot = (part.frames for part in movie.moving)
    np.testing.assert_allclose(dot[:, 0], np.stack([x, x * x], axis=1))
    for k in range(7):
        np.testing.assert_allclose(trail[k, : k + 1], dot[: k + 1, 0])
        assert (trail[k, k:] == dot[k, 0]).all()
    (rise, run) = (tangent[:, 1] - tangent[:, 0]).T[::-1]
    np.testing.assert_allclose(rise / run, 2 * x)
    np.testing.assert_allclose(tangent.mean(axis=1), dot[:, 0])
    assert movie.captions[2] == "step 2: x = 0.5, slope 1, f(x) = 0.25"
    rolling = plots.gradient_descent_movie(bowl_of_one, 2.0, optimizer=optimizers.SGD(0.25, momentum=0.5), steps=2)
    assert rolling.moving[2].frames[:, 0, 0].tolist() == [2.0, 1.0, 0.0]
    assert rolling.figure.axes[0].get_title(loc="left") == "SGD down the curve, with momentum 0.5"


def test_frames_of_the_surface_are_the_optimizers_steps() -> None:
    movie = plots.loss_surface_movie(bowl, [2.0, 1.0], learning_rate=0.1, steps=5, resolution=9)
    assert len(movie) == 6
    chosen = (optimizers.SGD(0.1), optimizers.SGD(0.1, momentum=0.9), optimizers.RMSprop(0.1), optimizers.Adam(0.1))
    for k, optimizer in enumerate(chosen):
        points = plots.descend(bowl, [2.0, 1.0], optimizer, steps=5).points
        been, mark = (part.frames for part in movie.moving[2 * k : 2 * k + 2])
        np.testing.assert_array_equal(mark[:, 0], points)
        for frame in range(6):
            np.testing.assert_array_equal(been[frame], points[np.minimum(np.arange(6), frame)])


def test_hidden_values_are_recorded_before_training_and_after_each_epoch() -> None:
    x, y = sphere_in_sphere(30, dim=2, seed=0)
    nn.set_seed(0)
    model = models.Sequential([layers.Dense(3, "tanh", input_shape=(2,)), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("sgd", nn.losses.SparseCategoricalCrossentropy(from_logits=True))
    kept: list[list[np.ndarray]] = []

    class Keep(nn.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            kept.append([w.copy() for w in model.get_weights()])

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            kept.append([w.copy() for w in model.get_weights()])

    seen = plots.ActivationRecorder(x, lines=[x[:3], x[5:7]])
    model.fit(x, y, epochs=2, verbose=0, callbacks=[Keep(), seen])
    model.fit(x, y, epochs=1, verbose=0, callbacks=[seen])  # goes on where the first ended
    assert seen.epochs == [0, 1, 2, 3]
    assert len(kept) == 3
    for frame, (kernel, bias, last, last_bias) in enumerate(kept):
        np.testing.assert_allclose(seen.values[frame], np.tanh(x @ kernel + bias), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(seen.last[frame][0], last)
        np.testing.assert_array_equal(seen.last[frame][1], last_bias)
        lines = seen.lines[frame]
        assert np.isnan(lines).all(axis=1).tolist() == [False, False, False, True, False, False]
        np.testing.assert_allclose(lines[[0, 1, 2, 4, 5]], seen.values[frame][[0, 1, 2, 5, 6]], rtol=1e-6)


@pytest.mark.parametrize(("units", "dim", "last"), [(2, 2, 2), (3, 2, 2), (2, 2, 1), (5, 3, 1), (4, 3, 3)])
def test_frames_of_unfolding_are_the_epochs(units: int, dim: int, last: int) -> None:
    seen, y, _ = trained(units, dim, last)
    movie = plots.unfolding_movie(seen, y)
    assert len(movie) == len(seen.epochs) == 5
    assert movie.captions == seen.captions
    assert plots.unfolding_movie(seen, y, every=3).captions == [seen.captions[k] for k in (0, 3, 4)]
    groups = [part.frames for part in movie.moving if hasattr(part.artist, "set_offsets")]
    for k, group in enumerate(groups):
        for frame in range(5):
            hidden = seen.values[frame][y == k]
            if units == 2:
                np.testing.assert_array_equal(group[frame], hidden)
            # One linear map for all epochs: distances never grow.
            far = np.linalg.norm(hidden[:, None] - hidden, axis=-1)
            assert (np.linalg.norm(group[frame][:, None] - group[frame], axis=-1) <= far + 1e-9).all()
    if units > 2 and last < 3:
        for k, group in enumerate(groups):
            kernel, bias = seen.last[-1]
            w, b = (kernel[:, -1], bias[-1]) if last == 1 else (kernel[:, 1] - kernel[:, 0], bias[1] - bias[0])
            np.testing.assert_allclose(group[-1][:, 0] * np.linalg.norm(w), seen.values[-1][y == k] @ w + b, atol=1e-9)
        along = w / np.linalg.norm(w)
        flat = seen.values[-1] @ (np.eye(units) - np.outer(along, along))
        heights = np.concatenate([group[-1][:, 1] for group in groups])
        np.testing.assert_allclose(heights.var(), np.linalg.eigvalsh(np.cov(flat.T, bias=True))[-1], rtol=1e-9)


def test_the_cut_of_two_units_is_where_both_classes_are_equally_likely() -> None:
    seen, y, model = trained(2)
    movie = plots.unfolding_movie(seen, y)
    cut = movie.moving[1].frames[-1]
    last = model.layers[-1]
    np.testing.assert_allclose(last(cut).numpy(), 0.5, atol=1e-4)
    assert len(movie.moving[0].frames[0]) == 18 * 26 - 1  # a grid of nine lines each way, with breaks between them


def test_panels_show_the_first_and_the_last_epoch() -> None:
    seen, y, _ = trained()
    figure = plots.unfolding(seen, y, panels=3, class_names=["inside", "outside"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == [seen.captions[k] for k in (0, 1, 4)]
    frames = [part.frames for part in plots.unfolding_movie(seen, y).moving[2:]]
    for ax, frame in zip(figure.axes, (0, 1, 4), strict=True):
        for k, group in enumerate(frames):
            np.testing.assert_array_equal(ax.collections[k].get_offsets(), group[frame])
        assert ax.get_xlim() == figure.axes[0].get_xlim()
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["inside", "outside"]


# ---- the page --------------------------------------------------------------------------------------------------------


@pytest.mark.ci
@pytest.mark.parametrize("name", MOVIES)
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_the_page_has_every_frame_where_the_figure_has_it(name: str, style: str) -> None:
    with plt.style.context(style):
        movie = MOVIES[name]()
    page = movie.to_html()
    data = data_of(page)
    assert data["captions"] == movie.captions
    assert [part["count"] for part in data["parts"]] == [part.frames.shape[1] for part in movie.moving]
    drawn = marks_of(page, len(movie.moving))
    for places, marks, part in zip(data["places"], drawn, movie.moving, strict=True):
        if hasattr(part.artist, "set_offsets") or part.artist.get_marker() not in ("None", None, ""):
            np.testing.assert_allclose(places[-1] / 10, marks, atol=0.06)
        else:
            assert len(marks) == 0


@pytest.mark.ci
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_the_colors_of_both_looks_are_on_the_page_and_no_other(style: str, tmp_path: Path) -> None:
    with plt.style.context(style):
        svg = plots.save(plots.loss_surface(bowl, [2.0, 1.0], steps=2, resolution=9), tmp_path / "a.svg").read_text()
    head, body = svg.split("</style>", 1)
    for look in (LIGHT, DARK):
        assert all(f": {color}" in head for color in (*look[:4], *look.series))
    bare = re.sub(r"var\(--c\d, #\w{6}\)", "", body)
    assert set(re.findall(r"#[0-9a-f]{6}\b", bare)) <= {"#000000"}  # what matplotlib's clip paths and defaults are in
    twice = [plots.save(plots.gradient_descent(abs, 1.0), tmp_path / folder / "b.svg") for folder in ("", "..")]
    assert twice[0].read_bytes() == twice[1].read_bytes()
    png = plots.save(plots.gradient_descent(abs, 1.0), tmp_path / "c.png")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_page_asks_for_nothing_and_closes_its_script() -> None:
    seen, y, _ = trained()
    movie = plots.unfolding_movie(seen, y, class_names=["</script><b>", "&"])
    movie.captions[0] = "</script>"
    page = movie.to_html()
    assert movie._repr_html_().startswith("<iframe title=")
    assert page.count("</script>") == 2
    assert "<b>" not in page
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', page)
    assert "{{" not in page


def test_saving_and_showing(tmp_path: Path) -> None:
    movie = MOVIES["gradient_descent_movie"]()
    path = movie.save(tmp_path / "descent.html")
    assert path.read_text(encoding="utf-8") == movie.to_html()
    assert repr(movie) == f"<Movie of 4 frames: {movie.captions[0]!r} to {movie.captions[3]!r}>"
    dot = movie.moving[2]
    assert movie.figure_at(1) is movie.figure
    np.testing.assert_array_equal(dot.artist.get_offsets(), dot.frames[1])
    with pytest.raises(ValueError, match=r"ends in \.html; received 'x\.gif'"):
        movie.save("x.gif")
    with pytest.raises(IndexError, match="from 0 to 3; received 4"):
        movie.figure_at(4)


def test_a_movie_of_any_figure() -> None:
    figure, ax = plt.subplots()
    (line,) = ax.plot([0, 1], [0, 0])
    frames = np.array([[[0.0, 0.0], [1.0, height]] for height in (0.0, 0.5, np.nan)])
    movie = plots.Movie(figure, [plots.Moving(line, frames)], ["low", "high", "gone"])
    places = data_of(movie.to_html())["places"][0]
    assert places[0, 1, 1] > places[1, 1, 1]  # y grows downwards
    assert places[2, 1].tolist() == [-32768, -32768]
    with pytest.raises(ValueError, match="a caption for each frame; received 1, frames: \\[3\\]"):
        plots.Movie(figure, [plots.Moving(line, frames)], ["low"])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plots.ActivationRecorder([1.0]), ag.ShapeError, r"x of shape \(N, D\)"),
        (lambda: plots.ActivationRecorder(np.eye(3), [np.eye(2)]), ag.ShapeError, r"lines of shape \(P, 3\)"),
        (
            lambda: plots.unfolding(plots.ActivationRecorder(np.eye(3)), [0, 1, 1]),
            ValueError,
            "to fit as a callback first",
        ),
        (lambda: plots.unfolding(trained()[0], [0, 1]), ag.ShapeError, "y of 40 samples; received 2"),
        (lambda: plots.unfolding(*trained()[:2], class_names=["a"]), ValueError, "expected 2 class_names"),
        (lambda: plots.unfolding(*trained()[:2], panels=1), ValueError, "panels to be an integer of at least 2"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
    assert not plt.get_fignums()


def test_what_does_not_end_in_a_dense_layer_is_refused() -> None:
    model = models.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="ends in a dense layer after a hidden one"):
        model.fit(np.eye(2), np.ones(2), verbose=0, callbacks=[plots.ActivationRecorder(np.eye(2))])

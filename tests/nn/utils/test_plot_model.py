"""`plot_model`: every layer is in the picture, and a file is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nn
from nn import layers, models
from nn.utils import plot_model


def network() -> models.Sequential:
    return models.Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(2)])


@pytest.mark.parametrize("expand", [False, True])
def test_a_picture_with_every_layer(tmp_path: Path, expand: bool) -> None:
    path = tmp_path / "model.svg"
    plot_model(network(), path, expand_nested=expand)
    svg = path.read_text(encoding="utf-8")
    assert "dense" in svg
    assert "dense_1" in svg
    boxes = svg.count("dense.kernel")
    assert (boxes > 0) is expand


def test_a_functional_model_with_two_inputs(tmp_path: Path) -> None:
    a, b = nn.Input((2,), name="a"), nn.Input((3,), name="b")
    model = models.Model([a, b], layers.Dense(1, name="last")(layers.Dense(2, name="one")(a) + layers.Dense(2)(b)))
    graph = plot_model(model, tmp_path / "model.html")
    assert (tmp_path / "model.html").stat().st_size > 1000
    assert graph.summary().startswith("7 operations, 2 inputs, 6 parameters")


def test_inputs_have_their_names() -> None:
    a, b = nn.Input((2,), name="left"), nn.Input((3,), name="right")
    graph = plot_model(models.Model([a, b], layers.Dense(1)(a) + layers.Dense(1)(b)), None)
    assert "input 'left'" in graph.to_text()
    assert "input 'right'" in graph.to_text()


def test_a_model_of_sequences_of_any_length() -> None:
    words = models.Sequential([nn.Input((None,), dtype="int32"), layers.Embedding(5, 2), layers.LSTM(3)])
    assert "(1, 1) int32 = input 'x'" in " ".join(plot_model(words, None).to_text().split())


def test_a_model_that_knows_no_shape() -> None:
    lazy = models.Sequential([layers.Dense(1)])
    with pytest.raises(ValueError, match="expected a model that knows the shape of its input; 'sequential' does not"):
        plot_model(lazy, None)
    assert plot_model(lazy, None, inputs=np.ones((2, 5))).outputs
    assert lazy.training

"""`plot_model`: every call of a layer is a box, with what Keras's picture says, and a file is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers, models
from nn.utils import plot_model


def network() -> models.Sequential:
    return models.Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(2)])


def block(name: str) -> models.Model:
    x = nn.Input((None, 8))
    a = layers.Add(name="sum")([x, layers.MultiHeadAttention(2, 4, name="attention")(x, x)])
    inner = models.Sequential([nn.Input((None, 8)), layers.Dense(8, "gelu", name="wide")], name="inner")
    return models.Model(x, layers.LayerNormalization(name="norm")(inner(a) + a), name=name)


def transformer() -> models.Model:
    tokens = nn.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(9, 8, name="words")(tokens)
    one = block("block")
    return models.Model(tokens, layers.Dense(9, "softmax", name="logits")(one(block("other")(one(x)))), name="small")


def boxes(model: Any, **options: Any) -> dict[str, tuple[str, ...]]:
    """Return the lines of the boxes by their first ones."""
    return {node.lines[0]: node.lines[1:] for node in plot_model(model, None, **options).view.nodes}


def lines(model: Any, **options: Any) -> list[tuple[str, str]]:
    """Return the lines between boxes, by their first lines of text."""
    view = plot_model(model, None, **options).view
    head = {node.id: node.lines[0] for node in view.nodes}
    return [(head[edge.source], head[edge.target]) for edge in view.edges]


def test_what_the_boxes_say() -> None:
    assert boxes(network()) == {
        "input": ("(None, 3)",),
        "dense": ("Dense · relu · 16 parameters", "(None, 3) → (None, 4)"),
        "dense_1": ("Dense · 10 parameters", "(None, 4) → (None, 2)"),
    }
    hidden: dict[str, Any] = {"show_shapes": False, "show_layer_activations": False}
    assert boxes(network(), **hidden)["dense"] == ("Dense · 16 parameters",)
    assert boxes(network(), show_dtype=True, show_shapes=False)["dense"][-1] == "float32"
    assert boxes(network(), show_dtype=True)["dense_1"][-1] == "(None, 4) → (None, 2) float32"
    assert list(boxes(network(), show_layer_names=False)) == ["input", "Dense"]


def test_a_functional_model_with_branches_and_free_lengths() -> None:
    a, b = nn.Input((None,), dtype="int32", name="a"), nn.Input((3,), name="b")
    rows = layers.Bidirectional(layers.LSTM(2), name="read")(layers.Embedding(5, 2, name="words")(a))
    both = layers.Concatenate(name="both")([rows, b])
    outputs = {"y": layers.Dense(1, name="y")(both), "x": both}
    model = models.Model({"a": a, "b": b}, outputs)
    assert boxes(model)["read"] == ("Bidirectional(LSTM) · 80 parameters", "(None, None, 2) → (None, 4)")
    assert boxes(model)["both"] == ("Concatenate", "(None, 4), (None, 3) → (None, 7)")
    assert lines(model) == [("a", "words"), ("words", "read"), ("read", "both"), ("b", "both"), ("both", "y")]
    view = plot_model(model, None).view
    assert {node.lines[0] for node in view.nodes if node.is_output} == {"y", "both"}
    assert {node.lines[0] for node in view.nodes if node.look == "output"} == {"y", "both"}
    assert {node.lines[0] for node in view.nodes if node.look == "input"} == {"a", "b"}


def test_shared_layers_have_a_box_for_each_call() -> None:
    left, right = nn.Input((4,), name="left"), nn.Input((4,), name="right")
    encoder = layers.Dense(2, name="encoder")
    model = models.Model([left, right], encoder(left) - encoder(right))
    view = plot_model(model, None).view
    assert [n.badge for n in view.nodes if n.lines[0] == "encoder"] == ["shared 1/2", "shared 2/2"]
    assert view.caption == ("model: 2 layers, 10 parameters",)
    again = models.Model(left, encoder(layers.Dense(4, name="between")(encoder(left) @ np.ones((2, 4), np.float32))))
    assert lines(again) == [("left", "encoder"), ("encoder", "matmul"), ("matmul", "between"), ("between", "encoder")]


def test_nested_models_are_one_box_or_a_frame_each() -> None:
    model = transformer()
    assert list(boxes(model)) == ["tokens", "words", "block", "other", "logits"]
    assert [n.look for n in plot_model(model, None).view.nodes][2:5] == ["group"] * 3
    view = plot_model(model, None, expand_nested=True).view
    assert list(dict.fromkeys(node.scope for node in view.nodes)) == [
        (),
        ("block (shared 1/2)",),
        ("block (shared 1/2)", "inner"),
        ("other",),
        ("other", "inner"),
        ("block (shared 2/2)",),
        ("block (shared 2/2)", "inner"),
    ]
    inside = [(node.lines[0], node.scope[0]) for node in view.nodes if node.scope]
    assert inside[:5] == [(name, "block (shared 1/2)") for name in ("attention", "sum", "wide", "add", "norm")]
    into_other = [pair for pair in lines(model, expand_nested=True) if pair[0] == "norm"]
    assert into_other == [("norm", "attention"), ("norm", "sum")] * 2 + [("norm", "logits")]
    dot = plot_model(model, None, expand_nested=True).to_dot()
    assert dot.count("subgraph cluster_") == 6


def test_trainable_and_frozen_layers_are_marked() -> None:
    model = network()
    model.layers[0].trainable = False
    badges = [node.badge for node in plot_model(model, None, show_trainable=True).view.nodes]
    assert badges == ["", "frozen", "trainable"]


def test_buffers_and_parameters_have_no_boxes() -> None:
    model = models.Sequential([nn.Input((4,)), layers.BatchNormalization(), layers.Dropout(0.5)])
    assert list(boxes(model)) == ["input", "batch_normalization", "dropout"]


def test_models_that_are_not_built() -> None:
    lazy = models.Sequential([layers.Dense(4, "tanh"), layers.Dropout(0.5), layers.Dense(1)], name="lazy")
    assert boxes(lazy) == {"dense": ("Dense · tanh",), "dropout": ("Dropout",), "dense_1": ("Dense",)}
    assert lazy.training

    class Own(models.Model):
        def __init__(self) -> None:
            super().__init__()
            self.a = layers.Dense(3)

        def call(self, x: Any) -> Any:
            return self.a(x)

    assert boxes(Own()) == {"own": ("Own",)}
    traced = plot_model(Own(), None, inputs=np.ones((2, 5), np.float32)).view  # run, since its code is not known
    assert any("3 ops" in line or "param" in line for node in traced.nodes for line in node.lines)
    with pytest.raises(ValueError, match="expected a model that knows the shape of its input; 'lazy' does not"):
        plot_model(lazy, "lazy.html")


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
def test_lines_lead_where_rankdir_says(rankdir: str) -> None:
    picture = plot_model(transformer(), None, rankdir=rankdir, expand_nested=True)
    assert f"rankdir={rankdir}" in picture.to_dot()
    places = {}
    for box in re.finditer(r'<g class="node [^"]*" data-id="(n\d+)">.*?</g>', picture.to_svg(), re.DOTALL):
        if found := re.search(
            r'<rect class="box" x="([\d.-]+)" y="([\d.-]+)" width="([\d.]+)" height="([\d.]+)"', box[0]
        ):
            x, y, width, height = map(float, found.groups())
            places[box[1]] = (x, y, x + width, y + height)
    assert len(places) == len(picture.view.nodes) - 1  # the input is an ellipse
    near, far = (0, 2) if rankdir in ("LR", "RL") else (1, 3)
    for edge in picture.view.edges:
        if edge.source in places:
            first, second = places[edge.source], places[edge.target]
            if rankdir in ("BT", "RL"):
                first, second = second, first
            assert first[far] < second[near]
    apart = list(places.values())
    for i, (left, top, right, bottom) in enumerate(apart):
        for other in apart[:i]:
            assert right < other[0] or other[2] < left or bottom < other[1] or other[3] < top


@pytest.mark.parametrize("name", ["m.svg", "m.dot", "m.html", "m.md", "m.json"])
def test_files_by_their_endings(tmp_path: Path, name: str) -> None:
    plot_model(network(), tmp_path / name)
    assert "dense" in (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.ci
def test_png_and_pdf(tmp_path: Path) -> None:
    for name, begins in (("m.png", b"\x89PNG"), ("m.pdf", b"%PDF")):
        plot_model(transformer(), tmp_path / name, expand_nested=True, show_trainable=True, dpi=50)
        assert (tmp_path / name).read_bytes().startswith(begins)
    sizes = []
    for dpi in (50, 100):
        plot_model(network(), tmp_path / "m.png", dpi=dpi)
        sizes.append(int.from_bytes((tmp_path / "m.png").read_bytes()[16:20], "big"))
    assert sizes[1] == pytest.approx(2 * sizes[0], rel=0.02)


def test_wrong_words_and_endings(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="plot_model: expected rankdir to be one of TB, LR, BT, RL; received rankdir='UP'"
    ):
        plot_model(network(), None, rankdir="UP")
    with pytest.raises(ValueError, match=r"expected a path ending in \.svg, \.dot, \.png, \.pdf; received '\.bmp'"):
        plot_model(network(), tmp_path / "m.bmp")
    assert list(tmp_path.iterdir()) == []

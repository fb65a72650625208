"""Several models in one graph: each has its frame, and its name before the names of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import Kind, Program, build_graph
from autograd_lite.graph.pictures.folding.plan import homes_of
from nn import layers, losses, models
from nn.module import Module
from tests.rows import for_every

INPUT = np.ones((3, 4), "float32")


def dense_pair(name: str, last: int = 4) -> models.Sequential:
    return models.Sequential([layers.Dense(8, activation="relu"), layers.Dense(last)], name=name)


class Coder(Module):
    """A model that is not a Model, with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = layers.Dense(4)

    def call(self, x: Tensor) -> Tensor:
        return np.tanh(self.inner(x))


def gan() -> list[Tensor]:
    generator, discriminator = dense_pair("generator"), dense_pair("discriminator", 1)
    real, fake = discriminator(INPUT), discriminator(generator(INPUT))
    loss = losses.BinaryCrossentropy(from_logits=True)
    return [loss(np.ones((3, 1)), fake), loss(np.ones((3, 1)), real) + loss(np.zeros((3, 1)), fake)]


def siamese() -> list[Tensor]:
    encoder = dense_pair("encoder")
    return [((encoder(INPUT) - encoder(2.0 * INPUT)) ** 2).sum()]


def one_model() -> list[Tensor]:
    return [losses.MeanSquaredError()(INPUT, dense_pair("net")(INPUT))]


def called_once() -> list[Tensor]:
    return [(dense_pair("net")(INPUT) ** 2).sum()]


def two_of_a_name() -> list[Tensor]:
    return [(Coder()(Coder()(INPUT)) ** 2).sum()]


def layers_alone() -> list[Tensor]:
    x = ag.tensor(INPUT, requires_grad=True, name="x")
    return [(layers.Dense(2)(layers.Dense(4)(x)) ** 2).sum()]


def batch_normalization() -> list[Tensor]:
    nets = [models.Sequential([layers.BatchNormalization(name="norm"), layers.Dense(4)], name=name) for name in "ab"]
    return [nets[1](nets[0](INPUT)).sum()]


# For each computation the outermost frames, and the names of its parameters and their like.
BOTH = ("dense.kernel", "dense.bias", "dense_1.kernel", "dense_1.bias")
CASES: list[tuple[Callable[[], list[Tensor]], set[str], set[str]]] = [
    (
        gan,
        {"generator", "discriminator", "binary_crossentropy"},
        {f"{model}.{name}" for model in ("generator", "discriminator") for name in BOTH},
    ),
    (siamese, {"encoder"}, set(BOTH)),
    (one_model, {"net", "mean_squared_error"}, set(BOTH)),
    (called_once, {"dense", "dense_1"}, set(BOTH)),
    (two_of_a_name, {"coder", "coder_1"}, {f"{c}.inner.{p}" for c in ("coder", "coder_1") for p in ("kernel", "bias")}),
    (layers_alone, {"dense", "dense_1"}, {*BOTH, "x"}),
    (
        batch_normalization,
        {"a", "b"},
        {f"{net}.{name}" for net in "ab" for name in ("norm.gamma", "norm.beta", "dense.kernel", "dense.bias")},
    ),
]


@for_every(CASES, by=lambda row: row[0].__name__)
def test_each_model_has_a_frame_and_names_its_parameters(row: tuple[Callable[[], list[Tensor]], set[str], set[str]]):
    sample, frames, names = row
    with_source = build_graph(_recorded(sample))
    for graph in (build_graph(sample()), with_source):
        assert {node.scope.partition(".")[0] for node in graph if node.scope} == frames
        parameters = [node.name for node in graph if node.kind is Kind.PARAMETER]
        assert sorted(parameters) == sorted(names)
    graph = build_graph(sample(), backward=True)
    assert {graph[leaf].name for leaf in graph.gradients} == names
    faces: Mapping[str, str] = {
        "svg": graph.forward().to_svg(),
        "dot": graph.forward().to_dot(),
        "mermaid": graph.forward().to_mermaid(),
        "page": graph.to_html(),
        "mirror": graph.to_mirror(),
    }
    for face, text in faces.items():
        assert all(frame in text for frame in frames), face


def _recorded(sample: Callable[[], list[Tensor]]) -> list[Tensor]:
    with ag.record_source():
        return sample()


def test_frozen_weights_are_named_after_their_model() -> None:
    nets = [models.Sequential([layers.BatchNormalization(name="norm")], name=name) for name in "ab"]
    graph = build_graph(nets[1](nets[0](INPUT, training=False), training=False))
    assert "b.norm.moving_mean" in {node.name for node in graph}  # no gradient flows through the other one
    assert homes_of(graph.nodes).frozen


def test_gradients_of_two_models_are_apart_by_name() -> None:
    program = Program.build(gan(), backward=True)
    gradients = program.gradients()
    assert set(gradients) == {f"{model}.{name}" for model in ("generator", "discriminator") for name in BOTH}


def test_within_a_frame_the_name_of_a_parameter_is_short() -> None:
    graph = build_graph(two_of_a_name())
    svg = graph.to_svg()
    assert svg.count(">inner.kernel<") == 2
    assert "enc.inner.kernel" not in svg
    assert "coder.inner.kernel" in graph.to_text()
    assert "coder_1.inner.kernel" in graph.to_text()

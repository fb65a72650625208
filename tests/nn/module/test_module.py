"""The module tree: what counts as a parameter, names, state, modes, copies, casting and building."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite import Tensor
from autograd_lite.graph import build_graph
from nn import Module, Parameter, layers, losses, models


class Block(Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = Parameter(np.ones(3))
        self.inner = layers.Dense(2, input_shape=(3,))
        self.mean = ag.tensor(np.zeros(3, np.float32))

    def call(self, x: Tensor) -> Tensor:
        return self.inner((x - self.mean) * self.scale)


class Tree(Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = [Block(), Block()]
        self.by_name = {"left": Block()}
        self.nested = ((layers.Dense(1, input_shape=(2,)),),)
        self.offset = Parameter(0.0)

    def call(self, x: Tensor) -> Tensor:
        return self.blocks[0](x).sum() + self.offset


class LazyModel(models.Model):
    """Two layers whose input shapes are not known, with a dropout between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(4, activation="tanh")
        self.dropout = layers.Dropout(0.5)
        self.second = layers.Dense(2)

    def call(self, x: Tensor) -> Tensor:
        return self.second(self.dropout(self.first(x)))


def small_model() -> models.Sequential:
    nn.set_seed(3)
    return models.Sequential(
        [layers.Dense(4, activation="tanh", input_shape=(3,)), layers.Dropout(0.5), layers.Dense(2)]
    )


# ---- the tree -------------------------------------------------------------------------------------------------------


def test_paths_and_order() -> None:
    tree = Tree()
    assert [path for path, _ in tree.named_parameters()] == [
        "offset",
        "blocks.0.scale",
        "blocks.0.inner.kernel",
        "blocks.0.inner.bias",
        "blocks.1.scale",
        "blocks.1.inner.kernel",
        "blocks.1.inner.bias",
        "by_name.left.scale",
        "by_name.left.inner.kernel",
        "by_name.left.inner.bias",
        "nested.0.0.kernel",
        "nested.0.0.bias",
    ]
    assert [path for path, _ in tree.named_buffers()] == ["blocks.0.mean", "blocks.1.mean", "by_name.left.mean"]
    assert [path for path, _ in tree.named_modules()][:4] == ["", "blocks.0", "blocks.0.inner", "blocks.1"]
    assert [id(p) for p in tree.parameters()] == [id(p) for _, p in tree.named_parameters()]


def test_tensors_know_their_path() -> None:
    tree = Tree()
    assert all(p.name == path for path, p in tree.named_parameters())
    model = models.Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(2, name="head"), layers.Dense(1)])
    assert [p.name for p in model.parameters()][::2] == ["dense.kernel", "head.kernel", "dense_1.kernel"]
    outer = models.Sequential([model, layers.Dense(1)])
    assert [p.name for p in outer.parameters()][-3:] == ["sequential.dense_1.bias", "dense.kernel", "dense.bias"]


def test_a_shared_tensor_and_a_shared_module_count_once() -> None:
    tree = Tree()
    tree.blocks.append(tree.blocks[0])
    tree.tied = tree.offset
    assert len(tree.named_parameters()) == 12
    assert len(tree.named_modules()) == len({id(module) for _, module in tree.named_modules()}) == 8
    assert tree.count_params() == sum(a.size for a in tree.state_dict().values())


def test_what_an_attribute_holds_now_is_what_counts() -> None:
    tree = Tree()
    tree.offset.requires_grad = False
    assert "offset" in dict(tree.named_buffers())
    assert "offset" not in dict(tree.named_parameters())
    del tree.by_name
    tree.hidden = Parameter(1.0) * 2  # has a history: a result, neither parameter nor buffer
    assert len(tree.state_dict()) == 1 + 2 * 4 + 2


def test_subclass_without_super_init() -> None:
    class Forgetful(Module):
        def __init__(self) -> None:
            self.weight = Parameter([2.0])

        def call(self, x: Tensor) -> Tensor:
            return x * self.weight

    module = Forgetful()
    assert module([3.0]).tolist() == [6.0]
    assert [path for path, _ in module.named_parameters()] == ["weight"]


def test_repr_shows_the_tree() -> None:
    assert repr(small_model()).splitlines() == [
        "Sequential(",
        "  (dense): Dense(3 -> 4, activation=tanh)",
        "  (dropout): Dropout(0.5)",
        "  (dense_1): Dense(4 -> 2)",
        ")",
    ]
    assert repr(layers.Dense(4)) == "Dense(units=4)"


# ---- state ----------------------------------------------------------------------------------------------------------


def test_state_dict_round_trip() -> None:
    source, target = Tree(), Tree()
    for p in source.parameters():
        p.assign(np.random.default_rng(p.size).normal(size=p.shape))
    source.blocks[1].mean.assign(5.0)
    state = source.state_dict()
    target.load_state_dict(state)
    for path, value in target.state_dict().items():
        np.testing.assert_array_equal(value, state[path])
    source.offset.assign(9.0)
    assert state["offset"] != 9.0  # the state is a copy
    state["offset"] += 1
    assert target.offset.item() != state["offset"]


def test_load_state_dict_takes_all_or_nothing_and_lists_every_problem() -> None:
    tree = Tree()
    before = tree.state_dict()
    state: dict[str, Any] = {path: value + 1 for path, value in before.items()}
    state["extra"] = np.zeros(2)
    del state["offset"]
    state["blocks.0.scale"] = np.zeros(7)
    state["nested.0.0.bias"] = np.zeros(1, np.complex64)
    with pytest.raises(ValueError, match="of this module; received others, and nothing was assigned") as error:
        tree.load_state_dict(state)
    for line in (
        "missing: offset () float32",
        "unexpected: extra (2,) float64",
        "mismatch: blocks.0.scale expected (3,) float32; received (7,) float64",
        "mismatch: nested.0.0.bias expected (1,) float32; received (1,) complex64",
    ):
        assert line in str(error.value)
    for path, value in tree.state_dict().items():
        np.testing.assert_array_equal(value, before[path])


def test_load_state_dict_that_is_not_strict_assigns_what_both_have() -> None:
    tree = Tree()
    before = tree.state_dict()
    state: dict[str, Any] = {path: value + 1 for path, value in before.items()}
    state["extra"] = np.zeros(2)
    del state["offset"]
    missing, unexpected = found = tree.load_state_dict(state, strict=False)
    assert (missing, unexpected) == (["offset"], ["extra"])
    assert (found.missing_keys, found.unexpected_keys) == (missing, unexpected)
    after = tree.state_dict()
    for path, value in before.items():
        np.testing.assert_array_equal(after[path], value if path == "offset" else value + 1)
    assert tree.load_state_dict(before) == ([], [])
    assert tree.load_state_dict({}, strict=False) == (list(before), [])


def test_a_shape_that_differs_is_an_error_even_if_not_strict() -> None:
    tree = Tree()
    before = tree.state_dict()
    state: dict[str, Any] = {"offset": np.ones(()), "blocks.0.scale": np.zeros(7), "extra": np.zeros(1)}
    with pytest.raises(ValueError, match="nothing was assigned") as error:
        tree.load_state_dict(state, strict=False)
    assert "mismatch: blocks.0.scale expected (3,) float32; received (7,) float64" in str(error.value)
    assert "missing" not in str(error.value)
    assert "unexpected" not in str(error.value)
    for path, value in tree.state_dict().items():
        np.testing.assert_array_equal(value, before[path])


def test_deepcopy_and_pickle_are_independent_and_compute_the_same() -> None:
    model = small_model()
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    x, y = np.ones((8, 3)), np.ones((8, 2))
    model.fit(x, y, verbose=0)
    expected = model.predict(x)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.predict(x), expected)
        assert [path for path, _ in twin.named_parameters()] == [path for path, _ in model.named_parameters()]
        before = twin.state_dict()
        model.fit(x, y, verbose=0)
        for path, value in twin.state_dict().items():
            np.testing.assert_array_equal(value, before[path])
        twin.fit(x, y, verbose=0)
        assert not np.array_equal(twin.predict(x), expected)
        model.load_state_dict(before)


def test_a_model_dies_without_the_garbage_collector() -> None:
    model = small_model()
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
    history = model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    alive = weakref.ref(model)
    gc.disable()
    try:
        del model
        assert alive() is None
        assert history.history["loss"]
    finally:
        gc.enable()


# ---- modes ----------------------------------------------------------------------------------------------------------


def test_train_and_eval_reach_every_module() -> None:
    tree = Tree()
    assert tree.eval() is tree
    assert not any(module.training for _, module in tree.named_modules())
    assert tree.train() is tree
    assert not tree.train(False).training  # as in PyTorch
    assert tree.train(True).training
    assert all(module.training for _, module in tree.named_modules())


def test_mode_gives_every_module_its_own_back() -> None:
    tree = Tree()
    tree.blocks[0].eval()
    before = [module.training for _, module in tree.named_modules()]

    def fail_inside() -> None:
        with tree.mode(training=False):
            assert not any(module.training for _, module in tree.named_modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert [module.training for _, module in tree.named_modules()] == before


def test_call_with_a_training_argument_gets_the_mode() -> None:
    class Kerasic(Module):
        def call(self, x: Tensor, training: bool = False) -> Tensor:
            return x + (1.0 if training else 0.0)

    module = Kerasic()
    assert module([0.0]).item() == 1.0
    assert module([0.0], training=False).item() == 0.0
    assert module.eval()([0.0]).item() == 0.0


# ---- casting --------------------------------------------------------------------------------------------------------


class Seen(Module):
    def call(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (np.zeros(2), np.float32),
        (np.zeros(2, np.float16), np.float32),
        (np.zeros(2, np.uint8), np.uint8),
        (np.zeros(2, bool), bool),
        ([0.0, 1.0], np.float32),
        ([0, 1], np.int64),
        (ag.tensor([0.0, 1.0]), np.float32),
    ],
)
def test_floats_are_cast_and_integers_pass_through(given: Any, dtype: Any) -> None:
    out = Seen()(given)
    assert isinstance(out, Tensor)
    assert out.dtype == dtype


def test_a_module_of_another_dtype() -> None:
    layer = layers.Dense(2, dtype="float64", input_shape=(3,))
    assert {p.dtype for p in layer.parameters()} == {np.dtype("float64")}
    assert layer(np.zeros((1, 3), np.float32)).dtype == np.float64
    with pytest.raises(ag.DtypeError, match="expected a floating dtype; received int64"):
        layers.Dense(2, dtype="int64")


def test_the_cast_is_part_of_the_graph() -> None:
    x = ag.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    layer = layers.Dense(1, kernel_initializer="ones", input_shape=(3,))
    layer(x).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [[1.0, 1.0, 1.0]]


def test_an_array_given_to_a_module_may_change_afterwards() -> None:
    x = np.ones((1, 3), np.float32)
    layer = layers.Dense(1, kernel_initializer="ones", input_shape=(3,))
    out = layer(x)
    x[:] = 100
    out.backward([[1.0]])
    assert layer.kernel.grad is not None
    assert layer.kernel.grad.tolist() == [[1.0], [1.0], [1.0]]


# ---- building -------------------------------------------------------------------------------------------------------


def test_lazy_build_equals_eager_build() -> None:
    eager = small_model()
    nn.set_seed(3)
    lazy = models.Sequential([layers.Dense(4, activation="tanh"), layers.Dropout(0.5), layers.Dense(2)])
    lazy(np.ones((5, 3)))
    nn.set_seed(3)
    by_input = models.Sequential([layers.Input((3,)), layers.Dense(4), layers.Dropout(0.5), layers.Dense(2)])
    nn.set_seed(3)
    by_build = models.Sequential([layers.Dense(4), layers.Dropout(0.5), layers.Dense(2)])
    by_build.build((None, 3))
    for other in (lazy, by_input, by_build):
        assert other.output_shape == eager.output_shape == (None, 2)
        for (path, value), (other_path, other_value) in zip(
            eager.state_dict().items(), other.state_dict().items(), strict=True
        ):
            assert path == other_path
            np.testing.assert_array_equal(value, other_value)


def test_lazy_layers_of_a_subclass_are_built_before_dropout_draws() -> None:
    nn.set_seed(3)
    called = LazyModel()
    called(np.ones((5, 3)))
    nn.set_seed(3)
    built = LazyModel()
    built.build((None, 3))
    for path, value in built.state_dict().items():
        np.testing.assert_array_equal(value, called.state_dict()[path])
    assert [p.name for p in called.parameters()] == ["first.kernel", "first.bias", "second.kernel", "second.bias"]


def test_a_failed_first_call_leaves_the_model_unbuilt_and_the_stream_where_it_was() -> None:
    model = models.Sequential([layers.Dense(4), layers.Reshape((3, 3))])
    nn.set_seed(1)
    with pytest.raises(ag.ShapeError, match=r"expected samples that fit target_shape \(3, 3\)"):
        model(np.ones((5, 2)))
    assert not model.built
    assert not model.layers[0].built
    assert not hasattr(model.layers[0], "kernel")
    drawn = float(ag.random.normal(()))
    nn.set_seed(1)
    assert float(ag.random.normal(())) == drawn


def test_what_is_missing_before_the_build_is_explained() -> None:
    layer = layers.Dense(4)
    with pytest.raises(AttributeError, match="it has no kernel yet, because its input shape is not known"):
        _ = layer.kernel
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'colour'"):
        _ = layer.colour
    model = models.Sequential([layers.Dense(4)])
    for ask in (model.parameters, model.state_dict, model.count_params):
        with pytest.raises(ValueError, match=r"its input shape is not known. Give the first layer input_shape"):
            ask()


def test_a_layer_with_a_known_input_shape_is_built_when_asked() -> None:
    assert [p.shape for p in layers.Dense(4, input_shape=(3,)).parameters()] == [(3, 4), (4,)]


@pytest.mark.parametrize("name", ["kernel", "bias"])
@pytest.mark.parametrize("options", [{"input_shape": (3,)}, {"input_dim": 3}])
def test_a_weight_of_a_layer_with_a_known_input_shape_is_made_when_asked_for(name: str, options: Any) -> None:
    layer = layers.Dense(4, **options)
    asked = getattr(layer, name)
    assert asked.shape == {"kernel": (3, 4), "bias": (4,)}[name]
    assert layer.built
    layer(np.ones((2, 3)))
    assert getattr(layer, name) is asked
    assert not hasattr(layers.Dense(4, use_bias=False, input_shape=(3,)), "colour")


def test_building_may_look_for_what_there_is() -> None:
    class Looking(layers.Layer):
        kernel: Any

        def build(self, input_shape: Any) -> None:
            if not hasattr(self, "kernel"):
                self.kernel = self.add_weight(input_shape[1:])

    assert Looking(input_shape=(3,)).kernel.shape == (3,)


def test_the_first_call_records_output_shapes() -> None:
    model = LazyModel()
    model(np.ones((5, 3)))
    assert model.first.output_shape == (None, 4)
    assert model.output_shape == (None, 2)


def test_modules_name_their_operations_while_sources_are_recorded() -> None:
    outer = models.Sequential([small_model().eval(), layers.Dense(1)])
    with ag.record_source():
        out = outer(np.ones((1, 3)))
    assert out.source is not None
    assert out.source.file == __file__
    scopes = [node.scope for node in build_graph(out).nodes if node.scope]
    assert scopes == ["sequential.dense"] * 3 + ["sequential.dense_1"] * 2 + ["dense"] * 2


def twins(names: tuple[str | None, str | None] = (None, None)) -> list[models.Sequential]:
    sizes = ((2, 4), (4, 2))
    return [
        models.Sequential([layers.Dense(n, input_shape=(m,))], name=name)
        for (m, n), name in zip(sizes, names, strict=True)
    ]


SCOPES_OF_NAMED = ["generator.dense", "discriminator.dense"]


def test_modules_are_known_without_lines() -> None:
    """The graph of two models and a loss is the same whether or not lines are recorded."""
    first = models.Sequential([layers.Dense(3, activation="relu"), layers.Reshape((1, 3)), layers.LSTM(2)])
    second = models.Sequential([layers.Residual([layers.Dense(2)]), layers.Dense(1)])

    def loss() -> ag.Tensor:
        return losses.MeanSquaredError()(np.zeros((2, 1)), second(first(np.ones((2, 4)))))

    loss()
    with ag.record_source():
        graph = ag.build_graph(loss(), backward=True)
    assert ag.build_graph(loss(), backward=True) == graph
    assert {"sequential.lstm", "sequential_1.residual", "mean_squared_error"} <= {node.scope for node in graph}
    mapped, pushed = ag.vmap(first.layers[0]), ag.jvp(first.layers[0])
    for out in (mapped(np.ones((5, 2, 4))), pushed((np.ones((2, 4)),), (np.ones((2, 4)),))[1]):
        assert {node.scope for node in ag.build_graph(out) if node.op} == {"dense"}


@pytest.mark.parametrize(
    ("names", "scopes"),
    [
        ((None, None), ["sequential.dense", "sequential_1.dense"]),
        (("generator", "discriminator"), SCOPES_OF_NAMED),
    ],
)
def test_a_picture_of_two_models_tells_their_layers_apart(names: Any, scopes: list[str]) -> None:
    generator, discriminator = twins(names)
    with ag.record_source():
        fake = generator(np.ones((3, 2)))
        loss = (discriminator(fake) ** 2).mean()
    for backward in (False, True):
        graph = ag.build_graph(loss, backward=backward)
        assert list(dict.fromkeys(node.scope for node in graph.nodes if node.scope)) == scopes
    # One model alone, and models inside a model, need no other names than their own.
    assert {node.scope for node in ag.build_graph(fake).nodes if node.scope} == {"dense"}
    with ag.record_source():
        both = models.Sequential(twins(("generator", "discriminator")))(np.ones((3, 2)))
    assert {node.scope for node in ag.build_graph(both).nodes if node.scope} == {
        "generator.dense",
        "discriminator.dense",
    }


def test_an_input_keeps_its_name_when_a_layer_casts_it() -> None:
    for requires_grad in (False, True):
        pixels = ag.tensor(np.ones((3, 2)), name="pixels", requires_grad=requires_grad)
        graph = ag.build_graph(layers.Dense(2)(pixels))
        assert [node.name for node in graph.nodes if node.dtype == np.float64 or node.kind == "input"] == ["pixels"]

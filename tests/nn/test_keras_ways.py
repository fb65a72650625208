"""What the tutorials of Keras and PyTorch do, written as they write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite import Tensor
from nn import activations, callbacks, constraints, layers, losses, metrics, models, regularizers
from nn.utils import plot_model

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)
X4 = np.concatenate([X, -X[:, :1]], axis=1)
X4[0] = 0  # where comparisons and kinks differ


class Implicit(models.Model):
    """A model whose parts are not told whether they are in training: only its own call is."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        return self.drop(x)


def of_symbols() -> models.Model:
    x = nn.Input((3,))
    return models.Model(x, layers.Dropout(0.5)(x))


@pytest.mark.parametrize("make", [lambda: nn.Sequential([layers.Dropout(0.5)]), of_symbols, Implicit])
def test_training_sets_the_mode_of_all_parts_for_one_call(make: Any) -> None:
    model, x = make(), np.ones((50, 3), np.float32)
    for mode in (True, False):
        model.train() if mode else model.eval()
        assert (model(x, training=False).data == 1).all()
        assert (model(x, training=True).data == 0).any()
        assert bool((model(x, training=None).data == 0).any()) is mode
        assert [module.training for _, module in model.named_modules()] == [mode] * len(model.named_modules())


def test_a_frozen_base_that_is_called_with_training_false_keeps_its_statistics() -> None:
    base = nn.Sequential([nn.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
    base.trainable = False
    x = nn.Input((3,))
    model = models.Model(x, layers.Dense(1)(base(x, training=False)))
    before = base.get_weights()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    for a, b in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_are_named_as_in_keras() -> None:
    model = nn.Sequential([nn.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Conv2D(2, 3), layers.GlobalMaxPooling2D()])
    assert [layer.name for layer in model.layers] == ["conv2d", "conv2d_1", "global_max_pooling2d"]


def test_every_hook_is_given_logs() -> None:
    seen: dict[str, Any] = {}

    class Watch(callbacks.Callback):
        pass

    def hook(name: str) -> Any:
        return lambda self, *args: seen.__setitem__(name, args[-1])

    for name in [name for name in vars(callbacks.Callback) if name.startswith("on_")]:
        setattr(Watch, name, hook(name))
    model = nn.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, validation_data=(X, Y), callbacks=[Watch()], verbose=0)
    model.predict(X, callbacks=[Watch()])
    assert {name for name in vars(callbacks.Callback) if name.startswith("on_")} - set(seen) == {
        "on_batch_begin",
        "on_batch_end",  # which the hooks of the base class call
    }
    assert all(isinstance(logs, dict) for logs in seen.values())


class Batches:
    """What PyTorch's DataLoader gives: lists of arrays."""

    def __iter__(self) -> Iterator[list[Any]]:
        yield [X[:6], Y[:6]]
        yield [X[6:], Y[6:]]


def test_a_list_of_arrays_from_a_stream_is_x_and_y() -> None:
    model = nn.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(Batches(), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert model.evaluate(Batches(), verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)
    listed = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]  # a batch that is written as a list of numbers
    assert model.predict(iter(listed)).shape == (2, 1)


class Autoencoder(models.Model):
    """A train_step of its own, no call, and metrics among its attributes, as in Keras's VAE and GAN."""

    def __init__(self) -> None:
        super().__init__()
        self.coder = nn.Sequential([nn.Input((3,)), layers.Dense(2), layers.Dense(3)])
        self.tracker = metrics.Mean(name="error")

    def train_step(self, data: Any) -> dict[str, Any]:
        x = data
        loss = np.square(self.coder(x) - x).mean()
        loss.backward()
        self.optimizer.step()
        self.zero_grad()
        self.tracker.update_state(loss)
        return {"error": self.tracker.result(), "last": loss}


def test_a_model_with_its_own_step_needs_neither_targets_nor_call() -> None:
    model = Autoencoder()
    model.compile("sgd")
    history = model.fit(X, epochs=3, batch_size=12, validation_split=0.0, verbose=0).history
    # One batch an epoch: the metric is the loss of that batch only if it was reset before it.
    assert history["error"] == pytest.approx(history["last"], rel=1e-6)
    assert len(set(history["error"])) == 3
    assert model.metrics[1:] == [model.tracker]
    with pytest.raises(NotImplementedError, match="expected a method call"):
        model.predict(X)


def test_a_part_without_targets_is_kept_for_validation() -> None:
    class Checked(Autoencoder):
        def test_step(self, data: Any) -> dict[str, Any]:
            x = data
            seen.append(x)
            return {"error": np.square(self.coder(x) - x).mean()}

    seen: list[np.ndarray] = []
    model = Checked()
    model.compile("sgd")
    assert list(model.fit(X, validation_split=0.25, verbose=0).history) == ["error", "last", "val_error"]
    np.testing.assert_array_equal(np.concatenate(seen), X[9:])


def test_compute_loss_takes_keywords() -> None:
    class Own(nn.Sequential):
        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            return {"loss": loss}

    model, twin = Own([nn.Input((3,)), layers.Dense(1)]), nn.Sequential([nn.Input((3,)), layers.Dense(1)])
    twin.set_weights(model.get_weights())
    for one in (model, twin):
        one.compile("sgd", "mse")
    mine, plain = (one.fit(X, Y, shuffle=False, verbose=0).history["loss"] for one in (model, twin))
    assert mine == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize("own", [lambda t, p: np.square(t - p).mean(), None])
@pytest.mark.parametrize(("y", "p"), [((4,), (4, 1)), ((4, 1), (4,))])
def test_a_loss_of_ones_own_is_not_broadcast_either(own: Any, y: tuple[int, ...], p: tuple[int, ...]) -> None:
    class Mine(losses.Loss):
        def call(self, y_true: Any, y_pred: Tensor) -> Tensor:
            return np.square(y_pred - y_true)

    loss = Mine() if own is None else losses.get(own)
    with pytest.raises(ag.ShapeError, match="expected y_true and y_pred of the same shape"):
        loss(np.ones(y), ag.tensor(np.ones(p)))
    assert loss(np.ones((4, 2)), ag.tensor(np.zeros((4, 2)))).item() == 1


def test_other_names() -> None:
    assert regularizers.l2(0.1).get_config() == regularizers.L2(0.1).get_config()
    assert (regularizers.l1, regularizers.l1_l2) == (regularizers.L1, regularizers.L1L2)
    assert isinstance(constraints.max_norm(2.0), constraints.MaxNorm)
    assert layers.Dense(2, input_dim=5).input_shape == (None, 5)
    assert layers.Embedding(7, 2).input_shape is None  # whose own input_dim is another


def test_plot_model_takes_the_words_of_keras(tmp_path: Any) -> None:
    model = nn.Sequential([layers.Dense(2, input_shape=(3,))])
    plot_model(model, tmp_path / "m.svg", show_shapes=True, show_layer_names=True)
    assert "(None, 3)" in (tmp_path / "m.svg").read_text(encoding="utf-8")
    plot_model(model, tmp_path / "m.svg", False, False, False, "LR", False, 96, True, True, "ortho")  # in Keras's order
    assert "(None, 3)" not in (tmp_path / "m.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [n for n in activations.__all__ if n not in ("get", "serialize", "deserialize")])
def test_activations_take_part_in_a_functional_model(name: str, tmp_path: Any) -> None:
    function, extra = getattr(activations, name), {"threshold": (0.1, -1.0)}.get(name, ())
    x = nn.Input((4,))
    model = models.Model(x, function(x, *extra))
    np.testing.assert_array_equal(model.predict(X4), function(ag.tensor(X4), *extra).numpy())
    model.save(tmp_path / "m.nn")
    np.testing.assert_array_equal(models.load_model(tmp_path / "m.nn").predict(X4), model.predict(X4))


def test_an_activation_is_one_operation_with_its_arguments_and_keeps_a_mask() -> None:
    x = nn.Input((5, 4))
    model = models.Model(x, layers.LSTM(3)(activations.relu(layers.Masking()(x), 0.5)))
    assert [layer.name for layer in model.layers] == ["input_layer", "masking", "lstm"]
    steps = X4[None, 1:4]
    padded = np.concatenate([steps, np.zeros((1, 2, 4), np.float32)], axis=1)
    expected = model.get_layer("lstm")(np.where(steps > 0, steps, 0.5 * steps)).data
    np.testing.assert_allclose(model.predict(padded), expected, rtol=1e-6)


def test_symbols_can_be_compared() -> None:
    x = nn.Input((4,))
    signs = [x > 0, x >= 0, x < 0, x <= 0]
    model = models.Model(x, [np.where(sign, x, 0.5) for sign in signs])
    for out, sign in zip(model.predict(X4), [X4 > 0, X4 >= 0, X4 < 0, X4 <= 0], strict=True):
        np.testing.assert_array_equal(out, np.where(sign, X4, np.float32(0.5)))


def test_a_layer_that_zeros_are_no_fair_input_for_is_built_in_silence() -> None:
    class LogScale(layers.Layer):
        def call(self, x: Tensor) -> Tensor:
            return np.log(x)

    class Inside(models.Model):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.dense = LogScale(), layers.Dense(1)

        def call(self, x: Tensor) -> Tensor:
            return self.scale(self.dense(x))

    assert nn.Sequential([nn.Input((2,)), LogScale(), layers.Dense(1)])(np.ones((3, 2))).shape == (3, 1)
    inside = Inside()
    inside.build((None, 2))
    with pytest.warns(RuntimeWarning, match="divide by zero"):  # where the data are to blame
        inside(np.zeros((1, 2)))


def test_a_module_with_forward_is_told_what_to_rename() -> None:
    class Net(nn.Module):
        def forward(self, x: Any) -> Any:
            return x

    with pytest.raises(NotImplementedError, match="Rename forward to call"):
        Net()(np.ones((1, 2)))


@pytest.mark.parametrize("name", ["register_buffer", "children", "apply", "requires_grad_", "cuda"])
def test_what_others_call_otherwise_is_found(name: str) -> None:
    model = models.Model(x := nn.Input((3,)), layers.Dense(1)(x))
    with pytest.raises(AttributeError, match=rf"'Model' object has no attribute '{name}'\. \w.+"):
        getattr(model, name)
    assert not hasattr(model, "nothing")


def test_parameters_in_the_place_of_the_learning_rate() -> None:
    net = nn.Sequential([layers.Dense(1, input_shape=(3,))])
    with pytest.raises(TypeError, match=r"Write Adam\(learning_rate=0.001, parameters=model.parameters\(\)\)"):
        nn.optimizers.Adam(net.parameters())  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["lr", "eps", "betas", "params", "decay", "no_such_thing"])
def test_other_words_for_the_arguments_of_an_optimizer(word: str) -> None:
    fix = "" if word == "no_such_thing" else r"\. Write \w+"
    for optimizer in (nn.optimizers.Adam, nn.optimizers.SGD):
        with pytest.raises(
            TypeError, match=rf"^{optimizer.__name__}: got an unexpected keyword argument '{word}'{fix}"
        ):
            optimizer(**{word: 0.1})  # type: ignore[arg-type]


def test_compile_takes_keras_s_words_for_what_is_done_anyway() -> None:
    model = nn.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True, jit_compile="auto", auto_scale_loss=True, steps_per_execution=8)
    with pytest.raises(TypeError, match="keyword argument 'lost'. Did you mean 'loss'"):
        model.compile("adam", lost="mse")
    assert isinstance(model.optimizer, nn.optimizers.SGD)  # still compiled as before


def test_a_module_is_called_on_whatever_gives_an_array() -> None:
    class Table:
        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
            return X.astype("float64")

    layer = layers.Dense(2)
    np.testing.assert_array_equal(layer(Table()).data, layer(X).data)
    value, slope = ag.jvp(lambda x: layer(x))((X,), (X,))  # whose arguments stand for more than one array
    np.testing.assert_allclose(slope.detach(), value.detach(), rtol=1e-6)
    slope.sum().backward()  # the layer is closed over, so its parameters have a part in what comes back
    np.testing.assert_allclose(layer.kernel.grad, np.repeat(X.sum(axis=0)[:, None], 2, axis=1), rtol=1e-5)
    with ag.no_grad():
        bare = ag.jvp(lambda x: layer(x))((X,), (X,))
    assert all(type(array) is np.ndarray for array in bare)
    np.testing.assert_array_equal(bare[1], slope.detach())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"validation_split": "0.2"}, TypeError, "a number above 0 and below 1; received validation_split='0.2'"),
        ({"class_weight": "balanced"}, TypeError, r"expected class_weight=\{class: weight, …\}; received 'balanced'"),
        ({"callbacks": [callbacks.History]}, TypeError, r"Write History\(\)"),
        ({"callbacks": [print]}, TypeError, r"Write LambdaCallback\(on_epoch_end=print\)"),
        ({"callbacks": [3]}, TypeError, r"received 3. Write an object"),
    ],
)
def test_what_fit_is_given_by_mistake(arguments: Any, error: type[Exception], message: str) -> None:
    model = nn.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(error, match=message):
        model.fit(X, Y, **arguments)


def test_layers_in_the_place_of_a_list() -> None:
    with pytest.raises(TypeError, match=r"received Dense\(units=1\). Write Sequential\(\[...\]\)"):
        nn.Sequential(layers.Dense(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"received Dense\(units=1\), Flatten\(\). Write Sequential\(\[...\]\)"):
        nn.Sequential(layers.Dense(1), layers.Flatten())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"received \[Dense\(units=1\)\], 'net'. Write name=... by its name"):
        nn.Sequential([layers.Dense(1)], "net")


def test_zero_grad_of_a_module() -> None:
    net = nn.Sequential([layers.Dense(1, input_shape=(3,))])
    net(X).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_a_model_has_no_optimizer_before_it_is_compiled() -> None:
    model = nn.Sequential([layers.Dense(1, input_shape=(3,))])
    assert model.optimizer is None
    model.compile("sgd", "mse")
    assert isinstance(model.optimizer, nn.optimizers.SGD)


@pytest.mark.parametrize(
    ("owner", "name", "fix"),
    [
        (nn.Sequential, "stateless_call", r"call the model, then loss.backward\(\) and optimizer.step\(\)"),
        (nn.Sequential, "make_train_function", r"call train_step\(data\)"),
    ],
)
def test_what_changes_nothing_in_place_is_refused_with_the_cure(owner: Any, name: str, fix: str) -> None:
    with pytest.raises(AttributeError, match=rf"'{owner.__name__}' object has no attribute '{name}'\. .*{fix}"):
        getattr(owner(), name)


def test_input_shape_and_output_shape_have_the_batch() -> None:
    x, y = nn.Input((4,)), nn.Input((None, 2))
    several = nn.Model([x, y], {"a": layers.Dense(2)(x), "b": y * 1})
    assert several.input_shape == [(None, 4), (None, None, 2)]
    assert several.output_shape == {"a": (None, 2), "b": (None, None, 2)}
    one = nn.Model(x, layers.Dense(2)(x))
    listed = nn.Sequential([nn.Input((4,)), layers.Dense(2)])
    lazy = nn.Sequential([layers.Dense(2)])
    assert lazy.input_shape is lazy.output_shape is None
    lazy(np.ones((3, 4)))
    given = nn.Sequential([layers.Dense(2, input_shape=(4,))])
    for model in (one, listed, lazy, given, listed.layers[0], lazy.layers[0]):
        assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    assert layers.Dense(2).input_shape is None
    assert layers.Dense(2, input_shape=(None, 4)).input_shape == (None, None, 4)


def test_a_class_may_have_its_own_input_shape() -> None:
    class Scale(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.input_shape = tuple(input_shape)
            self.scale = self.add_weight(input_shape[1:], "ones")

        def call(self, x: Any) -> Any:
            return x * self.scale

    layer = Scale()
    layer(np.ones((2, 4)))
    assert layer.input_shape == (None, 4)
    assert nn.Sequential([nn.Input((4,)), layer]).output_shape == (None, 4)

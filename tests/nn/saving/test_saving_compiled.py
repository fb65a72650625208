"""Models saved with what they were compiled with: training goes on bit for bit; hostile descriptions are refused."""

from __future__ import annotations

import contextlib
import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings, strategies as st

import autograd_lite as ag
import nn
from nn import callbacks, layers, losses, metrics, models, optimizers
from nn.optimizers import Optimizer, schedules
from nn.saving import SavedFileError, load_model

from ..classification import D, K, assert_equal_weights, classifier, data

SAVED = Path(__file__).parent / "saved"


def trained(optimizer: Optimizer, **arguments: Any) -> models.Sequential:
    """Return a model with every kind of state after one epoch."""
    nn.set_seed(5)
    model = models.Sequential(
        [
            layers.Dense(8, activation="tanh", kernel_regularizer="l2", kernel_constraint="max_norm", input_shape=(D,)),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dropout(0.2, seed=4),
            layers.Dense(K),
        ]
    )
    given_ = {"loss": losses.CategoricalCrossentropy(from_logits=True), "metrics": ["accuracy"], **arguments}
    model.compile(optimizer, **given_)
    epoch(model, 1)
    return model


def epoch(model: Any, seed: int) -> dict[str, list[float]]:
    """Train for one epoch, and return what is reported."""
    nn.set_seed(seed)
    x, y = data()
    w = np.linspace(0.5, 2, len(x))
    return model.fit(x, y, batch_size=12, epochs=1, verbose=0, sample_weight=w, validation_split=0.2).history


def state(optimizer: Optimizer) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in optimizer.state_dict().items()}


OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "sgd": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=1.0),
    "rmsprop": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": lambda: optimizers.Adam(schedules.CosineDecay(0.01, 20), amsgrad=True, global_clipnorm=0.5),
    "adamw": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "adagrad": lambda: optimizers.Adagrad(0.1, clipvalue=0.5),
    "adamax": lambda: optimizers.Adamax(schedules.PiecewiseConstantDecay([3, 5], [0.1, 0.01, 0.02])),
    "nadam": lambda: optimizers.Nadam(0.01),
    "adadelta": lambda: optimizers.Adadelta(1.0),
    "ftrl": lambda: optimizers.Ftrl(0.1, l1_regularization_strength=0.01),
    "lion": lambda: optimizers.Lion(0.001, weight_decay=0.1),
    "schedule free": lambda: optimizers.ScheduleFreeAdamW(0.01, warmup_steps=6),
    "lamb": lambda: optimizers.Lamb(0.01),
    "adafactor": lambda: optimizers.Adafactor(0.01),
    "muon": lambda: optimizers.Muon(0.01, exclude_layers=["dense_1"]),
    "averaged": lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3),
    "gathering": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "scaled": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01), 2.0**5, 3),
    "several": lambda: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(0.1, 0.9), {".*bias": optimizers.Adam()})
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    model = trained(OPTIMIZERS[name]())
    model.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn")
    assert again.optimizer.get_config() == model.optimizer.get_config()
    assert state(again.optimizer) == state(model.optimizer)
    assert again.optimizer.iterations == (1 if name == "gathering" else 4)
    for seed in (2, 3):
        assert epoch(again, seed) == epoch(model, seed)
    assert_equal_weights(again, model)
    assert state(again.optimizer) == state(model.optimizer)
    x, y = data(1)
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_every_optimizer_is_among_those() -> None:
    kinds = {
        c
        for c in (getattr(optimizers, name) for name in optimizers.__all__)
        if isinstance(c, type) and issubclass(c, Optimizer)
    }
    assert {type(make()) for make in OPTIMIZERS.values()} == kinds - {Optimizer}


def test_a_checkpoint_of_training_goes_on_too(tmp_path: Path) -> None:
    model = classifier()
    model.compile("adam", "categorical_crossentropy")
    nn.set_seed(1)
    model.fit(*data(), verbose=0, callbacks=callbacks.ModelCheckpoint(tmp_path / "m.nn"))
    again = load_model(tmp_path / "m.nn")
    assert epoch(again, 2) == epoch(model, 2)


def test_metrics_and_weighted_metrics_are_kept(tmp_path: Path) -> None:
    model = trained(
        optimizers.Adam(),
        loss=losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.3, 0.5], from_logits=True, label_smoothing=0.1),
        metrics=["accuracy", metrics.TopKCategoricalAccuracy(2, name="top"), losses.huber, metrics.Hinge("margin")],
        weighted_metrics=["mse", metrics.R2Score("variance_weighted_average")],
    )
    model.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn")
    assert again.get_compile_config() == model.get_compile_config()
    found, kept = again.metrics[1].metrics, model.metrics[1].metrics
    assert [repr(m) for m in found] == [repr(m) for m in kept]
    assert found[0].threshold == 0.0  # since the loss takes logits
    history = epoch(again, 2)
    assert list(history)[:7] == ["accuracy", "huber", "loss", "margin", "mse", "r2_score", "top"]
    assert history == epoch(model, 2)


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("functional", [False, True])
def test_several_outputs(tmp_path: Path, functional: bool, as_list: bool) -> None:
    nn.set_seed(0)
    if functional:
        x = nn.Input((D,))
        h = layers.Dense(4, activation="tanh")(x)
        model: Any = nn.Model(x, [layers.Dense(1, name="a")(h), layers.Dense(K, name="b")(h)])
    else:
        model = Two()
    names = ["a", "b"] if functional else ["output_0", "output_1"]
    loss: Any = ["mse", losses.Huber(2.0)]
    wanted: Any = [["mae"], ["mse", metrics.CosineSimilarity("angle")]]
    weights: Any = [0.5, 2.0]
    weighted: Any = [[], ["mae"]]
    if not as_list:
        loss, wanted, weights, weighted = (dict(zip(names, v, strict=True)) for v in (loss, wanted, weights, weighted))
    model.compile("adam", loss, wanted, weights, weighted)
    inputs, y = data()
    targets = [inputs[:, :1], y]
    model.fit(inputs, targets, epochs=1, verbose=0)
    model.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn", {"Two": Two})
    histories = []
    for one in (model, again):
        nn.set_seed(3)
        histories.append(one.fit(inputs, targets, epochs=2, verbose=0).history)
    assert histories[0] == histories[1]
    assert set(histories[0]) >= {f"{names[0]}_loss", f"{names[0]}_mae", f"{names[1]}_angle", f"{names[1]}_mae"}


class Two(models.Model):
    """Two outputs, without names."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = layers.Dense(1), layers.Dense(K)

    def call(self, x: ag.Tensor) -> list[ag.Tensor]:
        return [self.first(x), self.second(x)]


def test_one_output_without_a_loss(tmp_path: Path) -> None:
    x = nn.Input((D,))
    model = nn.Model(x, [layers.Dense(1, name="a")(x), layers.Dense(K, name="b")(x)])
    model.compile("sgd", [None, "mse"])
    inputs, y = data()
    model.fit(inputs, [inputs, y], verbose=0)
    model.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn")
    assert again.evaluate(inputs, [inputs, y], verbose=0) == model.evaluate(inputs, [inputs, y], verbose=0)


# ---- what is the user's own -----------------------------------------------------------------------------------------


def fourth_power(y_true: Any, y_pred: Any) -> Any:
    return ((y_true - y_pred) ** 4).mean(axis=-1)


class Quartic(losses.Loss):
    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.factor * fourth_power(y_true, y_pred)


class Slow(optimizers.SGD):
    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor


def test_functions_of_the_users_own_are_saved_by_name(tmp_path: Path) -> None:
    model = trained(optimizers.SGD(lambda: 1e-4), loss=fourth_power, metrics=[fourth_power])
    model.save(tmp_path / "m.nn")
    with pytest.raises(
        SavedFileError,
        match=r"names the function '(fourth_power|<lambda>)', which is not one of nn's. If you trust it, pass "
        r"custom_objects=\{'Name': function\}, or register it with nn.saving.register_keras_serializable, or "
        "compile=False and compile the model again",
    ):
        load_model(tmp_path / "m.nn")
    own = {"fourth_power": fourth_power, "<lambda>": lambda: 1e-4}
    assert epoch(load_model(tmp_path / "m.nn", own), 2) == epoch(model, 2)
    with pytest.raises(SavedFileError, match="names the function 'fourth_power'"):
        load_model(tmp_path / "m.nn", own | {"fourth_power": Quartic})
    assert load_model(tmp_path / "m.nn", compile=False).get_compile_config() is None


def test_classes_of_the_users_own_are_named_by_the_caller(tmp_path: Path) -> None:
    model = trained(Slow(3.0, learning_rate=1e-4, momentum=0.9), loss=Quartic(2.0))
    model.save(tmp_path / "m.nn")
    with pytest.raises(SavedFileError, match="names the class '(Quartic|Slow)', which is not one of nn's"):
        load_model(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn", {"Quartic": Quartic, "Slow": Slow})
    assert again.optimizer.factor == 3.0
    assert epoch(again, 2) == epoch(model, 2)


def test_the_classes_that_the_caller_names_are_taken(tmp_path: Path) -> None:
    trained(optimizers.SGD(), loss=Quartic(2.0)).save(tmp_path / "m.nn")

    class Other(losses.MeanSquaredError):
        def __init__(self, factor: float) -> None:
            super().__init__()

    assert isinstance(load_model(tmp_path / "m.nn", {"Quartic": Other})._compiled.loss, Other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"metrics": [metrics.MeanMetricWrapper(fourth_power, "m", by=object())]},
            "received the object <object object .* as 'by' of metrics.MeanMetricWrapper 'm'",
        ),
        (
            {"metrics": [metrics.MeanMetricWrapper(losses.Huber(reduction=None).call, "m")]},
            "received the function .*call as 'fn' of metrics.MeanMetricWrapper 'm'",
        ),
    ],
)
def test_what_cannot_be_saved_is_named(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    model = classifier()
    model.compile("adam", "mse", **arguments)
    with pytest.raises(TypeError, match=f"{message}.*Or give include_optimizer=False"):
        model.save(tmp_path / "m.nn")
    assert list(tmp_path.iterdir()) == []
    model.save(tmp_path / "m.nn", include_optimizer=False)
    assert load_model(tmp_path / "m.nn").get_compile_config() is None


class OwnCompile(models.Model):
    def __init__(self) -> None:
        super().__init__()
        self.inner = layers.Dense(K)

    def call(self, x: ag.Tensor) -> ag.Tensor:
        return self.inner(x)

    def compile(self, rate: float, **arguments: Any) -> None:  # type: ignore[override]
        super().compile(optimizers.SGD(rate), "mse", **arguments)


def test_a_compile_of_the_users_own(tmp_path: Path) -> None:
    class Complete(OwnCompile):
        def get_compile_config(self) -> dict[str, Any]:
            return {"rate": self.optimizer.learning_rate}

    for kind in (OwnCompile, Complete):
        model = kind()
        model.compile(0.25)
        epoch(model, 1)
        model.save(tmp_path / "m.nn")
        if kind is Complete:
            again = load_model(tmp_path / "m.nn", {kind.__name__: kind})
            assert epoch(again, 2) == epoch(model, 2)
            continue
        with pytest.raises(SavedFileError, match=r"does not say how the model was compiled .* Pass compile=False"):
            load_model(tmp_path / "m.nn", {kind.__name__: kind})


class OwnStep(models.Sequential):
    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, _ = data
        loss = np.abs(self(x) - y).mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {"loss": loss}


def test_a_train_step_of_the_users_own_needs_no_loss(tmp_path: Path) -> None:
    model = OwnStep([layers.Dense(K, input_shape=(D,))])
    model.compile("adam")
    x, y = data()
    w = np.ones(len(x))
    model.fit(x, y, sample_weight=w, verbose=0)
    model.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn", {"OwnStep": OwnStep})
    for one in (model, again):
        nn.set_seed(1)
        one.fit(x, y, sample_weight=w, verbose=0)
    assert_equal_weights(model, again)


# ---- what belongs to the state --------------------------------------------------------------------------------------


def test_layers_frozen_after_and_before_compile(tmp_path: Path) -> None:
    before = classifier()
    before.layers[0].trainable = False
    before.compile("adam", "mse")
    epoch(before, 1)
    before.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn")
    assert [p.name for p in again.optimizer.parameters] == ["dense_1.kernel", "dense_1.bias"]
    assert epoch(again, 2) == epoch(before, 2)
    after = trained(optimizers.Adam(), loss="mse")
    after.layers[0].trainable = False
    after.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn")
    assert [p.name for p in again.optimizer.parameters] == [p.name for p in after.optimizer.parameters]
    assert [p.requires_grad for p in again.weights] == [p.requires_grad for p in after.weights]
    assert state(again.optimizer) == state(after.optimizer)


def test_what_no_weight_decay_touches(tmp_path: Path) -> None:
    optimizer = optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma"])
    model = trained(optimizer)
    model.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn")
    assert epoch(again, 2) == epoch(model, 2)
    assert_equal_weights(again, model)
    other = optimizers.AdamW(0.01, weight_decay=0.5, parameters=again.parameters())
    other.load_state_dict(optimizer.state_dict())
    assert state(other) == state(optimizer)
    for wrong in (np.array([99]), np.array([[0]]), np.array([0.5])):
        with pytest.raises(ValueError, match="expected 'undecayed', numbers of parameters below 6"):
            other.load_state_dict(optimizer.state_dict() | {"undecayed": wrong})
        with pytest.raises(ValueError, match="expected an entry '0.momentum'"):
            other.load_state_dict({"undecayed": [0], **state_without(optimizer)})
        assert state(other) == state(optimizer)


def state_without(optimizer: Optimizer) -> dict[str, Any]:
    return {k: v for k, v in optimizer.state_dict().items() if k not in ("0.momentum", "undecayed")}


@pytest.mark.parametrize("make", [optimizers.ScheduleFreeAdamW, lambda: optimizers.Adam(use_ema=True)])
def test_saving_before_the_first_step_changes_nothing(make: Any, tmp_path: Path) -> None:
    models_ = []
    for save in (False, True):
        model = classifier()
        model.compile(make(), "mse")
        if save:
            model.save(tmp_path / "m.nn")
        for p in model.parameters():
            p.assign(p.data * 2)
        epoch(model, 1)
        models_.append(model)
    assert_equal_weights(*models_)
    assert state(models_[0].optimizer) == state(models_[1].optimizer)


def test_a_model_compiled_before_it_was_built(tmp_path: Path) -> None:
    model = models.Sequential([layers.Dense(K)])
    model.compile("adam", "mse")
    model(data()[0])
    model.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn")
    assert epoch(again, 2) == epoch(model, 2)


def test_an_optimizer_of_other_parameters_too_is_refused(tmp_path: Path) -> None:
    model, extra = classifier(), ag.tensor(np.ones((2, 7)), requires_grad=True)
    model.compile("sgd", "mse")
    model.optimizer.bind([*model.parameters(), extra])
    with pytest.raises(ValueError, match=r"the model's own parameters; it has 1 others, the first of shape \(2, 7\)"):
        model.save(tmp_path / "m.nn")


def test_the_weights_of_a_compiled_model_are_loaded_alone(tmp_path: Path) -> None:
    model, other = trained(optimizers.Adam()), trained(optimizers.SGD())
    model.save(tmp_path / "m.nn")
    others = set(safetensors.numpy.load_file(tmp_path / "m.nn")) - set(model.state_dict())
    assert others == {f"optimizer/{name}" for name in model.optimizer.state_dict()}
    other.load_weights(tmp_path / "m.nn")
    assert_equal_weights(model, other)
    model.save(tmp_path / "m.nn", include_optimizer=False)
    assert set(safetensors.numpy.load_file(tmp_path / "m.nn")) == set(model.state_dict())


def test_a_layer_whose_name_looks_like_the_optimizers_state(tmp_path: Path) -> None:
    nn.set_seed(0)
    model = models.Sequential([layers.Dense(K, name="optimizer/0", input_shape=(D,))])
    model.compile("sgd", "mse")
    model.optimizer.momentum = 0.5  # type: ignore[attr-defined]
    epoch(model, 1)
    model.save(tmp_path / "m.nn")
    again = load_model(tmp_path / "m.nn")
    assert_equal_weights(again, model)
    assert epoch(again, 2) == epoch(model, 2)


# ---- older, newer, hostile ------------------------------------------------------------------------------------------


def test_a_file_of_the_first_format_is_read() -> None:
    model = load_model(SAVED / "model_1.nn").eval()
    np.testing.assert_array_equal(model(np.ones((1, 3))).data, np.float32([[0.6659852266311646, 1.9582555294036865]]))
    assert model.get_compile_config() is None
    assert [name for name, m in model.named_modules() if not m.trainable] == ["hidden"]
    assert type(model.get_layer("inner").layers[0].kernel_initializer) is nn.initializers.Identity


def test_a_branched_model_of_before_keras_order_is_read_and_goes_on() -> None:
    """Its weights have their paths, and its optimizer's state the order that `parameters()` still has."""
    model = load_model(SAVED / "branched_1.nn")
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(8, 3)).astype("f") for _ in range(2)]
    y = {"z": rng.normal(size=(8, 1)).astype("f"), "k": rng.normal(size=(8, 2)).astype("f")}
    out = model.predict(x)
    np.testing.assert_allclose(out["z"][0], [0.3613623380661011], rtol=1e-5)
    np.testing.assert_allclose(out["k"][0], [-0.4448603689670563, -0.7886943817138672], rtol=1e-5)
    losses = model.fit(x, y, epochs=2, verbose=0, batch_size=8).history["loss"]
    np.testing.assert_allclose(losses, [5.714442253112793, 5.27777099609375], rtol=1e-5)


def describe(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Write the file of a compiled model with another description."""
    model = classifier()
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy", metrics.AUC()])
    epoch(model, 1)
    model.save(path / "m.nn")
    raw = (path / "m.nn").read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    head, body = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    about = json.loads(head["__metadata__"]["nn"])
    del about["crc32"]  # who means harm does not leave it
    about = change(about) or about
    head["__metadata__"]["nn"] = json.dumps(about)
    text = json.dumps(head).encode()
    (path / "bad.nn").write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path / "bad.nn"


def into(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change of one entry of a description."""

    def change(about: Any) -> None:
        for key in keys[:-1]:
            about = about[key]
        about[keys[-1]] = value

    return change


def function(name: Any) -> dict[str, Any]:
    return {"class_name": "function", "config": name}


CONFIG = ("compiled", "config")
HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "later": (into("format", value="model 3"), "of format 'model 2' or older; .* 'model 3'. Update autograd-lite"),
    "no model": (into("format", value="model x"), "expected a file that model.save"),
    "function": (into(*CONFIG, "loss", value=function("os.system")), "names the function 'os.system'"),
    "function of a module": (into(*CONFIG, "loss", value=function("nn.saving")), "names the function 'nn.saving'"),
    "function no name": (into(*CONFIG, "loss", value=function([])), "names the function"),
    "class": (into(*CONFIG, "loss", value={"class_name": "Popen", "config": {}}), "names the class 'Popen'"),
    "bare class": (into(*CONFIG, "loss", value={"class_name": "Hinge", "config": {}}), "names the class 'Hinge'"),
    "metric for a loss": (
        into(*CONFIG, "loss", value={"class_name": "metrics.Hinge", "config": {}}),
        "does not say how the model was compiled .*received the metric Hinge",
    ),
    "layer for an optimizer": (
        into(*CONFIG, "optimizer", value={"class_name": "layers.Flatten", "config": {}}),
        "expected an optimizer: a name or an Optimizer",
    ),
    "private": (into(*CONFIG, "loss", value={"class_name": "losses._OfIndices", "config": {}}), "names the class"),
    "argument": (into(*CONFIG, "evil", value=1), "evil.*Pass compile=False"),
    "rate": (
        into(*CONFIG, "optimizer", "config", "learning_rate", value="fast"),
        "learning_rate to be a finite number",
    ),
    "schedule": (
        into(*CONFIG, "optimizer", "config", "learning_rate", value={"class_name": "layers.Dense", "config": {}}),
        "does not say how",
    ),
    "much memory": (
        into(*CONFIG, "metrics", 1, "config", "num_thresholds", value=10**11),
        r"expected at most 268_435_456 elements in all arrays together; received .*max_elements",
    ),
    "much more memory": (
        into(*CONFIG, "metrics", 1, value={"class_name": "metrics.MeanIoU", "config": {"num_classes": 10**7}}),
        r"expected at most 268_435_456 elements in all arrays together; received .*max_elements",
    ),
    "no parameter": (into("compiled", "parameters", 0, value="nothing"), "does not say how .*'nothing'"),
    "twice": (into("compiled", "parameters", 0, value="dense.bias"), "does not say how .*there twice"),
    "no array": (
        into("compiled", "state", "dict", 0, 1, value={"array": "nothing"}),
        "does not describe a model: .*(\n.*)*unexpected: optimizer/iterations",
    ),
    "a weight as state": (
        into("compiled", "state", "dict", 0, 1, value={"array": "dense.kernel"}),
        "does not describe a model: .*expected layers with the weights that the file has",
    ),
    "no state": (into("compiled", "state", value=None), "does not describe a model: .*(\n.*)*unexpected: optimizer"),
    "no description": (into("compiled", value=[]), "does not describe a model: .*(\n.*)*unexpected: optimizer"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_descriptions_are_refused(name: str, tmp_path: Path) -> None:
    change, message = HOSTILE[name]
    path = describe(tmp_path, change)
    stream = ag.random.default_generator.state
    with pytest.raises(SavedFileError, match=message):
        load_model(path)
    assert ag.random.default_generator.state == stream
    if "compile=False" in message:
        assert load_model(path, compile=False).get_compile_config() is None


KEYS = st.sampled_from(["class_name", "config", "array", "dict", "tuple"])
LEAVES = st.sampled_from(
    [None, True, -1, 3, 10**12, 1e308, math.nan, "", "../x", "function", "layers.Dense", "metrics.AUC", [], {}]
) | st.recursive(
    st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_any_change_gives_a_model_or_one_clear_error(draw: Any, tmp_path_factory: Any) -> None:
    def change(about: Any) -> None:
        node: Any = about
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = draw.draw(st.sampled_from(keys))
            if not node[key] or not isinstance(node[key], (dict, list)) or draw.draw(st.integers(0, 4)) == 0:
                break
            node = node[key]
        if draw.draw(st.booleans()):
            node[key] = draw.draw(LEAVES)
        elif isinstance(node, dict):
            node[draw.draw(st.sampled_from(["x", "class_name", *map(str, node)]))] = node.pop(key)
        else:
            del node[key]

    path = describe(tmp_path_factory.mktemp("fuzz"), change)
    stream = ag.random.default_generator.state
    with contextlib.suppress(SavedFileError):
        model = load_model(path)
        assert model.predict(data()[0]).shape[0] == len(data()[0])
    assert ag.random.default_generator.state == stream

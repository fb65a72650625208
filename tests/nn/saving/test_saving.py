"""Saving: weights and whole models as safetensors; damaged and hostile files; round trips over random models."""

from __future__ import annotations

import contextlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from nn import layers, models
from nn.saving import SavedFileError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4))


def small(seed: int = 0) -> models.Sequential:
    nn.set_seed(seed)
    return models.Sequential(
        [nn.Input((4,)), layers.Dense(6, activation="relu"), layers.BatchNormalization(), layers.Dense(2)]
    )


def same(model: Any, other: Any, x: Any) -> None:
    """Assert that two models have the same weights under the same names, and compute the same."""
    a, b = model.state_dict(), other.state_dict()
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
        assert a[name].dtype == b[name].dtype
    with ag.no_grad():
        first, second = model.eval()(x), other.eval()(x)
    for p, q in zip(
        first if isinstance(first, list) else [first], second if isinstance(second, list) else [second], strict=True
    ):
        np.testing.assert_array_equal(p.data, q.data)


# ---- weights --------------------------------------------------------------------------------------------------------


def test_weights_round_trip_and_the_safetensors_library_reads_them(tmp_path: Path) -> None:
    model = small()
    model.save_weights(tmp_path / "w.safetensors")
    read = safetensors.numpy.load_file(tmp_path / "w.safetensors")
    assert set(read) == set(model.state_dict())
    for name, a in model.state_dict().items():
        np.testing.assert_array_equal(read[name], a)
    other = small(1)
    other.load_weights(str(tmp_path / "w.safetensors"))
    same(model, other, X)


def test_files_of_the_safetensors_library_are_read(tmp_path: Path) -> None:
    model, other = small(), small(1)
    safetensors.numpy.save_file(model.state_dict(), tmp_path / "w.safetensors", {"by": "another program"})
    other.load_weights(tmp_path / "w.safetensors")
    same(model, other, X)


@pytest.mark.parametrize("order", ["F", "strided", "big-endian"])
def test_layouts_in_memory_do_not_matter(tmp_path: Path, order: str) -> None:
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    given_ = {"F": np.asfortranarray(a), "strided": np.repeat(a, 2, 0)[::2], "big-endian": a.astype(">f4")}[order]
    from nn.saving.files import read_file, write_file

    write_file("test", tmp_path / "a", {"a": given_, "scalar": np.float64(3)})
    back, about = read_file("test", tmp_path / "a")
    np.testing.assert_array_equal(back["a"], a)
    assert back["scalar"].shape == ()
    assert about is None


def test_weights_that_do_not_fit_change_nothing(tmp_path: Path) -> None:
    model = small()
    before = model.state_dict()
    models.Sequential([layers.Dense(3, input_shape=(4,))]).save_weights(tmp_path / "w")
    with pytest.raises(ValueError, match=r"missing: batch_normalization\.gamma"):
        model.load_weights(tmp_path / "w")
    for name, a in model.state_dict().items():
        np.testing.assert_array_equal(a, before[name])


def test_an_unbuilt_model_is_refused(tmp_path: Path) -> None:
    for save in ("save_weights", "save"):
        with pytest.raises(ValueError, match="because its input shape is not known"):
            getattr(models.Sequential([layers.Dense(1)]), save)(tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


# ---- whole models ---------------------------------------------------------------------------------------------------


@st.composite
def random_models(draw: Any) -> tuple[Any, Any]:
    """Return a small functional model or Sequential, and inputs for it."""
    width = draw(st.integers(1, 4))
    kinds = st.sampled_from(["dense", "norm", "dropout", "activation", "layer norm"])

    def layer() -> Any:
        kind = draw(kinds)
        units, name = draw(st.integers(1, 4)), draw(st.sampled_from(["relu", "tanh", "softplus", None]))
        if kind == "dense":
            return layers.Dense(units, activation=name, use_bias=draw(st.booleans()), kernel_initializer="he_normal")
        if kind == "norm":
            return layers.BatchNormalization(momentum=0.9)
        if kind == "layer norm":
            return layers.LayerNormalization()
        return layers.Dropout(0.3, seed=draw(st.none() | st.just(5))) if kind == "dropout" else layers.Activation("elu")

    x = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(3, width))
    chain = [layer() for _ in range(draw(st.integers(1, 4)))]
    if draw(st.booleans()):
        lazy = draw(st.booleans())
        model: Any = models.Sequential([*([] if lazy else [nn.Input((width,))]), *chain, layers.Dense(1)])
        model.eval()(x)
        return model.train(), x
    a, b = nn.Input((width,)), nn.Input((width,), name="second")
    first, second = a, b
    for one in chain:
        first = one(first)
        if draw(st.booleans()) and first.shape[1] == width:
            first = first + b * draw(st.floats(-2, 2))
    outputs = [layers.Dense(2)(np.concatenate([first, second], axis=-1)), np.tanh(first)[:, :1]]
    return models.Model([a, b], outputs), [x, x * 0.5]


@settings(max_examples=60, deadline=None)
@given(made=random_models())
def test_random_models_round_trip(made: Any, tmp_path_factory: Any) -> None:
    model, x = made
    path = tmp_path_factory.mktemp("saved") / "m.nn"
    stream = ag.random.default_generator.state
    model.save(path)
    again = models.load_model(path)
    assert ag.random.default_generator.state == stream, "neither saving nor loading draws"
    same(model, again, x)
    again.save(path)
    same(model, models.load_model(path), x)


def test_a_whole_model_file_is_a_file_of_weights_too(tmp_path: Path) -> None:
    model, other = small(), small(1)
    model.save(tmp_path / "m.nn")
    assert set(safetensors.numpy.load_file(tmp_path / "m.nn")) == set(model.state_dict())
    other.load_weights(tmp_path / "m.nn")
    same(model, other, X)


def test_frozen_layers_and_own_streams_are_saved(tmp_path: Path) -> None:
    model = models.Sequential([nn.Input((4,)), layers.Dense(3), layers.Dropout(0.5, seed=1), layers.Dense(2)])
    model.layers[0].trainable = False
    model.train()(X)
    model.save(tmp_path / "m.nn")
    again = models.load_model(tmp_path / "m.nn")
    assert [p.name for p in again.parameters()] == ["dense_1.kernel", "dense_1.bias"]
    np.testing.assert_array_equal(model.train()(X).data, again.train()(X).data)


class Scaled(models.Model):
    def __init__(self, units: int, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.inner = layers.Dense(units)

    def call(self, x: ag.Tensor) -> ag.Tensor:
        return self.inner(x) * self.factor


def test_a_subclass_is_loaded_only_if_the_caller_names_it(tmp_path: Path) -> None:
    model = Scaled(2, factor=3.0)
    model(X)
    model.save(tmp_path / "m.nn")
    with pytest.raises(SavedFileError, match="names the class 'Scaled', which is not one of nn's"):
        models.load_model(tmp_path / "m.nn")
    again = models.load_model(tmp_path / "m.nn", custom_objects={"Scaled": Scaled})
    same(model, again, X)
    for wrong in (dict, 3):
        with pytest.raises(TypeError, match="expected custom_objects to be functions, and classes derived from nn's"):
            models.load_model(tmp_path / "m.nn", custom_objects={"Scaled": wrong})
    with pytest.raises(SavedFileError, match="names the class 'Scaled'"):
        models.load_model(tmp_path / "m.nn", custom_objects={"Scaled": os.system})


def test_a_function_that_is_not_registered_cannot_be_saved(tmp_path: Path) -> None:
    model = models.Sequential([layers.Dense(2, activation=lambda x: x, input_shape=(4,))])
    with pytest.raises(
        TypeError,
        match=r"received the function .*<lambda> as 'activation' of layers.Dense. Let files name it: decorate the "
        r"function with @nn.saving.register_keras_serializable\(\)",
    ):
        model.save(tmp_path / "m.nn")
    assert list(tmp_path.iterdir()) == []


def test_a_layer_in_two_models_cannot_be_saved(tmp_path: Path) -> None:
    x = nn.Input((4,))
    shared = layers.Dense(4)
    inner = models.Model(x, shared(x), name="inner")
    with pytest.raises(ValueError, match="'dense' is in 'model' and in 'inner'|'dense' is in 'inner' and in 'model'"):
        models.Model(x, inner(x) + shared(x)).save(tmp_path / "m.nn")
    inner(x)
    models.Model(x, inner(x) + inner(x * 2.0)).save(tmp_path / "m.nn")
    assert len(models.load_model(tmp_path / "m.nn").weights) == 2


# ---- damaged and hostile files --------------------------------------------------------------------------------------


def whole(tmp_path: Path) -> bytes:
    small().save(tmp_path / "m.nn")
    return (tmp_path / "m.nn").read_bytes()


def header(data: bytes) -> tuple[dict[str, Any], bytes]:
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def joined(head: Any, body: bytes) -> bytes:
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 100, -1, -40])
def test_truncated_files_are_refused(tmp_path: Path, cut: int) -> None:
    (tmp_path / "bad").write_bytes(whole(tmp_path)[:cut])
    for load in (models.load_model, small().load_weights):
        with pytest.raises(SavedFileError, match="damaged or of another kind"):
            load(tmp_path / "bad")


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 10**9) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"\xff\xfe",
    ],
    ids=["huge header", "large header", "no object", "no text"],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad").write_bytes(data)
    with pytest.raises(SavedFileError, match="damaged or of another kind"):
        models.load_model(tmp_path / "bad")


def test_offsets_outside_the_file_are_refused(tmp_path: Path) -> None:
    head, body = header(whole(tmp_path))
    name = next(n for n in head if n != "__metadata__")
    head[name]["data_offsets"] = [0, 10**9]
    (tmp_path / "bad").write_bytes(joined(head, body))
    with pytest.raises(SavedFileError, match="damaged"):
        models.load_model(tmp_path / "bad")


@settings(max_examples=150, deadline=None)
@given(at=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_gives_a_model_or_one_clear_error(tmp_path_factory: Any, at: float, byte: int) -> None:
    folder = tmp_path_factory.mktemp("changed")
    data = bytearray(whole(folder))
    (size,) = struct.unpack("<Q", data[:8])
    data[int(at * (8 + size))] = byte
    (folder / "bad").write_bytes(bytes(data))
    with contextlib.suppress(SavedFileError):
        models.load_model(folder / "bad")


def changed(tmp_path: Path, change: Any) -> Path:
    """Write a model's file whose description was changed."""
    head, body = header(whole(tmp_path))
    about = json.loads(head["__metadata__"]["nn"])
    del about["crc32"]  # who means harm does not leave it
    about = change(about) or about
    head["__metadata__"]["nn"] = about if isinstance(about, str) else json.dumps(about)
    (tmp_path / "bad").write_bytes(joined(head, body))
    return tmp_path / "bad"


def _with_layer(class_name: Any, config: Any) -> Any:
    def change(about: Any) -> None:
        about["model"]["config"]["layers"][0] = {"class_name": class_name, "config": config}

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_with_layer("Popen", {"args": ["true"]}), "names the class 'Popen', which is not one of nn's"),
        (_with_layer("os.system", {}), "names the class 'os.system'"),
        (_with_layer("__import__", {}), "names the class '__import__'"),
        (_with_layer(["layers.Dense"], {}), "names the class"),
        (_with_layer("Dense", {"units": 2}), "names the class 'Dense', which is not one of nn's"),
        (_with_layer("function", "losses.huber"), "expected a layer of a known class"),
        (_with_layer("layers.Operation", {"function": "load"}), "does not describe a model: .*expected one of"),
        (_with_layer("layers.Dense", {"units": -1}), "expected units to be a positive integer"),
        (_with_layer("layers.Dense", {"unit": 1}), "does not describe a model"),
        (
            _with_layer("layers.Dense", {"units": 10**10}),
            "expected layers with the weights that the file has",
        ),
        (_with_layer("layers.Dense", 3), "does not describe a model"),
        (_with_layer("initializers.Zeros", {}), "expected a layer of a known class"),
        (
            _with_layer("layers.Dense", {"units": 2, "kernel_initializer": {"class_name": "Evil", "config": {}}}),
            "'Evil'",
        ),
        (_with_layer("layers.Dense", {"units": 2, "activation": "exec"}), "expected the name of an activation"),
        (lambda about: about.pop("model") and None, "does not describe a model"),
        (lambda about: about.update(model=[]), "does not describe a model"),
        (lambda about: about.update(format="model 99"), "of format 'model 2' or older; .*'model 99'"),
        (lambda about: about.update(example=[{"shape": "x", "dtype": "y"}]), "does not describe a model"),
        (lambda about: "[" * 100_000, "damaged|expected JSON"),
        (lambda about: "{", "expected JSON"),
        (lambda about: "[]", "expected JSON"),
    ],
)
def test_hostile_descriptions_are_refused(tmp_path: Path, change: Any, message: str) -> None:
    path = changed(tmp_path, change)
    stream = ag.random.default_generator.state
    with pytest.raises(SavedFileError, match=message):
        models.load_model(path)
    assert ag.random.default_generator.state == stream


def test_names_that_look_like_paths_are_only_names(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    state = {**small().state_dict(), "../outside": np.ones(2, np.float32), "/tmp/nn-outside": np.ones(2, np.float32)}
    safetensors.numpy.save_file(state, folder / "w")
    with pytest.raises(ValueError, match=r"unexpected: \.\./outside"):
        small().load_weights(folder / "w")
    assert {p.name for p in tmp_path.rglob("*")} == {"inside", "w"}
    assert not Path("/tmp/nn-outside").exists()


def test_a_file_of_weights_is_no_model(tmp_path: Path) -> None:
    small().save_weights(tmp_path / "w")
    with pytest.raises(SavedFileError, match=r"A file of weights is for model\.load_weights"):
        models.load_model(tmp_path / "w")
    with pytest.raises(FileNotFoundError):
        models.load_model(tmp_path / "nothing")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = whole(tmp_path)

    def failing(*args: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="no space left"):
        small(1).save(tmp_path / "m.nn")
    assert (tmp_path / "m.nn").read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["m.nn"]

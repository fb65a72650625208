"""Files of Keras without Keras: which path becomes which file, what is refused, and what a refusal leaves alone."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers
from nn.saving import SavedFileError
from nn.saving.keras.archive import archive_bytes, read_archive
from nn.saving.keras.writing import describe

from .models import MODELS

h5py = pytest.importorskip("h5py")


def small(seed: int = 0) -> Any:
    nn.set_seed(seed)
    return nn.Sequential([nn.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(2)])


def equal(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back(name: str, tmp_path: Path) -> None:
    model = MODELS[name](nn)
    model.compile(nn.optimizers.Adam(0.02), "mse")
    model.save(tmp_path / "m.keras")
    again = nn.models.load_model(tmp_path / "m.keras")
    assert equal(again, model)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert [tuple(s.shape) for s in again.outputs] == [tuple(s.shape) for s in model.outputs]
    assert again.optimizer.get_config() == model.optimizer.get_config()
    fresh = MODELS[name](nn)
    model.save_weights(tmp_path / "m.weights.h5")
    fresh.load_weights(tmp_path / "m.weights.h5")
    assert equal(fresh, model)
    fresh.load_weights(tmp_path / "m.keras")


def test_layers_that_keras_lacks_come_back_too(tmp_path: Path) -> None:
    x = nn.Input((6,), dtype="int32")
    h = layers.PositionalEmbedding(6)(layers.Embedding(9, 8)(x))
    model = nn.Model(x, layers.TransformerBlock(2, 16)(h)[:, 0])
    model.save(tmp_path / "m.keras")
    again = nn.models.load_model(tmp_path / "m.keras")
    x = np.arange(12).reshape(2, 6) % 9
    assert np.array_equal(again.predict(x), model.predict(x))


def test_a_model_that_is_not_built_is_saved_without_weights(tmp_path: Path) -> None:
    model = nn.Sequential([layers.Dense(4, "tanh"), layers.Dense(2)])
    with pytest.warns(UserWarning, match="the model is not built"):
        model.save(tmp_path / "m.keras")
    again = nn.models.load_model(tmp_path / "m.keras")
    assert again.weights == []
    assert again(np.ones((1, 3))).shape == (1, 2)


class Counted(layers.Layer):
    """Keeps a number that is not a weight."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((1,), "ones")
        self.calls = 0

    def call(self, x: Any) -> Any:
        return x * self.scale

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store["calls"] = self.calls

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        self.calls = int(store["calls"])

    def save_assets(self, folder: str) -> None:
        Path(folder, "words").mkdir()
        Path(folder, "words", "first.txt").write_text(f"{self.calls} words")

    def load_assets(self, folder: str) -> None:
        self.words = Path(folder, "words", "first.txt").read_text()


def test_custom_classes_may_say_what_a_file_has(tmp_path: Path) -> None:
    model = nn.Sequential([nn.Input((3,)), Counted(), layers.Dense(2)])
    model.layers[0].calls = 7
    model.layers[0].scale.assign([2.5])
    model.save(tmp_path / "m.keras")
    again = nn.models.load_model(tmp_path / "m.keras", custom_objects={"Counted": Counted})
    assert (again.layers[0].calls, again.layers[0].scale.tolist()) == (7, [2.5])
    assert again.layers[0].words == "7 words"
    assert equal(again, model)
    other = nn.Sequential([nn.Input((3,)), Counted(), layers.Dense(2)])
    other.load_weights(tmp_path / "m.keras")
    assert (other.layers[0].calls, equal(other, model)) == (7, True)
    plain = nn.Sequential([nn.Input((3,)), layers.PReLU(), layers.Dense(2)])
    plain.save_weights(tmp_path / "m.weights.h5")
    before = other.get_weights()
    with pytest.raises(ValueError, match="do not fit this model|calls"):
        other.load_weights(tmp_path / "m.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))


def test_names_of_files(tmp_path: Path) -> None:
    model = small()
    for name, begins in (("m.keras", b"PK"), ("m.weights.h5", b"\x89HDF"), ("m.nn", b""), ("m.h5", b"")):
        path = tmp_path / name
        (model.save_weights if "weights" in name else model.save)(path)
        head = path.read_bytes()[:9]
        assert head.startswith(begins) if begins else head.endswith(b"{")
        with pytest.raises(FileExistsError, match="expected a new path with overwrite=False"):
            (model.save_weights if "weights" in name else model.save)(path, overwrite=False)


def test_old_files_of_ours_under_these_names_still_load(tmp_path: Path) -> None:
    model, other = small(), small(1)
    model.save(tmp_path / "m.nn")
    (tmp_path / "m.nn").rename(tmp_path / "m.keras")
    assert equal(nn.models.load_model(tmp_path / "m.keras"), model)
    model.save_weights(tmp_path / "m.safetensors")
    (tmp_path / "m.safetensors").rename(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    assert equal(other, model)


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    small().save_weights(tmp_path / "m.weights.h5")
    nn.set_seed(2)
    wide = nn.Sequential([nn.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(5)])
    before = wide.get_weights()
    with pytest.raises(ValueError, match=r"expected dense_1\.kernel \(4, 5\); the file has \(4, 2\)"):
        wide.load_weights(tmp_path / "m.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, wide.get_weights(), strict=True))
    deep = nn.Sequential([nn.Input((3,)), layers.Dense(4, "tanh")])
    with pytest.raises(ValueError, match="dense_1/vars/0: the file has an array"):
        deep.load_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="left out"):
        wide.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    assert np.array_equal(wide.get_weights()[0], small().get_weights()[0])
    assert np.array_equal(wide.get_weights()[2], before[2])
    small().save_weights(tmp_path / "m.safetensors")
    with pytest.warns(UserWarning, match=r"left out of .*dense_1\.bias, dense_1\.kernel"):
        wide.load_weights(tmp_path / "m.safetensors", skip_mismatch=True)


def test_without_h5py_only_its_files_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    model.save(tmp_path / "m.keras")
    monkeypatch.setitem(sys.modules, "h5py", None)
    for call in (
        lambda: model.save(tmp_path / "n.keras"),
        lambda: model.save_weights(tmp_path / "n.weights.h5"),
        lambda: nn.models.load_model(tmp_path / "m.keras"),
        lambda: model.load_weights(tmp_path / "m.keras"),
    ):
        with pytest.raises(ModuleNotFoundError, match="expected the package h5py.* pip install h5py"):
            call()
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]
    model.save(tmp_path / "m.nn")
    assert equal(nn.models.load_model(tmp_path / "m.nn"), model)


# ---- what a file may not hold ---------------------------------------------------------------------------------------


def changed(tmp_path: Path, change: Any, model: Any = None) -> Path:
    """Return the path of a model's file whose description a function has changed."""
    path = tmp_path / "m.keras"
    (model or small()).save(path)
    files = read_archive("test", "m.keras", path.read_bytes())
    about = json.loads(files["config.json"])
    change(about)
    path.write_bytes(archive_bytes({**files, "config.json": json.dumps(about).encode()}))
    return path


def dense(about: Any) -> Any:
    return about["config"]["layers"][1]["config"]


LAMBDA = {"class_name": "__lambda__", "config": {"code": "4wEAAAAA", "defaults": None, "closure": None}}
CHANGES: dict[str, tuple[Any, str]] = {
    "lambda": (lambda a: dense(a).update(activation=LAMBDA), "holds the code of a lambda, which is never run"),
    "class": (lambda a: a["config"]["layers"][1].update(class_name="Popen", module="subprocess"), "the class 'Popen'"),
    "module": (lambda a: a["config"]["layers"][1].update(class_name="system", module="os"), "the class 'system'"),
    "function": (
        lambda a: dense(a).update(activation={"module": "os", "class_name": "function", "config": "system"}),
        "it names the function 'system'",
    ),
    "argument": (lambda a: dense(a).update(renorm=True), "Dense has no argument renorm=True here"),
    "policy": (
        lambda a: dense(a).update(dtype={"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}),
        "received the policy 'mixed_float16'",
    ),
    "size": (lambda a: dense(a).update(units=10**6), "expected layers with the weights that the file has"),
    "huge size": (lambda a: dense(a).update(units=10**12), "expected layers with the weights that the file has"),
    "layers": (lambda a: a["config"].update(layers=3), "received 3"),
    "nothing": (lambda a: a.clear(), "holds no model of Keras"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_description_may_not_say(name: str, tmp_path: Path) -> None:
    change, message = CHANGES[name]
    with pytest.raises(SavedFileError, match=message):
        nn.models.load_model(changed(tmp_path, change))


def test_vocabularies(tmp_path: Path) -> None:
    def forgotten(about: Any) -> None:
        about["config"]["layers"][1]["config"]["vocabulary"] = None

    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(["a b c", "a b", "a"])
    numbers = layers.IntegerLookup(vocabulary=[7, 3])
    x, y = np.array([["b a"], ["c z"]]), np.array([[3], [8]])
    for layer, lines, given, kind in ((words, "\n[UNK]\na\nb\nc", x, "string"), (numbers, "-1\n7\n3\n", y, "int64")):
        model = nn.Sequential([nn.Input((1,), dtype=kind), layer])
        path = changed(tmp_path, lambda about: None, model)
        assert np.array_equal(nn.models.load_model(path).predict(given), model.predict(given))
        path = changed(tmp_path, forgotten, model)  # as Keras writes what a layer has learned
        files = read_archive("test", "m.keras", path.read_bytes())
        place = f"assets/layers/{layer.name}/vocabulary.txt"
        path.write_bytes(archive_bytes({**files, place: lines.encode()}))
        assert np.array_equal(nn.models.load_model(path).predict(given), model.predict(given))
        path.write_bytes(archive_bytes({**files, "assets/layers/other/vocabulary.txt": b"a"}))
        with pytest.raises(SavedFileError, match="which no layer here reads"):
            nn.models.load_model(path)

    def named(about: Any) -> None:
        about["config"]["layers"][1]["config"]["vocabulary"] = "/etc/hostname"

    model = nn.Sequential([nn.Input((1,), dtype="string"), layers.StringLookup(vocabulary=["a"])])
    with pytest.raises(SavedFileError, match="expected the tokens themselves in a configuration"):
        nn.models.load_model(changed(tmp_path, named, model))


def test_graphs_that_are_none(tmp_path: Path) -> None:
    def loop(about: Any) -> None:
        entry = next(e for e in about["config"]["layers"] if e["name"] == "first")
        entry["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = ["first", 0, 0]

    def missing(about: Any) -> None:
        about["config"]["output_layers"] = ["nowhere", 0, 0]

    for change in (loop, missing):
        with pytest.raises(SavedFileError, match="expected the configuration of a functional model"):
            nn.models.load_model(changed(tmp_path, change, MODELS["branches"](nn)))


def test_archives_that_are_incomplete(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda about: None)
    files = read_archive("test", "m.keras", path.read_bytes())
    old = json.dumps({"keras_version": "2.15.0"}).encode()
    for change, message in (
        ({"metadata.json": old}, "Keras 2 wrote it"),
        ({"model.weights.json": b"{}"}, "its weights are in several files"),
        ({"model.weights.h5": b"x"}, "it does not begin as an HDF5 file"),
        ({"config.json": b"[1"}, "holds no model of Keras"),
        ({"config.json": b"[" * 5000}, "holds no model of Keras"),
        ({"config.json": b"[1]"}, "expected a description"),
    ):
        path.write_bytes(archive_bytes({**files, **change}))
        with pytest.raises(SavedFileError, match=message):
            nn.models.load_model(path)
    del files["config.json"]
    path.write_bytes(archive_bytes(files))
    with pytest.raises(SavedFileError, match="it has no config"):
        nn.models.load_model(path)


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    small().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(SavedFileError, match="the weights of a model alone"):
        nn.models.load_model(tmp_path / "m.weights.h5")


def test_reading_draws_nothing_and_changes_nothing_else(tmp_path: Path) -> None:
    model = small()
    model.save(tmp_path / "m.keras")
    nn.set_seed(5)
    before = nn.random.normal((3,)).numpy()
    nn.set_seed(5)
    nn.models.load_model(tmp_path / "m.keras")
    assert np.array_equal(nn.random.normal((3,)).numpy(), before)
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


def test_callbacks_write_them(tmp_path: Path) -> None:
    model = small()
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3), np.float32), np.ones((8, 2), np.float32)
    callbacks = [
        nn.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"),
        nn.callbacks.ModelCheckpoint(tmp_path / "w.weights.h5", save_weights_only=True),
    ]
    model.fit(x, y, epochs=2, verbose=0, callbacks=callbacks)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.keras", "2.keras", "w.weights.h5"]
    again, other = nn.models.load_model(tmp_path / "2.keras"), small(3)
    other.load_weights(tmp_path / "w.weights.h5")
    assert equal(again, model)
    assert equal(other, model)
    assert again.optimizer.iterations == model.optimizer.iterations == 2


def test_from_config_takes_the_configurations_of_keras() -> None:
    for name, x in (("nested", {"x": np.ones((2, 3), np.float32)}), ("frozen", np.ones((2, 3), np.float32))):
        model = MODELS[name](nn)
        again = type(model).from_config(json.loads(json.dumps(describe(model)["config"])))
        again.set_weights(model.get_weights())
        assert all(np.array_equal(a, b) for a, b in zip(again.predict(x), model.predict(x), strict=True))


def test_the_archive_is_one_that_zipfile_reads(tmp_path: Path) -> None:
    small().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert json.loads(archive.read("metadata.json"))["keras_version"].startswith("3.")
        assert archive.testzip() is None

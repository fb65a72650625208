"""Files that are damaged, hostile or half written: one clear error, nothing half changed, and the old file stays."""

from __future__ import annotations

import contextlib
import json
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings, strategies as st

import autograd_lite as ag
import nn
from nn import layers, models
from nn.saving import SavedFileError, load_checkpoint, load_model, save_checkpoint
from nn.saving.files import read_file, write_file

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)


def compiled(seed: int = 0, optimizer: Any = "adam") -> models.Sequential:
    nn.set_seed(seed)
    model = models.Sequential(
        [nn.Input((3,)), layers.Dense(2, activation="tanh"), layers.Dropout(0.5, seed=2), layers.Dense(1)]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(X, X[:, :1], epochs=1, verbose=0)
    return model


def everything(model: Any) -> tuple[dict[str, bytes], dict[str, bytes], Any, Any, Any]:
    """Return all that loading may change."""
    return (
        {name: a.tobytes() for name, a in model.state_dict().items()},
        {name: a.tobytes() for name, a in model.optimizer.state_dict().items()},
        model.get_compile_config(),
        [value.state for m in model.layers for value in vars(m).values() if isinstance(value, ag.Generator)],
        ag.random.default_generator.state,
    )


def taken_apart(data: bytes) -> tuple[dict[str, Any], bytes]:
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def put_together(head: Any, body: bytes) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + body


# ---- damage ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: Any) -> dict[str, bytes]:
    """The bytes of a model's file and of a checkpoint."""
    folder, model = tmp_path_factory.mktemp("saved"), compiled()
    model.save(folder / "model")
    save_checkpoint(folder / "checkpoint", model, extra={"epoch": 3})
    return {name: (folder / name).read_bytes() for name in ("model", "checkpoint")}


@settings(max_examples=200, deadline=None)
@given(at=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255), kind=st.sampled_from(["model", "checkpoint"]))
def test_no_changed_byte_goes_unnoticed(
    saved: dict[str, bytes], tmp_path_factory: Any, at: float, change: int, kind: str
) -> None:
    path = tmp_path_factory.mktemp("changed") / "bad"
    data = bytearray(saved[kind])
    data[int(at * len(data))] ^= change
    path.write_bytes(bytes(data))
    expected = everything(compiled())
    model = None
    try:
        if kind == "model":
            model = load_model(path)
        else:
            model = compiled(1)
            before = everything(model)
            load_checkpoint(path, model)
    except SavedFileError:
        assert kind == "model" or everything(model) == before
    else:  # a space in the header, or the name of an entry that nothing reads
        assert everything(model)[:4] == expected[:4]


@pytest.mark.parametrize("kind", ["model", "checkpoint"])
def test_every_truncation_is_noticed(saved: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    data, path, model = saved[kind], tmp_path / "bad", compiled(1)
    before = everything(model)
    for cut in (*range(0, 40), *range(40, len(data), 97), len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(SavedFileError, match="damaged or of another kind"):
            load_model(path) if kind == "model" else load_checkpoint(path, model)
    assert everything(model) == before


# ---- hostile headers ------------------------------------------------------------------------------------------------

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
LATER = {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}
BODIES: dict[str, tuple[Any, int]] = {
    "overlapping": ({"a": F32, "b": {**F32, "data_offsets": [4, 12]}}, 12),
    "a gap": ({"a": F32, "b": {**LATER, "data_offsets": [12, 20]}}, 20),
    "bytes behind": ({"a": F32}, 9),
    "bytes missing": ({"a": F32, "b": LATER}, 15),
    "backwards": ({"a": {**F32, "data_offsets": [8, 0]}}, 8),
    "negative": ({"a": {**F32, "data_offsets": [-8, 0]}}, 8),
    "negative shape": ({"a": {**F32, "shape": [-2]}}, 8),
    "another shape": ({"a": {**F32, "shape": [3]}}, 8),
    "an overflow": ({"a": {**F32, "shape": [2**62, 4, 2]}}, 8),
    "fractions": ({"a": {**F32, "shape": [2.5]}}, 8),
    "no offsets": ({"a": {"dtype": "F32", "shape": [2]}}, 8),
    "an unknown dtype": ({"a": {**F32, "dtype": "object"}}, 8),
    "half a byte": ({"a": {**F32, "dtype": "F4", "shape": [3], "data_offsets": [0, 8]}}, 8),
    "bfloat16": ({"a": {**F32, "dtype": "BF16", "shape": [4]}}, 8),
    "complex": ({"a": {**F32, "dtype": "C64", "shape": [1]}}, 8),
    "metadata of numbers": ({"__metadata__": {"nn": 3}, "a": F32}, 8),
    "metadata no object": ({"__metadata__": [], "a": F32}, 8),
    "no JSON": (b"{'a'}", 0),
    "deep": (b"[" * 200_000, 0),
    "a name twice": (b'{"a":' + json.dumps(F32).encode() + b',"a":' + json.dumps(LATER).encode() + b"}", 16),
}


@pytest.mark.parametrize("name", BODIES)
def test_hostile_headers_are_refused(name: str, tmp_path: Path) -> None:
    head, size = BODIES[name]
    path, model = tmp_path / "bad", compiled(1)
    path.write_bytes(put_together(head, b"\0" * size))
    before = everything(model)
    kinds = r"expected arrays of real numbers that NumPy has; 'a' in .* is (BF16|C64)\. Convert it to float32"
    message = kinds if name in ("bfloat16", "complex") else "damaged or of another kind"
    for load in (load_model, model.load_weights, lambda p: load_checkpoint(p, model)):
        with pytest.raises(SavedFileError, match=message):
            load(path)
    assert everything(model) == before


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**9, 100_000_001])
def test_headers_longer_than_the_file_take_no_memory(length: int, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(struct.pack("<Q", length) + b"{}" * 50)
    with pytest.raises(SavedFileError, match="damaged or of another kind"):
        load_model(tmp_path / "bad")


def test_names_with_dots_are_only_names(tmp_path: Path) -> None:
    model = compiled()
    arrays = {f"model/{name}": a for name, a in model.state_dict().items()} | {"../../x": np.ones(1), "/x": np.ones(1)}
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    write_file("test", inside / "c", arrays, {"format": "checkpoint 1", "optimizer": None, "random": {"array": "/x"}})
    assert set(read_file("test", inside / "c")[0]) == set(arrays)
    before = everything(model)
    with pytest.raises(ValueError, match="state of the optimizer"):
        load_checkpoint(inside / "c", model)
    assert everything(model) == before
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["c"]


# ---- any change of what a file says ---------------------------------------------------------------------------------

KEYS = st.sampled_from(["class_name", "config", "array", "dict", "tuple", "format", "dtype", "shape", "data_offsets"])
VALUES = st.recursive(
    st.sampled_from([None, True, -1, 0, 3, 10**12, 1.5, "", "x", "../x", "F16", "checkpoint 1", "function"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)


def disturb(draw: Any, root: Any) -> None:
    """Replace, rename or remove one entry of a tree of dicts and lists."""
    node = root
    while True:
        key = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], (dict, list)) or not node[key] or draw(st.integers(0, 4)) == 0:
            break
        node = node[key]
    way = draw(st.integers(0, 3))
    if way < 2:
        node[key] = draw(VALUES)
    elif way == 2 and isinstance(node, dict):
        node[draw(KEYS)] = node.pop(key)
    else:
        del node[key]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), inner=st.booleans())
def test_any_changed_checkpoint_is_loaded_whole_or_not_at_all(
    saved: dict[str, bytes], tmp_path_factory: Any, data: Any, inner: bool
) -> None:
    head, body = taken_apart(saved["checkpoint"])
    about = json.loads(head["__metadata__"]["nn"])
    del about["crc32"]  # who means harm does not leave it
    disturb(data.draw, about if inner else head)
    if inner or "__metadata__" in head:
        head["__metadata__"] = {"nn": json.dumps(about)}
    path = tmp_path_factory.mktemp("fuzz") / "bad"
    path.write_bytes(put_together(head, body))
    model = compiled(1)
    before = everything(model)
    try:
        load_checkpoint(path, model)
    except ValueError:  # SavedFileError is one
        assert everything(model) == before
    else:
        assert everything(model)[0] == everything(compiled())[0]


@pytest.mark.parametrize("extra", [None, "x", [["a", 1]], {"dict": 3}, {"array": "nothing"}])
def test_wrong_values_of_ones_own_are_refused(saved: dict[str, bytes], tmp_path: Path, extra: Any) -> None:
    head, body = taken_apart(saved["checkpoint"])
    about = json.loads(head["__metadata__"]["nn"])
    del about["crc32"]
    head["__metadata__"]["nn"] = json.dumps(about | {"extra": extra})
    (tmp_path / "bad").write_bytes(put_together(head, body))
    model = compiled(1)
    before = everything(model)
    with pytest.raises(SavedFileError, match="expected your own values by name; received|not a whole checkpoint"):
        load_checkpoint(tmp_path / "bad", model)
    assert everything(model) == before


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_changed_header_of_a_model_is_loaded_whole_or_not_at_all(
    saved: dict[str, bytes], tmp_path_factory: Any, data: Any
) -> None:
    head, body = taken_apart(saved["model"])
    about = json.loads(head["__metadata__"]["nn"])
    del about["crc32"]
    head["__metadata__"]["nn"] = json.dumps(about)
    disturb(data.draw, head)
    path = tmp_path_factory.mktemp("fuzz") / "bad"
    path.write_bytes(put_together(head, body))
    model = compiled(1)
    before = everything(model)
    try:
        model.load_weights(path)
    except ValueError:
        assert everything(model) == before
    stream = ag.random.default_generator.state
    with contextlib.suppress(SavedFileError):
        load_model(path)
    assert ag.random.default_generator.state == stream


# ---- writing -------------------------------------------------------------------------------------------------------


def test_several_writers_leave_one_whole_file(tmp_path: Path) -> None:
    def writer(value: float) -> Callable[[], None]:
        return lambda: [write_file("test", tmp_path / "file", {"a": np.full(3000, value)}) for _ in range(10)] and None

    threads = [threading.Thread(target=writer(float(i))) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    a = safetensors.numpy.load_file(tmp_path / "file")["a"]
    assert len(set(a.tolist())) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"save_model: expected a folder that exists; received .*/no/m\.nn"):
        compiled().save(tmp_path / "no" / "m.nn")
    assert list(tmp_path.iterdir()) == []

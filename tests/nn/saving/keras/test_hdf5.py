"""HDF5 files are read in memory: no link, array or filter in them reaches anything else, and no array is larger."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn.saving import SavedFileError, max_elements
from nn.saving.keras.hdf5 import hdf5_bytes, read_hdf5

h5py = pytest.importorskip("h5py")


def made(fill: Callable[[Any], object]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def soft(file: Any) -> None:
    file["a"] = np.zeros(2)
    file["b"] = h5py.SoftLink("/a")


def external(file: Any) -> None:
    file["b"] = h5py.ExternalLink("other.h5", "/a")


def outside(file: Any) -> None:
    file.create_dataset("a", (2,), "f4", external=[("other.bin", 0, 8)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "a", (2,))
    file.create_virtual_dataset("a", layout)


def loop(file: Any) -> None:
    file.create_group("a")["b"] = file["/"]


def twice(file: Any) -> None:
    file["a"] = np.zeros(2)
    file["b"] = file["a"]


def deep(file: Any) -> None:
    file.create_group("/".join("a" * 1100))


def never_stored(file: Any) -> None:
    file.create_dataset("a", (1 << 40,), "f4", chunks=(1 << 10,))


def compressed(file: Any) -> None:
    file.create_dataset("a", data=np.zeros(1 << 16, np.float32), compression="gzip")


def text(file: Any) -> None:
    file["a"] = "words"


def compound(file: Any) -> None:
    file["a"] = np.zeros(2, [("x", "f4"), ("y", "i4")])


def references(file: Any) -> None:
    file.create_dataset("a", data=[file.ref], dtype=h5py.ref_dtype)


def complex_numbers(file: Any) -> None:
    file["a"] = np.zeros(2, complex)


def a_type(file: Any) -> None:
    file["a"] = np.dtype("f4")


def plugin(file: Any) -> None:
    file.create_dataset("a", data=np.zeros(1 << 10, np.float32), compression="lzf")


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (soft, "is a link to somewhere else"),
        (external, "is a link to somewhere else"),
        (outside, "takes its numbers from another file"),
        (virtual, "takes its numbers from another file"),
        (loop, "is in the file under two paths"),
        (twice, "is in the file under two paths"),
        (deep, "more than 1064 groups in one another"),
        (never_stored, "has more numbers than the file"),
        (text, "is not an array of numbers"),
        (compound, "is not an array of numbers"),
        (references, "is not an array of numbers"),
        (complex_numbers, "is not an array of numbers"),
        (a_type, "is neither a group nor an array"),
        (plugin, "is compressed by a plugin"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_what_is_refused(
    fill: Callable[[Any], object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with h5py.File("other.h5", "w") as other:
        other["a"] = np.ones(2, "f4")
    Path("other.bin").write_bytes(bytes(8))
    with pytest.raises(SavedFileError, match=message):
        read_hdf5("load_weights", "m.weights.h5", made(fill))


def test_compressed_arrays_take_no_more_memory_than_the_limit_allows() -> None:
    arrays, _ = read_hdf5("load_weights", "m.weights.h5", made(compressed))
    assert arrays["a"].shape == (1 << 16,)
    with max_elements(1 << 15), pytest.raises(SavedFileError, match="than max_elements allows"):
        read_hdf5("load_weights", "m.weights.h5", made(compressed))


def test_what_is_written_is_read(rng: np.random.Generator) -> None:
    kinds = (np.float32, np.float64, np.float16, np.int32, np.uint8, np.bool_)
    arrays = [rng.normal(size=(2, 3)).astype(kind) for kind in kinds] + [np.float32(2.5), np.zeros((0, 3), np.float32)]
    data = hdf5_bytes(
        "save_weights", {"": ("model", {}), "layers/dense": ("first", {str(i): a for i, a in enumerate(arrays)})}
    )
    found, old = read_hdf5("load_weights", "m.weights.h5", data)
    assert old == {}
    assert list(found) == [f"layers/dense/vars/{i}" for i in range(len(arrays))]
    for a, b in zip(arrays, found.values(), strict=True):
        assert (b.dtype, b.shape) == (a.dtype, a.shape)
        assert np.array_equal(a, b)


def test_truncations_are_noticed() -> None:
    data = hdf5_bytes("save_weights", {"a": ("a", {"0": np.arange(100.0)})})
    for cut in range(0, len(data), 97):
        with pytest.raises(SavedFileError, match="is damaged, or something else"):
            read_hdf5("load_weights", "m.weights.h5", data[:cut])

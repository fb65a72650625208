"""What reading a file may cost: a file that is refused, little; and where memory is short, the file is not to blame."""

from __future__ import annotations

import errno
import io
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd_lite.files import refused_as
from nn import layers
from nn.saving import SavedFileError, max_elements

h5py = pytest.importorskip("h5py", reason="files of Keras need h5py")
_MEGABYTE = 1 << 20
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def small() -> Any:
    return nn.Sequential([nn.Input((4,)), layers.Dense(3)])


def empty_dataset(path: Path, **how: Any) -> None:
    """Write weights whose kernel has 2**28 numbers, none of which is stored."""
    with h5py.File(path, "w") as file:
        group = file.require_group("layers/dense/vars")
        group.create_dataset("0", shape=(1 << 28,), dtype="f4", **how)
        group.create_dataset("1", data=np.zeros(3, "f4"))


def bomb(path: Path, name: str, content: bytes = b"") -> None:
    """Write an archive of 200 kB, of which a file unpacks to 200 MB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for other in {"config.json", "metadata.json", "model.weights.h5"} - {name}:
            archive.writestr(other, "{}")
        with archive.open(name, "w") as file:
            file.write(content)
            for _ in range(200):
                file.write(bytes(_MEGABYTE) if name.endswith("h5") else b"[" * _MEGABYTE)


HOSTILE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a compressed array without data": (
        "a.weights.h5",
        lambda path: empty_dataset(path, compression="gzip", chunks=(1 << 20,)),
    ),
    "an array without data": ("a.weights.h5", empty_dataset),
    "an archive of zeros": ("a.keras", lambda path: bomb(path, "model.weights.h5")),
    "an archive of zeros that begins as HDF5": (
        "a.keras",
        lambda path: bomb(path, "model.weights.h5", SIGNATURE),
    ),
    "a long description": ("a.keras", lambda path: bomb(path, "config.json")),
}


FEW = [n if i < 3 else pytest.param(n, marks=pytest.mark.ci) for i, n in enumerate(HOSTILE)]


@pytest.mark.parametrize("name", FEW)
def test_what_is_refused_costs_little(name: str, tmp_path: Path) -> None:
    file, make = HOSTILE[name]
    path = tmp_path / file
    make(path)
    assert path.stat().st_size < 2 * _MEGABYTE
    model = small()
    loads = [lambda: model.load_weights(path)] + [lambda: nn.models.load_model(path)] * (path.suffix == ".keras")
    for load in loads:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ValueError, match=r"do not fit this model|when it is unpacked"):
            load()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_an_honest_archive_that_is_compressed_is_read(tmp_path: Path) -> None:
    model = small()
    model.save(tmp_path / "m.keras")
    with (
        zipfile.ZipFile(tmp_path / "m.keras") as archive,
        zipfile.ZipFile(tmp_path / "packed.keras", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in archive.namelist():
            packed.writestr(entry, archive.read(entry))
    again = nn.models.load_model(tmp_path / "packed.keras")
    assert np.array_equal(again.layers[0].kernel.numpy(), model.layers[0].kernel.numpy())


def test_element_limit_lets_more_be_unpacked(tmp_path: Path) -> None:
    kernel = np.zeros((2500, 4000), np.float32)  # 40 MB that take 40 kB
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        weights = io.BytesIO()
        with h5py.File(weights, "w") as file:
            group = file.require_group("layers/dense/vars")
            group.create_dataset("0", data=kernel)
            group.create_dataset("1", data=np.zeros(4000, "f4"))
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", weights.getvalue())
    path = tmp_path / "m.keras"
    path.write_bytes(data.getvalue())
    model = nn.Sequential([nn.Input((2500,)), layers.Dense(4000)])
    with pytest.raises(SavedFileError, match="max_elements"):
        model.load_weights(path)
    with max_elements(1 << 26):
        model.load_weights(path)
    assert not model.layers[0].kernel.numpy().any()


class PanicException(BaseException):
    """As what libraries written in Rust raise."""


OF_MEMORY: dict[str, BaseException] = {
    "Python": MemoryError(),
    "NumPy": np._core._exceptions._ArrayMemoryError((1 << 50,), np.dtype("f4")),
    "the system": OSError(errno.ENOMEM, "Cannot allocate memory"),
    "HDF5": OSError("Can't synchronously read data (memory allocation failed for chunk)"),
    "Rust": PanicException("called `Result::unwrap()` on an `Err` value: PyErr { type: <class 'MemoryError'> }"),
}


@pytest.mark.parametrize("name", OF_MEMORY)
@pytest.mark.parametrize("is_cause", [False, True])
def test_too_little_memory_is_a_memory_error(name: str, is_cause: bool) -> None:
    def read() -> None:
        try:
            raise OF_MEMORY[name]
        except BaseException as error:
            if is_cause:
                raise SavedFileError("a part of it is damaged") from error
            raise

    with (
        pytest.raises(MemoryError),
        refused_as("load", lambda e: SavedFileError(f"damaged: {e}"), SavedFileError),
    ):
        read()


OF_THE_FILE = [
    ValueError("no header"),
    PanicException("index out of bounds"),
    KeyError("a"),
    KeyError("Unable to synchronously open object (memory allocation failed for on disk image buffer)"),
]


@pytest.mark.parametrize("error", OF_THE_FILE)
def test_other_errors_are_of_the_file(error: BaseException) -> None:
    with pytest.raises(SavedFileError, match="damaged"), refused_as("load", lambda e: SavedFileError(f"damaged: {e}")):
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_an_interrupt_is_no_error_of_the_file(error: BaseException) -> None:
    with pytest.raises(type(error)), refused_as("load", lambda e: SavedFileError(f"damaged: {e}")):
        raise error


# Under each limit a child reads a good file; what it says is the last line.
CHILD = """
import collections, os, re, resource, sys, tempfile
import numpy as np
import nn
from nn import layers

folder, kind = tempfile.mkdtemp(), sys.argv[1]


def model(n):
    made = nn.Sequential([nn.Input((n,)), layers.Dense(n), layers.Dense(2)])
    made.compile("adam", "mse")
    made.train_on_batch(np.ones((2, n)), np.ones((2, 2)))
    return made


def path(n):
    return f"{folder}/{n}.{kind}"


def save(n):
    model(n).save_weights(path(n)) if "weights" in kind else model(n).save(path(n))


def load(n, made):
    made.load_weights(path(n)) if "weights" in kind else nn.models.load_model(path(n))


def child(f, *args):
    read, write = os.pipe()
    if not os.fork():
        said = f(*args)
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
        os.write(write, str(said).encode())
        os._exit(0)
    os.close(write)
    status = os.wait()[1]
    return os.read(read, 1000).decode() or f"ended with {status}"


def attempt(more):
    made = model(N) if "weights" in kind else None
    used = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1])
    resource.setrlimit(resource.RLIMIT_AS, ((used + more) * 1024, -1))
    try:
        load(N, made)
    except BaseException as error:
        return type(error).__name__
    return "read"


N = 1000
save(4)
load(4, model(4))
child(save, N)
print(*collections.Counter(child(attempt, 4000 * k) for k in range(int(sys.argv[2]))))
"""


@pytest.mark.ci
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are Linux's")
@pytest.mark.parametrize("kind", ["nn", "keras", "weights.h5", "weights.safetensors"])
def test_a_good_file_is_read_or_memory_is_short(kind: str) -> None:
    ran = subprocess.run([sys.executable, "-c", CHILD, kind, "8"], capture_output=True, text=True, check=True)
    assert set(ran.stdout.split()) <= {"read", "MemoryError"}, ran.stdout + ran.stderr[-2000:]
    assert "MemoryError" in ran.stdout

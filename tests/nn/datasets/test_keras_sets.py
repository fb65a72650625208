"""The data sets that Keras has, from small files of the true format on a mirror of our own, against Keras itself."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import datasets
from nn.datasets import (
    DatasetError,
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    imdb,
    npz as npz_files,
    reuters,
    sources,
)
from nn.datasets.npz import parse_npz
from nn.datasets.pickled import parse_lists

from .small_set import Mirror

Serve = Callable[[str, bytes], Path]


@pytest.fixture
def serve(mirror: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Serve:
    """Return what puts a small file on a mirror in the place of a data set's, under the hash that it has."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("AUTOGRAD_LITE_DATA", raising=False)
    address, folder = mirror

    def put(name: str, data: bytes) -> Path:
        (dataset,) = (key for key, origin in sources.SOURCES.items() if any(f.name == name for f in origin.files))
        files = [
            replace(
                file,
                digest=(hashlib.md5 if len(file.digest) == 32 else hashlib.sha256)(data).hexdigest(),
            )
            if file.name == name
            else file
            for file in sources.SOURCES[dataset].files
        ]
        monkeypatch.setitem(sources.SOURCES, dataset, sources.Origin((address,), tuple(files)))
        (folder / name).write_bytes(data)
        return folder / name

    return put


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def ragged(rng: np.random.Generator, count: int, top: int = 40) -> Any:
    rows = [rng.integers(1, top, n).tolist() for n in rng.integers(1, 12, count)]
    rows[0] = [70_000, 300, 1]  # of four, two and one byte
    return np.array(rows, dtype=object)


def assert_same(found: Any, expected: Any) -> None:
    for ours, theirs in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.tolist() == theirs.tolist()


WORDS: list[dict[str, Any]] = [
    {},
    {"num_words": 20},
    {"num_words": 30, "skip_top": 5, "seed": 7},
    {"maxlen": 7, "num_words": 25},
    {"start_char": None, "oov_char": None, "num_words": 15},
    {"start_char": None, "index_from": 0, "skip_top": 3, "seed": 0},
    {"start_char": 9, "oov_char": 0, "index_from": 10, "maxlen": 9},
    {"oov_char": None, "skip_top": 10, "num_words": 0},
]


@pytest.fixture
def keras_reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], Any]:
    """Return what gives Keras's module of a data set, reading a file of ours."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="the peer keras is not installed")

    def module(name: str, path: Path) -> Any:
        from importlib import import_module

        monkeypatch.setattr(import_module(f"keras.src.datasets.{name}"), "get_file", lambda *_, **__: str(path))
        return getattr(keras.datasets, name)

    return module


@pytest.mark.ci
def test_reviews_are_those_of_keras(serve: Serve, keras_reads: Any, rng: np.random.Generator) -> None:
    x, x_test = ragged(rng, 40), ragged(rng, 30)
    path = serve("imdb.npz", npz(x_train=x, y_train=np.arange(40) % 2, x_test=x_test, y_test=np.arange(30) % 2))
    peer = keras_reads("imdb", path)
    for options in WORDS:
        assert_same(imdb.load_data(**options, progress=False), peer.load_data(**options))


@pytest.mark.ci
def test_newswires_are_those_of_keras(serve: Serve, keras_reads: Any, rng: np.random.Generator) -> None:
    peer = keras_reads("reuters", serve("reuters.npz", npz(x=ragged(rng, 60), y=rng.integers(0, 46, 60))))
    for options in [*WORDS, {"test_split": 0.0}, {"test_split": 0.37, "seed": 3}]:
        assert_same(reuters.load_data(**options, progress=False), peer.load_data(**options))
    assert reuters.get_label_names() == peer.get_label_names()


@pytest.mark.ci
@pytest.mark.parametrize("ours", [boston_housing, california_housing])
def test_houses_are_those_of_keras(serve: Serve, keras_reads: Any, rng: np.random.Generator, ours: Any) -> None:
    name = ours.__name__.rpartition(".")[2]
    columns = 13 if ours is boston_housing else 8
    file = npz(x=rng.normal(size=(700, columns)), y=rng.normal(size=700).astype(np.float32))
    peer = keras_reads(name, serve(f"{name}.npz", file))
    rows: list[dict[str, Any]] = [{}, {"seed": 1}, {"test_split": 0.13, "seed": 2}, {"test_split": 0.0}]
    if ours is california_housing:
        rows += [{"version": "small"}, {"version": "small", "test_split": 0.5}]
    for options in rows:
        assert_same(ours.load_data(**options, progress=False), peer.load_data(**options))
    for module in (ours, peer):
        with pytest.raises(ValueError, match="test_split"):
            module.load_data(test_split=1.0)


def tar_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.ci
@pytest.mark.parametrize("mode", ["fine", "coarse"])
def test_pictures_of_100_classes_are_those_of_keras(
    serve: Serve, keras_reads: Any, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str
) -> None:
    monkeypatch.setattr(cifar100, "_PARTS", [(path, 3) for path, _ in cifar100._PARTS])
    pixels, labels = rng.integers(0, 256, (2, 3, 3072), np.uint8), rng.integers(0, 20, (2, 3, 2), np.uint8)
    (tmp_path / "cifar-100-python").mkdir()
    for part, x, y in zip(("train", "test"), pixels, labels, strict=True):
        kept = {b"data": x, b"coarse_labels": y[:, 0].tolist(), b"fine_labels": y[:, 1].tolist()}
        (tmp_path / "cifar-100-python" / part).write_bytes(pickle.dumps(kept, 3))
    rows = np.concatenate([labels, pixels], axis=2)
    parts = zip(cifar100._PARTS, rows, strict=True)
    serve("cifar-100-binary.tar.gz", tar_of({path: row.tobytes() for (path, _), row in parts}))
    found = cifar100.load_data(mode, progress=False)
    expected = keras_reads("cifar100", tmp_path).load_data(mode)
    for ours, theirs in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == np.uint8


def test_cifar10_from_a_mirror(serve: Serve, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    parts = [(path, 3) for path, _ in cifar10._PARTS]
    monkeypatch.setattr(cifar10, "_PARTS", parts)
    pictures = rng.integers(0, 256, (18, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, (18, 1), dtype=np.uint8)
    rows = np.c_[labels, pictures.transpose(0, 3, 1, 2).reshape(18, -1)]
    serve(
        "cifar-10-binary.tar.gz",
        tar_of({path: rows[3 * i : 3 * i + 3].tobytes() for i, (path, _) in enumerate(parts)}),
    )
    (x, y), (x_test, y_test) = cifar10.load_data(progress=False)
    np.testing.assert_array_equal(np.concatenate([x, x_test]), pictures)
    np.testing.assert_array_equal(np.concatenate([y, y_test]), labels)
    monkeypatch.setattr(cifar10, "_PARTS", [(path, 4) for path, _ in parts])
    with pytest.raises(DatasetError, match=r"expected 12,292 bytes of .*data_batch_1\.bin; received 9,219"):
        cifar10.load_data(progress=False)


def test_reviews_and_their_words_from_a_mirror(serve: Serve, tmp_path: Path) -> None:
    x = np.array([[1, 2], [5], [1, 2, 3]], dtype=object)
    serve("imdb.npz", npz(x_train=x, y_train=np.array([1, 0, 1]), x_test=x, y_test=np.array([0, 0, 1])))
    words = {"the": 1, "and": 2, "a": 3, "film": 5}
    serve("imdb_word_index.json", json.dumps(words).encode())
    (found, y), (x_test, _) = imdb.load_data(path="mine.npz", num_words=7, progress=False)
    assert sorted(map(tuple, found)) == [(1, 2), (1, 4, 5), (1, 4, 5, 6)]
    assert {len(row): label for row, label in zip(found, y, strict=True)} == {2: 0, 3: 1, 4: 1}
    assert x_test.dtype == object
    assert imdb.get_word_index(progress=False) == words
    kept = tmp_path / "cache" / "autograd_lite" / "imdb"
    assert sorted(path.name for path in kept.iterdir()) == ["imdb_word_index.json", "mine.npz"]
    imdb.load_data("mine.npz", progress=False)
    assert Mirror.asked == ["/imdb.npz", "/imdb_word_index.json"]
    with pytest.raises(ValueError, match=r"expected path to be the name of a file.*received 'a/b\.npz'"):
        imdb.load_data("a/b.npz")
    with pytest.raises(ValueError, match=r"imdb\.load_data: .* received maxlen=2, and the shortest has 2 numbers"):
        imdb.load_data("mine.npz", maxlen=2)
    with pytest.raises(TypeError, match=r"imdb\.load_data: expected num_words to be a non-negative integer, or None"):
        imdb.load_data(num_words="7")  # type: ignore[arg-type]


def test_what_keras_has_downloaded_is_used(serve: Serve, tmp_path: Path) -> None:
    words = serve("reuters_word_index.json", b'{"the": 1}')
    kept = tmp_path / "keras" / "datasets" / words.name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(words.read_bytes())
    assert reuters.get_word_index(progress=False) == {"the": 1}
    assert Mirror.asked == []
    kept.write_bytes(b'{"the": 2}')  # of another version: left alone, and not used
    assert reuters.get_word_index(progress=False) == {"the": 1}
    assert Mirror.asked == ["/reuters_word_index.json"]
    assert kept.read_bytes() == b'{"the": 2}'


def test_a_changed_file_is_refused_before_it_is_read(serve: Serve) -> None:
    serve("reuters.npz", npz(x=np.array([[1], [2, 3]], dtype=object), y=np.arange(2))).write_bytes(b"PK other bytes")
    with pytest.raises(DatasetError, match="is not the right file: expected at most 3,000,000 bytes with SHA-256"):
        reuters.load_data(progress=False)
    serve("reuters_word_index.json", b"{}").write_bytes(b"[]")
    with pytest.raises(DatasetError, match="with MD5 99914b932bd37a50"):
        reuters.get_word_index(progress=False)


@pytest.mark.parametrize("name", ["imdb", "reuters", "boston_housing", "california_housing", "cifar100", "cifar10"])
def test_without_a_network_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("AUTOGRAD_LITE_DATA", raising=False)
    monkeypatch.setitem(sources.SOURCES, name, sources.SOURCES[name]._replace(mirrors=("http://127.0.0.1:9/",)))
    with pytest.raises(DatasetError) as error:
        getattr(datasets, name).load_data(progress=False)
    message = str(error.value)
    assert message.startswith(f"{name}: {sources.SOURCES[name].files[0].name} is not in {tmp_path}")
    for part in ("http://127.0.0.1:9/: URLError", "set AUTOGRAD_LITE_DATA", "load_sample() needs no network"):
        assert part in message


# ---- the reader of pickled lists ------------------------------------------------------------------------------------


class Harm:
    def __repr__(self) -> str:
        return "Harm()"

    """What a pickle of calls a function."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("harm"),))


def lists(*rows: Any) -> Any:
    return np.fromiter(rows, object)


def test_lists_of_integers_of_every_protocol(rng: np.random.Generator) -> None:
    rows = [*ragged(rng, 200), list(range(3000)), [], [-1, 2**31 - 1]]
    for protocol in (3, 4, 5):
        assert parse_lists(pickle.dumps(lists(*rows), protocol), "it") == rows
    old = pickle.dumps(lists([1, 300]), 3).replace(b"numpy._core", b"numpy.core").replace(b"C\x01b", b"U\x01b")
    assert parse_lists(old, "it") == [[1, 300]]


@pytest.mark.parametrize(
    "bad",
    [
        lists([1], [Harm()]),
        lists([1], [print]),
        lists([1], ["text"]),
        lists([1], [1.5]),
        lists([1], [[2]]),
        lists([1], 2),
        lists([1], [True]),
        lists([1], (1, 2)),
        lists([1], [10**12]),
        lists([1], np.arange(2)),
        lists(*[[1]] * 2),  # one list twice
        np.arange(3),
        [[1], [2]],
        Harm(),
    ],
    ids=repr,
)
def test_any_other_pickle_is_refused_and_not_run(bad: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for protocol in range(6):
        with pytest.raises(ValueError, match="parse_lists: expected it to hold lists of integers; received a"):
            parse_lists(pickle.dumps(bad, protocol), "it")
    assert list(tmp_path.iterdir()) == []


def test_a_length_that_is_not_that_of_the_list_is_refused() -> None:
    good = pickle.dumps(lists([1], [2]), 4)
    assert parse_lists(good, "it") == [[1], [2]]
    with pytest.raises(ValueError, match="an array whose length is not that of its list"):
        parse_lists(good.replace(b"K\x01K\x02\x85", b"K\x01K\x03\x85"), "it")


def test_the_two_ways_of_a_malicious_npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="asks for 'pathlib"):
        parse_npz(npz(x=lists([1], Harm())), ["x"], "it")
    with pytest.raises(ValueError, match=r"its header is .*M8\[s\]"):
        parse_npz(npz(x=np.zeros(2, "M8[s]")), ["x"], "it")
    with pytest.raises(ValueError, match="hold numbers that fill its shape; received complex128"):
        parse_npz(npz(x=np.zeros(2, complex)), ["x"], "it")
    assert list(tmp_path.iterdir()) == []


def test_arrays_have_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_files, "_MOST", 1000)
    assert len(parse_npz(npz(x=np.zeros(50)), ["x"], "it")[0]) == 50
    with pytest.raises(ValueError, match=r"expected x\.npy to have at most 1,000 bytes; it unpacks to more"):
        parse_npz(npz(x=np.zeros(200)), ["x"], "it")


def test_a_size_that_is_only_stated_costs_nothing() -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    for body, message in [
        (header.getvalue() + bytes(8), "fill its shape"),
        (b"\x93NUMPY\x09\x00", "its header is"),
    ]:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x.npy", body)
        with pytest.raises(ValueError, match=message):
            parse_npz(file.getvalue(), ["x"], "it")
    with pytest.raises(ValueError, match=r"There is no item named 'y\.npy'"):
        parse_npz(npz(x=np.arange(2)), ["y"], "it")

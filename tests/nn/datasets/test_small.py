"""The embedded text and regression set, the shapes made from a seed, and the downloaded sets on a mirror of our own."""

from __future__ import annotations

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from autograd_lite.extend import cache_folder
from nn import datasets
from nn.datasets import DatasetError, diabetes, fashion_mnist, text
from nn.datasets.fetch import DataFile
from nn.datasets.idx import encode_idx


def test_the_book_is_whole_and_states_its_origin() -> None:
    book = text.load_alice()
    assert book.isascii()
    assert book.lstrip().startswith("ALICE'S ADVENTURES IN WONDERLAND")
    assert book.rstrip().endswith("THE END")
    assert book.count("CHAPTER") == 12
    readme = (text.FOLDER / "README.md").read_text(encoding="utf-8")
    assert "public domain" in readme
    assert "Efron" in readme
    assert sum(path.stat().st_size for path in text.FOLDER.iterdir()) < 70_000


def test_characters_and_numbers_and_back() -> None:
    book = text.load_alice()[:5000]
    characters = text.vocabulary(book)
    numbers = text.encode(book, characters)
    assert text.decode(numbers, characters) == book
    x, y = text.windows(numbers, 20, 7)
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    assert text.decode(x[3], characters) == book[21:41]
    assert text.decode(y[-1, -1:], characters) == book[(len(x) - 1) * 7 + 20]
    with pytest.raises(ValueError, match="received 'ß'"):
        text.encode("ß", characters)
    with pytest.raises(ValueError, match="received length=5, step=5 and 5 characters"):
        text.windows(np.arange(5), 5)


def test_damaged_embedded_files_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(text, "FOLDER", tmp_path)
    with pytest.raises(DatasetError, match=r"text\.load_alice: .*Install the package"):
        text.load_alice()
    (tmp_path / text.FILE.name).write_bytes(gzip.compress(b"a" * text.FILE.size))
    with pytest.raises(DatasetError, match="is not the right file"):
        text.load_alice()


def test_diabetes_is_real() -> None:
    (x, y), (x_test, y_test) = diabetes.load_data(scaled=False)
    everything = np.concatenate([np.c_[x, y], np.c_[x_test, y_test]])
    assert everything.shape == (442, 11)
    np.testing.assert_allclose(everything.mean(0)[[0, 2, 10]], [48.5181, 26.37579, 152.13348], rtol=1e-5)
    # ordinary least squares on all patients: R² 0.5177, as the paper's data give
    (z, y), _ = diabetes.load_data(test_split=0.0)
    np.testing.assert_allclose(z.std(0), 1)
    design = np.c_[z, np.ones(442)]
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert 1 - residual.var() / y.var() == pytest.approx(0.5177, abs=1e-4)
    with pytest.raises(ValueError, match="received 1"):
        diabetes.load_data(test_split=1)


def test_diabetes_split_is_a_partition_that_a_seed_fixes() -> None:
    first, again, other = (diabetes.load_data(seed=s, scaled=False) for s in (1, 1, 2))
    np.testing.assert_array_equal(first[0][0], again[0][0])
    assert not np.array_equal(first[0][0], other[0][0])
    rows = [sorted(map(tuple, np.concatenate([d[0][0], d[1][0]]))) for d in (first, other)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("make", [datasets.two_moons, datasets.spirals, datasets.sphere_in_sphere])
def test_shapes_are_balanced_mixed_and_repeatable(make: object) -> None:
    x, y = make(101, seed=3)  # type: ignore[operator]
    assert x.shape[0] == y.shape[0] == 101
    assert np.bincount(y).tolist() == [51, 50]
    assert np.diff(y).any()
    assert (np.diff(y) != 0).sum() > 20
    np.testing.assert_array_equal(x, make(101, seed=3)[0])  # type: ignore[operator]
    assert not np.array_equal(x, make(101, seed=4)[0])  # type: ignore[operator]
    for bad in ({"n_samples": 1}, {"noise": -1.0}):
        with pytest.raises(ValueError, match="received"):
            make(**bad)  # type: ignore[operator]


def test_the_formulas_of_the_shapes() -> None:
    x, y = datasets.two_moons(200, noise=0.0, seed=0)
    np.testing.assert_allclose(np.linalg.norm(x[y == 0], axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(x[y == 1] - [1, 0.5], axis=1), 1)
    assert (x[y == 0][:, 1] > -1e-12).all()
    x, y = datasets.spirals(300, arms=3, turns=2.0, noise=0.0, seed=0)
    radius, angle = np.linalg.norm(x, axis=1), np.arctan2(x[:, 1], x[:, 0])
    turned = angle / (2 * np.pi) - 2 * radius - y / 3
    np.testing.assert_allclose((turned - turned.round())[radius > 0], 0, atol=1e-9)
    x, y = datasets.sphere_in_sphere(4000, dim=2, seed=0)
    radius = np.linalg.norm(x, axis=1)
    # uniform in the area: half of the disk's points lie inside of r/√2
    assert np.mean(radius[y == 0] < 0.5 / np.sqrt(2)) == pytest.approx(0.5, abs=0.04)
    assert np.mean(radius[y == 1] < np.sqrt((0.64 + 1) / 2)) == pytest.approx(0.5, abs=0.04)
    with pytest.raises(ValueError, match="inner <= outer"):
        datasets.sphere_in_sphere(inner=2.0)


def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTOGRAD_LITE_DATA", raising=False)


def test_fashion_mnist_from_a_mirror(
    mirror: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rng: np.random.Generator
) -> None:
    served(monkeypatch, tmp_path)
    address, folder = mirror
    arrays = [rng.integers(0, 256, s, dtype=np.uint8) for s in ((5, 28, 28), (5,), (2, 28, 28), (2,))]
    files = []
    for file, array in zip(fashion_mnist.FILES, arrays, strict=True):
        packed = gzip.compress(encode_idx(array))
        (folder / file.name).write_bytes(packed)
        files.append(DataFile(file.name, array.size + 16, hashlib.sha256(packed).hexdigest(), of_packed=True))
    monkeypatch.setattr(fashion_mnist, "FILES", tuple(files))
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (address,))
    (x, y), (x_test, y_test) = fashion_mnist.load_data(progress=False)
    for found, expected in zip((x, y, x_test, y_test), arrays, strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)
    (folder / files[1].name).write_bytes(gzip.compress(encode_idx(arrays[1] + 1)))
    (cache_folder("fashion_mnist") / files[1].name).unlink()
    with pytest.raises(DatasetError, match="is not the right file"):
        fashion_mnist.load_data(progress=False)

"""MNIST: the real files, the embedded sample, and what `available` says where the full set is not to be had."""

from __future__ import annotations

import ast
import gzip
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from autograd_lite.extend import cache_folder
from nn.datasets import DatasetError, fetch, mnist

from .small_set import Mirror, assert_small, write_files

FOLDER = Path(mnist.__file__).parent
PACKAGE = mnist.SAMPLE_IN_CHECKOUT.parent


@pytest.fixture(scope="module")
def real() -> tuple[mnist.Split, mnist.Split]:
    """The full MNIST set, if it lies where AUTOGRAD_LITE_DATA points."""
    folder = os.environ.get("AUTOGRAD_LITE_DATA")
    if not folder or not (Path(folder) / mnist.FILES[0].name).is_file():
        pytest.skip(f"the full MNIST set is not here: AUTOGRAD_LITE_DATA is {folder!r}")
    return mnist.load_data()


# What follows needs the full set, which a fresh checkout has not: .ci/run says where it is.
@pytest.mark.ci
def test_real_shapes_and_dtypes(real: tuple[mnist.Split, mnist.Split]) -> None:
    shapes = [array.shape for split in real for array in split]
    assert shapes == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    assert {array.dtype for split in real for array in split} == {np.dtype(np.uint8)}


@pytest.mark.ci
def test_real_content(real: tuple[mnist.Split, mnist.Split]) -> None:
    (x_train, y_train), (x_test, y_test) = real
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert x_train.mean() == pytest.approx(33.318, abs=1e-3)
    assert x_test.mean() == pytest.approx(33.791, abs=1e-3)


@pytest.mark.ci
def test_real_arrays_can_be_written(real: tuple[mnist.Split, mnist.Split]) -> None:
    assert all(array.flags.writeable and array.flags.c_contiguous for split in real for array in split)


@pytest.mark.ci
def test_sample_is_what_the_script_makes(real: tuple[mnist.Split, mnist.Split]) -> None:
    made = [array for split in mnist.sample_of(real) for array in split]
    sample = [array for split in mnist.load_sample() for array in split]
    for expected, array in zip(made, sample, strict=True):
        np.testing.assert_array_equal(array, expected, strict=True)


# The embedded sample.


def test_sample_is_real_and_stratified() -> None:
    (x_train, y_train), (x_test, y_test) = mnist.load_sample()
    assert (x_train.shape, y_train.shape) == ((6000, 28, 28), (6000,))
    assert (x_test.shape, y_test.shape) == ((1000, 28, 28), (1000,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    full = np.array([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
    np.testing.assert_allclose(np.bincount(y_train), full / 10, atol=1)
    assert np.bincount(y_test).min() > 80
    assert x_train.max() == 255
    # Real digits: the nearest class mean alone tells most of them apart.
    means = np.array([x_train[y_train == k].mean(0).ravel() for k in range(10)])
    distances = ((x_test.reshape(-1, 1, 784) - means) ** 2).sum(-1)
    assert (distances.argmin(1) == y_test).mean() > 0.75


def test_sample_is_small_and_states_its_origin() -> None:
    assert sum((mnist.sample_folder() / file.name).stat().st_size for file in mnist.SAMPLE_FILES) < 1_500_000
    text = " ".join((PACKAGE / "README.md").read_text(encoding="utf-8").split())
    assert "LeCun" in text
    assert "Creative Commons Attribution-Share Alike" in text


def test_damaged_sample_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = {file.name: (mnist.sample_folder() / file.name).read_bytes() for file in mnist.SAMPLE_FILES}
    monkeypatch.setattr(mnist, "SAMPLE_IN_CHECKOUT", tmp_path)
    with pytest.raises(DatasetError, match=r"mnist\.load_sample: .*No such file.*autograd-lite-digits again"):
        mnist.load_sample()
    write_files(tmp_path, files | {mnist.SAMPLE_FILES[1].name: gzip.compress(bytes(6008))})
    with pytest.raises(DatasetError, match="is not the right file: expected .* Install the package"):
        mnist.load_sample()


def test_the_sample_is_found_outside_of_a_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sample = mnist.load_sample()
    monkeypatch.setattr(mnist, "SAMPLE_IN_CHECKOUT", tmp_path / "none")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    def out_of_reach() -> None:
        raise DatasetError("mnist: no mirror answers")

    monkeypatch.setattr(mnist, "load_data", out_of_reach)
    with pytest.raises(DatasetError, match=r"pip install 'autograd-lite\[digits\]'.* downloads\.\nmnist: no mirror"):
        mnist.load_sample()
    monkeypatch.setattr(mnist, "load_data", lambda: sample)
    for split, same in zip(mnist.load_sample(), sample, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(split, same, strict=True))
    small = mnist.sample_of(sample, (100, 10))
    assert small[0][0].shape == (100, 28, 28)
    assert np.bincount(small[1][1]).tolist() == [1] * 10
    write_files(tmp_path / mnist.SAMPLE_PACKAGE, {"__init__.py": b""})
    importlib.invalidate_caches()
    with pytest.raises(DatasetError, match=r"No such file.*Install the package autograd-lite-digits again"):
        mnist.load_sample()
    monkeypatch.setattr(sys, "path", [str(PACKAGE)])
    importlib.invalidate_caches()
    for split, same in zip(mnist.load_sample(), sample, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(split, same, strict=True))


def test_available_when_here(small: dict[str, bytes]) -> None:
    write_files(cache_folder("mnist"), small)
    full, line = mnist.available()
    assert full
    assert line == f"MNIST: the full set of 70,000 digits, from {cache_folder('mnist')}"


def test_available_fetches(small: dict[str, bytes], mirror: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder = mirror
    write_files(folder, small)
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/", address))
    full, line = mnist.available(progress=False)
    assert full, line
    monkeypatch.setattr(mnist, "MIRRORS", ())
    assert_small(mnist.load_data())


def test_available_passes_over_a_bad_mirror(
    small: dict[str, bytes], mirror: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = mirror
    write_files(folder / "bad", dict.fromkeys(small, b"never a gzip"))
    write_files(folder / "good", small)
    monkeypatch.setattr(mnist, "MIRRORS", (f"{address}good/", f"{address}bad/"))
    monkeypatch.setattr(mnist, "first_to_answer", lambda *_: f"{address}bad/")
    full, line = mnist.available(progress=False)
    assert full, line


def test_available_without_network(small: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/",))
    full, line = mnist.available()
    assert not full
    assert line == (
        "MNIST: the full set is not on this machine and no mirror answers; using the embedded sample of 7,000 digits"
    )


def test_available_does_not_wait_for_a_hanging_lookup(small: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/",))
    monkeypatch.setattr(fetch, "_ask", lambda *_: time.sleep(10.0))
    start = time.monotonic()
    full, _ = mnist.available(seconds=0.1)
    assert not full
    assert time.monotonic() - start < 5


def test_available_gives_up_a_slow_mirror(
    small: dict[str, bytes], mirror: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = mirror
    write_files(folder / "slow", small)
    monkeypatch.setattr(mnist, "MIRRORS", (f"{address}slow/", address))
    start = time.monotonic()
    full, line = mnist.available(seconds=0.3, progress=False)
    assert time.monotonic() - start < 5
    assert not full
    assert "it could not be fetched within 0.3 seconds; using the embedded sample" in line
    assert Mirror.asked == [f"/slow/{mnist.FILES[0].name}"], "no mirror is tried when the time is over"
    assert not cache_folder("mnist").exists()


def test_module_level_imports_are_light() -> None:
    # The engine is light by a test of its own, and `nn` has imported it before any dataset.
    light = {"__future__", "numpy", "autograd_lite", *sys.stdlib_module_names} - {"urllib", "http", "ssl"}
    for file in FOLDER.glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= light, file
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert (node.module or "").partition(".")[0] in light, file


def test_loading_the_sample_needs_no_network_module() -> None:
    code = (
        "import sys; from nn.datasets import mnist; before = set(sys.modules); mnist.load_sample();"
        "print(sorted({'urllib.request', 'http.client', 'ssl', 'tqdm'} & (set(sys.modules) - before)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

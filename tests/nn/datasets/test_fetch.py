"""Finding, checking, downloading and installing files: whatever goes wrong, one clear error and nothing half-done."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import stat
import sys
import tracemalloc
from pathlib import Path

import pytest

from autograd_lite.extend import cache_folder
from nn.datasets import DatasetError, fetch, mnist
from nn.datasets.fetch import DataFile

from .small_set import DAMAGE, Mirror, assert_small, content_of, write_files


def test_given_folder_is_used_first(small: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_files(tmp_path / "given", small)
    write_files(cache_folder("mnist"), dict.fromkeys(small, b"never read"))
    monkeypatch.setenv("AUTOGRAD_LITE_DATA", str(tmp_path / "given"))
    assert_small(mnist.load_data())


def test_subfolder_of_given_folder_is_used(
    small: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_files(tmp_path / "given" / "mnist", small)
    monkeypatch.setenv("AUTOGRAD_LITE_DATA", str(tmp_path / "given"))
    assert_small(mnist.load_data())


def test_cache_serves_what_the_given_folder_lacks(
    small: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUTOGRAD_LITE_DATA", str(tmp_path / "not there"))
    write_files(cache_folder("mnist"), small)
    assert_small(mnist.load_data())


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "{base}/autograd_lite/mnist"),
        ("linux", "", "{home}/.cache/autograd_lite/mnist"),
        ("darwin", "", "{home}/Library/Caches/autograd_lite/mnist"),
        ("win32", "LOCALAPPDATA", "{base}/autograd_lite/mnist"),
    ],
)
def test_cache_dir(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variable: str, expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "base"))
    assert cache_folder("mnist") == Path(expected.format(base=tmp_path / "base", home=tmp_path / "home"))


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_file_in_cache_is_kept_aside(small: dict[str, bytes], kind: str) -> None:
    damage, message = DAMAGE[kind]
    name = mnist.FILES[0].name
    bad = damage(small[name])
    write_files(cache_folder("mnist"), small | {name: bad})
    with pytest.raises(DatasetError, match=message) as error:
        mnist.load_data()
    aside = cache_folder("mnist") / f"{name}.rejected"
    assert f"kept aside as {aside}; call again to download a fresh copy" in str(error.value)
    assert aside.read_bytes() == bad
    assert not (cache_folder("mnist") / name).exists()


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_file_of_the_user_is_left_alone(
    small: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    damage, message = DAMAGE[kind]
    name = mnist.FILES[0].name
    bad = damage(small[name])
    monkeypatch.setenv("AUTOGRAD_LITE_DATA", str(tmp_path / "given"))
    write_files(tmp_path / "given", small | {name: bad})
    with pytest.raises(DatasetError, match=message) as error:
        mnist.load_data()
    assert "it was left as it is: replace it, or unset AUTOGRAD_LITE_DATA" in str(error.value)
    assert {path.name for path in (tmp_path / "given").iterdir()} == set(small)
    assert (tmp_path / "given" / name).read_bytes() == bad


@pytest.mark.parametrize("bad", [gzip.compress(bytes(1 << 25)), bytes(1 << 23)], ids=["a bomb", "a huge file"])
def test_memory_is_bounded_by_the_right_size(small: dict[str, bytes], bad: bytes) -> None:
    write_files(cache_folder("mnist"), small | {mnist.FILES[0].name: bad})
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError):
            mnist.load_data()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_no_flipped_bit_gives_other_content(small: dict[str, bytes]) -> None:
    file = mnist.FILES[1]
    packed = small[file.name]
    content = fetch.unpack(packed, file, "it")
    refused = 0
    for bit in range(8 * len(packed)):
        bad = bytearray(packed)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            # Gzip's time stamp and its like carry no content: a flip there changes nothing.
            assert fetch.unpack(bytes(bad), file, "it") == content
        except DatasetError:
            refused += 1
    assert refused > 4 * len(packed)


def test_unreadable_file_is_reported(small: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(cache_folder("mnist"), small)

    def refuse(*_: object) -> None:
        raise PermissionError("Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DatasetError, match=r"train-images.* cannot be read \(Permission denied\)"):
        mnist.load_data()


def test_wrong_magic_with_the_right_hash_is_refused(
    small: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = b"\x00\x00\x09" + content_of(1)[3:]
    file = DataFile(mnist.FILES[1].name, len(wrong), hashlib.sha256(wrong).hexdigest())
    monkeypatch.setattr(mnist, "FILES", (mnist.FILES[0], file, *mnist.FILES[2:]))
    write_files(cache_folder("mnist"), small | {file.name: gzip.compress(wrong)})
    with pytest.raises(DatasetError, match="mnist: parse_idx: train-labels.* received 00 00 09 01"):
        mnist.load_data()


def test_default_mirrors_are_https() -> None:
    assert len(mnist.MIRRORS) >= 2
    assert all(re.fullmatch(r"https://[^?#]+/", address) for address in mnist.MIRRORS)


def test_download_installs_and_is_not_repeated(
    small: dict[str, bytes],
    mirror: tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address, folder = mirror
    write_files(folder, small)
    monkeypatch.setattr(mnist, "MIRRORS", (address,))
    assert_small(mnist.load_data())
    assert "train-images-idx3-ubyte.gz: 100%" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in cache_folder("mnist").iterdir()} == small
    assert len(Mirror.asked) == 4
    assert_small(mnist.load_data())
    assert len(Mirror.asked) == 4


def test_download_can_be_silent(
    small: dict[str, bytes],
    mirror: tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address, folder = mirror
    write_files(folder, small)
    monkeypatch.setattr(mnist, "MIRRORS", (address,))
    assert_small(mnist.load_data(progress=False))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", [kind for kind in DAMAGE if kind != "empty"])
def test_bad_mirror_is_passed_over(
    small: dict[str, bytes], mirror: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    address, folder = mirror
    name = mnist.FILES[0].name
    bad = DAMAGE[kind][0](small[name])
    write_files(folder / "bad", small | {name: bad})
    write_files(folder / "good", small)
    monkeypatch.setattr(mnist, "MIRRORS", (f"{address}missing/", f"{address}bad/", f"{address}good/"))
    assert_small(mnist.load_data(progress=False))
    kept = {path.name: path.read_bytes() for path in cache_folder("mnist").iterdir()}
    small_enough = len(bad) <= mnist.FILES[0].max_packed
    assert kept == small | ({f"{name}.rejected": bad} if small_enough else {})


def test_failed_download_leaves_nothing(
    small: dict[str, bytes], mirror: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = mirror
    monkeypatch.setattr(mnist, "MIRRORS", (f"{address}a/", "http://127.0.0.1:9/"))
    with pytest.raises(DatasetError) as error:
        mnist.load_data(progress=False)
    assert not cache_folder("mnist").exists()
    message, name = str(error.value), "train-images-idx3-ubyte.gz"
    assert f"mnist: {name} is not in {cache_folder('mnist')}, and could not be downloaded" in message
    assert f"{address}a/: HTTPError: HTTP Error 404" in message
    assert "http://127.0.0.1:9/: URLError" in message
    assert "set AUTOGRAD_LITE_DATA to it" in message
    assert "mnist.load_sample() needs no network" in message


@pytest.mark.parametrize(
    ("behaviour", "timeout", "message"),
    [("silent", 0.2, "TimeoutError|timed out"), ("endless", 5.0, "sends more than 5,791 bytes")],
)
def test_misbehaving_mirror_is_given_up(
    small: dict[str, bytes],
    mirror: tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    behaviour: str,
    timeout: float,
    message: str,
) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", (f"{mirror[0]}{behaviour}/",))
    with pytest.raises(DatasetError, match=message):
        mnist.load_data(timeout=timeout, progress=False)
    assert not cache_folder("mnist").exists()


def test_interrupted_set_goes_on_from_what_is_verified(
    small: dict[str, bytes], mirror: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = mirror
    names = list(small)
    write_files(folder, {name: small[name] for name in names[:2]})
    monkeypatch.setattr(mnist, "MIRRORS", (address,))
    with pytest.raises(DatasetError, match="t10k-images"):
        mnist.load_data(progress=False)
    assert sorted(path.name for path in cache_folder("mnist").iterdir()) == sorted(names[:2])
    write_files(folder, small)
    Mirror.asked.clear()
    assert_small(mnist.load_data(progress=False))
    assert Mirror.asked == [f"/{name}" for name in names[2:]]


def test_full_disk_is_reported_and_leaves_nothing(
    small: dict[str, bytes], mirror: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = mirror
    write_files(folder, small)
    monkeypatch.setattr(mnist, "MIRRORS", (address,))

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DatasetError, match="was downloaded but cannot be written to .*No space left on device"):
        mnist.load_data(progress=False)
    assert list(cache_folder("mnist").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="folders can be synced on POSIX only")
def test_installing_syncs_the_whole_file_and_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def watch(handle: int) -> None:
        status = os.fstat(handle)
        synced.append("folder" if stat.S_ISDIR(status.st_mode) else status.st_size)

    monkeypatch.setattr(os, "fsync", watch)
    fetch.install(b"content", tmp_path / "file")
    assert synced == [7, "folder"]


def test_installing_replaces_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    seen = []
    replace = os.replace

    def watch(source: str, destination: Path) -> None:
        seen.append((Path(source).read_bytes(), target.read_bytes(), Path(source).parent))
        replace(source, destination)

    monkeypatch.setattr(os, "replace", watch)
    fetch.install(b"new", target)
    assert seen == [(b"new", b"old", tmp_path)]
    assert target.read_bytes() == b"new"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch.install(b"newer", target)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"new"

"""`get_file` against Keras, over a server of our own; and what archives may not do."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import random
import tarfile
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

import nn
from nn.datasets import DatasetError
from nn.utils import archives, files, get_file
from nn.utils.archives import unpack

TREE = {"top/a.txt": b"a" * 1000, "top/deep/b.bin": bytes(range(256)), "c.txt": b""}


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and remembers what it was asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"ten bytes.")
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "plain.txt").write_bytes(b"content")
    for suffix in ("tar", "tar.gz", "tar.bz2", "tar.xz"):
        (folder / f"tree.{suffix}").write_bytes(tar(TREE, suffix.rpartition(".")[2].replace("tar", "")))
    (folder / "tree.zip").write_bytes(zipped(TREE))
    Server.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Server, directory=str(folder))) as serving:
        threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/", folder
        serving.shutdown()


def tar(tree: dict[str, bytes], kind: str = "", *entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    mode: Any = f"w:{kind}"
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in tree.items():
            archive.addfile(info(name, size=len(data)), io.BytesIO(data))
        for entry, data in entries:
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def info(name: str, **values: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(made, key, value)
    return made


def zipped(tree: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in tree.items():
            archive.writestr(name, data)
    return stream.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# ---- names and downloads --------------------------------------------------------------------------------------------


CALLS: list[dict[str, Any]] = [
    {"origin": "plain.txt"},
    {"origin": "plain.txt?version=2", "fname": "other"},
    {"origin": "plain.txt", "cache_subdir": "sub/folder", "fname": Path("p.q")},
    {"origin": "tree.tar.gz", "extract": True},
    {"origin": "tree.tar.gz", "fname": "tree.tar.gz", "extract": True},
    {"origin": "tree.tar.bz2", "fname": "tree", "untar": True},
    {"origin": "tree.tar.xz", "fname": "x.y.z", "extract": True, "archive_format": "tar"},
    {"origin": "tree.tar", "extract": True, "archive_format": ["zip", "tar"]},
    {"origin": "tree.zip", "fname": "zipped", "extract": True},
    {"origin": "tree.zip", "extract": True, "archive_format": "tar"},
    {"origin": "tree.zip", "extract": True, "archive_format": None},
    {"origin": "plain.txt", "file_hash": hashlib.sha256(b"content").hexdigest()},
    {"origin": "plain.txt", "md5_hash": hashlib.md5(b"content").hexdigest()},
    {"origin": "plain.txt", "file_hash": hashlib.md5(b"content").hexdigest(), "force_download": True},
]


@pytest.mark.ci
def test_paths_and_files_are_those_of_keras(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="the peer keras is not installed")
    for number, call in enumerate(CALLS):
        homes = [tmp_path / f"{who}{number}" for who in ("ours", "theirs")]
        results = []
        for home, function in zip(homes, (get_file, keras.utils.get_file), strict=True):
            home.mkdir()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                path = function(**{**call, "origin": server[0] + call["origin"], "cache_dir": str(home)})
            results.append((os.path.relpath(path, home), type(path), contents(home), len(caught) > 0))
        assert results[0] == results[1], call
    theirs = keras.utils.get_file(
        origin=server[0] + "plain.txt", cache_dir=tmp_path / "missing", fname="ours_and_theirs"
    )
    assert get_file(origin=server[0] + "plain.txt", cache_dir=tmp_path / "missing", fname="ours_and_theirs") == theirs
    os.unlink(theirs)


def test_a_file_is_downloaded_once_and_whole(server: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = server
    sha = hashlib.sha256(b"content").hexdigest()
    path = Path(get_file("a", address + "plain.txt", cache_dir=tmp_path))
    assert path == tmp_path / "datasets" / "a"
    assert get_file("a", address + "plain.txt", cache_dir=tmp_path, file_hash=sha) == str(path)
    assert len(Server.asked) == 1
    path.write_bytes(b"another")
    assert Path(get_file("a", address + "plain.txt", cache_dir=tmp_path)).read_bytes() == b"another"
    get_file("a", address + "plain.txt", cache_dir=tmp_path, file_hash=sha)
    assert path.read_bytes() == b"content"
    (folder / "plain.txt").write_bytes(b"a new version")
    with pytest.raises(
        ValueError, match=f"get_file: expected .*plain.txt to have the sha256 {sha}; received a file with"
    ):
        get_file("a", address + "plain.txt", cache_dir=tmp_path, file_hash=sha, force_download=True)
    assert path.read_bytes() == b"content"
    get_file("a", address + "plain.txt", cache_dir=tmp_path, force_download=True)
    assert path.read_bytes() == b"a new version"
    for name in ("missing", "cut"):
        with pytest.raises(
            DatasetError, match=r"get_file: expected http.* to be downloadable; received .*(404|only 10)"
        ):
            get_file(origin=address + name, cache_dir=tmp_path)
    assert [p.name for p in path.parent.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({}, "expected origin to be an address"),
        ({"origin": "http://h/"}, "without folders; received ''. Pass fname"),
        ({"origin": "http://h/.."}, "received '..'"),
        ({"origin": "http://h/x", "fname": "a/b"}, "received 'a/b'. Name the folders in cache_subdir"),
        ({"origin": "http://h/x", "hash_algorithm": "crc"}, "expected hash_algorithm to be one of auto, sha256, md5"),
        ({"origin": "http://h/x", "archive_format": "rar"}, "expected archive_format to be one of tar, zip"),
    ],
)
def test_wrong_arguments(call: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"get_file: .*{message}"):
        get_file(**call)


def test_the_cache_is_that_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert files._cache_dir(None) == tmp_path / ".keras"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "mine"))
    assert files._cache_dir(None) == tmp_path / "mine"


# ---- archives -------------------------------------------------------------------------------------------------------


def unpacked(data: bytes, tmp_path: Path) -> Path:
    (tmp_path / "archive").write_bytes(data)
    assert unpack(tmp_path / "archive", tmp_path / "in" / "out", ("tar", "zip"))
    return tmp_path / "in" / "out"


@pytest.mark.parametrize("make", [tar, functools.partial(tar, kind="gz"), zipped], ids=["tar", "tar.gz", "zip"])
def test_unpacking_goes_over_what_is_there(make: Callable[..., bytes], tmp_path: Path) -> None:
    folder = unpacked(make(TREE), tmp_path)
    assert contents(folder) == {name.replace("/", os.sep): data for name, data in TREE.items()}
    (folder / "top" / "own.txt").write_bytes(b"mine")
    unpacked(make({**TREE, "c.txt": b"new"}), tmp_path)
    assert (folder / "c.txt").read_bytes() == b"new"
    assert (folder / "top" / "own.txt").read_bytes() == b"mine"
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["out"]
    for other in ({"new": b"", "top": b"a file"}, {"new": b"", "c.txt/x": b"in a folder"}):
        with pytest.raises(ValueError, match="does not fit to what is in the folder"):
            unpacked(make(other), tmp_path)
    assert not (folder / "new").exists()


def test_links_inside_and_programs(tmp_path: Path) -> None:
    entries = [
        (info("run", size=2, mode=0o4755), b"hi"),
        (info("top/up", type=tarfile.SYMTYPE, linkname="../c.txt"), b""),
        (info("dir", type=tarfile.SYMTYPE, linkname="top/deep"), b""),
        (info("same", type=tarfile.LNKTYPE, linkname="top/a.txt"), b""),
        (info("c.txt", size=3), b"two"),  # of two entries with one name, the later one counts
    ]
    folder = unpacked(tar(TREE, "", *entries), tmp_path)
    assert (folder / "top" / "up").read_bytes() == b"two"
    assert (folder / "dir" / "b.bin").read_bytes() == TREE["top/deep/b.bin"]
    assert (folder / "same").read_bytes() == TREE["top/a.txt"]
    assert (folder / "run").stat().st_mode & 0o7777 == 0o755


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return info(name, type=kind, linkname=target), b""


def plain(name: str, data: bytes = b"evil") -> tuple[tarfile.TarInfo, bytes]:
    return info(name, size=len(data)), data


HOSTILE: dict[str, tuple[list[tuple[tarfile.TarInfo, bytes]], str]] = {
    "up": ([plain("../evil")], "has an entry outside of itself, '../evil'"),
    "up in between": ([plain("a/../../evil")], "has an entry outside"),
    "backslashes": ([plain("a\\..\\..\\evil")], "has an entry outside"),
    "absolute": ([plain("/tmp/evil")], "has an entry outside"),
    "a drive": ([plain("C:evil")], "has an entry outside"),
    "a link up": ([link("l", "../evil")], "has a link that leaves it"),
    "a link far up": ([link("a/l", "../../evil")], "has a link that leaves it"),
    "an absolute link": ([link("l", "/etc/passwd")], "has a link that leaves it"),
    "a link down and up": ([link("a", "."), link("b", "."), link("l", "a/b/../../..")], "has a link that leaves it"),
    "a link through links": ([link("a/b", ".."), link("c", "a/b/../..")], "has a link that leaves it"),
    "an entry behind a link": ([link("l", "."), plain("l/evil")], "has an entry behind a link, 'l/evil'"),
    "a link behind a link": ([link("d/l", ".."), link("d/l/m", "../..")], "has an entry behind a link"),
    "a hard link up": ([link("l", "../archive", tarfile.LNKTYPE)], "has an entry outside"),
    "a hard link to a link": ([link("s", "x"), link("l", "s", tarfile.LNKTYPE)], "not an earlier file"),
    "a hard link to itself": ([plain("l"), link("l", "l", tarfile.LNKTYPE)], "not an earlier file"),
    "a hard link to a later file": ([link("l", "f", tarfile.LNKTYPE), plain("f")], "not an earlier file"),
    "a device": ([(info("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b"")], "has a device or a pipe"),
    "a pipe": ([(info("pipe", type=tarfile.FIFOTYPE), b"")], "has a device or a pipe"),
    "a file as a folder": ([plain("f"), plain("f/evil")], r"is damaged \((NotADirectory|FileExists)Error"),
    "a folder as a file": ([plain("d/f"), plain("d")], r"is damaged \((FileExists|IsADirectory)Error"),
    "a long name": ([plain("n" * 300)], "File name too long"),
    "a huge name": ([plain("n/" * 600_000 + "f")], "a header of 1,20"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_tars_leave_nothing(kind: str, tmp_path: Path) -> None:
    entries, message = HOSTILE[kind]
    before = tmp_path / "in" / "out" / "old"
    before.parent.mkdir(parents=True)
    before.write_bytes(b"old")
    with pytest.raises(ValueError, match=f"get_file: expected .*unpacked safely; received one that .*({message})"):
        unpacked(tar(TREE, "", *entries), tmp_path)
    assert sorted(contents(tmp_path)) == ["archive", f"in{os.sep}out{os.sep}old"]


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:\\evil", "..\\evil"])
def test_hostile_zips_leave_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has an entry outside of itself"):
        unpacked(zipped({**TREE, name: b"evil"}), tmp_path)
    assert sorted(contents(tmp_path)) == ["archive"]


def test_archives_have_budgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = {"zeros": bytes(2_000_000)}
    for data in (zipped(bomb), tar(bomb, "gz"), tar(bomb, "xz")):
        with nn.saving.max_elements(1000), pytest.raises(ValueError, match="unpacks to far more than it is"):
            unpacked(data, tmp_path)
        unpacked(data, tmp_path)
    monkeypatch.setattr(archives, "ENTRIES", 2)
    with pytest.raises(ValueError, match="has more than 2 entries"):
        unpacked(zipped(TREE), tmp_path)


def test_damaged_archives_leave_nothing(tmp_path: Path) -> None:
    noise = {"first": b"", "noise": random.Random(0).randbytes(1 << 17)}
    for kind in ("", "gz", "xz"):
        data = tar(noise, kind)
        with pytest.raises(ValueError, match="received one that is (damaged|cut short)"):
            unpacked(data[: len(data) * 9 // 10], tmp_path)
    data = bytearray(zipped(TREE))
    data[42] ^= 255
    with pytest.raises(ValueError, match="is damaged"):
        unpacked(bytes(data), tmp_path)
    assert not (tmp_path / "in").exists() or not list((tmp_path / "in").iterdir())
    (tmp_path / "text").write_text("no archive")
    assert not unpack(tmp_path / "text", tmp_path / "none", ("tar", "zip"))
    assert not (tmp_path / "none").exists()

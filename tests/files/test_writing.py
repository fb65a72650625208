"""Writing files: whole or not at all, through links, and never in the place of something else than a file."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.extend import write_file

ROOT = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="links, pipes and permissions as POSIX has them")


def model() -> Any:
    return nn.Sequential([nn.Input((2,)), nn.layers.Dense(1)])


# what a user calls: its name in errors, and the call
WRITERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "write_file": ("write_file", lambda path: write_file(path, b"new")),
    "model.save": ("save_model", lambda path: model().save(path)),
    "model.save_weights": ("save_weights", lambda path: model().save_weights(path)),
    "save_checkpoint": ("save_checkpoint", lambda path: nn.saving.save_checkpoint(path, model())),
}


def left(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@posix
@pytest.mark.parametrize("there", [True, False], ids=["to a file", "dangling"])
@pytest.mark.parametrize("writer", WRITERS)
def test_links_stay_and_are_written_through(writer: str, there: bool, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    real, link = inside / "real", tmp_path / "link"
    link.symlink_to("inside/real")
    if there:
        real.write_bytes(b"old")
    WRITERS[writer][1](link)
    assert link.is_symlink()
    assert os.readlink(link) == "inside/real"
    assert real.read_bytes() not in (b"", b"old")
    assert (left(tmp_path), left(inside)) == ({"inside", "link"}, {"real"})


@posix
@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_no_file_is_refused_and_stays(writer: str, tmp_path: Path) -> None:
    called, write = WRITERS[writer]
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "null").symlink_to(os.devnull)  # were it replaced, the machine would lose its device
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name, kind in (("folder", "a folder"), ("pipe", "a pipe"), ("socket", "a socket"), ("null", "a device")):
            before = os.stat(tmp_path / name)
            with pytest.raises(OSError, match=f"{called}: expected the path of a file; .*/{name}' is {kind}"):
                write(tmp_path / name)
            after = os.stat(tmp_path / name)
            assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
        for wrong in ("loop", "new/", "nowhere/file", "a" * 300):
            with pytest.raises(OSError, match=f"{called}: .*{wrong}"):
                write(f"{tmp_path}/{wrong}")
        for wrong in ("", "a\0b"):
            with pytest.raises(ValueError, match=f"{called}: expected the path of a file; received '"):
                write(wrong)
        for other in (5, None, 2.0, ["a"]):
            with pytest.raises(TypeError, match=f"{called}: expected the path of a file, a string or an os.PathLike"):
                write(other)
        assert left(tmp_path) == {"folder", "pipe", "socket", "loop", "null"}


def test_errors_name_the_path_that_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "beside")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"save_model: No space left on device: '.*/file'") as caught:
        model().save(tmp_path / "file")
    assert (caught.value.errno, caught.value.filename) == (28, str(tmp_path / "file"))
    assert left(tmp_path) == set()


@posix
def test_permissions(tmp_path: Path) -> None:
    write_file(tmp_path / "new", b"")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~mask
    os.chmod(tmp_path / "new", 0o600)
    write_file(tmp_path / "new", b"secret")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_names_as_long_as_the_system_allows(tmp_path: Path) -> None:
    for name in ("a" * 255, "ü" * 127):
        write_file(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"
    assert len(left(tmp_path)) == 2


def test_what_killed_processes_leave_is_removed_in_time(tmp_path: Path) -> None:
    old, young, own, other = ".file.0123abcd.tmp", ".file.0123abce.tmp", ".file.notes.tmp", ".other.0123abcd.tmp"
    for name in (old, young, own, other):
        (tmp_path / name).write_bytes(b"half")
        age = time.time() - (0 if name == young else 4000)
        os.utime(tmp_path / name, (age, age))
    write_file(tmp_path / "file", b"new")
    assert left(tmp_path) == {"file", young, own, other}


@posix
def test_a_graph_may_be_drawn_into_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    end = os.open(tmp_path / "pipe.txt", os.O_RDONLY | os.O_NONBLOCK)
    graph = ag.build_graph(np.sin(ag.tensor(1.0, requires_grad=True)))
    graph.save(tmp_path / "pipe.txt")
    assert os.read(end, 10_000).decode() == graph.to_text() + "\n"
    os.close(end)
    assert left(tmp_path) == {"pipe.txt"}


@posix
@pytest.mark.parametrize(("rounds", "names"), [(1, ["save_weights"]), pytest.param(20, [], marks=pytest.mark.ci)])
def test_writers_that_fail_or_are_killed_leave_a_whole_file(rounds: int, names: list[str]) -> None:
    command = [sys.executable, "-m", "tests.reliability.writers", f"--rounds={rounds}", *(f"--only={n}" for n in names)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(rows) == 3 * (len(names) or 5)
    assert all(int(tried) >= 8 and wrong == "0" for *_, tried, wrong in rows), done.stdout

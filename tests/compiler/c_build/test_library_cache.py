"""Libraries on disk: found again, checked, bounded, and shared by processes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autograd_lite.compiler.c_build import background, library_cache, toolchain
from autograd_lite.compiler.c_build.library_cache import LibraryCache
from autograd_lite.compiler.c_code.hot_segments import Fusion

from .fused_texts import added, script, segment, text

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, cc")


@pytest.fixture(scope="module")
def ready_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library of the text."""
    return toolchain.build(toolchain.find_compiler(), text(), True, tmp_path_factory.mktemp("ready"))


@pytest.fixture
def quick(ready_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a compiler be in use that has the library ready."""
    body = f'while [ "$1" != -o ]; do shift; done; exec cp "{ready_library}" "$2"'
    monkeypatch.setenv(toolchain.VARIABLE, script(tmp_path / "cc", body))


def state_after(constant: float = 1000) -> str:
    """Return what compiling a text came to; the function that there is has been tried."""
    fusion, one = Fusion(lambda: text(constant)), segment()
    fusion.watch(one)
    assert added(one) == (2 if fusion.state.startswith("not") else constant)
    return fusion.state


def only(cache: Path) -> Path:
    """Return the one file of a cache."""
    (path,) = cache.iterdir()
    return path


def test_a_library_is_found_again_and_is_the_users_alone(cache: Path) -> None:
    assert state_after().startswith(f"compiled by {shutil.which('cc')} in ")
    path = only(cache)
    assert (stat.S_IMODE(cache.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) == (0o700, 0o600)
    os.utime(path, (0, 0))
    assert state_after().startswith("loaded from the cache in ")
    assert only(cache).stat().st_mtime > 0


def test_another_text_flag_or_compiler_is_another_library(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    background.request(text, lambda function: None, exact=True)
    background.request(text, lambda function: None, exact=False)
    background.request(lambda: text(7), lambda function: None)
    monkeypatch.setenv(toolchain.VARIABLE, script(tmp_path / "cc", 'exec cc "$@"'))
    background.request(text, lambda function: None)
    assert len({path.name.split("-")[0] for path in cache.iterdir()}) == 4


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def make_link(path: Path) -> None:
    elsewhere = path.parents[1] / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def replace_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


DAMAGES: dict[str, Callable[[Path], object]] = {
    "half-written": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "empty": lambda path: path.write_bytes(b""),
    "a flipped bit": flip,
    "another library": lambda path: path.write_bytes(b"\x7fELF, and what an attacker wrote"),
    "writable by others": lambda path: path.chmod(0o666),
    "a link": make_link,
    "a pipe": replace_by(os.mkfifo),
    "a folder": replace_by(Path.mkdir),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", DAMAGES)
def test_a_file_that_is_not_sound_is_not_loaded(cache: Path, name: str) -> None:
    state_after()
    path = only(cache)
    DAMAGES[name](path)
    assert state_after().startswith("compiled by ")
    if name != "a folder":
        assert state_after().startswith("loaded from the cache")
        assert only(cache) == path


@pytest.mark.usefixtures("quick")
def test_a_file_of_another_user_is_not_loaded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state_after()
    monkeypatch.setattr(library_cache.os, "geteuid", lambda: os.getuid() + 1)
    assert "not kept" in state_after()
    assert "belongs to another user" in state_after()
    assert not library_cache._is_sound(only(cache))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("prepare", "line"),
    [
        (lambda cache: cache.mkdir(mode=0o777) or cache.chmod(0o777), "others may write to it"),
        (lambda cache: cache.write_text("a file"), "not kept (["),
    ],
)
def test_a_folder_that_will_not_do_is_not_used(cache: Path, prepare: Callable[[Path], object], line: str) -> None:
    prepare(cache)
    assert line in state_after()
    assert cache.is_file() or not [*cache.iterdir()]


@pytest.mark.usefixtures("quick")
def test_it_can_be_switched_off(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library_cache.VARIABLE, "off")
    for _ in range(2):
        assert "not kept (AUTOGRAD_LITE_FUSED_CACHE is off) in " in state_after()
    assert not cache.exists()


def test_by_default_it_is_in_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(library_cache.VARIABLE)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    assert LibraryCache().folder == tmp_path / "there" / "autograd_lite" / "fused"


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_a_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(library_cache.os, "replace", full)
        assert "not kept ([Errno 28] No space left on device) in " in state_after()
    monkeypatch.setattr(library_cache.tempfile, "mkdtemp", full)
    fusion, one = Fusion(text), segment()
    fusion.watch(one)
    assert (fusion.state, added(one)) == ("[Errno 28] No space left on device", 2)


def test_the_ones_unused_for_longest_make_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for constant in (1, 3, 4):
        state_after(constant)
    sizes = [path.stat().st_size for path in cache.iterdir()]
    for path in cache.iterdir():
        os.utime(path, (1, 1))
    (cache / "work-of-one-killed").mkdir()
    (cache / "work-of-one-who-works").mkdir()
    (cache / "of the user").write_text("stays")
    os.utime(cache / "work-of-one-killed", (1, 1))
    state_after(3)
    monkeypatch.setattr(library_cache, "MOST_BYTES", sizes[0] + 1)
    state_after(5)
    assert sorted(path.name for path in cache.iterdir() if path.suffix != ".so") == [
        "of the user",
        "work-of-one-who-works",
    ]
    assert len([*cache.glob("*.so")]) == 2
    assert state_after(3).startswith("loaded")
    assert state_after(5).startswith("loaded")
    assert state_after(1).startswith("compiled")


PROCESS = """
from tests.compiler.c_build.fused_texts import added, segment, text
from autograd_lite.compiler.c_code.hot_segments import Fusion
fusion, one = Fusion(text), segment()
fusion.watch(one)
print(fusion.state, added(one))
"""


@pytest.mark.ci
def test_processes_at_once_share_it(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(toolchain.VARIABLE, script(tmp_path / "cc", 'sleep 0.5; exec cc "$@"'))
    running = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", PROCESS], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    lines = [process.communicate(timeout=60)[0] for process in running]
    assert all(line.endswith(" 1000.0\n") for line in lines), lines
    assert state_after().startswith("loaded from the cache")
    only(cache)

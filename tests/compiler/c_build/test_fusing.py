"""Compiling in the background: replays go on, and nothing outlives the process, a fork, or its use."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest

from autograd_lite.compiler.c_build import background, fusing, toolchain
from autograd_lite.compiler.c_code import hot_segments
from autograd_lite.compiler.c_code.hot_segments import Fusion

from .fused_texts import added, replayed, script, segment, text, use

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, cc")


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let functions be compiled in the background, soon, by a compiler that waits for a file."""
    monkeypatch.setenv(fusing.VARIABLE, "")
    monkeypatch.setattr(hot_segments, "PAYS", 1)
    signal_file = tmp_path / "go"
    body = f'touch "{tmp_path}/started"; while [ ! -e "{signal_file}" ]; do sleep 0.01; done; exec cc "$@"'
    monkeypatch.setenv(toolchain.VARIABLE, script(tmp_path / "cc", body))
    return signal_file


def test_replays_go_on_meanwhile(slow: Path) -> None:
    fusion, one, other = Fusion(text), segment(), segment()
    fusion.watch(one)
    fusion.watch(other)
    assert fusion.state == "compiled once it has been used more"
    assert [added(one) for _ in range(1000)] == [2.0] * 1000
    assert fusion.state == "compiling"
    slow.touch()
    assert replayed(one, 1000)
    assert fusion.state.startswith("compiled by ")
    later = segment()
    fusion.watch(later)
    assert (added(other), added(later)) == (1000, 1000)
    one.fuse(None)
    assert (added(one), added(other)) == (2, 1000)


def test_one_comes_after_the_other_and_no_thread_stays(slow: Path) -> None:
    fusions = [Fusion(lambda k=k: text(k)) for k in (10, 11)]
    segments = [segment() for _ in fusions]
    for fusion, one in zip(fusions, segments, strict=True):
        fusion.watch(one)
        use(one)
    slow.touch()
    assert all(replayed(one, k) for k, one in enumerate(segments, 10))
    thread = background._worker._thread
    if thread is not None:
        thread.join(10)
    assert background._worker._thread is None


def test_an_unsound_text_is_a_line(slow: Path) -> None:
    slow.touch()
    for make, line in ((lambda: "int run(", "failed: "), (lambda: 1 // 0, "not compiled: ZeroDivisionError: ")):
        fusion, one = Fusion(make), segment()  # type: ignore[arg-type]
        fusion.watch(one)
        end = time.monotonic() + 60
        while line not in fusion.state and time.monotonic() < end:
            assert added(one) == 2
        assert line in fusion.state


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fusing.VARIABLE, "off")
    monkeypatch.setattr(hot_segments, "PAYS", 1)
    fusion, one = Fusion(lambda: 1 // 0), segment()  # type: ignore[arg-type, return-value]
    fusion.watch(one)
    assert [added(one) for _ in range(10)] == [2.0] * 10
    assert fusion.state == "not compiled: AUTOGRAD_LITE_FUSED is off"
    monkeypatch.setenv(fusing.VARIABLE, "on")
    with pytest.raises(ValueError, match="^AUTOGRAD_LITE_FUSED: expected off, or wait, .* received 'on'$"):
        fusion.watch(one)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_library_goes_with_its_last_segment() -> None:
    def loaded() -> int:
        return Path("/proc/self/maps").read_text().count("/cache/")

    fusion, one, other = Fusion(text), segment(), segment()
    fusion.watch(one)
    fusion.watch(other)
    assert loaded() > 0
    references = [weakref.ref(one), weakref.ref(fusion)]
    del fusion, one
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert added(other) == 1000
    del other
    assert loaded() == 0


def test_a_segment_that_waits_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fusing.VARIABLE, "")
    fusion, one = Fusion(text), segment()
    fusion.watch(one)
    reference = weakref.ref(one)
    del fusion, one
    gc.collect()
    assert reference() is None


def test_what_is_no_longer_used_is_not_compiled(slow: Path) -> None:
    texts: list[str] = []
    fusion, one = Fusion(text), segment()
    fusion.watch(one)
    use(one)
    for _ in range(3):
        dropped, other = Fusion(lambda: texts.append("asked for") or text()), segment()
        dropped.watch(other)
        use(other)
        del other
    slow.touch()
    assert replayed(one, 1000)
    end = time.monotonic() + 60
    while dropped.state == "compiling" and time.monotonic() < end:
        time.sleep(0.01)
    assert (dropped.state, texts) == ("not compiled: no longer in use", [])


def test_an_interrupt_ends_the_compiler(slow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fusing.VARIABLE, "wait")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    processes: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(background._worker, "note", processes.append)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            background.request(text, lambda function: None)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert processes[0].returncode == -signal.SIGKILL


def test_what_is_called_once_is_called_once() -> None:
    one, calls = segment(), []
    one.watch(1, lambda: calls.append(1))
    for _ in range(5):
        use(one)
    assert calls == [1]
    one.watch(1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        use(one)
    assert added(one) == 2
    one.watch(10**15, lambda: 1 // 0)
    use(one)


BEGIN = """
import os, signal, sys, time, warnings
warnings.filterwarnings("ignore", "This process.*multi-threaded", DeprecationWarning)
from tests.compiler.c_build.fused_texts import replayed, segment, text, use
from autograd_lite.compiler.c_build import background, fusing
from autograd_lite.compiler.c_code import hot_segments
from autograd_lite.compiler.c_code.hot_segments import Fusion
hot_segments.PAYS = 1
def start(constant):
    fusion, one = Fusion(lambda: text(constant)), segment()
    fusion.watch(one)
    use(one)
    return fusion, one
first = start(1000)
while not os.path.exists(sys.argv[1] + "/started"):
    time.sleep(0.01)
"""
FORK = """
child = os.fork()
assert background._worker._running or not child
open(sys.argv[1] + "/go", "w").close()
if child == 0:
    second = start(7)
    os._exit(not (replayed(second[1], 7) and replayed(first[1], 1000)))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert replayed(first[1], 1000)
"""
INTERRUPT = """
try:
    os.killpg(0, signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    open(sys.argv[1] + "/go", "w").close()
assert replayed(first[1], 1000)
"""
PROGRAMS = {"fork": FORK, "interrupt": INTERRUPT, "exit": ""}


@pytest.mark.parametrize("name", PROGRAMS)
def test_processes_that_compile(slow: Path, tmp_path: Path, cache: Path, name: str) -> None:
    command = [sys.executable, "-W", "error", "-c", BEGIN + PROGRAMS[name], str(tmp_path)]
    start = time.monotonic()
    ended = subprocess.run(command, timeout=60, capture_output=True, text=True, check=False, start_new_session=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not [*cache.glob("work-*")]
    if name == "exit":
        assert time.monotonic() - start < 30
        running = subprocess.run(["ps", "-ef"], capture_output=True, text=True, check=False).stdout
        assert str(tmp_path) not in running
    assert os.path.exists(tmp_path / "started")

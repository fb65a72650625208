"""Which compiler is taken, and what becomes of one that fails: a line, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from autograd_lite.compiler.c_build import background, library_cache, toolchain
from autograd_lite.compiler.c_build.toolchain import BuildError, find_compiler
from autograd_lite.compiler.c_code.hot_segments import Fusion

from .fused_texts import added, script, segment, text


def test_the_first_that_is_there_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BuildError, match=r"^no compiler: none of cc, gcc, clang .* autograd-lite\[fused\]"):
        find_compiler()
    identities = set()
    for name in ("clang", "gcc", "cc"):
        path = script(tmp_path / name, f"echo {name}")
        assert find_compiler().command == (path,)
        identities.add(find_compiler().identity)
    script(tmp_path / "cc", "echo another one")
    assert len({*identities, find_compiler().identity}) == 4


def test_the_variable_names_one_with_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(tmp_path / "my cc", "")
    monkeypatch.setenv(toolchain.VARIABLE, f"'{path}' -march=native")
    assert find_compiler().command == (path, "-march=native")
    for wrong, line in {"not-there": "there is no program 'not-there'", "'": "is not a command"}.items():
        monkeypatch.setenv(toolchain.VARIABLE, wrong)
        with pytest.raises(BuildError, match=f"^no compiler: .*{line}"):
            find_compiler()


def test_a_stub_of_a_mac_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    for status in (0, 2):
        answer = subprocess.CompletedProcess([], status)
        monkeypatch.setattr(toolchain.subprocess, "run", lambda *_, answer=answer, **__: answer)
        assert toolchain._is_stub("/usr/bin/cc") is (status != 0)
    assert not toolchain._is_stub("/opt/bin/cc")


FAILURES = {
    "says why": ("echo note; echo 'a.c:1: error: wrong' >&2; exit 1", "cc failed: a.c:1: error: wrong"),
    "is silent": ("exit 3", "cc failed: status 3"),
    "is killed": ("kill -9 $$", "cc failed: signal 9"),
    "makes nothing": ("exit 0", "cc failed: it made no library"),
    "makes junk": ('while [ "$1" != -o ]; do shift; done; echo junk > "$2"', "load: "),
    "hangs": ("sleep 100", "cc took more than 0.2 s"),
    "leaves a child": ('sleep 100 & echo $! > "${0%cc}pid"', "cc took more than 0.2 s"),
    "says too much": ("while :; do echo error 111111111111111111111111111111; done", "cc took more than 0.2 s"),
    "writes other bytes": ("printf '\\377\\n'; exit 1", "cc failed: \ufffd"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_a_line(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    body, line = FAILURES[name]
    if len(name) % 2:
        monkeypatch.setenv(library_cache.VARIABLE, "off")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv(toolchain.VARIABLE, script(tmp_path / "cc", body))
    monkeypatch.setattr(toolchain, "SECONDS", 0.2)
    fusion, one = Fusion(text), segment()
    fusion.watch(one)
    assert line in fusion.state
    assert "\n" not in fusion.state
    assert added(one) == 2
    if name == "leaves a child":
        time.sleep(0.05)
        state = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
        assert not state.exists() or " Z " in state.read_text()
    assert not [*(tmp_path / "temporary").iterdir(), *cache.glob("work-*")]


def test_a_program_that_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cc"
    path.write_bytes(b"\x00\x01")
    path.chmod(0o755)
    monkeypatch.setenv(toolchain.VARIABLE, str(path))
    assert background.request(text, lambda function: None).state.startswith(f"{path} did not run: ")


def test_the_flags_are_those_of_the_instructions_in_use() -> None:
    for name in toolchain.kernels.SETS:
        assert name in toolchain._SETS
    assert "-ffp-contract=off" in toolchain.flags_of(True)
    assert "-ffp-contract=fast" in toolchain.flags_of(False)


@pytest.mark.ci
def test_the_compiler_of_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.setenv("PATH", os.devnull)
    fusion, one = Fusion(text), segment()
    fusion.watch(one)
    assert "zig in " in fusion.state
    assert added(one) == 1000

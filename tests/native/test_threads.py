"""Threads: how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import autograd_lite as ag
from autograd_lite.native.kernels import REASON, library
from autograd_lite.native.threads import quota

needs_library = pytest.mark.skipif(library is None, reason=f"the native extension is {REASON}")


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = ag.get_threads()
    yield
    ag.set_threads(before)


@needs_library
def test_threads_are_set() -> None:
    for n, expected in ((3, 3), (1, 1), (1000, 64)):
        ag.set_threads(n)
        assert ag.get_threads() == expected


@pytest.mark.parametrize("wrong", [0, -1])
def test_too_few(wrong: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 thread, the calling one; received {wrong}"):
        ag.set_threads(wrong)


@pytest.mark.parametrize("wrong", [1.0, "2", True, None])
def test_wrong_type(wrong: object) -> None:
    with pytest.raises(TypeError, match="expected a number of threads"):
        ag.set_threads(wrong)  # type: ignore[arg-type]


def _first_version(group: str, limit: str, period: str) -> dict[str, str]:
    return {f"{group}/cpu.cfs_quota_us": limit, f"{group}/cpu.cfs_period_us": period}


@pytest.mark.parametrize(
    ("memberships", "files", "expected"),
    [
        ("0::/\n", {}, float("inf")),
        ("0::/\n", {"cpu.max": "max 100000"}, float("inf")),
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"}, 2.0),
        ("0::/a/b\n", {"a/b/cpu.max": "50000 100000", "a/cpu.max": "200000 100000"}, 0.5),
        ("0::/of/the/host\n", {"cpu.max": "300000 100000"}, 3.0),
        ("4:memory:/\n1:cpu:/g\n0::/\n", _first_version("cpu/g", "-1", "100000"), float("inf")),
        ("1:cpu:/g\n", _first_version("cpu/g", "400000", "100000"), 4.0),
        ("1:cpu,cpuacct:/\n", _first_version("cpu,cpuacct", "100000", "50000"), 2.0),
        ("1:cpuset:/\n", _first_version("cpuset", "100000", "100000"), float("inf")),
    ],
)  # fmt: skip
def test_quota_of_control_groups(tmp_path: Path, memberships: str, files: dict[str, str], expected: float) -> None:
    for name, text in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    (tmp_path / "memberships").write_text(memberships)
    assert quota(tmp_path / "groups", tmp_path / "memberships") == expected


def test_no_control_groups(tmp_path: Path) -> None:
    assert quota(tmp_path / "none", tmp_path / "none") == float("inf")

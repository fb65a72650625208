"""Nothing is slower than what it should be faster than: compiled, kernels, this commit; in pairs that take turns."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from tests.counts.programs import PROGRAMS

from . import base
from .races import races
from .turns import PAIRS, TIMES, Found, Race, Ratios, Worker, slower

NAMES = list(races(Path()))
# Fused code is not timed against the instructions that it replaces, and on AMD's Zen 5 (family 26) it takes longer.
CPU = Path("/proc/cpuinfo")
FAMILY = re.search(r"^cpu family\s*: (\d+)$", CPU.read_text(), re.MULTILINE) if CPU.exists() else None
KNOWN = {"kernels / none, compiled": {"chain"}} if FAMILY and FAMILY[1] == "26" else {}


@pytest.fixture(scope="session")
def older(request: pytest.FixtureRequest) -> Path | str:
    """The folder of the commit to compare with, or why there is none."""
    try:
        return base.checkout(base.commit(), request.config.cache.mkdir("pairs"))
    except base.NoBase as error:
        return f"no commit to compare with: {error}"


@pytest.mark.ci
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_slower(name: str, older: Path | str) -> None:
    if isinstance(older, str) and name not in races(None):
        pytest.skip(older)
    found = races(None if isinstance(older, str) else older)[name].run(list(PROGRAMS))
    for program, each in found.items():
        print(f"{program:14} {'; '.join(map(str, each))}")
    if known := KNOWN.get(name, set()) & slower(found).keys():
        print(f"known on this processor, and left out: {', '.join(known)}")
    assert slower({program: each for program, each in found.items() if program not in known}) == {}, name


@pytest.mark.ci
def test_a_tenth_is_seen() -> None:
    worker = partial(Worker, threads=1)
    assert slower(Race((worker, "slowed"), (None, "compiled")).run(["tiny"])).keys() == {"tiny"}


def test_the_verdict() -> None:
    few, many = [0.9] * 11, [1.1] * 30
    assert not Ratios(few).is_open
    assert not Ratios(few).is_slower
    assert Ratios(few[:10]).is_open
    assert Ratios(few[:10] + many).is_slower
    assert not Ratios([0.9] * 11 + [1.1] * 29).is_slower
    assert not Ratios([1.02] * PAIRS).is_slower
    assert Ratios([1.02] * (PAIRS - 1)).is_open
    assert not Ratios(many + few[:10]).is_open
    red, well = Found({"process": Ratios(few), "wall": Ratios(many + few[:10])}), Found({"process": Ratios(few)})
    assert slower({"a": [red] * TIMES, "b": [red, red, well], "c": [well]}).keys() == {"a"}


def test_where_there_is_no_history_there_is_no_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "ROOT", tmp_path)
    with pytest.raises(base.NoBase, match="not a clone"):
        base.commit()
    (tmp_path / ".git").mkdir()
    with pytest.raises(base.NoBase, match="git rev-parse"):
        base.commit()

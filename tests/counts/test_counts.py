"""What computing costs is what the table says: more is a loss, and less is to be kept."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from . import table


def check(take: Callable[[], table.Counts]) -> None:
    """Hold the counts to the table, or print them where it was not made for such an environment."""
    committed, found = table.read(), take()
    wanted, here = committed["environment"], table.environment()
    if take is table.instructions:
        wanted, here = wanted | committed["compiler"], here | {"cc": table.compiler()}
    if here != wanted:
        print(f"the table is for {wanted}; this is {here}")
        print(*table.differences(found, committed), sep="\n")
        pytest.skip(f"the table of counts is for {wanted}; this is {here}")
    assert not (said := table.complaint(found, committed)), said


@pytest.mark.parametrize("take", [table.imports, table.calls], ids=lambda take: take.__name__)
def test_counts(take: Callable[[], table.Counts]) -> None:
    check(take)


@pytest.mark.ci
def test_instructions() -> None:
    if why := table.why_no_instructions():
        pytest.skip(why)
    check(table.instructions)


def test_the_table_is_for_the_versions_of_the_lock() -> None:
    lock = (table.ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")
    (numpy,) = {m[1] for m in re.finditer(r"^numpy==([\d.]+)(.*)$", lock, re.M) if "3.11" in m[2] or not m[2]}
    there = table.read()["environment"]
    assert (there["python"], there["numpy"]) == ("CPython 3.11", numpy)


def test_more_is_refused_and_less_is_to_be_kept() -> None:
    committed = {"calls": {"a": {"python": 10}, "b": {"python": 10}}, "bytes": {"nn": {"bytes": 1000}}}
    same = {"calls": {"a": {"python": 10}, "b": {"python": 10}}, "bytes": {"nn": {"bytes": 1009}}}
    assert table.complaint(same, committed) == ""
    off = {"calls": {"a": {"python": 11}, "b": {"python": 9}, "c": {"python": 1}}, "bytes": {"nn": {"bytes": 1011}}}
    more, less = table.complaint(off, committed).split("It costs less than the table says:")
    assert "calls, a, python: 11, and 10 in the table" in more
    assert "calls, c, python: 1, and None" in more
    assert "bytes, nn, bytes: 1011" in more
    assert "Mend it" in more
    assert "calls, b, python: 9" in less
    assert f"lower the table: `{table.COMMAND}`" in less


def test_what_is_written_is_what_is_read(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PATH", tmp_path / "table.toml")
    first = {"calls": {"a, b": {"python": 1, "c": 2}}, "plans": {"x": {"arena": 64}}}
    table.write(first)
    table.write({"calls": {"d": {"python": 3}}})
    assert table.read() == {"environment": table.environment(), "plans": first["plans"], "calls": {"d": {"python": 3}}}
    monkeypatch.setattr(np, "__version__", "9.9")
    table.write({"calls": {"d": {"python": 3}}})
    assert "plans" not in table.read()  # of another version

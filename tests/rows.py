"""One test for many rows: a law is tried on every row of some groups, and a failure names the rows that break it.

A test costs about a millisecond before it does anything, more when it is sent to another process; a row of the tables
often costs less. So laws are parametrized by op (or by layer, …), some of them a test, and loop over the rows of these.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from itertools import islice
from typing import Any

import pytest

GROUPS = 8  # of a test


def for_every(
    rows: Iterable[Any],
    by: Callable[[Any], Hashable] | None = None,
    *,
    stride: int = 1,
    name: Callable[[Any], str] = lambda row: str(getattr(row, "name", row)),
) -> Callable[[Callable[[Any], None]], Callable[..., None]]:
    """Make a law about one row a test for each group of rows.

    Args:
        rows: what the law is about, in the order in which it is tried.
        by: the group of a row; the id of a test has the names of its groups. Without it all rows are one test.
        stride: of each group the first row and every `stride`-th after it are tried in every run; all others are one
            test more, in ci.
        name: what a row is called in a failure.
    """
    groups: dict[Hashable, list[Any]] = {}
    for row in rows:
        groups.setdefault(by(row) if by else None, []).append(row)
    assert groups
    others = [row for group in groups.values() for i, row in enumerate(group) if i % stride]

    def decorate(law: Callable[[Any], None]) -> Callable[..., None]:
        def test(rows: list[Any]) -> None:
            _try_all(law, rows, name)

        def one_test() -> None:
            _try_all(law, groups[None], name)

        assert by or stride == 1, "a stride is one through groups"

        made: Callable[..., None] = test if by else one_test
        made.__name__, made.__qualname__, made.__doc__ = law.__name__, law.__qualname__, law.__doc__
        made.__module__ = law.__module__
        pairs = iter(groups.items())
        ids = []
        while pack := list(islice(pairs, GROUPS)):
            rows_of_test = [row for _, group in pack for row in group[::stride]]
            ids.append(pytest.param(rows_of_test, id=" ".join([str(key) for key, _ in pack])))
        ids += [pytest.param(others, id="all other rows", marks=pytest.mark.ci)] * bool(others)
        return pytest.mark.parametrize("rows", ids)(made) if by else made

    return decorate


def _try_all(law: Callable[[Any], None], rows: list[Any], name: Callable[[Any], str]) -> None:
    broken = []
    for row in rows:
        try:
            law(row)
        except (Exception, pytest.fail.Exception) as error:
            broken.append((name(row), error))
    if broken:
        names, errors = zip(*broken, strict=True)
        errors[0].add_note(f"broken by {len(names)} of {len(rows)} rows, first by this: {', '.join(names)}")
        raise errors[0]

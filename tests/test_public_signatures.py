"""No call of a user breaks unnoticed: what is public has the signatures of `public_signatures.txt`."""

from __future__ import annotations

import re

from .public_signatures import COMMAND, FILE, difference, members, signature, text


def test_public_signatures_are_those_of_the_file() -> None:
    changes = difference(FILE.read_text(encoding="utf-8"), text())
    assert not changes, (
        f"public signatures differ from {FILE.name} (- before, + now):\n{changes}\n"
        f"If that is meant, deprecate what goes (CONTRIBUTING.md), and run `{COMMAND}`"
    )


def test_the_file_has_no_address_and_no_path() -> None:
    assert re.findall(r".*(?: at 0x|[\s'\"=(]/\w+/|\.py\b).*", FILE.read_text(encoding="utf-8")) == []


def test_what_counts() -> None:
    class Base:
        def inherited(self, x: int) -> int:
            return x

    class Thing(Base):
        limit = 3

        def method(self, x: int, *, scale: float = 1.0) -> float:
            return x * scale

        @property
        def size(self) -> int:
            return 1

        def _inner(self) -> None: ...

    for cls in (Base, Thing):
        cls.__module__ = "autograd_lite.here"
    assert [name for name, _ in members(Thing, {id(Base)})] == ["method", "size"]
    assert [name for name, _ in members(Thing, set())] == ["inherited", "method", "size"]
    assert signature(Thing.method) == "(self, x, *, scale=1.0)"

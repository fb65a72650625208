"""What else to read about an object: objects that its docstring names or that name it, its neighbors, and guides."""

from __future__ import annotations

import functools
import inspect
import re
from collections import Counter
from pathlib import Path

from objects import Entry

FOLDERS = ("guides", "explanation", "help")
MOST = 8  # objects
MOST_PAGES = 4
_CODE = re.compile(r"`([\w.]+)(?:\([^`]*\))?`")


def related(found: list[Entry]) -> dict[Entry, list[Entry]]:
    """Return the objects that belong to each, at most `MOST`.

    First come those that its docstring names, then those that name it, then those of its name elsewhere, then its
    neighbors: in its table of the reference what shares a word of its name, and what stands next to it.
    """
    tables: dict[tuple[str, int], list[Entry]] = {}
    by_name: dict[str, list[Entry]] = {}
    same: dict[str, list[Entry]] = {}
    for entry in found:
        tables.setdefault((entry.listed_in, entry.table), []).append(entry)
        by_name.setdefault(entry.name, []).append(entry)
        same.setdefault(entry.name.replace("_", "").lower(), []).append(entry)
    named = {entry: _named(entry, by_name) for entry in found}
    times = Counter(other for others in named.values() for other in set(others))
    naming: dict[Entry, list[Entry]] = {entry: [] for entry in found}
    for entry, others in named.items():
        named[entry] = [other for other in others if times[other] <= MOST]  # else `Tensor` would be everywhere
        for other in named[entry]:
            naming[other].append(entry)
    result = {}
    for entry in found:
        near = _near(entry, tables[entry.listed_in, entry.table])
        ranked = [*named[entry], *naming[entry][: MOST // 2], *same[entry.name.replace("_", "").lower()], *near]
        result[entry] = [other for other in dict.fromkeys(ranked) if other != entry][:MOST]
    return result


def _near(entry: Entry, table: list[Entry]) -> list[Entry]:
    """Return what shares a word of its name, then its neighbors; in an alphabetical table, those that begin alike."""
    names, place = [other.name for other in table], table.index(entry)
    window = table[max(0, place - 3) : place + 4]
    if len(table) > MOST and names == sorted(names):
        window = [other for other in window if other.name[:3] == entry.name[:3]]
    return [*(other for other in table if _words(other.name) & _words(entry.name)), *window]


def _named(entry: Entry, by_name: dict[str, list[Entry]]) -> list[Entry]:
    """Return the objects that a docstring names in backticks, but for names of the object's own arguments."""
    try:
        arguments = set(inspect.signature(entry.thing).parameters)
    except ValueError:
        arguments = set()
    others = []
    for name in _CODE.findall(inspect.getdoc(entry.thing) or ""):
        module, _, last = name.rpartition(".")
        module = re.sub(r"^ag\b", "autograd_lite", module)
        candidates = by_name.get(last, [])
        if module:
            others += [other for other in candidates if f".{other.module}".endswith(f".{module}")]
        elif name not in arguments:
            others += [other for other in candidates if f"{entry.module}.".startswith(f"{other.module}.")]
    return others


@functools.cache
def _words(name: str) -> frozenset[str]:
    """Return the words of a name that say what it is about.

    >>> sorted(_words("SparseCategoricalCrossentropy")), sorted(_words("sum_of_squares"))
    (['categorical', 'crossentropy', 'sparse'], ['squares', 'sum'])
    """
    return frozenset(word for word in re.sub(r"([a-z])(?=[A-Z])|_", r"\1 ", name).lower().split() if len(word) > 2)


def pages(found: list[Entry], docs: Path) -> dict[Entry, list[str]]:
    """Return the pages of the documentation that use each object, as `guides/gradients`: first where it matters most.

    A page that names it often counts more, and one that names much else less, as tables for those who come from another
    library do.
    """
    uses: dict[str, dict[str, float]] = {}
    for path in sorted(path for folder in FOLDERS for path in (docs / folder).rglob("*.md") if path.stem != "index"):
        times = Counter(re.findall(r"\b(\w+\.\w+)\b", path.read_text(encoding="utf-8")))
        for name, count in times.items():
            uses.setdefault(name, {})[path.relative_to(docs).with_suffix("").as_posix()] = count / len(times)
    result = {}
    for entry in found:
        last = "ag" if entry.module == "autograd_lite" else entry.module.rpartition(".")[2]
        where = uses.get(f"{last}.{entry.name}", {})
        result[entry] = sorted(where, key=lambda page: -where[page])[:MOST_PAGES]
    return result


def see_also(entry: Entry, others: list[Entry], guides: list[str]) -> list[str]:
    """Return the lines of an object's page that lead to others and to guides, as reStructuredText."""
    links = ", ".join(f":py:obj:`{_short(other, entry)} <{other.full_name}>`" for other in others)
    reading = ", ".join(f":doc:`/{page}`" for page in guides)
    lines = [f"{links}."] * bool(links) + [""] * bool(links and reading) + [f"Used in {reading}."] * bool(reading)
    return [".. seealso::", "", *(f"   {line}".rstrip() for line in lines), ""] if lines else []


def _short(other: Entry, entry: Entry) -> str:
    return other.name if other.module == entry.module else other.full_name.removeprefix("autograd_lite.")

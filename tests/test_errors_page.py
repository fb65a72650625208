"""docs/help/errors.md has every error class and every frequent message, and messages name their place there.

A box of the page (a block of `text`) has messages as templates, in which "…" stands for anything.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import autograd_lite
import nn
from autograd_lite.manual.lookup import matches
from autograd_lite.manual.pages import anchor

from . import test_messages

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "help" / "errors.md").read_text(encoding="utf-8")
INTERNAL = {"OneByOne", "UnknownIndex", "Unreadable"}  # caught inside, or passed on as the TypeError that it is
ADDRESS = re.compile(r"\(see `python -m autograd_lite help ([\w-]+)`\)")


class Entry(NamedTuple):
    """A section: its anchor, the templates of its messages, and its code."""

    anchor: str
    templates: list[str]
    code: str


def entries(page: str) -> list[Entry]:
    found = []
    for section in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        body = re.split(r"^## ", section, flags=re.MULTILINE)[0]
        boxes = "\n".join(re.findall(r"```text\n(.*?)```", body, re.DOTALL))
        code = "\n".join(re.findall(r"```python[ \w]*\n(.*?)```", body, re.DOTALL))
        found.append(Entry(anchor(body.partition("\n")[0]), [line for line in boxes.split("\n") if line], code))
    return found


ENTRIES = entries(PAGE)


def entries_of(message: str) -> list[str]:
    return [entry.anchor for entry in ENTRIES if any(matches(t, message) for t in entry.templates)]


def modules() -> Iterator[Any]:
    for package in (autograd_lite, nn):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def error_classes() -> set[str]:
    """Return the public classes of errors that the packages define.

    Those that are an Exception and nothing narrower are raised and caught inside, so that users do not meet them.
    """
    classes = {thing for module in modules() for thing in vars(module).values() if inspect.isclass(thing)}
    ours = {c for c in classes if issubclass(c, Exception) and c.__module__.startswith("autograd_lite.")}
    narrow = {c for c in ours if set(c.__mro__) - ours - {Exception, BaseException, object}}
    return {c.__name__ for c in narrow if not c.__name__.startswith("_")} - INTERNAL


def addresses() -> dict[str, set[str]]:
    """Return the anchors that messages in the sources name, and the files in which they do."""
    found: dict[str, set[str]] = {}
    for path in sorted([*(ROOT / "autograd_lite").rglob("*.py"), *(ROOT / "nn").rglob("*.py")]):
        text = path.read_text(encoding="utf-8")
        if "more_on(" not in text or path.name == "errors.py":
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "more_on":
                names = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
                for name in names:
                    found.setdefault(name, set()).add(path.name)
    return found


def test_every_class_of_errors_is_in_the_table() -> None:
    table = PAGE.partition("```python")[0]
    classes = error_classes()
    assert len(classes) > 12
    assert sorted(name for name in classes if f"`{name}`" not in table) == []


def test_the_addresses_in_messages_lead_to_an_entry() -> None:
    anchors, named = {entry.anchor for entry in ENTRIES}, addresses()
    assert len(named) > 12
    assert {name: files for name, files in named.items() if name not in anchors} == {}
    links = set(re.findall(r"\]\(#([\w-]+)\)", PAGE))
    assert links - anchors == set()


def test_the_likeliest_messages_have_an_entry() -> None:
    absent = []
    for number, call, kind, _ in test_messages.ROWS:
        with pytest.raises(kind) as caught:
            call()
        text = re.sub(r"^\[Errno \d+\] ", "", str(caught.value))
        if not entries_of(text):
            absent.append((number, text))
    assert absent == []


def raised(entry: Entry, names: dict[str, Any]) -> Iterator[str]:
    """Run the code of an entry; yield the messages of the errors that it shows."""
    for example in doctest.DocTestParser().get_examples(entry.code):
        try:
            exec(compile(example.source, "errors.md", "single"), names)
        except Exception as error:
            assert example.exc_msg is not None, example.source
            yield str(error)


def test_the_errors_that_an_entry_shows_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hypothesis", reason="check_op needs it")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(import.*?)```", PAGE, re.DOTALL)[0], names)
    shown, addressed = 0, set()
    for entry in ENTRIES:
        for message in raised(entry, names):
            shown += 1
            assert any(matches(t, message) for t in entry.templates), (entry.anchor, message)
            for name in ADDRESS.findall(message):
                assert name == entry.anchor, message
                addressed.add(name)
    assert shown > 30
    assert set(addresses()) - addressed == {"replay-differs"}  # which the page shows at work, without an error


def test_entries_are_sections_with_boxes_and_code() -> None:
    page = "## A\n\n### Not a scalar\n\n```text\nx …\n```\n\n```python\n>>> 1 / 0\n```\n\n## B\n\n```text\ny\n```\n"
    assert entries(page) == [Entry("not-a-scalar", ["x …"], ">>> 1 / 0\n")]
    assert matches("grad: … scalar; received …. Reduce it …", "grad: a\nscalar; received (2,). Reduce it, please")
    assert not matches("grad: … scalar", "hessian: a scalar")
    assert not matches("a (b) …", "a b c")

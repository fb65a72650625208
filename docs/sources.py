"""Pages with the source of the packages, and the line where an object begins."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import objects
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
FOLDER = "source"  # in the site


def place(module: str, name: str) -> tuple[Path, int] | None:
    """Return the file and the line where an object of a module is written; None where it is not ours.

    Args:
        module: where it is public.
        name: its name there; of a method, after that of its class.
    """
    thing, owner = importlib.import_module(module), None
    for part in name.split("."):
        owner, thing = thing, inspect.getattr_static(thing, part, None) or getattr(thing, part, None)
    return _of_code(thing) or _of_class(thing) or _by_name(thing, owner, name.rpartition(".")[2])


def _of_code(thing: Any) -> tuple[Path, int] | None:
    for attribute in ("fget", "func", "__func__"):
        thing = getattr(thing, attribute, None) or thing
    thing = inspect.unwrap(thing) if callable(thing) else thing
    code = getattr(thing, "__code__", None)
    elsewhere = code and code.co_filename != _file_of(
        thing
    )  # a function that another one made, under a name of its own
    return _ours(code.co_filename, code.co_firstlineno) if code and not elsewhere else None


def _of_class(thing: Any) -> tuple[Path, int] | None:
    if not inspect.isclass(thing):
        return None
    file = _file_of(thing)
    near = [file, *map(str, sorted(Path(file).parent.glob("*.py")))] if file.endswith(".py") else []
    return next((_ours(f, _classes(f)[thing.__qualname__]) for f in near if thing.__qualname__ in _classes(f)), None)


def _file_of(thing: Any) -> str:
    """Return the file of the module that something says it is from."""
    return str(getattr(sys.modules.get(getattr(thing, "__module__", None) or ""), "__file__", None) or "")


def _by_name(thing: Any, owner: Any, name: str) -> tuple[Path, int] | None:
    """Return the first line with a name in the module of an object, or of what has it: attributes, rows of tables.

    Of what a package has, the row may be in one of its modules.
    """
    file = _file_of(thing) or _file_of(owner)
    if not file.endswith(".py"):
        return None
    rows = [file, *map(str, sorted(Path(file).parent.glob("*.py")))] if file.endswith("__init__.py") else [file]
    for path, pattern in zip(rows, (rf"\b{name}\b", *(f'"{name}"' for _ in rows)), strict=False):
        lines = Path(path).read_text(encoding="utf-8").split("\n")
        if line := next((i for i, line in enumerate(lines, 1) if re.search(pattern, line)), 0):
            return _ours(path, line)
    return _ours(file, 1)


def _ours(file: str, line: int) -> tuple[Path, int] | None:
    path = Path(file)
    inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in objects.PACKAGES
    return (path.relative_to(ROOT), line) if inside else None


@functools.cache
def _classes(file: str) -> dict[str, int]:
    """Return the lines of the classes of a file, by their qualified names."""

    def found(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, int]]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield f"{prefix}{node.name}", node.lineno
                yield from found(node.body, f"{prefix}{node.name}.")

    return dict(found(ast.parse(Path(file).read_text(encoding="utf-8")).body, ""))


def page_of(path: Path) -> str:
    """Return the name of the page with the source of a file: `source/nn/layers/dense`."""
    return f"{FOLDER}/{path.with_suffix('').as_posix()}"


def address(module: str, name: str) -> str | None:
    """Return the link to the source of an object, from the page that describes it."""
    found = place(module, name)
    return f"../../{page_of(found[0])}.html#line-{found[1]}" if found else None


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield a page for each file of the packages that describes something public."""
    formatter = HtmlFormatter(linenos="inline", lineanchors="line", wrapcode=True, linespans=None)
    for path in sorted(_files(app)):
        text = (ROOT / path).read_text(encoding="utf-8")
        body = f"<h1>{path.as_posix()}</h1>{highlight(text, PythonLexer(), formatter)}"
        yield page_of(path), {"title": path.as_posix(), "body": body}, "page.html"


def _files(app: Sphinx) -> set[Path]:
    """Return the files of all objects with a page, and of the classes that they inherit from."""
    found = objects.entries(Path(app.srcdir) / "reference")
    places = [place(e.module, e.name) for e in found]
    places += [_of_class(base) for e in found if inspect.isclass(e.thing) for base in e.thing.__mro__]
    places += [
        _of_code(part)
        for e in found
        if inspect.isclass(e.thing)
        for base in e.thing.__mro__
        for part in vars(base).values()
    ]
    return {found[0] for found in places if found}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the pages with Sphinx."""
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

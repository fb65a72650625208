"""What is public, where the pages of docs/reference list it, and the page that each object gets.

    ```{objects} nn.layers
    Dense
    Embedding
    ```

lists these objects; without names, all that the module offers. `object_pages` tells Sphinx of it.
"""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any

import examples

GROUP = re.compile(r"^```\{objects\} ([\w.]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PACKAGES = ("autograd_lite", "nn")


@dataclass(frozen=True)
class Entry:
    """A public object: its module, its name there, the page that lists it, and which of the page's tables does."""

    module: str
    name: str
    listed_in: str
    table: int = 0

    @property
    def thing(self) -> Any:
        """The object itself."""
        return getattr(importlib.import_module(self.module), self.name)

    @property
    def full_name(self) -> str:
        """The name by which one imports it."""
        return f"{self.module}.{self.name}"


def public(module: str) -> list[str]:
    """Return the names of our functions, classes and other callables in the `__all__` of a module."""
    home = importlib.import_module(module)
    return [name for name in getattr(home, "__all__", ()) if is_ours(getattr(home, name))]  # an inner module has none


def is_ours(thing: Any) -> bool:
    """Return whether something is to be called and was written here."""
    home = str(getattr(thing, "__module__", ""))
    return callable(thing) and not isinstance(thing, ModuleType) and home.partition(".")[0] in PACKAGES


def entries(folder: Path) -> list[Entry]:
    """Return what the tables of all pages in a folder list."""
    return [
        Entry(module, name, path.stem, table)
        for path in sorted(folder.glob("*.md"))
        for table, (module, names) in enumerate(GROUP.findall(path.read_text(encoding="utf-8")))
        for name in names.split() or public(module)
    ]


def summary(thing: Any) -> str:
    """Return the first sentence of an object's text.

    >>> summary(summary)
    "Return the first sentence of an object's text."
    """
    paragraph = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    found = re.match(r"(.*?[.:])(?= [A-Z`]|$)", paragraph)
    return (found[1] if found else paragraph).removesuffix(":")


# ---- pages ----------------------------------------------------------------------------------------------------------


def file_names(found: list[Entry]) -> dict[Entry, str]:
    """Return the names of the pages; where upper and lower case are all that differs, a class says so in its name."""
    functions = {e.full_name.lower() for e in found if not inspect.isclass(e.thing)}
    return {
        e: f"{e.full_name}-class" if inspect.isclass(e.thing) and e.full_name.lower() in functions else e.full_name
        for e in found
    }


def other_names(found: list[Entry]) -> dict[int, list[str]]:
    """Return further names of objects, by identity: of `nn.layers.MaxPool2D` also `nn.layers.MaxPooling2D`."""
    names: dict[int, list[str]] = {}
    for module in dict.fromkeys(e.module for e in found):
        for name in public(module):
            names.setdefault(id(getattr(importlib.import_module(module), name)), []).append(f"{module}.{name}")
    return names


def text_of(entry: Entry) -> str:
    """Return an object's docstring, and the example that stands below it if it is made, not written."""
    return f"{inspect.getdoc(entry.thing)}\n{examples.example(entry.full_name)}"


def page(entry: Entry, known: dict[Any, str], names: list[str], see_also: list[str]) -> str:
    """Return the page of an object, as reStructuredText.

    Args:
        entry: the object.
        known: the names of all classes that have a page; what is inherited from one is described there.
        names: all public names of the object.
        see_also: the lines that lead to related objects.
    """
    thing, title = entry.thing, entry.full_name
    others = ", ".join(f"``{name}``" for name in names if name != title)
    lines = [
        ":orphan:",
        "",
        title,
        "=" * len(title),
        "",
        f":doc:`Reference <../index>` › :doc:`../{entry.listed_in}`",
        "",
        *([f"Also {others}.", ""] if others else []),
        f".. currentmodule:: {entry.module}",
        "",
        f".. {_directive(thing)}:: {entry.name}",
    ]
    if example := examples.example(entry.full_name):
        lines += ["", ".. code-block:: python", "", indent(example, "   ")]
    if inspect.isclass(thing):
        bases = [base for base in thing.__mro__[1:] if base in known]
        above = dict.fromkeys(cls.__name__ for base in bases for cls in base.__mro__ if cls is not object)
        stop = [*above, *(cls.__name__ for cls in thing.__mro__[1:] if cls is not object and not is_ours(cls))]
        lines += ["   :members:", f"   :inherited-members: {', '.join(stop)}"]
        if bases:
            links = ", ".join(f":py:class:`{known[base]}`" for base in bases)
            lines += ["", f"What it inherits is described with {links}."]
    return "\n".join([*lines, "", *see_also])


def _directive(thing: Any) -> str:
    if inspect.isclass(thing):
        return "autoexception" if issubclass(thing, BaseException) else "autoclass"
    return "autofunction"

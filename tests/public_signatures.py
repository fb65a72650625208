"""The signature of everything public, a line each, to see what a change does to those who call it.

`python -m tests.public_signatures` shows what differs from `public_signatures.txt`, and with `--write` writes it anew.
Annotations are left out: callers pass names and values. What has another library's names, as `autograd_lite.scipy`
does, is that library's.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from .test_reference import ENTRIES, MODULES, objects

FILE = Path(__file__).with_suffix(".txt")
COMMAND = "python -m tests.public_signatures --write"


def signature(thing: Any) -> str:
    """Return the names and the defaults of what may be called with; empty if C does not tell.

    >>> signature(lambda x, /, *, axis=None, by=len: 0)
    '(x, /, *, axis=None, by=len)'
    """
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return ""
    plain = []
    for p in parameters:
        name = getattr(p.default, "__name__", "")  # the text of a function has its address
        default = _Text(name) if name and callable(p.default) and p.default is not p.empty else p.default
        plain.append(p.replace(annotation=p.empty, default=default))
    return str(inspect.Signature(plain))


class _Text(str):
    __repr__ = str.__str__


def members(cls: type, public: set[int]) -> Iterator[tuple[str, str]]:
    """Yield the public methods and properties of a class with signatures, but for those of its public bases."""
    bases = [base for base in cls.__mro__[1:] if id(base) in public]
    for name in sorted(dir(cls)):
        home = next((base for base in cls.__mro__ if name in vars(base)), None)
        if name.startswith("_") or home is None or not objects.is_ours(home):
            continue
        member = vars(home)[name]
        function = getattr(member, "fget", None) or getattr(member, "func", None) or getattr(member, "__func__", member)
        if isinstance(function, FunctionType):
            is_called = isinstance(member, FunctionType | staticmethod | classmethod)
            text = signature(getattr(cls, name)) if is_called else ""
            if not any(hasattr(base, name) and text == _signature_in(base, name, is_called) for base in bases):
                yield name, text


def _signature_in(base: type, name: str, is_called: bool) -> str:
    return signature(getattr(base, name)) if is_called else ""


def lines() -> Iterator[str]:
    """Yield a line for each public name, and for each public method and property of a class."""
    names = {id(entry.thing): entry.full_name for entry in ENTRIES}
    for module in MODULES:
        home = importlib.import_module(module)
        for name in home.__all__:
            thing, full = getattr(home, name), f"{module}.{name}"
            if isinstance(thing, ModuleType):
                continue
            known = names.get(id(thing), full) if objects.is_ours(thing) else full
            if known != full:
                yield f"{full} = {known}"
                continue
            yield f"{full}{signature(thing) if callable(thing) else ''}"
            if inspect.isclass(thing):
                yield from (f"{full}.{member}{text}" for member, text in members(thing, set(names)))


def text() -> str:
    """Return the text of the file.

    >>> "autograd_lite.vmap(f, in_axes=0, out_axes=0" in text()
    True
    """
    return "\n".join([*sorted(set(lines())), ""])


def difference(before: str, after: str) -> str:
    """Return the lines that are gone with -, and those that are new with +; empty if there are none.

    >>> print(difference("f(x)\\ng(x)\\n", "f(x, y)\\ng(x)\\n"))
    - f(x)
    + f(x, y)
    """
    changes = difflib.ndiff(before.splitlines(), after.splitlines())
    return "\n".join(line for line in changes if line[0] in "-+")


if __name__ == "__main__":
    before = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
    now = text()
    print(difference(before, now))
    if "--write" in sys.argv:
        FILE.write_text(now, encoding="utf-8")

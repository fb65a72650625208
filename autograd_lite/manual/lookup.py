"""Words and the entries that they open: pages, sections, errors, objects, terms; and words near an unknown one."""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import ModuleType
from typing import Any, NamedTuple, cast

from ..core.late import ATTACHED
from .pages import Page, Section, anchor, pages, sections, table_rows, without_links
from .plain_text import plain_text

_ERRORS, _GLOSSARY = "help/errors", "help/glossary"
# Where objects are looked for, and where only then: modules that load SciPy, and those with names of other libraries.
_FIRST = ("autograd_lite", "autograd_lite.nn")
_SECOND = ("autograd_lite.optimize", "autograd_lite.sparse")
_THIRD = ("autograd_lite.numpy", "autograd_lite.scipy", "autograd_lite.hips")
_SHORT = {"autograd_lite.nn": "nn", "autograd_lite": "ag"}
# Whose methods one asks for by their names alone.
_CLASSES = ("nn.Model", "Tensor", "nn.Module", "Graph", "nn.optimizers.Optimizer")
_LONG = {
    "nn": "autograd_lite.nn",
    "ag": "autograd_lite",
    "np": "autograd_lite.numpy",
    "st": "autograd_lite.scipy.stats",
}


class Entry(NamedTuple):
    """What a word opens.

    Attributes:
        word: the word that opens this entry first.
        kind: a page, a function, …
        text: returns its text for a width.
    """

    word: str
    kind: str
    text: Callable[[int], str]


def entries_of(words: str) -> list[Entry]:
    """Return what words open, the likeliest first.

    Args:
        words: the name of a page or of something public, a class of errors, a heading, a term, or a whole message.

    Example:
        >>> [(entry.word, entry.kind) for entry in entries_of("cotangent")]
        [('cotangent', 'a word of the glossary')]
    """
    ways = (_errors, _pages, _error_sections, _objects, _terms, _other_objects, _other_sections, _messages)
    unique = dict[str, Entry]()
    for way in ways:
        for entry in way(words.strip().strip("`")):
            unique.setdefault(entry.word, entry)
    return list(unique.values())


def near(words: str, most: int = 6) -> list[str]:
    """Return words that open something and resemble others.

    Example:
        >>> near("jacobain")[0]
        'jacobian'
    """
    by_lower = {word.lower(): word for word in _words()}
    names = list[str]()
    for part in [words, *(re.findall(r"\w{4,}", words) if " " in words else [])]:
        key = part.lower().rpartition(".")[2]
        begun = [word for low, word in by_lower.items() if len(key) > 2 and (key in low or anchor(key) in low)]
        close = [by_lower[low] for low in difflib.get_close_matches(key, by_lower, most, 0.7)]
        names += [*close, *sorted(begun, key=len)]
    return list(dict.fromkeys(names))[:most]


def pages_with(words: str, most: int = 4) -> list[str]:
    """Return the words that open the pages in which a text occurs most, or else all of its longer words do.

    Example:
        >>> "seeing" in pages_with("vanishing gradient")
        True
    """
    long = re.findall(r"\w{4,}", words) or [words]
    for parts in ([words], long):
        patterns = [rf"(?<!\w){re.escape(part)}(?!\w)" for part in parts]
        counts = {p: min(len(re.findall(s, p.text, re.IGNORECASE)) for s in patterns) for p in pages().values()}
        if any(counts.values()):
            break
    most_first = sorted((page for page in counts if counts[page]), key=lambda page: -counts[page])
    return [word_of(page) for page in most_first[:most]]


@cache
def _words() -> list[str]:
    words = [word_of(page) for page in pages().values()]
    words += [section.anchor for section in sections(pages()[_ERRORS])]
    words += [anchor(term) for term, *_ in _glossary()]
    homes = (module for roots in (_FIRST, _SECOND) for module in modules(roots))
    return [*words, *(name for module in homes for name in dir(module))]


def word_of(page: Page) -> str:
    """Return the word that opens a page: its name, or its path if another page is asked first by that."""
    first = next(other for other in pages().values() if other.name == page.name)
    return page.name if first is page else page.path


# ---- pages and sections ---------------------------------------------------------------------------------------------


def _pages(word: str) -> Iterator[Entry]:
    path, _, place = word.lower().removesuffix(".md").replace(".md#", "#").partition("#")
    for page in pages().values():
        if path in (page.name, page.path, page.path.removeprefix("guides/")) or anchor(path) == anchor(page.title):
            if not place:
                yield Entry(word_of(page), f"a page: {page.title}", partial(plain_text, page.text))
            yield from (_section_entry(section) for section in sections(page) if section.anchor == place)


def _section_entry(section: Section) -> Entry:
    alone = section.page.path == _ERRORS
    word = section.anchor if alone else f"{word_of(section.page)}#{section.anchor}"
    kind = f"a section of {section.page.title}"
    return Entry(word, kind, partial(plain_text, section.text))


def _sections_of(word: str, paths: Iterator[str]) -> Iterator[Entry]:
    for path in paths:
        for section in sections(pages()[path]):
            if section.anchor == anchor(word):
                yield _section_entry(section)


def _error_sections(word: str) -> Iterator[Entry]:
    yield from _sections_of(word, iter([_ERRORS]))


def _other_sections(word: str) -> Iterator[Entry]:
    yield from _sections_of(word, (path for path in pages() if path != _ERRORS))


# ---- errors ---------------------------------------------------------------------------------------------------------


def _errors(word: str) -> Iterator[Entry]:
    """Yield a class of errors: its row in the table of the page, and the sections that the row names."""
    page = pages()[_ERRORS]
    for classes, also, when, more in (row for row in table_rows(page.text) if len(row) == 4):
        for name in re.findall(r"`(\w+)`", classes):
            if name.lower() == word.lower().rpartition(".")[2]:
                places = re.findall(r"\(#([\w-]+)\)", more)
                texts = [section.text for section in sections(page) if section.anchor in places]
                head = f"# {name}\n\n{f'Also a {also}. ' if also else ''}Raised when: {when}.\n\n"
                yield Entry(name, "a class of errors", partial(plain_text, head + "\n".join(texts)))


def _messages(words: str) -> Iterator[Entry]:
    """Yield the sections whose boxes have a message, which was copied as a whole."""
    message = re.sub(r"^[\w.]+(?:Error|Warning|Rule|Mismatch): ", "", " ".join(words.split()))
    if " " not in message:
        return
    for section in sections(pages()[_ERRORS]):
        boxes = re.findall(r"```text\n(.*?)```", section.text, re.DOTALL) if section.text.startswith("### ") else []
        if any(matches(template, message) for box in boxes for template in box.splitlines() if template):
            yield _section_entry(section)


def matches(template: str, message: str) -> bool:
    """Return whether a message is one of a template, in which "…" stands for anything.

    Example:
        >>> matches("grad: … scalar; received shape …. Reduce …", "grad: a scalar; received shape (2,). Reduce it")
        True
    """
    pattern = ".*".join(re.escape(part.strip()) for part in template.removesuffix("…").split("…"))
    return re.match(pattern, " ".join(message.split())) is not None


# ---- terms ----------------------------------------------------------------------------------------------------------


def _glossary() -> list[list[str]]:
    return [[row[0].strip("*"), row[1]] for row in table_rows(pages()[_GLOSSARY].text) if row[0].startswith("**")]


def _terms(word: str) -> Iterator[Entry]:
    for term, meaning in _glossary():
        if anchor(term) == anchor(word):
            text = f"# {term}\n\n{without_links(meaning)}"
            yield Entry(anchor(term), "a word of the glossary", partial(plain_text, text))


# ---- objects --------------------------------------------------------------------------------------------------------


@cache
def modules(roots: tuple[str, ...]) -> list[ModuleType]:
    """Return the public modules below some that can be imported here, by how far they are from these."""
    queue, public = [*roots], list[ModuleType]()
    while queue:
        try:
            module = importlib.import_module(queue.pop(0))
        except ImportError:  # it needs another package
            continue
        if module not in public:
            public.append(module)
            queue += (name for name in _modules_in(module) if name not in (*_FIRST, *_SECOND, *_THIRD))
    return public


def _modules_in(module: ModuleType) -> Iterator[str]:
    """Yield the names of public modules in one, without loading what loads late."""
    late = ATTACHED.get(module.__name__, {})
    for name in dir(module):
        value = vars(module).get(name)
        if isinstance(value, ModuleType) and value.__name__.startswith(f"{module.__name__}."):
            yield value.__name__
        elif late.get(name) == "":
            yield f"{module.__name__}.{name}"


def _objects(word: str) -> Iterator[Entry]:
    """Yield what has a name in the modules that most ask first, or that is a method of their main classes."""
    name = _full_name(word)
    methods = () if "." in name else (f"{cls}.{name}" for cls in _CLASSES)
    for candidate in (name, *methods):
        yield from (_object_entry(path, value) for path, value in _objects_named(candidate, modules(_FIRST), False))


def _other_objects(word: str) -> Iterator[Entry]:
    """Yield what has a name in further modules, or in any if upper and lower case do not matter."""
    name = _full_name(word)
    if not re.fullmatch(r"[\w.]+", name) or any(_objects(word)):
        return
    for any_case in (False, True):
        for roots in (_FIRST, _SECOND, _THIRD):
            if objects := [*_objects_named(name, modules(roots), any_case)]:
                yield from (_object_entry(path, value) for path, value in objects)
                return


def _full_name(word: str) -> str:
    first, dot, rest = word.removesuffix("()").partition(".")
    return f"{_LONG.get(first, first) if dot or first in _SHORT.values() else first}{dot}{rest}"


def _objects_named(name: str, homes: list[ModuleType], any_case: bool) -> Iterator[tuple[str, Any]]:
    """Yield objects of a name, with their whole names: `layers.Dense` is in nn, and `Dense` in nn.layers."""
    seen = set[int]()
    for module in homes:
        path, value = module.__name__, cast(Any, module)
        for part in [] if name == path else name.removeprefix(f"{path}.").split("."):
            match = next((n for n in dir(value) if n == part or (any_case and n.lower() == part.lower())), None)
            path, value = f"{path}.{match}", getattr(value, match, None) if match else None
        if value is not None and id(value) not in seen and not isinstance(value, int | float | str | tuple):
            seen.add(id(value))
            yield path, value


def _object_entry(path: str, value: Any) -> Entry:
    for long, short in _SHORT.items():
        path = re.sub(rf"^{long}(?=\.|$)", short, path)
    kind = (
        "a module"
        if inspect.ismodule(value)
        else "a class"
        if inspect.isclass(value)
        else "a function"
        if callable(value)
        else "a value"
    )
    return Entry(path, kind, partial(_description, path, value))


def _description(path: str, value: Any, width: int) -> str:
    """Return the signature, the docstring and the public names of an object."""
    head = textwrap.fill(f"{path}{_signature(value)}", width, subsequent_indent=" " * 4)
    parts = [head, inspect.getdoc(value) or ""]
    if inspect.ismodule(value) or inspect.isclass(value):
        names = [
            name
            for name in dir(value)
            if not name.startswith("_") and (inspect.ismodule(value) or hasattr(value, name))
        ]
        label = "Names" if inspect.ismodule(value) else "Methods and attributes"
        parts.append(textwrap.fill(f"{label}: {', '.join(names)}", width, subsequent_indent=" " * 4))
    return "\n\n".join(filter(None, parts))


def _signature(value: Any) -> str:
    """Return the signature without annotations, as the docstring has them; "" if there is none."""
    if inspect.ismodule(value):
        return ""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))

"""What of a file is prose, as Markdown: pages without code, docstrings without examples and references, messages."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

_FENCED = re.compile(r"^(```|:::|\$\$).*?^(?:```|:::|\$\$)[ \t]*$|^:{3,}.*$|^\$\$.*?\$\$$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\([^)\s]*\)")
_SECTION = re.compile(r"(Args|Returns|Raises|Example|Examples|References|Attributes|Yields|Note|Notes):$")
_NAMED = re.compile(r"^\s{4}([\w*, .\[\]]+?)(?: \([^)]*\))?: ")
# Not prose: code, mathematics, names of files, options and their like.
_CODE = re.compile(
    r"``?[^`\n]+``?|https?://\S+|\S*[_/\\=<>{}\[\]@#^+|]\S*|\w[\w.]*\([^)\n]*\)|--?\w[\w-]*|\w+(?:\.\w+)+"
)
_FEWEST = 5  # words of a message


def page(text: str) -> str:
    """Return a page without blocks of code, formulas and directives; the lines keep their numbers."""
    blank = _FENCED.sub(lambda block: "\n" * block[0].count("\n"), text)
    blank = _LINK.sub("]", blank)
    return "\n".join("" if re.match(r"\|[-:| ]+\|$", line) else line.replace("|", " · ") for line in blank.split("\n"))


def docstring(text: str) -> str:
    """Return a docstring without examples and references; names of arguments become code."""
    lines, section, code = [], "", False
    for line in inspect.cleandoc(text).split("\n"):
        if match := _SECTION.match(line):
            section, line = match[1], ""
        elif line and not line[0].isspace():
            section = ""
        code = bool(line.strip()) and (code or line.lstrip().startswith(">>>"))
        if code or section in ("Example", "Examples", "References"):
            line = ""
        elif section:
            line = _NAMED.sub(r"- `\1`: ", line).removeprefix("    ")
        elif line.startswith("    "):
            line = ""  # a formula
        lines.append(line)
    return "\n".join(lines)


def without_code(text: str) -> str:
    """Return a text with what is not prose as inline code, which the checker passes over."""
    return _CODE.sub("`x`", text)


def python(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring, and of each string that has the words of a message."""
    tree = ast.parse(source)
    inside: set[int] = set()  # docstrings, and the parts of f-strings
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if ast.get_docstring(node) and isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                inside.add(id(first.value))
                yield first.lineno, without_code(docstring(first.value.value))
        elif isinstance(node, ast.JoinedStr) and id(node) not in inside:
            inside |= {id(part) for part in ast.walk(node)}
            parts = (str(part.value) if isinstance(part, ast.Constant) else "`x`" for part in node.values)
            yield from message(node.lineno, "".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield from message(node.lineno, node.value)


def message(line: int, text: str) -> Iterator[tuple[int, str]]:
    """Yield a string if it reads like a message: several words, most of them of letters, on one line."""
    words = text.split()
    if (
        len(words) >= _FEWEST
        and "\n" not in text
        and sum(word.strip(",;:.'()").isalpha() for word in words) > 0.7 * len(words)
    ):
        yield line, without_code(text)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the pieces of prose of a file, with the line where each begins."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from python(source)
    else:
        yield 1, page(source)

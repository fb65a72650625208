"""The layout rules of this project as functions of source text, so that test_layout can also feed them bad sources.

`sources` maps a path from the repository's root ("autograd_lite/core/op.py") to the text of that file. Each rule
returns a list of sentences, one for each violation.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import PurePosixPath
from typing import NamedTuple

Sources = Mapping[str, str]

# From low to high; a module imports from lower ones alone, for annotations too.
LAYERS = (
    "native",
    "core",
    "files",
    "tree",
    "ops",
    "tensors",
    "random",
    "arrays",
    "functions",
    "engine",
    "ir",
    "extend",
    "functional",
    "compiler",
    "control",
    "testing",
    "graph",
    "sparse",
    "solutions",
    "integrate",
    "optimize",
    "scipy",
    "numpy",
    "hips",
    "manual",
    "nn",
)
# What nn may import besides `autograd_lite` itself.
PUBLIC_MODULES = ("arrays", "extend", "files", "graph", "random", "tree")
VAGUE_NAMES = {"common", "helpers", "misc", "utils"}
# Whose modules have the names that another library gave them.
NAMED_BY_OTHERS = "autograd_lite/hips/"
PACKAGES = ("autograd_lite", "nn")

MAX_FILE_LINES = 600
MAX_MEDIAN_LINES = 200
MAX_FUNCTION_LINES = 60
MAX_DEV_LINES = 99
# Imports between the files and subfolders of one folder, in all folders; to be lowered when there are fewer.
MAX_ARROWS = 2143


class Import(NamedTuple):
    """One imported name: the module it comes from, or is."""

    module: str
    name: str
    line: int
    in_function: bool
    for_typing: bool = False


def module_name(path: str) -> str:
    """Return the dotted name of a file.

    >>> module_name("autograd_lite/core/op.py"), module_name("nn/__init__.py")
    ('autograd_lite.core.op', 'nn')
    """
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache  # several rules read the same files
def imports(path: str, source: str, modules: frozenset[str]) -> tuple[Import, ...]:
    """Return every import in a file, relative ones resolved, and calls that import by name.

    Args:
        path: The file.
        source: Its text.
        modules: The dotted names of all our modules, which tell `from package import module` from a name in a package.
    """
    package = module_name(path) if path.endswith("__init__.py") else module_name(path).rpartition(".")[0]
    found: list[Import] = []
    guards, calls = "TYPE_CHECKING" in source, re.search(r"import\w*\(", source)
    pending: list[tuple[ast.AST, bool, bool]] = [(ast.parse(source), False, False)]
    while pending:
        node, inside, typing = pending.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.append(Import(alias.name, "", node.lineno, inside, typing))
        elif isinstance(node, ast.ImportFrom):
            anchor = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*anchor, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                found.append(Import(full if full in modules else origin, alias.name, node.lineno, inside, typing))
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called.strip("_") in ("import_module", "import") and isinstance(name := node.args[0].value, str):
                dots = len(name) - len(name.lstrip("."))
                anchor = package.split(".")[: len(package.split(".")) - dots + 1] if dots else []
                found.append(Import(".".join([*anchor, name.lstrip(".")]), "", node.lineno, True))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        is_guard = guards and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        guarded = node.body if is_guard else ()
        children = ast.iter_child_nodes(node) if calls else _statements_of(node)
        pending += [(child, inside, typing or child in guarded) for child in children]
    return tuple(found)


def _statements_of(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements right below a node; an expression has none."""
    for name in ("body", "orelse", "handlers", "finalbody", "cases"):
        below = getattr(node, name, None)
        yield from below if isinstance(below, list) else ()


def layer_of(module: str) -> int | None:
    """Return the rank of a module of autograd_lite, or None where LAYERS lacks it.

    The package itself is on top, and so is its command line.
    """
    _, _, inside = module.partition(".")
    if inside in ("", "__main__"):
        return len(LAYERS)
    first = inside.partition(".")[0]
    return LAYERS.index(first) if first in LAYERS else None


def layering_violations(sources: Sources) -> list[str]:
    """Check that no layer imports a higher one, that nn sees only the public API, and that imports are at the top."""
    modules = frozenset(map(module_name, sources))
    found = []
    for path, source in sources.items():
        here = module_name(path)
        if not _belongs(here, PACKAGES):
            continue
        for item in imports(path, source, modules):
            if not _belongs(item.module, PACKAGES):
                continue
            where = f"{path}:{item.line} imports {item.module}"
            # A package is above its modules: loading one late dodges nothing.
            inside = path.endswith("__init__.py") and item.module.startswith(f"{here}.")
            if item.in_function and here not in PACKAGES and not inside:
                found.append(f"{where} inside a function: move the import to the top, or the code to its layer")
            reason = _engine_reason(here, item) if _belongs(here, ("autograd_lite",)) else _nn_reason(item)
            if reason:
                found.append(f"{where}: {reason}")
    return found


def _belongs(module: str, packages: tuple[str, ...]) -> bool:
    """Return whether a module is in one of the packages."""
    return module.partition(".")[0] in packages


def _engine_reason(here: str, item: Import) -> str:
    """Say what is wrong with an import in autograd_lite, or nothing."""
    if _belongs(item.module, ("nn",)):
        return "nn builds on autograd_lite, not the other way round"
    for module in (here, item.module):
        if layer_of(module) is None:
            return f"{module} has no layer; add it to LAYERS in tests/layout_rules.py"
    higher = layer_of(item.module) > layer_of(here)
    return f"that is a higher layer than {here}; reach up through a hook in core" if higher else ""


def _nn_reason(item: Import) -> str:
    """Say what is wrong with an import in nn, or nothing."""
    allowed = {"autograd_lite", *(f"autograd_lite.{name}" for name in PUBLIC_MODULES)}
    private = item.name.startswith("_") and not item.name.endswith("__")
    if _belongs(item.module, ("autograd_lite",)) and (item.module not in allowed or private):
        return f"nn is built from the public API only: autograd_lite and its modules {', '.join(PUBLIC_MODULES)}"
    return ""


def underscore_violations(sources: Sources) -> list[str]:
    """Check that no module hides behind an underscore: what is public is what a package's `__init__` re-exports."""
    return [
        f"{path}: '{part}' begins with an underscore; an __init__ that re-exports says what is public"
        for path in sources
        if _belongs(module_name(path), PACKAGES)
        for part in PurePosixPath(path).with_suffix("").parts
        if part.startswith("_") and not part.endswith("__")
    ]


def circle_violations(sources: Sources) -> list[str]:
    """Check that no files import each other in a circle, be it at run time, in a function or for annotations alone."""
    return [
        f"{len(circle)} files import each other: {_way(circle, arrows)}"
        for arrows in [_arrows(sources)]
        for circle in _circles(arrows)
    ]


def hook_violations(sources: Sources) -> list[str]:
    """Check that lower layers call up through typed slots alone, each declared in a class `Hooks` and filled once."""
    found: list[str] = []
    declared: dict[str, str] = {}
    filled: dict[str, list[str]] = {}
    for path, source in sources.items():
        package = path.partition("/")[0]
        speaks = package in PACKAGES and any(word in source for word in ("Hooks", "HOOKS", "globals"))
        for node in ast.walk(ast.parse(source)) if speaks else ():
            if isinstance(node, ast.ClassDef) and node.name == "Hooks":
                slots = [ast.unparse(line.target) for line in node.body if isinstance(line, ast.AnnAssign)]
                declared |= {f"{package}: {slot}": f"{path}:{node.lineno}" for slot in slots}
            for target in node.targets if isinstance(node, ast.Assign) else ():
                owner, _, slot = ast.unparse(target).rpartition(".")
                if owner.rpartition(".")[2].strip("_") == "HOOKS":
                    filled.setdefault(f"{package}: {slot}", []).append(f"{path}:{node.lineno}")
                elif owner.startswith("globals()") or slot.startswith("globals()"):
                    found.append(f"{path}:{node.lineno} writes into globals(): declare a slot in a class Hooks")
    for slot in declared.keys() | filled.keys():
        places = filled.get(slot, [])
        if slot not in declared:
            found.append(f"{places[0]} fills {slot}, which no class Hooks declares")
        elif len(places) != 1:
            found.append(f"{declared[slot]} declares {slot}, which is filled {len(places)} times: {places}")
    return sorted(found)


def room_violations(sources: Sources) -> list[str]:
    """Check that in no folder files and subfolders lean on each other: a subfolder counts as one, all its files."""
    return [
        f"{folder}: {len(circle)} rooms lean on each other: {_way(circle, arrows)}"
        for folder, arrows in sorted(_folders(sources).items())
        for circle in _circles(arrows)
    ]


def rooms_and_arrows(sources: Sources) -> dict[str, tuple[int, int]]:
    """Return, for each folder of the packages, how many rooms it has, and how many arrows there are between them."""
    inside: dict[str, set[str]] = {}
    for path in sources:
        parts = PurePosixPath(path).parts
        if parts[0] in PACKAGES:
            for depth in range(1, len(parts)):
                inside.setdefault("/".join(parts[:depth]), set()).add(parts[depth])
    arrows = _folders(sources)
    return {folder: (len(rooms), len(arrows.get(folder, ()))) for folder, rooms in sorted(inside.items())}


def arrow_violations(sources: Sources) -> list[str]:
    """Check that there are no more arrows between rooms than there were: who adds one finds another to remove."""
    total = sum(arrows for _, arrows in rooms_and_arrows(sources).values())
    return [f"{total} arrows between rooms, more than {MAX_ARROWS}"] if total > MAX_ARROWS else []


def _folders(sources: Sources) -> dict[str, Arrows]:
    """Return the arrows between the files and subfolders of each folder, with one place where each comes from."""
    folders: dict[str, Arrows] = {}
    for (start, end), item in _arrows(sources).items():
        a, b = PurePosixPath(start).parts, PurePosixPath(end).parts
        shared = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
        arrows = folders.setdefault("/".join(a[:shared]) or ".", {})
        arrows.setdefault((a[shared], b[shared]), f"{start}, {item}")
    return folders


# Who imports whom, and a place where, with the manner of the import.
Arrows = dict[tuple[str, str], str]


def _arrows(sources: Sources) -> Arrows:
    """Return the imports between our files, by their paths."""
    paths = {module_name(path): path for path in sources}
    modules = frozenset(paths)
    found: Arrows = {}
    for path, source in sources.items():
        if _belongs(module_name(path), PACKAGES):
            for item in imports(path, source, modules):
                if item.module in paths and paths[item.module] != path and _belongs(item.module, PACKAGES):
                    # What a package loads on request is loaded from above.
                    if item.in_function and module_name(path) in PACKAGES:
                        continue
                    manner = "for typing" if item.for_typing else "late" if item.in_function else "at run time"
                    arrow = (path, paths[item.module])
                    if manner == "at run time" or arrow not in found:
                        found[arrow] = f"line {item.line}, {manner}"
    return found


def _circles(arrows: Arrows) -> list[list[str]]:
    """Return the groups whose members all reach each other, largest first."""
    onward: dict[str, list[str]] = {}
    for start, end in arrows:
        onward.setdefault(start, []).append(end)
    reached: dict[str, set[str]] = {}
    for start in onward:
        found = reached.setdefault(start, set())
        pending = [start]
        while pending:
            new = [end for end in onward.get(pending.pop(), ()) if end not in found]
            found.update(new)
            pending += new
    groups = {frozenset(end for end in ends if start in reached.get(end, ())) for start, ends in reached.items()}
    return sorted((sorted(group) for group in groups if group), key=lambda group: (-len(group), group))


def _way(circle: list[str], arrows: Arrows) -> str:
    """Show one short way around a circle, and who else is in it."""
    ways = [[start] for start in circle]
    while not (closed := [way for way in ways if (way[-1], way[0]) in arrows]):
        ways = [[*way, end] for way in ways for end in circle if end not in way and (way[-1], end) in arrows]
        ways = list({way[-1] + way[0]: way for way in ways}.values())
    way = [*closed[0], closed[0][0]]
    steps = "".join(f" -> {end} ({arrows[start, end]})" for start, end in pairwise(way))
    others = [name for name in circle if name not in way]
    return f"{way[0]}{steps}" + (f"; and {', '.join(others)}" if others else "")


def size_violations(sources: Sources) -> list[str]:
    """Check the lengths of files and of functions (docstrings do not count: they are as long as the math needs)."""
    found = []
    for path, source in sources.items():
        if (lines := source.count("\n")) > MAX_FILE_LINES:
            found.append(f"{path} has {lines} lines, more than {MAX_FILE_LINES}")
        pending: list[ast.AST] = [ast.parse(source)] if lines > MAX_FUNCTION_LINES else []
        while pending:
            pending += _statements_of(node := pending.pop())
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = _lines(node) - (_lines(node.body[0]) if ast.get_docstring(node) is not None else 0)
                if lines > MAX_FUNCTION_LINES:
                    found.append(f"{path}:{node.lineno} {node.name} has {lines} lines, more than {MAX_FUNCTION_LINES}")
    for package in PACKAGES:
        sizes = [source.count("\n") for path, source in sources.items() if _belongs(module_name(path), (package,))]
        if sizes and (median := statistics.median(sizes)) >= MAX_MEDIAN_LINES:
            found.append(f"the median file of {package} has {median:g} lines, not under {MAX_MEDIAN_LINES}")
    return found


def _lines(node: ast.stmt) -> int:
    """Return how many lines a statement takes."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def name_violations(sources: Sources) -> list[str]:
    """Check that nothing in the engine has a name that says nothing."""
    parts = {path: PurePosixPath(path).with_suffix("").parts for path in sources}
    return [
        f"{path}: '{part}' does not say what the code does; name it after its subject"
        for path, names in parts.items()
        for part in names
        if names[0] == "autograd_lite" and part.strip("_") in VAGUE_NAMES and not path.startswith(NAMED_BY_OTHERS)
    ]


def bootstrap_violations(source: str) -> list[str]:
    """Check that dev.py is short and runs where nothing is installed."""
    found = [
        f"dev.py:{item.line} imports {item.module}, which is not in the standard library"
        for item in imports("dev.py", source, frozenset())
        if item.module.partition(".")[0] not in sys.stdlib_module_names
    ]
    if (lines := source.count("\n")) > MAX_DEV_LINES:
        found.append(f"dev.py has {lines} lines, more than {MAX_DEV_LINES}")
    return found

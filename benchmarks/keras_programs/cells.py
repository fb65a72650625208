"""From a notebook or a script to cells of Python, and from Keras's imports to those of another library."""

from __future__ import annotations

import ast
import json
import re
import warnings
from pathlib import Path

# The names that a program has for `tf.keras`, and for TensorFlow itself, which is missing.
KERAS_NAME = "_program_keras"
TENSORFLOW_NAME = "_program_tensorflow"
_PREFIXES = ("tensorflow.keras", "tf_keras", "keras_core", "keras")
_EPOCHS = re.compile(r"(^|_)(epochs?|iterations|episodes)$", re.IGNORECASE)
MOST_EPOCHS = 2
_HOME = re.compile(r"^(/home/\w+|/Users/\w+)(/data|/Downloads)?(?=/|$)")


def read_cells(path: Path) -> list[str]:
    """The code cells of a notebook; of a script, the code between its texts (strings that stand alone at the top)."""
    if path.suffix == ".ipynb":
        return notebook_cells(json.loads(path.read_text(encoding="utf-8")))
    return script_cells(path.read_text(encoding="utf-8"))


def notebook_cells(notebook: dict) -> list[str]:
    """The code cells of a notebook, without lines for the shell or for IPython, and without those left empty."""
    sources = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    cells = (re.sub(r"^([ \t]*)[!%](.*\\\n)*.*$", r"\1pass", source, flags=re.MULTILINE) for source in sources)
    return [cell for cell in cells if not _idle(cell)]


def script_cells(text: str) -> list[str]:
    """The code between strings that stand alone; a script without such strings is one cell."""
    lines = text.splitlines()
    cells, begun = [], 0
    for node in _parse(text).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            cells.append("\n".join(lines[begun : node.lineno - 1]))
            begun = node.end_lineno or node.lineno
    cells.append("\n".join(lines[begun:]))
    return [cell for cell in cells if not _idle(cell)]


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes in other people's strings
        return ast.parse(source)


def _idle(source: str) -> bool:
    try:
        return all(isinstance(node, ast.Pass) for node in _parse(source).body)
    except SyntaxError:
        return False


def swapped(source: str, library: str) -> ast.Module:
    """The syntax tree of a cell in which Keras's imports are those of `library`, and few epochs are asked for.

    Folders of the author's home are the current folder.
    """
    return ast.fix_missing_locations(_Swap(library).visit(_parse(source)))


class _Swap(ast.NodeTransformer):
    def __init__(self, library: str) -> None:
        self.library = library

    def _name(self, module: str) -> str | None:
        """The name in the library of a module of Keras, None for other modules."""
        for prefix in _PREFIXES:
            if module == prefix or module.startswith(f"{prefix}."):
                return self.library + module[len(prefix) :]
        return None

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return [statement for alias in node.names for statement in self._imported(alias)]

    def _imported(self, alias: ast.alias) -> list[ast.stmt]:
        name = self._name(alias.name)
        if name is None and alias.name.split(".")[0] == "tensorflow" and "." not in alias.name:
            return [_assign(alias.asname or "tensorflow", TENSORFLOW_NAME)]
        if name is None or alias.asname:
            return [ast.Import([ast.alias(name or alias.name, alias.asname)])]
        # `import keras.layers` binds `keras`.
        first = [ast.Import([ast.alias(self.library, alias.name.split(".")[0])])]
        return [*first, ast.Import([ast.alias(name, "_")])] if "." in alias.name else first

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | list[ast.stmt]:
        if node.level == 0 and node.module == "tensorflow":
            keras = [alias for alias in node.names if alias.name == "keras"]
            rest = [alias for alias in node.names if alias.name != "keras"]
            statements: list[ast.stmt] = [_assign(alias.asname or "keras", KERAS_NAME) for alias in keras]
            return statements + ([ast.ImportFrom("tensorflow", rest, 0)] if rest else [])
        name = self._name(node.module or "") if node.level == 0 else None
        return ast.ImportFrom(name, node.names, 0) if name else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr == "keras" and isinstance(node.value, ast.Name) and node.value.id in ("tf", "tensorflow"):
            return ast.copy_location(ast.Name(KERAS_NAME, node.ctx), node)
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):
            node.value = _HOME.sub(".", node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        value = node.value
        if names and _EPOCHS.search(names[0]) and isinstance(value, ast.Constant) and isinstance(value.value, int):
            node.value = ast.copy_location(ast.Constant(min(value.value, MOST_EPOCHS)), value)
        return self.generic_visit(node)


def _assign(name: str, value: str) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], ast.Name(value, ast.Load()))

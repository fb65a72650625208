"""Only the record of an op knows it: neither passes nor the compiler name one, or import one from the tables."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import autograd_lite
from autograd_lite.core.op import OPS

ROOT = Path(autograd_lite.__file__).parent
# What is also the name of something else there: a kind of memory and of facts.
ELSE = {"array"}
# Methods of the user's containers, attributes of arrays, and kernels in C, which these files name.
OF_USERS = {
    "guard_collector.py": {"add", "imag", "real"},
    "expressions.py": {"relu", "sigmoid_pullback", "tanh_pullback"},
}
# The functions of C's library, and a few lines of C99, by the names of the ufuncs that they stand for.
TABLE = "standalone_functions.py"
FILES = sorted(path for path in (ROOT / "compiler").rglob("*.py") if path.name != TABLE)


def names_in(source: str) -> list[str]:
    """Return the names of ops that are in the text of a module, and its imports of tables.

    What arrays call their own methods is not the name of an op: a string that `_method` is called with.
    """
    tree = ast.parse(source)
    exempt = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_method":
            exempt.update(map(id, node.args))
        elif isinstance(node, ast.ImportFrom) and "ops" in (node.module or "").split("."):
            found.append(f"line {node.lineno} imports from {node.module}")
        elif isinstance(node, ast.ImportFrom):
            found += [f"line {node.lineno} imports ops" for alias in node.names if alias.name == "ops"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in exempt and node.value in OPS.keys() - ELSE:
            found.append(f"line {node.lineno}: {node.value!r}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_op_is_named(path: Path) -> None:
    of_users = {repr(name) for name in OF_USERS.get(path.name, ())}
    assert [line for line in names_in(path.read_text()) if line.rpartition(": ")[2] not in of_users] == []


def test_a_name_would_be_found() -> None:
    assert names_in('if node.op == "multiply": pass') == ["line 1: 'multiply'"]
    assert names_in('VIEWS = frozenset(("reshape", "x"))') == ["line 1: 'reshape'"]
    assert names_in("from ..ops.arith import add") == ["line 1 imports from ops.arith"]
    assert names_in("from .. import ops") == ["line 1 imports ops"]
    assert names_in('def f():\n    "add"\n    return self._method("reshape")') == []

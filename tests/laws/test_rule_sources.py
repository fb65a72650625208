"""What the strict double cannot see: branches of rules that no case takes. So the sources of all rules are read too.

A rule, and what it calls in `ops/`, neither converts nor writes.
"""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd_lite.core.op import OPS, Kind
from autograd_lite.ops import matrix_products

from ..rows import for_every

CONVERSIONS = {"asarray", "array", "asanyarray", "ascontiguousarray", "fromiter", "float64", "item", "tolist"}
WRITES = {"at", "copyto", "fill", "itemset", "place", "put", "put_along_axis", "putmask", "resize", "sort"}
# Helpers that write into arrays that are not the user's.
ALLOWED = {
    "repeat_number": "fills an array of its own",
    "_broadcast_to": "a view of a number, which no one can write into",
    "_count": "multiplies the lengths of axes, Python ints",
    "_last_writer": "works on the index, which is a parameter, and on positions",
}


def rule_functions() -> dict[str, Callable[..., Any]]:
    """Return the function behind every rule that has one."""
    found = {}
    for name, op in OPS.items():
        rules = op.rules if isinstance(op.rules, tuple) else [op.rule(0)] if op.rules else []
        for i, rule in enumerate(rules):
            if rule is not None and rule.kind not in (Kind.UNIT, Kind.CONSTANT):
                found[f"{name}-{i}"] = rule.value
    return found


def reached(function: Callable[..., Any], seen: dict[types.CodeType, Callable[..., Any]]) -> None:
    """Collect the function and all functions of the tables that it calls, by name or from a closure."""
    code = function.__code__
    if code in seen:
        return
    seen[code] = function
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    named = [function.__globals__.get(name) for name in names_in(code)]
    for value in (*cells, *named):
        ours = isinstance(value, types.FunctionType) and value.__module__.startswith("autograd_lite.")
        if ours and value.__module__ != "autograd_lite.core.duck_arrays":  # which makes constants, where the arrays are
            reached(value, seen)


def names_in(code: types.CodeType) -> Iterator[str]:
    """Yield the globals that it reads, not attributes: `sp.jv` is an op, and its forward is not part of the rule."""
    yield from (i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL")
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_in(constant)


@functools.lru_cache
def parsed(file: str) -> ast.Module:
    with open(file, encoding="utf-8") as source:
        return ast.parse(source.read())


def source_nodes(function: Callable[..., Any]) -> list[ast.AST]:
    """Return the definition, found by its line and the names of its parameters."""
    code, wanted = function.__code__, list(inspect.signature(function).parameters)
    return [
        node
        for node in ast.walk(parsed(code.co_filename))
        if isinstance(node, ast.Lambda | ast.FunctionDef)
        and node.lineno == code.co_firstlineno
        and [a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)] == wanted
    ]


def offences(node: ast.AST) -> list[str]:
    """Return what in a function converts or writes."""
    found = []
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and part.attr in CONVERSIONS | WRITES:
            found.append(f".{part.attr}")
        if isinstance(part, ast.AugAssign):
            found.append("an augmented assignment")
        targets = part.targets if isinstance(part, ast.Assign) else []
        found += ["an item assignment" for target in targets if isinstance(target, ast.Subscript)]
        if isinstance(part, ast.keyword) and part.arg in ("out", "where"):
            found.append(f"{part.arg}=")
    return found


RULES = rule_functions()


@for_every(RULES, name=str)
def test_a_rule_neither_converts_nor_writes(name: str) -> None:
    functions: dict[types.CodeType, Callable[..., Any]] = {}
    reached(RULES[name], functions)
    for function in functions.values():
        nodes = source_nodes(function)
        assert nodes, f"no source found for {function}"
        if function.__name__ not in ALLOWED:
            assert [o for node in nodes for o in offences(node)] == [], function


def test_the_allowed_helpers_are_reached() -> None:
    functions: dict[types.CodeType, Callable[..., Any]] = {}
    for rule in RULES.values():
        reached(rule, functions)
    assert ALLOWED.keys() <= {f.__name__ for f in functions.values()}


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("lambda g, out, x: np.asarray(g) * x", ".asarray"),
        ("lambda g, out, x: np.add.at(x, 0, g)", ".at"),
        ("lambda g, out, x: np.sin(g, out=x)", "out="),
        ("def f(g):\n    g += 1\n    return g", "an augmented assignment"),
        ("def f(g):\n    g[0] = 1\n    return g", "an item assignment"),
    ],
)
def test_an_offence_is_seen(source: str, offence: str) -> None:
    assert offences(ast.parse(source)) == [offence]


def test_a_helper_is_reached_and_found() -> None:
    functions: dict[types.CodeType, Callable[..., Any]] = {}
    reached(RULES["std-0"], functions)
    assert {"_std_partial", "_deviation", "_count"} <= {f.__name__ for f in functions.values()}
    assert np.sin not in functions.values()


def test_products_of_matrices_are_ours() -> None:
    """`@` of arrays is NumPy's, with the threads of its BLAS; that of Tensors is ours: the last bits would differ."""
    folder = Path(inspect.getfile(matrix_products)).parent
    found = [
        f"{path.name}:{node.lineno}"
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult)
    ]
    assert found == [], "write fast.matmul(a, b) or fast.product(a, b, c)"

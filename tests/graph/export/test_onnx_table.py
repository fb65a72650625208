"""docs/reference/onnx.md: which ONNX operators each op becomes. Computed by exporting every row of the table of cases.

Write it anew with AUTOGRAD_LITE_WRITE_GOLDEN=1.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import onnx
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS
from autograd_lite.graph import Program
from autograd_lite.graph.export.onnx import REASONS, reason_of
from autograd_lite.graph.export.onnx.model import IR_VERSION, OPSETS
from autograd_lite.graph.export.onnx.table import FORMULAS
from autograd_lite.ops.special import TABLE as SPECIAL

from ...laws.samples import SAMPLES
from .onnx_tools import exported, op_types, traced

pytestmark = pytest.mark.filterwarnings("ignore:to_onnx. the graph draws random numbers:UserWarning")

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "onnx.md"
# What a random draw is exported as; it has no row, since it has no reference to equal.
DRAWS = {
    "random_normal": lambda: ag.random.normal((2,)),
    "random_uniform": lambda: ag.random.uniform((2,)),
    "random_bernoulli": lambda: ag.random.bernoulli((2,), 0.5),
    "random_permutation": lambda: ag.random.permutation(4),
}
# Casts and the constants of shapes express dtypes and axes, and are not what an op is.
AROUND = {"Cast", "Identity"}


class Row(NamedTuple):
    """One op: the operators of its rows in float32, and those that double precision needs besides."""

    name: str
    operators: tuple[str, ...]
    double: tuple[str, ...]


def used_by(name: str, dtype: str) -> set[str]:
    """Return the operators of every row of an op."""
    if name in DRAWS:
        return set(op_types(onnx.load_from_string(Program.build(DRAWS[name]() * 1.0).to_onnx()))) - {"Mul"}
    used: set[str] = set()
    for sample in SAMPLES:
        if sample.case.op != name:
            continue
        try:
            made = exported(sample, dtype)
        except ag.UnsupportedError:
            continue
        used.update(op_types(onnx.load_from_string(made[2])) if made else ())
    return used - AROUND if used - AROUND else used


def ordered(name: str, used: set[str]) -> tuple[str, ...]:
    """Return operators in alphabetical order, the one that the op's record names first."""
    own = OPS[name].onnx if name in OPS else ""
    return tuple(sorted(used, key=lambda op_type: (op_type != own, op_type)))


@functools.cache
def rows() -> list[Row]:
    found = []
    names = {*DRAWS, *(sample.case.op for sample in SAMPLES)}
    for name in sorted(name for name in names if not reason_of(OPS[name])):
        single, double = used_by(name, "float32"), used_by(name, "float64")
        found.append(Row(name, ordered(name, single), ordered(name, double - single)))
    return found


def refused() -> dict[str, list[str]]:
    """Return the ops that are refused, by the reason."""
    found: dict[str, list[str]] = {}
    for name, reason in REASONS.items():
        found.setdefault(reason, []).append(name)
    special = [f"special.{name}" for name in SPECIAL if f"special.{name}" not in FORMULAS]
    found["a special function that ONNX lacks"] = special
    return {reason: sorted(names) for reason, names in sorted(found.items())}


def names(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def grouped(words: list[str]) -> str:
    """Return names, and in place of a whole family, as that of `special.`, how many there are."""
    families = Counter(word.partition(".")[0] for word in words if "." in word)
    large = {family: n for family, n in families.items() if n > 8}
    single = [word for word in words if word.partition(".")[0] not in large]
    counts = [f"`{family}.*`, the {n} functions that are not in the table above" for family, n in large.items()]
    return ", ".join([*([names(tuple(single))] if single else []), *counts])


def page() -> Iterator[str]:
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    head, found, _ = text.partition(BEGIN)
    assert found, f"expected the line {BEGIN!r} in {PAGE}"
    yield head + BEGIN
    yield ""
    single = sum(len(row.operators) == 1 and not row.double for row in rows())
    yield f"{len(rows())} operations are exported, {single} of them as one operator. The table is that of opset"
    yield f"{OPSETS[0]}; in {OPSETS[1]} the bitwise ones are single operators too. The IR version is {IR_VERSION}."
    yield ""
    yield "| operation | operators | in float64 also |"
    yield "|---|---|---|"
    for row in rows():
        yield f"| `{row.name}` | {names(row.operators)} | {names(row.double)} |"
    yield ""
    yield "## Refused"
    yield ""
    yield "| reason | operations |"
    yield "|---|---|"
    for reason, ops in refused().items():
        yield f"| {reason} | {grouped(ops)} |"


BEGIN = "<!-- From here on a test writes. -->"


def test_the_page_is_what_the_exporter_does() -> None:
    text = "\n".join(page()) + "\n"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "onnx.md is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"


def test_every_exported_op_was_seen() -> None:
    assert all(row.operators or row.double for row in rows())


def test_what_the_docs_say_of_whole_kinds_is_so() -> None:
    by_name = {row.name: row for row in rows()}
    assert by_name["matmul"].operators[0] == "MatMul"
    assert by_name["relu"].operators == ("Relu",)
    assert by_name["softmax"].operators == ("Softmax",)
    assert "Einsum" in by_name["contract"].operators
    assert by_name["det"].operators[0] == "Det"
    assert len(by_name) >= 160


@pytest.mark.parametrize("name", sorted(REASONS))
def test_what_is_refused_says_why(name: str) -> None:
    made = [traced(s, "float64") for s in SAMPLES if s.case.op == name]
    for program, _ in filter(None, made[:2]):
        with pytest.raises(ag.UnsupportedError, match=r"expected operations that ONNX can express"):
            program.to_onnx()


def test_a_family_of_names_is_counted_and_a_few_are_named() -> None:
    family = [f"special.f{i}" for i in range(9)]
    assert grouped(["a", *family, "other.b"]) == (
        "`a`, `other.b`, `special.*`, the 9 functions that are not in the table above"
    )
    assert grouped(family[:2]) == "`special.f0`, `special.f1`"

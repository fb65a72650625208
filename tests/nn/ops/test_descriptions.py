"""`help` of every operation: a sentence, its arguments, and an example that runs."""

from __future__ import annotations

import inspect
import pydoc
import re

import pytest

from nn import ops
from nn.ops import descriptions
from nn.ops.examples import calls
from nn.ops.table import TABLE

from ...examples import run
from ...rows import for_every

NAMES = sorted(TABLE)


def test_every_operation_has_an_example_of_its_own() -> None:
    assert calls().keys() == TABLE.keys()
    assert len(NAMES) > 330
    assert len({call for call, _ in calls().values()}) == len(NAMES)
    shown = {name for name, (call, result) in calls().items() if result in call}
    assert shown == {"cond", "empty", "ndim", "size"}  # a call that has its result in it shows little


@for_every(NAMES)
def test_the_example_runs(name: str) -> None:
    run(inspect.getdoc(TABLE[name]) or "", name)


@for_every(NAMES)
def test_help_describes_every_argument(name: str) -> None:
    op = TABLE[name]
    text = inspect.getdoc(op) or ""
    assert pydoc.plaintext.document(op).startswith(f"{name}(")
    assert re.match(r"[A-Z].{8,}[.]$", text.partition("\n")[0]) or text.partition("\n")[0].count(" ") > 5, text
    args = text.partition("\nArgs:\n")[2].partition("\n\n")[0]
    named = [n for names in re.findall(r"^    ([\w*, ]+): \S", args, re.MULTILINE) for n in names.split(", ")]
    assert sorted(n.strip("*") for n in named) == sorted(op.__signature__.parameters)


def test_every_row_about_arguments_is_in_use() -> None:
    names = {n.removeprefix("image."): op.__signature__.parameters for n, op in TABLE.items()}
    used = {argument for parameters in names.values() for argument in parameters}
    used |= {f"{n}.{argument}" for n, parameters in names.items() for argument in parameters}
    assert set(descriptions._arguments()) - used == set()


def test_a_wrong_result_is_seen() -> None:
    text = inspect.getdoc(ops.clip) or ""
    with pytest.raises(AssertionError, match=r"(?s)Expected.*0\.51.*Got"):
        run(text.replace("0.5, 1.]", "0.51, 1.]"), "clip")

"""What `explain` says fits a screen, is aligned, and is right; what passes changed can be printed and drawn."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native.kernels import library

PAGE = """\
step: 2 traces, 1 replayed

1. x (2,) float64, scale 3
  traced since  this was the first call
  holds while   'w' (2,) float64 requires a gradient
                `.grad` of 'w' is None before the call
  effects       1 assignment, 1 draw, 1 observation
  replay        LINES

    pass                            operations    bytes made    most at once
    traced                                  ROW
    constants                               ROW
    patterns                                ROW
    common subexpressions                   ROW
    dead code                               ROW

2. x (3, 2) float64, scale 3
  traced since  these arguments are of a new kind
  replay        not yet: the next call is traced too, to see whether it does the same"""


def a_step() -> Any:
    w, generator = ag.tensor([1.0, 2.0], requires_grad=True, name="w"), ag.Generator(0)

    def step(x: Any, scale: int = 2) -> Any:
        h = np.tanh(w * x + ag.random.normal((2,), generator=generator)) * scale
        ag.observe(lambda a: None, h)
        ((h * h + h * h).sum() / h.size).backward()
        with ag.no_grad():
            w.assign(w - 0.1 * w.grad)
        w.grad = None
        return h

    return ag.compile(step)


def test_a_page() -> None:
    step = a_step()
    for _ in range(2):
        step(np.ones(2), 3)
    step(np.ones((3, 2)), 3)
    told = step.explain().splitlines()
    expected = PAGE.splitlines()
    begin = expected.index("  replay        LINES")
    assert told[:begin] == expected[:begin]
    assert told[begin].startswith("  replay        ")
    assert "values of" in told[begin + 1]
    assert any(re.search(r"C: \d+ loops? in \d+, \d+ called", line) for line in told) == (library is not None)
    assert told[-3:] == expected[-3:]
    table = told[told.index("", begin) + 1 :][:6]
    assert {len(row) for row in table} == {len(table[0])}
    assert [row[4:27].strip() for row in table[1:]] == [
        "traced",
        *[stage.name for stage in step.traces[0].replay.passes[1:]],
    ]
    for row, stage in zip(table[1:], step.traces[0].replay.passes, strict=True):
        assert row.split()[-1] == "same" or f" {stage.operations} " in row
    assert max(map(len, told)) <= 100


def test_what_passes_changed() -> None:
    step = a_step()
    for name in ("changes", "plan", "source"):
        with pytest.raises(ValueError, match=f"Compiled.{name}: expected the number of a trace .* there are 0"):
            getattr(step, name)()
    for _ in range(2):
        step(np.ones(2))
    changed = step.changes()
    graphs = [stage.program.graph for stage in step.traces[0].replay.passes]
    assert (changed.a, changed.b) == (graphs[0], graphs[-1])
    assert len(changed.removed) >= 2
    assert step.explain(diff=True) == f"{step.explain()}\n\n{changed}"
    assert "− n" in str(changed)
    assert "− removed" in changed.to_svg()


def test_a_repr_says_how_often_it_was_traced() -> None:
    step = a_step()
    assert repr(step) == "<compiled step: not called yet>"
    for _ in range(2):
        step(np.ones(2), 3)
    step(np.ones((3, 2)), 3)
    assert repr(step) == "<compiled step: 2 traces, 1 replayed>"

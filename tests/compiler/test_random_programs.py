"""Random programs do the same compiled: results, effects and draws, bit for bit, over calls with other data."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import autograd_lite as ag
from autograd_lite.core.errors import TraceError

from ..laws.reading import same_bits
from .programs import Outside, Program, programs


def bits(a: Any) -> np.ndarray:
    """Return an array as a result holds it, with one NaN for all: which of two NaN a sum gives depends on where."""
    a = np.array(a._data if isinstance(a, ag.Tensor) else a)
    for part in (a.real, a.imag) if a.dtype.kind == "c" else (a,) if a.dtype.kind == "f" else ():
        part[np.isnan(part)] = np.nan
    return a


def strides(a: np.ndarray) -> list[int]:
    """Return the strides along axes of more than one element; others mean nothing."""
    return [s for s, n in zip(a.strides, a.shape, strict=True) if n > 1 and a.size]


def assert_same(found: list[Any], expected: list[Any], what: str) -> None:
    assert len(found) == len(expected), what
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = bits(a), bits(b)
        assert same_bits(a, b), f"{what} {k}: {a!r} is not {b!r}"
        assert strides(a) == strides(b), f"{what} {k}: strides {a.strides} are not {b.strides}"


def compare(program: Program) -> None:
    """Run a program and itself compiled, each with a world of its own."""
    eager, replayed = Outside(), Outside()
    compiled = ag.compile(lambda *args: program(replayed, *args))
    with np.errstate(all="ignore"):
        for salt, change in enumerate((0, *program.changes)):
            for outside in (eager, replayed):
                outside.change(change)
                outside.seen.clear()
            inputs = program.inputs(salt)
            before = [a.tobytes() for a in inputs]
            expected = program(eager, *[ag.tensor(a, copy=False) for a in inputs])
            try:
                found = compiled(*[ag.tensor(a, copy=False) for a in inputs])
            except TraceError:
                return
            assert_same(list(found), list(expected), f"call {salt}: result")
            assert_same(replayed.state(), eager.state(), f"call {salt}: state")
            n = len(eager.seen)  # a replay that is given up may have seen some of it before
            assert_same(replayed.seen[len(replayed.seen) - n :], eager.seen, f"call {salt}: observed")
            assert [a.tobytes() for a in inputs] == before
    for trace in compiled.traces:
        if trace.replay is not None:
            trace.replay.plan.check()


THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck))
# A run of its own may try more of them.
EXAMPLES = int(os.environ.get("AUTOGRAD_LITE_EXAMPLES", "150"))


@pytest.mark.filterwarnings("ignore")  # a replay issues none, a run of the function may
@settings(THOROUGH, max_examples=30)
@given(programs())
def test_compiled_is_eager(program: Program) -> None:
    compare(program)


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")
@settings(THOROUGH, max_examples=EXAMPLES)
@given(programs(most=30))
def test_long_programs_compiled_are_eager(program: Program) -> None:
    compare(program)

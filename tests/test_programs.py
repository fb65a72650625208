"""The twenty programs of the benchmarks: compiled has eager's bits, and JAX computes the same."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from benchmarks.programs import PROGRAMS
from benchmarks.programs.worker import jax, ours

from .rows import for_every

pytestmark = pytest.mark.ci


def test_there_are_twenty_of_nine_kinds() -> None:
    assert len(PROGRAMS) >= 20
    assert len({one.kind for one in PROGRAMS.values()}) >= 8


@for_every(PROGRAMS, name=str)
def test_compiled_programs_have_the_bits_of_eager_ones(name: str) -> None:
    program, space = PROGRAMS[name], ours()[0]
    eager, compiled = program.make(space), ag.compile(program.make(space))
    expected = ag.tree.leaves(eager(*program.arguments))
    for _ in range(3):
        found = ag.tree.leaves(compiled(*program.arguments))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert compiled.traces[-1].replay is not None


@for_every(PROGRAMS, name=str)
def test_jax_computes_the_same(name: str) -> None:
    pytest.importorskip("jax")
    program, (space, compiled, argument) = PROGRAMS[name], jax()
    expected = ag.tree.leaves(compiled(program.make(space))(*map(argument, program.arguments)))
    found = ag.tree.leaves(program.make(ours()[0])(*program.arguments))
    for a, b in zip(found, map(np.asarray, expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-6, atol=1e-8 * np.max(np.abs(b)))

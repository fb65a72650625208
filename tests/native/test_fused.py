"""Functions in place of a segment's instructions: what they see, what they answer, and when they come and go."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.c_build import toolchain
from autograd_lite.native.blockwise import _make_segment
from autograd_lite.native.instructions import CALL, CHECKED, aligned_memory, call_record, is_long, like
from autograd_lite.native.kernels import library

pytestmark = [
    pytest.mark.skipif(library is None, reason="without the extension there are no segments"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, cc"),
]

N = 1 << 17
TEXT = f"""
#include "fused.h"
int executor(const FusedRun *run) {{ fused_clear(); return run->runtime->call(run->program, 0); }}
static double *x_of(const FusedRun *run) {{ return (double *)run->memory[1]; }}
static void piece(void *context, ptrdiff_t k, int thread) {{
    const FusedRun *run = context;
    for (ptrdiff_t i = k; i < {N}; i += 7) x_of(run)[i] += 5 + 0 * thread;
}}
int threads(const FusedRun *run) {{
    run->runtime->share(piece, (void *)run, 7, run->runtime->threads());
    return 0;
}}
int loops(const FusedRun *run) {{
    const intptr_t n = {N}, steps[3] = {{8, 0, 8}};
    char *at[3] = {{run->memory[1], run->memory[2], run->memory[1]}};
    run->loops[0].function(at, &n, steps, run->loops[0].data);
    return 0;
}}
int invalid(const FusedRun *run) {{
    const int before = (fused_clear(), fused_invalid());
    x_of(run)[0] -= x_of(run)[0] * (1 / *(double *)run->memory[2]);
    const int after = fused_invalid();
    fused_clear();
    x_of(run)[1] = 1 / *(double *)run->memory[2];
    return before == 0 && fused_invalid() == 0 && after;
}}
int first_error(const FusedRun *run) {{ return {CHECKED}; }}
int second_error(const FusedRun *run) {{ return {CHECKED + 1}; }}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the library of the text."""
    return str(toolchain.build(toolchain.find_compiler(), TEXT, True, tmp_path_factory.mktemp("fused")))


def shared_segment() -> Any:
    """Return a segment that adds a number to many, in a block that threads share."""
    return _make_segment(((np.add, 0, 1, 0),), 1, 1, N, np.dtype("d"))


def call_segment(errors: tuple[Exception, ...]) -> Any:
    """Return a segment that divides one number by another."""
    code = np.array(call_record(CALL, 0, [1], [], [1, 0, 0, 2, 0, 0, 1, 0, 0], [8, 8, 8]), np.intp)
    kinds = (like((2,), (8,), np.dtype("d")), False, True, False), (like((), (), np.dtype("d")), True, False, True)
    return library.Segment(
        code, ((np.divide, np.divide.types.index("dd->d")),), (), kinds, (), aligned_memory(0), False, errors
    )


@pytest.mark.parametrize(("name", "added"), [("executor", 3), ("threads", 5), ("loops", 3)])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_function_sees_memory_loops_the_executor_and_threads(path: str, name: str, added: int, threads: int) -> None:
    segment, before = shared_segment(), ag.get_threads()
    segment.fuse(library.load(path, name))
    x = np.arange(float(N))
    ag.set_threads(threads)
    try:
        segment(x, 3.0)
    finally:
        ag.set_threads(before)
    np.testing.assert_array_equal(x, np.arange(float(N)) + added)


def test_it_answers_whether_something_was_invalid(path: str) -> None:
    segment = call_segment(())
    segment.fuse(library.load(path, "invalid"))
    with pytest.warns(RuntimeWarning, match="^invalid value encountered in compiled code$"):
        segment(np.zeros(2), 0.0)
    segment(np.zeros(2), 1.0)


def test_it_answers_which_error_ends_the_program(path: str) -> None:
    segment = call_segment((ValueError("a"), KeyError("b")))
    for name, kind, text in (("first_error", ValueError, "a"), ("second_error", KeyError, "b")):
        segment.fuse(library.load(path, name))
        with pytest.raises(kind, match=text):
            segment(np.ones(2), 1.0)
    segment.fuse(None)
    x = np.ones(2)
    segment(x, 4.0)
    assert x[0] == 0.25


def test_it_may_come_and_go_while_calls_run(path: str) -> None:
    segment, function, x = shared_segment(), library.load(path, "threads"), np.zeros(N)
    assert is_long(N)
    done = threading.Event()

    def toggle() -> None:
        while not done.is_set():
            segment.fuse(function)
            segment.fuse(None)

    other = threading.Thread(target=toggle)
    other.start()
    try:
        sums = set()
        for _ in range(300):
            x[:] = 0
            segment(x, 3.0)
            assert (x == x[0]).all()
            sums.add(x[0])
    finally:
        done.set()
        other.join()
    assert sums <= {3.0, 5.0}


def test_other_things_are_refused(path: str, tmp_path: Path) -> None:
    segment = shared_segment()
    for wrong in (0, id(segment), "threads", segment):
        with pytest.raises(ValueError, match="PyCapsule"):
            segment.fuse(wrong)
    (tmp_path / "junk").write_text("junk")
    for place, name in ((path, "none_such"), (str(tmp_path / "none such"), "run"), (str(tmp_path / "junk"), "run")):
        with pytest.raises(OSError, match="^load: "):
            library.load(place, name)

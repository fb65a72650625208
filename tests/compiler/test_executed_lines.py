"""Which code and lines have run, with every Python: by `sys.settrace` or `sys.monitoring`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autograd_lite.compiler.executed_lines import watch_lines

# fmt: off
one_line = lambda x: x + 1  # noqa: E731
two_lines = lambda x: (x +  # noqa: E731
                       1)
def one_line_function(x: int) -> int: return x + 1
# fmt: on


def function(x: int) -> int:
    return x + 1


FUNCTIONS: list[tuple[Callable[[int], Any], int]] = [
    (one_line, 0),
    (two_lines, 0),
    (two_lines, 1),
    (one_line_function, 0),
    (function, 1),
]


@pytest.mark.parametrize(("f", "below"), FUNCTIONS)
def test_code_and_its_line_are_seen_in_every_run(f: Any, below: int) -> None:
    line = (f.__code__, f.__code__.co_firstlineno + below)
    for _ in range(3):
        with watch_lines([f.__code__], [line]) as ran:
            assert not ran.codes
            f(1)
        assert ran.codes == {f.__code__}
        assert ran.lines == {line}

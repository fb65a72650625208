"""What a user sees of a failed check, to the last line: under pytest, and in a script."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.node import Source
from autograd_lite.testing import GradientMismatch, check, check_grads, property_test
from autograd_lite.testing.tracebacks import users_lines

ROOT = Path(__file__).resolve().parents[2]

MINE = """\
import numpy as np
import autograd_lite as ag


def leaky(x):
    slope = x.detach() if isinstance(x, ag.Tensor) else x
    return np.where(x > 0, x, 0.1 * slope)


@ag.custom_vjp
def soft(x):
    return np.tanh(x)


@soft.def_vjp
def soft_rule(g, out, x):
    return (g * (1 - out),)


def scores(x, w):
    h = soft(x @ w)
    return h.sum(axis=-1)


def picky(x):
    if x.ndim == 2:
        raise RuntimeError("no matrices")
    return x
"""

IN_PYTEST = """\
import numpy as np
from autograd_lite.testing import check_grads, property_test
from mine import leaky, picky, scores

test_leaky = property_test(leaky, profile="ci")
test_scores = property_test(scores, [(1, 1), (1, 1)], domain=(1.0, 1.0), profile="ci")
test_picky = property_test(picky, [(1, 1)], profile="ci")


def test_two_rows():
    x = np.eye(2)
    check_grads(scores, x, np.ones((2, 1)))
"""

FAILURES = """\
__________________________________ test_leaky __________________________________

>   test_leaky = property_test(leaky, profile="ci")

test_mine.py:5:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    def leaky(x):
>       slope = x.detach() if isinstance(x, ag.Tensor) else x
E       autograd_lite.testing.GradientMismatch: the gradient of leaky by x is taken at a kink, and lies outside the slopes there
E         inputs     x = np.array(0.0)
E                    (the simplest that Hypothesis found to fail)
E         analytic   0
E         one-sided  slopes 0.1 and 1, which it must lie between
E         op         none: each recorded op is right by itself, so something is missing from the record
E         hint       part of the dependence is lost where history is cut:
E                    .detach() at HERE/mine.py:6 in leaky
E                        slope = x.detach() if isinstance(x, ag.Tensor) else x
E         reproduce:
E           import numpy as np
E           from autograd_lite.testing import check_grads
E           from mine import leaky
E           check_grads(leaky, np.array(0.0))

mine.py:6: GradientMismatch
_________________________________ test_scores __________________________________

>   test_scores = property_test(scores, [(1, 1), (1, 1)], domain=(1.0, 1.0), profile="ci")

test_mine.py:6:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
mine.py:21: in scores
    h = soft(x @ w)
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    @soft.def_vjp
    def soft_rule(g, out, x):
>       return (g * (1 - out),)
E       autograd_lite.testing.GradientMismatch: the gradient of scores by x[0, 0] is wrong
E         inputs     x = np.array([[1.0]])
E                    w = np.array([[1.0]])
E                    (the simplest that Hypothesis found to fail)
E         analytic   0.238
E         numeric    0.419 ± BAR
E         ratio      analytic / numeric = 0.567
E         op         soft, at HERE/mine.py:21 in scores
E                        h = soft(x @ w)
E                    its rule for input 0 at [0, 0] gives 0.238, finite differences of the op alone 0.419
E                    the rule is HERE/mine.py:17 in soft_rule
E         hint       a constant factor: every entry is 0.567 times the right one (there is one entry, so this may be chance)
E         reproduce:
E           import numpy as np
E           from autograd_lite.testing import check_grads
E           from mine import scores
E           check_grads(scores, np.array([[1.0]]), np.array([[1.0]]))

mine.py:17: GradientMismatch
__________________________________ test_picky __________________________________

>   test_picky = property_test(picky, [(1, 1)], profile="ci")

test_mine.py:7:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

x = Tensor([[0.]], requires_grad=True, name='x')

    def picky(x):
        if x.ndim == 2:
>           raise RuntimeError("no matrices")
E           RuntimeError: no matrices
E           inputs, the simplest that Hypothesis found to fail:
E               x = np.array([[0.0]])

mine.py:27: RuntimeError
________________________________ test_two_rows _________________________________

    def test_two_rows():
        x = np.eye(2)
>       check_grads(scores, x, np.ones((2, 1)))

test_mine.py:12:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
mine.py:21: in scores
    h = soft(x @ w)
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    @soft.def_vjp
    def soft_rule(g, out, x):
>       return (g * (1 - out),)
E       autograd_lite.testing.GradientMismatch: the gradient of scores by x[0, 0] is wrong (4 of 4 entries)
E         analytic   -0.271
E         numeric    -0.477 ± BAR
E         ratio      analytic / numeric = 0.567
E         entries             analytic       numeric       ratio
E                    [0, 0]  -0.271  -0.477  0.567
E                    [0, 1]  -0.271  -0.477  0.567
E                    [1, 0]  -0.183  -0.323  0.567
E                    [1, 1]  -0.183  -0.323  0.567
E         cotangent  random: these are gradients of sum(c * result), c fixed random numbers
"""  # noqa: E501 as wide as what pytest prints

SCRIPT = """\
from autograd_lite.testing import property_test
from mine import scores

test = property_test(scores, [(1, 1), (1, 1)], domain=(1.0, 1.0), profile="ci")


def main():
    test()


main()
"""

IN_SCRIPT = """\
Traceback (most recent call last):
  File "HERE/script.py", line 11, in <module>
    main()
  File "HERE/script.py", line 8, in main
    test()
  File "HERE/script.py", line 4, in <module>
    test = property_test(scores, [(1, 1), (1, 1)], domain=(1.0, 1.0), profile="ci")
  File "HERE/mine.py", line 21, in scores
    h = soft(x @ w)
  File "HERE/mine.py", line 17, in soft_rule
    return (g * (1 - out),)
autograd_lite.testing.GradientMismatch: the gradient of scores by x[0, 0] is wrong
  inputs     x = np.array([[1.0]])
"""


def printed(tmp_path: Path, *command: str, **variables: str) -> str:
    """Return what a command prints, without what differs from place to place, and with three decimals a number."""
    (tmp_path / "mine.py").write_text(MINE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "80"}
    environment = {name: value for name, value in environment.items() if name != "CI"} | variables
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    text = (done.stdout + done.stderr).replace(str(tmp_path), "HERE")
    text = re.sub(r" ± .*", " ± BAR", text)
    text = re.sub(r"(\d\.\d{3})\d+", r"\1", text)
    text = re.sub(r"\n +[~^]+(?=\n)", "", text)  # newer Pythons point at parts of real lines
    return "\n".join(line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("variables", [{}, {"CI": "true"}], ids=["at home", "on a CI service"])
def test_under_pytest_a_failure_shows_the_users_lines_and_nothing_else(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    (tmp_path / "test_mine.py").write_text(IN_PYTEST)
    found = printed(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py", **variables)
    shown = re.sub(r"  +(?=-?\d\.\d{3})", "  ", found.partition("FAILURES ===================================\n")[2])
    expected = re.sub(r"  +(?=-?\d\.\d{3})", "  ", FAILURES)
    assert shown[: len(expected)].splitlines() == expected.splitlines()
    assert "4 failed" in found


def test_a_script_shows_the_users_lines_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    found = printed(tmp_path, "script.py")
    assert found.startswith(IN_SCRIPT), found


# ---- one by one -----------------------------------------------------------------------------------------------------


def lines_of(error: BaseException) -> list[str]:
    """Return the functions and lines of an error's traceback, from the caller's on."""
    return [f"{frame.name}: {frame.line}" for frame in traceback.extract_tb(error.__traceback__)][1:]


@ag.custom_vjp
def doubled(x: Any) -> Any:
    return 2 * x


@doubled.def_vjp
def not_doubled(g: Any, out: Any, x: Any) -> Any:
    return (g,)


def uses_doubled(x: Any) -> Any:
    return np.sin(doubled(x))


WRONG = ["uses_doubled: return np.sin(doubled(x))", "not_doubled: return (g,)"]


def test_the_rule_at_fault_ends_the_traceback_of_every_check() -> None:
    x = np.array([0.5, 0.25])
    checks: list[Any] = [
        lambda: check_grads(uses_doubled, x),
        lambda: ag.testing.check_hessian(lambda x: (uses_doubled(x) ** 2).sum(), x),
        property_test(uses_doubled, profile="quick"),
    ]
    for failing in checks:
        with pytest.raises(GradientMismatch) as caught:
            failing()
        assert lines_of(caught.value)[-2:] == WRONG
        files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert not [file for file in files if str(Path("autograd_lite", "testing")) in file]


def test_a_function_that_no_op_is_to_blame_in_is_shown_itself() -> None:
    def off(x: Any) -> Any:
        return x * 2 if isinstance(x, np.ndarray) else x + 0

    with pytest.raises(GradientMismatch) as caught:
        check_grads(off, np.array([1.0]), invariants=False)
    assert lines_of(caught.value) == ["off: return x * 2 if isinstance(x, np.ndarray) else x + 0"]
    with pytest.raises(GradientMismatch) as caught:
        ag.testing.check_grads(off, np.array([1.0]), gradients=[np.array([1.0])])
    assert lines_of(caught.value) == ["off: return x * 2 if isinstance(x, np.ndarray) else x + 0"]


def test_errors_of_the_function_keep_their_frames_and_lose_ours() -> None:
    def inner(x: Any) -> Any:
        raise KeyError("mine")

    def outer(x: Any) -> Any:
        return inner(x)

    with pytest.raises(KeyError, match="mine") as caught:
        check_grads(outer, np.ones(2))
    assert lines_of(caught.value) == ["outer: return inner(x)", 'inner: raise KeyError("mine")']
    with pytest.raises(ag.ShapeError) as wrong:
        check_grads(lambda x: x @ np.ones((3, 3)), np.ones(2))
    assert lines_of(wrong.value)[0].startswith("<lambda>: check_grads(lambda x: x @ np.ones((3, 3))")


def test_errors_about_arguments_show_the_call_alone() -> None:
    with pytest.raises(ValueError, match="check_grads: expected kinks among") as caught:
        check_grads(np.sin, np.ones(2), kinks="none")
    assert lines_of(caught.value) == []


def test_a_fault_of_ours_keeps_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = SimpleNamespace(parameters={})  # check_grads looks its options up there
    monkeypatch.setattr(check, "inspect", SimpleNamespace(signature=lambda _: nothing))
    with pytest.raises(ValueError, match="expected an entry 'order'") as caught:
        check_grads(np.sin, np.ones(2))
    assert "messages.py" in traceback.extract_tb(caught.value.__traceback__)[-1].filename


def test_lines_that_cannot_be_read_are_left_out() -> None:
    error = GradientMismatch("wrong", verdict="wrong")
    error.places = [Source("<stdin>", 3, "f"), Source(__file__, 1, "<module>")]
    with pytest.raises(GradientMismatch) as caught, users_lines():
        raise error
    assert [frame.lineno for frame in traceback.extract_tb(caught.value.__traceback__)][-1:] == [1]


def test_an_op_that_breaks_a_law_ends_at_its_rule() -> None:
    triple = ag.elementwise(lambda x: 3 * x, lambda out, x: 2 + 0 * x, name="tripled_wrongly", saves="x")
    with pytest.raises(ag.testing.PropertyError, match="breaks the law 'first'") as caught:
        ag.testing.check_op(triple, [np.array([1.0, 2.0])], laws=["first"])
    assert caught.value.__cause__ is None
    assert len(lines_of(caught.value)) == 1
    assert lines_of(caught.value)[0].startswith("<lambda>: triple = ag.elementwise(lambda x: 3 * x")

"""The message of a failure: which op, which line, what kind of mistake, and code that shows it again."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import GradientMismatch, check_grads

from ..running import untraced
from .wrong_ops import averaged, double_square, first_only, flipped, matmul_t, negated

A, B = np.random.default_rng(0).normal(size=(2, 3, 3))


def fails(f: Callable[..., Any], *inputs: Any, **options: Any) -> GradientMismatch:
    with pytest.raises(GradientMismatch) as caught:
        check_grads(f, *inputs, **options)
    return caught.value


def hint(f: Callable[..., Any], x: Any, gradient: Any) -> str:
    report = check_grads(f, x, gradients=[np.asarray(gradient)], raise_=False)
    return report.failures[0].hint


def line_of(f: Callable[..., Any], text: str) -> int:
    lines, first = inspect.getsourcelines(f)
    return first + next(n for n, line in enumerate(lines) if text in line)


# ---- the op and the line --------------------------------------------------------------------------------------------


def layer(x: Any, w: Any) -> Any:
    h = np.tanh(x)
    y = matmul_t(h, w)  # the culprit
    return np.sin(y) + h


def test_the_op_to_blame_and_its_line() -> None:
    error = fails(layer, A, B)
    assert error.op is matmul_t
    assert error.source.line == line_of(layer, "the culprit")
    assert error.source.file == __file__
    assert error.name == "w"
    message = str(error)
    assert re.search(rf"op +matmul_t, at .*test_check_hints.py:{error.source.line} in layer", message)
    assert "its rule for input 1 at [" in message


def test_an_op_that_is_right_is_not_blamed() -> None:
    error = fails(lambda x: np.sin(x.detach()) * x if isinstance(x, ag.Tensor) else np.sin(x) * x, A)
    assert error.op is None
    assert "each recorded op is right by itself" in str(error)


@untraced
def test_the_op_of_a_large_graph_is_found() -> None:
    def f(x: Any) -> Any:
        for _ in range(100):
            x = x + 0.01 * np.tanh(x)
        x = negated(x)
        for _ in range(100):
            x = x + 0.01 * np.tanh(x)
        return x

    assert fails(f, np.array([0.3, 0.5])).op is negated


# ---- where history is cut -------------------------------------------------------------------------------------------


def by_detach(x: Any) -> Any:
    y = x.detach() if isinstance(x, ag.Tensor) else x  # cut
    return np.sin(y)


def by_float(x: Any) -> Any:
    return np.array([1.0, 2.0]) * float(x.sum())  # cut


def by_numpy(x: Any) -> Any:
    return np.sin(x.numpy() if isinstance(x, ag.Tensor) else x)  # cut


def by_no_grad(x: Any) -> Any:
    with ag.no_grad():  # cut
        y = np.sin(x)
    return y * 2


def by_data(x: Any) -> Any:
    return np.sin(x.data if isinstance(x, ag.Tensor) else x)  # cut


@pytest.mark.parametrize("f", [by_detach, by_float, by_numpy, by_no_grad, by_data])
def test_a_cut_history_is_shown(f: Any) -> None:
    error = fails(f, np.array([1.0, 2.0]))
    assert error.hint.startswith("no gradient reaches 'x' at all")
    assert error.source.line == line_of(f, "# cut")
    assert f"test_check_hints.py:{error.source.line}" in str(error)


def test_a_part_that_is_cut_is_shown() -> None:
    def f(x: Any) -> Any:
        scale = x.detach() if isinstance(x, ag.Tensor) else x  # cut
        return x * scale

    error = fails(f, np.array([1.0, 2.0]))
    assert "every entry is 1/2 times the right one" in error.hint
    assert "part of the dependence is lost" in error.hint
    assert error.source.line == line_of(f, "# cut")


# ---- NaN ------------------------------------------------------------------------------------------------------------


def test_where_a_nan_is_born() -> None:
    def norm(x: Any) -> Any:
        return np.sqrt((x * x).sum())  # born

    error = fails(norm, np.zeros(2))
    assert error.op.name == "sqrt"
    assert error.source.line == line_of(norm, "# born")
    assert "the slope of `sqrt`" in error.hint
    assert "where its input is 0" in error.hint
    assert "np.linalg.norm" in error.hint

    def trap(x: Any) -> Any:
        root = np.sqrt(x * x - x * x)  # born
        return np.where(x > 0, root, 0.0) + x

    error = fails(trap, np.array([1.0, -2.0]))
    assert error.op.name == "sqrt"
    assert error.source.line == line_of(trap, "# born")


def test_a_nan_of_the_forward_pass() -> None:
    error = fails(lambda x: np.log(x) * 2, np.array([-1.0]))
    assert error.verdict == "inconclusive"
    assert "inside its domain" in error.hint


# ---- what the numbers look like -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "inputs", "expected"),
    [
        (lambda x: double_square(x), (A,), "every entry is 2 times the right one"),
        (lambda x: negated(x), (A,), "the sign is wrong: every entry is -1 times the right one"),
        (lambda x: flipped(x), (A[0],), "reversed along axis 0"),
        (lambda x: first_only(x), (A,), "3 of 9 entries are zero and should not be"),
        (lambda x: averaged(x), (np.ones((5, 3)),), "an axis here has length 5: a mean where a sum belongs"),
        (lambda x, w: matmul_t(x, w), (A, B), "looks transposed"),
    ],
)
def test_hints_for_wrong_ops(f: Any, inputs: Any, expected: str) -> None:
    assert expected in fails(f, *inputs).hint


def test_hints_for_numbers() -> None:
    x = np.array([0.5, 1.0, 2.0, 4.0])
    g = np.cos(x)
    assert "every entry is 1/2 times" in hint(np.sin, x, g / 2)
    assert "every entry is log(2)" in hint(np.sin, x, g * np.log(2))
    assert "every entry is 1 / log(10)" in hint(np.sin, x, g / np.log(10))
    assert "zero everywhere" in hint(np.sin, x, 0 * g)
    assert "shifted by one along axis 0" in hint(np.sin, x, np.roll(g, 1))
    assert "in other places" in hint(np.sin, x, g[[1, 0, 3, 2]])
    assert "sign is wrong in 2 of 4 entries" in hint(np.sin, x, np.abs(g))
    assert "off by the same 3" in hint(np.sin, x, g + 3)
    assert "wrong at index 1 of axis 0 only" in hint(np.sin, x, g * [1, 1.3, 1, 1])
    assert "there is one entry" in hint(np.sin, x[:1], 2 * g[:1])
    assert hint(np.sin, x, g * [1.1, 1.2, 1.3, 1.4]) == ""
    z = np.array([1 + 2j, 0.5 - 1j])
    assert "complex conjugate" in hint(np.exp, z, np.exp(z))


def test_a_function_of_a_symmetric_matrix() -> None:
    spd = A @ A.T + 3 * np.eye(3)
    error = fails(np.linalg.cholesky, spd)
    assert "lambda a: f((a + a.T) / 2)" in error.hint
    assert check_grads(lambda a: np.linalg.cholesky((a + a.T) / 2), spd, order=2).ok


def test_axes_of_a_stack() -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 3))
    assert "axes 1 and 2 swapped" in hint(np.sin, x, np.cos(x).swapaxes(1, 2))
    bad = np.cos(x)
    bad[:, 1] *= 2
    assert "wrong at index 1 of axis 1 only" in hint(np.sin, x, bad)


# ---- the snippet ----------------------------------------------------------------------------------------------------


def test_the_snippet_shows_the_failure_again() -> None:
    error = fails(layer, A, B.astype(np.float32), rtol=1e-3)
    assert "rtol=0.001" in error.snippet
    with pytest.raises(GradientMismatch) as again:
        exec(error.snippet, {})
    assert (again.value.name, again.value.index) == (error.name, error.index)
    assert again.value.analytic == error.analytic
    assert error.snippet in str(error).replace("\n    ", "\n")


def test_the_snippet_of_a_function_that_cannot_be_imported() -> None:
    error = fails(lambda x, p: double_square(x) * p["a"], np.float32([1, 2]), {"a": [1.5, np.zeros((0,))][0]})
    assert f"# f is the function at {__file__}:" in error.snippet
    assert "check_grads(f, np.array([1.0, 2.0], 'float32'), {'a': 1.5})" in error.snippet


def test_large_inputs_are_left_in_the_error() -> None:
    error = fails(lambda x: double_square(x), np.ones((50, 50)))
    assert "error.args" in error.snippet
    assert len(error.snippet) < 500
    assert error.args[0].shape == (50, 50)


def test_the_message_in_whole() -> None:
    error = fails(squares, np.array([1.0, 3.0]))
    pattern = r"""the gradient of squares by x\[1\] is wrong \(2 of 2 entries\)
  analytic   -?\d.*
  numeric    -?\d.* ± \d.*e-\d\d   \(Richardson, h = .*\)
  ratio      analytic / numeric = 2
  entries +analytic +numeric +ratio
             \[0\]  .*  2
             \[1\]  .*  2
  cotangent  random: .*
  op         double_square, at .*test_check_hints.py:\d+ in squares
                 return double_square\(x\)
             its rule for input 0 at \[0\] gives .*, finite differences of the op alone .*
             the rule is .*wrong_ops.py:\d+ in <lambda>
  hint       a constant factor: every entry is 2 times the right one
  reproduce:
    import numpy as np
    from autograd_lite.testing import check_grads
    from tests.testing.test_check_hints import squares
    check_grads\(squares, np.array\(\[1.0, 3.0\]\)\)$"""
    assert re.fullmatch(pattern, str(error)), str(error)


def squares(x: Any) -> Any:
    return double_square(x)

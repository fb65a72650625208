"""What is elementwise runs in segments alone, numbers as well as arrays, and has the bits of eager code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.native_segments import find_segments
from autograd_lite.compiler.numpy_calls import How
from autograd_lite.native.kernels import INSTRUCTIONS, REASON
from autograd_lite.ops.zero_mask import zero_mask

from ..laws.reading import same_bits
from .test_plans import make_plan

pytestmark = pytest.mark.skipif(not INSTRUCTIONS, reason=f"there is no executor: {REASON}")

Function = Callable[..., Any]
ANY: dict[str, Function] = {
    "abs": np.abs,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "tanh": np.tanh,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "inverse square": lambda x: x**-2,
    "one and a half": lambda x: x**1.5,
    "real": np.real,
    "imag": np.imag,
    "conjugate": np.conjugate,
    "angle": np.angle,
    "negative": lambda x: -x,
    "inverse": lambda x: 1 / x,
    "times i": lambda x: x * 2j,
    "i in front": lambda x: -1j * x + 3,
    "a complex cast": lambda x: x.astype(complex),
    "a mask times": lambda x: x * np.isnan(x),
    "equal": lambda x: (x == 1) * x,
    "where": lambda x: np.where(np.real(x) > 0, x, 2.0),
    "where not": lambda x: np.where(np.real(x) > 0, 0, x),
    "where both": lambda x: np.where(np.real(x) > 0, x * 2, x * 3),
    "where numbers": lambda x: np.where(np.real(x) > 0, 1.0, 0.0) * x,
    "logic": lambda x: x * ((np.real(x) > 0) & ~(np.imag(x) > 1) | (np.real(x) < -1)),
    "zero mask": lambda x: zero_mask(x * np.inf, x),
    "clip": lambda x: np.clip(x, -1, 1),
    "larger": lambda x: np.maximum(x, 0.5),
    "smaller": lambda x: np.minimum(x, 0.5 * x),
    "stack": lambda x: np.stack([x, x * 2]),
    "stack with others": lambda x: np.stack([np.real(x), 1j * x]),
    "stopped": lambda x: ag.stop_gradient(x * 2),
    "one axis": lambda x: np.reshape(np.sum(x * 2), (1, 1)),
    "flat": lambda x: np.reshape(x * 2, (-1,)),
    "padded": lambda x: np.pad(np.reshape(x, (-1,)), 2),
    "joined": lambda x: np.concatenate([np.reshape(np.real(x), (-1,)), np.reshape(x * 1j, (-1,))]),
    "sum": lambda x: np.sum(x * x, axis=-1) if x.ndim else x + 1,
}
REAL: dict[str, Function] = {
    "remainder": lambda x: x % 2,
    "floor": np.floor,
    "heaviside": lambda x: np.heaviside(x, 0.5),
    "arctan2": lambda x: np.arctan2(x, 2.0),
    "nan_to_num": np.nan_to_num,
    "logaddexp": lambda x: np.logaddexp(x, 1.0),
    "relu": ag.relu,
    "mean": np.mean,
    "var": lambda x: np.var(x, axis=-1) if x.ndim else np.var(x),
    "std": lambda x: np.std(x, axis=0, ddof=1) if x.ndim > 1 else np.std(x),
    "softmax": lambda x: ag.softmax(x, axis=0) if x.ndim else x + 1,
    "log_softmax": lambda x: ag.log_softmax(x, axis=0) if x.ndim else x + 1,
    "a sum of a mean": lambda x: np.mean(x * x) * 2 + np.sum(x),
    "logsumexp": lambda x: ag.logsumexp(np.reshape(x, (-1,))),
}
ODD = [0.3, -1.2, 2.0, 0.0, -0.0, np.nan, np.inf, -np.inf, 1e200, -1e-200, 1.0, 0.7]
ROWS = [(name, f, char) for name, f in ANY.items() for char in "fdFD"]
ROWS += [(name, f, char) for name, f in REAL.items() for char in "fd"]
DIFFERENTIATED = [row for row in ROWS if row[0] not in ("angle", "arctan2", "std")]  # whose rules look at all values


def rows(table: Sequence[tuple[str, Function, str]]) -> list[Any]:
    """Return the rows as parameters, of which one in twelve runs every time."""
    marks = [() if k % 12 == 0 else pytest.mark.ci for k in range(len(table))]
    return [pytest.param(*row, id=f"{row[0]}-{row[2]}", marks=m) for row, m in zip(table, marks, strict=True)]


def arguments(char: str) -> list[Any]:
    with np.errstate(all="ignore"):
        odd = np.array(ODD).astype(char)
        odd = odd + 1j * odd[::-1] if odd.dtype.kind == "c" else odd
        return [odd[:3], odd.reshape(3, 4), *(np.asarray(v) for v in odd[:8:3])]


def left_to_python(plan: Any) -> list[str]:
    native = {k for s in find_segments(plan) for k in range(s.first, s.stop)}
    return [call.name for k, call in enumerate(plan.calls) if k not in native and call.how is not How.VIEW]


def cotangents(f: Function) -> Function:
    """Return the gradient of a sum of what a function gives, whatever its parts."""
    return ag.grad(lambda x: np.sum(np.real(f(x)) * 0.5))


@pytest.mark.parametrize(("name", "f", "char"), rows(ROWS))
def test_a_replay_needs_no_python_and_has_the_bits_of_eager_code(name: str, f: Function, char: str) -> None:
    for x in arguments(char):
        with np.errstate(all="ignore"):
            assert not left_to_python(make_plan(f, x)), (name, x.shape)
            compiled = ag.compile(f)
            for _ in range(3):
                found = compiled(ag.tensor(x)).numpy()
            expected = f(ag.tensor(x)).numpy()
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        assert same_bits(found, expected), (name, x, found, expected)


@pytest.mark.parametrize(("name", "f", "char"), rows(DIFFERENTIATED))
def test_so_does_a_gradient(name: str, f: Function, char: str) -> None:
    for x in arguments(char)[: 3 if char in "fd" else 2]:  # scalars of complex numbers multiply in a way of their own
        gradient = cotangents(f)
        with np.errstate(all="ignore"):
            compiled = ag.compile(gradient)
            for _ in range(3):
                found = compiled(ag.tensor(x)).numpy()
            expected = gradient(ag.tensor(x)).numpy()
            assert not left_to_python(compiled.plan()), (name, x.shape)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        assert same_bits(found, expected), (name, x, found, expected)


@pytest.mark.parametrize("char", "fdFD")
def test_warnings_of_what_is_invalid_are_those_of_eager_code(char: str) -> None:
    """`select` and the masks look at NaN without a warning; roots and logarithms warn."""
    x = np.array([np.nan, 1.0, np.nan, 0.0]).astype(char)
    silent = lambda x: np.where(np.isnan(np.real(x)), 0, zero_mask(x, x))  # noqa: E731
    for f in (silent, lambda x: np.sqrt(np.real(x) - 2), lambda x: np.real(x) * np.inf):
        assert raised_by(f, x) == raised_by(ag.compile(f), x)


def raised_by(f: Function, x: Any) -> set[str]:
    raised: set[str] = set()
    with np.errstate(all="ignore"):
        f(ag.tensor(x))
        f(ag.tensor(x))
    with np.errstate(divide="ignore", over="ignore", invalid="call", call=lambda kind, _: raised.add(kind)):
        f(ag.tensor(x))
    return raised

"""Python numbers among the arguments of a compiled function: read anew at every call, or guarded by value if read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag

X = np.array([1.0, 2.0, 3.0])
FLOATS = [0.3 * i - 0.5 for i in range(12)] + [-0.0, float("nan"), float("inf")]


class Row(NamedTuple):
    """A function of an array and a number, some numbers, and how many traces they take; None where each has its own."""

    f: Callable[[Any, Any], Any]
    numbers: Sequence[Any] = FLOATS
    traces: int | None = 3  # the first two numbers are constants, to see that they are no more than numbers


def in_place(x: Any, a: Any) -> Any:
    y = x * 1.0
    y *= a
    return y


ROWS: dict[str, Row] = {
    "a product": Row(lambda x, a: x * a),
    "on the left": Row(lambda x, a: a - x),
    "arithmetic": Row(lambda x, a: x * (a / 2 + 1) - a * a, FLOATS[:-2]),
    "a power of it": Row(lambda x, a: x * a**2),
    "single precision": Row(lambda x, a: x.astype(np.float32) * a),
    "a function of NumPy": Row(lambda x, a: x * np.tanh(a)),
    "an argument of NumPy": Row(lambda x, a: np.maximum(x, a) + np.clip(x, None, a) + np.where(x > 1, x, a)),
    "a whole number": Row(lambda x, n: x * n + n // 2, range(-3, 8)),
    "both kinds": Row(lambda x, n: x * n, [1, 2.0, 3, 4.0, 5.0, 6], 6),
    "a Tensor": Row(lambda x, a: x * ag.tensor(a)),
    "a gradient by it": Row(lambda x, a: ag.grad(lambda b: (x * b * b).sum())(a)),
    "two gradients by it": Row(lambda x, a: ag.grad(ag.grad(lambda b: (x * b**3).sum()))(a)),
    "a tangent": Row(lambda x, a: ag.jvp(lambda y: y * y * a)((x,), (x,))[1]),
    "a batch": Row(lambda x, a: ag.vmap(lambda y: y * a)(x)),
    "written in place": Row(in_place),
    "a branch": Row(lambda x, a: x * a if a < 1 else x + a, [0.3 * i - 0.5 for i in range(12)], 6),
    "read by math": Row(lambda x, a: x * math.atan(a), traces=None),
    "read as an array": Row(lambda x, a: x * np.full(3, a), traces=None),
    "read as a text": Row(lambda x, a: x * float(f"{a}"), traces=None),
    "asked for its class": Row(lambda x, a: x * a if isinstance(a, float) else x * 0, traces=None),
    "asked for its class, as a number": Row(lambda x, a: x * (a if isinstance(a, float) else 1.0), traces=None),
    "an error for another class": Row(lambda x, a: x * a if isinstance(a, float) else x / len(a), traces=None),
    "returned": Row(lambda x, a: (x * a, a * 2), traces=None),
    "unused": Row(lambda x, a: x * 2),
    "asked for its class beside": Row(lambda x, a: x * a + (a if isinstance(a, float) else 1.0), [1.0, *FLOATS], None),
    "a range": Row(lambda x, n: sum([x * i for i in range(n)], x), range(6), None),
    "an axis": Row(lambda x, n: np.expand_dims(x, n), [0, 1, 0, 1, 0, 1], None),
    "an exponent": Row(lambda x, n: x**n, [2, 3, -1, 2, 3, -1, 0], None),
    "an index": Row(lambda x, n: x[n] * 1.0, [0, 1, 2, 0, 1, -1], None),
    "a shape": Row(lambda x, n: np.reshape(np.tile(x, 4), (n, -1)), [2, 3, 4, 2, 3, 4], None),
    "a key": Row(lambda x, n: x * {0: 1.0, 1: 2.0, 2: 3.0}[n], [0, 1, 2, 0, 1, 2], None),
}


@pytest.mark.filterwarnings("ignore:compile. the function .* was traced")
@pytest.mark.parametrize("name", ROWS)
def test_every_number_gives_its_own_result(name: str) -> None:
    row = ROWS[name]
    compiled = ag.compile(row.f)
    for number in [*row.numbers, *row.numbers]:
        found, expected = ag.tree.leaves(compiled(X, number)), ag.tree.leaves(row.f(ag.tensor(X), number))
        for a, b in zip(found, expected, strict=True):
            b = b.numpy() if isinstance(b, ag.Tensor) else b
            assert np.asarray(a).dtype == np.asarray(b).dtype
            np.testing.assert_array_equal(a, b, f"{number}")
            assert np.array_equal(np.signbit(a), np.signbit(b))
    if row.traces is not None:
        assert len(compiled.traces) == row.traces
    else:
        assert len(compiled.traces) >= len({repr(x) for x in row.numbers}) - 1


def test_numbers_in_containers_and_keywords() -> None:
    compiled = ag.compile(lambda x, options, *, by: x * options["scale"][0] + by)
    for k in range(8):
        scale, by = 0.1 * k, 2.0 * k
        np.testing.assert_array_equal(compiled(X, {"scale": [scale], "n": 1}, by=by), X * scale + by)
    assert len(compiled.traces) == 3


def test_what_is_read_does_not_keep_the_others_from_varying() -> None:
    compiled = ag.compile(lambda x, n, a: sum([x * a for _ in range(n)]))
    for k in range(6):
        np.testing.assert_array_equal(compiled(X, 2, 0.5 * k), X * (0.5 * k) + X * (0.5 * k))
    assert len(compiled.traces) == 3


def test_a_rate_that_changes_at_every_step() -> None:
    w, v = (ag.tensor(X, requires_grad=True) for _ in range(2))

    def step_of(w: ag.Tensor) -> Callable[[Any, float], None]:
        def step(x: Any, rate: float) -> None:
            ((w * x).sum() ** 2).backward()
            with ag.no_grad():
                w.assign_sub(rate * w.grad)
            w.grad = None

        return step

    compiled, plain = ag.compile(step_of(w)), step_of(v)
    for k in range(10):
        compiled(X, 0.01 / (k + 1))
        plain(X, 0.01 / (k + 1))
        np.testing.assert_array_equal(w.numpy(), v.numpy())
    assert len(compiled.traces) == 3


def test_errors_of_the_function_are_raised_and_change_nothing() -> None:
    w = ag.tensor(X)
    calls: list[Any] = []

    def f(x: Any, a: float) -> Any:
        calls.append(a)
        w.assign(w + 1)
        if a > 0.25:
            raise ValueError("too much")
        return x * a

    compiled = ag.compile(f)
    for k in range(3):
        compiled(X, 0.1 * k)
    before = w.numpy().copy()
    with pytest.raises(ValueError, match="too much"):
        compiled(X, 0.3)
    np.testing.assert_array_equal(w.numpy(), before)
    np.testing.assert_array_equal(compiled(X, 0.15), X * 0.15)


def test_a_file_has_numbers_that_come_with_every_call(tmp_path: Path) -> None:
    f = ag.compile(lambda x, rate, n=3: (x * rate).sum() * n)
    for k in range(6):
        f(X, 0.1 * k)
    f.save_compiled(tmp_path / "f.safetensors")
    loaded = ag.load_compiled(tmp_path / "f.safetensors")
    loaded.save_compiled(tmp_path / "g.safetensors")
    for g in (loaded, ag.load_compiled(tmp_path / "g.safetensors")):
        for rate in (0.7, 0.1, -0.0, 1e300, float("inf"), float("nan")):
            np.testing.assert_array_equal(g(X, rate), (X * rate).sum() * 3)
        assert len(g.traces) == 1
        with pytest.raises(ValueError, match=r"\[1\] float; received .* \[1\] int"):
            g(X, 3)


def test_a_number_that_comes_with_every_call_is_in_no_model() -> None:
    f = ag.compile(lambda x, rate: x * rate)
    for k in range(6):
        f(X, 0.1 * k)
    with pytest.raises(ag.UnsupportedError, match=r"to_onnx: .* at every call as rate\. Pass"):
        f.to_onnx()

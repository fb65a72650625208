"""Powers by whole numbers and halves of them: right but for the last rounding, with the special values of NumPy."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native import threaded_functions as fast
from autograd_lite.native.kernels import INSTRUCTIONS, REASON, SETS, extension
from autograd_lite.ops.arith import power

pytestmark = pytest.mark.skipif(not SETS, reason=f"native kernels: {REASON}")

POWERS: list[np.ufunc] = [extension.ufuncs(name)["power"] for name in SETS] if extension else []
WHOLE = [0, 1, 2, 3, 4, 5, 7, 8, 13, 64, 100, 128, -1, -2, -3, -4, -7, -20, -128]
HALVES = [0.5, 1.5, 2.5, 7.5, 127.5, -0.5, -1.5, -2.5, -11.5]
OTHERS = [0.3, 2.25, -1.75, 128.5, 1000.0, -300.0, np.inf, -np.inf, np.nan]


def bases(char: str, n: int = 60) -> np.ndarray:
    """Return numbers of all sizes, most of them of sizes whose powers are normal numbers."""
    rng = np.random.default_rng(0)
    sizes = [
        rng.uniform(0.3, 3, n),
        *(np.exp(rng.uniform(-e, e, n)) for e in ((1, 20, 80) if char == "f" else (20, 700))),
    ]
    return (np.concatenate(sizes) * rng.choice([-1.0, 1.0], len(sizes) * n)).astype(char)


def error(found: float, base: float, exponent: float, unit: float) -> float:
    """Return how far a result is from the truth, in units in the last place; for halves by its square."""
    if exponent == int(exponent):
        return abs(float((Fraction(found) - Fraction(base) ** int(exponent)) / Fraction(unit)))
    square, scale = Fraction(base) ** int(2 * exponent), 2 * Fraction(found) * Fraction(unit)
    return abs(float((Fraction(found) ** 2 - square) / scale))


@pytest.mark.parametrize("char", "fd")
@pytest.mark.parametrize("exponent", [*WHOLE, *HALVES])
def test_a_power_is_right_but_for_the_last_rounding_with_all_instructions(exponent: float, char: str) -> None:
    x = bases(char)
    x = x if exponent == int(exponent) else np.abs(x)
    with np.errstate(all="ignore"):
        found = [ufunc(x, x.dtype.type(exponent)) for ufunc in POWERS]
    size = np.abs(found[0])
    normal = np.isfinite(size) & (size > 2 * np.finfo(char).tiny)
    assert normal.sum() > 40
    rows = zip(found[0][normal].tolist(), x[normal].tolist(), np.spacing(size[normal]).tolist(), strict=True)
    worst = max(error(value, base, exponent, unit) for value, base, unit in rows)
    assert worst < 0.53, worst
    for other in found[1:]:
        assert other[normal].tobytes() == found[0][normal].tobytes()


def outcome(f: Any, *arguments: Any) -> tuple[Any, set[str]]:
    raised: set[str] = set()
    with np.errstate(all="call", call=lambda kind, _: raised.add(kind)):
        return f(*arguments), raised


@pytest.mark.parametrize("char", "fd")
def test_special_values_and_flags_are_numpys(char: str) -> None:
    limits = np.finfo(char)
    sizes = [0.0, 1.0, 2.0, 0.5, 1e3, limits.smallest_subnormal, limits.tiny, limits.max, np.inf, np.nan, 1e-12, 1e12]
    kind = np.dtype(char).type
    for size, sign, exponent in itertools.product(sizes, (1, -1), [*WHOLE, *HALVES]):
        x, y = np.full(20, 0.75, char), kind(exponent)
        x[3] = kind(sign * size)
        expected, flags = outcome(np.power, x, np.full_like(x, y))  # for one number newer ones take a root, of -0.0 too
        for ufunc in POWERS:
            found, raised = outcome(ufunc, x, y)
            # Intel's loops, which NumPy has, tell of underflow where nothing is lost too.
            assert raised <= flags <= raised | {"underflow"}, (x[3], y, raised, flags)
            assert np.isnan(found[3]) == np.isnan(expected[3]), (x[3], y)
            assert np.isnan(found[3]) or np.signbit(found[3]) == np.signbit(expected[3]), (x[3], y)
            np.testing.assert_allclose(found, expected, 2 * limits.eps, limits.smallest_subnormal)


@pytest.mark.parametrize("char", "fd")
def test_a_result_depends_on_base_and_exponent_alone(char: str) -> None:
    """Not on whether the exponent is a number or one of many, and which others there are."""
    x, exponents = np.abs(bases(char, 7)), np.array([*WHOLE, *HALVES, *OTHERS], char)
    x[3], x[11] = 0, np.inf
    with np.errstate(all="ignore"):
        for ufunc in (*POWERS, *([fast.power] if INSTRUCTIONS else [])):
            table = ufunc(x[:, None], exponents)
            assert b"".join(ufunc(x, y).tobytes() for y in exponents) == np.ascontiguousarray(table.T).tobytes()
            assert b"".join(ufunc(v, exponents).tobytes() for v in x) == table.tobytes()
            own = np.repeat(x[:, None], exponents.size, 1)
            assert ufunc(own, exponents, out=own).tobytes() == table.tobytes()


@pytest.mark.parametrize("char", "fd")
def test_other_exponents_have_numpys_bits(char: str) -> None:
    x = np.abs(bases(char))
    with np.errstate(all="ignore"):
        for exponent in OTHERS:
            y = x.dtype.type(exponent)
            assert fast.power(x, y).tobytes() == np.power(x, y).tobytes()
        y = np.resize(np.array(OTHERS, char), x.shape)
        assert fast.power(x, y).tobytes() == np.power(x, y).tobytes()


@pytest.mark.parametrize("exponent", [3, 4.0, -1, -2, 1.5, 2.7])
def test_the_rule_for_a_number_is_a_product_with_a_power(exponent: float) -> None:
    x = ag.tensor([0.5, 2.0, 3.0], requires_grad=True)
    graph = ag.build_graph(power(x, exponent).sum(), backward=True)
    assert "where" not in str(graph)
    expected = exponent * fast.power(x.detach().numpy(), exponent - 1)
    np.testing.assert_array_equal(ag.grad(lambda x: (x**exponent).sum())(x).numpy(), expected)
    assert ag.grad(lambda x: np.power(x, 0).sum())(np.array([0.0, np.inf])).tolist() == [0, 0]

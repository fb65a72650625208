"""The laws of elementwise kernels, for each set of instructions: exactness, special values and flags, and bits.

A result depends on its arguments alone, bit for bit: not on strides, on alignment, or on how a call is cut into parts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native import threaded_functions as fast
from autograd_lite.native.kernels import NUMPYS, REASON, SETS, extension
from autograd_lite.ops import elementwise_activations as activation_ops, erf, gelu, softmax

from .elementwise_cases import EXPRESSIONS, KERNELS, Wide, arguments, ulps

pytestmark = pytest.mark.skipif(not SETS, reason=f"native kernels: {REASON}")

TABLES: dict[str, Any] = {name: extension.ufuncs(name) for name in SETS} if extension else {}
DTYPES: dict[str, Any] = {"f": np.float32, "d": np.float64}


def rows(names: Any = None) -> list[Any]:
    """Return each loop of each elementwise kernel, or of those that are named, for each set of instructions."""
    return [
        pytest.param(ufunc, loop, id=f"{table}-{name}-{loop[0]}")
        for table, kernels in TABLES.items()
        for name, ufunc in kernels.items()
        if ufunc.signature is None and (names is None or name in names)
        for loop in ufunc.types
    ]


# ---- exactness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ufunc", "loop"), rows(KERNELS))
def test_a_kernel_is_as_exact_as_stated(ufunc: np.ufunc, loop: str) -> None:
    case = KERNELS[ufunc.__name__]
    if loop[0] == "d" and np.finfo(Wide).nmant < 60:
        pytest.skip("there is no wider number here to compare with")
    x = arguments(case, DTYPES[loop[0]], np.random.default_rng(0), 400)
    assert x.size > 600
    with np.errstate(all="ignore"):
        errors = ulps(ufunc(x), case.exact(x.astype(Wide)), case.scale)
    worst = errors.argmax()
    assert errors[worst] <= case.ulps[loop[0] == "d"], f"{errors[worst]:.2f} ulp at {x[worst]!r}"


def test_sines_of_huge_numbers_and_near_their_zeros_are_right() -> None:
    """Known to 20 digits: those near multiples of pi, and far out, where the reduction needs hundreds of digits."""
    sines = {np.pi: 1.224646799147353e-16, 355.0: -3.014435335948845e-05, 1e22: -0.8522008497671888}
    sines[2.0**600] = -0.3456161123444048
    huge, cosine = 6381956970095103 * 2.0**797, -4.687165924254628e-19
    for kernels in TABLES.values():
        np.testing.assert_allclose(kernels["sin"](list(sines)), list(sines.values()), rtol=2.3e-16)
        np.testing.assert_allclose(kernels["cos"](huge), cosine, rtol=4e-15)  # the worst case, which glibc just misses


# ---- special values and flags ---------------------------------------------------------------------------------------

NUMPYS_OWN: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(np, name) for name in ("exp", "expm1", "tanh", "log", "log1p", "sin", "cos")},
    "erf": erf._erf,
    "erfc": erf._erfc,
    "sigmoid": activation_ops._sigmoid,
    "softplus": activation_ops._softplus,
    "silu": activation_ops._silu,
    "silu_slope": activation_ops._silu_slope,
    "mish": activation_ops._mish,
    "gelu": gelu._gelu,
    "relu": activation_ops._relu,
}


def specials(dtype: Any) -> list[Any]:
    limits = np.finfo(dtype)
    found = [np.nan, np.inf, 0.0, limits.smallest_subnormal, limits.tiny, limits.max, 1.0, 1e4, 50.0, 2000.0, 1e-30]
    return [dtype(s * v) for v in found for s in (1, -1)]


def outcome(f: Callable[[Any], Any], x: Any) -> tuple[Any, set[str]]:
    """Return what a function makes of one number, among others that are harmless, and the flags that it raises."""
    raised: set[str] = set()
    with np.errstate(all="call", under="ignore", call=lambda kind, _: raised.add(kind)):
        a = np.full(20, 0.5, x.dtype)
        a[3] = x
        value = f(a)[3]
    return value, raised


@pytest.mark.parametrize(("ufunc", "loop"), rows(NUMPYS_OWN))
def test_special_values_and_flags_are_those_of_numpys_expression(ufunc: np.ufunc, loop: str) -> None:
    dtype = DTYPES[loop[0]]
    for x in specials(dtype):
        found, raised = outcome(ufunc, x)
        expected, expects = outcome(NUMPYS_OWN[ufunc.__name__], x)
        assert raised == expects, (x, raised, expects)
        assert np.isnan(found) == np.isnan(expected), x
        np.testing.assert_allclose(found, expected, rtol=8 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).tiny)
        if found == 0 and expected == 0 and ufunc.__name__ not in ("relu", "gelu"):  # NumPy's own depends on the dtype
            assert np.signbit(found) == np.signbit(expected), x


# ---- bits -----------------------------------------------------------------------------------------------------------


def operands(ufunc: np.ufunc, char: str, n: int) -> list[np.ndarray]:
    """Return operands of which some need care, so that both ways through a kernel are taken."""
    rng = np.random.default_rng(1)
    found = [np.abs(rng.normal(size=n) * 3).astype(char) + 1 for _ in range(ufunc.nin)]
    found[0][n // 2 :: 97] = [np.inf, 1e30, 0][n % 3]
    return found


def placed(a: np.ndarray) -> list[np.ndarray]:
    """Return arrays of the same values that lie otherwise in memory."""
    wide = np.zeros((a.size, 3), a.dtype)
    wide[:, 1] = a
    shifted = np.zeros(a.size + 1, a.dtype)
    shifted[1:] = a
    unaligned = np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(a.dtype)
    return [wide[:, 1], shifted[1:], np.ascontiguousarray(a[::-1])[::-1], unaligned]


@pytest.mark.parametrize(("ufunc", "loop"), rows())
def test_bits_depend_on_arguments_alone(ufunc: np.ufunc, loop: str) -> None:
    given = operands(ufunc, loop[0], 533)
    with np.errstate(all="ignore"):
        expected = ufunc(*given).tobytes()
        assert b"".join(ufunc(*(a[i] for a in given)).tobytes() for i in range(533)) == expected
        for cut in (1, 15, 16, 17, 255, 256, 300):
            parts = [ufunc(*(a[part] for a in given)).tobytes() for part in (slice(cut), slice(cut, None))]
            assert b"".join(parts) == expected
        for choice in itertools.islice(itertools.product(*map(placed, given)), 0, 1024, max(1, 4**ufunc.nin // 16)):
            assert ufunc(*choice).tobytes() == expected
            out = np.zeros((533, 2), loop[0])
            ufunc(*choice, out=out[:, 1])
            assert out[:, 1].tobytes() == expected
        for i in range(ufunc.nin):
            own = [a.copy() for a in given]
            assert ufunc(*own, out=own[i]).tobytes() == expected


@pytest.mark.parametrize(("ufunc", "loop"), rows())
def test_operands_broadcast_and_may_be_empty(ufunc: np.ufunc, loop: str) -> None:
    given = operands(ufunc, loop[0], 300)
    with np.errstate(all="ignore"):
        for i in range(ufunc.nin):
            mixed = [a[7] if k == i else a for k, a in enumerate(given)]
            full = [np.full(300, a[7]) if k == i else a for k, a in enumerate(given)]
            assert np.broadcast_to(ufunc(*mixed), 300).tobytes() == ufunc(*full).tobytes()
    assert ufunc(*(a[:0] for a in given)).shape == (0,)


@pytest.mark.parametrize(("ufunc", "loop"), rows(EXPRESSIONS))
def test_a_kernel_for_an_expression_gives_its_bits(ufunc: np.ufunc, loop: str) -> None:
    (kernels,) = [k for k in TABLES.values() if k.get(ufunc.__name__) is ufunc]
    x, y = (np.random.default_rng(s).normal(size=999).astype(loop[0]) * 3 for s in (0, 1))
    np.testing.assert_array_equal(ufunc(x, y), EXPRESSIONS[ufunc.__name__](kernels)(x, y))


@pytest.mark.parametrize(("ufunc", "loop"), rows(["below"]))
def test_what_is_below_a_maximum_is_never_invalid(ufunc: np.ufunc, loop: str) -> None:
    sizes = [np.finfo(loop[0]).max, np.finfo(loop[0]).max * 0.75, 0.0, 1.0, 1e15, np.inf]
    values = np.array([np.nan, *sizes, *(-v for v in sizes)], loop[0])
    pairs = [(x, top) for x, top in itertools.product(values, values) if not x > top]
    x, top = np.array(pairs, loop[0]).T
    with np.errstate(all="raise"):
        found = ufunc(x, top)
    np.testing.assert_array_equal(found, softmax.numbers_below(x, top))


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_an_expression_of_two_operands_may_be_reduced(name: str) -> None:
    """Where a result is an operand of the next element, elements go one by one."""
    for kernels in TABLES.values():
        x = np.random.default_rng(0).normal(size=40)
        for found, n in ((kernels[name].reduce(x), 40), *zip(kernels[name].accumulate(x), range(1, 41), strict=True)):
            total = x[0]
            for v in x[1:n]:
                total = kernels[name](total, v)
            assert found == total


# ---- NumPy's functions with our loops -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "theirs", [np.exp, np.expm1, np.log, np.log1p, np.sin, np.cos, np.tanh], ids=lambda f: f.__name__
)
def test_a_function_with_our_loops_takes_what_numpys_takes(theirs: np.ufunc) -> None:
    ours = getattr(fast, theirs.__name__)
    assert ours.types == theirs.types
    for char in "?bBhHilqefdgFDGO":
        x = np.ones(3, char)
        try:
            expected = theirs(x)
        except TypeError:
            with pytest.raises(TypeError):
                ours(x)
            continue
        assert ours(x).dtype == expected.dtype
        np.testing.assert_allclose(ours(x), expected, rtol=1e-3 if char in "?bBe" else 1e-6)
    assert all(set(chars) <= set("fd") for by_name in NUMPYS.values() for chars in by_name.values())


@pytest.mark.parametrize("function", [np.sin, np.exp, np.tanh, np.log], ids=lambda f: f.__name__)
def test_a_rule_of_a_user_gives_arrays_and_tensors_the_same_bits(function: np.ufunc) -> None:
    def rule(out: Any, x: Any) -> Any:
        return helper(x) * x

    def helper(x: Any) -> Any:
        return function(x)

    op = ag.elementwise(lambda x: x * 2, rule, name="with a rule of a user", saves="x")
    x = ag.tensor(np.random.default_rng(0).uniform(0.1, 3, 500), requires_grad=True)
    found = []
    for create_graph in (False, True):
        op(x).sum().backward(create_graph=create_graph)
        assert x.grad is not None
        found.append(x.grad.detach().numpy())
        x.grad = None
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], (function(x) * x).detach().numpy())

"""Small matrices: products that are sums in one order, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native.kernels import INSTRUCTIONS, KERNELS, REASON
from autograd_lite.native.threaded_functions import matmul

pytestmark = pytest.mark.skipif(not INSTRUCTIONS, reason=f"the native extension is {REASON}")
Array = np.ndarray[Any, Any]

LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "rows": lambda a: a,
    "columns": lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "spread": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backward": lambda a: np.ascontiguousarray(a[..., ::-1, ::-1])[..., ::-1, ::-1],
    "padded": lambda a: np.pad(a, [(0, 0)] * (a.ndim - 2) + [(0, 3), (0, 5)])[..., : a.shape[-2], : a.shape[-1]],
}
SIZES = range(1, 18)


def _in_order(a: Array, b: Array) -> Array:
    """Return products whose sums begin with 0 and go on term by term."""
    total = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), a.dtype)
    for t in range(a.shape[-1]):
        total = total + a[..., :, t, None] * b[..., t, None, :]
    return total


def _same(a: Array, b: Array) -> bool:
    """Return whether two arrays have the same bits, apart from those of what is not a number."""
    nan = np.isnan(b)
    return (
        a.dtype == b.dtype
        and a.shape == b.shape
        and (np.isnan(a) == nan).all()
        and a[~nan].tobytes() == b[~nan].tobytes()
    )


@pytest.fixture(params=[1, 3])
def _threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = ag.get_threads()
    ag.set_threads(request.param)
    yield
    ag.set_threads(before)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("n", SIZES)
def test_products_are_sums_in_order(n: int, dtype: str) -> None:
    rng = np.random.default_rng(n)
    for m, k, p in [(n, n, n), (1, n, n), (n, n, 1), (n, 1, n), (1, n, 1), *rng.integers(1, 18, (4, 3))]:
        a, b = rng.normal(size=(3, m, k)).astype(dtype), rng.normal(size=(3, k, p)).astype(dtype)
        truth = _in_order(a, b)
        for x in LAYOUTS.values():
            for y in LAYOUTS.values():
                assert _same(KERNELS["small_product"](x(a), y(b)), truth)
        for to in LAYOUTS.values():
            out = to(np.full_like(truth, 7))
            KERNELS["small_product"](a, b, out=out)
            assert _same(out, truth)
        if max(m, k, p) <= 16:
            assert _same(matmul(a, b), truth)
            assert _same(matmul(a[:1], b), _in_order(a[:1], b))
            assert _same(matmul(a[0], b[0, :, 0]), truth[0, :, 0])
            assert _same(matmul(a[0, 0], b[0]), truth[0, 0])
            assert _same(np.asarray(matmul(a[0, 0], b[0, :, 0])), truth[0, 0, 0])
            symmetric = matmul(a, a.mT)
            assert (symmetric == symmetric.mT).all()
        elif min(m, k, p) > 1:
            np.testing.assert_array_equal(matmul(a[0], b[0]), np.matmul(a[0], b[0]))


@pytest.mark.usefixtures("_threads")
def test_stacks_are_the_same_on_threads() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 20_000, 5, 5))
    assert _same(matmul(a, b), _in_order(a, b))
    assert _same(matmul(a, b[0]), _in_order(a, b[0]))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("n", [1, 2, 5, 7, 8, 13, 16])
def test_what_is_no_finite_number_stays_in_its_row_and_column(n: int) -> None:
    rng = np.random.default_rng(0)
    for special in (np.nan, np.inf, -0.0, 5e-324, 1e308):
        a, b = rng.normal(size=(2, n, n))
        a[n // 2, n // 3] = special
        b[n // 3] *= rng.integers(0, 2, n)
        assert _same(matmul(a, b), _in_order(a, b))
    with np.errstate(invalid="raise"):
        a, b = rng.normal(size=(2, n, n))
        a[0, 0] = np.nan
        matmul(a, b)
        a[0, 0], b[0] = np.inf, 0
        with pytest.raises(FloatingPointError):
            matmul(a, b)


# ---- factors and systems --------------------------------------------------------------------------------------------


def _systems(n: int, dtype: str) -> tuple[Array, Array, Array]:
    """Return matrices, positive definite ones, and others to be divided by them."""
    rng = np.random.default_rng(n)
    a = rng.normal(size=(3, n, n))
    return a.astype(dtype), (a @ a.mT + np.eye(n)).astype(dtype), rng.normal(size=(3, n, 20)).astype(dtype)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("n", range(1, 17))
def test_factors_and_solutions_are_right(n: int, dtype: str) -> None:
    a, positive, b = _systems(n, dtype)
    bound = 8 * n * np.finfo(dtype).eps
    low = KERNELS["small_cholesky"](positive)
    size = np.abs(low) @ np.abs(low.mT)
    assert (np.abs(low @ low.mT - positive) <= bound * size).all()
    assert not np.triu(low, 1).any()
    assert _same(KERNELS["small_cholesky_upper"](positive).mT, low)
    for name, t in (("small_solve_lower", low), ("small_solve_upper", low.mT)):
        x = KERNELS[name](t, b)
        assert (np.abs(t @ x - b) <= bound * (np.abs(t) @ np.abs(x))).all()
        assert _same(KERNELS[name](t + (np.triu(a, 1) if name.endswith("lower") else np.tril(a, -1)), b), x)
    x = KERNELS["small_solve"](a, b)
    growth = np.abs(a).max() * np.abs(x).sum(axis=-2, keepdims=True)  # pivots keep the factors at most this large
    assert (np.abs(a @ x - b) <= 8 * bound * growth).all()
    assert _same(KERNELS["small_solve1"](a, b[:, :, 3].copy()), x[:, :, 3])
    assert _same(KERNELS["small_inv"](a), KERNELS["small_solve"](a, np.eye(n, dtype=dtype)))
    sign, size = KERNELS["small_slogdet"](a)
    signs, sizes = np.linalg.slogdet(a.astype("d"))
    np.testing.assert_array_equal(sign, signs)
    np.testing.assert_allclose(size, sizes, rtol=0, atol=100 * bound * (1 + np.linalg.cond(a.astype("d")).max()))


UNARY = ["small_cholesky", "small_cholesky_upper", "small_inv", "small_slogdet"]
BINARY = ["small_solve", "small_solve_lower", "small_solve_upper"]


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("name", UNARY + BINARY)
def test_results_do_not_depend_on_where_operands_lie(name: str, dtype: str) -> None:
    for n in (1, 2, 3, 4, 5, 9, 16):
        _, positive, b = _systems(n, dtype)
        operands = [positive] + [b] * (name in BINARY)
        truth = KERNELS[name](*operands)
        for x in LAYOUTS.values():
            for y in LAYOUTS.values():
                result = KERNELS[name](*[f(a) for f, a in zip((x, y), operands, strict=False)])
                assert all(map(_same, np.atleast_1d(result), np.atleast_1d(truth)))
        if name != "small_slogdet":
            out = LAYOUTS["columns"](np.empty_like(truth))
            assert _same(KERNELS[name](*operands, out=out), truth)
            many = KERNELS[name](*[np.tile(a, (3000 // n, 1, 1)) for a in operands])
            assert _same(many, np.tile(truth, (3000 // n, 1, 1)))
            assert _same(KERNELS[name](*[a[0] for a in operands]), truth[0])
            if len(operands) == 2:
                assert _same(KERNELS[name](operands[0][:1], b), KERNELS[name](np.repeat(operands[0][:1], 3, 0), b))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 16])
@pytest.mark.parametrize("name", UNARY + BINARY)
def test_what_has_no_result_is_not_a_number(name: str, n: int) -> None:
    _, positive, b = _systems(n, "d")
    for bad in (0.0, -1.0) if "cholesky" in name else (0.0,):
        wrong = positive.copy()
        wrong[1, n - 1] = wrong[1, :, n - 1] = bad
        operands = [wrong] + [b] * (name in BINARY)
        if name == "small_slogdet":
            assert KERNELS[name](wrong)[0][1] == 0
            assert KERNELS[name](wrong)[1][1] == -np.inf
            continue
        with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
            KERNELS[name](*operands)
        with np.errstate(all="raise", invalid="ignore"):
            result = KERNELS[name](*operands)
        right = KERNELS[name](positive, *operands[1:])
        assert np.isnan(result[1]).all()
        assert _same(result[[0, 2]], right[[0, 2]])
    with np.errstate(all="raise"):  # no flags for what is not finite, and no refusal
        KERNELS["small_solve"](np.full((2, 2), np.inf), np.ones((2, 1)))
        assert np.isnan(KERNELS["small_cholesky"](np.full((2, 2), np.nan))[1, 1])


def test_larger_matrices_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at most 16 rows, received 17"):
        KERNELS["small_inv"](np.eye(17))


CALLS: dict[str, Callable[..., Any]] = {
    "cholesky": lambda a, p, b: np.linalg.cholesky(p),
    "upper": lambda a, p, b: np.linalg.cholesky(p, upper=True),
    "solve": lambda a, p, b: np.linalg.solve(a, b),
    "solve one": lambda a, p, b: np.linalg.solve(a, b[0, :, 0]),
    "inv": lambda a, p, b: np.linalg.inv(a),
    "slogdet": lambda a, p, b: np.linalg.slogdet(a)[1],
}


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("name", CALLS)
def test_ops_take_the_kernels_eager_and_compiled(name: str, dtype: str) -> None:
    f = CALLS[name]
    for n in (1, 2, 4, 5, 16, 17):
        operands = _systems(n, dtype)
        eager = f(*map(ag.tensor, operands)).numpy()
        compiled = ag.compile(f)
        for _ in range(3):
            assert _same(np.asarray(compiled(*operands)), eager)
        np.testing.assert_allclose(
            eager, f(*operands), rtol=1e-3 if dtype == "f" else 1e-9, atol=1e-3 if dtype == "f" else 1e-9
        )


@pytest.mark.parametrize("name", ["cholesky", "solve", "inv"])
def test_ops_raise_what_numpy_raises(name: str) -> None:
    f, (a, positive, b) = CALLS[name], _systems(4, "d")
    compiled = ag.compile(f)
    for _ in range(3):
        compiled(a, positive, b)
    a[1], positive[1] = 0, -1
    with pytest.raises(np.linalg.LinAlgError) as numpys:
        f(a, positive, b)
    for call in (lambda *x: f(*map(ag.tensor, x)), compiled):
        with pytest.raises(np.linalg.LinAlgError, match=str(numpys.value)):
            call(a, positive, b)

"""Products of matrices on the pool: the right numbers, and the same bits whoever is free."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native.kernels import INSTRUCTIONS, KERNELS, REASON
from autograd_lite.native.threaded_functions import matmul
from autograd_lite.native.threads import OPENBLAS

if INSTRUCTIONS:
    from autograd_lite.native import library

pytestmark = pytest.mark.skipif(
    not (INSTRUCTIONS and library.share_products(matmul, KERNELS["small_product"], OPENBLAS)),
    reason=f"the native extension is {REASON}" if REASON else "NumPy has no OpenBLAS here",
)
Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def _three_threads_each() -> Iterator[None]:
    before, blas_before = ag.get_threads(), library.blas_threads(0)
    ag.set_threads(3)
    library.blas_threads(3)
    yield
    ag.set_threads(before)
    library.blas_threads(blas_before)


def _whole(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Return an array of small whole numbers, of which products are exact however they are summed."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype("f8")


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "rows": lambda a: a,
    "columns": lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "spread": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backward": lambda a: np.ascontiguousarray(a[..., ::-1, ::-1])[..., ::-1, ::-1],
}
SHAPES = [
    ((100, 80), (80, 90)),
    ((3, 500), (500, 400)),
    ((400, 500), (500, 3)),
    ((1, 700), (700, 800)),
    ((800, 700), (700, 1)),
    ((65, 64), (64, 65)),
    ((7, 40, 30), (7, 30, 50)),
    ((2, 100, 80), (2, 80, 90)),
    ((5, 100, 80), (80, 90)),
    ((2, 3, 40, 60), (3, 60, 50)),
    ((500,), (500, 900)),
    ((900, 500), (500,)),
]


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_are_right(left: tuple[int, ...], right: tuple[int, ...], dtype: str) -> None:
    a, b = _whole(left).astype(dtype), _whole(right, 1).astype(dtype)
    truth = np.matmul(a.astype("i8"), b.astype("i8"))
    for x in LAYOUTS.values() if len(left) > 1 else [lambda a: a]:
        for y in LAYOUTS.values() if len(right) > 1 else [lambda a: a]:
            np.testing.assert_array_equal(matmul(x(a), y(b)), truth)
    out = np.full((*truth.shape, 2), 7.0, dtype)
    matmul(a, b, out=out[..., 0])
    np.testing.assert_array_equal(out, np.stack([truth, np.full_like(truth, 7)], -1))


def test_a_symmetric_product_is_symmetric() -> None:
    for shape in ((300, 200), (2, 300, 200), (131, 1000), (517, 77)):
        x = np.random.default_rng(0).standard_normal(shape)
        product = matmul(x, x.swapaxes(-1, -2))
        assert (product == product.swapaxes(-1, -2)).all()


def test_openblas_with_one_thread_is_left_alone() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 257, 300))
    library.blas_threads(1)
    ours = (matmul(a, b.T)).tobytes()
    ag.set_threads(1)
    assert (matmul(a, b.T)).tobytes() == ours


def test_the_same_bits_whoever_is_free() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 257, 300))
    alone = (matmul(a, b.T)).tobytes()
    found: list[bool] = []

    def user() -> None:
        found.extend((matmul(a, b.T)).tobytes() == alone for _ in range(20))

    users = [threading.Thread(target=user) for _ in range(8)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join()
    assert found == [True] * 160


def test_openblas_has_its_threads_afterwards() -> None:
    a = np.ones((300, 300))
    for n in (1, 2, 3):
        library.blas_threads(n)
        matmul(a, a)
        assert library.blas_threads(0) == n


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_fork_in_the_middle_of_products() -> None:
    stop = False
    a = np.random.default_rng(0).standard_normal((200, 200))
    right = (matmul(a, a)).tobytes()

    def work() -> None:
        while not stop:
            matmul(a, a)

    user = threading.Thread(target=work)
    user.start()
    try:
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0 if library.blas_threads(0) == 3 and (matmul(a, a)).tobytes() == right else 1)
            assert os.waitpid(child, 0) == (child, 0)
    finally:
        stop = True
        user.join()

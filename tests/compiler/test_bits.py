"""Every call of a compiled function gives the same bits, in the same layout and class, as eager ones do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from .eager import eager

Function = Callable[..., Any]
SIZES = pytest.mark.parametrize("n", [1, 9, *(pytest.param(n, marks=pytest.mark.ci) for n in (2, 3, 5, 8, 17, 33))])
DTYPES = ("f8", "f4", "c16", "c8")

VECTORS: dict[str, Function] = {
    "conj": lambda z: z * np.conj(z),
    "abs twice": lambda z: (lambda a: (a * 2.0, (a + 1.0) * a))(np.abs(z) ** 2),
    "abs again": lambda z: np.abs(z) ** 2 * np.abs(z) ** 2,
    "product": lambda z: (z * z[::-1] + z) * np.conj(z),
    "quotient": lambda z: z / (z + 2.0),
    "powers": lambda z: z**2 + z**3,
    "sum": lambda z: (z * z).sum(),
    "mean": lambda z: (z * z).mean(),
    "gradient": ag.grad(lambda z: (np.abs(z) ** 2).sum()),
    "ratio": ag.grad(lambda z: (np.abs(z) ** 2 / (np.abs(z) ** 2).sum())[0]),
}
NUMBERS: dict[str, Function] = {
    "itself": lambda x: x,
    "conj": lambda x: x * np.conj(x),
    "abs": lambda x: (lambda a: a * a + a)(np.abs(x) ** 2),
    "reshaped": lambda x: np.reshape(x, (1, 1)) * 2.0,
    "back": lambda x: np.reshape(x * 2.0, (1,)).reshape(()),
    "chosen": lambda x: np.where(np.real(x) > 0, x, 2.0 * x),
    "broadcast": lambda x: np.broadcast_to(x * 2.0, ()),
    "squeezed": lambda x: np.squeeze(np.reshape(x * 2.0, (1, 1))),
    "gradient": ag.grad(lambda x: np.abs(x) ** 2),
    "in containers": lambda x: {"a": (x, x * 1.0)},
}
PRODUCTS: dict[str, Function] = {
    "gradient by a vector": ag.grad(lambda v, m: np.real((v @ m).sum())),
    "gradients": ag.grad(lambda v, m: np.real((v @ m).sum()), (0, 1)),
    "value and gradients": ag.value_and_grad(lambda v, m: (np.abs(v @ m) ** 2).sum(), (0, 1)),
    "means": ag.grad(lambda v, m: np.real((v @ m).mean()), (0, 1)),
    "squares": ag.grad(lambda v, m: (np.abs(v) ** 2 @ np.abs(m) ** 2).sum(), (0, 1)),
    "transposed": ag.grad(lambda v, m: np.real((m.T @ v).sum()), (0, 1)),
}


def bits(x: Any) -> list[Any]:
    """Return what tells results apart: their classes, dtypes, shapes, strides and bits."""
    return [(type(a), *_bits(a)) for a in ag.tree.leaves(x)]


def _bits(a: Any) -> tuple[Any, ...]:
    a = np.asarray(a)
    strides = tuple(s for s, n in zip(a.strides, a.shape, strict=True) if n != 1)
    return a.dtype, a.shape, strides, a.tobytes()


def agrees(f: Function, *arrays: Any) -> None:
    """Compare calls with one another, by themselves and validated, and their values with eager ones."""
    expected = [_bits(a) for a in ag.tree.leaves(eager(f)(*arrays))]
    for validate in (False, True):
        compiled = ag.compile(f, validate=validate)
        found = [bits(compiled(*arrays)) for _ in range(4)]
        assert found == [found[0]] * 4
        assert [row[1:] for row in found[0]] == expected
        assert compiled.traces[0].replay is not None


def drawn(rng: np.random.Generator, dtype: str, *shape: int) -> Any:
    a = rng.normal(size=shape)
    return np.asarray(a + 1j * rng.normal(size=shape) if dtype[0] == "c" else a).astype(dtype)


@SIZES
@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name: str, n: int) -> None:
    rng = np.random.default_rng(0)
    for dtype in ("c16", DTYPES[n % 4]):
        agrees(VECTORS[name], drawn(rng, dtype, n))


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name: str) -> None:
    rng = np.random.default_rng(0)
    for dtype in DTYPES[::2]:
        x = drawn(rng, dtype)
        for number in (x, x[()], x.reshape(1)):
            if number.ndim == 0 or name not in ("gradient", "back", "broadcast"):
                agrees(NUMBERS[name], number)


@SIZES
@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name: str, n: int) -> None:
    rng = np.random.default_rng(0)
    for m, order in ((4, "C"), (9, "F"), (16, "C")):
        dtype = "f8" if (n + m) % 2 else DTYPES[m % 4]
        agrees(PRODUCTS[name], drawn(rng, dtype, n), np.asarray(drawn(rng, dtype, n, m), order=order))


CARRIES: dict[str, Function] = {
    "passes": lambda c, t: (c, t * c[1]),
    "is read by number": lambda c, t: ((c[0], c[1] + 1), c[0][c[1] % 3] * t),
    "is read and changes": lambda c, t: ((c[0], c[1] + c[0][2] * t), c[1]),
}
BEGINS: dict[str, Function] = {
    "passes": lambda x: x,
    "is read by number": lambda x: (x, np.int64(0)),
    "is read and changes": lambda x: (x, x[0]),
}


@pytest.mark.parametrize("name", CARRIES)
def test_carries(name: str) -> None:
    rng = np.random.default_rng(0)
    ts = drawn(rng, "f8", 7)
    for dtype in DTYPES[::2] if name == "passes" else DTYPES[:1]:
        agrees(lambda x, ts: ag.scan(CARRIES[name], BEGINS[name](x), ts), drawn(rng, dtype, 3), ts)
        if dtype == "f8":
            agrees(
                ag.grad(lambda x, ts: (ag.scan(CARRIES[name], BEGINS[name](x), ts)[1] ** 2).sum(), (0, 1)),
                drawn(rng, dtype, 3),
                ts,
            )

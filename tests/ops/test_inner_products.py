"""Inner products of many rows: `vecdot` where that is faster, with the values of `einsum`, and one loop of a plan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.numpy_calls import How

from ..laws.reading import same_bits

CASES = [
    ("bij,bij->bj", (5, 3, 4)),
    ("bij,bij->jb", (5, 3, 4)),
    ("ij,ij->i", (6, 20)),
    ("ij,ij->j", (3, 6)),
    ("ij,ij->j", (30, 6)),  # by long strides
    ("bij,bij->b", (4, 3, 2)),
    ("bij,bij->i", (4, 3, 2)),
    ("ij,ij->i", (2, 0)),
    ("ij,ij->i", (0, 2)),
    ("ij,ij->i", (2, 9000)),
]


def _has_one_sum() -> bool:
    """Return whether BLAS adds in one order, whatever the strides; where it does not, some stay calls of einsum."""
    x, y = np.random.default_rng(1).normal(size=(2, 4, 60))
    return np.array_equal(np.vecdot(x.T, y.T), np.vecdot(x.T.copy(), y.T.copy()))


@pytest.mark.parametrize("dtype", ["d", "f", "D", "l"])
@pytest.mark.parametrize(("subscripts", "shape"), CASES, ids=str)
def test_inner_products_are_those_of_einsum(subscripts: str, shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, y = ((rng.normal(size=shape) * 3 + (1j if dtype == "D" else 0)).astype(dtype) for _ in range(2))
    expected = np.einsum(subscripts, x, y)
    close: dict[str, Any] = {"rtol": 1e-4 if dtype == "f" else 1e-12, "atol": 1e-3 if dtype == "f" else 1e-11}
    np.testing.assert_allclose(np.einsum(subscripts, ag.tensor(x), ag.tensor(y)).numpy(), expected, **close)

    def loss(x: Any, y: Any) -> Any:
        return (np.einsum(subscripts, x, y).real ** 2).sum()

    program = ag.grad(loss, (0, 1)) if dtype in "fdD" else lambda x, y: (np.einsum(subscripts, x, y), x + y)
    compiled = ag.compile(program)
    compiled(x, y)
    for a, b in zip(compiled(x, y), program(ag.tensor(x), ag.tensor(y)), strict=True):
        assert same_bits(np.asarray(a), b.numpy())
    if dtype == "d" and x.size and x.size < 9000 and shape != (30, 6) and _has_one_sum():
        assert all(call.how is not How.CALL for call in compiled.plan().calls), str(compiled.plan())

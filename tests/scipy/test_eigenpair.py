"""One eigenpair: its derivatives are right beside equal eigenvalues, and refused where it is one of them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..rows import for_every

original = pytest.importorskip("scipy.linalg")
from autograd_lite.scipy import linalg  # noqa: E402

N = 5
ROWS = list(product((float, complex), (False, True), ((0, "apart"), (2, "apart"), (0, "equal"), (4, "equal"))))
C = np.cos(np.arange(N)) + 0.5


def hermitian(x: Any) -> Any:
    return (x + np.conj(x.T)) / 2


def problem(dtype: Any, generalized: bool, others: str, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Return one or two matrices with chosen eigenvalues, and directions."""
    rng = np.random.default_rng(seed)

    def draw() -> Any:
        return rng.normal(size=(N, N)) + (1j * rng.normal(size=(N, N)) if dtype is complex else 0)

    w = np.array([1.0, 2.0, 2.0, 2.0, 5.0]) if others == "equal" else np.arange(1.0, N + 1)
    q = np.linalg.qr(draw())[0]
    a, matrices = (q * w) @ q.conj().T, []
    if generalized:
        b = 0.2 * draw()
        b = b @ b.conj().T + np.eye(N)
        low = np.linalg.cholesky(b)
        a, matrices = low @ a @ low.conj().T, [b]
    matrices = [hermitian(m) for m in (a, *matrices)]
    return matrices, [hermitian(draw()) for _ in matrices]


@for_every(ROWS, by=lambda row: row[2][1], stride=2)
def test_derivatives_of_three_orders(row: Any) -> None:
    dtype, generalized, (k, others) = row
    matrices, along = problem(dtype, generalized, others)
    every = tuple(range(len(matrices)))

    def f(*matrices: Any) -> Any:
        w, v = linalg.eigh(*map(hermitian, matrices), subset_by_index=[k, k])
        return np.abs(np.sum(np.conj(v[:, 0]) * C)) ** 2 * w[0] ** 2 + w[0] ** 3

    def slope(f: Any) -> Any:
        def along_line(*matrices: Any) -> Any:
            parts = zip(ag.grad(f, every)(*matrices), along, strict=True)
            return sum(np.real(np.sum(np.conj(g) * t)) for g, t in parts)

        return along_line

    def forward(f: Any) -> Any:
        return lambda *matrices: ag.jvp(f)(matrices, tuple(along))[1]

    def numeric(f: Any) -> float:
        h, s = 1e-3, (1, -1, 2, -2)
        a, b, c, d = (float(f(*[m + i * h * t for m, t in zip(matrices, along, strict=True)])) for i in s)
        return (8 * (a - b) - (c - d)) / (12 * h)

    pairs = [
        (f, (slope(f), forward(f))),
        (slope(f), (slope(slope(f)), forward(slope(f)), forward(forward(f)))),
        (slope(slope(f)), (slope(slope(slope(f))),)),
    ]
    for g, derivatives in pairs:
        expected = numeric(g)
        for derivative in derivatives:
            np.testing.assert_allclose(float(derivative(*matrices)), expected, rtol=1e-6)


@for_every(list(product((float, complex), (False, True))))
def test_values_are_scipys_and_modes_agree(row: Any) -> None:
    dtype, generalized = row
    matrices, _ = problem(dtype, generalized, "apart")
    for ours, theirs in zip(
        linalg.eigh(*map(ag.tensor, matrices), subset_by_index=[1, 1]),
        original.eigh(*matrices, subset_by_index=[1, 1]),
        strict=True,
    ):
        np.testing.assert_array_equal(ours.numpy(), theirs)

    def f(*matrices: Any) -> Any:
        w, v = linalg.eigh(*matrices, subset_by_index=[1, 1])
        return (np.abs(v[:, 0]) ** 4).sum() * w[0]

    g = ag.grad(f, tuple(range(len(matrices))))
    doubled = [2 * m for m in matrices]
    compiled, batch = ag.compile(g), ag.vmap(g)(*map(np.stack, zip(matrices, doubled, strict=True)))
    compiled(*doubled)
    for k, each in enumerate((matrices, doubled)):
        for expected, *others in zip(g(*each), compiled(*each), [b[k] for b in batch], strict=True):
            for other in others:
                np.testing.assert_allclose(other, expected, rtol=1e-10, atol=1e-12)


@for_every(list(product((float, complex), (False, True), (1, 3), (0.0, 1e-14, 1e-8))))
def test_one_of_equal_eigenvalues_has_no_derivative(row: Any) -> None:
    """Its value has none either; that of a value 1e-8 apart has some digits."""
    dtype, generalized, k, gap = row
    matrices, _ = problem(dtype, generalized, "equal")
    rng = np.random.default_rng(1)
    matrices[0] = matrices[0] + gap * hermitian(rng.normal(size=(N, N)))
    for call in (
        lambda *m: linalg.eigh(*m, subset_by_index=[k, k])[0].sum(),
        lambda *m: linalg.eigvalsh(*m, subset_by_index=[k, k]).sum(),
        lambda *m: (np.abs(linalg.eigh(*m, subset_by_index=[k, k])[1]) ** 4).sum(),
    ):
        if gap == 1e-8:
            assert np.isfinite(ag.grad(call)(*matrices)).all()
        else:
            with pytest.raises(ag.ImplicitError, match=r"derivative of eigh: .* eigenvalue is multiple"):
                ag.grad(call)(*matrices)


def test_the_sum_of_equal_eigenvalues_has_a_derivative() -> None:
    (a,), (t,) = problem(float, False, "equal")
    equal = lambda a: linalg.eigvalsh(a, subset_by_index=[1, 3]).sum()  # noqa: E731
    h = 1e-4
    slope = (ag.grad(equal)(a) * t).sum()
    np.testing.assert_allclose(slope, (equal(a + h * t) - equal(a - h * t)) / (2 * h), rtol=1e-6)

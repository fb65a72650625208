"""Algebra of small matrices that C computes in place gives the bits, errors and warnings of the executor."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native.kernels import KERNELS, library

pytestmark = [
    pytest.mark.skipif(library is None, reason="without the extension there are no segments"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, cc"),
]
SIZES = {"d": (1, 3, 4, 5, 17), "f": (1, 2, 3, 4, 5, 8, 12, 16, 17)}


def _products(*arrays: Any) -> list[Any]:
    """Return products of matrices of all layouts, of stacks, and with vectors."""
    results = []
    for a in arrays:
        b, n = a[::-1, ::-1, ::-1], a.shape[-1]
        results += [a @ b, a.mT @ b, a @ a.mT, a[0] @ b, (a.mT @ b).mT, a @ b[:, :, 0, None], a[0] @ b[0, :, 0]]
        results += [b[0, 0] @ a[0], b[0, 0] @ a[0, 1 % n], a[:, : n // 2 + 1] @ b[..., : n // 3 + 1], a[:, None] @ b]
    return results


def _systems(*arrays: Any) -> list[Any]:
    """Return factors and solutions."""
    results = []
    for a in arrays:
        n = a.shape[-1]
        p = a @ a.mT + np.eye(n, dtype=a.dtype)
        low = np.linalg.cholesky(p)
        results += [low, np.linalg.cholesky(p.mT, upper=True), np.linalg.slogdet(a)[0], np.linalg.slogdet(a)[1]]
        results += [np.linalg.solve(a, p), np.linalg.solve(a.mT, p.mT).mT, np.linalg.solve(a[0], p[0, 0])]
        results += [np.linalg.solve(a[0], p), np.linalg.solve(a, a[:, :, 0, None]), np.linalg.inv(a)]
    return results


def _run(f: Callable[..., Any], rows: Sequence[Sequence[Any]], fused: bool) -> list[Any]:
    """Return what a compiled function gives for each row of arguments: the bits, or the error; and warnings."""
    compiled, results = ag.compile(f), list[Any]()
    for row in rows:
        with warnings.catch_warnings(record=True) as messages:
            warnings.simplefilter("always")
            try:
                out = [np.where(np.isnan(x), np.nan, x).tobytes() for x in map(np.asarray, compiled(*row))]
            except np.linalg.LinAlgError as error:
                out = [repr(error)]
        results.append((out, {str(message.message) for message in messages}))
    if fused:
        text = " ".join(str(compiled.explain()).split())
        assert re.search(r"of small matrices, \d+ called; (compiled|loaded|found)[^;]* in \d+ ms", text), text
    return results


def _both(f: Callable[..., Any], rows: Sequence[Sequence[Any]], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    results = []
    for choice in ("off", "wait"):
        monkeypatch.setenv("AUTOGRAD_LITE_FUSED", choice)
        results.append(_run(f, rows, choice == "wait"))
    assert results[0] == results[1]
    return results[1]


@pytest.mark.parametrize("dtype", [pytest.param("f", marks=pytest.mark.ci), "d"])
@pytest.mark.parametrize("f", [_products, _systems])
def test_stacks_of_all_sizes(f: Callable[..., Any], dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    draws = [[rng.normal(size=(3, n, n)).astype(dtype) for n in SIZES[dtype]] for _ in range(4)]
    results = _both(f, draws, monkeypatch)
    assert results[2] != results[3]
    compiled = ag.compile(f)
    for row in draws:
        compiled(*row)
    names = {"_products": ["matmul"], "_systems": ["matmul", "cholesky", "solve", "slogdet"]}[f.__name__]
    text = compiled.c_source()
    assert [name for name in names if f"al_{name}_{dtype}(" in text] == names


def test_what_is_not_finite_or_singular(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(a: Any, b: Any, c: Any) -> tuple[Any, ...]:
        return a @ c, np.linalg.slogdet(b)[1], np.linalg.solve(b, c) * 2, np.linalg.cholesky(a @ a.T) + a

    rng = np.random.default_rng(0)
    good = rng.normal(size=(3, 4, 4)) + 2 * np.eye(4)
    rows = [tuple(good)] * 3
    for k in range(3):
        for bad in (np.nan, np.inf, 0.0, -0.0, 1e300):
            row = good.copy()
            row[k, 1] = bad
            rows.append(tuple(row))
    results = _both(f, [*rows, tuple(good)], monkeypatch)
    errors = {out[0] for out, _ in results if len(out) == 1}
    assert {"Singular matrix", "Matrix is not positive definite"} == {text.split("'")[1] for text in errors}
    assert results[-1] == results[2]


@pytest.mark.skipif("small_solve_upper" not in KERNELS, reason="needs the kernels")
def test_a_filter_has_the_bits_of_the_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    def likelihood(q: Any, ys: Any) -> Any:
        move, see = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[1.0, 0.0]])

        def step(carry: Any, y: Any) -> Any:
            m, p = move @ carry[0], move @ carry[1] @ move.T + q * np.eye(2)
            s = see @ p @ see.T + 1.0
            gain = np.linalg.solve(s, see @ p).T
            v = y - see @ m
            return (m + gain @ v, p - gain @ s @ gain.T), v @ np.linalg.solve(s, v) + np.linalg.slogdet(s)[1]

        return ag.scan(step, (np.zeros(2), np.eye(2)), ys)[1].sum()

    f = ag.value_and_grad(likelihood)
    rng = np.random.default_rng(0)
    _both(lambda q, ys: f(q, ys), [(np.array(q), rng.normal(size=(20, 1))) for q in (0.1, 0.2, 0.3, 0.4)], monkeypatch)

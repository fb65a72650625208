"""Fused code gives the bits of the executor."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.control.body import run_body
from autograd_lite.control.closure_conversion import record_body
from autograd_lite.native.kernels import INSTRUCTIONS, library

pytestmark = [
    pytest.mark.skipif(library is None, reason="without the extension there are no segments"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, cc"),
]

PROGRAMS = {
    "softmax": lambda a, b: (np.exp(a - a.max(-1, keepdims=True)) / np.exp(a).sum(-1, keepdims=True) * b).sum(),
    "sums of rows": lambda a, b: ((a * b + np.sin(a)).sum(1) ** 2).sum(),
    "a sum of all": lambda a, b: (a * a * a + 1).sum() * b[0],
    "columns": lambda a, b: ((a - a.mean(0)) ** 2).mean() + b.sum(),
    "products": lambda a, b: ((a @ a.T) * 2 - np.tanh(a @ a.T)).sum(0).mean() * b[1],
    "variance": lambda a, b: np.log1p(a.var(1)).sum() + np.where(a > 0, a, b).sum(),
    "scalars": lambda a, b: (b[0] * b[1] - b[2] / b[3]) ** 2 + np.exp(a[0, 0]),
    "transposed": lambda a, b: (a.T * a.sum(1)).sum(0).max() + b[0],
    "broadcast": lambda a, b: np.sqrt(((a[:, None, :] - a[None]) ** 2).sum(-1) + 1).sum() * b[2],
    "zeros": lambda a, b: (a * -0.0).sum() + (b * -0.0).sum(),
}


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("shape", [(3, 4), (40, 7), (31, 300)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_fused_code_has_the_bits_of_the_executor(name, shape, dtype, monkeypatch) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(n).astype(dtype) for n in (shape, shape[1])]
    results = []
    for choice in ("off", "wait"):
        monkeypatch.setenv("AUTOGRAD_LITE_FUSED", choice)
        f = ag.compile(ag.value_and_grad(PROGRAMS[name], argnums=(0, 1)))
        for _ in range(3):
            value, gradients = f(*arrays)
        results.append([np.asarray(x).tobytes() for x in (value, *gradients)])
    assert results[0] == results[1]


def test_buffers_that_may_lie_elsewhere_share_memory_with_others(monkeypatch) -> None:
    """A function that a body runs returns results in buffers that a caller may exchange, but need not."""

    def residual(z, t):
        return np.stack([z[0] * np.cos(z[1]) - 4 * t[0], z[0] * z[1] - z[1] - 5 * t[1], z[2] ** 3 + z[2] - t[0] * t[1]])

    def all_of_it(s, z, t):
        value, back = ag.vjp(residual, (0, 1))(z, t)
        return [value, *back(s)]

    arrays = np.array([0.57, 0.71, 0.42]), np.array([6.5, 0.9, 0.68]), np.ones(2)
    monkeypatch.setenv("AUTOGRAD_LITE_FUSED", "wait")
    body = record_body("residual", all_of_it, arrays)
    body.runs = body.planned_after
    for expected, result in zip(body._one_by_one(*arrays)[0], run_body(body, *arrays), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-15)


def test_without_exact_a_product_and_a_sum_may_be_rounded_as_one(monkeypatch) -> None:
    monkeypatch.setenv("AUTOGRAD_LITE_FUSED", "wait")
    if INSTRUCTIONS == "baseline":
        pytest.skip("the processor has no instruction for it")
    x = np.random.default_rng(0).standard_normal(1000)
    results = []
    for exact in (True, False):
        f = ag.compile(lambda x: x * x - 1.7, exact=exact)
        results.append([f(x) for _ in range(3)][-1])
    exact_result, result = results
    assert (exact_result == x * x - 1.7).all()
    assert (result != exact_result).any()
    np.testing.assert_allclose(result, exact_result, rtol=0, atol=4 * np.spacing(x * x).max())


def test_the_text_has_the_names_and_lines_of_the_user_and_grows_with_operations_alone() -> None:
    def loss(points, scale):
        return ((points * scale + 1) ** 2).sum()

    texts = []
    for n in (10, 100_000):
        f = ag.compile(loss)
        for _ in range(3):
            f(np.ones((n, 3)), np.ones(3))
        texts.append(f.c_source())
    for name in ("points", "scale", "multiply", "add.reduce", "in loss"):
        assert name in texts[0]
    assert len(texts[1]) < 1.5 * len(texts[0])

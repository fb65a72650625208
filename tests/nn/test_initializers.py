"""Initializers by the properties that their names promise."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nn import initializers, layers
from nn.config.config import plain, restore
from nn.initializers import Initializer

CASES: dict[str, Any] = {
    "Zeros": initializers.Zeros(),
    "Ones": initializers.Ones(),
    "Constant": initializers.Constant(0.3),
    "RandomNormal": initializers.RandomNormal(1.0, 0.5, seed=1),
    "RandomUniform": initializers.RandomUniform(-1.0, 3.0, seed=1),
    "TruncatedNormal": initializers.TruncatedNormal(1.0, 0.5, seed=1),
    "VarianceScaling": initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=1),
    "GlorotNormal": initializers.GlorotNormal(1),
    "GlorotUniform": initializers.GlorotUniform(1),
    "HeNormal": initializers.HeNormal(1),
    "HeUniform": initializers.HeUniform(1),
    "LecunNormal": initializers.LecunNormal(1),
    "LecunUniform": initializers.LecunUniform(1),
    "Orthogonal": initializers.Orthogonal(2.0, seed=1),
    "Identity": initializers.Identity(2.0),
    "STFT": initializers.STFT("imag", "hamming", "spectrum", True),
}
every_case = pytest.mark.parametrize("initializer", CASES.values(), ids=CASES)
D, K = 120, 80
# Mean and variance of each, for a kernel (D, K); a cut-off normal has 0.7737 of the variance of the whole one.
MOMENTS = {
    "RandomNormal": (1.0, 0.25),
    "RandomUniform": (1.0, 16 / 12),
    "TruncatedNormal": (1.0, 0.25 * 0.87962566**2),
    "VarianceScaling": (0.0, 2 / K),
    "GlorotNormal": (0.0, 2 / (D + K)),
    "GlorotUniform": (0.0, 2 / (D + K)),
    "HeNormal": (0.0, 2 / D),
    "HeUniform": (0.0, 2 / D),
    "LecunNormal": (0.0, 1 / D),
    "LecunUniform": (0.0, 1 / D),
    "Orthogonal": (0.0, 4 / D),
}


@every_case
def test_shape_dtype_seed_config_and_name(initializer: Any) -> None:
    shape = (6, 1, 4) if isinstance(initializer, initializers.STFT) else (6, 4)
    for dtype in ("float32", "float64"):
        w = initializer(shape, dtype)
        assert (w.shape, w.dtype) == (shape, np.dtype(dtype))
        np.testing.assert_array_equal(w.data, initializer(shape, dtype).data)
    twin = type(initializer).from_config(json.loads(json.dumps(initializer.get_config())))
    np.testing.assert_array_equal(twin(shape).data, initializer(shape).data)
    assert type(initializers.get(type(initializer).__name__)) is type(initializer)


def test_every_initializer_has_a_case() -> None:
    named = vars(initializers).items()
    kinds = {c.__name__ for _, c in named if isinstance(c, type) and issubclass(c, Initializer)}
    assert kinds - CASES.keys() == {"Initializer"}


@pytest.mark.parametrize("name", MOMENTS)
def test_mean_and_variance(name: str) -> None:
    w = CASES[name]((D, K), "float64").data
    mean, variance = MOMENTS[name]
    assert w.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / w.size))
    assert w.var() == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (3, 2, 4), (2, 2, 2, 9)])
def test_orthogonal_matrices_are_orthogonal(shape: tuple[int, ...]) -> None:
    q = initializers.Orthogonal(2.0, seed=3)(shape, "float64").data.reshape(-1, shape[-1])
    small = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)


def test_orthogonal_matrices_are_uniformly_distributed() -> None:
    ag.set_seed(0)
    traces = [np.trace(initializers.Orthogonal()((3, 3), "float64").data) for _ in range(2000)]
    # Of the Haar measure on O(3): the trace has mean 0 and variance 1. Q of QR without the signs has another mean.
    assert np.mean(traces) == pytest.approx(0, abs=0.1)
    assert np.var(traces) == pytest.approx(1, rel=0.1)


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "orthogonal vector": (
        lambda: initializers.Orthogonal()((3,)),
        ag.ShapeError,
        r"at least two axes; received \(3,\)",
    ),
    "identity": (lambda: initializers.Identity()((3, 3, 3)), ag.ShapeError, r"shape of a matrix, .* \(3, 3, 3\)"),
    "gain": (lambda: initializers.Orthogonal("a"), TypeError, "Orthogonal: expected gain to be a finite number"),
    "constant": (lambda: initializers.Constant(None), TypeError, "Constant: expected value to be a number"),
    "stddev": (lambda: initializers.RandomNormal(stddev=-1), ValueError, "stddev to be a finite number of at least 0"),
    "limits": (
        lambda: initializers.RandomUniform(1, 0),
        ValueError,
        "minval <= maxval; received minval=1.0, maxval=0.0",
    ),
    "seed": (
        lambda: initializers.GlorotUniform(-1),
        ValueError,
        "seed to be a non-negative integer, a SeedGenerator, or None; .*=-1",
    ),
    "seed of text": (lambda: initializers.Orthogonal(seed="0"), TypeError, "seed to be a non-negative integer"),
    "scale of text": (lambda: initializers.VarianceScaling("2"), TypeError, "scale to be a finite number above 0"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_say_what_was_received_and_expected(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_the_layer_and_the_initializer_of_one_name_are_told_apart() -> None:
    for thing in (initializers.Identity(2.0), layers.Identity()):
        twin = restore(json.loads(json.dumps(plain(thing))))
        assert type(twin) is type(thing)
    dense = layers.Dense.from_config(layers.Dense(3, kernel_initializer=initializers.Identity(2.0)).get_config())
    dense(np.ones((1, 3)))
    np.testing.assert_array_equal(dense.kernel.data, 2 * np.eye(3))

"""STFTSpectrogram and its kernels: NumPy's Fourier transform, SciPy's windows, Keras's values, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import check_grads
from nn import initializers, layers

from .. import peers

WINDOWS = ["hann", "hamming", "blackman", "bartlett"]


def complex_kernel(shape: tuple[int, int, int], *arguments: Any) -> np.ndarray:
    """Return the real and the imaginary kernel as one of complex numbers, shape (T, K)."""
    real, imag = (initializers.STFT(side, *arguments)(shape, "float64").data[:, 0] for side in ("real", "imag"))
    return np.asarray(real + 1j * imag)


@pytest.mark.parametrize(("steps", "length"), [(6, 6), (5, 8), (1, 2), (8, 32)])
def test_kernels_are_the_fourier_transform_of_the_window(steps: int, length: int, rng: np.random.Generator) -> None:
    shape = (steps, 1, length // 2 + 1)
    window, x = rng.uniform(-1.0, 1.0, steps), rng.normal(size=(3, steps))
    for scaling, scale in (("density", np.sqrt((window**2).sum())), ("spectrum", np.abs(window).sum()), (None, 1.0)):
        got = x @ complex_kernel(shape, window, scaling)
        np.testing.assert_allclose(got, np.fft.rfft(x * window, length) / scale, atol=1e-12)
    plain = x @ complex_kernel(shape, None, "density")
    np.testing.assert_allclose(plain, np.fft.rfft(x, length), atol=1e-12, err_msg="without a window there is no scale")


@pytest.mark.ci
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("window", WINDOWS)
def test_windows_are_scipys(window: str, periodic: bool) -> None:
    signal = pytest.importorskip("scipy.signal")
    for steps in (1, 3, 6, 7):
        kernel = initializers.STFT("real", window, None, periodic)((steps, 1, 3), "float64").data
        np.testing.assert_allclose(kernel[:, 0, 0], signal.get_window(window, steps, periodic), atol=1e-12)


@pytest.mark.ci
@pytest.mark.parametrize("side", ["real", "imag"])
def test_kernels_equal_keras(side: str) -> None:
    keras = peers.keras()
    for arguments in (("hann", "density", False), ("hamming", "spectrum", True), (None, "density", False)):
        wanted = keras.initializers.STFT(side, *arguments)((20, 1, 17)).numpy()
        np.testing.assert_allclose(initializers.STFT(side, *arguments)((20, 1, 17)).data, wanted, atol=2e-5)


@pytest.mark.ci
@pytest.mark.parametrize("mode", ["log", "magnitude", "psd", "real", "imag", "stft", "angle"])
def test_a_layer_that_starts_by_itself_equals_keras(mode: str, rng: np.random.Generator) -> None:
    keras, torch = peers.keras(), peers.torch()
    x = rng.normal(size=(2, 500, 2)).astype(np.float32)
    arguments = {"frame_length": 60, "frame_step": 25, "padding": "same"}
    got = layers.STFTSpectrogram(mode, **arguments)(x).data
    wanted = keras.layers.STFTSpectrogram(mode, **arguments)(torch.tensor(x)).detach().numpy()
    if mode == "angle":  # which of two opposite half turns it is, rounding decides
        got, wanted = (np.concatenate([np.cos(a), np.abs(np.sin(a))]) for a in (got, wanted))
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=5e-4)


def test_power_is_the_energy_of_a_frame(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 16, 1))
    layer = layers.STFTSpectrogram("psd", 16, window=None, dtype="float64")
    # Parseval: every frequency but the first and the last stands for its negative too.
    np.testing.assert_allclose(layer(x).data.sum(axis=(1, 2)), 16 * (x**2).sum(axis=(1, 2)), rtol=1e-12)


def test_channels_lie_behind_each_other_or_apart(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 30, 3)).astype(np.float32)
    alone = np.stack([layers.STFTSpectrogram("stft", 8)(x[..., [c]]).data for c in range(3)], axis=-1)
    for first in (False, True):
        given = x.transpose(0, 2, 1) if first else x
        order: dict[str, Any] = {"data_format": "channels_first" if first else "channels_last"}
        apart = layers.STFTSpectrogram("stft", 8, expand_dims=True, **order)(given).data
        np.testing.assert_allclose(apart.transpose(0, 2, 3, 1) if first else apart, alone, atol=1e-6)
        joined = layers.STFTSpectrogram("stft", 8, **order)(given).data
        wanted = np.concatenate([alone[..., c] for c in range(3)], axis=2)
        np.testing.assert_allclose(joined.transpose(0, 2, 1) if first else joined, wanted, atol=1e-6)


def test_angles_are_differentiable_in_the_signal_and_zero_power_has_a_gradient(rng: np.random.Generator) -> None:
    layer = layers.STFTSpectrogram("angle", 8, dtype="float64")
    x = rng.normal(size=(1, 20, 1))
    layer(x)
    assert check_grads(layer, x).ok
    silent = ag.tensor(np.zeros((1, 20, 1), np.float32), requires_grad=True)
    layers.STFTSpectrogram("log", 8)(silent).sum().backward()
    assert np.isfinite(silent.grad.data).all()


def test_training_finds_the_kernels(rng: np.random.Generator) -> None:
    x = rng.normal(size=(64, 8, 1))
    target = layers.STFTSpectrogram("real", 8, window="hamming", dtype="float64")(x).data
    layer = layers.STFTSpectrogram("real", 8, window=None, scaling=None, dtype="float64")
    first = float(((layer(x) - target) ** 2).mean().data)
    for _ in range(200):
        loss = ((layer(x) - target) ** 2).mean()
        layer.zero_grad()
        loss.backward()
        layer.real_kernel.assign(layer.real_kernel.data - 2.0 * layer.real_kernel.grad.data)
    assert loss.item() < 1e-3 * first


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "side": (lambda: initializers.STFT("both"), "expected side to be one of real, imag; received side='both'"),
    "scaling": (
        lambda: layers.STFTSpectrogram(scaling="power"),
        "expected scaling to be one of density, spectrum, or Non",
    ),
    "window": (lambda: layers.STFTSpectrogram(window="kaiser"), "expected window to be one of hann, hamming, blackman"),
    "nothing": (lambda: initializers.STFT(window=[0.0, 0.0])((2, 1, 2)), "expected a window that is not 0 everywhere"),
    "values": (lambda: initializers.STFT(window=[1.0])((2, 1, 2)), r"expected a window of shape \(2,\); received"),
    "shape": (lambda: initializers.STFT()((4, 3)), r"expected the shape \(T, 1, F // 2 \+ 1\), F >= 2; received"),
    "mode": (lambda: layers.STFTSpectrogram("power"), "expected mode to be one of log, magnitude, psd"),
    "step": (lambda: layers.STFTSpectrogram(frame_length=4, frame_step=5), "expected a frame_step of at most frame_le"),
    "odd": (lambda: layers.STFTSpectrogram(frame_length=4, fft_length=5), "an even fft_length of at least that"),
    "long": (lambda: layers.STFTSpectrogram(frame_length=9, fft_length=8), "an even fft_length of at least that"),
    "padding": (lambda: layers.STFTSpectrogram(padding="causal"), "expected padding to be one of valid, same"),
    "rank": (lambda: layers.STFTSpectrogram(frame_length=4)(np.ones((2, 9))), r"expected inputs of shape \(N, S, C\)"),
    "short": (lambda: layers.STFTSpectrogram(frame_length=4)(np.ones((2, 3, 1))), "at least frame_length=4 samples"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises((ValueError, ag.ShapeError), match=message):
        call()

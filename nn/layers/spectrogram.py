"""MelSpectrogram: how loud a signal is, in bands of the frequency and steps of time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..module import Shape
from .layer import Layer, is_number, positive

__all__ = ["MelSpectrogram"]

Array = npt.NDArray[Any]


class MelSpectrogram(Layer):
    """Turns signals into spectrograms with mel bands, in decibels: 10 log10(max(power, min_power) / ref_power).

    The signal is mirrored at its ends by half a window. From each window comes the Fourier transform, whose absolute
    value is raised to `mag_exp`; bands are triangles whose edges lie evenly on the mel scale, 1127 log(1 + f / 700).

    Args:
        fft_length: samples that are transformed at a time; a shorter window has zeros around.
        sequence_stride: samples from one window to the next.
        sequence_length: samples in a window; `fft_length` by default.
        window: "hann", "hamming", the values themselves, or None for ones.
        sampling_rate: samples in a second.
        num_mel_bins: K, the number of bands.
        min_freq, max_freq: from where to where the bands reach, in hertz; to half the sampling rate by default.
        power_to_db: whether the result is in decibels.
        top_db: how many decibels below the largest of the batch the result ends.
        mag_exp: 1 for magnitudes, 2 for powers.
        min_power: what stands for less.
        ref_power: what is 0 decibels.
        kwargs: `input_shape`, `name`, `dtype`.

    Call it on x of shape (N, T); the result has shape (N, K, 1 + T // sequence_stride), for an even fft_length.

    Raises:
        ShapeError: when called on an x of another rank, or not longer than half of `fft_length`.

    References:
        Stevens, Volkmann, Newman: A Scale for the Measurement of the Psychological Magnitude Pitch, 1937.
        O'Shaughnessy: Speech Communication: Human and Machine, 1987, section 4.3 (the formula of the mel scale).

    Example:
        >>> tone = np.sin(2 * np.pi * 1000 * np.arange(4000) / 16000)
        >>> layer = MelSpectrogram(fft_length=512, sequence_stride=256, num_mel_bins=40)
        >>> out = layer(tone[None])
        >>> out.shape, int(out.data[0, :, 8].argmax())
        ((1, 40, 16), 13)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: str | npt.ArrayLike | None = "hann",
        sampling_rate: float = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        what = "MelSpectrogram"
        self.fft_length = positive(what, "fft_length", fft_length)
        self.sequence_stride = positive(what, "sequence_stride", sequence_stride)
        self.sequence_length = self.fft_length if not sequence_length else positive(what, "length", sequence_length)
        if self.sequence_length > self.fft_length:
            raise ValueError(
                f"{what}: expected a sequence_length of at most fft_length={fft_length}; received {sequence_length}"
            )
        self.num_mel_bins = positive(what, "num_mel_bins", num_mel_bins)
        top = sampling_rate / 2 if max_freq is None else max_freq
        numbers = (sampling_rate, min_freq, top, top_db, mag_exp, min_power, ref_power)
        if not all(map(is_number, numbers)) or not 0 <= min_freq < top or not min(mag_exp, min_power, ref_power) > 0:
            raise ValueError(
                f"{what}: expected 0 <= min_freq < max_freq, and mag_exp, min_power and ref_power above 0; received "
                f"{min_freq=}, {max_freq=}, {mag_exp=}, {min_power=}, {ref_power=}"
            )
        self.power_to_db = bool(power_to_db)
        self.top_db, self.mag_exp, self.min_power = float(top_db), float(mag_exp), float(min_power)
        self.reference = 10 * math.log10(max(float(ref_power), self.min_power))
        self._waves = _waves(self.fft_length, _window(window, self.sequence_length))
        self._bands = _mel_bands(self.fft_length // 2 + 1, num_mel_bins, sampling_rate, float(min_freq), float(top))

    def call(self, x: Tensor) -> Tensor:
        """Return the spectrograms, shape (N, K, frames)."""
        frames = self.compute_output_shape(x.shape)[2] or 0
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        half = self.fft_length // 2
        mirrored: Any = np.pad(x, ((0, 0), (half, half)), mode="reflect")
        places = np.arange(frames)[:, None] * self.sequence_stride + np.arange(self.fft_length)
        both = mirrored[:, places] @ self._waves.astype(x.dtype)
        bins = both.shape[-1] // 2
        power = np.square(both[..., :bins]) + np.square(both[..., bins:])
        power = power if self.mag_exp == 2 else power ** (self.mag_exp / 2)
        out = power @ self._bands.astype(x.dtype)
        if self.power_to_db:
            out = 10 * np.log10(np.maximum(out, self.min_power)) - self.reference
            out = np.maximum(out, out.max() - self.top_db)
        return out.transpose(0, 2, 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, K, frames)."""
        half = self.fft_length // 2
        if len(input_shape) != 2 or (input_shape[1] is not None and input_shape[1] <= half):
            raise ag.ShapeError(
                f"layer '{self._path or self.name}' (MelSpectrogram): expected signals of shape (N, T) with T > "
                f"{half}, half of fft_length; received shape {tuple(input_shape)}. One signal is a batch: x[None]"
            )
        steps = input_shape[1]
        frames = None if steps is None else 1 + (steps + 2 * half - self.fft_length) // self.sequence_stride
        return (input_shape[0], self.num_mel_bins, frames)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"fft_length={self.fft_length}, num_mel_bins={self.num_mel_bins}"


def _window(window: Any, n: int) -> Array:
    if window is None:
        return np.ones(n)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f"MelSpectrogram: expected window to be 'hann', 'hamming', values or None; received window={window!r}. "
                "SciPy has others: scipy.signal.get_window(name, length)"
            )
        a = 0.5 if window == "hann" else 0.54
        return a - (1 - a) * np.cos(2 * math.pi * np.arange(n) / n)
    values = np.asarray(window, np.float64)
    if values.shape != (n,):
        raise ag.ShapeError(f"MelSpectrogram: expected a window of shape {(n,)}; received shape {values.shape}")
    return values


def _waves(n: int, window: Array) -> Array:
    """Return cosines and sines, times the window in the middle, shape (n, 2 (n // 2 + 1))."""
    before = (n - len(window)) // 2
    padded = np.pad(window, (before, n - len(window) - before))
    turns = np.outer(np.arange(n), np.arange(n // 2 + 1)) % n * (2 * math.pi / n)
    return np.concatenate([np.cos(turns), np.sin(turns)], axis=1) * padded[:, None]


def _mel_bands(bins: int, bands: int, sampling_rate: float, low: float, high: float) -> Array:
    """Return the weights (bins, bands) of frequencies in triangular bands."""

    def mel(f: Any) -> Any:
        return 1127.0 * np.log1p(f / 700.0)

    places = mel(np.linspace(0, sampling_rate / 2, bins))[:, None]
    edges = np.linspace(mel(low), mel(high), bands + 2)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((places - left) / (middle - left), (right - places) / (right - middle))
    return np.maximum(weights, 0)

"""Spectrograms: how loud a signal is, at frequencies or in bands of them, and steps of time."""

from __future__ import annotations

import math
from dataclasses import InitVar
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ... import initializers
from ...config.arguments import flag, number, one_of, optional, or_else, positive
from ...config.fields import Converted, field, weight
from ...config.limits import room
from ...module.module import Shape
from ..arguments import DataFormatLike, as_data_format
from ..layer import Layer
from .spatial import Spatial, window_count

Array = npt.NDArray[Any]
_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
# The least power and magnitude, as in Keras: roots and logarithms of 0 have no derivative.
_LEAST = 1e-7


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
        min_power: smaller powers are raised to this.
        ref_power: the power of 0 decibels.

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

    fft_length: int = field(positive, default=2048)
    sequence_stride: int = field(positive, default=512)
    sequence_length: Converted[int | None, int] = field(or_else(positive, lambda layer: layer.fft_length), default=None)
    window: str | npt.ArrayLike | None = field(default="hann")
    sampling_rate: float = field(number(above=0), default=16000)
    num_mel_bins: int = field(positive, default=128)
    min_freq: float = field(number(0), default=20.0)
    max_freq: Converted[float | None, float] = field(
        or_else(number(above=0), lambda layer: layer.sampling_rate / 2), default=None
    )
    power_to_db: bool = field(flag, default=True)
    top_db: float = field(number(), default=80.0)
    mag_exp: float = field(number(above=0), default=2.0)
    min_power: float = field(number(above=0), default=1e-10)
    ref_power: float = field(number(above=0), default=1.0)

    def __post_init__(self) -> None:
        if self.sequence_length > self.fft_length:
            raise ValueError(
                f"MelSpectrogram: expected a sequence_length of at most fft_length={self.fft_length}; received "
                f"{self.sequence_length}"
            )
        if self.min_freq >= self.max_freq:
            raise ValueError(
                f"MelSpectrogram: expected min_freq < max_freq; received min_freq={self.min_freq} and "
                f"max_freq={self.max_freq}"
            )
        self.reference = 10 * math.log10(max(self.ref_power, self.min_power))
        bins = self.fft_length // 2 + 1
        room((bins, max(self.fft_length, self.num_mel_bins)))
        self._waves = _waves(self.fft_length, _window(self.window, self.sequence_length))
        self._bands = _mel_bands(bins, self.num_mel_bins, self.sampling_rate, self.min_freq, self.max_freq)

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
                f"{self._speaker}: expected signals of shape (N, T) with T > "
                f"{half}, half of fft_length; received shape {tuple(input_shape)}. One signal is a batch: x[None]"
            )
        steps = input_shape[1]
        frames = None if steps is None else 1 + (steps + 2 * half - self.fft_length) // self.sequence_stride
        return (input_shape[0], self.num_mel_bins, frames)

    def extra_repr(self) -> str:
        return f"fft_length={self.fft_length}, num_mel_bins={self.num_mel_bins}"


class STFTSpectrogram(Spatial, rank=1):
    """Turns signals into spectrograms: Z_k = sum over t of w_t x_t exp(-2 pi i t k / F) / s, in frames of T samples.

    The transform is a convolution with two kernels, for the real and the imaginary part, which start as
    `initializers.STFT` says and can be trained.

    Args:
        mode: what becomes of Z: "log" for log abs(Z), "magnitude" for abs(Z), both with abs(Z)^2 and abs(Z) of at least
            1e-7; "psd" for the power, abs(Z)^2, twice where k is neither 0 nor F / 2; "real", "imag" or "angle" for
            that; "stft" for the real part and behind it the imaginary one.
        frame_length: T.
        frame_step: samples from one frame to the next, at most T; half of T by default.
        fft_length: F, even and at least T; the next power of 2 by default.
        window, periodic, scaling: w and s, see `initializers.STFT`.
        padding: "valid", or "same" for zeros around the signal, so that there are ceil(L / frame_step) frames.
        expand_dims: whether the channels of the signal keep a separate axis.
        data_format: "channels_last", x of shape (N, L, C), or "channels_first", (N, C, L).

    Call it on x of shape (N, L, C). With K = F / 2 + 1, or F + 2 for "stft", the result has shape (N, frames, C K), or
    (N, frames, K, C) with expand_dims; for channels first (N, C K, frames), or (N, C, frames, K).

    Raises:
        ShapeError: when called on an x of another rank, or one shorter than a frame with padding="valid".

    References:
        Allen, Rabiner: A Unified Approach to Short-Time Fourier Analysis and Synthesis, 1977, section II.

    Example:
        >>> tone = np.cos(2 * np.pi * np.arange(64) / 8)
        >>> layer = STFTSpectrogram("magnitude", frame_length=16, periodic=True, scaling="spectrum")
        >>> out = layer(tone[None, :, None])
        >>> out.shape, int(out.data[0, 3].argmax()), round(float(out.data[0, 3].max()), 3)
        ((1, 7, 9), 2, 0.5)
    """

    real_kernel: Tensor = weight()
    imag_kernel: Tensor = weight()

    mode: InitVar[str] = field(one_of(*_MODES), default="log")
    frame_length: int = field(positive, default=256)
    frame_step: Converted[int | None, int] = field(
        or_else(positive, lambda layer: max(1, layer.frame_length // 2)), default=None
    )
    fft_length: Converted[int | None, int] = field(
        or_else(positive, lambda layer: max(2, 2 ** (layer.frame_length - 1).bit_length())), default=None
    )
    window: str | npt.ArrayLike | None = field(default="hann")
    periodic: bool = field(flag, default=False)
    scaling: str | None = field(optional(one_of("density", "spectrum")), default="density")
    padding: str = field(one_of("valid", "same"), default="valid")
    expand_dims: bool = field(flag, default=False)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def __post_init__(self, mode: str) -> None:
        self.kind = mode  # not `mode`: that is the method which sets training or evaluation
        if self.frame_step > self.frame_length or self.fft_length < self.frame_length or self.fft_length % 2:
            raise ValueError(
                f"STFTSpectrogram: expected a frame_step of at most frame_length={self.frame_length}, and an even "
                f"fft_length of at least that; received frame_step={self.frame_step} and fft_length={self.fft_length}"
            )
        sides = {"real": ("real",), "imag": ("imag",)}.get(self.kind, ("real", "imag"))
        self._starts = {side: initializers.STFT(side, self.window, self.scaling, self.periodic) for side in sides}

    def build(self, input_shape: Shape) -> None:
        """Create the kernels, shape (T, 1, F / 2 + 1)."""
        self._split_shape(input_shape)
        for side, start in self._starts.items():
            kernel = self.add_weight((self.frame_length, 1, self.fft_length // 2 + 1), start)
            setattr(self, f"{side}_kernel", kernel)

    def call(self, x: Tensor) -> Tensor:
        """Return the spectrograms."""
        self.compute_output_shape(x.shape)  # refuses signals that are too short
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        signals = x.transpose(0, 2, 1) if self.data_format == "channels_last" else x
        channels, steps = signals.shape[1:]
        kernels = [getattr(self, f"{side}_kernel") for side in self._starts]
        kernel: Any = np.concatenate(kernels, axis=2) if len(kernels) > 1 else kernels[0]
        parts = ag.convolution(signals.reshape(-1, steps, 1), kernel, self.frame_step, self.padding)
        out = self._scale_output(parts)
        out = out.reshape(-1, channels, *out.shape[1:])
        if self.expand_dims:
            return out if self.data_format == "channels_first" else out.transpose(0, 2, 3, 1)
        frames, bins = out.shape[2:]
        if self.data_format == "channels_first":
            return out.transpose(0, 1, 3, 2).reshape(-1, channels * bins, frames)
        return out.transpose(0, 2, 1, 3).reshape(-1, frames, channels * bins)

    def _scale_output(self, parts: Tensor) -> Any:
        """Return what the mode makes of real and imaginary parts, one behind the other."""
        if self.kind in ("real", "imag", "stft"):
            return parts
        bins = parts.shape[-1] // 2
        real, imag = parts[..., :bins], parts[..., bins:]
        if self.kind == "angle":
            return np.arctan2(imag, real)
        power = np.square(real) + np.square(imag)
        if self.kind == "psd":
            twice = np.full(bins, 2, parts.dtype)
            twice[[0, -1]] = 1
            return power * twice
        magnitude: Any = np.sqrt(np.maximum(power, _LEAST))
        return magnitude if self.kind == "magnitude" else np.log(np.maximum(magnitude, _LEAST))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the spectrograms."""
        (steps,), channels = self._split_shape(input_shape)
        frames = window_count(steps, self.frame_length, self.frame_step, 1, self.padding)
        if frames is not None and frames < 1:
            raise ag.ShapeError(
                f"{self._speaker}: expected signals of at least frame_length="
                f"{self.frame_length} samples; received {steps}. Use padding='same', or shorter frames"
            )
        bins = (self.fft_length + 2) if self.kind == "stft" else self.fft_length // 2 + 1
        if self.expand_dims:
            last = (frames, bins, channels) if self.data_format == "channels_last" else (channels, frames, bins)
            return (input_shape[0], *last)
        both = None if channels is None else channels * bins
        return self._join_shape(input_shape[0], (frames,), both)

    def extra_repr(self) -> str:
        return f"mode={self.kind}, frame_length={self.frame_length}, fft_length={self.fft_length}"


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

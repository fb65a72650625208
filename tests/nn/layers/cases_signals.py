"""Rows of the layer table: spectrograms whose kernels can be trained."""

from __future__ import annotations

from nn import layers

from .layer_cases import LayerCase

SIGNAL = ((2, 11, 2),)
FIRST = ((2, 3, 11),)
TAPS = [0.5, 1.0, 1.0, 0.25]
JUMPS = "the angle of a negative number jumps by a whole turn when its imaginary part, 0 by the kernel, is changed"
TURNS = {"gradients": JUMPS, "step": JUMPS}
CASES = [
    LayerCase("STFTSpectrogram", lambda: layers.STFTSpectrogram(frame_length=6, frame_step=2), SIGNAL),
    LayerCase(
        "STFTSpectrogram, magnitude",
        lambda: layers.STFTSpectrogram("magnitude", 4, None, 8, "hamming", True, "spectrum", "same", True),
        SIGNAL,
    ),
    LayerCase(
        "STFTSpectrogram, psd",
        lambda: layers.STFTSpectrogram("psd", 5, 3, window=None, data_format="channels_first"),
        FIRST,
    ),
    LayerCase(
        "STFTSpectrogram, stft",
        lambda: layers.STFTSpectrogram("stft", 4, 3, scaling=None, expand_dims=True, data_format="channels_first"),
        FIRST,
    ),
    LayerCase("STFTSpectrogram, real", lambda: layers.STFTSpectrogram("real", 4, window=TAPS, padding="same"), SIGNAL),
    LayerCase("STFTSpectrogram, imag", lambda: layers.STFTSpectrogram("imag", 4, window=TAPS), SIGNAL),
    LayerCase("STFTSpectrogram, angle", lambda: layers.STFTSpectrogram("angle", 4), SIGNAL, exempt=TURNS),
]

"""Rows of the layer table: EinsumDense, layers around a layer, penalties, and the convolutional LSTM."""

from __future__ import annotations

from typing import Any

from nn import layers

from .layer_cases import Input, LayerCase


class Reversed(layers.ReversibleEmbedding):
    """Goes from vectors to logits."""

    def call(self, x: Any) -> Any:  # type: ignore[override]
        return super().call(x, reverse=True)


FORWARD = {"embeddings": "it is not used on the way back"}
SPECTRAL = {"training gradients": "a call writes its kernel; test_wrapping has the gradient"}
EQUILIBRIUM = {
    "batch": "the whole batch comes to rest, up to a tolerance; test_equilibrium compares with a tighter one"
}
CASES = [
    LayerCase("EinsumDense", lambda: layers.EinsumDense("ab,bc->ac", 3, "tanh", bias_axes="c"), ((4, 2),)),
    LayerCase(
        "EinsumDense, two axes", lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="e"), ((2, 3, 4),)
    ),
    LayerCase("EinsumDense, left", lambda: layers.EinsumDense("...b,bc->...c", 2, bias_axes="c"), ((2, 3, 2),)),
    LayerCase("EinsumDense, right", lambda: layers.EinsumDense("ab...,bc->ac...", 3, bias_axes="c"), ((2, 4, 2),)),
    LayerCase(
        "FixedPoint",
        lambda: layers.FixedPoint(layers.Pipeline([layers.Add(), layers.Dense(3, "tanh")])),
        ((4, 3),),
        exempt=EQUILIBRIUM,
    ),
    LayerCase(
        "FixedPoint, another state",
        lambda: layers.FixedPoint(layers.Pipeline([layers.Concatenate(), layers.Dense(2, "tanh")]), (2,), 0),
        ((4, 3),),
        exempt=EQUILIBRIUM,
    ),
    LayerCase("Wrapper", lambda: layers.Wrapper(layers.Dense(3, "tanh")), ((4, 2),)),
    LayerCase(
        "SpectralNormalization",
        lambda: layers.SpectralNormalization(layers.Dense(3, "tanh")),
        ((4, 2),),
        exempt=SPECTRAL,
    ),
    LayerCase(
        "SpectralNormalization, convolution",
        lambda: layers.SpectralNormalization(layers.Conv2D(2, 2), power_iterations=2),
        ((2, 3, 3, 2),),
        exempt=SPECTRAL,
    ),
    LayerCase(
        "SpectralNormalization, embeddings",
        lambda: layers.SpectralNormalization(layers.Embedding(4, 3)),
        (Input((2, 3), "int64", 0, 3),),
        exempt=SPECTRAL,
    ),
    LayerCase("ReversibleEmbedding", lambda: layers.ReversibleEmbedding(4, 3), (Input((2, 3), "int64", 0, 3),)),
    LayerCase(
        "ReversibleEmbedding, reversed",
        lambda: Reversed(4, 3, False, "glorot_uniform", logit_soft_cap=2.0),
        ((2, 3),),
        zero=FORWARD,
        exempt={
            "shape": "`compute_output_shape` is that of the way forwards",
            "picture": "it does not use the embeddings",
        },
    ),
    LayerCase("ActivityRegularization", lambda: layers.ActivityRegularization(0.1, 0.01), ((4, 2),)),
    LayerCase("ConvLSTM1D", lambda: layers.ConvLSTM1D(2, 2), ((2, 2, 3, 2),)),
    LayerCase(
        "ConvLSTM1D, sequences and states",
        lambda: layers.ConvLSTM1D(1, 2, return_sequences=True, return_state=True, go_backwards=True),
        ((2, 2, 2, 1),),
    ),
    LayerCase("ConvLSTM2D", lambda: layers.ConvLSTM2D(1, (2, 1), padding="same"), ((2, 2, 2, 2, 2),)),
    LayerCase(
        "ConvLSTM2D, channels first",
        lambda: layers.ConvLSTM2D(2, 2, data_format="channels_first", return_state=True),
        ((2, 2, 1, 2, 3),),
    ),
    LayerCase(
        "ConvLSTM2D, dropout",
        lambda: layers.ConvLSTM2D(1, 1, dropout=0.3, recurrent_dropout=0.3, unit_forget_bias=False, seed=3),
        ((2, 2, 1, 2, 1),),
    ),
    LayerCase("ConvLSTM2D, strides", lambda: layers.ConvLSTM2D(1, 2, 2, "same", use_bias=False), ((1, 2, 3, 2, 1),)),
    LayerCase("ConvLSTM3D", lambda: layers.ConvLSTM3D(1, (1, 2, 1), return_sequences=True), ((2, 2, 1, 2, 2, 1),)),
]

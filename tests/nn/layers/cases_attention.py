"""Rows of the layer table: attention."""

from __future__ import annotations

from typing import Any

from nn import layers

from .layer_cases import LayerCase


class CausalAttention(layers.MultiHeadAttention):
    """Self-attention over one argument, causal, with the scores as a second result."""

    def call(self, x: Any, training: bool | None = None) -> Any:
        return super().call(x, x, training=training, use_causal_mask=True, return_attention_scores=True)


SHIFT = "it adds the same to all scores of a query, which softmax does not see"
ZERO = {"key.bias": SHIFT}
IN_BLOCK = {"attention.key.bias": SHIFT}

CASES = [
    LayerCase("MultiHeadAttention", lambda: layers.MultiHeadAttention(2, 3), ((2, 4, 5), (2, 4, 5)), zero=ZERO),
    LayerCase(
        "MultiHeadAttention, cross",
        lambda: layers.MultiHeadAttention(2, 3, value_dim=4, output_shape=6, use_bias=False),
        ((2, 3, 5), (2, 4, 2), (2, 4, 3)),
    ),
    LayerCase(
        "MultiHeadAttention, causal with dropout and scores",
        lambda: CausalAttention(2, 2, dropout=0.3, bias_initializer="random_normal"),
        ((2, 4, 3),),
        zero=ZERO,
    ),
    LayerCase(
        "MultiHeadAttention, rows of images",
        lambda: layers.MultiHeadAttention(2, 2, attention_axes=2, use_gate=True),
        ((2, 2, 3, 3), (2, 2, 4, 3)),
        zero=ZERO,
    ),
    LayerCase(  # Keras 3.15 takes its window from the wrong axis
        "MultiHeadAttention, windows of rows",
        lambda: layers.MultiHeadAttention(1, 2, attention_axes=2, sliding_window=2),
        ((2, 2, 3, 3), (2, 2, 4, 3)),
        zero=ZERO,
    ),
    LayerCase(
        "MultiHeadAttention, two axes and a tensor of outputs",
        lambda: layers.MultiHeadAttention(1, 2, output_shape=(2, 3), attention_axes=(3, 1)),
        ((2, 2, 2, 2, 3), (2, 3, 2, 1, 2)),
        zero=ZERO,
    ),
    LayerCase("TransformerBlock", lambda: layers.TransformerBlock(2, 5), ((2, 3, 4),), zero=IN_BLOCK),
    LayerCase(
        "TransformerBlock, causal",
        lambda: layers.TransformerBlock(1, key_dim=2, dropout=0.2, activation="silu", causal=True),
        ((2, 3, 4),),
        zero=IN_BLOCK,
    ),
]

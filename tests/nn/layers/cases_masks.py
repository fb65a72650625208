"""Rows of the layer table: Masking, attention without maps of its own, and attention with shared keys."""

from __future__ import annotations

from nn import layers

from .layer_cases import LayerCase

SHIFT = "it adds the same to all scores of a query, which softmax does not see"
ATTENTION = ((2, 3, 4), (2, 5, 2), (2, 5, 4))

CASES = [
    LayerCase("Masking", lambda: layers.Masking(), ((2, 3, 4),)),
    LayerCase("Masking, value", lambda: layers.Masking(0.5), ((2, 3, 4),)),
    LayerCase("Attention", lambda: layers.Attention(), ((2, 3, 4), (2, 5, 4)), as_list=True),
    LayerCase("Attention, key", lambda: layers.Attention(use_scale=True, dropout=0.3), ATTENTION, as_list=True),
    LayerCase("Attention, concat", lambda: layers.Attention(score_mode="concat"), ATTENTION, as_list=True),
    LayerCase(
        "Attention, concat and scale",
        lambda: layers.Attention(use_scale=True, score_mode="concat"),
        ATTENTION,
        as_list=True,
    ),
    LayerCase("AdditiveAttention", lambda: layers.AdditiveAttention(), ATTENTION, as_list=True),
    LayerCase(
        "AdditiveAttention, plain",
        lambda: layers.AdditiveAttention(use_scale=False, dropout=0.2),
        ((2, 3, 4), (2, 5, 4)),
        as_list=True,
    ),
    LayerCase(
        "GroupQueryAttention",
        lambda: layers.GroupQueryAttention(3, 4, 2),
        ((2, 4, 5), (2, 4, 5)),
        zero={"key.bias": SHIFT},
    ),
    LayerCase(
        "GroupQueryAttention, one head of keys, window",
        lambda: layers.GroupQueryAttention(2, 3, 1, dropout=0.2, use_bias=False, sliding_window=2),
        ((2, 3, 5), (2, 4, 2), (2, 4, 3)),
    ),
    LayerCase(
        "GroupQueryAttention, gate",
        lambda: layers.GroupQueryAttention(2, 2, 2, use_gate=True, bias_initializer="random_normal"),
        ((2, 4, 5), (2, 4, 5)),
        zero={"key.bias": SHIFT},
    ),
    LayerCase("RotaryEmbedding", lambda: layers.RotaryEmbedding(), ((2, 3, 4),)),
    LayerCase(
        "RotaryEmbedding, heads before positions",
        lambda: layers.RotaryEmbedding(100, 2.0, sequence_axis=2),
        ((2, 3, 4, 6),),
    ),
    LayerCase(
        "RotaryEmbedding, features before positions",
        lambda: layers.RotaryEmbedding(sequence_axis=-1, feature_axis=1),
        ((2, 4, 3),),
    ),
]

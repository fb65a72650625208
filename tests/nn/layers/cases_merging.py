"""Rows of the layer table: embeddings, merging, and changes of shape that came with them."""

from __future__ import annotations

from nn import layers

from .layer_cases import Input, LayerCase

TOKENS = Input((3, 4), "int64", 0, 6)

CASES = [
    LayerCase("Embedding", lambda: layers.Embedding(7, 3), (TOKENS,)),
    LayerCase("Embedding, mask_zero", lambda: layers.Embedding(7, 3, "glorot_uniform", mask_zero=True), (TOKENS,)),
    LayerCase(
        "Embedding, weights", lambda: layers.Embedding(2, 1, weights=[[1.0], [2.0]]), (Input((3,), "int32", 0, 1),)
    ),
    LayerCase("PositionalEmbedding", lambda: layers.PositionalEmbedding(6), ((2, 4, 3),)),
    LayerCase("SinusoidalEmbedding", lambda: layers.SinusoidalEmbedding(100), ((2, 4, 3),)),
    LayerCase("TokenAndPositionEmbedding", lambda: layers.TokenAndPositionEmbedding(7, 5, 3), (TOKENS,)),
    LayerCase("Add", lambda: layers.Add(), ((3, 2, 4), (3, 4), (3, 1, 4)), as_list=True),
    LayerCase("Subtract", lambda: layers.Subtract(), ((3, 2), (3, 2)), as_list=True),
    LayerCase("Multiply", lambda: layers.Multiply(), ((3, 2), (3, 2), (3, 2)), as_list=True),
    LayerCase("Average", lambda: layers.Average(), ((3, 2), (3, 2), (3, 2)), as_list=True),
    LayerCase("Maximum", lambda: layers.Maximum(), ((3, 2), (3, 2), (3, 2)), as_list=True),
    LayerCase("Minimum", lambda: layers.Minimum(), ((3, 2), (3, 2), (3, 2)), as_list=True),
    LayerCase("Concatenate", lambda: layers.Concatenate(), ((3, 2), (3, 4)), as_list=True),
    LayerCase("Concatenate, axis 1", lambda: layers.Concatenate(axis=1), ((3, 2, 4), (3, 1, 4)), as_list=True),
    LayerCase("Dot", lambda: layers.Dot(axes=1), ((3, 4), (3, 4)), as_list=True),
    LayerCase("Dot, matrices", lambda: layers.Dot(axes=(2, 1)), ((3, 2, 4), (3, 4, 5)), as_list=True),
    LayerCase("Dot, cosine", lambda: layers.Dot(axes=-1, normalize=True), ((3, 2, 4), (3, 5, 4)), as_list=True),
    LayerCase("Residual", lambda: layers.Residual(layers.Dense(3, "tanh")), ((4, 3),)),
    LayerCase(
        "Residual, shortcut",
        lambda: layers.Residual([layers.Dense(4, "tanh"), layers.Dense(2)], shortcut=layers.Dense(2, use_bias=False)),
        ((4, 3),),
    ),
    LayerCase("Permute", lambda: layers.Permute((2, 1)), ((2, 3, 4),)),
    LayerCase("RepeatVector", lambda: layers.RepeatVector(3), ((2, 4),)),
    LayerCase("Identity", lambda: layers.Identity(), ((2, 4),)),
]

"""Rows of the layer table: activations with weights or arguments, and noise."""

from __future__ import annotations

from nn import layers

from .layer_cases import LayerCase

CASES = [
    LayerCase("ReLU", lambda: layers.ReLU(), ((3, 4),)),
    LayerCase("ReLU, all arguments", lambda: layers.ReLU(1.0, 0.1, 0.25), ((3, 4),)),
    LayerCase("LeakyReLU", lambda: layers.LeakyReLU(), ((3, 4),)),
    LayerCase("PReLU", lambda: layers.PReLU("random_uniform"), ((3, 4),)),
    LayerCase("PReLU, shared", lambda: layers.PReLU("random_uniform", shared_axes=[1]), ((3, 4, 2),)),
    LayerCase("ELU", lambda: layers.ELU(0.5), ((3, 4),)),
    LayerCase("Softmax", lambda: layers.Softmax(), ((3, 4),)),
    LayerCase("Softmax, two axes", lambda: layers.Softmax(axis=(1, 2)), ((3, 2, 4),)),
    LayerCase("SpatialDropout1D", lambda: layers.SpatialDropout1D(0.4), ((3, 2, 4),)),
    LayerCase("SpatialDropout2D", lambda: layers.SpatialDropout2D(0.4), ((3, 2, 2, 4),)),
    LayerCase("SpatialDropout3D", lambda: layers.SpatialDropout3D(0.4, "channels_first"), ((3, 4, 2, 2, 1),)),
    LayerCase("GaussianNoise", lambda: layers.GaussianNoise(0.4), ((3, 4),)),
    LayerCase("GaussianDropout", lambda: layers.GaussianDropout(0.4), ((3, 4),)),
    LayerCase("AlphaDropout", lambda: layers.AlphaDropout(0.4), ((3, 4),)),
    LayerCase("AlphaDropout, shared", lambda: layers.AlphaDropout(0.4, noise_shape=(None, 1)), ((3, 4),)),
]

"""Rows of the layer table: normalization."""

from __future__ import annotations

from nn import layers

from .layer_cases import LayerCase

CASES = [
    LayerCase("BatchNormalization", lambda: layers.BatchNormalization(), ((6, 3),)),
    LayerCase(
        "BatchNormalization, images",
        lambda: layers.BatchNormalization(gamma_initializer="random_uniform", momentum=0.5, scale=True),
        ((3, 2, 2, 3),),
    ),
    LayerCase("BatchNormalization, axis 1", lambda: layers.BatchNormalization(axis=1), ((4, 3, 2),)),
    LayerCase(
        "BatchNormalization, renorm",
        lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 3.0, "dmax": 5.0}),
        ((5, 3),),
        exempt={"gradients": "none goes through its correction"},
    ),
    LayerCase("BatchNormalization, plain", lambda: layers.BatchNormalization(center=False, scale=False), ((5, 3),)),
    LayerCase("LayerNormalization", lambda: layers.LayerNormalization(), ((4, 5),)),
    LayerCase("LayerNormalization, two axes", lambda: layers.LayerNormalization(axis=(1, 2)), ((3, 2, 4),)),
    LayerCase("LayerNormalization, axis 1", lambda: layers.LayerNormalization(axis=1, center=False), ((3, 4, 2),)),
    LayerCase("GroupNormalization", lambda: layers.GroupNormalization(groups=2), ((3, 2, 2, 4),)),
    LayerCase("GroupNormalization, instance", lambda: layers.GroupNormalization(groups=-1, axis=1), ((3, 2, 4),)),
    LayerCase("RMSNormalization", lambda: layers.RMSNormalization(), ((3, 2, 4),)),
    LayerCase("UnitNormalization", lambda: layers.UnitNormalization(), ((3, 4),)),
]

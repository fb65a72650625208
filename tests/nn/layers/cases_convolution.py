"""Rows of the contract for convolution, pooling and padding."""

from __future__ import annotations

from nn import layers

from .layer_cases import LayerCase

first = {"data_format": "channels_first"}
CASES = [
    LayerCase("Conv1D", lambda: layers.Conv1D(2, 3), ((2, 5, 2),)),
    LayerCase("Conv1D, causal, dilated", lambda: layers.Conv1D(2, 2, padding="causal", dilation_rate=2), ((2, 5, 2),)),
    LayerCase("Conv2D", lambda: layers.Conv2D(2, 2, activation="tanh"), ((2, 3, 4, 2),)),
    LayerCase("Conv2D, same, strides", lambda: layers.Conv2D(2, 3, (2, 1), "same", use_bias=False), ((2, 4, 3, 1),)),
    LayerCase("Conv2D, groups", lambda: layers.Conv2D(4, 2, groups=2), ((2, 3, 3, 2),)),
    LayerCase("Conv2D, channels first", lambda: layers.Conv2D(2, 2, activation="relu", **first), ((2, 3, 3, 4),)),
    LayerCase("Conv3D", lambda: layers.Conv3D(1, 2), ((2, 2, 3, 2, 1),)),
    LayerCase("DepthwiseConv1D", lambda: layers.DepthwiseConv1D(2, depth_multiplier=2), ((2, 4, 2),)),
    LayerCase("DepthwiseConv2D", lambda: layers.DepthwiseConv2D(2, padding="same"), ((2, 3, 3, 2),)),
    LayerCase("SeparableConv1D", lambda: layers.SeparableConv1D(3, 2), ((2, 4, 2),)),
    LayerCase("SeparableConv2D", lambda: layers.SeparableConv2D(2, 2, depth_multiplier=2), ((2, 3, 3, 2),)),
    LayerCase("Conv1DTranspose", lambda: layers.Conv1DTranspose(2, 3, strides=2), ((2, 3, 2),)),
    LayerCase("Conv2DTranspose", lambda: layers.Conv2DTranspose(2, 3, 2, "same"), ((2, 2, 3, 2),)),
    LayerCase(
        "Conv2DTranspose, output padding",
        lambda: layers.Conv2DTranspose(2, 3, 2, "same", output_padding=1, **first),
        ((2, 2, 2, 2),),
    ),
    LayerCase("Conv3DTranspose", lambda: layers.Conv3DTranspose(1, 2), ((1, 2, 1, 2, 2),)),
    LayerCase("MaxPooling1D", lambda: layers.MaxPooling1D(2), ((2, 5, 2),)),
    LayerCase("MaxPooling2D", lambda: layers.MaxPooling2D((2, 3), 1, "same"), ((2, 3, 4, 2),)),
    LayerCase("MaxPooling2D, channels first", lambda: layers.MaxPooling2D(**first), ((2, 2, 4, 4),)),
    LayerCase("MaxPooling3D", lambda: layers.MaxPooling3D(2), ((2, 2, 2, 4, 1),)),
    LayerCase("AveragePooling1D", lambda: layers.AveragePooling1D(3, 1, "same"), ((2, 5, 2),)),
    LayerCase("AveragePooling2D", lambda: layers.AveragePooling2D(), ((2, 4, 4, 2),)),
    LayerCase("AveragePooling3D", lambda: layers.AveragePooling3D(2, **first), ((2, 1, 2, 2, 4),)),
    LayerCase("GlobalMaxPooling1D", lambda: layers.GlobalMaxPooling1D(), ((2, 3, 2),)),
    LayerCase("GlobalMaxPooling2D", lambda: layers.GlobalMaxPooling2D(**first), ((2, 2, 3, 2),)),
    LayerCase("GlobalMaxPooling3D", lambda: layers.GlobalMaxPooling3D(keepdims=True), ((2, 2, 2, 2, 1),)),
    LayerCase("GlobalAveragePooling1D", lambda: layers.GlobalAveragePooling1D(), ((2, 3, 2),)),
    LayerCase("GlobalAveragePooling2D", lambda: layers.GlobalAveragePooling2D(keepdims=True), ((2, 3, 2, 2),)),
    LayerCase("GlobalAveragePooling3D", lambda: layers.GlobalAveragePooling3D(), ((2, 2, 1, 2, 2),)),
    LayerCase("ZeroPadding1D", lambda: layers.ZeroPadding1D((1, 2)), ((2, 3, 2),)),
    LayerCase("ZeroPadding2D", lambda: layers.ZeroPadding2D(((0, 1), 2), **first), ((2, 2, 2, 3),)),
    LayerCase("ZeroPadding3D", lambda: layers.ZeroPadding3D(1), ((1, 2, 1, 2, 1),)),
]

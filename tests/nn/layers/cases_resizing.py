"""Rows of the layer table: cropping, upsampling, resizing and adaptive pooling."""

from __future__ import annotations

from nn import layers

from .layer_cases import LayerCase

first = {"data_format": "channels_first"}
CASES = [
    LayerCase("Cropping1D", lambda: layers.Cropping1D((1, 0)), ((2, 4, 2),)),
    LayerCase("Cropping1D, channels first", lambda: layers.Cropping1D(1, **first), ((2, 2, 4),)),
    LayerCase("Cropping2D", lambda: layers.Cropping2D(((1, 0), (0, 2))), ((2, 3, 4, 2),)),
    LayerCase("Cropping2D, channels first", lambda: layers.Cropping2D((1, 0), **first), ((2, 2, 4, 2),)),
    LayerCase("Cropping3D", lambda: layers.Cropping3D(((0, 1), 0, (1, 1))), ((2, 2, 2, 3, 2),)),
    LayerCase("UpSampling1D", lambda: layers.UpSampling1D(3), ((2, 2, 2),)),
    LayerCase("UpSampling2D", lambda: layers.UpSampling2D((2, 1)), ((2, 2, 3, 2),)),
    LayerCase("UpSampling2D, bilinear", lambda: layers.UpSampling2D(2, None, "bilinear"), ((2, 2, 3, 2),)),
    LayerCase("UpSampling2D, bicubic", lambda: layers.UpSampling2D((3, 2), interpolation="bicubic"), ((2, 3, 2, 1),)),
    LayerCase("UpSampling2D, lanczos3", lambda: layers.UpSampling2D(2, interpolation="lanczos3"), ((2, 2, 3, 2),)),
    LayerCase(
        "UpSampling2D, channels first", lambda: layers.UpSampling2D(2, "channels_first", "bilinear"), ((2, 1, 2, 3),)
    ),
    LayerCase("UpSampling3D", lambda: layers.UpSampling3D((1, 2, 2)), ((2, 2, 1, 2, 1),)),
    LayerCase("UpSampling3D, channels first", lambda: layers.UpSampling3D(2, **first), ((2, 1, 1, 2, 1),)),
    LayerCase("Resizing", lambda: layers.Resizing(3, 5), ((2, 4, 3, 2),)),
    LayerCase("Resizing, nearest", lambda: layers.Resizing(5, 2, "nearest"), ((2, 3, 4, 2),)),
    LayerCase("Resizing, cropped", lambda: layers.Resizing(2, 2, crop_to_aspect_ratio=True), ((2, 3, 5, 2),)),
    LayerCase(
        "Resizing, padded",
        lambda: layers.Resizing(3, 3, pad_to_aspect_ratio=True, fill_value=0.5, **first),
        ((2, 2, 2, 4),),
    ),
    LayerCase("Resizing, antialiased", lambda: layers.Resizing(2, 3, "bicubic", antialias=True), ((2, 5, 4, 1),)),
    LayerCase("CenterCrop", lambda: layers.CenterCrop(2, 3), ((2, 5, 4, 2),)),
    LayerCase("CenterCrop, channels first", lambda: layers.CenterCrop(2, 2, **first), ((2, 2, 3, 5),)),
    LayerCase("CenterCrop, enlarged", lambda: layers.CenterCrop(3, 4), ((2, 4, 2, 2),)),
    LayerCase("AdaptiveAveragePooling1D", lambda: layers.AdaptiveAveragePooling1D(3), ((2, 5, 2),)),
    LayerCase("AdaptiveAveragePooling2D", lambda: layers.AdaptiveAveragePooling2D((2, 3)), ((2, 5, 4, 2),)),
    LayerCase(
        "AdaptiveAveragePooling3D", lambda: layers.AdaptiveAveragePooling3D(2, "channels_first"), ((2, 2, 3, 4, 2),)
    ),
    LayerCase("AdaptiveMaxPooling1D", lambda: layers.AdaptiveMaxPooling1D(3), ((2, 5, 2),)),
    LayerCase("AdaptiveMaxPooling2D", lambda: layers.AdaptiveMaxPooling2D((2, 3)), ((2, 5, 4, 2),)),
    LayerCase(
        "AdaptiveMaxPooling2D, longer", lambda: layers.AdaptiveMaxPooling2D(4, "channels_first"), ((2, 1, 3, 4),)
    ),
    LayerCase("AdaptiveMaxPooling3D", lambda: layers.AdaptiveMaxPooling3D(2), ((2, 3, 4, 2, 2),)),
]

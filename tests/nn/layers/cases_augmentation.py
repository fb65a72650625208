"""Rows of the layer table: images changed at random while training."""

from __future__ import annotations

from nn import layers

from .layer_cases import Input, LayerCase

IMAGES = Input((3, 3, 4, 3), low=-1.0, high=1.0)
FIRST = Input((3, 3, 4, 2), low=-1.0, high=1.0)
RANGE = {"value_range": (-4, 4)}
# Colors of a pixel far from each other and from gray, where hue and saturation have corners.
COLORS = Input((2, 2, 2, 3), low=0.1, high=0.9)
STEPS = {
    "gradients": "its result is constant between its steps",
    "step": "its result is constant between its steps",
}
HISTOGRAMS = {
    "gradients": "histograms have no gradient",
    "step": "histograms have no gradient",
    "picture": "histograms are not recorded",
}
POLICIES = {
    "gradients": "some of what it draws among has no gradient",
    "step": "some of what it draws among has no gradient",
    "picture": "some of what it draws among is not recorded",
}
CASES = [
    LayerCase("RandomFlip", lambda: layers.RandomFlip(), (IMAGES,)),
    LayerCase("RandomFlip, horizontal", lambda: layers.RandomFlip("horizontal", None, "channels_first"), (FIRST,)),
    LayerCase("RandomCrop", lambda: layers.RandomCrop(2, 3), (IMAGES,)),
    LayerCase("RandomCrop, enlarged", lambda: layers.RandomCrop(4, 4, data_format="channels_first"), (FIRST,)),
    LayerCase("RandomRotation", lambda: layers.RandomRotation(0.2), (IMAGES,)),
    LayerCase("RandomRotation, nearest", lambda: layers.RandomRotation(0.2, "wrap", "nearest"), (IMAGES,)),
    LayerCase("RandomTranslation", lambda: layers.RandomTranslation(0.3, (0.1, 0.4), "nearest"), (IMAGES,)),
    LayerCase("RandomZoom", lambda: layers.RandomZoom(0.3, None, "constant", fill_value=0.5), (IMAGES,)),
    LayerCase("RandomZoom, both", lambda: layers.RandomZoom((-0.5, -0.2), 0.4), (IMAGES,)),
    LayerCase("RandomShear", lambda: layers.RandomShear(0.4, 0.3, data_format="channels_first"), (FIRST,)),
    LayerCase("RandomPerspective", lambda: layers.RandomPerspective(scale=0.3, fill_value=0.25), (IMAGES,)),
    LayerCase(
        "RandomElasticTransform", lambda: layers.RandomElasticTransform((0.8, 1.0), (0.8, 1.0), **RANGE), (IMAGES,)
    ),
    LayerCase("RandomBrightness", lambda: layers.RandomBrightness(0.2, **RANGE), (IMAGES,)),
    LayerCase("RandomContrast", lambda: layers.RandomContrast(0.4, **RANGE), (IMAGES,)),
    LayerCase("RandomGrayscale", lambda: layers.RandomGrayscale(), (IMAGES,)),
    LayerCase("RandomColorDegeneration", lambda: layers.RandomColorDegeneration(0.7, **RANGE), (IMAGES,)),
    LayerCase("RandomSaturation", lambda: layers.RandomSaturation((0.2, 0.45), (0, 1)), (COLORS,)),
    LayerCase("RandomHue", lambda: layers.RandomHue(0.3, (0, 1)), (COLORS,)),
    LayerCase("RandomColorJitter", lambda: layers.RandomColorJitter((-4, 4), 0.2, 0.3, 0.4, 0.5), (COLORS,)),
    LayerCase("RandomInvert", lambda: layers.RandomInvert(**RANGE), (IMAGES,)),
    LayerCase("RandomSharpness", lambda: layers.RandomSharpness(1.0, **RANGE), (IMAGES,)),
    LayerCase("RandomGaussianBlur", lambda: layers.RandomGaussianBlur((0.8, 1.0), 3, 1.0, **RANGE), (IMAGES,)),
    LayerCase("RandomPosterization", lambda: layers.RandomPosterization((2, 5), **RANGE), (IMAGES,), exempt=STEPS),
    LayerCase("Solarization", lambda: layers.Solarization(0.1, 0.6, **RANGE), (IMAGES,)),
    LayerCase("AutoContrast", lambda: layers.AutoContrast((0, 1)), (IMAGES,)),
    LayerCase("Equalization", lambda: layers.Equalization((-1, 1), 16), (IMAGES,), exempt=HISTOGRAMS),
    LayerCase(
        "ContrastLimitedAdaptiveHistogramEqualization",
        lambda: layers.ContrastLimitedAdaptiveHistogramEqualization((-1, 1), 2.0, (2, 3)),
        (IMAGES,),
        exempt=HISTOGRAMS,
    ),
    LayerCase("RandAugment", lambda: layers.RandAugment((-1, 1)), (IMAGES,), exempt=POLICIES),
    LayerCase("AugMix", lambda: layers.AugMix((-1, 1), 2, 2), (IMAGES,), exempt=POLICIES),
    LayerCase("RandomErasing", lambda: layers.RandomErasing(**RANGE), (IMAGES,)),
    LayerCase("RandomErasing, color", lambda: layers.RandomErasing(fill_value=[0.1, 0.2, 0.3], **RANGE), (IMAGES,)),
    LayerCase("MixUp", lambda: layers.MixUp(0.5), (IMAGES,)),
    LayerCase("CutMix", lambda: layers.CutMix(), (IMAGES,)),
]

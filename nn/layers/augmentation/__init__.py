"""Random changes of images while training."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from .base import Augmentation as Augmentation
    from .color import (
        RandomBrightness as RandomBrightness,
        RandomColorDegeneration as RandomColorDegeneration,
        RandomColorJitter as RandomColorJitter,
        RandomContrast as RandomContrast,
        RandomGrayscale as RandomGrayscale,
        RandomHue as RandomHue,
        RandomInvert as RandomInvert,
        RandomSaturation as RandomSaturation,
    )
    from .effects import (
        AutoContrast as AutoContrast,
        RandomErasing as RandomErasing,
        RandomGaussianBlur as RandomGaussianBlur,
        RandomPosterization as RandomPosterization,
        RandomSharpness as RandomSharpness,
        Solarization as Solarization,
    )
    from .geometry import (
        RandomCrop as RandomCrop,
        RandomElasticTransform as RandomElasticTransform,
        RandomFlip as RandomFlip,
        RandomPerspective as RandomPerspective,
        RandomRotation as RandomRotation,
        RandomShear as RandomShear,
        RandomTranslation as RandomTranslation,
        RandomZoom as RandomZoom,
    )
    from .mixing import CutMix as CutMix, MixUp as MixUp
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

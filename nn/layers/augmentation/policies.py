"""Images changed by several other augmentations, which are drawn for each batch: RandAugment and AugMix.

Arguments that the layers share:
    value_range: the smallest and the largest value of a pixel, (low, high).
    factor: how strong the augmentations are: from 0 to factor, or between two numbers from 0 to 1.
    interpolation: "bilinear" or "nearest", of what moves pixels.
    seed: of the layer's own random streams; None for the default generator.
    data_format: "channels_last", shape (N, H, W, C), or "channels_first".
"""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.extend import is_compiling

from ...config.arguments import Seed, as_seed, flag, number, one_of, positive
from ...config.fields import field
from ..arguments import DataFormatLike, as_data_format
from .base import Augmentation, Factor, Range, as_range, pixel_range
from .color import RandomBrightness, RandomColorDegeneration, RandomContrast
from .effects import AutoContrast, RandomPosterization, RandomSharpness, Solarization
from .geometry import RandomRotation, RandomShear, RandomTranslation
from .histograms import Equalization

_OF_COLORS = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")


_RANGE: Any = (0.0, 1.0)


class _Policy(Augmentation):
    """Has other augmentations by their names; see the subclasses."""

    # Arguments of the subclasses; not annotated, since an annotation would make them arguments here.
    value_range = factor = _RANGE
    interpolation = "bilinear"

    def __post_init__(self) -> None:
        super().__post_init__()
        streams = iter([self.seed + i if isinstance(self.seed, int) else self.seed for i in range(1, 10)])
        shared = {"data_format": self.data_format, "dtype": self.dtype}
        colors: dict[str, Any] = {**shared, "value_range": self.value_range}

        def moving() -> dict[str, Any]:
            return {**shared, "interpolation": self.interpolation, "seed": next(streams)}

        def coloring() -> dict[str, Any]:
            return {**colors, "seed": next(streams)}

        # A seed for each, since draws from the same stream would go together.
        f = self.factor
        self.parts: dict[str, Augmentation] = {
            "random_shear": RandomShear(f, f, **moving()),
            "random_translation": RandomTranslation(f, f, **moving()),
            "random_rotation": RandomRotation(f, **moving()),
            "random_brightness": RandomBrightness(f, **coloring()),
            "random_color_degeneration": RandomColorDegeneration(f, **coloring()),
            "random_contrast": RandomContrast(f, **coloring()),
            "random_sharpness": RandomSharpness(f, **coloring()),
            "random_posterization": RandomPosterization(max(1, int(8 * f[1])), **coloring()),
            "solarization": Solarization(f, f, **coloring()),
            "auto_contrast": AutoContrast(**colors),
            "equalization": Equalization(**colors),
        }

    def _integers(self, count: int, below: int) -> list[int]:
        """Draw some integers below a number; what they choose is not the same in every call."""
        if is_compiling():
            raise ag.TraceError(
                f"compile: {self._speaker} draws which augmentations it applies, others for each batch. Apply it to "
                "the data, as by nn.data.Dataset.map, and the model can be compiled"
            )
        draws = ag.random.uniform(count, generator=self.generator).data
        return [min(int(u * below), below - 1) for u in draws]


class RandAugment(_Policy):
    """Applies some augmentations, drawn for each batch from eleven, one after the other, while training.

    They shear, translate, rotate, change brightness, color, contrast and sharpness, posterize, solarize, stretch the
    contrast and equalize.

    Args:
        value_range, factor, interpolation, seed, data_format: see the module.
        num_ops: how many are applied.

    References:
        Cubuk, Zoph, Shlens, Le: RandAugment: Practical Automated Data Augmentation with a Reduced Search Space, 2019.

    Example:
        >>> RandAugment(seed=0)(np.full((2, 8, 8, 3), 100.0)).shape
        (2, 8, 8, 3)
    """

    value_range: Range = field(pixel_range, default=(0, 255))
    num_ops: int = field(positive, default=2)
    factor: Factor = field(as_range(0, 1), default=0.5)
    interpolation: str = field(one_of("bilinear", "nearest"), default="bilinear")
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `chosen`, the names of the augmentations in order, and `drawn`, the draws of each."""
        names = list(self.parts)
        chosen = [names[i] for i in self._integers(self.num_ops, len(names))]
        return {"chosen": chosen, "drawn": {name: self.parts[name].draw(x) for name in dict.fromkeys(chosen)}}

    def transform(self, x: Any, **drawn: Any) -> Tensor:
        """Return images that are changed as the draws say, of x's shape."""
        x = self._cast(x)
        for name in drawn["chosen"]:
            x = self.parts[name].transform(x, **drawn["drawn"][name])
        return x

    def extra_repr(self) -> str:
        return f"num_ops={self.num_ops}, factor={self.factor}"


class AugMix(_Policy):
    """Mixes images with those of several chains of augmentations, while training.

    out = m x + (1 - m) sum of w_i chain_i(x), with w of the Dirichlet distribution and m of the beta distribution, both
    with the parameter alpha; a chain has up to `chain_depth` augmentations. All are drawn for each batch.

    Args:
        value_range, factor, interpolation, seed, data_format: see the module.
        num_chains: how many chains there are.
        chain_depth: the most augmentations in a chain.
        alpha: a positive number.
        all_ops: whether to change brightness, color, contrast and sharpness too.

    References:
        Hendrycks, Mu, Cubuk, Zoph, Gilmer, Lakshminarayanan: AugMix: A Simple Data Processing Method to Improve
        Robustness and Uncertainty, 2019, algorithm 1.

    Example:
        >>> AugMix(seed=0)(np.full((2, 8, 8, 3), 100.0)).shape
        (2, 8, 8, 3)
    """

    value_range: Range = field(pixel_range, default=(0, 255))
    num_chains: int = field(positive, default=3)
    chain_depth: int = field(positive, default=3)
    factor: Factor = field(as_range(0, 1), default=0.3)
    alpha: float = field(number(above=0), default=1.0)
    all_ops: bool = field(flag, default=True)
    interpolation: str = field(one_of("bilinear", "nearest"), default="bilinear")
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `chain_mixing_weights`, shape (num_chains,), `weight_sample`, and `chains`: names with their draws."""
        names = [name for name in self.parts if self.all_ops or name not in _OF_COLORS]
        chains = []
        for _ in range(self.num_chains):
            chosen = self._integers(self.chain_depth, len(names) + 1)  # the last one is none
            chains.append([(names[i], self.parts[names[i]].draw(x)) for i in chosen if i < len(names)])
        stream = ag.random.default_generator if self.generator is None else self.generator
        with stream.lock:
            weights = stream.bits.dirichlet([self.alpha] * self.num_chains).astype(self.dtype)
            share = float(stream.bits.beta(self.alpha, self.alpha))
        return {"chain_mixing_weights": weights, "weight_sample": share, "chains": chains}

    def transform(self, x: Any, **drawn: Any) -> Tensor:
        """Return images that are mixed as the draws say, of x's shape."""
        x = self._cast(x)
        x = x if x.dtype.kind == "f" else x.astype(self.dtype)
        mixed: Any = 0.0
        for weight, chain in zip(drawn["chain_mixing_weights"], drawn["chains"], strict=True):
            changed = x
            for name, draws in chain:
                changed = self.parts[name].transform(changed, **draws)
            mixed = mixed + changed * weight
        share = drawn["weight_sample"]
        return np.clip(share * x + (1 - share) * mixed, *self.value_range)

    def extra_repr(self) -> str:
        return f"num_chains={self.num_chains}, chain_depth={self.chain_depth}, factor={self.factor}"

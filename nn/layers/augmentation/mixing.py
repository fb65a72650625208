"""Images mixed with other images of the batch while training, and their labels with them: MixUp and CutMix.

Both are called on images (N, H, W, C), or on {"images": …, "labels": …} with labels (N, K), one-hot or probabilities;
then they return the same. Arguments that they share:
    seed: of the layer's own random stream; None for the default generator.
    data_format: "channels_last", shape (N, H, W, C), or "channels_first".
"""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import Seed, as_seed, number
from ...config.fields import field
from ..arguments import DataFormatLike, as_data_format
from .base import Augmentation, Factor, as_range
from .effects import box


def _beta(bits: np.random.Generator, shape: tuple[int, ...], *, alphas: tuple[float, float]) -> Any:
    low, high = alphas
    alpha = low if low == high else low + (high - low) * bits.random()
    return bits.beta(alpha, alpha, shape)


class _Mixing(Augmentation):
    """Mixes each image with one of the batch; see the subclasses."""

    def _cast(self, x: Any) -> Any:
        if isinstance(x, dict):
            return {key: super(_Mixing, self)._cast(part) for key, part in x.items()}
        return super()._cast(x)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the mixed images, or images and labels; x itself when not training."""
        if not isinstance(x, dict):
            return super().call(x, training)
        if set(x) != {"images", "labels"}:
            raise ValueError(
                f"{self._speaker}: expected images, or a dict of images and labels; received the keys {sorted(x)}"
            )
        images, labels = x["images"], x["labels"]
        self._check_rank(images.shape)
        if labels.ndim != 2 or labels.shape[0] != images.shape[0]:
            raise ag.ShapeError(
                f"{self._speaker}: expected labels of shape "
                f"{(images.shape[0], 'K')}, one-hot, for images of shape {images.shape}; received {labels.shape}. Make "
                "them with nn.utils.to_categorical"
            )
        if not (self.training if training is None else training):
            return x
        drawn = self.draw(images)
        return {"images": self.transform(images, **drawn), "labels": self.mix_labels(labels, **drawn)}

    def mix_labels(self, labels: Any, mix_weight: Any, permutation_order: Any, **drawn: Any) -> Tensor:
        """Return the labels of images that are mixed as the draws say, shape (N, K)."""
        labels = self._cast(labels)
        labels = labels if labels.dtype.kind == "f" else labels.astype(self.dtype)
        weight = mix_weight.reshape(-1, 1).astype(labels.dtype)
        return labels * weight + labels[permutation_order] * (1.0 - weight)

    def _order_and_beta(self, n: int, alphas: tuple[float, float]) -> tuple[Tensor, Tensor]:
        """Draw an order of the batch, and numbers of a beta distribution, of which both parameters are drawn as one."""
        order = ag.random.permutation(n, generator=self.generator)
        return order, ag.random.draw(_beta, (n,), dtype=self.dtype, generator=self.generator, alphas=alphas)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input shape, or shapes."""
        return input_shape if isinstance(input_shape, dict) else super().compute_output_shape(input_shape)


class MixUp(_Mixing):
    """Takes weighted means of images and of their labels: out = w x + (1 - w) x[order], with w of Beta(alpha, alpha).

    Args:
        alpha: a positive number; the smaller, the less is mixed.
        data_format, seed: see the module.

    References:
        Zhang, Cisse, Dauphin, Lopez-Paz: mixup: Beyond Empirical Risk Minimization, 2017, equation 1.

    Example:
        >>> layer = MixUp()
        >>> x = np.array([0.0, 8.0]).reshape(2, 1, 1, 1)
        >>> layer.transform(x, mix_weight=np.array([0.75, 0.5]), permutation_order=np.array([1, 0])).tolist()
        [[[[2.0]]], [[[4.0]]]]
    """

    alpha: float = field(number(above=0), default=0.2)
    data_format: DataFormatLike = field(as_data_format, default=None)
    seed: Seed = field(as_seed, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `mix_weight`, shape (N,), and `permutation_order`, shape (N,)."""
        order, weight = self._order_and_beta(x.shape[0], (self.alpha, self.alpha))
        return {"mix_weight": weight, "permutation_order": order}

    def _change(self, x: Tensor, mix_weight: Any, permutation_order: Any) -> Tensor:
        weight = mix_weight.reshape(-1, 1, 1, 1).astype(x.dtype)
        return x * weight + x[permutation_order] * (1.0 - weight)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha:g}"


class CutMix(_Mixing):
    """Puts a box of another image of the batch into each, and mixes the labels by the areas.

    The box has sides sqrt(1 - w) times the image's, with w of Beta(alpha, alpha), at a place that is drawn too.

    Args:
        factor: alpha, drawn from 0 to factor, or between two numbers from 0 to 1, for each batch.
        seed, data_format: see the module.

    References:
        Yun, Han, Oh, Chun, Choe, Yoo: CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
        Features, 2019, equations 1 and 2.

    Example:
        >>> layer = CutMix(seed=0)
        >>> out = layer({"images": np.ones((4, 8, 8, 3)), "labels": np.eye(4)})
        >>> out["images"].shape, bool(np.allclose(out["labels"].data.sum(axis=1), 1))
        ((4, 8, 8, 3), True)
    """

    factor: Factor = field(as_range(0, 1), default=1.0)
    seed: Seed = field(as_seed, default=None)
    data_format: DataFormatLike = field(as_data_format, default=None)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return `batch_masks`, booleans (N, H, W, 1), `mix_weight` and `permutation_order`, shape (N,) each."""
        order, weight = self._order_and_beta(x.shape[0], (self.factor[0] + 1e-6, self.factor[1] + 1e-6))
        side = np.sqrt(1 - weight)
        inside = box(self._size(x), np.stack([side, side], axis=1), self._uniform(x, (0.0, 1.0), 2))
        return {"batch_masks": inside, "mix_weight": weight, "permutation_order": order}

    def _change(self, x: Tensor, batch_masks: Any, mix_weight: Any, permutation_order: Any) -> Tensor:
        return np.where(batch_masks, x[permutation_order], x)  # type: ignore[return-value]

    def extra_repr(self) -> str:
        return f"factor={self.factor}"

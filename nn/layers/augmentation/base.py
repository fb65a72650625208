"""The base of layers that change images at random while training, and pass them through in evaluation mode.

Each image of a batch gets draws of its own. `draw` makes them and `transform` uses them, so that the same change can be
made to several images: `layer.transform(masks, **drawn)` after `drawn = layer.draw(images)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import autograd_lite as ag
from autograd_lite import Generator, Tensor

from ...module.module import Shape
from ..convolution.spatial import Spatial
from ..layer import is_number

Factor = float | Sequence[float]


def bounds(layer: str, name: str, value: Any, least: float, most: float, mirrored: bool = False) -> tuple[float, float]:
    """Return the two ends of what a factor is drawn from; one number f stands for 0 to f, or -f to f if mirrored.

    Raises:
        ValueError: if it is neither a number nor two, from `least` to `most`.
    """
    ends: list[Any] = list(value) if isinstance(value, (tuple, list)) else []
    if is_number(value):
        ends = [-value if mirrored else 0.0, value]
    if len(ends) != 2 or not all(is_number(f) and least <= f <= most for f in ends):
        raise ValueError(
            f"{layer}: expected {name} to be a number, or two, from {least:g} to {most:g}; received {name}={value!r}"
        )
    return float(min(ends)), float(max(ends))


def value_bounds(layer: str, value: Any) -> tuple[float, float]:
    """Return the smallest and the largest value of a pixel.

    Raises:
        ValueError: unless they are two different numbers.
    """
    good = isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_number, value)) and value[0] != value[1]
    if not good:
        raise ValueError(
            f"{layer}: expected value_range to be two numbers, (low, high); received value_range={value!r}"
        )
    return float(min(value)), float(max(value))


class Augmentation(Spatial):
    """A layer over images; a subclass writes `draw` and `_changed`."""

    rank = 2
    generator: Generator | None
    # Takes the images with channels last, and what `draw` returned, by name.
    _changed: Callable[..., Tensor]

    def _set_up(self, seed: int | None, data_format: str | None) -> None:
        self.generator = None if seed is None else Generator(seed, name=f"augmentation seed {seed}")
        self._set_data_format(data_format)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return the draws for a batch of images, by name."""
        return {}

    def transform(self, x: Any, **drawn: Any) -> Tensor:
        """Return images that are changed as the draws say, of x's shape."""
        return self._back(self._changed(self._last(self._cast(x)), **drawn))

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        """Return the changed images, or x itself when not training."""
        self._check_rank(x.shape)
        if not (self.training if training is None else training):
            return x if x.dtype.kind == "f" else x.astype(self.dtype)
        return self.transform(x, **self.draw(x))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        self._check_rank(input_shape)
        return input_shape

    def _size(self, x: Any) -> tuple[int, int]:
        """Return the height and the width of images."""
        h, w = (int(x.shape[a]) for a in self._spatial_axes())
        return h, w

    def _uniform(self, x: Any, ends: tuple[float, float], *more: int) -> Tensor:
        """Draw a number for each image, of shape (N, 1, 1, 1), or (N, more, ...)."""
        shape = (x.shape[0], *(more or (1, 1, 1)))
        return ag.random.uniform(shape, *ends, dtype=self.dtype, generator=self.generator)

    def _chosen(self, x: Any, probability: tuple[float, float]) -> Any:
        """Draw a probability for each image, and whether it is chosen, of shape (N, 1, 1, 1)."""
        return self._uniform(x, probability) > self._uniform(x, (0.0, 1.0))

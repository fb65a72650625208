"""The base of layers that change images at random while training, and pass them through in evaluation mode.

Each image of a batch gets its own draws. `draw` makes them and `transform` uses them, so that the same change can be
made to several images: `layer.transform(masks, **drawn)` after `drawn = layer.draw(images)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import Check, Seed, argument_error, is_number
from ...config.fields import Converted
from ...module.module import Shape
from ...random import draw_rows
from ..arguments import stream
from ..convolution.spatial import Spatial, one_or_many

Factor = Converted[float | Sequence[float], tuple[float, float]]
Range = Converted[Sequence[float], tuple[float, float]]


def as_range(low: float, high: float, mirrored: bool = False, fixed: bool = False) -> Check:
    """Return the check of a factor's range, two ends.

    One number f stands for 0 to f, for -f to f if `mirrored`, for f alone if `fixed`.
    """
    expected = f"a number, or two, from {low:g} to {high:g}"

    def check(owner: Any, name: str, value: Any) -> tuple[float, float]:
        first = value if fixed else 0.0
        ends = [-value if mirrored else first, value] if is_number(value) else value
        if not isinstance(ends, (tuple, list)) or not all(map(is_number, ends)):
            raise argument_error(TypeError, owner, name, expected, value)
        if len(ends) != 2 or not all(low <= f <= high for f in ends):
            raise argument_error(ValueError, owner, name, expected, value)
        return float(min(ends)), float(max(ends))

    return check


def pixel_range(owner: Any, name: str, value: Any) -> tuple[float, float]:
    """Check that `value` is the smallest and the largest value of a pixel, two different numbers."""
    if not isinstance(value, (tuple, list)) or not all(map(is_number, value)):
        raise argument_error(TypeError, owner, name, "two numbers, (low, high)", value)
    if len(value) != 2 or value[0] == value[1]:
        raise argument_error(ValueError, owner, name, "two numbers, (low, high)", value)
    return float(min(value)), float(max(value))


class Augmentation(Spatial):
    """A layer over images; a subclass writes `draw` and `_change`.

    `_change` takes the images with channels last, and what `draw` returned, by name.
    """

    rank = 2
    seed = cast("Seed", None)
    _always: ClassVar[bool] = False  # whether the layer acts in evaluation too

    def __post_init__(self) -> None:
        self.generator = stream("augmentation", self.seed)

    def draw(self, x: Any) -> dict[str, Any]:
        """Return the draws for a batch of images, by name."""
        return {}

    def transform(self, x: Any, **drawn: Any) -> Tensor:
        """Return images that are changed as the draws say, of x's shape."""
        return self._back(self._change(self._last(self._cast(x)), **drawn))

    @one_or_many
    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        """Return the changed images; when not training, x itself, unless the layer always acts."""
        if not (self._always or (self.training if training is None else training)):
            return self._floating(x)
        self._check_rank(x.shape)
        return self.transform(x, **self.draw(x))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check_rank(input_shape)
        return input_shape

    def _size(self, x: Any) -> tuple[int, int]:
        """Return the height and the width of images."""
        h, w = (int(x.shape[a]) for a in self._spatial_axes())
        return h, w

    def _uniform(self, x: Any, ends: tuple[float, float], *more: int) -> Tensor:
        """Draw a number for each image, of shape (N, 1, 1, 1), or (N, more, ...)."""
        shape = (x.shape[0], *(more or (1, 1, 1)))
        return draw_rows(lambda s: ag.random.uniform(s, *ends, dtype=self.dtype, generator=self.generator), shape)

    def _choose(self, x: Any, probability: tuple[float, float]) -> Any:
        """Draw a probability for each image, and whether it is chosen, of shape (N, 1, 1, 1)."""
        return self._uniform(x, probability) > self._uniform(x, (0.0, 1.0))

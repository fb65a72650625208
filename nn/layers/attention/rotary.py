"""RotaryEmbedding: positions as rotations of pairs of features."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import as_array

from ...config.arguments import any_integer, number
from ...config.fields import field
from ...module.module import Shape
from ..layer import SameShape


class RotaryEmbedding(SameShape):
    """Turns pairs of features by angles that grow with the position, so that products see distances alone.

    With F features, x_i and x_(i + F/2) at position t are a point in the plane, which is turned by the angle
    t / scaling_factor * max_wavelength^(-2 i / F). The product of a query at t and a key at s, both turned, depends on
    t - s alone.

    Args:
        max_wavelength: of the angles; the slowest has a wavelength near 2 pi times it.
        scaling_factor: by which positions are divided, to read longer sequences than those of training.
        sequence_axis: that of the positions.
        feature_axis: that of the features, of even length F.

    Call it on queries or keys x, such as (N, T, F) or, split into heads, (N, T, H, F); the result has x's shape.
    `start_index` is the position of the first entry, by default 0; `positions`, of shape (T,), are those of all
    entries, in its place.

    Raises:
        ShapeError: when called on an x without these axes, with an odd F, or with positions of another shape.

    References:
        Su, Lu, Pan, Murtadha, Wen, Liu: RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021, equation
        34, with the halves of the features as the two coordinates, as in GPT-NeoX.
        Chen, Wong, Chen, Tian: Extending Context Window of Large Language Models via Positional Interpolation, 2023,
        equation 4 (the scaling).

    Example:
        >>> x = np.array([[[1.0, 0.0], [1.0, 0.0]]])
        >>> RotaryEmbedding()(x).numpy().round(4).tolist()
        [[[1.0, 0.0], [0.5403000116348267, 0.8414999842643738]]]
    """

    max_wavelength: float = field(number(above=0), default=10000.0)
    scaling_factor: float = field(number(above=0), default=1.0)
    sequence_axis: int = field(any_integer, default=1)
    feature_axis: int = field(any_integer, default=-1)

    def call(self, x: Tensor, start_index: int = 0, positions: Any = None) -> Any:
        """Return the turned x, of x's shape.

        Args:
            x: features, shape (N, T, ..., D).
            start_index: position of the first step.
            positions: position of each step, shape (T,); None to count from `start_index`.
        """
        sequence, feature = self._axes(x.shape)
        length, features = x.shape[sequence], x.shape[feature]
        if positions is None:
            positions = np.arange(start_index, start_index + length)
        else:
            positions = as_array(positions.data if isinstance(positions, Tensor) else positions)
            if positions.shape != (length,):
                raise self._misfit(f"positions of shape {(length,)}", f"shape {positions.shape}")
        frequency = self.max_wavelength ** (-np.arange(features // 2) * 2 / features)
        angle = np.multiply.outer(positions / self.scaling_factor, frequency)
        cos, sin = (wave(angle).astype(x.dtype) for wave in (np.cos, np.sin))
        order = [k for k in range(x.ndim) if k != feature]
        order.append(feature)  # the features last
        shape = [length if k == sequence else 1 for k in order[:-1]]
        rows = x if feature == x.ndim - 1 else x.transpose(order)
        turned = ag.rotate_pairs(rows, cos.reshape(*shape, -1), sin.reshape(*shape, -1))
        return turned if rows is x else np.moveaxis(turned, -1, feature)

    def _axes(self, shape: Shape) -> tuple[int, int]:
        """Return the axes of positions and features, counted from the front."""
        ndim = len(shape)
        declared = self.sequence_axis, self.feature_axis
        axes = [axis % ndim for axis in declared if -ndim <= axis < ndim]
        if len(set(axes)) < 2 or (shape[axes[1]] or 0) % 2:
            text = f"inputs with axes {declared[0]} for positions and {declared[1]} for an even number of features"
            raise self._misfit(text, f"shape {shape}")
        return axes[0], axes[1]

    def _misfit(self, expected: str, received: str) -> ag.ShapeError:
        return ag.ShapeError(f"{self._speaker}: expected {expected}; received {received}")

    def extra_repr(self) -> str:
        return f"max_wavelength={self.max_wavelength:g}"

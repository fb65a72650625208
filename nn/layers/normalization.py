"""Normalization: each layer shifts and scales its input to mean 0 and variance 1 over some axes.

Arguments that the layers share:
    epsilon: added to the variance.
    center: whether there is a `beta` to add.
    scale: whether there is a `gamma` to multiply by.
    beta_initializer, gamma_initializer: of the two weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..activations import unit_vectors
from ..config.arguments import any_integer, argument_error, flag, number
from ..config.fields import Converted, field, option, weight
from ..distributed.ranks import size
from ..distributed.shard import all_reduce, row_weight
from ..module.module import Shape
from .arguments import InitializerLike, as_initializer, some_axes
from .layer import Rule, SameShape


class _Normalization(SameShape):
    """What the layers have in common: the axes, their lengths, and the weights that lie along them."""

    axis = cast("int | Sequence[int]", -1)
    epsilon = 1e-3

    def __post_init__(self) -> None:
        self.axes = (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)

    def _positions(self, ndim: int) -> tuple[int, ...]:
        """Return the axes counted from the front, for inputs with this many axes."""
        at = tuple(sorted({a % ndim if -ndim <= a < ndim else ndim for a in self.axes}))
        if not at or at[0] == 0 or at[-1] >= ndim or len(at) != len(self.axes):
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs that have the axes "
                f"{self.axes}, none of them the batch axis and none twice; received {ndim} axes"
            )
        return at

    def _lengths(self, shape: Shape) -> tuple[int, ...]:
        """Return the lengths along the axes; a weight has this shape."""
        lengths = tuple(shape[a] for a in self._positions(len(shape)))
        if None in lengths:
            raise ag.ShapeError(
                f"{self._speaker}: expected known lengths along axes {self.axes}; received shape {shape}"
            )
        return tuple(n or 0 for n in lengths)

    def _spread(self, weight: Tensor, x: Tensor) -> Tensor:
        """Return a weight with axes of length 1 where x has others, so that it broadcasts."""
        at = self._positions(x.ndim)
        lengths = [n if a in at else 1 for a, n in enumerate(x.shape)]
        if weight.size != math.prod(lengths):
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs of length {weight.shape} "
                f"along axes {self.axes}, since it was built for them; received shape {x.shape}"
            )
        trailing = at == tuple(range(x.ndim - len(at), x.ndim))
        return weight if trailing else weight.reshape(*lengths)

    def extra_repr(self) -> str:
        return f"axis={self.axes[0] if len(self.axes) == 1 else self.axes}"


class _AffineNormalization(_Normalization):
    """With a gamma and a beta along the axes."""

    gamma: Tensor | None = weight()
    beta: Tensor | None = weight()
    gamma_regularizer: Rule = option(default=None, kw_only=True)
    beta_regularizer: Rule = option(default=None, kw_only=True)
    gamma_constraint: Rule = option(default=None, kw_only=True)
    beta_constraint: Rule = option(default=None, kw_only=True)

    center = scale = True

    def build(self, input_shape: Shape) -> None:
        """Create gamma and beta, of the lengths along the axes."""
        lengths = self._lengths(input_shape)
        self.gamma = self.add_weight(lengths, self.gamma_initializer) if self.scale else None
        self.beta = self.add_weight(lengths, self.beta_initializer) if self.center else None

    def _scale_and_shift(self, x: Tensor, centered: Tensor, variance: Tensor) -> Tensor:
        """Return gamma * centered / sqrt(variance + epsilon) + beta."""
        factor = 1.0 / np.sqrt(variance + self.epsilon)
        if self.gamma is not None:
            gamma = self._spread(self.gamma, x)
            # The smaller product first: often both factors are vectors.
            out = centered * (factor * gamma) if factor.size * gamma.size <= x.size else centered * factor * gamma
        else:
            out = centered * factor
        return out if self.beta is None else out + self._spread(self.beta, x)


def _channels(owner: Any, name: str, value: Any) -> int:
    axes = some_axes(owner, name, value)
    if len(axes) != 1:
        raise argument_error(ValueError, owner, name, "one axis, the channels'", value)
    return axes[0]


def _bounds(owner: Any, name: str, value: Any) -> dict[str, float]:
    keys = ("rmin", "rmax", "dmax")
    expected = "a dict of bounds among rmin, rmax and dmax, with rmin < rmax and dmax of at least 0"
    if value is not None and not isinstance(value, Mapping):
        raise argument_error(TypeError, owner, name, expected, value)
    bounds = {key: float(bound) for key, bound in (value or {}).items() if bound is not None}
    wrong = set(bounds) - set(keys) or bounds.get("dmax", 0) < 0
    if wrong or bounds.get("rmin", -np.inf) >= bounds.get("rmax", np.inf):
        raise argument_error(ValueError, owner, name, expected, value)
    return bounds


class BatchNormalization(_AffineNormalization):
    """Normalizes each channel over the batch: gamma (x - mean) / sqrt(variance + epsilon) + beta.

    While training, mean and variance are the batch's, and running averages take them in:
    moving = momentum moving + (1 - momentum) batch. In evaluation mode the running averages take their place. The
    variance is the mean of the squares, not corrected for the degree of freedom, in both. A layer that is not
    `trainable` is always in evaluation mode.

    Args:
        axis: the channels'; every other axis is averaged over.
        momentum: of the running averages, 0 <= momentum <= 1.
        epsilon, center, scale, beta_initializer, gamma_initializer: see the module.
        moving_mean_initializer, moving_variance_initializer: of the running averages, shape (C,).
        renorm: whether the batch's mean m and deviation s lead to r (x - m) / s + d, with r = s / renorm_stddev and
            d = (m - renorm_mean) / renorm_stddev, through which no gradient goes.
        renorm_clipping: bounds in a dict: rmin <= r <= rmax and -dmax <= d <= dmax.
        renorm_momentum: of the averages renorm_mean and renorm_stddev.
        synchronized: whether mean and variance are those of the rows of all ranks, if several train; see
            `nn.distributed`.

    Call it on x of shape (N, ..., C); the result has x's shape. A `mask` of shape (N, ...), x's without its last axis,
    leaves entries out of mean and variance where it is False.

    References:
        Ioffe, Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift,
        2015, algorithm 1.
        Ioffe: Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models, 2017.

    Example:
        >>> layer = BatchNormalization(epsilon=1e-9, momentum=0.5)
        >>> layer([[1.0], [3.0]]).tolist(), layer.moving_mean.tolist(), layer.moving_variance.tolist()
        ([[-1.0], [1.0]], [1.0], [1.0])
    """

    moving_mean: Tensor = weight()
    moving_variance: Tensor = weight()
    moving_stddev: Tensor | None = weight()
    renorm_mean: Tensor | None = weight()
    renorm_stddev: Tensor | None = weight()

    axis: Converted[int | Sequence[int], int] = field(_channels, default=-1)
    momentum: float = field(number(0, 1), default=0.99)
    epsilon: float = field(number(above=0), default=1e-3)
    center: bool = field(flag, default=True)
    scale: bool = field(flag, default=True)
    beta_initializer: InitializerLike = field(as_initializer, default="zeros")
    gamma_initializer: InitializerLike = field(as_initializer, default="ones")
    moving_mean_initializer: InitializerLike = field(as_initializer, default="zeros")
    moving_variance_initializer: InitializerLike = field(as_initializer, default="ones")
    renorm: bool = field(flag, default=False, kw_only=True)
    renorm_clipping: Converted[Mapping[str, float] | None, dict[str, float]] = field(
        _bounds, default=None, kw_only=True
    )
    renorm_momentum: float = field(number(0, 1), default=0.99, kw_only=True)
    synchronized: bool = field(flag, default=False, kw_only=True)

    def build(self, input_shape: Shape) -> None:
        """Create gamma, beta and the running averages, each of shape (C,)."""
        super().build(input_shape)
        lengths = self._lengths(input_shape)
        self.moving_mean = self.add_weight(lengths, self.moving_mean_initializer, trainable=False)
        self.moving_variance = self.add_weight(lengths, self.moving_variance_initializer, trainable=False)
        self.moving_stddev = self.renorm_mean = self.renorm_stddev = None
        if self.renorm:
            self.moving_stddev = self.add_weight(lengths, self._first_stddev, trainable=False)
            self.renorm_mean = self.add_weight(lengths, self.moving_mean_initializer, trainable=False)
            self.renorm_stddev = self.add_weight(lengths, self._first_stddev, trainable=False)

    def _first_stddev(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Any:
        return np.sqrt(self.moving_variance_initializer(shape, dtype))

    def call(self, x: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        """Return the normalized x, of x's shape; while training, update the running averages."""
        mean: Any
        variance: Any
        if not (self.training if training is None else training) or not self.trainable:
            mean, variance = self._spread(self.moving_mean, x), self._spread(self.moving_variance, x)
            return self._scale_and_shift(x, x - mean, variance)
        self._spread(self.moving_mean, x)  # says so if the lengths do not fit
        over = tuple(a for a in range(x.ndim) if a not in self._positions(x.ndim))
        mean_of = self._mean_over(over, x, None if mask is None else self._weight_of(mask, x))
        mean = mean_of(x)
        centered = x - mean
        variance = mean_of(np.square(centered))
        if self.renorm:
            centered = self._correct(centered, mean, variance)
            self._take_in_renormalized(mean, variance)
        else:
            self._take_in(mean, variance)
        return self._scale_and_shift(x, centered, variance)

    def _mean_over(self, over: tuple[int, ...], x: Tensor, weight: Any) -> Callable[[Any], Any]:
        """Return a function that takes the mean over some axes, by weights, and over all ranks if `synchronized`."""
        shared = self.synchronized and size() > 1
        if weight is None and not shared:
            return lambda a: np.mean(a, axis=over, keepdims=True)
        if weight is None:
            count: Any = ag.tensor(float(math.prod(x.shape[axis] for axis in over)), x.dtype)
        else:
            count = weight.sum()
        if not shared:
            count = np.maximum(count, weight.dtype.type(1))
            return lambda a: np.sum(a * weight, axis=over, keepdims=True) / count
        real = row_weight()
        count = np.maximum(all_reduce(count * real), x.dtype.type(1))
        weighted = real if weight is None else weight * real
        return lambda a: all_reduce(np.sum(a * weighted, axis=over, keepdims=True)) / count

    @ag.no_grad()
    def _correction(self, mean: Tensor, variance: Tensor) -> tuple[Any, Any]:
        """Return r and d sqrt(variance + epsilon), of the shapes of mean and variance, without history."""
        assert self.renorm_mean is not None
        assert self.renorm_stddev is not None
        deviation: Any = np.sqrt(variance + self.epsilon)
        average: Any = np.maximum(self.renorm_stddev, np.sqrt(self.epsilon)).reshape(mean.shape)
        r = np.clip(deviation / average, self.renorm_clipping.get("rmin"), self.renorm_clipping.get("rmax"))
        d = (mean - self.renorm_mean.reshape(mean.shape)) / average
        most = self.renorm_clipping.get("dmax")
        return r, d if most is None else np.clip(d, -most, most)

    def _correct(self, centered: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Return what becomes r (x - mean) / deviation + d when it is divided by the deviation."""
        r, d = (part.astype(centered.dtype) for part in self._correction(mean, variance))
        deviation: Any = np.sqrt(variance + self.epsilon)
        return centered * r + d * deviation

    def _weight_of(self, mask: Any, x: Tensor) -> Any:
        flags: Any = mask if isinstance(mask, Tensor) else np.asarray(mask)
        if flags.shape != x.shape[:-1] or self._positions(x.ndim) != (x.ndim - 1,):
            raise ag.ShapeError(
                f"{self._speaker}: expected a mask of shape {x.shape[:-1]}, the "
                f"input's without its last axis, and the channels along that; received mask shape {flags.shape} and "
                f"axis {self.axes[0]}"
            )
        return flags[..., None].astype(x.dtype)

    @ag.no_grad()
    def _take_in_renormalized(self, mean: Tensor, variance: Tensor) -> None:
        """Move the averages of mean and deviation; the variance follows from the latter."""
        deviation: Any = np.sqrt(variance + self.epsilon).reshape(-1)
        for average, value, momentum in (
            (self.renorm_mean, mean.reshape(-1), self.renorm_momentum),
            (self.renorm_stddev, deviation, self.renorm_momentum),
            (self.moving_mean, mean.reshape(-1), self.momentum),
            (self.moving_stddev, deviation, self.momentum),
        ):
            assert average is not None
            average.assign(average * momentum + value * (1.0 - momentum))
        assert self.moving_stddev is not None
        self.moving_variance.assign(np.maximum(np.square(self.moving_stddev) - self.epsilon, 0.0))

    @ag.no_grad()
    def _take_in(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running averages towards the batch's; an effect, not part of the function that is differentiated."""
        new = 1.0 - self.momentum
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + ag.stop_gradient(value).reshape(-1) * new)


class LayerNormalization(_AffineNormalization):
    """Normalizes each sample over its features: gamma (x - mean) / sqrt(variance + epsilon) + beta.

    Args:
        axis: which axes mean and variance are taken over; gamma and beta lie along them.
        epsilon, center, scale, beta_initializer, gamma_initializer: see the module.

    Call it on x of shape (N, ..., D); the result has x's shape.

    References:
        Ba, Kiros, Hinton: Layer Normalization, 2016, equation 3.

    Example:
        >>> LayerNormalization(epsilon=1e-9)([[1.0, 3.0], [10.0, 30.0]]).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]
    """

    axis: int | Sequence[int] = field(some_axes, default=-1)
    epsilon: float = field(number(above=0), default=1e-3)
    center: bool = field(flag, default=True)
    scale: bool = field(flag, default=True)
    beta_initializer: InitializerLike = field(as_initializer, default="zeros")
    gamma_initializer: InitializerLike = field(as_initializer, default="ones")

    def call(self, x: Tensor) -> Tensor:
        """Return the normalized x, of x's shape."""
        out = ag.standardize(x, self._positions(x.ndim), self.epsilon)
        if self.gamma is not None:
            out = out * self._spread(self.gamma, x)
        return out if self.beta is None else out + self._spread(self.beta, x)


def _groups(owner: Any, name: str, value: Any) -> int:
    if any_integer(owner, name, value) < 1 and value != -1:
        raise argument_error(ValueError, owner, name, "a positive integer, or -1", value)
    return int(value)


class GroupNormalization(_AffineNormalization):
    """Normalizes each sample over groups of neighboring channels and all positions.

    Args:
        groups: their number, which divides the number of channels C; -1 for a group per channel, which is instance
            normalization; 1 is layer normalization over channels and positions.
        axis: the channels'.
        epsilon, center, scale, beta_initializer, gamma_initializer: see the module.

    Call it on x of shape (N, ..., C); the result has x's shape.

    References:
        Wu, He: Group Normalization, 2018, equation 7.

    Example:
        >>> GroupNormalization(groups=2, epsilon=1e-9)([[1.0, 3.0, 10.0, 30.0]]).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    groups: int = field(_groups, default=32)
    axis: Converted[int | Sequence[int], int] = field(_channels, default=-1)
    epsilon: float = field(number(above=0), default=1e-3)
    center: bool = field(flag, default=True)
    scale: bool = field(flag, default=True)
    beta_initializer: InitializerLike = field(as_initializer, default="zeros")
    gamma_initializer: InitializerLike = field(as_initializer, default="ones")

    def build(self, input_shape: Shape) -> None:
        """Create gamma and beta of shape (C,)."""
        (channels,) = self._lengths(input_shape)
        if self.groups != -1 and channels % self.groups:
            raise ag.ShapeError(
                f"{self.name} (GroupNormalization): expected a number of channels that the {self.groups} groups "
                f"divide; received shape {input_shape}, {channels} channels"
            )
        super().build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        """Return the normalized x, of x's shape."""
        (at,) = self._positions(x.ndim)
        channels = x.shape[at]
        groups = channels if self.groups == -1 else self.groups
        if channels % groups:
            raise ag.ShapeError(f"{self._speaker}: expected channels that {groups} groups divide; received {x.shape}")
        split = x.reshape(*x.shape[:at], groups, channels // groups, *x.shape[at + 1 :])
        over = tuple(a for a in range(1, split.ndim) if a != at)
        centered = split - np.mean(split, axis=over, keepdims=True)
        variance = np.mean(np.square(centered), axis=over, keepdims=True)
        out = (centered / np.sqrt(variance + self.epsilon)).reshape(*x.shape)
        if self.gamma is not None:
            out = out * self._spread(self.gamma, x)
        return out if self.beta is None else out + self._spread(self.beta, x)

    def extra_repr(self) -> str:
        return f"groups={self.groups}, {super().extra_repr()}"


class RMSNormalization(_Normalization):
    """Divides by the root of the mean of the squares: scale x / sqrt(mean(x²) + epsilon).

    Args:
        axis: which axes the mean is taken over; `scale` lies along them, and begins as ones.
        epsilon: see the module.

    Call it on x of shape (N, ..., D); the result has x's shape.

    References:
        Zhang, Sennrich: Root Mean Square Layer Normalization, 2019, equation 4.

    Example:
        >>> RMSNormalization()([[1.0, 7.0]]).numpy().round(3).tolist()
        [[0.20000000298023224, 1.399999976158142]]
    """

    scale: Tensor = weight()
    scale_regularizer: Rule = option(default=None, kw_only=True)
    scale_constraint: Rule = option(default=None, kw_only=True)

    axis: int | Sequence[int] = field(some_axes, default=-1)
    epsilon: float = field(number(above=0), default=1e-6)

    def build(self, input_shape: Shape) -> None:
        """Create the scale, of the lengths along the axes."""
        self.scale = self.add_weight(self._lengths(input_shape), "ones")

    def call(self, x: Tensor) -> Tensor:
        """Return the normalized x, of x's shape."""
        out = ag.standardize(x, self._positions(x.ndim), self.epsilon, center=False)
        return out * self._spread(self.scale, x)


class UnitNormalization(_Normalization):
    """Divides by the Euclidean norm: x / max(norm(x), 1e-12).

    Args:
        axis: which axes the norm is taken over.

    Example:
        >>> UnitNormalization()([[3.0, 4.0], [0.0, 0.0]]).numpy().round(3).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """

    axis: int | Sequence[int] = field(some_axes, default=-1)

    def call(self, x: Tensor) -> Tensor:
        """Return x with norm 1 along the axes, of x's shape."""
        return unit_vectors(x, self._positions(x.ndim), 1e-12)

"""Initial values of parameters: each initializer is called with a shape and a dtype and returns a Tensor.

Draws come from the default generator, which `set_seed` seeds; an initializer with its own `seed` returns the same
values at every call.

The fans of a shape are its numbers of inputs and outputs: D and K for a kernel of shape (D, K); for a convolution's
(..., C_in, C_out) the lengths of the leading axes multiply both.

Arguments of several of them:
    value: the value of each element.
    gain: the value of each element of the diagonal.
    minval, maxval: the bounds; maxval itself is not drawn.
    mean, stddev: mean and standard deviation, the latter at least 0.
    seed: an integer for draws that repeat, a generator, or None for the default generator.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Generator, Tensor

from .config.arguments import Seed, argument_error, as_seed, flag, is_number, number, one_of, optional
from .config.config import Configurable
from .config.fields import field
from .config.registry import Registry

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]
__dir__ = __all__.copy

Shape = tuple[int, ...]

# The standard deviation of a standard normal truncated at two standard deviations.
_TRUNCATED_STD = 0.87962566103423978
# The coefficients of a_0 - a_1 cos x + a_2 cos 2x; the triangle is not of this form.
_WINDOWS: dict[str, tuple[float, ...]] = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "bartlett": (),
}


def _value(owner: Any, name: str, value: Any) -> float:
    """Check that `value` is a number other than NaN; infinities are allowed, as in masks."""
    if not is_number(value):
        raise argument_error(TypeError, owner, name, "a number", value)
    if math.isnan(value):
        raise argument_error(ValueError, owner, name, "a number", value)
    return float(value)


def _name_or_values(owner: Any, name: str, value: Any) -> Any:
    """Check that a window that is given by name exists."""
    if isinstance(value, str) and value not in _WINDOWS:
        expected = f"one of {', '.join(_WINDOWS)}, its values or None"
        hint = "SciPy has others: scipy.signal.get_window(name, length)"
        raise ValueError(f"{argument_error(ValueError, owner, name, expected, value)}. {hint}")
    return value


class Initializer(Configurable):
    """Base class of all initializers; a subclass writes `__call__`.

    Example:
        >>> class Eights(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return np.full(shape, 8.0)
        >>> Eights()((2,)).tolist()
        [8.0, 8.0]
    """

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        """Return the initial values.

        Args:
            shape: the parameter's shape.
            dtype: its dtype, floating.
        """
        raise NotImplementedError(f"{type(self).__name__}: write __call__(self, shape, dtype)")


class Constant(Initializer):
    """Every element is `value`.

    Raises:
        TypeError: if it is not a number.

    Example:
        >>> Constant(3.0)((2,)).tolist()
        [3.0, 3.0]
    """

    value: float = field(_value, default=0.0)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        return ag.tensor(np.full(shape, self.value, dtype))


class Zeros(Initializer):
    """Every element is 0.

    Example:
        >>> Zeros()((2,)).tolist()
        [0.0, 0.0]
    """

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        return ag.tensor(np.zeros(shape, dtype))


class Ones(Initializer):
    """Every element is 1.

    Example:
        >>> Ones()((2,)).tolist()
        [1.0, 1.0]
    """

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        return ag.tensor(np.ones(shape, dtype))


class RandomUniform(Initializer):
    """Uniform on [minval, maxval).

    Raises:
        ValueError: if minval is above maxval.

    Example:
        >>> weights = RandomUniform(-1.0, 1.0, seed=0)((3, 2))
        >>> float(abs(weights).max()) <= 1
        True
    """

    minval: float = field(number(), default=-0.05)
    maxval: float = field(number(), default=0.05)
    seed: Seed = field(as_seed, default=None)

    def __post_init__(self) -> None:
        if self.minval > self.maxval:
            received = f"minval={self.minval}, maxval={self.maxval}"
            raise ValueError(f"RandomUniform: expected minval <= maxval; received {received}")

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        return ag.random.uniform(shape, self.minval, self.maxval, dtype=dtype, generator=_generator(self.seed))


class RandomNormal(Initializer):
    """Normal with the given `mean` and standard deviation `stddev`, at least 0.

    Example:
        >>> RandomNormal(stddev=0.1, seed=0)((3, 2)).shape
        (3, 2)
    """

    mean: float = field(number(), default=0.0)
    stddev: float = field(number(0), default=0.05)
    seed: Seed = field(as_seed, default=None)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        return ag.random.normal(shape, self.mean, self.stddev, dtype=dtype, generator=_generator(self.seed))


class TruncatedNormal(Initializer):
    """Normal with the given `mean` and standard deviation `stddev`; values beyond two of these are redrawn.

    Example:
        >>> weights = TruncatedNormal(stddev=0.1, seed=0)((3, 2))
        >>> float(abs(weights).max()) <= 0.2
        True
    """

    mean: float = field(number(), default=0.0)
    stddev: float = field(number(0), default=0.05)
    seed: Seed = field(as_seed, default=None)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        values = cut_off_normal(shape, dtype, _generator(self.seed))
        return ag.tensor((values * self.stddev + self.mean).astype(dtype, copy=False))


class VarianceScaling(Initializer):
    """Random values whose variance is scale / n, so that signals keep their size from layer to layer.

    With n the fan-in, the fan-out or their mean: uniform on [-limit, limit] with limit = sqrt(3 scale / n); normal with
    that variance; or a normal truncated at two standard deviations, widened to have that variance.

    Args:
        scale: above 0.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "uniform", "untruncated_normal" or "truncated_normal".
        seed: None to draw from the default generator.

    Raises:
        ValueError: for another scale, mode or distribution.

    Example:
        >>> kernel = VarianceScaling(1.0, "fan_avg", "uniform")((784, 512))
        >>> kernel.shape, bool(np.abs(kernel).max() <= np.sqrt(6 / (784 + 512)))
        ((784, 512), True)
    """

    scale: float = field(number(above=0), default=1.0)
    mode: str = field(one_of("fan_in", "fan_out", "fan_avg"), default="fan_in")
    distribution: str = field(one_of("uniform", "truncated_normal", "untruncated_normal"), default="truncated_normal")
    seed: Seed = field(as_seed, default=None)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        fan_in, fan_out = _fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        generator = _generator(self.seed)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return ag.random.uniform(shape, -limit, limit, dtype=dtype, generator=generator)
        if self.distribution == "untruncated_normal":
            return ag.random.normal(shape, 0.0, math.sqrt(variance), dtype=dtype, generator=generator)
        values = cut_off_normal(shape, dtype, generator) * (math.sqrt(variance) / _TRUNCATED_STD)
        return ag.tensor(values.astype(dtype, copy=False))


class GlorotUniform(VarianceScaling):
    """Uniform on [-limit, limit], limit = sqrt(6 / (fan_in + fan_out)); the default for kernels.

    Example:
        >>> weights = GlorotUniform(seed=0)((3, 2))
        >>> float(abs(weights).max()) <= (6 / (3 + 2)) ** 0.5
        True

    References:
        Glorot, Bengio: Understanding the Difficulty of Training Deep Feedforward Neural Networks, 2010, equation 16.
    """

    def __init__(self, seed: Seed = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed)


class GlorotNormal(VarianceScaling):
    """Truncated normal with variance 2 / (fan_in + fan_out).

    Example:
        >>> GlorotNormal(seed=0)((3, 2)).shape
        (3, 2)

    References:
        Glorot, Bengio: Understanding the Difficulty of Training Deep Feedforward Neural Networks, 2010, equation 12.
    """

    def __init__(self, seed: Seed = None) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


class HeUniform(VarianceScaling):
    """Uniform on [-limit, limit], limit = sqrt(6 / fan_in); for layers before a relu.

    Example:
        >>> weights = HeUniform(seed=0)((3, 2))
        >>> float(abs(weights).max()) <= (6 / 3) ** 0.5
        True

    References:
        He, Zhang, Ren, Sun: Delving Deep into Rectifiers, 2015, equation 10.
    """

    def __init__(self, seed: Seed = None) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed)


class HeNormal(VarianceScaling):
    """Truncated normal with variance 2 / fan_in; for layers before a relu.

    Example:
        >>> HeNormal(seed=0)((3, 2)).shape
        (3, 2)

    References:
        He, Zhang, Ren, Sun: Delving Deep into Rectifiers, 2015, equation 10.
    """

    def __init__(self, seed: Seed = None) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


class LecunUniform(VarianceScaling):
    """Uniform on [-limit, limit], limit = sqrt(3 / fan_in).

    Example:
        >>> weights = LecunUniform(seed=0)((3, 2))
        >>> float(abs(weights).max()) <= (3 / 3) ** 0.5
        True

    References:
        LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998, equation 16.
    """

    def __init__(self, seed: Seed = None) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed)


class LecunNormal(VarianceScaling):
    """Truncated normal with variance 1 / fan_in.

    Example:
        >>> LecunNormal(seed=0)((3, 2)).shape
        (3, 2)

    References:
        LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998, equation 16.
    """

    def __init__(self, seed: Seed = None) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed)


class Orthogonal(Initializer):
    """A random orthogonal matrix times `gain`, uniformly distributed: Q of the QR decomposition of a normal matrix.

    More than two axes are taken as those of a matrix, all but the last as its rows. If there are fewer rows than
    columns, the rows are orthonormal, otherwise the columns.

    Args:
        gain: a factor.
        seed: None to draw from the default generator.

    Raises:
        ShapeError: when called with a shape of fewer than two axes.

    References:
        Saxe, McClelland, Ganguli: Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural
        Networks, 2014.
        Francesco Mezzadri: How to Generate Random Matrices from the Classical Compact Groups, 2007 (the signs of R's
        diagonal make it uniform).

    Example:
        >>> q = Orthogonal(seed=0)((4, 3), "float64").data
        >>> bool(np.allclose(q.T @ q, np.eye(3)))
        True
    """

    gain: float = field(number(), default=1.0)
    seed: Seed = field(as_seed, default=None)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        if len(shape) < 2:
            raise ag.ShapeError(f"Orthogonal: expected a shape of at least two axes; received {tuple(shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        size = max(rows, columns), min(rows, columns)
        normal = ag.random.normal(size, dtype="float64", generator=_generator(self.seed)).numpy()
        q, r = np.linalg.qr(normal)
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return ag.tensor((self.gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype))


class Identity(Initializer):
    """Ones on the diagonal of a matrix, times `gain`, and zeros elsewhere.

    Raises:
        ShapeError: when called with a shape that does not have two axes.

    Example:
        >>> Identity(2.0)((2, 3)).tolist()
        [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    gain: float = field(number(), default=1.0)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        if len(shape) != 2:
            raise ag.ShapeError(f"Identity: expected the shape of a matrix, (D, K); received {tuple(shape)}")
        return ag.tensor((self.gain * np.eye(*shape)).astype(dtype))


class STFT(Initializer):
    """The kernel of a short-time Fourier transform: w_t cos(2 pi t k / F) / s, or w_t sin(-2 pi t k / F) / s.

    Args:
        side: "real" for cosines, "imag" for sines.
        window: w, which multiplies each frame: "hann", "hamming", "blackman", "bartlett", its values, or None for ones.
        scaling: "density" for s = sqrt(sum w^2), "spectrum" for s = sum abs(w), None for s = 1; s = 1 without a window.
        periodic: whether a named window is one period of a periodic one; otherwise it is symmetric.

    Call it with the shape (T, 1, F // 2 + 1): T samples in a frame, F, an even number, in the transform.

    Raises:
        ValueError: for another side, window or scaling.
        ShapeError: when called with another shape, or one that does not fit the values of the window.

    References:
        Harris: On the Use of Windows for Harmonic Analysis with the Discrete Fourier Transform, 1978.

    Example:
        >>> STFT("real", window=None)((4, 1, 3)).data[:, 0].round().astype(int).tolist()
        [[1, 1, 1], [1, 0, -1], [1, -1, 1], [1, 0, -1]]
    """

    side: str = field(one_of("real", "imag"), default="real")
    window: str | npt.ArrayLike | None = field(_name_or_values, default="hann")
    scaling: str | None = field(optional(one_of("density", "spectrum")), default="density")
    periodic: bool = field(flag, default=False)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = "float32") -> Tensor:
        if len(shape) != 3 or shape[1] != 1 or shape[2] < 2:
            raise ag.ShapeError(f"STFT: expected the shape (T, 1, F // 2 + 1), F >= 2; received {tuple(shape)}")
        steps, _, bins = shape
        whole = 2 * (bins - 1)
        # The remainder of the angle in integers: it is exact, and so are the zeros of the sines.
        turns = np.outer(np.arange(steps), np.arange(bins)) % whole
        angle = turns * (2 * math.pi / whole)
        waves = np.cos(angle) if self.side == "real" else np.where(2 * turns % whole, -np.sin(angle), 0.0)
        if self.window is not None:
            window = _window(self.window, steps, self.periodic)
            if not window.any():
                raise ValueError(
                    f"STFT: expected a window that is not 0 everywhere; {self.window!r} of {steps} steps is"
                )
            scale = {"density": np.sqrt(np.square(window).sum()), "spectrum": np.abs(window).sum(), None: 1.0}
            waves = waves * (window / scale[self.scaling])[:, None]
        return ag.tensor(waves[:, None].astype(dtype))


_REGISTRY = Registry(
    "an initializer",
    Initializer,
    (
        *(Constant, Zeros, Ones, Identity, RandomUniform, RandomNormal, TruncatedNormal, Orthogonal, STFT),
        *(VarianceScaling, GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal),
    ),
    others={
        **{"normal": RandomNormal, "one": Ones, "uniform": RandomUniform, "zero": Zeros},
        **{"identity_initializer": Identity, "orthogonal_initializer": Orthogonal},
    },
    wrap=lambda function: function,
)
get, serialize, deserialize = _REGISTRY.functions(__name__)

# The further names that Keras keeps.
IdentityInitializer = Identity
OrthogonalInitializer = Orthogonal
STFTInitializer = STFT
constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
stft = STFT
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros


def _generator(seed: Seed) -> Generator | None:
    """Return a fresh stream for a seed; without one None, which means the default generator."""
    return seed if seed is None or isinstance(seed, Generator) else Generator(seed, name=f"seed {seed}")


def _window(window: Any, steps: int, periodic: bool) -> npt.NDArray[Any]:
    """Return the values of a window, which is given by its values or its name."""
    if not isinstance(window, str):
        values = np.asarray(window, np.float64)
        if values.shape != (steps,):
            raise ag.ShapeError(f"STFT: expected a window of shape {(steps,)}; received shape {values.shape}")
        return values
    if steps == 1:
        return np.ones(1)
    share = np.arange(steps) / (steps if periodic else steps - 1)
    if window == "bartlett":
        return 1 - np.abs(2 * share - 1)
    return sum((-1) ** i * a * np.cos(2 * math.pi * i * share) for i, a in enumerate(_WINDOWS[window]))


def _fans(shape: Shape) -> tuple[float, float]:
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return n, n
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def cut_off_normal(shape: Shape, dtype: npt.DTypeLike, generator: Generator | None) -> npt.NDArray[Any]:
    """Draw from the standard normal; redraw every value beyond two standard deviations."""
    values = ag.random.normal(shape, dtype=dtype, generator=generator).numpy()
    beyond = np.abs(values) > 2
    while beyond.any():
        values[beyond] = ag.random.normal(int(beyond.sum()), dtype=dtype, generator=generator).numpy()
        beyond = np.abs(values) > 2
    return values

"""Random tensors with the names and arguments of `keras.random`.

`seed` is an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
None for the default generator, which `nn.set_seed` seeds. The numbers are NumPy's, not those of a backend of Keras.

Example:
    >>> from nn import random
    >>> random.normal((2, 3), seed=1).shape, bool((random.uniform((3,), seed=1) == random.uniform((3,), seed=1)).all())
    ((2, 3), True)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Generator, Tensor

from .config.ambient import CALL
from .config.arguments import is_integer, is_number
from .initializers import cut_off_normal

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]
__dir__ = __all__.copy

Shape = Sequence[int]


class SeedGenerator(Generator):
    """A stream of random numbers for the `seed` of several draws, each of which goes on where the last one ended.

    Args:
        seed: an int, or None for one from the operating system.
        name: its name in records.

    Example:
        >>> seed = SeedGenerator(0)
        >>> bool((normal((3,), seed=seed) == normal((3,), seed=seed)).any())
        False
    """

    __slots__ = ()

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name or "seed_generator")

    def next(self) -> Tensor:
        """Return two random integers, shape (2,), dtype uint32."""
        return _draw(self, np.uint32, lambda bits: bits.integers(0, 2**32, 2, np.uint32))


Seed = int | Generator | None


def normal(
    shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: npt.DTypeLike | None = None, seed: Seed = None
) -> Tensor:
    """Draw from the normal distribution with the given mean and standard deviation, of a floating dtype.

    Args:
        shape: the shape of the result, ints; () for a single number.
        mean: the center of the distribution; 0 by default.
        stddev: the standard deviation, at least 0; 1 by default.
        dtype: "float16", "float32" or "float64"; None, the default, for "float32".
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Example:
        >>> normal((2, 3), seed=0).shape
        (2, 3)
    """
    return ag.random.normal(
        tuple(shape), mean, stddev, dtype=_floating("normal", dtype), generator=_stream("normal", seed)
    )


def uniform(
    shape: Shape, minval: float = 0.0, maxval: float = 1.0, dtype: npt.DTypeLike | None = None, seed: Seed = None
) -> Tensor:
    """Draw from the uniform distribution on [minval, maxval), of a floating dtype.

    Args:
        shape: the shape of the result, ints; () for a single number.
        minval: the smallest value; 0 by default.
        maxval: the bound that values stay below; 1 by default.
        dtype: "float16", "float32" or "float64"; None, the default, for "float32".
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Example:
        >>> sample = uniform((3,), 5.0, 6.0, seed=0)
        >>> 5 <= float(sample.min()) and float(sample.max()) < 6
        True
    """
    kind = _floating("uniform", dtype)
    return ag.random.uniform(tuple(shape), minval, maxval, dtype=kind, generator=_stream("uniform", seed))


def randint(shape: Shape, minval: int, maxval: int, dtype: npt.DTypeLike = "int32", seed: Seed = None) -> Tensor:
    """Draw integers of minval … maxval - 1, each equally likely.

    Args:
        shape: the shape of the result, ints; () for a single number.
        minval: the smallest integer.
        maxval: the integer after the largest.
        dtype: a dtype of integers; "int32" by default.
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Raises:
        ValueError: if the dtype is not one of integers, or unless minval < maxval.

    Example:
        >>> randint((3,), 5, 6, seed=0).tolist()
        [5, 5, 5]
    """
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        raise ValueError(f"randint: expected an integer dtype; received dtype={kind}. Use uniform for floats")
    if not minval < maxval:
        raise ValueError(f"randint: expected minval < maxval; received minval={minval}, maxval={maxval}")
    # float64 has 53 bits: the largest draw may round up to maxval only in wider ranges.
    draw = ag.random.uniform(
        tuple(shape), 0.0, float(maxval - minval), dtype="float64", generator=_stream("randint", seed)
    )
    return cast("Tensor", np.floor(draw) + float(minval)).astype(kind)


def truncated_normal(
    shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: npt.DTypeLike | None = None, seed: Seed = None
) -> Tensor:
    """Draw from the normal distribution, again where a value lies more than two standard deviations from the mean.

    The values are drawn at the call: a traced program repeats them.

    Args:
        shape: the shape of the result, ints; () for a single number.
        mean: the center of the distribution; 0 by default.
        stddev: the standard deviation before values are cut off, at least 0; 1 by default.
        dtype: "float16", "float32" or "float64"; None, the default, for "float32".
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Example:
        >>> float(abs(truncated_normal((100,), seed=0)).max()) <= 2
        True
    """
    kind = _floating("truncated_normal", dtype)
    values = cut_off_normal(tuple(shape), kind, _stream("truncated_normal", seed))
    return ag.tensor((values * stddev + mean).astype(kind, copy=False))


def categorical(
    logits: npt.ArrayLike | Tensor, num_samples: int, dtype: npt.DTypeLike = "int32", seed: Seed = None
) -> Tensor:
    """Draw classes with probabilities softmax(logits), by the largest of the logits plus Gumbel noise.

    Args:
        logits: logarithms of the probabilities, up to a constant in each row; an array, list or Tensor of shape (N, C).
        num_samples: S, the number of draws for each row.
        dtype: the dtype of the result, "int32" by default.
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Returns:
        Indices of classes, (N, S).

    Example:
        >>> categorical([[0.0, -1000.0], [-1000.0, 0.0]], 3).tolist()
        [[0, 0, 0], [1, 1, 1]]
    """
    scores = ag.stop_gradient(_tensor(logits))
    if scores.ndim != 2:
        raise ag.ShapeError(f"categorical: expected logits of shape (N, C); received {scores.shape}")
    rows, classes = scores.shape
    draw = ag.random.uniform((rows, num_samples, classes), dtype="float64", generator=_stream("categorical", seed))
    gumbel = -np.log(-np.log(np.maximum(draw, np.finfo(np.float64).tiny)))
    return cast("Tensor", np.argmax(scores.reshape(rows, 1, classes) + gumbel, axis=-1)).astype(dtype)


def shuffle(x: npt.ArrayLike | Tensor, axis: int = 0, seed: Seed = None) -> Tensor:
    """Return x in a random order along an axis.

    Args:
        x: an array, list or Tensor of at least one axis.
        axis: the axis of which the entries change places; the first by default.
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Example:
        >>> sorted(shuffle([3, 1, 2]).tolist())
        [1, 2, 3]
    """
    values = _tensor(x)
    order = ag.random.permutation(values.shape[axis], generator=_stream("shuffle", seed))
    return cast("Tensor", np.take(values, order, axis=axis))


def dropout(
    inputs: npt.ArrayLike | Tensor, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> Tensor:
    """Set elements to 0 with probability `rate`, and divide the others by 1 - rate.

    Args:
        inputs: an array, list or Tensor, floating, any shape.
        rate: the probability of 0, at least 0 and below 1.
        noise_shape: the shape of the draw, which broadcasts to that of the inputs, so that entries along an axis of
            length 1 share their fate; None in it stands for the inputs' length there. By default the inputs' shape.
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Raises:
        ValueError: if the rate is out of its range.

    Example:
        >>> dropout(np.ones(4, np.float32), 0.0, seed=0).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    if not is_number(rate) or not 0 <= rate < 1:
        raise ValueError(f"dropout: expected 0 <= rate < 1; received rate={rate!r}")
    x = _tensor(inputs)
    lengths = x.shape if noise_shape is None else noise_shape
    shape = tuple(x.shape[i] if n is None else n for i, n in enumerate(lengths))
    return x * ag.random.bernoulli(shape, 1 - rate, dtype=x.dtype, generator=_stream("dropout", seed)) / (1 - rate)


def gamma(shape: Shape, alpha: npt.ArrayLike, dtype: npt.DTypeLike | None = None, seed: Seed = None) -> Tensor:
    """Draw from the gamma distribution with shape parameter alpha > 0 and scale 1; a traced program repeats it.

    Args:
        shape: the shape of the result, ints; () for a single number.
        alpha: the shape parameter of the distribution, above 0; a number, or an array that broadcasts to `shape`.
        dtype: "float16", "float32" or "float64"; None, the default, for "float32".
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Example:
        >>> float(gamma((3,), 2.0, seed=0).min()) > 0
        True
    """
    kind = _floating("gamma", dtype)
    return _draw(_stream("gamma", seed), kind, lambda bits: bits.gamma(np.asarray(alpha), size=tuple(shape)))


def beta(
    shape: Shape, alpha: npt.ArrayLike, beta: npt.ArrayLike, dtype: npt.DTypeLike | None = None, seed: Seed = None
) -> Tensor:
    """Draw from the beta distribution with parameters alpha, beta > 0, broadcast; a traced program repeats it.

    Args:
        shape: the shape of the result, ints; () for a single number.
        alpha, beta: the parameters of the distribution, above 0; numbers, or arrays that broadcast to `shape`.
        dtype: "float16", "float32" or "float64"; None, the default, for "float32".
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Example:
        >>> sample = beta((3,), 2.0, 2.0, seed=0)
        >>> 0 < float(sample.min()) and float(sample.max()) < 1
        True
    """
    kind, a, b = _floating("beta", dtype), np.asarray(alpha), np.asarray(beta)
    return _draw(_stream("beta", seed), kind, lambda bits: bits.beta(a, b, size=tuple(shape)))


def binomial(
    shape: Shape,
    counts: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    dtype: npt.DTypeLike | None = None,
    seed: Seed = None,
) -> Tensor:
    """Draw numbers of successes in `counts` trials, as floats; a traced program repeats them.

    Args:
        shape: the shape of the result, ints; () for a single number.
        counts: the number of trials, an integer of at least 0, or an array of them that broadcasts to `shape`.
        probabilities: the probability of a success, from 0 to 1, or an array that broadcasts to `shape`.
        dtype: "float16", "float32" or "float64"; None, the default, for "float32".
        seed: an int, which gives the same numbers at every call; a `SeedGenerator`, which goes on from call to call; or
            None for the default generator, which `nn.set_seed` seeds.

    Example:
        >>> binomial((2,), 3, 1.0, seed=0).tolist()
        [3.0, 3.0]
    """
    kind, n, p = _floating("binomial", dtype), np.asarray(counts, np.int64), np.asarray(probabilities)
    return _draw(_stream("binomial", seed), kind, lambda bits: bits.binomial(n, p, size=tuple(shape)))


def draw_rows(draw: Callable[[tuple[int, ...]], Tensor], shape: Sequence[int], axis: int | None = 0) -> Tensor:
    """Return random numbers for the rows of a batch; on a shard of one, those of its rows in the whole batch.

    So ranks with the same random stream draw together the numbers that one process would draw.

    Args:
        draw: a function of a shape.
        shape: of the result.
        axis: along which the rows lie, each of them once or several times in a row; None if they share the numbers.

    Example:
        >>> draw_rows(uniform, (2, 3)).shape
        (2, 3)
    """
    shard = CALL.get().shard
    if shard is None or axis is None:
        return draw(tuple(shape))
    start, stop, rows = (ag.static(shard.numbers, name) for name in ("start", "stop", "rows"))
    start = min(start, rows - 1)  # a rank without a row computes with one
    stop = max(stop, start + 1)
    times, rest = divmod(shape[axis], stop - start)
    if rest:
        return draw(tuple(shape))
    whole = draw((*shape[:axis], rows * times, *shape[axis + 1 :]))
    return whole[(*[slice(None)] * axis, slice(start * times, stop * times))]


def _stream(called: str, seed: Seed) -> Generator:
    """Return the generator that a `seed` means."""
    if seed is None:
        return ag.random.default_generator
    if isinstance(seed, Generator):
        return seed
    if not is_integer(seed):
        raise TypeError(f"{called}: expected seed to be an int, a SeedGenerator or None; received {seed!r:.80}")
    return Generator(int(seed) % 2**64, name=f"{called} seed {seed}")


def _floating(called: str, dtype: npt.DTypeLike | None) -> np.dtype[Any]:
    kind = np.dtype("float32" if dtype is None else dtype)
    if kind.kind != "f":
        raise ValueError(f"{called}: expected a floating dtype; received dtype={kind}")
    return kind


def _draw(source: Generator, dtype: npt.DTypeLike, draw: Callable[[np.random.Generator], Any]) -> Tensor:
    with source.lock:
        return ag.tensor(np.asarray(draw(source.bits)).astype(dtype, copy=False))


def _tensor(x: npt.ArrayLike | Tensor) -> Tensor:
    if isinstance(x, Tensor):
        return x
    values = np.asarray(x)
    return ag.tensor(values.astype(np.float32) if values.dtype == np.float64 and not hasattr(x, "dtype") else values)

"""Random tensors. A draw is a recorded op that names its generator; `set_seed` owns the default one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from ._record import apply
from ._tensor import Tensor
from .core.arguments import described
from .core.messages import checked, checked_class
from .ops import random as ops

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Generator", "bernoulli", "default_generator", "normal", "permutation", "set_seed", "uniform"]


@checked_class
class Generator:
    """A stream of random numbers with a name, which records and pictures show.

    Args:
        seed: an int, or None for one from the operating system.
        name: what records call it.

    Example:
        >>> float(uniform((), generator=Generator(0))) == float(uniform((), generator=Generator(0)))
        True
    """

    __slots__ = ("_bits", "_seed", "name")

    def __init__(self, seed: int | None = None, name: str = "generator") -> None:
        self.name = name
        self.seed(seed)

    def seed(self, seed: int | None) -> None:
        """Start the stream again from `seed`."""
        whole = isinstance(seed, (int, np.integer))
        if seed is not None and (not whole or seed < 0):
            raise (ValueError if whole else TypeError)(
                f"expected seed to be an integer of at least 0, or None; received seed={described(seed)}"
            )
        self._seed = seed
        self._bits: np.random.Generator | None = None

    @property
    def bits(self) -> np.random.Generator:
        """NumPy's generator; made at the first draw, since `numpy.random` is slow to import."""
        if self._bits is None:
            self._bits = np.random.default_rng(self._seed)
        return self._bits

    @property
    def state(self) -> dict[str, Any]:
        """The state of the bit generator; set it to go on from where another stream was."""
        return dict(self.bits.bit_generator.state)

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.bits.bit_generator.state = state

    def __repr__(self) -> str:
        return f"<Generator {self.name}>"


default_generator = Generator(name="default")

# While someone remembers draws: every generator drawn from, with its state before its first draw.
_FIRST_STATES: ContextVar[dict[Generator, Any] | None] = ContextVar("autograd_lite_first_states", default=None)


@contextmanager
def remember_draws() -> Iterator[dict[Generator, Any]]:
    """Yield a dict that fills with the generators drawn from inside, each with its state before that."""
    states: dict[Generator, Any] = {}
    token = _FIRST_STATES.set(states)
    try:
        yield states
    finally:
        _FIRST_STATES.reset(token)
        outer = _FIRST_STATES.get()
        if outer is not None:
            for generator, state in states.items():
                outer.setdefault(generator, state)


@contextmanager
def replay_draws(states: dict[Generator, Any]) -> Iterator[None]:
    """Draw inside what was drawn while `states` were remembered; afterwards the streams go on from where they were."""
    now = {generator: generator.state for generator in states}
    for generator, state in states.items():
        generator.state = state
    try:
        yield
    finally:
        for generator, state in now.items():
            generator.state = state


@checked
def set_seed(seed: int | None) -> None:
    """Seed the default generator, which initializers, shuffling and dropout draw from.

    Example:
        >>> set_seed(1); a = float(normal(()))
        >>> set_seed(1); a == float(normal(()))
        True
    """
    default_generator.seed(seed)


def _shape(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _draw(
    op: Any, shape: int | tuple[int, ...], dtype: npt.DTypeLike, generator: Generator | None, **params: Any
) -> Tensor:
    source = default_generator if generator is None else generator
    states = _FIRST_STATES.get()
    if states is not None and source not in states:
        states[source] = source.state
    return apply(op, (), {"generator": source, "shape": _shape(shape), "dtype": np.dtype(dtype), **params})


@checked
def normal(
    shape: int | tuple[int, ...],
    loc: float = 0.0,
    scale: float = 1.0,
    *,
    dtype: npt.DTypeLike = np.float64,
    generator: Generator | None = None,
) -> Tensor:
    """Draw from the normal distribution with mean `loc` and standard deviation `scale`."""
    return _draw(ops.random_normal, shape, dtype, generator, loc=loc, scale=scale)


@checked
def uniform(
    shape: int | tuple[int, ...],
    low: float = 0.0,
    high: float = 1.0,
    *,
    dtype: npt.DTypeLike = np.float64,
    generator: Generator | None = None,
) -> Tensor:
    """Draw from the uniform distribution on [low, high)."""
    return _draw(ops.random_uniform, shape, dtype, generator, low=low, high=high)


@checked
def bernoulli(
    shape: int | tuple[int, ...],
    p: float = 0.5,
    *,
    dtype: npt.DTypeLike = np.float64,
    generator: Generator | None = None,
) -> Tensor:
    """Draw 1 with probability `p`, else 0."""
    return _draw(ops.random_bernoulli, shape, dtype, generator, p=p)


@checked
def permutation(n: int, *, generator: Generator | None = None) -> Tensor:
    """Draw a random order of 0 … n - 1."""
    return _draw(ops.random_permutation, n, np.int64, generator)

"""Random tensors. A draw is a recorded op that names its generator; `set_seed` owns the default one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from .core.arguments import describe
from .core.errors import GradError, ShapeError
from .core.forks import on_fork
from .core.messages import checked, checked_class
from .core.mode import MODE, TAPES
from .core.op import Op
from .ops import draws as ops
from .tensors.record import apply
from .tensors.tensor import Tensor
from .tree import leaves

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Generator", "bernoulli", "default_generator", "draw", "normal", "permutation", "set_seed", "uniform"]
__dir__ = __all__.copy


@checked_class
class Generator:
    """A stream of random numbers with a name, which records and pictures show.

    Threads may share one: no two of them get the same numbers. In a forked process every generator continues with its
    own stream, which is determined by the position of the parent's stream and the number of forks since it was seeded.
    So the children of one process draw different numbers, and a program that forks in the same order draws the same
    numbers again. Seed the generator in the child, or set its `state`, to choose the stream.

    Args:
        seed: an int, or None for one from the operating system.
        name: its name in records.

    Example:
        >>> float(uniform((), generator=Generator(0))) == float(uniform((), generator=Generator(0)))
        True
    """

    __slots__ = ("__weakref__", "_bits", "_forks", "_seed", "lock", "name")

    def __init__(self, seed: int | None = None, name: str = "generator") -> None:
        self.name = name
        self._begin()
        self._restart(_check_seed(seed))

    def _begin(self) -> None:
        self.lock = threading.RLock()  # held from reading the state until the draw
        _ALIVE.add(self)

    def seed(self, seed: int | None) -> None:
        """Start the stream again from `seed`."""
        seed = _check_seed(seed)
        _note_seed()
        source = _DRAWS.get()
        bits = None if source is None else source(self, False)
        if bits is None or bits is self._bits:
            self._restart(seed)
        else:  # a twin, while the stream itself stays where it is
            bits.bit_generator.state = np.random.default_rng(seed).bit_generator.state

    def _restart(self, seed: Any) -> None:
        self._seed, self._forks = seed, _forks
        self._bits: np.random.Generator | None = None

    @property
    def initial_seed(self) -> int | None:
        """The int that the stream began with; None if it began with another value."""
        return int(self._seed) if isinstance(self._seed, (int, np.integer)) else None

    @property
    def bits(self) -> np.random.Generator:
        """NumPy's generator; made at the first draw, since `numpy.random` is slow to import."""
        return self._stream(draws=True)

    def _stream(self, draws: bool = False) -> np.random.Generator:
        source = _DRAWS.get()
        return self._generator() if source is None else source(self, draws)

    def _generator(self) -> np.random.Generator:
        bits = self._bits
        if bits is None:
            with self.lock:  # otherwise each of several threads would start the stream anew
                bits = self._bits
                if bits is None:
                    bits = self._bits = np.random.default_rng(self._seed)
        return bits

    @property
    def state(self) -> dict[str, Any]:
        """The state of the bit generator; set it to continue where another stream was."""
        return dict(self._stream().bit_generator.state)

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        _note_seed()
        self._stream().bit_generator.state = state

    def _place(self) -> list[int] | None:
        """Return numbers that identify the position of the stream; None if it is unseeded and unused."""
        if self._bits is not None:
            state = self._bits.bit_generator.state["state"]
            return [state["state"], state["inc"]]
        return None if self._seed is None else np.atleast_1d(self._seed).tolist()

    def _branch(self, place: list[int] | None) -> None:
        """Continue, in a forked process, with a new stream."""
        self._restart(None if place is None else [*place, _forks - self._forks])
        self.lock = threading.RLock()  # the old one may have been held by another thread, which does not exist here

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "_seed": self._seed, "_bits": self._bits, "_forks": self._forks}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._begin()

    def __repr__(self) -> str:
        return f"<Generator {self.name}>"


def _check_seed(seed: int | None) -> int | None:
    """Return a seed, or raise if it cannot be one."""
    whole = isinstance(seed, (int, np.integer))
    if seed is not None and (not whole or seed < 0):
        raise (ValueError if whole else TypeError)(
            f"expected seed to be an integer of at least 0, or None; received seed={describe(seed)}"
        )
    return seed


def _note_seed() -> None:
    """Tell a function that is being recorded that a stream begins anew, which no replay would repeat."""
    if TAPES and (tape := MODE.get().tape) is not None:
        tape.note_seed()


_ALIVE: WeakSet[Generator] = WeakSet()
_PLACES: list[tuple[Generator, list[int] | None]] = []  # positions of the streams while the process forks
_forks = 0


def _before_fork() -> None:
    global _forks
    _forks += 1
    # Before the fork: NumPy waits until no other thread draws, and in the child that thread would never finish.
    _PLACES[:] = [(generator, generator._place()) for generator in list(_ALIVE)]


def _after_in_child() -> None:
    for generator, place in _PLACES:
        generator._branch(place)
    _PLACES.clear()


on_fork(before=_before_fork, after_in_parent=_PLACES.clear, after_in_child=_after_in_child)

default_generator = Generator(name="default")

# While draws are remembered or replayed: returns NumPy's generator as it is before the next draw, and is told whether
# that comes now.
_DRAWS: ContextVar[Callable[[Generator, bool], np.random.Generator] | None] = ContextVar(
    "autograd_lite_draws", default=None
)


@contextmanager
def remember_draws() -> Iterator[dict[Generator, list[Any]]]:
    """Yield a dict that collects the generators used inside, each with its states before its draws."""
    states: dict[Generator, list[Any]] = {}
    around = _DRAWS.get()

    def note(generator: Generator, draws: bool) -> np.random.Generator:
        bits = generator._generator() if around is None else around(generator, draws)
        if draws:
            states.setdefault(generator, []).append(bits.bit_generator.state)
        return bits

    try:
        _DRAWS.set(note)
        yield states
    finally:
        _DRAWS.set(around)


@contextmanager
def replay_draws(states: dict[Generator, list[Any]]) -> Iterator[None]:
    """Repeat inside the draws made while `states` were remembered; the streams themselves do not advance."""
    left = {generator: [*reversed(before)] for generator, before in states.items()}
    twins: dict[Generator, np.random.Generator] = {}

    def replay(generator: Generator, draws: bool) -> np.random.Generator:
        before = left.get(generator)
        if not before and (draws or generator not in twins):  # more draws than before
            return generator._generator()
        twin = twins.setdefault(generator, np.random.default_rng(0))
        if before:
            twin.bit_generator.state = before.pop() if draws else before[-1]
        return twin

    around = _DRAWS.get()
    try:
        _DRAWS.set(replay)
        yield
    finally:
        _DRAWS.set(around)


@contextmanager
def rehearse_draws(states: Mapping[Generator, Any] = MappingProxyType({})) -> Iterator[None]:
    """Draw inside from twins of the generators, which begin with these states, or anyhow; the streams stay."""
    twins: dict[Generator, np.random.Generator] = {}

    def rehearse(generator: Generator, draws: bool) -> np.random.Generator:
        if generator not in twins:
            twins[generator] = np.random.default_rng(0)
            if generator in states:
                twins[generator].bit_generator.state = states[generator]
        return twins[generator]

    around = _DRAWS.get()
    try:
        _DRAWS.set(rehearse)
        yield
    finally:
        _DRAWS.set(around)


@checked
def set_seed(seed: int | None) -> None:
    """Seed the default generator, which initializers, shuffling and dropout use.

    Args:
        seed: an integer, at least 0; or None for fresh draws.

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
    return apply(op, (), {"generator": source, "shape": _shape(shape), "dtype": np.dtype(dtype), **params})


def _is_tensor(x: Any) -> bool:
    return hasattr(x, "__apply_op__")


def _precision(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the dtype of the standard draw that is scaled."""
    return np.dtype(dtype) if np.dtype(dtype) in (np.float32, np.float64) else np.dtype(np.float64)


def _of_shape(call: str, x: Any, shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Tensor:
    """Return the result of a call, whose parameters may not have broadcast it to another shape."""
    if x.shape != _shape(shape):
        raise ShapeError(
            f"{call}: expected parameters that broadcast to shape={_shape(shape)}; received some that make {x.shape} "
            "of it. Draw in that shape"
        )
    return x if x.dtype == np.dtype(dtype) else x.astype(dtype)


@checked
def normal(
    shape: int | tuple[int, ...],
    loc: npt.ArrayLike | Tensor = 0.0,
    scale: npt.ArrayLike | Tensor = 1.0,
    *,
    dtype: npt.DTypeLike = np.float64,
    generator: Generator | None = None,
) -> Tensor:
    """Draw from the normal distribution with mean `loc` and standard deviation `scale`.

    Gradients flow to Tensors among these: the result is z * scale + loc, where z is a standard normal draw.

    Args:
        shape: of the result: a length, or a tuple of lengths, () for one number.
        loc: the mean, a number, an array or a Tensor that broadcasts to `shape`; 0 by default.
        scale: the standard deviation, not negative, given in the same ways; 1 by default.
        dtype: of the result, a floating one; float64 by default.
        generator: what to draw from, a `Generator`; by default the one that `set_seed` seeds.

    Example:
        >>> import autograd_lite as ag
        >>> ag.random.normal((2,), generator=ag.Generator(0)).shape
        (2,)
        >>> ag.grad(lambda mean: ag.random.normal((3,), mean).sum())(1.0)
        np.float64(3.0)
    """
    if _is_tensor(loc) or _is_tensor(scale):
        z = _draw(ops.random_normal, shape, _precision(dtype), generator, loc=0.0, scale=1.0)
        return _of_shape("normal", z * scale + loc, shape, dtype)
    return _draw(ops.random_normal, shape, dtype, generator, loc=loc, scale=scale)


@checked
def uniform(
    shape: int | tuple[int, ...],
    low: npt.ArrayLike | Tensor = 0.0,
    high: npt.ArrayLike | Tensor = 1.0,
    *,
    dtype: npt.DTypeLike = np.float64,
    generator: Generator | None = None,
) -> Tensor:
    """Draw from the uniform distribution on [low, high).

    Gradients flow to Tensors among these: the result is u * (high - low) + low, where u is drawn from [0, 1).

    Args:
        shape: of the result: a length, or a tuple of lengths, () for one number.
        low: the lower end, which may be drawn: a number, an array or a Tensor that broadcasts to `shape`; 0 by default.
        high: the upper end, which is not drawn, given in the same ways; 1 by default.
        dtype: of the result, a floating one; float64 by default.
        generator: what to draw from, a `Generator`; by default the one that `set_seed` seeds.

    Example:
        >>> import autograd_lite as ag
        >>> ag.random.uniform(3, 5.0, 6.0, generator=ag.Generator(0)).min() >= 5
        Tensor(True, op=greater_equal)
    """
    if _is_tensor(low) or _is_tensor(high):
        u = _draw(ops.random_uniform, shape, _precision(dtype), generator, low=0.0, high=1.0)
        return _of_shape("uniform", u * (high - low) + low, shape, dtype)  # type: ignore[operator]
    return _draw(ops.random_uniform, shape, dtype, generator, low=low, high=high)


@checked
def bernoulli(
    shape: int | tuple[int, ...],
    p: npt.ArrayLike | Tensor = 0.5,
    *,
    dtype: npt.DTypeLike = np.float64,
    generator: Generator | None = None,
) -> Tensor:
    """Draw 1 with probability `p`, else 0.

    Args:
        shape: of the result: a length, or a tuple of lengths, () for one number.
        p: the probability of 1, from 0 to 1: a number, an array or a Tensor that broadcasts to `shape`; 0.5 by default.
        dtype: of the result, float64 by default; integers and bool are allowed.
        generator: what to draw from, a `Generator`; by default the one that `set_seed` seeds.

    Raises:
        GradError: if a gradient by `p` is asked for, since 0s and 1s have none.

    Example:
        >>> import autograd_lite as ag
        >>> ag.random.bernoulli(4, p=1.0)
        Tensor([1., 1., 1., 1.], op=random_bernoulli)
    """
    if _is_tensor(p):
        u = _draw(ops.random_uniform, shape, np.float32, generator, low=0.0, high=1.0)
        return _of_shape("bernoulli", apply(ops.bernoulli_below, (u, p), {"dtype": np.dtype(dtype)}), shape, dtype)
    return _draw(ops.random_bernoulli, shape, dtype, generator, p=p)


@checked
def permutation(n: int, *, generator: Generator | None = None) -> Tensor:
    """Draw a random order of 0 … n - 1.

    Args:
        n: how many numbers to order, at least 0; the result has shape (n,) and dtype int64.
        generator: what to draw from, a `Generator`; by default the one that `set_seed` seeds.

    Example:
        >>> import autograd_lite as ag
        >>> sorted(ag.random.permutation(4).tolist())
        [0, 1, 2, 3]
    """
    return _draw(ops.random_permutation, n, np.int64, generator)


def _by(*, generator: Generator, shape: Any, dtype: Any, f: Callable[..., Any], **params: Any) -> Any:
    with generator.lock:
        return np.asarray(f(generator.bits, shape, **params)).astype(dtype, copy=False)


_DRAW = Op("random_draw", _by, None, ops._infer)  # one op for all functions, so it is in no table


@checked
def draw(
    f: Callable[..., Any],
    shape: int | tuple[int, ...],
    *,
    dtype: npt.DTypeLike = np.float64,
    generator: Generator | None = None,
    **params: Any,
) -> Tensor:
    """Draw from any distribution that NumPy has; a compiled function draws anew at every call.

    Args:
        f: `f(bits, shape, **params)` returns an array of the shape; `bits` is a `numpy.random.Generator`. It is defined
            once, outside of the function that is compiled.
        shape: of the result.
        dtype: of the result.
        generator: by default the one that `set_seed` seeds.
        params: numbers and other constants for `f`.

    Raises:
        GradError: if a Tensor among the parameters requires a gradient, which cannot flow through `f`.

    Example:
        >>> import autograd_lite as ag
        >>> def gamma(bits, shape, k):
        ...     return bits.gamma(k, size=shape)
        >>> fast = ag.compile(lambda x: x * ag.random.draw(gamma, 2, k=3.0))
        >>> len({float(fast(np.ones(2))[0]) for _ in range(5)})
        5
    """
    for name, value in params.items():
        if any(getattr(x, "requires_grad", False) for x in leaves(value)):
            raise GradError(
                f"draw: expected parameters without a gradient; received {name}={describe(value)}, whose gradient "
                f"cannot flow through NumPy's generator. Draw from the standard distribution and compute with that, as "
                f"in {name} * ag.random.draw(f, shape), or write {name}=t.detach() if no gradient is meant"
            )
    return _draw(_DRAW, shape, dtype, generator, f=f, **params)

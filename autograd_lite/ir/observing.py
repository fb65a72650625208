"""Looking at values without changing them, in compiled functions too: `observe`, `assume` and `debug_print`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

from ..core.arguments import describe_argument, require_function
from ..core.duck_arrays import to_numpy
from ..core.errors import AssumptionFailed
from ..core.mode import MODE, TAPES, Mode, enter_mode
from ..engine.walk import edge_of, may_have_nan
from ..tensors.tensor import Tensor


class Seen:
    """The state that observers in a replay share.

    Args:
        alarm: has something in it after an operation that was invalid.
        masks: whether a NaN may be one that the engine masks.

    Attributes:
        count: how many have been called.
    """

    def __init__(self, alarm: list[Any], masks: bool) -> None:
        self.alarm, self.masks, self.count = alarm, masks, 0


# What the observers of the replay that runs know.
SEEN: ContextVar[Seen | None] = ContextVar("autograd_lite_seen", default=None)
# How many observers are not to be called again, in a list.
_SKIPPED: ContextVar[list[int] | None] = ContextVar("autograd_lite_skipped", default=None)


@contextmanager
def skipping(count: int) -> Iterator[None]:
    """Do not call the first observers inside."""
    around = _SKIPPED.get()
    try:
        _SKIPPED.set([count])
        yield
    finally:
        _SKIPPED.set(around)


def see(f: Callable[..., Any], *arrays: Any) -> None:
    """Call an observer in a replay, unless the engine may mask a value that it would see.

    Raises:
        AssumptionFailed: if it may be.
    """
    seen = SEEN.get()
    if seen is not None and (seen.alarm or (seen.masks and any(map(may_have_nan, arrays)))):
        raise AssumptionFailed
    f(*arrays)
    if seen is not None and not isinstance(f, Check | Assumption):
        seen.count += 1


# Whether a function runs beside its replay, which lets observers see its values.
_QUIET: ContextVar[bool] = ContextVar("autograd_lite_quiet", default=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Call nothing inside that only looks on."""
    around = _QUIET.get()
    try:
        _QUIET.set(True)
        yield
    finally:
        _QUIET.set(around)


@dataclass(frozen=True, slots=True)
class Check:
    """An observer that only raises errors."""

    f: Callable[..., Any]

    def __call__(self, *arrays: Any) -> None:
        self.f(*arrays)


@dataclass(frozen=True, slots=True)
class Assumption:
    """A condition of `assume`, which every replay checks."""

    holds: Callable[..., Any]

    def __call__(self, *arrays: Any) -> None:
        if not self.holds(*arrays):
            raise AssumptionFailed


def observe(f: Callable[..., Any], *values: Any, checks: bool = False) -> None:
    """Call `f` with the values of some Tensors, now, and at every replay if this is in a function that is compiled.

    Its result is ignored; if it raises, so does the replay, before it has any effect.

    Args:
        f: a function of arrays, which it must neither change nor keep.
        values: Tensors or arrays.
        checks: whether `f` does nothing but raise errors, so that a compiled function can be saved without it.

    Example:
        >>> import numpy as np, autograd_lite as ag
        >>> seen = []
        >>> @ag.compile
        ... def doubled(x):
        ...     ag.observe(lambda a: seen.append(float(a[0])), x)
        ...     return x * 2
        >>> for i in range(3):
        ...     doubled(np.full(2, i))
        array([0, 0])
        array([2, 2])
        array([4, 4])
        >>> seen
        [0.0, 1.0, 2.0]
    """
    if not callable(f):
        require_function("observe", f)
    tape = MODE.get().tape
    arrays = [to_numpy(v._data if isinstance(v, Tensor) else v) for v in values]
    if (tape is None or not tape.rehearses) and (checks or not (_QUIET.get() or _was_seen())):
        _run_without_tape(f, arrays) if tape is not None else f(*arrays)
    if tape is not None:
        tape.note_observer(Check(f) if checks else f, [edge_of(v) if isinstance(v, Tensor) else v for v in values])


def _run_without_tape(f: Callable[..., Any], arrays: list[Any]) -> None:
    """Call an observer without recording its computations: it runs again at every replay."""

    def run() -> None:
        enter_mode(_leave_untaped)
        f(*arrays)

    copy_context().run(run)  # whose end restores the mode wherever an interrupt comes


def _leave_untaped(mode: Mode) -> None:
    mode.tape = None


def _was_seen() -> bool:
    """Return whether a replay that failed has called the observer that is to be called now."""
    left = _SKIPPED.get()
    if not left or not left[0]:
        return False
    left[0] -= 1
    return True


def assume(holds: Callable[..., bool], *values: Any) -> None:
    """State an assumption of the compiled code of a function; where it does not hold, the function itself runs.

    Outside of functions that are compiled it does nothing: those branch on the value. It is for functions of which one
    branch is nearly always taken, and which are not to be split at it.

    Args:
        holds: a function of arrays.
        values: Tensors or arrays.

    Example:
        >>> import numpy as np, autograd_lite as ag
        >>> def root(x):
        ...     if not ag.extend.is_compiling() and (x < 0).any():
        ...         raise ValueError("expected numbers of at least 0")
        ...     ag.extend.assume(lambda a: (a >= 0).all(), x)
        ...     return np.sqrt(x)
        >>> fast = ag.compile(root)
        >>> fast(np.array([4.0])), fast(np.array([9.0]))
        (array([2.]), array([3.]))
        >>> fast(np.array([-1.0]))
        Traceback (most recent call last):
        ValueError: expected numbers of at least 0
    """
    if is_compiling():
        observe(Assumption(holds), *values)


def is_compiling() -> bool:
    """Return whether this runs to be compiled, so that it must not branch on values.

    Example:
        >>> is_compiling()
        False
    """
    return bool(TAPES) and MODE.get().tape is not None


def debug_print(text: str, *values: Any) -> None:
    """Print the values of some Tensors, now, and at every replay if this is in a function that is compiled.

    Args:
        text: a format string with a {} for each value.
        values: Tensors or arrays.

    Example:
        >>> import numpy as np, autograd_lite as ag
        >>> @ag.compile
        ... def step(x):
        ...     y = x * x
        ...     ag.debug_print("the square is {}", y)
        ...     return y
        >>> for i in (2.0, 3.0):
        ...     _ = step(np.float64(i))
        the square is 4.0
        the square is 9.0
    """
    if not isinstance(text, str):
        raise TypeError(f"debug_print: expected text to be a string; received {describe_argument('text', text)}")
    observe(lambda *arrays: print(text.format(*arrays)), *values)

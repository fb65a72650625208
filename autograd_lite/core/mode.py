"""Whether operations are recorded, and with what beside them. One setting per thread and per asyncio task."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, NamedTuple, TypeVar

__all__ = [
    "DEPTH",
    "MODE",
    "OUTSIDE",
    "Depth",
    "Mode",
    "enable_grad",
    "is_grad_enabled",
    "isolated",
    "module_scope",
    "no_grad",
    "raise_on_change",
    "record_source",
]

F = TypeVar("F", bound=Callable[..., Any])


class Mode(NamedTuple):
    """What is recorded: nothing, operations, operations with the user's line and the module they ran in.

    `watch` looks at every recorded operation, `watch(op, values, out, params, edges)`, and at backward passes. Whoever
    sets it sets `source` too: it is looked at only where lines are recorded, so that it costs nothing elsewhere. So is
    `verify`: note all elements of everything that is saved (see `raise_on_change`).
    """

    record: bool = True
    source: bool = False
    scope: str = ""
    watch: Any = None
    verify: bool = False


_DEFAULT = Mode()
MODE: ContextVar[Mode] = ContextVar("autograd_lite_mode", default=_DEFAULT)


class Depth(NamedTuple):
    """How many transformations run around this one, and how many of them are gradients, which record."""

    all: int = 0
    tapes: int = 0


OUTSIDE = Depth()
DEPTH: ContextVar[Depth] = ContextVar("autograd_lite_depth", default=OUTSIDE)


@contextmanager
def isolated() -> Iterator[None]:
    """Run a function on bare arrays as if no transformation ran around it, since none can reach into it."""
    token = DEPTH.set(OUTSIDE)
    try:
        yield
    finally:
        DEPTH.reset(token)


class _Recording:
    """Context manager and decorator that switches recording; enters again at every step of a generator."""

    _record: bool

    def __init__(self) -> None:
        self._tokens: list[Token[Mode]] = []

    def __enter__(self) -> None:
        self._tokens.append(MODE.set(MODE.get()._replace(record=self._record)))

    def __exit__(self, *exc: object) -> None:
        MODE.reset(self._tokens.pop())

    def __call__(self, f: F) -> F:
        wrapper: Any = _wrap_function
        if inspect.isasyncgenfunction(f):
            raise TypeError(
                f"{type(self).__name__}: cannot decorate the asynchronous generator '{f.__name__}'; "
                f"write `with {type(self).__name__}():` inside it, around what it is meant for"
            )
        if inspect.iscoroutinefunction(f):
            wrapper = _wrap_coroutine
        elif inspect.isgeneratorfunction(f):
            wrapper = _wrap_generator
        return wrapper(f, type(self))


def _wrap_function(f: Any, recording: type[_Recording]) -> Any:
    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with recording():
            return f(*args, **kwargs)

    return wrapped


def _wrap_coroutine(f: Any, recording: type[_Recording]) -> Any:
    # The mode belongs to the task, so it may be held while the coroutine waits.
    @functools.wraps(f)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        with recording():
            return await f(*args, **kwargs)

    return wrapped


def _wrap_generator(f: Any, recording: type[_Recording]) -> Any:
    """Hold the mode only while the generator runs: a suspended generator must not leak it to its caller."""

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        generator = f(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(generator.send, None)
        while True:
            with recording():
                try:
                    item = resume()
                except StopIteration as stop:
                    return stop.value
            try:
                sent = yield item
            except GeneratorExit:
                with recording():
                    generator.close()
                raise
            except BaseException as error:  # whatever the caller throws is the generator's to handle
                resume = functools.partial(generator.throw, error)
            else:
                resume = functools.partial(generator.send, sent)

    return wrapped


class no_grad(_Recording):
    """Record nothing inside: results have no history, and a leaf may be changed.

    Works as a context manager and as a decorator, of generators too; per thread and per task.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor(2.0, requires_grad=True)
        >>> with ag.no_grad():
        ...     y = x * x
        >>> y.requires_grad
        False
    """

    _record = False


class enable_grad(_Recording):
    """Record inside, also within a `no_grad` block."""

    _record = True


def is_grad_enabled() -> bool:
    """Return whether operations are being recorded here."""
    return MODE.get().record


@contextmanager
def record_source() -> Iterator[None]:
    """Record the user's file and line, and the `nn` module path, with every operation inside.

    Costs a quarter of the time of a small operation, so it is off unless asked for. Error messages and pictures then
    name the line.

    Example:
        >>> import autograd_lite as ag
        >>> with ag.record_source():
        ...     y = ag.tensor(2.0, requires_grad=True) * 3
        >>> y.source.line > 0
        True
    """
    token = MODE.set(MODE.get()._replace(source=True))
    try:
        yield
    finally:
        MODE.reset(token)


@contextmanager
def raise_on_change() -> Iterator[None]:
    """Note every element of all that is recorded inside; `backward` raises if any has changed by the time it is read.

    Arrays used beside Tensors are the caller's. Without this, small ones are copied and larger ones told by a sample
    of their elements, which can miss a change of a few. Inside, nothing is missed: neither that, nor what is written
    past the library, as through `tensor(a, copy=False)`, `.data.base` or ctypes. It costs a pass over everything that
    is saved, in the forward and in the backward pass; lines are recorded, as in `record_source`.

    Example:
        >>> import autograd_lite as ag
        >>> w, x = ag.tensor(np.ones(10_000), requires_grad=True), np.ones(10_000)
        >>> with ag.raise_on_change():
        ...     loss = (w * x).sum()
        >>> x[7] = 2.0
        >>> loss.backward()
        Traceback (most recent call last):
        autograd_lite.core.errors.GradError: backward: input 1 of the 'multiply' result of shape (10000,) float64, ...
    """
    token = MODE.set(MODE.get()._replace(source=True, verify=True))
    try:
        yield
    finally:
        MODE.reset(token)


class module_scope:
    """Name the module that the operations inside belong to; heard only while `record_source` is on.

    Args:
        path: the module's name; scopes inside each other join their names with dots.
        absolute: the path is whole, whatever scope is around.

    Example:
        >>> import autograd_lite as ag
        >>> with ag.record_source(), ag.module_scope("block"), ag.module_scope("attention"):
        ...     y = ag.tensor(2.0, requires_grad=True) * 3
        >>> ag.build_graph(y)["n2"].scope
        'block.attention'
    """

    # A class and not a generator, because every call of a module enters one.
    __slots__ = ("_absolute", "_path", "_token")

    def __init__(self, path: str, *, absolute: bool = False) -> None:
        self._path, self._absolute = path, absolute
        self._token: Token[Mode] | None = None

    def __enter__(self) -> None:
        mode = MODE.get()
        if mode.source:
            around = "" if self._absolute else mode.scope
            path = f"{around}.{self._path}" if around and self._path else around or self._path
            self._token = MODE.set(mode._replace(scope=path))

    def __exit__(self, *exc: object) -> None:
        if self._token is not None:
            MODE.reset(self._token)
            self._token = None

"""The recording mode: whether operations are recorded, and with which details. One per thread and asyncio task."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, TypeVar
from weakref import ref

from .forks import fork_safe_lock
from .module_scopes import scope_of_model, scope_of_module
from .node import Node, Note, next_stamp, take_note
from .observers import Tape, Watch

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")


class Mode:
    """The details that are recorded: nothing, operations, or operations with the user's line and their module.

    Attributes:
        record: whether operations are recorded.
        source: whether the user's line is recorded with them.
        scope: the path of the running `nn` module.
        watch: observes recorded operations and backward passes. Recording reads it only if `source` is set, so that it
            costs nothing otherwise; code that sets it sets `source` too.
        verify: take fingerprints of all saved elements, see `raise_on_change`; read where `watch` is.
        tape: the tape of a function that is being compiled: everything is recorded on it, with or without `record`. It
            is read if `TAPES` is not empty; code that sets it sets `source` too.
        entries: the blocks that set this mode, the innermost last.
        note: on a tape, in a backward pass: where that began, see `take_note`.
    """

    __slots__ = ("__weakref__", "entries", "note", "record", "scope", "source", "tape", "verify", "watch")

    def __init__(
        self,
        record: bool = True,
        source: bool = False,
        scope: str = "",
        watch: Watch | None = None,
        verify: bool = False,
        entries: tuple[Entry, ...] = (),
        tape: Tape | None = None,
        note: Note | None = None,
    ) -> None:
        self.record, self.source, self.scope, self.watch, self.verify = record, source, scope, watch, verify
        self.entries, self.tape, self.note = entries, tape, note

    def within(self, entry: Entry) -> Mode:
        """Return the mode at the beginning of a block inside this one."""
        entries = (*self.entries, entry)
        return Mode(self.record, self.source, self.scope, self.watch, self.verify, entries, self.tape, self.note)

    def take(self, other: Mode) -> None:
        """Copy the settings of another mode."""
        self.record, self.source, self.scope, self.watch = other.record, other.source, other.scope, other.watch
        self.verify, self.entries, self.tape, self.note = other.verify, other.entries, other.tape, other.note


class Entry:
    """One block that changes the mode, from `enter_mode` to `leave_mode`.

    Blocks need not end in reverse order: generators that hold one are closed in any order, by other threads too. So a
    block removes itself from the mode, where resetting a token would bring back an old mode.
    """

    __slots__ = ("change", "mode", "token")

    def __init__(self, change: Callable[[Mode], None]) -> None:
        self.change = change
        self.mode: Mode | None = None
        self.token: Token[Mode] | None = None


_OUTSIDE = Mode()
# The running tapes, of all threads: while there is none, they cost one truth test of this set.
TAPES: set[Tape] = set()
MODE: ContextVar[Mode] = ContextVar("autograd_lite_mode", default=_OUTSIDE)
# The modes of nested blocks. Only these, and the mode that a block began with, can contain that block.
_NESTED: set[ref[Mode]] = set()
_forget = _NESTED.discard
_LOCK = fork_safe_lock()


def enter_mode(change: Callable[[Mode], None]) -> Entry:
    """Begin a block whose mode is changed by `change`."""
    entry = Entry(change)
    _begin(entry)
    return entry


def _begin(entry: Entry) -> None:
    """Begin a block; if an interrupt comes, leave the mode as it was, since no frame would end the block."""
    around = MODE.get()
    try:
        entry.mode = mode = _make_mode(entry)
        entry.token = MODE.set(mode)
    except BaseException:
        MODE.set(around)
        raise


# The modes of `hold_mode` outside of all blocks, by its change. No block in their entries ever ends, so none changes.
_HELD: dict[Callable[[Mode], None], Mode] = {}


def hold_mode(change: Callable[[Mode], None]) -> None:
    """Change the mode for the rest of a context that ends with the caller, so that no old mode has to be restored.

    Args:
        change: a function of a module: its result outside of all blocks is cached.
    """
    if MODE.get() is not _OUTSIDE:
        MODE.set(_make_mode(Entry(change)))
        return
    mode = _HELD.get(change)
    if mode is None:
        mode = _HELD[change] = _make_mode(Entry(change))
    MODE.set(mode)


def _make_mode(entry: Entry) -> Mode:
    around = MODE.get()
    if around.entries:
        with _LOCK:
            mode = around.within(entry)
            _NESTED.add(ref(mode, _forget))
    else:
        mode = around.within(entry)
    entry.change(mode)
    return mode


def leave_mode(entry: Entry) -> tuple[Entry, ...] | None:
    """End a block, and set the mode that the other blocks give.

    Returns:
        The blocks that began after it and have not ended, or None if it began in another thread or task.
    """
    now, began, token = MODE.get(), entry.mode, entry.token
    assert began is not None
    assert token is not None
    entry.mode = entry.token = None
    try:
        MODE.reset(token)
    except ValueError:  # a variable of another context cannot be set, but its modes can be changed in place
        with _LOCK:
            for mode in (began, *(nested() for nested in list(_NESTED))):
                if mode is not None and entry in mode.entries:
                    mode.take(_without(mode.entries, entry))
        return None
    if now is began:
        return ()
    with _LOCK:
        mode = _without(now.entries, entry)
        _NESTED.add(ref(mode, _forget))
    MODE.set(mode if mode.entries else _OUTSIDE)
    return now.entries[now.entries.index(entry) + 1 :] if entry in now.entries else ()


def restore_mode(around: Mode) -> None:
    """Restore the mode from before an error, without the blocks that have ended since.

    An interrupt just before or during the `__exit__` of a block keeps the block from ending, since Python calls
    `__exit__` only once. So a frame around the block has to do it.
    """
    now = MODE.get()
    if now is around:
        return
    ended = [entry for entry in around.entries if entry.mode is None and entry not in now.entries]
    if not ended:
        MODE.set(around)
        return
    with _LOCK:
        mode = _without(around.entries, *ended)
        _NESTED.add(ref(mode, _forget))
    MODE.set(mode if mode.entries else _OUTSIDE)


def _without(entries: tuple[Entry, ...], *left: Entry) -> Mode:
    """Return the mode of the remaining blocks."""
    mode = Mode(entries=tuple([entry for entry in entries if entry not in left]))
    for entry in mode.entries:
        entry.change(mode)
    return mode


def record_on(mode: Mode) -> None:
    """For `enter_mode`: record inside."""
    mode.record = True


def record_off(mode: Mode) -> None:
    """For `enter_mode`: record nothing inside."""
    mode.record = False


def note_pass(mode: Mode) -> None:
    """For `hold_mode`, in a backward pass: on a tape, note the line that called it."""
    if mode.tape is not None:
        mode.note = take_note(mode.scope, within=mode.note)


def _source_on(mode: Mode) -> None:
    mode.source = True


def _verify_on(mode: Mode) -> None:
    mode.source = mode.verify = True


class _Recording:
    """Context manager and decorator that switches recording; enters again at every step of a generator."""

    __slots__ = ("_entries",)
    _change: Callable[[Mode], None]

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __enter__(self) -> None:
        entry = Entry(self._change)
        self._entries.append(entry)  # first: once the block has begun, an interrupt must leave nothing undone
        _begin(entry)

    def __exit__(self, *exc: object) -> None:
        entries = self._entries
        if len(entries) > 1:  # one object in several blocks, perhaps in several threads: end this thread's innermost
            entry = next((e for e in reversed(MODE.get().entries) if e in entries), entries[-1])
            entries.remove(entry)
        else:
            entry = entries.pop()
        leave_mode(entry)

    def __call__(self, f: F) -> F:
        wrapper: Any = _wrap_function
        if inspect.isasyncgenfunction(f):
            raise TypeError(
                f"{type(self).__name__}: cannot decorate the asynchronous generator '{f.__name__}'; "
                f"write `with {type(self).__name__}():` inside it, around the part in question"
            )
        if inspect.iscoroutinefunction(f):
            wrapper = _wrap_coroutine
        elif inspect.isgeneratorfunction(f):
            wrapper = _wrap_generator
        return wrapper(f, type(self))


def _wrap_function(f: Any, recording: type[_Recording]) -> Any:
    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        around = MODE.get()
        try:
            try:
                with recording():
                    return f(*args, **kwargs)
            except BaseException:
                restore_mode(around)
                raise
        except BaseException:
            restore_mode(around)  # again: an interrupt may have cut the first one short
            raise

    return wrapper


def _wrap_coroutine(f: Any, recording: type[_Recording]) -> Any:
    # The mode belongs to the task, so it may be held while the coroutine waits.
    @functools.wraps(f)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        around = MODE.get()
        try:
            with recording():
                return await f(*args, **kwargs)
        except BaseException:
            restore_mode(around)
            raise

    return wrapper


def _resume(resume: Callable[[], Any]) -> Any:
    return resume()


def _wrap_generator(f: Any, recording: type[_Recording]) -> Any:
    """Hold the mode only while the generator runs: a suspended generator must not leak it to its caller."""
    run = _wrap_function(_resume, recording)

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        generator = f(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(generator.send, None)
        while True:
            try:
                item = run(resume)
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield item
            except GeneratorExit:
                run(generator.close)
                raise
            except BaseException as error:  # the generator handles whatever the caller throws
                resume = functools.partial(generator.throw, error)
            else:
                resume = functools.partial(generator.send, sent)

    return wrapper


class no_grad(_Recording):
    """Record nothing inside: results have no history, and leaves may be changed.

    Works as a context manager and as a decorator, also of generators and coroutines; it applies to one thread or task.
    Blocks may end in any order. A generator that is suspended inside `with no_grad():` leaves it in force for its
    caller, as with any block in Python; a decorated generator does not. An interrupt at the very moment at which a
    block ends may leave it in force; a decorated function restores the mode wherever an interrupt comes.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor(2.0, requires_grad=True)
        >>> with ag.no_grad():
        ...     y = x * x
        >>> y.requires_grad
        False
    """

    _change = staticmethod(record_off)


class enable_grad(_Recording):
    """Record inside, also within a `no_grad` block.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor(2.0, requires_grad=True)
        >>> with ag.no_grad(), ag.enable_grad():
        ...     y = w * w
        >>> y.requires_grad
        True
    """

    _change = staticmethod(record_on)


def is_derivation() -> bool:
    """Return whether a function is recorded that follows from another one, on values that stand in for its own."""
    tape = MODE.get().tape if TAPES else None
    return tape is not None and tape.derives


def is_grad_enabled() -> bool:
    """Return whether operations are recorded here.

    Example:
        >>> import autograd_lite as ag
        >>> with ag.no_grad():
        ...     print(is_grad_enabled())
        False
    """
    return MODE.get().record


@contextmanager
def record_source() -> Iterator[None]:
    """Record the user's file and line, and the `nn` module path, with every operation inside.

    Error messages and pictures then name the line. It makes small operations a quarter slower, so it is off by default.

    Example:
        >>> import autograd_lite as ag
        >>> with ag.record_source():
        ...     y = ag.tensor(2.0, requires_grad=True) * 3
        >>> y.source.line > 0
        True
    """
    entry = enter_mode(_source_on)
    try:
        yield
    finally:
        leave_mode(entry)


@contextmanager
def raise_on_change() -> Iterator[None]:
    """Make `backward` raise if any element that was saved inside has changed by the time it is read.

    Arrays used as operands belong to the caller. Outside this block, small ones are copied, and a sample of the
    elements of larger ones is compared, which can miss a change of a few elements. Inside, every element is checked,
    including those written behind the library's back, as through `tensor(a, copy=False)`, `.data.base` or ctypes. It
    costs a pass over everything that is saved, in the forward and in the backward pass. Lines are recorded, as in
    `record_source`.

    Example:
        >>> import numpy as np, autograd_lite as ag
        >>> w, x = ag.tensor(np.ones(10_000), requires_grad=True), np.ones(10_000)
        >>> with ag.raise_on_change():
        ...     loss = (w * x).sum()
        >>> x[7] = 2.0
        >>> loss.backward()
        Traceback (most recent call last):
        autograd_lite.core.errors.GradError: backward: input 1 of the 'multiply' result of shape (10000,) float64, ...
    """
    entry = enter_mode(_verify_on)
    try:
        yield
    finally:
        leave_mode(entry)


# A loss may read what these were applied to, and not the result of the module.
_OF_LOGITS = frozenset(("softmax", "sigmoid"))


class module_scope:
    """Name the module that the operations inside belong to.

    Everything recorded inside has the name while `record_source` is on. Without it, what leads to the results that
    `note` is given has the name, which costs operations nothing.

    Args:
        path: the module's name; scopes inside each other join their names with dots.
        absolute: the path is complete and does not extend the scope around it.
        model: a model that is called on its own, in place of a path; pictures that show several models put its `name`
            before the paths of its modules.

    Example:
        >>> import autograd_lite as ag
        >>> with ag.record_source(), ag.extend.module_scope("block"), ag.extend.module_scope("attention"):
        ...     y = ag.tensor(2.0, requires_grad=True) * 3
        >>> ag.build_graph(y)["n2"].scope
        'block.attention'
    """

    # A class and not a generator, because every call of a module enters one; nodes that a module returns keep it.
    __slots__ = ("_absolute", "_entry", "_model", "_path", "began")

    def __init__(self, path: str, *, absolute: bool = False, model: object = None) -> None:
        self._path, self._absolute = path, absolute
        self._model = "" if model is None else scope_of_model(model)
        self._entry: Entry | None = None

    def __enter__(self) -> module_scope:
        if MODE.get().source:
            self._entry = enter_mode(self._change)
        self.began = next_stamp()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._entry is not None:
            leave_mode(self._entry)
            self._entry = None

    def note(self, result: R) -> R:
        """Return a result, after naming the module of those operations inside that lead to it.

        Args:
            result: a Tensor, or a tuple, list or dict of some; anything else is left alone.

        Example:
            >>> import autograd_lite as ag
            >>> with ag.extend.module_scope("double") as scope:
            ...     y = scope.note(ag.tensor(2.0, requires_grad=True) * 2.0)
            >>> [node.scope for node in ag.build_graph(y)]
            ['', '', 'double']
        """
        if self._entry is None:  # else every node has it
            node = getattr(result, "_node", None)
            if node.__class__ is Node:
                if node.stamp > self.began:  # else it was made before
                    node.calls = getattr(node, "calls", None), self
                    if node.op.name in _OF_LOGITS:
                        logits = node.inputs[0]
                        if logits.__class__ is Node and logits.stamp > self.began:
                            logits.calls = getattr(logits, "calls", None), self
            elif isinstance(result, dict):
                self.note(tuple(result.values()))
            elif isinstance(result, (tuple, list)):
                for part in result:
                    self.note(part)
            elif hasattr(type(result), "_data") and hasattr(type(result._data), "parts"):  # type: ignore[attr-defined]
                self.note(result._data.parts)  # type: ignore[attr-defined]
        return result

    def within(self, around: str) -> str:
        """Return the scope inside, as it is recorded, by the scope around it."""
        return self._model or scope_of_module(self._path, around, self._absolute)

    def _change(self, mode: Mode) -> None:
        mode.scope = self.within(mode.scope)

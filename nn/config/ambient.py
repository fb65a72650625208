"""The context of a call of `nn`, besides its arguments: all of it is listed here.

`CALL` has one record, the `Call`, for blocks that end in the reverse of the order in which they began, in the thread
and task where they began; see `during`. A `Setting` is for blocks that users hold, who may also do so in generators.

What threads keep apart of one object lies with the object: the penalties that a layer's calls add (`module.penalties`),
the state in which `training.replays` finds a model, and the threads that use a model's metrics (`training.steps`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import ref

T = TypeVar("T")


class Block(Generic[T]):
    """A `with` block in which a setting has a value."""

    __slots__ = ("ended", "token", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self.ended = False
        self.token: Token[tuple[Block[T], ...]] | None = None


class Setting(Generic[T]):
    """The open blocks of one kind in this thread and task.

    Blocks may end in any order, and in another thread or task than they began in, because generators may hold them. So
    each takes itself away, where resetting a variable would bring back old values. A task that was started inside a
    block keeps it.
    """

    def __init__(self, name: str) -> None:
        self.open: ContextVar[tuple[Block[T], ...]] = ContextVar(name, default=())

    def values(self) -> list[T]:
        """Return the values of the open blocks, the innermost one's first."""
        return [block.value for block in reversed(self.open.get()) if not block.ended]

    def enter(self, block: Block[T]) -> None:
        """Begin a block."""
        block.token = self.open.set((*self.open.get(), block))

    def leave(self, among: list[Block[T]]) -> None:
        """End the innermost of these blocks, of one object that may hold several, and take it off the list."""
        now = self.open.get()
        block = among.pop()
        if among:  # perhaps of several threads: take this one's
            among.append(block)
            block = next((block for block in reversed(now) if block in among), block)
            among.remove(block)
        try:
            if block.token is not None:  # else an interrupt came as it began, here
                self.open.reset(block.token)
        except ValueError:  # it began in another thread or task, where only its mark can end it
            block.ended = True
            return
        except RuntimeError:  # an interrupt has cut the first call short
            pass
        self.open.set(tuple([other for other in now if other is not block]))


@contextmanager
def hold(setting: Setting[T], value: T) -> Iterator[None]:
    """Let a setting have a value inside."""
    block = Block(value)
    try:
        try:
            setting.enter(block)
            yield
        finally:
            setting.leave([block])
    finally:
        setting.leave([block])  # again: an interrupt may have cut the first one short


#: custom classes and functions that configurations may name; see `CustomObjectScope`
CUSTOM_OBJECTS: Setting[Mapping[str, Any]] = Setting("nn_custom_objects")
#: how many elements a description may ask for; see `max_elements`
ELEMENTS: Setting[int] = Setting("nn_elements")
#: the modes of the trees that run, held weakly because an interrupt may prevent their end; see `module.modes`
MODES: Setting[ref[Any]] = Setting("nn_modes")


class Call(NamedTuple):
    """The context of the call that runs in this thread and task.

    Attributes:
        in_model: the first field, since each call of a model sets it: whether one is running; see `module.penalties`.
        covered: the ids of the modules whose state compiled code has read already; see `module.settings`.
        logits: the last softmax or sigmoid: its result, its input and its name; see `nn.module.logits`.
        limits_losses: whether a loss that was not finite is computed again, with limits; see `losses.loss`.
        probed: a module that runs to find the shapes of its results, and the symbols it was called on; see
            `module.recording`.
        unit: a number without a value while a module runs on shapes alone, of which others are made; see
            `module.abstract`.
        budget: elements left while a description is read, and the words of an error; see `limits.reading`.
        copies: losses and metrics of models that another thread is using, copied for this one, by the id of the model.
        interrupts: those that destructors have swallowed during the `fit` that runs here; see `training.interrupts`.
        shard: the shard of a global batch on which a step runs, if several processes train; see `distributed.shard`.
        world: the communicator of this thread alone, in tests with a rank in each thread; see `distributed.ranks`.
    """

    in_model: bool = False
    covered: frozenset[int] = frozenset()
    logits: list[tuple[Any, Any, str]] | None = None
    limits_losses: bool = False
    probed: tuple[Any, tuple[Any, ...]] | None = None
    unit: Any = None
    budget: tuple[list[int], str] | None = None
    copies: Mapping[int, Any] = MappingProxyType({})
    interrupts: list[BaseException] | None = None
    shard: Any = None
    world: Any = None


CALL: ContextVar[Call] = ContextVar("nn_call", default=Call())  # noqa: B039 a tuple


@contextmanager
def during(**changes: Any) -> Iterator[None]:
    """Change fields of the `Call` inside.

    The variable is set inside of the `try`: an interrupt between setting it and the `try` would leave it set.

    Example:
        >>> with during(in_model=True):
        ...     CALL.get().in_model
        True
    """
    around = CALL.get()
    inside = around._replace(**changes)
    is_over = False
    try:
        CALL.set(inside)
        yield
    except GeneratorExit:  # an interrupt kept the block from ending, and a call around it may have ended since
        is_over = CALL.get() is not inside
        raise
    finally:
        if not is_over:
            CALL.set(around)

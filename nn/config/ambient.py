"""What a call of `nn` knows besides its arguments: all of it is listed here.

A `ContextVar` is enough where blocks end in the reverse of the order in which they began, in the thread and task where
they began. Such a block reads the value around it, and sets the variable inside a `try` whose `finally` sets that value
again: an interrupt between setting it and the `try` would leave it set. A `Setting` is for blocks that users hold, who
may also do so in generators.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any, Generic, TypeVar
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
def held(setting: Setting[T], value: T) -> Iterator[None]:
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
#: what is left of them while a description is read, and what an error says was expected; see `limits.reading`
BUDGET: ContextVar[tuple[list[int], str] | None] = ContextVar("nn_budget", default=None)
#: the modes of the trees that run, held weakly because an interrupt may prevent their end; see `module.modes`
MODES: Setting[ref[Any]] = Setting("nn_modes")
#: a module that runs to find the shapes of its results, and the symbols it was called on; see `module.recording`
PROBED: ContextVar[tuple[Any, tuple[Any, ...]] | None] = ContextVar("nn_probed", default=None)
#: a number without a value while a module runs on shapes alone, of which others are made; see `module.abstract`
UNIT: ContextVar[Any] = ContextVar("nn_unit", default=None)
#: whether a model's call is running; see `module.penalties`
INSIDE_MODEL: ContextVar[bool] = ContextVar("nn_inside_model", default=False)
#: the last softmax or sigmoid, and what it was applied to; see `activations.remember_logits`
LOGITS: ContextVar[list[tuple[Any, Any, str]] | None] = ContextVar("nn_last_logits", default=None)
#: the part of a global batch that the step which runs here has, if several ranks train; see `distributed.part`
PART: ContextVar[Any] = ContextVar("nn_part", default=None)
#: whether a loss is computed again because it was not finite, and takes limits where there are any; see `losses.loss`
LIMITS: ContextVar[bool] = ContextVar("nn_limits_of_losses", default=False)
#: losses and metrics of models that another thread is using, copied for this one, by the id of the model
COPIES: ContextVar[Mapping[int, Any]] = ContextVar("nn_copies", default=MappingProxyType({}))
#: interrupts that destructors have swallowed during the `fit` that runs here; see `training.interrupts`
INTERRUPTS: ContextVar[list[BaseException] | None] = ContextVar("nn_ignored_interrupts", default=None)

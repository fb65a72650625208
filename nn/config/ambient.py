"""What a call of `nn` knows besides its arguments: all of it is listed here.

A `ContextVar` is enough where blocks end in the reverse of the order in which they began, in the thread and task where
they began. A `Setting` is for blocks that users hold, who may also do so in generators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from weakref import ref

T = TypeVar("T")
B = TypeVar("B", bound="Block")


class Block:
    """A `with` block that changes a setting while it is open."""

    __slots__ = ("__weakref__", "ended", "token")
    ended: bool
    token: Token[Any]


class Value(Block, Generic[T]):
    """A block in which a setting has a value."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value


class Setting(Generic[B]):
    """The open blocks of one kind in this thread and task.

    Blocks may end in any order, and in another thread or task than they began in, because generators may hold them. So
    each takes itself away, where resetting a variable would bring back old values. A task that was started inside a
    block keeps it. `weakly` is for blocks whose end an interrupt may prevent: they hold only while they are referenced.
    """

    def __init__(self, name: str, *, weakly: bool = False) -> None:
        self.open: ContextVar[tuple[Callable[[], B | None], ...]] = ContextVar(name, default=())
        self._hold: Callable[[B], Callable[[], B | None]] = ref if weakly else lambda block: lambda: block

    def blocks(self) -> list[B]:
        """Return the open blocks, the innermost one first."""
        found = [block() for block in reversed(self.open.get())]
        return [block for block in found if block is not None and not block.ended]

    def enter(self, block: B) -> B:
        """Begin a block."""
        block.ended = False
        block.token = self.open.set((*[held for held in self.open.get() if held() is not None], self._hold(block)))
        return block

    def leave(self, block: B) -> None:
        """End a block: in this thread or task if it began here, else everywhere."""
        others = tuple([held for held in self.open.get() if held() not in (None, block)])
        try:
            self.open.reset(block.token)
        except ValueError:  # it began in another context, whose variable is out of reach
            block.ended = True
        self.open.set(others)


@contextmanager
def held(setting: Setting[Value[T]], value: T) -> Iterator[None]:
    """Let a setting have a value inside."""
    block = setting.enter(Value(value))
    try:
        yield
    finally:
        setting.leave(block)


#: custom classes and functions that configurations may name; see `CustomObjectScope`
CUSTOM_OBJECTS: Setting[Value[Mapping[str, Any]]] = Setting("nn_custom_objects")
#: how many elements a description may ask for; see `element_limit`
ELEMENTS: Setting[Value[int]] = Setting("nn_elements")
#: what is left of them while a description is read, and what an error says was expected; see `limits.reading`
BUDGET: ContextVar[tuple[list[int], str] | None] = ContextVar("nn_budget", default=None)
#: the modes of the trees that run; see `module.modes`
MODES: Setting[Any] = Setting("nn_modes", weakly=True)
#: whether a model's call is running; see `module.penalties`
INSIDE_MODEL: ContextVar[bool] = ContextVar("nn_inside_model", default=False)
#: the last softmax or sigmoid, and what it was applied to; see `activations.remember_logits`
LOGITS: ContextVar[list[tuple[Any, Any, str]] | None] = ContextVar("nn_last_logits", default=None)
#: whether a loss is computed again because it was not finite, and takes limits where there are any; see `losses.loss`
LIMITS: ContextVar[bool] = ContextVar("nn_limits_of_losses", default=False)
#: losses and metrics of models that another thread is using, copied for this one, by the id of the model
COPIES: ContextVar[Mapping[int, Any]] = ContextVar("nn_copies", default=MappingProxyType({}))
#: interrupts that destructors have swallowed during the `fit` that runs here; see `training.interrupts`
INTERRUPTS: ContextVar[list[BaseException] | None] = ContextVar("nn_ignored_interrupts", default=None)

"""Building modules once, under a lock, and undoing a build that failed."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol
from weakref import WeakValueDictionary

import numpy as np

import autograd_lite as ag

from ..config.ambient import CALL
from ..config.forks import guard, on_fork
from .modes import adopt, trees_changed
from .tree import Tree


class Buildable(Protocol):
    """What can be built."""

    built: bool

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the parameters."""


class RestoreOnError:
    """Context manager that on an error gives back what building took: a tree's attributes, draws, a reader's budget.

    Building draws initial values and sets attributes. After a failed first call the module must be unbuilt again, and
    the next attempt must draw the values that the first would have drawn.
    """

    def __init__(self, module: Tree[Any]) -> None:
        self._attributes = [(m, dict(vars(m))) for _, m in module.named_modules()]
        self._stream = ag.random.default_generator.state
        budget = CALL.get().budget
        self._budget: list[int] | None = None if budget is None else budget[0]
        self._left = 0 if budget is None else budget[0][0]

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.restore()

    def restore(self) -> None:
        """Give back what there was at first."""
        for module, attributes in self._attributes:
            vars(module).clear()
            vars(module).update(attributes)
        ag.random.default_generator.state = self._stream
        if self._budget is not None:  # the arrays that it was spent on are gone
            self._budget[0] = self._left


# The locks of the modules that are being built, by their ids.
_LOCKS: WeakValueDictionary[int, Any] = WeakValueDictionary()
_GUARD = guard()
on_fork(after_in_child=_LOCKS.clear)  # the threads that were building do not exist there


def lock_of(module: object) -> Any:
    """Return the lock under which a module is built, so that threads that need it at once build it once.

    Each module has its own, since a module may run its parts in threads and wait for them.
    """
    with _GUARD:
        lock = _LOCKS.get(id(module))
        if lock is None:
            lock = _LOCKS[id(module)] = threading.RLock()
        return lock


def build_once(module: Buildable, input_shape: tuple[int | None, ...]) -> None:
    """Build a module, unless another thread has done so in the meantime."""
    with lock_of(module):
        if not module.built:
            module.build(input_shape)


def marks_built(build: Callable[..., None]) -> Callable[..., None]:
    """Return `build` so that it also marks the module as built and names its tensors, or on an error does nothing.

    Without this, a layer built by hand would be built again, with new weights, on its first call.
    """

    @functools.wraps(build)
    def build_and_mark(self: Tree[Any], input_shape: tuple[int | None, ...], *args: Any, **kwargs: Any) -> None:
        shape = _shape(self, input_shape)
        with lock_of(self), RestoreOnError(self):
            build(self, shape, *args, **kwargs)
            self.built, self._built_shape = True, shape
            self._freeze_new()
            adopt(self, self)
            trees_changed()
            self._name_tree()

    return build_and_mark


def _shape(module: object, input_shape: Any) -> tuple[Any, ...]:
    """Return an input shape as a tuple: of lengths, or of the shapes of several inputs."""
    fits = isinstance(input_shape, (tuple, list)) and all(
        n is None or isinstance(n, (tuple, list)) or (isinstance(n, (int, np.integer)) and not isinstance(n, bool))
        for n in input_shape
    )
    if not fits:
        raise TypeError(
            f"{type(module).__name__}.build: expected input_shape to be a tuple of lengths with the batch axis first, "
            f"such as (None, 4); received input_shape={input_shape!r:.80}"
        )
    return tuple(input_shape)


def takes_training(call: Callable[..., Any]) -> bool:
    """Return whether a `call` has a parameter named `training`, as in Keras's layers.

    Example:
        >>> takes_training(lambda self, x, training=False: x)
        True
    """
    return "training" in inspect.signature(call).parameters

"""Gradient hooks: functions of the user that a backward pass calls with gradients."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from ..core.duck_arrays import copy_array
from ..core.errors import ShapeError
from ..core.forks import fork_safe_lock
from ..core.hooks import HOOKS
from ..ops import shape
from .record import apply, own_value, wrap

# Held while gradients are accumulated, so that threads that share a leaf lose none.
GRAD_LOCK = fork_safe_lock()
# Something is in it once a leaf has a hook that is called while the pass still runs; it never empties.
AWAITED: list[bool] = []


class UserHook:
    """A user's hook: it gets and returns Tensors that share no memory, while the engine may pass plain arrays."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, g: Any) -> Any:
        Tensor = HOOKS.tensor
        seen = own_value(g) if isinstance(g, Tensor) else wrap(copy_array(g), None)
        changed: Any = self.function(seen)
        if changed is None:
            return None
        new = own_value(changed) if isinstance(changed, Tensor) else Tensor(changed)
        if new.shape != g.shape:
            raise ShapeError(f"register_hook: expected the hook to return shape {g.shape}; received {new.shape}")
        if new.dtype != g.dtype:
            new = apply(shape.astype, (new,), {"dtype": g.dtype})
        return new if isinstance(g, Tensor) else new._data


class ArrivalHook:
    """A user's hook that is called with its leaf when the gradient of the pass is in `.grad`."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], None]) -> None:
        self.function = function

    def __call__(self, g: Any) -> None:
        """Leave the gradient as it is: `engine.backward` calls the function afterward."""


def arrival_hooks(leaf: Any) -> list[ArrivalHook]:
    """Return the hooks of a leaf that are called when its gradient is in `.grad`."""
    return [hook for hook in getattr(leaf, "_hooks", ()) if hook.__class__ is ArrivalHook]


class HookHandle:
    """Removes a hook."""

    __slots__ = ("_hook", "_hooks")

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Remove the hook; calling this again has no effect."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


class GradKeeper:
    """The hook behind `retain_grad`; refers to its tensor weakly, so that the graph is not a cycle."""

    def __init__(self, owner: Any) -> None:
        self._owner = weakref.ref(owner)

    def __call__(self, g: Any) -> None:
        owner = self._owner()
        if owner is not None:
            grad = own_value(g) if isinstance(g, HOOKS.tensor) else wrap(copy_array(g), None)
            with GRAD_LOCK:
                owner._grad = grad if owner.grad is None else owner.grad + grad

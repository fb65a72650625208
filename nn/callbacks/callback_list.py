"""The list that calls callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partialmethod
from typing import Any

from autograd_lite import Tensor

from ..config.arguments import checked_here
from .base import Callback, Trained, check_callbacks
from .history import History

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_OTHER_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end", "on_predict_batch_begin", "on_predict_batch_end")


@checked_here
class CallbackList:
    """Calls callbacks in order; a custom loop calls its `on_train_begin`, `on_epoch_end` and so on.

    Args:
        callbacks: objects of type Callback, or one of them.
        add_history: whether to add a `History`, unless there is one.
        add_progbar: False; `fit` draws its own bar, and a loop of your own can use `nn.utils.Progbar`.
        model: the model in training, which the callbacks get as `self.model`; None to leave theirs as it is.
        params: facts about the training, such as epochs=3, which the callbacks get as the dict `self.params`.

    Attributes:
        watches_batches: whether any of them has a method for batches; if not, no logs are computed for batches.
        seen_nan: whether the loss of a batch has been NaN, or a callback itself explains that.
        guard: None, or a function that differentiates the loss of a step and returns whether to take the step.

    Example:
        >>> from nn import callbacks
        >>> CallbackList([callbacks.History()]).on_train_begin()
    """

    def __init__(
        self,
        callbacks: Callback | Sequence[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Trained | None = None,
        **params: Any,
    ) -> None:
        if add_progbar:
            raise ValueError("CallbackList: expected add_progbar=False; received True. `fit(verbose=1)` draws a bar")
        self.callbacks: list[Any] = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
        check_callbacks("CallbackList", self.callbacks)
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.callbacks.append(History())
        for callback in self.callbacks:
            if model is not None:
                callback.set_model(model)
            if params:
                callback.set_params(params)
        self.watches_batches = any(_has(c, hook) for c in self.callbacks for hook in _BATCH_HOOKS + _OTHER_BATCH_HOOKS)
        self.seen_nan = any(getattr(c, "explains_nan", False) for c in self.callbacks)
        self._muted: list[Any] = []
        guards = [c.admits for c in self.callbacks if hasattr(c, "admits")]
        self.guard: Callable[[Tensor], bool] | None = guards[0] if guards else None

    def __repr__(self) -> str:
        return f"CallbackList({self.callbacks!r})"

    def mute(self, muted: bool) -> None:
        """Choose whether callbacks that print or write files are called: of several ranks only the first does.

        Args:
            muted: whether they are left out.
        """
        self._muted = [c for c in self.callbacks if getattr(c, "first_rank_only", False)] if muted else []

    def call(self, hook: str, *args: Any) -> None:
        """Call the method `hook` of every callback that has it, with empty logs if none are given.

        Args:
            hook: name of the method, such as "on_epoch_end".
            args: its arguments.
        """
        if not args or not isinstance(args[-1], Mapping):
            args = (*args, {})
        for callback in self.callbacks:
            method = getattr(callback, hook, None)
            if method is not None and callback not in self._muted:
                method(*args)

    def call_batch(self, hook: str, *args: Any) -> None:
        """Call a method for batches, if any callback has one.

        Args:
            hook: name of the method, such as "on_epoch_end".
            args: its arguments.
        """
        if self.watches_batches:
            self.call(hook, *args)

    def resumed_epoch(self, initial_epoch: int) -> int:
        """Return the number of the first epoch: the given one, or a later one if a callback has restored a run.

        Args:
            initial_epoch: the given one, from 0.
        """
        return max([initial_epoch, *(getattr(c, "resumed_epoch", 0) for c in self.callbacks)])


def _has(callback: Any, hook: str) -> bool:
    """True if a callback has a method of its own by this name."""
    method = getattr(callback, hook, None)
    return method is not None and getattr(method, "__func__", method) is not getattr(Callback, hook)


# In a custom loop, `calls.on_epoch_end(epoch, logs)` is Keras's way to write `calls.call("on_epoch_end", …)`.
for _hook in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(CallbackList, _hook, partialmethod(CallbackList.call, _hook))

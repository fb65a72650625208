"""The base class of callbacks, and the list that calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, dataclass_transform

import numpy.typing as npt

from autograd_lite import Tensor

from ..config.arguments import checked_here
from ..config.docstrings import describe_methods
from ..config.fields import attribute, declare, field, fields_of, text_of
from ..distributed.ranks import rank

Logs = Mapping[str, float]


@describe_methods
class Trained(Protocol):
    """What callbacks use of the model in training; every `nn.Model` has it, and more.

    Attributes:
        stop_training: set it to True and training ends after the batch; the epoch is closed like any other.

    Example:
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> model.stop_training = True
        >>> len(model.parameters())
        2
    """

    stop_training: bool

    @property
    def optimizer(self) -> Any:
        """The `nn.optimizers.Optimizer`, whose `learning_rate` may be set."""

    @property
    def metrics(self) -> Sequence[Any]:
        """The `nn.metrics.Metric`s that `fit` resets at the beginning of each epoch."""

    def parameters(self) -> list[Tensor]:
        """Return the parameters; after a batch their values are those of the next step."""

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the values of all parameters and buffers, by path."""

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike | Tensor]) -> Any:
        """Assign the values of all parameters and buffers, or none of them."""

    def save(self, path: Any) -> None:
        """Write the whole model to a file."""

    def save_weights(self, path: Any) -> None:
        """Write the values of all parameters and buffers to a file."""


def say(text: str) -> None:
    """Print a line, on the first of several ranks alone.

    Example:
        >>> say("Epoch 1: stopped")
        Epoch 1: stopped
    """
    if rank() == 0:
        print(text)


@describe_methods
class Callback:
    """Base class of all callbacks; a subclass overrides the methods that it needs.

    `self.model` is the model in training (see `Trained`), `self.params` a dict with "epochs", "steps" and "verbose".
    To stop, set `self.model.stop_training = True`: training stops after the batch, and the epoch ends like any other.

    `logs` is a dict of values by name, empty if there are none.

    The order is Keras's: `on_train_begin`; for each epoch `on_epoch_begin`, for each batch `on_train_batch_begin` and
    `on_train_batch_end`, for a validation `on_test_begin`, its batches, `on_test_end`, then `on_epoch_end`;
    finally `on_train_end`. `evaluate` calls only those of tests, `predict` only those of predictions.

    Example:
        >>> class Printer(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, sorted(logs))
    """

    model: Trained
    params: dict[str, Any]

    #: Whether only the first of several ranks calls it: one that prints or writes files, and changes no training.
    first_rank_only: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        checked_here(cls)

    def __repr__(self) -> str:
        defaults = {name: text_of(field.default) for name, field in fields_of(type(self)).items()}
        texts = {name: text_of(getattr(self, name, None)) for name in defaults}
        arguments = ", ".join(f"{name}={text}" for name, text in texts.items() if text != defaults[name])
        return f"{type(self).__name__}({arguments})"

    def set_model(self, model: Trained) -> None:
        """Receive the model before training begins.

        Args:
            model: the one in training, then `self.model`.
        """
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive the number of epochs and steps before training begins.

        Args:
            params: {"epochs": …, "steps": …, "verbose": …}, then `self.params`.
        """
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Run before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Run after the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Run before each epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Run after each epoch; `logs` has the loss and the metrics; those of validation begin with `val_`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before each step, counted from 0 in its epoch; calls `on_batch_begin`."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after each step; `logs` has the means of the epoch so far; calls `on_batch_end`."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before each step: an alias of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after each step: an alias of `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Run before an evaluation or a validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Run after an evaluation or a validation; `logs` has the loss and the metrics."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before each batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after each batch of an evaluation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Run before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Run after a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before each batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after each batch of a prediction."""


@dataclass_transform(eq_default=False, field_specifiers=(attribute, field))
class Declared(Callback):
    """A callback that declares the arguments of its constructor as fields, as those of nn do."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        declare(cls)
        super().__init_subclass__(**kwargs)


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        hooks: functions by the name of the method that they replace, such as `on_epoch_end=lambda epoch, logs: …`.

    Raises:
        TypeError: for an unknown name, or a value that cannot be called.

    Example:
        >>> note = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
        >>> note.on_epoch_end(3, {})
        3
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        names = [name for name in vars(Callback) if name.startswith("on_")]
        for name, function in hooks.items():
            if name not in names:
                raise TypeError(f"LambdaCallback: expected names among {names}; received {name!r}")
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: expected a function for {name}; received {function!r}")
            setattr(self, name, function)

    def __repr__(self) -> str:
        hooks = ", ".join(f"{name}={text_of(value)}" for name, value in vars(self).items() if name.startswith("on_"))
        return f"LambdaCallback({hooks})"


def check_callbacks(caller: str, callbacks: Iterable[Any]) -> None:
    """Raise unless these are callbacks.

    Args:
        caller: the call, for the error message.
        callbacks: objects to check.

    Raises:
        TypeError: for the first that is something else, such as a function or a class.
    """
    for callback in callbacks:
        if isinstance(callback, type) or not hasattr(callback, "set_model"):
            name = getattr(callback, "__name__", "")
            received, fix = f"{callback!r:.80}", "an object of nn.callbacks, such as EarlyStopping()"
            if isinstance(callback, type):
                received, fix = f"the class {name}", f"{name}()"
            elif callable(callback):
                received = f"the function {name}"
                fix = f"LambdaCallback(on_epoch_end={'f' if name == '<lambda>' else name}), of (epoch, logs)"
            raise TypeError(
                f"{caller}: expected callbacks to be objects of type Callback; received {received}. Write {fix}"
            )

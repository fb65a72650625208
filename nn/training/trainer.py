"""`Trainer`: Keras's `fit`, `evaluate` and `predict`, over the modules, losses and optimizers of hand-written loops.

All of them take arrays of shape (N, ...) or memory maps; with several inputs or outputs a tuple, list or dict of them;
or a stream of batches, each of them x, (x, y) or (x, y, sample_weight): an `nn.data.DataLoader`, a generator or another
iterable.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

import autograd_lite as ag
from autograd_lite import keep_freed_memory

from ..callbacks import Callback, CallbackList, History, Trained
from ..callbacks.base import check_callbacks
from ..config.arguments import not_negative, optional, positive
from ..data.structure import map_structure
from ..distributed.communicator import Communicator
from ..metrics import Metric
from ..module.building import RestoreOnError
from ..module.logits import remember_logits
from ..module.modes import in_mode
from ..module.module import Module
from ..module.penalties import has_penalties
from ..module.state import preserve_state
from .compiled import Compiled, as_list, values_of
from .contention import WATCH
from .data_adapter import DataAdapter, Validation, class_weights, first_row, shapes_with, validation_due
from .epoch_iterator import ArrayIterator, EpochIterator, Samples
from .interrupts import defer_interrupts, raise_deferred
from .nonfinite import warn_of_data
from .outputs import Means, Returned, check_returned, fit_targets, of_all_rows
from .progress import Progress, open_progress
from .steps import Stepper, attribute_metrics
from .strategies import SINGLE, SingleProcess, strategy_of

T = TypeVar("T")

_count = optional(positive)
# The methods besides its steps that a class overrides to report other values.
_REPORTS = ("compute_metrics", "metrics")
Callbacks = Callback | Iterable[Callback] | None


class _Run(NamedTuple):
    """What the epochs of one `fit` share.

    Attributes:
        batches: of training.
        validation: batches of validation, or None.
        is_due: whether to validate after an epoch, counted from 1.
        epochs: their numbers.
        verbose: as of `fit`.
        calls: the callbacks.
        strategy: for one process or several.
        facts: what must be the same in all processes, by name.
    """

    batches: EpochIterator
    validation: EpochIterator | None
    is_due: Callable[[int], bool]
    epochs: range
    verbose: int | str
    calls: CallbackList
    strategy: SingleProcess
    facts: dict[str, Any]


class Trainer(Stepper):
    """A module that can be compiled, trained, evaluated and asked for predictions."""

    # ---- fit --------------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Iterable[int] = 1,
        distributed: bool | Communicator = False,
    ) -> History:
        """Train the model for some epochs, and return the loss and the metrics of each.

        A step takes one batch and changes the weights once; an epoch is one pass over all samples. The values of an
        epoch are means over its samples, each computed with the weights at its step; those of validation, named
        `val_…`, are computed after the epoch. All arrays, and the first batch of a stream, are checked before the first
        step. After an error or an interrupt, the model and the optimizer are as the last whole step left them, in their
        previous mode and without gradients. Freed memory stays in the process from then on; see
        `ag.keep_freed_memory`.

        Args:
            x: inputs, shape (N, ...): an array, nested lists, a Tensor, or what NumPy makes an array of; a list, tuple
                or dict of these for a model with several inputs. Floating ones are cast to the model's dtype. Or a
                stream of batches, each (x, y) or (x, y, sample_weight): an `nn.data.DataLoader`, an `nn.data.Dataset`,
                an `nn.utils.PyDataset`, a generator or another iterable.
            y: targets, of the shape that the loss asks for, such as (N,) class indices; nested like the outputs if
                there are several. None with a stream, which has them in its batches.
            batch_size: samples per step, at least 1; None for 32. The last batch of an epoch may be smaller. A stream
                has its own batches.
            epochs: number of passes over the data; with `initial_epoch`, the number of the last epoch.
            verbose: 0 for silence, 1 for a bar, 2 for a line per epoch; "auto", the default, for a bar where one can be
                drawn, else lines.
            callbacks: objects of `nn.callbacks` whose methods are called on the way, such as [EarlyStopping()]; one of
                them, a list, or None.
            validation_split: fraction of the samples, at least 0 and below 1, that is taken from the end of the arrays,
                before they are shuffled, for validation in place of training; 0, the default, for none.
            validation_data: (x, y), (x, y, sample_weight) or a stream, for validation, in place of a split.
            shuffle: whether to draw a new order for each epoch, from the default generator, which `nn.set_seed` seeds;
                a stream has its own order.
            class_weight: weight of the samples of each class, such as {0: 1.0, 1: 5.0}, for targets that are class
                indices or one-hot; classes that are left out weigh 1. None for none.
            sample_weight: weight of each sample in the loss, shape (N,), at least 0; None for 1.
            initial_epoch: number of epochs that an earlier `fit` has done, to go on counting from there; 0 by default.
            steps_per_epoch: batches per epoch, at least 1, and the next epoch goes on where this one stopped; None for
                all of them. A generator without an end needs it.
            validation_steps: batches per validation, at least 1; None for all of them.
            validation_batch_size: samples per batch in validation; None for `batch_size`.
            validation_freq: number of epochs from one validation to the next, 1 by default; or a list of the epochs to
                validate after, counted from 1.
            distributed: whether each rank of the world, or of a communicator given here, takes its part of every batch,
                with the result that one process has; see `nn.distributed`.

        Returns:
            A History: `history.history["loss"]` is a list with the loss of each epoch, and so for each metric; `print`
            shows a table, `history.plot()` the curves.

        Raises:
            RuntimeError: if the model is not compiled.
            ShapeError: if shapes do not fit to each other or to the model; a ValueError too.
            ValueError: for data that cannot be trained on, such as NaN among the targets, or an argument out of range.
            TypeError: for an argument of another kind. None of these errors changes the model.

        Example:
            >>> import nn
            >>> x, y = np.random.default_rng(0).random((100, 4)), np.arange(100) % 3  # 100 samples of 3 classes
            >>> model = nn.Sequential([nn.layers.Dense(8, "relu"), nn.layers.Dense(3, "softmax")])
            >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            >>> history = model.fit(x, y, epochs=5, validation_split=0.2, verbose=0)
            >>> list(history.history), len(history.history["loss"])
            (['accuracy', 'loss', 'val_accuracy', 'val_loss'], 5)
        """
        caller = self._caller("fit")
        compiled = self._require_compiled(caller)
        epochs = not_negative(caller, "epochs", epochs)
        initial_epoch = not_negative(caller, "initial_epoch", initial_epoch)
        batch_size = _count(caller, "batch_size", batch_size)
        held_out_size = _count(caller, "validation_batch_size", validation_batch_size) or batch_size
        steps = _count(caller, "steps_per_epoch", steps_per_epoch), _count(caller, "validation_steps", validation_steps)
        held_out = Validation(validation_split, validation_data, held_out_size, steps[1])
        batches, validation = self._data_adapter(caller).training_data(
            (x, y, sample_weight), batch_size, steps[0], shuffle, class_weight, held_out
        )
        batches.check_epochs(caller, epochs - initial_epoch)
        is_due = validation_due(caller, validation_freq)
        history, strategy = History(), strategy_of(self, distributed)
        verbose = verbose if strategy.is_first else 0
        calls = self._callback_list(caller, [*as_list(callbacks), history], epochs, batches.steps, verbose)
        calls.mute(not strategy.is_first)
        open_progress(verbose, "", batches.steps)  # here, so that an error comes before the first step
        first = batches.first() if epochs > initial_epoch else None
        self._check(caller, first, None if validation is None else validation.first())
        modules = self._bind_optimizer(caller)
        self.stop_training = False
        keep_freed_memory()  # steps that are not replayed allocate all their arrays anew
        facts = {"batch_size": batch_size, "epochs": epochs, "batches": (batches.steps, *steps), "shuffle": shuffle}
        run = _Run(batches, validation, is_due, range(initial_epoch, epochs), verbose, calls, strategy, facts)
        with strategy.training(compiled.optimizer):
            self._in_training(caller, modules, partial(self._fit_epochs, run))
        return history

    @ag.enable_grad()  # as a decorator, which restores the mode wherever an interrupt comes
    def _in_training(self, caller: str, modules: list[Module], run: Callable[[Compiled], T]) -> T:
        """Run something in training mode, with the metrics in use; start without gradients, and leave none behind."""
        with self._metrics_in_use(caller) as compiled:
            optimizer = compiled.optimizer
            clear = optimizer.zero_grad if optimizer.parameters else list  # with nothing to train, nothing to clear
            clear()
            try:
                try:
                    with in_mode(self, True, modules), defer_interrupts():
                        result = run(compiled)
                        raise_deferred()
                    return result
                finally:
                    clear()
            finally:
                clear()  # again: an interrupt may have cut the first one short

    def _fit_epochs(self, run: _Run, compiled: Compiled) -> None:
        """Train for some epochs, and validate after those that it is due after."""
        batches, calls, strategy = run.batches, run.calls, run.strategy
        calls.call("on_train_begin")
        start = strategy.begin(compiled.optimizer, run.facts, (batches, run.validation), calls, run.epochs.start)
        logs: dict[str, float] = {}
        for epoch in range(start, run.epochs.stop):
            progress, logs = open_progress(run.verbose, f"Epoch {epoch + 1}/{run.epochs.stop}", batches.steps), {}
            with _closing(progress, logs):
                calls.call("on_epoch_begin", epoch)
                strategy.begin_epoch()
                logs |= self._train_epoch(compiled, batches, progress, calls, strategy)
                strategy.end_epoch()
                if run.validation is not None and run.is_due(epoch + 1):
                    results = self._evaluate(run.validation, None, calls, strategy)
                    results = _by_name(results) if self._overrides("test_step", *_REPORTS) else results
                    logs |= {f"val_{name}": value for name, value in results.items()}
            logs = self._in_order(logs, "train_step")
            calls.call("on_epoch_end", epoch, logs)
            if strategy.any(self.stop_training):
                break
        if compiled.optimizer.use_ema:
            compiled.optimizer.finalize_variable_values()
        calls.call("on_train_end", logs)

    def _train_epoch(
        self,
        compiled: Compiled,
        batches: EpochIterator,
        progress: Progress,
        calls: CallbackList,
        strategy: SingleProcess = SINGLE,
    ) -> dict[str, float]:
        """Train on the batches of one epoch, and return the loss and the metrics."""
        modules = [module for _, module in self._walk()]
        is_custom, watched = self._overrides("train_step", *_REPORTS), calls.watches_batches
        reported, means = self._reset(compiled, is_custom, "train_step", modules)
        make = partial(self._train_function, compiled, has_penalties(modules), calls.guard, strategy=strategy)
        if is_custom:
            make = partial(self._custom_function, self.train_step, means, strategy)
        train = make()
        done = 0
        for samples in batches.epoch():
            if watched:
                calls.call("on_train_batch_begin", done)
            if watched or batches.runs_code:  # code of the user's may have changed the model
                train = make()
            with ag.transaction(), strategy.step():
                loss, weight = train(samples)
                if has_rows := strategy.has_rows():
                    means.add(loss, weight)
            raise_deferred()
            if has_rows and not is_custom and not calls.seen_nan and not -math.inf < loss < math.inf:
                calls.seen_nan = warn_of_data(self._caller("fit"), batches, samples, loss, done) or loss != loss
            done += 1
            if watched:
                calls.call("on_train_batch_end", done - 1, _by_name(strategy.values(means, reported, last=False)))
            # Processes agree to stop where all of them ask: after a batch that runs code, or after the epoch.
            if strategy.any(self.stop_training) if watched or is_custom else self.stop_training and strategy is SINGLE:
                break
            now = time.perf_counter()
            if now >= progress.due:
                progress.show(done, means.values(reported))
            if now >= WATCH.due:
                WATCH.look(progress.abandon)
        progress.steps = progress.steps or done
        return strategy.values(means, reported)

    def _custom_function(
        self, step: Callable[[Any], Any], means: Means | Returned, strategy: SingleProcess
    ) -> Callable[[Samples], tuple[Any, float]]:
        """Return the function of a batch that calls a `train_step` or `test_step` of the class."""
        return lambda samples: (strategy.custom_step(lambda: step(samples.data()), means), 0.0)

    def _reset(
        self, compiled: Compiled, is_custom: bool, step: str, modules: list[Module]
    ) -> tuple[Sequence[Metric], Means | Returned]:
        """Reset the metrics; return those that are reported besides the loss, and the values of batches collected.

        Args:
            compiled: the loss and the metrics.
            is_custom: whether the class has its own step, which returns the values to report.
            step: its name.
            modules: the modules of the model.
        """
        if is_custom:
            self.reset_metrics()
            return (), Returned(step)
        reported = (*compiled.all_metrics, *attribute_metrics(modules))
        compiled.tracker.reset_state()
        for metric in reported:
            metric.reset_state()
        return reported, compiled.tracker.means

    def _data_adapter(self, caller: str, targets: bool = True) -> DataAdapter:
        """Return how a call takes data; without a loss, or with a custom `train_step`, targets may be missing."""
        optional = self._overrides("train_step") or (self._compiled is not None and self._compiled.loss is None)
        return DataAdapter(caller, self.dtype, "ignored" if not targets else "optional" if optional else "required")

    def _callback_list(
        self, caller: str, callbacks: list[Callback], epochs: int, steps: int | None, verbose: int | str
    ) -> CallbackList:
        check_callbacks(caller, callbacks)
        return CallbackList(callbacks, model=cast(Trained, self), epochs=epochs, steps=steps, verbose=verbose)

    # ---- one batch --------------------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one step on one batch, and return the loss and the metrics on it before the step.

        Args:
            x: inputs of the batch, shape (N, ...): an array, nested lists or a Tensor, or a list or dict of several.
            y: targets, of the shape that the loss asks for.
            sample_weight: weight of each sample in the loss, shape (N,); None for 1.
            class_weight: weight of the samples of each class, such as {0: 1.0, 1: 5.0}; None for 1.
            return_dict: whether to return the values by name, as a dict; False by default.

        Returns:
            The loss, a float; with metrics, a list of floats that begins with it, in the order of `metrics_names`; or a
            dict of floats.

        Raises:
            RuntimeError: if the model is not compiled.
            ValueError: for data that cannot be trained on; the model is then unchanged.
        """
        caller = self._caller("train_on_batch")
        self._require_compiled(caller)
        samples = self._data_adapter(caller).samples(x, y, sample_weight)
        if class_weight is not None:
            samples = class_weights(caller, class_weight, samples)
        if not self.built:
            self._check(caller, samples, None)
        modules = self._bind_optimizer(caller)
        batches = ArrayIterator(samples, samples.size)
        values = self._in_training(
            caller, modules, lambda compiled: self._train_epoch(compiled, batches, Progress("", 1), CallbackList())
        )
        return self._as_result(values, return_dict, "train_step")

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Return the loss and the metrics on one batch, in evaluation mode.

        Args:
            x: inputs of the batch, shape (N, ...): an array, nested lists or a Tensor, or a list or dict of several.
            y: targets, of the shape that the loss asks for.
            sample_weight: weight of each sample, shape (N,); None for 1.
            return_dict: whether to return the values by name, as a dict; False by default.

        Returns:
            The loss, a float; with metrics, a list of floats that begins with it; or a dict of floats.
        """
        size = self._data_adapter(self._caller("test_on_batch")).samples(x, y, sample_weight).size
        return self.evaluate(x, y, size, 0, sample_weight, return_dict=return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the model's outputs for one batch, as an array, in evaluation mode.

        Args:
            x: inputs of the batch, shape (N, ...): an array, nested lists or a Tensor, or a list or dict of several.

        Returns:
            An array of shape (N, ...); for a model with several outputs, arrays nested as the model returns them.
        """
        return self.predict(x, self._data_adapter(self._caller("predict_on_batch"), targets=False).samples(x).size)

    # ---- evaluate and predict ---------------------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and the metrics as means over all samples, in evaluation mode; nothing is trained.

        A cross-entropy is computed from the logits here as in training, if the model's last operation is the softmax
        or sigmoid of an `nn` layer or of `nn.activations`; else from clipped probabilities.

        Args:
            x: inputs, shape (N, ...): an array, nested lists or a Tensor, or a list or dict of several; or a stream of
                batches, such as an `nn.data.DataLoader`.
            y: targets, of the shape that the loss asks for; None with a stream, which has them in its batches.
            batch_size: samples at a time, at least 1; None for 32. The result does not depend on it.
            verbose: 0 for silence, 1 for a bar, 2 for a line; "auto", the default, for a bar where one can be drawn.
            sample_weight: weight of each sample, shape (N,); None for 1.
            steps: number of batches; None for all.
            callbacks: objects of `nn.callbacks`, whose `on_test_…` methods are called; one, a list, or None.
            return_dict: whether to return the values by name, as a dict; False by default.

        Returns:
            The loss, a float; with metrics, a list of floats that begins with it, in the order of `metrics_names`; or a
            dict of floats.

        Raises:
            RuntimeError: if the model is not compiled.
            ValueError: for data that cannot be evaluated, such as shapes that do not fit to each other.

        Example:
            >>> import nn
            >>> model = nn.Sequential([nn.layers.Dense(1, kernel_initializer="ones")])
            >>> model.compile("sgd", "mse", metrics=["mae"])
            >>> model.evaluate([[1.0], [2.0]], [[1.0], [4.0]], verbose=0, return_dict=True)
            {'loss': 2.0, 'mae': 1.0}
        """
        caller = self._caller("evaluate")
        self._require_compiled(caller)
        batches = self._data_adapter(caller).batches(
            (x, y, sample_weight), _count(caller, "batch_size", batch_size), _count(caller, "steps", steps)
        )
        calls = self._callback_list(caller, as_list(callbacks), 1, batches.steps, verbose)
        progress = open_progress(verbose, "", batches.steps)
        self._check(caller, batches.first(), None)
        values: dict[str, float] = {}
        with self._metrics_in_use(caller), _closing(progress, values):
            values |= self._evaluate(batches, progress, calls)
        return self._as_result(values, return_dict, "test_step")

    def _evaluate(
        self,
        batches: EpochIterator,
        progress: Progress | None,
        calls: CallbackList,
        strategy: SingleProcess = SINGLE,
    ) -> dict[str, float]:
        calls.call("on_test_begin")
        values = self._evaluate_batches(batches, progress, calls, strategy)
        calls.call("on_test_end", _by_name(values))
        return values

    @ag.no_grad()  # as a decorator, which restores the mode wherever an interrupt comes
    def _evaluate_batches(
        self, batches: EpochIterator, progress: Progress | None, calls: CallbackList, strategy: SingleProcess
    ) -> dict[str, float]:
        compiled = self._require_compiled(self._caller("evaluate"))
        is_custom, watched = self._overrides("test_step", *_REPORTS), calls.watches_batches
        reported, means = self._reset(compiled, is_custom, "test_step", [module for _, module in self._walk()])
        make = partial(self._test_function, compiled, strategy)
        if is_custom:
            make = partial(self._custom_function, self.test_step, means, strategy)
        done = 0
        with self.mode(training=False), remember_logits():
            test = make()
            for samples in batches.epoch():
                if watched:
                    calls.call("on_test_batch_begin", done)
                if watched or batches.runs_code:  # code of the user's may have changed the model
                    test = make()
                loss, weight = test(samples)
                if strategy.has_rows():
                    means.add(loss, weight)
                done += 1
                if watched:
                    calls.call("on_test_batch_end", done - 1, _by_name(strategy.values(means, reported, last=False)))
                if progress is not None and time.perf_counter() >= progress.due:
                    progress.show(done, means.values(reported))
        if progress is not None:
            progress.steps = progress.steps or done
        return strategy.values(means, reported)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Callbacks = None,
    ) -> Any:
        """Return the model's outputs for all samples as an array, in evaluation mode and without a record.

        Args:
            x: inputs, shape (N, ...): an array, nested lists or a Tensor, or a list or dict of several; or a stream of
                batches, whose targets are ignored. One sample is a batch of one, `x[None]`.
            batch_size: samples at a time, at least 1; None for 32. It bounds the memory in use.
            verbose: 0, the default, for silence, 1 for a bar, 2 for a line; "auto" for a bar where one can be drawn.
            steps: number of batches; None for all.
            callbacks: objects of `nn.callbacks`, whose `on_predict_…` methods are called; one, a list, or None.

        Returns:
            An array of shape (N, ...); for a model with several outputs, arrays nested as the model returns them.

        Raises:
            ShapeError: if the inputs do not fit to the model; a ValueError too.

        Example:
            >>> import nn
            >>> nn.Sequential([nn.layers.Dense(1, kernel_initializer="ones")]).predict([[1.0, 2.0], [3.0, 4.0]])
            array([[3.],
                   [7.]], dtype=float32)
        """
        caller = self._caller("predict")
        batches = self._data_adapter(caller, targets=False).batches(
            (x, None, None), _count(caller, "batch_size", batch_size), _count(caller, "steps", steps)
        )
        calls = self._callback_list(caller, as_list(callbacks), 1, batches.steps, verbose)
        progress = open_progress(verbose, "", batches.steps)
        calls.call("on_predict_begin")
        with _closing(progress, {}):
            outputs = self._predict_batches(batches, progress, calls)
        calls.call("on_predict_end")
        if not outputs:
            raise ag.ShapeError(f"{caller}: expected at least one batch; received a source without any")
        return map_structure(lambda *parts: np.concatenate(parts), outputs[0], *outputs[1:])

    @ag.no_grad()
    def _predict_batches(self, batches: EpochIterator, progress: Progress, calls: CallbackList) -> list[Any]:
        outputs: list[Any] = []
        watched = calls.watches_batches
        with self.mode(training=False):
            predict = self._predict_function()
            for samples in batches.epoch():
                if watched:
                    calls.call("on_predict_batch_begin", len(outputs))
                if watched or batches.runs_code:  # code of the user's may have changed the model
                    predict = self._predict_function()
                outputs.append(values_of(predict(samples)))
                if watched:
                    calls.call("on_predict_batch_end", len(outputs) - 1, {"outputs": outputs[-1]})
                if time.perf_counter() >= progress.due:
                    progress.show(len(outputs), {})
        progress.steps = progress.steps or len(outputs)
        return outputs

    def _as_result(self, values: dict[str, float], as_dict: bool, step: str) -> Any:
        """Return values as Keras does: by name, or in a list, which has first what `metrics` knows, then the others."""
        if as_dict or len(values) == 1:
            return self._in_order(values, step) if as_dict else next(iter(values.values()))
        if not self._overrides(step, *_REPORTS):
            return list(values.values())
        names = dict.fromkeys([*(metric.name for metric in self._each_metric()), *sorted(values)])
        return [values[name] for name in names if name in values]

    def _in_order(self, values: dict[str, float], step: str) -> dict[str, float]:
        """Return values as Keras orders them: by name, but for the values of custom steps; see `Returned`."""
        return values if self._overrides(step, *_REPORTS) else _by_name(values)

    # ---- before the first step --------------------------------------------------------------------------------------

    @ag.no_grad()
    def _check(self, caller: str, samples: Samples | None, validation: Samples | None) -> None:
        """Run the model on one sample and check all targets against its output, without changing the model."""
        loss = self._require_compiled(caller).loss
        if self._overrides("train_step") and (self.built or not self._has_call()):
            return  # the custom step need not call the model as a whole
        with RestoreOnError(self), preserve_state(self), self.mode(training=False):
            for part in (samples, validation):
                if part is None:
                    continue
                try:
                    out = self(first_row(part.x))
                except (ag.ShapeError, ag.DtypeError) as error:
                    place = f"{caller}, validation_data: " if part is validation else ""
                    error.args = (place + of_all_rows(str(error), part.size),)
                    raise
                check_returned(caller, out, part.y)
                if loss is not None and part.y is not None:
                    shape = shapes_with(out, part.size)
                    loss.check(fit_targets(part.y, shape), shape)


def _by_name(logs: dict[str, float]) -> dict[str, float]:
    """Return values in the order of their names, as Keras hands them to callbacks and keeps them in `History`."""
    return dict(sorted(logs.items()))


@contextmanager
def _closing(progress: Progress, values: dict[str, float]) -> Iterator[None]:
    """Close the progress with the values found, or tidy the screen after an error."""
    try:
        yield
    except BaseException:
        progress.abandon()
        raise
    progress.close(values)

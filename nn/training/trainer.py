"""`Trainer`: Keras's `fit`, `evaluate` and `predict`, over the modules, losses and optimizers of hand-written loops.

All of them take arrays of shape (N, ...) or memory maps; with several inputs or outputs a tuple, list or dict of them;
or a stream of batches, each of them x, (x, y) or (x, y, sample_weight): an `nn.data.DataLoader`, a generator or another
iterable.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..activations import remember_logits
from ..callbacks import Callback, CallbackList, History, Trained
from ..callbacks.base import check_callbacks
from ..config.arguments import not_negative, optional, positive
from ..data.structure import leaves, map_structure
from ..distributed.communicator import Communicator
from ..metrics import Metric
from ..module.building import RestoreOnError
from ..module.module import Module
from ..module.penalties import has_penalties
from ..module.state import undisturbed
from .compiled import Compiled, as_list, values_of
from .computed import settled, tested
from .contention import WATCH
from .feed import (
    ArrayFeed,
    Feed,
    Intake,
    Samples,
    Validation,
    class_weights,
    first_row,
    shapes_with,
    validation_due,
)
from .interrupts import raise_ignored
from .nonfinite import warn_of_nan
from .outputs import Means, Returned, fitted
from .progress import Progress, open_progress
from .ranks import ALONE, Alone, ranks_of
from .steps import Stepper, own_metrics

_count = optional(positive)
# What a class overrides, besides its steps, to report other values.
_REPORTS = ("compute_metrics", "metrics")
Callbacks = Callback | Iterable[Callback] | None


class Trainer(Stepper):
    """A module that can be compiled, fitted, evaluated and asked for predictions."""

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
        """Train the model, and return the loss and the metrics of each epoch.

        The reported values are means over all samples of the epoch, each computed with the weights at its step; those
        of validation are computed after the epoch. The order is drawn from the default generator, anew each epoch.
        All arrays, and the first batch of a stream, are checked before the first step. After an error or an interrupt,
        the model and the optimizer are as the last whole step left them, running statistics included, in their previous
        mode and without gradients. An interrupt that Python ignores because it came in a destructor ends training after
        the step.

        Args:
            x: inputs, shape (N, ...), floating ones being cast to the model's dtype once; or a stream of batches.
            y: targets, shape (N, ...); a stream has them in its batches.
            batch_size: samples per step, 32 by default; the last batch may be short. A stream has its own batches.
            epochs: number of the last epoch; there are `epochs - initial_epoch` passes over the data.
            verbose: 0 silent, 1 a bar, 2 a line per epoch; "auto" a bar where one can be drawn, else lines.
            callbacks: called during training.
            validation_split: the fraction of the samples, taken from the end, that is kept for validation.
            validation_data: (x, y), (x, y, sample_weight) or a stream, for validation instead.
            shuffle: whether to draw a new order for each epoch; a stream has its own order.
            class_weight: weight of the samples of each class, for classes as indices or one-hot.
            sample_weight: weight of each sample, shape (N,).
            initial_epoch: number of the first epoch, to continue an earlier training.
            steps_per_epoch: batches per epoch; the next epoch continues where this one stopped.
            validation_steps: batches per validation.
            validation_batch_size: samples per batch in validation; by default `batch_size`.
            validation_freq: number of epochs between validations, or the epochs to validate after, counted from 1.
            distributed: whether each rank of the world, or of a communicator, takes its part of every batch, with the
                result that one process has; see `nn.distributed`.

        Raises:
            ValueError: before any step, for data that cannot be trained on; see the message.
        """
        what = self._speaker("fit")
        self._require_compiled(what)
        epochs = not_negative(what, "epochs", epochs)
        initial_epoch = not_negative(what, "initial_epoch", initial_epoch)
        batch_size = _count(what, "batch_size", batch_size)
        own = _count(what, "validation_batch_size", validation_batch_size)
        steps = _count(what, "steps_per_epoch", steps_per_epoch), _count(what, "validation_steps", validation_steps)
        held_out = Validation(validation_split, validation_data, own or batch_size, steps[1])
        feed, validation = self._intake(what).feeds(
            (x, y, sample_weight), batch_size, steps[0], shuffle, class_weight, held_out
        )
        if feed.once and epochs - initial_epoch > 1:
            raise ValueError(
                f"{what}: expected data that can be read in each of {epochs - initial_epoch} epochs; received an "
                "iterator, which can be read once. Pass steps_per_epoch, or a DataLoader"
            )
        due = validation_due(what, validation_freq)
        history, ranks = History(), ranks_of(self, distributed)
        verbose = verbose if ranks.is_first else 0
        calls = self._calls(what, [*as_list(callbacks), history], epochs=epochs, steps=feed.steps, verbose=verbose)
        calls.mute(not ranks.is_first)
        open_progress(verbose, "", feed.steps)
        first = feed.first() if epochs > initial_epoch else None
        self._check(what, first, None if validation is None else validation.first())
        modules = self._bind_optimizer(what)
        self.stop_training = False
        facts = {"batch_size": batch_size, "epochs": epochs, "batches": (feed.steps, *steps), "shuffle": shuffle}

        def fit_epochs(compiled: Compiled) -> None:
            calls.call("on_train_begin")
            first_epoch = ranks.begin(compiled.optimizer, facts, (feed, validation), calls, initial_epoch)
            logs = self._fit_epochs(range(first_epoch, epochs), feed, validation, due, verbose, calls, ranks)
            if compiled.optimizer.use_ema:
                compiled.optimizer.finalize_variable_values()
            calls.call("on_train_end", logs)

        with ranks.reducing(self._require_compiled(what).optimizer):
            self._in_training(what, modules, fit_epochs)
        return history

    def _intake(self, what: str, targets: bool = True) -> Intake:
        """Return how a call takes data; without a loss, or with a custom `train_step`, targets may be missing."""
        optional = self._own_step("train_step") or (self._compiled is not None and self._compiled.loss is None)
        return Intake(what, self.dtype, "ignored" if not targets else "optional" if optional else "required")

    def _calls(self, what: str, callbacks: list[Callback], **params: Any) -> CallbackList:
        check_callbacks(what, callbacks)
        return CallbackList(callbacks, model=cast(Trained, self), **params)

    def _fit_epochs(
        self,
        span: range,
        feed: Feed,
        validation: Feed | None,
        due: Callable[[int], bool],
        verbose: int | str,
        calls: CallbackList,
        ranks: Alone,
    ) -> dict[str, float]:
        """Train for some epochs, validate after those that it is due after, and return the values of the last one."""
        logs: dict[str, float] = {}
        for epoch in span:
            progress = open_progress(verbose, f"Epoch {epoch + 1}/{span.stop}", feed.steps)
            logs = {}
            with _closing(progress, logs):
                calls.call("on_epoch_begin", epoch)
                ranks.begin_epoch()
                logs |= self._train_epoch(feed, progress, calls, [module for _, module in self._walk()], ranks)
                ranks.end_epoch()
                if validation is not None and due(epoch + 1):
                    values = self._evaluate(validation, None, calls, ranks)
                    values = _by_name(values) if self._own_step("test_step", *_REPORTS) else values
                    logs |= {f"val_{name}": value for name, value in values.items()}
            logs = self._in_order(logs, "train_step")
            calls.call("on_epoch_end", epoch, logs)
            if ranks.any(self.stop_training):
                break
        return logs

    def _train_epoch(
        self, feed: Feed, progress: Progress, calls: CallbackList, modules: list[Module], ranks: Alone = ALONE
    ) -> dict[str, float]:
        compiled = self._require_compiled(self._speaker("fit"))
        own = self._own_step("train_step", *_REPORTS)
        used, mean = self._begun(compiled, own, "train_step", modules)
        watched, guard, penalized = calls.watches_batches, calls.guard, has_penalties(modules)
        done = 0
        self._look()
        for samples in feed.epoch():
            x, y, w, _, _ = samples
            if watched:
                calls.call("on_train_batch_begin", done)
            if watched or feed.runs_code:
                self._look()
            with ag.transaction(), ranks.step():
                if own:
                    ranks.own_step(lambda: self.train_step(samples.data()), mean)  # noqa: B023
                else:
                    value, weight = self._step(compiled, x, y, w, penalized, guard)
            raise_ignored()
            if not own and ranks.counts():
                mean.add(value, weight)
                if value != value and not calls.seen_nan:
                    calls.seen_nan = True
                    warn_of_nan(self._speaker("fit"), feed, x, done)
            done += 1
            if watched:
                calls.call("on_train_batch_end", done - 1, _by_name(ranks.values(mean, used, last=False)))
            if ranks.any(self.stop_training) if watched or own else self.stop_training and ranks is ALONE:
                break
            now = time.perf_counter()
            if now >= progress.due:
                progress.show(done, mean.values(used))
            if now >= WATCH.due:
                WATCH.look(progress.abandon)
        progress.steps = progress.steps or done
        return ranks.values(mean, used)

    def _begun(
        self, compiled: Compiled, own: bool, step: str, modules: list[Module]
    ) -> tuple[Sequence[Metric], Means | Returned]:
        """Reset the metrics; return those that are reported beside the loss, and what collects the values of batches.

        Args:
            compiled: what the model was compiled with.
            own: whether the class has steps of its own, which return what is reported.
            step: their name.
            modules: the modules of the model.
        """
        if own:
            self.reset_metrics()
            return (), Returned(step)
        used = (*compiled.all_metrics, *own_metrics(modules))
        compiled.tracker.reset_state()
        for metric in used:
            metric.reset_state()
        return used, compiled.tracker.means

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
            x: inputs, shape (N, ...).
            y: targets, shape (N, ...).
            sample_weight: weight of each sample, shape (N,).
            class_weight: weight of the samples of each class.
            return_dict: whether to return the values by name.

        Returns:
            The loss, or, with metrics, a list that begins with it, or a dict.
        """
        what = self._speaker("train_on_batch")
        self._require_compiled(what)
        samples = self._intake(what).samples(x, y, sample_weight)
        if class_weight is not None:
            samples = class_weights(what, class_weight, samples)
        if not self.built:
            self._check(what, samples, None)
        modules = self._bind_optimizer(what)
        feed = ArrayFeed(samples, samples.size)
        values = self._in_training(
            what, modules, lambda _: self._train_epoch(feed, Progress("", 1), self._calls(what, []), modules)
        )
        return self._as_result(values, return_dict, "train_step")

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Return the loss and the metrics on one batch; see `evaluate`."""
        size = self._intake(self._speaker("test_on_batch")).samples(x, y, sample_weight).size
        return self.evaluate(x, y, size, 0, sample_weight, return_dict=return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the model's outputs for one batch; see `predict`."""
        return self.predict(x, self._intake(self._speaker("predict_on_batch"), targets=False).samples(x).size)

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
        """Return the loss and the metrics as means over all samples, in evaluation mode and without a record.

        A cross-entropy is computed from the logits here as in training, if the model's last operation is the softmax
        or sigmoid of an `nn` layer or of `nn.activations`; else from clipped probabilities.

        Args:
            x: inputs, shape (N, ...), or a stream of batches.
            y: targets, shape (N, ...).
            batch_size: samples at a time, 32 by default; the result does not depend on it.
            verbose: as in `fit`.
            sample_weight: weight of each sample, shape (N,).
            steps: number of batches, by default all.
            callbacks: called during evaluation.
            return_dict: whether to return the values by name.

        Returns:
            The loss, or, with metrics, a list that begins with it, or a dict.

        Raises:
            ValueError: for data that cannot be evaluated; see the message.
        """
        what = self._speaker("evaluate")
        self._require_compiled(what)
        feed = self._intake(what).feed(
            (x, y, sample_weight), _count(what, "batch_size", batch_size), _count(what, "steps", steps)
        )
        calls = self._calls(what, as_list(callbacks), epochs=1, steps=feed.steps, verbose=verbose)
        progress = open_progress(verbose, "", feed.steps)
        self._check(what, feed.first(), None)
        values: dict[str, float] = {}
        with self._metrics_in_use(what), _closing(progress, values):
            values |= self._evaluate(feed, progress, calls)
        return self._as_result(values, return_dict, "test_step")

    def _evaluate(
        self, feed: Feed, progress: Progress | None, calls: CallbackList, ranks: Alone = ALONE
    ) -> dict[str, float]:
        calls.call("on_test_begin")
        values = self._evaluate_batches(feed, progress, calls, ranks)
        calls.call("on_test_end", _by_name(values))
        return values

    @ag.no_grad()  # as a decorator, which restores the mode wherever an interrupt comes
    def _evaluate_batches(
        self, feed: Feed, progress: Progress | None, calls: CallbackList, ranks: Alone
    ) -> dict[str, float]:
        compiled = self._require_compiled(self._speaker("evaluate"))
        own = self._own_step("test_step", *_REPORTS)
        used, mean = self._begun(compiled, own, "test_step", [module for _, module in self._walk()])
        done = 0
        with self.mode(training=False), remember_logits():
            self._look()
            for samples in feed.epoch():
                calls.call_batch("on_test_batch_begin", done)
                if calls.watches_batches or feed.runs_code:
                    self._look()
                if own:
                    ranks.own_step(lambda: self.test_step(samples.data()), mean)  # noqa: B023
                else:
                    x, y, w, _, _ = samples
                    computed = self._replayed(self._speaker("evaluate"), tested, (), x, y, w)
                    y_pred, loss, weight = settled(self, compiled, computed)
                    ranks.show(compiled, y, y_pred, w)
                    if ranks.counts():
                        mean.add(loss, weight)
                done += 1
                if calls.watches_batches:
                    calls.call_batch("on_test_batch_end", done - 1, _by_name(ranks.values(mean, used, last=False)))
                if progress is not None and time.perf_counter() >= progress.due:
                    progress.show(done, mean.values(used))
        if progress is not None:
            progress.steps = progress.steps or done
        return ranks.values(mean, used)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Callbacks = None,
    ) -> Any:
        """Return the model's outputs as an array, in evaluation mode and without a record.

        Args:
            x: inputs, shape (N, ...), or a stream of batches, whose targets are ignored.
            batch_size: samples at a time, 32 by default.
            verbose: as in `fit`, but silent by default.
            steps: number of batches, by default all.
            callbacks: called during prediction.

        Returns:
            Array of shape (N, ...); for a model with several outputs, arrays nested as the model returns them.
        """
        what = self._speaker("predict")
        feed = self._intake(what, targets=False).feed(
            (x, None, None), _count(what, "batch_size", batch_size), _count(what, "steps", steps)
        )
        calls = self._calls(what, as_list(callbacks), epochs=1, steps=feed.steps, verbose=verbose)
        progress = open_progress(verbose, "", feed.steps)
        calls.call("on_predict_begin")
        with _closing(progress, {}):
            outputs = self._predict_batches(feed, progress, calls)
        calls.call("on_predict_end")
        if not outputs:
            raise ag.ShapeError(f"{what}: expected at least one batch; received a source without any")
        return map_structure(lambda *parts: np.concatenate(parts), outputs[0], *outputs[1:])

    @ag.no_grad()
    def _predict_batches(self, feed: Feed, progress: Progress, calls: CallbackList) -> list[Any]:
        outputs: list[Any] = []
        with self.mode(training=False):
            for samples in feed.epoch():
                calls.call_batch("on_predict_batch_begin", len(outputs))
                outputs.append(values_of(self.predict_step(samples.data())))
                calls.call_batch("on_predict_batch_end", len(outputs) - 1, {"outputs": outputs[-1]})
                if time.perf_counter() >= progress.due:
                    progress.show(len(outputs), {})
        progress.steps = progress.steps or len(outputs)
        return outputs

    def _as_result(self, values: dict[str, float], as_dict: bool, step: str) -> Any:
        """Return values as Keras does: by name, or in a list, which has first what `metrics` knows, then the others."""
        if as_dict or len(values) == 1:
            return self._in_order(values, step) if as_dict else next(iter(values.values()))
        if not self._own_step(step, *_REPORTS):
            return list(values.values())
        names = dict.fromkeys([*(metric.name for metric in self._each_metric()), *sorted(values)])
        return [values[name] for name in names if name in values]

    def _in_order(self, values: dict[str, float], step: str) -> dict[str, float]:
        """Return values as Keras orders them: by name, but for what steps of a class's own return; see `Returned`."""
        return values if self._own_step(step, *_REPORTS) else _by_name(values)

    # ---- before the first step --------------------------------------------------------------------------------------

    @ag.no_grad()
    def _check(self, what: str, samples: Samples | None, validation: Samples | None) -> None:
        """Run the model on one sample and check all targets against its output, without changing the model."""
        loss = self._require_compiled(what).loss
        if self._own_step("train_step") and (self.built or not self._has_call()):
            return  # the custom step need not call the model as a whole
        with RestoreOnError(self), undisturbed(self), self.mode(training=False):
            for part in (samples, validation):
                if part is None:
                    continue
                try:
                    out = self(first_row(part.x))
                except ag.ShapeError as error:  # which tells of the shape that was given, not of the row that was tried
                    error.args = (str(error).replace("received shape (1,", f"received shape ({part.size},"),)
                    raise
                if wrong := [o for _, o in leaves(out) if not isinstance(o, Tensor)]:
                    raise TypeError(
                        f"{what}: expected the model's call to return a Tensor; received {type(wrong[0]).__name__}"
                    )
                if loss is not None and part.y is not None:
                    shape = shapes_with(out, part.size)
                    loss.check(fitted(part.y, shape), shape)


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

"""`Stepper`: a module with an optimizer, a loss and metrics, and its steps of training, evaluation and prediction."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import as_array, is_duck_array
from autograd_lite.extend import more_on

from .. import optimizers
from ..config.ambient import CALL
from ..config.arguments import flag, is_text, unknown_argument
from ..config.config import plain, restore
from ..config.forks import on_fork
from ..data.structure import batch_size_of, map_structure, unpack
from ..metrics import Metric
from ..module.modes import rest_in_inference
from ..module.module import Module
from ..module.penalties import add_penalty, has_penalties, model_call, penalties
from ..module.tree import PLAIN
from .compiled import Compiled, _CompiledMetrics, make_compiled, parameters_of
from .computations import apply_side_effects, compute_gradients, compute_loss, compute_outputs, update_parameters
from .epoch_iterator import Samples
from .outputs import _LossTracker, _PartialLoss, scalar_or_array
from .replays import ReplayedFunction, Replays, check_choice
from .strategies import SINGLE, SingleProcess

Data = Any  # a tuple, or x itself
_COMPILE = ["optimizer", "loss", "metrics", "loss_weights", "weighted_metrics", "run_eagerly", "jit_compile"]
# Arguments of Keras's about how to go to work that change nothing here.
_WITHOUT_EFFECT = frozenset({"auto_scale_loss", "steps_per_execution"})


# The thread that uses the losses and metrics of a `Compiled`, by its id, and the number of its nested calls.
_USERS: dict[int, tuple[int, int]] = {}


def _forget_others() -> None:
    """Forget the users that do not exist in a forked process: all other threads."""
    for key, (user, _) in list(_USERS.items()):
        if user != threading.get_ident():
            del _USERS[key]


on_fork(after_in_child=_forget_others)


def _are_numbers(weights: Any) -> bool:
    """Return whether these are weights of losses: numbers in a list or a dict."""
    values = list(weights.values()) if isinstance(weights, Mapping) else weights
    return isinstance(values, (list, tuple)) and len(values) > 0 and all(isinstance(x, (int, float)) for x in values)


def _only(name: str, entries: Any) -> Any:
    """Return the entry of a dict without others; return anything else as it is."""
    return entries[name] if isinstance(entries, Mapping) and list(entries) == [name] else entries


def attribute_metrics(modules: Iterable[Module]) -> list[Metric]:
    """Return the metrics among the attributes of modules."""
    values = [v for module in modules for v in module.__dict__.values() if v.__class__ not in PLAIN]
    return [value for value in values if isinstance(value, Metric)]


class Stepper(Module):
    """A module that can be compiled, and make one step."""

    stop_training: bool = False
    run_eagerly: bool = False
    jit_compile: bool | str = "auto"
    _compiled: Compiled | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model; `losses` then holds the penalties of this call, in place of those of the previous one."""
        return model_call(self, super().__call__, args, kwargs)

    @property
    def losses(self) -> list[Tensor]:
        """The penalties of all layers: those on weights, and those that the last call added; see `regularizers`."""
        return penalties(self)

    def add_loss(self, loss: Tensor | float) -> None:
        """Add a penalty, a scalar, from within the `call` of a subclass; `fit` adds it to the loss.

        Raises:
            ShapeError: if it is not a scalar.
        """
        add_penalty(self, loss)

    def compile(
        self,
        optimizer: str | optimizers.Optimizer = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Sequence[float] | Mapping[str, float] | None = None,
        weighted_metrics: Any = None,
        run_eagerly: bool | None = False,
        *,
        jit_compile: bool | str | None = "auto",
        **others: Any,
    ) -> None:
        """Choose how the model is trained: the optimizer, the loss, and the metrics.

        Args:
            optimizer: a name such as "adam", an optimizer such as `nn.optimizers.Adam(1e-3)`, the same object that a
                hand-written loop would step, or a class. It trains all parameters of the model that require a gradient.
            loss: a name such as "mse" or "sparse_categorical_crossentropy", a `nn.losses.Loss`, or a function of
                (y_true, y_pred) that returns a Tensor; for several outputs a list of them, or a dict by the output's
                name. None if there are only penalties to minimize (`add_loss`, regularizers), or if the class has its
                own `train_step` or `compute_loss`.
            metrics: values to report besides the loss: names such as "accuracy", which adapts to the targets,
                `nn.metrics.Metric` objects, or functions of (y_true, y_pred); a list of them, for several outputs a
                list of lists or a dict; None for none.
            loss_weights: with several outputs, the factor of each loss, a list or dict like `loss`; None for 1. By
                position, `metrics` and this may come in either order, since Keras has had both.
            weighted_metrics: metrics to which `sample_weight` and `class_weight` apply, given like `metrics`.
            run_eagerly: whether `fit`, `evaluate` and `predict` call the model for every batch, so that whatever its
                Python code prints, counts or stops at in a debugger happens each time; False by default.
            jit_compile: "auto": the first batches run as they are, later ones of the same shape are replayed, see
                `ag.compile`, with the same results bit for bit and less to do; a model that cannot be traced runs as it
                is, and one warning says why. True: such a model is an error. False: nothing is replayed. What Python
                code may do in a model that is replayed is on a page: `python -m autograd_lite help coming_from_keras`.
            others: Keras's `auto_scale_loss` and `steps_per_execution`, which change nothing here.

        The model may be built before or after. From then on, calls without `training=` compute in inference mode, as in
        Keras; `train()` undoes it.

        Steps that the masks of the model's outputs leave out count neither in losses nor in metrics; see
        `Module.compute_mask`. A function that returns one number for a batch must leave them out itself.

        Raises:
            ValueError: for an unknown name; the message has the nearest ones. The model then stays compiled as before.
            TypeError: for an argument of another kind, or an unknown one.

        Example:
            >>> import nn
            >>> model = nn.Sequential([nn.layers.Dense(3, "softmax", input_shape=(4,))])
            >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            >>> model.compile(nn.optimizers.Adam(1e-2), nn.losses.SparseCategoricalCrossentropy())
        """
        caller = self._caller("compile")
        run_eagerly, jit_compile = flag(caller, "run_eagerly", run_eagerly or False), check_choice(caller, jit_compile)
        for name, value in others.items():
            if name not in _WITHOUT_EFFECT:
                rate = f"nn.optimizers.Adam(learning_rate={value!r:.20}) as the optimizer"
                raise unknown_argument(caller, [name], _COMPILE, dict.fromkeys(("learning_rate", "lr"), rate))
        if _are_numbers(metrics) and not _are_numbers(loss_weights):  # in Keras's order, by position
            metrics, loss_weights = loss_weights, metrics
        plan = getattr(self, "_plan", None)
        names = None if plan is None else getattr(self, "output_names", None)
        nested = isinstance(getattr(plan, "outputs", None), (Mapping, list, tuple))
        if names and not nested and loss_weights is None:  # dicts of a single entry, for the only output
            loss, metrics, weighted_metrics = (
                _only(names[0], entries) for entries in (loss, metrics, weighted_metrics)
            )
        if names and isinstance(loss, Mapping) and not isinstance(getattr(plan, "outputs", None), Mapping):
            ordered = {name: loss[name] for name in names if name in loss}
            loss = {**ordered, **loss}  # in the order of the outputs, which a dict of outputs leaves to the caller
        compiled = make_compiled(optimizer, loss, metrics, weighted_metrics, loss_weights, names)
        if self.built and (parameters := self.parameters()):
            compiled.optimizer.bind(parameters)
        self._compiled = compiled
        self.run_eagerly, self.jit_compile = run_eagerly, jit_compile
        rest_in_inference(self)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile` as plain values; see `compile_from_config`.

        Returns:
            The arguments of `compile`, or None for a model that is not compiled. Custom functions stay as they are; the
            state of the optimizer is not part of it.
        """
        if self._compiled is None:
            return None
        chosen = {"run_eagerly": self.run_eagerly, "jit_compile": self.jit_compile}
        others = {name: value for name, value in chosen.items() if value != getattr(Stepper, name)}
        return plain({**self._compiled.arguments(), **others})

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile the model as another was; to be overridden by a class whose `compile` takes other arguments.

        Args:
            config: the result of `get_compile_config`.

        Example:
            >>> from nn import layers, models
            >>> model, twin = (models.Sequential([layers.Dense(1, input_shape=(2,))]) for _ in range(2))
            >>> model.compile("sgd", "mse", metrics=["mae"])
            >>> twin.compile_from_config(model.get_compile_config())
            >>> twin.optimizer, twin.metrics[1].metrics
            (SGD(learning_rate=0.01, momentum=0.0), (MeanAbsoluteError(name='mae'),))
        """
        self.compile(**restore(dict(config)))

    @property
    def optimizer(self) -> optimizers.Optimizer | Any:
        """The optimizer that the model was compiled with; None before that."""
        return None if self._compiled is None else self._compiled.optimizer

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def metrics(self) -> list[Metric]:
        """All metrics, which `fit` and `evaluate` reset: the loss, the metrics of `compile` as one, then the model's.

        The model's are those among its attributes and those of its layers. A class may override this property to
        list the metrics that it reports itself.
        """
        custom = attribute_metrics(module for _, module in self._walk())
        if self._compiled is None:
            return custom
        compiled = self._require_compiled("metrics")
        parts = [metric for metric in compiled.metrics if isinstance(metric, _PartialLoss)]
        has_compiled = len(compiled.all_metrics) > len(parts)
        return [compiled.tracker, *([compiled.together] if has_compiled else []), *parts, *custom]

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`: one, "compile_metrics", for all of `compile`."""
        return [metric.name for metric in self.metrics] if self.compiled else []

    def _each_metric(self) -> list[Metric]:
        """Return the metrics by whose names values are reported: those of `compile` one by one."""
        metrics: list[Metric] = []
        for metric in self.metrics:
            metrics += metric.metrics if isinstance(metric, _CompiledMetrics) else [metric]
        return metrics

    def reset_metrics(self) -> None:
        """Reset the state of all metrics."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the results of all metrics by name; that of the loss only if it has seen a batch."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            if isinstance(metric, _CompiledMetrics):
                results |= metric.result()
            elif not isinstance(metric, _LossTracker) or metric.begun:
                results[metric.name] = scalar_or_array(metric.result())
        return results

    def _caller(self, method: str) -> str:
        """Return the name of a method of this model in errors: "Sequential.fit"."""
        return f"{type(self).__name__}.{method}"

    def _require_compiled(self, caller: str) -> Compiled:
        if (copied := CALL.get().copies.get(id(self))) is not None:
            return copied
        if self._compiled is None:
            raise RuntimeError(
                f"{caller}: expected a compiled model; received one that is not. Call "
                "model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy']) first"
                + more_on("not-compiled")
            )
        return self._compiled

    @contextmanager
    def _metrics_in_use(self, caller: str) -> Iterator[Compiled]:
        """Let this thread use the losses and metrics, which have state, or copies while another thread uses them."""
        compiled = self._require_compiled(caller)
        key, me = id(compiled), threading.get_ident()
        user, calls = _USERS.setdefault(key, (me, 0))  # in one step, without a lock that an interrupt may leave closed
        around = CALL.get()
        try:
            if user == me:
                _USERS[key] = me, calls + 1
            else:
                compiled = compiled.apart(module for _, module in self._walk())
                CALL.set(around._replace(copies={**around.copies, id(self): compiled}))
            yield compiled
        finally:
            if user != me:
                CALL.set(around)
            elif calls:
                _USERS[key] = me, calls
            else:
                _USERS.pop(key, None)

    def _bind_optimizer(self, caller: str) -> list[Module]:
        """Bind the optimizer to the model's parameters if they have changed; return the modules."""
        optimizer = self._require_compiled(caller).optimizer
        if (modules := self._modules_if_unchanged(optimizer.parameters)) and optimizer.parameters:
            return modules
        parameters = self.parameters()
        if not parameters:
            warnings.warn(
                f"{caller}: expected a model with parameters to train; {self.name!r} has none that requires a "
                "gradient, and stays as it is",
                stacklevel=3,
            )
            return [module for _, module in self._walk()]
        unfrozen = [id(p) for p in optimizer.parameters if p.requires_grad]
        if not optimizer.iterations or unfrozen != [id(p) for p in parameters]:  # else some are frozen for a while
            optimizer.bind(parameters)
        return [module for _, module in self._walk()]

    # ---- steps, to be overridden ------------------------------------------------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """Return the compiled loss and the layers' penalties as a scalar Tensor; a subclass may override it.

        Args:
            x: the inputs, for a class that overrides it.
            y: the targets.
            y_pred: the model's outputs.
            sample_weight: weight of each sample, or None.
            training: whether it is a step of training, for a class that overrides it.
        """
        return self._loss_and_weight(self._caller("compute_loss"), y, y_pred, sample_weight)[0]

    def _loss_and_weight(
        self, caller: str, y: Any, y_pred: Any, w: Any, penalized: bool = True
    ) -> tuple[Tensor, float]:
        """Return the loss with the penalties, and its weight in the mean over batches."""
        compiled = self._require_compiled(caller)
        terms = penalties(self) if penalized else []
        if compiled.loss is None:
            if not terms:
                raise ValueError(
                    f"{caller}: expected something to minimize; received a model compiled without a loss, whose layers "
                    "add none. Call compile(..., loss='mse'), or add_loss in a layer"
                )
            total, weight = terms[0], float(batch_size_of(y_pred))
        else:
            total, weight = compiled.loss_and_weight(y, y_pred, w)
        if (shard := CALL.get().shard) is not None:
            terms = [shard.add_penalty(penalty, getattr(compiled.loss, "reduction", "") == "sum") for penalty in terms]
        for penalty in terms if compiled.loss is not None else terms[1:]:
            total = total + penalty
        return total, weight

    def _loss_of(
        self, x: Any, y: Any, y_pred: Any, w: Any, penalized: bool = True, training: bool = True
    ) -> tuple[Tensor, float]:
        """Return the loss of `compute_loss`, which a subclass may override, and its weight."""
        if self._overrides("compute_loss"):
            arguments = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": w}
            if {"training", "kwargs"} & parameters_of(type(self).compute_loss):
                arguments["training"] = training
            return self.compute_loss(**arguments), float(batch_size_of(y_pred))
        return self._loss_and_weight(self._caller("fit"), y, y_pred, w, penalized)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Show the batch to the compiled metrics, and return the results of all metrics; a subclass may override it.

        Args:
            y: targets.
        """
        compiled = self._require_compiled(self._caller("compute_metrics"))
        compiled.update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def train_step(self, data: Data) -> Mapping[str, Any]:
        """Take one step on one batch; a subclass may override it, and `fit` calls it then.

        Args:
            data: (x, y) or (x, y, sample_weight), as arrays; without targets x itself, or (x,) where that is what a
                stream gives.

        Returns:
            Values by name, numbers or scalar Tensors; `fit` reports what the last step of an epoch has returned, so
            they should be results of metrics, which `fit` resets before each epoch.

        Example:
            >>> import numpy as np
            >>> from nn import layers, models
            >>> class Robust(models.Sequential):
            ...     def train_step(self, data):
            ...         x, y = data
            ...         loss = np.abs(self(x) - y).mean()
            ...         loss.backward()
            ...         self.optimizer.step()
            ...         self.optimizer.zero_grad()
            ...         self.metrics[0].update_state(loss)
            ...         return self.get_metrics_result()
            >>> model = Robust([layers.Dense(1, input_shape=(2,))])
            >>> model.compile("sgd")
            >>> list(model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0).history)
            ['loss']
        """
        x, y, w = unpack(data)
        compiled = self._require_compiled(self._caller("train_step"))
        results: dict[str, Any] = {}

        def show(y_pred: Any, loss: float, weight: float) -> None:
            compiled.tracker.means.add(loss, weight)
            results.update(self.compute_metrics(x, y, y_pred, w))

        train = self._train_function(compiled, has_penalties(m for _, m in self._walk()), None, show)
        train(Samples(x, y, w, 0))
        return results

    def test_step(self, data: Data) -> Mapping[str, Any]:
        """Return the values of one batch in evaluation; a subclass may override it, like `train_step`."""
        x, y, w = unpack(data)
        compiled = self._require_compiled(self._caller("test_step"))
        (loss_of,) = self._replayable("evaluate", partial(compute_loss, self))
        y_pred, loss, weight = apply_side_effects(self, compiled, loss_of(x, y, w))
        compiled.tracker.means.add(loss, weight)
        return self.compute_metrics(x, y, y_pred, w)

    def predict_step(self, data: Data) -> Any:
        """Return the model's outputs for one batch, as Tensors; a subclass may override it."""
        (predict,) = self._replayable("predict", partial(compute_outputs, self))
        return predict(unpack(data)[0])

    def _overrides(self, *names: str) -> bool:
        """Return whether a subclass has overridden one of these steps."""
        return any(getattr(type(self), name) is not getattr(Stepper, name) for name in names)

    # ---- the functions of a batch that loops call -------------------------------------------------------------------

    def _replayable(self, method: str, *computations: partial[Any]) -> Sequence[Callable[..., Any]]:
        """Return computations of this model as functions of a batch, replayed where `compile` asks for it.

        They are right for the state that the model is in now: after code of the user's has run, ask for them again.

        Args:
            method: who asks, for messages.
            computations: functions of `computations`, to which the model and their constants are bound.
        """
        if self._device_array is not None and self.jit_compile is True:
            raise ag.TraceError(
                f"{self._caller(method)}: expected a model on NumPy's arrays, because of jit_compile=True; received "
                f"one on arrays of {type(self._device_array).__module__}. Compile it with jit_compile='auto', which "
                "runs it as it is"
            )
        if self._device_array is not None or not self.jit_compile or self.run_eagerly or id(self) in CALL.get().copies:
            return computations
        replays: Replays = vars(self).get("_replays") or vars(self).setdefault("_replays", Replays())
        replays.check(self, self._compiled)
        return [ReplayedFunction(replays, self._caller(method), compute) for compute in computations]

    def _as_tensors(self, x: Any) -> Any:
        """Return inputs as a Tensor, or a structure of them, where the model's are; strings stay arrays."""
        if x.__class__ is np.ndarray:
            return x if is_text(x) else ag.tensor(self._to_device(x), copy=False)
        if x.__class__ is not Tensor and is_duck_array(x):
            return ag.tensor(x, copy=False)
        return map_structure(lambda a: a if isinstance(a, Tensor) else self._as_tensors(as_array(a)), x)

    def _train_function(
        self,
        compiled: Compiled,
        penalized: bool,
        guard: Callable[[Tensor], bool] | None = None,
        show: Callable[[Any, float, float], None] | None = None,
        strategy: SingleProcess = SINGLE,
    ) -> Callable[[Samples], tuple[float, float]]:
        """Return a function that takes one step of training.

        It returns the loss before the step, and its weight in the mean over batches.

        Args:
            compiled: the loss, the metrics and the optimizer.
            penalized: whether layers may add penalties.
            guard: differentiates, and returns whether to take the step; such steps are not replayed.
            show: takes the outputs, the loss and its weight, in place of the metrics.
            strategy: for one process or several; in a `train_step`, that of the step that runs.
        """
        with strategy.step():  # a step on a shard is compiled by itself
            gradients, update = self._replayable(
                "fit", partial(compute_gradients, self, penalized), partial(update_parameters, self)
            )
        if guard is not None:
            gradients = partial(compute_gradients, self, penalized, guard=guard)

        def train(samples: Samples) -> tuple[float, float]:
            x, y, w, _, _ = samples
            if (shard := CALL.get().shard) is not None:
                shard.begin_loss()
            step = gradients(x, y, w)
            y_pred, loss, weight = apply_side_effects(self, compiled, step)
            if show is not None:
                show(y_pred, loss, weight)
            elif shard is None:  # before the update: if a metric fails, the weights are unchanged
                compiled.update_metrics(y, y_pred, w)
            else:
                shard.update_metrics(compiled, y, y_pred, w)
            if step.admitted if shard is None else shard.agree_on_step(step.admitted):
                update()
            elif compiled.optimizer.parameters:
                compiled.optimizer.zero_grad()
            return loss, weight

        return train

    def _test_function(self, compiled: Compiled, strategy: SingleProcess) -> Callable[[Samples], tuple[float, float]]:
        """Return a function that shows a batch to the metrics, and returns the loss and its weight."""
        (loss_of,) = self._replayable("evaluate", partial(compute_loss, self))

        def test(samples: Samples) -> tuple[float, float]:
            x, y, w, _, _ = samples
            y_pred, loss, weight = apply_side_effects(self, compiled, loss_of(x, y, w))
            strategy.update_metrics(compiled, y, y_pred, w)
            return loss, weight

        return test

    def _predict_function(self) -> Callable[[Samples], Any]:
        """Return a function that computes the outputs for a batch."""
        if self._overrides("predict_step"):
            return lambda samples: self.predict_step(samples.data())
        (predict,) = self._replayable("predict", partial(compute_outputs, self))
        return lambda samples: predict(samples.x)

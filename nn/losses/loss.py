"""The base of all losses: checks, weights, masks and reductions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import as_array, asarray_like, is_duck_array
from autograd_lite.extend import assume, is_compiling, module_scope

from ..config.ambient import during
from ..config.arguments import checked, one_of, unknown_argument
from ..config.config import Configurable, publish, reference
from ..config.fields import parameters_of
from ..config.registry import Registry
from ..module.logits import remember_cast
from ..module.masks import MASKS, mask_of
from . import targets
from .function_docstrings import describe
from .probabilities import bound_infinities

_reduction = one_of("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")

Array = npt.NDArray[Any]
P = ParamSpec("P")
Targets = Any  # an array, or a Tensor that gradients may flow through


def values_of(y_true: Targets) -> Array:
    """Return targets as an array."""
    return y_true.data if isinstance(y_true, Tensor) else as_array(y_true)


def _standing_for(y_pred: Tensor, stand_in: Tensor) -> Tensor:
    """Return a stand-in for predictions, with the same logits behind it."""
    remember_cast(y_pred, stand_in)
    return stand_in


def _is_finite(loss: Tensor) -> bool:
    return math.isfinite(loss.item()) if loss.ndim == 0 else bool(np.isfinite(loss.data).all())


def _total(weights: Array, *counted: Array) -> Any:
    return (weights[counted[0]] if counted else weights).sum(dtype=np.float64)


# As an operation, so that traced programs compute it anew.
_TOTAL = ag.structural(
    "total_weight", _total, None, infer=lambda x, *_: x._replace(shape=(), dtype=np.dtype(np.float64))
)


def _float_of(x: Any) -> Any:
    return x.astype(np.float64) if is_compiling() and isinstance(x, Tensor) else float(x)


class Counted(float):
    """The weight of a loss in a mean, where it depends on values: on a mask, or on the weights of samples.

    Example:
        >>> Counted(3.0) + 1
        4.0
    """


class Loss(Configurable):
    """Base of all losses; a subclass writes `call`, which returns the losses of the samples.

    Args:
        name: in error messages; by default the class's name.
        reduction: "sum_over_batch_size", "mean", "mean_with_sample_weight", "sum" or None.

    Raises:
        ValueError: for an unknown reduction.

    Example:
        >>> class Largest(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return np.abs(y_pred - y_true).max(axis=-1)
        >>> Largest()([[1.0, 2.0]], ag.tensor([[1.0, 5.0]])).item()
        3.0
    """

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size") -> None:
        self.name = name or type(self).__name__
        self.reduction = None if reduction in (None, "none") else _reduction(self, "reduction", reduction)

    # Whether a loss that is not finite is computed again, with the largest finite numbers for infinities.
    _limits = True

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the samples; written by subclasses.

        Args:
            y_true: checked targets, of y_pred's dtype unless they are class indices.
            y_pred: predictions, shape (N, ...).
        """
        raise NotImplementedError(f"{self.name}: write call(self, y_true, y_pred), which returns the samples' losses")

    def mean(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the mean of `call` over the losses that count; a subclass may know a shorter way."""
        losses = self.call(y_true, y_pred)
        counted = self.count_mask(y_true, losses)
        return losses.mean() if counted is None else losses.sum() / float(np.count_nonzero(counted) or 1)

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise if these targets cannot belong to predictions of this shape."""
        targets.check_counts(self.name, y_true, shape)
        if (*y_true.shape, 1) == shape or y_true.shape == (*shape, 1):  # would be broadcast, each with each
            targets.check_same_shape(self.name, y_true, shape)

    def count_mask(self, y_true: Targets, losses: Tensor) -> Array | None:
        """Return which of the losses count, or None where all do; the others are 0, and no part of a mean."""
        return None

    def __call__(
        self,
        y_true: npt.ArrayLike | Tensor,
        y_pred: npt.ArrayLike | Tensor,
        sample_weight: npt.ArrayLike | None = None,
        mask: npt.ArrayLike | None = None,
    ) -> Tensor:
        """Return the reduced loss.

        Args:
            y_true: targets, as the class says.
            y_pred: predictions, floating.
            sample_weight: one weight a sample, shape (N,), or more of the first axes of the losses, such as (N, T); a
                single number holds for all.
            mask: in the same shapes, True where a loss counts; by default the mask that layers have given y_pred.

        Raises:
            ShapeError: if shapes do not fit together.
            ValueError: for targets that are NaN or impossible.
        """
        return self.loss_and_weight(y_true, y_pred, sample_weight, mask)[0]

    def loss_and_weight(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> tuple[Tensor, float]:
        """Return the reduced loss, and its weight in the mean over several batches, whose sizes then do not matter.

        The weight is the number of samples, times the share of their losses that counts in the batch's mean.
        """
        travelled = mask_of(y_pred) if mask is None and MASKS else None
        if not isinstance(y_pred, Tensor):
            y_pred = ag.tensor(y_pred)
        if y_pred.dtype.kind != "f" or y_pred.dtype.itemsize < 4:
            # In half precision epsilons are 0, and the squares of 256 infinite.
            y_pred = _standing_for(y_pred, y_pred.astype(np.float32))
        # In pictures a loss has its own frame next to the model's; an infinite loss is visible without warnings.
        with module_scope("", model=self) as scope, np.errstate(all="ignore"):
            if y_pred.__class__ is Tensor:  # else, in `vmap` and `jvp`, values are not known
                result = self._loss_and_weight(y_true, y_pred, sample_weight, mask, travelled)
                if self._limits and is_compiling():
                    # By functions that have a name in files.
                    assume(math.isfinite, result[0]) if not result[0].ndim else assume(np.all, np.isfinite(result[0]))
                if not self._limits or is_compiling() or _is_finite(result[0]):
                    return scope.note(result)
            with during(limits_losses=True):
                finite = _standing_for(y_pred, bound_infinities(y_pred))
                return scope.note(self._loss_and_weight(y_true, finite, sample_weight, mask, travelled))

    def _loss_and_weight(
        self, y_true: Any, y_pred: Tensor, sample_weight: Any, mask: Any, travelled: Any
    ) -> tuple[Tensor, Any]:
        is_array = y_true.__class__ is np.ndarray or isinstance(y_true, Tensor)
        target: Any = y_true if is_array else as_array(y_true)
        shape = y_pred.shape
        self._observe_check(target, shape)
        target = self._cast(asarray_like(target, y_pred) if is_duck_array(y_pred) else target, y_pred.dtype)
        rows = float(y_pred.shape[0])
        plain = sample_weight is None and mask is None and travelled is None
        if plain and self.reduction in _MEANS and type(self).count_mask is Loss.count_mask:
            return self.mean(target, y_pred), rows
        losses = self.call(target, y_pred)
        counted = self.count_mask(target, losses)
        if losses.shape:  # else the user's function has taken the mean over what counts
            mask = travelled if mask is None else mask
        if mask is not None:
            flags = targets.check_mask(self.name, mask, losses.shape)
            chosen: Any = np.where(flags, losses, losses.dtype.type(0))
            losses = chosen
            counted = flags if counted is None else np.logical_and(counted, flags)
        weights = None
        if sample_weight is not None:
            weights = targets.check_weights(self.name, sample_weight, losses.shape, losses.dtype)
            losses = losses * weights
        if self.reduction not in _MEANS:
            return (losses if self.reduction is None else losses.sum()), rows
        if weights is None and counted is None:
            return losses.mean(), rows
        if counted is None and self.reduction != "mean_with_sample_weight":
            return losses.sum() / float(losses.size or 1), rows
        divisor = self._divisor(losses.shape, weights, counted)
        if isinstance(divisor, Tensor):  # it is computed anew in each replay
            safe: Any = np.where(np.equal(divisor, 0), 1.0, divisor)
            return losses.sum() / safe.astype(losses.dtype), divisor * rows / losses.size
        return losses.sum() / (divisor or 1.0), Counted(rows * divisor / losses.size)

    def _observe_check(self, y_true: Any, shape: tuple[int, ...]) -> None:
        """Check targets, at every replay too if this is compiled."""
        if type(self).check is Loss.check:  # which looks at shapes alone
            self.check(y_true, shape)
        else:
            ag.observe(lambda values: self.check(values, shape), y_true, checks=True)

    def _divisor(self, shape: tuple[int, ...], weights: Any, counted: Any) -> Any:
        """Return the divisor of the sum of the losses that makes it their mean, a number or Tensor; it may be 0."""
        if self.reduction != "mean_with_sample_weight" or weights is None:
            return float(np.prod(shape)) if counted is None else _float_of(np.count_nonzero(counted))
        full = np.broadcast_to(weights, shape)
        return _float_of(_TOTAL(full) if counted is None else _TOTAL(full, counted))

    def _cast(self, y_true: Targets, dtype: np.dtype[Any]) -> Targets:
        return y_true.astype(dtype, copy=False)


class Elementwise(Loss):
    """A mean over one axis, the last by default, of a function of a target and its prediction."""

    axis = -1

    def elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the elements, shape (N, ..., F)."""
        raise NotImplementedError

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        return self.elements(y_true, y_pred).mean(axis=self.axis)

    def mean(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the mean over all elements, which is the mean of the means."""
        return self.elements(y_true, y_pred).mean()

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and no target is NaN."""
        targets.check_same_shape(self.name, y_true, shape)
        targets.check_no_nan(self.name, y_true)

    def _observe_check(self, y_true: Any, shape: tuple[int, ...]) -> None:
        plain = type(self).check is Elementwise.check and isinstance(y_true, Tensor) and y_true.dtype.kind == "f"
        if not (plain and is_compiling()):
            super()._observe_check(y_true, shape)
        else:  # together with the loss; where there is a NaN, the function itself runs and reports it
            targets.check_same_shape(self.name, y_true, shape)
            assume(math.isfinite, (y_true * 0).sum())


class FunctionLoss(Loss):
    """A user's function (y_true, y_pred) of one batch, which returns losses of samples or their mean."""

    _limits = False  # the function is called once

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(getattr(function, "__name__", None))
        self.function = function

    def get_config(self) -> dict[str, Any]:
        """Return the function: its name, if it is one of nn's, else itself."""
        return {"function": reference(self.function)}

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return what the function returns."""
        result = self.function(y_true, y_pred)
        if not isinstance(result, Tensor):
            raise TypeError(
                f"loss {self.name!r}: expected a Tensor; received {type(result).__name__}. Compute it from y_pred with "
                "NumPy functions or Tensor methods, not from y_pred.data"
            )
        return result

    def _cast(self, y_true: Targets, dtype: np.dtype[Any]) -> Targets:
        return y_true


def function_of(kind: Callable[P, Loss], name: str) -> Callable[Concatenate[Any, Any, P], Tensor]:
    """Return a loss as a function of (y_true, y_pred) and of the loss's arguments, of one value a sample.

    Example:
        >>> from nn import losses
        >>> losses.huber([[0.0], [0.0]], ag.tensor([[0.5], [3.0]]), delta=2.0).tolist()
        [0.125, 4.0]
    """
    make: Any = kind
    y = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="Any") for n in ("y_true", "y_pred")]
    arguments = [p for p in parameters_of(make) if p.name not in ("reduction", "name")]
    names = [p.name for p in arguments]
    plain: list[Loss] = []  # the loss with its defaults, once it is wanted

    def function(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
        if not args and not kwargs:
            if not plain:
                plain.append(make(reduction=None))
            return plain[0](y_true, y_pred)
        if kwargs.keys() - set(names):
            raise unknown_argument(name, kwargs, names)
        if len(args) > len(names):
            raise TypeError(f"{name}() takes {2 + len(names)} positional arguments, but {2 + len(args)} were given")
        return make(reduction=None, **dict(zip(names, args, strict=False)), **kwargs)(y_true, y_pred)

    function.__name__ = function.__qualname__ = name
    function.__module__ = make.__module__
    vars(function)["__signature__"] = inspect.Signature([*y, *arguments], return_annotation="Tensor")
    describe(function, make)
    public: Any = checked(function)
    publish([public])
    return public


def _of_function(function: Any) -> Loss:
    if hasattr(function, "update_state"):
        raise TypeError(
            f"loss: expected a loss, whose value has gradients; received the metric {function!r}. Use one of nn.losses"
        )
    return FunctionLoss(function)


_ENTROPIES = (
    "Write 'sparse_categorical_crossentropy' for targets that are indices of classes, 'categorical_crossentropy' for "
    "one-hot ones, 'binary_crossentropy' for 0 and 1"
)
REGISTRY = Registry(
    "a loss",
    Loss,
    room=__package__,
    classes=(
        "BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy "
        "CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence "
        "LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson "
        "SparseCategoricalCrossentropy SquaredHinge Tversky"
    ),
    others={
        "bce": "BinaryCrossentropy",
        "kld": "KLDivergence",
        "mae": "MeanAbsoluteError",
        "mape": "MeanAbsolutePercentageError",
        "mse": "MeanSquaredError",
        "msle": "MeanSquaredLogarithmicError",
    },
    wrap=_of_function,
    takes="of (y_true, y_pred)",
    words={
        **dict.fromkeys(("crossentropy", "crossentropyloss", "nllloss", "logloss", "softmaxcrossentropy"), _ENTROPIES),
        **dict.fromkeys(("accuracy", "acc"), "An accuracy has no gradient: write metrics=['accuracy']"),
        **dict.fromkeys(("adam", "adamw", "sgd", "rmsprop"), "It is an optimizer, which comes first, before the loss"),
        "bceloss": "Write 'binary_crossentropy'",
        "bcewithlogitsloss": "Write losses.BinaryCrossentropy(from_logits=True)",
        "l1loss": "Write 'mean_absolute_error'",
        "rmse": "Its steps are those of 'mse'; write loss='mse', metrics=['root_mean_squared_error']",
    },
)
get, serialize, deserialize = REGISTRY.functions(__package__)

"""Losses: `loss(y_true, y_pred)` is a scalar Tensor, the mean over the samples of a batch.

Arguments that all losses have: `reduction`, which is "sum_over_batch_size" (the mean), "sum", or None for one value a
sample; `name`. Calls take `sample_weight`, shape (N,) or that of the losses of the samples: each loss is multiplied
by its weight before the reduction.

No loss broadcasts its targets: (N,) against (N, 1) is an error, and so are NaN and impossible targets.

The cross-entropies take probabilities, or logits with `from_logits=True`. Probabilities that a softmax (or sigmoid)
has just made are not used: the loss is computed from the logits behind them, which the record of `y_pred` has, and so
is exact where the probabilities round to 0 or 1. Probabilities of unknown origin are clipped to [EPSILON, 1 - EPSILON].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from . import _targets as targets
from .activations import remembered_logits
from .registry import find

__all__ = [
    "EPSILON",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]

EPSILON = 1e-7
_REDUCTIONS = ("sum_over_batch_size", "sum", "none", None)

Array = npt.NDArray[Any]
Targets = Any  # an array, or a Tensor that gradients may flow through


class Loss:
    """Base of all losses; a subclass writes `call`, which returns the losses of the samples.

    Args:
        name: in error messages; by default the class's name.
        reduction: "sum_over_batch_size", "sum" or None.

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
        if reduction not in _REDUCTIONS:
            raise ValueError(f"{self.name}: expected reduction to be one of {_REDUCTIONS}; received {reduction!r}")
        self.reduction = None if reduction == "none" else reduction

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the samples; written by subclasses.

        Args:
            y_true: checked targets, of y_pred's dtype unless they are class indices.
            y_pred: predictions, shape (N, ...).
        """
        raise NotImplementedError(f"{self.name}: write call(self, y_true, y_pred), which returns the samples' losses")

    def mean(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the mean of `call`; a subclass may know a shorter way."""
        return self.call(y_true, y_pred).mean()

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise if these targets cannot belong to predictions of this shape."""
        targets.check_counts(self.name, y_true, shape)

    def __call__(
        self, y_true: npt.ArrayLike | Tensor, y_pred: npt.ArrayLike | Tensor, sample_weight: npt.ArrayLike | None = None
    ) -> Tensor:
        """Return the reduced loss.

        Args:
            y_true: targets, as the class says.
            y_pred: predictions, floating.
            sample_weight: one weight a sample.

        Raises:
            ShapeError: if shapes do not fit together.
            ValueError: for targets that are NaN or impossible.
        """
        if y_pred.__class__ is not Tensor:
            y_pred = ag.tensor(y_pred)
        if y_pred.dtype.kind != "f":
            y_pred = y_pred.astype(np.float32)
        values = y_true.data if isinstance(y_true, Tensor) else np.asarray(y_true)
        self.check(values, y_pred.shape)
        given = self._cast(y_true if isinstance(y_true, Tensor) else values, y_pred.dtype)
        if sample_weight is None:
            if self.reduction == "sum_over_batch_size":
                return self.mean(given, y_pred)
            losses = self.call(given, y_pred)
        else:
            losses = self.call(given, y_pred)
            losses = losses * targets.checked_weights(self.name, sample_weight, losses.shape, y_pred.dtype)
        if self.reduction is None:
            return losses
        return losses.sum() if self.reduction == "sum" else losses.mean()

    def _cast(self, y_true: Targets, dtype: np.dtype[Any]) -> Targets:
        return y_true.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class MeanSquaredError(Loss):
    """The mean over the last axis of (y_true - y_pred)².

    `y_true` and `y_pred` are floating and have the same shape (N, ..., F).

    Example:
        >>> MeanSquaredError()([[0.0, 1.0]], ag.tensor([[1.0, 1.0]])).item()
        0.5
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error") -> None:
        super().__init__(name, reduction)

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the samples, shape (N, ...)."""
        return np.square(y_pred - y_true).mean(axis=-1)

    def mean(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the mean over all elements, which is the mean of the means."""
        return np.square(y_pred - y_true).mean()

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and no target is NaN."""
        targets.check_same_shape(self.name, y_true, shape)
        targets.check_no_nan(self.name, y_true)


class MeanAbsoluteError(MeanSquaredError):
    """The mean over the last axis of `|y_true - y_pred|`; the derivative is 0 where they are equal.

    `y_true` and `y_pred` are floating and have the same shape (N, ..., F).

    Example:
        >>> MeanAbsoluteError()([[0.0, 1.0]], ag.tensor([[3.0, 1.0]])).item()
        1.5
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error") -> None:
        super().__init__(reduction, name)

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the samples, shape (N, ...)."""
        return np.abs(y_pred - y_true).mean(axis=-1)

    def mean(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the mean over all elements, which is the mean of the means."""
        return np.abs(y_pred - y_true).mean()


class CategoricalCrossentropy(Loss):
    """Cross-entropy with one-hot targets or soft ones: -sum_k y_k log p_k over K classes.

    `y_true` and `y_pred` have the same shape (N, ..., K). Probabilities p are first divided by their sum, as Keras
    does; with logits z, log p_k = z_k - logsumexp(z).

    Args:
        from_logits: whether y_pred are logits.
        label_smoothing: s in [0, 1]; the targets become y (1 - s) + s / K.
        reduction, name: as in `Loss`.

    References:
        Goodfellow, Bengio, Courville: Deep Learning, 2016, equation 6.30 (the loss of softmax units).
        Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture, 2016, section 7 (smoothing).

    Example:
        >>> loss = CategoricalCrossentropy()([[0.0, 1.0]], ag.tensor([[0.5, 0.5]]))
        >>> round(loss.item(), 6)
        0.693147
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
    ) -> None:
        super().__init__(name, reduction)
        self.from_logits = from_logits
        self.label_smoothing = targets.checked_smoothing(self.name, label_smoothing)

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the samples, shape (N, ...)."""
        return -(_log_probabilities(y_pred, self.from_logits) * self._smooth(y_true)).sum(axis=-1)

    def mean(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the mean over the samples; for arrays the targets are divided, which is cheaper and not recorded."""
        if isinstance(y_true, Tensor):
            return super().mean(y_true, y_pred)  # so that the record, and its picture, has the targets themselves
        share = self._smooth(y_true) * (-y_pred.shape[-1] / y_pred.size)
        return (_log_probabilities(y_pred, self.from_logits) * share).sum()

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and the targets are distributions over at least two classes."""
        targets.check_distributions(self.name, y_true, shape)

    def _smooth(self, y_true: Targets) -> Targets:
        s = self.label_smoothing
        return y_true * (1 - s) + s / y_true.shape[-1] if s else y_true


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy with class indices as targets: -log p_y.

    `y_true` are integers from 0 to K - 1, shape (N, ...) or (N, ..., 1); `y_pred` has shape (N, ..., K).

    Args:
        from_logits: whether y_pred are logits.
        reduction, name: as in `Loss`.

    Example:
        >>> loss = SparseCategoricalCrossentropy()([1], ag.tensor([[0.5, 0.5]]))
        >>> round(loss.item(), 6)
        0.693147
    """

    def __init__(
        self,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "sparse_categorical_crossentropy",
    ) -> None:
        super().__init__(name, reduction)
        self.from_logits = from_logits

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the samples, shape (N, ...)."""
        log_p = _log_probabilities(y_pred, self.from_logits).reshape(-1, y_pred.shape[-1])
        return -log_p[np.arange(y_true.size), y_true.ravel()].reshape(y_pred.shape[:-1])

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the targets are class indices for predictions of this shape."""
        targets.check_indices(self.name, y_true, shape)

    def _cast(self, y_true: Targets, dtype: np.dtype[Any]) -> Array:
        return np.asarray(y_true.data if isinstance(y_true, Tensor) else y_true).astype(np.intp, copy=False)


class BinaryCrossentropy(Loss):
    """The mean over the last axis of -(y log p + (1 - y) log(1 - p)).

    `y_true` is in [0, 1], of the same shape (N, ..., F) as `y_pred`. With logits z it is
    y softplus(-z) + (1 - y) softplus(z), which loses no digits at either end.

    Args:
        from_logits: whether y_pred are logits.
        label_smoothing: s in [0, 1]; the targets become y (1 - s) + s / 2.
        reduction, name: as in `Loss`.

    References:
        Goodfellow, Bengio, Courville: Deep Learning, 2016, equation 6.26 (the loss of a sigmoid unit as a softplus).

    Example:
        >>> BinaryCrossentropy(from_logits=True)([[1.0]], ag.tensor([[-1000.0]])).item()
        1000.0
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
    ) -> None:
        super().__init__(name, reduction)
        self.from_logits = from_logits
        self.label_smoothing = targets.checked_smoothing(self.name, label_smoothing)

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the samples, shape (N, ...)."""
        return self._elements(y_true, y_pred).mean(axis=-1)

    def mean(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the mean over all elements, which is the mean of the means."""
        return self._elements(y_true, y_pred).mean()

    def _elements(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        if self.label_smoothing:
            y_true = y_true * (1 - self.label_smoothing) + self.label_smoothing / 2
        logits = y_pred if self.from_logits else _logits_behind(y_pred, "sigmoid")
        if logits is not None:
            return ag.softplus(-logits) * y_true + ag.softplus(logits) * (1 - y_true)
        p = np.clip(y_pred, EPSILON, 1 - EPSILON)
        return -(np.log(p) * y_true + np.log(1 - p) * (1 - y_true))

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the shapes are equal and the targets are in [0, 1]."""
        targets.check_same_shape(self.name, y_true, shape)
        targets.check_unit_interval(self.name, y_true)


class _FunctionLoss(Loss):
    """A user's function (y_true, y_pred) of one batch, which returns losses of samples or their mean."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(getattr(function, "__name__", None))
        self.function = function

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


_BY_NAME: dict[str, Callable[[], Loss]] = {
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "binary_crossentropy": BinaryCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
}


def get(identifier: str | Loss | type[Loss] | Callable[..., Any]) -> Loss:
    """Return a loss by its name, the given one, or one made of a function of (y_true, y_pred).

    Raises:
        ValueError: for a name that is not known.
        TypeError: for anything else that cannot be called.

    Example:
        >>> get("mse").name
        'mean_squared_error'
    """
    if isinstance(identifier, str):
        return find("a loss", identifier, _BY_NAME)()
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if callable(identifier):
        return _FunctionLoss(identifier)
    raise TypeError(f"loss: expected a name, a Loss or a function of (y_true, y_pred); received {identifier!r}")


# ---- from probabilities to logits -----------------------------------------------------------------------------------


def _log_probabilities(y_pred: Tensor, from_logits: bool) -> Tensor:
    """Return log p over the last axis: exactly, from logits, or else from clipped probabilities."""
    logits = y_pred if from_logits else _logits_behind(y_pred, "softmax")
    if logits is not None:
        return ag.log_softmax(logits)
    p = y_pred / y_pred.sum(axis=-1, keepdims=True)
    return np.log(np.clip(p, EPSILON, 1 - EPSILON))


def _logits_behind(y_pred: Tensor, activation: str) -> Tensor | None:
    """Return what the activation that made `y_pred` was applied to, unless another op made it or it was not kept."""
    op = y_pred.op
    if op is None:
        return remembered_logits(y_pred, activation)
    if op.name != activation or y_pred.params.get("axis", y_pred.ndim - 1) != y_pred.ndim - 1:
        return None
    logits = y_pred.inputs[0]
    try:
        logits.data  # noqa: B018  (raises if the values are gone, freed by an earlier backward)
    except ag.GradError:
        return None
    return logits

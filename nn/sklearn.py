"""`Classifier` and `Regressor` for scikit-learn's pipelines, cross-validation and grid search.

This module needs scikit-learn, the extra `sklearn`; `import nn` does not import it.

Example:
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from nn.sklearn import Classifier
    >>> x, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), Classifier(hidden=(16,), epochs=60, random_state=0)).fit(x, y)
    >>> model.score(x, y) > 0.95
    True
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import autograd_lite as ag

from . import layers, losses, optimizers
from .config.docstrings import arguments_from, describe_methods
from .models import Model, Sequential

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "nn.sklearn: expected scikit-learn 1.6 or later; it is not installed. pip install 'autograd-lite[sklearn]'"
    ) from error

__all__ = ["Classifier", "Regressor"]
__dir__ = __all__.copy

Array = npt.NDArray[Any]


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both share: the parameters, the training, the checks.

    All parameters are kept unchanged, as scikit-learn asks.

    Args:
        model: a function of (number of features, number of outputs) that returns a model whose last layer has no
            activation; by default a network with the hidden layers below.
        hidden: the number of units of each hidden layer, such as (64, 32); () for none.
        activation: that of the hidden layers: a name such as "relu", or a function.
        optimizer: a name such as "adam", or an optimizer, of which each `fit` uses a copy.
        learning_rate: the step size of an optimizer given by name, above 0; None for the optimizer's own default.
        batch_size: samples per step, at least 1.
        epochs: passes over the data, at least 0.
        validation_split: the fraction of the samples, at least 0 and below 1, taken from the end, on which no step is
            made and whose loss is in `history_`.
        callbacks: a callback or a list of them, such as `nn.callbacks.EarlyStopping()`; each `fit` uses copies.
        random_state: an int or a NumPy RandomState makes a fit repeat bit for bit; None draws from NumPy's.
        verbose: 0 for silence, 1 for a bar, 2 for a line per epoch; "auto" for a bar where it can be drawn, else lines.

    Attributes:
        model_: the trained model.
        history_: the loss of each epoch, by name.
        n_features_in_: number of features.
    """

    def __init__(
        self,
        model: Callable[[int, int], Model] | None = None,
        *,
        hidden: Sequence[int] = (64,),
        activation: str | Callable[..., Any] = "relu",
        optimizer: str | optimizers.Optimizer = "adam",
        learning_rate: float | None = 0.01,
        batch_size: int = 32,
        epochs: int = 50,
        validation_split: float = 0.0,
        callbacks: Any = None,
        random_state: Any = None,
        verbose: int | str = 0,
    ) -> None:
        self.model = model
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def _train(self, x: Array, y: Array, outputs: int, loss: Any, sample_weight: Array | None) -> None:
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        with _use_seed(seed):
            model = self._network(x.shape[1], outputs)
            model.compile(optimizer=self._new_optimizer(), loss=loss)
            history = model.fit(
                x,
                y,
                batch_size=self.batch_size,
                epochs=self.epochs,
                validation_split=self.validation_split,
                callbacks=copy.deepcopy(self.callbacks),
                verbose=self.verbose,
                sample_weight=sample_weight,
            )
        self.model_ = model
        self.history_ = dict(history.history)

    def _network(self, features: int, outputs: int) -> Model:
        if self.model is not None:
            return self.model(features, outputs)
        hidden = [layers.Dense(units, activation=self.activation) for units in self.hidden]
        return Sequential([layers.Input((features,)), *hidden, layers.Dense(outputs)])

    def _new_optimizer(self) -> optimizers.Optimizer:
        optimizer = copy.deepcopy(optimizers.get(self.optimizer))
        if isinstance(self.optimizer, str) and self.learning_rate is not None:
            optimizer.learning_rate = self.learning_rate
        return optimizer

    def _raw(self, X: Any) -> Array:
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=[np.float32, np.float64])
        return self.model_.predict(x, batch_size=max(self.batch_size, 256))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = False
        return tags


@describe_methods
@arguments_from(_Estimator)
class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A network that classifies, trained on the cross-entropy of softmax(model(x)).

    Attributes:
        classes_: the labels, sorted.
        model_: the trained model; it returns one logit for each class.
        history_: the loss of each epoch.
        n_features_in_: number of features.

    Example:
        >>> import numpy as np
        >>> x = np.array([[0.0], [0.2], [0.8], [1.0]])
        >>> Classifier(epochs=100, random_state=0).fit(x, ["low", "low", "high", "high"]).predict([[0.1], [0.9]])
        array(['low', 'high'], dtype='<U4')
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network on features X of shape (N, D) and labels y of shape (N,).

        Args:
            X: floats, shape (N, D).
            y: labels of any kind, shape (N,).
            sample_weight: weight of each sample, shape (N,).
        """
        x, labels = validate_data(self, X, y, dtype=[np.float32, np.float64])
        check_classification_targets(labels)
        weight = _weights(sample_weight, x)
        self.classes_, index = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"Classifier.fit: expected labels of at least 2 classes; received one class, {self.classes_[0]!r}"
            )
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        self._train(x, index.reshape(-1), len(self.classes_), loss, weight)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, in the order of `classes_`, shape (N, K)."""
        logits = self._raw(X).astype(np.float64)
        exps = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exps / exps.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities, shape (N, K)."""
        logits = self._raw(X).astype(np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each sample, shape (N,)."""
        best = self._raw(X).argmax(axis=1)
        return self.classes_[best]


@describe_methods
@arguments_from(_Estimator)
class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A network that predicts numbers, trained on the mean squared error.

    For training, targets are scaled to mean 0 and standard deviation 1, so that their unit does not matter.

    Attributes:
        model_: the trained model, of the scaled targets.
        history_: the loss of each epoch.
        n_features_in_: number of features.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> model = Regressor(epochs=100, random_state=0).fit(x, x[:, 0] ** 2)
        >>> bool(model.score(x, x[:, 0] ** 2) > 0.9)
        True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network on features X of shape (N, D) and targets y of shape (N,) or (N, K).

        Args:
            X: floats, shape (N, D).
            y: numbers, shape (N,) or (N, K).
            sample_weight: weight of each sample, shape (N,).
        """
        x, targets = validate_data(self, X, y, dtype=[np.float32, np.float64], multi_output=True, y_numeric=True)
        targets = np.asarray(targets, np.float64)
        weight = _weights(sample_weight, x)
        self._flat = targets.ndim == 1
        columns = targets.reshape(len(targets), -1)
        self._mean, spread = columns.mean(axis=0), columns.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1.0)
        self._train(x, (columns - self._mean) / self._scale, columns.shape[1], "mse", weight)
        return self

    def predict(self, X: Any) -> Array:
        """Return the predictions, shape (N,) or (N, K) like the targets."""
        values = self._raw(X).astype(np.float64) * self._scale + self._mean
        return values[:, 0] if self._flat else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _weights(sample_weight: Any, x: Array) -> Array | None:
    return None if sample_weight is None else _check_sample_weight(sample_weight, x)


@contextmanager
def _use_seed(seed: int) -> Iterator[None]:
    """Draw from a stream of this seed inside; the default generator is restored afterward."""
    state = ag.random.default_generator.state
    ag.set_seed(seed)
    try:
        yield
    finally:
        ag.random.default_generator.state = state

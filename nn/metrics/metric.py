"""The base of all metrics, and what they check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import to_numpy

from .. import initializers
from ..config.config import Configurable, Stateful
from ..config.docstrings import arguments_from
from ..config.limits import reading, spend
from ..config.registry import snake_case

Array = npt.NDArray[Any]


class _Begun(type):
    """Makes a metric and resets it, when the whole constructor has run, also that of a subclass."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        with reading(()):  # thresholds and classes are numbers that take memory
            metric = super().__call__(*args, **kwargs)
            metric.reset_state()
        return metric


class Metric(Configurable, Stateful, metaclass=_Begun):
    """Base of all metrics; a subclass writes `update_state`, `result`, and `reset_state` if it has other state.

    A new metric is reset when its constructor has run. Called, a metric takes in a batch and returns its result over
    all batches since the reset.

    Args:
        name: its key in `History` and in the progress bar; by default made of the class's name.

    Example:
        >>> class Largest(Metric):
        ...     def __init__(self, name="largest"):
        ...         super().__init__(name)
        ...         self.value = self.add_variable((), "zeros")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.value.assign(np.maximum(self.value, np.max(y_pred)))
        ...     def result(self):
        ...         return self.value
        >>> float(Largest()([0.0, 0.0], [2.0, 3.0]))
        3.0
    """

    #: The attributes that are sums over batches, so that the sums of several ranks may be added; None if not all of the
    #: state is in such sums. Ranks then show their batches to each other, and all of them to the metric.
    sums: ClassVar[tuple[str, ...] | None] = None

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: str | Callable[..., Any] = "zeros",
        dtype: npt.DTypeLike | None = None,
        name: str | None = None,
    ) -> Tensor:
        """Return a new tensor for state of the metric, which `reset_state` sets back; change it with `assign`.

        Args:
            shape: of the state.
            initializer: name, Initializer or function of (shape, dtype), asked again at each reset.
            dtype: float32 by default.
            name: for messages.
        """
        spend(tuple(shape))
        initial = initializers.get(initializer)
        kind = np.dtype(np.float32 if dtype is None else dtype)
        variable = ag.tensor(initial(tuple(shape), kind), dtype=kind, name=name)
        self.__dict__.setdefault("_variables", []).append((variable, initial))
        return variable

    @arguments_from(add_variable)
    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: str | Callable[..., Any] | None = None,
        dtype: npt.DTypeLike | None = None,
        name: str | None = None,
    ) -> Tensor:
        """Do what `add_variable` does: Keras has both names."""
        return self.add_variable(shape, "zeros" if initializer is None else initializer, dtype, name)

    @property
    def variables(self) -> list[Tensor]:
        """The state: what `add_variable` has made, other tensors and metrics among the attributes; built-in state.

        The state of the metrics of nn itself is given as copies, of Keras's names, shapes and values.
        """
        state = [variable for variable, _ in vars(self).get("_variables", ())]
        ids = {id(variable) for variable in state}
        for value in vars(self).values():
            if isinstance(value, Metric):
                state += value.variables
            elif isinstance(value, Tensor) and value.is_leaf and id(value) not in ids:
                state.append(value)
        return state + [ag.tensor(np.array(a), dtype="float32", name=name) for name, a in self._state().items()]

    def _state(self) -> dict[str, Any]:
        """Return the state that is not in tensors, by Keras's names."""
        return {}

    def reset_state(self) -> None:
        """Forget all batches: give each variable its initial value, 0 if it was not made by `add_variable`."""
        if not (variables := self.variables) and "_variables" not in vars(self):
            raise NotImplementedError(f"{type(self).__name__}: write reset_state(self)")
        initializers_of = {id(variable): initializer for variable, initializer in vars(self).get("_variables", ())}
        for variable in variables:
            initial = initializers_of.get(id(variable))
            shape, dtype = variable.shape, variable.dtype
            variable.assign(np.zeros(shape, dtype) if initial is None else initial(shape, dtype))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""
        raise NotImplementedError(f"{type(self).__name__}: write update_state(self, y_true, y_pred)")

    def result(self) -> Any:
        """Return the value over all batches since the reset."""
        raise NotImplementedError(f"{type(self).__name__}: write result(self)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in one batch, and return the value over all batches since the reset."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


def as_array(values: Any) -> Array:
    """Return a Tensor's or an array-like's values as an array of NumPy, which computes all metrics."""
    values = values.data if isinstance(values, Tensor) else values
    return values if values.__class__ is np.ndarray else to_numpy(values)


def check_same_shape(name: str, y_true: Array, y_pred: Array) -> None:
    """Raise unless targets and predictions have the same shape: broadcasting would compare everything."""
    if y_true.shape != y_pred.shape:
        raise ag.ShapeError(
            f"{name}: expected y_true and y_pred of the same shape; received {y_true.shape} and {y_pred.shape}. "
            "Reshape the targets to the shape of the predictions"
        )


def full_weights(name: str, sample_weight: Any, shape: tuple[int, ...]) -> Array:
    """Return weights in a shape; those of samples, or of the first axes, hold for all that a sample has.

    One axis of length 1 more than there are is left out, as in (N, 1) for values (N,).

    Raises:
        ShapeError: if they have another shape.
    """
    weights = np.asarray(as_array(sample_weight), np.float64)
    if weights.ndim == len(shape) + 1 and weights.shape[-1] == 1:  # (N, 1) for (N,)
        weights = weights[..., 0]
    spread = weights.shape[:1] == shape[: weights.ndim][:1] and weights.ndim <= len(shape)
    if not spread or any(n not in (1, m) for n, m in zip(weights.shape[1:], shape[1:], strict=False)):
        raise ag.ShapeError(
            f"{name}: expected sample_weight of shape {shape[:1]}, one a sample, or {shape}; received shape "
            f"{weights.shape}"
        )
    return np.broadcast_to(weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim)), shape)


def divide_or_zero(above: Any, below: Any) -> Array:
    """Return a quotient, 0 where it is divided by 0.

    Example:
        >>> divide_or_zero([1.0, 2.0], [4.0, 0.0]).tolist()
        [0.25, 0.0]
    """
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    return np.divide(above, below, out=np.zeros(np.broadcast_shapes(above.shape, below.shape)), where=below != 0)

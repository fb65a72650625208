"""The paths that optimizers take on a function of a few numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.arguments import checked, not_negative
from ..optimizers import SGD, Adam, Optimizer, RMSprop

__all__ = ["Path", "descend", "usual_optimizers"]

Array = npt.NDArray[np.float64]
Function = Callable[[Any], Any]


class Path(NamedTuple):
    """The points that an optimizer came through: T steps from a start in D dimensions.

    Args:
        points: shape (T + 1, D), the start first.
        values: the function there, shape (T + 1,).
        gradients: its gradients there, shape (T + 1, D).

    Example:
        >>> import numpy as np
        >>> path = Path(np.zeros((3, 2)), np.zeros(3), np.zeros((3, 2)))
        >>> path.points.shape
        (3, 2)
    """

    points: Array
    values: Array
    gradients: Array


@checked
def descend(f: Function, start: npt.ArrayLike, optimizer: Optimizer | None = None, *, steps: int = 50) -> Path:
    """Return the path of an optimizer on a function: its points, values and gradients.

    Args:
        f: a function written in NumPy, of an array of shape (D,) (or of a number, if the start is one), with a number
            as its value.
        start: where the path begins, shape (D,), or one number.
        optimizer: by default plain gradient descent, `SGD(0.1)`; a copy of it makes the steps.
        steps: T, at least 0.

    Raises:
        ShapeError: if the start has more than one axis, or f does not return a single number.

    Example:
        >>> from nn.optimizers import SGD
        >>> descend(lambda x: x * x, 1.0, SGD(0.25), steps=3).points[:, 0].tolist()
        [1.0, 0.5, 0.25, 0.125]
    """
    count = not_negative("descend", "steps", steps)
    first = np.asarray(start, np.float64)
    if first.ndim > 1 or not first.size:
        raise ag.ShapeError(f"descend: expected start as a number or of shape (D,); received shape {first.shape}")
    x = ag.tensor(first, requires_grad=True, name="x")
    template = SGD(0.1) if optimizer is None else optimizer
    walker = type(template).from_config(template.get_config())
    walker.bind([x])
    points, values, gradients = [], [], []
    for step in range(count + 1):
        value = f(x)
        if not isinstance(value, Tensor) or value.size != 1:
            raise ag.ShapeError(
                "descend: expected f to compute one number from x with NumPy; received "
                + (f"shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__)
            )
        value.sum().backward()
        gradient = np.zeros_like(first) if x.grad is None else x.grad.numpy()
        points.append(np.atleast_1d(x.numpy()).copy())
        values.append(value.item())
        gradients.append(np.atleast_1d(gradient).copy())
        if step < count:
            walker.step()
        x.grad = None
    return Path(np.array(points), np.array(values), np.array(gradients))


def usual_optimizers(learning_rate: float) -> dict[str, Optimizer]:
    """Return SGD, SGD with momentum, RMSprop and Adam, by name, with one learning rate."""
    return {
        "SGD": SGD(learning_rate),
        "momentum": SGD(learning_rate, momentum=0.9),
        "RMSprop": RMSprop(learning_rate),
        "Adam": Adam(learning_rate),
    }


def value_at(f: Function, point: Any) -> float:
    """Return a function's value as a float, NaN where it has none."""
    with np.errstate(all="ignore"):
        value = np.asarray(f(point), np.float64)
    return float(value.reshape(())) if value.size == 1 else np.nan

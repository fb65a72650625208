"""RMSprop: gradients divided by a running root of their mean square."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite.extend import over_root, running_mean, running_mean_square

from ..config.arguments import flag
from ..config.fields import field
from .hyper import LearningRate, Number, ScalarOrSchedule
from .optimizer import Optimizer
from .parameter_groups import Start
from .rules import Hyper, Rule, State


def rmsprop(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Divide the gradient by a running root of its mean square.

    v' = rho * v + (1 - rho) * g**2;  delta = lr * g / sqrt(v' + epsilon).
    If the state holds "average_gradient" (centered): a' = rho * a + (1 - rho) * g, and max(v' - a'**2, 0) replaces v'
    in delta. (Keras has no max; for a large constant gradient, rounding makes the difference negative, its root NaN.)
    If it holds "momentum": m' = momentum * m + lr * g / sqrt(...), and delta = m'.

    References:
        Tijmen Tieleman, Geoffrey Hinton, "Lecture 6.5 - rmsprop", Coursera: Neural Networks for Machine Learning, 2012.
        Alex Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations 38 to 41 (centered).
    """
    fresh = 1 - hyper["rho"]
    v = square = running_mean_square(state["velocity"], g, fresh)
    new = {"velocity": v}
    if "average_gradient" in state:
        a = new["average_gradient"] = running_mean(state["average_gradient"], g, fresh)
        square = np.maximum(v - a * a, 0)
    delta = over_root(g, square, hyper["epsilon"], 0.0, hyper["learning_rate"])
    if "momentum" in state:
        delta = new["momentum"] = state["momentum"] * hyper["momentum"] + delta
    return delta, new


class RMSprop(Optimizer):
    """Divides gradients by a running root of their mean square.

    v' = rho * v + (1 - rho) * g**2;  p' = p - lr * g / sqrt(v' + epsilon); see `rmsprop` for the variants.

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        rho: the decay rate of the mean square, in [0, 1).
        momentum: the fraction of the previous step that is repeated, in [0, 1].
        epsilon: keeps the root away from 0; above 0.
        centered: whether to divide by the root of the variance instead of the mean square.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> rmsprop = RMSprop(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> rmsprop.step()
        >>> w.detach().round(4).tolist()
        [0.6838, -1.6838]
    """

    learning_rate: LearningRate = ScalarOrSchedule(0, default=0.001)
    rho: float = Number(0, 1, default=0.9)
    momentum: float = Number(0, 1, closed_high=True, default=0.0)
    epsilon: float = Number(0, open_low=True, default=1e-7)
    centered: bool = field(flag, default=False)
    reads_values = False

    def rule(self) -> Rule:
        return rmsprop

    def slots(self) -> Mapping[str, Start]:
        slots: dict[str, Start] = {"velocity": 0.0}
        if self.momentum:
            slots["momentum"] = 0.0
        if self.centered:
            slots["average_gradient"] = 0.0
        return slots

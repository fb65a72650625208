"""Stochastic gradient descent, with Polyak's or Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config.arguments import flag
from ..config.fields import field
from .hyper import LearningRate, Number, ScalarOrSchedule
from .optimizer import Optimizer
from .parameter_groups import Start
from .rules import Hyper, Rule, State


def sgd(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Step down the gradient, with momentum if the state holds "momentum".

    u' = momentum * u + lr * g;  delta = u'. Without momentum, delta = lr * g. Keras stores -u.

    Example:
        >>> import numpy as np
        >>> sgd(np.array([1.0]), np.array([2.0]), {}, {"learning_rate": 0.5})
        (array([1.]), {})

    References:
        Boris Polyak, "Some methods of speeding up the convergence of iteration methods", 1964, the heavy-ball method.
    """
    step = g * hyper["learning_rate"]
    if "momentum" not in state:
        return step, state
    u = state["momentum"] * hyper["momentum"] + step
    return u, {"momentum": u}


def nesterov(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Step down the gradient with momentum that looks ahead; `sgd` if the state holds no "momentum".

    u' = momentum * u + lr * g;  delta = momentum * u' + lr * g.

    References:
        Ilya Sutskever, James Martens, George Dahl, Geoffrey Hinton, "On the importance of initialization and momentum
        in deep learning", 2013, equations 3 and 4, written for the point at which the gradient is taken.
    """
    step = g * hyper["learning_rate"]
    if "momentum" not in state:
        return step, state
    u = state["momentum"] * hyper["momentum"] + step
    return u * hyper["momentum"] + step, {"momentum": u}


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked: u' = momentum * u + lr * g;  p' = p - u'.

    With `nesterov`, p' = p - (momentum * u' + lr * g).

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        momentum: the fraction of the previous step that is repeated, in [0, 1].
        nesterov: whether the momentum looks ahead.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> sgd = SGD(learning_rate=0.5, parameters=[w])
        >>> (w * w).sum().backward()
        >>> sgd.step()
        >>> w.data
        array([0., 0.])
    """

    learning_rate: LearningRate = ScalarOrSchedule(0, default=0.01)
    momentum: float = Number(0, 1, closed_high=True, default=0.0)
    nesterov: bool = field(flag, default=False)
    reads_values = False

    def rule(self) -> Rule:
        return nesterov if self.nesterov else sgd

    def slots(self) -> Mapping[str, Start]:
        return {"momentum": 0.0} if self.momentum else {}

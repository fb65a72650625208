"""Lamb: Adam's direction, with steps in proportion to the size of each parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_lite.extend import running_mean, running_mean_square

from .adam import TwoMeans
from .rules import Hyper, Rule, State


def lamb(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Take Adam's direction, as far as the parameter is long, times lr.

    m' = m + (1 - beta_1) * (g - m);  v' = v + (1 - beta_2) * (g**2 - v);
    d = m' / (1 - beta_1**t) / (sqrt(v' / (1 - beta_2**t)) + epsilon);  delta = lr * d * norm(p) / norm(d),
    where the quotient of norms is 1 if one of them is 0.

    References:
        Yang You and others, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", 2020,
        algorithm 2, with the identity for phi.
    """
    t = hyper["iterations"]
    m = running_mean(state["momentum"], g, 1 - hyper["beta_1"])
    v = running_mean_square(state["velocity"], g, 1 - hyper["beta_2"])
    root = (v * (1 / (1 - hyper["beta_2"] ** t))) ** 0.5 + hyper["epsilon"]
    d = m * (1 / (1 - hyper["beta_1"] ** t)) / root
    length, size = (p * p).sum() ** 0.5, (d * d).sum() ** 0.5
    both = (length > 0) & (size > 0)
    ratio = np.where(both, length, 1) / np.where(both, size, 1)
    return d * (ratio * hyper["learning_rate"]), {"momentum": m, "velocity": v}


class Lamb(TwoMeans):
    """Takes Adam's direction d, in proportion to the parameter: p' = p - lr * d * norm(p) / norm(d); see `lamb`.

    Args:
        learning_rate: the relative step size lr, at least 0; or a schedule.
        beta_1: the decay rate of the mean, in [0, 1).
        beta_2: the decay rate of the mean square, in [0, 1).
        epsilon: the term added to the root; above 0.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> lamb = Lamb(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> lamb.step()
        >>> bool((abs(w.detach()) < [1.0, 2.0]).all())
        True
    """

    reads_values = True
    elementwise = False

    def rule(self) -> Rule:
        return lamb

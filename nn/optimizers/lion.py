"""Lion: steps by the sign of the momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite.extend import running_mean

from .hyper import LearningRate, Number, ScalarOrSchedule
from .optimizer import Optimizer
from .parameter_groups import Start
from .rules import Hyper, Rule, State


def lion(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Step by the sign of a mean of the gradient and its running mean; every element moves by lr.

    delta = lr * sign(beta_1 * m + (1 - beta_1) * g);  m' = beta_2 * m + (1 - beta_2) * g.

    References:
        Xiangning Chen and others, "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2.
    """
    m = state["momentum"]
    delta = np.sign(m * hyper["beta_1"] + g * (1 - hyper["beta_1"])) * hyper["learning_rate"]
    return delta, {"momentum": running_mean(m, g, 1 - hyper["beta_2"])}


class Lion(Optimizer):
    """Steps by the sign of the momentum: p' = p - lr * sign(beta_1 * m + (1 - beta_1) * g); see `lion`.

    Args:
        learning_rate: how far every element moves, at least 0; or a schedule. A third to a tenth of Adam's works well.
        beta_1: the weight of the running mean in the step, in (0, 1].
        beta_2: the decay rate of the running mean, in [0, 1).
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> lion = Lion(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> lion.step()
        >>> w.detach().round(6).tolist()
        [0.9, -1.9]
    """

    learning_rate: LearningRate = ScalarOrSchedule(0, default=0.001)
    beta_1: float = Number(0, 1, open_low=True, closed_high=True, default=0.9)
    beta_2: float = Number(0, 1, default=0.99)
    reads_values = False

    def rule(self) -> Rule:
        return lion

    def slots(self) -> Mapping[str, Start]:
        return {"momentum": 0.0}

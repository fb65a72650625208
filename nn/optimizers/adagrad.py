"""Adagrad, which divides gradients by the root of all their squares so far, and Adadelta, which lets old ones fade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autograd_lite.extend import over_root, running_mean_square

from .hyper import LearningRate, Number, ScalarOrSchedule
from .optimizer import Optimizer
from .parameter_groups import Start
from .rules import Hyper, Rule, State


def adagrad(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Divide the gradient by the root of the sum of all its squares so far.

    s' = s + g**2;  delta = lr * g / sqrt(s' + epsilon).

    References:
        John Duchi, Elad Hazan, Yoram Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
        Optimization", 2011, equation 1 with the diagonal of G.
    """
    s = g * g + state["accumulator"]
    return over_root(g, s, hyper["epsilon"], 0.0, hyper["learning_rate"]), {"accumulator": s}


class Adagrad(Optimizer):
    """Divides gradients by the root of the sum of all their squares.

    s' = s + g**2;  p' = p - lr * g / sqrt(s' + epsilon).

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        initial_accumulator_value: the initial s, at least 0.
        epsilon: keeps the root away from 0; above 0.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> adagrad = Adagrad(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> adagrad.step()
        >>> bool((abs(w.detach()) < [1.0, 2.0]).all())
        True
    """

    learning_rate: LearningRate = ScalarOrSchedule(0, default=0.001)
    initial_accumulator_value: float = Number(0, default=0.1)
    epsilon: float = Number(0, open_low=True, default=1e-7)
    reads_values = False

    def rule(self) -> Rule:
        return adagrad

    def slots(self) -> Mapping[str, Start]:
        return {"accumulator": self.initial_accumulator_value}


def adadelta(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Step as far as former steps went, scaled by how large the gradient is compared with former gradients.

    a' = rho * a + (1 - rho) * g**2;  d = sqrt(b + epsilon) / sqrt(a' + epsilon) * g;
    b' = rho * b + (1 - rho) * d**2;  delta = lr * d.

    References:
        Matthew Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1, which has no lr (that is 1).
    """
    fresh, epsilon = 1 - hyper["rho"], hyper["epsilon"]
    a, b = state["accumulated_grad"], state["accumulated_delta_var"]
    a = running_mean_square(a, g, fresh)
    d = (b + epsilon) ** 0.5 / (a + epsilon) ** 0.5 * g
    b = running_mean_square(b, d, fresh)
    return d * hyper["learning_rate"], {"accumulated_grad": a, "accumulated_delta_var": b}


class Adadelta(Optimizer):
    """Scales each step by the ratio of former steps to former gradients; see `adadelta` for the formula.

    Args:
        learning_rate: a factor of the step, at least 0; or a schedule. The paper has 1.
        rho: the decay rate of both mean squares, in [0, 1).
        epsilon: keeps the roots away from 0; above 0.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> adadelta = Adadelta(1.0, parameters=[w])
        >>> (w * w).sum().backward()
        >>> adadelta.step()
        >>> bool((abs(w.detach()) < [1.0, 2.0]).all())
        True
    """

    learning_rate: LearningRate = ScalarOrSchedule(0, default=0.001)
    rho: float = Number(0, 1, default=0.95)
    epsilon: float = Number(0, open_low=True, default=1e-7)
    reads_values = False

    def rule(self) -> Rule:
        return adadelta

    def slots(self) -> Mapping[str, Start]:
        return {"accumulated_grad": 0.0, "accumulated_delta_var": 0.0}

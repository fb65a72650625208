"""Adam and its kin: AdamW, Adamax, Nadam and the schedule-free AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Changes
from autograd_lite.extend import over_root, running_mean, running_mean_square

from ..config.arguments import flag
from ..config.fields import field
from .gradients import Gradients
from .hyper import LearningRate, Number, Quantity, ScalarOrSchedule
from .optimizer import Optimizer
from .parameter_groups import Start
from .rules import Hyper, Rule, State


def adam(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Divide a running mean of the gradient by a running root of its mean square, both corrected for starting at 0.

    m' = m + (1 - beta_1) * (g - m);  v' = v + (1 - beta_2) * (g**2 - v);
    delta = lr * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m' / (sqrt(v') + epsilon).
    If the state holds "velocity_hat" (AMSGrad): h' = max(h, v'), which replaces v' in delta.

    References:
        Diederik Kingma, Jimmy Ba, "Adam: A Method for Stochastic Optimization", 2014, end of section 2: the epsilon
        here is the paper's "epsilon hat", as in Keras.
        Sashank Reddi, Satyen Kale, Sanjiv Kumar, "On the Convergence of Adam and Beyond", 2018, algorithm 2.
    """
    beta_1, beta_2, t = hyper["beta_1"], hyper["beta_2"], hyper["iterations"]
    m = running_mean(state["momentum"], g, 1 - beta_1)
    v = root_of = running_mean_square(state["velocity"], g, 1 - beta_2)
    new = {"momentum": m, "velocity": v}
    if "velocity_hat" in state:
        root_of = new["velocity_hat"] = np.maximum(state["velocity_hat"], v)
    rate = hyper["learning_rate"] * (1 - beta_2**t) ** 0.5 / (1 - beta_1**t)
    return over_root(m, root_of, 0.0, hyper["epsilon"], rate), new


class TwoMeans(Optimizer):
    """Base of what keeps running means: m of the gradients, and v of their squares.

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        beta_1: the decay rate of m, in [0, 1).
        beta_2: the decay rate of v, in [0, 1).
        epsilon: the term added to a root of v; above 0.
    """

    learning_rate: LearningRate = ScalarOrSchedule(0, default=0.001)
    beta_1: float = Number(0, 1, default=0.9)
    beta_2: float = Number(0, 1, default=0.999)
    epsilon: float = Number(0, open_low=True, default=1e-7)
    reads_values = False

    def slots(self) -> Mapping[str, Start]:
        return {"momentum": 0.0, "velocity": 0.0}


class Adam(TwoMeans):
    """Divides a running mean of gradients by a running root of their mean square; see `adam` for the formula.

    The correction for starting at 0 counts the optimizer's steps, as in Keras, not those of each parameter.

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        beta_1: the decay rate of the mean, in [0, 1).
        beta_2: the decay rate of the mean square, in [0, 1).
        epsilon: the term added to the root; above 0.
        amsgrad: whether to divide by the largest mean square so far instead of the current one.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> adam = Adam(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> adam.step()
        >>> w.tolist()
        [0.900000158113633, -1.900000079056879]
    """

    amsgrad: bool = field(flag, default=False)

    def rule(self) -> Rule:
        return adam

    def slots(self) -> Mapping[str, Start]:
        return {**super().slots(), "velocity_hat": 0.0} if self.amsgrad else super().slots()


class AdamW(Adam):
    """Adam with decoupled weight decay; see `adam` for the formula: p' = p - delta - lr * weight_decay * p.

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        weight_decay: the fraction of each parameter, times lr, that a step takes off it; at least 0, and not None.
        beta_1: the decay rate of the mean, in [0, 1).
        beta_2: the decay rate of the mean square, in [0, 1).
        epsilon: the term added to the root; above 0.
        amsgrad: whether to divide by the largest mean square so far instead of the current one.
        clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> adamw = AdamW(0.1, weight_decay=0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> adamw.step()
        >>> w.detach().round(6).tolist()
        [0.89, -1.88]
    """

    weight_decay: float = Number(0, default=0.004)  # the second argument, as in Keras


def adamax(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Divide a running mean of the gradient by a decaying maximum of its absolute value.

    m' = m + (1 - beta_1) * (g - m);  u' = max(beta_2 * u, |g|);  delta = lr / (1 - beta_1**t) * m' / (u' + epsilon).

    References:
        Diederik Kingma, Jimmy Ba, "Adam: A Method for Stochastic Optimization", 2014, algorithm 2.
    """
    m = running_mean(state["momentum"], g, 1 - hyper["beta_1"])
    u = np.maximum(state["norm"] * hyper["beta_2"], np.abs(g))
    scale = hyper["learning_rate"] / (1 - hyper["beta_1"] ** hyper["iterations"])
    return m / (u + hyper["epsilon"]) * scale, {"momentum": m, "norm": u}


class Adamax(TwoMeans):
    """Adam with a decaying maximum of the gradient instead of its mean square; see `adamax` for the formula.

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        beta_1: the decay rate of the mean, in [0, 1).
        beta_2: the decay rate of the maximum, in [0, 1).
        epsilon: the term added to the maximum; above 0.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> adamax = Adamax(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> adamax.step()
        >>> w.detach().round(6).tolist()
        [0.9, -1.9]
    """

    def rule(self) -> Rule:
        return adamax

    def slots(self) -> Mapping[str, Start]:
        return {"momentum": 0.0, "norm": 0.0}


def nadam(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Adam with Nesterov's momentum: the running mean that the next step will have replaces the current one.

    With c_t = beta_1 * (1 - 0.96**t / 2) and C_t the product of c_1 to c_t (hyper["u_product"] is C_{t-1}):
    m' = m + (1 - beta_1) * (g - m);  v' = v + (1 - beta_2) * (g**2 - v);
    n = c_{t+1} * m' / (1 - C_{t+1}) + (1 - c_t) * g / (1 - C_t);
    delta = lr * n / (sqrt(v' / (1 - beta_2**t)) + epsilon).

    References:
        Timothy Dozat, "Incorporating Nesterov Momentum into Adam", 2016, algorithm 2, with the schedule of momentum
        of its section 3.
    """
    beta_1, beta_2, t = hyper["beta_1"], hyper["beta_2"], hyper["iterations"]
    now, after = beta_1 * (1 - 0.5 * 0.96**t), beta_1 * (1 - 0.5 * 0.96 ** (t + 1))
    product = hyper["u_product"] * now
    m = running_mean(state["momentum"], g, 1 - beta_1)
    v = running_mean_square(state["velocity"], g, 1 - beta_2)
    ahead = m * (after / (1 - product * after)) + g * ((1 - now) / (1 - product))
    root = (v * (1 / (1 - beta_2**t))) ** 0.5 + hyper["epsilon"]
    return ahead / root * hyper["learning_rate"], {"momentum": m, "velocity": v}


class Nadam(TwoMeans):
    """Adam with Nesterov's momentum; see `nadam` for the formula.

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        beta_1: the decay rate of the mean, in [0, 1).
        beta_2: the decay rate of the mean square, in [0, 1).
        epsilon: the term added to the root; above 0.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> nadam = Nadam(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> nadam.step()
        >>> w.detach().round(6).tolist()
        [0.893721, -1.893721]
    """

    u_product = Quantity(0, 1, closed_high=True)  # the product of all momenta so far

    def __post_init__(self) -> None:
        super().__post_init__()
        self.u_product = 1.0

    def _note_update(self, changes: Changes, hyper: dict[str, float], gradients: Gradients) -> dict[str, float]:
        changed = super()._note_update(changes, hyper, gradients)
        now = hyper["beta_1"] * (1 - 0.5 * 0.96 ** hyper["iterations"])
        return changed | {"u_product": hyper["u_product"] * now}

    def rule(self) -> Rule:
        return nadam


def schedule_free_adam(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Adam without a running mean, on z; p lies between z and the mean x of all z, so the rate needs no schedule.

    v' = v + (1 - beta_2) * (g**2 - v);  z' = z - lr * w * g / (sqrt(v' / (1 - beta_2**t)) + epsilon),
    with w = min(t / warmup_steps, 1);  x = (p - (1 - beta_1) * z) / beta_1;  x' = x + (z' - x) / t;
    p' = (1 - beta_1) * z' + beta_1 * x'.  z starts at p and is "momentum" in the state, as in Keras.

    References:
        Aaron Defazio and others, "The Road Less Scheduled", 2024, algorithm 1, with uniform weights.
    """
    beta_1, beta_2, t = hyper["beta_1"], hyper["beta_2"], hyper["iterations"]
    rate = hyper["learning_rate"] * min(t / max(hyper["warmup_steps"], 1), 1)
    z, v = state["momentum"], running_mean_square(state["velocity"], g, 1 - beta_2)
    x = (p - z * (1 - beta_1)) * (1 / beta_1)
    z = z - g / ((v * (1 / (1 - beta_2**t))) ** 0.5 + hyper["epsilon"]) * rate
    x = (z - x) * (1 / t) + x
    return p - (z * (1 - beta_1) + x * beta_1), {"momentum": z, "velocity": v}


class ScheduleFreeAdamW(Optimizer):
    """AdamW that averages its iterates instead of decaying its rate; see `schedule_free_adam` for the formula.

    Args:
        learning_rate: the step size lr, at least 0; or a schedule.
        beta_1: the weight of the average in the point where the gradient is taken, in (0, 1].
        beta_2: the decay rate of the mean square, in [0, 1).
        epsilon: the term added to the root; above 0.
        warmup_steps: the number of steps in which the rate rises to its value, at least 0.
        weight_decay, clipnorm, …: see `Optimizer`.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
        >>> free = ScheduleFreeAdamW(0.1, parameters=[w])
        >>> (w * w).sum().backward()
        >>> free.step()
        >>> bool((abs(w.detach()) < [1.0, 2.0]).all())
        True
    """

    learning_rate: LearningRate = ScalarOrSchedule(0, default=0.0025)
    beta_1: float = Number(0, 1, open_low=True, closed_high=True, default=0.9)
    beta_2: float = Number(0, 1, default=0.999)
    epsilon: float = Number(0, open_low=True, default=1e-8)
    warmup_steps: float = Number(0, default=0)

    def rule(self) -> Rule:
        return schedule_free_adam

    def slots(self) -> Mapping[str, Start]:
        return {"momentum": lambda p: p, "velocity": 0.0}

"""More update rules, in the form that `rules` describes: each element of a parameter is updated by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from .rules import Hyper, State


def adamax(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Divide a running mean of the gradient by a decaying maximum of its size.

    m' = m + (1 - beta_1) * (g - m);  u' = max(beta_2 * u, |g|);  delta = lr / (1 - beta_1**t) * m' / (u' + epsilon).

    References:
        Diederik Kingma, Jimmy Ba, "Adam: A Method for Stochastic Optimization", 2014, algorithm 2.
    """
    m = (g - state["momentum"]) * (1 - hyper["beta_1"]) + state["momentum"]
    u = np.maximum(state["norm"] * hyper["beta_2"], np.abs(g))
    scale = hyper["learning_rate"] / (1 - hyper["beta_1"] ** hyper["iterations"])
    return m / (u + hyper["epsilon"]) * scale, {"momentum": m, "norm": u}


def nadam(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Adam with Nesterov's momentum: what the running mean will be at the next step takes the mean's place.

    With c_t = beta_1 * (1 - 0.96**t / 2) and C_t the product of c_1 to c_t, where `u_product` is C_{t-1}:
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
    m = (g - state["momentum"]) * (1 - beta_1) + state["momentum"]
    v = (g * g - state["velocity"]) * (1 - beta_2) + state["velocity"]
    ahead = m * (after / (1 - product * after)) + g * ((1 - now) / (1 - product))
    root = (v * (1 / (1 - beta_2**t))) ** 0.5 + hyper["epsilon"]
    return ahead / root * hyper["learning_rate"], {"momentum": m, "velocity": v}


def adadelta(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Step as far as former steps went, in the measure in which the gradient is as large as former gradients.

    a' = rho * a + (1 - rho) * g**2;  d = sqrt(b + epsilon) / sqrt(a' + epsilon) * g;
    b' = rho * b + (1 - rho) * d**2;  delta = lr * d.

    References:
        Matthew Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1, which has no lr (that is 1).
    """
    fresh, epsilon = 1 - hyper["rho"], hyper["epsilon"]
    a, b = state["accumulated_grad"], state["accumulated_delta_var"]
    a = (g * g - a) * fresh + a
    d = (b + epsilon) ** 0.5 / (a + epsilon) ** 0.5 * g
    b = (d * d - b) * fresh + b
    return d * hyper["learning_rate"], {"accumulated_grad": a, "accumulated_delta_var": b}


def ftrl(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Follow the leader with regularization: go to where the sum of all linearized losses and penalties is least.

    With q = -learning_rate_power:  s' = s + g**2;  h = g + 2 * l2_shrinkage * p;
    z' = z + h - (s'**q - s**q) / lr * p;  new p = (clip(z', -l1, l1) - z') / ((beta + s'**q) / lr + 2 * l2).

    References:
        Brendan McMahan and others, "Ad Click Prediction: a View from the Trenches", 2013, algorithm 1, with Keras's
        factor 2 before l2.
    """
    lr, q = hyper["learning_rate"], -hyper["learning_rate_power"]
    l1, l2 = hyper["l1_regularization_strength"], hyper["l2_regularization_strength"]
    s = g * g + state["accumulator"]
    power = s**q
    h = p * (2 * hyper["l2_shrinkage_regularization_strength"]) + g
    z = state["linear"] + h - (power - state["accumulator"] ** q) * (1 / lr) * p
    new = (np.minimum(np.maximum(z, -l1), l1) - z) / (power * (1 / lr) + (hyper["beta"] / lr + 2 * l2))
    return p - new, {"accumulator": s, "linear": z}


def lion(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Step by the sign of a mean of the gradient and its running mean; every element moves by lr.

    delta = lr * sign(beta_1 * m + (1 - beta_1) * g);  m' = beta_2 * m + (1 - beta_2) * g.

    References:
        Xiangning Chen and others, "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2.
    """
    m = state["momentum"]
    delta = np.sign(m * hyper["beta_1"] + g * (1 - hyper["beta_1"])) * hyper["learning_rate"]
    return delta, {"momentum": (g - m) * (1 - hyper["beta_2"]) + m}


def schedule_free_adam(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Adam without running mean, on z, and p between z and the mean x of all z: no schedule of the rate is needed.

    v' = v + (1 - beta_2) * (g**2 - v);  z' = z - lr * w * g / (sqrt(v' / (1 - beta_2**t)) + epsilon),
    with w = min(t / warmup_steps, 1);  x = (p - (1 - beta_1) * z) / beta_1;  x' = x + (z' - x) / t;
    new p = (1 - beta_1) * z' + beta_1 * x'.  z starts at p and is "momentum" in the state, as in Keras.

    References:
        Aaron Defazio and others, "The Road Less Scheduled", 2024, algorithm 1, with uniform weights.
    """
    beta_1, beta_2, t = hyper["beta_1"], hyper["beta_2"], hyper["iterations"]
    rate = hyper["learning_rate"] * min(t / max(hyper["warmup_steps"], 1), 1)
    z, v = state["momentum"], (g * g - state["velocity"]) * (1 - beta_2) + state["velocity"]
    x = (p - z * (1 - beta_1)) * (1 / beta_1)
    z = z - g / ((v * (1 / (1 - beta_2**t))) ** 0.5 + hyper["epsilon"]) * rate
    x = (z - x) * (1 / t) + x
    return p - (z * (1 - beta_1) + x * beta_1), {"momentum": z, "velocity": v}

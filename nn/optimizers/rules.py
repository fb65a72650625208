"""The update rules: pure functions `(p, g, state, hyper) -> (delta, state)` in plain NumPy; p - delta is the new value.

Every rule takes the same four things:

    p: the parameter's values, any shape, floating.
    g: its gradient, of p's shape and dtype.
    state: what the rule remembers of p, as arrays of p's shape and dtype by their Keras names. Which of them are there
        decides which variant of the rule is meant: an Adam whose state holds "velocity_hat" is AMSGrad.
    hyper: the hyperparameters as Python numbers by their names, and "iterations", the number of this step, from 1.

A rule writes into nothing that it was given, and branches on no number. So it serves one array or many in one flat
buffer, and can be read with Tensors in place of arrays. In the formulas, lr is `learning_rate` and t is `iterations`.

Why the expressions look as they do: each operator is one pass over the parameter, and each new array costs more than a
pass, for it pushes others out of the cache. NumPy reuses the memory of a large unnamed temporary on the left of any
operator, or on either side of + and *: so `(new - old) * (1 - rho) + old`, a running mean, takes one new array where
`rho * old + (1 - rho) * new` takes two. What NumPy does not do by itself, `_divide` does. `x ** 0.5` is its sqrt, in
place too, and stays a Python float where x is one: np.sqrt would make it a float64, which promotes float32 arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

# Any stands for what NumPy's operators take: arrays, or Tensors when a rule is recorded.
State: TypeAlias = Mapping[str, Any]
Hyper: TypeAlias = Mapping[str, float]
Rule: TypeAlias = Callable[[Any, Any, State, Hyper], tuple[Any, State]]


def sgd(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Step down the gradient, with momentum where the state holds "momentum".

    u' = momentum * u + lr * g;  delta = u'. Without momentum, delta = lr * g. Keras stores -u.

    Example:
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
    """Step down the gradient with momentum that looks ahead; `sgd` where the state holds no "momentum".

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


def rmsprop(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Divide the gradient by a running root of its mean square.

    v' = rho * v + (1 - rho) * g**2;  delta = lr * g / sqrt(v' + epsilon).
    Where the state holds "average_gradient" (centered): a' = rho * a + (1 - rho) * g, and max(v' - a'**2, 0) for v' in
    delta. (Keras has no max; for a large constant gradient, rounding makes the difference negative and its root NaN.)
    Where it holds "momentum": m' = momentum * m + lr * g / sqrt(...), and delta = m'.

    References:
        Tijmen Tieleman, Geoffrey Hinton, "Lecture 6.5 - rmsprop", Coursera: Neural Networks for Machine Learning, 2012.
        Alex Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations 38 to 41 (centered).
    """
    fresh = 1 - hyper["rho"]
    v = (g * g - state["velocity"]) * fresh + state["velocity"]
    new = {"velocity": v}
    if "average_gradient" in state:
        a = new["average_gradient"] = (g - state["average_gradient"]) * fresh + state["average_gradient"]
        root = (np.maximum(v - a * a, 0) + hyper["epsilon"]) ** 0.5
    else:
        root = (v + hyper["epsilon"]) ** 0.5
    delta = _divide(g, root)
    delta *= hyper["learning_rate"]
    if "momentum" in state:
        delta = new["momentum"] = state["momentum"] * hyper["momentum"] + delta
    return delta, new


def adam(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Divide a running mean of the gradient by a running root of its mean square, both corrected for their start at 0.

    m' = m + (1 - beta_1) * (g - m);  v' = v + (1 - beta_2) * (g**2 - v);
    delta = lr * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m' / (sqrt(v') + epsilon).
    Where the state holds "velocity_hat" (AMSGrad): h' = max(h, v'), and h' for v' in delta.

    References:
        Diederik Kingma, Jimmy Ba, "Adam: A Method for Stochastic Optimization", 2014, end of section 2: the epsilon
        here is the paper's "epsilon hat", as in Keras.
        Sashank Reddi, Satyen Kale, Sanjiv Kumar, "On the Convergence of Adam and Beyond", 2018, algorithm 2.
    """
    beta_1, beta_2, t = hyper["beta_1"], hyper["beta_2"], hyper["iterations"]
    m = (g - state["momentum"]) * (1 - beta_1) + state["momentum"]
    v = root_of = (g * g - state["velocity"]) * (1 - beta_2) + state["velocity"]
    new = {"momentum": m, "velocity": v}
    if "velocity_hat" in state:
        root_of = new["velocity_hat"] = np.maximum(state["velocity_hat"], v)
    delta = _divide(m, root_of**0.5 + hyper["epsilon"])
    delta *= hyper["learning_rate"] * (1 - beta_2**t) ** 0.5 / (1 - beta_1**t)
    return delta, new


def adagrad(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Divide the gradient by the root of the sum of all its squares so far.

    s' = s + g**2;  delta = lr * g / sqrt(s' + epsilon).

    References:
        John Duchi, Elad Hazan, Yoram Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
        Optimization", 2011, equation 1 with the diagonal of G.
    """
    s = g * g + state["accumulator"]
    delta = _divide(g, (s + hyper["epsilon"]) ** 0.5)
    delta *= hyper["learning_rate"]
    return delta, {"accumulator": s}


def _divide(a: Any, root: Any) -> Any:
    """Return a / root, in the memory of root, which the caller made and no longer needs, if it is an array."""
    return np.divide(a, root, out=root) if isinstance(root, np.ndarray) else a / root


def decayed(rule: Rule, by: str = "weight_decay", reads_values: bool = True) -> Rule:
    """Return `rule` with decoupled weight decay: delta' = delta + lr * weight_decay * p, which no running mean sees.

    The rule itself reads p as it is after the decay, as in Keras.

    Args:
        rule: the rule.
        by: the name of the hyperparameter.
        reads_values: whether the rule reads p.

    References:
        Ilya Loshchilov, Frank Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2, line 12, where lr is
        the paper's eta * alpha and lr * weight_decay its eta * lambda.
    """

    def with_decay(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
        rate = hyper["learning_rate"] * hyper[by]
        delta, new = rule(p * (1 - rate) if reads_values else p, g, state, hyper)
        return p * rate + delta, new

    return with_decay


def averaged(rule: Rule) -> Rule:
    """Return `rule` with a running mean of the new values beside it, "average" in the state.

    a' = ema_momentum * a + (1 - ema_momentum) * (p - delta); after the first step a' = p - delta.

    References:
        Boris Polyak, Anatoli Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
    """

    def with_average(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
        delta, new = rule(p, g, {name: a for name, a in state.items() if name != "average"}, hyper)
        keep = hyper["ema_momentum"] if hyper["iterations"] > 1 else 0.0
        return delta, {**new, "average": (p - delta) * (1 - keep) + state["average"] * keep}

    return with_average


def clip_to_norm(g: Any, limit: float) -> Any:
    """Scale g down so that its Euclidean norm is at most `limit`: g * limit / max(norm(g), limit).

    Example:
        >>> clip_to_norm(np.array([3.0, 4.0]), 1.0)
        array([0.6, 0.8])

    References:
        Razvan Pascanu, Tomas Mikolov, Yoshua Bengio, "On the difficulty of training recurrent neural networks", 2013,
        algorithm 1.
    """
    return g * (limit / np.maximum((g * g).sum() ** 0.5, limit))

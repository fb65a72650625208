"""Update rules, and what they share. A rule is a pure function `(p, g, state, hyper) -> (delta, state)` in plain NumPy.

Each rule is in the file of its algorithm, next to its class: `adam` in `adam.py`. All rules take the same four things:

    p: the parameter's values, any shape, floating.
    g: its gradient, of p's shape and dtype.
    state: what the rule remembers of p, as arrays of p's shape and dtype by their Keras names. Which of them are there
        selects the variant of the rule: an Adam whose state holds "velocity_hat" is AMSGrad.
    hyper: the hyperparameters as Python numbers by their names, and "iterations", the number of this step, from 1.

In the formulas lr is `learning_rate`, t is `iterations`, and a prime marks a new value: p' = p - delta.

A rule writes into none of its arguments, and does not branch on values of arrays. So it serves one array or many in one
flat buffer, and can be read with Tensors instead of arrays.

Why the expressions look as they do: each operator is one pass over the parameter, and each new array costs more than a
pass, because it pushes others out of the cache. So what most rules have in common is one pass: `running_mean`,
`running_mean_square` and `over_root`. In the rest NumPy reuses the memory of a large unnamed temporary on the left of
any operator, or on either side of + and *. `x ** 0.5` is NumPy's sqrt, in place too, and stays a Python float if x is
one: np.sqrt would make it a float64, which promotes float32 arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
# Any is whatever NumPy's operators take: arrays, or Tensors when a rule is recorded.
State: TypeAlias = Mapping[str, Any]
Hyper: TypeAlias = Mapping[str, float]
Rule: TypeAlias = Callable[[Any, Any, State, Hyper], tuple[Any, State]]


def with_decay(rule: Rule, by: str = "weight_decay", reads_values: bool = True) -> Rule:
    """Return `rule` with decoupled weight decay, which no running mean sees.

    delta' = delta + lr * weight_decay * p; the rule itself reads p as it is after the decay, as in Keras.

    Args:
        rule: the rule.
        by: the name of the hyperparameter.
        reads_values: whether the rule reads p.

    References:
        Ilya Loshchilov, Frank Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2, line 12, where lr is
        the paper's eta * alpha and lr * weight_decay its eta * lambda.
    """

    def rule_with_decay(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
        rate = hyper["learning_rate"] * hyper[by]
        delta, new = rule(p * (1 - rate) if reads_values else p, g, state, hyper)
        return p * rate + delta, new

    return rule_with_decay


def with_average(rule: Rule) -> Rule:
    """Return `rule` with a running mean of the new values, "average" in the state.

    a' = ema_momentum * a + (1 - ema_momentum) * (p - delta); after the first step a' = p - delta.

    References:
        Boris Polyak, Anatoli Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
    """

    def rule_with_average(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
        delta, new = rule(p, g, {name: a for name, a in state.items() if name != "average"}, hyper)
        keep = hyper["ema_momentum"] * (hyper["iterations"] > 1)
        return delta, {**new, "average": (p - delta) * (1 - keep) + state["average"] * keep}

    return rule_with_average


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

"""Examples for pages of the reference whose objects are made, not written: calls, whose results are computed.

They are losses as functions, short activations, and `get`, `serialize` and `deserialize`
of every registry.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType

import numpy as np

import autograd_lite as ag

# Arguments: the losses that they suit.
_LOSSES = """
[[1.0], [2.0]], ag.tensor([[1.0], [4.0]]): mean_squared_error mean_absolute_error mean_absolute_percentage_error
[[1.0], [2.0]], ag.tensor([[1.0], [4.0]]): mean_squared_logarithmic_error huber log_cosh poisson
[[0.5, 0.5]], ag.tensor([[0.25, 0.75]]): kl_divergence cosine_similarity
[[1.0], [0.0]], ag.tensor([[0.9], [0.2]]): binary_crossentropy binary_focal_crossentropy
[[0.0, 1.0]], ag.tensor([[0.2, 0.8]]): categorical_crossentropy categorical_focal_crossentropy categorical_hinge
[[0.0, 1.0]], ag.tensor([[0.2, 0.8]]): dice tversky
[1], ag.tensor([[0.2, 0.8]]): sparse_categorical_crossentropy categorical_generalized_cross_entropy
[[1.0], [-1.0]], ag.tensor([[0.5], [0.5]]): hinge squared_hinge
[0, 0, 1], ag.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]): circle
[[1, 2]], ag.tensor(np.zeros((1, 4, 3))): ctc
"""
# Activations whose texts are a line.
_PLAIN = "exponential linear sigmoid softsign tanh tanh_shrink"
# A name that each registry knows, or a call.
_REGISTERED = {
    "nn.constraints": "non_neg",
    "nn.initializers": "zeros",
    "nn.losses": "mse",
    "nn.metrics": "accuracy",
    "nn.optimizers": "sgd",
    "nn.regularizers": "l2",
    "nn.optimizers.schedules": "ExponentialDecay(0.1, 10, 0.5)",
    "nn.activations": "relu",
}


def made(module: str, thing: str) -> str:
    """Return the code that makes an object of a module: by its name, or by a call of its class."""
    return f"{module}.{thing}" if "(" in thing else f'{module}.get("{thing}")'


def _calls() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _LOSSES.strip().split("\n"):
        arguments, _, names = line.rpartition(":")
        found |= {f"nn.losses.{name}": f"losses.{name}({arguments})" for name in names.split()}
    found |= {f"nn.activations.{name}": f"activations.{name}(np.array([-1.0, 0.0, 2.0]))" for name in _PLAIN.split()}
    for module, thing in _REGISTERED.items():
        short = module.rpartition(".")[2]
        found |= {
            f"{module}.get": made(short, thing),
            f"{module}.serialize": f"{short}.serialize({made(short, thing)})",
            f"{module}.deserialize": f"{short}.deserialize({short}.serialize({made(short, thing)}))",
        }
    return found


CALLS = MappingProxyType(_calls())
_MODULES = ("losses", *(module.removeprefix("nn.") for module in _REGISTERED))
_NAMES = {m.rpartition(".")[2]: importlib.import_module(f"nn.{m}") for m in _MODULES} | {"np": np, "ag": ag}


def example(name: str) -> str:
    """Return an example of an object by its full name, with what it returns; empty if there is none here.

    >>> example("nn.activations.tanh").split("\\n")
    ['>>> activations.tanh(np.array([-1.0, 0.0, 2.0]))', 'array([-0.76159416,  0.        ,  0.96402758])']
    """
    return f">>> {CALLS[name]}\n{eval(CALLS[name], _NAMES)!r}" if name in CALLS else ""

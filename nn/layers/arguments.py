"""Arguments that many layers have, for their declared fields: functions by name, initial values, lengths, rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd_lite import Tensor

from .. import activations, initializers
from ..config.fields import Converted, option, weight
from .layer import Function, Layer, Rule

ActivationLike = Converted[str | Function | None, Function]
InitializerLike = Converted[str | Function, Function]
LengthsLike = Converted[int | Sequence[int], tuple[int, ...]]


def as_activation(what: Any, name: str, value: Any) -> Function:
    """Return the activation function that `value` names, or is; None is the identity."""
    return activations.get(value)


def as_initializer(what: Any, name: str, value: Any) -> Function:
    """Return the initializer that `value` names, or is."""
    return initializers.get(value)


class KernelAndBias(Layer):
    """A layer that has a kernel, a bias, and rules for both."""

    kernel: Tensor = weight()
    bias: Tensor | None = weight()
    kernel_regularizer: Rule = option(default=None, kw_only=True)
    bias_regularizer: Rule = option(default=None, kw_only=True)
    kernel_constraint: Rule = option(default=None, kw_only=True)
    bias_constraint: Rule = option(default=None, kw_only=True)

"""Arguments that many layers have, for their declared fields: functions by name, initial values, lengths, rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_lite import Generator, Tensor

from .. import activations, initializers
from ..config.arguments import Check, Seed, argument_error, is_integer, one_of, speaker
from ..config.fields import Converted, option, weight
from ..module.module import Module
from .layer import Function, Layer, Rule

ActivationLike = Converted[str | Function | None, Function]
InitializerLike = Converted[str | Function, Function]
LengthsLike = Converted[int | Sequence[int], tuple[int, ...]]


DataFormatLike = Converted[str | None, str]


def as_activation(owner: Any, name: str, value: Any) -> Function:
    """Return the activation function that `value` names, or is; None is the identity."""
    return activations.get(value)


def as_initializer(owner: Any, name: str, value: Any) -> Function:
    """Return the initializer that `value` names, or is."""
    return initializers.get(value)


def as_data_format(owner: Any, name: str, value: Any) -> str:
    """Return "channels_last", which None stands for too, or "channels_first"."""
    return _data_format(owner, name, "channels_last" if value is None else value)


_data_format: Check = one_of("channels_last", "channels_first")


def as_layer(owner: Any, name: str, value: Any) -> Module:
    """Check that `value` is a layer."""
    if not isinstance(value, Module):
        raise TypeError(f"{speaker(owner)}: expected a layer, such as Dense(8); received {value!r:.80}")
    return value


def stream(caller: str, seed: Seed) -> Generator | None:
    """Return a layer's own stream of random numbers, the one that it was given, or None for the default generator."""
    return seed if seed is None or isinstance(seed, Generator) else Generator(seed, name=f"{caller} seed {seed}")


def some_axes(owner: Any, name: str, value: Any) -> tuple[int, ...]:
    """Check that `value` is an axis, or several, and return a tuple of them."""
    values = (value,) if is_integer(value) else value
    if not isinstance(values, (tuple, list)) or not values or not all(map(is_integer, values)):
        raise argument_error(TypeError, owner, name, "an integer or a tuple of them", value)
    return tuple(int(axis) for axis in values)


def numbers(owner: Any, name: str, value: Any) -> Any:
    """Check that `value` is a number, or several, and return it as an array of the owner's dtype."""
    if np.asarray(value).dtype.kind not in "fiu":
        raise argument_error(TypeError, owner, name, "numbers", value)
    return np.asarray(value, owner.dtype)


class KernelAndBias(Layer):
    """A layer with a kernel and a bias, and regularizers and constraints for both."""

    kernel: Tensor = weight()
    bias: Tensor | None = weight()
    kernel_regularizer: Rule = option(default=None, kw_only=True)
    bias_regularizer: Rule = option(default=None, kw_only=True)
    kernel_constraint: Rule = option(default=None, kw_only=True)
    bias_constraint: Rule = option(default=None, kw_only=True)

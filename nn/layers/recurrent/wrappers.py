"""Layers around a layer: Bidirectional and TimeDistributed.

Shape letters: N batch, T time, D features of the input, H units.
"""

from __future__ import annotations

from dataclasses import InitVar
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import one_of, optional
from ...config.fields import field
from ...module.masks import as_flags, mask_of, set_mask
from ...module.module import Shape
from ..arguments import as_layer
from ..layer import Layer
from .recurrent import RNN
from .wrapper import take_dtype

MERGE_MODES = ("concat", "sum", "mul", "ave")


def _recurrent(owner: Any, name: str, value: Any) -> RNN:
    if not isinstance(value, RNN):
        raise TypeError(f"Bidirectional: expected a recurrent layer, such as LSTM(8); received {value!r:.80}")
    return value


class Bidirectional(Layer):
    """Reads sequences from both ends with two recurrent layers, and merges what they return, step by step.

    Args:
        layer: a recurrent layer, the forward one; the backward one is made with the same arguments.
        merge_mode: "concat" (along the last axis), "sum", "mul", "ave" (the mean), or None for a list of both.
        backward_layer: the backward layer, if it should differ; its go_backwards must be the opposite of the other's.

    Outputs of masked steps are 0 where all steps are returned, as in Keras, whatever `zero_output_for_mask` of the
    layers is.

    Call it on x of shape (N, T, D) with `initial_state`, the forward layer's states and then the backward layer's, and
    `mask` as for `RNN`. With `return_state` it returns a list: the merged outputs, then all states.

    References:
        Schuster, Paliwal: Bidirectional Recurrent Neural Networks, 1997.

    Example:
        >>> from nn.layers import LSTM
        >>> Bidirectional(LSTM(4, return_sequences=True))(np.ones((2, 5, 3))).shape
        (2, 5, 8)
    """

    _makes_masks = False

    layer: InitVar[Any] = field(_recurrent)
    merge_mode: str | None = field(optional(one_of(*MERGE_MODES)), default="concat")
    backward_layer: Any = field(default=None, settable=False)

    def __post_init__(self, layer: Any) -> None:
        take_dtype(self, layer)
        backward = vars(self).pop("backward_layer")  # the forward layer comes first in paths
        self.forward_layer = layer
        self.backward_layer = _reverse(layer) if backward is None else _fitting(layer, backward)
        for one in (self.forward_layer, self.backward_layer):
            one.zero_output_for_mask = one.return_sequences

    def build(self, input_shape: Shape) -> None:
        """Build both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(input_shape)

    def reset_state(self) -> None:
        """Do what `reset_states` does: Keras has both names."""
        self.reset_states()

    def reset_states(self) -> None:
        """Let the next batch start from zeros."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    def call(self, x: Tensor, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Any:
        """Return the merged outputs, (N, T, 2 H) for "concat" and sequences, and the states if asked for."""
        training = self.training if training is None else training
        first: Any = None
        second: Any = None
        if initial_state is not None:
            half = len(initial_state) // 2
            first, second = list(initial_state[:half]), list(initial_state[half:])
        y = self.forward_layer(x, initial_state=first, mask=mask, training=training)
        z = self.backward_layer(x, initial_state=second, mask=mask, training=training)
        states: list[Any] = []
        if self.forward_layer.return_state:
            states = [*y[1:], *z[1:]]
            y, z = y[0], z[0]
        if self.forward_layer.return_sequences:
            z = z[:, ::-1]
        out = self._merge(y, z)
        if not states:
            return out
        return [*out, *states] if isinstance(out, list) else [out, *states]

    def _merge(self, y: Any, z: Any) -> Any:
        if self.merge_mode == "concat":
            return np.concatenate([y, z], axis=-1)
        if self.merge_mode == "sum":
            return y + z
        if self.merge_mode == "mul":
            return y * z
        return (y + z) * 0.5 if self.merge_mode == "ave" else [y, z]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the outputs of all steps, of both where they are not merged; None for the last ones."""
        mask = self.forward_layer.compute_mask(inputs, previous_mask)
        return [mask, mask] if self.merge_mode is None else mask

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """Return the merged shape; with `return_state` or merge_mode=None a list."""
        y = self.forward_layer.compute_output_shape(input_shape)
        z = self.backward_layer.compute_output_shape(input_shape)
        states = [*y[1:], *z[1:]] if self.forward_layer.return_state else []
        y, z = (y[0], z[0]) if states else (y, z)
        merged = (*y[:-1], y[-1] + z[-1]) if self.merge_mode == "concat" else y
        if self.merge_mode is None:
            return [y, z, *states]
        return [merged, *states] if states else merged

    def extra_repr(self) -> str:
        return f"merge_mode={self.merge_mode!r}"


def _reverse(layer: RNN) -> RNN:
    """Return a new layer with the same arguments that reads the other way round."""
    config = layer.get_config() | {"go_backwards": not layer.go_backwards}
    config.pop("name", None)
    return type(layer).from_config(config)


def _fitting(layer: RNN, backward: Any) -> RNN:
    same = ("return_sequences", "return_state", "stateful")
    if (
        not isinstance(backward, RNN)
        or backward.go_backwards == layer.go_backwards
        or any(getattr(layer, name) != getattr(backward, name) for name in same)
    ):
        raise ValueError(
            f"Bidirectional: expected a backward_layer that reads the other way round, go_backwards="
            f"{not layer.go_backwards}, with the same {', '.join(same)} as {layer!r}; received {backward!r}"
        )
    return backward


class TimeDistributed(Layer):
    """Applies a layer to each time step alone: (N, T, ...) is seen as a batch of N T samples.

    Args:
        layer: any layer whose samples do not depend on each other.

    A `mask` of shape (N, T) is that of the result too. Of one with more axes, such as that of the words of sentences,
    (N, T, S), the layer gets the rest, (S,) for each sample, and a step of the result counts if something of it does.

    Example:
        >>> from nn.layers import Dense
        >>> TimeDistributed(Dense(4))(np.ones((2, 5, 3))).shape
        (2, 5, 4)
    """

    _makes_masks = False

    layer: Any = field(as_layer)

    def __post_init__(self) -> None:
        take_dtype(self, self.layer)

    def build(self, input_shape: Shape) -> None:
        """Build the layer for samples without the time axis."""
        if len(input_shape) < 3:
            raise self._misfit(input_shape)
        if not self.layer.built:
            self.layer.build((input_shape[0], *input_shape[2:]))

    def call(self, x: Tensor, training: bool | None = None, mask: Any = None) -> Any:
        """Return the layer's results at all steps, (N, T, ...)."""
        if len(x.shape) < 3:
            raise self._misfit(x.shape)
        rows, steps = x.shape[:2]
        flat = x.reshape(rows * steps, *x.shape[2:])
        if mask is not None:
            self._hand_on(mask, x.shape, flat)
        training = self.training if training is None else training
        takes = type(self.layer)._takes_training
        out = self.layer(flat, training=training) if takes else self.layer(flat)
        whole = out.reshape(rows, steps, *out.shape[1:])
        if (inner := mask_of(out)) is not None:
            set_mask(whole, inner.reshape(rows, steps, *inner.shape[1:]))
        return whole

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where something of a step counts, (N, T); a result whose layer gave it a mask keeps that."""
        if previous_mask is None:
            return None
        flags = as_flags(previous_mask)
        return np.any(flags, axis=tuple(range(2, flags.ndim))) if flags.ndim > 2 else flags

    def _hand_on(self, mask: Any, shape: tuple[int, ...], flat: Tensor) -> None:
        """Give the samples of all steps the rest of a mask."""
        flags = as_flags(mask)
        if flags.ndim < 2 or flags.shape != shape[: flags.ndim]:
            raise ag.ShapeError(
                f"{self._speaker}: expected a mask of shape {shape[:2]}, one "
                f"boolean for each step, or of more of the first axes of x; received shape {flags.shape}"
            )
        if flags.ndim > 2 and flags.ndim < len(shape):
            set_mask(flat, flags.reshape(-1, *flags.shape[2:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the layer's output shape with the time axis put back."""
        if len(input_shape) < 3:
            raise self._misfit(input_shape)
        rows, *rest = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (rows, input_shape[1], *rest)

    def _misfit(self, shape: Shape) -> ag.ShapeError:
        return ag.ShapeError(f"{self._speaker}: expected shape (N, T, ...), three axes or more; received shape {shape}")

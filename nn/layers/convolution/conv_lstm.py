"""ConvLSTM1D, ConvLSTM2D and ConvLSTM3D: the long short-term memory whose products are convolutions.

    i, f, o = s(x * W_i + h * U_i + b_i), …    g = t(x * W_c + h * U_c + b_c)
    c' = f c + i g                             h' = o t(c')

with s the recurrent activation and t the activation. The gates' order along the weights' last axis is i, f, c, o. The
convolution with W has the layer's strides, padding and dilation_rate, the one with U keeps the size. Arguments that the
layers share:

    filters: F, the number of channels of h and c.
    kernel_size, strides, padding, data_format, dilation_rate: see the module `convolution`.
    return_sequences, return_state, go_backwards, stateful: see the module `recurrent`.
    activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
    unit_forget_bias, dropout, recurrent_dropout, seed: see `LSTMCell`. Dropout draws a mask for each gate, which is
        the same at all steps.

References:
    Shi, Chen, Wang, Yeung, Wong, Woo: Convolutional LSTM Network: A Machine Learning Approach for Precipitation
    Nowcasting, 2015, equation 3, without its products with c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import Seed, as_seed, flag, lengths, number, positive
from ...config.fields import field, option, weight
from ...config.limits import STEP, room
from ...module.module import Shape
from ...random import draw_rows
from ..arguments import (
    ActivationLike,
    DataFormatLike,
    InitializerLike,
    KernelAndBias,
    LengthsLike,
    as_activation,
    as_data_format,
    as_initializer,
    stream,
)
from ..layer import Function, Rule
from ..recurrent.recurrent import RuledCell
from .convolution import Windowed, as_padding

_GATES = 4


class ConvLSTMCell(KernelAndBias, Windowed):
    """The weights and the step of the layers below; works with channels last."""

    recurrent_kernel: Tensor = weight()
    recurrent_regularizer: Rule = option(default=None, kw_only=True)
    recurrent_constraint: Rule = option(default=None, kw_only=True)
    state_size = -1  # as in Keras: it depends on the input

    rank: int = field(positive)
    filters: int = field(positive)
    kernel_size: LengthsLike = field(lengths)
    strides: LengthsLike = field(lengths, default=1)
    padding: str = field(as_padding, default="valid")
    data_format: DataFormatLike = field(as_data_format, default=None)
    dilation_rate: LengthsLike = field(lengths, default=1)
    activation: ActivationLike = field(as_activation, default="tanh")
    recurrent_activation: ActivationLike = field(as_activation, default="sigmoid")
    use_bias: bool = field(flag, default=True)
    kernel_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    recurrent_initializer: InitializerLike = field(as_initializer, default="orthogonal")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")
    unit_forget_bias: bool = field(flag, default=True)
    dropout: float = field(number(0, below=1), default=0.0)
    recurrent_dropout: float = field(number(0, below=1), default=0.0)
    seed: Seed = field(as_seed, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.generator = stream("dropout", self.seed)

    def build(self, input_shape: Shape) -> None:
        """Create the kernel (*K, C, 4 F), the recurrent kernel (*K, F, 4 F) and the bias (4 F,)."""
        width = _GATES * self.filters
        self.kernel = self.add_weight((*self.kernel_size, self._channels(input_shape), width), self.kernel_initializer)
        self.recurrent_kernel = self.add_weight((*self.kernel_size, self.filters, width), self.recurrent_initializer)
        self.bias = self.add_weight((width,), self._first_bias) if self.use_bias else None

    def _first_bias(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Any:
        first = self.bias_initializer(shape, dtype)
        if not self.unit_forget_bias:
            return first
        forget = np.arange(shape[0]) // self.filters == 1
        return np.where(forget, np.ones((), dtype), first)

    def project(self, x: Tensor, masks: list[Tensor] | None) -> Tensor:
        """Return what the input (N, *S, C) gives to the gates, shape (N, *O, 4 F)."""
        parts = x if masks is None else np.concatenate([x * mask for mask in masks], axis=-1)
        z = self._convolve(parts, self.kernel, 1 if masks is None else _GATES)  # type: ignore[arg-type]
        return z if self.bias is None else z + self.bias

    def step(self, z: Tensor, h: Any, c: Any, masks: list[Tensor] | None) -> tuple[Tensor, Tensor]:
        """Return h' and c'; z is what `project` returned."""
        parts = h if masks is None else np.concatenate([h * mask for mask in masks], axis=-1)
        z = z + ag.convolution(parts, self.recurrent_kernel, padding="same", groups=1 if masks is None else _GATES)
        n = self.filters
        i, f = self.recurrent_activation(z[..., :n]), self.recurrent_activation(z[..., n : 2 * n])
        c = f * c + i * self.activation(z[..., 2 * n : 3 * n])
        return self.recurrent_activation(z[..., 3 * n :]) * self.activation(c), c

    def draw(self, shape: tuple[int, ...], rate: float, dtype: npt.DTypeLike) -> list[Tensor] | None:
        """Return a mask for each gate, or None if nothing is dropped."""
        if rate == 0:
            return None
        full = _GATES, *shape
        masks = draw_rows(lambda s: ag.random.bernoulli(s, 1 - rate, dtype=dtype, generator=self.generator), full, 1)
        return [masks[i] * (1 / (1 - rate)) for i in range(_GATES)]


class _ConvLSTM(RuledCell):
    """Runs the cell over the time axis; see the subclasses."""

    rank = 2
    makes = ConvLSTMCell

    filters: InitVar[int] = field(positive)
    kernel_size: InitVar[int | Sequence[int]] = field(lengths)
    strides: InitVar[int | Sequence[int]] = field(lengths, default=1)
    padding: InitVar[str] = field(as_padding, default="valid")
    data_format: InitVar[str | None] = field(as_data_format, default=None)
    dilation_rate: InitVar[int | Sequence[int]] = field(lengths, default=1)
    activation: InitVar[str | Function | None] = field(default="tanh")
    recurrent_activation: InitVar[str | Function | None] = field(default="sigmoid")
    use_bias: InitVar[bool] = field(flag, default=True)
    kernel_initializer: InitVar[str | Function] = field(default="glorot_uniform")
    recurrent_initializer: InitVar[str | Function] = field(default="orthogonal")
    bias_initializer: InitVar[str | Function] = field(default="zeros")
    unit_forget_bias: InitVar[bool] = field(flag, default=True)
    dropout: InitVar[float] = field(number(0, below=1), default=0.0)
    recurrent_dropout: InitVar[float] = field(number(0, below=1), default=0.0)
    seed: InitVar[Seed] = field(as_seed, default=None)
    return_sequences: bool = field(default=False)
    return_state: bool = field(default=False)
    go_backwards: bool = field(default=False)
    stateful: bool = field(default=False)

    def __init_subclass__(cls, *, rank: int | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if rank is not None:
            cls.rank = rank

    def __post_init__(self, **arguments: Any) -> None:  # type: ignore[override]
        super().__post_init__(rank=self.rank, **arguments)

    def build(self, input_shape: Shape) -> None:
        """Build the cell."""
        self._check_axes(input_shape)
        super().build(input_shape)

    def _check_axes(self, shape: Shape) -> None:
        if len(shape) != self.rank + 3:
            raise self._misfit(shape)

    def _state_shapes(self, x: Tensor) -> list[tuple[Any, ...]]:
        self._check_axes(x.shape)
        return [self.cell.compute_output_shape((x.shape[0], *x.shape[2:]))] * 2

    def _run(self, x: Tensor, states: list[Any] | None, mask: Any, training: bool) -> tuple[Tensor, list[Any]]:
        self._check_axes(x.shape)
        cell = self.cell
        rows, steps = x.shape[:2]
        flat = cell._last(x.reshape(rows * steps, *x.shape[2:]))
        cell._check_channels((rows, *x.shape[2:]), cell.kernel.shape[-2])
        drop = cell.draw((rows, 1, *flat.shape[1:]), cell.dropout if training else 0.0, x.dtype)
        if drop is not None:  # a mask is the same at all steps
            every = (rows, steps, *flat.shape[1:])
            drop = [np.broadcast_to(mask, every).reshape(flat.shape) for mask in drop]
        z = cell.project(flat, drop)
        z = z.reshape(rows, steps, *z.shape[1:])
        shape = (rows, *z.shape[2:-1], cell.filters)
        h, c = [np.zeros(shape, x.dtype)] * 2 if states is None else [cell._last(s) for s in states]
        drop = cell.draw(shape, cell.recurrent_dropout if training else 0.0, x.dtype)
        outputs: list[Any] = []
        for t in range(steps):
            new_h, new_c = cell.step(z[:, t], h, c, drop)
            out = new_h
            if mask is not None:
                valid = mask[:, t].reshape(rows, *[1] * (self.rank + 1))
                before = outputs[-1] if outputs and not self.zero_output_for_mask else 0
                out = np.where(valid, new_h, before).astype(new_h.dtype)
                new_h, new_c = np.where(valid, new_h, h), np.where(valid, new_c, c)
            h, c = new_h, new_c
            outputs.append(cell._back(out))
        states = [cell._back(h), cell._back(c)]
        return (np.stack(outputs, axis=1) if self.return_sequences else outputs[-1]), states  # type: ignore[return-value]

    def _misfit(self, shape: Shape) -> ag.ShapeError:
        spatial = ", ".join(f"S{i + 1}" if self.rank > 1 else "S" for i in range(self.rank))
        form = f"{spatial}, C" if self.cell.data_format == "channels_last" else f"C, {spatial}"
        return ag.ShapeError(
            f"{self._speaker}: expected sequences of shape (N, T, {form}) "
            f"with T > 0; received shape {tuple(shape)}. One channel is an axis of length 1: x[..., None]"
        )

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """Return (batch, T, *O, F) or (batch, *O, F); with `return_state` a list, the states' shapes behind it."""
        self._check_axes(input_shape)
        room((input_shape[1], STEP))
        state = self.cell.compute_output_shape((input_shape[0], *input_shape[2:]))
        out = (*input_shape[:2], *state[1:]) if self.return_sequences else state
        return [out, state, state] if self.return_state else out

    def extra_repr(self) -> str:
        return ", ".join(part for part in (self.cell.extra_repr(), super().extra_repr()) if part)


class ConvLSTM1D(_ConvLSTM, rank=1):
    """The convolutional LSTM over sequences of rows.

    Call it on x of shape (N, T, S, C); the result has shape (N, S', F), or (N, T, S', F) with `return_sequences`.

    Example:
        >>> ConvLSTM1D(4, 3, return_sequences=True).compute_output_shape((None, 10, 8, 2))
        (None, 10, 6, 4)
    """


class ConvLSTM2D(_ConvLSTM, rank=2):
    """The convolutional LSTM over sequences of images.

    Call it on x of shape (N, T, H, W, C); the result has shape (N, H', W', F), or (N, T, H', W', F) with
    `return_sequences`.

    Example:
        >>> layer = ConvLSTM2D(4, 3, padding="same")
        >>> layer(np.ones((2, 3, 5, 5, 1))).shape, layer.cell.kernel.shape, layer.cell.recurrent_kernel.shape
        ((2, 5, 5, 4), (3, 3, 1, 16), (3, 3, 4, 16))
    """


class ConvLSTM3D(_ConvLSTM, rank=3):
    """The convolutional LSTM over sequences of volumes.

    Call it on x of shape (N, T, D, H, W, C); the result has shape (N, D', H', W', F), or (N, T, D', H', W', F) with
    `return_sequences`.

    Example:
        >>> ConvLSTM3D(4, 2).compute_output_shape((None, 10, 4, 5, 6, 2))
        (None, 3, 4, 5, 4)
    """

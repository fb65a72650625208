"""Recurrent cells: one step of a recurrent network, from the input and the states to the output and the new states.

Shape letters: N batch, D features of the input, H units. Gates lie side by side along the last axis of `kernel`,
`recurrent_kernel` and `bias`, in Keras's order. Arguments that all cells have:

    units: H, the length of the output and of each state.
    activation, recurrent_activation: name or function, of the new values and of the gates.
    use_bias: whether to add biases.
    kernel_initializer, recurrent_initializer, bias_initializer: of the three weights.
    dropout: share of the input's features that are dropped while training, one draw for a whole sequence.
    recurrent_dropout: share of h's elements that are dropped where h enters the gates, one draw for a whole sequence.
    seed: of the cell's own random stream for these draws; None for the default generator.
    kwargs: `input_shape`, `name`, `dtype`; `kernel_regularizer`, `recurrent_regularizer`, `bias_regularizer` and the
        three `..._constraint`, see `nn.regularizers` and `nn.constraints`.

References:
    Gal, Ghahramani: A Theoretically Grounded Application of Dropout in Recurrent Neural Networks, 2016, section 4 (one
    mask for all time steps).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import Seed, as_seed, flag, number, positive
from ...config.fields import field, option, weight
from ...module.module import Shape
from ...random import draw_rows
from ..arguments import ActivationLike, InitializerLike, KernelAndBias, as_activation, as_initializer, stream
from ..layer import Rule

Masks = tuple[Any, Any]


class RecurrentCell(KernelAndBias):
    """Base of the cells below; a subclass has `gates` and `states`, and writes `step`.

    Its input enters by one product with `kernel` only, so that a layer can take the products of all time steps at once.
    """

    gates = 1
    states = 1
    recurrent_kernel: Tensor = weight()
    recurrent_regularizer: Rule = option(default=None, kw_only=True)
    recurrent_constraint: Rule = option(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.generator = stream("dropout", self.seed)

    @property
    def state_size(self) -> int | list[int]:
        """H, or a list of one H for each state."""
        return self.units if self.states == 1 else [self.units] * self.states

    @property
    def output_size(self) -> int:
        """H."""
        return self.units

    def build(self, input_shape: Shape) -> None:
        """Create the kernel (D, gates H), the recurrent kernel (H, gates H) and the bias."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs of shape (N, D) with a known D; received shape {input_shape}"
            )
        width = self.gates * self.units
        self.kernel = self.add_weight((input_shape[-1], width), self.kernel_initializer)
        self.recurrent_kernel = self.add_weight((self.units, width), self.recurrent_initializer)
        self.bias = self.add_weight(self.bias_shape(), self._first_bias) if self.use_bias else None

    def bias_shape(self) -> tuple[int, ...]:
        """Return the bias's shape, (gates H,)."""
        return (self.gates * self.units,)

    def _first_bias(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.bias_initializer(shape, dtype)

    def _cast(self, x: Any) -> Any:
        if isinstance(x, (list, tuple)) and x and all(np.ndim(part) > 1 for part in x):  # states, (N, H) each
            return [super(RecurrentCell, self)._cast(part) for part in x]
        return super()._cast(x)

    def project(self, x: Tensor) -> Tensor:
        """Return what the input gives to the gates, x @ kernel + bias, for x of shape (..., D)."""
        z = self.check_features(x) @ self.kernel
        bias = self.input_bias()
        return z if bias is None else z + bias

    def check_features(self, x: Tensor) -> Tensor:
        """Return x, whose last axis fits the kernel.

        Args:
            x: input, shape (N, ..., D).

        Raises:
            ShapeError: if it does not.
        """
        features = self.kernel.shape[0]
        if x.shape[-1] != features:
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs whose last axis has "
                f"length {features}, since its kernel has shape {self.kernel.shape}; received {x.shape}. Check the "
                "data or the layer before, or make a new layer for this input"
            )
        return x

    def input_bias(self) -> Tensor | None:
        """Return what `project` adds, shape (gates H,)."""
        return self.bias

    def step(self, z: Tensor, states: Sequence[Any], drop: Any = None) -> tuple[Tensor, list[Tensor]]:
        """Return the output and the new states.

        Args:
            z: what `project` returned, shape (N, gates H).
            states: of shape (N, H) each.
            drop: what to multiply h by where it enters the gates, shape (N, H), or None.
        """
        raise NotImplementedError(f"{type(self).__name__}: write step(self, z, states, drop)")

    def get_initial_state(self, batch_size: int) -> list[Tensor]:
        """Return states of zeros, of shape (N, H) each."""
        return [ag.tensor(np.zeros((batch_size, self.units), self.dtype)) for _ in range(self.states)]

    def draw_masks(self, x: Tensor, training: bool) -> Masks:
        """Return what to multiply the input (N, D) and h (N, H) by during one sequence, None for nothing."""
        if not training:
            return None, None
        rows = x.shape[0]
        return (
            self._mask((rows, x.shape[-1]), self.dropout, x.dtype),
            self._mask((rows, self.units), self.recurrent_dropout, x.dtype),
        )

    def _mask(self, shape: tuple[int, ...], rate: float, dtype: Any) -> Any:
        if rate == 0:
            return None
        masks = draw_rows(lambda s: ag.random.bernoulli(s, 1 - rate, dtype=dtype, generator=self.generator), shape)
        return masks * (1 / (1 - rate))

    def call(self, x: Tensor, states: Any = None, training: bool | None = None) -> tuple[Tensor, list[Tensor]]:
        """Return the output (N, H) and the list of new states, for x of shape (N, D) and states of (N, H), or zeros."""
        if x.ndim != 2:
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs of shape (N, D), one "
                f"step; received shape {x.shape}. For sequences (N, T, D) wrap it: RNN(cell)"
            )
        if x.dtype.kind != "f":
            x = x.astype(self.dtype)
        held = states if isinstance(states, (list, tuple)) else None if states is None else [states]
        if held is not None and len(held) != self.states:
            raise ValueError(f"{self._speaker}: expected {self.states} states; received {len(held)}")
        held = self.get_initial_state(x.shape[0]) if held is None else [self._cast(s) for s in held]
        masks = self.draw_masks(x, self.training if training is None else training)
        return self.step(self.project(x if masks[0] is None else x * masks[0]), held, masks[1])

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """Return the shapes of the output and of the states, (N, H) each."""
        return [(input_shape[0], self.units)] * (1 + self.states)

    def extra_repr(self) -> str:
        return f"{self.kernel.shape[0]} -> {self.units}" if self.built else f"units={self.units}"


class SimpleRNNCell(RecurrentCell):
    """One step of the fully connected recurrent network: h' = activation(x W + b + h U).

    Args:
        units: H; for the others see the module.

    References:
        Elman: Finding Structure in Time, 1990, figure 2.

    Example:
        >>> cell = SimpleRNNCell(2, kernel_initializer="ones", recurrent_initializer="zeros", activation=None)
        >>> out, states = cell([[1.0, 2.0]])
        >>> out.tolist(), states[0] is out
        ([[3.0, 3.0]], True)
    """

    units: int = field(positive)
    activation: ActivationLike = field(as_activation, default="tanh")
    use_bias: bool = field(flag, default=True)
    kernel_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    recurrent_initializer: InitializerLike = field(as_initializer, default="orthogonal")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")
    dropout: float = field(number(0, below=1), default=0.0)
    recurrent_dropout: float = field(number(0, below=1), default=0.0)
    seed: Seed = field(as_seed, default=None)

    def step(self, z: Tensor, states: Sequence[Any], drop: Any = None) -> tuple[Tensor, list[Tensor]]:
        """Return h' and [h']."""
        h = states[0] if drop is None else states[0] * drop
        h = self.activation(z + h @ self.recurrent_kernel)
        return h, [h]


class LSTMCell(RecurrentCell):
    """One step of the long short-term memory, with gates i (input), f (forget), g (new values, "c") and o (output).

        i, f, o = s(x W_i + h U_i + b_i), …    g = t(x W_c + h U_c + b_c)
        c' = f c + i g                         h' = o t(c')

    with s the recurrent activation and t the activation. The gates' order along the weights' last axis is i, f, c, o.

    Args:
        units: H; for the others see the module.
        unit_forget_bias: whether the forget gate's bias starts at 1 instead of what `bias_initializer` says.

    References:
        Hochreiter, Schmidhuber: Long Short-Term Memory, 1997; Gers, Schmidhuber, Cummins: Learning to Forget, 2000,
        equations 2.6 to 3.2; Jozefowicz, Zaremba, Sutskever: An Empirical Exploration of Recurrent Network
        Architectures, 2015, section 3.3 (the forget gate's bias).

    Example:
        >>> cell = LSTMCell(3)
        >>> out, (h, c) = cell([[1.0, 2.0]])
        >>> out.shape, out is h, cell.kernel.shape, cell.bias.tolist()[2:7]
        ((1, 3), True, (2, 12), [0.0, 1.0, 1.0, 1.0, 0.0])
    """

    gates = 4
    states = 2

    units: int = field(positive)
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

    def _first_bias(self, shape: tuple[int, ...], dtype: Any) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype)
        h = self.units
        first, rest = self.bias_initializer((h,), dtype), self.bias_initializer((2 * h,), dtype)
        return np.concatenate([first, np.ones(h, dtype), rest])

    def step(self, z: Tensor, states: Sequence[Any], drop: Any = None) -> tuple[Tensor, list[Tensor]]:
        """Return h' and [h', c']."""
        h, c = states
        n = self.units
        z = z + (h if drop is None else h * drop) @ self.recurrent_kernel
        i, f = self.recurrent_activation(z[:, :n]), self.recurrent_activation(z[:, n : 2 * n])
        c = f * c + i * self.activation(z[:, 2 * n : 3 * n])
        h = self.recurrent_activation(z[:, 3 * n :]) * self.activation(c)
        return h, [h, c]


class GRUCell(RecurrentCell):
    """One step of the gated recurrent unit, with gates z (update) and r (reset) and the new values n ("h").

        z, r = s(x W_z + b_z + h U_z + b'_z), …
        n = t(x W_h + b_h + r (h U_h + b'_h))          h' = z h + (1 - z) n

    with s the recurrent activation and t the activation. The gates' order along the weights' last axis is z, r, h.

    Args:
        units: H; for the others see the module.
        reset_after: whether the reset gate acts after the product with U, as above; then the bias has shape (2, 3 H),
            b and b'. Otherwise n = t(x W_h + b_h + (r h) U_h), and the bias is b alone, shape (3 H,).

    References:
        Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, 2014,
        equations 5 to 8 (the reset gate before); NVIDIA's cuDNN and PyTorch have it after.

    Example:
        >>> cell = GRUCell(3)
        >>> out, states = cell([[1.0, 2.0]])
        >>> out.shape, len(states), cell.kernel.shape, cell.bias.shape
        ((1, 3), 1, (2, 9), (2, 9))
    """

    gates = 3

    units: int = field(positive)
    activation: ActivationLike = field(as_activation, default="tanh")
    recurrent_activation: ActivationLike = field(as_activation, default="sigmoid")
    use_bias: bool = field(flag, default=True)
    kernel_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    recurrent_initializer: InitializerLike = field(as_initializer, default="orthogonal")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")
    dropout: float = field(number(0, below=1), default=0.0)
    recurrent_dropout: float = field(number(0, below=1), default=0.0)
    reset_after: bool = field(flag, default=True)
    seed: Seed = field(as_seed, default=None)

    def bias_shape(self) -> tuple[int, ...]:
        """Return (2, 3 H), or (3 H,) if the reset gate acts before the product."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def input_bias(self) -> Tensor | None:
        """Return b."""
        return self.bias[0] if self.bias is not None and self.reset_after else self.bias

    def step(self, z: Tensor, states: Sequence[Any], drop: Any = None) -> tuple[Tensor, list[Tensor]]:
        """Return h' and [h']."""
        h, n, u = states[0], self.units, self.recurrent_kernel
        seen = h if drop is None else h * drop
        if self.reset_after:
            y = seen @ u
            if self.bias is not None:
                y = y + self.bias[1]
            gates = self.recurrent_activation(z[:, : 2 * n] + y[:, : 2 * n])
            new = self.activation(z[:, 2 * n :] + gates[:, n:] * y[:, 2 * n :])
        else:
            gates = self.recurrent_activation(z[:, : 2 * n] + seen @ u[:, : 2 * n])
            new = self.activation(z[:, 2 * n :] + (gates[:, n:] * seen) @ u[:, 2 * n :])
        update = gates[:, :n]
        h = update * h + (1 - update) * new
        return h, [h]

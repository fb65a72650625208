"""Dense, Activation and Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autograd_lite as ag
from autograd_lite import Tensor

from .. import activations
from ..config.arguments import Seed, as_seed, flag, number, optional, positive, sequence
from ..config.fields import field
from ..module.module import Shape
from ..random import draw_rows
from .arguments import ActivationLike, InitializerLike, KernelAndBias, as_activation, as_initializer, stream
from .layer import SameShape


class Dense(KernelAndBias):
    """A fully connected layer: activation(x @ kernel + bias).

    Args:
        units: K, the number of outputs.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, shape (D, K).
        bias_initializer: of the bias, shape (K,).

    Call it on x of shape (N, ..., D); the result has shape (N, ..., K). Integers are cast to the layer's dtype.

    Raises:
        ShapeError: when called on an x whose last axis is not D.

    Example:
        >>> layer = Dense(2, kernel_initializer="ones", input_shape=(3,))
        >>> layer([[1.0, 2.0, 3.0]]).tolist(), [(p.name, p.shape) for p in layer.parameters()]
        ([[6.0, 6.0]], [('kernel', (3, 2)), ('bias', (2,))])
    """

    units: int = field(positive)
    activation: ActivationLike = field(as_activation, default=None)
    use_bias: bool = field(flag, default=True)
    kernel_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")
    supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Create the kernel (D, K) and the bias (K,)."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            advice = "One sample of D features is a batch of shape (1, D): x.reshape(1, -1)"
            if input_shape[1:]:
                advice = "Give Input the lengths that D is made of, or average over those that are open before"
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs of shape (N, ..., D) with a known D; received shape {input_shape}. "
                + advice
            )
        self.kernel = self.add_weight((input_shape[-1], self.units), self.kernel_initializer)
        self.bias = self.add_weight((self.units,), self.bias_initializer) if self.use_bias else None

    def call(self, x: Tensor) -> Tensor:
        """Return activation(x @ kernel + bias), shape (N, ..., K)."""
        kernel, shape = self.kernel, x.shape
        if len(shape) < 2 or shape[-1] != kernel.shape[0]:
            raise self._misfit(shape)
        if x.dtype.kind != "f":
            x = x.astype(self.dtype)
        x = x @ kernel
        if self.bias is not None:
            x += self.bias  # in the memory of the product
        return activations.activate(self.activation, x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape with K for D."""
        if self.built and input_shape[-1] != self.kernel.shape[0]:
            raise self._misfit(input_shape)
        return (*input_shape[:-1], self.units)

    def _misfit(self, shape: Shape) -> ag.ShapeError:
        features = self.kernel.shape[0]
        advice = "Check the data or the layer before, or make a new layer for this input"
        if features == _known_product(shape[1:]):
            advice = "Put layers.Flatten() before it, or reshape the data to (len(x), -1)"
        elif len(shape) == 1:
            advice = "One sample is a batch of shape (1, D): x.reshape(1, -1)"
        return ag.ShapeError(
            f"{self._speaker}: expected inputs whose last axis has length {features}, since "
            f"its kernel has shape {self.kernel.shape}; received shape {shape}. {advice}"
        )

    def extra_repr(self) -> str:
        size = f"{self.kernel.shape[0]} -> {self.units}" if self.built else f"units={self.units}"
        name = getattr(self.activation, "__name__", repr(self.activation))
        return size + ("" if self.activation is activations.linear else f", activation={name}")


def _known_product(lengths: Shape) -> int:
    product = 1
    for n in lengths:
        product *= n or 0
    return product


class Activation(SameShape):
    """Applies an activation function to each element.

    Args:
        activation: name or function.

    Example:
        >>> Activation("relu")([[-1.0, 2.0]]).tolist()
        [[0.0, 2.0]]
    """

    activation: ActivationLike = field(as_activation)

    def call(self, x: Tensor) -> Tensor:
        """Return activation(x), of x's shape."""
        return self.activation(x)

    def extra_repr(self) -> str:
        return getattr(self.activation, "__name__", repr(self.activation))


class Dropout(SameShape):
    """Zeroes elements at random while training, and scales the others by 1 / (1 - rate): out = x m / (1 - rate).

    The mask m is 1 with probability 1 - rate, else 0; its draw is a recorded op. In evaluation mode out = x.

    Args:
        rate: probability of an element to be dropped, 0 <= rate < 1.
        noise_shape: shape of the mask, where 1 shares a draw along an axis and None takes x's length.
        seed: of the layer's own random stream; None for the default generator.

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout: A Simple Way to Prevent Neural Networks
        from Overfitting, 2014, section 10 (the scaling at training time).

    Example:
        >>> Dropout(0.5).eval()([[1.0, 2.0]]).tolist()
        [[1.0, 2.0]]
    """

    rate: float = field(number(0, below=1))
    noise_shape: Sequence[int | None] | None = field(optional(sequence), default=None)
    seed: Seed = field(as_seed, default=None)

    def __post_init__(self) -> None:
        self.generator = stream("dropout", self.seed)

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        """Return x with elements dropped and the others scaled, or x itself when not training."""
        if not (self.training if training is None else training) or self.rate == 0:
            return x
        return x * keep_mask(self, x) * (1 / (1 - self.rate))

    def extra_repr(self) -> str:
        return f"{self.rate:g}"


def keep_mask(layer: Any, x: Tensor) -> Tensor:
    """Draw 1 with probability 1 - rate and else 0, in the shape of x, or in the `noise_shape` of a layer."""
    noise, shape = layer.noise_shape, x.shape
    if noise is not None:
        if len(noise) != len(shape) or any(k not in (None, 1, n) for k, n in zip(noise, shape, strict=True)):
            raise ag.ShapeError(
                f"{layer._speaker}: expected a noise_shape that broadcasts to "
                f"the input's shape {shape}; received {noise}. Use 1 or None per axis"
            )
        shape = tuple(n if k is None else k for k, n in zip(noise, shape, strict=True))
    return draw_rows(
        lambda full: ag.random.bernoulli(full, 1 - layer.rate, dtype=x.dtype, generator=layer.generator),
        shape,
        None if noise is not None and noise[0] == 1 else 0,
    )

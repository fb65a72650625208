"""Embeddings: vectors for integers, and for positions in a sequence."""

from __future__ import annotations

from dataclasses import InitVar
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import flag, number, optional, positive
from ...config.fields import field, option, weight
from ...module.module import Shape
from ..arguments import InitializerLike, as_initializer, numbers
from ..layer import Layer, Rule, SameShape


class Embedding(Layer):
    """Looks up a vector for each integer: out = embeddings[x].

    Args:
        input_dim: V, the number of different integers; they are 0 to V - 1.
        output_dim: D, the length of the vectors.
        embeddings_initializer: of the embeddings, shape (V, D).
        mask_zero: whether 0 stands for padding: the result then has a mask, False where x is 0, which layers behind it,
            losses and metrics go by; see `Module.compute_mask`.
        weights: initial values of shape (V, D), in the place of the initializer.

    Call it on integers x of shape (N, ...); the result has shape (N, ..., D).

    Raises:
        ValueError: when called on an x that has a value outside 0 to V - 1.

    Example:
        >>> layer = Embedding(3, 2, weights=[[0, 0], [1, 2], [3, 4]], mask_zero=True)
        >>> x = np.array([[1, 2, 0]])
        >>> layer(x).tolist(), layer.compute_mask(x).tolist()
        ([[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]], [[True, True, False]])
    """

    without_effect = frozenset({"input_length"})

    embeddings: Tensor = weight()
    embeddings_regularizer: Rule = option(default=None, kw_only=True)
    embeddings_constraint: Rule = option(default=None, kw_only=True)

    input_dim: int = field(positive)
    output_dim: int = field(positive)
    embeddings_initializer: InitializerLike = field(as_initializer, default="random_uniform")
    mask_zero: bool = field(flag, default=False)
    weights: InitVar[npt.ArrayLike | None] = field(optional(numbers), default=None)

    def __post_init__(self, weights: Any) -> None:
        self._first = weights
        if weights is not None and weights.shape != (self.input_dim, self.output_dim):
            raise ag.ShapeError(
                f"Embedding: expected weights of shape {(self.input_dim, self.output_dim)}, (input_dim, output_dim); "
                f"received shape {weights.shape}"
            )

    def build(self, input_shape: Shape) -> None:
        """Create the embeddings (V, D)."""
        first = self._first
        make = self.embeddings_initializer if first is None else lambda shape, dtype: first.astype(dtype)
        self.embeddings = self.add_weight((self.input_dim, self.output_dim), make)

    def call(self, x: Tensor) -> Tensor:
        """Return the vectors, shape (N, ..., D)."""
        index = _integers(self, x)
        if index.size:
            ag.observe(self._check_range, index, checks=True)
        return np.take(self.embeddings, index, axis=0)  # type: ignore[return-value]

    def _check_range(self, index: Any) -> None:
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= self.input_dim:
            raise ValueError(
                f"{self._speaker}: expected integers from 0 to {self.input_dim - 1}; "
                f"received {low if low < 0 else high}. Give it an input_dim of the largest integer plus 1"
            )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where x is not 0, of x's shape; None without `mask_zero`."""
        return np.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape and D."""
        return (*input_shape, self.output_dim)

    def extra_repr(self) -> str:
        return f"{self.input_dim}, {self.output_dim}"


class PositionalEmbedding(SameShape):
    """Adds a learned vector to each position: out[:, t] = x[:, t] + position_embeddings[t].

    Args:
        sequence_length: the largest number of positions.
        initializer: of the vectors, shape (sequence_length, D).

    Call it on x of shape (N, T, D), T not above `sequence_length`; the result has x's shape. `start` is the position
    of the first entry, by default 0.

    References:
        Gehring, Auli, Grangier, Yarats, Dauphin: Convolutional Sequence to Sequence Learning, 2017, section 3.1.

    Example:
        >>> PositionalEmbedding(4, initializer="ones")(np.zeros((1, 2, 1))).tolist()
        [[[1.0], [1.0]]]
    """

    position_embeddings: Tensor = weight()
    position_embeddings_regularizer: Rule = option(default=None, kw_only=True)
    position_embeddings_constraint: Rule = option(default=None, kw_only=True)

    sequence_length: int = field(positive)
    initializer: InitializerLike = field(as_initializer, default="glorot_uniform")

    def build(self, input_shape: Shape) -> None:
        """Create the vectors (sequence_length, D)."""
        _check_sequence(self, input_shape)
        self.position_embeddings = self.add_weight((self.sequence_length, input_shape[-1]), self.initializer)

    def call(self, x: Tensor, start: int = 0) -> Tensor:
        """Return x with the vectors added, of x's shape.

        Args:
            start: position of the first step.
        """
        _check_sequence(self, x.shape)
        end = start + x.shape[1]
        if start < 0 or end > self.sequence_length:
            raise ag.ShapeError(
                f"{self._speaker}: expected positions below "
                f"sequence_length={self.sequence_length}; received {x.shape[1]} positions from {start} on"
            )
        return x + self.position_embeddings[start:end]

    def extra_repr(self) -> str:
        return f"sequence_length={self.sequence_length}"


class SinusoidalEmbedding(SameShape):
    """Adds waves of many lengths along the positions: out[:, t, 2i] = x + sin(t w^(-2i/D)), out[:, t, 2i+1] = x + cos.

    In both, w = max_wavelength, and the cosine of feature 2i+1 has the same frequency as the sine of feature 2i.

    Args:
        max_wavelength: w, which the longest wave, over 2 pi, comes near to.

    Call it on x of shape (N, T, D); the result has x's shape. `start` is the position of the first entry.

    References:
        Vaswani et al.: Attention Is All You Need, 2017, section 3.5.

    Example:
        >>> SinusoidalEmbedding()(np.zeros((1, 2, 2))).numpy().round(2).tolist()
        [[[0.0, 1.0], [0.8399999737739563, 0.5400000214576721]]]
    """

    max_wavelength: float = field(number(above=0), default=10000.0)

    def call(self, x: Tensor, start: int = 0) -> Tensor:
        """Return x with the waves added, of x's shape.

        Args:
            start: position of the first step.
        """
        _check_sequence(self, x.shape)
        feature = np.arange(x.shape[2])
        frequency = self.max_wavelength ** (-(feature // 2 * 2) / x.shape[2])
        angle = (start + np.arange(x.shape[1]))[:, None] * frequency
        return x + np.where(feature % 2, np.cos(angle), np.sin(angle)).astype(x.dtype)


class TokenAndPositionEmbedding(Layer):
    """Looks up a vector for each integer and adds one for its position.

    Args:
        vocabulary_size: V, the number of different integers.
        sequence_length: the largest number of positions.
        embedding_dim: D, the length of the vectors.
        embeddings_initializer: of both tables.
        mask_zero: as for `Embedding`.

    Call it on integers x of shape (N, T); the result has shape (N, T, D).

    Example:
        >>> TokenAndPositionEmbedding(5, 3, 2, embeddings_initializer="ones")(np.array([[4, 0]])).tolist()
        [[[2.0, 2.0], [2.0, 2.0]]]
    """

    vocabulary_size: int = field(positive)
    sequence_length: int = field(positive)
    embedding_dim: int = field(positive)
    embeddings_initializer: InitializerLike = field(as_initializer, default="random_uniform")
    mask_zero: bool = field(flag, default=False)

    def __post_init__(self) -> None:
        initializer, dtype = self.embeddings_initializer, self.dtype
        self.token_embedding = Embedding(
            self.vocabulary_size, self.embedding_dim, initializer, self.mask_zero, dtype=dtype
        )
        self.position_embedding = PositionalEmbedding(self.sequence_length, initializer, dtype=dtype)

    def call(self, x: Tensor) -> Tensor:
        """Return the sum of both vectors, shape (N, T, D)."""
        return self.position_embedding(self.token_embedding(x))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where x is not 0, of x's shape; None without `mask_zero`."""
        return self.token_embedding.compute_mask(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape and D."""
        return self.token_embedding.compute_output_shape(input_shape)


def _check_sequence(layer: Layer, shape: Shape) -> None:
    if len(shape) != 3 or shape[-1] is None:
        raise ag.ShapeError(
            f"{layer._speaker}: expected inputs of shape (N, T, D) with a known D; received shape {shape}"
        )


def _integers(layer: Layer, x: Tensor) -> Tensor:
    """Return x as integers; data often come as floats that are whole."""
    if x.dtype.kind in "iu":
        return x

    def check(values: Any) -> None:
        if values.dtype.kind != "f" or not np.array_equal(values.astype(np.int64), values):
            raise ag.DtypeError(
                f"{layer._speaker}: expected integers; received {values.dtype} with values that are not whole"
            )

    ag.observe(check, x, checks=True)
    return x.astype(np.int64)

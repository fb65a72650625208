"""ReversibleEmbedding: vectors for integers, and back from vectors to a score for each integer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import flag, number, optional
from ...config.fields import weight
from ...module.module import Shape
from ..layer import Rule
from .embedding import Embedding


class ReversibleEmbedding(Embedding):
    """Looks up a vector for each integer, or, with `reverse=True`, returns the logits of all integers for each vector.

    Forwards out = embeddings[x]; reversed out = x @ embeddings.T, the same weights by default.

    Args:
        input_dim: V, the number of different integers; they are 0 to V - 1.
        output_dim: D, the length of the vectors.
        tie_weights: whether both ways have the same weights; else reversed ones have `reverse_embeddings`, (D, V).
        embeddings_initializer: of the embeddings, shape (V, D), and of the reversed ones.
        mask_zero: as for `Embedding`.
        reverse_dtype: floating dtype to compute the logits in; the layer's by default.
        logit_soft_cap: what the absolute values of logits stay below: cap tanh(logits / cap); None for no limit.

    Call it on integers of shape (N, ...), or with `reverse=True` on vectors (N, ..., D), which gives (N, ..., V).

    Raises:
        ShapeError: when called in reverse on an x whose last axis is not D.

    References:
        Press, Wolf: Using the Output Embedding to Improve Language Models, 2017, section 3.

    Example:
        >>> layer = ReversibleEmbedding(3, 2, embeddings_initializer="ones")
        >>> vectors = layer(np.array([[0, 2]]))
        >>> layer(vectors, reverse=True).tolist()
        [[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]]
    """

    reverse_embeddings: Tensor = weight()

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: str | Callable[..., Any] = "random_uniform",
        mask_zero: bool = False,
        reverse_dtype: npt.DTypeLike | None = None,
        logit_soft_cap: float | None = None,
        embeddings_regularizer: Rule = None,
        embeddings_constraint: Rule = None,
        **options: Any,
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            mask_zero,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            **options,
        )
        self.tie_weights = flag(self, "tie_weights", tie_weights)
        self.reverse_dtype = None if reverse_dtype is None else np.dtype(reverse_dtype)
        if self.reverse_dtype is not None and self.reverse_dtype.kind != "f":
            raise ag.DtypeError(f"ReversibleEmbedding: expected a floating reverse_dtype; received {reverse_dtype!r}")
        self.logit_soft_cap = optional(number(above=0))(self, "logit_soft_cap", logit_soft_cap)

    def build(self, input_shape: Shape) -> None:
        """Create the embeddings (V, D), and if they are not tied the reversed ones (D, V)."""
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight((self.output_dim, self.input_dim), self.embeddings_initializer)

    def call(self, x: Tensor, reverse: bool = False) -> Tensor:
        """Return the vectors, shape (N, ..., D), or in reverse the logits, (N, ..., V).

        Args:
            reverse: whether x holds vectors, to be mapped to logits.
        """
        if not reverse:
            return super().call(x)
        if x.ndim < 2 or x.shape[-1] != self.output_dim or x.dtype.kind != "f":
            raise ag.ShapeError(
                f"{self._speaker}: expected vectors of shape "
                f"(N, ..., {self.output_dim}) with reverse=True; received shape {x.shape} of dtype {x.dtype}"
            )
        kernel = self.embeddings.T if self.tie_weights else self.reverse_embeddings
        if self.reverse_dtype is not None:
            x, kernel = x.astype(self.reverse_dtype), kernel.astype(self.reverse_dtype)
        logits = x @ kernel
        if self.logit_soft_cap is None:
            return logits
        result: Tensor = np.tanh(logits / self.logit_soft_cap) * self.logit_soft_cap
        return result

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where integers are not 0, with `mask_zero`; vectors keep the mask that they have."""
        floating = (inputs if isinstance(inputs, Tensor) else np.asarray(inputs)).dtype.kind == "f"
        return previous_mask if floating else super().compute_mask(inputs, previous_mask)

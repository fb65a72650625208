"""Vectors for integers, and back."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from .embedding import (
        Embedding as Embedding,
        PositionalEmbedding as PositionalEmbedding,
        SinusoidalEmbedding as SinusoidalEmbedding,
        TokenAndPositionEmbedding as TokenAndPositionEmbedding,
    )
    from .reversible_embedding import ReversibleEmbedding as ReversibleEmbedding
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

"""Vectors for integers, and back."""

from .embedding import (
    Embedding as Embedding,
    PositionalEmbedding as PositionalEmbedding,
    SinusoidalEmbedding as SinusoidalEmbedding,
    TokenAndPositionEmbedding as TokenAndPositionEmbedding,
)
from .reversible_embedding import ReversibleEmbedding as ReversibleEmbedding

"""Attention, its masks, scores and positions."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from .attention import MultiHeadAttention as MultiHeadAttention, TransformerBlock as TransformerBlock
    from .grouped_attention import GroupQueryAttention as GroupQueryAttention
    from .rotary import RotaryEmbedding as RotaryEmbedding
    from .scores import AdditiveAttention as AdditiveAttention, Attention as Attention
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

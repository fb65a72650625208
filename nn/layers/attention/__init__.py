"""Attention, its masks, scores and positions."""

from .attention import MultiHeadAttention as MultiHeadAttention, TransformerBlock as TransformerBlock
from .grouped_attention import GroupQueryAttention as GroupQueryAttention
from .rotary import RotaryEmbedding as RotaryEmbedding
from .scores import AdditiveAttention as AdditiveAttention, Attention as Attention

"""GroupQueryAttention: attention in several heads, some of which share their keys and values.

Shape letters: N batch, T queries, S keys and values, D features, U heads of queries, V heads of keys and values.
"""

from __future__ import annotations

from typing import Unpack

from ...config.arguments import Seed, positive
from ..layer import PlainOptions, Rule
from .attention import Initializer, MultiHeadAttention


class GroupQueryAttention(MultiHeadAttention):
    """Attention in U heads, of which U / V at a time share one head of keys and values.

    V = U is `MultiHeadAttention`, V = 1 is multi-query attention. The map of head u of the queries is its own, keys and
    values are those of head floor(u V / U): out = softmax(Q_u Kᵀ / sqrt(head_dim)) V, the heads side by side, times Wo
    plus bo; with a gate, each head is first multiplied by sigmoid(query Wg + bg).

    Args:
        head_dim: h, length of a query, of a key and of a value, for each head.
        num_query_heads: U.
        num_key_value_heads: V, which divides U.
        dropout: share of the weights to drop while training.
        use_bias: whether the maps have biases.
        sliding_window: entry t sees entries less than this far from t; None for all.
        kernel_initializer: of the kernels: `query.kernel` and `gate.kernel` of shape (D, U, h), `key.kernel` and
            `value.kernel` of shape (D, V, h), `attention_output.kernel` of shape (U, h, D).
        bias_initializer: of the biases: (U, h), (V, h), (D,).
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: of all kernels or biases.
        activity_regularizer: of what each of the maps returns.
        use_gate: whether there is a gate.
        seed: of the dropout.

    Its call, masks and results are those of `MultiHeadAttention`; the weights have shape (N, U, T, S).

    References:
        Ainslie, Lee-Thorp, de Jong, Zemlyanskiy, Lebrón, Sanghai: GQA: Training Generalized Multi-Query Transformer
        Models from Multi-Head Checkpoints, 2023, section 2.2.
        Qiu et al.: Gated Attention for Large Language Models, 2025, equation 5 (the gate).
        Beltagy, Peters, Cohan: Longformer: The Long-Document Transformer, 2020, section 3.1 (the window).

    Example:
        >>> import numpy as np
        >>> layer = GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)
        >>> x = np.ones((1, 5, 6))
        >>> layer(x, x).shape, layer.query.kernel.shape, layer.key.kernel.shape
        ((1, 5, 6), (6, 4, 3), (6, 2, 3))
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Rule = None,
        bias_regularizer: Rule = None,
        activity_regularizer: Rule = None,
        kernel_constraint: Rule = None,
        bias_constraint: Rule = None,
        use_gate: bool = False,
        seed: Seed = None,
        **options: Unpack[PlainOptions],
    ) -> None:
        named = {"num_query_heads": num_query_heads, "num_key_value_heads": num_key_value_heads, "head_dim": head_dim}
        for name, value in named.items():
            positive("GroupQueryAttention", name, value)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "GroupQueryAttention: expected num_query_heads to be a multiple of num_key_value_heads; received "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        super().__init__(
            num_query_heads,
            head_dim,
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
            **options,
        )
        self.num_key_value_heads = int(num_key_value_heads)
        self.key, self.value = (self._projection(None, (self.num_key_value_heads, self.key_dim)) for _ in range(2))

    def extra_repr(self) -> str:
        return (
            f"head_dim={self.key_dim}, num_query_heads={self.num_heads}, num_key_value_heads={self.num_key_value_heads}"
        )

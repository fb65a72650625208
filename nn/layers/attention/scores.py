"""Attention without weights for queries, keys and values: Attention (Luong) and AdditiveAttention (Bahdanau).

Shape letters: N batch, T queries, S keys and values, D features.
"""

from __future__ import annotations

from typing import Any, Unpack, cast

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import Seed, as_seed, flag, number, one_of
from ...config.fields import Converted, field, weight
from ...module.module import Shape
from ..dense import Dropout
from ..layer import LayerOptions
from ..merging import Merge
from .axes import SEQUENCE
from .masks import allowed_pairs, flags, without

SCORE_MODES = ("dot", "concat")


class Attention(Merge):
    """Lets each entry of one sequence take a weighted mean over the entries of another: softmax(scores) value.

    The score of query q and key k is s q·k for score_mode="dot", and c sum_i tanh(s (q_i + k_i)) for "concat".

    Args:
        use_scale: whether there is a weight s, `scale`, at first 1; else s = 1.
        score_mode: "dot" or "concat", which has a weight c, `concat_score_weight`, at first 1.
        dropout: share of softmax(scores) to drop while training.
        seed: of the dropout.

    Call it on a list [query, value] or [query, value, key] of shapes (N, T, D), (N, S, D') and (N, S, D); the key is
    the value by default, and then D' = D.

    - `mask`: a list of the masks of query (N, T), value (N, S) and perhaps key, each of which may be None; by default
      those that the tensors have. The result is 0 where the query's is False; no attention is paid where the value's
      is False. Keras leaves that of the key aside, and so does this layer.
    - `use_causal_mask`: entry t sees entries up to t.

    A query that may see nothing takes the plain mean. The result has shape (N, T, D') and the query's mask; with
    `return_attention_scores`, softmax(scores) (N, T, S) comes second.

    Raises:
        ShapeError: when called on tensors, or with masks, of other shapes.

    References:
        Luong, Pham, Manning: Effective Approaches to Attention-based Neural Machine Translation, 2015, equation 8.

    Example:
        >>> query, value = np.array([[[1.0, 0.0]]]), np.array([[[9.0, 0.0], [0.0, 9.0]]])
        >>> out, scores = Attention()([query, value], return_attention_scores=True)
        >>> out.numpy().round(2).tolist(), scores.numpy().round(4).tolist()
        ([[[9.0, 0.0]]], [[[0.9998999834060669, 9.999999747378752e-05]]])
    """

    scale: Tensor | None = weight()
    concat_score_weight: Tensor | None = weight()

    use_scale: bool = field(flag, default=False)
    score_mode: str = field(one_of(*SCORE_MODES), default="dot")
    dropout: Converted[float | Dropout, Dropout] = field(number(0, below=1), default=0.0, settable=False)
    seed: Seed = field(as_seed, default=None)

    def __post_init__(self) -> None:
        self.dropout = Dropout(cast("Any", self.dropout), seed=self.seed, dtype=self.dtype)

    def build(self, input_shape: Any) -> None:
        """Create the scale and the weight of the scores, numbers, where they are asked for."""
        self.scale = self.add_weight((), "ones") if self.use_scale else None
        self.concat_score_weight = self.add_weight((), "ones") if self.score_mode == "concat" else None

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the means (N, T, D'), and softmax(scores) (N, T, S) if asked for."""
        query, value, *other = self._as_list(inputs, 2, 3)
        key = other[0] if other else value
        self._check_shapes(query, value, key)
        query_mask, value_mask = self._masks(mask)
        scores = self._scores(query, key)
        n, t, s = scores.shape
        allowed = allowed_pairs(self, SEQUENCE, (n, t), (n, s), value_mask=value_mask, causal=use_causal_mask)
        if allowed is not None:
            allowed = np.broadcast_to(allowed, (n, 1, t, s))[:, 0]
        weights = self.dropout(ag.softmax(without(scores, allowed)), training=training)
        out: Any = weights @ value
        if query_mask is not None:
            out = np.where(flags(self, "the query's mask", query_mask, [(n, t)])[..., None], out, 0)
        return (out, weights) if return_attention_scores else out

    def _scores(self, query: Any, key: Any) -> Tensor:
        """Return the scores (N, T, S)."""
        if self.concat_score_weight is None:
            scores = query @ np.swapaxes(key, 1, 2)
            return scores if self.scale is None else scores * self.scale
        both = query[:, :, None] + key[:, None]
        total: Any = np.tanh(both if self.scale is None else both * self.scale).sum(axis=-1)
        return total * self.concat_score_weight

    def _masks(self, mask: Any) -> tuple[Any, Any]:
        """Return the masks of query and value."""
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            raise ValueError(
                f"{self._speaker}: expected mask to be a list of the masks "
                f"of query and value, each an array or None; received {type(mask).__name__}"
                + (f" of length {len(mask)}" if isinstance(mask, (list, tuple)) else "")
            )
        return mask[0], mask[1]

    def _check_shapes(self, query: Tensor, value: Tensor, key: Tensor) -> None:
        shapes = query.shape, value.shape, key.shape
        if any(len(s) != 3 for s in shapes) or len({s[0] for s in shapes}) > 1:
            raise self._misfit(shapes, "query (N, T, D), value (N, S, D') and key (N, S, D) of one N")
        if value.shape[1] != key.shape[1] or query.shape[2] != key.shape[2]:
            raise self._misfit(shapes, "as many values as keys, and queries and keys of one length D")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the query's mask."""
        return previous_mask[0] if isinstance(previous_mask, (list, tuple)) else None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (N, T, D')."""
        query, value = input_shape[:2]
        return (*query[:-1], value[-1])

    def extra_repr(self) -> str:
        parts = ["use_scale=True"] if self.use_scale else []
        return ", ".join(parts + ([] if self.score_mode == "dot" else [f"score_mode={self.score_mode!r}"]))


class AdditiveAttention(Attention):
    """Attention whose score of query q and key k is sum_i s_i tanh(q_i + k_i).

    Args:
        use_scale: whether there are weights s, `scale` of shape (D,); else s_i = 1.
        dropout: share of softmax(scores) to drop while training.
        seed: of the dropout.

    Its call is that of `Attention`.

    References:
        Bahdanau, Cho, Bengio: Neural Machine Translation by Jointly Learning to Align and Translate, 2014, appendix
        A.1.2, with the maps of query and key left to layers before.

    Example:
        >>> layer = AdditiveAttention()
        >>> layer([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape, layer.scale.shape
        ((2, 3, 4), (4,))
    """

    def __init__(
        self, use_scale: bool = True, dropout: float = 0.0, seed: Seed = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(use_scale, dropout=dropout, seed=seed, **options)

    def build(self, input_shape: Any) -> None:
        """Create the scale (D,)."""
        features = tuple(input_shape[0])[-1]
        self.scale = self.add_weight((features,), "glorot_uniform") if self.use_scale else None

    def _scores(self, query: Any, key: Any) -> Tensor:
        parts: Any = np.tanh(query[:, :, None] + key[:, None])
        out: Tensor = parts.sum(axis=-1) if self.scale is None else parts @ self.scale
        return out

    def extra_repr(self) -> str:
        return "" if self.use_scale else "use_scale=False"

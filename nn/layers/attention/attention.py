"""Attention: MultiHeadAttention, and the TransformerBlock made of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import InitVar
from typing import Any, cast

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ... import activations
from ...config.arguments import Seed, as_seed, flag, number, optional, or_else, positive
from ...config.fields import Converted, attribute, field
from ...config.limits import room
from ...module.module import Shape
from ..arguments import ActivationLike, InitializerLike, KernelAndBias, as_activation, as_initializer
from ..dense import Dense, Dropout
from ..layer import Layer, Rule, SameShape
from ..normalization import LayerNormalization
from .axes import Fold, as_axes
from .masks import allowed_pairs, without

Initializer = str | Callable[..., Any]


class _Projection(KernelAndBias):
    """A linear map whose inputs or outputs are split into heads: x @ kernel + bias, with a kernel of three axes.

    Args:
        inputs: shape of the contracted axes; None to take the last length of the input.
        outputs: shape that takes its place.
        kernel_initializer, bias_initializer: of the kernel, shape (*inputs, *outputs), and the bias, shape outputs.
        use_bias: whether there is a bias.
        activation: of the result; None for none.
        kwargs: `dtype`, the regularizers and constraints of both, and `activity_regularizer`.
    """

    supports_masking = True
    inputs: tuple[int, ...] | None = field()
    outputs: tuple[int, ...] = field()
    kernel_initializer: InitializerLike = field(as_initializer)
    bias_initializer: InitializerLike = field(as_initializer)
    use_bias: bool = field(flag)
    activation: ActivationLike = field(as_activation, default=None)

    def build(self, input_shape: Shape) -> None:
        """Create the kernel and the bias."""
        inputs = self.inputs or input_shape[-1:]
        self.kernel = self.add_weight((*inputs, *self.outputs), self.kernel_initializer)
        self.bias = self.add_weight(self.outputs, self.bias_initializer) if self.use_bias else None

    def call(self, x: Tensor) -> Tensor:
        """Return the result with both sides flat, shape (N, ..., product of outputs)."""
        width = math.prod(self.outputs)
        rows = self.kernel.size // width
        if x.shape[-1] != rows:
            raise ag.ShapeError(
                f"{self._speaker}: expected inputs whose last axis has length {rows}, since its "
                f"kernel has shape {self.kernel.shape}; received shape {x.shape}"
            )
        out = x @ self.kernel.reshape(rows, width)
        if self.bias is not None:
            out += self.bias.reshape(width)  # in the memory of the product
        return activations.activate(self.activation, out)

    def extra_repr(self) -> str:
        return f"{self.inputs or ''} -> {self.outputs}".strip()


def _lengths(owner: Any, name: str, value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    lengths = value if isinstance(value, (list, tuple)) and value else [value]
    return tuple(positive(owner, name, n) for n in lengths)


class MultiHeadAttention(Layer):
    """Lets each entry of one sequence take a weighted mean over the entries of another, in several heads at once.

    With queries Q = query Wq + bq, keys K = key Wk + bk and values V = value Wv + bv for each head:
    softmax(Q Kᵀ / sqrt(key_dim)) V, the heads side by side, times Wo plus bo; with a gate, each head is first
    multiplied by sigmoid(query Wg + bg).

    Args:
        num_heads: H, their number.
        key_dim: length of a query and of a key, for each head.
        value_dim: length of a value, for each head; by default key_dim.
        dropout: share of the weights to drop while training.
        use_bias: whether the maps have biases.
        output_shape: length of the result, or a tuple of lengths that take the place of D; by default D.
        attention_axes: the axes that entries are looked for along, a number or a tuple; by default all between the
            batch and the features. Entries at different places of the other axes do not see each other.
        sliding_window: entry t sees entries less than this far from t; None for all.
        kernel_initializer: of the kernels: `query.kernel` and `key.kernel` of shape (D, H, key_dim), `value.kernel` and
            `gate.kernel` of shape (D, H, value_dim), `attention_output.kernel` of shape (H, value_dim, output_shape).
        bias_initializer: of the biases: (H, key_dim), (H, key_dim), (H, value_dim), (output_shape,).
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: of all kernels or biases.
        activity_regularizer: of what each of the maps returns.
        use_gate: whether there is a gate.
        seed: of the dropout.

    Call it on query of shape (N, T, D) and value of shape (N, S, D'); `key`, of shape (N, S, D''), is the value by
    default. Attention is allowed where all masks are True:

    - `query_mask` (N, T), `value_mask` and `key_mask` (N, S): which entries are there at all;
    - `attention_mask` (N, T, S), (T, S) or (N, H, T, S): who may see whom;
    - `use_causal_mask`: entry t sees entries up to t.

    A query that may see nothing takes the plain mean. The result has shape (N, T, output_shape); with
    `return_attention_scores`, the weights (N, H, T, S) come second.

    There may be more axes than these: query (N, ..., D) and value (N, ..., D'), of the same lengths along those that
    are no `attention_axes`. Masks of entries then have the shape of query or value without the features, or of its
    first axes. Weights have the batch and the other axes first, then H, then the attention axes of the query and those
    of the value, in the given order; an attention_mask has these axes, with or without H and those before it.
    `use_causal_mask` and `sliding_window` need a single attention axis.

    Raises:
        ShapeError: when called on tensors, or with masks, of other shapes.

    References:
        Vaswani et al.: Attention Is All You Need, 2017, section 3.2.
        Ho, Kalchbrenner, Weissenborn, Salimans: Axial Attention in Multidimensional Transformers, 2019, section 3.1
        (attention along one of several axes).
        Qiu et al.: Gated Attention for Large Language Models, 2025, equation 5 (the gate).
        Beltagy, Peters, Cohan: Longformer: The Long-Document Transformer, 2020, section 3.1 (the window).

    Example:
        >>> layer = MultiHeadAttention(num_heads=2, key_dim=3)
        >>> x = np.ones((1, 4, 5))
        >>> out, scores = layer(x, x, use_causal_mask=True, return_attention_scores=True)
        >>> out.shape, scores.shape, scores.numpy()[0, 0, 1].tolist()
        ((1, 4, 5), (1, 2, 4, 4), [0.5, 0.5, 0.0, 0.0])
        >>> image = np.ones((1, 6, 7, 5))
        >>> rows = MultiHeadAttention(num_heads=2, key_dim=3, attention_axes=2)
        >>> rows(image, image, return_attention_scores=True)[1].shape
        (1, 6, 2, 7, 7)
    """

    supports_masking = True
    attention_output: _Projection = attribute()

    num_heads: int = field(positive)
    key_dim: int = field(positive)
    value_dim: Converted[int | None, int] = field(or_else(positive, lambda layer: layer.key_dim), default=None)
    dropout: Converted[float | Dropout, Dropout] = field(number(0, below=1), default=0.0, settable=False)
    use_bias: bool = field(flag, default=True)
    output_shape: InitVar[int | Sequence[int] | None] = field(_lengths, default=None)
    attention_axes: Converted[int | Sequence[int] | None, Any] = field(as_axes, default=None)
    sliding_window: int | None = field(optional(positive), default=None)
    kernel_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")
    bias_initializer: InitializerLike = field(as_initializer, default="zeros")
    kernel_regularizer: InitVar[Rule] = field(default=None)
    bias_regularizer: InitVar[Rule] = field(default=None)
    activity_regularizer: InitVar[Rule] = field(default=None, kw_only=True, in_place=True)
    kernel_constraint: InitVar[Rule] = field(default=None)
    bias_constraint: InitVar[Rule] = field(default=None)
    use_gate: bool = field(flag, default=False)
    seed: Seed = field(as_seed, default=None)

    def __post_init__(self, output_shape: Any, **rules: Any) -> None:  # type: ignore[override]
        self.width = output_shape
        self.num_key_value_heads = self.num_heads
        self._rules_of_maps = {name: rule for name, rule in rules.items() if rule is not None}
        rate: Any = self.dropout
        # In the order of Keras, so that lists of weights fit both ways.
        self.query = self._projection(None, (self.num_heads, self.key_dim))
        self.key = self._projection(None, (self.num_heads, self.key_dim))
        self.gate = self._projection(None, (self.num_heads, self.value_dim), "sigmoid") if self.use_gate else None
        self.value = self._projection(None, (self.num_heads, self.value_dim))
        self.dropout = Dropout(rate, seed=self.seed, dtype=self.dtype)

    def _projection(
        self, inputs: tuple[int, ...] | None, outputs: tuple[int, ...], activation: str | None = None
    ) -> _Projection:
        return _Projection(
            inputs,
            outputs,
            self.kernel_initializer,
            self.bias_initializer,
            self.use_bias,
            activation,
            dtype=self.dtype,
            **self._rules_of_maps,
        )

    def build(self, input_shape: Shape) -> None:
        """Create the maps that the query's shape decides; those of key and value come with the first call."""
        if len(input_shape) < 3 or input_shape[-1] is None:
            raise ag.ShapeError(
                f"{self._speaker}: expected a query of shape (N, T, D), or with more axes before D; received shape "
                f"{input_shape}"
            )
        room((self.num_heads, *input_shape[1:-1], *input_shape[1:-1]))  # for the scores
        self._fold(len(input_shape))
        self.query.build(input_shape)
        if self.gate is not None:
            self.gate.build(input_shape)
        outputs = self.width or (input_shape[-1],)
        self.attention_output = self._projection((self.num_heads, self.value_dim), outputs)
        self.attention_output.build((*input_shape[:-1], self.num_heads * self.value_dim))

    def call(
        self,
        query: Tensor,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the result (N, T, output_shape), and the weights (N, H, T, S) if asked for.

        Args:
            query: rows that attend, shape (N, T, D).
            value: rows whose means are returned, shape (N, S, E).
            key: rows to compare the query with, shape (N, S, F); None for the value.
            query_mask, value_mask, key_mask: booleans, (N, T) or (N, S), True where a step counts; None if all do.
            attention_mask: booleans, (N, T, S), True where a step of the query sees one of the value; None for
                everywhere.
        """
        value = self._cast(value)
        key = value if key is None else self._cast(key)
        fold = self._fold(query.ndim)
        self._check_shapes(query, key, value, fold)
        queries, values = query.shape[:-1], value.shape[:-1]
        q = fold.in_heads(self.query(query) * (1.0 / math.sqrt(self.key_dim)), self.num_heads)
        k, v = (fold.in_heads(x, self.num_key_value_heads) for x in (self.key(key), self.value(value)))
        # Not with a transposed k: its gradient would come back transposed too.
        scores = self._apart(np.einsum("...td,...sd->...ts", self._together(q), k))
        masks = query_mask, value_mask, key_mask, attention_mask
        allowed = allowed_pairs(
            self, fold, queries, values, self.num_heads, *masks, use_causal_mask, self.sliding_window
        )
        weights = ag.softmax(without(scores, allowed))
        mixed = self._apart(self._together(self.dropout(weights, training=training)) @ v)
        mixed = fold.side_by_side(mixed, queries)
        if self.gate is not None:
            mixed = mixed * self.gate(query)
        out = self.attention_output(mixed)
        if self.width is not None and len(self.width) > 1:
            out = out.reshape(*queries, *self.width)
        return (out, fold.unfold(weights, queries, values)) if return_attention_scores else out

    def _together(self, x: Tensor) -> Tensor:
        """Return (..., H, T, d) with the heads that share keys and values below one another, for a single product."""
        shared = self.num_key_value_heads
        *outer, heads, t, width = x.shape
        return x if shared == heads else x.reshape(*outer, shared, heads // shared * t, width)

    def _apart(self, x: Tensor) -> Tensor:
        """Return what `_together` was given."""
        *outer, shared, rows, width = x.shape
        return (
            x if shared == self.num_heads else x.reshape(*outer, self.num_heads, rows * shared // self.num_heads, width)
        )

    def _fold(self, ndim: int) -> Fold:
        """Return which axes of inputs with `ndim` axes attention goes along."""
        last = ndim - 1
        attention_axes = tuple(range(1, last)) if self.attention_axes is None else self.attention_axes
        axes = tuple(a + ndim if a < 0 else a for a in attention_axes)
        if not all(0 < a < last for a in axes) or len(set(axes)) < len(axes):
            raise ag.ShapeError(
                f"{self._speaker}: expected attention_axes between the batch "
                f"and the features, different ones from 1 to {last - 1} for inputs of {ndim} axes; received "
                f"attention_axes={self.attention_axes}"
            )
        return Fold(tuple(a for a in range(last) if a not in axes), axes)

    def _check_shapes(self, query: Tensor, key: Any, value: Any, fold: Fold) -> None:
        shapes = [np.shape(a) for a in (query, key, value)]
        lengths = [fold.apart(s) if len(s) == query.ndim else None for s in shapes]
        if lengths.count(lengths[0]) < 3 or shapes[1][:-1] != shapes[2][:-1]:
            expected = "query (N, T, D), key (N, S, D) and value (N, S, D) of one N and one S"
            if query.ndim > 3:
                expected = f"query, key and value of {query.ndim} axes, of the same lengths but along axes {fold.axes} "
                expected += "and the last, and key and value of the same there too"
            raise ag.ShapeError(
                f"{self._speaker}: expected {expected}; received shapes "
                + ", ".join(map(str, shapes[:2]))
                + f" and {shapes[2]}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the query's shape with the length of the result."""
        return (*input_shape[:-1], *(self.width or input_shape[-1:]))

    def extra_repr(self) -> str:
        return f"num_heads={self.num_heads}, key_dim={self.key_dim}"


class TransformerBlock(SameShape):
    """Self-attention and two dense layers, each with a normalization before it and its input added after.

    h = x + attention(norm(x)), out = h + dense(activation(dense(norm(h)))).

    Args:
        num_heads: H, number of heads; each has key_dim = D / H unless `key_dim` says otherwise.
        intermediate_dim: length between the dense layers; by default 4 D.
        key_dim: length of a query and of a key, for each head.
        dropout: share to drop while training: of attention weights, and of the terms added to the input.
        activation: between the dense layers.
        causal: whether entry t sees only entries up to t.
        epsilon: of the normalizations.
        kernel_initializer: of all kernels.

    Call it on x of shape (N, T, D), D a multiple of H; the result has x's shape. `mask` (N, T) is False at padding,
    which is not attended to.

    References:
        Vaswani et al.: Attention Is All You Need, 2017, section 3.1; Xiong et al.: On Layer Normalization in the
        Transformer Architecture, 2020, table 1 (the normalization before).

    Example:
        >>> block = TransformerBlock(num_heads=2, causal=True, input_shape=(5, 8))
        >>> block(np.zeros((1, 5, 8))).shape, block.count_params()
        ((1, 5, 8), 872)
    """

    attention_norm: LayerNormalization = attribute()
    attention: MultiHeadAttention = attribute()
    dense_norm: LayerNormalization = attribute()
    dense: Dense = attribute()
    dense_output: Dense = attribute()

    num_heads: int = field(positive)
    intermediate_dim: Converted[int | None, int] = field(optional(positive), default=None)
    key_dim: Converted[int | None, int] = field(optional(positive), default=None)
    dropout: Converted[float | Dropout, Dropout] = field(number(0, below=1), default=0.0, settable=False)
    activation: ActivationLike = field(as_activation, default="gelu")
    causal: bool = field(flag, default=False)
    epsilon: float = field(number(above=0), default=1e-5)
    kernel_initializer: InitializerLike = field(as_initializer, default="glorot_uniform")

    def __post_init__(self) -> None:
        self.dropout = Dropout(cast("Any", self.dropout), dtype=self.dtype)

    def build(self, input_shape: Shape) -> None:
        """Create the parts for inputs of shape (N, T, D)."""
        features = input_shape[-1]
        if len(input_shape) != 3 or features is None or (self.key_dim is None and features % self.num_heads):
            raise ag.ShapeError(
                f"{self.name} (TransformerBlock): expected inputs of shape (N, T, D), D a multiple of "
                f"num_heads={self.num_heads}; received shape {input_shape}"
            )
        shape, kernel = tuple(input_shape), self.kernel_initializer
        inner = self.intermediate_dim or 4 * features
        self.attention_norm = LayerNormalization(epsilon=self.epsilon, dtype=self.dtype)
        self.attention = MultiHeadAttention(
            self.num_heads,
            self.key_dim or features // self.num_heads,
            dropout=self.dropout.rate,
            kernel_initializer=kernel,
            dtype=self.dtype,
        )
        self.dense_norm = LayerNormalization(epsilon=self.epsilon, dtype=self.dtype)
        self.dense = Dense(inner, self.activation, kernel_initializer=kernel, dtype=self.dtype)
        self.dense_output = Dense(features, kernel_initializer=kernel, dtype=self.dtype)
        for part in (self.attention_norm, self.attention, self.attention.key, self.attention.value, self.dense_norm):
            part.build(shape)
        self.dense.build(shape)
        self.dense_output.build((*shape[:-1], inner))

    def call(self, x: Tensor, mask: Any = None, training: bool | None = None) -> Tensor:
        """Return the block's result, of x's shape."""
        h = self.attention_norm(x)
        h = self.attention(h, h, value_mask=mask, use_causal_mask=self.causal, training=training)
        mixed = self.dropout(h, training=training)
        mixed += x  # in the memory of what attention gave
        h = self.dense_output(self.dense(self.dense_norm(mixed)))
        out = self.dropout(h, training=training)
        out += mixed
        return out

    def extra_repr(self) -> str:
        return f"num_heads={self.num_heads}" + (", causal=True" if self.causal else "")

"""IntegerLookup: the place of an integer in a vocabulary, as an index or a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ...config.arguments import any_integer, flag, not_negative, one_of, optional, positive
from ...config.fields import field
from ...config.limits import room
from ...module.module import Shape
from .categories import VECTORS, Encoding
from .scaling import batches_of

Array = npt.NDArray[Any]


class IntegerLookup(Encoding):
    """Numbers the integers of a vocabulary: out = where x is in it, behind places for what is not.

    Index 0 stands for `mask_token`, if there is one and output_mode is "int"; then come `num_oov_indices` places for
    integers that the vocabulary does not have, x modulo their number; then the vocabulary.

    Args:
        max_tokens: the largest number of indices, the special ones included; None for no limit.
        num_oov_indices: how many places there are for unknown integers; with 0 they are an error.
        mask_token: an integer that stands for padding, or None.
        oov_token: what `invert` returns for an index of an unknown integer.
        vocabulary: the integers, in the order of their indices; None to find them with `adapt`.
        invert: whether to go back from indices to integers.
        output_mode: "int", "one_hot", "multi_hot" or "count", see `categories`.
        sparse: False; arrays are dense.
        pad_to_max_tokens: whether vectors have length `max_tokens` though the vocabulary is smaller.

    What `adapt` finds is saved with the model's configuration, and is not a weight.

    Raises:
        ValueError: when called without a vocabulary, or, with num_oov_indices=0, on an integer that it does not have.

    Example:
        >>> layer = IntegerLookup(vocabulary=[12, 36, 1138])
        >>> layer(np.array([[12, 1138, 42]])).tolist(), layer.get_vocabulary()
        ([[1, 3, 0]], [-1, 12, 36, 1138])
    """

    max_tokens: int | None = field(optional(positive), default=None)
    num_oov_indices: int = field(not_negative, default=1)
    mask_token: int | None = field(optional(any_integer), default=None)
    oov_token: int = field(any_integer, default=-1)
    vocabulary: InitVar[Sequence[int] | None] = field(default=None)
    invert: bool = field(flag, default=False)
    output_mode: str = field(one_of("int", *VECTORS), default="int")
    sparse: bool = field(flag, default=False)
    pad_to_max_tokens: bool = field(flag, default=False)

    def __post_init__(self, vocabulary: Sequence[int] | None) -> None:
        super().__post_init__()
        room((self.num_oov_indices,))
        special = self.num_oov_indices + (self.mask_token is not None)
        if self.max_tokens is not None and self.max_tokens <= special:
            raise ValueError(
                f"IntegerLookup: expected max_tokens to be more than the special ones; received max_tokens="
                f"{self.max_tokens} with num_oov_indices={self.num_oov_indices} and mask_token={self.mask_token}"
            )
        if self.invert and self.output_mode != "int":
            raise ValueError(f"IntegerLookup: expected output_mode='int' with invert; received {self.output_mode!r}")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError("IntegerLookup: expected max_tokens with pad_to_max_tokens; received None")
        self._tokens: Array | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    @property
    def _masks(self) -> int:
        """How many places there are for padding."""
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _start(self) -> int:
        return self._masks + self.num_oov_indices

    def _specials(self) -> list[Any]:
        return [self.mask_token] * self._masks + [self.oov_token] * self.num_oov_indices

    def set_vocabulary(self, vocabulary: Sequence[int]) -> None:
        """Set the integers, in the order of their indices; those of `get_vocabulary` with the special ones too.

        Raises:
            ValueError: if one is there twice, or they are more than `max_tokens` allows.
        """
        tokens = np.asarray(vocabulary)
        specials = self._specials()
        if specials and tokens[: len(specials)].tolist() == specials:
            tokens = tokens[len(specials) :]
        good = tokens.ndim == 1 and tokens.size and tokens.dtype.kind in "iu" and np.unique(tokens).size == tokens.size
        if not good or (self.mask_token is not None and self.mask_token in tokens) or self.oov_token in tokens:
            raise ValueError(
                f"IntegerLookup: expected a vocabulary of integers, none twice and none that is mask_token="
                f"{self.mask_token} or oov_token={self.oov_token}; received vocabulary={vocabulary!r:.80}"
            )
        if self.max_tokens is not None and tokens.size + self._start > self.max_tokens:
            raise ValueError(
                f"IntegerLookup: expected at most max_tokens={self.max_tokens} indices; received {tokens.size} tokens "
                f"and {self._start} special ones"
            )
        self._tokens = tokens.astype(np.int64)

    def adapt(self, data: Any) -> None:
        """Take the integers that are in data as the vocabulary, the most frequent first, of equals the larger.

        Args:
            data: an array of integers of any shape, or batches: a list, a generator, a DataLoader.

        Raises:
            ValueError: if there are no integers.
        """
        counts: dict[int, int] = {}
        for batch in batches_of(f"{self.name}.adapt", data):
            whole = self._whole(ag.tensor(batch)).data
            for token, n in zip(*np.unique(whole, return_counts=True), strict=True):
                counts[int(token)] = counts.get(int(token), 0) + int(n)
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)  # type: ignore[arg-type]
        ordered = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if not ordered:
            raise ValueError(f"{self.name}.adapt: expected at least one integer other than special ones; received none")
        self.set_vocabulary(ordered if self.max_tokens is None else ordered[: self.max_tokens - self._start])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the vocabulary as it is now."""
        return super().get_config() | {"vocabulary": None if self._tokens is None else self._tokens.tolist()}

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the integers in the order of their indices; the special ones are `mask_token` and `oov_token`."""
        return (self._specials() if include_special_tokens else []) + self._known().tolist()

    def vocabulary_size(self) -> int:
        """Return the number of indices, the special ones included."""
        return self._start + len(self._known())

    def _known(self) -> Array:
        if self._tokens is None:
            raise ValueError(
                f"{self._speaker}: expected a vocabulary; this layer has none yet. "
                "Give it vocabulary=[...], or call adapt(data) first"
            )
        return self._tokens

    def call(self, x: Tensor) -> Any:
        """Return the indices, int64 of x's shape, or their vectors; inverted, the integers."""
        tokens, x = self._known(), self._whole(x)
        if self.invert:
            table = np.asarray([t if t is not None else 0 for t in self._specials()] + tokens.tolist(), np.int64)
            inside: Any = np.clip(x, 0, len(table) - 1)
            return np.where(np.equal(inside, x), np.take(table, inside), self.oov_token)
        order = np.argsort(tokens)
        place: Any = np.minimum(np.searchsorted(tokens[order], x), len(tokens) - 1)
        known: Any = np.equal(np.take(tokens[order], place), x)
        index: Any = np.where(known, np.take(order, place) + self._start, self._masks + self._unknown(x, known))
        if self.mask_token is not None:
            # Without a place for padding, -1 is in no vector.
            index = np.where(np.equal(x, self.mask_token), 0 if self._masks else -1, index)
        return index if self.output_mode == "int" else self._encoded(index, self._depth())

    def _unknown(self, x: Tensor, known: Any) -> Any:
        if self.num_oov_indices:
            return x % self.num_oov_indices
        missing = ~known.data & (x.data != self.mask_token)
        if missing.any():
            raise ValueError(
                f"{self._speaker}: expected integers of the vocabulary, since "
                f"num_oov_indices=0; received {x.data[missing][0]}. Use num_oov_indices=1"
            )
        return 0

    def _depth(self) -> int:
        return self.max_tokens if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape, or that of the vectors."""
        return input_shape if self.output_mode == "int" else self._encoded_shape(input_shape, self._depth())

    def extra_repr(self) -> str:
        return f"{0 if self._tokens is None else len(self._tokens)} tokens, output_mode={self.output_mode}"

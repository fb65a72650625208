"""IntegerLookup and StringLookup: the place of a token in a vocabulary, as an index or a vector; see `vocabulary`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import to_numpy

from ...config.ambient import CALL
from ...config.arguments import any_integer, as_array, flag, is_text, not_negative, one_of, optional, positive, text
from ...config.fields import Converted, field
from .vocabulary import HASHED_DIGITS, Array, Salt, Vocabulary, as_output_mode, as_salt, bucket_of

Names = Sequence[str] | npt.ArrayLike | str | PathLike[str] | None


class IntegerLookup(Vocabulary):
    """Numbers the integers of a vocabulary: out = the index of x in it, after places for unknown ones.

    Args:
        max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights: see `vocabulary`.
        vocabulary_dtype: "int64" or "int32"; integers have 64 bits in any case.
        invert, output_mode, sparse, pad_to_max_tokens: see `vocabulary`.
        oov_method: how unknown integers are spread over their places: "floormod", x modulo their number, or "farmhash",
            by a hash of their digits.
        salt: see `vocabulary`. It needs oov_method="farmhash".

    Raises:
        ValueError: when called without a vocabulary, or, with num_oov_indices=0, on an integer that it does not have.

    Example:
        >>> layer = IntegerLookup(vocabulary=[12, 36, 1138])
        >>> layer(np.array([[12, 1138, 42]])).tolist(), layer.get_vocabulary()
        ([[1, 3, 0]], [-1, 12, 36, 1138])
    """

    _kind = "integers"
    max_tokens: int | None = field(optional(positive), default=None)
    num_oov_indices: int = field(not_negative, default=1)
    mask_token: int | None = field(optional(any_integer), default=None)
    oov_token: int = field(any_integer, default=-1)
    vocabulary: InitVar[Sequence[int] | str | PathLike[str] | None] = field(default=None)
    vocabulary_dtype: str = field(one_of("int64", "int32"), default="int64")
    idf_weights: InitVar[Sequence[float] | None] = field(default=None)
    invert: bool = field(flag, default=False)
    output_mode: str = field(as_output_mode, default="int")
    sparse: bool = field(flag, default=False)
    pad_to_max_tokens: bool = field(flag, default=False)
    oov_method: str = field(one_of("floormod", "farmhash"), default="floormod")
    salt: Converted[Salt, tuple[int, int] | None] = field(as_salt, default=None)

    def __post_init__(self, vocabulary: Any = None, idf_weights: Any = None) -> None:
        if self.salt is not None and self.oov_method != "farmhash":
            raise ValueError(f"IntegerLookup: expected oov_method='farmhash' with salt; received {self.oov_method!r}")
        super().__post_init__(vocabulary, idf_weights)

    def _as_tokens(self, vocabulary: Any) -> Array | None:
        try:
            tokens = np.asarray(vocabulary)
            tokens = tokens.astype(np.int64) if tokens.dtype.kind == "U" else tokens  # the lines of a file
        except ValueError:
            return None
        return tokens.astype(np.int64) if tokens.ndim == 1 and tokens.dtype.kind in "iu" else None

    def _as_array_of_tokens(self, values: Any) -> Array:
        array = to_numpy(values.data if isinstance(values, Tensor) else values)
        if array.dtype.kind not in "fiub":
            raise ValueError(
                f"{self.name}.adapt: expected an array of numbers, shape (N, ...), or batches of them; received "
                f"{values!r:.80}"
            )
        return np.asarray(self._whole(ag.tensor(array)).data)

    def call(self, x: Tensor) -> Any:
        """Return the indices, int64 of x's shape, or their vectors; inverted, the integers."""
        tokens, x = self._require_tokens(), self._whole(x)
        if self.invert:
            table = np.asarray([t if t is not None else 0 for t in self._specials()] + tokens.tolist(), np.int64)
            inside: Any = np.clip(x, 0, len(table) - 1)
            return np.where(np.equal(inside, x), np.take(ag.tensor(table), inside), self.oov_token)
        if not len(tokens):
            return self._vectors(x * 0)
        order = np.argsort(tokens)
        place: Any = np.minimum(np.searchsorted(tokens[order], x), len(tokens) - 1)
        is_known: Any = np.equal(np.take(ag.tensor(tokens[order]), place), x)
        index: Any = np.where(
            is_known, np.take(ag.tensor(order), place) + self._start, self._masks + self._unknown(x, is_known)
        )
        if self.mask_token is not None:
            # Without a place for padding, -1 is in no vector.
            index = np.where(np.equal(x, self.mask_token), 0 if self._masks else -1, index)
        return self._vectors(index)

    def _unknown(self, x: Tensor, is_known: Any) -> Any:
        if self.num_oov_indices and self.oov_method == "floormod":
            return x % self.num_oov_indices
        if self.num_oov_indices:
            return HASHED_DIGITS(x.astype(np.int64), buckets=self.num_oov_indices, salt=self.salt)
        ag.observe(self._check_known, x, is_known, checks=True)
        return 0

    def _check_known(self, x: Array, is_known: Array) -> None:
        missing = ~is_known & (x != self.mask_token)
        if missing.any() and CALL.get().probed is None:
            raise ValueError(
                f"{self._speaker}: expected integers of the vocabulary, since "
                f"num_oov_indices=0; received {x[missing][0]}. Use num_oov_indices=1"
            )


class _Places:
    """The index of each token; not a dict among a layer's attributes, which are looked through for parts."""

    __slots__ = ("of",)

    def __init__(self, tokens: list[str], start: int) -> None:
        self.of = {token: start + i for i, token in enumerate(tokens)}


_NONE: Any = None


class Strings(Vocabulary):
    """A layer whose tokens are strings."""

    _takes_text = True
    encoding = "utf-8"
    salt = _places = _NONE

    def _as_tokens(self, vocabulary: Any) -> Array | None:
        tokens = as_array(vocabulary)
        if tokens.ndim != 1 or not is_text(tokens):
            return None
        return np.array([self._decode(token) for token in tokens], object)

    def _vocabulary_changed(self) -> None:
        assert self._tokens is not None
        places = _Places(self._tokens.tolist(), self._start)
        if self.mask_token is not None:
            places.of[self.mask_token] = 0 if self._masks else -1  # without a place for padding it is in no vector
        self._places = places

    def _decode(self, text: Any) -> str:
        return text.decode(self.encoding) if isinstance(text, bytes) else str(text)

    def _as_array_of_tokens(self, values: Any) -> Array:
        array = as_array(values.data if isinstance(values, Tensor) else values)
        if not is_text(array):
            raise ValueError(
                f"{self._speaker}: expected strings, in an array, a list, or batches of them; received {values!r:.80}"
            )
        if array.dtype.kind == "U":
            return array
        return np.array([self._decode(token) for token in array.flat], object).reshape(array.shape)

    def _indices(self, tokens: Sequence[str]) -> Array:
        """Return the index of each token, int64."""
        tokens_known = self._require_tokens()
        of = self._places.of if self._places is not None and len(tokens_known) else {}
        if self.num_oov_indices == 1:
            unknown = self._masks
            return np.array([of.get(token, unknown) for token in tokens], np.int64)
        if not self.num_oov_indices:
            missing = next((token for token in tokens if token not in of), None)
            if missing is not None and CALL.get().probed is None:
                raise ValueError(
                    f"{self._speaker}: expected strings of the vocabulary, since num_oov_indices=0; received "
                    f"{missing!r}. Use num_oov_indices=1"
                )
            return np.array([of.get(token, self._masks) for token in tokens], np.int64)
        n, first = self.num_oov_indices, self._masks
        indices = [of[t] if t in of else first + bucket_of(t, n, self.salt) for t in tokens]
        return np.array(indices, np.int64)


class StringLookup(Strings):
    """Numbers the strings of a vocabulary: out = the index of x in it, after places for unknown ones.

    Args:
        max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights: see `vocabulary`.
        invert, output_mode, pad_to_max_tokens, sparse: see `vocabulary`.
        encoding: of bytes among the strings.
        salt: see `vocabulary`.

    Call it on an array or list of strings or bytes; inverted, on integers.

    Raises:
        ValueError: when called without a vocabulary, or, with num_oov_indices=0, on a string that it does not have.

    Example:
        >>> layer = StringLookup(vocabulary=["a", "b"])
        >>> layer([["a", "b", "z"]]).tolist(), layer.get_vocabulary()
        ([[1, 2, 0]], ['[UNK]', 'a', 'b'])
        >>> StringLookup(vocabulary=["a", "b"], invert=True)(np.array([2, 0])).tolist()
        ['b', '[UNK]']
        >>> layer = StringLookup(output_mode="count")
        >>> layer.adapt([["c", "c"], ["d", "c"]])
        >>> layer([["d", "c", "d"]]).tolist()
        [[0.0, 1.0, 2.0]]
    """

    _takes_text = True
    max_tokens: int | None = field(optional(positive), default=None)
    num_oov_indices: int = field(not_negative, default=1)
    mask_token: str | None = field(optional(text), default=None)
    oov_token: str = field(text, default="[UNK]")
    vocabulary: InitVar[Names] = field(default=None)
    idf_weights: InitVar[Sequence[float] | None] = field(default=None)
    invert: bool = field(flag, default=False)
    output_mode: str = field(as_output_mode, default="int")
    pad_to_max_tokens: bool = field(flag, default=False)
    sparse: bool = field(flag, default=False)
    encoding: str = field(text, default="utf-8")
    salt: Converted[Salt, tuple[int, int] | None] = field(as_salt, default=None)

    def call(self, strings: Any) -> Any:
        """Return the indices, int64 of the given shape, or their vectors; inverted, an array of strings.

        Args:
            strings: array of strings, or of indices if inverted.
        """
        if self.invert:
            return self._strings(strings)
        tokens = self._as_array_of_tokens(strings)
        index = self._indices(tokens.ravel().tolist()).reshape(tokens.shape)
        return ag.tensor(self._to_device(self._vectors(index)))

    def _strings(self, x: Any) -> Array:
        names = np.array(
            [t if t is not None else "" for t in self._specials()] + self._require_tokens().tolist(), object
        )
        if not isinstance(x, Tensor):
            raise TypeError(f"{self._speaker}: expected integers, since invert=True; received {x!r:.80}")
        index = self._whole(x).numpy()
        inside = (index >= 0) & (index < len(names))
        return np.where(inside, names[np.clip(index, 0, len(names) - 1)], self.oov_token)

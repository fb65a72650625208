"""TextVectorization: texts to the indices of their words."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import InitVar
from typing import Any

import numpy as np

import autograd_lite as ag

from ...config.arguments import argument_error, as_array, flag, is_integer, is_text, one_of, optional, positive, text
from ...config.fields import Converted, field
from ...config.limits import room
from ...module.module import Shape
from .lookup import Names, Strings
from .vocabulary import Array, as_output_mode, flat

Function = Callable[..., Any]

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_STANDARDS = {
    "lower": _LOWER,
    "strip_punctuation": _WITHOUT_PUNCTUATION,
    "lower_and_strip_punctuation": _LOWER | _WITHOUT_PUNCTUATION,
}
_WORDS = re.compile(r"[^ \t\n\r\f\v]+")
_SPLITS: dict[str, Callable[[str], list[str]]] = {"whitespace": _WORDS.findall, "character": list}


def _word_or_function(*allowed: str) -> Callable[[Any, str, Any], Any]:
    check = one_of(*allowed)
    return lambda owner, name, value: value if value is None or callable(value) else check(owner, name, value)


def _widths(owner: Any, name: str, value: Any) -> int | tuple[int, ...] | None:
    expected = "a positive integer, or several"
    if value is None or is_integer(value):
        return optional(positive)(owner, name, value)
    if not isinstance(value, (tuple, list)) or not value or not all(map(is_integer, value)):
        raise argument_error(TypeError, owner, name, expected, value)
    if min(value) < 1:
        raise argument_error(ValueError, owner, name, expected, value)
    return tuple(int(n) for n in value)


class TextVectorization(Strings):
    """Numbers the words of texts: index 0 is padding, 1 an unknown word, then comes the vocabulary.

    A text is standardized, split into tokens, these are joined to n-grams, and looked up.

    Args:
        max_tokens: the largest size of the vocabulary, the two special indices included; None for no limit.
        standardize: "lower_and_strip_punctuation", "lower" or "strip_punctuation", of ASCII; None to leave texts as
            they are; or a function of an array of strings.
        split: "whitespace" (of ASCII) or "character"; None to take each string as one token; or a function of an array
            of strings that returns lists of tokens, or an array (N, T) of them.
        ngrams: n for all runs of 1 to n tokens, or a tuple of lengths of runs; None for the tokens alone.
        output_mode: "int" for indices (N, T); "multi_hot", "count" or "tf_idf" for a vector for each text.
        output_sequence_length: T, to which texts are cut off or padded; by default that of the longest in the batch.
        pad_to_max_tokens: whether vectors have length `max_tokens` though the vocabulary is smaller.
        vocabulary, idf_weights: see `vocabulary`; None to find them with `adapt`.
        sparse, ragged: False; arrays are dense and padded.
        encoding: of bytes among the texts.

    Call it on an array or list of strings, shape (N,) or (N, 1), or on one string, whose result has no batch axis.

    Raises:
        ValueError: when called without a vocabulary.

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["The cat sat.", "The dog!"])
        >>> layer.get_vocabulary()
        ['', '[UNK]', 'the', 'sat', 'dog', 'cat']
        >>> layer(["the cat saw the dog and ran", "cat"]).tolist()
        [[2, 5, 1, 2], [5, 0, 0, 0]]
    """

    _takes_text = True
    mask_token = ""
    oov_token = "[UNK]"
    max_tokens: int | None = field(optional(positive), default=None)
    standardize: str | Function | None = field(_word_or_function(*_STANDARDS), default="lower_and_strip_punctuation")
    split: str | Function | None = field(_word_or_function(*_SPLITS), default="whitespace")
    ngrams: Converted[int | Sequence[int] | None, int | tuple[int, ...] | None] = field(_widths, default=None)
    output_mode: str = field(as_output_mode, default="int")
    output_sequence_length: int | None = field(optional(positive), default=None)
    pad_to_max_tokens: bool = field(flag, default=False)
    vocabulary: InitVar[Names] = field(default=None)
    idf_weights: InitVar[Sequence[float] | None] = field(default=None)
    sparse: bool = field(flag, default=False)
    ragged: bool = field(flag, default=False)
    encoding: str = field(text, default="utf-8")

    def __post_init__(self, vocabulary: Any = None, idf_weights: Any = None) -> None:
        if self.ragged:
            raise ValueError(
                "TextVectorization: expected ragged=False, since arrays have rows of equal length; received "
                "ragged=True. Rows are padded with 0, which Embedding(mask_zero=True) leaves out"
            )
        if self.output_mode != "int" and self.output_sequence_length is not None:
            raise ValueError(
                f"TextVectorization: expected output_sequence_length with output_mode='int' only; received "
                f"output_sequence_length={self.output_sequence_length} with output_mode={self.output_mode!r}"
            )
        room((self.output_sequence_length,))
        super().__post_init__(vocabulary, idf_weights)

    def _cast(self, x: Any) -> Any:
        return np.array(x, object) if isinstance(x, (str, bytes)) else super()._cast(x)

    # ---- tokens -----------------------------------------------------------------------------------------------------

    def _documents(self, batch: Array) -> list[list[str]]:
        """Return the tokens of each text."""
        texts = self._standardize(batch)
        if self.split is None:
            rows: list[Any] = texts.reshape(-1, texts.shape[-1] if texts.ndim > 1 else 1).tolist()
        else:
            texts = texts.reshape(-1)
            if callable(self.split):
                rows = [list(row) for row in self.split(texts)]
            else:
                rows = list(map(_SPLITS[self.split], texts.tolist()))
        return [self._runs(row) for row in rows] if self.ngrams is not None else rows

    def _as_array_of_tokens(self, values: Any) -> Array:
        # looked at first: of columns that cannot be split nothing is read
        shape = np.shape(values) if hasattr(values, "shape") else as_array(values).shape
        if self.split is not None and (len(shape) > 2 or (len(shape) == 2 and shape[1] != 1)):
            raise ag.ShapeError(
                f"{self._speaker}: expected texts of shape (N,) or (N, 1), to be split; received {shape}"
            )
        return super()._as_array_of_tokens(values)

    def _standardize(self, texts: Array) -> Array:
        if callable(self.standardize):
            strings = texts.astype(str) if texts.dtype.kind == "O" else texts  # for np.char and np.strings
            result = np.asarray(self.standardize(strings))
            if not is_text(result):
                raise TypeError(
                    f"{self._speaker}: expected standardize to return an array of strings; received {result!r:.80}"
                )
            return self._as_array_of_tokens(result)
        if self.standardize is None:
            return texts
        table = _STANDARDS[self.standardize]
        return np.array([one.translate(table) for one in texts.ravel().tolist()], object).reshape(texts.shape)

    def _runs(self, tokens: Sequence[str]) -> list[str]:
        """Return the n-grams of a text, those of each length in order."""
        widths = range(1, min(self.ngrams, len(tokens)) + 1) if isinstance(self.ngrams, int) else self.ngrams or ()
        return [" ".join(tokens[i : i + n]) for n in widths for i in range(len(tokens) - n + 1)]

    # ---- calls ------------------------------------------------------------------------------------------------------

    def call(self, texts: Any) -> Any:
        """Return the indices, int64, shape (N, T), or the vectors, (N, K).

        Args:
            texts: strings, shape (N,) or (N, 1).
        """
        texts = self._as_array_of_tokens(texts)
        vectors = self._vectors(self._pad(self._documents(texts if texts.ndim else texts.reshape(1))))
        return ag.tensor(self._to_device(vectors if texts.ndim else vectors[0]))

    def _pad(self, rows: list[list[str]]) -> Array:
        """Return the indices of rows of tokens, cut off or padded to the same length."""
        length = self.output_sequence_length or max(map(len, rows), default=0)
        index = np.full((len(rows), length), 0 if self.output_mode == "int" else -1, np.int64)
        cut = [row[:length] for row in rows]
        sizes = np.fromiter(map(len, cut), np.int64, len(cut))
        index[np.arange(length) < sizes[:, None]] = self._indices(flat(cut))
        return index

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, T) or (batch, K)."""
        if self.output_mode != "int":
            return (input_shape[0], self._depth())
        if self.split is None and self.ngrams is None and self.output_sequence_length is None:
            return (input_shape[0], input_shape[1] if len(input_shape) > 1 else 1)
        return (input_shape[0], self.output_sequence_length)

    def extra_repr(self) -> str:
        length = "" if self.output_sequence_length is None else f", T={self.output_sequence_length}"
        return super().extra_repr() + length

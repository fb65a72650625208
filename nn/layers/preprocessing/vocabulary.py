"""The base of layers with a vocabulary: `IntegerLookup`, `StringLookup` and `TextVectorization`.

Index 0 stands for `mask_token`, if there is one and output_mode is "int"; then come `num_oov_indices` places for what
the vocabulary does not have; then the vocabulary. What `adapt` finds is saved with the model's configuration, and is
not a weight.

Arguments that the layers share:
    max_tokens: the largest number of indices, the special ones included; None for no limit.
    num_oov_indices: how many places there are for unknown tokens; with 0 they are an error.
    mask_token: a token that stands for padding, or None.
    oov_token: what `invert` returns for an index of an unknown token.
    vocabulary: the tokens, in the order of their indices, or the path of a text file with one a line; None to find them
        with `adapt`.
    idf_weights: with output_mode="tf_idf" and a vocabulary, the weight of each of its tokens.
    invert: whether to go back from indices to tokens.
    output_mode: "int" for indices; "one_hot" for a vector for each index, 1 at its place;
        "multi_hot" and "count" for one vector for each sample: where the indices of its row are, or how often;
        "tf_idf" for counts times weights.
    sparse: False; arrays are dense.
    pad_to_max_tokens: whether vectors have length `max_tokens` though the vocabulary is smaller.
    salt: the key of the hash that spreads unknown tokens over their places: an integer, or two, for SipHash; None, the
        default, for FarmHash, which has no key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite.arrays import asarray_like

from ...config.ambient import CALL
from ...config.arguments import argument_error, is_integer, one_of, speaker
from ...config.limits import room
from ...module.module import Shape
from .categories import VECTORS, Encoding
from .fingerprints import farm, sip

Array = npt.NDArray[Any]
Salt = int | Sequence[int] | None
_mode = one_of("int", *VECTORS, "tf_idf")


def as_output_mode(owner: Any, name: str, value: Any) -> str:
    """Check an output mode of a layer with a vocabulary; Keras's older names are taken too."""
    return str(_mode(owner, name, {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(value, value)))


def as_salt(owner: Any, name: str, value: Any) -> tuple[int, int] | None:
    """Check that `value` is an integer, two of them, or None, and return two or None."""
    pair = (value, value) if is_integer(value) else value
    if pair is None or (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(map(is_integer, pair))):
        return None if pair is None else (int(pair[0]), int(pair[1]))
    raise argument_error(TypeError, owner, name, "an integer, two of them, or None", value)


def bucket_of(text: str | bytes, buckets: int, salt: tuple[int, int] | None) -> int:
    """Return the bucket of a text, by its hash."""
    data = text.encode() if isinstance(text, str) else text
    return (farm(data) if salt is None else sip(data, salt)) % buckets


def _bucket_digits(x: Array, *, buckets: int, salt: tuple[int, int] | None) -> Array:
    numbers = x.ravel().tolist()
    places = {n: bucket_of(str(n), buckets, salt) for n in set(numbers)}
    buckets_of: Array = asarray_like(np.array([places[n] for n in numbers], np.int64).reshape(x.shape), x)
    return buckets_of


#: the places of integers, int64, by their digits; an operation, so that programs that were traced compute it anew
HASHED_DIGITS = ag.structural("hashed_digits", _bucket_digits, None, infer=lambda x, **_: x)

_NONE: Any = None


class Vocabulary(Encoding):
    """Base of layers with a vocabulary; a subclass defines its tokens."""

    # Arguments of the subclasses; not annotated, since an annotation would make them arguments here.
    max_tokens = mask_token = oov_token = _NONE
    num_oov_indices = 1
    invert = False
    pad_to_max_tokens = False
    _kind = "strings"  # of tokens, for error messages

    def __post_init__(self, vocabulary: Any = None, idf_weights: Any = None) -> None:
        super().__post_init__()
        room((self.num_oov_indices,))
        caller = type(self).__name__
        special = self.num_oov_indices + (self.mask_token is not None)
        if self.max_tokens is not None and self.max_tokens <= special:
            raise ValueError(
                f"{caller}: expected more max_tokens than special ones; received max_tokens={self.max_tokens} "
                f"with num_oov_indices={self.num_oov_indices} and mask_token={self.mask_token!r}"
            )
        if self.invert and self.output_mode != "int":
            raise ValueError(f"{caller}: expected output_mode='int' with invert; received {self.output_mode!r}")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(f"{caller}: expected max_tokens with pad_to_max_tokens; received None")
        self._tokens: Array | None = None
        self._idf: Array | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ValueError(f"{caller}: expected a vocabulary with idf_weights; received idf_weights without one")

    # ---- the vocabulary ---------------------------------------------------------------------------------------------

    @property
    def _masks(self) -> int:
        """How many places there are for padding."""
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _start(self) -> int:
        return self._masks + self.num_oov_indices

    def _specials(self) -> list[Any]:
        return [self.mask_token] * self._masks + [self.oov_token] * self.num_oov_indices

    def _as_tokens(self, vocabulary: Any) -> Array | None:
        """Return a vocabulary as an array of one axis; None if it is something else."""
        raise NotImplementedError

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the tokens, in the order of their indices; those of `get_vocabulary` with the special ones too.

        Args:
            vocabulary: the tokens, or the path of a file with one a line.
            idf_weights: with output_mode="tf_idf", and only then, a number for each entry of `vocabulary`.

        Raises:
            ValueError: if one is there twice, or they are more than `max_tokens` allows; the layer stays as it was.
        """
        caller = type(self).__name__
        is_weighted = self.output_mode == "tf_idf"
        if is_weighted != (idf_weights is not None):
            raise ValueError(
                f"{caller}: expected idf_weights with output_mode='tf_idf', and with no other; received "
                f"idf_weights={idf_weights!r:.80} with output_mode={self.output_mode!r}"
            )
        entries = self._as_tokens(_lines(caller, vocabulary) if isinstance(vocabulary, (str, PathLike)) else vocabulary)
        tokens, specials = entries, self._specials()
        whole = bool(specials) and tokens is not None and tokens[: len(specials)].tolist() == specials
        if tokens is not None and whole:
            tokens = tokens[len(specials) :]
        reserved = {self.mask_token} - {None} | ({self.oov_token} if self.invert else set())
        names = [] if tokens is None else tokens.tolist()
        if not names or len(set(names)) != len(names) or reserved & set(names):
            raise ValueError(
                f"{caller}: expected a vocabulary of {self._kind}, none twice and none that is mask_token="
                f"{self.mask_token!r}{f' or oov_token={self.oov_token!r}' if self.invert else ''}; received "
                f"vocabulary={vocabulary!r:.80}"
            )
        if self.max_tokens is not None and len(names) + self._start > self.max_tokens:
            raise ValueError(
                f"{caller}: expected at most max_tokens={self.max_tokens} indices; received {len(names)} tokens "
                f"and {self._start} special ones"
            )
        self._idf = self._weights(idf_weights, len(names), whole) if is_weighted else None
        self._tokens = tokens
        self._vocabulary_changed()

    def _weights(self, idf_weights: Any, size: int, whole: bool) -> Array:
        """Return the weight of each index: an unknown token has the mean of the others, if its own is not given."""
        weights = np.asarray(idf_weights)
        expected = size + self._start * whole
        if weights.shape != (expected,) or weights.dtype.kind not in "fiu":
            raise ValueError(
                f"{type(self).__name__}: expected idf_weights of {expected} numbers, one for each token; received "
                f"idf_weights={idf_weights!r:.80}"
            )
        front = [] if whole else [weights.mean()] * self._start
        return np.concatenate([front, weights]).astype(self.dtype)

    def _vocabulary_changed(self) -> None:
        """Get ready for the new tokens."""

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take the tokens of data as the vocabulary, the most frequent first, of equals the larger.

        With output_mode="tf_idf" the weight of a token is log(1 + documents / (1 + documents that have it)). Each row
        of an array is a document; so is a batch of one axis.

        Args:
            data: an array of any shape, a list, or batches: a generator, a DataLoader.
            batch_size: Keras's, which changes nothing.
            steps: how many batches to take; None for all.

        Raises:
            ValueError: if there are no tokens; the layer stays as it was.
        """
        counts: Counter[Any] = Counter()
        within: Counter[Any] = Counter()
        documents = 0
        for batch in self._batches(data, steps):
            for document in self._documents(batch):
                documents += 1
                counts.update(document)
                if self.output_mode == "tf_idf":
                    within.update(set(document))
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        ordered = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if self.max_tokens is not None:
            ordered = ordered[: self.max_tokens - self._start]
        if not ordered:
            raise ValueError(f"{self.name}.adapt: expected at least one token other than special ones; received none")
        weights = [np.log(1 + documents / (1 + within[token])) for token in ordered]
        self.set_vocabulary(ordered, weights if self.output_mode == "tf_idf" else None)

    def _batches(self, data: Any, steps: int | None) -> Iterator[Any]:
        """Return the batches of data; of arrays of one axis each entry is a document."""
        listed = isinstance(data, (list, tuple))
        of_batches = listed and data and (hasattr(data[0], "shape") or isinstance(data[0], tuple))
        if (listed and not of_batches) or hasattr(data, "shape") or not isinstance(data, Iterable):
            array = self._as_array_of_tokens(data)
            return iter([array[:, None] if array.ndim == 1 else array])
        parts = islice(iter(data), steps)
        return (self._as_array_of_tokens(part[0] if isinstance(part, tuple) else part) for part in parts)

    def _documents(self, batch: Array) -> Iterable[Iterable[Any]]:
        """Return the tokens of each document of a batch."""
        rows = batch.reshape(1, -1) if batch.ndim < 2 else batch.reshape(len(batch), -1)
        return [row.tolist() for row in rows]

    def _as_array_of_tokens(self, values: Any) -> Array:
        """Return values as an array of tokens, to be looked up or counted."""
        raise NotImplementedError

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens in the order of their indices; the special ones are `mask_token` and `oov_token`.

        Args:
            include_special_tokens: whether to name the special tokens, too.
        """
        return (self._specials() if include_special_tokens else []) + self._require_tokens().tolist()

    def vocabulary_size(self) -> int:
        """Return the number of indices, the special ones included."""
        return self._start + (0 if self._tokens is None else len(self._tokens))

    @property
    def idf_weights(self) -> Array | None:
        """The weight of each index, with output_mode="tf_idf"."""
        return self._idf

    def _require_tokens(self) -> Array:
        if self._tokens is None:
            if CALL.get().probed is not None:
                return np.zeros(0, object)
            raise ValueError(
                f"{self._speaker}: expected a vocabulary; this layer has none yet. "
                "Give it vocabulary=[...], or call adapt(data) first"
            )
        return self._tokens

    # ---- the configuration ------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the vocabulary as it is now."""
        state: dict[str, Any] = {"vocabulary": None if self._tokens is None else self._tokens.tolist()}
        if self._idf is not None:
            state |= {"vocabulary": self.get_vocabulary(), "idf_weights": self._idf.tolist()}
        return super().get_config() | state

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a new layer with the vocabulary; a configuration must hold it, and not name a file.

        Keras's notes on a vocabulary, `vocabulary_size` and `has_input_vocabulary`, are not needed.
        """
        if isinstance(config, Mapping):
            config = {k: v for k, v in config.items() if k not in ("vocabulary_size", "has_input_vocabulary")}
        return super().from_config(config)

    # ---- indices ----------------------------------------------------------------------------------------------------

    def _depth(self) -> int:
        return self.max_tokens if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()

    def _vectors(self, index: Any) -> Any:
        """Return indices as they are, or as vectors; -1 is in no vector."""
        if self.output_mode == "int":
            return index
        vectors = self._encode(index, self._depth())
        if self.output_mode != "tf_idf":
            return vectors
        weights = np.zeros(self._depth(), self.dtype)
        if self._idf is not None:
            weights[: len(self._idf)] = self._idf
        return vectors * weights

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape, or that of the vectors."""
        return input_shape if self.output_mode == "int" else self._encoded_shape(input_shape, self._depth())

    def extra_repr(self) -> str:
        return f"{0 if self._tokens is None else len(self._tokens)} tokens, output_mode={self.output_mode}"


def _lines(caller: str, path: Any) -> list[str]:
    """Return the lines of a file.

    Raises:
        ValueError: if a configuration asks for it, which could name any file of the machine.
    """
    if CALL.get().budget is not None:
        raise ValueError(
            f"{speaker(caller)}: expected the tokens themselves in a configuration; received the path of a file, "
            f"vocabulary={fspath(path)!r}. Make the layer without a vocabulary, and call set_vocabulary(path)"
        )
    text = Path(path).read_text(encoding="utf-8")
    return text.removesuffix("\n").split("\n")


def flat(rows: Iterable[Iterable[Any]]) -> list[Any]:
    """Return the entries of rows, one row after the other."""
    return list(chain.from_iterable(rows))

"""What Keras does to its sequences of words: mark the beginning, drop long ones, limit the vocabulary."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config.arguments import not_negative, optional

__all__ = ["Words", "limit_words", "words_of"]


class Words(NamedTuple):
    """How words become numbers; the arguments of `imdb.load_data` and `reuters.load_data`."""

    num_words: int | None
    skip_top: int
    maxlen: int | None
    start_char: int | None
    oov_char: int | None
    index_from: int | None


def words_of(caller: str, *values: int | None) -> Words:
    """Return the rules for words, each of them checked.

    Args:
        caller: the call, for error messages.
        values: in the order of `Words`.

    Raises:
        TypeError, ValueError: if one is not a non-negative integer, or None where that has a meaning.
    """
    checks = (not_negative if name == "skip_top" else optional(not_negative) for name in Words._fields)
    return Words(
        *(check(caller, name, value) for check, name, value in zip(checks, Words._fields, values, strict=True))
    )


def limit_words(
    caller: str, parts: Sequence[tuple[NDArray[Any], NDArray[Any]]], words: Words
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return parts of a data set, with the numbers of words changed as in Keras.

    Each number w becomes w + index_from; `start_char` is put in front of each sequence; then sequences of `maxlen`
    numbers or more are dropped, and numbers below `skip_top` or from `num_words` on are replaced by `oov_char`, or
    dropped if that is None. If `num_words` is None, it is the largest number, which is then replaced too.

    Args:
        caller: the call, for error messages.
        parts: sequences and labels of each.
        words: the rules.

    Raises:
        ValueError: if `maxlen` leaves a part without a sequence.
    """
    read = [_mark_starts(x, words) for x, _ in parts]
    keeps = [lengths < words.maxlen if words.maxlen else np.ones(len(lengths), bool) for _, lengths in read]
    if not all(map(np.any, keeps)):
        raise ValueError(
            f"{caller}: expected maxlen to be above the length of some sequences; received maxlen={words.maxlen}, and "
            f"the shortest has {min(int(n) for _, lengths in read for n in lengths)} numbers. Increase maxlen"
        )
    flats = [flat[np.repeat(keep, lengths)] for (flat, lengths), keep in zip(read, keeps, strict=True)]
    most = words.num_words or max(int(flat.max(initial=0)) for flat in flats)
    limited_parts = []
    for flat, (_, lengths), keep, (_, y) in zip(flats, read, keeps, parts, strict=True):
        is_kept = (flat >= words.skip_top) & (flat < most)
        if words.oov_char is not None:
            rows = _rows(np.where(is_kept, flat, words.oov_char), lengths[keep])
        else:
            ends = np.concatenate([[0], np.cumsum(is_kept)])[np.cumsum(lengths[keep])]
            rows = _rows(flat[is_kept], np.diff(ends, prepend=0))
        limited_parts.append((rows, y[keep]))
    return limited_parts


def _mark_starts(x: NDArray[Any], words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all numbers of all sequences in one array, with `start_char`, and the length of each sequence."""
    lengths = np.fromiter(map(len, x), np.int64, len(x))
    flat = np.fromiter(itertools.chain.from_iterable(x), np.int64, int(lengths.sum())) + (words.index_from or 0)
    if words.start_char is None:
        return flat, lengths
    return np.insert(flat, np.cumsum(lengths) - lengths, words.start_char), lengths + 1


def _rows(flat: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[Any]:
    """Return an array of lists of these lengths."""
    numbers, ends = iter(flat.tolist()), lengths.tolist()
    return np.fromiter((list(itertools.islice(numbers, n)) for n in ends), object, len(ends))

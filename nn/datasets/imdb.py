"""IMDB: 50,000 reviews of films as sequences of words, half of them positive, half negative (Maas et al., 2011).

A word is its rank by frequency, plus 3: 0 is for padding, 1 begins a review, 2 is a word that is left out. Keras's file
holds the sequences as a pickle, which is followed by a small grammar and not run.
"""

from __future__ import annotations

from .sequences import limit_words, words_of
from .sources import read_arrays, read_words
from .splits import Pair, shuffle

__all__ = ["get_word_index", "load_data"]
__dir__ = __all__.copy


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    *,
    timeout: float = 30.0,
    progress: bool = True,
) -> tuple[Pair, Pair]:
    """Return reviews and labels, downloading them (17 MB) on first use; where they are kept: see `nn.datasets.mnist`.

    Args:
        path: The file's name in the folder where it is kept.
        num_words: The numbers of all but the `num_words - 1 - index_from` most frequent words become `oov_char`; None
            for all words but the rarest.
        skip_top: Numbers below it become `oov_char` too.
        maxlen: Reviews of this length or longer, `start_char` included, are left out; None for none.
        seed: Of the order; with the same one it is Keras's.
        start_char: The number in front of each review; None for none.
        oov_char: The number of words that are left out; None to drop them.
        index_from: The offset of the rank of a word: the rank 1 of the most frequent one becomes 4.
        timeout: Seconds that a mirror may stay silent before the next one is tried.
        progress: Whether the download shows a progress bar.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, 25,000 samples each: x is an array of lists of integers, y of integers,
        1 for a positive review and 0 for a negative one.

    Raises:
        ValueError: A number is negative, or `maxlen` leaves no review.
        DatasetError: The file is damaged, or is neither here nor available from a mirror.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10000)  # doctest: +SKIP
        >>> len(x_train)  # doctest: +SKIP
        25000
    """
    caller = "imdb.load_data"
    words = words_of(caller, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    names = ("x_train", "y_train", "x_test", "y_test")
    x, y, x_test, y_test = read_arrays("imdb", path, names, timeout=timeout, progress=progress)
    train, test = limit_words(caller, shuffle([(x, y), (x_test, y_test)], seed), words)
    return train, test


def get_word_index(
    path: str = "imdb_word_index.json", *, timeout: float = 30.0, progress: bool = True
) -> dict[str, int]:
    """Return the rank of each word, 1 for the most frequent; `load_data` adds `index_from` to it.

    Args:
        path: The file's name in the folder where it is kept.
        timeout: Seconds that a mirror may stay silent before the next one is tried.
        progress: Whether the download shows a progress bar.

    Raises:
        DatasetError: The file is damaged, or is neither here nor available from a mirror.

    Example:
        >>> index = get_word_index()  # doctest: +SKIP
    """
    return read_words("imdb", path, timeout=timeout, progress=progress)

"""Reuters: 11,228 newswires of 1987 as sequences of words, each about one of 46 topics (Lewis, Reuters-21578).

A word is its rank by frequency, plus 3: 0 is for padding, 1 begins a newswire, 2 is a word that is left out. Keras's
file holds the sequences as a pickle, which is followed by a small grammar and not run.
"""

from __future__ import annotations

from .sequences import limit_words, words_of
from .sources import read_arrays, read_words
from .splits import Pair, check_split, divide, shuffle

__all__ = ["get_label_names", "get_word_index", "load_data"]
__dir__ = __all__.copy

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass "
    "crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi "
    "iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    *,
    timeout: float = 30.0,
    progress: bool = True,
) -> tuple[Pair, Pair]:
    """Return newswires and topics, downloading them (2 MB) on first use; where they are kept: see `nn.datasets.mnist`.

    Args:
        path: The file's name in the folder where it is kept.
        num_words: The numbers of all but the `num_words - 1 - index_from` most frequent words become `oov_char`; None
            for all words but the rarest.
        skip_top: Numbers below it become `oov_char` too.
        maxlen: Newswires of this length or longer, `start_char` included, are left out; None for none.
        test_split: The share for testing, from 0 to below 1.
        seed: Of the order; with the same one it is Keras's.
        start_char: The number in front of each newswire; None for none.
        oov_char: The number of words that are left out; None to drop them.
        index_from: The offset of the rank of a word: the rank 1 of the most frequent one becomes 4.
        timeout: Seconds that a mirror may stay silent before the next one is tried.
        progress: Whether the download shows a progress bar.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, 8,982 and 2,246 samples by default: x is an array of lists of integers,
        y of numbers of topics, which `get_label_names` names.

    Raises:
        ValueError: A number is negative, `maxlen` leaves no newswire, or `test_split` is out of range.
        DatasetError: The file is damaged, or is neither here nor available from a mirror.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10000)  # doctest: +SKIP
        >>> len(x_train)  # doctest: +SKIP
        8982
    """
    caller = "reuters.load_data"
    check_split(caller, test_split)
    words = words_of(caller, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    x, y = read_arrays("reuters", path, ("x", "y"), timeout=timeout, progress=progress)
    ((x, y),) = limit_words(caller, shuffle([(x, y)], seed), words)
    return divide(x, y, test_split)


def get_word_index(
    path: str = "reuters_word_index.json", *, timeout: float = 30.0, progress: bool = True
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
    return read_words("reuters", path, timeout=timeout, progress=progress)


def get_label_names() -> tuple[str, ...]:
    """Return the names of the 46 topics, in the order of their numbers.

    Example:
        >>> get_label_names()[3:5]
        ('earn', 'acq')
    """
    return tuple(_TOPICS.split())

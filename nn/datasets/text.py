"""A book for models of characters: Lewis Carroll's *Alice's Adventures in Wonderland*, which is in the public domain.

It comes with the package and needs no network. Its origin: `embedded/README.md`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config.arguments import checked
from .fetch import DataFile, read_embedded

__all__ = ["decode", "encode", "load_alice", "vocabulary", "windows"]
__dir__ = __all__.copy

FOLDER = Path(__file__).with_name("embedded")
FILE = DataFile("alice.txt.gz", 148_476, "cc660e04a3bef809b5436e822536cafefa278d55fb3639fb3e93665590d6fc0a")


def load_alice() -> str:
    """Return the whole book, 148,476 characters of ASCII, with its line breaks.

    Raises:
        DatasetError: if the installed package is damaged.

    Example:
        >>> text = load_alice()
        >>> len(text), len(vocabulary(text)), "White Rabbit" in text
        (148476, 72, True)
    """
    return read_embedded("text.load_alice", FOLDER, FILE).decode("ascii")


@checked
def vocabulary(text: str) -> str:
    """Return the distinct characters of a text, sorted; the index of each is its number.

    Args:
        text: any text.

    Example:
        >>> vocabulary("banana")
        'abn'
    """
    return "".join(sorted(set(text)))


@checked
def encode(text: str, characters: str) -> NDArray[np.int64]:
    """Return the numbers of a text's characters, shape (T,).

    Args:
        text: T characters.
        characters: a vocabulary.

    Raises:
        ValueError: for a character that is not in the vocabulary.

    Example:
        >>> encode("nab", "abn")
        array([2, 0, 1])
    """
    number = {character: i for i, character in enumerate(characters)}
    if unknown := sorted(set(text) - set(characters)):
        raise ValueError(f"text.encode: expected characters of the vocabulary; received {unknown[0]!r}")
    return np.array([number[character] for character in text], np.int64)


@checked
def decode(numbers: NDArray[np.integer], characters: str) -> str:
    """Return the text whose characters have these numbers.

    Args:
        numbers: the number of each character, integers; a list or an array of one axis.
        characters: all characters in the order of their numbers, a string; `vocabulary` makes it.

    Example:
        >>> decode(np.array([2, 0, 1]), "abn")
        'nab'
    """
    return "".join(characters[i] for i in np.asarray(numbers).ravel())


@checked
def windows(
    numbers: NDArray[np.int64], length: int, step: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pieces of a text, and the next character for each of theirs.

    Args:
        numbers: shape (T,).
        length: characters per piece.
        step: distance between the beginnings of pieces; by default `length`, so that they do not overlap.

    Returns:
        x and y, shape (N, length), with y[:, :-1] equal to x[:, 1:]; views of `numbers`.

    Raises:
        ValueError: if the text is too short for one piece, or `length` or `step` is below 1.

    Example:
        >>> windows(np.arange(6), 2)
        (array([[0, 1], [2, 3]]), array([[1, 2], [3, 4]]))
    """
    step = length if step is None else step
    if length < 1 or step < 1 or len(numbers) <= length:
        raise ValueError(
            f"text.windows: expected length and step of at least 1, and more than length characters; received "
            f"length={length}, step={step} and {len(numbers)} characters"
        )
    pieces = np.lib.stride_tricks.sliding_window_view(numbers, length + 1)[::step]
    return pieces[:, :-1], pieces[:, 1:]

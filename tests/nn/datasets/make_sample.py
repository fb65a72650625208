"""Make the embedded MNIST sample from the full set: `python -m tests.nn.datasets.make_sample`.

The choice is deterministic and draws nothing: of the n digits of a class, k evenly spaced ones are taken, with k in
proportion to n. So the writers, who come in blocks in MNIST, keep their shares too. The script rewrites the files in
`packages/digits/` and prints the table that `mnist.SAMPLE_FILES` must hold.
"""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
from numpy.typing import NDArray

from nn.datasets import mnist
from nn.datasets.idx import encode_idx


def evenly_spaced_by_class(labels: NDArray[np.uint8], total: int) -> NDArray[np.intp]:
    """Choose a stratified subset.

    Args:
        labels: (N,) class of each sample.
        total: How many samples to choose.

    Returns:
        (total,) indices, ascending. Each class has its share of `total`, rounded by largest remainder.

    >>> evenly_spaced_by_class(np.array([0, 0, 0, 0, 1, 1], np.uint8), 3)
    array([0, 2, 4])
    """
    counts = np.bincount(labels)
    shares = counts * total / labels.size
    chosen = np.floor(shares).astype(np.intp)
    chosen[np.argsort(chosen - shares, kind="stable")[: total - chosen.sum()]] += 1
    members = [np.flatnonzero(labels == label) for label in range(counts.size)]
    picks = [m[np.arange(k) * m.size // k] for m, k in zip(members, chosen, strict=True) if k]
    return np.sort(np.concatenate(picks))


def sample_arrays(train_total: int = 6_000, test_total: int = 1_000) -> list[NDArray[np.uint8]]:
    """Return the sample's four arrays in the order of `mnist.FILES`, taken from the full set."""
    arrays = []
    for (images, labels), total in zip(mnist.load_data(), (train_total, test_total), strict=True):
        index = evenly_spaced_by_class(labels, total)
        arrays += [images[index], labels[index]]
    return arrays


def main() -> None:
    """Write the files and print their table."""
    for array, file in zip(sample_arrays(), mnist.SAMPLE_FILES, strict=True):
        content = encode_idx(array)
        # No time stamp: the same digits give the same file.
        (mnist.SAMPLE_IN_CHECKOUT / file.name).write_bytes(gzip.compress(content, 9, mtime=0))
        print(f'DataFile("{file.name}", {len(content)}, "{hashlib.sha256(content).hexdigest()}"),')


if __name__ == "__main__":
    main()

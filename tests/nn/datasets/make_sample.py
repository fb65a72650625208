"""Make the embedded MNIST sample from the full set: `python -m tests.nn.datasets.make_sample`.

The script rewrites the files in `packages/digits/` and prints the table that `mnist.SAMPLE_FILES` must hold.
"""

from __future__ import annotations

import gzip
import hashlib

from nn.datasets import mnist
from nn.datasets.idx import encode_idx


def main() -> None:
    """Write the files and print their table."""
    arrays = [array for split in mnist.sample_of(mnist.load_data()) for array in split]
    for array, file in zip(arrays, mnist.SAMPLE_FILES, strict=True):
        content = encode_idx(array)
        # No time stamp: the same digits give the same file.
        (mnist.SAMPLE_IN_CHECKOUT / file.name).write_bytes(gzip.compress(content, 9, mtime=0))
        print(f'DataFile("{file.name}", {len(content)}, "{hashlib.sha256(content).hexdigest()}"),')


if __name__ == "__main__":
    main()

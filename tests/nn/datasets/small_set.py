"""A set of ten small images in the place of MNIST, damaged in every way, and a web server that serves or misbehaves."""

from __future__ import annotations

import gzip
import http.server
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from nn.datasets import mnist
from nn.datasets.idx import encode_idx, parse_idx


def content_of(index: int) -> bytes:
    """Return the IDX content of one of four small made-up files, in the order of `mnist.FILES`."""
    rng = np.random.default_rng(index)
    count = (6, 6, 4, 4)[index]
    shape = (count, 28, 28) if index % 2 == 0 else (count,)
    return encode_idx(rng.integers(0, 10, shape, dtype=np.uint8))


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Put files in a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def assert_small(data: tuple[mnist.Split, mnist.Split]) -> None:
    """Check that the made-up set arrived whole."""
    arrays = [array for split in data for array in split]
    for index, array in enumerate(arrays):
        np.testing.assert_array_equal(array, parse_idx(content_of(index), "test"), strict=True)


def flipped(packed: bytes) -> bytes:
    """Return the bytes with one bit of the middle one changed."""
    middle = len(packed) // 2
    return packed[:middle] + bytes([packed[middle] ^ 16]) + packed[middle + 1 :]


DAMAGE = {
    "truncated": (lambda packed: packed[: len(packed) // 2], "is truncated: expected a gzip of 4,720 bytes"),
    "checksum cut off": (lambda packed: packed[:-8], "is truncated: expected a gzip of 4,720 bytes"),
    "one bit flipped": (flipped, r"is damaged: .* received a broken stream|is not the right file"),
    "empty": (lambda _: b"", "is truncated: .* ends after 0 bytes"),
    "not a gzip": (lambda _: b"<html>404 not found</html>", "is damaged: .*incorrect header check"),
    "other content": (lambda _: gzip.compress(bytes(4720)), "is not the right file: .* received 4,720 bytes with SHA"),
    "shorter content": (lambda _: gzip.compress(bytes(100)), "is not the right file: .* received 100 bytes with SHA"),
    "a bomb": (lambda _: gzip.compress(bytes(1 << 24)), "is not the right file: .* received more bytes than that"),
}


class Mirror(http.server.SimpleHTTPRequestHandler):
    """A web server on this machine that serves a folder, and can be told to misbehave."""

    asked: ClassVar[list[str]] = []  # what was downloaded; the fixture empties it

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/slow/"):
            self.send_response(200)
            self.end_headers()
            for _ in range(200):
                self.wfile.write(b"\x1f")
                time.sleep(0.05)
        elif self.path.startswith("/silent/"):
            time.sleep(1.0)
        elif self.path.startswith("/endless/"):
            self.send_response(200)
            self.end_headers()
            for _ in range(200):
                self.wfile.write(bytes(10_000))
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass

"""The IDX parser believes nothing that a header says."""

from __future__ import annotations

import numpy as np
import pytest

from nn.datasets.idx import encode_idx, parse_idx


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "received an empty file"),
        (b"\x00\x00\x08", "is not an IDX file of unsigned bytes"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00", "received 00 00 0d 01"),
        (b"\x00\x01\x08\x01\x00\x00\x00\x01\x00", "received 00 01 08 01"),
        (b"\x00\x00\x08\x00", "received 00 00 08 00"),
        (b"\x00\x00\x08\xff" + bytes(2000), "received 00 00 08 ff"),
        (b"\x00\x00\x08\x01\x00\x00", r"states the shape .* received 6"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x03ab", r"the shape \(3,\), so 11 bytes in all were expected; received 10"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x01ab", r"the shape \(1,\), so 9 bytes in all were expected; received 10"),
        (b"\x00\x00\x08\x02" + b"\xff" * 8, r"the shape \(4294967295, 4294967295\)"),
    ],
)
def test_idx_parser_trusts_no_header(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_idx(data, "this")


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3), (2, 0, 3), (1, 2, 3, 4)])
def test_idx_round_trip(rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    array = rng.integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(parse_idx(encode_idx(array), "it"), array, strict=True)

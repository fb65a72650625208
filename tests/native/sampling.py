"""A plugin of pytest, `-p tests.native.sampling`: tests about kernels, and one in twenty of the others."""

from __future__ import annotations

import re
import zlib

import pytest

from autograd_lite.native.kernels import SETS, extension

EVERY = 20


def kernel_words() -> set[str]:
    """Return the first words of the kernels' names, which those of their ops begin with: softmax, lstm, rms."""
    names = extension.ufuncs(SETS[0]) if extension else ()
    return {name.partition("_")[0] for name in names}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    words = kernel_words()
    kept = [
        item
        for item in items
        if "tests/native/" in item.nodeid
        or words & set(re.split(r"[^a-z0-9]+|_", item.nodeid.partition("[")[2]))
        or zlib.crc32(item.nodeid.encode()) % EVERY == 0
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept

"""Each test has a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograd_lite.compiler.c_build import fusing, library_cache, toolchain

from .fused_texts import NATIVE


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the cache; what is asked for is compiled at once."""
    if not NATIVE:
        pytest.skip("no extension")
    monkeypatch.setenv(library_cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(toolchain.VARIABLE, raising=False)
    monkeypatch.setenv(fusing.VARIABLE, fusing.WAIT)
    return tmp_path / "cache"

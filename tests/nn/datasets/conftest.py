"""Fixtures for the dataset tests: a small set in the place of MNIST, and a mirror on this machine."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nn.datasets import mnist
from nn.datasets.fetch import DataFile

from .small_set import Mirror, content_of


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """Replace MNIST by a set of ten small images, with an empty cache and no mirror; return its gzipped files."""
    contents = [content_of(i) for i in range(4)]
    files = [
        DataFile(file.name, len(data), hashlib.sha256(data).hexdigest())
        for file, data in zip(mnist.FILES, contents, strict=True)
    ]
    monkeypatch.setattr(mnist, "FILES", tuple(files))
    monkeypatch.setattr(mnist, "MIRRORS", ())
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTOGRAD_LITE_DATA", raising=False)
    return {file.name: gzip.compress(data, mtime=0) for file, data in zip(files, contents, strict=True)}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """Serve an empty folder on 127.0.0.1; return its address and path."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "mirror"
    folder.mkdir()
    handler = functools.partial(Mirror, directory=str(folder))
    Mirror.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # we hang up on it on purpose
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", folder
        server.shutdown()

"""Segments that run C code, once they have been used so much that compiling it pays."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .. import c_build
from ..c_build.fusing import OFF, VARIABLE, WAIT, mode

PAYS = 20_000_000  # nanoseconds in which the executor has run a segment, from which compiling it is worth while


class Fusion:
    """The C code of a segment, for all functions that are made of it.

    Args:
        make_text: returns the text, of a function `run` as `native/c/fused.h` describes it.
        exact: whether each operation is rounded.
    """

    def __init__(self, make_text: Callable[[], str], exact: bool = True) -> None:
        self._make_text, self._exact = make_text, exact
        self._segments: list[weakref.ref[Any]] = []
        self._build: Any = None

    @property
    def state(self) -> str:
        """Return a line about it."""
        if mode() == OFF:
            return f"not compiled: {VARIABLE} is off"
        return self._build.state if self._build else "compiled once it has been used more"

    def watch(self, segment: Any) -> None:
        """Let a segment run the code, as soon as there is some."""
        when = mode()
        if when == OFF:
            return
        self._segments.append(weakref.ref(segment, self._segments.remove))
        if self._build is None:
            if when == WAIT:
                self._start()
            else:
                segment.watch(PAYS, self._start)
        if self._build is not None and self._build.function is not None:
            segment.fuse(self._build.function)

    def _start(self) -> None:
        if self._build is None:
            self._build = c_build.request(self._text, self._fuse, self._exact)

    def _text(self) -> str:
        return self._make_text() if self._segments else ""

    def _fuse(self, function: Any) -> None:
        for one in list(self._segments):
            segment = one()
            if segment is not None:
                segment.fuse(function)

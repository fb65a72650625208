"""Segments that run twice, by the executor and by fused code, and the differences between both runs.

The code of many programs is compiled as one file: `with Fused() as fused` notes the segments of functions that are
compiled and called inside; `fused.build(folder)` makes the library, and from then on every call of these segments runs
both ways. A segment in C that a loop calls step by step cannot be run twice: it runs fused from then on, and functions
are compared by their results before and after.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.compiler import native_segments, source
from autograd_lite.compiler.c_build.toolchain import build, find_compiler
from autograd_lite.compiler.c_code.fused_segment import FusedSegment
from autograd_lite.control import native_loop
from autograd_lite.native.kernels import library

GUARD = 256  # bytes around memory that nothing may write to
PATTERN = 0xA5
INCLUDES = '#include "fused.h"\n#include "expressions.h"\n#include "small.h"\n'


def bits(x: Any) -> list[Any]:
    """Return what tells results apart: classes, dtypes, shapes, strides and bits; all NaN count as one."""
    return [(type(a), *_bits(getattr(a, "_data", a))) for a in ag.tree.leaves(x)]


def _bits(a: Any) -> tuple[Any, ...]:
    a = np.array(a, order="K")
    for part in (a.real, a.imag) if a.dtype.kind == "c" else (a,) if a.dtype.kind == "f" else ():
        part[np.isnan(part)] = np.nan
    return a.dtype, a.shape, tuple(s for s, n in zip(a.strides, a.shape, strict=True) if n > 1), a.tobytes()


class Guarded:
    """Arrays with bytes around them that must not change."""

    def __init__(self) -> None:
        self._whole: list[np.ndarray] = []

    def memory(self, nbytes: int) -> np.ndarray:
        """Return bytes that begin at a cache line."""
        whole = np.full(nbytes + 2 * GUARD + 64, PATTERN, np.uint8)
        start = -(whole.ctypes.data + GUARD) % 64 + GUARD
        self._whole += (whole[:start], whole[start + nbytes :])
        return whole[start : start + nbytes]

    def copy(self, a: np.ndarray) -> np.ndarray:
        """Return an array of the same values and layout."""
        steps = [(n - 1) * s for n, s in zip(a.shape, a.strides, strict=True) if a.size]
        below, above = -sum(s for s in steps if s < 0), sum(s for s in steps if s > 0)
        memory = self.memory(below + above + a.itemsize)
        copy = np.ndarray(a.shape, a.dtype, memory.data, below, a.strides)
        if 0 not in a.strides:
            copy[...] = a
        elif a.size:
            first = tuple(slice(0, 1) if s == 0 else slice(None) for s in a.strides)
            copy[first] = a[first]
        return copy

    def check(self) -> None:
        """Look at the bytes."""
        assert all((part == PATTERN).all() for part in self._whole)


class _Twice:
    """A segment that runs both ways, once its function is there."""

    def __init__(self, fused: Fused, segment: FusedSegment, plain: Any, twin: Any, arena: Any) -> None:
        self._fused, self._segment, self._plain, self._twin = fused, segment, plain, twin
        self._memory = [arena, *[a for a in segment.segment.fixed if not isinstance(a, str)]]

    def __call__(self, *args: Any) -> Any:
        if not self._fused.functions:
            return self._plain(*args)
        arrays = [a for a in (*self._memory, *args) if isinstance(a, np.ndarray) and a.flags.writeable]
        before = [a.copy() for a in arrays]
        expected = _outcome(self._plain, args)
        passed = [a for a in args if isinstance(a, np.ndarray)]
        written = [a.tobytes() for a in passed]
        for a, b in zip(arrays, before, strict=True):
            a[...] = b
        found = _outcome(self._twin, args)
        self._fused.compare(self._segment, expected[1:], found[1:])
        self._fused.compare(self._segment, written, [a.tobytes() for a in passed])
        result, error, invalid = found[0], found[2], found[3]
        if error is not None:
            raise error[0](*error[1])
        if invalid:
            np.subtract(np.inf, np.inf)  # the alarm that the caller has set
        return result


def _outcome(segment: Any, args: tuple[Any, ...]) -> tuple[Any, Any, Any, bool]:
    """Return what a segment gives, its bits, its exception, and whether it was invalid."""
    alarms: list[Any] = []
    with np.errstate(invalid="call", call=lambda *_: alarms.append(1)):
        try:
            result = segment(*args)
        except Exception as error:
            return None, None, (type(error), error.args), bool(alarms)
    # Bytes are those of several results, with gaps between them.
    arrays = [a for a in (result if isinstance(result, tuple) else (result,)) if a.dtype != np.uint8]
    return result, bits(arrays), None, bool(alarms)


def _first(expected: Any, found: Any) -> str:
    """Return as text where two results first differ."""
    if not isinstance(expected, (list, tuple)) or type(expected) is not type(found) or len(expected) != len(found):
        return f"{expected!r} is not {found!r}"
    if len(expected) == 5 and isinstance(expected[1], np.dtype) and expected[:4] == found[:4]:
        a, b = (np.frombuffer(row[4], row[1]) for row in (expected, found))
        where = [k for k in range(a.size) if a[k].tobytes() != b[k].tobytes()]
        return f"{where[:8]} of {expected[1:4]}: {a[where[:3]]} is not {b[where[:3]]}"
    return "; ".join(f"{k}: {_first(a, b)}" for k, (a, b) in enumerate(zip(expected, found, strict=True)) if a != b)


class Fused:
    """The segments of functions that are compiled inside of `with`.

    Attributes:
        functions: by the text of a segment, its function.
        runs: how often a segment ran both ways.
        differences: lines on the segments whose runs differed, with the texts.
        name: of the program at hand.
    """

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {}
        self.runs = 0
        self.differences: dict[str, str] = {}
        self.name = ""
        self.errors: dict[str, Any] = {}
        self.guarded = Guarded()
        self._texts: dict[str, None] = {}
        self._segments: list[tuple[str, Any]] = []  # that are to run fused
        self._patches: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> Fused:
        fused = self

        class InPlan(FusedSegment):
            def instance(self, arena: Any) -> Any:
                plain, twin = self.segment.instance(arena), fused.note(self)(arena)
                return _Twice(fused, self, plain, twin, arena)

        class InLoop(FusedSegment):
            def instance(self, arena: Any) -> Any:
                return fused.note(self)(arena)

        for owner, name, value in (
            (source, "FusedSegment", InPlan),
            (native_loop, "FusedSegment", InLoop),
            (native_segments, "aligned_memory", self.guarded.memory),
            (source, "aligned_memory", self.guarded.memory),
        ):
            self._patches.append((owner, name, getattr(owner, name)))
            setattr(owner, name, value)
        return self

    def __exit__(self, *_: Any) -> None:
        for owner, name, value in reversed(self._patches):
            setattr(owner, name, value)

    def note(self, segment: FusedSegment) -> Callable[[Any], Any]:
        """Return the function that makes instances of a segment, which run its function once that is there."""
        text = segment.text()
        self._texts.setdefault(text)

        def instance(arena: Any) -> Any:
            made = segment.segment.instance(arena)
            self._segments.append((text, made))
            if text in self.functions:
                made.fuse(self.functions[text])
            return made

        return instance

    def build(self, folder: Path, change: Callable[[str], str]) -> None:
        """Compile all texts as one, changed, and let the segments run both ways from now on."""
        parts, names = [INCLUDES], {}
        for k, text in enumerate(self._texts):
            names[text] = f"run_{k}"
            body = re.sub(r'#include "\w+\.h"\n', "", text)
            body = re.sub(r"(?:\b|(?<=_))(loop|steps|core)_(\d+)", rf"\1_{k}_\2", body)
            parts.append(re.sub(r"\brun\(const FusedRun", f"run_{k}(const FusedRun", body))
        path = build(find_compiler(), change("\n".join(parts)), True, folder)
        self.functions = {text: library.load(str(path), name) for text, name in names.items()}
        for text, segment in self._segments:
            segment.fuse(self.functions[text])

    def compare(self, segment: FusedSegment, expected: Any, found: Any) -> None:
        """Note a difference."""
        self.runs += 1
        if expected != found:
            self.differences.setdefault(self.name, f"{_first(expected, found)}\n{segment.text()}")

    def check(self) -> None:
        """Hold both ways to the same bits, and the bytes around memory to what they were."""
        self.guarded.check()
        assert not self.differences, f"{len(self.differences)} programs differ: " + "\n\n".join(
            f"{name}: {text}" for name, text in self.differences.items()
        )


Draws = list[tuple[Any, ...]]


def outcomes(f: Callable[..., Any], draws: Draws) -> list[Any]:
    """Return the results of calls, or their exceptions."""
    found = []
    for args in draws:
        try:
            found.append(bits(f(*args)))
        except Exception as error:
            found.append((type(error), str(error)))
    return found


def run_all(
    programs: dict[str, tuple[Callable[..., Any], Draws]],
    folder: Path,
    change: Callable[[str], str] = lambda text: text,
) -> Fused:
    """Run every program without fused code and with it.

    Args:
        programs: by name, functions and the arguments of their calls.
        folder: for the library.
        change: what to do to the C text.
    """
    with Fused() as fused:
        compiled, before = {}, {}
        for name, (f, draws) in programs.items():
            fused.name = name
            compiled[name] = ag.compile(f)
            compiled[name](*draws[0])
            before[name] = outcomes(compiled[name], draws)
            fused.errors.update((name, row) for row in before[name] if isinstance(row, tuple))
        fused.build(folder, change)
        for name, (_, draws) in programs.items():
            fused.name = name
            after = outcomes(compiled[name], draws)
            if after != before[name]:
                fused.differences.setdefault(name, _first(before[name], after))
    return fused

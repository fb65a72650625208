"""What errors of wrong arguments say: a walk over every public callable, with a wrong value for each argument in turn.

`python -m tests.messages` prints how many errors are ours (they name the callable, what was expected and what was
received), how many are Python's about signatures, and how many are bare texts of NumPy or Python, or say less, with
the most frequent of these.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import inspect
import io
import os
import re
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import nn

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from .callables import Target, targets

__all__ = ["LARGE", "WRONG", "Walk", "everything", "judged", "walk"]


def nothing(*args: Any, **kwargs: Any) -> None:
    """A function that returns nothing."""


WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "'abc'": lambda: "abc",
    "-1": lambda: -1,
    "99": lambda: 99,
    "1.5": lambda: 1.5,
    "ragged": lambda: [[1, 2], [3]],
    "(7, 5)": lambda: np.ones((7, 5)),
    "strings": lambda: np.array(["a", "b"]),
    "complex": lambda: np.ones(3, complex),
    "object()": object,
    "dict": lambda: {"a": 1},
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "2**70": lambda: 2**70,
    "function": lambda: nothing,
    "[]": list,
    "class": lambda: int,
    "complex (3, 3)": lambda: np.ones((3, 3), complex),
    "[7, -9]": lambda: np.array([7, -9]),
    "bytes": lambda: b"abc",
    "(None,)": lambda: (None,),
}
# Whose errors may name a part, such as the layer, the loss or the metric in a model.
INNER = ("model.", "layers.", "losses.", "metrics.")
LARGE = ("2**70",)
_SIGNATURE = re.compile(
    r"missing \d+ required|unexpected keyword|takes .*argument|multiple values|unsupported operand type|"
    r"not supported between instances of 'Tensor'|dispatcher for __array_function__"
)


class Walk(NamedTuple):
    """What came out.

    Attributes:
        ours, python, bare, late: counts of errors; `late` of calls that took longer than a second.
        silent: calls that raised nothing.
        texts: the bare ones, by callable and text.
    """

    ours: int
    python: int
    bare: int
    late: int
    silent: int
    texts: list[tuple[str, str, str]]

    @property
    def share(self) -> float:
        """The share of ours among the errors that are not Python's about signatures."""
        return self.ours / max(1, self.ours + self.bare)


def _reached_us(call: Any, error: BaseException) -> bool:
    """Return whether a NumPy function has come to Tensors, rather than refuse its arguments before."""
    place = error.__traceback__
    while place is not None:
        frame = place.tb_frame
        if frame.f_code.co_name in ("__array_function__", "__array_ufunc__"):
            return call in (frame.f_locals.get("function"), frame.f_locals.get("ufunc"))
        place = place.tb_next
    return False


def judged(t: Target, error: BaseException) -> str:
    """Return whether an error is "ours", "python", "numpy" (which has not asked us) or "bare"."""
    if t.name.startswith("np.") and not _reached_us(t.call, error):
        return "numpy"
    if any(_is_ours(name, error) for name in (t.name, getattr(t.call, "__name__", t.name))):
        return "ours"
    return "python" if isinstance(error, TypeError) and _SIGNATURE.search(str(error)) else "bare"


# What Python and NumPy say to those who wrote the code, anywhere in a text.
_RAW = re.compile(
    r"object has no attribute|object is not (iterable|callable|subscriptable)|cannot be interpreted as|"
    r"not supported between|did not contain a loop|not supported for the input|truth value of an array|"
    r"has no len\(\)|unsupported operand|converted to a scalar index|inhomogeneous|argument must be"
)


def _is_ours(name: str, error: BaseException) -> bool:
    text = str(error)
    if _RAW.search(text):
        return False
    last = re.sub(r"[^a-z0-9]", "", name.rstrip("()").rpartition(".")[2].lower())
    named = last in re.sub(r"[^a-z0-9]", "", text.lower()) or (name.startswith("t[") and "t[" in text)
    part = re.match(r"layer '|([\w.]+)(: |, )", text) if name.startswith(INNER) else None
    inner = part is not None and (part[1] is None or _is_of_nn(part[1].rpartition(".")[2]))
    says = "expected" in text and "received" in text
    says = says or (isinstance(error, OSError) and error.filename is not None)
    return (named or inner) and says


_NN = {
    name.replace("_", "").lower()
    for space in (nn, nn.Sequential, *vars(nn).values())
    if inspect.ismodule(space) or space is nn.Sequential
    for name in dir(space)
}


def _is_of_nn(name: str) -> bool:
    return name.replace("_", "").lower() in _NN


class _Late(BaseException):
    pass


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise _Late

    if not hasattr(signal, "SIGALRM"):  # Windows
        yield
        return
    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@contextlib.contextmanager
def _little_memory() -> Iterator[None]:
    """Let no call take more than two gigabytes more than the process has: a wrong length must not stop the machine."""
    if resource is None or not Path("/proc/self/statm").exists():
        yield
        return
    old = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (2 << 30), old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Run in an empty folder, with little memory, with nothing printed and no warnings."""
    before = os.getcwd()
    quiet = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        _little_memory(),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
    ):
        warnings.simplefilter("ignore")
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


@functools.cache
def everything() -> tuple[Target, ...]:
    """Return all targets; to find arguments that they take, they are called."""
    with aside():
        return targets()


def walk(found: Iterable[Target], every: int = 1, without: tuple[str, ...] = ()) -> Walk:
    """Call each of the targets with a wrong value for each argument in turn.

    Args:
        found: what to call.
        every: take one call of every this many, spread evenly.
        without: names of wrong values to leave out.
    """
    counts: Counter[str] = Counter()
    texts = []
    number = 0
    with aside():
        for t in found:
            for name in t.parameters:
                for label, make in WRONG.items():
                    number += 1
                    if number % every or label in without:
                        continue
                    verdict, text = _one(t, name, make)
                    counts[verdict] += 1
                    if verdict in ("bare", "late"):
                        texts.append((t.name, f"{name}={label}", text))
    return Walk(*(counts[k] for k in ("ours", "python", "bare", "late", "silent")), texts)


def _one(t: Target, name: str, make: Callable[[], Any]) -> tuple[str, str]:
    try:
        with _at_most(1.0):
            t(**{name: make()})
    except _Late:
        return "late", ""
    except Exception as error:
        return judged(t, error), f"{type(error).__name__}: {error}"
    return "silent", ""


LEAST = 0.95  # of the errors about arguments


def main() -> int:
    """Print the shares, and the bare texts that are most frequent; return 1 if too few are ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take one call of every this many")
    parser.add_argument("--only", default="", help="callables whose names contain this")
    parser.add_argument("--show", type=int, default=40, help="how many of the bare texts to print")
    asked = parser.parse_args()
    start = time.perf_counter()
    found = [t for t in everything() if asked.only in t.name]
    result = walk(found, asked.every)
    errors = result.ours + result.python + result.bare
    print(
        f"{len(found)} callables, {errors + result.silent + result.late} calls, {errors} errors in "
        f"{time.perf_counter() - start:.0f} s; {result.late} calls took longer than a second"
    )
    for label, n in (("ours", result.ours), ("Python's, about signatures", result.python), ("bare", result.bare)):
        print(f"{n:7}  {100 * n / max(1, errors):5.1f} %  {label}")
    print(f"of those about arguments, {100 * result.share:.2f} % are ours")
    seen: Counter[str] = Counter(re.sub(r"0x\w+|\d+", "#", text)[:110] for _, _, text in result.texts)
    for text, n in seen.most_common(asked.show):
        example = next(f"{c}({a})" for c, a, x in result.texts if re.sub(r"0x\w+|\d+", "#", x)[:110] == text)
        print(f"{n:6}  {example}: {text!r}")
    return int(result.share < LEAST)


if __name__ == "__main__":
    sys.exit(main())

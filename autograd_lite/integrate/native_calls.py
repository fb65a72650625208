"""Programs as functions that C calls, with no Python in between: right-hand sides and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..compiler.call_instructions import NotNative
from ..control.body import Body
from ..control.native_loop import NativeLoop
from ..native.kernels import library


class NativeCall(NamedTuple):
    """A program, with memory for its arguments and results.

    Attributes:
        description: what C takes, as `native/c/body_call.h` has it. The buffers are arguments, then results.
        arguments: those that change from call to call, the first ones; arrays to write into.
        results: arrays that hold them after a call.
        output: the number of the buffer of the first result.
    """

    description: tuple[Any, ...]
    arguments: list[Any]
    results: list[Any]
    output: int

    def __call__(self, *arrays: Any) -> list[Any]:
        """Return copies of the results."""
        for argument, value in zip(self.arguments, arrays, strict=True):
            argument[...] = value
        library.call_body(self.description)
        return [x.copy() for x in self.results]


@contextmanager
def native_call(body: Body, theta: Sequence[Any]) -> Iterator[NativeCall | None]:
    """Give a program for C to call within the block, in one thread; None where Python must run it.

    Args:
        body: whose last arguments are theta, and whose others and results are numbers of float64.
        theta: arrays.
    """
    count = len(body.examples) - len(theta)
    arguments = [np.array(x, order="C") for x in body.examples[:count]]
    inputs = [*arguments, *[np.asarray(x, order="C") for x in theta]]
    loop = _loop_of(body, inputs)
    if loop is None:
        yield None
        return
    results = [np.zeros(spec.shape, spec.dtype) for spec in body.specs]
    with loop.called_with(inputs, results) as description:
        yield NativeCall(description, arguments, results, len(inputs))


def _loop_of(body: Body, inputs: Sequence[Any]) -> NativeLoop | None:
    """Return what runs a body in C for arguments in the order C."""
    if library is None or body.effects:
        return None
    if any(
        (a.shape, a.dtype) != (x.shape, x.dtype) for a, x in zip(inputs, map(np.asarray, body.examples), strict=True)
    ):
        return None
    if "native call" not in body.derived:
        moving = len(body.specs) and all(spec.dtype == np.float64 for spec in body.specs)
        try:
            body.derived["native call"] = NativeLoop(body, 0, inputs) if moving else None
        except NotNative:
            body.derived["native call"] = None
    loop: NativeLoop | None = body.derived["native call"]
    return loop

"""One row of cases with everything that laws ask about it: the result, a cotangent, the inputs to differentiate by."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from ..core.op import Op
from ._numeric import numeric_grad
from ._reading import forward
from ._rows import Row


class LawBroken(AssertionError):
    """An op does not keep one of the laws; `check_op` adds which op, which law and on which row."""


class Inconclusive(LawBroken):
    """Finite differences say nothing about this row."""


def refuse_unless(kept: bool, message: str) -> None:
    """Raise `LawBroken` if a law is not kept."""
    if not kept:
        _refuse(message)


def _refuse(message: str) -> NoReturn:
    raise LawBroken(message)


def nonuniform(shape: tuple[int, ...], dtype: Any, salt: str) -> np.ndarray:
    """Return numbers that differ from each other and from 0: as a cotangent, all ones would hide a permutation."""
    rng = np.random.default_rng(zlib.crc32(f"{salt} {shape}".encode()))

    def draw() -> np.ndarray:
        return np.asarray(rng.uniform(0.3, 2.5, shape) * rng.choice([-1.0, 1.0], shape))

    dtype = np.dtype(dtype)
    return np.asarray(draw() + 1j * draw() if dtype.kind == "c" else draw(), dtype)


class Setting:
    """A row of cases, evaluated.

    What depends on the op's `forward` alone is kept with the row, so that copies of the op with other rules find it.
    """

    def __init__(self, op: Op, row: Row) -> None:
        self.op, self.row = op, row
        self.inputs = list(row.inputs)
        self.params: Mapping[str, Any] = row.params
        self.exempt = row.exempt
        self.out: np.ndarray = self._known("out", self._run)
        self.g: np.ndarray = self._known("g", lambda: nonuniform(self.out.shape, self.out.dtype, "g"))

    def _run(self) -> np.ndarray:
        # On copies: an op that writes into its inputs shall be told so, and not spoil the row.
        return np.asarray(forward(self.op, [np.array(a) for a in self.inputs], self.params))

    def _known(self, what: Any, compute: Callable[[], Any]) -> Any:
        key = (what, self.op.forward)
        if key not in self.row.known:
            self.row.known[key] = compute()
        return self.row.known[key]

    @property
    def wanted(self) -> list[int]:
        """The inputs that can be differentiated by: floating, with a rule, of a floating result."""
        if not self.op.differentiable or self.out.dtype.kind not in "fc":
            return []
        return [i for i, a in enumerate(self.inputs) if a.dtype.kind in "fc" and self.op.rule(i) is not None]

    def cast(self, dtype: Any) -> Setting | None:
        """Return the same row in another width of floats, or None where the op does not compute in it."""

        def compute() -> Any:
            row = self.row.cast(dtype)
            try:
                forward(self.op, row.inputs, row.params)
            except TypeError:
                return None
            return row

        row = self._known(("cast", np.dtype(dtype)), compute)
        return None if row is None else Setting(self.op, row)

    def numeric(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivative of <g, out> by input `i` by finite differences, and how far it can be trusted."""

        def compute() -> tuple[np.ndarray, np.ndarray]:
            def f(*xs: Any) -> Any:
                return forward(self.op, self.row.projected(xs), self.params)

            # Users see the conjugate of what goes round inside.
            (grad,), (error,) = numeric_grad(f, *self.inputs, wrt=i, cotangent=np.conjugate(self.g))
            return np.conjugate(grad), error

        found: tuple[np.ndarray, np.ndarray] = self._known(("numeric", i), compute)
        return found

"""The logits behind probabilities while nothing is recorded: a call remembers the input of its last activation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autograd_lite import Tensor

from ..config.ambient import CALL, during


@contextmanager
def remember_logits() -> Iterator[None]:
    """Remember the input of the last softmax or sigmoid, so that a loss finds it although nothing is recorded.

    `evaluate` runs a model without a record, yet reports the same cross-entropy as training, which is computed from
    the logits. Only the last input is kept, and only inside this block.
    """
    with during(logits=[]):
        yield


def remembered_logits(probabilities: Tensor, activation: str) -> Tensor | None:
    """Return the remembered input of `activation` if it returned exactly this tensor, else None."""
    for out, logits, name in CALL.get().logits or ():
        if out is probabilities and name == activation:
            return logits
    return None


def remember_cast(out: Tensor, converted: Tensor) -> None:
    """Make the logits remembered for `out` available for `converted`, which was made from it."""
    for original, logits, name in tuple(CALL.get().logits or ()):
        if original is out:
            remember_last(converted, logits, name)


def remember_last(out: Any, x: Any, activation: str) -> Any:
    """Remember the input of an activation, inside `remember_logits`; return its result."""
    last = CALL.get().logits
    if last is not None and isinstance(out, Tensor):
        last[:] = [(out, x, activation)]
    return out

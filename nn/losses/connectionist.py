"""Connectionist temporal classification: the loss of a sequence of labels whose times are not known."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import array_namespace
from autograd_lite.extend import is_compiling

from ..config.fields import field
from . import targets
from .loss import Array, Loss, Targets, function_of, values_of

_IMPOSSIBLE = -1e30  # the log of 0, finite so that sums of it are not NaN, in float32 either


class CTC(Loss):
    """-log of the probability, summed over all alignments, that T outputs spell a sample's labels.

    An alignment has one symbol, a label or the blank 0, at each time; dropping repetitions and then blanks spells the
    labels. With the labels l' = (0, l_1, 0, l_2, …, l_n, 0), the forward recursion over times t is

        a_t(s) = p_t(l'_s) (a_{t-1}(s) + a_{t-1}(s-1) + a_{t-1}(s-2) if l'_s is a label other than l'_{s-2}),

    and the loss is -log(a_T(2n+1) + a_T(2n)), all in logarithms.

    `y_true` are integers from 0 to K - 1, shape (N, L), labels first and then zeros; `y_pred` are logits (N, T, K).
    Longer than T, labels cannot be spelled, and the loss is about 1e30.

    References:
        Graves, Fernández, Gomez, Schmidhuber: Connectionist Temporal Classification, 2006, equations 6 to 8.

    Example:
        >>> loss = CTC()([[1]], ag.tensor(np.zeros((1, 2, 2))))  # 3 of the 4 alignments: 01, 10, 11
        >>> round(loss.item(), 6)
        0.287682
    """

    reduction: str | None = field(default="sum_over_batch_size")
    name: str = field(default="ctc")

    def call(self, y_true: Targets, y_pred: Tensor) -> Tensor:
        """Return the losses of the samples, shape (N,)."""
        n, length = y_true.shape
        xp = array_namespace(y_true)
        blank = xp.zeros((n, 1), np.intp)
        between: Any = np.stack([xp.zeros((n, length), np.intp), y_true], axis=2)
        symbols: Any = np.concatenate([between.reshape(n, 2 * length), blank], axis=1)
        log_p = np.take_along_axis(
            ag.log_softmax(y_pred), np.broadcast_to(symbols[:, None], (n, y_pred.shape[1], symbols.shape[1])), 2
        )
        never = y_pred.dtype.type(_IMPOSSIBLE)
        differ = (symbols[:, 2:] != 0) & (symbols[:, 2:] != symbols[:, :-2])
        jumps = np.concatenate([xp.zeros((n, min(2, symbols.shape[1])), bool), differ], axis=1)
        paths = np.where(np.arange(symbols.shape[1]) < 2, log_p[:, 0], never)
        for t in range(1, y_pred.shape[1]):
            one = np.pad(paths, ((0, 0), (1, 0)), constant_values=never)[:, :-1]
            two = np.pad(paths, ((0, 0), (2, 0)), constant_values=never)[:, :-2]
            paths = np.logaddexp(np.logaddexp(paths, one), np.where(jumps, two, never)) + log_p[:, t]
        rows, ends = np.arange(n), 2 * np.count_nonzero(y_true, axis=1)
        before = np.where(ends > 0, paths[rows, np.maximum(ends - 1, 0)], never)
        return -np.logaddexp(paths[rows, ends], before)

    def check(self, y_true: Array, shape: tuple[int, ...]) -> None:
        """Raise unless the targets are labels followed by zeros, for logits of three axes."""
        targets.check_counts(self.name, y_true, shape)
        if len(shape) != 3 or y_true.ndim != 2:
            raise ag.ShapeError(
                f"{self.name}: expected labels (N, L) and logits (N, T, K); received y_true {y_true.shape} and "
                f"y_pred {shape}"
            )
        if y_true.size and ((y_true != np.floor(y_true)).any() or y_true.min() < 0 or y_true.max() >= shape[2]):
            raise ValueError(
                f"{self.name}: expected labels that are integers from 1 to {shape[2] - 1}, and 0 behind them; received "
                f"{y_true.min()} to {y_true.max()}. 0 is the blank"
            )
        if ((y_true[:, 1:] != 0) & (y_true[:, :-1] == 0)).any():
            raise ValueError(f"{self.name}: expected zeros behind the labels only; received one between labels")

    def _cast(self, y_true: Targets, dtype: np.dtype[Any]) -> Targets:
        return (y_true if is_compiling() else values_of(y_true)).astype(np.intp, copy=False)


ctc = function_of(CTC, "ctc")

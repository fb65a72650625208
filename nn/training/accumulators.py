"""Values of an epoch over the batches of all ranks: the sums that losses and metrics keep are added up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from autograd_lite import Tensor

from ..distributed.communicator import Communicator
from ..metrics import Metric
from .outputs import Means, Returned, _LossTracker, _OutputMetric, _PartialLoss, scalar_or_array

# An object and the names of its summed attributes.
Accumulator = tuple[Any, Sequence[str]]


def is_mergeable(metric: Metric) -> bool:
    """Return whether all of a metric's state is in sums over batches."""
    if isinstance(metric, _OutputMetric):
        return is_mergeable(metric.metric)
    if isinstance(metric, _PartialLoss | _LossTracker):
        return True
    kinds = type(metric).__mro__
    stated = next(kind for kind in kinds if "sums" in vars(kind))
    reset = next(kind for kind in kinds if "reset_state" in vars(kind))
    if metric.sums is None or (reset is not Metric and not issubclass(stated, reset)):
        return False  # a subclass has more state, which it resets itself
    sums = {id(getattr(metric, name)) for name in metric.sums}
    return all(id(variable) in sums for variable, _ in vars(metric).get("_variables", ()))


def _accumulators(means: Means | Returned, metrics: Iterable[Metric]) -> list[Accumulator]:
    """Return the objects that keep sums, in the same order on every rank."""
    accumulators: list[Accumulator] = []
    pending: list[Any] = [means, *metrics]
    for one in pending:  # which grows
        if isinstance(one, Means):
            accumulators.append((one, ("total", "count", "begun")))
            pending += one.parts.values()
        elif isinstance(one, _PartialLoss):
            pending.append(one.mean)
        elif isinstance(one, _OutputMetric):
            pending.append(one.metric)
        elif isinstance(one, Metric):
            pending += [one.means] if isinstance(one, _LossTracker) else []
            accumulators.append((one, one.sums or ()))
    return accumulators


def _read(accumulator: Accumulator) -> list[Any]:
    values = (getattr(accumulator[0], name) for name in accumulator[1])
    return [value.numpy() if isinstance(value, Tensor) else value for value in values]


def _write(accumulator: Accumulator, values: Sequence[Any]) -> None:
    for name, value in zip(accumulator[1], values, strict=True):
        old = getattr(accumulator[0], name)
        if isinstance(old, Tensor):
            old.assign(value)
        else:
            setattr(accumulator[0], name, value)


def _sum(values: Sequence[Any]) -> Any:
    """Return the sum of the values of the ranks; a rank without batches has None, or zeros of another shape."""
    values = [value for value in values if value is not None]
    shape = max((np.shape(value) for value in values), key=lambda s: (len(s), s), default=())
    full = [value for value in values if np.shape(value) == shape]
    if not full:
        return None
    if isinstance(full[0], bool):
        return any(full)
    total = full[0]
    for value in full[1:]:
        total = total + value
    return total


@contextmanager
def preserve_sums(means: Means | Returned, metrics: Iterable[Metric]) -> Iterator[None]:
    """Give losses and metrics back the sums that they had before the block."""
    accumulators = _accumulators(means, metrics)
    before = [_read(accumulator) for accumulator in accumulators]
    try:
        yield
    finally:
        for accumulator, values in zip(accumulators, before, strict=True):
            _write(accumulator, values)


def merge_results(
    comm: Communicator, means: Means | Returned, metrics: Sequence[Metric], reported: Sequence[Metric], keep: bool
) -> dict[str, float]:
    """Return the loss and the metrics over the batches of all ranks.

    Args:
        comm: connects the ranks.
        means: of the loss, or the values that custom steps return.
        metrics: those to merge, all of whose states are sums.
        reported: the metrics that `means` reports besides the loss.
        keep: whether the metrics keep the sums of all ranks, at the end of an epoch.
    """
    accumulators = _accumulators(means, metrics)
    every = comm.all_gather([_read(accumulator) for accumulator in accumulators])
    with nullcontext() if keep else preserve_sums(means, metrics):
        for i, accumulator in enumerate(accumulators):
            _write(accumulator, [_sum(values) for values in zip(*(one[i] for one in every), strict=True)])
        if not isinstance(means, Returned):
            return means.values(reported)
        results = {metric.name: scalar_or_array(metric.result()) for metric in metrics}
    return _merge_returned(comm.all_gather(means.last), results)


def _merge_returned(every: Sequence[dict[str, Any]], results: dict[str, Any]) -> dict[str, float]:
    """Return the values of the last steps: results of metrics over all ranks, the means of other values."""
    merged: dict[str, float] = {}
    for name in dict.fromkeys(name for one in every for name in one):
        values = [one[name] for one in every if name in one]
        merged[name] = results[name] if name in results else sum(values) / len(values)
    return merged

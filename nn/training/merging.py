"""Values of an epoch over what several ranks have seen: the sums that losses and metrics keep, added up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from autograd_lite import Tensor

from ..distributed.communicator import Communicator
from ..metrics import Metric
from .outputs import Means, Returned, _LossTracker, _OutputMetric, _PartialLoss, scalar_or_array

# An object that keeps sums, and their names.
Holder = tuple[Any, Sequence[str]]


def is_merged(metric: Metric) -> bool:
    """Return whether all of a metric's state is in sums over batches."""
    if isinstance(metric, _OutputMetric):
        return is_merged(metric.metric)
    if isinstance(metric, _PartialLoss | _LossTracker):
        return True
    kinds = type(metric).__mro__
    stated = next(kind for kind in kinds if "sums" in vars(kind))
    reset = next(kind for kind in kinds if "reset_state" in vars(kind))
    if metric.sums is None or (reset is not Metric and not issubclass(stated, reset)):
        return False  # a subclass has more state, which it resets itself
    known = {id(getattr(metric, name)) for name in metric.sums}
    return all(id(variable) in known for variable, _ in vars(metric).get("_variables", ()))


def _holders(means: Means | Returned, used: Iterable[Metric]) -> list[Holder]:
    """Return all that keeps sums, in the same order on every rank."""
    found: list[Holder] = []
    waiting: list[Any] = [means, *used]
    for one in waiting:
        if isinstance(one, Means):
            found.append((one, ("total", "count", "begun")))
            waiting += one.parts.values()
        elif isinstance(one, _PartialLoss):
            waiting.append(one.mean)
        elif isinstance(one, _OutputMetric):
            waiting.append(one.metric)
        elif isinstance(one, Metric):
            waiting += [one.means] if isinstance(one, _LossTracker) else []
            found.append((one, one.sums or ()))
    return found


def _read(holder: Holder) -> list[Any]:
    values = (getattr(holder[0], name) for name in holder[1])
    return [value.numpy() if isinstance(value, Tensor) else value for value in values]


def _write(holder: Holder, values: Sequence[Any]) -> None:
    for name, value in zip(holder[1], values, strict=True):
        old = getattr(holder[0], name)
        if isinstance(old, Tensor):
            old.assign(value)
        else:
            setattr(holder[0], name, value)


def _sum(values: Sequence[Any]) -> Any:
    """Return the sum of what the ranks have; a rank that has seen nothing has None, or zeros of another shape."""
    given = [value for value in values if value is not None]
    shape = max((np.shape(value) for value in given), key=lambda s: (len(s), s), default=())
    full = [value for value in given if np.shape(value) == shape]
    if not full:
        return None
    if isinstance(full[0], bool):
        return any(full)
    total = full[0]
    for value in full[1:]:
        total = total + value
    return total


@contextmanager
def kept(means: Means | Returned, used: Iterable[Metric]) -> Iterator[None]:
    """Give losses and metrics back what they had seen before the block."""
    holders = _holders(means, used)
    before = [_read(holder) for holder in holders]
    try:
        yield
    finally:
        for holder, values in zip(holders, before, strict=True):
            _write(holder, values)


def merged(
    comm: Communicator, means: Means | Returned, used: Sequence[Metric], shown: Sequence[Metric], keep: bool
) -> dict[str, float]:
    """Return the loss and the metrics over what all ranks have seen.

    Args:
        comm: connects the ranks.
        means: of the loss, or what steps of a class's own return.
        used: the metrics, all of whose states are sums.
        shown: what `means` reports beside the loss.
        keep: whether the metrics keep the sums of all ranks, at the end of an epoch.
    """
    holders = _holders(means, used)
    every = comm.gathered([_read(holder) for holder in holders])
    with nullcontext() if keep else kept(means, used):
        for i, holder in enumerate(holders):
            _write(holder, [_sum(values) for values in zip(*(one[i] for one in every), strict=True)])
        if not isinstance(means, Returned):
            return means.values(shown)
        results = {metric.name: scalar_or_array(metric.result()) for metric in used}
    return _returned(comm.gathered(means.last), results)


def _returned(every: Sequence[dict[str, Any]], results: dict[str, Any]) -> dict[str, float]:
    """Return what the last steps have returned: results of metrics over all ranks, the means of other values."""
    found: dict[str, float] = {}
    for name in dict.fromkeys(name for one in every for name in one):
        values = [one[name] for one in every if name in one]
        found[name] = results[name] if name in results else sum(values) / len(values)
    return found

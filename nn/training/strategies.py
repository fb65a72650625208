"""How `fit` trains: in a single process, or in several ranks that share batches, gradients, values and decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

import autograd_lite as ag
from autograd_lite import tree

from ..callbacks import CallbackList
from ..config.ambient import during
from ..data import DataLoader
from ..data.structure import map_structure
from ..distributed.buckets import Reducer
from ..distributed.communicator import Communicator, Local
from ..distributed.optimizer import DistributedOptimizer
from ..distributed.ranks import init, world
from ..distributed.shard import Shard
from ..distributed.state import assert_consistent, average_buffers, broadcast_state, digest_of, facts_of
from ..metrics import Metric
from ..module.masks import MASKS, mask_of, set_mask
from ..optimizers import Optimizer
from .accumulators import is_mergeable, merge_results, preserve_sums
from .compiled import Compiled, values_of
from .epoch_iterator import ArrayIterator, EpochIterator, StreamIterator
from .outputs import Means, Returned

Batches = Sequence[EpochIterator | None]  # of training and of validation


class SingleProcess:
    """One process, which shares nothing.

    Attributes:
        is_first: whether this rank prints and writes files.
        is_guarded: whether each step asks a callback whether it is to be taken.
    """

    is_first = True
    is_guarded = False

    def begin(
        self, optimizer: Optimizer, facts: dict[str, Any], batches: Batches, calls: CallbackList, epoch: int
    ) -> int:
        """Give all ranks the state of rank 0, let iterators take this rank's rows, and return the first epoch."""
        return calls.resumed_epoch(epoch)

    def begin_epoch(self) -> None:
        """Make sure that the ranks still have the same."""

    def end_epoch(self) -> None:
        """Give the ranks the same running statistics."""

    def step(self) -> Any:
        """Return a context manager for a step of training."""
        return _NOTHING

    def has_rows(self) -> bool:
        """Return whether this rank has a row of the batch."""
        return True

    def custom_step(self, take: Callable[[], Any], means: Means | Returned) -> Any:
        """Take a step that the user has written, and return the values that it returns."""
        return take()

    def update_metrics(self, compiled: Compiled, y: Any, y_pred: Any, w: Any) -> None:
        """Show a batch to the metrics."""
        compiled.update_metrics(y, y_pred, w)

    def training(self, optimizer: Optimizer) -> Any:
        """Return a context manager for training."""
        return _NOTHING

    def values(self, means: Means | Returned, reported: Sequence[Metric], last: bool = True) -> dict[str, float]:
        """Return the loss and the metrics over what all ranks have seen; `last` means at the end of an epoch."""
        return means.values(reported)

    def any(self, flag: bool) -> bool:
        """Return whether something holds on any rank."""
        return flag


_NOTHING = nullcontext()
_STEPS = "train_step", "test_step", "compute_metrics"
SINGLE = SingleProcess()


class DataParallel(Shard, SingleProcess):
    """One of several ranks that train copies of a model.

    Args:
        model: a `Trainer`.
        comm: connects the ranks.
    """

    def __init__(self, model: Any, comm: Communicator) -> None:
        super().__init__(comm.channel("steps"))
        self.decisions = comm  # also values and states, between steps
        self._model = model
        self._reducer: Reducer | None = None
        self._is_mergeable = True
        self._gathered: tuple[Metric, ...] = ()
        self.is_first = comm.rank == 0

    # ---- data -------------------------------------------------------------------------------------------------------

    def _rows_of_stream(self, rows: int, own: bool) -> tuple[int, int]:
        """Begin a batch of a stream, which has as many rows on every rank unless it is this rank's `own` part."""
        counts = np.zeros(self.comm.size)
        counts[self.comm.rank] = rows
        self.decisions.sum(counts)
        if not own or not counts.all():
            assert_consistent("fit", {"number of rows in a batch of the stream": int(rows)}, self.decisions)
        if not own:
            return self._rows(rows, own) if rows else (0, 0)
        start = int(counts[: self.comm.rank].sum())
        self.begin_step(start, start + rows, int(counts.sum()) or 1)
        return 0, rows

    def _rows(self, rows: int, own: bool) -> tuple[int, int]:
        """Begin a batch; return which rows of it to take: one that counts for nothing if this rank has none."""
        start, stop = self.rows_of_rank(rows)
        self.begin_step(start, stop, rows)
        start = min(start, rows - 1)
        return start, max(stop, start + 1)

    # ---- a training run ---------------------------------------------------------------------------------------------

    def begin(
        self, optimizer: Optimizer, facts: dict[str, Any], batches: Batches, calls: CallbackList, epoch: int
    ) -> int:
        self.is_guarded, epoch = calls.guard is not None, calls.resumed_epoch(epoch)
        model, comm = self._model, self.decisions
        compiled = model._require_compiled("fit")
        names = [(type(m).__name__, m.name) for m in compiled.all_metrics]
        about = {"optimizer": optimizer, "loss": type(compiled.loss).__name__, "metrics": names}
        assert_consistent("fit", {**facts_of(model), **about, **facts}, comm)
        self._gathered = tuple(compiled.all_metrics)
        self._is_mergeable = all(is_mergeable(metric) for metric in self._gathered)
        others = [
            metric for metric in model._each_metric() if metric not in self._gathered or model._overrides(*_STEPS)
        ]
        if loose := [metric for metric in others if not is_mergeable(metric)]:
            raise ValueError(
                f"fit: expected metrics of layers and of a train_step of your own to be sums over batches, which ranks "
                f"can add; received {type(loose[0]).__name__}, which does not say so. Set its attribute sums to the "
                "names of the attributes that are, or pass it to compile"
            )
        inner = [_innermost(each) for each in batches if each is not None]
        for each in inner:
            each.cut = self._rows if isinstance(each, ArrayIterator) else self._rows_of_stream
        source = getattr(inner[0], "source", None)
        loader = source if isinstance(source, DataLoader) else None
        epoch, position = broadcast_state(model, optimizer, (epoch, loader and loader.state_dict()), comm)
        if loader is not None and not self.is_first:
            loader.load_state_dict(position)
        return epoch

    def begin_epoch(self) -> None:
        model = self._model
        digests = [digest_of(p) for p in model.parameters()]
        streams = ag.random.default_generator.state
        assert_consistent("fit", {"weights at an epoch's begin": digests, "random stream": streams}, self.decisions)

    def end_epoch(self) -> None:
        average_buffers(self._model, self.decisions)

    def any(self, flag: bool) -> bool:
        total = np.array([float(flag)])
        self.decisions.sum(total)
        return bool(total[0])

    @contextmanager
    def training(self, optimizer: Optimizer) -> Iterator[None]:
        """Let backward passes inside start to reduce gradients."""
        parameters = [p for p in optimizer.parameters if p.requires_grad]
        old = self._reducer
        options: dict[str, Any] = {}
        if isinstance(optimizer, DistributedOptimizer):
            if optimizer.communicator is self.decisions:
                old = self._reducer = optimizer.reducer
            options = {"bucket_bytes": int(optimizer.bucket_mb * 2**20), "compression": optimizer.compression}
        if old is None or [id(p) for p in old.parameters] != [id(p) for p in parameters]:
            self._reducer = Reducer(self.decisions.channel("gradients"), parameters, **options)
        reducer = self._reducer
        assert reducer is not None
        try:
            reducer.attach()
            yield
        finally:
            if not isinstance(optimizer, DistributedOptimizer):
                reducer.detach()

    # ---- a step -----------------------------------------------------------------------------------------------------

    def step(self) -> Any:
        return during(shard=self)

    def has_rows(self) -> bool:
        return not self.is_empty

    def restart(self) -> None:
        super().restart()
        if self._reducer is not None:
            self._reducer.restart()

    def _weigh(self, share: float) -> None:
        """Set the weight of this rank's gradients in their mean over the ranks."""
        if self._reducer is not None:
            self._reducer.share = share

    def begin_loss(self) -> None:
        """Begin a step that weighs its loss itself; see `Shard.factor`."""
        self._weigh(1.0)

    def agree_on_step(self, admitted: bool) -> bool:
        """Put the mean gradients on the parameters; return whether all ranks take the step.

        Args:
            admitted: whether this rank would.
        """
        self.reduce()
        return not self.any(not admitted) if self.is_guarded else admitted

    def reduce(self, again: bool = True) -> None:
        """Put the mean gradients on the parameters; not `again` means only if there has been a backward pass since."""
        if self._reducer is not None and (again or self._reducer.is_waiting):
            self._reducer.leave_on_parameters()

    def update_metrics(self, compiled: Compiled, y: Any, y_pred: Any, w: Any) -> None:
        """Show a batch to the metrics: this rank's part, or that of all ranks to metrics that are not sums."""
        if self._is_mergeable:
            if self.has_rows():
                compiled.update_metrics(y, y_pred, w)
            return
        masks = [mask_of(t) for t in tree.leaves(y_pred)] if MASKS else None
        local = (y, values_of(y_pred), w, masks) if self.has_rows() else None
        parts = [part for part in self.decisions.all_gather(local) if part is not None]
        y, values, w = (_concatenate([part[i] for part in parts]) for i in range(3))
        outputs = map_structure(lambda a: ag.tensor(a, copy=False), values)
        if masks is not None:
            for i, t in enumerate(tree.leaves(outputs)):
                if parts[0][3][i] is not None:
                    set_mask(t, np.concatenate([np.asarray(part[3][i]) for part in parts]))
        compiled.update_metrics(y, outputs, w)

    def values(self, means: Means | Returned, reported: Sequence[Metric], last: bool = True) -> dict[str, float]:
        mergeable: Sequence[Metric] = [m for m in reported if self._is_mergeable or m not in self._gathered]
        if isinstance(means, Returned):
            mergeable = self._model._each_metric()
        return merge_results(self.decisions, means, mergeable, reported, keep=last)

    def custom_step(self, take: Callable[[], Any], means: Means | Returned) -> Any:
        self._weigh(self.numbers["share"])  # of a mean over rows, which the loss is taken for
        # A step on a row that counts for nothing leaves the metrics as they are.
        with nullcontext() if self.has_rows() else preserve_sums(means, self._model._each_metric()):
            return take()


def _innermost(batches: Any) -> ArrayIterator | StreamIterator:
    return batches if isinstance(batches, ArrayIterator | StreamIterator) else _innermost(batches.batches)


def _concatenate(parts: list[Any]) -> Any:
    """Return the rows of several batches as one."""
    return None if parts[0] is None else map_structure(lambda *a: np.concatenate(a), parts[0], *parts[1:])


_STRATEGIES: WeakKeyDictionary[Any, DataParallel] = WeakKeyDictionary()


def strategy_of(model: Any, distributed: bool | Communicator) -> SingleProcess:
    """Return how a model is trained: alone, or by all ranks of the world or of a communicator.

    Args:
        model: a `Trainer`.
        distributed: the argument of `fit`.

    Raises:
        ValueError: if several ranks are to train a model that is not on NumPy's arrays.
    """
    if not distributed:
        return SINGLE
    if not isinstance(distributed, Communicator):
        init()
    comm = distributed if isinstance(distributed, Communicator) else world()
    if isinstance(comm, Local) or comm.size == 1:
        return SINGLE
    if model._device_array is not None:
        raise ValueError(
            "fit: expected a model on NumPy's arrays with distributed=True, since MPI adds those; received one on "
            f"arrays of {type(model._device_array).__module__}. Write model.to(numpy)"
        )
    strategy = _STRATEGIES.get(model)
    if strategy is None or strategy.decisions is not comm:
        assert_consistent("fit", {"class of the model": type(model).__name__}, comm)
        strategy = _STRATEGIES[model] = DataParallel(model, comm)
    return strategy

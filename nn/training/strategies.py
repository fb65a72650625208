"""What `fit` does where several ranks train one model: parts of batches, gradients, values and decisions they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

import autograd_lite as ag
from autograd_lite import tree

from ..callbacks import CallbackList
from ..data import DataLoader
from ..data.structure import map_structure
from ..distributed.buckets import Reducer
from ..distributed.communicator import Communicator, Local
from ..distributed.optimizer import DistributedOptimizer
from ..distributed.part import Part, taking_part
from ..distributed.ranks import init, world
from ..distributed.state import assert_consistent, average_buffers, broadcast_state, digest_of, facts_of
from ..metrics import Metric
from ..module.masks import MASKS, mask_of, set_mask
from ..optimizers import Optimizer
from .compiled import Compiled, values_of
from .epoch_iterator import ArrayIterator, EpochIterator, StreamIterator
from .merging import is_merged, kept, merged
from .outputs import Means, Returned

Feeds = Sequence[EpochIterator | None]  # of training and of validation


class SingleProcess:
    """One process, which shares nothing.

    Attributes:
        is_first: whether this rank prints and writes files.
        is_guarded: whether each step asks a callback whether it is to be taken.
    """

    is_first = True
    is_guarded = False

    def begin(self, optimizer: Optimizer, facts: dict[str, Any], feeds: Feeds, calls: CallbackList, epoch: int) -> int:
        """Give all ranks the state of rank 0, let feeds take this rank's parts, and return the epoch to begin with."""
        return calls.resumed_epoch(epoch)

    def begin_epoch(self) -> None:
        """Make sure that the ranks still have the same."""

    def end_epoch(self) -> None:
        """Give the ranks the same running statistics."""

    def step(self) -> Any:
        """Return a context manager for a step of training."""
        return _NOTHING

    def counts(self) -> bool:
        """Return whether this rank has a row of the batch."""
        return True

    def custom_step(self, take: Callable[[], Any], means: Means | Returned) -> Any:
        """Take a step that the user has written, and return the values that it returns."""
        return take()

    def show(self, compiled: Compiled, y: Any, y_pred: Any, w: Any) -> None:
        """Show a batch to the metrics."""
        compiled.update_metrics(y, y_pred, w)

    def reducing(self, optimizer: Optimizer) -> Any:
        """Return a context manager for training."""
        return _NOTHING

    def values(self, mean: Means | Returned, used: Sequence[Metric], last: bool = True) -> dict[str, float]:
        """Return the loss and the metrics over what all ranks have seen; `last` means at the end of an epoch."""
        return mean.values(used)

    def any(self, mine: bool) -> bool:
        """Return whether something holds on any rank."""
        return mine


_NOTHING = nullcontext()
_STEPS = "train_step", "test_step", "compute_metrics"
SINGLE = SingleProcess()


class Shared(Part, SingleProcess):
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
        self._merged = True
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
        start, stop = self.cut(rows)
        self.begin_step(start, stop, rows)
        start = min(start, rows - 1)
        return start, max(stop, start + 1)

    # ---- a training -------------------------------------------------------------------------------------------------

    def begin(self, optimizer: Optimizer, facts: dict[str, Any], feeds: Feeds, calls: CallbackList, epoch: int) -> int:
        self.is_guarded, epoch = calls.guard is not None, calls.resumed_epoch(epoch)
        model, comm = self._model, self.decisions
        compiled = model._require_compiled("fit")
        names = [(type(m).__name__, m.name) for m in compiled.all_metrics]
        about = {"optimizer": optimizer, "loss": type(compiled.loss).__name__, "metrics": names}
        assert_consistent("fit", {**facts_of(model), **about, **facts}, comm)
        self._gathered = tuple(compiled.all_metrics)
        self._merged = all(is_merged(metric) for metric in self._gathered)
        others = [
            metric for metric in model._each_metric() if metric not in self._gathered or model._overrides(*_STEPS)
        ]
        if loose := [metric for metric in others if not is_merged(metric)]:
            raise ValueError(
                f"fit: expected metrics of layers and of a train_step of your own to be sums over batches, which ranks "
                f"can add; received {type(loose[0]).__name__}, which does not say so. Set its attribute sums to the "
                "names of the attributes that are, or pass it to compile"
            )
        inner = [_innermost(feed) for feed in feeds if feed is not None]
        for feed in inner:
            feed.cut = self._rows if isinstance(feed, ArrayIterator) else self._rows_of_stream
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

    def any(self, mine: bool) -> bool:
        flag = np.array([float(mine)])
        self.decisions.sum(flag)
        return bool(flag[0])

    @contextmanager
    def reducing(self, optimizer: Optimizer) -> Iterator[None]:
        """Let backward passes inside start to reduce gradients."""
        trained = [p for p in optimizer.parameters if p.requires_grad]
        old = self._reducer
        wanted: dict[str, Any] = {}
        if isinstance(optimizer, DistributedOptimizer):
            if optimizer.communicator is self.decisions:
                old = self._reducer = optimizer.reducer
            wanted = {"bucket_bytes": int(optimizer.bucket_mb * 2**20), "compression": optimizer.compression}
        if old is None or [id(p) for p in old.parameters] != [id(p) for p in trained]:
            self._reducer = Reducer(self.decisions.channel("gradients"), trained, **wanted)
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
        return taking_part(self)

    def counts(self) -> bool:
        return not self.is_empty

    def run_again(self) -> None:
        super().run_again()
        if self._reducer is not None:
            self._reducer.run_again()

    def _weigh(self, share: float) -> None:
        """Let this rank's gradients count for so much in their mean over the ranks."""
        if self._reducer is not None:
            self._reducer.share = share

    def take_loss(self) -> None:
        """Begin a step that weighs its loss itself; see `Part.factor`."""
        self._weigh(1.0)

    def reduces(self, admitted: bool) -> bool:
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

    def show(self, compiled: Compiled, y: Any, y_pred: Any, w: Any) -> None:
        """Show a batch to the metrics: this rank's part, or that of all ranks to metrics that are not sums."""
        if self._merged:
            if self.counts():
                compiled.update_metrics(y, y_pred, w)
            return
        masks = [mask_of(t) for t in tree.leaves(y_pred)] if MASKS else None
        mine = (y, values_of(y_pred), w, masks) if self.counts() else None
        parts = [part for part in self.decisions.gathered(mine) if part is not None]
        y, values, w = (_joined([part[i] for part in parts]) for i in range(3))
        shown = map_structure(lambda a: ag.tensor(a, copy=False), values)
        if masks is not None:
            for i, t in enumerate(tree.leaves(shown)):
                if parts[0][3][i] is not None:
                    set_mask(t, np.concatenate([np.asarray(part[3][i]) for part in parts]))
        compiled.update_metrics(y, shown, w)

    def values(self, mean: Means | Returned, used: Sequence[Metric], last: bool = True) -> dict[str, float]:
        own = isinstance(mean, Returned)
        summed = self._model._each_metric() if own else [m for m in used if self._merged or m not in self._gathered]
        return merged(self.decisions, mean, summed, used, keep=last)

    def custom_step(self, take: Callable[[], Any], means: Means | Returned) -> Any:
        self._weigh(self.numbers["share"])  # of a mean over rows, which the loss is taken for
        # A step on a row that counts for nothing leaves the metrics as they are.
        with nullcontext() if self.counts() else kept(means, self._model._each_metric()):
            return take()


def _innermost(feed: Any) -> ArrayIterator | StreamIterator:
    return feed if isinstance(feed, ArrayIterator | StreamIterator) else _innermost(feed.batches)


def _joined(parts: list[Any]) -> Any:
    """Return the rows of several batches as one."""
    return None if parts[0] is None else map_structure(lambda *a: np.concatenate(a), parts[0], *parts[1:])


_RANKS: WeakKeyDictionary[Any, Shared] = WeakKeyDictionary()


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
    if model._beside is not None:
        raise ValueError(
            "fit: expected a model on NumPy's arrays with distributed=True, since MPI adds those; received one on "
            f"arrays of {type(model._beside).__module__}. Write model.to(numpy)"
        )
    known = _RANKS.get(model)
    if known is None or known.decisions is not comm:
        assert_consistent("fit", {"class of the model": type(model).__name__}, comm)
        known = _RANKS[model] = Shared(model, comm)
    return known

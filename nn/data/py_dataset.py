"""`PyDataset`: batches by their number, as Keras programs write them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import autograd_lite as ag

from .loader import ahead


class PyDataset:
    """Base of data sets that make a batch for a number; `fit`, `evaluate` and `predict` take them.

    A subclass has `__getitem__(index)`, which returns x, (x, y) or (x, y, sample_weight) of a whole batch, and
    `__len__`, the number of batches; or the property `num_batches`, None if there is no end. For each epoch `fit` draws
    an order of the batches, unless `shuffle=False`, and calls `on_epoch_begin` and `on_epoch_end`.

    Args:
        workers: threads that make batches ahead in `fit`; with 0 or 1 each is made when it is needed.
        use_multiprocessing: whether a single worker makes batches ahead too; the workers are threads all the same.
        max_queue_size: number of batches that they make ahead.

    Example:
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         return [[index]], [[index**2]]
        >>> list(Squares())
        [([[0]], [[0]]), ([[1]], [[1]])]
    """

    # For subclasses that do not call this constructor.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Return the batch with a number."""
        raise NotImplementedError(f"{type(self).__name__}: expected a method __getitem__(index) that returns a batch")

    @property
    def num_batches(self) -> int | None:
        """The number of batches, or None if there is no end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(f"{type(self).__name__}: expected a method __len__ or a property num_batches")

    def __iter__(self) -> Iterator[Any]:
        number = self.num_batches
        return (self[index] for index in (count() if number is None else range(number)))

    def on_epoch_begin(self) -> None:
        """Prepare an epoch; called before its first batch is made."""

    def on_epoch_end(self) -> None:
        """Finish an epoch, for example by drawing a new order of the samples."""


class Passes:
    """The batches of a `PyDataset`, in an order drawn for each pass or not, made ahead where it has workers."""

    def __init__(self, source: PyDataset, shuffle: bool) -> None:
        self.source, self.shuffle = source, shuffle

    def __len__(self) -> int:
        if (number := self.source.num_batches) is None:
            raise TypeError(f"{type(self.source).__name__}: the number of batches is None, for no end")
        return number

    def __iter__(self) -> Iterator[Any]:
        number, source = self.source.num_batches, self.source
        order: Any = count() if number is None else range(number)
        if self.shuffle and number is not None:
            order = ag.random.permutation(number).tolist()
        threads = max(source.workers, 1)
        if threads > 1 or (source.workers > 0 and source.use_multiprocessing):
            makers = (lambda index=index: self._batch(index) for index in order)
            return ahead(makers, source.max_queue_size, threads)
        return map(self._batch, order)

    def _batch(self, index: int) -> Any:
        batch = self.source[index]
        return tuple(batch) if isinstance(batch, list) else batch


Sequence = PyDataset  # its name before Keras 3

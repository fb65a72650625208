"""`DataLoader`: samples in batches, in an order fixed by a seed, made ahead in threads, resumed exactly."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import as_array, asarray_like, is_duck_array

from ..config.arguments import checked_here
from .structure import is_structure, map_structure, rows_of, stack

Array = npt.NDArray[Any]
Make = Callable[[], Any]


@checked_here
class DataLoader:
    """Cuts data into batches; one pass over it is one epoch.

    Args:
        data: one of
            an array or memory map of shape (N, ...), or a tuple or dict of them (or of tuples, dicts and lists of
            them): batches have the same structure, and only the rows of a batch are read from a memory map;
            an object with `__len__` and `__getitem__`, such as a list, whose items are samples: they are stacked;
            an iterable of samples, or a function that returns a fresh one for every epoch.
        batch_size: samples per batch, at least 1; None if the iterable yields whole batches.
        shuffle: whether to draw a new order for each epoch; needs data with a length.
        seed: of the order, together with the number of the epoch; None draws one from the default generator, which
            `nn.set_seed` sets, at the start of each epoch.
        drop_last: whether to leave out a short last batch.
        transform: function of a batch that returns the batch to hand out. If it has a parameter `rng`, it receives a
            `numpy.random.Generator` that depends only on the epoch and the number of the batch, so that neither threads
            nor a resumed run change its draws.
        prefetch: number of batches to make ahead, in threads; 0 makes each on demand.
        workers: number of threads for that; an iterable is always read by one.
        shard: (rank, size): hand out and read only the part of each batch that one of several ranks has, as many rows
            on each, give or take one; `batch_size` stays that of the whole batch, and so does the order.

    Raises:
        TypeError: for any other data.
        ShapeError: for arrays with different numbers of rows.
        ValueError: for another argument that is out of range.

    Example:
        >>> loader = DataLoader(np.arange(5), batch_size=2, shuffle=True, seed=1)
        >>> len(loader), sorted(np.concatenate(list(loader)).tolist())
        (3, [0, 1, 2, 3, 4])

    A loader that is stopped and one that goes on from its state hand out the very same batches:

        >>> state = None
        >>> for batch in loader:
        ...     state = loader.state_dict()
        ...     break
        >>> again = DataLoader(np.arange(5), batch_size=2, shuffle=True, seed=1)
        >>> again.load_state_dict(state)
        >>> len(list(again))
        2
    """

    def __init__(
        self,
        data: Any,
        *,
        batch_size: int | None = 32,
        shuffle: bool = False,
        seed: int | None = None,
        drop_last: bool = False,
        transform: Callable[..., Any] | None = None,
        prefetch: int = 0,
        workers: int = 1,
        shard: tuple[int, int] | None = None,
    ) -> None:
        for name, value, least in (("prefetch", prefetch, 0), ("workers", workers, 1), ("seed", seed, 0)):
            _integer(name, value, least, optional=name == "seed")
        self.batch_size = _integer("batch_size", batch_size, 1, optional=True)
        self.shuffle, self.seed, self.drop_last = bool(shuffle), seed, bool(drop_last)
        self.transform, self.prefetch, self.workers = transform, prefetch, workers
        self._passes_rng = transform is not None and _takes_rng(transform)
        self._take: Callable[[Any], Any] | None
        self.size, self._take = _readable(data)
        self.data = data
        self.shard = None if shard is None else _shard(shard)
        self._check_kind()
        self._epoch = self._batch = 0
        self._order_seed = 0
        self._resumes = False
        self._read_once = False

    def _check_kind(self) -> None:
        if self.size is None and self.shuffle:
            raise ValueError(
                "DataLoader: expected data with a length to shuffle; received an iterable. Shuffle where it is made, "
                "or pass arrays or an object with __len__ and __getitem__"
            )
        if self.size is not None and self.batch_size is None:
            raise ValueError("DataLoader: expected batch_size to be an integer for data with a length; received None")
        if self.size == 0:
            raise ag.ShapeError("DataLoader: expected at least one sample; received none")
        if self.shard is not None:
            self._check_shard(self.shard[1])
        if self.drop_last and self.size is not None and self.size < (self.batch_size or 1):
            raise ValueError(
                f"DataLoader: expected at least one whole batch with drop_last=True; received {self.size} samples "
                f"with batch_size={self.batch_size}"
            )

    def _check_shard(self, ranks: int) -> None:
        if self.size is None:
            raise ValueError(
                "DataLoader: expected data with a length to divide among ranks; received an iterable. Give each rank "
                "an iterable of its own part, or pass arrays or an object with __len__ and __getitem__"
            )
        size = self.batch_size or 1
        last = 0 if self.drop_last else self.size % size
        if (least := min(size, last or size, self.size)) < ranks:
            raise ValueError(
                f"DataLoader: expected at least one row for each of {ranks} ranks in every batch; received a batch of "
                f"{least}. Choose another batch_size, or pass drop_last=True"
            )

    def __len__(self) -> int:
        """Return the number of batches of an epoch.

        Raises:
            TypeError: if the data are an iterable, whose length is unknown.
        """
        if self.size is None or self.batch_size is None:
            raise TypeError("DataLoader: the number of batches of an iterable is not known before its end")
        return self.size // self.batch_size if self.drop_last else -(-self.size // self.batch_size)

    @property
    def steps(self) -> int | None:
        """The number of batches of an epoch, or None if unknown."""
        return None if self.size is None else len(self)

    # ---- a pass -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        """Begin the next epoch, or continue where a loaded state stopped."""
        if self._resumes:
            self._resumes = False
        else:
            if self._batch:  # the last pass was broken off
                self._epoch += 1
            self._batch = 0
            self._order_seed = self._new_seed()
        return self._pass(self._epoch, self._batch)

    def _new_seed(self) -> int:
        if self.seed is not None:
            return self.seed
        if not (self.shuffle or self._passes_rng):
            return 0
        return int(ag.random.default_generator.bits.integers(2**62))

    def _pass(self, epoch: int, first: int) -> Iterator[Any]:
        makers = self._makers(epoch, first)
        batches = ahead(makers, self.prefetch, self._threads) if self.prefetch else _in_turn(makers)
        try:
            for number, batch in enumerate(batches, first):
                if self._epoch == epoch:  # otherwise a newer pass has begun and owns the position
                    self._batch = number + 1
                yield batch
        finally:
            batches.close()
        if self._epoch == epoch:
            self._epoch, self._batch = epoch + 1, 0

    @property
    def _threads(self) -> int:
        return self.workers if self.size is not None else 1

    def _makers(self, epoch: int, first: int) -> Iterator[Make]:
        """Yield functions that make the batches from number `first` on; those of an iterable run in order."""
        order_seed = self._order_seed
        for number, read in self._readers(epoch, first):
            yield lambda number=number, read=read: self._finish(read(), (order_seed, epoch, number))  # type: ignore[misc]

    def _readers(self, epoch: int, first: int) -> Iterator[tuple[int, Make]]:
        if self.size is None:
            source = self._stream(first)
            number = first
            while True:
                yield number, lambda: next(source, END)
                number += 1
        size, take = self.batch_size or 1, self._take
        assert take is not None
        order = np.random.default_rng((self._order_seed, epoch)).permutation(self.size) if self.shuffle else None
        for number in range(first, len(self)):
            rows = slice(number * size, min((number + 1) * size, self.size))
            if self.shard is not None:
                rank, ranks = self.shard
                length = rows.stop - rows.start
                rows = slice(rows.start + rank * length // ranks, rows.start + (rank + 1) * length // ranks)
            chosen: Any = rows if order is None else order[rows]
            yield number, lambda chosen=chosen: take(chosen)  # type: ignore[misc]

    def _stream(self, first: int) -> Iterator[Any]:
        """Yield the batches of an iterable, without the first ones."""
        source = iter(self.data() if callable(self.data) else self.data)
        if source is self.data:
            if self._read_once:
                raise ValueError(
                    "DataLoader: expected data that can be read again for another epoch; received an iterator, which "
                    "has been read. Pass a function that returns a fresh one: DataLoader(lambda: generate(), ...)"
                )
            self._read_once = True
        if self.batch_size is None:
            yield from islice(source, first, None)
            return
        for _ in islice(source, first * self.batch_size):
            pass
        while samples := list(islice(source, self.batch_size)):
            if len(samples) == self.batch_size or not self.drop_last:
                yield stack(samples)

    def _finish(self, batch: Any, key: tuple[int, int, int]) -> Any:
        if self.transform is None or batch is END:
            return batch
        if self._passes_rng:
            return self.transform(batch, rng=np.random.default_rng(key))
        return self.transform(batch)

    # ---- state ------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, int]:
        """Return the position of the loader as integers, which JSON can hold.

        Batches made ahead but not handed out do not count. With `seed=None` the orders of later epochs come from the
        default generator, whose state must be kept as well.
        """
        return {
            "epoch": self._epoch,
            "batch": self._batch,
            "order_seed": self._order_seed,
            "size": -1 if self.size is None else self.size,
            "batch_size": self.batch_size or 0,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Make the next pass continue from a state, with exactly the batches that would have come.

        Args:
            state: result of `state_dict`.

        Raises:
            ValueError: if entries are missing, or belong to other data or another batch size; then nothing changes.
        """
        current = self.state_dict()
        if set(state) != set(current):
            raise ValueError(
                f"DataLoader.load_state_dict: expected the entries {sorted(current)}; received {sorted(state)}"
            )
        numbers = {name: int(value) for name, value in state.items()}
        for name in ("size", "batch_size"):
            if numbers[name] != current[name]:
                raise ValueError(
                    f"DataLoader.load_state_dict: expected {name} {current[name]}, as this loader has; received "
                    f"{numbers[name]}. Make the loader with the data and the batch_size that it was saved with"
                )
        self._epoch, self._batch, self._order_seed = numbers["epoch"], numbers["batch"], numbers["order_seed"]
        self._resumes = self._batch > 0

    def __repr__(self) -> str:
        source = "an iterable" if self.size is None else f"{self.size} samples"
        return f"<DataLoader of {source}, batch_size={self.batch_size}, shuffle={self.shuffle}>"


END = object()  # the end of an iterable, since a future cannot carry StopIteration


def _in_turn(makers: Iterator[Make]) -> Generator[Any, None, None]:
    """Yield the batches of the makers."""
    for make in makers:
        if (batch := make()) is END:
            return
        yield batch


def ahead(makers: Iterator[Make], count: int, threads: int) -> Generator[Any, None, None]:
    """Yield what the makers make, in order, up to `count` of them made ahead in threads.

    An error is raised where its result would have come; the threads end with the generator.
    """
    waiting: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="DataLoader")
    try:
        while True:
            waiting.extend(pool.submit(make) for make in islice(makers, count + 1 - len(waiting)))
            if not waiting or (batch := waiting.popleft().result()) is END:
                return
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _readable(data: Any) -> tuple[int | None, Callable[[Any], Any] | None]:
    """Return the number of samples and a function that reads some of them, or None for an iterable."""
    plain = isinstance(data, (np.ndarray, Tensor)) or is_duck_array(data)
    if plain or (is_structure(data) and not isinstance(data, list)):
        arrays = map_structure(lambda a: as_array(a.data if isinstance(a, Tensor) else a), data)
        return rows_of("DataLoader", arrays), lambda rows: map_structure(lambda a: a[asarray_like(rows, a)], arrays)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        size = len(data)

        def take(rows: Any) -> Any:
            chosen = range(size)[rows] if isinstance(rows, slice) else rows.tolist()
            return stack([data[i] for i in chosen])

        return size, take
    if callable(data) or isinstance(data, Iterable):
        return None, None
    raise TypeError(
        f"DataLoader: expected arrays, an object with __len__ and __getitem__, an iterable or a function that returns "
        f"one; received {type(data).__name__}"
    )


def _takes_rng(transform: Callable[..., Any]) -> bool:
    try:
        return "rng" in inspect.signature(transform).parameters
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False


def _integer(name: str, value: Any, least: int, *, optional: bool) -> int | None:
    if optional and value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        either = " or None" if optional else ""
        raise ValueError(
            f"DataLoader: expected {name} to be an integer, at least {least}{either}; received {name}={value!r}"
        )
    return int(value)


def _shard(shard: Any) -> tuple[int, int]:
    if not isinstance(shard, tuple) or len(shard) != 2 or not all(isinstance(n, (int, np.integer)) for n in shard):
        raise TypeError(f"DataLoader: expected shard=(rank, size), two integers; received {shard!r:.80}")
    rank, ranks = map(int, shard)
    if not 0 <= rank < ranks:
        raise ValueError(f"DataLoader: expected shard=(rank, size) with 0 <= rank < size; received {shard!r}")
    return rank, ranks

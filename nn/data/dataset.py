"""`Dataset`: elements made one after another when they are asked for, with the methods of `tf.data` that programs use.

A pipeline is a chain of generators. Nothing is computed before an element is asked for, and every pass begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from itertools import chain, count as counting, islice, repeat
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.arrays import as_array

from ..config.arguments import argument_error, checked_here, not_negative, positive
from .structure import map_structure, rows_of

INFINITE, UNKNOWN = -1, -2  # the `cardinality` of data without a number, as in tf.data


@checked_here
class Dataset:
    """A lazy sequence of elements, such as batches; a pass over it is one epoch of `fit`.

    An element is a Tensor without a gradient, a string or an array of strings, or a tuple or dict of elements.
    Functions receive the parts of a tuple as arguments, so that `ds.map(lambda x, y: (x / 255, y))` works. They run in
    the thread that asks for the element, in order, so a seed fixes all that they draw.

    Args:
        source: an iterable, such as a `DataLoader`, or a function that returns a fresh iterator for every pass.
        size: the number of elements, `len(source)` by default; -1 if they never end, -2 if it is unknown.

    Attributes:
        class_names: the names of the classes, where the data come from folders.
        file_paths: the files, in order, where the data come from files.

    Raises:
        TypeError: for another source.

    Example:
        >>> ds = Dataset.from_tensor_slices((np.arange(5), np.arange(5) ** 2)).map(lambda x, y: (x + 1, y)).batch(3)
        >>> [(x.tolist(), y.tolist()) for x, y in ds]
        [([1, 2, 3], [0, 1, 4]), ([4, 5], [9, 16])]
        >>> len(ds), int(ds.repeat().cardinality())
        (2, -1)
    """

    class_names: list[str] | None
    file_paths: list[str]

    def __init__(self, source: Iterable[Any] | Callable[[], Iterator[Any]], size: int | None = None) -> None:
        if not isinstance(source, Iterable) and not callable(source):
            raise TypeError(
                f"Dataset: expected an iterable, or a function that returns an iterator; received "
                f"{type(source).__name__}. For arrays write Dataset.from_tensor_slices(arrays)"
            )
        self._source = source
        self._size = _length(source) if size is None else size

    # ---- sources ----------------------------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """Return the rows of an array, or of a tuple or dict of arrays with equally many rows.

        Args:
            tensors: arrays of shape (N, ...).

        Example:
            >>> [int(x) for x in Dataset.from_tensor_slices([3, 4])]
            [3, 4]
        """
        arrays = as_element(tensors)
        rows = rows_of("Dataset.from_tensor_slices", arrays)
        return Dataset(lambda: (map_structure(lambda a, i=i: a[i], arrays) for i in range(rows)), rows)

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """Return a single element.

        Args:
            tensors: the element, an array or a structure of arrays.
        """
        return Dataset([tensors])

    @staticmethod
    def from_generator(generator: Callable[[], Iterator[Any]], **_described: Any) -> Dataset:
        """Return what a function's iterators yield; descriptions of shapes and dtypes are taken, and not needed.

        Args:
            generator: function without arguments that returns an iterator, once for each pass.
            _described: descriptions such as `output_signature`, which are not needed.
        """
        return Dataset(generator, UNKNOWN)

    @staticmethod
    def range(*limits: int) -> Dataset:
        """Return the integers of `range(*limits)` as int64.

        Args:
            limits: stop, or start, stop and step.
        """
        return Dataset.from_tensor_slices(np.arange(*limits, dtype=np.int64))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Return tuples of elements of several data sets, as long as all of them have one.

        Args:
            datasets: two or more of them.

        Example:
            >>> pairs = Dataset.zip(Dataset.range(3), Dataset.range(5, 7))
            >>> [(int(a), int(b)) for a, b in pairs], len(pairs)
            ([(0, 5), (1, 6)], 2)
        """
        parts: tuple[Dataset, ...] = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], tuple) else datasets
        sizes = [part._size for part in parts if part._size != INFINITE]
        size = INFINITE if not sizes else UNKNOWN if UNKNOWN in sizes else min(sizes)
        return Dataset(lambda: zip(*parts, strict=False), size)

    # ---- passes -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        source = self._source
        return map(as_element, iter(source if isinstance(source, Iterable) else source()))

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Yield the elements as arrays and scalars of NumPy."""
        return (map_structure(lambda a: a.data[()] if isinstance(a, Tensor) else a, element) for element in self)

    def __len__(self) -> int:
        """Return the number of elements.

        Raises:
            TypeError: if it is unknown, or there is no end.
        """
        if self._size < 0:
            why = "it has no end" if self._size == INFINITE else "it is not known before the end"
            raise TypeError(f"len(Dataset): expected a number of elements that is known; {why}. Pass steps_per_epoch")
        return self._size

    def cardinality(self) -> Tensor:
        """Return the number of elements as a Tensor of int64; -1 without end, -2 if unknown."""
        return ag.tensor(np.asarray(self._size, np.int64))

    def __repr__(self) -> str:
        words = {INFINITE: "elements without end", UNKNOWN: "elements", 1: "1 element"}
        return f"<Dataset of {words.get(self._size, f'{self._size} elements')}>"

    # ---- elements ---------------------------------------------------------------------------------------------------

    def map(self, map_func: Callable[..., Any], num_parallel_calls: int | None = None, **_options: Any) -> Dataset:
        """Return what a function makes of each element, without gradients.

        Args:
            map_func: of an element; the parts of a tuple are its arguments.
            num_parallel_calls: taken, and changes nothing, so that draws come in order.
        """
        return Dataset(lambda: (_apply(map_func, element) for element in self), self._size)

    def filter(self, predicate: Callable[..., Any], **_options: Any) -> Dataset:
        """Return the elements for which a function returns what counts as true.

        Args:
            predicate: function of an element; the parts of a tuple are its arguments.
        """
        return Dataset(lambda: (e for e in self if bool(_apply(predicate, e))), UNKNOWN)

    def enumerate(self, start: int = 0) -> Dataset:
        """Return pairs of a number and an element.

        Args:
            start: number of the first element.
        """
        return Dataset(lambda: enumerate(self, start), self._size)

    def batch(self, batch_size: int, drop_remainder: bool = False, **_options: Any) -> Dataset:
        """Return elements stacked along a new first axis, `batch_size` at a time; the last batch may be short.

        Args:
            drop_remainder: whether to leave out a last batch that is short.

        Raises:
            ShapeError: in a pass, if elements differ in shape.
        """
        size = positive("Dataset.batch", "batch_size", int(batch_size))

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while rows := list(islice(elements, size)):
                if len(rows) == size or not drop_remainder:
                    yield stack_elements(rows)

        return Dataset(batches, self._change_size(lambda n: n // size if drop_remainder else -(-n // size)))

    def unbatch(self) -> Dataset:
        """Return the rows of each element one by one."""
        return Dataset(lambda: chain.from_iterable(map(Dataset.from_tensor_slices, self)), UNKNOWN)

    # ---- order and number -------------------------------------------------------------------------------------------

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool | None = True, **_options: Any
    ) -> Dataset:
        """Return the elements in another order: each is drawn from a buffer, where the next one takes its place.

        Args:
            buffer_size: elements in the buffer; as many as there are for an order that can be any.
            seed: of the draws, together with the number of the pass; by default from the default generator.
            reshuffle_each_iteration: whether every pass has its own order.
        """
        size = positive("Dataset.shuffle", "buffer_size", int(buffer_size))
        checked_seed = None if seed is None else not_negative("Dataset.shuffle", "seed", int(seed))
        passes = counting() if reshuffle_each_iteration is not False else repeat(0)
        fixed = checked_seed if checked_seed is not None or reshuffle_each_iteration is not False else draw_seed()

        def shuffle_elements() -> Iterator[Any]:
            draws = np.random.default_rng((draw_seed() if fixed is None else fixed, next(passes)))
            elements = iter(self)
            buffer = list(islice(elements, size))
            for element in elements:
                at = int(draws.integers(size))
                yield buffer[at]
                buffer[at] = element
            draws.shuffle(buffer)
            yield from buffer

        return Dataset(shuffle_elements, self._size)

    def take(self, count: int) -> Dataset:
        """Return the first elements; -1 for all.

        Args:
            count: number of elements; -1 for all.
        """
        n = _whole("take", count)
        return (
            self if n < 0 else Dataset(lambda: islice(self, n), self._change_size(lambda size: min(n, size), endless=n))
        )

    def skip(self, count: int) -> Dataset:
        """Return all but the first elements; none for -1.

        Args:
            count: number of elements to leave out; -1 for all.
        """
        n = _whole("skip", count)
        if n < 0:
            return self.take(0)
        return Dataset(lambda: islice(self, n, None), self._change_size(lambda size: max(size - n, 0)))

    def repeat(self, count: int | None = None) -> Dataset:
        """Return the elements again and again, `count` times or, for None or -1, without end.

        Args:
            count: number of passes; None or -1 for no end.
        """
        n = -1 if count is None else _whole("repeat", count)
        passes: Callable[[], Iterable[Any]] = (lambda: repeat(self)) if n < 0 else (lambda: repeat(self, n))
        return Dataset(lambda: _chain(passes()), INFINITE if n < 0 else self._change_size(lambda size: size * n))

    def concatenate(self, dataset: Dataset) -> Dataset:
        """Return the elements of both, one data set after the other.

        Args:
            dataset: the second one.
        """
        other = dataset._size
        size = UNKNOWN if other == UNKNOWN else other if other == INFINITE else self._change_size(lambda n: n + other)
        return Dataset(lambda: chain(self, dataset), size)

    # ---- speed ------------------------------------------------------------------------------------------------------

    def cache(self, filename: str = "") -> Dataset:
        """Return the elements as the first whole pass makes them, kept in memory.

        Args:
            filename: "", since nothing is written.

        Raises:
            ValueError: for a file, which is not written here.
        """
        if filename:
            raise argument_error(
                ValueError, "Dataset.cache", "filename", "no file: elements are kept in memory", filename
            )
        cached: list[Any] = []
        complete = False

        def elements() -> Iterator[Any]:
            nonlocal complete
            if complete:
                yield from cached
                return
            seen = []
            for element in self:
                seen.append(element)
                yield element
            cached[:], complete = seen, True

        return Dataset(elements, self._size)

    def prefetch(self, buffer_size: int, **_options: Any) -> Dataset:
        """Return the data set itself: folders are read ahead anyway, and other elements are made in order.

        Args:
            buffer_size: not needed.
        """
        return self

    def with_options(self, options: Any) -> Dataset:
        """Return the data set itself.

        Args:
            options: what TensorFlow's programs pass; not needed.
        """
        return self

    def _change_size(self, change: Callable[[int], int], endless: int = INFINITE) -> int:
        """Return a changed number of elements, where there is one."""
        return change(self._size) if self._size >= 0 else endless if self._size == INFINITE else UNKNOWN


def as_element(value: Any) -> Any:
    """Return a value as an element: numbers and arrays as Tensors, texts as they are, in tuples and dicts.

    Example:
        >>> as_element((np.ones(2), 3, "text"))
        (Tensor([1., 1.]), Tensor(3, dtype=int32), 'text')
    """
    if isinstance(value, (Tensor, str, bytes)):
        return value
    if isinstance(value, dict):
        return {key: as_element(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(as_element, value))
    array = np.asarray(value)
    if array.dtype.kind in "USO":
        return array.astype(object)
    if type(value) is float or (type(value) is int and abs(value) < 2**31):  # NumPy's scalars keep their dtype
        array = array.astype(np.float32 if type(value) is float else np.int32)
    return ag.tensor(array, copy=False)


def stack_elements(elements: list[Any]) -> Any:
    """Return elements as one batch.

    Raises:
        ShapeError: if they differ in shape.
    """
    return map_structure(lambda *parts: _stack_parts(parts), elements[0], *elements[1:])


def _stack_parts(parts: tuple[Any, ...]) -> Any:
    if isinstance(parts[0], (str, bytes)):
        return np.array(parts, object)
    arrays = [part.data if isinstance(part, Tensor) else as_array(part) for part in parts]
    if len(shapes := {array.shape for array in arrays}) > 1:
        listed = " and ".join(map(str, sorted(shapes)[:2]))
        raise ag.ShapeError(
            f"Dataset.batch: expected elements of one shape; received {listed}. Make them equal before, with map: "
            "resize images, pad sequences"
        )
    out = np.stack(arrays)
    return out if out.dtype == object else ag.tensor(out, copy=False)


def draw_seed() -> int:
    """Return a seed from the default generator, below a million, as Keras draws one."""
    return int(ag.random.default_generator.bits.integers(10**6))


def _apply(function: Callable[..., Any], element: Any) -> Any:
    with ag.no_grad():
        return function(*element) if isinstance(element, tuple) else function(element)


def _chain(passes: Iterable[Iterable[Any]]) -> Generator[Any, None, None]:
    """Yield the elements of each pass, until one has none."""
    for one in passes:
        empty = True
        for element in one:
            empty = False
            yield element
        if empty:
            return


def _length(source: Any) -> int:
    if isinstance(source, Sized):
        try:
            return len(source)
        except TypeError:
            pass
    return UNKNOWN


def _whole(method: str, count: Any) -> int:
    """Return a number of elements as an int; NumPy's integers and Tensors of one are taken too."""
    try:
        return max(count.__index__(), -1)
    except (AttributeError, TypeError):
        raise argument_error(TypeError, f"Dataset.{method}", "count", "an integer", count) from None

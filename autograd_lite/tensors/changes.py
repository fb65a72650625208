"""Changes that are made together or not at all, whatever interrupts them.

An interrupt is an exception that a signal handler, a trace function or a destructor raises between two lines of Python.
So changes that belong together are first collected as a list of calls of functions written in C, and then made by one
call that runs through the list without a line of Python.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Iterable
from itertools import repeat, starmap
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from ..core.duck_arrays import is_writeable
from ..core.errors import ShapeError
from ..core.mode import MODE, TAPES, no_grad
from ..core.node import LEAF, next_stamp
from ..core.undo import UNDO, Call, Undo, open_undo

if TYPE_CHECKING:
    import numpy.typing as npt

    from .tensor import Tensor


class Changes:
    """Changes of leaves that are collected first and then made together: after an interrupt, all are made or none is.

    Example:
        >>> import autograd_lite as ag
        >>> w, b = ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor(0.5, requires_grad=True)
        >>> changes = ag.Changes()
        >>> changes.assign(w, [5.0, 6.0])
        >>> changes.subtract(b, 0.25)
        >>> w.tolist(), b.item()
        ([1.0, 2.0], 0.5)
        >>> changes.make()
        >>> w.tolist(), b.item()
        ([5.0, 6.0], 0.25)
    """

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._leaves: list[Tensor] = []
        self._tape = MODE.get().tape if TAPES else None

    def __repr__(self) -> str:
        return f"<Changes: {len(self._calls)} noted>"

    def assign(self, leaf: Tensor, value: Tensor | npt.ArrayLike) -> None:
        """Note that a leaf is to have these values; see `Tensor.assign`.

        Args:
            leaf: a Tensor that was not computed from others.
            value: broadcastable to its shape, castable to its dtype; do not change the array before `make`.

        Raises:
            GradError: if it is not a leaf.
            ShapeError: if the value does not fit.
            TypeError: if its dtype cannot be cast.
        """
        new = leaf._fitting("assign", value)
        if new.dtype != leaf.dtype or not is_writeable(new):  # what `.data` shows may change before `make`
            new = new.astype(leaf.dtype, casting="same_kind")
        if self._tape is None or not self._tape.note_assignment(leaf, value):
            self._calls.append((operator.setitem, self.buffer(leaf), Ellipsis, new))

    def subtract(self, leaf: Tensor, delta: Tensor | npt.ArrayLike) -> None:
        """Note that an array of its shape is to be subtracted from a leaf; see `Tensor.assign_sub`.

        Args:
            leaf: a Tensor that was not computed from others.
            delta: of its shape, castable to its dtype; do not change the array before `make`.

        Raises:
            GradError: if it is not a leaf.
            ShapeError: if delta has another shape.
            TypeError: if its dtype cannot be cast.
        """
        if self._tape is not None:
            with no_grad():
                return self.assign(leaf, leaf - delta)
        if delta.__class__ is not np.ndarray or delta.shape != leaf._data.shape or delta.dtype != leaf._data.dtype:
            delta = leaf._fitting("subtract", delta)
            if delta.shape != leaf.shape:
                raise ShapeError(f"subtract: expected shape {leaf.shape}; received {delta.shape}")
        buffer = self.buffer(leaf)
        self._calls.append((np.subtract, buffer, delta, buffer))

    def buffer(self, leaf: Tensor) -> npt.NDArray[Any]:
        """Return the memory of a leaf's values, for noted calls to write into.

        Raises:
            GradError: if it is not a leaf.
        """
        if leaf._node is not LEAF and not leaf.is_leaf:
            leaf._fitting("buffer", 0)  # which says so
        self._leaves.append(leaf)
        return leaf._writable()

    def put(self, container: Any, key: Any, value: Any) -> None:
        """Note that `container[key] = value` is part of the changes, in a function that is compiled too; see `dynamic`.

        Args:
            container: a dict, or a list.
            key: where the value goes.
            value: a number, an array or a Tensor, or dicts, lists and tuples of them; do not change it afterward.
        """
        if self._tape is not None:
            value = self._tape.host_state.put(container, key, value)
        self._calls.append((operator.setitem, container, key, value))

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Note any other call that is part of the changes.

        Args:
            function: written in C, such as a ufunc with an output array, or `operator.setitem`; it must not raise. An
                interrupt inside a function written in Python could leave the changes half made.
            args: its arguments.

        Raises:
            TraceError: in a function that is being compiled.
        """
        self.calls([(function, *args)])

    def calls(self, calls: Iterable[Call]) -> None:
        """Note many: tuples of a function and its arguments; see `call`."""
        if self._tape is not None:
            self._tape.refuse_exit("Changes.call", "Write changes.put(container, key, value)")
        self._calls.extend(calls)

    def make(self) -> None:
        """Make all changes, in the order in which they were noted; floating-point errors are ignored."""
        # The stamps come last, so that whatever another thread records meanwhile is older.
        calls = self._calls
        if self._tape is not None:
            self._tape.host_state.final = True
        calls.append((deque, map(setattr, self._leaves, repeat("_stamp"), iter(next_stamp, None)), 0))
        if (undo := open_undo()) is not None and self._tape is None:  # else when the function has ended
            calls.append((undo.clear,))
        with np.errstate(all="ignore"):
            deque(starmap(operator.call, calls), 0)


class transaction:
    """Context manager: if an error or an interrupt ends it, leaves get back the values that they had at its start.

    This covers leaves that `assign`, `assign_sub` and `assign_add` have changed inside. `Changes.make`, which ends
    every optimizer step of `nn`, makes all changes before it final.

    Example:
        >>> import autograd_lite as ag
        >>> count = ag.tensor(0.0)
        >>> try:
        ...     with ag.transaction():
        ...         count.assign(1.0)
        ...         1 / 0
        ... except ZeroDivisionError:
        ...     print(count.item())
        0.0
    """

    __slots__ = ("__weakref__", "_open", "_start", "_undo")

    def __enter__(self) -> None:
        around = open_undo()
        self._undo = Undo() if around is None else around
        self._start = len(self._undo)
        self._open = ref(self, self._undo.blocks.discard)
        self._undo.blocks.add(self._open)
        if around is None:
            UNDO.set(self._undo)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            deque(starmap(operator.call, reversed(self._undo[self._start :])), 0)
            del self._undo[self._start :]
        self._undo.blocks.discard(self._open)
        if not self._undo.blocks and UNDO.get() is self._undo:
            UNDO.set(None)

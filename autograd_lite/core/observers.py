"""Protocols of the observers of recording and of backward passes; `Mode.watch` holds a `Watch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from .node import Node
    from .op import Op


class Observer(Protocol):
    """Looks on at one backward pass.

    It sees cotangents as the engine passes them on: arrays, or Tensors where the pass is recorded. It must not change
    them.
    """

    def begin(self, node: Node, g: Any) -> None:
        """See the complete cotangent of a node whose rules are about to be read; its hooks have not run yet."""

    def see_contribution(self, node: Node, argument: int, edge: Any, r: Any, total: Any) -> None:
        """See what the rule for one argument has given, before the node's saved values are freed.

        Args:
            node: the node whose rule it is, the one that `begin` has seen last.
            argument: the index of the input in `node.inputs`.
            edge: that input.
            r: the contribution, with the input's shape and dtype.
            total: the input's cotangent so far, `r` included; `r` itself where it is the first contribution.
        """


class Watch(Protocol):
    """Looks at everything that is recorded, and has an observer for every backward pass."""

    def see_record(self, op: Op, values: Sequence[Any], out: Any, params: dict[str, Any], edges: Sequence[Any]) -> None:
        """See an operation that has been computed and is about to be recorded."""

    def observer(self) -> Observer:
        """Return the observer of a backward pass that begins."""


class Trial(NamedTuple):
    """A part of a function that is being compiled, which an eager run gives arrays.

    Attributes:
        began: the moment before which nothing was of this part.
        note: of the mode in which it began.
    """

    began: int
    note: Any


class Tape(Protocol):
    """Notes what a function does that is being compiled, apart from what nodes record.

    Attributes:
        began: the moment before which nothing was of this function.
        rehearses: the function runs on values that are not its own, so nothing outside may notice.
        derives: it follows from another one, and runs on values of which nothing comes but shapes.
        trial: the part of it that runs on Tensors, although an eager run gives it arrays; None if it is in none.
    """

    began: int
    rehearses: bool
    derives: bool
    trial: Trial | None

    def lower(self, t: Any) -> Any:
        """Return a Tensor of plain values in place of one of a transformation that began before."""

    host_state: Any  # records its effects outside of Tensors, see `ir.host_record`

    def trying(self) -> AbstractContextManager[None]:
        """Run a part of the function on Tensors, and forget it if it raises: nothing outside changes."""

    def read(self, edge: Any, value: Any = None) -> None:
        """Note that an op reads a Tensor without history, or a leaf, or what a node from before the tape has made.

        Args:
            edge: the edge that is read.
            value: of a node's result.
        """

    def note_borrowed(self, a: Any) -> None:
        """Note that an op reads a plain array of the caller."""

    def note_draw(self, node: Node, numbers: Any) -> None:
        """Note a random draw, which happens even if nothing reads its numbers."""

    def note_seed(self) -> None:
        """Note that a stream of random numbers is set to another place."""

    def does_more(self, t: Any) -> None:
        """Note the result of an op that has effects, which happen even if nothing reads it."""

    def note_observer(self, f: Callable[..., Any], edges: Sequence[Any]) -> None:
        """Note a function that is to see values at every replay."""

    def index(self, t: Any) -> Any:
        """Return an array of a Tensor's values, to be a parameter of an op, that tells which Tensor it is."""

    def refuse_exit(self, how: str, instead: str = "") -> None:
        """Refuse that a value leaves as a Python value or an array, by raising.

        Args:
            how: the code that asks for the value.
            instead: what works.
        """

    def writes(self, t: Any) -> None:
        """Note that the next assignment is a write in place."""

    def note_assignment(self, leaf: Any, value: Any) -> bool:
        """Note that a leaf is given new values.

        Args:
            leaf: the Tensor.
            value: a Tensor or an array-like, which broadcasts to its shape and can be cast to its dtype.

        Returns:
            Whether it has them now, since it was made here.
        """

    def note_gradient(self, leaf: Any) -> None:
        """Note that `.grad` of a leaf is read, or about to change."""

    def note_tensor(self, t: Any) -> None:
        """Note a Tensor that was made from values that are not on the tape."""

    def is_captured(self, t: Any) -> bool:
        """Return whether a Tensor without history was made before the tape began."""

    def note_backward(self, root: Any) -> None:
        """Note that `backward` was called, after which nothing that the root was made from has a history."""

    def passed_back(self, masks: bool) -> None:
        """Note a backward pass that has ended, and has masked NaN where this run needed it.

        Args:
            masks: whether it would mask NaN although no operation was invalid.
        """

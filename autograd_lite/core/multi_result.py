"""Operations with several results: one node for the call, and for each result a `get_tuple_element` node.

For such a call the engine holds a `Several` in place of one array: its results or their cotangents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import ref

import numpy as np

from .node import Node
from .op import Op, structural
from .shape_arithmetic import ShapeDtype


class Dtypes(tuple[np.dtype[Any], ...]):
    """The dtypes of the results of a call.

    Example:
        >>> dtypes = Dtypes((np.dtype(float), np.dtype(int)))
        >>> print(dtypes), dtypes.kind
        (float64, int64)
        (None, 'f')
    """

    __slots__ = ()
    hasobject = False

    @property
    def kind(self) -> str:
        """The kind of the first dtype through which gradients flow, or else of the first one; "b" without any."""
        return next((dtype.kind for dtype in self if dtype.kind in "fc"), self[0].kind if self else "b")

    @property
    def name(self) -> str:
        """The names of the dtypes."""
        return str(self)

    def __str__(self) -> str:
        return f"({', '.join(map(str, self))})"


class Several(tuple[Any, ...]):
    """The results of a call, or their cotangents, each of which may be None.

    Attributes:
        shape: the shapes of the results.
        dtype: their dtypes.
    """

    shape: tuple[tuple[int, ...], ...]
    dtype: Dtypes

    @classmethod
    def of(cls, arrays: Iterable[Any], shape: tuple[Any, ...] | None = None, dtype: Dtypes | None = None) -> Several:
        """Return arrays as one object; shapes and dtypes are required only if some arrays are None."""
        several = cls(arrays)
        several.shape = tuple([a.shape for a in several]) if shape is None else shape
        several.dtype = Dtypes([a.dtype for a in several]) if dtype is None else dtype
        return several

    def __add__(self, other: Any) -> Several:
        """Return the sums of cotangents."""
        pairs = zip(self, other, strict=True)
        return Several.of([b if a is None else a if b is None else a + b for a, b in pairs], self.shape, self.dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        return Several.of, (tuple(self), self.shape, self.dtype)


def results_of(op: Op, out: Any, params: dict[str, Any]) -> Several:
    """Return the result of an op with several results.

    Raises:
        TypeError: if it is not a tuple of as many arrays as the op states.
    """
    count = op.results if isinstance(op.results, int) else op.results(**params)  # type: ignore[misc]
    if not isinstance(out, tuple):
        raise TypeError(f"{op.name}: expected a tuple of {count} arrays, as its results={count}; received {_kind(out)}")
    if len(out) != count:
        raise TypeError(f"{op.name}: expected {count} arrays, as its results={count}; received {len(out)}")
    return out if isinstance(out, Several) else Several.of(out)


def refuse_count(whose: str, noun: str, received: Sequence[Any], expected: int) -> None:
    """Raise if a rule has returned the wrong number of arrays."""
    if len(received) != expected:
        raise TypeError(f"{whose}: expected {expected} {noun}, one for each of them; received {len(received)}")


def _kind(x: Any) -> str:
    shape = getattr(x, "shape", None)
    return type(x).__name__ if shape is None else f"an array of shape {shape}"


def _cotangents(g: Any, _: Any, call: Any, *, index: int) -> Several:
    """Return the cotangents of a call's results, of which only one is not None: g."""
    return Several.of([g if k == index else None for k in range(len(call.shape))], call.shape, call.dtype)


# Takes one result out of a call. Its input is a call, not an array, so the engine, the graph and plans treat it apart.
get_tuple_element: Op = structural(
    "get_tuple_element",
    lambda call, *, index: call[index],
    _cotangents,
    infer=lambda call, *, index: ShapeDtype(call.shape[index], call.dtype[index]),
    linear=True,
    batch=lambda op, inputs, batched, params: op(*inputs, **params),
    cost=0,
)


def result_nodes(call: Node) -> list[Node]:
    """Return the nodes that take the results out of a call: those that are alive, and new ones."""
    nodes = [r() for r in getattr(call, "results", ())]
    nodes += [None] * (len(call.shape) - len(nodes))  # a call may get more results
    if None in nodes:
        nodes = [result_node(call, k) if node is None else node for k, node in enumerate(nodes)]
        call.results = tuple([ref(node) for node in nodes])
    return nodes


def result_node(call: Node, index: int) -> Node:
    """Return a new node that takes one result out of a call."""
    shape: Any = call.shape[index]
    dtype = call.dtype[index]
    if call.needs and dtype.kind in "fc":
        return Node(get_tuple_element, (call,), {"index": index}, (None, call), (0,), shape, dtype, call.note)
    return Node(get_tuple_element, (call,), {"index": index}, None, (), shape, dtype, call.note)


def each(f: Any, out: Any) -> Any:
    """Apply a function to a result, or to each of several ones; None stays None."""
    if isinstance(out, tuple):
        return tuple([None if x is None else f(x) for x in out])
    return None if out is None else f(out)

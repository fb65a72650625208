"""Indices that a compiled program reads again at every replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from .node import Node


class IndexArray(np.ndarray):
    """The values of a Tensor as a parameter of an op, with their origin.

    Attributes:
        edge: the edge of the Tensor.
        derived: whether NumPy has computed it from another one, so that the origin of its values is unknown.
    """

    edge: Any = None
    derived: bool = False

    @classmethod
    def of(cls, array: np.ndarray, edge: Any) -> Self:
        """Return an index with these values."""
        index = array.view(cls)
        index.edge = edge
        return index

    def __array_finalize__(self, made_from: Any) -> None:
        self.derived = isinstance(made_from, IndexArray)


def indices_in(params: Mapping[str, Any]) -> Iterator[IndexArray]:
    """Return the indices among the parameters of an op, in order."""
    indices: tuple[IndexArray, ...] = ()
    for value in params.values():
        if value.__class__ is tuple:
            for part in value:
                if part.__class__ is IndexArray:
                    indices = (*indices, part)
        elif value.__class__ is IndexArray:
            indices = (*indices, value)
    return iter(indices)


def with_indices(params: Mapping[str, Any], values: Iterator[Any]) -> Mapping[str, Any]:
    """Return the parameters of an op with new values for its indices, in order."""
    if next(indices_in(params), None) is None:
        return params

    def part_of(x: Any) -> Any:
        if x.__class__ is not IndexArray:
            return x
        i = next(values)
        # See `numbers_of`; a number would not know the Tensor that it is the value of.
        return i if i.shape or i.__class__ is IndexArray else i[()]

    return {k: tuple(map(part_of, v)) if v.__class__ is tuple else part_of(v) for k, v in params.items()}


def numbers_of(index: Any) -> Any:
    """Return an index with NumPy's integers in place of 0-d arrays, for which NumPy would return a copy, not a view."""
    return tuple([i[()] if getattr(i, "shape", None) == () and i.dtype.kind in "iu" else i for i in index])


def edges_of(node: Node) -> tuple[Any, ...]:
    """Return the edges of a node: of its inputs, and of its indices that are Tensors on a tape."""
    indices = [index.edge for index in indices_in(node.params)] if node.params else ()
    return (*node.inputs, *indices) if indices else node.inputs

"""Nested containers of arrays: dicts, lists, tuples, named tuples and dataclasses, walked in one order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any


def _children(tree: Any) -> list[tuple[str, Any]] | None:
    """Return `(how it is written after the container's name, child)` for each child, or None for a leaf."""
    if isinstance(tree, dict):
        return [(f"[{key!r}]", value) for key, value in tree.items()]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return [(f".{name}", value) for name, value in zip(tree._fields, tree, strict=True)]
    if isinstance(tree, (list, tuple)):
        return [(f"[{i}]", value) for i, value in enumerate(tree)]
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [(f".{field.name}", getattr(tree, field.name)) for field in dataclasses.fields(tree)]
    return [] if tree is None else None


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `(path, leaf)` for everything in `tree` that is no container; None counts as an empty container.

    Example:
        >>> list(leaves({"w": [1.0, 2.0], "b": 3.0}))
        [("['w'][0]", 1.0), ("['w'][1]", 2.0), ("['b']", 3.0)]
    """
    children = _children(tree)
    if children is None:
        yield path, tree
        return
    for suffix, child in children:
        yield from leaves(child, path + suffix)


def beside(tree: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield `(path, leaf, what stands there in other)` for each leaf of `tree`: an array or a list of numbers, perhaps.

    Raises:
        ValueError: naming the path, where `other` is no container of the same number of things.

    Example:
        >>> list(beside({"w": 1.0, "b": 2.0}, {"w": [3.0, 4.0], "b": 5.0}))
        [("['w']", 1.0, [3.0, 4.0]), ("['b']", 2.0, 5.0)]
    """
    children = _children(tree)
    if children is None:
        yield path, tree, other
        return
    others = _children(other)
    if others is None or len(others) != len(children):
        raise ValueError(path)
    if isinstance(tree, dict):  # whatever the order of its keys
        parts = dict(others)
        if parts.keys() != dict(children).keys():
            raise ValueError(path)
        others = [(suffix, parts[suffix]) for suffix, _ in children]
    for (suffix, child), (_, part) in zip(children, others, strict=True):
        yield from beside(child, part, path + suffix)


def rebuild(tree: Any, new: Iterator[Any]) -> Any:
    """Return a container like `tree` whose leaves are taken from `new`, in the order of `leaves`."""
    if isinstance(tree, dict):
        values = {key: rebuild(value, new) for key, value in tree.items()}
        return values if type(tree) is dict else type(tree)(values)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(rebuild(value, new) for value in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(rebuild(value, new) for value in tree)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return dataclasses.replace(
            tree, **{field.name: rebuild(getattr(tree, field.name), new) for field in dataclasses.fields(tree)}
        )
    return None if tree is None else next(new)


def map_leaves(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply `f` to each leaf, and the leaves at the same places of `others`.

    Example:
        >>> map_leaves(lambda x: 2 * x, {"w": [1.0, 2.0], "b": None})
        {'w': [2.0, 4.0], 'b': None}
    """
    rows = zip(*([leaf for _, leaf in leaves(t)] for t in (tree, *others)), strict=True)
    return rebuild(tree, iter([f(*row) for row in rows]))

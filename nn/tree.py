"""Nested containers with the names of `keras.tree`, on `autograd_lite.tree`.

Containers are dicts, lists, tuples and named tuples; all else is a leaf, and so is None. As in Keras,
dicts go in the order of their sorted keys; an OrderedDict and a defaultdict keep their kind.

Example:
    >>> from nn import tree
    >>> tree.flatten({"b": [2, 3], "a": 1}), tree.map_structure(lambda x, y: x + y, [1, (2,)], [10, (20,)])
    ([1, 2, 3], [11, (22,)])
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from autograd_lite import tree as _tree

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]
__dir__ = __all__.copy


class MAP_TO_NONE:
    """What a function given to `traverse` returns for None, since None means: go on inside.

    Example:
        >>> traverse(lambda x: MAP_TO_NONE if x == 2 else x, [1, 2])
        [1, 2]
    """


def is_nested(structure: Any) -> bool:
    """Return whether this is a container.

    Args:
        structure: anything; a dict, a list or a tuple counts as a container.

    Example:
        >>> is_nested([1]), is_nested(1)
        (True, False)
    """
    return _parts(structure) is not None


def flatten(structure: Any) -> list[Any]:
    """Return the leaves in order.

    Args:
        structure: nested dicts, lists and tuples, or a single leaf; None is a leaf too.

    Example:
        >>> flatten([1, (None, {"b": 3, "a": 2})])
        [1, None, 2, 3]
    """
    return [leaf for _, leaf in flatten_with_path(structure)]


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Return pairs of a path, which is a tuple of keys and indices, and the leaf there.

    Args:
        structure: nested dicts, lists and tuples, or a single leaf; None is a leaf too.

    Example:
        >>> flatten_with_path({"a": [1, 2]})
        [(('a', 0), 1), (('a', 1), 2)]
    """
    parts = _parts(structure)
    if parts is None:
        return [((), structure)]
    try:
        return [((key, *path), leaf) for key, part in parts for path, leaf in flatten_with_path(part)]
    except RecursionError:
        _tree.leaves(structure)  # which says so, if it contains itself
        raise


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Return containers nested alike, with these leaves.

    Args:
        structure: containers whose nesting and keys the result has; their leaves do not matter.
        flat_sequence: the new leaves in the order of `flatten`, as many as the structure has.

    Raises:
        ValueError: if there are more or fewer leaves than places.

    Example:
        >>> pack_sequence_as({"b": [0, 0], "a": 0}, [1, 2, 3])
        {'b': [2, 3], 'a': 1}
    """
    new, places = list(flat_sequence), len(flatten(structure))
    if len(new) != places:
        raise ValueError(f"pack_sequence_as: expected {places} leaves, as in the structure; received {len(new)}")
    each = iter(new)
    return _rebuilt(structure, lambda _: next(each))


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Return containers nested alike, with func(leaf of each structure) in the place of each leaf.

    Args:
        func: called with as many leaves as there are structures.
        structures: nested alike.
        none_is_leaf: whether func is also called with None, which else stays.

    Raises:
        ValueError: if there is no structure, or they are not nested alike.

    Example:
        >>> map_structure(lambda x, y: x + y, {"a": 1}, {"a": 2})
        {'a': 3}
    """
    if not structures:
        raise ValueError("map_structure: expected at least one structure; received none")
    for other in structures[1:]:
        _same("map_structure", structures[0], other)
    rest = [iter(flatten(other)) for other in structures[1:]]

    def map_leaf(leaf: Any) -> Any:
        others = [next(leaves) for leaves in rest]
        if not none_is_leaf and leaf is None:
            return None
        return func(leaf, *others)

    return _rebuilt(structures[0], map_leaf)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Return containers nested as `shallow_structure`, with func(the parts of all structures there) for each leaf.

    Args:
        shallow_structure: containers whose nesting the result has.
        func: called with the parts of all structures at a leaf of `shallow_structure`; parts may be containers.
        structures: nested as `shallow_structure`, or deeper.

    Raises:
        ValueError: if there is no structure, or one is not nested so deep.

    Example:
        >>> map_structure_up_to([0, 0], len, [[1, 2], [3]])
        [2, 1]
    """
    if not structures:
        raise ValueError("map_structure_up_to: expected at least one structure; received none")
    columns = [iter([part for _, part in _zip(shallow_structure, other)]) for other in structures]
    return _rebuilt(shallow_structure, lambda _: func(*[next(column) for column in columns]))


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Return a structure in which func has replaced containers and leaves.

    Args:
        func: called with each container and leaf; returns what takes its place, None to go on inside (or to keep it,
            if called after its parts), or MAP_TO_NONE for None.
        structure: nested containers, or a leaf.
        top_down: whether a container comes before its parts.

    Example:
        >>> traverse(lambda x: tuple(x) if isinstance(x, list) else None, [1, [2]], top_down=False)
        (1, (2,))
    """
    try:
        if not top_down:
            structure = _with_parts(structure, lambda part: traverse(func, part, top_down=False))
        new = func(structure)
        if new is None:
            return _with_parts(structure, lambda part: traverse(func, part)) if top_down else structure
    except RecursionError:
        _tree.leaves(structure)  # which says so, if it contains itself
        raise
    return None if new is MAP_TO_NONE else new


def assert_same_structure(a: Any, b: Any, check_types: object = None) -> None:
    """Raise a ValueError unless both are nested alike, with containers of the same kinds; `check_types` is ignored.

    Args:
        a, b: nested containers, or leaves, whose values do not matter.
        check_types: accepted for Keras's programs; kinds of containers are always compared.

    Example:
        >>> assert_same_structure([1, (2, 3)], [4, (5, 6)])
    """
    _same("assert_same_structure", a, b)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise a ValueError unless both have leaves at the same paths; a list and a tuple may stand for each other.

    Args:
        a, b: nested containers, or leaves, whose values do not matter.

    Example:
        >>> assert_same_paths({"a": 1}, {"a": 2})
    """
    here, there = ({path for path, _ in flatten_with_path(x)} for x in (a, b))
    if here != there:
        raise ValueError(
            f"assert_same_paths: expected the same paths; only in a: {sorted(here - there, key=repr)}, "
            f"only in b: {sorted(there - here, key=repr)}"
        )


def lists_to_tuples(structure: Any) -> Any:
    """Return the structure with tuples for lists.

    Args:
        structure: nested dicts, lists and tuples, or a single leaf; None is a leaf too.

    Example:
        >>> lists_to_tuples([1, [2, 3]])
        (1, (2, 3))
    """
    return traverse(lambda x: tuple(x) if isinstance(x, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Return containers nested alike with func(shape) for each shape, a tuple or list of ints and None.

    Args:
        func: called with each shape.
        structure: shapes in nested containers; a tuple or list of nothing but ints and None counts as one shape.

    Example:
        >>> map_shape_structure(len, {"a": (None, 3), "b": [(2,)]})
        {'a': 2, 'b': [1]}
    """

    def is_shape(x: Any) -> bool:
        return isinstance(x, (list, tuple)) and all(isinstance(n, (int, type(None))) for n in x)

    return traverse(lambda x: _or_map_to_none(func(x)) if is_shape(x) or not is_nested(x) else None, structure)


def _or_map_to_none(value: Any) -> Any:
    return MAP_TO_NONE if value is None else value


def _parts(structure: Any) -> list[tuple[Any, Any]] | None:
    """Return the keys and parts of a container in order; None for a leaf."""
    if structure is None:
        return None
    if isinstance(structure, dict):
        keys = list(structure) if isinstance(structure, OrderedDict) else _sort(structure)
        return [(key, structure[key]) for key in keys]
    return list(enumerate(structure)) if isinstance(structure, (list, tuple)) else None


def _sort(keys: Iterable[Any]) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:  # of several kinds
        return sorted(keys, key=lambda key: (type(key).__qualname__, repr(key)))


def _with_parts(structure: Any, f: Callable[[Any], Any]) -> Any:
    """Return a container of the same kind with f(part) for each part, or a leaf itself."""
    parts = _parts(structure)
    if parts is None:
        return structure
    new = [f(part) for _, part in parts]
    if isinstance(structure, dict):
        by_key = {key: part for (key, _), part in zip(parts, new, strict=True)}
        new = [by_key[key] for key in structure]
    return _tree.rebuild(structure, new, leaf=lambda x: x is not structure)


def _rebuilt(structure: Any, f: Callable[[Any], Any]) -> Any:
    """Return the structure with f(leaf) for each leaf, in order."""
    if _parts(structure) is None:
        return f(structure)
    try:
        return _with_parts(structure, lambda part: _rebuilt(part, f))
    except RecursionError:
        _tree.leaves(structure)  # which says so, if it contains itself
        raise


def _zip(shallow: Any, deep: Any) -> list[tuple[Any, Any]]:
    """Return each leaf of a structure, with the part in its place in another."""
    parts = _parts(shallow)
    if parts is None:
        return [(shallow, deep)]
    others = _parts(deep)
    kinds = [dict if isinstance(x, dict) else type(x) for x in (shallow, deep)]
    if others is None or kinds[0] is not kinds[1] or len(parts) != len(others):
        raise ValueError(f"expected a container like {shallow!r:.80}; received {deep!r:.80}")
    if isinstance(shallow, dict):
        if shallow.keys() != deep.keys():
            raise ValueError(f"expected the keys {list(shallow)}; received {list(deep)}")
        others = [(key, deep[key]) for key, _ in parts]
    try:
        return [pair for (_, a), (_, b) in zip(parts, others, strict=True) for pair in _zip(a, b)]
    except RecursionError:
        _tree.leaves(shallow)  # which says so, if it contains itself
        raise


def _same(called: str, a: Any, b: Any) -> None:
    try:
        nested = any(is_nested(part) for _, part in _zip(a, b))
    except ValueError as error:
        raise ValueError(f"{called}: {error}") from None
    if nested:
        raise ValueError(f"{called}: expected the same structure; received {a!r:.80} and {b!r:.80}")

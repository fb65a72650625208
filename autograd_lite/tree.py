"""Containers of arrays as trees: dicts, lists, tuples, named tuples and dataclasses, nested and walked in one order.

Whatever is not a container is a leaf; None is an empty container. A predicate `leaf` makes leaves of more: where it is
true, nothing is looked into. A container that contains itself is refused with a TypeError.

Example:
    >>> from autograd_lite import tree
    >>> weights = {"kernel": [1.0, 2.0], "bias": 3.0}
    >>> tree.leaves(weights), tree.map(lambda w: -w, weights)
    ([1.0, 2.0, 3.0], {'kernel': [-1.0, -2.0], 'bias': -3.0})
    >>> tree.map(len, {"a": [1, 2], "b": []}, leaf=lambda x: isinstance(x, list))
    {'a': 2, 'b': 0}
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .core.arguments import OUR_PACKAGES
from .core.hooks import HOOKS

__all__ = [
    "items",
    "leaves",
    "map",
    "rebuild",
    "structure",
    "zip",
]
__dir__ = __all__.copy

Leaf = Callable[[Any], object] | None
# Classes that are certainly leaves, for speed; the Tensor class adds itself.
LEAVES: set[type] = {np.ndarray, float, int, bool, complex, str, np.float64, np.float32}


def leaves(tree: Any, *, leaf: Leaf = None) -> list[Any]:
    """Return the leaves of a tree in order.

    Args:
        tree: nested containers, or a single leaf.
        leaf: true of containers that are leaves.

    Example:
        >>> leaves(({"w": 1, "b": None}, [2, 3]))
        [1, 2, 3]
    """
    out: list[Any] = []
    try:
        _collect(tree, leaf, out)
    except RecursionError:
        _refuse_cycle(tree)
        raise
    return out


def items(tree: Any, path: str = "", *, leaf: Leaf = None) -> Iterator[tuple[str, Any]]:
    """Yield `(path, leaf)` for each leaf, with the path as Python spells it.

    Args:
        tree: nested containers, or a single leaf.
        path: what comes before every path, such as the name of a variable.
        leaf: true of containers that are leaves.

    Example:
        >>> list(items({"w": [1.0, 2.0], "b": 3.0}, "params"))
        [("params['w'][0]", 1.0), ("params['w'][1]", 2.0), ("params['b']", 3.0)]
    """
    children = None if leaf is not None and leaf(tree) else _children(tree)
    if children is None:
        yield path, tree
        return
    try:
        for suffix, child in builtins.zip(_suffixes(tree), children, strict=True):
            yield from items(child, path + suffix, leaf=leaf)
    except RecursionError:
        _refuse_cycle(tree)
        raise


def zip(tree: Any, other: Any, path: str = "", *, leaf: Leaf = None) -> Iterator[tuple[str, Any, Any]]:
    """Yield `(path, leaf, part)` for each leaf of `tree`, with the part of `other` at its path.

    Args:
        tree: nested containers, or a single leaf.
        other: containers nested alike, at least as deep; dicts are matched by key.
        path: what comes before every path.
        leaf: true of containers in `tree` that are leaves.

    Raises:
        ValueError: where `other` has no container of as many entries, or other keys.

    Example:
        >>> list(zip({"w": 1.0, "b": 2.0}, {"b": 5.0, "w": [3.0, 4.0]}))
        [("['w']", 1.0, [3.0, 4.0]), ("['b']", 2.0, 5.0)]
    """
    children = None if leaf is not None and leaf(tree) else _children(tree)
    if children is None:
        yield path, tree, other
        return
    try:
        for suffix, child, part in builtins.zip(
            _suffixes(tree), children, _matching(tree, children, other, path), strict=True
        ):
            yield from zip(child, part, path + suffix, leaf=leaf)
    except RecursionError:
        _refuse_cycle(tree)
        raise


def map(f: Callable[..., Any], tree: Any, *others: Any, leaf: Leaf = None) -> Any:
    """Return a tree of the same structure with `f(leaf)` in the place of each leaf.

    Args:
        f: called with a leaf, and with the parts of `others` in its place.
        tree: nested containers, or a single leaf.
        others: containers nested alike, at least as deep; dicts are matched by key.
        leaf: true of containers in `tree` that are leaves.

    Raises:
        ValueError: where one of `others` has no container of as many entries, or other keys.

    Example:
        >>> map(lambda w, g: w - g, {"w": [1.0, 2.0], "b": None}, {"w": [0.5, 0.5], "b": None})
        {'w': [0.5, 1.5], 'b': None}
    """
    children = None if leaf is not None and leaf(tree) else _children(tree)
    if children is None:
        return f(tree, *others)
    try:
        if not others:
            return _like(tree, [f(x) if x.__class__ in LEAVES else map(f, x, leaf=leaf) for x in children])
        rows = builtins.zip(children, *[_matching(tree, children, other, "") for other in others], strict=True)
        return _like(tree, [map(f, *row, leaf=leaf) for row in rows])
    except RecursionError:
        _refuse_cycle(tree)
        raise


def rebuild(tree: Any, new: Iterable[Any], *, leaf: Leaf = None) -> Any:
    """Return a tree of the same structure whose leaves are taken from `new`, in the order of `leaves`.

    Args:
        tree: nested containers, or a single leaf.
        new: the leaves; of an iterator only as many are taken as there are leaves.
        leaf: true of containers in `tree` that are leaves.

    Example:
        >>> rebuild({"w": [0, 0], "b": 0}, [1, 2, 3])
        {'w': [1, 2], 'b': 3}
    """
    each = iter(new)
    children = None if leaf is not None and leaf(tree) else _children(tree)
    if children is None:
        return next(each)
    try:
        return _like(tree, [next(each) if x.__class__ in LEAVES else rebuild(x, each, leaf=leaf) for x in children])
    except RecursionError:
        _refuse_cycle(tree)
        raise


def structure(tree: Any) -> Any:
    """Return a value that is equal for trees of the same containers, whatever their leaves are.

    Args:
        tree: nested containers, or a single leaf.

    Example:
        >>> structure({"w": [1.0, 2.0]}) == structure({"w": [3, 4]}), structure([1, None]) == structure([None, 1])
        (True, False)
    """
    children = _children(tree)
    if children is None:
        return None
    keys = tuple(tree) if isinstance(tree, dict) else () if children is tree else getattr(tree, "_fixed_part", ())
    try:
        return tree.__class__, keys, tuple([structure(child) for child in children])
    except RecursionError:
        _refuse_cycle(tree)
        raise


# ---- one container --------------------------------------------------------------------------------------------------


def _children(tree: Any) -> Collection[Any] | None:
    """Return what a container holds, in order, or None for a leaf."""
    kind = tree.__class__
    if kind in LEAVES:
        return None
    if isinstance(tree, (list, tuple)):
        return tree
    if isinstance(tree, dict):
        return tree.values()
    if tree is None:
        return ()
    if hasattr(kind, "__dataclass_fields__"):
        return [getattr(tree, name) for name in _names(tree)]
    return None


def _suffixes(tree: Any) -> Iterable[str]:
    """Return how Python reaches each child of a container."""
    if isinstance(tree, dict):
        return [f"[{key!r}]" for key in tree]
    if isinstance(tree, (list, tuple)) and not hasattr(tree, "_fields"):
        return [f"[{i}]" for i in range(len(tree))]
    return [] if tree is None else [f".{name}" for name in _names(tree)]


def _names(tree: Any) -> list[str]:
    """Return the names of the fields of a named tuple, or of those of a dataclass that its constructor takes."""
    if isinstance(tree, tuple):
        return list(tree._fields)  # type: ignore[attr-defined]
    import dataclasses  # who has one has loaded it

    return [field.name for field in dataclasses.fields(tree) if field.init]


def _like(tree: Any, children: list[Any]) -> Any:
    """Return a container of the same kind that holds these children."""
    kind = tree.__class__
    if kind is list:
        return children
    if kind is tuple:
        return tuple(children)
    if isinstance(tree, dict):
        new = dict(builtins.zip(tree, children, strict=True))
        if kind is dict:
            return new
        import copy

        other = copy.copy(tree)  # its constructor may take something else, as that of a defaultdict does
        other.update(new)
        return other
    if tree is None:
        return None
    if isinstance(tree, (list, tuple)):
        return kind(*children) if hasattr(tree, "_fields") else kind(children)
    import dataclasses

    return dataclasses.replace(tree, **dict(builtins.zip(_names(tree), children, strict=True)))


def _matching(tree: Any, children: Collection[Any], other: Any, path: str) -> Collection[Any]:
    """Return the children of `other` in the order of the children of `tree`."""
    parts = _children(other)
    where = f" at {path}" if path else ""
    if parts is None or len(parts) != len(children):
        raise ValueError(f"expected a container like {tree!r:.80}{where}; received {other!r:.80}")
    if isinstance(tree, dict) and isinstance(other, dict):
        if tree.keys() != other.keys():
            raise ValueError(f"expected the keys {list(tree)}{where}; received {list(other)}")
        return [other[key] for key in tree]
    return parts


def _collect(tree: Any, leaf: Leaf, out: list[Any]) -> None:
    children = None if leaf is not None and leaf(tree) else _children(tree)
    if children is None:
        out.append(tree)
        return
    for child in children:
        if child.__class__ in LEAVES:
            out.append(child)
        else:
            _collect(child, leaf, out)


# ---- containers that contain themselves -----------------------------------------------------------------------------


def _refuse_cycle(tree: Any) -> None:
    """Raise a TypeError if a container contains itself: called where a walk has run too deep, so it costs no other.

    The message names the argument of the public function that was called, which has its own names for it.
    """
    if _cycle(tree) is None:
        return
    call, outer = "tree", None
    frame = inspect.currentframe()
    while (frame := frame and frame.f_back) and str(frame.f_globals.get("__name__")).partition(".")[0] in OUR_PACKAGES:
        # What explains errors comes between a function and its caller.
        outer = outer if frame.f_code.co_qualname.startswith(("_boundary.", "folding", "<")) else frame
    if outer is not None:
        call = outer.f_code.co_qualname.partition(".<locals>")[0]
        if call.endswith(".__call__"):
            call = type(outer.f_locals["self"]).__name__
    arguments = dict(_arguments(outer)) if outer is not None else {}
    expected = f"{call}: expected containers that do not contain themselves"
    raise _cycle_error(call, arguments) or TypeError(f"{expected}; received a result that does") from None


def _cycle_error(call: str, arguments: Mapping[str, Any]) -> TypeError | None:
    """Return the error of a call of which an argument contains itself; None if none does."""
    for name, value in arguments.items():
        if (met := _cycle(value)) is not None:
            path, container = met
            return TypeError(
                f"{call}: expected containers that do not contain themselves; received {name}{path}, which is the "
                f"{type(container).__name__} that it is in. Leave that entry out, or let the function close over it"
            )
    return None


HOOKS.cycle_error = _cycle_error


def _arguments(frame: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arguments of a call in progress, as messages name them."""
    names, star, stars, values = inspect.getargvalues(frame)
    yield from [(name, values[name]) for name in names if name in values]
    yield from [(f"argument {i}", value) for i, value in enumerate(values.get(star, ()) if star else ())]
    yield from (values.get(stars, {}) if stars else {}).items()


def _cycle(tree: Any) -> tuple[str, Any] | None:
    """Return where in a tree a container is met again inside itself, and that container; None if all ends."""
    above, seen, steps = {id(tree): tree}, dict[int, Any](), [""]
    rows = [_entries(tree)]
    while rows:
        for suffix, child in rows[-1]:
            if id(child) in above and _children(child):
                return "".join(steps) + suffix, child
            if id(child) not in seen and _children(child):
                above[id(child)] = child
                steps.append(suffix)
                rows.append(_entries(child))
                break
        else:
            rows.pop()
            steps.pop()
            key, container = above.popitem()
            seen[key] = container
    return None


def _entries(tree: Any) -> Iterator[tuple[str, Any]]:
    children = _children(tree)
    return builtins.zip(_suffixes(tree), children, strict=True) if children else iter(())

"""`autograd_lite.tree`: one order for every kind of container, and a tree taken apart is the tree put together."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any, NamedTuple

import pytest

from autograd_lite import tree


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass(frozen=True)
class Layer:
    kernel: Any
    bias: Any = None


class Names(list):
    """A list of a custom class."""


TREES: dict[str, tuple[Any, list[str]]] = {
    "leaf": (1, [""]),
    "none": (None, []),
    "list": ([1, [2, 3]], ["[0]", "[1][0]", "[1][1]"]),
    "tuple": ((1, ()), ["[0]"]),
    "named tuple": (Pair(1, {"a": 2}), [".first", ".second['a']"]),
    "dict": ({"b": 1, "a": [2]}, ["['b']", "['a'][0]"]),
    "ordered dict": (collections.OrderedDict(b=1, a=2), ["['b']", "['a']"]),
    "defaultdict": (collections.defaultdict(list, {"a": [1]}), ["['a'][0]"]),
    "dataclass": (Layer((1, 2)), [".kernel[0]", ".kernel[1]"]),
    "subclass": (Names([1, 2]), ["[0]", "[1]"]),
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_taken_apart_and_put_together_is_the_same(name: str) -> None:
    given, paths = TREES[name]
    values = tree.leaves(given)
    assert list(tree.items(given)) == list(zip(paths, values, strict=True))
    assert [row[1:] for row in tree.zip(given, given)] == [(v, v) for v in values]
    for again in (tree.rebuild(given, values), tree.map(lambda x: x, given), tree.map(lambda x, _: x, given, given)):
        assert again == given
        assert type(again) is type(given)
    assert tree.leaves(tree.map(lambda x: x + 10, given)) == [v + 10 for v in values]


def test_a_defaultdict_keeps_its_factory() -> None:
    assert tree.map(lambda x: x, collections.defaultdict(list, a=1))["new"] == []


def test_rebuild_takes_no_more_from_an_iterator_than_it_has_leaves() -> None:
    each = iter(range(5))
    assert (tree.rebuild([0, 0], each), tree.rebuild({"a": 0}, each)) == ([0, 1], {"a": 2})
    assert list(each) == [3, 4]


def test_a_leaf_is_what_the_predicate_says() -> None:
    def leaf(x: object) -> bool:
        return isinstance(x, Pair) or x is None

    given = {"a": Pair(1, 2), "b": None}
    assert tree.leaves(given, leaf=leaf) == [Pair(1, 2), None]
    assert list(tree.items(given, leaf=leaf)) == [("['a']", Pair(1, 2)), ("['b']", None)]
    assert next(tree.zip(given, given, leaf=leaf)) == ("['a']", Pair(1, 2), Pair(1, 2))
    assert tree.map(str, given, leaf=leaf) == {"a": "Pair(first=1, second=2)", "b": "None"}
    assert tree.rebuild(given, [5, 6], leaf=leaf) == {"a": 5, "b": 6}


def test_dicts_are_matched_by_key_and_sequences_by_place() -> None:
    assert tree.map(lambda x, y: (x, y), {"a": 1, "b": [2]}, {"b": (4,), "a": 3}) == {"a": (1, 3), "b": [(2, 4)]}


@pytest.mark.parametrize("other", [{"a": 1}, {"a": 1, "c": 2}, {"a": 1, "b": 2, "c": 3}, 5, None])
def test_another_structure_is_refused(other: Any) -> None:
    given = {"a": 1, "b": 2}
    with pytest.raises(ValueError, match="expected .*; received"):
        tree.map(max, given, other)
    with pytest.raises(ValueError, match="params"):
        list(tree.zip({"x": given}, {"x": other}, "params"))

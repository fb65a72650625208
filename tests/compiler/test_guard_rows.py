"""What a trace rests on: whatever changes between two calls is noticed, in C as in Python."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import extend
from autograd_lite.compiler.guards import (
    KINDS,
    MISSING,
    Guard,
    Guards,
    check_in_c,
    check_in_python,
    content_of,
    guard_on_array,
    guards_on_gradient,
    guards_on_host_state,
    guards_on_tensor,
    parts_of,
)
from autograd_lite.core.node import LEAF
from autograd_lite.ir.host_record import HostState
from autograd_lite.native.kernels import INSTRUCTIONS, REASON

WAYS = {"in Python": check_in_python, "in C": check_in_c}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Any:
    if request.param == "in C" and not INSTRUCTIONS:
        pytest.skip(f"native kernels are {REASON}")
    return WAYS[request.param]


class Box:
    rate = 1.0
    thing: Any = None


class Subject:
    """What there may be around a function."""

    def __init__(self) -> None:
        self.w = ag.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="w")
        self.c = ag.tensor(np.float32(2.0))
        self.graded = ag.tensor(np.ones((3, 2)), requires_grad=True)
        self.graded.grad = np.ones((3, 2))
        self.hooked = ag.tensor(np.ones(2), requires_grad=True)
        self.handle = self.hooked.register_hook(lambda g: None)
        self.a = np.arange(4.0)
        self.things: dict[str, Any] = {"rate": 1, "name": "sgd", "nothing": None, "flag": True, "list": [1, 2]}
        self.row: list[Any] = [0.5, self.things]
        self.box = Box()
        self.settings: dict[str, Any] = {"a": 1, "b": (1.5, "x"), "z": 0.0}
        self.names = ["a", "b"]
        self.table = np.arange(6.0).reshape(2, 3).T
        self.cell = (lambda: self).__closure__[0]
        self.function = lambda x=1, *, y=2: x + y
        self.kind = type("Kind", (), {"rate": 1.0})

    def facts(self) -> list[Guard]:
        host_state = HostState(lambda *_: None)
        for name in self.things:
            host_state.pin(self.things, name)
        for k in range(len(self.row)):
            host_state.pin(self.row, k)
        host_state.rest(getattr, (self.box, "rate"), self.box.rate)
        host_state.rest(getattr, (self.box, "thing"), self.box.thing)
        found = [
            *guards_on_tensor(self.w),
            *guards_on_tensor(self.c),
            *guards_on_tensor(self.graded),
            guard_on_array(self.a),
        ]
        for leaf in (self.w, self.graded, self.hooked):
            found += guards_on_gradient(leaf, leaf.grad)
        guards = [
            Guard("contents", self.settings, None, content_of(self.settings), "settings"),
            Guard("contents", self.names, None, content_of(self.names), "names"),
            Guard("elements", self.table, None, np.array(self.table, order="C"), "table"),
            Guard("cell", self.cell, None, self, "cell"),
            Guard("function", self.function, None, parts_of(self.function), "function"),
            Guard("class item", self.kind, "rate", 1.0, "rate of the class"),
            Guard("class item", self.kind, "depth", MISSING, "depth of the class"),
            Guard("item", self.things, "absent", MISSING, "absent"),
        ]
        return [*found, *guards_on_host_state(host_state), *guards]


def setattr_shape(a: np.ndarray) -> np.ndarray:
    a.shape = (1, 3, 2)
    return a


def clear(cell: Any) -> None:
    del cell.cell_contents


def put(name: str, value: Any) -> Callable[[Subject], Any]:
    return lambda s: operator.setitem(s.things, name, value)


def values(name: str, new: Callable[[Any], Any]) -> Callable[[Subject], Any]:
    return lambda s: setattr(getattr(s, name), "_data", new(getattr(s, name)._data))


def graded(new: Any) -> Callable[[Subject], Any]:
    return lambda s: setattr(s.graded, "grad", new)


# What breaks a fact, with what is then said.
CHANGES: dict[str, tuple[Callable[[Subject], Any], str]] = {
    "another shape": (values("w", lambda a: a.T.copy()), "'w' (2, 3) float64 requires a gradient"),
    "another axis": (values("w", lambda a: a[None]), "'w' (2, 3) float64"),
    "another order in memory": (values("w", np.asfortranarray), "'w' (2, 3) float64"),
    "another dtype": (values("w", lambda a: a.astype(np.float32)), "'w' (2, 3) float64"),
    "another order of bytes": (values("w", lambda a: a.astype(">f8")), "'w' (2, 3) float64"),
    "another dtype of a scalar": (values("c", np.float64), "a captured tensor () float32"),
    "an axis in the place of a scalar": (values("c", lambda a: np.float32([a])), "a captured tensor () float32"),
    "it is frozen": (lambda s: setattr(s.w, "requires_grad", False), "'w' (2, 3) float64 requires a gradient"),
    "it is trained": (lambda s: setattr(s.c, "requires_grad", True), "a captured tensor () float32"),
    "a gradient": (lambda s: setattr(s.w, "grad", s.w._data), "`.grad` of 'w' is None before the call"),
    "no gradient": (graded(None), "`.grad` of a captured tensor is not None before"),
    "a gradient in another order": (graded(np.ones((2, 3)).T), "`.grad` of a captured tensor is not None before"),
    "a hook": (lambda s: s.w.register_hook(lambda g: g), "'w' has the same hooks"),
    "no hook": (lambda s: s.handle.remove(), "a captured tensor has the same hooks"),
    "another hook": (lambda s: s.hooked._hooks.__setitem__(0, print), "a captured tensor has the same hooks"),
    "an array is laid out anew": (lambda s: s.a.resize((2, 2), refcheck=False), "an array that the function finds"),
    "another number": (put("rate", 2), "rate is as it was"),
    "a number of another class": (put("rate", 1.0), "rate is as it was"),
    "a bool for a number": (put("rate", True), "rate is as it was"),
    "a number for a bool": (put("flag", 1), "flag is as it was"),
    "another text": (put("name", "adam"), "name is as it was"),
    "something for None": (put("nothing", 0), "nothing is as it was"),
    "an equal list": (put("list", [1, 2]), "list is as it was"),
    "a number less": (lambda s: s.things.pop("rate"), "rate is as it was"),
    "another item of a list": (lambda s: operator.setitem(s.row, 0, 0.25), "0 is as it was"),
    "a shorter list": (lambda s: s.row.pop(), "1 is as it was"),
    "zero with the other sign": (lambda s: operator.setitem(s.settings, "z", -0.0), "settings"),
    "another value of a key": (lambda s: operator.setitem(s.settings, "a", 2), "settings"),
    "another item of a tuple": (lambda s: operator.setitem(s.settings, "b", (1.5, "y")), "settings"),
    "another class in a tuple": (lambda s: operator.setitem(s.settings, "b", (1.5, b"x")), "settings"),
    "a longer tuple": (lambda s: operator.setitem(s.settings, "b", (1.5, "x", 1)), "settings"),
    "a key more": (lambda s: operator.setitem(s.settings, "c", 1), "settings"),
    "a key for another": (lambda s: s.settings.update(y=s.settings.pop("z")), "settings"),
    "a key less": (lambda s: s.settings.pop("a"), "settings"),
    "an item more": (lambda s: s.names.append("c"), "names"),
    "items in another order": (lambda s: s.names.reverse(), "names"),
    "an element": (lambda s: operator.setitem(s.table, (2, 1), 7.0), "table"),
    "an element with another sign": (lambda s: operator.setitem(s.table, (0, 0), -0.0), "table"),
    "an array in another shape": (lambda s: setattr(s, "table", setattr_shape(s.table)), "table"),
    "another variable": (lambda s: setattr(s.cell, "cell_contents", 1), "cell"),
    "a variable without a value": (lambda s: clear(s.cell), "cell"),
    "other code": (lambda s: setattr(s.function, "__code__", (lambda x, *, y: x).__code__), "function"),
    "another default": (lambda s: setattr(s.function, "__defaults__", (3,)), "function"),
    "another default of a keyword": (lambda s: setattr(s.function, "__kwdefaults__", {"y": 2}), "function"),
    "another attribute of a class": (lambda s: setattr(s.kind, "rate", 2.0), "rate of the class"),
    "a class without it": (lambda s: delattr(s.kind, "rate"), "rate of the class"),
    "a new attribute of a class": (lambda s: setattr(s.kind, "depth", 1), "depth of the class"),
    "a new key": (put("absent", 1), "absent"),
    "what a function returns": (lambda s: setattr(s.box, "rate", 2.0), "a name that the function reads is as it was"),
    "the object that one returns": (lambda s: setattr(s.box, "thing", 0), "a name that the function reads is as it"),
}
# What does not.
KEPT: dict[str, Callable[[Subject], Any]] = {
    "nothing": lambda s: None,
    "other values": lambda s: s.w.assign(np.full((2, 3), np.nan)),
    "another array": values("w", np.array),
    "a scalar as an array": values("c", np.asarray),
    "another gradient": graded(np.zeros((3, 2))),
    "an equal number": put("rate", int("1")),
    "an equal text": put("name", "".join(["s", "gd"])),
    "a hook that is gone again": lambda s: s.w.register_hook(print).remove(),
    "what is in a list": lambda s: s.things["list"].append(3),
    "another thing": put("other", 1),
    "other numbers in an array": lambda s: s.a.fill(7.0),
    "an equal tuple": lambda s: operator.setitem(s.settings, "b", (float("1.5"), "x")),
    "an equal element": lambda s: operator.setitem(s.table, (2, 1), s.table[2, 1]),
    "another attribute": lambda s: setattr(s.kind, "other", 1),
    "an equal result": lambda s: setattr(s.box, "rate", float("1.0")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_is_noticed(way: Any, name: str) -> None:
    subject = Subject()
    change, message = CHANGES[name]
    rows = subject.facts()
    found = way(rows, [])
    assert found() == ()
    change(subject)
    assert found() is None
    assert Guards(rows).why_broken().startswith(f"it is no longer true that {message}")


@pytest.mark.parametrize("name", KEPT)
def test_what_does_not_matter_may_change(way: Any, name: str) -> None:
    subject = Subject()
    rows = subject.facts()
    found = way(rows, [])
    KEPT[name](subject)
    assert found() == ()
    assert Guards(rows).why_broken() == ""


def test_every_kind_of_fact_is_broken_above() -> None:
    assert {fact.kind for fact in Subject().facts()} == KINDS.keys()


def test_the_arrays_that_are_taken(way: Any) -> None:
    subject = Subject()
    rows = subject.facts()
    places = {(fact.kind, id(fact.owner)): k for k, fact in enumerate(rows)}
    w, c, a = places["values", id(subject.w)], places["values", id(subject.c)], places["array", id(subject.a)]
    g = places["gradient", id(subject.graded)]
    found = way(rows, [(g, False), (w, True), (a, False), (c, False)])
    seen = found()
    assert [x is y for x, y in zip(seen, (subject.graded.grad._data, subject.w._data, subject.a), strict=False)] == [
        True,
        True,
        True,
    ]
    assert seen[3] is subject.c._data


@pytest.mark.parametrize("a", [np.array(["a", "b"], np.dtypes.StringDType()), np.array([None, 1]), np.ones(2, "i4,f8")])
def test_arrays_of_every_dtype_are_looked_at(way: Any, a: np.ndarray) -> None:
    a = a.copy()
    found = way([guard_on_array(a)], [(0, False)])
    assert found()[0] is a
    a.resize((2, 1), refcheck=False)
    assert found() is None


class Sharing(NamedTuple):
    share: Callable[[ag.Tensor], Any]
    leaf: bool = True


SHARED = {
    "a view": Sharing(lambda w: w.detach()),
    "two Tensors": Sharing(lambda w: ag.tensor(w, copy=False)),
    "memory that cannot be written": Sharing(lambda w: w._data.setflags(write=False)),
    "a scalar": Sharing(lambda w: setattr(w, "_data", w._data[0, 0])),
    "not a leaf": Sharing(lambda w: None, leaf=False),
}


@pytest.mark.parametrize("name", SHARED)
def test_what_is_written_into_is_no_one_elses(way: Any, name: str) -> None:
    w = ag.tensor(np.ones((1, 1)), requires_grad=SHARED[name].leaf)
    rows = list(guards_on_tensor(w))
    before, kept = w._data, SHARED[name].share(w)
    if before.shape != np.shape(w._data):
        rows = list(guards_on_tensor(w))
    (taken,) = way(rows, [(0, True)])()
    assert taken is w._data
    assert taken.flags.writeable
    assert (taken is before) == (name == "not a leaf")
    assert kept is None or not np.may_share_memory(taken, kept._data)
    assert not getattr(w, "_shared", False)


def test_errors_in_what_is_asked_are_raised(way: Any) -> None:
    def asks() -> Any:
        raise ZeroDivisionError

    class Odd(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            raise LookupError(key)

    with pytest.raises(ZeroDivisionError):
        way([Guard("result", asks, (), None, "")], [])()
    assert way([Guard("item", Odd(), "x", None, "")], [])() is None


@pytest.mark.parametrize(
    "row",
    [
        Guard("unknown", None, None, None, ""),
        Guard("values", np.ones(2), None, ((2,), (8,), np.dtype(float)), ""),
        Guard("leaf", LEAF, None, None, ""),
        Guard("values", ag.tensor(1.0), None, ((), ()), ""),
        Guard("result", print, "x", None, ""),
        Guard("hooks", ag.tensor(1.0), None, (), ""),
        Guard("cell", 1, None, 1, ""),
        Guard("class item", 1, "x", 1, ""),
        Guard("class item", int, 1, 1, ""),
        Guard("contents", [], None, [], ""),
        Guard("contents", {}, None, (1,), ""),
        Guard("elements", np.ones(2), None, [], ""),
        Guard("elements", np.ones((2, 2)), None, np.ones((2, 3))[:, :2], ""),
        Guard("function", print, None, (1, 2, 3), ""),
        Guard("function", lambda: 1, None, (1, 2), ""),
    ],
)
def test_rows_in_c_are_checked(row: Guard) -> None:
    if not INSTRUCTIONS:
        pytest.skip(f"native kernels are {REASON}")
    with pytest.raises(TypeError):
        check_in_c([row], [])


@pytest.mark.parametrize("taken", [[(1, False)], [(-1, False)], [(0, False), (0, True)]])
def test_what_is_taken_in_c_is_checked(taken: Any) -> None:
    if not INSTRUCTIONS:
        pytest.skip(f"native kernels are {REASON}")
    with pytest.raises(ValueError, match="different rows"):
        check_in_c([guard_on_array(np.ones(2))], taken)


# ---- in a compiled function ------------------------------------------------------------------------------------------


def programs() -> Iterator[tuple[str, Callable[[], tuple[Callable[[], Any], Callable[[], Any]]]]]:
    """Yield functions, each with something that changes what they do."""

    def of_array_in_a_closure() -> Any:
        a = np.arange(6.0)
        return lambda: ag.tensor(1.0) * a, lambda: a.resize((2, 3), refcheck=False)

    def of_gradient_order() -> Any:
        w = ag.tensor(np.ones((2, 3)), requires_grad=True)

        def f() -> Any:
            w.grad = np.full((2, 3), 2.0) if w.grad is None else w.grad
            (w * w).sum().backward()
            return w.grad * 1

        return f, lambda: setattr(w, "grad", np.arange(6.0).reshape(3, 2).T)

    def of_frozen() -> Any:
        w, v = (ag.tensor(np.ones(2), requires_grad=True) for _ in range(2))

        def f() -> Any:
            w.grad = v.grad = None
            (w * v).sum().backward()
            return [None if t.grad is None else t.grad * 1 for t in (w, v)]

        return f, lambda: setattr(v, "requires_grad", False)

    def of_shared_memory() -> Any:
        w = ag.tensor(np.ones(3), requires_grad=True)
        seen: list[ag.Tensor] = []

        def f() -> Any:
            w.assign_sub(np.ones(3))
            return w * 1

        return f, lambda: seen.append(w.detach())

    yield from {k: v for k, v in locals().items() if k.startswith("of_")}.items()


@pytest.mark.filterwarnings("ignore:compile. the function 'f' runs as it is. two calls did not do the same")
@pytest.mark.parametrize("name", dict(programs()))
def test_a_compiled_function_notices(name: str) -> None:
    made = dict(programs())[name]
    (f, change), (g, twin) = made(), made()
    compiled = ag.compile(f)
    for k in range(8):
        if k == 4:
            change()
            twin()
        ours, theirs = compiled(), g()
        for a, b in zip(ag.tree.leaves(ours), ag.tree.leaves(theirs), strict=True):
            assert np.shape(a) == b.shape
            assert np.array_equal(a._data if isinstance(a, ag.Tensor) else a, b._data)
            assert np.asarray(a._data if isinstance(a, ag.Tensor) else a).strides == b._data.strides


def test_same_objects_are_the_very_same() -> None:
    one: list[Any] = [1.0, "a"]
    containers: tuple[Any, ...] = ({"x": one, "y": 2}, one, (one,), {3})
    objects = (one, 2, *one, one, 3)
    assert extend.same_objects(containers, objects)
    assert not extend.same_objects(containers, objects[:-1])
    assert not extend.same_objects(containers, (*objects, 3))
    one[0] = float("1.0")
    assert not extend.same_objects(containers, objects)

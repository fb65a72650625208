"""A container that contains itself: every function that walks containers ends, in a TypeError that names the argument.

It is tried as each argument that may be a container, and as the result. A walk that does not end is stopped by a timer.
"""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite import tree
from autograd_lite.testing import check_grads

X = np.ones(2)


@dataclasses.dataclass
class Pair:
    first: Any
    second: Any = None


def a_list() -> Any:
    cycle: Any = []
    cycle.append(cycle)
    return cycle


def a_dict_in_a_tuple() -> Any:
    cycle: Any = {"a": X}
    cycle["b"] = (X, [cycle])
    return cycle


def a_dataclass() -> Any:
    cycle = Pair(X)
    cycle.second = [cycle]
    return cycle


CYCLES: dict[str, tuple[Callable[[], Any], str]] = {
    "list": (a_list, "[0], which is the list"),
    "dict": (a_dict_in_a_tuple, "['b'][1][0], which is the dict"),
    "dataclass": (a_dataclass, ".second[0], which is the Pair"),
}


def total(x: Any, _: Any = None) -> Any:
    return (x * x).sum()


def twice(x: Any, _: Any = None) -> Any:
    return x * 2


# What is called, with the name of the argument that contains itself, or "".
CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "grad": ("argument 1", lambda c: ag.grad(total)(X, c)),
    "grad, keyword": ("_", lambda c: ag.grad(total)(X, _=c)),
    "grad by it": ("argument 0", lambda c: ag.grad(total)(c)),
    "grad, result": ("", lambda c: ag.grad(lambda x: c)(X)),
    "value_and_grad": ("argument 1", lambda c: ag.value_and_grad(total)(X, c)),
    "vjp": ("argument 1", lambda c: ag.vjp(twice)(X, c)),
    "jvp": ("primals[1]", lambda c: ag.jvp(twice)((X, c), (X, c))),
    "linearize": ("argument 1", lambda c: ag.linearize(twice)(X, c)),
    "jacobian": ("argument 1", lambda c: ag.jacobian(twice)(X, c)),
    "hessian": ("argument 1", lambda c: ag.hessian(total)(X, c)),
    "hvp": ("argument 1", lambda c: ag.hvp(total)(X, c, X)),
    "vmap": ("argument 1", lambda c: ag.vmap(twice, in_axes=(0, None))(X, c)),
    "vmap over it": ("argument 1", lambda c: ag.vmap(twice)(X, c)),
    "vmap, result": ("", lambda c: ag.vmap(lambda x: c)(X)),
    "compile": ("argument 1", lambda c: ag.compile(twice)(X, c)),
    "compile, keyword": ("_", lambda c: ag.compile(twice)(X, _=c)),
    "compile, result": ("", lambda c: ag.compile(lambda x: c)(X)),
    "checkpoint": ("argument 1", lambda c: ag.checkpoint(twice)(X, c)),
    "primitive": ("argument 1", lambda c: ag.primitive(twice)(X, c)),
    "stop_gradient": ("x", ag.stop_gradient),
    "scan": ("init", lambda c: ag.scan(lambda s, x: (s, x), c, X)),
    "scan over it": ("xs", lambda c: ag.scan(lambda s, x: (s, x), X, c)),
    "cond": ("argument 0", lambda c: ag.cond(True, twice, twice, c)),
    "while_loop": ("init_val", lambda c: ag.while_loop(lambda s: False, twice, c)),
    "fori_loop": ("init_val", lambda c: ag.fori_loop(0, 3, lambda i, s: s, c)),
    "trace": ("argument 1", lambda c: ag.trace(twice, X, c)),
    "minimize": ("x0", lambda c: ag.optimize.minimize(total, c)),
    "check_grads": ("inputs[1]", lambda c: check_grads(total, X, c)),
    "hips": ("argument 0", lambda c: ag.hips.grad(total)(c)),
    "leaves": ("tree", tree.leaves),
    "map": ("tree", lambda c: tree.map(twice, c)),
    "map of two": ("tree", lambda c: tree.map(twice, c, c)),
    "items": ("tree", lambda c: list(tree.items(c))),
    "zip": ("tree", lambda c: list(tree.zip(c, c))),
    "rebuild": ("tree", lambda c: tree.rebuild(c, iter(int, 1))),
    "structure": ("tree", tree.structure),
}
# Those of Keras's names, to which dataclasses are leaves, as they are to HIPS's.
KERAS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "flatten": ("structure", nn.tree.flatten),
    "flatten_with_path": ("structure", nn.tree.flatten_with_path),
    "pack_sequence_as": ("structure", lambda c: nn.tree.pack_sequence_as(c, [1])),
    "map_structure": ("argument 0", lambda c: nn.tree.map_structure(twice, c)),
    "map_structure, two": ("argument 0", lambda c: nn.tree.map_structure(twice, c, c)),
    "map_structure_up_to": ("shallow_structure", lambda c: nn.tree.map_structure_up_to(c, twice, c)),
    "traverse": ("structure", lambda c: nn.tree.traverse(lambda x: None, c)),
    "traverse, bottom up": ("structure", lambda c: nn.tree.traverse(lambda x: None, c, top_down=False)),
    "assert_same_structure": ("a", lambda c: nn.tree.assert_same_structure(c, c)),
    "assert_same_paths": ("a", lambda c: nn.tree.assert_same_paths(c, c)),
    "lists_to_tuples": ("structure", nn.tree.lists_to_tuples),
    "map_shape_structure": ("structure", lambda c: nn.tree.map_shape_structure(twice, c)),
    "a layer": ("argument 0", lambda c: nn.layers.Dense(1)(c)),
}


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TimeoutError("the walk does not end")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 20)  # of the processor: other programs may have it for long
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("kind", ["list", *(pytest.param(kind, marks=pytest.mark.ci) for kind in [*CYCLES][1:])])
@pytest.mark.parametrize("call", [*CALLS, *(f"nn: {name}" for name in KERAS)])
def test_a_container_that_contains_itself_is_refused(call: str, kind: str) -> None:
    make, path = CYCLES[kind]
    if kind == "dataclass" and call.startswith(("nn: ", "hips")):
        return
    name, f = CALLS[call] if call in CALLS else KERAS[call.removeprefix("nn: ")]
    with pytest.raises(TypeError, match="do not contain themselves") as caught:
        f(make())
    assert ("received a result that does" if not name else f"received {name}{path} that it is in") in str(caught.value)


def test_what_is_deep_but_ends_is_no_cycle() -> None:
    deep: Any = []
    for _ in range(3000):
        deep = [deep]
    with pytest.raises(RecursionError):
        tree.leaves(deep)


def test_an_entry_that_is_there_twice_is_no_cycle() -> None:
    shared = [1.0]
    assert tree.leaves([shared, shared, {"a": shared}]) == [1.0] * 3
    with pytest.raises(RecursionError, match="the user's own"):
        tree.map(_endless, [shared, shared])


def _endless(_: Any) -> Any:
    raise RecursionError("the user's own")

"""Differences: every node is in one place, both directions say the same, and a planted edit is that edit."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import autograd_lite as ag
from autograd_lite.graph import Graph, GraphDiff, Kind, build_graph, diff

from ..samples import HOSTILE, SAMPLES

OPS: dict[str, Any] = {
    "sin": np.sin,
    "tanh": np.tanh,
    "add": np.add,
    "multiply": np.multiply,
    "double": lambda x: x * 2.0,
    "turn": lambda x: x[::-1],
}
TWO = ("add", "multiply")


class Step(NamedTuple):
    """One operation of a random program, on the results of earlier ones: indices counted back from the last."""

    op: str
    x: int
    y: int


STEPS = st.builds(Step, st.sampled_from(sorted(OPS)), st.integers(0, 5), st.integers(0, 5))
PROGRAMS = st.lists(STEPS, min_size=1, max_size=25)


PAIRS = list(itertools.permutations(["perceptron", "diamond", "recurrent", "indexing"], 2))


def run(steps: Sequence[Step], *, names: Sequence[str] = ("a", "b"), shape: int = 3) -> list[ag.Tensor]:
    made = [ag.tensor(np.ones(shape), requires_grad=True, name=n) for n in names]
    for step in steps:
        x, y = made[-1 - step.x % len(made)], made[-1 - step.y % len(made)]
        made.append(OPS[step.op](x, y) if step.op in TWO else OPS[step.op](x))
    return made


def graph_of(steps: Sequence[Step], *, backward: bool = False, **options: Any) -> Graph:
    made = run(steps, **options)
    return build_graph(sum(made[-3:], made[0]).sum(), backward=backward)


def check(d: GraphDiff) -> None:
    """Hold a difference against what it claims, by definition."""
    a, b = d.a, d.b
    kept_a, kept_b = [i for i, _ in d.pairs], [j for _, j in d.pairs]
    assert sorted([*kept_a, *d.removed]) == sorted(n.id for n in a)
    assert sorted([*kept_b, *d.added]) == sorted(n.id for n in b)
    assert len(set(kept_a)) == len(d.pairs)
    assert {(c.a, c.b) for c in d.changed} <= set(d.pairs) >= set(d.moved)
    to_b, changed = dict(d.pairs), {c.b for c in d.changed}
    for i, j in d.pairs:
        x, y = a[i], b[j]
        carried = replace(
            x,
            id=j,
            inputs=tuple([to_b.get(k, "") for k in x.inputs]),
            of=to_b.get(x.of, "gone") if x.of else "",
            toward=to_b.get(x.toward, "gone") if x.toward else "",
            flops=y.flops,
        )
        assert (carried == y) == (j not in changed), (str(x), str(y))
    steady = [(i, j) for i, j in d.pairs if (i, j) not in set(d.moved)]
    assert [int(i[1:]) for i, _ in steady] == sorted(int(i[1:]) for i, _ in steady)
    check_merged(d)


def check_merged(d: GraphDiff) -> None:
    graph, overlay = d.merge()
    looks = {i: mark.look for i, mark in overlay.marks.items()}
    gone = {i for i, look in looks.items() if look == "removed"}
    assert len(gone) == len(d.removed)
    assert len(graph) == len(d.b) + len(d.removed)
    assert sum(look == "added" for look in looks.values()) == len(d.added)
    assert sum(look == "changed" for look in looks.values()) == len(d.changed)
    # Without what was removed it is the graph after, node for node.
    rest = [n for n in graph if n.id not in gone]
    back = {mine.id: theirs.id for mine, theirs in zip(rest, d.b, strict=True)}
    for mine, theirs in zip(rest, d.b, strict=True):
        assert tuple([back[i] for i in mine.inputs if i not in gone]) == theirs.inputs
        assert (mine.op, mine.params, mine.shape, mine.name) == (theirs.op, theirs.params, theirs.shape, theirs.name)
    assert tuple([back[i] for i in graph.outputs]) == d.b.outputs


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_nothing_is_different_from_itself(sample: Any, backward: bool) -> None:
    graph = build_graph(sample(), backward=backward)
    d = diff(graph, build_graph(sample(), backward=backward))
    assert not d
    assert d.summary() == f"no difference, {len(graph):,} the same"
    assert d.to_text() == f"# {d.summary()}\n@@ {len(graph):,} the same @@"
    assert d.merge()[0] == graph
    assert d.merge()[1].marks == {}
    check(d)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_samples_beside_each_other(one: str, other: str) -> None:
    a, b = build_graph(SAMPLES[one](), backward=True), build_graph(SAMPLES[other](), backward=True)
    d = diff(a, b)
    assert d
    assert d == diff(b, a).inverse()
    check(d)


@given(PROGRAMS, PROGRAMS, st.booleans())
def test_laws(first: list[Step], second: list[Step], backward: bool) -> None:
    a, b = graph_of(first, backward=backward), graph_of(second, backward=backward)
    d = diff(a, b)
    check(d)
    assert bool(d) == (a != b)
    assert diff(b, a) == d.inverse()
    assert d.inverse().inverse() == d
    assert str(diff(a, b)) == str(d)


@given(PROGRAMS, st.data())
def test_another_operation(steps: list[Step], data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(steps) - 1))
    edited = [*steps]
    edited[k] = replace_op(steps[k])
    a, b = graph_of(steps), graph_of(edited)
    d = diff(a, b)
    check(d)
    if a == b:  # the operation leads nowhere
        assert not d
        return
    assert (d.added, d.removed) == ((), ())
    assert len(d.changed) == 1
    assert [str(x) for x in d.changed[0].differences] == [f"op: {steps[k].op} → {edited[k].op}"]


def replace_op(step: Step) -> Step:
    """Exchange an operation for another with as many inputs and parameters."""
    other = {"sin": "tanh", "tanh": "sin", "add": "multiply", "multiply": "add"}.get(step.op)
    return Step(other, step.x, step.y) if other else step


@given(PROGRAMS, st.data())
def test_an_operation_in_between(steps: list[Step], data: st.DataObject) -> None:
    """An operation that is nowhere else, put between a result and all that reads it."""
    k = data.draw(st.integers(0, len(steps)))

    def graph(edit: bool) -> Graph:
        made = run(steps[:k])
        if edit:
            made[-1] = np.cbrt(made[-1])
        for step in steps[k:]:
            x, y = made[-1 - step.x % len(made)], made[-1 - step.y % len(made)]
            made.append(OPS[step.op](x, y) if step.op in TWO else OPS[step.op](x))
        return build_graph(sum(made[-3:], made[0]).sum())

    a, b = graph(False), graph(True)
    d = diff(a, b)
    check(d)
    if a == b:
        assert not d
        return
    assert [b[i].op for i in d.added] == ["cbrt"]
    assert d.removed == ()
    assert {x.name for c in d.changed for x in c.differences} == {"reads"}
    assert len(d.changed) == len({n.id for n in b if d.added[0] in n.inputs})
    back = diff(b, a)
    assert [b[i].op for i in back.removed] == ["cbrt"]
    assert back.added == ()


@given(PROGRAMS, st.sampled_from(["b2", "c", *HOSTILE[:8]]))
def test_another_name(steps: list[Step], name: str) -> None:
    a, b = graph_of(steps), graph_of(steps, names=("a", name))
    d = diff(a, b)
    check(d)
    assert (d.added, d.removed, d.moved) == ((), (), ())
    assert len(d.changed) == (a != b)
    assert all(c.differences[0].name == "name" for c in d.changed)


@given(PROGRAMS)
def test_other_shapes_leave_the_structure(steps: list[Step]) -> None:
    d = diff(graph_of(steps), graph_of(steps, shape=7))
    check(d)
    assert (d.added, d.removed, d.moved) == ((), (), ())
    assert {x.name for c in d.changed for x in c.differences} <= {"shape"}


def test_repeated_blocks_that_are_fewer() -> None:
    def chain(n: int) -> Graph:
        h: Any = ag.tensor(np.ones(3), requires_grad=True, name="x")
        for _ in range(n):
            h = np.tanh(h * 1.5 + 0.5)
        return build_graph(h.sum())

    d = diff(chain(20), chain(15))
    check(d)
    assert len(d.removed) == 5 * 5
    assert [c.differences[0].name for c in d.changed] == ["reads"]
    assert d.moved == ()


def test_what_stands_between_two_edits_is_aligned_in_order() -> None:
    def made(*ops: Any) -> Graph:
        h: Any = ag.tensor(np.ones(3), requires_grad=True, name="x")
        for op in ops:
            h = op(h)
        return build_graph(h.sum())

    between = (np.cos, np.cos, np.arctan, np.cos)
    a = made(np.sin, np.tanh, *between, np.exp, np.sin)
    b = made(np.sin, np.square, np.cbrt, *between, np.sqrt, np.log1p, np.sin)
    d = diff(a, b)
    check(d)
    assert [a[i].op for i in d.removed] == ["tanh", "exp"]
    assert [b[i].op for i in d.added] == ["square", "cbrt", "sqrt", "log1p"]
    assert {x.name for c in d.changed for x in c.differences} == {"reads"}


def test_parameters_frozen_dtypes_and_arguments() -> None:
    def made(**options: Any) -> Graph:
        dtype, axis, frozen = options.get("dtype", "float64"), options.get("axis", 0), options.get("frozen", False)
        w = ag.tensor(np.ones((3, 3), dtype), requires_grad=not frozen, name="w")
        v = ag.tensor(np.ones((3, 3)), requires_grad=True, name="v")
        return build_graph((w * v).sum(axis=axis))

    base = made()
    (change,) = diff(base, made(axis=1)).changed
    assert [str(d) for d in change.differences] == ["axis: (0,) → (1,)"]
    assert [str(d) for c in diff(base, made(dtype="float32")).changed for d in c.differences] == [
        "dtype: float64 → float32"
    ]
    frozen = diff(base, made(frozen=True))
    said = [[x.name for x in c.differences] for c in frozen.changed]
    assert said == [["kind"], ["gradient to"]]
    check(frozen)


def test_what_is_computed_in_another_order() -> None:
    x = ag.tensor(np.ones(3), requires_grad=True, name="x")

    def made(first: bool) -> Graph:
        if first:
            s = np.sin(x)
            return build_graph(s + np.cos(x))
        c = np.cos(x)
        return build_graph(np.sin(x) + c)

    d = diff(made(True), made(False))
    check(d)
    assert (d.added, d.removed, d.changed) == ((), (), ())
    assert len(d.moved) == 1
    assert d
    assert "↕" in str(d)


def test_results_that_are_others() -> None:
    x = ag.tensor(np.ones(3), requires_grad=True, name="x")
    y = np.sin(x)
    z = np.cos(y)
    d = diff(build_graph([y, z]), build_graph([z, y]))
    assert (d.added, d.removed, d.changed, d.moved) == ((), (), (), ())
    assert d
    assert "other results" in d.summary()
    assert "− return n1, n2\n+ return n2, n1" in str(d)


def test_the_text_has_context_as_asked() -> None:
    x = ag.tensor(np.ones(3), requires_grad=True, name="x")

    def chain(op: Any) -> Graph:
        h: Any = x
        for k in range(20):
            h = op(h) if k == 10 else np.sin(h)
        return build_graph(h)

    d = diff(chain(np.tanh), chain(np.cos))
    assert d.to_text(context=1).splitlines() == [
        "# 1 changed, 20 the same",
        "@@ 10 the same @@",
        "  n10: sin(n9)  (3,) float64",
        "~ n11: cos(n10)  (3,) float64  op: tanh → cos",
        "  n12: sin(n11)  (3,) float64",
        "@@ 8 the same @@",
    ]
    assert len(d.to_text(context=0).splitlines()) == 4


def test_the_picture() -> None:
    x = ag.tensor(np.ones(3), requires_grad=True, name="x")
    d = diff(build_graph(np.tanh(np.sin(x) * 2).sum()), build_graph(np.exp(np.sin(x)).sum() + 1))
    svg = d.to_svg()
    for sign in ("+ added", "− removed", "~ changed"):
        assert sign in svg
    assert d.overlay().marks.keys() == {*d.added, *[c.b for c in d.changed]}


@given(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE))
def test_hostile_names(one: str, other: str) -> None:
    graphs = [build_graph(ag.tensor(np.ones(2), requires_grad=True, name=n) * 2) for n in (one, other)]
    d = diff(*graphs)
    assert bool(d) == (one != other)
    lines = str(d).splitlines()
    assert len(lines) <= 4
    assert "\x1b" not in str(d)
    d.merge()


def test_long_chains_without_recursion() -> None:
    def chain(op: Any) -> Graph:
        h: Any = ag.tensor(1.0, requires_grad=True, name="x")
        for k in range(6_000):
            h = op(h) if k == 3_000 else np.sin(h)
        return build_graph(h)

    d = diff(chain(np.cos), chain(np.tanh))
    assert len(d.changed) == 1
    assert (d.added, d.removed, d.moved) == ((), (), ())
    assert len([n for n in d.merge()[0] if n.kind is Kind.OP]) == 6_000

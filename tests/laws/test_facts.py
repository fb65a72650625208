"""Every fact on its record: each op states its FLOPs, its reason, its sign and its singularities, or inherits them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS, Op
from autograd_lite.engine.nonfinite import fault_in
from autograd_lite.graph.explanations.words.reasons import sentence_of
from autograd_lite.graph.explanations.words.rules import forward_words
from autograd_lite.ir.flops import Sizes, counted_flops

from ..all_cases import CASES
from ..rows import for_every
from .samples import SAMPLES, Sample, op_name

EVERY: list[Op] = list(dict.fromkeys([*OPS.values(), *(OPS[case.op] for case in CASES)]))  # SciPy's are made when used


@for_every(EVERY, name=lambda op: op.name)
def test_every_op_states_its_cost(op: Op) -> None:
    """Elementwise ops and reductions inherit 1; whatever else computes has a count of its own."""
    assert op.cost is not None


@for_every(SAMPLES, by=op_name)
def test_a_cost_is_a_count(sample: Sample) -> None:
    out = sample.op(*sample.arrays(), **sample.params)
    shape = tuple(a.shape for a in out) if isinstance(out, tuple) else out.shape
    flops = counted_flops(sample.op, sample.shapes, shape, sample.params, Sizes())
    assert flops >= 0
    assert isinstance(flops, int)


@for_every({s.case.op: s for s in SAMPLES if s.op.differentiable}.values(), name=lambda s: s.case.op)
def test_every_op_with_a_derivative_has_a_reason(sample: Sample) -> None:
    """It is stated, or follows from its kind, or from the NumPy calls in its forward function."""
    sentence = sentence_of(sample.op, sample.arrays(), sample.params)
    assert sentence
    for text in sentence if isinstance(sentence, tuple) else (sentence,):
        assert "{" not in text.format(x="x", other="y", out="z", op=sample.case.op, n=2)


def test_an_op_inherits_the_reason_of_what_its_forward_calls() -> None:
    op = OPS["softmax_pullback"]
    inherited = sentence_of(op, [np.ones(3), np.ones(3)], {"axis": 0})
    assert inherited.startswith("inside, it is multiply, sum, subtract: ")
    assert sentence_of(op.replace(), [np.ones(3), np.ones(3)], {"axis": 0}) == ""  # of a user: not run again


# Python's operators between two arguments.
OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "&": operator.and_, "|": operator.or_,
    "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


@pytest.mark.parametrize("sign", OPERATORS)
def test_an_op_is_written_as_python_writes_it(sign: str) -> None:
    floating = sign in ("+", "-", "*", "/", "//", "%", "**", "@")
    x, y = (ag.tensor(np.ones(3, float if floating else int), name=name, requires_grad=floating) for name in "xy")
    graph = ag.Program.trace(OPERATORS[sign], x, y).graph
    assert forward_words(graph, graph.outputs[0]) == f"x {sign} y"


BINARY = [s for s in SAMPLES if s.op.is_elementwise and s.op.results is None and s.shapes == ((3,), (3,))]


@for_every({s.case.op: s for s in BINARY}.values(), name=lambda s: s.case.op)
def test_what_commutes_says_so(sample: Sample) -> None:
    x, y = sample.arrays()
    if x.dtype == y.dtype:
        with np.errstate(invalid="ignore"):
            pair = [sample.op(x, y, **sample.params), sample.op(y, x, **sample.params)]
        assert np.array_equal(*pair) == sample.op.commutes


POINTS = (0.0, 1.0, -1.0, 0.5, 2.0, -2.5, 1e300, -1e300, 800.0)


# SciPy has no value for some pairs of arguments, of which neither lies outside of the domain by itself.
UNSAID = {f"special.{name}" for name in ["jv", "yv", "iv", "kv", "ive", "kve", "jve", "yve", "zeta"]} | {
    "special.gammasgn": "its sign at a pole is NaN",
    "special.pseudo_huber": "a square inside overflows, and what comes of it is NaN",
}.keys()


@for_every(
    [op for op in EVERY if op.is_elementwise and op.ufunc is not None and op.name not in UNSAID],
    name=lambda op: op.name,
)
def test_every_singularity_has_a_reason(op: Op) -> None:
    for values in np.array(np.meshgrid(*[POINTS] * op.ufunc.nin)).reshape(op.ufunc.nin, -1).T[:729]:
        with np.errstate(all="ignore"):
            try:
                out = np.asarray(op.forward(*values))
            except TypeError:
                return  # of integers
        fault = fault_in(op, list(values), out, {})
        if fault is not None:
            assert "returned" not in fault.sentence, fault.sentence

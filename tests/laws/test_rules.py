"""Every op of the tables keeps the laws of `autograd_lite.testing.check_op`, on every row of the case tables.

What is said here beyond that is about the tables as a whole, and about what the engine saves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.multi_result import Several
from autograd_lite.core.op import OPS
from autograd_lite.testing import check_op
from autograd_lite.testing.ops import IDLE, LAWS

from ..rows import for_every
from .reading import READS_MORE, forward, results_in, row_of
from .samples import DIFFERENTIABLE, SAMPLES, Sample, differentiable_inputs, op_name

BY_ROW = [name for name in LAWS if name != IDLE]


@for_every((s for s in SAMPLES if s.case.op in OPS), by=op_name, stride=3)
def test_an_op_keeps_every_law(sample: Sample) -> None:
    check_op(sample.op, [row_of(sample)], laws=BY_ROW)


@pytest.mark.parametrize("name", sorted({s.case.op for s in DIFFERENTIABLE}))
def test_a_rule_declares_nothing_that_it_does_not_read(name: str) -> None:
    """Else memory would be kept for nothing. On some rows a rule may do without: of complex numbers it reads more."""
    rows = [row_of(s) for s in DIFFERENTIABLE if s.case.op == name]
    assert check_op(OPS[name], rows, laws=[IDLE]).laws[IDLE] or name in READS_MORE


@for_every(DIFFERENTIABLE, by=op_name)
def test_a_node_saves_what_the_rules_read_and_no_more(sample: Sample) -> None:
    arrays = sample.arrays()
    for i in differentiable_inputs(sample):
        tensors = [ag.tensor(a, requires_grad=k == i) for k, a in enumerate(arrays)]
        with np.errstate(all="ignore"):
            out = sample.op(*tensors, **sample.params)
        node = out._node if sample.op.results is None else next(r._node.inputs[0] for r in out if r.requires_grad)
        rule = sample.op.rule(i)
        assert rule is not None
        assert node.needs == (i,)
        for k, value in enumerate(node.saved):
            assert isinstance(value, (np.ndarray, np.generic, Several)) == (k in rule.reads), (i, k)


# Every other op gives back the floats that it gets; `raw` looks only at those calls.
COUNTING = ("bdtr", "bdtrc", "bdtri", "nbdtr", "nbdtrc", "nbdtri", "pdtri", "expn", "kn", "yn")
WIDENS = {
    **{f"special.{name}": "SciPy gives float64 for a whole number of 64 bits" for name in COUNTING},
    **dict.fromkeys(("special.eval_hermite", "special.eval_hermitenorm"), "SciPy has it for float64 alone"),
    "sum": "told so by dtype=",
    "mean": "told so by dtype=",
    "prod": "told so by dtype=",
    "float_power": "its result is float64 for any input",
    "astype": "it exists to have another dtype",
}


def test_the_ops_that_keep_no_dtype_are_these() -> None:
    changed = set()
    for sample in DIFFERENTIABLE:
        arrays: list[Any] = sample.arrays(np.float32)
        out = results_in(forward(sample.op, arrays, sample.params))
        if any(a.dtype.kind in "fc" and np.finfo(a.dtype).dtype != np.float32 for a in map(np.asarray, out)):
            changed.add(sample.op.name)
    assert changed == set(WIDENS)


@pytest.mark.parametrize("name", sorted({s.op.name for s in DIFFERENTIABLE if s.op.ufunc}))
def test_facts_about_inputs_are_one_for_each(name: str) -> None:
    op = OPS[name]
    assert op.ufunc is not None
    assert isinstance(op.rules, tuple)
    assert len(op.rules) == op.ufunc.nin
    assert len(op.domain) in (0, op.ufunc.nin)

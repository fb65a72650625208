"""Laws of the bare rules, read directly: what they may touch, what they give back, and that every reader sees the same.

The engine repairs shapes and dtypes, so these laws look at what a rule says before any repair.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS, Kind
from autograd_lite.core.shapes import ShapeDtype, sum_to_shape

from ..strict import Strict, unwrap
from .reading import Poison, PoisonError, forward, raw_rule, saved_for
from .samples import DIFFERENTIABLE, Sample, differentiable_inputs

every_rule = pytest.mark.parametrize(
    ("sample", "i"),
    [pytest.param(s, i, id=f"{s.name}-{i}") for s in DIFFERENTIABLE for i in differentiable_inputs(s)],
)


def same_bits(a: Any, b: Any) -> bool:
    """Say whether two arrays have the same shape, dtype and bytes (NaN equals NaN, 0 differs from -0)."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def setting(sample: Sample, i: int, dtype: Any = np.float64) -> tuple[Any, Any, list[Any]]:
    """Return `(g, out, inputs)`."""
    arrays = sample.arrays(dtype)
    out = np.asarray(forward(sample.op, arrays, sample.params))
    return sample.cotangent(out.shape, out.dtype), out, arrays


@pytest.mark.parametrize(
    ("sample", "i"),
    [
        pytest.param(s, i, id=f"{s.name}-{i}")
        for s in DIFFERENTIABLE
        if () in s.shapes
        for i in differentiable_inputs(s)
    ],
)
def test_numpys_scalars_are_as_good_as_arrays_without_axes(sample: Sample, i: int) -> None:
    """NumPy's functions return `np.float64` in place of arrays without axes, so the rules meet both."""
    g, out, arrays = setting(sample, i)
    plain = raw_rule(sample.op, i, g, (out, *arrays), sample.params)
    scalars = [a[()] for a in arrays]
    result = forward(sample.op, scalars, sample.params)
    assert same_bits(result, out)
    assert same_bits(raw_rule(sample.op, i, g[()], (result[()], *scalars), sample.params), plain)


@every_rule
def test_nothing_is_written(sample: Sample, i: int) -> None:
    g, out, arrays = setting(sample, i)
    everything = [g, out, *arrays]
    before = [a.tobytes() for a in everything]
    for a in everything:
        a.flags.writeable = False
    forward(sample.op, arrays, sample.params)
    rule = sample.op.rule(i)
    assert rule is not None
    raw_rule(sample.op, i, g, saved_for(rule, out, arrays), sample.params)
    assert [a.tobytes() for a in everything] == before


@every_rule
def test_a_rule_reads_what_it_declares(sample: Sample, i: int) -> None:
    """`saved_for` poisons the rest. A rule that declares too much would keep memory for nothing."""
    g, out, arrays = setting(sample, i)
    rule = sample.op.rule(i)
    assert rule is not None
    saved = saved_for(rule, out, arrays)
    raw_rule(sample.op, i, g, saved, sample.params)
    if (sample.op.name, i) in READS_MORE:
        return
    for k in rule.reads:
        spec = ShapeDtype(saved[k].shape, saved[k].dtype)
        without = (*saved[:k], Poison(spec), *saved[k + 1 :])
        with pytest.raises(PoisonError):
            raw_rule(sample.op, i, g, without, sample.params)


READS_MORE = dict.fromkeys([("softmax", 0), ("sigmoid", 0)], "kept so that a cross-entropy behind it finds the logits")


@every_rule
def test_a_node_saves_what_the_rules_read_and_no_more(sample: Sample, i: int) -> None:
    arrays = sample.arrays()
    tensors = [ag.tensor(a, requires_grad=k == i) for k, a in enumerate(arrays)]
    with np.errstate(all="ignore"):
        node = sample.op(*tensors, **sample.params)._node
    rule = sample.op.rule(i)
    assert rule is not None
    assert node.needs == (i,)
    for k, value in enumerate(node.saved):
        assert isinstance(value, (np.ndarray, np.generic)) == (k in rule.reads), k


@every_rule
def test_the_raw_result_has_dtype_and_shape(sample: Sample, i: int) -> None:
    rule = sample.op.rule(i)
    assert rule is not None
    for dtype in (np.float16, np.float32, np.float64):
        g, out, arrays = setting(sample, i, dtype)
        raw = raw_rule(sample.op, i, g, saved_for(rule, out, arrays), sample.params)
        if "dtype" not in sample.case.exempt and out.dtype == dtype:
            assert raw.dtype == dtype
        if rule.kind is Kind.REDUCED:
            assert raw.shape == arrays[i].shape
        elif rule.kind is Kind.VJP:
            assert sum_to_shape(np.zeros(raw.shape), arrays[i].shape).shape == arrays[i].shape
        else:
            assert raw.shape == out.shape


def test_the_ops_that_keep_no_dtype_are_these() -> None:
    """The law above looks only at calls that keep the dtype: so these are the calls that do not."""
    changed = set()
    for sample in DIFFERENTIABLE:
        arrays = sample.arrays(np.float32)
        if np.asarray(forward(sample.op, arrays, sample.params)).dtype != np.float32:
            changed.add(sample.op.name)
    # The three reductions with an explicit dtype=float64, and two that say so in the table.
    assert changed == {"sum", "mean", "prod", "float_power", "astype"}


@every_rule
def test_float32_is_as_right_as_float32_can_be(sample: Sample, i: int) -> None:
    found = []
    for dtype in (np.float32, np.float64):
        # Both start from the values that float32 can hold.
        arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in sample.arrays(np.float32)]
        out = np.asarray(forward(sample.op, arrays, sample.params))
        g = sample.cotangent(out.shape, np.float32).astype(out.dtype)
        found.append(raw_rule(sample.op, i, g, (out, *arrays), sample.params))
    scale = float(np.max(np.abs(found[1]), initial=0.0))
    np.testing.assert_allclose(found[0], found[1], rtol=2e-5, atol=2e-6 * scale)


@every_rule
def test_the_strict_double_reads_the_same(sample: Sample, i: int) -> None:
    """A rule uses nothing but NumPy's protocols."""
    g, out, arrays = setting(sample, i)
    rule = sample.op.rule(i)
    assert rule is not None
    plain = raw_rule(sample.op, i, g, saved_for(rule, out, arrays), sample.params)
    saved = saved_for(rule, Strict(out), [Strict(a) for a in arrays])
    strict = raw_rule(sample.op, i, Strict(g), saved, sample.params)
    assert isinstance(strict, Strict)
    assert same_bits(unwrap(strict), plain)


@every_rule
def test_tensors_read_the_same_bit_for_bit(sample: Sample, i: int) -> None:
    """And get a Tensor, whether the history is the cotangent's or the inputs'."""
    g, out, arrays = setting(sample, i)
    rule = sample.op.rule(i)
    assert rule is not None
    plain = raw_rule(sample.op, i, g, saved_for(rule, out, arrays), sample.params)
    for g_has_history in (True, False):
        tensors = [ag.tensor(a, requires_grad=a.dtype.kind == "f" and not g_has_history) for a in arrays]
        result = ag.tensor(out, requires_grad=not g_has_history)
        cotangent = ag.tensor(g, requires_grad=g_has_history)
        read = raw_rule(sample.op, i, cotangent, saved_for(rule, result, tensors), sample.params)
        assert isinstance(read, ag.Tensor)
        assert same_bits(read.detach().numpy(), plain)
        assert not g_has_history or read.requires_grad


@pytest.mark.parametrize("sample", DIFFERENTIABLE, ids=lambda s: s.name)
def test_a_recorded_backward_gives_the_same_gradients_bit_for_bit(sample: Sample) -> None:
    arrays, wanted, found = sample.arrays(), differentiable_inputs(sample), []
    for create_graph in (False, True):
        tensors = [ag.tensor(a, requires_grad=k in wanted) for k, a in enumerate(arrays)]
        with np.errstate(all="ignore"):
            out = sample.op(*tensors, **sample.params)
        out.backward(sample.cotangent(out.shape, out.dtype), create_graph=create_graph)
        found.append([tensors[k].grad for k in wanted])
        for k in wanted:
            tensors[k].grad = None
    for first, second, k in zip(*found, wanted, strict=True):
        assert isinstance(second, ag.Tensor)
        assert first.shape == arrays[k].shape
        assert first.dtype == arrays[k].dtype
        assert same_bits(first.numpy(), second.detach().numpy())


@pytest.mark.parametrize(
    "sample", [s for s in DIFFERENTIABLE if s.op.linear and "difference" not in s.case.exempt], ids=lambda s: s.name
)
def test_what_is_called_linear_is_linear(sample: Sample) -> None:
    one, other = sample.arrays(salt=0), sample.arrays(salt=1)
    of_sum = forward(sample.op, [2 * a + b for a, b in zip(one, other, strict=True)], sample.params)
    sum_of = 2 * forward(sample.op, one, sample.params) + forward(sample.op, other, sample.params)
    np.testing.assert_allclose(of_sum, sum_of, rtol=1e-6, atol=1e-6)


# The first row of every elementwise op and of every reduction with a partial.
ELEMENT = {
    s.op.name: s
    for s in reversed(DIFFERENTIABLE)
    if all(s.op.rule(i).kind is not Kind.VJP for i in differentiable_inputs(s))
}


@pytest.mark.parametrize("name", ELEMENT)
def test_an_op_that_can_hide_a_nan_says_so(name: str) -> None:
    """`selects` makes the engine look for NaN: a zero cotangent may reach one that the result does not show."""
    sample, hidden = ELEMENT[name], False
    for i in differentiable_inputs(sample):
        for other in (0.0, 1.0, -1.0, np.inf, -np.inf):
            hidden = hidden or hides_a_nan(sample, i, other)
    assert not hidden or sample.op.selects


def hides_a_nan(sample: Sample, i: int, other: float) -> bool:
    """Say whether a NaN in input `i`, beside other inputs of one value, gets a zero cotangent from a finite result."""
    arrays = [a if a.dtype.kind != "f" else np.full((1,), other) for a in sample.arrays()]
    arrays = [a.reshape(-1)[:1] for a in arrays]
    arrays[i] = np.array([np.nan])
    params = {**sample.params, "axis": (0,)} if "axis" in sample.params else sample.params
    out = np.asarray(forward(sample.op, arrays, params))
    raw = raw_rule(sample.op, i, np.ones(out.shape), (out, *arrays), params)
    return bool(np.all(np.isfinite(out)) and np.all(raw == 0))


@pytest.mark.parametrize("name", sorted({s.op.name for s in DIFFERENTIABLE if s.op.ufunc}))
def test_facts_about_inputs_are_one_for_each(name: str) -> None:
    op = OPS[name]
    assert op.ufunc is not None
    assert isinstance(op.rules, tuple)
    assert len(op.rules) == op.ufunc.nin
    assert len(op.domain) in (0, op.ufunc.nin)

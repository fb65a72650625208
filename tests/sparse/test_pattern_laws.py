"""The laws of patterns, on every row of the table of ops: nothing is missed, and little is too much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.sparse.pattern import Pattern
from autograd_lite.sparse.patterns import hessian_pattern, jacobian_pattern

from ..laws.samples import SAMPLES, Sample, op_name
from ..rows import for_every

Function = Callable[[Any, Any], Any]
FLOATING = [s for s in SAMPLES if any(a.dtype.kind in "fc" for a in s.arrays())]
# Ops of which a pattern for all values has more places than there are nonzeros at a few points: any of several inputs,
# or of the places that an index may name, is the one that counts.
CHOICES = [
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "clip",
    "where",
    "heaviside",
    "hard_tanh",
    "relu",
    "fmod",
    "max",
    "min",
    "running_extreme",
    "vector_norm",
    "window_max",
    "special.huber",
    "gather",
    "gather_adjoint",
    "take_along_axis",
    "add_along_axis",
    "cross_entropy",
    "window_take",
    "window_put",
]
# Ops whose patterns may be too large, and why.
COARSE = {
    "dense within matrices: rounding leaves something where there is nothing": "cholesky qr qr_r svd full_svd eigh eig "
    "lstsq",
    "dense within matrices, for all values": "triangle_inverse slogdet divide_by_gaps eigenvector_change",
    "dense: nothing is stated of it": "cross_entropy_pullback lstm lstm_adjoint gru gru_adjoint simple_rnn "
    "simple_rnn_adjoint",
    "of one element alone it is constant": "var",
    "its whole part is a step": "divmod modf",
}
REASONS = {op: reason for reason, ops in COARSE.items() for op in ops.split()}


def function_of(sample: Sample, salt: int) -> tuple[Function, list[Any], list[Any]]:
    """Return the call of an op as a function of its floating inputs and of the others, and these."""
    arrays = sample.arrays(salt=salt)
    places = [k for k, a in enumerate(arrays) if a.dtype.kind in "fc"]

    def f(inputs: Any, others: Any) -> Any:
        every = list(others)
        for k, a in zip(places, inputs, strict=True):
            every[k] = a
        return sample.call(*every)

    return f, [arrays[k] for k in places], [None if k in places else a for k, a in enumerate(arrays)]


def dense(f: Function, inputs: Any, others: Any) -> Any:
    """Return where the Jacobian is not 0: which cotangents a unit cotangent of each element has."""
    out, pull = ag.vjp(lambda inputs: f(inputs, others))(inputs)
    out = np.asarray(out)
    nonzero = np.zeros((out.size, sum(a.size for a in inputs)), bool)
    for unit in (1.0, 1.0j) if out.dtype.kind == "c" else (1.0,):
        for r in range(out.size):
            g = np.zeros(out.size, out.dtype)
            g[r] = unit
            row = [np.ravel(x) for x in pull(g.reshape(out.shape))]
            nonzero[r] |= np.concatenate(row) != 0
    return nonzero


def missed(pattern: Pattern, nonzero: Any) -> int:
    """Return how many nonzeros a pattern lacks: the law."""
    return int((nonzero & ~pattern.toarray()).sum())


def weighted(f: Function) -> Function:
    """Return a weighted sum of the results."""

    def loss(inputs: Any, others: Any) -> Any:
        out = f(inputs, others)
        return np.sum(np.cos(np.arange(out.size)).reshape(out.shape) * out)

    return loss


def group(sample: Sample) -> str:
    """Return an op's name, and of the functions of SciPy, which are alike, only how it begins."""
    name = op_name(sample)
    return name[:9] if name.startswith("special.") else name


@for_every(FLOATING, by=group, stride=8)
def test_patterns_hold_every_nonzero_of_the_jacobian(sample: Sample) -> None:
    f, inputs, others = function_of(sample, 0)
    here = dense(f, inputs, others)
    local = jacobian_pattern(f, inputs, others, local=True)
    pattern = jacobian_pattern(f, inputs, others)
    assert local.shape == pattern.shape == here.shape
    assert missed(local, here) == missed(pattern, here) == 0
    union = here
    for salt in (1, 2):
        f, inputs, others = function_of(sample, salt)
        there = dense(f, inputs, others)
        assert missed(pattern, there) == 0
        union = union | there
    if sample.case.op not in REASONS:
        assert local.nnz == here.sum() or sample.case.op == "cross_entropy"
        assert pattern.nnz == union.sum() or sample.case.op in CHOICES


@for_every([s for s in FLOATING if s.op.differentiable], by=group, stride=16)
def test_patterns_hold_every_nonzero_of_the_hessian(sample: Sample) -> None:
    f, inputs, others = function_of(sample, 0)
    out = np.asarray(f(inputs, others))
    if out.dtype.kind != "f" or any(a.dtype.kind == "c" for a in inputs):
        return
    loss = weighted(f)
    gradient = lambda inputs, others: np.concatenate(  # noqa: E731
        [np.ravel(g) for g in ag.grad(lambda inputs: loss(inputs, others))(inputs)]
    )
    try:
        here = dense(gradient, inputs, others)
    except ag.GradError:  # there is no second derivative
        return
    for local in (True, False):
        pattern = hessian_pattern(loss, inputs, others, local=local)
        assert missed(pattern, here & here.T) == 0
        assert np.array_equal(pattern.toarray(), pattern.toarray().T)


def test_a_hole_in_a_pattern_is_found() -> None:
    f, inputs, others = function_of(next(s for s in FLOATING if s.case.op == "matmul"), 0)
    pattern, nonzero = jacobian_pattern(f, inputs, others), dense(f, inputs, others)
    for k in range(pattern.nnz):
        indptr = pattern.indptr - (np.arange(len(pattern.indptr)) > pattern.rows[k])
        hole = Pattern(indptr.astype(np.int32), np.delete(pattern.indices, k), pattern.shape)
        assert missed(hole, nonzero) == 1


def test_nearly_all_rows_are_exact() -> None:
    assert sum(s.case.op in REASONS for s in FLOATING) < 0.1 * len(FLOATING)
    assert {*REASONS, *CHOICES} <= {s.case.op for s in FLOATING}

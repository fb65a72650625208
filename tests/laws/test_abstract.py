"""Laws of `eval_shape`: it tells what a run gives, from shapes alone, and refuses shapes that a run refuses."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.multi_result import each
from autograd_lite.core.shape_arithmetic import ShapeDtype

from ..rows import for_every
from .samples import SAMPLES, Sample, op_name

every_sample = for_every(SAMPLES, by=op_name, stride=3)
# Ops whose rules rely on what calls them to have checked the shapes: adjoints, and those that only functions apply.
# fmt: off
TRUSTING = frozenset({
    "softmax_pullback", "log_softmax_pullback", "standardize_pullback", "scatter_add", "on_diagonal", "cofactor",
    "second_cofactor", "cholesky_pullback", "divide_by_gaps", "add_along_axis", "lstm_adjoint", "gru_adjoint",
    "simple_rnn_adjoint", "gather_adjoint", "window_spread", "eigenvector_change",
    "zero_mask", "convolution_input", "convolution_kernel", "convolution", "window_take",
    "window_put", "lstm", "gru", "simple_rnn", "contract", "lstsq", "qr", "solve", "argpartition",
})
# fmt: on


@every_sample
def test_the_shapes_of_an_op_are_those_of_a_run(sample: Sample) -> None:
    for dtype in (np.float32, np.float64):
        arrays = sample.arrays(dtype)
        with np.errstate(all="ignore"):
            out = sample.op(*(ag.tensor(a) for a in arrays), **sample.params)
        told = ag.eval_shape(lambda *xs: sample.op(*xs, **sample.params), *arrays) if arrays else None
        assert told is None or told == each(lambda a: (a.shape, a.dtype), out)


def refuses(sample: Sample, specs: list[ShapeDtype]) -> bool:
    """Return whether the shape rule refuses these operands."""
    try:
        sample.op.infer(*specs, **sample.params)
    except (ValueError, IndexError, TypeError):
        return True
    return False


@pytest.mark.ci
@every_sample
def test_shapes_that_a_run_refuses_are_refused(sample: Sample) -> None:
    if sample.op.name in TRUSTING:
        return
    arrays = sample.arrays(np.float64)
    for i, array in enumerate(arrays):
        for axis, change in [(axis, change) for axis in range(np.ndim(array)) for change in (1, -1, 2)]:
            shape = list(array.shape)
            shape[axis] += change
            if shape[axis] < 1:
                continue
            others = [np.resize(a, shape).astype(a.dtype) if k == i else a for k, a in enumerate(arrays)]
            try:
                with np.errstate(all="ignore"):
                    sample.op.forward(*others, **sample.params)
                refused = False
            except (np.linalg.LinAlgError, IndexError):  # what only a run can know: values
                refused = False
            except Exception:
                refused = True
            specs = [ShapeDtype(a.shape, a.dtype) for a in others]
            assert not refused or refuses(sample, specs), specs


FUNCTIONS: dict[str, Any] = {
    "a network": lambda x: np.tanh(x @ x.T + 1.5).mean(axis=0) * 2,
    "numbers are weak": lambda x: np.where(x > 0, x * 2, 0.5) ** 2.0 + True,
    "containers": lambda x: {"a": (x.reshape(-1)[::2], [x.sum()]), "b": np.concatenate([x, -x], axis=1)},
    "constants": lambda x: (np.ones((5, 3)) @ x, x + np.arange(4), x * np.float64(2.0)),
    "a gradient": lambda x: ag.grad(lambda y: (y**3).sum())(x),
    "a batch": lambda x: ag.vmap(lambda row: row / np.linalg.norm(row))(x),
    "integers": lambda x: (np.argmax(x, axis=1), x.astype(np.int64) // 2, np.sort(x, axis=0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_shapes_of_a_function_are_those_of_a_run(name: str, dtype: str) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(dtype)
    f = FUNCTIONS[name]
    expected = ag.tree.map(lambda t: ShapeDtype(t.shape, t.dtype), f(ag.tensor(x)))
    assert ag.eval_shape(f, x) == expected
    assert ag.eval_shape(f, ShapeDtype((3, 4), np.dtype(dtype))) == expected


def test_large_arrays_cost_nothing() -> None:
    begin = time.process_time()
    large = ShapeDtype((10**6, 10**6), np.dtype("float32"))
    told = ag.eval_shape(lambda x, w: np.exp(x @ w).sum(axis=1), large, large)
    assert told == ((10**6,), np.float32)
    assert time.process_time() - begin < 0.1


@pytest.mark.parametrize(
    "read", [bool, float, np.asarray, lambda t: t.numpy(), lambda t: t.item(), lambda t: t.tolist()]
)
def test_values_are_refused(read: Any) -> None:
    with pytest.raises(TypeError, match="eval_shape"):
        ag.eval_shape(lambda x: read(x.sum()), np.ones(3))

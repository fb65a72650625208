"""What every function of `autograd_lite.scipy` keeps: SciPy's values, right derivatives, in every mode."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import check_grads
from autograd_lite.tree import leaves

from ..rows import for_every
from .cases import CASES, OF_EACH, Case

scipy = pytest.importorskip("scipy")


def module_of(case: Case) -> str:
    return case.name.partition(".")[0]


def modules(case: Case) -> tuple[Any, Any]:
    """Return SciPy's module and ours."""
    name = module_of(case)
    return importlib.import_module(f"scipy.{name}"), importlib.import_module(f"autograd_lite.scipy.{name}")


def function(case: Case) -> Callable[..., Any]:
    """Return the call on ours, with a tuple of arrays as its result."""
    ours, call = modules(case)[1], case.call
    return lambda *inputs: tuple(leaves(call(ours, *inputs)))


def total(case: Case) -> Callable[..., Any]:
    """Return a number made of all that is differentiable in the result, with other weights for each element."""
    call = function(case)

    def f(*inputs: Any) -> Any:
        sums = []
        for k, part in enumerate(call(*inputs)):
            part = part if hasattr(part, "dtype") else np.asarray(part)
            if part.dtype.kind in "fc":
                weights = np.cos(np.arange(part.size) + k).reshape(part.shape)
                if part.dtype.kind == "c":
                    sums.append((np.real(part) * weights + np.imag(part) * weights[::-1] * 0.3).sum())
                else:
                    sums.append((part * weights).sum())
        return sum(sums[1:], sums[0])

    return f


def directions(case: Case) -> tuple[Any, ...]:
    r = np.random.default_rng(3)
    return tuple(
        r.normal(size=a.shape) + (1j * r.normal(size=a.shape) if np.iscomplexobj(a) else 0) for a in case.inputs
    )


def check_values(case: Case) -> None:
    """Compare values, shapes and dtypes with SciPy's."""
    theirs, ours = modules(case)
    expected = leaves(case.call(theirs, *case.inputs))
    found = leaves(case.call(ours, *(ag.tensor(a, requires_grad=True) for a in case.inputs)))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        a, b = np.asarray(a.detach() if isinstance(a, ag.Tensor) else a), np.asarray(b)
        b = b.astype(complex) if b.dtype.char == "G" else b  # SciPy 1.13's sqrtm returns extended precision
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert np.abs(a - b).max(initial=0) <= 1e-12 * max(1, np.abs(b).max(initial=0))


@for_every([case for case in CASES if "plain" not in case.without], by=module_of)
def test_values_are_scipys(case: Case) -> None:
    check_values(case)


@pytest.mark.ci
@for_every([case for case in CASES if "plain" in case.without], by=module_of)
def test_values_of_slow_rows_are_scipys(case: Case) -> None:
    check_values(case)


@for_every([case for case in OF_EACH if module_of(case) in ("signal", "ndimage")], by=module_of)
def test_single_precision_stays(case: Case) -> None:
    narrow = (a.astype(np.complex64 if np.iscomplexobj(a) else np.float32) for a in case.inputs)
    for part in function(case)(*(ag.tensor(a, requires_grad=True) for a in narrow)):
        assert part.dtype.char in "fF"


def check_derivatives(case: Case) -> None:
    """Compare both modes with each other, and with finite differences."""
    f, inputs, line = total(case), case.inputs, directions(case)
    gradients = ag.grad(f, argnums=tuple(range(len(inputs))))(*inputs)
    backward = sum(float(np.real(np.sum(np.conj(g) * t))) for g, t in zip(gradients, line, strict=True))
    forward = float(ag.jvp(f)(inputs, line)[1])
    steps = 1e-3 * np.array([1, -1, 2, -2])
    a, b, c, d = (float(f(*(x + h * t for x, t in zip(inputs, line, strict=True)))) for h in steps)
    numeric = (8 * (a - b) - (c - d)) / (12 * 1e-3)
    size = max(1.0, abs(numeric))
    assert abs(forward - backward) < 1e-9 * size
    assert abs(numeric - backward) < 1e-6 * size


@for_every(OF_EACH, by=module_of)
def test_derivatives_along_a_line_in_both_modes(case: Case) -> None:
    check_derivatives(case)


@pytest.mark.ci
@for_every(CASES, by=module_of)
def test_derivatives_of_every_row_along_a_line(case: Case) -> None:
    check_derivatives(case)


@pytest.mark.ci
@for_every(OF_EACH, by=module_of)
def test_first_and_second_derivatives(case: Case) -> None:
    assert check_grads(total(case), *case.inputs, order=2).ok


@pytest.mark.ci
@for_every([case for case in CASES if "vmap" not in case.without], by=module_of)
def test_a_batch_is_its_examples(case: Case) -> None:
    f = function(case)
    second = tuple(a * 1.01 for a in case.inputs)
    batches = [np.stack(pair) for pair in zip(case.inputs, second, strict=True)]
    each = [[np.asarray(p) for p in f(*inputs)] for inputs in (case.inputs, second)]
    found = ag.vmap(f)(*batches)
    for a, *b in zip(found, *each, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.stack(b), rtol=1e-9, atol=1e-11)


@pytest.mark.ci
@for_every([case for case in OF_EACH if "compile" not in case.without], by=module_of)
def test_a_compiled_gradient_is_the_gradient(case: Case) -> None:
    f = ag.grad(total(case), argnums=tuple(range(len(case.inputs))))
    compiled = ag.compile(f)
    compiled(*case.inputs)
    second = tuple(a * 1.01 for a in case.inputs)
    for a, b in zip(compiled(*second), f(*second), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-13)

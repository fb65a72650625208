"""Arrays are the caller's: one that changes after a call gives the gradient of before, or an error, never another.

Over every op and composed function, every array operand and every array among the parameters, held by the record as a
copy (small arrays) or by the elements that were noted (larger ones: here every array is made to count as large).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core import fingerprints
from autograd_lite.tree import leaves, map as map_leaves

from ..all_cases import COMPOSED_CASES
from .samples import DIFFERENTIABLE, differentiable_inputs
from .test_composed import arrays_of, floating

# The gradient of the values of before came back; an error that names the array; the call takes no array there.
KEPT, REFUSED, TAKEN_BY_TENSORS = "kept", "refused", "taken by Tensors"


def changed(a: np.ndarray) -> None:
    """Give every element of an array another value, which is still a valid index."""
    if a.dtype.kind == "b":
        a[...] = ~a
    elif a.dtype.kind in "iu":
        a[...] = np.where(a == 0, 1, 0)
    else:
        a[...] = a * 1.7 + 0.6


def gradient(call: Callable[..., Any], arrays: list[Any], i: int, after: Callable[[], None]) -> Any:
    """Return the gradient by input `i` of the sum of what a call gives, `after` having run before backward."""
    x = ag.tensor(arrays[i], requires_grad=True)
    with np.errstate(all="ignore"):
        out = call(*arrays[:i], x, *arrays[i + 1 :])
    parts = [part for part in floating(out) if isinstance(part, ag.Tensor) and part.requires_grad]
    after()
    for k, part in enumerate(parts):
        weights = np.random.default_rng(k).uniform(0.5, 2.0, part.shape).astype(part.dtype)
        part.backward(weights, retain_graph=True)
    return None if x.grad is None else x.grad.numpy()


def outcomes(call: Callable[..., Any], arrays: list[Any], inputs: list[int], mutable: list[Any]) -> Iterator[str]:
    """Yield what became of the gradient by each input when all arrays but it were changed."""
    for i in inputs:
        own = [np.array(a) for a in arrays]
        try:
            right = gradient(call, own, i, lambda: None)
        except (ag.GradError, ag.UnsupportedError):  # as np.put(array, i, Tensor), or array.dot(Tensor)
            yield TAKEN_BY_TENSORS
            continue
        before = [np.array(a) for a in mutable]

        def change(own: list[Any] = own, i: int = i) -> None:
            for a in [*own[:i], *own[i + 1 :], *mutable]:
                changed(a)

        try:
            found = gradient(call, own, i, change)
            np.testing.assert_array_equal(found, right)
            yield KEPT
        except ag.GradError as error:
            if "was changed after" not in str(error):
                raise
            yield REFUSED
        finally:
            for a, old in zip(mutable, before, strict=True):
                a[...] = old


@pytest.fixture(params=[False, True], ids=["small", "large"])
def large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether arrays of any size count as large, of which elements are noted instead of a copy made."""
    if request.param:
        monkeypatch.setattr(fingerprints, "MAX_COPIED_BYTES", -1)
    return bool(request.param)


def test_operands_and_parameters_of_every_op(large: bool) -> None:
    found: list[str] = []
    for sample in DIFFERENTIABLE:
        params = map_leaves(lambda p: np.array(p) if isinstance(p, np.ndarray) else p, sample.params)
        mutable = [p for p in leaves(params) if isinstance(p, np.ndarray)]
        arrays = sample.arrays()
        if len(arrays) + len(mutable) > 1:
            call = lambda *xs, op=sample.op, params=params: op(*xs, **params)  # noqa: E731
            try:
                found += outcomes(call, arrays, differentiable_inputs(sample), mutable)
            except AssertionError as error:
                error.add_note(sample.name)
                raise
    assert found.count(TAKEN_BY_TENSORS) == 0
    assert len(found) > 500
    assert (found.count(REFUSED) > 300) is large
    assert (REFUSED in found) is large


def test_operands_of_every_composed_function(large: bool) -> None:
    found: list[str] = []
    for case in COMPOSED_CASES:
        arrays = arrays_of(case)
        if len(arrays) > 1 and not case.label:
            inputs = [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]
            for call in case.calls:
                try:
                    found += outcomes(call, arrays, inputs, [])
                except AssertionError as error:
                    error.add_note(case.name)
                    raise
    assert found.count(TAKEN_BY_TENSORS) < 20
    assert len(found) > 300
    assert (found.count(REFUSED) > 150) is large
    assert (REFUSED in found) is large

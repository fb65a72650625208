"""What operations make of integers and booleans: Keras's kinds of dtypes, and the values of the same floats."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn.ops.table import _PROMOTED
from tests.nn import peers

TABLE: Mapping[str, Any] = nn.ops.TABLE
VALUES = np.array([[3, 1], [2, 4]])
DTYPES = ("bool", "int8", "uint8", "int16", "int32", "int64", "list")
_ARRAY_NAMES = {"x", "x1", "x2", "y", "a", "b", "array", "inputs", "values", "data"}
NOT_OF_ONE_ARRAY = {"view", "empty_like", "fft", "fft2", "ifft2", "irfft"}  # of bits, of nothing, of pairs


def count(op: Any) -> int:
    """Return how many arrays an operation must be given; 0 if it must be given something else."""
    names = [name for name, p in op.__signature__.parameters.items() if p.default is p.empty]
    return len(names) if set(names) <= _ARRAY_NAMES else 0


NAMES = [name for name, op in TABLE.items() if "." not in name and count(op) and name not in NOT_OF_ONE_ARRAY]


def argument(dtype: str) -> Any:
    return VALUES.tolist() if dtype == "list" else VALUES.astype(dtype)


def computed(name: str, x: Any) -> Any:
    """Return the result, or the error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return TABLE[name](*[x] * count(TABLE[name]))
        except (TypeError, ValueError, np.linalg.LinAlgError, ag.ShapeError) as error:
            return error


@pytest.mark.parametrize("dtype", DTYPES)
def test_floats_of_integers_are_those_of_the_same_floats(dtype: str) -> None:
    x, compared = argument(dtype), 0
    for name in NAMES:
        out, expected = computed(name, x), computed(name, np.asarray(x).astype(np.float64))
        if not isinstance(out, ag.Tensor):
            continue
        kinds = {"f": np.float32, "c": np.complex64}
        assert out.dtype == kinds.get(out.dtype.kind, out.dtype), (name, out.dtype)
        assert dtype != "bool" or out.dtype != np.int8 or name in ("conj", "conjugate"), name
        if out.dtype.kind in kinds and isinstance(expected, ag.Tensor):
            compared += 1
            np.testing.assert_allclose(out.numpy(), expected.numpy(), rtol=2e-5, atol=1e-6, err_msg=name)
    assert compared > 80


@pytest.mark.parametrize("name", _PROMOTED)
def test_symbols_have_the_dtypes_of_arrays(name: str) -> None:
    for dtype in ("bool", "int8", "int64"):
        x = nn.Input((2,), dtype=dtype)
        out = computed(name, argument(dtype))
        if isinstance(out, ag.Tensor):
            assert TABLE[name](*[x] * count(TABLE[name])).dtype == out.dtype, dtype


def test_operands_with_floats_decide() -> None:
    ints = np.array([1, 2], np.int8)
    for other in (np.float16, np.float32, np.float64):
        assert nn.ops.arctan2(ints, np.ones(2, other)).dtype == other
    assert nn.ops.cos(np.ones(2, np.float16)).dtype == np.float16
    assert nn.ops.arctan2(ints, 0.5).dtype == np.float32
    assert nn.ops.power(np.array([True]), 2.0).dtype == np.float32


def test_kerass_numbers() -> None:
    np.testing.assert_allclose(nn.ops.reciprocal([3]).numpy(), [1 / 3], rtol=1e-6)
    np.testing.assert_allclose(nn.ops.cos(True).numpy(), 0.5403023, rtol=1e-6)
    np.testing.assert_array_equal(nn.ops.cdist(np.array([[1]], np.uint8), np.array([[4]], np.uint8)), [[3]])
    assert nn.ops.psnr(np.array([1], np.uint8), np.array([2], np.uint8), 1.0).item() == 0
    assert nn.ops.ldexp(np.array([255], np.uint8), np.array([9], np.uint8)).tolist() == [130560]
    assert nn.ops.trapezoid(np.array([True, True, False])).item() == 1.5
    assert nn.ops.bincount(np.array([1, 1, 3], np.uint8)).tolist() == [0, 2, 0, 1]
    np.testing.assert_allclose(nn.ops.cholesky_inverse([[2.0, 9.0], [0.0, 1.0]]).numpy(), [[0.25, 0], [0, 1]])


# What PyTorch computes otherwise than Keras's other backends, by dtype.
OF_TORCH = {
    **dict.fromkeys(["heaviside", "mod"], ("bool",)),
    "floor_divide": ("bool", "int64"),
    **dict.fromkeys(["sparse_plus", "sparse_sigmoid"], ("uint8",)),
    "rms_normalization": ("bool", "int8", "uint8", "int32", "int64"),  # cut off to integers
}


@pytest.mark.ci
@pytest.mark.parametrize("name", _PROMOTED)
def test_keras(name: str) -> None:
    keras = peers.keras()
    for dtype in ("bool", "int8", "uint8", "int32", "int64"):
        x, n = argument(dtype), count(TABLE[name])
        try:
            wanted = getattr(keras.ops, name)(*[x] * n)
        except (RuntimeError, TypeError, ValueError, AttributeError):  # PyTorch has no such function of integers
            continue
        if dtype in OF_TORCH.get(name, ()):
            continue
        out = computed(name, x)
        theirs = keras.backend.standardize_dtype(wanted.dtype)
        assert theirs.replace("float64", "float32") == out.dtype.name, dtype
        np.testing.assert_allclose(out.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6, err_msg=dtype)

"""What the tests of the ONNX export share: the official checker, a runtime, and a measure of how far results differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime

from autograd_lite.graph import Program

from ...laws.samples import Sample

ORT = onnxruntime.SessionOptions()
ORT.log_severity_level = 4
ORT.intra_op_num_threads = ORT.inter_op_num_threads = 1


def checked(model: bytes) -> Any:
    """Parse a model, and let the official checker and strict shape inference see it."""
    parsed = onnx.load_from_string(model)
    onnx.checker.check_model(parsed, full_check=True)
    onnx.shape_inference.infer_shapes(parsed, check_type=True, strict_mode=True, data_prop=True)
    return parsed


def run(model: bytes, inputs: Sequence[Any]) -> list[np.ndarray]:
    """Run a model on inputs in order."""
    session = onnxruntime.InferenceSession(model, ORT)
    names = [x.name for x in session.get_inputs()]
    feed = {name: np.asarray(x) for name, x in zip(names, inputs, strict=True)}
    return session.run(None, feed)


def op_types(parsed: Any) -> list[str]:
    """Return the operators of a model."""
    return [node.op_type for node in parsed.graph.node]


def ulps(got: np.ndarray, want: np.ndarray, floor: Any = 0.0) -> float:
    """Return the largest difference in units of the last place of the expected result, or of `floor` if larger."""
    if not want.size:
        return 0.0
    if want.dtype.kind != "f":
        return 0.0 if np.array_equal(got, want) else np.inf
    info = np.finfo(want.dtype)
    g, w = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(all="ignore"):
        unit = float(info.eps) * np.maximum(np.maximum(np.abs(w), floor), float(info.tiny))
        off = np.where((g == w) | (np.isnan(g) & np.isnan(w)), 0.0, np.abs(g - w) / unit)
    return float(np.nan_to_num(off, nan=np.inf, posinf=np.inf).max())


def assert_same(got: np.ndarray, want: Any, limit: float, floor: Any = 0.0) -> None:
    """Compare dtype, shape and values."""
    want = np.asarray(want)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    off = ulps(got, want, floor)
    assert off <= limit, f"{off:.3g} ulps, expected at most {limit}: {got!r} for {want!r}"


def outputs_of(program: Program, inputs: Sequence[Any]) -> list[Any]:
    """Run a program on new inputs and return a list of its results."""
    found = program(*inputs)
    return list(found) if isinstance(found, tuple) else [found]


def assert_exports(program: Program, inputs: Sequence[Any], limit: float = 32.0, **options: Any) -> bytes:
    """Export, check, run, and compare all results with our own, in ulps of the largest element of each."""
    model = program.to_onnx(**options)
    checked(model)
    for got, want in zip(run(model, inputs), outputs_of(program, inputs), strict=True):
        assert_same(got, want, limit, np.abs(np.asarray(want, np.float64)).max(initial=0.0))
    return model


def traced(sample: Sample, dtype: Any) -> tuple[Program, list[np.ndarray]] | None:
    """Return the program of one row, if NumPy has the op for this dtype and it involves no complex numbers."""
    arrays = sample.arrays(np.dtype(dtype))
    if any(a.dtype.kind == "c" for a in arrays):
        return None
    try:
        with np.errstate(all="ignore"):
            return Program.trace(lambda *xs: sample.op(*xs, **sample.params), *arrays), arrays
    except TypeError:
        return None


_MODELS: dict[tuple[str, str], tuple[Program, list[np.ndarray], bytes] | None] = {}


def exported(sample: Sample, dtype: str) -> tuple[Program, list[np.ndarray], bytes] | None:
    """Return `traced`'s program and inputs, and the model; kept, since several tests look at it.

    Raises:
        UnsupportedError: if it is refused.
    """
    key = sample.name, dtype
    if key not in _MODELS:
        made = traced(sample, dtype)
        _MODELS[key] = None if made is None else (*made, made[0].to_onnx())
    return _MODELS[key]

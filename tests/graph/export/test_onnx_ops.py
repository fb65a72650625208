"""Every op over every row of the table of cases: checked by onnx, run by onnxruntime, and equal to our forward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS
from autograd_lite.graph import Program
from autograd_lite.graph.export.onnx import REASONS, reason_of
from autograd_lite.graph.export.onnx.table import FALLBACKS, FORMULAS, RULES
from autograd_lite.ops.special import TABLE
from autograd_lite.tree import leaves

from ...laws.reading import results_in
from ...laws.samples import SAMPLES, Sample
from .onnx_tools import assert_same, checked, exported, op_types, run

# In units of the last place; of the result, or of 1 where it is smaller and the op subtracts or reduces an argument.
LIMIT = 8.0
FROM_ONE = {
    "logaddexp",
    "logaddexp2",
    "sin",
    "cos",
    "tan",
    "log_softmax",
    "softplus",
    "sinc",
    "gelu",
    "silu",
    "elu",
    "special.kl_div",
    "special.rel_entr",
}
NAMES = sorted({sample.case.op for sample in SAMPLES})
EXPORTED = [name for name in NAMES if not reason_of(OPS[name]) and not name.startswith("random_")]
# Elimination by rows and LAPACK's by blocks round differently, and by as much as the matrix is ill conditioned.
SOLVED = {
    "solve",
    "inv",
    "inverse_or_limit",
    "triangle_inverse",
    "det",
    "slogdet",
    "cofactor",
    "cholesky",
    "cholesky_pullback",
}
ELIMINATED = 64.0
# Of a partition only what stands left and right of the place is promised.
UNORDERED = {"argpartition"}


def floor(sample: Sample, want: np.ndarray) -> Any:
    """Return from which size on results are compared relatively."""
    if sample.case.op in FROM_ONE:
        return 1.0
    elementwise = sample.op.ufunc is not None and sample.op.ufunc.signature is None
    return 0.0 if elementwise else np.abs(want.astype(np.float64)).max(initial=0.0)  # sums are of several terms


def check(name: str, dtype: str, opset: int) -> set[str]:
    """Export, check and run every row of an op; return the operators that were written."""
    used: set[str] = set()
    for sample in SAMPLES:
        if sample.case.op != name:
            continue
        if name == "cofactor" and sample.shapes[0][-1] > 3:
            with pytest.raises(ag.UnsupportedError, match="singular values"):
                exported(sample, dtype)
            continue
        made = exported(sample, dtype)
        if made is None:
            continue
        program, arrays, model = made
        model = model if opset == 17 else program.to_onnx(opset=opset)
        used.update(op_types(checked(model)))
        expected = results_in(program(*arrays))
        for got, want in zip(run(model, arrays), map(np.asarray, expected), strict=True):
            if name in UNORDERED:
                got, want = (np.sort(a, axis=sample.params["axis"]) for a in (got, want))
            assert_same(got, want, ELIMINATED if name in SOLVED else LIMIT, floor(sample, want))
    return used


@pytest.mark.parametrize("name", EXPORTED)
def test_exported_ops(name: str) -> None:
    used = check(name, "float64", 17) | check(name, "float32", 17)
    assert not OPS[name].onnx or OPS[name].onnx in used


@pytest.mark.ci
@pytest.mark.parametrize("name", EXPORTED)
def test_exported_ops_in_the_later_opset_and_in_half_precision(name: str) -> None:
    assert check(name, "float64", 18) | check(name, "float32", 18) | check(name, "float16", 17)


def test_every_op_is_exported_or_refused_with_a_reason() -> None:
    """`test_exported_ops` exports those without a reason, `test_what_is_refused_says_why` sees the others refused."""
    ops = {name for name in OPS if not name.startswith("random_")} - {"get_tuple_element"}
    assert ops <= {*EXPORTED, *REASONS} | {name for name in ops if name.startswith("special.")}
    assert not REASONS.keys() & (RULES.keys() | FORMULAS.keys())
    tables = RULES.keys() | FORMULAS.keys() | FALLBACKS.keys() | REASONS.keys()
    assert {name for name in tables if name.partition(".")[2] not in TABLE} <= OPS.keys() | {
        "scan",
        "cond",
        "while_loop",
    }


# ---- promotion ------------------------------------------------------------------------------------------------------

DTYPES = [
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32",
    "float64",
]  # fmt: skip
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.remainder, np.fmod, np.maximum, np.minimum,
    np.fmax, np.hypot, np.arctan2, np.less, np.greater_equal, np.equal, np.not_equal, np.logical_and, np.logical_xor,
    np.bitwise_and, np.bitwise_xor, np.left_shift, np.right_shift, np.copysign, np.matmul,
]  # fmt: skip


def results(x: Any, y: Any) -> list[Any]:
    """Apply every function of two operands that NumPy has for their dtypes."""
    found = [np.concatenate([x, y]), np.where(x, x, y)] if np.ndim(y) else [np.where(y, x, y)]
    for function in BINARY:
        try:
            if np.ndim(y) or function is not np.matmul:
                found.append(function(x, y))
        except TypeError:
            pass
    return found


def compare(f: Any, *arrays: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        program = Program.trace(f, *arrays)
        model = program.to_onnx()
        want = program(*arrays)
    checked(model)
    for i, got, expected in zip(program.graph.outputs, run(model, arrays), want, strict=True):
        assert got.dtype == expected.dtype, program.graph[i]
        assert_same(got, expected, LIMIT)


def values_of(dtype: str) -> np.ndarray:
    signed = np.array([0, 1, 2, 3, 100, 7]) * (-1 if np.dtype(dtype).kind in "if" else 1)
    return signed.astype(dtype)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
def test_promotion_of_two_dtypes(dtype: str) -> None:
    for other in ("bool", "int64", "uint64", "float32"):
        compare(results, values_of(dtype), np.array([1, 2, 0, 5, 7, 1]).astype(other))


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
def test_promotion_of_every_two_dtypes(dtype: str) -> None:
    for other in DTYPES:
        compare(results, values_of(dtype), np.array([1, 2, 0, 5, 7, 1]).astype(other))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", [True, 3, 0.1])
def test_promotion_of_python_numbers(dtype: str, number: Any) -> None:
    compare(
        lambda x: [*results(x, number), number - x * 1] if dtype != "bool" else results(x, number), values_of(dtype)
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_one_operand_of_every_dtype(dtype: str) -> None:
    def f(x: Any) -> list[Any]:
        found = [x.astype(other) for other in DTYPES if not (np.dtype(other).kind == "u" and dtype.startswith("f"))]
        found += [x.sum(), x.prod(), x.max(), x.min(), x.mean(), x.std(), x.any(), x.all(), x.argmax(), x.argmin()]
        found += [np.cumsum(x), np.cumprod(x), np.sort(x), np.argsort(x, kind="stable"), np.count_nonzero(x)]
        found += [x[::-1], x[2:4], x[[0, 0, 5]], x.reshape(2, 3).T, np.pad(x, 1), np.tril(x.reshape(2, 3)), x == x]
        found += [np.sqrt(x), np.exp(x), np.isnan(x), np.isfinite(x), ~(x > 1), np.take_along_axis(x, np.array([1]), 0)]
        found += [np.maximum.accumulate(x), np.searchsorted(np.sort(x), x), np.outer(x, x), np.diag(x)]
        if dtype != "bool":
            found += [
                -x,
                np.sign(x),
                abs(x),
                x**2,
                np.floor(x),
                np.clip(x, 1, 3),
                np.round(x, 1),
                np.cross(x[:3], x[3:]),
            ]
        return found

    compare(f, values_of(dtype))


# ---- special values -------------------------------------------------------------------------------------------------

GRID = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 2.5, -2.5, 10, -10, 40, -40, 100, -100, 709, 1e4, 1e8, -1e8, 1e-5, -1e-5]
SPECIAL = [np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30, -1e-30]
UNARY = [
    "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "exp", "exp2",
    "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "square", "absolute", "sign", "floor", "ceil",
    "trunc", "rint", "negative", "reciprocal", "isnan", "isinf", "isfinite", "signbit", "degrees", "erf",
    "erfc", "sigmoid", "relu", "softplus", "silu", "gelu", "mish", "softsign", "tanh_shrink", "silu_slope",
    "modf", "frexp", "logical_not",
]  # fmt: skip
PAIRS = [
    "add", "subtract", "multiply", "divide", "power", "remainder", "fmod", "floor_divide", "maximum", "minimum",
    "fmax", "fmin", "copysign", "heaviside", "logaddexp", "hypot", "arctan2", "greater", "less_equal", "equal",
    "not_equal", "logical_and", "divmod",
]  # fmt: skip
# In single precision runtimes have kernels of their own for these, right to the last places of 1 alone.
NATIVE = {"sigmoid", "silu", "mish", "gelu", "softplus", "tanh"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values(dtype: str) -> None:
    grid = np.array([*GRID, *SPECIAL], dtype)
    if dtype == "float64":
        grid = np.append(grid, [1e300, -1e300, 1e-300, -1e-300])
    x, y = (a.reshape(-1) for a in np.meshgrid(grid, grid))
    with np.errstate(all="ignore"):
        for names, arrays in ((UNARY, [grid]), (PAIRS, [x, y])):
            results = [(name, OPS[name](*arrays)) for name in names]
            each = [name for name, out in results for _ in (out if isinstance(out, tuple) else (out,))]
            program = Program.trace(lambda *a, names=names: leaves([OPS[name](*a) for name in names]), *arrays)
            found, want = run(program.to_onnx(), arrays), program(*arrays)
            for name, got, expected in zip(each, found, want, strict=True):
                near = name in FROM_ONE or (name in NATIVE and dtype == "float32")
                # A kernel rounds a subnormal slope once, its formula several times.
                assert_same(got, expected, LIMIT, 1.0 if near else 1e-37 if name == "silu_slope" else 0.0)


@pytest.mark.filterwarnings("ignore")
def test_special_values_of_functions_of_scipy() -> None:
    special = pytest.importorskip("scipy.special")
    names = [
        "erf",
        "erfc",
        "erfcx",
        "ndtr",
        "log_ndtr",
        "expit",
        "log_expit",
        "entr",
        "exprel",
        "cosm1",
        "expm1",
        "log1p",
    ]
    x = np.array([v for v in GRID if abs(v) < 500] + [-20.0, -1.0, -0.99, 5.0, 26.0, np.inf, -np.inf, np.nan])
    program = Program.trace(lambda x: [getattr(special, name)(x) for name in names], x)
    for name, got, want in zip(names, run(program.to_onnx(), [x]), program(x), strict=True):
        # Of the cosine of an infinity, and the like, SciPy and NumPy have their own ideas.
        keep = np.isfinite(x) if name in ("exprel", "cosm1", "entr") else np.ones(x.shape, bool)
        # The division of x by the root of 2 is rounded, and its square is in an exponent.
        assert_same(got[keep], want[keep], 400 if "ndtr" in name else 16, 1e-300)

"""Laws of the forward pass: the value is NumPy's by every spelling, and the shape rule tells its shape and dtype."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.multi_result import each, get_tuple_element
from autograd_lite.core.op import OPS, Op
from autograd_lite.core.shape_arithmetic import ShapeDtype

from ..all_cases import RANDOM_CASES, RandomCase
from ..rows import for_every
from .reading import results_in
from .samples import SAMPLES, Sample, op_name

# An older NumPy knows fewer keywords, and tells no signatures of functions written in C.
NEW_NUMPY = np.lib.NumpyVersion(np.__version__) >= "2.4.0"
every_sample = for_every(SAMPLES, by=op_name, stride=3)


def keyword_call(function: Callable[..., Any], arrays: list[Any], params: dict[str, Any]) -> Any:
    """Call a NumPy function with its parameters by keyword; concatenate takes its arrays as one list."""
    return function(arrays, **params) if function is np.concatenate else function(*arrays, **params)


def positional_call(function: Callable[..., Any], arrays: list[Any], params: dict[str, Any]) -> Any:
    """Call a NumPy function with as many of its parameters by position as it allows."""
    signature = inspect.signature(function).parameters.values()
    leading = [arrays] if function is np.concatenate else arrays
    names = [p for p in signature if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][len(leading) :]
    rest, args = dict(params), []
    for parameter in names:
        if not rest:
            break
        args.append(rest.pop(parameter.name, parameter.default))
    return function(*leading, *args, **rest)


def spellings(sample: Sample) -> dict[str, Callable[[list[Any]], Any]]:
    """Return every public way to make this call on Tensors."""
    op, params = sample.op, sample.params
    ways: dict[str, Callable[[list[Any]], Any]] = {"op": lambda xs: op(*xs, **params)}
    if op.ufunc is not None:
        ways["ufunc"] = lambda xs: op.ufunc(*xs)  # type: ignore[misc]
    for function in op.numpy_functions:
        ways[f"{function.__name__} keyword"] = lambda xs, f=function: keyword_call(f, xs, params)
        ways[f"{function.__name__} positional"] = lambda xs, f=function: positional_call(f, xs, params)
    for n, call in enumerate(sample.case.calls):
        ways[f"call {n}"] = lambda xs, f=call: f(*xs, **params)
    return ways if NEW_NUMPY else {name: way for name, way in ways.items() if numpy_knows(way, sample)}


def numpy_knows(way: Callable[[list[Any]], Any], sample: Sample) -> bool:
    """Return whether this NumPy takes the call, and shows its signature."""
    try:
        with np.errstate(all="ignore"):
            way(sample.arrays())
    except (TypeError, ValueError):
        return False
    except AttributeError:  # a method of Tensor alone
        return True
    return True


def test_a_call_by_position_puts_every_argument_in_its_place() -> None:
    def sum_(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = "default") -> Any:
        return a, axis, dtype, out, keepdims

    assert positional_call(sum_, ["a"], {"axis": 1, "keepdims": True}) == ("a", 1, None, None, True)
    assert positional_call(sum_, ["a"], {"dtype": "f"}) == ("a", None, "f", None, "default")


@every_sample
def test_the_value_is_numpys_by_every_spelling(sample: Sample) -> None:
    arrays = sample.arrays()
    with np.errstate(all="ignore"):
        expected = results_in(sample.case.ref(*arrays, **sample.params))
        for name, call in spellings(sample).items():
            for grad in (False, True):
                tensors = [ag.tensor(a, requires_grad=grad and a.dtype.kind == "f") for a in arrays]
                flows = any(tensors[i].requires_grad for i in _with_rules(sample))
                for got, wanted in zip(results_in(call(tensors)), map(np.asarray, expected), strict=True):
                    assert isinstance(got, ag.Tensor), name
                    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-12, atol=1e-14, err_msg=name)
                    assert got.dtype == wanted.dtype, name
                    assert got.requires_grad == (flows and (wanted.dtype.kind in "fc" or sample.op.results is None)), (
                        name
                    )
                    assert not any(t.requires_grad for t in tensors) or _op_of(got) is sample.op, name


def _op_of(t: ag.Tensor) -> Any:
    """Return the op that made a Tensor, also as one of several results."""
    return t._node.inputs[0].op if t.op is get_tuple_element else t.op


def _with_rules(sample: Sample) -> list[int]:
    return [i for i in range(len(sample.shapes)) if sample.op.differentiable and sample.op.rule(i) is not None]


@every_sample
def test_float32_is_computed_in_float32(sample: Sample) -> None:
    arrays = sample.arrays(np.float32)
    with np.errstate(all="ignore"):
        expected = results_in(sample.case.ref(*arrays, **sample.params))
        out = results_in(sample.op(*(ag.tensor(a) for a in arrays), **sample.params))
    for got, wanted in zip(out, map(np.asarray, expected), strict=True):
        assert got.dtype == wanted.dtype
        wide = complex if wanted.dtype.kind == "c" else float
        np.testing.assert_allclose(got.numpy().astype(wide), wanted.astype(wide), rtol=1e-5, atol=1e-6)


def layouts(array: np.ndarray) -> dict[str, np.ndarray]:
    """Return arrays with the same values in other places of memory."""
    doubled = np.repeat(array, 2, axis=0) if array.ndim else array
    found = {"contiguous": array, "0 copies": np.broadcast_to(array, array.shape)}
    if array.ndim:
        found["every other"] = doubled[::2]
        found["backwards"] = np.ascontiguousarray(array[::-1])[::-1]
        found["Fortran"] = np.asfortranarray(array)
        found["big endian"] = array.astype(array.dtype.newbyteorder(">"))
    return found


@every_sample
def test_the_shape_rule_tells_shape_and_dtype(sample: Sample) -> None:
    for dtype in (np.float16, np.float32, np.float64):
        arrays = sample.arrays(dtype)
        with np.errstate(all="ignore"):
            expected = results_in(sample.op.forward(*arrays, **sample.params))
        found = sample.op.infer(*(ShapeDtype(a.shape, a.dtype) for a in arrays), **sample.params)
        for told, out in zip([found] if sample.op.results is None else found, map(np.asarray, expected), strict=True):
            assert tuple(told) == (out.shape, out.dtype)
            assert isinstance(told.shape, tuple)
            assert isinstance(told.dtype, np.dtype)


@every_sample
def test_the_layout_of_memory_changes_nothing(sample: Sample) -> None:
    arrays = sample.arrays()
    with np.errstate(all="ignore"):
        plain = sample.call(*(ag.tensor(a) for a in arrays))
    for i, array in enumerate(arrays):
        for name, other in layouts(array).items():
            # Borrowed as an operand beside a tensor, where there is one; else as the op record takes it.
            operands: list[Any] = [other if k == i else ag.tensor(a) for k, a in enumerate(arrays)]
            with np.errstate(all="ignore"):
                got = sample.call(*operands)
            value = got.numpy() if isinstance(got, ag.Tensor) else np.asarray(got)
            np.testing.assert_allclose(value, plain.numpy(), rtol=1e-14, err_msg=name)
            assert value.shape == plain.shape
            assert value.dtype.newbyteorder("=") == plain.dtype


DTYPES = "?bBhilefd"
ELEMENTWISE = {sample.case.op: sample for sample in SAMPLES if sample.op.ufunc and sample.case.op != "matmul"}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_dtypes_promote_as_in_numpy(name: str) -> None:
    """Also the refusals: what NumPy does not compute, Tensors do not compute either."""
    op = OPS[name]
    assert op.ufunc is not None
    for char in DTYPES:
        with np.errstate(all="ignore"):
            check_promotion(op, [np.ones((2,), char) for _ in range(op.ufunc.nin)])


def check_promotion(op: Op, arrays: list[Any]) -> None:
    assert op.ufunc is not None
    try:
        expected = op.ufunc(*arrays)
    except TypeError:
        with pytest.raises(TypeError):
            op(*(ag.tensor(a) for a in arrays))
        with pytest.raises(TypeError):
            op.infer(*(ShapeDtype(a.shape, a.dtype) for a in arrays))
        return
    assert op(*(ag.tensor(a) for a in arrays)).dtype == expected.dtype
    assert op.infer(*(ShapeDtype(a.shape, a.dtype) for a in arrays)).dtype == expected.dtype
    if op.ufunc.nin == 2:
        for weak in (1, 1.0):
            for pair in ([arrays[0], weak], [weak, arrays[0]]):
                operands = [ag.tensor(a) if isinstance(a, np.ndarray) else a for a in pair]
                assert _dtype_of(lambda x=operands: op(*x)) == _dtype_of(lambda x=pair: op.ufunc(*x))


def _dtype_of(call: Callable[[], Any]) -> Any:
    try:
        return call().dtype
    except TypeError:
        return TypeError


FIRST = {sample.case.op: sample for sample in reversed(SAMPLES)}


@pytest.mark.filterwarnings("ignore:non-integer arg n is deprecated:DeprecationWarning")  # SciPy's, of bdtr
@pytest.mark.parametrize("name", FIRST)
def test_the_shape_rule_knows_any_dtype(name: str) -> None:
    """Or refuses it, if the op does."""
    sample = FIRST[name]
    for char in DTYPES:
        arrays = sample.arrays()
        arrays = [a if k and "indices" in sample.case.exempt else a.astype(char) for k, a in enumerate(arrays)]
        specs = [ShapeDtype(a.shape, a.dtype) for a in arrays]
        with np.errstate(all="ignore"):
            try:
                got = sample.op(*(ag.tensor(a) for a in arrays), **sample.params)
            except TypeError:
                with pytest.raises(TypeError):
                    sample.op.infer(*specs, **sample.params)
                continue
            assert sample.op.infer(*specs, **sample.params) == each(lambda a: ShapeDtype(a.shape, a.dtype), got), char


@pytest.mark.parametrize("case", RANDOM_CASES, ids=lambda c: c.op)
def test_a_draw_is_the_generators(case: RandomCase) -> None:
    expected = case.ref(np.random.default_rng(7))
    drawn = case.draw(ag.Generator(7))
    assert isinstance(drawn, ag.Tensor)
    np.testing.assert_allclose(drawn.numpy(), expected, rtol=1e-15)
    assert drawn.op is OPS[case.op]
    told = drawn.op.infer(**drawn.params)
    assert tuple(told) == (drawn.shape, drawn.dtype)

"""NumPy on Tensors: every order of operands, what is refused, and what a refusal says."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
    divmod,
]
OTHERS: dict[str, Any] = {
    "int": 3,
    "float": 2.5,
    "bool": True,
    "float32": np.float32(2.5),
    "float64": np.float64(2.5),
    "int64": np.int64(3),
    "array": np.array([1.5, 2.5]),
    "array of int": np.array([2, 3]),
    "array of float32": np.array([1.5, 2.5], np.float32),
    "array without axes": np.array(2.5),
    "column": np.array([[1.5], [2.5]]),
    "list": [1.5, 2.5],
    "tuple": (1.5, 2.5),
    "Tensor": ag.tensor([1.5, 2.5]),
}


def bare(x: Any) -> Any:
    return x.detach().numpy() if isinstance(x, ag.Tensor) else x


@pytest.mark.parametrize("f", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operators_with_anything_on_either_side(f: Callable[..., Any], other: Any, dtype: Any) -> None:
    a = np.array([3.5, 4.5], dtype)
    for grad in (False, True):
        t = ag.tensor(a, requires_grad=grad)
        for got, expected in ((f(t, other), f(a, bare(other))), (f(other, t), f(bare(other), a))):
            pairs = zip(got, expected, strict=True) if f is divmod else [(got, expected)]
            for one, plain in pairs:
                assert isinstance(one, ag.Tensor)
                np.testing.assert_allclose(bare(one), plain, rtol=1e-6)
                assert one.dtype == plain.dtype
                assert one.requires_grad == (grad and plain.dtype.kind == "f")


@pytest.mark.parametrize("f", [operator.and_, operator.or_, operator.xor])
def test_bitwise_operators(f: Callable[..., Any]) -> None:
    for a, other in ((np.array([True, False]), True), (np.array([6, 3]), np.array([3, 5]))):
        t = ag.tensor(a)
        for got, expected in ((f(t, other), f(a, other)), (f(other, t), f(other, a)), (f(t, t), f(a, a))):
            assert isinstance(got, ag.Tensor)
            np.testing.assert_array_equal(got.numpy(), expected)
    np.testing.assert_array_equal((~ag.tensor([True, False])).numpy(), [False, True])
    np.testing.assert_array_equal((np.array([1, 2]) << ag.tensor([1, 1])).numpy(), [2, 4])


def test_matmul_on_either_side() -> None:
    a, t = np.arange(6.0).reshape(2, 3), ag.tensor(np.ones((3, 2)), requires_grad=True)
    for got, expected in (
        (a @ t, a @ np.ones((3, 2))),
        (t @ a, np.ones((3, 2)) @ a),
        (a.tolist() @ t, a @ np.ones((3, 2))),
    ):
        assert isinstance(got, ag.Tensor)
        assert got.requires_grad
        np.testing.assert_array_equal(bare(got), expected)


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_the_gradient_by_either_operand(other: Any) -> None:
    x = ag.tensor([3.0, 4.0], requires_grad=True)
    value = np.asarray(bare(other), float)
    (x * other).sum().backward()
    (other - x).sum().backward()
    expected = (value * np.ones((2, 2) if value.ndim == 2 else 2)).reshape(-1, 2).sum(0) - (2 if value.ndim == 2 else 1)
    np.testing.assert_allclose(x.grad.numpy(), expected)


@pytest.mark.parametrize("other", ["text", None, object(), {}, {1}, b"x", 1 + 2j, range(2)])
def test_an_operand_that_is_no_number(other: Any) -> None:
    """Raises as NumPy does, or, for complex numbers, works as NumPy does; it is never an array of objects."""
    t = ag.tensor([1.0, 2.0])
    for f in (operator.add, operator.mul, operator.lt):
        for call in (lambda f=f: f(t, other), lambda f=f: f(other, t)):
            try:
                result = call()
            except TypeError:
                continue
            assert isinstance(result, ag.Tensor)
            assert result.dtype.kind in "fcb"


def test_comparison_with_none_is_not_an_error_of_dtype() -> None:
    t = ag.tensor([1.0, 2.0])
    assert (t is None) is False
    assert not bool(np.all(t == None)) if isinstance(t == None, (ag.Tensor, np.ndarray)) else (t == None) is False  # noqa: E711


def test_weak_scalars_stay_weak_and_strong_ones_strong() -> None:
    t = ag.tensor([1.0], np.float32, requires_grad=True)
    for y in (t * 2.0, 2 * t, t + 1, np.multiply(t, 2.0), t**2, t / 3, np.maximum(t, 0.0), np.where(t > 0, t, 0.0)):
        assert y.dtype == np.float32
    assert (t * np.log(2)).dtype == np.float64
    assert (t * np.float64(2)).dtype == np.float64
    (t * np.float64(2)).sum().backward()
    assert t.grad.dtype == np.float32


# A Tensor as an argument of what makes Tensors, by the call.
MADE_OF: dict[str, Callable[[Any], Any]] = {
    "tensor": lambda t: ag.tensor(t),
    "in single precision": lambda t: ag.tensor(t, np.float32),
    "the same memory": lambda t: ag.tensor(t, copy=False),
    "the class": lambda t: ag.Tensor(t),
}
BY_TRANSFORMATIONS: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: ag.grad(f)(np.ones(2)),
    "jvp": lambda f: ag.jvp(f)((np.ones(2),), (np.ones(2),)),
    "vmap": lambda f: ag.vmap(ag.grad(f))(np.ones((3, 2))),
    "compile": lambda f: ag.compile(ag.grad(f))(np.ones(2)),
}


@pytest.mark.parametrize("transformation", BY_TRANSFORMATIONS)
@pytest.mark.parametrize("call", MADE_OF)
def test_a_tensor_made_of_another_loses_no_gradient_silently(call: str, transformation: str) -> None:
    run = BY_TRANSFORMATIONS[transformation]
    with pytest.raises(ag.GradError, match="was about to become (one without. Use t itself|a bare array)"):
        run(lambda x: (MADE_OF[call](x) ** 2).sum())
    assert np.array_equal(MADE_OF[call](ag.tensor([1.0, 2.0])), [1.0, 2.0])
    if transformation in ("grad", "compile"):
        run(lambda x: (MADE_OF[call](x.detach()) * x).sum())  # a constant is meant


def test_an_array_on_the_left_changed_in_place_by_a_tensor_would_lose_its_gradient() -> None:
    a = np.ones(2)
    with pytest.raises(
        ag.UnsupportedError, match=r"np\.add: the argument out= must be a Tensor here.*assign the result"
    ):
        a += ag.tensor([1.0, 2.0], requires_grad=True)
    np.testing.assert_array_equal(a, 1)
    a += ag.tensor([1.0, 2.0])
    np.testing.assert_array_equal(a, [2, 3])


# ---- ufunc methods --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum], ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "kwargs", [{}, {"axis": 0}, {"axis": 1}, {"axis": None}, {"axis": -1, "keepdims": True}], ids=str
)
def test_reduce_is_the_reduction_with_numpys_defaults(ufunc: np.ufunc, kwargs: dict[str, Any]) -> None:
    a = np.array([[1.0, 2.0, 3.0], [6.0, 5.0, 4.0]])
    x = ag.tensor(a, requires_grad=True)
    got = ufunc.reduce(x, **kwargs)
    assert isinstance(got, ag.Tensor)
    np.testing.assert_array_equal(bare(got), ufunc.reduce(a, **kwargs))
    got.sum().backward()
    assert x.grad.shape == a.shape
    assert ufunc.reduce(x, 1).shape == (2,)


def test_reduce_of_logical_ufuncs() -> None:
    a = np.array([[True, False], [True, True]])
    t = ag.tensor(a)
    np.testing.assert_array_equal(np.logical_and.reduce(t).numpy(), [True, False])
    np.testing.assert_array_equal(np.logical_or.reduce(t, axis=1).numpy(), [True, True])


@pytest.mark.parametrize(
    "ufunc", [np.add, np.subtract, np.multiply, np.maximum, np.power, np.greater], ids=lambda f: f.__name__
)
def test_outer_pairs_every_element_with_every_other(ufunc: np.ufunc) -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([[4.0, 5.0]])
    for x, y in ((ag.tensor(a, requires_grad=True), ag.tensor(b)), (a, ag.tensor(b)), (ag.tensor(a), b)):
        got = ufunc.outer(x, y)
        assert isinstance(got, ag.Tensor)
        np.testing.assert_array_equal(bare(got), ufunc.outer(a, b))
    x = ag.tensor(a, requires_grad=True)
    np.multiply.outer(x, b).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [9, 9, 9])


FOLDS = [np.subtract, np.divide, np.logaddexp, np.hypot, np.fmax, np.fmin, np.maximum, np.minimum, np.add, np.multiply]


@pytest.mark.parametrize("ufunc", FOLDS, ids=lambda f: f.__name__)
def test_reduce_accumulate_and_reduceat_are_numpys_and_have_gradients(ufunc: np.ufunc) -> None:
    a = np.array([[1.0, 2.5, 3.0, 0.5], [6.0, 5.0, 4.0, 7.0]])
    calls = [
        lambda x: ufunc.reduce(x, axis=1),
        lambda x: ufunc.reduce(x, axis=1, keepdims=True, initial=0.25),
        lambda x: ufunc.accumulate(x),
        lambda x: ufunc.accumulate(x, axis=-1),
        lambda x: ufunc.reduceat(x, [0, 2, 1], axis=1),
    ]
    for call in calls:
        x = ag.tensor(a, requires_grad=True)
        got = call(x)
        np.testing.assert_allclose(bare(got), call(a), rtol=1e-14)
        got.sum().backward()
        assert x.grad.shape == a.shape
    assert ufunc.accumulate(ag.tensor(np.zeros((0, 2)))).shape == (0, 2)


def test_reduce_by_a_ufunc_without_identity_needs_something_to_reduce() -> None:
    with pytest.raises(ValueError, match="no identity"):
        np.fmax.reduce(ag.tensor(np.zeros(0)))
    with pytest.raises(ValueError, match="not reorderable"):
        np.subtract.reduce(ag.tensor(np.ones((2, 2))), axis=None)


AT: list[tuple[np.ufunc, Any]] = [
    (np.add, (0, [0, 2, 0])),
    (np.subtract, (slice(None), [1, 1])),
    (np.multiply, (0, [0, 0, 0, 1])),
    (np.maximum, ([0, 0], [1, 1])),
    (np.power, ([1, 0], [1, 1])),
    (np.add, Ellipsis),
]


@pytest.mark.parametrize(("ufunc", "index"), AT, ids=lambda v: getattr(v, "__name__", str(v)))
def test_at_changes_a_tensor_once_for_each_time_that_an_element_is_named(ufunc: np.ufunc, index: Any) -> None:
    a = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    v = np.random.default_rng(0).uniform(0.5, 2.5, a[index].shape)
    x, w = ag.tensor(a, requires_grad=True), ag.tensor(v, requires_grad=True)
    t = x * 1.0
    assert ufunc.at(t, index, w) is None
    ufunc.at(a, index, v)
    np.testing.assert_allclose(bare(t), a)
    t.sum().backward()
    assert w.grad.shape == v.shape
    assert np.all(w.grad.numpy() != 0) or ufunc is np.maximum
    with pytest.raises(ag.UnsupportedError, match=r"at: the array to change must be a Tensor"):
        ufunc.at(a, index, w)


def test_at_of_a_ufunc_of_one_argument() -> None:
    t = ag.tensor([1.0, 2.0, 3.0])
    np.negative.at(t, [0, 0, 1])
    np.testing.assert_array_equal(t.numpy(), [1, -2, 3])


METHODS: list[tuple[str, Callable[[Any], Any]]] = [
    ("np.divmod.outer", lambda x: np.divmod.outer(x, x)),
]


@pytest.mark.parametrize(("name", "call"), METHODS, ids=[m[0] for m in METHODS])
def test_a_ufunc_method_that_is_not_supported_names_itself(name: str, call: Callable[[Any], Any]) -> None:
    with pytest.raises(ag.UnsupportedError, match=rf"{name} is not supported on Tensors\. .*\.detach\(\)\.numpy\(\)"):
        call(ag.tensor([1.0, 2.0], requires_grad=True))


# ---- refusals -------------------------------------------------------------------------------------------------------

OUT = np.zeros(2)
REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: np.sin(x, where=[True, False]), r"np\.sin: the argument where= .*; choose with np\.where"),
    (lambda x: np.sin(x, casting="no"), r"np\.sin: the arguments \['casting'\] are not supported"),
    (lambda x: np.add(x, x, subok=False), r"np\.add: the arguments \['subok'\] are not supported"),
    (lambda x: np.matmul(x, x, axes=[0, 0, 0]), r"np\.matmul: the arguments \['axes'\] are not supported"),
    (lambda x: np.greater(x, x, dtype=float), r"np\.greater: the argument dtype=float64 is not supported"),
    (lambda x: np.logaddexp.reduce(x, where=[True, False]), r"np\.logaddexp\.reduce: the argument where= "),
    (lambda x: np.clip(x, 0, 1, where=[True, False]), r"np\.clip: the argument where= "),
    (lambda x: np.quantile(x, 0.5, weights=[1, 2], method="inverted_cdf"), r"np\.quantile: the argument weights= "),
    (lambda x: np.polyfit(x, x, 1, full=True), r"np\.polyfit: the argument full= .*np\.linalg\.lstsq"),
    (lambda x: np.pad(x, 1, "mean"), r"np\.pad: mode='mean' is not supported on Tensors; use 'constant' or one of"),
    (lambda x: np.pad(x, 1, lambda *a: None), r"np\.pad: mode=.* is not supported"),
    (lambda x: np.pad(x, 1, "reflect", reflect_type="odd"), r"np\.pad: .*reflect_type"),
    (lambda x: np.pad(x, 1, stat_length=2), r"np\.pad: with mode='constant' the arguments \['stat_length'\]"),
    (lambda x: x.astype("U3"), r"astype: expected a numeric dtype; received <U3"),
    (lambda x: x.astype("M8[D]"), r"astype: expected a numeric dtype"),
    (lambda x: np.copyto(OUT, ag.tensor(np.ones(2), requires_grad=True)), r"np\.copyto: the argument dst= must be"),
    (lambda x: np.put(OUT, [0], x[:1]), r"np\.put: the array to change must be a Tensor here"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_an_argument_that_cannot_be_honoured_is_refused(call: Callable[[Any], Any], message: str) -> None:
    for grad in (True, False):
        with pytest.raises(ag.UnsupportedError, match=message):
            call(ag.tensor([1.0, 2.0], requires_grad=grad))
    np.testing.assert_array_equal(OUT, 0)


# ---- out= and where= -------------------------------------------------------------------------------------------------

FILLED: list[tuple[Callable[..., Any], tuple[int, ...]]] = [
    (lambda x, out: np.sin(x, out=out), (2, 3)),
    (lambda x, out: np.add(x, 1, out), (2, 3)),
    (lambda x, out: np.add(1, x[0], out=out), (2, 3)),
    (lambda x, out: np.multiply(x, x, out=out, where=[True, False, True]), (2, 3)),
    (lambda x, out: np.sum(x, 0, None, out), (3,)),
    (lambda x, out: np.sum(x, axis=1, out=out, keepdims=True), (2, 1)),
    (lambda x, out: np.max(x, 0, out, initial=0.5), (3,)),
    (lambda x, out: np.mean(x, axis=1, out=out, where=[True, False, True]), (2,)),
    (lambda x, out: np.std(x, 0, None, out, 1), (3,)),
    (lambda x, out: np.add.reduce(x, out=out), (3,)),
    (lambda x, out: np.maximum.accumulate(x, axis=1, out=out), (2, 3)),
    (lambda x, out: np.clip(x, 0, 1, out), (2, 3)),
    (lambda x, out: np.round(x, 1, out), (2, 3)),
    (lambda x, out: np.concatenate([x, x], out=out), (4, 3)),
    (lambda x, out: np.stack([x, x], 1, out), (2, 2, 3)),
    (lambda x, out: np.dot(x, x.T, out), (2, 2)),
    (lambda x, out: np.cumsum(x, 1, None, out), (2, 3)),
    (lambda x, out: np.take(x, [1, 0], 1, out), (2, 2)),
    (lambda x, out: np.median(x, 0, out), (3,)),
    (lambda x, out: np.nanmax(x, axis=1, out=out), (2,)),
]


@pytest.mark.parametrize(("call", "shape"), FILLED, ids=range(len(FILLED)))
def test_out_fills_a_tensor_and_gradients_flow_through_it(call: Callable[..., Any], shape: tuple[int, ...]) -> None:
    a = np.array([[0.3, 1.7, -0.4], [0.9, 0.2, 2.2]])
    expected = np.full(shape, 7.0)
    call(a, expected)
    x, out = ag.tensor(a, requires_grad=True), ag.tensor(np.full(shape, 7.0))
    assert call(x, out) is out
    np.testing.assert_allclose(bare(out), expected, rtol=1e-14)
    assert out.requires_grad
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), ag.grad(lambda t: call(t, ag.tensor(np.full(shape, 7.0))).sum())(a))
    array = np.full(shape, 7.0)
    with pytest.raises(ag.UnsupportedError, match="out= must be a Tensor here"):
        call(x, array)
    np.testing.assert_array_equal(array, 7)
    assert call(ag.tensor(a), array) is array  # no gradient to lose
    np.testing.assert_allclose(array, expected, rtol=1e-14)


def test_out_that_is_an_array_takes_no_tangents_and_no_batches() -> None:
    out = np.zeros(2)
    with pytest.raises(ag.GradError, match="about to become a bare array"):
        ag.jvp(lambda x: np.sin(x, out=out))((np.ones(2),), (np.ones(2),))
    with pytest.raises(TypeError, match="about to become a bare array"):
        ag.vmap(lambda x: np.cumsum(x, out=out))(np.ones((3, 2)))
    np.testing.assert_array_equal(out, 0)


def test_out_that_does_not_fit_is_refused() -> None:
    x = ag.tensor([[1.0, 2.0]], requires_grad=True)
    with pytest.raises(ag.ShapeError, match=r"np\.sum: out= has shape \(3,\); expected \(2,\)"):
        np.sum(x, axis=0, out=ag.tensor(np.zeros(3)))
    with pytest.raises(ag.DtypeError, match=r"np\.sin: out= has dtype int64, which a float64 result does not fit"):
        np.sin(x, out=ag.tensor([[1, 2]]))
    with pytest.raises(ag.GradError, match="a leaf that requires a gradient"):
        np.sin(x, out=x)


def test_out_of_a_ufunc_with_two_results() -> None:
    x, whole = ag.tensor([7.5], requires_grad=True), ag.tensor([0.0])
    rest, same = np.modf(x, out=(None, whole))
    assert same is whole
    assert float(whole) == 7.0
    rest.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1])


def test_dtype_of_a_ufunc_and_of_a_reduction() -> None:
    x = ag.tensor([1.5, 2.5], requires_grad=True)
    for y in (np.add(x, 1, dtype="f"), np.sum(x, dtype="f"), np.concatenate([x, x], dtype="f"), np.std(x, dtype="f"),
              np.add.reduce(x, dtype="f"), np.cumsum(x, dtype="f"), np.vstack([x, x], dtype="f")):  # fmt: skip
        assert y.dtype == np.float32
        assert y.requires_grad
    with pytest.raises(ag.DtypeError, match="does not cast"):
        np.sin(x, dtype=int)


def test_arguments_with_their_default_are_no_arguments() -> None:
    x = ag.tensor([1.0, 2.0])
    assert float(np.sum(x, axis=None, dtype=None, out=None)) == 3.0
    assert np.sin(x, out=None).shape == (2,)
    assert np.sin(x, where=True).shape == (2,)
    assert np.sin(x, casting="same_kind", order="K").shape == (2,)
    assert np.add.reduce(x, out=None).shape == ()
    assert np.concatenate([x, x], out=None, dtype=None, casting="same_kind").shape == (4,)
    assert np.dot(x, x, out=None).shape == ()


UNSUPPORTED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: np.tri(3, like=x), r"np\.tri is not supported on Tensors\. .*or the call without like="),
    (lambda x: np.zeros(3, like=x), r"np\.zeros is not supported on Tensors\. Write np\.zeros_like\(x\)"),
    (lambda x: np.save("nowhere", x), r"np\.save is not supported on Tensors\. Write np\.save\(path, x\.numpy\(\)\)"),
    (lambda x: np.emath.sqrt(x), r"sqrt is not supported on Tensors\. Write np\.sqrt\(x\.astype\(complex\)\)"),
    (lambda x: np.isnat(x), r"np\.isnat is not supported on Tensors\. It is about dates"),
]


@pytest.mark.parametrize(("call", "message"), UNSUPPORTED, ids=[m for _, m in UNSUPPORTED])
def test_a_call_that_is_not_supported_says_so_and_what_to_use(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ag.UnsupportedError, match=message + r".*leave the graph with x\.detach\(\)\.numpy\(\)"):
        call(ag.tensor(np.ones((2, 2)), requires_grad=True))


def test_every_numpy_function_works_or_is_refused_and_none_silently_takes_the_values() -> None:
    """Call everything in NumPy: a result that is a bare array of floats would have lost the gradient."""
    x = ag.tensor([[0.5, 0.25], [0.75, 0.125]], requires_grad=True)
    escaped = []
    for name in sorted(dir(np)):
        function = getattr(np, name)
        if not callable(function) or isinstance(function, type) or name.startswith("_") or name in DANGEROUS:
            continue
        for arguments in ((x,), (x, x), ([x, x],), (x, 1)):
            try:
                with np.errstate(all="ignore"):
                    result = function(*arguments)
            except Exception:
                continue
            if isinstance(result, np.ndarray) and result.dtype.kind in "fO":
                escaped.append((name, result.dtype.char))
    assert set(escaped) <= SHAPE_ONLY


# They write files, open other programs, or change global state.
DANGEROUS = {"save", "savez", "savez_compressed", "savetxt", "fromfile", "memmap", "info", "source", "lookfor", "test",
             "seterr", "seterrcall", "setbufsize", "set_printoptions", "show_config", "show_runtime", "load", "loadtxt",
             "genfromtxt", "fromregex", "DataSource"}  # fmt: skip
# They read the shape alone, as they say.
SHAPE_ONLY = {(name, "d") for name in ("zeros_like", "ones_like", "empty_like", "full_like")}


# ---- what shape errors say ------------------------------------------------------------------------------------------

SHAPE_ERRORS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: x.reshape(5), r"reshape: 6 elements do not fit shape \(5,\)"),
    (lambda x: x.reshape(-1, 4), r"reshape: 6 elements do not fit shape \(-1, 4\)"),
    (lambda x: x.reshape(-1, -1), r"reshape: 6 elements do not fit shape"),
    (lambda x: x.reshape(-2, -3), r"reshape: 6 elements do not fit shape"),
    (lambda x: x.sum(axis=2), r"axis=2 is out of bounds for a 2-dimensional array; use -2 to 1"),
    (lambda x: x.max(axis=(0, 0)), r"axis=\(0, 0\) names the same axis twice"),
    (lambda x: np.transpose(x, (0, 0)), r"transpose: expected axes to be a permutation of 2 axes; received \(0, 0\)"),
    (lambda x: x.transpose(0), r"transpose: expected axes to be a permutation of 2 axes"),
    (lambda x: np.squeeze(x, 0), r"squeeze: expected axis 0 to have length 1; received shape \(2, 3\)"),
    (lambda x: np.swapaxes(x, 0, 5), r"axis2=5 is out of bounds"),
    (lambda x: np.moveaxis(x, [0, 1], [0]), r"moveaxis: expected as many destinations as sources"),
    (lambda x: np.expand_dims(x, (0, 0)), r"names the same axis twice"),
    (lambda x: np.stack([x, x[0]]), r"stack: expected arrays of one shape; received \[\(2, 3\), \(3,\)\]"),
    (
        lambda x: np.split(x, 2, axis=1),
        r"split: axis 1 of length 3 does not divide into 2 equal parts; use np\.array_split",
    ),
    (lambda x: np.array_split(x, 0), r"split: expected a positive number of sections; received 0"),
    (lambda x: np.split(x, 0), r"split: expected a positive number of sections; received 0"),
    (lambda x: ag.softmax(x, axis=7), r"axis=7 is out of bounds"),
    (lambda x: ag.logsumexp(x, axis=7), r"axis=7 is out of bounds"),
    (lambda x: np.argmax(x, axis=7), r"axis=7 is out of bounds"),
]


@pytest.mark.parametrize(("call", "message"), SHAPE_ERRORS, ids=[m for _, m in SHAPE_ERRORS])
def test_shapes_that_do_not_fit_are_named(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ag.ShapeError, match=message):
        call(ag.tensor(np.ones((2, 3)), requires_grad=True))


DISAGREEMENTS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: x + np.ones(2), r"add: .*broadcast.*\(2, 3\) and \(2,\)"),
    (lambda x: np.ones(2) * x, r"multiply: .*broadcast.*\(2,\) and \(2, 3\)"),
    (lambda x: np.where(x > 0, x, np.ones(4)), r"where: .*broadcast.*\(2, 3\).*\(4,\)"),
    (lambda x: x @ x, r"matmul: .*received shapes \(2, 3\) and \(2, 3\)"),
    (lambda x: x @ 2.0, r"matmul: "),
    (lambda x: np.concatenate([x, np.ones(2)]), r"concatenate: .*\(2, 3\), shape \(2,\)"),
    (lambda x: np.broadcast_to(x, (3, 3)), r"broadcast_to: .*\(2, 3\)"),
]


@pytest.mark.parametrize(("call", "message"), DISAGREEMENTS, ids=[m for _, m in DISAGREEMENTS])
def test_what_numpy_refuses_is_refused_and_the_op_and_both_shapes_named(
    call: Callable[[Any], Any], message: str
) -> None:
    a = np.ones((2, 3))
    with pytest.raises(ValueError):  # noqa: PT011
        call(a)
    for grad in (True, False):
        with pytest.raises(ag.ShapeError, match=message):
            call(ag.tensor(a, requires_grad=grad))


def test_reductions_of_nothing_raise_as_in_numpy() -> None:
    for f in (np.max, np.min, np.argmax):
        with pytest.raises(ValueError, match="empty|zero-size"):
            f(ag.tensor(np.zeros((0, 2))))


# ---- functions that NumPy lacks -------------------------------------------------------------------------------------

FUNCTIONS = [ag.relu, ag.leaky_relu, ag.elu, ag.silu, ag.sigmoid, ag.softplus, ag.erf, ag.erfc, ag.gelu, ag.softmax,
             ag.log_softmax, ag.logsumexp]  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_function_of_ours_takes_arrays_too_and_gives_arrays(f: Callable[..., Any]) -> None:
    a = np.array([-1.5, 0.5, 2.5])
    of_tensor = f(ag.tensor(a)).numpy()
    for given in (a, a.tolist(), tuple(a)):
        got = f(given)
        assert not isinstance(got, ag.Tensor)
        np.testing.assert_array_equal(got, of_tensor)
    for scalar in (0.5, np.float32(0.5), np.array(0.5)):
        if f not in (ag.softmax, ag.log_softmax):
            assert np.shape(f(scalar)) == ()
            np.testing.assert_allclose(f(scalar), f(ag.tensor(scalar)).numpy(), rtol=1e-6)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("char", "bBilefd")
def test_a_function_of_ours_gives_a_float_for_any_number(f: Callable[..., Any], char: str) -> None:
    got = f(ag.tensor(np.ones(3, char)))
    assert got.dtype.kind == "f" or f is ag.relu
    assert got.dtype == np.dtype(char) or char not in "efd"
    np.testing.assert_allclose(got.numpy().astype(float), f(np.ones(3)), rtol=2e-3)


def test_gelu_by_tanh_is_near_the_exact_one_and_has_its_gradient() -> None:
    x = np.linspace(-3, 3, 13)
    np.testing.assert_allclose(ag.gelu(x, approximate=True), ag.gelu(x), atol=1e-3)
    exact, near = (ag.grad(lambda t, a=a: ag.gelu(t, approximate=a).sum())(x) for a in (False, True))
    np.testing.assert_allclose(near, exact, atol=2e-3)
    assert ag.gelu(ag.tensor(x, np.float32), approximate=True).dtype == np.float32


def test_the_error_function_is_right_to_the_last_digits() -> None:
    x = np.concatenate([np.linspace(-6, 6, 4001), [0.0, -0.0, 1e-300, 27.0, -27.0, np.inf, -np.inf]])
    with np.errstate(under="ignore"):
        erf, erfc = ag.erf(x), ag.erfc(x)
    np.testing.assert_allclose(erf, [math.erf(v) for v in x], rtol=4e-16, atol=0)
    np.testing.assert_allclose(erfc, [math.erfc(v) for v in x], rtol=2e-15, atol=1e-323)
    assert np.isnan(ag.erf(np.array([np.nan]))).all()


def test_an_error_about_values_does_not_blame_the_shapes() -> None:
    with pytest.raises(ValueError, match="Integers to negative integer powers"):
        ag.tensor([2, 3]) ** -1
    with pytest.raises(
        ag.ShapeError, match=r"power: expected shapes that fit; the shapes do not broadcast.*\(2,\) and \(3,\)"
    ):
        ag.tensor([2, 3]) ** ag.tensor([1, 1, 1])


def test_a_matrix_that_is_singular_raises_what_numpy_raises() -> None:
    """So that the usual retry with a larger diagonal works on Tensors as well."""
    x = ag.tensor(np.zeros((2, 2)), requires_grad=True)
    for f in (np.linalg.inv, np.linalg.cholesky, lambda x: np.linalg.solve(x, np.ones(2))):
        with pytest.raises(np.linalg.LinAlgError):
            f(x)

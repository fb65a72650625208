"""The array API standard: `autograd_lite.numpy` has its functions with its keywords, and they agree with NumPy's.

`python -m benchmarks.array_api` runs the standard's own tests.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import autograd_lite.numpy as xnp
from autograd_lite.testing import check_grads
from benchmarks.array_api import __main__ as suite

VALUES: dict[str, Any] = {
    "x": np.array([[0.5, -1.25, 2.0], [0.75, 1.5, -0.375]]),
    "y": np.array([0.25, -0.5, 3.0]),
    "u": np.array([0.125, 0.5, 0.875]),  # where all elementwise functions are defined
    "v": np.array([1.5, 2.0, 4.0]),
    "z": np.array([1.0 + 2.0j, -0.5j, 0.25]),
    "m": np.array([[2.0, 0.5, 0.25], [0.5, 3.0, -1.0], [0.25, -1.0, 4.0]]),
    "i": np.array([2, 0, 1]),
    "j": np.array([3, 5, 3]),
    "b": np.array([True, False, True]),
}
# Each call once; a name that is called is one of the standard's. "0:" marks what has no derivative.
ELEMENTWISE = {
    "u": "acos asin asinh atan atanh cos cosh exp expm1 log log1p log2 log10 sin sinh sqrt square tan tanh reciprocal",
    "v": "acosh abs negative positive",
    "z": "conj imag real",
    "x, y": "add atan2 divide hypot logaddexp maximum minimum multiply subtract copysign remainder",
    "v, u": "pow",
}
FLAT_ELEMENTWISE = {
    "x": "ceil floor isfinite isinf isnan logical_not round sign signbit trunc",
    "i": "bitwise_invert",
    "x, y": "equal floor_divide greater greater_equal less less_equal logical_and logical_or logical_xor nextafter "
    "not_equal",
    "i, j": "bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor",
}
CALLS = """
0: arange(1, 7, 2, dtype=xp.float32, device="cpu")
0: empty((2, 0), dtype=xp.int8, device="cpu")
0: empty_like(x[:0], dtype=xp.int8, device="cpu")
0: eye(3, 4, k=1, dtype=xp.float32, device="cpu")
0: full((2, 2), 3.0, dtype=xp.float32, device="cpu")
0: full_like(x, 7, dtype=xp.int16, device="cpu")
0: linspace(0.0, 1.0, 5, dtype=xp.float32, device="cpu", endpoint=False)
0: ones((2, 1), dtype=xp.complex64, device="cpu")
0: ones_like(x, dtype=xp.bool, device="cpu")
0: zeros(3, dtype=xp.uint8, device="cpu")
0: zeros_like(x, dtype=xp.uint8, device="cpu")
0: from_dlpack(i, device="cpu", copy=True)
asarray(x, dtype=xp.float32, device="cpu", copy=True)
meshgrid(y, u, indexing="ij")
tril(x, k=-1)
triu(x, k=1)
astype(x, xp.float32, copy=False, device="cpu")
0: can_cast(x, xp.float32)
0: result_type(i, xp.float32, 1.0)
0: isdtype(x.dtype, ("real floating", "complex floating"))
0: finfo(x.dtype).eps
0: iinfo(i.dtype).max
clip(x, min=-1.0, max=y + 3)
take(x, i, axis=1)
take_along_axis(x, i[None, :], axis=-1)
matmul(x, m)
matrix_transpose(x)
tensordot(x, x, axes=((0,), (0,)))
vecdot(x, y, axis=-1)
linalg.cholesky(m, upper=True)
linalg.cross(x, y, axis=-1)
linalg.det(m)
linalg.diagonal(m, offset=1)
linalg.eigh(m)
linalg.eigvalsh(m)
linalg.inv(m)
linalg.matmul(m, y)
linalg.matrix_norm(x, keepdims=True, ord="nuc")
linalg.matrix_power(m, 3)
0: linalg.matrix_rank(m, rtol=1e-9)
linalg.matrix_transpose(x)
linalg.outer(y, u)
linalg.pinv(x, rtol=1e-9)
linalg.qr(m, mode="reduced")
linalg.slogdet(m)
linalg.solve(m, y)
linalg.svd(x, full_matrices=False)
0: linalg.svd(x.T + 0)
linalg.svdvals(x)
linalg.tensordot(x, m, axes=1)
linalg.trace(m, offset=-1, dtype=xp.float32)
linalg.vecdot(m, m, axis=0)
linalg.vector_norm(x, axis=(0, 1), keepdims=True, ord=3)
broadcast_arrays(x, y)
broadcast_to(y, (2, 3))
concat([x, x], axis=None)
expand_dims(x, axis=1)
flip(x, axis=1)
moveaxis(x, 0, 1)
permute_dims(x, (1, 0))
repeat(x, i + 1, axis=1)
reshape(x, (3, -1), copy=True)
roll(x, (1, 2), axis=(0, 1))
squeeze(x[:1], axis=0)
stack([y, u], axis=-1)
tile(y, (2, 2))
unstack(x, axis=1)
0: argmax(x, axis=1, keepdims=True)
0: argmin(x, axis=0, keepdims=True)
0: count_nonzero(i, axis=0, keepdims=True)
0: nonzero(i)
0: searchsorted(v, y, side="right", sorter=xp.asarray([0, 1, 2]))
where(b, x, y)
0: isin(i, j)
unique_all(y)
unique_counts(y)
unique_inverse(y)
0: argsort(x, axis=0, stable=True)
sort(x, axis=0, stable=True)
0: cumulative_prod(i, dtype=xp.int8)
0: cumulative_sum(b, dtype=xp.bool)
0: cumulative_sum(200 * j, dtype=xp.uint8)
cumulative_prod(x, axis=0, dtype=xp.complex64, include_initial=True)
cumulative_sum(x, axis=1, dtype=xp.float32, include_initial=True)
max(x, axis=0, keepdims=True)
mean(x, axis=(0, 1), keepdims=True)
min(x, axis=-1, keepdims=True)
prod(x, axis=1, dtype=xp.float32, keepdims=True)
std(x, axis=1, correction=1.0, keepdims=True)
sum(x, axis=0, dtype=xp.float32, keepdims=True)
var(x, axis=1, correction=1, keepdims=True)
0: all(b, axis=0, keepdims=True)
0: any(b, axis=0, keepdims=True)
diff(x, axis=1, n=1, prepend=x, append=x)
fft.fft(z, n=4, axis=-1, norm="ortho")
fft.ifft(z, n=2, axis=0, norm="forward")
fft.fftn(m, s=(2, 2), axes=(0, 1), norm="ortho")
fft.ifftn(m, s=(4, 2), axes=(0, 1), norm="backward")
fft.rfft(x, n=4, axis=1, norm="ortho")
fft.irfft(z, n=5, axis=-1, norm="forward")
fft.rfftn(m, s=(2, 2), axes=(0, 1), norm="ortho")
fft.irfftn(m, s=(2, 3), axes=(0, 1), norm="ortho")
fft.hfft(z, n=5, axis=-1, norm="ortho")
fft.ihfft(y, n=3, axis=-1, norm="ortho")
0: fft.fftfreq(5, d=0.5, device="cpu")
0: fft.rfftfreq(5, d=0.5, device="cpu")
fft.fftshift(x, axes=1)
fft.ifftshift(x, axes=(0, 1))
"""
ROWS = [
    *(f"{name}({args})" for args, names in ELEMENTWISE.items() for name in names.split()),
    *(f"0: {name}({args})" for args, names in FLAT_ELEMENTWISE.items() for name in names.split()),
    *CALLS.strip().splitlines(),
]


def name_of(row: str) -> str:
    return row.removeprefix("0: ").partition("(")[0]


def called(row: str, xp: Any, arrays: dict[str, Any]) -> Any:
    """Evaluate a row in a namespace."""
    return eval(f"xp.{row.removeprefix('0: ')}", {"xp": xp, **arrays})


def leaves(result: Any) -> list[Any]:
    """Return the arrays of a result, which may be a tuple of some."""
    return [leaf for part in result for leaf in leaves(part)] if isinstance(result, (tuple, list)) else [result]


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy 2.0 lacks some of the keywords")
@pytest.mark.parametrize("row", ROWS)
def test_a_function_of_the_standard_takes_its_keywords_and_agrees_with_numpy(row: str) -> None:
    if not hasattr(np, name_of(row).partition(".")[0]):
        pytest.skip(f"NumPy {np.__version__} lacks it")
    expected = leaves(called(row, np, VALUES))
    for needs in (False, True):
        smooth = needs and not row.startswith("0: ")
        arrays = {n: ag.tensor(a, requires_grad=smooth and a.dtype.kind in "fc") for n, a in VALUES.items()}
        found = leaves(called(row, xnp, arrays))
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected, strict=True):
            if isinstance(theirs, (np.ndarray, np.number)) and "finfo" not in row:
                assert isinstance(ours, ag.Tensor), row
                assert ours.dtype == theirs.dtype
                few = 8 * np.finfo(theirs.dtype).eps if theirs.dtype.kind in "fc" else 0.0
                np.testing.assert_allclose(ours.data, theirs, rtol=few, atol=few)
            else:
                assert ours == theirs
        assert any(getattr(ours, "requires_grad", False) for ours in found) == smooth


def test_what_numpy_lacks_of_the_standard() -> None:
    x = ag.tensor([[2.0, 1.0, 2.0], [0.0, 3.0, 0.0]], requires_grad=True)
    assert np.array_equal(xnp.sort(x, axis=1, descending=True).data, [[2, 2, 1], [3, 0, 0]])
    assert np.array_equal(xnp.sort(x, axis=None, descending=True).data, [3, 2, 2, 1, 0, 0])
    assert np.array_equal(xnp.argsort(x, axis=1, descending=True).data, [[0, 2, 1], [1, 0, 2]])
    assert np.array_equal(xnp.argsort(x, descending=True, axis=None).data, [4, 0, 2, 1, 3, 5])
    many = ag.tensor(np.arange(1000) % 7)
    assert np.array_equal(xnp.argsort(many).data, np.argsort(many.data, kind="stable"))
    weights = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert check_grads(lambda x: (xnp.sort(x, descending=True) * weights).sum(), (np.array([[2.0, 1.0, 5.0]]),)).ok
    assert np.array_equal(xnp.unique_values(ag.tensor([3, 1, 0, 3, 2])).data, [0, 1, 2, 3])
    assert xnp.unique_values(x).requires_grad
    for name in ("fftfreq", "rfftfreq"):
        f = getattr(xnp.fft, name)(5, d=0.5, dtype=np.float32)
        assert isinstance(f, ag.Tensor)
        assert f.dtype == np.float32
    assert list(inspect.signature(xnp.clip).parameters)[:3] == ["a", "min", "max"]
    assert np.array_equal(xnp.clip(x, a_min=1, a_max=2).data, np.clip(x.data, 1, 2))


def test_a_tensor_has_what_the_standard_asks_of_an_array() -> None:
    x = ag.tensor([1.0, 2.0])
    assert x.__array_namespace__() is xnp
    assert x.__array_namespace__(api_version="2022.12") is xnp
    with pytest.raises(ValueError, match="1999"):
        x.__array_namespace__(api_version="1999.12")
    assert xnp.__array_api_version__ == np.__array_api_version__
    if hasattr(np, "__array_namespace_info__"):  # NumPy 2.0 has none
        assert xnp.__array_namespace_info__().default_dtypes() == np.__array_namespace_info__().default_dtypes()
    assert x.device == "cpu"
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError, match="expected the tensor's own device, 'cpu'"):
        x.to_device("gpu")
    for t in (ag.tensor([6, 1]), ag.tensor(np.uint8([6, 1]))):
        for shift in (lambda t: t << 2, lambda t: 9 >> t, lambda t: t >> 1, lambda t: 1 << t):
            shifted, bits = shift(t), shift(t.data)
            assert isinstance(shifted, ag.Tensor)
            assert shifted.dtype == bits.dtype
            assert np.array_equal(shifted.data, bits)
    inside: list[Any] = []
    one = np.ones(2)
    for transform in (lambda f: ag.jvp(f)((one,), (one,)), lambda f: ag.vmap(f)(one), lambda f: ag.compile(f)(one)):
        transform(lambda t: [inside.append((t.__array_namespace__(), t.device)), t][1])
    assert inside == [(xnp, "cpu")] * len(inside)
    assert len(inside) >= 3


def test_asarray_copies_when_it_is_asked_to_and_refuses_when_it_must_not() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    assert xnp.asarray(x) is x
    assert xnp.asarray(x, dtype=float, copy=False) is x
    assert xnp.asarray(x, copy=True) is not x
    assert xnp.asarray(x, copy=True).requires_grad
    for asked in ({"dtype": np.float32}, {}):
        with pytest.raises(ValueError, match="copy"):
            xnp.asarray(x if asked else [x[0], 1.0], copy=False, **asked)
    with pytest.raises(ValueError, match="device"):
        xnp.asarray(x, device="gpu")


def test_dlpack_lends_no_memory_that_others_may_write_into_and_loses_no_gradient() -> None:
    x = ag.tensor([1.0, 2.0])
    lent = np.from_dlpack(x)
    assert np.array_equal(lent, [1.0, 2.0])
    assert not np.shares_memory(lent, x.data)
    if np.lib.NumpyVersion(np.__version__) >= "2.1.0":  # with the argument copy
        shared = np.from_dlpack(x, copy=False)
        assert np.shares_memory(shared, x.data)
        assert not shared.flags.writeable
    assert x.__dlpack_device__() == np.ones(1).__dlpack_device__()
    needs = ag.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ag.GradError, match=r"t\.detach\(\)"):
        np.from_dlpack(needs)
    assert xnp.from_dlpack(needs) is needs
    with pytest.raises(ag.TraceError, match="from_dlpack"):
        ag.compile(np.from_dlpack)(np.ones(2))
    for transform in (lambda f: ag.grad(f)(np.ones(2)), lambda f: ag.jvp(f)((np.ones(2),), (np.ones(2),))):
        with pytest.raises(ag.GradError):
            transform(lambda t: np.from_dlpack(t).sum())


def test_the_full_singular_vectors_are_those_of_numpy_where_no_derivative_is_lost() -> None:
    a = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]])
    for x in (a, a.T, np.stack([a, a + 1]).astype(complex)):
        for ours, theirs in zip(np.linalg.svd(ag.tensor(x)), np.linalg.svd(x), strict=True):
            assert isinstance(ours, ag.Tensor)
            assert np.array_equal(ours.data, theirs)
        with pytest.raises(ag.UnsupportedError, match="full_matrices=False"):
            np.linalg.svd(ag.tensor(x, requires_grad=True))
        with pytest.raises(ag.UnsupportedError, match="full_matrices=False"):
            ag.jvp(lambda t: np.linalg.svd(t)[0])((x,), (x,))


def test_special_functions_of_the_namespace_take_tensors_beside_arrays() -> None:
    special = pytest.importorskip("scipy.special")
    x = ag.tensor([0.25, 0.5], requires_grad=True)
    for name, args in (("gammaln", ()), ("betainc", (2.0, np.ones(2))), ("logsumexp", ()), ("zeta", ()), ("sinc", ())):
        inputs = (x + 1, 2.0) if name == "zeta" else (*args, x)
        found = getattr(xnp.special, name)(*inputs)
        assert found.requires_grad
        plain = [a.data if isinstance(a, ag.Tensor) else a for a in inputs]
        assert np.allclose(found.data, getattr(special, name)(*plain), rtol=1e-12)
    assert not hasattr(xnp.special, "no_such_function")
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = xnp.no_such_name


@pytest.mark.ci
def test_without_scipy_the_namespace_has_no_special_functions() -> None:
    code = "import sys; sys.modules['scipy'] = None; import autograd_lite.numpy as xnp; print(hasattr(xnp, 'special'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_products_over_an_axis_want_one_length_and_take_another_axis() -> None:
    x, y = ag.tensor(np.ones((3, 2))), ag.tensor(np.arange(3.0)[:, None], requires_grad=True)
    assert np.array_equal(np.vecdot(x, y, axis=0).data, [3.0, 3.0])
    for call in (lambda: np.vecdot(x, y), lambda: np.vecdot(ag.tensor(np.ones(2)), ag.tensor(np.ones(1)))):
        with pytest.raises(ag.ShapeError, match="to have one length"):
            call()
    with pytest.raises(IndexError, match="out of bounds"):
        np.vecdot(x, y, axis=2)


def test_libraries_find_the_namespace_and_what_they_compute_has_a_gradient() -> None:
    compat = pytest.importorskip("scipy._lib.array_api_compat", reason="SciPy brings array-api-compat")
    extra = pytest.importorskip("scipy._lib.array_api_extra", reason="SciPy brings array-api-extra")
    t = ag.tensor([1.0, 2.0])
    assert compat.array_namespace(t, t) is xnp
    assert compat.is_array_api_obj(t)
    assert (compat.device(t), compat.size(t)) == ("cpu", 2)
    m = VALUES["m"]
    for f in (
        lambda x: extra.kron(x, x[:1, ...], xp=x.__array_namespace__()),
        lambda x: extra.cov(x, xp=x.__array_namespace__()),
        lambda x: extra.at(x, (0, slice(None))).set(0.0, copy=True, xp=x.__array_namespace__()) * x,
        lambda x: extra.apply_where(x > 0.4, (x,), lambda a: a**3, lambda a: -a, xp=x.__array_namespace__()),
    ):
        assert check_grads(f, m, order=2, invariants=False).ok


# ---- the runner of the standard's own tests -------------------------------------------------------------------------


def test_the_runner_tells_which_tests_are_lost() -> None:
    rows = [("a", "passed", ""), ("b", "failed", "x"), ("c", "passed", ""), ("d", "passed", ""), ("e", "skipped", "")]
    numpy = suite.read(json.dumps({"test": t, "outcome": how, "text": text}) for t, how, text in rows)
    ours = {**numpy, "b": suite.Test("passed", ""), "c": suite.Test("failed", "TypeError: no")}
    del ours["d"]
    assert suite.lost(numpy, ours) == {"c": "TypeError: no", "d": "it was not run"}
    assert suite.lost(ours, numpy) == {"b": "x"}
    text = suite.report(numpy, ours)
    assert re.search(r"\| numpy \| 3 \| 1 \| 1 \|\n\| autograd_lite.numpy \| 2 \| 1 \| 1 \|", text)
    assert "2 tests pass with numpy and not with autograd_lite.numpy\n  c\n      TypeError: no\n  d" in text


def test_the_runner_wants_the_submodule(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        suite.main([str(tmp_path)])
    assert "git submodule update --init" in capsys.readouterr().err

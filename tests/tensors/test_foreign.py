"""Array classes of other libraries as operands: they decide, as with NumPy's own arrays, and the same in every mode."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

A = np.array([1.0, 2.0])
X = np.array([3.0, 5.0])


class OnlyReflected:
    """Has operators and nothing of NumPy's."""

    def __radd__(self, other: Any) -> Any:
        return "radd", type(other).__base__

    __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = __rmod__ = __rfloordiv__ = __radd__

    def __add__(self, other: Any) -> Any:
        return "add"

    __sub__ = __mul__ = __truediv__ = __pow__ = __matmul__ = __mod__ = __floordiv__ = __add__

    def __gt__(self, other: Any) -> Any:
        return "gt"

    __lt__ = __ge__ = __le__ = __eq__ = __ne__ = __gt__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class WithUfuncs(OnlyReflected):
    """Has NumPy's protocol for ufuncs too, and asks to go first."""

    __array_priority__ = 1000

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return "ufunc", ufunc


class ArrayLike(WithUfuncs):
    """Looks like an array and turns into one, as xarray's DataArray does."""

    shape, dtype, ndim, size = (2,), np.dtype(float), 1, 2

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return A

    def __len__(self) -> int:
        return 2

    def __getitem__(self, key: Any) -> Any:
        return A[key]


class Unlike(ArrayLike):
    """Wants nothing of NumPy's ufuncs."""

    __array_ufunc__ = None  # type: ignore[assignment]


OPERATORS: list[Callable[[Any, Any], Any]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.matmul,
    operator.mod,
    operator.floordiv,
    operator.gt,
    operator.eq,
]

MODES: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "plain": lambda f: f(ag.tensor(X)),
    "leaf": lambda f: f(ag.tensor(X, requires_grad=True)),
    "node": lambda f: f(ag.tensor(X, requires_grad=True) * 1.0),
    "grad": lambda f: ag.grad(f)(X),
    "jvp": lambda f: ag.jvp(f)((X,), (X,)),
    "vmap": lambda f: ag.vmap(f)(np.stack([X, X])),
    "linearize": lambda f: ag.linearize(f)(X),
    "grad in jvp": lambda f: ag.jvp(ag.grad(f))((X,), (X,)),
    "grad in vmap": lambda f: ag.vmap(ag.grad(f))(np.stack([X, X])),
    "jvp in grad": lambda f: ag.grad(lambda x: ag.jvp(f)((x,), (x,))[1])(X),
    "no_grad": lambda f: ag.no_grad()(f)(ag.tensor(X, requires_grad=True)),
}


def seen_in(mode: str, call: Callable[[Any], Any]) -> Any:
    """Return what a call gives in a mode: its result, or the error that it raises."""
    seen = []

    def f(x: Any) -> Any:
        try:
            seen.append(call(x))
        except Exception as error:
            seen.append((type(error), str(error)))
        return (x * x).sum()

    MODES[mode](f)
    return seen[0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("foreign", [OnlyReflected, WithUfuncs, ArrayLike, Unlike])
def test_a_foreign_class_is_deferred_to(mode: str, foreign: type) -> None:
    v = foreign()
    for op in OPERATORS:
        comparison = op in (operator.gt, operator.eq)
        found = seen_in(mode, lambda x, op=op: op(x, v))
        assert found == "gt" if comparison else found[0] == "radd", op
        assert seen_in(mode, lambda x, op=op: op(v, x)) == ("gt" if comparison else "add"), op
    if foreign in (WithUfuncs, ArrayLike):
        for pair in (lambda x: np.multiply(x, v), lambda x: np.multiply(v, x)):
            assert seen_in(mode, pair) == ("ufunc", np.multiply)


@pytest.mark.parametrize("mode", MODES)
def test_a_statement_in_place_defers_too(mode: str) -> None:
    def statement(x: Any) -> Any:
        y = x * 1.0
        y *= OnlyReflected()
        return y

    assert seen_in(mode, statement)[0] == "radd"


@pytest.mark.parametrize("mode", MODES)
def test_masked_arrays_lose_neither_mask_nor_gradient(mode: str) -> None:
    masked = np.ma.array(A, mask=[False, True])
    for call in (lambda x: x * masked, lambda x: masked * x, lambda x: np.ma.multiply(masked, x), np.ma.sin):
        found = seen_in(mode, call)
        if mode in ("plain", "no_grad") and isinstance(found, np.ma.MaskedArray):
            continue
        assert found[0] is ag.GradError
        assert "np.ma: a tensor that requires a gradient was about to become a masked array" in found[1]
    for call in (lambda x: np.multiply(x, masked), lambda x: np.where(A > 1, x, masked), lambda x: np.dot(masked, x)):
        error, message = seen_in(mode, call)
        assert error is ag.UnsupportedError
        assert "a masked array were given, and the mask would be lost" in message


@pytest.mark.parametrize(
    "call",
    [
        lambda x, m: x @ m,
        lambda x, m: x * m,
        lambda x, m: np.dot(x, m),
        lambda x, m: np.multiply(x, m),
        lambda x, m: np.where(x > 0, x, m),
    ],
    ids=["@", "*", "dot", "multiply", "where"],
)
def test_a_matrix_keeps_its_product_and_leaves_rules_alone(call: Any) -> None:
    """`*` with an np.matrix is the matrix product, as for arrays; the `*` of a derivative rule never is."""
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]]).view(np.matrix)
    x = np.array([[0.5, -1.0], [2.0, 1.5]])

    def squares(x: Any) -> Any:
        y = call(x, matrix)
        return y * y * x

    np.testing.assert_array_equal(call(ag.tensor(x), matrix), np.asarray(call(x, matrix)))
    assert type(call(ag.tensor(x), matrix).numpy()) is np.ndarray
    numeric = [
        (squares(ag.tensor(x + h)) - squares(ag.tensor(x - h))).sum().item() / 2e-6
        for h in 1e-6 * np.eye(4).reshape(4, 2, 2)
    ]
    np.testing.assert_allclose(ag.grad(lambda x: squares(x).sum())(x).reshape(-1), numeric, rtol=1e-8)
    along = [ag.jvp(squares)((x,), (v,))[1].sum() for v in np.eye(4).reshape(4, 2, 2)]
    np.testing.assert_allclose(along, numeric, rtol=1e-8)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cls", ["memmap", "recarray", "subclass"])
def test_subclasses_without_arithmetic_of_their_own_are_arrays(mode: str, cls: str, tmp_path: Any) -> None:
    a: Any
    if cls == "memmap":
        a = np.memmap(tmp_path / "a", np.float64, "w+", shape=(2,))
        a[:] = A
    else:
        a = A.view(np.recarray if cls == "recarray" else type("Sub", (np.ndarray,), {}))
    for call in (lambda x: x * a, lambda x: a * x, lambda x: np.multiply(x, a)):
        found = seen_in(mode, call)
        assert isinstance(found, ag.Tensor)
        assert found.shape == (2,)
        if mode in ("plain", "leaf"):
            np.testing.assert_array_equal(found.detach(), X * A)
            assert type(found.numpy()) is np.ndarray


@pytest.mark.parametrize("mode", MODES)
def test_an_array_of_objects_is_refused_at_the_call(mode: str) -> None:
    objects = np.array([1.0, 2.0], dtype=object)
    for call in (
        lambda x: objects * x,
        lambda x: x * objects,
        lambda x: np.add(objects, x),
        lambda x: np.where(A > 1, x, objects),
        lambda x: np.dot(objects, x),
        lambda x: np.concatenate([x, objects]),
    ):
        error, message = seen_in(mode, call)
        assert error is ag.DtypeError, message
        assert "object" in message

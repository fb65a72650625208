"""`autograd_lite.numpy`: buffers that gradients flow through, lists that hold Tensors, and NumPy's own values."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
import autograd_lite.hips.numpy as theirs
import autograd_lite.numpy as xnp

from ..rows import for_every

X = np.array([0.5, -1.0, 2.0])


def filled(make: Callable[[], Any]) -> Callable[[Any], Any]:
    """Return x -> [x[2], x[0] x[1], sum x²], written into a buffer."""

    def f(x: Any) -> Any:
        b = make()
        b[0] = x[2]
        b[1] = 0.0
        b[1] += x[0] * x[1]
        b[2:] = (x**2).sum()
        return b

    return f


JACOBIAN = np.array([[0.0, 0.0, 1.0], [-1.0, 0.5, 0.0], 2 * X])
MAKERS: dict[str, Callable[[], Any]] = {
    "zeros": lambda: xnp.zeros(3),
    "empty": lambda: xnp.empty(3),
    "ndarray": lambda: xnp.ndarray((3,)),
    "ones": lambda: xnp.ones(3),
    "full": lambda: xnp.full(3, np.nan),
    "zeros_like": lambda: xnp.zeros_like(X),
    "empty_like": lambda: xnp.empty_like(X),
    "ones_like": lambda: xnp.ones_like(X),
    "full_like": lambda: xnp.full_like(X, 7.0),
    "array": lambda: xnp.array([1.0, 2.0, 3.0]),
    "asarray": lambda: xnp.asarray([1.0, 2.0, 3.0]),
    "arange": lambda: xnp.arange(3.0),
    "linspace": lambda: xnp.linspace(0.0, 1.0, 3),
    "eye": lambda: xnp.eye(3)[0],
    "identity": lambda: xnp.identity(3)[1],
    "copy": lambda: xnp.copy(X),
}
TRANSFORMED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "plain": (lambda f: ag.tensor(f(X)).numpy(), [2.0, -0.5, 5.25]),
    "reverse": (lambda f: ag.jacobian(f, mode="reverse")(X), JACOBIAN),
    "forward": (lambda f: ag.jacobian(f, mode="forward")(X), JACOBIAN),
    "jvp": (lambda f: ag.jvp(f)((X,), (X,))[1], JACOBIAN @ X),
    "vmap": (lambda f: ag.vmap(f)(np.stack([X, X])), [[2.0, -0.5, 5.25]] * 2),
    "vmap of grad": (lambda f: ag.vmap(ag.grad(lambda x: f(x).sum()))(X[None]), [JACOBIAN.sum(0)]),
    "hessian": (lambda f: ag.hessian(lambda x: f(x)[1])(X), [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0] * 3]),
    "compile": (lambda f: [(g := ag.compile(f))(X), g(X + 1.0), g(X)][2], [2.0, -0.5, 5.25]),
    "compile of jacobian": (lambda f: [(g := ag.compile(ag.jacobian(f)))(X + 1), g(X)][1], JACOBIAN),
}


@pytest.mark.parametrize("how", TRANSFORMED)
@pytest.mark.parametrize("maker", MAKERS)
def test_what_is_written_into_a_buffer_has_a_gradient(maker: str, how: str) -> None:
    transform, expected = TRANSFORMED[how]
    assert np.allclose(transform(filled(MAKERS[maker])), expected, rtol=1e-13)


def test_users_arrays_are_not_written_into() -> None:
    given = X.copy()
    for make in (xnp.array, xnp.asarray, xnp.copy):
        b = make(given)
        b[0] = ag.tensor(9.0, requires_grad=True)
    assert np.array_equal(given, X)


class Row(NamedTuple):
    name: str
    call: Callable[[Any, Any], Any]


# Calls that NumPy decides alone: `np` is a namespace, `x` a vector; the same without history is the expected value.
CALLS = (
    Row("array", lambda np, x: np.array([x, 2 * x])),
    Row("array of a tuple", lambda np, x: np.array((x[0], 1.0, x[1]))),
    Row("array, deep", lambda np, x: np.array([[[x[0]], [1]], [[2], [x[1]]]])),
    Row("array with a dtype", lambda np, x: np.array([x[0], x[1]], dtype=complex)),
    Row("array with ndmin", lambda np, x: np.array(x, ndmin=3)),
    Row("array, mixed", lambda np, x: np.array([x, np.ones(3)])),
    Row("asarray", lambda np, x: np.asarray([x[0], x[2]])),
    Row("full", lambda np, x: np.full((2, 3), x)),
    Row("append", lambda np, x: np.append(x, [x[0], 1.0])),
    Row("append along an axis", lambda np, x: np.append([x], [x], axis=0)),
    Row("r_", lambda np, x: np.r_[0, x, 1:3, x[0]]),
    Row("r_ of matrices", lambda np, x: np.r_[np.stack([x, x]), np.ones((1, 3))]),
    Row("c_", lambda np, x: np.c_[x, 2 * x]),
    Row("sum", lambda np, x: np.sum([x[0], x[1]])),
    Row("sum of a nested list", lambda np, x: np.sum([[x[0], x[1]], [x[2], 1.0]], axis=0)),
    Row("mean, by keyword", lambda np, x: np.mean(a=[x[0], x[1]])),
    Row("dot", lambda np, x: np.dot([x[0], x[1]], [[1.0, 2.0], [3.0, 4.0]])),
    Row("stack of an iterator", lambda np, x: np.stack(x[i] * i for i in range(3))),
    Row("concatenate of lists", lambda np, x: np.concatenate([[x[0], 1.0], x])),
    Row("hstack of lists that hold tensors", lambda np, x: np.hstack(([x[0], x[1]], x))),
    Row("hstack of a dict's values", lambda np, x: np.hstack({"a": x, "b": x[0]}.values())),
    Row("vstack", lambda np, x: np.vstack([x, [1.0, x[0], 2.0]])),
    Row("column_stack", lambda np, x: np.column_stack((x, x))),
    Row("where", lambda np, x: np.where([True, False, True], [x[0], 1.0, x[1]], x)),
    Row("linalg.norm", lambda np, x: np.linalg.norm([x[0], x[1]])),
    Row("linalg.solve", lambda np, x: np.linalg.solve([[x[0], 1.0], [2.0, x[2]]], [1.0, x[1]])),
    Row("fft.fft", lambda np, x: np.fft.fft([x[0], x[1], 1.0])),
)


@for_every(CALLS)
def test_lists_that_hold_tensors_are_arrays(row: Row) -> None:
    expected = row.call(xnp, X)
    expected = expected.numpy() if isinstance(expected, ag.Tensor) else expected
    for namespace in (xnp, theirs):
        t = ag.tensor(X, requires_grad=True)
        found = row.call(namespace, t)
        assert isinstance(found, ag.Tensor)
        assert found.requires_grad
        assert np.array_equal(found.numpy(), expected)
        assert found.dtype == expected.dtype
        real = lambda x, np=namespace: np.real(row.call(np, x)).sum()  # noqa: E731
        eps = 1e-6
        slope = [(real(X + eps * e) - real(X - eps * e)) / (2 * eps) for e in np.eye(3)]
        assert np.allclose(ag.grad(real)(X), np.array([float(s) for s in slope]), rtol=1e-7, atol=1e-8)
        assert np.allclose(ag.jvp(real)((X,), (X,))[1], np.dot(ag.grad(real)(X), X))


def test_calls_without_tensors_are_numpys() -> None:
    assert xnp.sin is np.sin
    assert xnp.conj is xnp.conjugate
    assert xnp.float64 is np.float64
    assert xnp.pi == np.pi
    assert type(xnp.sum(np.ones(3))) is np.float64
    assert type(theirs.zeros(3)) is np.ndarray
    assert type(theirs.array([1, 2])) is np.ndarray
    assert xnp.array(["a", "b"]).dtype.kind == "U"
    with pytest.raises(np.exceptions.AxisError):
        xnp.sum(np.ones(3), axis=1)
    with pytest.raises(ag.ShapeError):
        xnp.sum([ag.tensor(1.0), ag.tensor([1.0, 2.0])])


def test_all_of_numpys_names_are_there() -> None:
    for name in np.__all__:
        assert hasattr(xnp, name) or name.startswith("_") or isinstance(getattr(np, name), ModuleType), name
    everything: dict[str, Any] = {}
    exec("from autograd_lite.hips.numpy import *", everything)
    assert {"array", "sin", "pi", "float32", "linalg", "random", "errstate", "make_diagonal"} <= set(everything)

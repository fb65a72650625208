"""What programs written for HIPS lean on besides derivatives: signatures, bare arrays in rules, copies, names."""

from __future__ import annotations

import copy
import functools
import inspect
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from autograd_lite import hips
from autograd_lite.hips import grad, jacobian, make_jvp
from autograd_lite.hips.extend import JVPNode, VJPNode, defjvp, defvjp, primitive, register_notrace
from autograd_lite.hips.install import missing, report
from autograd_lite.hips.numpy.numpy_jvps import broadcast
from autograd_lite.hips.numpy.signatures import signature_of, stating

X = np.array([0.5, 1.5, -1.0])
UFUNCS = {name: f for name, f in vars(np).items() if isinstance(f, np.ufunc)}


@pytest.mark.parametrize("module", [hips.numpy, hips.numpy.linalg, hips.numpy.fft, hips.numpy.random])
def test_every_function_has_a_signature(module: ModuleType) -> None:
    functions = {name: f for name, f in vars(module).items() if callable(f) and not isinstance(f, type)}
    for name, f in functions.items():
        if not name.startswith("_"):
            assert inspect.signature(f).parameters is not None, name


def test_ufuncs_with_a_signature_of_ours_are_what_they_were() -> None:
    """What NumPy before 2.4 gets, on any NumPy: NumPy's own signature, values, methods and derivatives."""
    for name, f in UFUNCS.items():
        call = stating(f)
        assert inspect.unwrap(call) is f, name
        assert (call.__name__, call.nin, call.nout) == (f.__name__, f.nin, f.nout)
        ours = [(p.name, p.kind) for p in inspect.signature(call).parameters.values()]
        assert [(p.name, p.kind) for p in signature_of(f).parameters.values()] == ours
        if hasattr(f, "__signature__"):
            assert [(p.name, p.kind) for p in inspect.signature(f).parameters.values()] == ours, name
    add, sin = stating(np.add), stating(np.sin)
    assert add.reduce(X) == np.add.reduce(X)
    assert np.array_equal(grad(lambda x: np.sum(sin(add(x, x))))(X), 2 * np.cos(2 * X))
    with pytest.raises(TypeError, match="expected a function made with @primitive"):
        defvjp(sin, lambda ans, x: lambda g: g)


def _by_flags(g: Any, x: Any) -> Any:
    return g * x if g.flags["C_CONTIGUOUS"] else None


def _by_memory(g: Any, x: Any) -> Any:
    return np.frombuffer(memoryview(np.ascontiguousarray(g))) * np.frombuffer(memoryview(x))


def _by_pointer(g: Any, x: Any) -> Any:
    assert g.ctypes.data != x.ctypes.data
    return g * x


def _by_at(g: Any, x: Any) -> Any:
    total = np.zeros(len(x))
    np.add.at(total, np.arange(len(x)), g * x)
    return total


def _by_out(g: Any, x: Any) -> Any:
    return np.multiply(g, x, out=np.zeros(len(x)))


def _by_writing(g: Any, x: Any) -> Any:
    total = np.empty_like(x)
    total[:] = np.exp(np.log(1.0)) * g
    return total * x


READERS = (_by_flags, _by_memory, _by_pointer, _by_at, _by_out, _by_writing)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("hidden", [False, True])
def test_rules_get_arrays_whatever_they_call(reader: Callable[..., Any], hidden: bool) -> None:
    """A partial hides what it calls; np.exp and its like have loops of ours, which would give other last bits."""
    rule = functools.partial(reader) if hidden else lambda g, x: reader(g * np.exp(0.0), x)
    f = primitive(lambda x: x**2 / 2)
    defvjp(f, functools.partial(lambda ans, x: lambda g: rule(g, x)))
    assert np.array_equal(grad(lambda x: np.sum(f(x) * X))(X), X * X)
    assert np.array_equal(jacobian(f)(X), np.diag(X))
    forward = primitive(lambda x: x**2 / 2)
    defjvp(forward, functools.partial(lambda g, ans, x: rule(g, x)))
    assert np.array_equal(make_jvp(forward)(X)(X)[1], X * X)


@pytest.mark.parametrize("zero", [np.zeros(1), np.zeros(7, int), 0.0, np.zeros((2, 4), complex)])
@pytest.mark.parametrize("factor", [1.0, 1.0 + 2.0j])
def test_tangents_of_integers_are_zero_whatever_a_rule_returns(zero: Any, factor: complex) -> None:
    """Of a sparse matrix, for example, the values have a derivative, and the indices have none."""
    f = primitive(lambda x: (factor * x, np.arange(2 * len(x)), x.sum()))
    defjvp(f, lambda g, ans, x: (factor * g, zero, g.sum()))
    defvjp(f, lambda ans, x: lambda g: np.real(factor * g[0]) + g[2])

    def of(x: Any) -> Any:
        values, places, total = f(x)
        assert np.array_equal(places, np.arange(6))
        assert places.dtype == np.arange(6).dtype
        return np.real(values)[places[:3]] * total

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # among them that complex values lose their imaginary part
        tangent, gradient = make_jvp(of)(X)(X)[1], grad(lambda x: np.sum(of(x)))(X)
    assert np.allclose(tangent, 2 * np.real(factor) * X * X.sum())
    assert np.allclose(gradient, np.real(factor) * 2 * X.sum())


@pytest.mark.parametrize("x", [np.array(2.0), X, X[:, None], X[None] * 1j])
@pytest.mark.parametrize("target", [np.zeros((3, 3)), np.zeros((2, 3, 3), complex)])
def test_tangents_are_broadcast(x: Any, target: Any) -> None:
    out = broadcast(x, target)
    assert np.array_equal(out, np.broadcast_to(x, target.shape))
    assert np.iscomplexobj(out) == (np.iscomplexobj(x) or np.iscomplexobj(target))


@pytest.mark.usefixtures("no_autograd")
def test_boxes_are_cast_and_deeply_copied() -> None:
    cast = hips.numpy.numpy_wrapper._astype
    assert cast(X, int, "C").dtype == int
    assert np.array_equal(grad(lambda x: np.sum(cast(x * x, np.float32, order="C")))(X), 2 * X)
    with hips.installed():
        assert np.array_equal(grad(lambda x: np.sum(copy.deepcopy({"a": x * x})["a"] * copy.deepcopy(x)))(X), 3 * X**2)
        leaf = hips.tracer.new_box(X)
        twin = copy.deepcopy(leaf)
        assert twin.is_leaf
        assert twin.requires_grad


@pytest.mark.parametrize("kind", [VJPNode, JVPNode])
def test_numpys_functions_keep_their_derivatives(kind: Any) -> None:
    with pytest.warns(UserWarning, match="full_like keeps the"):
        register_notrace(kind, hips.numpy.full_like)
    with pytest.raises(TypeError, match="expected a function made with @primitive"):
        register_notrace(kind, "sin")


@pytest.mark.usefixtures("no_autograd")
def test_what_is_there_is_not_missing() -> None:
    with hips.installed():
        lost = vars(hips.numpy).pop("linalg")  # as while the module loads
        assert not hasattr(hips.numpy, "linalg")
        assert "autograd.numpy.linalg" not in missing()
        hips.numpy.linalg = lost
        assert not hasattr(hips.numpy, "no_such_name")
        assert "autograd.numpy.no_such_name" in report()
        assert "linalg" not in report()

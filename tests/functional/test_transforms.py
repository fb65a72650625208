"""Each transformation by itself: closed forms, containers of arrays, modes, and what it says to bad input."""

from __future__ import annotations

import dataclasses
import sys
import tracemalloc
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.functional import dense_jacobians as derived

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(3, 3)), RNG.normal(size=3)


def quadratic(x: Any) -> Any:
    return 0.5 * (x * (A @ x)).sum() + (B * x).sum()


X = RNG.normal(size=3)


def test_a_quadratic_form() -> None:
    """Gradient (A + Aᵀ)/2 x + b, Hessian (A + Aᵀ)/2."""
    symmetric = (A + A.T) / 2
    np.testing.assert_allclose(ag.grad(quadratic)(X), symmetric @ X + B)
    np.testing.assert_allclose(ag.hessian(quadratic)(X), symmetric, atol=1e-15)
    np.testing.assert_allclose(ag.hvp(quadratic)(X, B), symmetric @ B)
    np.testing.assert_allclose(ag.jvp(quadratic)((X,), (B,))[1], (symmetric @ X + B) @ B)


def test_the_jacobian_of_a_linear_map_is_its_matrix() -> None:
    m = RNG.normal(size=(2, 5))
    for mode in ("auto", "forward", "reverse"):
        np.testing.assert_array_equal(ag.jacobian(lambda x: m @ x, mode=mode)(RNG.normal(size=5)), m)
        of_matrix = ag.jacobian(lambda w: w @ np.arange(5.0), mode=mode)(m)
        np.testing.assert_array_equal(of_matrix, np.eye(2)[:, :, None] * np.arange(5.0))


@pytest.mark.parametrize("block", [1, 7, 14, 40])
def test_the_jacobian_in_blocks_of_rows_is_the_same(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a tree of arguments, one of them complex, of which some outputs are independent."""

    def f(p: Any) -> Any:
        return {"a": np.tanh(m @ p["x"]) * p["s"], "b": (p["z"] ** 2)[:2], "c": p["x"] * 2.0, "e": p["x"][:0]}

    m = RNG.normal(size=(5, 3))
    point = {"x": X, "s": np.float64(2.0), "z": X + 1j * B}
    whole = ag.jacobian(f, mode="reverse")(point)
    monkeypatch.setattr(derived, "_BLOCK", block)
    parts = ag.jacobian(f, mode="reverse")(point)
    assert ag.tree.structure(parts) == ag.tree.structure(whole)
    for part, expected in zip(ag.tree.leaves(parts), ag.tree.leaves(whole), strict=True):
        assert (part.shape, part.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(part, expected, rtol=1e-15, atol=1e-16)
    assert whole["a"]["x"].shape == (5, 3)
    assert whole["a"]["x"].all()


def test_a_large_jacobian_takes_the_memory_of_its_result() -> None:
    x = np.linspace(0.1, 1.0, 1000)
    tracemalloc.start()
    try:
        found = ag.jacobian(lambda x: np.exp(np.sin(x) * x), mode="reverse")(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.nbytes == 8_000_000
    assert peak < 1.8 * found.nbytes


def test_auto_mode_goes_the_short_way() -> None:
    """A tall function forward, a wide one in reverse; what tells is which mode the function sees."""
    seen = []

    def f(x: Any, n: int) -> Any:
        seen.append("forward" if not x.requires_grad else "reverse")
        return np.ones((n, 3)) @ x

    ag.jacobian(f)(X, 2)
    ag.jacobian(f)(X, 9)
    assert seen == ["reverse", "reverse", "forward"]


def calls_in(f: Any, *args: Any) -> int:
    """Return how many functions written in Python run in a call, the second one."""
    f(*args)
    calls = [0]
    sys.setprofile(lambda frame, event, arg: calls.__setitem__(0, calls[0] + (event == "call")))
    try:
        f(*args)
    finally:
        sys.setprofile(None)
    return calls[0]


def test_what_surrounds_a_small_derivative_is_little() -> None:
    """In calls, since times tell little on a busy machine: twice as many took twice the time."""
    assert calls_in(ag.grad(lambda x: x * x), 2.0) <= 42
    assert calls_in(ag.grad(lambda x: np.sum(np.sin(x) * x)), X) <= 70
    assert calls_in(ag.jvp(lambda x: x * x), (2.0,), (1.0,)) <= 60


# ---- containers -----------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Layer:
    w: Any
    b: Any


def affine_loss(w: Any, b: Any) -> Any:
    return ((w * 3.0 + b) ** 2).sum()


@pytest.mark.parametrize(
    ("make", "take"),
    [
        (lambda w, b: {"w": w, "b": b}, lambda p: (p["w"], p["b"])),
        (lambda w, b: [w, b], lambda p: p),
        (lambda w, b: (w, [b]), lambda p: (p[0], p[1][0])),
        (lambda w, b: Pair(w, b), lambda p: p),
        (lambda w, b: Layer(w, b), lambda p: (p.w, p.b)),
        (lambda w, b: {"layers": [Layer(w, None), {"b": b}]}, lambda p: (p["layers"][0].w, p["layers"][1]["b"])),
    ],
    ids=["dict", "list", "tuple", "named tuple", "dataclass", "nested"],
)
def test_derivatives_have_the_structure_of_their_argument(make: Any, take: Any) -> None:
    w, b = np.array([1.0, 2.0]), np.float64(0.5)
    tree, slope = make(w, b), 2 * (3 * w + b)

    def loss(p: Any) -> Any:
        return affine_loss(*take(p))

    gradient = ag.grad(loss)(tree)
    assert type(gradient) is type(tree)
    np.testing.assert_allclose(take(gradient)[0], 3 * slope)
    np.testing.assert_allclose(take(gradient)[1], slope.sum())
    direction = make(np.array([1.0, -1.0]), np.float64(2.0))
    _, along = ag.jvp(loss)((tree,), (direction,))
    np.testing.assert_allclose(along, 3 * (slope[0] - slope[1]) + 2 * slope.sum())
    product = ag.hvp(loss)(tree, direction)
    np.testing.assert_allclose(take(product)[0], 18 * np.array([1.0, -1.0]) + 12)
    block = take(take(ag.hessian(loss)(tree))[0])[1]
    np.testing.assert_allclose(block, [6.0, 6.0])
    np.testing.assert_allclose(take(ag.jacobian(loss, mode="forward")(tree))[0], 3 * slope)
    out, pullback = ag.vjp(loss)(tree)
    np.testing.assert_allclose(take(pullback(2.0))[1], 2 * slope.sum())
    assert out == affine_loss(w, b)
    _, linear = ag.linearize(loss)(tree)
    np.testing.assert_allclose(linear(direction), along)
    np.testing.assert_allclose(take(linear.transpose(1.0))[0], 3 * slope)
    batch = make(np.stack([w, 2 * w]), np.array([b, b]))
    np.testing.assert_allclose(ag.vmap(loss)(batch), [affine_loss(w, b), affine_loss(2 * w, b)])


def test_a_list_of_numbers_is_an_array_as_for_numpy() -> None:
    found = ag.grad(lambda x: (x * x).sum())([1.0, 2.0])
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, [2.0, 4.0])
    assert isinstance(ag.grad(lambda p: p[0] * p[1].sum())([1.0, np.ones(2)]), list)


def test_python_numbers_in_containers_are_cotangents_and_tangents() -> None:
    f = lambda x: (2 * x, {"a": 3 * x, "b": [x * x, 5 * x]})  # noqa: E731
    weights = (1.0, {"b": [10.0, 100.0], "a": 1000.0})  # a dict has no order
    expected = 2.0 + 3000.0 + 10 * 2 * 1.5 + 500.0
    assert ag.vjp(f)(1.5)[1](weights) == expected
    assert ag.linearize(f)(1.5)[1].transpose(weights) == expected
    assert ag.vjp(lambda x: (2 * x, 3 * x))(1.0)[1]((1.0, 1.0)) == 5.0
    assert ag.vjp(lambda x: (2 * x, 3 * x))(1.0)[1]([1, 1]) == 5.0
    np.testing.assert_array_equal(ag.vjp(lambda x: (2 * x, 3 * x.sum()))(np.ones(2))[1](([1, 10], 1.0)), [5.0, 23.0])


def test_a_tuple_of_numbers_is_a_container() -> None:
    """Of arguments, for instance; a list of numbers is an array, as for NumPy."""

    def f(p: Any) -> Any:
        assert type(p) is tuple
        x, y = p
        return x * x * y

    point, direction = (3.0, 2.0), (1.0, 10.0)
    assert ag.grad(f)(point) == (12.0, 9.0)
    assert ag.jvp(f)((point,), (direction,)) == (18.0, 102.0)
    assert ag.jvp(f)((point,), ((1.0, None),))[1] == 12.0
    assert ag.hvp(f)(point, direction) == (2 * 2 * 1 + 2 * 3 * 10, 2 * 3 * 1)
    assert ag.hessian(f)(point) == ((4.0, 6.0), (6.0, 0.0))
    for mode in ("forward", "reverse"):
        assert ag.jacobian(f, mode=mode)(point) == (12.0, 9.0)
    _, linear = ag.linearize(f)(point)
    assert linear(direction) == 102.0
    assert linear.transpose(1.0) == (12.0, 9.0)
    assert ag.vjp(f)(point)[1](1.0) == (12.0, 9.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ag.vjp(lambda x: (x, x))(1.0)[1]((1.0,)),
        lambda: ag.vjp(lambda x: (x, x))(1.0)[1](1.0),
        lambda: ag.vjp(lambda x: {"a": x})(1.0)[1]({"b": 1.0}),
        lambda: ag.jvp(lambda p: p["w"])(({"w": 1.0},), ({"v": 1.0},)),
        lambda: ag.jvp(lambda p: p[0])(((1.0, 2.0),), (1.0,)),
        lambda: ag.linearize(lambda p: p[0])((1.0, 2.0))[1]((1.0,)),
        lambda: ag.linearize(lambda x: (x, x))(1.0)[1].transpose((1.0,)),
        lambda: ag.hvp(lambda p: p["w"] ** 2)({"w": 1.0}, {"v": 1.0}),
    ],
)
def test_another_structure_is_refused(call: Any) -> None:
    with pytest.raises(ag.ShapeError, match=r"expected a .*, of the same structure, with \d arrays; received"):
        call()


def test_several_arguments_and_outputs() -> None:
    f = lambda x, y: {"product": x * y, "sum": (x + y).sum()}  # noqa: E731
    x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    for mode in ("forward", "reverse"):
        jac = ag.jacobian(f, (0, 1), mode=mode)(x, y)
        np.testing.assert_array_equal(jac["product"][0], np.diag(y))
        np.testing.assert_array_equal(jac["product"][1], np.diag(x))
        np.testing.assert_array_equal(jac["sum"][1], [1.0, 1.0])
    blocks = ag.hessian(lambda x, y: (x * x * y).sum(), (0, 1))(x, y)
    np.testing.assert_array_equal(blocks[0][0], np.diag(2 * y))
    np.testing.assert_array_equal(blocks[0][1], np.diag(2 * x))
    np.testing.assert_array_equal(blocks[1][1], np.zeros((2, 2)))
    out, pullback = ag.vjp(f, (0, 1))(x, y)
    gx, gy = pullback({"product": np.array([1.0, 10.0]), "sum": 1.0})
    np.testing.assert_array_equal(gx, y * [1, 10] + 1)
    np.testing.assert_array_equal(gy, x * [1, 10] + 1)
    np.testing.assert_array_equal(out["product"], x * y)


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return (x * x).sum(), {"twice": 2 * x, "note": "kept"}

    (value, aux), gradient = ag.value_and_grad(f, has_aux=True)(X)
    np.testing.assert_allclose(value, X @ X)
    np.testing.assert_allclose(gradient, 2 * X)
    assert isinstance(aux["twice"], np.ndarray)
    assert aux["note"] == "kept"
    gradient, aux = ag.grad(f, has_aux=True)(X)
    np.testing.assert_allclose(gradient, 2 * X)
    jac, aux = ag.jacobian(lambda x: (x * x, 7), has_aux=True)(X)
    np.testing.assert_allclose(jac, np.diag(2 * X))
    assert aux == 7


def test_a_pullback_and_a_linear_map_may_be_used_again() -> None:
    _, pullback = ag.vjp(np.exp)(X)
    _, linear = ag.linearize(np.exp)(X)
    for k in (1.0, 2.0):
        np.testing.assert_allclose(pullback(np.full(3, k)), k * np.exp(X))
        np.testing.assert_allclose(linear(np.full(3, k)), k * np.exp(X))


def test_linearize_runs_the_function_once() -> None:
    calls = []
    _, linear = ag.linearize(lambda x: calls.append(1) or np.sin(x))(X)
    for _ in range(3):
        linear(X)
    assert calls == [1]


def test_control_flow_on_values_works_in_forward_mode() -> None:
    def f(x: Any) -> Any:
        while x < 100:
            x = x * x
        return x

    np.testing.assert_allclose(ag.jvp(f)((3.0,), (1.0,))[1], 8 * 3.0**7)


def test_forward_mode_keeps_dtypes_and_integers() -> None:
    x = X.astype(np.float32)
    out, tangent = ag.jvp(lambda x, n: x * n)((x, 2), (x, None))
    assert out.dtype == tangent.dtype == np.float32
    _, tangent = ag.jvp(lambda x: (x > 0).astype(int))((x,), (x,))
    assert not tangent.any()


def test_vmap_axes() -> None:
    a = RNG.normal(size=(2, 3, 4))
    np.testing.assert_allclose(ag.vmap(lambda x: x.sum(axis=0), in_axes=1)(a), a.sum(axis=0))
    np.testing.assert_allclose(ag.vmap(lambda x: x * 2, in_axes=-1, out_axes=-1)(a), a * 2)
    np.testing.assert_allclose(
        ag.vmap(lambda m, x: m @ x, (None, 2))(A, a.swapaxes(0, 1)), np.stack([A @ a[:, :, k].T for k in range(4)])
    )
    np.testing.assert_allclose(ag.vmap(lambda x: 1.0)(a), [1.0, 1.0])


# ---- what they say to bad input -------------------------------------------------------------------------------------

BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: ag.jvp(np.sin)(X, X), TypeError, r"jvp: expected the arguments of sin as a tuple .* received ndarray"),
    (lambda: ag.jvp(np.sin)((X,), (X[:2],)), ag.ShapeError, r"jvp: expected a tangent of shape \(3,\), as argument 0"),
    (lambda: ag.jvp(np.sin)((X,), ()), ag.ShapeError, r"jvp: expected a tangent for each of 1 arguments; received 0"),
    (lambda: ag.jvp(np.sin)((1,), (1.0,)), ag.DtypeError, r"jvp: expected a floating argument 0"),
    (lambda: ag.jvp(np.sin)((1.0,), (1j,)), ag.DtypeError, r"jvp: expected a real tangent for the real argument 0"),
    (lambda: ag.vjp(np.sin)(X)[1](1.0), ag.ShapeError, r"vjp: expected a cotangent of shape \(3,\); received \(\)"),
    (
        lambda: ag.grad(np.sin)(X),
        ag.GradError,
        r"grad: expected the function to return a scalar; received shape \(3,\)",
    ),
    (lambda: ag.grad(lambda p: p["w"])({"w": 1}), ag.DtypeError, r"floating argument 0\['w'\] to differentiate by"),
    (lambda: ag.grad(np.sin)(1j), ag.GradError, r"grad: expected a real loss; received a complex one"),
    (lambda: ag.grad(np.sin, 1)(1.0), ag.GradError, r"argnums=1 names no positional argument of sin"),
    (lambda: ag.grad(lambda x: x, has_aux=True)(1.0), ag.GradError, r"has_aux=True expected .* return \(value, aux\)"),
    (lambda: ag.jacobian(np.sin, mode="fast"), ValueError, r"jacobian: expected mode 'auto', 'forward' or 'reverse'"),
    (lambda: ag.hvp(np.sum)(X, X[:2]), ag.ShapeError, r"hvp: expected a vector of shape \(3,\); received \(2,\)"),
    (lambda: ag.linearize(np.sin)(X)[1](1.0), ag.ShapeError, r"linearize: expected a tangent of shape \(3,\)"),
    (lambda: ag.linearize(np.sin)(X)[1].transpose(1.0), ag.ShapeError, r"transpose expected cotangents of shapes \["),
    (lambda: ag.vmap(np.sin)(1.0), ag.ShapeError, r"vmap: expected argument 0 to have a batch axis; received a number"),
    (lambda: ag.vmap(np.add)(X, X[:2]), ag.ShapeError, r"one batch size .* add; received 3 examples in argument 0, 2"),
    (lambda: ag.vmap(np.add, (0,))(X, X), ag.ShapeError, r"vmap: expected in_axes with 2 entries"),
    (lambda: ag.vmap(np.add, None)(X, X), ag.ShapeError, r"received no batched argument"),
    (lambda: ag.vmap(lambda x: x if x > 0 else -x)(X), TypeError, r"vmap: the values of a batched .* np\.where"),
    (lambda: ag.vmap(lambda x: float(x))(X), TypeError, r"differ from example to example"),
    (lambda: ag.vmap(lambda x: np.eye(3)[x])(np.arange(3)), TypeError, r"bare array.* write ag\.tensor\(y\)\[i\]"),
    *(
        (call, ag.GradError, rf"{what}: expected the function to return an array .*; received None. Did it forget")
        for what, call in {
            "vjp": lambda: ag.vjp(lambda x: None)(X),
            "jvp": lambda: ag.jvp(lambda x: None)((X,), (X,)),
            "linearize": lambda: ag.linearize(lambda x: None)(X),
            "vmap": lambda: ag.vmap(lambda x: None)(X),
        }.items()
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_gets_a_clear_error(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_nothing_stays_behind_after_an_error() -> None:
    """A function that raises inside a transformation leaves the next gradient as it was: arrays in, arrays out."""
    for transform in (ag.grad, ag.vmap, lambda f: lambda x: ag.jvp(f)((x,), (x,))):
        with pytest.raises(ZeroDivisionError):
            transform(lambda x: 1 // 0)(X)
        assert isinstance(ag.grad(quadratic)(X), np.ndarray)

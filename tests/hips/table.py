"""Calls under HIPS's names, each with its result in closed form. `a` is the package, `np` its NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as onp

X = onp.array([0.5, -1.0, 2.0])
Y = onp.array([1.5, 0.25, -0.75])
V = onp.array([1.0, 10.0, -2.0])
M = onp.arange(1.0, 7.0).reshape(2, 3)
Z = 1.0 + 2.0j


class Row(NamedTuple):
    name: str
    call: Callable[[Any, Any], Any]
    expected: Any


def _split(x: Any, np: Any) -> Any:
    return np.sum(np.sin(x) * x)


DS = onp.cos(X) * X + onp.sin(X)
DDS = 2 * onp.cos(X) - X * onp.sin(X)

ROWS = (
    Row("grad", lambda a, np: a.grad(lambda x: _split(x, np))(X), DS),
    Row("grad by an argument", lambda a, np: a.grad(lambda x, y: np.dot(x, y), 1)(X, Y), X),
    Row("grad by several", lambda a, np: a.grad(lambda x, y: np.dot(x, y), (1, 0))(X, Y), (X, Y)),
    Row("grad with keywords", lambda a, np: a.grad(lambda x, k=1.0: k * x**2)(3.0, k=5.0), 30.0),
    Row("grad of a list", lambda a, np: a.grad(lambda p: p[0] * p[1])([2.0, 3.0]), [3.0, 2.0]),
    Row(
        "grad of a dict",
        lambda a, np: a.grad(lambda p: np.sum(p["w"] * X) * p["t"][0])({"w": Y, "t": (2.0,)}),
        {"w": 2 * X, "t": (onp.dot(X, Y),)},
    ),
    Row("grad of shape (1, 1)", lambda a, np: a.grad(lambda x: np.reshape(x**2, (1, 1)))(3.0), 6.0),
    Row("grad of integers", lambda a, np: a.grad(lambda x: np.sum(np.exp(x)))(onp.array([0, 1])), onp.exp([0.0, 1.0])),
    Row("grad of grad", lambda a, np: a.grad(a.grad(lambda x: x**4))(2.0), 48.0),
    Row(
        "grad that closes over another", lambda a, np: a.grad(lambda x: x * a.grad(lambda y: x * y**2)(3.0))(2.0), 24.0
    ),
    Row("complex grad", lambda a, np: a.grad(lambda z: np.real(z) ** 2 + 3 * np.imag(z))(Z), 2.0 - 3.0j),
    Row("complex grad in a list", lambda a, np: a.grad(lambda p: np.abs(p[0]) ** 2)([Z]), [2.0 - 4.0j]),
    Row("holomorphic_grad", lambda a, np: a.holomorphic_grad(lambda z: z**3)(Z), 3 * Z**2),
    Row("value_and_grad", lambda a, np: a.value_and_grad(lambda x: np.sum(x**2))(X), (onp.sum(X**2), 2 * X)),
    Row("elementwise_grad", lambda a, np: a.elementwise_grad(np.tanh)(X), 1 / onp.cosh(X) ** 2),
    Row("deriv", lambda a, np: a.deriv(np.sin)(0.25), onp.cos(0.25)),
    Row("jacobian", lambda a, np: a.jacobian(lambda x: np.dot(M, x**2))(X), M * 2 * X),
    Row("jacobian of a scalar", lambda a, np: a.jacobian(lambda x: np.sum(x**2))(X), 2 * X),
    Row("jacobian by a scalar", lambda a, np: a.jacobian(lambda x: x**2 * Y)(3.0), 6.0 * Y),
    Row("jacobian by complex", lambda a, np: a.jacobian(lambda z: np.abs(z) ** 2)(onp.array([Z])), [[2.0 - 4.0j]]),
    Row("hessian", lambda a, np: a.hessian(lambda x: _split(x, np))(X), onp.diag(DDS)),
    Row("hessian of an array", lambda a, np: a.hessian(lambda x: x**2)(X).shape, (3, 3, 3)),
    Row("hessian_vector_product", lambda a, np: a.hessian_vector_product(lambda x: _split(x, np))(X, V), DDS * V),
    Row(
        "hessian_tensor_product",
        lambda a, np: a.hessian_tensor_product(lambda k, x: k * np.sum(x**3), 1)(2.0, M, M),
        12 * M * M,
    ),
    Row(
        "hessian_vector_product of shape (1, 1)",
        lambda a, np: a.hessian_vector_product(lambda x: np.reshape(np.sum(x**3), (1, 1)))(X, V),
        6 * X * V,
    ),
    Row(
        "vector_jacobian_product", lambda a, np: a.vector_jacobian_product(lambda x: np.dot(M, x))(X, V[:2]), V[:2] @ M
    ),
    Row(
        "tensor_jacobian_product of fewer axes",
        lambda a, np: a.tensor_jacobian_product(lambda x: np.outer(Y, x))(X, V),
        onp.dot(V, Y) * onp.eye(3),
    ),
    Row("make_vjp", lambda a, np: _vjp(a.make_vjp(np.sin)(X)), (onp.cos(X) * V, onp.sin(X))),
    Row("make_vjp, complex", lambda a, np: a.make_vjp(lambda z: z * (2 + 1j))(Z)[0](1j), 1j * (2 + 1j)),
    Row("make_vjp, of real", lambda a, np: a.make_vjp(lambda x: x * (2 + 1j))(3.0)[0](1j), -1.0),
    Row("make_jvp", lambda a, np: a.make_jvp(np.sin)(X)(V), (onp.sin(X), onp.cos(X) * V)),
    Row("make_jvp, complex", lambda a, np: a.make_jvp(lambda z: z**2)(Z)(1j)[1], 2 * Z * 1j),
    Row("make_jvp of a tuple", lambda a, np: a.make_jvp(lambda x, y: x * y, (0, 1))(X, Y)((V, Y))[1], V * Y + X * Y),
    Row("make_hvp", lambda a, np: _vjp(a.make_hvp(lambda x: _split(x, np))(X)), (DDS * V, DS)),
    Row("make_ggnvp", lambda a, np: a.make_ggnvp(lambda x: np.dot(M, x))(X)(V), M.T @ M @ V),
    Row(
        "make_ggnvp of a loss",
        lambda a, np: a.make_ggnvp(lambda x: np.sin(x), lambda y: np.sum(y**4))(X)(V),
        onp.cos(X) ** 2 * 12 * onp.sin(X) ** 2 * V,
    ),
    Row("grad_and_aux", lambda a, np: a.grad_and_aux(lambda x: (np.sum(x**2), x + 1))(X), (2 * X, X + 1)),
    Row("grad_named", lambda a, np: a.grad_named(lambda x, y: x * y**2, "y")(2.0, 3.0), 12.0),
    Row("checkpoint", lambda a, np: a.grad(lambda x: np.sum(a.checkpoint(np.tanh)(x)))(X), 1 / onp.cosh(X) ** 2),
    Row("array of boxes", lambda a, np: a.grad(lambda x: np.sum(np.array([[x, 1.0], [2.0, x**2]])))(3.0), 7.0),
    Row("functions of lists", lambda a, np: a.grad(lambda x: np.mean([x, x**2]) + np.max([x, 2 * x]))(3.0), 5.5),
    Row("r_ and c_", lambda a, np: a.grad(lambda x: np.sum(np.r_[x, 1:3, x**2]) + np.c_[x, x][0, 1])(3.0), 8.0),
    Row("r_ of matrices", lambda a, np: np.shape(np.r_[M, M]), (4, 3)),
    Row(
        "append", lambda a, np: a.grad(lambda x: np.sum(np.append(x, x[0]) * [1.0, 2.0, 3.0, 4.0]))(X), [5.0, 2.0, 3.0]
    ),
    Row("full", lambda a, np: a.grad(lambda x: np.sum(np.full((2, 3), 1.0) * x))(2.0), 6.0),
    Row(
        "stack of numbers",
        lambda a, np: a.jacobian(lambda x: np.stack(tuple(x**i for i in (1, 2, 3))))(2.0),
        [1.0, 4.0, 12.0],
    ),
    Row(
        "where of numbers",
        lambda a, np: [type(np.where(True, 1, 2)), np.where([True, False], [1, 2], [3, 4])],
        [int, [1, 4]],
    ),
    Row("make_diagonal", lambda a, np: a.jacobian(lambda x: np.make_diagonal(x, 0, -1, -2))(X)[2, 2], [0.0, 0.0, 1.0]),
    Row(
        "eigvalsh of a triangle",
        lambda a, np: a.grad(lambda m: np.sum(np.linalg.eigh(m)[0] ** 2))(onp.array([[1.0, 9.0], [0.5, 2.0]])),
        [[2.0, 0.0], [2.0, 4.0]],
    ),
    Row("fft", lambda a, np: a.grad(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))(X), 6 * X),
    Row("value of a box", lambda a, np: a.grad(lambda x: x * x._value)(3.0), 3.0),
    Row("value of a box, once more", lambda a, np: a.grad(a.grad(lambda x: x * x._value))(3.0), 1.0),
    Row("value of a value", lambda a, np: a.grad(a.grad(lambda x: x * x._value._value))(3.0), 0.0),
    Row("value of a box in make_jvp", lambda a, np: a.make_jvp(lambda x: x * x._value)(3.0)(1.0)[1], 3.0),
    Row(
        "value of a box, with an infinite slope",
        lambda a, np: a.value_and_grad(a.grad(lambda x: x + np.sqrt(x._value)))(0.0),
        (1.0, 0.0),
    ),
    Row("value, forward over reverse", lambda a, np: a.make_jvp(a.grad(lambda x: x * x._value))(3.0)(1.0)[1], 1.0),
    Row(
        "value, reverse over forward",
        lambda a, np: a.grad(lambda x: a.make_jvp(lambda y: y * y._value)(x)(1.0)[1])(3.0),
        1.0,
    ),
    Row("values in rules", lambda a, np: a.grad(a.grad(captured(a)))(3.0), 6.0),
    Row("isinstance", lambda a, np: a.grad(lambda x: x * a.isinstance(x, float))(2.0), 1.0),
    Row("containers", lambda a, np: a.grad(lambda x: a.dict(p=x)["p"] * a.tuple([x, x])[1] + a.list([x])[0])(3.0), 7.0),
)


def captured(a: Any) -> Any:
    """Return x -> x³ / 3 as a primitive whose rule reads the value of the box that it was called with."""

    def f(x: Any) -> Any:
        power = a.extend.primitive(lambda v: v**3 / 3)
        a.extend.defvjp(power, lambda ans, v: lambda g: g * x._value**2)
        return power(x)

    return f


def _vjp(made: Any) -> Any:
    vjp, value = made
    return vjp(V), value


# What raises a TypeError.
ERRORS = (
    Row("grad by an int", lambda a, np: a.grad(lambda x: x * 2.0)(3), TypeError),
    Row("grad by a NumPy int", lambda a, np: a.grad(lambda x: x * 2.0)(onp.int64(3)), TypeError),
    Row("grad by an int in a list", lambda a, np: a.grad(lambda p: p[0] * 2.0)([3]), TypeError),
    Row("grad by a string", lambda a, np: a.grad(lambda p: 2.0)("x"), TypeError),
    Row("grad of an array", lambda a, np: a.grad(lambda x: x * 2.0)(X), TypeError),
    Row("grad of a complex number", lambda a, np: a.grad(lambda x: x * 1j)(2.0), TypeError),
    Row("grad of a comparison", lambda a, np: a.grad(lambda x: np.allclose(x, x))(X), TypeError),
    Row("value_and_grad of an array", lambda a, np: a.value_and_grad(lambda x: x * 2.0)(X), TypeError),
    Row("hessian_vector_product of an array", lambda a, np: a.hessian_vector_product(lambda x: x**2)(X, V), TypeError),
    Row("elementwise_grad of complex", lambda a, np: a.elementwise_grad(lambda x: x * 1j)(X), TypeError),
)

"""The checker on gradients that are not ours: a pair of functions, and other libraries."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_lite.testing import GradientMismatch, check_grads

X = np.array([0.5, 1.25, -2.0])
A = np.array([[1.0, 0.5], [-0.25, 2.0], [0.75, 1.5]])

# ---- a function and its derivative ----------------------------------------------------------------------------------

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "a number's gradient": (lambda x: np.sum(x**2), lambda x: 2 * x, (X,)),
    "element by element": (np.sin, np.cos, (X,)),
    "broadcast": (lambda x, y: x * y, lambda x, y: (y + 0 * x, x + 0 * y), (X, A[:, :1])),
    "a Jacobian": (lambda x: x @ A, lambda x: A.T, (X,)),
    "a Jacobian of a matrix": (
        lambda a, x: a @ x,
        lambda a, x: (np.einsum("ij,k->ijk", np.eye(2), x), a),
        (A.T.copy(), X),
    ),
    "one of one": (np.exp, np.exp, (np.array([0.5]),)),
    "complex": (lambda x: np.abs(x), lambda x: x / np.abs(x), (np.array([1.0 + 2j, -0.5 + 1j]),)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_right_pair_passes_and_a_wrong_one_fails(name: str) -> None:
    f, derivative, inputs = PAIRS[name]
    report = check_grads(f, *inputs, grad=derivative)
    assert report.ok
    assert sum(entry.n_checked for entry in report.inputs.values()) >= sum(np.size(x) for x in inputs)

    def slightly_wrong(*args: Any) -> Any:
        found = derivative(*args)
        return tuple(1.0001 * d for d in found) if isinstance(found, tuple) else 1.0001 * found

    with pytest.raises(GradientMismatch, match=r"1\.0001") as caught:
        check_grads(f, *inputs, grad=slightly_wrong)
    assert "grad=slightly_wrong" in caught.value.snippet


def test_only_what_is_asked_for_needs_a_derivative() -> None:
    assert check_grads(lambda x, y: x * y, X, 2.0, wrt="x", grad=lambda x, y: y + 0 * x).ok


def test_a_pair_that_does_not_fit_says_how_it_should() -> None:
    with pytest.raises(ValueError, match=r"by 'x' to have the shape \(3, 3\) .* or \(3,\) .* received \(2,\)"):
        check_grads(np.sin, X, grad=lambda x: np.ones(2))
    with pytest.raises(ValueError, match="expected 2 derivatives, by x, y; received 1"):
        check_grads(lambda x, y: x * y, X, X, grad=lambda x, y: y)
    with pytest.raises(ValueError, match="expected backend= or grad="):
        check_grads(np.sin, X, grad=np.cos, backend="torch")
    with pytest.raises(ValueError, match="expected a backend among torch, jax, autograd, mygrad; received 'theano'"):
        check_grads(np.sin, X, backend="theano")
    with pytest.raises(ValueError, match="expected order=1, since NumPy does not differentiate gradients"):
        check_grads(np.sin, X, grad=np.cos, order=2)


def test_a_pair_that_draws_random_numbers_is_told_so() -> None:
    with pytest.raises(GradientMismatch, match="non-deterministic"):
        check_grads(lambda x: x * np.random.default_rng().normal(), X, grad=lambda x: np.ones(3))


# ---- other libraries ------------------------------------------------------------------------------------------------

ORDERS = {"torch": 2, "jax": 2, "autograd": 2, "mygrad": 1}
NAMESPACES = {"torch": "torch", "jax": "jax.numpy", "autograd": "autograd.numpy", "mygrad": "mygrad"}


def namespace(backend: str) -> Any:
    pytest.importorskip(backend)
    __import__(NAMESPACES[backend])
    return sys.modules[NAMESPACES[backend]]


@pytest.mark.ci
@pytest.mark.parametrize("backend", ORDERS)
def test_right_gradients_of_a_library_pass(backend: str) -> None:
    np_ = namespace(backend)

    def f(params: dict[str, Any], x: Any) -> Any:
        return np_.tanh(np_.matmul(x, params["w"]) + params["b"]), np_.exp(x[1:]).sum()

    report = check_grads(
        f, {"w": A, "b": np.array([0.5, -1.0])}, X[None] + 0.25, backend=backend, order=ORDERS[backend]
    )
    assert report.ok
    assert {"params['w']", "params['b']", "x"} <= set(report.inputs)
    if backend != "mygrad":
        assert any("order 2" in name for name in report.inputs)
        assert check_grads(np_.fft.fft, np.array([1.0, 0.5 - 2j]), backend=backend).ok


@pytest.mark.ci
@pytest.mark.parametrize("backend", ORDERS)
def test_a_wrong_gradient_comes_with_a_script_of_that_library(backend: str) -> None:
    """And the script prints the number that the report names."""
    namespace(backend)
    inputs: tuple[Any, ...] = (np.array([[0.5, 1.0], [-2.0, 0.25]]), 1.5)
    cut = {"torch": lambda y: y.detach(), "jax": lambda y: sys.modules["jax"].lax.stop_gradient(y)}

    def half(x: Any, y: Any) -> Any:
        value = getattr(x, "_value", getattr(x, "data", x))  # of a box, or of a Tensor of MyGrad
        return x * y + cut.get(backend, lambda _: value)(x)

    with pytest.raises(GradientMismatch, match="ratio") as caught:
        check_grads(half, *inputs, backend=backend)
    error = caught.value
    assert error.name == "x"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(error.snippet, {"half": half})
    found = float(re.findall(r"-?\d+\.\d+", printed.getvalue())[0])
    assert abs(found - error.analytic) <= 1e-4 * abs(error.analytic)
    assert NAMESPACES[backend].partition(".")[0] in error.snippet
    assert "autograd_lite" not in error.snippet


@pytest.mark.ci
def test_what_only_a_library_has_is_looked_at() -> None:
    torch = pytest.importorskip("torch")

    class OneWay(torch.autograd.Function):  # type: ignore[misc]
        generate_vmap_rule = False

        @staticmethod
        def forward(x: Any) -> Any:
            return x**2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * g

        @staticmethod
        def jvp(ctx: Any, t: Any) -> Any:
            return ctx.saved_tensors[0] * t

    with pytest.raises(GradientMismatch, match="forward mode gives .* reverse mode, which is right"):
        check_grads(OneWay.apply, X, backend="torch")
    with pytest.raises(GradientMismatch, match="non-deterministic"):
        check_grads(lambda x: torch.nn.functional.dropout(x, 0.5), np.ones(30), backend="torch")
    with pytest.raises(GradientMismatch, match="the plain array given for 'x' was changed"):
        check_grads(lambda x: torch.sin(x.detach().mul_(2)), X, backend="torch")

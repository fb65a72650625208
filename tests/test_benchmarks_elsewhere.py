"""The checker on the gradients of other libraries."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from typing import Any

import numpy as np
import pytest

from autograd_lite.testing import GradientMismatch
from benchmarks.audit.checking import check_elsewhere

X = np.array([0.5, 1.25, -2.0])
A = np.array([[1.0, 0.5], [-0.25, 2.0], [0.75, 1.5]])

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

    report = check_elsewhere(
        f, {"w": A, "b": np.array([0.5, -1.0])}, X[None] + 0.25, backend=backend, order=ORDERS[backend]
    )
    assert report.ok
    assert {"params['w']", "params['b']", "x"} <= set(report.inputs)
    if backend != "mygrad":
        assert any("order 2" in name for name in report.inputs)
        assert check_elsewhere(np_.fft.fft, np.array([1.0, 0.5 - 2j]), backend=backend).ok


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
        check_elsewhere(half, *inputs, backend=backend)
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
        check_elsewhere(OneWay.apply, X, backend="torch")
    with pytest.raises(GradientMismatch, match="non-deterministic"):
        check_elsewhere(lambda x: torch.nn.functional.dropout(x, 0.5), np.ones(30), backend="torch")
    with pytest.raises(GradientMismatch, match="the plain array given for 'x' was changed"):
        check_elsewhere(lambda x: torch.sin(x.detach().mul_(2)), X, backend="torch")


def test_a_library_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a backend among torch, jax, autograd, mygrad; received 'theano'"):
        check_elsewhere(np.sin, X, backend="theano")

"""Complex numbers under one convention: the gradient of a real loss by x = a + ib is dL/da + i dL/db."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

RNG = np.random.default_rng(0)


def draw(*shape: int) -> Any:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


Z, W, M = draw(3), draw(3), draw(3, 3)
LOSSES: dict[str, Callable[[Any], Any]] = {
    "holomorphic, real part": lambda z: np.real((np.exp(z) * z).sum()),
    "holomorphic, imaginary part": lambda z: np.imag((np.sin(z) / (z + 3.0)).sum()),
    "modulus": lambda z: np.abs(z).sum(),
    "squared modulus": lambda z: np.real((z * np.conj(z)).sum()),
    "quadratic form": lambda z: np.real((np.conj(z) * (M @ z)).sum()),
    "real and imaginary parts": lambda z: (np.real(z) * np.imag(z) ** 2).sum(),
    "angle": lambda z: np.angle(z).sum(),
    "powers": lambda z: np.real((z**3 + z**0.5 + 2.0**z).sum()),
    "a real input on the way": lambda z: (np.cos(np.abs(z) ** 2) * 2.0).sum(),
    "shapes": lambda z: np.abs(np.concatenate([z[::-1], z[[0, 0]]]).reshape(5, 1) * W).sum(),
    "roots": lambda z: np.abs(np.sqrt(z) + np.log(z)).sum(),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def differences(f: Callable[[Any], Any], z: Any, h: float = 1e-6) -> Any:
    """Return dL/da + i dL/db by central differences."""
    out = np.zeros(z.shape, complex)
    for k in np.ndindex(z.shape):
        for unit in (1.0, 1j):
            step = np.zeros(z.shape, complex)
            step[k] = h * unit
            out[k] += unit * (f(z + step) - f(z - step)) / (2 * h)
    return out


@every_loss
def test_the_gradient_points_uphill(name: str) -> None:
    f = LOSSES[name]
    np.testing.assert_allclose(ag.grad(f)(Z), differences(f, Z), rtol=1e-7, atol=1e-8)
    x = ag.tensor(Z, requires_grad=True)
    f(x).backward()
    assert x.grad.dtype == np.complex128
    np.testing.assert_array_equal(x.grad.numpy(), ag.grad(f)(Z))


@every_loss
def test_forward_mode_agrees(name: str) -> None:
    """dL = Re <gradient, dz>."""
    f = LOSSES[name]
    _, along = ag.jvp(f)((Z,), (W,))
    np.testing.assert_allclose(along, np.real(np.vdot(ag.grad(f)(Z), W)), rtol=1e-12)
    _, linear = ag.linearize(f)(Z)
    np.testing.assert_allclose(linear(W), along, rtol=1e-12)
    np.testing.assert_allclose(linear.transpose(1.0), ag.grad(f)(Z), rtol=1e-12)


@every_loss
def test_second_derivatives(name: str) -> None:
    f = LOSSES[name]

    def along(z: Any) -> Any:
        return np.real((ag.grad(f)(z) * np.conj(W)).sum())

    expected = differences(along, Z)
    np.testing.assert_allclose(ag.grad(along)(Z), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(ag.hvp(f)(Z, W), expected, rtol=1e-6, atol=1e-7)
    forward = ag.jvp(ag.grad(f))((Z,), (W,))[1]
    h = 1e-6
    np.testing.assert_allclose(forward, (ag.grad(f)(Z + h * W) - ag.grad(f)(Z - h * W)) / (2 * h), rtol=1e-6, atol=1e-7)


@every_loss
def test_a_batch_is_a_loop(name: str) -> None:
    rows = np.stack([Z, 2 * Z, W])
    np.testing.assert_allclose(
        ag.vmap(ag.grad(LOSSES[name]))(rows), np.stack([ag.grad(LOSSES[name])(row) for row in rows]), rtol=1e-12
    )


@pytest.mark.ci
@every_loss
def test_pytorch_agrees(name: str) -> None:
    torch = pytest.importorskip("torch")
    z = torch.tensor(Z, requires_grad=True)
    w, m = torch.tensor(W), torch.tensor(M)
    same: dict[str, Callable[[Any], Any]] = {
        "holomorphic, real part": lambda z: (z.exp() * z).sum().real,
        "holomorphic, imaginary part": lambda z: (z.sin() / (z + 3.0)).sum().imag,
        "modulus": lambda z: z.abs().sum(),
        "squared modulus": lambda z: (z * z.conj()).sum().real,
        "quadratic form": lambda z: (z.conj() * (m @ z)).sum().real,
        "real and imaginary parts": lambda z: (z.real * z.imag**2).sum(),
        "angle": lambda z: z.angle().sum(),
        "powers": lambda z: (z**3 + z**0.5 + 2.0**z).sum().real,
        "a real input on the way": lambda z: ((z.abs() ** 2).cos() * 2.0).sum(),
        "shapes": lambda z: (torch.cat([z.flip(0), z[[0, 0]]]).reshape(5, 1) * w).abs().sum(),
        "roots": lambda z: (z.sqrt() + z.log()).abs().sum(),
    }
    same[name](z).backward()
    np.testing.assert_allclose(ag.grad(LOSSES[name])(Z), z.grad.numpy(), rtol=1e-9)


def test_the_jacobian_of_a_holomorphic_function_is_its_complex_derivative() -> None:
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(ag.jacobian(lambda z: M @ np.exp(z), mode=mode)(Z), M * np.exp(Z), rtol=1e-13)


def test_a_pullback_conjugates() -> None:
    """For w = f(z) holomorphic: v -> conj(f'(z)) v, as in PyTorch."""
    _, pullback = ag.vjp(np.exp)(Z)
    np.testing.assert_allclose(pullback(W), np.conj(np.exp(Z)) * W)
    x = ag.tensor(Z, requires_grad=True)
    np.exp(x).backward(W)
    np.testing.assert_allclose(x.grad, np.conj(np.exp(Z)) * W)


def test_a_real_input_of_a_complex_computation_has_a_real_gradient() -> None:
    a = np.array([0.5, 1.5, -0.3])

    def f(a: Any) -> Any:
        return np.abs(np.exp(1j * a) * W + a).sum()

    gradient = ag.grad(f)(a)
    assert gradient.dtype == np.float64
    h = 1e-6
    expected = [(f(a + h * e) - f(a - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(gradient, expected, rtol=1e-8)
    np.testing.assert_allclose(ag.jvp(f)((a,), (np.ones(3),))[1], np.sum(expected), rtol=1e-8)


def test_a_complex_loss_is_refused() -> None:
    x = ag.tensor(Z, requires_grad=True)
    with pytest.raises(ag.GradError, match=r"backward: expected a real loss; received a complex one\. Take its \.real"):
        x.sum().backward()


def test_single_precision_stays_single() -> None:
    z = Z.astype(np.complex64)
    assert ag.grad(LOSSES["modulus"])(z).dtype == np.complex64
    assert ag.jvp(np.exp)((z,), (z,))[1].dtype == np.complex64


def test_hooks_see_the_convention() -> None:
    seen = []
    x = ag.tensor(Z, requires_grad=True)
    y = x * 1
    y.register_hook(lambda g: seen.append(g.numpy()))
    y.retain_grad()
    np.abs(y).sum().backward()
    np.testing.assert_allclose(seen[0], Z / np.abs(Z))
    np.testing.assert_allclose(y.grad, Z / np.abs(Z))

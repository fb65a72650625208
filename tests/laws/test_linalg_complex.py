"""Complex decompositions: functions of them that depend on no phase, against finite differences, to second order."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS
from autograd_lite.testing import check_grads, check_op
from autograd_lite.testing.ops import IDLE, LAWS

from ..complex_cases import UP_TO_A_PHASE
from .reading import row_of
from .samples import Sample, draw

PHASE = {"difference": "its columns are determined up to a phase, which LAPACK chooses otherwise than the rule does"}
ROWS = [
    Sample(f"{case.op}-{'x'.join(map(str, shapes[0]))}-{case.domain}", case._replace(exempt=PHASE), shapes, params)
    for case in UP_TO_A_PHASE
    for shapes in case.shapes
    for params in case.params
]


@pytest.mark.parametrize("sample", ROWS, ids=lambda s: s.name)
def test_the_laws_that_need_no_phase_hold(sample: Sample) -> None:
    check_op(OPS[sample.case.op], [row_of(sample)], laws=[name for name in LAWS if name != IDLE])


@pytest.mark.parametrize("sample", ROWS, ids=lambda s: s.name)
def test_forward_mode_is_the_adjoint_of_reverse_mode(sample: Sample) -> None:
    (x,) = sample.arrays()
    (t,) = sample.project([sample.cotangent(x.shape, x.dtype, salt=4)])
    out, pushed = ag.jvp(lambda a: sample.call(a))((x,), (t,))
    v = sample.cotangent(out.shape, out.dtype)
    (pulled,) = ag.vjp(lambda a: sample.call(a), (0,))(x)[1](v)
    np.testing.assert_allclose(
        np.sum((v.conj() * pushed).real), np.sum((pulled.conj() * t).real), rtol=1e-10, atol=1e-12
    )


def adjoint(x: Any) -> Any:
    return np.conjugate(x.mT)


def hermitian(x: Any) -> Any:
    return (x + adjoint(x)) / 2


def of_eigenvalues(x: Any) -> Any:
    w, v = np.linalg.eigh(hermitian(x))
    return (v * np.sin(w)[..., None, :]) @ adjoint(v)


def of_singular_values(x: Any) -> Any:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return (u * np.sin(s)[..., None, :]) @ vh


def of_singular_values_of_hermitian(x: Any) -> Any:
    u, s, vh = np.linalg.svd(hermitian(x), hermitian=True)
    return (u * np.sin(s)[..., None, :]) @ vh


def of_any_eigenvalues(x: Any) -> Any:
    w, v = np.linalg.eig(x)
    return v @ (np.sin(w)[..., :, None] * np.linalg.inv(v))


def sizes_of_eigenvectors(x: Any) -> Any:
    return np.abs(np.linalg.eig(x)[1])


def wide_qr(x: Any) -> Any:
    q, r = np.linalg.qr(x)
    return q @ np.sin(r)


WITHOUT_PHASE: list[tuple[Callable[[Any], Any], tuple[int, ...], str]] = [
    (of_eigenvalues, (3, 3), "complex symmetric"),
    (of_eigenvalues, (2, 2, 2), "complex symmetric"),
    (lambda x: np.abs(np.linalg.eigh(hermitian(x))[1]), (3, 3), "complex symmetric"),
    (lambda x: np.linalg.eigh(hermitian(x))[0], (3, 3), "complex symmetric"),
    (lambda x: np.linalg.eigvalsh(hermitian(x)), (3, 3), "complex symmetric"),
    (of_singular_values, (3, 3), "complex full rank"),
    (of_singular_values, (3, 2), "complex full rank"),
    (of_singular_values, (2, 2, 3), "complex full rank"),
    (lambda x: np.abs(np.linalg.svd(x, False)[0]), (3, 2), "complex full rank"),
    (lambda x: np.abs(np.linalg.svd(x, False)[2]), (2, 3), "complex full rank"),
    (of_singular_values_of_hermitian, (3, 3), "complex symmetric"),
    (of_any_eigenvalues, (3, 3), "complex real eigenvalues"),
    (of_any_eigenvalues, (3, 3), "real eigenvalues"),
    (sizes_of_eigenvectors, (3, 3), "complex real eigenvalues"),
    (wide_qr, (2, 3), "complex full rank"),
    (lambda x: np.linalg.cholesky(x @ adjoint(x) + np.eye(2)), (2, 2), "complex full rank"),
    (lambda x: np.linalg.norm(x, "nuc"), (3, 2), "complex full rank"),
    (lambda x: np.linalg.norm(x, 2), (2, 3), "complex full rank"),
    (lambda x: np.linalg.norm(x, 1), (2, 3), "complex"),
    (lambda x: np.linalg.norm(x, axis=0), (2, 3), "complex"),
    (lambda x: np.vdot(x, x * x), (3,), "complex"),
    (lambda x: np.linalg.vecdot(x, x[::-1] * x), (2, 3), "complex"),
    (lambda x: np.einsum("ij,kj,kl->il", x, np.conjugate(x), x), (2, 3), "complex"),
    (lambda x: np.linalg.slogdet(x)[0], (3, 3), "complex full rank"),
    (lambda x: np.fft.fft2(np.fft.ifft2(x) ** 2), (2, 3), "complex"),
    (lambda x: np.fft.irfft2(np.fft.rfft2(np.real(x)) * x[:, :2]), (2, 3), "complex"),
    (lambda x: np.fft.hfft(x**2), (3,), "complex"),
]


@pytest.mark.parametrize(("f", "shape", "domain"), WITHOUT_PHASE)
def test_first_and_second_derivative(f: Callable[[Any], Any], shape: tuple[int, ...], domain: str) -> None:
    rng = np.random.default_rng(zlib.crc32(f"{shape} {domain}".encode()))
    x = draw(shape, domain, rng)
    out = np.asarray(f(x))
    v, u = (
        draw(a.shape, "nonzero", rng) + 1j * draw(a.shape, "nonzero", rng)
        if a.dtype.kind == "c"
        else draw(a.shape, "nonzero", rng)
        for a in (out, x)
    )

    def loss(a: Any) -> Any:
        return np.sum(np.real(f(a) * v))

    def along(a: Any) -> Any:
        return np.sum(np.real(gradient(a) * u))

    gradient = ag.grad(loss)
    check_grads(loss, x, gradients=[gradient(x)])
    check_grads(along, x, gradients=[ag.grad(along)(x)])


def test_a_spectrum_keeps_its_energy_and_so_does_its_gradient() -> None:
    x = np.random.default_rng(2).normal(size=8)
    for transform in (np.fft.fft, np.fft.ifft):
        found = ag.grad(lambda a, t=transform: np.sum(np.abs(t(a, norm="ortho")) ** 2))(x)
        np.testing.assert_allclose(found, 2 * x, rtol=1e-13)

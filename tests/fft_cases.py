"""Cases for Fourier transforms; see `op_cases` and `composed_cases`. Data only."""

from __future__ import annotations

from typing import Any

import numpy as np

from .composed_cases import ComposedCase, case
from .op_cases import OpCase, rows

__all__ = ["CASES", "COMPOSED_CASES"]


# The shape, n and axis: as long as the axis, cut and filled up, even and odd.
LENGTHS = [((4,), 4, 0), ((5,), 5, 0), ((4, 3), 3, 0), ((2, 3), 6, 1), ((3, 2, 2), 5, 0), ((2,), 1, 0), ((0, 3), 3, 1)]
# Half spectra of n values, and some that are shorter or longer than those.
HALVES = [((3,), 4, 0), ((3,), 5, 0), ((2, 4), 5, 1), ((3, 2), 8, 0), ((2,), 1, 0), ((2,), 2, 0), ((0, 3), 4, 1)]


def _transform(function: Any, domain: str, table: list[Any]) -> list[OpCase]:
    norms = [(shape, {"n": n, "axis": axis, "norm": "backward"}) for shape, n, axis in table]
    norms += [
        (shape, {"n": n, "axis": axis, "norm": norm}) for norm in ("ortho", "forward") for shape, n, axis in table[:3]
    ]
    return rows(function.__name__, function, [((shape,), params) for shape, params in norms], domain=domain)


CASES: list[OpCase] = [
    *_transform(np.fft.fft, "any", LENGTHS),
    *_transform(np.fft.fft, "complex", LENGTHS[:4]),
    *_transform(np.fft.ifft, "any", LENGTHS[:4]),
    *_transform(np.fft.ifft, "complex", LENGTHS),
    *_transform(np.fft.rfft, "any", LENGTHS),
    *_transform(np.fft.ihfft, "any", LENGTHS),
    *_transform(np.fft.irfft, "any", HALVES[:3]),
    *_transform(np.fft.irfft, "complex", HALVES),
    *_transform(np.fft.hfft, "any", HALVES[:3]),
    *_transform(np.fft.hfft, "complex", HALVES),
]


def _parts(z: Any) -> list[Any]:
    """Return two real arrays for a complex one: the law of composed functions differentiates real results."""
    return [np.real(z), np.imag(z)]


ONE_AXIS = [
    case(np.fft.fft, (4,), lambda x: _parts(np.fft.fft(x)), lambda x: _parts(np.fft.fft(x, None, -1, None))),
    case(
        np.fft.fft,
        (2, 3),
        lambda x: _parts(np.fft.fft(x, 4, 0, "ortho")),
        lambda x: _parts(np.fft.fft(x, 4, -2, "ortho")),
    ),
    case(np.fft.ifft, (2, 3), lambda x: _parts(np.fft.ifft(x)), lambda x: _parts(np.fft.ifft(a=x, axis=1))),
    case(np.fft.rfft, (2, 3), lambda x: _parts(np.fft.rfft(x)), lambda x: _parts(np.fft.rfft(x, norm="backward"))),
    case(np.fft.irfft, (2, 3), lambda x: np.fft.irfft(x), lambda x: np.fft.irfft(x, 4)),
    case(np.fft.hfft, (2, 3), lambda x: np.fft.hfft(x), lambda x: np.fft.hfft(x, n=None)),
    case(np.fft.ihfft, (2, 3), lambda x: _parts(np.fft.ihfft(x))),
]
SEVERAL_AXES = [
    case(function, (2, 3, 4), lambda x, f=function: _parts(f(x)), lambda x, f=function: _parts(f(x, norm=None)))
    for function in (np.fft.fft2, np.fft.ifft2, np.fft.fftn, np.fft.ifftn, np.fft.rfft2, np.fft.rfftn)
] + [
    case(np.fft.fft2, (3, 2), lambda x: _parts(np.fft.fft2(x, (2, 4), (1, 0), "ortho"))),
    case(np.fft.ifft2, (3, 2), lambda x: _parts(np.fft.ifft2(x, s=(2, 4), norm="forward"))),
    case(
        np.fft.fftn,
        (2, 3, 2),
        lambda x: _parts(np.fft.fftn(x, axes=(0, 2))),
        lambda x: _parts(np.fft.fftn(x, None, (-3, 2))),
    ),
    case(np.fft.fftn, (2, 3, 2), lambda x: _parts(np.fft.fftn(x, (3, -1), axes=(1, 2)))),
    case(np.fft.ifftn, (2, 3, 2), lambda x: _parts(np.fft.ifftn(x, (3,), axes=(1,), norm="ortho"))),
    case(np.fft.rfftn, (2, 3, 2), lambda x: _parts(np.fft.rfftn(x, (3, 4), axes=(2, 0)))),
    case(np.fft.rfft2, (3, 2), lambda x: _parts(np.fft.rfft2(x, (2, 5)))),
    case(np.fft.irfft2, (3, 3), lambda x: np.fft.irfft2(x), lambda x: np.fft.irfft2(x, axes=(0, 1))),
    case(np.fft.irfft2, (3, 2), lambda x: np.fft.irfft2(x, (2, 5), (1, 0), "forward")),
    case(np.fft.irfftn, (2, 3, 2), lambda x: np.fft.irfftn(x), lambda x: np.fft.irfftn(x, axes=(0, 1, 2))),
    case(np.fft.irfftn, (2, 3, 2), lambda x: np.fft.irfftn(x, (3, 3), axes=(0, 2))),
]
SHIFTS = [
    case(np.fft.fftshift, (5,), lambda x: np.fft.fftshift(x), lambda x: np.fft.fftshift(x, 0)),
    case(np.fft.fftshift, (2, 3), lambda x: np.fft.fftshift(x), lambda x: np.fft.fftshift(x, axes=(0, 1))),
    case(np.fft.ifftshift, (5,), lambda x: np.fft.ifftshift(x), lambda x: np.fft.ifftshift(x, -1)),
    case(np.fft.ifftshift, (2, 3), lambda x: np.fft.ifftshift(x, 1), lambda x: np.fft.ifftshift(x, axes=[-1])),
]

COMPOSED_CASES: list[ComposedCase] = [*ONE_AXIS, *SEVERAL_AXES, *SHIFTS]

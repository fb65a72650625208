"""Calls of `scipy.signal`. Data only."""

from __future__ import annotations

from typing import Any

import numpy as np

from .case import Case, cnormal, normal, rng

STEP = "the length of the extension depends on values"


def _filter(order: int) -> tuple[Any, Any]:
    return 0.3 * normal(order + 1), np.array([1.4, *0.3 * rng().normal(size=order)])


SIGNAL = [
    *[
        Case(f"signal.{name} {mode} {x} {y}", call, (normal(*x), normal(*y)[..., ::-1]))
        for name in ("convolve", "correlate")
        for mode in ("full", "same", "valid")
        for x, y in (((5,), (3,)), ((2,), (4,)), ((3, 4), (2, 2)))
        for call in [lambda m, a, b, name=name, mode=mode: getattr(m, name)(a, b, mode=mode)]
    ],
    Case("signal.correlate complex", lambda m, a, b: m.correlate(a, b), (cnormal(4), cnormal(3))),
    Case("signal.convolve fft", lambda m, a, b: m.convolve(a, b, method="fft"), (normal(6), normal(3))),
    *[
        Case(f"signal.{name} {mode}", call, (normal(3, 5), normal(1, 4)))
        for name in ("fftconvolve", "oaconvolve")
        for mode in ("full", "same", "valid")
        for call in [lambda m, a, b, name=name, mode=mode: getattr(m, name)(a, b, mode=mode, axes=-1)]
    ],
    *[
        Case(f"signal.{name} {mode} {boundary}", call, (normal(4, 5), normal(3, 2)))
        for name in ("convolve2d", "correlate2d")
        for mode in ("full", "same", "valid")
        for boundary in ("fill", "wrap", "symm")
        for call in [
            lambda m, a, b, name=name, mode=mode, e=boundary: getattr(m, name)(
                a, b, mode=mode, boundary=e, fillvalue=0.7
            )
        ]
    ],
    *[
        Case(f"signal.lfilter {axis} {shape} {order}", call, (*_filter(order), normal(*shape)))
        for axis, shape, order in ((-1, (6,), 2), (0, (5, 2), 1), (1, (2, 7, 1), 3), (-1, (3,), 4))
        for call in [lambda m, b, a, x, axis=axis: m.lfilter(b, a, x, axis=axis)]
    ],
    Case(
        "signal.lfilter complex", lambda m, b, a, x: m.lfilter(b, a, x), (cnormal(2), np.array([1.0, 0.3j]), cnormal(5))
    ),
    Case("signal.lfilter long", lambda m, b, x: m.lfilter(b, [1.0], x), (normal(40), normal(60))),
    *[
        Case(f"signal.lfilter zi {n}", call, (*_filter(2), normal(2, n), normal(2, 2)))
        for n in (5, 1)
        for call in [lambda m, b, a, x, zi: m.lfilter(b, a, x, zi=zi)]
    ],
    Case("signal.lfilter_zi", lambda m, b, a: m.lfilter_zi(b, a), _filter(3)),
    *[
        Case(
            f"signal.filtfilt {kind}",
            lambda m, b, a, x, kind=kind: m.filtfilt(b, a, x, padtype=kind),
            (*_filter(2), normal(2, 12)),
        )
        for kind in ("odd", "even", "constant", None)
    ],
    Case("signal.filtfilt axis", lambda m, b, a, x: m.filtfilt(b, a, x, axis=0, padlen=3), (*_filter(1), normal(6, 2))),
    Case("signal.detrend", lambda m, x: m.detrend(x), (normal(2, 6),)),
    Case("signal.detrend constant", lambda m, x: m.detrend(x, axis=0, type="constant"), (normal(4, 2),)),
    Case("signal.hilbert", lambda m, x: m.hilbert(x), (normal(5),)),
    Case("signal.hilbert even", lambda m, x: m.hilbert(x, axis=0), (normal(4, 2),)),
]


def _sos(upper: Any, lower: Any) -> Any:
    """Return sections with the leading 1 that SciPy asks for."""
    ones = np.ones((2, 1), upper.dtype)
    return np.concatenate([upper, ones, lower], axis=1)


SIGNAL += [
    Case("signal.sosfilt", lambda m, u, v, x: m.sosfilt(_sos(u, v), x), (normal(2, 3), 0.3 * normal(2, 2), normal(6))),
    Case(
        "signal.sosfilt zi",
        lambda m, u, v, x, zi: m.sosfilt(_sos(u, v), x, axis=0, zi=zi),
        (normal(2, 3), 0.3 * normal(2, 2), normal(6, 2), normal(2, 2, 2)),
    ),
    Case("signal.sosfilt_zi", lambda m, u, v: m.sosfilt_zi(_sos(u, v)), (normal(2, 3), 0.3 * normal(2, 2))),
    Case(
        "signal.sosfiltfilt",
        lambda m, u, v, x: m.sosfiltfilt(_sos(u, v), x),
        (normal(2, 3), 0.3 * normal(2, 2), normal(20)),
        {"vmap": STEP, "compile": STEP},
    ),
]

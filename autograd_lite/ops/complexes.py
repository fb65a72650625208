"""Parts of complex numbers. None of these is holomorphic, so each rule says what it means (see `Op.holomorphic`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import applied, elementwise


def _bind(val: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (val,), {}


def _tangent_of(part: Any) -> Any:
    return lambda tangents, out, x: part(tangents[0])


real = elementwise(
    lambda x: np.array(np.real(x)),
    applied(lambda g, out, x: g),
    name="real",
    bind=_bind,
    numpy_functions=(np.real,),
    holomorphic=False,
    jvp=_tangent_of(np.real),
    glyph="Re",
)
imag = elementwise(
    lambda x: np.array(np.imag(x)),
    applied(lambda g, out, x: g * -1j if x.dtype.kind == "c" else g * 0),
    name="imag",
    bind=_bind,
    numpy_functions=(np.imag,),
    holomorphic=False,
    jvp=_tangent_of(np.imag),
    glyph="Im",
)

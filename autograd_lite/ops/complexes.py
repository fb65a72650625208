"""Parts of numbers: real, imaginary, whole, fractional.

Real and imaginary parts are not holomorphic, so those rules say what they mean (see `Op.holomorphic`).
"""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.duck_arrays import copy_array
from ..core.equivalents import UFUNCS, Fill, Part, filled_by
from ..core.op import applied, composes, elementwise
from ..native.kernels import library
from .operands import values


def _bind(val: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (val,), {}


def _tangent_of(part: Any) -> Any:
    return lambda tangents, out, x: part(tangents[0])


def _real(x: Any) -> Any:
    return copy_array(np.real(x))


def _imag(x: Any) -> Any:
    return copy_array(np.imag(x))


@filled_by(_real)
def _filled_real(x: Any) -> Any:
    return None if x.dtype.kind == "c" else (Fill(x.shape, x.dtype, [Part(..., 0)]), [x])


@filled_by(_imag)
def _filled_imag(x: Any) -> Any:
    return None if x.dtype.kind == "c" else (Fill(x.shape, x.dtype, [Part(..., None)]), [])


if library:
    UFUNCS.update({_real: library.choices()["real"], _imag: library.choices()["imag"]})

real = elementwise(
    _real,
    applied(lambda g, out, x: g),
    name="real",
    bind=_bind,
    numpy_functions=(np.real,),
    holomorphic=False,
    jvp=_tangent_of(np.real),
    view=lambda x: x.dtype.kind != "c",
    glyph="Re",
    onnx="Identity",
    c={"c": "__real__ {0}"},
)
imag = elementwise(
    _imag,
    applied(lambda g, out, x: g * -1j if x.dtype.kind == "c" else g * 0),
    name="imag",
    selects=True,
    bind=_bind,
    numpy_functions=(np.imag,),
    holomorphic=False,
    jvp=_tangent_of(np.imag),
    glyph="Im",
    c={"c": "__imag__ {0}"},
)


# ---- over these -----------------------------------------------------------------------------------------------------


@composes(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    turn = np.arctan2(np.imag(z), np.real(z))
    return turn * (180 / math.pi) if deg else turn


@composes(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    if a.dtype.kind != "c":
        return a
    limit = float(np.finfo(a.dtype).eps) * tol if tol > 1 else tol
    return np.real(a) if np.all(np.absolute(values(np.imag(a))) < limit) else a


@composes(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    return np.trunc(x)


@composes(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return x.astype(dtype, copy=copy)

"""Keys of parameters and values: equal for what means the same, and hashable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.indices import IndexArray

# Values of constants up to this size are compared; a larger one is only the same as itself.
COMPARED_BYTES = 4096
# Classes of which equal values mean the same.
_PLAIN = frozenset((bool, int, str, type(None), type(Ellipsis)))


def params_key(params: Mapping[str, Any]) -> Any:
    """Return what two calls of an op with the same parameters have in common."""
    if not params:
        return ()
    return tuple([(name, value_key(params[name])) for name in (sorted(params) if len(params) > 1 else params)])


def value_key(value: Any) -> Any:
    """Return what two parameters that mean the same have in common; 1, 1.0 and True do not, nor do 0.0 and -0.0."""
    kind = value.__class__
    if kind in _PLAIN:
        return kind, value
    if kind is tuple or kind is list:
        return kind, tuple([(v.__class__, v) if v.__class__ in _PLAIN else value_key(v) for v in value])
    if kind is float or kind is complex:
        return kind, repr(value)
    if kind is slice:
        return kind, value_key(value.start), value_key(value.stop), value_key(value.step)
    if kind is IndexArray:  # where its values come from is among the inputs
        return kind
    if kind is dict:
        return kind, tuple([(k, value_key(v)) for k, v in value.items()])
    if isinstance(value, np.dtype):
        return np.dtype, value
    if isinstance(value, (np.ndarray, np.generic)) and value.nbytes <= COMPARED_BYTES and not value.dtype.hasobject:
        return kind, value.dtype, value.shape, value.tobytes()
    return "is", id(value)

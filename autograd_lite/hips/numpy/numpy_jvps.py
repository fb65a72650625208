"""What rules of users take from `autograd.numpy.numpy_jvps`: how a tangent comes to the shape of its result."""

from __future__ import annotations

from typing import Any

import numpy as np

from .numpy_vjps import metadata


def broadcast(x: Any, target: Any) -> Any:
    """Return a tangent with the shape of a result, and complex if that is.

    Example:
        >>> broadcast(np.array([1.0, 2.0]), np.zeros((2, 2))).tolist()
        [[1.0, 2.0], [1.0, 2.0]]
    """
    shape, _, _, iscomplex = metadata(target)
    x = np.broadcast_to(x, shape)
    return x + 0j if iscomplex and not np.iscomplexobj(x) else x

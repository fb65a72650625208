"""Copies of NumPy's functions, with our loops where they are faster, whose large calls are shared by threads.

They are what ops, and the rules in their tables, compute with; NumPy's own stay as they are.

A rule that is read by bare arrays and by Tensors must use these, not NumPy's: Tensors would take these anyway, and the
last bits may differ.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from .kernels import FASTEST

exp, expm1, log, log1p = (FASTEST.get(f, f) for f in (np.exp, np.expm1, np.log, np.log1p))
sin, cos, tanh = (FASTEST.get(f, f) for f in (np.sin, np.cos, np.tanh))
add, multiply, matmul, power = (FASTEST.get(f, f) for f in (np.add, np.multiply, np.matmul, np.power))


def product(*matrices: Any) -> Any:
    """Return the product of matrices, from left to right, with the same bits for arrays and for Tensors.

    Args:
        matrices: of shapes (…, M, K), (…, K, N), and so on.

    Returns:
        Their product, of shape (…, M, N).

    Example:
        >>> product(np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 1)))
        array([[12.],
               [12.]])
    """
    return reduce(matmul, matrices)

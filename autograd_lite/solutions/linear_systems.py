"""Linear systems with the matrix of a system of equations."""

from __future__ import annotations

from typing import Any

import numpy as np


def solve(a: Any, b: Any, turned: bool = False) -> Any:
    """Return the solution of A x = b, or of Aᵀ x = b, for arrays or Tensors."""
    return np.linalg.solve(a.T if turned else a, b)

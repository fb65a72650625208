"""One seed for all sources of random numbers."""

from __future__ import annotations

import random

import numpy as np

import autograd_lite as ag

from ..config.arguments import integer


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator, and the default generator of this library.

    Args:
        seed: from 0 to 2**32 - 1.

    Example:
        >>> set_random_seed(3); first = random.random(), float(ag.random.uniform(()))
        >>> set_random_seed(3); first == (random.random(), float(ag.random.uniform(())))
        True
    """
    seed = integer(0, 2**32 - 1)("set_random_seed", "seed", seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  programs draw from it after this call
    ag.set_seed(seed)

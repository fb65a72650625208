"""Estimates of moments, as optimizers need them: running means, and quotients by roots, each in one pass over memory.

Given Tensors they record and return Tensors; given arrays, arrays. Their derivative rules are in `ops/running_means`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import running_means


def _array(x: Any) -> Any:
    return x if hasattr(x, "dtype") else np.asarray(x)


def running_mean(mean: Any, new: Any, share: Any) -> Any:
    """Return a running mean after one more value: mean + share * (new - mean), computed as (new - mean) * share + mean.

    Args:
        mean: so far, floating.
        new: the value, broadcastable to it.
        share: of the new value, from 0 to 1; a number, or broadcastable.

    Example:
        >>> running_mean(np.array([1.0, 2.0]), np.array([2.0, 0.0]), 0.25)
        array([1.25, 1.5 ])
    """
    return running_means.running_mean(_array(mean), _array(new), share)


def running_mean_square(mean: Any, new: Any, share: Any) -> Any:
    """Return a running mean of squares after one more value: (new * new - mean) * share + mean.

    Args:
        mean: of the squares so far, floating.
        new: the value, broadcastable to it.
        share: of the new square, from 0 to 1; a number, or broadcastable.

    Example:
        >>> running_mean_square(np.array([1.0, 2.0]), np.array([2.0, 0.0]), 0.25)
        array([1.75, 1.5 ])
    """
    return running_means.running_mean_square(_array(mean), _array(new), share)


def over_root(x: Any, square: Any, inside: Any = 0.0, outside: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return x / (sqrt(square + inside) + outside) * scale: a value over the root of a mean square.

    Args:
        x: the value, floating.
        square: at least -inside; broadcastable.
        inside, outside: added below the root, and to it, so that it is not 0; numbers, or broadcastable.
        scale: a factor of the quotient; a number, or broadcastable.

    Example:
        >>> over_root(np.array([1.0, 3.0]), np.array([3.0, 8.0]), inside=1.0, outside=1.0, scale=3.0)
        array([1.  , 2.25])
    """
    return running_means.over_root(_array(x), _array(square), inside, outside, scale)

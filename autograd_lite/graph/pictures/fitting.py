"""How large a picture may be: nothing is wider than a screen, or taller than three, unless it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

# In CSS pixels, a picture with everything around it; and what its margins, caption and legend take of that.
WIDEST, TALLEST = 1600.0, 3000.0
_AROUND, _OVER = 56.0, 190.0

T = TypeVar("T")


def fitting(choices: Iterable[T], size_of: Callable[[T], tuple[float, float]]) -> T:
    """Return the first choice whose drawing fits, or the last.

    Args:
        choices: at least one, from what shows most to what shows least.
        size_of: the width and height of what is drawn.

    Example:
        >>> fitting([4000, 1500, 300], lambda width: (width, 10.0))
        1500
    """
    for choice in choices:
        width, height = size_of(choice)
        if width <= WIDEST - _AROUND and height <= TALLEST - _OVER:
            break
    return choice

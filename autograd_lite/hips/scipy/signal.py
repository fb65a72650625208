"""`autograd.scipy.signal`; its `convolve` also contracts axes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ...scipy.signal import dot_convolve
from .overlay import names_of

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


def convolve(A: Any, B: Any, axes: Any = None, dot_axes: Any = ((), ()), mode: str = "full") -> Any:
    """Convolve along axes of A and B, all by default; see `autograd_lite.scipy.signal.dot_convolve`.

    Args:
        A: an array.
        B: an array.
        axes: the axes of A and those of B that are convolved.
        dot_axes: the axes of A and those of B that are summed over.
        mode: "full", "valid", or "same", the middle of the full result with A's lengths.
    """
    axes = (range(np.ndim(A)), range(np.ndim(A))) if axes is None else axes
    if mode != "same":
        return dot_convolve(A, B, tuple(map(tuple, axes)), dot_axes, mode)
    whole = dot_convolve(A, B, tuple(map(tuple, axes)), dot_axes, "full")
    middle = [((np.shape(B)[j] - 1) // 2, np.shape(A)[i]) for i, j in zip(*axes, strict=True)]
    return whole[(..., *(slice(start, start + n) for start, n in middle))]


globals().update({name: value for name, value in names_of("signal").items() if name != "convolve"})

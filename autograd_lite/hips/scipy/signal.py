"""`autograd.scipy.signal`; its `convolve` also contracts axes: `convolve(A, B, axes, dot_axes, mode)`."""

from typing import TYPE_CHECKING, Any

from .overlay import names_of

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


_NAMES = names_of("signal")
if "dot_convolve" in _NAMES:
    _NAMES["convolve"] = _NAMES["dot_convolve"]
globals().update(_NAMES)

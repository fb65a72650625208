"""Special functions of the namespace, which SciPy asks for where SCIPY_ARRAY_API=1 makes it ask: `scipy.special`."""

from typing import Any

from ..scipy import special as _special

__all__ = _special.__all__
__dir__ = __all__.copy


def __getattr__(name: str) -> Any:
    return getattr(_special, name)

"""`scipy.special` itself: with SCIPY_ARRAY_API=1 its names are functions that refuse arrays beside Tensors."""

from __future__ import annotations

from typing import Any

from scipy import special as wrapped

ASKING = "scipy.special._support_alternative_backends"  # whose functions ask for namespaces; others are wrapped, too


class Unwrapped:
    """The functions of `scipy.special`, without what asks their arguments for a namespace.

    Example:
        >>> special.gammaln is wrapped.gammaln or special.gammaln is wrapped.gammaln.__wrapped__
        True
    """

    def __getattr__(self, name: str) -> Any:
        function = getattr(wrapped, name)
        if getattr(function, "__globals__", {}).get("__name__") == ASKING:
            function = function.__wrapped__
        setattr(self, name, function)  # found at once the next time
        return function


special: Any = Unwrapped()

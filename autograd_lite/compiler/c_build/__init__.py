"""From a text in C to a function: when it is compiled, and, loaded then, the compiler and the libraries it has made."""

from typing import TYPE_CHECKING

from ...core.late import attach as _attach

if TYPE_CHECKING:
    from .background import request as request
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

"""`autograd.scipy.special`."""

from typing import TYPE_CHECKING, Any

from .overlay import names_of

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


globals().update(names_of("special"))

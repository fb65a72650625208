"""`autograd.scipy.stats.gamma`."""

from typing import TYPE_CHECKING, Any

from ..overlay import methods_of

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


globals().update(methods_of("gamma"))

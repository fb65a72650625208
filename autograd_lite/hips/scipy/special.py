"""`autograd.scipy.special`."""

from typing import TYPE_CHECKING, Any

from .overlay import names_of
from .sums_and_logarithms import ADDITIONS

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


globals().update(ADDITIONS | {name: value for name, value in names_of("special").items() if name not in ADDITIONS})

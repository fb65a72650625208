"""From raw data to numbers: categories, vocabularies, texts, scales."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from .categories import CategoryEncoding as CategoryEncoding, Discretization as Discretization
    from .hashing import HashedCrossing as HashedCrossing, Hashing as Hashing
    from .lookup import IntegerLookup as IntegerLookup, StringLookup as StringLookup
    from .scaling import Normalization as Normalization, Rescaling as Rescaling
    from .vectorization import TextVectorization as TextVectorization
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

"""From raw data to numbers: categories, vocabularies, texts, scales."""

from .categories import CategoryEncoding as CategoryEncoding, Discretization as Discretization
from .hashing import HashedCrossing as HashedCrossing, Hashing as Hashing
from .lookup import IntegerLookup as IntegerLookup, StringLookup as StringLookup
from .scaling import Normalization as Normalization, Rescaling as Rescaling
from .vectorization import TextVectorization as TextVectorization

"""From raw data to numbers: categories, vocabularies, scales."""

from .categories import CategoryEncoding as CategoryEncoding, Discretization as Discretization
from .lookup import IntegerLookup as IntegerLookup
from .scaling import Normalization as Normalization, Rescaling as Rescaling

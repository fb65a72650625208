"""Datasets for the examples and the tests.

Downloaded on first use and checked by hash: `mnist`, `fashion_mnist`, `cifar10`, `cifar100`, `imdb`, `reuters`,
`boston_housing` and `california_housing`. Embedded: a sample of `mnist`, `text` (a book) and `diabetes`. Made from a
seed: `two_moons`, `spirals` and `sphere_in_sphere`.
"""

from . import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    diabetes,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
    text,
)
from .fetch import DatasetError
from .shapes import sphere_in_sphere, spirals, two_moons

__all__ = [
    "DatasetError",
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "diabetes",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
    "sphere_in_sphere",
    "spirals",
    "text",
    "two_moons",
]

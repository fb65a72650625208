"""Datasets for the examples and the tests.

Downloaded on first use and checked by hash: `mnist`, `fashion_mnist`, `cifar10`. Embedded: a sample of `mnist`, `text`
(a book) and `diabetes`. Made from a seed: `two_moons`, `spirals` and `sphere_in_sphere`.
"""

from . import cifar10, diabetes, fashion_mnist, mnist, text
from .fetch import DatasetError
from .shapes import sphere_in_sphere, spirals, two_moons

__all__ = [
    "DatasetError",
    "cifar10",
    "diabetes",
    "fashion_mnist",
    "mnist",
    "sphere_in_sphere",
    "spirals",
    "text",
    "two_moons",
]

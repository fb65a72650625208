"""Datasets for the examples and the tests.

Downloaded on first use and checked by hash: `mnist`, `fashion_mnist`, `cifar10`, `cifar100`, `imdb`, `reuters`,
`boston_housing` and `california_housing`. Embedded: a sample of `mnist`, `text` (a book) and `diabetes`. Made from a
seed: `two_moons`, `spirals` and `sphere_in_sphere`.
"""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from . import (
        boston_housing as boston_housing,
        california_housing as california_housing,
        cifar10 as cifar10,
        cifar100 as cifar100,
        diabetes as diabetes,
        fashion_mnist as fashion_mnist,
        imdb as imdb,
        mnist as mnist,
        reuters as reuters,
        text as text,
    )
    from .fetch import DatasetError as DatasetError
    from .shapes import sphere_in_sphere as sphere_in_sphere, spirals as spirals, two_moons as two_moons
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

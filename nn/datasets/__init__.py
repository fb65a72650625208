"""Datasets for the examples and the tests."""

from . import mnist
from ._fetch import DatasetError

__all__ = ["DatasetError", "mnist"]

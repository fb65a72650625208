"""Feeding data: `DataLoader` cuts arrays, memory maps, files or streams into batches; `Dataset` is a lazy pipeline.

Example:
    >>> import numpy as np
    >>> loader = DataLoader((np.arange(6), np.arange(6) ** 2), batch_size=4)
    >>> for x, y in loader:
    ...     print(x, y)
    [0 1 2 3] [0 1 4 9]
    [4 5] [16 25]
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from .loader import DataLoader
from .py_dataset import PyDataset

_LATE = {"Dataset": ".dataset"}

if TYPE_CHECKING:
    from .dataset import Dataset as Dataset
else:

    def __getattr__(name: str) -> object:
        if name in _LATE:
            return getattr(_import_module(_LATE[name], __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["DataLoader", "Dataset", "PyDataset"]

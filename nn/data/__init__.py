"""Feeding data: `DataLoader` cuts arrays, memory maps, files or streams into batches; `Dataset` is a lazy pipeline.

Example:
    >>> import numpy as np
    >>> loader = DataLoader((np.arange(6), np.arange(6) ** 2), batch_size=4)
    >>> for x, y in loader:
    ...     print(x, y)
    [0 1 2 3] [0 1 4 9]
    [4 5] [16 25]
"""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from .dataset import Dataset as Dataset
    from .loader import DataLoader as DataLoader
    from .py_dataset import PyDataset as PyDataset
else:
    __getattr__, __dir__, __all__ = _attach(__name__)

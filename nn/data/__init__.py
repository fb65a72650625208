"""Feeding data: `DataLoader` cuts arrays, memory maps, files or streams into batches.

Example:
    >>> import numpy as np
    >>> loader = DataLoader((np.arange(6), np.arange(6) ** 2), batch_size=4)
    >>> for x, y in loader:
    ...     print(x, y)
    [0 1 2 3] [0 1 4 9]
    [4 5] [16 25]
"""

from .loader import DataLoader

__all__ = ["DataLoader"]

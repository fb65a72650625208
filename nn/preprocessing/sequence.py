"""`pad_sequences`, as in `nn.utils`."""

from ..utils import pad_sequences as pad_sequences

__all__ = ["pad_sequences"]
__dir__ = __all__.copy

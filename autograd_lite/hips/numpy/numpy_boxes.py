"""`autograd.numpy.numpy_boxes`: `ArrayBox` stands for Tensors. Libraries test for it, and set attributes of it."""

import numpy as _np

from ..tracer import Box


class ArrayBox(Box):
    """What `isinstance(t, ArrayBox)` asks for; `ArrayBox(value, trace, node)` makes a Tensor."""


for _kind in (float, complex, _np.ndarray, *(_np.dtype(code).type for code in "efdgFDG")):
    ArrayBox.register(_kind)

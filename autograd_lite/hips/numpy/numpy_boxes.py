"""`autograd.numpy.numpy_boxes`: `ArrayBox` stands for Tensors. Libraries test for it, and set attributes of it."""

from typing import Any as _Any, NoReturn as _NoReturn

import numpy as _np

from ..tracer import Box


class ArrayBox(Box):
    """What `isinstance(t, ArrayBox)` asks for; `ArrayBox(value, trace, node)` makes a Tensor."""


def _item(self: _Any, *place: _Any) -> _NoReturn:
    raise AttributeError(
        "'ArrayBox' object has no attribute 'item', as in HIPS: a Python number has no gradient. Write x.flatten()[0], "
        "or getval(x).item() for a constant"
    )


ArrayBox.item = _item

for _kind in (float, complex, _np.ndarray, *(_np.dtype(code).type for code in "efdgFDG")):
    ArrayBox.register(_kind)

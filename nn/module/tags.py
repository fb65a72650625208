"""Values that belong to tensors, for as long as those live: masks, and the constraints of weights."""

from __future__ import annotations

from typing import Any, Generic, TypeVar
from weakref import ref

from autograd_lite import Tensor

T = TypeVar("T")


class Tags(dict[int, tuple[ref[Tensor], T]], Generic[T]):
    """A dict of one value for each tensor, by the tensor's id, since == on Tensors compares elements."""

    def of(self, tensor: Any) -> T | None:
        """Return the value of a tensor, or None."""
        entry = self.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def give(self, tensor: Tensor, value: T) -> None:
        """Give a tensor a value."""
        key = id(tensor)
        self[key] = ref(tensor, lambda _: self.pop(key, None)), value

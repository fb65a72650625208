"""The vector spaces of HIPS: what a gradient of a value looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from operator import add
from typing import Any, ClassVar

import numpy as np

from ..tree import leaves, map as map_leaves, rebuild
from .tracer import getval


class VSpace:
    """A vector space; a subclass has `zeros`, `ones`, `standard_basis`, `randn`, `size` and `_inner_prod`.

    Args:
        value: an element.
    """

    mappings: ClassVar[dict[type, Callable[[Any], VSpace]]] = {}
    iscomplex = False
    shape: Any

    def __init__(self, value: Any) -> None:
        pass

    def add(self, x: Any, y: Any) -> Any:
        """Return x + y."""
        return self._add(self.zeros() if x is None else x, y)

    def mut_add(self, x: Any, y: Any) -> Any:
        """Return x + y, where x may be overwritten; None is zero."""
        return self._mut_add(self.zeros() if x is None else x, y)

    def scalar_mul(self, x: Any, a: Any) -> Any:
        """Return x * a."""
        return self._scalar_mul(x, a)

    def inner_prod(self, x: Any, y: Any) -> Any:
        """Return the real inner product of x and y."""
        return self._inner_prod(x, y)

    def covector(self, x: Any) -> Any:
        """Return what the inner product with x is, as a cotangent: the conjugate."""
        return self._covector(x)

    def zeros(self) -> Any:
        """Return zero."""
        raise NotImplementedError(f"{type(self).__name__}.zeros")

    def ones(self) -> Any:
        """Return the sum of the standard basis."""
        raise NotImplementedError(f"{type(self).__name__}.ones")

    def standard_basis(self) -> Iterator[Any]:
        """Yield the unit vectors."""
        raise NotImplementedError(f"{type(self).__name__}.standard_basis")

    def randn(self) -> Any:
        """Return a random element."""
        raise NotImplementedError(f"{type(self).__name__}.randn")

    @property
    def size(self) -> int:
        """The dimension over the reals."""
        raise NotImplementedError(f"{type(self).__name__}.size")

    def _add(self, x: Any, y: Any) -> Any:
        return x + y

    def _mut_add(self, x: Any, y: Any) -> Any:
        return self._add(x, y)

    def _scalar_mul(self, x: Any, a: Any) -> Any:
        return x * a

    def _inner_prod(self, x: Any, y: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}._inner_prod")

    def _covector(self, x: Any) -> Any:
        return x

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}_{vars(self)}"

    @classmethod
    def register(cls, value_type: type, vspace_maker: Callable[[Any], VSpace] | None = None) -> None:
        """Make this the space of the values of a class, or what `vspace_maker(value)` returns."""
        VSpace.mappings[value_type] = vspace_maker or cls


class ArrayVSpace(VSpace):
    """Real arrays of one shape and dtype.

    Example:
        >>> [v.tolist() for v in ArrayVSpace(np.zeros(2)).standard_basis()]
        [[1.0, 0.0], [0.0, 1.0]]
    """

    units: tuple[complex, ...] = (1.0,)

    def __init__(self, value: Any) -> None:
        value = np.asarray(value)
        self.shape = value.shape
        self.dtype = value.dtype

    @property
    def size(self) -> int:
        """The dimension over the reals."""
        return int(np.prod(self.shape)) * len(self.units)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def zeros(self) -> Any:
        """Return zero."""
        return np.zeros(self.shape, self.dtype)

    def ones(self) -> Any:
        """Return the sum of the standard basis."""
        return np.full(self.shape, sum(self.units), self.dtype)

    def standard_basis(self) -> Iterator[Any]:
        """Yield the unit vectors; in complex spaces each real one is followed by the imaginary one."""
        for place in np.ndindex(*self.shape):
            for unit in self.units:
                vector = self.zeros()
                vector[place] = unit
                yield vector

    def randn(self) -> Any:
        """Return a random element, each part of it normal, drawn from NumPy's global generator."""
        return np.asarray(sum(unit * np.random.randn(*self.shape) for unit in self.units), self.dtype)  # noqa: NPY002

    def _inner_prod(self, x: Any, y: Any) -> Any:
        return np.real(np.sum(np.conj(x) * y))


class ComplexArrayVSpace(ArrayVSpace):
    """Complex arrays of one shape and dtype, as a space over the reals."""

    iscomplex = True
    units = (1.0, 1.0j)

    def _covector(self, x: Any) -> Any:
        return np.conj(x)


class ContainerVSpace(VSpace):
    """Lists, tuples and dicts of elements of other spaces, which `shape` holds in their places."""

    def __init__(self, value: Any) -> None:
        self.shape = map_leaves(vspace, value)

    @property
    def _parts(self) -> list[VSpace]:
        return leaves(self.shape)

    @property
    def size(self) -> int:
        """The dimension over the reals."""
        return sum(part.size for part in self._parts)

    def _map(self, name: str, *values: Any) -> Any:
        return map_leaves(lambda space, *xs: getattr(space, name)(*xs), self.shape, *values)

    def zeros(self) -> Any:
        """Return zero."""
        return self._map("zeros")

    def ones(self) -> Any:
        """Return the sum of the standard basis."""
        return self._map("ones")

    def randn(self) -> Any:
        """Return a random element."""
        return self._map("randn")

    def standard_basis(self) -> Iterator[Any]:
        """Yield the unit vectors, place by place."""
        for i, part in enumerate(self._parts):
            for unit in part.standard_basis():
                entries = leaves(self.zeros())
                entries[i] = unit
                yield rebuild(self.shape, entries)

    def _add(self, x: Any, y: Any) -> Any:
        return self._map("_add", x, y)

    def _scalar_mul(self, x: Any, a: Any) -> Any:
        return map_leaves(lambda space, part: space._scalar_mul(part, a), self.shape, x)

    def _inner_prod(self, x: Any, y: Any) -> Any:
        return reduce(add, leaves(self._map("_inner_prod", x, y)), 0.0)

    def _covector(self, x: Any) -> Any:
        return self._map("_covector", x)


def vspace(value: Any) -> VSpace:
    """Return the vector space of a value: a box, an array, a floating number, or a container of them.

    Raises:
        TypeError: if no space is known for values of its class.

    Example:
        >>> vspace([1.0, np.zeros((2, 2))]).size
        5
    """
    value = getval(value)
    maker = VSpace.mappings.get(type(value))
    if maker is None:
        raise TypeError(
            f"Can't find vector space for value {value!r} of type {type(value)}. "
            f"Valid types are {sorted(kind.__name__ for kind in VSpace.mappings)}"
        )
    return maker(value)


VSpace.register(np.ndarray, lambda a: ComplexArrayVSpace(a) if np.iscomplexobj(a) else ArrayVSpace(a))
_KINDS: dict[type[VSpace], tuple[type, ...]] = {
    ArrayVSpace: (float, np.longdouble, np.float64, np.float32, np.float16),
    ComplexArrayVSpace: (complex, np.clongdouble, np.complex128, np.complex64),
    ContainerVSpace: (list, tuple, dict),
}
for _space, _kinds in _KINDS.items():
    for _kind in _kinds:
        _space.register(_kind)

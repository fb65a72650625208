"""In-place forms of a Tensor: `t[i] = v`, `t += v` and their like."""

from __future__ import annotations

from typing import Any, NoReturn, Self

import numpy as np

from ..core.arguments import numbers
from ..core.errors import DtypeError, GradError, ShapeError, TraceError, UnsupportedError, more_on
from ..core.hooks import HOOKS
from ..core.mode import MODE, TAPES, is_grad_enabled
from ..core.node import LEAF, Node
from ..core.ownership import SMALL
from ..ops import index, shape
from ..ops.gather import replace_at
from .ndarray_methods import UnknownIndex, canonical_index, write_by_mask
from .record import add_over, apply
from .sharing import is_one_place, one_axis
from .views import ARRAY, here, kin_of, outdate, same_place, where_made

_np: Any = np  # NumPy's type stubs know arrays only


class InPlace:
    """Writes that give the same object other values, and keep the recorded past; see `views`."""

    __slots__ = ()
    _data: Any
    _node: Any
    _view: Any
    _views: Any
    _shared: Any

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, (list, tuple)):
            value = numbers("t[index] = v", "v", value)
        tensor = HOOKS.tensor
        unknown = isinstance(key, tensor) and (TAPES or key.__class__ is not tensor)  # perhaps: its values
        if unknown and (new := write_by_mask(self, key, value)) is not None:
            self._rebind("t[mask] = v", new)
            return
        try:
            place = canonical_index(key)
        except UnknownIndex:
            if not is_one_place(key):
                raise
            self._rebind("t[i] = v", replace_at(self, key, value))
            return
        if not same_place(self, place, value):
            self._rebind("t[i] = v", apply(index.index_update, (self, value), {"index": place}))

    def __iadd__(self, other: Any) -> Self:
        if self._data.size > SMALL and add_over(self, other):
            return self
        return self._update("t += v", self + other)

    def __isub__(self, other: Any) -> Self:
        return self._update("t -= v", self - other)

    def __imul__(self, other: Any) -> Self:
        return self._update("t *= v", self * other)

    def __itruediv__(self, other: Any) -> Self:
        return self._update("t /= v", self / other)

    def __ipow__(self, other: Any) -> Self:
        return self._update("t **= v", self**other)

    # ---- methods of arrays that write -------------------------------------------------------------------------------

    def fill(self, value: Any) -> None:
        """Give all elements one value; see `numpy.ndarray.fill`."""
        self[...] = value

    def sort(self, axis: int = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None) -> None:
        """Sort along an axis; see `numpy.ndarray.sort`."""
        self[...] = _np.sort(self, axis, kind, order, stable=stable)

    def partition(self, kth: Any, axis: int = -1) -> None:
        """Put the elements `kth` where sorting would, with smaller ones before them; see `numpy.ndarray.partition`."""
        self[...] = _np.partition(self, kth, axis)

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        """Set elements, numbered in the order of a flattened array; see `numpy.ndarray.put`."""
        _np.put(self, indices, values, mode)

    @property
    def flat(self) -> Self:
        """A view of all elements along one axis, which can be written; see `numpy.ndarray.flat`."""
        return one_axis(self)

    @flat.setter
    def flat(self, values: Any) -> None:
        _np.put(self, np.arange(self._data.size), values)

    def view(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: another dtype for the same bytes has no derivative.

        Raises:
            UnsupportedError: always, with what to write.
        """
        raise UnsupportedError(
            "t.view: expected no call of it, since bytes that are read as another dtype have no derivative. Write "
            "t.astype(dtype) for the values in another dtype, t.reshape(shape) for another shape, or t[...] for a view"
        )

    def _update(self, caller: str, result: Any) -> Any:
        if self._data.__class__ is not np.ndarray and self._is_number():
            return result  # as Python does with numbers
        return self._rebind(caller, result)

    def _is_number(self) -> bool:
        """Return whether NumPy would have a scalar here, not a 0-d array: a result that is not a view."""
        data = self._data
        if data.shape != () or self._node is LEAF or self._is_captured():
            return False
        return isinstance(data, np.generic) or (
            self.__class__ is not HOOKS.tensor and getattr(self, "_view", None) is None
        )

    def _is_captured(self) -> bool:
        """Return whether a function that is being compiled reads this tensor from outside."""
        if not TAPES or (tape := MODE.get().tape) is None or not (self._node is None or self._node is LEAF):
            return False
        return tape.is_captured(self)

    def _rebind(self, caller: str, result: Any, origin: Any = None) -> Any:
        """Rebind this object to `result`, so that the recorded past keeps its values.

        Args:
            caller: the form, for messages.
            result: the new values.
            origin: the view of this one through which it is written.
        """
        if not isinstance(result, HOOKS.tensor):  # the other operand's class has defined `t + v`
            return result
        if result.shape != self._data.shape:
            expected = self._data.shape
            raise ShapeError(f"{caller}: expected a value that broadcasts to {expected}; the result is {result.shape}")
        kin = kin_of(self, origin)
        leaf = self._node is LEAF
        captured = self._is_captured()
        self._refuse(caller, result, origin, captured, kin)
        if result.dtype != self._data.dtype and not ((leaf or captured) and kin.link is None):
            if not np.can_cast(result.dtype, self._data.dtype, casting="same_kind"):
                raise DtypeError(
                    f"{caller}: a {result.dtype} result does not fit a {self._data.dtype} tensor; use t = t … v"
                )
            result = apply(shape.astype, (result,), {"dtype": self._data.dtype})
        if kin.link is not None:
            base, op, params, _, depth = kin.link
            base._rebind(caller, op.put(base, result, **params), self)
        if captured:
            MODE.get().tape.writes(self)  # type: ignore[union-attr]
        if leaf or captured:
            self.assign(result)  # type: ignore[attr-defined]
        else:
            self._become(result, kin.link)
        if kin.link is not None:
            self._view = base, op, params, base._data, depth
            self._shared = base._shared = True
        if kin.views or origin is not None:
            outdate(self, kin, origin, leaf)
        return self

    def _become(self, result: Any, link: Any) -> None:
        past = self._data, self._node  # held until the end: freeing them between the next lines could run other code
        self._shared = True
        data = result._data
        if not data.ndim and self._view_or_array():  # of no axes, and not a number
            if data.__class__ is not np.ndarray and isinstance(data, np.generic):
                data = np.asarray(data)
            elif not link and result.__class__ is not HOOKS.tensor:
                self._view = ARRAY
        self._data, self._node, self.__class__ = data, result._node, result.__class__
        del past

    def _view_or_array(self) -> bool:
        return self._data.__class__ is np.ndarray or getattr(self, "_view", None) is not None

    def _refuse(self, caller: str, result: Any, origin: Any, captured: bool, kin: Any) -> None:
        """Refuse a write that would falsify the recorded past, or that a replay could not repeat."""
        if self._node is LEAF and is_grad_enabled():
            this = f"{caller}: this tensor is"
            if origin is not None:
                this = f"{caller}{here()}: this tensor is a view{where_made(origin)} of"
            raise GradError(
                f"{this} a leaf that requires a gradient, and changing it would falsify the "
                f"recorded past{more_on('changed-leaf')}.\nTo update a parameter:\n"
                "    with ag.no_grad():\n"
                "        w -= learning_rate * w.grad"
            )
        if not captured:
            return
        if result.requires_grad:
            raise TraceError(
                f"{caller}: a tensor that was made outside of the function that is being compiled would get a "
                "history inside it. Make it inside, or compute under no_grad()"
            )
        began = MODE.get().tape.began  # type: ignore[union-attr]
        outside = [v for v in kin.views if v._node.__class__ is not Node or v._node.stamp < began]
        if self._node is LEAF:  # views recorded from a leaf keep their values
            outside = [v for v in outside if v._node is None or not v._node.needs]
        if kin.link is not None or outside:
            raise TraceError(
                f"{caller}{here()}: in a function that is being compiled, expected to write a tensor that shares no "
                f"memory with another; received {'a view' if kin.link else 'one with a view'}"
                f"{where_made(self if kin.link else outside[0])}, from outside, which replays could not keep in step. "
                "Make the view inside, or a copy outside: z[0].copy()"
            )

"""Tracers: values that take the place of an array, as a value with its tangent (`jvp`) or a batch (`vmap`) does.

A transformation opens a `Level` and passes the user's function Tensors whose data are tracers. Every op on one of them
goes to `apply_to_tracers`: the tracer of the innermost level decides what the op means, and everything that belongs to
a level further out, including Tensors with a history, is a constant to it. So transformations nest in any order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..core.duck_arrays import is_per_example, to_numpy
from ..core.errors import GradError, more_on
from ..core.hooks import HOOKS
from ..core.mode import MODE, TAPES, is_grad_enabled, no_grad
from ..core.multi_result import each, result_nodes, results_of
from ..core.node import LEAF, Node, next_stamp
from ..core.op import Op
from ..ops import barrier, index
from .conversions import left_to_us
from .ndarray_methods import Methods, canonical_index
from .operators import Operators
from .protocols import Dispatched
from .record import NUMBERS, apply, constant, record, wrap
from .tensor import Tensor
from .views import link

if TYPE_CHECKING:
    import numpy.typing as npt

_new = object.__new__


class Level:
    """One running transformation. Later ones lie further in; everything recorded before it began is outside it.

    Attributes:
        stamp: the moment when it began.
        recorded: whether operations were recorded outside it.
    """

    __slots__ = ("recorded", "stamp")

    def __init__(self) -> None:
        self.stamp = next_stamp()
        self.recorded = MODE.get().record


class Tracer(Operators, Methods, Dispatched):
    """A value of one level. Derivative rules see an array; every operation on it goes to `apply_to_tracers`."""

    __slots__ = ("level",)
    level: Level
    transformation: str
    refusal: type[Exception] = GradError

    def apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply an op; inputs of this value's level have this class, and the others are constants here."""
        raise NotImplementedError

    @property
    def inner(self) -> Any:
        """The array or tracer inside, with a NaN wherever the value has one."""
        raise NotImplementedError

    @property
    def __inside__(self) -> Any:
        return self.inner

    @property
    def parts(self) -> tuple[Any, ...]:
        """The values computed in its place, to which its name and its module belong."""
        return ()

    def name_parts(self, name: str | None) -> None:
        """Give the first of its parts a name, if that was made inside of the transformation."""
        for part in self.parts[:1]:
            if isinstance(part, Tensor) and part._node.__class__ is Node and part._node.stamp > self.level.stamp:
                part.name = name

    @property
    def example(self) -> Any:
        """The values, if the user may read them."""
        raise NotImplementedError

    @property
    def per_example(self) -> bool:
        """Whether it holds a batch of examples, at any level, so that no single value is known."""
        return is_per_example(self.inner)

    @property
    def is_differentiated(self) -> bool:
        """Whether the value carries a derivative, besides the history that is recorded at its level."""
        return True

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the user's function sees."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype."""
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        """The number of axes that the user's function sees."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements that the user's function sees."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes that the user's function sees."""
        return self.size * self.dtype.itemsize

    def __apply_op__(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return apply_to_tracers(op, inputs, params)

    def __getitem__(self, key: Any) -> Any:
        return apply_to_tracers(index.getitem, (self,), {"index": canonical_index(key)})

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if (no_array := left_to_us()) is not None:
            return no_array
        if self.dtype.kind in "biu" and not self.per_example:  # values that carry no derivative
            return np.array(to_numpy(wrap_any(self.example, None).data), dtype)
        raise self.refusal(
            HOOKS.scipy_advice()
            + f"{self.transformation}: a value of shape {self.shape} {self.dtype} was about to become a bare "
            "array and lose what it stands for. Use NumPy functions that Tensors support, make one Tensor of those in "
            "a list with ag.array, or say t.detach().numpy() if that is meant, t.item() for a number"
            + (". If it is an index of an array y, write ag.tensor(y)[i]" if self.dtype.kind in "iu" else "")
            + more_on("bare-array")
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.shape} {self.dtype}>"

    __hash__ = object.__hash__


class TracedTensor(Tensor):
    """A Tensor whose data are a `Tracer`; inside `jvp` and `vmap` users handle it like any other Tensor."""

    __slots__ = ()

    @property
    def data(self) -> Any:
        """The values, if they are known."""
        return wrap_any(self._data.example, None).data

    def numpy(self) -> Any:
        """Return a copy of the values, if they are known."""
        return np.array(to_numpy(self.data))

    def item(self, *place: Any) -> Any:
        """Return one element as a Python number, if it is known."""
        return to_numpy(self.data).item(*place)

    _item = item

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers, if they are known."""
        return to_numpy(self.data).tolist()

    def detach(self) -> Tensor:
        """Return the same values, through which no derivative flows, at this level or further out."""
        return apply(barrier.stop_gradient, (self,), {})

    def _is_differentiated(self) -> bool:
        return self.requires_grad or self._data.is_differentiated

    def __bool__(self) -> bool:
        return bool(self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        no_array = left_to_us()
        return self._data.__array__() if no_array is None else no_array

    def _own_buffer(self) -> NoReturn:
        raise TypeError(f"assign: a tensor inside {self._data.transformation} cannot be assigned to; compute a new one")

    def __repr__(self) -> str:
        return f"Tensor(<inside {self._data.transformation}, shape {self.shape} {self.dtype}>)"


def wrap_any(value: Any, node: Any) -> Tensor:
    """Return a Tensor of an array or a tracer; a Tensor is returned unchanged."""
    if isinstance(value, Tensor):
        return value
    return wrap_tracer(value, node) if isinstance(value, Tracer) else wrap(value, node)


def wrap_tracer(value: Tracer, node: Any) -> Tensor:
    """Return a Tensor of a tracer."""
    t: Any = _new(TracedTensor)
    t._data, t._node = value, node
    return t


class GradTracer(Tracer):
    """A plain value at the level of a gradient that is computed inside another transformation.

    Its Tensors are recorded at that level, while the value may have a history further out.
    """

    __slots__ = ("value",)
    transformation = "grad"

    def __init__(self, value: Any, level: Level) -> None:
        self.value, self.level = value, level

    @property
    def is_differentiated(self) -> bool:
        """Whether the value has a derivative further out."""
        return wrap_any(self.value, None)._is_differentiated()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the value."""
        return self.value.dtype

    @property
    def inner(self) -> Any:
        """The value."""
        return self.value

    @property
    def example(self) -> Any:
        """The value."""
        return self.value

    def apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply the op to the values."""
        level = self.level
        values = [x.value if x.__class__ is GradTracer and x.level is level else x for x in inputs]
        if level.recorded:
            out = op(*values, **params)
        else:
            with no_grad():  # this level always records; outer ones may not
                out = op(*values, **params)
        return GradTracer(out, level) if op.results is None else each(lambda x: GradTracer(x, level), out)


def unwrap(x: Any, level: Level | None) -> Any:
    """Return the value inside a `GradTracer` of a level that ends; anything else is returned unchanged."""
    value = x._data if isinstance(x, Tensor) else x
    if level is not None and isinstance(value, GradTracer) and value.level is level:
        return wrap_any(value.value, None) if isinstance(x, Tensor) else value.value
    return x


def apply_to_tracers(op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Apply an op to inputs of which one is a `Tracer` or a Tensor of one; record the call where needed."""
    if TAPES and (tape := MODE.get().tape) is not None and tape.rehearses:
        plain = tuple([tape.lower(x) for x in inputs])
        if any(x is not y for x, y in zip(plain, inputs, strict=True)):
            return op(*plain, **params)
    values = [x._data if isinstance(x, Tensor) else x for x in inputs]
    top: Any = None
    for value in values:
        if isinstance(value, Tracer) and (top is None or value.level.stamp > top.level.stamp):
            top = value
    if top is None:  # a view that was stale when it came here
        return op(*inputs, **params)
    edges: list[Any] = []
    needs: list[int] = []
    as_tensor = recorded = False
    for i, x in enumerate(inputs):
        value = values[i]
        if not isinstance(x, Tensor):
            if TAPES and x.__class__ is np.ndarray and MODE.get().tape is not None:
                values[i] = apply(barrier.stop_gradient, (x,), {})  # so that computations with it are recorded
            elif x.__class__ not in NUMBERS and not isinstance(x, Tracer):
                values[i] = constant(op, x)
            edges.append(values[i])
        elif isinstance(value, Tracer) and value.level is top.level:
            as_tensor = True
            node = x._node
            edges.append(x if node is None or node is LEAF else node)
            if node is not None:
                recorded = True
                if node.needs:
                    needs.append(i)
        else:  # of a level further out: a constant here, with whatever history it has there
            if x._node.__class__ is Node:
                x = wrap_any(value, x._node)  # x itself may be rebound by a write in place
            values[i] = value if x._node is None and not TAPES else x
            edges.append(x)
    out = top.apply(op, tuple(values), params)
    if not as_tensor:
        return out
    if op.results is not None:
        out = results_of(op, out, params)
        call = record(op, out, values, edges, needs, params) if recorded else None
        nodes = [None] * len(out) if call is None else result_nodes(call)
        return tuple([wrap_any(x, node) for x, node in zip(out, nodes, strict=True)])
    result = wrap_any(out, record(op, out, values, edges, needs, params) if recorded else None)
    if op.put is not None and op.views(inputs[0], params) and not (op is index.getitem and _is_number(out, params)):
        link(result, inputs[0], op, params, values[0])
    return result


def _is_number(out: Any, params: dict[str, Any]) -> bool:
    """Return whether an element of an array was read, which is a number in NumPy; x[0, ...] is an array."""
    return not out.ndim and not any(i is Ellipsis for i in params["index"])


HOOKS.apply_to_tracers = apply_to_tracers


def is_open(a: Any) -> bool:
    """Return whether a derivative by a value may be asked for, or the value is not known."""
    return isinstance(a, TracedTensor) or (isinstance(a, Tensor) and a.requires_grad and is_grad_enabled())

"""Writing ONNX nodes as one writes NumPy: a `Value` stands for a result, and operators on it add nodes.

ONNX wants operands of equal dtypes and does not convert them; the conversions that NumPy's promotion asks for are made
by the callers. What is handled here is the other difference: a runtime has no kernel for every dtype that the standard
allows, so a node runs in the nearest dtype that holds all values of its own and has a kernel, between two casts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....core.shape_arithmetic import Shape
from ....ir.graph_node import GraphNode
from .names import readable
from .wire import NodeRecord, data_type

BOOL, HALF, FLOAT, DOUBLE, INT64 = (np.dtype(t) for t in ("bool", "float16", "float32", "float64", "int64"))
Scalar = bool | int | float

# The dtypes, by NumPy's letters, for which ONNX Runtime has a kernel on the processor. Operators that move values
# without looking at them have one for every dtype, and are not listed.
_NUMBERS, _FLOATS = "bBhHiIlLefd", "efd"
_KERNELS = {
    **dict.fromkeys(
        ["Add", "Sub", "Mul", "Div", "Abs", "Sign", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"], _NUMBERS
    ),
    **dict.fromkeys(
        ["Sqrt", "Exp", "Log", "Sin", "Cos", "Tanh", "Sigmoid", "Floor", "Ceil", "Round", "Reciprocal"], _FLOATS
    ),
    **dict.fromkeys(
        ["Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Erf", "Elu", "Softplus"], "ef"
    ),
    **dict.fromkeys(["LeakyRelu", "Relu", "Softmax", "LogSoftmax", "IsNaN"], _FLOATS),
    **dict.fromkeys(["And", "Or", "Xor", "Not"], "?"),
    **dict.fromkeys(["ReduceMax", "ReduceMin", "ArgMax", "ArgMin"], "bBilfd"),
    **dict.fromkeys(["ReduceSum", "ReduceProd", "CumSum", "Einsum"], "ilfd"),
    **dict.fromkeys(["Max", "Min"], "bBiIlLefd"),
    **dict.fromkeys(["BitwiseAnd", "BitwiseOr", "BitwiseXor"], "bBhHiIlL"),
    "Neg": "bhilefd",
    "IsInf": "fd",
    "ReduceMean": "fd",
    "Pow": "ilefd",
    "Mod": _NUMBERS,
    "Equal": "?" + _NUMBERS,
    "Where": "bBiIlefd",
    "MatMul": "iIlLfd",
    "Pad": "?bBiIlLefd",
    "Trilu": "?ilefd",
    "TopK": "bBhilfd",
    **dict.fromkeys(["ScatterElements", "ScatterND"], "bBhHiIlLfd"),
}
# From each dtype on to those that hold all of its values; the last of uint64 does by two's complement alone.
_WIDER = {"?": "Bil", "b": "il", "B": "il", "h": "il", "H": "il", "I": "l", "i": "l", "L": "l", "e": "fd", "f": "d"}
_TESTS = frozenset(("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "IsNaN", "IsInf"))
# Operators whose results depend on order or sign, for which uint64 does not run as int64.
_ORDERED = frozenset(["ReduceMax", "ReduceMin", "ArgMax", "ArgMin", "TopK"])


def wider(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype to compute in: half precision computes in single, and rounds once."""
    return FLOAT if dtype == HALF else dtype


def _operator(op_type: str, swapped: bool = False) -> Callable[[Value, Value | Scalar], Value]:
    """Return the method that adds a node of two operands."""

    def method(self: Value, other: Value | Scalar) -> Value:
        pair = self, other if isinstance(other, Value) else self.of(other)
        return self.emitter.run(op_type, *(reversed(pair) if swapped else pair))

    return method


class Value:
    """The result of a node, an input or an initializer: a name, a dtype and a shape.

    The operators promote nothing: both operands have one dtype, and a Python number takes it on.
    """

    __slots__ = ("dtype", "emitter", "name", "shape")

    def __init__(self, emitter: Emitter, name: str, dtype: np.dtype[Any], shape: Shape) -> None:
        self.emitter, self.name, self.dtype, self.shape = emitter, name, dtype, shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def kind(self) -> str:
        """The kind of the dtype: one of "biuf"."""
        return self.dtype.kind

    def of(self, number: Scalar | np.ndarray) -> Value:
        """Return a constant of this dtype."""
        return self.emitter.constant(np.asarray(number, self.dtype))

    __add__ = __radd__ = _operator("Add")
    __sub__ = _operator("Sub")
    __mul__ = __rmul__ = _operator("Mul")
    __truediv__ = _operator("Div")
    __rsub__ = _operator("Sub", swapped=True)
    __rtruediv__ = _operator("Div", swapped=True)
    __gt__ = _operator("Greater")
    __lt__ = _operator("Less")
    __ge__ = _operator("GreaterOrEqual")
    __le__ = _operator("LessOrEqual")
    __and__ = _operator("And")
    __or__ = _operator("Or")

    def equals(self, other: Value | Scalar) -> Value:
        """Compare for equality."""
        return _operator("Equal")(self, other)

    def __invert__(self) -> Value:
        return self.emitter.run("Not", self)

    def __neg__(self) -> Value:
        return 0 - self if self.kind == "u" else self.emitter.run("Neg", self)

    def __abs__(self) -> Value:
        return self if self.kind == "u" else self.emitter.run("Abs", self)

    def cast(self, dtype: Any) -> Value:
        """Convert to another dtype."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        return self.emitter.call("Cast", self, dtype=dtype, to=data_type(dtype))

    def reshape(self, *shape: int) -> Value:
        """Give other axes to the same values."""
        return self if shape == self.shape else self.emitter.call("Reshape", self, shape, shape=shape)

    def transpose(self, order: Sequence[int]) -> Value:
        """Reorder the axes."""
        if list(order) == list(range(self.ndim)):
            return self
        return self.emitter.call("Transpose", self, shape=tuple(self.shape[i] for i in order), perm=tuple(order))

    def expand(self, *shape: int) -> Value:
        """Repeat along axes of length 1, and along new ones in front."""
        return self if shape == self.shape else self.emitter.call("Expand", self, shape, shape=shape)

    def gather(self, positions: Value | np.ndarray, axis: int) -> Value:
        """Take positions along an axis; it gives way to the axes of the positions."""
        places = positions if isinstance(positions, Value) else self.emitter.constant(positions.astype(np.int64))
        shape = (*self.shape[:axis], *places.shape, *self.shape[axis + 1 :])
        return self.emitter.call("Gather", self, places, shape=shape, axis=axis)

    def cut(self, *cuts: tuple[int, slice]) -> Value:
        """Take a slice along each of some axes."""
        cuts = tuple((axis, s) for axis, s in cuts if s != slice(None))
        if not cuts:
            return self
        shape, starts, ends, steps = list(self.shape), [], [], []
        for axis, s in cuts:
            step = 1 if s.step is None else int(s.step)
            first, last = (0, _FAR) if step > 0 else (-1, -_FAR)
            starts.append(first if s.start is None else int(s.start))
            ends.append(last if s.stop is None else int(s.stop))
            steps.append(step)
            shape[axis] = len(range(*s.indices(self.shape[axis])))
        bounds = [np.array(numbers, np.int64) for numbers in (starts, ends, [axis for axis, _ in cuts], steps)]
        return self.emitter.call("Slice", self, *bounds, shape=tuple(shape))

    def pad(self, before: Sequence[int], after: Sequence[int], value: Scalar = 0) -> Value:
        """Enlarge by a constant on both sides of every axis."""
        shape = tuple(a + n + b for a, n, b in zip(before, self.shape, after, strict=True))
        widths = np.array([*before, *after], np.int64)
        if not widths.any():
            return self
        return self.emitter.run("Pad", self, widths, self.of(value), shape=shape)

    def reduced(self, op_type: str, axis: Sequence[int] | None, keepdims: bool) -> Value:
        """Reduce over some axes, all of them if None."""
        axes = tuple(range(self.ndim)) if axis is None else tuple(axis)
        if not axes:
            return self
        kept = tuple(1 if i in axes else n for i, n in enumerate(self.shape) if keepdims or i not in axes)
        by_input = op_type == "ReduceSum" or self.emitter.opset >= 18
        more: dict[str, Any] = {} if by_input else {"axes": axes}
        arguments = (np.array(axes, np.int64),) if by_input else ()
        return self.emitter.run(op_type, self, *arguments, shape=kept, keepdims=int(keepdims), **more)

    def sum(self, axis: Sequence[int] | None, keepdims: bool = False) -> Value:
        """Sum over some axes, all of them if None."""
        return self.reduced("ReduceSum", axis, keepdims)


_FAR = 2**62  # beyond the end of any axis


class Emitter:
    """Collects nodes and constants.

    Attributes:
        opset: the version of the standard operators.
        nodes: in the order of their evaluation.
        values: of every result of a node, by its name.
        constants: every constant by its name; the same array may occur twice.
        titles: of results that are a node of the graph, its id.
        shared: results that several nodes of the graph are read off, under keys of the rules' own.
    """

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[NodeRecord] = []
        self.values: dict[str, Value] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.titles: dict[str, str] = {}
        self.shared: dict[Any, Any] = {}
        self._place: GraphNode | None = None
        self._count = self._constants = 0

    def at(self, place: GraphNode | None) -> None:
        """Set the node of the graph that the next ones belong to."""
        self._place, self._count = place, 0

    def finish(self, value: Value, since: int) -> None:
        """Let the result of a node of the graph bear its name, if it was written for that node."""
        assert self._place is not None
        made = self.nodes[since:]
        if any(value.name in record.outputs for record in made):
            self.titles[value.name] = self._place.id

    def back_to(self, mark: int) -> None:
        """Take back the nodes written since there were `mark` of them."""
        for record in self.nodes[mark:]:
            for name in record.outputs:
                self.values.pop(name, None)
        del self.nodes[mark:]

    def leave_out_unread(self, wanted: Sequence[Value]) -> None:
        """Take back the nodes that nothing reads on the way to some values, as there may be among results of a call."""
        read = {value.name for value in wanted}
        kept: list[NodeRecord] = []
        for record in reversed(self.nodes):
            if read.isdisjoint(record.outputs):
                for name in record.outputs:
                    self.values.pop(name, None)
            else:
                read.update(record.inputs)
                kept.append(record)
        self.nodes[:] = reversed(kept)

    def constant(self, array: Any) -> Value:
        """Add a constant."""
        array = np.asarray(array)
        name = f"\0c{self._constants}"  # renamed in the end, when it is known which ones are the same
        self._constants += 1
        self.constants[name] = array
        return Value(self, name, array.dtype, array.shape)

    def filled(self, value: Scalar, shape: Shape, dtype: np.dtype[Any]) -> Value:
        """Return one number repeated, without storing it more than once."""
        if not shape:
            return self.constant(np.asarray(value, dtype))
        return self.call("ConstantOfShape", shape, dtype=dtype, shape=shape, value=np.asarray([value], dtype))

    def call(
        self,
        op_type: str,
        *inputs: Value | np.ndarray | Sequence[int] | None,
        dtype: np.dtype[Any] | None = None,
        shape: Shape | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> Value:
        """Add a node as it is.

        Args:
            op_type: of ONNX's operators.
            inputs: arrays and sequences of ints become constants.
            dtype: of the result, if not that of the first input.
            shape: of the result, if not that of the first input.
            domain: of the operator.
            attributes: of the node.
        """
        given = [None if x is None else x if isinstance(x, Value) else self._argument(x) for x in inputs]
        first = given[0] if given else None
        dtype = dtype if dtype is not None or first is None else first.dtype
        shape = shape if shape is not None or first is None else first.shape
        assert dtype is not None
        assert shape is not None
        self._count += 1
        place = self._place
        label = f"{place.id}.{self._count}" if place else f"x{len(self.nodes)}"
        # A node's name need only be unique, and the label is.
        name = "/".join(filter(None, (readable(place.scope) if place else "", label, op_type)))
        doc = str(place.source) if place and place.source else ""
        value = Value(self, f"\0{label}", dtype, tuple(int(n) for n in shape))
        names = tuple("" if x is None else x.name for x in given)
        self.nodes.append(NodeRecord(op_type, names, (value.name,), name, attributes, doc, domain))
        self.values[value.name] = value
        return value

    def second(self, value: Value, dtype: np.dtype[Any], shape: Shape) -> Value:
        """Add one more result to the node that was added last, whose first is `value`, and return it."""
        record = self.nodes[-1]
        assert record.outputs[0] == value.name
        new = Value(self, value.name + "'" * len(record.outputs), dtype, shape)
        self.nodes[-1] = record._replace(outputs=(*record.outputs, new.name))
        self.values[new.name] = new
        return new

    def run(
        self, op_type: str, *inputs: Value | np.ndarray, shape: Shape | None = None, tail: int = 0, **attributes: Any
    ) -> Value:
        """Add a node that computes in the dtype of its first input, if need be in a wider one.

        Args:
            op_type: of ONNX's operators.
            inputs: those of the dtype of the first are cast with it; arrays are arguments of another dtype.
            shape: of the result; without it the inputs broadcast.
            tail: how many of the last inputs are arguments of another dtype too.
            attributes: of the node.
        """
        values = [x for x in inputs[: len(inputs) - tail] if isinstance(x, Value)]
        dtype = values[0].dtype
        assert all(v.dtype == dtype for v in values), (op_type, [v.dtype for v in values])
        shape = np.broadcast_shapes(*(v.shape for v in values)) if shape is None else shape
        kernel = self.kernel(op_type, dtype)
        kept = len(inputs) - tail
        given = [x.cast(kernel) if isinstance(x, Value) and k < kept else x for k, x in enumerate(inputs)]
        result = BOOL if op_type in _TESTS else INT64 if op_type.startswith("Arg") else kernel
        made = self.call(op_type, *given, dtype=result, shape=shape, **attributes)
        return made if result != kernel or kernel == dtype else made.cast(dtype)

    def kernel(self, op_type: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype in which an operator runs on values of a dtype."""
        letters = _KERNELS.get(op_type)
        char = _letter(dtype)
        if letters is None or char in letters:
            return dtype
        if char == "L" and op_type in _ORDERED:
            raise TypeError(f"{op_type} has no kernel for uint64")
        wider = next((c for c in _WIDER.get(char, "") if c in letters), None)
        if wider is None:
            raise TypeError(f"{op_type} has no kernel for {dtype}")
        return np.dtype(wider)

    def _argument(self, x: Any) -> Value:
        return self.constant(x if isinstance(x, np.ndarray) else np.array([int(n) for n in x], np.int64))


@functools.lru_cache(maxsize=64)
def _letter(dtype: np.dtype[Any]) -> str:
    """Return NumPy's letter of a dtype; where two C types are the same dtype, always the same one."""
    return np.dtype(dtype.name).char

"""Writing ONNX nodes as one writes NumPy: a `Value` stands for a result, and what NumPy does with it adds nodes.

A Value is an array to NumPy's protocols, as a Tensor is: each call on it comes to the table as an op with its
parameters. So a rule is written in plain NumPy, and an op without a rule is written by its own forward.

ONNX wants operands of equal dtypes and does not convert them; the conversions that NumPy's promotion asks for are made
by the rules. The other difference is handled here: a runtime has no kernel for every dtype that the standard allows, so
a node runs in the nearest dtype that holds all values of its own and has a kernel, between two casts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from ....core.duck_arrays import IS_DUCK
from ....core.errors import REFUSALS, UnsupportedError
from ....core.op import Op
from ....core.shape_arithmetic import Shape, ShapeDtype
from ....ir.graph_node import GraphNode
from ....tensors.tracers import Level, Tracer
from .names import readable
from .table import FALLBACKS, FORMULAS, RULES, Refused, reason_of
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
    **dict.fromkeys(["Sqrt", "Exp", "Log", "Sin", "Cos", "Tanh", "Floor", "Ceil", "Round", "Reciprocal"], _FLOATS),
    **dict.fromkeys(
        ["Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Erf", "Elu", "Softplus"], "ef"
    ),
    # In double the kernel of the one takes shortcuts that lose the tail; the attribute of the other is in single.
    **dict.fromkeys(["Sigmoid", "LeakyRelu"], "ef"),
    **dict.fromkeys(["Relu", "Softmax", "LogSoftmax", "IsNaN"], _FLOATS),
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
    "Det": "f",
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


class Value(Tracer):
    """The result of a node, an input or an initializer: a name, a dtype and a shape.

    It has the operators and the methods of arrays, with NumPy's promotion.
    """

    __slots__ = ("dtype", "emitter", "name", "shape")
    dtype: np.dtype[Any]
    shape: Shape
    level = Level()
    flags = SimpleNamespace(c_contiguous=False)  # so that no forward takes a short cut by a view

    def __init__(self, emitter: Emitter, name: str, dtype: np.dtype[Any], shape: Shape) -> None:
        self.emitter, self.name, self.dtype, self.shape = emitter, name, dtype, shape

    def apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Write an op: what NumPy's functions and operators come to."""
        return self.emitter.write(op, inputs, params)

    @property
    def inner(self) -> Any:
        """An array of NumPy, where constants are made."""
        return np.zeros((), self.dtype)

    @property
    def kind(self) -> str:
        """The kind of the dtype: one of "biuf"."""
        return self.dtype.kind

    def __len__(self) -> int:
        return self.shape[0]

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise self.emitter.refuse("its forward looks at values, or writes into an array")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __setitem__ = _refuse
    example = data = property(_refuse)

    def of(self, number: Scalar | np.ndarray) -> Value:
        """Return a constant of this dtype."""
        return self.emitter.constant(np.asarray(number, self.dtype))

    def cast(self, dtype: Any) -> Value:
        """Convert to another dtype."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        return self.emitter.call("Cast", self, dtype=dtype, to=data_type(dtype))

    def gather(self, positions: Value | np.ndarray, axis: int) -> Value:
        """Take positions along an axis; it gives way to the axes of the positions."""
        places = positions if isinstance(positions, Value) else self.emitter.constant(positions.astype(np.int64))
        shape = (*self.shape[:axis], *places.shape, *self.shape[axis + 1 :])
        return self.emitter.call("Gather", self, places, shape=shape, axis=axis)

    def reduce(self, op_type: str, axis: Sequence[int] | None, keepdims: bool) -> Value:
        """Reduce over some axes, all of them if None."""
        axes = tuple(range(self.ndim)) if axis is None else tuple(axis)
        if not axes:
            return self
        shape = tuple(1 if i in axes else n for i, n in enumerate(self.shape) if keepdims or i not in axes)
        by_input = op_type == "ReduceSum" or self.emitter.opset >= 18
        more: dict[str, Any] = {} if by_input else {"axes": axes}
        arguments = (np.array(axes, np.int64),) if by_input else ()
        return self.emitter.run(op_type, self, *arguments, shape=shape, keepdims=int(keepdims), **more)


# Forwards have expressions in plain NumPy for arrays that are not NumPy's: those run on Values too.
IS_DUCK[Value] = True


class Call:
    """One call of an operation, as its rule sees it.

    Attributes:
        kinds: shapes and dtypes of the results.
    """

    def __init__(
        self, emitter: Emitter, op: Op, inputs: tuple[Any, ...], params: Mapping[str, Any], kinds: Any = None
    ) -> None:
        self.emitter, self.op, self._inputs, self._params = emitter, op, inputs, params
        if kinds is not None:
            self.kinds = kinds

    @functools.cached_property
    def kinds(self) -> list[tuple[Shape, np.dtype[Any]]]:
        """Shapes and dtypes of the results."""
        op, params = self.op, self._params
        if all(isinstance(x, Value) for x in self._inputs):
            results = op.infer(*[ShapeDtype(x.shape, x.dtype) for x in self._inputs], **params)
        else:  # a shape rule knows no numbers that give way to the dtypes of arrays
            with np.errstate(all="ignore"):
                arrays = [np.ones(x.shape, x.dtype) if isinstance(x, Value) else x for x in self._inputs]
                results = op.forward(*arrays, **params)
        return [(r.shape, r.dtype) for r in (results if op.results else (results,))]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the result."""
        return self.kinds[0][1]

    @property
    def shape(self) -> Shape:
        """Of the result."""
        return self.kinds[0][0]

    def value(self, x: Value | Scalar, dtype: Any = None) -> Any:
        """Return an input as a Value of some dtype; without one, of its own, or that of the result for a number."""
        if isinstance(x, Value):
            return x if dtype is None else x.cast(dtype)
        return self.emitter.constant(np.asarray(x, self.dtype if dtype is None else dtype))

    def wide(self, x: Value | Scalar) -> Any:
        """Return an input in the dtype of the result, or in single precision if that is half."""
        return self.value(x, self.dtype).cast(wider(self.dtype))


class Emitter:
    """Collects nodes and constants.

    Attributes:
        opset: the version of the standard operators.
        nodes: in the order of their evaluation.
        values: of every result of a node, by its name.
        constants: every constant by its name; the same array may occur twice.
        titles: of results that are a node of the graph, its id.
        shared: results that several nodes of the graph are read off, under keys of the rules' own.
        reason: why the last call was refused.
    """

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[NodeRecord] = []
        self.values: dict[str, Value] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.titles: dict[str, str] = {}
        self.shared: dict[Any, Any] = {}
        self.reason = ""
        self._place: GraphNode | None = None
        self._count = self._constants = 0
        self._running: list[str] = []  # the ops whose forward is being run

    def at(self, place: GraphNode | None) -> None:
        """Set the node of the graph that the next ones belong to."""
        self._place, self._count, self.reason = place, 0, ""

    def finish(self, value: Value, since: int) -> None:
        """Let the result of a node of the graph bear its name, if it was written for that node."""
        assert self._place is not None
        if any(value.name in record.outputs for record in self.nodes[since:]):
            self.titles[value.name] = self._place.id

    def back_to(self, mark: int) -> None:
        """Take back the nodes written since there were `mark` of them."""
        for record in self.nodes[mark:]:
            for name in record.outputs:
                self.values.pop(name, None)
        del self.nodes[mark:]

    def leave_out_unread(self, results: Sequence[Value]) -> None:
        """Take back the nodes that nothing reads on the way to some results, as there may be among those of a call."""
        read = {value.name for value in results}
        nodes: list[NodeRecord] = []
        for record in reversed(self.nodes):
            if read.isdisjoint(record.outputs):
                for name in record.outputs:
                    self.values.pop(name, None)
            else:
                read.update(record.inputs)
                nodes.append(record)
        self.nodes[:] = reversed(nodes)

    # ---- ops --------------------------------------------------------------------------------------------------------

    def write(self, op: Op, inputs: tuple[Any, ...], params: Mapping[str, Any], kinds: Any = None) -> Any:
        """Write an op by its rule, or by its forward, and return the result, or a tuple of several.

        Args:
            op: the record.
            inputs: Values, arrays and numbers.
            params: of the call.
            kinds: shapes and dtypes of the results, if they are known.

        Raises:
            Refused: if it has no counterpart.
        """
        inputs = tuple([self.array(x) if isinstance(x, (np.ndarray, np.generic)) else x for x in inputs])
        if wrong := next(filter(None, [wrong_dtype(x.dtype) for x in inputs if isinstance(x, Value)]), ""):
            raise self.refuse(wrong)
        call = Call(self, op, inputs, params, kinds)
        if (rule := RULES.get(op.name)) is not None:
            result = rule(call, *inputs, **params)
        elif op.ufunc is not None and op.ufunc.signature is None and (op.onnx or op.name in FORMULAS):
            result = _by_ufunc(call, *inputs)
        else:
            result = _by_operator(call, *inputs, **params) if op.onnx else NotImplemented
        return self._by_forward(call, inputs, params) if result is NotImplemented else result

    def _by_forward(self, call: Call, inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        op = call.op
        reason = reason_of(op) or ("ONNX has no such operator" if op.name in self._running else "")
        if reason:
            raise self.refuse(reason)
        self._running.append(op.name)
        try:
            # Half precision computes in single, and rounds once.
            operands = [x.cast(wider(x.dtype)) if isinstance(x, Value) else x for x in inputs]
            result = op.forward(*operands, **params)
        except (Refused, UnsupportedError, *REFUSALS) as error:
            problem = str(error).partition(". ")[0]
            raise self.refuse(self.reason or f"ONNX has no such operator, and its forward fails: {problem}") from None
        finally:
            self._running.pop()
        results = [x if isinstance(x, Value) else self.constant(x) for x in (result if op.results else (result,))]
        if any(isinstance(x, Value) and x.dtype == HALF for x in inputs):
            results = [x.cast(dtype) for x, (_, dtype) in zip(results, call.kinds, strict=True)]
        return tuple(results) if op.results else results[0]

    def refuse(self, reason: str) -> Refused:
        """Note why an op cannot be written, and return the error."""
        self.reason = reason
        return Refused(reason)

    # ---- nodes ------------------------------------------------------------------------------------------------------

    def constant(self, array: Any) -> Value:
        """Add a constant."""
        array = np.asarray(array)
        name = f"\0c{self._constants}"  # renamed in the end, when it is known which ones are the same
        self._constants += 1
        self.constants[name] = array
        return Value(self, name, array.dtype, array.shape)

    def array(self, a: Any) -> Value:
        """Add a constant; zeros of several axes, as states before the first step, are not stored."""
        is_zero = np.ndim(a) > 1 and a.size and not a.any()
        return self.full(a.shape, 0, a.dtype) if is_zero else self.constant(a)

    def full(self, shape: Shape, value: Scalar, dtype: np.dtype[Any]) -> Value:
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
        values = [x if x is None or isinstance(x, Value) else self._argument(x) for x in inputs]
        first = values[0] if values else None
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
        names = tuple("" if x is None else x.name for x in values)
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

    def run(self, op_type: str, *inputs: Value | np.ndarray, shape: Shape | None = None, **attributes: Any) -> Value:
        """Add a node that computes in the dtype of its first input, if need be in a wider one.

        Args:
            op_type: of ONNX's operators.
            inputs: Values of one dtype, which are cast together; arrays are arguments of another dtype.
            shape: of the result; without it the inputs broadcast.
            attributes: of the node.
        """
        values = [x for x in inputs if isinstance(x, Value)]
        dtype = values[0].dtype
        assert all(v.dtype == dtype for v in values), (op_type, [v.dtype for v in values])
        shape = np.broadcast_shapes(*(v.shape for v in values)) if shape is None else shape
        kernel = self.kernel(op_type, dtype)
        arguments = [x.cast(kernel) if isinstance(x, Value) else x for x in inputs]
        result = BOOL if op_type in _TESTS else INT64 if op_type.startswith("Arg") else kernel
        value = self.call(op_type, *arguments, dtype=result, shape=shape, **attributes)
        return value if result != kernel or kernel == dtype else value.cast(dtype)

    def kernel(self, op_type: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype in which an operator runs on values of a dtype."""
        letters, char = _KERNELS.get(op_type), _letter(dtype)
        if has_kernel(op_type, dtype):
            return dtype
        near = next((c for c in _WIDER.get(char, "") if c in (letters or "")), None)
        if near is None or (char == "L" and op_type in _ORDERED):
            raise self.refuse(f"{op_type} has no kernel for {dtype}")
        return np.dtype(near)

    def _argument(self, x: Any) -> Value:
        return self.constant(x if isinstance(x, np.ndarray) else np.array([int(n) for n in x], np.int64))


# ---- ops that are operators -----------------------------------------------------------------------------------------


def _by_ufunc(call: Call, *inputs: Value | Scalar) -> Any:
    """Write a ufunc: operands in the dtypes of the loop that NumPy would choose."""
    op = call.op
    assert op.ufunc is not None
    dtypes = [x.dtype if isinstance(x, Value) else np.dtype(bool) if isinstance(x, bool) else type(x) for x in inputs]
    *loop, result = op.ufunc.resolve_dtypes((*dtypes, None))
    # An operand goes through the dtype of the loop, which rounds it.
    values = [call.value(x, dtype) for x, dtype in zip(inputs, loop, strict=True)]
    values = values if op.onnx in _TESTS and has_kernel(op.onnx, HALF) else [x.cast(wider(x.dtype)) for x in values]
    formula = FORMULAS.get(op.name)
    if formula is None and not has_kernel(op.onnx, values[0].dtype):
        formula = FALLBACKS.get(op.name)
    formula = formula or functools.partial(call.emitter.run, op.onnx)
    if {x.kind for x in values} == {"i", "u"}:
        return _compare_mixed(op, formula, *values)
    return formula(*values).cast(result)


def _compare_mixed(op: Op, compare: Callable[..., Value], x: Value, y: Value) -> Value:
    """Compare int64 with uint64, which no dtype holds both: a negative number is less than all of the others."""
    negative = x < 0 if x.kind == "i" else y < 0
    is_true = op.name == "not_equal" or op.name.startswith("less" if x.kind == "i" else "greater")
    compared = compare(x.cast(np.uint64), y.cast(np.uint64))
    return negative | compared if is_true else ~negative & compared


def _by_operator(call: Call, *inputs: Any, **params: Any) -> Any:
    """Write an op whose record names an operator of floats, in the dtypes that this has a kernel for."""
    op, dtype = call.op, wider(call.dtype)
    attributes = {"alpha" if name == "slope" else name: value for name, value in params.items()}
    if op.onnx == "Identity":
        return call.emitter.call("Identity", *inputs)
    if dtype.kind == "f" and has_kernel(op.onnx, dtype):
        values = map(call.wide, inputs)
        return call.emitter.run(op.onnx, *values, shape=call.shape, **attributes).cast(call.dtype)
    fallback = FALLBACKS.get(op.name)
    return NotImplemented if fallback is None else fallback(*map(call.wide, inputs)).cast(call.dtype)


def has_kernel(op_type: str, dtype: np.dtype[Any]) -> bool:
    """Return whether an operator runs on values of a dtype as they are."""
    return op_type not in _KERNELS or _letter(dtype) in _KERNELS[op_type]


@functools.lru_cache(maxsize=64)
def _letter(dtype: np.dtype[Any]) -> str:
    """Return NumPy's letter of a dtype; where two C types are the same dtype, always the same one."""
    return np.dtype(dtype.name).char


def wrong_dtype(dtype: np.dtype[Any]) -> str:
    """Return why values of a dtype cannot be written; empty if they can."""
    if data_type(dtype):
        return ""
    if dtype.kind == "c":
        return f"{dtype} numbers, which no operator takes: split them into real and imaginary parts"
    return f"dtype {dtype}, which ONNX has not"

"""Boxes: `autograd.tracer`. A box is a Tensor, and what HIPS knows of its boxes is answered for Tensors."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any, ClassVar

import numpy as np

from ..core.depth import DEPTH
from ..functional.primitives import Primitive
from ..functions.custom_ops import structural
from ..tensors.record import wrap
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor, Tracer, wrap_any


class _Boxes(type):
    """The metaclass of what stands for classes of boxes: Tensors are their instances."""

    holds_tensors = True

    def __instancecheck__(cls, instance: object) -> bool:
        return cls.holds_tensors and isinstance(instance, Tensor)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return (cls.holds_tensors and issubclass(subclass, Tensor)) or type.__subclasscheck__(cls, subclass)

    def __eq__(cls, other: object) -> bool:
        return cls is other or (cls.holds_tensors and (other is Tensor or other is TracedTensor))

    __hash__ = type.__hash__

    def __setattr__(cls, name: str, value: Any) -> None:
        """Set a method of boxes, which the Tensors have that derivatives of HIPS's differentiate by."""
        type.__setattr__(cls, name, value)
        if cls.holds_tensors and isinstance(value, FunctionType) and not name.startswith("__"):
            _give_boxes(name, value)

    def __delattr__(cls, name: str) -> None:
        """Take a method away from boxes."""
        type.__delattr__(cls, name)
        if cls.holds_tensors and name in _GIVEN:
            _take_from_boxes(name)


# Whether a derivative of HIPS's records.
BOXED: ContextVar[bool] = ContextVar("autograd_lite_hips_boxed", default=False)


def call_with_boxes(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function in which Tensors are boxes: one that records for a derivative of HIPS's."""
    around = BOXED.get()
    try:
        BOXED.set(True)
        return function(*args, **kwargs)
    finally:
        BOXED.set(around)


# Methods of boxes, by name, and those that Tensors of a class have themselves (None where they inherit, or lack it).
_GIVEN: dict[str, Callable[..., Any]] = {}
_OWN: dict[str, dict[type, Any]] = {}


def _give_boxes(name: str, method: Callable[..., Any]) -> None:
    first = name not in _GIVEN
    _GIVEN[name] = method
    if first:
        _OWN[name] = {kind: vars(kind).get(name) for kind in (TracedTensor, Tensor)}
        for kind, own in _OWN[name].items():
            if own is not None or kind is Tensor:
                setattr(kind, name, _of_boxes(name, getattr(kind, name, None)))


def _take_from_boxes(name: str) -> None:
    del _GIVEN[name]
    for kind, own in _OWN.pop(name).items():
        if own is not None:
            setattr(kind, name, own)
        elif kind is Tensor:
            delattr(kind, name)


def _of_boxes(name: str, tensors: Any) -> Any:
    """Return a method that is the boxes' for what HIPS differentiates by, and the Tensors' own for all others."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        boxes = _GIVEN.get(name) if BOXED.get() and self._is_differentiated() else None
        chosen = boxes or tensors
        if chosen is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return chosen(self, *args, **kwargs)

    return functools.update_wrapper(method, tensors) if tensors is not None else method


class _Mappings(dict[type, Any]):
    """The classes that boxes are made of. An array class that is added learns to leave ufuncs to Tensors."""

    def __setitem__(self, kind: type, box: Any) -> None:
        super().__setitem__(kind, box)
        theirs = vars(kind).get("__array_ufunc__")
        if theirs is None or kind is np.ndarray or not issubclass(kind, np.ndarray):
            return

        @functools.wraps(theirs)
        def deferring(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
            if any(isinstance(x, Tensor) for x in inputs):
                return NotImplemented
            return theirs(self, ufunc, method, *inputs, **kwargs)

        kind.__array_ufunc__ = deferring  # type: ignore[method-assign]


class Box(metaclass=_Boxes):
    """What stands for all boxes: `isinstance(t, Box)` is true of a Tensor, and a call of it makes one."""

    type_mappings: dict[type, Any] = _Mappings()
    types: ClassVar[set[type]] = {Tensor, TracedTensor}

    def __new__(cls, value: Any, trace: Any = 0, node: Any = None) -> Any:
        """Return the box of a value, as `new_box`."""
        return new_box(value, trace, node)

    @classmethod
    def register(cls, value_type: type) -> None:
        """Let values of a class be differentiated by; what NumPy cannot make an array of stays refused."""
        Box.type_mappings[value_type] = cls


box_types = Box.types


class Node:
    """The base of HIPS's nodes; only roots are made of it here, since the engine keeps its own record."""

    @classmethod
    def new_root(cls, *_: Any, **__: Any) -> Node:
        """Return a root, for `new_box`."""
        return cls()


def isbox(x: Any) -> bool:
    """Return whether a gradient flows to `x`."""
    return isinstance(x, Tensor) and x._is_differentiated()


def getval(x: Any) -> Any:
    """Return the value of a box without its history: an array or a NumPy scalar; anything else as it is."""
    return x.numpy()[()] if isinstance(x, Tensor) else x


def new_box(value: Any, trace: Any = 0, node: Any = None) -> Tensor:
    """Return a Tensor that gradients flow to: a new leaf, or one more Tensor of a node of the engine.

    Raises:
        TypeError: if nothing can be differentiated by values of this class.
    """
    if node is None or isinstance(node, Node):
        return Tensor(differentiable(getval(value)), requires_grad=True)
    return wrap(np.array(value), node) if not isinstance(value, Tensor) else wrap(value._data, node)


def differentiable(x: Any) -> Any:
    """Return an argument in the form that it is differentiated by: integer arrays become floating, as HIPS has it.

    Raises:
        TypeError: for Python's and NumPy's integers.
    """
    if isinstance(x, np.ndarray):
        return x.astype(float) if x.dtype.kind in "biu" else x
    if isinstance(x, (bool, int, np.integer, np.bool_)) or not isinstance(x, (float, complex, np.inexact, Tensor)):
        raise TypeError(f"Can't differentiate w.r.t. type {type(x)}: expected floating numbers; received {x!r}")
    return x


class TraceStack:
    """HIPS counts its traces; here the engine knows which transformations run."""

    top = -1

    @contextmanager
    def new_trace(self) -> Iterator[int]:
        """Yield the number of one more trace."""
        self.top += 1
        try:
            yield self.top
        finally:
            self.top -= 1


trace_stack = TraceStack()

# 1 in a rule whose own derivative is recorded: there the boxes still belong to the pass that reads it.
IN_RULE: ContextVar[int] = ContextVar("autograd_lite_hips_rule", default=0)

# The value of a box for the traces further out: no gradient in the pass of its own level, the plain one in theirs.
_peeled = structural(
    "hips_value",
    lambda x, *, level: x,
    lambda g, out, x, *, level: np.zeros(g.shape, g.dtype) if DEPTH.get().tapes == level - 1 else g,
    infer=lambda x, *, level: x,
    linear=True,
)


def unwrap_once(t: Tensor) -> Any:
    """Return the value of a box in the next trace further out, as HIPS's `_value`; without one, the bare value."""
    if isinstance(t._data, Tracer):
        held = t._data.example
        return (
            held
            if isinstance(held, Tensor)
            else wrap_any(held, None)
            if isinstance(held, Tracer)
            else np.array(held)[()]
        )
    level = t.params["level"] - 1 if t.op is _peeled else DEPTH.get().tapes + IN_RULE.get()
    return _peeled(t, level=level) if level > 1 and t.requires_grad else getval(t)


def _ptp(self: Tensor, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the largest element less the smallest one; see `np.ptp`."""
    return np.ptp(self, axis, keepdims=keepdims)


# What HIPS's boxes have and Tensors lack. `_node` they have: it is the engine's.
_NAMES: dict[str, Any] = {
    "_value": property(unwrap_once, doc="The value in the next trace further out."),
    "_trace": property(lambda self: trace_stack.top, doc="The number of HIPS's trace."),
    "ptp": _ptp,
}
for _name, _attribute in _NAMES.items():
    setattr(Tensor, _name, _attribute)

# `x += v` makes a new box in HIPS, where boxes have no such methods: other names of the old one, and views, keep it.
for _name in ("add", "sub", "mul", "truediv", "pow"):
    _give_boxes(f"__i{_name}__", getattr(operator, f"__{_name}__"))


def notrace_primitive(f_raw: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that sees the bare values of boxes, and whose result is a constant."""

    @functools.wraps(f_raw)
    def on_values(*args: Any, **kwargs: Any) -> Any:
        return f_raw(*map(getval, args), **kwargs)

    on_values._is_primitive = True  # type: ignore[attr-defined]
    return on_values


class _Primitive(Primitive):
    """A primitive whose rules get arrays in a first backward pass, as HIPS's do: they read `flags`, and call C."""

    arrays_stay = True


def primitive(f_raw: Callable[..., Any]) -> Any:
    """Return a function that is recorded as one step, and whose derivatives `defvjp` and `defjvp` give.

    Example:
        >>> from autograd_lite.hips import grad
        >>> from autograd_lite.hips.extend import defvjp
        >>> double = primitive(lambda x: 2 * x)
        >>> defvjp(double, lambda ans, x: lambda g: 2 * g)
        >>> grad(double)(3.0)
        np.float64(2.0)
    """
    function: Any = _Primitive(f_raw)
    function.fun = f_raw
    return function

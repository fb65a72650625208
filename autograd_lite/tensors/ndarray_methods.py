"""Tensor's methods that mirror ndarray's; NumPy's functions of the same names have the full documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Never, Self, TypeVar

import numpy as np

from .. import ops
from ..core.arguments import bind_arguments, describe, is_sequence, kinds_of, refusal
from ..core.duck_arrays import as_array, is_per_example, refuse_masked
from ..core.errors import DtypeError, UnsupportedError
from ..core.indices import IndexArray
from ..core.messages import explain_error
from ..core.mode import MODE, TAPES
from ..core.op import Op
from ..core.shape_arithmetic import Axis
from ..core.traceback_folding import fold_error
from ..ops import arith, shape
from .record import apply, apply_with_params, unary
from .sharing import separate

if TYPE_CHECKING:
    import numpy.typing as npt

F = TypeVar("F", bound=Callable[..., Any])

_np: Any = np  # NumPy's type stubs know arrays only


class UnknownIndex(TypeError):
    """An index of integers that differ from example to example."""


def canonical_index(key: Any) -> tuple[Any, ...]:
    """Return an index as a tuple of ints, slices, None, Ellipsis and arrays."""
    if key.__class__ is slice or key.__class__ is int:
        return (key,)
    parts = key if key.__class__ is tuple or isinstance(key, tuple) else (key,)
    return tuple([k if k.__class__ is int or k.__class__ is slice else _index_part(k) for k in parts])


def _index_part(k: Any) -> Any:
    if k is None or k is Ellipsis:
        return k
    index = k
    if hasattr(k, "__apply_op__"):
        if is_per_example(k):
            try:
                k.data  # noqa: B018
            except TypeError as error:
                raise UnknownIndex(*error.args) from None
        if TAPES and (tape := MODE.get().tape) is not None:
            return tape.index(k)
        index = k.data
    elif k.__class__ is IndexArray and TAPES and MODE.get().tape is not None:
        return k  # `record` refuses those that were derived
    try:
        array = as_array(index)
    except (TypeError, ValueError):
        refuse_masked(index, caller="t[index]")
        raise IndexError(f"t[index]: expected lists of indices to have equal lengths; received {describe(k)}") from None
    if array.dtype.kind not in "iub":
        if array.size:
            raise IndexError(
                f"t[index]: expected indices to be integers, slices, masks, None or ...; received {describe(k)}"
            )
        array = array.astype(np.intp)
    if array.ndim == 0 and array.dtype.kind != "b":
        return int(array)
    return array if getattr(array, "base", None) is None and array is not k else array.copy()


def write_by_mask(t: Any, mask: Any, value: Any) -> Any:
    """Return `t` with a number at the elements that a mask selects; None for other values and indices.

    Example:
        >>> write_by_mask(np.ones((2, 2)), np.array([True, False]), 0.0)
        array([[0., 0.],
               [1., 1.]])
        >>> write_by_mask(np.ones(2), np.array([True, False]), [3.0])
    """
    if mask.dtype.kind != "b" or mask.shape != t.shape[: mask.ndim] or np.ndim(value):
        return None
    return np.where(mask.reshape(mask.shape + (1,) * (t.ndim - mask.ndim)), value, t)


def _compose(function: Any, *args: Any) -> Any:
    """Call a composed function, whose errors do not name it by themselves."""
    try:
        return function(*args)
    except Exception as error:
        raise fold_error(
            explain_error(function.__name__, error, bind_arguments(function, args, {}), kinds_of(function), final=False)
        ) from None


# What NumPy's reductions take besides, of which compositions are made.
_REDUCTIONS_TAKE = frozenset(("initial", "where", "out"))


def hide_keywords(method: F) -> F:
    """Decorate a method that takes unknown keywords in order to refuse them itself: its signature is without them.

    Python's own refusal cannot say what other libraries' names of arguments are here.
    """
    signature = inspect.signature(method)
    parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    method.__annotations__.pop("others", None)
    return method


class Methods:
    """The methods, of Tensors and of the values inside `jvp` and `vmap`.

    Those that training loops call apply their op records directly, with the arguments bound as by the NumPy function of
    the same name; the others call that function, which leads back to an op or to a composition of ops.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def dtype(self) -> np.dtype[Any]: ...
        @property
        def ndim(self) -> int: ...

    def _bind_and_apply(self, op: Op, *args: Any, others: dict[str, Never] | None = None, **kwargs: Any) -> Self:
        bind: Any = op.bind
        if others:
            if others.keys() <= _REDUCTIONS_TAKE:
                reduced: Self = getattr(np, op.name)(self, *args, **kwargs, **others)
                return reduced
            kwargs |= others  # which `bind` refuses
        try:
            inputs, params = bind(self, *args, **kwargs)
            return apply(op, inputs, params)
        except Exception as error:
            raise fold_error(
                explain_error(op.name, error, bind_arguments(bind, (self, *args), kwargs), kinds_of(bind), final=False)
            ) from None

    # ---- reductions -------------------------------------------------------------------------------------------------

    @hide_keywords
    def sum(
        self, axis: Axis = None, dtype: npt.DTypeLike | None = None, keepdims: bool = False, **others: Never
    ) -> Self:
        """Sum over `axis`; see `numpy.sum`."""
        if axis is None and dtype is None and keepdims is False and not others:  # the end of nearly every loss
            return apply_with_params(ops.reduce.sum_, self, ops.reduce.OF_ALL)
        return self._bind_and_apply(ops.reduce.sum_, axis, dtype, keepdims=keepdims, others=others)

    @hide_keywords
    def mean(
        self, axis: Axis = None, dtype: npt.DTypeLike | None = None, keepdims: bool = False, **others: Never
    ) -> Self:
        """Average over `axis`; see `numpy.mean`."""
        return self._bind_and_apply(ops.reduce.mean, axis, dtype, keepdims=keepdims, others=others)

    @hide_keywords
    def prod(
        self, axis: Axis = None, dtype: npt.DTypeLike | None = None, keepdims: bool = False, **others: Never
    ) -> Self:
        """Multiply over `axis`; see `numpy.prod`."""
        return self._bind_and_apply(ops.reduce.prod, axis, dtype, keepdims=keepdims, others=others)

    @hide_keywords
    def max(self, axis: Axis = None, keepdims: bool = False, **others: Never) -> Self:
        """Take the largest over `axis`; ties share the gradient evenly; see `numpy.max`."""
        return self._bind_and_apply(ops.reduce.max_, axis, keepdims=keepdims, others=others)

    @hide_keywords
    def min(self, axis: Axis = None, keepdims: bool = False, **others: Never) -> Self:
        """Take the smallest over `axis`; ties share the gradient evenly; see `numpy.min`."""
        return self._bind_and_apply(ops.reduce.min_, axis, keepdims=keepdims, others=others)

    @hide_keywords
    def var(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False, **others: Never) -> Self:
        """Compute the variance over `axis`; see `numpy.var`."""
        return self._bind_and_apply(ops.reduce.var, axis, ddof=ddof, keepdims=keepdims, others=others)

    @hide_keywords
    def std(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False, **others: Never) -> Self:
        """Compute the standard deviation over `axis`; see `numpy.std`."""
        return self._bind_and_apply(ops.reduce.std, axis, ddof=ddof, keepdims=keepdims, others=others)

    @hide_keywords
    def argmax(self, axis: int | None = None, keepdims: bool = False, **others: Never) -> Self:
        """Return the index of the first largest; no gradient; see `numpy.argmax`."""
        return self._bind_and_apply(ops.reduce.argmax, axis, keepdims=keepdims, others=others)

    @hide_keywords
    def argmin(self, axis: int | None = None, keepdims: bool = False, **others: Never) -> Self:
        """Return the index of the first smallest; no gradient; see `numpy.argmin`."""
        return self._bind_and_apply(ops.reduce.argmin, axis, keepdims=keepdims, others=others)

    @hide_keywords
    def any(self, axis: Axis = None, keepdims: bool = False, **others: Never) -> Self:
        """Return whether any element is true; no gradient; see `numpy.any`."""
        return self._bind_and_apply(ops.reduce.any_, axis, keepdims=keepdims, others=others)

    @hide_keywords
    def all(self, axis: Axis = None, keepdims: bool = False, **others: Never) -> Self:
        """Return whether all elements are true; no gradient; see `numpy.all`."""
        return self._bind_and_apply(ops.reduce.all_, axis, keepdims=keepdims, others=others)

    # ---- along an axis ----------------------------------------------------------------------------------------------

    def cumsum(self, axis: int | None = None, dtype: npt.DTypeLike | None = None) -> Self:
        """Return the running sum; see `numpy.cumsum`."""
        return _np.cumsum(self, axis=axis, dtype=dtype)

    def cumprod(self, axis: int | None = None, dtype: npt.DTypeLike | None = None) -> Self:
        """Return the running product; see `numpy.cumprod`."""
        return _np.cumprod(self, axis=axis, dtype=dtype)

    def repeat(self, repeats: Any, axis: int | None = None) -> Self:
        """Repeat elements; see `numpy.repeat`."""
        return _np.repeat(self, repeats, axis=axis)

    # ---- shapes -----------------------------------------------------------------------------------------------------

    def reshape(self, *shape_: Any, order: str = "C") -> Self:
        """Give the elements a new shape, one length of which may be -1, in an order; see `numpy.reshape`."""
        new_shape = shape_[0] if len(shape_) == 1 else shape_
        if order != "C":
            return _compose(ops.memory_order.reshape_in_order, self, new_shape, order, "reshape")
        bind: Any = shape.reshape.bind
        try:
            return apply_with_params(shape.reshape, self, bind(self, new_shape)[1])
        except Exception as error:
            arguments = bind_arguments(bind, (self, new_shape), {})
            raise explain_error("reshape", error, arguments, kinds_of(bind), final=False) from None

    def ravel(self, order: str = "C") -> Self:
        """Flatten to one axis, reading the elements in an order; see `numpy.ravel`."""
        return self.reshape(-1) if order == "C" else _compose(ops.composed.ravel, self, order)

    def flatten(self, order: str = "C") -> Self:
        """Flatten to one axis, reading the elements in an order; see `numpy.ndarray.flatten`."""
        return separate(self.ravel(order))

    def transpose(self, *axes: Any) -> Self:
        """Permute the axes, by default reversing them; see `numpy.transpose`."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return self._bind_and_apply(shape.transpose, order)

    @property
    def T(self) -> Self:
        """The tensor with its axes reversed."""
        return apply_with_params(shape.transpose, self, {"axes": tuple(range(self.ndim - 1, -1, -1))})

    @property
    def mT(self) -> Self:
        """The tensor with its last two axes exchanged."""
        return self.swapaxes(-1, -2)

    def swapaxes(self, axis1: int, axis2: int) -> Self:
        """Exchange two axes; see `numpy.swapaxes`."""
        return _compose(ops.composed.swapaxes, self, axis1, axis2)

    def squeeze(self, axis: Axis = None) -> Self:
        """Drop axes of length 1; see `numpy.squeeze`."""
        return _compose(ops.composed.squeeze, self, axis)

    # ---- elements ---------------------------------------------------------------------------------------------------

    def clip(self, min: Any = None, max: Any = None) -> Self:
        """Limit the values; the gradient passes within the limits and at them; see `numpy.clip`."""
        return self._bind_and_apply(ops.selection.clip, min, max)

    def round(self, decimals: int = 0) -> Self:
        """Round; the gradient is zero; see `numpy.round`."""
        return self._bind_and_apply(arith.round_, decimals)

    def exp(self) -> Self:
        """Raise e to the elements; see `numpy.exp`."""
        return unary(ops.explog.exp, self)

    def log(self) -> Self:
        """Take the natural logarithm; see `numpy.log`."""
        return unary(ops.explog.log, self)

    def sqrt(self) -> Self:
        """Take the square root; see `numpy.sqrt`."""
        return unary(arith.sqrt, self)

    def tanh(self) -> Self:
        """Take the hyperbolic tangent; see `numpy.tanh`."""
        return unary(ops.trig.tanh, self)

    def sigmoid(self) -> Self:
        """Apply the logistic function; see `autograd_lite.sigmoid`."""
        return unary(ops.elementwise_activations.sigmoid, self)

    def relu(self) -> Self:
        """Replace negative values by zero; see `autograd_lite.relu`."""
        return unary(ops.elementwise_activations.relu, self)

    def dot(self, other: Any) -> Self:
        """Multiply matrices or take inner products; see `numpy.dot`."""
        return _compose(ops.composed.dot, self, other)

    def copy(self) -> Self:
        """Return a copy that gradients flow through."""
        return apply(shape.copy, (self,), {})

    def astype(self, dtype: npt.DTypeLike, copy: bool = True) -> Self:
        """Cast to `dtype`; the gradient is cast back; see `numpy.ndarray.astype`."""
        try:
            target = np.dtype(dtype)
        except Exception:
            raise DtypeError(f"astype: expected a dtype, as 'float32'; received dtype={describe(dtype)}") from None
        if target.kind not in "biufc":
            raise UnsupportedError(f"astype: expected a numeric dtype; received {target}")
        if target == self.dtype and copy is False:
            return self
        return apply(shape.astype, (self,), {"dtype": target})

    # ---- complex numbers --------------------------------------------------------------------------------------------

    @property
    def real(self) -> Self:
        """The real part; see `numpy.real`."""
        return _np.real(self)

    @property
    def imag(self) -> Self:
        """The imaginary part; see `numpy.imag`."""
        return _np.imag(self)

    def conj(self) -> Self:
        """Return the complex conjugate, which of real numbers is this Tensor itself; see `numpy.ndarray.conj`."""
        return unary(arith.conjugate, self) if self.dtype.kind == "c" else self

    def conjugate(self) -> Self:
        """Return the complex conjugate; see `conj`."""
        return self.conj()

    # ---- picking ----------------------------------------------------------------------------------------------------

    def take(self, indices: Any, axis: int | None = None, *, mode: Any = "raise") -> Self:
        """Pick elements by index; see `numpy.take`."""
        return _np.take(self, indices, axis=axis, mode=mode)

    def compress(self, condition: Any, axis: int | None = None) -> Self:
        """Pick slices by a mask; see `numpy.compress`."""
        return _np.compress(condition, self, axis=axis)

    def choose(self, choices: Any, *, mode: Any = "raise") -> Self:
        """Pick from several arrays; see `numpy.choose`."""
        if not is_sequence(choices):
            raise TypeError(refusal("choose", "choices", "a sequence of arrays", choices))
        return _np.choose(self, choices, mode=mode)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """Return a diagonal; see `numpy.diagonal`."""
        return _np.diagonal(self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """Return the sum along a diagonal; see `numpy.trace`."""
        return _np.trace(self, offset, axis1, axis2)

    # ---- order, which has no gradient -------------------------------------------------------------------------------

    def argsort(self, axis: int | None = -1, kind: Any = None, *, stable: bool | None = None) -> Any:
        """Return the indices that sort; see `numpy.argsort`."""
        return _np.argsort(self, axis, kind, stable=stable)

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """Return the indices at which to insert; see `numpy.searchsorted`."""
        return _np.searchsorted(self, v, side, sorter)

    def nonzero(self) -> Any:
        """Return the indices of the nonzero elements; see `numpy.nonzero`."""
        return _np.nonzero(self)

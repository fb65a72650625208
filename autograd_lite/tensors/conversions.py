"""Conversions of a Tensor to NumPy and Python, which never lose a gradient silently."""

from __future__ import annotations

import gc
import sys
import weakref
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..core.arguments import describe
from ..core.depth import DEPTH
from ..core.duck_arrays import is_duck_array, to_numpy
from ..core.errors import GradError, UnsupportedError, more_on
from ..core.hooks import HOOKS
from ..core.mode import MODE, TAPES, is_grad_enabled
from ..core.node import Node

if TYPE_CHECKING:
    import numpy.typing as npt


_ndarray, _float64 = np.ndarray, np.float64
# What to write where a function that is being traced would need a value.
_CHOOSE = (
    "Write np.where(t > 0, a, b) in place of `if t > 0`, or ag.cond(t > 0, f, g, x) if one branch alone may run, and "
    "ag.while_loop(lambda t: t > 0, f, t) in place of `while t > 0`. Python values among the arguments may decide: "
    "each one is traced by itself"
)
_NUMBER = (
    "Compute with the Tensor itself, as np.sqrt(t) for math.sqrt(t); ag.fori_loop(0, t, f, x) stands for a loop over "
    "range(t), and ag.debug_print('{}', t) prints it at every call. "
    "A number that is to be a constant, such as a length, can be an argument: a Python int"
)
_ARRAY = (
    "Compute with the Tensor itself, by functions that Tensors support, and convert what the function returns outside "
    "of it; ag.observe(f, t) lets f see the values at every call"
)


def leaving(how: str, instead: str = _ARRAY) -> None:
    """Say that a value is about to leave the record: a function that is being traced refuses.

    Args:
        how: the code that asks for the value.
        instead: what works.
    """
    tape = MODE.get().tape
    if tape is not None:
        tape.refuse_exit(how, instead)


# The leaves that `let_read` was called for, by id.
_READABLE: dict[int, weakref.ref[Any]] = {}


def allow_numpy(leaf: Any) -> None:
    """Let NumPy read a leaf that requires a gradient as an array, as for a plot, while no recorded computation uses it.

    A parameter of a model is looked at more often than it is computed with by its values. Inside of functions that are
    transformed or compiled, of calls of modules, and while a computation that has read it waits for `backward`, it is
    still refused, since a gradient would be lost.

    Args:
        leaf: a Tensor that requires a gradient and is not the result of an operation, such as a parameter of a model.

    Example:
        >>> import autograd_lite as ag
        >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> ag.arrays.allow_numpy(w)
        >>> np.asarray(w)
        array([1., 2.])
        >>> loss = (w * w).sum()
        >>> np.asarray(w)
        Traceback (most recent call last):
        autograd_lite.core.errors.GradError: a tensor that requires a gradient was about to become a bare array...
        >>> loss.backward()
        >>> np.asarray(w)
        array([1., 2.])
    """
    key = id(leaf)
    if key not in _READABLE:
        _READABLE[key] = weakref.ref(leaf, lambda _: _READABLE.pop(key, None))


def is_readable(t: Any) -> bool:
    """Return whether a leaf may be read as an array; it takes milliseconds, as the record has no edges to its readers.

    SciPy's functions that we have would compute with it, and so does whatever runs inside of a call of ours, such as
    that of a layer, except for callbacks.
    """
    reference = _READABLE.get(id(t))
    if reference is None or reference() is not t or DEPTH.get().all or HOOKS.scipy_advice():
        return False
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("autograd_lite.nn.callbacks."):
            break
        if name.startswith("autograd_lite.") and not frame.f_code.co_filename.startswith("<"):  # a doctest
            return False
        frame = frame.f_back
    holders = [x for x in gc.get_referrers(t) if x.__class__ is tuple]
    readers = (node for node in gc.get_referrers(*holders) if isinstance(node, Node)) if holders else ()
    return all(node.saved is None for node in readers)


# What SciPy's sparse matrices get that ask for an array. An operator returns NotImplemented at what NumPy makes of an
# object without values; `dot` of some formats only looks for that, and goes on with the operator.
_FOR_SPARSE = {f"__{r}{name}__": np.array(None, object) for r in ("", "r") for name in ("mul", "matmul", "truediv")}
_FOR_SPARSE["dot"] = np.zeros(())


def left_to_us() -> Any:
    """Return what makes an operator of SciPy's sparse matrices leave the work to ours, if one asks for an array now."""
    frame: FrameType | None = sys._getframe(2)
    name = ""
    while frame is not None and frame.f_globals.get("__name__", "").startswith("scipy.sparse."):
        name = frame.f_code.co_name
        if name in _FOR_SPARSE:
            return _FOR_SPARSE[name]
        frame = frame.f_back
    if name == "multiply":
        raise UnsupportedError(
            "A.multiply(t): expected an array; received a Tensor. Write A * t for a sparse array, and "
            "ag.sparse.SparseTensor.of(A) * t for a sparse matrix of the old kind"
        )
    return None


class Conversions:
    """Conversions. Those that users ask for return constants; implicit ones may refuse."""

    __slots__ = ()

    if TYPE_CHECKING:
        _data: Any

        @property
        def shape(self) -> tuple[int, ...]: ...
        @property
        def ndim(self) -> int: ...
        @property
        def size(self) -> int: ...
        @property
        def dtype(self) -> np.dtype[Any]: ...
        @property
        def data(self) -> npt.NDArray[Any]: ...
        @property
        def requires_grad(self) -> bool: ...

    @property
    def __inside__(self) -> Any:
        """What the tensor holds, for `core.duck_arrays.innermost`."""
        return self._data

    def numpy(self) -> npt.NDArray[Any]:
        """Return a copy of the values; it is NumPy's, of whatever kind the tensor's array is."""
        if TAPES:
            leaving("t.numpy()")
        data = self._data
        return np.array(data if data.__class__ is _ndarray or data.__class__ is _float64 else to_numpy(data))

    def item(self, *args: int | tuple[int, ...]) -> Any:
        """Return one element as a Python number; see `numpy.ndarray.item`.

        Args:
            args: the index of an element, or its number in the order of a flattened array; needed where there are
                several.
        """
        if args:
            chosen: Any = self
            index = args[0] if len(args) == 1 else args
            return (chosen[index] if isinstance(index, tuple) else chosen.reshape(-1)[index]).item()
        if TAPES:
            leaving("t.item(), as in float(t), range(t) or f'{t}'", _NUMBER)
        if self._data.size != 1:
            raise ValueError(
                f"item: expected a tensor of one element; received {describe(self)}. Reduce it first, as by .mean(), "
                "or use .tolist()"
            )
        return to_numpy(self._data).item()

    _item = item  # for conversions, whatever other packages put in its place

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        if TAPES:
            leaving("t.tolist()")
        return to_numpy(self._data).tolist()

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def _number(self, asked: str) -> Any:
        """Return the one element, unless a transformation would silently lose a gradient by that."""
        number = self._item()
        if DEPTH.get().all and self._is_differentiated() and is_grad_enabled():
            raise GradError(
                HOOKS.scipy_advice()
                + f"{asked}(t): in a function that is being transformed, a tensor with history was about to "
                "become a bare number and lose its gradient. (math.sin(t), np.float64(t) and a[i] = t ask for a number "
                "too: a buffer that takes Tensors is np.zeros_like(t) or ag.tensor(np.zeros(n)).) Use np.sin and other "
                "operations on Tensors; t.item() or t.detach() say that a constant is meant" + more_on("bare-number")
            )
        return number

    def _keep_history(self, call: str) -> None:
        """Refuse a call that makes a Tensor without the history of this one, where a transformation would lose it."""
        if DEPTH.get().all and self.requires_grad and is_grad_enabled():
            raise GradError(
                f"{call}: in a function that is being transformed, a tensor with history was about to become one "
                "without. Use t itself, t.astype(dtype) or ag.array([t, …]); t.detach() says that a constant is meant"
                + more_on("bare-array")
            )

    def _is_differentiated(self) -> bool:
        return self.requires_grad

    def __index__(self) -> int:
        if self.ndim or self.dtype.kind not in "iu":
            raise TypeError(f"only an integer tensor with one element can be an index; received {self!r}")
        return int(self._item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous; use .any(), .all() or np.where"
            )
        if TAPES:
            leaving("bool(t), as in `if t` or `while t`", _CHOOSE)
        return bool(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if (no_array := left_to_us()) is not None:
            return no_array
        if TAPES:
            leaving("np.asarray(t), or a function that takes arrays alone")
        if self.requires_grad and not is_readable(self):
            raise GradError(
                HOOKS.scipy_advice()
                + "a tensor that requires a gradient was about to become a bare array and lose its "
                "gradient. Use NumPy functions that Tensors support, make one Tensor of those in a list with ag.array, "
                "or say t.detach().numpy() if that is meant, t.item() for a number" + more_on("bare-array")
            )
        if is_duck_array(self._data):  # whose library may refuse
            return np.asarray(self._data, dtype)
        return np.array(self._data, dtype=dtype) if copy or dtype is not None else self.data

    @property
    def _mask(self) -> NoReturn:
        """An attribute that `np.ma` asks for after taking the values."""
        if self._is_differentiated():
            raise GradError(
                "np.ma: a tensor that requires a gradient was about to become a masked array and lose its "
                "gradient. Choose with np.where(mask, …), or say t.detach() if that is meant"
            )
        raise AttributeError("_mask")

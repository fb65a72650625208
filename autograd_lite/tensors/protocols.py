"""NumPy's dispatch protocols: from NumPy calls on Tensors to ops and compositions of ops.

`resolve_function` and `resolve_ufunc` find the record and bind the arguments; `Dispatched`, a base of Tensor, applies
the record to them. Functions that are not in the tables are refused, with the nearest alternative.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from .. import ops
from ..core.arguments import NUMBERS, bind_arguments, kinds_of, refusal
from ..core.errors import DtypeError, UnsupportedError, more_on
from ..core.messages import explain_error
from ..core.mode import MODE, TAPES
from ..core.op import BY_FUNCTION, BY_UFUNC, COMPOSED, Op
from ..native.kernels import KERNELS
from ..ops.operands import Finished, is_given, operand, write
from ..ops.special import scipy_op
from .record import apply
from .sharing import SHARING

if TYPE_CHECKING:
    import numpy.typing as npt


class Call(NamedTuple):
    """One op call, arguments bound."""

    op: Op
    inputs: tuple[Any, ...]
    params: dict[str, Any]


class Dispatched:
    """The two protocols by which NumPy dispatches calls on objects that are not arrays."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        try:
            return _finish(resolve_ufunc(ufunc, method, inputs, kwargs))
        except Exception as error:
            raise _problem_of_ufunc(ufunc, method, inputs, kwargs, error) from None

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        try:
            result = _finish(resolve_function(function, args, kwargs))
            shares = SHARING.get(function)
            return result if shares is None else shares(result, args, kwargs)
        except Exception as error:
            raise _problem_of(function, args, kwargs, error) from None


def _finish(call: Any) -> Any:
    """Apply the op of a call; the result of a composition is returned unchanged."""
    if call.__class__ is not Call:
        return call
    return apply(of_numpy(call.op, call.inputs) if TAPES else call.op, call.inputs, call.params)


# For functions that are not in the tables: an alternative, or the reason why there is none.
_LIKE = "Write np.zeros_like(x), np.ones_like(x) or np.full_like(x, value), or the call without like="
_COMPLEX = "Write np.{0}(x.astype(complex)): whether a result is complex must not depend on the values"
_DATES = "It is about dates, which no Tensor holds"
_FIELDS = "It is about arrays with named fields, which no Tensor has"
_FILES = "Write np.{0}(path, x.numpy())"
_MADE_LIKE = (
    "arange array asanyarray asarray ascontiguousarray asfortranarray empty eye frombuffer fromfile fromfunction "
    "fromiter fromstring full genfromtxt identity loadtxt ones require tri zeros"
)
_OF_FIELDS = (
    "append_fields apply_along_fields assign_fields_by_name drop_fields find_duplicates join_by merge_arrays "
    "rec_append_fields rec_drop_fields rec_join recursive_fill_fields rename_fields repack_fields require_fields "
    "stack_arrays structured_to_unstructured unstructured_to_structured"
)
_OF_COMPLEX = "arccos arcsin arctanh log log10 log2 power sqrt"
_INSTEAD = {
    **dict.fromkeys(_MADE_LIKE.split(), _LIKE),
    **dict.fromkeys(_OF_FIELDS.split(), _FIELDS),
    **{name: _COMPLEX.format(name) for name in _OF_COMPLEX.split()},
    **dict.fromkeys(("busday_count", "busday_offset", "datetime_as_string", "is_busday", "isnat"), _DATES),
    **{name: _FILES.format(name) for name in ("save", "savetxt", "savez", "savez_compressed")},
    "logn": "Write np.log(x.astype(complex)) / np.log(n)",
    "matrix_rank": "Write np.count_nonzero(np.linalg.svdvals(x) > tol)",
    "fftshift": "Write np.roll(x, x.shape[-1] // 2, axis=-1)",
    "ifftshift": "Write np.roll(x, -(x.shape[-1] // 2), axis=-1)",
    "outer": "Write the call itself on x[:, None] and y",
}


def _qualified_name(function: Callable[..., Any]) -> str:
    module = (getattr(function, "__module__", None) or "numpy").replace("numpy", "np", 1)
    return f"{module}.{function.__name__}"


def _spelt(ufunc: np.ufunc) -> str:
    """Return the name of a ufunc for messages; it need not be NumPy's."""
    return f"np.{ufunc.__name__}" if hasattr(np, ufunc.__name__) else f"the ufunc {ufunc.__name__}"


def instead_of(name: str) -> str:
    """Return an alternative to a function that Tensors do not support, or why there is none; "" if unknown."""
    return _INSTEAD.get(name, "")


def _refuse_call(name: str, base_name: str) -> NoReturn:
    way = _INSTEAD.get(base_name)
    outside = "leave the graph with x.detach().numpy()"
    raise UnsupportedError(
        f"{name} is not supported on Tensors. {f'{way}. ' if way else ''}To compute it without a gradient, {outside}"
        + more_on("unsupported-function")
    )


def _ours(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the function that binds the arguments of a NumPy function: an op's `bind`, or a composed function."""
    op: Op | None = BY_FUNCTION.get(function)
    return COMPOSED.get(function) if op is None else op.bind


def resolve_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | Any:
    """Return the op call of `function(*args, **kwargs)`, or the result of a composed function.

    Raises:
        UnsupportedError: if Tensors do not support the function or one of its arguments.
    """
    if kwargs or len(args) > 1:
        names = _from_out_on(function)
        if names and ("out" in kwargs or len(args) > names[0]):
            place = names[0]
            kwargs = {**dict(zip(names[1], args[place:], strict=False)), **kwargs}
            out = kwargs.pop("out", None)
            call = resolve_function(function, args[:place], kwargs)
            return call if out is None else write(_qualified_name(function), _only(out), _finish(call))
    op = BY_FUNCTION.cached(function)
    composed = COMPOSED.cached(function) if op is None else None
    if op is None and composed is None:  # its first call
        op, composed = BY_FUNCTION.get(function), COMPOSED.get(function)
    if op is not None and op.bind is not None:
        bound = _bind(op.bind, function, args, kwargs)
        return bound.result if bound.__class__ is Finished else Call(op, *bound)
    if composed is None:
        _refuse_call(_qualified_name(function), function.__name__)
    return _bind(composed, function, args, kwargs)


@functools.cache
def _from_out_on(function: Callable[..., Any]) -> tuple[int, list[str]] | None:
    """Return the position of `out` among the positional arguments, and the names from `out` on.

    None for a function that Tensors do not support or that has no `out`.
    """
    ours = _ours(function)
    parameters = {} if ours is None else inspect.signature(ours).parameters
    if "out" not in parameters:
        return None
    names = [name for name, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    place = names.index("out") if "out" in names else sys.maxsize
    return place, names[place:]


def _only(out: Any) -> Any:
    return out[0] if isinstance(out, tuple) else out


def _bind(
    bind: Callable[..., Any], function: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call `bind`; an argument that it does not know becomes an error that names it."""
    try:
        return bind(*args, **kwargs)
    except TypeError as error:
        if isinstance(error, UnsupportedError) or "unexpected keyword" not in str(error):
            raise
        name = str(error).rsplit("'", 2)[-2]
        called = function if isinstance(function, str) else _qualified_name(function)
        message = f"{called}: the argument {name}= is not supported on Tensors"
        raise UnsupportedError(message) from None


def _problem_of(function: Callable[..., Any], args: Any, kwargs: Any, error: Exception) -> Exception:
    """Return the error of a NumPy function on Tensors with the call, the expectation and the arguments."""
    ours = _ours(function)
    if ours is None:
        return error
    call, arguments = _qualified_name(function), bind_arguments(ours, args, kwargs)
    return explain_error(call, error, arguments, kinds_of(ours), final=False)


# ---- ufuncs ---------------------------------------------------------------------------------------------------------


def resolve_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | Any:
    """Return the op call of a ufunc call, or the result of a composed one.

    Raises:
        UnsupportedError: for a ufunc, method or argument that Tensors do not support.
    """
    if method != "__call__":
        return _resolve_method(ufunc, method, inputs, kwargs)
    if kwargs:
        return _resolve_with_arguments(ufunc, inputs, dict(kwargs))
    op = BY_UFUNC.cached(ufunc) or BY_UFUNC.get(ufunc) or scipy_op(ufunc, inputs)
    if op is not None:
        return Call(op if not TAPES else on_arrays(op, ufunc, inputs), inputs, {})
    if ufunc in COMPOSED:
        return COMPOSED[ufunc](*inputs)
    _refuse_call(_spelt(ufunc), ufunc.__name__)


def on_arrays(op: Op, function: Callable[..., Any], inputs: tuple[Any, ...]) -> Op:
    """Return the op that computes as a function of NumPy's does, if an eager run calls that with arrays, not Tensors.

    Args:
        op: its op for Tensors, which may use other loops.
        function: a ufunc, or an operator.
        inputs: the inputs, in a function that is being compiled.
    """
    mode = MODE.get()
    trial = None if mode.tape is None else mode.tape.trial
    has_own = op.name in KERNELS or hasattr(op.forward, "of_numpy")
    if trial is None or trial.note is not mode.note or not has_own or function is op.forward:
        return op
    for x in inputs:
        node, level = getattr(x, "_node", None), getattr(getattr(x, "_data", None), "level", None)
        if (node is not None and node.needs) or (level is not None and level.stamp > trial.began):
            return op
    if (op, function) not in _ON_ARRAYS:
        _ON_ARRAYS[op, function] = op.replace(name=f"numpy.{op.name}", forward=function, rewrites=())
    return _ON_ARRAYS[op, function]


_ON_ARRAYS: dict[Any, Op] = {}


def of_numpy(op: Op, inputs: tuple[Any, ...]) -> Op:
    """Return the op that computes as NumPy's function of the same name, in the case of `on_arrays`."""
    return on_arrays(op, getattr(op.forward, "of_numpy", op.forward), inputs)


def defer(ufunc: np.ufunc, inputs: tuple[Any, ...], ours: type) -> Any:
    """Return NotImplemented if an operand of another class may implement the ufunc.

    Raises:
        TypeError: if none can, such as None or a string.
    """
    for x in inputs:
        if not isinstance(x, (ours, np.ndarray, np.generic)) and not hasattr(x, "__array_ufunc__"):
            raise TypeError(refusal(_spelt(ufunc), "the operands", NUMBERS.words, x))
    return NotImplemented


def _problem_of_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any], error: Exception
) -> Exception:
    """Return the error of a ufunc on Tensors with the call, the expectation and the arguments."""
    call = _spelt(ufunc) if method == "__call__" else f"{_spelt(ufunc)}.{method}"
    if method == "__call__":
        return explain_error(
            call, error, {**dict(zip("xyz", inputs, strict=False)), **kwargs}, _UFUNC_KINDS, final=False
        )
    ours = ops.ufunc_methods.METHODS.get(method)
    arguments = bind_arguments(ours, (ufunc, *inputs), kwargs) if ours is not None else kwargs
    arguments.pop("ufunc", None)
    return explain_error(call, error, arguments, {} if ours is None else kinds_of(ours), final=False)


def _resolve_with_arguments(ufunc: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = _spelt(ufunc)
    if "axis" in kwargs and ufunc.signature == "(n),(n)->()":  # np.vecdot
        axis = kwargs.pop("axis")
        inputs = tuple(np.moveaxis(operand(x), axis, -1) for x in inputs)
    outs, where, dtype = kwargs.pop("out", None), kwargs.pop("where", True), kwargs.pop("dtype", None)
    rest = [k for k, v in kwargs.items() if v != _DEFAULTS.get(k, np._NoValue)]
    if rest:
        raise UnsupportedError(f"{name}: the arguments {sorted(rest)} are not supported on Tensors")
    outs = outs if isinstance(outs, tuple) else (outs,)
    has_out = any(out is not None for out in outs)
    if where is not True and not has_out:
        raise UnsupportedError(
            f"{name}: the argument where= is not supported on Tensors without out=, since the other elements would be "
            f"undefined; choose with np.where(condition, {name}(x), other)"
        )
    if dtype is not None:
        inputs = tuple(_cast(name, x, np.dtype(dtype)) for x in inputs)
    call = resolve_ufunc(ufunc, "__call__", inputs, {})
    if dtype is not None:
        call = _finish(call)
        dtypes = {np.dtype(r.dtype) for r in (call if isinstance(call, tuple) else (call,))}
        if dtypes != {np.dtype(dtype)}:
            raise UnsupportedError(
                f"{name}: the argument dtype={np.dtype(dtype)} is not supported on Tensors, as the result would be "
                f"{dtypes.pop()}; cast it with .astype"
            )
    if not has_out:
        return call
    results = _finish(call)
    if not isinstance(results, tuple):
        return write(name, outs[0], results, where, broadcast=True)
    return tuple(
        result if out is None else write(name, out, result, where, broadcast=True)
        for out, result in zip(outs, results, strict=True)
    )


def _of_ufuncs(x: npt.ArrayLike, y: npt.ArrayLike, z: npt.ArrayLike, dtype: npt.DTypeLike | None) -> None:
    """Has the annotations of the arguments of ufuncs."""


_UFUNC_KINDS = kinds_of(_of_ufuncs)
# Arguments that are allowed because they are the defaults.
_DEFAULTS = {"casting": "same_kind", "order": "K", "subok": True}


def _cast(name: str, x: Any, dtype: np.dtype[Any]) -> Any:
    if not np.can_cast(getattr(x, "dtype", dtype), dtype, "same_kind"):
        raise DtypeError(f"{name}: dtype={dtype} was asked for; an operand of dtype {x.dtype} does not cast to it")
    return x.astype(dtype) if hasattr(x, "astype") else np.asarray(x, dtype)


def _resolve_method(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = f"{_spelt(ufunc)}.{method}"
    binary = ufunc.nin == 2 and ufunc.nout == 1 and ufunc.signature is None
    is_known = ufunc in BY_UFUNC or ufunc in COMPOSED
    if method not in ops.ufunc_methods.METHODS or not is_known or not (binary or (method == "at" and ufunc.nout == 1)):
        _refuse_call(name, method)
    rest = dict(kwargs)
    out = _only(rest.pop("out", None))
    result = _bind(ops.ufunc_methods.METHODS[method], name, (ufunc, *inputs), rest)
    return write(name, out, result) if is_given(out) else result

"""Errors with the call, the expectation and the received arguments, where NumPy's or Python's messages have less.

A call that succeeds pays nothing for this: its arguments are examined only after it has failed. `explain_error` then
finds the argument that does not match its annotation; if all of them match, it repeats NumPy's message, with the call
and its arguments. Errors that are complete already, and errors from the user's functions, stay as they are.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from .arguments import (
    ANYTHING,
    NUMBERS,
    OUR_PACKAGES,
    Kind,
    bind_arguments,
    describe,
    describe_argument,
    is_numbers,
    kinds_of,
    refusal,
)
from .duck_arrays import innermost, is_duck_array
from .errors import (
    AxisError,
    DtypeError,
    GradError,
    ImplicitError,
    NonFiniteError,
    ShapeError,
    TraceError,
    UnsupportedError,
)
from .hooks import HOOKS
from .traceback_folding import fold_error

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

_OURS = (GradError, DtypeError, UnsupportedError, NonFiniteError)
# If a call is to blame for an error, only frames of these packages lie between the two.
_KNOWN = sys.stdlib_module_names | OUR_PACKAGES | {"numpy", "scipy"}
_LEFT_ALONE = (
    *(Warning, StopIteration, NotImplementedError, ImportError, RecursionError),
    *(NonFiniteError, TraceError, ImplicitError),
)
# Texts, since compiling the patterns takes half a millisecond, which only errors should pay.
_SIGNATURE = r"missing \d+ required|unexpected keyword|takes .* argument|multiple values for"
_UNKNOWN = r"got an unexpected keyword argument '(\w+)'"


def _is_of_signature(error: BaseException) -> bool:
    """Return whether Python raised an error before the first line of the called function."""
    return isinstance(error, TypeError) and (error.__traceback__ is None or error.__traceback__.tb_next is None)


def _did_you_mean(name: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches  # most programs never need it

    if name.startswith("__"):  # `hasattr` asks for these
        return ""
    begins = name[:1].lower()  # of all names it would take a millisecond, which `hasattr` pays too
    near = get_close_matches(name, [x for x in names if x[:1].lower() == begins and abs(len(x) - len(name)) < 3], n=1)
    return f". Did you mean {near[0]!r}?" if near else ""


# The names of arguments in other libraries.
_KEYWORDS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "unbiased": "ddof", "input": "x", "inplace": "out"}


def _in_words_of(name: str, names: Iterable[str]) -> str:
    """Return the name of an unknown keyword here, or the one that was meant, as a sentence."""
    here = _KEYWORDS.get(name)
    return f". Write {here}=" if here is not None and here in names else _did_you_mean(name, names)


def missing_name(module: str, name: str, hints: Mapping[str, str], names: Iterable[str] = ()) -> AttributeError:
    """Return the error of a name that a module does not have, with a hint or the name that was meant.

    Args:
        module: the name of the module.
        name: the name that was looked up.
        hints: for names that the module lacks, what to use in their place, as text.
        names: those that it has, of which the nearest one is suggested; none by default.

    Example:
        >>> missing_name("mine", "widht", {}, ["width"])
        AttributeError("module 'mine' has no attribute 'widht'. Did you mean 'width'?")
    """
    more = f". {hints[name]}" if name in hints else _did_you_mean(name, names)
    return AttributeError(f"module {module!r} has no attribute {name!r}{more}")


def _is_left_alone(error: BaseException) -> bool:
    """True if an error is not about arguments, or comes from a function of the user."""
    place = error.__traceback__.tb_next if error.__traceback__ is not None else None
    if isinstance(error, AssertionError) and type(error) is not AssertionError:  # the verdict of a check
        return True
    if isinstance(error, KeyError) and ": expected " in str(error):  # raised on purpose, by a lookup of names
        return True
    if isinstance(error, _LEFT_ALONE) or (place is None and re.search(_SIGNATURE, str(error))):
        return True
    while place is not None:
        if str(place.tb_frame.f_globals.get("__name__")).partition(".")[0] not in _KNOWN:
            return True
        place = place.tb_next
    return False


def _plain(text: str) -> str:
    return text.replace("_", "").lower()


def _names(call: str, text: str) -> bool:
    """True if a text names the call, as `BinaryCrossentropy` or `binary_crossentropy`."""
    last = re.findall(r"[^\W\d]\w*", call)[-1]
    return re.search(rf"\b{_plain(last)}\b", _plain(text)) is not None


def _with_text(error: Exception, text: str, original: str, final: bool) -> Exception:
    """Return an error of the same class with another text: the same object, if the text is its only argument."""
    problem: Exception = error
    if isinstance(error, np.exceptions.AxisError):
        problem = (AxisError if isinstance(error, ShapeError) else np.exceptions.AxisError)(text)
    elif isinstance(error, MemoryError):
        problem = MemoryError(text)
    elif isinstance(error, AttributeError) or type(error).__module__.startswith("numpy._"):
        problem = TypeError(text)
    elif isinstance(error, (KeyError, AssertionError)):
        problem = ValueError(text)
    else:
        problem.args = (text,)
    return _mark(problem, original, final)


def _out_of_bounds(m: re.Match[str]) -> str:
    n = int(m[3])
    allowed = f"use {-n} to {n - 1}" if n else "the axis is empty"
    return f"index {m[1]} is out of bounds for {f'axis {m[2]} of' if m[2] else ''} length {n}, {allowed}".replace(
        "  ", " "
    )


def as_it_is(error: Exception) -> Exception:
    """Return an error to which no call that it passes has anything to add, such as one of a solver's."""
    return error if hasattr(error, "_bare") else _mark(error, str(error), True)


def _mark(error: Exception, original: str, final: bool) -> Exception:
    """Set on an error its original text, and whether calls further out have nothing to add."""
    error._bare, error._final = original, final  # type: ignore[attr-defined]
    return error


_BROADCAST = "do not broadcast: aligned right, axes must be equal or 1"
# The most frequent messages of NumPy and Python, reworded so that users can act on them.
_REWORDINGS = (
    (r"index (-?\d+) is out of bounds for (?:axis (\d+) with )?size (\d+)", _out_of_bounds),
    (
        r"too many indices for array: array is (\d+)-dimensional, but (\d+) were indexed",
        lambda m: f"expected at most {m[1]} indices, one for each axis, not {m[2]}",
    ),
    (
        r"data type (.+) not understood|Cannot interpret (.+) as a data type|Cannot construct a dtype from an array|"
        r"Tuple must have size 2, but has size \d+",
        lambda m: "expected a dtype, as 'float32'",
    ),
    (
        r"operands could not be broadcast together with (?:re)?(?:mapped )?shapes? (?:\[.*?\]: )?(.*?)(?: and.*)?\s*",
        lambda m: f"expected shapes that fit; the shapes {m[1].strip()} {_BROADCAST}",
    ),
    (
        r"axis (-?\d+) is out of bounds for array of dimension (\d+)",
        lambda m: (
            f"expected an axis of the array; axis={m[1]} is out of bounds for a {m[2]}-dimensional array, use "
            f"{-int(m[2])} to {int(m[2]) - 1}"
            if m[2] != "0"
            else f"expected an axis of the array; axis={m[1]} is out of bounds: a single number has no axis"
        ),
    ),
    (
        r"ufunc '(\w+)' (?:not supported for the input types|did not contain a loop).*",
        lambda m: f"expected dtypes that NumPy's {m[1]} takes",
    ),
    (r"shape mismatch: objects cannot be broadcast.*", lambda m: "expected shapes that broadcast"),
    (r"negative dimensions are not allowed", lambda m: "expected lengths of at least 0"),
    (r"setting an array element with a sequence.*", lambda m: "expected lists of equal lengths"),
    (r"can only convert an array of size 1 to a Python scalar", lambda m: "expected one element"),
)


# Python's messages about the type of a value, whose name they do not give.
_OF_TYPE = (
    r"'([\w.]+)' object (?:is not|has no|cannot be|does not)|instances of '([\w.]+)' and '([\w.]+)'|"
    r"(?:object|argument) of type '([\w.]+)'|not '([\w.]+)'|, not ([\w.]+)$|type object '(\w+)'|type (\w+) doesn't|"
    r"argument must be .* not '?([\w.]+)'?|by non-int of type '(\w+)'|\"([\w.]+)\"\) to"
)


def _blame(call: str, text: str, arguments: Mapping[str, Any]) -> str:
    """Return the message about the argument whose type Python complains about, or ""."""
    match = re.search(_OF_TYPE, text)
    types_ = {name.rpartition(".")[2] for name in match.groups() if name} if match else set()
    if "truth value of an array" in text or "scalar arrays can be converted" in text:
        types_ = {"ndarray", "Tensor"}
    for name, value in arguments.items():
        if types_ & _type_names(value):
            subject = name if len(name) > 1 else f"the argument {name}"
            kind = "a class" if isinstance(value, type) else type(value).__name__
            received = describe_argument(name, value)
            return f"{call}: expected {subject} to be of another kind than {kind}; received {received}"
    return ""


def _type_names(value: Any) -> set[str]:
    """Return the names that Python may use for the type of a value, or for those of its entries."""
    values = [value, *(value if isinstance(value, (list, tuple)) else ())]
    names = {type(v).__name__ for v in values} | {v.__name__ for v in values if isinstance(v, type)}
    return names | ({value.dtype.name, value.dtype.type.__name__} if isinstance(value, np.ndarray) else set())


def _in_words(text: str) -> str:
    """Return NumPy's message, reworded if there is a more helpful one."""
    for pattern, reword in _REWORDINGS:
        match = re.fullmatch(pattern, text, re.DOTALL)
        if match:
            return reword(match)
    return text.strip().rstrip(".")


def _of_file(call: str, error: OSError) -> OSError:
    """Return the error about a file with the call that needs it; its number and file name stay."""
    if error.errno is None or error.filename is None or ": " in str(error.strerror):
        return error
    missing = isinstance(error, FileNotFoundError)
    why = "expected the path of a file that exists" if missing else str(error.strerror).lower()
    return type(error)(error.errno, f"{call}: {why}; received", error.filename)


def explain_error(
    call: str,
    error: Exception,
    arguments: Mapping[str, Any],
    kinds: Mapping[str, Kind],
    *,
    final: bool = True,
    retell: bool = False,
) -> Exception:
    """Return the error for the user: this one, if it has the call and its arguments already, else one that has them.

    Raise it where `error` was caught, without binding it to a name: an exception that refers to a frame which refers to
    the exception is a cycle. Write no `from None` where the cause of the original error should be kept.

    Args:
        call: the call, as users write it.
        error: the exception that it raised.
        arguments: its arguments, by name.
        kinds: the kinds of its arguments, by name.
        final: False where the call may be part of another one, which then explains the error anew.
        retell: whether an argument of the wrong kind takes precedence over the message of an inner call.

    Example:
        >>> error = explain_error("scale", TypeError("bad"), {"x": "text"}, {})
        >>> type(error).__name__
        'TypeError'
    """
    return _in_place_of(error, _explain(call, error, arguments, kinds, final, retell))


def _in_place_of(error: Exception, problem: Exception) -> Exception:
    """Return `problem` without a cause, so that `raise` shows only it; or the error, as if it had never been caught."""
    if problem is not error:
        problem.__cause__, problem.__suppress_context__ = None, True
    elif error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next  # `raise` adds the frame of the caller anew
    return problem


def _explain(
    call: str,
    error: Exception,
    arguments: Mapping[str, Any],
    kinds: Mapping[str, Kind],
    final: bool,
    retell: bool,
) -> Exception:
    if (unknown := re.search(_UNKNOWN, str(error))) and _is_of_signature(error):
        return _mark(TypeError(f"{call}: {unknown[0]}{_in_words_of(unknown[1], kinds)}"), str(error), final)
    if isinstance(error, RecursionError):
        return HOOKS.cycle_error(call, arguments) or error
    if _is_left_alone(error) or (getattr(error, "_final", False) and not retell):
        return error
    if isinstance(error, OSError):
        return _of_file(call, error)
    inner = getattr(error, "_bare", None)
    text = str(error) if getattr(error, "_final", False) else inner or str(error)
    says = (isinstance(error, _OURS) and inner is None) or "received" in text or "unexpected keyword" in text
    if says and _names(call, text):
        return _mark(error, text, final)
    for name, value in arguments.items():
        kind = kinds.get(name, ANYTHING)
        if kind is not ANYTHING and (kind.sure or not says) and not kind.accepts(value):
            return _with_text(error, refusal(call, name, kind.words, value), text, final)
    if says:
        return _with_text(error, f"{call}: {text}", text, final)
    if sentence := _blame(call, text, arguments):
        return _with_text(error, sentence, text, final)
    listed = ", ".join(describe_argument(name, value) for name, value in arguments.items() if value is not np._NoValue)
    message = _in_words(text.removeprefix(f"{call}: ").removeprefix(f"{call.rpartition('.')[2]}: "))
    message = f"expected an entry {text}" if isinstance(error, KeyError) else message or type(error).__name__
    return _with_text(error, f"{call}: {message}; received {listed or 'nothing'}", text, final)


def misfit(op: Any, inputs: Sequence[Any], params: Mapping[str, Any], error: Exception) -> Exception:
    """Return the error of an op's forward with the op and its inputs, where NumPy names neither."""
    if hasattr(error, "_bare"):
        return error
    call, text = _call_of(op, params), str(error)
    if why := _why_kinds(inputs, text):
        return _mark(TypeError(f"{call}: {why}"), why, False)
    if _is_left_alone(error):
        return error
    says = isinstance(error, _OURS) or (isinstance(error, ShapeError) and "received" in text)
    if says and text.startswith(f"{call}: "):
        return error
    for name, x in zip("xyzuvw", inputs, strict=False):
        if not is_numbers(x):
            wrong: Any = DtypeError if isinstance(error, TypeError) else ShapeError
            return _mark(wrong(refusal(call, name, NUMBERS.words, x)), text, False)
    of_shapes = type(error) is ValueError
    received = " and ".join(_shape_of(x) for x in inputs) or describe(params.get("shape"))
    received = f"shapes {received}" if op.name == "matmul" else received
    why = _why_shapes(op, inputs, text)
    if why:
        text = f"{call}: {why}; received {received}"
        return _mark(ShapeError(text), text, False) if of_shapes else _with_text(error, text, text, False)
    if sentence := _blame(call, text, params):
        return _with_text(error, sentence, text, False)
    if "ufunc" in text:  # a matter of dtypes
        received = " and ".join(
            f"{np.asarray(x).dtype if not hasattr(x, 'dtype') else x.dtype} {_shape_of(x)}" for x in inputs
        )
    listed = "".join(f", {describe_argument(n, v)}" for n, v in params.items() if v is not None and n != "index")
    message = f"{call}: {_in_words(text)}; received {received}{listed}"
    if of_shapes and not (op.ufunc is not None and not op.ufunc.signature):
        return _mark(ShapeError(message), text, False)
    return _with_text(error, message, text, False)


def _shape_of(x: Any) -> str:
    name, shape = getattr(x, "name", None), np.shape(x if hasattr(x, "shape") else np.asarray(x))
    return f"{name!r} {shape}" if name else f"{shape}"


def _why_kinds(inputs: Sequence[Any], text: str) -> str:
    """Return the problem with duck arrays, or "" if they are not the cause."""
    arrays = [a for a in map(innermost, inputs) if isinstance(a, np.ndarray) or is_duck_array(a)]
    kinds = sorted({f"{type(a).__module__}.{type(a).__qualname__}" for a in arrays})
    if not any(map(is_duck_array, arrays)):
        return ""
    if len(kinds) > 1:
        return (
            f"expected arrays of one kind; received {' and '.join(kinds)}. Convert one to the other's kind, by its "
            "library's asarray or by t.numpy()"
        )
    if "NotImplemented" in text or "no implementation found" in text:
        return f"{kinds[0]} has no such function. Compute it with NumPy's arrays: t.numpy()"
    return ""


def _why_shapes(op: Any, inputs: Sequence[Any], text: str) -> str:
    """Return the problem with the shapes, or "" if they are not the cause."""
    shapes = [np.shape(x if hasattr(x, "shape") else np.asarray(x)) for x in inputs]
    if op.name == "matmul" and all(shapes):
        rows = shapes[1][-2] if len(shapes[1]) > 1 else shapes[1][0]
        if shapes[0][-1] != rows:
            return f"the last axis of x has length {shapes[0][-1]} and must equal the {rows} rows of y"
    if "must be square" in text:
        return "expected square matrices, the last two axes of one length"
    if "at least two-dimensional" in text:
        return "expected matrices, of at least two axes"
    if op.ufunc is None or op.ufunc.signature:
        return ""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return f"expected shapes that fit; the shapes {_BROADCAST}"
    return ""


def _call_of(op: Any, params: Mapping[str, Any]) -> str:
    """Return the call of an op as users write it."""
    if op.name not in ("getitem", "index_update"):
        return str(op.name)
    index = ", ".join(_index_text(i) for i in params["index"])
    return f"t[{index}]" + (" = v" if op.name == "index_update" else "")


def _index_text(i: Any) -> str:
    if isinstance(i, slice):
        ends = ("" if end is None else str(end) for end in (i.start, i.stop, i.step))
        return ":".join(ends).removesuffix(":") if i.step is None else ":".join(ends)
    if isinstance(i, np.ndarray):
        return str(i.tolist()) if i.size <= 8 else f"array of shape {i.shape}"
    return "..." if i is Ellipsis else repr(i)


# ---- boundaries -----------------------------------------------------------------------------------------------------


def _copy_of(template: Any, function: Any) -> Any:
    """Return a copy of the template that belongs to the function's module, for doctest and tracebacks."""
    wrapper = types.FunctionType(
        template.__code__, function.__globals__, function.__name__, template.__defaults__, template.__closure__
    )
    wrapper.__dict__["_is_checked"] = True
    return functools.update_wrapper(wrapper, function)


def checked(function: F) -> F:
    """Decorate a public function, so that its errors name the call, the expectation and the received argument.

    Args:
        function: the function, whose annotations say what its arguments may be.

    Example:
        >>> @checked
        ... def half(width: float) -> float:
        ...     return width / 2
        >>> half("a")
        Traceback (most recent call last):
        TypeError: half: expected width to be a number; received width='a'
    """
    return _boundary(function, problem_of)


def _boundary(function: Any, problem_of: Any) -> Any:
    fold = fold_error

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            __tracebackhide__ = True
            raise fold(problem_of(function, error, args, kwargs))  # noqa: B904 `explain_error` has set its cause

    return _copy_of(call, function)


def problem_of(function: Any, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception:
    """Return the error of a function's call with the call, the expectation and the received argument.

    Args:
        function: the function that was called.
        error: what the call raised.
        args: its positional arguments.
        kwargs: its keyword arguments, by name.

    Example:
        >>> def scale(x: float) -> float:
        ...     return 2 * x
        >>> type(problem_of(scale, TypeError("bad"), ("text",), {})).__name__
        'TypeError'
    """
    call, arguments, kinds = function.__name__, bind_arguments(function, args, kwargs), kinds_of(function)
    if call in ("get", "serialize", "deserialize"):  # many modules have them, and constructors call them
        package, _, module = function.__module__.removeprefix("autograd_lite.").partition(".")
        call = f"{module.partition('.')[0] or package}.{call}"  # as users import it: layers.serialize
        return explain_error(call, error, arguments, kinds, final=False)
    return explain_error(call, error, arguments, kinds, retell=True)


# Methods that messages call by the name of the class alone.
_AS_CLASS = frozenset({"__init__", "__call__", "update_state", "loss_and_weight"})


def _problem_of_method(function: Any, error: Exception, args: Any, kwargs: Any) -> Exception:
    owner = args[0]
    kind = owner if isinstance(owner, type) else type(owner)
    if kind.__name__.startswith("_"):  # the user has not called it by this name
        return error
    own = function.__name__ in _AS_CLASS
    arguments = bind_arguments(function, args, kwargs)
    arguments.pop(next(iter(kinds_of(function)), ""), None)
    arguments.pop("argument 1", None)
    call = kind.__name__ if own else f"{kind.__name__}.{function.__name__}"
    kinds = _kinds_of_constructor(kind) if function.__name__ == "__init__" else kinds_of(function)
    return explain_error(call, error, arguments, kinds, retell=own)


def _kinds_of_constructor(cls: type) -> dict[str, Kind]:
    """Return the kinds of a constructor's arguments, including those of the bases that it passes arguments to."""
    kinds: dict[str, Kind] = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base):
            kinds |= kinds_of(vars(base)["__init__"])
    return kinds


def _checked_constructor(function: Any) -> Any:
    checked_call, verify, kinds = _boundary(function, _problem_of_method), _verify, dict[str, Kind]()
    names = function.__code__.co_varnames[1 : function.__code__.co_argcount]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        checked_call(self, *args, **kwargs)
        verify(self, function, kinds, zip(names, args, strict=False))
        if kwargs:
            verify(self, function, kinds, kwargs.items())

    return _copy_of(__init__, function)


def _verify(instance: Any, function: Any, kinds: dict[str, Kind], arguments: Iterable[tuple[str, Any]]) -> None:
    """Raise for an argument of the wrong kind that the constructor has accepted."""
    if not kinds:  # found at the first call, since there are many classes
        kinds |= kinds_of(function)
    for name, value in arguments:
        kind = kinds.get(name, ANYTHING)
        if kind.sure and value.__class__ not in kind.quick and not kind.accepts(value):
            raise TypeError(refusal(type(instance).__name__, name, kind.words, value))


def _takes_arguments(method: types.FunctionType) -> bool:
    code = method.__code__
    spread = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount > 1 or bool(spread)


def checked_class(cls: C, *, without: Iterable[str] = ()) -> C:
    """Decorate a class, so that errors of its constructor and public methods name the call and the received arguments.

    Args:
        cls: the class; its methods are replaced, not those of its bases.
        without: methods that are called too often, or that explain their errors themselves.

    Example:
        >>> class Scale:
        ...     def __init__(self, factor: float):
        ...         self.factor = factor
        >>> Scale = checked_class(Scale)
        >>> Scale(2.0).factor
        2.0
    """
    for name, member in list(vars(cls).items()):
        if name in without or (name.startswith("_") and name not in ("__init__", "__call__")):
            continue
        if hasattr(member, "_is_checked"):
            continue
        if isinstance(member, types.FunctionType) and not _takes_arguments(member):
            continue
        if isinstance(member, classmethod):
            setattr(cls, name, classmethod(_boundary(member.__func__, _problem_of_method)))
        elif isinstance(member, types.FunctionType):
            constructs = name == "__init__"
            setattr(cls, name, _checked_constructor(member) if constructs else _boundary(member, _problem_of_method))
    return cls

"""Kinds of arguments, read from the annotations of functions, and descriptions of values for messages.

`NAMES` is for parameters without annotations, such as those of NumPy's functions: there the name implies the kind.
"""

from __future__ import annotations

import inspect
import operator
import re
import types
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Number, Real
from typing import Any, NamedTuple

import numpy as np

from .duck_arrays import as_array, is_duck_array, refuse_masked
from .errors import DtypeError

# ---- kinds of arguments ---------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """The values that an argument may have: as text, and as a test.

    A kind is `sure` if its test is exact: an argument that fails it is wrong, whatever the error says. Values of the
    types in `quick` always pass.

    Args:
        words: the expectation, such as "a number".
        accepts: whether a value passes.
        sure: whether the test is exact.
        quick: types whose values pass untested.

    Example:
        >>> Kind("a string", lambda value: isinstance(value, str)).accepts("text")
        True
    """

    words: str
    accepts: Callable[[Any], bool]
    sure: bool = True
    quick: frozenset[type] = frozenset()


def _is_integer(value: Any) -> bool:
    if isinstance(value, str):
        return False
    try:
        operator.index(value)
    except Exception:
        return False
    return True


def _is_number(value: Any) -> bool:
    if isinstance(value, (Real, np.number, np.bool_)):
        return True
    return getattr(value, "shape", None) == () and value.dtype.kind in "biuf"


def _is_bool(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_)) or (isinstance(value, (int, np.integer)) and value in (0, 1))


def _is_dtype(value: Any) -> bool:
    try:
        np.dtype(value)
    except Exception:
        return False
    return True


def is_numbers(value: Any) -> bool:
    """True if NumPy turns the value into numbers; Tensors count.

    Args:
        value: any object: a number, an array, a Tensor, or a nested list.

    Example:
        >>> is_numbers([1.0, 2.0]), is_numbers("text")
        (True, False)
    """
    if hasattr(value, "__apply_op__") or is_duck_array(value):
        return True
    try:
        dtype = np.asarray([_outline(v) for v in value] if isinstance(value, (list, tuple)) else value).dtype
    except Exception:
        return False
    return dtype.kind in "biufc"


def _outline(value: Any) -> Any:
    """Return a stand-in for an entry of a list: only the shape of a Tensor matters."""
    if isinstance(value, (list, tuple)):
        return [_outline(v) for v in value]
    return np.zeros(value.shape) if hasattr(value, "__apply_op__") or is_duck_array(value) else value


def _is_arrays(value: Any) -> bool:
    return is_numbers(value) or (isinstance(value, (list, tuple)) and all(is_numbers(v) for v in value))


def _is_called(value: Any, name: str) -> bool:
    return any(base.__name__ == name for base in type(value).__mro__)


def is_sequence(value: Any) -> bool:
    """True if the value can be iterated over and is neither a string nor a dict."""
    return (
        isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)) and bool(getattr(value, "ndim", 1))
    )


OUR_PACKAGES = frozenset({"autograd_lite"})
ANYTHING = Kind("", lambda value: True, sure=False)
NUMBERS = Kind("numbers (an array, a Tensor, or lists of equal lengths)", is_numbers)
_PATH = Kind("a path", lambda value: isinstance(value, str) or hasattr(value, "__fspath__"))
# The kinds of annotations. One that is missing here allows anything.
_BY_ANNOTATION: dict[str, Kind] = {
    "int": Kind("an integer", _is_integer, quick=frozenset({int})),
    "float": Kind("a number", _is_number, quick=frozenset({int, float})),
    "complex": Kind("a number", lambda value: _is_number(value) or isinstance(value, Number)),
    "bool": Kind("True or False", _is_bool, quick=frozenset({bool})),
    "str": Kind("a string", lambda value: isinstance(value, str), quick=frozenset({str})),
    "None": Kind("None", lambda value: value is None, quick=frozenset({type(None)})),
    "npt.DTypeLike": Kind("a dtype", _is_dtype),
    "npt.ArrayLike": NUMBERS,
    "Array": NUMBERS,
    "npt.NDArray[Any]": NUMBERS,
    "Tensor": NUMBERS,
    "Targets": NUMBERS,
    "Callable": Kind("a function", callable, sure=False),
    "Graph": Kind("a Graph, as build_graph makes it", lambda value: _is_called(value, "Graph")),
    "PureGraph": Kind("a Graph, as build_graph makes it", lambda value: _is_called(value, "PureGraph")),
    "os.PathLike": _PATH,
    "Path": _PATH,
    "Arrays": Kind("an array, or a list of arrays", lambda value: _is_arrays(value), sure=False),
    "Mapping": Kind("a dict", lambda value: isinstance(value, Mapping), sure=False),
    "Generator": Kind("a Generator", lambda value: hasattr(value, "bits"), sure=False),
}
_BY_ANNOTATION |= {"dict": _BY_ANNOTATION["Mapping"], "PathLike": _PATH, "Function": _BY_ANNOTATION["Callable"]}
_ALIASES = {"Axis": "int | Sequence[int] | None", "Shape": "Sequence[int]"}
_SEQUENCES = frozenset({"Sequence", "list", "tuple", "Iterable", "Collection", "set", "frozenset"})
_PLURALS = {"int": "integers", "float": "numbers", "str": "strings", "bool": "True or False", "Tensor": "Tensors"}
# The annotations of parameters that have none, by name: those of NumPy's functions.
_AXES = "int | Sequence[int] | None"
NAMES: dict[str, str] = {
    **dict.fromkeys(("axis", "axes", "axis1", "axis2", "source", "destination", "start"), _AXES),
    **dict.fromkeys(("a", "b", "x", "y", "x1", "x2", "arr", "ary", "array", "m", "v", "condition"), "npt.ArrayLike"),
    **dict.fromkeys(("dtype",), "npt.DTypeLike | None"),
    **dict.fromkeys(("keepdims",), "bool"),
    **dict.fromkeys(("shape", "newshape", "reps", "shift"), "int | Sequence[int]"),
    **dict.fromkeys(("k", "decimals", "offset"), "int"),
    **dict.fromkeys(("min", "max", "a_min", "a_max"), "npt.ArrayLike | None"),
    **dict.fromkeys(("generator",), "Generator | None"),
    "repeats": "Repeats",
}
_BY_ANNOTATION["Repeats"] = Kind(
    "integers of at least 0",
    lambda value: is_numbers(value) and np.asarray(value).dtype.kind in "biu" and bool(np.all(np.asarray(value) >= 0)),
)


def _split_at(annotation: str, separator: str) -> list[str]:
    """Split an annotation where no bracket is open."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(annotation):
        depth += (c in "[(") - (c in "])")
        if c == separator and depth == 0:
            parts.append(annotation[start:i].strip())
            start = i + 1
    return [*parts, annotation[start:].strip()]


def _kind(annotation: str, names: Mapping[str, Any]) -> Kind:
    """Return the kind of an annotation.

    Args:
        annotation: as in the source.
        names: the globals of its module, to look up classes and aliases.
    """
    parts = _split_at(_ALIASES.get(annotation, annotation), "|")
    if len(parts) > 1:
        kinds = [_kind(part, names) for part in parts]
        if ANYTHING in kinds:
            return ANYTHING
        words = list(dict.fromkeys(kind.words for kind in kinds))
        listed = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
        sure = all(kind.sure for kind in kinds)
        quick = frozenset().union(*(kind.quick for kind in kinds))
        return Kind(listed, lambda value: any(kind.accepts(value) for kind in kinds), sure, quick)
    part = parts[0].strip("'\"")
    head, _, inside = part.partition("[")
    if (kind := _BY_ANNOTATION.get(part) or _BY_ANNOTATION.get(head)) is not None:
        return kind
    last = head.rpartition(".")[2]
    if last in _SEQUENCES:
        return _sequence(_split_at(inside[:-1], ","), names)
    if last == "Literal":
        return Kind(f"one of {inside[:-1]}", lambda value: repr(value).replace("'", '"') in inside.replace("'", '"'))
    return _kind_named(part, names)


def _kind_named(name: str, names: Mapping[str, Any]) -> Kind:
    """Return the kind of a class or an alias."""
    target = names.get(name)
    if (
        isinstance(target, type)
        and not getattr(target, "_is_protocol", False)
        and target.__module__.partition(".")[0] in OUR_PACKAGES
    ):
        return Kind(f"a{'n' if name[0] in 'AEIOU' else ''} {name}", lambda value: isinstance(value, target), sure=False)
    if isinstance(target, (types.UnionType, types.GenericAlias)):
        # Python 3.12 and later show only the name of an alias of an alias, as ours of NumPy's DTypeLike: no recursion.
        others = {other: value for other, value in names.items() if other != name}
        return _kind(re.sub(r"\b(\w+\.)+(?=[A-Z])", "", str(target)), others)
    return ANYTHING


def _sequence(inside: list[str], names: Mapping[str, Any]) -> Kind:
    entries = [part for part in inside if part and part != "..."]
    each = _kind(entries[0], names) if len(set(entries)) == 1 else ANYTHING
    words = f"a sequence of {_PLURALS[entries[0]]}" if each is not ANYTHING and entries[0] in _PLURALS else "a sequence"

    def accepts(value: Any) -> bool:
        if not is_sequence(value):
            return False
        return not isinstance(value, (list, tuple)) or all(each.accepts(v) for v in value)

    return Kind(words, accepts, sure=False)


# Methods whose unannotated arguments are of the kinds that `NAMES` states; others, such as `fit`, take many kinds of
# `x`.
_CALLS = frozenset({"__call__", "call", "update_state", "loss_and_weight"})
_CACHE: weakref.WeakKeyDictionary[Any, dict[str, Kind]] = weakref.WeakKeyDictionary()


def kinds_of(function: Callable[..., Any]) -> dict[str, Kind]:
    """Return the kind of each parameter of a function, in order, from its annotation or else its name.

    Args:
        function: a function with annotations, or with arguments of common names such as `axis` and `dtype`.

    Example:
        >>> def scale(x: float) -> float:
        ...     return 2 * x
        >>> kinds_of(scale)["x"].words
        'a number'
    """
    if not isinstance(function, types.FunctionType):  # written in C: it has no annotations
        return {}
    kinds = _CACHE.get(function)
    if kinds is None:
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):
            return {}
        namespace = getattr(inspect.unwrap(function), "__globals__", {})
        by_name = NAMES if "self" not in parameters or function.__name__ in _CALLS else {}
        kinds = _CACHE[function] = {name: _kind_of_parameter(p, namespace, by_name) for name, p in parameters.items()}
    return kinds


def _kind_of_parameter(p: inspect.Parameter, namespace: Mapping[str, Any], by_name: Mapping[str, str]) -> Kind:
    if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
        return ANYTHING
    text = p.annotation if isinstance(p.annotation, str) else getattr(p.annotation, "__name__", str(p.annotation))
    if p.annotation is p.empty or text in ("Any", "object"):
        text = by_name.get(p.name, "Any")
    kind = _kind(text, namespace)
    if kind is ANYTHING or p.default is p.empty:
        return kind
    # A parameter's default value may always be given.
    return kind._replace(accepts=lambda value: value is p.default or kind.accepts(value))


# ---- as text --------------------------------------------------------------------------------------------------------


def describe(value: Any) -> str:
    """Return a short description of a value; for an array, its shape and dtype.

    Args:
        value: any object.

    Example:
        >>> describe(np.zeros((2, 3)))
        'ndarray of shape (2, 3) float64'
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, np.ufunc)):
        return f"the function {value.__name__}"
    if is_array(value):
        if isinstance(value, np.ndarray) and not value.ndim and value.dtype.kind not in "biufc":
            return describe(value.item())
        return f"{type(value).__name__} of shape {tuple(value.shape)} {value.dtype}"
    if isinstance(value, (list, tuple)) and any(is_array(v) for v in value):
        listed = ", ".join(f"shape {tuple(v.shape)}" if is_array(v) else describe(v) for v in value[:4])
        return f"a {type(value).__name__} of {len(value)}: {listed}{', …' if len(value) > 4 else ''}"
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = ""
    if not text or " object at 0x" in text:
        return f"an object of the class {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:50]}…, a {type(value).__name__}"


def is_array(value: Any) -> bool:
    """True if the value has a shape and a dtype, as arrays and Tensors do."""
    return hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, (np.generic, type))


def describe_argument(name: str, value: Any) -> str:
    """Return an argument as text, `name=value`."""
    return describe(value) if " " in name else f"{name}={describe(value)}"


def refusal(call: str, name: str, words: str, value: Any) -> str:
    """Return the message about one argument of the wrong kind.

    Args:
        call: the name of the call.
        name: of the argument.
        words: the expected kind, as in "a number".
        value: the received object.

    Example:
        >>> refusal("scale", "x", "a number", "text")
        "scale: expected the argument x to be a number; received x='text'"
    """
    subject = name if len(name) > 1 else f"the argument {name}"
    return f"{call}: expected {subject} to be {words}; received {describe_argument(name, value)}{_hint(words, value)}"


def _hint(words: str, value: Any) -> str:
    if "numbers (" not in words:
        return ""
    if isinstance(value, (list, tuple)):
        try:
            np.asarray(value)
        except Exception:
            return ". Its rows have different lengths: pad them, or pass them one by one"
    return ""


def require_function(call: str, f: Any) -> None:
    """Raise if the argument of a transformation is not a function.

    Args:
        call: the name of the call, for the message.
        f: the argument.

    Raises:
        TypeError: if it is not callable.

    Example:
        >>> require_function("grad", len)
    """
    if not callable(f):
        more = ". Write it as a function of x, such as lambda x: …" if is_array(f) else ""
        raise TypeError(f"{call}: expected a function; received {describe(f)}{more}")


def numbers(call: str, name: str, value: Any, dtype: Any = None) -> Any:
    """Convert numbers to an array.

    Args:
        call: the name of the call, for the message.
        name: of the argument.
        value: a number, a nested list, or an array.
        dtype: of the array; by default the one that NumPy finds.

    Raises:
        TypeError: if the value is not numeric.
        ValueError: for lists of different lengths.

    Example:
        >>> numbers("scale", "x", [1, 2])
        array([1, 2])
    """
    try:
        array = as_array(value, dtype)
    except (TypeError, ValueError) as error:
        refuse_masked(value, caller=call)
        if dtype is not None and is_numbers(value):
            raise
        wrong = refusal(call, name, NUMBERS.words, value)
        raise (TypeError(wrong) if isinstance(error, TypeError) else ValueError(wrong)) from None
    if array.dtype.kind not in "biufc":
        raise DtypeError(refusal(call, name, NUMBERS.words, value))
    return array


def bind_arguments(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, as far as they match the signature.

    Args:
        function: a function with a signature.
        args: the positional arguments of a call.
        kwargs: its keyword arguments, by name. Those that do not match the signature are left out.

    Example:
        >>> bind_arguments(lambda x, y=2: x, (1,), {})
        {'x': 1}
    """
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return {**{f"argument {i + 1}": value for i, value in enumerate(args)}, **kwargs}
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if value is bound.signature.parameters[name].default:
            continue
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            named |= {f"{name}[{i}]": v for i, v in enumerate(value)}
        elif kind is inspect.Parameter.VAR_KEYWORD:
            named |= value
        else:
            named[name] = value
    return named

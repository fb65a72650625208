"""Encoding of values in JSON, and decoding: one codec for graphs, compiled functions, models and checkpoints.

None, bools, integers that every reader of JSON can hold, finite floats, strings and lists are written unchanged. Any
other value is an object whose first entry names its form: a tuple is {"tuple": [...]}, a dict
{"dict": [[key, value], ...]}. A file may add further forms, such as arrays.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from types import EllipsisType
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from .refusals import PlainText, Unreadable, clip_text, refuse

_UNREAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MOST = 2**53  # readers that know only double precision would change larger integers


def _write_none(codec: Codec, x: Any, where: str) -> NoReturn:
    refuse("a value that can be written", x, where)


def _read_none(codec: Codec, text: Any) -> NoReturn:
    refuse("a value that can be read", text)


class Form(NamedTuple):
    """The encoding of values of one kind.

    Attributes:
        kind: their class or classes; none for a form that is only read.
        write: `(codec, value, place) -> object`, the encoded value.
        read: `(codec, object) -> value`, of an object whose first entry has the form's name.
    """

    kind: type | tuple[type, ...] = ()
    write: Callable[[Codec, Any, str], Any] = _write_none
    read: Callable[[Codec, Any], Any] = _read_none


class Codec:
    """Writes values, and reads them without trust.

    Args:
        forms: by name, in addition to `FORMS` or in place of them.
        other: `(codec, value, place) -> object` for values without a form; by default they are an error.
        only: the names of the forms in `FORMS` to use; all of them by default.

    Example:
        >>> codec = Codec({"set": one_entry("set", set, lambda codec, x, where: sorted(x), lambda codec, x: set(x))})
        >>> codec.write({"a": (1, {3}), "b": float("nan")})
        {'dict': [['a', {'tuple': [1, {'set': [3]}]}], ['b', {'float': 'NaN'}]]}
        >>> codec.read(codec.write([(1, {3}), slice(2)]))
        [(1, {3}), slice(None, 2, None)]
    """

    def __init__(
        self,
        forms: Mapping[str, Form] | None = None,
        other: Callable[[Codec, Any, str], Any] | None = None,
        only: tuple[str, ...] | None = None,
    ) -> None:
        own = forms or {}
        common = {name: form for name, form in FORMS.items() if name not in own and (only is None or name in only)}
        self.forms = {**own, **common}
        self._other = other or _no_form

    def write(self, x: Any, where: str = "") -> Any:
        """Return the JSON of a value.

        Args:
            x: the value.
            where: its place: keys and indices joined by slashes.
        """
        if x is None or x.__class__ is bool or x.__class__ is str:
            return x
        for form in self.forms.values():
            if isinstance(x, form.kind):
                return form.write(self, x, where)
        return self._other(self, x, where)

    def read(self, text: Any) -> Any:
        """Return the value of a JSON text.

        Raises:
            Unreadable: if no value has this encoding.
        """
        if text is None or text.__class__ in (bool, int, float, str):
            return text
        if text.__class__ is list and "list" in self.forms:
            return list(map(self.read, text))
        name = next(iter(text), "") if text.__class__ is dict else ""
        if name not in self.forms:
            refuse(f"a plain value, or an object with one of {', '.join(self.forms)}", text)
        try:
            return self.forms[name].read(self, text)
        except Unreadable:
            raise
        except (TypeError, ValueError, OverflowError, LookupError) as error:
            refuse(f"a value of the form {name!r}", PlainText(f"{clip_text(text, 60)} ({clip_text(str(error), 60)})"))

    def several(self, parts: Any, n: int | None = None) -> list[Any]:
        """Return the values of a list.

        Raises:
            Unreadable: if it is not a list, or has the wrong length.
        """
        if parts.__class__ is not list or n not in (None, len(parts)):
            refuse("a list" if n is None else f"a list of {n}", parts)
        return list(map(self.read, parts))


def one_entry(
    name: str,
    kind: type | tuple[type, ...] = (),
    write: Callable[[Codec, Any, str], Any] = _write_none,
    read: Callable[[Codec, Any], Any] = _read_none,
) -> Form:
    """Return the form of an object of one entry.

    Args:
        name: the name of the entry.
        kind: the class of the values; none for a form that is only read.
        write: `(codec, value, place) -> content` of the entry.
        read: `(codec, content) -> value`.
    """

    def read_it(codec: Codec, text: dict[str, Any]) -> Any:
        return read(codec, text[name]) if len(text) == 1 else refuse("an object of one entry", text)

    return Form(kind, lambda codec, x, where: {name: write(codec, x, where)}, read_it)


def arrays_by_name(held: dict[str, npt.NDArray[Any]], kind: type | tuple[type, ...] = (np.ndarray, np.generic)) -> Form:
    """Return the form of arrays that are in a file by their names; the file has real numbers in C order.

    Args:
        held: the arrays of the file; written arrays are added.
        kind: the classes that are written as arrays.
    """

    def write(codec: Codec, x: Any, where: str) -> dict[str, Any]:
        a = np.asarray(x)
        about: dict[str, Any] = {"array": free_name(where, held)}
        if not isinstance(x, np.ndarray):
            about["scalar"] = True
        axes = sorted(range(a.ndim), key=lambda k: (-abs(a.strides[k]), k))
        if axes != list(range(a.ndim)) and a.transpose(axes).flags.c_contiguous:
            about["axes"] = axes  # in memory order, on which the rounding of sums depends
            a = a.transpose(axes)
        a = np.ascontiguousarray(a).reshape(a.shape)
        if a.dtype.newbyteorder("=") in (np.complex64, np.complex128):
            about["complex"] = True
            a = a.reshape(*a.shape, 1).view(a.real.dtype)
        held[about["array"]] = a
        return about

    def read(codec: Codec, text: dict[str, Any]) -> Any:
        a = held[text["array"]]
        if text.get("complex"):
            if a.ndim == 0 or a.shape[-1] != 2 or a.dtype not in (np.float32, np.float64):
                refuse("pairs of numbers", f"{a.dtype}{a.shape}")
            a = a.view(np.result_type(a.dtype, np.complex64))[..., 0]
        axes = text.get("axes", list(range(a.ndim)))
        if not isinstance(axes, list) or sorted(axes, key=str) != sorted(range(a.ndim), key=str):
            refuse("the axes of the array", axes)
        a = a.copy().transpose(np.argsort(axes)) if a.ndim else a.copy()
        return a[()] if text.get("scalar") and not a.ndim else a

    return Form(kind, write, read)


def free_name(name: str, taken: Mapping[str, Any]) -> str:
    """Return a name, with a number appended if it is taken."""
    free, k = name, 0
    while free in taken:
        k += 1
        free = f"{name}.{k}"
    return free


def as_plain(value: Any, without: type | tuple[type, ...] = ()) -> Any:
    """Return records of facts as what JSON knows: dicts, lists, strings and finite numbers; anything else as text.

    Args:
        value: a dataclass, a NamedTuple, or a list or tuple of such.
        without: the types of fields that are left out.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {name: as_plain(part, without) for name, part in parts.items() if not isinstance(part, without)}
    if hasattr(value, "_asdict"):  # a NamedTuple
        return {name: as_plain(part, without) for name, part in value._asdict().items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(part, without) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def number_text(x: float) -> float | str:
    """Return a number for JSON: NaN and infinities as strings."""
    if math.isfinite(x):
        return float(x)
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def number_of(text: Any) -> float:
    """Return the number of a result of `number_text`.

    Raises:
        Unreadable: if it is neither a number nor one of the strings.
    """
    if text.__class__ in (int, float):
        return float(text)
    if text.__class__ is str and text in _UNREAL:
        return _UNREAL[text]
    refuse('a number, "NaN", "Infinity" or "-Infinity"', text)


def dtype_named(name: Any, kinds: str = "") -> np.dtype[Any]:
    """Return the dtype with a name; `np.dtype` would accept much more than names.

    Args:
        name: an untrusted value.
        kinds: the allowed kinds, as letters; any by default.

    Raises:
        Unreadable: if there is no such dtype.
    """
    try:
        if isinstance(name, str) and re.fullmatch(r"[<>|=]?[A-Za-z]\w*(\[\w+\])?", name):
            dtype = np.dtype(name)
            if not kinds or dtype.kind in kinds:
                return dtype
    except (TypeError, ValueError):
        pass
    refuse("the name of a NumPy dtype" + (" of numbers" if kinds else ""), name)


def _no_form(codec: Codec, x: Any, where: str) -> NoReturn:
    raise TypeError(f"expected plain values; received a {type(x).__name__}, {x!r:.60}, at {where}")


def _several(codec: Codec, parts: Any, where: str) -> list[Any]:
    return [codec.write(part, f"{where}/{i}") for i, part in enumerate(parts)]


def _digits(codec: Codec, digits: Any) -> int:
    if not isinstance(digits, str) or not re.fullmatch(r"-?[0-9]{1,4300}", digits):
        refuse("the digits of an integer", digits)
    return int(digits)


def _complex(codec: Codec, parts: Any) -> complex:
    real, imaginary = parts if parts.__class__ is list else refuse("a list of 2", parts)
    return complex(number_of(real), number_of(imaginary))


def _dict(codec: Codec, pairs: Any) -> dict[Any, Any]:
    if pairs.__class__ is not list:
        refuse("a list of pairs", pairs)
    return dict(codec.several(pair, 2) for pair in pairs)


FORMS: dict[str, Form] = {
    "str": Form(str, lambda codec, x, where: str(x)),
    "int": one_entry("int", read=_digits)._replace(
        kind=int, write=lambda codec, x, where: int(x) if abs(x) < _MOST else {"int": str(int(x))}
    ),
    "float": one_entry("float", read=lambda codec, name: _UNREAL[name])._replace(
        kind=float, write=lambda codec, x, where: float(x) if math.isfinite(x) else {"float": number_text(x)}
    ),
    "list": one_entry("list", read=lambda codec, parts: codec.several(parts))._replace(kind=list, write=_several),
    "tuple": one_entry("tuple", tuple, _several, lambda codec, parts: tuple(codec.several(parts))),
    "dict": one_entry(
        "dict",
        Mapping,
        lambda codec, x, where: [[codec.write(k, where), codec.write(v, f"{where}/{k}")] for k, v in x.items()],
        _dict,
    ),
    "slice": one_entry(
        "slice",
        slice,
        lambda codec, x, where: _several(codec, (x.start, x.stop, x.step), where),
        lambda codec, parts: slice(*codec.several(parts, 3)),
    ),
    "complex": one_entry(
        "complex", complex, lambda codec, x, where: [number_text(x.real), number_text(x.imag)], _complex
    ),
    "dtype": one_entry("dtype", np.dtype, lambda codec, x, where: str(x), lambda codec, name: dtype_named(name)),
    "ellipsis": one_entry(
        "ellipsis",
        EllipsisType,
        lambda codec, x, where: True,
        lambda codec, x: Ellipsis if x is True else refuse("true", x),
    ),
}

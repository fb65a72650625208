"""Checks of arguments: functions of the caller, the argument's name and its value, which return the value to keep.

One policy holds everywhere: a value of the wrong type is a TypeError, one of the right type but out of range a
ValueError. The caller is the object whose argument it is, whose class is then named, or a string.

`checked` decorates functions, whose errors then name the call, the expected and the received. Classes need nothing:
whatever derives from `Registered`, `Module` or `Callback` comes to `checked_here` when it is defined.

Example:
    >>> positive("Dense", "units", 3)
    3
    >>> positive("Dense", "units", 0)
    Traceback (most recent call last):
    ValueError: Dense: expected units to be a positive integer; received units=0
    >>> positive("Dense", "units", "3")
    Traceback (most recent call last):
    TypeError: Dense: expected units to be a positive integer; received units='3'
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from autograd_lite import DtypeError, Generator, Tensor
from autograd_lite.arrays import is_duck_array
from autograd_lite.extend import (
    NAMES as NAMES,
    bind_arguments as bound,
    checked as checked,
    checked_class as checked_class,
    explain_error as explained,
    kinds_of as kinds_of,
    problem_of as problem_of,
    refusal,
)

from .docstrings import describe_methods

T = TypeVar("T", bound=type)
Check = Callable[[Any, str, Any], Any]
Seed = int | Generator | None


def speaker(owner: Any) -> str:
    """Return the name of the caller in an error: a string as it is, an object's class."""
    return owner if isinstance(owner, str) else type(owner).__name__


def argument_error(kind: type[Exception], caller: Any, name: str, expected: str, value: Any) -> Exception:
    """Return the error that names the call, the expected and the received."""
    return kind(refusal(speaker(caller), name, expected, value))


def is_number(value: Any) -> bool:
    """Return whether `value` is a real number; bools do not count."""
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, Real) or (getattr(value, "shape", None) == () and value.dtype.kind in "iuf")


def is_text(value: Any) -> bool:
    """Return whether `value` is an array of strings or of bytes; one of dtype object may hold nothing else."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind != "O":
        return kind in ("U", "S", "T")
    return all(issubclass(part, (str, bytes)) for part in set(map(type, value.flat)))


def as_array(value: Any) -> Any:
    """Return `value` as an array, lists of strings as objects: a fixed width would be the longest one's.

    An array of another library, which implements NumPy's protocols, stays as it is.
    """
    if is_duck_array(value):
        return value
    first = value
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return np.asarray(value, object if isinstance(first, (str, bytes)) else None)


def as_scalar(caller: str, value: Any) -> float:
    """Return a number, or an array or Tensor that has one, as a float.

    Raises:
        TypeError: if it is not a single number.
    """
    try:
        return float(value.item() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError):
        raise TypeError(f"{caller}: expected a single number; received {value!r:.80}") from None


def is_integer(value: Any) -> bool:
    """Return whether `value` is an integer; bools do not count."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


# ---- numbers --------------------------------------------------------------------------------------------------------


def number(
    low: float = -math.inf, high: float = math.inf, *, above: float | None = None, below: float | None = None
) -> Check:
    """Return the check of a finite number, which is kept as a Python float: NumPy's would promote float32 arrays.

    Args:
        low: the smallest value allowed.
        high: the largest value allowed.
        above: a bound that every value must exceed, in place of `low`.
        below: a bound that every value must stay under, in place of `high`.

    Example:
        >>> number(0, below=1)("Dropout", "rate", 1.0)
        Traceback (most recent call last):
        ValueError: Dropout: expected rate to be a number of at least 0 and below 1; received rate=1.0
    """
    expected = in_range(low, high, above, below)

    def check(caller: Any, name: str, value: Any) -> float:
        if not is_number(value):
            raise argument_error(TypeError, caller, name, expected, value)
        x = float(value)
        in_bounds = low <= x <= high and (above is None or x > above) and (below is None or x < below)
        if not in_bounds or math.isinf(x):
            raise argument_error(ValueError, caller, name, expected, value)
        return x

    return check


def in_range(low: float, high: float, above: float | None = None, below: float | None = None) -> str:
    """Return the text for a number in this range: "a number of at least 0 and below 1"."""
    if above is below is None and -math.inf < low and high < math.inf:
        return f"a number from {low:g} to {high:g}"
    least = f"above {above:g}" if above is not None else f"of at least {low:g}" if low != -math.inf else ""
    most = f"below {below:g}" if below is not None else f"at most {high:g}" if high != math.inf else ""
    return " ".join(
        filter(None, ["a number" if most else "a finite number", least, "and" if least and most else "", most])
    )


def integer(low: float = -math.inf, high: float = math.inf) -> Check:
    """Return the check of an integer from `low` to `high`, both allowed; floats are refused, 3.0 too."""
    usual = {-math.inf: "an integer", 0: "a non-negative integer", 1: "a positive integer"}
    expected = (
        usual.get(low, f"an integer of at least {low}") if high == math.inf else f"an integer from {low} to {high}"
    )

    def check(caller: Any, name: str, value: Any) -> int:
        if not is_integer(value):
            raise argument_error(TypeError, caller, name, expected, value)
        if not low <= value <= high:
            raise argument_error(ValueError, caller, name, expected, value)
        return int(value)

    return check


any_integer = integer()
positive = integer(1)
not_negative = integer(0)


def as_seed(caller: Any, name: str, value: Any) -> int | Generator | None:
    """Check that `value` is a seed, or a stream of random numbers, such as a SeedGenerator; Keras's configurations too.

    Example:
        >>> as_seed("Dropout", "seed", {"class_name": "SeedGenerator", "config": {"seed": 3}})
        3
    """
    if isinstance(value, Mapping) and value.get("class_name") == "SeedGenerator":
        value = dict(value["config"]).get("seed")
    if value is None or isinstance(value, Generator):
        return value
    expected = "a non-negative integer, a SeedGenerator, or None"
    if not is_integer(value):
        raise argument_error(TypeError, caller, name, expected, value)
    if value < 0:
        raise argument_error(ValueError, caller, name, expected, value)
    return int(value)


# ---- others ---------------------------------------------------------------------------------------------------------


def flag(caller: Any, name: str, value: Any) -> bool:
    """Check that `value` is True or False, or 1 or 0, and return it as a bool."""
    if isinstance(value, (bool, np.bool_)) or (is_integer(value) and value in (0, 1)):
        return bool(value)
    raise argument_error(TypeError, caller, name, "True or False", value)


def text(caller: Any, name: str, value: Any) -> str:
    """Check that `value` is a string."""
    if not isinstance(value, str):
        raise argument_error(TypeError, caller, name, "a string", value)
    return value


def one_of(*allowed: str) -> Check:
    """Return the check of a word; upper and lower case are the same, and the word is kept as it is spelled here."""
    spelled = {word.lower(): word for word in allowed}
    expected = f"one of {', '.join(allowed)}"

    def check(caller: Any, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise argument_error(TypeError, caller, name, expected, value)
        if value.lower() not in spelled:
            error = argument_error(ValueError, caller, name, expected, value)
            raise ValueError(f"{error}{did_you_mean(value, allowed)}")
        return spelled[value.lower()]

    return check


def optional(check: Check) -> Check:
    """Return the check that also lets None pass.

    Example:
        >>> optional(positive)("Discretization", "num_bins", 0)
        Traceback (most recent call last):
        ValueError: Discretization: expected num_bins to be a positive integer, or None; received num_bins=0
    """

    def check_optional(caller: Any, name: str, value: Any) -> Any:
        try:
            return None if value is None else check(caller, name, value)
        except (TypeError, ValueError) as error:
            error.args = (str(error).replace("; received", ", or None; received", 1),)
            raise

    return check_optional


def or_else(check: Check, default: Callable[[Any], Any]) -> Check:
    """Return the check that also takes None, for which `default` computes a value from the owner's earlier arguments.

    Example:
        >>> or_else(positive, lambda owner: 7)("MelSpectrogram", "sequence_length", None)
        7
    """
    check_optional = optional(check)

    def either(owner: Any, name: str, value: Any) -> Any:
        return default(owner) if value is None else check_optional(owner, name, value)

    return either


def sequence(caller: Any, name: str, value: Any) -> tuple[Any, ...]:
    """Check that `value` is a list or a tuple, and return it as a tuple."""
    if not isinstance(value, (list, tuple)):
        raise argument_error(TypeError, caller, name, "a tuple", value)
    return tuple(value)


def axes(caller: Any, name: str, value: Any) -> int | tuple[int, ...] | None:
    """Check that `value` is an axis, several, or None for all of them."""
    if value is None or is_integer(value):
        return None if value is None else int(value)
    if not isinstance(value, (tuple, list)) or not all(is_integer(axis) for axis in value):
        raise argument_error(TypeError, caller, name, "an integer, several, or None", value)
    return tuple(int(axis) for axis in value)


def lengths(owner: Any, name: str, value: Any, low: int = 1) -> tuple[int, ...]:
    """Check that `value` is an integer, which then holds for all of the owner's `rank` axes, or one for each."""
    rank: int = owner.rank
    values = (value,) * rank if is_integer(value) else value
    kind = "a positive integer" if low else "a non-negative integer"
    expected = kind if rank == 1 else f"{kind}, or {rank} of them, one for each spatial axis"
    if not isinstance(values, (tuple, list)) or not all(is_integer(n) for n in values):
        raise argument_error(TypeError, owner, name, expected, value)
    if len(values) != rank or any(n < low for n in values):
        raise argument_error(ValueError, owner, name, expected, value)
    return tuple(int(n) for n in values)


def lengths_from_0(owner: Any, name: str, value: Any) -> tuple[int, ...]:
    """Check the same, where 0 is allowed."""
    return lengths(owner, name, value, 0)


# ---- names ----------------------------------------------------------------------------------------------------------


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the sentence that suggests the nearest of the known names, or "".

    Example:
        >>> did_you_mean("kernel_regulariser", ["units", "kernel_regularizer"])
        ". Did you mean 'kernel_regularizer'?"
    """
    near = difflib.get_close_matches(name, list(names), n=3)
    return f". Did you mean {' or '.join(map(repr, near))}?" if near else ""


def unknown_argument(
    caller: str, arguments: Collection[str], names: Sequence[str], words: Mapping[str, str] | None = None
) -> TypeError:
    """Return the error of an unknown keyword argument; `words` are the names of other libraries for the known ones."""
    name = next(name for name in arguments if name not in names)
    fix = f". Write {words[name]}" if words and name in words else did_you_mean(name, names)
    return TypeError(f"{caller}: got an unexpected keyword argument {name!r}{fix}")


# ---- errors of calls ------------------------------------------------------------------------------------------------

# The types of these arguments wherever no annotation says it.
NAMES |= {
    **dict.fromkeys(("y_true", "y_pred"), "npt.ArrayLike"),
    **dict.fromkeys(("path", "filepath"), "str | PathLike"),
    "inputs": "Arrays",
    **dict.fromkeys(("sample_weight", "mask"), "npt.ArrayLike | None"),
}

# Methods that users write rather than call, and those inside of a module's call, whose errors `problem_of_call` makes.
_INNER = frozenset(
    ("add_weight", "build", "call", "check", "compute_mask", "compute_output_shape", "count_mask", "get_config", "loss")
) | {"mean", "mode"}


_PACKAGE = __name__.removesuffix("config.arguments")  # "nn.", or "autograd_lite.nn."


def place_here(definition: Any) -> str | None:
    """Return the name that the module of a class or function has in this package; None for those of others.

    Example:
        >>> place_here(place_here), place_here(Real)
        ('config.arguments', None)
    """
    module = f"{getattr(definition, '__module__', '')}."
    return module.removeprefix(_PACKAGE)[:-1] if module.startswith(_PACKAGE) else None


def checked_here(cls: T) -> T:
    """Let the errors of a new class name the call, and its methods show their arguments, if it is one of nn."""
    if place_here(cls) is not None:
        describe_methods(cls)
        inner = _INNER if cls.__name__ != "Module" else _INNER | {"__call__"}
        checked_class(cls, without=inner | {name for name in vars(cls) if name.startswith("on_")})
    return cls


def problem_of_call(module: Any, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception:
    """Return the error of a call of a module that names the module and its arguments."""
    call = type(module).call
    arguments = bound(call, (module, *args), kwargs)
    arguments.pop(next(iter(kinds_of(call)), ""), None)
    problem = _of_signature(module, args, kwargs) or _of_list(module, arguments) or _of_text(module, arguments)
    return explained(module._call_name, problem or error, arguments, kinds_of(call))


def _of_signature(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TypeError | None:
    """Return the error of a call with an argument too few or too many; None if it was not."""
    signature = inspect.signature(type(module).call)
    try:
        signature.bind(module, *args, **kwargs)
    except TypeError as error:
        if "unexpected keyword" in str(error):
            return None
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD][1:]
        words = ", ".join(p.name if p.default is p.empty else f"{p.name}=" for p in own)
        several = ". Give several tensors as one list, [a, b]" * (len(args) > 1 and own[0].name == "inputs")
        return TypeError(f"{module._call_name}: expected ({words}); received {len(args)} by position: {error}{several}")
    return None


def _of_list(module: Any, arguments: Mapping[str, Any]) -> TypeError | None:
    """Return the error of a layer that was called on a list of tensors in place of one; None if it was not."""
    name, value = next(iter(arguments.items()), ("", None))
    kind = kinds_of(type(module).call).get(name)
    if kind is None or not kind.sure or not isinstance(value, (list, tuple)) or len(list(module._walk())) > 1:
        return None
    shapes = [str(part.shape) for part in value if hasattr(part, "shape")]
    if not shapes:
        return None
    return TypeError(
        f"{module._call_name}: expected one tensor; received a list of {len(value)}, of shapes {', '.join(shapes)}. "
        "Call it on each, or join them before: nn.layers.Concatenate()([a, b]); samples of one batch are one array, "
        "np.stack([a, b])"
    )


def _of_text(module: Any, arguments: Mapping[str, Any]) -> TypeError | None:
    """Return the error of a layer of numbers that was called on strings; None if it was not."""
    name, value = next(iter(arguments.items()), ("", None))
    kind = kinds_of(type(module).call).get(name)
    if kind is None or not kind.sure or value is None or not is_text(value) or len(list(module._walk())) > 1:
        return None
    return DtypeError(
        f"{module._call_name}: expected numbers; received strings, an array of shape {value.shape} {value.dtype}. "
        "Numbers that are written as texts become floats by x.astype('float32'); words need a layer before, such as "
        "nn.layers.StringLookup or nn.layers.TextVectorization"
    )

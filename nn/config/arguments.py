"""Where arguments of nn's classes and functions are checked, and what its errors say.

`checked` decorates functions. Classes need nothing: whatever derives from `Registered`, `Module` or `Callback` comes to
`checked_here` when it is defined, and its constructor and public methods then say what was called, expected by their
annotations, and received.
"""

from __future__ import annotations

from typing import Any, TypeVar

from autograd_lite.arguments import (
    NAMES,
    bound,
    checked as checked,
    checked_class as checked_class,
    explained,
    kinds_of,
    problem_of as problem_of,
)

T = TypeVar("T", bound=type)

# What these names ask for wherever no annotation says it.
NAMES |= {
    **dict.fromkeys(("y_true", "y_pred"), "npt.ArrayLike"),
    **dict.fromkeys(("path", "filepath"), "str | PathLike"),
    "inputs": "Arrays",
    **dict.fromkeys(("sample_weight", "mask"), "npt.ArrayLike | None"),
}

# What users write rather than call, and what calls of modules lead to, of whose errors `problem_of_call` tells.
_INNER = frozenset(
    ("add_weight", "build", "call", "check", "compute_mask", "compute_output_shape", "counted", "get_config", "loss")
) | {"mean", "mode"}


def checked_here(cls: T) -> T:
    """Let the errors of a new class say what was called, if it is one of nn's own."""
    if cls.__module__.partition(".")[0] == "nn":
        inner = _INNER if cls.__name__ != "Module" else _INNER | {"__call__"}
        checked_class(cls, without=inner | {name for name in vars(cls) if name.startswith("on_")})
    return cls


def problem_of_call(module: Any, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception:
    """Return the error of a call of a module that says which one was called, and what it was given."""
    call = type(module).call
    arguments = bound(call, (module, *args), kwargs)
    arguments.pop(next(iter(kinds_of(call)), ""), None)
    return explained(f"layer {module.name!r} ({type(module).__name__})", error, arguments, kinds_of(call))

"""Names and arguments on their way out: they work, warn at the caller's line, and name what replaces them and when."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from .arguments import OUR_PACKAGES

F = TypeVar("F", bound=Callable[..., Any])


class Deprecation(NamedTuple):
    """One deprecated name or argument.

    Attributes:
        package: the package whose versions count.
        subject: the name or the argument, as text: "area: the argument width=".
        removal: the version that does not have it any more.
        instead: what to write, as a sentence; empty if nothing replaces it.

    Example:
        >>> print(Deprecation("shapes", "shapes.area", "0.3", "Use shapes.surface"))
        shapes.area is deprecated and will be removed in shapes 0.3. Use shapes.surface
    """

    package: str
    subject: str
    removal: str
    instead: str

    def __str__(self) -> str:
        text = f"{self.subject} is deprecated and will be removed in {self.package} {self.removal}"
        return f"{text}. {self.instead}" if self.instead else text

    def warn(self) -> None:
        """Warn at the line of the caller that is outside of the package."""
        frame, inside = sys._getframe(1), OUR_PACKAGES | {self.package, "importlib"}
        while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] in inside:
            frame = frame.f_back
        place = (frame.f_code.co_filename, frame.f_lineno, str(frame.f_globals.get("__name__")))
        registry = frame.f_globals.setdefault("__warningregistry__", {})  # by which Python's filters warn once a line
        warnings.warn_explicit(str(self), DeprecationWarning, *place, registry)


# Of each deprecated name or argument that has been imported, in their order.
_DEPRECATIONS: list[Deprecation] = []


def _register(module: str | None, subject: str, removal: str, instead: str) -> Deprecation:
    notice = Deprecation((module or "__main__").partition(".")[0], subject, removal, instead)
    _DEPRECATIONS.append(notice)
    return notice


def deprecated(removal: str, instead: str = "", /, **renamed: str) -> Callable[[F], F]:
    """Decorate a function that will be removed, or whose arguments have new names.

    Each call, or each call with an old name of an argument, warns with a DeprecationWarning at the line outside of the
    package. The signature that `help` shows has the new names alone, and the docstring says until when the old ones
    work. Methods are decorated like functions; a class gets another name with `redirect`.

    Args:
        removal: the version that will not have it any more, such as "0.3".
        instead: what to write instead of a function that goes, such as "Use surface"; empty if only arguments do.
        **renamed: old names of arguments, with the new ones.

    Returns:
        The decorator.

    Raises:
        TypeError: of the decorated function, if a call has an argument under both names.

    Example:
        >>> @deprecated("0.3", width="length")
        ... def square(length: float) -> float:
        ...     return length * length
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("default")
        ...     square(width=2.0)
        4.0
        >>> str(caught[0].message).partition(" is ")[0]
        'square: the argument width='
    """

    def decorate(f: F) -> F:
        if isinstance(f, type) or not callable(f):
            raise TypeError(f"deprecated: expected a function or a method; received {f!r}. For a class, use redirect")
        name = f.__qualname__.rpartition("<locals>.")[2]
        notices = {
            old: _register(f.__module__, f"{name}: the argument {old}=", removal, f"Write {new}=")
            for old, new in renamed.items()
        }
        whole = None if renamed and not instead else _register(f.__module__, name, removal, instead)

        @functools.wraps(f)
        def call(*args: Any, **kwargs: Any) -> Any:
            if whole is not None:
                whole.warn()
            for old in notices.keys() & kwargs.keys():
                if (new := renamed[old]) in kwargs:
                    raise TypeError(f"{name}: expected {new}= alone; received {old}= too, which is its old name")
                notices[old].warn()
                kwargs[new] = kwargs.pop(old)
            return f(*args, **kwargs)

        lines = [f"{notice}." for notice in (*notices.values(), whole) if notice is not None]
        call.__doc__ = "\n\n".join([inspect.getdoc(f) or "", *lines]).strip()
        return call  # type: ignore[return-value]

    return decorate


def redirect(module: str, removal: str, /, **places: str) -> None:
    """Let a module answer to old names of functions and classes that are elsewhere now.

    Looking one up, or importing it, warns with a DeprecationWarning at that line. The old names are neither in
    `__all__` nor in `dir`. Call it at the end of the module.

    Args:
        module: its `__name__`.
        removal: the version that will not have the old names any more, such as "0.3".
        **places: the old names, each with the module and the name of today, such as "shapes.plane.Square".

    Example:
        >>> import sys, types, warnings
        >>> sys.modules["shapes"] = shapes = types.ModuleType("shapes")
        >>> redirect("shapes", "0.3", Root="math.sqrt")
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("default")
        ...     shapes.Root(16.0)
        4.0
        >>> print(caught[0].message)
        shapes.Root is deprecated and will be removed in shapes 0.3. Use math.sqrt
        >>> del sys.modules["shapes"]
    """
    here = vars(sys.modules[module])
    otherwise = here.get("__getattr__")
    notices = {old: _register(module, f"{module}.{old}", removal, f"Use {new}") for old, new in places.items()}

    def __getattr__(name: str) -> Any:
        if name in notices:
            notices[name].warn()
            home, _, new = places[name].rpartition(".")
            return getattr(import_module(home), new)
        if otherwise is not None:
            return otherwise(name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    here["__getattr__"] = __getattr__


def overdue(package: str, version: str) -> list[str]:
    """Return what a package still has although it said that this version would not: for a test of the package.

    Only modules that have been imported count.

    Args:
        package: its name.
        version: its version, such as its `__version__`; what follows the numbers does not count.

    Returns:
        What each deprecated name or argument warns with.

    Example:
        >>> @deprecated("0.3", "Use surface")
        ... def area(): ...
        >>> overdue(area.__module__.partition(".")[0], "0.2.9")
        []
        >>> overdue(area.__module__.partition(".")[0], "0.3.0")[-1].partition(" will")[0]
        'area is deprecated and'
    """
    now = _numbers(version)
    return [str(notice) for notice in _DEPRECATIONS if notice.package == package and _numbers(notice.removal) <= now]


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, without zeros at the end: (0, 3) for "0.3.0.dev1"."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    if match is None:
        raise ValueError(f"expected a version such as '0.3'; received {version!r}")
    return tuple(map(int, re.sub(r"(?:\.0)+$", "", match[0]).split(".")))

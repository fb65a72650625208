"""Names that a package loads when they are first asked for, so that importing it costs what a program uses.

This is the one way in which modules load late, here and in libraries built on this one; `nn` is one. A package's
`__init__` imports them in an `if TYPE_CHECKING:` block, which never runs and is all that type checkers need. `attach`
reads the names in the bytecode of that block, and returns the package's `__getattr__` and `__dir__` (PEP 562) and its
`__all__`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from opcode import EXTENDED_ARG, opmap
from types import CodeType, ModuleType
from typing import Any, NoReturn

from .forks import fork_safe_lock
from .messages import missing_name

_LOAD_CONST, _LOAD_NAME = opmap["LOAD_CONST"], opmap["LOAD_NAME"]
_IMPORT_NAME, _IMPORT_FROM = opmap["IMPORT_NAME"], opmap["IMPORT_FROM"]
_LOAD_SMALL_INT = opmap.get("LOAD_SMALL_INT", -1)  # since Python 3.14
_LEFT_OUT = {"TYPE_CHECKING", "annotations"}
# The first names of packages that have a second one, by that.
_ALIASES: dict[str, str] = {}
# Threads load one after the other: where each imports a part that the other waits for, Python lets one of them fail.
# A load waits for some seconds at most, since a thread that holds the lock may itself wait for an import statement.
_LOCK, _TIMEOUT = fork_safe_lock(), 5.0
# Of each package, where its late names are: in which module, relative to it; "" for modules themselves.
ATTACHED: dict[str, Mapping[str, str]] = {}


def load(module: str, package: str) -> ModuleType:
    """Import a module and return it.

    The packages around it come first. Two threads, of which one imports a package that imports the module, and the
    other the module and thereby the package, would wait for each other.

    Args:
        module: its name; one that begins with dots is relative to the package.
        package: the name of the package.

    Example:
        >>> load(".core.late", "autograd_lite").__name__
        'autograd_lite.core.late'
    """
    dots = len(module) - len(module.lstrip("."))
    around = package.split(".")[: len(package.split(".")) - dots + 1] if dots else []
    parts = [*around, *filter(None, module[dots:].split("."))]
    is_acquired = _LOCK.acquire(timeout=_TIMEOUT)
    try:
        for end in range(1, len(parts)):
            import_module(".".join(parts[:end]))
        name = ".".join(parts)
        value = import_module(name)
        for second, first in _ALIASES.items():
            if name.startswith(f"{first}.") and f"{second}{name.removeprefix(first)}" not in sys.modules:
                _register_second_names(second, first)
    finally:
        if is_acquired:
            _LOCK.release()
    return value


@contextmanager
def needs(caller: str, package: str, install: str = "", otherwise: str = "") -> Iterator[None]:
    """Turn a failed import inside the block into an error that names the package to install.

    Args:
        caller: the call that needs a package, for the message.
        package: its name.
        install: the requirement for pip; the package itself by default.
        otherwise: the end of the message: what works without the package.

    Raises:
        ModuleNotFoundError: if it cannot be imported.

    Example:
        >>> with needs("plot", "matplotlib", "'autograd-lite[plot]'"):
        ...     from missing import pyplot
        Traceback (most recent call last):
        ModuleNotFoundError: plot: expected the package matplotlib; No module named 'missing'. Install it: pip...
    """
    try:
        yield
    except ImportError as error:
        way = f"Install it: pip install {install or package}{otherwise}"
        raise ModuleNotFoundError(f"{caller}: expected the package {package}; {error}. {way}", name=package) from error


class Missing:
    """Stands for a name whose module needs a package that is not installed, and raises the error when it is used.

    So `from autograd_lite import *` brings all names, of which those without that package work.

    Args:
        error: the error.
    """

    __slots__ = ("_error",)

    def __init__(self, error: ImportError) -> None:
        self._error = error

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise the error."""
        raise self._error

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(name) if name.startswith("__") else self._error


def _late_names(code: CodeType) -> dict[str, str]:
    """Return the imports in the `TYPE_CHECKING` block of a package: names with their modules, "" for modules.

    Bytecode is there where the source is not, as in a frozen application. In it, an import is: the dots before the
    module's name and the names to import are loaded; the module is imported; and each of the names from it.
    """
    table: dict[str, str] = {}
    module, argument, consts, names = "", 0, code.co_consts, code.co_names
    loads: list[Any] = [0, None]
    for op, low in zip(code.co_code[::2], code.co_code[1::2], strict=True):  # `dis` would take most of an import's time
        argument = argument << 8 | low
        if op == EXTENDED_ARG:
            continue
        if op == _LOAD_CONST:
            loads = [loads[-1], consts[argument]]
        elif op == _LOAD_SMALL_INT:
            loads = [loads[-1], argument]
        elif op == _LOAD_NAME and names[argument] == "TYPE_CHECKING":
            table.clear()  # imports before the block are not late
        elif op == _IMPORT_NAME:
            module = "." * loads[0] + names[argument] if names[argument] else ""
        elif op == _IMPORT_FROM:
            table[names[argument]] = module
        argument = 0
    return table


class _Alias:
    """Finds the modules of a package under its second name.

    Args:
        second, first: the names.
    """

    def __init__(self, second: str, first: str) -> None:
        self.second, self.first = second, first

    def _first_spec(self, name: str) -> ModuleSpec | None:
        """Return the spec of a module by its first name."""
        name = f"{self.first}{name.removeprefix(self.second)}"
        return PathFinder.find_spec(name, import_module(name.rpartition(".")[0]).__path__)

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return that this finder loads a module, if it is one of the package."""
        first = self._first_spec(name) if name.startswith(f"{self.second}.") else None
        loader: Any = self  # `importlib.abc` would load much
        is_package = first is not None and first.submodule_search_locations is not None
        return None if first is None else ModuleSpec(name, loader, origin=first.origin, is_package=is_package)

    def get_code(self, name: str) -> Any:
        """Return the code of a module, for `python -m` and the second name."""
        first: Any = self._first_spec(name)
        return first.loader.get_code(first.name)

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python to make an empty module, which `exec_module` replaces."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the module that has this name in the package in the place of the new one.

        All that came with it get their second names too. Otherwise a later import of one would set it as an attribute
        of its package, over a function of the same name.
        """
        import_module(f"{self.first}{module.__name__.removeprefix(self.second)}")
        _register_second_names(self.second, self.first)


def _register_second_names(second: str, first: str) -> None:
    """Register all modules of a package by their second names, except those that a thread is still importing."""
    for name, module in sys.modules.copy().items():
        if name.startswith(f"{first}.") and not getattr(module.__spec__, "_initializing", False):
            sys.modules[f"{second}{name.removeprefix(first)}"] = module


def alias(second: str, first: str) -> None:
    """Give a package a second name: both are the same module, and so are all modules in it.

    The import system would load a module again that is asked for by another name, hence the finder.

    Args:
        second: the other name, of no package.
        first: the name of the package.

    Example:
        >>> alias("trees", "autograd_lite.core")
        >>> import autograd_lite.core.late, trees.late
        >>> trees.late is autograd_lite.core.late
        True
        >>> del _ALIASES["trees"], sys.meta_path[0]
        >>> for name in [name for name in sys.modules if name.partition(".")[0] == "trees"]:
        ...     del sys.modules[name]
    """
    sys.modules[second], _ALIASES[second] = import_module(first), first
    sys.meta_path.insert(0, _Alias(second, first))


def attach(
    package: str, hints: Callable[[str], Mapping[str, str]] = lambda name: {}, modules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return the `__getattr__`, the `__dir__` and the `__all__` of a package whose names load late.

    The names are those that the calling code imports in its `if TYPE_CHECKING:` block. A name that has been looked up
    is an attribute of the package from then on, and costs nothing more.

    Args:
        package: its `__name__`; a single module has late names in the same way.
        hints: returns for a missing name a dict of hints, by name.
        modules: names of modules in the package that have no import in the block.

    Example:
        >>> from typing import TYPE_CHECKING
        >>> if TYPE_CHECKING:
        ...     from . import testing as testing
        ...     from .tree import leaves as leaves
        ... else:
        ...     get, listed, public = attach("autograd_lite")
        >>> get("leaves").__module__, get("testing").__name__
        ('autograd_lite.tree', 'autograd_lite.testing')
        >>> "leaves" in listed(), "testing" in public
        (True, True)
        >>> get("leafs")
        Traceback (most recent call last):
        AttributeError: module 'autograd_lite' has no attribute 'leafs'. Did you mean 'leaves'?
    """
    table = _late_names(sys._getframe(1).f_code) | dict.fromkeys(modules, "")
    ATTACHED[package], here = table, vars(sys.modules[package])
    anchor = here["__package__"]  # of a module, the package around it: what its relative imports begin with

    def __getattr__(name: str) -> Any:
        module = table.get(name)
        if module is None:
            raise missing_name(package, name, hints(name), public)
        try:
            value = getattr(load(module, anchor), name) if module else load(f".{name}", anchor)
        except ModuleNotFoundError as error:
            if error.__cause__ is None:  # none of `needs`
                raise
            return Missing(error)  # anew each time, for the package may be installed meanwhile
        here[name] = value
        return value

    public = names_in(package, *table)
    return __getattr__, public.copy, public


def names_in(package: str, *more: str) -> list[str]:
    """Return the public names of a package, its `__all__`: its attributes by now, without modules, and `more`."""
    here = vars(sys.modules[package]).items()
    names = {name for name, value in here if not isinstance(value, ModuleType)} - _LEFT_OUT
    # Names of pytest's begin with an @: it rewrites the packages of its plugins.
    return sorted(name for name in names.union(more) if name[0] not in "_@")

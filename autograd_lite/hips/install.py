"""Ways to run programs that `import autograd` with this package, unchanged.

`install()` makes `import autograd` mean `autograd_lite.hips`, until `uninstall()`; `installed()` does both for a block.
What a program asks for and does not find is noted, and `missing()` tells.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor

_OURS = __name__.rpartition(".")[0]
_THEIRS = "autograd"
_MISSING: Counter[str] = Counter()
_NOTING: list[ModuleType] = []  # modules that were given a __getattr__
# Libraries know a box by the name of its class, such as str(type(x)) and type(x).__module__, and copy boxes deeply, as
# xarray does before it interpolates: a result is copied as an array is, and the copy is recorded.
_BOX: dict[str, Any] = {"__module__": "autograd.numpy.numpy_boxes", "__name__": "ArrayBox", "__qualname__": "ArrayBox"}
_BOX["__deepcopy__"] = lambda self, memo, own=Tensor.__deepcopy__: own(self, memo) if self.is_leaf else self.copy()
_NAMES = [(kind, name, getattr(kind, name)) for kind in (Tensor, TracedTensor) for name in _BOX]


class _Finder:
    """Finds `autograd.x` where `autograd_lite.hips.x` is: one module under two names."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how to load a module of `autograd`, or None for any other, and for those that are missing."""
        if name.partition(".")[0] != _THEIRS:
            return None
        try:
            importlib.import_module(_ours(name))
        except ModuleNotFoundError as error:
            if error.name != _ours(name):
                raise  # our module is there, a package it needs is not
            _MISSING[name] += 1
            return None
        return ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return our module; its own spec is kept for `exec_module`, since the import system writes another one."""
        module = sys.modules[_ours(spec.name)]
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the spec of a module, which has run already, and register the modules it has imported."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state
        _register()


_FINDER = _Finder()


def _ours(name: str) -> str:
    return _OURS + name[len(_THEIRS) :]


def _register() -> None:
    """Put our modules that are loaded under HIPS's names, and let them note the names that they lack."""
    for name, module in list(sys.modules.items()):
        if name == _OURS or name.startswith(f"{_OURS}."):
            theirs = _THEIRS + name[len(_OURS) :]
            sys.modules[theirs] = module
            if "__getattr__" not in vars(module):
                module.__getattr__ = _noting(theirs)  # type: ignore[method-assign]
                _NOTING.append(module)


def _noting(module: str) -> Any:
    def __getattr__(name: str) -> Any:
        if not name.startswith("__") and name != "_mock_name":  # for which pytest asks every module
            _MISSING[f"{module}.{name}"] += 1
        raise AttributeError(f"module {module!r} has no attribute {name!r} in autograd_lite.hips")

    return __getattr__


def install() -> None:
    """Make `import autograd` mean this package, in this process.

    Raises:
        ImportError: if HIPS autograd itself is imported already.
    """
    if _FINDER in sys.meta_path:
        return
    if _THEIRS in sys.modules:
        raise ImportError(
            "autograd_lite.hips.install: expected autograd not to be imported yet; it is, from "
            f"{getattr(sys.modules[_THEIRS], '__file__', None)}. Call install() before anything imports it"
        )
    importlib.import_module(_OURS)
    sys.meta_path.insert(0, _FINDER)
    _register()
    for kind, name, _ in _NAMES:
        setattr(kind, name, _BOX[name])


def uninstall() -> None:
    """Undo `install()`: `import autograd` then finds the package installed under this name, if any."""
    if _FINDER not in sys.meta_path:
        return
    sys.meta_path.remove(_FINDER)
    for name in [name for name in sys.modules if name.partition(".")[0] == _THEIRS]:
        del sys.modules[name]
    while _NOTING:
        del _NOTING.pop().__getattr__
    for kind, name, own in _NAMES:
        setattr(kind, name, own)


@contextmanager
def installed() -> Iterator[None]:
    """Install within a `with` block; where it was installed before, it stays so."""
    before = _FINDER in sys.meta_path
    install()
    try:
        yield
    finally:
        if not before:
            uninstall()


def missing() -> dict[str, int]:
    """Return the names that were asked for and are missing, and how often they were.

    A name asked of a module before it had loaded, or of one that loads its own parts later, may be there by now.
    """
    return {name: count for name, count in _MISSING.items() if not _is_there(name)}


def _is_there(theirs: str) -> bool:
    """Return whether a name is a module of ours, or one of its attributes."""
    if _ours(theirs) in sys.modules:
        return True
    module, _, name = _ours(theirs).rpartition(".")
    return name in vars(sys.modules[module]) if module in sys.modules else False


def report() -> str:
    """Return one line on the missing names; "" if nothing is."""
    lacking = sorted(missing().items())
    if not lacking:
        return ""
    names = ", ".join(f"{name} ({count} times)" if count > 1 else name for name, count in lacking)
    return f"autograd_lite.hips: used, and missing here: {names}"

"""`autograd_lite.nn`: the package `nn` under a name that no file of a program can take.

`import nn` finds whatever comes first on `sys.path`, and a program may have an nn.py of its own. This name finds the
folder beside this one. Both names may be used together, in either order: their modules are the same objects.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nn import *  # noqa: F403

_FILE = Path(__file__).resolve().parents[1] / "nn" / "__init__.py"


def _is_ours(origin: str | None) -> bool:
    """Return whether a module was, or would be, loaded from the package's own `__init__`."""
    return origin is not None and Path(origin).resolve() == _FILE


class _SecondName(MetaPathFinder, Loader):
    """Finds the modules of the package under the name that it was not loaded by.

    Args:
        first: the name that it was loaded by.
        second: the other one.
    """

    def __init__(self, first: str, second: str) -> None:
        self.first, self.second = first, second

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to find the module of this name, if it is one of the package."""
        root, _, inside = name.partition(f"{self.second}.")
        if name == self.second:
            found = PathFinder.find_spec(name, path)
            if path is None and not _is_ours(None if found is None else found.origin):
                return None
        elif root or not inside or sys.modules[self.second] is not sys.modules[self.first]:
            return None
        module = import_module(f"{self.first}.{inside}" if inside else self.first)
        spec = ModuleSpec(name, self, origin=module.__file__)
        spec.loader_state = module, module.__spec__
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module that has been loaded by its first name."""
        module: ModuleType = spec.loader_state[0]
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back, which the import system has replaced."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state[1]


def _loaded(name: str) -> ModuleType:
    """Return the package, loaded from its folder by this name unless it is there as `nn`."""
    known = sys.modules.get("nn")
    if known is not None and _is_ours(getattr(known, "__file__", None)):
        sys.meta_path.insert(0, _SecondName("nn", name))
        return known
    spec = spec_from_file_location(name, _FILE, submodule_search_locations=[str(_FILE.parent)])
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[name] = module_from_spec(spec)
    sys.meta_path.insert(0, _SecondName(name, "nn"))
    spec.loader.exec_module(package)
    return package


sys.modules[__name__] = _loaded(__name__)
